// When the values of the host program are needed.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_PLAN_LIFETIMES_H
#define HONE_COMPILER_PLAN_LIFETIMES_H

#include "compiler/plan/Interval.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace hone {

/// The result of a launch or of branches, the weight or the argument whose memory `value` shows.
mlir::Value rootOf(mlir::Value value);

/// Whose memory each value of the program is written to: what a branch gives lies in the memory of its operation's
/// result from the beginning on, and results of the program lie in its outputs.
class Destinations {
public:
  explicit Destinations(mlir::func::FuncOp main);

  /// The outermost result of branches that `value`, the result of a launch or of branches, becomes; or itself.
  mlir::Value of(mlir::Value value) const {
    auto found = becomes.find(value);
    return found == becomes.end() ? value : found->second;
  }

private:
  llvm::DenseMap<mlir::Value, mlir::Value> becomes;
};

/// Destinations that are no results of the program, each from the first launch that may write to it to the last one
/// that reads it. Points are launches, numbered in program order: of two that may run instead of each other, the later
/// one has the greater number and they never meet.
class Lifetimes {
public:
  Lifetimes(mlir::func::FuncOp main, const Destinations &destinations);

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
