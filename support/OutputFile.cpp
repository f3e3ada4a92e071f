// Write, name, rename.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "support/OutputFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/xxhash.h"
#include <algorithm>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace hone;

static llvm::Error cannotWrite(llvm::StringRef path, const llvm::Twine &reason) {
  return llvm::createStringError("cannot write '" + path + "': " + reason);
}

/// Where the symbolic links at the end of `path` lead, whether anything is there or not.
static llvm::Expected<std::string> followLinks(llvm::StringRef path) {
  constexpr int maxLinks = 40; // as the system
  std::string goal = path.str();
  for (int i = 0; i < maxLinks; ++i) {
    char target[PATH_MAX];
    ssize_t length = readlink(goal.c_str(), target, sizeof target);
    if (length < 0)
      return goal; // no link, or nothing at all
    llvm::SmallString<128> next;
    if (target[0] != '/')
      next = llvm::sys::path::parent_path(goal);
    llvm::sys::path::append(next, llvm::StringRef(target, length));
    goal = std::string(next);
  }
  return cannotWrite(path, "too many symbolic links");
}

static std::string folderOf(llvm::StringRef goal) {
  llvm::StringRef folder = llvm::sys::path::parent_path(goal);
  return folder.empty() ? "." : folder.str();
}

/// The `i`th temporary name for `goal`, as short as any.
static std::string temporaryName(llvm::StringRef goal, unsigned i) {
  uint64_t hash = llvm::xxh3_64bits(llvm::sys::path::filename(goal));
  return folderOf(goal) + "/.hone-" + llvm::utohexstr(hash, /*LowerCase=*/true, /*Width=*/16) +
         (i ? "-" + std::to_string(i) : "");
}

/// Whether `fd` is the file that is called `name` now.
static bool isNamed(int fd, const std::string &name) {
  struct stat file, named;
  return fstat(fd, &file) == 0 && lstat(name.c_str(), &named) == 0 && file.st_dev == named.st_dev &&
         file.st_ino == named.st_ino;
}

/// Locks an open file until its last close. False if another process has locked it (with LOCK_NB), or the file system
/// has no locks.
static bool lock(int fd, int how = 0) { return llvm::sys::RetryAfterSignal(-1, flock, fd, LOCK_EX | how) == 0; }

/// Removes the file `name` if its process is no more, which a lock would tell. Whether the name is free now.
static bool removeStale(const std::string &name) {
  int fd = ::open(name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0)
    return errno == ENOENT;
  bool removed = lock(fd, LOCK_NB) && isNamed(fd, name) && unlink(name.c_str()) == 0;
  ::close(fd);
  return removed;
}

static constexpr unsigned kMaxNames = 64;

bool OutputFile::takeName(llvm::function_ref<bool(const char *)> make) {
  for (unsigned i = 0, tries = 0; i < kMaxNames; ++tries) {
    std::string name = temporaryName(goal, i);
    if (make(name.c_str())) {
      // Somebody may have taken it for stale while it was not locked.
      if (!lock(fd) || isNamed(fd, name)) {
        temporary = name;
        llvm::sys::RemoveFileOnSignal(temporary);
        return true;
      }
    } else if (errno != EEXIST) {
      return false;
    } else if (tries < kMaxNames && removeStale(name)) {
      continue;
    }
    ++i;
  }
  errno = EEXIST;
  return false;
}

void OutputFile::removeName() {
  if (temporary.empty())
    return;
  unlink(temporary.c_str());
  llvm::sys::DontRemoveFileOnSignal(temporary);
}

/// The file that `fd` is, whatever it is called.
static std::string linkTo(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

llvm::Expected<OutputFile> OutputFile::create(llvm::StringRef path, unsigned mode) {
  namespace fs = llvm::sys::fs;
  llvm::Expected<std::string> goal = followLinks(path);
  if (!goal)
    return goal.takeError();
  fs::file_status status;
  std::error_code error = fs::status(*goal, status);
  if (error && error != std::errc::no_such_file_or_directory)
    return cannotWrite(path, error.message());
  if (!error && !fs::is_regular_file(status))
    return cannotWrite(path, fs::is_directory(status) ? "it is a folder" : "it is not a regular file");
  // What killed compiles have left.
  for (unsigned i = 0; i < kMaxNames; ++i)
    if (fs::exists(temporaryName(*goal, i)))
      removeStale(temporaryName(*goal, i));

  OutputFile file(path, std::move(*goal));
  file.fd = ::open(folderOf(file.goal).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
  if (file.fd >= 0 && fs::exists(linkTo(file.fd))) {
    lock(file.fd);
    return file;
  }
  auto make = [&](const char *name) {
    int fd = ::open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, mode);
    if (fd < 0)
      return false;
    if (file.fd >= 0)
      ::close(file.fd);
    file.fd = fd;
    return true;
  };
  if (!file.takeName(make))
    return file.failed();
  return file;
}

OutputFile::OutputFile(OutputFile &&other)
    : path(std::move(other.path)), goal(std::move(other.goal)), temporary(std::exchange(other.temporary, "")),
      fd(std::exchange(other.fd, -1)), end(other.end) {}

OutputFile::~OutputFile() {
  removeName();
  if (fd >= 0)
    ::close(fd);
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
  // Some file systems report a full disk only when a file is closed; the lock stays until the last close.
  if (int copy = dup(fd); copy < 0 || ::close(copy) != 0)
    return failed();
  auto link = [&](const char *name) {
    return linkat(AT_FDCWD, linkTo(fd).c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
  };
  // Where nothing is yet, no other name is needed; linkat() replaces nothing.
  if (temporary.empty() && link(goal.c_str()))
    return llvm::Error::success();
  if (temporary.empty() && (errno != EEXIST || !takeName(link)))
    return failed();
  if (rename(temporary.c_str(), goal.c_str()) != 0)
    return failed();
  llvm::sys::DontRemoveFileOnSignal(temporary);
  temporary.clear();
  return llvm::Error::success();
}

llvm::Error hone::writeFile(llvm::StringRef path, llvm::StringRef bytes) {
  llvm::Expected<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  if (llvm::Error error = file->write(bytes))
    return error;
  return file->commit();
}
