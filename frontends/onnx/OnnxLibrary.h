// The only door to libonnx and protobuf. libonnx throws: these functions let nothing out and return plain values.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef HONE_FRONTENDS_ONNX_ONNXLIBRARY_H
#define HONE_FRONTENDS_ONNX_ONNXLIBRARY_H

#include "frontends/onnx/Model.h"
#include "frontends/onnx/Strip.h"
#include <functional>

namespace hone {

/// The versions of the standard that Hone reads. Newer ones may change the meaning of operators. Up to 6 some operators
/// had attributes of their own for broadcasting: the importer takes what has the form of version 7 and names the rest.
constexpr int64_t kOldestOnnxOpset = 1, kNewestOnnxOpset = 28;

/// The newest version of the standard that the linked libonnx knows.
int64_t latestOpset() noexcept;

/// External data that a tensor asks for.
struct OnnxExternalData {
  std::string tensor;   ///< for messages: "initializer 'w'"
  std::string location; ///< as written in the model
  uint64_t offset = 0;  ///< bytes
  uint64_t length = 0;  ///< bytes that the tensor has by its dims and type
};
/// Where it is, or why it cannot be had.
struct OnnxResolvedData {
  std::string error;
  int32_t file = -1; ///< index into OnnxModel::files
  std::string bytes; ///< the data itself, if it is kOnnxInlineLimit bytes or less
};
using OnnxDataResolver = std::function<OnnxResolvedData(const OnnxExternalData &)>;

/// Parses a stripped model (or text, if `isText`), checks it, infers types and shapes, and fills `model` but for its
/// files. False if an error was added to `problems`; `model` then holds what could be read.
bool loadOnnx(const StrippedModel &source, bool isText, const OnnxDataResolver &resolve, OnnxModel &model,
              std::vector<OnnxProblem> &problems) noexcept;

/// What libonnx knows of an operator.
struct OnnxSchemaInfo {
  int64_t sinceVersion = 0; ///< 0: it knows no such operator in that opset
  bool deprecated = false;
};
OnnxSchemaInfo lookUpSchema(const std::string &op, const std::string &domain, int64_t opset) noexcept;

/// For each output of `node` the input whose element type it has by the operator's definition, or -1: the definition
/// says it otherwise, or that input is left out.
std::vector<int> outputTypeSources(const OnnxNode &node) noexcept;

/// Appends the attributes that the operator's definition has a default for and `node` lacks.
void addDefaultAttributes(OnnxNode &node) noexcept;

/// What the operator's definition has against a node's inputs (types: one each, Unknown for an absent one): one is
/// missing, has an element type that the operator does not take, or not the type of another that it must agree with.
/// Empty if nothing, or if libonnx knows no such operator. libonnx itself does not look at types where it does not
/// infer them.
std::string checkInputs(const OnnxNode &node, const std::vector<OnnxValueType> &inputTypes) noexcept;

/// Whether the standard defines the operator by a function that depends on the types of its inputs.
bool isDefinedByTypes(const OnnxNode &node) noexcept;

/// The function that the standard defines `node` by (FunctionCall binds it), or nothing if it defines it otherwise.
/// Some definitions depend on the types of the inputs (one each; Unknown for an absent one) and do not exist for
/// unknown types.
std::optional<OnnxFunction> standardFunction(const OnnxNode &node,
                                             const std::vector<OnnxValueType> &inputTypes) noexcept;

} // namespace hone

#endif
