// What a launch of a kernel does: operations and bytes, as functions of its sizes.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_KERNELWORK_H
#define HONE_COMPILER_CODEGEN_KERNELWORK_H

#include "dialects/hone/Hone.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace hone {

/// Operations of one op; nothing of an op without a structure.
std::optional<mlir::OpFoldResult> flopsOf(mlir::Operation *op, ShapeBuilder &shapes);
/// Bytes of an argument that the kernel reads: as many as the op that reads the most of it.
mlir::OpFoldResult bytesReadOf(mlir::BlockArgument argument, ShapeBuilder &shapes);
/// Bytes of a result that the kernel writes.
mlir::OpFoldResult bytesWrittenOf(mlir::Value result, ShapeBuilder &shapes);

/// Adds `void <symbol>.work(const int64_t *sizes, int64_t *work)` to `module`: the operations and bytes of a launch of
/// `kernel` (a private copy, to which arithmetic is added) with these index arguments. Only who measures launches
/// calls it.
mlir::LLVM::LLVMFuncOp addWorkFunction(mlir::ModuleOp module, llvm::StringRef symbol, KernelOp kernel);
/// Its name.
std::string workSymbol(llvm::StringRef symbol);

} // namespace hone

#endif
