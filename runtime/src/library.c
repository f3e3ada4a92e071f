/* The table of functions behind hone.h, and what it says about a library.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "internal.h"
#include <string.h>

void hone_rt_fill(void *callers, const void *full, uint32_t full_size) {
  uint32_t size;
  memcpy(&size, callers, sizeof(size));
  if (size > full_size)
    size = full_size; /* fields of a newer header keep what they hold */
  if (size > sizeof(size))
    memcpy((char *)callers + sizeof(size), (const char *)full + sizeof(size), size - sizeof(size));
}

bool hone_rt_is_known(const void *callers, uint32_t size, uint32_t known_size) {
  const char *bytes = callers;
  for (uint32_t i = known_size; i < size; ++i)
    if (bytes[i])
      return false;
  return true;
}

static void library_info(const hone_library *library, hone_library_info *info) {
  const hone_program *program = library->program;
  hone_library_info full = {.entry_count = program->entry_count,
                            .name = program->name,
                            .manifest = program->manifest,
                            .manifest_bytes = program->manifest_bytes};
  hone_rt_fill(info, &full, sizeof(full));
}

hone_status hone_rt_check_entry(const hone_program *program, int32_t entry, hone_error *error) {
  if (entry >= 0 && entry < program->entry_count)
    return HONE_OK;
  return hone_rt_error(error, HONE_INVALID_ARGUMENT, "there is no entry %ld: the library has %ld, counted from 0",
                       (long)entry, (long)program->entry_count);
}

static hone_status entry_info(const hone_library *library, int32_t index, hone_entry_info *info, hone_error *error) {
  hone_status status = hone_rt_check_entry(library->program, index, error);
  if (status)
    return status;
  const hone_program_entry *entry = &library->program->entries[index];
  hone_entry_info full = {.input_count = entry->input_count, .output_count = entry->output_count, .name = entry->name};
  hone_rt_fill(info, &full, sizeof(full));
  return HONE_OK;
}

static hone_status value_info(const hone_library *library, int32_t entry_index, int32_t is_output, int32_t index,
                              hone_value_info *info, hone_error *error) {
  hone_status status = hone_rt_check_entry(library->program, entry_index, error);
  if (status)
    return status;
  const hone_program_entry *entry = &library->program->entries[entry_index];
  int32_t count = is_output ? entry->output_count : entry->input_count;
  if (index < 0 || index >= count)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "there is no %s %ld: entry '%s' has %ld, counted from 0",
                         is_output ? "output" : "input", (long)index, entry->name, (long)count);
  const hone_program_value *value = &(is_output ? entry->outputs : entry->inputs)[index];
  hone_value_info full = {.kind = value->kind,
                          .name = value->name,
                          .rank = value->rank,
                          .dtype = hone_rt_dtype(value->dtype),
                          .dims = value->dims,
                          .items = value->items,
                          .item_count = value->item_count};
  hone_rt_fill(info, &full, sizeof(full));
  return HONE_OK;
}

static const char *symbol(const hone_library *library, int64_t dim) {
  const hone_program *program = library->program;
  return dim < 0 && dim >= -program->symbol_count ? program->symbols[-1 - dim] : NULL;
}

/* ---- States: what a library without any answers, and what the others do ---- */

static hone_status check_state(const hone_library *library, hone_error *error) {
  return library->program->state_calls
             ? HONE_OK
             : hone_rt_error(error, HONE_INVALID_ARGUMENT,
                             "the library '%s' keeps no state: its model was compiled without --state",
                             library->program->name);
}

static hone_status state_create(const hone_library *library, const hone_options *options, hone_state **state,
                                hone_error *error) {
  hone_status status = check_state(library, error);
  return status ? status : library->program->state_calls->create(library, options, state, error);
}

static hone_status session_state(hone_session *session, hone_state **state, hone_error *error) {
  hone_status status = check_state(session->library, error);
  return status ? status : session->library->program->state_calls->of_session(session, state, error);
}

static hone_status session_use_state(hone_session *session, hone_state *state, hone_error *error) {
  hone_status status = check_state(session->library, error);
  return status ? status : session->library->program->state_calls->use(session, state, error);
}

/* Who has a state has a library with states. */
static const hone_rt_state_calls *calls(const hone_state *state) { return state->library->program->state_calls; }

static void state_destroy(hone_state *state) { calls(state)->destroy(state); }
static hone_status state_info(hone_state *state, hone_state_info *info, hone_error *error) {
  return calls(state)->info(state, info, error);
}
static hone_status state_reset(hone_state *state, hone_error *error) { return calls(state)->reset(state, error); }
static hone_status state_truncate(hone_state *state, int32_t length, int64_t size, hone_error *error) {
  return calls(state)->truncate(state, length, size, error);
}
static hone_status state_copy(hone_state *to, const hone_state *from, hone_error *error) {
  return calls(to)->copy(to, from, error);
}
static hone_status state_save(hone_state *state, void *data, uint64_t capacity, uint64_t *bytes, hone_error *error) {
  return calls(state)->save(state, data, capacity, bytes, error);
}
static hone_status state_load(hone_state *state, const void *data, uint64_t bytes, hone_error *error) {
  return calls(state)->load(state, data, bytes, error);
}

const hone_functions hone_rt_functions = {
    .size = sizeof(hone_functions),
    .library_info = library_info,
    .entry_info = entry_info,
    .value_info = value_info,
    .symbol = symbol,
    .pool_create = hone_rt_pool_create,
    .session_create = hone_rt_session_create,
    .session_destroy = hone_rt_session_destroy,
    .session_plan = hone_rt_session_plan,
    .session_reserve = hone_rt_session_reserve,
    .run = hone_rt_run,
    .state_create = state_create,
    .state_destroy = state_destroy,
    .session_state = session_state,
    .session_use_state = session_use_state,
    .state_info = state_info,
    .state_reset = state_reset,
    .state_truncate = state_truncate,
    .state_copy = state_copy,
    .state_save = state_save,
    .state_load = state_load,
};
