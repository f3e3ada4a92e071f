// Ops on tensors whose dims lie in another order than the program says.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_PASSES_LAYOUT_TURNEDOP_H
#define HONE_PASSES_LAYOUT_TURNEDOP_H

#include "dialects/hone/Hone.h"

namespace hone {

/// How a value lies: its dims, outermost first. kNoDim is a dim of one element that it does not have; dims of one
/// element may be missing.
using Order = llvm::SmallVector<int64_t, 4>;
constexpr int64_t kNoDim = -1;

/// All dims in their places.
Order asItIs(int64_t rank);
Order inverseOf(llvm::ArrayRef<int64_t> permutation);

inline bool isTensor(mlir::Value value) { return mlir::isa<mlir::RankedTensorType>(value.getType()); }
/// Whether a value is a weight or constant: it can be stored in any order.
bool isStored(mlir::Value value);
/// Which dim of its operand each dim of the result is, if all that `op` (which may be null) does is to permute them.
std::optional<Order> permutationOf(mlir::Operation *op);

/// A tensor that is wanted in another order than it lies in.
struct Move {
  mlir::Value value; ///< what is moved: its dims are those that the orders speak of
  Order from, to;

  bool movesNothing() const { return from == to; }
  /// Whether dims of one element alone change their places: a reshape, which is a view.
  bool isView() const;
  /// Builds it: `source` is the value as it lies.
  mlir::Value build(ShapeBuilder &shapes, mlir::Value source, mlir::Location loc) const;
};

/// What moves cost, in bytes that are moved. A view costs next to nothing, but it is better to have none.
constexpr double kCostOfView = 1;
double costOfMove(mlir::Value value, const Order &from, const Order &to);

/// Whether an op is of a kind that can be computed on tensors that lie in another order.
bool canBeTurned(mlir::Operation *op);

/// An op, built ahead on tensors that lie in other orders.
struct TurnedOp {
  /// Builds `op` for operands that lie in `orders`, on arguments of the block `standIns` and at its end. Nothing, if it
  /// cannot be told how, or if the op's structure does not prove that it is the same.
  static std::optional<TurnedOp> build(mlir::Operation *op, llvm::ArrayRef<Order> orders, ShapeBuilder &shapes,
                                       mlir::Block &standIns);

  mlir::Operation *op = nullptr;
  llvm::SmallVector<Order, 3> operands; ///< the order that each tensor operand is wanted in
  llvm::SmallVector<Order, 1> results;  ///< the order that each result lies in
  bool isKept = true;
};

} // namespace hone

#endif
