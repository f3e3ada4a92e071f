// What a model's messages say, checked as far as libonnx does not: dims, types and lengths of tensors.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OnnxLibraryConvert.h"
#include <algorithm>
#include <cctype>
#include <cstring>
#include <set>

using namespace hone;
using google::protobuf::RepeatedPtrField;

namespace {

/// Product of the dims that are not zero: leaves room for any arithmetic on byte offsets.
constexpr int64_t kMaxElements = int64_t(1) << 48;

} // namespace

OnnxDataType hone::toDataType(int32_t number) {
  bool known = number > 0 && number <= int32_t(OnnxDataType::Float6E3M2);
  return known ? OnnxDataType(number) : OnnxDataType::Undefined;
}

std::string hone::quote(const std::string &name) { return "'" + name + "'"; }

std::string hone::shapeText(const onnx::TensorProto &tensor) {
  std::string result;
  for (int64_t dim : tensor.dims())
    result += (result.empty() ? "" : "x") + std::to_string(dim);
  return "[" + result + "]";
}

uint64_t hone::byteLength(const onnx::TensorProto &tensor, std::string &error) {
  auto fail = [&](std::string what) {
    error = std::move(what);
    return 0;
  };
  OnnxDataType type = toDataType(tensor.data_type());
  if (type == OnnxDataType::Undefined)
    return fail("has the unknown element type " + std::to_string(tensor.data_type()));
  if (tensor.dims_size() > kMaxOnnxRank)
    return fail("has rank " + std::to_string(tensor.dims_size()) + "; at most " + std::to_string(kMaxOnnxRank) +
                " is possible");
  if (tensor.has_segment())
    return fail("is one segment of a tensor, which no tool writes");
  int64_t elements = 1;
  bool isEmpty = false;
  for (int64_t dim : tensor.dims()) {
    if (dim < 0)
      return fail("has the negative dimension " + std::to_string(dim));
    isEmpty |= dim == 0;
    if (dim > 0 && elements > kMaxElements / dim)
      return fail("is too large: " + shapeText(tensor));
    elements *= std::max<int64_t>(dim, 1);
  }
  return isEmpty ? 0 : (uint64_t(elements) * bitWidth(type) + 7) / 8;
}

template <typename To, typename From> static std::string narrowed(const google::protobuf::RepeatedField<From> &values) {
  std::string bytes(values.size() * sizeof(To), '\0');
  for (int i = 0; i < values.size(); ++i) {
    To value = To(values[i]);
    std::memcpy(&bytes[i * sizeof(To)], &value, sizeof(To));
  }
  return bytes;
}

/// One 6-bit element per entry → a stream of bits, as raw_data has it.
static std::string packed6(const google::protobuf::RepeatedField<int32_t> &values) {
  std::string bytes((size_t(values.size()) * 6 + 7) / 8, '\0');
  for (size_t i = 0; i < size_t(values.size()); ++i) {
    unsigned value = values[i] & 63, shift = i * 6 % 8;
    bytes[i * 6 / 8] |= char(value << shift);
    if (shift > 2)
      bytes[i * 6 / 8 + 1] |= char(value >> (8 - shift));
  }
  return bytes;
}

/// The bytes of a tensor stored in a typed field, as raw_data would have them.
static std::string typedBytes(const onnx::TensorProto &tensor, OnnxDataType type) {
  switch (type) {
  case OnnxDataType::Float:
  case OnnxDataType::Complex64:
    return narrowed<float>(tensor.float_data());
  case OnnxDataType::Double:
  case OnnxDataType::Complex128:
    return narrowed<double>(tensor.double_data());
  case OnnxDataType::Int64:
    return narrowed<int64_t>(tensor.int64_data());
  case OnnxDataType::UInt64:
    return narrowed<uint64_t>(tensor.uint64_data());
  case OnnxDataType::UInt32:
    return narrowed<uint32_t>(tensor.uint64_data());
  case OnnxDataType::Int32:
    return narrowed<int32_t>(tensor.int32_data());
  case OnnxDataType::Bool:
    return narrowed<bool>(tensor.int32_data());
  case OnnxDataType::UInt16:
  case OnnxDataType::Int16:
  case OnnxDataType::Float16:
  case OnnxDataType::BFloat16:
    return narrowed<uint16_t>(tensor.int32_data());
  case OnnxDataType::Float6E2M3:
  case OnnxDataType::Float6E3M2:
    return packed6(tensor.int32_data());
  default: // bytes, and packed types: one byte per entry
    return narrowed<uint8_t>(tensor.int32_data());
  }
}

const std::string *hone::findEntry(const onnx::TensorProto &tensor, const char *key) {
  for (const auto &entry : tensor.external_data())
    if (entry.key() == key)
      return &entry.value();
  return nullptr;
}

bool hone::parseNumber(const std::string *digits, uint64_t &number) {
  return digits && !llvm::StringRef(*digits).getAsInteger(10, number);
}

std::string hone::elementBytes(const onnx::TensorProto &tensor) {
  return tensor.has_raw_data() ? tensor.raw_data() : typedBytes(tensor, toDataType(tensor.data_type()));
}

std::string hone::convertTensor(const onnx::TensorProto &tensor, OnnxTensor &result, llvm::ArrayRef<SharedBytes> held) {
  std::string error;
  result.name = tensor.name();
  result.type = toDataType(tensor.data_type());
  result.dims.assign(tensor.dims().begin(), tensor.dims().end());
  result.length = byteLength(tensor, error);
  if (!error.empty())
    return error;

  if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
    uint64_t file = 0;
    const std::string *location = findEntry(tensor, "location");
    llvm::StringRef place = location ? llvm::StringRef(*location) : llvm::StringRef();
    size_t number;
    if (place.consume_front(kHeldLocation)) {
      if (place.getAsInteger(10, number) || number >= held.size())
        return "has unresolved external data";
      result.bytes = held[number];
      return "";
    }
    std::string digits = place.drop_front(std::min<size_t>(1, place.size())).str();
    if (!parseNumber(&digits, file) || !parseNumber(findEntry(tensor, "offset"), result.offset))
      return "has unresolved external data";
    result.file = int32_t(file);
    return "";
  }
  if (result.type == OnnxDataType::String) {
    result.strings.assign(tensor.string_data().begin(), tensor.string_data().end());
    if (int64_t(result.strings.size()) != result.numElements())
      return "has " + std::to_string(result.strings.size()) + " strings for the shape " + shapeText(tensor);
    return "";
  }
  result.bytes = elementBytes(tensor);
  if (result.bytes.size() != result.length)
    return "has " + std::to_string(result.bytes.size()) + " bytes of data; its shape " + shapeText(tensor) + " of " +
           toString(result.type) + " needs " + std::to_string(result.length);
  return "";
}

/// The name of a dim that is not fixed, "" for what exporters write where there is none: it says nothing of another dim
/// that is written so ("?" of Paddle, "None" and "-1" of Keras).
static std::string dimName(const std::string &symbol) {
  bool isText = std::any_of(symbol.begin(), symbol.end(),
                            [](unsigned char c) { return c >= 0x80 || c == '_' || std::isalnum(c); });
  return isText && symbol != "None" && symbol != "-1" ? symbol : "";
}

/// Takes away the names that inference made up ("unk__7"), also if it ran before the model was written. A converter may
/// call dims of inputs so, which are names as all others are.
static void dropInferredNames(OnnxGraph &graph) {
  std::set<std::string> given;
  for (const OnnxValueInfo &input : graph.inputs)
    for (const OnnxDim &dim : input.type.dims)
      given.insert(dim.symbol);
  for (auto *values : {&graph.outputs, &graph.values})
    for (OnnxValueInfo &value : *values)
      for (OnnxDim &dim : value.type.dims)
        if (dim.symbol.compare(0, 5, "unk__") == 0 && !given.count(dim.symbol))
          dim.symbol.clear();
}

template <typename TensorType> static void convertShape(const TensorType &type, OnnxValueType &result) {
  result.elementType = toDataType(type.elem_type());
  result.hasShape = type.has_shape();
  for (const auto &dim : type.shape().dim()) {
    // Some exporters write -1 for a dimension that they do not know.
    int64_t value = dim.has_dim_value() && dim.dim_value() >= 0 ? dim.dim_value() : -1;
    result.dims.push_back({value, dimName(dim.dim_param())});
  }
}

static OnnxValueType convertType(const onnx::TypeProto &type) {
  OnnxValueType result;
  switch (type.value_case()) {
  case onnx::TypeProto::kTensorType:
    result.kind = OnnxValueType::Tensor;
    convertShape(type.tensor_type(), result);
    break;
  case onnx::TypeProto::kSparseTensorType:
    result.kind = OnnxValueType::SparseTensor;
    convertShape(type.sparse_tensor_type(), result);
    break;
  case onnx::TypeProto::kSequenceType:
    result.kind = OnnxValueType::Sequence;
    result.element.push_back(convertType(type.sequence_type().elem_type()));
    break;
  case onnx::TypeProto::kOptionalType:
    result.kind = OnnxValueType::Optional;
    result.element.push_back(convertType(type.optional_type().elem_type()));
    break;
  case onnx::TypeProto::kMapType:
    result.kind = OnnxValueType::Map;
    result.elementType = toDataType(type.map_type().key_type());
    result.element.push_back(convertType(type.map_type().value_type()));
    break;
  case onnx::TypeProto::kOpaqueType:
    result.kind = OnnxValueType::Opaque;
    break;
  case onnx::TypeProto::VALUE_NOT_SET:
    break;
  }
  return result;
}

template <typename TensorType> static void shapeToProto(const OnnxValueType &type, TensorType &result) {
  result.set_elem_type(int32_t(type.elementType));
  if (!type.hasShape)
    return;
  auto *shape = result.mutable_shape();
  for (const OnnxDim &dim : type.dims) {
    auto *out = shape->add_dim();
    if (dim.isFixed())
      out->set_dim_value(dim.value);
    else if (!dim.symbol.empty())
      out->set_dim_param(dim.symbol);
  }
}

onnx::TypeProto hone::toProto(const OnnxValueType &type) {
  onnx::TypeProto result;
  onnx::TypeProto inner = type.element.empty() ? onnx::TypeProto() : toProto(type.element.front());
  switch (type.kind) {
  case OnnxValueType::Tensor:
    shapeToProto(type, *result.mutable_tensor_type());
    break;
  case OnnxValueType::SparseTensor:
    shapeToProto(type, *result.mutable_sparse_tensor_type());
    break;
  case OnnxValueType::Sequence:
    *result.mutable_sequence_type()->mutable_elem_type() = inner;
    break;
  case OnnxValueType::Optional:
    *result.mutable_optional_type()->mutable_elem_type() = inner;
    break;
  case OnnxValueType::Map:
    result.mutable_map_type()->set_key_type(int32_t(type.elementType));
    *result.mutable_map_type()->mutable_value_type() = inner;
    break;
  case OnnxValueType::Opaque:
  case OnnxValueType::Unknown:
    break;
  }
  return result;
}

onnx::AttributeProto hone::toProto(const OnnxAttribute &attribute) {
  onnx::AttributeProto result;
  result.set_name(attribute.name);
  result.set_type(onnx::AttributeProto::AttributeType(attribute.kind));
  if (attribute.kind == OnnxAttribute::Int)
    result.set_i(attribute.i);
  if (attribute.kind == OnnxAttribute::Float)
    result.set_f(attribute.f);
  if (attribute.kind == OnnxAttribute::String)
    result.set_s(attribute.s);
  result.mutable_ints()->Add(attribute.ints.begin(), attribute.ints.end());
  result.mutable_floats()->Add(attribute.floats.begin(), attribute.floats.end());
  for (const std::string &string : attribute.strings)
    result.add_strings(string);
  if (attribute.kind == OnnxAttribute::Tensor && !attribute.tensors.empty())
    result.mutable_t()->set_data_type(int32_t(attribute.tensors.front().type));
  if (attribute.kind == OnnxAttribute::Type && !attribute.types.empty())
    *result.mutable_tp() = toProto(attribute.types.front());
  return result;
}

const onnx::OpSchema *hone::findSchema(const std::string &op, const std::string &domain, int64_t opset) {
  if (opset <= 0 || opset > INT32_MAX)
    return nullptr;
  return onnx::OpSchemaRegistry::Schema(op, int(opset), domain);
}

static int64_t versionOf(const OnnxOpsetMap &opsets, const std::string &domain) {
  auto it = opsets.find(domain);
  return it == opsets.end() ? 0 : it->second;
}

std::string hone::describe(const onnx::NodeProto &node) {
  std::string name = !node.name().empty() ? quote(node.name())
                     : node.output_size() ? "that computes " + quote(node.output(0))
                                          : "without name";
  return "node " + name + " (" + node.op_type() + ")";
}

std::string hone::functionKey(const std::string &domain, const std::string &name, const std::string &overload) {
  return domain + ":" + name + ":" + overload;
}

OnnxTensor OnnxConverter::convertNamed(const onnx::TensorProto &tensor, const std::string &where) {
  OnnxTensor result;
  if (std::string error = convertTensor(tensor, result, held); !error.empty())
    report(where + " " + error);
  return result;
}

OnnxAttribute OnnxConverter::convertAttribute(const onnx::AttributeProto &attribute, const OnnxOpsetMap &opsets,
                                              bool inFunction, const std::string &where) {
  OnnxAttribute result;
  result.name = attribute.name();
  result.kind = OnnxAttribute::Kind(attribute.type());
  result.reference = attribute.ref_attr_name();
  if (!result.reference.empty() && !inFunction)
    report("attribute " + quote(result.name) + " of " + where +
           " refers to an attribute of a function, but is in none");
  result.i = attribute.i();
  result.f = attribute.f();
  result.s = attribute.s();
  result.ints.assign(attribute.ints().begin(), attribute.ints().end());
  result.floats.assign(attribute.floats().begin(), attribute.floats().end());
  result.strings.assign(attribute.strings().begin(), attribute.strings().end());
  std::string name = "attribute " + quote(result.name) + " of " + where;
  if (attribute.has_t())
    result.tensors.push_back(convertNamed(attribute.t(), name));
  for (const auto &tensor : attribute.tensors())
    result.tensors.push_back(convertNamed(tensor, name));
  if (attribute.has_g())
    result.graphs.push_back(convertGraph(attribute.g(), opsets, inFunction));
  for (const auto &graph : attribute.graphs())
    result.graphs.push_back(convertGraph(graph, opsets, inFunction));
  if (attribute.has_tp())
    result.types.push_back(convertType(attribute.tp()));
  for (const auto &type : attribute.type_protos())
    result.types.push_back(convertType(type));
  bool lacksValue = (result.kind == OnnxAttribute::Tensor && result.tensors.empty()) ||
                    (result.kind == OnnxAttribute::Graph && result.graphs.empty()) ||
                    (result.kind == OnnxAttribute::Type && result.types.empty());
  if (lacksValue && result.reference.empty())
    report(name + " has no value");
  return result;
}

std::vector<OnnxNode> OnnxConverter::convertNodes(const RepeatedPtrField<onnx::NodeProto> &nodes,
                                                  const OnnxOpsetMap &opsets, bool inFunction) {
  std::vector<OnnxNode> result;
  result.reserve(nodes.size());
  std::set<std::string> names;
  for (const auto &node : nodes) {
    OnnxNode converted;
    converted.name = node.name();
    converted.madeUpName = node.name().empty() || !names.insert(node.name()).second;
    converted.op = node.op_type();
    converted.domain = node.domain();
    converted.opset = versionOf(opsets, node.domain());
    if (const onnx::OpSchema *schema = findSchema(node.op_type(), node.domain(), converted.opset))
      converted.sinceVersion = schema->SinceVersion();
    auto function = functions.find(functionKey(node.domain(), node.op_type(), node.overload()));
    if (function != functions.end())
      converted.function = function->second;
    converted.inputs.assign(node.input().begin(), node.input().end());
    converted.outputs.assign(node.output().begin(), node.output().end());
    for (const auto &attribute : node.attribute())
      converted.attributes.push_back(convertAttribute(attribute, opsets, inFunction, describe(node)));
    if (converted.function < 0)
      addDefaultAttributes(converted);
    result.push_back(std::move(converted));
  }
  for (size_t i = 0; i < result.size(); ++i) {
    if (!result[i].madeUpName)
      continue;
    std::string name = result[i].op + "_" + std::to_string(i);
    while (!names.insert(name).second)
      name += "_";
    result[i].name = std::move(name);
  }
  return result;
}

OnnxGraph OnnxConverter::convertGraph(const onnx::GraphProto &graph, const OnnxOpsetMap &opsets, bool inFunction) {
  OnnxGraph result;
  result.name = graph.name();
  std::set<std::string> constants;
  for (const auto &tensor : graph.initializer()) {
    constants.insert(tensor.name());
    result.initializers.push_back(convertNamed(tensor, "initializer " + quote(tensor.name())));
  }
  for (const auto &input : graph.input())
    if (!constants.count(input.name()))
      result.inputs.push_back({input.name(), convertType(input.type())});
  for (const auto &output : graph.output())
    result.outputs.push_back({output.name(), convertType(output.type())});
  for (const auto &value : graph.value_info())
    result.values.push_back({value.name(), convertType(value.type())});
  dropInferredNames(result);
  result.nodes = convertNodes(graph.node(), opsets, inFunction);
  return result;
}

OnnxFunction OnnxConverter::convertFunction(const onnx::FunctionProto &function) {
  OnnxFunction result;
  result.domain = function.domain();
  result.name = function.name();
  result.overload = function.overload();
  result.inputs.assign(function.input().begin(), function.input().end());
  result.outputs.assign(function.output().begin(), function.output().end());
  result.attributes.assign(function.attribute().begin(), function.attribute().end());
  for (const auto &opset : function.opset_import())
    result.opsets[opset.domain()] = opset.version();
  std::string where = "function " + quote(function.name());
  for (const auto &attribute : function.attribute_proto())
    result.defaults.push_back(convertAttribute(attribute, result.opsets, /*inFunction=*/false, where));
  result.nodes = convertNodes(function.node(), result.opsets, /*inFunction=*/true);
  return result;
}
