// Hone.hpp.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestModel.h"
#include "hone/hone.hpp"
#include <gtest/gtest.h>

using namespace test;

namespace {
std::vector<hone::Value> valuesOf(const Inputs &inputs) {
  return {hone::Value::of(inputs.ids.data(), {inputs.batch, inputs.sequence}),
          hone::Value::of(inputs.mask.data(), {inputs.batch, inputs.sequence}),
          hone::Value::of(inputs.table.data(), {8, 2})};
}
} // namespace

TEST(Cpp, Library) {
  hone::Library described(&library);
  EXPECT_EQ(described.name(), "lookup");
  EXPECT_EQ(described.manifest(), "{\"model\": \"lookup\"}");
  ASSERT_EQ(described.entries().size(), 1u);
  EXPECT_EQ(described.entries()[0].name, "main");
  EXPECT_EQ(described.entries()[0].outputs[1].name, "total");
  EXPECT_THROW(described.inputs(1), hone::Error);
  ASSERT_EQ(described.inputs().size(), 3u);
  EXPECT_EQ(described.inputs()[2].name, "table");
  EXPECT_EQ(described.inputs()[2].shape, (std::vector<int64_t>{8, 2}));
  EXPECT_EQ(described.outputs()[0].shape, (std::vector<int64_t>{-1, -1, 2}));
  EXPECT_EQ(described.outputs()[0].symbols, (std::vector<std::string>{"batch", "sequence", ""}));
  hone_library other = library;
  other.abi_version = 99;
  EXPECT_THROW(hone::Library{&other}, hone::Error);
}

TEST(Cpp, Run) {
  hone::Pool pool(&library, 2);
  hone_options options = hone_options_default();
  options.pool = pool.get();
  hone::Session session(&library, options);
  Inputs inputs(3, 40);
  session.reserve(valuesOf(inputs));
  EXPECT_EQ(session.plan(valuesOf(inputs)).outputs[0].shape(), (std::vector<int64_t>{3, 40, 2}));
  std::vector<hone::Value> outputs = session.run(valuesOf(inputs));
  const float *picked = outputs[0].data<float>();
  EXPECT_EQ(std::vector<float>(picked, picked + outputs[0].size()), inputs.picked());
  EXPECT_EQ(*outputs[1].data<int64_t>(), inputs.total());
  EXPECT_THROW(outputs[1].data<float>(), hone::Error);

  std::vector<float> buffer(240);
  std::vector<hone::Value> bound = {hone::Value::buffer(buffer.data(), buffer.size() * sizeof(float)), {}};
  hone::Session moved = std::move(session);
  for (int round = 0; round < 2; ++round) { // what a run gave may be given to the next
    moved.run(valuesOf(inputs), bound);
    EXPECT_EQ(buffer, inputs.picked());
    EXPECT_EQ(bound[0].data(), buffer.data());
    EXPECT_EQ(bound[0].shape(), (std::vector<int64_t>{3, 40, 2}));
    EXPECT_EQ(*bound[1].data<int64_t>(), inputs.total());
    buffer.assign(buffer.size(), 0);
  }
  EXPECT_THROW(session.run(valuesOf(inputs)), hone::Error) << "moved from";
}

TEST(Cpp, Error) {
  hone::Session session(&library);
  Inputs inputs(2, 3);
  std::vector<hone::Value> values = valuesOf(inputs);
  values.pop_back();
  try {
    session.run(values);
    FAIL() << "nothing thrown";
  } catch (const hone::Error &error) {
    EXPECT_EQ(error.code(), HONE_INVALID_ARGUMENT);
    EXPECT_STREQ(error.what(), "2 inputs given, expected 3; the first that is missing is 'table'");
  }
}

// The flag is the session's own, seen by the run that is under way, and by no later one.
TEST(Cpp, Cancel) {
  static hone::Session *cancelled;
  Program endless;
  endless.main.run = [](hone_frame *frame) -> int32_t {
    cancelled->cancel();
    return run(frame);
  };
  hone_library of = makeLibrary(endless);
  hone::Session session(&of);
  cancelled = &session;
  Inputs inputs(2, 3);
  try {
    session.run(valuesOf(inputs));
    FAIL() << "nothing thrown";
  } catch (const hone::Error &error) {
    EXPECT_EQ(error.code(), HONE_CANCELLED);
    EXPECT_STREQ(error.what(), "node 'Cast_0' (Cast): cancelled");
  }
  endless.main.run = run;
  EXPECT_EQ(*session.run(valuesOf(inputs))[1].data<int64_t>(), inputs.total());
}
