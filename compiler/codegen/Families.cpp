// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/Families.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace hone;

const KernelFamily *hone::familyOf(const CpuTarget &target, Operation *op) {
  for (const KernelFamily *family : kernelFamilies().drop_back())
    if (family->takes(target, op))
      return family;
  return nullptr;
}

/// Whether an operand is an argument or a number, or what `family` makes of them while it reads it.
static bool isInMemory(const KernelFamily &family, const CpuTarget &target, OpOperand &operand) {
  auto isArgument = [](Value read) { return isa<BlockArgument>(read) || !isa<RankedTensorType>(read.getType()); };
  if (isArgument(operand.get()))
    return true;
  return llvm::all_of(operand.get().getDefiningOp()->getOperands(), isArgument) && family.fusesBefore(target, operand);
}

/// Whether a kernel (a private copy) returns the result of `op`, or what ops that `family` fuses behind it make of its
/// elements.
static bool returnsElementsOf(const KernelFamily &family, const CpuTarget &target, Operation *op, KernelOp kernel) {
  Block &body = kernel.getBody().front();
  OpBuilder builder(body.getTerminator());
  ShapeBuilder shapes(builder);
  llvm::SmallDenseSet<Value> reached{op->getResult(0)};
  SmallVector<OpFoldResult> dims(shapes.dims(op->getResult(0)));
  for (Operation &each : llvm::make_early_inc_range(body.without_terminator())) {
    if (llvm::none_of(each.getOperands(), [&](Value operand) { return reached.contains(operand); }))
      continue;
    if (!family.fusesBehind(target, op, &each) || shapes.dims(each.getResult(0)) != ArrayRef(dims))
      return false;
    reached.insert(each.getResult(0));
  }
  return reached.contains(body.getTerminator()->getOperand(0));
}

Operation *KernelFamily::find(const CpuTarget &target, KernelOp kernel) const {
  Block &body = kernel.getBody().front();
  if (body.getTerminator()->getNumOperands() != 1)
    return nullptr;
  for (Operation &op : llvm::make_early_inc_range(body.without_terminator())) {
    auto isReadable = [&](OpOperand &operand) { return isInMemory(*this, target, operand); };
    if (takes(target, &op) && llvm::all_of(op.getOpOperands(), isReadable) &&
        returnsElementsOf(*this, target, &op, kernel))
      return &op;
  }
  return nullptr;
}

/// Ops with elements, which generic code computes one by one.
bool KernelFamily::computes(Operation *op) const {
  return isa<ElementOpInterface, DecomposeOpInterface, ReturnOp>(op) || isa<arith::ArithDialect>(op->getDialect());
}

void DecidedKernel::decide(KernelOp kernel, const CpuTarget &target) {
  OwningOpRef<KernelOp> copy(kernel.clone());
  // The generic family, the last, takes every kernel.
  const KernelFamily *best = *llvm::find_if(
      kernelFamilies(), [&](const KernelFamily *family) { return family->find(target, *copy) != nullptr; });
  Builder builder(kernel.getContext());
  NamedAttrList parameters;
  for (auto [parameter, value] : llvm::zip_equal(best->parameters(), best->choose(target, kernel)))
    parameters.set(parameter.name, builder.getI64IntegerAttr(value));
  kernel.setFamily(best->name());
  kernel.setParametersAttr(parameters.getDictionary(kernel.getContext()));
}

InFlightDiagnostic hone::kernelError(KernelOp kernel) {
  return emitError(kernel.getLoc()) << "kernel '" << kernel.getSymName() << "' ";
}

static FailureOr<const KernelFamily *> findFamily(KernelOp kernel) {
  for (const KernelFamily *family : kernelFamilies())
    if (family->name() == kernel.getFamily())
      return family;
  auto names = llvm::map_range(kernelFamilies(), [](const KernelFamily *family) { return family->name(); });
  return kernelError(kernel) << "names the kernel family '" << *kernel.getFamily()
                             << "', which there is not; there are " << llvm::join(names, ", ");
}

/// The parameters on a kernel in the family's order.
static FailureOr<SmallVector<int64_t>> readParameters(KernelOp kernel, const KernelFamily &family) {
  DictionaryAttr given = kernel.getParametersAttr();
  SmallVector<int64_t> values;
  for (const KernelParameter &parameter : family.parameters()) {
    auto value = given ? given.getAs<IntegerAttr>(parameter.name) : IntegerAttr();
    if (!value || !value.getType().isInteger(64) || value.getInt() < parameter.least || value.getInt() > parameter.most)
      return kernelError(kernel) << "wants a parameter '" << parameter.name << "' of " << parameter.least << " to "
                                 << parameter.most << " for the family '" << family.name() << "'";
    values.push_back(value.getInt());
  }
  if (given && given.size() != values.size()) {
    auto names = llvm::map_range(family.parameters(), [](const KernelParameter &each) { return each.name; });
    return kernelError(kernel) << "has parameters that the family '" << family.name() << "' does not: it has "
                               << (values.empty() ? std::string("none") : llvm::join(names, ", "));
  }
  return values;
}

FailureOr<DecidedKernel> DecidedKernel::of(KernelOp original, const CpuTarget &target) {
  OwningOpRef<KernelOp> copy(original.clone());
  if (!copy->getFamily())
    decide(*copy, target);
  KernelOp kernel = *copy;
  FailureOr<const KernelFamily *> family = findFamily(kernel);
  if (failed(family))
    return failure();
  DecidedKernel decided(*family, target);
  FailureOr<SmallVector<int64_t>> parameters = readParameters(kernel, **family);
  if (failed(parameters))
    return failure();
  decided.parameters = std::move(*parameters);
  decided.op = (*family)->find(target, kernel);
  if (!decided.op)
    return kernelError(kernel) << "holds nothing that the family '" << (*family)->name() << "' computes for "
                               << target.name();
  for (Operation &op : kernel.getBody().front())
    if (&op != decided.op && !(*family)->computes(&op))
      return op.emitOpError("has no kernel for ") << op.getOperandTypes();
  if (failed((*family)->verify({kernel, decided.op, target, decided.parameters})))
    return failure();
  if (kernel.getInPlace() && !(*family)->writesLast(kernel))
    return kernelError(kernel) << "is to run in place, which the family '" << (*family)->name()
                               << "' cannot: it may write an element before it has read all that goes into it";
  decomposeRowOps(kernel, decided.op);
  decided.copy = std::move(copy);
  return decided;
}

LaunchRange DecidedKernel::range(OpBuilder &builder, ShapeBuilder &shapes,
                                 function_ref<Value(OpFoldResult)> size) const {
  LaunchRange range = family->range(builder, view(), shapes, size);
  // Two threads must not write to one byte.
  if (llvm::any_of(kernel().getResultTypes(), [](Type type) { return isNibble(type); }))
    range.grain = builder.createOrFold<arith::MaxUIOp>(kernel().getLoc(), range.grain, range.count);
  return range;
}

int64_t DecidedKernel::cost() const {
  KernelNumbers numbers(*copy);
  double cycles = target->figures->launch + family->cost(view(), numbers);
  double nanoseconds = cycles / target->figures->gigahertz;
  return nanoseconds < 0x1p62 ? int64_t(nanoseconds) : int64_t(1) << 62; // dims of a file may be anything
}
