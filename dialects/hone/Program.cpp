// Weights, kernels and launches: verification and the kernel's syntax.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Hone.h"
#include "mlir/Interfaces/FunctionImplementation.h"

using namespace mlir;
using namespace hone;

#define GET_OP_CLASSES
#include "dialects/hone/Program.cpp.inc"

void HoneDialect::addProgramOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/hone/Program.cpp.inc"
      >();
}

LogicalResult WeightOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (!type.hasStaticShape())
    return emitOpError("wants static dims, got ") << type;
  if (auto file = dyn_cast<FileAttr>(getSource())) {
    int64_t width = (type.getElementTypeBitWidth() + 7) / 8;
    if (file.getOffset() < 0 || file.getLength() != type.getNumElements() * width)
      return emitOpError("has ") << file.getLength() << " bytes, but its type needs " << type.getNumElements() * width;
    return success();
  }
  if (auto dense = dyn_cast<DenseElementsAttr>(getSource()))
    return dense.getType() == type ? success() : emitOpError("has a source of another type: ") << dense.getType();
  if (!isa<PackAttr, JoinAttr>(getSource()))
    return emitOpError("has a source of an unknown kind: ") << getSource();
  return success();
}

LogicalResult UseWeightOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto weight = tables.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError("names no weight: ") << getWeightAttr();
  if (weight.getType() != getOutput().getType())
    return emitOpError("has type ") << getOutput().getType() << ", but the weight is " << weight.getType();
  return success();
}
void UseWeightOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  for (int64_t size : cast<RankedTensorType>(getOutput().getType()).getShape())
    dims.push_back(shapes.constant(size));
}
void TapOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getInput()));
}

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  auto makeType = [](Builder &builder, ArrayRef<Type> arguments, ArrayRef<Type> results,
                     function_interface_impl::VariadicFlag,
                     std::string &) { return builder.getFunctionType(arguments, results); };
  return function_interface_impl::parseFunctionOp(parser, result, /*allowVariadic=*/false,
                                                  getFunctionTypeAttrName(result.name), makeType,
                                                  getArgAttrsAttrName(result.name), getResAttrsAttrName(result.name));
}
void KernelOp::print(OpAsmPrinter &printer) {
  function_interface_impl::printFunctionOp(printer, *this, /*isVariadic=*/false, getFunctionTypeAttrName(),
                                           getArgAttrsAttrName(), getResAttrsAttrName());
}
unsigned KernelOp::getTensorCount() {
  return llvm::count_if(getArgumentTypes(), [](Type type) { return isa<RankedTensorType>(type); });
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &tables) {
  Operation *symbol = tables.lookupNearestSymbolFrom(*this, getKernelAttr());
  // A kernel that has been generated is a module of code.
  if (isa_and_nonnull<ModuleOp>(symbol))
    return success();
  auto kernel = dyn_cast_or_null<KernelOp>(symbol);
  if (!kernel)
    return emitOpError("names no kernel: ") << getKernelAttr();
  unsigned tensors = kernel.getTensorCount(), results = kernel.getResultTypes().size();
  if (getBuffers().size() != tensors + (getOutputs().empty() ? results : 0))
    return emitOpError("passes ") << getBuffers().size() << " buffers to a kernel of " << tensors << " tensors";
  if (getSizes().size() != kernel.getArgumentTypes().size() - tensors)
    return emitOpError("passes ") << getSizes().size() << " sizes, the kernel wants "
                                  << kernel.getArgumentTypes().size() - tensors;
  return success();
}
