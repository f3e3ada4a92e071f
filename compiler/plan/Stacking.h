// Places in one memory for values that are needed for some time: those that are needed together do not overlap.
//
// Plain numbers. A plan is an order in which values are put on top of each other, each as low as those below allow that
// are needed together with it. Any order is right, whatever the sizes turn out to be; what an order is chosen for is
// that it needs little memory.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_PLAN_STACKING_H
#define HONE_COMPILER_PLAN_STACKING_H

#include "compiler/plan/Interval.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <limits>
#include <map>

namespace hone {

/// The sizes of all values, none negative; their sum does not overflow.
using Sizes = llvm::SmallVector<int64_t, 0>;

/// The most that values take which are needed at one point: no plan needs less.
int64_t leastTotal(llvm::ArrayRef<Interval> intervals, llvm::ArrayRef<int64_t> sizes);

/// An order for `stack` under which little memory is needed, for each of these guesses at what the sizes will be. No
/// more, for any of them, than if values shared slots as large as their largest one.
llvm::SmallVector<unsigned> chooseOrder(llvm::ArrayRef<Interval> intervals, llvm::ArrayRef<Sizes> guesses);

/// Puts values on top of each other in `order`; `places` says where each begins. Returns where the highest ends.
/// `HeightsT` has a type Height and functions ground(), max(a, b) of two heights, and above(height, value): where a
/// value ends that begins at `height`.
template <typename HeightsT>
typename HeightsT::Height stack(llvm::ArrayRef<unsigned> order, llvm::ArrayRef<Interval> intervals, HeightsT &heights,
                                llvm::SmallVectorImpl<typename HeightsT::Height> &places) {
  using Height = typename HeightsT::Height;
  // How high it is already at each point: from a key up to the next one.
  std::map<int64_t, Height> skyline{{std::numeric_limits<int64_t>::min(), heights.ground()}};
  auto split = [&](int64_t point) {
    auto next = skyline.upper_bound(point);
    return std::prev(next)->first == point ? std::prev(next)
                                           : skyline.emplace_hint(next, point, std::prev(next)->second);
  };
  places.assign(intervals.size(), heights.ground());
  for (unsigned value : order) {
    auto begin = split(intervals[value].first), end = split(intervals[value].last + 1);
    Height place = begin->second;
    for (auto step = std::next(begin); step != end; ++step)
      place = heights.max(std::move(place), step->second);
    begin->second = heights.above(place, value);
    skyline.erase(std::next(begin), end);
    places[value] = std::move(place);
  }
  Height top = heights.ground(); // what was covered is below what covers it
  for (const auto &step : skyline)
    top = heights.max(std::move(top), step.second);
  return top;
}

/// Heights that are numbers.
struct NumberHeights {
  using Height = int64_t;
  llvm::ArrayRef<int64_t> sizes;

  int64_t ground() const { return 0; }
  int64_t max(int64_t a, int64_t b) const { return std::max(a, b); }
  int64_t above(int64_t height, unsigned value) const { return height + sizes[value]; }
};

} // namespace hone

#endif
