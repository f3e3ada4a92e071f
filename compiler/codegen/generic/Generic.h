// Kernels of everything that is no family: stages of scalar loops, vectorised by LLVM.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef COMPILER_CODEGEN_GENERIC_GENERIC_H
#define COMPILER_CODEGEN_GENERIC_GENERIC_H

#include "compiler/codegen/generic/KernelEmitter.h"

namespace hone {

/// The iteration range of a generic kernel, as dims of `kernel` (a private copy).
struct GenericRange {
  mlir::OpFoldResult count, grain, scratch;
};
GenericRange genericRange(KernelOp kernel, ShapeBuilder &shapes);

/// Writes the loops of a generic kernel into its body.
void buildGeneric(KernelEmitter &emitter);

} // namespace hone

#endif
