// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/Tile.h"
#include "compiler/codegen/cpu/Lower.h"
#include "dialects/hone/ElementTypes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace hone;

//===-- KernelBuilder --------------------------------------------------------------------------------------------===//

Value KernelBuilder::index(int64_t value) { return arith::ConstantIndexOp::create(*this, getLoc(), value); }
Value KernelBuilder::add(Value a, Value b) { return createOrFold<arith::AddIOp>(a, b); }
Value KernelBuilder::sub(Value a, Value b) { return createOrFold<arith::SubIOp>(a, b); }
Value KernelBuilder::mul(Value a, Value b) { return createOrFold<arith::MulIOp>(a, b); }
Value KernelBuilder::div(Value a, Value b) { return createOrFold<arith::DivUIOp>(a, b); }
Value KernelBuilder::rem(Value a, Value b) { return createOrFold<arith::RemUIOp>(a, b); }
Value KernelBuilder::min(Value a, Value b) { return createOrFold<arith::MinUIOp>(a, b); }
Value KernelBuilder::max(Value a, Value b) { return createOrFold<arith::MaxUIOp>(a, b); }
Value KernelBuilder::less(Value a, Value b) { return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, a, b); }
Value KernelBuilder::equal(Value a, Value b) { return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, a, b); }
Value KernelBuilder::select(Value condition, Value a, Value b) {
  return createOrFold<arith::SelectOp>(condition, a, b);
}

VectorType hone::vectorRegister(const CpuTarget &target, Type element) {
  return VectorType::get({target.lanes * 32 / element.getIntOrFloatBitWidth()}, element);
}

Value KernelBuilder::boolean(bool value) { return arith::ConstantOp::create(*this, getBoolAttr(value)); }
Value KernelBuilder::real(Type type, double value) {
  TypedAttr attr = getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, attr);
  return arith::ConstantOp::create(*this, attr);
}
Value KernelBuilder::broadcast(VectorType type, Value scalar) {
  return vector::BroadcastOp::create(*this, type, scalar);
}

scf::ForOp KernelBuilder::loop(Value low, Value high, int64_t step, llvm::function_ref<void(Value)> body) {
  return loop(low, high, step, {}, [&](Value i, ValueRange) {
    body(i);
    return SmallVector<Value>();
  });
}

scf::ForOp KernelBuilder::loop(Value low, Value high, int64_t step, ValueRange initial,
                               llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(*this, low, high, index(step), initial);
  InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!next.empty())
    scf::YieldOp::create(*this, next);
  return loop;
}

void KernelBuilder::when(Value condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  InsertionGuard guard(*this);
  setInsertionPoint(branch.thenBlock()->getTerminator());
  body();
}

//===-- Sizes of tiles -------------------------------------------------------------------------------------------===//

/// Of panels of one vector, which read a row's element for each product: they are bound by loads.
static constexpr double kCostOfNarrow = 1.1;
/// Rows of a tile that hide the latency of an addition, and of one that reads little else than the rows.
static constexpr int64_t kMostRows = 8, kMostRowsOfNarrow = 12;

int64_t hone::panelVectors(int64_t columns, int64_t lanes, int64_t most) {
  if (ShapedType::isDynamic(columns))
    return most;
  int64_t best = 0;
  double least = 0;
  for (int64_t vectors = most; vectors > 0; vectors /= 2) {
    double padded = double(llvm::alignTo(columns, vectors * lanes));
    double cost = padded * (vectors == 1 ? kCostOfNarrow : 1);
    if (best != 0 && cost >= least)
      continue;
    best = vectors;
    least = cost;
  }
  return best;
}

int64_t hone::tileRows(int64_t vectors, int64_t sums) {
  return std::min(sums / vectors, vectors == 1 ? kMostRowsOfNarrow : kMostRows);
}

//===-- Helper functions of a kernel -----------------------------------------------------------------------------===//

func::FuncOp hone::getOrCreateHelper(KernelBuilder &b, StringRef name, TypeRange arguments,
                                     llvm::function_ref<void(KernelBuilder &, ValueRange)> body) {
  auto module = b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  if (auto existing = module.lookupSymbol<func::FuncOp>(name))
    return existing;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(module.getBody());
  auto func = func::FuncOp::create(b, name, b.getFunctionType(arguments, {}));
  func->setAttr("llvm.linkage", LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));
  // Inlined into loops around it, a tile would have its invariants hoisted there and its registers spilled.
  func->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
  for (auto [i, type] : llvm::enumerate(arguments))
    if (isa<MemRefType>(type))
      func.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
  Block *entry = func.addEntryBlock();
  b.setInsertionPointToStart(entry);
  body(b, entry->getArguments());
  func::ReturnOp::create(b);
  return func;
}

void hone::emitEvenTiles(KernelBuilder &b, Value count, int64_t most, function_ref<void(Value, Value, int64_t)> body,
                         function_ref<void(Value, Value)> behind) {
  // The first `longer` tiles have base + 1 elements, the others base.
  Value tiles = b.ceilDiv(count, most), divisor = b.max(tiles, b.index(1));
  Value base = b.div(count, divisor), longer = b.rem(count, divisor);
  b.loop(b.index(0), tiles, 1, [&](Value tile) {
    Value first = b.add(b.mul(tile, base), b.min(tile, longer));
    Value size = b.select(b.less(tile, longer), b.add(base, 1), base);
    SmallVector<int64_t> cases(most);
    std::iota(cases.begin(), cases.end(), 1);
    auto choice = scf::IndexSwitchOp::create(b, TypeRange(), size, cases, cases.size());
    {
      OpBuilder::InsertionGuard guard(b);
      for (auto [i, region] : llvm::enumerate(choice.getCaseRegions())) {
        b.setInsertionPointToStart(&region.emplaceBlock());
        body(tile, first, cases[i]);
        scf::YieldOp::create(b);
      }
      b.setInsertionPointToStart(&choice.getDefaultRegion().emplaceBlock());
      scf::YieldOp::create(b);
    }
    if (behind)
      behind(first, size);
  });
}

//===-- Elements that are stored narrower than they are computed in ----------------------------------------------===//

/// What was loaded from `source` as `type`, a float or a vector of floats.
static Value widen(KernelBuilder &b, const TileMatrix &source, Value loaded, Type type) {
  Type element = source.element;
  if (!element || loaded.getType() == type)
    return loaded;
  auto like = [&](Type other) { return isa<VectorType>(type) ? Type(cast<VectorType>(type).clone(other)) : other; };
  if (isa<IntegerType>(element))
    return element.isUnsignedInteger() ? Value(arith::UIToFPOp::create(b, type, loaded))
                                       : arith::SIToFPOp::create(b, type, loaded);
  Value value = isHalf(element) ? Value(arith::BitcastOp::create(b, like(element), loaded)) : loaded;
  if (isHalf(element) && getElementTypeOrSelf(type).isF64()) // CPUs convert them to f32 only
    value = arith::ExtFOp::create(b, like(b.getF32Type()), value);
  return arith::ExtFOp::create(b, type, value);
}

static Value loadVector(KernelBuilder &b, VectorType type, const TileMatrix &source, Value view, Value at) {
  Type stored = type.clone(cast<MemRefType>(view.getType()).getElementType());
  return widen(b, source, vector::LoadOp::create(b, cast<VectorType>(stored), view, at), type);
}
static Value loadElement(KernelBuilder &b, Type type, const TileMatrix &source, Value view, Value at) {
  return widen(b, source, memref::LoadOp::create(b, view, ValueRange{at}), type);
}
/// For names of helpers.
static std::string suffixOf(const TileMatrix &source) {
  std::string suffix;
  if (source.element)
    llvm::raw_string_ostream(suffix) << "_" << source.element;
  return suffix;
}

//===-- Register tiles -------------------------------------------------------------------------------------------===//

/// k values per iteration of the tile's loop: 1 costs 5 %, more than 4 only code size.
static constexpr int64_t kDepthUnroll = 4;

PanelAhead::PanelAhead(VectorType vector, int64_t vectors)
    : lines(vectors), lineElements(512 / vector.getElementTypeBitWidth()),
      tiles(std::max<int64_t>(kDepthUnroll * vector.getNumElements() / lineElements, 1)) {}

Value PanelAhead::begin(KernelBuilder &b, Value tile, Value panel, Value next, Value length) const {
  Value part = b.div(length, tiles);
  return b.select(b.less(tile, b.index(tiles)), b.add(next, b.mul(tile, part)), panel);
}

void PanelAhead::ask(KernelBuilder &b, Value memory, Value begin, Value done) const {
  Value at = b.add(begin, b.div(done, tiles));
  for (int64_t line = 0; line < lines; ++line)
    memref::PrefetchOp::create(b, memory, ValueRange{b.add(at, line * lineElements)}, /*isWrite=*/false,
                               /*localityHint=*/2, /*isDataCache=*/true);
}

static void writeTile(KernelBuilder &b, TileShape shape, const TileMatrix &stored, ValueRange arguments) {
  Value leftOffset = arguments[1], leftStride = arguments[2], panelOffset = arguments[4], panelStride = arguments[5];
  Value depth = arguments[6], sumsOffset = arguments[8], sumsStride = arguments[9], accumulate = arguments[10];
  Value left = flatView(b, b.getLoc(), arguments[0]), panel = flatView(b, b.getLoc(), arguments[3]);
  Value sums = flatView(b, b.getLoc(), arguments[7]);
  int64_t lanes = shape.vector.getNumElements();
  int64_t columns = shape.panels * shape.vectors, width = shape.panelColumns();

  SmallVector<Value> leftRows, sumsRows, panels;
  for (int64_t row = 0; row < shape.rows; ++row) {
    leftRows.push_back(b.add(leftOffset, b.mul(leftStride, row)));
    sumsRows.push_back(b.add(sumsOffset, b.mul(sumsStride, row)));
  }
  for (int64_t p = 0; p < shape.panels; ++p)
    panels.push_back(b.add(panelOffset, b.mul(panelStride, p)));

  // Sums start from zero and C is added at the end: 4 to 8 % faster than starting from C, which is fetched meanwhile.
  int64_t lineElements = 512 / shape.vector.getElementTypeBitWidth();
  for (Value row : sumsRows)
    for (int64_t j = 0; j < columns * lanes; j += lineElements)
      memref::PrefetchOp::create(b, sums, ValueRange{b.add(row, j)}, /*isWrite=*/true, /*localityHint=*/3,
                                 /*isDataCache=*/true);

  auto step = [&](Value k, int64_t unroll, ValueRange carried) {
    SmallVector<Value> next(carried);
    for (int64_t u = 0; u < unroll; ++u) {
      Value at = b.add(k, u);
      SmallVector<Value> right;
      for (int64_t j = 0; j < columns; ++j) {
        Value offset = b.add(b.add(panels[j / shape.vectors], b.mul(at, width)), j % shape.vectors * lanes);
        right.push_back(loadVector(b, shape.vector, stored, panel, offset));
      }
      for (int64_t row = 0; row < shape.rows; ++row) {
        Value element = memref::LoadOp::create(b, left, ValueRange{b.add(leftRows[row], at)});
        Value value = b.broadcast(shape.vector, element);
        for (int64_t j = 0; j < columns; ++j)
          next[row * columns + j] = vector::FMAOp::create(b, value, right[j], next[row * columns + j]);
      }
    }
    return next;
  };
  SmallVector<Value> zeros(shape.rows * columns, b.real(shape.vector, 0));
  Value whole = b.mul(b.div(depth, kDepthUnroll), kDepthUnroll);
  scf::ForOp main = b.loop(b.index(0), whole, kDepthUnroll, zeros, [&](Value k, ValueRange carried) {
    if (stored.ahead)
      PanelAhead(shape.vector, shape.vectors).ask(b, panel, arguments[11], b.mul(k, width));
    return step(k, kDepthUnroll, carried);
  });
  scf::ForOp rest =
      b.loop(whole, depth, 1, main.getResults(), [&](Value k, ValueRange carried) { return step(k, 1, carried); });
  annotateRolledLoop(main);
  annotateRolledLoop(rest);

  auto position = [&](int64_t i) { return b.add(sumsRows[i / columns], i % columns * lanes); };
  auto total = scf::IfOp::create(b, TypeRange(rest.getResults()), accumulate, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(total.thenBlock());
    SmallVector<Value> added;
    for (auto [i, sum] : llvm::enumerate(rest.getResults()))
      added.push_back(arith::AddFOp::create(b, vector::LoadOp::create(b, shape.vector, sums, position(i)), sum));
    scf::YieldOp::create(b, added);
    b.setInsertionPointToStart(total.elseBlock());
    scf::YieldOp::create(b, rest.getResults());
  }
  for (auto [i, sum] : llvm::enumerate(total.getResults()))
    vector::StoreOp::create(b, sum, sums, position(i));
}

void hone::emitTile(KernelBuilder &b, TileShape shape, const TileMatrix &left, const TileMatrix &panel,
                    Value panelStride, Value depth, const TileMatrix &sums, Value accumulate) {
  std::string name = "tile" + suffixOf(panel) + "_" + std::to_string(shape.rows) + "x" + std::to_string(shape.panels) +
                     "x" + std::to_string(shape.panelColumns());
  SmallVector<Value> arguments{left.pointer, left.offset,  left.rowStride, panel.pointer,  panel.offset, panelStride,
                               depth,        sums.pointer, sums.offset,    sums.rowStride, accumulate};
  if (panel.ahead) {
    arguments.push_back(panel.ahead);
    name += "_ahead";
  }
  auto func =
      getOrCreateHelper(b, name, TypeRange(ValueRange(arguments)),
                        [&](KernelBuilder &inside, ValueRange inner) { writeTile(inside, shape, panel, inner); });
  func::CallOp::create(b, func, arguments);
}

void hone::emitTileRows(KernelBuilder &b, TileShape shape, Value rows, const TileMatrix &left, const TileMatrix &panel,
                        Value depth, const TileMatrix &sums, Value accumulate) {
  emitEvenTiles(b, rows, shape.rows, [&](Value tile, Value first, int64_t size) {
    TileMatrix panelTile = panel;
    if (panel.ahead) {
      PanelAhead ahead(shape.vector, shape.vectors);
      panelTile.ahead = ahead.begin(b, tile, panel.offset, panel.ahead, b.mul(depth, shape.panelColumns()));
    }
    TileMatrix leftTile = {left.pointer, b.add(left.offset, b.mul(first, left.rowStride)), left.rowStride};
    TileMatrix sumsTile = {sums.pointer, b.add(sums.offset, b.mul(first, sums.rowStride)), sums.rowStride};
    emitTile(b, {shape.vector, size, shape.vectors}, leftTile, panelTile, b.index(0), depth, sumsTile, accumulate);
  });
}

//===-- Packing --------------------------------------------------------------------------------------------------===//

static void writePackRows(KernelBuilder &b, VectorType vector, int64_t vectors, const TileMatrix &stored,
                          ValueRange arguments) {
  Value source = flatView(b, b.getLoc(), arguments[0]), panel = flatView(b, b.getLoc(), arguments[5]);
  Value offset = arguments[1], stride = arguments[2], columns = arguments[3], depth = arguments[4];
  Value panelOffset = arguments[6];
  int64_t lanes = vector.getNumElements(), width = vectors * lanes;
  auto branch = scf::IfOp::create(b, b.equal(columns, b.index(width)), /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(branch.thenBlock()->getTerminator());
  b.loop(b.index(0), depth, 1, [&](Value k) {
    for (int64_t v = 0; v < vectors; ++v) {
      Value from = b.add(b.add(offset, b.mul(k, stride)), v * lanes);
      Value value = loadVector(b, vector, stored, source, from);
      vector::StoreOp::create(b, value, panel, b.add(b.add(panelOffset, b.mul(k, width)), v * lanes));
    }
  });
  b.setInsertionPoint(branch.elseBlock()->getTerminator());
  b.loop(b.index(0), depth, 1, [&](Value k) {
    Value from = b.add(offset, b.mul(k, stride)), to = b.add(panelOffset, b.mul(k, width));
    b.loop(b.index(0), columns, 1, [&](Value j) {
      Value value = loadElement(b, vector.getElementType(), stored, source, b.add(from, j));
      memref::StoreOp::create(b, value, panel, ValueRange{b.add(to, j)});
    });
    b.loop(columns, b.index(width), 1, [&](Value j) {
      memref::StoreOp::create(b, b.real(vector.getElementType(), 0), panel, ValueRange{b.add(to, j)});
    });
  });
}

void hone::transposeTile(OpBuilder &b, Location loc, MutableArrayRef<Value> rows) {
  int64_t lanes = rows.size();
  for (int64_t distance = lanes / 2; distance >= 1; distance /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      low.push_back(lane & distance ? lanes + lane - distance : lane);
      high.push_back(lane & distance ? lanes + lane : lane + distance);
    }
    for (int64_t i = 0; i < lanes; ++i) {
      if (i & distance)
        continue;
      Value first = rows[i], second = rows[i + distance];
      rows[i] = vector::ShuffleOp::create(b, loc, first, second, low);
      rows[i + distance] = vector::ShuffleOp::create(b, loc, first, second, high);
    }
  }
}

static void writePackTransposed(KernelBuilder &b, VectorType vector, int64_t vectors, const TileMatrix &stored,
                                ValueRange arguments) {
  Value source = flatView(b, b.getLoc(), arguments[0]), panel = flatView(b, b.getLoc(), arguments[5]);
  Value offset = arguments[1], stride = arguments[2], columns = arguments[3], depth = arguments[4];
  Value panelOffset = arguments[6], last = b.sub(columns, b.index(1));
  int64_t lanes = vector.getNumElements(), width = vectors * lanes;
  // Missing columns repeat the last one: nobody reads what they lead to, and no edge needs code of its own.
  auto columnOffset = [&](Value column) { return b.add(offset, b.mul(b.min(column, last), stride)); };
  Value whole = b.mul(b.div(depth, lanes), lanes);
  b.loop(b.index(0), b.index(width), lanes, [&](Value first) {
    SmallVector<Value> columnOffsets;
    for (int64_t i = 0; i < lanes; ++i)
      columnOffsets.push_back(columnOffset(b.add(first, i)));
    b.loop(b.index(0), whole, lanes, [&](Value k) {
      SmallVector<Value> square;
      for (Value column : columnOffsets)
        square.push_back(loadVector(b, vector, stored, source, b.add(column, k)));
      transposeTile(b, b.getLoc(), square);
      for (auto [i, value] : llvm::enumerate(square))
        vector::StoreOp::create(b, value, panel, b.add(b.add(panelOffset, b.mul(b.add(k, i), width)), first));
    });
  });
  b.loop(whole, depth, 1, [&](Value k) {
    b.loop(b.index(0), b.index(width), 1, [&](Value j) {
      Value value = loadElement(b, vector.getElementType(), stored, source, b.add(columnOffset(j), k));
      memref::StoreOp::create(b, value, panel, ValueRange{b.add(b.add(panelOffset, b.mul(k, width)), j)});
    });
  });
}

void hone::emitPackPanel(KernelBuilder &b, VectorType vector, int64_t vectors, bool transposed,
                         const TileMatrix &source, Value columns, Value depth, const TileMatrix &panel) {
  Type from = source.pointer.getType(), to = panel.pointer.getType(), index = b.getIndexType();
  std::string name = (transposed ? "pack_transposed" : "pack_rows") + suffixOf(source) + "_" +
                     std::to_string(vectors * vector.getNumElements());
  auto func = getOrCreateHelper(
      b, name, {from, index, index, index, index, to, index}, [&](KernelBuilder &b, ValueRange arguments) {
        (transposed ? writePackTransposed : writePackRows)(b, vector, vectors, source, arguments);
      });
  func::CallOp::create(
      b, func,
      ValueRange{source.pointer, source.offset, source.rowStride, columns, depth, panel.pointer, panel.offset});
}
