// What hone-lower-program asks of a planned program.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_HOST_CHECKPROGRAM_H
#define HONE_COMPILER_CODEGEN_HOST_CHECKPROGRAM_H

#include "dialects/hone/Hone.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"

namespace hone {

/// How many of the arguments of a planned entry are inputs and states: outputs follow, and the arena is the last.
int64_t countInputs(mlir::func::FuncOp main);

/// What only a run can know or do: it reads what a launch has written, or asks for what does.
llvm::SetVector<mlir::Operation *> findLate(mlir::func::FuncOp main, int64_t inputCount);

/// What hone-plan-memory gives and a stage file may have lost. The verifiers of other dialects have seen the rest.
llvm::LogicalResult checkIsPlanned(mlir::SymbolTable &symbols, mlir::func::FuncOp main);

/// Whether the entries that keep anything keep the same: what one leaves in the session, another one finds.
llvm::LogicalResult checkSameStates(llvm::ArrayRef<mlir::func::FuncOp> entries);

} // namespace hone

#endif
