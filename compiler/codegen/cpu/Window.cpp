// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/Window.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace hone;

/// Blocks that work is cut into, if its size allows it: enough for a few threads to even out.
static constexpr int64_t kWantedBlocks = 8;

WindowAxes hone::windowAxes(ArrayRef<WindowDim> dims, KernelBuilder &b, function_ref<Value(OpFoldResult)> size) {
  WindowAxes axes;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    size_t missing = axes.size() - dims.size();
    if (i < missing) {
      axis.input = axis.taps = axis.positions = b.index(1);
      continue;
    }
    const WindowDim &dim = dims[i - missing];
    axis.input = size(dim.input);
    axis.taps = size(dim.taps);
    axis.positions = size(dim.positions);
    axis.stride = dim.stride;
    axis.dilation = dim.dilation;
    axis.before = dim.before;
    // Rounded up, the number of positions lets the last window reach over the end without pads.
    axis.hasPads = dim.before != 0 || dim.after != 0 || dim.ceil;
  }
  return axes;
}

/// Tap t of position o lies at o · stride + t · dilation - before, which must be in [0, input).
WindowRun hone::runOf(KernelBuilder &b, const WindowAxis &axis, Value position) {
  if (!axis.hasPads)
    return {position, b.index(1), b.index(0), axis.taps};
  Value begin = b.mul(position, axis.stride), before = b.index(axis.before), zero = b.index(0);
  Value ahead = b.select(b.less(begin, before), b.sub(before, begin), zero);
  Value first = b.min(b.ceilDiv(ahead, axis.dilation), axis.taps);
  Value end = b.add(axis.input, before);
  Value left = b.select(b.less(begin, end), b.sub(end, begin), zero);
  Value last = b.max(b.min(b.ceilDiv(left, axis.dilation), axis.taps), first);
  return {position, b.index(1), first, b.sub(last, first)};
}

void hone::forEachRun(KernelBuilder &b, const WindowAxis &axis, Value begin, Value end,
                      llvm::function_ref<void(const WindowRun &)> body) {
  if (!axis.hasPads) {
    body({begin, b.sub(end, begin), b.index(0), axis.taps});
    return;
  }
  // Positions in [low, high) have all taps; each other one is a run.
  Value reach = b.mul(b.sub(axis.taps, b.index(1)), axis.dilation), total = b.add(axis.input, axis.before);
  Value low = b.index((axis.before + axis.stride - 1) / axis.stride);
  Value room = b.select(b.less(reach, total), b.sub(total, reach), b.index(0)), high = b.ceilDiv(room, axis.stride);
  auto loop = scf::WhileOp::create(b, TypeRange(b.getIndexType()), ValueRange(begin));
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, b.getIndexType(), b.getLoc());
  scf::ConditionOp::create(b, b.less(before->getArgument(0), end), before->getArguments());
  Block *after = b.createBlock(&loop.getAfter(), {}, b.getIndexType(), b.getLoc());
  Value position = after->getArgument(0), next = b.add(position, 1);
  Value isWhole = b.select(b.less(position, low), b.boolean(false), b.less(position, high));
  next = b.select(isWhole, b.min(high, end), next);
  WindowRun run = runOf(b, axis, position);
  run.count = b.sub(next, position);
  body(run);
  scf::YieldOp::create(b, next);
}

WindowBlocks hone::windowBlocks(KernelBuilder &b, const WindowAxes &axes, Value batch, int64_t positions, int64_t least,
                                Value otherwise) {
  auto &[depth, height, width] = axes;
  Value one = b.index(1);
  WindowBlocks blocks;
  Value pieces = b.max(b.ceilDiv(width.positions, positions), one);
  blocks.columns = b.max(b.ceilDiv(width.positions, pieces), one);
  blocks.columnBlocks = b.ceilDiv(width.positions, blocks.columns);
  Value images = b.mul(batch, depth.positions);
  Value uncut = b.max(b.mul(b.mul(images, blocks.columnBlocks), otherwise), one);
  Value wanted = b.ceilDiv(b.index(kWantedBlocks), uncut);
  Value most = b.ceilDiv(b.mul(height.positions, blocks.columns), least);
  Value rowBlocks = b.ceilDiv(b.mul(height.positions, blocks.columns), positions);
  rowBlocks = b.min(b.max(rowBlocks, b.min(wanted, most)), b.max(height.positions, one));
  blocks.rows = b.max(b.ceilDiv(height.positions, b.max(rowBlocks, one)), one);
  blocks.rowBlocks = b.ceilDiv(height.positions, blocks.rows);
  blocks.blocks = b.mul(images, b.mul(blocks.rowBlocks, blocks.columnBlocks));
  return blocks;
}

WindowBlock hone::windowBlock(KernelBuilder &b, const WindowAxes &axes, const WindowBlocks &blocks, Value number) {
  auto &[depth, height, width] = axes;
  WindowBlock block;
  block.firstColumn = b.mul(b.rem(number, blocks.columnBlocks), blocks.columns);
  number = b.div(number, blocks.columnBlocks);
  block.firstRow = b.mul(b.rem(number, blocks.rowBlocks), blocks.rows);
  number = b.div(number, blocks.rowBlocks);
  block.depth = b.rem(number, depth.positions);
  block.image = b.div(number, depth.positions);
  block.rows = b.min(blocks.rows, b.sub(height.positions, block.firstRow));
  block.columns = b.min(blocks.columns, b.sub(width.positions, block.firstColumn));
  return block;
}

SmallVector<Value> hone::emitTapLoops(KernelBuilder &b, ValueRange loops, ValueRange inputs, Value filter,
                                      ValueRange sums,
                                      function_ref<SmallVector<Value>(ValueRange, Value, ValueRange)> inside) {
  if (loops.empty())
    return inside(inputs, filter, sums);
  scf::ForOp taps = b.loop(b.index(0), loops[0], 1, sums, [&](Value tap, ValueRange inner) {
    Value offset = b.mul(tap, loops[1]);
    auto moved = llvm::map_to_vector(inputs, [&](Value input) { return b.add(input, offset); });
    return emitTapLoops(b, loops.drop_front(3), moved, b.add(filter, b.mul(tap, loops[2])), inner, inside);
  });
  annotateRolledLoop(taps);
  return SmallVector<Value>(taps.getResults());
}

WindowPositions hone::positionsOf(KernelBuilder &b, const WindowBlock &block) {
  return {block.image,
          block.depth,
          block.firstRow,
          block.firstColumn,
          block.columns,
          b.index(0),
          b.mul(block.rows, block.columns)};
}

void hone::emitWindowElements(KernelEmitter &e, KernelBuilder &b, Value sum, const WindowPositions &positions,
                              Value sums, Value pitch, Value firstChannel, Value channels) {
  Value result = e.kernel.getBody().front().getTerminator()->getOperand(0);
  Value source = flatView(b, e.loc, sums), one = b.index(1);
  Value columns = b.max(positions.columns, one);
  Value row = b.div(positions.first, columns), column = b.rem(positions.first, columns);
  b.loop(b.index(0), positions.count, 1, {row, column}, [&](Value number, ValueRange at) -> SmallVector<Value> {
    Value from = b.mul(number, pitch);
    Value place[] = {positions.depth, b.add(positions.firstRow, at[0]), b.add(positions.firstColumn, at[1])};
    scf::ForOp inner = b.loop(b.index(0), channels, 1, [&](Value channel) {
      Value scalar = memref::LoadOp::create(b, source, ValueRange{b.add(from, channel)});
      e.buildAt(b, [&] {
        SmallVector<Value> indices{positions.image};
        llvm::append_range(indices, ArrayRef(place).take_back(rankOf(sum) - 2));
        indices.push_back(e.add(firstChannel, channel));
        e.know(sum, scalar);
        e.store(0, indices, e.load(result, indices));
        e.forget(sum);
      });
    });
    annotateVectorLoop(inner, /*interleave=*/4);
    Value next = b.add(at[1], one), isLast = b.equal(next, columns);
    return {b.select(isLast, b.add(at[0], one), at[0]), b.select(isLast, b.index(0), next)};
  });
}
