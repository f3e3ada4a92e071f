// Writes protobuf messages by hand: the tests need models that no library would write.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef HONE_TEST_UNIT_ONNX_WIRE_H
#define HONE_TEST_UNIT_ONNX_WIRE_H

#include "frontends/onnx/OnnxLibrary.h"
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

namespace hone {

/// A message under construction; methods append a field.
class Wire {
public:
  std::string out;

  Wire &put(uint64_t value) {
    for (; value > 127; value >>= 7)
      out += char(value | 128);
    out += char(value);
    return *this;
  }
  Wire &integer(uint32_t field, int64_t value) { return put(field << 3).put(uint64_t(value)); }
  Wire &bytes(uint32_t field, const std::string &value) {
    head(field, value.size());
    out += value;
    return *this;
  }
  Wire &bytes(uint32_t field, const Wire &value) { return bytes(field, value.out); }
  /// The start of a field whose `size` bytes come elsewhere.
  Wire &head(uint32_t field, uint64_t size) { return put(field << 3 | 2).put(size); }
};

template <typename T> std::string rawBytes(std::initializer_list<T> values) {
  std::string result(values.size() * sizeof(T), '\0');
  std::memcpy(result.data(), values.begin(), result.size());
  return result;
}

/// A TensorProto without data.
inline Wire wireTensor(const std::string &name, OnnxDataType type, std::initializer_list<int64_t> dims) {
  Wire tensor;
  for (int64_t dim : dims)
    tensor.integer(1, dim);
  return tensor.integer(2, int64_t(type)).bytes(8, name);
}

/// A TensorProto with raw_data.
inline Wire wireTensor(const std::string &name, OnnxDataType type, std::initializer_list<int64_t> dims,
                       const std::string &raw) {
  return wireTensor(name, type, dims).bytes(9, raw);
}

/// A TensorProto in an external file; -1 leaves a number out.
inline Wire wireExternal(const std::string &name, OnnxDataType type, std::initializer_list<int64_t> dims,
                         const std::string &location, int64_t offset = -1, int64_t length = -1) {
  Wire tensor = wireTensor(name, type, dims);
  auto entry = [&](const char *key, const std::string &value) {
    tensor.bytes(13, Wire().bytes(1, key).bytes(2, value));
  };
  entry("location", location);
  if (offset >= 0)
    entry("offset", std::to_string(offset));
  if (length >= 0)
    entry("length", std::to_string(length));
  return tensor.integer(14, 1);
}

inline Wire wireNode(const std::string &op, std::initializer_list<std::string> inputs,
                     std::initializer_list<std::string> outputs, const std::string &name = "") {
  Wire node;
  for (const std::string &input : inputs)
    node.bytes(1, input);
  for (const std::string &output : outputs)
    node.bytes(2, output);
  return node.bytes(3, name).bytes(4, op);
}

/// A ValueInfoProto of a float vector whose length has a name.
inline Wire wireValue(const std::string &name) {
  Wire shape = Wire().bytes(1, Wire().bytes(2, "N"));
  Wire tensor = Wire().integer(1, int64_t(OnnxDataType::Float)).bytes(2, shape);
  return Wire().bytes(1, name).bytes(2, Wire().bytes(1, tensor));
}

/// A ModelProto's fields but for its graph.
inline Wire wireModel(int64_t opset = 17, int64_t irVersion = 8) {
  return Wire().integer(1, irVersion).bytes(8, Wire().bytes(1, "").integer(2, opset));
}

/// y = x + w in a graph with the initializer `w`.
inline Wire wireAddGraph(const Wire &w) {
  return Wire()
      .bytes(2, "g")
      .bytes(11, wireValue("x"))
      .bytes(12, wireValue("y"))
      .bytes(1, wireNode("Add", {"x", "w"}, {"y"}))
      .bytes(5, w);
}

inline std::string wireAddModel(const Wire &w) { return wireModel().bytes(7, wireAddGraph(w)).out; }

/// A model read from memory, with what was said about it.
struct ReadResult {
  OnnxModel model;
  std::vector<OnnxProblem> problems;

  std::string text(OnnxProblem::Severity severity) const {
    std::string result;
    for (const OnnxProblem &problem : problems)
      if (problem.severity == severity)
        result += problem.text + "\n";
    return result;
  }
  std::string errors() const { return text(OnnxProblem::Error); }
  std::string notes() const { return text(OnnxProblem::Note); }
};

inline ReadResult readBytes(llvm::StringRef bytes, llvm::StringRef path = "/nowhere/model.onnx") {
  ReadResult result;
  result.model = readModel(llvm::MemoryBufferRef(bytes, path), result.problems);
  return result;
}

/// The body of `function` as it is in `call`.
inline OnnxFunction expandFunction(const OnnxFunction &function, const OnnxNode &call) {
  OnnxFunction result = function;
  FunctionCall binding(function, call);
  for (OnnxNode &node : result.nodes)
    node = binding.bind(node);
  return result;
}

inline std::optional<OnnxFunction> expandStandardFunction(const OnnxNode &node,
                                                          const std::vector<OnnxValueType> &inputTypes) {
  std::optional<OnnxFunction> function = standardFunction(node, inputTypes);
  return function ? std::optional(expandFunction(*function, node)) : std::nullopt;
}

/// A model in text form: `graph` follows the header for `opset`.
inline ReadResult readText(const std::string &graph, int opset = 18) {
  return readBytes("<ir_version: 10, opset_import: [\"\" : " + std::to_string(opset) + ", \"local\" : 1]>\n" + graph);
}

} // namespace hone

#endif
