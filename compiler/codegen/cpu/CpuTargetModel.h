// What passes learn about CPU targets.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_CPU_CPUTARGETMODEL_H
#define HONE_COMPILER_CODEGEN_CPU_CPUTARGETMODEL_H

#include "compiler/codegen/Targets.h"
#include "dialects/hone/TargetModel.h"

namespace hone {

/// The CPU that `target` names. Errors: a level or feature that is not known.
llvm::Expected<CpuTarget> cpuTarget(TargetAttr target);
/// The attribute that names `target`.
TargetAttr targetAttr(mlir::MLIRContext *context, const CpuTarget &target);

/// Registers the CPU target model with the dialect.
void registerCpuTargetModel(mlir::DialectRegistry &registry);

} // namespace hone

#endif
