// Integers that stand for reals: scale · (q − zero point).
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/ops/Ops.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace hone;

//===-- Scales and zero points ----------------------------------------------------------------------------------===//

/// Each element of `x` along `axis` `times` times, cut to `size`.
static Value repeat(Importer &importer, Value x, int64_t axis, OpFoldResult times, OpFoldResult size) {
  ShapeBuilder &shapes = importer.shapes;
  HostVector apart(shapes.dims(x)), joined(apart);
  apart.insert(apart.begin() + axis + 1, shapes.constant(1));
  Value repeated = importer.reshape(x, apart);
  apart[axis + 1] = times;
  joined[axis] = shapes.mul(joined[axis], times);
  repeated = importer.reshape(importer.expand(repeated, apart), joined);
  if (!repeated || shapes.areEqual(joined[axis], size))
    return repeated;
  return importer.part(repeated, axis, shapes.constant(0), size);
}

/// A scale or zero point as it broadcasts to x: one number, one for each position along the node's axis, or one for
/// each block along it.
static Value spread(Node &node, Importer &importer, Value parameter, Value x, const Twine &what) {
  if (!parameter || rankOf(parameter) == 0)
    return parameter;
  ShapeBuilder &shapes = importer.shapes;
  int64_t block = node.getInt("block_size", 0);
  if (block < 0)
    return importer.failValue("attribute block_size is " + Twine(block) + ", must not be negative");
  if (block == 0 && ShapeBuilder::getConstant(shapes.elementCount(parameter)) == 1)
    return importer.reshape(parameter, {});
  auto axis = importer.axis(node.getInt("axis", 1), rankOf(x));
  if (!axis)
    return {};
  if (block == 0) {
    if (rankOf(parameter) != 1)
      return importer.failValue(what + " must be one number, or one for each position along the axis");
    HostVector dims(rankOf(x) - *axis, shapes.constant(1));
    dims.front() = shapes.dim(parameter, 0);
    parameter = importer.reshape(parameter, dims);
    return parameter && importer.checkFits(parameter, x, what) ? parameter : Value();
  }
  if (rankOf(parameter) != rankOf(x))
    return importer.failValue(what + " must have as many dims as the data, where there are blocks");
  HostVector wanted(shapes.dims(x));
  // A block beyond the axis is as long as the axis: no larger tensor is made of it, and nothing wraps.
  OpFoldResult size = wanted[*axis], one = shapes.constant(1);
  OpFoldResult length = shapes.min(shapes.constant(block), shapes.max(size, one));
  wanted[*axis] = shapes.floorDiv(shapes.add(size, shapes.sub(length, one)), length);
  for (int64_t i = 0; i < rankOf(x); ++i)
    if (!importer.checkEqual(shapes.dim(parameter, i), wanted[i],
                             "dim " + Twine(i) + " of " + what + " and the number of blocks"))
      return {};
  return repeat(importer, parameter, *axis, length, size);
}

/// `scaled` as integers of `type`: rounded to even, `zeroPoint` (f32) added, saturated.
static Value quantized(Importer &importer, Value scaled, Value zeroPoint, Type type) {
  Value rounded = importer.unary<RoundOp>(scaled);
  if (zeroPoint)
    rounded = importer.binary<AddOp>(rounded, zeroPoint);
  auto [least, greatest] = limitsOf(cast<IntegerType>(type));
  rounded = importer.binary<MaxOp>(rounded, importer.like(rounded, least));
  return importer.cast(importer.binary<MinOp>(rounded, importer.like(rounded, greatest)), type);
}

//===-- Operators -----------------------------------------------------------------------------------------------===//

static LogicalResult importQuantizeLinear(Node &node, Importer &importer) {
  Type f32 = importer.builder.getF32Type(), type = importer.builder.getIntegerType(8, /*isSigned=*/false);
  auto wanted = OnnxDataType(node.getInt("output_dtype", 0));
  if (wanted != OnnxDataType::Undefined)
    type = elementTypeFor(importer.builder.getContext(), wanted);
  if (node.input(2))
    type = elementTypeOf(node.input(2));
  if (!isa_and_nonnull<IntegerType>(type) || type.getIntOrFloatBitWidth() > 16)
    return importer.reportType("quantized values of", wanted), failure();
  Value x = importer.cast(importer.widen(node.input(0)), f32);
  Value scale = spread(node, importer, importer.cast(importer.widen(node.input(1)), f32), x, "y_scale");
  Value zeroPoint = spread(node, importer, importer.cast(node.input(2), f32), x, "y_zero_point");
  if (!scale || (node.input(2) && !zeroPoint))
    return failure();
  return node.set(0, quantized(importer, importer.binary<DivOp>(x, scale), zeroPoint, type));
}

static LogicalResult importDequantizeLinear(Node &node, Importer &importer) {
  Type f32 = importer.builder.getF32Type(), i32 = importer.builder.getI32Type(), type = elementTypeOf(node.input(1));
  if (auto wanted = OnnxDataType(node.getInt("output_dtype", 0)); wanted != OnnxDataType::Undefined)
    type = elementTypeFor(importer.builder.getContext(), wanted);
  if (!isa_and_nonnull<FloatType>(type))
    return importer.fail("attribute output_dtype must be the number of a float type");
  Value x = importer.cast(node.input(0), i32);
  Value scale = spread(node, importer, importer.cast(importer.widen(node.input(1)), f32), x, "x_scale");
  Value zeroPoint = spread(node, importer, importer.cast(node.input(2), i32), x, "x_zero_point");
  if (!scale || (node.input(2) && !zeroPoint))
    return failure();
  if (zeroPoint)
    x = importer.binary<SubOp>(x, zeroPoint);
  Value y = importer.binary<MulOp>(importer.cast(x, f32), scale);
  return node.set(0, isHalf(type) && y ? importer.narrow(y, type) : importer.cast(y, type));
}

static bool isZero(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  auto elements = constant ? dyn_cast<DenseIntElementsAttr>(constant.getValue()) : DenseIntElementsAttr();
  return elements && llvm::all_of(elements.getValues<APInt>(), [](const APInt &element) { return element.isZero(); });
}

/// A scale or zero point of an operand of a product, which is one number or one for each row (of the left one) or
/// column (of the right one), as it broadcasts to the operand.
static Value alongRows(Importer &importer, Value x, Value parameter, bool isLeft, const Twine &what) {
  HostVector dims(importer.shapes.dims(parameter));
  if (isLeft && dims.size() == 1 && rankOf(x) > 1)
    dims.push_back(importer.shapes.constant(1));
  Value result = importer.reshape(parameter, dims);
  return result && importer.checkFits(result, x, what) ? result : Value();
}

/// An operand less its zero point. 16 bits hold every difference.
static Value centred(Importer &importer, Value x, Value zeroPoint, bool isLeft) {
  if (!zeroPoint || isZero(zeroPoint))
    return x;
  Type wide = importer.builder.getIntegerType(16);
  Value point = alongRows(importer, x, zeroPoint, isLeft, "a zero point");
  return point ? importer.binary<SubOp>(importer.cast(x, wide), importer.cast(point, wide)) : Value();
}

static LogicalResult importMatMulInteger(Node &node, Importer &importer) {
  Value a = centred(importer, node.input(0), node.input(2), /*isLeft=*/true);
  Value b = centred(importer, node.input(1), node.input(3), /*isLeft=*/false);
  return node.set(0, anyMatmul(importer, a, b, importer.builder.getI32Type()));
}

static LogicalResult importQLinearMatMul(Node &node, Importer &importer) {
  Type f32 = importer.builder.getF32Type();
  Value a = node.input(0), b = node.input(3), zeroPoint = node.input(7);
  Value product = anyMatmul(importer, centred(importer, a, node.input(2), /*isLeft=*/true),
                            centred(importer, b, node.input(5), /*isLeft=*/false), importer.builder.getI32Type());
  auto scaleOf = [&](size_t i) { return importer.cast(importer.widen(node.input(i)), f32); };
  Value left = alongRows(importer, a, scaleOf(1), /*isLeft=*/true, "a_scale");
  Value right = alongRows(importer, b, scaleOf(4), /*isLeft=*/false, "b_scale");
  Value scale = importer.binary<DivOp>(importer.binary<MulOp>(left, right), scaleOf(6));
  if (!product || !scale || !importer.checkFits(scale, product, "the scales") ||
      !importer.checkFits(zeroPoint, product, "y_zero_point"))
    return failure();
  Value scaled = importer.binary<MulOp>(importer.cast(product, f32), scale);
  return node.set(0, quantized(importer, scaled, importer.cast(zeroPoint, f32), elementTypeOf(zeroPoint)));
}

/// An operand of a convolution less its zero point, which is one number, or for the filter one for each output channel.
static Value centredForConv(Importer &importer, Value x, Value zeroPoint, const Twine &what) {
  if (!x || !zeroPoint || isZero(zeroPoint))
    return x;
  Type wide = importer.builder.getIntegerType(16);
  HostVector dims(importer.shapes.dims(zeroPoint));
  if (dims.size() == 1)
    dims.append(rankOf(x) - 1, importer.shapes.constant(1));
  Value point = importer.reshape(importer.cast(zeroPoint, wide), dims);
  return point && importer.checkFits(point, x, what) ? importer.binary<SubOp>(importer.cast(x, wide), point) : Value();
}

static LogicalResult importConvInteger(Node &node, Importer &importer) {
  Value x = centredForConv(importer, node.input(0), node.input(2), "x_zero_point");
  Value filter = centredForConv(importer, node.input(1), node.input(3), "w_zero_point");
  return node.set(0, channelsSecond(importer, convolution(node, importer, x, filter, importer.builder.getI32Type())));
}

static LogicalResult importQLinearConv(Node &node, Importer &importer) {
  Type f32 = importer.builder.getF32Type();
  Value zeroPoint = node.input(7);
  Value x = centredForConv(importer, node.input(0), node.input(2), "x_zero_point");
  Value filter = centredForConv(importer, node.input(3), node.input(5), "w_zero_point");
  Value sum = convolution(node, importer, x, filter, importer.builder.getI32Type());
  sum = withBias(importer, sum, node.input(8));
  Value scale = importer.binary<DivOp>(importer.binary<MulOp>(node.input(1), node.input(4)), node.input(6));
  if (!sum || !scale || !importer.checkFits(scale, sum, "the scales") ||
      !importer.checkFits(zeroPoint, sum, "y_zero_point"))
    return failure();
  Value scaled = importer.binary<MulOp>(importer.cast(sum, f32), scale);
  Value y = quantized(importer, scaled, importer.cast(zeroPoint, f32), elementTypeOf(zeroPoint));
  return node.set(0, channelsSecond(importer, y));
}

//===-- Table ---------------------------------------------------------------------------------------------------===//

ArrayRef<OperatorRow> hone::quantizeOperators() {
  static constexpr OperatorRow rows[] = {
      {"ConvInteger", 10, importConvInteger},
      {"DequantizeLinear", 10, importDequantizeLinear, Halves::Converts},
      {"MatMulInteger", 10, importMatMulInteger},
      {"QLinearConv", 10, importQLinearConv},
      {"QLinearMatMul", 10, importQLinearMatMul, Halves::Converts},
      {"QuantizeLinear", 10, importQuantizeLinear, Halves::Converts},
  };
  return rows;
}
