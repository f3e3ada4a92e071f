/* What generated code calls for an operator that is a C function: hone.extern "NAME" is hone_op_NAME of
 * runtime/ops/NAME.c. Each stands in an object of its own, which a library has if it calls it.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#ifndef HONE_OPS_H
#define HONE_OPS_H

#include "hone/abi.h"

typedef struct hone_op_tensor {
  void *data; /* contiguous, row-major; a result's holds nothing in particular */
  const int64_t *dims;
  int32_t rank;
  int32_t dtype; /* HONE_FLOAT, … */
} hone_op_tensor;

/* Field order is fixed: generated code stores by offset. */
typedef struct hone_op_arguments {
  const hone_op_tensor *inputs;
  const hone_op_tensor *results;
  const int64_t *parameters; /* numbers that do not change from run to run */
  int64_t input_count;
  int64_t result_count;
  int64_t parameter_count;
  void *scratch; /* 64-byte aligned; holds nothing in particular */
  int64_t scratch_bytes;
  int32_t *failure;      /* as in hone_kernel_context */
  const int32_t *cancel; /* likewise */
} hone_op_arguments;

/* Computes the results. A program may have been written by hand: the function looks at counts, types, dims and
 * scratch_bytes before it relies on them, and calls hone_op_fail if it is not for them. It allocates nothing, and looks
 * at hone_op_is_cancelled every 10 ms. */
typedef void hone_op(const hone_op_arguments *arguments);

static inline void hone_op_fail(const hone_op_arguments *arguments) {
  __atomic_store_n(arguments->failure, 1, __ATOMIC_RELAXED);
}

/* Whether nobody wants the results any more: the function may return. */
static inline int hone_op_is_cancelled(const hone_op_arguments *arguments) {
  return __atomic_load_n(arguments->cancel, __ATOMIC_RELAXED) != 0;
}

static inline int hone_op_has_type(const hone_op_tensor *tensor, int32_t dtype, int32_t rank) {
  return tensor->dtype == dtype && tensor->rank == rank;
}

#endif /* HONE_OPS_H */
