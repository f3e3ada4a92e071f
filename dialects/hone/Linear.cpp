// Matrix products and attention: verification, shapes, and the plain meaning of the product.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Hone.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace hone;

#define GET_OP_CLASSES
#include "dialects/hone/Linear.cpp.inc"

void HoneDialect::addLinearOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/hone/Linear.cpp.inc"
      >();
}

LogicalResult MatmulOp::verify() {
  auto lhs = cast<RankedTensorType>(getLhs().getType()), rhs = cast<RankedTensorType>(getRhs().getType());
  if (lhs.getRank() < 2 || rhs.getRank() < 2)
    return emitOpError("wants operands of rank 2 or more, got ") << lhs << " and " << rhs;
  Type sum = elementTypeOf(getOutput());
  if (!isComputed(sum))
    return emitOpError("cannot add up in ") << sum << "; wants a result of f32 or a wider type";
  for (RankedTensorType factor : {lhs, rhs})
    if (!isWidening(factor.getElementType(), sum))
      return emitOpError("cannot convert ") << factor.getElementType() << " to " << sum << " without a loss";
  int64_t k = lhs.getShape().back();
  int64_t other = rhs.getDimSize(rhs.getRank() - (getTransposeRhs() ? 1 : 2));
  if (!mayBeEqual(k, other))
    return emitOpError("inner dims differ: ") << k << " and " << other;
  for (auto [a, b] : llvm::zip(llvm::reverse(lhs.getShape().drop_back(2)), llvm::reverse(rhs.getShape().drop_back(2))))
    if (a != 1 && b != 1 && !mayBeEqual(a, b))
      return emitOpError("batch dims do not broadcast: ") << lhs << " and " << rhs;
  return success();
}

void MatmulOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  SmallVector<OpFoldResult> lhs(shapes.dims(getLhs()));
  SmallVector<OpFoldResult> rhs(shapes.dims(getRhs()));
  OpFoldResult m = lhs[lhs.size() - 2], n = rhs[rhs.size() - (getTransposeRhs() ? 2 : 1)];
  ArrayRef<OpFoldResult> left = ArrayRef(lhs).drop_back(2), right = ArrayRef(rhs).drop_back(2);
  size_t batch = std::max(left.size(), right.size());
  for (size_t i = 0; i < batch; ++i) {
    OpFoldResult one = shapes.constant(1);
    OpFoldResult a = i + left.size() >= batch ? left[i + left.size() - batch] : one;
    OpFoldResult b = i + right.size() >= batch ? right[i + right.size() - batch] : one;
    dims.push_back(shapes.broadcast(a, b));
  }
  dims.push_back(m);
  dims.push_back(n);
}

Structure MatmulOp::getStructure(ShapeBuilder &shapes) {
  Structure structure(*this);
  SmallVector<OpFoldResult> lhs(shapes.dims(getLhs())), rhs(shapes.dims(getRhs())), out(shapes.dims(getOutput()));
  FactoredDims &result = structure.results[0];
  result = structure.addAll(out);
  unsigned k = structure.add(lhs.back(), FactorKind::Reduction);
  structure.factors[k].combiner = ReduceKind::Sum;
  int64_t batch = out.size() - 2;
  auto addBatch = [&](FactoredDims &dims, ArrayRef<OpFoldResult> own) {
    for (auto [i, size] : llvm::enumerate(own)) {
      unsigned factor = batch - own.size() + i;
      dims.push_back(Structure::broadcast(size, out[factor], factor));
    }
  };
  FactoredDim m = result[batch], n = result[batch + 1], depth{{k}};
  addBatch(structure.operands[0], ArrayRef(lhs).drop_back(2));
  llvm::append_values(structure.operands[0], m, depth);
  addBatch(structure.operands[1], ArrayRef(rhs).drop_back(2));
  if (getTransposeRhs())
    llvm::append_values(structure.operands[1], n, depth);
  else
    llvm::append_values(structure.operands[1], depth, n);
  return structure;
}
OpFoldResult MatmulOp::flops(ShapeBuilder &shapes) {
  return shapes.mul(getStructure(shapes).points(shapes), shapes.constant(2));
}

SmallVector<Value> MatmulOp::accumulatedSizes(ElementBuilder &e) { return {e.dim(getLhs(), rankOf(getLhs()) - 1)}; }
Value MatmulOp::emitInitial(ElementBuilder &e) {
  return e.constant(scalarType(elementTypeOf(getOutput())), int64_t(0));
}
Value MatmulOp::emitStep(ElementBuilder &e, ValueRange indices, ValueRange positions, Value partial) {
  Value row = indices[indices.size() - 2], column = indices.back(), i = positions[0];
  ValueRange batch = indices.drop_back(2);
  // Batch dims broadcast: seen from the operand, right-aligned.
  auto operandAt = [&](Value operand, Value i, Value j) {
    int64_t own = rankOf(operand) - 2;
    SmallVector<Value> at;
    for (int64_t d = 0; d < own; ++d)
      at.push_back(broadcastIndex(e, operand, d, getOutput(), batch.size() - own + d, batch[batch.size() - own + d]));
    at.append({i, j});
    return convertScalar(e, e.load(operand, at), elementTypeOf(operand), elementTypeOf(getOutput()));
  };
  Value a = operandAt(getLhs(), row, i);
  Value b = getTransposeRhs() ? operandAt(getRhs(), column, i) : operandAt(getRhs(), i, column);
  if (!isa<FloatType>(a.getType()))
    return e.add(partial, e.mul(a, b));
  Value product = e.builder.createOrFold<arith::MulFOp>(e.loc, a, b, arith::FastMathFlags::contract);
  auto order = arith::FastMathFlags::contract | arith::FastMathFlags::reassoc;
  return e.builder.createOrFold<arith::AddFOp>(e.loc, partial, product, order);
}
Value MatmulOp::emitElement(ElementBuilder &e, ValueRange indices) { return emitAccumulated(*this, e, indices); }

LogicalResult AttentionOp::verify() {
  for (Value operand : {getQuery(), getKey(), getValue()})
    if (rankOf(operand) != 4)
      return emitOpError("wants query, key and value as [batch, sequence, heads, size], got ") << operand.getType();
  auto query = cast<RankedTensorType>(getQuery().getType()), key = cast<RankedTensorType>(getKey().getType()),
       value = cast<RankedTensorType>(getValue().getType());
  if (!mayBeEqual(query.getDimSize(3), key.getDimSize(3)))
    return emitOpError("head sizes of query and key differ: ") << query << " and " << key;
  for (RankedTensorType other : {key, value})
    if (!mayBeEqual(query.getDimSize(0), other.getDimSize(0)))
      return emitOpError("batch dims differ: ") << query << " and " << other;
  int64_t heads = query.getDimSize(2), groups = key.getDimSize(2);
  if (!mayBeEqual(groups, value.getDimSize(2)))
    return emitOpError("head counts differ: ") << key << " and " << value;
  if (!ShapedType::isDynamic(heads) && !ShapedType::isDynamic(groups) && (groups == 0 ? heads : heads % groups) != 0)
    return emitOpError("head counts of keys do not divide those of queries: ") << query << " and " << key;
  if (!mayBeEqual(key.getDimSize(1), value.getDimSize(1)))
    return emitOpError("numbers of keys and values differ: ") << key << " and " << value;
  bool isSelected = getMask() && elementTypeOf(getMask()).isInteger(1);
  if (isSelected != bool(getFill()))
    return emitOpError("wants `fill` beside a mask of booleans, and only there");
  if (getMaskedZero() && (!getMask() || getGuarded()))
    return emitOpError("wants `maskedZero` beside a mask, and not beside `guarded`, which gives zeros there, too");
  if (getLengths()) {
    auto lengths = cast<RankedTensorType>(getLengths().getType());
    if (lengths.getRank() != 1 || !mayBeEqual(lengths.getDimSize(0), query.getDimSize(0)))
      return emitOpError("wants a length for each row of the batch: got ") << lengths << " for " << query;
  }
  if (!getMask())
    return success();
  ArrayRef<int64_t> mask = cast<RankedTensorType>(getMask().getType()).getShape();
  int64_t scores[] = {query.getDimSize(0), query.getDimSize(2), query.getDimSize(1), key.getDimSize(1)};
  bool fits = mask.size() <= 4;
  for (auto [own, score] : llvm::zip(llvm::reverse(mask), llvm::reverse(scores)))
    fits &= own == 1 || mayBeEqual(own, score);
  if (!fits)
    return emitOpError("mask does not broadcast to [batch, heads, queries, keys]: ") << getMask().getType();
  return success();
}
Structure AttentionOp::getStructure(ShapeBuilder &shapes) {
  Structure structure(*this);
  SmallVector<OpFoldResult> query(shapes.dims(getQuery())), key(shapes.dims(getKey())), value(shapes.dims(getValue()));
  unsigned batch = structure.add(query[0]), queries = structure.add(query[1]), groups = structure.add(key[2]);
  unsigned shared = structure.add(shapes.floorDiv(query[2], key[2])); // heads that read one group
  unsigned keys = structure.add(key[1], FactorKind::Row), depth = structure.add(query[3], FactorKind::Row);
  unsigned columns = structure.add(value[3]);
  if (getCausal()) // what a query sees depends on which one it is
    structure.factors[queries].kind = FactorKind::Opaque;
  SmallVector<unsigned, 1> heads{groups, shared};
  if (query[2] == key[2])
    heads.pop_back();
  FactoredDim allHeads{heads};
  structure.operands[0] = {{{batch}}, {{queries}}, allHeads, {{depth}}};
  structure.operands[1] = {{{batch}}, {{keys}}, {{groups}}, {{depth}}};
  structure.operands[2] = {{{batch}}, {{keys}}, {{groups}}, {{columns}}};
  structure.results[0] = {{{batch}}, {{queries}}, allHeads, {{columns}}};
  if (Value mask = getMask()) {
    SmallVector<OpFoldResult> own(shapes.dims(mask));
    std::pair<OpFoldResult, ArrayRef<unsigned>> scores[] = {
        {query[0], batch}, {query[2], heads}, {query[1], queries}, {key[1], keys}};
    for (auto [size, score] : llvm::zip_equal(own, ArrayRef(scores).take_back(own.size())))
      structure.operands[3].push_back(Structure::broadcast(size, score.first, score.second));
  }
  if (getLengths())
    structure.operands[getLengthsMutable()[0].getOperandNumber()] = {{{batch}}};
  return structure;
}
/// Two products, and an exponential for each score.
OpFoldResult AttentionOp::flops(ShapeBuilder &shapes) {
  SmallVector<OpFoldResult> query(shapes.dims(getQuery()));
  OpFoldResult keys = shapes.dim(getKey(), 1), seen = shapes.mul(query[1], keys);
  if (Value causal = getCausal()) {
    // n + 1 keys by the first query, and one more by each further one.
    OpFoldResult one = shapes.constant(1), first = shapes.add(getAsOpFoldResult(causal), one);
    OpFoldResult further = shapes.floorDiv(shapes.mul(query[1], shapes.sub(query[1], one)), shapes.constant(2));
    OpFoldResult triangle = shapes.add(shapes.mul(query[1], first), further);
    seen = shapes.min(seen, shapes.max(triangle, shapes.constant(0)));
  }
  OpFoldResult scores = shapes.product({query[0], query[2], seen});
  OpFoldResult depths = shapes.add(query[3], shapes.dim(getValue(), 3));
  return shapes.mul(scores, shapes.add(shapes.mul(depths, shapes.constant(2)), shapes.constant(20)));
}

void AttentionOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getQuery()));
  dims[3] = shapes.dim(getValue(), 3);
}
