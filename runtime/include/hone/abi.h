/* What generated code and the runtime share. Not for users: they include hone/hone.h.
 *
 * The compiler writes one `hone_program` per library as constant data (compiler/codegen/host), the two functions `plan`
 * and `run` of each entry, and the kernels. The runtime (runtime/src) does everything around them: validation,
 * sessions, arena, threads, errors. Both sides are compiled into one object, so this layout carries no version; hone.h
 * does.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#ifndef HONE_ABI_H
#define HONE_ABI_H

#include <stdint.h>

/* Element types: the numbers of ONNX's TensorProto.DataType. */
enum {
  HONE_FLOAT = 1,
  HONE_UINT8 = 2,
  HONE_INT8 = 3,
  HONE_UINT16 = 4,
  HONE_INT16 = 5,
  HONE_INT32 = 6,
  HONE_INT64 = 7,
  HONE_BOOL = 9,
  HONE_FLOAT16 = 10,
  HONE_DOUBLE = 11,
  HONE_UINT32 = 12,
  HONE_UINT64 = 13,
  HONE_BFLOAT16 = 16,
  HONE_UINT4 = 21,
  HONE_INT4 = 22
};

/* Features of processors, as sets: the levels of the x86-64 psABI, and what goes beyond them. */
enum { HONE_CPU_V3 = 1, HONE_CPU_V4 = 2, HONE_CPU_AVX512_VNNI = 4 };

/* The largest dim of a tensor, of an empty one too: a process has 2^47 addresses (x86-64 with four levels of page
 * tables), so larger ones only stand in empty tensors. The product of an input's dims, zeros counted as one, is bounded
 * by it as well. The runtime refuses inputs beyond it; the compiler's range analysis counts on that. */
#define HONE_MAX_DIM ((int64_t)1 << 47)

/* What a kernel receives. One per thread and launch; everything in it is constant while the kernel runs except
 * *failure. */
typedef struct hone_kernel_context {
  void *const *buffers;  /* the kernel's tensor arguments, then its results: contiguous, row-major */
  const int64_t *sizes;  /* the kernel's index arguments */
  void *scratch;         /* this thread's, 64-byte aligned, hone_launch.scratch bytes */
  int32_t *failure;      /* a kernel that meets bad data (an index out of range) stores 1 here and goes on safely */
  const int32_t *cancel; /* not NULL; a kernel that works for long looks here (atomically, relaxed) and may return, its
                            results unfinished, once it finds something other than 0 */
} hone_kernel_context;

/* Computes the part [begin, end) of the kernel's iteration range [0, count). */
typedef void hone_kernel(const hone_kernel_context *context, int64_t begin, int64_t end);

/* Tells what a launch with these sizes does: work[0] operations (one for an addition, twenty for a division or
 * polynomial), work[1] bytes, each byte that is read or written counted once. */
typedef void hone_kernel_work(const int64_t *sizes, int64_t *work);

/* What is known of a kernel before any run. Constant data. */
typedef struct hone_kernel_record {
  hone_kernel *code;
  hone_kernel_work *work;
  const char *symbol;   /* of its code, as profilers show it */
  const char *family;   /* who generated it: "matmul" */
  int64_t predicted_ns; /* what a launch is predicted to take on one core, with 128 in the place of each open dim */
} hone_kernel_record;

/* What is known of a launch before any run. Constant data, a table of which is part of hone_program. */
typedef struct hone_launch_record {
  const hone_kernel_record *kernel;
  const char *node;  /* text for errors: "node 'encoder/Gather_1' (Gather)" */
  const char *nodes; /* all that it computes of the model: "encoder/Gather_1 (Gather), encoder/Add_2 (Add)" */
} hone_launch_record;

/* One launch; built on the stack of the generated `run`. Field order is fixed: generated code stores by offset. */
typedef struct hone_launch {
  const hone_launch_record *record; /*  0 */
  void *const *buffers;             /*  8 */
  const int64_t *sizes;             /* 16 */
  int64_t count;                    /* 24: the iteration range is [0, count); 0 means nothing to do */
  int64_t grain;   /* 32: the smallest chunk worth handing to another thread, >= 1; chunks are multiples of it */
  int64_t scratch; /* 40: bytes of scratch per thread */
} hone_launch;

/* One call of `plan` or `run`. Field order is fixed: generated code loads by offset. Behind the inputs in `inputs`,
 * `input_dims`, `sources` and `steps` come the entry's states. */
typedef struct hone_frame {
  void *const *inputs;              /*  0: data of each input, contiguous, row-major (run only) */
  const int64_t *const *input_dims; /*  8: dims of each input */
  void *const *outputs;             /* 16: data of each output (run only) */
  int64_t *const *output_dims;      /* 24: room for each output's rank dims; filled by plan */
  char *arena;                      /* 32: arena_bytes bytes, 64-byte aligned (run only) */
  int64_t arena_bytes;              /* 40: filled by plan */
  int64_t scratch_bytes;            /* 48: largest scratch of any launch, filled by plan */
  const char *weights;              /* 56: base of the weights (set by the runtime) */
  struct hone_session *session;     /* 64: for hone_rt_launch */
  const char *const *sources;       /* 72: where each input's first element lies, maybe not aligned: host values are
                                           read there, so that nothing is copied for `plan` */
  const int64_t *const *steps;      /* 80: bytes from there to the next element along each dim */
  void *const *slots;               /* 88: what hone_rt_grow gave; [hone_program_entry.slot_count] */
  int64_t *lengths;                 /* 96: [hone_program.length_count]; plan fills in what those of the entry's states
                                           are behind the run */
} hone_frame;

/* Called by generated code; defined by the runtime. All return 0 or a hone_status that generated code hands on at
 * once. */
int32_t hone_rt_launch(hone_frame *frame, const hone_launch *launch);
/* A check of the host program failed. `message` may hold {0} and {1}, which stand for a and b. Returns
 * HONE_INVALID_ARGUMENT. */
int32_t hone_rt_fail(hone_frame *frame, const char *message, int64_t a, int64_t b);
/* To be called by `run`, once, for each output that has a HONE_DIM_RUN, before the launch that writes it: its dims, all
 * of them. Sets frame->outputs[index] to memory of that size, aligned as its elements, and frame->output_dims[index].
 * HONE_TOO_SMALL: the caller lent less. HONE_OUT_OF_MEMORY. */
int32_t hone_rt_output(hone_frame *frame, int32_t index, const int64_t *dims);
/* Sets frame->slots[slot] to at least `bytes` bytes, 64-byte aligned, for a value whose size data decide. They hold
 * nothing in particular, and are valid until the slot grows again, or the run ends. `node` is for errors, as in
 * hone_launch. HONE_OUT_OF_MEMORY; HONE_INVALID_ARGUMENT: `bytes` has wrapped below 0. */
int32_t hone_rt_grow(hone_frame *frame, int32_t slot, int64_t bytes, const char *node);
/* To be called by `run` and `plan` at the beginning of each step of a loop, `step` from 0 on. HONE_CANCELLED: the
 * session is cancelled, or the loop has made as many steps as its step_limit allows. */
int32_t hone_rt_iterate(hone_frame *frame, int64_t step, const char *node);

/* Dims of outputs that have no symbol: `plan` knows the one, only `run` the other. */
#define HONE_DIM_PLAN INT64_MIN
#define HONE_DIM_RUN (INT64_MIN + 1)
/* The dim of a state along which it grows: as much as it has room for. */
#define HONE_DIM_CAPACITY (INT64_MIN + 2)

/* An input or output. A dim >= 0 is fixed; a dim < 0 is the symbol number -1 - dim (hone_program.symbols), or
 * HONE_DIM_PLAN or HONE_DIM_RUN. */
typedef struct hone_program_value {
  const char *name;
  const int64_t *dims;
  int32_t dtype;
  int32_t rank;
  const struct hone_value_info *items; /* as in hone_value_info; NULL: a tensor */
  int32_t item_count;
  int32_t kind; /* HONE_TENSOR, … of hone.h */
} hone_program_value;

/* What is kept from run to run. Of one that grows, the first elements along `axis` are filled, as many as its length
 * says; a run reads them and writes behind them. Of another one a run reads and writes all. */
typedef struct hone_program_state {
  hone_program_value value;
  int32_t axis;   /* 0 or 1 */
  int32_t length; /* number of its length; -1: it does not grow */
} hone_program_state;

/* A state, or a length, as an entry has it. */
typedef struct hone_program_use {
  const int64_t *dims; /* of the state: fixed ones, symbols of the entry's inputs, HONE_DIM_CAPACITY */
  int32_t number;      /* of the state, or -1 - the number of the length, a tensor of one int64 */
  int32_t reserved;
} hone_program_use;

/* `plan` fills in output_dims (HONE_DIM_RUN: anything), arena_bytes and scratch_bytes from sources, steps and
 * input_dims, and launches nothing. */
typedef struct hone_program_entry {
  const char *name;
  const hone_program_value *inputs;
  const hone_program_value *outputs;
  int32_t (*plan)(hone_frame *);
  int32_t (*run)(hone_frame *);
  int32_t input_count;
  int32_t output_count;
  int32_t slot_count;             /* of hone_rt_grow */
  int32_t state_count;            /* of `states` */
  const hone_program_use *states; /* what `plan` and `run` find behind the inputs; all of them, or none */
} hone_program_entry;

typedef struct hone_program {
  const char *name;
  const hone_program_entry *entries;
  const char *const *symbols; /* of all entries */
  const char *manifest;       /* JSON text */
  const char *weights;        /* base of the weights; NULL if there are none, or `sidecar_calls` finds them */
  int64_t weight_bytes;
  int64_t manifest_bytes;
  const hone_launch_record *launches; /* of all entries, in order; a launch in a loop is one */
  int64_t launch_count;
  int32_t entry_count;
  int32_t symbol_count;
  uint32_t cpu_features; /* HONE_CPU_*: what the kernels need */
  int32_t state_count;
  const hone_program_state *states; /* of all entries */
  const char *const *lengths;       /* their names */
  const char *digest;               /* of the model and its states, by which saved ones are known */
  int32_t length_count;
  uint32_t reserved;
  const struct hone_rt_state_calls *state_calls;     /* &hone_rt_states of the runtime; NULL without states: their code
                                                        is linked where it is used */
  const struct hone_rt_sidecar_calls *sidecar_calls; /* &hone_rt_sidecar of the runtime, likewise; NULL: the weights are
                                                        part of the library */
  const char *weight_digest;                         /* of a sidecar: their BLAKE3 in hexadecimal digits */
} hone_program;

/* A sidecar holds the weights of a library in a file beside it: this text, the digest, zeros up to
 * HONE_SIDECAR_HEADER bytes, which is a page, and the weights. */
#define HONE_SIDECAR_MAGIC "hone weights 1 "
#define HONE_SIDECAR_HEADER ((int64_t)4096)

/* The descriptor that NAME_library() returns is `struct hone_library` of hone.h; generated data are
 *   { uint32_t size; uint32_t abi_version; const hone_functions *functions; const hone_program *program; }
 * with size = sizeof(hone_library), abi_version = HONE_ABI_VERSION, functions = &hone_rt_functions. */

#endif /* HONE_ABI_H */
