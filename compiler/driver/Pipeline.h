// The stages of a compile and the passes between them.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_PIPELINE_H
#define HONE_COMPILER_DRIVER_PIPELINE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include <optional>

namespace hone {

/// What a module is. Each stage can be written as text and compiled on from there.
enum class Stage {
  Import,  ///< as read from the model: hone ops, weights as symbols
  Hone,    ///< simplified and improved
  Kernels, ///< a host program of launches, and kernels
  Plan,    ///< all values in one arena; weights have offsets
  Llvm     ///< one nested module of the LLVM dialect for each kernel, and one for the host program
};

llvm::StringRef toString(Stage stage);
std::optional<Stage> parseStage(llvm::StringRef name);
/// The stage that `module` says it is at; none if it does not say, or says something unknown.
std::optional<Stage> stageOf(mlir::ModuleOp module);

/// Adds the passes that bring a module from stage `from` to `to`. They leave the new stage's name on the module.
void buildPipeline(mlir::OpPassManager &manager, Stage from, Stage to);

/// Makes all dialects, translations and target models known that a module may need at any stage.
void registerCompilerDialects(mlir::DialectRegistry &registry);

/// Makes every pass of buildPipeline() known by name. Call once.
void registerCompilerPasses();

} // namespace hone

#endif
