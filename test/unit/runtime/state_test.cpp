// What runs keep for the next ones: growth, runs that fail, memory, versions.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestState.h"

using namespace test;

TEST(State, Grows) {
  for (const hone_library *of : {&growing, &mixed})
    for (int64_t batch : {1, 3}) {
      CountingAllocator allocator;
      {
        Rows session(allocator.options(), *of);
        Expected expected;
        for (int64_t count : {5, 1, 1, 0, 13, 1, 200, 1, 99, 0}) {
          EXPECT_EQ(session.add(expected, batch, count), "") << batch << " " << count;
          hone_state_info info = infoOf(session.state());
          ASSERT_EQ(info.length_count, 2);
          EXPECT_STREQ(info.names[1], "runs");
          EXPECT_EQ(info.lengths[0], expected.length());
          EXPECT_EQ(info.lengths[1], int64_t(expected.steps.size()));
          EXPECT_GE(info.capacities[0], info.lengths[0]);
          EXPECT_GE(info.memory_bytes, info.capacities[0] * (16 * batch + 12) + info.capacities[1] * 8);
          EXPECT_LT(info.memory_bytes, allocator.bytes);
        }
      }
      EXPECT_EQ(allocator.taken, allocator.returned);
      EXPECT_EQ(allocator.bytes, 0);
    }
}

// A block may have more than its state's dims say: then parts move apart in place.
TEST(State, GrowsInMemoryThatItHad) {
  CountingAllocator allocator;
  Rows session(allocator.options());
  Expected first, second;
  EXPECT_EQ(session.add(first, 3, 100), "");
  ASSERT_EQ(hone_state_reset(session.state(), nullptr), HONE_OK);
  int taken = allocator.taken;
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(session.add(second, 3, 3), "");
  EXPECT_EQ(allocator.taken, taken + 1) << "of `steps`, beyond 16";
}

TEST(State, Empty) {
  Rows session;
  Expected none, nobody;
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(session.add(none, 2, 0), "");
  EXPECT_EQ(session.add(none, 2, 3), "");
  ASSERT_EQ(hone_state_reset(session.state(), nullptr), HONE_OK);
  for (int64_t count : {0, 5, 40})
    EXPECT_EQ(session.add(nobody, 0, count), "");
  State copy;
  ASSERT_EQ(hone_state_copy(copy.handle, session.state(), nullptr), HONE_OK);
  ASSERT_EQ(load(session.state(), save(copy.handle)), HONE_OK);
  EXPECT_EQ(infoOf(session.state()).lengths[0], 45);
}

TEST(State, Capacity) {
  CountingAllocator allocator;
  hone_options options = allocator.options();
  options.state_capacity = 8;
  Rows session(options);
  Expected expected;
  EXPECT_EQ(session.add(expected, 2, 6), "");
  int64_t bytes = infoOf(session.state()).memory_bytes;
  EXPECT_EQ(infoOf(session.state()).capacities[0], 8);
  std::vector<char> before = save(session.state());
  EXPECT_EQ(session.add(expected, 2, 3), "state 'past': it would be 9 long, and its capacity is 8; reset or truncate "
                                         "it, or make it with a larger state_capacity");
  EXPECT_EQ(session.error.code, HONE_TOO_SMALL);
  hone_plan plan;
  Added many(2, 3);
  EXPECT_EQ(session.plan({many.value()}, &plan), HONE_TOO_SMALL);
  EXPECT_EQ(session.reserve({many.value()}), HONE_TOO_SMALL);
  EXPECT_EQ(save(session.state()), before);
  EXPECT_EQ(session.add(expected, 2, 2), "");
  for (int run = 3; run <= 8; ++run)
    EXPECT_EQ(session.add(expected, 2, 0), "");
  EXPECT_EQ(session.add(expected, 2, 0).find("state 'runs': it would be 9 long"), 0u);
  EXPECT_EQ(infoOf(session.state()).memory_bytes, bytes);

  // What does not fit leaves what there is alone.
  Rows larger;
  Expected many9;
  EXPECT_EQ(larger.add(many9, 2, 9), "");
  before = save(session.state());
  EXPECT_EQ(hone_state_copy(session.state(), larger.state(), &session.error), HONE_TOO_SMALL);
  EXPECT_STREQ(session.error.message, "state 'past': 9 do not fit into its capacity of 8");
  EXPECT_EQ(load(session.state(), save(larger.state())), HONE_TOO_SMALL);
  EXPECT_EQ(save(session.state()), before);
}

TEST(State, CapacityBeyondMemory) {
  hone_options options = hone_options_default();
  options.threads = 1;
  options.state_capacity = uint64_t(1) << 47;
  Rows unlimited(options);
  Expected expected;
  EXPECT_EQ(unlimited.add(expected, 1, 3), "");
  ++options.state_capacity;
  Rows none(options);
  EXPECT_STREQ(none.error.message, "options: state_capacity is more than 140737488355328");
  State no(growing, options);
  EXPECT_STREQ(no.error.message, none.error.message);
  options.state_capacity = uint64_t(1) << 46;
  Rows session(options);
  EXPECT_EQ(session.add(expected, 1, 3).find("no memory for state 'past' ("), 0u) << session.error.message;
  EXPECT_EQ(session.error.code, HONE_OUT_OF_MEMORY);
}

// Products of dims of several inputs may be anything: an error before anything is computed with them.
TEST(State, DimsThatOverflow) {
  static const int64_t dims[] = {-1, -2, HONE_DIM_CAPACITY}, xDims[] = {-1, 0}, yDims[] = {-2, 0};
  static const hone_program_value inputs[] = {tensorValue("x", xDims, HONE_INT64, 2),
                                              tensorValue("y", yDims, HONE_INT64, 2)};
  static const hone_program_state states[] = {{tensorValue("wide", dims, HONE_INT64, 3), 2, 0}};
  static const hone_program_use wide[] = {{dims, 0, 0}};
  RowsProgram program(false);
  program.main.inputs = inputs;
  program.main.input_count = 2;
  program.main.plan = [](hone_frame *frame) -> int32_t { return frame->lengths[0] = 1, 0; };
  program.main.run = [](hone_frame *) -> int32_t { return 0; };
  program.main.output_count = 0;
  program.main.states = wide;
  program.main.state_count = program.state_count = program.length_count = 1;
  program.states = states;
  program.state_calls = &hone_rt_states;
  hone_library of = makeLibrary(program);
  Session session(1, nullptr, of);
  int64_t shapes[][2] = {{int64_t(1) << 40, 0}, {int64_t(1) << 40, 0}, {1, 0}};
  hone_value x = hone_value_tensor(nullptr, int64Type(), 2, shapes[0]), y = x;
  y.tensor.shape = shapes[1];
  EXPECT_EQ(session.run({x, y}, nullptr, 0), HONE_OUT_OF_MEMORY);
  EXPECT_STREQ(session.error.message, "no memory for state 'wide'");
  x.tensor.shape = y.tensor.shape = shapes[2];
  EXPECT_EQ(session.run({x, y}, nullptr, 0), HONE_OK) << session.error.message;
}

// The host program may ask for what a state holds, before the first run too.
TEST(State, PlanReadsWhatDoesNotGrow) {
  static int64_t seen;
  RowsProgram program(true);
  program.main.plan = [](hone_frame *frame) -> int32_t {
    std::memcpy(&seen, frame->sources[TOTAL], sizeof(seen));
    return planRows(frame);
  };
  hone_library of = makeLibrary(program);
  Session session(1, nullptr, of);
  hone_value outputs[4] = {hone_value_make(), hone_value_make(), hone_value_make(), hone_value_make()};
  hone_plan plan;
  for (int round = 0; round < 2; ++round) {
    seen = -1;
    Added x(1, 1);
    ASSERT_EQ(session.plan({x.value()}, &plan), HONE_OK) << session.error.message;
    EXPECT_EQ(seen, 0);
    ASSERT_EQ(session.run({x.value()}, outputs, 4), HONE_OK);
    EXPECT_EQ(seen, 0);
    ASSERT_EQ(session.plan({x.value()}, &plan), HONE_OK);
    EXPECT_EQ(seen, x.data[0]);
    hone_state *state;
    ASSERT_EQ(hone_session_state(session.handle, &state, nullptr), HONE_OK);
    ASSERT_EQ(hone_state_reset(state, nullptr), HONE_OK);
  }
}

TEST(State, RunThatFails) {
  Rows session;
  Expected expected;
  EXPECT_EQ(session.add(expected, 2, 0), "");
  for (int64_t count : {3, 40}) { // where there is room, and where it has to grow
    EXPECT_EQ(session.add(expected, Added(2, count, badData)), "bad data");
    EXPECT_EQ(infoOf(session.state()).lengths[0], expected.length());
    EXPECT_EQ(session.add(expected, 2, 3), "");
  }

  Rows spoils(mixed);
  Expected sums;
  EXPECT_EQ(spoils.add(sums, 2, 3), "");
  std::vector<char> saved = save(spoils.state());
  State copy(mixed);
  for (int round = 0; round < 3; ++round) {
    int64_t batch = int64_t(sums.rows.size());
    EXPECT_EQ(spoils.add(sums, Added(batch, 3, badData)), "bad data");
    EXPECT_EQ(spoils.add(sums, batch, 3), unknownState);
    EXPECT_EQ(spoils.error.code, HONE_INVALID_ARGUMENT);
    uint64_t bytes;
    EXPECT_EQ(hone_state_save(spoils.state(), nullptr, 0, &bytes, &spoils.error), HONE_INVALID_ARGUMENT);
    ASSERT_EQ(hone_state_copy(copy.handle, spoils.state(), nullptr), HONE_OK);
    EXPECT_EQ(hone_state_save(copy.handle, nullptr, 0, &bytes, nullptr), HONE_INVALID_ARGUMENT);
    if (round == 1) {
      ASSERT_EQ(hone_state_reset(spoils.state(), nullptr), HONE_OK);
      sums = {};
      EXPECT_EQ(spoils.add(sums, 5, 1), "");
      saved = save(spoils.state());
    } else {
      ASSERT_EQ(load(spoils.state(), saved), HONE_OK);
      EXPECT_EQ(spoils.add(sums, batch, 1), "");
      saved = save(spoils.state());
    }
  }
}

// The first run decides on the batch; not one that failed, nor a plan, nor memory that was taken ahead.
TEST(State, BatchOfTheFirstRun) {
  CountingAllocator allocator;
  Rows session(allocator.options());
  Expected expected;
  hone_plan plan;
  Added reserved(4, 20);
  ASSERT_EQ(session.plan({Added(9, 1).value()}, &plan), HONE_OK);
  ASSERT_EQ(session.reserve({reserved.value()}), HONE_OK);
  EXPECT_EQ(infoOf(session.state()).lengths[0], 0);
  int taken = allocator.taken;
  EXPECT_EQ(session.add(expected, Added(3, 1, badData)), "bad data");
  EXPECT_EQ(session.add(expected, 2, 20), "");
  EXPECT_EQ(allocator.taken, taken);
  EXPECT_EQ(session.add(expected, 3, 1),
            "state 'past': dim 0 of what it holds is 2, and with these inputs 3; reset it, "
            "or use another state for them");
  EXPECT_EQ(session.error.code, HONE_INVALID_ARGUMENT);
  EXPECT_EQ(session.add(expected, 2, 1), "");
}

TEST(State, WrongInputChangesNothing) {
  Rows session;
  Expected expected;
  EXPECT_EQ(session.add(expected, 2, 3), "");
  Added wrong(2, 3);
  wrong.shape[2] = 7;
  EXPECT_EQ(session.add(expected, wrong), "input 'x': dim 2 is 7, expected 2");
  EXPECT_EQ(session.add(expected, 2, 3), "");
}

TEST(State, BufferInTheState) {
  for (bool isForeign : {false, true}) {
    Rows session;
    State foreign;
    if (isForeign) {
      ASSERT_EQ(hone_session_use_state(session.handle, foreign.handle, nullptr), HONE_OK);
    }
    Expected expected;
    calledBack = [] {};
    EXPECT_EQ(session.add(expected, Added(2, 3, callsBack)), "");
    session.outputs[3] = hone_value_buffer(seenPast, 64);
    EXPECT_EQ(session.add(expected, 2, 3),
              "output 'total': its buffer is memory that this session owns; give it memory of its own");
    session.outputs[3] = hone_value_make();
    Added x(2, 3);
    hone_value value = x.value();
    value.tensor.data = seenPast;
    EXPECT_EQ(session.run({value}, session.outputs, 4), HONE_INVALID_ARGUMENT);
    EXPECT_EQ(session.add(expected, x), "");
  }
}

// Each allocation in turn is refused: an error, the state as it was, and the right result once there is memory.
TEST(State, EveryAllocationMayFail) {
  for (const hone_library *of : {&growing, &mixed})
    for (bool isTruncated : {false, true}) {
      bool failed = true;
      for (int refused = 1; failed; ++refused) {
        CountingAllocator allocator;
        allocator.limit = refused;
        {
          Rows session(allocator.options(), *of);
          failed = false;
          Expected expected;
          for (int64_t count : {2, 0, 30, 1, 200}) {
            std::string message = session.add(expected, 2, count);
            if (!message.empty()) {
              failed = true;
              EXPECT_EQ(message.find("no memory for "), 0u) << message;
              EXPECT_EQ(session.error.code, HONE_OUT_OF_MEMORY);
              allocator.limit = 1000;
              EXPECT_EQ(infoOf(session.state()).lengths[0], expected.length());
              EXPECT_EQ(session.add(expected, 2, 1), "") << refused;
              EXPECT_EQ(session.add(expected, 2, count), "") << refused;
            }
            if (isTruncated && of == &growing) {
              ASSERT_EQ(hone_state_truncate(session.state(), 0, 0, nullptr), HONE_OK);
              ASSERT_EQ(hone_state_truncate(session.state(), 1, 0, nullptr), HONE_OK);
              expected = {};
            }
          }
        }
        EXPECT_EQ(allocator.taken, allocator.returned);
        EXPECT_EQ(allocator.bytes, 0);
      }
    }
}

TEST(State, EveryAllocationOfCopyAndLoadMayFail) {
  for (const hone_library *of : {&growing, &mixed}) {
    Rows session(*of);
    Expected small, expected;
    EXPECT_EQ(session.add(small, 1, 2), "");
    std::vector<char> first = save(session.state());
    ASSERT_EQ(hone_state_reset(session.state(), nullptr), HONE_OK);
    EXPECT_EQ(session.add(expected, 30, 40), "");
    std::vector<char> second = save(session.state());
    for (bool copies : {false, true}) {
      hone_status status = HONE_OUT_OF_MEMORY;
      for (int refused = 0; status; ++refused) {
        CountingAllocator allocator;
        {
          State state(*of, allocator.options());
          ASSERT_EQ(load(state.handle, first), HONE_OK);
          allocator.limit = allocator.taken + refused;
          status = copies ? hone_state_copy(state.handle, session.state(), &state.error)
                          : load(state.handle, second, &state.error);
          ASSERT_TRUE(status == HONE_OK || status == HONE_OUT_OF_MEMORY) << state.error.message;
          std::vector<char> held = save(state.handle);
          EXPECT_TRUE(status ? held == first || held.size() == headerBytes : held == second) << "this, or nothing";
          allocator.limit = 1000;
          ASSERT_EQ(load(state.handle, second), HONE_OK);
          EXPECT_EQ(save(state.handle), second);
        }
        EXPECT_EQ(allocator.taken, allocator.returned);
        EXPECT_EQ(allocator.bytes, 0);
      }
    }
  }
}

// What a plan says is enough: for a state of one element, where memory moves, with a state of somebody else.
TEST(State, MemoryLimit) {
  for (const hone_library *of : {&growing, &mixed})
    for (std::vector<int64_t> counts : {std::vector<int64_t>{0, 1}, {1}, {16, 1}, {5, 13, 300, 1}, {100, 200}}) {
      CountingAllocator allocator;
      hone_options options = allocator.options();
      int64_t needed = 0;
      {
        Rows session(options, *of);
        Expected expected;
        for (int64_t count : counts) {
          Added x(2, count);
          hone_plan plan;
          ASSERT_EQ(session.plan({x.value()}, &plan), HONE_OK);
          hone_state_info before = infoOf(session.state());
          int64_t capacity = before.capacities[0];
          ASSERT_EQ(session.plan({x.value()}, &plan), HONE_OK);
          EXPECT_EQ(infoOf(session.state()).capacities[0], capacity) << "a plan takes none";
          EXPECT_EQ(session.add(expected, x), "");
          if (count == counts[0]) {
            EXPECT_EQ(plan.memory_bytes, allocator.bytes);
          }
          needed = std::max(needed, plan.memory_bytes);
        }
      }
      options.memory_limit = uint64_t(needed);
      Rows session(options, *of);
      Expected expected;
      for (int64_t count : counts)
        EXPECT_EQ(session.add(expected, 2, count), "") << count;
      EXPECT_LE(allocator.bytes, needed);
      std::string message = session.add(expected, 2, 1000);
      EXPECT_NE(message.find("its memory_limit is " + std::to_string(needed)), std::string::npos) << message;
      EXPECT_EQ(session.error.code, HONE_OUT_OF_MEMORY);
      EXPECT_EQ(infoOf(session.state()).lengths[0], expected.length());
    }
}

TEST(State, MemoryOfAForeignState) {
  CountingAllocator own, theirs;
  hone_options options = theirs.options();
  options.memory_limit = 20000;
  {
    State state(growing, options);
    int64_t empty = theirs.bytes;
    Rows session(own.options());
    ASSERT_EQ(hone_session_use_state(session.handle, state.handle, nullptr), HONE_OK);
    Added x(2, 100);
    hone_plan plan;
    ASSERT_EQ(session.plan({x.value()}, &plan), HONE_OK);
    Expected expected;
    EXPECT_EQ(session.add(expected, x), "");
    EXPECT_EQ(own.bytes, plan.memory_bytes);
    EXPECT_EQ(theirs.bytes, empty + infoOf(state.handle).memory_bytes);
    std::string message = session.add(expected, 2, 1000);
    EXPECT_NE(message.find("memory_limit is 20000"), std::string::npos) << message;
    EXPECT_EQ(session.add(expected, 2, 1), "");
  }
  EXPECT_EQ(own.bytes + theirs.bytes, 0);
}

TEST(State, OrderOfEnds) {
  CountingAllocator allocator;
  hone_state *state = nullptr;
  hone_options options = allocator.options();
  ASSERT_EQ(hone_state_create(&growing, &options, &state, nullptr), HONE_OK);
  Expected expected;
  for (bool hasOwn : {false, true}) {
    Rows session(options);
    Expected own;
    if (hasOwn) {
      EXPECT_EQ(session.add(own, 1, 20), "");
    }
    ASSERT_EQ(hone_session_use_state(session.handle, state, nullptr), HONE_OK);
    EXPECT_EQ(session.add(expected, 2, 20), "");
  } // the session ends while it uses the state
  Rows session(options);
  ASSERT_EQ(hone_session_use_state(session.handle, state, nullptr), HONE_OK);
  EXPECT_EQ(session.add(expected, 2, 20), "");
  ASSERT_EQ(hone_session_use_state(session.handle, nullptr, nullptr), HONE_OK);
  hone_state_destroy(state);
  Expected own;
  EXPECT_EQ(session.add(own, 1, 20), "");
  hone_session_destroy(session.handle);
  session.handle = nullptr;
  EXPECT_EQ(allocator.taken, allocator.returned);
  EXPECT_EQ(allocator.bytes, 0);
}

// A program whose hone_options end before state_capacity: what lies behind is not looked at.
TEST(State, OlderOptions) {
  hone_options options = hone_options_default();
  options.size = offsetof(hone_options, state_capacity);
  options.threads = 1;
  options.state_capacity = 2;
  Rows session(options);
  State state(growing, options);
  Expected first, second;
  EXPECT_EQ(session.add(first, 1, 20), "");
  ASSERT_EQ(hone_session_use_state(session.handle, state.handle, nullptr), HONE_OK);
  EXPECT_EQ(session.add(second, 1, 20), "");
  hone_state_info info;
  std::memset(&info, 0xee, sizeof(info));
  info.size = offsetof(hone_state_info, memory_bytes);
  ASSERT_EQ(growing.functions->state_info(state.handle, &info, nullptr), HONE_OK);
  EXPECT_EQ(info.lengths[0], 20);
  EXPECT_EQ(info.memory_bytes, int64_t(0xeeeeeeeeeeeeeeee)) << "written behind the older structure's end";
}

// A library that was compiled before there were states ends its table before them.
TEST(State, OlderLibrary) {
  hone_functions functions = hone_rt_functions;
  functions.size = offsetof(hone_functions, state_create);
  hone_library old = growing;
  old.functions = &functions;
  hone_state *state = nullptr;
  hone_error error;
  EXPECT_EQ(hone_state_create(&old, nullptr, &state, &error), HONE_UNSUPPORTED);
  EXPECT_STREQ(error.message, "the library was compiled by a Hone that knew no states: compile the model again");
  hone_session *session = nullptr;
  ASSERT_EQ(hone_session_create(&old, nullptr, &session, nullptr), HONE_OK);
  EXPECT_EQ(hone_session_state(session, &state, nullptr), HONE_UNSUPPORTED);
  EXPECT_EQ(hone_session_use_state(session, nullptr, nullptr), HONE_UNSUPPORTED);
  hone_session_destroy(session);
}
