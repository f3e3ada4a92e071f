// Computed weights in a scratch file.
//
// What a compile computes of weights can be as large as the model. It goes to a file without a name, which is mapped
// when it is read, and gone with the process, however that ends.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_SUPPORT_WEIGHTSTORE_H
#define HONE_SUPPORT_WEIGHTSTORE_H

#include "support/Digest.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <vector>

namespace hone {

/// Appends tensors to a scratch file in the system's folder for temporary files ($TMPDIR, else /tmp), which is made
/// with the first one. For one thread at a time.
class WeightStore {
public:
  WeightStore() = default;
  WeightStore(const WeightStore &) = delete;
  WeightStore &operator=(const WeightStore &) = delete;
  ~WeightStore();

  /// Where a tensor lies, in bytes, and what it is.
  struct Place {
    uint64_t offset = 0, length = 0;
    Digest digest;
  };

  using Append = llvm::function_ref<llvm::Error(llvm::StringRef bytes)>;
  /// Keeps what `produce` hands over piece by piece. Errors: those of `produce`, after which nothing was kept; no
  /// folder for temporary files, or no room there, with the folder's name.
  llvm::Expected<Place> append(llvm::function_ref<llvm::Error(Append append)> produce);

  /// `length` bytes from `offset` on, mapped until the store is destroyed. Error: they were never appended.
  llvm::Expected<llvm::StringRef> bytes(uint64_t offset, uint64_t length);

  /// Gives the memory that maps these bytes back for now.
  void release(uint64_t offset, uint64_t length);

  /// Bytes appended so far, with what lies between tensors.
  uint64_t size() const { return end; }

private:
  llvm::Error create();
  llvm::Error write(llvm::StringRef bytes);
  llvm::Error failed() const;

  struct Mapping {
    char *data;
    uint64_t size;
  };
  std::string folder;
  int fd = -1;
  uint64_t end = 0;
  std::vector<Mapping> mappings; ///< of the file's beginning, each at least twice the one before
};

} // namespace hone

#endif
