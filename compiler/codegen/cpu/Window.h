// Output positions of a sliding window, cut into work.
//
// What the conv and window families share. Spatial dims are three, [depth, height, width]; a missing one has one
// element. Work is blocks of rows and columns of one image and depth, times blocks of channels. Within a block,
// positions whose windows have the same taps in the input make rectangles: no tap is asked whether it is padding, and
// no padding is multiplied.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_CPU_WINDOW_H
#define HONE_COMPILER_CODEGEN_CPU_WINDOW_H

#include "compiler/codegen/cpu/Tile.h"
#include "compiler/codegen/generic/KernelEmitter.h"
#include "dialects/hone/Window.h"

namespace hone {

/// A spatial dim, in values of the code.
struct WindowAxis {
  mlir::Value input, taps, positions;
  int64_t stride = 1, dilation = 1, before = 0;
  bool hasPads = false; ///< some window may reach over an end of the input
};

/// Depth, height, width.
using WindowAxes = std::array<WindowAxis, 3>;
/// Of an op with up to three spatial dims; `size` gives dims as values.
WindowAxes windowAxes(llvm::ArrayRef<WindowDim> dims, KernelBuilder &b,
                      llvm::function_ref<mlir::Value(mlir::OpFoldResult)> size);

/// Neighbouring positions of a dim whose windows have the same taps in the input.
struct WindowRun {
  mlir::Value first, count;   ///< positions
  mlir::Value firstTap, taps; ///< of the window
};
/// Calls `body` with the run of each position in [begin, end).
void forEachRun(KernelBuilder &b, const WindowAxis &axis, mlir::Value begin, mlir::Value end,
                llvm::function_ref<void(const WindowRun &)> body);
/// The taps of one position.
WindowRun runOf(KernelBuilder &b, const WindowAxis &axis, mlir::Value position);

/// How positions are cut into blocks.
struct WindowBlocks {
  mlir::Value rows, columns; ///< of a block
  mlir::Value rowBlocks, columnBlocks;
  mlir::Value blocks; ///< of all images
};
/// Blocks of about `positions` positions, and of fewer, but not below `least`, where `otherwise` blocks (of channels)
/// are too few to share out.
WindowBlocks windowBlocks(KernelBuilder &b, const WindowAxes &axes, mlir::Value batch, int64_t positions, int64_t least,
                          mlir::Value otherwise);

/// The block at hand.
struct WindowBlock {
  mlir::Value image, depth;
  mlir::Value firstRow, rows, firstColumn, columns;
};
/// Block `number` of blocks.blocks.
WindowBlock windowBlock(KernelBuilder &b, const WindowAxes &axes, const WindowBlocks &blocks, mlir::Value number);

/// Loops over planes, rows or columns of taps: of each a count, the step from one to the next in the input, and in the
/// filter. `inside` gets the offsets of the input for some positions and that of the filter, and gives the next sums.
llvm::SmallVector<mlir::Value>
emitTapLoops(KernelBuilder &b, mlir::ValueRange loops, mlir::ValueRange inputs, mlir::Value filter,
             mlir::ValueRange sums,
             llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::ValueRange inputs, mlir::Value filter,
                                                               mlir::ValueRange sums)>
                 inside);

/// Some positions of an image and depth, row by row of a rectangle.
struct WindowPositions {
  mlir::Value image, depth;
  mlir::Value firstRow, firstColumn, columns; ///< of the rectangle
  mlir::Value first, count;                   ///< in the rectangle
};
/// Stores what the kernel makes of sums of `channels` channels from `firstChannel` on: `sum`, the result of the
/// kernel's op, is at sums[i · pitch + channel] for the i-th of the positions.
void emitWindowElements(KernelEmitter &e, KernelBuilder &b, mlir::Value sum, const WindowPositions &positions,
                        mlir::Value sums, mlir::Value pitch, mlir::Value firstChannel, mlir::Value channels);
/// All positions of a block.
WindowPositions positionsOf(KernelBuilder &b, const WindowBlock &block);

} // namespace hone

#endif
