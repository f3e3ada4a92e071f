// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/CpuTargetModel.h"
#include "compiler/codegen/cpu/Families.h"
#include "compiler/codegen/generic/Generic.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

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
    LaunchParameters parameters;
    if (auto [family, op] = familyOf(*copy); family) {
      LaunchRange range = family->range(builder, cpuTarget(target), op, shapes, size);
      parameters = {range.count, range.grain, range.scratchBytes};
    } else {
      GenericRange range = genericRange(*copy, shapes);
      parameters = {size(range.count), size(range.grain), size(range.scratch)};
    }
    // The one iteration of a scatter bounds its loops itself, and into nothing it still has indices to check.
    Operation *last = copy->getBody().front().getTerminator()->getOperand(0).getDefiningOp();
    if (!isa_and_nonnull<LoopOpInterface>(last) || getConstantIntValue(parameters.count) != 1)
      skipIfEmpty(builder, *copy, shapes, size, parameters);
    return parameters;
  }

private:
  /// A launch without a result element does nothing. Its other dims, which no memory bounds, would keep it busy.
  static void skipIfEmpty(OpBuilder &builder, KernelOp kernel, ShapeBuilder &shapes,
                          function_ref<Value(OpFoldResult)> size, LaunchParameters &parameters) {
    // Sizes of values that a run has are checked to fit into memory, so the product of dims above 0 is not 0.
    OpFoldResult elements = shapes.constant(0);
    for (Value result : kernel.getBody().front().getTerminator()->getOperands())
      elements = shapes.max(elements, shapes.product(SmallVector<OpFoldResult>(shapes.dims(result))));
    if (ShapeBuilder::getConstant(elements).value_or(0) > 0)
      return;
    Location loc = kernel.getLoc();
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    Value isEmpty = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, size(elements), zero);
    for (Value *value : {&parameters.count, &parameters.scratch})
      *value = builder.createOrFold<arith::SelectOp>(loc, isEmpty, zero, *value);
  }
};
} // namespace

void hone::registerCpuTargetModel(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, HoneDialect *dialect) { dialect->addInterfaces<CpuTargetModel>(); });
}
