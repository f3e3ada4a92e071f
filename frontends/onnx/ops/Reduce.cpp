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
  HostVector isReduced; ///< a condition per dim
  size_t axisCount;
  bool keepdims;
};
} // namespace

static std::optional<Reduction> reductionOf(Node &node, Importer &importer) {
  Value x = node.input(0);
  std::optional<HostVector> axes;
  if (failed(importer.axesOf(node, 1, axes)))
    return std::nullopt;
  Reduction result{x, {}, 0, node.isOne("keepdims", true)};
  if (!axes || axes->empty()) {
    // Nothing said: all axes, or none at all, which leaves the element-wise part of the operator.
    bool isAll = !node.isOne("noop_with_empty_axes", false);
    result.isReduced.assign(rankOf(x), importer.host.condition(isAll));
    result.axisCount = isAll ? rankOf(x) : 0;
    return result;
  }
  auto named = importer.namedDims(*axes, rankOf(x), /*isUnique=*/!result.keepdims);
  if (!named)
    return std::nullopt;
  result.isReduced = *named;
  result.axisCount = axes->size();
  return result;
}

/// x reduced along `axis` if `isReduced` holds at run time: one of [reduced x, x] joined along the axis.
static Value reduceIf(Importer &importer, ReduceKind kind, Value x, int64_t axis, OpFoldResult isReduced) {
  if (!x)
    return x;
  ShapeBuilder &shapes = importer.shapes;
  OpFoldResult zero = shapes.constant(0), one = shapes.constant(1);
  Value parts[] = {importer.reduce(kind, x, axis), x};
  Value both = parts[0] ? importer.create<ConcatOp>(elementTypeOf(x), rankOf(x), ValueRange(parts), axis) : Value();
  OpFoldResult start = importer.host.select(isReduced, zero, one);
  return importer.part(both, axis, start, importer.host.select(isReduced, one, shapes.dim(x, axis)));
}

static Value reduce(Importer &importer, const Reduction &r, ReduceKind kind, Value x, bool keepdims) {
  if (!x)
    return x;
  SmallVector<int64_t> axes;
  bool isKnown = true;
  for (auto [i, isReduced] : llvm::enumerate(r.isReduced)) {
    auto known = ShapeBuilder::getConstant(isReduced);
    isKnown &= known.has_value();
    if (known && *known)
      axes.push_back(i);
  }
  if (isKnown)
    return importer.reduce(kind, x, axes, keepdims);
  HostVector kept = importer.dropDims(importer.shapes.dims(x), r.isReduced, rankOf(x) - (keepdims ? 0 : r.axisCount));
  for (auto [i, isReduced] : llvm::enumerate(r.isReduced))
    x = reduceIf(importer, kind, x, i, isReduced);
  return keepdims ? x : importer.reshape(x, kept);
}

static Value sum(Importer &importer, const Reduction &r, Value x) {
  return reduce(importer, r, ReduceKind::Sum, x, r.keepdims);
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
  return r ? node.set(0, reduce(importer, *r, kind, r->x, r->keepdims)) : failure();
}
static LogicalResult importReduceMean(Node &node, Importer &importer) {
  auto r = reductionOf(node, importer);
  if (!r)
    return failure();
  HostVector counted;
  for (auto [i, isReduced] : llvm::enumerate(r->isReduced))
    counted.push_back(importer.host.select(isReduced, importer.shapes.dim(r->x, i), importer.shapes.constant(1)));
  return node.set(0, importer.divide(sum(importer, *r, r->x), importer.shapes.product(counted)));
}
static LogicalResult importReduceL1(Node &node, Importer &importer) {
  auto r = reductionOf(node, importer);
  return r ? node.set(0, sum(importer, *r, importer.unary<AbsOp>(r->x))) : failure();
}
static LogicalResult importReduceSumSquare(Node &node, Importer &importer) {
  auto r = reductionOf(node, importer);
  return r ? node.set(0, sum(importer, *r, importer.binary<MulOp>(r->x, r->x))) : failure();
}

//===-- Global pools --------------------------------------------------------------------------------------------===//

/// The axes behind batch and channels; nothing (and an error) where these are missing.
static std::optional<SmallVector<int64_t>> pooledAxes(Node &node, Importer &importer) {
  int64_t rank = rankOf(node.input(0));
  if (rank >= 2)
    return llvm::to_vector(llvm::seq<int64_t>(2, rank));
  importer.report("the data must have 2 dims or more, [batch, channels, …], not " + Twine(rank));
  return std::nullopt;
}

static LogicalResult importGlobalAveragePool(Node &node, Importer &importer) {
  auto axes = pooledAxes(node, importer);
  return axes ? node.set(0, importer.mean(node.input(0), *axes)) : failure();
}

static LogicalResult importGlobalMaxPool(Node &node, Importer &importer) {
  auto axes = pooledAxes(node, importer);
  return axes ? node.set(0, importer.reduce(ReduceKind::Max, node.input(0), *axes)) : failure();
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
                      Value greatest = reduce(importer, *r, ReduceKind::Max, x, keepdims);
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
  bool keepdims = node.isOne("keepdims", true), selectsLast = node.getInt("select_last_index", 0) != 0;
  Value found = importer.create<ArgReduceOp>(importer.builder.getI64Type(), rankOf(x) - !keepdims, kind, x, *axis,
                                             keepdims, selectsLast);
  return node.set(0, importer.checkIndexed(found, x, *axis));
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
  // Along the last axis, whatever the model's: rows are read and sorted many times over.
  int64_t last = rankOf(x) - 1;
  SmallVector<int64_t> exchange = llvm::to_vector(llvm::seq(last + 1));
  std::swap(exchange[*axis], exchange[last]);
  auto exchanged = [&](Value tensor) { return importer.transpose(tensor, exchange); };
  SmallVector<int64_t> dynamic(rankOf(x), ShapedType::kDynamic);
  Type types[] = {RankedTensorType::get(dynamic, elementTypeOf(x)),
                  RankedTensorType::get(dynamic, importer.builder.getI64Type())};
  auto op = TopKOp::create(importer.builder, importer.loc, types, exchanged(x), importer.shapes.materialize(*k), last,
                           node.isOne("largest", true));
  refineResultTypes(importer.shapes, op);
  importer.shapes.assume(*k, {0, kMaxDim});
  return success(succeeded(node.set(0, exchanged(op.getValues()))) &&
                 succeeded(node.set(1, exchanged(op.getPositions()))));
}

static LogicalResult importCumSum(Node &node, Importer &importer) {
  Value x = node.input(0);
  ShapeBuilder &shapes = importer.shapes;
  auto given = importer.hostScalar(node, 1);
  int64_t rank = rankOf(x);
  if (rank == 0)
    return importer.fail("wants a tensor of one dim or more");
  if (!given || !importer.checkRange(*given, shapes.constant(-rank), shapes.constant(rank - 1), "axis"))
    return failure();
  auto isExclusive = importer.flag(node, "exclusive"), isReverse = importer.flag(node, "reverse");
  if (!isExclusive || !isReverse)
    return failure();
  auto along = [&](int64_t axis) { return importer.unary<CumSumOp>(x, axis, *isExclusive, *isReverse); };
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
      {"GlobalAveragePool", 1, importGlobalAveragePool},
      {"GlobalMaxPool", 1, importGlobalMaxPool},
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
