// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/plan/Guesses.h"
#include "dialects/hone/TargetModel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <algorithm>
#include <cmath>
#include <functional>

using namespace mlir;
using namespace hone;

static constexpr double kFewDims = 16;

/// What nothing is known of: a dim, or what data say.
static Guesses::Numbers guess(Value value) {
  auto dim = value.getDefiningOp<tensor::DimOp>();
  auto type = dim ? dyn_cast<RankedTensorType>(dim.getSource().getType()) : RankedTensorType();
  bool isOuter = type && type.getRank() > 1 && dim.getConstantIndex() == 0;
  double many = kAssumedDim;
  return {kFewDims, many, isOuter ? 1 : kFewDims, isOuter ? 1 : many};
}

/// One number for each guess.
template <typename FnT> static Guesses::Numbers combine(Guesses::Numbers a, const Guesses::Numbers &b, FnT function) {
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = function(a[i], b[i]);
  return a;
}

static Guesses::Numbers evaluateOp(Operation *op, ArrayRef<Guesses::Numbers> operands) {
  auto larger = [](double x, double y) { return std::max(x, y); };
  if (isa<arith::AddIOp>(op))
    return combine(operands[0], operands[1], std::plus<double>());
  if (isa<arith::SubIOp>(op))
    return combine(operands[0], operands[1], std::minus<double>());
  if (isa<arith::MulIOp>(op))
    return combine(operands[0], operands[1], std::multiplies<double>());
  if (isa<arith::MinSIOp>(op))
    return combine(operands[0], operands[1], [](double x, double y) { return std::min(x, y); });
  if (isa<arith::MaxSIOp>(op))
    return combine(operands[0], operands[1], larger);
  if (isa<arith::DivUIOp>(op))
    return combine(operands[0], operands[1], [](double x, double y) { return std::floor(x / std::max(y, 1.0)); });
  if (isa<arith::SelectOp>(op)) // of a broadcast: 1 or the other dim; of a division: 0 or the quotient
    return combine(operands[1], operands[2], larger);
  return operands[0]; // a cast
}

std::optional<Guesses::Numbers> Guesses::evaluate(Value value, SmallVectorImpl<Value> &rest) {
  Operation *op = value.getDefiningOp();
  if (auto constant = getConstantIntValue(value)) {
    Numbers numbers;
    numbers.fill(double(*constant));
    return numbers;
  }
  if (!isa_and_nonnull<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::MinSIOp, arith::MaxSIOp, arith::DivUIOp,
                       arith::SelectOp, arith::IndexCastOp>(op))
    return guess(value);
  SmallVector<Numbers, 3> operands;
  for (OpOperand &operand : op->getOpOperands()) {
    bool isCondition = isa<arith::SelectOp>(op) && operand.getOperandNumber() == 0;
    auto found = known.find(operand.get());
    if (found == known.end() && !isCondition)
      rest.push_back(operand.get());
    operands.push_back(found == known.end() ? Numbers() : found->second);
  }
  if (!rest.empty())
    return std::nullopt;
  return evaluateOp(op, operands);
}

Guesses::Numbers Guesses::of(OpFoldResult value) {
  if (auto constant = getConstantIntValue(value)) {
    Numbers numbers;
    numbers.fill(double(*constant));
    return numbers;
  }
  // Arithmetic may be as deep as the model is long: no recursion.
  SmallVector<Value> pending{cast<Value>(value)};
  while (!pending.empty()) {
    SmallVector<Value> rest;
    if (auto numbers = evaluate(pending.back(), rest))
      known[pending.pop_back_val()] = *numbers;
    llvm::append_range(pending, rest);
  }
  return known[cast<Value>(value)];
}
