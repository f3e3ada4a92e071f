// Windows over each channel by itself: hone.pool, and hone.conv with a group for each channel (depthwise convolution).
//
// Lanes are channels. Positions side by side in a row share what their windows have in common.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/Families.h"
#include "compiler/codegen/cpu/Window.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numeric>

using namespace mlir;
using namespace hone;

/// Positions of a tile: with the elements that they share they fill the registers.
static constexpr std::pair<StringLiteral, int64_t> kTilePositions[] = {{"x86-64-v3", 4}, {"x86-64-v4", 8}};
/// Taps of a row of the window that are unrolled at most.
static constexpr int64_t kMostTaps = 8;
/// Sums of a block, which stay in L2.
static constexpr int64_t kBlockElements = 1 << 15;

namespace {
/// The op, whichever it is.
struct Windowed {
  explicit Windowed(Operation *op)
      : op(op), input(op->getOperand(0)), filter(isa<ConvOp>(op) ? op->getOperand(1) : Value()),
        output(op->getResult(0)) {}

  SmallVector<WindowDim, 3> dims(ShapeBuilder &shapes) const {
    auto conv = dyn_cast<ConvOp>(op);
    return conv ? windowDims(conv, shapes) : windowDims(cast<PoolOp>(op), shapes);
  }
  ReduceKind kind() const { return filter ? ReduceKind::Sum : cast<PoolOp>(op).getKind(); }
  int64_t channels() const { return cast<RankedTensorType>(output.getType()).getShape().back(); }
  /// Results of the kernel are the op's own.
  bool isLast() const { return op->getBlock()->getTerminator()->getOperand(0) == output; }

  Operation *op;
  Value input, filter, output;
};

/// Some positions of a row, all channels.
struct WindowTile {
  VectorType vector;
  bool hasFilter;
  int64_t positions, stride, dilation;
  std::optional<int64_t> taps; ///< of a row, if they are few
};
/// The arguments of a tile's function, in order.
enum WindowArgument {
  Input,
  Filter,
  Sums,
  InputOffset, ///< of the first position's first tap
  FilterOffset,
  SumsOffset,
  Channels,
  Taps,     ///< of a row
  TapLoops, ///< two, over planes and rows of taps: count, step in the input, step in the filter
  ArgumentCount = TapLoops + 6
};
} // namespace

/// `combine` combines two vectors of sums.
static void writeWindowTile(KernelBuilder &b, const WindowTile &tile, Value initial,
                            function_ref<Value(Value, Value)> combine, ValueRange arguments) {
  Value input = flatView(b, b.getLoc(), arguments[Input]), filter = flatView(b, b.getLoc(), arguments[Filter]);
  Value sums = flatView(b, b.getLoc(), arguments[Sums]), channels = arguments[Channels];
  int64_t lanes = tile.vector.getNumElements();
  auto loadAt = [&](Value memory, Value at) { return vector::LoadOp::create(b, tile.vector, memory, at).getResult(); };
  /// Adds a tap of each position.
  auto addTap = [&](Value filterAt, function_ref<Value(int64_t position)> element, SmallVector<Value> &next) {
    Value weight = tile.hasFilter ? loadAt(filter, filterAt) : Value();
    for (int64_t p = 0; p < tile.positions; ++p)
      next[p] = weight ? Value(vector::FMAOp::create(b, element(p), weight, next[p])) : combine(next[p], element(p));
  };
  auto overRow = [&](ValueRange inputs, Value filterAt, ValueRange carried) {
    Value inputAt = inputs[0];
    SmallVector<Value> next(carried);
    if (tile.taps) {
      // What positions have in common is loaded once.
      std::map<int64_t, Value> loaded;
      for (int64_t tap = 0; tap < *tile.taps; ++tap)
        addTap(
            b.add(filterAt, b.mul(channels, tap)),
            [&](int64_t position) {
              int64_t place = position * tile.stride + tap * tile.dilation;
              Value &element = loaded[place];
              if (!element)
                element = loadAt(input, b.add(inputAt, b.mul(channels, place)));
              return element;
            },
            next);
      return next;
    }
    scf::ForOp taps = b.loop(b.index(0), arguments[Taps], 1, carried, [&](Value tap, ValueRange inner) {
      SmallVector<Value> sums(inner);
      Value first = b.mul(tap, tile.dilation);
      addTap(
          b.add(filterAt, b.mul(channels, tap)),
          [&](int64_t position) {
            return loadAt(input, b.add(inputAt, b.mul(channels, b.add(first, position * tile.stride))));
          },
          sums);
      return sums;
    });
    annotateRolledLoop(taps);
    return SmallVector<Value>(taps.getResults());
  };
  Value start = b.broadcast(tile.vector, initial);
  b.loop(b.index(0), b.ceilDiv(channels, lanes), 1, [&](Value number) {
    // The last channels may be computed twice.
    Value channel = b.min(b.mul(number, lanes), b.sub(channels, b.index(lanes)));
    SmallVector<Value> found =
        emitTapLoops(b, arguments.slice(TapLoops, 6), b.add(arguments[InputOffset], channel),
                     b.add(arguments[FilterOffset], channel), SmallVector<Value>(tile.positions, start), overRow);
    for (auto [position, sum] : llvm::enumerate(found))
      vector::StoreOp::create(b, sum, sums,
                              ValueRange{b.add(b.add(arguments[SumsOffset], channel), b.mul(channels, position))});
  });
}

namespace {
/// Writes the loops of a kernel.
class WindowWriter {
public:
  WindowWriter(KernelEmitter &e, const Windowed &windowed, VectorType vector, int64_t tilePositions,
               int64_t blockPositions)
      : e(e), b(e.builder, e.loc), windowed(windowed), vector(vector), tilePositions(tilePositions),
        axes(windowAxes(windowed.dims(e.shapes()), b, [&](OpFoldResult value) { return e.size(value); })),
        batch(e.size(e.shapes().dim(windowed.input, 0))), channels(b.index(windowed.channels())),
        blocks(windowBlocks(b, axes, batch, blockPositions, 1, b.index(1))) {
    auto bufferOf = [&](Value tensor) { return e.body.buffers[cast<BlockArgument>(tensor).getArgNumber()]; };
    input = filter = bufferOf(windowed.input);
    if (windowed.filter)
      filter = bufferOf(windowed.filter.getDefiningOp<UnpackOp>().getInput());
    sums = windowed.isLast() ? e.body.buffers[e.kernel.getTensorCount()]
                             : elementPointer(b, e.loc, e.body.scratch, vector.getElementType());
  }

  void write() {
    auto &[depth, height, width] = axes;
    b.loop(e.body.begin, e.body.end, 1, [&](Value unit) {
      block = windowBlock(b, axes, blocks, unit);
      WindowRun planes = runOf(b, depth, block.depth);
      Value endRow = b.add(block.firstRow, block.rows), endColumn = b.add(block.firstColumn, block.columns);
      forEachRun(b, height, block.firstRow, endRow, [&](const WindowRun &rows) {
        b.loop(b.index(0), rows.count, 1, [&](Value row) {
          forEachRun(b, width, block.firstColumn, endColumn,
                     [&](const WindowRun &columns) { writeRow(planes, rows, b.add(rows.first, row), columns); });
        });
      });
      if (!windowed.isLast())
        emitWindowElements(e, b, windowed.output, positionsOf(b, block), sums, channels, b.index(0), channels);
    });
    e.builder.restoreInsertionPoint(b.saveInsertionPoint());
  }

private:
  /// Where the first tap of a position lies in a dim of the input.
  Value placeOf(const WindowAxis &axis, Value position, Value firstTap) {
    return b.sub(b.add(b.mul(position, axis.stride), b.mul(firstTap, axis.dilation)), b.index(axis.before));
  }

  void writeRow(const WindowRun &planes, const WindowRun &rows, Value row, const WindowRun &columns) {
    auto &[depth, height, width] = axes;
    Value place = b.add(b.mul(block.image, depth.input), placeOf(depth, block.depth, planes.firstTap));
    place = b.add(b.mul(place, height.input), placeOf(height, row, rows.firstTap));
    place = b.add(b.mul(place, width.input), placeOf(width, columns.first, columns.firstTap));
    Value tap = b.add(b.mul(planes.firstTap, height.taps), rows.firstTap);
    tap = b.add(b.mul(tap, width.taps), columns.firstTap);
    Value line = b.mul(width.input, channels), filterLine = b.mul(width.taps, channels);
    SmallVector<Value> arguments(ArgumentCount);
    arguments[Input] = input;
    arguments[Filter] = filter;
    arguments[Sums] = sums;
    arguments[InputOffset] = b.mul(place, channels);
    arguments[FilterOffset] = b.mul(tap, channels);
    arguments[Channels] = channels;
    arguments[Taps] = columns.taps;
    arguments[TapLoops] = planes.taps;
    arguments[TapLoops + 1] = b.mul(b.mul(height.input, line), depth.dilation);
    arguments[TapLoops + 2] = b.mul(height.taps, filterLine);
    arguments[TapLoops + 3] = rows.taps;
    arguments[TapLoops + 4] = b.mul(line, height.dilation);
    arguments[TapLoops + 5] = filterLine;
    Value result = b.add(b.mul(b.sub(row, block.firstRow), block.columns), b.sub(columns.first, block.firstColumn));
    if (windowed.isLast()) {
      result = b.add(b.mul(block.image, depth.positions), block.depth);
      result = b.add(b.mul(b.add(b.mul(result, height.positions), row), width.positions), columns.first);
    }
    arguments[SumsOffset] = b.mul(result, channels);

    std::optional<int64_t> taps = ShapeBuilder::getConstant(width.taps);
    if (taps && *taps > kMostTaps)
      taps.reset();
    if (!taps || !width.hasPads)
      return writeTiles(taps, tilePositions, columns.count, arguments);
    // At the ends, positions have windows of their own: their taps are not worth code.
    auto isWhole = scf::IfOp::create(b, b.equal(columns.taps, width.taps), /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(isWhole.elseBlock()->getTerminator());
    writeTiles(std::nullopt, 1, columns.count, arguments);
    b.setInsertionPoint(isWhole.thenBlock()->getTerminator());
    writeTiles(taps, tilePositions, columns.count, arguments);
  }

  /// Tiles of `most` positions, split evenly.
  void writeTiles(std::optional<int64_t> taps, int64_t most, Value count, SmallVector<Value> arguments) {
    Value firstInput = arguments[InputOffset], firstSums = arguments[SumsOffset];
    emitEvenTiles(b, count, most, [&](Value, Value first, int64_t positions) {
      arguments[InputOffset] = b.add(firstInput, b.mul(b.mul(first, axes[2].stride), channels));
      arguments[SumsOffset] = b.add(firstSums, b.mul(first, channels));
      WindowTile tile{vector, bool(windowed.filter), positions, axes[2].stride, axes[2].dilation, taps};
      std::string name = "window_" + std::to_string(positions) + (taps ? "x" + std::to_string(*taps) : "");
      auto func =
          getOrCreateHelper(b, name, TypeRange(ValueRange(arguments)), [&](KernelBuilder &inside, ValueRange inner) {
            Type element = elementTypeOf(windowed.output);
            auto buildInside = [&](function_ref<Value()> build) {
              Value built;
              e.buildAt(inside, [&] { built = build(); });
              return built;
            };
            Value initial = buildInside([&] { return neutralElement(e, windowed.kind(), element); });
            auto combineTwo = [&](Value a, Value b) {
              return buildInside([&] { return combine(e, windowed.kind(), a, b, element); });
            };
            writeWindowTile(inside, tile, initial, combineTwo, inner);
          });
      func::CallOp::create(b, func, arguments);
    });
  }

  KernelEmitter &e;
  KernelBuilder b;
  const Windowed &windowed;
  VectorType vector;
  int64_t tilePositions;
  WindowAxes axes;
  Value batch, channels;
  WindowBlocks blocks;
  Value input, filter, sums;
  WindowBlock block; // at hand
};

class WindowFamily : public KernelFamily {
public:
  StringRef name() const override { return "window"; }
  bool takes(const CpuTarget &, Operation *op) const override {
    if (!isa<ConvOp, PoolOp>(op))
      return false;
    Windowed windowed(op);
    Type element = elementTypeOf(windowed.output);
    if (rankOf(windowed.input) > 5 || windowed.channels() < 1 || element.isInteger(1))
      return false;
    auto conv = dyn_cast<ConvOp>(op);
    if (!conv)
      return true;
    auto filter = cast<RankedTensorType>(conv.getFilter().getType());
    return isa<FloatType>(element) && elementTypeOf(conv.getInput()) == element && filter.getElementType() == element &&
           filter.getDimSize(1) == 1 && filter.getShape().back() == 1;
  }
  bool fusesBefore(const CpuTarget &, OpOperand &operand) const override {
    auto unpack = operand.get().getDefiningOp<UnpackOp>();
    return unpack && operand.getOperandNumber() == 1 && unpack.getLayout() == channelsLast(operand.get());
  }
  bool fusesBehind(const CpuTarget &, Operation *, Operation *reader) const override {
    return isa<ScalarOpInterface>(reader);
  }
  bool writesLast(KernelOp) const override { return true; }
  std::optional<TileLayout> layoutOf(const CpuTarget &, Operation *op, unsigned operand) const override {
    return operand == 1 ? std::optional(channelsLast(op->getOperand(1))) : std::nullopt;
  }
  /// A filter that is no weight has channels first: that is computed generically.
  Operation *find(const CpuTarget &target, KernelOp kernel) const override {
    Operation *op = KernelFamily::find(target, kernel);
    return op && (isa<PoolOp>(op) || op->getOperand(1).getDefiningOp<UnpackOp>()) ? op : nullptr;
  }

  ArrayRef<KernelParameter> parameters() const override {
    static constexpr KernelParameter all[] = {{"tile_positions", 1, 16}, {"block_positions", 1, 1 << 16}};
    return all;
  }
  SmallVector<int64_t> choose(const CpuTarget &target, KernelOp kernel) const override {
    Value output;
    for (Operation &op : kernel.getBody().front())
      if (takes(target, &op))
        output = op.getResult(0);
    int64_t channels = cast<RankedTensorType>(output.getType()).getShape().back();
    return {target.pick(kTilePositions), std::clamp<int64_t>(kBlockElements / channels, 16, 4096)};
  }

  double cost(const FamilyKernel &kernel, KernelNumbers &numbers) const override {
    unsigned bits = elementTypeOf(kernel.op->getResult(0)).getIntOrFloatBitWidth();
    double cycles = numbers.flopsBeside(nullptr) / flopsPerCycle(kernel.target.figures->flops, bits);
    return numbers.cycles(kernel.target, cycles);
  }

  LaunchRange range(OpBuilder &builder, const FamilyKernel &kernel, ShapeBuilder &shapes,
                    function_ref<Value(OpFoldResult)> size) const override {
    Windowed windowed(kernel.op);
    KernelBuilder b(builder, kernel.op->getLoc());
    WindowAxes axes = windowAxes(windowed.dims(shapes), b, size);
    Value batch = size(shapes.dim(windowed.input, 0));
    WindowBlocks blocks = windowBlocks(b, axes, batch, kernel.parameters[1], 1, b.index(1));
    Value sums = b.mul(b.mul(blocks.rows, blocks.columns), windowed.channels());
    Value taps = b.max(b.mul(axes[0].taps, b.mul(axes[1].taps, axes[2].taps)), b.index(1));
    LaunchRange range;
    range.count = blocks.blocks;
    // About 10 us of work.
    range.grain = b.ceilDiv(b.index(1 << 16), b.max(b.mul(sums, taps), b.index(1)));
    int64_t bytes = std::max(elementTypeOf(windowed.output).getIntOrFloatBitWidth() / 8, 1u);
    range.scratchBytes = windowed.isLast() ? b.index(0) : b.mul(sums, bytes);
    return range;
  }
  void build(KernelEmitter &emitter, const FamilyKernel &kernel) const override {
    Windowed windowed(kernel.op);
    Type element = memoryElement(windowed.output.getType());
    int64_t lanes = vectorRegister(kernel.target, element).getNumElements();
    while (lanes > windowed.channels())
      lanes /= 2;
    WindowWriter(emitter, windowed, VectorType::get({lanes}, element), kernel.parameters[0], kernel.parameters[1])
        .write();
  }

private:
  /// [channels, 1, window.., 1] with the channels behind all others.
  static TileLayout channelsLast(Value filter) {
    TileLayout layout;
    llvm::append_range(layout.order, llvm::seq<int64_t>(1, rankOf(filter)));
    layout.order.push_back(0);
    return layout;
  }
};
} // namespace

const KernelFamily &hone::windowFamily() {
  static const WindowFamily family;
  return family;
}
