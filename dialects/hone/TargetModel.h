// What passes may ask about the target without knowing the code generator.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_TARGETMODEL_H
#define HONE_DIALECTS_HONE_TARGETMODEL_H

#include "dialects/hone/Hone.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectInterface.h"

namespace hone {

/// What predictions take for a dim that only a run will know.
constexpr int64_t kAssumedDim = 128;

/// The launch parameters of a kernel: iterations, the smallest chunk worth a thread, scratch bytes per thread.
struct LaunchParameters {
  mlir::Value count, grain, scratch;
};

/// Implemented by the code generator, registered as an interface of the dialect.
class TargetModel : public mlir::DialectInterface::Base<TargetModel> {
public:
  TargetModel(mlir::Dialect *dialect) : Base(dialect) {}

  /// Fails, and reports it with `emitError`, for a target that is not known.
  virtual llvm::LogicalResult verify(TargetAttr target,
                                     llvm::function_ref<mlir::InFlightDiagnostic()> emitError) const = 0;
  /// How an operand of `op` that is a weight should lie in memory; nothing: as it is.
  virtual std::optional<TileLayout> layoutOf(TargetAttr target, mlir::Operation *op, unsigned operand) const = 0;
  /// Whether `op` is computed by a kernel that it begins: no producer is pulled into it, and no reader pulls it in.
  virtual bool hasKernelOfItsOwn(TargetAttr target, mlir::Operation *op) const = 0;
  /// Whether such a kernel computes what defines an operand of `op` while it reads it.
  virtual bool fusesBefore(TargetAttr target, mlir::OpOperand &operand) const = 0;
  /// Whether such a kernel of `op` goes on with `reader`, a later op over the same elements.
  virtual bool fusesBehind(TargetAttr target, mlir::Operation *op, mlir::Operation *reader) const = 0;
  /// Writes on a kernel how it is computed (its family, and the family's parameters) and at what cost. Fails, and
  /// reports it, if it cannot be computed.
  virtual llvm::LogicalResult decide(TargetAttr target, KernelOp kernel) const = 0;
  /// Whether `kernel`, computed as it was decided, writes an element of its result when all is read that goes into it.
  virtual bool writesLast(TargetAttr target, KernelOp kernel) const = 0;
  /// Nanoseconds that one launch of `kernel`, computed as it was decided, is predicted to take on one core, with
  /// kAssumedDim in the place of each open dim. Fails, and reports it, if the decision on it does not fit it.
  virtual mlir::FailureOr<int64_t> predictCost(TargetAttr target, KernelOp kernel) const = 0;
  /// Builds the launch parameters of `kernel` for the given index arguments, as index arithmetic of the host program.
  /// Fails, and reports it, if the decision on it does not fit it.
  virtual mlir::FailureOr<LaunchParameters> launchParameters(mlir::OpBuilder &builder, TargetAttr target,
                                                             KernelOp kernel, mlir::ValueRange sizes) const = 0;

  /// The registered model, or null.
  static const TargetModel *get(mlir::MLIRContext *context);
};

/// What a library made of `module` can be asked to run: the public functions, @main first, the others in their order.
llvm::SmallVector<mlir::func::FuncOp> entriesOf(mlir::ModuleOp module);

/// Whether the host program of an entry holds operations and element types that its passes know, and has a name that
/// programs can use. If not, that was reported.
llvm::LogicalResult checkHostProgram(mlir::func::FuncOp main);

/// The program of an entry in tensor form, and what its code is generated for.
struct TargetedProgram {
  mlir::func::FuncOp main; // or another entry
  TargetAttr target;
  const TargetModel *model;

  /// Those of all entries, each of tensors and one block: @main, and others behind it. If `module` has no @main or no
  /// target, or an entry another form, that was reported.
  static mlir::FailureOr<std::vector<TargetedProgram>> find(mlir::ModuleOp module);
};

} // namespace hone

#endif
