// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/plan/Lifetimes.h"
#include "dialects/hone/Hone.h"

using namespace mlir;
using namespace hone;

Value hone::rootOf(Value value) {
  while (value.getDefiningOp() && isView(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0); // an input may be a memref already
  return value;
}

Lifetimes::Lifetimes(func::FuncOp main) {
  Block &block = main.getBody().front();
  llvm::SmallDenseSet<Value> outputs;
  for (Value result : block.getTerminator()->getOperands())
    outputs.insert(rootOf(result));
  int64_t point = 0;
  for (LaunchOp launch : block.getOps<LaunchOp>()) {
    for (Value buffer : launch.getBuffers())
      if (auto found = numbers.find(rootOf(buffer)); found != numbers.end())
        needed[found->second].last = point;
    for (Value result : launch.getOutputs()) {
      if (outputs.contains(result))
        continue;
      numbers[result] = ordered.size();
      ordered.push_back(result);
      needed.push_back({point, point});
    }
    ++point;
  }
}
