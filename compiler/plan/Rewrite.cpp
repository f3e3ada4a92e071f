// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/plan/Rewrite.h"
#include "dialects/hone/Hone.h"
#include "dialects/hone/State.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace hone;

static bool isTensor(Value value) { return isa<RankedTensorType>(value.getType()); }

MemRefType hone::memoryType(Type tensor) {
  auto type = cast<RankedTensorType>(tensor);
  return MemRefType::get(type.getShape(), type.getElementType());
}

bool EarlyValues::contains(OpFoldResult value) {
  auto dynamic = dyn_cast<Value>(value);
  Operation *op = dynamic ? dynamic.getDefiningOp() : nullptr;
  if (dynamic && !op)
    return cast<BlockArgument>(dynamic).getOwner()->getParentOp() == main;
  SmallVector<Operation *> pending;
  if (op)
    pending.push_back(op);
  while (!pending.empty()) {
    Operation *at = pending.back();
    Operation *around = at->getBlock()->getParentOp(); // none yet: shape arithmetic that has no place
    bool isEarly = (!around || around == main) && !late.contains(at), isReady = true;
    for (Value operand : isEarly ? at->getOperands() : ValueRange()) {
      Operation *source = operand.getDefiningOp();
      if (!source) {
        isEarly &= cast<BlockArgument>(operand).getOwner()->getParentOp() == main;
      } else if (auto found = known.find(source); found != known.end()) {
        isEarly &= found->second;
      } else {
        pending.push_back(source);
        isReady = false;
      }
    }
    if (!isReady)
      continue;
    pending.pop_back();
    known[at] = isEarly;
  }
  return !op || known.lookup(op);
}

namespace {

class Rewriter {
public:
  Rewriter(const TargetedProgram &program, ShapeBuilder &shapes, const MemoryPlan &plan)
      : main(program.main), model(*program.model), target(program.target), shapes(shapes), plan(plan),
        symbols(main->getParentOfType<ModuleOp>()) {
    for (const auto &[destination, output] : plan.outputs)
      memory[destination] = output.memory;
  }
  LogicalResult run();

private:
  LogicalResult visit(Block &block);
  LogicalResult replace(LaunchOp launch);
  LogicalResult replace(scf::IfOp branches);
  LogicalResult replace(const Loop &loop);
  LogicalResult replace(tensor::ExtractOp extract);

  /// Gives what `op` writes to `root` memory, if its destination has none yet.
  void provide(Value root, Operation *op);
  /// The memory of a place, for a value of `type` and these dims, before `op`.
  Value open(unsigned place, RankedTensorType type, ArrayRef<OpFoldResult> dims, Operation *op);
  Value grow(Value slot, RankedTensorType type, ArrayRef<OpFoldResult> dims, Operation *op);
  /// The memory that `value` shows, under a type.
  Value memoryOf(Value value);
  Value memoryOf(Value value, MemRefType type, OpBuilder &builder);
  void rename(Value from, Value to) {
    from.replaceAllUsesWith(to);
    renamed[from] = to;
  }
  SmallVector<OpFoldResult> dimsOf(Value tensor);
  /// Whether `dim` is known where `op` begins; arithmetic moves there for it.
  bool provideDim(OpFoldResult dim, Operation *op);
  Value constant(OpBuilder &builder, int64_t number) {
    return arith::ConstantIndexOp::create(builder, main.getLoc(), number);
  }

  func::FuncOp main;
  const TargetModel &model;
  TargetAttr target;
  ShapeBuilder &shapes;
  const MemoryPlan &plan;
  SymbolTable symbols;
  llvm::DenseMap<Value, Value> memory;  // of destinations
  llvm::DenseMap<Value, Value> slots;   // of what a loop carries, where they alternate
  llvm::DenseMap<Value, Value> renamed; // scalars that stand for dims
  llvm::DenseSet<Value> sized;          // outputs whose dims have been told
  SmallVector<Operation *> dead;
};

} // namespace

SmallVector<OpFoldResult> Rewriter::dimsOf(Value tensor) {
  SmallVector<OpFoldResult> dims(shapes.dims(tensor));
  for (OpFoldResult &dim : dims)
    if (auto value = dyn_cast<Value>(dim))
      if (auto now = renamed.find(value); now != renamed.end())
        dim = now->second;
  return dims;
}

bool Rewriter::provideDim(OpFoldResult dim, Operation *op) {
  auto value = dyn_cast<Value>(dim);
  if (!value)
    return true;
  Operation *definition = value.getDefiningOp();
  if (!definition)
    return value.getParentBlock()->getParentOp()->isAncestor(op);
  Block *block = definition->getBlock();
  Operation *at = block->getParentOp() ? block->findAncestorOpInBlock(*op) : nullptr;
  if (at && definition->isBeforeInBlock(at))
    return true;
  // Arithmetic that stands further down may stand here as well.
  if (block != op->getBlock() || definition->getNumRegions() || !isa<arith::ArithDialect>(definition->getDialect()) ||
      !isPure(definition) ||
      !llvm::all_of(definition->getOperands(), [&](Value operand) { return provideDim(operand, op); }))
    return false;
  definition->moveBefore(op);
  return true;
}

Value Rewriter::memoryOf(Value value) {
  Value root = plan.destinations.of(rootOf(value));
  if (Value known = memory.lookup(root))
    return known;
  if (auto use = root.getDefiningOp<UseWeightOp>())
    return use.getOutput();
  return cast<BlockArgument>(root);
}

Value Rewriter::memoryOf(Value value, MemRefType type, OpBuilder &builder) {
  Value known = memoryOf(value);
  return known.getType() == type ? known : SameMemoryOp::create(builder, value.getLoc(), type, known).getOutput();
}

Value Rewriter::grow(Value slot, RankedTensorType type, ArrayRef<OpFoldResult> dims, Operation *op) {
  OpBuilder here(op);
  ShapeBuilder local(here); // its arithmetic is for this place only
  SmallVector<OpFoldResult> factors(dims);
  bool isHalfByte = isNibble(type);
  if (!isHalfByte)
    factors.push_back(local.constant(elementBytes(type)));
  OpFoldResult bytes = local.product(factors);
  if (isHalfByte)
    bytes = local.ceilDiv(bytes, local.constant(2));
  auto raw = MemRefType::get({ShapedType::kDynamic}, here.getI8Type());
  Value grown = GrowOp::create(here, op->getLoc(), raw, slot, local.materialize(bytes));
  SmallVector<Value> sizes;
  for (auto [dim, size] : llvm::zip_equal(dims, type.getShape()))
    if (ShapedType::isDynamic(size))
      sizes.push_back(local.materialize(dim));
  return memref::ViewOp::create(here, op->getLoc(), memoryType(type), grown, constant(here, 0), sizes);
}

Value Rewriter::open(unsigned place, RankedTensorType type, ArrayRef<OpFoldResult> dims, Operation *op) {
  if (const auto *slot = std::get_if<Slot>(&plan.sites[place])) {
    OpBuilder here(op);
    return grow(constant(here, slot->number), type, dims, op);
  }
  // Views of the arena stand before the first op that needs them, and outside of regions, for later ones.
  shapes.builder.setInsertionPoint(main.getBody().front().findAncestorOpInBlock(*op));
  SmallVector<Value> sizes;
  for (auto [dim, size] : llvm::zip_equal(dims, type.getShape()))
    if (ShapedType::isDynamic(size))
      sizes.push_back(shapes.materialize(dim));
  return memref::ViewOp::create(shapes.builder, op->getLoc(), memoryType(type), plan.arena,
                                std::get<Offset>(plan.sites[place]).bytes, sizes);
}

void Rewriter::provide(Value root, Operation *op) {
  Value destination = plan.destinations.of(root);
  if (auto output = plan.outputs.find(destination); output != plan.outputs.end()) {
    if (!output->second.isSized || !sized.insert(destination).second)
      return;
    OpBuilder here(op);
    ShapeBuilder local(here);
    // Those of the view that is returned, where they are known; a branch may know only those of what it writes.
    SmallVector<OpFoldResult> dims = dimsOf(output->second.returned);
    if (!llvm::all_of(dims, [&](OpFoldResult dim) { return provideDim(dim, op); }))
      dims = dimsOf(root);
    SizeOutputOp::create(here, op->getLoc(), output->second.memory, local.materialize(dims));
    return;
  }
  if (memory.contains(destination) || isState(destination))
    return;
  // A view of what is written here may be what is known there, and its dims are not known yet.
  Value shown = cast<RankedTensorType>(destination.getType()).hasStaticShape() ? destination : root;
  auto type = cast<RankedTensorType>(shown.getType());
  SmallVector<OpFoldResult> dims = dimsOf(shown);
  Value slot = slots.lookup(destination);
  memory[destination] = slot ? grow(slot, type, dims, op) : open(plan.lifetimes.numberOf(destination), type, dims, op);
}

LogicalResult Rewriter::replace(LaunchOp launch) {
  SmallVector<Value> buffers;
  for (Value buffer : launch.getBuffers())
    buffers.push_back(memoryOf(buffer));
  for (Value result : launch.getOutputs()) {
    provide(result, launch);
    buffers.push_back(memoryOf(result));
  }
  OpBuilder here(launch);
  LaunchParameters parameters = plan.parameters.lookup(launch);
  if (!parameters.count) {
    auto kernel = symbols.lookup<KernelOp>(launch.getKernel());
    auto late = model.launchParameters(here, kernel.getTarget().value_or(target), kernel, launch.getSizes());
    if (failed(late))
      return failure();
    parameters = *late;
  }
  LaunchOp::create(here, launch.getLoc(), TypeRange(), launch.getKernelAttr(), buffers, launch.getSizes(), ValueRange(),
                   parameters.count, parameters.grain, parameters.scratch);
  return success();
}

/// Branches give numbers, and memory where one of them chooses it: their other tensors lie where the results do.
LogicalResult Rewriter::replace(scf::IfOp branches) {
  SmallVector<unsigned> kept;
  SmallVector<Type> types;
  for (OpResult result : branches->getResults()) {
    bool isPut = isTensor(result) && plan.destinations.isPutByBranches(result);
    if (isTensor(result) && !isPut && plan.destinations.areDimsKnown(result))
      provide(result, branches);
    if (isTensor(result) && !isPut)
      continue;
    kept.push_back(result.getResultNumber());
    types.push_back(isPut ? memoryType(result.getType()) : result.getType());
  }
  OpBuilder here(branches);
  auto replacement = scf::IfOp::create(here, branches.getLoc(), types, branches.getCondition());
  llvm::DenseSet<Value> before = sized;
  for (auto [from, to] : llvm::zip_equal(branches->getRegions(), replacement->getRegions())) {
    to.takeBody(from);
    if (to.empty())
      continue;
    if (failed(visit(to.front())))
      return failure();
    sized = before;
    Operation *yield = to.front().getTerminator();
    OpBuilder inside(yield);
    SmallVector<Value> given;
    for (auto [number, type] : llvm::zip_equal(kept, types)) {
      Value value = yield->getOperand(number);
      given.push_back(isTensor(value) ? memoryOf(value, cast<MemRefType>(type), inside) : value);
    }
    yield->setOperands(given);
  }
  for (auto [number, result] : llvm::zip_equal(kept, replacement.getResults()))
    if (isTensor(branches.getResult(number)))
      memory[branches.getResult(number)] = result;
    else
      rename(branches.getResult(number), result);
  return success();
}

/// What stays where it is, is carried by nobody. Of other tensors a loop carries the memory that the value lies in, and
/// where the next one will be written and the one after that: memory, or numbers of slots.
LogicalResult Rewriter::replace(const Loop &loop) {
  OpBuilder here(loop.op);
  SmallVector<Value> inits;
  SmallVector<unsigned> first; // of what is carried for each number
  for (auto [i, init] : llvm::enumerate(loop.inits)) {
    first.push_back(inits.size());
    Carried carried = plan.lifetimes.carried(loop, i);
    if (carried.kind == Carried::Scalar)
      inits.push_back(init.get());
    if (carried.kind != Carried::Fixed && carried.kind != Carried::Growing)
      continue;
    auto type = cast<RankedTensorType>(loop.arguments[i].getType());
    Value begin = memoryOf(init.get(), memoryType(type), here);
    inits.push_back(begin);
    SmallVector<OpFoldResult> dims(dimsOf(loop.results[i]));
    auto target = [&](std::optional<unsigned> place) {
      if (carried.kind == Carried::Growing)
        return constant(here, std::get<Slot>(plan.sites[*place]).number);
      return place ? open(*place, type, dims, loop.op) : begin;
    };
    Value next = target(carried.next);
    inits.append({next, carried.spare == carried.next ? next : target(carried.spare)});
  }

  Operation *replacement;
  auto types = SmallVector<Type>(ValueRange(inits).getTypes());
  if (auto counted = dyn_cast<scf::ForOp>(loop.op)) {
    replacement = scf::ForOp::create(here, loop.op->getLoc(), counted.getLowerBound(), counted.getUpperBound(),
                                     counted.getStep(), inits);
  } else {
    auto conditional = scf::WhileOp::create(here, loop.op->getLoc(), types, inits);
    SmallVector<mlir::Location> locations(types.size(), loop.op->getLoc());
    here.createBlock(&conditional.getBefore(), {}, types, locations);
    here.createBlock(&conditional.getAfter(), {}, types, locations);
    replacement = conditional;
  }
  /// What is carried for each number becomes known in a block of the new loop.
  auto bind = [&](ValueRange from, ValueRange to, bool isBody) {
    for (auto [i, value] : llvm::enumerate(from)) {
      Carried::Kind kind = plan.lifetimes.carried(loop, i).kind;
      if (kind == Carried::Scalar)
        rename(value, to[first[i]]);
      if (kind != Carried::Fixed && kind != Carried::Growing)
        continue;
      memory[value] = to[first[i]];
      if (isBody)
        (kind == Carried::Fixed ? memory : slots)[rootOf(loop.yielded[i].get())] = to[first[i] + 1];
    }
  };
  auto move = [&](Block *from, Block *to) { to->getOperations().splice(to->end(), from->getOperations()); };
  Block *body;
  if (auto counted = dyn_cast<scf::ForOp>(replacement)) {
    body = counted.getBody();
    if (!body->empty())
      body->back().erase(); // the terminator that it comes with where it carries nothing
    rename(loop.body->getArgument(0), counted.getInductionVar());
    bind(loop.arguments, counted.getRegionIterArgs(), true);
  } else {
    auto old = cast<scf::WhileOp>(loop.op), conditional = cast<scf::WhileOp>(replacement);
    body = conditional.getAfterBody();
    Block *before = conditional.getBeforeBody();
    bind(old.getBeforeArguments(), before->getArguments(), false);
    move(old.getBeforeBody(), before);
    conditional.getConditionOp().getArgsMutable().assign(before->getArguments());
    if (failed(visit(*before)))
      return failure();
    bind(loop.arguments, body->getArguments(), true);
  }
  SmallVector<Value> yielded;
  for (OpOperand &each : loop.yielded)
    yielded.push_back(each.get());
  move(loop.body, body);
  if (failed(visit(*body)))
    return failure();
  Operation *yield = body->getTerminator();
  OpBuilder inside(yield);
  ValueRange arguments =
      isa<scf::ForOp>(replacement) ? ValueRange(body->getArguments()).drop_front() : ValueRange(body->getArguments());
  SmallVector<Value> given;
  for (auto [i, value] : llvm::enumerate(yielded)) {
    Carried::Kind kind = plan.lifetimes.carried(loop, i).kind;
    if (kind == Carried::Scalar)
      given.push_back(yield->getOperand(i)); // it may have been replaced
    if (kind != Carried::Fixed && kind != Carried::Growing)
      continue;
    given.push_back(memoryOf(value, cast<MemRefType>(types[first[i]]), inside));
    given.append({arguments[first[i] + 2], arguments[first[i] + 1]});
  }
  yield->setOperands(given);
  bind(loop.results, replacement->getResults(), false);
  return success();
}

LogicalResult Rewriter::replace(tensor::ExtractOp extract) {
  Value tensor = extract->getOperand(0), known = memoryOf(tensor); // an input is a memref already
  SmallVector<Value> indices(extract->getOperands().drop_front());
  if (rootOf(tensor) == tensor &&
      cast<MemRefType>(known.getType()).getShape() != cast<ShapedType>(tensor.getType()).getShape())
    return extract.emitOpError("reads a tensor that lies in memory of other dims, ") << known.getType();
  OpBuilder here(extract);
  if (rootOf(tensor) != tensor) { // the same position in the memory that it shows
    auto type = cast<RankedTensorType>(tensor.getType());
    auto flat = MemRefType::get({type.getNumElements()}, type.getElementType());
    known = SameMemoryOp::create(here, extract.getLoc(), flat, known);
    Value position = constant(here, 0);
    for (auto [index, size] : llvm::zip_equal(indices, type.getShape())) {
      Value outer = arith::MulIOp::create(here, extract.getLoc(), position, constant(here, size));
      position = arith::AddIOp::create(here, extract.getLoc(), outer, index);
    }
    indices.assign(1, position);
  }
  Value element = memref::LoadOp::create(here, extract.getLoc(), known, indices);
  rename(extract, element);
  return success();
}

LogicalResult Rewriter::visit(Block &block) {
  SmallVector<Operation *> ops; // arithmetic may move, others come
  for (Operation &op : block)
    ops.push_back(&op);
  for (Operation *op : ops) {
    LogicalResult result = success();
    auto loop = Loop::get(op);
    if ((loop || isa<scf::IfOp>(op)) && llvm::none_of(op->getResults(), isTensor)) {
      for (Region &region : op->getRegions())
        for (Block &inner : region)
          if (failed(visit(inner)))
            return failure();
      continue;
    }
    if (auto launch = dyn_cast<LaunchOp>(op))
      result = replace(launch);
    else if (auto branches = dyn_cast<scf::IfOp>(op))
      result = replace(branches);
    else if (loop)
      result = replace(*loop);
    else if (auto extract = dyn_cast<tensor::ExtractOp>(op))
      result = replace(extract);
    else if (!isView(op))
      continue;
    if (failed(result))
      return failure();
    dead.push_back(op);
  }
  return success();
}

LogicalResult Rewriter::run() {
  if (failed(visit(main.getBody().front())))
    return failure();
  for (Operation *op : dead)
    op->dropAllUses();
  for (Operation *op : dead) // a loop behind what stood in it, which asks for its arguments
    op->erase();
  return success();
}

LogicalResult hone::rewriteToMemory(const TargetedProgram &program, ShapeBuilder &shapes, const MemoryPlan &plan) {
  return Rewriter(program, shapes, plan).run();
}
