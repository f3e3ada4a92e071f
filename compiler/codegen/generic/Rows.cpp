// Rows in stages: reductions in order, then the results, with values that several stages read kept in between.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/generic/Generic.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace hone;

namespace {
/// Values that one stage computes and later ones read, one of them in the first result, the others in the thread's
/// scratch.
class KeptValues {
public:
  /// `pitch` elements lie between one value's and the next one's; none if nothing is kept.
  KeptValues(KernelEmitter &emitter, const Schedule &schedule, Value pitch)
      : e(emitter), schedule(schedule), pitch(pitch) {
    if (pitch)
      scratch = flatView(e.builder, e.loc, elementPointer(e.builder, e.loc, e.body.scratch, e.builder.getF32Type()));
  }

  /// The stage that code is built for from here on.
  void beginStage(unsigned number) { stage = number; }

  /// The element of a kept value, at `offset` of its own elements; null for other values.
  Value element(Value tensor, ValueRange indices, function_ref<Value()> offset) {
    const auto *found = schedule.kept.find(tensor);
    if (found == schedule.kept.end())
      return {};
    bool isInResult = tensor == schedule.keptInResult, isComputed = found->second == stage;
    Value position;
    if (!isInResult) {
      const auto *first = schedule.kept.begin() + (schedule.keptInResult ? 1 : 0);
      position = e.add(e.mul(e.index(found - first), pitch), offset());
    }
    if (!isComputed)
      return isInResult ? e.loadResult(0, indices) : memref::LoadOp::create(e.builder, e.loc, scratch, position);
    Value scalar = cast<ElementOpInterface>(tensor.getDefiningOp()).emitElement(e, indices);
    if (isInResult)
      e.store(0, indices, scalar);
    else
      memref::StoreOp::create(e.builder, e.loc, scalar, scratch, position);
    return scalar;
  }

private:
  KernelEmitter &e;
  const Schedule &schedule;
  Value scratch, pitch;
  unsigned stage = 0;
};
} // namespace

static SmallVector<Value> pick(ValueRange values, ArrayRef<int64_t> axes) {
  return llvm::map_to_vector(axes, [&](int64_t axis) { return values[axis]; });
}

/// Indices of the space: `outer` in the dims outside of rows, 0 within.
static SmallVector<Value> indicesAt(KernelEmitter &e, const Schedule &schedule, ValueRange outer) {
  SmallVector<Value> indices;
  for (int64_t i = 0, rank = schedule.space.size(); i < rank; ++i) {
    bool isInRow = schedule.axes.contains(i);
    indices.push_back(isInRow ? e.index(0) : outer.front());
    if (!isInRow)
      outer = outer.drop_front();
  }
  return indices;
}

/// What is asked for at a time: shorter rows come by themselves, and longer ones would push out the row at hand.
static constexpr int64_t kLeastBytesAhead = 256, kMostBytesAhead = 8192, kLineBytes = 64;

/// Asks for row `row` of the arguments that lie like the results, if there is one: it comes while the row at hand is
/// computed. A processor that watches the loads would ask too late.
static void prefetchRow(KernelEmitter &e, const Schedule &schedule, Value row) {
  int64_t rank = schedule.space.size(), within = schedule.axes.size();
  if (!llvm::equal(schedule.axes, llvm::seq(rank - within, rank)))
    return; // strided
  for (BlockArgument argument : e.kernel.getBody().getArguments().take_front(e.kernel.getTensorCount())) {
    if (e.shapes().dims(argument) != ArrayRef<OpFoldResult>(schedule.space) || isNibble(argument.getType()))
      continue;
    int64_t width = memoryElement(argument.getType()).getIntOrFloatBitWidth() / 8;
    Value size = e.size(e.shapes().product(schedule.row())), perLine = e.index(kLineBytes / width);
    Value isLong = e.compare(arith::CmpIPredicate::sge, size, e.index(kLeastBytesAhead / width));
    if (getConstantIntValue(isLong) == 0)
      continue;
    Value end = e.select(isLong, e.body.end, e.index(0)); // one comparison a row
    e.when(e.compare(arith::CmpIPredicate::slt, row, end), [&] {
      Value ahead = e.builder.createOrFold<arith::MinUIOp>(e.loc, size, e.index(kMostBytesAhead / width));
      Value first = e.mul(row, size);
      e.over(e.index(0), e.builder.createOrFold<arith::CeilDivUIOp>(e.loc, ahead, perLine), /*vectorize=*/false,
             [&](Value line) { e.prefetch(argument.getArgNumber(), e.add(first, e.mul(line, perLine))); });
    });
  }
}

void hone::buildRows(KernelEmitter &e, const Schedule &schedule) {
  SmallVector<Value> outerSizes = e.sizes(schedule.outer()), rowSizes = e.sizes(schedule.row());
  ArrayRef<int64_t> axes = schedule.axes.getArrayRef();
  Value pitch;
  if (schedule.keptInScratch()) {
    ShapeBuilder &shapes = e.shapes();
    OpFoldResult bytes = shapes.mul(shapes.product(schedule.row()), shapes.constant(4));
    pitch = e.size(shapes.mul(shapes.ceilDiv(bytes, shapes.constant(64)), shapes.constant(16)));
  }
  KeptValues kept(e, schedule, pitch);
  e.onLoad = [&](Value tensor, ValueRange indices) {
    return kept.element(tensor, indices, [&] { return e.linearize(pick(indices, axes), rowSizes); });
  };
  e.over(e.body.begin, e.body.end, /*vectorize=*/false, [&](Value iteration) {
    SmallVector<Value> indices = indicesAt(e, schedule, e.delinearize(iteration, outerSizes));
    for (auto [number, reduction] : llvm::enumerate(schedule.stages)) {
      kept.beginStage(number);
      e.know(reduction->getResult(0), emitAccumulated(reduction, e, indices));
      if (number == 0) // the row at hand has been read
        prefetchRow(e, schedule, e.add(iteration, e.index(1)));
    }
    kept.beginStage(schedule.stages.size());
    overDims(e, axes, schedule.space, indices, [&] { storeResults(e, indices); });
    annotateUniformLoop(iteration.getParentBlock()->getParentOp()); // whichever thread has which row
  });
  e.onLoad = nullptr;
}

namespace {
/// Rows across the innermost dim: columns of a block are the lanes of all loops, and reductions stand on the stack.
class Columns {
public:
  Columns(KernelEmitter &emitter, const Schedule &schedule)
      : e(emitter), b(emitter.builder), schedule(schedule), axes(schedule.axes.getArrayRef()),
        inner(schedule.space.size() - 1), rowSizes(e.sizes(schedule.row())),
        width(e.size(e.shapes().min(e.shapes().constant(kBlockColumns), schedule.space[inner]))),
        kept(e, schedule,
             schedule.keptInScratch() ? e.mul(e.size(e.shapes().product(schedule.row())), width) : Value()) {
    for (AccumulateOpInterface reduction : schedule.stages) {
      Type type = scalarType(elementTypeOf(reduction->getResult(0)));
      sums.push_back(memref::AllocaOp::create(b, e.loc, MemRefType::get({kBlockColumns}, type)));
    }
  }

  void build() {
    SmallVector<Value> blockSizes = e.sizes(schedule.steps(e.shapes()));
    e.onLoad = [&](Value tensor, ValueRange indices) { return load(tensor, indices); };
    e.over(e.body.begin, e.body.end, /*vectorize=*/false, [&](Value iteration) {
      SmallVector<Value> outer = e.delinearize(iteration, blockSizes);
      first = e.mul(outer.back(), e.index(kBlockColumns));
      size = columnsFrom(first);
      indices = indicesAt(e, schedule, outer);
      for (auto [number, reduction, sum] : llvm::enumerate(schedule.stages, sums)) {
        kept.beginStage(number);
        buildStage(reduction, sum);
      }
      kept.beginStage(schedule.stages.size());
      overDims(e, axes, schedule.space, indices, [&] { overBlock([&](Value) { storeResults(e, indices); }); });
    });
    e.onLoad = nullptr;
  }

private:
  /// The columns of a block that starts at `column`.
  Value columnsFrom(Value column) {
    auto known = ShapeBuilder::getConstant(schedule.space[inner]);
    if (known && (*known < kBlockColumns || *known % kBlockColumns == 0))
      return e.index(std::min(*known, kBlockColumns));
    Value left = e.sub(e.size(schedule.space[inner]), column);
    return b.createOrFold<arith::MinUIOp>(e.loc, e.index(kBlockColumns), left);
  }

  void overBlock(function_ref<void(Value lane)> body) {
    e.over(e.index(0), size, /*vectorize=*/true, [&](Value lane) {
      indices[inner] = e.add(first, lane);
      body(lane);
    });
  }

  void buildStage(AccumulateOpInterface reduction, Value sum) {
    overBlock([&](Value lane) { memref::StoreOp::create(b, e.loc, reduction.emitInitial(e), sum, lane); });
    overDims(e, axes, schedule.space, indices, [&] {
      SmallVector<Value> inRow = pick(indices, axes);
      overBlock([&](Value lane) {
        Value partial = memref::LoadOp::create(b, e.loc, sum, lane);
        memref::StoreOp::create(b, e.loc, reduction.emitStep(e, indices, inRow, partial), sum, lane);
      });
    });
  }

  Value load(Value tensor, ValueRange at) {
    auto lane = [&] { return e.sub(at[inner], first); };
    for (auto [reduction, sum] : llvm::zip_equal(schedule.stages, sums))
      if (tensor == reduction->getResult(0))
        return memref::LoadOp::create(b, e.loc, sum, lane());
    return kept.element(tensor, at, [&] { return e.add(e.mul(e.linearize(pick(at, axes), rowSizes), width), lane()); });
  }

  KernelEmitter &e;
  OpBuilder &b;
  const Schedule &schedule;
  ArrayRef<int64_t> axes;
  int64_t inner;
  SmallVector<Value> rowSizes;
  Value width; // of a block in scratch
  KeptValues kept;
  SmallVector<Value> sums; // by stage
  SmallVector<Value> indices;
  Value first, size; // the columns of the block at hand
};
} // namespace

void hone::buildColumns(KernelEmitter &e, const Schedule &schedule) { Columns(e, schedule).build(); }
