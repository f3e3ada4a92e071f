// The named pipelines.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_PASSES_PIPELINES_H
#define HONE_PASSES_PIPELINES_H

#include "mlir/Pass/PassManager.h"

namespace hone {

/// Brings an imported module into the form that all later passes expect: constants folded, moves that move nothing
/// gone, GELU, norms and attention fused, unused weights dropped. On the command line: `--hone-simplify`.
void buildSimplifyPipeline(mlir::OpPassManager &manager);

/// Makes the pipelines known to `hone-opt`.
void registerHonePipelines();

} // namespace hone

#endif
