// Reductions, running sums and selections. Float sums and products are accumulated in f64.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/reference/Families.h"
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace hone;

template <typename T> static bool isNan(T x) { return x != x; }

/// The elements along one axis at a time: body(positions of a row's elements, number of the row).
template <typename F> static void forEachRow(ArrayRef<int64_t> dims, ArrayRef<int64_t> axes, F body) {
  Dims outer(dims), row(dims.size(), 1);
  for (int64_t axis : axes) {
    outer[axis] = 1;
    row[axis] = dims[axis];
  }
  int64_t number = 0;
  forEach(outer, [&](ArrayRef<int64_t> base) {
    std::vector<int64_t> positions;
    forEach(row, [&](ArrayRef<int64_t> at) {
      Dims sum(base);
      for (auto [to, offset] : llvm::zip_equal(sum, at))
        to += offset;
      positions.push_back(positionOf(sum, dims));
    });
    body(ArrayRef<int64_t>(positions), number++);
  });
}

template <typename T> static T combineAll(ReduceKind kind, ArrayRef<T> elements, ArrayRef<int64_t> positions) {
  using Limits = std::numeric_limits<T>;
  if (kind == ReduceKind::Sum || kind == ReduceKind::Prod) {
    Wide<T> result = kind == ReduceKind::Prod;
    for (int64_t position : positions)
      result = kind == ReduceKind::Sum ? result + Wide<T>(elements[position]) : result * Wide<T>(elements[position]);
    return narrow<T>(result);
  }
  bool isMax = kind == ReduceKind::Max;
  T result = Limits::has_infinity ? (isMax ? T(-Limits::infinity()) : Limits::infinity())
                                  : (isMax ? Limits::lowest() : Limits::max());
  for (int64_t position : positions) {
    T x = elements[position];
    if (isNan(x))
      return x;
    if (isMax ? x > result : x < result)
      result = x;
  }
  return result;
}

static Dims reducedDims(ArrayRef<int64_t> dims, ArrayRef<int64_t> axes, bool keepdims) {
  Dims result;
  for (auto [i, dim] : llvm::enumerate(dims))
    if (!llvm::is_contained(axes, int64_t(i)))
      result.push_back(dim);
    else if (keepdims)
      result.push_back(1);
  return result;
}

static llvm::Expected<Results> reduce(const Call &call, ReduceOp op) {
  const HostTensor &input = call.tensors[0];
  HostTensor result(call.element(), reducedDims(input.dims, op.getAxes(), op.getKeepdims()));
  if (result.element != input.element)
    return call.error("wants a result of the input's element type");
  visitType(input.element, [&](auto zero) {
    using T = decltype(zero);
    forEachRow(input.dims, op.getAxes(), [&](ArrayRef<int64_t> positions, int64_t row) {
      result.as<T>()[row] = combineAll(op.getKind(), input.as<T>(), positions);
    });
  });
  return one(std::move(result));
}

static llvm::Expected<Results> argReduce(const Call &call, ArgReduceOp op) {
  const HostTensor &input = call.tensors[0];
  int64_t axis = op.getAxis();
  HostTensor result(call.element(), reducedDims(input.dims, {axis}, op.getKeepdims()));
  if (input.dims[axis] == 0 && result.count())
    return call.error("has no element to choose in " + dimsText(input.dims));
  std::vector<int64_t> found;
  visitType(input.element, [&](auto zero) {
    using T = decltype(zero);
    bool isMax = op.getKind() == ReduceKind::Max;
    // -1, 0, 1: x is less wanted than, as wanted as, more wanted than y.
    auto order = [&](T x, T y) {
      if (isNan(x) || isNan(y))
        return int(isNan(x)) - int(isNan(y));
      return x == y ? 0 : (x > y) == isMax ? 1 : -1;
    };
    forEachRow(input.dims, {axis}, [&](ArrayRef<int64_t> positions, int64_t) {
      int64_t best = 0;
      for (int64_t i = 1, size = positions.size(); i < size; ++i)
        if (order(input.as<T>()[positions[i]], input.as<T>()[positions[best]]) >= (op.getSelectLast() ? 0 : 1))
          best = i;
      found.push_back(best);
    });
  });
  visitType(result.element, [&](auto zero) { llvm::copy(found, result.as<decltype(zero)>().begin()); });
  return one(std::move(result));
}

static llvm::Expected<Results> cumSum(const Call &call, CumSumOp op) {
  const HostTensor &input = call.tensors[0];
  HostTensor result(call.element(), input.dims);
  visitType(input.element, [&](auto zero) {
    using T = decltype(zero);
    forEachRow(input.dims, {int64_t(op.getAxis())}, [&](ArrayRef<int64_t> positions, int64_t) {
      std::vector<int64_t> order(positions);
      if (op.getReverse())
        std::reverse(order.begin(), order.end());
      Wide<T> sum = 0;
      for (int64_t position : order) {
        Wide<T> before = sum;
        sum += Wide<T>(input.as<T>()[position]);
        result.as<T>()[position] = narrow<T>(op.getExclusive() ? before : sum);
      }
    });
  });
  return one(std::move(result));
}

static llvm::Expected<Results> topK(const Call &call, TopKOp op) {
  const HostTensor &input = call.tensors[0];
  int64_t axis = op.getAxis(), k = call.indices[0];
  if (k < 0 || k > input.dims[axis])
    return call.error("wants " + Twine(k) + " of " + Twine(input.dims[axis]) + " elements");
  Dims dims = input.dims;
  dims[axis] = k;
  HostTensor values(call.element(0), dims), positionsOfThem(call.element(1), dims);
  std::vector<std::vector<int64_t>> slots;
  forEachRow(dims, {axis}, [&](ArrayRef<int64_t> positions, int64_t) { slots.emplace_back(positions); });
  visitType(input.element, [&](auto zero) {
    using T = decltype(zero);
    // NaN is the greatest of all.
    auto isLess = [](T x, T y) { return isNan(y) ? !isNan(x) : x < y; };
    forEachRow(input.dims, {axis}, [&](ArrayRef<int64_t> positions, int64_t row) {
      std::vector<int64_t> order(positions.size());
      std::iota(order.begin(), order.end(), 0);
      llvm::stable_sort(order, [&](int64_t a, int64_t b) {
        T x = input.as<T>()[positions[a]], y = input.as<T>()[positions[b]];
        return op.getLargest() ? isLess(y, x) : isLess(x, y);
      });
      for (int64_t i = 0; i < k; ++i) {
        values.as<T>()[slots[row][i]] = input.as<T>()[positions[order[i]]];
        visitType(positionsOfThem.element,
                  [&](auto other) { positionsOfThem.as<decltype(other)>()[slots[row][i]] = order[i]; });
      }
    });
  });
  Results results = one(std::move(values));
  results.push_back(std::move(positionsOfThem));
  return results;
}

Evaluation hone::evaluateReduce(const Call &call) {
  return TypeSwitch<Operation *, Evaluation>(call.op)
      .Case([&](ReduceOp op) { return reduce(call, op); })
      .Case([&](ArgReduceOp op) { return argReduce(call, op); })
      .Case([&](CumSumOp op) { return cumSum(call, op); })
      .Case([&](TopKOp op) { return topK(call, op); })
      .Default([](Operation *) { return std::nullopt; });
}
