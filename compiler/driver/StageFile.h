// Stages as files: what --emit writes and `hone compile` reads.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_STAGEFILE_H
#define HONE_COMPILER_DRIVER_STAGEFILE_H

#include "compiler/driver/WeightFiles.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/raw_ostream.h"

namespace hone {

/// Reads a stage (text or bytecode) at `path`. Paths of weights in it become absolute. Errors go to the context's
/// diagnostic handler, and null is returned.
mlir::OwningOpRef<mlir::ModuleOp> readStage(llvm::StringRef path, mlir::MLIRContext &context);

/// Gives every input and output of an entry that has no name (`hone.name`) one: arg0, arg1 …, result0 …, by position.
/// An error if two inputs or two outputs of an entry share a name.
llvm::LogicalResult nameEntries(mlir::ModuleOp module);

/// Prints `module`, with locations, as text for users: paths of weights are absolute, computed values have none.
void printStage(mlir::ModuleOp module, llvm::raw_ostream &stream);

/// Writes the same to the file `path`, with paths of weights relative to it, for readStage(). Values that were computed
/// are copied to a file beside it, `path`.weights; where there are none it is not touched. Both files appear when they
/// are complete. The module is the same afterwards. Errors: of reading the values, and of writing.
llvm::Error writeStage(mlir::ModuleOp module, WeightFiles &weights, llvm::StringRef path);

/// `path` (absolute) as seen from `folder` (absolute): "../models/a.onnx".
std::string relativePath(llvm::StringRef path, llvm::StringRef folder);

} // namespace hone

#endif
