// Sessions: options, memory, outputs, versions.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestModel.h"
#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <thread>

using namespace test;

TEST(Library, Describe) {
  hone_library_info info;
  hone_error error = {HONE_OK, ""};
  ASSERT_EQ(hone_library_describe(&library, &info, &error), HONE_OK);
  EXPECT_STREQ(info.name, "lookup");
  EXPECT_EQ(std::string(info.manifest, size_t(info.manifest_bytes)), "{\"model\": \"lookup\"}");
  EXPECT_EQ(info.entry_count, 1);
  hone_entry_info entry;
  ASSERT_EQ(hone_library_entry(&library, 0, &entry, &error), HONE_OK);
  EXPECT_STREQ(entry.name, "main");
  EXPECT_EQ(entry.input_count, 3);
  EXPECT_EQ(entry.output_count, 2);
  EXPECT_EQ(hone_library_entry(&library, 1, &entry, &error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "there is no entry 1: the library has 1, counted from 0");
  hone_value_info value;
  ASSERT_EQ(hone_library_input(&library, 0, 2, &value, &error), HONE_OK);
  EXPECT_STREQ(value.name, "table");
  EXPECT_EQ(value.rank, 2);
  EXPECT_EQ(value.dims[0], 8);
  EXPECT_EQ(value.dtype.code, HONE_CODE_FLOAT);
  EXPECT_EQ(value.dtype.bits, 32);
  EXPECT_EQ(hone_library_symbol(&library, value.dims[0]), nullptr);
  ASSERT_EQ(hone_library_output(&library, 0, 0, &value, &error), HONE_OK);
  EXPECT_STREQ(hone_library_symbol(&library, value.dims[1]), "sequence");
  EXPECT_EQ(hone_library_symbol(&library, INT64_MIN), nullptr);
  EXPECT_EQ(value.kind, HONE_TENSOR);
  EXPECT_EQ(value.items, nullptr);
  EXPECT_EQ(hone_library_input(&library, 0, 3, &value, &error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "there is no input 3: entry 'main' has 3, counted from 0");
  EXPECT_EQ(hone_library_output(&library, 0, -1, &value, &error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "there is no output -1: entry 'main' has 2, counted from 0");
  EXPECT_EQ(hone_library_output(&library, -1, 0, &value, nullptr), HONE_INVALID_ARGUMENT);
}

TEST(Session, Runs) {
  Session session;
  EXPECT_EQ(session.check(Inputs(2, 9)), "");
  EXPECT_EQ(session.check(Inputs(4, 100)), ""); // grows
  EXPECT_EQ(session.check(Inputs(1, 1)), "");   // shrinks
}

TEST(Session, EmptyTensors) {
  Session session(2);
  EXPECT_EQ(session.check(Inputs(0, 9)), "");
  EXPECT_EQ(session.check(Inputs(3, 0)), "");
  Inputs inputs(0, 5);
  inputs.values[0].tensor.data = inputs.values[1].tensor.data = nullptr;
  EXPECT_EQ(session.check(inputs), "");
}

TEST(Session, StridedInputs) {
  Session session;
  Inputs inputs(5, 6);
  // A transposed, a reversed and a broadcast view, each of the values that check() expects.
  std::vector<int64_t> transposed(30), reversed(inputs.mask.rbegin(), inputs.mask.rend());
  for (size_t i = 0; i < 5; ++i)
    for (size_t j = 0; j < 6; ++j)
      transposed[j * 5 + i] = inputs.ids[i * 6 + j];
  int64_t transposedStrides[] = {1, 5}, reversedStrides[] = {-6, -1};
  inputs.values[0].tensor.data = transposed.data();
  inputs.values[0].tensor.strides = transposedStrides;
  inputs.values[1].tensor.data = reversed.data();
  inputs.values[1].tensor.byte_offset = 29 * sizeof(int64_t);
  inputs.values[1].tensor.strides = reversedStrides;
  EXPECT_EQ(session.check(inputs), "");

  float row[2] = {3, 4};
  int64_t broadcastStrides[] = {0, 1};
  inputs.values[2].tensor.data = row;
  inputs.values[2].tensor.strides = broadcastStrides;
  for (size_t i = 0; i < 16; ++i)
    inputs.table[i] = row[i % 2];
  EXPECT_EQ(session.check(inputs), "");
}

// A stride along a dim of 1 is never taken: such tensors are read where they lie.
TEST(Session, StridesOfDimsOfOne) {
  CountingAllocator allocator;
  Session session(allocator.options());
  Inputs inputs(1, 6);
  int64_t strides[] = {-99, 1};
  inputs.values[0].tensor.strides = inputs.values[1].tensor.strides = strides;
  EXPECT_EQ(session.check(inputs), "");
  EXPECT_EQ(allocator.taken, 2); // session and arena, no copies
}

TEST(Session, UnalignedInputIsCopied) {
  Session session;
  Inputs inputs(2, 3);
  std::vector<char> bytes(1 + 6 * sizeof(int64_t));
  std::memcpy(bytes.data() + 1, inputs.ids.data(), 6 * sizeof(int64_t));
  inputs.values[0].tensor.data = bytes.data() + 1;
  EXPECT_EQ(session.check(inputs), "");
}

TEST(Session, OutputsOfTheCaller) {
  Session session;
  Inputs inputs(2, 3);
  std::vector<float> picked(12);
  int64_t total = -1;
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  outputs[0].tensor.data = picked.data();
  outputs[0].capacity = picked.size() * sizeof(float);
  outputs[1].tensor.data = &total;
  outputs[1].capacity = sizeof(total);
  ASSERT_EQ(session.run(inputs.values, outputs), HONE_OK);
  EXPECT_EQ(picked, inputs.picked());
  EXPECT_EQ(total, inputs.total());
  EXPECT_EQ(outputs[0].tensor.data, picked.data());
  EXPECT_EQ(outputs[0].tensor.shape[1], 3);
}

TEST(Session, Plan) {
  Session session;
  Inputs inputs(3, 7);
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  ASSERT_EQ(session.run(Inputs(1, 2).values, outputs), HONE_OK);
  hone_plan plan;
  ASSERT_EQ(session.plan(inputs.values, &plan), HONE_OK);
  EXPECT_EQ(plan.output_count, 2);
  EXPECT_EQ(hone_plan_output(&plan, 0)->tensor.ndim, 3);
  EXPECT_EQ(hone_plan_output(&plan, 0)->tensor.shape[1], 7);
  EXPECT_EQ(hone_plan_output(&plan, 0)->tensor.data, nullptr);
  EXPECT_EQ(hone_plan_output(&plan, 1)->tensor.ndim, 0);
  EXPECT_EQ(plan.arena_bytes, 3 * 7 * 4);
  EXPECT_GT(plan.memory_bytes, plan.arena_bytes + 3 * 7 * 8);
  EXPECT_EQ(outputs[0].tensor.shape[1], 2) << "a plan must leave the last outputs alone";
  inputs.maskShape[0] = 2;
  EXPECT_EQ(session.plan(inputs.values, &plan), HONE_INVALID_ARGUMENT);
}

TEST(Session, PlanCopiesNothing) {
  CountingAllocator allocator;
  Session session(allocator.options());
  Inputs inputs(3, 7);
  int64_t zero[] = {0, 0};
  inputs.idShape[1] = inputs.maskShape[1] = maxSequence;
  inputs.idShape[0] = inputs.maskShape[0] = int64_t(1) << 20; // 32 GiB, if they were copied
  inputs.values[0].tensor.strides = inputs.values[1].tensor.strides = zero;
  int taken = allocator.taken;
  hone_plan plan;
  ASSERT_EQ(session.plan(inputs.values, &plan), HONE_OK);
  EXPECT_EQ(allocator.taken, taken);
  EXPECT_GE(plan.memory_bytes, plan.arena_bytes + (int64_t(1) << 32) * (2 * 8 + 8)) << "a run does copy";
  inputs.idShape[1] = inputs.maskShape[1] = maxSequence + 1; // a run that the plan refuses copies nothing either
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  EXPECT_EQ(session.run(inputs.values, outputs), HONE_INVALID_ARGUMENT);
  EXPECT_EQ(allocator.taken, taken);
}

TEST(Session, HostValuesAreReadWhereTheyLie) {
  static std::vector<int64_t> planned, ran;
  static auto read = [](hone_frame *frame) {
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < frame->input_dims[0][0]; ++i)
      for (int64_t j = 0; j < frame->input_dims[0][1]; ++j)
        memcpy(&ids.emplace_back(), frame->sources[0] + i * frame->steps[0][0] + j * frame->steps[0][1],
               sizeof(int64_t));
    return ids;
  };
  Program reading = program;
  reading.main.plan = [](hone_frame *frame) -> int32_t {
    planned = read(frame);
    return plan(frame);
  };
  reading.main.run = [](hone_frame *frame) -> int32_t {
    memset(frame->outputs[0], -1, size_t(frame->output_dims[0][0] * frame->output_dims[0][1]) * 2 * sizeof(float));
    ran = read(frame);
    return run(frame);
  };
  hone_library of = makeLibrary(reading);
  CountingAllocator allocator;
  Session session(allocator.options(), of);
  for (int64_t length : {6, 60}) { // grows
    Inputs inputs(2, length);
    // Turned around, and at odd addresses.
    std::vector<char> memory(size_t(length) * 2 * sizeof(int64_t) + 1);
    char *first = memory.data() + 1, *last = first + (2 * length - 1) * int64_t(sizeof(int64_t));
    for (int64_t i = 0; i < 2 * length; ++i)
      memcpy(last - i * int64_t(sizeof(int64_t)), &inputs.ids[size_t(i)], sizeof(int64_t));
    int64_t strides[] = {-length, -1};
    inputs.values[0].tensor.data = last;
    inputs.values[0].tensor.strides = strides;
    int taken = allocator.taken;
    hone_plan plan;
    ASSERT_EQ(session.plan(inputs.values, &plan), HONE_OK);
    EXPECT_EQ(planned, inputs.ids);
    EXPECT_EQ(allocator.taken, taken);
    hone_value outputs[2] = {hone_value_make(), hone_value_make()};
    EXPECT_EQ(session.run(inputs.values, outputs), HONE_OK) << session.error.message;
    EXPECT_EQ(ran, inputs.ids);
    // Where all of them lie, no output may be written to: `run` reads them again.
    std::vector<char> over(memory.size() + size_t(length) * 2 * 2 * sizeof(float));
    std::copy(memory.begin(), memory.end(), over.end() - std::ptrdiff_t(memory.size()));
    inputs.values[0].tensor.data = over.data() + over.size() - sizeof(int64_t);
    outputs[0].tensor.data = over.data() + 64 - reinterpret_cast<uintptr_t>(over.data()) % 64;
    outputs[0].capacity = over.size() - 64;
    EXPECT_EQ(session.run(inputs.values, outputs), HONE_INVALID_ARGUMENT);
    EXPECT_STREQ(session.error.message,
                 "output 'picked': its buffer overlaps input 'ids'; give each memory of its own");
  }
}

TEST(Session, PlannedShapeAsDataOfAnInput) {
  // The next plan would overwrite what it reads.
  Session session;
  Inputs inputs(1, 3);
  hone_plan plan;
  ASSERT_EQ(session.plan(inputs.values, &plan), HONE_OK);
  inputs.values[0].tensor.data = hone_plan_output(&plan, 0)->tensor.shape;
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  EXPECT_EQ(session.run(inputs.values, outputs), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(session.error.message, "input 'ids': is a shape that this session owns and will overwrite; copy it");
}

TEST(Session, PlannedShapeAsTheShapeOfAnInput) {
  // The plan of the run, which turns the dims around here, overwrites what the input's shape points to.
  static int64_t seen[2];
  Program turned = program;
  turned.main.plan = [](hone_frame *frame) -> int32_t {
    int32_t status = plan(frame);
    std::swap(frame->output_dims[0][0], frame->output_dims[0][1]);
    return status;
  };
  turned.main.run = [](hone_frame *frame) -> int32_t {
    std::copy_n(frame->input_dims[0], 2, seen);
    return run(frame);
  };
  hone_library of = makeLibrary(turned);
  Session session(1, nullptr, of);
  Inputs first(2, 9), second(9, 2);
  hone_plan plan;
  ASSERT_EQ(session.plan(first.values, &plan), HONE_OK);
  second.values[0].tensor.shape = hone_plan_output(&plan, 0)->tensor.shape;
  int64_t strides[] = {1, 9}; // copied after the plan
  second.values[0].tensor.strides = strides;
  hone_value outputs[2] = {hone_value_make(), hone_value_make()};
  ASSERT_EQ(session.run(second.values, outputs), HONE_OK) << session.error.message;
  EXPECT_EQ(seen[0], 9);
  EXPECT_EQ(seen[1], 2);
}

TEST(Session, ReserveThenRunAllocatesNothing) {
  CountingAllocator allocator;
  {
    Session session(allocator.options());
    Inputs inputs(4, 50);
    std::vector<int64_t> wide(400);
    int64_t strides[] = {100, 2};
    inputs.values[1].tensor.data = wide.data();
    inputs.values[1].tensor.strides = strides;
    for (size_t i = 0; i < 200; ++i)
      wide[2 * i] = inputs.mask[i];
    ASSERT_EQ(session.reserve(inputs.values), HONE_OK);
    int taken = allocator.taken;
    EXPECT_EQ(taken, 3); // session, arena, copies of strided inputs
    EXPECT_EQ(session.check(inputs), "");
    EXPECT_EQ(session.check(Inputs(2, 50)), "");
    EXPECT_EQ(allocator.taken, taken);
    EXPECT_EQ(session.check(Inputs(8, 50)), "");
    EXPECT_EQ(allocator.taken, taken + 1);
  }
  EXPECT_EQ(allocator.taken, allocator.returned);
  EXPECT_EQ(allocator.bytes, 0);
}

TEST(Session, OutOfMemory) {
  CountingAllocator allocator;
  allocator.limit = 0;
  Session none(allocator.options());
  EXPECT_EQ(none.handle, nullptr);
  EXPECT_EQ(none.error.code, HONE_OUT_OF_MEMORY);
  EXPECT_NE(std::string(none.error.message).find("no memory for a session ("), std::string::npos);

  allocator.limit = 1;
  Session session(allocator.options());
  Inputs inputs(2, 2);
  EXPECT_EQ(session.check(inputs), "no memory for the arena (256 bytes)");
  EXPECT_EQ(session.error.code, HONE_OUT_OF_MEMORY);
  allocator.limit = 100;
  EXPECT_EQ(session.check(inputs), "");
}

TEST(Session, GrowsByHalfAtLeast) {
  CountingAllocator allocator;
  Session session(allocator.options());
  EXPECT_EQ(session.check(Inputs(4, 100)), "");
  EXPECT_EQ(session.check(Inputs(4, 101)), "");
  int taken = allocator.taken;
  EXPECT_EQ(taken, 3); // session, arena, a larger arena
  for (int64_t length = 102; length < 148; ++length)
    EXPECT_EQ(session.check(Inputs(4, length)), "");
  EXPECT_EQ(allocator.taken, taken);
}

// A growth that failed is forgotten: the next one takes what it needs, not half as much again as there never was.
TEST(Session, GrowsAfterAFailedGrowth) {
  CountingAllocator allocator;
  Session session(allocator.options());
  EXPECT_EQ(session.check(Inputs(1, 10)), "");
  int64_t small = allocator.bytes;
  allocator.most = 10000;
  EXPECT_EQ(session.check(Inputs(4, 4000)).find("no memory for the arena ("), 0u);
  allocator.most = INT64_MAX;
  EXPECT_EQ(session.check(Inputs(1, 10)), "");
  EXPECT_EQ(allocator.bytes, small);
}

TEST(Session, GrowsByWhatIsNeededWhereThereIsNoMore) {
  CountingAllocator allocator;
  Session session(allocator.options());
  EXPECT_EQ(session.check(Inputs(4, 100)), "");
  allocator.most = 6000; // 400 elements of 4 + 8 bytes, and now 450
  EXPECT_EQ(session.check(Inputs(4, 112)), "");
  allocator.most = 0;
  EXPECT_EQ(session.check(Inputs(4, 200)).find("no memory for the arena ("), 0u);
  allocator.most = INT64_MAX;
  EXPECT_EQ(session.check(Inputs(4, 200)), "");
}

// Each allocation in turn is refused: an error, and the right result once there is memory.
TEST(Session, EveryAllocationMayFail) {
  for (int refused = 1; refused < 5; ++refused) { // of the arena and of copies, twice
    CountingAllocator allocator;
    allocator.limit = refused;
    int failures = 0;
    {
      Session session(allocator.options());
      for (int64_t length : {10, 40}) {
        Inputs inputs(2, length);
        std::vector<int64_t> reversed(inputs.mask.rbegin(), inputs.mask.rend());
        int64_t strides[] = {-length, -1};
        inputs.values[1].tensor.data = &reversed.back();
        inputs.values[1].tensor.strides = strides;
        std::string message = session.check(inputs);
        if (message.empty())
          continue;
        ++failures;
        EXPECT_EQ(message.find("no memory for "), 0u) << message;
        EXPECT_EQ(session.error.code, HONE_OUT_OF_MEMORY);
        allocator.limit = 1000;
        EXPECT_EQ(session.check(inputs), "");
      }
    }
    EXPECT_EQ(failures, 1) << refused;
    EXPECT_EQ(allocator.taken, allocator.returned);
  }
}

TEST(Session, WrongOptions) {
  hone_options options = hone_options_default();
  options.threads = -1;
  EXPECT_STREQ(Session(options).error.message, "options: threads is -1, expected 0 to 1024");
  options.threads = 1025;
  EXPECT_STREQ(Session(options).error.message, "options: threads is 1025, expected 0 to 1024");
  options = hone_options_default();
  hone_allocator half = {sizeof(hone_allocator), 0, CountingAllocator::allocate, nullptr, nullptr};
  options.allocator = &half;
  EXPECT_STREQ(Session(options).error.message, "options: an allocator needs both allocate and release");
  hone_pool pool = {};
  options = hone_options_default();
  options.pool = &pool;
  EXPECT_STREQ(Session(options).error.message, "options: a pool needs its size, parallel, and at least 1 thread");
  options = {};
  EXPECT_STREQ(Session(options).error.message, "options: size is 0; begin with hone_options_default()");
}

TEST(Session, NullArguments) {
  hone_error error;
  auto expect = [&](hone_status status, const char *text) {
    EXPECT_EQ(status, HONE_INVALID_ARGUMENT);
    EXPECT_EQ(error.code, HONE_INVALID_ARGUMENT);
    EXPECT_STREQ(error.message, text);
  };
  hone_session *none = nullptr;
  hone_plan plan;
  expect(hone_session_create(nullptr, nullptr, &none, &error),
         "library is NULL; pass what the model's NAME_library() returns");
  expect(hone_session_create(&library, nullptr, nullptr, &error), "session is NULL: nowhere to put the new session");
  const char *noSession = "session is NULL; make one with hone_session_create, and look at what it returns";
  expect(hone_run(none, 0, nullptr, 0, nullptr, 0, &error), noSession);
  expect(hone_session_plan(none, 0, nullptr, 0, &plan, &error), noSession);
  expect(hone_session_reserve(none, 0, nullptr, 0, &error), noSession);
  Session session;
  expect(hone_session_plan(session.handle, 0, nullptr, 0, nullptr, &error), "plan is NULL: nowhere to put the plan");
  EXPECT_EQ(hone_run(nullptr, 0, nullptr, 0, nullptr, 0, nullptr), HONE_INVALID_ARGUMENT);
}

TEST(Session, WithoutOptions) {
  hone_session *session = nullptr;
  ASSERT_EQ(hone_session_create(&library, nullptr, &session, nullptr), HONE_OK);
  hone_session_destroy(session);
  hone_session_destroy(nullptr);
  hone_pool_destroy(nullptr);
}

TEST(Session, InUse) {
  // The second run starts inside the first, from its kernel.
  static Session *busy;
  static std::string message;
  Program reentrant = program;
  reentrant.main.run = [](hone_frame *frame) -> int32_t {
    Inputs inputs(1, 1);
    message = busy->check(inputs);
    return run(frame);
  };
  hone_library of = makeLibrary(reentrant);
  Session session(1, nullptr, of);
  busy = &session;
  EXPECT_EQ(session.check(Inputs(2, 2)), "");
  EXPECT_EQ(message, "the session is in use by another thread; give each thread a session of its own");
}

TEST(Session, SeveralAtOnce) {
  std::vector<std::thread> threads;
  std::string results[4];
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&results, i] {
      Session session(1 + i % 2);
      for (int64_t round = 0; round < 50 && results[i].empty(); ++round)
        results[i] = session.check(Inputs(i + 1, 20 + round * 7 % 30));
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const std::string &result : results)
    EXPECT_EQ(result, "");
}

TEST(Version, OlderHeaderIsServed) {
  // A program whose hone_options ends after `threads`: what lies behind is not looked at.
  hone_options options = hone_options_default();
  options.size = offsetof(hone_options, pool);
  options.threads = 1;
  std::memset(reinterpret_cast<char *>(&options) + options.size, 0xee, sizeof(options) - options.size);
  Session session(options);
  EXPECT_EQ(session.check(Inputs(2, 2)), "");

  hone_value_info value;
  std::memset(&value, 0xee, sizeof(value));
  value.size = offsetof(hone_value_info, dims);
  ASSERT_EQ(library.functions->value_info(&library, 0, 0, 0, &value, nullptr), HONE_OK);
  EXPECT_STREQ(value.name, "ids");
  EXPECT_EQ(value.size, offsetof(hone_value_info, dims));
  EXPECT_EQ(value.item_count, int32_t(0xeeeeeeee)) << "written behind the older structure's end";
}

TEST(Version, NewerHeader) {
  struct {
    hone_options known;
    int64_t added;
  } options = {hone_options_default(), 0};
  options.known.size = sizeof(options);
  options.known.threads = 1;
  EXPECT_EQ(Session(options.known).error.code, HONE_OK);
  options.added = 1;
  Session session(options.known);
  EXPECT_EQ(session.error.code, HONE_UNSUPPORTED);
  EXPECT_STREQ(session.error.message, "options: one is set that this library does not know; compile the model again");
}

// Every call that takes a library says so, and calls nothing of it.
TEST(Version, OtherAbi) {
  hone_library other = library;
  other.functions = nullptr;
  hone_error error = {HONE_OK, ""};
  hone_session *session = nullptr;
  hone_pool *pool = nullptr;
  hone_library_info info;
  hone_entry_info entry;
  hone_value_info value;
  const char *texts[] = {"the library has an older version of Hone's interface than this program: compile the model "
                         "again, with the release that the program was built with",
                         "the library has a newer version of Hone's interface than this program: build the program "
                         "again, with the hone.h of the release that compiled the model"};
  for (uint32_t version : {1u, HONE_ABI_VERSION + 1}) {
    other.abi_version = version;
    EXPECT_EQ(hone_session_create(&other, nullptr, &session, &error), HONE_UNSUPPORTED);
    EXPECT_EQ(error.code, HONE_UNSUPPORTED);
    EXPECT_STREQ(error.message, texts[version > HONE_ABI_VERSION]);
    EXPECT_EQ(hone_pool_create(&other, 2, &pool, nullptr), HONE_UNSUPPORTED);
    EXPECT_EQ(hone_library_describe(&other, &info, nullptr), HONE_UNSUPPORTED);
    EXPECT_EQ(hone_library_entry(&other, 0, &entry, nullptr), HONE_UNSUPPORTED);
    EXPECT_EQ(hone_library_input(&other, 0, 0, &value, nullptr), HONE_UNSUPPORTED);
    EXPECT_EQ(hone_library_output(&other, 0, 0, &value, nullptr), HONE_UNSUPPORTED);
    EXPECT_EQ(hone_library_symbol(&other, -1), nullptr);
  }
}

TEST(Version, TensorIsDlpack) {
  // Offsets of DLTensor of DLPack 1.0 on 64-bit machines.
  EXPECT_EQ(sizeof(hone_tensor), 48u);
  EXPECT_EQ(offsetof(hone_tensor, device), 8u);
  EXPECT_EQ(offsetof(hone_tensor, ndim), 16u);
  EXPECT_EQ(offsetof(hone_tensor, dtype), 20u);
  EXPECT_EQ(offsetof(hone_tensor, shape), 24u);
  EXPECT_EQ(offsetof(hone_tensor, strides), 32u);
  EXPECT_EQ(offsetof(hone_tensor, byte_offset), 40u);
}
