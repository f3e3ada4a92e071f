// Conversions of elements, one loop for each pair of types: what hone.cast means, on bytes.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/BFloat16.h"
#include "dialects/hone/ElementTypes.h"
#include "dialects/hone/Recipes.h"
#include <cstring>
#include <limits>
#include <type_traits>

using namespace mlir;
using namespace hone;

namespace {
// A stored element by itself, as `Stored`, and its value in a type of C++.
template <typename T> struct Number {
  using Stored = T;
  using Value = T;
  static T read(T stored) { return stored; }
  static T write(T value) { return value; }
};

struct Bool {
  using Stored = uint8_t;
  using Value = bool;
  // A byte of a file need not be 0 or 1, which is all that a C++ bool may be.
  static bool read(uint8_t stored) { return stored != 0; }
  static uint8_t write(bool value) { return value; }
};

struct Float16 {
  using Stored = uint16_t;
  using Value = float;
  static float read(uint16_t stored) {
    _Float16 half;
    std::memcpy(&half, &stored, sizeof half);
    return float(half);
  }
  template <typename T> static uint16_t write(T value) {
    _Float16 half = _Float16(value);
    uint16_t stored;
    std::memcpy(&stored, &half, sizeof half);
    return stored;
  }
};

struct BFloat16 {
  using Stored = uint16_t;
  using Value = float;
  static float read(uint16_t stored) { return fromBFloat16(stored); }
  template <typename Float> static uint16_t write(Float value) { return toBFloat16(value); }
};

template <bool isSigned> struct Nibble {
  using Stored = uint8_t;
  using Value = int8_t;
  static int8_t read(uint8_t stored) { return isSigned ? int8_t(stored << 4) >> 4 : stored & 15; }
  static uint8_t write(int8_t value) { return value & 15; }
};
} // namespace

/// Floats go through 64 bits, so that what a narrow type cannot hold wraps; what 64 bits cannot hold, and NaN, becomes
/// the least value (see floatToInteger, which builds the same as arithmetic).
template <typename To, typename From> static To truncate(From x) {
  constexpr From limit = 9223372036854775808.0; // 2^63
  if (x >= -limit && x < limit)
    return static_cast<To>(static_cast<int64_t>(x));
  if (std::is_same_v<To, uint64_t> && x >= limit && x < 2 * limit)
    return static_cast<To>(static_cast<uint64_t>(x));
  return static_cast<To>(std::numeric_limits<int64_t>::min());
}

/// `x` as a value that To::write takes.
template <typename To, typename From> static auto convert(From x) {
  using Value = typename To::Value;
  constexpr bool isHalf = std::is_same_v<To, Float16> || std::is_same_v<To, BFloat16>;
  if constexpr (std::is_same_v<Value, bool>)
    return x != From(0);
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<Value>)
    return truncate<Value>(x);
  else if constexpr (isHalf && std::is_same_v<From, double>)
    return x; // rounded once
  else
    return static_cast<Value>(x);
}

template <typename From, typename To> static void convertAll(const char *from, char *to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    typename From::Stored x;
    std::memcpy(&x, from + i * sizeof x, sizeof x);
    typename To::Stored y = To::write(convert<To>(From::read(x)));
    std::memcpy(to + i * sizeof y, &y, sizeof y);
  }
}

/// Calls visit(T()) with one of the structures above; the result's default for a type that there is none for.
template <typename F> static auto visitElementType(Type type, F visit) -> decltype(visit(Bool())) {
  if (type.isF32())
    return visit(Number<float>());
  if (type.isF64())
    return visit(Number<double>());
  if (type.isF16())
    return visit(Float16());
  if (type.isBF16())
    return visit(BFloat16());
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return {};
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return visit(Bool());
  case 4:
    return isUnsigned ? visit(Nibble<false>()) : visit(Nibble<true>());
  case 8:
    return isUnsigned ? visit(Number<uint8_t>()) : visit(Number<int8_t>());
  case 16:
    return isUnsigned ? visit(Number<uint16_t>()) : visit(Number<int16_t>());
  case 32:
    return isUnsigned ? visit(Number<uint32_t>()) : visit(Number<int32_t>());
  case 64:
    return isUnsigned ? visit(Number<uint64_t>()) : visit(Number<int64_t>());
  default:
    return {};
  }
}

ElementConversion hone::elementConversion(Type from, Type to) {
  return visitElementType(from, [&](auto source) {
    return visitElementType(
        to, [&](auto result) -> ElementConversion { return convertAll<decltype(source), decltype(result)>; });
  });
}
