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
    .state_create = hone_rt_state_create,
    .state_destroy = hone_rt_state_destroy,
    .session_state = hone_rt_session_state,
    .session_use_state = hone_rt_session_use_state,
    .state_info = hone_rt_state_info,
    .state_reset = hone_rt_state_reset,
    .state_truncate = hone_rt_state_truncate,
    .state_copy = hone_rt_state_copy,
    .state_save = hone_rt_state_save,
    .state_load = hone_rt_state_load,
};
