// hone.conv on f32 and f64 as a matrix product: positions x (taps x channels) times the filter in panels of output
// channels.
//
// The left factor is read where it lies in the input: neighbouring taps of a row are one run of elements. (Indirect
// convolution, Dukhan 2019, with offsets computed in place of a table of pointers.)
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/Families.h"
#include "compiler/codegen/cpu/Window.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <cmath>

using namespace mlir;
using namespace hone;

namespace {
/// What a level computes with, and how fast.
struct ConvLevel {
  int64_t sums;       ///< registers of a tile
  int64_t vectors;    ///< of a panel at most
  int64_t positions;  ///< of a block
  int64_t panelBytes; ///< of a panel that is kept in L2 at most: beyond it goes row of taps by row
  double flops;       ///< on f32 in a cycle
};
} // namespace

static constexpr std::pair<StringLiteral, ConvLevel> kLevels[] = {
    {"x86-64-v3", {/*sums=*/12, /*vectors=*/2, /*positions=*/192, /*panelBytes=*/320 << 10, /*flops=*/30}},
    {"x86-64-v4", {/*sums=*/24, /*vectors=*/4, /*positions=*/192, /*panelBytes=*/768 << 10, /*flops=*/58}},
};

/// Output channels are given out in bunches of so many, as columns of a matrix product are.
static constexpr int64_t kBunchChannels = 64;
/// Positions below which a block is not cut.
static constexpr int64_t kLeastPositions = 24;
/// Bunches of output channels of a unit at most.
static constexpr int64_t kMostBunches = 4;
/// Runs of so few elements, if their length is known, go in iterations that leave no rest.
static constexpr int64_t kShortRun = 64;
/// Elements of a run per iteration.
static constexpr int64_t kRunUnroll = 4;

/// For runs of a known length.
static int64_t unrollOf(int64_t run) {
  for (int64_t unroll : {4, 3, 5, 6, 7, 2})
    if (run % unroll == 0)
      return unroll;
  return kRunUnroll;
}

namespace {
/// What a kernel is built with.
struct ConvTiles {
  int64_t rows, vectors, positions, isByRow;
};

/// The problem in values of the code.
struct ConvProblem {
  ConvProblem(ConvOp op, VectorType vector, const ConvTiles &tiles, KernelBuilder &b, ShapeBuilder &shapes,
              function_ref<Value(OpFoldResult)> size)
      : width(tiles.vectors * vector.getNumElements()) {
    axes = windowAxes(windowDims(op, shapes), b, size);
    batch = size(shapes.dim(op.getInput(), 0));
    channels = size(shapes.dim(op.getInput(), rankOf(op.getInput()) - 1));
    outputs = size(shapes.dim(op.getFilter(), 1));
    read = size(shapes.dim(op.getFilter(), rankOf(op.getFilter()) - 1));
    groupPanels = b.ceilDiv(outputs, width);
    panels = b.mul(size(shapes.dim(op.getFilter(), 0)), groupPanels);
    depth = b.mul(b.mul(axes[0].taps, axes[1].taps), b.mul(axes[2].taps, read));
    int64_t panelsOfBunch = kBunchChannels / width;
    Value bunches = b.max(b.ceilDiv(panels, panelsOfBunch), b.index(1));
    blocks = windowBlocks(b, axes, batch, tiles.positions, kLeastPositions, bunches);
    Value spread = b.div(b.mul(bunches, blocks.blocks), 64);
    Value together = b.min(b.max(spread, b.index(1)), b.index(kMostBunches));
    channelBlocks = b.ceilDiv(bunches, together);
    unitPanels = b.mul(together, panelsOfBunch);
  }

  /// Whether the taps are gone over in several parts.
  bool isInParts(const ConvTiles &tiles) const { return tiles.isByRow || ShapeBuilder::getConstant(axes[0].taps) != 1; }
  /// Sums of a thread.
  Value scratchElements(KernelBuilder &b, const ConvTiles &tiles) const {
    return b.mul(isInParts(tiles) ? b.mul(blocks.rows, blocks.columns) : b.index(tiles.rows), width);
  }

  int64_t width; ///< output channels of a panel
  WindowAxes axes;
  Value batch, channels;
  Value outputs, read; ///< channels of a group
  Value depth;         ///< elements of the filter for one output
  Value groupPanels, panels;
  WindowBlocks blocks;
  Value channelBlocks;
  Value unitPanels; ///< of all units but the last one
};
} // namespace

//===-- The tile ------------------------------------------------------------------------------------------------===//

namespace {
/// Sums of some positions x one panel.
struct ConvTile {
  VectorType vector;
  int64_t rows, vectors;
  std::optional<int64_t> run; ///< elements of a run, if they are few
};
/// The arguments of a tile's function, in order.
enum ConvArgument {
  Input,
  Panel,
  Sums,
  InputOffset, ///< of the first tap of a rectangle's first position
  PanelOffset,
  SumsOffset, ///< of the rectangle's first position
  First,      ///< position in the rectangle
  Columns,    ///< of the rectangle
  InputRow,   ///< from one position to the next
  InputColumn,
  SumsRow,
  SumsColumn,
  TapLoops, ///< two: count, step in the input, step in the panel
  Run = TapLoops + 6,
  Accumulate,
  Ahead, ///< where it begins to ask for what comes next
  ArgumentCount
};
} // namespace

/// The offsets of `count` positions from `first` on, row by row of a rectangle.
static SmallVector<Value> offsetsOf(KernelBuilder &b, Value base, Value rowStep, Value columnStep, int64_t count,
                                    ValueRange arguments) {
  Value columns = arguments[Columns], column = b.rem(arguments[First], columns);
  Value offset = b.add(base, b.add(b.mul(b.div(arguments[First], columns), rowStep), b.mul(column, columnStep)));
  // From the last column of a row to the first one of the next.
  Value back = b.sub(rowStep, b.mul(b.sub(columns, b.index(1)), columnStep));
  SmallVector<Value> offsets{offset};
  while (int64_t(offsets.size()) < count) {
    Value next = b.add(column, 1), isLast = b.equal(next, columns);
    offset = b.add(offset, b.select(isLast, back, columnStep));
    column = b.select(isLast, b.index(0), next);
    offsets.push_back(offset);
  }
  return offsets;
}

static void writeConvTile(KernelBuilder &b, const ConvTile &tile, ValueRange arguments) {
  Value input = flatView(b, b.getLoc(), arguments[Input]), panel = flatView(b, b.getLoc(), arguments[Panel]);
  Value sums = flatView(b, b.getLoc(), arguments[Sums]);
  int64_t lanes = tile.vector.getNumElements(), width = tile.vectors * lanes;
  SmallVector<Value> rows =
      offsetsOf(b, arguments[InputOffset], arguments[InputRow], arguments[InputColumn], tile.rows, arguments);
  auto step = [&](ValueRange bases, Value panelBase, Value k, ValueRange carried) {
    SmallVector<Value> next(carried), right;
    for (int64_t j = 0; j < tile.vectors; ++j) {
      Value offset = b.add(b.add(panelBase, b.mul(k, width)), j * lanes);
      right.push_back(vector::LoadOp::create(b, tile.vector, panel, offset));
    }
    for (int64_t row = 0; row < tile.rows; ++row) {
      Value element = memref::LoadOp::create(b, input, ValueRange{b.add(bases[row], k)});
      Value value = b.broadcast(tile.vector, element);
      for (int64_t j = 0; j < tile.vectors; ++j)
        next[row * tile.vectors + j] = vector::FMAOp::create(b, value, right[j], next[row * tile.vectors + j]);
    }
    return next;
  };
  auto overRun = [&](ValueRange bases, Value panelBase, ValueRange carried) {
    SmallVector<Value> next(carried);
    // Longer straight lines than that have their loads moved to the front, and registers spilled.
    int64_t unroll = tile.run ? unrollOf(*tile.run) : kRunUnroll;
    Value length = tile.run ? b.index(*tile.run) : arguments[Run], whole = b.mul(b.div(length, unroll), unroll);
    scf::ForOp main = b.loop(b.index(0), whole, unroll, next, [&](Value k, ValueRange inner) {
      SmallVector<Value> sums(inner);
      Value done = b.sub(b.add(panelBase, b.mul(k, width)), arguments[PanelOffset]);
      PanelAhead(tile.vector, tile.vectors).ask(b, panel, arguments[Ahead], done);
      for (int64_t u = 0; u < unroll; ++u)
        sums = step(bases, panelBase, b.add(k, u), sums);
      return sums;
    });
    annotateRolledLoop(main);
    if (tile.run && *tile.run % unroll == 0)
      return SmallVector<Value>(main.getResults());
    scf::ForOp rest = b.loop(whole, length, 1, main.getResults(),
                             [&](Value k, ValueRange inner) { return step(bases, panelBase, k, inner); });
    annotateRolledLoop(rest);
    return SmallVector<Value>(rest.getResults());
  };
  SmallVector<Value> zeros(tile.rows * tile.vectors, b.real(tile.vector, 0));
  SmallVector<Value> found =
      emitTapLoops(b, arguments.slice(TapLoops, 6), rows, arguments[PanelOffset], zeros, overRun);

  SmallVector<Value> to =
      offsetsOf(b, arguments[SumsOffset], arguments[SumsRow], arguments[SumsColumn], tile.rows, arguments);
  auto position = [&](int64_t i) { return b.add(to[i / tile.vectors], i % tile.vectors * lanes); };
  auto total = scf::IfOp::create(b, TypeRange(ValueRange(found)), arguments[Accumulate], /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(total.thenBlock());
    SmallVector<Value> added;
    for (auto [i, sum] : llvm::enumerate(found))
      added.push_back(arith::AddFOp::create(b, vector::LoadOp::create(b, tile.vector, sums, position(i)), sum));
    scf::YieldOp::create(b, added);
    b.setInsertionPointToStart(total.elseBlock());
    scf::YieldOp::create(b, found);
  }
  for (auto [i, sum] : llvm::enumerate(total.getResults()))
    vector::StoreOp::create(b, sum, sums, position(i));
}

/// All tiles of `count` positions of a rectangle, for which `length` elements of the panel are read. `behind`, if
/// given, takes the sums of each tile from where they stand alone.
static void emitConvTiles(KernelBuilder &b, const ConvTile &tile, Value count, Value length,
                          SmallVector<Value> arguments, function_ref<void(Value first, Value size)> behind) {
  auto emitTile = [&](Value number, Value first, int64_t rows) {
    arguments[First] = first;
    Value panel = arguments[PanelOffset];
    arguments[Ahead] = PanelAhead(tile.vector, tile.vectors).begin(b, number, panel, b.add(panel, length), length);
    if (behind)
      arguments[SumsOffset] = b.sub(b.index(0), b.mul(first, arguments[SumsColumn]));
    ConvTile part{tile.vector, rows, tile.vectors, tile.run};
    if (rows < tile.rows - 1) // there are few of these: not worth the code
      part.run.reset();
    std::string name = "conv_" + std::to_string(rows) + "x" + std::to_string(part.vectors);
    if (part.run)
      name += "_run" + std::to_string(*part.run);
    auto func = getOrCreateHelper(b, name, TypeRange(ValueRange(arguments)),
                                  [&](KernelBuilder &inside, ValueRange inner) { writeConvTile(inside, part, inner); });
    func::CallOp::create(b, func, arguments);
  };
  emitEvenTiles(b, count, tile.rows, emitTile, behind);
}

//===-- The kernel ----------------------------------------------------------------------------------------------===//

namespace {
/// Writes the loops of a kernel.
class ConvWriter {
public:
  ConvWriter(KernelEmitter &e, ConvOp op, VectorType vector, const ConvTiles &tiles)
      : e(e), b(e.builder, e.loc), op(op), vector(vector), tiles(tiles),
        problem(op, vector, tiles, b, e.shapes(), [&](OpFoldResult value) { return e.size(value); }) {
    auto bufferOf = [&](Value tensor) { return e.body.buffers[cast<BlockArgument>(tensor).getArgNumber()]; };
    input = bufferOf(op.getInput());
    filter = bufferOf(op.getFilter().getDefiningOp<UnpackOp>().getInput());
    scratch = elementPointer(b, e.loc, e.body.scratch, vector.getElementType());
    isGrouped = cast<RankedTensorType>(op.getFilter().getType()).getDimSize(0) != 1;
    isContiguous = !isGrouped && problem.axes[2].dilation == 1;
    Value taps = problem.axes[2].taps;
    if (auto length = ShapeBuilder::getConstant(b.mul(taps, problem.read)); length && isContiguous)
      wholeRun = *length;
    isInParts = problem.isInParts(tiles);
    panelSize = b.mul(problem.depth, problem.width);
  }

  void write() {
    b.loop(e.body.begin, e.body.end, 1, [&](Value unit) {
      // Blocks of positions are innermost: they share panels.
      Value channelBlock = b.div(unit, problem.blocks.blocks);
      block = windowBlock(b, problem.axes, problem.blocks, b.rem(unit, problem.blocks.blocks));
      Value first = b.mul(channelBlock, problem.unitPanels);
      Value end = b.min(b.add(first, problem.unitPanels), problem.panels);
      b.loop(first, end, 1, [&](Value panel) { writePanel(panel); });
    });
    e.builder.restoreInsertionPoint(b.saveInsertionPoint());
  }

private:
  void writePanel(Value panel) {
    auto &[depth, height, width] = problem.axes;
    group = isGrouped ? b.div(panel, problem.groupPanels) : b.index(0);
    Value firstOfGroup = b.mul(b.sub(panel, b.mul(group, problem.groupPanels)), problem.width);
    firstChannel = b.add(b.mul(group, problem.outputs), firstOfGroup);
    channels = b.min(b.index(problem.width), b.sub(problem.outputs, firstOfGroup));
    WindowRun depthTaps = runOf(b, depth, block.depth);
    Value rowLoops = tiles.isByRow ? height.taps : b.index(1);
    // Planes of taps one after the other, and rows of them where panels are too long for L2.
    b.loop(b.index(0), b.mul(depth.taps, rowLoops), 1, [&](Value part) {
      Value plane = b.div(part, rowLoops), row = b.rem(part, rowLoops);
      Value isInside = b.less(b.sub(plane, depthTaps.firstTap), depthTaps.taps); // below it, the difference is huge
      Value inputPlane =
          b.sub(b.add(b.mul(block.depth, depth.stride), b.mul(plane, depth.dilation)), b.index(depth.before));
      Value endRow = b.add(block.firstRow, block.rows), endColumn = b.add(block.firstColumn, block.columns);
      forEachRun(b, height, block.firstRow, endRow, [&](const WindowRun &rows) {
        forEachRun(b, width, block.firstColumn, endColumn, [&](const WindowRun &columns) {
          writeRectangle(panel, part, plane, inputPlane, isInside, row, rows, columns);
        });
      });
    });
    if (isInParts)
      emitElements(positionsOf(b, block));
  }

  void emitElements(const WindowPositions &positions) {
    emitWindowElements(e, b, op.getOutput(), positions, scratch, b.index(problem.width), firstChannel, channels);
  }

  void writeRectangle(Value panel, Value part, Value plane, Value inputPlane, Value isInside, Value row,
                      const WindowRun &rows, const WindowRun &columns) {
    auto &[depth, height, width] = problem.axes;
    Value firstTap = rows.firstTap, taps = rows.taps;
    if (tiles.isByRow) {
      taps = b.select(b.less(b.sub(row, rows.firstTap), rows.taps), b.index(1), b.index(0));
      firstTap = row;
    }
    taps = b.select(isInside, taps, b.index(0));
    Value inputRow =
        b.sub(b.add(b.mul(rows.first, height.stride), b.mul(firstTap, height.dilation)), b.index(height.before));
    Value inputColumn = b.sub(b.add(b.mul(columns.first, width.stride), b.mul(columns.firstTap, width.dilation)),
                              b.index(width.before));
    Value image = b.mul(block.image, depth.input);
    Value pixel =
        b.add(b.mul(b.add(b.mul(b.add(image, inputPlane), height.input), inputRow), width.input), inputColumn);
    Value tap = b.add(b.mul(b.add(b.mul(plane, height.taps), firstTap), width.taps), columns.firstTap);
    Value perTap = b.mul(problem.read, problem.width), inputLine = b.mul(width.input, problem.channels);

    SmallVector<Value> arguments(ArgumentCount);
    arguments[Input] = input;
    arguments[Panel] = filter;
    arguments[Sums] = scratch;
    arguments[InputOffset] = b.add(b.mul(pixel, problem.channels), b.mul(group, problem.read));
    arguments[PanelOffset] = b.add(b.mul(panel, panelSize), b.mul(tap, perTap));
    Value place =
        b.add(b.mul(b.sub(rows.first, block.firstRow), block.columns), b.sub(columns.first, block.firstColumn));
    arguments[SumsOffset] = b.mul(place, problem.width);
    arguments[First] = b.index(0);
    arguments[Columns] = columns.count;
    arguments[InputRow] = b.mul(inputLine, height.stride);
    arguments[InputColumn] = b.mul(problem.channels, width.stride);
    arguments[SumsRow] = b.mul(isInParts ? block.columns : columns.count, problem.width);
    arguments[SumsColumn] = b.index(problem.width);
    arguments[TapLoops] = taps;
    arguments[TapLoops + 1] = b.mul(inputLine, height.dilation);
    arguments[TapLoops + 2] = b.mul(width.taps, perTap);
    arguments[TapLoops + 3] = isContiguous ? b.index(1) : columns.taps;
    arguments[TapLoops + 4] = b.mul(problem.channels, width.dilation);
    arguments[TapLoops + 5] = perTap;
    arguments[Run] = isContiguous ? b.mul(columns.taps, problem.read) : problem.read;
    arguments[Accumulate] = b.less(b.index(0), part);
    Value count = b.mul(rows.count, columns.count);
    Value length = b.mul(b.mul(taps, width.taps), perTap);
    auto emitTileElements = [&](Value first, Value size) {
      emitElements({block.image, block.depth, rows.first, columns.first, columns.count, first, size});
    };
    function_ref<void(Value, Value)> behind;
    if (!isInParts)
      behind = emitTileElements;
    ConvTile tile{vector, tiles.rows, tiles.vectors, std::nullopt};
    if (!wholeRun || *wholeRun > kShortRun || *wholeRun % kRunUnroll == 0) {
      emitConvTiles(b, tile, count, length, arguments, behind);
      return;
    }
    auto isWhole = scf::IfOp::create(b, b.equal(columns.taps, width.taps), /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(isWhole.elseBlock()->getTerminator());
    emitConvTiles(b, tile, count, length, arguments, behind);
    b.setInsertionPoint(isWhole.thenBlock()->getTerminator());
    tile.run = wholeRun;
    emitConvTiles(b, tile, count, length, arguments, behind);
  }

  KernelEmitter &e;
  KernelBuilder b;
  ConvOp op;
  VectorType vector;
  const ConvTiles &tiles;
  ConvProblem problem;
  Value input, filter, scratch, panelSize;
  bool isGrouped;
  bool isContiguous; ///< taps of a row are one run of elements
  bool isInParts;    ///< sums stay in scratch until all taps are added; else those of a tile until it is done
  std::optional<int64_t> wholeRun;
  // The unit at hand.
  WindowBlock block;
  // The panel at hand.
  Value group, firstChannel, channels;
};

class ConvFamily : public KernelFamily {
public:
  StringRef name() const override { return "conv"; }
  /// Groups of one channel each way are the window family's.
  bool takes(const CpuTarget &target, Operation *op) const override {
    auto conv = dyn_cast<ConvOp>(op);
    if (!conv || rankOf(conv.getInput()) > 5)
      return false;
    Type element = elementTypeOf(conv.getOutput());
    auto filter = cast<RankedTensorType>(conv.getFilter().getType());
    return isa<Float32Type, Float64Type>(element) && elementTypeOf(conv.getInput()) == element &&
           filter.getElementType() == element && !windowFamily().takes(target, op);
  }
  bool fusesBefore(const CpuTarget &, OpOperand &operand) const override {
    auto unpack = operand.get().getDefiningOp<UnpackOp>();
    return unpack && operand.getOperandNumber() == 1 && unpack.getTiles().size() == 1 &&
           unpack.getLayout() == panels(unpack.getTiles()[0]);
  }
  bool fusesBehind(const CpuTarget &, Operation *, Operation *reader) const override {
    return isa<ScalarOpInterface>(reader);
  }
  bool writesLast(KernelOp) const override { return true; }
  std::optional<TileLayout> layoutOf(const CpuTarget &target, Operation *op, unsigned operand) const override {
    if (operand != 1)
      return std::nullopt;
    return panels(chosenVectors(target, cast<ConvOp>(op)) * registerOf(target, cast<ConvOp>(op)).getNumElements());
  }
  /// A filter that is no weight lies in no panels: that is computed generically.
  Operation *find(const CpuTarget &target, KernelOp kernel) const override {
    auto conv = dyn_cast_or_null<ConvOp>(KernelFamily::find(target, kernel));
    return conv && conv.getFilter().getDefiningOp<UnpackOp>() ? conv : nullptr;
  }

  ArrayRef<KernelParameter> parameters() const override {
    static constexpr KernelParameter all[] = {
        {"rows", 1, 32}, {"vectors", 1, 8}, {"positions", 1, 1 << 16}, {"by_row", 0, 1}};
    return all;
  }
  SmallVector<int64_t> choose(const CpuTarget &target, KernelOp kernel) const override {
    auto conv = *kernel.getBody().front().getOps<ConvOp>().begin();
    const ConvLevel &level = target.pick(kLevels);
    int64_t vectors = chosenVectors(target, conv);
    auto filter = cast<RankedTensorType>(conv.getFilter().getType());
    int64_t width = vectors * registerOf(target, conv).getNumElements();
    int64_t bytes = width * filter.getElementTypeBitWidth() / 8, outputs = filter.getDimSize(0) * filter.getDimSize(1);
    bool isByRow = filter.hasStaticShape() &&
                   double(bytes) * double(filter.getNumElements()) / double(std::max<int64_t>(outputs, 1)) >
                       double(level.panelBytes);
    return {tileRows(vectors, level.sums), vectors, level.positions, isByRow};
  }

  double cost(const FamilyKernel &kernel, KernelNumbers &numbers) const override {
    auto conv = cast<ConvOp>(kernel.op);
    unsigned bits = elementTypeOf(conv.getOutput()).getIntOrFloatBitWidth();
    double outputs = numbers(numbers.shapes().dim(conv.getFilter(), 1));
    double panel = double(read(kernel).vectors * registerOf(kernel.target, conv).getNumElements());
    double padded = std::ceil(outputs / panel) * panel / std::max(outputs, 1.0);
    double rate = flopsPerCycle(kernel.target.pick(kLevels).flops, bits);
    double beside = numbers.flopsBeside(conv) / flopsPerCycle(kernel.target.figures->flops, bits);
    return numbers.cycles(kernel.target, numbers.flops(conv) * padded / rate + beside);
  }

  LogicalResult verify(const FamilyKernel &kernel) const override {
    auto conv = cast<ConvOp>(kernel.op);
    int64_t width = read(kernel).vectors * registerOf(kernel.target, conv).getNumElements();
    if (kBunchChannels % width != 0)
      return kernelError(kernel.kernel) << "has panels of " << width << " output channels, which do not divide "
                                        << kBunchChannels;
    if (!(conv.getFilter().getDefiningOp<UnpackOp>().getLayout() == panels(width)))
      return kernelError(kernel.kernel) << "reads a filter that does not lie in panels of " << width
                                        << " output channels, which its parameters and the target ask for";
    return success();
  }

  LaunchRange range(OpBuilder &builder, const FamilyKernel &kernel, ShapeBuilder &shapes,
                    function_ref<Value(OpFoldResult)> size) const override {
    auto conv = cast<ConvOp>(kernel.op);
    KernelBuilder b(builder, conv.getLoc());
    VectorType vector = registerOf(kernel.target, conv);
    ConvProblem problem(conv, vector, read(kernel), b, shapes, size);
    LaunchRange range;
    range.count = b.mul(problem.blocks.blocks, problem.channelBlocks);
    Value positions = b.mul(problem.blocks.rows, problem.blocks.columns);
    // About 5 us of work: 2^18 multiply-adds.
    Value cost = b.mul(b.mul(positions, b.mul(problem.unitPanels, problem.width)), b.max(problem.depth, b.index(1)));
    range.grain = b.ceilDiv(b.index(1 << 18), b.max(cost, b.index(1)));
    Value elements = problem.scratchElements(b, read(kernel));
    range.scratchBytes = b.mul(elements, vector.getElementTypeBitWidth() / 8);
    return range;
  }
  void build(KernelEmitter &emitter, const FamilyKernel &kernel) const override {
    auto conv = cast<ConvOp>(kernel.op);
    ConvTiles tiles = read(kernel);
    ConvWriter(emitter, conv, registerOf(kernel.target, conv), tiles).write();
  }

private:
  static VectorType registerOf(const CpuTarget &target, ConvOp conv) {
    return vectorRegister(target, elementTypeOf(conv.getOutput()));
  }
  static TileLayout panels(int64_t outputs) { return {{1}, {outputs}, {}}; }
  static ConvTiles read(const FamilyKernel &kernel) {
    ArrayRef<int64_t> values = kernel.parameters;
    return {values[0], values[1], values[2], values[3]};
  }
  /// Of a panel.
  static int64_t chosenVectors(const CpuTarget &target, ConvOp conv) {
    int64_t outputs = cast<RankedTensorType>(conv.getFilter().getType()).getDimSize(1);
    return panelVectors(outputs, registerOf(target, conv).getNumElements(), target.pick(kLevels).vectors);
  }
};
} // namespace

const KernelFamily &hone::convFamily() {
  static const ConvFamily family;
  return family;
}
