// A compiled library, opened as any program would.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_LOADEDLIBRARY_H
#define HONE_COMPILER_DRIVER_LOADEDLIBRARY_H

#include "compiler/driver/Console.h"
#include "hone/hone.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <utility>
#include <vector>

namespace hone {

/// Whether `path` begins as ELF files do.
bool isElfFile(llvm::StringRef path);

/// A library in this process, closed at the end.
class LoadedLibrary {
public:
  /// Opens the shared library at `path` by its only exported symbol NAME_library. Errors: no such file; not one that
  /// Hone compiled, or for another machine; cut off or otherwise damaged so that it cannot be loaded; of several
  /// models; compiled with another version of the interface.
  static llvm::Expected<LoadedLibrary> open(llvm::StringRef path);

  LoadedLibrary(LoadedLibrary &&other)
      : handle(std::exchange(other.handle, nullptr)), descriptor(other.descriptor), unchanged(other.unchanged) {}
  LoadedLibrary &operator=(LoadedLibrary &&) = delete;
  ~LoadedLibrary();

  const hone_library *get() const { return descriptor; }
  /// Whether the file is as Hone wrote it, apart from weights: false if it is damaged, but also after strip.
  bool isUnchanged() const { return unchanged; }
  /// Name, manifest and number of entries.
  hone_library_info info() const;
  llvm::StringRef manifest() const {
    hone_library_info described = info();
    return {described.manifest, size_t(described.manifest_bytes)};
  }
  /// The number of the entry of that name; of none, the first one's. Error: there is no such entry.
  llvm::Expected<int32_t> findEntry(llvm::StringRef name) const;
  /// Inputs, or outputs, of an entry, in order.
  std::vector<hone_value_info> values(int32_t entry, bool outputs) const;
  /// The text of a dim: its size, its symbol, or "?".
  std::string dimText(int64_t dim) const;

private:
  LoadedLibrary() = default;
  static llvm::Expected<LoadedLibrary> load(const char *path, const char *symbol);

  void *handle = nullptr;
  const hone_library *descriptor = nullptr;
  bool unchanged = true;
};

/// The text of an error that a library gave.
llvm::StringRef errorText(const hone_error &error);

/// Prints an error that a call of `library` gave, and the exit code for it: a fault of Hone only if the file is as Hone
/// wrote it.
ExitCode printError(const LoadedLibrary &library, hone_status status, const hone_error &error, Console &console);

/// ONNX's number for the type of a value; 0 for one it does not have.
int32_t onnxDataType(hone_dtype type);

} // namespace hone

#endif
