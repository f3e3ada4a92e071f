// What the ops' verifiers share.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Hone.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace hone;

LogicalResult hone::verifyAxis(Operation *op, int64_t axis, int64_t rank) {
  if (axis < 0 || axis >= rank)
    return op->emitOpError("axis ") << axis << " is outside [0, " << rank << ")";
  return success();
}

LogicalResult hone::verifyBroadcast(Operation *op, ValueRange operands, Value result) {
  auto to = cast<RankedTensorType>(result.getType());
  for (Value operand : operands) {
    auto from = cast<RankedTensorType>(operand.getType());
    int64_t lead = to.getRank() - from.getRank();
    bool fits = lead >= 0;
    for (int64_t i = 0; fits && i < from.getRank(); ++i)
      fits = from.getDimSize(i) == 1 || mayBeEqual(from.getDimSize(i), to.getDimSize(lead + i));
    if (!fits)
      return op->emitOpError("cannot broadcast ") << from << " to " << to;
  }
  return success();
}

/// Whether the elements of a static type can be counted in bytes.
static bool isAddressable(RankedTensorType type) {
  int64_t bytes = 8;
  for (int64_t size : type.getShape())
    if (!ShapedType::isDynamic(size) && llvm::MulOverflow(bytes, std::max<int64_t>(size, 1), bytes))
      return false;
  return true;
}

LogicalResult hone::verifyResultDims(Operation *op) {
  // The shape function runs on a copy whose operands are arguments of a block of its own: it may build arithmetic, and
  // nothing of the program is touched. Dims that types leave open are arguments too.
  Block scratch;
  OpBuilder builder(op->getContext());
  builder.setInsertionPointToEnd(&scratch);
  ShapeBuilder shapes(builder);
  IRMapping mapping;
  auto unknown = [&] { return scratch.addArgument(builder.getIndexType(), op->getLoc()); };
  for (Value operand : op->getOperands()) {
    if (mapping.contains(operand))
      continue;
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type) {
      auto known = ShapeBuilder::getConstant(operand);
      mapping.map(operand, known ? shapes.materialize(shapes.constant(*known)) : unknown());
      continue;
    }
    if (!isAddressable(type))
      return op->emitOpError("takes more elements than memory can address: ") << type;
    Value copy = scratch.addArgument(type, op->getLoc());
    SmallVector<OpFoldResult> dims;
    for (int64_t size : type.getShape())
      dims.push_back(ShapedType::isDynamic(size) ? OpFoldResult(unknown()) : shapes.constant(size));
    shapes.setDims(copy, dims);
    mapping.map(operand, copy);
  }
  auto copy = cast<ShapeOpInterface>(builder.clone(*op, mapping));
  for (OpResult result : op->getResults()) {
    auto type = cast<RankedTensorType>(result.getType());
    SmallVector<OpFoldResult> dims;
    copy.reifyShape(shapes, result.getResultNumber(), dims);
    if (int64_t(dims.size()) != type.getRank())
      return op->emitOpError("wants a result of rank ") << dims.size() << ", got " << type;
    for (auto [i, dim] : llvm::enumerate(dims)) {
      auto known = ShapeBuilder::getConstant(dim);
      if (known && (*known < 0 || !mayBeEqual(*known, type.getDimSize(i))))
        return op->emitOpError("wants ") << *known << " as dim " << i << " of its result, got " << type;
    }
    if (!isAddressable(type))
      return op->emitOpError("gives more elements than memory can address: ") << type;
  }
  return success();
}
