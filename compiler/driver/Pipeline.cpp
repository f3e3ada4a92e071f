// The way from an imported module to the LLVM dialect, stage by stage.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Pipeline.h"
#include "compiler/Passes.h"
#include "compiler/codegen/cpu/Lower.h"
#include "compiler/driver/Manifest.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"

namespace hone {
#define GEN_PASS_DEF_MARKSTAGE
#include "compiler/Passes.h.inc"
} // namespace hone

using namespace mlir;
using namespace hone;

static constexpr llvm::StringLiteral kStageNames[] = {"import", "hone", "kernels", "plan", "llvm"};

StringRef hone::toString(Stage stage) { return kStageNames[static_cast<unsigned>(stage)]; }

std::optional<Stage> hone::parseStage(StringRef name) {
  const auto *found = llvm::find(kStageNames, name);
  if (found == std::end(kStageNames))
    return std::nullopt;
  return static_cast<Stage>(found - std::begin(kStageNames));
}

std::optional<Stage> hone::stageOf(ModuleOp module) {
  auto name = module->getAttrOfType<StringAttr>(kStageAttr);
  return name ? parseStage(name.getValue()) : std::nullopt;
}

namespace {
/// A pass of its own, so that the pipeline means the same when `hone-opt` runs it.
struct MarkStage : hone::impl::MarkStageBase<MarkStage> {
  using MarkStageBase::MarkStageBase;

  void runOnOperation() override { getOperation()->setAttr(kStageAttr, StringAttr::get(&getContext(), stage)); }
};
} // namespace

/// Adds the passes that make `stage` out of the one before it.
static void buildStage(OpPassManager &manager, Stage stage) {
  switch (stage) {
  case Stage::Import:
    break;
  case Stage::Hone:
    buildSimplifyPipeline(manager);
    break;
  case Stage::Kernels:
    manager.addPass(createDispatch());
    manager.addPass(createCanonicalizerPass());
    manager.addPass(createCSEPass()); // sizes that several launches need are computed once
    break;
  case Stage::Plan:
    manager.addPass(createPlanMemory());
    // Bottom-up: a visit of a loop compares all pairs that it carries, and top-down each fold in it leads to a visit.
    manager.addPass(createCanonicalizerPass(GreedyRewriteConfig().setUseTopDownTraversal(false)));
    manager.addPass(createCSEPass()); // views of the same slot
    break;
  case Stage::Llvm:
    manager.addPass(createGenerateKernels());
    manager.addPass(createWriteManifest());            // the last moment at which launches know their nodes
    addKernelLoweringPasses(manager.nest<ModuleOp>()); // kernels in parallel
    manager.addPass(createLowerProgram());             // behind them: its module is born in the LLVM dialect
    break;
  }
  manager.addPass(createMarkStage({toString(stage).str()}));
}

void hone::buildPipeline(OpPassManager &manager, Stage from, Stage to) {
  for (int stage = static_cast<int>(from) + 1; stage <= static_cast<int>(to); ++stage)
    buildStage(manager, static_cast<Stage>(stage));
}
