// Buffer, hash, write.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/emit/WeightSink.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace hone;

/// Pieces of this size go to the file at once; smaller ones are gathered.
static constexpr uint64_t kBufferBytes = 1 << 20;

llvm::Error WeightSink::write(const void *data, uint64_t size) {
  if (size > capacity - written)
    return llvm::createStringError("internal error: more than the %llu bytes of weights that were announced",
                                   static_cast<unsigned long long>(capacity));
  llvm::StringRef bytes(static_cast<const char *>(data), size);
  written += size;
  if (size < kBufferBytes) {
    buffer.append(bytes.begin(), bytes.end());
    return buffer.size() < kBufferBytes ? llvm::Error::success() : flush();
  }
  if (llvm::Error error = flush())
    return error;
  // In pieces, so that writing finds in the cache what hashing has read.
  for (; !bytes.empty(); bytes = bytes.drop_front(std::min<uint64_t>(kBufferBytes, bytes.size()))) {
    llvm::StringRef piece = bytes.take_front(kBufferBytes);
    hasher.update(piece);
    if (llvm::Error error = file.write(piece))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error WeightSink::align(uint64_t alignment) {
  static const char zeros[4096] = {};
  for (uint64_t missing = llvm::alignTo(written, alignment) - written; missing != 0;) {
    uint64_t count = std::min<uint64_t>(missing, sizeof zeros);
    if (llvm::Error error = write(zeros, count))
      return error;
    missing -= count;
  }
  return llvm::Error::success();
}

llvm::Error WeightSink::flush() {
  llvm::StringRef bytes(buffer.data(), buffer.size());
  hasher.update(bytes);
  llvm::Error error = file.write(bytes);
  buffer.clear();
  return error;
}

llvm::Expected<Digest> WeightSink::finish() {
  if (llvm::Error error = flush())
    return error;
  if (written != capacity)
    return llvm::createStringError("internal error: %llu of %llu bytes of weights were written",
                                   static_cast<unsigned long long>(written), static_cast<unsigned long long>(capacity));
  return hasher.final();
}
