// Is a library still what was compiled?
//
// Looks at libraries as files: none of their code runs. The weights' digest is in the manifest; all the rest of a
// shared library, the manifest included, is in its build-id (Library.cpp).
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_EMIT_VERIFY_H
#define HONE_COMPILER_EMIT_VERIFY_H

#include "compiler/emit/Elf.h"
#include "support/Digest.h"
#include "support/FileView.h"

namespace hone {

/// The build-id of a library: the digest of what was linked, before anything was filled in, and of the weights' digest.
llvm::BLAKE3Result<20> buildIdFor(llvm::StringRef image, const Digest &weights);

/// An error if a shared library lacks bytes that its headers count on: loaders fill the last page with zeros instead.
llvm::Error checkComplete(llvm::StringRef file);

/// Whether a shared library is as emitLibrary() wrote it, apart from the bytes of its weights. Not after strip(1).
bool isUnchanged(llvm::StringRef file);

/// What verifyLibrary() could compare.
enum class Verified { WeightsAndCode, Weights };

/// Compares the bytes of a library, in any of its forms, with the digests that it carries. Of object files and static
/// libraries only the weights have one, and those without weights have nothing to compare. Errors: what differs; no
/// library of Hone's.
llvm::Expected<Verified> verifyLibrary(const FileView &file);

} // namespace hone

#endif
