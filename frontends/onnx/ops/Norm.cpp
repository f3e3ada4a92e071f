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

namespace {
/// Over some axes, which stay as dims of 1.
struct Moments {
  Value mean, centered, variance;
};
} // namespace

static Moments momentsOf(Importer &importer, Value x, ArrayRef<int64_t> axes) {
  Value mean = importer.mean(x, axes), centered = importer.binary<SubOp>(x, mean);
  return {mean, centered, importer.mean(importer.binary<MulOp>(centered, centered), axes)};
}

/// 1 / sqrt(variance + epsilon)
static Value inverseDeviation(Importer &importer, Value variance, float epsilon) {
  Value deviation = importer.unary<SqrtOp>(importer.binary<AddOp>(variance, importer.like(variance, epsilon)));
  return importer.binary<DivOp>(importer.like(variance, 1), deviation);
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
  Moments moments = momentsOf(importer, x, axes);
  Value inverse = inverseDeviation(importer, moments.variance, epsilon);
  return success(succeeded(node.set(1, importer.cast(moments.mean, stash))) &&
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

/// A number for each channel, dim 1 of x, as it broadcasts to x.
static Value perChannel(Importer &importer, Value x, Value parameter, const Twine &what) {
  ShapeBuilder &shapes = importer.shapes;
  OpFoldResult one = shapes.constant(1), channels = rankOf(x) > 1 ? shapes.dim(x, 1) : one;
  if (rankOf(parameter) != 1)
    return importer.failValue(what + " must have one dim, not " + Twine(rankOf(parameter)));
  if (!importer.checkEqual(shapes.dim(parameter, 0), channels, "the number of " + what + " and of channels"))
    return {};
  HostVector dims(std::max<int64_t>(rankOf(x) - 1, 1), one);
  dims.front() = shapes.dim(parameter, 0);
  return importer.cast(importer.reshape(parameter, dims), elementTypeOf(x));
}

/// Mean and variance of each channel, and what an average of them over runs becomes.
static LogicalResult measureBatch(Node &node, Importer &importer, Value &mean, Value &variance) {
  Value x = node.input(0);
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  if (rankOf(x) > 1)
    axes.erase(axes.begin() + 1);
  auto [own, centered, spread] = momentsOf(importer, x, axes);
  float momentum = node.getFloat("momentum", 0.9f);
  for (auto [i, statistic] : llvm::enumerate(std::array{own, spread})) {
    Value before = node.input(i + 3);
    Value now = importer.cast(importer.reshape(statistic, importer.shapes.dims(before)), elementTypeOf(before));
    Value kept = importer.binary<MulOp>(before, importer.like(before, momentum));
    Value added = importer.binary<MulOp>(now, importer.like(now, 1 - momentum));
    if (failed(node.set(i + 1, importer.binary<AddOp>(kept, added))))
      return failure();
  }
  // Without the dims ahead of the channels.
  HostVector dims(importer.shapes.dims(own));
  dims.erase(dims.begin(), dims.begin() + (rankOf(x) > 1));
  mean = importer.reshape(own, dims);
  variance = importer.reshape(spread, dims);
  return success(mean && variance);
}

static LogicalResult importBatchNorm(Node &node, Importer &importer) {
  Value x = node.input(0);
  if (rankOf(x) == 0)
    return importer.fail("the data must have a dim or more");
  if (!node.getInt("spatial", 1))
    return importer.fail("statistics of each position (attribute spatial is 0) are not supported",
                         "convert the model to opset 9 or newer with onnx.version_converter");
  static constexpr StringLiteral names[] = {"scales", "biases", "means", "variances"};
  Value values[4];
  for (auto [i, what] : llvm::enumerate(names))
    if (!(values[i] = perChannel(importer, x, node.input(i + 1), what)))
      return failure();
  auto [scale, bias, mean, variance] = values;
  if (node.getInt("training_mode", 0) && failed(measureBatch(node, importer, mean, variance)))
    return failure();
  // One product and one sum for each element.
  Value factor = importer.binary<MulOp>(scale, inverseDeviation(importer, variance, node.getFloat("epsilon", 1e-5f)));
  Value shift = importer.binary<SubOp>(bias, importer.binary<MulOp>(mean, factor));
  return node.set(0, importer.binary<AddOp>(importer.binary<MulOp>(x, factor), shift));
}

/// The axes behind batch and channels.
static SmallVector<int64_t> spatialAxes(Value x) {
  return llvm::to_vector(llvm::seq<int64_t>(2, std::max<int64_t>(rankOf(x), 2)));
}

static LogicalResult importInstanceNorm(Node &node, Importer &importer) {
  Value x = node.input(0);
  if (rankOf(x) < 3)
    return importer.fail("the data must have 3 dims or more");
  Value scale = perChannel(importer, x, node.input(1), "scales"),
        bias = perChannel(importer, x, node.input(2), "biases");
  auto [mean, centered, variance] = momentsOf(importer, x, spatialAxes(x));
  Value inverse = inverseDeviation(importer, variance, node.getFloat("epsilon", 1e-5f));
  Value normalized = importer.binary<MulOp>(importer.binary<MulOp>(centered, inverse), scale);
  return node.set(0, importer.binary<AddOp>(normalized, bias));
}

/// base to the power of `beta`. By roots where it can be, as nearly always: an order faster.
static Value lrnPower(Importer &importer, Value base, float beta) {
  if (beta != 0.75f && beta != 0.5f)
    return importer.binary<PowOp>(base, importer.like(base, beta));
  Value root = importer.unary<SqrtOp>(base);
  return beta == 0.5f ? root : importer.binary<MulOp>(root, importer.unary<SqrtOp>(root));
}

/// x / (bias + alpha / size · Σ x²)^beta, summed over `size` channels around each.
static LogicalResult importLrn(Node &node, Importer &importer) {
  Value x = node.input(0);
  ShapeBuilder &shapes = importer.shapes;
  constexpr int64_t most = 256; // a term each
  int64_t size = node.getInt("size", 0), rank = rankOf(x);
  if (rank < 2)
    return importer.fail("the data must have 2 dims or more");
  if (size < 1 || size > most)
    return importer.fail("attribute size is " + Twine(size) + ", must be 1 to " + Twine(most));
  OpFoldResult before = shapes.constant((size - 1) / 2), after = shapes.constant(size - 1 - (size - 1) / 2);
  Value squares = importer.pad(importer.binary<MulOp>(x, x), 1, before, after, importer.like(x, 0));
  Value sum = importer.part(squares, 1, shapes.constant(0), shapes.dim(x, 1));
  for (int64_t i = 1; i < size; ++i)
    sum = importer.binary<AddOp>(sum, importer.part(squares, 1, shapes.constant(i), shapes.dim(x, 1)));
  float alpha = node.getFloat("alpha", 1e-4f), beta = node.getFloat("beta", 0.75f), bias = node.getFloat("bias", 1);
  Value base = importer.binary<AddOp>(importer.binary<MulOp>(sum, importer.like(sum, alpha / float(size))),
                                      importer.like(sum, bias));
  return node.set(0, importer.binary<DivOp>(x, lrnPower(importer, base, beta)));
}

//===-- Table ---------------------------------------------------------------------------------------------------===//

ArrayRef<OperatorRow> hone::normOperators() {
  static constexpr OperatorRow rows[] = {
      {"BatchNormalization", 7, importBatchNorm},
      {"Hardmax", 1, importHardmax},
      {"InstanceNormalization", 6, importInstanceNorm},
      {"LRN", 1, importLrn},
      {"LayerNormalization", 17, importLayerNorm},
      {"LogSoftmax", 1, importSoftmax<true>},
      {"LpNormalization", 1, importLpNorm},
      {"RMSNormalization", 23, importRmsNorm},
      {"Softmax", 1, importSoftmax<false>},
  };
  return rows;
}
