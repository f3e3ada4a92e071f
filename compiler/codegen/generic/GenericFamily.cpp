// The generic path as a family: it takes what no other one does.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/Families.h"
#include "compiler/codegen/generic/Generic.h"

using namespace mlir;
using namespace hone;

namespace {
class GenericFamily : public KernelFamily {
public:
  StringRef name() const override { return "generic"; }
  bool takes(const CpuTarget &, Operation *) const override { return true; }
  /// What the kernel returns, whatever computes it.
  Operation *find(const CpuTarget &, KernelOp kernel) const override {
    return kernel.getBody().front().getTerminator();
  }
  bool writesLast(KernelOp kernel) const override {
    return llvm::all_of(kernel.getBody().front().without_terminator(), llvm::IsaPred<ScalarOpInterface>);
  }
  bool computes(Operation *op) const override { return KernelFamily::computes(op) || isa<LoopOpInterface>(op); }

  ArrayRef<KernelParameter> parameters() const override {
    static constexpr KernelParameter all[] = {{"chunk", 1, 1 << 30}, {"interleave", 0, 16}};
    return all;
  }
  SmallVector<int64_t> choose(const CpuTarget &, KernelOp kernel) const override {
    OwningOpRef<KernelOp> copy(kernel.clone());
    decomposeRowOps(*copy);
    GenericParameters best = genericParameters(*copy);
    return {best.chunk, best.interleave};
  }

  double cost(const FamilyKernel &kernel, KernelNumbers &numbers) const override {
    return genericCost(kernel.kernel, kernel.target, numbers);
  }

  /// Several results are those of one op with loops of its own, or elements of one iteration space.
  LogicalResult verify(const FamilyKernel &kernel) const override {
    ValueRange results = kernel.op->getOperands();
    Operation *first = results[0].getDefiningOp();
    auto shapeOf = [](Value value) { return cast<RankedTensorType>(value.getType()).getShape(); };
    bool fits = isa_and_nonnull<LoopOpInterface>(first)
                    ? results == ValueRange(first->getResults())
                    : llvm::all_of(results, [&](Value result) { return shapeOf(result) == shapeOf(results[0]); });
    return fits ? success() : LogicalResult(kernelError(kernel.kernel) << "returns what is not computed together");
  }

  LaunchRange range(OpBuilder &, const FamilyKernel &kernel, ShapeBuilder &shapes,
                    function_ref<Value(OpFoldResult)> size) const override {
    GenericRange range = genericRange(kernel.kernel, shapes, read(kernel));
    return {size(range.count), size(range.grain), size(range.scratch)};
  }
  void build(KernelEmitter &emitter, const FamilyKernel &kernel) const override { buildGeneric(emitter, read(kernel)); }

private:
  static GenericParameters read(const FamilyKernel &kernel) { return {kernel.parameters[0], kernel.parameters[1]}; }
};
} // namespace

const KernelFamily &hone::genericFamily() {
  static const GenericFamily family;
  return family;
}
