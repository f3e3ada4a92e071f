// dlopen, and the symbol to ask for.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/LoadedLibrary.h"
#include "hone/abi.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/BinaryFormat/Magic.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include <dlfcn.h>

using namespace hone;
using llvm::StringRef;

bool hone::isElfFile(StringRef path) {
  llvm::file_magic magic;
  if (llvm::identify_magic(path, magic))
    return false;
  return magic == llvm::file_magic::elf || magic == llvm::file_magic::elf_shared_object ||
         magic == llvm::file_magic::elf_relocatable || magic == llvm::file_magic::elf_executable;
}

/// The name of the only symbol of `path` that ends in _library.
static llvm::Expected<std::string> findSymbol(StringRef path) {
  auto notOurs = [&] {
    return llvm::createStringError(
        "is no shared library that Hone compiled; make one with hone compile MODEL -o OUT.so");
  };
  if (std::error_code error = llvm::sys::fs::access(path, llvm::sys::fs::AccessMode::Exist))
    return llvm::errorCodeToError(error);
  auto binary = llvm::object::createBinary(path);
  if (!binary) {
    consumeError(binary.takeError());
    return notOurs();
  }
  auto *elf = llvm::dyn_cast<llvm::object::ELFObjectFileBase>(binary->getBinary());
  if (!elf || elf->getEType() != llvm::ELF::ET_DYN)
    return notOurs();
  llvm::SmallVector<std::string> found;
  for (llvm::object::ELFSymbolRef symbol : elf->getDynamicSymbolIterators()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    llvm::Expected<StringRef> name = symbol.getName();
    bool usable = flags && name && !(*flags & llvm::object::SymbolRef::SF_Undefined) && name->ends_with("_library");
    if (usable)
      found.push_back(name->str());
    consumeError(flags.takeError());
    consumeError(name.takeError());
  }
  if (found.size() > 1)
    return llvm::createStringError("holds several models: " + llvm::join(found, ", ") + "; give the library of one");
  if (found.empty())
    return notOurs();
  return found.front();
}

llvm::Expected<LoadedLibrary> LoadedLibrary::open(StringRef path) {
  llvm::Expected<std::string> symbol = findSymbol(path);
  if (!symbol)
    return symbol.takeError();
  // A path without a slash would be looked up in the system's folders.
  llvm::SmallString<128> absolute(path);
  if (std::error_code error = llvm::sys::fs::make_absolute(absolute))
    return llvm::errorCodeToError(error);
  void *handle = ::dlopen(absolute.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return llvm::createStringError("cannot be loaded: " + llvm::Twine(::dlerror()));
  auto function = reinterpret_cast<const hone_library *(*)()>(::dlsym(handle, symbol->c_str()));
  LoadedLibrary library(handle, function ? function() : nullptr);
  hone_error error;
  if (hone_library_check(library.descriptor, &error))
    return llvm::createStringError(StringRef(error.message));
  return library;
}

LoadedLibrary::~LoadedLibrary() {
  if (handle)
    ::dlclose(handle);
}

std::vector<hone_value_info> LoadedLibrary::values(bool outputs) const {
  std::vector<hone_value_info> result;
  hone_value_info value;
  auto describe = outputs ? hone_library_output : hone_library_input;
  for (int32_t i = 0; describe(descriptor, i, &value) == HONE_OK; ++i)
    result.push_back(value);
  return result;
}

std::string LoadedLibrary::dimText(int64_t dim) const {
  if (dim >= 0)
    return std::to_string(dim);
  const char *symbol = hone_library_symbol(descriptor, dim);
  return symbol ? symbol : "?";
}

int32_t hone::onnxDataType(hone_dtype type) {
  switch (type.code << 8 | type.bits) {
  case HONE_CODE_FLOAT << 8 | 32:
    return HONE_FLOAT;
  case HONE_CODE_FLOAT << 8 | 64:
    return HONE_DOUBLE;
  case HONE_CODE_FLOAT << 8 | 16:
    return HONE_FLOAT16;
  case HONE_CODE_BFLOAT << 8 | 16:
    return HONE_BFLOAT16;
  case HONE_CODE_BOOL << 8 | 8:
    return HONE_BOOL;
  case HONE_CODE_INT << 8 | 8:
    return HONE_INT8;
  case HONE_CODE_INT << 8 | 16:
    return HONE_INT16;
  case HONE_CODE_INT << 8 | 32:
    return HONE_INT32;
  case HONE_CODE_INT << 8 | 64:
    return HONE_INT64;
  case HONE_CODE_UINT << 8 | 8:
    return HONE_UINT8;
  case HONE_CODE_UINT << 8 | 16:
    return HONE_UINT16;
  case HONE_CODE_UINT << 8 | 32:
    return HONE_UINT32;
  case HONE_CODE_UINT << 8 | 64:
    return HONE_UINT64;
  default:
    return 0;
  }
}
