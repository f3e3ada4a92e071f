// TopK as loops over scalars: rows by a threshold or a heap, sorted by a network.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Axis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace hone;

LogicalResult TopKOp::verify() { return verifyAxis(*this, getAxis(), rankOf(getInput())); }
void TopKOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getInput()));
  dims[getAxis()] = getAsOpFoldResult(getK());
}
Structure TopKOp::getStructure(ShapeBuilder &shapes) {
  Structure structure = axisStructure(*this, shapes, getAxis());
  unsigned chosen = structure.add(getAsOpFoldResult(getK()), FactorKind::Opaque);
  for (FactoredDims &dims : structure.results)
    dims[getAxis()].factors = {chosen};
  return structure;
}
OpFoldResult TopKOp::iterationCount(ShapeBuilder &shapes) {
  return rowCount(shapes, SmallVector<OpFoldResult>(shapes.dims(getInput())), getAxis());
}

/// From this many results on, a row is selected by a threshold and sorted by a network; below by a heap. Long rows are
/// gone over twice for a threshold, which takes more results to pay, and a block's room.
static constexpr int64_t kLeastForThreshold = 16, kLeastOfLongRow = 64;
/// A row is short, and passes over all of it are cheap, if it has at most so many elements for each result: the second
/// figure holds for rows that stay in the nearest cache, of at most so many elements.
static constexpr int64_t kShortRow = 4, kShortCachedRow = 32, kCachedRow = 8192;
/// Elements that are compared at a time, each into a bit of an integer, with the last of those selected so far: few of
/// them are better.
static constexpr int64_t kSelectionBlock = 32;
static_assert(kSelectionBlock <= kLeastOfLongRow);
/// Entries that are sorted in registers.
static constexpr int64_t kSortTile = 8;

namespace {

/// Builds the selection from one row. Elements are compared by *rank*: a signed integer as wide as an element, the
/// least for the element that comes first, equal for equal elements. There is no memory but the results', which hold
/// ranks and positions until the last step turns them into values. A run that is cancelled leaves a loop early and its
/// results as they were, so what is read back from them bounds no access.
class RowSelection {
public:
  RowSelection(ElementBuilder &e, TopKOp op, Value iteration)
      : e(e), op(op), elementType(scalarType(elementTypeOf(op.getInput()))),
        positionType(scalarType(elementTypeOf(op.getPositions()))), index(e.builder.getIndexType()),
        rankType(e.builder.getIntegerType(elementType.getIntOrFloatBitWidth())),
        countType(e.builder.getIntegerType(std::max(32u, rankType.getWidth()))),
        inRow(rowIndices(e, e.dims(op.getInput()), op.getAxis(), iteration)), zero(e.index(0)), one(e.index(1)),
        size(e.dim(op.getInput(), op.getAxis())) {
    kept = e.builder.createOrFold<arith::MinSIOp>(e.loc, e.operand(op.getK()), size);
    last = e.sub(kept, one);
    packs = rankType.getWidth() <= 32 && positionType.isInteger(64);
    Value isCached = e.compare(arith::CmpIPredicate::sle, size, e.index(kCachedRow));
    Value perResult = e.select(isCached, e.index(kShortCachedRow), e.index(kShortRow));
    isShort = e.compare(arith::CmpIPredicate::sle, size, e.mul(kept, perResult));
  }
  void emit();

private:
  struct Entry {
    Value rank, position; // or a key of both, and null
  };
  using Loop = function_ref<void(Value)>;
  using Step = function_ref<Value(Value rank, Value carried)>;
  /// Carries a scalar over ranks, one after the other.
  using Pass = function_ref<Value(Value initial, Step step)>;

  Value shiftLeft(Value x, Value bits) { return e.builder.createOrFold<arith::ShLIOp>(e.loc, x, bits); }
  Value shiftRight(Value x, Value bits) { return e.builder.createOrFold<arith::ShRUIOp>(e.loc, x, bits); }
  Value both(Value a, Value b) { return e.builder.createOrFold<arith::AndIOp>(e.loc, a, b); }
  Value least(Value a, Value b) { return e.builder.createOrFold<arith::MinSIOp>(e.loc, a, b); }
  Value less(Value a, Value b) { return e.compare(arith::CmpIPredicate::slt, a, b); }
  Value equal(Value a, Value b) { return e.compare(arith::CmpIPredicate::eq, a, b); }
  Value countIf(Value condition, Value count) { return e.add(count, e.select(condition, one, zero)); }
  Value toCount(Value i) { return e.builder.createOrFold<arith::IndexCastOp>(e.loc, countType, i); }
  Value count(Pass pass, function_ref<Value(Value rank)> isCounted) {
    Value none = e.constant(countType, int64_t(0)), single = e.constant(countType, int64_t(1));
    return pass(none, [&](Value rank, Value sum) { return e.add(sum, e.select(isCounted(rank), single, none)); });
  }
  Value toPosition(Value i) { return e.builder.createOrFold<arith::IndexCastOp>(e.loc, positionType, i); }
  Value rankConstant(const APInt &value) { return e.constant(TypedAttr(IntegerAttr::get(rankType, value))); }
  ValueRange at(Value position) {
    inRow[op.getAxis()] = position;
    return inRow;
  }
  /// A vectorised loop that carries one scalar.
  Value fold(Value from, Value to, Value initial, function_ref<Value(Value i, Value carried)> step) {
    return e.loop(
        from, to, {initial}, [&](Value i, ValueRange carried) { return SmallVector<Value>{step(i, carried[0])}; },
        /*vectorize=*/true)[0];
  }

  Value rank(Value i);
  /// Ranks in the first result, and in the second, as far as it is not needed for positions.
  Value getRank(Value slot) {
    Value x = e.loadResult(0, at(slot));
    return isa<FloatType>(elementType) ? e.builder.createOrFold<arith::BitcastOp>(e.loc, rankType, x) : x;
  }
  void putRank(Value slot, Value rank) {
    if (isa<FloatType>(elementType))
      rank = e.builder.createOrFold<arith::BitcastOp>(e.loc, elementType, rank);
    e.store(0, at(slot), rank);
  }
  Value getCandidate(Value slot) {
    Value x = e.loadResult(1, at(slot));
    return x.getType() == rankType ? x : e.builder.createOrFold<arith::TruncIOp>(e.loc, rankType, x);
  }
  void putCandidate(Value slot, Value rank) {
    if (positionType != rankType)
      rank = e.builder.createOrFold<arith::ExtSIOp>(e.loc, positionType, rank);
    e.store(1, at(slot), rank);
  }
  Entry get(Value slot) { return {getRank(slot), e.loadResult(1, at(slot))}; }
  void put(Value slot, Entry x) {
    putRank(slot, x.rank);
    e.store(1, at(slot), x.position);
  }
  Value isAfter(Entry a, Entry b) {
    Value byRank = less(b.rank, a.rank);
    return a.position ? e.select(equal(a.rank, b.rank), less(b.position, a.position), byRank) : byRank;
  }

  /// Goes over the elements from position `from` on, block by block, and takes those whose rank `isWanted` as their
  /// block begins. `begin` is called ahead of each block, and of one without elements in the end.
  SmallVector<Value> scan(Value from, ValueRange initial, function_ref<Value(Value rank, ValueRange)> isWanted,
                          function_ref<SmallVector<Value>(Value i, ValueRange)> take,
                          function_ref<SmallVector<Value>(Value isEnd, ValueRange)> begin = nullptr);

  void selectByHeap();
  void sift(Value root, Value end, Entry x);

  void selectByThreshold();
  Value overRow(Value initial, Step step);
  Value overBest(Value initial, Step step);
  Value threshold(Pass pass, Value best, Value bound);
  Value search();
  Value gather();
  void keepBest(Value candidates, Value threshold);
  void collect(Value threshold);

  Entry getKey(Value slot) { return packs ? Entry{e.loadResult(1, at(slot)), {}} : get(slot); }
  void putKey(Value slot, Entry x) { packs ? e.store(1, at(slot), x.rank) : put(slot, x); }
  void exchange(Entry &a, Entry &b);
  void exchangeSlots(Value a, Value b);
  void sortTiles(ArrayRef<int64_t> masks);
  void sortByNetwork();
  void sort();

  ElementBuilder &e;
  TopKOp op;
  Type elementType, positionType, index;
  IntegerType rankType, countType;
  SmallVector<Value> inRow; // indices, with a hole at the axis
  Value zero, one, size;    // of the row
  Value kept, last;         // results of the row that there are, and the last one's slot
  Value isShort;            // the row, for so many results
  bool packs;               // sorts one integer of rank and position, which wants positions below 2^31
};

} // namespace

Value RowSelection::rank(Value i) {
  Value x = e.load(op.getInput(), at(i));
  unsigned width = rankType.getWidth();
  if (auto type = dyn_cast<FloatType>(elementType)) {
    Value bits = e.builder.createOrFold<arith::BitcastOp>(e.loc, rankType, x);
    Value magnitude = both(bits, rankConstant(APInt::getSignedMaxValue(width)));
    Value sign = e.builder.createOrFold<arith::ShRSIOp>(e.loc, bits, e.constant(rankType, int64_t(width) - 1));
    Value infinity = rankConstant(APFloat::getInf(type.getFloatSemantics()).bitcastToAPInt());
    // Negated where the sign is set, which makes the zeros equal.
    x = e.sub(e.builder.createOrFold<arith::XOrIOp>(e.loc, magnitude, sign), sign);
    x = e.select(less(infinity, magnitude), rankConstant(APInt::getSignedMaxValue(width)), x);
  } else if (isUnsigned(op.getInput())) {
    x = e.builder.createOrFold<arith::XOrIOp>(e.loc, x, rankConstant(APInt::getSignedMinValue(width)));
  }
  return op.getLargest() ? e.builder.createOrFold<arith::XOrIOp>(e.loc, x, e.constant(rankType, int64_t(-1))) : x;
}

SmallVector<Value> RowSelection::scan(Value from, ValueRange initial,
                                      function_ref<Value(Value rank, ValueRange)> isWanted,
                                      function_ref<SmallVector<Value>(Value i, ValueRange)> take,
                                      function_ref<SmallVector<Value>(Value isEnd, ValueRange)> begin) {
  Value step = e.index(kSelectionBlock);
  IntegerType bitsType = e.builder.getIntegerType(kSelectionBlock);
  Value none = e.constant(bitsType, int64_t(0)), bit = e.constant(bitsType, int64_t(1));
  Value blocks = e.builder.createOrFold<arith::CeilDivUIOp>(e.loc, e.sub(size, from), step);
  return e.loop(zero, e.add(blocks, one), initial, [&](Value block, ValueRange carried) {
    SmallVector<Value> state(carried);
    if (begin)
      state = begin(equal(block, blocks), state);
    Value first = e.add(from, e.mul(block, step)), left = e.sub(size, first);
    auto compare = [&](Value count) {
      return fold(zero, count, none, [&](Value i, Value carried) {
        Value own = shiftLeft(bit, e.builder.createOrFold<arith::IndexCastOp>(e.loc, bitsType, i));
        own = e.select(isWanted(rank(e.add(first, i)), state), own, none);
        return e.builder.createOrFold<arith::OrIOp>(e.loc, carried, own);
      });
    };
    Value wanted = e.choose(
        e.compare(arith::CmpIPredicate::sle, step, left), bitsType, [&] { return compare(step); },
        [&] { return compare(left); });
    Value count = e.toIndex(e.builder.createOrFold<math::CtPopOp>(e.loc, wanted));
    state.push_back(wanted);
    state =
        e.loop(zero, e.builder.createOrFold<arith::MinUIOp>(e.loc, count, step), state, [&](Value, ValueRange carried) {
          Value wanted = carried.back();
          Value i = e.toIndex(e.builder.createOrFold<math::CountTrailingZerosOp>(e.loc, wanted));
          SmallVector<Value> next = take(e.add(first, i), carried.drop_back());
          next.push_back(both(wanted, e.sub(wanted, bit)));
          return next;
        });
    state.pop_back();
    return state;
  });
}

//===-- Few results: a heap ---------------------------------------------------------------------------------------===//

/// Puts x in place of the root of the subtree at `root`, in a heap of `end` entries, and below all that come after it.
void RowSelection::sift(Value root, Value end, Entry x) {
  Value levels = e.sub(e.index(63), e.builder.createOrFold<math::CountLeadingZerosOp>(e.loc, kept));
  levels = e.builder.createOrFold<arith::MinUIOp>(e.loc, levels, e.index(63)); // which says that this loop is short
  put(root, x);
  e.loop(zero, levels, {root}, [&](Value, ValueRange carried) {
    Value slot = carried[0], left = e.add(e.add(slot, slot), one);
    auto stop = [&] { return end; };
    auto descend = [&] {
      Value next = e.add(left, one);
      Value right = e.select(less(next, end), next, left);
      Value child = e.select(isAfter(get(right), get(left)), right, left);
      Entry other = get(child);
      auto swap = [&] {
        put(slot, other);
        put(child, x);
        return child;
      };
      return e.choose(isAfter(other, x), index, swap, stop);
    };
    return SmallVector<Value>{e.choose(less(left, end), index, descend, stop)};
  });
}

/// The best elements so far are a heap, the last of them in order at its root: most elements are compared with the root
/// alone. In the end the roots are moved, one by one, behind what remains of the heap.
void RowSelection::selectByHeap() {
  Value half = shiftRight(kept, one);
  e.over(zero, kept, /*vectorize=*/false, [&](Value i) { put(i, {rank(i), toPosition(i)}); });
  e.over(zero, half, /*vectorize=*/false, [&](Value i) {
    Value slot = e.sub(e.sub(half, one), i);
    sift(slot, kept, get(slot));
  });
  scan(
      kept, {getRank(zero)}, [&](Value rank, ValueRange root) { return less(rank, root[0]); },
      [&](Value i, ValueRange root) {
        Value own = rank(i);
        auto replace = [&] {
          sift(zero, kept, {own, toPosition(i)});
          return getRank(zero);
        };
        return SmallVector<Value>{e.choose(less(own, root[0]), rankType, replace, [&] { return root[0]; })};
      });
  e.over(one, kept, /*vectorize=*/false, [&](Value i) {
    Value end = e.sub(kept, i);
    Entry x = get(end);
    put(end, get(zero));
    sift(zero, end, x);
  });
}

//===-- Many results: a threshold, and a sorting network ----------------------------------------------------------===//

Value RowSelection::overRow(Value initial, Step step) {
  return fold(zero, size, initial, [&](Value i, Value carried) { return step(rank(i), carried); });
}

Value RowSelection::overBest(Value initial, Step step) {
  return fold(zero, kept, initial, [&](Value i, Value carried) { return step(getRank(i), carried); });
}

/// The rank of the last of the `kept` best elements of a pass, from `best` to `bound`. Halves the range of ranks until
/// the right number lies below.
Value RowSelection::threshold(Pass pass, Value best, Value bound) {
  Value rankOne = e.constant(rankType, int64_t(1)), wanted = toCount(kept);
  SmallVector<Value> range = e.loop(zero, e.index(rankType.getWidth()), {best, bound}, [&](Value, ValueRange carried) {
    Value low = carried[0], high = carried[1];
    Value difference = e.builder.createOrFold<arith::XOrIOp>(e.loc, low, high);
    Value middle = e.add(both(low, high), e.builder.createOrFold<arith::ShRSIOp>(e.loc, difference, rankOne));
    auto search = [&] {
      return count(pass, [&](Value rank) { return e.compare(arith::CmpIPredicate::sle, rank, middle); });
    };
    Value found = e.choose(less(low, high), countType, search, [&] { return wanted; });
    Value tooFew = less(found, wanted);
    Value nextLow = e.select(tooFew, e.add(middle, rankOne), low);
    return SmallVector<Value>{e.select(equal(found, wanted), middle, nextLow), e.select(tooFew, high, middle)};
  });
  Value first = rankConstant(APInt::getSignedMinValue(rankType.getWidth()));
  return pass(first, [&](Value rank, Value carried) {
    Value isKept = e.compare(arith::CmpIPredicate::sle, rank, range[1]);
    return e.builder.createOrFold<arith::MaxSIOp>(e.loc, carried, e.select(isKept, rank, first));
  });
}

/// Moves the ranks before the threshold to the front of the first result, and fills it with the threshold's.
void RowSelection::keepBest(Value candidates, Value threshold) {
  auto append = [&](Value rank, Value slot) {
    putRank(least(slot, last), rank);
    return countIf(less(rank, threshold), slot);
  };
  Value slot = e.loop(zero, kept, {zero},
                      [&](Value i, ValueRange slot) { return SmallVector<Value>{append(getRank(i), slot[0])}; })[0];
  slot = e.loop(zero, candidates, {slot},
                [&](Value i, ValueRange slot) { return SmallVector<Value>{append(getCandidate(i), slot[0])}; })[0];
  e.over(slot, kept, /*vectorize=*/false, [&](Value i) { putRank(i, threshold); });
}

/// Writes the entries up to the threshold, of those at it the first ones, in order of position.
void RowSelection::collect(Value threshold) {
  auto isBefore = [&](Value rank) { return less(rank, threshold); };
  Value before = e.choose(
      isShort, countType, [&] { return count([&](Value x, Step step) { return overRow(x, step); }, isBefore); },
      [&] { return count([&](Value x, Step step) { return overBest(x, step); }, isBefore); });
  Value ties = e.sub(kept, e.builder.createOrFold<arith::IndexCastOp>(e.loc, index, before));
  auto isTie = [&](Value rank, Value ties) { return both(equal(rank, threshold), less(zero, ties)); };
  auto isChosen = [&](Value rank, Value ties) {
    return e.builder.createOrFold<arith::OrIOp>(e.loc, less(rank, threshold), isTie(rank, ties));
  };
  scan(
      zero, {zero, ties}, [&](Value rank, ValueRange carried) { return isChosen(rank, carried[1]); },
      [&](Value i, ValueRange carried) {
        Value own = rank(i), slot = carried[0], ties = carried[1];
        // Whatever is not chosen is overwritten, without a branch that nobody can predict.
        Value hasRoom = less(slot, kept);
        e.when(hasRoom, [&] {
          Entry entry = {own, toPosition(i)};
          if (packs) {
            Value upper = shiftLeft(e.builder.createOrFold<arith::ExtSIOp>(e.loc, positionType, own),
                                    e.constant(positionType, int64_t(32)));
            entry = {e.builder.createOrFold<arith::OrIOp>(e.loc, upper, entry.position), {}};
          }
          putKey(slot, entry);
        });
        return SmallVector<Value>{countIf(both(hasRoom, isChosen(own, ties)), slot),
                                  e.sub(ties, e.select(isTie(own, ties), one, zero))};
      });
}

void RowSelection::exchange(Entry &a, Entry &b) {
  Value swaps = isAfter(a, b);
  Entry first = {e.select(swaps, b.rank, a.rank), {}}, second = {e.select(swaps, a.rank, b.rank), {}};
  if (a.position) {
    first.position = e.select(swaps, b.position, a.position);
    second.position = e.select(swaps, a.position, b.position);
  }
  a = first, b = second;
}

void RowSelection::exchangeSlots(Value a, Value b) {
  Entry first = getKey(a), second = getKey(b);
  exchange(first, second);
  putKey(a, first);
  putKey(b, second);
}

/// Compares slots i and i ^ mask of each tile, for one mask after the other.
void RowSelection::sortTiles(ArrayRef<int64_t> masks) {
  Value width = e.index(kSortTile), tiles = e.builder.createOrFold<arith::DivUIOp>(e.loc, kept, width);
  e.over(zero, tiles, /*vectorize=*/false, [&](Value tile) {
    Value first = e.mul(tile, width);
    SmallVector<Value> slots;
    SmallVector<Entry> entries;
    for (int64_t i = 0; i < kSortTile; ++i) {
      slots.push_back(e.add(first, e.index(i)));
      entries.push_back(getKey(slots.back()));
    }
    for (int64_t mask : masks)
      for (int64_t i = 0; i < kSortTile; ++i)
        if (i < (i ^ mask))
          exchange(entries[i], entries[i ^ mask]);
    for (auto [slot, entry] : llvm::zip_equal(slots, entries))
      putKey(slot, entry);
  });
  for (int64_t mask : masks) // of the last, incomplete tile
    e.over(e.mul(tiles, width), kept, /*vectorize=*/false, [&](Value i) {
      Value partner = e.builder.createOrFold<arith::XOrIOp>(e.loc, i, e.index(mask));
      e.when(both(less(i, partner), less(partner, kept)), [&] { exchangeSlots(i, partner); });
    });
}

/// Bitonic sorting with all exchanges in one direction: slots behind the last count as entries that come last, which
/// stay where they are.
void RowSelection::sortByNetwork() {
  sortTiles({1, 3, 1, 7, 2, 1});
  Value levels = e.sub(e.index(64), e.builder.createOrFold<math::CountLeadingZerosOp>(e.loc, last));
  Value firstLevel = e.index(llvm::Log2_64(kSortTile));
  levels = e.builder.createOrFold<arith::MinUIOp>(e.loc, levels, e.index(63));
  e.over(firstLevel, levels, /*vectorize=*/false, [&](Value level) {
    Value half = shiftLeft(one, level), whole = e.add(half, half);
    auto blocksOf = [&](Value width, Loop body) {
      e.over(zero, e.builder.createOrFold<arith::CeilDivUIOp>(e.loc, kept, width), /*vectorize=*/false,
             [&](Value block) { body(e.mul(block, width)); });
    };
    blocksOf(whole, [&](Value first) { // i and its mirror image
      Value mirror = e.add(first, e.sub(whole, one));
      Value outside = e.builder.createOrFold<arith::MaxSIOp>(e.loc, e.sub(mirror, last), zero);
      e.over(outside, half, /*vectorize=*/true, [&](Value i) { exchangeSlots(e.add(first, i), e.sub(mirror, i)); });
    });
    e.over(one, e.sub(level, e.sub(firstLevel, one)), /*vectorize=*/false, [&](Value step) {
      Value distance = shiftRight(half, step);
      blocksOf(e.add(distance, distance), [&](Value first) {
        Value second = e.add(first, distance);
        e.over(zero, least(distance, e.sub(kept, second)), /*vectorize=*/true,
               [&](Value i) { exchangeSlots(e.add(first, i), e.add(second, i)); });
      });
    });
    sortTiles({4, 2, 1});
  });
}

/// Entries that are in order already, or the other way round, are found by one look at all of them.
void RowSelection::sort() {
  Value falls = fold(zero, last, zero,
                     [&](Value i, Value count) { return countIf(isAfter(getKey(i), getKey(e.add(i, one))), count); });
  Value isReversed = equal(falls, last);
  e.over(zero, e.select(isReversed, shiftRight(kept, one), zero), /*vectorize=*/false, [&](Value i) {
    Value mirror = e.sub(last, i);
    Entry first = getKey(i), second = getKey(mirror);
    putKey(i, second);
    putKey(mirror, first);
  });
  Value isMixed = e.select(isReversed, e.constant(e.builder.getI1Type(), int64_t(0)), less(zero, falls));
  e.when(isMixed, [&] { sortByNetwork(); });
}

/// The rank of the last element selected, in passes over a short row. Elements that lie `kept` apart are a group, and
/// the best of each group go to the first result: the threshold is not after the last of these, and as fewer than
/// `kept` elements are in no group, not before the first.
Value RowSelection::search() {
  e.over(zero, kept, /*vectorize=*/true, [&](Value i) { putRank(i, rank(i)); });
  e.over(one, e.builder.createOrFold<arith::DivUIOp>(e.loc, size, kept), /*vectorize=*/false, [&](Value block) {
    Value first = e.mul(block, kept);
    e.over(zero, kept, /*vectorize=*/true, [&](Value i) { putRank(i, least(getRank(i), rank(e.add(first, i)))); });
  });
  Value best = overBest(rankConstant(APInt::getSignedMaxValue(rankType.getWidth())),
                        [&](Value rank, Value carried) { return least(rank, carried); });
  Value bound = overBest(
      best, [&](Value rank, Value carried) { return e.builder.createOrFold<arith::MaxSIOp>(e.loc, rank, carried); });
  auto pass = [&](Value initial, Step step) { return overRow(initial, step); };
  // The bound itself, if the row is in order.
  Value before = count(pass, [&](Value rank) { return less(rank, bound); });
  return threshold(pass, e.select(less(before, toCount(kept)), bound, best), bound);
}

/// The rank of the last element selected, in one pass over a long row: better ones than the last of all so far are
/// gathered in the second result, and when that is full the threshold moves. Leaves the best ranks in the first result.
Value RowSelection::gather() {
  Value most = rankConstant(APInt::getSignedMaxValue(rankType.getWidth()));
  e.over(zero, kept, /*vectorize=*/true, [&](Value i) { putRank(i, rank(i)); });
  return scan(
      kept, {zero, most}, [&](Value rank, ValueRange carried) { return less(rank, carried[1]); },
      [&](Value i, ValueRange carried) {
        putCandidate(carried[0], rank(i));
        return SmallVector<Value>{e.add(carried[0], one), carried[1]};
      },
      [&](Value isEnd, ValueRange carried) {
        Value candidates = carried[0], bound = carried[1];
        Value isFull = less(kept, e.add(candidates, e.index(kSelectionBlock)));
        isFull = e.builder.createOrFold<arith::OrIOp>(e.loc, isFull, isEnd);
        auto overAll = [&](Value initial, Step step) {
          return fold(zero, candidates, overBest(initial, step),
                      [&](Value i, Value carried) { return step(getCandidate(i), carried); });
        };
        auto move = [&] {
          Value best = overAll(bound, [&](Value rank, Value carried) { return least(rank, carried); });
          Value next = threshold(overAll, best, bound);
          keepBest(candidates, next);
          return next;
        };
        return SmallVector<Value>{e.select(isFull, zero, candidates),
                                  e.choose(isFull, rankType, move, [&] { return bound; })};
      })[1];
}

/// Finds the rank of the last element selected, and takes what is needed, which is sorted.
void RowSelection::selectByThreshold() {
  collect(e.choose(isShort, rankType, [&] { return search(); }, [&] { return gather(); }));
  sort();
  if (packs)
    e.over(zero, kept, /*vectorize=*/true, [&](Value i) {
      Value position = both(e.loadResult(1, at(i)), e.constant(positionType, (int64_t(1) << 32) - 1));
      e.store(1, at(i), position);
    });
}

void RowSelection::emit() {
  if (rankType.getWidth() > positionType.getIntOrFloatBitWidth()) {
    e.when(less(zero, kept), [&] { selectByHeap(); });
  } else {
    Value isMany = e.compare(arith::CmpIPredicate::sge, kept,
                             e.select(isShort, e.index(kLeastForThreshold), e.index(kLeastOfLongRow)));
    if (packs) // and counts fit into 32 bits
      isMany = both(isMany, less(size, e.index(int64_t(1) << 31)));
    e.when(less(zero, kept), [&] {
      e.choose(
          isMany, index,
          [&] {
            selectByThreshold();
            return zero;
          },
          [&] {
            selectByHeap();
            return zero;
          });
    });
  }
  e.over(zero, kept, /*vectorize=*/false, [&](Value slot) {
    Value position = e.toIndex(e.loadResult(1, at(slot)));
    position = e.builder.createOrFold<arith::MinUIOp>(e.loc, position, e.sub(size, one));
    Value x = e.load(op.getInput(), at(position));
    e.store(0, at(slot), x);
    e.store(1, at(slot), toPosition(position));
  });
}

void TopKOp::emitIteration(ElementBuilder &e, Value iteration) {
  if (!e.unrolls())
    return RowSelection(e, *this, iteration).emit();
  // Without branches: each element's place is the number of those that it comes after.
  int64_t axis = getAxis();
  SmallVector<Value> at = rowIndices(e, e.dims(getInput()), axis, iteration), own(at);
  Type position = scalarType(elementTypeOf(getPositions()));
  Value size = e.dim(getInput(), axis), k = e.operand(getK()), zero = e.index(0), one = e.index(1);
  Value kept = e.builder.createOrFold<arith::MinSIOp>(e.loc, k, size);

  using Entry = std::pair<Value, Value>; // an element and its position
  auto input = [&](Value i) -> Entry {
    at[axis] = i;
    return {e.load(getInput(), at), e.builder.createOrFold<arith::IndexCastOp>(e.loc, position, i)};
  };
  auto after = [&](Entry a, Entry b) {
    auto before = [&](bool orEqual) {
      return comesBefore(e, b.first, a.first, getLargest(), isUnsigned(getInput()), orEqual, /*nanFirst=*/getLargest());
    };
    Value isLater = e.compare(arith::CmpIPredicate::sgt, a.second, b.second);
    return e.select(isLater, before(true), before(false));
  };
  SmallVector<std::pair<Entry, Value>> places;
  e.loop(zero, size, {}, [&](Value i, ValueRange) {
    Entry x = input(i);
    Value place = e.loop(zero, size, {zero}, [&](Value j, ValueRange carried) {
      return SmallVector<Value>{e.add(carried[0], e.select(after(x, input(j)), one, zero))};
    })[0];
    places.push_back({x, place});
    return SmallVector<Value>();
  });
  e.loop(zero, kept, {}, [&](Value slot, ValueRange) {
    Entry chosen = {e.constant(scalarType(elementTypeOf(getInput())), int64_t(0)), e.constant(position, int64_t(0))};
    for (auto &[x, place] : places) {
      Value isHere = e.compare(arith::CmpIPredicate::eq, place, slot);
      chosen = {e.select(isHere, x.first, chosen.first), e.select(isHere, x.second, chosen.second)};
    }
    own[axis] = slot;
    e.store(0, own, chosen.first);
    e.store(1, own, chosen.second);
    return SmallVector<Value>();
  });
}
