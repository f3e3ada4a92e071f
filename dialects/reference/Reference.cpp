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

llvm::Error hone::checkType(const Twine &what, const HostTensor &tensor, Type type) {
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
  for (auto evaluateFamily : {evaluateElementwise, evaluateShape, evaluateIndex, evaluateReduce, evaluateNorm,
                              evaluateLinear, evaluateWindow, evaluateResize, evaluateExtern})
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

//===-- Functions -----------------------------------------------------------------------------------------------===//

namespace {
/// The values of a function so far: tensors, and scalars of the host program as attributes, so that upstream ops
/// evaluate themselves by folding.
class Interpreter {
public:
  Interpreter(FileReader reader, ValueHook hook, MLIRContext *context) : reader(reader), hook(hook), builder(context) {}

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

  FileReader reader;
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
                                                               FileReader reader, ValueHook hook) {
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
