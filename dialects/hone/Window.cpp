// Convolution and pooling: verification, shapes, and what an element is.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Window.h"
#include "dialects/hone/Axis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace hone;

#define GET_OP_CLASSES
#include "dialects/hone/Window.cpp.inc"

void HoneDialect::addWindowOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/hone/Window.cpp.inc"
      >();
}

//===-- The window ----------------------------------------------------------------------------------------------===//

OpFoldResult WindowDim::extent(ShapeBuilder &shapes) const {
  OpFoldResult one = shapes.constant(1);
  return shapes.add(shapes.mul(shapes.sub(taps, one), shapes.constant(dilation)), one);
}

/// Rounded up, positions are counted as far as windows begin ahead of the end of the input.
static OpFoldResult positionsOf(const WindowDim &dim, ShapeBuilder &shapes) {
  OpFoldResult stride = shapes.constant(dim.stride), zero = shapes.constant(0);
  int64_t beyond = dim.before + dim.after + dim.stride + (dim.ceil ? dim.stride - 1 : 0);
  OpFoldResult room = shapes.sub(shapes.add(dim.input, shapes.constant(beyond)), dim.extent(shapes));
  OpFoldResult count = shapes.floorDiv(shapes.max(room, zero), stride);
  if (!dim.ceil)
    return count;
  OpFoldResult begun = shapes.add(dim.input, shapes.constant(dim.before + dim.stride - 1));
  return shapes.min(count, shapes.floorDiv(begun, stride));
}

template <typename OpT>
static SmallVector<WindowDim, 3> windowDims(OpT op, ArrayRef<OpFoldResult> taps, bool ceil, ShapeBuilder &shapes) {
  SmallVector<WindowDim, 3> dims;
  for (auto [i, size] : llvm::enumerate(taps)) {
    WindowDim dim{shapes.dim(op.getInput(), i + 1),
                  size,
                  {},
                  op.getStrides()[i],
                  op.getDilations()[i],
                  op.getPadsBefore()[i],
                  op.getPadsAfter()[i],
                  ceil};
    dim.positions = positionsOf(dim, shapes);
    dims.push_back(dim);
  }
  return dims;
}

SmallVector<WindowDim, 3> hone::windowDims(ConvOp op, ShapeBuilder &shapes) {
  SmallVector<OpFoldResult> filter(shapes.dims(op.getFilter()));
  return ::windowDims(op, ArrayRef(filter).drop_front(2).drop_back(), /*ceil=*/false, shapes);
}
template <typename OpT> static SmallVector<WindowDim, 3> poolDims(OpT op, ShapeBuilder &shapes) {
  SmallVector<OpFoldResult> taps;
  for (int64_t size : op.getWindow())
    taps.push_back(shapes.constant(size));
  return ::windowDims(op, taps, op.getCeil(), shapes);
}
SmallVector<WindowDim, 3> hone::windowDims(PoolOp op, ShapeBuilder &shapes) { return poolDims(op, shapes); }
SmallVector<WindowDim, 3> hone::windowDims(ArgPoolOp op, ShapeBuilder &shapes) { return poolDims(op, shapes); }

/// What all ops with a window want of their attributes.
template <typename OpT> static LogicalResult verifyWindow(OpT op) {
  int64_t spatial = rankOf(op.getInput()) - 2;
  if (spatial < 1)
    return op.emitOpError("wants a batch, spatial dims and channels, got ") << op.getInput().getType();
  std::tuple<StringRef, ArrayRef<int64_t>, int64_t> all[] = {{"strides", op.getStrides(), 1},
                                                             {"dilations", op.getDilations(), 1},
                                                             {"pads_before", op.getPadsBefore(), 0},
                                                             {"pads_after", op.getPadsAfter(), 0}};
  for (auto [name, values, least] : all) {
    if (int64_t(values.size()) != spatial)
      return op.emitOpError("wants one of `") << name << "` for each of " << spatial << " spatial dims";
    for (int64_t value : values)
      if (value < least || value > kMaxWindowStep)
        return op.emitOpError("wants `") << name << "` of " << least << " to " << kMaxWindowStep << ", got " << value;
  }
  return success();
}

/// The dims of the result ahead of its channels.
template <typename OpT> static void appendPositions(OpT op, ShapeBuilder &shapes, SmallVectorImpl<OpFoldResult> &dims) {
  dims.push_back(shapes.dim(op.getInput(), 0));
  for (const WindowDim &dim : hone::windowDims(op, shapes))
    dims.push_back(dim.positions);
}

/// Adds the factors of batch and positions, and those of the input's spatial dims, to which the window's taps say what
/// is read.
template <typename OpT> static void addPositions(OpT op, Structure &structure, ShapeBuilder &shapes) {
  SmallVector<OpFoldResult> input(shapes.dims(op.getInput())), output(shapes.dims(op.getOutput()));
  unsigned batch = structure.add(output[0]);
  structure.operands[0].push_back({{batch}});
  structure.results[0].push_back({{batch}});
  for (size_t i = 1; i + 1 < output.size(); ++i) {
    structure.results[0].push_back({{structure.add(output[i], FactorKind::Window)}});
    structure.operands[0].push_back({{structure.add(input[i], FactorKind::Opaque)}});
  }
}

/// Where the taps at `positions` lie along the spatial dims, and whether that is in the input.
template <typename OpT>
static std::pair<SmallVector<Value>, Value> placeOfTaps(OpT op, ElementBuilder &e, ValueRange indices,
                                                        ValueRange positions) {
  SmallVector<Value> at;
  Value isInside = e.constant(e.builder.getI1Type(), int64_t(1));
  for (size_t i = 0; i < op.getStrides().size(); ++i) {
    Value begin = e.mul(indices[i + 1], e.index(op.getStrides()[i]));
    Value tap = e.add(begin, e.mul(positions[i], e.index(op.getDilations()[i])));
    at.push_back(e.sub(tap, e.index(op.getPadsBefore()[i])));
    // Behind the end, and, as what is less than 0 is a great number, ahead of the beginning.
    Value inside = e.compare(arith::CmpIPredicate::ult, at.back(), e.dim(op.getInput(), i + 1));
    isInside = e.builder.createOrFold<arith::AndIOp>(e.loc, isInside, inside);
  }
  return {at, isInside};
}
/// `then` of where the taps at `positions` lie in the input; `partial` where they lie outside of it.
template <typename OpT>
static Value atTaps(OpT op, ElementBuilder &e, ValueRange indices, ValueRange positions, Value partial,
                    function_ref<Value(ArrayRef<Value> at)> then) {
  auto [at, isInside] = placeOfTaps(op, e, indices, positions);
  return e.choose(isInside, partial.getType(), [&, &at = at] { return then(at); }, [&] { return partial; });
}

//===-- Conv ----------------------------------------------------------------------------------------------------===//

LogicalResult ConvOp::verify() {
  if (failed(verifyWindow(*this)))
    return failure();
  auto input = cast<RankedTensorType>(getInput().getType()), filter = cast<RankedTensorType>(getFilter().getType());
  if (filter.getRank() != input.getRank() + 1)
    return emitOpError("wants a filter with a dim more than the input, got ") << filter << " for " << input;
  Type sum = elementTypeOf(getOutput());
  for (RankedTensorType factor : {input, filter})
    if (!isWidening(factor.getElementType(), sum))
      return emitOpError("cannot convert ") << factor.getElementType() << " to " << sum << " without a loss";
  int64_t groups = filter.getDimSize(0), channels = input.getShape().back(), read = filter.getShape().back();
  auto divides = [](int64_t size, int64_t whole, int64_t count) {
    if (ShapedType::isDynamic(size) || ShapedType::isDynamic(whole))
      return true;
    return size == 0 ? whole == 0 : whole % size == 0 && mayBeEqual(whole / size, count);
  };
  if (!divides(groups, channels, read) || !divides(read, channels, groups))
    return emitOpError("has ") << channels << " channels, and a filter that reads " << read << " in each of " << groups
                               << " groups";
  return success();
}

void ConvOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  appendPositions(*this, shapes, dims);
  dims.push_back(shapes.mul(shapes.dim(getFilter(), 0), shapes.dim(getFilter(), 1)));
}

Structure ConvOp::getStructure(ShapeBuilder &shapes) {
  Structure structure(*this);
  addPositions(*this, structure, shapes);
  SmallVector<OpFoldResult> filter(shapes.dims(getFilter()));
  auto addReduction = [&](OpFoldResult size) {
    unsigned factor = structure.add(size, FactorKind::Reduction);
    structure.factors[factor].combiner = ReduceKind::Sum;
    return factor;
  };
  FactoredDim groups, outputs, all, read, channels;
  if (ShapeBuilder::getConstant(filter[0]) != 1)
    groups.factors = {structure.add(filter[0])};
  // One output channel of a group: the group is its channel.
  if (groups.factors.empty() || ShapeBuilder::getConstant(filter[1]) != 1)
    outputs.factors = {structure.add(filter[1])};
  structure.operands[1] = {groups, outputs};
  for (OpFoldResult taps : ArrayRef(filter).drop_front(2).drop_back())
    structure.operands[1].push_back({{addReduction(taps)}});
  read.factors = {addReduction(filter.back())};
  structure.operands[1].push_back(read);
  all = channels = groups;
  llvm::append_range(all.factors, outputs.factors);
  llvm::append_range(channels.factors, read.factors);
  structure.results[0].push_back(all);
  structure.operands[0].push_back(channels);
  return structure;
}
OpFoldResult ConvOp::flops(ShapeBuilder &shapes) {
  return shapes.mul(getStructure(shapes).points(shapes), shapes.constant(2));
}

SmallVector<Value> ConvOp::accumulatedSizes(ElementBuilder &e) {
  return llvm::map_to_vector(llvm::seq<int64_t>(2, rankOf(getFilter())),
                             [&](int64_t i) { return e.dim(getFilter(), i); });
}
Value ConvOp::emitInitial(ElementBuilder &e) { return e.constant(scalarType(elementTypeOf(getOutput())), int64_t(0)); }
Value ConvOp::emitStep(ElementBuilder &e, ValueRange indices, ValueRange positions, Value partial) {
  return atTaps(*this, e, indices, positions, partial, [&](ArrayRef<Value> at) {
    // A filter without outputs has no elements to build.
    Value outputs = e.builder.createOrFold<arith::MaxUIOp>(e.loc, e.dim(getFilter(), 1), e.index(1));
    bool isGrouped = cast<RankedTensorType>(getFilter().getType()).getDimSize(0) != 1;
    Value group = isGrouped ? e.builder.createOrFold<arith::DivUIOp>(e.loc, indices.back(), outputs) : e.index(0);
    SmallVector<Value> inputAt{indices.front()}, filterAt{group, e.sub(indices.back(), e.mul(group, outputs))};
    llvm::append_range(inputAt, at);
    inputAt.push_back(e.add(e.mul(group, e.dim(getFilter(), rankOf(getFilter()) - 1)), positions.back()));
    llvm::append_range(filterAt, positions);
    Type sum = elementTypeOf(getOutput());
    Value a = convertScalar(e, e.load(getInput(), inputAt), elementTypeOf(getInput()), sum);
    Value b = convertScalar(e, e.load(getFilter(), filterAt), elementTypeOf(getFilter()), sum);
    Value product = isa<FloatType>(a.getType())
                        ? e.builder.createOrFold<arith::MulFOp>(e.loc, a, b, arith::FastMathFlags::contract)
                        : e.mul(a, b);
    return combine(e, ReduceKind::Sum, partial, product, sum);
  });
}
Value ConvOp::emitElement(ElementBuilder &e, ValueRange indices) { return emitAccumulated(*this, e, indices); }

/// Leaves out spatial dims of one element, as of a convolution over a sequence that an exporter wrote with two.
static LogicalResult dropUnitDims(ConvOp op, PatternRewriter &rewriter) {
  auto input = cast<RankedTensorType>(op.getInput().getType()),
       filter = cast<RankedTensorType>(op.getFilter().getType());
  SmallVector<int64_t> kept; // of the spatial dims
  for (int64_t i = 0; i < input.getRank() - 2; ++i)
    if (input.getDimSize(i + 1) != 1 || filter.getDimSize(i + 2) != 1 || op.getPadsBefore()[i] || op.getPadsAfter()[i])
      kept.push_back(i);
  if (kept.empty())
    kept = {0};
  if (int64_t(kept.size()) == input.getRank() - 2)
    return failure();
  ShapeBuilder shapes(rewriter);
  auto without = [&](Value tensor, int64_t ahead) {
    SmallVector<OpFoldResult> all(shapes.dims(tensor)), dims(all.begin(), all.begin() + ahead);
    for (int64_t i : kept)
      dims.push_back(all[ahead + i]);
    dims.push_back(all.back());
    return createTensorOp<ReshapeOp>(shapes, op.getLoc(), elementTypeOf(tensor), dims.size(), tensor,
                                     ValueRange(shapes.materialize(dims)));
  };
  auto of = [&](ArrayRef<int64_t> all) { return llvm::map_to_vector(kept, [&](int64_t i) { return all[i]; }); };
  Value narrow = createTensorOp<ConvOp>(shapes, op.getLoc(), elementTypeOf(op.getOutput()), int64_t(kept.size()) + 2,
                                        without(op.getInput(), 1), without(op.getFilter(), 2), of(op.getStrides()),
                                        of(op.getDilations()), of(op.getPadsBefore()), of(op.getPadsAfter()));
  SmallVector<OpFoldResult> dims(shapes.dims(op.getOutput()));
  rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), narrow, ValueRange(shapes.materialize(dims)));
  return success();
}

/// A window of one tap that moves by one element over all channels is a matrix product at each position.
LogicalResult ConvOp::canonicalize(ConvOp op, PatternRewriter &rewriter) {
  if (succeeded(dropUnitDims(op, rewriter)))
    return success();
  auto filter = cast<RankedTensorType>(op.getFilter().getType());
  auto isAll = [](ArrayRef<int64_t> values, int64_t value) { return llvm::all_equal(values) && values[0] == value; };
  bool isPoint = isAll(filter.getShape().drop_front(2).drop_back(), 1) && isAll(op.getStrides(), 1) &&
                 isAll(op.getPadsBefore(), 0) && isAll(op.getPadsAfter(), 0);
  if (!isPoint || filter.getDimSize(0) != 1 || !isComputed(elementTypeOf(op.getOutput())))
    return failure();
  ShapeBuilder shapes(rewriter);
  SmallVector<OpFoldResult> dims{shapes.dim(op.getFilter(), 1), shapes.dim(op.getFilter(), filter.getRank() - 1)};
  Value matrix = createTensorOp<ReshapeOp>(shapes, op.getLoc(), filter.getElementType(), dims.size(), op.getFilter(),
                                           ValueRange(shapes.materialize(dims)));
  rewriter.replaceOpWithNewOp<MatmulOp>(op, op.getType(), op.getInput(), matrix, /*transpose_rhs=*/true);
  return success();
}

//===-- Pool ----------------------------------------------------------------------------------------------------===//

template <typename OpT> static LogicalResult verifyPool(OpT op) {
  if (failed(verifyWindow(op)))
    return failure();
  if (op.getWindow().size() != op.getStrides().size())
    return op.emitOpError("wants a size of the window for each of ") << op.getStrides().size() << " spatial dims";
  for (int64_t size : op.getWindow())
    if (size < 1 || size > kMaxWindowStep)
      return op.emitOpError("wants a window of 1 to ") << kMaxWindowStep << " taps, got " << size;
  return success();
}
LogicalResult PoolOp::verify() { return verifyPool(*this); }

void PoolOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  appendPositions(*this, shapes, dims);
  dims.push_back(shapes.dim(getInput(), rankOf(getInput()) - 1));
}

template <typename OpT> static Structure poolStructure(OpT op, ShapeBuilder &shapes) {
  Structure structure(op);
  addPositions(op, structure, shapes);
  FactoredDim channels{{structure.add(shapes.dim(op.getOutput(), rankOf(op.getOutput()) - 1))}};
  structure.operands[0].push_back(channels);
  structure.results[0].push_back(channels);
  return structure;
}
Structure PoolOp::getStructure(ShapeBuilder &shapes) {
  Structure structure = poolStructure(*this, shapes);
  for (int64_t size : getWindow()) {
    unsigned taps = structure.add(shapes.constant(size), FactorKind::Reduction);
    structure.factors[taps].combiner = getKind();
  }
  return structure;
}

SmallVector<Value> PoolOp::accumulatedSizes(ElementBuilder &e) {
  return llvm::map_to_vector(getWindow(), [&](int64_t size) { return e.index(size); });
}
Value PoolOp::emitInitial(ElementBuilder &e) { return neutralElement(e, getKind(), elementTypeOf(getInput())); }
Value PoolOp::emitStep(ElementBuilder &e, ValueRange indices, ValueRange positions, Value partial) {
  return atTaps(*this, e, indices, positions, partial, [&](ArrayRef<Value> at) {
    SmallVector<Value> inputAt{indices.front()};
    llvm::append_range(inputAt, at);
    inputAt.push_back(indices.back());
    return combine(e, getKind(), partial, e.load(getInput(), inputAt), elementTypeOf(getInput()));
  });
}
Value PoolOp::emitElement(ElementBuilder &e, ValueRange indices) { return emitAccumulated(*this, e, indices); }

//===-- Arg-pool ------------------------------------------------------------------------------------------------===//

LogicalResult ArgPoolOp::verify() { return verifyPool(*this); }
void ArgPoolOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  appendPositions(*this, shapes, dims);
  dims.push_back(shapes.dim(getInput(), rankOf(getInput()) - 1));
}
Structure ArgPoolOp::getStructure(ShapeBuilder &shapes) { return poolStructure(*this, shapes); }

/// Of the element at `at` of the input.
static Value flatPosition(ArgPoolOp op, ElementBuilder &e, Value image, ArrayRef<Value> at, Value channel) {
  int64_t last = rankOf(op.getInput()) - 1;
  Value position = e.add(e.mul(image, e.dim(op.getInput(), last)), channel);
  for (int64_t i = 0; i + 1 < last; ++i) {
    int64_t dim = op.getColumnMajor() ? last - 2 - i : i;
    position = e.add(e.mul(position, e.dim(op.getInput(), dim + 1)), at[dim]);
  }
  return position;
}

Value ArgPoolOp::emitElement(ElementBuilder &e, ValueRange indices) {
  Type element = elementTypeOf(getInput()), i64 = e.builder.getI64Type();
  SmallVector<Value> positions;
  // The best element so far, and where it is.
  std::function<SmallVector<Value>(size_t, ValueRange)> over = [&](size_t depth, ValueRange carried) {
    if (depth < getWindow().size())
      return e.loop(
          e.index(0), e.index(getWindow()[depth]), carried,
          [&](Value tap, ValueRange inner) {
            positions.push_back(tap);
            SmallVector<Value> next = over(depth + 1, inner);
            positions.pop_back();
            return next;
          },
          /*vectorize=*/false);
    auto [at, isInside] = placeOfTaps(*this, e, indices, positions);
    SmallVector<Value> inputAt{indices.front()};
    llvm::append_range(inputAt, at);
    inputAt.push_back(indices.back());
    auto elementThere = [&] { return e.load(getInput(), inputAt); };
    Value x = e.choose(isInside, carried[0].getType(), elementThere, [&] { return carried[0]; });
    Value here =
        arith::IndexCastOp::create(e.builder, e.loc, i64, flatPosition(*this, e, indices.front(), at, indices.back()));
    Value isFirst = e.compare(arith::CmpIPredicate::slt, carried[1], e.constant(i64, int64_t(0)));
    Value isGreater = comesBefore(e, x, carried[0], /*greatestFirst=*/true, isUnsigned(getInput()), /*orEqual=*/false);
    Value isBetter = e.builder.createOrFold<arith::OrIOp>(e.loc, isFirst, isGreater);
    Value isTaken = e.builder.createOrFold<arith::AndIOp>(e.loc, isInside, isBetter);
    return SmallVector<Value>{e.select(isTaken, x, carried[0]), e.select(isTaken, here, carried[1])};
  };
  return over(0, {neutralElement(e, ReduceKind::Max, element), e.constant(i64, int64_t(-1))})[1];
}
