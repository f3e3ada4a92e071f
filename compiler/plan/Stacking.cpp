// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/plan/Stacking.h"
#include "llvm/ADT/STLExtras.h"
#include <numeric>
#include <optional>
#include <set>
#include <vector>

using namespace llvm;
using namespace hone;

/// Pairs of values that are needed together. Beyond, only slots are tried, which do not look at pairs.
static constexpr size_t kMostPairs = 1 << 22;
/// An order that is within this of what is needed at least is taken, and no other one is tried.
static constexpr double kGoodEnough = 1.01;

static SmallVector<unsigned> allOf(ArrayRef<Interval> intervals) {
  SmallVector<unsigned> values(intervals.size());
  std::iota(values.begin(), values.end(), 0);
  return values;
}

static SmallVector<unsigned> byStart(ArrayRef<Interval> intervals) {
  SmallVector<unsigned> values = allOf(intervals);
  llvm::stable_sort(values, [&](unsigned a, unsigned b) { return intervals[a].first < intervals[b].first; });
  return values;
}

//===-- What is needed at a point --------------------------------------------------------------------------------===//

namespace {

/// Totals at the points where values begin, which are where there is most.
struct Totals {
  SmallVector<int64_t> points, totals; // points in order

  Totals(ArrayRef<Interval> intervals, ArrayRef<int64_t> sizes);
  /// The greatest total in each value's interval.
  Sizes breadths(ArrayRef<Interval> intervals) const;
};

} // namespace

Totals::Totals(ArrayRef<Interval> intervals, ArrayRef<int64_t> sizes) {
  SmallVector<unsigned> begins = byStart(intervals), ends = begins;
  llvm::sort(ends, [&](unsigned a, unsigned b) { return intervals[a].last < intervals[b].last; });
  int64_t total = 0;
  const unsigned *end = ends.begin();
  for (unsigned value : begins) {
    int64_t point = intervals[value].first;
    for (; end != ends.end() && intervals[*end].last < point; ++end)
      total -= sizes[*end];
    total += sizes[value];
    if (points.empty() || points.back() != point) {
      points.push_back(point);
      totals.push_back(total);
    }
    totals.back() = total;
  }
}

Sizes Totals::breadths(ArrayRef<Interval> intervals) const {
  // maxima[k][i]: of the 2^k totals from the i-th.
  std::vector<SmallVector<int64_t>> maxima{totals};
  for (size_t width = 1; 2 * width <= totals.size(); width *= 2) {
    ArrayRef<int64_t> half = maxima.back();
    SmallVector<int64_t> whole;
    for (size_t i = 0; i + width < half.size(); ++i)
      whole.push_back(std::max(half[i], half[i + width]));
    maxima.push_back(std::move(whole));
  }
  Sizes result;
  for (Interval interval : intervals) {
    size_t begin = llvm::lower_bound(points, interval.first) - points.begin();
    size_t end = llvm::upper_bound(points, interval.last) - points.begin();
    size_t level = 0;
    while (size_t(2) << level <= end - begin)
      ++level;
    result.push_back(std::max(maxima[level][begin], maxima[level][end - (size_t(1) << level)]));
  }
  return result;
}

int64_t hone::leastTotal(ArrayRef<Interval> intervals, ArrayRef<int64_t> sizes) {
  Totals totals(intervals, sizes);
  return totals.totals.empty() ? 0 : *llvm::max_element(totals.totals);
}

//===-- Greedy placing -------------------------------------------------------------------------------------------===//

namespace {

/// For each value, those that are needed together with it.
class Meetings {
public:
  /// Nothing if there are more than kMostPairs.
  static std::optional<Meetings> of(ArrayRef<Interval> intervals);
  ArrayRef<unsigned> with(unsigned value) const {
    return ArrayRef(others).slice(begins[value], begins[value + 1] - begins[value]);
  }

private:
  std::vector<size_t> begins;
  std::vector<unsigned> others;
};

} // namespace

std::optional<Meetings> Meetings::of(ArrayRef<Interval> intervals) {
  std::vector<std::pair<unsigned, unsigned>> pairs;
  SmallVector<unsigned> needed;
  for (unsigned value : byStart(intervals)) {
    llvm::erase_if(needed, [&](unsigned other) { return intervals[other].last < intervals[value].first; });
    if (pairs.size() + needed.size() > kMostPairs)
      return std::nullopt;
    for (unsigned other : needed)
      pairs.emplace_back(value, other);
    needed.push_back(value);
  }
  Meetings meetings;
  meetings.begins.resize(intervals.size() + 1);
  for (auto [a, b] : pairs) {
    ++meetings.begins[a + 1];
    ++meetings.begins[b + 1];
  }
  std::partial_sum(meetings.begins.begin(), meetings.begins.end(), meetings.begins.begin());
  meetings.others.resize(2 * pairs.size());
  std::vector<size_t> next = meetings.begins;
  for (auto [a, b] : pairs) {
    meetings.others[next[a]++] = b;
    meetings.others[next[b]++] = a;
  }
  return meetings;
}

/// Puts values one by one into the smallest gap that is large enough, between those that are there already and needed
/// together with it (arXiv 2001.03288). Returns the values from the lowest to the highest.
static SmallVector<unsigned> fillGaps(ArrayRef<unsigned> sequence, const Meetings &meetings, ArrayRef<int64_t> sizes) {
  constexpr int64_t nowhere = -1;
  Sizes places(sizes.size(), nowhere);
  SmallVector<std::pair<int64_t, int64_t>> taken;
  for (unsigned value : sequence) {
    taken.clear();
    for (unsigned other : meetings.with(value))
      if (places[other] != nowhere && sizes[other] > 0)
        taken.emplace_back(places[other], places[other] + sizes[other]);
    llvm::sort(taken);
    int64_t free = 0, best = nowhere, bestSize = std::numeric_limits<int64_t>::max();
    for (auto [begin, end] : taken) {
      if (int64_t gap = begin - free; gap >= sizes[value] && gap < bestSize) {
        best = free;
        bestSize = gap;
      }
      free = std::max(free, end);
    }
    places[value] = best == nowhere ? free : best;
  }
  SmallVector<unsigned> order(sequence);
  llvm::stable_sort(order, [&](unsigned a, unsigned b) { return places[a] < places[b]; });
  return order;
}

//===-- Slots ----------------------------------------------------------------------------------------------------===//

/// Values share slots: each takes a free one that is as large, or the first free one, which grows. Stacked slot by
/// slot, values need at most the sum of the slots' sizes, for any sizes.
static SmallVector<unsigned> fillSlots(ArrayRef<Interval> intervals, ArrayRef<Sizes> guesses) {
  std::vector<std::vector<int64_t>> sizes; // of each slot, in each guess
  std::set<unsigned> free;
  std::map<std::vector<int64_t>, std::set<unsigned>> freeOfSize;
  std::multimap<int64_t, unsigned> used; // by the last point
  SmallVector<unsigned> slots(intervals.size());
  for (unsigned value : byStart(intervals)) {
    for (; !used.empty() && used.begin()->first < intervals[value].first; used.erase(used.begin())) {
      free.insert(used.begin()->second);
      freeOfSize[sizes[used.begin()->second]].insert(used.begin()->second);
    }
    std::vector<int64_t> own;
    for (const Sizes &guess : guesses)
      own.push_back(guess[value]);
    unsigned slot = sizes.size();
    if (free.empty()) {
      sizes.push_back(own);
    } else {
      auto fitting = freeOfSize.find(own);
      slot = fitting == freeOfSize.end() || fitting->second.empty() ? *free.begin() : *fitting->second.begin();
      free.erase(slot);
      freeOfSize[sizes[slot]].erase(slot);
      for (auto [size, needed] : llvm::zip_equal(sizes[slot], own))
        size = std::max(size, needed);
    }
    slots[value] = slot;
    used.emplace(intervals[value].last, slot);
  }
  SmallVector<unsigned> order = allOf(intervals);
  llvm::stable_sort(order, [&](unsigned a, unsigned b) { return slots[a] < slots[b]; });
  return order;
}

//===-- The best of a few ----------------------------------------------------------------------------------------===//

namespace {

/// Tries orders and keeps the best one.
class Contest {
public:
  /// `first` is what no other one may be worse than.
  Contest(ArrayRef<Interval> intervals, ArrayRef<Sizes> guesses, SmallVector<unsigned> first)
      : intervals(intervals), guesses(guesses), best(std::move(first)) {
    for (const Sizes &guess : guesses)
      least.push_back(leastTotal(intervals, guess));
    limits = totalsOf(best);
    bestScore = scoreOf(limits);
  }

  bool isDecided() const { return bestScore <= kGoodEnough; }
  void enter(SmallVector<unsigned> order) {
    Sizes totals = totalsOf(order);
    double score = scoreOf(totals);
    for (auto [total, limit] : llvm::zip_equal(totals, limits))
      if (total > limit)
        return;
    if (score < bestScore) {
      best = std::move(order);
      bestScore = score;
    }
  }
  SmallVector<unsigned> takeBest() { return std::move(best); }

private:
  Sizes totalsOf(ArrayRef<unsigned> order) const {
    Sizes totals, places;
    for (const Sizes &guess : guesses) {
      NumberHeights heights{guess};
      totals.push_back(stack(order, intervals, heights, places));
    }
    return totals;
  }
  /// How far from the least total in the worst guess.
  double scoreOf(ArrayRef<int64_t> totals) const {
    double worst = 1;
    for (auto [total, needed] : llvm::zip_equal(totals, least))
      worst = std::max(worst, double(total) / double(std::max<int64_t>(needed, 1)));
    return worst;
  }

  ArrayRef<Interval> intervals;
  ArrayRef<Sizes> guesses;
  Sizes least, limits;
  SmallVector<unsigned> best;
  double bestScore;
};

} // namespace

SmallVector<unsigned> hone::chooseOrder(ArrayRef<Interval> intervals, ArrayRef<Sizes> guesses) {
  SmallVector<Sizes> different;
  for (const Sizes &guess : guesses)
    if (!llvm::is_contained(different, guess))
      different.push_back(guess);
  Contest contest(intervals, different, fillSlots(intervals, different));
  if (contest.isDecided())
    return contest.takeBest();
  std::optional<Meetings> meetings = Meetings::of(intervals);
  if (!meetings)
    return contest.takeBest();
  for (const Sizes &guess : different) {
    // What is largest leaves the fewest places; what is needed where most is needed must fit there.
    Sizes breadths = Totals(intervals, guess).breadths(intervals);
    SmallVector<unsigned> bySize = byStart(intervals);
    llvm::stable_sort(bySize, [&](unsigned a, unsigned b) { return guess[a] > guess[b]; });
    contest.enter(fillGaps(bySize, *meetings, guess));
    if (contest.isDecided())
      break;
    SmallVector<unsigned> byBreadth = bySize;
    llvm::stable_sort(byBreadth, [&](unsigned a, unsigned b) { return breadths[a] > breadths[b]; });
    contest.enter(fillGaps(byBreadth, *meetings, guess));
    if (contest.isDecided())
      break;
  }
  return contest.takeBest();
}
