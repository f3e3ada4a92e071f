// Between libonnx's protobuf messages and the plain data of Model.h. Compiled like OnnxLibrary.cpp; only
// OnnxLibrary*.cpp include it.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef HONE_FRONTENDS_ONNX_ONNXLIBRARYCONVERT_H
#define HONE_FRONTENDS_ONNX_ONNXLIBRARYCONVERT_H

#include "frontends/onnx/OnnxLibrary.h"
#include "onnx/defs/schema.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/ArrayRef.h"
#include <unordered_map>

namespace hone {

using OnnxOpsetMap = std::map<std::string, int64_t>;

/// Undefined for numbers that ONNX does not define.
OnnxDataType toDataType(int32_t number);

/// For messages: 'name', [2x3], "node 'name' (Op)".
std::string quote(const std::string &name);
std::string shapeText(const onnx::TensorProto &tensor);
std::string describe(const onnx::NodeProto &node);

/// Bytes a tensor has by its dims and type; 0 for strings. Sets `error` and returns 0 if they make no sense.
uint64_t byteLength(const onnx::TensorProto &tensor, std::string &error);

/// The location of data that the reader holds, with their number behind it. libonnx leaves it alone, as "#1".
constexpr char kHeldLocation[] = "#held";

/// Fills `result`; external data must have been resolved, to files or to `held`. Returns what is wrong with the tensor,
/// or "".
std::string convertTensor(const onnx::TensorProto &tensor, OnnxTensor &result, llvm::ArrayRef<SharedBytes> held = {});
/// The elements of a tensor that is not external, as OnnxTensor::bytes has them; of any length.
std::string elementBytes(const onnx::TensorProto &tensor);

/// The value of an entry of external_data, or null.
const std::string *findEntry(const onnx::TensorProto &tensor, const char *key);
/// Whether there are `digits`, and nothing but digits of a 64-bit number.
bool parseNumber(const std::string *digits, uint64_t &number);

/// libonnx's definition of an operator, or null.
const onnx::OpSchema *findSchema(const std::string &op, const std::string &domain, int64_t opset);

/// What a node calls: the same text for a function of the model.
std::string functionKey(const std::string &domain, const std::string &name, const std::string &overload);

onnx::TypeProto toProto(const OnnxValueType &type);
/// Of an attribute, what the bodies of functions depend on: everything but graphs and the data of tensors.
onnx::AttributeProto toProto(const OnnxAttribute &attribute);

/// Converts nodes and graphs; complaints go to `report`.
class OnnxConverter {
public:
  using Report = std::function<void(std::string)>;
  explicit OnnxConverter(Report report, llvm::ArrayRef<SharedBytes> held = {})
      : report(std::move(report)), held(held) {}

  /// Model-local functions by functionKey.
  std::unordered_map<std::string, int32_t> functions;

  /// `opsets` are those of the surrounding model or function.
  OnnxGraph convertGraph(const onnx::GraphProto &graph, const OnnxOpsetMap &opsets, bool inFunction);
  OnnxFunction convertFunction(const onnx::FunctionProto &function);
  OnnxAttribute convertAttribute(const onnx::AttributeProto &attribute, const OnnxOpsetMap &opsets, bool inFunction,
                                 const std::string &where);

private:
  Report report;
  llvm::ArrayRef<SharedBytes> held;

  OnnxTensor convertNamed(const onnx::TensorProto &tensor, const std::string &where);
  std::vector<OnnxNode> convertNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes,
                                     const OnnxOpsetMap &opsets, bool inFunction);
};

} // namespace hone

#endif
