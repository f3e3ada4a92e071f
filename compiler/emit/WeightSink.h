// Where packed weights stream to.
//
// Weights go from the packer to the finished file once, in layout order, and are digested on the way.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_EMIT_WEIGHTSINK_H
#define HONE_COMPILER_EMIT_WEIGHTSINK_H

#include "support/Digest.h"
#include "support/OutputFile.h"
#include "llvm/ADT/SmallVector.h"

namespace hone {

/// Appends bytes to a file, buffering small pieces. Positions count from the beginning of the weights.
class WeightSink {
public:
  /// Writes to the end of `file` and refuses to exceed `capacity` bytes.
  WeightSink(OutputFile &file, uint64_t capacity) : file(file), capacity(capacity) {}

  /// Writes `size` bytes. Errors: more than was announced; a full disk. No further call is useful then.
  llvm::Error write(const void *data, uint64_t size);

  /// Writes zeros until position() is a multiple of `alignment`.
  llvm::Error align(uint64_t alignment);

  /// Bytes written so far.
  uint64_t position() const { return written; }

  /// Writes what is buffered and returns the digest of everything. Error: fewer bytes than announced; a full disk.
  llvm::Expected<Digest> finish();

private:
  llvm::Error flush();

  OutputFile &file;
  uint64_t capacity, written = 0;
  llvm::SmallVector<char, 0> buffer;
  llvm::BLAKE3 hasher;
};

} // namespace hone

#endif
