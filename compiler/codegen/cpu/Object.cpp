// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/Object.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/Transforms/Scalar/ADCE.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

using namespace hone;
using llvm::StringRef;

void hone::initializeCodeGenerators() {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
}

/// Keeps LLVM's errors and drops the rest: a loop that could not be vectorised is no news for the user.
static void keepErrors(const llvm::DiagnosticInfo *info, void *errors) {
  if (info->getSeverity() != llvm::DS_Error)
    return;
  llvm::raw_string_ostream stream(*static_cast<std::string *>(errors));
  llvm::DiagnosticPrinterRawOStream printer(stream);
  info->print(printer);
  stream << "; ";
}

/// What a stage file may say in the LLVM dialect and LLVM would not survive; "" if nothing. The dialect's own verifiers
/// have seen the rest.
static std::string problemOf(mlir::ModuleOp module) {
  std::string problem;
  auto complain = [&](mlir::Operation *op, const llvm::Twine &what) {
    problem = (op->getName().getStringRef() + ": " + what).str();
    return mlir::WalkResult::interrupt();
  };
  module.walk([&](mlir::Operation *op) {
    auto alignment = op->getAttrOfType<mlir::IntegerAttr>("alignment");
    if (alignment && !(alignment.getValue().isPowerOf2() && alignment.getValue().ule(llvm::Value::MaximumAlignment)))
      return complain(op, "an alignment must be a power of two of at most 2^32");
    if (auto shuffle = mlir::dyn_cast<mlir::LLVM::ShuffleVectorOp>(op)) {
      int64_t lanes = 2 * mlir::cast<mlir::VectorType>(shuffle.getV1().getType()).getNumElements();
      for (int32_t lane : shuffle.getMask())
        if (lane < -1 || lane >= lanes)
          return complain(op, "a lane is beyond its operands");
    }
    return mlir::WalkResult::advance();
  });
  return problem;
}

/// What LLVM's verifier has against `module`, the first thing of it; "" if nothing.
static std::string problemOf(llvm::Module &module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (!llvm::verifyModule(module, &stream))
    return "";
  auto [what, rest] = StringRef(text).split('\n');
  return (what + ": " + rest.split('\n').first.trim()).str();
}

/// Of a host program, which is straight code as long as the model and runs once for each call: the default passes
/// take more than linear time, and MLIR has simplified it.
static llvm::ModulePassManager hostPipeline() {
  llvm::FunctionPassManager functions;
  functions.addPass(llvm::EarlyCSEPass());
  functions.addPass(llvm::ADCEPass());
  functions.addPass(llvm::SimplifyCFGPass());
  llvm::ModulePassManager modules;
  modules.addPass(llvm::createModuleToFunctionPassAdaptor(std::move(functions)));
  return modules;
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine, bool isHostProgram) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = true;
  tuning.SLPVectorization = true;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::ModulePassManager pipeline =
      isHostProgram ? hostPipeline() : builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2);
  pipeline.run(module, modules);
}

llvm::Expected<llvm::SmallVector<char, 0>> hone::emitCode(mlir::ModuleOp module, const CpuTarget &target,
                                                          StringRef name, CodeForm form) {
  llvm::Triple triple(target.triple);
  std::string message;
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!backend)
    return llvm::createStringError("kernel '%s': LLVM has no code generator for %s: %s", name.str().c_str(),
                                   triple.str().c_str(), message.c_str());
  bool isHostProgram = module->hasAttr(kHostProgramAttr);
  std::unique_ptr<llvm::TargetMachine> machine(backend->createTargetMachine(
      triple, target.cpu, target.codeFeatures(), llvm::TargetOptions(), llvm::Reloc::PIC_, std::nullopt,
      isHostProgram ? llvm::CodeGenOptLevel::None : llvm::CodeGenOptLevel::Default));

  llvm::LLVMContext context;
  std::string errors;
  context.setDiagnosticHandlerCallBack(keepErrors, &errors);
  if (std::string problem = problemOf(module); !problem.empty())
    return llvm::createStringError("kernel '%s': %s", name.str().c_str(), problem.c_str());
  std::unique_ptr<llvm::Module> translated =
      mlir::translateModuleToLLVMIR(module, context, name, /*disableVerification=*/true);
  if (!translated)
    return llvm::createStringError("kernel '%s': translation to LLVM IR failed", name.str().c_str());
  if (std::string problem = problemOf(*translated); !problem.empty())
    return llvm::createStringError("kernel '%s': is no valid LLVM IR: %s", name.str().c_str(), problem.c_str());
  translated->setSourceFileName(name);
  // Before optimisation: without them LLVM believes that there are no vector registers and silently does not vectorise.
  translated->setTargetTriple(triple);
  translated->setDataLayout(machine->createDataLayout());
  for (llvm::Function &function : *translated) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.cpu);
    function.addFnAttr("target-features", target.codeFeatures());
    if (!target.vectorBits.empty())
      function.addFnAttr("prefer-vector-width", target.vectorBits);
  }
  optimize(*translated, *machine, isHostProgram);

  llvm::SmallVector<char, 0> code;
  llvm::raw_svector_ostream stream(code);
  if (form == CodeForm::LlvmIr) {
    translated->print(stream, nullptr);
    return code;
  }
  llvm::legacy::PassManager codegen;
  if (machine->addPassesToEmitFile(codegen, stream, nullptr,
                                   form == CodeForm::Assembly ? llvm::CodeGenFileType::AssemblyFile
                                                              : llvm::CodeGenFileType::ObjectFile))
    return llvm::createStringError("kernel '%s': %s has no object writer", name.str().c_str(), triple.str().c_str());
  codegen.run(*translated);
  if (!errors.empty())
    return llvm::createStringError("kernel '%s': LLVM: %s", name.str().c_str(), errors.c_str());
  return code;
}
