// Conversions of elements, one loop for each pair of types: what hone.cast means, on bytes.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Recipes.h"
#include <cstring>
#include <limits>
#include <type_traits>

using namespace mlir;
using namespace hone;

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

template <typename To, typename From> static To convert(From x) {
  if constexpr (std::is_same_v<To, bool>)
    return x != From(0);
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>)
    return truncate<To>(x);
  else
    return static_cast<To>(x);
}

template <typename From, typename To> static void convertAll(const char *from, char *to, int64_t count) {
  // A byte of a file need not be 0 or 1, which is all that a C++ bool may be.
  using Stored = std::conditional_t<std::is_same_v<From, bool>, uint8_t, From>;
  for (int64_t i = 0; i < count; ++i) {
    Stored x;
    std::memcpy(&x, from + i * sizeof x, sizeof x);
    To y;
    if constexpr (std::is_same_v<From, bool>)
      y = convert<To>(uint8_t(x != 0));
    else
      y = convert<To>(x);
    std::memcpy(to + i * sizeof y, &y, sizeof y);
  }
}

/// Calls visit(T()) with the C++ type of an element type; the result's default for a type that there is none for.
template <typename F> static auto visitElementType(Type type, F visit) -> decltype(visit(float())) {
  if (type.isF32())
    return visit(float());
  if (type.isF64())
    return visit(double());
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return {};
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return visit(bool());
  case 8:
    return isUnsigned ? visit(uint8_t()) : visit(int8_t());
  case 16:
    return isUnsigned ? visit(uint16_t()) : visit(int16_t());
  case 32:
    return isUnsigned ? visit(uint32_t()) : visit(int32_t());
  case 64:
    return isUnsigned ? visit(uint64_t()) : visit(int64_t());
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
