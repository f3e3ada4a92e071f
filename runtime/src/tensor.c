/* Element types, sizes and strides of tensors.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "internal.h"
#include <string.h>

hone_dtype hone_rt_dtype(int32_t dtype) {
  switch (dtype) {
  case HONE_FLOAT:
    return hone_dtype_make(HONE_CODE_FLOAT, 32);
  case HONE_DOUBLE:
    return hone_dtype_make(HONE_CODE_FLOAT, 64);
  case HONE_FLOAT16:
    return hone_dtype_make(HONE_CODE_FLOAT, 16);
  case HONE_BFLOAT16:
    return hone_dtype_make(HONE_CODE_BFLOAT, 16);
  case HONE_UINT4:
    return hone_dtype_make(HONE_CODE_UINT, 4);
  case HONE_INT4:
    return hone_dtype_make(HONE_CODE_INT, 4);
  case HONE_INT8:
    return hone_dtype_make(HONE_CODE_INT, 8);
  case HONE_INT16:
    return hone_dtype_make(HONE_CODE_INT, 16);
  case HONE_INT32:
    return hone_dtype_make(HONE_CODE_INT, 32);
  case HONE_INT64:
    return hone_dtype_make(HONE_CODE_INT, 64);
  case HONE_UINT8:
    return hone_dtype_make(HONE_CODE_UINT, 8);
  case HONE_UINT16:
    return hone_dtype_make(HONE_CODE_UINT, 16);
  case HONE_UINT32:
    return hone_dtype_make(HONE_CODE_UINT, 32);
  case HONE_UINT64:
    return hone_dtype_make(HONE_CODE_UINT, 64);
  default: /* HONE_BOOL: the compiler writes no other */
    return hone_dtype_make(HONE_CODE_BOOL, 8);
  }
}

int64_t hone_rt_element_bytes(int32_t dtype) { return (hone_rt_dtype(dtype).bits + 7) / 8; }

int64_t hone_rt_tensor_bytes(const hone_program_value *value, const int64_t *dims) {
  int64_t bytes = hone_rt_element_bytes(value->dtype);
  bool empty = false;
  for (int32_t i = 0; i < value->rank; ++i) {
    empty |= dims[i] == 0;
    if (dims[i] < 0 || __builtin_mul_overflow(bytes, dims[i] ? dims[i] : 1, &bytes))
      return -1;
  }
  if (hone_rt_dtype(value->dtype).bits == 4)
    bytes = bytes / 2 + bytes % 2;
  return empty ? 0 : bytes;
}

bool hone_rt_is_contiguous(const int64_t *dims, const int64_t *strides, int32_t rank) {
  if (!strides)
    return true;
  int64_t expected = 1;
  bool contiguous = true;
  for (int32_t i = rank; i-- > 0; expected *= dims[i]) {
    if (dims[i] == 0)
      return true; /* there is nothing to step over */
    contiguous &= dims[i] == 1 || strides[i] == expected;
  }
  return contiguous;
}

void hone_rt_set_steps(int64_t *steps, const int64_t *dims, const int64_t *strides, int32_t rank,
                       int64_t element_bytes) {
  int64_t next = element_bytes;
  for (int32_t i = rank; i-- > 0; next *= dims[i])
    steps[i] = strides ? strides[i] * element_bytes : next;
}

/* Elements, or bytes of a contiguous run, that are copied between two looks at the cancellation flag: below 1 ms. */
enum { ELEMENTS_PER_LOOK = 1 << 16, BYTES_PER_LOOK = 1 << 20 };

static void copy_elements(char *to, const char *from, int64_t count, int64_t step, int64_t element_bytes) {
  for (int64_t i = 0; i < count; ++i, to += element_bytes, from += step) {
    switch (element_bytes) { /* a memcpy of constant size is one load and one store */
    case 1:
      *to = *from;
      break;
    case 2:
      memcpy(to, from, 2);
      break;
    case 4:
      memcpy(to, from, 4);
      break;
    default:
      memcpy(to, from, 8);
    }
  }
}

/* The dims above contiguous runs of `run` bytes. */
static void copy_runs(char *to, const char *from, const int64_t *dims, const int64_t *strides, int32_t rank,
                      int64_t run, int64_t element_bytes, const int32_t *cancel) {
  if (rank == 0) {
    for (int64_t at = 0; at < run && !hone_rt_is_set(cancel); at += BYTES_PER_LOOK)
      memcpy(to + at, from + at, (size_t)(run - at < BYTES_PER_LOOK ? run - at : BYTES_PER_LOOK));
    return;
  }
  int64_t from_step = strides[0] * element_bytes, to_step = run;
  if (rank == 1 && run == element_bytes) {
    for (int64_t at = 0; at < dims[0] && !hone_rt_is_set(cancel); at += ELEMENTS_PER_LOOK) {
      int64_t left = dims[0] - at;
      copy_elements(to + at * element_bytes, from + at * from_step, left < ELEMENTS_PER_LOOK ? left : ELEMENTS_PER_LOOK,
                    from_step, element_bytes);
    }
    return;
  }
  for (int32_t i = 1; i < rank; ++i)
    to_step *= dims[i];
  for (int64_t i = 0; i < dims[0] && !hone_rt_is_set(cancel); ++i)
    copy_runs(to + i * to_step, from + i * from_step, dims + 1, strides + 1, rank - 1, run, element_bytes, cancel);
}

void hone_rt_copy_strided(char *to, const char *from, const int64_t *dims, const int64_t *strides, int32_t rank,
                          int64_t element_bytes, const int32_t *cancel) {
  int64_t run = element_bytes;
  for (; rank && (dims[rank - 1] == 1 || strides[rank - 1] * element_bytes == run); --rank)
    run *= dims[rank - 1];
  copy_runs(to, from, dims, strides, rank, run, element_bytes, cancel);
}
