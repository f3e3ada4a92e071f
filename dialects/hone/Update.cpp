// Ops that change a tensor in part, where it lies.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Hone.h"

using namespace mlir;
using namespace hone;

/// Of an op that puts `source` into `into`, somewhere along an axis.
static LogicalResult verifyPart(Operation *op, Value source, Value into, int64_t axis) {
  auto from = cast<RankedTensorType>(source.getType()), to = cast<RankedTensorType>(into.getType());
  bool fits = from.getRank() == to.getRank() && from.getRank() > 0;
  for (int64_t i = 0; fits && i < to.getRank(); ++i)
    fits = i == axis || mayBeEqual(from.getDimSize(i), to.getDimSize(i));
  if (!fits)
    return op->emitOpError("cannot put ") << from << " into " << to;
  return verifyAxis(op, axis, to.getRank());
}
/// The part's rows, for each of which an iteration writes a line: `place` says where an element of the part goes.
static OpFoldResult countLines(ShapeBuilder &shapes, Value source) {
  return shapes.product(ArrayRef(SmallVector<OpFoldResult>(shapes.dims(source))).drop_back());
}
static void emitLine(ElementBuilder &e, Value source, Value iteration,
                     function_ref<void(SmallVectorImpl<Value> &)> place) {
  SmallVector<Value> dims = e.dims(source);
  SmallVector<Value> at = e.delinearize(iteration, ArrayRef(dims).drop_back());
  at.push_back(nullptr);
  e.over(e.index(0), dims.back(), /*vectorize=*/true, [&](Value i) {
    at.back() = i;
    Value scalar = e.load(source, at);
    SmallVector<Value> to(at);
    place(to);
    e.store(0, to, scalar);
  });
}

LogicalResult InsertOp::verify() { return verifyPart(*this, getSource(), getInto(), getAxis()); }
void InsertOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getInto()));
}
OpOperand &InsertOp::getUpdated() { return getIntoMutable(); }
OpFoldResult InsertOp::bytesRead(ShapeBuilder &shapes, unsigned operand) {
  return operand == 0 ? shapes.storageBytes(getSource()) : shapes.constant(0);
}
OpFoldResult InsertOp::bytesWritten(ShapeBuilder &shapes, unsigned) { return shapes.storageBytes(getSource()); }
OpFoldResult InsertOp::iterationCount(ShapeBuilder &shapes) { return countLines(shapes, getSource()); }
void InsertOp::emitIteration(ElementBuilder &e, Value iteration) {
  emitLine(e, getSource(), iteration,
           [&](auto &to) { to[getAxis()] = e.add(to[getAxis()], e.operand(getPosition())); });
}

LogicalResult TensorScatterOp::verify() {
  auto into = cast<RankedTensorType>(getInto().getType()), positions = cast<RankedTensorType>(getPositions().getType());
  if (failed(verifyPart(*this, getSource(), getInto(), getAxis())))
    return failure();
  if (getAxis() == 0)
    return emitOpError("cannot write along dim 0, the batch");
  if (positions.getRank() != 1 || !mayBeEqual(positions.getDimSize(0), into.getDimSize(0)))
    return emitOpError("wants a position for each row of the batch: got ") << positions << " for " << into;
  return success();
}
void TensorScatterOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getInto()));
}
OpOperand &TensorScatterOp::getUpdated() { return getIntoMutable(); }
OpFoldResult TensorScatterOp::bytesRead(ShapeBuilder &shapes, unsigned operand) {
  return operand == 1 ? shapes.constant(0) : shapes.storageBytes(getOperand(operand));
}
OpFoldResult TensorScatterOp::bytesWritten(ShapeBuilder &shapes, unsigned) { return shapes.storageBytes(getSource()); }
OpFoldResult TensorScatterOp::iterationCount(ShapeBuilder &shapes) { return countLines(shapes, getSource()); }
void TensorScatterOp::emitIteration(ElementBuilder &e, Value iteration) {
  Value room = e.dim(getInto(), getAxis()), zero = e.index(0);
  if (getCircular()) {
    Value some = e.select(e.compare(arith::CmpIPredicate::eq, room, zero), e.index(1), room);
    auto remainder = [&](Value of) { return e.builder.createOrFold<arith::RemSIOp>(e.loc, of, some); };
    return emitLine(e, getSource(), iteration, [&](auto &to) {
      Value position = remainder(e.toIndex(e.load(getPositions(), to.front())));
      to[getAxis()] = remainder(e.add(e.add(position, room), to[getAxis()]));
    });
  }
  SmallVector<Value> rows = e.delinearize(iteration, ArrayRef(e.dims(getSource())).drop_back());
  Value position = e.toIndex(e.load(getPositions(), rows.front()));
  Value count = e.dim(getSource(), getAxis());
  Value begins = e.compare(arith::CmpIPredicate::ule, position, room);
  Value ends = e.compare(arith::CmpIPredicate::ule, count, e.sub(room, position));
  Value isInside = e.builder.createOrFold<arith::AndIOp>(e.loc, begins, ends);
  e.failIf(e.compare(arith::CmpIPredicate::eq, isInside, e.constant(isInside.getType(), int64_t(0))));
  e.when(isInside, [&] {
    emitLine(e, getSource(), iteration, [&](auto &to) { to[getAxis()] = e.add(position, to[getAxis()]); });
  });
}
