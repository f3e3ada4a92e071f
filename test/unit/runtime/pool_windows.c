/* pool.c with a stop in front of each step by which its threads meet, for pool_windows_test.cpp.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#define _GNU_SOURCE /* syscall */
#define hone_rt_pool_create windows_pool_create
#include "../../../runtime/src/internal.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The test's: called in front of each step. */
void windows_step(void);
bool windows_idle(hone_pool *base);
/* Waits that nobody ended, and calls of pthread_join. */
_Atomic int windows_overslept, windows_joined;

static long step_syscall(long number, ...) {
  if (number != SYS_futex)
    return syscall(number);
  va_list arguments;
  va_start(arguments, number);
  uint32_t *word = va_arg(arguments, uint32_t *);
  int operation = va_arg(arguments, int), value = va_arg(arguments, int);
  va_end(arguments);
  windows_step();
  struct timespec limit = {5, 0}; /* without it a lost wake-up would hang the test */
  long result = syscall(SYS_futex, word, operation, value, operation == FUTEX_WAIT_PRIVATE ? &limit : NULL, NULL, 0);
  if (result < 0 && errno == ETIMEDOUT)
    ++windows_overslept;
  return result;
}

static int step_join(pthread_t thread, void **result) {
  ++windows_joined;
  return pthread_join(thread, result);
}

static bool step_compare_exchange(_Atomic uint64_t *object, uint64_t *expected, uint64_t desired) {
  windows_step();
  return atomic_compare_exchange_strong(object, expected, desired);
}

#undef atomic_compare_exchange_strong_explicit
#undef atomic_load
#undef atomic_store
#undef atomic_fetch_add
#define atomic_compare_exchange_strong_explicit(object, expected, desired, success, failure)                           \
  step_compare_exchange(object, expected, desired)
#define atomic_load(object) (windows_step(), atomic_load_explicit(object, memory_order_seq_cst))
#define atomic_store(object, value) (windows_step(), atomic_store_explicit(object, value, memory_order_seq_cst))
#define atomic_fetch_add(object, value) (windows_step(), atomic_fetch_add_explicit(object, value, memory_order_seq_cst))
#define syscall step_syscall
#define pthread_join step_join
#include "../../../runtime/src/pool.c"

/* True once the only worker is about to sleep. */
bool windows_idle(hone_pool *base) { return atomic_load_explicit(&((pool *)base)->asleep, memory_order_seq_cst) == 1; }
