// Reading a model: the files, their paths, and the plain data's own operations. libonnx is behind OnnxLibrary.h.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Model.h"
#include "frontends/onnx/OnnxLibrary.h"
#include "frontends/onnx/Strip.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace hone;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

namespace {
struct DataTypeRow {
  const char *name;
  unsigned bits;
};
} // namespace

/// By the number of the type.
static constexpr DataTypeRow dataTypes[] = {
    {"undefined", 0},      {"float", 32},    {"uint8", 8},        {"int8", 8},           {"uint16", 16},
    {"int16", 16},         {"int32", 32},    {"int64", 64},       {"string", 0},         {"bool", 8},
    {"float16", 16},       {"double", 64},   {"uint32", 32},      {"uint64", 64},        {"complex64", 64},
    {"complex128", 128},   {"bfloat16", 16}, {"float8e4m3fn", 8}, {"float8e4m3fnuz", 8}, {"float8e5m2", 8},
    {"float8e5m2fnuz", 8}, {"uint4", 4},     {"int4", 4},         {"float4e2m1", 4},     {"float8e8m0", 8},
    {"uint2", 2},          {"int2", 2},      {"float6e2m3", 6},   {"float6e3m2", 6},
};

static const DataTypeRow &rowOf(OnnxDataType type) {
  size_t number = size_t(type);
  return dataTypes[number < std::size(dataTypes) ? number : 0];
}

unsigned hone::bitWidth(OnnxDataType type) { return rowOf(type).bits; }
const char *hone::toString(OnnxDataType type) { return rowOf(type).name; }

int64_t OnnxTensor::numElements() const {
  int64_t product = 1;
  for (int64_t dim : dims)
    product *= dim;
  return product;
}

const OnnxAttribute *OnnxNode::find(StringRef attribute) const {
  for (const OnnxAttribute &candidate : attributes)
    if (candidate.name == attribute)
      return &candidate;
  return nullptr;
}

int64_t OnnxNode::getInt(StringRef attribute, int64_t otherwise) const {
  const OnnxAttribute *found = find(attribute);
  return found && found->kind == OnnxAttribute::Int ? found->i : otherwise;
}

float OnnxNode::getFloat(StringRef attribute, float otherwise) const {
  const OnnxAttribute *found = find(attribute);
  return found && found->kind == OnnxAttribute::Float ? found->f : otherwise;
}

StringRef OnnxNode::getString(StringRef attribute, StringRef otherwise) const {
  const OnnxAttribute *found = find(attribute);
  return found && found->kind == OnnxAttribute::String ? StringRef(found->s) : otherwise;
}

std::string OnnxNode::describe() const { return "node '" + name + "' (" + op + ")"; }

static Error fileError(StringRef file, const Twine &what) { return llvm::createStringError("'" + file + "': " + what); }

/// Opens a regular file (or a link to one: Hugging Face's cache is made of them) and describes it.
static Expected<fs::file_t> openFile(OnnxFile &file) {
  fs::file_status status;
  // Asked before as well: to open a pipe is to wait for somebody who writes to it.
  if (!fs::status(file.path, status) && status.type() == fs::file_type::fifo_file)
    return fileError(file.path, "not a regular file");
  Expected<fs::file_t> handle = fs::openNativeFileForRead(file.path);
  if (!handle)
    return fileError(file.path, llvm::toString(handle.takeError()));
  if (std::error_code code = fs::status(*handle, status)) {
    fs::closeFile(*handle);
    return fileError(file.path, code.message());
  }
  if (status.type() != fs::file_type::regular_file) {
    fs::closeFile(*handle);
    return fileError(file.path, "not a regular file");
  }
  file.size = status.getSize();
  file.modified = status.getLastModificationTime().time_since_epoch().count();
  return handle;
}

namespace {

/// The files that external data are in. Locations are relative paths without ".." from the folder the model is named
/// in, whatever links lead there.
class ExternalFiles {
public:
  explicit ExternalFiles(std::vector<OnnxFile> &files) : files(files) {}
  OnnxResolvedData resolve(const OnnxExternalData &data);

private:
  std::vector<OnnxFile> &files;
  llvm::StringMap<int32_t> indices;

  Expected<int32_t> indexOf(StringRef location);
};

} // namespace

Expected<int32_t> ExternalFiles::indexOf(StringRef location) {
  auto [known, isNew] = indices.try_emplace(location, -1);
  if (!isNew && known->second >= 0)
    return known->second;
  bool climbs = llvm::any_of(llvm::make_range(path::begin(location), path::end(location)),
                             [](StringRef part) { return part == ".."; });
  if (location.empty() || path::is_absolute(location) || climbs || location.contains('\0'))
    return llvm::createStringError("has the location '" + location + "'; it must be a relative path without '..'");
  OnnxFile file;
  file.relativePath = location.str();
  llvm::SmallString<256> full(path::parent_path(files[0].path));
  path::append(full, location);
  file.path = full.str().str();
  Expected<fs::file_t> handle = openFile(file);
  if (!handle)
    return llvm::createStringError("needs the file " + llvm::toString(handle.takeError()));
  fs::closeFile(*handle);
  files.push_back(std::move(file));
  return known->second = int32_t(files.size() - 1);
}

OnnxResolvedData ExternalFiles::resolve(const OnnxExternalData &data) {
  OnnxResolvedData result;
  Expected<int32_t> index = indexOf(data.location);
  if (!index) {
    result.error = llvm::toString(index.takeError());
    return result;
  }
  const OnnxFile &file = files[*index];
  if (data.offset > file.size || data.length > file.size - data.offset) {
    result.error = "needs bytes " + std::to_string(data.offset) + " to " + std::to_string(data.offset + data.length) +
                   " of '" + file.path + "', which has " + std::to_string(file.size);
    return result;
  }
  if (data.length > onnxInlineLimit) {
    result.file = *index;
    return result;
  }
  if (data.length == 0)
    return result;
  auto slice = llvm::MemoryBuffer::getFileSlice(file.path, data.length, data.offset);
  if (slice)
    result.bytes = (*slice)->getBuffer().str();
  else
    result.error = "cannot be read from '" + file.path + "': " + slice.getError().message();
  return result;
}

/// Text begins with '<' or a comment; as protobuf, these bytes would begin a group, which onnx.proto has none of.
static bool isTextForm(StringRef path, StringRef content) {
  StringRef start = content.ltrim();
  return path.ends_with(".onnxtxt") || path.ends_with(".txt") || start.starts_with("<") || start.starts_with("#");
}

/// libonnx's parser of text recurses as deep as brackets are nested.
static Error checkNesting(StringRef text) {
  constexpr int maxNesting = 100;
  int depth = 0;
  bool inString = false, inComment = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inComment)
      inComment = c != '\n';
    else if (inString && c == '\\')
      ++i;
    else if (c == '"')
      inString = !inString;
    else if (inString)
      continue;
    else if (c == '#')
      inComment = true;
    else if (StringRef("([{<").contains(c))
      ++depth;
    else if (StringRef(")]}").contains(c) || (c == '>' && i && text[i - 1] != '='))
      --depth;
    if (depth > maxNesting)
      return llvm::createStringError("brackets nested more than 100 deep at byte " + Twine(i));
  }
  return Error::success();
}

/// Reads `content`, the file that model.files[0] describes.
static Error load(StringRef content, OnnxModel &model, std::vector<OnnxProblem> &problems) {
  StringRef path = model.files[0].path;
  if (content.empty())
    return fileError(path, "the file is empty");
  StrippedModel stripped;
  bool isText = isTextForm(path, content);
  if (isText) {
    if (Error error = checkNesting(content))
      return fileError(path, llvm::toString(std::move(error)));
    stripped.bytes = content.str();
  } else {
    Expected<StrippedModel> result = stripModel(content, onnxInlineLimit);
    if (!result)
      return fileError(path, llvm::toString(result.takeError()));
    stripped = std::move(*result);
  }
  ExternalFiles files(model.files);
  loadOnnx(stripped, isText, [&](const OnnxExternalData &data) { return files.resolve(data); }, model, problems);
  return Error::success();
}

OnnxModel hone::readModel(llvm::MemoryBufferRef file, std::vector<OnnxProblem> &problems) {
  OnnxModel model;
  StringRef path = file.getBufferIdentifier();
  model.files.push_back({path.str(), path::filename(path).str(), file.getBufferSize(), 0});
  if (Error error = load(file.getBuffer(), model, problems))
    problems.push_back({OnnxProblem::Error, llvm::toString(std::move(error))});
  return model;
}

OnnxModel hone::readModel(StringRef path, std::vector<OnnxProblem> &problems) {
  OnnxModel model;
  OnnxFile &self = model.files.emplace_back();
  self.path = path.str();
  self.relativePath = path::filename(path).str();
  auto complain = [&](const Twine &what) { problems.push_back({OnnxProblem::Error, what.str()}); };
  Expected<fs::file_t> handle = openFile(self);
  if (!handle) {
    complain(llvm::toString(handle.takeError()));
    return model;
  }
  llvm::scope_exit close([&] { fs::closeFile(*handle); });
  auto buffer = llvm::MemoryBuffer::getOpenFile(*handle, path, self.size, /*RequiresNullTerminator=*/false);
  if (!buffer)
    complain("'" + path + "': " + buffer.getError().message());
  else if (Error error = load((*buffer)->getBuffer(), model, problems))
    complain(llvm::toString(std::move(error)));
  return model;
}

Expected<OnnxModel> hone::readModel(StringRef path) {
  std::vector<OnnxProblem> problems;
  OnnxModel model = readModel(path, problems);
  Error errors = Error::success();
  for (const OnnxProblem &problem : problems)
    if (problem.severity == OnnxProblem::Error)
      errors = llvm::joinErrors(std::move(errors), llvm::createStringError(problem.text));
  if (errors)
    return errors;
  return model;
}

Expected<std::string> hone::digestModel(const OnnxModel &model) {
  llvm::BLAKE3 hasher;
  // Read, not mapped: pages of a map would count as memory of this process.
  std::vector<char> chunk(1 << 20);
  for (OnnxFile file : model.files) {
    Expected<fs::file_t> handle = openFile(file);
    if (!handle)
      return handle.takeError();
    llvm::scope_exit close([&] { fs::closeFile(*handle); });
    for (;;) {
      Expected<size_t> size = fs::readNativeFile(*handle, llvm::MutableArrayRef<char>(chunk));
      if (!size)
        return fileError(file.path, llvm::toString(size.takeError()));
      if (*size == 0)
        break;
      hasher.update(StringRef(chunk.data(), *size));
    }
  }
  return llvm::toHex(hasher.final<32>(), /*LowerCase=*/true);
}

namespace {

/// Binds the nodes of a function's body for one call.
class Expansion {
public:
  Expansion(const OnnxFunction &function, const OnnxNode &call) : function(function), call(call) {
    for (size_t i = 0; i < function.inputs.size(); ++i)
      if (!call.hasInput(i))
        leftOut.insert(function.inputs[i]);
  }
  void bind(OnnxNode &node);

private:
  const OnnxFunction &function;
  const OnnxNode &call;
  llvm::StringSet<> leftOut;

  const OnnxAttribute *valueOf(StringRef attribute) const;
};

} // namespace

const OnnxAttribute *Expansion::valueOf(StringRef attribute) const {
  if (const OnnxAttribute *given = call.find(attribute))
    return given;
  for (const OnnxAttribute &candidate : function.defaults)
    if (candidate.name == attribute)
      return &candidate;
  return nullptr;
}

void Expansion::bind(OnnxNode &node) {
  node.name = call.name + "::" + node.name;
  node.madeUpName = true;
  for (std::string &name : node.inputs)
    if (leftOut.contains(name))
      name.clear();

  std::vector<OnnxAttribute> bound;
  bool lacksAttribute = false;
  for (OnnxAttribute &attribute : node.attributes) {
    if (attribute.reference.empty()) {
      for (OnnxGraph &graph : attribute.graphs)
        for (OnnxNode &inner : graph.nodes)
          bind(inner);
      bound.push_back(std::move(attribute));
    } else if (const OnnxAttribute *value = valueOf(attribute.reference)) {
      std::string name = std::move(attribute.name);
      bound.push_back(*value);
      bound.back().name = std::move(name);
    } else {
      lacksAttribute = true;
    }
  }
  node.attributes = std::move(bound);
  if (lacksAttribute && node.function < 0)
    addDefaultAttributes(node);
}

OnnxFunction hone::expandFunction(const OnnxFunction &function, const OnnxNode &call) {
  OnnxFunction result = function;
  Expansion expansion(function, call);
  for (OnnxNode &node : result.nodes)
    expansion.bind(node);
  return result;
}

std::optional<OnnxFunction> hone::expandStandardFunction(const OnnxNode &node,
                                                         const std::vector<OnnxValueType> &inputTypes) {
  std::optional<OnnxFunction> function = standardFunction(node, inputTypes);
  if (!function)
    return std::nullopt;
  return expandFunction(*function, node);
}
