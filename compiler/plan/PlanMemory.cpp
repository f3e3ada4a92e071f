// Memory planning over the host program: tensors become views of one arena, weights get their places.
//
// An order in which the values are stacked is chosen by guessed dims (Stacking, Guesses); their offsets under that
// order are index arithmetic on the dims (SymbolicHeights).
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Passes.h"
#include "compiler/plan/Guesses.h"
#include "compiler/plan/Rewrite.h"
#include "compiler/plan/Stacking.h"
#include "compiler/plan/SymbolicHeights.h"
#include "dialects/hone/Hone.h"
#include "dialects/hone/State.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace hone {
#define GEN_PASS_DEF_PLANMEMORY
#include "compiler/Passes.h.inc"
} // namespace hone

using namespace mlir;
using namespace hone;

static constexpr int64_t kAlignment = 64; // a cache line and a vector register
static constexpr int64_t kLargeWeight = 1 << 20;
static constexpr double kMostBytes = double(int64_t(1) << 46); // half of what an x86-64 process can address

/// Gives the weights that the programs use their places in the artefact, in order of first use. Recipes can claim more
/// bytes than there are numbers.
static LogicalResult placeWeights(ModuleOp module, SymbolTable &symbols, ArrayRef<TargetedProgram> programs) {
  int64_t offset = 0;
  Builder builder(module.getContext());
  auto place = [&](UseWeightOp use) {
    auto weight = symbols.lookup<WeightOp>(use.getWeight());
    if (weight->hasAttr(kOffsetAttr))
      return WalkResult::advance();
    auto type = cast<RankedTensorType>(weight.getType());
    int64_t bytes = storageBytes(type, type.getNumElements());
    offset = llvm::alignTo(offset, bytes >= kLargeWeight ? kWeightPage : kAlignment);
    weight->setAttr(kOffsetAttr, builder.getI64IntegerAttr(offset));
    offset += bytes;
    if (double(offset) <= kMostBytes)
      return WalkResult::advance();
    weight.emitOpError("@") << weight.getSymName()
                            << " and the weights before it have more bytes than memory can address";
    return WalkResult::interrupt();
  };
  for (const TargetedProgram &program : programs)
    if (program.main->walk(place).wasInterrupted())
      return failure();
  module->setAttr(kWeightBytesAttr, builder.getI64IntegerAttr(offset));
  return success();
}

/// Whether an op of the program has its place in memory, or needs none.
static LogicalResult checkOp(Operation *op) {
  auto isTensor = llvm::IsaPred<RankedTensorType>;
  if (auto dim = dyn_cast<tensor::DimOp>(op))
    if (auto index = dim.getConstantIndex();
        !index || *index < 0 || *index >= cast<RankedTensorType>(dim.getSource().getType()).getRank())
      return op->emitOpError("asks for a dim that ") << dim.getSource().getType() << " does not have";
  bool asksArgument = isa<tensor::DimOp>(op) && isEntryArgument(op->getOperand(0));
  bool touchesTensors = llvm::any_of(op->getOperandTypes(), isTensor) || llvm::any_of(op->getResultTypes(), isTensor);
  if (touchesTensors && !asksArgument && !isView(op) &&
      !isa<LaunchOp, KeepOp, UseWeightOp, tensor::ExtractOp, scf::IfOp, scf::ForOp, scf::WhileOp, scf::YieldOp,
           scf::ConditionOp, func::ReturnOp>(op))
    return op->emitOpError("has no place in memory: hone-dispatch comes before hone-plan-memory");
  auto extract = dyn_cast<tensor::ExtractOp>(op);
  if (!extract || isEntryArgument(extract.getTensor()))
    return success();
  auto type = cast<RankedTensorType>(extract.getTensor().getType());
  Value root = rootOf(extract.getTensor());
  bool isWritten = isa<BlockArgument>(root) || isa<LaunchOp, scf::IfOp, scf::ForOp, scf::WhileOp>(root.getDefiningOp());
  bool isOfKernel = isWritten && !isEntryArgument(root) && type.hasStaticShape();
  if (!isOfKernel)
    return op->emitOpError("reads an element of ") << type << ", which is no tensor of fixed dims that a kernel writes";
  return success();
}

/// What is planned are launches, views and weights, branches and loops around them, and arithmetic; each result of the
/// program, of a branch, or of a step of a loop is that of a launch or of branches in the same block, and no other
/// result's.
static LogicalResult checkIsDispatched(func::FuncOp main) {
  WalkResult result = main.getBody().walk([&](Operation *op) {
    if (failed(checkOp(op)))
      return WalkResult::interrupt();
    if (!op->hasTrait<OpTrait::IsTerminator>() || isa<scf::ConditionOp>(op))
      return WalkResult::advance();
    llvm::SmallDenseSet<Value> given;
    for (Value result : op->getOperands()) {
      if (!isa<RankedTensorType>(result.getType()))
        continue;
      Operation *writer = rootOf(result).getDefiningOp();
      bool isLoopOfMain = isa<func::ReturnOp>(op) && isa_and_nonnull<scf::ForOp, scf::WhileOp>(writer); // checked below
      if ((isLoopOfMain || isa_and_nonnull<LaunchOp, scf::IfOp>(writer)) && writer->getBlock() == op->getBlock() &&
          given.insert(rootOf(result)).second)
        continue;
      emitError(isa<func::ReturnOp>(op) ? main.getLoc() : op->getLoc(),
                "wants a launch of its own behind each result: hone-dispatch comes before "
                "hone-plan-memory");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

namespace {

class Planner {
public:
  Planner(const TargetedProgram &program, SymbolTable &symbols, ShapeBuilder &shapes)
      : program(program), main(program.main), symbols(symbols), shapes(shapes), model(*program.model),
        target(program.target) {}
  LogicalResult run();

private:
  void declareDims(Block &block);
  LogicalResult keepStates(const Destinations &destinations, llvm::SetVector<Operation *> &late);
  LogicalResult checkSizes(EarlyValues &early);
  LogicalResult checkLateSizes(EarlyValues &early);
  OpFoldResult place(const Lifetimes &lifetimes, EarlyValues &early);
  FailureOr<OpFoldResult> prepareLaunches(EarlyValues &early);

  const TargetedProgram &program;
  func::FuncOp main;
  SymbolTable &symbols; // of the module
  ShapeBuilder &shapes;
  const TargetModel &model;
  TargetAttr target;
  SmallVector<Site> sites;
  int64_t slotCount = 0;
  SmallVector<Value> newLengths; // of states
  llvm::MapVector<LaunchOp, LaunchParameters> parameters;
};

/// Adds checks before `builder`'s place that no size is negative. Returns the bytes of `result` in f64, which cannot
/// wrap: those of dims that are known, and a value for the others, null where there are none.
static FailureOr<std::pair<double, Value>> checkResult(OpBuilder &builder, Value result, ArrayRef<OpFoldResult> dims,
                                                       function_ref<bool(Value)> isChecked) {
  Location loc = result.getLoc();
  Type f64 = builder.getF64Type();
  double known = storageBits(result.getType()) / 8.0;
  Value bytes;
  for (OpFoldResult dim : dims) {
    if (auto constant = ShapeBuilder::getConstant(dim)) {
      if (*constant < 0)
        return emitError(loc, "a dim of the result would be ") << *constant;
      known *= double(*constant);
      continue;
    }
    auto value = cast<Value>(dim);
    if (!isChecked(value)) {
      Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
      CheckOp::create(builder, loc, arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge, value, zero),
                      nodeText(loc) + ": a dim of the result would be {0}", value, zero);
    }
    Value wide = arith::SIToFPOp::create(builder, loc, f64,
                                         arith::IndexCastOp::create(builder, loc, builder.getI64Type(), value));
    bytes = bytes ? Value(arith::MulFOp::create(builder, loc, bytes, wide)) : wide;
  }
  if (bytes)
    bytes = arith::MulFOp::create(builder, loc, bytes,
                                  arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(known)));
  return std::pair(known, bytes);
}

static void checkBytes(OpBuilder &builder, Location loc, Value bytes, double limit, const Twine &message) {
  Value most = arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(limit));
  Value fits = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, bytes, most);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  CheckOp::create(builder, loc, fits, builder.getStringAttr(message), zero, zero);
}

/// Sizes that follow from host values (a shape that is an input) may be negative, or too large to be written in 64
/// bits: both are errors of the caller, found before anything is allocated.
LogicalResult Planner::checkSizes(EarlyValues &early) {
  OpBuilder &builder = shapes.builder;
  llvm::SmallDenseSet<Value> checked;
  double fixed = 0; // bytes of values whose dims are all known
  Value total;
  SmallVector<LaunchOp> launches;
  main.walk([&](LaunchOp launch) { launches.push_back(launch); });
  for (LaunchOp launch : launches)
    for (Value result : launch.getOutputs()) {
      SmallVector<OpFoldResult> dims(shapes.dims(result));
      if (!early.containAll(dims))
        continue;
      auto bytes = checkResult(builder, result, dims,
                               [&](Value dim) { return !checked.insert(dim).second || shapes.range(dim).least >= 0; });
      if (failed(bytes))
        return failure();
      auto [known, open] = *bytes;
      if (open)
        total = total ? Value(arith::AddFOp::create(builder, main.getLoc(), total, open)) : open;
      else if ((fixed += known) >= kMostBytes)
        return emitError(launch.getLoc(), "the values of a run would not fit into memory: a dim is too large");
    }
  if (total)
    checkBytes(builder, main.getLoc(), total, kMostBytes - fixed,
               "the values of this run would not fit into memory: a dim of an input is too large");
  return success();
}

/// The same for sizes that only the run knows, where it knows them.
LogicalResult Planner::checkLateSizes(EarlyValues &early) {
  WalkResult result = main.walk([&](LaunchOp launch) {
    OpBuilder here(launch);
    for (Value result : launch.getOutputs()) {
      SmallVector<OpFoldResult> dims(shapes.dims(result));
      if (early.containAll(dims))
        continue;
      auto bytes = checkResult(here, result, dims, [&](Value dim) { return early.contains(dim); });
      if (failed(bytes))
        return WalkResult::interrupt();
      checkBytes(here, launch.getLoc(), bytes->second, kMostBytes,
                 nodeText(launch.getLoc()) + ": its result would not fit into memory");
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// Gives each place its offset in the arena, or its slot, if only the run knows its size. Returns the bytes of the
/// arena.
OpFoldResult Planner::place(const Lifetimes &lifetimes, EarlyValues &early) {
  SymbolicHeights heights(shapes, kAlignment);
  Guesses guesses;
  SmallVector<Sizes> guessed(Guesses::kCount);
  SmallVector<Interval> stacked;
  SmallVector<size_t> numbers;      // of the places that are stacked
  SmallVector<int64_t> lastOfSlots; // the point from which on a slot is free
  for (auto [i, value, interval] : llvm::enumerate(lifetimes.values(), lifetimes.intervals())) {
    sites.push_back(Offset{});
    if (lifetimes.isGrowing(i) || !early.containAll(SmallVector<OpFoldResult>(shapes.dims(value)))) {
      auto *free = llvm::find_if(lastOfSlots, [&](int64_t last) { return last < interval.first; });
      sites.back() = Slot{free - lastOfSlots.begin()};
      if (free == lastOfSlots.end())
        lastOfSlots.push_back(interval.last);
      else
        *free = interval.last;
      continue;
    }
    numbers.push_back(i);
    stacked.push_back(interval);
    Guesses::Numbers sizes = guesses.of(heights.addValue(shapes.storageBytes(value)));
    for (auto [list, number] : llvm::zip_equal(guessed, sizes)) // not a number: infinity minus infinity
      list.push_back(number >= 0 ? int64_t(std::min(number, kMostBytes)) / kAlignment : 0);
  }
  slotCount = lastOfSlots.size();
  SmallVector<SymbolicHeights::Height> heightsOf;
  SymbolicHeights::Height top = stack(chooseOrder(stacked, guessed), stacked, heights, heightsOf);
  for (auto [number, height] : llvm::zip_equal(numbers, heightsOf))
    sites[number] = Offset{shapes.materialize(heights.bytesOf(height))};
  return heights.bytesOf(top);
}

/// Tells the dims of launches' results, in program order.
void Planner::declareDims(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(block)) {
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        declareDims(inner);
    shapes.builder.setInsertionPointAfter(&op);
    if (auto launch = dyn_cast<LaunchOp>(op)) {
      ValueRange sizes = launch.getResultSizes();
      for (Value result : launch.getOutputs()) {
        SmallVector<OpFoldResult> dims;
        for (int64_t size : cast<RankedTensorType>(result.getType()).getShape()) {
          dims.push_back(ShapedType::isDynamic(size) ? OpFoldResult(sizes.front()) : shapes.constant(size));
          if (ShapedType::isDynamic(size))
            sizes = sizes.drop_front();
        }
        for (OpFoldResult &dim : dims)
          if (auto known = ShapeBuilder::getConstant(dim))
            dim = shapes.constant(*known);
        shapes.setDims(result, dims);
      }
    } else if (isa<scf::IfOp>(op)) {
      for (OpResult result : op.getResults())
        (void)shapes.dimsOfBranches(result);
    } else if (isa<ShapeOpInterface>(op) || Loop::get(&op)) {
      for (Value result : op.getResults())
        if (isa<RankedTensorType>(result.getType()))
          (void)shapes.dims(result); // built here, for whoever asks later
    }
  }
}

/// Computes the parameters of launches whose sizes are known before the run. Returns the scratch that is known.
FailureOr<OpFoldResult> Planner::prepareLaunches(EarlyValues &early) {
  OpFoldResult most = shapes.constant(0);
  WalkResult result = main.walk([&](LaunchOp launch) {
    auto kernel = symbols.lookup<KernelOp>(launch.getKernel());
    kernel->setAttr(kPlannedAttr, kernel.getDecision());
    if (!early.containAll(launch.getSizes()))
      return WalkResult::advance();
    auto own = model.launchParameters(shapes.builder, kernel.getTarget().value_or(target), kernel, launch.getSizes());
    if (failed(own))
      return WalkResult::interrupt();
    parameters[launch] = *own;
    OpFoldResult scratch = own->scratch;
    if (auto constant = ShapeBuilder::getConstant(scratch))
      scratch = shapes.constant(*constant);
    most = shapes.max(most, scratch);
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  return most;
}

/// Whether each state is written where it lies; finds the new lengths of those that grow.
LogicalResult Planner::keepStates(const Destinations &destinations, llvm::SetVector<Operation *> &late) {
  llvm::DenseMap<Value, KeepOp> kept;
  States states = statesOf(main);
  for (KeepOp keep : main.getOps<KeepOp>()) {
    BlockArgument state = findState(keep, states);
    if (!state)
      return failure();
    if (!kept.try_emplace(state, keep).second)
      return keep.emitOpError("keeps a second value in a state");
    if (isa<RankedTensorType>(keep.getValue().getType()) && destinations.of(rootOf(keep.getValue())) != state)
      return keep.emitOpError("keeps a value that lies elsewhere: hone-dispatch comes before hone-plan-memory");
  }
  for (BlockArgument argument : main.getArguments()) {
    bool isLength = main.getArgAttr(argument.getArgNumber(), kLengthAttr) != nullptr;
    KeepOp keep = kept.lookup(argument);
    if ((isLength || isState(argument)) && !keep)
      return emitError(argument.getLoc(), "is state, and no hone.keep says what it holds behind the run");
    if (isLength)
      newLengths.push_back(keep.getValue());
  }
  for (auto [state, keep] : kept) {
    late.remove(keep);
    keep.erase();
  }
  return success();
}

LogicalResult Planner::run() {
  Block &block = main.getBody().front();
  OpBuilder &builder = shapes.builder;
  ShapeBuilder::DeferredPlacement placement(shapes, block);
  auto terminator = cast<func::ReturnOp>(block.getTerminator());
  declareDims(block);
  llvm::SetVector<Operation *> late = findLate(block, [&](Operation *op) {
    auto extract = dyn_cast<tensor::ExtractOp>(op);
    return extract && !isEntryArgument(extract.getTensor());
  });
  EarlyValues early(main, late);
  builder.setInsertionPoint(terminator);
  if (failed(checkSizes(early)))
    return failure();
  Destinations destinations(main, shapes);
  if (failed(destinations.checkUpdates(main)) || failed(destinations.checkGrowing(main)) ||
      failed(keepStates(destinations, late)))
    return failure();
  for (Value result : terminator.getOperands())
    if (auto loop = rootOf(result).getDefiningOp() ? Loop::get(rootOf(result).getDefiningOp()) : std::nullopt;
        loop && destinations.kindOf(*loop, cast<OpResult>(rootOf(result)).getResultNumber()) != Carried::InPlace)
      return emitError(main.getLoc(), "returns what a loop carries between places: hone-dispatch makes a copy");
  Lifetimes lifetimes(main, destinations);
  builder.setInsertionPoint(terminator);
  OpFoldResult arenaBytes = place(lifetimes, early);
  FailureOr<OpFoldResult> scratchBytes = prepareLaunches(early);
  if (failed(scratchBytes))
    return failure();

  // What the caller must know: arena, scratch, dims of outputs.
  SmallVector<Value> results{shapes.materialize(arenaBytes), shapes.materialize(*scratchBytes)};
  SmallVector<SmallVector<int64_t>> lateDims; // of each output
  for (Value result : terminator.getOperands()) {
    lateDims.emplace_back();
    for (auto [i, dim] : llvm::enumerate(SmallVector<OpFoldResult>(shapes.dims(result)))) {
      if (!early.contains(dim))
        lateDims.back().push_back(i);
      results.push_back(shapes.materialize(early.contains(dim) ? dim : shapes.constant(0)));
    }
  }

  for (Value length : newLengths) {
    if (!early.contains(length))
      return emitError(length.getLoc(), "the length of a state depends on what only the run knows");
    results.push_back(length);
  }

  // Arguments: inputs as memory, outputs, arena.
  SmallVector<Attribute> argumentAttrs;
  auto attrsOf = [&](DictionaryAttr attrs) { return attrs ? attrs : builder.getDictionaryAttr({}); };
  for (BlockArgument argument : block.getArguments()) {
    argumentAttrs.push_back(attrsOf(main.getArgAttrDict(argument.getArgNumber())));
    argument.setType(memoryType(argument.getType()));
  }
  MemoryPlan plan{destinations, lifetimes, sites, std::move(parameters), llvm::DenseMap<Value, MemoryPlan::Output>(),
                  Value()};
  for (auto [i, result, open] : llvm::enumerate(terminator.getOperands(), lateDims)) {
    auto attrs = NamedAttrList(attrsOf(main.getResultAttrDict(i)));
    attrs.set(kOutputAttr, builder.getUnitAttr());
    if (!open.empty())
      attrs.set(kLateDimsAttr, builder.getDenseI64ArrayAttr(open));
    argumentAttrs.push_back(attrs.getDictionary(builder.getContext()));
    Value memory = block.addArgument(memoryType(result.getType()), rootOf(result).getLoc());
    plan.outputs[rootOf(result)] = {memory, result, !open.empty()};
  }
  plan.arena = block.addArgument(MemRefType::get({ShapedType::kDynamic}, builder.getI8Type()), main.getLoc());
  argumentAttrs.push_back(builder.getDictionaryAttr({}));

  // What a run does moves behind all size arithmetic, so that offsets dominate it.
  for (Operation *op : late)
    op->moveBefore(terminator);
  if (failed(checkLateSizes(early)) || failed(rewriteToMemory(program, shapes, plan)))
    return failure();
  builder.setInsertionPoint(terminator);
  func::ReturnOp::create(builder, terminator.getLoc(), results);
  terminator.erase();

  // Last, because the shape builder holds these values until here.
  main.walk([](tensor::DimOp dim) {
    OpBuilder here(dim);
    // The operand has become a memref: the tensor accessors no longer hold.
    dim.replaceAllUsesWith(
        memref::DimOp::create(here, dim.getLoc(), dim->getOperand(0), dim->getOperand(1)).getResult());
    dim.erase();
  });

  SmallVector<Type> argumentTypes(block.getArgumentTypes());
  main.setFunctionType(
      builder.getFunctionType(argumentTypes, SmallVector<Type>(results.size(), builder.getIndexType())));
  main.setAllArgAttrs(argumentAttrs);
  main.removeResAttrsAttr();
  if (slotCount)
    main->setAttr(kSlotsAttr, builder.getI64IntegerAttr(slotCount));
  return success();
}

struct PlanMemory : hone::impl::PlanMemoryBase<PlanMemory> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<std::vector<TargetedProgram>> programs = TargetedProgram::find(module);
    if (failed(programs))
      return signalPassFailure();
    for (const TargetedProgram &program : *programs)
      if (failed(checkIsDispatched(program.main)))
        return signalPassFailure();
    SymbolTable symbols(module);
    if (failed(placeWeights(module, symbols, *programs)))
      return signalPassFailure();
    for (const TargetedProgram &program : *programs)
      if (failed(plan(program, symbols)))
        return signalPassFailure();
  }

  static LogicalResult plan(const TargetedProgram &program, SymbolTable &symbols) {
    if (failed(restoreLoops(program.main)))
      return failure();
    program.main->walk<WalkOrder::PreOrder>([](Operation *op) {
      if (isa<scf::IfOp, scf::ForOp, scf::WhileOp>(op))
        hoistArithmetic(op);
    });
    OpBuilder builder(program.main->getContext());
    ShapeBuilder shapes(builder);
    return Planner(program, symbols, shapes).run();
  }
};
} // namespace
