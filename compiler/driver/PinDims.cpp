// A symbol is one size for the whole model, so pinning a dim of one input may fix dims of others.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/PinDims.h"
#include "compiler/driver/Manifest.h"
#include "support/Identifier.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

using namespace hone;
using llvm::StringRef;
using llvm::Twine;

llvm::Expected<std::pair<std::string, std::string>> hone::splitAssignment(StringRef option, StringRef text) {
  auto [name, value] = text.rsplit('=');
  if (name.empty() || value.empty())
    return llvm::createStringError(option + "=" + text + ": expected " + option + " NAME=VALUE");
  return std::make_pair(name.str(), value.str());
}

static llvm::Error pinError(const Twine &option, const Twine &text) {
  return llvm::createStringError(option + ": " + text);
}

static llvm::Expected<int64_t> parseSize(StringRef option, StringRef text) {
  int64_t size;
  if (text.getAsInteger(10, size) || size < 0)
    return pinError(option, "'" + text + "' is no size");
  return size;
}

/// Gives every dim of the symbol in `type` its size.
static void substitute(OnnxValueType &type, StringRef symbol, int64_t size) {
  for (OnnxDim &dim : type.dims)
    if (!dim.isFixed() && dim.symbol == symbol)
      dim = {size, ""};
  for (OnnxValueType &element : type.element)
    substitute(element, symbol, size);
}

static void substitute(OnnxModel &model, StringRef symbol, int64_t size) {
  for (auto *values : {&model.graph.inputs, &model.graph.outputs, &model.graph.values})
    for (OnnxValueInfo &value : *values)
      substitute(value.type, symbol, size);
}

namespace {
class Pinner {
public:
  explicit Pinner(OnnxModel &model) : model(model), original(model.graph.inputs) {}
  /// Goes on behind `before` in a copy of its model.
  Pinner(OnnxModel &model, const Pinner &before) : model(model), original(before.original), pins(before.pins) {}

  /// Pins by "SYMBOL=N", a part of the text of `option`.
  llvm::Error pinSymbol(StringRef text, StringRef option);
  llvm::Error pinShape(StringRef text);

private:
  OnnxModel &model;
  std::vector<OnnxValueInfo> original; ///< the inputs before any option
  /// The options that gave symbols their sizes.
  llvm::StringMap<std::pair<int64_t, std::string>> pins;

  void pin(StringRef symbol, int64_t size, StringRef option) {
    substitute(model, symbol, size);
    pins[symbol] = {size, option.str()};
  }
};
} // namespace

llvm::Error Pinner::pinSymbol(StringRef text, StringRef option) {
  auto [symbol, number] = text.rsplit('=');
  if (symbol.empty() || number.empty())
    return pinError(option, "expected SYMBOL=N, not '" + text + "'");
  llvm::Expected<int64_t> size = parseSize(option, number);
  if (!size)
    return size.takeError();
  if (auto before = pins.find(symbol); before != pins.end()) {
    auto &[pinned, by] = before->second;
    return pinned == *size ? llvm::Error::success() : pinError(option, "the dim is " + Twine(pinned) + " by " + by);
  }
  llvm::SmallVector<StringRef> symbols;
  for (const OnnxValueInfo &input : model.graph.inputs)
    for (const OnnxDim &dim : input.type.dims)
      if (!dim.symbol.empty() && !llvm::is_contained(symbols, dim.symbol))
        symbols.push_back(dim.symbol);
  if (!llvm::is_contained(symbols, symbol))
    return pinError(option, "the model's inputs have no dim '" + symbol + "'; they have " +
                                (symbols.empty() ? "none with a name: try --shape" : llvm::join(symbols, ", ")));
  pin(symbol, *size, option);
  return llvm::Error::success();
}

llvm::Error Pinner::pinShape(StringRef text) {
  std::string option = ("--shape " + text).str();
  auto assignment = splitAssignment("--shape", text);
  if (!assignment)
    return assignment.takeError();
  auto &inputs = model.graph.inputs;
  auto input = llvm::find_if(inputs, [&](const OnnxValueInfo &value) { return value.name == assignment->first; });
  if (input == inputs.end()) {
    std::string names =
        llvm::join(llvm::map_range(inputs, [](const OnnxValueInfo &value) { return value.name; }), ", ");
    return pinError(option, "the model has no input '" + assignment->first + "'; it has " + names);
  }

  llvm::SmallVector<StringRef> parts;
  StringRef(assignment->second).split(parts, 'x');
  if (!parts.back().empty() && llvm::isAlpha(parts.back().front())) {
    StringRef type = dataTypeName(static_cast<int32_t>(input->type.elementType));
    if (parts.back() != type)
      return pinError(option, "the input's type is " + type + ", not " + parts.back());
    parts.pop_back();
  }
  std::vector<OnnxDim> &dims = input->type.dims;
  if (input->type.hasShape && parts.size() != dims.size())
    return pinError(option, "the input has " + Twine(dims.size()) + " dims, not " + Twine(parts.size()));
  if (!input->type.hasShape)
    dims.resize(parts.size());
  input->type.hasShape = true;
  for (auto [i, part] : llvm::enumerate(parts)) {
    if (part == "?")
      continue;
    llvm::Expected<int64_t> size = parseSize(option, part);
    if (!size)
      return size.takeError();
    if (dims[i].isFixed() && dims[i].value != *size) {
      auto &given = original[input - inputs.begin()].type.dims;
      auto by = pins.find(i < given.size() ? given[i].symbol : "");
      return pinError(option, "dim " + Twine(i) + " is " + Twine(dims[i].value) + " " +
                                  (by == pins.end() ? "in the model" : "by " + by->second.second) + ", not " + part);
    }
    std::string symbol = dims[i].symbol;
    dims[i] = {*size, ""};
    if (!symbol.empty())
      pin(symbol, *size, option);
  }
  return llvm::Error::success();
}

/// The entry that `text` asks for, of the model that `pinner` has pinned.
static llvm::Expected<OnnxEntry> pinEntry(const OnnxModel &model, const Pinner &pinner, StringRef text) {
  std::string option = ("--entry " + text).str();
  auto [name, pins] = text.split(':');
  if (name.empty() || pins.empty())
    return pinError(option, "expected --entry NAME:SYMBOL=N, with more of SYMBOL=N behind commas");
  if (std::string identifier = toIdentifier(name); name != identifier)
    return pinError(option, "the name '" + name + "' is no C identifier, like " + identifier);
  OnnxEntry entry{name.str(), model};
  Pinner own(entry.model, pinner);
  llvm::SmallVector<StringRef> parts;
  pins.split(parts, ',');
  for (StringRef part : parts)
    if (llvm::Error error = own.pinSymbol(part, option))
      return error;
  return entry;
}

llvm::Expected<std::vector<OnnxEntry>> hone::pinDims(OnnxModel &model, llvm::ArrayRef<std::string> dims,
                                                     llvm::ArrayRef<std::string> shapes,
                                                     llvm::ArrayRef<std::string> entries) {
  Pinner pinner(model);
  for (StringRef text : dims)
    if (llvm::Error error = pinner.pinSymbol(text, ("--dim " + text).str()))
      return error;
  for (StringRef text : shapes)
    if (llvm::Error error = pinner.pinShape(text))
      return error;
  std::vector<OnnxEntry> result;
  llvm::StringSet<> names{"main"};
  for (StringRef text : entries) {
    llvm::Expected<OnnxEntry> entry = pinEntry(model, pinner, text);
    if (!entry)
      return entry.takeError();
    if (!names.insert(entry->name).second)
      return pinError("--entry " + text, entry->name == "main" ? "'main' is the model itself, which the library has; "
                                                                 "give the entry another name, or pin with --dim"
                                                               : "there is an entry of this name already");
    result.push_back(std::move(*entry));
  }
  return result;
}
