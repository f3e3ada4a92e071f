// What a context and `hone-opt` know. Apart from Pipeline.cpp, because upstream's registration headers are heavy.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Passes.h"
#include "compiler/codegen/cpu/CpuTargetModel.h"
#include "compiler/codegen/cpu/Lower.h"
#include "compiler/driver/Manifest.h"
#include "compiler/driver/Pipeline.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"

using namespace mlir;
using namespace hone;

void hone::registerCompilerDialects(DialectRegistry &registry) {
  registry.insert<HoneDialect, tensor::TensorDialect>();
  registerKernelDialects(registry);
  registerCpuTargetModel(registry);
}

void hone::registerCompilerPasses() {
  registerTransformsPasses();
  registerConversionPasses();
  memref::registerMemRefPasses();
  registerHonePasses();
  registerHonePipelines();
  registerHoneCompilerPasses();
}
