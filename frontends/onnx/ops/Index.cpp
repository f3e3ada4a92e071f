// Operators that choose, join and place parts of tensors.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/ops/Ops.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace hone;
using arith::CmpIPredicate;

//===-- Slices --------------------------------------------------------------------------------------------------===//

/// One value per dim: values[k] for the dim that axes[k] names, `otherwise` for the rest. Axes may be known at run time
/// only.
static HostVector perDim(Importer &importer, ArrayRef<OpFoldResult> values, ArrayRef<OpFoldResult> axes, int64_t rank,
                         OpFoldResult otherwise) {
  HostElements &host = importer.host;
  HostVector result(rank, otherwise);
  for (auto [value, axis] : llvm::zip_equal(values, axes))
    for (int64_t i = 0; i < rank; ++i) {
      auto is = [&, axis = axis](int64_t number) {
        return host.compare(CmpIPredicate::eq, axis, importer.shapes.constant(number));
      };
      result[i] = host.select(host.logicalOr(is(i), is(i - rank)), value, result[i]);
    }
  return result;
}

/// The axes that starts, paddings … belong to: input `i` if given, else 0, 1, 2, …
static std::optional<HostVector> axesInput(Node &node, Importer &importer, size_t i, size_t count, int64_t rank) {
  HostVector axes;
  if (node.input(i)) {
    auto given = importer.hostInput(node, i);
    if (!given)
      return std::nullopt;
    axes = *given;
    for (OpFoldResult axis : axes)
      if (!importer.checkRange(axis, importer.shapes.constant(-rank), importer.shapes.constant(rank - 1), "an axis"))
        return std::nullopt;
  } else {
    for (size_t axis = 0; axis < count; ++axis)
      axes.push_back(importer.shapes.constant(axis));
    if (int64_t(count) > rank) {
      importer.report("has " + Twine(count) + " entries for " + Twine(rank) + " dims");
      return std::nullopt;
    }
  }
  if (axes.size() == count)
    return axes;
  importer.report("has " + Twine(axes.size()) + " axes, but " + Twine(count) + " values for them");
  return std::nullopt;
}

/// Every step-th element from start to (not including) end in each dim, with ONNX's clamping.
static Value slice(Importer &importer, Value x, ArrayRef<OpFoldResult> starts, ArrayRef<OpFoldResult> ends,
                   ArrayRef<OpFoldResult> steps) {
  ShapeBuilder &shapes = importer.shapes;
  HostElements &host = importer.host;
  OpFoldResult zero = shapes.constant(0), one = shapes.constant(1), minusOne = shapes.constant(-1);
  HostVector from, sizes, jumps;
  for (auto [i, start, end, given] : llvm::enumerate(starts, ends, steps)) {
    OpFoldResult step = given;
    OpFoldResult dim = shapes.dim(x, i);
    if (!host.check(importer.loc, host.compare(CmpIPredicate::ne, step, zero),
                    nodeText(importer.loc) + ": a step is {0}", step, zero))
      return importer.failValue("a step is 0");
    OpFoldResult isBack = host.compare(CmpIPredicate::slt, step, zero);
    // Negative positions count from the end. The standard recommends INT_MAX and INT_MIN for "all the way".
    auto position = [&, dim = dim](OpFoldResult value) -> OpFoldResult {
      if (auto number = ShapeBuilder::getConstant(value)) {
        constexpr int64_t most = std::numeric_limits<int32_t>::max();
        if (*number == most || *number >= kMaxDim)
          return dim;
        if (*number == -most || *number == -most - 1 || *number <= -kMaxDim)
          return minusOne;
      }
      return host.select(host.compare(CmpIPredicate::slt, value, zero), shapes.add(value, dim), value);
    };
    // A longer step takes the first element alone, as this one does.
    step = shapes.min(shapes.max(step, shapes.constant(-kMaxDim)), shapes.constant(kMaxDim));
    OpFoldResult last = host.select(isBack, shapes.sub(dim, one), dim);
    OpFoldResult first = shapes.min(shapes.max(position(start), zero), last);
    OpFoldResult stop = shapes.min(shapes.max(position(end), host.select(isBack, minusOne, zero)), last);
    OpFoldResult distance = host.select(isBack, shapes.sub(first, stop), shapes.sub(stop, first));
    from.push_back(first);
    sizes.push_back(shapes.ceilDiv(shapes.max(distance, zero), host.select(isBack, shapes.sub(zero, step), step)));
    jumps.push_back(step);
  }
  HostVector all(shapes.dims(x));
  bool takesAll = llvm::all_of(llvm::zip_equal(from, sizes, jumps, all), [&](auto each) {
    auto [start, size, step, dim] = each;
    return start == zero && size == dim && step == one;
  });
  if (takesAll)
    return x;
  return importer.part(x, from, sizes, jumps);
}

static Value sliceAlong(Node &node, Importer &importer, ArrayRef<OpFoldResult> starts, ArrayRef<OpFoldResult> ends,
                        ArrayRef<OpFoldResult> axes, ArrayRef<OpFoldResult> steps) {
  ShapeBuilder &shapes = importer.shapes;
  Value x = node.input(0);
  int64_t rank = rankOf(x);
  OpFoldResult toTheEnd = shapes.constant(std::numeric_limits<int64_t>::max());
  return slice(importer, x, perDim(importer, starts, axes, rank, shapes.constant(0)),
               perDim(importer, ends, axes, rank, toTheEnd), perDim(importer, steps, axes, rank, shapes.constant(1)));
}

static LogicalResult importSlice(Node &node, Importer &importer) {
  auto starts = importer.hostInput(node, 1), ends = importer.hostInput(node, 2);
  if (!starts || !ends)
    return failure();
  if (starts->size() != ends->size())
    return importer.fail("has " + Twine(starts->size()) + " starts, but " + Twine(ends->size()) + " ends");
  auto axes = axesInput(node, importer, 3, starts->size(), rankOf(node.input(0)));
  if (!axes)
    return failure();
  HostVector steps(starts->size(), importer.shapes.constant(1));
  if (node.input(4)) {
    auto given = importer.hostInput(node, 4);
    if (!given)
      return failure();
    if (given->size() != steps.size())
      return importer.fail("has " + Twine(steps.size()) + " starts, but " + Twine(given->size()) + " steps");
    steps = *given;
  }
  return node.set(0, sliceAlong(node, importer, *starts, *ends, *axes, steps));
}

static LogicalResult importSliceOfAttributes(Node &node, Importer &importer) {
  auto starts = node.getInts("starts"), ends = node.getInts("ends"), axes = node.getInts("axes");
  SmallVector<int64_t> all;
  if (!axes && starts) {
    all = llvm::to_vector(llvm::seq<int64_t>(0, starts->size()));
    axes = ArrayRef<int64_t>(all);
  }
  if (!starts || !ends || starts->size() != ends->size() || axes->size() != starts->size() ||
      !importer.axes(*axes, rankOf(node.input(0))))
    return importer.fail("starts, ends and axes must be as many as each other");
  auto fold = [&](ArrayRef<int64_t> numbers) {
    return llvm::map_to_vector(numbers, [&](int64_t number) { return importer.shapes.constant(number); });
  };
  HostVector steps(starts->size(), importer.shapes.constant(1));
  return node.set(0, sliceAlong(node, importer, fold(*starts), fold(*ends), fold(*axes), steps));
}

static LogicalResult importSplit(Node &node, Importer &importer) {
  Value x = node.input(0);
  ShapeBuilder &shapes = importer.shapes;
  auto axis = importer.axis(node.getInt("axis", 0), rankOf(x));
  if (!axis)
    return failure();
  OpFoldResult dim = shapes.dim(x, *axis);
  int64_t count = node.outputs.size();
  HostVector sizes;
  if (node.input(1)) {
    auto given = importer.hostInput(node, 1);
    if (!given)
      return failure();
    sizes = *given;
  } else if (auto given = node.getInts("split")) {
    for (int64_t size : *given)
      sizes.push_back(shapes.constant(size));
  } else {
    // Equal parts, the last one smaller where they do not divide the dim.
    if (int64_t said = node.getInt("num_outputs", count); said != count)
      return importer.fail("num_outputs is " + Twine(said) + ", but the node has " + Twine(count) + " outputs");
    OpFoldResult part = shapes.ceilDiv(dim, shapes.constant(count));
    if (!node.onnx.find("num_outputs")) {
      part = shapes.floorDiv(dim, shapes.constant(count));
      if (!importer.checkEqual(shapes.mul(part, shapes.constant(count)), dim, "the parts and dim " + Twine(*axis)))
        return failure();
    }
    OpFoldResult begin = shapes.constant(0);
    for (int64_t i = 1; i <= count; ++i) {
      OpFoldResult end = shapes.min(shapes.mul(part, shapes.constant(i)), dim);
      if (!node.onnx.find("num_outputs")) {
        sizes.push_back(part);
        continue;
      }
      sizes.push_back(shapes.sub(end, begin));
      begin = end;
    }
  }
  if (int64_t(sizes.size()) != count)
    return importer.fail("has " + Twine(sizes.size()) + " parts, but " + Twine(count) + " outputs");
  for (OpFoldResult size : sizes)
    if (!importer.checkDim(size, "a part"))
      return failure();
  auto total = importer.sum(sizes);
  if (!total)
    return failure();
  if ((node.input(1) || node.onnx.find("split")) &&
      !importer.checkEqual(*total, dim, "the sum of parts and dim " + Twine(*axis)))
    return failure();

  OpFoldResult start = shapes.constant(0);
  for (auto [i, size] : llvm::enumerate(sizes)) {
    if (failed(node.set(i, importer.part(x, *axis, start, size))))
      return failure();
    start = shapes.add(start, size);
  }
  return success();
}

//===-- Joining -------------------------------------------------------------------------------------------------===//

static LogicalResult importConcat(Node &node, Importer &importer) {
  ShapeBuilder &shapes = importer.shapes;
  Value first = node.input(0);
  auto axis = importer.axis(node.getInt("axis", 0), rankOf(first));
  if (!axis)
    return failure();
  for (Value other : ArrayRef(node.inputs).drop_front()) {
    if (!other || rankOf(other) != rankOf(first))
      return importer.fail("inputs must have one number of dims");
    for (int64_t i = 0; i < rankOf(first); ++i)
      if (i != *axis &&
          !importer.checkEqual(shapes.dim(first, i), shapes.dim(other, i), "dims " + Twine(i) + " of inputs"))
        return failure();
  }
  if (node.inputs.size() == 1)
    return node.set(0, first);
  if (!importer.sum(llvm::map_to_vector(node.inputs, [&](Value input) { return shapes.dim(input, *axis); })))
    return failure();
  // Of many inputs, groups are joined first: a kernel has a loop for each, and LLVM's time grows with their square.
  constexpr size_t maxInputs = 64;
  SmallVector<Value> inputs(node.inputs);
  auto join = [&](ValueRange values) {
    return values.size() == 1 ? values[0]
                              : importer.create<ConcatOp>(elementTypeOf(first), rankOf(first), values, *axis);
  };
  while (inputs.size() > maxInputs) {
    SmallVector<Value> groups;
    for (ArrayRef<Value> rest = inputs; !rest.empty(); rest = rest.drop_front(std::min(rest.size(), maxInputs)))
      groups.push_back(join(rest.take_front(maxInputs)));
    inputs = groups;
  }
  return node.set(0, join(inputs));
}

static Value pad(Node &node, Importer &importer, ArrayRef<OpFoldResult> before, ArrayRef<OpFoldResult> after,
                 Value value) {
  Value x = node.input(0);
  ShapeBuilder &shapes = importer.shapes;
  StringRef mode = node.onnx.getString("mode", "constant");
  if (!llvm::is_contained({"constant", "edge", "reflect", "wrap"}, mode))
    return importer.failValue("mode '" + mode + "' is none of constant, edge, reflect, wrap");
  for (auto [i, front, back] : llvm::enumerate(before, after)) {
    for (OpFoldResult padding : {front, back})
      if (!importer.checkMagnitude(padding, int64_t(1) << 46, "a padding"))
        return {};
    OpFoldResult dim = shapes.dim(x, i), size = shapes.add(shapes.add(dim, front), back);
    if (!importer.checkNotNegative(size, "dim " + Twine(i) + " of the result"))
      return {};
    // An empty dim has nothing to repeat.
    OpFoldResult zero = shapes.constant(0);
    OpFoldResult hasSource = importer.host.logicalOr(importer.host.compare(CmpIPredicate::ne, dim, zero),
                                                     importer.host.compare(CmpIPredicate::eq, size, zero));
    bool repeats = mode != "constant" && !shapes.areEqual(dim, size);
    if (repeats && !importer.host.check(importer.loc, hasSource,
                                        nodeText(importer.loc) + ": cannot pad an empty dim to {0}", size, dim))
      return importer.failValue("cannot pad an empty dim in mode " + mode);
  }
  SmallVector<Value> beforeValues = shapes.materialize(before), afterValues = shapes.materialize(after);
  return importer.create<PadOp>(elementTypeOf(x), rankOf(x), x, value, ValueRange(beforeValues),
                                ValueRange(afterValues), mode);
}

static LogicalResult importPad(Node &node, Importer &importer) {
  auto pads = importer.hostInput(node, 1);
  if (!pads)
    return failure();
  int64_t rank = rankOf(node.input(0));
  size_t count = pads->size() / 2;
  auto axes = axesInput(node, importer, 3, count, rank);
  if (!axes)
    return failure();
  if (pads->size() % 2 || (!node.input(3) && int64_t(count) != rank))
    return importer.fail("has " + Twine(pads->size()) + " paddings for " + Twine(rank) + " dims");
  Value value = node.input(2);
  if (value && ShapeBuilder::getConstant(importer.shapes.elementCount(value)) != 1) {
    importer.reportUnknown(value, "input 2 ('" + node.onnx.inputs[2] + "') must have one element");
    return failure();
  }
  value = value ? importer.reshape(value, {}) : importer.like(node.input(0), 0);
  OpFoldResult zero = importer.shapes.constant(0);
  return node.set(0, pad(node, importer, perDim(importer, ArrayRef(*pads).take_front(count), *axes, rank, zero),
                         perDim(importer, ArrayRef(*pads).drop_front(count), *axes, rank, zero), value));
}

static LogicalResult importPadOfAttributes(Node &node, Importer &importer) {
  int64_t rank = rankOf(node.input(0));
  auto pads = node.getInts("pads");
  if (!pads || int64_t(pads->size()) != 2 * rank)
    return importer.fail("attribute pads must have two entries for each of " + Twine(rank) + " dims");
  HostVector values;
  for (int64_t number : *pads)
    values.push_back(importer.shapes.constant(number));
  return node.set(0, pad(node, importer, ArrayRef(values).take_front(rank), ArrayRef(values).drop_front(rank),
                         importer.like(node.input(0), node.getFloat("value", 0))));
}

//===-- Gathers -------------------------------------------------------------------------------------------------===//

/// Makes sure that positions of `indices` lie in `data` in all dims but `axis`.
static bool checkInside(Importer &importer, Value indices, Value data, int64_t axis) {
  for (int64_t i = 0; i < rankOf(data); ++i) {
    OpFoldResult mine = importer.shapes.dim(indices, i), other = importer.shapes.dim(data, i);
    if (i != axis && !importer.shapes.areEqual(mine, other) &&
        !importer.checkRange(mine, importer.shapes.constant(0), other, "dim " + Twine(i) + " of the indices"))
      return false;
  }
  return true;
}

static LogicalResult importGather(Node &node, Importer &importer) {
  Value data = node.input(0), indices = node.input(1);
  auto axis = importer.axis(node.getInt("axis", 0), rankOf(data));
  if (!axis)
    return failure();
  Value gathered =
      importer.create<GatherOp>(elementTypeOf(data), rankOf(data) - 1 + rankOf(indices), data, indices, *axis);
  return node.set(0, importer.checkIndexed(gathered, data, *axis));
}

static LogicalResult importGatherElements(Node &node, Importer &importer) {
  Value data = node.input(0), indices = node.input(1);
  auto axis = importer.axis(node.getInt("axis", 0), rankOf(data));
  if (!axis)
    return failure();
  if (rankOf(indices) != rankOf(data))
    return importer.fail("indices must have as many dims as the data");
  if (!checkInside(importer, indices, data, *axis))
    return failure();
  Value gathered = importer.create<GatherElementsOp>(elementTypeOf(data), rankOf(data), data, indices, *axis);
  return node.set(0, importer.checkIndexed(gathered, data, *axis));
}

/// The length of index tuples; nothing (and an error) if it is not fixed or longer than `rank`.
static std::optional<int64_t> tupleLength(Importer &importer, Value indices, int64_t rank) {
  if (rankOf(indices) == 0) {
    importer.report("indices must have at least one dim");
    return std::nullopt;
  }
  auto length = ShapeBuilder::getConstant(importer.shapes.dim(indices, rankOf(indices) - 1));
  if (length && *length <= rank)
    return length;
  if (length)
    importer.report("index tuples are longer than the data has dims");
  else
    importer.reportUnknown(indices,
                           "the last dim of the indices must be fixed: the result's number of dims depends on it",
                           "pin the dim with --dim or --shape");
  return std::nullopt;
}

static LogicalResult importGatherND(Node &node, Importer &importer) {
  Value data = node.input(0), indices = node.input(1);
  int64_t batch = node.getInt("batch_dims", 0);
  if (batch < 0 || batch > rankOf(data) || batch >= rankOf(indices))
    return importer.fail("attribute batch_dims is " + Twine(batch) + ", more than there are dims");
  auto length = tupleLength(importer, indices, rankOf(data) - batch);
  if (!length)
    return failure();
  for (int64_t i = 0; i < batch; ++i)
    if (!importer.checkEqual(importer.shapes.dim(indices, i), importer.shapes.dim(data, i), "batch dims " + Twine(i)))
      return failure();
  int64_t rank = rankOf(indices) - 1 + rankOf(data) - batch - *length;
  Value gathered = importer.create<GatherNDOp>(elementTypeOf(data), rank, data, indices, batch);
  return node.set(0, importer.checkIndexed(gathered, data, batch, *length));
}

//===-- Scatters ------------------------------------------------------------------------------------------------===//

static bool checkReduction(Importer &importer, StringRef reduction) {
  if (llvm::is_contained({"none", "add", "mul", "max", "min"}, reduction))
    return true;
  importer.report("attribute reduction is '" + reduction + "', must be none, add, mul, max or min");
  return false;
}

static LogicalResult importScatterElements(Node &node, Importer &importer) {
  Value data = node.input(0), indices = node.input(1), updates = node.input(2);
  auto axis = importer.axis(node.getInt("axis", 0), rankOf(data));
  StringRef reduction = node.onnx.getString("reduction", "none");
  if (!axis || !checkReduction(importer, reduction))
    return failure();
  if (rankOf(indices) != rankOf(data) || rankOf(updates) != rankOf(data))
    return importer.fail("indices and updates must have as many dims as the data");
  for (int64_t i = 0; i < rankOf(data); ++i)
    if (!importer.checkEqual(importer.shapes.dim(indices, i), importer.shapes.dim(updates, i),
                             "dims " + Twine(i) + " of indices and updates"))
      return failure();
  if (!checkInside(importer, indices, data, *axis))
    return failure();
  return node.set(0, importer.create<ScatterElementsOp>(elementTypeOf(data), rankOf(data), data, indices, updates,
                                                        *axis, reduction));
}

static LogicalResult importScatterND(Node &node, Importer &importer) {
  Value data = node.input(0), indices = node.input(1), updates = node.input(2);
  StringRef reduction = node.onnx.getString("reduction", "none");
  auto length = tupleLength(importer, indices, rankOf(data));
  if (!length || !checkReduction(importer, reduction))
    return failure();
  HostVector wanted(importer.shapes.dims(indices)), rest(importer.shapes.dims(data));
  wanted.pop_back();
  wanted.append(rest.begin() + *length, rest.end());
  if (rankOf(updates) != int64_t(wanted.size()))
    return importer.fail("updates must have " + Twine(wanted.size()) + " dims");
  for (auto [i, dim] : llvm::enumerate(wanted))
    if (!importer.checkEqual(importer.shapes.dim(updates, i), dim,
                             "dim " + Twine(i) + " of the updates and its slices"))
      return failure();
  return node.set(0,
                  importer.create<ScatterNDOp>(elementTypeOf(data), rankOf(data), data, indices, updates, reduction));
}

//===-- By position ---------------------------------------------------------------------------------------------===//

/// Ones where the column is the row plus k.
static LogicalResult importEyeLike(Node &node, Importer &importer) {
  Value x = node.input(0);
  ShapeBuilder &shapes = importer.shapes;
  if (rankOf(x) != 2)
    return importer.fail("the input must have 2 dims, not " + Twine(rankOf(x)));
  Type i64 = importer.builder.getI64Type(), type = elementTypeOf(x);
  if (auto wanted = OnnxDataType(node.getInt("dtype", 0)); wanted != OnnxDataType::Undefined) {
    type = elementTypeFor(importer.builder.getContext(), wanted);
    if (!type)
      return importer.reportType("results of type", wanted), failure();
  }
  OpFoldResult one = shapes.constant(1);
  auto positions = [&](int64_t axis, int64_t first) {
    Value size = shapes.materialize(shapes.dim(x, axis));
    return importer.create<RangeOp>(i64, 1, importer.scalar(i64, double(first)), importer.scalar(i64, 1), size);
  };
  Value rows =
            importer.reshape(positions(0, std::clamp(node.getInt("k", 0), -kMaxDim, kMaxDim)), {shapes.dim(x, 0), one}),
        columns = positions(1, 0);
  return node.set(0, importer.cast(importer.compare<EqualOp>(rows, columns), type));
}

static LogicalResult importOneHot(Node &node, Importer &importer) {
  Value indices = node.input(0), values = node.input(2);
  auto axis = importer.axis(node.getInt("axis", -1), rankOf(indices) + 1);
  auto depth = importer.hostScalar(node, 1);
  if (!axis || !depth || !importer.checkNotNegative(*depth, "depth"))
    return failure();
  if (rankOf(values) != 1 ||
      !importer.checkEqual(importer.shapes.dim(values, 0), importer.shapes.constant(2), "the number of values and 2"))
    return importer.fail("values must be two: [off, on]");
  if (node.version() < 11) { // negative indices did not count from the end yet, but selected nothing
    Type wide = importer.builder.getI64Type();
    Value isNegative = importer.compare<LessOp>(indices, importer.like(indices, 0));
    indices = importer.select(isNegative, importer.fromIndices(*depth, 0, wide), importer.cast(indices, wide));
  }
  return node.set(0, importer.create<OneHotOp>(elementTypeOf(values), rankOf(indices) + 1, indices,
                                               importer.shapes.materialize(*depth), values, *axis));
}

static LogicalResult importTrilu(Node &node, Importer &importer) {
  Value x = node.input(0);
  if (rankOf(x) < 2)
    return importer.fail("wants a tensor of two dims or more");
  OpFoldResult k = importer.shapes.constant(0);
  if (node.input(1)) {
    auto given = importer.hostScalar(node, 1);
    if (!given)
      return failure();
    // Beyond any dim, so that adding to it cannot wrap.
    OpFoldResult most = importer.shapes.constant(int64_t(1) << 48),
                 least = importer.shapes.constant(-(int64_t(1) << 48));
    k = importer.shapes.min(importer.shapes.max(*given, least), most);
  }
  return node.set(0, importer.unary<TriluOp>(x, importer.shapes.materialize(k), node.getInt("upper", 1) != 0));
}

//===-- Table ---------------------------------------------------------------------------------------------------===//

/// Of what is in the host program, or is computed in the run, an index value.
static OpFoldResult countOf(Importer &importer, Value scalar, Value counted) {
  // Of an input the host could count as well, element by element.
  constexpr int64_t few = 64;
  auto type = cast<RankedTensorType>(counted.getType());
  bool isInput = isa<BlockArgument>(counted);
  if (!isInput || (type.hasStaticShape() && type.getNumElements() <= few))
    if (auto known = importer.host.indices(scalar);
        known && (getConstantIntValue(known->front()) || (type.hasStaticShape() && type.getNumElements() <= few)))
      return known->front();
  return importer.lateIndex(scalar, {});
}

/// Counts first: the result's size depends on data.
static LogicalResult importNonZero(Node &node, Importer &importer) {
  Value x = node.input(0);
  if (x && rankOf(x) == 0)
    x = importer.reshape(x, {importer.shapes.constant(1)});
  Type wide = importer.builder.getI64Type();
  Value ones = importer.cast(importer.cast(x, importer.builder.getI1Type()), wide);
  Value flat = ones ? importer.reshape(ones, {importer.shapes.elementCount(x)}) : ones;
  Value sum = importer.reduce(ReduceKind::Sum, flat, {0}, /*keepdims=*/false);
  if (!sum)
    return failure();
  OpFoldResult count = countOf(importer, sum, x);
  importer.shapes.assume(count, {0, kMaxDim}); // of elements of a tensor
  return node.set(0, importer.create<NonzeroOp>(wide, 2, x, importer.shapes.materialize(count)));
}

ArrayRef<OperatorRow> hone::indexOperators() {
  static constexpr OperatorRow rows[] = {
      {"Concat", 4, importConcat, Halves::Moves},
      {"EyeLike", 9, importEyeLike, Halves::Moves},
      {"Gather", 1, importGather, Halves::Moves},
      {"GatherElements", 11, importGatherElements, Halves::Moves},
      {"GatherND", 11, importGatherND, Halves::Moves},
      {"NonZero", 9, importNonZero},
      {"OneHot", 9, importOneHot},
      {"Pad", 2, importPadOfAttributes, Halves::Moves},
      {"Pad", 11, importPad, Halves::Moves},
      {"ScatterElements", 11, importScatterElements},
      {"ScatterND", 11, importScatterND},
      {"Slice", 1, importSliceOfAttributes, Halves::Moves},
      {"Slice", 10, importSlice, Halves::Moves},
      {"Split", 2, importSplit, Halves::Moves},
      {"Trilu", 14, importTrilu, Halves::Moves},
  };
  return rows;
}
