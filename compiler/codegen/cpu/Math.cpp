// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/Math.h"
#include "dialects/hone/RowFacts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include <limits>

using namespace mlir;
using namespace hone;

namespace {

/// A float value (scalar or vector) with the builder to compute with it, so that formulas below read as formulas.
struct Num {
  OpBuilder *builder;
  Location loc;
  Value value;

  Num(OpBuilder &b, Location loc, Value value) : builder(&b), loc(loc), value(value) {}
  Num with(Value v) const { return Num(*builder, loc, v); }
  Type type() const { return value.getType(); }

  /// The type of the same shape with another element.
  Type like(Type element) const {
    if (auto vector = dyn_cast<VectorType>(type()))
      return vector.clone(element);
    return element;
  }
  Num constant(double c) const {
    auto attr = builder->getFloatAttr(getElementTypeOrSelf(type()), c);
    if (auto vector = dyn_cast<VectorType>(type()))
      return with(arith::ConstantOp::create(*builder, loc, DenseElementsAttr::get(vector, attr)));
    return with(arith::ConstantOp::create(*builder, loc, attr));
  }
};

/// An integer value of the same shape.
struct Int {
  Num shape;
  Value value;
  Int with(Value v) const { return {shape, v}; }
  Value constant(int64_t c) const {
    OpBuilder &b = *shape.builder;
    auto attr = b.getIntegerAttr(getElementTypeOrSelf(value.getType()), c);
    if (auto vector = dyn_cast<VectorType>(value.getType()))
      return arith::ConstantOp::create(b, shape.loc, DenseElementsAttr::get(vector, attr));
    return arith::ConstantOp::create(b, shape.loc, attr);
  }
};

} // namespace

template <typename Op> static Num binary(Num a, Num b) {
  return a.with(Op::create(*a.builder, a.loc, a.value, b.value));
}
template <typename Op> static Num unary(Num a) { return a.with(Op::create(*a.builder, a.loc, a.value)); }
template <typename Op> static Int integer(Int a, Value b) {
  return a.with(Op::create(*a.shape.builder, a.shape.loc, a.value, b));
}

static Num operator+(Num a, Num b) { return binary<arith::AddFOp>(a, b); }
static Num operator-(Num a, Num b) { return binary<arith::SubFOp>(a, b); }
static Num operator*(Num a, Num b) { return binary<arith::MulFOp>(a, b); }
static Num operator/(Num a, Num b) { return binary<arith::DivFOp>(a, b); }
static Num operator+(Num a, double b) { return a + a.constant(b); }
static Num operator-(Num a, double b) { return a - a.constant(b); }
static Num operator*(Num a, double b) { return a * a.constant(b); }
static Num operator-(double a, Num b) { return b.constant(a) - b; }
static Num operator/(double a, Num b) { return b.constant(a) / b; }
static Num fma(Num a, Num b, Num c) {
  return a.with(math::FmaOp::create(*a.builder, a.loc, a.value, b.value, c.value));
}
static Num fma(Num a, double b, Num c) { return fma(a, a.constant(b), c); }
static Num fma(Num a, Num b, double c) { return fma(a, b, a.constant(c)); }
static Num fma(Num a, double b, double c) { return fma(a, a.constant(b), a.constant(c)); }
static Num abs(Num a) { return unary<math::AbsFOp>(a); }
static Num sqrt(Num a) { return unary<math::SqrtOp>(a); }
static Num copySign(Num magnitude, Num sign) { return binary<math::CopySignOp>(magnitude, sign); }

using Predicate = arith::CmpFPredicate;
static Value compare(Num a, Predicate predicate, double b) {
  return arith::CmpFOp::create(*a.builder, a.loc, predicate, a.value, a.constant(b).value);
}
static Num select(Value condition, Num a, Num b) {
  return a.with(arith::SelectOp::create(*a.builder, a.loc, condition, a.value, b.value));
}
static Num select(Value condition, double a, Num b) { return select(condition, b.constant(a), b); }
/// NaN passes through both.
static Num atLeast(Num x, double low) { return select(compare(x, Predicate::OLT, low), low, x); }
static Num atMost(Num x, double high) { return select(compare(x, Predicate::OGT, high), high, x); }

static Int bits(Num a) {
  unsigned width = getElementTypeOrSelf(a.type()).getIntOrFloatBitWidth();
  Type type = a.like(a.builder->getIntegerType(width));
  return {a, arith::BitcastOp::create(*a.builder, a.loc, type, a.value)};
}
static Num fromBits(Int a) {
  return a.shape.with(arith::BitcastOp::create(*a.shape.builder, a.shape.loc, a.shape.type(), a.value));
}
static Int add(Int a, int64_t b) { return integer<arith::AddIOp>(a, a.constant(b)); }
static Int bitAnd(Int a, int64_t b) { return integer<arith::AndIOp>(a, a.constant(b)); }
static Int shiftLeft(Int a, int64_t b) { return integer<arith::ShLIOp>(a, a.constant(b)); }
static Int shiftRight(Int a, int64_t b) { return integer<arith::ShRSIOp>(a, a.constant(b)); }

/// c[0] x^n + ... + c[n].
static Num polynomial(Num x, ArrayRef<double> c) {
  Num sum = x.constant(c[0]);
  for (double next : c.drop_front())
    sum = fma(sum, x, next);
  return sum;
}

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();
static constexpr double kLn2 = 0.69314718055994530942, kLog2E = 1.44269504088896340736;
static constexpr double kPi = 3.14159265358979323846;
/// ln 2 in two parts, the first with zeros at its end so that n times it is exact (Cephes, expf.c and logf.c).
static constexpr double kLn2High = 0.693359375, kLn2Low = -2.12194440e-4;
/// 1.5 * 2^23: adding it leaves a rounded integer in the low bits of a float, without a conversion that NaN would
/// poison.
static constexpr double kRoundingMagic = 12582912.0;
static constexpr int64_t kRoundingMagicBits = 0x4b400000, kOneBits = 0x3f800000;

/// exp(r) - 1 for |r| <= ln(2)/2 (Cephes, expf.c).
static Num expm1Reduced(Num r) {
  Num p = polynomial(
      r, {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1});
  return fma(p, r * r, r);
}

namespace {
/// x = n ln 2 + r; `rounded` holds n in its low bits, above those of the rounding constant.
struct ExpParts {
  Num rounded, r;
};
} // namespace

static ExpParts splitExp(Num x, double magic) {
  Num rounded = fma(x, kLog2E, magic);
  Num n = rounded - magic;
  return {rounded, fma(n, -kLn2Low, fma(n, -kLn2High, x))};
}

/// y * 2^n, right for n in [-252, 254]: the exponent in two steps, so that neither factor overflows or is denormal.
static Num scale(Num y, Int n) {
  Int half = shiftRight(n, 1), rest = integer<arith::SubIOp>(n, half.value);
  auto power = [&](Int e) { return fromBits(shiftLeft(add(e, 127), 23)); };
  return y * power(half) * power(rest);
}

/// exp(x) * 2^shift.
static Num expShifted(Num x, int64_t shift) {
  x = atMost(atLeast(x, -104.0), 90.0);
  ExpParts parts = splitExp(x, kRoundingMagic);
  return scale(expm1Reduced(parts.r) + 1.0, add(bits(parts.rounded), shift - kRoundingMagicBits));
}

Value hone::emitExp(OpBuilder &b, Location loc, Value x) { return expShifted(Num(b, loc, x), 0).value; }

Value hone::emitExpNonPositive(OpBuilder &b, Location loc, Value x) {
  Num value(b, loc, x);
  // The rounding constant carries the exponent's bias, so its low bits are the exponent field of 2^n.
  ExpParts parts = splitExp(value, kRoundingMagic + 127);
  Num power = fromBits(shiftLeft(bits(parts.rounded), 23));
  // Minimax of degree 6, its first terms exact: one operation less than exp(r) - 1 with its last bits.
  Num result =
      polynomial(parts.r, {1.38145929e-3, 8.36871935e-3, 4.16683890e-2, 1.66665211e-1, 4.99999940e-1, 1.0, 1.0});
  result = result * power;
  return select(compare(value, Predicate::OLT, -87.336544), 0.0, result).value;
}

Value hone::emitExp2(OpBuilder &b, Location loc, Value x) {
  Num value = atMost(atLeast(Num(b, loc, x), -151.0), 129.0);
  Num rounded = value + kRoundingMagic;
  Num r = (value - (rounded - kRoundingMagic)) * kLn2;
  return scale(expm1Reduced(r) + 1.0, add(bits(rounded), -kRoundingMagicBits)).value;
}

static Num expm1(Num x) {
  // Half of 2^n, so that n = 128 does not overflow before the end.
  ExpParts parts = splitExp(atMost(atLeast(x, -20.0), 88.8), kRoundingMagic);
  Num half = fromBits(shiftLeft(add(bits(parts.rounded), 126 - kRoundingMagicBits), 23));
  return fma(expm1Reduced(parts.r), half, half - 0.5) * 2.0;
}

/// `result`, or x where x is a zero: keeps its sign.
static Num keepZero(Num x, Num result) { return select(compare(x, Predicate::OEQ, 0.0), x, result); }

Value hone::emitExpm1(OpBuilder &b, Location loc, Value x) {
  Num value(b, loc, x);
  return keepZero(value, expm1(value)).value;
}

namespace {
/// x = 2^e m with m in [sqrt(1/2), sqrt(2)); log(x) = e ln 2 + f + tail with f = m - 1.
struct LogParts {
  Num e, f, tail;
};
} // namespace

/// For x > 0 and finite.
static LogParts splitLog(Num x) {
  // Denormals are scaled up first.
  Value small = compare(x, Predicate::OLT, 0x1p-126);
  Num scaled = select(small, x * 0x1p23, x);
  constexpr int64_t rootHalfBits = 0x3f3504f3;
  Int shifted = add(bits(scaled), kOneBits - rootHalfBits);
  Num f = fromBits(add(bitAnd(shifted, 0x7fffff), rootHalfBits)) - 1.0;
  Num e = x.with(arith::SIToFPOp::create(*x.builder, x.loc, x.type(), shiftRight(shifted, 23).value));
  e = e - select(small, 127.0 + 23.0, x.constant(127.0));
  // Cephes, logf.c.
  Num p = polynomial(f, {7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
                         -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1});
  Num square = f * f;
  return {e, f, fma(square, -0.5, square * (f * p))};
}

/// `result`, or what every logarithm gives for x = 0, x < 0, infinity and NaN.
static Num logSpecials(Num x, Num result) {
  result = select(compare(x, Predicate::OLT, kInfinity), result, x);
  result = select(compare(x, Predicate::OLT, 0.0), kNotANumber, result);
  return select(compare(x, Predicate::OEQ, 0.0), -kInfinity, result);
}

static Num log(Num x) {
  LogParts parts = splitLog(x);
  Num sum = parts.f + fma(parts.e, kLn2Low, parts.tail);
  return logSpecials(x, fma(parts.e, kLn2High, sum));
}

Value hone::emitLog(OpBuilder &b, Location loc, Value x) { return log(Num(b, loc, x)).value; }

Value hone::emitLog2(OpBuilder &b, Location loc, Value x) {
  Num value(b, loc, x);
  LogParts parts = splitLog(value);
  // log2(m) = (f + tail) + (f + tail) * (log2(e) - 1): the larger part is added last and unrounded.
  Num small = fma(parts.f + parts.tail, kLog2E - 1.0, parts.tail);
  return logSpecials(value, parts.e + (parts.f + small)).value;
}

Value hone::emitLog10(OpBuilder &b, Location loc, Value x) {
  Num value(b, loc, x);
  LogParts parts = splitLog(value);
  // log10(e) and log10(2) in two parts (Cephes, log10f.c).
  Num sum = fma(parts.f, 0.4342944819 - 0.43359375, parts.e * 4.6050389811952e-6);
  sum = fma(parts.tail, 0.4342944819, sum);
  return logSpecials(value, fma(parts.e, 0.301025390625, fma(parts.f, 0.43359375, sum))).value;
}

static Num log1p(Num x) {
  Num u = x + 1.0;
  // The rounding error of u, as a relative correction; there is none where u is 0 or x swallows the 1.
  Num correction = (x - (u - 1.0)) / u;
  correction = select(compare(x, Predicate::OGT, -1.0), correction, x.constant(0.0));
  correction = select(compare(x, Predicate::OLT, 0x1p24), correction, x.constant(0.0));
  return keepZero(x, log(u) + correction);
}

Value hone::emitLog1p(OpBuilder &b, Location loc, Value x) { return log1p(Num(b, loc, x)).value; }

Value hone::emitSigmoid(OpBuilder &b, Location loc, Value x) {
  Num value(b, loc, x);
  Num e = expShifted(abs(value) * -1.0, 0);
  return (select(compare(value, Predicate::OLT, 0.0), e, value.constant(1.0)) / (e + 1.0)).value;
}

Value hone::emitTanh(OpBuilder &b, Location loc, Value x) {
  Num value(b, loc, x);
  Num t = expm1(atMost(abs(value) * 2.0, 20.0));
  return copySign(t / (t + 2.0), value).value;
}

Value hone::emitErf(OpBuilder &b, Location loc, Value x) {
  // Both polynomials are least-squares fits of ours with Lawson's weights (minimax): erf(x)/x - 1 in x^2, and
  // -log(erfc(t))/t - 1 in t for 0.93 <= t <= 4.
  Num value(b, loc, x), t = atMost(abs(value), 4.0);
  Num q = polynomial(t, {-0.000213645151, 0.003212146, -0.022880923, 0.105247684, 0.635729134, 0.128511146});
  Num exponent = fma(q, t, t) * -1.0;
  Num large = 1.0 - value.with(emitExpNonPositive(b, loc, exponent.value));
  Num p =
      polynomial(value * value, {-0.000595373975, 0.00498594018, -0.02676172, 0.112816826, -0.376124799, 0.128379151});
  return select(compare(t, Predicate::OGT, 0.93), copySign(large, value), fma(p, value, value)).value;
}

namespace {
/// x = n pi/2 + r in f64: sin(r), cos(r), and n in the low bits of an integer.
struct TrigParts {
  Num sine, cosine;
  Int quadrant;
};
} // namespace

static TrigParts splitTrig(Num narrow) {
  Type wide = narrow.like(narrow.builder->getF64Type());
  Num x = narrow.with(arith::ExtFOp::create(*narrow.builder, narrow.loc, wide, narrow.value));
  Num rounded = fma(x, 2.0 / kPi, 0x1.8p52);
  Num n = rounded - 0x1.8p52;
  // pi/2 in two parts.
  Num r = fma(n, -6.12323399573676603587e-17, fma(n, -1.57079632679489655800, x));
  r = atMost(atLeast(r, -0.8), 0.8); // |x| beyond 2^51: any angle, but a bounded result
  Num square = r * r;
  Num s = polynomial(square, {2.718311493989822e-6, -1.984126982985796e-4, 8.333333333322118e-3, -0.16666666666666499});
  Num c = polynomial(square, {2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2, -0.499999997251031});
  return {fma(s, square * r, r), fma(c, square, 1.0), bits(rounded)};
}

static Num narrow(Num wide, Type type) {
  return wide.with(arith::TruncFOp::create(*wide.builder, wide.loc, type, wide.value));
}

static Value isOdd(Int n) {
  Int bit = bitAnd(n, 1);
  return arith::CmpIOp::create(*n.shape.builder, n.shape.loc, arith::CmpIPredicate::ne, bit.value, bit.constant(0));
}

/// sin(x + quarter pi/2).
static Num sine(Num x, int64_t quarter) {
  TrigParts parts = splitTrig(x);
  Int quadrant = add(parts.quadrant, quarter);
  Num result = select(isOdd(quadrant), parts.cosine, parts.sine);
  Int sign = shiftLeft(bitAnd(quadrant, 2), 62);
  return narrow(fromBits(integer<arith::XOrIOp>(bits(result), sign.value)), x.type());
}

Value hone::emitSin(OpBuilder &b, Location loc, Value x) {
  Num value(b, loc, x);
  return keepZero(value, sine(value, 0)).value;
}

Value hone::emitCos(OpBuilder &b, Location loc, Value x) { return sine(Num(b, loc, x), 1).value; }

Value hone::emitTan(OpBuilder &b, Location loc, Value x) {
  Num value(b, loc, x);
  TrigParts parts = splitTrig(value);
  Value odd = isOdd(parts.quadrant);
  Num numerator = select(odd, parts.cosine * -1.0, parts.sine), denominator = select(odd, parts.sine, parts.cosine);
  return keepZero(value, narrow(numerator / denominator, value.type())).value;
}

/// asin(w) for 0 <= w <= 1/2, square = w^2 (Cephes, asinf.c).
static Num asinReduced(Num w, Num square) {
  Num p = polynomial(square, {4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2, 7.4953002686e-2, 1.6666752422e-1});
  return fma(p * square, w, w);
}

namespace {
/// |x| > 1/2: asin |x| = pi/2 - 2 asin sqrt((1 - |x|) / 2).
struct AsinParts {
  Value large;
  Num reduced;
};
} // namespace

static AsinParts splitAsin(Num x) {
  Num a = abs(x);
  Value large = compare(a, Predicate::OGT, 0.5);
  Num square = select(large, fma(a, -0.5, 0.5), a * a);
  return {large, asinReduced(select(large, sqrt(square), a), square)};
}

Value hone::emitAsin(OpBuilder &b, Location loc, Value x) {
  Num value(b, loc, x);
  AsinParts parts = splitAsin(value);
  return copySign(select(parts.large, fma(parts.reduced, -2.0, kPi / 2), parts.reduced), value).value;
}

Value hone::emitAcos(OpBuilder &b, Location loc, Value x) {
  Num value(b, loc, x);
  AsinParts parts = splitAsin(value);
  Num twice = parts.reduced * 2.0;
  Num large = select(compare(value, Predicate::OLT, 0.0), kPi - twice, twice);
  Num small = kPi / 2 - copySign(parts.reduced, value);
  return select(parts.large, large, small).value;
}

Value hone::emitAtan(OpBuilder &b, Location loc, Value x) {
  // Cephes, atanf.c: beyond tan(3 pi/8) by pi/2 - atan(1/a), beyond tan(pi/8) by pi/4 + atan((a - 1) / (a + 1)).
  Num value(b, loc, x), a = abs(value);
  Value large = compare(a, Predicate::OGT, 2.414213562373095), middle = compare(a, Predicate::OGT, 0.4142135623730950);
  Num numerator = select(large, -1.0, select(middle, a - 1.0, a));
  Num denominator = select(large, a, select(middle, a + 1.0, a.constant(1.0)));
  Num base = select(large, kPi / 2, select(middle, kPi / 4, a.constant(0.0)));
  Num w = numerator / denominator, square = w * w;
  Num p = polynomial(square, {8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1});
  return copySign(base + fma(p * square, w, w), value).value;
}

Value hone::emitSinh(OpBuilder &b, Location loc, Value x) {
  Num value(b, loc, x), a = abs(value);
  Num t = expm1(a), half = expShifted(a, -1);
  Num small = (t + t / (t + 1.0)) * 0.5, large = half - 0.25 / half;
  return copySign(select(compare(a, Predicate::OGT, 1.0), large, small), value).value;
}

Value hone::emitCosh(OpBuilder &b, Location loc, Value x) {
  Num half = expShifted(abs(Num(b, loc, x)), -1);
  return (half + 0.25 / half).value;
}

/// log1p(x), or log(2 a) for an `a` so large that a^2 could overflow; `x` is not used then.
static Num log1pOrLogTwice(Num x, Num a) {
  Value large = compare(a, Predicate::OGT, 1e9);
  return log1p(select(large, a, x)) + select(large, kLn2, a.constant(0.0));
}

Value hone::emitAsinh(OpBuilder &b, Location loc, Value x) {
  Num value(b, loc, x), a = abs(value), square = a * a;
  Num argument = a + square / (sqrt(square + 1.0) + 1.0);
  return copySign(log1pOrLogTwice(argument, a), value).value;
}

Value hone::emitAcosh(OpBuilder &b, Location loc, Value x) {
  Num value(b, loc, x), t = value - 1.0;
  Num result = log1pOrLogTwice(t + sqrt(fma(t, t, t * 2.0)), value);
  return select(compare(value, Predicate::OLT, 1.0), kNotANumber, result).value;
}

Value hone::emitAtanh(OpBuilder &b, Location loc, Value x) {
  Num value(b, loc, x), a = abs(value);
  return copySign(log1p((a * 2.0) / (1.0 - a)) * 0.5, value).value;
}

namespace {
template <typename Op, Value (*Emit)(OpBuilder &, Location, Value)> struct ExpandPattern : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Type type = op.getType(), element = getElementTypeOrSelf(type);
    if (!element.isF32() && !element.isF16() && !element.isBF16())
      return failure();
    Value x = op.getOperand();
    if (element.isF32()) {
      rewriter.replaceOp(op, Emit(rewriter, op.getLoc(), x));
      return success();
    }
    Type wide = Num(rewriter, op.getLoc(), x).like(rewriter.getF32Type());
    Value result = Emit(rewriter, op.getLoc(), arith::ExtFOp::create(rewriter, op.getLoc(), wide, x));
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, type, result);
    return success();
  }
};

struct ExpandNonPositiveExp : ExpandPattern<math::ExpOp, emitExpNonPositive> {
  ExpandNonPositiveExp(MLIRContext *context) : ExpandPattern(context, /*benefit=*/2) {}
  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const override {
    return op->hasAttr(kNonPositiveAttr) ? ExpandPattern::matchAndRewrite(op, rewriter) : failure();
  }
};
} // namespace

void hone::populateMathPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandNonPositiveExp, ExpandPattern<math::ExpOp, emitExp>, ExpandPattern<math::Exp2Op, emitExp2>,
               ExpandPattern<math::ExpM1Op, emitExpm1>, ExpandPattern<math::LogOp, emitLog>,
               ExpandPattern<math::Log2Op, emitLog2>, ExpandPattern<math::Log10Op, emitLog10>,
               ExpandPattern<math::Log1pOp, emitLog1p>, ExpandPattern<math::TanhOp, emitTanh>,
               ExpandPattern<math::ErfOp, emitErf>, ExpandPattern<math::SinOp, emitSin>,
               ExpandPattern<math::CosOp, emitCos>, ExpandPattern<math::TanOp, emitTan>,
               ExpandPattern<math::AsinOp, emitAsin>, ExpandPattern<math::AcosOp, emitAcos>,
               ExpandPattern<math::AtanOp, emitAtan>, ExpandPattern<math::SinhOp, emitSinh>,
               ExpandPattern<math::CoshOp, emitCosh>, ExpandPattern<math::AsinhOp, emitAsinh>,
               ExpandPattern<math::AcoshOp, emitAcosh>, ExpandPattern<math::AtanhOp, emitAtanh>>(patterns.getContext());
}
