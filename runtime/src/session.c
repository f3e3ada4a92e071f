/* Sessions: their one allocation, options and threads.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "internal.h"
#include <string.h>

/* Copies what this library knows of a structure of the caller's. Fields that the caller's header lacks stay as they
 * are; fields that only the caller's header knows must be zero. */
static hone_status read_known(const char *what, const void *given, void *known, uint32_t known_size,
                              const char *default_text, hone_error *error) {
  uint32_t size;
  memcpy(&size, given, sizeof(size));
  if (size < sizeof(size))
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "%s: size is %ld; %s", what, (long)size, default_text);
  if (!hone_rt_is_known(given, size, known_size))
    return hone_rt_error(error, HONE_UNSUPPORTED,
                         "%s: one is set that this library does not know; compile the model again", what);
  memcpy(known, given, size < known_size ? size : known_size);
  return HONE_OK;
}

static hone_status read_options(const hone_options *options, hone_options *known, hone_allocator *allocator,
                                hone_error *error) {
  *known = hone_options_default();
  *allocator = (hone_allocator){0};
  if (!options)
    return HONE_OK;
  hone_status status =
      read_known("options", options, known, sizeof(*known), "begin with hone_options_default()", error);
  if (status)
    return status;
  if (known->threads < 0 || known->threads > HONE_RT_MAX_THREADS)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "options: threads is %ld, expected 0 to %ld",
                         (long)known->threads, (long)HONE_RT_MAX_THREADS);
  if (known->pool && (known->pool->size < HONE_RT_POOL_BYTES || known->pool->threads < 1 || !known->pool->parallel))
    return hone_rt_error(error, HONE_INVALID_ARGUMENT,
                         "options: a pool needs its size, parallel, and at least 1 thread");
  if (!known->allocator)
    return HONE_OK;
  status = read_known("options: allocator", known->allocator, allocator, sizeof(*allocator),
                      "set it to sizeof(hone_allocator)", error);
  if (!status && (!allocator->allocate || !allocator->release))
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "options: an allocator needs both allocate and release");
  return status;
}

/* Hands out the arrays that stand behind the structure; with base NULL it only counts. */
typedef struct carver {
  char *base;
  int64_t used;
} carver;

static void *carve(carver *c, int64_t count, size_t element_bytes) {
  void *at = c->base ? c->base + c->used : NULL;
  c->used += count * (int64_t)((element_bytes + 7) & ~(size_t)7);
  return at;
}

static int64_t **carve_dims(carver *c, int64_t count, int64_t rank) {
  int64_t **dims = carve(c, count, sizeof(*dims));
  for (int64_t i = 0; i < count; ++i) {
    int64_t *at = carve(c, rank, sizeof(*at));
    if (dims)
      dims[i] = at;
  }
  return dims;
}

/* The highest rank of the values, at least `rank`. */
static int64_t highest_rank(const hone_program_value *values, int32_t count, int64_t rank) {
  for (int32_t i = 0; i < count; ++i)
    if (values[i].rank > rank)
      rank = values[i].rank;
  return rank;
}

/* Lays the session out at `base` and returns its bytes. */
static int64_t lay_out(char *base, const hone_program *program) {
  carver c = {base, 0};
  hone_rt_session local;
  hone_rt_session *session = carve(&c, 1, sizeof(*session));
  if (!session)
    session = &local;
  int64_t inputs = 0, outputs = 0, slots = 0, rank = 0;
  for (int32_t i = 0; i < program->entry_count; ++i) {
    const hone_program_entry *entry = &program->entries[i];
    inputs = entry->input_count > inputs ? entry->input_count : inputs;
    outputs = entry->output_count > outputs ? entry->output_count : outputs;
    slots = entry->slot_count > slots ? entry->slot_count : slots;
    rank = highest_rank(entry->inputs, entry->input_count, rank);
    rank = highest_rank(entry->outputs, entry->output_count, rank);
  }
  session->output_count = (int32_t)outputs;
  session->slot_count = (int32_t)slots;
  session->inputs = carve(&c, inputs, sizeof(void *));
  session->input_dims = carve_dims(&c, inputs, rank);
  session->sources = carve(&c, inputs, sizeof(void *));
  session->steps = carve_dims(&c, inputs, rank);
  session->begins = carve(&c, inputs, sizeof(uintptr_t));
  session->extents = carve(&c, inputs, sizeof(int64_t));
  session->outputs = carve(&c, outputs, sizeof(void *));
  session->capacities = carve(&c, outputs, sizeof(int64_t));
  session->output_bytes = carve(&c, outputs, sizeof(int64_t));
  session->planned_dims = carve_dims(&c, outputs, rank);
  session->result_dims = carve_dims(&c, outputs, rank);
  session->planned = carve(&c, outputs, sizeof(hone_value));
  session->grown = carve(&c, outputs, sizeof(hone_rt_block));
  session->slots = carve(&c, slots, sizeof(void *));
  session->blocks = carve(&c, slots, sizeof(hone_rt_block));
  session->symbols = carve(&c, program->symbol_count, sizeof(int64_t));
  session->origins = carve(&c, program->symbol_count, sizeof(int64_t));
  return c.used;
}

/* Lends or makes the pool. One thread needs none. */
static hone_status start_threads(hone_rt_session *session, const hone_options *options, hone_error *error) {
  if (options->pool) {
    session->threads = options->pool->threads;
    if (options->threads && options->threads < session->threads)
      session->threads = options->threads;
    session->pool = session->threads > 1 ? options->pool : NULL;
    return HONE_OK;
  }
  session->threads = options->threads ? options->threads : hone_rt_allowed_cores();
  if (session->threads == 1)
    return HONE_OK;
  hone_status status = hone_rt_pool_create(session->threads, &session->pool, error);
  if (!status)
    session->threads = session->pool->threads;
  session->owns_pool = !status;
  return status;
}

hone_status hone_rt_session_create(const hone_library *library, const hone_options *options, hone_session **result,
                                   hone_error *error) {
  hone_options known;
  hone_allocator allocator;
  if (!result)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "session is NULL: nowhere to put the new session");
  hone_status status = read_options(options, &known, &allocator, error);
  const hone_program *program = library->program;
  if (!status)
    status = hone_rt_check_cpu(program->cpu_features, hone_rt_cpu_features(), error);
  if (status)
    return status;
  /* The session's own memory is reserved as any other, by a session that is not there yet. */
  const uint64_t no_limit = INT64_MAX;
  hone_rt_session first = {.allocator = allocator, .error = error, .memory_limit = INT64_MAX};
  if (known.memory_limit && known.memory_limit < no_limit)
    first.memory_limit = (int64_t)known.memory_limit;
  hone_rt_block block = {0};
  status = hone_rt_reserve(&first, &block, lay_out(NULL, program), "a session", false);
  if (status)
    return status;
  hone_rt_session *session = (hone_rt_session *)block.data;
  memset(block.data, 0, (size_t)block.bytes);
  lay_out(block.data, program);
  session->base.library = library;
  session->program = program;
  session->allocator = allocator;
  static const int32_t never;
  session->cancel = known.cancel ? known.cancel : &never;
  session->on_launch = known.on_launch;
  session->on_launch_context = known.on_launch_context;
  session->step_limit = known.step_limit && known.step_limit < no_limit ? (int64_t)known.step_limit : INT64_MAX;
  session->bytes = session->held = block.bytes;
  session->memory_limit = first.memory_limit;
  status = start_threads(session, &known, error);
  if (status) {
    hone_rt_session_destroy(&session->base);
    return status;
  }
  hone_rt_read_ahead(program);
  *result = &session->base;
  return HONE_OK;
}

static void release_block(const hone_allocator *allocator, const hone_rt_block *block) {
  hone_rt_release(allocator, block->data, block->bytes);
}

void hone_rt_session_destroy(hone_session *base) {
  hone_rt_session *session = (hone_rt_session *)base;
  if (session->owns_pool)
    session->pool->destroy(session->pool);
  hone_allocator allocator = session->allocator;
  release_block(&allocator, &session->staging);
  release_block(&allocator, &session->arena);
  release_block(&allocator, &session->scratch_block);
  for (int32_t i = 0; i < session->output_count; ++i)
    release_block(&allocator, &session->grown[i]);
  for (int32_t i = 0; i < session->slot_count; ++i)
    release_block(&allocator, &session->blocks[i]);
  hone_rt_release(&allocator, session, session->bytes);
}
