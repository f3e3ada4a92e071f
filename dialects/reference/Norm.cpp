// Row ops, by their formulas in f64.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/reference/Families.h"
#include <cmath>

using namespace mlir;
using namespace hone;

static void setNumber(HostTensor &tensor, int64_t position, double value) {
  visitType(tensor.element, [&](auto zero) { tensor.as<decltype(zero)>()[position] = decltype(zero)(value); });
}

static llvm::Expected<Results> softmax(const Call &call, SoftmaxOp op) {
  const HostTensor &input = call.tensors[0];
  HostTensor result(call.element(), input.dims);
  int64_t axis = op.getAxis(), size = input.dims[axis];
  Dims outer = input.dims;
  outer[axis] = size ? 1 : 0;
  forEach(outer, [&](ArrayRef<int64_t> base) {
    int64_t stride = countOf(ArrayRef<int64_t>(input.dims).drop_front(axis + 1)), first = positionOf(base, input.dims);
    double greatest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < size; ++i) {
      double x = input.number(first + i * stride);
      greatest = std::isnan(x) || x > greatest ? x : greatest;
      if (std::isnan(x))
        break;
    }
    for (int64_t i = 0; i < size; ++i)
      sum += std::exp(input.number(first + i * stride) - greatest);
    for (int64_t i = 0; i < size; ++i) {
      double shifted = input.number(first + i * stride) - greatest;
      setNumber(result, first + i * stride, op.getLog() ? shifted - std::log(sum) : std::exp(shifted) / sum);
    }
  });
  return one(std::move(result));
}

/// A norm over the dims from `axis` on: (x - mean) / sqrt(mean of squares + epsilon), where the mean is only taken away
/// by a `centered` one, then scaled and moved by tensors that broadcast to the input.
static llvm::Expected<Results> normalize(const Call &call, int64_t axis, double epsilon, bool centered) {
  const HostTensor &input = call.tensors[0];
  for (const HostTensor &other : call.tensors.drop_front()) {
    auto dims = broadcastDims(call, input.dims, other.dims);
    if (!dims)
      return dims.takeError();
    if (*dims != input.dims)
      return call.error(dimsText(other.dims) + " does not broadcast to " + dimsText(input.dims));
  }
  HostTensor result(call.element(), input.dims);
  int64_t size = countOf(ArrayRef<int64_t>(input.dims).drop_front(axis)), position = 0;
  double mean = 0, root = 0;
  forEach(input.dims, [&](ArrayRef<int64_t> at) {
    if (position % size == 0) {
      double sum = 0, squares = 0;
      for (int64_t i = 0; i < size; ++i)
        sum += input.number(position + i);
      mean = centered ? sum / double(size) : 0;
      for (int64_t i = 0; i < size; ++i)
        squares += std::pow(input.number(position + i) - mean, 2);
      root = std::sqrt(squares / double(size) + epsilon);
    }
    double y = (input.number(position) - mean) / root;
    y *= call.tensors[1].number(broadcastPosition(at, call.tensors[1].dims));
    if (call.tensors.size() > 2)
      y += call.tensors[2].number(broadcastPosition(at, call.tensors[2].dims));
    setNumber(result, position++, y);
  });
  return one(std::move(result));
}

Evaluation hone::evaluateNorm(const Call &call) {
  return TypeSwitch<Operation *, Evaluation>(call.op)
      .Case([&](SoftmaxOp op) { return softmax(call, op); })
      .Case([&](LayerNormOp op) {
        return normalize(call, op.getAxis(), op.getEpsilon().convertToDouble(), /*centered=*/true);
      })
      .Case([&](RmsNormOp op) {
        return normalize(call, op.getAxis(), op.getEpsilon().convertToDouble(), /*centered=*/false);
      })
      .Default([](Operation *) { return std::nullopt; });
}
