// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/KernelNumbers.h"
#include "compiler/codegen/KernelWork.h"
#include "dialects/hone/TargetModel.h"
#include <cmath>

using namespace mlir;
using namespace hone;

KernelNumbers::KernelNumbers(KernelOp kernel)
    : kernel(kernel), builder(kernel.getBody().front().getTerminator()), shapeBuilder(builder) {}

/// What an op gives for the known values of its operands; null if that is not known.
static Attribute evaluate(Operation *op, const llvm::DenseMap<Value, Attribute> &known) {
  auto operands = llvm::map_to_vector(op->getOperands(), [&](Value operand) { return known.lookup(operand); });
  SmallVector<OpFoldResult> results;
  if (op->getNumResults() != 1 || failed(op->fold(operands, results)) || results.empty())
    return {};
  if (auto value = dyn_cast<Value>(results[0]))
    return known.lookup(value);
  return cast<Attribute>(results[0]);
}

double KernelNumbers::operator()(OpFoldResult size) {
  if (std::optional<int64_t> constant = ShapeBuilder::getConstant(size))
    return double(std::max<int64_t>(*constant, 0));
  SmallVector<Value> pending{cast<Value>(size)};
  while (!pending.empty()) { // no recursion: chains of arithmetic may be long
    Value value = pending.back();
    Operation *op = value.getDefiningOp();
    size_t before = pending.size();
    if (op && !known.contains(value))
      llvm::copy_if(op->getOperands(), std::back_inserter(pending), [&](Value each) { return !known.contains(each); });
    if (pending.size() != before)
      continue;
    Attribute number = op ? evaluate(op, known) : Attribute();
    if (!number && value.getType().isIndex())
      number = cast<Attribute>(shapeBuilder.constant(kAssumedDim));
    known.try_emplace(value, number);
    pending.pop_back();
  }
  auto number = dyn_cast_or_null<IntegerAttr>(known.lookup(cast<Value>(size)));
  return number ? double(std::max<int64_t>(number.getValue().getSExtValue(), 0)) : kAssumedDim;
}

double KernelNumbers::product(ArrayRef<OpFoldResult> sizes) {
  double result = 1;
  for (OpFoldResult size : sizes)
    result *= (*this)(size);
  return result;
}

double KernelNumbers::flops(Operation *op) {
  std::optional<OpFoldResult> flops = flopsOf(op, shapeBuilder);
  return flops ? (*this)(*flops) : 0;
}

double KernelNumbers::flopsBeside(Operation *op) {
  double sum = 0;
  for (Operation &each : llvm::make_early_inc_range(kernel.getBody().front()))
    if (&each != op)
      sum += flops(&each);
  return sum;
}

double KernelNumbers::cycles(const CpuTarget &target, double arithmetic, double accesses) {
  double read = 0, written = 0;
  Block &body = kernel.getBody().front();
  for (BlockArgument argument : body.getArguments().take_front(kernel.getTensorCount()))
    read += (*this)(bytesReadOf(argument, shapeBuilder));
  for (Value result : body.getTerminator()->getOperands())
    written += (*this)(bytesWrittenOf(result, shapeBuilder));
  // Each cache serves as much of it as it holds beside what the nearer ones do.
  double bytes = std::max(read + written, 1.0), held = 0, wait = 0;
  for (const CpuFigures::Memory &memory : target.figures->memories) {
    double share = (std::min(memory.size, bytes) - held) / bytes;
    held += share * bytes;
    double served = share * (read / memory.read + written / memory.write);
    (std::isinf(memory.size) ? wait : accesses) += served;
  }
  return std::max(arithmetic, accesses) + wait;
}
