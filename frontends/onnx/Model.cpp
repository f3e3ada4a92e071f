// Reading a model: the files, their paths, and the plain data's own operations. libonnx is behind OnnxLibrary.h.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Model.h"
#include "frontends/onnx/OnnxLibrary.h"
#include "frontends/onnx/Strip.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/xxhash.h"
#include <unistd.h>

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
static constexpr DataTypeRow kDataTypes[] = {
    {"undefined", 0},      {"float", 32},    {"uint8", 8},        {"int8", 8},           {"uint16", 16},
    {"int16", 16},         {"int32", 32},    {"int64", 64},       {"string", 0},         {"bool", 8},
    {"float16", 16},       {"double", 64},   {"uint32", 32},      {"uint64", 64},        {"complex64", 64},
    {"complex128", 128},   {"bfloat16", 16}, {"float8e4m3fn", 8}, {"float8e4m3fnuz", 8}, {"float8e5m2", 8},
    {"float8e5m2fnuz", 8}, {"uint4", 4},     {"int4", 4},         {"float4e2m1", 4},     {"float8e8m0", 8},
    {"uint2", 2},          {"int2", 2},      {"float6e2m3", 6},   {"float6e3m2", 6},
};

static const DataTypeRow &rowOf(OnnxDataType type) {
  size_t number = size_t(type);
  return kDataTypes[number < std::size(kDataTypes) ? number : 0];
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

Error hone::checkUnchanged(const OnnxFile &file, const FileIdentity &now) {
  if (now == file.identity)
    return Error::success();
  return llvm::createStringError("'" + file.path + "' changed while it was compiled; compile again");
}

namespace {

/// Closes what it holds.
struct Handle {
  explicit Handle(int fd) : fd(fd) {}
  Handle(Handle &&other) : fd(std::exchange(other.fd, -1)) {}
  ~Handle() {
    if (fd >= 0)
      ::close(fd);
  }
  int fd;
};

} // namespace

/// Opens the file that was opened before.
static Expected<Handle> openAgain(const OnnxFile &file) {
  FileIdentity now;
  Expected<int> fd = openRegularFile(file.realPath, now);
  if (!fd)
    return fileError(file.path, llvm::toString(fd.takeError()));
  Handle handle(*fd);
  if (Error error = checkUnchanged(file, now))
    return error;
  return handle;
}

/// Whether `path` lies in `folder` or below it; both without symbolic links.
static bool liesIn(StringRef path, StringRef folder) {
  return !folder.empty() && path.consume_front(folder) && (folder.ends_with("/") || path.starts_with("/"));
}

namespace {

/// The files that external data are in. Locations are relative paths without ".." from the folder the model is named
/// in. Symbolic links may lead to where the model's file really lies, as in Hugging Face's cache, but nowhere else.
class ExternalFiles {
public:
  explicit ExternalFiles(std::vector<OnnxFile> &files) : files(files) {}
  OnnxResolvedData resolve(const OnnxExternalData &data);

private:
  std::vector<OnnxFile> &files;
  llvm::StringMap<int32_t> indices;

  Expected<int32_t> indexOf(StringRef location);
  Error findRealPath(int fd, OnnxFile &file) const;
};

} // namespace

/// Asks for the path of the open file, which nobody can change between this check and the use.
Error ExternalFiles::findRealPath(int fd, OnnxFile &file) const {
  Expected<std::string> real = realPathOf(fd);
  if (!real)
    return real.takeError();
  file.realPath = std::move(*real);
  llvm::SmallString<256> named(path::parent_path(files[0].path)), folder;
  if (fs::real_path(named.empty() ? StringRef(".") : StringRef(named), folder))
    folder.clear();
  if (liesIn(file.realPath, folder) || liesIn(file.realPath, path::parent_path(files[0].realPath)))
    return Error::success();
  return llvm::createStringError("it leads out of the model's folder, to '" + file.realPath + "'; copy that there");
}

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
  Expected<int> fd = openRegularFile(file.path, file.identity);
  Error error = fd ? findRealPath(Handle(*fd).fd, file) : fd.takeError();
  if (error)
    return llvm::createStringError("needs the file '" + file.path + "': " + llvm::toString(std::move(error)));
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
  uint64_t size = file.identity.size;
  if (data.offset > size || data.length > size - data.offset) {
    result.error = "needs bytes " + std::to_string(data.offset) + " to " + std::to_string(data.offset + data.length) +
                   " of '" + file.path + "', which has " + std::to_string(size);
    return result;
  }
  if (data.length > kOnnxInlineLimit) {
    result.file = *index;
    return result;
  }
  if (data.length == 0)
    return result;
  Expected<Handle> handle = openAgain(file);
  if (!handle) {
    result.error = llvm::toString(handle.takeError());
    return result;
  }
  auto slice = llvm::MemoryBuffer::getOpenFileSlice(handle->fd, file.path, data.length, data.offset);
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

/// Whether the first field can be one of a ModelProto.
static bool beginsAsModel(StringRef content) {
  constexpr unsigned varint = 0, bytes = 2;
  static constexpr std::pair<unsigned, unsigned> fields[] = {
      {1, varint}, {2, bytes}, {3, bytes},  {4, bytes},  {5, varint}, {6, bytes},
      {7, bytes},  {8, bytes}, {14, bytes}, {20, bytes}, {25, bytes}, {26, bytes},
  };
  return llvm::any_of(fields, [&](auto field) {
    unsigned tag = field.first << 3 | field.second;
    std::string begin = tag < 128 ? std::string{char(tag)} : std::string{char(tag | 128), char(tag >> 7)};
    return content.starts_with(begin);
  });
}

/// Reads `content`, the file that model.files[0] describes.
static Error load(StringRef content, OnnxModel &model, std::vector<OnnxProblem> &problems) {
  if (content.empty())
    return llvm::createStringError("the file is empty");
  StrippedModel stripped;
  bool isText = isTextForm(model.files[0].path, content);
  if (isText) {
    if (Error error = checkNesting(content))
      return error;
    stripped.bytes = content.str();
  } else {
    Expected<StrippedModel> result = stripModel(content, kOnnxInlineLimit);
    if (!result && !beginsAsModel(content))
      return llvm::createStringError(llvm::toString(result.takeError()) + "; is this an ONNX file?");
    if (!result)
      return result.takeError();
    stripped = std::move(*result);
  }
  ExternalFiles files(model.files);
  loadOnnx(stripped, isText, [&](const OnnxExternalData &data) { return files.resolve(data); }, model, problems);
  return Error::success();
}

OnnxModel hone::readModel(llvm::MemoryBufferRef file, std::vector<OnnxProblem> &problems) {
  OnnxModel model;
  StringRef path = file.getBufferIdentifier();
  OnnxFile &self = model.files.emplace_back();
  self.path = self.realPath = path.str();
  self.relativePath = path::filename(path).str();
  self.identity.size = file.getBufferSize();
  if (Error error = load(file.getBuffer(), model, problems))
    problems.push_back({OnnxProblem::Error, llvm::toString(std::move(error))});
  return model;
}

OnnxModel hone::readModel(StringRef path, std::vector<OnnxProblem> &problems) {
  OnnxModel model;
  OnnxFile &self = model.files.emplace_back();
  self.path = path.str();
  self.relativePath = path::filename(path).str();
  auto read = [&]() -> Error {
    Expected<int> fd = openRegularFile(self.path, self.identity);
    if (!fd)
      return fd.takeError();
    Handle handle(*fd);
    Expected<std::string> real = realPathOf(handle.fd);
    if (!real)
      return real.takeError();
    self.realPath = std::move(*real);
    auto buffer =
        llvm::MemoryBuffer::getOpenFile(handle.fd, path, self.identity.size, /*RequiresNullTerminator=*/false);
    return buffer ? load((*buffer)->getBuffer(), model, problems) : llvm::errorCodeToError(buffer.getError());
  };
  if (Error error = read())
    problems.push_back({OnnxProblem::Error, llvm::toString(std::move(error))});
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
  for (const OnnxFile &file : model.files) {
    Expected<Handle> handle = openAgain(file);
    if (!handle)
      return handle.takeError();
    for (;;) {
      Expected<size_t> size = fs::readNativeFile(handle->fd, llvm::MutableArrayRef<char>(chunk));
      if (!size)
        return fileError(file.path, llvm::toString(size.takeError()));
      if (*size == 0)
        break;
      hasher.update(StringRef(chunk.data(), *size));
    }
  }
  return llvm::toHex(hasher.final<32>(), /*LowerCase=*/true);
}

Expected<std::string> hone::readBytes(const OnnxModel &model, const OnnxTensor &tensor) {
  if (tensor.file < 0)
    return StringRef(tensor.bytes).str();
  const OnnxFile &file = model.files[tensor.file];
  Expected<Handle> handle = openAgain(file);
  if (!handle)
    return handle.takeError();
  auto slice = llvm::MemoryBuffer::getOpenFileSlice(handle->fd, file.path, tensor.length, tensor.offset);
  if (!slice)
    return fileError(file.path, slice.getError().message());
  return (*slice)->getBuffer().str();
}

/// `text`, or its beginning and its end with a hash between them.
static std::string shortened(StringRef text) {
  if (text.size() <= kMaxExpandedName)
    return text.str();
  std::string hash = "[" + llvm::utohexstr(llvm::xxh3_64bits(text), /*LowerCase=*/true, /*Width=*/16) + "]";
  size_t half = (kMaxExpandedName - hash.size()) / 2;
  return (text.take_front(half) + hash + text.take_back(half)).str();
}

FunctionCall::FunctionCall(const OnnxFunction &function, const OnnxNode &call)
    : function(function), call(call), prefix(shortened(call.name) + "::") {
  for (size_t i = 0; i < function.inputs.size(); ++i)
    if (!call.hasInput(i))
      leftOut.insert(function.inputs[i]);
}

const OnnxAttribute *FunctionCall::valueOf(StringRef attribute) const {
  if (const OnnxAttribute *given = call.find(attribute))
    return given;
  for (const OnnxAttribute &candidate : function.defaults)
    if (candidate.name == attribute)
      return &candidate;
  return nullptr;
}

OnnxNode FunctionCall::bind(OnnxNode node) const {
  node.name = shortened(prefix + node.name);
  node.madeUpName = true;
  bindInPlace(node);
  return node;
}

void FunctionCall::bindInPlace(OnnxNode &node) const {
  for (std::string &name : node.inputs)
    if (leftOut.contains(name))
      name.clear();

  std::vector<OnnxAttribute> bound;
  bool lacksAttribute = false;
  for (OnnxAttribute &attribute : node.attributes) {
    if (attribute.reference.empty()) {
      for (OnnxGraph &graph : attribute.graphs)
        for (OnnxNode &inner : graph.nodes)
          bindInPlace(inner);
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
