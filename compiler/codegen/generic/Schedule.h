// How a generic kernel is computed.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_GENERIC_SCHEDULE_H
#define HONE_COMPILER_CODEGEN_GENERIC_SCHEDULE_H

#include "dialects/hone/Hone.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace hone {

/// What the iterations of a kernel are, read from the structures of its ops (row ops being decomposed).
struct Schedule {
  Schedule(KernelOp kernel, ShapeBuilder &shapes);

  enum class Form {
    Loops,    ///< iterations of an op with loops of its own
    Rows,     ///< rows: reductions in order, then the results
    Columns,  ///< the same for rows across the innermost dim: they go side by side, a block of columns at a time
    OuterSum, ///< rows of the result, each the sum of rows of an operand
    Boxes,    ///< operands that are copied to their places in the result, one after the other
    Map       ///< elements of the results
  };
  Form form = Form::Map;

  LoopOpInterface loopOp;                          // of Loops
  llvm::SmallVector<AccumulateOpInterface> stages; // of Rows and Columns
  AccumulateOpInterface sum;                       // of OuterSum
  llvm::SmallVector<mlir::OpFoldResult> summed;    // the dims that an outer sum goes over
  int64_t rowsPerStep = 1;                         // rows of results that an iteration of OuterSum computes
  mlir::Operation *assembled = nullptr;            // of Boxes
  llvm::SmallVector<mlir::OpFoldResult> space;     // dims of the results
  llvm::SmallSetVector<int64_t, 4> axes;           // the dims of the space within an iteration
  /// Values that one stage of rows computes and later ones read, with the number of the stage.
  llvm::MapVector<mlir::Value, unsigned> kept;
  /// Of those, the one that stands in the first result until it is overwritten; may be null. The others are in scratch.
  mlir::Value keptInResult;
  unsigned keptInScratch() const { return kept.size() - (keptInResult ? 1 : 0); }
  /// Elements take a division or a polynomial.
  bool isExpensive = false;

  /// The dims of the space that number iterations, and those within one.
  llvm::SmallVector<mlir::OpFoldResult> outer() const { return pick(false); }
  llvm::SmallVector<mlir::OpFoldResult> row() const { return pick(true); }
  /// The dims of the iteration range. Several of the space's last outer dim may make one step.
  llvm::SmallVector<mlir::OpFoldResult> steps(ShapeBuilder &shapes) const;

private:
  llvm::SmallVector<mlir::OpFoldResult> pick(bool inRow) const;
  bool findBoxes(mlir::Operation *definition, ShapeBuilder &shapes);
  bool findStages(KernelOp kernel, ShapeBuilder &shapes);
  bool findOuterSum(KernelOp kernel, ShapeBuilder &shapes);
  void findInPlace(KernelOp kernel, ShapeBuilder &shapes);
  void chooseKept(KernelOp kernel, ShapeBuilder &shapes);

  /// Values that result elements and reductions read in their own rows only. Behind a transposition or a slice, the
  /// rows that are read are not those at hand.
  llvm::DenseSet<mlir::Value> inPlace;
};

/// Columns of a block: four vectors of the widest registers.
constexpr int64_t kBlockColumns = 64;
/// Rows of a matrix product that share what they read.
constexpr int64_t kRowsPerStep = 4;

} // namespace hone

#endif
