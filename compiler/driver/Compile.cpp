// hone compile: from a model, or a stage of it, to what was asked for.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/CpuTargetModel.h"
#include "compiler/codegen/cpu/Object.h"
#include "compiler/codegen/host/Sidecar.h"
#include "compiler/driver/Commands.h"
#include "compiler/driver/Compilation.h"
#include "compiler/driver/Manifest.h"
#include "compiler/driver/StageFile.h"
#include "compiler/driver/Units.h"
#include "compiler/driver/Weights.h"
#include "compiler/emit/Header.h"
#include "compiler/emit/Library.h"
#include "mlir/IR/Threading.h"
#include "support/Identifier.h"
#include "support/OutputFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <algorithm>
#include <atomic>
#include <utility>

using namespace mlir;
using namespace hone;
namespace path = llvm::sys::path;

namespace {
/// What can be written.
struct OutputForm {
  StringRef emit, suffix;
  enum Kind { StageText, CodeText, Header, Library } kind;
  Stage stage = Stage::Llvm;                      ///< how far passes run
  CodeForm code = CodeForm::Object;               ///< of CodeText
  OutputKind library = OutputKind::SharedLibrary; ///< of Library
};
} // namespace

// The first row with a suffix is what the suffix means.
static const OutputForm kForms[] = {
    {"lib", ".so", OutputForm::Library},
    {"obj", ".o", OutputForm::Library, Stage::Llvm, CodeForm::Object, OutputKind::Object},
    {"archive", ".a", OutputForm::Library, Stage::Llvm, CodeForm::Object, OutputKind::Archive},
    {"header", ".h", OutputForm::Header, Stage::Hone},
    {"llvm", ".mlir", OutputForm::StageText, Stage::Llvm},
    {"import", ".mlir", OutputForm::StageText, Stage::Import},
    {"hone", ".mlir", OutputForm::StageText, Stage::Hone},
    {"kernels", ".mlir", OutputForm::StageText, Stage::Kernels},
    {"plan", ".mlir", OutputForm::StageText, Stage::Plan},
    {"asm", ".s", OutputForm::CodeText, Stage::Llvm, CodeForm::Assembly},
    {"llvm-ir", ".ll", OutputForm::CodeText, Stage::Llvm, CodeForm::LlvmIr},
};

/// Which form `options` ask for; null after an error was printed.
static const OutputForm *findForm(const Options &options, Console &console) {
  StringRef suffix = path::extension(options.output);
  const OutputForm *bySuffix = llvm::find_if(kForms, [&](const OutputForm &form) { return form.suffix == suffix; });
  if (options.emit.empty() && options.output.empty())
    return &kForms[0];
  if (options.emit.empty()) {
    if (bySuffix != std::end(kForms))
      return bySuffix;
    console.error(
        "-o " + options.output +
        ": the suffix does not say what to write; expected .so, .o, .a, .h, .mlir, .ll or .s, or --emit=STAGE");
    return nullptr;
  }
  const OutputForm *byName = llvm::find_if(kForms, [&](const OutputForm &form) { return form.emit == options.emit; });
  if (byName == std::end(kForms)) {
    std::string names = llvm::join(llvm::map_range(kForms, [](const OutputForm &form) { return form.emit; }), ", ");
    console.error("--emit=" + options.emit + ": expected one of " + names);
    return nullptr;
  }
  // A suffix that stands for nothing leaves the choice to --emit.
  if (bySuffix != std::end(kForms) && byName->suffix != suffix) {
    console.error("--emit=" + options.emit + " writes a " + byName->suffix + " file, but -o " + options.output +
                  " asks for --emit=" + bySuffix->emit + ": leave one of the two out, or make them agree");
    return nullptr;
  }
  return byName;
}

/// The code of every nested module: kernels in the module's order, the host program last. The order does not depend on
/// which thread is done first.
static llvm::Expected<std::vector<SmallVector<char, 0>>> emitAll(Compilation &compilation, CodeForm form,
                                                                 ArrayRef<ModuleOp> modules, Console &console) {
  std::vector<SmallVector<char, 0>> results(modules.size());
  std::vector<std::string> errors(modules.size());
  std::atomic<unsigned> done = 0;
  parallelFor(&compilation.context(), 0, modules.size(), [&](size_t i) {
    ModuleOp module = modules[i];
    auto own = module->getAttrOfType<TargetAttr>(kTargetAttr);
    llvm::Expected<CpuTarget> target = own ? cpuTarget(own) : compilation.target();
    if (!target) {
      errors[i] = llvm::toString(target.takeError());
      return;
    }
    auto code = emitCode(module, *target, module.getSymName().value_or("module"), form);
    if (code)
      results[i] = std::move(*code);
    else
      errors[i] = llvm::toString(code.takeError());
    unsigned count = ++done;
    console.progress(kStepCount - 1, "compiling kernels: " + Twine(count) + " of " + Twine(modules.size()),
                     double(count) / modules.size());
  });
  for (std::string &error : errors)
    if (!error.empty())
      return llvm::createStringError(error);
  return results;
}

/// The nested modules in the order in which they are linked.
static SmallVector<ModuleOp> nestedModules(ModuleOp module) {
  SmallVector<ModuleOp> modules(module.getOps<ModuleOp>());
  std::stable_partition(modules.begin(), modules.end(),
                        [](ModuleOp nested) { return !nested->hasAttr(kHostProgramAttr); });
  return modules;
}

/// Listings one after the other, each behind a line that LLVM's split-file takes apart.
static std::string joinListings(ArrayRef<ModuleOp> modules, ArrayRef<SmallVector<char, 0>> codes, StringRef suffix) {
  std::string text;
  for (auto [module, code] : llvm::zip(modules, codes)) {
    text += ((suffix == ".ll" ? ";--- " : "#--- ") + ModuleOp(module).getSymName().value_or("module") + suffix + "\n")
                .str();
    text.append(code.begin(), code.end());
  }
  return text;
}

/// The header of the library; entries are read off their functions, or, behind them, off the manifest.
static std::string headerText(Compilation &compilation) {
  auto values = [](ArrayRef<EntryValue> list) {
    std::vector<HeaderValue> result;
    for (const EntryValue &value : list)
      result.push_back({value.name, value.dtype, value.dims});
    return result;
  };
  std::vector<HeaderEntry> entries;
  for (const Entry &entry : describeEntries(compilation.module()))
    entries.push_back({entry.name, values(entry.inputs), values(entry.outputs)});
  return makeHeader(compilation.name(), entries);
}

static llvm::Error writeText(StringRef output, StringRef text) {
  if (output != "-")
    return writeFile(output, text);
  llvm::outs() << text; // runHone() looks after errors
  return llvm::Error::success();
}

/// Prints `error`, if it is one: what is wrong with a file or the system.
static ExitCode finish(llvm::Error error, Console &console) {
  if (!error)
    return ExitDone;
  console.error(std::move(error));
  return ExitInput;
}

/// `wasWritten`: what LLVM gets was read as it is, so what is wrong with it is not ours.
static ExitCode writeOutput(Compilation &compilation, const OutputForm &form, StringRef output, bool wasWritten,
                            Console &console) {
  ModuleOp module = compilation.module();
  if (form.kind == OutputForm::Header)
    return finish(writeText(output, headerText(compilation)), console);
  if (form.kind == OutputForm::StageText && output != "-")
    return finish(writeStage(module, compilation.weights(), output), console);
  if (form.kind == OutputForm::StageText) {
    printStage(module, llvm::outs());
    return ExitDone;
  }

  SmallVector<ModuleOp> modules = nestedModules(module);
  initializeCodeGenerators();
  auto codes = emitAll(compilation, form.code, modules, console);
  if (!codes && wasWritten)
    return finish(codes.takeError(), console);
  if (!codes) {
    console.fault(llvm::toString(codes.takeError()));
    return ExitFault;
  }
  console.progress(kStepCount, "writing " + output);
  if (form.kind == OutputForm::CodeText)
    return finish(writeText(output, joinListings(modules, *codes, form.suffix)), console);
  llvm::Expected<uint64_t> weightBytes = weightBytesOf(module);
  if (!weightBytes)
    return finish(weightBytes.takeError(), console);
  unsigned shown = 0; // per cent: a terminal is not written to for each window
  auto show = [&](uint64_t written) {
    double share = double(written) / *weightBytes;
    if (std::exchange(shown, unsigned(100 * share)) != unsigned(100 * share))
      console.progress(kStepCount, "writing " + output + ": " + sizeText(written) + " of " + sizeText(*weightBytes),
                       share);
  };
  LibraryParts parts{compilation.name(), std::move(*codes), *weightBytes, hasSidecar(module),
                     [&](WeightSink &sink) { return writeWeights(module, compilation.weights(), sink, show); }};
  return finish(emitLibrary(parts, output, form.library), console);
}

ExitCode hone::compileCommand(const Options &options, Console &console) {
  const OutputForm *form = findForm(options, console);
  if (!form)
    return ExitUsage;
  if (!options.name.empty() && options.name != toIdentifier(options.name)) {
    console.error("--name=" + options.name + ": expected a C identifier, like " + toIdentifier(options.name));
    return ExitUsage;
  }
  std::string output = options.output;
  if (output.empty())
    output = (path::stem(options.input) + (form->suffix == ".mlir" ? "." + form->emit : "") + form->suffix).str();
  if (output == "-" && form->kind == OutputForm::Library) {
    console.error("-o -: a library is not written to stdout");
    return ExitUsage;
  }
  if (llvm::sys::fs::equivalent(options.input, output)) {
    console.error("-o " + output + ": this is the input itself");
    return ExitUsage;
  }

  if (!options.printPipeline && output != "-") // better known before the work than after it
    if (llvm::Expected<OutputFile> file = OutputFile::create(output); !file)
      return finish(file.takeError(), console);

  Compilation compilation(options, console);
  if (ExitCode code = compilation.load())
    return code;
  bool wasWritten = compilation.stage() == Stage::Llvm;
  if (wasWritten)
    blameStage(options.input);
  // A header can be written at any stage, any other form only on the way to its own.
  Stage stage = form->kind == OutputForm::Header ? std::max(form->stage, compilation.stage()) : form->stage;
  if (options.printPipeline) {
    if (ExitCode code = compilation.canReach(stage))
      return code;
    console.clear();
    llvm::outs() << compilation.pipelineText(stage) << '\n';
    return ExitDone;
  }
  if (ExitCode code = compilation.runTo(stage))
    return code;
  return writeOutput(compilation, *form, output, wasWritten, console);
}
