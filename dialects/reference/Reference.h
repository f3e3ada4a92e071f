// Plain evaluation of hone ops on host tensors: the second opinion on what a program means.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_REFERENCE_REFERENCE_H
#define HONE_DIALECTS_REFERENCE_REFERENCE_H

#include "dialects/reference/HostTensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Error.h"

namespace hone {

class WeightOp;

/// Evaluates one op by a definition of its own, which shares no code with emitElement and emitScalar. `operands` are
/// the op's tensors in order, `indices` its index operands in order. Sums of f32 are accumulated in f64. The result's
/// dims follow from the operands. Errors name the op: what the standard makes a run fail for (an index outside its dim,
/// an integer division by zero), operands whose dims do not fit, results that contradict the op's result type, an op
/// that is not a computation on tensors.
llvm::Expected<llvm::SmallVector<HostTensor>> evaluate(mlir::Operation *op, llvm::ArrayRef<HostTensor> operands,
                                                       llvm::ArrayRef<int64_t> indices);

/// Gives the elements of a weight whose source is a file: row-major, little-endian, as many bytes as its type takes.
using FileReader = llvm::function_ref<llvm::Expected<std::vector<char>>(WeightOp weight)>;

/// The tensor of a weight: its dense attribute, what `reader` gives, or its recipe over other weights of the module.
llvm::Expected<HostTensor> evaluateWeight(WeightOp weight, FileReader reader);

/// Sees every tensor of a run as it comes into being, arguments included, and may change it.
using ValueHook = llvm::function_ref<void(mlir::Value value, HostTensor &tensor)>;

/// Runs a straight-line function of hone ops, host arithmetic (arith, math) on scalars, tensor.dim and tensor.extract;
/// before dispatch, that is. The result of each operand of its return. Errors: those of evaluate(); a hone.check that
/// does not hold, with the check's message; inputs that do not fit the arguments; an op of another kind.
llvm::Expected<std::vector<HostTensor>> evaluateFunction(mlir::func::FuncOp function, llvm::ArrayRef<HostTensor> inputs,
                                                         FileReader reader, ValueHook hook = nullptr);

} // namespace hone

#endif
