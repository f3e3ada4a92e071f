// Each planned entry becomes two functions over hone_frame: `plan` computes sizes and checks, `run` launches.
//
// Arithmetic is copied with index as i64 and lowered by hone-convert-to-llvm; memory and launches are a few loads,
// stores and calls each. Neither function gets what only the other one needs.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Passes.h"
#include "compiler/codegen/KernelWork.h"
#include "compiler/codegen/cpu/CpuTargetModel.h"
#include "compiler/codegen/cpu/Lower.h"
#include "compiler/codegen/cpu/Object.h"
#include "compiler/codegen/host/CheckProgram.h"
#include "compiler/codegen/host/ProgramData.h"
#include "compiler/codegen/host/Sidecar.h"
#include "compiler/emit/Library.h"
#include "dialects/hone/Hone.h"
#include "dialects/hone/TargetModel.h"
#include "hone/abi.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/PassManager.h"
#include "support/Identifier.h"

namespace hone {
#define GEN_PASS_DEF_LOWERPROGRAM
#include "compiler/Passes.h.inc"
} // namespace hone

using namespace mlir;
using namespace hone;

namespace {

/// Whether `op` only computes scalars, in its regions as well.
bool isArithmetic(Operation *op) {
  return !op->walk([](Operation *inner) {
              bool computes = isa<arith::ArithDialect, math::MathDialect, scf::SCFDialect>(inner->getDialect());
              return computes ? WalkResult::advance() : WalkResult::interrupt();
            }).wasInterrupted();
}

class ProgramLowering {
public:
  ProgramLowering(SymbolTable &symbols, ModuleOp program, func::FuncOp main, ProgramData &data)
      : symbols(symbols), program(program), main(main), data(data), inputCount(countInputs(main)),
        builder(main.getContext()), loc(main.getLoc()), pointer(LLVM::LLVMPointerType::get(main.getContext())),
        i32(builder.getI32Type()), i64(builder.getI64Type()), late(findLate(main, inputCount)) {}

  /// Declares what the functions of all entries call.
  void declareRuntime(ArrayRef<func::FuncOp> entries);
  /// Writes one of the two functions.
  void write(StringRef name, bool isPlan);

private:
  Value number(Type type, int64_t value) {
    return LLVM::ConstantOp::create(builder, loc, type, builder.getIntegerAttr(type, value));
  }
  Value at(Value base, Value byteOffset) {
    return LLVM::GEPOp::create(builder, loc, pointer, builder.getI8Type(), base, ArrayRef<LLVM::GEPArg>{byteOffset});
  }
  Value at(Value base, int64_t byteOffset) {
    return LLVM::GEPOp::create(builder, loc, pointer, builder.getI8Type(), base,
                               ArrayRef<LLVM::GEPArg>{int32_t(byteOffset)});
  }
  Value loadField(Value base, int64_t byteOffset, Type type) {
    return LLVM::LoadOp::create(builder, loc, type, at(base, byteOffset));
  }
  void storeField(Value base, int64_t byteOffset, Value value) {
    LLVM::StoreOp::create(builder, loc, value, at(base, byteOffset));
  }
  /// Finds the ops of @main that the function computes: what acts in it, and what that asks for.
  void findNeeded();
  /// Whether some op that the function computes asks for results of `op`.
  bool isAskedFor(Operation *op) {
    return llvm::any_of(op->getUsers(), [&](Operation *user) { return needed.contains(user); });
  }
  void lower(Operation *op);
  void lowerBranches(scf::IfOp op);
  void lowerLoop(scf::ForOp op);
  void lowerLoop(scf::WhileOp op);
  /// The blocks of a loop, and what goes around in it.
  struct LoopBlocks {
    Block *header, *body, *next;
    SmallVector<Value> carried; // the header's arguments, behind the number of the step
  };
  LoopBlocks beginLoop(ValueRange inits);
  /// At the beginning of a step: goes on in `body` if `condition` holds.
  void beginStep(LoopBlocks &loop, Value condition);
  /// Lowers `body`; what goes around begins with `counters`, of the lowered program.
  void endStep(LoopBlocks &loop, Block &body, ValueRange counters, ValueRange yielded);
  void lowerGrow(GrowOp op);
  void lowerSizeOutput(SizeOutputOp op);
  /// Leaves with the status that a function of the runtime has returned, unless that is 0.
  void callRuntime(StringRef name, ValueRange arguments);
  Block *addBlock() {
    Block *block = new Block;
    function.getBody().push_back(block);
    return block;
  }
  /// A scalar, or where a buffer lies.
  Value valueOf(Value value) { return isa<MemRefType>(value.getType()) ? addressOf(value) : mapping.lookup(value); }
  /// Reads an element of an input, or of what a launch has written.
  void lowerLoad(memref::LoadOp op);
  /// Where a launch finds `buffer`: computed at the launch, so that nothing is kept on the stack from one to the next.
  Value addressOf(Value buffer);
  void lowerLaunch(LaunchOp launch);
  void lowerCheck(CheckOp check);
  void lowerReturn(func::ReturnOp op);
  void copyConverted(Operation *op);
  Value textOf(Location location) { return data.address(builder, data.addString(nodeText(location))); }
  /// Goes on in a new block, and in `otherwise` unless `condition` holds.
  void goOnIf(Value condition, Block *otherwise);
  /// Returns `code` from the function.
  void leave(Value code) {
    LLVM::StoreOp::create(builder, loc, code, status);
    LLVM::BrOp::create(builder, loc, ValueRange(), exit);
  }
  /// The entry of `input` in one of the frame's tables.
  Value ofInput(int64_t table, int64_t input) {
    return loadField(loadField(frame, table, pointer), input * 8, pointer);
  }
  /// What a host scalar of `type` is in LLVM's dialect: without a sign, index as i64.
  Type scalarTypeOf(Type type) {
    return isa<MemRefType>(type) ? pointer : type.isIndex() ? i64 : isHalf(type) ? type : scalarType(type);
  }
  ModuleOp kernelOf(LaunchOp launch) { return symbols.lookup<ModuleOp>(launch.getKernel()); }
  bool isInput(int64_t argument) { return argument < inputCount; }
  bool isOfMain(Value value) { return isa<BlockArgument>(value) && value.getParentBlock() == &main.getBody().front(); }

  SymbolTable &symbols; // of the module
  ModuleOp program;
  func::FuncOp main;
  ProgramData &data;
  int64_t inputCount; // of the arguments: inputs, outputs, the arena
  OpBuilder builder;
  Location loc;
  Type pointer, i32, i64;
  bool isPlan = false;
  LLVM::LLVMFuncOp function;
  Block *exit = nullptr; // returns what `status` holds: one for all that fails, for LLVM merges returns one by one
  Value status;          // in memory: a block's argument would be looked up among those of all who go there, for each
  Value frame, weights, arena, launchRecord, bufferTable, sizeTable, dimTable;
  llvm::SetVector<Operation *> late; // of @main
  llvm::DenseSet<Operation *> needed;
  IRMapping mapping;
};

void ProgramLowering::declareRuntime(ArrayRef<func::FuncOp> entries) {
  builder.setInsertionPointToEnd(program.getBody());
  auto declare = [&](StringRef name, LLVM::LLVMFunctionType type) {
    auto declaration = LLVM::LLVMFuncOp::create(builder, loc, name, type);
    declaration.setVisibility_(LLVM::Visibility::Hidden);
  };
  declare("hone_rt_launch", LLVM::LLVMFunctionType::get(i32, {pointer, pointer}));
  declare("hone_rt_fail", LLVM::LLVMFunctionType::get(i32, {pointer, pointer, i64, i64}));
  declare("hone_rt_iterate", LLVM::LLVMFunctionType::get(i32, {pointer, i64, pointer}));
  declare("hone_rt_grow", LLVM::LLVMFunctionType::get(i32, {pointer, i32, i64, pointer}));
  declare("hone_rt_output", LLVM::LLVMFunctionType::get(i32, {pointer, i32, pointer}));
  auto kernelType = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(main.getContext()), {pointer, i64, i64});
  auto workType = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(main.getContext()), {pointer, pointer});
  llvm::SmallDenseSet<Attribute> declared;
  auto declareKernel = [&](LaunchOp launch) {
    if (!declared.insert(launch.getKernelAttr()).second)
      return;
    StringRef symbol = kernelOf(launch)->getAttrOfType<StringAttr>(kSymbolAttr).getValue();
    declare(symbol, kernelType);
    declare(workSymbol(symbol), workType);
  };
  for (func::FuncOp entry : entries)
    entry->walk(declareKernel);
}

void ProgramLowering::write(StringRef name, bool plan) {
  isPlan = plan;
  mapping.clear();
  builder.setInsertionPointToEnd(program.getBody());
  function = LLVM::LLVMFuncOp::create(builder, loc, name, LLVM::LLVMFunctionType::get(i32, {pointer}),
                                      LLVM::Linkage::Internal);
  Block *entry = function.addEntryBlock(builder);
  exit = new Block;
  function.getBody().push_back(exit);
  builder.setInsertionPointToStart(entry);
  frame = entry->getArgument(0);
  auto stack = [&](size_t words) {
    return LLVM::AllocaOp::create(builder, loc, pointer, i64, number(i64, words), /*alignment=*/8).getResult();
  };
  status = stack(1);
  size_t buffers = 1, sizes = 1, dims = 0;
  main.walk([&](LaunchOp launch) {
    buffers = std::max<size_t>(buffers, launch.getBuffers().size());
    sizes = std::max<size_t>(sizes, launch.getSizes().size());
  });
  main.walk([&](SizeOutputOp op) { dims = std::max<size_t>(dims, op.getDims().size() + 1); });
  if (!isPlan) {
    // One launch at a time: they share the record and its tables.
    launchRecord = stack(sizeof(hone_launch) / 8);
    bufferTable = stack(buffers);
    sizeTable = stack(sizes);
    dimTable = dims ? stack(dims) : Value();
    storeField(launchRecord, offsetof(hone_launch, buffers), bufferTable);
    storeField(launchRecord, offsetof(hone_launch, sizes), sizeTable);
    weights = loadField(frame, offsetof(hone_frame, weights), pointer);
    arena = loadField(frame, offsetof(hone_frame, arena), pointer);
  }
  findNeeded();
  for (Operation &op : main.getBody().front())
    if (needed.contains(&op))
      lower(&op);
  leave(number(i32, 0));
  builder.setInsertionPointToEnd(exit);
  LLVM::ReturnOp::create(builder, loc, LLVM::LoadOp::create(builder, loc, i32, status));
}

void ProgramLowering::findNeeded() {
  needed.clear();
  SmallVector<Operation *> ops; // each before its users and before those in its regions
  // The outermost operation around each, or itself, that has regions of arithmetic: it is computed as a whole.
  llvm::DenseMap<Operation *, Operation *> unitOf;
  main.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    ops.push_back(op);
    if (Operation *unit = unitOf.lookup(op->getParentOp()))
      unitOf[op] = unit;
    else if (op->getNumRegions() && isArithmetic(op))
      unitOf[op] = op;
  });
  llvm::DenseMap<Operation *, bool> acting; // loops
  auto actsInside = [&](Operation *loop) {
    auto [entry, isNew] = acting.try_emplace(loop, false);
    if (isNew)
      loop->walk([&, &known = entry->second](Operation *inner) {
        known = isa<LaunchOp, SizeOutputOp, CheckOp>(inner);
        return known ? WalkResult::interrupt() : WalkResult::advance();
      });
    return entry->second;
  };
  for (Operation *op : llvm::reverse(ops)) {
    bool isPlanned = op->getParentOp() == main && !late.contains(op); // a check in a branch stands where it stands
    bool acts = isPlan ? isa<func::ReturnOp>(op) || (isa<CheckOp>(op) && isPlanned)
                       : isa<LaunchOp, SizeOutputOp>(op) || (isa<CheckOp>(op) && !isPlanned);
    Operation *unit = unitOf.lookup(op);
    bool isYield = op->hasTrait<OpTrait::IsTerminator>() && op->getParentOp() != main;
    // What a step hands on may be needed in the next one.
    acts |= !isPlan && isYield && isa<scf::ForOp, scf::WhileOp>(op->getParentOp()) && actsInside(op->getParentOp());
    auto holdsNeeded = [&] {
      return op->getNumRegions() && op->walk([&](Operation *inner) {
                                        return needed.contains(inner) ? WalkResult::interrupt() : WalkResult::advance();
                                      }).wasInterrupted();
    };
    if (acts || (unit ? isAskedFor(unit) : isYield ? isAskedFor(op->getParentOp()) : isAskedFor(op) || holdsNeeded()))
      needed.insert(op);
  }
}

void ProgramLowering::lower(Operation *op) {
  loc = op->getLoc();
  if (auto launch = dyn_cast<LaunchOp>(op))
    return lowerLaunch(launch);
  if (auto check = dyn_cast<CheckOp>(op))
    return lowerCheck(check);
  if (auto result = dyn_cast<func::ReturnOp>(op))
    return lowerReturn(result);
  if (isa<memref::ViewOp, memref::CastOp, SameMemoryOp, UseWeightOp>(op))
    return; // addressOf
  if (auto grow = dyn_cast<GrowOp>(op))
    return lowerGrow(grow);
  if (auto output = dyn_cast<SizeOutputOp>(op))
    return lowerSizeOutput(output);
  if (auto dim = dyn_cast<memref::DimOp>(op)) {
    int64_t input = cast<BlockArgument>(dim.getSource()).getArgNumber();
    mapping.map(dim.getResult(),
                loadField(ofInput(offsetof(hone_frame, input_dims), input), 8 * *dim.getConstantIndex(), i64));
    return;
  }
  if (auto load = dyn_cast<memref::LoadOp>(op))
    return lowerLoad(load);
  if (auto branch = dyn_cast<scf::IfOp>(op); branch && !isArithmetic(op))
    return lowerBranches(branch);
  // Of arithmetic as well: each step asks whether the run goes on.
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return lowerLoop(loop);
  if (auto loop = dyn_cast<scf::WhileOp>(op))
    return lowerLoop(loop);
  if (auto sign = dyn_cast<UnrealizedConversionCastOp>(op)) { // an unsigned host value, in LLVM's types as any other
    mapping.map(sign.getResult(0), mapping.lookup(sign.getOperand(0)));
    return;
  }
  copyConverted(op);
}

void ProgramLowering::lowerLoad(memref::LoadOp op) {
  auto argument = dyn_cast<BlockArgument>(op.getMemRef());
  Value address;
  if (argument && isOfMain(argument) && isInput(argument.getArgNumber())) {
    int64_t input = argument.getArgNumber();
    address = ofInput(offsetof(hone_frame, sources), input);
    Value steps = op.getIndices().empty() ? Value() : ofInput(offsetof(hone_frame, steps), input);
    for (auto [i, index] : llvm::enumerate(op.getIndices()))
      address =
          at(address, LLVM::MulOp::create(builder, loc, mapping.lookup(index), loadField(steps, 8 * int64_t(i), i64)));
  } else {
    // Row-major, of the dims that the type tells; dispatch reads single elements only.
    auto type = op.getMemRefType();
    Value position = number(i64, 0);
    for (auto [index, size] : llvm::zip_equal(op.getIndices(), type.getShape()))
      position = LLVM::AddOp::create(builder, loc, LLVM::MulOp::create(builder, loc, position, number(i64, size)),
                                     mapping.lookup(index));
    int64_t bytes = elementBytes(type.getElementType());
    address = at(addressOf(op.getMemRef()), LLVM::MulOp::create(builder, loc, position, number(i64, bytes)));
  }
  Type element = scalarTypeOf(op.getType());
  Type memory = element.isInteger(1) ? Type(builder.getI8Type()) : element;
  Value scalar = LLVM::LoadOp::create(builder, loc, memory, address, /*alignment=*/1);
  if (element.isInteger(1))
    scalar = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, scalar, number(memory, 0));
  mapping.map(op.getResult(), scalar);
}

void ProgramLowering::lowerBranches(scf::IfOp op) {
  Block *onTrue = addBlock(), *onFalse = addBlock(), *next = addBlock();
  LLVM::CondBrOp::create(builder, loc, mapping.lookup(op.getCondition()), onTrue, ValueRange(), onFalse, ValueRange());
  SmallVector<OpResult> results;
  for (OpResult result : op->getResults())
    if (llvm::any_of(result.getUsers(), [&](Operation *user) { return needed.contains(user); }))
      results.push_back(result);
  for (auto [region, block] : {std::pair(&op.getThenRegion(), onTrue), std::pair(&op.getElseRegion(), onFalse)}) {
    builder.setInsertionPointToEnd(block);
    SmallVector<Value> values;
    if (!region->empty()) {
      for (Operation &inner : region->front().without_terminator())
        if (needed.contains(&inner))
          lower(&inner);
      for (OpResult result : results)
        values.push_back(valueOf(region->front().getTerminator()->getOperand(result.getResultNumber())));
    }
    LLVM::BrOp::create(builder, loc, values, next);
  }
  for (OpResult result : results)
    mapping.map(result, next->addArgument(scalarTypeOf(result.getType()), result.getLoc()));
  builder.setInsertionPointToEnd(next);
}

ProgramLowering::LoopBlocks ProgramLowering::beginLoop(ValueRange inits) {
  LoopBlocks loop{addBlock(), addBlock(), addBlock(), {}};
  SmallVector<Value> values{number(i64, 0)};
  loop.header->addArgument(i64, loc);
  for (Value init : inits) {
    values.push_back(valueOf(init));
    loop.carried.push_back(loop.header->addArgument(scalarTypeOf(init.getType()), loc));
  }
  LLVM::BrOp::create(builder, loc, values, loop.header);
  builder.setInsertionPointToEnd(loop.header);
  return loop;
}

void ProgramLowering::beginStep(LoopBlocks &loop, Value condition) {
  LLVM::CondBrOp::create(builder, loc, condition, loop.body, ValueRange(), loop.next, ValueRange());
  builder.setInsertionPointToEnd(loop.body);
  callRuntime("hone_rt_iterate", {frame, loop.header->getArgument(0), textOf(loc)});
}

void ProgramLowering::endStep(LoopBlocks &loop, Block &body, ValueRange counters, ValueRange yielded) {
  Location own = loc;
  for (Operation &inner : body.without_terminator())
    if (needed.contains(&inner))
      lower(&inner);
  loc = own;
  SmallVector<Value> values{LLVM::AddOp::create(builder, loc, loop.header->getArgument(0), number(i64, 1))};
  llvm::append_range(values, counters);
  for (Value value : yielded)
    values.push_back(valueOf(value));
  LLVM::BrOp::create(builder, loc, values, loop.header);
  builder.setInsertionPointToEnd(loop.next);
}

void ProgramLowering::lowerLoop(scf::ForOp op) {
  SmallVector<Value> inits{op.getLowerBound()};
  llvm::append_range(inits, op.getInitArgs());
  LoopBlocks loop = beginLoop(inits);
  for (auto [argument, carried] : llvm::zip_equal(op.getBody()->getArguments(), loop.carried))
    mapping.map(argument, carried);
  for (auto [result, carried] : llvm::zip_equal(op.getResults(), ArrayRef(loop.carried).drop_front()))
    mapping.map(result, carried);
  Value counter = loop.carried.front();
  beginStep(loop,
            LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::slt, counter, mapping.lookup(op.getUpperBound())));
  Value next = LLVM::AddOp::create(builder, loc, counter, mapping.lookup(op.getStep()));
  endStep(loop, *op.getBody(), next, op.getBody()->getTerminator()->getOperands());
}

void ProgramLowering::lowerLoop(scf::WhileOp op) {
  LoopBlocks loop = beginLoop(op.getInits());
  for (auto [argument, carried] : llvm::zip_equal(op.getBeforeArguments(), loop.carried))
    mapping.map(argument, carried);
  Location own = loc;
  for (Operation &inner : op.getBeforeBody()->without_terminator())
    if (needed.contains(&inner))
      lower(&inner);
  loc = own;
  scf::ConditionOp condition = op.getConditionOp();
  for (auto [argument, result, handedOn] :
       llvm::zip_equal(op.getAfterArguments(), op.getResults(), condition.getArgs())) {
    Value value = valueOf(handedOn);
    mapping.map(argument, value);
    mapping.map(result, value);
  }
  beginStep(loop, mapping.lookup(condition.getCondition()));
  endStep(loop, *op.getAfterBody(), {}, op.getYieldOp().getResults());
}

void ProgramLowering::callRuntime(StringRef name, ValueRange arguments) {
  auto call = LLVM::CallOp::create(builder, loc, TypeRange{i32}, name, arguments);
  Value isOk = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, call.getResult(), number(i32, 0));
  LLVM::StoreOp::create(builder, loc, call.getResult(), status);
  goOnIf(isOk, exit);
}

void ProgramLowering::lowerGrow(GrowOp op) {
  Value slot = mapping.lookup(op.getSlot());
  callRuntime("hone_rt_grow",
              {frame, LLVM::TruncOp::create(builder, loc, i32, slot), mapping.lookup(op.getBytes()), textOf(loc)});
  Value table = loadField(frame, offsetof(hone_frame, slots), pointer);
  Value address = at(table, LLVM::MulOp::create(builder, loc, slot, number(i64, 8)));
  mapping.map(op.getMemory(), LLVM::LoadOp::create(builder, loc, pointer, address));
}

void ProgramLowering::lowerSizeOutput(SizeOutputOp op) {
  for (auto [i, dim] : llvm::enumerate(op.getDims()))
    storeField(dimTable, 8 * i, mapping.lookup(dim));
  int64_t index = int64_t(cast<BlockArgument>(op.getOutput()).getArgNumber()) - inputCount;
  callRuntime("hone_rt_output", {frame, number(i32, index), dimTable});
}

/// Copies arithmetic and structured control flow with index as i64.
void ProgramLowering::copyConverted(Operation *op) {
  auto convert = [&](Type type) { return type.isIndex() ? i64 : type; };
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op)) {
    Value from = mapping.lookup(op->getOperand(0));
    Type to = convert(op->getResult(0).getType());
    unsigned own = from.getType().getIntOrFloatBitWidth(), wanted = to.getIntOrFloatBitWidth();
    Value result = from;
    if (own > wanted)
      result = LLVM::TruncOp::create(builder, loc, to, from);
    else if (own < wanted)
      result = isa<arith::IndexCastOp>(op) ? Value(LLVM::SExtOp::create(builder, loc, to, from))
                                           : LLVM::ZExtOp::create(builder, loc, to, from);
    mapping.map(op->getResult(0), result);
    return;
  }
  if (auto constant = dyn_cast<arith::ConstantIndexOp>(op)) {
    mapping.map(op->getResult(0), number(i64, constant.value()));
    return;
  }
  OperationState state(op->getLoc(), op->getName());
  for (Value operand : op->getOperands())
    state.addOperands(mapping.lookup(operand));
  for (Type type : op->getResultTypes())
    state.addTypes(convert(type));
  state.addAttributes(op->getAttrs());
  state.propertiesAttr = op->getPropertiesAsAttribute();
  for (unsigned i = 0; i < op->getNumRegions(); ++i)
    state.addRegion();
  Operation *copy = builder.create(state);
  for (auto [from, to] : llvm::zip_equal(op->getResults(), copy->getResults()))
    mapping.map(from, to);
  for (auto [from, to] : llvm::zip_equal(op->getRegions(), copy->getRegions())) {
    OpBuilder::InsertionGuard guard(builder);
    for (Block &block : from) {
      Block *inside = builder.createBlock(&to, to.end());
      for (BlockArgument argument : block.getArguments())
        mapping.map(argument, inside->addArgument(convert(argument.getType()), argument.getLoc()));
      builder.setInsertionPointToEnd(inside);
      for (Operation &nested : block)
        copyConverted(&nested);
    }
  }
}

void ProgramLowering::goOnIf(Value condition, Block *otherwise) {
  Block *next = new Block;
  function.getBody().push_back(next);
  LLVM::CondBrOp::create(builder, loc, condition, next, ValueRange(), otherwise, ValueRange());
  builder.setInsertionPointToEnd(next);
}

Value ProgramLowering::addressOf(Value buffer) {
  while (isa_and_nonnull<memref::CastOp, SameMemoryOp>(buffer.getDefiningOp()))
    buffer = buffer.getDefiningOp()->getOperand(0);
  if (Value known = mapping.lookupOrNull(buffer)) // it grew, or goes around in a loop
    return known;
  if (auto view = buffer.getDefiningOp<memref::ViewOp>())
    return at(addressOf(view.getSource()), mapping.lookup(view.getByteShift()));
  if (auto use = buffer.getDefiningOp<UseWeightOp>()) {
    auto weight = symbols.lookup<WeightOp>(use.getWeight());
    return at(weights, number(i64, weight->getAttrOfType<IntegerAttr>(kOffsetAttr).getInt()));
  }
  int64_t argument = cast<BlockArgument>(buffer).getArgNumber();
  if (argument + 1 == main.getNumArguments())
    return arena;
  return isInput(argument) ? ofInput(offsetof(hone_frame, inputs), argument)
                           : loadField(loadField(frame, offsetof(hone_frame, outputs), pointer),
                                       8 * (argument - inputCount), pointer);
}

void ProgramLowering::lowerLaunch(LaunchOp launch) {
  for (auto [i, buffer] : llvm::enumerate(launch.getBuffers()))
    storeField(bufferTable, 8 * i, addressOf(buffer));
  for (auto [i, size] : llvm::enumerate(launch.getSizes()))
    storeField(sizeTable, 8 * i, mapping.lookup(size));
  storeField(launchRecord, offsetof(hone_launch, record), data.addLaunch(builder, kernelOf(launch), launch.getLoc()));
  storeField(launchRecord, offsetof(hone_launch, count), mapping.lookup(launch.getCount()));
  storeField(launchRecord, offsetof(hone_launch, grain), mapping.lookup(launch.getGrain()));
  storeField(launchRecord, offsetof(hone_launch, scratch), mapping.lookup(launch.getScratch()));
  callRuntime("hone_rt_launch", {frame, launchRecord});
}

void ProgramLowering::lowerCheck(CheckOp check) {
  Block *fails = new Block;
  function.getBody().push_back(fails);
  goOnIf(mapping.lookup(check.getCondition()), fails);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(fails);
  Value message = data.address(builder, data.addString(check.getMessage()));
  auto call = LLVM::CallOp::create(
      builder, loc, TypeRange{i32}, "hone_rt_fail",
      ValueRange{frame, message, mapping.lookup(check.getFirst()), mapping.lookup(check.getSecond())});
  leave(call.getResult());
}

void ProgramLowering::lowerReturn(func::ReturnOp op) {
  ValueRange values = op.getOperands();
  storeField(frame, offsetof(hone_frame, arena_bytes), mapping.lookup(values[0]));
  storeField(frame, offsetof(hone_frame, scratch_bytes), mapping.lookup(values[1]));
  values = values.drop_front(2);
  Value table = loadField(frame, offsetof(hone_frame, output_dims), pointer);
  int64_t output = 0;
  for (BlockArgument argument : main.getArguments().drop_back()) {
    if (isInput(argument.getArgNumber()))
      continue;
    int64_t rank = cast<MemRefType>(argument.getType()).getRank();
    Value dims = rank ? loadField(table, 8 * output, pointer) : Value();
    for (int64_t i = 0; i < rank; ++i)
      storeField(dims, 8 * i, mapping.lookup(values[i]));
    values = values.drop_front(rank);
    ++output;
  }
  for (BlockArgument argument : main.getArguments()) {
    if (!main.getArgAttr(argument.getArgNumber(), kLengthAttr))
      continue;
    int64_t number = data.lengthNumber(main.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kNameAttr));
    storeField(loadField(frame, offsetof(hone_frame, lengths), pointer), 8 * number, mapping.lookup(values.front()));
    values = values.drop_front();
  }
}

struct LowerProgram : hone::impl::LowerProgramBase<LowerProgram> {
  using LowerProgramBase::LowerProgramBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> entries = entriesOf(module);
    auto weightBytes = module->getAttrOfType<IntegerAttr>(kWeightBytesAttr);
    if (entries.empty() || entries.front().getSymName() != "main" || !weightBytes) {
      module.emitError("wants a planned function @main (hone-plan-memory)");
      return signalPassFailure();
    }
    SymbolTable symbols(module);
    for (func::FuncOp entry : entries)
      if (failed(checkIsPlanned(symbols, entry)))
        return signalPassFailure();
    if (failed(checkSameStates(entries)))
      return signalPassFailure();
    auto attribute = module->getAttrOfType<TargetAttr>(kTargetAttr);
    llvm::Expected<CpuTarget> target = attribute ? cpuTarget(attribute) : lookupTarget("");
    if (!target) {
      module.emitError(llvm::toString(target.takeError()));
      return signalPassFailure();
    }
    // Kernels may be made for more than the module.
    uint32_t features = target->runtimeFeatures;
    for (ModuleOp kernel : module.getOps<ModuleOp>()) {
      auto own = kernel->getAttrOfType<TargetAttr>(kTargetAttr);
      llvm::Expected<CpuTarget> more = own ? cpuTarget(own) : *target;
      if (!more) {
        kernel.emitError(llvm::toString(more.takeError()));
        return signalPassFailure();
      }
      features |= more->runtimeFeatures;
    }
    OpBuilder builder(entries.front());
    auto program = ModuleOp::create(builder, module.getLoc(), "program");
    program->setAttr(kHostProgramAttr, builder.getUnitAttr());
    symbols.insert(program); // a kernel may have this name
    ProgramData data(program);
    for (func::FuncOp entry : entries) {
      ProgramLowering lowering(symbols, program, entry, data);
      if (entry == entries.front())
        lowering.declareRuntime(entries);
      lowering.write(ProgramData::symbolOf(entry, "plan"), /*isPlan=*/true);
      lowering.write(ProgramData::symbolOf(entry, "run"), /*isPlan=*/false);
      data.addEntry(entry);
    }
    auto manifest = module->getAttrOfType<StringAttr>(kManifestAttr);
    auto model = module->getAttrOfType<DictionaryAttr>(kModelAttr);
    auto digest = model ? model.getAs<StringAttr>("digest") : StringAttr();
    data.addProgram(symbolPrefix(module), modelName(module),
                    digest && !digest.empty() ? digest.getValue() : modelName(module),
                    manifest ? manifest.getValue() : "{}", weightBytes.getInt(),
                    hasSidecar(module) ? StringRef(kWeightDigestField) : StringRef(), features);
    for (func::FuncOp entry : entries)
      entry.erase();

    // Host values may be floats, as shapes that are scaled and rounded.
    auto needsExpansion = [](Operation *op) {
      auto isHalfType = [](Type type) { return isHalf(type); };
      return isa<math::MathDialect>(op->getDialect()) || llvm::any_of(op->getResultTypes(), isHalfType);
    };
    bool expands =
        program
            .walk([&](Operation *op) { return needsExpansion(op) ? WalkResult::interrupt() : WalkResult::advance(); })
            .wasInterrupted();
    OpPassManager conversions("builtin.module");
    if (expands)
      conversions.addPass(createExpandMath());
    conversions.addPass(createSCFToControlFlowPass());
    conversions.addPass(createConvertToLlvm());
    conversions.addPass(createReconcileUnrealizedCastsPass());
    if (failed(runPipeline(conversions, program)))
      signalPassFailure();
  }
};
} // namespace
