// The same as program.c with hone.hpp, in C++17: what each call may throw, and that a session goes on behind it.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "found.h"
#include "hone/hone.hpp"
#include "other.h"
#include "repeat.h"
#include "rows.h"
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <numeric>
#include <thread>

extern "C" const hone_library *lookup_library(void);

using Floats = std::vector<float>;
using Integers = std::vector<int64_t>;

static void check(bool holds, const std::string &what) {
  if (holds)
    return;
  std::cerr << "not so: " << what << "\n";
  std::exit(1);
}

/// `call` throws the code, and says `text`.
template <typename Call> static void fails(hone_status code, const std::string &text, Call call) {
  try {
    call();
  } catch (const hone::Error &error) {
    check(error.code() == code && std::string(error.what()).find(text) != std::string::npos, error.what());
    std::cout << "  error " << code << ": " << error.what() << "\n";
    return;
  }
  check(false, "an error: " + text);
}

template <typename T> static std::vector<T> listOf(const hone::Value &value) {
  return {value.data<T>(), value.data<T>() + value.size()};
}

static void entries() {
  hone::Library library(lookup_library());
  hone::Session session(library);
  std::vector<hone::Entry> known = library.entries();
  check(known.size() == 2 && known[0].name == "main" && known[1].name == "count", "main and count");
  Integers ids = {2, 0, 3}, bad = {9};
  Floats scale = {1, 2};
  uint16_t bits[] = {1, 2};
  auto picked = [&](Integers &of) {
    hone::Value matrix = hone::Value::of(of.data(), {1, int64_t(of.size())});
    return listOf<float>(session.run({matrix, hone::Value::of(scale.data(), {2})})[0]);
  };
  auto positive = [&](int32_t entry) {
    hone::Value a(bits, hone_dtype_make(HONE_CODE_BFLOAT, 16), {2});
    return listOf<int64_t>(session.run({hone::Value::of(ids.data(), {3}), a}, entry)[0]);
  };
  for (int round = 0; round < 2; ++round) { // one after the other, in one session
    check(picked(ids) == Floats{20, 42, 0, 2, 30, 62}, "rows of the table, scaled");
    check(positive(1) == Integers{2, 3}, "what is above 0");
    fails(HONE_INVALID_ARGUMENT, "there is no entry 2", [&] { positive(2); });
    fails(HONE_INVALID_ARGUMENT, "there is no entry -1", [&] { library.inputs(-1); });
    fails(HONE_INVALID_ARGUMENT, "an index is outside its dim", [&] { picked(bad); });
  }
}

/// Adds rows that begin with `numbers`; the sum of these numbers and of those before.
static float add(hone::Session &session, const Floats &numbers) {
  Floats x;
  for (float number : numbers)
    x.insert(x.end(), {number, 0, 0, -number});
  Floats sum = listOf<float>(session.run({hone::Value::of(x.data(), {int64_t(numbers.size()), 4})})[0]);
  check(sum.size() == 4 && sum[3] == -sum[0], "four sums");
  return sum[0];
}

static void state() {
  hone_options options = hone_options_default();
  options.state_capacity = 8;
  hone::Library library(rows_library());
  hone::State fork(library);
  hone::Session session(library, options), elsewhere(other_library());
  check(add(session, {1, 2, 3}) == 6, "three rows");
  fails(HONE_TOO_SMALL, "it would be 9 long, and its capacity is 8", [&] { add(session, Floats(6)); });
  check(add(session, {4}) == 10 && session.current().length() == 4, "four rows");

  hone::State own = session.current();
  fork.copy(own); // go on in two ways
  session.use(fork);
  check(add(session, {7}) == 17, "the fork goes on");
  session.useOwn();
  std::vector<char> saved = own.save(), cut(saved.begin(), saved.end() - 1);
  own.truncate(2);
  check(add(session, {5}) == 8, "two rows, and another one");
  fails(HONE_INVALID_ARGUMENT, "cannot be truncated to 4, it is 3 long", [&] { own.truncate(4); });
  own.reset();
  check(add(session, {5}) == 5, "one row");
  fails(HONE_INVALID_ARGUMENT, "no saved state", [&] { own.load(cut); });
  own.load(saved);
  check(add(session, {5}) == 15, "what was saved, and a row");

  hone::State foreign = elsewhere.current();
  fails(HONE_INVALID_ARGUMENT, "the session of another one", [&] { session.use(foreign); });
  fails(HONE_INVALID_ARGUMENT, "the states are of two libraries", [&] { own.copy(foreign); });
  fails(HONE_INVALID_ARGUMENT, "keeps no state", [] { hone::State none{hone::Library(found_library())}; });
  check(add(session, {1}) == 16, "the session goes on");

  // A state serves one run at a time; a session of its own each thread needs.
  std::vector<std::thread> threads;
  std::vector<float> sums(8);
  for (size_t i = 0; i < sums.size(); ++i)
    threads.emplace_back([&sums, &library, i] {
      hone::Session mine(library);
      for (int round = 0; round < 50; ++round)
        sums[i] = add(mine, {float(i), 1});
    });
  for (std::thread &thread : threads)
    thread.join();
  for (size_t i = 0; i < sums.size(); ++i)
    check(sums[i] == 50 * (float(i) + 1), "each thread's own rows");
}

static void unknownSizes() {
  hone_options options = hone_options_default();
  options.memory_limit = 1 << 16; // bytes
  hone::Session session(found_library(), options);
  Floats x = {0, 5, 0, 0, 6, 7}, many(1 << 16, 1);
  auto of = [](Floats &values) { return std::vector{hone::Value::of(values.data(), {int64_t(values.size())})}; };
  check(session.plan(of(x)).outputs[0].shape() == Integers{1, -1}, "only the run knows how many");
  int64_t room[2];
  for (int round = 0; round < 2; ++round) {
    check(listOf<int64_t>(session.run(of(x))[0]) == Integers{1, 4, 5}, "places of what is not 0");
    std::vector<hone::Value> small = {hone::Value::buffer(room, sizeof(room))};
    fails(HONE_TOO_SMALL, "needs 24 bytes, but its buffer has 16", [&] { session.run(of(x), small); });
    fails(HONE_OUT_OF_MEMORY, "its memory_limit is 65536", [&] { session.run(of(many)); });
  }
}

static void loops() {
  const int64_t endless = std::numeric_limits<int64_t>::max();
  hone_options steps = hone_options_default(), memory = steps;
  steps.step_limit = 100;
  memory.memory_limit = 1 << 16;
  hone::Session byStep(repeat_library(), steps), byMemory(repeat_library(), memory), byHand(repeat_library());
  auto repeat = [](hone::Session &session, int64_t n) {
    Floats x = {3, 4};
    std::vector<hone::Value> outputs = session.run({hone::Value::of(&n, {}), hone::Value::of(x.data(), {2})});
    Floats y = listOf<float>(outputs[0]);
    check(std::accumulate(y.begin(), y.end(), 0.f) == 7 * float(n + 1), "n times x");
  };
  fails(HONE_CANCELLED, "the loop goes on after 100 steps", [&] { repeat(byStep, endless); });
  fails(HONE_OUT_OF_MEMORY, "its memory_limit is 65536", [&] { repeat(byMemory, endless); });
  std::atomic<bool> isOver{false};
  std::thread canceller([&] {
    while (!isOver) { // a run that begins only now forgets what was cancelled before
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      byHand.cancel();
    }
  });
  fails(HONE_CANCELLED, "cancelled", [&] { repeat(byHand, endless); });
  isOver = true;
  canceller.join();
  for (hone::Session *session : {&byStep, &byMemory, &byHand})
    repeat(*session, 100);
}

static void nulls() {
  hone::Session session(found_library()), moved = std::move(session);
  Floats x = {1, 0};
  std::vector<hone::Value> good = {hone::Value::of(x.data(), {2})}, noData = {hone::Value::of<float>(nullptr, {2})};
  fails(HONE_INVALID_ARGUMENT, "library is NULL", [] { hone::Library none(nullptr); });
  fails(HONE_INVALID_ARGUMENT, "session is NULL", [&] { session.run(good); });
  fails(HONE_INVALID_ARGUMENT, "data is NULL, expected 8 bytes", [&] { moved.run(noData); });
  fails(HONE_INVALID_ARGUMENT, "0 inputs given, expected 1", [&] { moved.run({}); });
  check(listOf<int64_t>(moved.run(good)[0]) == Integers{0}, "the session goes on");
}

int main() {
  try {
    std::cout << "entries\n", entries();
    std::cout << "state\n", state();
    std::cout << "sizes that only a run knows\n", unknownSizes();
    std::cout << "loops\n", loops();
    std::cout << "NULL\n", nulls();
  } catch (const hone::Error &error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
