// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/CpuTargetModel.h"
#include "compiler/codegen/cpu/Families.h"
#include "compiler/codegen/generic/Generic.h"

using namespace mlir;
using namespace hone;

const CpuTarget &hone::cpuTarget(TargetAttr target) {
  for (const CpuTarget &row : cpuTargets())
    if (row.name == target.getLevel())
      return row;
  return cpuTargets().front();
}

namespace {
class CpuTargetModel : public TargetModel {
public:
  using TargetModel::TargetModel;

  std::optional<int64_t> packedPanel(TargetAttr target, MatmulOp matmul) const override {
    // Constant matrices without a batch: [k, n].
    if (familyOf(matmul.getOperation()) != &matmulFamily || rankOf(matmul.getRhs()) != 2)
      return std::nullopt;
    return cpuTarget(target).panelColumns();
  }

  bool hasKernelOfItsOwn(TargetAttr, Operation *op) const override { return familyOf(op) != nullptr; }

  bool takesEpilogue(TargetAttr, Operation *op) const override {
    const KernelFamily *family = familyOf(op);
    return family && family->hasEpilogue;
  }

  LaunchParameters launchParameters(OpBuilder &builder, TargetAttr target, KernelOp kernel,
                                    ValueRange sizes) const override {
    OwningOpRef<KernelOp> copy(kernel.clone());
    IndexTranslator translator(builder);
    unsigned tensors = copy->getTensorCount();
    for (auto [i, size] : llvm::enumerate(sizes))
      translator.map(copy->getBody().getArgument(tensors + i), size);
    decomposeRowOps(*copy);
    OpBuilder shapeOps(copy->getBody().front().getTerminator());
    ShapeBuilder shapes(shapeOps);
    auto size = [&](OpFoldResult value) { return translator.translate(value); };
    if (auto [family, op] = familyOf(*copy); family) {
      LaunchRange range = family->range(builder, cpuTarget(target), op, shapes, size);
      return {range.count, range.grain, range.scratchBytes};
    }
    GenericRange range = genericRange(*copy, shapes);
    return {size(range.count), size(range.grain), size(range.scratch)};
  }
};
} // namespace

void hone::registerCpuTargetModel(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, HoneDialect *dialect) { dialect->addInterfaces<CpuTargetModel>(); });
}
