// When the values of the host program are needed.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_PLAN_LIFETIMES_H
#define HONE_COMPILER_PLAN_LIFETIMES_H

#include "compiler/plan/Interval.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace hone {

/// The launch result, weight or argument whose memory `value` shows.
mlir::Value rootOf(mlir::Value value);

/// Launches' results that are no results of the program, each from its launch to the last one that reads it. Points are
/// launches, numbered in program order: of two that may run instead of each other, the later one has the greater number
/// and they never meet; what a loop reads is needed until its last launch.
///
/// Who would compute in place lets a result and the operand whose memory it takes be one value here.
class Lifetimes {
public:
  explicit Lifetimes(mlir::func::FuncOp main);

  llvm::ArrayRef<mlir::Value> values() const { return ordered; }
  llvm::ArrayRef<Interval> intervals() const { return needed; }
  unsigned numberOf(mlir::Value value) const { return numbers.at(value); }

private:
  llvm::SmallVector<mlir::Value> ordered;
  llvm::SmallVector<Interval> needed;
  llvm::DenseMap<mlir::Value, unsigned> numbers;
};

} // namespace hone

#endif
