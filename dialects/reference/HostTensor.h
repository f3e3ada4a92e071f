// Tensors in host memory, and how the reference looks at their elements.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_REFERENCE_HOSTTENSOR_H
#define HONE_DIALECTS_REFERENCE_HOSTTENSOR_H

#include "dialects/hone/ElementTypes.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <vector>

namespace hone {

using Dims = llvm::SmallVector<int64_t, 4>;

/// The number of elements of a tensor of these dims: 1 for rank 0.
int64_t countOf(llvm::ArrayRef<int64_t> dims);
/// Bytes of one element; i1 and 4-bit integers take one.
int64_t bytesOf(mlir::Type element);

/// Row-major elements and their type. An i1 is a byte that is 0 or 1, a 4-bit integer one of its value.
struct HostTensor {
  HostTensor() = default;
  /// All elements zero.
  HostTensor(mlir::Type element, llvm::ArrayRef<int64_t> dims)
      : element(element), dims(dims), bytes(countOf(dims) * bytesOf(element)) {}

  /// The elements of a dense attribute.
  static HostTensor fromAttribute(mlir::DenseElementsAttr attribute);

  int64_t rank() const { return dims.size(); }
  int64_t count() const { return countOf(dims); }
  /// The elements; T is the C++ type of the element type: see visitType.
  template <typename T> llvm::MutableArrayRef<T> as() {
    assert(int64_t(sizeof(T)) == bytesOf(element));
    return {reinterpret_cast<T *>(bytes.data()), size_t(count())};
  }
  template <typename T> llvm::ArrayRef<T> as() const { return const_cast<HostTensor *>(this)->as<T>(); }

  /// An element as a number; integers of 64 bits beyond 2^53 are rounded.
  double number(int64_t position) const;
  /// An element of an integer type, sign-extended or, where unsigned, zero-extended.
  int64_t integer(int64_t position) const;

  /// Writes an element of a float type, rounded once.
  void setNumber(int64_t position, double value);

  mlir::Type element; ///< one of the dialect's
  Dims dims;
  std::vector<char> bytes;
};

/// Calls visit(T()) with the C++ type of an element type. f16 and bf16 have none: it is that of their bits, which only
/// moves make sense of.
template <typename F> auto visitType(mlir::Type element, F visit) {
  if (element.isF32())
    return visit(float());
  if (element.isF64())
    return visit(double());
  bool isUnsigned = element.isUnsignedInteger() || isHalf(element);
  switch (element.getIntOrFloatBitWidth()) {
  case 1:
    return visit(bool());
  case 4:
  case 8:
    return isUnsigned ? visit(uint8_t()) : visit(int8_t());
  case 16:
    return isUnsigned ? visit(uint16_t()) : visit(int16_t());
  case 32:
    return isUnsigned ? visit(uint32_t()) : visit(int32_t());
  case 64:
    return isUnsigned ? visit(uint64_t()) : visit(int64_t());
  }
  llvm_unreachable("no element type of the dialect");
}

/// A 4-bit integer of these low bits.
inline char nibble(uint8_t low, bool isUnsigned) { return char(isUnsigned || low < 8 ? low : low - 16); }

/// Row-major position of `at` in a tensor of these dims.
int64_t positionOf(llvm::ArrayRef<int64_t> at, llvm::ArrayRef<int64_t> dims);

/// Calls body(at) for every position of a tensor of these dims, in row-major order.
template <typename F> void forEach(llvm::ArrayRef<int64_t> dims, F body) {
  if (countOf(dims) == 0)
    return;
  Dims at(dims.size(), 0);
  while (true) {
    body(llvm::ArrayRef<int64_t>(at));
    int64_t i = at.size() - 1;
    while (i >= 0 && ++at[i] == dims[i])
      at[i--] = 0;
    if (i < 0)
      return;
  }
}

} // namespace hone

#endif
