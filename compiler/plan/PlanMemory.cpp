// Memory planning over the straight-line host program: tensors become views of one arena, weights get their places.
//
// An order in which the values are stacked is chosen by guessed dims (Stacking, Guesses); their offsets under that
// order are index arithmetic on the dims (SymbolicHeights).
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Passes.h"
#include "compiler/plan/Guesses.h"
#include "compiler/plan/Lifetimes.h"
#include "compiler/plan/Stacking.h"
#include "compiler/plan/SymbolicHeights.h"
#include "dialects/hone/Hone.h"
#include "dialects/hone/TargetModel.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace hone {
#define GEN_PASS_DEF_PLANMEMORY
#include "compiler/Passes.h.inc"
} // namespace hone

using namespace mlir;
using namespace hone;

static constexpr int64_t kAlignment = 64; // a cache line and a vector register
static constexpr int64_t kLargeWeight = 1 << 20;
static constexpr double kMostBytes = double(int64_t(1) << 46); // half of what an x86-64 process can address

static MemRefType memoryType(Type tensor) {
  auto type = cast<RankedTensorType>(tensor);
  return MemRefType::get(type.getShape(), type.getElementType());
}

/// Gives the weights that the program uses their places in the artefact, in order of first use. Recipes can claim more
/// bytes than there are numbers.
static LogicalResult placeWeights(ModuleOp module, func::FuncOp main) {
  int64_t offset = 0;
  SymbolTable symbols(module);
  Builder builder(module.getContext());
  WalkResult result = main.walk([&](UseWeightOp use) {
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
  });
  module->setAttr(kWeightBytesAttr, builder.getI64IntegerAttr(offset));
  return failure(result.wasInterrupted());
}

/// What is planned are launches, views and weights, and arithmetic on what the arguments hold; each result of the
/// program is that of a launch, and no other result's.
static LogicalResult checkIsDispatched(func::FuncOp main) {
  auto isTensor = llvm::IsaPred<RankedTensorType>;
  for (Operation &op : main.getBody().front().without_terminator()) {
    if (auto dim = dyn_cast<tensor::DimOp>(op))
      if (auto index = dim.getConstantIndex();
          !index || *index < 0 || *index >= cast<RankedTensorType>(dim.getSource().getType()).getRank())
        return op.emitOpError("asks for a dim that ") << dim.getSource().getType() << " does not have";
    bool asksArgument = isa<tensor::DimOp, tensor::ExtractOp>(op) && isa<BlockArgument>(op.getOperand(0));
    bool touchesTensors = llvm::any_of(op.getOperandTypes(), isTensor) || llvm::any_of(op.getResultTypes(), isTensor);
    if (touchesTensors && !asksArgument && !isView(&op) && !isa<LaunchOp, UseWeightOp>(op))
      return op.emitOpError("has no place in memory: hone-dispatch comes before hone-plan-memory");
  }
  llvm::SmallDenseSet<Value> returned;
  for (Value result : main.getBody().front().getTerminator()->getOperands()) {
    Value root = rootOf(result);
    if (!root.getDefiningOp<LaunchOp>() || !returned.insert(root).second)
      return emitError(main.getLoc(),
                       "wants a launch of its own behind each result: hone-dispatch comes before hone-plan-memory");
  }
  return success();
}

namespace {

class Planner {
public:
  Planner(const TargetedProgram &program, ShapeBuilder &shapes)
      : main(program.main), shapes(shapes), model(*program.model), target(program.target), lifetimes(program.main) {}
  LogicalResult run();

private:
  LogicalResult checkSizes();
  OpFoldResult placeInArena();
  Value memoryOf(Value value);

  func::FuncOp main;
  ShapeBuilder &shapes;
  const TargetModel &model;
  TargetAttr target;
  Lifetimes lifetimes;
  SmallVector<OpFoldResult> offsets;   // of the values that have lifetimes
  llvm::DenseMap<Value, Value> memory; // root -> memref
  Value arena;
};

/// Sizes that follow from host values (a shape that is an input) may be negative, or too large to be written in 64
/// bits: both are errors of the caller, found before anything is allocated. Bytes are added up in f64, which cannot
/// wrap.
LogicalResult Planner::checkSizes() {
  OpBuilder &builder = shapes.builder;
  Location loc = main.getLoc();
  Type f64 = builder.getF64Type();
  Value zero = shapes.materialize(shapes.constant(0)), total;
  llvm::SmallDenseSet<Value> checked;
  double fixed = 0; // bytes of values whose dims are all known
  for (LaunchOp launch : main.getOps<LaunchOp>())
    for (Value result : launch.getOutputs()) {
      double known = storageBits(result.getType()) / 8.0;
      Value bytes;
      for (OpFoldResult dim : SmallVector<OpFoldResult>(shapes.dims(result))) {
        if (auto constant = ShapeBuilder::getConstant(dim)) {
          if (*constant < 0)
            return emitError(launch.getLoc(), "a dim of the result would be ") << *constant;
          known *= double(*constant);
          continue;
        }
        auto value = cast<Value>(dim);
        if (checked.insert(value).second && shapes.range(value).least < 0)
          CheckOp::create(builder, launch.getLoc(),
                          arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge, value, zero),
                          nodeText(launch.getLoc()) + ": a dim of the result would be {0}", value, zero);
        Value wide = arith::SIToFPOp::create(builder, loc, f64,
                                             arith::IndexCastOp::create(builder, loc, builder.getI64Type(), value));
        bytes = bytes ? Value(arith::MulFOp::create(builder, loc, bytes, wide)) : wide;
      }
      if (!bytes) {
        fixed += known;
        if (fixed >= kMostBytes)
          return emitError(launch.getLoc(), "the values of a run would not fit into memory: a dim is too large");
        continue;
      }
      bytes = arith::MulFOp::create(builder, loc, bytes,
                                    arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(known)));
      total = total ? Value(arith::AddFOp::create(builder, loc, total, bytes)) : bytes;
    }
  if (!total)
    return success();
  Value limit = arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(kMostBytes - fixed));
  Value fits = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, total, limit);
  CheckOp::create(builder, loc, fits,
                  "the values of this run would not fit into memory: a dim of an input is too large", zero, zero);
  return success();
}

/// Gives each value that has a lifetime its offset. Returns the bytes of the arena.
OpFoldResult Planner::placeInArena() {
  SymbolicHeights heights(shapes, kAlignment);
  Guesses guesses;
  SmallVector<Sizes> guessed(Guesses::kCount);
  for (Value value : lifetimes.values()) {
    Guesses::Numbers numbers = guesses.of(heights.addValue(shapes.storageBytes(value)));
    for (auto [sizes, number] : llvm::zip_equal(guessed, numbers)) // not a number: infinity minus infinity
      sizes.push_back(number >= 0 ? int64_t(std::min(number, kMostBytes)) / kAlignment : 0);
  }
  SmallVector<SymbolicHeights::Height> places;
  SymbolicHeights::Height top =
      stack(chooseOrder(lifetimes.intervals(), guessed), lifetimes.intervals(), heights, places);
  for (const SymbolicHeights::Height &place : places)
    offsets.push_back(heights.bytesOf(place));
  return heights.bytesOf(top);
}

Value Planner::memoryOf(Value value) {
  Value from = rootOf(value);
  if (auto argument = dyn_cast<BlockArgument>(from))
    return argument;
  if (Value known = memory.lookup(from))
    return known;
  if (auto use = from.getDefiningOp<UseWeightOp>())
    return memory[from] = use.getOutput();
  SmallVector<Value> sizes;
  auto type = memoryType(from.getType());
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      sizes.push_back(shapes.materialize(shapes.dim(from, i)));
  Value offset = shapes.materialize(offsets[lifetimes.numberOf(from)]);
  return memory[from] = memref::ViewOp::create(shapes.builder, from.getLoc(), type, arena, offset, sizes);
}

LogicalResult Planner::run() {
  Block &block = main.getBody().front();
  OpBuilder &builder = shapes.builder;
  ShapeBuilder::DeferredPlacement placement(shapes, block);
  auto terminator = cast<func::ReturnOp>(block.getTerminator());
  // All sizes are functions of entry dims and host values: computed ahead of the first launch, in program order.
  for (Operation &op : llvm::make_early_inc_range(block)) {
    builder.setInsertionPointAfter(&op);
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
    } else if (isa<ShapeOpInterface>(op)) {
      for (Value result : op.getResults())
        (void)shapes.dims(result); // built here, for whoever asks later
    }
  }
  builder.setInsertionPoint(terminator);
  if (failed(checkSizes()))
    return failure();
  OpFoldResult arenaBytes = placeInArena();

  // What the caller must know: arena, scratch, dims of outputs.
  OpFoldResult scratchBytes = shapes.constant(0);
  SmallVector<OpFoldResult> known;
  SmallVector<Type> outputTypes;
  for (Value result : terminator.getOperands()) {
    llvm::append_range(known, shapes.dims(result));
    outputTypes.push_back(memoryType(result.getType()));
  }
  SmallVector<Value> launchParameters;
  SymbolTable symbols(main->getParentOfType<ModuleOp>());
  for (LaunchOp launch : main.getOps<LaunchOp>()) {
    auto kernel = symbols.lookup<KernelOp>(launch.getKernel());
    TargetAttr own = kernel.getTarget().value_or(target);
    FailureOr<LaunchParameters> parameters = model.launchParameters(builder, own, kernel, launch.getSizes());
    if (failed(parameters))
      return failure();
    launchParameters.append({parameters->count, parameters->grain, parameters->scratch});
    kernel->setAttr(kPlannedAttr, kernel.getDecision());
    OpFoldResult scratch = parameters->scratch;
    if (auto constant = ShapeBuilder::getConstant(scratch))
      scratch = shapes.constant(*constant);
    scratchBytes = shapes.max(scratchBytes, scratch);
  }

  // Launches move behind all size arithmetic, so that offsets dominate them.
  SmallVector<LaunchOp> launches(block.getOps<LaunchOp>());
  SmallVector<Value> outputs;
  for (Value result : terminator.getOperands())
    outputs.push_back(rootOf(result));
  SmallVector<Value> results{shapes.materialize(arenaBytes), shapes.materialize(scratchBytes)};
  llvm::append_range(results, shapes.materialize(known));

  // Arguments: inputs as memory, outputs, arena.
  SmallVector<Type> argumentTypes;
  SmallVector<Attribute> argumentAttrs;
  auto attrsOf = [&](DictionaryAttr attrs) { return attrs ? attrs : builder.getDictionaryAttr({}); };
  for (BlockArgument argument : block.getArguments()) {
    argumentAttrs.push_back(attrsOf(main.getArgAttrDict(argument.getArgNumber())));
    argument.setType(memoryType(argument.getType()));
  }
  for (auto [i, type] : llvm::enumerate(outputTypes)) {
    auto attrs = NamedAttrList(attrsOf(main.getResultAttrDict(i)));
    attrs.set(kOutputAttr, builder.getUnitAttr());
    argumentAttrs.push_back(attrs.getDictionary(builder.getContext()));
    Value memoryArgument = block.addArgument(type, outputs[i].getLoc());
    memory[outputs[i]] = memoryArgument;
  }
  arena = block.addArgument(MemRefType::get({ShapedType::kDynamic}, builder.getI8Type()), main.getLoc());
  argumentAttrs.push_back(builder.getDictionaryAttr({}));

  for (auto [i, launch] : llvm::enumerate(launches)) {
    SmallVector<Value> buffers;
    for (Value buffer : launch.getBuffers())
      buffers.push_back(memoryOf(buffer));
    for (Value result : launch.getOutputs())
      buffers.push_back(memoryOf(result));
    LaunchOp::create(builder, launch.getLoc(), TypeRange(), launch.getKernelAttr(), buffers, launch.getSizes(),
                     ValueRange(), launchParameters[3 * i], launchParameters[3 * i + 1], launchParameters[3 * i + 2]);
  }
  func::ReturnOp::create(builder, terminator.getLoc(), results);
  terminator.erase();
  llvm::SmallPtrSet<Operation *, 16> replaced(launches.begin(), launches.end());
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isView(&op) || replaced.contains(&op))
      op.erase();

  // Last, because the shape builder holds these values until here.
  for (tensor::DimOp dim : llvm::make_early_inc_range(main.getOps<tensor::DimOp>())) {
    OpBuilder here(dim);
    // The operand has become a memref: the tensor accessors no longer hold.
    dim.replaceAllUsesWith(
        memref::DimOp::create(here, dim.getLoc(), dim->getOperand(0), dim->getOperand(1)).getResult());
    dim.erase();
  }
  for (tensor::ExtractOp extract : llvm::make_early_inc_range(main.getOps<tensor::ExtractOp>())) {
    OpBuilder here(extract);
    extract.replaceAllUsesWith(
        memref::LoadOp::create(here, extract.getLoc(), extract->getOperand(0), extract->getOperands().drop_front())
            .getResult());
    extract.erase();
  }

  for (BlockArgument argument : block.getArguments())
    argumentTypes.push_back(argument.getType());
  main.setFunctionType(
      builder.getFunctionType(argumentTypes, SmallVector<Type>(results.size(), builder.getIndexType())));
  main.setAllArgAttrs(argumentAttrs);
  main.removeResAttrsAttr();
  return success();
}

struct PlanMemory : hone::impl::PlanMemoryBase<PlanMemory> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<TargetedProgram> program = TargetedProgram::find(module);
    if (failed(program) || failed(checkIsDispatched(program->main)))
      return signalPassFailure();
    if (failed(placeWeights(module, program->main)))
      return signalPassFailure();
    OpBuilder builder(&getContext());
    ShapeBuilder shapes(builder);
    if (failed(Planner(*program, shapes).run()))
      signalPassFailure();
  }
};
} // namespace
