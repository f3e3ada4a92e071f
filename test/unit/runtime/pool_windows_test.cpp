// The thread pool's race windows.
//
// One thread is stopped in front of each of its steps in turn, and the other does meanwhile all that it can do. The
// pool is the one in pool_windows.c, with one worker.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestModel.h"
#include <atomic>
#include <chrono>
#include <functional>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

extern "C" {
hone_status windows_pool_create(int32_t threads, hone_pool **pool, hone_error *error);
bool windows_idle(hone_pool *pool);
void windows_step(void);
extern int windows_overslept, windows_joined; // atomic in C
}

namespace {

int joins() { return __atomic_load_n(&windows_joined, __ATOMIC_SEQ_CST); }
int overslept() { return __atomic_load_n(&windows_overslept, __ATOMIC_SEQ_CST); }

thread_local bool isCaller = false;
std::atomic<bool> stopsCaller;
std::atomic<int> stepsBefore{-1};
std::function<void()> atStop;

/// Calls `action` in front of a step of the caller, or of the worker: the one behind `steps` others.
void stop(bool caller, int steps, std::function<void()> action) {
  stepsBefore = -1;
  atStop = std::move(action);
  stopsCaller = caller;
  stepsBefore = steps;
}

/// Waits until `condition` holds; false if it does not within seconds.
template <typename Condition> bool eventually(Condition condition) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition() && std::chrono::steady_clock::now() < end)
    std::this_thread::yield();
  return condition();
}

struct Pool {
  hone_pool *handle = nullptr;
  Pool() {
    isCaller = true;
    EXPECT_EQ(windows_pool_create(2, &handle, nullptr), HONE_OK);
  }
  Pool(const Pool &) = delete;
  ~Pool() {
    hone_pool_destroy(handle);
    stepsBefore = -1;
  }
  void parallel(std::function<void(int32_t)> &task) {
    handle->parallel(
        handle, 2,
        [](void *argument, int32_t thread) { (*static_cast<std::function<void(int32_t)> *>(argument))(thread); },
        &task);
  }
};

} // namespace

void windows_step(void) {
  if (isCaller == stopsCaller && stepsBefore >= 0 && stepsBefore-- == 0)
    atStop();
}

TEST(PoolWindows, WorkComesWhileTheWorkerGoesToSleep) {
  for (int step = 0; step < 5; ++step) {
    std::atomic<bool> stopped{false}, published{false}, joined{false};
    stop(false, step, [&] {
      stopped = true;
      eventually([&] { return bool(published); });
    });
    Pool pool;
    ASSERT_TRUE(eventually([&] { return bool(stopped); })) << step;
    std::function<void(int32_t)> task = [&](int32_t thread) {
      published = true;
      if (thread)
        joined = true;
      else
        EXPECT_TRUE(eventually([&] { return bool(joined); })) << step;
    };
    pool.parallel(task);
    EXPECT_EQ(overslept(), 0) << step;
  }
}

TEST(PoolWindows, PoolEndsWhileTheWorkerGoesToSleep) {
  for (int step = 0; step < 5; ++step) {
    std::atomic<bool> stopped{false};
    int before = joins();
    stop(false, step, [&] {
      stopped = true;
      eventually([&] { return joins() > before; });
    });
    Pool pool;
    ASSERT_TRUE(eventually([&] { return bool(stopped); })) << step;
    hone_pool_destroy(pool.handle);
    pool.handle = nullptr;
    EXPECT_EQ(overslept(), 0) << step;
  }
}

TEST(PoolWindows, WorkerLeavesWhileTheCallerGoesToSleep) {
  for (int step = 0; step < 3; ++step) {
    std::atomic<bool> joined{false}, stopped{false};
    Pool pool;
    std::function<void(int32_t)> task = [&](int32_t thread) {
      if (thread) {
        joined = true;
        eventually([&] { return bool(stopped); });
        return;
      }
      EXPECT_TRUE(eventually([&] { return bool(joined); }));
      stop(true, step, [&] {
        stopped = true;
        EXPECT_TRUE(eventually([&] { return windows_idle(pool.handle); })) << step;
      });
    };
    pool.parallel(task);
    EXPECT_TRUE(stopped) << step;
    EXPECT_EQ(overslept(), 0) << step;
  }
}

// The worker has read what a slot holds, and joins when the slot holds the next task, or leaves when it does.
TEST(PoolWindows, NextTaskTakesTheSlot) {
  for (int step = 0; step < 9; ++step) {
    std::atomic<bool> stopped{false}, first{false}, firstIsOver{false}, late{false}, published{false}, second{false};
    Pool pool;
    ASSERT_TRUE(eventually([&] { return windows_idle(pool.handle); }));
    stop(false, step, [&] {
      stopped = true;
      eventually([&] { return bool(published); });
    });
    std::function<void(int32_t)> one = [&](int32_t thread) {
      if (firstIsOver)
        late = true;
      if (thread)
        first = true;
      else
        EXPECT_TRUE(eventually([&] { return stopped || first; }));
    };
    std::function<void(int32_t)> two = [&](int32_t thread) {
      published = true;
      if (thread)
        second = true;
      else
        EXPECT_TRUE(eventually([&] { return bool(second); })) << step;
    };
    pool.parallel(one);
    firstIsOver = true;
    pool.parallel(two);
    EXPECT_FALSE(late) << step;
    EXPECT_EQ(overslept(), 0) << step;
  }
}

#if !defined(__SANITIZE_THREAD__) // it does not follow a process that forks with threads
TEST(PoolWindows, ForkedChildJoinsNoThreads) {
  Pool pool;
  int before = joins();
  pid_t child = fork();
  if (child == 0) {
    hone_pool_destroy(pool.handle);
    _exit(joins() - before);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  hone_pool_destroy(pool.handle);
  pool.handle = nullptr;
  EXPECT_EQ(joins() - before, 1);
}
#endif
