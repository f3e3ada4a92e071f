// The body of a kernel under construction, as every builder of kernels sees it.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_KERNEL_H
#define HONE_COMPILER_CODEGEN_KERNEL_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace hone {

/// On a body: {name, buffers, sizes}, what its entry must load. Consumed by --hone-finish-kernels.
constexpr llvm::StringLiteral kBodyAttr = "hone.kernel";
/// On a loop, until it is a branch of LLVM's.
constexpr llvm::StringLiteral kLoopAttr = "llvm.loop_annotation";

/// On the module of a kernel that was generated: the symbol of its code.
constexpr llvm::StringLiteral kSymbolAttr = "hone.symbol";
/// Likewise: {family, parameters, cost}, how it is computed and what a launch is predicted to take (nanoseconds).
constexpr llvm::StringLiteral kDecisionAttr = "hone.decision";

llvm::StringRef modelName(mlir::ModuleOp module);
/// What the symbols of a program begin with: the identifier of the module's model.
std::string symbolPrefix(mlir::ModuleOp module);

/// What one launch hands to the runtime, index values; scratch in bytes a thread.
struct LaunchRange {
  mlir::Value count, grain, scratchBytes;
};

/// One tensor argument or result of a kernel: contiguous, row-major.
struct KernelBuffer {
  mlir::Type element;    ///< element type in memory (bool is i8)
  int64_t alignment;     ///< bytes that the pointer is surely aligned to: 64 in the arena and for weights, else the
                         ///< element's size
  bool readOnly = false; ///< the kernel never stores through it
};

/// The body of a kernel under construction, and its arguments. Pointers are `memref<1xT>`: reinterpret_cast gives them
/// their shape (a descriptor argument would lose noalias).
struct KernelBody {
  mlir::func::FuncOp func;
  llvm::SmallVector<mlir::Value> buffers; ///< memref<1xT>, in the order of hone_kernel_context.buffers
  llvm::SmallVector<mlir::Value> sizes;   ///< index, in the order of hone_kernel_context.sizes
  mlir::Value scratch;                    ///< memref<1xi8>: this thread's scratch, 64-byte aligned
  mlir::Value failure;                    ///< memref<1xi32>: storing 1 makes the launch fail
  mlir::Value cancel;                     ///< !llvm.ptr to an i32: other than 0 once nobody wants the results
  mlir::Value begin, end;                 ///< index: the part of the iteration range to compute
};

/// Creates the internal function `<symbol>.body` with the arguments above and an entry block that ends in func.return;
/// `builder` is left inside it, before the return. No two buffers may overlap: an operation in place passes one buffer
/// for both.
KernelBody createKernelBody(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef symbol,
                            llvm::ArrayRef<KernelBuffer> buffers, unsigned sizeCount);

/// Whether `func` is such a body.
bool isKernelBody(mlir::func::FuncOp func);

/// Memory at `bytes` (memref<1xi8>) as a pointer to elements: memref<1xT>.
mlir::Value elementPointer(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value bytes, mlir::Type element);

/// Views `pointer` (memref<1xT>) as a memref of rank 1 without a bound, to be indexed by flat element offsets.
mlir::Value flatView(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value pointer);

/// Tells LLVM to vectorise `loop` (an innermost scf.for without a cross-iteration order to keep), interleaved
/// `interleave` times; 0 leaves the count to LLVM. 4 pays for bodies with divisions or polynomials.
void annotateVectorLoop(mlir::Operation *loop, int interleave = 0);

/// Tells LLVM not to unroll `loop`.
void annotateRolledLoop(mlir::Operation *loop);

/// Tells LLVM to compute one iteration of `loop` like the other: not several at once, and the rest one by one, where
/// sums would be added up in another order.
void annotateUniformLoop(mlir::Operation *loop);

} // namespace hone

#endif
