// A stage file names the files of its weights relative to itself, so that a folder with both can be moved.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/StageFile.h"
#include "dialects/hone/Hone.h"
#include "dialects/hone/TargetModel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace hone;
namespace path = llvm::sys::path;

/// The weights whose bytes are in a file.
static void forEachFile(ModuleOp module, llvm::function_ref<void(WeightOp, FileAttr)> visit) {
  for (auto weight : module.getOps<WeightOp>())
    if (auto file = dyn_cast<FileAttr>(weight.getSource()))
      visit(weight, file);
}

static void setPath(WeightOp weight, FileAttr file, StringRef to) {
  weight.setSourceAttr(FileAttr::get(weight.getContext(), to, file.getOffset(), file.getLength()));
}

std::string hone::relativePath(StringRef to, StringRef folder) {
  auto here = path::begin(folder), hereEnd = path::end(folder), there = path::begin(to), thereEnd = path::end(to);
  for (; here != hereEnd && there != thereEnd && *here == *there; ++here)
    ++there;
  SmallString<128> result;
  for (; here != hereEnd; ++here)
    path::append(result, "..");
  for (; there != thereEnd; ++there)
    path::append(result, *there);
  return std::string(result);
}

/// In a module's body nothing has an order: arithmetic there may read itself, and is never done being simplified.
static LogicalResult checkModuleBodies(ModuleOp module) {
  WalkResult result = module.walk([](ModuleOp nested) {
    for (Operation &op : *nested.getBody())
      if (!isa<SymbolOpInterface, ModuleOp>(op)) {
        op.emitError("stands outside of any function or kernel: a module holds functions, kernels and weights");
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

OwningOpRef<ModuleOp> hone::readStage(StringRef file, MLIRContext &context) {
  auto sources = std::make_shared<llvm::SourceMgr>();
  auto buffer = llvm::MemoryBuffer::getFile(file, /*IsText=*/false, /*RequiresNullTerminator=*/true);
  if (!buffer) {
    emitError(UnknownLoc::get(&context)) << "cannot read: " << buffer.getError().message();
    return {};
  }
  sources->AddNewSourceBuffer(std::move(*buffer), {});
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module || failed(checkModuleBodies(*module)))
    return {};
  if (auto main = module->lookupSymbol<func::FuncOp>("main"); main && failed(checkHostProgram(main)))
    return {};

  SmallString<128> folder;
  if (llvm::sys::fs::real_path(file, folder))
    folder = file;
  path::remove_filename(folder);
  forEachFile(*module, [&](WeightOp weight, FileAttr source) {
    if (path::is_absolute(source.getPath()))
      return;
    SmallString<128> absolute(folder);
    path::append(absolute, source.getPath());
    path::remove_dots(absolute, /*remove_dot_dot=*/true); // folder is real, so ".." is its parent
    setPath(weight, source, absolute);
  });
  return module;
}

LogicalResult hone::nameEntry(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main)
    return success();
  llvm::StringSet<> inputs, outputs;
  auto name = [&](DictionaryAttr attrs, StringRef otherwise, llvm::StringSet<> &taken) -> FailureOr<StringAttr> {
    auto known = attrs ? attrs.getAs<StringAttr>(kNameAttr) : StringAttr();
    if (!known || known.empty())
      known = StringAttr::get(module.getContext(), otherwise);
    if (taken.insert(known.getValue()).second)
      return known;
    return main.emitError("has two ") << (&taken == &inputs ? "inputs" : "outputs") << " called '" << known.getValue()
                                      << "'; give each a " << kNameAttr << " of its own";
  };
  for (auto [i, type] : llvm::enumerate(main.getArgumentTypes())) {
    DictionaryAttr attrs = main.getArgAttrDict(i);
    bool isOutput = attrs && attrs.contains("hone.output"); // of a module whose memory is planned
    if (isa<MemRefType>(type) && i + 1 == main.getNumArguments())
      continue; // its arena
    FailureOr<StringAttr> found =
        name(attrs, ((isOutput ? "result" : "arg") + Twine(isOutput ? outputs.size() : inputs.size())).str(),
             isOutput ? outputs : inputs);
    if (failed(found))
      return failure();
    if (!attrs || attrs.get(kNameAttr) != *found) // each time it copies all attributes
      main.setArgAttr(i, kNameAttr, *found);
  }
  for (auto [i, type] : llvm::enumerate(main.getResultTypes())) {
    if (!isa<TensorType>(type))
      continue;
    DictionaryAttr attrs = main.getResultAttrDict(i);
    FailureOr<StringAttr> found = name(attrs, ("result" + Twine(i)).str(), outputs);
    if (failed(found))
      return failure();
    if (!attrs || attrs.get(kNameAttr) != *found)
      main.setResultAttr(i, kNameAttr, *found);
  }
  return success();
}

void hone::printStage(ModuleOp module, StringRef folder, llvm::raw_ostream &stream) {
  SmallVector<std::pair<WeightOp, FileAttr>> kept;
  if (!folder.empty())
    forEachFile(module, [&](WeightOp weight, FileAttr file) {
      kept.emplace_back(weight, file);
      setPath(weight, file, relativePath(file.getPath(), folder));
    });
  module.print(stream, OpPrintingFlags().enableDebugInfo());
  stream << '\n';
  for (auto &[weight, file] : kept)
    weight.setSourceAttr(file);
}
