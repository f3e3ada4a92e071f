// Stand-ins for libc and libm.
//
// Libraries are linked against stand-ins that we write ourselves, which name each function with the oldest version that
// glibc has of it. So a library asks for nothing newer than it needs, wherever it was compiled, and the compiling
// machine needs no libc to link with.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_EMIT_STUBS_H
#define HONE_COMPILER_EMIT_STUBS_H

#include "compiler/emit/Elf.h"

namespace hone {

/// A function that compiled models may call: what a kernel or the runtime uses beyond this list fails to link.
struct StubSymbol {
  llvm::StringLiteral name;
  llvm::StringLiteral version = ""; ///< on x86-64; empty: ElfMachine::libcVersion. Other machines have only that.
};

/// What of `libc.so.6` and `libm.so.6` may be used.
llvm::ArrayRef<StubSymbol> libcSymbols();
llvm::ArrayRef<StubSymbol> libmSymbols();

/// A shared library of the name `soname` that defines `symbols`: enough of one to link with, nothing to run.
FileBytes makeStubLibrary(const ElfMachine &machine, llvm::StringRef soname, llvm::ArrayRef<StubSymbol> symbols);

} // namespace hone

#endif
