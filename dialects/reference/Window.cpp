// Convolution and pooling, tap by tap. Floats are accumulated in f64.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/reference/Families.h"
#include <cmath>

using namespace mlir;
using namespace hone;

namespace {
struct Window {
  ArrayRef<int64_t> strides, dilations, before, after;
  Dims taps;
  bool ceil = false;

  /// Positions along a spatial dim of `size` elements.
  int64_t positions(size_t dim, int64_t size) const {
    int64_t extent = (taps[dim] - 1) * dilations[dim] + 1, limit = size + after[dim] + (ceil ? strides[dim] - 1 : 0);
    int64_t count = 0;
    for (int64_t begin = -before[dim]; begin + extent <= limit && (!ceil || begin < size); begin += strides[dim])
      ++count;
    return count;
  }
  Dims resultDims(ArrayRef<int64_t> input, int64_t channels) const {
    Dims dims{input.front()};
    for (auto [i, size] : llvm::enumerate(input.drop_front().drop_back()))
      dims.push_back(positions(i, size));
    dims.push_back(channels);
    return dims;
  }
  /// Calls body(tap, place) for each tap of the window at output position `at` that lies in the input; `place` has no
  /// channel yet.
  template <typename F> void forEachTap(ArrayRef<int64_t> at, ArrayRef<int64_t> input, F body) const {
    forEach(taps, [&](ArrayRef<int64_t> tap) {
      Dims place{at.front()};
      for (size_t i = 0; i < tap.size(); ++i) {
        int64_t here = at[i + 1] * strides[i] + tap[i] * dilations[i] - before[i];
        if (here < 0 || here >= input[i + 1])
          return;
        place.push_back(here);
      }
      body(tap, place);
    });
  }
};
} // namespace

static llvm::Expected<Results> conv(const Call &call, ConvOp op) {
  const HostTensor &input = call.tensors[0], &filter = call.tensors[1];
  ArrayRef<int64_t> filterDims(filter.dims);
  int64_t groups = filterDims[0], outputs = filterDims[1], read = filterDims.back();
  if (input.dims.back() != groups * read)
    return call.error("has input " + dimsText(input.dims) + " and filter " + dimsText(filter.dims));
  Window window{op.getStrides(), op.getDilations(), op.getPadsBefore(), op.getPadsAfter(),
                Dims(filterDims.drop_front(2).drop_back())};
  HostTensor result(call.element(), window.resultDims(input.dims, groups * outputs));
  visitType(result.element, [&](auto zero) {
    using T = decltype(zero);
    int64_t next = 0;
    forEach(result.dims, [&](ArrayRef<int64_t> at) {
      int64_t group = at.back() / outputs;
      Wide<T> sum = 0;
      window.forEachTap(at, input.dims, [&](ArrayRef<int64_t> tap, Dims place) {
        Dims filterAt{group, at.back() % outputs};
        filterAt.append(tap.begin(), tap.end());
        place.push_back(0);
        filterAt.push_back(0);
        for (int64_t channel = 0; channel < read; ++channel) {
          place.back() = group * read + channel;
          filterAt.back() = channel;
          sum +=
              widened<T>(input, positionOf(place, input.dims)) * widened<T>(filter, positionOf(filterAt, filter.dims));
        }
      });
      result.as<T>()[next++] = narrow<T>(sum);
    });
  });
  return one(std::move(result));
}

template <typename T> static T combined(ReduceKind kind, ArrayRef<T> taps) {
  using Limits = std::numeric_limits<T>;
  if (kind == ReduceKind::Sum || kind == ReduceKind::Prod) {
    Wide<T> all = kind == ReduceKind::Prod;
    for (T tap : taps)
      all = kind == ReduceKind::Sum ? all + tap : all * tap;
    return T(all);
  }
  bool isMax = kind == ReduceKind::Max;
  T best = Limits::has_infinity ? (isMax ? T(-Limits::infinity()) : Limits::infinity())
                                : (isMax ? Limits::lowest() : Limits::max());
  for (T tap : taps) {
    if (tap != tap)
      return tap;
    if (isMax ? tap > best : tap < best)
      best = tap;
  }
  return best;
}

static llvm::Expected<Results> pool(const Call &call, PoolOp op) {
  const HostTensor &input = call.tensors[0];
  Window window{op.getStrides(),   op.getDilations(),    op.getPadsBefore(),
                op.getPadsAfter(), Dims(op.getWindow()), op.getCeil()};
  HostTensor result(call.element(), window.resultDims(input.dims, input.dims.back()));
  visitType(result.element, [&](auto zero) {
    using T = decltype(zero);
    int64_t next = 0;
    forEach(result.dims, [&](ArrayRef<int64_t> at) {
      SmallVector<T> taps;
      window.forEachTap(at, input.dims, [&](ArrayRef<int64_t>, Dims place) {
        place.push_back(at.back());
        taps.push_back(input.as<T>()[positionOf(place, input.dims)]);
      });
      result.as<T>()[next++] = combined<T>(op.getKind(), taps);
    });
  });
  return one(std::move(result));
}

static llvm::Expected<Results> argPool(const Call &call, ArgPoolOp op) {
  const HostTensor &input = call.tensors[0];
  Window window{op.getStrides(),   op.getDilations(),    op.getPadsBefore(),
                op.getPadsAfter(), Dims(op.getWindow()), op.getCeil()};
  HostTensor result(call.element(), window.resultDims(input.dims, input.dims.back()));
  int64_t next = 0;
  forEach(result.dims, [&](ArrayRef<int64_t> at) {
    int64_t found = -1;
    visitType(input.element, [&](auto zero) {
      using T = decltype(zero);
      T best{};
      window.forEachTap(at, input.dims, [&](ArrayRef<int64_t>, Dims place) {
        Dims channelsSecond{place[0], at.back()}, sizes{input.dims[0], input.dims.back()};
        for (size_t i = 1; i < place.size(); ++i) {
          size_t dim = op.getColumnMajor() ? place.size() - i : i;
          channelsSecond.push_back(place[dim]);
          sizes.push_back(input.dims[dim]);
        }
        place.push_back(at.back());
        T x = input.as<T>()[positionOf(place, input.dims)];
        bool isNan = x != x, wasNan = best != best;
        if (found >= 0 && (wasNan || !(isNan || x > best)))
          return;
        best = x;
        found = positionOf(channelsSecond, sizes);
      });
    });
    result.as<int64_t>()[next++] = found;
  });
  return one(std::move(result));
}

Evaluation hone::evaluateWindow(const Call &call) {
  return TypeSwitch<Operation *, Evaluation>(call.op)
      .Case([&](ConvOp op) { return conv(call, op); })
      .Case([&](PoolOp op) { return pool(call, op); })
      .Case([&](ArgPoolOp op) { return argPool(call, op); })
      .Default([](Operation *) { return std::nullopt; });
}
