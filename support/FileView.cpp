//===- FileView.cpp - A file mapped for reading ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mmap, and the identity of what was mapped.
//
//===----------------------------------------------------------------------===//

#include "support/FileView.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Process.h"
#include <algorithm>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace hone {

static llvm::Error cannotRead(llvm::StringRef path, const llvm::Twine &reason) {
  return llvm::createStringError("cannot read '" + path + "': " + reason);
}

llvm::Expected<FileView> FileView::open(const llvm::Twine &path) {
  FileView view;
  view.filePath = path.str();
  // O_NONBLOCK: opening a named pipe must not wait for its writer.
  view.fd = ::open(view.filePath.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status;
  if (view.fd < 0 || fstat(view.fd, &status) != 0)
    return cannotRead(view.filePath, llvm::sys::StrError());
  if (!S_ISREG(status.st_mode))
    return cannotRead(view.filePath, S_ISDIR(status.st_mode) ? "it is a folder" : "it is not a regular file");
  view.modified = status.st_mtim;
  if (status.st_size == 0) // mmap refuses empty ranges
    return view;
  void *mapped = mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, view.fd, 0);
  if (mapped == MAP_FAILED)
    return cannotRead(view.filePath, llvm::sys::StrError());
  view.data = static_cast<const char *>(mapped);
  view.fileSize = status.st_size;
  return view;
}

FileView::FileView(FileView &&other) { *this = std::move(other); }

FileView &FileView::operator=(FileView &&other) {
  std::swap(filePath, other.filePath);
  std::swap(data, other.data);
  std::swap(fileSize, other.fileSize);
  std::swap(modified, other.modified);
  std::swap(fd, other.fd);
  return *this;
}

FileView::~FileView() {
  if (data)
    munmap(const_cast<char *>(data), fileSize);
  if (fd >= 0)
    ::close(fd);
}

void FileView::drop(uint64_t offset, uint64_t length) const {
  if (offset >= fileSize)
    return;
  uint64_t begin = llvm::alignDown(offset, llvm::sys::Process::getPageSizeEstimate());
  uint64_t end = offset + std::min(length, fileSize - offset);
  madvise(const_cast<char *>(data) + begin, end - begin, MADV_DONTNEED); // advice: a failure changes nothing
}

llvm::Error FileView::unchanged() const {
  struct stat status;
  if (fstat(fd, &status) != 0)
    return cannotRead(filePath, llvm::sys::StrError());
  if (uint64_t(status.st_size) != fileSize || status.st_mtim.tv_sec != modified.tv_sec ||
      status.st_mtim.tv_nsec != modified.tv_nsec)
    return llvm::createStringError("'" + filePath +
                                   "' was changed while it was read; compile again when it is complete");
  return llvm::Error::success();
}

} // namespace hone
