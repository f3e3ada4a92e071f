//===- OutputFile.h - Outputs that are whole or absent ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every file the compiler leaves behind is written beside its goal and renamed at the end. A failed, killed or
// interrupted compile leaves what was there before, and a process that has the old library mapped keeps it.
//
//===----------------------------------------------------------------------===//

#ifndef HONE_SUPPORT_OUTPUTFILE_H
#define HONE_SUPPORT_OUTPUTFILE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace hone {

/// A file in the making: `GOAL.tmp.<pid>.<random>` until commit() renames it to GOAL. Every error names the goal and
/// the system's reason. Movable; destroyed without commit(), it removes what it wrote, and so do the signals that end a
/// process.
class OutputFile {
public:
  /// Begins the file that shall be `path`, with `mode` less the umask as its permissions. A symbolic link is followed.
  /// Errors: missing or read-only folder; `path` is a folder or otherwise no regular file.
  static llvm::Expected<OutputFile> create(llvm::StringRef path, unsigned mode = 0666);

  OutputFile(OutputFile &&other);
  OutputFile &operator=(OutputFile &&) = delete;
  ~OutputFile();

  /// Appends `bytes`, unbuffered.
  llvm::Error write(llvm::StringRef bytes);

  /// Appends zeros until the file is `offset` bytes long.
  llvm::Error padTo(uint64_t offset);

  /// Overwrites what was written at `offset`.
  llvm::Error writeAt(uint64_t offset, llvm::StringRef bytes);

  /// Asks for room for `bytes` more, so that a full disk is known before hours of work. Does nothing where the file
  /// system cannot promise room.
  llvm::Error reserve(uint64_t bytes);

  /// Bytes written so far.
  uint64_t position() const { return end; }

  /// Makes the file appear under its name. Nothing may be written afterwards.
  llvm::Error commit();

private:
  OutputFile(llvm::StringRef path, std::string goal, std::string temporary, int fd);
  llvm::Error failed() const;

  std::string path; ///< as the caller calls it
  std::string goal; ///< the same without symbolic links
  std::string temporary;
  int fd;
  uint64_t end = 0;
};

/// Writes `bytes` as the whole of the file `path`, by way of OutputFile.
llvm::Error writeFile(llvm::StringRef path, llvm::StringRef bytes);

} // namespace hone

#endif // HONE_SUPPORT_OUTPUTFILE_H
