// ELF files written by us, read by LLVM.
//
// Weight objects, stub libraries, and placing weights in relocatable objects. Shared libraries: library_test.cpp.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/emit/Elf.h"
#include "compiler/emit/Stubs.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELFObjectFile.h"
#include <dlfcn.h>
#include <gtest/gtest.h>

using namespace hone;
using namespace llvm::ELF;
using Object = llvm::object::ELF64LEObjectFile;

static llvm::StringRef view(llvm::ArrayRef<char> bytes) { return {bytes.data(), bytes.size()}; }

/// A header is all that machineOf() asks for.
static const ElfMachine &machine(uint16_t number) {
  llvm::object::ELF64LE::Ehdr header;
  memset(&header, 0, sizeof header);
  memcpy(header.e_ident,
         "\x7f"
         "ELF\2\1\1",
         7);
  header.e_machine = number;
  return *llvm::cantFail(machineOf({reinterpret_cast<char *>(&header), sizeof header}));
}

static std::unique_ptr<Object> read(llvm::ArrayRef<char> bytes) {
  return std::make_unique<Object>(llvm::cantFail(Object::create(llvm::MemoryBufferRef(view(bytes), "test"))));
}

/// The only section of `object` with this name.
static llvm::object::ELFSectionRef section(const Object &object, llvm::StringRef name) {
  std::vector<llvm::object::ELFSectionRef> found;
  for (const llvm::object::ELFSectionRef section : object.sections())
    if (llvm::cantFail(section.getName()) == name)
      found.push_back(section);
  EXPECT_EQ(found.size(), 1u) << name.str();
  return found.empty() ? llvm::object::ELFSectionRef(*object.section_begin()) : found.front();
}

TEST(MachineTest, RefusesOtherFiles) {
  for (llvm::StringRef bytes : {"",
                                "\x7f"
                                "ELF",
                                "neither an object nor anything else, but longer than an ELF header is"}) {
    auto result = machineOf(bytes);
    EXPECT_FALSE(bool(result));
    llvm::consumeError(result.takeError());
  }
}

TEST(WeightObjectTest, HasOneHiddenSymbolAndNoBytes) {
  for (uint16_t number : {EM_X86_64, EM_AARCH64}) {
    FileBytes bytes = makeWeightObject(machine(number), "m_weights", 3ull << 30, /*forShared=*/true);
    EXPECT_LT(bytes.size(), 1024u);
    auto object = read(bytes);
    llvm::object::ELFSectionRef weights = section(*object, ".hone_weights");
    EXPECT_EQ(weights.getType(), unsigned(SHT_NOBITS));
    EXPECT_EQ(weights.getFlags(), unsigned(SHF_ALLOC | SHF_WRITE));
    EXPECT_EQ(weights.getSize(), 3ull << 30);
    EXPECT_EQ(weights.getAlignment().value(), number == EM_X86_64 ? 4096u : 65536u);
    int symbols = 0;
    for (const llvm::object::ELFSymbolRef symbol : object->symbols()) {
      ++symbols;
      EXPECT_EQ(llvm::cantFail(symbol.getName()), "m_weights");
      EXPECT_EQ(symbol.getBinding(), STB_GLOBAL);
      EXPECT_EQ(symbol.getOther(), STV_HIDDEN);
      EXPECT_EQ(symbol.getSize(), 3ull << 30);
    }
    EXPECT_EQ(symbols, 1);
  }
}

TEST(WeightObjectTest, IsOutOfReachOfSmallCodeInObjects) {
  FileBytes bytes = makeWeightObject(machine(EM_X86_64), "m_weights", 8, /*forShared=*/false);
  auto object = read(bytes);
  EXPECT_EQ(section(*object, ".lrodata.hone").getFlags(), unsigned(SHF_ALLOC | SHF_X86_64_LARGE));
}

TEST(PlaceWeightsTest, GivesAnObjectsSectionItsBytes) {
  const ElfMachine &x86 = machine(EM_X86_64);
  FileBytes bytes = makeWeightObject(x86, "m_weights", 12, /*forShared=*/false);
  size_t before = bytes.size();
  uint64_t offset = llvm::cantFail(placeWeights(bytes, x86.objectWeights));
  EXPECT_EQ(bytes.size(), before);
  EXPECT_EQ(offset % 4096, 0u);
  ASSERT_GE(offset, before);
  bytes.resize(offset);
  bytes.append({'t', 'w', 'e', 'l', 'v', 'e', ' ', 'b', 'y', 't', 'e', 's'});
  auto object = read(bytes);
  EXPECT_EQ(llvm::cantFail(section(*object, ".lrodata.hone").getContents()), "twelve bytes");
}

TEST(PlaceWeightsTest, NamesTheSectionItDoesNotFind) {
  FileBytes bytes = makeWeightObject(machine(EM_X86_64), "m_weights", 12, /*forShared=*/false);
  auto result = placeWeights(bytes, ".other");
  ASSERT_FALSE(bool(result));
  EXPECT_NE(llvm::toString(result.takeError()).find("'.other'"), std::string::npos);
}

TEST(StubTest, DefinesVersionedFunctions) {
  FileBytes bytes = makeStubLibrary(machine(EM_X86_64), "libc.so.6", libcSymbols());
  auto object = read(bytes);
  auto versions = llvm::cantFail(object->readDynsymVersions());
  size_t i = 0;
  for (const llvm::object::ELFSymbolRef symbol : object->getDynamicSymbolIterators()) {
    const StubSymbol &expected = libcSymbols()[i];
    EXPECT_EQ(llvm::cantFail(symbol.getName()), expected.name);
    EXPECT_EQ(versions[i].Name, expected.version.empty() ? "GLIBC_2.2.5" : expected.version) << expected.name.str();
    ++i;
  }
  EXPECT_EQ(i, libcSymbols().size());
}

#if defined(__x86_64__) && defined(__GLIBC__)
TEST(StubTest, PromisesWhatTheSystemHas) {
  auto check = [](const char *soname, llvm::ArrayRef<StubSymbol> symbols) {
    void *library = dlopen(soname, RTLD_LAZY);
    ASSERT_NE(library, nullptr) << soname;
    for (const StubSymbol &symbol : symbols) {
      llvm::StringRef version = symbol.version.empty() ? "GLIBC_2.2.5" : symbol.version;
      EXPECT_NE(dlvsym(library, symbol.name.data(), version.data()), nullptr)
          << symbol.name.str() << "@" << version.str();
    }
    dlclose(library);
  };
  check("libc.so.6", libcSymbols());
  check("libm.so.6", libmSymbols());
}
#endif
