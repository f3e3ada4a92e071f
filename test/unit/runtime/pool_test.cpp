// The thread pool, alone and shared.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TestModel.h"
#include <atomic>
#include <chrono>
#include <csignal>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <thread>
#include <time.h>
#include <unistd.h>

using namespace test;

namespace {

struct Pool {
  hone_pool *handle = nullptr;
  explicit Pool(int32_t threads) { EXPECT_EQ(hone_pool_create(&library, threads, &handle, nullptr), HONE_OK); }
  Pool(const Pool &) = delete;
  ~Pool() { hone_pool_destroy(handle); }
};

/// Work to share out: each unit is done once, each thread number is in use once at a time.
struct Work {
  static constexpr int limitMost = 64;
  std::atomic<int64_t> next{0};
  std::vector<std::atomic<int>> done;
  std::atomic<int> inside[limitMost] = {};
  std::atomic<int> calls{0}, wrong{0};
  int32_t limit;

  Work(int64_t units, int32_t limit) : done(size_t(units)), limit(limit) {}

  static void task(void *argument, int32_t thread) {
    auto *self = static_cast<Work *>(argument);
    ++self->calls;
    if (thread < 0 || thread >= self->limit || self->inside[thread]++)
      ++self->wrong;
    for (int64_t i; (i = self->next++) < int64_t(self->done.size());)
      ++self->done[size_t(i)];
    --self->inside[thread];
  }
  bool isRight() const {
    for (auto &count : done)
      if (count != 1)
        return false;
    return !wrong && calls >= 1 && calls <= limit;
  }
};

} // namespace

TEST(Pool, EachUnitOnce) {
  for (int32_t threads : {1, 2, 3, 16}) {
    Pool pool(threads);
    EXPECT_EQ(pool.handle->threads, threads);
    for (int round = 0; round < 500; ++round) {
      Work work(1 + round % 100, 1 + round % threads);
      pool.handle->parallel(pool.handle, work.limit, Work::task, &work);
      ASSERT_TRUE(work.isRight()) << threads << " threads, round " << round;
    }
  }
}

// The caller announces that it waits and sleeps, in place of spinning until a slow worker has finished.
TEST(Pool, CallerSleepsWhileAWorkerWorks) {
  Pool pool(2);
  std::atomic<int> calls{0};
  auto used = [] {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  };
  auto *task = +[](void *argument, int32_t thread) {
    auto &calls = *static_cast<std::atomic<int> *>(argument);
    ++calls;
    if (thread)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    while (calls < 2)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  auto before = used();
  pool.handle->parallel(pool.handle, 2, task, &calls);
  EXPECT_LT(used() - before, std::chrono::milliseconds(20));
}

TEST(Pool, WorkersWakeUp) {
  Pool pool(2);
  // The caller's own call waits until a worker has come: only possible if a sleeping one is woken.
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::atomic<int> calls{0};
    pool.handle->parallel(
        pool.handle, 2,
        [](void *argument, int32_t) {
          auto &calls = *static_cast<std::atomic<int> *>(argument);
          for (++calls; calls < 2;)
            std::this_thread::yield();
        },
        &calls);
    EXPECT_EQ(calls, 2);
  }
}

TEST(Pool, ManyCallersOversubscribed) {
  Pool pool(8);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 20; ++i) // more callers than the pool has slots
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        Work work(50, 8);
        pool.handle->parallel(pool.handle, work.limit, Work::task, &work);
        wrong += !work.isRight();
      }
    });
  for (std::thread &caller : callers)
    caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Pool, NestedBeyondTheSlots) {
  // Each level holds its slot while the next one runs; the pool has 16.
  struct Level {
    Pool &pool;
    int depth;
    std::atomic<int> &wrong;
    std::atomic<bool> taken{false};

    static void task(void *argument, int32_t) {
      auto *self = static_cast<Level *>(argument);
      if (self->depth == 20 || self->taken.exchange(true))
        return;
      Level next{self->pool, self->depth + 1, self->wrong};
      Work work(20, 3);
      self->pool.handle->parallel(self->pool.handle, 3, task, &next);
      self->pool.handle->parallel(self->pool.handle, 3, Work::task, &work);
      self->wrong += !work.isRight();
    }
  };
  Pool pool(3);
  std::atomic<int> wrong{0};
  for (int round = 0; round < 50; ++round) {
    Level top{pool, 0, wrong};
    Level::task(&top, 0);
  }
  EXPECT_EQ(wrong, 0);
}

TEST(Pool, SharedByLibrariesAndSessions) {
  Pool pool(3);
  Program other = program;
  other.name = "other";
  hone_library libraries[] = {library, makeLibrary(other)};
  std::vector<std::thread> threads;
  std::string results[4];
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      Session session(i == 3 ? 2 : 0, pool.handle, libraries[i % 2]);
      for (int64_t round = 0; round < 50 && results[i].empty(); ++round)
        results[i] = session.check(Inputs(2, 100 + 31 * round % 200));
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const std::string &result : results)
    EXPECT_EQ(result, "");
}

TEST(Pool, SessionsComeAndGo) {
  for (int i = 0; i < 50; ++i) {
    Session session(4);
    EXPECT_EQ(session.check(Inputs(2, 100)), "");
  }
}

TEST(Pool, WorkersTakeNoSignals) {
  static std::atomic<bool> onWorker;
  static pthread_t owner;
  onWorker = false;
  owner = pthread_self();
  auto before = std::signal(SIGUSR1, [](int) { onWorker = onWorker || !pthread_equal(pthread_self(), owner); });
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  Pool pool(4);
  pthread_sigmask(SIG_BLOCK, &set, &old); // so that only workers could take it
  kill(getpid(), SIGUSR1);
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  EXPECT_FALSE(onWorker);
  std::signal(SIGUSR1, before);
}

TEST(Pool, WorkersHandleTheirOwnFaults) {
  // Blocked, a fault would end the process without the program's handler.
  static std::atomic<bool> wasOnWorker, isHandled;
  static pthread_t owner;
  wasOnWorker = isHandled = false;
  owner = pthread_self();
  auto before = std::signal(SIGFPE, [](int) { isHandled = true; });
  Pool pool(4);
  while (!wasOnWorker)
    pool.handle->parallel(
        pool.handle, 4,
        [](void *, int32_t) {
          if (pthread_equal(pthread_self(), owner))
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          else if (!wasOnWorker.exchange(true))
            raise(SIGFPE); // of this thread
        },
        nullptr);
  EXPECT_TRUE(isHandled);
  std::signal(SIGFPE, before);
}

TEST(Pool, WrongArguments) {
  hone_pool *pool = nullptr;
  hone_error error;
  EXPECT_EQ(hone_pool_create(&library, -2, &pool, &error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "threads is -2, expected 0 to 1024");
  EXPECT_EQ(hone_pool_create(&library, 1025, &pool, &error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "threads is 1025, expected 0 to 1024");
  EXPECT_EQ(pool, nullptr);
  EXPECT_EQ(hone_pool_create(&library, 2, nullptr, &error), HONE_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "pool is NULL: nowhere to put the new pool");
}

#if !defined(__SANITIZE_THREAD__) // it does not follow a process that forks with threads
TEST(Pool, ForkedChildRunsAndEnds) {
  Session session(3);
  ASSERT_EQ(session.check(Inputs(2, 300)), "");
  pid_t child = fork();
  if (child == 0) { // no worker lives here: the caller does all the work, and destroy waits for nobody
    bool right = session.check(Inputs(2, 300)).empty();
    hone_session_destroy(session.handle);
    _exit(right ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}
#endif
