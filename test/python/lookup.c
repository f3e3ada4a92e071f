/* A small model as the compiler would write it, by hand, for the tests of the Python package:
 *
 *   inputs   input_ids int64 [batch, sequence], odd/scale:0 float [2]
 *   outputs  picked float [batch, sequence, 2] = FACTOR * table[input_ids] * scale, any bool [] (is an id not 0?),
 *            odd int32 [?]
 *
 * and a second entry, "count":
 *
 *   inputs   input_ids int64 [n], a bfloat16 [2]
 *   outputs  positive int64 [?] = the ids above 0, of which only the run knows how many; b bfloat16 [2] = a
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#define _DEFAULT_SOURCE /* usleep */
#include "hone/abi.h"
#include "hone/hone.h"
#include <string.h>
#include <unistd.h>

extern const hone_functions hone_rt_functions;

#ifndef FACTOR
#define FACTOR 1
#endif
static const float table[8] = {0, 1, 10, 11, 20, 21, 30, 31};

static void pick(const hone_kernel_context *context, int64_t begin, int64_t end) {
  const int64_t *ids = context->buffers[0];
  const float *scale = context->buffers[1];
  float *picked = context->buffers[2];
  for (int64_t i = begin; i < end; ++i) {
    if (ids[i] < 0 || ids[i] > 3)
      __atomic_store_n(context->failure, 1, __ATOMIC_RELAXED);
    for (int j = 0; j < 2; ++j)
      picked[2 * i + j] = FACTOR * table[2 * (ids[i] & 3) + j] * scale[j];
  }
}

static const hone_kernel_record kernel = {pick, NULL, "lookup.pick", "generic", 0};
static const hone_launch_record launches[] = {{&kernel, "node 'embed/Gather' (Gather)", "embed/Gather (Gather)"}};

static int32_t plan(hone_frame *frame) {
  frame->output_dims[0][0] = frame->input_dims[0][0];
  frame->output_dims[0][1] = frame->input_dims[0][1];
  frame->output_dims[0][2] = 2;
  frame->output_dims[2][0] = 3;
  return 0;
}

static int32_t run(hone_frame *frame) {
#ifdef SLOW
  usleep(SLOW);
#endif
  int64_t count = frame->input_dims[0][0] * frame->input_dims[0][1];
  const int64_t *ids = frame->inputs[0];
  *(char *)frame->outputs[1] = 0;
  for (int64_t i = 0; i < count; ++i)
    *(char *)frame->outputs[1] |= ids[i] != 0;
  for (int32_t i = 0; i < 3; ++i)
    ((int32_t *)frame->outputs[2])[i] = 2 * i + 1;
  void *buffers[] = {frame->inputs[0], frame->inputs[1], frame->outputs[0]};
  hone_launch launch = {&launches[0], buffers, NULL, count, 64, 0};
  return hone_rt_launch(frame, &launch);
}

static int32_t plan_count(hone_frame *frame) {
  frame->output_dims[1][0] = 2;
  return 0;
}

static int32_t run_count(hone_frame *frame) {
  const int64_t *ids = frame->inputs[0];
  int64_t count = 0;
  for (int64_t i = 0; i < frame->input_dims[0][0]; ++i)
    count += ids[i] > 0;
  int32_t status = hone_rt_output(frame, 0, &count);
  if (status)
    return status;
  int64_t *positive = frame->outputs[0];
  for (int64_t i = 0; i < frame->input_dims[0][0]; ++i)
    if (ids[i] > 0)
      *positive++ = ids[i];
  memcpy(frame->outputs[1], frame->inputs[1], 4);
  return 0;
}

static const int64_t id_dims[] = {-1, -2}, scale_dims[] = {2}, picked_dims[] = {-1, -2, 2},
                     odd_dims[] = {HONE_DIM_PLAN};
static const int64_t count_dims[] = {-3}, positive_dims[] = {HONE_DIM_RUN};
#define TENSOR(name, dims, dtype, rank) {name, dims, dtype, rank, NULL, 0, HONE_TENSOR}
static const hone_program_value inputs[] = {TENSOR("input_ids", id_dims, HONE_INT64, 2),
                                            TENSOR("odd/scale:0", scale_dims, HONE_FLOAT, 1)};
static const hone_program_value outputs[] = {TENSOR("picked", picked_dims, HONE_FLOAT, 3),
                                             TENSOR("any", NULL, HONE_BOOL, 0), TENSOR("odd", odd_dims, HONE_INT32, 1)};
static const hone_program_value count_inputs[] = {TENSOR("input_ids", count_dims, HONE_INT64, 1),
                                                  TENSOR("a", scale_dims, HONE_BFLOAT16, 1)};
static const hone_program_value count_outputs[] = {TENSOR("positive", positive_dims, HONE_INT64, 1),
                                                   TENSOR("b", scale_dims, HONE_BFLOAT16, 1)};
static const hone_program_entry entries[] = {{"main", inputs, outputs, plan, run, 2, 3, 0, 0},
                                             {"count", count_inputs, count_outputs, plan_count, run_count, 2, 2, 0, 0}};
static const char *const symbols[] = {"batch", "sequence", "n"};
static const char manifest[] = "{\"model\": \"lookup\", \"flags\": []}";

static const hone_program program = {
    .name = "lookup",
    .entries = entries,
    .symbols = symbols,
    .manifest = manifest,
    .manifest_bytes = sizeof(manifest) - 1,
    .launches = launches,
    .launch_count = 1,
    .entry_count = 2,
    .symbol_count = 3,
};

#ifndef ABI_VERSION
#define ABI_VERSION HONE_ABI_VERSION
#endif
static const hone_library library = {sizeof(hone_library), ABI_VERSION, &hone_rt_functions, &program};

__attribute__((visibility("default"))) const hone_library *lookup_library(void);
const hone_library *lookup_library(void) { return &library; }
