// How the window of a convolution or pooling slides.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_WINDOW_H
#define HONE_DIALECTS_HONE_WINDOW_H

#include "dialects/hone/Hone.h"

namespace hone {

/// The largest stride, dilation or pad: arithmetic on a few of them does not wrap.
constexpr int64_t kMaxWindowStep = (int64_t(1) << 31) - 1;

/// One spatial dim: at position o, tap t lies at o · stride + t · dilation - before of the input.
struct WindowDim {
  mlir::OpFoldResult input, taps, positions; ///< their numbers
  int64_t stride, dilation, before, after;
  bool ceil = false; ///< positions are rounded up

  /// Input elements from the first to the last tap.
  mlir::OpFoldResult extent(ShapeBuilder &shapes) const;
};

/// The spatial dims of an op with a window, `positions` as they follow from the others.
llvm::SmallVector<WindowDim, 3> windowDims(ConvOp op, ShapeBuilder &shapes);
llvm::SmallVector<WindowDim, 3> windowDims(PoolOp op, ShapeBuilder &shapes);
llvm::SmallVector<WindowDim, 3> windowDims(ArgPoolOp op, ShapeBuilder &shapes);

} // namespace hone

#endif
