// The runtime inside the compiler.
//
// HONE_RUNTIME_ARCHIVE is the path of the runtime's static library in the build folder. The assembler copies it,
// because that takes no time and a generated array of some 100 KB takes seconds.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/emit/Library.h"

asm(".section .rodata.hone_runtime_archive, \"a\", %progbits\n"
    ".balign 16\n"
    ".hidden hone_runtime_archive_begin, hone_runtime_archive_end\n"
    ".globl hone_runtime_archive_begin, hone_runtime_archive_end\n"
    "hone_runtime_archive_begin: .incbin \"" HONE_RUNTIME_ARCHIVE "\"\n"
    "hone_runtime_archive_end:\n"
    ".previous\n");

extern "C" const char hone_runtime_archive_begin[], hone_runtime_archive_end[];

llvm::StringRef hone::runtimeArchive() {
  return {hone_runtime_archive_begin, size_t(hone_runtime_archive_end - hone_runtime_archive_begin)};
}
