// Constant data of the host program: strings, tables and the descriptor, as LLVM globals.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_HOST_PROGRAMDATA_H
#define HONE_COMPILER_CODEGEN_HOST_PROGRAMDATA_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace hone {

/// Adds constants to one module. Equal strings are one global.
class ProgramData {
public:
  explicit ProgramData(mlir::ModuleOp module);

  /// The name of a constant NUL-terminated string.
  llvm::StringRef addString(llvm::StringRef text);
  /// The address of a string or another global, where `builder` stands.
  mlir::Value address(mlir::OpBuilder &builder, llvm::StringRef global);
  /// A record of the program's table of launches; `kernel` is the module of the kernel's code. Its address, where
  /// `builder` stands.
  mlir::Value addLaunch(mlir::OpBuilder &builder, mlir::ModuleOp kernel, mlir::Location nodes);
  /// The number of the length of states that has this name.
  int64_t lengthNumber(mlir::StringAttr name) { return lengths.try_emplace(name, lengths.size()).first->second; }
  /// What `name` of an entry is called: @main's own names, "run", are those of others behind theirs, "decode.run".
  static std::string symbolOf(mlir::func::FuncOp entry, llvm::StringRef name);
  /// What is known of a planned entry, whose functions are `plan` and `run`. @main comes first.
  void addEntry(mlir::func::FuncOp main);
  /// hone_program and the descriptor function `<identifier>_library` (runtime/include/hone/abi.h, hone.h) for the
  /// entries; `digest` is the model's, `cpuFeatures` a set of HONE_CPU_*. `weightDigest`: a field for that of weights
  /// in a sidecar; empty: they are `<identifier>_weights`.
  void addProgram(llvm::StringRef identifier, llvm::StringRef name, llvm::StringRef digest, llvm::StringRef manifest,
                  int64_t weightBytes, llvm::StringRef weightDigest, uint32_t cpuFeatures);

private:
  /// Adds a constant that consists of the values that `fill` builds.
  void addConstant(llvm::StringRef name, llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &)> fill);
  /// `parts` side by side in memory, as a struct of structs of them if they are many.
  mlir::Value join(mlir::OpBuilder &builder, llvm::ArrayRef<mlir::Value> parts);
  mlir::Value number(mlir::OpBuilder &builder, mlir::Type type, int64_t value);
  mlir::Value null(mlir::OpBuilder &builder);
  /// Declares constant data of the runtime or the linker.
  void declare(llvm::StringRef name);
  /// The name of the hone_kernel_record of a kernel.
  std::string addKernel(mlir::ModuleOp kernel);
  /// A table of int64_t; never empty, so that its address means something.
  void addNumbers(llvm::StringRef name, llvm::SmallVector<int64_t> numbers);
  /// A table of hone_program_value for `values` of an entry; `attrs` carry names and dim symbols.
  void addValues(llvm::StringRef name, llvm::ArrayRef<mlir::DictionaryAttr> attrs, mlir::ValueRange values,
                 bool declaresSymbols);
  /// A hone_program_value; `name` and `dims` are globals.
  mlir::Value joinValue(mlir::OpBuilder &builder, llvm::StringRef name, llvm::StringRef dims, mlir::MemRefType type);
  /// What saved states of the library begin with: of the model, and of what is kept of it, in order.
  std::string digestOfStates(llvm::StringRef model) const;
  struct Entry;
  /// Takes note of what an entry keeps from run to run.
  void addStates(mlir::func::FuncOp function, Entry &entry);

  mlir::ModuleOp module;
  mlir::OpBuilder top;
  mlir::Location loc;
  mlir::Type pointer, i32, i64;
  llvm::StringMap<std::string> strings;
  struct Launch {
    std::string kernel, node, nodes; // names of constants
  };
  std::vector<Launch> launches;
  llvm::StringSet<> kernels;                          // whose records there are
  llvm::MapVector<mlir::StringAttr, int64_t> symbols; // numbers of the dim symbols, in order of first use
  llvm::DenseSet<mlir::StringAttr> bound;             // those of inputs of the entry that is being added
  llvm::MapVector<mlir::StringAttr, int64_t> lengths; // of states, likewise
  struct State {
    std::string name, dims; // globals
    mlir::MemRefType type;
    int64_t axis = 0;
    mlir::StringAttr length; // null: it does not grow
  };
  llvm::MapVector<mlir::StringAttr, State> states; // by name
  struct Entry {
    std::string name, inputs, outputs, plan, run; // the first is text, the others are names of globals
    size_t inputCount, outputCount;
    int64_t slots;
    struct Use {
      std::string dims; // a global; empty: it is a length
      int64_t number;
    };
    std::vector<Use> states;
  };
  std::vector<Entry> entries;
};

} // namespace hone

#endif
