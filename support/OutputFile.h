// Outputs that are whole or absent.
//
// Every file the compiler leaves behind is written without a name, or under one beside its goal, and gets the goal's
// name at the end. A failed, killed or interrupted compile leaves what was there before, and a process that has the old
// library mapped keeps it.
//
// The file is not forced to the disk: that would cost a compile of a 70 MB library 3 % of its time, more on slower
// disks. A power cut right after a compile may leave a file that is empty or too short; such a library is not loaded,
// and `hone verify` finds whatever else is wrong.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_SUPPORT_OUTPUTFILE_H
#define HONE_SUPPORT_OUTPUTFILE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace hone {

/// A file in the making. It has no name until commit(); where the file system cannot do that (O_TMPFILE), and for the
/// moment in which another file is replaced, it is `.hone-HASH` in the goal's folder, HASH being that of the goal's
/// name (or `.hone-HASH-N` while several are written at once), and locked. Every error names the goal and the system's
/// reason. Movable; destroyed without commit(), it removes what it wrote, and so do the signals that end a process.
/// What SIGKILL leaves is removed when the same goal is written again.
class OutputFile {
public:
  /// Begins the file that shall be `path`, with `mode` less the umask as its permissions. A symbolic link is followed,
  /// also to where nothing is yet. Errors: missing or read-only folder; `path` is a folder or otherwise no regular
  /// file.
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
  OutputFile(llvm::StringRef path, std::string goal) : path(path), goal(std::move(goal)) {}
  llvm::Error failed() const;
  /// Gives the file a temporary name that is free, or becomes so, by `make`. False, with errno, if it cannot have one.
  bool takeName(llvm::function_ref<bool(const char *name)> make);
  void removeName();

  std::string path;      ///< as the caller calls it
  std::string goal;      ///< the same without symbolic links at its end
  std::string temporary; ///< empty as long as the file has no name
  int fd = -1;
  uint64_t end = 0;
};

/// Writes `bytes` as the whole of the file `path`, by way of OutputFile.
llvm::Error writeFile(llvm::StringRef path, llvm::StringRef bytes);

} // namespace hone

#endif
