// Element-wise ops. Floats are computed in f64 and rounded once, which is exact for sums, products, quotients and
// roots.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/reference/Families.h"
#include <cmath>

using namespace mlir;
using namespace hone;

template <typename T> static constexpr bool isFloat = std::is_floating_point_v<T>;

/// f(x) for each element; the result has the type that f returns or, for bool, i1.
template <typename F> static llvm::Expected<Results> map(const Call &call, F f) {
  const HostTensor &x = call.tensors[0];
  HostTensor result(call.element(), x.dims);
  bool fits = visitType(x.element, [&](auto zero) {
    using T = decltype(zero);
    using R = decltype(f(T()));
    if (bytesOf(result.element) != sizeof(R))
      return false;
    auto from = x.as<T>();
    auto to = result.as<R>();
    for (int64_t i = 0, count = from.size(); i < count; ++i)
      to[i] = f(from[i]);
    return true;
  });
  if (!fits)
    return call.error("has a result of another type");
  return one(std::move(result));
}

/// f(double) for each element of a float tensor.
template <typename F> static llvm::Expected<Results> mapFloats(const Call &call, F f) {
  if (!isa<FloatType>(call.tensors[0].element))
    return call.error("wants a float tensor");
  return map(call, [&](auto x) {
    using T = decltype(x);
    if constexpr (isFloat<T>)
      return T(f(double(x)));
    else
      return x;
  });
}
/// f(double) -> bool for each element of a float tensor.
template <typename F> static llvm::Expected<Results> testFloats(const Call &call, F f) {
  if (!isa<FloatType>(call.tensors[0].element))
    return call.error("wants a float tensor");
  return map(call, [&](auto x) { return bool(f(double(x))); });
}

/// f(lhs, rhs) for each position of the broadcast result. Operands have one element type.
template <typename F> static llvm::Expected<Results> zip(const Call &call, F f) {
  const HostTensor &lhs = call.tensors[0], &rhs = call.tensors[1];
  if (lhs.element != rhs.element)
    return call.error("wants operands of one type");
  auto dims = broadcastDims(call, lhs.dims, rhs.dims);
  if (!dims)
    return dims.takeError();
  HostTensor result(call.element(), *dims);
  bool fits = visitType(lhs.element, [&](auto zero) {
    using T = decltype(zero);
    using R = decltype(f(T(), T()));
    if (bytesOf(result.element) != sizeof(R))
      return false;
    int64_t i = 0;
    forEach(*dims, [&](ArrayRef<int64_t> at) {
      result.as<R>()[i++] =
          f(lhs.as<T>()[broadcastPosition(at, lhs.dims)], rhs.as<T>()[broadcastPosition(at, rhs.dims)]);
    });
    return true;
  });
  if (!fits)
    return call.error("has a result of another type");
  return one(std::move(result));
}
/// Sums and the like: floats by f(double, double), integers by the same f on 64-bit words, of which the low bits stay.
template <typename F> static llvm::Expected<Results> zipWrapping(const Call &call, F f) {
  return zip(call, [&](auto a, auto b) {
    using T = decltype(a);
    if constexpr (isFloat<T>)
      return T(f(double(a), double(b)));
    else
      return wrap<T>(f(uint64_t(a), uint64_t(b)));
  });
}
/// The lesser or greater value, NaN if either is; of zeros, the one whose sign says so.
template <bool wantsLesser, typename T> static T extreme(T a, T b) {
  if constexpr (isFloat<T>) {
    if (std::isnan(a) || std::isnan(b))
      return a + b;
    if (a == b)
      return std::signbit(a) == wantsLesser ? a : b;
  }
  return (a < b) == wantsLesser ? a : b;
}

static llvm::Expected<Results> divide(const Call &call) {
  bool byZero = false;
  auto result = zip(call, [&](auto a, auto b) {
    using T = decltype(a);
    if constexpr (isFloat<T>) {
      return T(a / b);
    } else {
      byZero |= b == T(0);
      if (b == T(0))
        return T(0);
      // Negation in place of a quotient that may not fit.
      bool isMinusOne = std::is_signed_v<T> && b == T(-1);
      return isMinusOne ? wrap<T>(0 - uint64_t(a)) : T(a / b);
    }
  });
  if (result && byZero)
    return call.error("an integer division by zero");
  return result;
}

static double pythonMod(double a, double b) {
  double rest = std::fmod(a, b);
  if (rest == 0)
    return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}
static llvm::Expected<Results> modulo(const Call &call) {
  bool byZero = false, isC = cast<ModOp>(call.op).getFmod();
  auto result = zip(call, [&](auto a, auto b) {
    using T = decltype(a);
    if constexpr (isFloat<T>) {
      return T(isC ? std::fmod(double(a), double(b)) : pythonMod(a, b));
    } else {
      byZero |= b == T(0);
      if (b == T(0) || (std::is_signed_v<T> && b == T(-1)))
        return T(0);
      T rest = a % b;
      bool differs = rest != T(0) && (rest < T(0)) != (b < T(0));
      return T(differs && !isC ? rest + b : rest);
    }
  });
  if (result && byZero)
    return call.error("an integer division by zero");
  return result;
}

/// x to the n in words that wrap.
static uint64_t powerOf(uint64_t x, uint64_t n) { return n == 0 ? 1 : powerOf(x * x, n / 2) * (n % 2 ? x : 1); }

/// A negative exponent gives the quotient 1 / x^|n| without its fraction.
template <typename T> static T integerPower(T x, int64_t n, bool isUnsigned) {
  if (isUnsigned || n >= 0)
    return wrap<T>(powerOf(uint64_t(x), uint64_t(n)));
  if (x == T(1) || (std::is_signed_v<T> && x == T(-1)))
    return n % 2 ? x : T(1);
  return T(0);
}

/// Integers by integers stay integers. Floats are computed in f64.
static llvm::Expected<Results> power(const Call &call) {
  const HostTensor &base = call.tensors[0], &exponent = call.tensors[1];
  auto dims = broadcastDims(call, base.dims, exponent.dims);
  if (!dims)
    return dims.takeError();
  HostTensor result(call.element(), *dims);
  int64_t i = 0;
  forEach(*dims, [&](ArrayRef<int64_t> at) {
    double x = base.number(broadcastPosition(at, base.dims)), y = exponent.number(broadcastPosition(at, exponent.dims));
    visitType(base.element, [&](auto zero) {
      using T = decltype(zero);
      if constexpr (isFloat<T>)
        result.as<T>()[i] = T(std::pow(x, y));
      else if (isa<IntegerType>(exponent.element))
        result.as<T>()[i] =
            integerPower(base.as<T>()[broadcastPosition(at, base.dims)],
                         exponent.integer(broadcastPosition(at, exponent.dims)), exponent.element.isUnsignedInteger());
      else
        result.as<T>()[i] = truncateTo<T>(std::pow(x, y));
    });
    ++i;
  });
  return one(std::move(result));
}

/// The low four bits of what the elements of `x` are as integers.
static HostTensor castToNibbles(Type element, const HostTensor &x) {
  HostTensor result(element, x.dims);
  for (int64_t i = 0, count = x.count(); i < count; ++i) {
    int64_t value = isa<FloatType>(x.element) ? truncateTo<int64_t>(x.number(i)) : x.integer(i);
    result.bytes[i] = nibble(value & 15, element.isUnsignedInteger());
  }
  return result;
}

HostTensor hone::castTo(Type element, const HostTensor &x) {
  if (isNibble(element))
    return castToNibbles(element, x);
  HostTensor result(element, x.dims);
  if (isHalf(x.element)) {
    HostTensor wide(Float32Type::get(element.getContext()), x.dims);
    for (int64_t i = 0, count = x.count(); i < count; ++i)
      wide.setNumber(i, x.number(i));
    return castTo(element, wide);
  }
  if (isHalf(element)) {
    HostTensor single = isa<FloatType>(x.element) ? x : castTo(Float32Type::get(element.getContext()), x);
    for (int64_t i = 0, count = x.count(); i < count; ++i)
      result.setNumber(i, single.number(i));
    return result;
  }
  visitType(x.element, [&](auto fromZero) {
    visitType(result.element, [&](auto toZero) {
      using From = decltype(fromZero);
      using To = decltype(toZero);
      for (int64_t i = 0, count = x.count(); i < count; ++i) {
        From value = x.as<From>()[i];
        To &to = result.as<To>()[i];
        if constexpr (std::is_same_v<To, bool>)
          to = value != From(0);
        else if constexpr (isFloat<From> && !isFloat<To>)
          to = truncateTo<To>(value);
        else
          to = To(value);
      }
    });
  });
  return result;
}

static llvm::Expected<Results> select(const Call &call) {
  const HostTensor &condition = call.tensors[0];
  if (call.tensors[1].element != call.tensors[2].element)
    return call.error("wants operands of one type");
  auto dims = broadcastDims(call, call.tensors[1].dims, call.tensors[2].dims);
  if (dims)
    dims = broadcastDims(call, condition.dims, *dims);
  if (!dims)
    return dims.takeError();
  HostTensor result(call.element(), *dims);
  visitType(result.element, [&](auto zero) {
    using T = decltype(zero);
    int64_t i = 0;
    forEach(*dims, [&](ArrayRef<int64_t> at) {
      const HostTensor &chosen = call.tensors[condition.as<bool>()[broadcastPosition(at, condition.dims)] ? 1 : 2];
      result.as<T>()[i++] = chosen.as<T>()[broadcastPosition(at, chosen.dims)];
    });
  });
  return one(std::move(result));
}

static llvm::Expected<Results> gelu(const Call &call, bool byTanh) {
  return mapFloats(call, [&](double x) {
    double inner = byTanh ? std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)) : std::erf(x / std::sqrt(2.0));
    return x / 2 * (1 + inner);
  });
}

namespace {
// What works on all element types alike.
struct Absolute {
  template <typename T> T operator()(T x) const {
    if constexpr (isFloat<T>)
      return std::fabs(x);
    else
      return x < T(0) ? wrap<T>(0 - uint64_t(x)) : x;
  }
};
struct Negative {
  template <typename T> T operator()(T x) const {
    if constexpr (isFloat<T>)
      return -x;
    else
      return wrap<T>(0 - uint64_t(x));
  }
};
struct Positive {
  template <typename T> T operator()(T x) const { return x < T(0) ? T(0) : x; }
};
struct Sign {
  template <typename T> T operator()(T x) const { return x > T(0) ? T(1) : x < T(0) ? T(-1) : x; }
};
} // namespace

Evaluation hone::evaluateElementwise(const Call &call) {
  auto isInfinite = [](IsInfOp op) {
    bool positive = op.getPositive(), negative = op.getNegative();
    return [=](double x) { return std::isinf(x) && (x > 0 ? positive : negative); };
  };
  return TypeSwitch<Operation *, Evaluation>(call.op)
      .Case([&](AbsOp) { return map(call, Absolute()); })
      .Case([&](NegOp) { return map(call, Negative()); })
      .Case([&](ReluOp) { return map(call, Positive()); })
      .Case([&](SignOp) { return map(call, Sign()); })
      .Case([&](NotOp) { return map(call, [](auto x) { return !x; }); })
      .Case([&](CeilOp) { return mapFloats(call, [](double x) { return std::ceil(x); }); })
      .Case([&](FloorOp) { return mapFloats(call, [](double x) { return std::floor(x); }); })
      .Case([&](RoundOp) { return mapFloats(call, [](double x) { return std::nearbyint(x); }); })
      .Case([&](SqrtOp) { return mapFloats(call, [](double x) { return std::sqrt(x); }); })
      .Case([&](ExpOp) { return mapFloats(call, [](double x) { return std::exp(x); }); })
      .Case([&](LogOp) { return mapFloats(call, [](double x) { return std::log(x); }); })
      .Case([&](Log1pOp) { return mapFloats(call, [](double x) { return std::log1p(x); }); })
      .Case([&](SinOp) { return mapFloats(call, [](double x) { return std::sin(x); }); })
      .Case([&](CosOp) { return mapFloats(call, [](double x) { return std::cos(x); }); })
      .Case([&](TanhOp) { return mapFloats(call, [](double x) { return std::tanh(x); }); })
      .Case([&](ErfOp) { return mapFloats(call, [](double x) { return std::erf(x); }); })
      .Case([&](SigmoidOp) { return mapFloats(call, [](double x) { return 1 / (1 + std::exp(-x)); }); })
      .Case([&](GeluOp op) { return gelu(call, op.getTanhApproximation()); })
      .Case([&](IsNanOp) { return testFloats(call, [](double x) { return std::isnan(x); }); })
      .Case([&](IsInfOp op) { return testFloats(call, isInfinite(op)); })
      .Case([&](CastOp) { return one(castTo(call.element(), call.tensors[0])); })
      .Case([&](AddOp) { return zipWrapping(call, [](auto a, auto b) { return a + b; }); })
      .Case([&](SubOp) { return zipWrapping(call, [](auto a, auto b) { return a - b; }); })
      .Case([&](MulOp) { return zipWrapping(call, [](auto a, auto b) { return a * b; }); })
      .Case([&](DivOp) { return divide(call); })
      .Case([&](ModOp) { return modulo(call); })
      .Case([&](PowOp) { return power(call); })
      .Case([&](MinOp) { return zip(call, [](auto a, auto b) { return extreme<true>(a, b); }); })
      .Case([&](MaxOp) { return zip(call, [](auto a, auto b) { return extreme<false>(a, b); }); })
      .Case([&](AndOp) { return zip(call, [](auto a, auto b) { return a && b; }); })
      .Case([&](OrOp) { return zip(call, [](auto a, auto b) { return a || b; }); })
      .Case([&](XorOp) { return zip(call, [](auto a, auto b) { return bool(a) != bool(b); }); })
      .Case([&](EqualOp) { return zip(call, [](auto a, auto b) { return a == b; }); })
      .Case([&](LessOp) { return zip(call, [](auto a, auto b) { return a < b; }); })
      .Case([&](LessEqualOp) { return zip(call, [](auto a, auto b) { return a <= b; }); })
      .Case([&](SelectOp) { return select(call); })
      .Default([](Operation *) { return std::nullopt; });
}
