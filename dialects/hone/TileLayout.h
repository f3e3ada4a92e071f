// Tensors that lie in memory cut into tiles.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_TILELAYOUT_H
#define HONE_DIALECTS_HONE_TILELAYOUT_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"

namespace hone {

/// Dim dims[i] is cut into pieces of tiles[i] elements. In memory come the dims (of a cut one the number of pieces) in
/// the order `order`, or as they are if it is empty, and then the tiles; what the last piece lacks is zero. As MLIR's
/// linalg.pack.
struct TileLayout {
  llvm::SmallVector<int64_t, 2> dims, tiles, order;

  bool operator==(const TileLayout &other) const {
    return dims == other.dims && tiles == other.tiles && order == other.order;
  }
  /// Dim i of the memory, tiles apart, is this dim of the tensor.
  int64_t dimAt(int64_t i) const { return order.empty() ? i : order[i]; }
  /// The layout of a tensor whose transposition, dim i being dim permutation[i] of it, has this one.
  TileLayout ofTransposed(llvm::ArrayRef<int64_t> permutation) const;
  /// The sizes in memory of a tensor of this shape.
  llvm::SmallVector<int64_t> packedShape(llvm::ArrayRef<int64_t> shape) const;
  /// Whether the layout is one of tensors of this rank: each dim cut once, by tiles of at least an element.
  bool fits(int64_t rank) const;
};

} // namespace hone

#endif
