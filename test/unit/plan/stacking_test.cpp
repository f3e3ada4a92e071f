// Places in one memory: what overlaps, what is needed at least, how long it takes.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/plan/Stacking.h"
#include "gtest/gtest.h"
#include <ctime>
#include <numeric>
#include <random>
#include <set>
#include <vector>

using namespace llvm;
using namespace hone;

namespace {

/// A model as launches with one result each, of which the last one is the model's.
struct Launches {
  SmallVector<Interval> intervals;
  Sizes bytes;

  /// Returns the number of the result. Reads of -1 are the model's inputs.
  int add(int64_t size, ArrayRef<int> reads) {
    int64_t now = intervals.size();
    for (int read : reads)
      if (read >= 0)
        intervals[read].last = now;
    intervals.push_back({now, now});
    bytes.push_back((size + 63) / 64 * 64);
    return now;
  }
  void dropResult() {
    intervals.pop_back();
    bytes.pop_back();
  }
};

} // namespace

static int64_t image(int64_t channels, int64_t side) { return channels * side * side * 4; }

/// ResNet-50 of one image of 224 x 224: convolutions with what is element-wise behind them, the addition of a block in
/// its last one.
static Launches resnet50() {
  Launches model;
  int64_t side = 56, channels = 64;
  int x = model.add(image(64, 112), {-1});
  x = model.add(image(64, side), {x});
  const int blocks[] = {3, 4, 6, 3};
  for (int stage = 0; stage < 4; ++stage, channels *= 2)
    for (int block = 0; block < blocks[stage]; ++block) {
      int64_t before = side;
      if (stage > 0 && block == 0)
        side /= 2;
      int narrow = model.add(image(channels, before), {x});
      int middle = model.add(image(channels, side), {narrow});
      int shortcut = block == 0 ? model.add(image(4 * channels, side), {x}) : x;
      x = model.add(image(4 * channels, side), {middle, shortcut});
    }
  x = model.add(image(2048, 1), {x});
  model.add(image(1000, 1), {x});
  model.dropResult();
  return model;
}

/// U-Net of one image of 256 x 256, 64 to 1024 channels. Without `joins`, convolutions read what is joined in two
/// parts.
static Launches unet(bool joins) {
  Launches model;
  int64_t side = 256, channels = 64;
  int x = -1;
  auto twice = [&] {
    x = model.add(image(channels, side), {x});
    x = model.add(image(channels, side), {x});
  };
  SmallVector<int> skips;
  for (int depth = 0; depth < 4; ++depth, channels *= 2) {
    twice();
    skips.push_back(x);
    side /= 2;
    x = model.add(image(channels, side), {x});
  }
  twice();
  while (!skips.empty()) {
    channels /= 2;
    side *= 2;
    int up = model.add(image(channels, side), {x}), skip = skips.pop_back_val();
    if (joins) {
      x = model.add(image(2 * channels, side), {up, skip});
      twice();
    } else {
      x = model.add(image(channels, side), {up, skip});
      x = model.add(image(channels, side), {x});
    }
  }
  model.add(image(2, side), {x});
  model.dropResult();
  return model;
}

/// The most that is needed at one point, point by point.
static int64_t leastOf(ArrayRef<Interval> intervals, ArrayRef<int64_t> sizes) {
  int64_t most = 0;
  for (Interval at : intervals) {
    int64_t sum = 0;
    for (size_t i = 0; i < intervals.size(); ++i)
      if (intervals[i].meets({at.first, at.first}))
        sum += sizes[i];
    most = std::max(most, sum);
  }
  return most;
}

/// What values take in slots: each takes a free slot of its size, or the first free one, which grows. `guesses` say
/// what a size is; returns the sum for each.
static Sizes bytesOfSlots(ArrayRef<Interval> intervals, ArrayRef<Sizes> guesses) {
  std::vector<std::vector<int64_t>> slots;
  std::vector<int64_t> until;
  for (size_t i = 0; i < intervals.size(); ++i) {
    std::vector<int64_t> own;
    for (const Sizes &guess : guesses)
      own.push_back(guess[i]);
    size_t first = slots.size(), same = slots.size();
    for (size_t slot = slots.size(); slot-- > 0;)
      if (until[slot] < intervals[i].first) {
        first = slot;
        same = slots[slot] == own ? slot : same;
      }
    size_t slot = same < slots.size() ? same : first;
    if (slot == slots.size()) {
      slots.push_back(own);
      until.push_back(0);
    }
    for (size_t guess = 0; guess < own.size(); ++guess)
      slots[slot][guess] = std::max(slots[slot][guess], own[guess]);
    until[slot] = intervals[i].last;
  }
  Sizes sums(guesses.size());
  for (const std::vector<int64_t> &slot : slots)
    for (size_t guess = 0; guess < slot.size(); ++guess)
      sums[guess] += slot[guess];
  return sums;
}

/// What an order takes. Values that are needed together must not overlap.
static int64_t checkedTotal(ArrayRef<unsigned> order, ArrayRef<Interval> intervals, ArrayRef<int64_t> sizes) {
  NumberHeights heights{sizes};
  Sizes places;
  int64_t total = stack(order, intervals, heights, places);
  for (size_t i = 0; i < intervals.size(); ++i) {
    EXPECT_GE(places[i], 0);
    EXPECT_LE(places[i] + sizes[i], total);
    for (size_t j = 0; j < i; ++j)
      EXPECT_FALSE(intervals[i].meets(intervals[j]) && places[i] < places[j] + sizes[j] &&
                   places[j] < places[i] + sizes[i])
          << "values " << j << " and " << i;
  }
  return total;
}

static void expectNear(const char *name, const Launches &model) {
  SmallVector<unsigned> order = chooseOrder(model.intervals, {model.bytes});
  int64_t total = checkedTotal(order, model.intervals, model.bytes);
  int64_t least = leastOf(model.intervals, model.bytes), slots = bytesOfSlots(model.intervals, {model.bytes})[0];
  EXPECT_EQ(leastTotal(model.intervals, model.bytes), least);
  EXPECT_LE(double(total), 1.05 * double(least)) << name;
  testing::Test::RecordProperty(name, std::to_string(total) + " of " + std::to_string(least) + ", in slots " +
                                          std::to_string(slots));
}

TEST(StackingTest, ResNetNeedsTheLeast) { expectNear("resnet50", resnet50()); }

TEST(StackingTest, UNetNeedsTheLeast) {
  expectNear("unet_joined", unet(/*joins=*/true));
  expectNear("unet", unet(/*joins=*/false));
}

TEST(StackingTest, RandomValuesDoNotOverlap) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 300; ++round) {
    SmallVector<Interval> intervals;
    int64_t count = random() % 60, spread = 1 + random() % 20;
    for (int64_t i = 0; i < count; ++i) {
      int64_t first = i / (1 + round % 3);
      intervals.push_back({first, first + int64_t(random() % spread)});
    }
    SmallVector<Sizes> guesses(1 + round % 3);
    for (Sizes &guess : guesses)
      for (int64_t i = 0; i < count; ++i)
        guess.push_back(random() % 4 ? random() % (random() % 3 ? 10 : 1000) : 0);
    SmallVector<unsigned> order = chooseOrder(intervals, guesses);
    EXPECT_EQ(std::set<unsigned>(order.begin(), order.end()).size(), size_t(count));
    for (auto [guess, slots] : llvm::zip_equal(guesses, bytesOfSlots(intervals, guesses))) {
      int64_t total = checkedTotal(order, intervals, guess), least = leastOf(intervals, guess);
      EXPECT_EQ(leastTotal(intervals, guess), least);
      EXPECT_GE(total, least);
      EXPECT_LE(total, slots) << "round " << round;
    }
    // Sizes that nobody guessed.
    Sizes other;
    for (int64_t i = 0; i < count; ++i)
      other.push_back(random() % 100);
    checkedTotal(order, intervals, other);
    if (HasFailure())
      FAIL() << "round " << round;
  }
}

TEST(StackingTest, ManyValuesTakeLittleTime) {
  std::mt19937_64 random(1);
  clock_t start = clock();
  for (int64_t spread : {2, 50, 100'000}) { // the last: all are needed together
    SmallVector<Interval> intervals;
    Sizes sizes;
    for (int64_t i = 0; i < 50'000; ++i) {
      intervals.push_back({i, i + int64_t(random() % spread) + (spread > 1000 ? spread : 0)});
      sizes.push_back(random() % 1000);
    }
    int64_t total = 0;
    NumberHeights heights{sizes};
    Sizes places;
    total = stack(chooseOrder(intervals, {sizes}), intervals, heights, places);
    EXPECT_LE(double(total), 1.1 * double(leastTotal(intervals, sizes))) << "spread " << spread;
  }
  // Half a second; looking at all pairs would take minutes.
  EXPECT_LT(double(clock() - start) / CLOCKS_PER_SEC, 20);
}
