// Row ops: their expansion into reductions and element-wise ops.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Hone.h"
#include "dialects/hone/RowFacts.h"

using namespace mlir;
using namespace hone;

#define GET_OP_CLASSES
#include "dialects/hone/Norm.cpp.inc"

void HoneDialect::addNormOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/hone/Norm.cpp.inc"
      >();
}

namespace {
/// Writes tensor-level formulas over one op's rows.
struct RowFormula {
  RowFormula(OpBuilder &builder, Operation *op) : builder(builder), loc(op->getLoc()) {}

  template <typename Op> Value unary(Value x) { return Op::create(builder, loc, x.getType(), x); }
  /// Both operands broadcast to `wide`'s type.
  template <typename Op> Value binary(Value wide, Value a, Value b) {
    return Op::create(builder, loc, wide.getType(), a, b);
  }
  Value reduce(ReduceKind kind, Value x, ArrayRef<int64_t> axes) {
    auto type = cast<RankedTensorType>(x.getType());
    SmallVector<int64_t> sizes(type.getShape());
    for (int64_t axis : axes)
      sizes[axis] = 1;
    return ReduceOp::create(builder, loc, type.clone(sizes), kind, x, axes, /*keepdims=*/true);
  }
  /// Says `fact` about the op that makes `value`.
  Value mark(Value value, StringRef fact) {
    value.getDefiningOp()->setDiscardableAttr(fact, builder.getUnitAttr());
    return value;
  }
  Value scalar(Type elementType, double value) {
    auto type = RankedTensorType::get({}, elementType);
    return ConstantOp::create(builder, loc, type,
                              DenseElementsAttr::get(type, builder.getFloatAttr(elementType, value)));
  }
  /// Mean of x over axes; a rank-0 tensor holds the count where it is static.
  Value mean(Value x, ArrayRef<int64_t> axes) {
    ShapeBuilder shapes(builder);
    SmallVector<OpFoldResult> counted;
    for (int64_t axis : axes)
      counted.push_back(shapes.dim(x, axis));
    Value sum = reduce(ReduceKind::Sum, x, axes);
    Type elementType = elementTypeOf(x);
    OpFoldResult count = shapes.product(counted);
    if (auto known = ShapeBuilder::getConstant(count))
      return binary<MulOp>(sum, sum, scalar(elementType, 1.0 / double(*known)));
    Value integer = FromElementsOp::create(builder, loc, RankedTensorType::get({}, builder.getI64Type()),
                                           ValueRange{shapes.materialize(count)});
    Value floating = CastOp::create(builder, loc, RankedTensorType::get({}, elementType), integer);
    return binary<DivOp>(sum, sum, floating);
  }

  OpBuilder &builder;
  Location loc;
};
} // namespace

static SmallVector<int64_t> axesFrom(int64_t axis, int64_t rank) {
  return llvm::to_vector(llvm::seq<int64_t>(axis, rank));
}
static void sameShape(ShapeBuilder &shapes, Value input, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(input));
}

/// The axis, and that all operands broadcast to the first one.
static LogicalResult verifyRowOp(Operation *op, int64_t axis) {
  if (failed(verifyAxis(op, axis, rankOf(op->getOperand(0)))))
    return failure();
  return verifyBroadcast(op, op->getOperands(), op->getOperand(0));
}

LogicalResult SoftmaxOp::verify() { return verifyRowOp(*this, getAxis()); }
LogicalResult LayerNormOp::verify() { return verifyRowOp(*this, getAxis()); }
LogicalResult RmsNormOp::verify() { return verifyRowOp(*this, getAxis()); }
void SoftmaxOp::reifyShape(ShapeBuilder &s, unsigned, SmallVectorImpl<OpFoldResult> &d) { sameShape(s, getInput(), d); }
void LayerNormOp::reifyShape(ShapeBuilder &s, unsigned, SmallVectorImpl<OpFoldResult> &d) {
  sameShape(s, getInput(), d);
}
void RmsNormOp::reifyShape(ShapeBuilder &s, unsigned, SmallVectorImpl<OpFoldResult> &d) { sameShape(s, getInput(), d); }

/// Where rows begin whose dims have these numbers now.
static int64_t firstOf(ArrayRef<int64_t> dims, int64_t axis) { return *llvm::min_element(dims.drop_front(axis)); }

SmallVector<int64_t> SoftmaxOp::rowDims() { return {int64_t(getAxis())}; }
SmallVector<int64_t> LayerNormOp::rowDims() { return axesFrom(getAxis(), rankOf(getInput())); }
SmallVector<int64_t> RmsNormOp::rowDims() { return axesFrom(getAxis(), rankOf(getInput())); }
void SoftmaxOp::renumberDims(ArrayRef<int64_t> dims, ArrayRef<int64_t>) { setAxis(dims[getAxis()]); }
void LayerNormOp::renumberDims(ArrayRef<int64_t> dims, ArrayRef<int64_t>) { setAxis(firstOf(dims, getAxis())); }
void RmsNormOp::renumberDims(ArrayRef<int64_t> dims, ArrayRef<int64_t>) { setAxis(firstOf(dims, getAxis())); }

Value SoftmaxOp::decompose(OpBuilder &builder) {
  RowFormula f(builder, *this);
  Value x = getInput();
  SmallVector<int64_t> axes{int64_t(getAxis())};
  // A NaN reaches the whole row by its power and the sum, whatever the maximum is then.
  Value maximum = f.mark(f.reduce(ReduceKind::Max, x, axes), kNumbersAttr);
  Value shifted = f.binary<SubOp>(x, x, maximum);
  Value powers = f.mark(f.unary<ExpOp>(shifted), kNonPositiveAttr);
  Value sum = f.reduce(ReduceKind::Sum, powers, axes);
  if (getLog())
    return f.binary<SubOp>(x, shifted, f.unary<LogOp>(sum));
  // One division a row: the sum is at least 1, so its inverse does not overflow.
  Value inverse = f.binary<DivOp>(sum, f.scalar(elementTypeOf(x), 1.0), sum);
  return f.binary<MulOp>(x, powers, inverse);
}

Value LayerNormOp::decompose(OpBuilder &builder) {
  RowFormula f(builder, *this);
  Value x = getInput();
  SmallVector<int64_t> axes = axesFrom(getAxis(), rankOf(x));
  // Two passes: the variance of x - mean has no cancellation, whatever the mean.
  Value centered = f.binary<SubOp>(x, x, f.mean(x, axes));
  Value variance = f.mean(f.binary<MulOp>(x, centered, centered), axes);
  Value epsilon = f.scalar(elementTypeOf(x), getEpsilon().convertToDouble());
  Value deviation = f.unary<SqrtOp>(f.binary<AddOp>(variance, variance, epsilon));
  Value inverse = f.binary<DivOp>(deviation, f.scalar(elementTypeOf(x), 1.0), deviation);
  Value y = f.binary<MulOp>(x, f.binary<MulOp>(x, centered, inverse), getScale());
  return getBias() ? f.binary<AddOp>(x, y, getBias()) : y;
}

Value RmsNormOp::decompose(OpBuilder &builder) {
  RowFormula f(builder, *this);
  Value x = getInput();
  Value square = f.mean(f.binary<MulOp>(x, x, x), axesFrom(getAxis(), rankOf(x)));
  Value epsilon = f.scalar(elementTypeOf(x), getEpsilon().convertToDouble());
  Value root = f.unary<SqrtOp>(f.binary<AddOp>(square, square, epsilon));
  Value inverse = f.binary<DivOp>(root, f.scalar(elementTypeOf(x), 1.0), root);
  return f.binary<MulOp>(x, f.binary<MulOp>(x, x, inverse), getScale());
}
