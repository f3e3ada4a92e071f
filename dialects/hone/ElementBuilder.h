// The view of scalars that ops get when they say what one of their elements is.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_ELEMENTBUILDER_H
#define HONE_DIALECTS_HONE_ELEMENTBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"

namespace hone {

enum class ReduceKind : uint32_t;

/// Where an op's element function (ElementOpInterface) reads operands' elements and builds arithmetic. Code generation
/// loads from memory or recurses into fused producers; host evaluation takes known scalars.
class ElementBuilder {
public:
  ElementBuilder(mlir::OpBuilder &builder, mlir::Location loc) : builder(builder), loc(loc) {}
  virtual ~ElementBuilder() = default;

  /// The element of `tensor` at `indices` (index values, one per dim; they must lie inside).
  virtual mlir::Value load(mlir::Value tensor, mlir::ValueRange indices) = 0;
  /// Dim `index` of `tensor` as an index value.
  virtual mlir::Value dim(mlir::Value tensor, int64_t index) = 0;
  /// An index operand of the op, as seen from where code is built.
  virtual mlir::Value operand(mlir::Value index) = 0;
  /// Makes the program report bad data if `condition` (i1) holds. The code built afterwards must be safe all the same.
  virtual void failIf(mlir::Value condition) = 0;
  /// Writes an element of result `result` of a LoopOpInterface op.
  virtual void store(unsigned result, mlir::ValueRange indices, mlir::Value scalar);
  /// Reads back what `store` wrote.
  virtual mlir::Value loadResult(unsigned result, mlir::ValueRange indices);
  /// Whether loops with known bounds must be unrolled (host evaluation has no loops).
  virtual bool unrolls() const { return false; }
  /// for (i = lower; i < upper; ++i) with loop-carried scalars; returns their last values.
  virtual llvm::SmallVector<mlir::Value>
  loop(mlir::Value lower, mlir::Value upper, mlir::ValueRange initial,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value iv, mlir::ValueRange carried)> body,
       bool vectorize = false);
  /// The same without carried scalars.
  void over(mlir::Value lower, mlir::Value upper, bool vectorize, llvm::function_ref<void(mlir::Value iv)> body);
  /// condition ? onTrue() : onFalse(), scalars of `type`, where only the chosen side is evaluated.
  virtual mlir::Value choose(mlir::Value condition, mlir::Type type, llvm::function_ref<mlir::Value()> onTrue,
                             llvm::function_ref<mlir::Value()> onFalse);

  mlir::Value index(int64_t value);
  /// A scalar constant of a float or signless integer type.
  mlir::Value constant(mlir::Type type, double value);
  mlir::Value constant(mlir::Type type, int64_t value);
  mlir::Value constant(mlir::TypedAttr value);

  // Index arithmetic, folded where operands are constant.
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  /// A signed or unsigned integer scalar as an index; `isUnsigned` extends with zeros.
  mlir::Value toIndex(mlir::Value scalar, bool isUnsigned = false);
  /// An index from data: negative ones count from the end, others outside [0, size) fail and are clamped.
  mlir::Value checkedIndex(mlir::Value scalar, mlir::Value size);
  /// Runs `body`, which stores, where `condition` holds.
  void when(mlir::Value condition, llvm::function_ref<void()> body);
  /// Bounds of nested loops, outermost first, over a box of these sizes. An empty box takes no iterations, however
  /// large its other sizes are: no memory bounds them.
  llvm::SmallVector<mlir::Value> loopBounds(llvm::SmallVector<mlir::Value> sizes);
  /// Row-major position -> indices, and back.
  llvm::SmallVector<mlir::Value> delinearize(mlir::Value linear, llvm::ArrayRef<mlir::Value> dims);
  mlir::Value linearize(mlir::ValueRange indices, llvm::ArrayRef<mlir::Value> dims);
  llvm::SmallVector<mlir::Value> dims(mlir::Value tensor);

  mlir::OpBuilder &builder;
  mlir::Location loc;
};

/// The scalar type of a tensor's elements: signless, and for f16 and bf16 that of their bits. So what moves them moves
/// integers, which every CPU can (LLVM calls functions where it chooses between two bf16).
mlir::Type scalarType(mlir::Type elementOrTensor);
/// The accumulator's neutral element: 0, 1, or the least / greatest value.
enum class Extreme { Lowest, Highest };
mlir::Value extremeConstant(ElementBuilder &elements, mlir::Type elementType, Extreme which);
/// What `kind` combines with any element to that element.
mlir::Value neutralElement(ElementBuilder &elements, ReduceKind kind, mlir::Type elementType);
/// Two elements of `elementType` combined. Floats may be combined in another order; NaN is the greatest and the least.
mlir::Value combine(ElementBuilder &elements, ReduceKind kind, mlir::Value a, mlir::Value b, mlir::Type elementType);
/// A float scalar cut to a signless integer type, as hone.cast describes: defined for every value.
mlir::Value floatToInteger(ElementBuilder &elements, mlir::Value x, mlir::Type to, bool toUnsigned);
/// A scalar as one of another element type, as hone.cast describes. Element types say what scalars do not: their sign.
mlir::Value convertScalar(ElementBuilder &elements, mlir::Value x, mlir::Type fromElement, mlir::Type toElement);
/// Index `index` along dim `resultDim` of the result, seen from dim `dim` of `operand` under numpy broadcasting.
mlir::Value broadcastIndex(ElementBuilder &elements, mlir::Value operand, int64_t dim, mlir::Value result,
                           int64_t resultDim, mlir::Value index);
/// `indices` of the result, seen from `operand` under numpy broadcasting.
llvm::SmallVector<mlir::Value> broadcastIndices(ElementBuilder &elements, mlir::Value operand, mlir::Value result,
                                                mlir::ValueRange indices);

class AccumulateOpInterface;
/// An element of such an op, by loops around its steps.
mlir::Value emitAccumulated(AccumulateOpInterface op, ElementBuilder &elements, mlir::ValueRange indices);

} // namespace hone

#endif
