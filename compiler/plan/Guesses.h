// What sizes may be in a run, so that plans can be compared.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_PLAN_GUESSES_H
#define HONE_COMPILER_PLAN_GUESSES_H

#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/DenseMap.h"
#include <array>

namespace hone {

/// Evaluates index arithmetic with guessed dims: all few or all kAssumedDim, and the same with outer dims of 1, which
/// are mostly a batch.
class Guesses {
public:
  static constexpr size_t kCount = 4;
  using Numbers = std::array<double, kCount>; // which cannot wrap

  Numbers of(mlir::OpFoldResult value);

private:
  /// The result of an operation, if its operands are known; else puts them on `rest`.
  std::optional<Numbers> evaluate(mlir::Value value, llvm::SmallVectorImpl<mlir::Value> &rest);

  llvm::DenseMap<mlir::Value, Numbers> known;
};

} // namespace hone

#endif
