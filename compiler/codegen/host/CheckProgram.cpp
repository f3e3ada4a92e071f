// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/host/CheckProgram.h"
#include "compiler/codegen/Kernel.h"
#include "dialects/hone/Regions.h"
#include "dialects/hone/State.h"
#include "dialects/hone/TargetModel.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace hone;

int64_t hone::countInputs(func::FuncOp main) {
  int64_t count = 0, last = int64_t(main.getNumArguments()) - 1;
  while (count < last && !main.getArgAttr(count, kOutputAttr))
    ++count;
  return count;
}

llvm::SetVector<Operation *> hone::findLate(func::FuncOp main, int64_t inputCount) {
  Block &block = main.getBody().front();
  return hone::findLate(block, [&](Operation *op) {
    auto load = dyn_cast<memref::LoadOp>(op);
    auto source = load ? dyn_cast<BlockArgument>(load.getMemRef()) : BlockArgument();
    bool isOfInput = source && source.getOwner() == &block && int64_t(source.getArgNumber()) < inputCount;
    return load && !isOfInput;
  });
}

static bool hasCode(ModuleOp kernel) { return kernel && kernel->getAttrOfType<StringAttr>(kSymbolAttr); }

/// One op of a planned program; `argumentOf` tells which argument's memory a value shows, or -1.
static LogicalResult checkOp(Operation *op, SymbolTable &symbols, int64_t inputs, int64_t arguments,
                             function_ref<int64_t(Value)> argumentOf) {
  if (auto use = dyn_cast<UseWeightOp>(op)) {
    auto weight = symbols.lookup<WeightOp>(use.getWeight());
    if (!weight->getAttrOfType<IntegerAttr>(kOffsetAttr))
      return weight.emitOpError("has no hone.offset, its place among the weights, which hone-plan-memory gives it");
  } else if (auto dim = dyn_cast<memref::DimOp>(op)) { // upstream's verifier takes any index
    auto index = dim.getConstantIndex();
    if (!index || *index < 0 || *index >= cast<MemRefType>(dim.getSource().getType()).getRank())
      return dim.emitOpError("asks for a dim that ") << dim.getSource().getType() << " does not have";
  }
  int64_t first = op->getNumOperands() ? argumentOf(op->getOperand(0)) : -1;
  bool isOfInput = first >= 0 && first < inputs && isa<BlockArgument>(op->getOperand(0));
  if (isa<memref::DimOp>(op) && !isOfInput)
    return op->emitOpError("asks for a dim of what is no input: the plan has told all others");
  if (auto load = dyn_cast<memref::LoadOp>(op);
      load && (!isElementType(load.getType()) || isNibble(load.getMemRefType()) ||
               argumentOf(load.getMemRef()) == arguments - 1))
    return op->emitOpError("reads no element that a kernel could have written: ") << load.getMemRefType();
  if (auto load = dyn_cast<memref::LoadOp>(op); load && !isOfInput && !load.getMemRefType().hasStaticShape())
    return op->emitOpError("reads an element of ") << load.getMemRefType() << ", whose dims are open";
  if (isa<memref::ViewOp>(op) && first != arguments - 1 && !op->getOperand(0).getDefiningOp<GrowOp>())
    return op->emitOpError("views what is neither the arena, the last argument of @main, nor what hone.grow gives");
  if (isa<SizeOutputOp>(op) &&
      (first < inputs || first == arguments - 1 || !isa<BlockArgument>(op->getOperand(0)) ||
       int64_t(op->getNumOperands()) - 1 != cast<MemRefType>(op->getOperand(0).getType()).getRank()))
    return op->emitOpError("wants an output of @main and all its dims");
  bool isPlace = isa<memref::ViewOp, memref::CastOp, SameMemoryOp, GrowOp, SizeOutputOp, UseWeightOp, LaunchOp,
                     scf::IfOp, scf::ForOp, scf::WhileOp, scf::YieldOp, scf::ConditionOp>(op);
  bool touchesMemory = isa<memref::MemRefDialect>(op->getDialect()) ||
                       llvm::any_of(op->getOperandTypes(), llvm::IsaPred<BaseMemRefType>);
  if (touchesMemory && !isa<memref::LoadOp, memref::DimOp>(op) && !isPlace)
    return op->emitOpError("touches memory, which only launches do in a planned program");
  auto launch = dyn_cast<LaunchOp>(op);
  if (launch && !hasCode(symbols.lookup<ModuleOp>(launch.getKernel())))
    return launch.emitOpError("launches a kernel without code, which hone-generate-kernels makes: ")
           << launch.getKernelAttr();
  if (launch)
    for (Value buffer : launch.getBuffers())
      if (argumentOf(buffer) == arguments - 1)
        return op->emitOpError("takes the whole arena: memref.view gives a buffer its place in it");
  return success();
}

/// Whether the runtime can tell the dims of what is kept from run to run: those of inputs, or the length of a state.
static LogicalResult checkStates(func::FuncOp main, int64_t inputs) {
  llvm::DenseSet<Attribute> symbols, lengths, names; // the last of states
  bool isBehind = false;
  for (int64_t i = 0; i < inputs; ++i) {
    auto state = main.getArgAttrOfType<DictionaryAttr>(i, kStateAttr);
    auto name = main.getArgAttrOfType<StringAttr>(i, kNameAttr);
    auto dims = main.getArgAttrOfType<ArrayAttr>(i, kDimsAttr);
    bool isLength = main.getArgAttr(i, kLengthAttr) != nullptr, isKept = state || isLength;
    if (isKept != (isBehind |= isKept))
      return main.emitOpError("wants inputs, then states: argument ") << i << " stands behind a state";
    if (isKept && (!name || !(isLength ? lengths : names).insert(name).second))
      return main.emitOpError("wants a name of its own (") << kNameAttr << ") for each state: argument " << i;
    if (!isKept && dims)
      symbols.insert_range(dims);
  }
  for (int64_t i = inputs; i < int64_t(main.getNumArguments()); ++i)
    if (main.getArgAttr(i, kStateAttr) || main.getArgAttr(i, kLengthAttr))
      return main.emitOpError("has a state behind its inputs: argument ") << i << " is an output, or the arena";
  symbols.erase(StringAttr::get(main.getContext(), ""));
  for (int64_t i = 0; i < inputs; ++i) {
    auto state = main.getArgAttrOfType<DictionaryAttr>(i, kStateAttr);
    if (!state)
      continue;
    std::optional<Growth> growth = growthOf(state);
    if (growth && (growth->axis > 1 || !lengths.contains(growth->length)))
      return main.emitOpError("wants states to grow along axis 0 or 1, by the length of an argument: argument ") << i;
    auto dims = main.getArgAttrOfType<ArrayAttr>(i, kDimsAttr);
    for (auto [d, size] : llvm::enumerate(cast<MemRefType>(main.getArgumentTypes()[i]).getShape()))
      if (ShapedType::isDynamic(size) && !(growth && growth->axis == int64_t(d)) &&
          (!dims || d >= dims.size() || !symbols.contains(dims[d])))
        return main.emitOpError("has a state, argument ") << i << ", whose dim " << d << " no input tells";
  }
  return success();
}

LogicalResult hone::checkSameStates(ArrayRef<func::FuncOp> entries) {
  using Kept = std::tuple<Attribute, Attribute, MemRefType>; // name, hone.state or hone.length, type
  auto statesOf = [](func::FuncOp entry) {
    SmallVector<Kept> states;
    for (BlockArgument argument : entry.getArguments()) {
      unsigned i = argument.getArgNumber();
      if (Attribute kept = entry.getArgAttr(i, entry.getArgAttr(i, kStateAttr) ? kStateAttr : kLengthAttr))
        states.push_back({entry.getArgAttr(i, kNameAttr), kept, cast<MemRefType>(argument.getType())});
    }
    return states;
  };
  func::FuncOp first;
  SmallVector<Kept> known;
  for (func::FuncOp entry : entries) {
    SmallVector<Kept> own = statesOf(entry);
    if (own.empty())
      continue;
    if (!first) {
      first = entry;
      known = std::move(own);
      continue;
    }
    bool isSame = own.size() == known.size() && llvm::all_of_zip(own, known, [](const Kept &a, const Kept &b) {
                    auto [name, kept, type] = a;
                    auto [otherName, otherKept, otherType] = b;
                    return name == otherName && kept == otherKept &&
                           type.getElementType() == otherType.getElementType() &&
                           succeeded(verifyCompatibleShape(type, otherType));
                  });
    if (!isSame)
      return entry.emitOpError("keeps other states than @")
             << first.getSymName() << ", or in another order or form; entries of one library share them";
  }
  return success();
}

LogicalResult hone::checkIsPlanned(SymbolTable &symbols, func::FuncOp main) {
  if (failed(checkHostProgram(main)))
    return failure();
  int64_t inputs = countInputs(main), arguments = main.getNumArguments();
  if (!arguments || !llvm::all_of(main.getArgumentTypes(), llvm::IsaPred<MemRefType>) || !main.getBody().hasOneBlock())
    return main.emitOpError(
        "wants one block, and memory as arguments: hone-plan-memory comes before hone-lower-program");
  int64_t sizes = 2; // of arena and scratch, then the outputs' dims
  for (int64_t i = inputs; i + 1 < arguments; ++i) {
    if (!main.getArgAttr(i, kOutputAttr))
      return main.emitOpError("wants inputs, then outputs (hone.output), then the arena as arguments");
    sizes += cast<MemRefType>(main.getArgumentTypes()[i]).getRank();
  }
  for (int64_t i = 0; i < inputs; ++i)
    sizes += main.getArgAttr(i, kLengthAttr) != nullptr;
  if (failed(checkStates(main, inputs)))
    return failure();
  if (int64_t(main.getNumResults()) != sizes || !llvm::all_of(main.getResultTypes(), llvm::IsaPred<IndexType>))
    return main.emitOpError("wants to return ")
           << sizes << " index values: bytes of arena and scratch, dims of outputs, lengths of states";
  auto argumentOf = [&](Value memory) {
    while (isa_and_nonnull<memref::CastOp, SameMemoryOp>(memory.getDefiningOp()))
      memory = memory.getDefiningOp()->getOperand(0);
    auto argument = dyn_cast<BlockArgument>(memory);
    return argument && argument.getOwner() == &main.getBody().front() ? int64_t(argument.getArgNumber()) : -1;
  };
  llvm::SetVector<Operation *> late = findLate(main, inputs);
  for (auto [i, value] : llvm::enumerate(main.getBody().front().getTerminator()->getOperands()))
    if (value.getDefiningOp() && late.contains(value.getDefiningOp()))
      return main.emitOpError("returns a size (number ") << i << ") that only a run knows";
  WalkResult result = main.getBody().walk([&](Operation *op) {
    return succeeded(checkOp(op, symbols, inputs, arguments, argumentOf)) ? WalkResult::advance()
                                                                          : WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}
