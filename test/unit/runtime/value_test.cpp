// Arrays of values: their stride, kinds, who owns an output. Entries.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestModel.h"
#include <gtest/gtest.h>

using namespace test;

namespace {

/// hone_value as a later header may have it.
struct LongValue {
  hone_value value;
  int64_t added;
};

template <size_t count> void makeLong(LongValue (&to)[count], const hone_value *from) {
  for (size_t i = 0; i < count; ++i) {
    to[i] = {from[i], 0};
    to[i].value.size = sizeof(LongValue);
  }
}

} // namespace

TEST(Value, LongerElements) {
  Session session;
  Inputs inputs(2, 3);
  LongValue given[3], results[2];
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  makeLong(given, inputs.values.data());
  makeLong(results, outputs);
  auto run = [&] { return hone_run(session.handle, 0, &given[0].value, 3, &results[0].value, 2, &session.error); };
  results[1].added = 0;
  ASSERT_EQ(run(), HONE_OK) << session.error.message;
  EXPECT_EQ(*static_cast<int64_t *>(results[1].value.tensor.data), inputs.total());
  EXPECT_EQ(results[1].value.size, sizeof(LongValue));

  given[2].added = 1;
  EXPECT_EQ(run(), HONE_UNSUPPORTED);
  EXPECT_STREQ(session.error.message,
               "inputs[2]: a field is set that this library does not know; compile the model again");
  given[2].added = 0;
  results[0].added = -1;
  EXPECT_EQ(run(), HONE_UNSUPPORTED);
  EXPECT_STREQ(session.error.message,
               "outputs[0]: a field is set that this library does not know; compile the model again");
}

TEST(Value, Sizes) {
  Session session;
  Inputs inputs(2, 3);
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  const char *hint = "; begin with hone_value_tensor, hone_value_buffer or hone_value_make";
  auto expect = [&](const std::string &text) {
    EXPECT_EQ(session.run(inputs.values, outputs), HONE_INVALID_ARGUMENT);
    EXPECT_EQ(session.error.message, text + hint);
  };
  inputs.values[0].size = 0;
  expect("inputs[0]: size is 0");
  inputs.values[0].size = sizeof(hone_value);
  inputs.values[2].size = sizeof(hone_value) + 8; // not that of the first
  expect("inputs[2]: size is 96");
  inputs.values[2].size = sizeof(hone_value);
  outputs[1] = {};
  expect("outputs[1]: size is 0");
  outputs[1] = hone_value_make();
  EXPECT_EQ(session.run(inputs.values, outputs), HONE_OK) << session.error.message;
}

TEST(Value, Kinds) {
  Session session;
  Inputs inputs(2, 3);
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  auto expect = [&](int32_t kind, const char *text) {
    inputs.values[1].kind = kind;
    EXPECT_EQ(session.run(inputs.values, outputs), HONE_INVALID_ARGUMENT);
    EXPECT_STREQ(session.error.message, text);
  };
  expect(0, "input 'mask': its kind is none, expected tensor");
  expect(HONE_STRINGS, "input 'mask': its kind is strings, expected tensor");
  expect(HONE_SEQUENCE, "input 'mask': its kind is sequence, expected tensor");
  expect(HONE_OPTIONAL, "input 'mask': its kind is optional, expected tensor");
  expect(HONE_MAP, "input 'mask': its kind is map, expected tensor");
  expect(77, "input 'mask': its kind is unknown, expected tensor");
  expect(-1, "input 'mask': its kind is unknown, expected tensor");
  inputs.values[1].kind = HONE_TENSOR;
  outputs[1].kind = HONE_MAP;
  EXPECT_EQ(session.run(inputs.values, outputs), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, "output 'total': its kind is map, expected tensor");
  outputs[1].kind = 0;
  EXPECT_EQ(session.run(inputs.values, outputs), HONE_OK) << session.error.message;
  EXPECT_EQ(outputs[1].kind, HONE_TENSOR);
}

// Described, but not run yet: an entry that takes a sequence of tensors and a map.
TEST(Value, OtherKinds) {
  static const int64_t rowDims[] = {-1}, keyDims[] = {-2};
  static const hone_value_info rows[] = {
      {sizeof(hone_value_info), HONE_TENSOR, "", 1, floatType(), rowDims, nullptr, 0, 0}};
  static const hone_value_info pairs[] = {
      {sizeof(hone_value_info), HONE_STRINGS, "", 1, hone_dtype_make(HONE_CODE_OPAQUE, 128), keyDims, nullptr, 0, 0},
      {sizeof(hone_value_info), HONE_TENSOR, "", 1, floatType(), keyDims, nullptr, 0, 0}};
  static const hone_program_value values[] = {{"rows", nullptr, 0, 0, rows, 1, HONE_SEQUENCE},
                                              {"scores", nullptr, 0, 0, pairs, 2, HONE_MAP}};
  hone_program_entry entry = makeEntry();
  entry.inputs = values;
  entry.input_count = 2;
  Program program(entry);
  hone_library of = makeLibrary(program);
  hone_value_info info;
  ASSERT_EQ(hone_library_input(&of, 0, 1, &info, nullptr), HONE_OK);
  EXPECT_EQ(info.kind, HONE_MAP);
  EXPECT_EQ(info.item_count, 2);
  EXPECT_EQ(hone_value_info_item(&info, 0)->kind, HONE_STRINGS);
  EXPECT_STREQ(hone_library_symbol(&of, hone_value_info_item(&info, 1)->dims[0]), "sequence");

  Session session(1, nullptr, of);
  std::vector<float> data(3);
  int64_t shape[] = {3};
  hone_value items[2] = {hone_value_tensor(data.data(), floatType(), 1, shape),
                         hone_value_tensor(data.data(), floatType(), 1, shape)};
  hone_value inputs[2] = {hone_value_make(), hone_value_tensor(data.data(), floatType(), 1, shape)};
  inputs[0].kind = HONE_SEQUENCE;
  inputs[0].items = items;
  inputs[0].item_count = 2;
  EXPECT_EQ(hone_value_item(&inputs[0], 1), &items[1]);
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  EXPECT_EQ(session.run({inputs[0], inputs[1]}, outputs), HONE_UNSUPPORTED);
  EXPECT_STREQ(session.error.message, "input 'rows': this library runs no values of kind sequence");
}

// The same array run after run: what the session owns stays the session's, a buffer stays a buffer.
TEST(Value, OutputsAgain) {
  Session session;
  std::vector<float> buffer(2 * 30);
  hone_value outputs[2] = {hone_value_buffer(buffer.data(), buffer.size() * sizeof(float)), hone_value_make()};
  for (int64_t length : {3, 15, 7}) {
    Inputs inputs(2, length);
    ASSERT_EQ(session.run(inputs.values, outputs), HONE_OK) << session.error.message;
    std::vector<float> expected = inputs.picked();
    EXPECT_EQ(outputs[0].tensor.data, buffer.data());
    EXPECT_EQ(std::vector<float>(buffer.begin(), buffer.begin() + int64_t(expected.size())), expected);
    EXPECT_EQ(outputs[0].capacity, buffer.size() * sizeof(float));
    EXPECT_EQ(outputs[0].session, nullptr);
    EXPECT_EQ(*static_cast<int64_t *>(outputs[1].tensor.data), inputs.total());
    EXPECT_EQ(outputs[1].session, session.handle);
    EXPECT_EQ(outputs[1].capacity, 0u);
  }
  // Data without a capacity is a buffer that somebody forgot to measure.
  Inputs inputs(2, 3);
  outputs[1] = hone_value_buffer(buffer.data(), 0);
  EXPECT_EQ(session.run(inputs.values, outputs), HONE_TOO_SMALL);
  EXPECT_STREQ(session.error.message, "output 'total': needs 8 bytes, but its buffer has 0");
}

namespace {

// Entry "twice": y = 2 x for float [n], of rank and count unlike those of "main".
int32_t planTwice(hone_frame *frame) {
  frame->output_dims[0][0] = frame->input_dims[0][0];
  return 0;
}
int32_t runTwice(hone_frame *frame) {
  for (int64_t i = 0; i < frame->input_dims[0][0]; ++i)
    static_cast<float *>(frame->outputs[0])[i] = 2 * static_cast<const float *>(frame->inputs[0])[i];
  return 0;
}
const int64_t twiceDims[] = {-2};
const hone_program_value twiceInput = tensorValue("x", twiceDims, HONE_FLOAT, 1);
const hone_program_value twiceOutput = tensorValue("y", twiceDims, HONE_FLOAT, 1);

} // namespace

TEST(Entries, Alternate) {
  const hone_program_entry entries[] = {makeEntry(),
                                        {"twice", &twiceInput, &twiceOutput, planTwice, runTwice, 1, 1, 0, 0}};
  Program program;
  program.entries = entries;
  program.entry_count = 2;
  hone_library of = makeLibrary(program);
  hone_entry_info info;
  ASSERT_EQ(hone_library_entry(&of, 1, &info, nullptr), HONE_OK);
  EXPECT_STREQ(info.name, "twice");
  EXPECT_EQ(info.input_count, 1);
  hone_value_info value;
  ASSERT_EQ(hone_library_output(&of, 1, 0, &value, nullptr), HONE_OK);
  EXPECT_STREQ(value.name, "y");

  Session session(2, nullptr, of);
  for (int64_t length : {4, 40, 9}) {
    EXPECT_EQ(session.check(Inputs(2, length)), "");
    std::vector<float> x(size_t(length), 1.5f);
    int64_t shape[] = {length};
    hone_value input = hone_value_tensor(x.data(), floatType(), 1, shape), output = hone_value_make();
    hone_plan plan;
    ASSERT_EQ(hone_session_plan(session.handle, 1, &input, 1, &plan, &session.error), HONE_OK);
    EXPECT_EQ(plan.output_count, 1);
    EXPECT_EQ(hone_plan_output(&plan, 0)->tensor.shape[0], length);
    ASSERT_EQ(hone_session_reserve(session.handle, 1, &input, 1, &session.error), HONE_OK);
    ASSERT_EQ(hone_run(session.handle, 1, &input, 1, &output, 1, &session.error), HONE_OK) << session.error.message;
    EXPECT_EQ(static_cast<float *>(output.tensor.data)[length - 1], 3);
  }

  hone_value none = hone_value_make();
  hone_plan plan;
  const char *text = "there is no entry 2: the library has 2, counted from 0";
  EXPECT_EQ(hone_run(session.handle, 2, &none, 1, &none, 1, &session.error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, text);
  session.error.message[0] = 0;
  EXPECT_EQ(hone_session_plan(session.handle, 2, &none, 1, &plan, &session.error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, text);
  session.error.message[0] = 0;
  EXPECT_EQ(hone_session_reserve(session.handle, 2, &none, 1, &session.error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, text);
  EXPECT_EQ(hone_run(session.handle, -1, &none, 1, &none, 1, &session.error), HONE_INVALID_ARGUMENT);
  EXPECT_EQ(session.check(Inputs(2, 2)), "");
}
