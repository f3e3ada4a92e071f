//===- OutputFile.cpp - Outputs that are whole or absent ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Temporary, write, rename.
//
//===----------------------------------------------------------------------===//

#include "support/OutputFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace hone {

static llvm::Error cannotWrite(llvm::StringRef path, const llvm::Twine &reason) {
  return llvm::createStringError("cannot write '" + path + "': " + reason);
}

llvm::Expected<OutputFile> OutputFile::create(llvm::StringRef path, unsigned mode) {
  namespace fs = llvm::sys::fs;
  llvm::SmallString<128> goal;
  if (fs::real_path(path, goal)) // not there yet
    goal = path;
  fs::file_status status;
  if (!fs::status(goal, status) && !fs::is_regular_file(status))
    return cannotWrite(path, fs::is_directory(status) ? "it is a folder" : "it is not a regular file");

  // Process numbers alone are not unique: containers that share a folder have the same ones.
  std::string temporary = (goal + ".tmp." + llvm::Twine(llvm::sys::Process::getProcessId()) + "." +
                           llvm::utohexstr(llvm::sys::Process::GetRandomNumber()))
                              .str();
  int fd;
  if (std::error_code error = fs::openFile(temporary, fd, fs::CD_CreateNew, fs::FA_Write, fs::OF_None, mode))
    return cannotWrite(path, error.message());
  llvm::sys::RemoveFileOnSignal(temporary);
  return OutputFile(path, std::string(goal), std::move(temporary), fd);
}

OutputFile::OutputFile(llvm::StringRef path, std::string goal, std::string temporary, int fd)
    : path(path), goal(std::move(goal)), temporary(std::move(temporary)), fd(fd) {}

OutputFile::OutputFile(OutputFile &&other)
    : path(std::move(other.path)), goal(std::move(other.goal)), temporary(std::move(other.temporary)), fd(other.fd),
      end(other.end) {
  other.fd = -1;
}

OutputFile::~OutputFile() {
  if (fd < 0)
    return;
  ::close(fd);
  llvm::sys::fs::remove(temporary);
  llvm::sys::DontRemoveFileOnSignal(temporary);
}

llvm::Error OutputFile::failed() const { return cannotWrite(path, llvm::sys::StrError()); }

llvm::Error OutputFile::write(llvm::StringRef bytes) {
  if (llvm::Error error = writeAt(end, bytes))
    return error;
  end += bytes.size();
  return llvm::Error::success();
}

llvm::Error OutputFile::padTo(uint64_t offset) {
  static const char zeros[4096] = {};
  while (end < offset)
    if (llvm::Error error = write({zeros, size_t(std::min<uint64_t>(sizeof zeros, offset - end))}))
      return error;
  return llvm::Error::success();
}

llvm::Error OutputFile::writeAt(uint64_t offset, llvm::StringRef bytes) {
  while (!bytes.empty()) {
    ssize_t written = llvm::sys::RetryAfterSignal(-1, pwrite, fd, bytes.data(), bytes.size(), off_t(offset));
    if (written < 0)
      return failed();
    bytes = bytes.drop_front(written);
    offset += written;
  }
  return llvm::Error::success();
}

llvm::Error OutputFile::reserve(uint64_t bytes) {
  // Not posix_fallocate, which writes zeros where the file system cannot reserve.
  if (bytes && llvm::sys::RetryAfterSignal(-1, fallocate, fd, FALLOC_FL_KEEP_SIZE, off_t(end), off_t(bytes)) != 0 &&
      (errno == ENOSPC || errno == EDQUOT))
    return failed();
  return llvm::Error::success();
}

llvm::Error OutputFile::commit() {
  // Some file systems report a full disk only when the file is closed.
  int closed = ::close(fd);
  fd = -1;
  llvm::Error error = closed != 0 ? failed() : llvm::Error::success();
  if (!error)
    if (std::error_code code = llvm::sys::fs::rename(temporary, goal))
      error = cannotWrite(path, code.message());
  if (error)
    llvm::sys::fs::remove(temporary);
  llvm::sys::DontRemoveFileOnSignal(temporary);
  return error;
}

llvm::Error writeFile(llvm::StringRef path, llvm::StringRef bytes) {
  llvm::Expected<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  if (llvm::Error error = file->write(bytes))
    return error;
  return file->commit();
}

} // namespace hone
