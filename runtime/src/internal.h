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

/* What structures of version 2 had at first. Programs give at least that. */
enum { HONE_RT_VALUE_BYTES = 88, HONE_RT_POOL_BYTES = 24 };

/* Starts of arena slices and of a thread's scratch: a cache line, and the widest vector. */
enum { HONE_RT_ALIGNMENT = 64 };

/* Memory that only grows; its contents do not outlive growth. */
typedef struct hone_rt_block {
  char *data;
  int64_t bytes;
} hone_rt_block;

/* Where a session or state gets its memory from, and how much of it there is. */
typedef struct hone_rt_memory {
  hone_allocator allocator;
  int64_t held;  /* bytes */
  int64_t limit; /* of `held` */
} hone_rt_memory;

typedef struct hone_rt_state {
  hone_state base;
  const hone_program *program;
  hone_rt_memory *memory; /* its own, or that of the session that it belongs to */
  hone_rt_memory own;
  struct hone_rt_session *owner; /* NULL: it was made by itself */
  int64_t bytes;                 /* of this structure and the arrays behind it */
  int64_t most;                  /* what a length may be at most */
  _Atomic bool in_use;
  bool has_dims;         /* a run has decided on them, and not been forgotten by a reset */
  bool is_spoiled;       /* a run failed that may have written some of what does not grow */
  int64_t *lengths;      /* [length] */
  int64_t *capacities;   /* [length] */
  int64_t **dims;        /* [state]: of the memory */
  hone_rt_block *blocks; /* [state] */
} hone_rt_state;

/* Tables have room for the largest entry. */
typedef struct hone_rt_session {
  hone_session base;
  const hone_program *program;
  const hone_program_entry *entry; /* of the call under way */
  const char *weights;             /* NULL: there are none */
  hone_rt_memory memory;
  hone_rt_state *state;     /* what runs use; NULL: none yet */
  hone_rt_state *own_state; /* ends with the session */
  hone_rt_state *entered;   /* of the call under way */
  const int32_t *cancel;    /* not NULL */
  hone_launch_callback *on_launch;
  void *on_launch_context;
  hone_pool *pool; /* NULL with one thread */
  bool owns_pool;
  int32_t threads;
  _Atomic bool in_use;
  hone_error *error;  /* of the call under way */
  int64_t bytes;      /* of this structure and the arrays behind it */
  int64_t step_limit; /* of each loop */
  int64_t state_capacity;
  int32_t output_count; /* of the tables of outputs */
  int32_t slot_count;
  bool has_grown; /* some of `grown` hold memory */

  hone_rt_block staging;       /* contiguous copies of strided inputs */
  hone_rt_block scratch_block; /* scratch of launches that need more than was planned: sizes that data decide */
  hone_rt_block arena;         /* arena, then scratch of each thread, then outputs that the session owns */
  char *scratch;
  int64_t scratch_stride;

  /* Tables of inputs have the entry's states behind them. */
  void **inputs;          /* [input] */
  int64_t **input_dims;   /* [input]: copies, since a caller's may be in what plan fills in */
  const char **sources;   /* [input]: hone_frame.sources */
  int64_t **steps;        /* [input]: hone_frame.steps */
  uintptr_t *begins;      /* [input]: the first byte that its elements reach */
  int64_t *extents;       /* [input]: bytes from there */
  void **outputs;         /* [output]; NULL: the session owns it, and has no memory for it yet */
  int64_t *capacities;    /* [output]: bytes that the caller lent; -1: none, the session owns it */
  int64_t *output_bytes;  /* [output]: -1 until the run has told its size, where plan does not know it */
  int64_t **planned_dims; /* [output]: what plan fills in; -1: only the run knows, and hone_rt_output fills it in */
  int64_t **result_dims;  /* [output]: the last run's */
  hone_value *planned;    /* [output]: what hone_session_plan shows */
  hone_rt_block *grown;   /* [output]: those that the session owns and of which only the run knows the size */
  void **slots;           /* [slot]: hone_frame.slots */
  hone_rt_block *blocks;  /* [slot]: their memory */
  int64_t *lengths;       /* [length]: hone_frame.lengths */
  int64_t *rooms;         /* [length]: what the state is to have room for */
  int64_t *symbols;       /* [symbol]: sizes */
  int32_t *origins;       /* [symbol]: the input that set it, -1: none yet */
} hone_rt_session;

/* An element of an array whose elements may be larger than this runtime's. */
static inline const hone_value *hone_rt_at(const hone_value *values, int32_t index) {
  return (const hone_value *)((const char *)values + (size_t)index * values->size);
}

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
/* Makes `block` hold at least `bytes`, for `what`: "the arena", or the name of an output ("output") or state ("state"),
 * which `kind` says then. HONE_OUT_OF_MEMORY: beyond the limit, and nothing has changed, or no memory, and the block is
 * empty. */
hone_status hone_rt_reserve(hone_rt_memory *memory, hone_error *error, hone_rt_block *block, int64_t bytes,
                            const char *what, const char *kind);
/* How many bytes more the block has behind hone_rt_reserve of `bytes`, where that takes no more than it must. */
int64_t hone_rt_block_growth(const hone_rt_block *block, int64_t bytes);
/* An option's limit, of which 0 means that there is none. */
int64_t hone_rt_limit(uint64_t given);
/* Sets what options say of memory; `allocator` is read from options->allocator. */
void hone_rt_set_memory(hone_rt_memory *memory, const hone_options *options, const hone_allocator *allocator);
/* Makes memory for a structure of the size that `lay_out` counts, zeroed, and laid out. */
hone_status hone_rt_make(hone_rt_memory *memory, hone_error *error, int64_t (*lay_out)(char *, const hone_program *),
                         const hone_program *program, const char *what, hone_rt_block *block);
void hone_rt_release_block(hone_rt_memory *memory, hone_rt_block *block);

/* Hands out the arrays that stand behind a structure; with base NULL it only counts. */
typedef struct hone_rt_carver {
  char *base;
  int64_t used;
} hone_rt_carver;

void *hone_rt_carve(hone_rt_carver *carver, int64_t count, size_t element_bytes);
/* Room for `rank` dims of each. */
int64_t **hone_rt_carve_dims(hone_rt_carver *carver, int64_t count, int64_t rank);
/* The highest rank of the values, at least `rank`. */
int64_t hone_rt_highest_rank(const hone_program_value *value, int64_t rank);
/* Tells the system that the weights will be read soon. */
void hone_rt_read_ahead(const char *weights, int64_t bytes);

/* validate.c */

/* Whether elements of an array of inputs or outputs have sizes that this library can step by, and nothing in them that
 * it does not know. */
hone_status hone_rt_check_sizes(hone_rt_session *session, const hone_value *values, int32_t count, bool is_output);
/* Checks inputs against the entry and sets the session's inputs, input_dims, sources, steps and symbols. Inputs that
 * must be copied (strided or unaligned ones) keep NULL in session->inputs. */
hone_status hone_rt_validate(hone_rt_session *session, const hone_value *inputs, int32_t input_count);
/* Checks and sets session->outputs and capacities from the caller's buffers. */
hone_status hone_rt_bind_outputs(hone_rt_session *session, const hone_value *outputs);
/* HONE_TOO_SMALL unless an output of `bytes` fits into what the caller lent. */
hone_status hone_rt_check_capacity(hone_rt_session *session, int32_t index, int64_t bytes);

/* state.c: what hone.h documents, and what a run does with a state. A program without states does not have it. */
typedef struct hone_rt_state_calls {
  hone_status (*create)(const hone_library *library, const hone_options *options, hone_state **state,
                        hone_error *error);
  void (*destroy)(hone_state *state);
  hone_status (*of_session)(hone_session *session, hone_state **state, hone_error *error);
  hone_status (*use)(hone_session *session, hone_state *state, hone_error *error);
  hone_status (*info)(hone_state *state, hone_state_info *info, hone_error *error);
  hone_status (*reset)(hone_state *state, hone_error *error);
  hone_status (*truncate)(hone_state *state, int32_t length, int64_t size, hone_error *error);
  hone_status (*copy)(hone_state *to, const hone_state *from, hone_error *error);
  hone_status (*save)(hone_state *state, void *data, uint64_t capacity, uint64_t *bytes, hone_error *error);
  hone_status (*load)(hone_state *state, const void *data, uint64_t bytes, hone_error *error);

  /* Lets the call have the session's state to itself until `leave`. */
  hone_status (*take)(hone_rt_session *session);
  /* Sets the entry's states in the tables of inputs, as far as the state has memory for them. */
  hone_status (*enter)(hone_rt_session *session);
  /* How many bytes more the session needs for a state of the lengths that `plan` told: `growth` behind the run,
   * `moving` at most before that, while what is held is copied. */
  hone_status (*growth)(hone_rt_session *session, int64_t *growth, int64_t *moving);
  /* Makes room for them; `*has_moved` if that changed the tables of inputs. */
  hone_status (*place)(hone_rt_session *session, bool *has_moved);
  /* HONE_INTERNAL where the lengths that `plan` told have changed since there was made room for them. */
  hone_status (*check_room)(hone_rt_session *session);
  /* The run has succeeded: the lengths are those that `plan` told. */
  void (*commit)(hone_rt_session *session);
  void (*leave)(hone_rt_session *session, bool is_spoiled);
} hone_rt_state_calls;

extern const hone_rt_state_calls hone_rt_states;

/* sidecar.c: weights in a file of their own. A program that holds them does not have it. */
typedef struct hone_rt_sidecar_calls {
  /* Finds the file (`path`; NULL: beside the library) and maps it, unless it is. HONE_INVALID_ARGUMENT, with its path:
   * it is missing, too short, or another compile's. */
  hone_status (*take)(const hone_program *program, const char *path, hone_error *error, const char **weights);
  /* Undoes a `take`; the last one ends the mapping. */
  void (*give_back)(const hone_program *program);
} hone_rt_sidecar_calls;

extern const hone_rt_sidecar_calls hone_rt_sidecar;

/* library.c */

/* Copies the start of `full` to a structure of the caller's, which begins with its size and may be of another version.
 */
void hone_rt_fill(void *callers, const void *full, uint32_t full_size);
hone_status hone_rt_check_entry(const hone_program *program, int32_t entry, hone_error *error);
/* Whether `size` bytes at `callers` hold only zeros behind the first `known_size` bytes. */
bool hone_rt_is_known(const void *callers, uint32_t size, uint32_t known_size);

/* session.c and run.c: what hone.h documents */

/* Copies what this library knows of a program's options, and of the allocator in them. */
hone_status hone_rt_read_options(const hone_options *options, hone_options *known, hone_allocator *allocator,
                                 hone_error *error);

/* Gives all memory of runs back. */
void hone_rt_release_blocks(hone_rt_session *session);
hone_status hone_rt_session_create(const hone_library *library, const hone_options *options, hone_session **session,
                                   hone_error *error);
void hone_rt_session_destroy(hone_session *session);
hone_status hone_rt_session_plan(hone_session *session, int32_t entry, const hone_value *inputs, int32_t input_count,
                                 hone_plan *plan, hone_error *error);
hone_status hone_rt_session_reserve(hone_session *session, int32_t entry, const hone_value *inputs, int32_t input_count,
                                    hone_error *error);
hone_status hone_rt_run(hone_session *session, int32_t entry, const hone_value *inputs, int32_t input_count,
                        hone_value *outputs, int32_t output_count, hone_error *error);

/* pool.c: likewise */

/* The most threads of a session or pool: fits the fields of a task's state. */
enum { HONE_RT_MAX_THREADS = 1024 };

hone_status hone_rt_pool_create(int32_t threads, hone_pool **pool, hone_error *error);

/* clock.c */

/* Nanoseconds of the system's monotonic clock. */
int64_t hone_rt_now(void);

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
