// Ops that only move elements.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/reference/Families.h"

using namespace mlir;
using namespace hone;

static llvm::Expected<Results> constant(const Call &call, ConstantOp op) {
  auto value = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!value)
    return call.error("wants a dense attribute");
  return one(HostTensor::fromAttribute(value));
}

static llvm::Expected<Results> fromElements(const Call &call, FromElementsOp op) {
  Dims dims(rankOf(op.getOutput()), call.indices.size());
  HostTensor result(call.element(), dims);
  visitType(result.element, [&](auto zero) {
    for (auto [to, from] : llvm::zip_equal(result.as<decltype(zero)>(), call.indices))
      to = wrap<decltype(zero)>(from);
  });
  return one(std::move(result));
}

static llvm::Expected<Results> reshape(const Call &call) {
  const HostTensor &input = call.tensors[0];
  if (input.count() != countOf(call.indices))
    return call.error("cannot make " + dimsText(call.indices) + " of " + dimsText(input.dims));
  HostTensor result = input;
  result.dims.assign(call.indices.begin(), call.indices.end());
  return one(std::move(result));
}

static llvm::Expected<Results> withDims(const Call &call) {
  if (ArrayRef<int64_t>(call.tensors[0].dims) != call.indices)
    return call.error("a tensor of " + dimsText(call.tensors[0].dims) + " is said to be of " + dimsText(call.indices));
  return one(HostTensor(call.tensors[0]));
}

static llvm::Expected<Results> nonzero(const Call &call) {
  const HostTensor &input = call.tensors[0];
  std::vector<Dims> found;
  visitType(input.element, [&](auto zero) {
    int64_t next = 0;
    auto elements = input.as<decltype(zero)>();
    forEach(input.dims, [&](ArrayRef<int64_t> at) {
      if (elements[next++] != decltype(zero)(0))
        found.emplace_back(at.begin(), at.end());
    });
  });
  if (int64_t(found.size()) != call.indices[0])
    return call.error(std::to_string(found.size()) + " elements are not zero, not " + std::to_string(call.indices[0]));
  HostTensor result(call.element(), Dims{input.rank(), int64_t(found.size())});
  auto to = result.as<int64_t>();
  for (int64_t dim = 0; dim < input.rank(); ++dim)
    for (auto [i, at] : llvm::enumerate(found))
      to[dim * found.size() + i] = at[dim];
  return one(std::move(result));
}

static llvm::Expected<Results> insert(const Call &call, int64_t axis) {
  const HostTensor &source = call.tensors[0], &into = call.tensors[1];
  int64_t position = call.indices[0];
  Dims room = into.dims;
  if (position < 0 || position > room[axis] - source.dims[axis])
    return call.error("cannot put " + dimsText(source.dims) + " into " + dimsText(into.dims) + " at " +
                      std::to_string(position));
  room[axis] = source.dims[axis];
  if (room != source.dims)
    return call.error("cannot put " + dimsText(source.dims) + " into " + dimsText(into.dims));
  HostTensor result = into;
  int64_t size = elementBytes(into.element), next = 0;
  forEach(source.dims, [&](ArrayRef<int64_t> at) {
    Dims to(at.begin(), at.end());
    to[axis] += position;
    std::copy_n(source.bytes.begin() + next * size, size, result.bytes.begin() + positionOf(to, into.dims) * size);
    ++next;
  });
  return one(std::move(result));
}

static llvm::Expected<Results> tensorScatter(const Call &call, int64_t axis, bool isCircular) {
  const HostTensor &source = call.tensors[0], &into = call.tensors[1], &positions = call.tensors[2];
  Dims wanted = into.dims;
  wanted[axis] = source.dims[axis];
  if (source.dims != wanted || source.dims[axis] > into.dims[axis] || positions.dims != Dims{into.dims[0]})
    return call.error("cannot put " + dimsText(source.dims) + " into " + dimsText(into.dims) + " at " +
                      dimsText(positions.dims));
  HostTensor result = into;
  int64_t size = elementBytes(into.element), room = into.dims[axis], next = 0;
  std::optional<int64_t> wrong;
  forEach(source.dims, [&](ArrayRef<int64_t> at) {
    int64_t position = positions.integer(at[0]), from = next++;
    if (isCircular)
      position = (position % room + room) % room;
    if (position < 0 || position > room - (isCircular ? 1 : source.dims[axis])) {
      wrong = position;
      return;
    }
    Dims to(at.begin(), at.end());
    to[axis] = (position + to[axis]) % room;
    std::copy_n(source.bytes.begin() + from * size, size, result.bytes.begin() + positionOf(to, into.dims) * size);
  });
  if (wrong)
    return call.error("cannot put " + dimsText(source.dims) + " into " + dimsText(into.dims) + " at " +
                      std::to_string(*wrong));
  return one(std::move(result));
}

static llvm::Expected<Results> expand(const Call &call) {
  const HostTensor &input = call.tensors[0];
  auto dims = broadcastDims(call, input.dims, call.indices);
  if (!dims)
    return dims.takeError();
  if (ArrayRef<int64_t>(*dims) != call.indices)
    return call.error("cannot broadcast " + dimsText(input.dims) + " to " + dimsText(call.indices));
  return moved(call, input, *dims, [&](ArrayRef<int64_t> at) { return broadcastPosition(at, input.dims); });
}

static llvm::Expected<Results> transpose(const Call &call, ArrayRef<int64_t> permutation) {
  const HostTensor &input = call.tensors[0];
  Dims dims, source(permutation.size());
  for (int64_t from : permutation)
    dims.push_back(input.dims[from]);
  return moved(call, input, dims, [&](ArrayRef<int64_t> at) {
    for (auto [to, from] : llvm::enumerate(permutation))
      source[from] = at[to];
    return positionOf(source, input.dims);
  });
}

static llvm::Expected<Results> slice(const Call &call) {
  const HostTensor &input = call.tensors[0];
  int64_t rank = input.rank();
  ArrayRef<int64_t> starts = call.group(0, rank), sizes = call.group(1, rank), steps = call.group(2, rank);
  for (auto [start, size, step, dim] : llvm::zip_equal(starts, sizes, steps, input.dims))
    for (int64_t end : {start, start + (size - 1) * step})
      if (size < 0 || (size > 0 && (end < 0 || end >= dim)))
        return call.error("index " + Twine(end) + " is outside a dim of " + Twine(dim));
  Dims source(rank);
  return moved(call, input, sizes, [&](ArrayRef<int64_t> at) {
    for (int64_t i = 0; i < rank; ++i)
      source[i] = starts[i] + at[i] * steps[i];
    return positionOf(source, input.dims);
  });
}

static llvm::Expected<Results> concat(const Call &call, int64_t axis) {
  Dims dims = call.tensors[0].dims;
  dims[axis] = 0;
  for (const HostTensor &input : call.tensors) {
    Dims other = input.dims;
    other[axis] = dims[axis];
    if (other != dims)
      return call.error("cannot join " + dimsText(call.tensors[0].dims) + " and " + dimsText(input.dims));
    dims[axis] += input.dims[axis];
  }
  HostTensor result(call.element(), dims);
  int64_t offset = 0;
  for (const HostTensor &input : call.tensors) {
    int64_t i = 0;
    forEach(input.dims, [&](ArrayRef<int64_t> at) {
      Dims to(at);
      to[axis] += offset;
      copyElement(result, positionOf(to, dims), input, i++);
    });
    offset += input.dims[axis];
  }
  return one(std::move(result));
}

/// The position in [0, size) that a pad mode reads for one that may lie outside; -1 for the padding value.
static int64_t padSource(StringRef mode, int64_t position, int64_t size) {
  if (mode == "constant")
    return position >= 0 && position < size ? position : -1;
  if (mode == "edge")
    return std::clamp<int64_t>(position, 0, size - 1);
  if (size == 1)
    return 0;
  while (position < 0 || position >= size) // a step at a time, back and forth or around
    if (mode == "wrap")
      position += position < 0 ? size : -size;
    else
      position = position < 0 ? -position : 2 * (size - 1) - position;
  return position;
}

static llvm::Expected<Results> pad(const Call &call, StringRef mode) {
  const HostTensor &input = call.tensors[0], &value = call.tensors[1];
  int64_t rank = input.rank();
  ArrayRef<int64_t> before = call.group(0, rank), after = call.group(1, rank);
  Dims dims = input.dims, source(rank);
  for (int64_t i = 0; i < rank; ++i) {
    dims[i] += before[i] + after[i];
    if (dims[i] < 0)
      return call.error("cuts more than there is from " + dimsText(input.dims));
    if (mode != "constant" && input.dims[i] == 0 && dims[i] > 0)
      return call.error("has no element to repeat in " + dimsText(input.dims));
  }
  HostTensor result(call.element(), dims);
  int64_t next = 0;
  forEach(dims, [&](ArrayRef<int64_t> at) {
    bool isInside = true;
    for (int64_t i = 0; i < rank; ++i) {
      source[i] = padSource(mode, at[i] - before[i], input.dims[i]);
      isInside &= source[i] >= 0;
    }
    copyElement(result, next++, isInside ? input : value, isInside ? positionOf(source, input.dims) : 0);
  });
  return one(std::move(result));
}

static llvm::Expected<Results> tile(const Call &call) {
  const HostTensor &input = call.tensors[0];
  Dims dims = input.dims, source(input.rank());
  for (auto [dim, repeat] : llvm::zip_equal(dims, call.indices))
    dim *= repeat;
  return moved(call, input, dims, [&](ArrayRef<int64_t> at) {
    for (auto [to, index, dim] : llvm::zip_equal(source, at, input.dims))
      to = index % dim;
    return positionOf(source, input.dims);
  });
}

static llvm::Expected<Results> range(const Call &call) {
  const HostTensor &start = call.tensors[0], &delta = call.tensors[1];
  HostTensor result(call.element(), call.indices);
  visitType(result.element, [&](auto zero) {
    using T = decltype(zero);
    for (auto [i, to] : llvm::enumerate(result.as<T>()))
      if constexpr (std::is_floating_point_v<T>)
        to = T(start.number(0) + double(i) * delta.number(0));
      else
        to = wrap<T>(uint64_t(start.integer(0)) + i * uint64_t(delta.integer(0)));
  });
  return one(std::move(result));
}

static llvm::Expected<Results> trilu(const Call &call, bool upper) {
  const HostTensor &input = call.tensors[0];
  return moved(call, input, input.dims, [&](ArrayRef<int64_t> at) {
    int64_t column = at.back() - at[at.size() - 2]; // seen from the diagonal
    return (upper ? column >= call.indices[0] : column <= call.indices[0]) ? positionOf(at, input.dims) : int64_t(-1);
  });
}

/// Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014), figure of SplitMix64's nextSeed and mix.
static llvm::Expected<Results> randomUniform(const Call &call, uint64_t seed) {
  HostTensor result(call.element(), call.indices);
  uint64_t state = seed;
  for (float &to : result.as<float>()) {
    state += 0x9e3779b97f4a7c15;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    to = float(z >> 40) / float(1 << 24);
  }
  return one(std::move(result));
}

/// Walks the tiles in the order in which they lie, and puts each element where it belongs.
static llvm::Expected<Results> unpack(const Call &call, UnpackOp op) {
  const HostTensor &input = call.tensors[0];
  auto shape = cast<RankedTensorType>(op.getOutput().getType()).getShape();
  HostTensor result(input.element, Dims(shape));
  int64_t rank = shape.size(), size = bytesOf(input.element), next = 0;
  forEach(input.dims, [&](ArrayRef<int64_t> at) {
    Dims to(rank);
    for (int64_t i = 0; i < rank; ++i)
      to[op.getOrder().empty() ? i : op.getOrder()[i]] = at[i];
    for (auto [i, dim] : llvm::enumerate(op.getDims()))
      to[dim] = to[dim] * op.getTiles()[i] + at[rank + i];
    bool isPadding =
        llvm::any_of(llvm::zip_equal(to, shape), [](auto each) { return std::get<0>(each) >= std::get<1>(each); });
    if (!isPadding)
      std::copy_n(input.bytes.begin() + next * size, size, result.bytes.begin() + positionOf(to, result.dims) * size);
    ++next;
  });
  return one(std::move(result));
}

Evaluation hone::evaluateShape(const Call &call) {
  return TypeSwitch<Operation *, Evaluation>(call.op)
      .Case([&](ConstantOp op) { return constant(call, op); })
      .Case([&](FromElementsOp op) { return fromElements(call, op); })
      .Case([&](ReshapeOp) { return reshape(call); })
      .Case([&](WithDimsOp) { return withDims(call); })
      .Case([&](NonzeroOp) { return nonzero(call); })
      .Case([&](InsertOp op) { return insert(call, op.getAxis()); })
      .Case([&](TensorScatterOp op) { return tensorScatter(call, op.getAxis(), op.getCircular()); })
      .Case([&](ExpandOp) { return expand(call); })
      .Case([&](TransposeOp op) { return transpose(call, op.getPermutation()); })
      .Case([&](SliceOp) { return slice(call); })
      .Case([&](UnpackOp op) { return unpack(call, op); })
      .Case([&](ConcatOp op) { return concat(call, op.getAxis()); })
      .Case([&](PadOp op) { return pad(call, op.getMode()); })
      .Case([&](TileOp) { return tile(call); })
      .Case([&](RangeOp) { return range(call); })
      .Case([&](TriluOp op) { return trilu(call, op.getUpper()); })
      .Case([&](RandomUniformOp op) { return randomUniform(call, op.getSeed()); })
      .Default([](Operation *) { return std::nullopt; });
}
