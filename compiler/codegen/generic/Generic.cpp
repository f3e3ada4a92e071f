// The generic path. A kernel is one iteration space: elements (a map), rows with reductions in between (softmax,
// norms), or the iterations of an op with loops of its own. docs/design/generic.md has the measurements behind each
// choice.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/generic/Generic.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace hone;

//===-- The range -----------------------------------------------------------------------------------------------===//

/// Elements that an element of a map goes over: the longest walk of an op in it.
static OpFoldResult walkedByElement(KernelOp kernel, ShapeBuilder &shapes) {
  OpFoldResult longest = shapes.constant(1);
  for (Operation &op : kernel.getBody().front()) {
    if (!isa<ElementOpInterface>(op))
      continue;
    SmallVector<OpFoldResult> walked;
    for (const Factor &factor : cast<StructureOpInterface>(op).getStructure(shapes).factors)
      if (factor.kind == FactorKind::Reduction || factor.kind == FactorKind::Row)
        walked.push_back(factor.size);
    longest = shapes.max(longest, shapes.product(walked));
  }
  return longest;
}

GenericParameters hone::genericParameters(KernelOp kernel) {
  OpBuilder builder(kernel.getBody().front().getTerminator());
  ShapeBuilder shapes(builder);
  Schedule schedule(kernel, shapes);
  // About 10 us of work a chunk: handing it to another thread costs below 1 us. Polynomials and divisions wait for each
  // other; four independent chains hide that. Not in rows: a short one never fills four vectors.
  bool isLong = schedule.isExpensive || schedule.form == Schedule::Form::Loops;
  bool hidesLatency = schedule.isExpensive && schedule.form != Schedule::Form::Rows;
  return {isLong ? 8192 : 32768, hidesLatency ? 4 : 0};
}

GenericRange hone::genericRange(KernelOp kernel, ShapeBuilder &shapes, const GenericParameters &parameters) {
  Schedule schedule(kernel, shapes);
  using Form = Schedule::Form;
  OpFoldResult one = shapes.constant(1), zero = shapes.constant(0);
  OpFoldResult elements = shapes.constant(parameters.chunk);
  auto grainOf = [&](OpFoldResult iteration) {
    return shapes.max(shapes.floorDiv(elements, shapes.max(iteration, one)), one);
  };
  if (schedule.form == Form::Loops) {
    OpFoldResult count = schedule.loopOp.iterationCount(shapes);
    OpFoldResult all = shapes.product(SmallVector<OpFoldResult>(shapes.dims(schedule.loopOp->getOperand(0))));
    return {count, grainOf(shapes.floorDiv(all, shapes.max(count, one))), zero};
  }
  OpFoldResult row = shapes.product(schedule.row()), steps = shapes.product(schedule.steps(shapes));
  if (schedule.form == Form::Columns) {
    row = shapes.mul(row, shapes.min(shapes.constant(kBlockColumns), schedule.space.back()));
    return {steps, grainOf(row), shapes.mul(row, shapes.constant(4 * int64_t(schedule.keptInScratch())))};
  }
  OpFoldResult element = schedule.form == Form::Map ? walkedByElement(kernel, shapes) : one;
  if (schedule.form == Form::Map && schedule.space.size() <= 1)
    return {schedule.space.empty() ? one : row, grainOf(element), zero};
  row = shapes.mul(row, shapes.mul(shapes.product(schedule.summed), shapes.constant(schedule.rowsPerStep)));
  OpFoldResult scratch = zero;
  if (schedule.keptInScratch()) {
    OpFoldResult lines = shapes.ceilDiv(shapes.mul(row, shapes.constant(4)), shapes.constant(64));
    scratch = shapes.mul(lines, shapes.constant(64 * int64_t(schedule.keptInScratch())));
  }
  return {steps, grainOf(shapes.mul(row, element)), scratch};
}

//===-- The cost ------------------------------------------------------------------------------------------------===//

/// Cycles between vectorised loops.
static double cyclesOfLoops(const Schedule &schedule, const CpuFigures &figures, KernelNumbers &numbers) {
  using Form = Schedule::Form;
  double steps = numbers.product(schedule.steps(numbers.shapes()));
  double stages = double(schedule.stages.size());
  switch (schedule.form) {
  case Form::Loops:
    break;
  case Form::Rows:
    return steps * ((stages + 1) * figures.loop + stages * figures.reduction);
  case Form::Columns:
    return steps * (stages + 1) * numbers.product(schedule.row()) * figures.loop;
  case Form::OuterSum:
    return steps * numbers.product(schedule.summed) * figures.loop;
  case Form::Boxes:
    return steps * double(schedule.assembled->getNumOperands()) * figures.loop;
  case Form::Map:
    return (schedule.space.size() > 1 ? steps : 1) * figures.loop;
  }
  return 0;
}

double hone::genericCost(KernelOp kernel, const CpuTarget &target, KernelNumbers &numbers) {
  Schedule schedule(kernel, numbers.shapes());
  unsigned bits = 8;
  for (Type type : kernel.getResultTypes())
    bits = std::max(bits, getElementTypeOrSelf(type).getIntOrFloatBitWidth());
  // The sums stand in the result and are read and written with each row that is added.
  double accesses = 0;
  if (schedule.form == Schedule::Form::OuterSum)
    accesses = numbers.flops(schedule.sum) * bits / 8 / target.figures->memories[0].read;
  double arithmetic = numbers.flopsBeside(nullptr) / flopsPerCycle(target.figures->flops, bits);
  return numbers.cycles(target, arithmetic, accesses) + cyclesOfLoops(schedule, *target.figures, numbers);
}

//===-- Loops ---------------------------------------------------------------------------------------------------===//

void hone::overDims(KernelEmitter &e, ArrayRef<int64_t> axes, ArrayRef<OpFoldResult> space,
                    SmallVectorImpl<Value> &indices, function_ref<void()> body) {
  SmallVector<Value> bounds =
      e.loopBounds(llvm::map_to_vector(axes, [&](int64_t axis) { return e.size(space[axis]); }));
  std::function<void(size_t)> nest = [&](size_t depth) {
    if (depth == axes.size())
      return body();
    e.over(e.index(0), bounds[depth], /*vectorize=*/depth + 1 == axes.size(), [&](Value i) {
      indices[axes[depth]] = i;
      nest(depth + 1);
    });
  };
  nest(0);
}

void hone::storeResults(KernelEmitter &e, ValueRange indices) {
  for (auto [i, result] : llvm::enumerate(e.kernel.getBody().front().getTerminator()->getOperands()))
    e.store(i, indices, e.load(result, indices));
}

//===-- Forms ---------------------------------------------------------------------------------------------------===//

/// Each operand is a box of the result: no element asks which operand it comes from, and inner runs are plain copies.
static void buildBoxes(KernelEmitter &e, const Schedule &schedule) {
  Structure structure = cast<StructureOpInterface>(schedule.assembled).getStructure(e.shapes());
  ArrayRef<int64_t> axes = schedule.axes.getArrayRef();
  SmallVector<Value> outerSizes = e.sizes(schedule.outer());
  e.over(e.body.begin, e.body.end, /*vectorize=*/false, [&](Value iteration) {
    SmallVector<Value> indices(schedule.space.size());
    llvm::copy(e.delinearize(iteration, outerSizes), indices.begin());
    for (auto [input, part] : llvm::zip_equal(schedule.assembled->getOperands(), structure.parts)) {
      SmallVector<OpFoldResult> box(e.shapes().dims(input));
      Value offset = e.size(part.offset);
      overDims(e, axes, box, indices, [&] {
        SmallVector<Value> target(indices);
        target[axes.front()] = e.add(indices[axes.front()], offset);
        e.store(0, target, e.load(input, indices));
      });
    }
  });
}

static void buildMap(KernelEmitter &e, const Schedule &schedule) {
  int64_t rank = schedule.space.size();
  SmallVector<Value> indices(rank);
  if (rank <= 1)
    return e.over(e.body.begin, e.body.end, /*vectorize=*/rank == 1, [&](Value i) {
      if (rank == 1)
        indices[0] = i;
      storeResults(e, indices);
    });
  SmallVector<Value> outerSizes = e.sizes(schedule.outer());
  e.over(e.body.begin, e.body.end, /*vectorize=*/false, [&](Value iteration) {
    llvm::copy(e.delinearize(iteration, outerSizes), indices.begin());
    overDims(e, {rank - 1}, schedule.space, indices, [&] { storeResults(e, indices); });
  });
}

static void buildLoops(KernelEmitter &e, LoopOpInterface op) {
  e.over(e.body.begin, e.body.end, /*vectorize=*/false, [&](Value iteration) { op.emitIteration(e, iteration); });
}

void hone::buildGeneric(KernelEmitter &e, const GenericParameters &parameters) {
  Schedule schedule(e.kernel, e.shapes());
  e.interleave = parameters.interleave;
  switch (schedule.form) {
  case Schedule::Form::Loops:
    return buildLoops(e, schedule.loopOp);
  case Schedule::Form::Rows:
    return buildRows(e, schedule);
  case Schedule::Form::Columns:
    return buildColumns(e, schedule);
  case Schedule::Form::OuterSum:
    return buildOuterSum(e, schedule);
  case Schedule::Form::Boxes:
    return buildBoxes(e, schedule);
  case Schedule::Form::Map:
    return buildMap(e, schedule);
  }
}
