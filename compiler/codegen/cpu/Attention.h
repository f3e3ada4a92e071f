// The f32 attention family.
//
// softmax(scale * Q K^T + mask) V in one pass over the keys with an online softmax, per batch entry, head and block of
// queries.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_CPU_ATTENTION_H
#define HONE_COMPILER_CODEGEN_CPU_ATTENTION_H

#include "compiler/codegen/cpu/Matmul.h"

namespace hone {

/// A tensor [batch, heads, sequence, depth] in any order of the first three: element strides, the last dimension
/// contiguous.
struct AttentionTensor {
  mlir::Value pointer; ///< memref<1xf32>
  mlir::Value batchStride, headStride, sequenceStride;
  mlir::Value offset = {}; ///< of the first element; null: 0
};

/// Sizes of type index, constants where known. `keyHeads` divides `heads` (grouped-query attention).
struct AttentionShape {
  mlir::Value batch, heads, keyHeads, queries, keys;
  mlir::Value depth;      ///< of queries and keys
  mlir::Value valueDepth; ///< of values and the output
};

/// What becomes of scale * score, an f32, at (batch, head, query, key). Written into a loop over keys that LLVM
/// vectorises, so a load should be contiguous or constant along the keys.
using AttentionMask = std::function<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::Value score, mlir::Value batch,
                                                mlir::Value head, mlir::Value query, mlir::Value key)>;

/// How many keys a row of the batch has, an index from 0 to the number of keys.
using AttentionLength = std::function<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::Value batch)>;

struct AttentionOperands {
  AttentionTensor query, key, value, output;
  AttentionShape shape;
  mlir::Value scale;        ///< f32
  bool guarded = false;     ///< rows without a softmax give 0 in place of NaN
  bool maskedZero = false;  ///< those that the mask alone makes -inf do
  AttentionMask mask;       ///< empty: scores stay
  AttentionLength length;   ///< empty: all keys
  mlir::Value causalOffset; ///< query q sees keys <= q + causalOffset, less those that `length` takes; null: all keys
  mlir::Value begin, end;   ///< part of attentionRange's count
  mlir::Value scratch;      ///< memref<1xi8>, attentionRange's scratchBytes
};

/// Sizes that a kernel is built with.
struct AttentionTiles {
  int64_t queries; ///< rows of a block of queries
  int64_t keys;    ///< keys of a block
  int64_t rows;    ///< of the register tile
  int64_t vectors; ///< of a row of the tile, at most
};
/// Those that were measured to be best for f32 on `target`.
AttentionTiles attentionTiles(const CpuTarget &target);

/// The iteration range: batch x heads x blocks of queries.
LaunchRange attentionRange(mlir::OpBuilder &builder, mlir::Location loc, const CpuTarget &target,
                           const AttentionTiles &tiles, const AttentionShape &shape);

/// Writes the loops that compute part [begin, end) of the range at the builder's place. Results are those of the plain
/// formula: a row whose keys are all masked by -inf gives NaN, one whose keys all have the same huge negative mask
/// gives the mean of the values, one that sees no keys gives 0, NaN in gives NaN out.
void buildAttention(mlir::OpBuilder &builder, mlir::Location loc, const CpuTarget &target, const AttentionTiles &tiles,
                    const AttentionOperands &operands);

} // namespace hone

#endif
