// The matmul family.
//
// C[M,N] = A[M,K] x B[K,N] per batch, with register tiles of rows x panelColumns, k in blocks, and an epilogue per
// element. B is either a constant, packed at compile time, or a tensor that the kernel packs block by block into its
// scratch.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_CPU_MATMUL_H
#define HONE_COMPILER_CODEGEN_CPU_MATMUL_H

#include "compiler/codegen/Kernel.h"
#include "compiler/codegen/Targets.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <functional>

namespace hone {

/// How the right operand lies in memory.
enum class MatmulRight {
  Packed,    ///< [ceil(n / panel), k, panel], zeros beyond column n; bRowStride is not used
  RowMajor,  ///< B[k * bRowStride + n]
  Transposed ///< B[n * bRowStride + k]
};

/// The problem. All of type index; constants where known. `batch` may be null: one matrix.
struct MatmulShape {
  mlir::Value m, n, k;
  mlir::Value batch;
};

/// Element offsets of one batch entry in the three buffers.
struct MatmulOffsets {
  mlir::Value a, b, c;
};

/// Pointers are memref<1xT>, strides and offsets index values in elements.
struct MatmulOperands {
  mlir::Value a;
  mlir::Value aRowStride;
  mlir::Value b;
  mlir::Value bRowStride; ///< see MatmulRight
  mlir::Type bElement;    ///< of the dialect, where B is stored narrower than it is computed in
  MatmulRight right = MatmulRight::Packed;
  MatmulShape shape;
  mlir::Value begin, end; ///< part of matmulRange's count
  mlir::Value scratch;    ///< memref<1xi8>, matmulRange's scratchBytes
  /// Where batch entry `batch` begins (broadcast: 0); empty without a batch.
  std::function<MatmulOffsets(mlir::OpBuilder &, mlir::Location, mlir::Value batch)> offsets;
};

/// Sizes that a kernel is built with.
struct MatmulTiles {
  int64_t rows;           ///< of the register tile
  int64_t vectors;        ///< of a row of the tile: a packed panel is as wide
  int64_t streamedPanels; ///< panels that one row of A is multiplied with at once: memory streams that keep DRAM busy
  int64_t depthBlock;     ///< k values that are accumulated in registers before C is touched
  int64_t rowBlock;       ///< rows of A that are kept in L2

  int64_t panelColumns(mlir::VectorType vector) const { return vectors * vector.getNumElements(); }
};
/// Columns of a group: the smallest unit of work along N. A multiple of every panel width, and enough for the
/// vectorised epilogue.
constexpr int64_t kMatmulGroupColumns = 64;
/// Values of k are cut into blocks of a multiple of so many.
constexpr int64_t kMatmulDepthUnit = 4;
/// Those that were measured to be best on `target`, for f32 and f64 alike: the tiles have as many bytes.
MatmulTiles matmulTiles(const CpuTarget &target);

/// The iteration range of a matmul: blocks of rows x 64-column groups, x batch. `vector` is the register that it is
/// computed in: its elements are those of all matrices.
LaunchRange matmulRange(mlir::OpBuilder &builder, mlir::Location loc, mlir::VectorType vector, const MatmulTiles &tiles,
                        const MatmulShape &shape, MatmulRight right, bool hasEpilogue);

/// Where C is left.
struct MatmulResult {
  mlir::Value pointer, rowStride;
};

/// Called once to write the body of the loop over the finished elements: `sum` is A x B at (row, column) of batch entry
/// `batch` (null without a batch). It stores the result itself, and may read any input. The loop over columns is
/// vectorised by LLVM.
using MatmulEpilogue = llvm::function_ref<void(mlir::OpBuilder &, mlir::Location, mlir::Value batch, mlir::Value row,
                                               mlir::Value column, mlir::Value sum)>;

/// Writes the loops that compute part [begin, end) of the range at the builder's place. Helper functions go into the
/// enclosing module. M, N, K may be 0 (K = 0 gives zeros).
void buildMatmul(mlir::OpBuilder &builder, mlir::Location loc, mlir::VectorType vector, const MatmulTiles &tiles,
                 const MatmulOperands &operands, const MatmulResult &c);
/// The same with the sums in scratch, from where the epilogue alone takes them. offsets().c is not used.
void buildMatmul(mlir::OpBuilder &builder, mlir::Location loc, mlir::VectorType vector, const MatmulTiles &tiles,
                 const MatmulOperands &operands, MatmulEpilogue epilogue);

} // namespace hone

#endif
