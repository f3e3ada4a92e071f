// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/CpuTargetModel.h"
#include "compiler/codegen/Families.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace hone;

llvm::Expected<CpuTarget> hone::cpuTarget(TargetAttr target) {
  llvm::Expected<CpuTarget> found = lookupTarget((target.getLevel() + target.getFeatures()).str());
  if (found && target.getTriple() != found->triple)
    return llvm::createStringError("no code is generated for '" + target.getTriple() + "'; give '" + found->triple +
                                   "'");
  return found;
}

TargetAttr hone::targetAttr(MLIRContext *context, const CpuTarget &target) {
  return TargetAttr::get(context, target.triple, target.level, target.features);
}

/// Of a target that verify() has seen.
static CpuTarget known(TargetAttr target) { return llvm::cantFail(cpuTarget(target)); }

namespace {
class CpuTargetModel : public TargetModel {
public:
  using TargetModel::TargetModel;

  LogicalResult verify(TargetAttr target, function_ref<InFlightDiagnostic()> emitError) const override {
    llvm::Expected<CpuTarget> found = cpuTarget(target);
    return found ? success() : LogicalResult(emitError() << llvm::toString(found.takeError()));
  }

  std::optional<TileLayout> layoutOf(TargetAttr target, Operation *op, unsigned operand) const override {
    CpuTarget cpu = known(target);
    const KernelFamily *family = familyOf(cpu, op);
    return family ? family->layoutOf(cpu, op, operand) : std::nullopt;
  }

  bool hasKernelOfItsOwn(TargetAttr target, Operation *op) const override { return familyOf(known(target), op); }

  bool fusesBefore(TargetAttr target, OpOperand &operand) const override {
    CpuTarget cpu = known(target);
    const KernelFamily *family = familyOf(cpu, operand.getOwner());
    return family && family->fusesBefore(cpu, operand);
  }
  bool fusesBehind(TargetAttr target, Operation *op, Operation *reader) const override {
    CpuTarget cpu = known(target);
    const KernelFamily *family = familyOf(cpu, op);
    return family && family->fusesBehind(cpu, op, reader);
  }

  LogicalResult decide(TargetAttr target, KernelOp kernel) const override {
    DecidedKernel::decide(kernel, known(target));
    FailureOr<int64_t> cost = predictCost(target, kernel);
    if (succeeded(cost))
      kernel.setCost(*cost);
    return cost;
  }

  bool writesLast(TargetAttr target, KernelOp kernel) const override {
    FailureOr<DecidedKernel> decided = DecidedKernel::of(kernel, known(target));
    return succeeded(decided) && decided->writesLast();
  }

  FailureOr<int64_t> predictCost(TargetAttr target, KernelOp kernel) const override {
    CpuTarget cpu = known(target);
    FailureOr<DecidedKernel> decided = DecidedKernel::of(kernel, cpu);
    if (failed(decided))
      return failure();
    return decided->cost();
  }

  FailureOr<LaunchParameters> launchParameters(OpBuilder &builder, TargetAttr target, KernelOp kernel,
                                               ValueRange sizes) const override {
    if (failed(verify(target, [&] { return kernelError(kernel); })))
      return failure();
    CpuTarget cpu = known(target);
    FailureOr<DecidedKernel> decided = DecidedKernel::of(kernel, cpu);
    if (failed(decided))
      return failure();
    KernelOp copy = decided->kernel();
    IndexTranslator translator(builder);
    unsigned tensors = copy.getTensorCount();
    for (auto [i, size] : llvm::enumerate(sizes))
      translator.map(copy.getBody().getArgument(tensors + i), size);
    OpBuilder shapeOps(copy.getBody().front().getTerminator());
    ShapeBuilder shapes(shapeOps);
    auto size = [&](OpFoldResult value) { return translator.translate(value); };
    LaunchRange range = decided->range(builder, shapes, size);
    LaunchParameters parameters{range.count, range.grain, range.scratchBytes};
    // The one iteration of a scatter bounds its loops itself, and into nothing it still has indices to check.
    Operation *last = copy.getBody().front().getTerminator()->getOperand(0).getDefiningOp();
    if (!isa_and_nonnull<LoopOpInterface>(last) || getConstantIntValue(parameters.count) != 1)
      skipIfEmpty(builder, copy, shapes, size, parameters);
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
