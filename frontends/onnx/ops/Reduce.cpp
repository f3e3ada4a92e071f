// Reductions, running sums and selections.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/ops/Ops.h"

using namespace mlir;
using namespace hone;
using arith::CmpIPredicate;

//===-- Reductions ----------------------------------------------------------------------------------------------===//

/// What a reduction works on.
namespace {
struct Reduction {
  Value x;
  SmallVector<int64_t> axes;
  bool keepdims;
};
} // namespace

static std::optional<Reduction> reductionOf(Node &node, Importer &importer) {
  Value x = node.input(0);
  std::optional<SmallVector<int64_t>> given;
  if (failed(importer.axesOf(node, 1, given)))
    return std::nullopt;
  Reduction result{x, {}, node.getInt("keepdims", 1) != 0};
  if (!given || given->empty()) {
    // Nothing said: all axes, or none at all, which leaves the element-wise part of the operator.
    if (node.getInt("noop_with_empty_axes", 0) == 0)
      result.axes = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
    return result;
  }
  auto axes = importer.axes(*given, rankOf(x));
  if (!axes)
    return std::nullopt;
  result.axes = *axes;
  return result;
}

static Value sum(Importer &importer, const Reduction &r, Value x) {
  return importer.reduce(ReduceKind::Sum, x, r.axes, r.keepdims);
}

/// Roots and logarithms of integers are computed in f64 and truncated.
static Value inFloat(Importer &importer, Value x, function_ref<Value(Value)> compute) {
  Type type = elementTypeOf(x);
  if (isa<FloatType>(type))
    return compute(x);
  return importer.cast(compute(importer.cast(x, importer.builder.getF64Type())), type);
}

template <ReduceKind kind> static LogicalResult importPlain(Node &node, Importer &importer) {
  auto r = reductionOf(node, importer);
  return r ? node.set(0, importer.reduce(kind, r->x, r->axes, r->keepdims)) : failure();
}
static LogicalResult importReduceMean(Node &node, Importer &importer) {
  auto r = reductionOf(node, importer);
  return r ? node.set(0, importer.mean(r->x, r->axes, r->keepdims)) : failure();
}
static LogicalResult importReduceL1(Node &node, Importer &importer) {
  auto r = reductionOf(node, importer);
  return r ? node.set(0, sum(importer, *r, importer.unary<AbsOp>(r->x))) : failure();
}
static LogicalResult importReduceSumSquare(Node &node, Importer &importer) {
  auto r = reductionOf(node, importer);
  return r ? node.set(0, sum(importer, *r, importer.binary<MulOp>(r->x, r->x))) : failure();
}
static LogicalResult importReduceL2(Node &node, Importer &importer) {
  auto r = reductionOf(node, importer);
  if (!r)
    return failure();
  return node.set(0, inFloat(importer, r->x, [&](Value x) {
                    return importer.unary<SqrtOp>(sum(importer, *r, importer.binary<MulOp>(x, x)));
                  }));
}
static LogicalResult importReduceLogSum(Node &node, Importer &importer) {
  auto r = reductionOf(node, importer);
  if (!r)
    return failure();
  return node.set(0, inFloat(importer, r->x, [&](Value x) { return importer.unary<LogOp>(sum(importer, *r, x)); }));
}
static LogicalResult importReduceLogSumExp(Node &node, Importer &importer) {
  auto r = reductionOf(node, importer);
  if (!r)
    return failure();
  // log(sum(exp(x - m))) + m with m the greatest x, so that nothing overflows; an infinite m (or that of no elements)
  // counts as 0.
  return node.set(0, inFloat(importer, r->x, [&](Value x) {
                    auto shift = [&](bool keepdims) -> Value {
                      Value greatest = importer.reduce(ReduceKind::Max, x, r->axes, keepdims);
                      if (!greatest)
                        return {};
                      Value isInfinite = importer.create<IsInfOp>(importer.builder.getI1Type(), rankOf(greatest),
                                                                  greatest, true, true);
                      return importer.select(isInfinite, importer.like(greatest, 0), greatest);
                    };
                    Value powers = importer.unary<ExpOp>(importer.binary<SubOp>(x, shift(true)));
                    Value logarithm = importer.unary<LogOp>(sum(importer, *r, powers));
                    return importer.binary<AddOp>(logarithm, shift(r->keepdims));
                  }));
}

//===-- Positions -----------------------------------------------------------------------------------------------===//

template <ReduceKind kind> static LogicalResult importArgReduce(Node &node, Importer &importer) {
  Value x = node.input(0);
  auto axis = importer.axis(node.getInt("axis", 0), rankOf(x));
  if (!axis)
    return failure();
  bool keepdims = node.getInt("keepdims", 1) != 0, selectsLast = node.getInt("select_last_index", 0) != 0;
  return node.set(0, importer.create<ArgReduceOp>(importer.builder.getI64Type(), rankOf(x) - !keepdims, kind, x, *axis,
                                                  keepdims, selectsLast));
}

static LogicalResult importTopK(Node &node, Importer &importer) {
  Value x = node.input(0);
  auto axis = importer.axis(node.getInt("axis", -1), rankOf(x));
  if (!axis)
    return failure();
  std::optional<OpFoldResult> k = importer.shapes.constant(node.getInt("k", 0));
  if (node.version() >= 10)
    k = importer.hostScalar(node, 1);
  if (!k || !importer.checkRange(*k, importer.shapes.constant(0), importer.shapes.dim(x, *axis), "k"))
    return failure();
  SmallVector<int64_t> dynamic(rankOf(x), ShapedType::kDynamic);
  Type types[] = {RankedTensorType::get(dynamic, elementTypeOf(x)),
                  RankedTensorType::get(dynamic, importer.builder.getI64Type())};
  auto op = TopKOp::create(importer.builder, importer.loc, types, x, importer.shapes.materialize(*k), *axis,
                           node.getInt("largest", 1) != 0);
  refineResultTypes(importer.shapes, op);
  return success(succeeded(node.set(0, op.getValues())) && succeeded(node.set(1, op.getPositions())));
}

static LogicalResult importCumSum(Node &node, Importer &importer) {
  Value x = node.input(0);
  ShapeBuilder &shapes = importer.shapes;
  auto given = importer.hostScalar(node, 1);
  int64_t rank = rankOf(x);
  if (!given || !importer.checkRange(*given, shapes.constant(-rank), shapes.constant(rank - 1), "axis"))
    return failure();
  auto along = [&](int64_t axis) {
    return importer.unary<CumSumOp>(x, axis, node.getInt("exclusive", 0) != 0, node.getInt("reverse", 0) != 0);
  };
  if (auto known = ShapeBuilder::getConstant(*given))
    return node.set(0, along(*known < 0 ? *known + rank : *known));
  // An axis known at run time only chooses between the sums along each.
  OpFoldResult isNegative = importer.host.compare(CmpIPredicate::slt, *given, shapes.constant(0));
  OpFoldResult axis = importer.host.select(isNegative, shapes.add(*given, shapes.constant(rank)), *given);
  Value chosen = importer.fromIndices(axis, 0, importer.builder.getI64Type()), result = along(0);
  for (int64_t i = 1; i < rank; ++i)
    result = importer.select(importer.compare<EqualOp>(chosen, importer.like(chosen, double(i))), along(i), result);
  return node.set(0, result);
}

//===-- Table ---------------------------------------------------------------------------------------------------===//

ArrayRef<OperatorRow> hone::reduceOperators() {
  static constexpr OperatorRow rows[] = {
      {"ArgMax", 1, importArgReduce<ReduceKind::Max>},
      {"ArgMin", 1, importArgReduce<ReduceKind::Min>},
      {"CumSum", 11, importCumSum},
      {"ReduceL1", 1, importReduceL1},
      {"ReduceL2", 1, importReduceL2},
      {"ReduceLogSum", 1, importReduceLogSum},
      {"ReduceLogSumExp", 1, importReduceLogSumExp},
      {"ReduceMax", 1, importPlain<ReduceKind::Max>},
      {"ReduceMean", 1, importReduceMean},
      {"ReduceMin", 1, importPlain<ReduceKind::Min>},
      {"ReduceProd", 1, importPlain<ReduceKind::Prod>},
      {"ReduceSum", 1, importPlain<ReduceKind::Sum>},
      {"ReduceSumSquare", 1, importReduceSumSquare},
      {"TopK", 1, importTopK},
  };
  return rows;
}
