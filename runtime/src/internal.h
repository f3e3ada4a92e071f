/* What the files of the runtime share. Every name begins with hone_rt_, so that nothing meets a user's name when the
 * library is linked as an object file.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#ifndef HONE_RUNTIME_SRC_INTERNAL_H
#define HONE_RUNTIME_SRC_INTERNAL_H

#include "hone/abi.h"
#include "hone/hone.h"
#include <stdatomic.h>
#include <stdbool.h>

extern const hone_functions hone_rt_functions;

/* Starts of arena slices and of a thread's scratch: a cache line, and the widest vector. */
enum { HONE_RT_ALIGNMENT = 64 };

/* Memory that only grows; its contents do not outlive growth. */
typedef struct hone_rt_block {
  char *data;
  int64_t bytes;
} hone_rt_block;

typedef struct hone_rt_session {
  hone_session base;
  const hone_program *program;
  hone_allocator allocator;
  const int32_t *cancel; /* not NULL */
  hone_launch_callback *on_launch;
  void *on_launch_context;
  hone_pool *pool; /* NULL with one thread */
  bool owns_pool;
  int32_t threads;
  _Atomic bool in_use;
  hone_error *error; /* of the call under way */
  int64_t bytes;     /* of this structure and the arrays behind it */

  hone_rt_block staging; /* contiguous copies of strided inputs */
  hone_rt_block arena;   /* arena, then scratch of each thread, then outputs that the session owns */
  char *scratch;
  int64_t scratch_stride;

  void **inputs;          /* [input_count] */
  int64_t **input_dims;   /* [input_count]: copies, since a caller's may be in what plan fills in */
  const char **sources;   /* [input_count]: hone_frame.sources */
  int64_t **steps;        /* [input_count]: hone_frame.steps */
  void **outputs;         /* [output_count] */
  int64_t **planned_dims; /* [output_count]: what plan fills in */
  int64_t **result_dims;  /* [output_count]: the last run's */
  hone_tensor *planned;   /* [output_count]: what hone_session_plan shows */
  int64_t *symbols;       /* [symbol_count]: sizes */
  int32_t *origins;       /* [symbol_count]: the input that set it, -1: none yet */
} hone_rt_session;

static inline bool hone_rt_is_set(const int32_t *cancel) { return __atomic_load_n(cancel, __ATOMIC_RELAXED); }

/* error.c */

/* Fills in `error` (may be NULL) and returns `code`. Of printf's format it knows %s and %ld. */
__attribute__((format(printf, 3, 4))) hone_status hone_rt_error(hone_error *error, hone_status code, const char *format,
                                                                ...);

/* tensor.c */

/* An abi.h type in DLPack's form. */
hone_dtype hone_rt_dtype(int32_t dtype);
int64_t hone_rt_element_bytes(int32_t dtype);
/* Bytes of a contiguous tensor of the type of `value`; -1 if they do not fit or a dim is negative. A dim of 0 counts as
 * one in that check, so that no product of some of the dims overflows either. */
int64_t hone_rt_tensor_bytes(const hone_program_value *value, const int64_t *dims);
/* True if row-major and without gaps; `strides` may be NULL. */
bool hone_rt_is_contiguous(const int64_t *dims, const int64_t *strides, int32_t rank);
/* Sets the bytes between elements along each dim; `strides`, in elements, may be NULL: row-major without gaps. */
void hone_rt_set_steps(int64_t *steps, const int64_t *dims, const int64_t *strides, int32_t rank,
                       int64_t element_bytes);
/* Copies a strided tensor to contiguous memory; leaves early, part of it copied, once *cancel is not 0. */
void hone_rt_copy_strided(char *to, const char *from, const int64_t *dims, const int64_t *strides, int32_t rank,
                          int64_t element_bytes, const int32_t *cancel);

/* memory.c */

/* Sets *sum to a + b; false on overflow. */
bool hone_rt_add(int64_t a, int64_t b, int64_t *sum);
/* The same with b rounded up to HONE_RT_ALIGNMENT. */
bool hone_rt_add_aligned(int64_t a, int64_t b, int64_t *sum);
void *hone_rt_allocate(const hone_allocator *allocator, int64_t bytes);
void hone_rt_release(const hone_allocator *allocator, void *memory, int64_t bytes);
/* Makes `block` hold at least `bytes`. False: no memory, and the block is empty. */
bool hone_rt_grow(const hone_allocator *allocator, hone_rt_block *block, int64_t bytes);
/* Tells the system that the weights will be read soon. */
void hone_rt_read_ahead(const hone_program *program);

/* validate.c */

/* Checks inputs against the program and sets the session's inputs, input_dims, sources, steps and symbols. Inputs that
 * must be copied (strided or unaligned ones) keep NULL in session->inputs. */
hone_status hone_rt_validate(hone_rt_session *session, const hone_tensor *inputs, int32_t input_count);
/* Checks and sets session->outputs from the caller's buffers; those that the session owns become NULL. */
hone_status hone_rt_bind_outputs(hone_rt_session *session, const hone_output *outputs);

/* library.c */

/* Copies the start of `full` to a structure of the caller's, which begins with its size and may be of another version.
 */
void hone_rt_fill(void *callers, const void *full, uint32_t full_size);

/* session.c and run.c: what hone.h documents */

hone_status hone_rt_session_create(const hone_library *library, const hone_options *options, hone_session **session,
                                   hone_error *error);
void hone_rt_session_destroy(hone_session *session);
hone_status hone_rt_session_plan(hone_session *session, const hone_tensor *inputs, int32_t input_count, hone_plan *plan,
                                 hone_error *error);
hone_status hone_rt_session_reserve(hone_session *session, const hone_tensor *inputs, int32_t input_count,
                                    hone_error *error);
hone_status hone_rt_run(hone_session *session, const hone_tensor *inputs, int32_t input_count, hone_output *outputs,
                        int32_t output_count, hone_error *error);

/* pool.c: likewise */

/* The most threads of a session or pool: fits the fields of a task's state. */
enum { HONE_RT_MAX_THREADS = 1024 };

hone_status hone_rt_pool_create(int32_t threads, hone_pool **pool, hone_error *error);

/* cpu.c */

/* What this processor has: a set of HONE_CPU_*. */
uint32_t hone_rt_cpu_features(void);
/* HONE_UNSUPPORTED, with the name of what is missing, unless `needed` is part of `present`. */
hone_status hone_rt_check_cpu(uint32_t needed, uint32_t present, hone_error *error);

/* cores.c */

/* Cores that the process may use: affinity and cgroup CPU quota. At least 1, at most HONE_RT_MAX_THREADS. */
int32_t hone_rt_allowed_cores(void);
/* The tightest CPU quota of the process's cgroup and its parents in whole cores, at least 1; `most` if there is none.
 * `membership` is /proc/self/cgroup and `root` the mount point, /sys/fs/cgroup; tests pass others. */
int32_t hone_rt_quota(const char *membership, const char *root, int32_t most);

#endif /* HONE_RUNTIME_SRC_INTERNAL_H */
