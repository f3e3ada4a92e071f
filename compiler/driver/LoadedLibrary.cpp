// dlopen, and the symbol to ask for.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/LoadedLibrary.h"
#include "compiler/emit/Verify.h"
#include "hone/abi.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/BinaryFormat/Magic.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace hone;
using llvm::StringRef;

bool hone::isElfFile(StringRef path) {
  llvm::file_magic magic;
  if (llvm::identify_magic(path, magic))
    return false;
  return magic == llvm::file_magic::elf || magic == llvm::file_magic::elf_shared_object ||
         magic == llvm::file_magic::elf_relocatable || magic == llvm::file_magic::elf_executable;
}

/// The name of the only symbol of `file`, which lies at `path`, that ends in _library.
static llvm::Expected<std::string> findSymbol(StringRef file, StringRef path) {
  auto notOurs = [&] {
    return llvm::createStringError(
        "is no shared library that Hone compiled; make one with hone compile MODEL -o OUT.so");
  };
  auto binary = llvm::object::ObjectFile::createObjectFile({file, path});
  if (!binary) {
    consumeError(binary.takeError());
    return notOurs();
  }
  auto *elf = llvm::dyn_cast<llvm::object::ELFObjectFileBase>(binary->get());
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

StringRef hone::errorText(const hone_error &error) {
  size_t length = strnlen(error.message, sizeof error.message);
  return length ? StringRef(error.message, length) : "is damaged: it gives an error without a text";
}

llvm::Expected<LoadedLibrary> LoadedLibrary::load(const char *path, const char *symbol) {
  LoadedLibrary library;
  library.handle = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library.handle) {
    const char *reason = ::dlerror();
    return llvm::createStringError("cannot be loaded: " + llvm::Twine(reason ? reason : "the system does not say why"));
  }
  if (auto function = reinterpret_cast<const hone_library *(*)()>(::dlsym(library.handle, symbol)))
    library.descriptor = function();
  hone_error error = {};
  if (hone_library_check(library.descriptor, &error))
    return llvm::createStringError(errorText(error));
  return library;
}

/// Whether a process that does `task` comes to its end. The system's loader, too, may fall over a damaged file.
static bool survives(llvm::function_ref<void()> task) {
  pid_t child = ::fork();
  if (child == 0) {
    int nowhere = ::open("/dev/null", O_RDWR);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    ::alarm(10);
    task();
    ::_exit(0);
  }
  int status = 0;
  return child > 0 && llvm::sys::RetryAfterSignal(-1, ::waitpid, child, &status, 0) == child && status == 0;
}

llvm::Expected<LoadedLibrary> LoadedLibrary::open(StringRef path) {
  llvm::Expected<FileView> file = FileView::open(path);
  if (!file)
    return file.takeError();
  llvm::Expected<std::string> symbol = findSymbol(file->bytes(), path);
  // A file that lost its end may have lost its symbols with it.
  if (symbol || file->bytes().starts_with(llvm::ELF::ElfMagic))
    if (llvm::Error error = checkComplete(file->bytes())) {
      consumeError(symbol.takeError());
      return error;
    }
  if (!symbol)
    return symbol.takeError();
  // A path without a slash would be looked up in the system's folders.
  llvm::SmallString<128> absolute(path);
  if (std::error_code error = llvm::sys::fs::make_absolute(absolute))
    return llvm::errorCodeToError(error);
  bool unchanged = ::hone::isUnchanged(file->bytes());
  blameLibrary(path, unchanged);
  if (!unchanged && !survives([&] { consumeError(load(absolute.c_str(), symbol->c_str()).takeError()); }))
    return llvm::createStringError("is damaged: loading it fails; copy or compile it again");
  llvm::Expected<LoadedLibrary> library = load(absolute.c_str(), symbol->c_str());
  if (library)
    library->unchanged = unchanged;
  return library;
}

LoadedLibrary::~LoadedLibrary() {
  if (handle)
    ::dlclose(handle);
}

hone_library_info LoadedLibrary::info() const {
  hone_library_info result = {};
  hone_library_describe(descriptor, &result, nullptr); // its version was checked when it was opened
  return result;
}

llvm::Expected<int32_t> LoadedLibrary::findEntry(StringRef name) const {
  std::string names;
  hone_entry_info entry;
  for (int32_t i = 0; hone_library_entry(descriptor, i, &entry, nullptr) == HONE_OK; ++i) {
    if (name.empty() || name == entry.name)
      return i;
    names += (i ? ", " : "") + printable(entry.name);
  }
  return llvm::createStringError("the library has no entry '" + name + "'; it has " + names);
}

std::vector<hone_value_info> LoadedLibrary::values(int32_t entry, bool outputs) const {
  std::vector<hone_value_info> result;
  hone_value_info value;
  auto describe = outputs ? hone_library_output : hone_library_input;
  for (int32_t i = 0; describe(descriptor, entry, i, &value, nullptr) == HONE_OK; ++i)
    result.push_back(value);
  return result;
}

std::string LoadedLibrary::dimText(int64_t dim) const {
  if (dim >= 0)
    return std::to_string(dim);
  const char *symbol = hone_library_symbol(descriptor, dim);
  return symbol ? symbol : "?";
}

ExitCode hone::printError(const LoadedLibrary &library, hone_status status, const hone_error &error, Console &console) {
  if (status != HONE_INTERNAL || !library.isUnchanged())
    return console.error(errorText(error)), ExitInput;
  return console.fault(errorText(error)), ExitFault;
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
  case HONE_CODE_INT << 8 | 4:
    return HONE_INT4;
  case HONE_CODE_UINT << 8 | 4:
    return HONE_UINT4;
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
