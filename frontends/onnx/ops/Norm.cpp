// Softmax and its kin, and normalizations over rows.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/ops/Ops.h"

using namespace mlir;
using namespace hone;

//===-- Softmax -------------------------------------------------------------------------------------------------===//

/// Applies `compute(rows, axis)` along the node's axis. Before opset 13 the tensor was first made a matrix whose
/// columns are all dims from the axis on.
static LogicalResult alongAxis(Node &node, Importer &importer, function_ref<Value(Value, int64_t)> compute) {
  Value x = node.input(0);
  SmallVector<OpFoldResult> dims(importer.shapes.dims(x));
  if (rankOf(x) == 0)
    return node.set(0, importer.reshape(compute(importer.reshape(x, {importer.shapes.constant(1)}), 0), dims));
  auto axis = importer.axis(node.getInt("axis", node.version() < 13 ? 1 : -1), rankOf(x));
  if (!axis)
    return failure();
  if (node.version() >= 13 || *axis == rankOf(x) - 1)
    return node.set(0, compute(x, *axis));
  return node.set(0, importer.reshape(compute(importer.flatten(x, *axis), 1), dims));
}

template <bool log> static LogicalResult importSoftmax(Node &node, Importer &importer) {
  return alongAxis(node, importer, [&](Value x, int64_t axis) { return importer.unary<SoftmaxOp>(x, axis, log); });
}

static LogicalResult importHardmax(Node &node, Importer &importer) {
  return alongAxis(node, importer, [&](Value x, int64_t axis) -> Value {
    Value first = importer.create<ArgReduceOp>(importer.builder.getI64Type(), rankOf(x) - 1, ReduceKind::Max, x, axis,
                                               /*keepdims=*/false, /*select_last=*/false);
    auto type = RankedTensorType::get({2}, elementTypeOf(x));
    Attribute values[] = {importer.builder.getFloatAttr(elementTypeOf(x), 0),
                          importer.builder.getFloatAttr(elementTypeOf(x), 1)};
    return importer.create<OneHotOp>(elementTypeOf(x), rankOf(x), first,
                                     importer.shapes.materialize(importer.shapes.dim(x, axis)),
                                     importer.constant(DenseElementsAttr::get(type, ArrayRef(values))), axis);
  });
}

//===-- Normalizations ------------------------------------------------------------------------------------------===//

/// `x`, whose dims are those of `factor` where that alone is known; checkFits has made sure of it. A norm of x and its
/// product with the factor then have the same dims, so that each row's statistics are computed once.
static Value withDimsOf(Importer &importer, Value factor, Value x) {
  if (!factor)
    return x;
  SmallVector<OpFoldResult> dims(importer.shapes.dims(x)), known(importer.shapes.dims(factor));
  for (auto [dim, other] : llvm::zip(llvm::reverse(dims), llvm::reverse(known))) {
    std::optional<int64_t> size = ShapeBuilder::getConstant(other);
    if (size && *size != 1)
      dim = other;
  }
  return importer.reshape(x, dims);
}

static LogicalResult importLayerNorm(Node &node, Importer &importer) {
  Value x = node.input(0), scale = node.input(1), bias = node.input(2);
  auto axis = importer.axis(node.getInt("axis", -1), rankOf(x));
  if (!axis || !importer.checkFits(scale, x, "the scale") || (bias && !importer.checkFits(bias, x, "the bias")))
    return failure();
  float epsilon = node.getFloat("epsilon", 1e-5f);
  FloatAttr epsilonAttr = importer.builder.getF32FloatAttr(epsilon);
  SmallVector<OpFoldResult> dims(importer.shapes.dims(x));
  Value known = withDimsOf(importer, bias, withDimsOf(importer, scale, x));
  Value normalized =
      importer.unary<LayerNormOp>(known, scale, bias, importer.builder.getI64IntegerAttr(*axis), epsilonAttr);
  if (failed(node.set(0, importer.reshape(normalized, dims))))
    return failure();
  if (!node.onnx.hasOutput(1) && !node.onnx.hasOutput(2))
    return success();
  // The statistics are outputs in training graphs only, in the type that the standard computes in.
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(*axis, rankOf(x)));
  auto stashType = OnnxDataType(node.getInt("stash_type", 1));
  Type stash = elementTypeFor(importer.builder.getContext(), stashType);
  if (!stash)
    return importer.reportType("statistics (attribute stash_type) of type", stashType), failure();
  Value mean = importer.mean(x, axes), centered = importer.binary<SubOp>(x, mean);
  Value variance = importer.mean(importer.binary<MulOp>(centered, centered), axes);
  Value deviation = importer.unary<SqrtOp>(importer.binary<AddOp>(variance, importer.like(x, epsilon)));
  Value inverse = importer.binary<DivOp>(importer.like(x, 1), deviation);
  return success(succeeded(node.set(1, importer.cast(mean, stash))) &&
                 succeeded(node.set(2, importer.cast(inverse, stash))));
}

static LogicalResult importRmsNorm(Node &node, Importer &importer) {
  Value x = node.input(0), scale = node.input(1);
  auto axis = importer.axis(node.getInt("axis", -1), rankOf(x));
  if (!axis || !importer.checkFits(scale, x, "the scale"))
    return failure();
  // The result has the scale's type.
  x = importer.cast(x, elementTypeOf(scale));
  SmallVector<OpFoldResult> dims(importer.shapes.dims(x));
  Value normalized =
      importer.unary<RmsNormOp>(withDimsOf(importer, scale, x), scale, importer.builder.getI64IntegerAttr(*axis),
                                importer.builder.getF32FloatAttr(node.getFloat("epsilon", 1e-5f)));
  return node.set(0, importer.reshape(normalized, dims));
}

static LogicalResult importLpNorm(Node &node, Importer &importer) {
  Value x = node.input(0);
  auto axis = importer.axis(node.getInt("axis", -1), rankOf(x));
  int64_t p = node.getInt("p", 2);
  if (!axis)
    return failure();
  if (p != 1 && p != 2)
    return importer.fail("attribute p is " + Twine(p) + ", must be 1 or 2");
  Value norm = p == 1 ? importer.reduce(ReduceKind::Sum, importer.unary<AbsOp>(x), *axis)
                      : importer.unary<SqrtOp>(importer.reduce(ReduceKind::Sum, importer.binary<MulOp>(x, x), *axis));
  // Zeros stay zeros.
  Value isZero = importer.compare<EqualOp>(norm, importer.like(x, 0));
  return node.set(0, importer.select(isZero, importer.like(x, 0), importer.binary<DivOp>(x, norm)));
}

//===-- Table ---------------------------------------------------------------------------------------------------===//

ArrayRef<OperatorRow> hone::normOperators() {
  static constexpr OperatorRow rows[] = {
      {"Hardmax", 1, importHardmax},           {"LayerNormalization", 17, importLayerNorm},
      {"LogSoftmax", 1, importSoftmax<true>},  {"LpNormalization", 1, importLpNorm},
      {"RMSNormalization", 23, importRmsNorm}, {"Softmax", 1, importSoftmax<false>},
  };
  return rows;
}
