// The linker as a function.
//
// lld, objcopy and the archiver from bytes to bytes. No program is started and no temporary file is made.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_EMIT_LINK_H
#define HONE_COMPILER_EMIT_LINK_H

#include "compiler/emit/Elf.h"

namespace hone {

/// An object, archive or shared library to link, or a member of an archive. Neither name nor bytes are owned.
struct LinkInput {
  llvm::StringRef name; ///< for messages
  llvm::StringRef bytes;
  bool wholeArchive = false; ///< all members, not only those that define what is missing
};

/// What `ld.lld <options> <inputs, in this order>` writes. Calls wait for one another: lld has global state. lld resets
/// every llvm::cl option of the process to its default, so read options before. Error: lld's own messages, with the
/// inputs' names.
llvm::Expected<FileBytes> runLinker(llvm::ArrayRef<std::string> options, llvm::ArrayRef<LinkInput> inputs);

/// `object` without debug information, with `symbol` as its only global definition: all others become local, so that
/// several such objects can be linked into one program. Error: `symbol`, or one of the runtime's, is not defined.
llvm::Expected<FileBytes> keepOneGlobal(llvm::StringRef object, llvm::StringRef symbol);

/// A static library of `members`, in this order. No times, no owners.
llvm::Expected<FileBytes> makeArchive(llvm::ArrayRef<LinkInput> members);

} // namespace hone

#endif
