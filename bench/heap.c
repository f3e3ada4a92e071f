/* How much memory a process has allocated, now and at most. To be preloaded (LD_PRELOAD); counts what glibc's malloc
 * and its kin give, in bytes that can be used. bench/models.py asks it what a run of ONNX Runtime needs at one time.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static atomic_size_t live, peak;

size_t heap_live(void) { return live; }
size_t heap_peak(void) { return peak; }
void heap_forget_peak(void) { peak = live; }

static void *took(void *memory) {
  size_t now, most = peak;
  if (!memory)
    return NULL;
  now = atomic_fetch_add(&live, malloc_usable_size(memory)) + malloc_usable_size(memory);
  while (now > most && !atomic_compare_exchange_weak(&peak, &most, now))
    ;
  return memory;
}

static void gave(void *memory) {
  if (memory)
    atomic_fetch_sub(&live, malloc_usable_size(memory));
}

void *malloc(size_t bytes) { return took(__libc_malloc(bytes)); }
void *calloc(size_t count, size_t bytes) { return took(__libc_calloc(count, bytes)); }
void *memalign(size_t alignment, size_t bytes) { return took(__libc_memalign(alignment, bytes)); }
void *aligned_alloc(size_t alignment, size_t bytes) { return took(__libc_memalign(alignment, bytes)); }

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  void *got = took(__libc_memalign(alignment, bytes));
  if (!got)
    return ENOMEM;
  *memory = got;
  return 0;
}

void *realloc(void *memory, size_t bytes) {
  size_t before = memory ? malloc_usable_size(memory) : 0;
  void *got = __libc_realloc(memory, bytes);
  if (got || bytes == 0) /* else the old block lives on */
    atomic_fetch_sub(&live, before);
  return took(got);
}

void free(void *memory) {
  gave(memory);
  __libc_free(memory);
}
