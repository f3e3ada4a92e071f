// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/Matmul.h"
#include "compiler/codegen/cpu/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace hone;

namespace {

/// How a problem is cut: into units of `rows` rows x `groups` column groups, each unit into k blocks of `depth`.
struct Blocks {
  Value rows, rowBlocks;
  Value groups, columnBlocks;
  Value depth, depthBlocks;
  Value packed; ///< k blocks of B that are kept packed, if that is done here: all of them or one
};

/// Column groups of a unit at most: B's block (groups x depth) and A's (rows x depth) fill L2 together.
constexpr int64_t kMaxGroups = 4;
/// Units that a problem is cut into if its size allows it: enough for 8 threads to even out.
constexpr int64_t kWantedUnits = 64, kWantedUnitsAtLeast = 16;
/// Values of k of B that are packed at a time to be read once.
constexpr int64_t kFreshDepth = 48;
/// k blocks of B that are kept packed at most, for the next block of rows.
constexpr int64_t kMaxPackedBlocks = 4;
/// Rows below which cutting M costs more than it gives.
constexpr int64_t kMinRows = 24;
/// Values of k that one call of a tile goes through at most: half a millisecond, between two looks at the cancellation
/// flag.
constexpr int64_t kLongestDepth = 1 << 18;

} // namespace

// Measured on Zen 3 (32 KiB of L1, 512 KiB of L2) and Ice Lake (48 KiB, 1280 KiB). A tile of R x V vectors needs R * V
// sums, V of B and one broadcast of A: 15 of 16 registers, 29 of 32.
static constexpr std::pair<StringLiteral, MatmulTiles> kTilesOfLevels[] = {
    {"x86-64-v3", {/*rows=*/6, /*vectors=*/2, /*streamedPanels=*/4, /*depthBlock=*/384, /*rowBlock=*/96}},
    {"x86-64-v4", {/*rows=*/6, /*vectors=*/4, /*streamedPanels=*/2, /*depthBlock=*/512, /*rowBlock=*/192}},
};

MatmulTiles hone::matmulTiles(const CpuTarget &target) { return target.pick(kTilesOfLevels); }

static Blocks chooseBlocks(KernelBuilder &b, VectorType vector, const MatmulTiles &tiles, const MatmulShape &shape,
                           MatmulRight right) {
  Value one = b.index(1);
  Value groups = b.ceilDiv(shape.n, kMatmulGroupColumns);
  Value uncut = shape.batch ? b.mul(groups, shape.batch) : groups;
  Value wanted = b.ceilDiv(b.index(kWantedUnitsAtLeast), b.max(uncut, one));
  Value rowBlocks = b.max(b.ceilDiv(shape.m, tiles.rowBlock), b.min(b.ceilDiv(shape.m, kMinRows), wanted));
  Blocks blocks;
  blocks.rows = b.roundUp(b.ceilDiv(b.max(shape.m, one), b.max(rowBlocks, one)), tiles.rows);
  blocks.rows = b.min(blocks.rows, b.roundUp(b.index(tiles.rowBlock), tiles.rows)); // for who reads bounds
  blocks.rowBlocks = b.ceilDiv(shape.m, blocks.rows);
  Value spread = b.div(b.mul(groups, blocks.rowBlocks), kWantedUnits);
  int64_t streamedGroups =
      std::max<int64_t>(tiles.streamedPanels * tiles.panelColumns(vector) / kMatmulGroupColumns, 1);
  Value least = b.select(b.less(shape.m, b.index(tiles.streamedPanels)), b.index(streamedGroups), one);
  blocks.groups = b.min(b.max(spread, least), b.index(kMaxGroups));
  blocks.columnBlocks = b.ceilDiv(groups, blocks.groups);

  // One tile of rows reads B once: no reason to cut k, unless a tile takes too long, or B is packed here, which then
  // stays in L1.
  int64_t onceDepth = right == MatmulRight::Packed ? kLongestDepth : kFreshDepth;
  Value depthBlock = b.select(b.less(b.index(tiles.rows), shape.m), b.index(tiles.depthBlock), b.index(onceDepth));
  Value depthBlocks = b.max(b.ceilDiv(shape.k, depthBlock), one);
  blocks.depth = b.roundUp(b.ceilDiv(shape.k, depthBlocks), kMatmulDepthUnit);
  blocks.depthBlocks = depthBlocks;
  Value keepsAll =
      b.select(b.less(one, blocks.rowBlocks), b.less(depthBlocks, b.index(kMaxPackedBlocks + 1)), b.boolean(false));
  blocks.packed = b.select(keepsAll, depthBlocks, one);
  return blocks;
}

/// Elements of scratch for the sums of one unit: all of them, or those of a last panel that is wider than C.
static Value sumsElements(KernelBuilder &b, VectorType vector, const MatmulTiles &tiles, const MatmulShape &shape,
                          const Blocks &blocks, bool hasEpilogue) {
  if (hasEpilogue)
    return b.mul(blocks.rows, b.mul(blocks.groups, kMatmulGroupColumns));
  Value whole = b.equal(b.rem(shape.n, tiles.panelColumns(vector)), b.index(0));
  return b.select(whole, b.index(0), b.mul(blocks.rows, tiles.panelColumns(vector)));
}

LaunchRange hone::matmulRange(OpBuilder &builder, Location loc, VectorType vector, const MatmulTiles &tiles,
                              const MatmulShape &shape, MatmulRight right, bool hasEpilogue) {
  KernelBuilder b(builder, loc);
  Blocks blocks = chooseBlocks(b, vector, tiles, shape, right);
  Value columns = b.mul(blocks.groups, kMatmulGroupColumns);
  LaunchRange range;
  range.count = b.mul(blocks.rowBlocks, blocks.columnBlocks);
  if (shape.batch)
    range.count = b.mul(range.count, shape.batch);
  // About 5 us of work: 2^18 multiply-adds, where reading B counts like 8 rows.
  Value cost = b.mul(b.mul(b.add(b.min(blocks.rows, shape.m), 8), columns), b.max(shape.k, b.index(1)));
  range.grain = b.ceilDiv(b.index(1 << 18), b.max(cost, b.index(1))); // dims of an empty product may wrap
  Value elements = sumsElements(b, vector, tiles, shape, blocks, hasEpilogue);
  if (right != MatmulRight::Packed)
    elements = b.add(elements, b.mul(b.mul(columns, blocks.depth), blocks.packed));
  range.scratchBytes = b.mul(elements, vector.getElementTypeBitWidth() / 8);
  return range;
}

namespace {

/// Writes the loops of one kernel, which leaves its sums in `c` or hands them to `epilogue`.
class MatmulWriter {
public:
  MatmulWriter(KernelBuilder &b, VectorType vector, const MatmulTiles &tiles, const MatmulOperands &operands,
               const MatmulResult *c, MatmulEpilogue epilogue)
      : b(b), vector(vector), tiles(tiles), operands(operands), shape(operands.shape), c(c), epilogue(epilogue),
        width(tiles.panelColumns(vector)), blocks(chooseBlocks(b, vector, tiles, operands.shape, operands.right)) {
    panelCount = b.ceilDiv(shape.n, width);
    scratch = elementPointer(b, b.getLoc(), operands.scratch, vector.getElementType());
    slabOffset = sumsElements(b, vector, tiles, shape, blocks, /*hasEpilogue=*/!c);
  }

  void write() {
    Value unitsPerEntry = b.mul(blocks.rowBlocks, blocks.columnBlocks);
    // Row blocks are innermost: they share B's block.
    b.loop(operands.begin, operands.end, 1, b.index(-1), [&](Value unit, ValueRange packed) -> SmallVector<Value> {
      Value columnBlock = b.div(unit, blocks.rowBlocks); // counted over the whole batch
      Value isSame = b.equal(columnBlock, packed[0]);
      mustPack = b.select(isSame, b.less(blocks.packed, blocks.depthBlocks), b.boolean(true));
      offsets = {b.index(0), b.index(0), b.index(0)};
      if (shape.batch) {
        batch = b.div(unit, unitsPerEntry);
        unit = b.rem(unit, unitsPerEntry);
        offsets = operands.offsets(b, b.getLoc(), batch);
      }
      firstRow = b.mul(b.rem(unit, blocks.rowBlocks), blocks.rows);
      rows = b.min(b.sub(shape.m, firstRow), blocks.rows);
      firstPanel = b.mul(b.div(unit, blocks.rowBlocks), b.mul(blocks.groups, kMatmulGroupColumns / width));
      panels = b.min(b.sub(panelCount, firstPanel), b.mul(blocks.groups, kMatmulGroupColumns / width));
      firstColumn = b.mul(firstPanel, width);
      columns = b.min(b.sub(shape.n, firstColumn), b.mul(panels, width));
      writeUnit();
      return {columnBlock};
    });
  }

private:
  void writeUnit() {
    b.loop(b.index(0), blocks.depthBlocks, 1, [&](Value block) { writeDepthBlock(block); });
    if (c)
      writeLastPanel();
    else
      writeEpilogue();
  }

  /// Where the unit's sums are, from its first element.
  TileMatrix sums() {
    if (!c)
      return {scratch, b.index(0), b.mul(blocks.groups, kMatmulGroupColumns)};
    return {c->pointer, b.add(offsets.c, b.add(b.mul(firstRow, c->rowStride), firstColumn)), c->rowStride};
  }

  /// The sums of one panel. A panel that reaches beyond C is kept in scratch.
  TileMatrix panelSums(Value panel) {
    TileMatrix unit = sums();
    TileMatrix result = {unit.pointer, b.add(unit.offset, b.mul(panel, width)), unit.rowStride};
    if (!c)
      return result;
    Value beyond = b.less(columns, b.mul(b.add(panel, 1), width));
    return {b.select(beyond, scratch, result.pointer), b.select(beyond, b.index(0), result.offset),
            b.select(beyond, b.index(width), result.rowStride)};
  }

  void writeDepthBlock(Value block) {
    Value first = b.mul(block, blocks.depth), depth = b.min(b.sub(shape.k, first), blocks.depth);
    Value accumulate = b.less(b.index(0), block);
    TileMatrix left = {operands.a, b.add(offsets.a, b.add(b.mul(firstRow, operands.aRowStride), first)),
                       operands.aRowStride};
    TileMatrix right;
    Value panelStride;
    if (operands.right == MatmulRight::Packed) {
      panelStride = b.mul(shape.k, width);
      right = {operands.b,
               b.add(b.add(offsets.b, b.mul(firstPanel, panelStride)), b.mul(first, width)),
               {},
               operands.bElement};
    } else {
      panelStride = b.mul(blocks.depth, width);
      Value slab = b.select(b.equal(blocks.packed, b.index(1)), b.index(0),
                            b.mul(first, b.mul(blocks.groups, kMatmulGroupColumns)));
      right = {scratch, b.add(slabOffset, slab), {}};
      b.when(mustPack, [&] { writePacking(first, depth, right, panelStride); });
    }
    Value done = writeFewRows(left, right, panelStride, depth, accumulate);
    b.loop(done, panels, 1, [&](Value panel) {
      TileMatrix at = {right.pointer, b.add(right.offset, b.mul(panel, panelStride)), {}, right.element};
      if (operands.right == MatmulRight::Packed && !operands.bElement)
        at.ahead = b.add(at.offset, panelStride);
      emitTileRows(b, {vector, tiles.rows, tiles.vectors}, rows, left, at, depth, panelSums(panel), accumulate);
    });
  }

  void writePacking(Value first, Value depth, const TileMatrix &slab, Value panelStride) {
    bool transposed = operands.right == MatmulRight::Transposed;
    b.loop(b.index(0), panels, 1, [&](Value panel) {
      Value column = b.add(firstColumn, b.mul(panel, width));
      Value offset = transposed ? b.add(b.mul(column, operands.bRowStride), first)
                                : b.add(b.mul(first, operands.bRowStride), column);
      TileMatrix source = {operands.b, b.add(offsets.b, offset), operands.bRowStride, operands.bElement};
      TileMatrix packed = {slab.pointer, b.add(slab.offset, b.mul(panel, panelStride)), {}};
      Value count = b.min(b.sub(shape.n, column), b.index(width));
      emitPackPanel(b, vector, tiles.vectors, transposed, source, count, depth, packed);
    });
  }

  /// One or two rows are bound by reading B, which several panels at once do faster. Returns the number of panels done.
  Value writeFewRows(const TileMatrix &left, const TileMatrix &right, Value panelStride, Value depth,
                     Value accumulate) {
    SmallVector<int64_t> cases;
    for (int64_t count = 1; tiles.streamedPanels / count > 1; ++count)
      cases.push_back(count);
    if (cases.empty())
      return b.index(0);
    Value whole = c ? b.div(columns, width) : panels;
    auto choice = scf::IndexSwitchOp::create(b, b.getIndexType(), rows, cases, cases.size());
    OpBuilder::InsertionGuard guard(b);
    for (auto [i, region] : llvm::enumerate(choice.getCaseRegions())) {
      b.setInsertionPointToStart(&region.emplaceBlock());
      int64_t together = tiles.streamedPanels / cases[i];
      Value end = b.mul(b.div(whole, together), together);
      b.loop(b.index(0), end, together, [&](Value panel) {
        TileMatrix at = {right.pointer, b.add(right.offset, b.mul(panel, panelStride)), {}, right.element};
        TileMatrix to = sums();
        to.offset = b.add(to.offset, b.mul(panel, width));
        emitTile(b, {vector, cases[i], tiles.vectors, together}, left, at, panelStride, depth, to, accumulate);
      });
      scf::YieldOp::create(b, end);
    }
    b.setInsertionPointToStart(&choice.getDefaultRegion().emplaceBlock());
    scf::YieldOp::create(b, b.index(0));
    return choice.getResult(0);
  }

  /// Copies what panelSums kept in scratch to C.
  void writeLastPanel() {
    TileMatrix to = sums();
    Value source = flatView(b, b.getLoc(), scratch), destination = flatView(b, b.getLoc(), to.pointer);
    Value count = b.rem(columns, width), first = b.sub(columns, count);
    b.loop(b.index(0), b.select(b.equal(count, b.index(0)), b.index(0), rows), 1, [&](Value row) {
      b.loop(b.index(0), count, 1, [&](Value j) {
        Value value = memref::LoadOp::create(b, source, ValueRange{b.add(b.mul(row, width), j)});
        Value position = b.add(b.add(to.offset, b.mul(row, to.rowStride)), b.add(first, j));
        memref::StoreOp::create(b, value, destination, ValueRange{position});
      });
    });
  }

  void writeEpilogue() {
    TileMatrix from = sums();
    Value source = flatView(b, b.getLoc(), from.pointer);
    b.loop(b.index(0), rows, 1, [&](Value row) {
      scf::ForOp inner = b.loop(b.index(0), columns, 1, [&](Value j) {
        Value sum = memref::LoadOp::create(b, source, ValueRange{b.add(b.mul(row, from.rowStride), j)});
        epilogue(b, b.getLoc(), batch, b.add(firstRow, row), b.add(firstColumn, j), sum);
      });
      annotateVectorLoop(inner, /*interleave=*/4);
    });
  }

  KernelBuilder &b;
  VectorType vector; ///< the register that is computed in
  const MatmulTiles &tiles;
  const MatmulOperands &operands;
  const MatmulShape &shape;
  const MatmulResult *c; ///< null with an epilogue
  MatmulEpilogue epilogue;
  int64_t width; ///< columns of a panel
  Blocks blocks;
  Value scratch, panelCount, slabOffset;
  // The unit at hand.
  Value batch, firstRow, rows, firstPanel, panels, firstColumn, columns, mustPack;
  MatmulOffsets offsets;
};

} // namespace

void hone::buildMatmul(OpBuilder &builder, Location loc, VectorType vector, const MatmulTiles &tiles,
                       const MatmulOperands &operands, const MatmulResult &c) {
  KernelBuilder b(builder, loc);
  MatmulWriter(b, vector, tiles, operands, &c, nullptr).write();
}

void hone::buildMatmul(OpBuilder &builder, Location loc, VectorType vector, const MatmulTiles &tiles,
                       const MatmulOperands &operands, MatmulEpilogue epilogue) {
  KernelBuilder b(builder, loc);
  MatmulWriter(b, vector, tiles, operands, nullptr, epilogue).write();
}
