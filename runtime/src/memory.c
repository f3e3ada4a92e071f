/* Memory of sessions and pools: the user's allocator, or mappings from the system.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, madvise */
#include "internal.h"
#include <string.h>
#include <sys/mman.h>

bool hone_rt_add(int64_t a, int64_t b, int64_t *sum) { return !__builtin_add_overflow(a, b, sum); }

bool hone_rt_add_aligned(int64_t a, int64_t b, int64_t *sum) {
  int64_t padded;
  return hone_rt_add(b, HONE_RT_ALIGNMENT - 1, &padded) && hone_rt_add(a, padded & -HONE_RT_ALIGNMENT, sum);
}

void *hone_rt_allocate(const hone_allocator *allocator, int64_t bytes) {
  if (allocator->allocate)
    return allocator->allocate(allocator->context, (size_t)bytes, HONE_RT_ALIGNMENT);
  void *memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

void hone_rt_release(const hone_allocator *allocator, void *memory, int64_t bytes) {
  if (!memory)
    return;
  if (allocator->allocate)
    allocator->release(allocator->context, memory, (size_t)bytes);
  else
    munmap(memory, (size_t)bytes);
}

/* Empty tensors point at something too. */
static int64_t at_least(int64_t bytes) { return bytes > HONE_RT_ALIGNMENT ? bytes : HONE_RT_ALIGNMENT; }

int64_t hone_rt_block_growth(const hone_rt_block *block, int64_t bytes) {
  bytes = at_least(bytes);
  return bytes > block->bytes ? bytes - block->bytes : 0;
}

hone_status hone_rt_reserve(hone_rt_memory *memory, hone_error *error, hone_rt_block *block, int64_t bytes,
                            const char *what, const char *kind) {
  if (block->data && bytes <= block->bytes)
    return HONE_OK;
  bytes = at_least(bytes);
  const char *space = kind ? " '" : "", *close = kind ? "'" : "";
  kind = kind ? kind : "";
  const int64_t limit = memory->limit, others = memory->held - block->bytes, room = limit - others;
  if (bytes > room && limit < INT64_MAX)
    return hone_rt_error(error, HONE_OUT_OF_MEMORY,
                         "no memory for %s%s%s%s: with its %ld bytes there would be %ld, and its memory_limit is "
                         "%ld; raise it, or give smaller inputs",
                         kind, space, what, close, (long)bytes,
                         bytes > INT64_MAX - others ? INT64_MAX : (long)(others + bytes), (long)limit);
  if (bytes <= room) {
    /* Half as much again as before, so that a sequence that grows by one each run does not map memory each run; what is
     * needed, where there is no more, or under a limit, which has to suffice for the blocks that come after. */
    int64_t generous = limit == INT64_MAX ? block->bytes + block->bytes / 2 : 0;
    hone_rt_release(&memory->allocator, block->data, block->bytes);
    block->bytes = bytes > generous ? bytes : generous;
    block->data = hone_rt_allocate(&memory->allocator, block->bytes);
    if (!block->data && bytes < block->bytes) {
      block->bytes = bytes;
      block->data = hone_rt_allocate(&memory->allocator, bytes);
    }
    if (!block->data)
      block->bytes = 0;
    memory->held = others + block->bytes;
    if (block->data)
      return HONE_OK;
  }
  return hone_rt_error(error, HONE_OUT_OF_MEMORY, "no memory for %s%s%s%s (%ld bytes)", kind, space, what, close,
                       (long)bytes);
}

void hone_rt_release_block(hone_rt_memory *memory, hone_rt_block *block) {
  hone_rt_release(&memory->allocator, block->data, block->bytes);
  memory->held -= block->bytes;
  *block = (hone_rt_block){0};
}

int64_t hone_rt_limit(uint64_t given) {
  const uint64_t most = INT64_MAX;
  return given && given < most ? (int64_t)given : INT64_MAX;
}

void hone_rt_set_memory(hone_rt_memory *memory, const hone_options *options, const hone_allocator *allocator) {
  *memory = (hone_rt_memory){.allocator = *allocator, .limit = hone_rt_limit(options->memory_limit)};
}

void *hone_rt_carve(hone_rt_carver *c, int64_t count, size_t element_bytes) {
  void *at = c->base ? c->base + c->used : NULL;
  c->used += count * (int64_t)((element_bytes + 7) & ~(size_t)7);
  return at;
}

int64_t **hone_rt_carve_dims(hone_rt_carver *c, int64_t count, int64_t rank) {
  int64_t **dims = hone_rt_carve(c, count, sizeof(*dims));
  for (int64_t i = 0; i < count; ++i) {
    int64_t *at = hone_rt_carve(c, rank, sizeof(*at));
    if (dims)
      dims[i] = at;
  }
  return dims;
}

int64_t hone_rt_highest_rank(const hone_program_value *value, int64_t rank) {
  return value->rank > rank ? value->rank : rank;
}

hone_status hone_rt_make(hone_rt_memory *memory, hone_error *error, int64_t (*lay_out)(char *, const hone_program *),
                         const hone_program *program, const char *what, hone_rt_block *block) {
  *block = (hone_rt_block){0};
  hone_status status = hone_rt_reserve(memory, error, block, lay_out(NULL, program), what, NULL);
  if (status)
    return status;
  memset(block->data, 0, (size_t)block->bytes);
  lay_out(block->data, program);
  return HONE_OK;
}

void hone_rt_read_ahead(const char *weights, int64_t bytes) {
  static _Atomic bool done; /* once per library, not per session; each library carries its own runtime */
  if (!weights || atomic_exchange_explicit(&done, true, memory_order_relaxed))
    return;
  /* A cold gigabyte is read in 0.3 s instead of the 1.2 s of faults. Failure does no harm. */
  uintptr_t page = (uintptr_t)weights & -(uintptr_t)4096;
  madvise((void *)page, (uintptr_t)weights + (uintptr_t)bytes - page, MADV_WILLNEED);
}
