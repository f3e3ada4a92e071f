/* The interface of every library that Hone compiles: plain C11, usable from C99 and C++.
 *
 * A compiled library exports one function, `const hone_library *NAME_library(void)`. Everything below is a `static
 * inline` call through the table that this descriptor points to, so a program links against nothing but its models.
 *
 *   hone_library   immutable, shared by any number of threads
 *   hone_session   memory of one run at a time; a library has as many sessions as memory allows
 *   hone_state     what a model that was compiled with --state keeps from run to run
 *   hone_pool      worker threads, owned by one session or lent to several sessions of several libraries
 *
 * Versions: structures begin with their size, grow only at their end, and lie that size apart in arrays; functions are
 * only ever appended to the table; so a newer library serves programs that were compiled with an older hone.h. What has
 * no size never grows: hone_error, hone_string, and hone_tensor with its parts. docs/runtime.md is the guide.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#ifndef HONE_HONE_H
#define HONE_HONE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes only when old programs can no longer be served. */
#define HONE_ABI_VERSION 2u

/* What a call returns. */
typedef enum hone_status {
  HONE_OK = 0,
  HONE_INVALID_ARGUMENT = 1, /* an input or argument is wrong; the message names it */
  HONE_OUT_OF_MEMORY = 2,    /* the system or the allocator gave no memory, or memory_limit allows no more */
  HONE_UNSUPPORTED = 3, /* library and program are too far apart in version, or an option is unknown to the library */
  HONE_CANCELLED = 4,   /* the session's cancellation flag was set */
  HONE_TOO_SMALL = 5,   /* a buffer of the caller's, or a state's capacity, is too small; the message tells the size */
  HONE_INTERNAL = 6     /* a fault of Hone */
} hone_status;

/* Filled in by a call that fails; a call that succeeds leaves it alone. Calls take NULL where no text is wanted. */
typedef struct hone_error {
  hone_status code;
  char message[508]; /* UTF-8, ends with a zero byte, cut when longer */
} hone_error;

/* Tensors have the layout of DLPack's DLTensor, and these numbers are DLPack's. */
enum { HONE_CPU = 1 };
enum {
  HONE_CODE_INT = 0,
  HONE_CODE_UINT = 1,
  HONE_CODE_FLOAT = 2,
  HONE_CODE_OPAQUE = 3, /* of 128 bits: hone_string */
  HONE_CODE_BFLOAT = 4,
  HONE_CODE_BOOL = 6
};

typedef struct hone_device {
  int32_t type; /* HONE_CPU */
  int32_t id;
} hone_device;

typedef struct hone_dtype {
  uint8_t code; /* HONE_CODE_… */
  uint8_t bits;
  uint16_t lanes; /* 1 */
                  /* Of 4-bit integers two share a byte, the first one its low half; they are contiguous. */
} hone_dtype;

typedef struct hone_tensor {
  void *data;
  hone_device device;
  int32_t ndim;
  hone_dtype dtype;
  int64_t *shape;   /* [ndim] */
  int64_t *strides; /* [ndim], in elements, any sign; NULL: contiguous and row-major */
  uint64_t byte_offset;
} hone_tensor;

typedef struct hone_functions hone_functions;
struct hone_program;

/* The descriptor of a compiled model: what NAME_library() returns. */
typedef struct hone_library {
  uint32_t size;
  uint32_t abi_version;
  const hone_functions *functions;
  const struct hone_program *program;
} hone_library;

typedef struct hone_session {
  const hone_library *library; /* the rest is the library's own */
} hone_session;

/* What runs keep for the next ones: a cache of keys and values, the hidden state of a recurrent layer. Each session of
 * a library that was compiled with --state has one of its own; others can be made and used in its place, one
 * conversation each. */
typedef struct hone_state {
  const hone_library *library; /* the rest is the library's own */
} hone_state;

/* One element of a tensor of strings. */
typedef struct hone_string {
  const char *data; /* UTF-8; may hold zero bytes, need not end with one */
  uint64_t size;    /* bytes at data */
} hone_string;

/* What an input or output is. Libraries of today take and give tensors. */
enum {
  HONE_TENSOR = 1,
  HONE_STRINGS = 2,  /* a tensor whose elements are hone_string */
  HONE_SEQUENCE = 3, /* any number of items, all alike */
  HONE_OPTIONAL = 4, /* one item, or none */
  HONE_MAP = 5       /* two items of rank 1 and equal length: the keys, the values */
};

/* An input or output; hone_value_tensor, hone_value_buffer and hone_value_make begin one.
 *
 * Inputs, with all that they point to, are the caller's and only read. Of an output the caller may lend the memory:
 * `capacity` bytes at tensor.data, aligned as its elements. With tensor.data = NULL the session owns the output: it and
 * all that it points to live until the session's next run or reserve. An array of outputs may be given to run after run
 * as it is. The shape of an output is the session's until then in either case, and so are characters of strings. */
typedef struct hone_value {
  uint32_t size;         /* sizeof(hone_value): elements of an array are that far apart */
  int32_t kind;          /* HONE_TENSOR, …; 0 in an output: whatever it is */
  hone_tensor tensor;    /* of HONE_TENSOR and HONE_STRINGS; of an output, after the run: contiguous */
  uint64_t capacity;     /* outputs, in: bytes lent at tensor.data */
  void *items;           /* the others': hone_value elements, to be reached by hone_value_item */
  int64_t item_count;    /* elements at items */
  hone_session *session; /* outputs, out: the owner of tensor.data and items; NULL: the caller */
} hone_value;

typedef struct hone_library_info {
  uint32_t size;
  int32_t entry_count; /* at least 1 */
  const char *name;
  const char *manifest; /* JSON */
  int64_t manifest_bytes;
} hone_library_info;

/* What a library can be asked to run. Entries of one library share weights; a session runs any of them in turn. */
typedef struct hone_entry_info {
  uint32_t size;
  int32_t input_count;
  int32_t output_count;
  int32_t reserved;
  const char *name; /* "main" is the model's graph */
} hone_entry_info;

typedef struct hone_value_info {
  uint32_t size;
  int32_t kind;     /* HONE_TENSOR, … */
  const char *name; /* of an item: "" */
  int32_t rank;     /* of a tensor, or tensor of strings */
  hone_dtype dtype;
  const int64_t *dims; /* [rank]; a negative dim is not fixed: hone_library_symbol gives its name */
  const void *items;   /* hone_value_info of the items of other kinds, to be reached by hone_value_info_item */
  int32_t item_count;  /* of a sequence or optional 1, of a map 2: keys, values */
  int32_t reserved;
} hone_value_info;

/* Worker threads. hone_pool_create makes one; a program with threads of its own fills in one itself (destroy = NULL).
 */
typedef struct hone_pool hone_pool;
typedef void hone_task(void *argument, int32_t thread);
struct hone_pool {
  uint32_t size;   /* sizeof(hone_pool) */
  int32_t threads; /* the most calls of a task at once, the caller's included; >= 1 */
  /* Calls task(argument, thread) on the calling thread and on any others that are free, at most `limit` calls in all,
   * each with another `thread` in [0, limit), and returns when all calls have returned. A task shares its work out
   * among the calls itself and returns when none is left, so calls that come late or never cost nothing. Called by many
   * threads at once. */
  void (*parallel)(hone_pool *pool, int32_t limit, hone_task *task, void *argument);
  void (*destroy)(hone_pool *pool);
};

/* Where a session gets its memory; called on the thread that creates, reserves, plans, runs or destroys. `alignment` is
 * a power of two up to 64. allocate returns NULL when there is no memory. */
typedef struct hone_allocator {
  uint32_t size; /* sizeof(hone_allocator) */
  uint32_t reserved;
  void *(*allocate)(void *context, size_t bytes, size_t alignment);
  void (*release)(void *context, void *memory, size_t bytes);
  void *context;
} hone_allocator;

/* A launch of a kernel that has ended. */
typedef struct hone_launch_event {
  uint32_t size;
  int32_t threads;          /* that may have worked on it */
  int64_t index;            /* its number in the program: the same in each run */
  const char *kernel;       /* symbol of the kernel's code */
  const char *family;       /* the kernel family: "matmul" */
  const char *nodes;        /* what it computes of the model: "encoder/MatMul_3 (MatMul), encoder/Add_4 (Add)" */
  hone_device device;       /* where it ran */
  int64_t operations;       /* one for an addition or multiplication, twenty for a division or polynomial */
  int64_t bytes;            /* that it reads and writes, each counted once */
  int64_t predicted_ns;     /* what the compiler expected on one core, with 128 in the place of each open dim */
  int64_t begin_ns, end_ns; /* of the system's monotonic clock */
} hone_launch_event;
typedef void hone_launch_callback(void *context, const hone_launch_event *event);

typedef struct hone_options {
  uint32_t size;                   /* sizeof(hone_options); hone_options_default sets it */
  int32_t threads;                 /* 0: all of the pool, or as many as the cores that the process may use */
  hone_pool *pool;                 /* lent, must outlive the session; NULL: the session starts threads - 1 workers */
  const hone_allocator *allocator; /* copied; NULL: memory mapped from the system */
  /* A run that sees a value other than 0 here (write it atomically) ends with HONE_CANCELLED, within 100 ms as a rule.
   * It stays set until the run has returned. */
  const int32_t *cancel;
  /* The most bytes that the session may have at a time, of all that it takes from the allocator; 0: no limit. Under a
   * limit memory grows to what is needed, without one by half at least. */
  uint64_t memory_limit;
  /* Called on the running thread behind each launch; it may not use the session. The event is its only until it
   * returns; the texts live as long as the library is loaded. NULL, the default: nothing is measured. */
  hone_launch_callback *on_launch;
  void *on_launch_context;
  /* The most steps that a loop of the model may make; 0: no limit. A run with a loop that goes on ends with
   * HONE_CANCELLED. */
  uint64_t step_limit;
  /* How long states may become, and have room for from the beginning (positions of a cache); 0: they grow by half when
   * they are full. A run that would exceed it fails with HONE_TOO_SMALL before it runs, the state unchanged. */
  uint64_t state_capacity;
  /* The file of the weights, of a library that does not hold them itself. NULL, the default: LIBRARY.weights, beside
   * the file that the library is part of. All sessions of a library share what the first has mapped. */
  const char *weights;
} hone_options;

typedef struct hone_state_info {
  uint32_t size;
  int32_t length_count;      /* 0 where nothing grows, as in a recurrent layer */
  const char *const *names;  /* [length_count]: the dims of the model that grow, "past_sequence_length" */
  const int64_t *lengths;    /* [length_count]: how long what is held is; the state's until its next use */
  const int64_t *capacities; /* [length_count]: how long it may become before memory moves */
  int64_t memory_bytes;      /* of tensors */
  int64_t saved_bytes;       /* what hone_state_save would write */
} hone_state_info;

typedef struct hone_plan {
  uint32_t size;
  int32_t output_count;
  /* hone_value elements, to be reached by hone_plan_output: types and shapes, data = NULL. A dim that only the run
   * knows is -1. The session's until its next plan, reserve or run. */
  const void *outputs;
  int64_t arena_bytes; /* of intermediates */
  /* What a run needs of the whole session, with outputs that it owns; memory that grows takes up to half as much more
   * where there is no memory_limit. What only the run knows is in it with what earlier runs took for it. */
  int64_t memory_bytes;
} hone_plan;

/* The table. Its order never changes. */
struct hone_functions {
  uint32_t size;
  uint32_t reserved;
  void (*library_info)(const hone_library *library, hone_library_info *info);
  hone_status (*entry_info)(const hone_library *library, int32_t entry, hone_entry_info *info, hone_error *error);
  hone_status (*value_info)(const hone_library *library, int32_t entry, int32_t is_output, int32_t index,
                            hone_value_info *info, hone_error *error);
  const char *(*symbol)(const hone_library *library, int64_t dim);
  hone_status (*pool_create)(int32_t threads, hone_pool **pool, hone_error *error);
  hone_status (*session_create)(const hone_library *library, const hone_options *options, hone_session **session,
                                hone_error *error);
  void (*session_destroy)(hone_session *session);
  hone_status (*session_plan)(hone_session *session, int32_t entry, const hone_value *inputs, int32_t input_count,
                              hone_plan *plan, hone_error *error);
  hone_status (*session_reserve)(hone_session *session, int32_t entry, const hone_value *inputs, int32_t input_count,
                                 hone_error *error);
  hone_status (*run)(hone_session *session, int32_t entry, const hone_value *inputs, int32_t input_count,
                     hone_value *outputs, int32_t output_count, hone_error *error);
  hone_status (*state_create)(const hone_library *library, const hone_options *options, hone_state **state,
                              hone_error *error);
  void (*state_destroy)(hone_state *state);
  hone_status (*session_state)(hone_session *session, hone_state **state, hone_error *error);
  hone_status (*session_use_state)(hone_session *session, hone_state *state, hone_error *error);
  hone_status (*state_info)(hone_state *state, hone_state_info *info, hone_error *error);
  hone_status (*state_reset)(hone_state *state, hone_error *error);
  hone_status (*state_truncate)(hone_state *state, int32_t length, int64_t size, hone_error *error);
  hone_status (*state_copy)(hone_state *to, const hone_state *from, hone_error *error);
  hone_status (*state_save)(hone_state *state, void *data, uint64_t capacity, uint64_t *bytes, hone_error *error);
  hone_status (*state_load)(hone_state *state, const void *data, uint64_t bytes, hone_error *error);
};

/* Fills in `error` (may be NULL) for the calls below and returns `code`. */
static inline hone_status hone_error_set(hone_error *error, hone_status code, const char *text) {
  size_t i = 0;
  if (error) {
    for (error->code = code; text[i] && i + 1 < sizeof(error->message); ++i)
      error->message[i] = text[i];
    error->message[i] = 0;
  }
  return code;
}

/* HONE_OK if this program can use `library`, HONE_INVALID_ARGUMENT if it is NULL, else HONE_UNSUPPORTED. All calls that
 * take a library include it. */
static inline hone_status hone_library_check(const hone_library *library, hone_error *error) {
  if (!library)
    return hone_error_set(error, HONE_INVALID_ARGUMENT,
                          "library is NULL; pass what the model's NAME_library() returns");
  if (library->abi_version < HONE_ABI_VERSION)
    return hone_error_set(error, HONE_UNSUPPORTED,
                          "the library has an older version of Hone's interface than this program: compile the model "
                          "again, with the release that the program was built with");
  if (library->abi_version > HONE_ABI_VERSION)
    return hone_error_set(error, HONE_UNSUPPORTED,
                          "the library has a newer version of Hone's interface than this program: build the program "
                          "again, with the hone.h of the release that compiled the model");
  return HONE_OK;
}

static inline hone_status hone_session_check(const hone_session *session, hone_error *error) {
  return session ? HONE_OK
                 : hone_error_set(error, HONE_INVALID_ARGUMENT,
                                  "session is NULL; make one with hone_session_create, and look at what it returns");
}

/* Name, manifest and the number of entries. All that it points to lives as long as the library is loaded. */
static inline hone_status hone_library_describe(const hone_library *library, hone_library_info *info,
                                                hone_error *error) {
  hone_status status = hone_library_check(library, error);
  if (status)
    return status;
  info->size = (uint32_t)sizeof(*info);
  library->functions->library_info(library, info);
  return HONE_OK;
}

/* Describes entry `entry`; HONE_INVALID_ARGUMENT, with the number of entries, if there is none. */
static inline hone_status hone_library_entry(const hone_library *library, int32_t entry, hone_entry_info *info,
                                             hone_error *error) {
  hone_status status = hone_library_check(library, error);
  if (status)
    return status;
  info->size = (uint32_t)sizeof(*info);
  return library->functions->entry_info(library, entry, info, error);
}

/* Describes input `index` of an entry; HONE_INVALID_ARGUMENT, with the number of inputs, if there is none. */
static inline hone_status hone_library_input(const hone_library *library, int32_t entry, int32_t index,
                                             hone_value_info *info, hone_error *error) {
  hone_status status = hone_library_check(library, error);
  if (status)
    return status;
  info->size = (uint32_t)sizeof(*info);
  return library->functions->value_info(library, entry, 0, index, info, error);
}

/* Describes output `index` of an entry; HONE_INVALID_ARGUMENT, with the number of outputs, if there is none. */
static inline hone_status hone_library_output(const hone_library *library, int32_t entry, int32_t index,
                                              hone_value_info *info, hone_error *error) {
  hone_status status = hone_library_check(library, error);
  if (status)
    return status;
  info->size = (uint32_t)sizeof(*info);
  return library->functions->value_info(library, entry, 1, index, info, error);
}

/* What the items of a sequence or optional are (index 0), or the keys (0) and values (1) of a map. */
static inline const hone_value_info *hone_value_info_item(const hone_value_info *info, int32_t index) {
  const hone_value_info *first = (const hone_value_info *)info->items;
  return (const hone_value_info *)((const char *)first + (size_t)index * first->size);
}

/* The name of a negative dim of hone_value_info.dims: equal names are equal sizes. NULL if the dim is fixed, or is an
 * output's that has no name and is known only by hone_session_plan, or by hone_run. */
static inline const char *hone_library_symbol(const hone_library *library, int64_t dim) {
  return hone_library_check(library, NULL) ? NULL : library->functions->symbol(library, dim);
}

/* Starts threads - 1 workers (0: one less than the cores that the process may use). Sessions of any library may use the
 * pool; `library`, whose code it runs, must stay loaded until the pool is destroyed. */
static inline hone_status hone_pool_create(const hone_library *library, int32_t threads, hone_pool **pool,
                                           hone_error *error) {
  hone_status status = hone_library_check(library, error);
  return status ? status : library->functions->pool_create(threads, pool, error);
}

/* Ends the workers. No session that uses the pool may be left. NULL is allowed. */
static inline void hone_pool_destroy(hone_pool *pool) {
  if (pool && pool->destroy)
    pool->destroy(pool);
}

static inline hone_options hone_options_default(void) {
  hone_options options = {0, 0, NULL, NULL, NULL, 0, NULL, NULL, 0, 0, NULL};
  options.size = (uint32_t)sizeof(options);
  return options;
}

/* Makes a session; options may be NULL. The caller destroys it. */
static inline hone_status hone_session_create(const hone_library *library, const hone_options *options,
                                              hone_session **session, hone_error *error) {
  hone_status status = hone_library_check(library, error);
  return status ? status : library->functions->session_create(library, options, session, error);
}

/* Ends a session that no thread is using. NULL is allowed. */
static inline void hone_session_destroy(hone_session *session) {
  if (session)
    session->library->functions->session_destroy(session);
}

/* Validates the inputs and computes shapes and sizes, without running and without touching outputs of the last run.
 * Copies no input. */
static inline hone_status hone_session_plan(hone_session *session, int32_t entry, const hone_value *inputs,
                                            int32_t input_count, hone_plan *plan, hone_error *error) {
  hone_status status = hone_session_check(session, error);
  if (status)
    return status;
  if (!plan)
    return hone_error_set(error, HONE_INVALID_ARGUMENT, "plan is NULL: nowhere to put the plan");
  plan->size = (uint32_t)sizeof(*plan);
  return session->library->functions->session_plan(session, entry, inputs, input_count, plan, error);
}

/* Output `index`, below plan->output_count. */
static inline const hone_value *hone_plan_output(const hone_plan *plan, int32_t index) {
  const hone_value *first = (const hone_value *)plan->outputs;
  return (const hone_value *)((const char *)first + (size_t)index * first->size);
}

/* Takes and touches all memory that a run of such inputs is known to need, so that runs of them and of smaller ones
 * allocate nothing. Ends the life of outputs that the session owns. */
static inline hone_status hone_session_reserve(hone_session *session, int32_t entry, const hone_value *inputs,
                                               int32_t input_count, hone_error *error) {
  hone_status status = hone_session_check(session, error);
  return status ? status : session->library->functions->session_reserve(session, entry, inputs, input_count, error);
}

/* Runs an entry; 0 is the model's graph. Inputs are only read: they may be strided, may be shared between threads, may
 * not overlap outputs, and nobody may write to them until the call is over. Everything that can be wrong with an input
 * is found before anything runs; the session is usable after every error. After an error in the run itself (a bad index
 * in the data, a check behind a branch on data, cancellation, an output whose size only the run knows that is too
 * large) what outputs hold is unspecified. */
static inline hone_status hone_run(hone_session *session, int32_t entry, const hone_value *inputs, int32_t input_count,
                                   hone_value *outputs, int32_t output_count, hone_error *error) {
  hone_status status = hone_session_check(session, error);
  return status ? status
                : session->library->functions->run(session, entry, inputs, input_count, outputs, output_count, error);
}

/* HONE_UNSUPPORTED for a library that was compiled before there were states. */
static inline hone_status hone_state_supported(const hone_library *library, hone_error *error) {
  hone_status status = hone_library_check(library, error);
  if (!status && library->functions->size <= offsetof(hone_functions, state_create))
    return hone_error_set(error, HONE_UNSUPPORTED,
                          "the library was compiled by a Hone that knew no states: compile the model again");
  return status;
}

static inline hone_status hone_state_check(const hone_state *state, hone_error *error) {
  return state ? HONE_OK
               : hone_error_set(error, HONE_INVALID_ARGUMENT,
                                "state is NULL; hone_session_state gives a session's, hone_state_create makes one");
}

/* Makes an empty state. Of the options, which may be NULL, it reads allocator, memory_limit and state_capacity. The
 * caller destroys it. HONE_INVALID_ARGUMENT: the model has none, it was compiled without --state. */
static inline hone_status hone_state_create(const hone_library *library, const hone_options *options,
                                            hone_state **state, hone_error *error) {
  hone_status status = hone_state_supported(library, error);
  return status ? status : library->functions->state_create(library, options, state, error);
}

/* Ends a state of hone_state_create that no session uses. NULL is allowed. */
static inline void hone_state_destroy(hone_state *state) {
  if (state)
    state->library->functions->state_destroy(state);
}

/* The state that runs of the session use: its own, which ends with it, unless hone_session_use_state says otherwise. */
static inline hone_status hone_session_state(hone_session *session, hone_state **state, hone_error *error) {
  hone_status status = hone_session_check(session, error);
  if (!status)
    status = hone_state_supported(session->library, error);
  return status ? status : session->library->functions->session_state(session, state, error);
}

/* Lets runs of the session use `state`, of hone_state_create with the same library; NULL: the session's own again.
 * Takes no time. A state that several sessions use serves one run at a time. */
static inline hone_status hone_session_use_state(hone_session *session, hone_state *state, hone_error *error) {
  hone_status status = hone_session_check(session, error);
  if (!status)
    status = hone_state_supported(session->library, error);
  return status ? status : session->library->functions->session_use_state(session, state, error);
}

/* Lengths, capacities and bytes. */
static inline hone_status hone_state_describe(hone_state *state, hone_state_info *info, hone_error *error) {
  hone_status status = hone_state_check(state, error);
  if (status)
    return status;
  if (!info)
    return hone_error_set(error, HONE_INVALID_ARGUMENT, "info is NULL: nowhere to put the description");
  info->size = (uint32_t)sizeof(*info);
  return state->library->functions->state_info(state, info, error);
}

/* Forgets everything: what grows is empty, the rest zeros, and the next run decides on the dims anew. Keeps memory. */
static inline hone_status hone_state_reset(hone_state *state, hone_error *error) {
  hone_status status = hone_state_check(state, error);
  return status ? status : state->library->functions->state_reset(state, error);
}

/* Forgets what was added last: number `length` of hone_state_info.lengths becomes `size`. HONE_INVALID_ARGUMENT: it is
 * shorter already, or the state has parts that do not grow and cannot be taken back. */
static inline hone_status hone_state_truncate(hone_state *state, int32_t length, int64_t size, hone_error *error) {
  hone_status status = hone_state_check(state, error);
  return status ? status : state->library->functions->state_truncate(state, length, size, error);
}

/* Makes `to` hold what `from` of the same library holds. */
static inline hone_status hone_state_copy(hone_state *to, const hone_state *from, hone_error *error) {
  hone_status status = hone_state_check(to, error);
  if (!status)
    status = hone_state_check(from, error);
  return status ? status : to->library->functions->state_copy(to, from, error);
}

/* Writes what the state holds to `data`, and its size to `*bytes`: only that with data = NULL. HONE_TOO_SMALL: more
 * than `capacity`. */
static inline hone_status hone_state_save(hone_state *state, void *data, uint64_t capacity, uint64_t *bytes,
                                          hone_error *error) {
  hone_status status = hone_state_check(state, error);
  return status ? status : state->library->functions->state_save(state, data, capacity, bytes, error);
}

/* Makes `state` hold what hone_state_save wrote, in this process or another one. HONE_INVALID_ARGUMENT, and nothing has
 * changed: it is of another model, or damaged in what can be checked: form and sizes. */
static inline hone_status hone_state_load(hone_state *state, const void *data, uint64_t bytes, hone_error *error) {
  hone_status status = hone_state_check(state, error);
  return status ? status : state->library->functions->state_load(state, data, bytes, error);
}

/* A scalar type: hone_dtype_make(HONE_CODE_FLOAT, 32). */
static inline hone_dtype hone_dtype_make(int code, int bits) {
  hone_dtype dtype;
  dtype.code = (uint8_t)code;
  dtype.bits = (uint8_t)bits;
  dtype.lanes = 1;
  return dtype;
}

/* A contiguous tensor in host memory. It keeps the two pointers and owns nothing. */
static inline hone_tensor hone_tensor_make(void *data, hone_dtype dtype, int32_t ndim, int64_t *shape) {
  hone_tensor tensor = {NULL, {HONE_CPU, 0}, 0, {0, 0, 0}, NULL, NULL, 0};
  tensor.data = data;
  tensor.ndim = ndim;
  tensor.dtype = dtype;
  tensor.shape = shape;
  return tensor;
}

/* An output that the session is to own. */
static inline hone_value hone_value_make(void) {
  hone_value value = {0, 0, {NULL, {HONE_CPU, 0}, 0, {0, 0, 0}, NULL, NULL, 0}, 0, NULL, 0, NULL};
  value.size = (uint32_t)sizeof(value);
  return value;
}

/* An input: a contiguous tensor in host memory. It keeps the two pointers and owns nothing. */
static inline hone_value hone_value_tensor(void *data, hone_dtype dtype, int32_t ndim, int64_t *shape) {
  hone_value value = hone_value_make();
  value.kind = HONE_TENSOR;
  value.tensor = hone_tensor_make(data, dtype, ndim, shape);
  return value;
}

/* An output: a tensor, to be written to the caller's `capacity` bytes at `data`. */
static inline hone_value hone_value_buffer(void *data, uint64_t capacity) {
  hone_value value = hone_value_make();
  value.kind = HONE_TENSOR;
  value.tensor.data = data;
  value.capacity = capacity;
  return value;
}

/* Item `index`, below value->item_count. */
static inline hone_value *hone_value_item(const hone_value *value, int64_t index) {
  hone_value *first = (hone_value *)value->items;
  return (hone_value *)((char *)first + (size_t)index * first->size);
}

#ifdef __cplusplus
}
#endif

#endif /* HONE_HONE_H */
