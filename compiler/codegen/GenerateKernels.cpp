// Every kernel becomes a module with its body function: a family's builder writes it, or the generic path.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Passes.h"
#include "compiler/codegen/Families.h"
#include "compiler/codegen/KernelWork.h"
#include "compiler/codegen/cpu/CpuTargetModel.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringExtras.h"

namespace hone {
#define GEN_PASS_DEF_GENERATEKERNELS
#include "compiler/Passes.h.inc"
} // namespace hone

using namespace mlir;
using namespace hone;

/// A kernel's name with what is no letter, digit, point or underscore in hexadecimal: different for different names.
static std::string encode(StringRef name) {
  std::string text;
  for (char c : name)
    text += llvm::isAlnum(c) || c == '_' || c == '.' ? std::string(1, c) : "$" + llvm::toHex(StringRef(&c, 1));
  return text;
}

/// The end of the name of the first node that a kernel computes, at most so many characters.
static std::string nodeOf(KernelOp kernel) {
  constexpr size_t most = 40;
  llvm::SetVector<StringRef> nodes = nodesIn(kernel.getLoc());
  StringRef name = nodes.empty() ? StringRef() : nodes[0].rsplit(" (").first.take_back(most);
  std::string text;
  for (char c : name)
    text += llvm::isAlnum(c) ? c : '_';
  return text;
}

/// "minilm.k3_matmul_add.f32.v4.matmul_6_2_4_384_96.encoder_layer_0_MatMul", as profilers show it: kernel, type and
/// level, which keep it apart where several programs, levels or libraries meet in one link, then family, parameters and
/// the first node. Symbols of C have no points.
static std::string symbolOf(KernelOp kernel, const DecidedKernel &decided, StringRef prefix, const CpuTarget &target) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  Type element = getElementTypeOrSelf(kernel.getResultTypes().front());
  stream << prefix << '.' << encode(kernel.getSymName()) << '.' << element << '.' << target.shortName() << '.'
         << decided.familyName();
  for (int64_t parameter : decided.parameterValues())
    stream << '_' << parameter;
  if (std::string node = nodeOf(kernel); !node.empty())
    stream << '.' << node;
  return text;
}

/// Functions that the body calls say whose they are.
static void nameHelpers(ModuleOp module, func::FuncOp body, StringRef symbol) {
  for (auto helper : module.getOps<func::FuncOp>()) {
    if (helper == body || helper.isDeclaration())
      continue;
    auto name = StringAttr::get(module.getContext(), symbol + "." + helper.getSymName());
    LogicalResult renamed = SymbolTable::replaceAllSymbolUses(helper, name, module);
    assert(succeeded(renamed) && "kernels hold no operation of an unknown kind");
    (void)renamed;
    helper.setSymNameAttr(name);
  }
}

/// The body of a kernel in a module of its own, put before `original`.
static void generate(KernelOp original, const DecidedKernel &decided, StringRef symbol) {
  Location loc = original.getLoc();
  OpBuilder builder(original);
  auto module = ModuleOp::create(builder, loc, original.getSymName());
  module->setAttr(kSymbolAttr, builder.getStringAttr(symbol));
  if (TargetAttr target = original.getTargetAttr())
    module->setAttr(kTargetAttr, target);
  builder.setInsertionPointToStart(module.getBody());

  KernelOp kernel = decided.kernel();
  SmallVector<KernelBuffer> buffers;
  unsigned tensors = kernel.getTensorCount();
  auto addBuffer = [&](Type tensor, bool readOnly) {
    Type element = memoryElement(tensor);
    // Callers bind inputs and outputs, so only the element's own alignment is sure.
    buffers.push_back({element, elementBytes(element), readOnly});
  };
  for (Type type : kernel.getArgumentTypes().take_front(tensors))
    addBuffer(type, /*readOnly=*/true);
  for (Type type : kernel.getResultTypes())
    addBuffer(type, /*readOnly=*/false);
  KernelBody body = createKernelBody(builder, loc, symbol, buffers, kernel.getArgumentTypes().size() - tensors);
  if (auto inPlace = kernel.getInPlace()) // two pointers to the same memory would not be noalias
    body.buffers[*inPlace] = body.buffers[tensors];
  KernelEmitter emitter(builder, kernel, body);
  decided.build(emitter);
  emitter.finish();
  nameHelpers(module, body.func, symbol);
  addWorkFunction(module, symbol, kernel);
  DictionaryAttr parameters = kernel.getParameters().value_or(builder.getDictionaryAttr({}));
  module->setAttr(kDecisionAttr, builder.getDictionaryAttr({
                                     builder.getNamedAttr("family", kernel.getFamilyAttr()),
                                     builder.getNamedAttr("parameters", parameters),
                                     builder.getNamedAttr("cost", builder.getI64IntegerAttr(decided.cost())),
                                 }));
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
    std::string prefix = symbolPrefix(getOperation());
    for (KernelOp kernel : llvm::make_early_inc_range(getOperation().getOps<KernelOp>()))
      if (failed(generate(kernel, target, prefix)))
        return signalPassFailure();
  }

  static LogicalResult generate(KernelOp kernel, TargetAttr moduleTarget, StringRef prefix) {
    llvm::Expected<CpuTarget> target = cpuTarget(kernel.getTarget().value_or(moduleTarget));
    if (!target)
      return kernelError(kernel) << "has a target that is not known: " << llvm::toString(target.takeError());
    // Launches hand out the work of one decision, and memory for it.
    if (Attribute planned = kernel->getAttr(kPlannedAttr); planned && planned != kernel.getDecision())
      return kernelError(kernel) << "is decided otherwise than its launches were planned for; change it at the stage "
                                    "'kernels'";
    FailureOr<DecidedKernel> decided = DecidedKernel::of(kernel, *target);
    if (failed(decided))
      return failure();
    ::generate(kernel, *decided, symbolOf(kernel, *decided, prefix, *target));
    kernel.erase();
    return success();
  }
};
} // namespace
