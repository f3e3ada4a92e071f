// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/plan/Lifetimes.h"
#include "dialects/hone/Hone.h"
#include "dialects/hone/State.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace hone;

static bool isTensor(Value value) { return isa<RankedTensorType>(value.getType()); }

/// Whether a launch or branches in front of a loop write its first value, and nobody but the loop needs it from there
/// on.
static bool isFirstItsOwn(const Loop &loop, unsigned i) {
  Value root = rootOf(loop.inits[i].get());
  Operation *writer = root.getDefiningOp();
  return isa_and_nonnull<LaunchOp, scf::IfOp>(writer) && writer->getBlock() == loop.op->getBlock() &&
         isDeadBefore(root, loop.op, &loop.inits[i]);
}

OpOperand *hone::updatedBy(LaunchOp launch, const SymbolTable &symbols) {
  auto kernel = symbols.lookup<KernelOp>(launch.getKernel());
  auto number = kernel ? kernel.getUpdatedArgument() : std::nullopt;
  return number ? &launch->getOpOperand(*number) : nullptr;
}

bool Destinations::isDeadBeforeNext(const Loop &loop, unsigned i) const {
  Operation *writer = rootOf(loop.yielded[i].get()).getDefiningOp();
  // The first one that writes there: what a launch changes, or takes the place of, was written to the same memory.
  OpOperand *updated = nullptr;
  while (auto launch = dyn_cast<LaunchOp>(writer)) {
    updated = updatedBy(launch, symbols);
    Operation *before = updated ? rootOf(updated->get()).getDefiningOp() : nullptr;
    if (!before || before->getBlock() != writer->getBlock())
      break;
    writer = before;
    updated = nullptr;
  }
  return isDeadBefore(loop.arguments[i], writer, updated);
}

void Destinations::visit(LaunchOp launch) {
  OpOperand *updated = updatedBy(launch, symbols);
  if (updated && isState(of(rootOf(updated->get()))))
    becomes[launch.getResult(0)] = of(rootOf(updated->get()));
  else if (updated && rootOf(updated->get()).getDefiningOp<LaunchOp>())
    becomes[rootOf(updated->get())] = launch.getResult(0);
}

LogicalResult Destinations::checkUpdates(func::FuncOp main) const {
  WalkResult result = main.walk([&](LaunchOp launch) {
    OpOperand *updated = updatedBy(launch, symbols);
    if (!updated || (of(rootOf(updated->get())) == of(launch.getResult(0)) &&
                     isDeadBefore(rootOf(updated->get()), launch, updated)))
      return WalkResult::advance();
    launch.emitOpError("changes a value (number ")
        << updated->getOperandNumber() << ") that is needed elsewhere: hone-dispatch makes a copy";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

LogicalResult Destinations::checkGrowing(func::FuncOp main) const {
  WalkResult result = main.walk([&](Operation *op) {
    auto loop = Loop::get(op);
    for (unsigned i = 0; loop && i < loop->results.size(); ++i) {
      if (kindOf(*loop, i) != Carried::Growing)
        continue;
      bool isLaunch = rootOf(loop->yielded[i].get()).getDefiningOp<LaunchOp>() != nullptr;
      if (isLaunch && hasDimsTold(loop->arguments[i]) && hasDimsTold(loop->results[i]))
        continue;
      op->emitOpError("carries a tensor (number ")
          << i << ") whose dims change, " << (isLaunch ? "and nobody tells them" : "and which no launch of it writes")
          << ": hone-dispatch comes before hone-plan-memory";
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

void Destinations::visit(scf::IfOp branches, ShapeBuilder &shapes) {
  for (OpResult result : branches->getResults()) {
    if (!isTensor(result))
      continue;
    if (shapes.dimsOfBranches(result))
      known.insert(result);
    // Who is around may know the dims that hone.with_dims tells behind the branches.
    bool isPlaced = areDimsKnown(result) || isOutput(of(result)) || of(result) != result || next.contains(result);
    if (!isPlaced)
      putByBranches.insert(result);
    for (Region &region : branches->getRegions())
      if (isPlaced)
        becomes[rootOf(region.front().getTerminator()->getOperand(result.getResultNumber()))] = of(result);
  }
}

void Destinations::visit(const Loop &loop, ShapeBuilder &shapes) {
  OpBuilder::InsertionGuard guard(shapes.builder);
  shapes.builder.setInsertionPoint(loop.op); // where dims are compared
  for (auto [i, result] : llvm::enumerate(loop.results)) {
    if (!isTensor(result))
      continue;
    Value root = rootOf(loop.inits[i].get());
    bool isOwn = isFirstItsOwn(loop, i);
    if (isOwn)
      overwritable.insert(result);
    Carried::Kind &kind = kinds[result];
    kind = !keepsDims(loop, i, shapes)                                    ? Carried::Growing
           : isOwn && !isPutByBranches(root) && isDeadBeforeNext(loop, i) ? Carried::InPlace
                                                                          : Carried::Fixed;
    if (kind == Carried::Fixed)
      next.insert(rootOf(loop.yielded[i].get()));
    if (kind != Carried::InPlace)
      continue;
    Value place = of(result);
    for (Value value : {root, Value(loop.arguments[i]), rootOf(loop.yielded[i].get())})
      becomes[value] = place;
    if (auto conditional = dyn_cast<scf::WhileOp>(loop.op))
      becomes[conditional.getBeforeArguments()[i]] = place;
  }
}

Destinations::Destinations(func::FuncOp main, ShapeBuilder &shapes) : symbols(main->getParentOfType<ModuleOp>()) {
  for (Value result : main.getBody().front().getTerminator()->getOperands())
    outputs.insert(rootOf(result));
  main.walk<WalkOrder::PreOrder>([&](Operation *op) { // the outer ones first
    if (auto branches = dyn_cast<scf::IfOp>(op))
      visit(branches, shapes);
    else if (auto loop = Loop::get(op))
      visit(*loop, shapes);
    else if (auto launch = dyn_cast<LaunchOp>(op))
      visit(launch);
  });
  // A residual stream is one long chain.
  SmallVector<Value> keys(llvm::make_first_range(becomes)), chain;
  for (Value key : keys) {
    Value last = key;
    for (auto next = becomes.find(key); next != becomes.end(); next = becomes.find(last)) {
      chain.push_back(last);
      last = next->second;
    }
    while (!chain.empty())
      becomes[chain.pop_back_val()] = last;
  }
}

Lifetimes::Lifetimes(func::FuncOp main, const Destinations &destinations) : destinations(destinations) {
  visit(main.getBody().front());
}

unsigned Lifetimes::add(Value value) {
  ordered.push_back(value);
  needed.push_back({point, point});
  touched.push_back(ordered.size() - 1);
  return ordered.size() - 1;
}

void Lifetimes::touch(unsigned place) {
  needed[place].last = std::max(needed[place].last, point);
  touched.push_back(place);
}

void Lifetimes::write(Value root) {
  Value destination = destinations.of(root);
  if (destinations.isOutput(destination) || isState(destination))
    return;
  auto [found, isNew] = places.try_emplace(destination);
  if (isNew) {
    unsigned place = add(destination);
    places[destination] = {place};
  } else {
    llvm::for_each(found->second, [&](unsigned place) { touch(place); });
  }
}

void Lifetimes::read(Value value) {
  if (auto found = places.find(destinations.of(rootOf(value))); found != places.end())
    llvm::for_each(found->second, [&](unsigned place) { touch(place); });
}

void Lifetimes::visit(const Loop &loop) {
  int64_t start = point;
  size_t outside = touched.size();
  llvm::SmallVector<unsigned> own; // needed from the first step to the last
  for (auto [i, init] : llvm::enumerate(loop.inits)) {
    if (!isTensor(init.get()))
      continue;
    Carried &carried = loops[loop.results[i]];
    carried.kind = destinations.kindOf(loop, i);
    read(init.get());
    if (carried.kind == Carried::InPlace)
      continue;
    SmallVector<unsigned, 1> &of = places[loop.arguments[i]];
    if (auto first = places.find(destinations.of(rootOf(init.get()))); first != places.end())
      of = SmallVector<unsigned, 1>(first->second);
    carried.next = add(init.get());
    of.push_back(*carried.next);
    bool isTwice = !destinations.isDeadBeforeNext(loop, i);
    bool isSpare = isTwice && carried.kind == Carried::Fixed && destinations.isOverwritable(loop, i);
    if (!isTwice)
      carried.spare = carried.next;
    else if (!isSpare)
      carried.spare = add(init.get());
    if (carried.kind == Carried::Growing)
      growing.insert_range(ArrayRef{*carried.next, *carried.spare});
    if (isTwice && !isSpare)
      of.push_back(*carried.spare);
    SmallVector<unsigned, 1> all(of);
    own.append(all.begin(), all.end());
    places[loop.results[i]] = all;
    places[rootOf(loop.yielded[i].get())] = all;
    if (auto conditional = dyn_cast<scf::WhileOp>(loop.op))
      places[conditional.getBeforeArguments()[i]] = all;
  }
  ++point;
  if (auto conditional = dyn_cast<scf::WhileOp>(loop.op))
    visit(*conditional.getBeforeBody());
  visit(*loop.body);
  for (size_t i = outside; i < touched.size(); ++i)
    if (Interval &interval = needed[touched[i]]; interval.first <= start)
      interval.last = point;
  for (unsigned place : own)
    needed[place].last = point;
  ++point;
}

void Lifetimes::visit(Block &block) {
  for (Operation &op : block) {
    if (auto launch = dyn_cast<LaunchOp>(op)) {
      llvm::for_each(launch.getBuffers(), [&](Value buffer) { read(buffer); });
      for (Value result : launch.getOutputs())
        write(result);
      ++point;
    } else if (auto branches = dyn_cast<scf::IfOp>(op)) {
      for (OpResult result : op.getResults()) // no branch may use this memory before for anything else
        if (isTensor(result) && !destinations.isPutByBranches(result))
          write(result);
      for (Region &region : op.getRegions())
        llvm::for_each(region, [&](Block &inner) { visit(inner); });
      for (OpResult result : op.getResults())
        if (isTensor(result) && destinations.isPutByBranches(result)) {
          SmallVector<unsigned, 1> either;
          for (Region &region : op.getRegions())
            llvm::append_range(
                either, places.lookup(rootOf(region.front().getTerminator()->getOperand(result.getResultNumber()))));
          places[result] = either;
        }
    } else if (auto loop = Loop::get(&op)) {
      visit(*loop);
    } else if (isa<tensor::ExtractOp>(op)) {
      --point; // behind the launch before it
      read(op.getOperand(0));
      ++point;
    }
  }
}
