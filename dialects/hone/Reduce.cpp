// Reductions, running sums and selections as loops over scalars.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Hone.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
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
  axes.erase(llvm::unique(axes), axes.end());
  setAxes(axes);
}

SmallVector<Value> ReduceOp::accumulatedSizes(ElementBuilder &e) {
  return llvm::map_to_vector(getAxes(), [&](int64_t axis) { return e.dim(getInput(), axis); });
}
Value ReduceOp::emitInitial(ElementBuilder &e) { return initial(e, getKind(), elementTypeOf(getInput())); }
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
  return combine(e, getKind(), partial, e.load(getInput(), at), isUnsigned(getInput()));
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

/// Of an op along an axis of its first operand, whose results have the same dims.
static Structure axisStructure(Operation *op, ShapeBuilder &shapes, int64_t axis) {
  Structure structure(op);
  structure.operands[0] = structure.addAll(SmallVector<OpFoldResult>(shapes.dims(op->getOperand(0))));
  structure.factors[axis].kind = FactorKind::Row;
  for (FactoredDims &dims : structure.results)
    dims = structure.operands[0];
  return structure;
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

/// Whether `a` comes before `b` in an order that starts with the greatest (or least) element, and with NaN or ends with
/// it.
static Value comesBefore(ElementBuilder &e, Value a, Value b, bool greatestFirst, bool plain, bool orEqual,
                         bool nanFirst = true) {
  if (isa<FloatType>(a.getType())) {
    using P = arith::CmpFPredicate;
    auto predicate = greatestFirst ? (orEqual ? P::OGE : P::UGT) : (orEqual ? P::OLE : P::ULT);
    auto test = [&](P predicate, Value x, Value y) {
      return e.builder.createOrFold<arith::CmpFOp>(e.loc, predicate, x, y);
    };
    Value byOrder = test(predicate, a, b);
    // Where both are NaN, neither comes before the other.
    if (orEqual)
      return e.builder.createOrFold<arith::OrIOp>(e.loc, byOrder, test(P::UNO, nanFirst ? a : b, nanFirst ? a : b));
    return e.builder.createOrFold<arith::AndIOp>(e.loc, byOrder, test(P::ORD, nanFirst ? b : a, nanFirst ? b : a));
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
  Value size = e.dim(getInput(), axis), zero = e.index(0);
  // Two loops, because both vectorise: the value, then its first or last position.
  bool plain = isUnsigned(getInput()), isLast = getSelectLast();
  Value best = e.loop(
      zero, size, {initial(e, getKind(), elementTypeOf(getInput()))},
      [&](Value i, ValueRange carried) {
        at[axis] = i;
        return SmallVector<Value>{combine(e, getKind(), carried[0], e.load(getInput(), at), plain)};
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
        return SmallVector<Value>{combine(e, isLast ? ReduceKind::Max : ReduceKind::Min, carried[0], position, false)};
      },
      /*vectorize=*/true)[0];
  return e.builder.createOrFold<arith::IndexCastOp>(e.loc, scalarType(elementTypeOf(getOutput())), found);
}

//===-- Loops along an axis -------------------------------------------------------------------------------------===//

/// The number of rows along `axis`, and the position of row `iteration` with a hole at `axis`.
static OpFoldResult rowCount(ShapeBuilder &shapes, SmallVector<OpFoldResult> dims, int64_t axis) {
  dims.erase(dims.begin() + axis);
  return shapes.product(dims);
}
static SmallVector<Value> rowIndices(ElementBuilder &e, SmallVector<Value> dims, int64_t axis, Value iteration) {
  dims.erase(dims.begin() + axis);
  SmallVector<Value> at = e.delinearize(iteration, dims);
  at.insert(at.begin() + axis, Value());
  return at;
}

LogicalResult CumSumOp::verify() { return verifyAxis(*this, getAxis(), rankOf(getInput())); }
void CumSumOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getInput()));
}

Structure CumSumOp::getStructure(ShapeBuilder &shapes) { return axisStructure(*this, shapes, getAxis()); }
void CumSumOp::renumberDims(ArrayRef<int64_t> operandDims, ArrayRef<int64_t>) { setAxis(operandDims[getAxis()]); }

/// Sums along an outer axis are added up row by row, vectorised, in blocks of this many columns that threads share out.
static constexpr int64_t cumsumColumns = 256;

OpFoldResult CumSumOp::iterationCount(ShapeBuilder &shapes) {
  int64_t axis = getAxis();
  SmallVector<OpFoldResult> dims(shapes.dims(getInput()));
  if (axis + 1 != rankOf(getInput()))
    dims.back() = shapes.ceilDiv(dims.back(), shapes.constant(cumsumColumns));
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

  Value columns = e.index(cumsumColumns), width = sizes.back();
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

LogicalResult TopKOp::verify() { return verifyAxis(*this, getAxis(), rankOf(getInput())); }
void TopKOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getInput()));
  dims[getAxis()] = getAsOpFoldResult(getK());
}
Structure TopKOp::getStructure(ShapeBuilder &shapes) {
  Structure structure = axisStructure(*this, shapes, getAxis());
  unsigned chosen = structure.add(getAsOpFoldResult(getK()), FactorKind::Opaque);
  for (FactoredDims &dims : structure.results)
    dims[getAxis()].factors = {chosen};
  return structure;
}
OpFoldResult TopKOp::iterationCount(ShapeBuilder &shapes) {
  return rowCount(shapes, SmallVector<OpFoldResult>(shapes.dims(getInput())), getAxis());
}
void TopKOp::emitIteration(ElementBuilder &e, Value iteration) {
  // The results hold the best elements so far as a heap, the last of them in order at its root: most elements are
  // compared with the root alone. In the end the roots are moved, one by one, behind what remains of the heap.
  int64_t axis = getAxis();
  SmallVector<Value> at = rowIndices(e, e.dims(getInput()), axis, iteration), own(at);
  Type index = e.builder.getIndexType(), position = scalarType(elementTypeOf(getPositions()));
  Value size = e.dim(getInput(), axis), k = e.operand(getK()), zero = e.index(0), one = e.index(1);
  Value kept = e.builder.createOrFold<arith::MinSIOp>(e.loc, k, size);
  Value half = e.builder.createOrFold<arith::ShRUIOp>(e.loc, kept, one);

  using Entry = std::pair<Value, Value>; // an element and its position
  auto input = [&](Value i) -> Entry {
    at[axis] = i;
    return {e.load(getInput(), at), e.builder.createOrFold<arith::IndexCastOp>(e.loc, position, i)};
  };
  auto get = [&](Value slot) -> Entry {
    own[axis] = slot;
    return {e.loadResult(0, own), e.loadResult(1, own)};
  };
  auto put = [&](Value slot, Entry x) {
    own[axis] = slot;
    e.store(0, own, x.first);
    e.store(1, own, x.second);
  };
  auto before = [&](Value a, Value b, bool orEqual) {
    return comesBefore(e, a, b, getLargest(), isUnsigned(getInput()), orEqual, /*nanFirst=*/getLargest());
  };
  auto after = [&](Entry a, Entry b) {
    Value isLater = e.compare(arith::CmpIPredicate::sgt, a.second, b.second);
    return e.select(isLater, before(b.first, a.first, true), before(b.first, a.first, false));
  };
  // Puts x in place of the root of the subtree at `root`, in a heap of `end` entries, and below all that come after it.
  Value levels = e.sub(e.index(63), e.builder.createOrFold<math::CountLeadingZerosOp>(e.loc, k));
  levels = e.builder.createOrFold<arith::MinUIOp>(e.loc, levels, e.index(63)); // which says that this loop is short
  auto sift = [&](Value root, Value end, Entry x) {
    put(root, x);
    e.loop(zero, levels, {root}, [&](Value, ValueRange carried) {
      Value slot = carried[0], left = e.add(e.add(slot, slot), one);
      auto stop = [&] { return end; };
      auto descend = [&] {
        Value next = e.add(left, one);
        Value right = e.select(e.compare(arith::CmpIPredicate::slt, next, end), next, left);
        Value child = e.select(after(get(right), get(left)), right, left);
        Entry other = get(child);
        auto swap = [&] {
          put(slot, other);
          put(child, x);
          return child;
        };
        return e.choose(after(other, x), index, swap, stop);
      };
      Value isInside = e.compare(arith::CmpIPredicate::slt, left, end);
      return SmallVector<Value>{e.choose(isInside, index, descend, stop)};
    });
  };

  if (e.unrolls()) { // without branches: each element's place is the number of those that it comes after
    SmallVector<std::pair<Entry, Value>> places;
    e.loop(zero, size, {}, [&](Value i, ValueRange) {
      Entry x = input(i);
      Value place = e.loop(zero, size, {zero}, [&](Value j, ValueRange carried) {
        return SmallVector<Value>{e.add(carried[0], e.select(after(x, input(j)), one, zero))};
      })[0];
      places.push_back({x, place});
      return SmallVector<Value>();
    });
    e.loop(zero, kept, {}, [&](Value slot, ValueRange) {
      Entry chosen = {e.constant(scalarType(elementTypeOf(getInput())), int64_t(0)), e.constant(position, int64_t(0))};
      for (auto &[x, place] : places) {
        Value isHere = e.compare(arith::CmpIPredicate::eq, place, slot);
        chosen = {e.select(isHere, x.first, chosen.first), e.select(isHere, x.second, chosen.second)};
      }
      put(slot, chosen);
      return SmallVector<Value>();
    });
    return;
  }
  auto repeat = [&](Value from, Value to, function_ref<void(Value)> body) {
    e.loop(from, to, {}, [&](Value i, ValueRange) {
      body(i);
      return SmallVector<Value>();
    });
  };
  repeat(zero, kept, [&](Value i) { put(i, input(i)); });
  repeat(zero, half, [&](Value i) {
    Value slot = e.sub(e.sub(half, one), i);
    sift(slot, kept, get(slot));
  });
  auto scan = [&] {
    e.loop(kept, size, {get(zero).first}, [&](Value i, ValueRange carried) {
      Entry x = input(i);
      auto replace = [&] {
        sift(zero, kept, x);
        return get(zero).first;
      };
      auto keep = [&] { return carried[0]; };
      return SmallVector<Value>{e.choose(before(x.first, carried[0], false), x.first.getType(), replace, keep)};
    });
  };
  e.when(e.compare(arith::CmpIPredicate::ne, kept, zero), scan);
  repeat(one, kept, [&](Value i) {
    Value end = e.sub(kept, i);
    Entry x = get(end);
    put(end, get(zero));
    sift(zero, end, x);
  });
}
