/* A program of a user, compiled with some hone.h (HEADER), that calls a library built with another one: the model of
 * test/python/lookup.c. Behind each structure that the library fills in stands a mark that it must leave alone.
 *
 *   program LIBRARY    exits with 0 if all is right, with 3 where the library has another version
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include HEADER
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK UINT64_C(0x1122334455667788)
#define MARKED(type, name)                                                                                             \
  struct {                                                                                                             \
    type it;                                                                                                           \
    uint64_t mark;                                                                                                     \
  } name;                                                                                                              \
  memset(&name, 0, sizeof(name));                                                                                      \
  name.mark = MARK
#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "line %d: not so: %s (%s)\n", __LINE__, #condition, error.message);                              \
      return 1;                                                                                                        \
    }                                                                                                                  \
  } while (0)

static hone_error error;
static int blocks;

static void *allocate(void *context, size_t bytes, size_t alignment) {
  ++*(int *)context;
  return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void release(void *context, void *memory, size_t bytes) {
  (void)bytes;
  --*(int *)context;
  free(memory);
}

static void parallel(hone_pool *pool, int32_t limit, hone_task *task, void *argument) {
  (void)pool, (void)limit;
  task(argument, 0);
}

static int describe(const hone_library *library) {
  MARKED(hone_library_info, info);
  MARKED(hone_entry_info, entry);
  MARKED(hone_value_info, value);
  CHECK(!hone_library_describe(library, &info.it, &error));
  CHECK(!strcmp(info.it.name, "lookup") && info.it.entry_count == 2 && info.mark == MARK);
  CHECK(!hone_library_entry(library, 1, &entry.it, &error));
  CHECK(!strcmp(entry.it.name, "count") && entry.it.output_count == 2 && entry.mark == MARK);
  CHECK(!hone_library_output(library, 0, 0, &value.it, &error));
  CHECK(!strcmp(value.it.name, "picked") && value.it.kind == HONE_TENSOR && value.it.rank == 3);
  CHECK(value.it.dtype.bits == 32 && value.it.dims[2] == 2 && value.mark == MARK);
  CHECK(!strcmp(hone_library_symbol(library, value.it.dims[1]), "sequence"));
  return 0;
}

static int run(hone_session *session) {
  int64_t ids[2] = {1, 3}, shape[2] = {1, 2}, scale_shape[1] = {2};
  float scale[2] = {1, 2}, picked[4];
  hone_value inputs[2] = {hone_value_tensor(ids, hone_dtype_make(HONE_CODE_INT, 64), 2, shape),
                          hone_value_tensor(scale, hone_dtype_make(HONE_CODE_FLOAT, 32), 1, scale_shape)};
  struct {
    hone_value values[3];
    uint64_t mark;
  } outputs = {{hone_value_buffer(picked, sizeof(picked)), hone_value_make(), hone_value_make()}, MARK};
  MARKED(hone_plan, plan);
  CHECK(!hone_session_plan(session, 0, inputs, 2, &plan.it, &error));
  CHECK(plan.it.output_count == 3 && plan.it.memory_bytes > 0 && plan.mark == MARK);
  CHECK(hone_plan_output(&plan.it, 0)->tensor.shape[2] == 2);
  CHECK(hone_plan_output(&plan.it, 2)->tensor.shape[0] == 3);
  CHECK(!hone_session_reserve(session, 0, inputs, 2, &error));
  for (int round = 0; round < 2; ++round) {
    CHECK(!hone_run(session, 0, inputs, 2, outputs.values, 3, &error));
    CHECK(picked[0] == 10 && picked[1] == 22 && picked[2] == 30 && picked[3] == 62 && outputs.mark == MARK);
    CHECK(outputs.values[0].tensor.data == picked && outputs.values[0].size == sizeof(hone_value));
    CHECK(*(char *)outputs.values[1].tensor.data == 1 && outputs.values[1].session == session);
    CHECK(((int32_t *)outputs.values[2].tensor.data)[2] == 5 && outputs.values[2].tensor.shape[0] == 3);
  }
  uint16_t bits[2] = {1, 2};
  int64_t room[1];
  hone_value others[2] = {hone_value_tensor(ids, hone_dtype_make(HONE_CODE_INT, 64), 1, scale_shape),
                          hone_value_tensor(bits, hone_dtype_make(HONE_CODE_BFLOAT, 16), 1, scale_shape)};
  outputs.values[0] = hone_value_buffer(ids, 1);
  CHECK(hone_run(session, 1, others, 2, outputs.values, 2, &error) == HONE_INVALID_ARGUMENT);
  outputs.values[0] = hone_value_buffer(room, sizeof(room));
  CHECK(hone_run(session, 1, others, 2, outputs.values, 2, &error) == HONE_TOO_SMALL);
  outputs.values[0] = hone_value_make();
  CHECK(!hone_run(session, 1, others, 2, outputs.values, 2, &error));
  CHECK(outputs.values[0].tensor.shape[0] == 2 && ((int64_t *)outputs.values[0].tensor.data)[1] == 3);
  others[1].kind = HONE_MAP;
  CHECK(hone_run(session, 1, others, 2, outputs.values, 2, &error) == HONE_INVALID_ARGUMENT);
  return 0;
}

int main(int argc, char **argv) {
  void *handle = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  const hone_library *(*open)(void) = NULL;
  hone_allocator allocator = {sizeof(hone_allocator), 0, allocate, release, &blocks};
  hone_pool threads = {sizeof(hone_pool), 1, parallel, NULL}, *pool = NULL;
  hone_options options = hone_options_default();
  hone_session *session = NULL;
  if (!handle)
    return 2;
  *(void **)&open = dlsym(handle, "lookup_library");
  if (hone_library_check(open(), &error)) {
    puts(error.message);
    return error.code;
  }
  if (describe(open()))
    return 1;
  options.allocator = &allocator;
  options.pool = &threads;
  options.memory_limit = 1 << 20;
  CHECK(!hone_session_create(open(), &options, &session, &error));
  CHECK(blocks > 0);
  if (run(session))
    return 1;
  hone_session_destroy(session);
  CHECK(blocks == 0);
  CHECK(!hone_pool_create(open(), 2, &pool, &error));
  hone_pool_destroy(pool);
  CHECK(!hone_session_create(open(), NULL, &session, &error));
  if (run(session))
    return 1;
  hone_session_destroy(session);
  return 0;
}
