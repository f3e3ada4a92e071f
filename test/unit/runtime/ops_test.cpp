// The runtime's operators as generated code calls them, and as a program that was written by hand might.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "hone/ops.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <functional>
#include <vector>

extern "C" hone_op hone_op_non_max_suppression;

namespace {
/// A call with the example of ONNX's specification, test_nonmaxsuppression_suppress_by_IOU.
struct Suppression {
  std::vector<float> boxes = {0, 0,  1, 1,  0, 0.1f,  1, 1.1f,  0, -0.1f, 1, 0.9f,
                              0, 10, 1, 11, 0, 10.1f, 1, 11.1f, 0, 100,   1, 101};
  std::vector<float> scores = {0.9f, 0.75f, 0.6f, 0.95f, 0.5f, 0.3f};
  int64_t most = 3;
  float overlap = 0.5f, least = 0;
  int64_t boxDims[3] = {1, 6, 4}, scoreDims[3] = {1, 1, 6}, rowDims[2] = {3, 3};
  hone_op_tensor inputs[5], results[2];
  int64_t parameters[1] = {0}, count = -1;
  int32_t failure = 0, cancel = 0;
  hone_op_arguments arguments;

  Suppression() {
    inputs[0] = {boxes.data(), boxDims, 3, HONE_FLOAT};
    inputs[1] = {scores.data(), scoreDims, 3, HONE_FLOAT};
    inputs[2] = {&most, nullptr, 0, HONE_INT64};
    inputs[3] = {&overlap, nullptr, 0, HONE_FLOAT};
    inputs[4] = {&least, nullptr, 0, HONE_FLOAT};
    results[0] = {nullptr, rowDims, 2, HONE_INT64};
    results[1] = {&count, nullptr, 0, HONE_INT64};
    arguments = {inputs, results, parameters, 5, 2, 1, nullptr, 6 * 16, &failure, &cancel};
  }

  /// The boxes that are taken. Memory is as large as the call says, so that a sanitizer sees what lies behind it.
  std::vector<int64_t> run() {
    std::vector<int64_t> rows(std::max<int64_t>(0, rowDims[0] * rowDims[1])), taken;
    std::vector<char> scratch(arguments.scratch_bytes);
    results[0].data = rows.data();
    arguments.scratch = scratch.data();
    hone_op_non_max_suppression(&arguments);
    for (int64_t i = 0; !failure && i < count; ++i)
      taken.push_back(rows[3 * i + 2]);
    return taken;
  }
};
} // namespace

TEST(NonMaxSuppression, TakesTheBest) {
  EXPECT_EQ(Suppression().run(), std::vector<int64_t>({3, 0, 5}));
  Suppression without;
  without.arguments.input_count = 4;
  EXPECT_EQ(without.run(), std::vector<int64_t>({3, 0, 5}));
}

TEST(NonMaxSuppression, RefusesWhatItIsNotFor) {
  using Change = std::function<void(Suppression &)>;
  const Change changes[] = {
      [](Suppression &s) { s.arguments.input_count = 3; },
      [](Suppression &s) { s.arguments.input_count = 6; },
      [](Suppression &s) { s.arguments.result_count = 1; },
      [](Suppression &s) { s.arguments.parameter_count = 0; },
      [](Suppression &s) { s.inputs[0].dtype = HONE_DOUBLE; },
      [](Suppression &s) { s.inputs[1].rank = 2; },
      [](Suppression &s) { s.inputs[2].dtype = HONE_INT32; },
      [](Suppression &s) { s.inputs[3].rank = 1; },
      [](Suppression &s) { s.inputs[4].dtype = HONE_DOUBLE; },
      [](Suppression &s) { s.results[0].dtype = HONE_INT32; },
      [](Suppression &s) { s.results[1].rank = 1; },
      [](Suppression &s) { s.boxDims[0] = 2; },
      [](Suppression &s) { s.boxDims[1] = 5; },
      [](Suppression &s) { s.boxDims[2] = 5; },
      [](Suppression &s) { s.rowDims[1] = 2; },
      [](Suppression &s) { s.rowDims[0] = 2; }, // the third is found, and has no room
      [](Suppression &s) { s.arguments.scratch_bytes = 6 * 16 - 1; },
      [](Suppression &s) { s.arguments.scratch_bytes = 0; },
  };
  for (const Change &change : changes) {
    Suppression call;
    change(call);
    call.run();
    EXPECT_EQ(call.failure, 1) << "change " << &change - changes;
  }
}

TEST(NonMaxSuppression, NeedsNothingForNothing) {
  Suppression call;
  call.boxDims[0] = call.scoreDims[0] = 0;
  call.boxDims[1] = call.scoreDims[2] = HONE_MAX_DIM;
  call.rowDims[0] = call.arguments.scratch_bytes = 0;
  call.run();
  EXPECT_EQ(call.failure, 0);
  EXPECT_EQ(call.count, 0);
}

TEST(NonMaxSuppression, EndsWhenItIsCancelled) {
  Suppression call;
  call.cancel = 1;
  call.run();
  EXPECT_EQ(call.count, 0);
  EXPECT_EQ(call.failure, 0);
}
