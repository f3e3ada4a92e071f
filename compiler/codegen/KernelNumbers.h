// The sizes of a kernel as numbers, for predictions.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef COMPILER_CODEGEN_KERNELNUMBERS_H
#define COMPILER_CODEGEN_KERNELNUMBERS_H

#include "compiler/codegen/cpu/Targets.h"
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
  /// Cycles that it takes to move what the kernel reads and writes, each once: as fast as the nearest cache does that
  /// holds all of it.
  double memoryCycles(const CpuTarget &target);

  ShapeBuilder &shapes() { return shapeBuilder; }

private:
  /// Bytes of an argument that the kernel reads: of one that it only chooses from, as many as positions.
  double bytesRead(mlir::BlockArgument argument);

  KernelOp kernel;
  mlir::OpBuilder builder;
  ShapeBuilder shapeBuilder;
  llvm::DenseMap<mlir::Value, mlir::Attribute> known;
};

} // namespace hone

#endif
