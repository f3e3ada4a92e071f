// Stages as files: what --emit writes and `hone compile` reads.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_STAGEFILE_H
#define HONE_COMPILER_DRIVER_STAGEFILE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/raw_ostream.h"

namespace hone {

/// Reads a stage (text or bytecode) at `path`. Paths of weights in it become absolute. Errors go to the context's
/// diagnostic handler, and null is returned.
mlir::OwningOpRef<mlir::ModuleOp> readStage(llvm::StringRef path, mlir::MLIRContext &context);

/// Gives every input and output of @main that has no name (`hone.name`) one: arg0, arg1 …, result0 …, by position. An
/// error if two inputs or two outputs share a name.
llvm::LogicalResult nameEntry(mlir::ModuleOp module);

/// Prints `module`, with locations, as text to be kept in a file of the folder `folder`: paths of weights are printed
/// relative to it. An empty folder leaves them absolute. The module is the same afterwards.
void printStage(mlir::ModuleOp module, llvm::StringRef folder, llvm::raw_ostream &stream);

/// `path` (absolute) as seen from `folder` (absolute): "../models/a.onnx".
std::string relativePath(llvm::StringRef path, llvm::StringRef folder);

} // namespace hone

#endif // HONE_COMPILER_DRIVER_STAGEFILE_H
