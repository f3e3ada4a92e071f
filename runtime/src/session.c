/* Sessions: their one allocation, options and threads.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "internal.h"
#include <string.h>

/* Copies what this library knows of the caller's options. Fields that the caller's header lacks keep their defaults;
 * fields that only the caller's header knows must be zero. */
static hone_status read_options(const hone_options *options, hone_options *known, hone_error *error) {
  *known = hone_options_default();
  if (!options)
    return HONE_OK;
  if (options->size < sizeof(options->size))
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "options: size is %ld; begin with hone_options_default()",
                         (long)options->size);
  const char *bytes = (const char *)options;
  for (uint32_t i = sizeof(hone_options); i < options->size; ++i)
    if (bytes[i])
      return hone_rt_error(error, HONE_UNSUPPORTED,
                           "options: one is set that this library does not know; compile the model again");
  hone_rt_fill(known, options, options->size);
  if (known->threads < 0 || known->threads > HONE_RT_MAX_THREADS)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "options: threads is %ld, expected 0 to %ld",
                         (long)known->threads, (long)HONE_RT_MAX_THREADS);
  if (!known->allocator.allocate != !known->allocator.release)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "options: an allocator needs both allocate and release");
  if (known->pool && (known->pool->threads < 1 || !known->pool->parallel))
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "options: a pool needs parallel and at least 1 thread");
  return HONE_OK;
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

static void carve_dims(carver *c, int64_t **dims, const hone_program_value *values, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    int64_t *at = carve(c, values[i].rank, sizeof(int64_t));
    if (dims)
      dims[i] = at;
  }
}

/* Lays the session out at `base` and returns its bytes. */
static int64_t lay_out(char *base, const hone_program *program) {
  carver c = {base, 0};
  hone_rt_session local;
  hone_rt_session *session = carve(&c, 1, sizeof(*session));
  if (!session)
    session = &local;
  session->inputs = carve(&c, program->input_count, sizeof(void *));
  session->input_dims = carve(&c, program->input_count, sizeof(void *));
  session->sources = carve(&c, program->input_count, sizeof(void *));
  session->steps = carve(&c, program->input_count, sizeof(void *));
  session->outputs = carve(&c, program->output_count, sizeof(void *));
  session->planned_dims = carve(&c, program->output_count, sizeof(void *));
  session->result_dims = carve(&c, program->output_count, sizeof(void *));
  session->planned = carve(&c, program->output_count, sizeof(hone_tensor));
  session->symbols = carve(&c, program->symbol_count, sizeof(int64_t));
  session->origins = carve(&c, program->symbol_count, sizeof(int64_t));
  carve_dims(&c, session->input_dims, program->inputs, program->input_count);
  carve_dims(&c, session->steps, program->inputs, program->input_count);
  carve_dims(&c, session->planned_dims, program->outputs, program->output_count);
  carve_dims(&c, session->result_dims, program->outputs, program->output_count);
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
  if (!result)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "session is NULL: nowhere to put the new session");
  hone_status status = read_options(options, &known, error);
  const hone_program *program = library->program;
  if (!status)
    status = hone_rt_check_cpu(program->cpu_features, hone_rt_cpu_features(), error);
  if (status)
    return status;
  int64_t bytes = lay_out(NULL, program);
  hone_rt_session *session = hone_rt_allocate(&known.allocator, bytes);
  if (!session)
    return hone_rt_error(error, HONE_OUT_OF_MEMORY, "no memory for a session (%ld bytes)", (long)bytes);
  memset(session, 0, (size_t)bytes);
  lay_out((char *)session, program);
  session->base.library = library;
  session->program = program;
  session->allocator = known.allocator;
  static const int32_t never;
  session->cancel = known.cancel ? known.cancel : &never;
  session->on_launch = known.on_launch;
  session->on_launch_context = known.on_launch_context;
  session->bytes = bytes;
  status = start_threads(session, &known, error);
  if (status) {
    hone_rt_session_destroy(&session->base);
    return status;
  }
  hone_rt_read_ahead(program);
  *result = &session->base;
  return HONE_OK;
}

void hone_rt_session_destroy(hone_session *base) {
  hone_rt_session *session = (hone_rt_session *)base;
  if (session->owns_pool)
    session->pool->destroy(session->pool);
  hone_allocator allocator = session->allocator;
  hone_rt_release(&allocator, session->staging.data, session->staging.bytes);
  hone_rt_release(&allocator, session->arena.data, session->arena.bytes);
  hone_rt_release(&allocator, session, session->bytes);
}
