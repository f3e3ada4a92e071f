// An ONNX model as plain C++ data: what the importer reads, with neither protobuf nor MLIR in sight.
//
// readModel() is the door: it maps the file, strips the weights (Strip.h), lets libonnx parse, check and infer shapes
// (OnnxLibrary.h), and resolves external data. Weights are never loaded: a tensor above kOnnxInlineLimit bytes is a
// place in a file. All files are hostile input; any byte string gives either a model or errors.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef HONE_FRONTENDS_ONNX_MODEL_H
#define HONE_FRONTENDS_ONNX_MODEL_H

#include "support/FileView.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hone {

/// Tensors up to this many bytes travel inside the model (OnnxTensor::bytes), larger ones stay in their file if it
/// holds them as an array. Exporters keep shapes in tensors, and inference must see them.
constexpr uint64_t kOnnxInlineLimit = 1024;

/// Element types: the numbers of TensorProto.DataType.
enum class OnnxDataType : int32_t {
  Undefined = 0,
  Float = 1,
  UInt8 = 2,
  Int8 = 3,
  UInt16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  String = 8,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  UInt32 = 12,
  UInt64 = 13,
  Complex64 = 14,
  Complex128 = 15,
  BFloat16 = 16,
  Float8E4M3FN = 17,
  Float8E4M3FNUZ = 18,
  Float8E5M2 = 19,
  Float8E5M2FNUZ = 20,
  UInt4 = 21,
  Int4 = 22,
  Float4E2M1 = 23,
  Float8E8M0 = 24,
  UInt2 = 25,
  Int2 = 26,
  Float6E2M3 = 27,
  Float6E3M2 = 28,
};

/// Bits of one element as stored in raw data; 0 for strings, Undefined, and numbers ONNX does not define.
unsigned bitWidth(OnnxDataType type);
/// The type's name in ONNX's text form ("float", "int64", "bfloat16"); "undefined" for a number ONNX does not define.
const char *toString(OnnxDataType type);

/// Tensors of more dims are an error.
constexpr int64_t kMaxOnnxRank = 32;

/// Bytes that never change and that copies share: a function's constants are those of all its calls.
class SharedBytes {
public:
  SharedBytes() = default;
  SharedBytes(std::string bytes) : held(std::make_shared<const std::string>(std::move(bytes))) {}
  operator llvm::StringRef() const { return held ? llvm::StringRef(*held) : llvm::StringRef(); }
  const char *data() const { return llvm::StringRef(*this).data(); }
  size_t size() const { return llvm::StringRef(*this).size(); }
  bool empty() const { return size() == 0; }
  const char *begin() const { return data(); }
  const char *end() const { return data() + size(); }

private:
  std::shared_ptr<const std::string> held;
};

/// A constant: initializer or attribute. Rank <= kMaxOnnxRank, dims >= 0, and the bytes are exactly as many as dims x
/// type ask for.
struct OnnxTensor {
  std::string name;
  OnnxDataType type = OnnxDataType::Undefined;
  std::vector<int64_t> dims;
  /// Where the bytes are: OnnxModel::files[file] at `offset` (not aligned), or, for file < 0, in `bytes`.
  int32_t file = -1;
  uint64_t offset = 0;
  /// Bytes of the tensor, wherever they are. 0 for strings.
  uint64_t length = 0;
  /// Little-endian elements, row-major, whatever field of the TensorProto they came from; types below 8 bits packed,
  /// the first element in the low bits. Only for file < 0.
  SharedBytes bytes;
  /// The elements, for OnnxDataType::String.
  std::vector<std::string> strings;

  /// Product of dims; never overflows for a tensor of a model that was read without errors.
  int64_t numElements() const;
};

/// One dimension of a value's shape.
struct OnnxDim {
  int64_t value = -1; ///< >= 0 where the model fixes it, else -1
  std::string symbol; ///< "batch": where names are equal, so are the dimensions; "" if the model gives none
  bool isFixed() const { return value >= 0; }
};

/// The type of a value, as the model declares or libonnx infers it.
struct OnnxValueType {
  enum Kind { Unknown, Tensor, SparseTensor, Sequence, Optional, Map, Opaque };
  Kind kind = Unknown;
  OnnxDataType elementType = OnnxDataType::Undefined; ///< of a Tensor or SparseTensor; the key's of a Map
  bool hasShape = false;                              ///< false: the rank is unknown, and `dims` is empty
  std::vector<OnnxDim> dims;
  std::vector<OnnxValueType> element; ///< one: what a Sequence, Optional or Map holds
};

struct OnnxValueInfo {
  std::string name;
  OnnxValueType type;
};

struct OnnxGraph;

/// An attribute of a node. `kind` (the numbers of AttributeProto.AttributeType) says which field holds the value.
struct OnnxAttribute {
  enum Kind {
    Undefined = 0,
    Float = 1,
    Int = 2,
    String = 3,
    Tensor = 4,
    Graph = 5,
    Floats = 6,
    Ints = 7,
    Strings = 8,
    Tensors = 9,
    Graphs = 10,
    Type = 13,
    Types = 14,
  };
  std::string name;
  Kind kind = Undefined;
  /// In the body of an OnnxFunction: the value is that of the function's attribute of this name. Empty everywhere else.
  std::string reference;
  int64_t i = 0;
  float f = 0;
  std::string s;
  std::vector<int64_t> ints;
  std::vector<float> floats;
  std::vector<std::string> strings;
  std::vector<OnnxTensor> tensors;  ///< one for Tensor
  std::vector<OnnxGraph> graphs;    ///< one for Graph
  std::vector<OnnxValueType> types; ///< one for Type
};

/// One operation.
struct OnnxNode {
  /// Unique in its graph: the model's name; else, or where that is taken, one made up, like "MatMul_17" (the position).
  std::string name;
  bool madeUpName = false;
  std::string op;
  std::string domain; ///< "" for the standard's own domain (never "ai.onnx")
  /// The version of the domain that the model, or the function this node stands in, imports.
  int64_t opset = 0;
  /// The version in which the operator's definition for that opset appeared (Softmax at opset 12: 11): importers choose
  /// by it. 0: libonnx has no such operator.
  int64_t sinceVersion = 0;
  /// OnnxModel::functions[function] is this node's meaning (it goes before any operator of that name), or -1.
  int32_t function = -1;
  std::vector<std::string> inputs;  ///< "" for an optional input left out; trailing ones may be missing altogether
  std::vector<std::string> outputs; ///< likewise
  /// In the order of the file, then those the node leaves out and the operator's definition gives a default for.
  std::vector<OnnxAttribute> attributes;

  /// The attribute of that name, or null.
  const OnnxAttribute *find(llvm::StringRef attribute) const;
  /// Integer, number or text attributes by name; `otherwise` where absent or of another kind. libonnx has checked
  /// kinds.
  int64_t getInt(llvm::StringRef attribute, int64_t otherwise) const;
  float getFloat(llvm::StringRef attribute, float otherwise) const;
  llvm::StringRef getString(llvm::StringRef attribute, llvm::StringRef otherwise) const;
  bool hasInput(size_t index) const { return index < inputs.size() && !inputs[index].empty(); }
  bool hasOutput(size_t index) const { return index < outputs.size() && !outputs[index].empty(); }
  /// "node 'encoder/MatMul_3' (MatMul)": how errors and locations name it.
  std::string describe() const;
};

/// A graph: the model's, or one in an attribute of a control-flow node, which sees the names around that node.
struct OnnxGraph {
  std::string name;
  std::vector<OnnxValueInfo> inputs; ///< what a caller passes: without those an initializer gives a value to
  std::vector<OnnxValueInfo> outputs;
  std::vector<OnnxValueInfo> values; ///< types of inner values, as far as they could be inferred
  std::vector<OnnxTensor> initializers;
  std::vector<OnnxNode> nodes; ///< each after those it reads from
};

/// An operator defined by nodes: a function of the model, or the standard's body of an operator.
struct OnnxFunction {
  std::string domain, name, overload;
  std::vector<std::string> inputs, outputs;
  std::vector<std::string> attributes;   ///< without default
  std::vector<OnnxAttribute> defaults;   ///< attributes with their default
  std::map<std::string, int64_t> opsets; ///< of the body: domain ("" for the standard's) → version
  std::vector<OnnxNode> nodes;
};

/// A file of the model.
struct OnnxFile {
  std::string path;         ///< as one can open it
  std::string relativePath; ///< to the model's folder
  std::string realPath;     ///< what `path` led to when it was opened, without symbolic links
  FileIdentity identity;    ///< ... and which file that was, in which state
};

/// An error if `now`, what `file.realPath` leads to, is no longer the file that was read.
llvm::Error checkUnchanged(const OnnxFile &file, const FileIdentity &now);

/// Something to tell about a model.
struct OnnxProblem {
  enum Severity { Note, Error };
  Severity severity = Error;
  std::string text; ///< names the thing, says what was expected, and what to try
};

struct OnnxModel {
  int64_t irVersion = 0;
  std::string producer;                  ///< "pytorch 2.4.0"; may be empty
  std::map<std::string, int64_t> opsets; ///< domain ("" for the standard's) → version
  OnnxGraph graph;
  /// Initializers that the model lists as inputs, too (since IR version 4, before which all of them had to be): ONNX
  /// calls them defaults that a caller may override; here they are constants.
  std::vector<std::string> defaultInputs;
  std::vector<OnnxFunction> functions;
  std::vector<OnnxFile> files; ///< [0]: the model itself; then files of external data
};

/// Reads the model at `path`: binary, or text (a name in .onnxtxt or .txt, or a file that begins as text does). Adds
/// all that there is to tell to `problems`; the result is usable if none of those is an error. What is said of the
/// model's own file does not repeat its path.
OnnxModel readModel(llvm::StringRef path, std::vector<OnnxProblem> &problems);
/// The same; the error holds all the problems that are errors, one a line.
llvm::Expected<OnnxModel> readModel(llvm::StringRef path);
/// The same for a file that is in memory, as if it lay at the path that is its identifier.
OnnxModel readModel(llvm::MemoryBufferRef file, std::vector<OnnxProblem> &problems);
/// BLAKE3 of the files' bytes, in their order, as 64 hexadecimal digits. Reads all of them once. Errors: a file that
/// cannot be read, or is not the one that the model was read from.
llvm::Expected<std::string> digestModel(const OnnxModel &model);

/// The bytes of a tensor of the model, wherever they lie.
llvm::Expected<std::string> readBytes(const OnnxModel &model, const OnnxTensor &tensor);

/// Names of nodes that stand in functions are no longer than this: what is between their beginning and end becomes a
/// hash. They begin with the names of calls, which would repeat in every node otherwise.
constexpr size_t kMaxExpandedName = 512;

/// What `call` makes of the nodes of `function`, its meaning: a model's function, or the standard's
/// (standardFunction()). Node by node: a body may be large, and its calls many.
class FunctionCall {
public:
  /// Both must live as long as this.
  FunctionCall(const OnnxFunction &function, const OnnxNode &call);

  /// A node of the body as it is in this call: attributes that refer to the function's are the call's, inputs that the
  /// call leaves out are "", and the name is "<call>::<inner>" (not in the graphs of attributes, which have a path of
  /// their own). Values keep the function's names, which are a scope of their own: any of them may be the name of
  /// another value around the call.
  OnnxNode bind(OnnxNode node) const;

private:
  const OnnxFunction &function;
  const OnnxNode &call;
  std::string prefix;
  llvm::StringSet<> leftOut;

  const OnnxAttribute *valueOf(llvm::StringRef attribute) const;
  void bindInPlace(OnnxNode &node) const;
};

} // namespace hone

#endif
