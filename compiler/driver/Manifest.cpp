// The manifest is the library's memory of its model: names, digests, and which node ended up in which kernel.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Manifest.h"
#include "compiler/Passes.h"
#include "compiler/codegen/Kernel.h"
#include "compiler/codegen/host/Sidecar.h"
#include "compiler/driver/Options.h"
#include "compiler/emit/Library.h"
#include "dialects/hone/State.h"
#include "dialects/hone/TargetModel.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

namespace hone {
#define GEN_PASS_DEF_WRITEMANIFEST
#include "compiler/Passes.h.inc"
} // namespace hone

using namespace mlir;
using namespace hone;
namespace json = llvm::json;

//===-- The entries ---------------------------------------------------------------------------------------------===//

// By ONNX's number.
static constexpr StringLiteral kTypeNames[] = {"?",    "f32",  "u8",  "i8",  "u16", "i16", "i32", "i64",
                                               "?",    "bool", "f16", "f64", "u32", "u64", "?",   "?",
                                               "bf16", "?",    "?",   "?",   "?",   "u4",  "i4"};

StringRef hone::dataTypeName(int32_t type) {
  return type >= 0 && type < int32_t(std::size(kTypeNames)) ? StringRef(kTypeNames[type]) : "?";
}

static EntryValue entryValue(Type type, DictionaryAttr attrs) {
  EntryValue value;
  auto shaped = cast<ShapedType>(type);
  if (auto name = attrs.getAs<StringAttr>(kNameAttr))
    value.name = name.getValue().str();
  value.dtype = onnxDataType(shaped.getElementType());
  auto symbols = attrs.getAs<ArrayAttr>(kDimsAttr);
  for (auto [i, size] : llvm::enumerate(shaped.getShape())) {
    StringAttr symbol = symbols && i < symbols.size() ? dyn_cast<StringAttr>(symbols[i]) : StringAttr();
    if (!ShapedType::isDynamic(size))
      value.dims.push_back(std::to_string(size));
    else
      value.dims.push_back(symbol && !symbol.empty() ? symbol.getValue().str() : "?");
  }
  return value;
}

/// The reverse of toJson(); what is not as it writes it is left out.
static std::vector<EntryValue> fromJson(const json::Array *array) {
  std::vector<EntryValue> values;
  for (const json::Value &element : array ? *array : json::Array()) {
    const json::Object *object = element.getAsObject();
    const json::Array *dims = object ? object->getArray("dims") : nullptr;
    if (!dims)
      continue;
    EntryValue &value = values.emplace_back();
    value.name = object->getString("name").value_or("").str();
    StringRef type = object->getString("type").value_or("");
    value.dtype = llvm::find(kTypeNames, type) - std::begin(kTypeNames);
    for (const json::Value &dim : *dims)
      value.dims.push_back(dim.getAsString() ? dim.getAsString()->str()
                                             : std::to_string(dim.getAsInteger().value_or(0)));
  }
  return values;
}

/// The reverse for an entry, or for the manifest, which has inputs and outputs of the first one.
static Entry entryFromJson(const json::Object &object, StringRef name) {
  return {object.getString("name").value_or(name).str(), fromJson(object.getArray("inputs")),
          fromJson(object.getArray("outputs")), fromJson(object.getArray("states"))};
}

static Entry describeEntry(func::FuncOp function) {
  Entry entry;
  entry.name = function.getSymName().str();
  auto attrsOf = [&](DictionaryAttr attrs) { return attrs ? attrs : DictionaryAttr::get(function.getContext()); };
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
    // Once memory is planned, outputs are arguments too, and the arena is one without a name.
    DictionaryAttr attrs = attrsOf(function.getArgAttrDict(i));
    if (attrs.contains(kLengthAttr))
      continue;
    if (auto state = attrs.getAs<DictionaryAttr>(kStateAttr)) {
      entry.states.push_back(entryValue(type, attrs));
      if (std::optional<Growth> growth = growthOf(state))
        entry.states.back().dims[growth->axis] = growth->length.getValue();
      continue;
    }
    if (attrs.contains(kNameAttr) && isa<ShapedType>(type))
      (attrs.contains(kOutputAttr) ? entry.outputs : entry.inputs).push_back(entryValue(type, attrs));
  }
  for (auto [i, type] : llvm::enumerate(function.getResultTypes()))
    if (isa<ShapedType>(type))
      entry.outputs.push_back(entryValue(type, attrsOf(function.getResultAttrDict(i))));
  return entry;
}

std::vector<Entry> hone::describeEntries(ModuleOp module) {
  std::vector<Entry> entries;
  for (func::FuncOp function : entriesOf(module))
    entries.push_back(describeEntry(function));
  if (!entries.empty())
    return entries;
  auto manifest = module->getAttrOfType<StringAttr>(kManifestAttr);
  llvm::Expected<json::Value> root = json::parse(manifest ? manifest.getValue() : "{}");
  if (!root || !root->getAsObject()) {
    consumeError(root.takeError());
    return {Entry{"main", {}, {}, {}}};
  }
  if (const json::Array *listed = root->getAsObject()->getArray("entries"))
    for (const json::Value &entry : *listed)
      if (const json::Object *object = entry.getAsObject())
        entries.push_back(entryFromJson(*object, ""));
  if (entries.empty())
    entries.push_back(entryFromJson(*root->getAsObject(), "main"));
  return entries;
}

json::Array hone::toJson(ArrayRef<EntryValue> values) {
  json::Array array;
  for (const EntryValue &value : values) {
    json::Array dims;
    for (StringRef dim : value.dims) {
      int64_t size;
      if (!dim.getAsInteger(10, size))
        dims.push_back(size);
      else
        dims.push_back(json::fixUTF8(dim));
    }
    array.push_back(json::Object{
        {"name", json::fixUTF8(value.name)}, {"type", dataTypeName(value.dtype)}, {"dims", std::move(dims)}});
  }
  return array;
}

//===-- The manifest --------------------------------------------------------------------------------------------===//

/// Tells how a kernel is computed, and at what cost, by what code generation has obeyed.
static void addDecision(json::Object &object, ModuleOp kernel) {
  auto decision = kernel->getAttrOfType<DictionaryAttr>(kDecisionAttr);
  if (!decision)
    return;
  if (auto family = decision.getAs<StringAttr>("family"))
    object["family"] = json::fixUTF8(family.getValue());
  if (auto given = decision.getAs<DictionaryAttr>("parameters"); given && !given.empty()) {
    json::Object parameters;
    for (NamedAttribute parameter : given)
      if (auto number = dyn_cast<IntegerAttr>(parameter.getValue()))
        parameters[json::fixUTF8(parameter.getName())] = number.getValue().getSExtValue();
    object["parameters"] = std::move(parameters);
  }
  if (auto cost = decision.getAs<IntegerAttr>("cost"))
    object["cost_ns"] = cost.getInt();
}

/// The nodes that each kernel computes, over all its launches, in order of the first launch, and how it computes them.
static json::Array kernelsOf(ModuleOp module) {
  llvm::MapVector<StringRef, std::pair<int64_t, llvm::SetVector<StringRef>>> kernels;
  module.walk([&](LaunchOp launch) {
    auto &[launches, nodes] = kernels[launch.getKernel()];
    ++launches;
    nodes.insert_range(nodesIn(launch.getLoc()));
  });
  SymbolTable symbols(module);
  json::Array array;
  for (auto &[name, info] : kernels) {
    json::Array nodes;
    for (StringRef node : info.second)
      nodes.push_back(json::fixUTF8(node));
    json::Object object{{"name", name}, {"launches", info.first}, {"nodes", std::move(nodes)}};
    if (auto kernel = symbols.lookup<ModuleOp>(name))
      addDecision(object, kernel);
    array.push_back(std::move(object));
  }
  return array;
}

std::string hone::buildManifest(ModuleOp module) {
  if (auto known = module->getAttrOfType<StringAttr>(kManifestAttr))
    return known.getValue().str();
  auto model = module->getAttrOfType<DictionaryAttr>(kModelAttr);
  auto text = [&](StringRef key) {
    auto value = model ? model.getAs<StringAttr>(key) : StringAttr();
    return json::fixUTF8(value ? value.getValue() : "");
  };
  auto target = module->getAttrOfType<TargetAttr>(kTargetAttr);
  auto weightBytes = module->getAttrOfType<IntegerAttr>(kWeightBytesAttr);
  int64_t bytes = weightBytes ? weightBytes.getInt() : 0;
  std::vector<Entry> entries = describeEntries(module);

  json::Object weights{{"bytes", bytes}};
  if (bytes)
    weights["blake3"] = kWeightDigestField;
  if (hasSidecar(module))
    weights["sidecar"] = true;
  json::Object manifest{
      {"model", json::Object{{"name", text("name")}, {"blake3", text("digest")}}},
      {"compiler", versionText()},
      {"flags", text("flags")},
      {"target", target ? json::fixUTF8((target.getLevel() + target.getFeatures()).str()) : ""},
      {"inputs", toJson(entries.front().inputs)},
      {"outputs", toJson(entries.front().outputs)},
      {"weights", std::move(weights)},
      {"kernels", kernelsOf(module)},
  };
  if (!entries.empty() && !entries.front().states.empty())
    manifest["states"] = toJson(entries.front().states);
  if (entries.size() > 1) {
    json::Array all;
    for (const Entry &entry : entries)
      all.push_back(json::Object{
          {"name", json::fixUTF8(entry.name)}, {"inputs", toJson(entry.inputs)}, {"outputs", toJson(entry.outputs)}});
    manifest["entries"] = std::move(all);
  }
  // json::Object prints its keys in order, so the text is a function of the module.
  return llvm::formatv("{0}", json::Value(std::move(manifest))).str();
}

namespace {
struct WriteManifest : hone::impl::WriteManifestBase<WriteManifest> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    module->setAttr(kManifestAttr, StringAttr::get(&getContext(), buildManifest(module)));
  }
};
} // namespace
