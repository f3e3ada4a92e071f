// Written with pwrite, read through maps: neither counts as memory that only this process could use.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "support/WeightStore.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace hone;

/// Tensors begin at cache lines, whatever their elements.
static constexpr uint64_t kAlignment = 64;

WeightStore::~WeightStore() {
  for (Mapping &mapping : mappings)
    munmap(mapping.data, mapping.size);
  if (fd >= 0)
    ::close(fd);
}

llvm::Error WeightStore::failed() const {
  return llvm::createStringError("cannot keep computed weights in '" + folder + "': " + llvm::sys::StrError() +
                                 "; TMPDIR=FOLDER names another folder for temporary files");
}

llvm::Error WeightStore::create() {
  llvm::SmallString<128> path;
  llvm::sys::path::system_temp_directory(/*ErasedOnReboot=*/true, path);
  folder = std::string(path);
  fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0)
    return llvm::Error::success();
  // A file system without files that have no name: the name goes at once.
  llvm::sys::path::append(path, ".hone-weights-XXXXXX");
  fd = mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0)
    return failed();
  unlink(path.c_str());
  return llvm::Error::success();
}

llvm::Error WeightStore::write(llvm::StringRef bytes) {
  while (!bytes.empty()) {
    ssize_t written = llvm::sys::RetryAfterSignal(-1, pwrite, fd, bytes.data(), bytes.size(), off_t(end));
    if (written < 0)
      return failed();
    bytes = bytes.drop_front(written);
    end += written;
  }
  return llvm::Error::success();
}

llvm::Expected<WeightStore::Place> WeightStore::append(llvm::function_ref<llvm::Error(Append)> produce) {
  if (fd < 0)
    if (llvm::Error error = create())
      return error;
  uint64_t before = end;
  end = llvm::alignTo(end, kAlignment);
  Place place;
  place.offset = end;
  llvm::BLAKE3 hasher;
  llvm::Error error = produce([&](llvm::StringRef bytes) {
    hasher.update(bytes);
    return write(bytes);
  });
  if (error) {
    end = before;
    return error;
  }
  place.length = end - place.offset;
  place.digest = hasher.final();
  return place;
}

llvm::Expected<llvm::StringRef> WeightStore::bytes(uint64_t offset, uint64_t length) {
  if (offset > end || length > end - offset)
    return llvm::createStringError("bytes " + llvm::Twine(offset) + " to " + llvm::Twine(offset + length) +
                                   " of the computed weights were never written");
  if (length == 0)
    return llvm::StringRef();
  if (mappings.empty() || mappings.back().size < offset + length) {
    // Pages of a map that lie beyond the end of the file become its pages when it grows.
    constexpr uint64_t least = 1 << 26;
    uint64_t size = std::max({least, llvm::alignTo(end, least), mappings.empty() ? 0 : 2 * mappings.back().size});
    void *data = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
      return failed();
    mappings.push_back({static_cast<char *>(data), size});
  }
  return llvm::StringRef(mappings.back().data + offset, length);
}

void WeightStore::release(uint64_t offset, uint64_t length) {
  uint64_t begin = llvm::alignDown(offset, llvm::sys::Process::getPageSizeEstimate());
  for (Mapping &mapping : mappings) // advice: a failure changes nothing
    if (begin < mapping.size)
      madvise(mapping.data + begin, std::min(offset + length, mapping.size) - begin, MADV_DONTNEED);
}
