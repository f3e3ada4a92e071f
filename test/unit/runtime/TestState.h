// A hand-written model that keeps state, for the runtime's tests.
//
// All rows so far, of each sequence of a batch.
//
//   input    x      int64 [batch, new, 2]
//   states   past   int64 [batch, capacity, 2]  all rows; grows by "past", and so its parts move apart
//            tags   float [capacity, 3]         grows by "past"
//            steps  int64 [capacity]            grows by "runs", by one each run: what `past` was
//            total  int64 [batch, 2]            does not grow: sums of all rows; only of the second program
//   outputs  rows   int64 [batch, past + new, 2], tags float [past + new, 3], steps int64 [runs + 1],
//            total  int64 [batch, 2]: that of the state, or zeros
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_TEST_UNIT_RUNTIME_TESTSTATE_H
#define HONE_TEST_UNIT_RUNTIME_TESTSTATE_H

#include "TestModel.h"
#include <algorithm>
#include <atomic>
#include <functional>
#include <gtest/gtest.h>

namespace test {

enum { X, PAST, TAGS, STEPS, PAST_LENGTH, RUNS_LENGTH, TOTAL };
constexpr int64_t badData = -1, callsBack = -2; // what `x` may begin with

inline std::function<void()> calledBack;
inline void *seenPast; // where the last run of `callsBack` found the state

inline int64_t lengthOf(hone_frame *frame, int input) {
  int64_t length;
  std::memcpy(&length, frame->sources[input], sizeof(length));
  return length;
}

inline int32_t planRows(hone_frame *frame) {
  const int64_t *x = frame->input_dims[X];
  frame->lengths[0] = lengthOf(frame, PAST_LENGTH) + x[1];
  frame->lengths[1] = lengthOf(frame, RUNS_LENGTH) + 1;
  const int64_t rows[] = {x[0], frame->lengths[0], 2}, tags[] = {frame->lengths[0], 3}, total[] = {x[0], 2};
  std::copy_n(rows, 3, frame->output_dims[0]);
  std::copy_n(tags, 2, frame->output_dims[1]);
  frame->output_dims[2][0] = frame->lengths[1];
  std::copy_n(total, 2, frame->output_dims[3]);
  return 0;
}

inline int32_t runRows(hone_frame *frame, bool hasTotal) {
  auto *x = static_cast<const int64_t *>(frame->inputs[X]);
  const int64_t batch = frame->input_dims[X][0], added = frame->input_dims[X][1];
  const int64_t room = frame->input_dims[PAST][1], before = lengthOf(frame, PAST_LENGTH), behind = before + added;
  const int64_t runs = lengthOf(frame, RUNS_LENGTH);
  auto *past = static_cast<int64_t *>(frame->inputs[PAST]), *steps = static_cast<int64_t *>(frame->inputs[STEPS]);
  auto *tags = static_cast<float *>(frame->inputs[TAGS]);
  auto *total = hasTotal ? static_cast<int64_t *>(frame->inputs[TOTAL]) : nullptr;
  const int64_t first = batch && added ? x[0] : 0;
  if (first == callsBack) {
    seenPast = past;
    calledBack();
  }
  for (int64_t b = 0; b < batch; ++b) {
    std::copy_n(x + b * added * 2, added * 2, past + (b * room + before) * 2);
    for (int64_t i = 0; total && i < added * 2; ++i)
      total[b * 2 + i % 2] += x[b * added * 2 + i];
  }
  if (first == badData)
    return hone_rt_fail(frame, "bad data", 0, 0);
  for (int64_t i = 0; i < added * 3; ++i)
    tags[before * 3 + i] = float(before * 3 + i);
  steps[runs] = before;
  for (int64_t b = 0; b < batch; ++b)
    std::copy_n(past + b * room * 2, behind * 2, static_cast<int64_t *>(frame->outputs[0]) + b * behind * 2);
  std::copy_n(tags, behind * 3, static_cast<float *>(frame->outputs[1]));
  std::copy_n(steps, runs + 1, static_cast<int64_t *>(frame->outputs[2]));
  for (int64_t i = 0; i < batch * 2; ++i)
    static_cast<int64_t *>(frame->outputs[3])[i] = total ? total[i] : 0;
  return 0;
}

inline const int64_t xDims[] = {-1, -2, 2}, pastDims[] = {-1, HONE_DIM_CAPACITY, 2},
                     tagsDims[] = {HONE_DIM_CAPACITY, 3}, stepsDims[] = {HONE_DIM_CAPACITY}, totalDims[] = {-1, 2};
inline const int64_t rowsDims[] = {-1, HONE_DIM_PLAN, 2}, allTagsDims[] = {HONE_DIM_PLAN, 3},
                     allStepsDims[] = {HONE_DIM_PLAN};
inline const hone_program_value xValue = tensorValue("x", xDims, HONE_INT64, 3);
inline const hone_program_value rowsOutputs[] = {
    tensorValue("rows", rowsDims, HONE_INT64, 3), tensorValue("tags", allTagsDims, HONE_FLOAT, 2),
    tensorValue("steps", allStepsDims, HONE_INT64, 1), tensorValue("total", totalDims, HONE_INT64, 2)};
inline const hone_program_state rowsStates[] = {{tensorValue("past", pastDims, HONE_INT64, 3), 1, 0},
                                                {tensorValue("tags", tagsDims, HONE_FLOAT, 2), 0, 0},
                                                {tensorValue("steps", stepsDims, HONE_INT64, 1), 0, 1},
                                                {tensorValue("total", totalDims, HONE_INT64, 2), 0, -1}};
inline const char *const rowsLengths[] = {"past", "runs"}, *const rowsSymbols[] = {"batch", "new"};
inline const hone_program_use uses[] = {{pastDims, 0, 0}, {tagsDims, 1, 0}, {stepsDims, 2, 0},
                                        {nullptr, -1, 0}, {nullptr, -2, 0}, {totalDims, 3, 0}}; // as enumerated above

/// The program with `total`, or without it.
struct RowsProgram : Program {
  explicit RowsProgram(bool hasTotal, const char *digestText = "0123456789abcdef") {
    main = {};
    main.name = "main";
    main.inputs = &xValue;
    main.outputs = rowsOutputs;
    main.plan = planRows;
    main.run = hasTotal ? [](hone_frame *frame) { return runRows(frame, true); }
                        : [](hone_frame *frame) { return runRows(frame, false); };
    main.input_count = 1;
    main.output_count = 4;
    main.states = uses;
    main.state_count = hasTotal ? 6 : 5;
    name = "rows";
    symbols = rowsSymbols;
    states = rowsStates;
    state_count = hasTotal ? 4 : 3;
    lengths = rowsLengths;
    length_count = 2;
    digest = digestText;
    state_calls = &hone_rt_states;
  }
};
inline const RowsProgram growingProgram(false), mixedProgram(true), sameModel(false), otherModel(false, "another");
inline const hone_library growing = makeLibrary(growingProgram), mixed = makeLibrary(mixedProgram),
                          again = makeLibrary(sameModel), other = makeLibrary(otherModel);

inline const char unknownState[] =
    "the state is unknown since a run failed that was changing it; reset it, or load one";
inline const char stateInUse[] = "the state is in use by another thread";

/// An input, with values of its own.
struct Added {
  std::vector<int64_t> data;
  int64_t shape[3];

  Added(int64_t batch, int64_t count, int64_t first = 0) : data(size_t(batch * count * 2)), shape{batch, count, 2} {
    static std::atomic<int64_t> next{1};
    for (int64_t &each : data)
      each = next++;
    if (first && data.size())
      data[0] = first;
  }
  Added(const Added &) = delete;
  hone_value value() const {
    return hone_value_tensor(const_cast<int64_t *>(data.data()), int64Type(), 3, const_cast<int64_t *>(shape));
  }
};

/// What a state should hold.
struct Expected {
  std::vector<std::vector<int64_t>> rows;
  std::vector<int64_t> steps;
  int64_t count = 0;

  int64_t length() const { return count; }
  void add(const Added &x) {
    steps.push_back(length());
    count += x.shape[1];
    rows.resize(size_t(x.shape[0]));
    for (size_t b = 0; b < rows.size(); ++b)
      rows[b].insert(rows[b].end(), x.data.begin() + int64_t(b) * x.shape[1] * 2,
                     x.data.begin() + int64_t(b + 1) * x.shape[1] * 2);
  }
};

struct Rows : Session {
  hone_value outputs[4] = {hone_value_make(), hone_value_make(), hone_value_make(), hone_value_make()};
  bool hasTotal;

  explicit Rows(const hone_library &of = growing) : Session(1, nullptr, of), hasTotal(&of == &mixed) {}
  Rows(const hone_options &options, const hone_library &of = growing) : Session(options, of), hasTotal(&of == &mixed) {}

  hone_status give(const Added &x) { return run({x.value()}, outputs, 4); }
  /// Runs and compares; the text of the error, or of what is wrong.
  std::string add(Expected &expected, const Added &x) {
    if (give(x))
      return error.message;
    expected.add(x);
    std::vector<int64_t> rows, total(expected.rows.size() * 2);
    for (size_t b = 0; b < expected.rows.size(); ++b) {
      rows.insert(rows.end(), expected.rows[b].begin(), expected.rows[b].end());
      for (size_t i = 0; hasTotal && i < expected.rows[b].size(); ++i)
        total[2 * b + i % 2] += expected.rows[b][i];
    }
    if (outputs[0].tensor.shape[1] != expected.length() || !holds(0, rows))
      return "wrong 'rows'";
    std::vector<float> tags;
    for (int64_t i = 0; i < expected.length() * 3; ++i)
      tags.push_back(float(i));
    if (outputs[1].tensor.shape[0] != expected.length() || !holds(1, tags))
      return "wrong 'tags'";
    if (outputs[2].tensor.shape[0] != int64_t(expected.steps.size()) || !holds(2, expected.steps))
      return "wrong 'steps'";
    return holds(3, total) ? "" : "wrong 'total'";
  }
  std::string add(Expected &expected, int64_t batch, int64_t count) { return add(expected, Added(batch, count)); }

  hone_state *state() {
    hone_state *used = nullptr;
    EXPECT_EQ(hone_session_state(handle, &used, &error), HONE_OK);
    return used;
  }
  template <typename T> bool holds(int output, const std::vector<T> &expected) const {
    return expected.empty() || !std::memcmp(outputs[output].tensor.data, expected.data(), expected.size() * sizeof(T));
  }
};

/// A state of its own.
struct State {
  hone_state *handle = nullptr;
  hone_error error = {HONE_OK, ""};

  explicit State(const hone_library &of = growing, const hone_options &options = hone_options_default()) {
    hone_state_create(&of, &options, &handle, &error);
  }
  State(const State &) = delete;
  ~State() { hone_state_destroy(handle); }
};

inline hone_state_info infoOf(hone_state *state) {
  hone_state_info info;
  EXPECT_EQ(hone_state_describe(state, &info, nullptr), HONE_OK);
  return info;
}

inline std::vector<char> save(hone_state *state) {
  uint64_t bytes = 0, written = 0;
  EXPECT_EQ(hone_state_save(state, nullptr, 0, &bytes, nullptr), HONE_OK);
  std::vector<char> data(bytes);
  EXPECT_EQ(hone_state_save(state, data.data(), bytes, &written, nullptr), HONE_OK);
  EXPECT_EQ(written, bytes);
  EXPECT_EQ(infoOf(state).saved_bytes, int64_t(bytes));
  return data;
}

inline hone_status load(hone_state *state, const std::vector<char> &data, hone_error *error = nullptr) {
  return hone_state_load(state, data.data(), data.size(), error);
}

constexpr size_t headerBytes = 88, tableBytes = 8 * (2 + 3 + 2 + 1);

} // namespace test

#endif
