// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Roofline.h"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <immintrin.h>
#include <thread>

using namespace hone;

using Clock = std::chrono::steady_clock;

static constexpr auto kSlice = std::chrono::milliseconds(4);
static constexpr int kSlices = 12; // for each figure; the first ones warm up

//===-- Work ----------------------------------------------------------------------------------------------------===//

namespace {
/// Loops over vectors of a width that some processors have.
struct Level {
  unsigned lanes;
  /// Steps of kChains multiply-adds on vectors: 2 · kChains · lanes · steps operations.
  float (*multiplyAdd)(int64_t steps, float scale);
  /// The sum of `size` bytes, a multiple of kChains vectors.
  float (*readAll)(const char *data, int64_t size);
};
} // namespace

/// So many chains hide the latency of a multiply-add on all x86-64 cores: 4 to 5 cycles, two a cycle.
static constexpr int kChains = 12;

// a · b + c, in one instruction where there is one; without optimization the compiler finds none.
__attribute__((target("avx512f"))) static inline __m512 multiplyAdd(__m512 a, __m512 b, __m512 c) {
  return _mm512_fmadd_ps(a, b, c);
}
__attribute__((target("avx2,fma"))) static inline __m256 multiplyAdd(__m256 a, __m256 b, __m256 c) {
  return _mm256_fmadd_ps(a, b, c);
}
static inline __m128 multiplyAdd(__m128 a, __m128 b, __m128 c) { return a * b + c; }

// Macros, because functions that are inlined have their vectors cut to the width of the target that they were written
// for, and an array of chains would be kept on the stack. The empty asm keeps a step in the loop.
#define HONE_CHAINS(each)                                                                                              \
  each(0) each(1) each(2) each(3) each(4) each(5) each(6) each(7) each(8) each(9) each(10) each(11)
#define HONE_DECLARE(i) Vector chain##i = Vector{} + float(i);
#define HONE_STEP(i)                                                                                                   \
  chain##i = multiplyAdd(chain##i, factor, factor);                                                                    \
  asm volatile("" : "+x"(chain##i));
#define HONE_READ(i) chain##i += *reinterpret_cast<const Vector *>(data + at + i * sizeof(Vector));
#define HONE_SUM(i) sum += chain##i;
#define HONE_LEVEL(name, features, width)                                                                              \
  __attribute__((target(features))) static float multiplyAdd##name(int64_t steps, float scale) {                       \
    typedef float Vector __attribute__((vector_size(width)));                                                          \
    Vector factor = Vector{} + scale, sum = {};                                                                        \
    HONE_CHAINS(HONE_DECLARE)                                                                                          \
    for (int64_t step = 0; step < steps; ++step) {                                                                     \
      HONE_CHAINS(HONE_STEP)                                                                                           \
    }                                                                                                                  \
    HONE_CHAINS(HONE_SUM)                                                                                              \
    return sum[0];                                                                                                     \
  }                                                                                                                    \
  __attribute__((target(features))) static float readAll##name(const char *data, int64_t size) {                       \
    typedef float Vector __attribute__((vector_size(width)));                                                          \
    Vector sum = {};                                                                                                   \
    HONE_CHAINS(HONE_DECLARE)                                                                                          \
    for (int64_t at = 0; at < size; at += kChains * width) {                                                           \
      HONE_CHAINS(HONE_READ)                                                                                           \
    }                                                                                                                  \
    HONE_CHAINS(HONE_SUM)                                                                                              \
    return sum[0];                                                                                                     \
  }                                                                                                                    \
  static constexpr Level k##name{width / sizeof(float), multiplyAdd##name, readAll##name};
HONE_LEVEL(Avx512, "avx512f,fma", 64)
HONE_LEVEL(Avx2, "avx2,fma", 32)
HONE_LEVEL(Sse2, "sse2", 16)
#undef HONE_LEVEL
#undef HONE_SUM
#undef HONE_READ
#undef HONE_STEP
#undef HONE_DECLARE
#undef HONE_CHAINS

static const Level &widestLevel() {
  if (__builtin_cpu_supports("avx512f"))
    return kAvx512;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? kAvx2 : kSse2;
}

//===-- Measurement ---------------------------------------------------------------------------------------------===//

/// How often a second all threads together do `work(thread)`, which takes well below kSlice: in the best of some slices
/// of time, since other programs may take the cores for a while.
template <typename Work> static double rate(unsigned threads, Work &&work) {
  std::vector<std::atomic<int64_t>> done(kSlices);
  std::atomic<unsigned> ready = 0;
  std::atomic<Clock::time_point> begin;
  auto run = [&](unsigned thread) {
    work(thread); // touches its memory
    if (++ready == threads)
      begin = Clock::now();
    while (begin.load() == Clock::time_point())
      std::this_thread::yield();
    for (;;) {
      auto before = (Clock::now() - begin.load()) / kSlice;
      if (before >= kSlices)
        return;
      work(thread);
      auto slice = (Clock::now() - begin.load()) / kSlice;
      if (slice == before) // what spans two is none of either
        ++done[slice];
    }
  };
  std::vector<std::thread> others;
  for (unsigned thread = 1; thread < threads; ++thread)
    others.emplace_back(run, thread);
  run(0);
  for (std::thread &other : others)
    other.join();
  int64_t best = *std::max_element(done.begin(), done.end());
  return best / std::chrono::duration<double>(kSlice).count();
}

static std::atomic<float> result; // so that nothing is left out

Roofline Roofline::measure(unsigned threads) {
  const Level &level = widestLevel();
  Roofline roofline{threads, 0, {}};
  constexpr int64_t steps = 4096;
  roofline.flopsPerSecond =
      rate(threads, [&](unsigned) { result = level.multiplyAdd(steps, 0.5f); }) * 2 * kChains * level.lanes * steps;
  constexpr int64_t most = 256 << 20; // beyond the caches that one program gets
  for (int64_t bytes = 16 << 10; bytes <= most; bytes *= 4) {
    constexpr int64_t unit = kChains * 64; // readAll() takes as much at once
    int64_t share = std::max<int64_t>(bytes / threads / unit, 1) * unit;
    std::vector<char> memory(share * threads + 64);
    std::memset(memory.data(), 0, memory.size());
    char *begin = memory.data() + (-reinterpret_cast<uintptr_t>(memory.data()) & 63);
    // Short ones several times, or the clock would be measured; long ones in parts.
    int64_t times = std::max<int64_t>(1, (256 << 10) / share), part = std::min<int64_t>(share, 256 * unit);
    std::vector<int64_t> at(threads * 8); // a cache line for each thread
    double reads = rate(threads, [&](unsigned thread) {
      int64_t &own = at[thread * 8];
      for (int64_t i = 0; i < times; ++i)
        result = level.readAll(begin + thread * share + own, part);
      own = own + 2 * part <= share ? own + part : 0;
    });
    roofline.memories.push_back({double(share * threads), reads * times * part});
  }
  return roofline;
}

double Roofline::bytesPerSecond(double bytes) const {
  auto above =
      std::find_if(memories.begin(), memories.end(), [&](const Memory &memory) { return memory.bytes >= bytes; });
  return above == memories.end() ? memories.back().bytesPerSecond : above->bytesPerSecond;
}

double Roofline::seconds(double operations, double bytes, double workingSet) const {
  return std::max(operations / flopsPerSecond, bytes / bytesPerSecond(workingSet));
}
