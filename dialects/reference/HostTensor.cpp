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
    int64_t i = 0;
    if constexpr (std::is_floating_point_v<T>)
      llvm::copy(attribute.getValues<T>(), elements.begin());
    else if (isHalf(tensor.element))
      for (const APFloat &value : attribute.getValues<APFloat>())
        elements[i++] = T(value.bitcastToAPInt().getZExtValue());
    else
      for (const APInt &value : attribute.getValues<APInt>())
        elements[i++] = T(std::is_signed_v<T> ? value.getSExtValue() : int64_t(value.getZExtValue()));
  });
  return tensor;
}

double HostTensor::number(int64_t position) const {
  if (isHalf(element))
    return APFloat(cast<FloatType>(element).getFloatSemantics(), APInt(16, as<uint16_t>()[position])).convertToDouble();
  return visitType(element, [&](auto zero) { return double(as<decltype(zero)>()[position]); });
}

int64_t HostTensor::integer(int64_t position) const {
  return visitType(element, [&](auto zero) { return int64_t(as<decltype(zero)>()[position]); });
}

void HostTensor::setNumber(int64_t position, double value) {
  if (element.isF64())
    as<double>()[position] = value;
  else if (element.isF32())
    as<float>()[position] = float(value);
  else {
    APFloat rounded(value);
    bool isInexact;
    rounded.convert(cast<FloatType>(element).getFloatSemantics(), APFloat::rmNearestTiesToEven, &isInexact);
    as<uint16_t>()[position] = uint16_t(rounded.bitcastToAPInt().getZExtValue());
  }
}
