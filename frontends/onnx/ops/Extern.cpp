// Operators that are C functions of the runtime.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/ops/Ops.h"

using namespace mlir;
using namespace hone;

/// As many elements or rows of `tensor` as `count`, a tensor that is computed with it, says.
static Value filledPart(Importer &importer, Value tensor, Value count) {
  OpFoldResult size = importer.lateIndex(count, {});
  importer.shapes.assume(size, {0, kMaxDim}); // the function counts what it has room for
  return importer.part(tensor, 0, importer.shapes.constant(0), size);
}

/// Input `i` as a scalar; `otherwise` if it is left out.
static Value scalarInput(Node &node, Importer &importer, size_t i, const Twine &what, Value otherwise) {
  return node.input(i) ? importer.onlyElement(node.input(i), what) : otherwise;
}

static LogicalResult importNonMaxSuppression(Node &node, Importer &importer) {
  Value boxes = node.input(0), scores = node.input(1);
  ShapeBuilder &shapes = importer.shapes;
  Builder &builder = importer.builder;
  if (rankOf(boxes) != 3 || rankOf(scores) != 3)
    return importer.fail("wants boxes and scores of 3 dims, not " + Twine(rankOf(boxes)) + " and " +
                         Twine(rankOf(scores)));
  OpFoldResult batches = shapes.dim(scores, 0), classes = shapes.dim(scores, 1), count = shapes.dim(scores, 2);
  auto isCentred = importer.flag(node, "center_point_box");
  if (!isCentred || !importer.checkEqual(shapes.dim(boxes, 0), batches, "the batches of boxes and of scores") ||
      !importer.checkEqual(shapes.dim(boxes, 1), count, "the numbers of boxes and of scores of a class") ||
      !importer.checkEqual(shapes.dim(boxes, 2), shapes.constant(4), "the numbers of a box and 4"))
    return failure();
  Type i64 = builder.getI64Type(), f32 = builder.getF32Type();
  Value most = scalarInput(node, importer, 2, "max_output_boxes_per_class", importer.scalar(i64, 0));
  Value overlap = scalarInput(node, importer, 3, "iou_threshold", importer.scalar(f32, 0));
  if (!most || !overlap)
    return failure();
  SmallVector<Value> inputs{boxes, scores, most, overlap};
  if (node.input(4))
    inputs.push_back(importer.onlyElement(node.input(4), "score_threshold"));
  Value isInside = importer.binary<AndOp>(importer.compare<LessEqualOp>(importer.like(overlap, 0), overlap),
                                          importer.compare<LessEqualOp>(overlap, importer.like(overlap, 1)));
  if (!inputs.back() || !isInside)
    return failure();
  OpFoldResult zero = shapes.constant(0);
  if (std::string problem = "iou_threshold is outside [0, 1]"; !importer.host.check(
          importer.loc, importer.conditionOf(isInside), nodeText(importer.loc) + ": " + problem, zero, zero))
    return importer.fail(problem);

  OpFoldResult mostOfClass = count;
  if (auto known = importer.host.indices(most))
    mostOfClass = shapes.min(shapes.max(known->front(), zero), count);
  SmallVector<Value> bounds = shapes.materialize({shapes.product({batches, classes, mostOfClass}), shapes.constant(3)});
  // 16 bytes for each box, of which there may be any number where there are no scores.
  OpFoldResult scratch = shapes.mul(shapes.min(count, shapes.elementCount(scores)), shapes.constant(16));
  Type types[] = {RankedTensorType::get({ShapedType::kDynamic, 3}, i64), RankedTensorType::get({}, i64)};
  auto op = ExternOp::create(importer.builder, importer.loc, types, "non_max_suppression", inputs, bounds,
                             shapes.materialize(scratch), ArrayRef<int64_t>(int64_t(*isCentred)));
  refineResultTypes(shapes, op);
  Value rows = importer.checkSize(op.getOutputs()[0]);
  return node.set(0, rows ? filledPart(importer, rows, op.getOutputs()[1]) : rows);
}

//===-- Table ---------------------------------------------------------------------------------------------------===//

ArrayRef<OperatorRow> hone::externOperators() {
  static constexpr OperatorRow rows[] = {{"NonMaxSuppression", 10, importNonMaxSuppression}};
  return rows;
}
