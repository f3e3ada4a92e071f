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

static void library_info(const hone_library *library, hone_library_info *info) {
  const hone_program *program = library->program;
  hone_library_info full = {.size = sizeof(full),
                            .input_count = program->input_count,
                            .output_count = program->output_count,
                            .name = program->name,
                            .manifest = program->manifest,
                            .manifest_bytes = program->manifest_bytes};
  hone_rt_fill(info, &full, sizeof(full));
}

static hone_status value_info(const hone_library *library, int32_t is_output, int32_t index, hone_value_info *info) {
  const hone_program *program = library->program;
  if (index < 0 || index >= (is_output ? program->output_count : program->input_count))
    return HONE_INVALID_ARGUMENT;
  const hone_program_value *value = &(is_output ? program->outputs : program->inputs)[index];
  hone_value_info full = {.size = sizeof(full),
                          .rank = value->rank,
                          .name = value->name,
                          .dims = value->dims,
                          .dtype = hone_rt_dtype(value->dtype)};
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
    .value_info = value_info,
    .symbol = symbol,
    .pool_create = hone_rt_pool_create,
    .session_create = hone_rt_session_create,
    .session_destroy = hone_rt_session_destroy,
    .session_plan = hone_rt_session_plan,
    .session_reserve = hone_rt_session_reserve,
    .run = hone_rt_run,
};
