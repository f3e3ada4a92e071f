// Where a library's weights are to lie: in it, or in a file beside it.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_HOST_SIDECAR_H
#define HONE_COMPILER_CODEGEN_HOST_SIDECAR_H

#include "mlir/IR/BuiltinOps.h"

namespace hone {

/// On a module, a bool: its weights go to a sidecar. Without it their size decides.
inline constexpr llvm::StringLiteral kSidecarAttr = "hone.sidecar";

/// What a library holds itself, in bytes. More is unwieldy as a part of code: tools that copy or read whole libraries
/// (strip, debuggers, package formats), and linkers of `.o` and `.a`, have limits near 2 GB.
inline constexpr int64_t kMostEmbedded = 1'500'000'000;

/// Whether the weights of `module`, whose memory is planned, go to a sidecar.
bool hasSidecar(mlir::ModuleOp module);

} // namespace hone

#endif
