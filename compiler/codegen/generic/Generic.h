// Kernels of everything that is no family: stages of scalar loops, vectorised by LLVM.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_GENERIC_GENERIC_H
#define HONE_COMPILER_CODEGEN_GENERIC_GENERIC_H

#include "compiler/codegen/KernelNumbers.h"
#include "compiler/codegen/generic/KernelEmitter.h"
#include "compiler/codegen/generic/Schedule.h"

namespace hone {

/// What can be chosen about a generic kernel.
struct GenericParameters {
  int64_t chunk;      ///< elements that are worth a thread
  int64_t interleave; ///< how often vectorised loops are interleaved; 0: LLVM decides
};
GenericParameters genericParameters(KernelOp kernel);

/// The iteration range of a generic kernel, as dims of `kernel` (a private copy).
struct GenericRange {
  mlir::OpFoldResult count, grain, scratch;
};
GenericRange genericRange(KernelOp kernel, ShapeBuilder &shapes, const GenericParameters &parameters);

/// Cycles that a generic kernel is predicted to take on one core.
double genericCost(KernelOp kernel, const CpuTarget &target, KernelNumbers &numbers);

/// Writes the loops of a generic kernel into its body.
void buildGeneric(KernelEmitter &emitter, const GenericParameters &parameters);

// The forms of a schedule that have a file of their own.
void buildRows(KernelEmitter &emitter, const Schedule &schedule);
void buildColumns(KernelEmitter &emitter, const Schedule &schedule);
void buildOuterSum(KernelEmitter &emitter, const Schedule &schedule);

/// Calls body with indices over the dims `axes` of `space`, other positions of `indices` being set already. The
/// innermost loop is vectorised.
void overDims(KernelEmitter &emitter, llvm::ArrayRef<int64_t> axes, llvm::ArrayRef<mlir::OpFoldResult> space,
              llvm::SmallVectorImpl<mlir::Value> &indices, llvm::function_ref<void()> body);
/// Stores the elements of all results at `indices`.
void storeResults(KernelEmitter &emitter, mlir::ValueRange indices);

} // namespace hone

#endif
