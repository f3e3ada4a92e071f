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

hone_status hone_rt_read_options(const hone_options *options, hone_options *known, hone_allocator *allocator,
                                 hone_error *error) {
  *known = hone_options_default();
  *allocator = (hone_allocator){0};
  if (!options)
    return HONE_OK;
  hone_status status =
      read_known("options", options, known, sizeof(*known), "begin with hone_options_default()", error);
  if (status)
    return status;
  if (known->state_capacity > HONE_MAX_DIM)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "options: state_capacity is more than %ld", (long)HONE_MAX_DIM);
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

/* Lays the session out at `base` and returns its bytes. */
static int64_t lay_out(char *base, const hone_program *program) {
  hone_rt_carver c = {base, 0};
  hone_rt_session local;
  hone_rt_session *session = hone_rt_carve(&c, 1, sizeof(*session));
  if (!session)
    session = &local;
  int64_t inputs = 0, outputs = 0, slots = 0, rank = 0;
  for (int32_t i = 0; i < program->entry_count; ++i) {
    const hone_program_entry *entry = &program->entries[i];
    int64_t taken = (int64_t)entry->input_count + entry->state_count;
    inputs = taken > inputs ? taken : inputs;
    outputs = entry->output_count > outputs ? entry->output_count : outputs;
    slots = entry->slot_count > slots ? entry->slot_count : slots;
    for (int32_t j = 0; j < entry->input_count; ++j)
      rank = hone_rt_highest_rank(&entry->inputs[j], rank);
    for (int32_t j = 0; j < entry->output_count; ++j)
      rank = hone_rt_highest_rank(&entry->outputs[j], rank);
  }
  for (int32_t i = 0; i < program->state_count; ++i)
    rank = hone_rt_highest_rank(&program->states[i].value, rank);
  session->output_count = (int32_t)outputs;
  session->slot_count = (int32_t)slots;
  session->inputs = hone_rt_carve(&c, inputs, sizeof(void *));
  session->input_dims = hone_rt_carve_dims(&c, inputs, rank);
  session->sources = hone_rt_carve(&c, inputs, sizeof(void *));
  session->steps = hone_rt_carve_dims(&c, inputs, rank);
  session->begins = hone_rt_carve(&c, inputs, sizeof(uintptr_t));
  session->extents = hone_rt_carve(&c, inputs, sizeof(int64_t));
  session->outputs = hone_rt_carve(&c, outputs, sizeof(void *));
  session->capacities = hone_rt_carve(&c, outputs, sizeof(int64_t));
  session->output_bytes = hone_rt_carve(&c, outputs, sizeof(int64_t));
  session->planned_dims = hone_rt_carve_dims(&c, outputs, rank);
  session->result_dims = hone_rt_carve_dims(&c, outputs, rank);
  session->planned = hone_rt_carve(&c, outputs, sizeof(hone_value));
  session->grown = hone_rt_carve(&c, outputs, sizeof(hone_rt_block));
  session->slots = hone_rt_carve(&c, slots, sizeof(void *));
  session->blocks = hone_rt_carve(&c, slots, sizeof(hone_rt_block));
  session->lengths = hone_rt_carve(&c, program->length_count, sizeof(int64_t));
  session->rooms = hone_rt_carve(&c, program->length_count, sizeof(int64_t));
  session->symbols = hone_rt_carve(&c, program->symbol_count, sizeof(int64_t));
  session->origins = hone_rt_carve(&c, program->symbol_count, sizeof(int64_t));
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
  hone_status status = hone_rt_read_options(options, &known, &allocator, error);
  const hone_program *program = library->program;
  if (!status)
    status = hone_rt_check_cpu(program->cpu_features, hone_rt_cpu_features(), error);
  if (status)
    return status;
  /* The session's own memory is reserved as any other. */
  hone_rt_memory memory;
  hone_rt_set_memory(&memory, &known, &allocator);
  hone_rt_block block;
  status = hone_rt_make(&memory, error, lay_out, program, "a session", &block);
  if (status)
    return status;
  hone_rt_session *session = (hone_rt_session *)block.data;
  session->base.library = library;
  session->program = program;
  session->memory = memory;
  static const int32_t never;
  session->cancel = known.cancel ? known.cancel : &never;
  session->on_launch = known.on_launch;
  session->on_launch_context = known.on_launch_context;
  session->step_limit = hone_rt_limit(known.step_limit);
  session->state_capacity = (int64_t)known.state_capacity;
  session->bytes = block.bytes;
  session->weights = program->weights;
  if (program->sidecar_calls)
    status = program->sidecar_calls->take(program, known.weights, error, &session->weights);
  if (!status)
    status = start_threads(session, &known, error);
  if (status) {
    hone_rt_session_destroy(&session->base);
    return status;
  }
  hone_rt_read_ahead(session->weights, program->weight_bytes);
  *result = &session->base;
  return HONE_OK;
}

void hone_rt_release_blocks(hone_rt_session *session) {
  hone_rt_memory *memory = &session->memory;
  hone_rt_release_block(memory, &session->staging);
  hone_rt_release_block(memory, &session->arena);
  hone_rt_release_block(memory, &session->scratch_block);
  for (int32_t i = 0; i < session->output_count; ++i)
    hone_rt_release_block(memory, &session->grown[i]);
  for (int32_t i = 0; i < session->slot_count; ++i)
    hone_rt_release_block(memory, &session->blocks[i]);
}

void hone_rt_session_destroy(hone_session *base) {
  hone_rt_session *session = (hone_rt_session *)base;
  if (session->owns_pool)
    session->pool->destroy(session->pool);
  if (session->own_state) {
    session->own_state->owner = NULL;
    session->program->state_calls->destroy(&session->own_state->base);
  }
  hone_rt_release_blocks(session);
  if (session->program->sidecar_calls && session->weights)
    session->program->sidecar_calls->give_back(session->program);
  hone_allocator allocator = session->memory.allocator;
  hone_rt_release(&allocator, session, session->bytes);
}
