// Elements of a kernel's values as code: loads of its arguments, fused producers, stores of its results.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_GENERIC_KERNELEMITTER_H
#define HONE_COMPILER_CODEGEN_GENERIC_KERNELEMITTER_H

#include "compiler/codegen/Kernel.h"
#include "compiler/codegen/generic/IndexTranslator.h"
#include "dialects/hone/Hone.h"

namespace hone {

/// Replaces the row ops of a kernel, but for `kept`, by reductions and element-wise ops.
void decomposeRowOps(KernelOp kernel, mlir::Operation *kept = nullptr);

/// The memory type of a tensor's elements: bool is i8, unsigned is signless.
mlir::Type memoryElement(mlir::Type tensor);

/// Builds scalars of one kernel inside its body function. `kernel` is a private copy: dims arithmetic is added to it.
class KernelEmitter : public ElementBuilder {
public:
  KernelEmitter(mlir::OpBuilder &builder, KernelOp kernel, const KernelBody &body);

  mlir::Value load(mlir::Value tensor, mlir::ValueRange indices) override;
  mlir::Value dim(mlir::Value tensor, int64_t index) override { return size(shapeBuilder.dim(tensor, index)); }
  mlir::Value operand(mlir::Value index) override { return translator.translate(index); }
  void failIf(mlir::Value condition) override;
  void store(unsigned result, mlir::ValueRange indices, mlir::Value scalar) override;
  mlir::Value loadResult(unsigned result, mlir::ValueRange indices) override;
  llvm::SmallVector<mlir::Value>
  loop(mlir::Value lower, mlir::Value upper, mlir::ValueRange initial,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body, bool vectorize) override;
  mlir::Value choose(mlir::Value condition, mlir::Type type, llvm::function_ref<mlir::Value()> onTrue,
                     llvm::function_ref<mlir::Value()> onFalse) override;

  /// if (condition) onTrue() else onFalse().
  void chooseEffect(mlir::Value condition, llvm::function_ref<void()> onTrue, llvm::function_ref<void()> onFalse);

  /// A dim of the kernel as a value of the body.
  mlir::Value size(mlir::OpFoldResult value) { return translator.translate(value); }
  llvm::SmallVector<mlir::Value> sizes(llvm::ArrayRef<mlir::OpFoldResult> values);
  /// Says that all elements of `tensor` are this scalar until it is forgotten (a reduction of the row at hand, a
  /// matmul's sum).
  void know(mlir::Value tensor, mlir::Value scalar) { known[tensor] = scalar; }
  void forget(mlir::Value tensor) { known.erase(tensor); }
  /// Calls `write` with the emitter's builder where `other` stands, which then stands behind what was written. Scalars
  /// built inside are not used outside.
  void buildAt(mlir::OpBuilder &other, llvm::function_ref<void()> write);
  /// Element `position` of the body's buffer `number`, of a tensor's element type, and back.
  mlir::Value loadBuffer(unsigned number, mlir::Value tensor, mlir::Value position);
  void storeBuffer(unsigned number, mlir::Value position, mlir::Value scalar);
  /// Asks for the memory of element `position` ahead of time.
  void prefetch(unsigned number, mlir::Value position);
  /// Reports failures, if any were possible, at the builder's place: the end of the body.
  void finish();

  /// Asked for each tensor first: its element where it is kept, or null to load or compute it.
  std::function<mlir::Value(mlir::Value tensor, mlir::ValueRange indices)> onLoad;
  /// Whether loops marked for vectorisation are interleaved (bodies with divisions or polynomials).
  int interleave = 0;

  ShapeBuilder &shapes() { return shapeBuilder; }
  const KernelBody &body;
  KernelOp kernel;

private:
  /// Scalars built in the current scope, so that a value with several uses is computed once.
  struct Scope {
    llvm::SmallVector<std::tuple<mlir::Value, llvm::SmallVector<mlir::Value>, mlir::Value>> scalars;
    bool hasLoop = false;
  };
  mlir::Value lookup(mlir::Value tensor, mlir::ValueRange indices);

  mlir::OpBuilder prologue;
  mlir::OpBuilder shapeOps;
  ShapeBuilder shapeBuilder;
  IndexTranslator translator;
  llvm::DenseMap<mlir::Value, mlir::Value> known;
  llvm::SmallVector<mlir::Value> views; // flat memrefs by buffer
  llvm::SmallVector<Scope> scopes;
  mlir::Value failed; // memref<1xi32> on the stack, once something may fail
};

} // namespace hone

#endif
