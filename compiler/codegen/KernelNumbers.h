// The sizes of a kernel as numbers, for predictions.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_KERNELNUMBERS_H
#define HONE_COMPILER_CODEGEN_KERNELNUMBERS_H

#include "compiler/codegen/Targets.h"
#include "dialects/hone/Hone.h"

namespace hone {

/// What can be counted in a kernel (a private copy), in which each open dim is kAssumedDim.
class KernelNumbers {
public:
  explicit KernelNumbers(KernelOp kernel);

  double operator()(mlir::OpFoldResult size);
  double product(llvm::ArrayRef<mlir::OpFoldResult> sizes);
  /// Operations of one op.
  double flops(mlir::Operation *op);
  /// Operations of all ops but one, which may be null.
  double flopsBeside(mlir::Operation *op);
  /// Cycles of a kernel with so many cycles of arithmetic, which hide those that the caches take to read and write each
  /// byte once, and `accesses` more to the nearest one; what no cache holds is waited for.
  double cycles(const CpuTarget &target, double arithmetic, double accesses = 0);

  ShapeBuilder &shapes() { return shapeBuilder; }

private:
  KernelOp kernel;
  mlir::OpBuilder builder;
  ShapeBuilder shapeBuilder;
  llvm::DenseMap<mlir::Value, mlir::Attribute> known;
};

} // namespace hone

#endif
