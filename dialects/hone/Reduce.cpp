// Reductions, running sums and selections as loops over scalars.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Hone.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace hone;

#define GET_OP_CLASSES
#include "dialects/hone/Reduce.cpp.inc"

void HoneDialect::addReduceOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/hone/Reduce.cpp.inc"
      >();
}

//===-- Reduce --------------------------------------------------------------------------------------------------===//

LogicalResult ReduceOp::verify() {
  int64_t last = -1;
  for (int64_t axis : getAxes()) {
    if (failed(verifyAxis(*this, axis, rankOf(getInput()))))
      return failure();
    if (axis <= last)
      return emitOpError("wants axes in ascending order, each once");
    last = axis;
  }
  return success();
}

void ReduceOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  SmallVector<OpFoldResult> input(shapes.dims(getInput()));
  for (auto [i, dim] : llvm::enumerate(input)) {
    if (!llvm::is_contained(getAxes(), int64_t(i)))
      dims.push_back(dim);
    else if (getKeepdims())
      dims.push_back(shapes.constant(1));
  }
}

/// The neutral element of a reduction.
static Value initial(ElementBuilder &e, ReduceKind kind, Type elementType) {
  switch (kind) {
  case ReduceKind::Sum:
    return e.constant(scalarType(elementType), int64_t(0));
  case ReduceKind::Prod:
    return e.constant(scalarType(elementType), int64_t(1));
  case ReduceKind::Max:
    return extremeConstant(e, elementType, Extreme::Lowest);
  case ReduceKind::Min:
    return extremeConstant(e, elementType, Extreme::Highest);
  }
  llvm_unreachable("all kinds handled");
}

static Value combine(ElementBuilder &e, ReduceKind kind, Value a, Value b, bool plain) {
  OpBuilder &builder = e.builder;
  bool isFloat = isa<FloatType>(a.getType());
  // Reductions may be reassociated: the order is fixed by the generated code, not by threads.
  auto order = arith::FastMathFlags::reassoc | arith::FastMathFlags::contract;
  switch (kind) {
  case ReduceKind::Sum:
    return isFloat ? builder.createOrFold<arith::AddFOp>(e.loc, a, b, order)
                   : builder.createOrFold<arith::AddIOp>(e.loc, a, b);
  case ReduceKind::Prod:
    return isFloat ? builder.createOrFold<arith::MulFOp>(e.loc, a, b, order)
                   : builder.createOrFold<arith::MulIOp>(e.loc, a, b);
  case ReduceKind::Max:
    return isFloat ? builder.createOrFold<arith::MaximumFOp>(e.loc, a, b)
           : plain ? builder.createOrFold<arith::MaxUIOp>(e.loc, a, b)
                   : builder.createOrFold<arith::MaxSIOp>(e.loc, a, b);
  case ReduceKind::Min:
    return isFloat ? builder.createOrFold<arith::MinimumFOp>(e.loc, a, b)
           : plain ? builder.createOrFold<arith::MinUIOp>(e.loc, a, b)
                   : builder.createOrFold<arith::MinSIOp>(e.loc, a, b);
  }
  llvm_unreachable("all kinds handled");
}

Value ReduceOp::emitInitial(ElementBuilder &e) { return initial(e, getKind(), elementTypeOf(getInput())); }
Value ReduceOp::emitCombined(ElementBuilder &e, Value a, Value b) {
  return combine(e, getKind(), a, b, isUnsigned(getInput()));
}

Value ReduceOp::emitElement(ElementBuilder &e, ValueRange indices) {
  int64_t rank = rankOf(getInput());
  SmallVector<Value> at(rank);
  SmallVector<Value> kept(indices);
  for (int64_t i = 0, next = 0; i < rank; ++i) {
    bool reduced = llvm::is_contained(getAxes(), i);
    if (!reduced)
      at[i] = kept[next];
    next += !reduced || getKeepdims();
  }
  std::function<Value(unsigned, Value)> nest = [&](unsigned depth, Value accumulator) -> Value {
    if (depth == getAxes().size())
      return emitCombined(e, accumulator, e.load(getInput(), at));
    int64_t axis = getAxes()[depth];
    bool innermost = depth + 1 == getAxes().size();
    return e.loop(
        e.index(0), e.dim(getInput(), axis), {accumulator},
        [&](Value i, ValueRange carried) {
          at[axis] = i;
          return SmallVector<Value>{nest(depth + 1, carried[0])};
        },
        /*vectorize=*/innermost)[0];
  };
  return nest(0, emitInitial(e));
}

//===-- Arg-reduce ----------------------------------------------------------------------------------------------===//

LogicalResult ArgReduceOp::verify() {
  if (getKind() != ReduceKind::Max && getKind() != ReduceKind::Min)
    return emitOpError("wants kind max or min");
  return verifyAxis(*this, getAxis(), rankOf(getInput()));
}
void ArgReduceOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getInput()));
  if (getKeepdims())
    dims[getAxis()] = shapes.constant(1);
  else
    dims.erase(dims.begin() + getAxis());
}

/// Whether `a` comes before `b` in an order that starts with the greatest (or least) element, and with NaN or ends with
/// it.
static Value comesBefore(ElementBuilder &e, Value a, Value b, bool greatestFirst, bool plain, bool orEqual,
                         bool nanFirst = true) {
  if (isa<FloatType>(a.getType())) {
    auto predicate = greatestFirst ? (orEqual ? arith::CmpFPredicate::OGE : arith::CmpFPredicate::OGT)
                                   : (orEqual ? arith::CmpFPredicate::OLE : arith::CmpFPredicate::OLT);
    Value ordered = arith::CmpFOp::create(e.builder, e.loc, predicate, a, b);
    Value aIsNan = arith::CmpFOp::create(e.builder, e.loc, arith::CmpFPredicate::UNO, a, a);
    Value bIsNan = arith::CmpFOp::create(e.builder, e.loc, arith::CmpFPredicate::UNO, b, b);
    Value yes = e.constant(e.builder.getI1Type(), int64_t(1));
    // Where both are NaN, neither comes before the other.
    Value nan = nanFirst ? aIsNan : bIsNan;
    Value number = arith::XOrIOp::create(e.builder, e.loc, nanFirst ? bIsNan : aIsNan, yes);
    Value byNan = orEqual ? nan : Value(arith::AndIOp::create(e.builder, e.loc, nan, number));
    return arith::OrIOp::create(e.builder, e.loc, ordered, byNan);
  }
  using P = arith::CmpIPredicate;
  auto predicate = greatestFirst ? (plain ? (orEqual ? P::uge : P::ugt) : (orEqual ? P::sge : P::sgt))
                                 : (plain ? (orEqual ? P::ule : P::ult) : (orEqual ? P::sle : P::slt));
  return e.compare(predicate, a, b);
}

Value ArgReduceOp::emitElement(ElementBuilder &e, ValueRange indices) {
  SmallVector<Value> at(indices);
  int64_t axis = getAxis();
  if (!getKeepdims())
    at.insert(at.begin() + axis, Value());
  at[axis] = e.index(0);
  Value size = e.dim(getInput(), axis);
  // The first element starts the search: a run over an empty axis has no answer and reads nothing.
  Value empty = e.compare(arith::CmpIPredicate::eq, size, e.index(0));
  e.failIf(empty);
  Value first = e.choose(
      empty, scalarType(elementTypeOf(getInput())),
      [&] { return e.constant(scalarType(elementTypeOf(getInput())), int64_t(0)); },
      [&] { return e.load(getInput(), at); });
  bool plain = isUnsigned(getInput());
  auto best = e.loop(e.index(1), size, {first, e.index(0)}, [&](Value i, ValueRange carried) {
    at[axis] = i;
    Value x = e.load(getInput(), at);
    Value better = comesBefore(e, x, carried[0], getKind() == ReduceKind::Max, plain, getSelectLast());
    return SmallVector<Value>{e.select(better, x, carried[0]), e.select(better, i, carried[1])};
  });
  return e.builder.createOrFold<arith::IndexCastOp>(e.loc, scalarType(elementTypeOf(getOutput())), best[1]);
}

//===-- Loops along an axis -------------------------------------------------------------------------------------===//

/// The number of rows along `axis`: the product of all other dims.
static OpFoldResult rowCount(ShapeBuilder &shapes, Value input, int64_t axis) {
  SmallVector<OpFoldResult> dims(shapes.dims(input));
  dims.erase(dims.begin() + axis);
  return shapes.product(dims);
}
/// The position of row `iteration`, with a hole at `axis`.
static SmallVector<Value> rowIndices(ElementBuilder &e, Value input, int64_t axis, Value iteration) {
  SmallVector<Value> sizes = e.dims(input);
  sizes.erase(sizes.begin() + axis);
  SmallVector<Value> at = e.delinearize(iteration, sizes);
  at.insert(at.begin() + axis, Value());
  return at;
}

LogicalResult CumSumOp::verify() { return verifyAxis(*this, getAxis(), rankOf(getInput())); }
void CumSumOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getInput()));
}
OpFoldResult CumSumOp::iterationCount(ShapeBuilder &shapes) { return rowCount(shapes, getInput(), getAxis()); }
void CumSumOp::emitIteration(ElementBuilder &e, Value iteration) {
  int64_t axis = getAxis();
  SmallVector<Value> at = rowIndices(e, getInput(), axis, iteration);
  Value size = e.dim(getInput(), axis), last = e.sub(size, e.index(1));
  Type type = scalarType(elementTypeOf(getInput()));
  e.loop(e.index(0), size, {e.constant(type, int64_t(0))}, [&](Value i, ValueRange carried) {
    at[axis] = getReverse() ? e.sub(last, i) : i;
    Value x = e.load(getInput(), at);
    // In order: no reassociation, the order of additions is the op's meaning.
    Value sum = isa<FloatType>(type) ? Value(arith::AddFOp::create(e.builder, e.loc, carried[0], x))
                                     : Value(arith::AddIOp::create(e.builder, e.loc, carried[0], x));
    e.store(0, at, getExclusive() ? carried[0] : sum);
    return SmallVector<Value>{sum};
  });
}

LogicalResult TopKOp::verify() { return verifyAxis(*this, getAxis(), rankOf(getInput())); }
void TopKOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getInput()));
  dims[getAxis()] = getAsOpFoldResult(getK());
}
OpFoldResult TopKOp::iterationCount(ShapeBuilder &shapes) { return rowCount(shapes, getInput(), getAxis()); }
void TopKOp::emitIteration(ElementBuilder &e, Value iteration) {
  // Insertion into the sorted results so far: O(size · k) at worst, O(size) where few elements beat the k-th.
  int64_t axis = getAxis();
  SmallVector<Value> at = rowIndices(e, getInput(), axis, iteration);
  Value k = e.operand(getK()), one = e.index(1);
  bool plain = isUnsigned(getInput());
  Type position = scalarType(elementTypeOf(getPositions()));
  auto result = [&](Value slot) {
    SmallVector<Value> own(at);
    own[axis] = slot;
    return own;
  };
  e.loop(e.index(0), e.dim(getInput(), axis), {e.index(0)}, [&](Value i, ValueRange carried) {
    at[axis] = i;
    Value x = e.load(getInput(), at);
    Value filled = carried[0];
    Value full = e.compare(arith::CmpIPredicate::eq, filled, k);
    // Walk down from the last kept element; x replaces the last one if all slots are taken.
    Value start = e.select(full, e.sub(k, one), filled);
    Value none = e.compare(arith::CmpIPredicate::eq, k, e.index(0));
    Value beatsLast = e.choose(
        full, e.builder.getI1Type(),
        [&] {
          return e.choose(
              none, e.builder.getI1Type(), [&] { return e.constant(e.builder.getI1Type(), int64_t(0)); },
              [&] {
                return comesBefore(e, x, e.loadResult(0, result(start)), getLargest(), plain, false,
                                   /*nanFirst=*/getLargest());
              });
        },
        [&] { return e.constant(e.builder.getI1Type(), int64_t(1)); });
    // slot counts down over elements that x comes before; the loop has a fixed bound and stops moving once placed.
    Value steps = e.select(beatsLast, start, e.index(0));
    auto placed =
        e.loop(e.index(0), steps, {start, e.constant(e.builder.getI1Type(), int64_t(1))}, [&](Value, ValueRange state) {
          Value slot = state[0], moving = state[1];
          Value previous = e.select(moving, e.sub(slot, one), e.index(0));
          Value other = e.loadResult(0, result(previous));
          Value moves = e.builder.createOrFold<arith::AndIOp>(
              e.loc, moving, comesBefore(e, x, other, getLargest(), plain, false, /*nanFirst=*/getLargest()));
          Value otherPosition = e.loadResult(1, result(previous));
          Value target = e.select(moves, slot, previous);
          e.store(0, result(target), other);
          e.store(1, result(target), otherPosition);
          return SmallVector<Value>{e.select(moves, previous, slot), moves};
        });
    e.when(beatsLast, [&] {
      e.store(0, result(placed[0]), x);
      e.store(1, result(placed[0]), e.builder.createOrFold<arith::IndexCastOp>(e.loc, position, i));
    });
    return SmallVector<Value>{e.select(full, filled, e.add(filled, one))};
  });
}
