// Index maps, shape functions and folds of the ops that only move elements.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Hone.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace hone;

#define GET_OP_CLASSES
#include "dialects/hone/Shape.cpp.inc"

void HoneDialect::addShapeOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/hone/Shape.cpp.inc"
      >();
}

static LogicalResult verifyCount(Operation *op, StringRef what, int64_t got, int64_t wanted) {
  if (got != wanted)
    return op->emitOpError("wants ") << wanted << " " << what << ", got " << got;
  return success();
}
static void appendFolded(SmallVectorImpl<OpFoldResult> &dims, ValueRange values) {
  for (Value value : values)
    dims.push_back(getAsOpFoldResult(value));
}

//===-- Constants -----------------------------------------------------------------------------------------------===//

LogicalResult ConstantOp::verify() {
  auto value = dyn_cast<DenseElementsAttr>(getValue());
  if (!value)
    return emitOpError("wants a dense value");
  int64_t bytes = storageBytes(value.getElementType(), value.getNumElements());
  if (!value.isSplat() && bytes > kMaxConstantBytes)
    return emitOpError("has ") << bytes << " bytes, a weight's size; constants have " << kMaxConstantBytes
                               << " at most";
  return success();
}
OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }
void ConstantOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  for (int64_t size : cast<RankedTensorType>(getOutput().getType()).getShape())
    dims.push_back(shapes.constant(size));
}

static TypedAttr scalarAttr(Attribute value, Type type) {
  if (auto floating = dyn_cast<FloatAttr>(value))
    return isa<FloatType>(type) ? TypedAttr(floating) : IntegerAttr::get(type, floating.getValue().bitcastToAPInt());
  return IntegerAttr::get(type, cast<IntegerAttr>(value).getValue());
}

Value ConstantOp::emitElement(ElementBuilder &e, ValueRange indices) {
  auto value = cast<DenseElementsAttr>(getValue());
  Type type = scalarType(getOutput().getType());
  if (value.isSplat())
    return e.constant(scalarAttr(value.getSplatValue<Attribute>(), type));
  if (value.empty()) // no position to ask for, but code for it may be built
    return e.constant(type, int64_t(0));
  // A known position, or a chain of selections over the few elements.
  SmallVector<Value> sizes;
  for (int64_t size : value.getType().getShape())
    sizes.push_back(e.index(size));
  Value position = e.linearize(indices, sizes);
  auto values = value.getValues<Attribute>();
  if (auto known = getConstantIntValue(position))
    return e.constant(scalarAttr(values[*known], type));
  Value result = e.constant(scalarAttr(values[0], type));
  for (int64_t i = 1; i < value.getNumElements(); ++i)
    result = e.select(e.compare(arith::CmpIPredicate::eq, position, e.index(i)),
                      e.constant(scalarAttr(values[i], type)), result);
  return result;
}

Structure ConstantOp::getStructure(ShapeBuilder &shapes) { return broadcastStructure(*this, shapes); }

LogicalResult FromElementsOp::verify() {
  auto type = cast<RankedTensorType>(getOutput().getType());
  if (!type.getElementType().isInteger() || type.getRank() > 1 || !type.hasStaticShape())
    return emitOpError("wants a static result of integers and rank at most 1, got ") << type;
  return verifyCount(*this, "elements", getElements().size(), type.getNumElements());
}
void FromElementsOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  if (rankOf(getOutput()))
    dims.push_back(shapes.constant(getElements().size()));
}
Value FromElementsOp::emitElement(ElementBuilder &e, ValueRange indices) {
  Type type = scalarType(getOutput().getType());
  auto element = [&](int64_t i) {
    return e.builder.createOrFold<arith::IndexCastOp>(e.loc, type, e.operand(getElements()[i]));
  };
  if (indices.empty())
    return element(0);
  if (auto known = getConstantIntValue(indices[0]))
    return element(*known);
  Value result = element(0);
  for (int64_t i = 1, n = getElements().size(); i < n; ++i)
    result = e.select(e.compare(arith::CmpIPredicate::eq, indices[0], e.index(i)), element(i), result);
  return result;
}

//===-- Views ---------------------------------------------------------------------------------------------------===//

/// Whether a reshape of `from` cannot be `to`, whatever the dynamic dims.
static bool differInCount(Type from, Type to) {
  auto a = cast<RankedTensorType>(from), b = cast<RankedTensorType>(to);
  return a.hasStaticShape() && b.hasStaticShape() && a.getNumElements() != b.getNumElements();
}

LogicalResult ReshapeOp::verify() {
  Type from = getInput().getType(), to = getOutput().getType();
  if (differInCount(from, to))
    return emitOpError("cannot make ") << to << " of " << from;
  return verifyCount(*this, "sizes", getSizes().size(), rankOf(getOutput()));
}
OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  auto inner = getInput().getDefiningOp<ReshapeOp>();
  // Where a check in front of this op fails every run, the counts may differ: folded, it would be wrong by itself.
  if (inner && !differInCount(inner.getInput().getType(), getOutput().getType())) {
    getInputMutable().assign(inner.getInput());
    return getOutput();
  }
  auto type = cast<RankedTensorType>(getInput().getType());
  if (type != getOutput().getType())
    return {};
  // With one dynamic dim, equal types mean equal dims, unless nothing is counted.
  int64_t unknown = llvm::count_if(type.getShape(), ShapedType::isDynamic);
  bool isSame = unknown == 0 || (unknown == 1 && !llvm::is_contained(type.getShape(), 0));
  return isSame ? OpFoldResult(getInput()) : OpFoldResult();
}
void ReshapeOp::reifyShape(ShapeBuilder &, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  appendFolded(dims, getSizes());
}
Structure ReshapeOp::getStructure(ShapeBuilder &shapes) { return reshapeStructure(*this, shapes); }
WeightRecipeAttrInterface ReshapeOp::getRecipe(ArrayRef<FlatSymbolRefAttr> sources) {
  return ReshapeAttr::get(getContext(), sources[0]);
}
Value ReshapeOp::emitElement(ElementBuilder &e, ValueRange indices) {
  Value linear = e.linearize(indices, e.dims(getOutput()));
  return e.load(getInput(), e.delinearize(linear, e.dims(getInput())));
}

LogicalResult WithDimsOp::verify() {
  auto from = cast<RankedTensorType>(getInput().getType()), to = cast<RankedTensorType>(getOutput().getType());
  bool fits = from.getRank() == to.getRank() && llvm::all_of_zip(from.getShape(), to.getShape(), mayBeEqual);
  if (!fits)
    return emitOpError("cannot make ") << to << " of " << from;
  return verifyCount(*this, "sizes", getSizes().size(), rankOf(getOutput()));
}
OpFoldResult WithDimsOp::fold(FoldAdaptor) {
  auto type = cast<RankedTensorType>(getInput().getType());
  return type == getOutput().getType() && type.hasStaticShape() ? OpFoldResult(getInput()) : OpFoldResult();
}
void WithDimsOp::reifyShape(ShapeBuilder &, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  appendFolded(dims, getSizes());
}
Structure WithDimsOp::getStructure(ShapeBuilder &shapes) { return broadcastStructure(*this, shapes); }
Value WithDimsOp::emitElement(ElementBuilder &e, ValueRange indices) { return e.load(getInput(), indices); }

LogicalResult ExpandOp::verify() {
  if (failed(verifyBroadcast(*this, getInput(), getOutput())))
    return failure();
  return verifyCount(*this, "sizes", getSizes().size(), rankOf(getOutput()));
}
OpFoldResult ExpandOp::fold(FoldAdaptor) {
  if (auto inner = getInput().getDefiningOp<ExpandOp>()) {
    getInputMutable().assign(inner.getInput());
    return getOutput();
  }
  auto type = cast<RankedTensorType>(getInput().getType());
  return type == getOutput().getType() && type.hasStaticShape() ? OpFoldResult(getInput()) : OpFoldResult();
}
void ExpandOp::reifyShape(ShapeBuilder &, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  appendFolded(dims, getSizes());
}
Structure ExpandOp::getStructure(ShapeBuilder &shapes) { return broadcastStructure(*this, shapes); }
Value ExpandOp::emitElement(ElementBuilder &e, ValueRange indices) {
  return e.load(getInput(), broadcastIndices(e, getInput(), getOutput(), indices));
}

LogicalResult TransposeOp::verify() {
  int64_t rank = rankOf(getInput());
  if (failed(verifyCount(*this, "entries of the permutation", getPermutation().size(), rank)))
    return failure();
  SmallVector<int64_t> sorted(getPermutation());
  llvm::sort(sorted);
  for (int64_t i = 0; i < rank; ++i)
    if (sorted[i] != i)
      return emitOpError("is no permutation of ") << rank << " dims";
  return success();
}
OpFoldResult TransposeOp::fold(FoldAdaptor) {
  if (auto inner = getInput().getDefiningOp<TransposeOp>()) {
    SmallVector<int64_t> permutation;
    for (int64_t from : getPermutation())
      permutation.push_back(inner.getPermutation()[from]);
    setPermutation(permutation);
    getInputMutable().assign(inner.getInput());
    return getOutput();
  }
  bool isIdentity = llvm::equal(getPermutation(), llvm::seq<int64_t>(0, getPermutation().size()));
  return isIdentity && getInput().getType() == getOutput().getType() ? OpFoldResult(getInput()) : OpFoldResult();
}
void TransposeOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  for (int64_t from : getPermutation())
    dims.push_back(shapes.dim(getInput(), from));
}
Structure TransposeOp::getStructure(ShapeBuilder &shapes) {
  Structure structure(*this);
  structure.operands[0] = structure.addAll(SmallVector<OpFoldResult>(shapes.dims(getInput())));
  for (int64_t from : getPermutation())
    structure.results[0].push_back(structure.operands[0][from]);
  return structure;
}
void TransposeOp::renumberDims(ArrayRef<int64_t> operandDims, ArrayRef<int64_t> resultDims) {
  SmallVector<int64_t> permutation(resultDims.empty() ? 0 : resultDims.back() + 1);
  for (auto [to, from] : llvm::zip_equal(resultDims, getPermutation()))
    permutation[to] = operandDims[from];
  setPermutation(permutation);
}
WeightRecipeAttrInterface TransposeOp::getRecipe(ArrayRef<FlatSymbolRefAttr> sources) {
  if (getPermutation().empty())
    return {};
  return TransposeAttr::get(getContext(), sources[0], getPermutation());
}
Value TransposeOp::emitElement(ElementBuilder &e, ValueRange indices) {
  SmallVector<Value> own(indices.size());
  for (auto [to, from] : llvm::enumerate(getPermutation()))
    own[from] = indices[to];
  return e.load(getInput(), own);
}

bool TileLayout::fits(int64_t rank) const {
  auto isPermutation = [&](ArrayRef<int64_t> numbers) {
    llvm::SmallDenseSet<int64_t> seen;
    return llvm::all_of(numbers,
                        [&](int64_t number) { return number >= 0 && number < rank && seen.insert(number).second; });
  };
  return dims.size() == tiles.size() && isPermutation(dims) && isPermutation(order) &&
         (order.empty() || int64_t(order.size()) == rank) && llvm::all_of(tiles, [](int64_t tile) { return tile > 0; });
}
TileLayout TileLayout::ofTransposed(ArrayRef<int64_t> permutation) const {
  TileLayout own{{}, tiles, {}};
  for (int64_t dim : dims)
    own.dims.push_back(permutation[dim]);
  for (int64_t i = 0, rank = permutation.size(); i < rank; ++i)
    own.order.push_back(permutation[dimAt(i)]);
  if (llvm::is_sorted(own.order))
    own.order.clear();
  return own;
}
SmallVector<int64_t> TileLayout::packedShape(ArrayRef<int64_t> shape) const {
  SmallVector<int64_t> pieces(shape), packed;
  for (auto [dim, tile] : llvm::zip_equal(dims, tiles))
    pieces[dim] = pieces[dim] / tile + (pieces[dim] % tile != 0);
  for (int64_t i = 0, rank = shape.size(); i < rank; ++i)
    packed.push_back(pieces[dimAt(i)]);
  llvm::append_range(packed, tiles);
  return packed;
}

TileLayout UnpackOp::getLayout() {
  TileLayout layout;
  layout.dims.assign(getDims().begin(), getDims().end());
  layout.tiles.assign(getTiles().begin(), getTiles().end());
  layout.order.assign(getOrder().begin(), getOrder().end());
  return layout;
}
LogicalResult UnpackOp::verify() {
  auto packed = cast<RankedTensorType>(getInput().getType()), type = cast<RankedTensorType>(getOutput().getType());
  TileLayout layout = getLayout();
  if (!layout.fits(type.getRank()))
    return emitOpError("has dims, tiles or an order that are none of ") << type;
  if (!type.hasStaticShape() || packed.getShape() != ArrayRef(layout.packedShape(type.getShape())))
    return emitOpError("wants ") << type << " in tiles, got " << packed;
  return success();
}
void UnpackOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  for (int64_t size : cast<RankedTensorType>(getOutput().getType()).getShape())
    dims.push_back(shapes.constant(size));
}
Structure UnpackOp::getStructure(ShapeBuilder &shapes) {
  Structure structure(*this);
  TileLayout layout = getLayout();
  SmallVector<OpFoldResult> packed(shapes.dims(getInput()));
  structure.results[0] = structure.addAll(SmallVector<OpFoldResult>(shapes.dims(getOutput())));
  for (int64_t dim = 0; dim < rankOf(getOutput()); ++dim)
    if (!layout.order.empty() || llvm::is_contained(layout.dims, dim)) // the op has its number: none is joined to it
      structure.factors[dim].kind = FactorKind::Opaque;
  // A dim that is cut is more than the product of its pieces and their size.
  int64_t rank = rankOf(getOutput());
  for (int64_t i = 0, all = packed.size(); i < all; ++i) {
    bool isWhole = i < rank && !llvm::is_contained(layout.dims, layout.dimAt(i));
    structure.operands[0].push_back(isWhole ? structure.results[0][layout.dimAt(i)]
                                            : FactoredDim{{structure.add(packed[i], FactorKind::Opaque)}});
  }
  return structure;
}
Value UnpackOp::emitElement(ElementBuilder &e, ValueRange indices) {
  TileLayout layout = getLayout();
  SmallVector<Value> pieces(indices), own, inPiece;
  for (auto [dim, tile] : llvm::zip_equal(layout.dims, layout.tiles)) {
    Value size = e.index(tile);
    pieces[dim] = e.builder.createOrFold<arith::DivUIOp>(e.loc, indices[dim], size);
    inPiece.push_back(e.builder.createOrFold<arith::RemUIOp>(e.loc, indices[dim], size));
  }
  for (int64_t i = 0, rank = indices.size(); i < rank; ++i)
    own.push_back(pieces[layout.dimAt(i)]);
  llvm::append_range(own, inPiece);
  return e.load(getInput(), own);
}

/// The input of an op that neither moves nor drops an element if `isIdentity`; equal static types say the rest.
static OpFoldResult foldIdentity(Value input, Value output, bool isIdentity) {
  return isIdentity && input.getType() == output.getType() ? OpFoldResult(input) : OpFoldResult();
}
static bool areConstants(ValueRange values, int64_t wanted) {
  return llvm::all_of(values, [&](Value value) { return ShapeBuilder::getConstant(value) == wanted; });
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  bool isStatic = cast<RankedTensorType>(getInput().getType()).hasStaticShape();
  return foldIdentity(getInput(), getOutput(), isStatic && areConstants(getStarts(), 0) && areConstants(getSteps(), 1));
}
LogicalResult SliceOp::verify() { return verifyCount(*this, "starts", getStarts().size(), rankOf(getInput())); }
void SliceOp::reifyShape(ShapeBuilder &, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  appendFolded(dims, getSizes());
}
Structure SliceOp::getStructure(ShapeBuilder &shapes) {
  Structure structure(*this);
  SmallVector<OpFoldResult> whole(shapes.dims(getInput()));
  structure.results[0] = structure.addAll(SmallVector<OpFoldResult>(shapes.dims(getOutput())));
  for (auto [i, start, step] : llvm::enumerate(getStarts(), getSteps())) {
    FactoredDim dim = structure.results[0][i];
    bool isAll =
        structure.factors[i].size == whole[i] && getConstantIntValue(start) == 0 && getConstantIntValue(step) == 1;
    if (!isAll) {
      dim.factors = {structure.add(whole[i], FactorKind::Opaque)};
      structure.parts.push_back({unsigned(i), dim.factors[0], getAsOpFoldResult(start), getAsOpFoldResult(step)});
    }
    structure.operands[0].push_back(dim);
  }
  return structure;
}
OpFoldResult SliceOp::bytesRead(ShapeBuilder &shapes, unsigned) { return shapes.storageBytes(getOutput()); }
WeightRecipeAttrInterface SliceOp::getRecipe(ArrayRef<FlatSymbolRefAttr> sources) {
  SmallVector<int64_t> starts, sizes, steps;
  for (auto [values, numbers] : {std::pair(getStarts(), &starts), {getSizes(), &sizes}, {getSteps(), &steps}})
    for (Value value : values)
      if (auto known = ShapeBuilder::getConstant(value))
        numbers->push_back(*known);
  size_t rank = rankOf(getInput());
  if (rank == 0 || starts.size() != rank || sizes.size() != rank || steps.size() != rank)
    return {};
  return SliceAttr::get(getContext(), sources[0], starts, sizes, steps);
}
Value SliceOp::emitElement(ElementBuilder &e, ValueRange indices) {
  SmallVector<Value> own;
  for (auto [index, start, step] : llvm::zip_equal(indices, getStarts(), getSteps()))
    own.push_back(e.add(e.operand(start), e.mul(index, e.operand(step))));
  return e.load(getInput(), own);
}

//===-- Assembling ----------------------------------------------------------------------------------------------===//

LogicalResult ConcatOp::verify() {
  int64_t rank = rankOf(getOutput()), axis = getAxis();
  if (failed(verifyAxis(*this, axis, rank)))
    return failure();
  ArrayRef<int64_t> sizes = cast<RankedTensorType>(getOutput().getType()).getShape();
  for (Value input : getInputs()) {
    ArrayRef<int64_t> own = cast<RankedTensorType>(input.getType()).getShape();
    bool fits = int64_t(own.size()) == rank;
    for (int64_t i = 0; fits && i < rank; ++i)
      fits = i == axis || mayBeEqual(own[i], sizes[i]);
    if (!fits)
      return emitOpError("cannot join ") << input.getType() << " into " << getOutput().getType();
  }
  return success();
}
OpFoldResult ConcatOp::fold(FoldAdaptor) { return foldIdentity(getInputs()[0], getOutput(), getInputs().size() == 1); }
void ConcatOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  SmallVector<OpFoldResult> own(shapes.dims(getInputs()[0]));
  for (Value input : getInputs().drop_front()) {
    SmallVector<OpFoldResult> other(shapes.dims(input));
    for (int64_t i = 0, rank = own.size(); i < rank; ++i) {
      if (i == int64_t(getAxis()))
        own[i] = shapes.add(own[i], other[i]);
      else if (!ShapeBuilder::getConstant(own[i]))
        own[i] = other[i]; // equal by contract; a static one says more
    }
  }
  llvm::append_range(dims, own);
}
Structure ConcatOp::getStructure(ShapeBuilder &shapes) {
  Structure structure(*this);
  structure.results[0] = structure.addAll(SmallVector<OpFoldResult>(shapes.dims(getOutput())));
  unsigned axis = getAxis();
  structure.factors[axis].kind = FactorKind::Opaque;
  OpFoldResult offset = shapes.constant(0), one = shapes.constant(1);
  for (auto [i, input] : llvm::enumerate(getInputs())) {
    OpFoldResult size = shapes.dim(input, axis);
    structure.operands[i] = structure.results[0];
    structure.operands[i][axis].factors = {structure.add(size, FactorKind::Opaque)};
    structure.parts.push_back({structure.operands[i][axis].factors[0], axis, offset, one});
    offset = shapes.add(offset, size);
  }
  return structure;
}
void ConcatOp::renumberDims(ArrayRef<int64_t> operandDims, ArrayRef<int64_t>) { setAxis(operandDims[getAxis()]); }
WeightRecipeAttrInterface ConcatOp::getRecipe(ArrayRef<FlatSymbolRefAttr> sources) {
  return ConcatAttr::get(getContext(), sources, getAxis());
}
Value ConcatOp::emitElement(ElementBuilder &e, ValueRange indices) {
  Type type = scalarType(getOutput().getType());
  int64_t axis = getAxis();
  // From the last operand backwards: position < end of operand i ? operand i : the rest.
  std::function<Value(unsigned, Value)> from = [&](unsigned i, Value offset) -> Value {
    auto element = [&] {
      SmallVector<Value> own(indices);
      own[axis] = e.sub(indices[axis], offset);
      return e.load(getInputs()[i], own);
    };
    if (i + 1 == getInputs().size())
      return element();
    Value end = e.add(offset, e.dim(getInputs()[i], axis));
    return e.choose(e.compare(arith::CmpIPredicate::slt, indices[axis], end), type, element,
                    [&] { return from(i + 1, end); });
  };
  return from(0, e.index(0));
}

LogicalResult PadOp::verify() {
  if (!llvm::is_contained({"constant", "edge", "reflect", "wrap"}, getMode()))
    return emitOpError("mode '") << getMode() << "' is none of constant, edge, reflect, wrap";
  if (auto value = cast<RankedTensorType>(getValue().getType()); !value.hasStaticShape() || value.getNumElements() != 1)
    return emitOpError("wants a value of one element, got ") << value;
  return verifyCount(*this, "paddings", getBefore().size(), rankOf(getInput()));
}
OpFoldResult PadOp::fold(FoldAdaptor) {
  return foldIdentity(getInput(), getOutput(), areConstants(getBefore(), 0) && areConstants(getAfter(), 0));
}
void PadOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  for (auto [i, before, after] : llvm::enumerate(getBefore(), getAfter())) {
    OpFoldResult grown = shapes.add(shapes.dim(getInput(), i), getAsOpFoldResult(before));
    dims.push_back(shapes.add(grown, getAsOpFoldResult(after)));
  }
}
Structure PadOp::getStructure(ShapeBuilder &shapes) {
  Structure structure(*this);
  SmallVector<OpFoldResult> own(shapes.dims(getInput()));
  structure.results[0] = structure.addAll(SmallVector<OpFoldResult>(shapes.dims(getOutput())));
  for (auto [i, before, after] : llvm::enumerate(getBefore(), getAfter())) {
    FactoredDim dim = structure.results[0][i];
    if (getConstantIntValue(before) != 0 || getConstantIntValue(after) != 0) {
      structure.factors[i].kind = FactorKind::Opaque;
      dim.factors = {structure.add(own[i], FactorKind::Opaque)};
      if (getMode() == "constant") // the other modes read elements more than once
        structure.parts.push_back({dim.factors[0], unsigned(i), getAsOpFoldResult(before), shapes.constant(1)});
    }
    structure.operands[0].push_back(dim);
  }
  structure.operands[1] = structure.addAll(SmallVector<OpFoldResult>(shapes.dims(getValue())), FactorKind::Opaque);
  return structure;
}
Value PadOp::emitElement(ElementBuilder &e, ValueRange indices) {
  OpBuilder &b = e.builder;
  Value inside = e.constant(b.getI1Type(), int64_t(1)), zero = e.index(0), one = e.index(1);
  SmallVector<Value> own;
  for (auto [i, index, before] : llvm::enumerate(indices, getBefore())) {
    Value size = e.dim(getInput(), i), position = e.sub(index, e.operand(before));
    Value last = e.sub(size, one);
    if (getMode() == "constant") {
      inside = b.createOrFold<arith::AndIOp>(e.loc, inside, e.compare(arith::CmpIPredicate::ult, position, size));
    } else if (getMode() == "edge") {
      position = b.createOrFold<arith::MinSIOp>(e.loc, b.createOrFold<arith::MaxSIOp>(e.loc, position, zero), last);
    } else {
      // Reflection has period 2 (size - 1), wrapping has period size; a dim of 1 repeats.
      bool reflects = getMode() == "reflect";
      Value period = reflects ? e.mul(last, e.index(2)) : size;
      Value safe = b.createOrFold<arith::MaxSIOp>(e.loc, period, one);
      Value rest = b.createOrFold<arith::RemSIOp>(e.loc, position, safe);
      rest = e.select(e.compare(arith::CmpIPredicate::slt, rest, zero), e.add(rest, safe), rest);
      position = rest;
      if (reflects)
        position = e.select(e.compare(arith::CmpIPredicate::sgt, rest, last), e.sub(period, rest), rest);
    }
    own.push_back(position);
  }
  return e.choose(
      inside, scalarType(getOutput().getType()), [&] { return e.load(getInput(), own); },
      [&] { return e.load(getValue(), SmallVector<Value>(rankOf(getValue()), zero)); });
}

LogicalResult TileOp::verify() { return verifyCount(*this, "repeats", getRepeats().size(), rankOf(getInput())); }
OpFoldResult TileOp::fold(FoldAdaptor) { return foldIdentity(getInput(), getOutput(), areConstants(getRepeats(), 1)); }
void TileOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  for (auto [i, repeat] : llvm::enumerate(getRepeats()))
    dims.push_back(shapes.mul(shapes.dim(getInput(), i), getAsOpFoldResult(repeat)));
}
Structure TileOp::getStructure(ShapeBuilder &shapes) {
  Structure structure(*this);
  structure.operands[0] = structure.addAll(SmallVector<OpFoldResult>(shapes.dims(getInput())));
  for (auto [dim, repeat] : llvm::zip_equal(structure.operands[0], getRepeats())) {
    FactoredDim tiled = dim;
    if (getConstantIntValue(repeat) != 1)
      tiled.factors.insert(tiled.factors.begin(), structure.add(getAsOpFoldResult(repeat)));
    structure.results[0].push_back(tiled);
  }
  return structure;
}
Value TileOp::emitElement(ElementBuilder &e, ValueRange indices) {
  SmallVector<Value> own;
  for (auto [i, index] : llvm::enumerate(indices))
    own.push_back(e.builder.createOrFold<arith::RemUIOp>(e.loc, index, e.dim(getInput(), i)));
  return e.load(getInput(), own);
}

//===-- Indexing ------------------------------------------------------------------------------------------------===//

LogicalResult GatherOp::verify() { return verifyAxis(*this, getAxis(), rankOf(getData())); }
void GatherOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  SmallVector<OpFoldResult> data(shapes.dims(getData())), indices(shapes.dims(getIndices()));
  dims.append(data.begin(), data.begin() + getAxis());
  llvm::append_range(dims, indices);
  dims.append(data.begin() + getAxis() + 1, data.end());
}
Structure GatherOp::getStructure(ShapeBuilder &shapes) {
  Structure structure(*this);
  FactoredDims &data = structure.operands[0], &indices = structure.operands[1], &out = structure.results[0];
  out = structure.addAll(SmallVector<OpFoldResult>(shapes.dims(getOutput())));
  auto first = out.begin() + getAxis(), last = first + rankOf(getIndices());
  indices.assign(first, last);
  data.assign(out.begin(), first);
  data.push_back({{structure.add(shapes.dim(getData(), getAxis()), FactorKind::Opaque)}});
  data.append(last, out.end());
  return structure;
}
void GatherOp::renumberDims(ArrayRef<int64_t> operandDims, ArrayRef<int64_t>) { setAxis(operandDims[getAxis()]); }
Value GatherOp::emitElement(ElementBuilder &e, ValueRange indices) {
  int64_t axis = getAxis(), depth = rankOf(getIndices());
  Value position = e.load(getIndices(), indices.slice(axis, depth));
  SmallVector<Value> own(indices.take_front(axis));
  own.push_back(e.checkedIndex(position, e.dim(getData(), axis)));
  llvm::append_range(own, indices.drop_front(axis + depth));
  return e.load(getData(), own);
}

LogicalResult GatherElementsOp::verify() {
  if (rankOf(getData()) != rankOf(getIndices()))
    return emitOpError("wants data and indices of one rank");
  return verifyAxis(*this, getAxis(), rankOf(getData()));
}
void GatherElementsOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getIndices()));
}
Value GatherElementsOp::emitElement(ElementBuilder &e, ValueRange indices) {
  SmallVector<Value> own(indices);
  own[getAxis()] = e.checkedIndex(e.load(getIndices(), indices), e.dim(getData(), getAxis()));
  return e.load(getData(), own);
}

/// The length of index tuples, which point into dims of `data` from `first` on; an error if it is not fixed or too
/// much.
static FailureOr<int64_t> verifyTuples(Operation *op, Value indices, Value data, int64_t first) {
  auto type = cast<RankedTensorType>(indices.getType());
  if (type.getRank() < 1 || type.isDynamicDim(type.getRank() - 1))
    return op->emitOpError("wants indices with a static last dim, got ") << type;
  int64_t depth = type.getShape().back();
  if (depth > rankOf(data) - first)
    return op->emitOpError("index tuples are longer than the data's rank");
  return depth;
}

LogicalResult GatherNDOp::verify() {
  int64_t batch = getBatchDims();
  if (batch < 0 || batch >= rankOf(getIndices()) || batch > rankOf(getData()))
    return emitOpError("has no ") << batch << " batch dims in " << getData().getType() << " and "
                                  << getIndices().getType();
  return LogicalResult(verifyTuples(*this, getIndices(), getData(), batch));
}
void GatherNDOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  SmallVector<OpFoldResult> data(shapes.dims(getData())), indices(shapes.dims(getIndices()));
  dims.append(indices.begin(), indices.end() - 1);
  int64_t depth = cast<RankedTensorType>(getIndices().getType()).getShape().back();
  dims.append(data.begin() + getBatchDims() + depth, data.end());
}
Value GatherNDOp::emitElement(ElementBuilder &e, ValueRange indices) {
  int64_t batch = getBatchDims(), lead = rankOf(getIndices()) - 1;
  int64_t depth = cast<RankedTensorType>(getIndices().getType()).getShape().back();
  SmallVector<Value> own(indices.take_front(batch));
  for (int64_t i = 0; i < depth; ++i) {
    SmallVector<Value> at(indices.take_front(lead));
    at.push_back(e.index(i));
    own.push_back(e.checkedIndex(e.load(getIndices(), at), e.dim(getData(), batch + i)));
  }
  llvm::append_range(own, indices.drop_front(lead));
  return e.load(getData(), own);
}

LogicalResult OneHotOp::verify() {
  auto values = cast<RankedTensorType>(getValues().getType());
  if (values.getRank() != 1 || !mayBeEqual(values.getDimSize(0), 2))
    return emitOpError("wants two values, got ") << values;
  return verifyAxis(*this, getAxis(), rankOf(getIndices()) + 1);
}
void OneHotOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getIndices()));
  dims.insert(dims.begin() + getAxis(), getAsOpFoldResult(getDepth()));
}
Value OneHotOp::emitElement(ElementBuilder &e, ValueRange indices) {
  SmallVector<Value> at(indices);
  Value position = at[getAxis()];
  at.erase(at.begin() + getAxis());
  Value raw = e.load(getIndices(), at);
  Value wanted = isa<FloatType>(raw.getType())
                     ? e.toIndex(floatToInteger(e, raw, e.builder.getI64Type(), /*toUnsigned=*/false))
                     : e.toIndex(raw, elementTypeOf(getIndices()).isUnsignedInteger());
  // What 64 bits hold without a sign only is beyond any depth, and does not count from the end.
  if (!elementTypeOf(getIndices()).isUnsignedInteger()) {
    Value negative = e.compare(arith::CmpIPredicate::slt, wanted, e.index(0));
    wanted = e.select(negative, e.add(wanted, e.operand(getDepth())), wanted);
  }
  Value hit = e.compare(arith::CmpIPredicate::eq, wanted, position);
  return e.select(hit, e.load(getValues(), {e.index(1)}), e.load(getValues(), {e.index(0)}));
}

LogicalResult RangeOp::verify() {
  for (Value end : {getStart(), getDelta()})
    if (rankOf(end) != 0)
      return emitOpError("wants a start and a delta of rank 0, got ") << end.getType();
  return success();
}
void RangeOp::reifyShape(ShapeBuilder &, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  dims.push_back(getAsOpFoldResult(getSize()));
}
Value RangeOp::emitElement(ElementBuilder &e, ValueRange indices) {
  Value start = e.load(getStart(), {}), delta = e.load(getDelta(), {});
  Type type = start.getType();
  Value i = e.builder.createOrFold<arith::IndexCastOp>(e.loc, e.builder.getI64Type(), indices[0]);
  if (isa<FloatType>(type)) {
    i = e.builder.createOrFold<arith::SIToFPOp>(e.loc, type, i);
    Value offset = e.builder.createOrFold<arith::MulFOp>(e.loc, i, delta);
    return e.builder.createOrFold<arith::AddFOp>(e.loc, start, offset);
  }
  if (!type.isInteger(64))
    i = e.builder.createOrFold<arith::TruncIOp>(e.loc, type, i);
  return e.add(start, e.mul(i, delta));
}

LogicalResult TriluOp::verify() {
  if (rankOf(getInput()) < 2)
    return emitOpError("wants matrices, got ") << getInput().getType();
  return success();
}
void TriluOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getInput()));
}
Value TriluOp::emitElement(ElementBuilder &e, ValueRange indices) {
  // The distance to the diagonal, not the diagonal's place: k may be any number, and the sum would wrap.
  Value distance = e.sub(indices.back(), indices[indices.size() - 2]);
  Value keeps =
      e.compare(getUpper() ? arith::CmpIPredicate::sge : arith::CmpIPredicate::sle, distance, e.operand(getK()));
  Value zero = e.constant(scalarType(getOutput().getType()), int64_t(0));
  return e.select(keeps, e.load(getInput(), indices), zero);
}

LogicalResult RandomUniformOp::verify() {
  if (!elementTypeOf(getOutput()).isF32())
    return emitOpError("wants a result of f32, got ") << getOutput().getType();
  return verifyCount(*this, "sizes", getSizes().size(), rankOf(getOutput()));
}
void RandomUniformOp::reifyShape(ShapeBuilder &, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  appendFolded(dims, getSizes());
}
Value RandomUniformOp::emitElement(ElementBuilder &e, ValueRange indices) {
  Type type = e.builder.getI64Type();
  auto number = [&](uint64_t bits) { return e.constant(type, int64_t(bits)); };
  auto mix = [&](Value x, unsigned shift) {
    Value shifted = e.builder.createOrFold<arith::ShRUIOp>(e.loc, x, number(shift));
    return e.builder.createOrFold<arith::XOrIOp>(e.loc, x, shifted);
  };
  Value position = e.linearize(indices, e.dims(getOutput()));
  Value state = e.mul(e.builder.createOrFold<arith::IndexCastOp>(e.loc, type, position), number(0x9e3779b97f4a7c15));
  state = e.add(state, number(getSeed() + 0x9e3779b97f4a7c15));
  Value bits = e.mul(mix(state, 30), number(0xbf58476d1ce4e5b9));
  bits = mix(e.mul(mix(bits, 27), number(0x94d049bb133111eb)), 31);
  Value upper = e.builder.createOrFold<arith::ShRUIOp>(e.loc, bits, number(40));
  Value whole = e.builder.createOrFold<arith::UIToFPOp>(e.loc, e.builder.getF32Type(), upper);
  return e.builder.createOrFold<arith::MulFOp>(e.loc, whole, e.constant(e.builder.getF32Type(), 0x1p-24));
}

//===-- Scatters ------------------------------------------------------------------------------------------------===//

static Value combine(ElementBuilder &e, StringRef reduction, Type elementType, Value old, Value update) {
  if (reduction == "none")
    return update;
  bool isFloat = isa<FloatType>(update.getType()), plain = elementType.isUnsignedInteger() || elementType.isInteger(1);
  OpBuilder &b = e.builder;
  if (reduction == "add")
    return isFloat ? b.createOrFold<arith::AddFOp>(e.loc, old, update) : e.add(old, update);
  if (reduction == "mul")
    return isFloat ? b.createOrFold<arith::MulFOp>(e.loc, old, update) : e.mul(old, update);
  if (isFloat)
    return reduction == "max" ? Value(arith::MaximumFOp::create(b, e.loc, old, update))
                              : arith::MinimumFOp::create(b, e.loc, old, update);
  auto less = plain ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt;
  Value updateIsLess = e.compare(less, update, old);
  return reduction == "max" ? e.select(updateIsLess, old, update) : e.select(updateIsLess, update, old);
}

/// Calls body(indices) for every position of `tensor`, in row-major order.
static void forEach(ElementBuilder &e, Value tensor, function_ref<void(ValueRange)> body) {
  SmallVector<Value> indices, bounds = e.loopBounds(e.dims(tensor));
  std::function<void()> nest = [&] {
    if (indices.size() == bounds.size())
      return body(indices);
    e.loop(e.index(0), bounds[indices.size()], {}, [&](Value i, ValueRange) {
      indices.push_back(i);
      nest();
      indices.pop_back();
      return SmallVector<Value>();
    });
  };
  nest();
}

static LogicalResult verifyReduction(Operation *op, StringRef reduction) {
  if (reduction != "none" && !isComputed(op->getResult(0).getType()))
    return op->emitOpError("cannot combine elements of ") << op->getResult(0).getType() << "; cast them first";
  if (!llvm::is_contained({"none", "add", "mul", "max", "min"}, reduction))
    return op->emitOpError("reduction '") << reduction << "' is none of none, add, mul, max, min";
  return success();
}
/// Puts `update` in its place in the result of a scatter; with none in a tensor without elements, of which `sizes` are
/// the dims that data point into: that has failed already.
static void scatter(ElementBuilder &e, Value data, StringRef reduction, ValueRange sizes, ValueRange target,
                    Value update) {
  Value exists = e.constant(e.builder.getI1Type(), int64_t(1));
  for (Value size : sizes)
    exists =
        e.builder.createOrFold<arith::AndIOp>(e.loc, exists, e.compare(arith::CmpIPredicate::ne, size, e.index(0)));
  e.when(exists,
         [&] { e.store(0, target, combine(e, reduction, elementTypeOf(data), e.loadResult(0, target), update)); });
}

LogicalResult NonzeroOp::verify() {
  auto type = cast<RankedTensorType>(getOutput().getType());
  if (type.getRank() != 2 || !type.getElementType().isInteger(64) || type.getElementType().isUnsignedInteger())
    return emitOpError("wants a result of two dims and i64, got ") << type;
  return success();
}
void NonzeroOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  dims.push_back(shapes.constant(rankOf(getInput())));
  dims.push_back(getAsOpFoldResult(getCount()));
}
// How many there are before an element, its place depends on: one iteration.
OpFoldResult NonzeroOp::iterationCount(ShapeBuilder &shapes) { return shapes.constant(1); }
void NonzeroOp::emitIteration(ElementBuilder &e, Value) {
  SmallVector<Value> sizes = e.dims(getInput());
  Value count = e.operand(getCount()), one = e.index(1), total = one;
  for (Value size : sizes)
    total = e.mul(total, size);
  e.loop(e.index(0), total, {e.index(0)}, [&](Value i, ValueRange carried) {
    SmallVector<Value> at = e.delinearize(i, sizes);
    Value scalar = convertScalar(e, e.load(getInput(), at), elementTypeOf(getInput()), e.builder.getI1Type());
    Value isInside = e.compare(arith::CmpIPredicate::slt, carried[0], count);
    Value counts = e.builder.createOrFold<arith::AndIOp>(e.loc, scalar, isInside);
    e.when(counts, [&] {
      for (auto [dim, index] : llvm::enumerate(at))
        e.store(0, {e.index(dim), carried[0]},
                e.builder.createOrFold<arith::IndexCastOp>(e.loc, e.builder.getI64Type(), index));
    });
    return SmallVector<Value>{e.add(carried[0], e.select(counts, one, e.index(0)))};
  });
}

LogicalResult ScatterElementsOp::verify() {
  int64_t rank = rankOf(getData());
  if (rankOf(getIndices()) != rank || rankOf(getUpdates()) != rank)
    return emitOpError("wants data, indices and updates of one rank");
  if (failed(verifyReduction(*this, getReduction())))
    return failure();
  auto indices = cast<RankedTensorType>(getIndices().getType()),
       updates = cast<RankedTensorType>(getUpdates().getType());
  for (int64_t i = 0; i < rank; ++i)
    if (!mayBeEqual(indices.getDimSize(i), updates.getDimSize(i)))
      return emitOpError("has indices ") << indices << " for updates " << updates;
  return verifyAxis(*this, getAxis(), rank);
}
void ScatterElementsOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getData()));
}
// Updates may meet in one element, so their order is the semantics: one iteration.
OpFoldResult ScatterElementsOp::iterationCount(ShapeBuilder &shapes) { return shapes.constant(1); }
void ScatterElementsOp::emitIteration(ElementBuilder &e, Value) {
  forEach(e, getData(), [&](ValueRange at) { e.store(0, at, e.load(getData(), at)); });
  forEach(e, getIndices(), [&](ValueRange at) {
    Value size = e.dim(getData(), getAxis());
    SmallVector<Value> target(at);
    target[getAxis()] = e.checkedIndex(e.load(getIndices(), at), size);
    scatter(e, getData(), getReduction(), size, target, e.load(getUpdates(), at));
  });
}

LogicalResult ScatterNDOp::verify() {
  FailureOr<int64_t> depth = verifyTuples(*this, getIndices(), getData(), 0);
  if (failed(depth) || failed(verifyReduction(*this, getReduction())))
    return failure();
  auto updates = cast<RankedTensorType>(getUpdates().getType());
  SmallVector<int64_t> wanted(cast<RankedTensorType>(getIndices().getType()).getShape().drop_back());
  llvm::append_range(wanted, cast<RankedTensorType>(getData().getType()).getShape().drop_front(*depth));
  bool fits = updates.getRank() == int64_t(wanted.size());
  for (auto [own, other] : llvm::zip(updates.getShape(), wanted))
    fits &= mayBeEqual(own, other);
  if (!fits)
    return emitOpError("wants updates of ")
           << RankedTensorType::get(wanted, updates.getElementType()) << ", got " << updates;
  return success();
}
void ScatterNDOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getData()));
}
OpFoldResult ScatterNDOp::iterationCount(ShapeBuilder &shapes) { return shapes.constant(1); }
void ScatterNDOp::emitIteration(ElementBuilder &e, Value) {
  forEach(e, getData(), [&](ValueRange at) { e.store(0, at, e.load(getData(), at)); });
  int64_t lead = rankOf(getIndices()) - 1;
  int64_t depth = cast<RankedTensorType>(getIndices().getType()).getShape().back();
  forEach(e, getUpdates(), [&](ValueRange at) {
    SmallVector<Value> target, sizes, tuple(at.take_front(lead));
    for (int64_t i = 0; i < depth; ++i) {
      tuple.push_back(e.index(i));
      sizes.push_back(e.dim(getData(), i));
      target.push_back(e.checkedIndex(e.load(getIndices(), tuple), sizes.back()));
      tuple.pop_back();
    }
    llvm::append_range(target, at.drop_front(lead));
    scatter(e, getData(), getReduction(), sizes, target, e.load(getUpdates(), at));
  });
}
