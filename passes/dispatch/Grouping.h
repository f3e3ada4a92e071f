// Which ops of the host program become one kernel.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_PASSES_DISPATCH_GROUPING_H
#define HONE_PASSES_DISPATCH_GROUPING_H

#include "dialects/hone/Hone.h"
#include "dialects/hone/TargetModel.h"
#include "llvm/ADT/DenseMap.h"

namespace hone {

/// Ops that are computed by one kernel, in program order. Only results of the last one, the root, are used outside.
struct KernelGroup {
  llvm::SmallVector<mlir::Operation *> ops;
  /// Producers may join: the kernel is emitted element by element.
  bool isGeneric = true;
  /// Holds an op that walks rows.
  bool hasRows = false;
  mlir::Operation *root() const { return ops.back(); }
};

/// Whether an op is computed by kernels (and is no view, constant or part of the host program).
bool runsInKernel(mlir::Operation *op);

/// Groups the ops of one straight-line block. `shapes` knows the dims of every value in it. Its constants are cloned
/// into the kernels that use them. Groups come in program order of their roots.
llvm::SmallVector<KernelGroup> groupOps(mlir::Block &block, ShapeBuilder &shapes, const TargetModel &model,
                                        TargetAttr target);

} // namespace hone

#endif
