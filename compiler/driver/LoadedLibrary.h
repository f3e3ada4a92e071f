// A compiled library, opened as any program would.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_LOADEDLIBRARY_H
#define HONE_COMPILER_DRIVER_LOADEDLIBRARY_H

#include "hone/hone.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace hone {

/// Whether `path` begins as ELF files do.
bool isElfFile(llvm::StringRef path);

/// A library in this process, closed at the end.
class LoadedLibrary {
public:
  /// Opens the shared library at `path` by its only exported symbol NAME_library. Errors: no such file; not one that
  /// Hone compiled, or for another machine; of several models; compiled with another version of the interface.
  static llvm::Expected<LoadedLibrary> open(llvm::StringRef path);

  LoadedLibrary(LoadedLibrary &&other) : handle(other.handle), descriptor(other.descriptor) { other.handle = nullptr; }
  LoadedLibrary &operator=(LoadedLibrary &&) = delete;
  ~LoadedLibrary();

  const hone_library *get() const { return descriptor; }
  hone_library_info info() const { return hone_library_describe(descriptor); }
  llvm::StringRef manifest() const {
    hone_library_info described = info();
    return {described.manifest, size_t(described.manifest_bytes)};
  }
  /// Inputs, or outputs, in order.
  std::vector<hone_value_info> values(bool outputs) const;
  /// The text of a dim: its size, its symbol, or "?".
  std::string dimText(int64_t dim) const;

private:
  LoadedLibrary(void *handle, const hone_library *descriptor) : handle(handle), descriptor(descriptor) {}

  void *handle;
  const hone_library *descriptor;
};

/// ONNX's number for the type of a value; 0 for one it does not have.
int32_t onnxDataType(hone_dtype type);

} // namespace hone

#endif // HONE_COMPILER_DRIVER_LOADEDLIBRARY_H
