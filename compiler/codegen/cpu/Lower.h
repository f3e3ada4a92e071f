// From kernel bodies to the LLVM dialect.
//
// A kernel is built as an internal function on bare pointers (the body) with upstream dialects, lowered to the LLVM
// dialect, and then wrapped by the entry of the kernel ABI (hone/abi.h), which loads the body's arguments from the
// context.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_CPU_LOWER_H
#define HONE_COMPILER_CODEGEN_CPU_LOWER_H

#include "compiler/codegen/Kernel.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"

namespace hone {

/// Lowers a builtin.module with kernel bodies and their helper functions (func, scf, arith, math, vector, memref,
/// affine, ub) to the LLVM dialect and adds the entry of each body: `void <name>(const hone_kernel_context *, int64_t
/// begin, int64_t end)`.
void addKernelLoweringPasses(mlir::OpPassManager &pm);

/// Dialects and translations that kernels need, loaded before any nested pass runs.
void registerKernelDialects(mlir::DialectRegistry &registry);

} // namespace hone

#endif
