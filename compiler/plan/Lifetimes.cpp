// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/plan/Lifetimes.h"
#include "dialects/hone/Hone.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace hone;

Value hone::rootOf(Value value) {
  while (value.getDefiningOp() && isView(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0); // an input may be a memref already
  return value;
}

Destinations::Destinations(func::FuncOp main) {
  main.walk<WalkOrder::PreOrder>([&](scf::IfOp branches) { // the outer ones first
    for (Region &region : branches->getRegions())
      for (OpOperand &given :
           region.empty() ? MutableArrayRef<OpOperand>() : region.front().getTerminator()->getOpOperands())
        if (isa<RankedTensorType>(given.get().getType()))
          becomes[rootOf(given.get())] = of(branches.getResult(given.getOperandNumber()));
  });
}

Lifetimes::Lifetimes(func::FuncOp main, const Destinations &destinations) {
  llvm::SmallDenseSet<Value> outputs;
  for (Value result : main.getBody().front().getTerminator()->getOperands())
    outputs.insert(rootOf(result));
  int64_t point = 0;
  auto write = [&](Value value) {
    if (outputs.contains(value))
      return;
    auto [number, isNew] = numbers.try_emplace(value, ordered.size());
    if (!isNew) {
      needed[number->second].last = point;
      return;
    }
    ordered.push_back(value);
    needed.push_back({point, point});
  };
  auto read = [&](Value value) {
    if (auto found = numbers.find(destinations.of(rootOf(value))); found != numbers.end())
      needed[found->second].last = std::max(needed[found->second].last, point);
  };
  main.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto launch = dyn_cast<LaunchOp>(op)) {
      llvm::for_each(launch.getBuffers(), read);
      for (Value result : launch.getOutputs())
        write(destinations.of(result));
      ++point;
    } else if (isa<scf::IfOp>(op)) {
      for (Value result : op->getResults()) // no branch may use this memory before for anything else
        if (isa<RankedTensorType>(result.getType()))
          write(destinations.of(result));
    } else if (isa<tensor::ExtractOp>(op)) {
      --point; // behind the launch before it
      read(op->getOperand(0));
      ++point;
    }
  });
}
