// What this machine can do, measured: arithmetic and memory.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_ROOFLINE_H
#define HONE_COMPILER_DRIVER_ROOFLINE_H

#include <cstdint>
#include <vector>

namespace hone {

/// The roofline model (Williams, Waterman, Patterson, «Roofline», CACM 52(4), 2009) of some threads of this machine.
struct Roofline {
  struct Memory {
    double bytes;          ///< of all threads together
    double bytesPerSecond; ///< when as many are read again and again
  };

  unsigned threads;
  double flopsPerSecond;        ///< f32, a multiplication with an addition counted as two
  std::vector<Memory> memories; ///< from small to large

  /// Measures for about half a second.
  static Roofline measure(unsigned threads);

  /// Of memory that is used by turns with others, `bytes` in all.
  double bytesPerSecond(double bytes) const;
  /// The least seconds that so many operations and bytes take, in a run that touches `workingSet` bytes.
  double seconds(double operations, double bytes, double workingSet) const;
};

} // namespace hone

#endif
