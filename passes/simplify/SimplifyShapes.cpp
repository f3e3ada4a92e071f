// Ops that provably move nothing. One walk in program order with one ShapeBuilder, to which equal dims are one value.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"
#include "passes/Passes.h"

using namespace mlir;
using namespace hone;

namespace hone {
#define GEN_PASS_DEF_SIMPLIFYSHAPES
#include "passes/Passes.h.inc"
} // namespace hone

static bool areConstants(ValueRange values, int64_t wanted) {
  return llvm::all_of(values, [&](Value value) { return ShapeBuilder::getConstant(value) == wanted; });
}

static bool areEqual(ShapeBuilder &shapes, ArrayRef<OpFoldResult> a, ArrayRef<OpFoldResult> b) {
  return llvm::all_of_zip(a, b, [&](OpFoldResult x, OpFoldResult y) { return shapes.areEqual(x, y); });
}

/// The input of an op whose result has all of the input's dims, or null.
static Value sameIfEqualDims(ShapeBuilder &shapes, Value input, Value output) {
  if (input.getType() != output.getType())
    return {};
  SmallVector<OpFoldResult> from(shapes.dims(input)), to(shapes.dims(output));
  return areEqual(shapes, from, to) ? input : Value();
}

/// reshape [.., s, d] -> [c, s, d], transpose, reshape -> [.., d, s] is a transposition of the last two dims.
static Value transposeWithoutReshapes(ShapeBuilder &shapes, ReshapeOp split) {
  auto transpose = split.getInput().getDefiningOp<TransposeOp>();
  if (!transpose || !llvm::equal(transpose.getPermutation(), ArrayRef<int64_t>{0, 2, 1}))
    return {};
  auto join = transpose.getInput().getDefiningOp<ReshapeOp>();
  if (!join)
    return {};
  Value input = join.getInput();
  int64_t rank = rankOf(input);
  if (rank < 3 || rankOf(split.getOutput()) != rank)
    return {};
  SmallVector<OpFoldResult> from(shapes.dims(input)), joined(shapes.dims(join)), to(shapes.dims(split));
  // Joined to [c, s, d], then leading dims as before: c is their product, whatever the dims are.
  if (!areEqual(shapes, ArrayRef(joined).drop_front(), ArrayRef(from).take_back(2)))
    return {};
  std::swap(from[rank - 2], from[rank - 1]);
  if (!areEqual(shapes, from, to))
    return {};
  SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::swap(permutation[rank - 2], permutation[rank - 1]);
  Location loc = FusedLoc::get(split.getContext(), {transpose.getLoc(), join.getLoc(), split.getLoc()});
  return TransposeOp::create(shapes.builder, loc, split.getType(), input, permutation);
}

/// What the only result of `op` can be replaced by, or null.
static Value simplify(ShapeBuilder &shapes, Operation *op) {
  if (auto expand = dyn_cast<ExpandOp>(op))
    return sameIfEqualDims(shapes, expand.getInput(), expand);
  if (auto slice = dyn_cast<SliceOp>(op))
    return areConstants(slice.getStarts(), 0) && areConstants(slice.getSteps(), 1)
               ? sameIfEqualDims(shapes, slice.getInput(), slice)
               : Value();
  auto reshape = dyn_cast<ReshapeOp>(op);
  if (!reshape)
    return {};
  if (Value same = sameIfEqualDims(shapes, reshape.getInput(), reshape))
    return same;
  return transposeWithoutReshapes(shapes, reshape);
}

namespace {
struct SimplifyShapes : hone::impl::SimplifyShapesBase<SimplifyShapes> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      OpBuilder builder(function.getContext());
      ShapeBuilder shapes(builder);
      // Dead ops stay until the end: the builder remembers values by address.
      SmallVector<Operation *> dead;
      for (Operation &op : llvm::make_early_inc_range(function.front())) {
        builder.setInsertionPoint(&op);
        if (auto check = dyn_cast<CheckOp>(op)) {
          if (matchPattern(check.getCondition(), m_One()))
            check.erase();
        } else if (Value same = simplify(shapes, &op)) {
          op.getResult(0).replaceAllUsesWith(same);
          dead.push_back(&op);
        }
      }
      for (Operation *op : llvm::reverse(dead))
        op->erase();
    }
  }
};
} // namespace
