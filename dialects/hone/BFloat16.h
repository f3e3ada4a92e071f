// bfloat16, which C++ has no type for on every target: the upper half of a float.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_BFLOAT16_H
#define HONE_DIALECTS_HONE_BFLOAT16_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace hone {

inline float fromBFloat16(uint16_t stored) {
  uint32_t bits = uint32_t(stored) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

/// To nearest, ties to even.
inline uint16_t toBFloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (value != value)
    return uint16_t(bits >> 16 | 0x40); // quiet, so that no NaN becomes an infinity
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// Rounded once: what f32 does not hold exactly is odd in its last bit on the way.
inline uint16_t toBFloat16(double value) {
  float near = float(value);
  uint32_t bits;
  std::memcpy(&bits, &near, sizeof bits);
  bool isInexact = near < value || near > value;
  bits = (bits - (std::abs(double(near)) > std::abs(value))) | isInexact;
  std::memcpy(&near, &bits, sizeof bits);
  return toBFloat16(near);
}

} // namespace hone

#endif
