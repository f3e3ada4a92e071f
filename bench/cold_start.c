/* How long a fresh process takes from exec to its first result.
 *
 *   cold_start LIBRARY SYMBOL BATCH LENGTH      prints milliseconds
 *
 * The parent starts itself again as a child that loads the library, makes a session with one thread and runs it once on
 * a model with the inputs input_ids and attention_mask [batch, length]; it stops the clock when the child says that the
 * outputs are there. bench/minilm.py repeats it.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#define _GNU_SOURCE
#include "hone/hone.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_OUTPUTS 16

static int fail(const char *what) {
  fprintf(stderr, "cold_start: %s\n", what);
  return 1;
}

static int run_once(const char *path, const char *symbol, int64_t batch, int64_t length) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  const hone_library *(*open)(void) = NULL;
  hone_options options = hone_options_default();
  hone_session *session = NULL;
  hone_error error;
  int64_t shape[2] = {batch, length};
  int64_t *ids = malloc((size_t)(batch * length) * sizeof(*ids));
  int64_t *mask = malloc((size_t)(batch * length) * sizeof(*mask));
  hone_dtype type = hone_dtype_make(HONE_CODE_INT, 64);
  hone_value inputs[2], outputs[MAX_OUTPUTS];
  hone_entry_info entry;

  if (!handle || !ids || !mask)
    return fail(handle ? "out of memory" : dlerror());
  *(void **)&open = dlsym(handle, symbol);
  if (!open)
    return fail(dlerror());
  for (int64_t i = 0; i < batch * length; ++i) {
    ids[i] = 1000 + i;
    mask[i] = 1;
  }
  if (hone_library_entry(open(), 0, &entry, &error) != HONE_OK)
    return fail(error.message);
  if (entry.output_count > MAX_OUTPUTS)
    return fail("too many outputs");
  for (int32_t i = 0; i < entry.output_count; ++i)
    outputs[i] = hone_value_make();
  inputs[0] = hone_value_tensor(ids, type, 2, shape);
  inputs[1] = hone_value_tensor(mask, type, 2, shape);
  options.threads = 1;
  if (hone_session_create(open(), &options, &session, &error) != HONE_OK ||
      hone_run(session, 0, inputs, 2, outputs, entry.output_count, &error) != HONE_OK)
    return fail(error.message);
  return write(STDOUT_FILENO, "!", 1) == 1 ? 0 : 1;
}

int main(int argc, char **argv) {
  struct timespec start, end;
  int pipe_ends[2], status;
  char byte;
  pid_t child;

  if (argc == 6 && !strcmp(argv[1], "--child"))
    return run_once(argv[2], argv[3], atoll(argv[4]), atoll(argv[5]));
  if (argc != 5 || pipe(pipe_ends))
    return fail("usage: cold_start LIBRARY SYMBOL BATCH LENGTH");
  clock_gettime(CLOCK_MONOTONIC, &start);
  child = vfork();
  if (child == 0) {
    dup2(pipe_ends[1], STDOUT_FILENO);
    execl("/proc/self/exe", argv[0], "--child", argv[1], argv[2], argv[3], argv[4], (char *)NULL);
    _exit(127);
  }
  close(pipe_ends[1]);
  if (read(pipe_ends[0], &byte, 1) != 1)
    return fail("the child gave no result");
  clock_gettime(CLOCK_MONOTONIC, &end);
  if (waitpid(child, &status, 0) != child || status)
    return fail("the child failed");
  printf("%.3f\n", 1e3 * (double)(end.tv_sec - start.tv_sec) + 1e-6 * (double)(end.tv_nsec - start.tv_nsec));
  return 0;
}
