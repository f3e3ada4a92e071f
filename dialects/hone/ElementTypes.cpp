// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/ElementTypes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

bool hone::isElementType(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type)) {
    bool isUnsignedBit = integer.getWidth() == 1 && !integer.isSignless();
    return llvm::is_contained({1, 4, 8, 16, 32, 64}, integer.getWidth()) && !integer.isSigned() && !isUnsignedBit;
  }
  return type.isF32() || type.isF64() || type.isF16() || type.isBF16();
}

std::optional<int64_t> hone::storageBytes(RankedTensorType type) {
  int64_t extent = elementBytes(type);
  for (int64_t size : type.getShape())
    if (llvm::MulOverflow(extent, std::max<int64_t>(size, 1), extent) || extent > int64_t(1) << 62)
      return std::nullopt;
  return storageBytes(type, type.getNumElements());
}

bool hone::isWidening(Type from, Type to) {
  if (from == to)
    return true;
  unsigned width = from.getIntOrFloatBitWidth(), wanted = to.getIntOrFloatBitWidth();
  if (isa<FloatType>(from))
    return isa<FloatType>(to) && width < wanted;
  if (from.isInteger(1))
    return false;
  if (auto floating = dyn_cast<FloatType>(to)) // as many bits as its fraction has
    return width <= APFloat::semanticsPrecision(floating.getFloatSemantics());
  // A signed number is none of an unsigned type.
  return width < wanted && (from.isUnsignedInteger() || !to.isUnsignedInteger());
}
