/* Runs a compiled library on many data sets with every tensor against an inaccessible page: inputs (read-only), outputs
 * that the caller owns, and the session's own memory, which comes from an allocator of the same kind.
 *
 *   guarded_run LIBRARY NAME JOBS FIRST    results on stdout
 *
 * JOBS and the results are little-endian records, see shape_data.py. A run that faults ends the process by its signal;
 * the caller goes on with another process at the next run. A run that is not over after CANCEL_MS is cancelled, one
 * that goes on regardless for END_MS more ends the process with code 3.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#define _GNU_SOURCE
#include "hone/hone.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, POISON = 0x7E, CANCEL_MS = 1000, END_MS = 1000, MAX_TENSORS = 32, MAX_BYTES = 16 << 20 };
/* What is written instead of a hone_status. */
enum { TOO_LARGE = 100, BAD_PLAN = 101, WROTE_OUTSIDE = 102, OTHER_DIMS = 103 };
/* Flags of a run. */
enum { AT_BEGIN = 1, OUTPUTS_AT_BEGIN = 2, SESSION_OWNS_OUTPUTS = 4, TWO_THREADS = 8, STRIDED = 16 };

static _Noreturn void die(const char *what) {
  fprintf(stderr, "guarded_run: %s\n", what);
  exit(2);
}

/*===-- Memory between two inaccessible pages -----------------------------------------------------------------------*/

typedef struct guarded {
  char *pages; /* the accessible ones */
  size_t page_bytes, offset, bytes;
  bool at_begin;
} guarded;

/* `bytes` that begin at the first accessible byte, or end at the last one as far as `alignment` allows. */
static guarded guard(size_t bytes, size_t alignment, bool at_begin) {
  guarded g = {NULL, (bytes + PAGE - 1) & -(size_t)PAGE, 0, bytes, at_begin};
  g.pages = mmap(NULL, g.page_bytes + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (g.pages == MAP_FAILED)
    die("no memory");
  g.pages += PAGE;
  if (g.page_bytes && mprotect(g.pages, g.page_bytes, PROT_READ | PROT_WRITE))
    die("no memory");
  memset(g.pages, POISON, g.page_bytes);
  if (!at_begin)
    g.offset = (g.page_bytes - bytes) & -alignment;
  return g;
}

static bool all_poison(const char *from, const char *to) {
  for (; from < to; ++from)
    if ((unsigned char)*from != POISON)
      return false;
  return true;
}

static bool is_intact(const guarded *g) {
  return all_poison(g->pages, g->pages + g->offset) &&
         all_poison(g->pages + g->offset + g->bytes, g->pages + g->page_bytes);
}

static void release(guarded *g) { munmap(g->pages - PAGE, g->page_bytes + 2 * PAGE); }

/* The sessions' allocator. A session has few blocks at a time. */
static guarded blocks[16];
static bool blocks_at_begin, wrote_outside;

static void *allocate(void *context, size_t bytes, size_t alignment) {
  (void)context;
  if (bytes > 4 * (size_t)MAX_BYTES)
    return NULL;
  for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); ++i)
    if (!blocks[i].pages) {
      blocks[i] = guard(bytes, alignment, blocks_at_begin);
      return blocks[i].pages + blocks[i].offset;
    }
  die("too many blocks");
}

static void release_block(void *context, void *memory, size_t bytes) {
  (void)context, (void)bytes;
  for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); ++i)
    if (blocks[i].pages && blocks[i].pages + blocks[i].offset == memory) {
      wrote_outside |= !is_intact(&blocks[i]);
      release(&blocks[i]);
      blocks[i].pages = NULL;
      return;
    }
  die("release of a block that was not allocated");
}

/*===-- The time limit ----------------------------------------------------------------------------------------------*/

static _Atomic int32_t cancel;
static _Atomic int64_t started; /* in ms; 0 between runs */

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void *watch(void *unused) {
  (void)unused;
  for (;; usleep(20000)) {
    int64_t since = atomic_load(&started);
    if (!since)
      continue;
    if (now() - since > CANCEL_MS)
      atomic_store(&cancel, 1);
    if (now() - since > CANCEL_MS + END_MS)
      _exit(3);
  }
  return NULL;
}

/*===-- Records -----------------------------------------------------------------------------------------------------*/

static FILE *jobs;

static void get(void *to, size_t bytes) {
  if (bytes && fread(to, bytes, 1, jobs) != 1)
    die("the jobs end too early");
}

static int32_t get32(void) {
  int32_t number;
  get(&number, sizeof(number));
  return number;
}

static int64_t get64(void) {
  int64_t number;
  get(&number, sizeof(number));
  return number;
}

static void put(const void *from, size_t bytes) { fwrite(from, 1, bytes, stdout); }
static void put32(int32_t number) { put(&number, sizeof(number)); }
static void put64(int64_t number) { put(&number, sizeof(number)); }

typedef struct job {
  int32_t flags, input_count;
  hone_value inputs[MAX_TENSORS];
  int64_t shapes[MAX_TENSORS][8], strides[MAX_TENSORS][8];
  guarded memory[MAX_TENSORS];
} job;

/* Turns a tensor's elements around in memory, and gives it strides that turn them back. */
static void turn(hone_tensor *tensor, int64_t bytes, int64_t *strides) {
  int64_t element = tensor->dtype.bits / 8, stride = -1;
  char *low = tensor->data, *high = low + bytes - element, swapped[8];
  tensor->data = high;
  for (; low < high; low += element, high -= element) {
    memcpy(swapped, low, (size_t)element);
    memcpy(low, high, (size_t)element);
    memcpy(high, swapped, (size_t)element);
  }
  for (int32_t i = tensor->ndim; i-- > 0; stride *= tensor->shape[i])
    strides[i] = stride;
  tensor->strides = strides;
}

static void read_job(job *j) {
  j->flags = get32();
  j->input_count = get32();
  for (int32_t i = 0; i < j->input_count; ++i) {
    int32_t code = get32(), bits = get32(), rank = get32();
    get(j->shapes[i], (size_t)rank * sizeof(int64_t));
    int64_t bytes = get64();
    j->memory[i] = guard((size_t)bytes, (size_t)bits / 8, j->flags & AT_BEGIN);
    char *data = j->memory[i].pages + j->memory[i].offset;
    get(data, (size_t)bytes);
    j->inputs[i] = hone_value_tensor(data, hone_dtype_make(code, bits), rank, j->shapes[i]);
    if (j->flags & STRIDED && bytes)
      turn(&j->inputs[i].tensor, bytes, j->strides[i]);
    mprotect(j->memory[i].pages, j->memory[i].page_bytes, PROT_READ);
  }
}

/*===-- A run -------------------------------------------------------------------------------------------------------*/

/* Whether only the run knows how large an output is. */
static bool is_late(const hone_tensor *planned) {
  for (int32_t i = 0; i < planned->ndim; ++i)
    if (planned->shape[i] == -1)
      return true;
  return false;
}

/* Whether an output has the dims that were planned, as far as they were. */
static bool is_as_planned(const hone_tensor *tensor, const int64_t *planned) {
  for (int32_t i = 0; i < tensor->ndim; ++i)
    if (planned[i] != -1 && tensor->shape[i] != planned[i])
      return false;
  return true;
}

/* The bytes of a tensor; negative if a dim is, or if they overflow. */
static int64_t bytes_of(const hone_tensor *tensor) {
  int64_t bytes = tensor->dtype.bits / 8;
  bool is_empty = false;
  for (int32_t i = 0; i < tensor->ndim; ++i) {
    is_empty |= tensor->shape[i] == 0;
    if (tensor->shape[i] < 0 || __builtin_mul_overflow(bytes, tensor->shape[i] ? tensor->shape[i] : 1, &bytes))
      return -1;
  }
  return is_empty ? 0 : bytes;
}

typedef struct result {
  int32_t status, output_count;
  hone_error error;
  hone_value outputs[MAX_TENSORS];
  int64_t planned[MAX_TENSORS][8];
  int32_t ranks[MAX_TENSORS];
  guarded memory[MAX_TENSORS];
} result;

static void run(hone_session *session, const job *j, result *r) {
  hone_plan plan = {0};
  r->output_count = 0;
  r->error.message[0] = 0;
  atomic_store(&cancel, 0);
  atomic_store(&started, now());
  r->status = (int32_t)hone_session_plan(session, 0, j->inputs, j->input_count, &plan, &r->error);
  if (r->status)
    return;
  r->output_count = plan.output_count;
  bool is_large = plan.memory_bytes > MAX_BYTES;
  for (int32_t i = 0; i < plan.output_count; ++i) {
    const hone_tensor *planned = &hone_plan_output(&plan, i)->tensor;
    int64_t bytes = is_late(planned) ? 0 : bytes_of(planned);
    r->ranks[i] = planned->ndim;
    memcpy(r->planned[i], planned->shape, (size_t)planned->ndim * sizeof(int64_t));
    r->outputs[i] = hone_value_tensor(NULL, planned->dtype, r->ranks[i], r->planned[i]);
    if (bytes < 0)
      r->status = BAD_PLAN;
    is_large |= bytes > MAX_BYTES;
  }
  if (!r->status && is_large)
    r->status = TOO_LARGE;
  if (r->status)
    return;
  for (int32_t i = 0; i < r->output_count; ++i) {
    size_t element = r->outputs[i].tensor.dtype.bits / 8;
    bool session_owns = j->flags & SESSION_OWNS_OUTPUTS || is_late(&r->outputs[i].tensor);
    int64_t bytes = session_owns ? 0 : bytes_of(&r->outputs[i].tensor);
    r->memory[i] = guard((size_t)bytes, element, j->flags & OUTPUTS_AT_BEGIN);
    r->outputs[i].tensor.data = session_owns ? NULL : r->memory[i].pages + r->memory[i].offset;
    r->outputs[i].capacity = r->memory[i].bytes;
  }
  wrote_outside = false;
  r->status = (int32_t)hone_run(session, 0, j->inputs, j->input_count, r->outputs, r->output_count, &r->error);
  for (int32_t i = 0; i < r->output_count; ++i) {
    wrote_outside |= !is_intact(&r->memory[i]);
    const hone_tensor *tensor = &r->outputs[i].tensor;
    if (!r->status && !is_as_planned(tensor, r->planned[i]))
      r->status = OTHER_DIMS;
    if (!r->status)
      memmove(r->planned[i], tensor->shape, (size_t)r->ranks[i] * sizeof(int64_t));
  }
  if (r->status == HONE_OUT_OF_MEMORY) /* of what only the run knows: the plan was small enough */
    r->status = TOO_LARGE;
  for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); ++i)
    wrote_outside |= blocks[i].pages && !is_intact(&blocks[i]);
  if (wrote_outside)
    r->status = WROTE_OUTSIDE;
}

static void write_result(int32_t index, const result *r) {
  bool has_data = r->status == HONE_OK;
  int32_t length = r->status && r->status < TOO_LARGE ? (int32_t)strlen(r->error.message) : 0;
  put32(index);
  put32(r->status);
  put32(length);
  put(r->error.message, (size_t)length);
  put32(r->output_count);
  for (int32_t i = 0; i < r->output_count; ++i) {
    const hone_tensor *tensor = &r->outputs[i].tensor;
    put32(tensor->dtype.code);
    put32(tensor->dtype.bits);
    put32(r->ranks[i]);
    put(r->planned[i], (size_t)r->ranks[i] * sizeof(int64_t));
    int64_t bytes = has_data ? bytes_of(tensor) : -1;
    put64(bytes);
    if (bytes > 0)
      put(tensor->data, (size_t)bytes);
  }
  fflush(stdout);
}

static hone_session *create(const hone_library *library, int32_t threads) {
  const hone_allocator allocator = {sizeof(allocator), 0, allocate, release_block, NULL};
  hone_options options = hone_options_default();
  hone_session *session;
  hone_error error;
  options.threads = threads;
  options.allocator = &allocator;
  options.memory_limit = 8 * MAX_BYTES;
  options.cancel = (const int32_t *)&cancel;
  if (hone_session_create(library, &options, &session, &error))
    die(error.message);
  return session;
}

int main(int argc, char **argv) {
  if (argc != 5)
    die("usage: guarded_run LIBRARY NAME JOBS FIRST");
  void *handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    die(dlerror());
  char symbol[512];
  snprintf(symbol, sizeof(symbol), "%s_library", argv[2]);
  const hone_library *(*entry)(void) = (const hone_library *(*)(void))dlsym(handle, symbol);
  jobs = fopen(argv[3], "rb");
  if (!entry || !jobs)
    die("no such entry or jobs");
  pthread_t watcher;
  if (pthread_create(&watcher, NULL, watch, NULL))
    die("no thread");

  static job j;
  static result r;
  int32_t count = get32(), first = atoi(argv[4]);
  for (int32_t index = 0; index < count; ++index) {
    read_job(&j);
    if (index >= first) {
      /* A session of its own for each run: memory of earlier runs must not hide a read of what nobody wrote. */
      blocks_at_begin = j.flags & AT_BEGIN;
      hone_session *session = create(entry(), j.flags & TWO_THREADS ? 2 : 1);
      run(session, &j, &r);
      atomic_store(&started, 0);
      write_result(index, &r);
      hone_session_destroy(session);
      for (int32_t i = 0; i < MAX_TENSORS; ++i)
        if (r.memory[i].pages) {
          release(&r.memory[i]);
          r.memory[i].pages = NULL;
        }
    }
    for (int32_t i = 0; i < j.input_count; ++i)
      release(&j.memory[i]);
  }
  return 0;
}
