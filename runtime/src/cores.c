/* How many cores the process may use.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#define _GNU_SOURCE /* sched_getaffinity */
#include "internal.h"
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* Reads the start of a file as text; false if there is none. */
static bool read_text(const char *path, char *text, int64_t bytes) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return false;
  int64_t used = 0, got;
  while (used < bytes - 1 && (got = read(file, text + used, (size_t)(bytes - 1 - used))) > 0)
    used += got;
  close(file);
  text[used] = 0;
  return true;
}

/* Appends to a path of PATH_BYTES; false if it does not fit. */
static bool append(char *path, const char *text) {
  int64_t length = 0;
  while (path[length])
    ++length;
  for (; *text && length < PATH_BYTES - 1; ++text)
    path[length++] = *text;
  path[length] = 0;
  return !*text;
}

/* Reads "123 …"; false for "max" or "-1". */
static bool parse_number(const char **text, int64_t *value) {
  while (**text == ' ')
    ++*text;
  if (**text < '0' || **text > '9')
    return false;
  for (*value = 0; **text >= '0' && **text <= '9' && *value < INT64_MAX / 16; ++*text)
    *value = *value * 10 + (**text - '0');
  return true;
}

/* The quota in the group's directory `path`, in whole cores. Rounded down: a process that spins on a part of a core is
 * stopped for the rest of the period, which costs more than that part is worth. */
static int32_t quota_at(const char *path, bool version2, int32_t most) {
  char file[PATH_BYTES] = "", text[64];
  int64_t quota, period;
  const char *at = text;
  if (!append(file, path) || !append(file, version2 ? "/cpu.max" : "/cpu.cfs_quota_us") ||
      !read_text(file, text, sizeof(text)) || !parse_number(&at, &quota))
    return most;
  if (!version2) {
    file[0] = 0;
    at = text;
    if (!append(file, path) || !append(file, "/cpu.cfs_period_us") || !read_text(file, text, sizeof(text)))
      return most;
  }
  if (!parse_number(&at, &period) || !period || quota / period >= most)
    return most;
  return quota / period > 1 ? (int32_t)(quota / period) : 1;
}

/* Walks from the group up to the mount point: each level limits those below. */
static int32_t quota_of_group(const char *root, const char *mount, const char *group, bool version2, int32_t most) {
  char path[PATH_BYTES] = "";
  if (!append(path, root) || !append(path, mount))
    return most;
  int64_t length = 0, top;
  while (path[length])
    ++length;
  top = length;
  if (!append(path, group))
    return most;
  while (path[length])
    ++length;
  for (;;) {
    most = quota_at(path, version2, most);
    if (length <= top)
      return most;
    while (length > top && path[length] != '/')
      --length;
    path[length] = 0;
  }
}

/* The controllers of a line of /proc/self/cgroup ("4:cpu,cpuacct:/group") name the CPU controller. */
static bool names_cpu(const char *controllers) {
  for (const char *at = controllers; *at && *at != ':';) {
    if (at[0] == 'c' && at[1] == 'p' && at[2] == 'u' && (at[3] == ',' || at[3] == ':'))
      return true;
    while (*at && *at != ':' && *at++ != ',')
      ;
  }
  return false;
}

int32_t hone_rt_quota(const char *membership, const char *root, int32_t most) {
  char text[2 * PATH_BYTES];
  if (!read_text(membership, text, sizeof(text)))
    return most;
  for (char *line = text; *line;) {
    char *end = line;
    while (*end && *end != '\n')
      ++end;
    char *next = *end ? end + 1 : end;
    *end = 0;
    char *controllers = line;
    while (*controllers && *controllers++ != ':')
      ;
    char *group = controllers;
    while (*group && *group++ != ':')
      ;
    if (*controllers == ':')
      most = quota_of_group(root, "", group, true, most);
    else if (names_cpu(controllers))
      most = quota_of_group(root, "/cpu", group, false, most);
    line = next;
  }
  return most;
}

int32_t hone_rt_allowed_cores(void) {
  uint64_t mask[128]; /* 8192 cores; the call fails if the machine may have more */
  int32_t cores = 0;
  if (!sched_getaffinity(0, sizeof(mask), (cpu_set_t *)mask)) {
    /* glibc clears what the kernel does not fill in */
    for (int i = 0; i < 128; ++i)
      cores += __builtin_popcountll(mask[i]);
  }
  if (cores > HONE_RT_MAX_THREADS)
    cores = HONE_RT_MAX_THREADS;
  return hone_rt_quota("/proc/self/cgroup", "/sys/fs/cgroup", cores ? cores : 1);
}
