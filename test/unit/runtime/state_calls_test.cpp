// What users do with a state, also wrongly, and from several threads.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestState.h"
#include <random>
#include <thread>

using namespace test;

// Memory of a smaller batch holds nothing of a larger one's.
TEST(State, ResetThenAnotherBatch) {
  for (const hone_library *of : {&growing, &mixed}) {
    CountingAllocator allocator;
    Rows session(allocator.options(), *of);
    for (int64_t batch : {1, 100, 3, 300}) {
      Expected expected;
      for (int64_t count : {2, 30, 1})
        EXPECT_EQ(session.add(expected, batch, count), "") << batch;
      ASSERT_EQ(hone_state_reset(session.state(), nullptr), HONE_OK);
      hone_state_info info = infoOf(session.state());
      EXPECT_EQ(info.lengths[0], 0);
      EXPECT_EQ(info.lengths[1], 0);
      EXPECT_EQ(info.saved_bytes, int64_t(headerBytes));
    }
  }
}

TEST(State, Truncate) {
  Rows session;
  Expected first, expected;
  Added start(3, 5);
  EXPECT_EQ(session.add(first, start), "");
  expected = first;
  EXPECT_EQ(session.add(expected, 3, 30), "");
  hone_state *state = session.state();
  hone_error error;
  EXPECT_EQ(hone_state_truncate(state, 0, 36, &error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "state 'past': cannot be truncated to 36, it is 35 long");
  for (int64_t size : {int64_t(-1), INT64_MIN, INT64_MAX})
    EXPECT_EQ(hone_state_truncate(state, 1, size, nullptr), HONE_INVALID_ARGUMENT);
  for (int32_t length : {-1, 2, INT32_MAX, INT32_MIN})
    EXPECT_EQ(hone_state_truncate(state, length, 0, &error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "there is no length -2147483648: the state has 2, counted from 0");
  EXPECT_EQ(infoOf(state).lengths[0], 35);
  ASSERT_EQ(hone_state_truncate(state, 0, 5, nullptr), HONE_OK);
  ASSERT_EQ(hone_state_truncate(state, 1, 1, nullptr), HONE_OK);
  EXPECT_EQ(session.add(first, 3, 80), "");
  ASSERT_EQ(hone_state_truncate(state, 0, 0, nullptr), HONE_OK);
  ASSERT_EQ(hone_state_truncate(state, 1, 0, nullptr), HONE_OK);
  EXPECT_EQ(session.add(expected, 4, 2).find("state 'past': dim 0 of what it holds is 3"), 0u) << "a reset would do";
  Expected anew;
  EXPECT_EQ(session.add(anew, 3, 200), "");

  Rows sums(mixed);
  Expected total;
  EXPECT_EQ(sums.add(total, 1, 5), "");
  EXPECT_EQ(hone_state_truncate(sums.state(), 0, 5, nullptr), HONE_OK);
  EXPECT_EQ(hone_state_truncate(sums.state(), 0, 4, &error), HONE_INVALID_ARGUMENT);
  EXPECT_NE(std::string(error.message).find("parts of the state that do not grow cannot be taken back"),
            std::string::npos);
  EXPECT_EQ(sums.add(total, 1, 5), "");
}

TEST(State, Copy) {
  for (const hone_library *of : {&growing, &mixed}) {
    CountingAllocator allocator;
    Rows session(*of);
    State fork(*of, allocator.options());
    for (int64_t batch : {2, 50, 7}) { // into memory that is too small, and into memory that is not
      Expected expected;
      EXPECT_EQ(session.add(expected, batch, 5), "");
      EXPECT_EQ(session.add(expected, batch, 20), "");
      ASSERT_EQ(hone_state_copy(fork.handle, session.state(), nullptr), HONE_OK);
      EXPECT_EQ(save(fork.handle), save(session.state()));
      Expected other = expected;
      EXPECT_EQ(session.add(expected, batch, 4), "");
      ASSERT_EQ(hone_session_use_state(session.handle, fork.handle, nullptr), HONE_OK);
      EXPECT_EQ(session.state(), fork.handle);
      EXPECT_EQ(session.add(other, batch, 2), "");
      ASSERT_EQ(hone_session_use_state(session.handle, nullptr, nullptr), HONE_OK);
      EXPECT_EQ(session.add(expected, batch, 40), "");
      EXPECT_EQ(hone_state_copy(session.state(), session.state(), nullptr), HONE_OK);
      EXPECT_EQ(session.add(expected, batch, 1), "");
      ASSERT_EQ(hone_state_reset(session.state(), nullptr), HONE_OK);
    }
    ASSERT_EQ(hone_state_copy(fork.handle, session.state(), nullptr), HONE_OK);
    EXPECT_EQ(infoOf(fork.handle).lengths[0], 0) << "a copy of nothing";
  }
}

TEST(State, SaveAndLoad) {
  for (const hone_library *of : {&growing, &mixed}) {
    Rows session(*of);
    std::vector<char> empty = save(session.state());
    EXPECT_EQ(empty.size(), headerBytes);
    State target(*of);
    for (int64_t batch : {2, 50, 7}) {
      Expected expected;
      EXPECT_EQ(session.add(expected, batch, 5), "");
      EXPECT_EQ(session.add(expected, batch, 20), "");
      std::vector<char> saved = save(session.state());
      const size_t total = of == &mixed ? size_t(batch) * 16 + 16 : 0;
      EXPECT_EQ(saved.size(), headerBytes + tableBytes + size_t(batch) * 25 * 16 + 25 * 12 + 2 * 8 + total);
      // An exact buffer does; one byte less does not, and stays as it is.
      std::vector<char> small(saved.size() - 1, 'x');
      uint64_t bytes = 0;
      hone_error error;
      EXPECT_EQ(hone_state_save(session.state(), small.data(), small.size(), &bytes, &error), HONE_TOO_SMALL);
      EXPECT_EQ(std::string(error.message), "the state takes " + std::to_string(saved.size()) +
                                                " bytes, and there are " + std::to_string(small.size()));
      EXPECT_EQ(bytes, saved.size());
      EXPECT_EQ(small, std::vector<char>(small.size(), 'x'));
      ASSERT_EQ(load(target.handle, saved, &error), HONE_OK) << error.message;
      EXPECT_EQ(save(target.handle), saved);
      ASSERT_EQ(hone_session_use_state(session.handle, target.handle, nullptr), HONE_OK);
      EXPECT_EQ(session.add(expected, batch, 30), "");
      ASSERT_EQ(hone_session_use_state(session.handle, nullptr, nullptr), HONE_OK);
      ASSERT_EQ(load(session.state(), empty), HONE_OK);
      EXPECT_EQ(infoOf(session.state()).lengths[0], 0);
    }
  }
}

TEST(State, OtherLibraries) {
  Rows session, ofAgain(again);
  Expected expected;
  EXPECT_EQ(session.add(expected, 2, 3), "");
  std::vector<char> saved = save(session.state());
  State foreign(other), same(again);
  hone_error error;
  EXPECT_EQ(hone_session_use_state(session.handle, foreign.handle, &error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message,
               "the state is of the library 'rows', and the session of another one, 'rows'; make it with "
               "hone_state_create of the session's library");
  EXPECT_EQ(hone_state_copy(same.handle, session.state(), &error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "the states are of two libraries, 'rows' and 'rows'; save one and load the other, if "
                              "they are of one model");
  EXPECT_EQ(load(foreign.handle, saved, &error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "the state was saved by another model than 'rows'");
  EXPECT_EQ(load(same.handle, saved), HONE_OK);
  ASSERT_EQ(hone_session_use_state(ofAgain.handle, same.handle, nullptr), HONE_OK);
  EXPECT_EQ(ofAgain.add(expected, 2, 3), "");

  hone_state *none = nullptr;
  Session plain;
  const char *text = "the library 'lookup' keeps no state: its model was compiled without --state";
  EXPECT_EQ(hone_state_create(&library, nullptr, &none, &error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, text);
  EXPECT_EQ(hone_session_state(plain.handle, &none, &error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, text);
  EXPECT_EQ(hone_session_use_state(plain.handle, session.state(), &error), HONE_INVALID_ARGUMENT);
  EXPECT_EQ(none, nullptr);
}

TEST(State, NullArguments) {
  Rows session;
  State state;
  hone_error error;
  uint64_t bytes = 0;
  hone_state_info info;
  auto expect = [&](hone_status status, const char *text) {
    EXPECT_EQ(status, HONE_INVALID_ARGUMENT);
    EXPECT_STREQ(error.message, text);
  };
  const char *noState = "state is NULL; hone_session_state gives a session's, hone_state_create makes one";
  const char *noSession = "session is NULL; make one with hone_session_create, and look at what it returns";
  expect(hone_state_create(nullptr, nullptr, &state.handle, &error),
         "library is NULL; pass what the model's NAME_library() returns");
  expect(hone_state_create(&growing, nullptr, nullptr, &error), "state is NULL: nowhere to put the new state");
  expect(hone_session_state(session.handle, nullptr, &error), "state is NULL: nowhere to put the session's");
  expect(hone_session_state(nullptr, &state.handle, &error), noSession);
  expect(hone_session_use_state(nullptr, state.handle, &error), noSession);
  expect(hone_state_describe(nullptr, &info, &error), noState);
  expect(hone_state_describe(state.handle, nullptr, &error), "info is NULL: nowhere to put the description");
  expect(hone_state_reset(nullptr, &error), noState);
  expect(hone_state_truncate(nullptr, 0, 0, &error), noState);
  expect(hone_state_copy(nullptr, state.handle, &error), noState);
  expect(hone_state_copy(state.handle, nullptr, &error), noState);
  expect(hone_state_save(nullptr, nullptr, 0, &bytes, &error), noState);
  expect(hone_state_save(state.handle, nullptr, 0, nullptr, &error), "bytes is NULL: nowhere to put the size");
  expect(hone_state_load(nullptr, &bytes, 8, &error), noState);
  expect(hone_state_load(state.handle, nullptr, 100, &error), "these 0 bytes are no saved state");
  EXPECT_EQ(hone_state_load(state.handle, nullptr, 100, nullptr), HONE_INVALID_ARGUMENT);
  hone_state_destroy(nullptr);
  hone_state *own = nullptr;
  ASSERT_EQ(hone_state_create(&growing, nullptr, &own, nullptr), HONE_OK);
  hone_state_destroy(own);
  Expected expected;
  EXPECT_EQ(session.add(expected, 1, 1), "");
}

// Sizes that fit nothing are refused, and nothing has changed; whatever is taken is harmless.
TEST(State, DamagedBytes) {
  for (const hone_library *of : {&growing, &mixed}) {
    CountingAllocator allocator;
    allocator.limit = INT32_MAX;
    allocator.most = 1 << 20;
    Rows session(allocator.options(), *of);
    Expected expected;
    EXPECT_EQ(session.add(expected, 3, 5), "");
    EXPECT_EQ(session.add(expected, 3, 20), "");
    const std::vector<char> saved = save(session.state());
    const size_t tables = headerBytes + tableBytes + (of == &mixed ? 16 : 0);
    for (size_t size = 0; size <= saved.size(); ++size) { // cut, and what lies behind the end is another's
      std::vector<char> cut(saved.begin(), saved.begin() + int64_t(size));
      EXPECT_EQ(load(session.state(), cut), size == saved.size() ? HONE_OK : HONE_INVALID_ARGUMENT);
    }
    std::vector<char> longer = saved;
    longer.push_back(0);
    EXPECT_EQ(load(session.state(), longer), HONE_INVALID_ARGUMENT);

    std::mt19937_64 random(1);
    const int64_t numbers[] = {
        0, 1, -1, 2, 3, 24, 26, 75, int64_t(1) << 31, int64_t(1) << 47, int64_t(1) << 62, INT64_MAX, INT64_MIN};
    for (int round = 0; round < 5000; ++round) {
      std::vector<char> damaged = saved;
      if (round % 5 == 0) // shorter or longer, and saying so
        damaged.resize(headerBytes + random() % (2 * saved.size()));
      uint64_t bytes = damaged.size();
      std::memcpy(damaged.data() + 72, &bytes, sizeof(bytes));
      for (uint64_t i = random() % 4 + (round % 5 != 0); i > 0; --i) {
        size_t at = random() % std::min(tables, damaged.size());
        if (round % 3 == 0)
          damaged[at] = char(damaged[at] ^ (1 << random() % 8));
        else if ((at &= ~size_t(7)) >= headerBytes)
          std::memcpy(damaged.data() + at, &numbers[random() % std::size(numbers)], 8);
      }
      hone_status status = load(session.state(), damaged, &session.error);
      if (status == HONE_INVALID_ARGUMENT) {
        EXPECT_EQ(save(session.state()), saved);
        continue;
      }
      ASSERT_TRUE(status == HONE_OK || status == HONE_OUT_OF_MEMORY) << session.error.message;
      if (status == HONE_OK) {
        EXPECT_EQ(save(session.state()).size(), damaged.size());
      }
      for (int64_t batch : {3, 0})
        session.give(Added(batch, 7));
      ASSERT_EQ(load(session.state(), saved), HONE_OK);
    }
    EXPECT_EQ(session.add(expected, 3, 4), "");
    if (of == &growing)
      continue;
    // As many bytes, but two batches: no run can use it.
    std::vector<char> odd = saved;
    const int64_t batches[] = {2, 28};
    std::memcpy(odd.data() + headerBytes + 16, &batches[0], 8);
    std::memcpy(odd.data() + headerBytes + tableBytes, &batches[1], 8);
    ASSERT_EQ(load(session.state(), odd), HONE_OK);
    for (int64_t batch : batches)
      EXPECT_EQ(session.give(Added(batch, 1)), HONE_INVALID_ARGUMENT);
    ASSERT_EQ(load(session.state(), saved), HONE_OK);
  }
}

TEST(State, InUse) {
  Rows session, second;
  State shared, free;
  std::vector<char> saved = save(shared.handle);
  ASSERT_EQ(hone_session_use_state(session.handle, shared.handle, nullptr), HONE_OK);
  ASSERT_EQ(hone_session_use_state(second.handle, shared.handle, nullptr), HONE_OK);
  Expected expected, none;
  calledBack = [&] {
    std::thread([&] {
      hone_error error;
      hone_state_info info;
      uint64_t bytes;
      hone_state *state;
      auto expect = [&](hone_status status, const char *text) {
        EXPECT_EQ(status, HONE_INVALID_ARGUMENT);
        EXPECT_STREQ(error.message, text);
      };
      EXPECT_EQ(second.add(none, 2, 3), stateInUse);
      expect(hone_state_describe(shared.handle, &info, &error), stateInUse);
      expect(hone_state_reset(shared.handle, &error), stateInUse);
      expect(hone_state_truncate(shared.handle, 0, 0, &error), stateInUse);
      expect(hone_state_copy(shared.handle, free.handle, &error), stateInUse);
      expect(hone_state_copy(free.handle, shared.handle, &error), stateInUse);
      expect(hone_state_save(shared.handle, nullptr, 0, &bytes, &error), stateInUse);
      expect(load(shared.handle, saved, &error), stateInUse);
      expect(hone_session_state(session.handle, &state, &error), "the session is in use by another thread");
      expect(hone_session_use_state(session.handle, free.handle, &error), "the session is in use by another thread");
      EXPECT_EQ(hone_session_use_state(second.handle, nullptr, nullptr), HONE_OK);
      EXPECT_EQ(second.add(none, 2, 3), "");
    }).join();
  };
  EXPECT_EQ(session.add(expected, Added(2, 3, callsBack)), "");
  EXPECT_EQ(session.add(expected, 2, 30), "");
  ASSERT_EQ(hone_state_copy(free.handle, shared.handle, nullptr), HONE_OK);
}

TEST(State, TwoSessionsAtOnce) {
  State shared;
  std::vector<char> empty = save(shared.handle);
  std::atomic<int64_t> added{0}, wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&] {
      Rows session;
      hone_session_use_state(session.handle, shared.handle, nullptr);
      for (int round = 0; round < 500; ++round) {
        Added x(2, 3);
        hone_status status = session.give(x);
        added += status ? 0 : 3;
        wrong += status && std::string(session.error.message) != stateInUse;
        hone_plan plan;
        wrong += session.plan({x.value()}, &plan) && std::string(session.error.message) != stateInUse;
      }
    });
  threads.emplace_back([&] { // not a state's
    std::vector<char> damaged = empty;
    damaged.back() = 9;
    for (int round = 0; round < 500; ++round)
      wrong += load(shared.handle, damaged) == HONE_OK;
  });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(added, 0);
  EXPECT_EQ(infoOf(shared.handle).lengths[0], added);
}

TEST(State, ManySessions) {
  std::vector<std::thread> threads;
  std::vector<std::string> results(64);
  for (int64_t i = 0; i < 64; ++i)
    threads.emplace_back([&results, i] {
      Rows session(i % 2 ? growing : mixed);
      Expected expected;
      for (int64_t round = 0; round < 20 && results[size_t(i)].empty(); ++round)
        results[size_t(i)] = session.add(expected, 1 + i % 3, round % 7);
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const std::string &result : results)
    EXPECT_EQ(result, "");
}
