// Modules compiled and run in process, to be compared with the reference.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_TEST_UNIT_REFERENCE_HARNESS_H
#define HONE_TEST_UNIT_REFERENCE_HARNESS_H

#include "compiler/driver/LoadedLibrary.h"
#include "dialects/reference/Reference.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace hone {

/// A context that knows all that a compile needs, without threads; its errors go to `text`.
std::unique_ptr<mlir::MLIRContext> makeContext(std::string &text);

/// A library of a module, in a temporary file that is gone when the library is open.
class CompiledModule {
public:
  /// Brings a copy of `module`, which is at the stage `hone`, through the pipeline. `target` is a row of the target
  /// table, or "host".
  static llvm::Expected<CompiledModule> compile(mlir::ModuleOp module, llvm::StringRef target);

  /// Runs it on one thread. Results have the element types of `outputs`, the result types of @main.
  llvm::Expected<std::vector<HostTensor>> run(llvm::ArrayRef<HostTensor> inputs, mlir::TypeRange outputs);

private:
  explicit CompiledModule(LoadedLibrary library) : library(std::move(library)) {}
  LoadedLibrary library;
};

} // namespace hone

#endif
