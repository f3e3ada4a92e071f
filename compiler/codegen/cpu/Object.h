// From the LLVM dialect to object code.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_CPU_OBJECT_H
#define HONE_COMPILER_CODEGEN_CPU_OBJECT_H

#include "compiler/codegen/Targets.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"

namespace hone {

/// Which form of the code is asked for.
enum class CodeForm { Object, Assembly, LlvmIr };

/// Initialises LLVM's code generators. Call once, before any thread calls emitCode.
void initializeCodeGenerators();

/// On the nested module of the host program; the others hold a kernel each.
constexpr llvm::StringLiteral kHostProgramAttr = "hone.host_program";

/// Translates `module` (LLVM dialect only) to LLVM IR, optimises it (kernels: O2) and generates position-independent
/// code for `target`. `name` becomes the module's name and source file name, so the bytes depend on nothing else. Safe
/// to call at once for different nested modules of one context with multithreading enabled and all dialects loaded
/// (registerKernelDialects).
llvm::Expected<llvm::SmallVector<char, 0>> emitCode(mlir::ModuleOp module, const CpuTarget &target,
                                                    llvm::StringRef name, CodeForm form = CodeForm::Object);

} // namespace hone

#endif
