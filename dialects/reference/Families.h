// What the families' evaluators share, and where they are found.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_REFERENCE_FAMILIES_H
#define HONE_DIALECTS_REFERENCE_FAMILIES_H

#include "dialects/hone/Hone.h"
#include "dialects/reference/Reference.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cstring>
#include <optional>

namespace hone {

using Results = llvm::SmallVector<HostTensor>;

/// An op and what it is to be evaluated on.
struct Call {
  mlir::Operation *op;
  llvm::ArrayRef<HostTensor> tensors;
  llvm::ArrayRef<int64_t> indices;

  /// A result's element type.
  mlir::Type element(unsigned result = 0) const { return elementTypeOf(op->getResult(result)); }
  /// Part `part` of index operands that are groups of `size`: starts, sizes, steps.
  llvm::ArrayRef<int64_t> group(unsigned part, int64_t size) const { return indices.slice(part * size, size); }
  llvm::Error error(const llvm::Twine &text) const;
};

/// The evaluation of an op of one family; none for an op of another.
using Evaluation = std::optional<llvm::Expected<Results>>;
Evaluation evaluateElementwise(const Call &call);
Evaluation evaluateExtern(const Call &call);
Evaluation evaluateIndex(const Call &call);
Evaluation evaluateLinear(const Call &call);
Evaluation evaluateNorm(const Call &call);
Evaluation evaluateReduce(const Call &call);
Evaluation evaluateResize(const Call &call);
Evaluation evaluateShape(const Call &call);
Evaluation evaluateWindow(const Call &call);

/// One result.
inline Results one(HostTensor tensor) {
  Results results;
  results.push_back(std::move(tensor));
  return results;
}

/// "[2, 3]".
std::string dimsText(llvm::ArrayRef<int64_t> dims);
/// Dims under numpy broadcasting; an error names both.
llvm::Expected<Dims> broadcastDims(const Call &call, llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b);
/// The row-major position in a tensor of dims `own` of what position `at` of a broadcast result reads.
int64_t broadcastPosition(llvm::ArrayRef<int64_t> at, llvm::ArrayRef<int64_t> own);

/// An error unless `tensor` has the element type, rank and static dims of `type`.
llvm::Error checkType(const llvm::Twine &what, const HostTensor &tensor, mlir::Type type);

/// The elements of `from` as those of another type, as the cast op defines it.
HostTensor castTo(mlir::Type element, const HostTensor &from);

inline void copyElement(HostTensor &to, int64_t toPosition, const HostTensor &from, int64_t fromPosition) {
  int64_t size = bytesOf(to.element);
  std::memcpy(to.bytes.data() + toPosition * size, from.bytes.data() + fromPosition * size, size);
}

/// A tensor of the call's element type, each position of which takes the element of `from` at source(at), or stays zero
/// where that is negative.
template <typename F> Results moved(const Call &call, const HostTensor &from, llvm::ArrayRef<int64_t> dims, F source) {
  HostTensor result(call.element(), dims);
  int64_t i = 0;
  forEach(dims, [&](llvm::ArrayRef<int64_t> at) {
    int64_t position = source(at);
    if (position >= 0)
      copyElement(result, i, from, position);
    ++i;
  });
  return one(std::move(result));
}

/// A float as a T as the cast op defines it, that is, as x86-64 converts to 64 bits.
template <typename T> T truncateTo(double value) {
  if constexpr (std::is_same_v<T, uint64_t>)
    if (value >= 0x1p63 && value < 0x1p64)
      return uint64_t(value);
  bool isInside = value >= -0x1p63 && value < 0x1p63;
  return T(isInside ? int64_t(value) : std::numeric_limits<int64_t>::min());
}
/// Arithmetic that wraps: the low bits, a bool's being one.
template <typename T> T wrap(uint64_t bits) { return std::is_same_v<T, bool> ? T(bits & 1) : T(bits); }
/// What sums and products of T are kept in: all bits that matter.
template <typename T> using Wide = std::conditional_t<std::is_floating_point_v<T>, double, uint64_t>;
template <typename T> T narrow(Wide<T> value) {
  if constexpr (std::is_floating_point_v<T>)
    return T(value);
  else
    return wrap<T>(value);
}
/// An element of any type, to be added or multiplied.
template <typename T> Wide<T> widened(const HostTensor &tensor, int64_t position) {
  return std::is_floating_point_v<T> ? Wide<T>(tensor.number(position)) : Wide<T>(tensor.integer(position));
}

} // namespace hone

#endif
