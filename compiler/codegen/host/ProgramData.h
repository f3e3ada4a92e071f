// Constant data of the host program: strings, tables and the descriptor, as LLVM globals.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef COMPILER_CODEGEN_HOST_PROGRAMDATA_H
#define COMPILER_CODEGEN_HOST_PROGRAMDATA_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringMap.h"

namespace hone {

/// Adds constants to one module. Equal strings are one global.
class ProgramData {
public:
  explicit ProgramData(mlir::ModuleOp module);

  /// The name of a constant NUL-terminated string.
  llvm::StringRef addString(llvm::StringRef text);
  /// The address of a string or another global, where `builder` stands.
  mlir::Value address(mlir::OpBuilder &builder, llvm::StringRef global);
  /// hone_program and the descriptor function `<identifier>_library` (runtime/include/hone/abi.h, hone.h) for the
  /// planned entry `main`. Its functions are @plan and @run; `cpuFeatures` is a set of HONE_CPU_*.
  void addProgram(mlir::func::FuncOp main, llvm::StringRef identifier, llvm::StringRef name, llvm::StringRef manifest,
                  int64_t weightBytes, uint32_t cpuFeatures);

private:
  /// Builds the elements of a constant: `set(position, element)` puts one in place.
  using Set = llvm::function_ref<void(llvm::ArrayRef<int64_t> position, mlir::Value element)>;
  void addConstant(llvm::StringRef name, mlir::Type type, llvm::function_ref<void(mlir::OpBuilder &, Set)> fill);
  /// A table of int64_t; never empty, so that its address means something.
  void addNumbers(llvm::StringRef name, llvm::SmallVector<int64_t> numbers);
  /// A table of hone_program_value for `values` of @main; `attrs` carry names and dim symbols.
  void addValues(llvm::StringRef name, llvm::ArrayRef<mlir::DictionaryAttr> attrs, mlir::ValueRange values,
                 bool declaresSymbols);

  mlir::ModuleOp module;
  mlir::OpBuilder top;
  mlir::Location loc;
  mlir::Type pointer, i32, i64;
  llvm::StringMap<std::string> strings;
  llvm::SmallVector<std::string> symbols; // dim symbols, in order of first use
};

} // namespace hone

#endif
