// The bytes of a module's weights, streamed in layout order.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_WEIGHTS_H
#define HONE_COMPILER_DRIVER_WEIGHTS_H

#include "compiler/driver/WeightFiles.h"
#include "compiler/emit/WeightSink.h"
#include "mlir/IR/BuiltinOps.h"

namespace hone {

/// How many bytes the weights of `module` take: its `hone.weight_bytes`. Errors: it has none; the weights do not fill
/// them one behind the other, as hone-plan-memory lays them out (overlap, a gap of a page or more, another end).
llvm::Expected<uint64_t> weightBytesOf(mlir::ModuleOp module);

/// Writes every weight of `module` that has an offset (`hone.offset`), in the order of offsets, with zeros in between.
/// Recipes are evaluated on the context's threads in windows; `files` are mapped, so memory use does not grow with the
/// model. Errors: those of weightBytesOf(); a file that is missing, too short, or changed meanwhile; a recipe of
/// itself. `report` is told how many bytes of the sink are written.
llvm::Error writeWeights(mlir::ModuleOp module, WeightFiles &files, WeightSink &sink,
                         llvm::function_ref<void(uint64_t)> report = nullptr);

} // namespace hone

#endif
