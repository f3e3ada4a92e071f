// Ops that are told by data where elements lie.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/reference/Families.h"

using namespace mlir;
using namespace hone;

/// An index from data in [-size, size) as one in [0, size); -1 if it is outside.
static int64_t wrapIndex(int64_t index, int64_t size) {
  if (index < 0)
    index += size;
  return index >= 0 && index < size ? index : -1;
}

static llvm::Error outside(const Call &call, int64_t index, int64_t size) {
  return call.error("index " + Twine(index) + " is outside a dim of " + Twine(size));
}

static llvm::Expected<Results> gather(const Call &call, int64_t axis) {
  const HostTensor &data = call.tensors[0], &indices = call.tensors[1];
  ArrayRef<int64_t> all(data.dims);
  Dims dims(all.take_front(axis));
  llvm::append_range(dims, indices.dims);
  llvm::append_range(dims, all.drop_front(axis + 1));
  std::optional<int64_t> bad;
  Results result = moved(call, data, dims, [&](ArrayRef<int64_t> at) {
    int64_t index = indices.integer(positionOf(at.slice(axis, indices.rank()), indices.dims));
    Dims source(at.take_front(axis));
    source.push_back(wrapIndex(index, data.dims[axis]));
    if (source.back() < 0)
      return bad = index, int64_t(-1);
    llvm::append_range(source, at.drop_front(axis + indices.rank()));
    return positionOf(source, data.dims);
  });
  if (bad)
    return outside(call, *bad, data.dims[axis]);
  return result;
}

static llvm::Expected<Results> gatherElements(const Call &call, int64_t axis) {
  const HostTensor &data = call.tensors[0], &indices = call.tensors[1];
  std::optional<int64_t> bad;
  int64_t next = 0;
  for (auto [i, size] : llvm::enumerate(indices.dims))
    if (int64_t(i) != axis && size > data.dims[i] && indices.count())
      return call.error("has more indices than data: " + dimsText(indices.dims) + " and " + dimsText(data.dims));
  Results result = moved(call, data, indices.dims, [&](ArrayRef<int64_t> at) {
    int64_t index = indices.integer(next++);
    Dims source(at);
    source[axis] = wrapIndex(index, data.dims[axis]);
    if (source[axis] < 0)
      return bad = index, int64_t(-1);
    return positionOf(source, data.dims);
  });
  if (bad)
    return outside(call, *bad, data.dims[axis]);
  return result;
}

/// Index tuple number `tuple` of `indices`, which start at dim `first` of `dims`; false if one is outside.
static bool readTuple(const HostTensor &indices, int64_t tuple, ArrayRef<int64_t> dims, Dims &to) {
  int64_t depth = indices.dims.back();
  for (int64_t i = 0; i < depth; ++i) {
    to.push_back(wrapIndex(indices.integer(tuple * depth + i), dims[i]));
    if (to.back() < 0)
      return false;
  }
  return true;
}

static llvm::Expected<Results> gatherNd(const Call &call, int64_t batch) {
  const HostTensor &data = call.tensors[0], &indices = call.tensors[1];
  int64_t lead = indices.rank() - 1, depth = indices.dims.back();
  ArrayRef<int64_t> tuples = ArrayRef<int64_t>(indices.dims).drop_back(), all(data.dims);
  Dims dims(tuples);
  llvm::append_range(dims, all.drop_front(batch + depth));
  bool isOutside = false;
  Results result = moved(call, data, dims, [&](ArrayRef<int64_t> at) {
    Dims source(at.take_front(batch));
    int64_t tuple = positionOf(at.take_front(lead), tuples);
    if (!readTuple(indices, tuple, all.drop_front(batch), source))
      return isOutside = true, int64_t(-1);
    llvm::append_range(source, at.drop_front(lead));
    return positionOf(source, data.dims);
  });
  if (isOutside)
    return call.error("an index tuple is outside " + dimsText(data.dims));
  return result;
}

static llvm::Expected<Results> oneHot(const Call &call, int64_t axis) {
  const HostTensor &indices = call.tensors[0], &values = call.tensors[1];
  int64_t depth = call.indices[0];
  Dims dims = indices.dims;
  dims.insert(dims.begin() + axis, depth);
  return moved(call, values, dims, [&](ArrayRef<int64_t> at) {
    Dims source(at);
    source.erase(source.begin() + axis);
    int64_t position = positionOf(source, indices.dims);
    int64_t index =
        isa<FloatType>(indices.element) ? truncateTo<int64_t>(indices.number(position)) : indices.integer(position);
    // What only an unsigned type holds is beyond any depth.
    bool isBeyond = indices.element.isUnsignedInteger() && index < 0;
    return int64_t(!isBeyond && wrapIndex(index, depth) == at[axis]);
  });
}

/// Puts element `from` of `updates` where `to` is, or combines the two.
static void update(HostTensor &result, int64_t to, const HostTensor &updates, int64_t from, StringRef reduction) {
  visitType(result.element, [&](auto zero) {
    using T = decltype(zero);
    T &old = result.as<T>()[to], x = updates.as<T>()[from];
    bool isNan = old != old || x != x;
    if (reduction == "none")
      old = x;
    else if (reduction == "max" || reduction == "min")
      old = isNan ? T(old + x) : (reduction == "max" ? old < x : x < old) ? x : old;
    else if constexpr (std::is_floating_point_v<T>)
      old = reduction == "add" ? old + x : old * x;
    else
      old = wrap<T>(reduction == "add" ? uint64_t(old) + uint64_t(x) : uint64_t(old) * uint64_t(x));
  });
}

static llvm::Expected<Results> scatterElements(const Call &call, int64_t axis, StringRef reduction) {
  const HostTensor &data = call.tensors[0], &indices = call.tensors[1], &updates = call.tensors[2];
  if (indices.dims != updates.dims)
    return call.error("has indices " + dimsText(indices.dims) + " for updates " + dimsText(updates.dims));
  HostTensor result = data;
  std::optional<int64_t> bad;
  int64_t next = 0;
  forEach(indices.dims, [&](ArrayRef<int64_t> at) {
    Dims to(at);
    to[axis] = wrapIndex(indices.integer(next), data.dims[axis]);
    if (to[axis] < 0)
      bad = indices.integer(next);
    else
      update(result, positionOf(to, data.dims), updates, next, reduction);
    ++next;
  });
  if (bad)
    return outside(call, *bad, data.dims[axis]);
  return one(std::move(result));
}

static llvm::Expected<Results> scatterNd(const Call &call, StringRef reduction) {
  const HostTensor &data = call.tensors[0], &indices = call.tensors[1], &updates = call.tensors[2];
  int64_t lead = indices.rank() - 1, depth = indices.dims.back();
  Dims expected(ArrayRef<int64_t>(indices.dims).drop_back());
  llvm::append_range(expected, ArrayRef<int64_t>(data.dims).drop_front(depth));
  if (updates.dims != expected)
    return call.error("has updates " + dimsText(updates.dims) + " in place of " + dimsText(expected));
  HostTensor result = data;
  bool isOutside = false;
  int64_t next = 0;
  forEach(updates.dims, [&](ArrayRef<int64_t> at) {
    Dims to;
    int64_t tuple = positionOf(at.take_front(lead), ArrayRef<int64_t>(indices.dims).drop_back());
    if (readTuple(indices, tuple, data.dims, to)) {
      llvm::append_range(to, at.drop_front(lead));
      update(result, positionOf(to, data.dims), updates, next, reduction);
    } else {
      isOutside = true;
    }
    ++next;
  });
  if (isOutside)
    return call.error("an index tuple is outside " + dimsText(data.dims));
  return one(std::move(result));
}

Evaluation hone::evaluateIndex(const Call &call) {
  return TypeSwitch<Operation *, Evaluation>(call.op)
      .Case([&](GatherOp op) { return gather(call, op.getAxis()); })
      .Case([&](GatherElementsOp op) { return gatherElements(call, op.getAxis()); })
      .Case([&](GatherNDOp op) { return gatherNd(call, op.getBatchDims()); })
      .Case([&](OneHotOp op) { return oneHot(call, op.getAxis()); })
      .Case([&](ScatterElementsOp op) { return scatterElements(call, op.getAxis(), op.getReduction()); })
      .Case([&](ScatterNDOp op) { return scatterNd(call, op.getReduction()); })
      .Default([](Operation *) { return std::nullopt; });
}
