// Resizing along an axis: verification, shapes, and what an element is.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Axis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace hone;
using arith::CmpFPredicate;

#define GET_OP_CLASSES
#include "dialects/hone/Resize.cpp.inc"

void HoneDialect::addResizeOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/hone/Resize.cpp.inc"
      >();
}

LogicalResult ResizeOp::verify() {
  auto input = cast<RankedTensorType>(getInput().getType()), output = cast<RankedTensorType>(getOutput().getType());
  if (input.getRank() != output.getRank())
    return emitOpError("cannot make ") << output << " of " << input;
  if (failed(verifyAxis(*this, getAxis(), input.getRank())))
    return failure();
  for (RankedTensorType type : {input, output})
    if (int64_t size = type.getDimSize(getAxis()); !ShapedType::isDynamic(size) && size > kMaxResized)
      return emitOpError("resizes up to ") << kMaxResized << " elements, got " << size;
  if (getMode() != ResizeMode::Nearest && !isa<Float32Type, Float64Type>(input.getElementType()))
    return emitOpError("cannot interpolate elements of ") << input << "; cast them first";
  if (getScale() && rankOf(getScale()) != 0)
    return emitOpError("wants a scale of rank 0, got ") << getScale().getType();
  if ((getPlace() == ResizePlace::Crop) != bool(getRegion()))
    return emitOpError("has a region if, and only if, it crops");
  if (getRegion() && cast<RankedTensorType>(getRegion().getType()).getShape() != ArrayRef<int64_t>{2})
    return emitOpError("wants a region of a beginning and an end, got ") << getRegion().getType();
  if (getAntialias() && getMode() == ResizeMode::Nearest)
    return emitOpError("smoothes in modes linear and cubic only");
  return success();
}

void ResizeOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getInput()));
  dims[getAxis()] = getAsOpFoldResult(getSize());
}

Structure ResizeOp::getStructure(ShapeBuilder &shapes) {
  Structure structure(*this);
  structure.results[0] = structure.addAll(SmallVector<OpFoldResult>(shapes.dims(getOutput())));
  structure.operands[0] = structure.results[0];
  structure.factors[getAxis()].kind = FactorKind::Opaque;
  structure.operands[0][getAxis()].factors = {structure.add(shapes.dim(getInput(), getAxis()), FactorKind::Opaque)};
  if (getRegion())
    structure.operands[getRegionMutable().begin()->getOperandNumber()] = {
        {{structure.add(shapes.constant(2), FactorKind::Opaque)}}};
  return structure;
}
void ResizeOp::renumberDims(ArrayRef<int64_t> operandDims, ArrayRef<int64_t>) { setAxis(operandDims[getAxis()]); }

//===-- Elements ------------------------------------------------------------------------------------------------===//

namespace {
/// Arithmetic in f32, rounded at each step: where an element lies decides, at ties, which one is taken.
struct Place {
  Place(ResizeOp op, ElementBuilder &e, Value index) : op(op), e(e), i(toFloat(index)) {
    length = e.dim(op.getInput(), op.getAxis());
    l = toFloat(length);
    r = toFloat(e.operand(op.getSize()));
    s = op.getScale() ? e.load(op.getScale(), {}) : div(r, l);
    one = number(1);
    half = number(0.5);
    last = sub(l, one);
  }

  Value number(double value, Type type = {}) { return e.constant(type ? type : Type(e.builder.getF32Type()), value); }
  Value add(Value a, Value b) { return e.builder.createOrFold<arith::AddFOp>(e.loc, a, b); }
  Value sub(Value a, Value b) { return e.builder.createOrFold<arith::SubFOp>(e.loc, a, b); }
  Value mul(Value a, Value b) { return e.builder.createOrFold<arith::MulFOp>(e.loc, a, b); }
  Value div(Value a, Value b) { return e.builder.createOrFold<arith::DivFOp>(e.loc, a, b); }
  Value floor(Value x) { return e.builder.createOrFold<math::FloorOp>(e.loc, x); }
  Value compare(CmpFPredicate predicate, Value a, Value b) {
    return e.builder.createOrFold<arith::CmpFOp>(e.loc, predicate, a, b);
  }
  // NaN gives the second one, so that a clamped place is always one.
  Value greater(Value a, Value b) { return e.select(compare(CmpFPredicate::OGT, a, b), a, b); }
  Value lesser(Value a, Value b) { return e.select(compare(CmpFPredicate::OLT, a, b), a, b); }
  /// Vectors convert 32 bits; no more are in use (kMaxResized).
  Value toFloat(Value index) {
    Value narrow = e.builder.createOrFold<arith::IndexCastOp>(e.loc, e.builder.getI32Type(), index);
    return e.builder.createOrFold<arith::SIToFPOp>(e.loc, e.builder.getF32Type(), narrow);
  }
  /// A whole number as a position in the input, the one at an end if it is beyond it.
  Value toPosition(Value whole) {
    Value inside = greater(lesser(whole, last), number(0));
    Value narrow = e.builder.createOrFold<arith::FPToSIOp>(e.loc, e.builder.getI32Type(), inside);
    Value position = e.builder.createOrFold<arith::IndexCastOp>(e.loc, e.builder.getIndexType(), narrow);
    if (ShapeBuilder::getConstant(length).value_or(kMaxResized) < (1 << 24))
      return position;
    // The last element need not be a number of f32.
    return e.builder.createOrFold<arith::MinUIOp>(e.loc, position, e.sub(length, e.index(1)));
  }

  Value scaled(Value x) { return div(x, s); }
  Value middle() { return sub(scaled(add(i, half)), half); }
  /// `x`, or `alone` in a result of one element.
  Value unlessAlone(Value alone, Value x) { return e.select(compare(CmpFPredicate::OEQ, r, one), alone, x); }
  Value symmetric() {
    Value share = div(r, mul(s, l));
    Value offset = mul(mul(l, half), sub(one, share));
    return sub(add(offset, scaled(add(i, half))), half);
  }
  Value aligned() {
    Value resized = op.getScale() ? mul(s, l) : r;
    return unlessAlone(number(0), div(mul(i, last), sub(resized, one)));
  }
  Value cropped() {
    Value begin = e.load(op.getRegion(), {e.index(0)}), end = e.load(op.getRegion(), {e.index(1)});
    Value along = div(mul(mul(i, sub(end, begin)), last), sub(r, one));
    return unlessAlone(mul(mul(half, add(begin, end)), last), add(mul(begin, last), along));
  }
  Value get() {
    switch (op.getPlace()) {
    case ResizePlace::HalfPixel:
      return middle();
    case ResizePlace::Symmetric:
      return symmetric();
    case ResizePlace::PytorchHalfPixel:
      return unlessAlone(number(0), middle());
    case ResizePlace::AlignCorners:
      return aligned();
    case ResizePlace::Asymmetric:
      return scaled(i);
    case ResizePlace::HalfPixelForNearest:
      return scaled(add(i, half));
    case ResizePlace::Crop:
      return cropped();
    }
    llvm_unreachable("all places are above");
  }

  ResizeOp op;
  ElementBuilder &e;
  Value i, length, l, r, s, one, half, last;
};

/// Weighs elements of the input along the axis, in their type.
struct Taps {
  Taps(ResizeOp op, Place &place, ValueRange indices)
      : op(op), place(place), e(place.e), at(indices), type(scalarType(op.getOutput().getType())) {}

  Value number(double value) { return place.number(value, type); }
  Value widen(Value x) { return type.isF64() ? arith::ExtFOp::create(e.builder, e.loc, type, x).getResult() : x; }

  Value load(Value position) {
    at[op.getAxis()] = position;
    return e.load(op.getInput(), at);
  }
  Value weighed(Value weight, Value element) { return e.builder.createOrFold<arith::MulFOp>(e.loc, weight, element); }
  Value sum(Value a, Value b) { return e.builder.createOrFold<arith::AddFOp>(e.loc, a, b); }

  Value nearest(Value x);
  Value linear(Value x);
  /// Of `reach` taps to each side, stretched by the scale if `stretches`.
  Value convolved(Value x, int64_t reach, bool stretches);
  Value weight(Value distance);

  ResizeOp op;
  Place &place;
  ElementBuilder &e;
  SmallVector<Value> at;
  Type type;
};
} // namespace

Value Taps::nearest(Value x) {
  Value whole = place.floor(x), rest = place.sub(x, whole); // exact
  static constexpr std::pair<CmpFPredicate, double> rounding[] = {
      {CmpFPredicate::OGT, 0.5}, {CmpFPredicate::OGE, 0.5}, {CmpFPredicate::AlwaysFalse, 0}, {CmpFPredicate::OGT, 0}};
  auto [predicate, most] = rounding[unsigned(op.getRounding())];
  if (predicate != CmpFPredicate::AlwaysFalse)
    whole = e.select(place.compare(predicate, rest, place.number(most)), place.add(whole, place.one), whole);
  return load(place.toPosition(whole));
}

Value Taps::linear(Value x) {
  x = place.greater(place.lesser(x, place.last), place.number(0));
  Value first = place.floor(x), second = place.lesser(place.add(first, place.one), place.last);
  Value isLast = place.compare(CmpFPredicate::OEQ, first, second);
  Value rest = widen(e.select(isLast, place.half, place.sub(x, first)));
  Value a = load(place.toPosition(first)), b = load(place.toPosition(second));
  return sum(weighed(place.sub(number(1), rest), a), weighed(rest, b));
}

/// Of a tap so far away, stretched: a tent, or Keys' polynomial.
Value Taps::weight(Value distance) {
  Value one = number(1), zero = number(0);
  Value x = e.builder.createOrFold<math::AbsFOp>(e.loc, distance);
  if (op.getMode() == ResizeMode::Linear)
    return place.greater(place.sub(one, x), zero);
  double a = op.getCubicCoeff().convertToFloat();
  auto polynomial = [&](ArrayRef<double> coefficients) { // the highest one first
    Value y = number(coefficients.front());
    for (double each : coefficients.drop_front())
      y = place.add(place.mul(y, x), number(each));
    return y;
  };
  Value inner = polynomial({a + 2, -(a + 3), 0, 1}), outer = polynomial({a, -5 * a, 8 * a, -4 * a});
  outer = e.select(place.compare(CmpFPredicate::OLT, x, number(2)), outer, zero);
  return e.select(place.compare(CmpFPredicate::OLE, x, one), inner, outer);
}

Value Taps::convolved(Value x, int64_t reach, bool stretches) {
  Value first = place.floor(x), shrink = place.lesser(place.s, place.one), ahead = place.number(reach);
  if (stretches)
    ahead = e.builder.createOrFold<math::CeilOp>(e.loc, place.div(ahead, shrink));
  Value begin = place.add(place.sub(first, ahead), place.one);
  bool isDivided = stretches || op.getExcludeOutside();
  auto add = [&](Value tap, ValueRange carried) {
    Value here = place.add(begin, place.toFloat(tap)), distance = place.sub(widen(here), widen(x));
    Value own = weight(stretches ? place.mul(distance, widen(shrink)) : distance);
    if (op.getExcludeOutside()) {
      Value isBehind = place.compare(CmpFPredicate::OGE, here, place.number(0));
      Value isAhead = place.compare(CmpFPredicate::OLE, here, place.last);
      Value isInside = e.builder.createOrFold<arith::AndIOp>(e.loc, isBehind, isAhead);
      own = e.select(isInside, own, number(0));
    }
    SmallVector<Value> next{sum(carried[0], weighed(own, load(place.toPosition(here))))};
    if (isDivided)
      next.push_back(place.add(carried[1], own));
    return next;
  };
  SmallVector<Value> carried(isDivided ? 2 : 1, number(0));
  if (stretches) {
    Value taps = e.builder.createOrFold<arith::FPToSIOp>(e.loc, e.builder.getI32Type(), ahead);
    Value count = e.mul(e.toIndex(taps), e.index(2));
    carried = e.loop(e.index(0), count, carried, add, /*vectorize=*/false);
  } else {
    for (int64_t tap = 0; tap < 2 * reach; ++tap)
      carried = add(e.index(tap), carried);
  }
  return isDivided ? e.builder.createOrFold<arith::DivFOp>(e.loc, carried[0], carried[1]) : carried[0];
}

/// Of a result that has each element of the input so many times, one after the other; nothing of another.
static std::optional<int64_t> repeats(ResizeOp op) {
  bool isFloor = op.getRounding() == ResizeRounding::Floor;
  bool isRounded = op.getRounding() == ResizeRounding::PreferFloor || op.getRounding() == ResizeRounding::PreferCeil;
  static constexpr ResizePlace floors[] = {ResizePlace::Asymmetric, ResizePlace::HalfPixelForNearest};
  static constexpr ResizePlace rounds[] = {ResizePlace::HalfPixel, ResizePlace::PytorchHalfPixel};
  bool isRepeated = (isFloor && llvm::is_contained(floors, op.getPlace())) ||
                    (isRounded && llvm::is_contained(rounds, op.getPlace()));
  if (op.getMode() != ResizeMode::Nearest || !isRepeated)
    return std::nullopt;
  if (DenseFPElementsAttr scale; op.getScale() && matchPattern(op.getScale(), m_Constant(&scale))) {
    double number = (*scale.begin()).convertToDouble();
    bool isWhole = number >= 1 && number <= kMaxResized && number == double(int64_t(number));
    return isWhole ? std::optional(int64_t(number)) : std::nullopt;
  }
  int64_t from = cast<RankedTensorType>(op.getInput().getType()).getDimSize(op.getAxis());
  int64_t to = cast<RankedTensorType>(op.getOutput().getType()).getDimSize(op.getAxis());
  bool divides = !op.getScale() && from > 0 && to > 0 && to % from == 0;
  return divides ? std::optional(to / from) : std::nullopt;
}

/// Two taps along an outer dim are rows, whose weights a loop over the inner dim shares. Along the inner dim, each
/// element computes its place: two passes over [1, 64, 56, 56] to twice the size take 0.32 ms by themselves, 0.55 ms as
/// one.
bool ResizeOp::isCheapToRecompute() {
  bool hasTwoTaps = getMode() == ResizeMode::Linear && !getAntialias();
  return getMode() == ResizeMode::Nearest || (hasTwoTaps && int64_t(getAxis()) + 1 < rankOf(getInput()));
}

Value ResizeOp::emitElement(ElementBuilder &e, ValueRange indices) {
  if (auto count = repeats(*this)) {
    SmallVector<Value> at(indices);
    Value last = e.sub(e.dim(getInput(), getAxis()), e.index(1));
    Value position = e.builder.createOrFold<arith::DivUIOp>(e.loc, indices[getAxis()], e.index(*count));
    at[getAxis()] = e.builder.createOrFold<arith::MinUIOp>(e.loc, position, last);
    return e.load(getInput(), at);
  }
  Place place(*this, e, indices[getAxis()]);
  Taps taps(*this, place, indices);
  Value x = place.get();
  Type type = scalarType(getOutput().getType());
  auto inside = [&] {
    if (getMode() == ResizeMode::Nearest)
      return taps.nearest(x);
    if (getMode() == ResizeMode::Linear && !getAntialias())
      return taps.linear(x);
    return taps.convolved(x, getMode() == ResizeMode::Linear ? 1 : 2, getAntialias());
  };
  if (getPlace() != ResizePlace::Crop)
    return inside();
  // A place that is none, of a region that is none, is outside, too.
  Value isBehind = place.compare(CmpFPredicate::OGE, x, place.number(0));
  Value isAhead = place.compare(CmpFPredicate::OLE, x, place.last);
  Value isInside = e.builder.createOrFold<arith::AndIOp>(e.loc, isBehind, isAhead);
  Value outside = place.number(getExtrapolation().convertToFloat());
  outside = convertScalar(e, outside, e.builder.getF32Type(), elementTypeOf(getOutput()));
  return e.choose(isInside, type, inside, [&] { return outside; });
}
