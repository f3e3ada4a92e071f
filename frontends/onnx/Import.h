// ONNX models as `hone` programs.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef HONE_FRONTENDS_ONNX_IMPORT_H
#define HONE_FRONTENDS_ONNX_IMPORT_H

#include "frontends/onnx/Model.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace hone {

/// Asked for each output of each node, in the order of the import, bodies of functions included: whether its value
/// becomes a further output of the program (`hone.tap`). `label` would be the output's name: the node's, with ":i" for
/// output i of a node that has more than the first.
using KeepOutput = llvm::function_ref<bool(llvm::StringRef node, llvm::StringRef label)>;

/// A function beside @main: the same model under other dims.
struct OnnxEntry {
  std::string name; ///< a C identifier, not "main"
  OnnxModel model;
};

/// Translates `model` (read without errors) into a verified module: `func.func @main` with the model's inputs and
/// outputs, a function for each of `entries`, weights as `hone.weight` that point into the model's files by the paths
/// in `model.files`, and the attribute `hone.model = {name, digest}`. `name` (a C identifier) is the module's too;
/// `digest` is digestModel()'s. Tensors above kOnnxInlineLimit that the file holds in no form that can be mapped go to
/// the context's WeightSource; without one, the module says what it is, but not what is in them.
///
/// Everything that Hone cannot translate is reported as an error diagnostic at the node's location, all in one go and
/// each thing once; the result is null then. To check a model, import it and drop the module. The diagnostics' metadata
/// are a dictionary: "node" (with "operator", "domain", "opset", and the types in "inputs" and "outputs"), or "input",
/// "output" or "initializer" (with "type"), is the name of what it is about, the first of "names"; "try" says what to
/// do about it, if anything. The dialects hone, func, arith and tensor must be registered with `context`.
mlir::OwningOpRef<mlir::ModuleOp> importOnnx(const OnnxModel &model, llvm::StringRef name, llvm::StringRef digest,
                                             mlir::MLIRContext &context, KeepOutput keep = nullptr,
                                             llvm::ArrayRef<OnnxEntry> entries = {});

} // namespace hone

#endif
