// What the runtime's functions compute.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/reference/Families.h"
#include <algorithm>
#include <array>
#include <cmath>

using namespace mlir;
using namespace hone;

namespace {
/// Left, top, right and bottom edge.
using Box = std::array<float, 4>;
} // namespace

static Box boxOf(ArrayRef<float> four, bool isCentred) {
  if (isCentred)
    return {four[0] - four[2] / 2, four[1] - four[3] / 2, four[0] + four[2] / 2, four[1] + four[3] / 2};
  return {std::min(four[1], four[3]), std::min(four[0], four[2]), std::max(four[1], four[3]),
          std::max(four[0], four[2])};
}

static float area(const Box &box) { return std::max(box[2] - box[0], 0.0f) * std::max(box[3] - box[1], 0.0f); }

static float overlap(const Box &a, const Box &b) {
  float both = area({std::max(a[0], b[0]), std::max(a[1], b[1]), std::min(a[2], b[2]), std::min(a[3], b[3])});
  float either = area(a) + area(b) - both;
  return both > 0 && either > 0 ? both / either : 0;
}

/// For boxes and scores without NaN.
static llvm::Expected<Results> nonMaxSuppression(const Call &call, ExternOp op) {
  const HostTensor &boxes = call.tensors[0], &scores = call.tensors[1];
  int64_t most = call.tensors[2].integer(0), count = scores.dims[2];
  double mostOverlap = call.tensors[3].number(0);
  bool isCentred = op.getParameters()[0] != 0;
  std::vector<std::array<int64_t, 3>> rows;
  for (int64_t batch = 0; batch < scores.dims[0]; ++batch)
    for (int64_t group = 0; group < scores.dims[1]; ++group) {
      ArrayRef<float> own = scores.as<float>().slice((batch * scores.dims[1] + group) * count, count);
      auto box = [&](int64_t i) { return boxOf(boxes.as<float>().slice((batch * count + i) * 4, 4), isCentred); };
      std::vector<int64_t> order, taken;
      for (int64_t i = 0; i < count; ++i)
        if (call.tensors.size() < 5 || own[i] > call.tensors[4].number(0))
          order.push_back(i);
      llvm::stable_sort(order, [&](int64_t a, int64_t b) { return own[a] > own[b]; });
      for (int64_t i : order)
        if (int64_t(taken.size()) < most &&
            llvm::none_of(taken, [&](int64_t other) { return overlap(box(i), box(other)) > mostOverlap; })) {
          taken.push_back(i);
          rows.push_back({batch, group, i});
        }
    }
  if (int64_t(rows.size()) > call.indices[0])
    return call.error("gives " + std::to_string(rows.size()) + " rows, not " + std::to_string(call.indices[0]));
  Results results{HostTensor(call.element(0), Dims{call.indices[0], 3}), HostTensor(call.element(1), {})};
  auto to = results[0].as<int64_t>();
  for (auto [i, row] : llvm::enumerate(rows))
    llvm::copy(row, to.begin() + 3 * i);
  results[1].as<int64_t>()[0] = rows.size();
  return results;
}

Evaluation hone::evaluateExtern(const Call &call) {
  auto op = dyn_cast<ExternOp>(call.op);
  if (!op)
    return std::nullopt;
  if (op.getFunction() == "non_max_suppression")
    return nonMaxSuppression(call, op);
  return llvm::Expected<Results>(call.error("calls a function that the reference does not know"));
}
