// Wrong inputs and outputs, and what is said.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestModel.h"
#include <functional>
#include <gtest/gtest.h>
#include <utility>

using namespace test;

namespace {

/// Breaks correct inputs with `spoil`, expects the text, and expects that the session still works.
void expectError(const char *text, const std::function<void(Inputs &)> &spoil) {
  Session session;
  Inputs inputs(2, 9);
  spoil(inputs);
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  EXPECT_EQ(session.run(inputs.values, outputs), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, text);
  EXPECT_EQ(session.error.code, HONE_INVALID_ARGUMENT);
  EXPECT_EQ(outputs[0].tensor.data, nullptr);
  Inputs right(2, 3);
  EXPECT_EQ(session.check(right), "");
}

} // namespace

TEST(Validate, InputCount) {
  expectError("2 inputs given, expected 3; the first that is missing is 'table'",
              [](Inputs &i) { i.values.pop_back(); });
  expectError("4 inputs given, expected 3", [](Inputs &i) { i.values.push_back(i.values[0]); });
  Session session;
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  EXPECT_EQ(hone_run(session.handle, 0, nullptr, 3, outputs, 2, &session.error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, "inputs is NULL, expected 3 values");
  EXPECT_EQ(hone_run(session.handle, 0, nullptr, -1, outputs, 2, &session.error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, "-1 inputs given, expected 3");
}

TEST(Validate, OutputCount) {
  Session session;
  Inputs inputs(1, 1);
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  EXPECT_EQ(hone_run(session.handle, 0, inputs.values.data(), 3, outputs, 1, &session.error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, "1 outputs given, expected 2");
  EXPECT_EQ(hone_run(session.handle, 0, inputs.values.data(), 3, nullptr, 2, &session.error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, "0 outputs given, expected 2");
}

TEST(Validate, Rank) {
  expectError("input 'mask': rank is 1, expected 2", [](Inputs &i) { i.values[1].tensor.ndim = 1; });
  expectError("input 'mask': shape is NULL, expected 2 dims", [](Inputs &i) { i.values[1].tensor.shape = nullptr; });
}

TEST(Validate, Type) {
  expectError("input 'table': type is float64, expected float32; convert it before the run",
              [](Inputs &i) { i.values[2].tensor.dtype.bits = 64; });
  expectError("input 'ids': type is bool, expected int64; convert it before the run",
              [](Inputs &i) { i.values[0].tensor.dtype = hone_dtype_make(HONE_CODE_BOOL, 8); });
  expectError("input 'ids': type is bfloat16, expected int64; convert it before the run",
              [](Inputs &i) { i.values[0].tensor.dtype = hone_dtype_make(HONE_CODE_BFLOAT, 16); });
  expectError("input 'ids': type is type128, expected int64; convert it before the run",
              [](Inputs &i) { i.values[0].tensor.dtype = hone_dtype_make(99, 128); });
  expectError("input 'ids': type has 4 lanes, expected 1", [](Inputs &i) { i.values[0].tensor.dtype.lanes = 4; });
}

TEST(Validate, Device) {
  expectError("input 'ids': is on device type 2, expected 1 (CPU); copy it to host memory first",
              [](Inputs &i) { i.values[0].tensor.device.type = 2; });
}

TEST(Validate, Dims) {
  expectError("input 'table': dim 0 is 7, expected 8", [](Inputs &i) { i.tableShape[0] = 7; });
  expectError("input 'ids': dim 1 is -3, expected 0 or more", [](Inputs &i) { i.idShape[1] = -3; });
  expectError("input 'ids': dim 1 is -1, expected 0 or more", [](Inputs &i) { i.idShape[1] = -1; });
  expectError("input 'mask': dim 1 is 7, but symbol 'sequence' is 9 from input 'ids'; give both the same size",
              [](Inputs &i) { i.maskShape[1] = 7; });
}

// Dims that no memory could have together: products of some of them would wrap.
TEST(Validate, SizeOverflow) {
  auto enormous = [](Inputs &i) {
    i.idShape[0] = i.maskShape[0] = int64_t(1) << 40;
    i.idShape[1] = i.maskShape[1] = int64_t(1) << 40;
  };
  expectError("input 'ids': the product of its dims is more than 140737488355328, zeros counted as one", enormous);
}

// Empty tensors have no bytes, but their dims are bounded as well.
TEST(Validate, LargestDim) {
  auto empty = [](Inputs &i, int64_t batch) {
    i.idShape[0] = i.maskShape[0] = batch;
    i.idShape[1] = i.maskShape[1] = 0;
    i.values[0].tensor.data = i.values[1].tensor.data = nullptr;
  };
  expectError("input 'ids': dim 0 is 140737488355329, expected at most 140737488355328",
              [&](Inputs &i) { empty(i, HONE_MAX_DIM + 1); });
  expectError("input 'ids': dim 0 is 9223372036854775807, expected at most 140737488355328",
              [&](Inputs &i) { empty(i, INT64_MAX); });
  Session session;
  for (int64_t batch : {(int64_t(1) << 32) + 1, HONE_MAX_DIM}) {
    Inputs inputs(0, 0);
    empty(inputs, inputs.batch = batch);
    EXPECT_EQ(session.check(inputs), "");
  }
}

TEST(Validate, Data) {
  expectError("input 'mask': data is NULL, expected 144 bytes", [](Inputs &i) { i.values[1].tensor.data = nullptr; });
}

TEST(Validate, Strides) {
  const char *text = "input 'ids': its elements would lie outside the address space; check strides and byte_offset";
  static int64_t strides[2];
  for (auto [first, second] :
       std::initializer_list<std::pair<int64_t, int64_t>>{{INT64_MAX / 2, 1},
                                                          {int64_t(1) << 59, 1},
                                                          {int64_t(1) << 59, -(int64_t(1) << 56)},
                                                          {-(int64_t(1) << 59), int64_t(1) << 56},
                                                          {-(int64_t(1) << 45), 1}}) {
    strides[0] = first;
    strides[1] = second;
    expectError(text, [](Inputs &i) { i.values[0].tensor.strides = strides; });
  }
  expectError(text, [](Inputs &i) { i.values[0].tensor.byte_offset = UINT64_MAX - uintptr_t(i.ids.data()) - 8; });
}

TEST(Validate, OwnedOutputAsInput) {
  Session session;
  Inputs inputs(1, 8);
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  ASSERT_EQ(session.run(inputs.values, outputs), HONE_OK);
  inputs.values[2].tensor.data = outputs[0].tensor.data;
  EXPECT_EQ(session.run(inputs.values, outputs), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, "input 'table': is an output that this session owns and will overwrite; copy it, "
                                      "or bind the output to a buffer");
}

TEST(Validate, OutputBuffers) {
  Session session;
  Inputs inputs(2, 3);
  std::vector<float> buffer(13);
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  outputs[0].tensor.data = buffer.data();
  outputs[0].capacity = 47;
  EXPECT_EQ(session.run(inputs.values, outputs), HONE_TOO_SMALL);
  EXPECT_STREQ(session.error.message, "output 'picked': needs 48 bytes, but its buffer has 47");
  EXPECT_EQ(buffer, std::vector<float>(13));

  outputs[0].capacity = 48;
  outputs[0].tensor.data = reinterpret_cast<char *>(buffer.data()) + 1;
  EXPECT_EQ(session.run(inputs.values, outputs), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, "output 'picked': its buffer is not aligned to elements of 4 bytes");

  outputs[0].tensor.data = inputs.mask.data();
  EXPECT_EQ(session.run(inputs.values, outputs), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, "output 'picked': its buffer overlaps input 'mask'; give each memory of its own");

  alignas(8) char shared[56];
  outputs[0].tensor.data = shared;
  outputs[1].tensor.data = shared + 40;
  outputs[1].capacity = 8;
  EXPECT_EQ(session.run(inputs.values, outputs), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message,
               "output 'total': its buffer overlaps output 'picked'; give each memory of its own");
  outputs[1].tensor.data = shared + 48;
  EXPECT_EQ(session.run(inputs.values, outputs), HONE_OK);
}

TEST(Validate, OwnedOutputAsBuffer) {
  Session session;
  Inputs inputs(2, 3);
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  ASSERT_EQ(session.run(inputs.values, outputs), HONE_OK);
  outputs[0].tensor.data = outputs[0].tensor.data;
  outputs[0].capacity = 48;
  EXPECT_EQ(session.run(inputs.values, outputs), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message,
               "output 'picked': its buffer is memory that this session owns; give it memory of its own");
}

TEST(Validate, PlanFails) {
  expectError("sequence is 5000, the model takes at most 4096", [](Inputs &i) {
    static std::vector<int64_t> large(2 * 5000);
    i.idShape[1] = i.maskShape[1] = 5000;
    i.values[0].tensor.data = i.values[1].tensor.data = large.data();
  });
}

namespace {

// int4 [n] in and out: a copy of the bytes.
int32_t planNibbles(hone_frame *frame) {
  frame->output_dims[0][0] = frame->input_dims[0][0];
  return 0;
}
int32_t copyNibbles(hone_frame *frame) {
  std::memcpy(frame->outputs[0], frame->inputs[0], size_t(frame->input_dims[0][0] + 1) / 2);
  return 0;
}
const int64_t nibbleDims[] = {-1};
const hone_program_value nibbleInputs[] = {tensorValue("x", nibbleDims, HONE_INT4, 1)};
const hone_program_value nibbleOutputs[] = {tensorValue("y", nibbleDims, HONE_INT4, 1)};

Program makeNibbleProgram() {
  hone_program_entry entry = makeEntry();
  entry.inputs = nibbleInputs;
  entry.outputs = nibbleOutputs;
  entry.input_count = entry.output_count = 1;
  entry.plan = planNibbles;
  entry.run = copyNibbles;
  return Program(entry);
}

} // namespace

// Two elements a byte: sizes are rounded up, and strides have no meaning.
TEST(Validate, FourBits) {
  const Program nibbles = makeNibbleProgram();
  const hone_library library = makeLibrary(nibbles);
  Session session(1, nullptr, library);
  ASSERT_NE(session.handle, nullptr) << session.error.message;
  alignas(8) unsigned char memory[8] = {0x21, 0x43, 0x05}, result[8] = {};
  int64_t shape[] = {5};
  hone_value input = hone_value_tensor(memory, hone_dtype_make(HONE_CODE_INT, 4), 1, shape);
  hone_value output = hone_value_make();
  auto run = [&] { return hone_run(session.handle, 0, &input, 1, &output, 1, &session.error); };
  output.tensor.data = result;
  output.capacity = 2;
  EXPECT_EQ(run(), HONE_TOO_SMALL);
  EXPECT_STREQ(session.error.message, "output 'y': needs 3 bytes, but its buffer has 2");
  output.capacity = 3;
  ASSERT_EQ(run(), HONE_OK) << session.error.message;
  EXPECT_EQ(std::memcmp(result, memory, 4), 0);
  EXPECT_EQ(output.tensor.dtype.bits, 4);
  EXPECT_EQ(output.tensor.shape[0], 5);

  // Five elements reach into the third byte, and no further.
  output.tensor.data = memory + 2;
  EXPECT_EQ(run(), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, "output 'y': its buffer overlaps input 'x'; give each memory of its own");
  output.tensor.data = memory + 3;
  EXPECT_EQ(run(), HONE_OK) << session.error.message;

  int64_t strides[] = {1};
  input.tensor.strides = strides;
  EXPECT_EQ(run(), HONE_OK) << session.error.message;
  strides[0] = 2;
  EXPECT_EQ(run(), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message,
               "input 'x': has strides, but elements of 4 bits lie one behind the other; copy it");
  shape[0] = 1; // one element has no neighbour that a stride could put elsewhere
  EXPECT_EQ(run(), HONE_OK) << session.error.message;
  input.tensor.strides = nullptr;
  input.tensor.dtype.bits = 8;
  EXPECT_EQ(run(), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, "input 'x': type is int8, expected int4; convert it before the run");
  input.tensor.dtype.bits = 4;
  shape[0] = 0;
  input.tensor.data = nullptr;
  EXPECT_EQ(run(), HONE_OK) << session.error.message;
}

TEST(Validate, WithoutErrorText) {
  Session session;
  Inputs inputs(2, 9);
  inputs.maskShape[1] = 7;
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  EXPECT_EQ(hone_run(session.handle, 0, inputs.values.data(), 3, outputs, 2, nullptr), HONE_INVALID_ARGUMENT);
}

TEST(Validate, WrongInputsLeaveOwnedOutputsAlone) {
  Session session;
  Inputs inputs(2, 4), wrong(3, 5);
  hone_value outputs[2] = {hone_value_make(), hone_value_make()}, others[2] = {hone_value_make(), hone_value_make()};
  ASSERT_EQ(session.run(inputs.values, outputs), HONE_OK);
  wrong.maskShape[0] = 4;
  EXPECT_EQ(session.run(wrong.values, others), HONE_INVALID_ARGUMENT);
  std::vector<float> expected = inputs.picked();
  EXPECT_EQ(outputs[0].tensor.shape[0], 2);
  EXPECT_EQ(outputs[0].tensor.shape[1], 4);
  EXPECT_EQ(std::memcmp(outputs[0].tensor.data, expected.data(), expected.size() * sizeof(float)), 0);
}
