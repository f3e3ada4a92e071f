/* Worker threads.
 *
 * A caller puts its task into a slot and runs it itself; workers that are free join while the slot is open. The caller
 * closes the slot when its own call returns (then no work is left) and waits only for workers that have joined: a
 * worker that is asleep, or that the system has taken off its core, never delays a run. Idle workers spin for some tens
 * of microseconds, since launches follow each other closely, and then sleep in the kernel.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#define _GNU_SOURCE /* syscall */
#include "internal.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Tasks at the same time in one pool; a caller that finds no slot works alone. */
enum { SLOTS = 16 };
/* How long an idle thread spins. Waking one that sleeps costs the caller 2 to 15 us, and the worker comes 20 us later;
 * the gaps between the launches of a run are shorter. */
enum { SPIN_NANOSECONDS = 50000 };
/* Looks between two yields. Without the yields, on a machine that is busy, a worker that was woken on the caller's own
 * core spins there while the caller waits for it. */
enum { SPIN_ROUNDS = 16 };

/* A slot's state. The generation tells tasks apart that use a slot one after the other: a join that compares the whole
 * state cannot enter a task other than the one that it has read. */
#define ACTIVE UINT64_C(1)             /* 16 bits: workers inside */
#define JOINED (UINT64_C(1) << 16)     /* 15 bits: workers that have joined */
#define OPEN (UINT64_C(1) << 31)       /* workers may join */
#define GENERATION (UINT64_C(1) << 32) /* 32 bits */
#define ACTIVE_OF(state) ((state) & 0xffff)
#define JOINED_OF(state) ((int32_t)((state) >> 16 & 0x7fff))

typedef struct slot {
  _Alignas(64) _Atomic uint64_t state;
  _Atomic uint32_t waiting; /* futex: the caller sleeps until the last worker leaves */
  _Atomic int32_t limit;
  hone_task *_Atomic task;
  void *_Atomic argument;
} slot;

typedef struct pool {
  hone_pool base;
  int64_t bytes;
  int32_t workers;
  bool spins;
  long process;                         /* a forked child has no workers to join */
  _Alignas(64) _Atomic uint32_t open;   /* bit per slot: worth looking at */
  _Alignas(64) _Atomic uint32_t used;   /* bit per slot: taken by a caller */
  _Alignas(64) _Atomic uint32_t asleep; /* workers that sleep or are about to */
  _Atomic uint32_t signal;              /* futex: changes when there is work */
  _Atomic bool stop;
  slot slots[SLOTS];
  pthread_t threads[];
} pool;

static const hone_allocator system_memory;

static void pause_core(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void futex_wait(_Atomic uint32_t *word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int32_t count) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static long process_id(void) { return syscall(SYS_getpid); }

/* No more workers may join. Whoever calls this is still inside, so the slot is not yet another task's. */
static void close_slot(pool *p, int32_t index) {
  atomic_fetch_and_explicit(&p->slots[index].state, ~OPEN, memory_order_relaxed);
  atomic_fetch_and_explicit(&p->open, ~(1u << index), memory_order_relaxed);
}

static void join(pool *p, int32_t index) {
  slot *s = &p->slots[index];
  uint64_t state = atomic_load_explicit(&s->state, memory_order_acquire);
  hone_task *task = atomic_load_explicit(&s->task, memory_order_relaxed);
  void *argument = atomic_load_explicit(&s->argument, memory_order_relaxed);
  int32_t limit = atomic_load_explicit(&s->limit, memory_order_relaxed);
  int32_t thread = JOINED_OF(state) + 1;
  if (!(state & OPEN) || thread >= limit ||
      !atomic_compare_exchange_strong_explicit(&s->state, &state, state + JOINED + ACTIVE, memory_order_acq_rel,
                                               memory_order_relaxed)) {
    pause_core();
    return;
  }
  if (thread + 1 == limit)
    atomic_fetch_and_explicit(&p->open, ~(1u << index), memory_order_relaxed);
  task(argument, thread);
  close_slot(p, index);
  if (ACTIVE_OF(atomic_fetch_sub(&s->state, ACTIVE)) == 1 && atomic_load(&s->waiting)) {
    atomic_store(&s->waiting, 0);
    futex_wake(&s->waiting, 1);
  }
}

/* Returns the slots worth looking at; 0 when the pool ends. */
static uint32_t wait_for_work(pool *p) {
  uint32_t open = 0;
  for (int64_t end = p->spins ? hone_rt_now() + SPIN_NANOSECONDS : 0; end && hone_rt_now() < end; sched_yield())
    for (int32_t i = 0; i < SPIN_ROUNDS; ++i) {
      if ((open = atomic_load_explicit(&p->open, memory_order_relaxed)))
        return open;
      pause_core();
    }
  atomic_fetch_add(&p->asleep, 1);
  for (;;) {
    uint32_t signal = atomic_load(&p->signal);
    open = atomic_load(&p->open);
    if (open || atomic_load(&p->stop))
      break;
    futex_wait(&p->signal, signal);
  }
  atomic_fetch_sub(&p->asleep, 1);
  return open;
}

static void *run_worker(void *argument) {
  pool *p = argument;
  uint32_t open;
  while ((open = wait_for_work(p)))
    join(p, __builtin_ctz(open));
  return NULL;
}

static void wait_for_workers(slot *s) {
  for (int64_t end = 0; !end || hone_rt_now() < end; sched_yield()) {
    for (int32_t i = 0; i < SPIN_ROUNDS; ++i) {
      if (!ACTIVE_OF(atomic_load_explicit(&s->state, memory_order_acquire)))
        return;
      pause_core();
    }
    if (!end)
      end = hone_rt_now() + SPIN_NANOSECONDS;
  }
  for (;;) {
    atomic_store(&s->waiting, 1);
    if (!ACTIVE_OF(atomic_load(&s->state)))
      break;
    futex_wait(&s->waiting, 1);
  }
  atomic_store(&s->waiting, 0);
}

/* Takes a free slot; -1 if there is none. */
static int32_t take_slot(pool *p) {
  uint32_t used = atomic_load_explicit(&p->used, memory_order_relaxed);
  int32_t index;
  do {
    uint32_t available = ~used & ((1u << SLOTS) - 1);
    if (!available)
      return -1;
    index = __builtin_ctz(available);
  } while (!atomic_compare_exchange_weak_explicit(&p->used, &used, used | 1u << index, memory_order_acquire,
                                                  memory_order_relaxed));
  return index;
}

static void run_parallel(hone_pool *base, int32_t limit, hone_task *task, void *argument) {
  pool *p = (pool *)base;
  int32_t index = limit > 1 && p->workers ? take_slot(p) : -1;
  if (index < 0) {
    task(argument, 0);
    return;
  }
  slot *s = &p->slots[index];
  atomic_store_explicit(&s->task, task, memory_order_relaxed);
  atomic_store_explicit(&s->argument, argument, memory_order_relaxed);
  atomic_store_explicit(&s->limit, limit, memory_order_relaxed);
  uint64_t generation = atomic_load_explicit(&s->state, memory_order_relaxed) / GENERATION + 1;
  atomic_store_explicit(&s->state, generation * GENERATION | OPEN, memory_order_release);
  atomic_fetch_or(&p->open, 1u << index);
  if (atomic_load(&p->asleep)) {
    atomic_fetch_add(&p->signal, 1);
    futex_wake(&p->signal, limit - 1);
  }
  task(argument, 0);
  close_slot(p, index);
  wait_for_workers(s);
  atomic_fetch_and_explicit(&p->used, ~(1u << index), memory_order_release);
}

static void destroy(hone_pool *base) {
  pool *p = (pool *)base;
  atomic_store(&p->stop, true);
  atomic_fetch_add(&p->signal, 1);
  futex_wake(&p->signal, p->workers);
  for (int32_t i = 0; p->process == process_id() && i < p->workers; ++i)
    pthread_join(p->threads[i], NULL);
  hone_rt_release(&system_memory, p, p->bytes);
}

/* A process may run without some or all of the workers, so a thread that the system refuses is no error. */
static void start_workers(pool *p) {
  /* The program's signal handlers run on its own threads. A fault belongs to the thread that made it: blocked there, it
   * would end the process without a word. */
  static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  unsigned long first = ~0ul; /* signal n is bit n - 1 */
  for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); ++i)
    first &= ~(1ul << (faults[i] - 1));
  sigset_t blocked, before;
  memset(&blocked, 0xff, sizeof(blocked));
  memcpy(&blocked, &first, sizeof(first));
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  while (p->workers < p->base.threads - 1 && !pthread_create(&p->threads[p->workers], NULL, run_worker, p))
    ++p->workers;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

hone_status hone_rt_pool_create(int32_t threads, hone_pool **result, hone_error *error) {
  int32_t cores = hone_rt_allowed_cores();
  if (!result)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "pool is NULL: nowhere to put the new pool");
  if (threads < 0 || threads > HONE_RT_MAX_THREADS)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "threads is %ld, expected 0 to %ld", (long)threads,
                         (long)HONE_RT_MAX_THREADS);
  if (threads == 0)
    threads = cores;
  int64_t bytes = (int64_t)sizeof(pool) + (threads - 1) * (int64_t)sizeof(pthread_t);
  pool *p = hone_rt_allocate(&system_memory, bytes);
  if (!p)
    return hone_rt_error(error, HONE_OUT_OF_MEMORY, "no memory for a thread pool (%ld bytes)", (long)bytes);
  p->base = (hone_pool){.size = sizeof(hone_pool), .threads = threads, .parallel = run_parallel, .destroy = destroy};
  p->bytes = bytes;
  p->spins = threads <= cores; /* where threads share cores, a spinning one keeps a working one waiting */
  p->process = process_id();
  start_workers(p);
  *result = &p->base;
  return HONE_OK;
}
