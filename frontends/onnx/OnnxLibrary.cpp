// Calls libonnx: parses, checks, infers, and looks operators up. The files OnnxLibrary*.cpp are the only ones
// with exceptions and RTTI; whatever libonnx throws ends here.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OnnxLibrary.h"
#include "frontends/onnx/OnnxLibraryConvert.h"
#include "onnx/checker.h"
#include "onnx/defs/parser.h"
#include "onnx/shape_inference/implementation.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/JSON.h"
#include <algorithm>
#include <cctype>
#include <set>
#include <sstream>

using namespace hone;
using google::protobuf::RepeatedPtrField;

namespace {

/// Nodes after all calls of local functions are expanded. 30 functions that call each other twice would be a billion.
constexpr uint64_t kMaxExpandedNodes = 1 << 20;
/// Names and lists are copied for each call: more than this in one node counts as further nodes.
constexpr uint64_t kExpandedNodeBytes = 4096;
/// libonnx materialises the elements of integer vectors that it knows nothing of but the length.
constexpr int64_t kMaxShapeVector = 1 << 20;
constexpr size_t kMaxProblems = 100;

} // namespace

/// Whether an output of a function is computed by its nodes, or is one of its inputs.
static bool computes(const OnnxFunction &function, const std::string &output) {
  auto contains = [&](const std::vector<std::string> &names) {
    return std::find(names.begin(), names.end(), output) != names.end();
  };
  return contains(function.inputs) || std::any_of(function.nodes.begin(), function.nodes.end(),
                                                  [&](const OnnxNode &node) { return contains(node.outputs); });
}

namespace {

class Loader {
public:
  Loader(const StrippedModel &source, const OnnxDataResolver &resolver, OnnxModel &model,
         std::vector<OnnxProblem> &problems)
      : source(source), resolver(resolver), model(model), problems(problems) {}

  /// Each step needs those before it to have found no error.
  bool run(bool isText) {
    if (!parse(isText))
      return false;
    normalize();
    checkPolicy();
    resolveAll();
    check();
    if (hasErrors)
      return false;
    infer();
    convert();
    return !hasErrors;
  }

  void error(std::string what) {
    std::replace(what.begin(), what.end(), '\n', ' ');
    hasErrors = true;
    if (++reported < kMaxProblems)
      problems.push_back({OnnxProblem::Error, std::move(what)});
    else if (reported == kMaxProblems)
      problems.push_back({OnnxProblem::Error, "more problems follow"});
  }

private:
  const StrippedModel &source;
  const OnnxDataResolver &resolver;
  OnnxModel &model;
  std::vector<OnnxProblem> &problems;
  onnx::ModelProto proto;
  size_t reported = 0;
  bool hasErrors = false;
  /// Nodes whose operator neither the standard (any more) nor the model defines: the importer names them.
  std::vector<onnx::NodeProto *> unknown;
  /// Data of tensors that libonnx does not get to see.
  std::vector<SharedBytes> held;
  /// What is wrong with the data of tensors: the first one it is wrong with, and how many. One missing file is one
  /// problem.
  llvm::MapVector<std::string, std::pair<std::string, unsigned>, std::map<std::string, unsigned>> unresolved;

  void note(std::string what) { problems.push_back({OnnxProblem::Note, std::move(what)}); }

  bool parse(bool isText);
  void normalize();
  void checkPolicy();
  void resolveAll();
  void check();
  void infer();
  void convert();

  void normalize(RepeatedPtrField<onnx::NodeProto> &nodes, const OnnxOpsetMap &opsets,
                 const std::set<std::string> &functions);
  void resolve(RepeatedPtrField<onnx::NodeProto> &nodes);
  void resolve(onnx::GraphProto &graph);
  void resolve(onnx::AttributeProto &attribute, const std::string &where);
  void resolve(onnx::TensorProto &tensor, const std::string &where);
  void hold(onnx::TensorProto &tensor, uint64_t length);
  void holdList(onnx::NodeProto &node);
  std::string locate(const onnx::TensorProto &tensor, const std::string &where, uint64_t length,
                     OnnxResolvedData &result, uint64_t &offset);
  std::string findPayload(const onnx::TensorProto &tensor, uint64_t offset, uint64_t length, OnnxResolvedData &result);
  std::string runChecker();
  void checkEach(const RepeatedPtrField<onnx::NodeProto> &nodes,
                 const RepeatedPtrField<onnx::OperatorSetIdProto> &opsets, onnx::checker::LexicalScopeContext scope);
  bool expandsTooFar();
  void checkCalls(const std::vector<OnnxNode> &nodes);
};

} // namespace

bool Loader::parse(bool isText) {
  if (isText) {
    onnx::OnnxParser parser(source.bytes);
    auto status = parser.Parse(proto);
    if (!status.IsOK())
      error("not a model in ONNX's text form: " + status.ErrorMessage());
    return status.IsOK();
  }
  if (source.bytes.size() > INT32_MAX || !proto.ParseFromArray(source.bytes.data(), int(source.bytes.size()))) {
    error("not an ONNX model: protobuf cannot parse it; is this an ONNX file?");
    return false;
  }
  if (!proto.has_graph()) {
    error("not an ONNX model: it has no graph; is this an ONNX file?");
    return false;
  }
  return true;
}

static OnnxOpsetMap opsetsOf(const RepeatedPtrField<onnx::OperatorSetIdProto> &imports) {
  OnnxOpsetMap result;
  for (const auto &opset : imports)
    result.emplace(opset.domain(), opset.version());
  return result;
}

/// "ai.onnx" and "" are the same domain, but libonnx's registry knows only the latter.
void Loader::normalize() {
  auto rename = [](std::string *domain) {
    if (*domain == "ai.onnx")
      domain->clear();
  };
  std::set<std::string> functions;
  for (auto &opset : *proto.mutable_opset_import())
    rename(opset.mutable_domain());
  for (auto &function : *proto.mutable_functions()) {
    rename(function.mutable_domain());
    for (auto &opset : *function.mutable_opset_import())
      rename(opset.mutable_domain());
    functions.insert(functionKey(function.domain(), function.name(), function.overload()));
  }
  normalize(*proto.mutable_graph()->mutable_node(), opsetsOf(proto.opset_import()), functions);
  for (auto &function : *proto.mutable_functions())
    normalize(*function.mutable_node(), opsetsOf(function.opset_import()), functions);
  if (proto.training_info_size()) {
    note("the model's training graphs are left out");
    proto.clear_training_info();
  }
}

void Loader::normalize(RepeatedPtrField<onnx::NodeProto> &nodes, const OnnxOpsetMap &opsets,
                       const std::set<std::string> &functions) {
  for (auto &node : nodes) {
    if (node.domain() == "ai.onnx")
      node.clear_domain();
    if (auto opset = opsets.find(node.domain());
        opset != opsets.end() && !functions.count(functionKey(node.domain(), node.op_type(), node.overload()))) {
      const onnx::OpSchema *schema = findSchema(node.op_type(), node.domain(), opset->second);
      if (!schema || schema->Deprecated() || onnx::checker::check_is_experimental_op(node))
        unknown.push_back(&node);
    }
    for (auto &attribute : *node.mutable_attribute()) {
      if (attribute.has_g())
        normalize(*attribute.mutable_g()->mutable_node(), opsets, functions);
      for (auto &graph : *attribute.mutable_graphs())
        normalize(*graph.mutable_node(), opsets, functions);
    }
  }
}

/// What libonnx would accept, or not even look at, and Hone does not read.
void Loader::checkPolicy() {
  auto checkOpsets = [&](const RepeatedPtrField<onnx::OperatorSetIdProto> &opsets, const std::string &where) {
    OnnxOpsetMap seen;
    for (const auto &opset : opsets) {
      if (seen.emplace(opset.domain(), opset.version()).first->second != opset.version())
        error(where + " imports the domain " + quote(opset.domain()) + " in two versions; keep one of them");
      if (opset.domain().empty() && (opset.version() < kOldestOnnxOpset || opset.version() > kNewestOnnxOpset))
        error(where + " uses ONNX operator set " + std::to_string(opset.version()) + "; Hone reads " +
              std::to_string(kOldestOnnxOpset) + " to " + std::to_string(kNewestOnnxOpset) +
              ": export it again with such an opset, or convert it with onnx.version_converter");
    }
  };
  checkOpsets(proto.opset_import(), "the model");
  model.opsets = opsetsOf(proto.opset_import());
  for (const auto &function : proto.functions())
    checkOpsets(function.opset_import(), "function " + quote(function.name()));
  // Before this version functions are not checked by libonnx, nor do other tools know them.
  if (proto.functions_size() && proto.ir_version() < 8)
    error("the model has functions, but its IR version is " + std::to_string(proto.ir_version()) +
          "; they need 8: set ir_version to that or more");
  for (const auto &input : proto.graph().input()) {
    const auto &type = input.type();
    if (type.has_tensor_type() && toDataType(type.tensor_type().elem_type()) == OnnxDataType::Undefined)
      error("input " + quote(input.name()) + " has the unknown element type " +
            std::to_string(type.tensor_type().elem_type()));
  }
  // The compiled library hands these names out, as C strings in UTF-8.
  auto checkName = [&](const std::string &name, const char *what) {
    if (!llvm::json::isUTF8(name) || name.find('\0') != std::string::npos)
      error(std::string("the name of ") + what + " " + quote(llvm::json::fixUTF8(name)) +
            " is no text in UTF-8: rename it in the model");
  };
  auto checkNames = [&](const RepeatedPtrField<onnx::ValueInfoProto> &values, const char *what) {
    for (const auto &value : values) {
      checkName(value.name(), what);
      for (const auto &dim : value.type().tensor_type().shape().dim())
        checkName(dim.dim_param(), "dim");
    }
  };
  checkNames(proto.graph().input(), "input");
  checkNames(proto.graph().output(), "output");
}

/// Gives every tensor with external data a place in OnnxModel::files, or its bytes. libonnx's checker would open files
/// itself, relative to the current directory, unless their names begin with '#'.
void Loader::resolveAll() {
  resolve(*proto.mutable_graph());
  for (auto &function : *proto.mutable_functions()) {
    resolve(*function.mutable_node());
    for (auto &attribute : *function.mutable_attribute_proto())
      resolve(attribute, "function " + quote(function.name()));
  }
  for (const auto &[problem, tensors] : unresolved)
    error(tensors.first + " " + problem +
          (tensors.second > 1 ? " (and " + std::to_string(tensors.second - 1) + " more like it)" : ""));
}

void Loader::resolve(onnx::GraphProto &graph) {
  for (auto &tensor : *graph.mutable_initializer())
    resolve(tensor, "initializer " + quote(tensor.name()));
  for (const auto &tensor : graph.sparse_initializer())
    error("initializer " + quote(tensor.values().name()) +
          " is sparse; Hone reads dense tensors: write its values as one");
  graph.clear_sparse_initializer();
  resolve(*graph.mutable_node());
}

void Loader::resolve(RepeatedPtrField<onnx::NodeProto> &nodes) {
  for (auto &node : nodes) {
    holdList(node);
    for (auto &attribute : *node.mutable_attribute())
      resolve(attribute, describe(node));
  }
}

void Loader::resolve(onnx::AttributeProto &attribute, const std::string &where) {
  std::string name = "attribute " + quote(attribute.name()) + " of " + where;
  if (attribute.has_t())
    resolve(*attribute.mutable_t(), name);
  for (auto &tensor : *attribute.mutable_tensors())
    resolve(tensor, name);
  if (attribute.has_g())
    resolve(*attribute.mutable_g());
  for (auto &graph : *attribute.mutable_graphs())
    resolve(graph);
  if (attribute.has_sparse_tensor() || attribute.sparse_tensors_size()) {
    error(name + " is sparse; Hone reads dense tensors: write its values as one");
    attribute.clear_sparse_tensor();
    attribute.clear_sparse_tensors();
  }
}

/// For a tensor that stripModel() took the payload of. The marker itself proves nothing: a file may hold it, too.
std::string Loader::findPayload(const onnx::TensorProto &tensor, uint64_t offset, uint64_t length,
                                OnnxResolvedData &result) {
  auto payload = std::lower_bound(source.payloads.begin(), source.payloads.end(), offset,
                                  [](const OnnxPayload &payload, uint64_t offset) { return payload.offset < offset; });
  if (payload == source.payloads.end() || payload->offset != offset)
    return "has the location '#self', which is no path";
  OnnxDataType type = toDataType(tensor.data_type());
  bool fits = payload->field == onnx::TensorProto::kFloatDataFieldNumber
                  ? type == OnnxDataType::Float || type == OnnxDataType::Complex64
              : payload->field == onnx::TensorProto::kDoubleDataFieldNumber
                  ? type == OnnxDataType::Double || type == OnnxDataType::Complex128
                  : type != OnnxDataType::String;
  if (!fits)
    return std::string("is of ") + toString(type) + ", but its data are in a field for another type";
  if (payload->length != length)
    return "has " + std::to_string(payload->length) + " bytes of data; its shape " + shapeText(tensor) + " of " +
           toString(type) + " needs " + std::to_string(length);
  result.file = 0;
  return "";
}

/// Finds the data of a tensor in an external file; returns a problem, or "".
std::string Loader::locate(const onnx::TensorProto &tensor, const std::string &where, uint64_t length,
                           OnnxResolvedData &result, uint64_t &offset) {
  std::set<std::string> keys;
  for (const auto &entry : tensor.external_data())
    if (!keys.insert(entry.key()).second)
      return "says " + quote(entry.key()) + " of its external data twice";
  OnnxDataType type = toDataType(tensor.data_type());
  const std::string *location = findEntry(tensor, "location");
  if (!location)
    return "is in an external file, but does not say in which";
  if (type == OnnxDataType::String)
    return "has strings in an external file, which ONNX does not allow";
  const std::string *start = findEntry(tensor, "offset");
  if (start && !parseNumber(start, offset))
    return "has a bad offset in its external file: " + quote(*start);
  if (*location == kOnnxSelfLocation)
    return findPayload(tensor, offset, length, result);
  uint64_t declared = 0;
  const std::string *size = findEntry(tensor, "length");
  if (size && (!parseNumber(size, declared) || declared != length))
    return "has " + *size + " bytes in its external file; its shape " + shapeText(tensor) + " of " + toString(type) +
           " needs " + std::to_string(length);
  result = resolver({where, *location, offset, length});
  return result.error;
}

void Loader::resolve(onnx::TensorProto &tensor, const std::string &where) {
  bool isExternal = tensor.data_location() == onnx::TensorProto::EXTERNAL;
  OnnxResolvedData data;
  std::string problem;
  uint64_t length = byteLength(tensor, problem), offset = 0;
  if (problem.empty() && isExternal)
    problem = locate(tensor, where, length, data, offset);
  if (!problem.empty() && ++unresolved[problem].second == 1)
    unresolved[problem].first = where;
  if (!isExternal)
    return problem.empty() && length > kOnnxInlineLimit ? hold(tensor, length) : void();

  tensor.clear_external_data();
  if (problem.empty() && data.file < 0) { // a small one, read in
    tensor.clear_data_location();
    tensor.set_raw_data(data.bytes);
    return;
  }
  auto add = [&](const char *key, std::string value) {
    auto *entry = tensor.add_external_data();
    entry->set_key(key);
    entry->set_value(std::move(value));
  };
  add("location", "#" + std::to_string(data.file));
  add("offset", std::to_string(offset));
}

/// Keeps the data of a large tensor out of libonnx's way, which copies those of functions for each call.
void Loader::hold(onnx::TensorProto &tensor, uint64_t length) {
  std::string bytes = elementBytes(tensor);
  if (bytes.size() != length)
    return; // the converter says so
  tensor.clear_raw_data();
  tensor.clear_float_data();
  tensor.clear_double_data();
  tensor.clear_int32_data();
  tensor.clear_int64_data();
  tensor.clear_uint64_data();
  auto *entry = tensor.add_external_data();
  entry->set_key("location");
  entry->set_value(kHeldLocation + std::to_string(held.size()));
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  held.push_back(std::move(bytes));
}

/// Long lists of numbers in a Constant become its tensor, for the same reason.
void Loader::holdList(onnx::NodeProto &node) {
  auto isFunction = [&](const onnx::FunctionProto &function) { // of that name
    return function.domain().empty() && function.name() == "Constant";
  };
  if (node.op_type() != "Constant" || !node.domain().empty() || node.attribute_size() != 1)
    return;
  onnx::AttributeProto &attribute = *node.mutable_attribute(0);
  bool isInts = attribute.name() == "value_ints" && attribute.type() == onnx::AttributeProto::INTS;
  bool isFloats = attribute.name() == "value_floats" && attribute.type() == onnx::AttributeProto::FLOATS;
  uint64_t bytes = isInts ? attribute.ints_size() * sizeof(int64_t) : attribute.floats_size() * sizeof(float);
  if (!(isInts || isFloats) || bytes <= kOnnxInlineLimit ||
      std::any_of(proto.functions().begin(), proto.functions().end(), isFunction))
    return;
  onnx::TensorProto tensor;
  tensor.set_data_type(isInts ? onnx::TensorProto::INT64 : onnx::TensorProto::FLOAT);
  tensor.add_dims(isInts ? attribute.ints_size() : attribute.floats_size());
  tensor.mutable_int64_data()->Swap(attribute.mutable_ints());
  tensor.mutable_float_data()->Swap(attribute.mutable_floats());
  attribute.Clear();
  attribute.set_name("value");
  attribute.set_type(onnx::AttributeProto::TENSOR);
  *attribute.mutable_t() = std::move(tensor);
}

/// Runs libonnx's checker; returns its first complaint, or "". What Hone merely does not support is no complaint: the
/// importer names all of it in one go. So the checker does not get to see it, and inputs and outputs without shapes,
/// which other tools take, look complete to it.
std::string Loader::runChecker() {
  // The checker looks at operators of the standard's domains only.
  constexpr char foreignDomain[] = "#unknown";
  std::vector<std::string> domains;
  for (onnx::NodeProto *node : unknown)
    domains.push_back(std::exchange(*node->mutable_domain(), foreignDomain));
  std::vector<RepeatedPtrField<onnx::OperatorSetIdProto> *> imports = {proto.mutable_opset_import()};
  for (auto &function : *proto.mutable_functions())
    imports.push_back(function.mutable_opset_import());
  for (auto *import : imports) {
    import->Add()->set_domain(foreignDomain);
    import->rbegin()->set_version(1);
  }
  std::vector<std::pair<onnx::ValueInfoProto *, onnx::TypeProto>> incomplete;
  for (auto *values : {proto.mutable_graph()->mutable_input(), proto.mutable_graph()->mutable_output()})
    for (auto &value : *values) {
      const onnx::TypeProto &type = value.type();
      bool lacksShape = type.has_tensor_type() && !type.tensor_type().has_shape();
      if (!lacksShape && type.value_case() != onnx::TypeProto::VALUE_NOT_SET)
        continue;
      incomplete.emplace_back(&value, type);
      auto *tensor = value.mutable_type()->mutable_tensor_type();
      tensor->set_elem_type(tensor->elem_type());
      tensor->mutable_shape();
    }

  std::string complaint;
  try {
    onnx::checker::check_model(proto);
    onnx::checker::check_function_call_cycles(proto);
  } catch (const std::exception &exception) {
    complaint = exception.what();
    // It is the first one, users want all of them: nodes are checked again, one by one.
    size_t before = reported;
    onnx::checker::LexicalScopeContext scope;
    for (const auto &input : proto.graph().input())
      scope.add(input.name());
    for (const auto &tensor : proto.graph().initializer())
      scope.add(tensor.name());
    checkEach(proto.graph().node(), proto.opset_import(), scope);
    for (const auto &function : proto.functions()) {
      onnx::checker::LexicalScopeContext inner;
      for (const std::string &input : function.input())
        inner.add(input);
      checkEach(function.node(), function.opset_import(), inner);
    }
    if (reported == before)
      error(complaint);
  }

  for (auto [node, domain] : llvm::zip_equal(unknown, domains))
    node->set_domain(domain);
  for (auto *import : imports)
    import->RemoveLast();
  for (auto &[value, type] : incomplete) {
    *value->mutable_type() = type;
    if (type.value_case() == onnx::TypeProto::VALUE_NOT_SET)
      value->clear_type();
  }
  return complaint;
}

void Loader::checkEach(const RepeatedPtrField<onnx::NodeProto> &nodes,
                       const RepeatedPtrField<onnx::OperatorSetIdProto> &opsets,
                       onnx::checker::LexicalScopeContext scope) {
  onnx::checker::CheckerContext context;
  context.set_ir_version(int(proto.ir_version()));
  std::unordered_map<std::string, int> versions;
  for (const auto &opset : opsets)
    versions[opset.domain()] = int(opset.version());
  context.set_opset_imports(versions);
  for (const auto &node : nodes) {
    try {
      onnx::checker::check_node(node, context, scope);
    } catch (const std::exception &exception) {
      error(describe(node) + ": " + exception.what());
    }
    for (const std::string &output : node.output())
      scope.add(output);
  }
}

void Loader::check() {
  if (runChecker().empty() && expandsTooFar())
    error("the model's functions call each other so often that they stand for more than a million nodes (one of more "
          "than 4 KiB counts as several)");
}

/// Only for models without call cycles.
bool Loader::expandsTooFar() {
  std::unordered_map<std::string, const onnx::FunctionProto *> functions;
  std::unordered_map<const onnx::FunctionProto *, uint64_t> counts;
  for (const auto &function : proto.functions())
    functions[functionKey(function.domain(), function.name(), function.overload())] = &function;

  // What calls in `nodes` stand for, and, in a function, the nodes themselves.
  std::function<uint64_t(const RepeatedPtrField<onnx::NodeProto> &, bool)> count = [&](const auto &nodes,
                                                                                       bool inFunction) {
    uint64_t sum = 0;
    for (const auto &node : nodes) {
      sum += inFunction ? 1 + node.ByteSizeLong() / kExpandedNodeBytes : 0;
      for (const auto &attribute : node.attribute()) {
        sum += count(attribute.g().node(), inFunction);
        for (const auto &graph : attribute.graphs())
          sum += count(graph.node(), inFunction);
      }
      auto callee = functions.find(functionKey(node.domain(), node.op_type(), node.overload()));
      if (callee == functions.end())
        continue;
      auto known = counts.find(callee->second);
      if (known == counts.end())
        known = counts.emplace(callee->second, count(callee->second->node(), true)).first;
      sum = std::min(sum + known->second, 2 * kMaxExpandedNodes);
    }
    return std::min(sum, 2 * kMaxExpandedNodes);
  };
  return count(proto.graph().node(), false) > kMaxExpandedNodes;
}

static bool isHugeVector(const onnx::TypeProto &type) {
  const auto &shape = type.tensor_type().shape();
  return shape.dim_size() == 1 && shape.dim(0).dim_value() > kMaxShapeVector;
}

static bool declaresHugeVector(const onnx::GraphProto &graph) {
  auto isHuge = [](const onnx::ValueInfoProto &value) { return isHugeVector(value.type()); };
  auto inNode = [](const onnx::NodeProto &node) {
    return std::any_of(node.attribute().begin(), node.attribute().end(), [](const onnx::AttributeProto &attribute) {
      return declaresHugeVector(attribute.g()) ||
             std::any_of(attribute.graphs().begin(), attribute.graphs().end(), declaresHugeVector);
    });
  };
  return std::any_of(graph.input().begin(), graph.input().end(), isHuge) ||
         std::any_of(graph.output().begin(), graph.output().end(), isHuge) ||
         std::any_of(graph.value_info().begin(), graph.value_info().end(), isHuge) ||
         std::any_of(graph.node().begin(), graph.node().end(), inNode);
}

/// Whether each term of Einsum's equation is letters with an ellipsis at most: on others libonnx may loop without end.
static bool isPlainEquation(std::string equation) {
  auto arrow = equation.find("->");
  if (arrow != std::string::npos)
    equation.replace(arrow, 2, ",");
  std::istringstream terms(equation);
  for (std::string term; std::getline(terms, term, ',');) {
    if (auto ellipsis = term.find("..."); ellipsis != std::string::npos)
      term.erase(ellipsis, 3);
    if (!std::all_of(term.begin(), term.end(), [](unsigned char c) { return std::isalpha(c) || c == ' '; }))
      return false;
  }
  return true;
}

namespace {

/// libonnx's operators, but that none infers a vector longer than kMaxShapeVector (its length becomes unknown), nor
/// looks at what it would not survive: it adds the rank to an axis before any check, and counts up to num_outputs.
class BoundedRegistry : public onnx::ISchemaRegistry {
public:
  const onnx::OpSchema *GetSchema(const std::string &op, int version, const std::string &domain) const override {
    const onnx::OpSchema *schema = onnx::OpSchemaRegistry::Schema(op, version, domain);
    if (!schema || !schema->has_type_and_shape_inference_function())
      return schema;
    auto [bounded, isNew] = schemas.try_emplace(schema, *schema);
    // Its loop over known elements has a step of 32 bits: a multiple of 2^32 would never end.
    if (isNew && op == "Slice")
      bounded->second.PartialDataPropagationFunction([](onnx::DataPropagationContext &) {});
    if (isNew)
      bounded->second.TypeAndShapeInferenceFunction(
          [infer = schema->GetTypeAndShapeInferenceFunction()](onnx::InferenceContext &context) {
            const onnx::AttributeProto *axis = context.getAttribute("axis");
            const onnx::AttributeProto *outputs = context.getAttribute("num_outputs");
            if ((axis && (axis->i() < -kMaxOnnxRank || axis->i() >= kMaxOnnxRank)) ||
                (outputs && outputs->i() != int64_t(context.getNumOutputs())))
              fail_shape_inference("an attribute is out of range");
            const onnx::AttributeProto *equation = context.getAttribute("equation");
            if (equation && !isPlainEquation(equation->s()))
              fail_shape_inference("the equation is none");
            infer(context);
            for (size_t i = 0; i < context.getNumOutputs(); ++i)
              if (onnx::TypeProto *type = context.getOutputType(i); isHugeVector(*type))
                type->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->clear_dim_value();
          });
    return &bounded->second;
  }

private:
  mutable std::unordered_map<const onnx::OpSchema *, onnx::OpSchema> schemas;
};

} // namespace

/// Not strict: a model with operators that libonnx cannot infer goes on with fewer types.
void Loader::infer() {
  if (declaresHugeVector(proto.graph()))
    return note("types are not inferred: a vector has more than a million elements");
  try {
    BoundedRegistry registry;
    onnx::ShapeInferenceOptions options{/*check_type=*/false, /*strict_mode=*/0, /*data_prop=*/true};
    onnx::shape_inference::InferShapes(proto, &registry, options);
  } catch (const std::exception &exception) {
    note(std::string("types are inferred only in part: ") + exception.what());
  }
}

void Loader::convert() {
  model.irVersion = proto.ir_version();
  model.producer = proto.producer_name();
  if (!proto.producer_version().empty())
    model.producer += " " + proto.producer_version();

  OnnxConverter converter([this](std::string what) { error(std::move(what)); }, held);
  for (int i = 0; i < proto.functions_size(); ++i) {
    const auto &function = proto.functions(i);
    converter.functions[functionKey(function.domain(), function.name(), function.overload())] = i;
  }
  model.graph = converter.convertGraph(proto.graph(), model.opsets, /*inFunction=*/false);
  for (const auto &function : proto.functions()) {
    model.functions.push_back(converter.convertFunction(function));
    for (const std::string &output : function.output())
      if (!computes(model.functions.back(), output))
        error("function " + quote(function.name()) + " never computes its output " + quote(output));
  }

  checkCalls(model.graph.nodes);
  for (const OnnxFunction &function : model.functions)
    checkCalls(function.nodes);

  std::set<std::string> constants;
  for (const OnnxTensor &tensor : model.graph.initializers)
    constants.insert(tensor.name);
  if (model.irVersion >= 4) // before, every initializer had to be an input
    for (const auto &input : proto.graph().input())
      if (constants.count(input.name())) {
        model.defaultInputs.push_back(input.name());
        note("input " + quote(input.name()) + " has a default value; it becomes a constant");
      }
}

/// libonnx does not check that calls of local functions fit them.
void Loader::checkCalls(const std::vector<OnnxNode> &nodes) {
  for (const OnnxNode &node : nodes) {
    const OnnxFunction *function = node.function >= 0 ? &model.functions[node.function] : nullptr;
    if (function && (node.inputs.size() > function->inputs.size() || node.outputs.size() > function->outputs.size()))
      error(node.describe() + " has more inputs or outputs than its function");
    for (const OnnxAttribute &attribute : node.attributes)
      for (const OnnxGraph &graph : attribute.graphs)
        checkCalls(graph.nodes);
  }
}

bool hone::loadOnnx(const StrippedModel &source, bool isText, const OnnxDataResolver &resolve, OnnxModel &model,
                    std::vector<OnnxProblem> &problems) noexcept {
  Loader loader(source, resolve, model, problems);
  try {
    return loader.run(isText);
  } catch (const std::exception &exception) {
    loader.error(std::string("not a valid ONNX model: ") + exception.what());
  } catch (...) {
    loader.error("not a valid ONNX model");
  }
  return false;
}

int64_t hone::latestOpset() noexcept {
  return onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map().at(onnx::ONNX_DOMAIN).second;
}

OnnxSchemaInfo hone::lookUpSchema(const std::string &op, const std::string &domain, int64_t opset) noexcept {
  const onnx::OpSchema *schema = findSchema(op, domain, opset);
  if (!schema)
    return {};
  return {schema->SinceVersion(), schema->Deprecated()};
}

void hone::addDefaultAttributes(OnnxNode &node) noexcept {
  const onnx::OpSchema *schema = findSchema(node.op, node.domain, node.opset);
  if (!schema)
    return;
  std::map<std::string, const onnx::AttributeProto *> defaults; // sorted: libonnx keeps them in a hash table
  for (const auto &[name, attribute] : schema->attributes())
    if (attribute.default_value.type() != onnx::AttributeProto::UNDEFINED && !node.find(name))
      defaults[name] = &attribute.default_value;
  OnnxConverter converter([](std::string) {});
  for (const auto &[name, value] : defaults) {
    node.attributes.push_back(converter.convertAttribute(*value, {}, /*inFunction=*/false, node.op));
    node.attributes.back().name = name;
  }
}

std::vector<int> hone::outputTypeSources(const OnnxNode &node) noexcept {
  std::vector<int> sources(node.outputs.size(), -1);
  const onnx::OpSchema *schema = findSchema(node.op, node.domain, node.opset);
  if (!schema || schema->outputs().empty() || schema->inputs().empty())
    return sources;
  auto typeOf = [](const std::vector<onnx::OpSchema::FormalParameter> &parameters, size_t i) {
    return parameters[std::min(i, parameters.size() - 1)].GetTypeStr();
  };
  for (size_t output = 0; output < sources.size(); ++output)
    for (size_t input = 0; input < node.inputs.size() && sources[output] < 0; ++input)
      if (node.hasInput(input) && typeOf(schema->inputs(), input) == typeOf(schema->outputs(), output))
        sources[output] = int(input);
  return sources;
}

std::string hone::checkInputs(const OnnxNode &node, const std::vector<OnnxValueType> &inputTypes) noexcept {
  const onnx::OpSchema *schema = findSchema(node.op, node.domain, node.opset);
  if (!schema || schema->inputs().empty())
    return {};
  std::map<std::string, OnnxDataType> agreed; // by type variable
  size_t count = std::max(node.inputs.size(), schema->inputs().size());
  for (size_t i = 0; i < count; ++i) {
    const onnx::OpSchema::FormalParameter &parameter = schema->inputs()[std::min(i, schema->inputs().size() - 1)];
    std::string which = "input " + std::to_string(i) + " (" + parameter.GetName() + ")";
    if (!node.hasInput(i)) {
      bool isNeeded = parameter.GetOption() == onnx::OpSchema::Single ||
                      (parameter.GetOption() == onnx::OpSchema::Variadic && i < node.inputs.size());
      if (isNeeded)
        return which + " is missing";
      continue;
    }
    const OnnxValueType &type = inputTypes[i];
    if (type.kind != OnnxValueType::Tensor || type.elementType == OnnxDataType::Undefined)
      continue;
    std::string text = std::string("tensor(") + toString(type.elementType) + ")";
    const onnx::DataTypeSet &allowed = parameter.GetTypes();
    if (std::none_of(allowed.begin(), allowed.end(), [&](const std::string *each) { return *each == text; }))
      return which + " is of type " + toString(type.elementType) + ", which the operator does not take";
    if (!parameter.GetIsHomogeneous())
      continue;
    auto [other, isNew] = agreed.try_emplace(parameter.GetTypeStr(), type.elementType);
    if (!isNew && other->second != type.elementType)
      return which + " is of type " + toString(type.elementType) +
             ", but another input that must have the same type is " + toString(other->second);
  }
  return {};
}

/// The newest of the versions that is not above `opset`, or 0.
static int newestVersion(const std::vector<int> &versions, int64_t opset) {
  int newest = 0;
  for (int version : versions)
    if (version <= opset)
      newest = std::max(newest, version);
  return newest;
}

bool hone::isDefinedByTypes(const OnnxNode &node) noexcept {
  const onnx::OpSchema *schema = findSchema(node.op, node.domain, node.opset);
  return schema && schema->HasContextDependentFunction();
}

std::optional<OnnxFunction> hone::standardFunction(const OnnxNode &node,
                                                   const std::vector<OnnxValueType> &inputTypes) noexcept {
  try {
    const onnx::OpSchema *schema = findSchema(node.op, node.domain, node.opset);
    if (!schema)
      return std::nullopt;
    // A body keeps the opset that it was written for: its operators may have changed up to the node's.
    onnx::FunctionProto body;
    if (const onnx::FunctionProto *function = schema->GetFunction(int(node.opset))) {
      body = *function;
    } else if (int version = newestVersion(schema->context_dependent_function_opset_versions(), node.opset)) {
      onnx::NodeProto call;
      call.set_op_type(node.op);
      call.set_domain(node.domain);
      for (const std::string &input : node.inputs)
        call.add_input(input);
      for (const std::string &output : node.outputs)
        call.add_output(output);
      for (const OnnxAttribute &attribute : node.attributes)
        *call.add_attribute() = toProto(attribute);
      std::vector<onnx::TypeProto> types;
      for (const OnnxValueType &type : inputTypes)
        types.push_back(toProto(type));
      onnx::FunctionBodyBuildContextImpl context(call, types);
      if (!schema->BuildContextDependentFunction(context, body, version))
        return std::nullopt;
    } else {
      return std::nullopt;
    }
    OnnxFunction function = OnnxConverter([](std::string) {}).convertFunction(body);
    if (node.inputs.size() > function.inputs.size() || node.outputs.size() > function.outputs.size())
      return std::nullopt; // variadic
    for (size_t i = 0; i < node.outputs.size(); ++i)
      if (node.hasOutput(i) && !computes(function, function.outputs[i]))
        return std::nullopt;
    return function;
  } catch (...) { // a builder that needs types it was not given
    return std::nullopt;
  }
}
