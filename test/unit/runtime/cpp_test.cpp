// Hone.hpp.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestModel.h"
#include "hone/hone.hpp"
#include <gtest/gtest.h>

using namespace test;

namespace {
std::vector<hone::Tensor> tensorsOf(const Inputs &inputs) {
  return {hone::Tensor::of(inputs.ids.data(), {inputs.batch, inputs.sequence}),
          hone::Tensor::of(inputs.mask.data(), {inputs.batch, inputs.sequence}),
          hone::Tensor::of(inputs.table.data(), {8, 2})};
}
} // namespace

TEST(Cpp, Library) {
  hone::Library described(&library);
  EXPECT_EQ(described.name(), "lookup");
  EXPECT_EQ(described.manifest(), "{\"model\": \"lookup\"}");
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
  session.reserve(tensorsOf(inputs));
  EXPECT_EQ(session.plan(tensorsOf(inputs))[0].shape(), (std::vector<int64_t>{3, 40, 2}));
  std::vector<hone::Tensor> outputs = session.run(tensorsOf(inputs));
  const float *picked = outputs[0].data<float>();
  EXPECT_EQ(std::vector<float>(picked, picked + outputs[0].size()), inputs.picked());
  EXPECT_EQ(*outputs[1].data<int64_t>(), inputs.total());
  EXPECT_THROW(outputs[1].data<float>(), hone::Error);

  std::vector<float> buffer(240);
  std::vector<hone_output> bound(2);
  bound[0].data = buffer.data();
  bound[0].capacity = 240 * sizeof(float);
  hone::Session moved = std::move(session);
  moved.run(tensorsOf(inputs), bound);
  EXPECT_EQ(buffer, inputs.picked());
}

TEST(Cpp, Error) {
  hone::Session session(&library);
  Inputs inputs(2, 3);
  std::vector<hone::Tensor> tensors = tensorsOf(inputs);
  tensors.pop_back();
  try {
    session.run(tensors);
    FAIL() << "nothing thrown";
  } catch (const hone::Error &error) {
    EXPECT_EQ(error.code(), HONE_INVALID_ARGUMENT);
    EXPECT_STREQ(error.what(), "2 inputs given, expected 3; the first that is missing is 'table'");
  }
}
