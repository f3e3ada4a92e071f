// Stretches of a program's time.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_PLAN_INTERVAL_H
#define HONE_COMPILER_PLAN_INTERVAL_H

#include <cstdint>

namespace hone {

/// Numbered points of a program, first and last included.
struct Interval {
  int64_t first, last;

  bool meets(Interval other) const { return first <= other.last && other.first <= last; }
};

} // namespace hone

#endif
