// Reading, importing, and running the passes; who is at fault when one of them fails.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Compilation.h"
#include "compiler/codegen/cpu/CpuTargetModel.h"
#include "compiler/codegen/host/Sidecar.h"
#include "compiler/driver/PinDims.h"
#include "compiler/driver/StageFile.h"
#include "dialects/hone/Hone.h"
#include "frontends/onnx/Import.h"
#include "mlir/IR/Verifier.h"
#include "passes/Passes.h"
#include "support/Identifier.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace hone;

/// What users read while a stage is made.
static StringRef activity(Stage stage) {
  switch (stage) {
  case Stage::Import:
    return "reading the model";
  case Stage::Hone:
    return "simplifying";
  case Stage::Kernels:
    return "cutting into kernels";
  case Stage::Plan:
    return "planning memory";
  case Stage::Llvm:
    return "generating kernels";
  }
  llvm_unreachable("a stage without a text");
}

namespace {
/// Shows progress, and remembers what failed.
class Watcher : public PassInstrumentation {
public:
  Watcher(Console &console) : console(console) {}

  void runAfterPass(Pass *pass, Operation *op) override {
    if (pass->getArgument() != "hone-mark-stage")
      return;
    if (auto stage = stageOf(cast<ModuleOp>(op)); stage && *stage != Stage::Llvm)
      showProgress(console, static_cast<Stage>(static_cast<int>(*stage) + 1));
  }
  void runAfterPassFailed(Pass *pass, Operation *op) override {
    if (!failedPass.empty())
      return; // what failed first, not what it was nested in
    failedPass = pass->getArgument().empty() ? pass->getName().str() : pass->getArgument().str();
    // A pass of ours that says what is wrong with a model has done its duty. Upstream passes know no models, and
    // invalid IR is nobody's wish.
    ScopedDiagnosticHandler silence(op->getContext(), [](Diagnostic &) { return success(); });
    isFault = !StringRef(failedPass).starts_with("hone-") || failed(verify(op));
  }

  static void showProgress(Console &console, Stage stage) {
    console.progress(static_cast<unsigned>(stage) + 1, activity(stage));
  }

  std::string failedPass;
  bool isFault = false;

private:
  Console &console;
};
} // namespace

namespace {
/// Which nodes --keep asks for; remembers names that are near where none is.
class NodeFilter {
public:
  explicit NodeFilter(StringRef pattern) : regex(pattern), text(pattern) {
    text.consume_front("^");
    text.consume_back("$");
    farthest = std::max<size_t>(2, text.size() / 4);
  }

  bool isValid(std::string &problem) const { return regex.isValid(problem); }
  bool hasMatch() const { return found; }

  bool matches(StringRef node, StringRef label) {
    bool isWanted = regex.match(label) || (label != node && regex.match(node));
    found |= isWanted;
    if (!found)
      compare(label);
    return isWanted;
  }

  std::string suggestion() const {
    std::string result;
    for (auto &[distance, name] : nearest)
      result += (result.empty() ? "; did you mean '" : "' or '") + name;
    return result.empty() ? result : result + "'?";
  }

private:
  void compare(StringRef label) {
    // A pattern need not match the whole name: its last part is compared, too.
    StringRef node = label.rsplit(':').first;
    auto lastOf = [](StringRef name) { return name.substr(name.find_last_of("/:.") + 1); };
    size_t distance = farthest + 1;
    for (StringRef name : {label, lastOf(label), node, lastOf(node)})
      if (name.size() <= text.size() + farthest)
        distance =
            std::min<size_t>(distance, text.edit_distance_insensitive(name, /*AllowReplacements=*/true, farthest));
    bool isKnown = llvm::any_of(nearest, [&](const auto &known) { return known.second == label; });
    if (distance > farthest || isKnown)
      return;
    nearest.emplace_back(distance, label);
    llvm::stable_sort(nearest, llvm::less_first());
    nearest.resize(std::min<size_t>(nearest.size(), 3));
  }

  llvm::Regex regex;
  StringRef text;
  size_t farthest;
  bool found = false;
  std::vector<std::pair<size_t, std::string>> nearest;
};
} // namespace

Compilation::Compilation(const Options &options, Console &console)
    : options(options), console(console),
      weightFiles(std::make_shared<WeightFiles>([this](const FileView &view) { return checkFile(view); })) {
  DialectRegistry registry;
  registerCompilerDialects(registry);
  mlirContext = std::make_unique<MLIRContext>(registry);
  if (options.jobs > 0)
    mlirContext->disableMultithreading();
  if (options.jobs > 1) {
    threads = std::make_unique<llvm::DefaultThreadPool>(llvm::hardware_concurrency(options.jobs));
    mlirContext->setThreadPool(*threads);
  }
  mlirContext->printOpOnDiagnostic(false); // users of models have not written it
  // No dialect may be loaded while passes run in parallel.
  mlirContext->loadAllAvailableDialects();
  WeightSource::give(*mlirContext, weightFiles);
  mlirContext->getDiagEngine().registerHandler([&](Diagnostic &diagnostic) {
    console.diagnose(diagnostic);
    return success();
  });
}

Compilation::~Compilation() = default;

//===-- Loading -------------------------------------------------------------------------------------------------===//

ExitCode Compilation::load() {
  Watcher::showProgress(console, Stage::Import);
  StringRef extension = llvm::sys::path::extension(options.input);
  ExitCode code = extension == ".mlir" || extension == ".mlirbc" ? loadStage() : importModel();
  if (!code && !options.weights.empty())
    (*root)->setAttr(kSidecarAttr, BoolAttr::get(mlirContext.get(), options.weights == "sidecar"));
  return code;
}

ExitCode Compilation::findTarget(StringRef name) {
  llvm::Expected<CpuTarget> found = lookupTarget(name);
  if (!found) {
    console.error(found.takeError());
    return name == "host" ? ExitInput : ExitUsage;
  }
  wantedTarget = std::move(*found);
  return ExitDone;
}

ExitCode Compilation::importModel() {
  if (ExitCode code = findTarget(options.target.empty() ? "host" : options.target))
    return code;
  std::vector<OnnxProblem> problems;
  OnnxModel model = readModel(options.input, problems);
  for (const OnnxProblem &problem : problems)
    if (problem.severity == OnnxProblem::Error)
      console.error(Twine(problem.text));
  if (console.errorCount())
    return ExitInput;
  // The module names the files of its weights by the absolute paths of what was checked.
  for (OnnxFile &file : model.files)
    file.path = file.realPath;
  llvm::Expected<std::vector<OnnxEntry>> entries = pinDims(model, options.dims, options.shapes, options.entries);
  if (!entries) {
    console.error(entries.takeError());
    return ExitUsage;
  }
  llvm::Expected<std::string> digest = digestModel(model);
  if (!digest) {
    console.error(digest.takeError());
    return ExitInput;
  }
  bool keeps = !options.keep.empty();
  NodeFilter filter(options.keep);
  if (std::string problem; keeps && !filter.isValid(problem)) {
    console.error("'" + options.keep + "' is no regular expression: " + problem);
    return ExitUsage;
  }
  auto keep = [&](StringRef node, StringRef label) { return filter.matches(node, label); };
  root = importOnnx(model, wantedName(), *digest, *mlirContext, keeps ? KeepOutput(keep) : KeepOutput(), *entries);
  if (!root) {
    if (console.errorCount())
      return ExitInput;
    console.fault("the import failed without saying why");
    return ExitFault;
  }
  files = std::move(model.files);

  if (keeps && !filter.hasMatch()) {
    console.error("no value of a node whose name matches '" + options.keep + "'" + filter.suggestion() +
                  "; 'hone inspect --json' lists the names");
    return ExitUsage;
  }

  // The module says everything that later stages need, so that any of them can be compiled alone.
  std::string flags;
  if (!options.keep.empty())
    flags += " --keep=" + options.keep;
  if (options.state)
    flags += options.pairs.empty() ? " --state" : " --state=" + llvm::join(options.pairs, ",");
  for (StringRef dim : options.dims)
    flags += (" --dim=" + dim).str();
  for (StringRef shape : options.shapes)
    flags += (" --shape=" + shape).str();
  for (StringRef entry : options.entries)
    flags += (" --entry=" + entry).str();
  Builder builder(mlirContext.get());
  NamedAttrList modelAttrs((*root)->getAttrOfType<DictionaryAttr>(kModelAttr));
  modelAttrs.set("flags", builder.getStringAttr(StringRef(flags).ltrim()));
  (*root)->setAttr(kModelAttr, modelAttrs.getDictionary(mlirContext.get()));
  (*root)->setAttr(kStageAttr, builder.getStringAttr(toString(Stage::Import)));
  markTarget();
  current = Stage::Import;
  return ExitDone;
}

ExitCode Compilation::loadStage() {
  auto given = [&](StringRef option) {
    console.error(option + " is for models: a stage file has been through the import already");
    return ExitUsage;
  };
  if (!options.dims.empty())
    return given("--dim");
  if (!options.shapes.empty())
    return given("--shape");
  if (!options.entries.empty())
    return given("--entry");
  if (!options.keep.empty())
    return given("--keep");

  root = readStage(options.input, *mlirContext);
  if (!root) {
    if (!console.errorCount())
      console.error("cannot be read as MLIR");
    return ExitInput;
  }

  // What --emit writes says all of this; a file written by hand need not.
  if (!(*root)->hasAttr(kStageAttr))
    (*root)->setAttr(kStageAttr, StringAttr::get(mlirContext.get(), toString(Stage::Import)));
  std::optional<Stage> stage = stageOf(*root);
  if (!stage) {
    console.error(kStageAttr + " is none of import, hone, kernels, plan, llvm; leave it out for a module of plain ops");
    return ExitInput;
  }
  current = *stage;
  if (current == Stage::Llvm && root->getOps<ModuleOp>().empty()) {
    console.error(kStageAttr + " is 'llvm', but the module holds no code; make it with hone compile --emit=llvm");
    return ExitInput;
  }

  if (!options.weights.empty() && current == Stage::Llvm) {
    console.error(
        "--weights is for models and earlier stages: the code of the stage 'llvm' knows where its weights lie");
    return ExitUsage;
  }
  if (options.state && current != Stage::Import) {
    console.error("--state is for models and the stage 'import': '" + toString(current) + "' comes after it");
    return ExitUsage;
  }
  if (auto known = (*root)->getAttrOfType<TargetAttr>(kTargetAttr)) {
    if (!options.target.empty())
      return given("--target");
    if (findTarget((known.getLevel() + known.getFeatures()).str()))
      return ExitInput;
  } else if (current > Stage::Hone) {
    console.error("the stage '" + toString(current) + "' is made for a target, but the module has no " + kTargetAttr +
                  "; make it with hone compile --emit=" + toString(current));
    return ExitInput;
  } else {
    if (ExitCode code = findTarget(options.target.empty() ? "host" : options.target))
      return code;
    markTarget();
  }

  NamedAttrList model((*root)->getAttrOfType<DictionaryAttr>(kModelAttr));
  if (!isa_and_nonnull<StringAttr>(model.get("name"))) {
    model.set("name", StringAttr::get(mlirContext.get(), wantedName()));
    (*root)->setAttr(kModelAttr, model.getDictionary(mlirContext.get()));
  } else if (!options.name.empty()) {
    return given("--name");
  }
  if (name() != toIdentifier(name())) {
    console.error("its model's name, '" + name() + "', is no C identifier");
    return ExitInput;
  }
  return failed(nameEntries(*root)) ? ExitInput : ExitDone;
}

std::string Compilation::wantedName() const {
  return options.name.empty() ? toIdentifier(llvm::sys::path::stem(options.input)) : options.name;
}

void Compilation::markTarget() { (*root)->setAttr(kTargetAttr, targetAttr(mlirContext.get(), *wantedTarget)); }

std::string Compilation::name() {
  return root->getOperation()->getAttrOfType<DictionaryAttr>(kModelAttr).getAs<StringAttr>("name").getValue().str();
}

llvm::Error Compilation::checkFile(const FileView &view) const {
  auto file = llvm::find_if(files, [&](const OnnxFile &file) { return file.realPath == view.path(); });
  return file == files.end() ? llvm::Error::success() : checkUnchanged(*file, view.identity());
}

//===-- Running -------------------------------------------------------------------------------------------------===//

void Compilation::addPasses(OpPassManager &manager, Stage to) {
  if (options.state && !holdsState) {
    HoldStateOptions state;
    state.pairs.assign(options.pairs.begin(), options.pairs.end());
    manager.addPass(createHoldState(state));
  }
  buildPipeline(manager, current, to);
}

std::string Compilation::pipelineText(Stage to) {
  PassManager manager(mlirContext.get(), ModuleOp::getOperationName());
  addPasses(manager, to);
  std::string text;
  llvm::raw_string_ostream stream(text);
  manager.printAsTextualPipeline(stream);
  return text;
}

ExitCode Compilation::canReach(Stage to) {
  if (to >= current)
    return ExitDone;
  console.error("is at the stage '" + toString(current) + "', which comes after '" + toString(to) + "'");
  return ExitUsage;
}

ExitCode Compilation::runTo(Stage to) {
  if (ExitCode code = canReach(to))
    return code;
  PassManager manager(mlirContext.get(), ModuleOp::getOperationName());
  if (failed(applyPassManagerCLOptions(manager)))
    return ExitUsage;
  applyDefaultTimingPassManagerCLOptions(manager);
  auto owned = std::make_unique<Watcher>(console);
  Watcher &watcher = *owned;
  manager.addInstrumentation(std::move(owned));
  addPasses(manager, to);

  if (to > current) // the watcher shows the stages behind the first
    Watcher::showProgress(console, static_cast<Stage>(static_cast<int>(current) + 1));
  unsigned errorsBefore = console.errorCount();
  if (succeeded(manager.run(*root))) {
    current = to;
    holdsState = true;
    return ExitDone;
  }
  if (!watcher.isFault && console.errorCount() > errorsBefore)
    return ExitInput;
  console.fault("pass '" + watcher.failedPass + "' failed");
  return ExitFault;
}
