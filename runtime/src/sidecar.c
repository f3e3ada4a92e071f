/* Weights that lie in a file of their own: found, checked and mapped by the first session, once for all of them.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#define _DEFAULT_SOURCE /* pread */
#include "internal.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A path's room; a longer one is no path of the system's. */
enum { PATH_BYTES = 4096 };

/* Where a line of /proc/self/maps has come to: "7f00-7f01 r--p 00000000 08:01 42    /path". */
typedef enum place { BEGIN, END, MIDDLE, PATH, SKIPPED } place;

/* Writes the path of the file that `address` is mapped from. Not dladdr's, which may be relative to a folder that the
 * process has left. False: it is in no file, or there is no /proc. */
static bool find_file(const void *address, char *path, size_t capacity) {
  char text[1024];
  uintptr_t bounds[2] = {0, 0};
  size_t length = 0;
  place place = BEGIN;
  bool found = false;
  ssize_t count;
  int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return false;
  while (!found && (count = read(file, text, sizeof(text))) > 0)
    for (ssize_t i = 0; i < count && !found; ++i) {
      char c = text[i];
      if (c == '\n') {
        found = place == PATH;
        place = BEGIN;
        bounds[0] = bounds[1] = 0;
      } else if (place == BEGIN && c == '-') {
        place = END;
      } else if (place == END && c == ' ') {
        place = (uintptr_t)address >= bounds[0] && (uintptr_t)address < bounds[1] ? MIDDLE : SKIPPED;
      } else if (place <= END) {
        bounds[place] = bounds[place] << 4 | (uintptr_t)(c <= '9' ? c - '0' : c - 'a' + 10);
      } else if (place == PATH || (place == MIDDLE && c == '/')) {
        place = length + 1 < capacity ? PATH : SKIPPED;
        path[length++] = c;
      }
    }
  close(file);
  path[length] = 0;
  return found;
}

/* The error for the file `path`, of which `what` is true. */
static hone_status refuse(hone_error *error, const char *path, const char *what) {
  return hone_rt_error(error, HONE_INVALID_ARGUMENT, "the weights' file '%s' %s", path, what);
}

/* Maps `file`, which is called `path`, once it has been found to be the program's. */
static hone_status map(const hone_program *program, int file, const char *path, hone_error *error, char **mapped) {
  static const char magic[] = HONE_SIDECAR_MAGIC;
  const size_t magic_bytes = sizeof(magic) - 1, digest_bytes = strlen(program->weight_digest);
  char header[128];
  ssize_t count = pread(file, header, magic_bytes + digest_bytes, 0);
  if (count < 0)
    return refuse(error, path, "cannot be read");
  if (count != (ssize_t)(magic_bytes + digest_bytes) || memcmp(header, magic, magic_bytes) != 0)
    return refuse(error, path, "is none that a compile has written");
  if (memcmp(header + magic_bytes, program->weight_digest, digest_bytes) != 0)
    return refuse(error, path, "belongs to another library: each compile writes both; keep them together");
  const int64_t bytes = HONE_SIDECAR_HEADER + program->weight_bytes, size = (int64_t)lseek(file, 0, SEEK_END);
  if (size != bytes)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT,
                         "the weights' file '%s' is damaged: it has %ld bytes, expected %ld; copy or compile it again",
                         path, (long)size, (long)bytes);
  *mapped = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, file, 0);
  if (*mapped != MAP_FAILED)
    return HONE_OK;
  return hone_rt_error(error, HONE_OUT_OF_MEMORY, "the weights' file '%s': no room to map its %ld bytes", path,
                       (long)bytes);
}

static hone_status find_and_map(const hone_program *program, const char *path, hone_error *error, char **mapped) {
  static const char suffix[] = ".weights";
  char own[PATH_BYTES + sizeof(suffix)];
  if (!path) {
    if (!find_file(program, own, PATH_BYTES))
      return hone_rt_error(error, HONE_INVALID_ARGUMENT,
                           "the weights' file cannot be found: the library is in no file; set options.weights");
    memcpy(own + strlen(own), suffix, sizeof(suffix));
    path = own;
  }
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return refuse(error, path,
                  errno == ENOENT ? "is missing: a compile writes it beside the library; keep them together, or set "
                                    "options.weights"
                                  : "cannot be opened");
  hone_status status = map(program, file, path, error, mapped);
  close(file);
  return status;
}

/* Each library has a runtime, and so this, of its own. */
static struct {
  pthread_mutex_t mutex;
  int64_t users; /* sessions */
  char *mapped;  /* while there are any */
} shared = {PTHREAD_MUTEX_INITIALIZER, 0, NULL};

static hone_status take(const hone_program *program, const char *path, hone_error *error, const char **weights) {
  hone_status status = HONE_OK;
  pthread_mutex_lock(&shared.mutex);
  if (!shared.users)
    status = find_and_map(program, path, error, &shared.mapped);
  if (!status) {
    ++shared.users;
    *weights = shared.mapped + HONE_SIDECAR_HEADER;
  }
  pthread_mutex_unlock(&shared.mutex);
  return status;
}

static void give_back(const hone_program *program) {
  pthread_mutex_lock(&shared.mutex);
  if (--shared.users == 0)
    munmap(shared.mapped, (size_t)(HONE_SIDECAR_HEADER + program->weight_bytes));
  pthread_mutex_unlock(&shared.mutex);
}

const hone_rt_sidecar_calls hone_rt_sidecar = {take, give_back};
