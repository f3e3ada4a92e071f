// Scalar bodies of the element-wise ops.
//
// Float arithmetic carries no flags: NaN, infinities and signed zeros mean what ONNX says. Nor may a product and a sum
// be contracted: LLVM does so in one of a loop's copies and not in another, and results would depend on where work is
// cut.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Hone.h"
#include "dialects/hone/RowFacts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace hone;

#define GET_OP_CLASSES
#include "dialects/hone/Elementwise.cpp.inc"

void HoneDialect::addElementwiseOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/hone/Elementwise.cpp.inc"
      >();
}

//===-- What all element-wise ops share -------------------------------------------------------------------------===//

static Value emitByScalars(Operation *op, ElementBuilder &e, ValueRange indices) {
  SmallVector<Value> scalars;
  for (Value operand : op->getOperands())
    scalars.push_back(e.load(operand, broadcastIndices(e, operand, op->getResult(0), indices)));
  return cast<ScalarOpInterface>(op).emitScalar(e, scalars);
}

#define ELEMENTWISE(Op)                                                                                                \
  Value Op::emitElement(ElementBuilder &e, ValueRange indices) { return emitByScalars(*this, e, indices); }            \
  void Op::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {                           \
    llvm::append_range(dims, shapes.broadcastShapes((*this)->getOperands()));                                          \
  }                                                                                                                    \
  Value Op::emitScalar(ElementBuilder &e, ValueRange scalars)

// Names that the bodies below use.
static bool isFloat(Value scalar) { return isa<FloatType>(scalar.getType()); }

template <typename FloatOp, typename IntegerOp> static Value arithmetic(ElementBuilder &e, ValueRange s) {
  if (isFloat(s[0]))
    return e.builder.createOrFold<FloatOp>(e.loc, s[0], s[1]);
  return e.builder.createOrFold<IntegerOp>(e.loc, s[0], s[1]);
}
template <typename MathOp> static Value math1(ElementBuilder &e, Value x) {
  return e.builder.createOrFold<MathOp>(e.loc, x, arith::FastMathFlags::none);
}
static Value compareFloat(ElementBuilder &e, arith::CmpFPredicate predicate, Value a, Value b) {
  return e.builder.createOrFold<arith::CmpFOp>(e.loc, predicate, a, b);
}
static Value addF(ElementBuilder &e, Value a, Value b) { return e.builder.createOrFold<arith::AddFOp>(e.loc, a, b); }
static Value mulF(ElementBuilder &e, Value a, Value b) { return e.builder.createOrFold<arith::MulFOp>(e.loc, a, b); }
static Value mulF(ElementBuilder &e, Value a, double b) { return mulF(e, a, e.constant(a.getType(), b)); }

//===-- Unary ---------------------------------------------------------------------------------------------------===//

ELEMENTWISE(AbsOp) {
  Value x = scalars[0];
  if (isFloat(x))
    return math1<math::AbsFOp>(e, x);
  if (isUnsigned(getInput()))
    return x;
  Value zero = e.constant(x.getType(), int64_t(0));
  return e.select(e.compare(arith::CmpIPredicate::slt, x, zero), e.sub(zero, x), x);
}
ELEMENTWISE(NegOp) {
  Value x = scalars[0];
  return isFloat(x) ? e.builder.createOrFold<arith::NegFOp>(e.loc, x) : e.sub(e.constant(x.getType(), int64_t(0)), x);
}
ELEMENTWISE(CeilOp) { return math1<math::CeilOp>(e, scalars[0]); }
ELEMENTWISE(FloorOp) { return math1<math::FloorOp>(e, scalars[0]); }
ELEMENTWISE(RoundOp) { return math1<math::RoundEvenOp>(e, scalars[0]); }
ELEMENTWISE(SqrtOp) { return math1<math::SqrtOp>(e, scalars[0]); }
ELEMENTWISE(ExpOp) {
  Value power = math1<math::ExpOp>(e, scalars[0]);
  if (auto exp = power.getDefiningOp<math::ExpOp>(); exp && (*this)->hasAttr(kNonPositiveAttr))
    exp->setDiscardableAttr(kNonPositiveAttr, e.builder.getUnitAttr());
  return power;
}
ELEMENTWISE(LogOp) { return math1<math::LogOp>(e, scalars[0]); }
ELEMENTWISE(Log1pOp) { return math1<math::Log1pOp>(e, scalars[0]); }
ELEMENTWISE(SinOp) { return math1<math::SinOp>(e, scalars[0]); }
ELEMENTWISE(CosOp) { return math1<math::CosOp>(e, scalars[0]); }
ELEMENTWISE(TanhOp) { return math1<math::TanhOp>(e, scalars[0]); }
ELEMENTWISE(ErfOp) { return math1<math::ErfOp>(e, scalars[0]); }
ELEMENTWISE(SigmoidOp) {
  Type type = scalars[0].getType();
  Value power = math1<math::ExpOp>(e, e.builder.createOrFold<arith::NegFOp>(e.loc, scalars[0]));
  Value one = e.constant(type, 1.0);
  return e.builder.createOrFold<arith::DivFOp>(e.loc, one, addF(e, power, one));
}
ELEMENTWISE(ReluOp) {
  Value x = scalars[0], zero = e.constant(x.getType(), int64_t(0));
  // x < 0 is false for NaN, which stays: one vmaxps.
  if (isFloat(x))
    return e.select(compareFloat(e, arith::CmpFPredicate::OLT, x, zero), zero, x);
  return isUnsigned(getInput()) ? x : e.select(e.compare(arith::CmpIPredicate::slt, x, zero), zero, x);
}
ELEMENTWISE(SignOp) {
  Value x = scalars[0];
  Value zero = e.constant(x.getType(), int64_t(0)), one = e.constant(x.getType(), int64_t(1));
  if (isFloat(x)) {
    Value positive = e.select(compareFloat(e, arith::CmpFPredicate::OGT, x, zero), one, x);
    return e.select(compareFloat(e, arith::CmpFPredicate::OLT, x, zero), e.constant(x.getType(), int64_t(-1)),
                    positive);
  }
  Value positive = e.select(e.compare(arith::CmpIPredicate::eq, x, zero), zero, one);
  if (isUnsigned(getInput()))
    return positive;
  return e.select(e.compare(arith::CmpIPredicate::slt, x, zero), e.constant(x.getType(), int64_t(-1)), positive);
}
ELEMENTWISE(NotOp) {
  return e.builder.createOrFold<arith::XOrIOp>(e.loc, scalars[0], e.constant(e.builder.getI1Type(), int64_t(1)));
}
ELEMENTWISE(IsNanOp) { return compareFloat(e, arith::CmpFPredicate::UNO, scalars[0], scalars[0]); }
ELEMENTWISE(IsInfOp) {
  Value x = scalars[0];
  Value result = e.constant(e.builder.getI1Type(), int64_t(0));
  for (bool highest : {true, false})
    if (highest ? getPositive() : getNegative()) {
      Value limit = extremeConstant(e, x.getType(), highest ? Extreme::Highest : Extreme::Lowest);
      result =
          e.builder.createOrFold<arith::OrIOp>(e.loc, result, compareFloat(e, arith::CmpFPredicate::OEQ, x, limit));
    }
  return result;
}
ELEMENTWISE(GeluOp) {
  Value x = scalars[0], one = e.constant(x.getType(), 1.0);
  Value inner;
  if (getTanhApproximation()) {
    Value cubic = mulF(e, mulF(e, mulF(e, x, x), x), 0.044715);
    inner = math1<math::TanhOp>(e, mulF(e, addF(e, x, cubic), 0.7978845608028654)); // √(2/π)
  } else {
    inner = math1<math::ErfOp>(e, mulF(e, x, 0.7071067811865476)); // 1/√2
  }
  return mulF(e, mulF(e, x, 0.5), addF(e, inner, one));
}

Value hone::floatToInteger(ElementBuilder &e, Value x, Type to, bool toUnsigned) {
  OpBuilder &b = e.builder;
  Type from = x.getType();
  unsigned toWidth = to.getIntOrFloatBitWidth();
  // Through 64 bits, so that what a narrow type cannot hold wraps instead of being undefined. Values that 64 bits
  // cannot hold become the least one, as the hardware's truncating conversion does.
  Type wide = b.getI64Type();
  Value limit = e.constant(from, 9223372036854775808.0);
  Value inside = b.createOrFold<arith::AndIOp>(
      e.loc, compareFloat(e, arith::CmpFPredicate::OLT, x, limit),
      compareFloat(e, arith::CmpFPredicate::OGE, x, b.createOrFold<arith::NegFOp>(e.loc, limit)));
  if (toUnsigned && toWidth == 64) {
    // [2^63, 2^64) fits the unsigned type: convert x - 2^63 and add it back as bits.
    Value upper = b.createOrFold<arith::AndIOp>(
        e.loc, compareFloat(e, arith::CmpFPredicate::OGE, x, limit),
        compareFloat(e, arith::CmpFPredicate::OLT, x, e.constant(from, 18446744073709551616.0)));
    Value shifted = b.createOrFold<arith::SubFOp>(e.loc, x, limit);
    Value safe = e.select(inside, x, e.select(upper, shifted, e.constant(from, 0.0)));
    Value bits = b.createOrFold<arith::FPToSIOp>(e.loc, wide, safe);
    Value least = e.constant(wide, std::numeric_limits<int64_t>::min());
    return e.select(inside, bits, e.select(upper, b.createOrFold<arith::XOrIOp>(e.loc, bits, least), least));
  }
  Value bits = b.createOrFold<arith::FPToSIOp>(e.loc, wide, e.select(inside, x, e.constant(from, 0.0)));
  Value result = e.select(inside, bits, e.constant(wide, std::numeric_limits<int64_t>::min()));
  return toWidth == 64 ? result : b.createOrFold<arith::TruncIOp>(e.loc, to, result);
}

/// f64 to f32 so that rounding the result again, to fewer bits, rounds x once: what is not exact is odd in its last bit
/// (Boldo, Melquiond 2008).
static Value roundToOdd(ElementBuilder &e, Value x) {
  OpBuilder &b = e.builder;
  Value near = b.createOrFold<arith::TruncFOp>(e.loc, b.getF32Type(), x);
  Value back = b.createOrFold<arith::ExtFOp>(e.loc, x.getType(), near);
  Value isInexact = compareFloat(e, arith::CmpFPredicate::ONE, back, x);
  Value isBeyond = compareFloat(e, arith::CmpFPredicate::OGT, math1<math::AbsFOp>(e, back), math1<math::AbsFOp>(e, x));
  auto asBit = [&](Value condition) { return b.createOrFold<arith::ExtUIOp>(e.loc, b.getI32Type(), condition); };
  Value bits = b.createOrFold<arith::BitcastOp>(e.loc, b.getI32Type(), near);
  Value towardsZero = b.createOrFold<arith::SubIOp>(e.loc, bits, asBit(isBeyond));
  Value odd = b.createOrFold<arith::OrIOp>(e.loc, towardsZero, asBit(isInexact));
  return b.createOrFold<arith::BitcastOp>(e.loc, b.getF32Type(), odd);
}

static Value convertFloat(ElementBuilder &e, Value x, Type to) {
  OpBuilder &b = e.builder;
  unsigned width = x.getType().getIntOrFloatBitWidth(), wanted = to.getIntOrFloatBitWidth();
  if (width == wanted)
    return x;
  return width < wanted ? b.createOrFold<arith::ExtFOp>(e.loc, to, x) : b.createOrFold<arith::TruncFOp>(e.loc, to, x);
}

/// What CPUs convert halves to and from is f32.
static Value fromHalf(ElementBuilder &e, Value bits, Type half) {
  return convertFloat(e, e.builder.createOrFold<arith::BitcastOp>(e.loc, half, bits), e.builder.getF32Type());
}
static Value toHalf(ElementBuilder &e, Value x, Type half) {
  Value single = x.getType().isF64() ? roundToOdd(e, x) : x;
  return e.builder.createOrFold<arith::BitcastOp>(e.loc, scalarType(half), convertFloat(e, single, half));
}

Value hone::convertScalar(ElementBuilder &e, Value x, Type fromElement, Type toElement) {
  OpBuilder &b = e.builder;
  if (fromElement == toElement)
    return x;
  if (isHalf(fromElement))
    return convertScalar(e, fromHalf(e, x, fromElement), b.getF32Type(), toElement);
  if (isHalf(toElement)) {
    bool isFloating = isa<FloatType>(fromElement);
    return toHalf(e, isFloating ? x : convertScalar(e, x, fromElement, b.getF32Type()), toElement);
  }
  Type from = x.getType(), to = scalarType(toElement);
  bool fromUnsigned = fromElement.isUnsignedInteger() || from.isInteger(1);
  if (to.isInteger(1)) {
    Value zero = e.constant(from, int64_t(0));
    return isFloat(x) ? compareFloat(e, arith::CmpFPredicate::UNE, x, zero)
                      : e.compare(arith::CmpIPredicate::ne, x, zero);
  }
  if (isFloat(x))
    return isa<FloatType>(to) ? convertFloat(e, x, to) : floatToInteger(e, x, to, toElement.isUnsignedInteger());
  if (isa<FloatType>(to))
    return fromUnsigned ? b.createOrFold<arith::UIToFPOp>(e.loc, to, x) : b.createOrFold<arith::SIToFPOp>(e.loc, to, x);
  unsigned fromWidth = from.getIntOrFloatBitWidth(), toWidth = to.getIntOrFloatBitWidth();
  if (fromWidth == toWidth)
    return x;
  if (fromWidth > toWidth)
    return b.createOrFold<arith::TruncIOp>(e.loc, to, x);
  return fromUnsigned ? b.createOrFold<arith::ExtUIOp>(e.loc, to, x) : b.createOrFold<arith::ExtSIOp>(e.loc, to, x);
}

ELEMENTWISE(CastOp) { return convertScalar(e, scalars[0], elementTypeOf(getInput()), elementTypeOf(getOutput())); }

WeightRecipeAttrInterface CastOp::getRecipe(ArrayRef<FlatSymbolRefAttr> sources) {
  return CastAttr::get(getContext(), sources[0]);
}

//===-- Binary --------------------------------------------------------------------------------------------------===//

ELEMENTWISE(AddOp) { return arithmetic<arith::AddFOp, arith::AddIOp>(e, scalars); }
ELEMENTWISE(SubOp) { return arithmetic<arith::SubFOp, arith::SubIOp>(e, scalars); }
ELEMENTWISE(MulOp) { return arithmetic<arith::MulFOp, arith::MulIOp>(e, scalars); }

/// Fails on a zero divisor and replaces it, and for signed ones -1 (whose quotient may overflow), by 1.
static Value safeDivisor(ElementBuilder &e, Value divisor, bool isUnsigned) {
  Type type = divisor.getType();
  Value isZero = e.compare(arith::CmpIPredicate::eq, divisor, e.constant(type, int64_t(0)));
  e.failIf(isZero);
  if (!isUnsigned) {
    Value isMinusOne = e.compare(arith::CmpIPredicate::eq, divisor, e.constant(type, int64_t(-1)));
    isZero = e.builder.createOrFold<arith::OrIOp>(e.loc, isZero, isMinusOne);
  }
  return e.select(isZero, e.constant(type, int64_t(1)), divisor);
}

ELEMENTWISE(DivOp) {
  Value a = scalars[0], b = scalars[1];
  if (isFloat(a))
    return e.builder.createOrFold<arith::DivFOp>(e.loc, a, b);
  bool plain = isUnsigned(getLhs());
  Value safe = safeDivisor(e, b, plain);
  if (plain)
    return e.builder.createOrFold<arith::DivUIOp>(e.loc, a, safe);
  Value quotient = e.builder.createOrFold<arith::DivSIOp>(e.loc, a, safe);
  Value isMinusOne = e.compare(arith::CmpIPredicate::eq, b, e.constant(b.getType(), int64_t(-1)));
  return e.select(isMinusOne, e.sub(e.constant(a.getType(), int64_t(0)), a), quotient);
}

ELEMENTWISE(ModOp) {
  Value a = scalars[0], b = scalars[1];
  OpBuilder &builder = e.builder;
  Value zero = e.constant(a.getType(), int64_t(0));
  if (isFloat(a)) {
    Value rest = builder.createOrFold<arith::RemFOp>(e.loc, a, b);
    if (getFmod())
      return rest;
    Value differs = builder.createOrFold<arith::XOrIOp>(e.loc, compareFloat(e, arith::CmpFPredicate::OLT, rest, zero),
                                                        compareFloat(e, arith::CmpFPredicate::OLT, b, zero));
    Value nonZero = compareFloat(e, arith::CmpFPredicate::ONE, rest, zero);
    Value moved = e.select(differs, addF(e, rest, b), rest);
    // A zero has the divisor's sign; a NaN passes.
    return e.select(nonZero, moved, builder.createOrFold<math::CopySignOp>(e.loc, rest, b));
  }
  bool plain = isUnsigned(getLhs());
  Value safe = safeDivisor(e, b, plain);
  if (plain)
    return builder.createOrFold<arith::RemUIOp>(e.loc, a, safe);
  Value rest = builder.createOrFold<arith::RemSIOp>(e.loc, a, safe);
  if (getFmod())
    return rest;
  Value differs = e.compare(arith::CmpIPredicate::slt, builder.createOrFold<arith::XOrIOp>(e.loc, rest, b), zero);
  Value nonZero = e.compare(arith::CmpIPredicate::ne, rest, zero);
  return e.select(builder.createOrFold<arith::AndIOp>(e.loc, differs, nonZero), e.add(rest, b), rest);
}

/// x to the y by squaring; products wrap. A negative exponent gives 1/x^|y| cut to an integer: 0, but for x = 1 and -1.
static Value integerPower(ElementBuilder &e, Value x, Value y, bool plainBase, bool plainExponent) {
  OpBuilder &b = e.builder;
  Type type = x.getType(), exponentType = y.getType();
  Value one = e.constant(type, int64_t(1)), zero = e.constant(type, int64_t(0));
  Value none = e.constant(exponentType, int64_t(0)), bit = e.constant(exponentType, int64_t(1));
  auto product = [&](Value a, Value c) { return b.createOrFold<arith::MulIOp>(e.loc, a, c); };
  Value steps = e.index(exponentType.getIntOrFloatBitWidth() - (plainExponent ? 0 : 1));
  Value power = e.loop(e.index(0), steps, {one, x, y}, [&](Value, ValueRange state) -> SmallVector<Value> {
    Value odd = e.compare(arith::CmpIPredicate::ne, b.createOrFold<arith::AndIOp>(e.loc, state[2], bit), none);
    return {e.select(odd, product(state[0], state[1]), state[0]), product(state[1], state[1]),
            b.createOrFold<arith::ShRUIOp>(e.loc, state[2], bit)};
  })[0];
  if (plainExponent)
    return power;
  Value isOdd = e.compare(arith::CmpIPredicate::ne, b.createOrFold<arith::AndIOp>(e.loc, y, bit), none);
  Value minusOne = e.constant(type, int64_t(-1));
  // The same bits are the greatest value of an unsigned base.
  Value ofMinusOne = plainBase ? zero : e.select(isOdd, minusOne, one);
  Value inverse = e.select(e.compare(arith::CmpIPredicate::eq, x, one), one,
                           e.select(e.compare(arith::CmpIPredicate::eq, x, minusOne), ofMinusOne, zero));
  return e.select(e.compare(arith::CmpIPredicate::slt, y, none), inverse, power);
}

ELEMENTWISE(PowOp) {
  Value x = scalars[0], y = scalars[1];
  OpBuilder &b = e.builder;
  Type type = x.getType();
  // Exponents that are plain arithmetic.
  APInt whole;
  APFloat known(0.0);
  if (isFloat(x) && (matchPattern(y, m_ConstantFloat(&known)) || matchPattern(y, m_ConstantInt(&whole)))) {
    double exponent = !isFloat(y)           ? whole.roundToDouble(/*isSigned=*/!isUnsigned(getRhs()))
                      : y.getType().isF64() ? known.convertToDouble()
                                            : known.convertToFloat();
    if (exponent == 2)
      return mulF(e, x, x);
    if (exponent == 3)
      return mulF(e, mulF(e, x, x), x);
    if (exponent == 1)
      return x;
  }
  if (x.getType() == y.getType() && isFloat(x))
    return b.createOrFold<math::PowFOp>(e.loc, x, y);
  auto toDouble = [&](Value scalar, Value tensor) -> Value {
    Type wide = b.getF64Type();
    if (scalar.getType() == wide)
      return scalar;
    return isFloat(scalar)      ? b.createOrFold<arith::ExtFOp>(e.loc, wide, scalar)
           : isUnsigned(tensor) ? b.createOrFold<arith::UIToFPOp>(e.loc, wide, scalar)
                                : b.createOrFold<arith::SIToFPOp>(e.loc, wide, scalar);
  };
  if (isFloat(x) || isFloat(y)) {
    // Mixtures in f64, as NumPy and ONNX Runtime have it: f32 would round large exponents, and odd ones become even.
    Value power = b.createOrFold<math::PowFOp>(e.loc, toDouble(x, getLhs()), toDouble(y, getRhs()));
    if (!isFloat(x))
      return floatToInteger(e, power, type, isUnsigned(getLhs()));
    return power.getType() == type ? power : b.createOrFold<arith::TruncFOp>(e.loc, type, power);
  }
  return integerPower(e, x, y, isUnsigned(getLhs()), isUnsigned(getRhs()));
}

template <typename FloatOp, typename SignedOp, typename UnsignedOp>
static Value pick(ElementBuilder &e, Value a, Value b, bool plain) {
  if (isFloat(a))
    return e.builder.createOrFold<FloatOp>(e.loc, a, b);
  return plain ? e.builder.createOrFold<UnsignedOp>(e.loc, a, b) : e.builder.createOrFold<SignedOp>(e.loc, a, b);
}
ELEMENTWISE(MinOp) {
  return pick<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>(e, scalars[0], scalars[1], isUnsigned(getLhs()));
}
ELEMENTWISE(MaxOp) {
  return pick<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>(e, scalars[0], scalars[1], isUnsigned(getLhs()));
}
ELEMENTWISE(AndOp) { return e.builder.createOrFold<arith::AndIOp>(e.loc, scalars[0], scalars[1]); }
ELEMENTWISE(OrOp) { return e.builder.createOrFold<arith::OrIOp>(e.loc, scalars[0], scalars[1]); }
ELEMENTWISE(XorOp) { return e.builder.createOrFold<arith::XOrIOp>(e.loc, scalars[0], scalars[1]); }

static Value order(ElementBuilder &e, ValueRange s, bool plain, arith::CmpFPredicate floating,
                   arith::CmpIPredicate signedOne, arith::CmpIPredicate unsignedOne) {
  return isFloat(s[0]) ? compareFloat(e, floating, s[0], s[1]) : e.compare(plain ? unsignedOne : signedOne, s[0], s[1]);
}
ELEMENTWISE(EqualOp) {
  return order(e, scalars, true, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq, arith::CmpIPredicate::eq);
}
ELEMENTWISE(LessOp) {
  return order(e, scalars, isUnsigned(getLhs()), arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt,
               arith::CmpIPredicate::ult);
}
ELEMENTWISE(LessEqualOp) {
  return order(e, scalars, isUnsigned(getLhs()), arith::CmpFPredicate::OLE, arith::CmpIPredicate::sle,
               arith::CmpIPredicate::ule);
}
ELEMENTWISE(SelectOp) { return e.select(scalars[0], scalars[1], scalars[2]); }

//===-- Folds ---------------------------------------------------------------------------------------------------===//
//
// Only what holds for every value: x + 0 is not x for x = -0, x · 0 and x - x are not 0 for NaN and infinities.

/// Whether the result has the dims of `operand`: `other` does not widen it.
static bool isKept(Value operand, Value other, Value result) {
  auto type = cast<RankedTensorType>(operand.getType()), otherType = cast<RankedTensorType>(other.getType());
  return type == result.getType() &&
         (type.hasStaticShape() || (otherType.hasStaticShape() && otherType.getNumElements() == 1));
}
/// Whether a constant operand, if it is one, holds `wanted` only; for floats with this sign of zero.
static bool holds(Attribute constant, double wanted) {
  auto elements = dyn_cast_or_null<DenseElementsAttr>(constant);
  if (!elements || !elements.isSplat())
    return false;
  if (isa<FloatType>(elements.getElementType())) {
    APFloat value = elements.getSplatValue<APFloat>(), other(wanted);
    bool isInexact;
    other.convert(value.getSemantics(), APFloat::rmNearestTiesToEven, &isInexact);
    return value.bitwiseIsEqual(other);
  }
  return elements.getSplatValue<APInt>() == uint64_t(wanted);
}
/// x where x op neutral = x (or, with `commutes`, neutral op x = x).
static OpFoldResult foldNeutral(Operation *op, ArrayRef<Attribute> constants, double neutral, bool commutes) {
  Value lhs = op->getOperand(0), rhs = op->getOperand(1), result = op->getResult(0);
  if (holds(constants[1], neutral) && isKept(lhs, rhs, result))
    return lhs;
  if (commutes && holds(constants[0], neutral) && isKept(rhs, lhs, result))
    return rhs;
  return {};
}
/// x for op(op(x)).
template <typename Op> static OpFoldResult foldInvolution(Op op) {
  auto inner = op.getInput().template getDefiningOp<Op>();
  return inner && inner.getInput().getType() == op.getType() ? OpFoldResult(inner.getInput()) : OpFoldResult();
}

OpFoldResult NegOp::fold(FoldAdaptor) { return foldInvolution(*this); }
OpFoldResult NotOp::fold(FoldAdaptor) { return foldInvolution(*this); }
OpFoldResult ReluOp::fold(FoldAdaptor) {
  return getInput().getDefiningOp<ReluOp>() && getInput().getType() == getOutput().getType() ? OpFoldResult(getInput())
                                                                                             : OpFoldResult();
}
OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  double neutral = isa<FloatType>(elementTypeOf(getOutput())) ? -0.0 : 0.0;
  return foldNeutral(*this, adaptor.getOperands(), neutral, /*commutes=*/true);
}
OpFoldResult SubOp::fold(FoldAdaptor adaptor) {
  return foldNeutral(*this, adaptor.getOperands(), 0.0, /*commutes=*/false);
}
OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  return foldNeutral(*this, adaptor.getOperands(), 1, /*commutes=*/true);
}
OpFoldResult DivOp::fold(FoldAdaptor adaptor) {
  return foldNeutral(*this, adaptor.getOperands(), 1, /*commutes=*/false);
}
OpFoldResult PowOp::fold(FoldAdaptor adaptor) {
  return foldNeutral(*this, adaptor.getOperands(), 1, /*commutes=*/false);
}
OpFoldResult AndOp::fold(FoldAdaptor adaptor) {
  return foldNeutral(*this, adaptor.getOperands(), 1, /*commutes=*/true);
}
OpFoldResult OrOp::fold(FoldAdaptor adaptor) { return foldNeutral(*this, adaptor.getOperands(), 0, /*commutes=*/true); }

OpFoldResult CastOp::fold(FoldAdaptor) {
  if (getInput().getType() == getOutput().getType())
    return getInput();
  // There and back, where the type between holds every value.
  auto inner = getInput().getDefiningOp<CastOp>();
  if (!inner || inner.getInput().getType() != getOutput().getType())
    return {};
  Type from = elementTypeOf(inner.getInput()), between = elementTypeOf(getInput());
  unsigned width = from.getIntOrFloatBitWidth(), widthBetween = between.getIntOrFloatBitWidth();
  // Two float types of one width hold different values; integers of one width only read their bits differently.
  bool holdsAll = isa<FloatType>(from) == isa<FloatType>(between) &&
                  (width < widthBetween || (width == widthBetween && !isa<FloatType>(from)));
  return holdsAll || from.isInteger(1) ? OpFoldResult(inner.getInput()) : OpFoldResult();
}

OpFoldResult SelectOp::fold(FoldAdaptor adaptor) {
  if (getOnTrue() == getOnFalse() && isKept(getOnTrue(), getCondition(), getOutput()))
    return getOnTrue();
  for (bool condition : {true, false}) {
    Value chosen = condition ? getOnTrue() : getOnFalse(), other = condition ? getOnFalse() : getOnTrue();
    if (holds(adaptor.getCondition(), condition) && isKept(chosen, getCondition(), getOutput()) &&
        isKept(chosen, other, getOutput()))
      return chosen;
  }
  return {};
}
