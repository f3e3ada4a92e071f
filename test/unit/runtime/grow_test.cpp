// What only a run knows the size of: outputs, intermediate values, and the limit of a session's memory.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestModel.h"
#include <gtest/gtest.h>
#include <numeric>

using namespace test;

namespace {

// Keeps the rows of x, int64 [n, 2], whose first element is not 0: rows int64 [?, 2]; count int64 [].
// The places of these rows, in a slot, are the intermediate value.
void keep(const hone_kernel_context *context, int64_t begin, int64_t end) {
  auto *x = static_cast<const int64_t *>(context->buffers[0]);
  auto *places = static_cast<const int64_t *>(context->buffers[1]);
  auto *rows = static_cast<int64_t *>(context->buffers[2]);
  for (int64_t i = begin; i < end; ++i)
    std::memcpy(rows + 2 * i, x + 2 * places[i], 2 * sizeof(int64_t));
}

bool forgets; // to tell the size of `rows`

int32_t planKeep(hone_frame *frame) {
  frame->output_dims[0][0] = 12345; // nobody reads it
  frame->output_dims[0][1] = 2;
  return 0;
}

int32_t runKeep(hone_frame *frame) {
  auto *x = static_cast<const int64_t *>(frame->inputs[0]);
  int64_t count = 0, at = 0;
  for (int64_t i = 0; i < frame->input_dims[0][0]; ++i)
    count += x[2 * i] != 0;
  if (int32_t status = hone_rt_grow(frame, 1, count * int64_t(sizeof(int64_t)), "node 'nonzero' (NonZero)"))
    return status;
  auto *places = static_cast<int64_t *>(frame->slots[1]);
  for (int64_t i = 0; i < frame->input_dims[0][0]; ++i)
    if (x[2 * i])
      places[at++] = i;
  *static_cast<int64_t *>(frame->outputs[1]) = count;
  if (forgets)
    return 0;
  const int64_t dims[] = {count, 2};
  if (int32_t status = hone_rt_output(frame, 0, dims))
    return status;
  void *buffers[] = {frame->inputs[0], places, frame->outputs[0]};
  static const hone_kernel_record kernel = {keep, work, "keep", "generic", 0};
  static const hone_launch_record record = {&kernel, "node 'gather' (Gather)", "gather (Gather)"};
  hone_launch launch = {&record, buffers, nullptr, frame->output_dims[0][0], 1, 0};
  return hone_rt_launch(frame, &launch);
}

const int64_t xDims[] = {-1, 2}, rowsDims[] = {HONE_DIM_RUN, 2};
const hone_program_value keepInput = tensorValue("x", xDims, HONE_INT64, 2);
const hone_program_value keepOutputs[] = {tensorValue("rows", rowsDims, HONE_INT64, 2),
                                          tensorValue("count", nullptr, HONE_INT64, 0)};
const hone_program_entry keepEntry = {"main", &keepInput, keepOutputs, planKeep, runKeep, 1, 2, 2, 0};
const Program keepProgram(keepEntry);
const hone_library keepLibrary = makeLibrary(keepProgram);

/// `n` rows, of which `kept` are kept: the last ones.
struct Rows {
  std::vector<int64_t> x;
  int64_t shape[2], kept;
  hone_value value;

  Rows(int64_t n, int64_t kept) : x(size_t(2 * n)), shape{n, 2}, kept(kept) {
    for (int64_t i = n - kept; i < n; ++i)
      x[size_t(2 * i)] = x[size_t(2 * i + 1)] = i + 1;
    value = hone_value_tensor(x.data(), int64Type(), 2, shape);
  }
  Rows(const Rows &) = delete;
  const int64_t *expected() const { return x.data() + x.size() - 2 * kept; }
};

struct KeepSession : Session {
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};

  explicit KeepSession(const hone_options &options) : Session(options, keepLibrary) {}
  KeepSession() : Session(2, nullptr, keepLibrary) {}

  /// Runs; the text of the error, or of what is wrong.
  std::string keep(const Rows &rows) {
    if (run({rows.value}, outputs))
      return error.message;
    const hone_tensor &got = outputs[0].tensor;
    if (got.ndim != 2 || got.shape[0] != rows.kept || got.shape[1] != 2)
      return "wrong shape";
    if (*static_cast<int64_t *>(outputs[1].tensor.data) != rows.kept)
      return "wrong 'count'";
    return rows.kept && std::memcmp(got.data, rows.expected(), size_t(rows.kept) * 16) ? "wrong 'rows'" : "";
  }
};

} // namespace

TEST(Grow, OutputOfTheSession) {
  KeepSession session;
  for (int64_t kept : {3, 100, 0, 50, 1000, 999})
    EXPECT_EQ(session.keep(Rows(1000, kept)), "") << kept;
  EXPECT_EQ(session.outputs[0].session, session.handle);
  EXPECT_EQ(session.keep(Rows(0, 0)), "");
}

TEST(Grow, Plan) {
  KeepSession session;
  Rows rows(1000, 700);
  hone_plan before, after;
  ASSERT_EQ(session.plan({rows.value}, &before), HONE_OK);
  EXPECT_EQ(hone_plan_output(&before, 0)->tensor.shape[0], -1);
  EXPECT_EQ(hone_plan_output(&before, 0)->tensor.shape[1], 2);
  EXPECT_EQ(hone_plan_output(&before, 1)->tensor.ndim, 0);
  EXPECT_EQ(session.keep(rows), "");
  ASSERT_EQ(session.plan({rows.value}, &after), HONE_OK);
  EXPECT_EQ(session.outputs[0].tensor.shape[0], 700) << "a plan must leave the last outputs alone";
  EXPECT_GE(after.memory_bytes - before.memory_bytes, 700 * 16 + 700 * 8) << "the output and the slot";
}

TEST(Grow, BufferOfTheCaller) {
  KeepSession session;
  std::vector<int64_t> buffer(2 * 10, -1);
  session.outputs[0] = hone_value_buffer(buffer.data(), buffer.size() * sizeof(int64_t));
  EXPECT_EQ(session.keep(Rows(30, 7)), "");
  EXPECT_EQ(session.outputs[0].tensor.data, buffer.data());
  EXPECT_EQ(session.outputs[0].session, nullptr);
  EXPECT_EQ(buffer[14], -1);
  EXPECT_EQ(session.keep(Rows(30, 10)), "");
  EXPECT_EQ(session.keep(Rows(30, 11)), "output 'rows': needs 176 bytes, but its buffer has 160");
  EXPECT_EQ(session.error.code, HONE_TOO_SMALL);
  EXPECT_EQ(session.keep(Rows(30, 9)), "") << "the session is usable";
  session.outputs[0] = hone_value_make();
  EXPECT_EQ(session.keep(Rows(30, 11)), "");
}

// Whatever the run makes of it, all that was lent may be written.
TEST(Grow, BuffersOverlap) {
  KeepSession session;
  Rows rows(30, 7);
  session.outputs[0] = hone_value_buffer(rows.x.data(), 16);
  EXPECT_EQ(session.keep(rows), "output 'rows': its buffer overlaps input 'x'; give each memory of its own");
  std::vector<int64_t> buffer(40);
  session.outputs[0] = hone_value_buffer(buffer.data(), 40 * sizeof(int64_t));
  session.outputs[1] = hone_value_buffer(buffer.data() + 39, sizeof(int64_t));
  EXPECT_EQ(session.keep(rows), "output 'count': its buffer overlaps output 'rows'; give each memory of its own");
  session.outputs[0].capacity = 39 * sizeof(int64_t);
  EXPECT_EQ(session.keep(rows), "");
  session.outputs[0] = hone_value_buffer(reinterpret_cast<char *>(buffer.data()) + 1, 100);
  EXPECT_EQ(session.keep(rows), "output 'rows': its buffer is not aligned to elements of 8 bytes");
  session.outputs[0] = hone_value_buffer(buffer.data(), UINT64_MAX); // beyond the end of memory, and of int64_t
  session.outputs[1] = hone_value_make();
  EXPECT_EQ(session.keep(Rows(30, 7)).find("output 'rows': its buffer "), 0u);
}

TEST(Grow, OwnedOutputAsInputAndBuffer) {
  KeepSession session;
  Rows rows(30, 7), other(30, 7);
  ASSERT_EQ(session.keep(rows), "");
  void *owned = session.outputs[0].tensor.data;
  other.value.tensor.data = owned;
  other.shape[0] = 7;
  EXPECT_EQ(session.keep(other), "input 'x': is an output that this session owns and will overwrite; copy it, or bind "
                                 "the output to a buffer");
  session.outputs[0] = hone_value_buffer(owned, 7 * 16);
  EXPECT_EQ(session.keep(rows),
            "output 'rows': its buffer is memory that this session owns; give it memory of its own");
}

TEST(Grow, MemoryIsKeptAndGrowsByHalf) {
  CountingAllocator allocator;
  {
    KeepSession session(allocator.options());
    EXPECT_EQ(session.keep(Rows(1000, 100)), "");
    EXPECT_EQ(allocator.taken, 4); // session, arena, slot, output
    EXPECT_EQ(session.keep(Rows(1000, 20)), "");
    EXPECT_EQ(allocator.taken, 4);
    EXPECT_EQ(session.keep(Rows(1000, 101)), "");
    EXPECT_EQ(allocator.taken, 6);
    EXPECT_EQ(session.keep(Rows(1000, 150)), "");
    EXPECT_EQ(allocator.taken, 6);
  }
  EXPECT_EQ(allocator.taken, allocator.returned);
  EXPECT_EQ(allocator.bytes, 0);
}

TEST(Grow, EveryAllocationMayFail) {
  for (int refused = 1; refused < 5; ++refused) {
    CountingAllocator allocator;
    allocator.limit = refused;
    {
      KeepSession session(allocator.options());
      std::string message = session.keep(Rows(1000, 100));
      const char *texts[] = {"no memory for the arena (64 bytes)", "no memory for node 'nonzero' (NonZero) (800 bytes)",
                             "no memory for output 'rows' (1600 bytes)", ""};
      EXPECT_EQ(message, texts[refused - 1]);
      allocator.limit = 1000;
      EXPECT_EQ(session.keep(Rows(1000, 100)), "");
    }
    EXPECT_EQ(allocator.taken, allocator.returned);
  }
}

TEST(Grow, RunThatDoesNotTellTheSize) {
  KeepSession session;
  Rows rows(30, 7);
  forgets = true;
  EXPECT_EQ(session.keep(rows), "output 'rows': the run has not told its size");
  EXPECT_EQ(session.error.code, HONE_INTERNAL);
  forgets = false;
  EXPECT_EQ(session.keep(rows), "");
}

TEST(Grow, SizeThatDataDriveBeyondMemory) {
  static int64_t told[2];
  hone_program_entry entry = keepEntry;
  entry.run = [](hone_frame *frame) -> int32_t { return hone_rt_output(frame, 0, told); };
  Program wild(entry);
  hone_library of = makeLibrary(wild);
  Session session(1, nullptr, of);
  Rows rows(3, 1);
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  for (int64_t dim : {int64_t(-1), INT64_MAX, INT64_MIN}) {
    told[0] = dim, told[1] = 2;
    EXPECT_EQ(session.run({rows.value}, outputs), HONE_INVALID_ARGUMENT);
    EXPECT_STREQ(session.error.message, "output 'rows': its size in bytes overflows; give smaller inputs");
  }
  wild.main.run = [](hone_frame *frame) -> int32_t { return hone_rt_grow(frame, 0, told[0], "node 'n' (N)"); };
  told[0] = INT64_MIN;
  EXPECT_EQ(session.run({rows.value}, outputs), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, "node 'n' (N): its size in bytes overflows; give smaller inputs");
  told[0] = INT64_MAX;
  EXPECT_EQ(session.run({rows.value}, outputs), HONE_OUT_OF_MEMORY);
  EXPECT_STREQ(session.error.message, "no memory for node 'n' (N) (9223372036854775807 bytes)");
  wild.main.run = entry.run;
  told[0] = int64_t(1) << 47;
  EXPECT_EQ(session.run({rows.value}, outputs), HONE_OUT_OF_MEMORY);
  EXPECT_STREQ(session.error.message, "no memory for output 'rows' (2251799813685248 bytes)");
}

TEST(MemoryLimit, BoundsEverything) {
  CountingAllocator allocator;
  hone_options options = allocator.options();
  hone_plan plan;
  {
    KeepSession unlimited(options);
    EXPECT_EQ(unlimited.keep(Rows(1000, 100)), "");
    ASSERT_EQ(unlimited.plan({Rows(1000, 100).value}, &plan), HONE_OK);
    EXPECT_EQ(plan.memory_bytes, allocator.bytes);
  }
  // What a run needs is enough, also where memory would grow by more.
  options.memory_limit = uint64_t(plan.memory_bytes);
  KeepSession session(options);
  EXPECT_EQ(session.keep(Rows(1000, 90)), "");
  EXPECT_EQ(session.keep(Rows(1000, 100)), "");
  EXPECT_EQ(allocator.bytes, plan.memory_bytes);
  std::string message = session.keep(Rows(1000, 101));
  std::string bytes = std::to_string(plan.memory_bytes);
  EXPECT_EQ(message, "no memory for node 'nonzero' (NonZero): with its 808 bytes there would be " +
                         std::to_string(plan.memory_bytes + 8) + ", and its memory_limit is " + bytes +
                         "; raise it, or give smaller inputs");
  EXPECT_EQ(session.error.code, HONE_OUT_OF_MEMORY);
  EXPECT_EQ(session.keep(Rows(1000, 100)), "") << "the session is usable";
  // Also where a part of what was too large has found memory.
  KeepSession partly(options);
  message = partly.keep(Rows(1000, 300));
  EXPECT_EQ(message.find("no memory for output 'rows': with its 4800 bytes "), 0u) << message;
  EXPECT_EQ(partly.keep(Rows(1000, 100)), "");

  options.memory_limit += 8;
  KeepSession next(options);
  EXPECT_EQ(next.keep(Rows(1000, 100)), "");
  EXPECT_EQ(next.keep(Rows(1000, 101)).find("no memory for output 'rows': with its 1616 bytes "), 0u);
}

TEST(MemoryLimit, SessionArenaAndCopies) {
  hone_options options = hone_options_default();
  options.threads = 1;
  options.memory_limit = 100;
  Session none(options);
  EXPECT_EQ(none.handle, nullptr);
  EXPECT_EQ(none.error.code, HONE_OUT_OF_MEMORY);
  EXPECT_EQ(std::string(none.error.message).find("no memory for a session: with its "), 0u) << none.error.message;

  Inputs inputs(4, 50);
  std::vector<int64_t> reversed(inputs.mask.rbegin(), inputs.mask.rend());
  int64_t strides[] = {-50, -1};
  inputs.values[1].tensor.data = &reversed.back();
  inputs.values[1].tensor.strides = strides;
  hone_plan plan;
  Session session;
  ASSERT_EQ(session.plan(inputs.values, &plan), HONE_OK);
  options.memory_limit = uint64_t(plan.memory_bytes) - 1;
  Session small(options);
  EXPECT_EQ(small.check(inputs).find("no memory for copies of strided inputs: with its 1600 bytes there would be "),
            0u);
  EXPECT_EQ(small.check(Inputs(4, 100)).find("no memory for the arena: with its "), 0u);
  EXPECT_EQ(small.check(Inputs(4, 40)), "");
  options.memory_limit = uint64_t(plan.memory_bytes);
  Session enough(options);
  EXPECT_EQ(enough.reserve(inputs.values), HONE_OK) << enough.error.message;
  EXPECT_EQ(enough.check(inputs), "");
  options.memory_limit = UINT64_MAX;
  EXPECT_EQ(Session(options).check(inputs), "");
}
