// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Regions.h"
#include "dialects/hone/Hone.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace hone;

bool hone::isEntryArgument(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && isa_and_nonnull<FunctionOpInterface>(argument.getOwner()->getParentOp());
}

Value hone::rootOf(Value value) {
  while (value.getDefiningOp() && isView(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0); // an input may be a memref already
  return value;
}

bool hone::hasDimsTold(Value tensor) {
  return llvm::all_of(tensor.getUsers(), [](Operation *user) { return user->hasTrait<TellsDims>(); });
}

SmallVector<OpOperand *> hone::readersOf(Value root) {
  SmallVector<OpOperand *> readers;
  SmallVector<Value> pending{root};
  while (!pending.empty())
    for (OpOperand &use : pending.pop_back_val().getUses())
      if (isView(use.getOwner()))
        pending.push_back(use.getOwner()->getResult(0));
      else
        readers.push_back(&use);
  return readers;
}

bool hone::isDeadBefore(Value value, Operation *op, const OpOperand *changed) {
  SmallVector<Value> pending{value};
  while (!pending.empty())
    for (OpOperand *use : readersOf(pending.pop_back_val())) {
      Operation *reader = op->getBlock()->findAncestorOpInBlock(*use->getOwner());
      if (use == changed)
        continue;
      if (!reader || !reader->isBeforeInBlock(op))
        return false;
      auto loop = Loop::get(use->getOwner());
      for (size_t i = 0; loop && i < loop->inits.size(); ++i)
        if (&loop->inits[i] == use)
          pending.push_back(loop->results[i]);
    }
  return true;
}

bool hone::isKnownBefore(Value value, Operation *op) {
  Operation *around = value.getParentBlock()->getParentOp(); // none yet: its place is further up
  return !around || !op->isAncestor(around);
}

Value hone::initOf(Value carried) {
  auto argument = dyn_cast<BlockArgument>(carried);
  Operation *op = argument ? argument.getOwner()->getParentOp() : carried.getDefiningOp();
  unsigned number = argument ? argument.getArgNumber() : cast<OpResult>(carried).getResultNumber();
  if (auto loop = dyn_cast_or_null<scf::ForOp>(op)) {
    if (argument && number == 0)
      return {}; // the counter
    return loop.getInits()[number - (argument ? 1 : 0)];
  }
  auto loop = dyn_cast_or_null<scf::WhileOp>(op);
  if (!loop)
    return {};
  if (argument && argument.getOwner() == loop.getBeforeBody())
    return loop.getInits()[number];
  Value handedOn = loop.getConditionOp().getArgs()[number];
  auto before = dyn_cast<BlockArgument>(handedOn);
  return before && before.getOwner() == loop.getBeforeBody() ? loop.getInits()[before.getArgNumber()] : Value();
}

std::optional<Loop> Loop::get(Operation *op) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return Loop{op,
                loop.getBody(),
                loop.getInitArgsMutable(),
                loop.getRegionIterArgs(),
                loop.getBody()->getTerminator()->getOpOperands(),
                loop.getResults()};
  if (auto loop = dyn_cast<scf::WhileOp>(op))
    return Loop{op,
                loop.getAfterBody(),
                loop->getOpOperands(),
                loop.getAfterArguments(),
                loop.getYieldOp()->getOpOperands(),
                loop.getResults()};
  return std::nullopt;
}

static LogicalResult restoreLoop(scf::WhileOp loop) {
  Block *before = loop.getBeforeBody();
  ValueRange handedOn = loop.getConditionOp().getArgs();
  if (llvm::equal(handedOn, ValueRange(before->getArguments())))
    return success();
  OpBuilder builder(loop);
  auto restored = scf::WhileOp::create(builder, loop.getLoc(), before->getArgumentTypes(), loop.getInits());
  restored.getBefore().takeBody(loop.getBefore());
  restored.getAfter().takeBody(loop.getAfter());
  Block *after = restored.getAfterBody();
  auto condition = cast<scf::ConditionOp>(before->getTerminator());
  unsigned count = before->getNumArguments(), old = after->getNumArguments();
  after->addArguments(before->getArgumentTypes(), SmallVector<Location>(count, loop.getLoc()));
  for (auto [i, value] : llvm::enumerate(SmallVector<Value>(condition.getArgs()))) {
    auto argument = dyn_cast<BlockArgument>(value);
    bool isCarried = argument && argument.getOwner() == before;
    if (!isCarried && value.getParentBlock() == before)
      return loop.emitOpError("has a condition that hands on something of its own (number ")
             << i << "): what is carried is computed in the body";
    after->getArgument(i).replaceAllUsesWith(isCarried ? after->getArgument(old + argument.getArgNumber()) : value);
    loop.getResult(i).replaceAllUsesWith(isCarried ? restored.getResult(argument.getArgNumber()) : value);
  }
  after->eraseArguments(0, old);
  condition.getArgsMutable().assign(before->getArguments());
  loop.erase();
  return success();
}

LogicalResult hone::restoreLoops(Operation *op) {
  WalkResult result = op->walk(
      [](scf::WhileOp loop) { return succeeded(restoreLoop(loop)) ? WalkResult::advance() : WalkResult::interrupt(); });
  return failure(result.wasInterrupted());
}

/// Whether the element lies inside of an input for all dims that it may have.
static bool readsInside(tensor::ExtractOp extract) {
  auto type = cast<RankedTensorType>(extract.getTensor().getType());
  if (!isEntryArgument(extract.getTensor()) || !type.hasStaticShape())
    return false;
  return llvm::all_of_zip(extract.getIndices(), type.getShape(), [](Value index, int64_t size) {
    auto position = getConstantIntValue(index);
    return position && *position >= 0 && *position < size;
  });
}

/// Whether `op` may be computed where it would not have been: arithmetic that cannot fault, dims and weights.
static bool isSafeAnywhere(Operation *op) {
  if (isa<tensor::DimOp, UseWeightOp, UnrealizedConversionCastOp>(op))
    return true;
  if (auto extract = dyn_cast<tensor::ExtractOp>(op))
    return readsInside(extract);
  if (!isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) || op->getNumRegions() || !isPure(op))
    return false;
  if (!isa<arith::DivUIOp, arith::DivSIOp, arith::RemUIOp, arith::RemSIOp, arith::CeilDivUIOp, arith::CeilDivSIOp,
           arith::FloorDivSIOp>(op))
    return true;
  // A divisor that is at least 1: a number, or one that was made so.
  auto isPositive = [](Value value) { return getConstantIntValue(value).value_or(0) > 0; };
  auto atLeast = op->getOperand(1).getDefiningOp<arith::MaxSIOp>();
  return isPositive(op->getOperand(1)) || (atLeast && (isPositive(atLeast.getLhs()) || isPositive(atLeast.getRhs())));
}

void hone::hoistArithmetic(Operation *op) {
  op->walk<WalkOrder::PreOrder>([&](Operation *inner) {
    if (inner != op && isSafeAnywhere(inner) &&
        llvm::all_of(inner->getOperands(), [&](Value operand) { return isKnownBefore(operand, op); }))
      inner->moveBefore(op);
  });
}

llvm::SetVector<Operation *> hone::findLate(Block &block, function_ref<bool(Operation *)> readsMemory) {
  llvm::SetVector<Operation *> late;
  for (Operation &op : block.without_terminator()) {
    bool isLate = op.walk([&](Operation *inner) {
                      auto isOfLate = [&](Value operand) { return late.contains(operand.getDefiningOp()); };
                      bool asks = !isView(inner) && llvm::any_of(inner->getOperands(), isOfLate);
                      return isa<LaunchOp, GrowOp>(inner) || readsMemory(inner) || asks ? WalkResult::interrupt()
                                                                                        : WalkResult::advance();
                    }).wasInterrupted();
    if (isLate)
      late.insert(&op);
  }
  return late;
}
