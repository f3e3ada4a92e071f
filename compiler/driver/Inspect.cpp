// hone inspect: what a model or a library says about itself.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Commands.h"
#include "compiler/driver/LoadedLibrary.h"
#include "compiler/driver/Manifest.h"
#include "compiler/driver/Units.h"
#include "frontends/onnx/Import.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include <map>

using namespace hone;
using llvm::StringRef;
namespace json = llvm::json;

static StringRef typeName(OnnxDataType type) {
  StringRef name = dataTypeName(static_cast<int32_t>(type));
  return name == "?" ? StringRef(toString(type)) : name;
}

//===-- Text: both kinds of file become the same JSON, and this prints it ---------------------------------------===//

static void printValues(const json::Object &root, StringRef key, const llvm::Twine &title) {
  const json::Array *values = root.getArray(key);
  if (!values)
    return;
  llvm::outs() << title << '\n';
  for (const json::Value &entry : *values) {
    const json::Object *value = entry.getAsObject();
    if (!value)
      continue;
    llvm::outs() << "  " << llvm::left_justify(printable(value->getString("name").value_or("")), 24) << ' '
                 << value->getString("type").value_or("?");
    if (const json::Array *dims = value->getArray("dims")) {
      llvm::ListSeparator comma;
      llvm::outs() << " [";
      for (const json::Value &dim : *dims)
        llvm::outs() << comma
                     << (dim.getAsString() ? printable(*dim.getAsString())
                                           : std::to_string(dim.getAsInteger().value_or(0)));
      llvm::outs() << ']';
    }
    llvm::outs() << '\n';
  }
}

/// Prints the numbers in an object, the largest first.
static void printCounts(const json::Object &counts, StringRef title) {
  std::vector<std::pair<int64_t, StringRef>> rows;
  for (const auto &[name, count] : counts)
    rows.emplace_back(-count.getAsInteger().value_or(0), name);
  llvm::sort(rows);
  llvm::outs() << title << '\n';
  for (auto [count, name] : rows)
    llvm::outs() << "  " << llvm::left_justify(printable(name), 24) << ' ' << -count << '\n';
}

/// Prints some of many names.
static void printNames(const json::Array &names, StringRef title) {
  constexpr size_t shown = 10;
  llvm::outs() << title << '\n';
  for (const json::Value &name : llvm::make_range(names.begin(), names.begin() + std::min(names.size(), shown)))
    llvm::outs() << "  " << printable(name.getAsString().value_or("")) << '\n';
  if (names.size() > shown)
    llvm::outs() << "  and " << names.size() - shown << " more, listed with --json\n";
}

/// "  k0_matmul  4 launches of 1.2 us, matmul (rows 6, vectors 2)".
static void printKernel(const json::Object &kernel) {
  llvm::outs() << "  " << llvm::left_justify(printable(kernel.getString("name").value_or("")), 40) << ' '
               << kernel.getInteger("launches").value_or(0) << " launches";
  if (std::optional<int64_t> cost = kernel.getInteger("cost_ns"))
    llvm::outs() << " of " << timeText(*cost);
  if (std::optional<StringRef> family = kernel.getString("family"))
    llvm::outs() << ", " << printable(*family);
  if (const json::Object *parameters = kernel.getObject("parameters")) {
    std::map<StringRef, int64_t> sorted;
    for (const auto &[name, value] : *parameters)
      sorted.emplace(name, value.getAsInteger().value_or(0));
    llvm::ListSeparator comma;
    llvm::outs() << " (";
    for (auto [name, value] : sorted)
      llvm::outs() << comma << printable(name) << ' ' << value;
    llvm::outs() << ')';
  }
  llvm::outs() << '\n';
}

static void printText(const json::Object &root) {
  for (StringRef key : {"model", "target", "flags", "compiler", "producer"}) {
    if (const json::Object *model = root.getObject(key))
      llvm::outs() << llvm::left_justify("name", 9) << ' ' << printable(model->getString("name").value_or("")) << '\n'
                   << llvm::left_justify("blake3", 9) << ' ' << model->getString("blake3").value_or("") << '\n';
    else if (std::optional<StringRef> text = root.getString(key); text && !text->empty())
      llvm::outs() << llvm::left_justify(key, 9) << ' ' << printable(*text) << '\n';
  }
  for (StringRef key : {"inputs", "outputs", "states"})
    printValues(root, key, key);
  if (const json::Array *entries = root.getArray("entries"); entries && !entries->empty())
    for (const json::Value &each : llvm::drop_begin(*entries)) // the first one's are above
      if (const json::Object *entry = each.getAsObject())
        for (StringRef key : {"inputs", "outputs"})
          printValues(*entry, key, key + " of entry " + printable(entry->getString("name").value_or("")));
  for (StringRef key : {"opsets", "operators"})
    if (const json::Object *counts = root.getObject(key))
      printCounts(*counts, key);
  if (const json::Array *values = root.getArray("values"))
    printNames(*values, "values, by the names that --keep takes");
  if (const json::Array *kernels = root.getArray("kernels")) {
    llvm::outs() << "kernels\n";
    for (const json::Value &entry : *kernels)
      if (const json::Object *kernel = entry.getAsObject())
        printKernel(*kernel);
  }
  if (const json::Object *weights = root.getObject("weights")) {
    llvm::outs() << llvm::left_justify("weights", 9) << ' ' << sizeText(weights->getInteger("bytes").value_or(0));
    if (std::optional<int64_t> tensors = weights->getInteger("tensors"))
      llvm::outs() << " in " << *tensors << " tensors";
    if (const json::Array *defaults = weights->getArray("default_inputs"); defaults && !defaults->empty())
      llvm::outs() << ", defaults of inputs, taken as constants: " << defaults->size();
    if (std::optional<StringRef> digest = weights->getString("blake3"))
      llvm::outs() << ", blake3 " << *digest;
    if (weights->getBoolean("sidecar").value_or(false))
      llvm::outs() << ", in a file of their own beside it";
    llvm::outs() << '\n';
  }
  if (std::optional<int64_t> bytes = root.getInteger("bytes"))
    llvm::outs() << llvm::left_justify("size", 9) << ' ' << sizeText(*bytes) << '\n';
}

//===-- What is in a file -----------------------------------------------------------------------------------------===//

static json::Array valuesOf(llvm::ArrayRef<OnnxValueInfo> values) {
  json::Array array;
  for (const OnnxValueInfo &value : values) {
    json::Object object{{"name", json::fixUTF8(value.name)}, {"type", typeName(value.type.elementType)}};
    if (value.type.hasShape) {
      json::Array dims;
      for (const OnnxDim &dim : value.type.dims) {
        if (dim.isFixed())
          dims.push_back(dim.value);
        else
          dims.push_back(dim.symbol.empty() ? "?" : json::fixUTF8(dim.symbol));
      }
      object["dims"] = std::move(dims);
    }
    array.push_back(std::move(object));
  }
  return array;
}

/// The names of all nodes' values, those inside functions included. What Hone does not support has names all the same.
static json::Array namesOfValues(const OnnxModel &model) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler silence(&context, [](mlir::Diagnostic &) { return mlir::success(); });
  json::Array names;
  llvm::StringSet<> known; // one that the importer asks for again is no other
  importOnnx(model, "model", "", context, [&](StringRef, StringRef label) {
    if (known.insert(label).second)
      names.push_back(json::fixUTF8(label));
    return false;
  });
  return names;
}

static llvm::Expected<json::Object> describeModel(const Options &options) {
  if (StringRef(options.input).ends_with(".mlir"))
    return llvm::createStringError("is a stage of a compile, to be read as text; hone inspect takes the model, or the "
                                   "library that is made of it");
  std::vector<OnnxProblem> problems;
  OnnxModel model = readModel(options.input, problems);
  llvm::Error errors = llvm::Error::success();
  for (const OnnxProblem &problem : problems)
    if (problem.severity == OnnxProblem::Error)
      errors = joinErrors(std::move(errors), llvm::createStringError(problem.text));
  if (errors)
    return errors;
  llvm::Expected<std::string> digest = digestModel(model);
  if (!digest)
    return digest.takeError();

  std::map<std::string, int64_t> operators;
  for (const OnnxNode &node : model.graph.nodes)
    ++operators[node.domain.empty() ? node.op : node.domain + "." + node.op];
  json::Object counts, opsets;
  for (auto &[name, count] : operators)
    counts[json::fixUTF8(name)] = count;
  for (auto &[domain, version] : model.opsets)
    opsets[domain.empty() ? "ai.onnx" : json::fixUTF8(domain)] = version;
  json::Array defaults;
  for (const std::string &name : model.defaultInputs)
    defaults.push_back(json::fixUTF8(name));
  int64_t weightBytes = 0, fileBytes = 0;
  for (const OnnxTensor &tensor : model.graph.initializers)
    weightBytes += tensor.length;
  for (const OnnxFile &file : model.files)
    fileBytes += file.identity.size;
  return json::Object{{"model", json::Object{{"name", json::fixUTF8(model.graph.name)}, {"blake3", *digest}}},
                      {"producer", json::fixUTF8(model.producer)},
                      {"opsets", std::move(opsets)},
                      {"inputs", valuesOf(model.graph.inputs)},
                      {"outputs", valuesOf(model.graph.outputs)},
                      {"operators", std::move(counts)},
                      {"values", namesOfValues(model)},
                      {"weights", json::Object{{"bytes", weightBytes},
                                               {"tensors", int64_t(model.graph.initializers.size())},
                                               {"default_inputs", std::move(defaults)}}},
                      {"bytes", fileBytes}};
}

static llvm::Expected<json::Object> describeLibrary(const Options &options) {
  llvm::Expected<LoadedLibrary> library = LoadedLibrary::open(options.input);
  if (!library)
    return library.takeError();
  llvm::Expected<json::Value> manifest = json::parse(library->manifest());
  if (!manifest)
    return llvm::createStringError("is damaged: its manifest cannot be read: " + toString(manifest.takeError()));
  uint64_t bytes = 0;
  if (std::error_code error = llvm::sys::fs::file_size(options.input, bytes))
    return llvm::errorCodeToError(error);
  json::Object root = manifest->getAsObject() ? std::move(*manifest->getAsObject()) : json::Object();
  root["bytes"] = int64_t(bytes);
  return root;
}

ExitCode hone::inspectCommand(const Options &options, Console &console) {
  llvm::Expected<json::Object> root = isElfFile(options.input) ? describeLibrary(options) : describeModel(options);
  if (!root) {
    console.error(root.takeError());
    return ExitInput;
  }
  if (options.json)
    llvm::outs() << llvm::formatv("{0:2}", json::Value(std::move(*root))) << '\n';
  else
    printText(*root);
  return ExitDone;
}
