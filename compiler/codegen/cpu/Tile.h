// Register tiles and packing.
//
// What the matmul and attention families share: index arithmetic that folds, the register-tile kernel, and the packing
// of the right operand into panels. A panel is [depth][tile columns], contiguous.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_CPU_TILE_H
#define HONE_COMPILER_CODEGEN_CPU_TILE_H

#include "compiler/codegen/Targets.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace hone {

/// One vector register of `target` full of such elements.
mlir::VectorType vectorRegister(const CpuTarget &target, mlir::Type element);

/// Vectors of a panel, up to `most`, a power of two: as wide as leaves few lanes idle over so many columns (dynamic:
/// most).
int64_t panelVectors(int64_t columns, int64_t lanes, int64_t most);
/// Rows of a register tile of panels of so many vectors, where `sums` registers hold its sums.
int64_t tileRows(int64_t vectors, int64_t sums);

/// Builds index arithmetic on non-negative values (constants fold at once), loops and float vectors.
class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  KernelBuilder(mlir::OpBuilder &builder, mlir::Location loc) : ImplicitLocOpBuilder(loc, builder) {}

  mlir::Value index(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b) { return add(a, index(b)); }
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, int64_t b) { return mul(a, index(b)); }
  mlir::Value div(mlir::Value a, mlir::Value b);
  mlir::Value div(mlir::Value a, int64_t b) { return div(a, index(b)); }
  mlir::Value rem(mlir::Value a, mlir::Value b);
  mlir::Value rem(mlir::Value a, int64_t b) { return rem(a, index(b)); }
  mlir::Value min(mlir::Value a, mlir::Value b);
  mlir::Value max(mlir::Value a, mlir::Value b);
  mlir::Value ceilDiv(mlir::Value a, mlir::Value b) { return div(add(a, sub(b, index(1))), b); }
  mlir::Value ceilDiv(mlir::Value a, int64_t b) { return ceilDiv(a, index(b)); }
  mlir::Value roundUp(mlir::Value a, int64_t b) { return mul(ceilDiv(a, b), b); }
  mlir::Value less(mlir::Value a, mlir::Value b);
  mlir::Value equal(mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);

  mlir::Value boolean(bool value);
  /// A float, or a vector of floats with all lanes `value`.
  mlir::Value real(mlir::Type type, double value);
  mlir::Value f32(float value) { return real(getF32Type(), value); }
  mlir::Value broadcast(mlir::VectorType type, mlir::Value scalar);

  /// for (i = low; i < high; i += step) body(i); returns the loop.
  mlir::scf::ForOp loop(mlir::Value low, mlir::Value high, int64_t step, llvm::function_ref<void(mlir::Value)> body);
  /// The same with carried values; `body` returns the next ones.
  mlir::scf::ForOp loop(mlir::Value low, mlir::Value high, int64_t step, mlir::ValueRange initial,
                        llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body);
  /// if (condition) body();
  void when(mlir::Value condition, llvm::function_ref<void()> body);
};

/// The internal function called `name` of the enclosing module; the first time `body` writes it, given its arguments.
mlir::func::FuncOp getOrCreateHelper(KernelBuilder &b, llvm::StringRef name, mlir::TypeRange arguments,
                                     llvm::function_ref<void(KernelBuilder &, mlir::ValueRange)> body);

/// Calls `body` once for each number of elements from 1 to `most` where a loop over tiles of so many comes to: `count`
/// elements are split evenly into tiles of at most `most`. `first` is the first element of tile `tile`. `behind`, if
/// given, comes behind each tile.
void emitEvenTiles(KernelBuilder &b, mlir::Value count, int64_t most,
                   llvm::function_ref<void(mlir::Value tile, mlir::Value first, int64_t size)> body,
                   llvm::function_ref<void(mlir::Value first, mlir::Value size)> behind = nullptr);

/// A matrix in memory: element (i, j) at pointer[offset + i * rowStride + j]. The pointer is memref<1xT>, the rest
/// index.
struct TileMatrix {
  mlir::Value pointer, offset, rowStride;
  mlir::Type element = {}; ///< if they are stored narrower than they are computed in: a type of the dialect
  mlir::Value ahead = {};  ///< of a panel that several tiles go through: the offset of the one that comes next
};

/// While tiles go through a panel, they ask for the memory of what comes next: the first few of them, each for a part,
/// as far as they have come themselves. (Without, the first tile over a panel waits for it: 30 % of 49 rows.)
class PanelAhead {
public:
  PanelAhead(mlir::VectorType vector, int64_t vectors);
  /// Where tile `tile` begins to ask, whose panel lies at `panel` and has `length` elements.
  mlir::Value begin(KernelBuilder &b, mlir::Value tile, mlir::Value panel, mlir::Value next, mlir::Value length) const;
  /// Asks for what is due `done` elements behind the panel's beginning.
  void ask(KernelBuilder &b, mlir::Value memory, mlir::Value begin, mlir::Value done) const;

private:
  int64_t lines; ///< at a time
  int64_t lineElements;
  int64_t tiles; ///< that share a panel
};

/// Shape of a register tile: `rows` x (`panels` * `vectors` vectors). Sums have the elements of
/// `vector`; matrices do, too, or are converted to them as they are read.
struct TileShape {
  mlir::VectorType vector;
  int64_t rows, vectors, panels = 1;

  int64_t panelColumns() const { return vectors * vector.getNumElements(); }
};

/// Calls the kernel that computes C = A x B, or C += A x B if `accumulate` (i1), for one tile with `depth` values of k:
/// A is [rows][depth]; B holds shape.panels panels, panelStride elements apart (index; not used for one panel). The
/// kernel becomes an internal function of the enclosing module.
void emitTile(KernelBuilder &b, TileShape shape, const TileMatrix &left, const TileMatrix &panel,
              mlir::Value panelStride, mlir::Value depth, const TileMatrix &sums, mlir::Value accumulate);

/// The same for any number of rows and one panel: tiles of at most shape.rows rows, split evenly.
void emitTileRows(KernelBuilder &b, TileShape shape, mlir::Value rows, const TileMatrix &left, const TileMatrix &panel,
                  mlir::Value depth, const TileMatrix &sums, mlir::Value accumulate);

/// Transposes a square of vectors, of which there are a power of two: at each distance, pairs of rows exchange the
/// lanes that are on the wrong side (Eklundh 1972).
void transposeTile(mlir::OpBuilder &builder, mlir::Location loc, llvm::MutableArrayRef<mlir::Value> rows);

/// Packs `columns` (1 ... panel width, index) columns and `depth` values of k of a matrix into one panel at `panel`
/// (rowStride not used). `source` is [depth][columns], or [columns][depth] if `transposed`. What the missing columns
/// hold is not specified (zeros or copies of the last column).
void emitPackPanel(KernelBuilder &b, mlir::VectorType vector, int64_t vectors, bool transposed,
                   const TileMatrix &source, mlir::Value columns, mlir::Value depth, const TileMatrix &panel);

} // namespace hone

#endif
