// Elements of tensors by their ONNX type, as C++ values.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_ELEMENTS_H
#define HONE_COMPILER_DRIVER_ELEMENTS_H

#include "dialects/hone/BFloat16.h"
#include "hone/abi.h"

namespace hone {

struct BFloat16 {
  BFloat16(double value = 0) : bits(toBFloat16(value)) {}
  operator double() const { return fromBFloat16(bits); }
  uint16_t bits;
};

/// Calls `function` with a value of the C++ type that `dtype` has in memory; false if it has none.
template <typename Function> bool withType(int32_t dtype, Function &&function) {
  switch (dtype) {
  case HONE_FLOAT:
    return function(float()), true;
  case HONE_DOUBLE:
    return function(double()), true;
  case HONE_FLOAT16:
    return function(_Float16()), true;
  case HONE_BFLOAT16:
    return function(BFloat16()), true;
  case HONE_BOOL:
  case HONE_UINT8:
    return function(uint8_t()), true;
  case HONE_INT8:
    return function(int8_t()), true;
  case HONE_INT16:
    return function(int16_t()), true;
  case HONE_UINT16:
    return function(uint16_t()), true;
  case HONE_INT32:
    return function(int32_t()), true;
  case HONE_UINT32:
    return function(uint32_t()), true;
  case HONE_INT64:
    return function(int64_t()), true;
  case HONE_UINT64:
    return function(uint64_t()), true;
  default:
    return false;
  }
}

} // namespace hone

#endif
