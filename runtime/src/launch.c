/* One launch of a kernel, on as many threads as it is worth.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "internal.h"

/* Chunks per thread: enough that a thread which loses its core does not hold up the others. On a busy machine halves
 * were up to 15 times slower than one thread, chunks 1.2 to 1.3 times faster (docs/design/threads.md). */
enum { CHUNKS_PER_THREAD = 8 };

/* Grains of a chunk at most, so that cancellation is seen soon on one thread as well: a grain is about 10 us of work.
 * An iteration that takes longer looks at the flag itself. */
enum { GRAINS_PER_CHUNK = 64 };

typedef struct job {
  const hone_rt_session *session;
  const hone_launch *launch;
  int64_t chunk;
  int32_t failure;
  _Alignas(HONE_RT_ALIGNMENT) _Atomic int64_t next;
} job;

static void work(void *argument, int32_t thread) {
  job *j = argument;
  const hone_launch *launch = j->launch;
  hone_kernel_context context = {.buffers = launch->buffers,
                                 .sizes = launch->sizes,
                                 .scratch = j->session->scratch + thread * j->session->scratch_stride,
                                 .failure = &j->failure,
                                 .cancel = j->session->cancel};
  while (!hone_rt_is_set(context.cancel)) {
    int64_t begin = atomic_fetch_add_explicit(&j->next, j->chunk, memory_order_relaxed);
    if (begin >= launch->count)
      return;
    int64_t left = launch->count - begin;
    launch->record->kernel->code(&context, begin, begin + (left < j->chunk ? left : j->chunk));
  }
}

/* Not in the way of runs that nobody measures. */
__attribute__((noinline, cold)) static void report(const hone_rt_session *session, const hone_launch *launch,
                                                   int64_t begin, int64_t threads) {
  int64_t end = hone_rt_now();
  const hone_launch_record *record = launch->record;
  const hone_kernel_record *kernel = record->kernel;
  int64_t work[2];
  kernel->work(launch->sizes, work);
  hone_launch_event event = {.size = sizeof(event),
                             .threads = threads > 1 ? (int32_t)threads : 1,
                             .index = record - session->program->launches,
                             .kernel = kernel->symbol,
                             .family = kernel->family,
                             .nodes = record->nodes,
                             .device = {HONE_CPU, 0},
                             .operations = work[0],
                             .bytes = work[1],
                             .predicted_ns = kernel->predicted_ns,
                             .begin_ns = begin,
                             .end_ns = end};
  session->on_launch(session->on_launch_context, &event);
}

/* A launch whose sizes data decide may need more scratch than was planned. */
__attribute__((noinline, cold)) static hone_status grow_scratch(hone_rt_session *session, const hone_launch *launch) {
  int64_t stride, bytes;
  if (!hone_rt_add_aligned(0, launch->scratch, &stride) || __builtin_mul_overflow(stride, session->threads, &bytes))
    bytes = INT64_MAX;
  hone_status status =
      hone_rt_reserve(&session->memory, session->error, &session->scratch_block, bytes, launch->record->node, NULL);
  if (!status) {
    session->scratch = session->scratch_block.data;
    session->scratch_stride = stride;
  }
  return status;
}

int32_t hone_rt_launch(hone_frame *frame, const hone_launch *launch) {
  hone_rt_session *session = (hone_rt_session *)frame->session;
  if (launch->scratch > session->scratch_stride) {
    hone_status status = grow_scratch(session, launch);
    if (status)
      return status;
  }
  int64_t begin = session->on_launch ? hone_rt_now() : 0;
  job j = {.session = session, .launch = launch};
  int64_t units = launch->count ? (launch->count - 1) / launch->grain + 1 : 0;
  int64_t threads = units < session->threads ? units : session->threads;
  int64_t chunks = threads > 1 ? threads * CHUNKS_PER_THREAD : 1;
  int64_t grains = units < chunks ? 1 : units / chunks;
  if (grains > GRAINS_PER_CHUNK)
    grains = GRAINS_PER_CHUNK;
  j.chunk = grains * launch->grain;
  if (threads > 1)
    session->pool->parallel(session->pool, (int32_t)threads, work, &j);
  work(&j, 0); /* all of it with one thread, else what a pool has left undone: as a rule nothing */
  if (session->on_launch)
    report(session, launch, begin, threads);
  if (hone_rt_is_set(session->cancel))
    return hone_rt_error(session->error, HONE_CANCELLED, "%s: cancelled", launch->record->node);
  if (j.failure)
    return hone_rt_error(session->error, HONE_INVALID_ARGUMENT, "%s: an index is outside its dim, or a divisor is zero",
                         launch->record->node);
  return HONE_OK;
}
