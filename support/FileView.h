// A file mapped for reading.
//
// Model files are mapped, never read into memory: their pages belong to the page cache and may be dropped as soon as a
// tensor was used.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_SUPPORT_FILEVIEW_H
#define HONE_SUPPORT_FILEVIEW_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace hone {

/// Which file it is, and in which state.
struct FileIdentity {
  uint64_t device = 0, inode = 0;
  uint64_t size = 0;    ///< bytes
  int64_t modified = 0; ///< nanoseconds since 1970

  bool operator==(const FileIdentity &other) const {
    return device == other.device && inode == other.inode && size == other.size && modified == other.modified;
  }
};

/// Opens the regular file at `path` for reading, following symbolic links, and says which it is. The error is the
/// reason alone: no such file, no permission, a folder or otherwise no regular file. Never waits for a pipe.
llvm::Expected<int> openRegularFile(const std::string &path, FileIdentity &identity);

/// The path of an open file without symbolic links, as the system knows it, whatever has happened since to the path it
/// was opened by.
llvm::Expected<std::string> realPathOf(int fd);

/// A whole regular file, mapped read-only. Movable; the bytes live as long as the view. Reading from one view is safe
/// from several threads. A file that somebody truncates meanwhile raises SIGBUS on access.
class FileView {
public:
  /// Maps the file at `path`, following symbolic links. Errors: no such file, no permission, not a regular file.
  static llvm::Expected<FileView> open(const llvm::Twine &path);

  FileView(FileView &&other);
  FileView &operator=(FileView &&other);
  ~FileView();

  llvm::StringRef path() const { return filePath; }
  llvm::StringRef bytes() const { return {data, fileSize}; }
  uint64_t size() const { return fileSize; }

  /// Gives the pages of [offset, offset + length) back to the system; they return from the file when read again.
  void drop(uint64_t offset, uint64_t length) const;

  /// The file that is mapped, as it was when it was opened.
  const FileIdentity &identity() const { return opened; }

  /// An error if the file's size or modification time is no longer that of open(): what was read may be a mixture.
  llvm::Error unchanged() const;

private:
  FileView() = default;

  std::string filePath;
  const char *data = nullptr;
  uint64_t fileSize = 0; ///< as long as `data` is mapped
  FileIdentity opened;
  int fd = -1;
};

} // namespace hone

#endif
