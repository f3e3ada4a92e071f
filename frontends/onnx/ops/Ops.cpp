// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/ops/Ops.h"
#include "dialects/hone/Regions.h"
#include "frontends/onnx/WaysOut.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace hone;
using arith::CmpIPredicate;

std::optional<ArrayRef<int64_t>> Node::getInts(StringRef attribute) const {
  const OnnxAttribute *found = onnx.find(attribute);
  if (!found || found->kind != OnnxAttribute::Ints)
    return std::nullopt;
  return ArrayRef<int64_t>(found->ints);
}

LogicalResult Node::set(size_t output, Value value) {
  if (output < outputs.size())
    outputs[output] = value;
  return success(value != nullptr);
}

void Importer::reportType(const Twine &what, OnnxDataType type) {
  report(what + " " + toString(type) + " are not supported", wayOutOfType(type));
}

//===-- Tensors -------------------------------------------------------------------------------------------------===//

Value Importer::checkSize(Value tensor) {
  if (rankOf(tensor) > kMaxOnnxRank)
    return failValue("tensors of more than " + Twine(kMaxOnnxRank) + " dims are not supported");
  HostVector dims(shapes.dims(tensor));
  for (auto [i, dim] : llvm::enumerate(dims))
    if (!checkDim(dim, "dim " + Twine(i) + " of the result"))
      return {};
  return checkExtent(dims) ? tensor : Value();
}

Value Importer::select(Value condition, Value onTrue, Value onFalse) {
  if (!condition || !onTrue || !onFalse || !checkBroadcast({condition, onTrue, onFalse}))
    return {};
  int64_t rank = std::max({rankOf(condition), rankOf(onTrue), rankOf(onFalse)});
  return create<SelectOp>(elementTypeOf(onTrue), rank, condition, onTrue, onFalse);
}

Value Importer::cast(Value x, Type elementType) {
  if (!x || elementTypeOf(x) == elementType)
    return x;
  return create<CastOp>(elementType, rankOf(x), x);
}

Value Importer::widen(Value x) {
  if (!x || !isHalf(x.getType()))
    return x;
  Value known = wide.lookup(x);
  return known ? known : cast(x, builder.getF32Type());
}

Value Importer::narrow(Value x, Type half) {
  // What nothing was done to is there already.
  auto widened = x.getDefiningOp<CastOp>();
  if (widened && elementTypeOf(widened.getInput()) == half)
    return widened.getInput();
  Value narrow = cast(x, half);
  if (narrow)
    wide.insert(narrow, x);
  return narrow;
}

Value Importer::scalar(Type elementType, double value) {
  auto type = RankedTensorType::get({}, elementType);
  if (isa<FloatType>(elementType))
    return constant(DenseElementsAttr::get(type, builder.getFloatAttr(elementType, value)));
  unsigned width = elementType.getIntOrFloatBitWidth();
  APInt number(width, uint64_t(int64_t(value)), /*isSigned=*/false, /*implicitTrunc=*/true);
  return constant(DenseElementsAttr::get(type, number));
}

Value Importer::constant(DenseElementsAttr value) { return ConstantOp::create(builder, loc, value.getType(), value); }

Value Importer::fromIndices(ArrayRef<OpFoldResult> elements, int64_t rank, Type elementType) {
  SmallVector<Value> values = shapes.materialize(elements);
  return create<FromElementsOp>(elementType, rank, ValueRange(values));
}

Value Importer::reshape(Value x, ArrayRef<OpFoldResult> dims) {
  if (!x || llvm::equal(shapes.dims(x), dims))
    return x;
  SmallVector<Value> sizes = shapes.materialize(dims);
  return create<ReshapeOp>(elementTypeOf(x), dims.size(), x, ValueRange(sizes));
}

Value Importer::expand(Value x, ArrayRef<OpFoldResult> dims) {
  if (!x || llvm::equal(shapes.dims(x), dims))
    return x;
  SmallVector<Value> sizes = shapes.materialize(dims);
  return create<ExpandOp>(elementTypeOf(x), dims.size(), x, ValueRange(sizes));
}

Value Importer::transpose(Value x, ArrayRef<int64_t> permutation) {
  if (!x || llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return x;
  return create<TransposeOp>(elementTypeOf(x), rankOf(x), x, permutation);
}

Value Importer::reduce(ReduceKind kind, Value x, ArrayRef<int64_t> axes, bool keepdims) {
  if (!x || axes.empty())
    return x;
  int64_t rank = keepdims ? rankOf(x) : rankOf(x) - int64_t(axes.size());
  return create<ReduceOp>(elementTypeOf(x), rank, kind, x, axes, keepdims);
}

Value Importer::divide(Value x, OpFoldResult count) {
  if (auto known = ShapeBuilder::getConstant(count))
    return binary<DivOp>(x, like(x, double(*known)));
  return x ? binary<DivOp>(x, cast(fromIndices(count, 0, builder.getI64Type()), elementTypeOf(x))) : x;
}

Value Importer::mean(Value x, ArrayRef<int64_t> axes, bool keepdims) {
  if (!x)
    return x;
  Value sum = reduce(ReduceKind::Sum, x, axes, keepdims);
  SmallVector<OpFoldResult> counted;
  for (int64_t axis : axes)
    counted.push_back(shapes.dim(x, axis));
  return divide(sum, shapes.product(counted));
}

Value Importer::part(Value x, ArrayRef<OpFoldResult> starts, ArrayRef<OpFoldResult> sizes,
                     ArrayRef<OpFoldResult> steps) {
  if (!x)
    return x;
  SmallVector<Value> startValues = shapes.materialize(starts), sizeValues = shapes.materialize(sizes);
  SmallVector<Value> stepValues = shapes.materialize(steps);
  if (steps.empty())
    stepValues.assign(rankOf(x), shapes.materialize(shapes.constant(1)));
  return create<SliceOp>(elementTypeOf(x), rankOf(x), x, ValueRange(startValues), ValueRange(sizeValues),
                         ValueRange(stepValues));
}

Value Importer::part(Value x, int64_t axis, OpFoldResult start, OpFoldResult size, int64_t step) {
  if (!x)
    return x;
  HostVector starts(rankOf(x), shapes.constant(0)), sizes(shapes.dims(x)), steps(rankOf(x), shapes.constant(1));
  starts[axis] = start;
  sizes[axis] = size;
  steps[axis] = shapes.constant(step);
  return part(x, starts, sizes, steps);
}

Value Importer::at(Value x, int64_t axis, OpFoldResult position) {
  Value one = part(x, axis, position, shapes.constant(1));
  if (!one)
    return one;
  HostVector dims(shapes.dims(x));
  dims.erase(dims.begin() + axis);
  return reshape(one, dims);
}

Value Importer::withType(Value value, RankedTensorType type, ArrayRef<OpFoldResult> dims) {
  if (value.getType() == type)
    return value;
  return WithDimsOp::create(builder, loc, type, value, shapes.materialize(dims));
}

Value Importer::pad(Value x, int64_t axis, OpFoldResult before, OpFoldResult after, Value value) {
  if (!x || !value)
    return {};
  HostVector front(rankOf(x), shapes.constant(0)), back(front);
  front[axis] = before;
  back[axis] = after;
  SmallVector<Value> frontValues = shapes.materialize(front), backValues = shapes.materialize(back);
  return create<PadOp>(elementTypeOf(x), rankOf(x), x, value, ValueRange(frontValues), ValueRange(backValues),
                       "constant");
}

Value Importer::flatten(Value x, int64_t axis) {
  if (!x)
    return x;
  ArrayRef<OpFoldResult> dims = shapes.dims(x);
  SmallVector<OpFoldResult> outer(dims.take_front(axis)), inner(dims.drop_front(axis));
  return reshape(x, {shapes.product(outer), shapes.product(inner)});
}

SmallVector<Value> Importer::countedLoop(OpFoldResult count, ArrayRef<Value> inits, Step step) {
  Value first = shapes.materialize(shapes.constant(0)), one = shapes.materialize(shapes.constant(1));
  auto loop = scf::ForOp::create(builder, loc, first, shapes.materialize(count), one, inits);
  Block &block = *loop.getBody();
  SmallVector<Value> carried(loop.getRegionIterArgs()), yielded;
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(&block);
    Body body(*this, block);
    for (auto [init, value] : llvm::zip_equal(inits, carried))
      shapes.setDims(value, HostVector(shapes.dims(init)));
    yielded = step(loop.getInductionVar(), carried);
    if (llvm::is_contained(yielded, Value()))
      yielded.clear();
    for (auto [init, value] : llvm::zip(inits, yielded))
      value = withType(value, mlir::cast<RankedTensorType>(init.getType()), HostVector(shapes.dims(init)));
  }
  if (yielded.size() != inits.size()) {
    loop.erase();
    return {};
  }
  OpBuilder end = OpBuilder::atBlockEnd(&block);
  scf::YieldOp::create(end, loc, yielded);
  hoistArithmetic(loop);
  for (auto [init, result] : llvm::zip_equal(inits, loop.getResults()))
    shapes.setDims(result, HostVector(shapes.dims(init)));
  return SmallVector<Value>(loop.getResults());
}

//===-- Checks --------------------------------------------------------------------------------------------------===//

bool Importer::checkBroadcastDims(OpFoldResult a, OpFoldResult b) {
  void *first = a.getOpaqueValue(), *second = b.getOpaqueValue();
  if (shapes.areEqual(a, b) || checkedPairs.count({first, second}) || checkedPairs.count({second, first}))
    return true;
  checkedPairs.insert({first, second}, true);
  OpFoldResult fits = host.compare(CmpIPredicate::eq, a, b), one = shapes.constant(1);
  for (OpFoldResult each : {a, b})
    fits = host.logicalOr(fits, host.compare(CmpIPredicate::eq, each, one));
  if (host.check(loc, fits, nodeText(loc) + ": cannot broadcast a dim of {0} with one of {1}", a, b))
    return true;
  report("cannot broadcast a dim of " + Twine(*ShapeBuilder::getConstant(a)) + " with one of " +
         Twine(*ShapeBuilder::getConstant(b)));
  return false;
}

bool Importer::checkBroadcast(ValueRange tensors) {
  int64_t rank = 0;
  for (Value tensor : tensors)
    rank = std::max(rank, rankOf(tensor));
  SmallVector<OpFoldResult> result(rank, shapes.constant(1));
  for (Value tensor : tensors) {
    SmallVector<OpFoldResult> dims(shapes.dims(tensor));
    for (auto [i, dim] : llvm::enumerate(dims)) {
      OpFoldResult &other = result[rank - dims.size() + i];
      if (!checkBroadcastDims(other, dim))
        return false;
      other = shapes.broadcast(other, dim);
    }
  }
  return true;
}

bool Importer::checkFits(Value small, ArrayRef<OpFoldResult> dims, const Twine &what) {
  int64_t added = int64_t(dims.size()) - rankOf(small);
  if (added < 0) {
    report(what + " has more dims than what it is for");
    return false;
  }
  for (int64_t i = 0; i < rankOf(small); ++i) {
    OpFoldResult mine = shapes.dim(small, i), other = dims[i + added];
    OpFoldResult fits = host.logicalOr(host.compare(CmpIPredicate::eq, mine, other),
                                       host.compare(CmpIPredicate::eq, mine, shapes.constant(1)));
    std::string which = ("dim " + Twine(i) + " of " + what).str();
    bool isOne = ShapeBuilder::getConstant(other) == 1;
    if (host.check(loc, fits, nodeText(loc) + ": " + which + " is {0}, but must be " + (isOne ? "1" : "1 or {1}"), mine,
                   other))
      continue;
    auto own = ShapeBuilder::getConstant(mine), wanted = ShapeBuilder::getConstant(other);
    if (own && wanted)
      which += " is " + std::to_string(*own) + ", but must be 1" + (isOne ? "" : " or " + std::to_string(*wanted));
    else
      which += " does not fit";
    report(which);
    return false;
  }
  return true;
}

bool Importer::checkEqual(OpFoldResult a, OpFoldResult b, const Twine &what) {
  if (shapes.areEqual(a, b))
    return true;
  if (host.check(loc, host.compare(CmpIPredicate::eq, a, b),
                 nodeText(loc) + ": " + what + " must be equal, but are {0} and {1}", a, b))
    return true;
  report(what + " must be equal, but are " + Twine(*ShapeBuilder::getConstant(a)) + " and " +
         Twine(*ShapeBuilder::getConstant(b)));
  return false;
}

bool Importer::checkRange(OpFoldResult value, OpFoldResult least, OpFoldResult greatest, const Twine &what) {
  OpFoldResult fits = host.logicalAnd(host.compare(CmpIPredicate::sge, value, least),
                                      host.compare(CmpIPredicate::sle, value, greatest));
  if (host.check(loc, fits, nodeText(loc) + ": " + what + " is {0}, but may be {1} at most", value, greatest))
    return true;
  report(what + " is out of range");
  return false;
}

bool Importer::checkMagnitude(OpFoldResult value, int64_t limit, const Twine &what) {
  OpFoldResult most = shapes.constant(limit);
  OpFoldResult fits = host.logicalAnd(host.compare(CmpIPredicate::sge, value, shapes.constant(-limit)),
                                      host.compare(CmpIPredicate::sle, value, most));
  if (host.check(loc, fits, nodeText(loc) + ": " + what + " is {0}, too large for any memory", value, most))
    return true;
  report(what + " is too large for any memory");
  return false;
}

bool Importer::checkNotNegative(OpFoldResult value, const Twine &what) {
  OpFoldResult zero = shapes.constant(0);
  if (host.check(loc, host.compare(CmpIPredicate::sge, value, zero), nodeText(loc) + ": " + what + " is negative: {0}",
                 value, zero))
    return true;
  report(what + " is negative");
  return false;
}

bool Importer::checkDim(OpFoldResult dim, const Twine &what) {
  if (shapes.range(dim).isWithin({0, kMaxDim}))
    return true;
  if (!checkNotNegative(dim, what) || !checkMagnitude(dim, kMaxDim, what))
    return false;
  shapes.assume(dim, {0, kMaxDim});
  return true;
}

bool Importer::checkPositive(OpFoldResult dim, const Twine &what) {
  OpFoldResult zero = shapes.constant(0);
  if (!host.check(loc, host.compare(CmpIPredicate::ne, dim, zero), nodeText(loc) + ": " + what, zero, zero))
    return false;
  if (bodies) // some runs do not come here
    return true;
  for (const std::string &symbol : ShapeBuilder::entrySymbols(dim))
    positive.try_emplace(symbol, loc, what.str());
  return true;
}

void Importer::hidePositive(OpFoldResult dim) {
  for (const std::string &symbol : ShapeBuilder::entrySymbols(dim))
    hidden.insert(symbol);
}

llvm::StringMap<std::pair<Location, std::string>> Importer::latePositive() const {
  llvm::StringMap<std::pair<Location, std::string>> late;
  for (const auto &entry : positive)
    if (hidden.contains(entry.first()))
      late.try_emplace(entry.first(), entry.second);
  return late;
}

bool Importer::checkExtent(ArrayRef<OpFoldResult> dims) {
  return checkProduct(dims, kMaxExtent, "a result has more elements than memory can address");
}

bool Importer::checkProduct(ArrayRef<OpFoldResult> factors, int64_t limit, const Twine &problem) {
  if (shapes.isProductWithin(factors, limit))
    return true;
  // In f64, which cannot wrap.
  double known = 1;
  SmallVector<void *> key;
  HostVector dynamic;
  for (OpFoldResult factor : factors)
    if (auto number = ShapeBuilder::getConstant(factor)) {
      known *= std::max<double>(double(*number), 1);
    } else {
      dynamic.push_back(factor);
      key.push_back(factor.getOpaqueValue());
    }
  double most = double(limit) / known;
  if (dynamic.empty() || most < 1) {
    report(problem);
    return false;
  }
  llvm::sort(key);
  if (auto checked = checkedProducts.begin(key); checked != checkedProducts.end() && *checked <= most)
    return true;
  checkedProducts.insert(ArrayRef<void *>(key).copy(keys), most);
  Value product;
  for (OpFoldResult factor : dynamic) {
    Value count = shapes.materialize(shapes.max(factor, shapes.constant(1)));
    Value wide = builder.createOrFold<arith::IndexCastOp>(loc, builder.getI64Type(), count);
    wide = builder.createOrFold<arith::SIToFPOp>(loc, builder.getF64Type(), wide);
    product = product ? builder.createOrFold<arith::MulFOp>(loc, product, wide) : wide;
  }
  Value bound = arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(most));
  OpFoldResult fits = builder.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::OLE, product, bound);
  OpFoldResult zero = shapes.constant(0);
  return host.check(loc, fits, nodeText(loc) + ": " + problem, zero, zero);
}

std::optional<OpFoldResult> Importer::sum(ArrayRef<OpFoldResult> dims) {
  OpFoldResult total = shapes.constant(0);
  for (OpFoldResult dim : dims)
    total = shapes.add(total, dim);
  if (int64_t(dims.size()) <= std::numeric_limits<int64_t>::max() / kMaxDim)
    return total;
  report("has " + Twine(dims.size()) + " parts; at most " + Twine(std::numeric_limits<int64_t>::max() / kMaxDim) +
         " are supported");
  return std::nullopt;
}

Value Importer::checkIndexed(Value chosen, Value data, int64_t first, int64_t count) {
  for (int64_t i = first; chosen && i < first + count; ++i) {
    OpFoldResult size = shapes.dim(data, i), zero = shapes.constant(0);
    if (ShapeBuilder::getConstant(size).value_or(0) != 0)
      continue;
    OpFoldResult elements = shapes.elementCount(chosen);
    OpFoldResult fits =
        host.logicalOr(host.compare(CmpIPredicate::ne, size, zero), host.compare(CmpIPredicate::eq, elements, zero));
    std::string what = ("dim " + Twine(i) + " of the data is empty, so no index lies inside").str();
    if (!host.check(loc, fits, nodeText(loc) + ": " + what, size, elements))
      return failValue(what);
  }
  return chosen;
}

std::optional<bool> Importer::flag(const Node &node, StringRef attribute) {
  int64_t value = node.getInt(attribute, 0);
  if (value == 0 || value == 1)
    return value == 1;
  report("attribute " + attribute + " is " + Twine(value) + ", must be 0 or 1");
  return std::nullopt;
}

std::optional<int64_t> Importer::axis(int64_t value, int64_t rank) {
  if (value >= -rank && value < rank)
    return value < 0 ? value + rank : value;
  report("axis " + Twine(value) + " is outside the tensor's " + Twine(rank) + " dims");
  return std::nullopt;
}

std::optional<SmallVector<int64_t>> Importer::axes(ArrayRef<int64_t> values, int64_t rank) {
  SmallVector<int64_t> result;
  for (int64_t value : values) {
    auto known = axis(value, rank);
    if (!known)
      return std::nullopt;
    result.push_back(*known);
  }
  llvm::sort(result);
  if (std::unique(result.begin(), result.end()) != result.end()) {
    report("an axis is given twice");
    return std::nullopt;
  }
  return result;
}

//===-- Host values ---------------------------------------------------------------------------------------------===//

/// Elements of a tensor that a run computes may decide on shapes. They are read one by one.
static constexpr int64_t kMaxLateElements = 64;

OpFoldResult Importer::lateIndex(Value tensor, ValueRange position) {
  Value element = tensor::ExtractOp::create(builder, loc, tensor, position);
  return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), element).getResult();
}

std::optional<HostVector> Importer::lateIndices(Value tensor) {
  auto type = mlir::cast<RankedTensorType>(tensor.getType());
  bool isInteger = type.getElementType().isIntOrIndex() && !isNibble(type);
  if (assumed.lookup(tensor) || !type.hasStaticShape() || type.getNumElements() > kMaxLateElements || !isInteger)
    return std::nullopt;
  if (isUnsigned(tensor)) // of which all values fit
    tensor = cast(tensor, builder.getI64Type());
  Value flat = reshape(tensor, {shapes.constant(type.getNumElements())});
  if (!flat)
    return std::nullopt;
  HostVector indices;
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    if (Value known = host.element(flat, i)) { // some of them may be dims
      indices.push_back(host.toIndex(known));
      continue;
    }
    indices.push_back(lateIndex(flat, shapes.materialize(shapes.constant(i))));
  }
  return indices;
}

std::optional<HostVector> Importer::hostInput(const Node &node, size_t i, int64_t maxRank) {
  std::string what = ("input " + Twine(i) + " ('" + node.onnx.inputs[i] + "')").str();
  auto type = mlir::cast<RankedTensorType>(node.input(i).getType());
  if (type.getRank() > maxRank) {
    report(what + " has too many dims");
    return std::nullopt;
  }
  if (type.hasStaticShape() && type.getNumElements() > HostElements::maxElements) {
    report(what + " decides on shapes, but has " + Twine(type.getNumElements()) + " elements; at most " +
           Twine(HostElements::maxElements) + " are supported");
    return std::nullopt;
  }
  auto result = host.indices(node.input(i));
  if (!result && host.tooManyElements())
    report(what + " decides on shapes, but is computed from a tensor of " + Twine(host.tooManyElements()) +
           " elements; at most " + Twine(HostElements::maxElements) + " are supported");
  else if (!result && host.isExhausted())
    reportUnknown(node.input(i),
                  what + " decides on shapes, but takes more than " + Twine(HostElements::maxWork) +
                      " steps to compute",
                  "fold what is constant when exporting");
  else if (!result && !(result = lateIndices(node.input(i))))
    reportUnknown(node.input(i),
                  what +
                      " decides on shapes, but is computed from data; it must be constant, computed from dims, or "
                      "integers whose number is known, at most " +
                      Twine(kMaxLateElements));
  return result;
}

Value Importer::onlyElement(Value tensor, const Twine &what) {
  if (!checkEqual(shapes.elementCount(tensor), shapes.constant(1), "the number of elements of " + what + " and 1"))
    return {};
  return reshape(tensor, {});
}

OpFoldResult Importer::conditionOf(Value scalar) {
  if (auto known = host.elements(scalar))
    return host.simplifyCondition(known->front());
  return tensor::ExtractOp::create(builder, loc, scalar, ValueRange()).getResult();
}

std::optional<OpFoldResult> Importer::hostScalar(const Node &node, size_t i) {
  auto elements = hostInput(node, i);
  if (!elements)
    return std::nullopt;
  if (elements->size() == 1)
    return elements->front();
  report("input " + Twine(i) + " ('" + node.onnx.inputs[i] + "') must have one element, not " +
         Twine(elements->size()));
  return std::nullopt;
}

LogicalResult Importer::axesOf(const Node &node, size_t input, std::optional<HostVector> &values) {
  if (auto attribute = node.getInts("axes")) {
    values = llvm::map_to_vector(*attribute, [&](int64_t axis) { return shapes.constant(axis); });
  } else if (node.input(input)) {
    auto given = hostInput(node, input);
    if (!given)
      return failure();
    values = *given;
  }
  return success();
}

std::optional<HostVector> Importer::namedDims(ArrayRef<OpFoldResult> axes, int64_t rank, bool isUnique) {
  if (isUnique && int64_t(axes.size()) > rank) {
    report("has " + Twine(axes.size()) + " axes for " + Twine(rank) + " dims");
    return std::nullopt;
  }
  if (rank > kMaxOnnxRank) {
    report("tensors of more than " + Twine(kMaxOnnxRank) + " dims are not supported");
    return std::nullopt;
  }
  HostVector isNamed(rank, host.condition(false));
  for (OpFoldResult axis : axes) {
    if (!checkRange(axis, shapes.constant(-rank), shapes.constant(rank - 1), "an axis"))
      return std::nullopt;
    for (int64_t i = 0; i < rank; ++i)
      for (int64_t number : {i, i - rank})
        isNamed[i] = host.logicalOr(isNamed[i], host.compare(CmpIPredicate::eq, axis, shapes.constant(number)));
  }
  OpFoldResult count = shapes.constant(0), one = shapes.constant(1);
  for (OpFoldResult named : isNamed)
    count = shapes.add(count, host.select(named, one, shapes.constant(0)));
  if (isUnique && !checkEqual(count, shapes.constant(axes.size()), "the number of axes and of different ones"))
    return std::nullopt;
  return isNamed;
}

HostVector Importer::dropDims(ArrayRef<OpFoldResult> dims, ArrayRef<OpFoldResult> isNamed, size_t count) {
  // Where the axes are known at run time only, the result's number of dims is fixed all the same: each of them is that
  // of the input's dims which comes to stand in its place.
  HostVector kept(count, shapes.constant(1));
  OpFoldResult place = shapes.constant(0);
  for (auto [dim, named] : llvm::zip_equal(dims, isNamed)) {
    OpFoldResult stays = host.logicalNot(named);
    for (size_t i = 0; i < count; ++i) {
      OpFoldResult isHere = host.compare(CmpIPredicate::eq, place, shapes.constant(i));
      kept[i] = host.select(host.logicalAnd(stays, isHere), dim, kept[i]);
    }
    place = shapes.add(place, host.select(stays, shapes.constant(1), shapes.constant(0)));
  }
  return kept;
}

//===-- Constants -----------------------------------------------------------------------------------------------===//

Type hone::elementTypeFor(MLIRContext *context, OnnxDataType type) {
  Builder builder(context);
  auto unsignedType = [&](unsigned width) { return builder.getIntegerType(width, /*isSigned=*/false); };
  switch (type) {
  case OnnxDataType::Float:
    return builder.getF32Type();
  case OnnxDataType::Double:
    return builder.getF64Type();
  case OnnxDataType::Float16:
    return builder.getF16Type();
  case OnnxDataType::BFloat16:
    return builder.getBF16Type();
  case OnnxDataType::Bool:
    return builder.getI1Type();
  case OnnxDataType::Int4:
  case OnnxDataType::Int8:
  case OnnxDataType::Int16:
  case OnnxDataType::Int32:
  case OnnxDataType::Int64:
    return builder.getIntegerType(bitWidth(type));
  case OnnxDataType::UInt4:
  case OnnxDataType::UInt8:
  case OnnxDataType::UInt16:
  case OnnxDataType::UInt32:
  case OnnxDataType::UInt64:
    return unsignedType(bitWidth(type));
  default:
    return {};
  }
}

DenseElementsAttr hone::denseElements(const OnnxTensor &tensor, Type elementType) {
  auto type = RankedTensorType::get(tensor.dims, elementType);
  if (tensor.bytes.empty())
    return DenseElementsAttr::get(type, ArrayRef<Attribute>());
  if (isNibble(elementType)) {
    SmallVector<APInt> values;
    for (int64_t i = 0, count = type.getNumElements(); i < count; ++i)
      values.push_back(APInt(4, uint8_t(tensor.bytes.data()[i / 2]) >> (i % 2 * 4) & 15));
    return DenseElementsAttr::get(type, values);
  }
  if (!elementType.isInteger(1))
    return DenseElementsAttr::getFromRawBuffer(type, ArrayRef<char>(tensor.bytes.data(), tensor.bytes.size()));
  SmallVector<bool> values;
  for (char byte : tensor.bytes)
    values.push_back(byte != 0);
  return DenseElementsAttr::get(type, values);
}
