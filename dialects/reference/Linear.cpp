// Matrix products and attention. Floats are accumulated in f64.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/reference/Families.h"
#include <cmath>

using namespace mlir;
using namespace hone;

static llvm::Expected<Results> matmul(const Call &call, MatmulOp op) {
  const HostTensor &lhs = call.tensors[0], &rhs = call.tensors[1];
  ArrayRef<int64_t> left(lhs.dims), right(rhs.dims);
  int64_t m = left[left.size() - 2], k = left.back();
  bool transposed = op.getTransposeRhs();
  int64_t n = right[right.size() - (transposed ? 2 : 1)], other = right[right.size() - (transposed ? 1 : 2)];
  if (k != other)
    return call.error("has inner dims " + Twine(k) + " and " + Twine(other));
  auto dims = broadcastDims(call, left.drop_back(2), right.drop_back(2));
  if (!dims)
    return dims.takeError();
  ArrayRef<int64_t> batch(*dims);
  Dims all(batch);
  all.append({m, n});
  HostTensor result(call.element(), all);
  visitType(result.element, [&](auto zero) {
    using T = decltype(zero);
    int64_t next = 0;
    forEach(all, [&](ArrayRef<int64_t> at) {
      int64_t row = at[at.size() - 2], column = at.back();
      int64_t aBase = broadcastPosition(at.drop_back(2), left.drop_back(2)) * m * k;
      int64_t bBase = broadcastPosition(at.drop_back(2), right.drop_back(2)) * k * n;
      Wide<T> sum = 0;
      for (int64_t i = 0; i < k; ++i)
        sum += widened<T>(lhs, aBase + row * k + i) *
               widened<T>(rhs, bBase + (transposed ? column * k + i : i * n + column));
      result.as<T>()[next++] = narrow<T>(sum);
    });
  });
  return one(std::move(result));
}

/// Probabilities from scores, in place; false for a row that has none: nothing but -inf, or +inf or NaN among them.
static bool softmaxRow(std::vector<double> &scores) {
  double greatest = -INFINITY, sum = 0;
  bool hasNan = false;
  for (double score : scores) {
    greatest = std::max(greatest, score);
    hasNan |= std::isnan(score);
  }
  if (hasNan || !std::isfinite(greatest))
    return false;
  for (double &score : scores)
    sum += score = std::exp(score - greatest);
  for (double &score : scores)
    score /= sum;
  return true;
}

static llvm::Expected<Results> attention(const Call &call, AttentionOp op) {
  const HostTensor &query = call.tensors[0], &key = call.tensors[1], &value = call.tensors[2];
  const HostTensor *mask = op.getMask() ? &call.tensors[3] : nullptr;
  int64_t batch = query.dims[0], queries = query.dims[1], heads = query.dims[2], depth = query.dims[3];
  int64_t keys = key.dims[1], groups = key.dims[2], valueDepth = value.dims[3];
  if (key.dims != Dims{batch, keys, groups, depth} || value.dims != Dims{batch, keys, groups, valueDepth} ||
      (groups == 0 ? heads : heads % groups) != 0)
    return call.error("has query " + dimsText(query.dims) + ", key " + dimsText(key.dims) + " and value " +
                      dimsText(value.dims));
  if (mask) {
    Dims scores{batch, heads, queries, keys};
    auto dims = broadcastDims(call, scores, mask->dims);
    if (!dims)
      return dims.takeError();
    if (*dims != scores)
      return call.error("has mask " + dimsText(mask->dims) + " for scores " + dimsText(scores));
  }
  const HostTensor *lengths = op.getLengths() ? &call.tensors.back() : nullptr;
  if (lengths && lengths->dims != Dims{batch})
    return call.error("has lengths " + dimsText(lengths->dims) + " for a batch of " + std::to_string(batch));
  for (int64_t i = 0; lengths && i < batch; ++i)
    if (lengths->integer(i) < 0 || lengths->integer(i) > keys)
      return call.error("has a length of " + std::to_string(lengths->integer(i)) + " of " + std::to_string(keys));
  HostTensor result(call.element(), {batch, queries, heads, valueDepth});
  if (!result.element.isF32())
    return call.error("wants f32");
  std::vector<double> row;
  forEach({batch, heads, queries}, [&](ArrayRef<int64_t> at) {
    int64_t group = at[1] / (heads / groups);
    int64_t own = lengths ? lengths->integer(at[0]) : keys, seen = own;
    if (op.getCausal())
      seen = std::clamp<int64_t>(std::clamp(call.indices[0], -queries, keys) + at[2] + 1 - (keys - own), 0, own);
    bool isMasked = mask;
    row.assign(own, -INFINITY);
    for (int64_t j = 0; j < seen; ++j) {
      double dot = 0;
      for (int64_t i = 0; i < depth; ++i)
        dot += query.number(positionOf({at[0], at[2], at[1], i}, query.dims)) *
               key.number(positionOf({at[0], j, group, i}, key.dims));
      row[j] = dot * op.getScale().convertToDouble();
      if (!mask)
        continue;
      double masked = mask->number(broadcastPosition({at[0], at[1], at[2], j}, mask->dims));
      if (std::optional<APFloat> fill = op.getFill()) {
        bool isKept = masked != 0;
        row[j] = isKept ? row[j] : fill->convertToDouble();
        isMasked &= !isKept && row[j] == -INFINITY;
      } else {
        row[j] += masked;
        isMasked &= masked == -INFINITY;
      }
    }
    bool isValid = softmaxRow(row);
    for (int64_t i = 0; i < valueDepth; ++i) {
      double sum = isValid || op.getGuarded() || seen == 0 || (op.getMaskedZero() && isMasked) ? 0 : NAN;
      for (int64_t j = 0; isValid && j < own; ++j)
        sum += row[j] * value.number(positionOf({at[0], j, group, i}, value.dims));
      result.as<float>()[positionOf({at[0], at[2], at[1], i}, result.dims)] = float(sum);
    }
  });
  return one(std::move(result));
}

Evaluation hone::evaluateLinear(const Call &call) {
  return TypeSwitch<Operation *, Evaluation>(call.op)
      .Case([&](MatmulOp op) { return matmul(call, op); })
      .Case([&](AttentionOp op) { return attention(call, op); })
      .Default([](Operation *) { return std::nullopt; });
}
