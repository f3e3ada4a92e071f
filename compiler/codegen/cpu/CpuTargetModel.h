// What passes learn about CPU targets.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef COMPILER_CODEGEN_CPU_CPUTARGETMODEL_H
#define COMPILER_CODEGEN_CPU_CPUTARGETMODEL_H

#include "compiler/codegen/cpu/Targets.h"
#include "dialects/hone/TargetModel.h"

namespace hone {

/// The row of the target table that `target` names; it was checked when the attribute was made.
const CpuTarget &cpuTarget(TargetAttr target);

/// Registers the CPU target model with the dialect.
void registerCpuTargetModel(mlir::DialectRegistry &registry);

} // namespace hone

#endif
