// Kernel families: ops whose kernels are written out in vectors and registers.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef COMPILER_CODEGEN_CPU_FAMILIES_H
#define COMPILER_CODEGEN_CPU_FAMILIES_H

#include "compiler/codegen/cpu/Matmul.h"
#include "compiler/codegen/cpu/Targets.h"
#include "compiler/codegen/generic/KernelEmitter.h"

namespace hone {

/// One family. A kernel that is taken holds its op first, then, if the family has an epilogue, element-wise ops over
/// the result.
struct KernelFamily {
  llvm::StringRef name;
  bool hasEpilogue;
  /// Whether `op` is computed by this family.
  bool (*takes)(mlir::Operation *op);
  /// The launch range for a kernel of `op`; `size` gives dims as values where `builder` stands.
  LaunchRange (*range)(mlir::OpBuilder &builder, const CpuTarget &target, mlir::Operation *op, ShapeBuilder &shapes,
                       llvm::function_ref<mlir::Value(mlir::OpFoldResult)> size);
  /// Writes the kernel's body.
  void (*build)(KernelEmitter &emitter, const CpuTarget &target, mlir::Operation *op);
};

/// The family that takes `op`, or null.
const KernelFamily *familyOf(mlir::Operation *op);
/// The family of a kernel's first op that has one, and that op.
std::pair<const KernelFamily *, mlir::Operation *> familyOf(KernelOp kernel);

extern const KernelFamily matmulFamily;
extern const KernelFamily attentionFamily;
extern const KernelFamily transposeFamily;

} // namespace hone

#endif
