// A hand-written model for the runtime's tests.
//
// What the compiler would write for an embedding lookup, by hand: three launches, two symbols, an intermediate in the
// arena, scratch, weights, a data-dependent failure and a shape check.
//
//   inputs   ids    int64 [batch, sequence]     rows of the table
//            mask   int64 [batch, sequence]     factors
//            table  float [8, 2]
//   outputs  picked float [batch, sequence, 2]  table[ids] * mask * weight
//            total  int64 []                    sum of mask
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_TEST_UNIT_RUNTIME_TESTMODEL_H
#define HONE_TEST_UNIT_RUNTIME_TESTMODEL_H

#include "hone/hone.h"
extern "C" {
#include "hone/abi.h"
extern const hone_functions hone_rt_functions;
extern const struct hone_rt_state_calls hone_rt_states;
}
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

namespace test {

constexpr int64_t maxSequence = 4096;
inline float weights[1] = {2};

inline void narrow(const hone_kernel_context *context, int64_t begin, int64_t end) {
  auto *ids = static_cast<const int64_t *>(context->buffers[0]);
  auto *rows = static_cast<int32_t *>(context->buffers[1]);
  for (int64_t i = begin; i < end; ++i) {
    if (ids[i] < 0 || ids[i] > 7)
      __atomic_store_n(context->failure, 1, __ATOMIC_RELAXED);
    rows[i] = int32_t(ids[i] & 7);
  }
}

inline void pick(const hone_kernel_context *context, int64_t begin, int64_t end) {
  auto *rows = static_cast<const int32_t *>(context->buffers[0]);
  auto *mask = static_cast<const int64_t *>(context->buffers[1]);
  auto *table = static_cast<const float *>(context->buffers[2]);
  auto *weight = static_cast<const float *>(context->buffers[3]);
  auto *picked = static_cast<float *>(context->buffers[4]);
  auto *scratch = static_cast<float *>(context->scratch);
  for (int64_t i = begin; i < end; ++i) {
    for (int j = 0; j < 2; ++j)
      scratch[j] = table[2 * rows[i] + j] * weight[0]; // another thread's scratch would show in the result
    for (int j = 0; j < 2; ++j)
      picked[2 * i + j] = scratch[j] * float(mask[i]);
  }
}

inline void sum(const hone_kernel_context *context, int64_t, int64_t) {
  auto *mask = static_cast<const int64_t *>(context->buffers[0]);
  int64_t total = 0;
  for (int64_t i = 0; i < context->sizes[0]; ++i)
    total += mask[i];
  *static_cast<int64_t *>(context->buffers[1]) = total;
}

/// What each kernel would take: as many operations as it has sizes, and the first size's bytes.
inline void work(const int64_t *sizes, int64_t *work) {
  work[0] = sizes ? sizes[0] : 0;
  work[1] = 8 * work[0];
}

inline const hone_kernel_record kernelRecords[] = {{narrow, work, "lookup.narrow", "generic", 10},
                                                   {pick, work, "lookup.pick", "generic", 20},
                                                   {sum, work, "lookup.sum", "rows", 30}};
inline const hone_launch_record launchRecords[] = {
    {&kernelRecords[0], "node 'Cast_0' (Cast)", "Cast_0 (Cast)"},
    {&kernelRecords[1], "node 'Gather_1' (Gather)", "Gather_1 (Gather), Add_3 (Add)"},
    {&kernelRecords[2], "node 'ReduceSum_2' (ReduceSum)", "ReduceSum_2 (ReduceSum)"}};

inline int32_t plan(hone_frame *frame) {
  int64_t batch = frame->input_dims[0][0], sequence = frame->input_dims[0][1];
  if (sequence > maxSequence)
    return hone_rt_fail(frame, "sequence is {0}, the model takes at most {1}", sequence, maxSequence);
  frame->output_dims[0][0] = batch;
  frame->output_dims[0][1] = sequence;
  frame->output_dims[0][2] = 2;
  frame->arena_bytes = batch * sequence * int64_t(sizeof(int32_t));
  frame->scratch_bytes = 2 * sizeof(float);
  return 0;
}

inline int32_t run(hone_frame *frame) {
  int64_t count = frame->input_dims[0][0] * frame->input_dims[0][1];
  void *narrowed[] = {frame->inputs[0], frame->arena};
  hone_launch first = {&launchRecords[0], narrowed, nullptr, count, 16, 0};
  if (int32_t status = hone_rt_launch(frame, &first))
    return status;
  void *picking[] = {frame->arena, frame->inputs[1], frame->inputs[2], const_cast<char *>(frame->weights),
                     frame->outputs[0]};
  hone_launch second = {&launchRecords[1], picking, nullptr, count, 16, 2 * sizeof(float)};
  if (int32_t status = hone_rt_launch(frame, &second))
    return status;
  void *summing[] = {frame->inputs[1], frame->outputs[1]};
  hone_launch third = {&launchRecords[2], summing, &count, 1, 1, 0};
  return hone_rt_launch(frame, &third);
}

inline const int64_t idDims[] = {-1, -2}, tableDims[] = {8, 2}, pickedDims[] = {-1, -2, 2};

constexpr hone_program_value tensorValue(const char *name, const int64_t *dims, int32_t dtype, int32_t rank) {
  return {name, dims, dtype, rank, nullptr, 0, HONE_TENSOR};
}

inline const hone_program_value inputValues[] = {tensorValue("ids", idDims, HONE_INT64, 2),
                                                 tensorValue("mask", idDims, HONE_INT64, 2),
                                                 tensorValue("table", tableDims, HONE_FLOAT, 2)};
inline const hone_program_value outputValues[] = {tensorValue("picked", pickedDims, HONE_FLOAT, 3),
                                                  tensorValue("total", nullptr, HONE_INT64, 0)};
inline const char *const symbolNames[] = {"batch", "sequence"};
inline const char manifest[] = "{\"model\": \"lookup\"}";

inline hone_program_entry makeEntry() {
  hone_program_entry entry = {};
  entry.name = "main";
  entry.inputs = inputValues;
  entry.outputs = outputValues;
  entry.plan = plan;
  entry.run = run;
  entry.input_count = 3;
  entry.output_count = 2;
  return entry;
}

/// A program of one entry.
struct Program : hone_program {
  hone_program_entry main;

  explicit Program(const hone_program_entry &entry = makeEntry()) : hone_program(), main(entry) {
    name = "lookup";
    entries = &main;
    entry_count = 1;
    symbols = symbolNames;
    symbol_count = 2;
    manifest = test::manifest;
    manifest_bytes = sizeof(test::manifest) - 1;
    weights = reinterpret_cast<const char *>(test::weights);
    weight_bytes = sizeof(test::weights);
    launches = launchRecords;
    launch_count = 3;
  }
  Program(const Program &other) : hone_program(other), main(other.main) {
    if (other.entries == &other.main)
      entries = &main;
  }
};

inline hone_library makeLibrary(const hone_program &program) {
  return {sizeof(hone_library), HONE_ABI_VERSION, &hone_rt_functions, &program};
}

inline const Program program;
inline const hone_library library = makeLibrary(program);

inline hone_dtype int64Type() { return hone_dtype_make(HONE_CODE_INT, 64); }
inline hone_dtype floatType() { return hone_dtype_make(HONE_CODE_FLOAT, 32); }

/// Inputs of the model with their data, and what the outputs must be.
struct Inputs {
  int64_t batch, sequence;
  std::vector<int64_t> ids, mask;
  std::vector<float> table;
  int64_t idShape[2], maskShape[2], tableShape[2] = {8, 2};
  std::vector<hone_value> values;

  Inputs(int64_t batch, int64_t sequence) : batch(batch), sequence(sequence) {
    for (int64_t i = 0; i < batch * sequence; ++i) {
      ids.push_back(i * 5 % 8);
      mask.push_back(i % 3);
    }
    for (int i = 0; i < 16; ++i)
      table.push_back(float(i) + 0.5f);
    idShape[0] = maskShape[0] = batch;
    idShape[1] = maskShape[1] = sequence;
    values = {hone_value_tensor(ids.data(), int64Type(), 2, idShape),
              hone_value_tensor(mask.data(), int64Type(), 2, maskShape),
              hone_value_tensor(table.data(), floatType(), 2, tableShape)};
  }
  Inputs(const Inputs &) = delete;

  std::vector<float> picked() const {
    std::vector<float> result;
    for (size_t i = 0; i < ids.size(); ++i)
      for (int j = 0; j < 2; ++j)
        result.push_back(table[size_t(2 * ids[i] + j)] * 2 * float(mask[i]));
    return result;
  }
  int64_t total() const {
    int64_t result = 0;
    for (int64_t value : mask)
      result += value;
    return result;
  }
};

/// Counts what is taken and given back, and refuses beyond `limit` calls or `most` bytes at once.
struct CountingAllocator {
  int taken = 0, returned = 0, limit = 1000;
  int64_t bytes = 0, most = INT64_MAX;
  hone_allocator allocator = {sizeof(hone_allocator), 0, allocate, release, this};

  CountingAllocator() = default;
  CountingAllocator(const CountingAllocator &) = delete;

  hone_options options() {
    hone_options result = hone_options_default();
    result.threads = 1;
    result.allocator = &allocator;
    return result;
  }
  static void *allocate(void *context, size_t bytes, size_t alignment) {
    auto *self = static_cast<CountingAllocator *>(context);
    if (self->taken == self->limit || int64_t(bytes) > self->most)
      return nullptr;
    ++self->taken;
    self->bytes += int64_t(bytes);
    return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  }
  static void release(void *context, void *memory, size_t bytes) {
    auto *self = static_cast<CountingAllocator *>(context);
    ++self->returned;
    self->bytes -= int64_t(bytes);
    std::free(memory);
  }
};

/// A session with an error beside it.
struct Session {
  hone_session *handle = nullptr;
  hone_error error = {HONE_OK, ""};

  explicit Session(int32_t threads = 1, hone_pool *pool = nullptr, const hone_library &of = library) {
    hone_options options = hone_options_default();
    options.threads = threads;
    options.pool = pool;
    create(options, of);
  }
  explicit Session(const hone_options &options, const hone_library &of = library) { create(options, of); }
  Session(const Session &) = delete;
  ~Session() { hone_session_destroy(handle); }

  void create(const hone_options &options, const hone_library &of) {
    hone_session_create(&of, &options, &handle, &error);
  }

  hone_status run(const std::vector<hone_value> &inputs, hone_value *outputs, int32_t outputCount = 2) {
    return hone_run(handle, 0, inputs.data(), int32_t(inputs.size()), outputs, outputCount, &error);
  }
  hone_status plan(const std::vector<hone_value> &inputs, hone_plan *plan) {
    return hone_session_plan(handle, 0, inputs.data(), int32_t(inputs.size()), plan, &error);
  }
  hone_status reserve(const std::vector<hone_value> &inputs) {
    return hone_session_reserve(handle, 0, inputs.data(), int32_t(inputs.size()), &error);
  }
  /// Runs with outputs that the session owns and compares; the text of the difference, or of the error.
  std::string check(const Inputs &inputs) {
    hone_value outputs[2] = {hone_value_make(), hone_value_make()};
    if (run(inputs.values, outputs))
      return error.message;
    const hone_tensor &picked = outputs[0].tensor, &total = outputs[1].tensor;
    if (picked.ndim != 3 || picked.shape[0] != inputs.batch || picked.shape[1] != inputs.sequence ||
        picked.shape[2] != 2 || total.ndim != 0)
      return "wrong shape";
    std::vector<float> expected = inputs.picked();
    if (expected.size() && std::memcmp(picked.data, expected.data(), expected.size() * sizeof(float)))
      return "wrong 'picked'";
    if (*static_cast<int64_t *>(total.data) != inputs.total())
      return "wrong 'total'";
    return "";
  }
};

} // namespace test

#endif
