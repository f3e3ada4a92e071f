// Dispatch to the families, and whole functions.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/reference/Reference.h"
#include "dialects/reference/Families.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cstring>

using namespace mlir;
using namespace hone;

//===-- What the families share ---------------------------------------------------------------------------------===//

llvm::Error Call::error(const Twine &text) const {
  return llvm::createStringError(nodeText(op->getLoc()) + ": " + op->getName().getStringRef() + " " + text);
}

std::string hone::dimsText(ArrayRef<int64_t> dims) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << '[';
  llvm::interleaveComma(dims, stream);
  stream << ']';
  return text;
}

llvm::Expected<Dims> hone::broadcastDims(const Call &call, ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  size_t rank = std::max(a.size(), b.size());
  Dims dims(rank);
  for (size_t i = 0; i < rank; ++i) {
    int64_t x = i + a.size() < rank ? 1 : a[i + a.size() - rank], y = i + b.size() < rank ? 1 : b[i + b.size() - rank];
    if (x != y && x != 1 && y != 1)
      return call.error("cannot broadcast " + dimsText(a) + " with " + dimsText(b));
    dims[i] = x == 1 ? y : x;
  }
  return dims;
}

int64_t hone::broadcastPosition(ArrayRef<int64_t> at, ArrayRef<int64_t> own) {
  int64_t position = 0;
  for (auto [index, dim] : llvm::zip_equal(at.take_back(own.size()), own))
    position = position * dim + (dim == 1 ? 0 : index);
  return position;
}

//===-- One op --------------------------------------------------------------------------------------------------===//

/// An error unless `tensor` has the element type, rank and static dims of `type`.
static llvm::Error checkType(const Twine &what, const HostTensor &tensor, Type type) {
  auto wanted = dyn_cast<RankedTensorType>(type);
  bool fits = wanted && wanted.getElementType() == tensor.element && wanted.getRank() == tensor.rank();
  for (int64_t i = 0; fits && i < tensor.rank(); ++i)
    fits = wanted.isDynamicDim(i) || wanted.getDimSize(i) == tensor.dims[i];
  if (fits)
    return llvm::Error::success();
  std::string typeText;
  llvm::raw_string_ostream(typeText) << type << ", but is " << dimsText(tensor.dims) << " of " << tensor.element;
  return llvm::createStringError(what + " should be " + typeText);
}

llvm::Expected<llvm::SmallVector<HostTensor>> hone::evaluate(Operation *op, ArrayRef<HostTensor> operands,
                                                             ArrayRef<int64_t> indices) {
  Call call{op, operands, indices};
  for (Type type : llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
    if (!isa<IndexType>(type) && !(isa<RankedTensorType>(type) && isElementType(getElementTypeOrSelf(type))))
      return call.error("is no computation on tensors of the dialect's element types");
  for (auto evaluateFamily :
       {evaluateElementwise, evaluateShape, evaluateIndex, evaluateReduce, evaluateNorm, evaluateLinear})
    if (Evaluation results = evaluateFamily(call)) {
      if (!*results)
        return results->takeError();
      for (auto [result, type] : llvm::zip_equal(**results, op->getResultTypes()))
        if (llvm::Error error = checkType("its result", result, type))
          return call.error(llvm::toString(std::move(error)));
      return std::move(**results);
    }
  if (isa<TapOp>(op))
    return one(operands[0]);
  return call.error("is no computation on tensors");
}

//===-- Weights -------------------------------------------------------------------------------------------------===//

static llvm::Error weightError(WeightOp weight, const Twine &text) {
  return llvm::createStringError("weight '" + weight.getSymName() + "' " + text);
}

/// The weights of a recipe, in order.
static llvm::Expected<std::vector<HostTensor>> sourcesOf(WeightOp weight, ArrayRef<FlatSymbolRefAttr> names,
                                                         WeightReader reader) {
  std::vector<HostTensor> tensors;
  for (FlatSymbolRefAttr name : names) {
    auto source = SymbolTable::lookupNearestSymbolFrom<WeightOp>(weight->getParentOp(), name);
    if (!source || isa<PackAttr, JoinAttr>(source.getSource())) // recipes are one level deep, or could be circles
      return weightError(weight, "is made of '" + name.getValue() + "', which is no weight with elements");
    auto tensor = evaluateWeight(source, reader);
    if (!tensor)
      return tensor.takeError();
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

/// Matrices side by side, cut into column panels; see PackAttr.
static llvm::Error pack(WeightOp weight, PackAttr recipe, WeightReader reader, HostTensor &result) {
  auto sources = sourcesOf(weight, recipe.getSources(), reader);
  if (!sources)
    return sources.takeError();
  int64_t k = result.dims[1], panel = result.dims[2], column = 0, size = bytesOf(result.element);
  for (const HostTensor &source : *sources) {
    bool transposed = recipe.getTransposed();
    if (source.rank() != 2 || source.dims[transposed] != k || source.element != result.element)
      return weightError(weight, "is made of a matrix of dims " + dimsText(source.dims));
    for (int64_t j = 0, n = source.dims[!transposed]; j < n; ++j, ++column) {
      if (column / panel >= result.dims[0])
        return weightError(weight, "is made of more columns than it has");
      for (int64_t i = 0; i < k; ++i)
        std::memcpy(&result.bytes[positionOf({column / panel, i, column % panel}, result.dims) * size],
                    &source.bytes[(transposed ? j * k + i : i * n + j) * size], size);
    }
  }
  return llvm::Error::success();
}

llvm::Expected<HostTensor> hone::evaluateWeight(WeightOp weight, WeightReader reader) {
  auto type = cast<RankedTensorType>(weight.getType());
  if (!type.hasStaticShape() || !isElementType(type.getElementType()))
    return weightError(weight, "has no static type of the dialect's element types");
  HostTensor tensor(type.getElementType(), type.getShape());
  Attribute source = weight.getSource();
  if (auto dense = dyn_cast<DenseElementsAttr>(source)) {
    tensor = HostTensor::fromAttribute(dense);
  } else if (auto recipe = dyn_cast<PackAttr>(source)) {
    if (tensor.rank() != 3)
      return weightError(weight, "is packed, but has not 3 dims");
    if (llvm::Error error = pack(weight, recipe, reader, tensor))
      return error;
  } else if (auto recipe = dyn_cast<JoinAttr>(source)) {
    auto sources = sourcesOf(weight, recipe.getSources(), reader);
    if (!sources)
      return sources.takeError();
    tensor.bytes.clear();
    for (const HostTensor &part : *sources)
      llvm::append_range(tensor.bytes, part.bytes);
  } else {
    auto bytes = reader(weight);
    if (!bytes)
      return bytes.takeError();
    tensor.bytes = std::move(*bytes);
  }
  if (int64_t(tensor.bytes.size()) != tensor.count() * bytesOf(tensor.element))
    return weightError(weight, "has " + Twine(tensor.bytes.size()) + " bytes of elements");
  if (llvm::Error error = checkType("weight '" + weight.getSymName() + "'", tensor, type))
    return error;
  return tensor;
}

//===-- Functions -----------------------------------------------------------------------------------------------===//

namespace {
/// The values of a function so far: tensors, and scalars of the host program as attributes, so that upstream ops
/// evaluate themselves by folding.
class Interpreter {
public:
  Interpreter(WeightReader reader, ValueHook hook, MLIRContext *context)
      : reader(reader), hook(hook), builder(context) {}

  llvm::Error run(Operation *op);
  void set(Value value, HostTensor tensor) {
    if (hook)
      hook(value, tensor);
    tensors[value] = std::move(tensor);
  }
  const HostTensor &get(Value value) { return tensors[value]; }

private:
  llvm::Error runTensorOp(Operation *op);
  llvm::Error fold(Operation *op);
  int64_t number(Value scalar) { return cast<IntegerAttr>(scalars.lookup(scalar)).getValue().getSExtValue(); }

  WeightReader reader;
  ValueHook hook;
  Builder builder;
  llvm::DenseMap<Value, HostTensor> tensors;
  llvm::DenseMap<Value, Attribute> scalars;
};
} // namespace

static llvm::Error errorAt(Operation *op, const Twine &text) { return Call{op, {}, {}}.error(text); }

llvm::Error Interpreter::runTensorOp(Operation *op) {
  SmallVector<HostTensor> operands;
  SmallVector<int64_t> indices;
  for (Value operand : op->getOperands())
    if (auto found = tensors.find(operand); found != tensors.end())
      operands.push_back(found->second);
    else
      indices.push_back(number(operand));
  auto results = evaluate(op, operands, indices);
  if (!results)
    return results.takeError();
  for (auto [value, result] : llvm::zip_equal(op->getResults(), *results))
    set(value, std::move(result));
  return llvm::Error::success();
}

/// A host scalar by its op's folder; a clone is folded, because folders may turn operands around.
llvm::Error Interpreter::fold(Operation *op) {
  SmallVector<Attribute> operands;
  for (Value operand : op->getOperands())
    operands.push_back(scalars.lookup(operand));
  Operation *copy = op->clone();
  SmallVector<OpFoldResult> results;
  bool folded = !llvm::is_contained(operands, Attribute()) && succeeded(copy->fold(operands, results)) &&
                results.size() == op->getNumResults();
  copy->erase();
  if (!folded)
    return errorAt(op, "cannot be evaluated on what it is given");
  for (auto [value, result] : llvm::zip_equal(op->getResults(), results)) {
    // A folder may name one of the operands.
    auto same = dyn_cast<Value>(result);
    scalars[value] = same ? scalars.lookup(same) : cast<Attribute>(result);
  }
  return llvm::Error::success();
}

llvm::Error Interpreter::run(Operation *op) {
  if (auto use = dyn_cast<UseWeightOp>(op)) {
    auto weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(op, use.getWeightAttr());
    if (!weight)
      return errorAt(op, "names no weight");
    auto tensor = evaluateWeight(weight, reader);
    if (!tensor)
      return tensor.takeError();
    set(use.getOutput(), std::move(*tensor));
    return llvm::Error::success();
  }
  if (auto check = dyn_cast<CheckOp>(op)) {
    if (number(check.getCondition()))
      return llvm::Error::success();
    std::string text = check.getMessage().str();
    for (auto [hole, value] : {std::pair("{0}", check.getFirst()), std::pair("{1}", check.getSecond())})
      for (size_t at; (at = text.find(hole)) != std::string::npos;)
        text.replace(at, 3, std::to_string(number(value)));
    return llvm::createStringError(text);
  }
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    const HostTensor &source = tensors[dim.getSource()];
    int64_t index = number(dim.getIndex());
    if (index < 0 || index >= source.rank())
      return errorAt(op, "asks for dim " + Twine(index) + " of " + dimsText(source.dims));
    scalars[dim.getResult()] = builder.getIndexAttr(source.dims[index]);
    return llvm::Error::success();
  }
  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    const HostTensor &source = tensors[extract.getTensor()];
    Dims at;
    for (auto [index, dim] : llvm::zip_equal(extract.getIndices(), source.dims)) {
      at.push_back(number(index));
      if (at.back() < 0 || at.back() >= dim)
        return errorAt(op, "reads outside " + dimsText(source.dims));
    }
    Type type = extract.getType();
    int64_t position = positionOf(at, source.dims);
    if (isa<FloatType>(type))
      scalars[extract.getResult()] = builder.getFloatAttr(type, source.number(position));
    else
      scalars[extract.getResult()] = builder.getIntegerAttr(
          type, APInt(type.getIntOrFloatBitWidth(), uint64_t(source.integer(position)), false, true));
    return llvm::Error::success();
  }
  if (isa<HoneDialect>(op->getDialect()))
    return runTensorOp(op);
  return fold(op);
}

llvm::Expected<std::vector<HostTensor>> hone::evaluateFunction(func::FuncOp function, ArrayRef<HostTensor> inputs,
                                                               WeightReader reader, ValueHook hook) {
  if (!llvm::hasSingleElement(function.getBody()))
    return llvm::createStringError("function '" + function.getSymName() + "' is not one block");
  if (inputs.size() != function.getNumArguments())
    return llvm::createStringError("function '" + function.getSymName() + "' wants " +
                                   Twine(function.getNumArguments()) + " inputs, got " + Twine(inputs.size()));
  Interpreter interpreter(reader, hook, function.getContext());
  for (auto [i, argument] : llvm::enumerate(function.getArguments())) {
    if (llvm::Error error = checkType("input " + Twine(i), inputs[i], argument.getType()))
      return error;
    interpreter.set(argument, inputs[i]);
  }
  Block &block = function.getBody().front();
  for (Operation &op : block.without_terminator())
    if (llvm::Error error = interpreter.run(&op))
      return error;
  std::vector<HostTensor> results;
  for (Value result : block.getTerminator()->getOperands())
    results.push_back(interpreter.get(result));
  return results;
}
