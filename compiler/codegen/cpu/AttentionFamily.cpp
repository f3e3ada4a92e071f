// hone.attention on f32: how the op's operands are seen by the builder in Attention.h.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/Attention.h"
#include "compiler/codegen/cpu/Families.h"

using namespace mlir;
using namespace hone;

static bool takes(Operation *op) {
  auto attention = dyn_cast<AttentionOp>(op);
  return attention && elementTypeOf(attention.getOutput()).isF32();
}

static AttentionShape shapeOf(AttentionOp op, ShapeBuilder &shapes, function_ref<Value(OpFoldResult)> size) {
  SmallVector<OpFoldResult> query(shapes.dims(op.getQuery())), key(shapes.dims(op.getKey()));
  AttentionShape shape;
  shape.batch = size(query[0]);
  shape.queries = size(query[1]);
  shape.heads = size(query[2]);
  shape.depth = size(query[3]);
  shape.keys = size(key[1]);
  shape.keyHeads = size(key[2]);
  shape.valueDepth = size(shapes.dim(op.getValue(), 3));
  return shape;
}

static LaunchRange range(OpBuilder &builder, const CpuTarget &target, Operation *op, ShapeBuilder &shapes,
                         function_ref<Value(OpFoldResult)> size) {
  return attentionRange(builder, op->getLoc(), target, shapeOf(cast<AttentionOp>(op), shapes, size));
}

static void build(KernelEmitter &e, const CpuTarget &target, Operation *op) {
  auto attention = cast<AttentionOp>(op);
  // [batch, sequence, heads, depth], contiguous.
  auto tensor = [&](Value pointer, Value value) {
    AttentionTensor result;
    result.pointer = pointer;
    SmallVector<Value> sizes = e.dims(value);
    result.headStride = sizes[3];
    result.sequenceStride = e.mul(sizes[2], sizes[3]);
    result.batchStride = e.mul(sizes[1], result.sequenceStride);
    return result;
  };
  auto input = [&](Value value) { return tensor(e.body.buffers[cast<BlockArgument>(value).getArgNumber()], value); };

  AttentionOperands operands;
  operands.query = input(attention.getQuery());
  operands.key = input(attention.getKey());
  operands.value = input(attention.getValue());
  operands.output = tensor(e.body.buffers[e.kernel.getTensorCount()], attention.getOutput());
  operands.shape = shapeOf(attention, e.shapes(), [&](OpFoldResult value) { return e.size(value); });
  operands.scale = e.constant(TypedAttr(attention.getScaleAttr()));
  operands.guarded = attention.getGuarded();
  operands.begin = e.body.begin;
  operands.end = e.body.end;
  operands.scratch = e.body.scratch;
  // Dims of the mask that are not provably these may be 1.
  const AttentionShape &shape = operands.shape;
  std::array<Value, 4> extents{shape.batch, shape.heads, shape.queries, shape.keys};
  if (Value mask = attention.getMask())
    operands.mask = [&e, mask, extents, fill = attention.getFillAttr()](
                        OpBuilder &builder, Location, Value score, Value batch, Value head, Value query, Value key) {
      Value indices[] = {batch, head, query, key};
      SmallVector<Value> own;
      int64_t lead = 4 - rankOf(mask);
      OpBuilder::InsertPoint before = e.builder.saveInsertionPoint();
      e.builder.restoreInsertionPoint(builder.saveInsertionPoint());
      for (int64_t i = 0; i < rankOf(mask); ++i) {
        auto type = cast<RankedTensorType>(mask.getType());
        Value index = indices[lead + i];
        if (type.getDimSize(i) == 1)
          index = e.index(0);
        else if (type.isDynamicDim(i) && e.dim(mask, i) != extents[lead + i])
          index = e.select(e.compare(arith::CmpIPredicate::eq, e.dim(mask, i), e.index(1)), e.index(0), index);
        own.push_back(index);
      }
      e.enterScope();
      Value scalar = e.load(mask, own);
      Value masked = fill ? e.select(scalar, score, e.constant(TypedAttr(fill)))
                          : Value(arith::AddFOp::create(e.builder, e.loc, score, scalar));
      e.leaveScope();
      builder.restoreInsertionPoint(e.builder.saveInsertionPoint());
      if (&builder != &e.builder)
        e.builder.restoreInsertionPoint(before);
      return masked;
    };
  buildAttention(e.builder, e.loc, target, operands);
}

const KernelFamily hone::attentionFamily{"attention", /*hasEpilogue=*/false, takes, range, build};
