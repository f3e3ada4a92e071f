// The dispatch pass: constants and weights get the form that kernels want, results get buffers of their own, groups
// become kernels.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Regions.h"
#include "dialects/hone/State.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/Passes.h"
#include "passes/dispatch/LayOutWeights.h"
#include "passes/dispatch/OrderLaunches.h"
#include "passes/dispatch/Outline.h"

namespace hone {
#define GEN_PASS_DEF_DISPATCH
#include "passes/Passes.h.inc"
} // namespace hone

using namespace mlir;
using namespace hone;

/// Whether a constant is cloned into the kernels that use it: one number, for kernels that do not read their operands
/// from memory, as those of families do.
static bool isInlineConstant(Operation *constant, DenseElementsAttr value, const TargetModel &model,
                             TargetAttr target) {
  return value.isSplat() && llvm::all_of(constant->getUsers(), [&](Operation *user) {
           return runsInKernel(user) && !model.hasKernelOfItsOwn(target, user);
         });
}

/// Constants that kernels do not hold become weights, equal ones one.
static void moveConstantsToWeights(ModuleOp module, ArrayRef<TargetedProgram> programs) {
  SymbolTable symbols(module);
  llvm::DenseMap<Attribute, WeightOp> weights;
  auto move = [&](const TargetedProgram &program, Operation *constant) {
    DenseElementsAttr value;
    if (!matchPattern(constant, m_Constant(&value)) ||
        isInlineConstant(constant, value, *program.model, program.target))
      return;
    OpBuilder builder(program.main);
    WeightOp &weight = weights[value];
    if (!weight) {
      weight = WeightOp::create(builder, constant->getLoc(), builder.getStringAttr("constant"),
                                TypeAttr::get(value.getType()), value);
      symbols.insert(weight);
    }
    builder.setInsertionPoint(constant);
    auto use = UseWeightOp::create(builder, constant->getLoc(), value.getType(), weight.getSymName());
    constant->replaceAllUsesWith(use);
    constant->erase();
  };
  for (const TargetedProgram &program : programs)
    program.main->walk([&](Operation *op) { move(program, op); });
}

/// Values that are tapped become results, under the tap's name.
static void returnTaps(func::FuncOp main) {
  Operation *terminator = main.getBody().front().getTerminator();
  Builder builder(main.getContext());
  SmallVector<Value> tapped;
  for (TapOp tap : llvm::make_early_inc_range(main.getOps<TapOp>())) {
    Value value = tap.getInput();
    auto name = builder.getDictionaryAttr(builder.getNamedAttr(kNameAttr, tap.getNameAttr()));
    LogicalResult inserted = main.insertResult(main.getNumResults(), value.getType(), name);
    assert(succeeded(inserted) && "a function's type takes any result");
    (void)inserted;
    tapped.push_back(value);
    tap.replaceAllUsesWith(value);
    tap.erase();
  }
  terminator->insertOperands(terminator->getNumOperands(), tapped);
}

/// Whether each step of a loop, whose body is dispatched, only changes what it has got for `result`.
static bool isFilledInSteps(OpResult result) {
  auto loop = Loop::get(result.getOwner());
  unsigned i = result.getResultNumber();
  auto launch = loop ? rootOf(loop->yielded[i].get()).getDefiningOp<LaunchOp>() : LaunchOp();
  auto kernel = launch ? SymbolTable::lookupNearestSymbolFrom<KernelOp>(launch, launch.getKernelAttr()) : KernelOp();
  auto updated = kernel ? kernel.getUpdatedArgument() : std::nullopt;
  return updated && rootOf(launch.getBuffers()[*updated]) == loop->arguments[i];
}

/// The updates that made `value`, the last one first, and what the first of them has changed in part, where it lies.
static std::pair<SmallVector<UpdateOpInterface>, Value> updatesOf(Value value) {
  SmallVector<UpdateOpInterface> updates;
  Value root = rootOf(value);
  while (auto update = root.getDefiningOp<UpdateOpInterface>()) {
    updates.push_back(update);
    root = rootOf(update.getUpdated().get());
  }
  return {std::move(updates), root};
}

/// Whether `buffer` can lie where a result of `block` does. `dimsChange`: from one step of the loop whose body this is
/// to the next.
static bool canBeResult(Value buffer, Block &block, bool dimsChange) {
  Operation *definition = buffer.getDefiningOp();
  if (!definition || definition->getBlock() != &block || isState(updatesOf(buffer).second))
    return false;
  return runsInKernel(definition) || (isa<scf::IfOp>(definition) && !dimsChange) ||
         (isFilledInSteps(cast<OpResult>(buffer)) && isa<func::FuncOp>(block.getParentOp()));
}

/// Whether only the run knows an index value: an element that it computes, or what a region gives, decides on it.
static bool isLate(OpFoldResult dim) {
  SmallVector<Value> pending;
  llvm::SmallDenseSet<Value> seen;
  if (auto value = dyn_cast<Value>(dim))
    pending.push_back(value);
  while (!pending.empty()) {
    Value value = pending.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    Operation *op = value.getDefiningOp();
    if (!op || op->getNumRegions() || (isa<tensor::ExtractOp>(op) && !isEntryArgument(op->getOperand(0))))
      return true;
    for (Value operand : op->getOperands())
      if (!isa<RankedTensorType>(operand.getType()))
        pending.push_back(operand);
  }
  return false;
}

/// Whether `value` shows `buffer` under dims that only the run knows, and other ones than the buffer has.
static bool isLateView(Value value, Value buffer, ShapeBuilder &shapes) {
  bool isReshaped = false;
  for (Value at = value; at != buffer; at = at.getDefiningOp()->getOperand(0))
    isReshaped |= !at.getDefiningOp()->hasTrait<TellsDims>();
  return isReshaped && llvm::any_of(SmallVector<OpFoldResult>(shapes.dims(value)), isLate);
}

/// A value of its own with the elements of `value`, ahead of `op`.
static Value copyBefore(Operation *op, Value value, ShapeBuilder &shapes) {
  OpBuilder::InsertionGuard guard(shapes.builder);
  shapes.builder.setInsertionPoint(op);
  SmallVector<Value> sizes = shapes.materialize(SmallVector<OpFoldResult>(shapes.dims(value)));
  return ExpandOp::create(shapes.builder, value.getLoc(), value.getType(), value, sizes);
}

/// Every result of the program, of a branch, or of a step of a loop has memory of its own, which a kernel or a branch
/// of the same block writes: inputs, weights, values from around the block and those given twice are copied.
static void isolateResults(Block &block, ShapeBuilder &shapes) {
  Operation *terminator = block.getTerminator();
  auto loop = Loop::get(block.getParentOp());
  llvm::SmallDenseSet<Value> seen;
  for (OpOperand &operand : terminator->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    Value buffer = rootOf(operand.get());
    // Who reads elements of it by its own dims finds those of the view in memory.
    bool isReadOtherwise = buffer != operand.get() && llvm::any_of(buffer.getUsers(), llvm::IsaPred<tensor::ExtractOp>);
    bool dimsChange = loop && !keepsDims(*loop, operand.getOperandNumber(), shapes);
    if (!isReadOtherwise && !isLateView(operand.get(), buffer, shapes) && canBeResult(buffer, block, dimsChange) &&
        seen.insert(buffer).second)
      continue;
    operand.set(copyBefore(terminator, operand.get(), shapes));
    seen.insert(operand.get());
  }
}

/// Whether a kernel of the same block writes what `use` shows, and nobody else needs it from there on.
static bool isOwn(const OpOperand &use) {
  Value buffer = rootOf(use.get());
  Operation *writer = buffer.getDefiningOp(), *op = use.getOwner();
  return writer && writer->getBlock() == op->getBlock() && runsInKernel(writer) && isDeadBefore(buffer, op, &use);
}

/// Whether the updates that make `value` of `state` can take place where it lies: nobody needs what was there before.
static bool isMadeInPlace(Value value, Value state) {
  auto [updates, root] = updatesOf(value);
  return root == state && llvm::all_of(updates, [](UpdateOpInterface update) {
           OpOperand &updated = update.getUpdated();
           return isDeadBefore(rootOf(updated.get()), update, &updated);
         });
}

/// What a state is to hold is written where it lies: by operations that change it in part, or as a copy, behind all
/// that reads what it held before.
static LogicalResult keepStates(Block &block, ShapeBuilder &shapes) {
  auto function = dyn_cast<FunctionOpInterface>(block.getParentOp());
  SmallVector<KeepOp> keeps(block.getOps<KeepOp>());
  if (keeps.empty())
    return success();
  States states = function ? statesOf(function) : States();
  SmallVector<std::pair<KeepOp, BlockArgument>> copied;
  for (KeepOp keep : keeps) {
    BlockArgument state = findState(keep, states);
    if (!state)
      return failure();
    if (!isState(state))
      continue;
    if (isMadeInPlace(keep.getValue(), state))
      continue;
    copied.push_back({keep, state});
    Value root = updatesOf(keep.getValue()).second;
    if (root != state && isEntryArgument(root)) // another state, maybe, and that is written over too
      keep.getValueMutable().set(copyBefore(block.getTerminator(), keep.getValue(), shapes));
  }
  for (auto [keep, state] : copied) {
    shapes.builder.setInsertionPoint(block.getTerminator());
    Value first = shapes.materialize(shapes.constant(0));
    auto insert =
        InsertOp::create(shapes.builder, keep.getLoc(), state.getType(), keep.getValue(), state, first, /*axis=*/0);
    (void)shapes.dims(insert);
    keep.getValueMutable().set(insert);
    keep->moveBefore(block.getTerminator());
  }
  return success();
}

/// What an operation changes in part is nobody else's: otherwise it changes a copy. What a loop carries is changed from
/// step to step if it yields the result; its first value is a copy then.
static void isolateUpdates(Block &block, ShapeBuilder &shapes) {
  for (Operation &op : llvm::make_early_inc_range(block)) {
    auto update = dyn_cast<UpdateOpInterface>(op);
    if (!update)
      continue;
    OpOperand &updated = update.getUpdated();
    auto argument = dyn_cast<BlockArgument>(rootOf(updated.get()));
    if (argument && isState(argument) && argument.getOwner() == &block && isDeadBefore(argument, &op, &updated))
      continue;
    auto loop = argument && argument.getOwner() == &block ? Loop::get(block.getParentOp()) : std::nullopt;
    auto *carried = loop ? llvm::find(loop->arguments, argument) : nullptr;
    unsigned i = carried ? carried - loop->arguments.begin() : 0;
    if (loop && rootOf(loop->yielded[i].get()) == op.getResult(0) && keepsDims(*loop, i, shapes) &&
        isDeadBefore(argument, &op, &updated)) {
      OpOperand &init = loop->inits[i];
      if (!isOwn(init))
        init.set(copyBefore(loop->op, init.get(), shapes));
      continue;
    }
    if (argument || !isOwn(updated))
      updated.set(copyBefore(&op, updated.get(), shapes));
  }
}

/// Whether a launch of the same block writes what `use` shows, with sizes that are known before a run, and only the
/// launch that it belongs to needs it from there on.
static bool canBeOverwritten(OpOperand &use) {
  Value buffer = rootOf(use.get());
  auto writer = buffer.getDefiningOp<LaunchOp>();
  return writer && writer->getBlock() == use.getOwner()->getBlock() && !llvm::any_of(writer.getResultSizes(), isLate) &&
         !llvm::any_of(buffer.getUsers(), llvm::IsaPred<KeepOp>) && isDeadBefore(buffer, use.getOwner(), &use);
}

/// A kernel whose launches all find an argument that they alone still need, as the other operand of a sum is, gives its
/// result in that one's memory.
static void runInPlace(ModuleOp module, ArrayRef<TargetedProgram> programs) {
  llvm::DenseMap<StringAttr, SmallVector<LaunchOp, 2>> launches;
  for (TargetedProgram program : programs)
    program.main.walk([&](LaunchOp launch) { launches[launch.getKernelAttr().getAttr()].push_back(launch); });
  for (KernelOp kernel : module.getOps<KernelOp>()) {
    ArrayRef<LaunchOp> own = launches[kernel.getSymNameAttr()];
    auto isLateLaunch = [](LaunchOp launch) { return llvm::any_of(launch.getResultSizes(), isLate); };
    if (kernel.getUpdatedArgument() || llvm::any_of(own, isLateLaunch))
      continue;
    for (unsigned argument : llvm::seq(kernel.getTensorCount())) {
      auto isFree = [&](LaunchOp launch) { return canBeOverwritten(launch->getOpOperand(argument)); };
      if (!llvm::all_of(own, isFree) || !kernel.isReadElementByElement(argument) ||
          !programs.front().model->writesLast(programs.front().target, kernel))
        continue;
      kernel.setInPlace(argument);
      break;
    }
  }
}

/// Erases weights that neither the program nor, through recipes, a weight that it uses needs.
static void eraseDeadWeights(ModuleOp module) {
  SymbolTableCollection tables;
  SymbolUserMap users(tables, module);
  SmallVector<WeightOp> weights(module.getOps<WeightOp>()), pending;
  llvm::DenseMap<Operation *, SmallVector<WeightOp>> sources; // of the recipe of a weight
  llvm::SmallDenseSet<Operation *> live;
  auto need = [&](WeightOp weight) {
    if (live.insert(weight).second)
      pending.push_back(weight);
  };
  for (WeightOp weight : weights)
    for (Operation *user : users.getUsers(weight))
      isa<WeightOp>(user) ? sources[user].push_back(weight) : need(weight);
  while (!pending.empty())
    llvm::for_each(sources.lookup(pending.pop_back_val()), need);
  for (WeightOp weight : weights)
    if (!live.contains(weight))
      weight.erase();
}

/// The last operations first, those in regions before the ones around them.
static void eraseDead(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    for (Region &region : op.getRegions())
      llvm::for_each(region, [](Block &inner) { eraseDead(inner); });
    if (isOpTriviallyDead(&op))
      op.erase();
  }
}

static void eraseDead(ModuleOp module, ArrayRef<TargetedProgram> programs) {
  for (TargetedProgram program : programs)
    eraseDead(program.main.getBody().front());
  eraseDeadWeights(module);
}

/// Whether each tensor is computed by an op that a kernel can hold.
static LogicalResult checkIsNotDispatched(func::FuncOp main) {
  WalkResult result = main.walk([](Operation *op) {
    bool givesTensors = llvm::any_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>);
    if (isa<TapOp>(op) && !isa<func::FuncOp>(op->getParentOp())) {
      op->emitOpError(
          "stands in a branch, which only some runs take, or in a loop: there is not always one value to give");
      return WalkResult::interrupt();
    }
    if (!givesTensors || isa<ShapeOpInterface, scf::IfOp, scf::ForOp, scf::WhileOp>(op))
      return WalkResult::advance();
    op->emitOpError(
        "computes a tensor in no way that a kernel can: hone-dispatch wants operations of the dialect hone, "
        "before any launch");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

/// Canonicalization makes a choice between two tensors of branches that compute nothing: they are branches again.
static void restoreBranches(func::FuncOp main) {
  main.walk([](arith::SelectOp choice) {
    if (!isa<RankedTensorType>(choice.getType()) || !choice.getCondition().getType().isInteger(1))
      return;
    OpBuilder builder(choice);
    Location loc = choice.getLoc();
    auto give = [&](Value value) {
      return [&, value](OpBuilder &inside, Location) { scf::YieldOp::create(inside, loc, value); };
    };
    auto branches = scf::IfOp::create(builder, loc, choice.getCondition(), give(choice.getTrueValue()),
                                      give(choice.getFalseValue()));
    choice.replaceAllUsesWith(branches.getResult(0));
    choice.erase();
  });
}

/// Whether the dims of what branches give are known before them, or told behind them.
static LogicalResult checkDims(scf::IfOp branches, ShapeBuilder &shapes) {
  for (OpResult result : branches->getResults())
    if (isa<RankedTensorType>(result.getType()) && !hasDimsTold(result) && !shapes.dimsOfBranches(result))
      return branches.emitOpError("gives a tensor (result ")
             << result.getResultNumber() << ") whose dims are not known before it; hone.with_dims tells them behind it";
  return success();
}

/// What a loop carries has the dims that it had at the beginning, unless they are told. Where that is not proven, each
/// step checks it. This decides it for all who ask later (`keepsDims`): where dims stay, the same values are told of
/// what the loop begins with and of what a step hands on.
static void keepDims(Block &body, ShapeBuilder &shapes) {
  auto loop = Loop::get(body.getParentOp());
  OpBuilder &builder = shapes.builder;
  for (unsigned i = 0; loop && i < loop->results.size(); ++i) {
    Value first = loop->inits[i].get(), next = loop->yielded[i].get();
    auto type = dyn_cast<RankedTensorType>(first.getType());
    if (!type || type.hasStaticShape())
      continue;
    builder.setInsertionPoint(loop->op);
    SmallVector<OpFoldResult> dims(shapes.dims(first));
    bool isProven = shapes.areKnownBefore(next, loop->op) &&
                    llvm::all_of_zip(dims, SmallVector<OpFoldResult>(shapes.dims(next)),
                                     [&](OpFoldResult a, OpFoldResult b) { return shapes.areEqual(a, b); });
    if (!isProven && hasDimsTold(loop->results[i]) && hasDimsTold(loop->arguments[i]))
      continue;
    Location loc = loop->op->getLoc();
    SmallVector<Value> sizes = shapes.materialize(ArrayRef(dims));
    loop->inits[i].set(WithDimsOp::create(builder, first.getLoc(), type, first, sizes));
    builder.setInsertionPoint(body.getTerminator());
    SmallVector<OpFoldResult> own(shapes.dims(next));
    for (auto [before, after] : llvm::zip_equal(dims, own)) {
      if (isProven || before == after)
        continue;
      Value a = shapes.materialize(before), b = shapes.materialize(after);
      Value isSame = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, a, b);
      CheckOp::create(builder, loc, isSame,
                      nodeText(loc) + ": a dim of what the loop carries is {0} before a step and {1} behind it", a, b);
    }
    Value same = WithDimsOp::create(builder, next.getLoc(), type, next, sizes);
    if (!isProven) // what is written where the first value's dims have room is a copy behind the check
      same = ExpandOp::create(builder, loc, type, same, sizes);
    loop->yielded[i].set(same);
  }
}

namespace {
struct Dispatch : hone::impl::DispatchBase<Dispatch> {
  using DispatchBase::DispatchBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<std::vector<TargetedProgram>> programs = TargetedProgram::find(module);
    if (failed(programs))
      return signalPassFailure();
    for (auto [main, target, model] : *programs) {
      restoreBranches(main);
      if (failed(restoreLoops(main)) || failed(checkIsNotDispatched(main)))
        return signalPassFailure();
      returnTaps(main);
    }
    Outliner outliner(module);
    eraseDead(module, *programs);
    moveConstantsToWeights(module, *programs);
    layOutWeights(module, *programs);
    eraseDead(module, *programs);
    for (auto [main, target, model] : *programs) {
      OpBuilder builder(&getContext());
      ShapeBuilder shapes(builder);
      if (failed(dispatch(main.getBody().front(), shapes, outliner, *model, target)))
        return signalPassFailure();
    }
    auto [main, target, model] = programs->front();
    for (KernelOp kernel : module.getOps<KernelOp>())
      if (failed(model->decide(target, kernel)))
        return signalPassFailure();
    eraseDead(module, *programs);
    for (TargetedProgram program : *programs)
      orderLaunches(program.main);
    runInPlace(module, *programs);
  }

  static LogicalResult dispatch(Block &block, ShapeBuilder &shapes, Outliner &outliner, const TargetModel &model,
                                TargetAttr target) {
    // Dims of all values, each built ahead of its value, so that the launch which computes it can use them.
    ShapeBuilder::DeferredPlacement placement(shapes, block);
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (isa<scf::IfOp, scf::ForOp, scf::WhileOp>(op)) {
        hoistArithmetic(&op);
        shapes.learnAhead(&op);
        auto branches = dyn_cast<scf::IfOp>(op);
        if (branches && failed(checkDims(branches, shapes)))
          return failure();
        auto conditional = dyn_cast<scf::WhileOp>(op);
        for (Region &region : op.getRegions())
          if (!region.empty() && !(conditional && &region == &conditional.getBefore()) &&
              failed(dispatch(region.front(), shapes, outliner, model, target)))
            return failure();
      }
      if (!isa<ShapeOpInterface>(op))
        continue;
      shapes.builder.setInsertionPoint(&op);
      for (Value result : op.getResults())
        if (isa<RankedTensorType>(result.getType()))
          (void)shapes.dims(result); // built here, for whoever asks later
    }
    keepDims(block, shapes);
    isolateResults(block, shapes);
    if (failed(keepStates(block, shapes)))
      return failure();
    isolateUpdates(block, shapes);
    for (KernelGroup &group : groupOps(block, shapes, model, target))
      outliner.outline(group, shapes);
    return success();
  }
};
} // namespace
