// Kernels and launches: verification and the kernel's syntax.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Hone.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/FunctionImplementation.h"
#include "llvm/ADT/StringExtras.h"

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

void UseWeightOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  for (int64_t size : cast<RankedTensorType>(getOutput().getType()).getShape())
    dims.push_back(shapes.constant(size));
}
Structure TapOp::getStructure(ShapeBuilder &shapes) { return broadcastStructure(*this, shapes); }
void TapOp::reifyShape(ShapeBuilder &shapes, unsigned, SmallVectorImpl<OpFoldResult> &dims) {
  llvm::append_range(dims, shapes.dims(getInput()));
}

LogicalResult ExternOp::verify() {
  StringRef name = getFunction();
  auto isInside = [](char c) { return llvm::isLower(c) || llvm::isDigit(c) || c == '_'; };
  if (name.empty() || !llvm::isLower(name[0]) || !llvm::all_of(name, isInside))
    return emitOpError("wants a function of lower-case letters, digits and underscores, got '") << name << "'";
  if (getOutputs().empty())
    return emitOpError("wants a result: it has no other effect");
  int64_t dims = 0;
  for (Value output : getOutputs())
    dims += rankOf(output);
  if (int64_t(getBounds().size()) != dims)
    return emitOpError("has ") << getBounds().size() << " bounds for " << dims << " dims of results";
  return success();
}
void ExternOp::reifyShape(ShapeBuilder &, unsigned result, SmallVectorImpl<OpFoldResult> &dims) {
  int64_t first = 0;
  for (Value output : getOutputs().take_front(result))
    first += rankOf(output);
  for (Value bound : getBounds().slice(first, rankOf(getOutputs()[result])))
    dims.push_back(getAsOpFoldResult(bound));
}

void KernelOp::build(OpBuilder &builder, OperationState &state, StringRef name, FunctionType type, ArrayAttr argAttrs) {
  state.addAttribute(getSymNameAttrName(state.name), builder.getStringAttr(name));
  state.addAttribute(getFunctionTypeAttrName(state.name), TypeAttr::get(type));
  state.addAttribute(getArgAttrsAttrName(state.name), argAttrs);
  state.addRegion();
}
ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  auto makeType = [](Builder &builder, ArrayRef<Type> arguments, ArrayRef<Type> results,
                     function_interface_impl::VariadicFlag,
                     std::string &) { return builder.getFunctionType(arguments, results); };
  llvm::SMLoc loc = parser.getCurrentLocation();
  if (failed(function_interface_impl::parseFunctionOp(
          parser, result, /*allowVariadic=*/false, getFunctionTypeAttrName(result.name), makeType,
          getArgAttrsAttrName(result.name), getResAttrsAttrName(result.name))))
    return failure();
  // Without this, attributes of another type than the op's would be dropped without a word.
  return verifyInherentAttrs(result.name, result.attributes, [&] { return parser.emitError(loc); });
}
void KernelOp::print(OpAsmPrinter &printer) {
  function_interface_impl::printFunctionOp(printer, *this, /*isVariadic=*/false, getFunctionTypeAttrName(),
                                           getArgAttrsAttrName(), getResAttrsAttrName());
}
ArrayAttr KernelOp::getDecision() {
  Builder builder(getContext());
  auto orUnit = [&](Attribute attribute) { return attribute ? attribute : builder.getUnitAttr(); };
  return builder.getArrayAttr(
      {orUnit(getFamilyAttr()), orUnit(getParametersAttr()), orUnit(getTargetAttr()), orUnit(getInPlaceAttr())});
}

unsigned KernelOp::getTensorCount() {
  return llvm::count_if(getArgumentTypes(), [](Type type) { return isa<RankedTensorType>(type); });
}
LogicalResult KernelOp::verifyRegions() {
  for (auto [i, type] : llvm::enumerate(getArgumentTypes())) {
    if (i < getTensorCount() ? !isa<RankedTensorType>(type) : !type.isIndex())
      return emitOpError("wants tensors, then index values as arguments, got ") << getFunctionType();
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (tensor && !tensor.hasStaticShape() && !getArgAttr(i, kSizesAttr))
      return emitOpError("wants ") << kSizesAttr << " on " << type << ": which arguments are its dynamic dims";
  }
  if (getResultTypes().empty())
    return emitOpError("wants a result: a kernel has no other effect");
  auto end = dyn_cast<ReturnOp>(getBody().front().back());
  if (!end || end.getOperandTypes() != TypeRange(getResultTypes()))
    return emitOpError("wants to end with a hone.return of ") << getResultTypes();
  if (getInPlace() && (*getInPlace() >= getTensorCount() || !isReadElementByElement(*getInPlace())))
    return emitOpError(
               "wants `in_place` to name an argument that is read for the same element of the only result, got ")
           << *getInPlace();
  return success();
}

bool KernelOp::isReadElementByElement(unsigned argument) {
  if (getResultTypes() != ArrayRef(getArgumentTypes()[argument]))
    return false;
  ArrayRef<int64_t> shape = cast<RankedTensorType>(getResultTypes()[0]).getShape();
  SmallVector<Value> pending{getBody().getArgument(argument)};
  llvm::SmallDenseSet<Operation *> seen;
  while (!pending.empty())
    for (Operation *user : pending.pop_back_val().getUsers()) {
      if (!seen.insert(user).second || isa<ReturnOp>(user))
        continue;
      if (!isa<ScalarOpInterface>(user) || cast<RankedTensorType>(user->getResult(0).getType()).getShape() != shape)
        return false;
      pending.push_back(user->getResult(0));
    }
  OwningOpRef<KernelOp> copy(clone());
  Block &body = copy->getBody().front();
  OpBuilder builder(body.getTerminator());
  ShapeBuilder shapes(builder);
  SmallVector<OpFoldResult> dims(shapes.dims(body.getArgument(argument)));
  return llvm::equal(dims, shapes.dims(body.getTerminator()->getOperand(0)));
}

std::optional<unsigned> KernelOp::getUpdatedArgument() {
  if (getInPlace())
    return *getInPlace();
  Operation *terminator = getBody().front().getTerminator();
  if (terminator->getNumOperands() != 1)
    return std::nullopt;
  auto update = terminator->getOperand(0).getDefiningOp<UpdateOpInterface>();
  auto argument = update ? dyn_cast<BlockArgument>(update.getUpdated().get()) : BlockArgument();
  return argument ? std::optional(argument.getArgNumber()) : std::nullopt;
}

LogicalResult LaunchOp::verify() {
  int64_t dynamic = 0;
  for (Type type : getOutputs().getTypes())
    dynamic += cast<RankedTensorType>(type).getNumDynamicDims();
  if (int64_t(getResultSizes().size()) != dynamic)
    return emitOpError("has ") << getResultSizes().size() << " sizes for " << dynamic << " dynamic dims of results";
  if (getCount() ? !getGrain() || !getScratch() : getGrain() || getScratch())
    return emitOpError("wants count, grain and scratch, or none of them");
  return success();
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
