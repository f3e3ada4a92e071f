// Weights lie in memory as the kernels that read them want.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_PASSES_DISPATCH_LAYOUTWEIGHTS_H
#define HONE_PASSES_DISPATCH_LAYOUTWEIGHTS_H

#include "dialects/hone/TargetModel.h"

namespace hone {

/// Operands that are weights get the layout that their kernel wants, by a recipe; `hone.unpack` shows them as they
/// were. Who reads only parts of such a weight (an embedding that is the last product's matrix, too) reads the same
/// copy, and so does another entry.
void layOutWeights(mlir::ModuleOp module, llvm::ArrayRef<TargetedProgram> programs);

} // namespace hone

#endif
