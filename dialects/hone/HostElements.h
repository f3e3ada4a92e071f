// Elements of small tensors as scalars of the host program: shape values never become kernels.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DIALECTS_HONE_HOSTELEMENTS_H
#define DIALECTS_HONE_HOSTELEMENTS_H

#include "dialects/hone/ShapeBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace hone {

/// Evaluates tensors where the host program stands, by asking the ops that define them for single elements
/// (ElementOpInterface) down to constants, dims and entry arguments. What a model computes with Shape, Gather, Concat …
/// comes out as the index values of `shapes`, so that equal dims stay one value. Remembers what it built: use one along
/// one straight-line block, in program order.
class HostElements {
public:
  /// Tensors of more elements are data, not shapes.
  static constexpr int64_t maxElements = 64;

  /// With `mayCheck`, ops that can fail (an index outside, a division by zero) become hone.check.
  explicit HostElements(ShapeBuilder &shapes, bool mayCheck = true) : shapes(shapes), mayCheck(mayCheck) {}

  /// The element of `tensor` at a row-major position, as a scalar of the (signless) element type; null if the host
  /// cannot compute it. Integers of 64 bits that stem from dims are index casts.
  mlir::Value element(mlir::Value tensor, int64_t position);
  /// All elements, in row-major order, of a tensor with static dims and at most maxElements elements; nothing if that
  /// takes too much work, which is for kernels.
  std::optional<llvm::SmallVector<mlir::Value>> elements(mlir::Value tensor);
  /// The same as index values; floats are truncated.
  std::optional<llvm::SmallVector<mlir::OpFoldResult>> indices(mlir::Value tensor);

  // Arithmetic on index values and conditions (i1), decided where ranges of dims allow it.
  mlir::OpFoldResult compare(mlir::arith::CmpIPredicate predicate, mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult select(mlir::OpFoldResult condition, mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult logicalAnd(mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult logicalOr(mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult logicalNot(mlir::OpFoldResult a);
  mlir::OpFoldResult condition(bool value) { return shapes.builder.getBoolAttr(value); }
  /// An i1 or integer scalar of the host program in the simplest form it has.
  mlir::OpFoldResult simplifyCondition(mlir::Value condition);
  mlir::OpFoldResult toIndex(mlir::Value scalar, bool isUnsigned = false);

  /// Stops the run with `message`, in which {0} and {1} stand for two index values, unless `condition` holds. Builds
  /// nothing if it always does. False if it never does.
  bool check(mlir::Location loc, mlir::OpFoldResult condition, const llvm::Twine &message, mlir::OpFoldResult first,
             mlir::OpFoldResult second);

  ShapeBuilder &shapes;

private:
  friend class HostElementBuilder;
  mlir::Value evaluate(mlir::Value tensor, int64_t position);
  mlir::Value normalize(mlir::Value scalar, bool isUnsigned);
  mlir::OpFoldResult simplerCondition(mlir::Value condition);
  mlir::OpFoldResult simplerIndex(mlir::Value scalar, bool isUnsigned);
  /// Takes note that `condition` does not hold from here on.
  void assumeNot(mlir::OpFoldResult condition);
  template <typename Op> mlir::OpFoldResult logical(mlir::OpFoldResult a, mlir::OpFoldResult b, bool neutral);

  /// Elements and iterations of loops that one tensor may cost.
  static constexpr int64_t maxWork = 1 << 15;

  bool mayCheck;
  unsigned depth = 0;
  int64_t work = maxWork; // what is left of it
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, mlir::Value> known;
  llvm::DenseMap<mlir::Value, mlir::Value> casts;
  // Simplest forms. They are remembered because scalars share operands: x·x of x·x of … is a short program and a large
  // tree.
  llvm::DenseMap<mlir::Value, mlir::OpFoldResult> conditions;
  llvm::DenseMap<std::pair<mlir::Value, unsigned>, mlir::OpFoldResult> indexForms;
  llvm::DenseMap<std::tuple<unsigned, void *, void *>, mlir::Value> comparisons;
  llvm::DenseMap<std::tuple<void *, void *, void *>, mlir::Value> selections;
};

/// The value of an op with ElementOpInterface on constants (hone.constant), if its result is static and of at most 1
/// KiB. Constants that only repeat others (expand, tile) are not made beyond that; nor is more than a small loop run.
std::optional<mlir::DenseElementsAttr> foldToConstant(mlir::Operation *op);

} // namespace hone

#endif
