// Kernel families: who generates the code of a kernel, and with which numbers.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_FAMILIES_H
#define HONE_COMPILER_CODEGEN_FAMILIES_H

#include "compiler/codegen/Kernel.h"
#include "compiler/codegen/KernelNumbers.h"
#include "compiler/codegen/Targets.h"
#include "compiler/codegen/generic/KernelEmitter.h"
#include "dialects/hone/TargetModel.h"

namespace hone {

/// A number that a family builds kernels with: the size of a tile or block.
struct KernelParameter {
  llvm::StringRef name;
  int64_t least, most;
};

/// An error that begins with the kernel's name.
mlir::InFlightDiagnostic kernelError(KernelOp kernel);

/// A kernel as its family sees it: a private copy, whose other row ops are decomposed.
struct FamilyKernel {
  KernelOp kernel;
  mlir::Operation *op; ///< that the family takes; the kernel may hold what it reads and element-wise ops behind it
  const CpuTarget &target;
  llvm::SmallVector<int64_t> parameters; ///< in the family's order
};

/// One way to compute kernels. It answers for a target.
class KernelFamily {
public:
  virtual ~KernelFamily() = default;

  virtual llvm::StringRef name() const = 0;
  /// Whether `op` can be computed by this family.
  virtual bool takes(const CpuTarget &target, mlir::Operation *op) const = 0;
  /// Whether a kernel of the family computes what defines an operand of its op while it reads it.
  virtual bool fusesBefore(const CpuTarget &target, mlir::OpOperand &operand) const { return false; }
  /// Whether a kernel of the family that computes `op` goes on with `reader`, a later op over the same elements.
  virtual bool fusesBehind(const CpuTarget &target, mlir::Operation *op, mlir::Operation *reader) const {
    return false;
  }
  /// Whether `kernel` writes an element of its result once, when all that goes into it has been read: then it may run
  /// in place. Of families that keep sums apart where ops come behind; others keep them in the result.
  virtual bool writesLast(KernelOp kernel) const { return false; }
  /// How an operand that is a weight should lie in memory; nothing: as it is.
  virtual std::optional<TileLayout> layoutOf(const CpuTarget &target, mlir::Operation *op, unsigned operand) const {
    return std::nullopt;
  }
  /// The op of a kernel (a private copy) that the family takes: it gives the kernel's only result, or what the ops that
  /// are fused behind it read. Null if the family computes no such kernel.
  virtual mlir::Operation *find(const CpuTarget &target, KernelOp kernel) const;
  /// Whether a kernel of the family computes `op` beside the one that it takes.
  virtual bool computes(mlir::Operation *op) const;
  /// What can be chosen about a kernel.
  virtual llvm::ArrayRef<KernelParameter> parameters() const { return {}; }
  /// The best choice for `kernel`, in the order of the parameters.
  virtual llvm::SmallVector<int64_t> choose(const CpuTarget &target, KernelOp kernel) const { return {}; }
  /// Cycles that a launch of the kernel is predicted to take on one core, beside those of any launch.
  virtual double cost(const FamilyKernel &kernel, KernelNumbers &numbers) const = 0;
  /// Fails, and reports it, if parameters within their limits do not fit the kernel.
  virtual llvm::LogicalResult verify(const FamilyKernel &kernel) const { return mlir::success(); }
  /// The launch range as index arithmetic where `builder` stands; `size` gives dims as values there.
  virtual LaunchRange range(mlir::OpBuilder &builder, const FamilyKernel &kernel, ShapeBuilder &shapes,
                            llvm::function_ref<mlir::Value(mlir::OpFoldResult)> size) const = 0;
  /// Writes the kernel's body.
  virtual void build(KernelEmitter &emitter, const FamilyKernel &kernel) const = 0;
};

/// The family that takes `op` on `target` and writes out its vectors and registers; null if the generic one does.
const KernelFamily *familyOf(const CpuTarget &target, mlir::Operation *op);

/// A kernel with the decision that stands on it.
class DecidedKernel {
public:
  /// Writes the best decision on a kernel that has none.
  static void decide(KernelOp kernel, const CpuTarget &target);
  /// Reads the decision on a kernel (one without gets the best). Fails, and reports it, if there is no such family, or
  /// it does not take what the kernel computes with these parameters.
  static mlir::FailureOr<DecidedKernel> of(KernelOp kernel, const CpuTarget &target);

  KernelOp kernel() const { return *copy; }
  llvm::StringRef familyName() const { return family->name(); }
  bool writesLast() const { return family->writesLast(*copy); }
  llvm::ArrayRef<int64_t> parameterValues() const { return parameters; }
  LaunchRange range(mlir::OpBuilder &builder, ShapeBuilder &shapes,
                    llvm::function_ref<mlir::Value(mlir::OpFoldResult)> size) const;
  void build(KernelEmitter &emitter) const { family->build(emitter, view()); }
  /// Nanoseconds that a launch is predicted to take on one core.
  int64_t cost() const;

private:
  DecidedKernel(const KernelFamily *family, const CpuTarget &target) : family(family), target(&target) {}
  FamilyKernel view() const { return {*copy, op, *target, parameters}; }

  const KernelFamily *family;
  const CpuTarget *target;
  mlir::OwningOpRef<KernelOp> copy;
  mlir::Operation *op = nullptr;
  llvm::SmallVector<int64_t> parameters;
};

// Each in a file of its own.
const KernelFamily &matmulFamily();
const KernelFamily &convFamily();
const KernelFamily &windowFamily();
const KernelFamily &attentionFamily();
const KernelFamily &transposeFamily();
const KernelFamily &externFamily();
const KernelFamily &genericFamily();

/// The first one that takes an op computes it; the last one takes what is left.
inline llvm::ArrayRef<const KernelFamily *> kernelFamilies() {
  static const KernelFamily *const families[] = {
      &matmulFamily(),  &convFamily(), &windowFamily(), &attentionFamily(), &transposeFamily(), &externFamily(),
      &genericFamily(), // the last
  };
  return families;
}

} // namespace hone

#endif
