/* All of hone.h that goes beyond a run, in C99: entries, state, sizes that only a run knows, loops, and wrong use,
 * after which a session is as good as before. test_programs.py compiles the models:
 *
 *   lookup  two entries, "main" and "count": see test/python/lookup.c
 *   rows    x float [count, 4] -> sum float [4] of all rows so far: keeps them as state; `other` is another such
 * library found   x float [n] -> places int64 [1, k] of what is not 0 repeat  n int64 [], x float [k] -> y float [m]:
 * x, and n times x behind it, by a loop
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#include "found.h"
#include "other.h"
#include "repeat.h"
#include "rows.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const hone_library *lookup_library(void);

static hone_error error; /* of the last call that failed */

static void check(int holds, const char *what) {
  if (holds)
    return;
  fprintf(stderr, "not so: %s (the last error: %s)\n", what, error.message);
  exit(1);
}

static void succeed(hone_status status) { check(status == HONE_OK, "the call succeeds"); }

/* The call failed as it should, and says `text`. */
static void fail(hone_status status, hone_status expected, const char *text) {
  check(status == expected && error.code == expected && strstr(error.message, text), text);
  printf("  error %d: %s\n", (int)status, error.message);
}

static hone_session *open_session(const hone_library *library, const hone_options *options) {
  hone_session *session = NULL;
  succeed(hone_session_create(library, options, &session, &error));
  return session;
}

static hone_value floats(float *data, int32_t rank, int64_t *shape) {
  return hone_value_tensor(data, hone_dtype_make(HONE_CODE_FLOAT, 32), rank, shape);
}

static hone_value integers(int64_t *data, int32_t rank, int64_t *shape) {
  return hone_value_tensor(data, hone_dtype_make(HONE_CODE_INT, 64), rank, shape);
}

static void entries(void) {
  int64_t ids[3] = {2, 0, 3}, matrix[2] = {1, 3}, three[1] = {3}, two[1] = {2};
  uint16_t bits[2] = {1, 2};
  float scale[2] = {1, 2};
  hone_value inputs[2], counted[2], outputs[3] = {hone_value_make(), hone_value_make(), hone_value_make()};
  hone_session *session = open_session(lookup_library(), NULL);
  hone_entry_info info;
  int round;
  succeed(hone_library_entry(lookup_library(), 1, &info, &error));
  check(!strcmp(info.name, "count"), "the entry's name");
  inputs[0] = integers(ids, 2, matrix);
  inputs[1] = floats(scale, 1, two);
  counted[0] = integers(ids, 1, three);
  counted[1] = hone_value_tensor(bits, hone_dtype_make(HONE_CODE_BFLOAT, 16), 1, two);
  for (round = 0; round < 2; ++round) { /* one after the other, in one session */
    succeed(hone_run(session, 0, inputs, 2, outputs, 3, &error));
    check(((float *)outputs[0].tensor.data)[5] == 62, "picked[0][2][1] is 31 * 2");
    succeed(hone_run(session, 1, counted, 2, outputs, 2, &error));
    check(outputs[0].tensor.shape[0] == 2 && ((int64_t *)outputs[0].tensor.data)[1] == 3, "2 and 3 are above 0");
    fail(hone_run(session, 2, inputs, 2, outputs, 3, &error), HONE_INVALID_ARGUMENT, "there is no entry 2");
    fail(hone_run(session, -1, inputs, 2, outputs, 3, &error), HONE_INVALID_ARGUMENT, "there is no entry -1");
    ids[1] = 9;
    fail(hone_run(session, 0, inputs, 2, outputs, 3, &error), HONE_INVALID_ARGUMENT, "an index is outside its dim");
    ids[1] = 0;
  }
  hone_session_destroy(session);
}

/* Adds `count` rows of `number`; expects the sum of each column. */
static hone_status add(hone_session *session, int64_t count, float number, float expected) {
  float x[8][4], sum[4];
  int64_t shape[2] = {0, 4};
  hone_value input, output = hone_value_buffer(sum, sizeof(sum));
  hone_status status;
  int i;
  shape[0] = count;
  for (i = 0; i < 8 * 4; ++i)
    x[i / 4][i % 4] = number;
  input = floats(x[0], 2, shape);
  status = hone_run(session, rows_entry_main, &input, 1, &output, 1, &error);
  check(status || (sum[0] == expected && sum[3] == expected), "the sum of all rows");
  return status;
}

static void state(void) {
  hone_options options = hone_options_default();
  hone_session *session, *elsewhere = open_session(other_library(), NULL);
  hone_state *own, *fork = NULL, *foreign = NULL;
  hone_state_info info;
  uint64_t bytes;
  char *saved;
  options.state_capacity = 8;
  session = open_session(rows_library(), &options);
  succeed(add(session, 3, 1, 3));
  fail(add(session, 6, 1, 0), HONE_TOO_SMALL, "it would be 9 long, and its capacity is 8");
  succeed(add(session, 5, 2, 13));

  succeed(hone_session_state(session, &own, &error));
  succeed(hone_state_create(rows_library(), NULL, &fork, &error));
  succeed(hone_state_copy(fork, own, &error)); /* go on in two ways */
  succeed(hone_session_use_state(session, fork, &error));
  succeed(add(session, 1, 7, 20));
  succeed(hone_session_use_state(session, NULL, &error));
  succeed(hone_state_truncate(own, 0, 3, &error));
  succeed(add(session, 1, 4, 7));
  fail(hone_state_truncate(own, 0, 5, &error), HONE_INVALID_ARGUMENT, "cannot be truncated to 5, it is 4 long");

  succeed(hone_state_save(own, NULL, 0, &bytes, &error));
  saved = malloc((size_t)bytes);
  check(saved != NULL, "there is memory");
  fail(hone_state_save(own, saved, bytes - 1, &bytes, &error), HONE_TOO_SMALL, "the state takes");
  succeed(hone_state_save(own, saved, bytes, &bytes, &error));
  succeed(hone_state_reset(own, &error));
  succeed(add(session, 1, 1, 1));
  fail(hone_state_load(own, saved, bytes - 1, &error), HONE_INVALID_ARGUMENT, "no saved state");
  succeed(hone_state_load(own, saved, bytes, &error));
  succeed(add(session, 1, 1, 8));
  free(saved);

  succeed(hone_session_state(elsewhere, &foreign, &error));
  fail(hone_session_use_state(session, foreign, &error), HONE_INVALID_ARGUMENT, "the session of another one");
  fail(hone_state_copy(own, foreign, &error), HONE_INVALID_ARGUMENT, "the states are of two libraries");
  fail(hone_state_create(found_library(), NULL, &foreign, &error), HONE_INVALID_ARGUMENT, "keeps no state");
  succeed(hone_state_describe(own, &info, &error));
  check(info.lengths[0] == 5 && info.capacities[0] == 8, "5 rows");
  hone_session_destroy(elsewhere);
  hone_session_destroy(session);
  hone_state_destroy(fork);
}

static void unknown_sizes(void) {
  static float many[1 << 16];
  float x[6] = {0, 5, 0, 0, 6, 7};
  int64_t six[1] = {6}, lots[1] = {1 << 16}, room[2];
  hone_options options = hone_options_default();
  hone_value input = floats(x, 1, six), large = floats(many, 1, lots), output = hone_value_make();
  hone_session *session;
  int i;
  for (i = 0; i < 1 << 16; ++i)
    many[i] = 1;
  options.memory_limit = 1 << 16; /* bytes */
  session = open_session(found_library(), &options);
  for (i = 0; i < 2; ++i) {
    succeed(hone_run(session, found_entry_main, &input, 1, &output, 1, &error));
    check(output.tensor.shape[1] == 3 && ((int64_t *)output.tensor.data)[2] == 5, "places 1, 4 and 5");
    output = hone_value_buffer(room, sizeof(room));
    fail(hone_run(session, found_entry_main, &input, 1, &output, 1, &error), HONE_TOO_SMALL, "needs 24 bytes");
    output = hone_value_make();
    fail(hone_run(session, found_entry_main, &large, 1, &output, 1, &error), HONE_OUT_OF_MEMORY, "memory_limit");
  }
  hone_session_destroy(session);
}

static void *cancel_soon(void *flag) {
  struct timespec pause = {0, 20000000}; /* 20 ms */
  nanosleep(&pause, NULL);
  __atomic_store_n((int32_t *)flag, 1, __ATOMIC_RELAXED);
  return NULL;
}

static hone_status repeat(hone_session *session, int64_t n) {
  float x[2] = {3, 4};
  int64_t two[1] = {2};
  hone_value inputs[2], output = hone_value_make();
  hone_status status;
  inputs[repeat_input_n] = integers(&n, 0, NULL);
  inputs[repeat_input_x] = floats(x, 1, two);
  status = hone_run(session, repeat_entry_main, inputs, 2, &output, 1, &error);
  check(status || (output.tensor.shape[0] == 2 * (n + 1) && ((float *)output.tensor.data)[2 * n + 1] == 4),
        "n times x");
  return status;
}

static void loops(void) {
  const int64_t endless = INT64_MAX;
  hone_options options[3];
  hone_session *sessions[3];
  int32_t flag = 0;
  pthread_t thread;
  int i;
  options[0] = options[1] = options[2] = hone_options_default();
  options[0].step_limit = 100;
  options[1].memory_limit = 1 << 16;
  options[2].cancel = &flag;
  for (i = 0; i < 3; ++i)
    sessions[i] = open_session(repeat_library(), &options[i]);
  fail(repeat(sessions[0], endless), HONE_CANCELLED, "the loop goes on after 100 steps");
  fail(repeat(sessions[1], endless), HONE_OUT_OF_MEMORY, "its memory_limit is 65536");
  check(!pthread_create(&thread, NULL, cancel_soon, &flag), "there is a thread");
  fail(repeat(sessions[2], endless), HONE_CANCELLED, "cancelled");
  pthread_join(thread, NULL);
  flag = 0;
  for (i = 0; i < 3; ++i) {
    succeed(repeat(sessions[i], 100));
    hone_session_destroy(sessions[i]);
  }
}

static void nulls(void) {
  float x[2] = {1, 0};
  int64_t two[1] = {2};
  hone_value good = floats(x, 1, two), no_data = floats(NULL, 1, two), no_shape = floats(x, 1, NULL);
  hone_value output = hone_value_make();
  hone_session *session = open_session(found_library(), NULL);
  fail(hone_session_create(NULL, NULL, &session, &error), HONE_INVALID_ARGUMENT, "library is NULL");
  fail(hone_session_create(found_library(), NULL, NULL, &error), HONE_INVALID_ARGUMENT, "session is NULL");
  fail(hone_run(NULL, 0, &good, 1, &output, 1, &error), HONE_INVALID_ARGUMENT, "session is NULL");
  fail(hone_run(session, 0, NULL, 1, &output, 1, &error), HONE_INVALID_ARGUMENT, "inputs is NULL");
  fail(hone_run(session, 0, &good, 1, NULL, 1, &error), HONE_INVALID_ARGUMENT, "0 outputs given, expected 1");
  fail(hone_run(session, 0, &no_data, 1, &output, 1, &error), HONE_INVALID_ARGUMENT, "data is NULL");
  fail(hone_run(session, 0, &no_shape, 1, &output, 1, &error), HONE_INVALID_ARGUMENT, "shape is NULL");
  fail(hone_session_plan(session, 0, &good, 1, NULL, &error), HONE_INVALID_ARGUMENT, "plan is NULL");
  fail(hone_state_reset(NULL, &error), HONE_INVALID_ARGUMENT, "state is NULL");
  succeed(hone_run(session, 0, &good, 1, &output, 1, &error));
  check(output.tensor.shape[1] == 1, "place 0");
  hone_session_destroy(session);
}

int main(void) {
  puts("entries"), entries();
  puts("state"), state();
  puts("sizes that only a run knows"), unknown_sizes();
  puts("loops"), loops();
  puts("NULL"), nulls();
  return 0;
}
