// From a group of ops to a kernel and its launch.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_PASSES_DISPATCH_OUTLINE_H
#define HONE_PASSES_DISPATCH_OUTLINE_H

#include "passes/dispatch/Grouping.h"
#include "passes/dispatch/JoinDims.h"
#include "llvm/ADT/StringMap.h"

namespace hone {

struct KernelInputs;

/// Outlines groups of a module's host programs. Kernels with the same body are made once.
class Outliner {
public:
  explicit Outliner(mlir::ModuleOp module) : symbols(module) {}

  /// Makes (or finds) the kernel of `group` and puts its launch in the place of the root; the group's ops are erased.
  /// `shapes` is of its host program.
  void outline(KernelGroup &group, ShapeBuilder &shapes);

private:
  KernelOp createBody(const KernelGroup &group, const KernelInputs &inputs, const JoinedDims &joined,
                      mlir::Location loc);
  /// The kernel that computes the same as this one, which may be itself.
  KernelOp makeOnce(KernelOp kernel);

  mlir::SymbolTable symbols;
  llvm::StringMap<KernelOp> kernels;
};

} // namespace hone

#endif
