// What an import finds wrong, each thing once, as diagnostics.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef HONE_FRONTENDS_ONNX_PROBLEMS_H
#define HONE_FRONTENDS_ONNX_PROBLEMS_H

#include "frontends/onnx/Model.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace hone {

/// A type as ONNX's text form has it: "float[batch,?,3]", "seq(float)"; "?" where it is not known. At most
/// 200 bytes.
std::string toString(const OnnxValueType &type);

/// What a problem is about.
struct ProblemPlace {
  mlir::Location loc;
  llvm::StringRef kind; ///< node, input, output or initializer
  std::string name;     ///< with the path of the bodies around it: "loop::body::add"
  /// Of a node: its operator, and the types of its inputs and outputs, as far as they are known. Of the others,
  /// `outputs` is the value's own type.
  std::string op, domain;
  int64_t opset = 0;
  std::vector<std::string> inputs, outputs;
};

/// Collects problems. Those of one text and one operator are one.
class ProblemList {
public:
  void add(ProblemPlace place, std::string text, llvm::StringRef wayOut);
  /// Adds all of another list.
  void add(ProblemList other);
  bool empty() const { return problems.empty(); }
  /// Emits every problem as an error; see importOnnx().
  void emit() const;

private:
  struct Problem {
    ProblemPlace place; ///< the first
    std::string text, wayOut;
    std::vector<std::string> names; ///< of all places
  };
  llvm::MapVector<std::string, Problem, llvm::StringMap<unsigned>> problems;
};

} // namespace hone

#endif
