// Operators that make constants and tensors of given shapes, or give a tensor other dims.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/WaysOut.h"
#include "frontends/onnx/ops/Ops.h"

using namespace mlir;
using namespace hone;
using arith::CmpIPredicate;

//===-- Constants -----------------------------------------------------------------------------------------------===//

static LogicalResult importConstant(Node &node, Importer &importer) {
  Builder &b = importer.builder;
  for (const OnnxAttribute &attribute : node.onnx.attributes) {
    switch (attribute.kind) {
    case OnnxAttribute::Tensor:
      return node.set(0, importer.tensor(attribute.tensors.front(), node.onnx.outputs.front()));
    case OnnxAttribute::Int:
      return node.set(
          0, importer.constant(DenseElementsAttr::get(RankedTensorType::get({}, b.getI64Type()), attribute.i)));
    case OnnxAttribute::Float:
      return node.set(
          0, importer.constant(DenseElementsAttr::get(RankedTensorType::get({}, b.getF32Type()), attribute.f)));
    case OnnxAttribute::Ints: {
      auto type = RankedTensorType::get(int64_t(attribute.ints.size()), b.getI64Type());
      return node.set(0, importer.constant(DenseElementsAttr::get(type, ArrayRef<int64_t>(attribute.ints))));
    }
    case OnnxAttribute::Floats: {
      auto type = RankedTensorType::get(int64_t(attribute.floats.size()), b.getF32Type());
      return node.set(0, importer.constant(DenseElementsAttr::get(type, ArrayRef<float>(attribute.floats))));
    }
    default:
      return importer.fail("attribute " + attribute.name + " of Constant is of a kind that is not supported",
                           StringRef(attribute.name).starts_with("value_string") ? wayOutOfType(OnnxDataType::String)
                                                                                 : "");
    }
  }
  return importer.fail("Constant has no value");
}

static LogicalResult importConstantOfShape(Node &node, Importer &importer) {
  auto dims = importer.hostInput(node, 0);
  if (!dims)
    return failure();
  auto type = RankedTensorType::get({}, importer.builder.getF32Type());
  auto value = DenseElementsAttr::get(type, 0.0f);
  if (const OnnxAttribute *attribute = node.onnx.find("value")) {
    const OnnxTensor &tensor = attribute->tensors.front();
    Type elementType = elementTypeFor(importer.builder.getContext(), tensor.type);
    if (!elementType)
      return importer.reportType("tensors of type", tensor.type), failure();
    if (tensor.numElements() != 1)
      return importer.fail("attribute value must have one element");
    value = DenseElementsAttr::get(RankedTensorType::get({}, elementType),
                                   *denseElements(tensor, elementType).getValues<Attribute>().begin());
  }
  for (OpFoldResult dim : *dims)
    if (!importer.checkNotNegative(dim, "a dim of the shape"))
      return failure();
  return node.set(0, importer.expand(importer.constant(value), *dims));
}

/// ceil((to - from) / step), or 0 where that is negative.
static OpFoldResult rangeSize(Importer &importer, OpFoldResult from, OpFoldResult to, OpFoldResult step) {
  ShapeBuilder &shapes = importer.shapes;
  HostElements &host = importer.host;
  OpFoldResult zero = shapes.constant(0), one = shapes.constant(1);
  OpFoldResult isDown = host.compare(CmpIPredicate::slt, step, zero);
  OpFoldResult distance = host.select(isDown, shapes.sub(from, to), shapes.sub(to, from));
  OpFoldResult stride = host.select(isDown, shapes.sub(zero, step), step);
  IndexRange small = {-kMaxExtent, kMaxExtent};
  if (llvm::all_of(HostVector{from, to, step}, [&](OpFoldResult value) { return shapes.range(value).isWithin(small); }))
    return shapes.ceilDiv(shapes.max(distance, zero), stride);
  // Ends that are 2^63 or more apart: their distance and the stride are right without a sign.
  OpBuilder &b = importer.builder;
  OpFoldResult isEmpty = host.logicalNot(
      host.select(isDown, host.compare(CmpIPredicate::sgt, from, to), host.compare(CmpIPredicate::slt, from, to)));
  Value last = shapes.materialize(shapes.sub(distance, one));
  OpFoldResult whole = b.createOrFold<arith::DivUIOp>(importer.loc, last, shapes.materialize(stride));
  return host.select(isEmpty, zero, shapes.add(whole, one));
}

static LogicalResult importRange(Node &node, Importer &importer) {
  Value start = node.input(0), limit = node.input(1), delta = node.input(2);
  ShapeBuilder &shapes = importer.shapes;
  HostElements &host = importer.host;
  OpFoldResult zero = shapes.constant(0), size;
  for (size_t i = 0; i < 3; ++i)
    if (!importer.hostScalar(node, i))
      return failure();
  if (isa<FloatType>(elementTypeOf(start))) {
    // size = max(ceil((limit - start) / delta), 0), in f64.
    OpBuilder &b = importer.builder;
    Location loc = importer.loc;
    auto wide = [&](Value tensor) -> Value {
      Value scalar = (*host.elements(tensor))[0];
      return scalar.getType().isF64() ? scalar : b.createOrFold<arith::ExtFOp>(loc, b.getF64Type(), scalar);
    };
    auto number = [&](double value) -> Value { return arith::ConstantOp::create(b, loc, b.getF64FloatAttr(value)); };
    Value moves = b.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::UNE, wide(delta), number(0));
    if (!host.check(loc, host.simplifyCondition(moves), nodeText(loc) + ": delta is {0}", zero, zero))
      return importer.fail("delta is 0");
    Value steps =
        b.createOrFold<arith::DivFOp>(loc, b.createOrFold<arith::SubFOp>(loc, wide(limit), wide(start)), wide(delta));
    // No memory has room for more than 1e15, and NaN is no number of elements.
    std::string problem = "start, limit and delta give no number of elements that fits any memory";
    Value fits = b.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::OLT, steps, number(1e15));
    if (!host.check(loc, host.simplifyCondition(fits), nodeText(loc) + ": " + problem, zero, zero))
      return importer.fail(problem);
    Value isSome = b.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::OGT, steps, number(0));
    steps = b.createOrFold<arith::SelectOp>(loc, isSome, steps, number(0));
    Value whole = b.createOrFold<arith::FPToSIOp>(loc, b.getI64Type(), steps);
    Value isMore = b.createOrFold<arith::CmpFOp>(loc, arith::CmpFPredicate::OGT, steps,
                                                 b.createOrFold<arith::SIToFPOp>(loc, b.getF64Type(), whole));
    size = shapes.add(host.toIndex(whole), host.select(host.simplifyCondition(isMore), shapes.constant(1), zero));
  } else {
    OpFoldResult from = *importer.hostScalar(node, 0), to = *importer.hostScalar(node, 1),
                 step = *importer.hostScalar(node, 2);
    if (!host.check(importer.loc, host.compare(CmpIPredicate::ne, step, zero),
                    nodeText(importer.loc) + ": delta is {0}", step, zero))
      return importer.fail("delta is 0");
    size = rangeSize(importer, from, to, step);
  }
  return node.set(0, importer.create<RangeOp>(elementTypeOf(start), 1, importer.reshape(start, {}),
                                              importer.reshape(delta, {}), shapes.materialize(size)));
}

//===-- Asking for dims -----------------------------------------------------------------------------------------===//

static LogicalResult importShape(Node &node, Importer &importer) {
  Value x = node.input(0);
  int64_t rank = rankOf(x), start = node.getInt("start", 0), end = node.getInt("end", rank);
  auto clamp = [&](int64_t position) {
    return std::clamp<int64_t>(position < 0 ? position + rank : position, 0, rank);
  };
  start = clamp(start);
  end = std::max(start, clamp(end));
  HostVector dims(importer.shapes.dims(x).slice(start, end - start));
  return node.set(0, importer.fromIndices(dims, 1, importer.builder.getI64Type()));
}
static LogicalResult importSize(Node &node, Importer &importer) {
  OpFoldResult count = importer.shapes.elementCount(node.input(0));
  return node.set(0, importer.fromIndices(count, 0, importer.builder.getI64Type()));
}

//===-- Other dims, same elements -------------------------------------------------------------------------------===//

/// Dim `i` of a shape where 0 copies that dim of the input, which has `count` elements; nothing (and an error) if there
/// is none. With `mayInfer`, a dim of the shape may be -1.
static std::optional<OpFoldResult> resolveZero(Importer &importer, OpFoldResult dim, size_t i,
                                               ArrayRef<OpFoldResult> input, OpFoldResult count, bool mayInfer) {
  ShapeBuilder &shapes = importer.shapes;
  HostElements &host = importer.host;
  OpFoldResult zero = shapes.constant(0), isZero = host.compare(CmpIPredicate::eq, dim, zero);
  if (i >= input.size()) {
    std::string what = ("dim " + Twine(i) + " of the shape copies a dim that the input does not have").str();
    if (importer.checkPositive(dim, what))
      return dim;
    importer.report(what);
    return std::nullopt;
  }
  if (ShapeBuilder::vanishesWith(input[i], dim))
    return dim; // 0 copies 0
  bool isComputed = !ShapeBuilder::getConstant(dim) && shapes.range(dim).least >= 0;
  if (mayInfer || !isComputed || !ShapeBuilder::vanishesWith(count, dim)) {
    importer.hidePositive(dim);
    return host.select(isZero, input[i], dim);
  }
  // A computed 0 makes the input empty, so the result has to be empty, too, but it copies a dim that is not 0. It would
  // take another dim that is 0 at the same time; an error there keeps the dim what it is everywhere else.
  OpFoldResult fits = host.logicalOr(host.logicalNot(isZero), host.compare(CmpIPredicate::eq, input[i], zero));
  std::string what = (nodeText(importer.loc) + ": dim " + Twine(i) + " of the shape is 0, which copies {0}").str();
  host.check(importer.loc, fits, what, input[i], zero);
  return dim;
}

static LogicalResult importReshape(Node &node, Importer &importer) {
  auto wanted = importer.hostInput(node, 1);
  if (!wanted)
    return failure();
  Value x = node.input(0);
  ShapeBuilder &shapes = importer.shapes;
  HostElements &host = importer.host;
  HostVector input(shapes.dims(x)), dims;
  bool allowZero = node.isOne("allowzero", false);
  OpFoldResult zero = shapes.constant(0), one = shapes.constant(1), minusOne = shapes.constant(-1);
  std::string unclear = "the shape has a 0 beside -1, which is no number of elements to infer from";
  if (allowZero && llvm::is_contained(*wanted, zero) && llvm::is_contained(*wanted, minusOne))
    return importer.fail(unclear);
  HostVector others, isInferred;
  OpFoldResult isOneInferred = host.condition(false), hasZero = isOneInferred, count = shapes.elementCount(x);
  bool mayInfer = llvm::any_of(*wanted, [&](OpFoldResult dim) { return shapes.range(dim).least < 0; });
  for (auto [i, dim] : llvm::enumerate(*wanted)) {
    if (!allowZero) {
      auto resolved = resolveZero(importer, dim, i, input, count, mayInfer);
      if (!resolved)
        return failure();
      dim = *resolved;
    } else if (shapes.range(dim).least < 0) {
      hasZero = host.logicalOr(hasZero, host.compare(CmpIPredicate::eq, dim, zero));
    }
    OpFoldResult infers = host.compare(CmpIPredicate::eq, dim, minusOne);
    OpFoldResult isFirst = host.logicalNot(host.logicalAnd(isOneInferred, infers));
    if (!host.check(importer.loc, isFirst, nodeText(importer.loc) + ": two dims of the shape are -1", zero, zero))
      return importer.fail("two dims of the shape are -1");
    isOneInferred = host.logicalOr(isOneInferred, infers);
    OpFoldResult other = host.select(infers, one, dim);
    if (!importer.checkDim(other, "a dim of the shape"))
      return failure();
    isInferred.push_back(infers);
    others.push_back(other);
  }
  if (!host.check(importer.loc, host.logicalNot(host.logicalAnd(hasZero, isOneInferred)),
                  nodeText(importer.loc) + ": " + unclear, zero, zero))
    return importer.fail(unclear);
  if (!importer.checkExtent(others))
    return failure();
  OpFoldResult inferred = shapes.floorDiv(count, shapes.product(others));
  for (auto [other, infers] : llvm::zip_equal(others, isInferred))
    dims.push_back(host.select(infers, inferred, other));
  OpFoldResult result = shapes.product(dims);
  if (!shapes.areEqual(count, result) &&
      !host.check(importer.loc, host.compare(CmpIPredicate::eq, count, result),
                  nodeText(importer.loc) + ": cannot reshape {0} elements to {1}", count, result))
    return importer.fail("cannot reshape " + Twine(*ShapeBuilder::getConstant(count)) + " elements to " +
                         Twine(*ShapeBuilder::getConstant(result)));
  return node.set(0, importer.reshape(x, dims));
}

static LogicalResult importFlatten(Node &node, Importer &importer) {
  int64_t rank = rankOf(node.input(0)), axis = node.getInt("axis", 1);
  if (axis < -rank || axis > rank)
    return importer.fail("axis " + Twine(axis) + " is outside the tensor's " + Twine(rank) + " dims");
  return node.set(0, importer.flatten(node.input(0), axis < 0 ? axis + rank : axis));
}

static LogicalResult importSqueeze(Node &node, Importer &importer) {
  Value x = node.input(0);
  HostElements &host = importer.host;
  std::optional<HostVector> axes;
  if (failed(importer.axesOf(node, 1, axes)))
    return failure();
  HostVector dims(importer.shapes.dims(x));
  OpFoldResult one = importer.shapes.constant(1);
  if (!axes) {
    axes.emplace();
    for (auto [i, dim] : llvm::enumerate(dims)) {
      if (!ShapeBuilder::getConstant(dim)) {
        importer.reportUnknown(x, "the result's number of dims depends on dim " + Twine(i),
                               "give axes when exporting, or pin the dim with --dim or --shape");
        return failure();
      }
      if (dim == one)
        axes->push_back(importer.shapes.constant(i));
    }
  }
  auto isDropped = importer.namedDims(*axes, rankOf(x));
  if (!isDropped)
    return failure();
  for (auto [i, dim] : llvm::enumerate(dims)) {
    OpFoldResult fits = host.logicalOr(host.logicalNot((*isDropped)[i]), host.compare(CmpIPredicate::eq, dim, one));
    if (!host.check(importer.loc, fits, nodeText(importer.loc) + ": a dim to drop is {0}, not 1", dim, one))
      return importer.fail("dim " + Twine(i) + " cannot be dropped: it is not 1");
  }
  return node.set(0, importer.reshape(x, importer.dropDims(dims, *isDropped, dims.size() - axes->size())));
}

static LogicalResult importUnsqueeze(Node &node, Importer &importer) {
  Value x = node.input(0);
  std::optional<HostVector> axes;
  if (failed(importer.axesOf(node, 1, axes)))
    return failure();
  if (!axes)
    return importer.fail("axes are missing");
  HostVector input(importer.shapes.dims(x)), dims;
  auto isNew = importer.namedDims(*axes, input.size() + axes->size());
  if (!isNew)
    return failure();
  OpFoldResult one = importer.shapes.constant(1), place = importer.shapes.constant(0);
  for (OpFoldResult fresh : *isNew) {
    OpFoldResult next = one;
    for (auto [i, dim] : llvm::enumerate(input))
      next =
          importer.host.select(importer.host.compare(CmpIPredicate::eq, place, importer.shapes.constant(i)), dim, next);
    dims.push_back(importer.host.select(fresh, one, next));
    place = importer.shapes.add(place, importer.host.select(fresh, importer.shapes.constant(0), one));
  }
  return node.set(0, importer.reshape(x, dims));
}

static LogicalResult importTranspose(Node &node, Importer &importer) {
  int64_t rank = rankOf(node.input(0));
  SmallVector<int64_t> permutation(llvm::reverse(llvm::seq<int64_t>(0, rank)));
  if (auto given = node.getInts("perm"))
    permutation.assign(given->begin(), given->end());
  auto sorted = importer.axes(permutation, rank);
  if (!sorted)
    return failure();
  if (int64_t(sorted->size()) != rank)
    return importer.fail("attribute perm has " + Twine(sorted->size()) + " entries for " + Twine(rank) + " dims");
  for (int64_t &from : permutation)
    from = *importer.axis(from, rank);
  return node.set(0, importer.transpose(node.input(0), permutation));
}

//===-- Repeating -----------------------------------------------------------------------------------------------===//

static LogicalResult importExpand(Node &node, Importer &importer) {
  auto wanted = importer.hostInput(node, 1);
  if (!wanted)
    return failure();
  ShapeBuilder &shapes = importer.shapes;
  OpFoldResult one = shapes.constant(1);
  HostVector own(shapes.dims(node.input(0)));
  size_t rank = std::max(own.size(), wanted->size());
  own.insert(own.begin(), rank - own.size(), one);
  wanted->insert(wanted->begin(), rank - wanted->size(), one);
  HostVector dims;
  for (auto [mine, other] : llvm::zip_equal(own, *wanted)) {
    if (!importer.checkNotNegative(other, "a dim of the shape"))
      return failure();
    if (!importer.checkBroadcastDims(mine, other))
      return failure();
    dims.push_back(shapes.broadcast(mine, other));
  }
  return node.set(0, importer.expand(node.input(0), dims));
}

static LogicalResult importTile(Node &node, Importer &importer) {
  Value x = node.input(0);
  auto repeats = importer.hostInput(node, 1);
  if (!repeats)
    return failure();
  if (int64_t(repeats->size()) != rankOf(x))
    return importer.fail("has " + Twine(repeats->size()) + " repeats for " + Twine(rankOf(x)) + " dims");
  HostVector dims(importer.shapes.dims(x));
  for (auto [dim, repeat] : llvm::zip_equal(dims, *repeats)) {
    if (!importer.checkDim(repeat, "a repeat") ||
        !importer.checkProduct({dim, repeat}, kMaxDim, "a dim of the result is too large for any memory"))
      return failure();
    importer.shapes.assume(importer.shapes.mul(dim, repeat), {0, kMaxDim});
  }
  SmallVector<Value> values = importer.shapes.materialize(*repeats);
  return node.set(0, importer.create<TileOp>(elementTypeOf(x), rankOf(x), x, ValueRange(values)));
}

//===-- Table ---------------------------------------------------------------------------------------------------===//

ArrayRef<OperatorRow> hone::shapeOperators() {
  static constexpr OperatorRow rows[] = {
      {"Constant", 1, importConstant},
      {"ConstantOfShape", 9, importConstantOfShape},
      {"Expand", 8, importExpand, Halves::Moves},
      {"Flatten", 1, importFlatten, Halves::Moves},
      {"Range", 11, importRange},
      {"Reshape", 5, importReshape, Halves::Moves},
      {"Shape", 1, importShape, Halves::Moves},
      {"Size", 1, importSize, Halves::Moves},
      {"Squeeze", 1, importSqueeze, Halves::Moves},
      {"Tile", 6, importTile, Halves::Moves},
      {"Transpose", 1, importTranspose, Halves::Moves},
      {"Unsqueeze", 1, importUnsqueeze, Halves::Moves},
  };
  return rows;
}
