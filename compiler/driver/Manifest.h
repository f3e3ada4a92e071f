// What a library says about itself, and what the driver must know of a module's entries.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_MANIFEST_H
#define HONE_COMPILER_DRIVER_MANIFEST_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/JSON.h"
#include <string>
#include <vector>

namespace hone {

/// An input or output.
struct EntryValue {
  std::string name;
  int32_t dtype = 0;             ///< the number of ONNX's TensorProto.DataType
  std::vector<std::string> dims; ///< "128", a symbol, or "?" for a dim without a name
};

struct Entry {
  std::string name;
  std::vector<EntryValue> inputs, outputs;
  std::vector<EntryValue> states; ///< what is kept from run to run; the dim that grows is the length's name
};

/// Reads the entries off their functions, in tensor form or in buffer form; where there are none, off the manifest that
/// the module keeps.
std::vector<Entry> describeEntries(mlir::ModuleOp module);

/// The type's short name, "f32"; "?" for a number that is not known.
llvm::StringRef dataTypeName(int32_t onnxType);

/// The manifest of a module at the stage `plan`, as JSON text: model (name, digest), compiler, target, flags, inputs,
/// outputs, weights (bytes; the digest is filled in by emitLibrary), and for each kernel the nodes of the model that it
/// computes. Inputs and outputs are those of @main; where there are more entries, all are listed as well. The same
/// module gives the same text.
std::string buildManifest(mlir::ModuleOp planModule);

/// `values` as JSON: [{"name": …, "type": "f32", "dims": [1, "sequence"]}].
llvm::json::Array toJson(llvm::ArrayRef<EntryValue> values);

} // namespace hone

#endif
