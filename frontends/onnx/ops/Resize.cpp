// Resize and Upsample: one hone.resize for each axis.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/ops/Ops.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace hone;
using arith::CmpIPredicate;

namespace {
/// What the node says of all axes.
struct Manner {
  ResizeMode mode = ResizeMode::Nearest;
  ResizePlace place = ResizePlace::Asymmetric;
  ResizeRounding rounding = ResizeRounding::Floor;
  bool antialias = false, excludeOutside = false;
  float cubicCoeff = -0.75f, extrapolation = 0;
};

/// What becomes of one axis.
struct ResizedAxis {
  int64_t axis;
  OpFoldResult size;
  Value scale = {};  ///< of rank 0; null: the quotient of the sizes
  Value region = {}; ///< null unless the input is cropped
  bool shrinks = false;
};
using ResizedAxes = SmallVector<ResizedAxis, 4>;
} // namespace

/// An attribute as a case of an enumeration.
template <typename Enum>
static bool readCase(const Node &node, Importer &importer, StringRef attribute, StringRef otherwise,
                     std::optional<Enum> (*symbolize)(StringRef), unsigned most, Enum &value) {
  StringRef text = node.onnx.getString(attribute, otherwise);
  if (auto found = symbolize(text)) {
    value = *found;
    return true;
  }
  std::string known;
  for (unsigned i = 0; i <= most; ++i)
    known += (i ? ", " : "") + stringifyEnum(Enum(i)).str();
  return importer.report("attribute " + attribute + " is '" + text + "', must be one of " + known), false;
}

static bool readMode(const Node &node, Importer &importer, Manner &manner) {
  return readCase<ResizeMode>(node, importer, "mode", "nearest", symbolizeResizeMode, getMaxEnumValForResizeMode(),
                              manner.mode);
}

static std::optional<Manner> mannerOf(const Node &node, Importer &importer) {
  Manner manner;
  if (!readMode(node, importer, manner))
    return std::nullopt;
  if (node.version() < 11)
    return manner;
  auto antialias = importer.flag(node, "antialias"), exclude = importer.flag(node, "exclude_outside");
  if (!antialias || !exclude ||
      !readCase<ResizePlace>(node, importer, "coordinate_transformation_mode", "half_pixel", symbolizeResizePlace,
                             getMaxEnumValForResizePlace(), manner.place) ||
      !readCase<ResizeRounding>(node, importer, "nearest_mode", "round_prefer_floor", symbolizeResizeRounding,
                                getMaxEnumValForResizeRounding(), manner.rounding))
    return std::nullopt;
  if (*antialias && manner.mode == ResizeMode::Nearest) {
    importer.report("attribute antialias is 1 with mode nearest; it must be linear or cubic");
    return std::nullopt;
  }
  manner.antialias = *antialias;
  manner.excludeOutside = *exclude;
  manner.cubicCoeff = node.getFloat("cubic_coeff_a", -0.75f);
  manner.extrapolation = node.getFloat("extrapolation_value", 0);
  return manner;
}

/// Axes in the order in which the node gives numbers for them.
static std::optional<SmallVector<int64_t>> axesOf(const Node &node, Importer &importer, int64_t rank) {
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(rank));
  if (auto given = node.getInts("axes")) {
    if (!importer.axes(*given, rank))
      return std::nullopt;
    axes.assign(given->begin(), given->end());
    for (int64_t &axis : axes)
      axis += axis < 0 ? rank : 0;
  }
  return axes;
}

/// Input `i`, of `count` elements; null where it is left out, which may also be said by none.
static bool readList(const Node &node, Importer &importer, size_t i, StringRef name, size_t count, Value &list) {
  list = node.input(i);
  if (!list)
    return true;
  std::string what = ("input " + Twine(i) + " (" + name + ")").str();
  auto size = rankOf(list) == 1 ? ShapeBuilder::getConstant(importer.shapes.dim(list, 0)) : std::nullopt;
  if (size == 0) {
    list = nullptr;
    return true;
  }
  if (size == int64_t(count))
    return true;
  importer.reportUnknown(list,
                         what + " must have " + Twine(count) + " elements, one for each axis" +
                             (name == "roi" ? " and end" : "") + (size ? ", not " + Twine(*size) : Twine()),
                         "where only some dims are resized, name them in attribute axes (from opset 18 on)");
  return false;
}

//===-- Scales --------------------------------------------------------------------------------------------------===//

static std::optional<float> constantOf(Value scalar) {
  FloatAttr value;
  return matchPattern(scalar, m_Constant(&value)) ? std::optional(float(value.getValueAsDouble())) : std::nullopt;
}

static std::string numberText(float number) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%g", number);
  return text;
}

/// floor(dim · scale) in f32, as exporters and ONNX Runtime have it.
static std::optional<OpFoldResult> sizeOf(Importer &importer, OpFoldResult dim, Value scale,
                                          std::optional<float> known) {
  ShapeBuilder &shapes = importer.shapes;
  // A scale of few bits as arithmetic on the dim, by which others can be seen to be equal.
  constexpr int64_t maxPart = 1 << 12;
  for (int64_t parts = 1; known && !ShapeBuilder::getConstant(dim) && parts <= 256; parts *= 2)
    if (float all = *known * float(parts); all <= maxPart && all == std::floor(all))
      return shapes.floorDiv(shapes.mul(dim, shapes.constant(int64_t(all))), shapes.constant(parts));
  Type i64 = importer.builder.getI64Type(), f32 = importer.builder.getF32Type();
  Value count = importer.cast(importer.fromIndices({dim}, 0, i64), f32);
  Value product = importer.binary<MulOp>(count, scale);
  // Beyond what is resized, all are as good as each other; casts have limits.
  product = importer.binary<MinOp>(product, importer.scalar(f32, 0x1p32));
  Value size = importer.cast(product, i64);
  auto number = size ? importer.host.indices(size) : std::nullopt;
  if (!number) {
    importer.report("the sizes that scales give cannot be computed before the run");
    return std::nullopt;
  }
  return number->front();
}

static bool readScales(const Node &node, Importer &importer, Value scales, ArrayRef<int64_t> axes,
                       ResizedAxes &resized) {
  ShapeBuilder &shapes = importer.shapes;
  OpFoldResult zero = shapes.constant(0);
  auto elements = importer.host.elements(scales);
  if (!elements) {
    importer.reportUnknown(scales, "scales decide on shapes, but are computed from data",
                           "give sizes, which are integers, or scales that are constant or computed from dims");
    return false;
  }
  for (auto [i, axis, element] : llvm::enumerate(axes, *elements)) {
    std::optional<float> known = constantOf(element);
    std::string what = ("the scale of dim " + Twine(axis)).str();
    if (known && !(*known > 0 && std::isfinite(*known)))
      return importer.report(what + " is " + numberText(*known) + ", must be greater than 0"), false;
    if (!known) {
      Value least = arith::ConstantOp::create(importer.builder, importer.loc, importer.builder.getF32FloatAttr(0));
      OpFoldResult isPositive =
          importer.builder.createOrFold<arith::CmpFOp>(importer.loc, arith::CmpFPredicate::OGT, element, least);
      if (!importer.host.check(importer.loc, isPositive, nodeText(importer.loc) + ": " + what + " is not positive",
                               zero, zero))
        return importer.report(what + " is not positive"), false;
    }
    Value scale =
        known ? importer.scalar(importer.builder.getF32Type(), *known) : importer.at(scales, 0, shapes.constant(i));
    OpFoldResult dim = shapes.dim(node.input(0), axis);
    auto size = known == 1.0f ? dim : sizeOf(importer, dim, scale, known);
    if (!size)
      return false;
    resized.push_back({axis, *size, scale, {}, known && *known < 1});
  }
  return true;
}

//===-- Sizes ---------------------------------------------------------------------------------------------------===//

/// All axes are resized by the least, or greatest, of the quotients of sizes and dims, and sizes rounded to that.
static bool keepAspect(Importer &importer, Value x, bool isLeast, ResizedAxes &resized) {
  ShapeBuilder &shapes = importer.shapes;
  HostElements &host = importer.host;
  OpFoldResult above, below;
  for (const ResizedAxis &each : resized) {
    OpFoldResult dim = shapes.dim(x, each.axis);
    if (!above) {
      above = each.size;
      below = dim;
      continue;
    }
    OpFoldResult own = shapes.mul(each.size, below), other = shapes.mul(above, dim);
    OpFoldResult isBetter = host.compare(isLeast ? CmpIPredicate::slt : CmpIPredicate::sgt, own, other);
    above = host.select(isBetter, each.size, above);
    below = host.select(isBetter, dim, below);
  }
  Type f32 = importer.builder.getF32Type();
  auto number = [&](OpFoldResult value) {
    if (auto known = ShapeBuilder::getConstant(value))
      return importer.scalar(f32, double(*known));
    return importer.cast(importer.fromIndices({value}, 0, importer.builder.getI64Type()), f32);
  };
  auto knownAbove = ShapeBuilder::getConstant(above), knownBelow = ShapeBuilder::getConstant(below);
  bool isKnown = knownAbove && knownBelow && *knownBelow != 0;
  Value scale = isKnown ? importer.scalar(f32, float(*knownAbove) / float(*knownBelow))
                        : importer.binary<DivOp>(number(above), number(below));
  if (!scale)
    return false;
  OpFoldResult two = shapes.constant(2);
  for (ResizedAxis &each : resized) {
    // Half a unit is rounded up.
    OpFoldResult twice = shapes.mul(shapes.mul(two, above), shapes.dim(x, each.axis));
    each.size = shapes.floorDiv(shapes.add(twice, below), shapes.mul(two, below));
    each.scale = scale;
  }
  return true;
}

static bool readSizes(const Node &node, Importer &importer, size_t i, ArrayRef<int64_t> axes, ResizedAxes &resized) {
  auto sizes = importer.hostInput(node, i);
  if (!sizes)
    return false;
  Value x = node.input(0);
  OpFoldResult most = importer.shapes.constant(kMaxResized);
  for (auto [axis, size] : llvm::zip_equal(axes, *sizes)) {
    if (auto known = ShapeBuilder::getConstant(size); known && *known < 0)
      return importer.report("the size of dim " + Twine(axis) + " is " + Twine(*known) + ", must not be negative"),
             false;
    if (!importer.checkRange(size, importer.shapes.constant(0), most, "the size of dim " + Twine(axis)))
      return false;
    auto to = ShapeBuilder::getConstant(size), from = ShapeBuilder::getConstant(importer.shapes.dim(x, axis));
    resized.push_back({axis, size, {}, {}, to && from && *to < *from});
  }
  StringRef policy = node.onnx.getString("keep_aspect_ratio_policy", "stretch");
  if (!llvm::is_contained({"stretch", "not_larger", "not_smaller"}, policy))
    return importer.report("attribute keep_aspect_ratio_policy is '" + policy +
                           "', must be one of stretch, not_larger, not_smaller"),
           false;
  return policy == "stretch" || resized.empty() || keepAspect(importer, x, policy == "not_larger", resized);
}

//===-- Regions -------------------------------------------------------------------------------------------------===//

static bool readRegions(Importer &importer, Value roi, ResizedAxes &resized) {
  if (!roi)
    return importer.report("input 1 (roi) is missing, which coordinate_transformation_mode tf_crop_and_resize needs",
                           "give it, or another coordinate_transformation_mode"),
           false;
  ShapeBuilder &shapes = importer.shapes;
  int64_t count = resized.size();
  for (auto [i, each] : llvm::enumerate(resized))
    each.region = importer.part(roi, 0, shapes.constant(i), shapes.constant(2), count);
  return true;
}

/// Whether nothing becomes of an axis.
static bool isKept(Importer &importer, Value x, const ResizedAxis &each) {
  std::optional<float> scale;
  if (DenseFPElementsAttr value; each.scale && matchPattern(each.scale, m_Constant(&value)))
    scale = (*value.begin()).convertToFloat();
  if ((each.scale && scale != 1.0f) || !importer.shapes.areEqual(each.size, importer.shapes.dim(x, each.axis)))
    return false;
  if (!each.region)
    return true;
  auto ends = importer.host.elements(each.region);
  return ends && constantOf(ends->front()) == 0.0f && constantOf(ends->back()) == 1.0f;
}

//===-- Resizing ------------------------------------------------------------------------------------------------===//

static Value resizeAxis(Importer &importer, Value x, const Manner &manner, const ResizedAxis &each) {
  if (!x || isKept(importer, x, each))
    return x;
  ShapeBuilder &shapes = importer.shapes;
  Builder &b = importer.builder;
  OpFoldResult most = shapes.constant(kMaxResized);
  for (OpFoldResult size : {shapes.dim(x, each.axis), each.size})
    if (!importer.checkRange(size, shapes.constant(0), most, "the size of dim " + Twine(each.axis)))
      return {};
  auto flag = [&](bool set) { return set ? b.getUnitAttr() : UnitAttr(); };
  Value y = importer.create<ResizeOp>(
      elementTypeOf(x), rankOf(x), ResizeModeAttr::get(b.getContext(), manner.mode),
      ResizePlaceAttr::get(b.getContext(), manner.place), x, shapes.materialize(each.size), each.scale, each.region,
      b.getI64IntegerAttr(each.axis), ResizeRoundingAttr::get(b.getContext(), manner.rounding),
      b.getF32FloatAttr(manner.cubicCoeff), b.getF32FloatAttr(manner.extrapolation), flag(manner.antialias),
      flag(manner.excludeOutside));
  return importer.checkIndexed(y, x, each.axis);
}

/// What interpolates computes in floats; of integers the fraction is cut off, as ONNX Runtime does.
static Value resize(Importer &importer, Value x, const Manner &manner, ResizedAxes resized) {
  // First what makes the tensor smaller, outer dims before inner ones, then what makes it greater, the other way
  // round: so inner dims, whose elements are not next to each other in the input, are read least often.
  llvm::stable_sort(resized, [](const ResizedAxis &a, const ResizedAxis &b) {
    if (a.shrinks != b.shrinks)
      return a.shrinks;
    return a.shrinks ? a.axis < b.axis : a.axis > b.axis;
  });
  Type type = elementTypeOf(x);
  auto integer = dyn_cast<IntegerType>(type);
  bool isConverted = integer && manner.mode != ResizeMode::Nearest;
  if (isConverted && integer.getWidth() == 1)
    return importer.failValue("mode " + stringifyResizeMode(manner.mode) + " is not supported for bool",
                              "cast to float before, or use mode nearest");
  Value y = x;
  if (isConverted)
    y = importer.cast(x,
                      integer.getWidth() <= 16 ? Type(importer.builder.getF32Type()) : importer.builder.getF64Type());
  else if (manner.mode != ResizeMode::Nearest)
    y = importer.widen(x);
  for (const ResizedAxis &each : resized)
    y = resizeAxis(importer, y, manner, each);
  if (!y || elementTypeOf(y) == type)
    return y;
  if (!isConverted)
    return importer.narrow(y, type);
  if (manner.mode == ResizeMode::Cubic && integer.getWidth() < 64) { // which may lie beyond all that it is made of
    auto [least, greatest] = limitsOf(integer);
    y = importer.binary<MaxOp>(y, importer.like(y, least));
    y = importer.binary<MinOp>(y, importer.like(y, greatest));
  }
  return importer.cast(y, type);
}

static LogicalResult importResize(Node &node, Importer &importer) {
  Value x = node.input(0);
  bool hasRegions = node.version() >= 11;
  auto manner = mannerOf(node, importer);
  auto axes = axesOf(node, importer, rankOf(x));
  if (!manner || !axes)
    return failure();
  bool isCrop = manner->place == ResizePlace::Crop;
  size_t first = hasRegions ? 2 : 1;
  Value roi, scales, sizes;
  if ((isCrop && !readList(node, importer, 1, "roi", 2 * axes->size(), roi)) ||
      !readList(node, importer, first, "scales", axes->size(), scales) ||
      !readList(node, importer, first + 1, "sizes", axes->size(), sizes))
    return failure();
  if (bool(scales) == bool(sizes))
    return importer.fail(Twine("has ") + (scales ? "both scales and sizes" : "neither scales nor sizes") +
                             "; exactly one of them must be given",
                         scales ? "leave one of them out (an empty name, or a tensor without elements)" : "");
  ResizedAxes resized;
  Type f32 = importer.builder.getF32Type();
  if (scales ? !readScales(node, importer, importer.cast(scales, f32), *axes, resized)
             : !readSizes(node, importer, first + 1, *axes, resized))
    return failure();
  if (isCrop && !readRegions(importer, roi ? importer.cast(roi, f32) : roi, resized))
    return failure();
  return node.set(0, resize(importer, x, *manner, resized));
}

static LogicalResult importUpsampleOfAttributes(Node &node, Importer &importer) {
  auto manner = mannerOf(node, importer);
  const OnnxAttribute *attribute = node.onnx.find("scales");
  int64_t rank = rankOf(node.input(0));
  if (!manner)
    return failure();
  if (!attribute || int64_t(attribute->floats.size()) != rank)
    return importer.fail("attribute scales must have one number for each of " + Twine(rank) + " dims");
  auto type = RankedTensorType::get({rank}, importer.builder.getF32Type());
  Value scales = importer.constant(DenseElementsAttr::get(type, ArrayRef<float>(attribute->floats)));
  ResizedAxes resized;
  if (!readScales(node, importer, scales, llvm::to_vector(llvm::seq<int64_t>(rank)), resized))
    return failure();
  return node.set(0, resize(importer, node.input(0), *manner, resized));
}

//===-- Table ---------------------------------------------------------------------------------------------------===//

ArrayRef<OperatorRow> hone::resizeOperators() {
  static constexpr OperatorRow rows[] = {
      {"Resize", 10, importResize, Halves::Converts},
      {"Upsample", 9, importResize, Halves::Converts},
      {"Upsample", 7, importUpsampleOfAttributes, Halves::Converts},
  };
  return rows;
}
