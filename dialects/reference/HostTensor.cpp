// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/reference/HostTensor.h"

using namespace mlir;
using namespace hone;

int64_t hone::countOf(ArrayRef<int64_t> dims) {
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= dim;
  return count;
}

int64_t hone::bytesOf(Type element) { return (element.getIntOrFloatBitWidth() + 7) / 8; }

bool hone::isElementType(Type element) {
  return element.isF32() || element.isF64() ||
         (isa<IntegerType>(element) && llvm::is_contained({1u, 8u, 16u, 32u, 64u}, element.getIntOrFloatBitWidth()));
}

int64_t hone::positionOf(ArrayRef<int64_t> at, ArrayRef<int64_t> dims) {
  int64_t position = 0;
  for (auto [index, dim] : llvm::zip_equal(at, dims))
    position = position * dim + index;
  return position;
}

HostTensor HostTensor::fromAttribute(DenseElementsAttr attribute) {
  HostTensor tensor(attribute.getElementType(), attribute.getType().getShape());
  visitType(tensor.element, [&](auto zero) {
    using T = decltype(zero);
    auto elements = tensor.as<T>();
    if constexpr (std::is_floating_point_v<T>) {
      llvm::copy(attribute.getValues<T>(), elements.begin());
    } else {
      int64_t i = 0;
      for (const APInt &value : attribute.getValues<APInt>())
        elements[i++] = T(value.getZExtValue());
    }
  });
  return tensor;
}

double HostTensor::number(int64_t position) const {
  return visitType(element, [&](auto zero) { return double(as<decltype(zero)>()[position]); });
}

int64_t HostTensor::integer(int64_t position) const {
  return visitType(element, [&](auto zero) { return int64_t(as<decltype(zero)>()[position]); });
}
