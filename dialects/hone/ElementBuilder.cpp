// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/ElementBuilder.h"
#include "dialects/hone/Hone.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace hone;

Type hone::scalarType(Type type) {
  Type element = getElementTypeOrSelf(type);
  if (isa<IntegerType>(element) || isHalf(element))
    return IntegerType::get(type.getContext(), element.getIntOrFloatBitWidth());
  return element;
}

void ElementBuilder::store(unsigned, ValueRange, Value) { llvm_unreachable("this builder has no results to write"); }
Value ElementBuilder::loadResult(unsigned, ValueRange) { llvm_unreachable("this builder has no results to read"); }

SmallVector<Value> ElementBuilder::loop(Value lower, Value upper, ValueRange initial,
                                        function_ref<SmallVector<Value>(Value, ValueRange)> body, bool) {
  if (unrolls()) {
    SmallVector<Value> carried(initial);
    auto from = getConstantIntValue(lower), to = getConstantIntValue(upper);
    assert(from && to && "loops that unroll have known bounds");
    for (int64_t i = *from; i < *to; ++i)
      carried = body(index(i), carried);
    return carried;
  }
  auto loop = scf::ForOp::create(builder, loc, lower, upper, index(1), initial);
  OpBuilder::InsertionGuard guard(builder);
  Block *block = loop.getBody();
  if (initial.empty())
    builder.setInsertionPoint(block->getTerminator());
  else
    builder.setInsertionPointToEnd(block);
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!initial.empty())
    scf::YieldOp::create(builder, loc, next);
  return SmallVector<Value>(loop.getResults());
}

void ElementBuilder::over(Value lower, Value upper, bool vectorize, function_ref<void(Value)> body) {
  loop(
      lower, upper, {},
      [&](Value i, ValueRange) {
        body(i);
        return SmallVector<Value>();
      },
      vectorize);
}

Value ElementBuilder::choose(Value condition, Type type, function_ref<Value()> onTrue, function_ref<Value()> onFalse) {
  if (auto known = getConstantIntValue(condition))
    return *known ? onTrue() : onFalse();
  auto op = scf::IfOp::create(builder, loc, TypeRange{type}, condition, /*addThenBlock=*/true, /*addElseBlock=*/true);
  builder.setInsertionPointToEnd(op.thenBlock());
  scf::YieldOp::create(builder, loc, onTrue());
  builder.setInsertionPointToEnd(op.elseBlock());
  scf::YieldOp::create(builder, loc, onFalse());
  builder.setInsertionPointAfter(op);
  return op.getResult(0);
}

Value ElementBuilder::index(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }

Value ElementBuilder::constant(TypedAttr value) { return arith::ConstantOp::create(builder, loc, value); }

Value ElementBuilder::constant(Type type, double value) {
  if (isa<FloatType>(type))
    return constant(TypedAttr(FloatAttr::get(type, value)));
  return constant(TypedAttr(IntegerAttr::get(type, int64_t(value))));
}

Value ElementBuilder::constant(Type type, int64_t value) {
  if (isa<FloatType>(type))
    return constant(TypedAttr(FloatAttr::get(type, double(value))));
  if (type.isInteger(1))
    return constant(TypedAttr(BoolAttr::get(type.getContext(), value != 0)));
  return constant(TypedAttr(IntegerAttr::get(type, value)));
}

Value ElementBuilder::add(Value a, Value b) { return builder.createOrFold<arith::AddIOp>(loc, a, b); }
Value ElementBuilder::sub(Value a, Value b) { return builder.createOrFold<arith::SubIOp>(loc, a, b); }
Value ElementBuilder::mul(Value a, Value b) { return builder.createOrFold<arith::MulIOp>(loc, a, b); }
Value ElementBuilder::compare(arith::CmpIPredicate predicate, Value a, Value b) {
  return builder.createOrFold<arith::CmpIOp>(loc, predicate, a, b);
}
Value ElementBuilder::select(Value condition, Value a, Value b) {
  return builder.createOrFold<arith::SelectOp>(loc, condition, a, b);
}

Value ElementBuilder::toIndex(Value scalar, bool isUnsigned) {
  Type type = builder.getIndexType();
  if (scalar.getType() == type)
    return scalar;
  return isUnsigned ? builder.createOrFold<arith::IndexCastUIOp>(loc, type, scalar)
                    : builder.createOrFold<arith::IndexCastOp>(loc, type, scalar);
}

Value ElementBuilder::checkedIndex(Value scalar, Value size) {
  Value position = toIndex(scalar);
  Value zero = index(0);
  Value negative = compare(arith::CmpIPredicate::slt, position, zero);
  Value wrapped = select(negative, add(position, size), position);
  // One unsigned comparison sees both ends; data never reads outside even where it fails.
  Value outside = compare(arith::CmpIPredicate::uge, wrapped, size);
  failIf(outside);
  return select(outside, zero, wrapped);
}

void ElementBuilder::when(Value condition, function_ref<void()> body) {
  Type type = builder.getI1Type();
  choose(
      condition, type,
      [&] {
        body();
        return constant(type, int64_t(1));
      },
      [&] { return constant(type, int64_t(0)); });
}

SmallVector<Value> ElementBuilder::loopBounds(SmallVector<Value> sizes) {
  if (sizes.empty())
    return sizes;
  Value zero = index(0);
  for (Value size : llvm::drop_begin(sizes))
    sizes[0] = select(compare(arith::CmpIPredicate::eq, size, zero), zero, sizes[0]);
  return sizes;
}

SmallVector<Value> ElementBuilder::delinearize(Value linear, ArrayRef<Value> dims) {
  SmallVector<Value> indices(dims.size());
  for (size_t i = dims.size(); i-- > 1;) {
    // Empty dims have no elements, so the divisor is never 0 where this runs.
    indices[i] = builder.createOrFold<arith::RemUIOp>(loc, linear, dims[i]);
    linear = builder.createOrFold<arith::DivUIOp>(loc, linear, dims[i]);
  }
  if (!dims.empty())
    indices[0] = linear;
  return indices;
}

Value ElementBuilder::linearize(ValueRange indices, ArrayRef<Value> dims) {
  if (indices.empty())
    return index(0);
  Value linear = indices[0];
  for (size_t i = 1; i < indices.size(); ++i)
    linear = add(mul(linear, dims[i]), indices[i]);
  return linear;
}

SmallVector<Value> ElementBuilder::dims(Value tensor) {
  SmallVector<Value> out;
  for (int64_t i = 0; i < rankOf(tensor); ++i)
    out.push_back(dim(tensor, i));
  return out;
}

Value hone::extremeConstant(ElementBuilder &elements, Type elementType, Extreme which) {
  Type type = scalarType(elementType);
  bool highest = which == Extreme::Highest;
  if (auto floating = dyn_cast<FloatType>(type))
    return elements.constant(
        TypedAttr(FloatAttr::get(floating, APFloat::getInf(floating.getFloatSemantics(), /*Negative=*/!highest))));
  unsigned width = type.getIntOrFloatBitWidth();
  bool isUnsigned = getElementTypeOrSelf(elementType).isUnsignedInteger() || width == 1;
  APInt value = isUnsigned ? (highest ? APInt::getMaxValue(width) : APInt::getMinValue(width))
                           : (highest ? APInt::getSignedMaxValue(width) : APInt::getSignedMinValue(width));
  return elements.constant(TypedAttr(IntegerAttr::get(type, value)));
}

Value hone::broadcastIndex(ElementBuilder &elements, Value operand, int64_t dim, Value result, int64_t resultDim,
                           Value index) {
  auto type = cast<RankedTensorType>(operand.getType());
  if (type.getDimSize(dim) == 1)
    return elements.index(0);
  if (!type.isDynamicDim(dim))
    return index;
  Value mine = elements.dim(operand, dim);
  if (mine == elements.dim(result, resultDim))
    return index;
  Value isOne = elements.compare(arith::CmpIPredicate::eq, mine, elements.index(1));
  return elements.select(isOne, elements.index(0), index);
}

Value hone::emitAccumulated(AccumulateOpInterface op, ElementBuilder &elements, ValueRange indices) {
  SmallVector<Value> bounds = elements.loopBounds(op.accumulatedSizes(elements)), positions;
  std::function<Value(Value)> nest = [&](Value partial) -> Value {
    size_t depth = positions.size();
    if (depth == bounds.size())
      return op.emitStep(elements, indices, positions, partial);
    return elements.loop(
        elements.index(0), bounds[depth], {partial},
        [&](Value position, ValueRange carried) {
          positions.push_back(position);
          Value next = nest(carried[0]);
          positions.pop_back();
          return SmallVector<Value>{next};
        },
        /*vectorize=*/depth + 1 == bounds.size())[0];
  };
  return nest(op.emitInitial(elements));
}

SmallVector<Value> hone::broadcastIndices(ElementBuilder &elements, Value operand, Value result, ValueRange indices) {
  int64_t rank = rankOf(operand), lead = int64_t(indices.size()) - rank;
  SmallVector<Value> own;
  for (int64_t i = 0; i < rank; ++i)
    own.push_back(broadcastIndex(elements, operand, i, result, lead + i, indices[lead + i]));
  return own;
}
