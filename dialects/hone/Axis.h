// What ops along one axis share.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_AXIS_H
#define HONE_DIALECTS_HONE_AXIS_H

#include "dialects/hone/Hone.h"

namespace hone {

/// The structure of an op along an axis of its first operand, whose results have the same dims.
Structure axisStructure(mlir::Operation *op, ShapeBuilder &shapes, int64_t axis);

/// The number of rows along `axis`.
mlir::OpFoldResult rowCount(ShapeBuilder &shapes, llvm::SmallVector<mlir::OpFoldResult> dims, int64_t axis);
/// The position of row `iteration`, with a hole at `axis`.
llvm::SmallVector<mlir::Value> rowIndices(ElementBuilder &e, llvm::SmallVector<mlir::Value> dims, int64_t axis,
                                          mlir::Value iteration);

/// Whether `a` comes before `b` (i1) in an order that starts with the greatest (or least) element, and with NaN or ends
/// with it. `plain`: integers are unsigned.
mlir::Value comesBefore(ElementBuilder &e, mlir::Value a, mlir::Value b, bool greatestFirst, bool plain, bool orEqual,
                        bool nanFirst = true);

} // namespace hone

#endif
