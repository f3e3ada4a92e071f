// Launches in an order in which less memory is needed at one time.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_PASSES_DISPATCH_ORDERLAUNCHES_H
#define HONE_PASSES_DISPATCH_ORDERLAUNCHES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace hone {

/// Moves launches of `main` down to their first readers where that keeps less alive than the order of the model does:
/// exporters write branches side by side, step by step, where a run may finish one before it begins the next. Launches
/// in regions stay where they are.
void orderLaunches(mlir::func::FuncOp main);

} // namespace hone

#endif
