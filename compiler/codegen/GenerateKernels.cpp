// Every kernel becomes a module with its body function: a family's builder writes it, or the generic path.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Passes.h"
#include "compiler/codegen/cpu/CpuTargetModel.h"
#include "compiler/codegen/cpu/Families.h"
#include "compiler/codegen/generic/Generic.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace hone {
#define GEN_PASS_DEF_GENERATEKERNELS
#include "compiler/Passes.h.inc"
} // namespace hone

using namespace mlir;
using namespace hone;

/// The body of `kernel` in a module of its own, put before the kernel.
static ModuleOp generate(KernelOp kernel, const CpuTarget &target) {
  Location loc = kernel.getLoc();
  OpBuilder builder(kernel);
  auto module = ModuleOp::create(builder, loc, kernel.getSymName());
  builder.setInsertionPointToStart(module.getBody());

  OwningOpRef<KernelOp> copy(kernel.clone());
  decomposeRowOps(*copy);
  SmallVector<KernelBuffer> buffers;
  unsigned tensors = copy->getTensorCount();
  auto addBuffer = [&](Type tensor, bool readOnly) {
    Type element = memoryElement(tensor);
    // Callers bind inputs and outputs, so only the element's own alignment is sure.
    buffers.push_back({element, int64_t(element.getIntOrFloatBitWidth() / 8), readOnly});
  };
  for (Type type : copy->getArgumentTypes().take_front(tensors))
    addBuffer(type, /*readOnly=*/true);
  for (Type type : copy->getResultTypes())
    addBuffer(type, /*readOnly=*/false);
  KernelBody body =
      createKernelBody(builder, loc, kernel.getSymName(), buffers, copy->getArgumentTypes().size() - tensors);
  KernelEmitter emitter(builder, *copy, body);
  if (auto [family, op] = familyOf(*copy); family)
    family->build(emitter, target, op);
  else
    buildGeneric(emitter);
  emitter.finish();
  return module;
}

namespace {
struct GenerateKernels : hone::impl::GenerateKernelsBase<GenerateKernels> {
  using GenerateKernelsBase::GenerateKernelsBase;

  void runOnOperation() override {
    auto target = getOperation()->getAttrOfType<TargetAttr>(kTargetAttr);
    if (!target) {
      getOperation().emitError(
          "wants a target (hone.target) on the module, as 'hone compile FILE --emit=kernels' writes it");
      return signalPassFailure();
    }
    for (KernelOp kernel : llvm::make_early_inc_range(getOperation().getOps<KernelOp>())) {
      for (Operation &op : kernel.getBody().front())
        if (!isa<ElementOpInterface, DecomposeOpInterface, LoopOpInterface, ReturnOp>(op) && !familyOf(&op) &&
            !isa<arith::ArithDialect>(op.getDialect())) {
          op.emitError("has no kernel for ") << op.getOperandTypes();
          return signalPassFailure();
        }
      generate(kernel, cpuTarget(target));
      kernel.erase();
    }
  }
};
} // namespace
