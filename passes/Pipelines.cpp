// The order of passes, each with the reason for its place.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Pipelines.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"

using namespace mlir;

void hone::buildSimplifyPipeline(OpPassManager &manager) {
  manager.addPass(createCanonicalizerPass()); // local folds, so that what follows sees fewer forms
  manager.addPass(createCSEPass());           // one value per dim: equal dims are then proven by identity
  manager.addPass(createFoldConstants());     // scales that exporters compute become the constants patterns look for
  manager.addPass(createSimplifyShapes());    // takes reshapes away from between the ops of a pattern
  manager.addPass(createCanonicalizerPass()); // joins the transpositions that now follow each other
  manager.addPass(createCSEPass());           // `x - mean(x)` written twice is one value, as patterns expect
  manager.addPass(createFoldWeights());       // patterns and all behind them see weights, and no ops that move them
  manager.addPass(createFusePatterns());      // before anything that asks for costs
  manager.addPass(createCanonicalizerPass()); // attention's own transpositions cancel those of the model
  manager.addPass(createCSEPass());           // heads that share a mask share it again
  manager.addPass(createPropagateLayouts());  // once patterns took the transpositions that are theirs: attention's
  manager.addPass(createCanonicalizerPass()); // views that now follow each other
  manager.addPass(createFoldConstants());     // constants of channels under the dims that they are read with now
  manager.addPass(createFoldWeights());       // and weights
  manager.addPass(createMergeProducts());     // once it is known who reads the products: attention
  manager.addPass(createSymbolDCEPass());     // weights that nothing uses must not reach the artefact
}

void hone::registerHonePipelines() {
  PassPipelineRegistration<>("hone-simplify", "Constant folding, canonical forms and pattern fusion",
                             buildSimplifyPipeline);
}
