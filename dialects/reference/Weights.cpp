// Weights as whole tensors, each element of a recipe by its definition.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/reference/Families.h"

using namespace mlir;
using namespace hone;

static llvm::Error weightError(WeightOp weight, const Twine &text) {
  return llvm::createStringError("weight '" + weight.getSymName() + "' " + text);
}

/// Fills `result`: its element at `at` is the source's at source(at), or zero where that is empty.
template <typename F> static void move(HostTensor &result, const HostTensor &from, F source) {
  forEach(result.dims, [&](ArrayRef<int64_t> at) {
    Dims own = source(at);
    if (!own.empty() || from.rank() == 0)
      copyElement(result, positionOf(at, result.dims), from, positionOf(own, from.dims));
  });
}

static void slice(SliceAttr recipe, const HostTensor &from, HostTensor &result) {
  move(result, from, [&](ArrayRef<int64_t> at) {
    Dims own;
    for (size_t i = 0; i < at.size(); ++i)
      own.push_back(recipe.getStarts()[i] + at[i] * recipe.getSteps()[i]);
    return own;
  });
}

static void transpose(TransposeAttr recipe, const HostTensor &from, HostTensor &result) {
  move(result, from, [&](ArrayRef<int64_t> at) {
    Dims own(at.size());
    for (size_t i = 0; i < at.size(); ++i)
      own[recipe.getPermutation()[i]] = at[i];
    return own;
  });
}

static void concat(ConcatAttr recipe, ArrayRef<HostTensor> from, HostTensor &result) {
  int64_t axis = recipe.getAxis();
  forEach(result.dims, [&](ArrayRef<int64_t> at) {
    Dims own(at);
    size_t i = 0;
    for (; own[axis] >= from[i].dims[axis]; ++i)
      own[axis] -= from[i].dims[axis];
    copyElement(result, positionOf(at, result.dims), from[i], positionOf(own, from[i].dims));
  });
}

/// linalg.pack: outer dims in the given order, then one of each tile.
static void pack(PackAttr recipe, const HostTensor &from, HostTensor &result) {
  move(result, from, [&](ArrayRef<int64_t> at) {
    Dims own(from.rank());
    for (int64_t i = 0; i < from.rank(); ++i)
      own[recipe.getOrder().empty() ? i : recipe.getOrder()[i]] = at[i];
    for (auto [i, dim] : llvm::enumerate(recipe.getDims()))
      own[dim] = own[dim] * recipe.getTiles()[i] + at[from.rank() + i];
    for (int64_t i = 0; i < from.rank(); ++i)
      if (own[i] >= from.dims[i])
        return Dims();
    return own;
  });
}

/// A byte for each 4-bit integer of a file.
static std::vector<char> unpackNibbles(ArrayRef<char> bytes, RankedTensorType type) {
  std::vector<char> elements;
  for (char byte : bytes)
    for (uint8_t low : {byte & 15, uint8_t(byte) >> 4})
      elements.push_back(nibble(low, type.getElementType().isUnsignedInteger()));
  if (type.getNumElements() % 2 && !elements.empty())
    elements.pop_back();
  return elements;
}

static llvm::Expected<HostTensor> evaluateWeight(WeightOp weight, FileReader reader, unsigned depth) {
  auto type = cast<RankedTensorType>(weight.getType());
  if (!type.hasStaticShape() || !isElementType(type.getElementType()))
    return weightError(weight, "has no static type of the dialect's element types");
  HostTensor tensor(type.getElementType(), type.getShape());
  if (auto dense = dyn_cast<DenseElementsAttr>(weight.getSource())) {
    tensor = HostTensor::fromAttribute(dense);
  } else if (auto recipe = dyn_cast<WeightRecipeAttrInterface>(weight.getSource())) {
    constexpr unsigned most = 64; // what contains itself is deeper
    std::vector<HostTensor> sources;
    for (FlatSymbolRefAttr name : recipe.getSourceNames()) {
      auto source = SymbolTable::lookupNearestSymbolFrom<WeightOp>(weight->getParentOp(), name);
      if (!source || depth == most)
        return weightError(weight, "is made of '" + name.getValue() + "', which is no weight with elements");
      auto elements = evaluateWeight(source, reader, depth + 1);
      if (!elements)
        return elements.takeError();
      sources.push_back(std::move(*elements));
    }
    bool isKnown = true;
    llvm::TypeSwitch<Attribute>(weight.getSource())
        .Case([&](SliceAttr attr) { slice(attr, sources[0], tensor); })
        .Case([&](TransposeAttr attr) { transpose(attr, sources[0], tensor); })
        .Case([&](ConcatAttr attr) { concat(attr, sources, tensor); })
        .Case([&](PackAttr attr) { pack(attr, sources[0], tensor); })
        .Case([&](CastAttr attr) { tensor = castTo(tensor.element, sources[0]); })
        .Case([&](ReshapeAttr attr) { tensor.bytes = sources[0].bytes; })
        .Default([&](Attribute) { isKnown = false; });
    if (!isKnown)
      return weightError(weight, "has a recipe without a definition");
  } else {
    auto bytes = reader(weight);
    if (!bytes)
      return bytes.takeError();
    tensor.bytes = isNibble(tensor.element) ? unpackNibbles(*bytes, type) : std::move(*bytes);
  }
  if (int64_t(tensor.bytes.size()) != tensor.count() * bytesOf(tensor.element))
    return weightError(weight, "has " + Twine(tensor.bytes.size()) + " bytes of elements");
  if (llvm::Error error = checkType("weight '" + weight.getSymName() + "'", tensor, type))
    return error;
  return tensor;
}

llvm::Expected<HostTensor> hone::evaluateWeight(WeightOp weight, FileReader reader) {
  return ::evaluateWeight(weight, reader, 0);
}
