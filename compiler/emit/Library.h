// From objects and weights to the artefact.
//
// The last step of a compile. Kernels, host program and the parts of the runtime that they use become one object whose
// only global symbol is `NAME_library`; from it come the shared library, the object file or the static library.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_EMIT_LIBRARY_H
#define HONE_COMPILER_EMIT_LIBRARY_H

#include "compiler/emit/WeightSink.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace hone {

/// What a library is made of.
struct LibraryParts {
  /// The model's identifier, see toIdentifier().
  std::string name;

  /// ELF objects for one machine, in an order that does not depend on threads. One of them defines `NAME_library`. All
  /// may refer to `NAME_weights`, the page-aligned base of the weights, by 64-bit addresses in data (never from code,
  /// which could not reach it) and to what the runtime defines. Thread-local variables and constructors are not
  /// supported.
  std::vector<llvm::SmallVector<char, 0>> objects;

  /// Size of the weights; 0: there are none, and NAME_weights must not be read from.
  uint64_t weightBytes = 0;

  /// Whether they go to a file of their own beside the library (sidecarOf()): the runtime maps it, and no object refers
  /// to NAME_weights.
  bool hasSidecar = false;

  /// Streams exactly `weightBytes` bytes; called once, at the end. May be empty if there are none.
  std::function<llvm::Error(WeightSink &)> writeWeights;
};

enum class OutputKind { SharedLibrary, Object, Archive };

/// A manifest that contains this text gets the BLAKE3 of the weights instead, in hexadecimal digits: it is known only
/// when they have been written, behind everything else.
inline constexpr llvm::StringLiteral kWeightDigestField =
    "weight-digest-weight-digest-weight-digest-weight-digest-weight-d";
static_assert(kWeightDigestField.size() == 2 * sizeof(Digest));

/// The file of the weights of the library `path`, where it has one.
std::string sidecarOf(llvm::StringRef path);

/// Writes `parts` to the file `path`, and its sidecar; each appears when both are complete. The same parts give the
/// same bytes, whatever the path. A shared library needs libc and libm alone and its code, weights included, is
/// identified by its build-id. Errors: what is undefined in the objects; what the system says about `path`; what
/// `writeWeights` returns. Linking resets every llvm::cl option of the process to its default.
llvm::Error emitLibrary(const LibraryParts &parts, llvm::StringRef path, OutputKind kind);

/// The runtime, a static library for this machine that is part of the compiler.
llvm::StringRef runtimeArchive();

} // namespace hone

#endif
