// Reductions and running sums as loops over scalars.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Axis.h"
#include "dialects/hone/Hone.h"
#include "dialects/hone/RowFacts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/TypeUtilities.h"

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

Value hone::neutralElement(ElementBuilder &e, ReduceKind kind, Type elementType) {
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

// Of vectors of elements, too.
Value hone::combine(ElementBuilder &e, ReduceKind kind, Value a, Value b, Type elementType) {
  OpBuilder &builder = e.builder;
  bool plain = elementType.isUnsignedInteger() || elementType.isInteger(1);
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(a));
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

Structure ReduceOp::getStructure(ShapeBuilder &shapes) {
  Structure structure(*this);
  FactoredDims dims = structure.addAll(SmallVector<OpFoldResult>(shapes.dims(getInput())));
  structure.operands[0] = dims;
  for (int64_t axis : getAxes()) {
    structure.factors[axis].kind = FactorKind::Reduction;
    structure.factors[axis].combiner = getKind();
    dims[axis].extent = Extent::One;
  }
  if (!getKeepdims())
    llvm::erase_if(dims, [](const FactoredDim &dim) { return dim.extent == Extent::One; });
  structure.results[0] = dims;
  return structure;
}
void ReduceOp::renumberDims(ArrayRef<int64_t> operandDims, ArrayRef<int64_t>) {
  SmallVector<int64_t> axes = llvm::map_to_vector(getAxes(), [&](int64_t axis) { return operandDims[axis]; });
  llvm::sort(axes);
  axes.erase(llvm::unique(axes), axes.end());
  setAxes(axes);
}

SmallVector<Value> ReduceOp::accumulatedSizes(ElementBuilder &e) {
  return llvm::map_to_vector(getAxes(), [&](int64_t axis) { return e.dim(getInput(), axis); });
}
Value ReduceOp::emitInitial(ElementBuilder &e) { return neutralElement(e, getKind(), elementTypeOf(getInput())); }
Value ReduceOp::emitStep(ElementBuilder &e, ValueRange indices, ValueRange positions, Value partial) {
  SmallVector<Value> at;
  for (int64_t i = 0, rank = rankOf(getInput()); i < rank; ++i) {
    bool isReduced = llvm::is_contained(getAxes(), i);
    at.push_back(isReduced ? positions.front() : indices.front());
    if (isReduced)
      positions = positions.drop_front();
    if (!isReduced || getKeepdims())
      indices = indices.drop_front();
  }
  Value x = e.load(getInput(), at);
  // One instruction; a maximum that keeps NaN takes three to six.
  if ((*this)->hasAttr(kNumbersAttr) && getKind() == ReduceKind::Max && isa<Float32Type, Float64Type>(x.getType()))
    return e.builder.createOrFold<arith::MaxNumFOp>(e.loc, partial, x,
                                                    arith::FastMathFlags::nnan | arith::FastMathFlags::nsz);
  return combine(e, getKind(), partial, x, elementTypeOf(getInput()));
}
Value ReduceOp::emitElement(ElementBuilder &e, ValueRange indices) { return emitAccumulated(*this, e, indices); }

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

Structure ArgReduceOp::getStructure(ShapeBuilder &shapes) {
  Structure structure = axisStructure(*this, shapes, getAxis());
  FactoredDims &dims = structure.results[0];
  if (getKeepdims())
    dims[getAxis()].extent = Extent::One;
  else
    dims.erase(dims.begin() + getAxis());
  return structure;
}
void ArgReduceOp::renumberDims(ArrayRef<int64_t> operandDims, ArrayRef<int64_t>) { setAxis(operandDims[getAxis()]); }

Value ArgReduceOp::emitElement(ElementBuilder &e, ValueRange indices) {
  SmallVector<Value> at(indices);
  int64_t axis = getAxis();
  if (!getKeepdims())
    at.insert(at.begin() + axis, Value());
  Value size = e.dim(getInput(), axis), zero = e.index(0);
  // Two loops, because both vectorise: the value, then its first or last position.
  bool plain = isUnsigned(getInput()), isLast = getSelectLast();
  Value best = e.loop(
      zero, size, {neutralElement(e, getKind(), elementTypeOf(getInput()))},
      [&](Value i, ValueRange carried) {
        at[axis] = i;
        return SmallVector<Value>{combine(e, getKind(), carried[0], e.load(getInput(), at), elementTypeOf(getInput()))};
      },
      /*vectorize=*/true)[0];
  Value none = isLast ? zero : size;
  Value found = e.loop(
      zero, size, {none},
      [&](Value i, ValueRange carried) {
        at[axis] = i;
        Value x = e.load(getInput(), at);
        Value isBest = comesBefore(e, x, best, getKind() == ReduceKind::Max, plain, /*orEqual=*/true);
        Value position = e.select(isBest, i, none);
        return SmallVector<Value>{
            combine(e, isLast ? ReduceKind::Max : ReduceKind::Min, carried[0], position, position.getType())};
      },
      /*vectorize=*/true)[0];
  return e.builder.createOrFold<arith::IndexCastOp>(e.loc, scalarType(elementTypeOf(getOutput())), found);
}

//===-- Loops along an axis -------------------------------------------------------------------------------------===//

LogicalResult CumSumOp::verify() { return verifyAxis(*this, getAxis(), rankOf(getInput())); }
void CumSumOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getInput()));
}

Structure CumSumOp::getStructure(ShapeBuilder &shapes) { return axisStructure(*this, shapes, getAxis()); }
void CumSumOp::renumberDims(ArrayRef<int64_t> operandDims, ArrayRef<int64_t>) { setAxis(operandDims[getAxis()]); }

/// Sums along an outer axis are added up row by row, vectorised, in blocks of this many columns that threads share out.
static constexpr int64_t kCumsumColumns = 256;

OpFoldResult CumSumOp::iterationCount(ShapeBuilder &shapes) {
  int64_t axis = getAxis();
  SmallVector<OpFoldResult> dims(shapes.dims(getInput()));
  if (axis + 1 != rankOf(getInput()))
    dims.back() = shapes.ceilDiv(dims.back(), shapes.constant(kCumsumColumns));
  return rowCount(shapes, dims, axis);
}

void CumSumOp::emitIteration(ElementBuilder &e, Value iteration) {
  int64_t axis = getAxis();
  SmallVector<Value> sizes = e.dims(getInput());
  Value size = sizes[axis], zero = e.index(0), one = e.index(1), last = e.sub(size, one);
  Type type = scalarType(elementTypeOf(getInput()));
  auto position = [&](Value i) { return getReverse() ? e.sub(last, i) : i; };
  // In order: no reassociation, the order of additions is the op's meaning.
  auto sum = [&](Value a, Value b) {
    return isa<FloatType>(type) ? e.builder.createOrFold<arith::AddFOp>(e.loc, a, b) : e.add(a, b);
  };
  Value nothing = e.constant(type, int64_t(0));
  if (axis + 1 == rankOf(getInput())) {
    SmallVector<Value> at = rowIndices(e, sizes, axis, iteration);
    e.loop(zero, size, {nothing}, [&](Value i, ValueRange carried) {
      at[axis] = position(i);
      Value next = sum(carried[0], e.load(getInput(), at));
      e.store(0, at, getExclusive() ? carried[0] : next);
      return SmallVector<Value>{next};
    });
    return;
  }

  Value columns = e.index(kCumsumColumns), width = sizes.back();
  sizes.back() = e.builder.createOrFold<arith::CeilDivUIOp>(e.loc, width, columns);
  SmallVector<Value> at = rowIndices(e, sizes, axis, iteration);
  Value begin = e.mul(at.back(), columns);
  Value end = e.builder.createOrFold<arith::MinSIOp>(e.loc, e.add(begin, columns), width);
  auto overColumns = [&](function_ref<Value()> element, Value row) {
    e.loop(
        begin, end, {},
        [&](Value column, ValueRange) {
          at.back() = column;
          Value x = element();
          at[axis] = row;
          e.store(0, at, x);
          return SmallVector<Value>();
        },
        /*vectorize=*/true);
  };
  auto loadAt = [&](Value row) {
    at[axis] = row;
    return e.load(getInput(), at);
  };
  Value first = position(zero);
  e.when(e.compare(arith::CmpIPredicate::ne, size, zero),
         [&] { overColumns([&] { return getExclusive() ? nothing : sum(nothing, loadAt(first)); }, first); });
  e.loop(one, size, {}, [&](Value i, ValueRange) {
    Value row = position(i), previous = position(e.sub(i, one));
    overColumns(
        [&] {
          Value x = loadAt(getExclusive() ? previous : row);
          at[axis] = previous;
          return sum(e.loadResult(0, at), x);
        },
        row);
    return SmallVector<Value>();
  });
}
