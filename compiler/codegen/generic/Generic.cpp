// The generic path. A kernel is one iteration space: elements (a map), rows with reductions in between (softmax,
// norms), or the iterations of an op with loops of its own. docs/design/generic.md has the measurements behind each
// choice.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/generic/Generic.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace hone;

namespace {

/// How a kernel is computed.
struct Schedule {
  Schedule(KernelOp kernel, ShapeBuilder &shapes);

  LoopOpInterface loopOp;                // iterations of this op, or
  SmallVector<ReduceOp> stages;          // rows: reductions in order, then the results; or
  Value outerSum;                        // rows of results that collect rows of an operand of this value's op; or
  ConcatOp concat;                       // boxes that are copied one after the other; or a map
  llvm::SmallSetVector<int64_t, 4> axes; // the dims of a row
  SmallVector<OpFoldResult> space;       // dims of the results
  SmallVector<OpFoldResult> summed;      // dims that an outer sum goes over
  int64_t rowsPerStep = 1;               // rows of results that an iteration computes
  /// Values computed in one stage and read in later ones, with the stage that computes them.
  llvm::MapVector<Value, unsigned> kept;
  bool isExpensive = false;

  bool isRows() const { return !stages.empty(); }
  bool isMap() const { return !loopOp && !isRows() && !outerSum && !concat; }
  /// Rows that lie across the innermost dim go side by side, a block of columns at a time.
  bool isColumns() const {
    return isRows() && !axes.empty() && !axes.contains(space.size() - 1) &&
           ShapeBuilder::getConstant(space.back()).value_or(8) >= 8;
  }
  SmallVector<OpFoldResult> outer() const { return pick(false); }
  SmallVector<OpFoldResult> row() const { return pick(true); }
  /// The dims of the iteration range of rows.
  SmallVector<OpFoldResult> outerSteps(ShapeBuilder &shapes) const {
    SmallVector<OpFoldResult> steps = outer();
    if (rowsPerStep != 1)
      steps.back() = shapes.ceilDiv(steps.back(), shapes.constant(rowsPerStep));
    return steps;
  }

private:
  SmallVector<OpFoldResult> pick(bool inRow) const {
    SmallVector<OpFoldResult> dims;
    for (auto [i, dim] : llvm::enumerate(space))
      if (axes.contains(i) == inRow)
        dims.push_back(dim);
    return dims;
  }
  void findInPlace(KernelOp kernel);
  void findStages(KernelOp kernel, ShapeBuilder &shapes);
  void findOuterSum(KernelOp kernel, ShapeBuilder &shapes);
  void chooseKept(KernelOp kernel, ShapeBuilder &shapes);

  /// Values that result elements and reductions read in their own rows only. Behind a transposition or a slice, the
  /// rows that are read are not those at hand.
  llvm::DenseSet<Value> inPlace;
};

} // namespace

/// Columns of a block: four vectors of the widest registers.
static constexpr int64_t kBlockColumns = 64;
/// Rows that an outer sum adds at a time.
static constexpr int64_t kRowsTogether = 8;
/// Rows of a matrix product that share what they read.
static constexpr int64_t kRowsPerStep = 4;

static bool isCheap(Operation *op) {
  return op->hasTrait<CheapToRecompute>() || isa<ConstantOp, FromElementsOp, ReduceOp>(op);
}

Schedule::Schedule(KernelOp kernel, ShapeBuilder &shapes) {
  Operation *terminator = kernel.getBody().front().getTerminator();
  Value result = terminator->getOperand(0);
  loopOp = dyn_cast_or_null<LoopOpInterface>(result.getDefiningOp()); // an argument: a copy
  if (loopOp)
    return;
  space.assign(shapes.dims(result).begin(), shapes.dims(result).end());
  concat = dyn_cast_or_null<ConcatOp>(result.getDefiningOp());
  if (concat) {
    axes.insert_range(llvm::seq<int64_t>(concat.getAxis(), space.size()));
    return;
  }
  for (Operation &op : kernel.getBody().front())
    isExpensive |= isa<ScalarOpInterface>(op) && !isCheap(&op);
  findInPlace(kernel);
  findStages(kernel, shapes);
  if (isRows())
    chooseKept(kernel, shapes);
  else if (!space.empty())
    axes.insert(space.size() - 1);
  findOuterSum(kernel, shapes);
}

void Schedule::findInPlace(KernelOp kernel) {
  for (Operation &op : llvm::reverse(kernel.getBody().front().without_terminator()))
    for (Value value : op.getResults())
      if (llvm::all_of(value.getUsers(), [&](Operation *user) {
            return isa<ReturnOp>(user) ||
                   (isa<ScalarOpInterface, ReduceOp>(user) && inPlace.contains(user->getResult(0)));
          }))
        inPlace.insert(value);
}

/// A single reduction that keeps the innermost dim, or product with a matrix of contiguous rows: rows of the operand
/// are added up, contiguous and vectorised, in place of a strided walk for each element. The sums stand in the result,
/// which must have their type and dims.
void Schedule::findOuterSum(KernelOp kernel, ShapeBuilder &shapes) {
  Block &block = kernel.getBody().front();
  auto sums = llvm::make_filter_range(block, llvm::IsaPred<ReduceOp, MatmulOp>);
  ValueRange results = block.getTerminator()->getOperands();
  if (isRows() || !llvm::hasSingleElement(sums) || space.empty() || results.size() != 1)
    return;
  Value sum = (*sums.begin()).getResult(0);
  bool standsInResult =
      elementTypeOf(sum) == elementTypeOf(results[0]) && shapes.dims(sum) == ArrayRef<OpFoldResult>(space);
  if (!standsInResult || !inPlace.contains(sum))
    return;
  if (auto reduce = sum.getDefiningOp<ReduceOp>()) {
    if (llvm::is_contained(reduce.getAxes(), rankOf(reduce.getInput()) - 1))
      return;
    for (int64_t axis : reduce.getAxes())
      summed.push_back(shapes.dim(reduce.getInput(), axis));
  } else {
    auto matmul = sum.getDefiningOp<MatmulOp>();
    if (matmul.getTransposeRhs() || matmul.getPackedColumns() || ShapeBuilder::getConstant(space.back()) == 1)
      return;
    summed.push_back(shapes.dim(matmul.getLhs(), rankOf(matmul.getLhs()) - 1));
    int64_t rows = ShapeBuilder::getConstant(space[space.size() - 2]).value_or(kRowsPerStep);
    rowsPerStep = rows < kRowsPerStep ? 1 : kRowsPerStep;
  }
  if (!summed.empty())
    outerSum = sum;
}

/// Reductions whose results are broadcast back over the reduced dims. All of one kernel reduce the same dims, or none
/// is a stage: then each result element computes its reductions itself.
void Schedule::findStages(KernelOp kernel, ShapeBuilder &shapes) {
  ArrayRef<OpFoldResult> full = space;
  for (ReduceOp reduce : kernel.getBody().front().getOps<ReduceOp>()) {
    bool fits = reduce.getKeepdims() && shapes.dims(reduce.getInput()) == full && inPlace.contains(reduce.getOutput());
    if (!fits || (!stages.empty() && reduce.getAxes() != stages.front().getAxes())) {
      stages.clear();
      return;
    }
    stages.push_back(reduce);
  }
  if (!stages.empty())
    axes.insert_range(stages.front().getAxes());
}

void Schedule::chooseKept(KernelOp kernel, ShapeBuilder &shapes) {
  unsigned last = stages.size();
  llvm::DenseMap<Value, llvm::SmallSetVector<unsigned, 4>> uses;
  llvm::DenseMap<Operation *, bool> expensive;
  for (Operation &op : kernel.getBody().front()) {
    bool own = isa<ElementOpInterface>(op) && !isCheap(&op);
    for (Value operand : op.getOperands())
      own |= operand.getDefiningOp() && expensive.lookup(operand.getDefiningOp());
    expensive[&op] = own && !isa<ReduceOp>(op);
  }
  for (Value result : kernel.getBody().front().getTerminator()->getOperands())
    uses[result].insert(last);
  for (Operation &op : llvm::reverse(kernel.getBody().front())) {
    if (!isa<ElementOpInterface>(op))
      continue;
    Value value = op.getResult(0);
    auto &stagesOfValue = uses[value];
    bool isFull = shapes.dims(value) == ArrayRef<OpFoldResult>(space);
    if (stagesOfValue.size() > 1 && expensive[&op] && isFull && inPlace.contains(value) &&
        elementTypeOf(value).isF32()) {
      unsigned first = *llvm::min_element(stagesOfValue);
      kept[value] = first;
      stagesOfValue.clear();
      stagesOfValue.insert(first);
    }
    llvm::SmallSetVector<unsigned, 4> here = stagesOfValue;
    if (auto *found = llvm::find_if(stages, [&](ReduceOp stage) { return stage == &op; }); found != stages.end()) {
      here.clear();
      here.insert(found - stages.begin());
    }
    for (Value operand : op.getOperands())
      if (isa<RankedTensorType>(operand.getType()))
        uses[operand].insert_range(here);
  }
}

/// Elements that an element of a map goes over: the longest of the reductions in it.
static OpFoldResult summedByElement(KernelOp kernel, ShapeBuilder &shapes) {
  OpFoldResult longest = shapes.constant(1);
  for (Operation &op : kernel.getBody().front()) {
    SmallVector<OpFoldResult> summed;
    if (auto reduce = dyn_cast<ReduceOp>(op))
      for (int64_t axis : reduce.getAxes())
        summed.push_back(shapes.dim(reduce.getInput(), axis));
    else if (auto arg = dyn_cast<ArgReduceOp>(op))
      summed.push_back(shapes.dim(arg.getInput(), arg.getAxis()));
    else if (auto matmul = dyn_cast<MatmulOp>(op))
      summed.push_back(shapes.dim(matmul.getLhs(), rankOf(matmul.getLhs()) - 1));
    longest = shapes.max(longest, shapes.product(summed));
  }
  return longest;
}

GenericRange hone::genericRange(KernelOp kernel, ShapeBuilder &shapes) {
  Schedule schedule(kernel, shapes);
  OpFoldResult one = shapes.constant(1), zero = shapes.constant(0);
  // About 10 us of work a chunk: handing it to another thread costs below 1 us.
  OpFoldResult elements = shapes.constant(schedule.isExpensive || schedule.loopOp ? 8192 : 32768);
  auto grainOf = [&](OpFoldResult iteration) {
    return shapes.max(shapes.floorDiv(elements, shapes.max(iteration, one)), one);
  };
  if (schedule.loopOp) {
    OpFoldResult count = schedule.loopOp.iterationCount(shapes);
    OpFoldResult all = shapes.product(SmallVector<OpFoldResult>(shapes.dims(schedule.loopOp->getOperand(0))));
    return {count, grainOf(shapes.floorDiv(all, shapes.max(count, one))), zero};
  }
  OpFoldResult row = shapes.product(schedule.row());
  OpFoldResult element = schedule.isMap() ? summedByElement(kernel, shapes) : one;
  if (schedule.isMap() && schedule.space.size() <= 1)
    return {schedule.space.empty() ? one : row, grainOf(element), zero};
  OpFoldResult scratch = zero;
  if (schedule.isColumns()) {
    OpFoldResult columns = shapes.constant(kBlockColumns);
    SmallVector<OpFoldResult> outer = schedule.outer();
    outer.back() = shapes.ceilDiv(outer.back(), columns);
    row = shapes.mul(row, shapes.min(columns, schedule.space.back()));
    OpFoldResult kept = shapes.constant(4 * int64_t(schedule.kept.size()));
    return {shapes.product(outer), grainOf(row), shapes.mul(row, kept)};
  }
  row = shapes.mul(row, shapes.mul(shapes.product(schedule.summed), shapes.constant(schedule.rowsPerStep)));
  if (!schedule.kept.empty()) {
    OpFoldResult lines = shapes.ceilDiv(shapes.mul(row, shapes.constant(4)), shapes.constant(64));
    scratch = shapes.mul(lines, shapes.constant(64 * int64_t(schedule.kept.size())));
  }
  return {shapes.product(schedule.outerSteps(shapes)), grainOf(shapes.mul(row, element)), scratch};
}

/// Calls body with indices over the dims `axes`, other positions of `indices` being set already.
static void overDims(KernelEmitter &e, ArrayRef<int64_t> axes, ArrayRef<OpFoldResult> space,
                     SmallVectorImpl<Value> &indices, function_ref<void()> body) {
  SmallVector<Value> bounds =
      e.loopBounds(llvm::map_to_vector(axes, [&](int64_t axis) { return e.size(space[axis]); }));
  std::function<void(size_t)> nest = [&](size_t depth) {
    if (depth == axes.size())
      return body();
    e.loop(
        e.index(0), bounds[depth], {},
        [&](Value i, ValueRange) {
          indices[axes[depth]] = i;
          nest(depth + 1);
          return SmallVector<Value>();
        },
        /*vectorize=*/depth + 1 == axes.size());
  };
  nest(0);
}

static void storeResults(KernelEmitter &e, ValueRange indices) {
  for (auto [i, result] : llvm::enumerate(e.kernel.getBody().front().getTerminator()->getOperands()))
    e.store(i, indices, e.load(result, indices));
}

static void buildRows(KernelEmitter &e, Schedule &schedule) {
  SmallVector<OpFoldResult> outer = schedule.outer(), row = schedule.row();
  SmallVector<Value> outerSizes = e.sizes(outer), rowSizes = e.sizes(row);
  SmallVector<int64_t> axes(schedule.axes.begin(), schedule.axes.end());
  unsigned stage = 0;

  // Kept values: the stage that computes one writes it to scratch, later stages read it there.
  Value scratch = schedule.kept.empty() ? Value() : flatView(e.builder, e.loc, e.body.scratch);
  Value pitch;
  if (scratch) {
    ShapeBuilder &shapes = e.shapes();
    OpFoldResult lines = shapes.ceilDiv(shapes.mul(shapes.product(row), shapes.constant(4)), shapes.constant(64));
    pitch = e.size(shapes.mul(lines, shapes.constant(16)));
  }
  e.onLoad = [&](Value tensor, ValueRange indices) -> Value {
    auto found = schedule.kept.find(tensor);
    if (found == schedule.kept.end())
      return {};
    SmallVector<Value> inRow;
    for (int64_t axis : axes)
      inRow.push_back(indices[axis]);
    Value number = e.index(found - schedule.kept.begin());
    Value position = e.add(e.mul(number, pitch), e.linearize(inRow, rowSizes));
    if (found->second != stage)
      return memref::LoadOp::create(e.builder, e.loc, scratch, position);
    Value scalar = cast<ElementOpInterface>(tensor.getDefiningOp()).emitElement(e, indices);
    memref::StoreOp::create(e.builder, e.loc, scalar, scratch, position);
    return scalar;
  };

  e.loop(
      e.body.begin, e.body.end, {},
      [&](Value iteration, ValueRange) {
        SmallVector<Value> outerIndices = e.delinearize(iteration, outerSizes), indices(schedule.space.size());
        for (int64_t i = 0, next = 0, rank = indices.size(); i < rank; ++i)
          indices[i] = schedule.axes.contains(i) ? e.index(0) : outerIndices[next++];
        for (ReduceOp reduce : schedule.stages) {
          e.know(reduce.getOutput(), reduce.emitElement(e, indices));
          ++stage;
        }
        overDims(e, axes, schedule.space, indices, [&] { storeResults(e, indices); });
        return SmallVector<Value>();
      },
      /*vectorize=*/false);
  e.onLoad = nullptr;
}

/// Rows across the innermost dim: columns of a block are the lanes of all loops, and reductions stand on the stack.
static void buildColumns(KernelEmitter &e, Schedule &schedule) {
  OpBuilder &b = e.builder;
  ShapeBuilder &shapes = e.shapes();
  int64_t inner = schedule.space.size() - 1;
  SmallVector<OpFoldResult> blocks = schedule.outer();
  blocks.back() = shapes.ceilDiv(blocks.back(), shapes.constant(kBlockColumns));
  SmallVector<Value> blockSizes = e.sizes(blocks), rowSizes = e.sizes(schedule.row());
  Value pitch = e.size(shapes.product(schedule.row())), columns = e.index(kBlockColumns);
  Value width = e.size(shapes.min(shapes.constant(kBlockColumns), schedule.space[inner]));
  SmallVector<int64_t> axes(schedule.axes.begin(), schedule.axes.end());
  Value scratch = schedule.kept.empty() ? Value() : flatView(b, e.loc, e.body.scratch);
  SmallVector<Value> sums;
  for (ReduceOp reduce : schedule.stages)
    sums.push_back(memref::AllocaOp::create(
        b, e.loc, MemRefType::get({kBlockColumns}, scalarType(elementTypeOf(reduce.getOutput())))));

  unsigned stage = 0;
  Value first, size;
  e.onLoad = [&](Value tensor, ValueRange indices) -> Value {
    auto lane = [&] { return e.sub(indices[inner], first); };
    for (auto [reduce, sum] : llvm::zip(schedule.stages, sums))
      if (tensor == reduce.getOutput())
        return memref::LoadOp::create(b, e.loc, sum, lane());
    auto found = schedule.kept.find(tensor);
    if (found == schedule.kept.end())
      return {};
    auto inRow = llvm::map_to_vector(axes, [&](int64_t axis) { return indices[axis]; });
    Value line = e.add(e.mul(e.index(found - schedule.kept.begin()), pitch), e.linearize(inRow, rowSizes));
    Value position = e.add(e.mul(line, width), lane());
    if (found->second != stage)
      return memref::LoadOp::create(b, e.loc, scratch, position);
    Value scalar = cast<ElementOpInterface>(tensor.getDefiningOp()).emitElement(e, indices);
    memref::StoreOp::create(b, e.loc, scalar, scratch, position);
    return scalar;
  };

  e.loop(
      e.body.begin, e.body.end, {},
      [&](Value iteration, ValueRange) {
        SmallVector<Value> outerIndices = e.delinearize(iteration, blockSizes), indices(inner + 1, e.index(0));
        for (int64_t i = 0, next = 0; i < inner; ++i)
          if (!schedule.axes.contains(i))
            indices[i] = outerIndices[next++];
        first = e.mul(outerIndices.back(), columns);
        auto known = ShapeBuilder::getConstant(schedule.space[inner]);
        if (known && (*known < kBlockColumns || *known % kBlockColumns == 0))
          size = e.index(std::min(*known, kBlockColumns));
        else
          size = b.createOrFold<arith::MinUIOp>(e.loc, columns, e.sub(e.size(schedule.space[inner]), first));
        auto overBlock = [&](function_ref<void(Value)> body) {
          e.loop(
              e.index(0), size, {},
              [&](Value lane, ValueRange) {
                indices[inner] = e.add(first, lane);
                body(lane);
                return SmallVector<Value>();
              },
              /*vectorize=*/true);
        };
        for (auto [reduce, sum] : llvm::zip(schedule.stages, sums)) {
          overBlock([&](Value lane) {
            memref::StoreOp::create(b, e.loc, e.emitInitial(reduce.getOutput(), indices), sum, lane);
          });
          overDims(e, axes, schedule.space, indices, [&] {
            auto inRow = llvm::map_to_vector(axes, [&](int64_t axis) { return indices[axis]; });
            overBlock([&](Value lane) {
              Value partial = memref::LoadOp::create(b, e.loc, sum, lane);
              memref::StoreOp::create(b, e.loc, e.emitStep(reduce.getOutput(), indices, inRow, partial), sum, lane);
            });
          });
          ++stage;
        }
        overDims(e, axes, schedule.space, indices, [&] { overBlock([&](Value) { storeResults(e, indices); }); });
        return SmallVector<Value>();
      },
      /*vectorize=*/false);
  e.onLoad = nullptr;
}

static void buildOuterSum(KernelEmitter &e, Schedule &schedule) {
  Value sum = schedule.outerSum, result = e.kernel.getBody().front().getTerminator()->getOperand(0);
  int64_t inner = schedule.space.size() - 1;
  SmallVector<Value> indices(inner + 1), positions, counts = e.loopBounds(e.sizes(schedule.summed));
  auto over = [&](Value from, Value to, function_ref<void(Value)> body) {
    e.loop(
        from, to, {},
        [&](Value i, ValueRange) {
          body(i);
          return SmallVector<Value>();
        },
        /*vectorize=*/false);
  };

  // Rows of the result that read the same rows of the operand. They differ in the index ahead of the innermost.
  auto sumRows = [&](ArrayRef<Value> rows) {
    auto overRows = [&](function_ref<void()> body) {
      overDims(e, {inner}, schedule.space, indices, [&] {
        for (Value row : rows) {
          if (row)
            indices[inner - 1] = row;
          body();
        }
      });
    };
    // Several rows of the operand at a time: a sum is loaded and stored once for all of them.
    auto add = [&](Value first, int64_t count) {
      SmallVector<Value> steps;
      for (int64_t i = 0; i < count; ++i)
        steps.push_back(e.add(first, e.index(i)));
      overRows([&] {
        Value partial = e.loadResult(0, indices);
        for (Value step : steps) {
          positions.push_back(step);
          partial = e.emitStep(sum, indices, positions, partial);
          positions.pop_back();
        }
        e.store(0, indices, partial);
      });
    };
    int64_t together = schedule.isExpensive ? 1 : rows.size() > 1 ? kRowsTogether / 2 : kRowsTogether;
    std::function<void()> nest = [&] {
      Value count = counts[positions.size()], zero = e.index(0), step = e.index(together);
      if (positions.size() + 1 < counts.size())
        return over(zero, count, [&](Value position) {
          positions.push_back(position);
          nest();
          positions.pop_back();
        });
      Value groups = e.builder.createOrFold<arith::DivUIOp>(e.loc, count, step);
      over(zero, groups, [&](Value group) { add(e.mul(group, step), together); });
      over(e.mul(groups, step), count, [&](Value position) { add(position, 1); });
    };
    overRows([&] { e.store(0, indices, e.emitInitial(sum, indices)); });
    nest();
    if (result != sum)
      overRows([&] {
        e.know(sum, e.loadResult(0, indices));
        e.store(0, indices, e.load(result, indices));
        e.forget(sum);
      });
  };

  SmallVector<Value> outerSizes = e.sizes(schedule.outerSteps(e.shapes()));
  over(e.body.begin, e.body.end, [&](Value iteration) {
    llvm::copy(e.delinearize(iteration, outerSizes), indices.begin());
    if (schedule.rowsPerStep == 1)
      return sumRows(inner ? indices[inner - 1] : Value());
    Value size = e.size(schedule.space[inner - 1]), first = e.mul(indices[inner - 1], e.index(schedule.rowsPerStep));
    Value end = e.add(first, e.index(schedule.rowsPerStep));
    e.chooseEffect(
        e.compare(arith::CmpIPredicate::ule, end, size),
        [&] {
          SmallVector<Value> rows;
          for (int64_t i = 0; i < schedule.rowsPerStep; ++i)
            rows.push_back(e.add(first, e.index(i)));
          sumRows(rows);
        },
        [&] { over(first, size, [&](Value row) { sumRows(row); }); });
  });
}

/// Each operand is a box of the result: no element asks which operand it comes from, and inner runs are plain copies.
static void buildConcat(KernelEmitter &e, Schedule &schedule) {
  ConcatOp concat = schedule.concat;
  int64_t axis = concat.getAxis();
  SmallVector<Value> outerSizes = e.sizes(schedule.outer());
  SmallVector<int64_t> axes(schedule.axes.begin(), schedule.axes.end());
  auto copyBoxes = [&](Value iteration) {
    SmallVector<Value> indices(schedule.space.size());
    llvm::copy(e.delinearize(iteration, outerSizes), indices.begin());
    Value offset = e.index(0);
    for (Value input : concat.getInputs()) {
      SmallVector<OpFoldResult> box(e.shapes().dims(input));
      overDims(e, axes, box, indices, [&] {
        SmallVector<Value> target(indices);
        target[axis] = e.add(indices[axis], offset);
        e.store(0, target, e.load(input, indices));
      });
      offset = e.add(offset, e.size(box[axis]));
    }
  };
  e.loop(
      e.body.begin, e.body.end, {},
      [&](Value iteration, ValueRange) {
        copyBoxes(iteration);
        return SmallVector<Value>();
      },
      /*vectorize=*/false);
}

static void buildMap(KernelEmitter &e, Schedule &schedule) {
  int64_t rank = schedule.space.size();
  SmallVector<Value> indices(rank);
  if (rank <= 1) {
    e.loop(
        e.body.begin, e.body.end, {},
        [&](Value i, ValueRange) {
          if (rank == 1)
            indices[0] = i;
          storeResults(e, indices);
          return SmallVector<Value>();
        },
        /*vectorize=*/rank == 1);
    return;
  }
  SmallVector<Value> outerSizes = e.sizes(schedule.outer());
  e.loop(
      e.body.begin, e.body.end, {},
      [&](Value iteration, ValueRange) {
        SmallVector<Value> outerIndices = e.delinearize(iteration, outerSizes);
        llvm::copy(outerIndices, indices.begin());
        overDims(e, {rank - 1}, schedule.space, indices, [&] { storeResults(e, indices); });
        return SmallVector<Value>();
      },
      /*vectorize=*/false);
}

void hone::buildGeneric(KernelEmitter &e) {
  Schedule schedule(e.kernel, e.shapes());
  // Polynomials and divisions wait for each other; four independent chains hide that.
  e.interleave = schedule.isExpensive ? 4 : 0;
  if (schedule.loopOp) {
    e.loop(
        e.body.begin, e.body.end, {},
        [&](Value iteration, ValueRange) {
          schedule.loopOp.emitIteration(e, iteration);
          return SmallVector<Value>();
        },
        /*vectorize=*/false);
    return;
  }
  if (schedule.isColumns())
    buildColumns(e, schedule);
  else if (schedule.isRows())
    buildRows(e, schedule);
  else if (schedule.outerSum)
    buildOuterSum(e, schedule);
  else if (schedule.concat)
    buildConcat(e, schedule);
  else
    buildMap(e, schedule);
}
