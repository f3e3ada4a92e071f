// Places in the arena as functions of the entry dims.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_PLAN_SYMBOLICHEIGHTS_H
#define HONE_COMPILER_PLAN_SYMBOLICHEIGHTS_H

#include "dialects/hone/ShapeBuilder.h"

namespace hone {

/// Heights for `stack` that are index arithmetic: the greatest of a few sums, each of multiples of units. A unit is
/// what a size is a multiple of (batch·sequence), so multiples of one unit are compared here and not by the program.
class SymbolicHeights {
public:
  /// Places are multiples of `alignment`.
  SymbolicHeights(ShapeBuilder &shapes, int64_t alignment) : shapes(shapes), alignment(alignment) {}

  /// Takes the next value, which has this many bytes. Returns them rounded up to the alignment.
  mlir::OpFoldResult addValue(mlir::OpFoldResult bytes);

  /// Multiples of units, by number of the unit.
  using Sum = llvm::SmallVector<std::pair<unsigned, int64_t>, 2>;
  using Height = llvm::SmallVector<Sum, 1>; // none of them at most another one

  Height ground() const { return Height(1); } // one empty sum
  Height max(Height a, const Height &b);
  Height above(const Height &height, unsigned value);
  /// Bytes below a height.
  mlir::OpFoldResult bytesOf(const Height &height);

private:
  struct Unit {
    mlir::OpFoldResult value;
    /// Of a size that is no multiple of the alignment, the unit and how many of it the size has: rounded up, it is at
    /// most as many of them, rounded up.
    unsigned part;
    int64_t parts = 0;
  };

  unsigned unitOf(mlir::OpFoldResult value);
  /// Whether `small` <= `large` in any run that is not refused: no unit is negative there.
  bool isAtMost(const Sum &small, const Sum &large) const;
  static bool isLong(const Height &height);
  /// A height of which nothing is known but its bytes.
  Height opaque(mlir::OpFoldResult bytes) { return Height(1, Sum{{unitOf(bytes), 1}}); }
  mlir::OpFoldResult bytesOf(const Sum &sum);

  ShapeBuilder &shapes;
  int64_t alignment;
  llvm::SmallVector<Unit> units;
  llvm::DenseMap<void *, unsigned> numbers; // of units, by their values
  llvm::SmallVector<std::pair<unsigned, int64_t>> sizes;
};

} // namespace hone

#endif
