/* A run: validate, plan, find memory, execute.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "internal.h"

static hone_status out_of_memory(const hone_rt_session *session, const char *what, int64_t bytes) {
  return hone_rt_error(session->error, HONE_OUT_OF_MEMORY, "no memory for %s (%ld bytes)", what, (long)bytes);
}

static hone_status too_large(const hone_rt_session *session, const hone_program_value *value) {
  return hone_rt_error(session->error, HONE_INVALID_ARGUMENT,
                       "output '%s': its size in bytes overflows; give smaller inputs", value->name);
}

/* Of a program with states. */
static const hone_rt_state_calls *calls(const hone_rt_session *session) { return session->program->state_calls; }

/* A session serves one call at a time; a second one is told so instead of spoiling the first. */
static hone_status enter(hone_rt_session *session, int32_t entry, hone_error *error) {
  hone_status status = hone_rt_check_entry(session->program, entry, error);
  if (status)
    return status;
  if (atomic_exchange_explicit(&session->in_use, true, memory_order_acquire))
    return hone_rt_error(error, HONE_INVALID_ARGUMENT,
                         "the session is in use by another thread; give each thread a session of its own");
  session->error = error;
  session->entry = &session->program->entries[entry];
  return HONE_OK;
}

static hone_status leave(hone_rt_session *session, hone_status status) {
  if (session->entered)
    calls(session)->leave(session, /*is_spoiled=*/false);
  session->error = NULL;
  atomic_store_explicit(&session->in_use, false, memory_order_release);
  return status;
}

static int64_t input_bytes(const hone_rt_session *session, int32_t index) {
  return hone_rt_tensor_bytes(&session->entry->inputs[index], session->input_dims[index]);
}

/* The room for copies of inputs that kernels cannot read where they lie; 0: there are none. */
static hone_status staging_bytes(const hone_rt_session *session, int64_t *bytes) {
  bool fits = true;
  *bytes = 0;
  for (int32_t i = 0; fits && i < session->entry->input_count; ++i)
    if (!session->inputs[i])
      fits = hone_rt_add_aligned(*bytes, input_bytes(session, i), bytes);
  return fits ? HONE_OK : out_of_memory(session, "copies of strided inputs", INT64_MAX);
}

/* Copies such inputs. Ends early where the run is cancelled, which its first launch will say. */
static hone_status stage(hone_rt_session *session, const hone_value *inputs) {
  int64_t bytes, used = 0;
  hone_status status = staging_bytes(session, &bytes);
  if (status || !bytes)
    return status;
  status =
      hone_rt_reserve(&session->memory, session->error, &session->staging, bytes, "copies of strided inputs", NULL);
  if (status)
    return status;
  for (int32_t i = 0; i < session->entry->input_count; ++i) {
    if (session->inputs[i])
      continue;
    const hone_tensor *input = &hone_rt_at(inputs, i)->tensor;
    const int64_t *dims = session->input_dims[i]; /* the plan may have written over the caller's */
    char *copy = session->staging.data + used;
    /* One that is only not aligned is one element of all its bytes. */
    bool contiguous = hone_rt_is_contiguous(dims, input->strides, input->ndim);
    hone_rt_copy_strided(copy, session->sources[i], dims, input->strides, contiguous ? 0 : input->ndim,
                         contiguous ? input_bytes(session, i) : input->dtype.bits / 8, session->cancel);
    hone_rt_add_aligned(used, input_bytes(session, i), &used);
    session->inputs[i] = copy;
  }
  return HONE_OK;
}

/* The program's plan. */
static hone_status plan(hone_rt_session *session, hone_frame *frame) {
  const hone_program_entry *entry = session->entry;
  hone_status status = (hone_status)entry->plan(frame);
  for (int32_t i = 0; !status && i < entry->output_count; ++i) {
    const hone_program_value *value = &entry->outputs[i];
    int64_t *dims = session->planned_dims[i];
    bool is_open = false;
    for (int32_t d = 0; d < value->rank; ++d)
      if (value->dims[d] == HONE_DIM_RUN) {
        is_open = true;
        dims[d] = -1;
      }
    session->output_bytes[i] = hone_rt_tensor_bytes(value, dims);
    if (!is_open && session->output_bytes[i] < 0)
      status = too_large(session, value);
  }
  return status;
}

/* Validation and the program's plan. On success `frame` lacks only memory, and inputs that must be copied are not yet.
 */
static hone_status prepare(hone_rt_session *session, const hone_value *inputs, int32_t input_count, hone_frame *frame) {
  const hone_program_entry *entry = session->entry;
  hone_status status = entry->state_count ? calls(session)->take(session) : HONE_OK;
  if (!status)
    status = hone_rt_validate(session, inputs, input_count);
  if (!status && entry->state_count)
    status = calls(session)->enter(session);
  if (status)
    return status;
  *frame = (hone_frame){.inputs = session->inputs,
                        .input_dims = (const int64_t *const *)session->input_dims,
                        .sources = session->sources,
                        .steps = (const int64_t *const *)session->steps,
                        .outputs = session->outputs,
                        .output_dims = session->planned_dims,
                        .weights = session->weights,
                        .session = &session->base,
                        .slots = session->slots,
                        .lengths = session->lengths};
  return plan(session, frame);
}

/* Makes room in the state. What is planned may ask for it. */
static hone_status settle(hone_rt_session *session, hone_frame *frame) {
  bool has_moved = false;
  if (!session->entered)
    return HONE_OK;
  hone_status status = calls(session)->place(session, &has_moved);
  if (!status && has_moved)
    status = plan(session, frame);
  return status ? status : calls(session)->check_room(session);
}

/* Where the parts of the memory block begin. */
typedef struct layout {
  int64_t scratch;
  int64_t scratch_stride;
  int64_t outputs;
  int64_t total;
} layout;

/* session->outputs tells which outputs the session owns: NULL ones. */
static hone_status lay_out(hone_rt_session *session, const hone_frame *frame, layout *l) {
  int64_t scratch;
  *l = (layout){0};
  bool fits = hone_rt_add_aligned(0, frame->arena_bytes, &l->scratch) &&
              hone_rt_add_aligned(0, frame->scratch_bytes, &l->scratch_stride) &&
              !__builtin_mul_overflow(l->scratch_stride, session->threads, &scratch) &&
              hone_rt_add(l->scratch, scratch, &l->outputs);
  l->total = l->outputs;
  for (int32_t i = 0; fits && i < session->entry->output_count; ++i) {
    int64_t bytes = session->output_bytes[i];
    if (!session->outputs[i] && bytes >= 0)
      fits = hone_rt_add_aligned(l->total, bytes, &l->total);
  }
  return fits ? HONE_OK : out_of_memory(session, "the arena", INT64_MAX);
}

/* Finds the memory and fills in the frame. */
static hone_status place(hone_rt_session *session, hone_frame *frame) {
  layout l;
  hone_status status = lay_out(session, frame, &l);
  if (!status)
    status = hone_rt_reserve(&session->memory, session->error, &session->arena, l.total, "the arena", NULL);
  if (status)
    return status;
  frame->arena = session->arena.data;
  session->scratch = session->arena.data + l.scratch;
  session->scratch_stride = l.scratch_stride;
  int64_t at = l.outputs;
  for (int32_t i = 0; i < session->entry->output_count; ++i) {
    int64_t bytes = session->output_bytes[i];
    if (session->outputs[i] || bytes < 0)
      continue;
    session->outputs[i] = session->arena.data + at;
    hone_rt_add_aligned(at, bytes, &at);
  }
  return HONE_OK;
}

/* The session owns all outputs. */
static void unbind(hone_rt_session *session) {
  for (int32_t i = 0; i < session->entry->output_count; ++i) {
    session->outputs[i] = NULL;
    session->capacities[i] = -1;
  }
}

int32_t hone_rt_output(hone_frame *frame, int32_t index, const int64_t *dims) {
  hone_rt_session *session = (hone_rt_session *)frame->session;
  const hone_program_value *value = &session->entry->outputs[index];
  int64_t bytes = hone_rt_tensor_bytes(value, dims);
  if (bytes < 0)
    return (int32_t)too_large(session, value);
  if (session->capacities[index] >= 0) {
    hone_status status = hone_rt_check_capacity(session, index, bytes);
    if (status)
      return (int32_t)status;
  } else {
    hone_rt_block *block = &session->grown[index];
    hone_status status = hone_rt_reserve(&session->memory, session->error, block, bytes, value->name, "output");
    if (status)
      return (int32_t)status;
    session->outputs[index] = block->data;
    session->has_grown = true;
  }
  for (int32_t d = 0; d < value->rank; ++d)
    session->planned_dims[index][d] = dims[d];
  session->output_bytes[index] = bytes;
  return HONE_OK;
}

int32_t hone_rt_grow(hone_frame *frame, int32_t slot, int64_t bytes, const char *node) {
  hone_rt_session *session = (hone_rt_session *)frame->session;
  if (bytes < 0)
    return hone_rt_error(session->error, HONE_INVALID_ARGUMENT, "%s: its size in bytes overflows; give smaller inputs",
                         node);
  hone_status status = hone_rt_reserve(&session->memory, session->error, &session->blocks[slot], bytes, node, NULL);
  session->slots[slot] = session->blocks[slot].data;
  return (int32_t)status;
}

int32_t hone_rt_iterate(hone_frame *frame, int64_t step, const char *node) {
  hone_rt_session *session = (hone_rt_session *)frame->session;
  if (hone_rt_is_set(session->cancel))
    return hone_rt_error(session->error, HONE_CANCELLED, "%s: cancelled", node);
  if (step < session->step_limit)
    return HONE_OK;
  return hone_rt_error(session->error, HONE_CANCELLED,
                       "%s: the loop goes on after %ld steps, which is the session's step_limit; raise it if this is "
                       "how long the loop should be",
                       node, (long)step);
}

/* Writes what the caller sees of output `index`, as planned or after a run. These fields are in values of any size. */
static void describe(hone_rt_session *session, int32_t index, hone_value *output, void *data, int64_t *dims) {
  const hone_program_value *value = &session->entry->outputs[index];
  bool is_owned = session->capacities[index] < 0;
  output->kind = HONE_TENSOR;
  output->tensor = hone_tensor_make(data, hone_rt_dtype(value->dtype), value->rank, dims);
  output->capacity = is_owned ? 0 : (uint64_t)session->capacities[index];
  output->items = NULL;
  output->item_count = 0;
  output->session = is_owned ? &session->base : NULL;
}

hone_status hone_rt_session_plan(hone_session *base, int32_t entry, const hone_value *inputs, int32_t input_count,
                                 hone_plan *plan, hone_error *error) {
  hone_rt_session *session = (hone_rt_session *)base;
  hone_frame frame;
  layout l;
  int64_t copies, growth = 0, moving = 0;
  hone_status status = enter(session, entry, error);
  if (status)
    return status;
  unbind(session);
  status = prepare(session, inputs, input_count, &frame);
  if (!status)
    status = lay_out(session, &frame, &l);
  if (!status)
    status = staging_bytes(session, &copies);
  if (!status && session->entered)
    status = calls(session)->growth(session, &growth, &moving);
  if (status)
    return leave(session, status);
  /* Blocks do not shrink. */
  int64_t memory = growth;
  bool fits = hone_rt_add(memory, hone_rt_block_growth(&session->arena, l.total), &memory) &&
              (!copies || hone_rt_add(memory, hone_rt_block_growth(&session->staging, copies), &memory)) &&
              hone_rt_add(memory > moving ? memory : moving, session->memory.held, &memory);
  if (!fits)
    return leave(session, out_of_memory(session, "the session", INT64_MAX));
  for (int32_t i = 0; i < session->entry->output_count; ++i) {
    session->planned[i].size = sizeof(hone_value);
    describe(session, i, &session->planned[i], NULL, session->planned_dims[i]);
  }
  hone_plan full = {.output_count = session->entry->output_count,
                    .outputs = session->planned,
                    .arena_bytes = frame.arena_bytes,
                    .memory_bytes = memory};
  hone_rt_fill(plan, &full, sizeof(full));
  return leave(session, HONE_OK);
}

hone_status hone_rt_session_reserve(hone_session *base, int32_t entry, const hone_value *inputs, int32_t input_count,
                                    hone_error *error) {
  hone_rt_session *session = (hone_rt_session *)base;
  hone_frame frame;
  hone_status status = enter(session, entry, error);
  if (status)
    return status;
  unbind(session);
  status = prepare(session, inputs, input_count, &frame);
  if (!status)
    status = settle(session, &frame);
  if (!status)
    status = place(session, &frame);
  if (!status)
    status = stage(session, inputs);
  /* Touch every page, so that the first run meets no page faults. */
  for (int64_t i = 0; !status && i < session->arena.bytes; i += 4096)
    *(volatile char *)(session->arena.data + i) = 0;
  return leave(session, status);
}

hone_status hone_rt_run(hone_session *base, int32_t entry, const hone_value *inputs, int32_t input_count,
                        hone_value *outputs, int32_t output_count, hone_error *error) {
  hone_rt_session *session = (hone_rt_session *)base;
  hone_frame frame;
  hone_status status = enter(session, entry, error);
  if (status)
    return status;
  if (output_count != session->entry->output_count || (!outputs && output_count))
    return leave(session, hone_rt_error(error, HONE_INVALID_ARGUMENT, "%ld outputs given, expected %ld",
                                        outputs ? (long)output_count : 0L, (long)session->entry->output_count));
  status = hone_rt_check_sizes(session, outputs, output_count, true);
  if (!status)
    status = prepare(session, inputs, input_count, &frame);
  if (!status)
    status = settle(session, &frame);
  if (!status)
    status = hone_rt_bind_outputs(session, outputs);
  if (!status)
    status = place(session, &frame);
  if (!status)
    status = stage(session, inputs);
  if (!status) {
    status = (hone_status)session->entry->run(&frame);
    if (session->entered && status)
      calls(session)->leave(session, /*is_spoiled=*/true);
    else if (session->entered)
      calls(session)->commit(session);
  }
  if (status == HONE_OUT_OF_MEMORY)
    hone_rt_release_blocks(session); /* what this run took may be what a smaller one lacks */
  for (int32_t i = 0; !status && i < output_count; ++i)
    if (session->output_bytes[i] < 0)
      status = hone_rt_error(error, HONE_INTERNAL, "output '%s': the run has not told its size",
                             session->entry->outputs[i].name);
  for (int32_t i = 0; !status && i < output_count; ++i) {
    int64_t *dims = session->planned_dims[i]; /* those of the last run are of no use to anybody */
    session->planned_dims[i] = session->result_dims[i];
    session->result_dims[i] = dims;
    describe(session, i, (hone_value *)hone_rt_at(outputs, i), session->outputs[i], dims);
  }
  return leave(session, status);
}
