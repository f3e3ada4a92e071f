// Writer, weight object, and the surgery that gives linked weights their place. Reading goes through llvm::object,
// whose structures are unaligned and little-endian on every host.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/emit/Elf.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cstring>

using namespace hone;

using namespace llvm::ELF;
using ElfFile = llvm::object::ELFFile<llvm::object::ELF64LE>;
using Ehdr = ElfFile::Elf_Ehdr;
using Phdr = ElfFile::Elf_Phdr;
using Shdr = ElfFile::Elf_Shdr;
using Sym = ElfFile::Elf_Sym;

// x86-64 psABI 3.1: sections with SHF_X86_64_LARGE lie behind all others, where they stretch no 32-bit distance.
static constexpr ElfMachine kMachines[] = {
    {EM_X86_64, "GLIBC_2.2.5", 4096, ".lrodata.hone", SHF_ALLOC | SHF_X86_64_LARGE},
    {EM_AARCH64, "GLIBC_2.17", 65536, ".rodata.hone", SHF_ALLOC},
};

template <typename T> static llvm::StringRef bytesOf(const T &value) {
  return {reinterpret_cast<const char *>(&value), sizeof value};
}

llvm::Expected<const ElfMachine *> hone::machineOf(llvm::StringRef object) {
  llvm::Expected<ElfFile> elf = ElfFile::create(object);
  if (!elf)
    return elf.takeError();
  for (const ElfMachine &machine : kMachines)
    if (machine.number == elf->getHeader().e_machine)
      return &machine;
  return llvm::createStringError("objects for ELF machine %u cannot be linked; x86-64 and aarch64 can",
                                 unsigned(elf->getHeader().e_machine));
}

FileBytes hone::writeElf(const ElfMachine &machine, uint16_t type, llvm::ArrayRef<ElfSection> sections) {
  std::string names(1, '\0');
  std::vector<Shdr> headers(sections.size() + 2); // the null section in front, the names behind
  std::memset(headers.data(), 0, headers.size() * sizeof(Shdr));
  FileBytes file(sizeof(Ehdr), 0);

  auto place = [&](Shdr &header, const ElfSection &section, llvm::StringRef bytes) {
    if (section.type != SHT_NOBITS)
      file.resize(llvm::alignTo(file.size(), section.align), 0);
    header.sh_type = section.type;
    header.sh_flags = section.flags;
    header.sh_offset = file.size();
    header.sh_size = section.type == SHT_NOBITS ? section.size : bytes.size();
    header.sh_link = section.link;
    header.sh_info = section.info;
    header.sh_addralign = section.align;
    header.sh_entsize = section.entrySize;
    file.append(bytes.begin(), bytes.end());
  };
  auto name = [&](Shdr &header, llvm::StringRef text) {
    header.sh_name = names.size();
    names.append(text.data(), text.size()).push_back('\0');
  };
  for (auto [header, section] : llvm::zip(llvm::MutableArrayRef(headers).slice(1, sections.size()), sections)) {
    name(header, section.name);
    place(header, section, section.bytes);
  }
  name(headers.back(), ".shstrtab");
  ElfSection nameTable;
  nameTable.type = SHT_STRTAB;
  place(headers.back(), nameTable, names);
  file.resize(llvm::alignTo(file.size(), 8), 0);

  Ehdr header;
  std::memset(&header, 0, sizeof header);
  std::memcpy(header.e_ident, ElfMagic, 4);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = type;
  header.e_machine = machine.number;
  header.e_version = EV_CURRENT;
  header.e_shoff = file.size();
  header.e_ehsize = sizeof(Ehdr);
  header.e_shentsize = sizeof(Shdr);
  header.e_shnum = headers.size();
  header.e_shstrndx = headers.size() - 1;
  std::memcpy(file.data(), &header, sizeof header);
  for (const Shdr &sectionHeader : headers)
    file.append(bytesOf(sectionHeader).begin(), bytesOf(sectionHeader).end());
  return file;
}

FileBytes hone::makeWeightObject(const ElfMachine &machine, llvm::StringRef symbol, uint64_t bytes, bool forShared) {
  Sym symbols[2];
  std::memset(symbols, 0, sizeof symbols);
  symbols[1].st_name = 1;
  symbols[1].setBindingAndType(STB_GLOBAL, STT_OBJECT);
  symbols[1].setVisibility(STV_HIDDEN);
  symbols[1].st_shndx = 1;
  symbols[1].st_size = bytes;

  ElfSection weights, symbolTable, strings, noExecutableStack;
  weights.name = forShared ? kSharedWeights.str() : machine.objectWeights.str();
  weights.type = SHT_NOBITS;
  weights.flags = forShared ? uint64_t(SHF_ALLOC | SHF_WRITE) : machine.objectWeightFlags;
  weights.align = machine.pageSize;
  weights.size = bytes;
  symbolTable.name = ".symtab";
  symbolTable.type = SHT_SYMTAB;
  symbolTable.align = 8;
  symbolTable.entrySize = sizeof(Sym);
  symbolTable.link = 3; // strings
  symbolTable.info = 1; // the first global symbol
  symbolTable.bytes = (bytesOf(symbols[0]) + bytesOf(symbols[1])).str();
  strings.name = ".strtab";
  strings.type = SHT_STRTAB;
  strings.bytes = '\0' + symbol.str() + '\0';
  noExecutableStack.name = ".note.GNU-stack";
  noExecutableStack.type = SHT_PROGBITS;
  return writeElf(machine, ET_REL, {weights, symbolTable, strings, noExecutableStack});
}

/// Makes the segment of `weights` hold what lies in front of them only, and gives them a read-only one at `offset`.
static llvm::Error splitSegment(llvm::MutableArrayRef<Phdr> segments, llvm::ArrayRef<Shdr> sections,
                                const Shdr &weights, uint64_t fileSize, uint64_t &offset) {
  uint64_t begin = weights.sh_addr, end = weights.sh_addr + weights.sh_size;
  auto segment = llvm::find_if(segments, [&](const Phdr &p) {
    return p.p_type == PT_LOAD && begin >= p.p_vaddr && end <= p.p_vaddr + p.p_memsz;
  });
  if (segment == segments.end())
    return llvm::createStringError("the weights are in no segment");

  uint64_t used = segment->p_vaddr + segment->p_filesz;
  for (const Shdr &section : sections) {
    // .tbss has addresses but takes none of them.
    if (&section == &weights || !(section.sh_flags & SHF_ALLOC) || (section.sh_flags & SHF_TLS) ||
        section.sh_addr < segment->p_vaddr || section.sh_addr >= segment->p_vaddr + segment->p_memsz)
      continue;
    if (section.sh_addr >= end)
      return llvm::createStringError("another section lies behind the weights");
    used = std::max<uint64_t>(used, section.sh_addr + section.sh_size);
  }

  // Loaders map whole pages: offset and address agree modulo the page.
  uint64_t align = std::max<uint64_t>(segment->p_align, weights.sh_addralign);
  offset = llvm::alignTo(fileSize, align, begin);
  Phdr own = *segment;
  own.p_flags = PF_R;
  own.p_offset = offset;
  own.p_vaddr = begin;
  own.p_paddr = begin;
  own.p_filesz = end - begin;
  own.p_memsz = end - begin;
  segment->p_memsz = used - segment->p_vaddr;
  if (segment->p_memsz != 0) {
    // PT_PHDR, of no use in a library, gives up its slot, since the table has no room; segments stay sorted by address.
    if (segments.front().p_type != PT_PHDR)
      return llvm::createStringError("the linker left no PT_PHDR entry to reuse");
    std::rotate(segments.begin(), segments.begin() + 1, segment + 1);
  }
  *segment = own;
  return llvm::Error::success();
}

/// `range`, which lies in the caller's own buffer, for writing.
template <typename T> static llvm::MutableArrayRef<T> writable(llvm::ArrayRef<T> range) {
  return {const_cast<T *>(range.data()), range.size()};
}

llvm::Expected<uint64_t> hone::placeWeights(llvm::MutableArrayRef<char> file, llvm::StringRef section) {
  llvm::Expected<ElfFile> elf = ElfFile::create({file.data(), file.size()});
  if (!elf)
    return elf.takeError();
  auto sections = elf->sections();
  if (!sections)
    return sections.takeError();
  auto segments = elf->program_headers();
  if (!segments)
    return segments.takeError();

  for (Shdr &header : writable(llvm::ArrayRef<Shdr>(*sections))) {
    llvm::Expected<llvm::StringRef> name = elf->getSectionName(header);
    if (!name)
      return name.takeError();
    if (*name != section || header.sh_type != SHT_NOBITS)
      continue;
    uint64_t offset = llvm::alignTo(file.size(), std::max<uint64_t>(1, header.sh_addralign));
    if (elf->getHeader().e_type == ET_DYN)
      if (llvm::Error error =
              splitSegment(writable(llvm::ArrayRef<Phdr>(*segments)), *sections, header, file.size(), offset))
        return error;
    // PROGBITS, so that strip and objcopy see and keep the bytes.
    header.sh_type = SHT_PROGBITS;
    header.sh_flags = header.sh_flags & ~uint64_t(SHF_WRITE);
    header.sh_offset = offset;
    return offset;
  }
  return llvm::createStringError("the linked file has no section '" + section + "' without bytes");
}

llvm::MutableArrayRef<char> hone::buildIdOf(llvm::MutableArrayRef<char> file) {
  constexpr size_t idBytes = 20;
  llvm::Expected<ElfFile> elf = ElfFile::create({file.data(), file.size()});
  auto sections = elf ? elf->sections() : elf.takeError();
  if (!sections) {
    llvm::consumeError(sections.takeError());
    return {};
  }
  for (const Shdr &header : *sections) {
    llvm::Expected<llvm::StringRef> name = elf->getSectionName(header);
    if (!name)
      llvm::consumeError(name.takeError());
    else if (*name == ".note.gnu.build-id" && header.sh_size >= idBytes && header.sh_offset <= file.size() &&
             header.sh_size <= file.size() - header.sh_offset)
      return file.slice(header.sh_offset + header.sh_size - idBytes, idBytes);
  }
  return {};
}
