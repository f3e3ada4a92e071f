// A stage file names the files of its weights relative to itself, so that a folder with both can be moved.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/StageFile.h"
#include "dialects/hone/TargetModel.h"
#include "dialects/hone/Weights.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "support/OutputFile.h"
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

static FileAttr atPath(FileAttr file, StringRef path) {
  return FileAttr::get(file.getContext(), path, file.getOffset(), file.getLength(), file.getDigest());
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
  if (!module || failed(checkModuleBodies(*module)) || failed(checkRecipes(*module)))
    return {};
  for (func::FuncOp entry : entriesOf(*module))
    if (failed(checkHostProgram(entry)))
      return {};

  SmallString<128> folder;
  if (llvm::sys::fs::real_path(file, folder))
    folder = file;
  path::remove_filename(folder);
  forEachFile(*module, [&](WeightOp weight, FileAttr source) {
    if (source.getPath().empty() || path::is_absolute(source.getPath()))
      return;
    SmallString<128> absolute(folder);
    path::append(absolute, source.getPath());
    path::remove_dots(absolute, /*remove_dot_dot=*/true); // folder is real, so ".." is its parent
    weight.setSourceAttr(atPath(source, absolute));
  });
  return module;
}

static LogicalResult nameValues(func::FuncOp entry) {
  llvm::StringSet<> inputs, outputs;
  auto name = [&](DictionaryAttr attrs, StringRef otherwise, llvm::StringSet<> &taken) -> FailureOr<StringAttr> {
    auto known = attrs ? attrs.getAs<StringAttr>(kNameAttr) : StringAttr();
    if (!known || known.empty())
      known = StringAttr::get(entry.getContext(), otherwise);
    if (taken.insert(known.getValue()).second)
      return known;
    return entry.emitError("has two ") << (&taken == &inputs ? "inputs" : "outputs") << " called '" << known.getValue()
                                       << "'; give each a " << kNameAttr << " of its own";
  };
  for (auto [i, type] : llvm::enumerate(entry.getArgumentTypes())) {
    DictionaryAttr attrs = entry.getArgAttrDict(i);
    bool isOutput = attrs && attrs.contains(kOutputAttr); // of a module whose memory is planned
    if (isa<MemRefType>(type) && i + 1 == entry.getNumArguments())
      continue; // its arena
    FailureOr<StringAttr> found =
        name(attrs, ((isOutput ? "result" : "arg") + Twine(isOutput ? outputs.size() : inputs.size())).str(),
             isOutput ? outputs : inputs);
    if (failed(found))
      return failure();
    if (!attrs || attrs.get(kNameAttr) != *found) // each time it copies all attributes
      entry.setArgAttr(i, kNameAttr, *found);
  }
  for (auto [i, type] : llvm::enumerate(entry.getResultTypes())) {
    if (!isa<TensorType>(type))
      continue;
    DictionaryAttr attrs = entry.getResultAttrDict(i);
    FailureOr<StringAttr> found = name(attrs, ("result" + Twine(i)).str(), outputs);
    if (failed(found))
      return failure();
    if (!attrs || attrs.get(kNameAttr) != *found)
      entry.setResultAttr(i, kNameAttr, *found);
  }
  return success();
}

LogicalResult hone::nameEntries(ModuleOp module) {
  for (func::FuncOp entry : entriesOf(module))
    if (failed(nameValues(entry)))
      return failure();
  return success();
}

void hone::printStage(ModuleOp module, llvm::raw_ostream &stream) {
  module.print(stream, OpPrintingFlags().enableDebugInfo());
  stream << '\n';
}

/// The folder that the file `path` lies in, without symbolic links.
static std::string folderOf(StringRef path) {
  SmallString<128> folder(path::parent_path(path)), real;
  if (folder.empty())
    folder = ".";
  return std::string(llvm::sys::fs::real_path(folder, real) ? folder : real);
}

namespace {
/// The values that a compile has computed, on their way to a file beside a stage.
class ValueWriter {
public:
  ValueWriter(WeightFiles &weights, std::string path) : weights(weights), path(std::move(path)) {}

  /// Appends the values of `weight`, which `file` names, once; where they are then.
  llvm::Expected<FileAttr> write(WeightOp weight, FileAttr file);
  llvm::Error commit() { return output ? output->commit() : llvm::Error::success(); }

private:
  WeightFiles &weights;
  std::string path;
  std::optional<OutputFile> output;
  llvm::DenseMap<Attribute, FileAttr> written;
};
} // namespace

llvm::Expected<FileAttr> ValueWriter::write(WeightOp weight, FileAttr file) {
  FileAttr &place = written[file];
  if (place)
    return place;
  llvm::Expected<StringRef> bytes = weights.open(file);
  if (!bytes)
    return llvm::createStringError("weight '" + weight.getSymName() + "': " + toString(bytes.takeError()));
  if (!output) {
    llvm::Expected<OutputFile> created = OutputFile::create(path);
    if (!created)
      return created.takeError();
    output.emplace(std::move(*created));
  }
  constexpr uint64_t alignment = 64; // a cache line
  if (llvm::Error error = output->padTo(llvm::alignTo(output->position(), alignment)))
    return error;
  place =
      FileAttr::get(file.getContext(), path::filename(path), output->position(), file.getLength(), file.getDigest());
  constexpr uint64_t window = 32 << 20;
  for (uint64_t at = 0; at < bytes->size(); at += window) {
    if (llvm::Error error = output->write(bytes->substr(at, window)))
      return error;
    weights.release(file, at, std::min<uint64_t>(window, bytes->size() - at));
  }
  return place;
}

llvm::Error hone::writeStage(ModuleOp module, WeightFiles &weights, StringRef path) {
  std::string folder = folderOf(path);
  ValueWriter values(weights, (path + ".weights").str());
  SmallVector<std::pair<WeightOp, FileAttr>> kept;
  llvm::Error problem = llvm::Error::success();
  forEachFile(module, [&](WeightOp weight, FileAttr file) {
    if (problem)
      return;
    kept.emplace_back(weight, file);
    if (!file.getPath().empty())
      return weight.setSourceAttr(atPath(file, relativePath(file.getPath(), folder)));
    llvm::Expected<FileAttr> place = values.write(weight, file);
    if (place)
      weight.setSourceAttr(*place);
    else
      problem = place.takeError();
  });
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (!problem)
    printStage(module, stream);
  for (auto &[weight, file] : kept)
    weight.setSourceAttr(file);
  if (problem)
    return problem;
  llvm::Expected<OutputFile> stage = OutputFile::create(path);
  if (!stage)
    return stage.takeError();
  if (llvm::Error error = stage->write(text))
    return error;
  // Values first: where only they are there, the stage of before finds that they are not its own.
  if (llvm::Error error = values.commit())
    return error;
  return stage->commit();
}
