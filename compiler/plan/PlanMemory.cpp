// Memory planning over the host program: tensors become views of one arena, weights get their places.
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
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

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

/// Whether an op of the program has its place in memory, or needs none.
static LogicalResult checkOp(Operation *op) {
  auto isTensor = llvm::IsaPred<RankedTensorType>;
  if (auto dim = dyn_cast<tensor::DimOp>(op))
    if (auto index = dim.getConstantIndex();
        !index || *index < 0 || *index >= cast<RankedTensorType>(dim.getSource().getType()).getRank())
      return op->emitOpError("asks for a dim that ") << dim.getSource().getType() << " does not have";
  bool asksArgument = isa<tensor::DimOp>(op) && isa<BlockArgument>(op->getOperand(0));
  bool touchesTensors = llvm::any_of(op->getOperandTypes(), isTensor) || llvm::any_of(op->getResultTypes(), isTensor);
  if (touchesTensors && !asksArgument && !isView(op) &&
      !isa<LaunchOp, UseWeightOp, tensor::ExtractOp, scf::IfOp, scf::YieldOp, func::ReturnOp>(op))
    return op->emitOpError("has no place in memory: hone-dispatch comes before hone-plan-memory");
  auto extract = dyn_cast<tensor::ExtractOp>(op);
  if (!extract || isa<BlockArgument>(extract.getTensor()))
    return success();
  auto type = cast<RankedTensorType>(extract.getTensor().getType());
  Value root = rootOf(extract.getTensor());
  bool isOfKernel = isa_and_nonnull<LaunchOp, scf::IfOp>(root.getDefiningOp()) && type.hasStaticShape();
  if (!isOfKernel || (root != extract.getTensor() && type.getNumElements() != 1))
    return op->emitOpError("reads an element of ") << type << ", which is no tensor of fixed dims that a kernel writes";
  return success();
}

/// What is planned are launches, views and weights, branches around them, and arithmetic; each result of the program,
/// or of a branch, is that of a launch or of branches in the same block, and no other result's.
static LogicalResult checkIsDispatched(func::FuncOp main) {
  WalkResult result = main.getBody().walk([&](Operation *op) {
    if (failed(checkOp(op)))
      return WalkResult::interrupt();
    if (!op->hasTrait<OpTrait::IsTerminator>())
      return WalkResult::advance();
    llvm::SmallDenseSet<Value> given;
    for (Value result : op->getOperands()) {
      if (!isa<RankedTensorType>(result.getType()))
        continue;
      Operation *writer = rootOf(result).getDefiningOp();
      if (isa_and_nonnull<LaunchOp, scf::IfOp>(writer) && writer->getBlock() == op->getBlock() &&
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

/// Whether `op` may be computed where it would not have been: arithmetic that cannot fault, dims and weights.
static bool isSafeAnywhere(Operation *op) {
  if (isa<tensor::DimOp, UseWeightOp>(op))
    return true;
  if (!isa<arith::ArithDialect>(op->getDialect()) || op->getNumRegions() || !isPure(op))
    return false;
  if (!isa<arith::DivUIOp, arith::DivSIOp, arith::RemUIOp, arith::RemSIOp, arith::CeilDivUIOp, arith::CeilDivSIOp,
           arith::FloorDivSIOp>(op))
    return true;
  // A divisor that is at least 1: a number, or one that was made so.
  auto isPositive = [](Value value) { return getConstantIntValue(value).value_or(0) > 0; };
  auto atLeast = op->getOperand(1).getDefiningOp<arith::MaxSIOp>();
  return isPositive(op->getOperand(1)) || (atLeast && (isPositive(atLeast.getLhs()) || isPositive(atLeast.getRhs())));
}

/// Arithmetic of branches that both would allow to be done before them is: sizes are known before the first launch.
static void hoistArithmetic(func::FuncOp main) {
  main.walk<WalkOrder::PreOrder>([](scf::IfOp branches) { // the outer ones first, so that what is moved moves on
    branches.getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      auto isKnownBefore = [&](Value operand) {
        return !branches->isProperAncestor(operand.getParentBlock()->getParentOp()) &&
               operand.getParentBlock()->getParentOp() != branches;
      };
      if (op != branches && isSafeAnywhere(op) && llvm::all_of(op->getOperands(), isKnownBefore))
        op->moveBefore(branches);
    });
  });
}

/// What only a run knows, or does: launches, branches around them, elements of what they write, and what asks for it.
static llvm::SetVector<Operation *> findLate(Block &block) {
  llvm::SetVector<Operation *> late;
  for (Operation &op : block.without_terminator()) {
    bool isLate = op.walk([&](Operation *inner) {
                      auto extract = dyn_cast<tensor::ExtractOp>(inner);
                      bool reads = extract && !isa<BlockArgument>(extract.getTensor());
                      auto isOfLate = [&](Value operand) { return late.contains(operand.getDefiningOp()); };
                      bool asks = !isView(inner) && llvm::any_of(inner->getOperands(), isOfLate);
                      return isa<LaunchOp>(inner) || reads || asks ? WalkResult::interrupt() : WalkResult::advance();
                    }).wasInterrupted();
    if (isLate)
      late.insert(&op);
  }
  return late;
}

namespace {

class Planner {
public:
  Planner(const TargetedProgram &program, ShapeBuilder &shapes)
      : main(program.main), shapes(shapes), model(*program.model), target(program.target), destinations(program.main),
        lifetimes(program.main, destinations) {}
  LogicalResult run();

private:
  LogicalResult checkSizes();
  OpFoldResult placeInArena();
  Value memoryOf(Value value);
  void declareDims(Block &block);
  LogicalResult checkSizesAreKnown(const llvm::SetVector<Operation *> &late);
  /// A view of the arena stands before the first op that needs it, and outside of branches, for later ones.
  void startViewsBefore(Operation *op) {
    shapes.builder.setInsertionPoint(main.getBody().front().findAncestorOpInBlock(*op));
  }
  void replaceLaunch(LaunchOp launch, ArrayRef<Value> parameters);
  void replaceBranches(scf::IfOp branches);
  LogicalResult replaceExtract(tensor::ExtractOp extract);

  func::FuncOp main;
  ShapeBuilder &shapes;
  const TargetModel &model;
  TargetAttr target;
  Destinations destinations;
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
  SmallVector<LaunchOp> launches;
  main.walk([&](LaunchOp launch) { launches.push_back(launch); });
  for (LaunchOp launch : launches)
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
  Value from = destinations.of(rootOf(value));
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
    } else if (isa<ShapeOpInterface, scf::IfOp>(op)) {
      for (Value result : op.getResults())
        if (isa<RankedTensorType>(result.getType()))
          (void)shapes.dims(result); // built here, for whoever asks later
    }
  }
}

/// Whether all sizes are known before the first launch.
LogicalResult Planner::checkSizesAreKnown(const llvm::SetVector<Operation *> &late) {
  auto isKnown = [&](Value size) {
    Operation *definition = size.getDefiningOp();
    return !definition || (definition->getParentOp() == main && !late.contains(definition));
  };
  WalkResult result = main.walk([&](Operation *op) {
    auto launch = dyn_cast<LaunchOp>(op);
    if (launch && llvm::all_of(launch.getSizes(), isKnown) && llvm::all_of(launch.getResultSizes(), isKnown))
      return WalkResult::advance();
    if (auto dim = dyn_cast<tensor::DimOp>(op); launch || (dim && !isa<BlockArgument>(dim.getSource()))) {
      emitError(op->getLoc(), "has a size that data decide, which is not supported");
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// The launch in buffer form; `parameters` are count, grain and scratch.
void Planner::replaceLaunch(LaunchOp launch, ArrayRef<Value> parameters) {
  startViewsBefore(launch);
  SmallVector<Value> buffers;
  for (Value buffer : launch.getBuffers())
    buffers.push_back(memoryOf(buffer));
  for (Value result : launch.getOutputs())
    buffers.push_back(memoryOf(result));
  OpBuilder here(launch);
  LaunchOp::create(here, launch.getLoc(), TypeRange(), launch.getKernelAttr(), buffers, launch.getSizes(), ValueRange(),
                   parameters[0], parameters[1], parameters[2]);
}

/// Branches give numbers only: their tensors lie where the results do.
void Planner::replaceBranches(scf::IfOp branches) {
  SmallVector<unsigned> kept;
  SmallVector<Type> types;
  for (OpResult result : branches->getResults())
    if (!isa<RankedTensorType>(result.getType())) {
      kept.push_back(result.getResultNumber());
      types.push_back(result.getType());
    }
  OpBuilder here(branches);
  auto replacement = scf::IfOp::create(here, branches.getLoc(), types, branches.getCondition());
  for (auto [from, to] : llvm::zip_equal(branches->getRegions(), replacement->getRegions())) {
    to.takeBody(from);
    if (to.empty())
      continue;
    Operation *yield = to.front().getTerminator();
    SmallVector<Value> given;
    for (unsigned number : kept)
      given.push_back(yield->getOperand(number));
    yield->setOperands(given);
  }
  for (auto [number, result] : llvm::zip_equal(kept, replacement.getResults()))
    branches.getResult(number).replaceAllUsesWith(result);
}

LogicalResult Planner::replaceExtract(tensor::ExtractOp extract) {
  startViewsBefore(extract);
  Value tensor = extract->getOperand(0); // an input is a memref already
  Value memory = memoryOf(tensor);
  SmallVector<Value> indices(extract->getOperands().drop_front());
  if (rootOf(tensor) == tensor &&
      cast<MemRefType>(memory.getType()).getShape() != cast<ShapedType>(tensor.getType()).getShape())
    return extract.emitOpError("reads a tensor that lies in memory of other dims, ") << memory.getType();
  if (rootOf(tensor) != tensor) // of a view: its only element
    indices.assign(cast<MemRefType>(memory.getType()).getRank(), shapes.materialize(shapes.constant(0)));
  OpBuilder here(extract);
  Value element = memref::LoadOp::create(here, extract.getLoc(), memory, indices);
  extract.replaceAllUsesWith(element);
  return success();
}

LogicalResult Planner::run() {
  Block &block = main.getBody().front();
  OpBuilder &builder = shapes.builder;
  ShapeBuilder::DeferredPlacement placement(shapes, block);
  auto terminator = cast<func::ReturnOp>(block.getTerminator());
  // All sizes are functions of entry dims and host values: computed ahead of the first launch, in program order.
  declareDims(block);
  llvm::SetVector<Operation *> late = findLate(block);
  if (failed(checkSizesAreKnown(late)))
    return failure();
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
  llvm::MapVector<LaunchOp, std::array<Value, 3>> launches;
  SymbolTable symbols(main->getParentOfType<ModuleOp>());
  WalkResult result = main.walk([&](LaunchOp launch) {
    auto kernel = symbols.lookup<KernelOp>(launch.getKernel());
    TargetAttr own = kernel.getTarget().value_or(target);
    FailureOr<LaunchParameters> parameters = model.launchParameters(builder, own, kernel, launch.getSizes());
    if (failed(parameters))
      return WalkResult::interrupt();
    launches[launch] = {parameters->count, parameters->grain, parameters->scratch};
    kernel->setAttr(kPlannedAttr, kernel.getDecision());
    OpFoldResult scratch = parameters->scratch;
    if (auto constant = ShapeBuilder::getConstant(scratch))
      scratch = shapes.constant(*constant);
    scratchBytes = shapes.max(scratchBytes, scratch);
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();

  // What a run does moves behind all size arithmetic, so that offsets dominate it.
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

  for (Operation *op : late)
    op->moveBefore(terminator);
  SmallVector<Operation *> replaced;
  for (const auto &[launch, parameters] : launches) {
    replaceLaunch(launch, parameters);
    replaced.push_back(launch);
  }
  WalkResult extracted = main.walk([&](tensor::ExtractOp extract) {
    replaced.push_back(extract);
    return succeeded(replaceExtract(extract)) ? WalkResult::advance() : WalkResult::interrupt();
  });
  if (extracted.wasInterrupted())
    return failure();
  SmallVector<scf::IfOp> branches;
  main.walk([&](scf::IfOp each) { branches.push_back(each); });
  for (scf::IfOp each : branches) {
    replaceBranches(each);
    replaced.push_back(each);
  }
  builder.setInsertionPoint(terminator);
  func::ReturnOp::create(builder, terminator.getLoc(), results);
  terminator.erase();
  llvm::SmallPtrSet<Operation *, 16> dead(replaced.begin(), replaced.end());
  main.walk([&](Operation *op) {
    if (isView(op))
      dead.insert(op);
  });
  for (Operation *op : dead)
    op->dropAllUses();
  for (Operation *op : dead)
    op->erase();

  // Last, because the shape builder holds these values until here.
  main.walk([](tensor::DimOp dim) {
    OpBuilder here(dim);
    // The operand has become a memref: the tensor accessors no longer hold.
    dim.replaceAllUsesWith(
        memref::DimOp::create(here, dim.getLoc(), dim->getOperand(0), dim->getOperand(1)).getResult());
    dim.erase();
  });

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
    hoistArithmetic(program->main);
    OpBuilder builder(&getContext());
    ShapeBuilder shapes(builder);
    if (failed(Planner(*program, shapes).run()))
      signalPassFailure();
  }
};
} // namespace
