// Launches: chunks, scratch, failures, cancellation.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestModel.h"
#include <algorithm>
#include <atomic>
#include <cstring>
#include <gtest/gtest.h>
#include <mutex>

using namespace test;

namespace {

/// What a launch did: its chunks, and the scratch that each was given.
struct Trace {
  struct Chunk {
    int64_t begin, end;
    char *scratch;
  };
  std::mutex mutex;
  std::vector<Chunk> chunks;
};
Trace *trace;

void record(const hone_kernel_context *context, int64_t begin, int64_t end) {
  std::lock_guard<std::mutex> lock(trace->mutex);
  trace->chunks.push_back({begin, end, static_cast<char *>(context->scratch)});
}

int32_t cancelFlag;
std::atomic<int64_t> done;

void cancelAtOnce(const hone_kernel_context *, int64_t begin, int64_t end) {
  done += end - begin;
  __atomic_store_n(&cancelFlag, 1, __ATOMIC_RELAXED);
}

hone_kernel *launchKernel;
int64_t launchCount, launchGrain;

/// A program without inputs and outputs, that launches `kernel` once.
Program makeLauncher(hone_kernel *kernel) {
  launchKernel = kernel;
  hone_program_entry result = {};
  result.name = "main";
  result.plan = [](hone_frame *frame) -> int32_t {
    frame->scratch_bytes = 40;
    return 0;
  };
  result.run = [](hone_frame *frame) -> int32_t {
    hone_kernel_record kernel = {launchKernel, nullptr, "n", "generic", 0};
    hone_launch_record record = {&kernel, "node 'n' (N)", "n (N)"};
    hone_launch launch = {&record, nullptr, nullptr, launchCount, launchGrain, 40};
    return hone_rt_launch(frame, &launch);
  };
  return Program(result);
}

hone_status launch(const Program &program, int32_t threads, int64_t count, int64_t grain, hone_error *error,
                   const int32_t *cancel = nullptr) {
  launchCount = count;
  launchGrain = grain;
  hone_library of = makeLibrary(program);
  hone_options options = hone_options_default();
  options.threads = threads;
  options.cancel = cancel;
  Session session(options, of);
  return hone_run(session.handle, 0, nullptr, 0, nullptr, 0, error);
}

/// The chunks of one launch, in order; they must cover the range exactly.
std::vector<Trace::Chunk> traceLaunch(int32_t threads, int64_t count, int64_t grain) {
  Trace local;
  trace = &local;
  EXPECT_EQ(launch(makeLauncher(record), threads, count, grain, nullptr), HONE_OK);
  std::sort(local.chunks.begin(), local.chunks.end(), [](auto &a, auto &b) { return a.begin < b.begin; });
  int64_t at = 0;
  for (auto &chunk : local.chunks) {
    EXPECT_EQ(chunk.begin, at);
    EXPECT_LT(chunk.begin, chunk.end);
    at = chunk.end;
  }
  EXPECT_EQ(at, count);
  return local.chunks;
}

} // namespace

TEST(Launch, SmallWorkIsOneCall) {
  EXPECT_EQ(traceLaunch(4, 16, 16).size(), 1u);
  EXPECT_EQ(traceLaunch(4, 1, 16).size(), 1u);
  EXPECT_EQ(traceLaunch(1, 1024, 16).size(), 1u);
}

TEST(Launch, NothingToDo) { EXPECT_EQ(traceLaunch(4, 0, 16).size(), 0u); }

TEST(Launch, ChunksAreMultiplesOfTheGrain) {
  for (int64_t count : {17, 32, 1000, 4096, 99999})
    for (auto &chunk : traceLaunch(3, count, 16)) {
      EXPECT_EQ(chunk.begin % 16, 0);
      EXPECT_TRUE(chunk.end % 16 == 0 || chunk.end == count);
    }
}

TEST(Launch, EightChunksPerThread) {
  EXPECT_GE(traceLaunch(3, 20000, 16).size(), 24u);
  EXPECT_LE(traceLaunch(3, 20000, 16).size(), 48u);
  EXPECT_EQ(traceLaunch(3, 96, 16).size(), 6u); // as many as there are grains
}

// So that cancellation is seen between them, on one thread as on several.
TEST(Launch, ChunksAreBounded) {
  for (int32_t threads : {1, 3})
    for (auto &chunk : traceLaunch(threads, 100000, 16))
      EXPECT_LE(chunk.end - chunk.begin, 64 * 16);
}

TEST(Launch, ScratchIsApartAndAligned) {
  std::vector<char *> slots;
  for (auto &chunk : traceLaunch(4, 100000, 1)) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(chunk.scratch) % 64, 0u);
    if (std::find(slots.begin(), slots.end(), chunk.scratch) == slots.end())
      slots.push_back(chunk.scratch);
  }
  EXPECT_LE(slots.size(), 4u);
  for (char *a : slots)
    for (char *b : slots)
      EXPECT_TRUE(a == b || std::abs(a - b) >= 64);
}

TEST(Launch, TellsOfEachInOrder) {
  std::vector<hone_launch_event> events;
  hone_options options = hone_options_default();
  options.threads = 3;
  options.on_launch = [](void *context, const hone_launch_event *event) {
    static_cast<std::vector<hone_launch_event> *>(context)->push_back(*event);
  };
  options.on_launch_context = &events;
  Session session(options, library);
  Inputs inputs(4, 200);
  EXPECT_EQ(session.check(inputs), "");
  ASSERT_EQ(events.size(), 3u);
  int64_t end = 0;
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(events[i].size, sizeof(hone_launch_event));
    EXPECT_EQ(events[i].index, int64_t(i));
    EXPECT_EQ(events[i].predicted_ns, 10 * int64_t(i + 1));
    EXPECT_EQ(events[i].device.type, HONE_CPU);
    EXPECT_GE(events[i].begin_ns, end);
    EXPECT_GE(events[i].end_ns, events[i].begin_ns);
    end = events[i].end_ns;
  }
  EXPECT_STREQ(events[1].kernel, "lookup.pick");
  EXPECT_STREQ(events[1].family, "generic");
  EXPECT_STREQ(events[1].nodes, "Gather_1 (Gather), Add_3 (Add)");
  EXPECT_EQ(events[0].threads, 3);
  EXPECT_EQ(events[2].threads, 1);
  EXPECT_EQ(events[2].operations, 800); // as its only size is
  EXPECT_EQ(events[2].bytes, 6400);
  EXPECT_EQ(session.check(inputs), "");
  EXPECT_EQ(events.size(), 6u);
}

// A launch that fails is told of, too, and none behind it.
TEST(Launch, TellsOfTheOneThatFails) {
  int64_t last = -1;
  hone_options options = hone_options_default();
  options.on_launch = [](void *context, const hone_launch_event *event) {
    *static_cast<int64_t *>(context) = event->index;
  };
  options.on_launch_context = &last;
  Session session(options, library);
  Inputs inputs(4, 200);
  inputs.ids[601] = 8;
  EXPECT_NE(session.check(inputs), "");
  EXPECT_EQ(last, 0);
}

TEST(Launch, Failure) {
  for (int32_t threads : {1, 3}) {
    Session session(threads);
    Inputs inputs(4, 200);
    inputs.ids[601] = 8;
    EXPECT_EQ(session.check(inputs), "node 'Cast_0' (Cast): an index is outside its dim, or a divisor is zero");
    EXPECT_EQ(session.error.code, HONE_INVALID_ARGUMENT);
    inputs.ids[601] = 7;
    EXPECT_EQ(session.check(inputs), "");
  }
}

/// Records a chunk, and uses the scratch.
void recordAndWrite(const hone_kernel_context *context, int64_t begin, int64_t end) {
  std::memset(context->scratch, 1, 40);
  record(context, begin, end);
}

/// A program that tells of no scratch before the run, for kernels whose sizes data decide.
Program makeLateLauncher() {
  Program late = makeLauncher(recordAndWrite);
  late.main.plan = [](hone_frame *) -> int32_t { return 0; };
  return late;
}

TEST(Launch, ScratchThatDataDecide) {
  Trace local;
  trace = &local;
  EXPECT_EQ(launch(makeLateLauncher(), 3, 100000, 1, nullptr), HONE_OK);
  std::vector<char *> slots;
  for (auto &chunk : local.chunks)
    if (std::find(slots.begin(), slots.end(), chunk.scratch) == slots.end())
      slots.push_back(chunk.scratch);
  EXPECT_LE(slots.size(), 3u);
  for (char *slot : slots)
    EXPECT_EQ(reinterpret_cast<uintptr_t>(slot) % 64, 0u);
}

TEST(Launch, ScratchBeyondTheLimit) {
  Program late = makeLateLauncher();
  late.main.run = [](hone_frame *frame) -> int32_t {
    hone_kernel_record kernel = {launchKernel, nullptr, "n", "generic", 0};
    hone_launch_record record = {&kernel, "node 'n' (N)", "n (N)"};
    for (int64_t scratch : {int64_t(1) << 40, INT64_MAX, int64_t(-1)}) {
      hone_launch launch = {&record, nullptr, nullptr, 1, 1, scratch};
      int32_t status = hone_rt_launch(frame, &launch);
      if (scratch > 0 && status != HONE_OUT_OF_MEMORY)
        return HONE_INTERNAL;
    }
    hone_launch launch = {&record, nullptr, nullptr, 1, 1, int64_t(1) << 40};
    return hone_rt_launch(frame, &launch);
  };
  hone_library library = makeLibrary(late);
  hone_options options = hone_options_default();
  options.threads = 1;
  options.memory_limit = 1 << 20;
  Session session(options, library);
  Trace local;
  trace = &local;
  hone_error error;
  EXPECT_EQ(hone_run(session.handle, 0, nullptr, 0, nullptr, 0, &error), HONE_OUT_OF_MEMORY);
  EXPECT_NE(std::string(error.message).find("no memory for node 'n' (N)"), std::string::npos) << error.message;
}

/// A program whose loop makes `launchCount` steps.
Program makeLooper() {
  Program looper = makeLauncher(record);
  looper.main.run = [](hone_frame *frame) -> int32_t {
    for (int64_t step = 0; step < launchCount; ++step) {
      done = step + 1;
      if (int32_t status = hone_rt_iterate(frame, step, "node 'l' (Loop)"))
        return status;
    }
    return 0;
  };
  return looper;
}

TEST(Launch, StepsOfALoop) {
  Program looper = makeLooper();
  hone_library library = makeLibrary(looper);
  hone_error error;
  for (uint64_t limit : {uint64_t(0), uint64_t(5), uint64_t(4), UINT64_MAX}) {
    launchCount = 5;
    hone_options options = hone_options_default();
    options.threads = 1;
    options.step_limit = limit;
    Session session(options, library);
    hone_status status = hone_run(session.handle, 0, nullptr, 0, nullptr, 0, &error);
    EXPECT_EQ(status, limit == 4 ? HONE_CANCELLED : HONE_OK);
    if (limit == 4) {
      EXPECT_STREQ(error.message, "node 'l' (Loop): the loop goes on after 4 steps, which is the session's step_limit; "
                                  "raise it if this is how long the loop should be");
    }
    launchCount = 3; // the session stays usable
    EXPECT_EQ(hone_run(session.handle, 0, nullptr, 0, nullptr, 0, &error), HONE_OK);
  }
  cancelFlag = 1;
  hone_options options = hone_options_default();
  options.threads = 1;
  options.cancel = &cancelFlag;
  Session session(options, library);
  EXPECT_EQ(hone_run(session.handle, 0, nullptr, 0, nullptr, 0, &error), HONE_CANCELLED);
  EXPECT_STREQ(error.message, "node 'l' (Loop): cancelled");
  EXPECT_EQ(done, 1);
}

TEST(Launch, Cancel) {
  hone_error error;
  for (int32_t threads : {1, 2}) {
    done = cancelFlag = 0;
    EXPECT_EQ(launch(makeLauncher(cancelAtOnce), threads, 10000, 1, &error, &cancelFlag), HONE_CANCELLED);
    EXPECT_STREQ(error.message, "node 'n' (N): cancelled");
    EXPECT_GT(done, 0);
    done = 0;
    EXPECT_EQ(launch(makeLauncher(cancelAtOnce), threads, 10000, 1, &error, &cancelFlag), HONE_CANCELLED);
    EXPECT_EQ(done, 0) << "cancelled before it began";
  }
  // A kernel that is at work sees the flag too.
  done = cancelFlag = 0;
  auto *waits = +[](const hone_kernel_context *context, int64_t, int64_t) {
    cancelAtOnce(context, 0, 0);
    done += __atomic_load_n(context->cancel, __ATOMIC_RELAXED);
  };
  EXPECT_EQ(launch(makeLauncher(waits), 1, 1, 1, &error, &cancelFlag), HONE_CANCELLED);
  EXPECT_EQ(done, 1);
  done = 0;
  EXPECT_EQ(launch(makeLauncher(waits), 1, 1, 1, &error), HONE_OK);
  EXPECT_EQ(done, 0) << "no flag is a flag that is never set";
}

TEST(Launch, PoolOfTheUser) {
  // One that calls the task from nowhere at all, and one that calls it one after the other.
  hone_pool lazy = {sizeof(hone_pool), 4, [](hone_pool *, int32_t, hone_task *, void *) {}, nullptr};
  hone_pool serial = {sizeof(hone_pool), 4,
                      [](hone_pool *, int32_t limit, hone_task *task, void *argument) {
                        for (int32_t i = limit; i-- > 0;)
                          task(argument, i);
                      },
                      nullptr};
  for (hone_pool *pool : {&lazy, &serial}) {
    Session session(0, pool);
    EXPECT_EQ(session.check(Inputs(4, 500)), "");
  }
  hone_pool_destroy(&lazy);
}

TEST(Launch, ThreadsByUnits) {
  static int32_t limit;
  hone_pool pool = {sizeof(hone_pool), 4, [](hone_pool *, int32_t most, hone_task *, void *) { limit = most; },
                    nullptr};
  struct {
    int64_t count;
    int32_t limit;
  } rows[] = {{16, 0}, {17, 2}, {32, 2}, {33, 3}, {1000, 4}};
  for (auto &row : rows) { // grains of 16; what is left over is a unit too
    Session session(0, &pool);
    limit = 0;
    EXPECT_EQ(session.check(Inputs(1, row.count)), "");
    EXPECT_EQ(limit, row.limit) << row.count;
  }
}

TEST(Launch, ThreadsOfALentPool) {
  static int32_t limit;
  hone_pool pool = {sizeof(hone_pool), 4, [](hone_pool *, int32_t most, hone_task *, void *) { limit = most; },
                    nullptr};
  struct {
    int32_t threads, limit;
  } rows[] = {{0, 4}, {2, 2}, {9, 4}, {1, 0}};
  for (auto &row : rows) {
    limit = 0;
    Session session(row.threads, &pool);
    EXPECT_EQ(session.check(Inputs(4, 500)), "");
    EXPECT_EQ(limit, row.limit) << row.threads << " threads asked for";
  }
}
