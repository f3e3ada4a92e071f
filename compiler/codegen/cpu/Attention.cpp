// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/Attention.h"
#include "compiler/codegen/cpu/Lower.h"
#include "compiler/codegen/cpu/Math.h"
#include "compiler/codegen/cpu/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include <limits>

using namespace mlir;
using namespace hone;

/// Vectors of a panel of keys. Narrow, because the last panel of a short sequence is computed in full.
static constexpr int64_t kKeyVectors = 2;
/// So few queries read keys and values where they lie: packing them would read and write more than that.
static constexpr int64_t kFewQueries = 4;
/// Keys that are multiplied by a query at once: their sums do not wait for each other.
static constexpr int64_t kKeysAtOnce = 4;
/// Heads times batch entries from which on threads get whole heads, so that no head is packed twice.
static constexpr int64_t kManyHeads = 16;
/// Keys whose values one call packs at most: there may be very many, and a call does not look at the cancellation flag.
static constexpr int64_t kKeysPerPacking = 1024;
/// Row strides in scratch are no powers of two, which would put the rows of a tile into the same cache sets.
static constexpr int64_t kLineFloats = 16;

static constexpr std::pair<StringLiteral, AttentionTiles> kTilesOfLevels[] = {
    {"x86-64-v3", {/*queries=*/48, /*keys=*/256, /*rows=*/6, /*vectors=*/2}},
    {"x86-64-v4", {/*queries=*/64, /*keys=*/512, /*rows=*/6, /*vectors=*/4}},
};

AttentionTiles hone::attentionTiles(const CpuTarget &target) { return target.pick(kTilesOfLevels); }

/// Vectors of a panel of values: the widest of those that pad the depth least.
static int64_t valueVectors(const CpuTarget &target, const AttentionTiles &tiles, Value depth) {
  APInt constant;
  if (!matchPattern(depth, m_ConstantInt(&constant)))
    return tiles.vectors;
  int64_t best = tiles.vectors, columns = constant.getSExtValue();
  auto padded = [&](int64_t vectors) {
    int64_t width = vectors * target.lanes;
    return (columns + width - 1) / width * width;
  };
  for (int64_t vectors = best - 1; vectors > 0; --vectors)
    if (padded(vectors) < padded(best))
      best = vectors;
  return best;
}

namespace {

/// Sizes of blocks and where things are in scratch, in floats.
struct AttentionPlan {
  int64_t keyWidth, valueWidth, scoreStride;
  Value isFew; // queries: nothing is packed
  Value queryBlocks, queryRows, queryStride, outputStride, valuePanels;
  Value keysOffset, valuesOffset, scoresOffset, queryOffset, outputOffset, maximumOffset, sumOffset, floats;
};

} // namespace

static AttentionPlan choosePlan(KernelBuilder &b, const CpuTarget &target, const AttentionTiles &tiles,
                                const AttentionShape &shape) {
  AttentionPlan plan;
  plan.keyWidth = kKeyVectors * target.lanes;
  plan.valueWidth = valueVectors(target, tiles, shape.valueDepth) * target.lanes;
  plan.scoreStride = tiles.keys + kLineFloats;
  plan.isFew = b.less(shape.queries, b.index(kFewQueries + 1));
  plan.queryBlocks = b.ceilDiv(shape.queries, tiles.queries);
  plan.queryRows = b.min(b.ceilDiv(shape.queries, b.max(plan.queryBlocks, b.index(1))), b.index(tiles.queries));
  plan.queryStride = b.add(b.roundUp(shape.depth, kLineFloats), kLineFloats);
  plan.valuePanels = b.ceilDiv(shape.valueDepth, plan.valueWidth);
  plan.outputStride = b.add(b.mul(plan.valuePanels, plan.valueWidth), kLineFloats);

  Value next = b.index(0);
  auto reserve = [&](Value floats) {
    Value offset = next;
    next = b.add(next, b.roundUp(floats, kLineFloats));
    return offset;
  };
  Value packed = b.select(plan.isFew, next, shape.keys);
  plan.keysOffset = reserve(b.mul(b.roundUp(packed, plan.keyWidth), shape.depth));
  plan.valuesOffset = reserve(b.mul(b.mul(plan.valuePanels, plan.valueWidth), packed));
  plan.scoresOffset = reserve(b.mul(plan.queryRows, plan.scoreStride));
  plan.queryOffset = reserve(b.mul(plan.queryRows, plan.queryStride));
  plan.outputOffset = reserve(b.mul(plan.queryRows, plan.outputStride));
  plan.maximumOffset = reserve(plan.queryRows);
  plan.sumOffset = reserve(plan.queryRows);
  plan.floats = next;
  return plan;
}

LaunchRange hone::attentionRange(OpBuilder &builder, Location loc, const CpuTarget &target, const AttentionTiles &tiles,
                                 const AttentionShape &shape) {
  KernelBuilder b(builder, loc);
  AttentionPlan plan = choosePlan(b, target, tiles, shape);
  Value heads = b.mul(shape.batch, shape.heads);
  LaunchRange range;
  range.count = b.mul(heads, plan.queryBlocks);
  // At least 2^18 multiply-adds, about 5 us.
  Value work = b.mul(b.mul(plan.queryRows, shape.keys), b.add(shape.depth, shape.valueDepth));
  Value enough = b.ceilDiv(b.index(1 << 18), b.max(work, b.index(1)));
  Value whole = b.select(b.less(heads, b.index(kManyHeads)), b.index(1), plan.queryBlocks);
  range.grain = b.max(b.max(enough, whole), b.index(1));
  range.scratchBytes = b.mul(plan.floats, sizeof(float));
  return range;
}

namespace {

/// Writes the loops of one kernel.
class AttentionWriter {
public:
  AttentionWriter(KernelBuilder &b, const CpuTarget &target, const AttentionTiles &tiles,
                  const AttentionOperands &operands)
      : b(b), vector(vectorRegister(target, b.getF32Type())), lanes(target.lanes), tiles(tiles), operands(operands),
        shape(operands.shape), plan(choosePlan(b, target, tiles, operands.shape)),
        scratchPointer(elementPointer(b, b.getLoc(), operands.scratch, b.getF32Type())),
        scratch(flatView(b, b.getLoc(), scratchPointer)), zero(b.index(0)), never(b.f32(-Infinity)) {}

  void write() {
    // Blocks of queries are innermost; keys and values are packed when the head changes.
    Value none = b.index(-1);
    b.loop(operands.begin, operands.end, 1, none, [&](Value unit, ValueRange packed) -> SmallVector<Value> {
      Value headUnit = b.div(unit, plan.queryBlocks);
      head = b.rem(headUnit, shape.heads);
      batch = b.div(headUnit, shape.heads);
      keyHead = b.div(head, b.max(b.div(shape.heads, b.max(shape.keyHeads, b.index(1))), b.index(1)));
      Value entry = b.add(b.mul(batch, shape.keyHeads), keyHead);
      ownKeys = operands.length ? operands.length(b, b.getLoc(), batch) : shape.keys;
      if (operands.causalOffset) {
        // Within these, it decides on nothing else, and does not wrap.
        Value most = arith::MinSIOp::create(b, operands.causalOffset, shape.keys);
        causalOffset = arith::MaxSIOp::create(b, most, b.sub(zero, shape.queries));
        causalOffset = b.sub(causalOffset, b.sub(shape.keys, ownKeys));
      }
      Value changed = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, entry, packed[0]);
      b.when(b.select(plan.isFew, b.boolean(false), changed), [&] { writePacking(); });
      firstQuery = b.mul(b.rem(unit, plan.queryBlocks), plan.queryRows);
      rows = b.min(b.sub(shape.queries, firstQuery), plan.queryRows);
      writeQueryBlock();
      return {entry};
    });
  }

private:
  static constexpr float Infinity = std::numeric_limits<float>::infinity();

  Value offsetOf(const AttentionTensor &tensor, Value headOfTensor, Value position) {
    Value entry = b.add(b.mul(batch, tensor.batchStride), b.mul(headOfTensor, tensor.headStride));
    if (tensor.offset)
      entry = b.add(tensor.offset, entry);
    return b.add(entry, b.mul(position, tensor.sequenceStride));
  }
  Value load(Value offset) { return memref::LoadOp::create(b, scratch, ValueRange{offset}); }
  void store(Value value, Value offset) { memref::StoreOp::create(b, value, scratch, ValueRange{offset}); }
  Value loadVector(Value offset) { return vector::LoadOp::create(b, vector, scratch, offset); }
  void storeVector(Value value, Value offset) { vector::StoreOp::create(b, value, scratch, offset); }
  /// max(a, b) that ignores a NaN in a: it reaches the result through the exponential.
  Value maximum(Value a, Value m) {
    Value larger = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, a, m);
    return arith::SelectOp::create(b, larger, a, m);
  }
  Value mulF(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value addF(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value subF(Value x, Value y) { return arith::SubFOp::create(b, x, y); }

  void writePacking() {
    b.loop(zero, b.ceilDiv(ownKeys, plan.keyWidth), 1, [&](Value panel) {
      Value first = b.mul(panel, plan.keyWidth);
      TileMatrix source = {operands.key.pointer, offsetOf(operands.key, keyHead, first), operands.key.sequenceStride};
      TileMatrix packed = {scratchPointer, b.add(plan.keysOffset, b.mul(first, shape.depth)), {}};
      Value count = b.min(b.sub(ownKeys, first), b.index(plan.keyWidth));
      emitPackPanel(b, vector, kKeyVectors, /*transposed=*/true, source, count, shape.depth, packed);
    });
    b.loop(zero, plan.valuePanels, 1, [&](Value panel) {
      Value first = b.mul(panel, plan.valueWidth);
      Value count = b.min(b.sub(shape.valueDepth, first), b.index(plan.valueWidth));
      Value panelOffset = b.add(plan.valuesOffset, b.mul(first, shape.keys));
      b.loop(zero, ownKeys, kKeysPerPacking, [&](Value key) {
        TileMatrix source = {operands.value.pointer, b.add(offsetOf(operands.value, keyHead, key), first),
                             operands.value.sequenceStride};
        TileMatrix packed = {scratchPointer, b.add(panelOffset, b.mul(key, plan.valueWidth)), {}};
        Value rest = b.min(b.sub(ownKeys, key), b.index(kKeysPerPacking));
        emitPackPanel(b, vector, plan.valueWidth / lanes, /*transposed=*/false, source, count, rest, packed);
      });
    });
  }

  void writeQueryBlock() {
    Value query = flatView(b, b.getLoc(), operands.query.pointer);
    b.loop(zero, rows, 1, [&](Value row) {
      store(never, b.add(plan.maximumOffset, row));
      store(b.f32(0), b.add(plan.sumOffset, row));
      Value from = offsetOf(operands.query, head, b.add(firstQuery, row));
      Value to = b.add(plan.queryOffset, b.mul(row, plan.queryStride));
      annotateVectorLoop(b.loop(zero, shape.depth, 1,
                                [&](Value d) {
                                  Value element = memref::LoadOp::create(b, query, ValueRange{b.add(from, d)});
                                  store(mulF(element, operands.scale), b.add(to, d));
                                }),
                         /*interleave=*/1);
    });
    Value visible = seenBy(b.add(firstQuery, b.sub(rows, b.index(1))));
    b.loop(zero, visible, tiles.keys,
           [&](Value firstKey) { writeKeyBlock(firstKey, b.min(b.sub(visible, firstKey), b.index(tiles.keys))); });
    writeOutput();
  }

  void writeKeyBlock(Value firstKey, Value keys) {
    Value isMany = b.select(plan.isFew, b.boolean(false), b.boolean(true)), later = b.less(zero, firstKey);
    b.when(plan.isFew, [&] { writeFewScores(firstKey, keys); });
    b.when(isMany, [&] {
      TileMatrix query = {scratchPointer, plan.queryOffset, plan.queryStride};
      b.loop(zero, b.ceilDiv(keys, plan.keyWidth), 1, [&](Value panel) {
        Value column = b.mul(panel, plan.keyWidth);
        TileMatrix packed = {scratchPointer, b.add(plan.keysOffset, b.mul(b.add(firstKey, column), shape.depth)), {}};
        TileMatrix scores = {scratchPointer, b.add(plan.scoresOffset, column), b.index(plan.scoreStride)};
        emitTileRows(b, {vector, tiles.rows, kKeyVectors}, rows, query, packed, shape.depth, scores, b.boolean(false));
      });
    });
    b.loop(zero, rows, 1, [&](Value row) { writeSoftmaxRow(row, firstKey, keys, later); });
    b.when(plan.isFew, [&] { writeFewOutputs(firstKey, keys, later); });
    b.when(isMany, [&] {
      TileMatrix weights = {scratchPointer, plan.scoresOffset, b.index(plan.scoreStride)};
      b.loop(zero, plan.valuePanels, 1, [&](Value panel) {
        Value column = b.mul(panel, plan.valueWidth);
        Value values = b.add(b.mul(column, shape.keys), b.mul(firstKey, plan.valueWidth));
        TileMatrix packed = {scratchPointer, b.add(plan.valuesOffset, values), {}};
        TileMatrix output = {scratchPointer, b.add(plan.outputOffset, column), plan.outputStride};
        emitTileRows(b, {vector, tiles.rows, plan.valueWidth / lanes}, rows, weights, packed, keys, output, later);
      });
    });
  }

  Value multiplyAdd(Value x, Value y, Value sum) {
    if (isa<VectorType>(x.getType()))
      return vector::FMAOp::create(b, x, y, sum);
    return math::FmaOp::create(b, x, y, sum);
  }

  /// Scores of a block of keys, which lie where the caller has them.
  void writeFewScores(Value firstKey, Value keys) {
    Value key = flatView(b, b.getLoc(), operands.key.pointer);
    Value full = b.mul(b.div(shape.depth, lanes), lanes), whole = b.mul(b.div(keys, kKeysAtOnce), kKeysAtOnce);
    auto write = [&](Value first, int64_t count) {
      SmallVector<Value> from;
      for (int64_t i = 0; i < count; ++i)
        from.push_back(offsetOf(operands.key, keyHead, b.add(firstKey, b.add(first, i))));
      b.loop(zero, rows, 1, [&](Value row) {
        Value query = b.add(plan.queryOffset, b.mul(row, plan.queryStride));
        auto multiply = [&](Value d, ValueRange sums, bool isVector) {
          Value own = isVector ? loadVector(b.add(query, d)) : load(b.add(query, d));
          SmallVector<Value> next;
          for (auto [at, sum] : llvm::zip_equal(from, sums)) {
            Value other = isVector ? Value(vector::LoadOp::create(b, vector, key, b.add(at, d)))
                                   : memref::LoadOp::create(b, key, ValueRange{b.add(at, d)});
            next.push_back(multiplyAdd(own, other, sum));
          }
          return next;
        };
        scf::ForOp vectors = b.loop(zero, full, lanes, SmallVector<Value>(count, b.real(vector, 0)),
                                    [&](Value d, ValueRange sums) { return multiply(d, sums, /*isVector=*/true); });
        SmallVector<Value> sums;
        for (Value sum : vectors.getResults())
          sums.push_back(
              vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum, Value(), arith::FastMathFlags::reassoc));
        scf::ForOp rest = b.loop(full, shape.depth, 1, sums,
                                 [&](Value d, ValueRange partial) { return multiply(d, partial, /*isVector=*/false); });
        Value to = b.add(b.add(plan.scoresOffset, b.mul(row, plan.scoreStride)), first);
        for (auto [i, score] : llvm::enumerate(rest.getResults()))
          store(score, b.add(to, i));
      });
    };
    b.loop(zero, whole, kKeysAtOnce, [&](Value first) { write(first, kKeysAtOnce); });
    b.loop(whole, keys, 1, [&](Value first) { write(first, 1); });
  }

  /// Adds what a block of values, which lie where the caller has them, gives to the output.
  void writeFewOutputs(Value firstKey, Value keys, Value later) {
    Value values = flatView(b, b.getLoc(), operands.value.pointer);
    Value full = b.mul(b.div(shape.valueDepth, plan.valueWidth), plan.valueWidth);
    b.loop(zero, rows, 1, [&](Value row) {
      Value weights = b.add(plan.scoresOffset, b.mul(row, plan.scoreStride));
      Value output = b.add(plan.outputOffset, b.mul(row, plan.outputStride));
      // `columns` vectors, or one scalar.
      auto write = [&](Value column, int64_t columns) {
        Type type = columns ? Type(vector) : b.getF32Type();
        SmallVector<Value> at, sums;
        for (int64_t i = 0; i < std::max<int64_t>(columns, 1); ++i) {
          at.push_back(b.add(column, i * lanes));
          Value before = columns ? loadVector(b.add(output, at[i])) : load(b.add(output, at[i]));
          sums.push_back(b.select(later, before, b.real(type, 0)));
        }
        scf::ForOp all = b.loop(zero, keys, 1, sums, [&](Value k, ValueRange partial) {
          Value weight = load(b.add(weights, k)), from = offsetOf(operands.value, keyHead, b.add(firstKey, k));
          if (columns)
            weight = b.broadcast(vector, weight);
          SmallVector<Value> next;
          for (auto [offset, sum] : llvm::zip_equal(at, partial)) {
            Value own = columns ? Value(vector::LoadOp::create(b, vector, values, b.add(from, offset)))
                                : memref::LoadOp::create(b, values, ValueRange{b.add(from, offset)});
            next.push_back(multiplyAdd(weight, own, sum));
          }
          return next;
        });
        for (auto [offset, sum] : llvm::zip_equal(at, all.getResults()))
          columns ? storeVector(sum, b.add(output, offset)) : store(sum, b.add(output, offset));
      };
      b.loop(zero, full, plan.valueWidth, [&](Value column) { write(column, plan.valueWidth / lanes); });
      b.loop(full, shape.valueDepth, 1, [&](Value column) { write(column, 0); });
    });
  }

  /// Turns scores into exp(score - maximum) and brings the row's maximum, sum and output up to date.
  void writeSoftmaxRow(Value row, Value firstKey, Value keys, Value later) {
    Value scores = b.add(plan.scoresOffset, b.mul(row, plan.scoreStride));
    Value query = b.add(firstQuery, row), padded = b.roundUp(keys, lanes);
    if (operands.mask || causalOffset) {
      Value seen = seenBy(query);
      annotateVectorLoop(b.loop(zero, keys, 1,
                                [&](Value k) {
                                  Value score = load(b.add(scores, k)), key = b.add(firstKey, k);
                                  if (operands.mask)
                                    score = operands.mask(b, b.getLoc(), score, batch, head, query, key);
                                  if (causalOffset)
                                    score = arith::SelectOp::create(b, b.less(key, seen), score, never);
                                  store(score, b.add(scores, k));
                                }),
                         /*interleave=*/1);
    }
    // The rest of the last vector must not count.
    b.loop(keys, padded, 1, [&](Value k) { store(never, b.add(scores, k)); });

    scf::ForOp largest =
        b.loop(zero, padded, lanes, b.real(vector, -Infinity), [&](Value k, ValueRange carried) -> SmallVector<Value> {
          return {maximum(loadVector(b.add(scores, k)), carried[0])};
        });
    // There is no NaN in it, so this kind of maximum is exact.
    Value blockMaximum = vector::ReductionOp::create(b, vector::CombiningKind::MAXNUMF, largest.getResult(0), Value(),
                                                     arith::FastMathFlags::nnan);
    Value maximumAt = b.add(plan.maximumOffset, row), before = load(maximumAt);
    Value now = maximum(blockMaximum, before);
    store(now, maximumAt);
    // While everything is masked by -inf the weights are 0, not exp(-inf + inf).
    Value masked = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, now, never);
    Value reference = b.select(masked, b.f32(0), now);
    Value correction = emitExpNonPositive(b, b.getLoc(), subF(before, reference));

    Value references = b.broadcast(vector, reference);
    scf::ForOp weights =
        b.loop(zero, padded, lanes, b.real(vector, 0), [&](Value k, ValueRange carried) -> SmallVector<Value> {
          Value at = b.add(scores, k);
          Value weight = emitExpNonPositive(b, b.getLoc(), subF(loadVector(at), references));
          storeVector(weight, at);
          return {addF(carried[0], weight)};
        });
    Value blockSum = vector::ReductionOp::create(b, vector::CombiningKind::ADD, weights.getResult(0), Value(),
                                                 arith::FastMathFlags::reassoc);
    Value sumAt = b.add(plan.sumOffset, row);
    store(addF(mulF(load(sumAt), correction), blockSum), sumAt);
    b.when(later, [&] {
      Value factors = b.broadcast(vector, correction);
      Value output = b.add(plan.outputOffset, b.mul(row, plan.outputStride));
      b.loop(zero, b.mul(plan.valuePanels, plan.valueWidth), lanes, [&](Value d) {
        Value at = b.add(output, d);
        storeVector(mulF(loadVector(at), factors), at);
      });
    });
  }

  /// How many keys a query sees.
  Value seenBy(Value query) {
    if (!causalOffset)
      return ownKeys;
    Value count = b.add(b.add(query, causalOffset), b.index(1));
    return arith::MinSIOp::create(b, arith::MaxSIOp::create(b, count, zero), ownKeys);
  }

  /// Whether the mask alone makes all scores of the query that has these keys -inf.
  Value writeIsMasked(Value query, Value seen) {
    scf::ForOp all = b.loop(zero, seen, 1, b.boolean(true), [&](Value key, ValueRange carried) -> SmallVector<Value> {
      Value score = operands.mask(b, b.getLoc(), b.f32(0), batch, head, query, key);
      Value isMasked = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, score, never);
      return {arith::AndIOp::create(b, carried[0], isMasked)};
    });
    return all.getResult(0);
  }

  void writeOutput() {
    Value output = flatView(b, b.getLoc(), operands.output.pointer);
    b.loop(zero, rows, 1, [&](Value row) {
      Value query = b.add(firstQuery, row), seen = seenBy(query);
      Value sum = load(b.add(plan.sumOffset, row)), isZero = b.equal(seen, zero);
      // The sum of a row is at least 1 unless all of it is -inf (0) or it holds a NaN or +inf (NaN).
      Value hasNone = arith::CmpFOp::create(b, arith::CmpFPredicate::ULE, sum, b.f32(0));
      if (operands.maskedZero)
        hasNone = arith::AndIOp::create(b, hasNone, writeIsMasked(query, b.select(hasNone, seen, zero)));
      if (operands.guarded || operands.maskedZero)
        isZero = arith::OrIOp::create(b, isZero, hasNone);
      Value factor = arith::DivFOp::create(b, b.f32(1), sum);
      Value from = b.add(plan.outputOffset, b.mul(row, plan.outputStride));
      Value to = offsetOf(operands.output, head, b.add(firstQuery, row));
      annotateVectorLoop(b.loop(zero, shape.valueDepth, 1,
                                [&](Value d) {
                                  Value value = b.select(isZero, b.f32(0), mulF(load(b.add(from, d)), factor));
                                  memref::StoreOp::create(b, value, output, ValueRange{b.add(to, d)});
                                }),
                         /*interleave=*/1);
    });
  }

  KernelBuilder &b;
  VectorType vector; ///< one register
  int64_t lanes;
  const AttentionTiles &tiles;
  const AttentionOperands &operands;
  const AttentionShape &shape;
  AttentionPlan plan;
  Value scratchPointer, scratch, zero, never;
  // The unit at hand.
  Value batch, head, keyHead, ownKeys, causalOffset, firstQuery, rows;
};

} // namespace

void hone::buildAttention(OpBuilder &builder, Location loc, const CpuTarget &target, const AttentionTiles &tiles,
                          const AttentionOperands &operands) {
  KernelBuilder b(builder, loc);
  AttentionWriter(b, target, tiles, operands).write();
}
