// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/generic/Schedule.h"

using namespace mlir;
using namespace hone;

static Structure structureOf(Operation *op, ShapeBuilder &shapes) {
  return cast<StructureOpInterface>(op).getStructure(shapes);
}

/// Whether an element costs little, or is at hand: a reduction's is, once its stage is over.
static bool isCheap(Operation *op) {
  return cast<StructureOpInterface>(op).isCheapToRecompute() || isa<AccumulateOpInterface>(op);
}

Schedule::Schedule(KernelOp kernel, ShapeBuilder &shapes) {
  Block &body = kernel.getBody().front();
  Value result = body.getTerminator()->getOperand(0);
  Operation *definition = result.getDefiningOp(); // none: a copy of an argument
  loopOp = dyn_cast_or_null<LoopOpInterface>(definition);
  if (loopOp) {
    form = Form::Loops;
    return;
  }
  space.assign(shapes.dims(result).begin(), shapes.dims(result).end());
  if (definition && findBoxes(definition, shapes)) {
    form = Form::Boxes;
    return;
  }
  for (Operation &op : body)
    isExpensive |= isa<ScalarOpInterface>(op) && !isCheap(&op);
  findInPlace(kernel, shapes);
  if (findStages(kernel, shapes)) {
    bool isAcross = !axes.empty() && !axes.contains(space.size() - 1);
    bool hasColumns = isAcross && ShapeBuilder::getConstant(space.back()).value_or(8) >= 8;
    form = hasColumns ? Form::Columns : Form::Rows;
    chooseKept(kernel, shapes);
    return;
  }
  if (!space.empty())
    axes.insert(space.size() - 1);
  if (findOuterSum(kernel, shapes))
    form = Form::OuterSum;
}

SmallVector<OpFoldResult> Schedule::pick(bool inRow) const {
  SmallVector<OpFoldResult> dims;
  for (auto [i, dim] : llvm::enumerate(space))
    if (axes.contains(i) == inRow)
      dims.push_back(dim);
  return dims;
}

SmallVector<OpFoldResult> Schedule::steps(ShapeBuilder &shapes) const {
  SmallVector<OpFoldResult> dims = outer();
  int64_t together = form == Form::Columns ? kBlockColumns : rowsPerStep;
  if (together != 1)
    dims.back() = shapes.ceilDiv(dims.back(), shapes.constant(together));
  return dims;
}

/// Each operand is a part of the result, along one dim.
bool Schedule::findBoxes(Operation *definition, ShapeBuilder &shapes) {
  if (!definition->hasTrait<BranchesByPosition>())
    return false;
  Structure structure = structureOf(definition, shapes);
  if (structure.parts.size() != definition->getNumOperands())
    return false;
  unsigned whole = structure.parts.front().whole;
  if (llvm::any_of(structure.parts, [&](const FactorPart &part) { return part.whole != whole; }))
    return false;
  assembled = definition;
  const auto *along = llvm::find_if(structure.results[0], [&](auto &dim) { return dim.single() == whole; });
  axes.insert_range(llvm::seq<int64_t>(along - structure.results[0].begin(), space.size()));
  return true;
}

void Schedule::findInPlace(KernelOp kernel, ShapeBuilder &shapes) {
  auto readsInPlace = [&](OpOperand &use) {
    Operation *user = use.getOwner();
    return isa<ReturnOp>(user) ||
           (isa<ScalarOpInterface, AccumulateOpInterface>(user) && inPlace.contains(user->getResult(0)) &&
            structureOf(user, shapes).isAligned(use.getOperandNumber()));
  };
  for (Operation &op : llvm::reverse(kernel.getBody().front().without_terminator()))
    for (Value value : op.getResults())
      if (llvm::all_of(value.getUses(), readsInPlace))
        inPlace.insert(value);
}

/// Reductions whose results are broadcast back over the reduced dims. All of one kernel reduce the same dims, or none
/// is a stage: then each result element computes its reductions itself.
bool Schedule::findStages(KernelOp kernel, ShapeBuilder &shapes) {
  for (Operation &op : kernel.getBody().front()) {
    auto reduction = dyn_cast<AccumulateOpInterface>(op);
    if (!reduction)
      continue;
    Structure structure = structureOf(&op, shapes);
    llvm::SmallSetVector<int64_t, 4> reduced;
    for (auto [i, dim] : llvm::enumerate(structure.results[0]))
      if (dim.extent == Extent::One)
        reduced.insert(i);
    bool fits = op.getNumOperands() == 1 && structure.isAligned(0) && inPlace.contains(op.getResult(0)) &&
                shapes.dims(op.getOperand(0)) == ArrayRef<OpFoldResult>(space);
    if (!fits || (!stages.empty() && reduced != axes)) {
      stages.clear();
      axes.clear();
      return false;
    }
    stages.push_back(reduction);
    axes = reduced;
  }
  return !stages.empty();
}

/// A single sum (or other reduction) whose innermost dim is that of an operand: rows of the operand are added up,
/// contiguous and vectorised, in place of a strided walk for each element. The sums stand in the result, which must
/// have their type and dims.
bool Schedule::findOuterSum(KernelOp kernel, ShapeBuilder &shapes) {
  Block &block = kernel.getBody().front();
  auto sums = llvm::make_filter_range(block, llvm::IsaPred<AccumulateOpInterface>);
  ValueRange results = block.getTerminator()->getOperands();
  if (!llvm::hasSingleElement(sums) || space.empty() || results.size() != 1 ||
      ShapeBuilder::getConstant(space.back()) == 1)
    return false;
  Operation *op = &*sums.begin();
  Value value = op->getResult(0);
  bool standsInResult =
      elementTypeOf(value) == elementTypeOf(results[0]) && shapes.dims(value) == ArrayRef<OpFoldResult>(space);
  if (!standsInResult || !inPlace.contains(value))
    return false;

  Structure structure = structureOf(op, shapes);
  const FactoredDims &result = structure.results[0];
  SmallVector<unsigned> reductions = structure.reductions();
  auto hasAll = [](const FactoredDims &dims, unsigned factor) {
    return llvm::any_of(dims, [&](const FactoredDim &dim) { return dim.single() == factor; });
  };
  auto *rows = llvm::find_if(structure.operands, [&](const FactoredDims &dims) {
    return !dims.empty() && result.back().single() && dims.back() == result.back() &&
           llvm::all_of(reductions, [&](unsigned factor) { return hasAll(dims, factor); });
  });
  if (reductions.empty() || rows == structure.operands.end())
    return false;
  // Rows of the result that read the same rows of the operand share the loads.
  if (space.size() > 1 && !hasAll(*rows, result[space.size() - 2].factors[0])) {
    int64_t count = ShapeBuilder::getConstant(space[space.size() - 2]).value_or(kRowsPerStep);
    rowsPerStep = count < kRowsPerStep ? 1 : kRowsPerStep;
  }
  for (unsigned factor : reductions)
    summed.push_back(structure.factors[factor].size);
  sum = cast<AccumulateOpInterface>(op);
  return true;
}

void Schedule::chooseKept(KernelOp kernel, ShapeBuilder &shapes) {
  Block &block = kernel.getBody().front();
  unsigned last = stages.size();
  llvm::DenseMap<Value, llvm::SmallSetVector<unsigned, 4>> readers; // the stages that read a value
  llvm::DenseMap<Operation *, bool> expensive;
  for (Operation &op : block) {
    bool takesLong = isa<ElementOpInterface>(op) && !isCheap(&op);
    for (Value operand : op.getOperands())
      takesLong |= operand.getDefiningOp() && expensive.lookup(operand.getDefiningOp());
    expensive[&op] = takesLong && !isa<AccumulateOpInterface>(op);
  }
  for (Value result : block.getTerminator()->getOperands())
    readers[result].insert(last);
  for (Operation &op : llvm::reverse(block)) {
    if (!isa<ElementOpInterface>(op))
      continue;
    Value value = op.getResult(0);
    llvm::SmallSetVector<unsigned, 4> ownReaders = readers[value];
    bool isFull = shapes.dims(value) == ArrayRef<OpFoldResult>(space);
    if (ownReaders.size() > 1 && expensive[&op] && isFull && inPlace.contains(value) && elementTypeOf(value).isF32()) {
      unsigned first = *llvm::min_element(ownReaders);
      kept[value] = first;
      ownReaders.clear();
      ownReaders.insert(first);
    }
    if (auto stage = llvm::find(stages, &op); stage != stages.end()) {
      ownReaders.clear();
      ownReaders.insert(stage - stages.begin());
    }
    for (Value operand : op.getOperands())
      readers[operand].insert_range(ownReaders);
  }
  // What has its stores to wait for memory does so behind the computation, and the last stage finds the lines at hand.
  ValueRange results = block.getTerminator()->getOperands();
  if (!kept.empty() && results.size() == 1 && elementTypeOf(results[0]).isF32())
    keptInResult = kept.front().first;
}
