// mmap, and the identity of what was mapped.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

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
#include <vector>

using namespace hone;

static llvm::Error cannotRead(llvm::StringRef path, const llvm::Twine &reason) {
  return llvm::createStringError("cannot read '" + path + "': " + reason);
}

static FileIdentity identityOf(const struct stat &status) {
  return {status.st_dev, status.st_ino, uint64_t(status.st_size),
          int64_t(status.st_mtim.tv_sec) * 1'000'000'000 + status.st_mtim.tv_nsec};
}

llvm::Expected<int> hone::openRegularFile(const std::string &path, FileIdentity &identity) {
  // O_NONBLOCK: opening a named pipe must not wait for its writer.
  int fd = llvm::sys::RetryAfterSignal(-1, ::open, path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status;
  std::string problem;
  if (fd < 0 || fstat(fd, &status) != 0)
    problem = llvm::sys::StrError();
  else if (!S_ISREG(status.st_mode))
    problem = S_ISDIR(status.st_mode) ? "it is a folder" : "it is not a regular file";
  if (problem.empty()) {
    identity = identityOf(status);
    return fd;
  }
  if (fd >= 0)
    ::close(fd);
  return llvm::createStringError(problem);
}

llvm::Expected<std::string> hone::realPathOf(int fd) {
  std::string link = "/proc/self/fd/" + std::to_string(fd);
  std::vector<char> path(4096);
  for (;;) {
    ssize_t length = readlink(link.c_str(), path.data(), path.size());
    if (length < 0)
      return llvm::createStringError("cannot tell where it lies: '" + link + "': " + llvm::sys::StrError());
    if (size_t(length) < path.size())
      return std::string(path.data(), length);
    path.resize(2 * path.size());
  }
}

llvm::Expected<FileView> FileView::open(const llvm::Twine &path) {
  FileView view;
  view.filePath = path.str();
  llvm::Expected<int> fd = openRegularFile(view.filePath, view.opened);
  if (!fd)
    return cannotRead(view.filePath, toString(fd.takeError()));
  view.fd = *fd;
  if (view.opened.size == 0) // mmap refuses empty ranges
    return view;
  void *mapped = mmap(nullptr, view.opened.size, PROT_READ, MAP_PRIVATE, view.fd, 0);
  if (mapped == MAP_FAILED)
    return cannotRead(view.filePath, llvm::sys::StrError());
  view.data = static_cast<const char *>(mapped);
  view.fileSize = view.opened.size;
  return view;
}

FileView::FileView(FileView &&other) { *this = std::move(other); }

FileView &FileView::operator=(FileView &&other) {
  std::swap(filePath, other.filePath);
  std::swap(data, other.data);
  std::swap(fileSize, other.fileSize);
  std::swap(opened, other.opened);
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
  if (!(identityOf(status) == opened))
    return llvm::createStringError("'" + filePath +
                                   "' was changed while it was read; compile again when it is complete");
  return llvm::Error::success();
}
