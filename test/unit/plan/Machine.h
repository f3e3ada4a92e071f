// Executes host programs symbolically, before they are planned and afterwards, so that both can be compared.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_TEST_UNIT_PLAN_MACHINE_H
#define HONE_TEST_UNIT_PLAN_MACHINE_H

#include "dialects/hone/Hone.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/DenseMap.h"
#include <map>

namespace hone {

/// One run of @main with dims and data filled in. What a launch writes is a number that nothing else has; elements that
/// the program asks for are made of that number. A program on tensors has new memory for each of them; a planned one
/// has the memory that it was given, byte by byte. So of the same program both tell the same story.
class Machine {
public:
  /// What launches did and which elements were read, one event after the other, each as a list of numbers.
  using Story = std::vector<std::vector<int64_t>>;
  /// A result of the program: its dims, and what is in it.
  struct Result {
    llvm::SmallVector<int64_t, 4> dims;
    int64_t content;
    bool operator==(const Result &other) const { return dims == other.dims && content == other.content; }
  };

  /// How many steps loops make whose number of steps is data.
  static constexpr int64_t kSteps[] = {0, 1, 2, 3, 5};

  /// `dims`: of the symbols s0, s1 and so on. `data`: decides on elements of tensors; where it is less than the number
  /// of `kSteps`, all integers are that entry. `expected`: what has to happen, if that is known.
  Machine(mlir::func::FuncOp main, llvm::ArrayRef<int64_t> dims, uint64_t data, const Story *expected = nullptr)
      : main(main), symbols(main->getParentOfType<mlir::ModuleOp>()), dims(dims), data(data), expected(expected) {}

  /// Runs the program. What is wrong with it is in `problem` then.
  void run();

  std::string problem;
  Story story;
  std::vector<Result> results;

private:
  enum Kind { Input, Weight, Fresh, Output, Arena, Slot };
  /// What was written to a memory, by the first byte: one byte behind the last one, and the content.
  using Contents = std::map<int64_t, std::pair<int64_t, int64_t>>;
  struct Memory {
    Kind kind;
    int64_t bytes;
    bool isThere = true; ///< not moved since by a slot that grew; an output whose dims were told
    Contents contents = {};
  };
  /// A number, or where a tensor lies.
  struct Cell {
    int64_t number = 0;
    double real = 0;
    int memory = -1;
    int64_t offset = 0, elementBytes = 0;
    llvm::SmallVector<int64_t, 4> dims;

    int64_t bytes() const {
      int64_t product = elementBytes;
      for (int64_t dim : dims)
        product *= dim;
      return product;
    }
  };

  void complain(const llvm::Twine &text, mlir::Operation *op = nullptr);
  void tell(std::vector<int64_t> event, mlir::Operation *op);
  int add(Kind kind, int64_t bytes);
  /// The cell of a tensor or memref of this type that begins a memory of its own; `sizes` are its open dims.
  Cell tensor(Kind kind, mlir::ShapedType type, llvm::ArrayRef<int64_t> sizes);
  int64_t number(mlir::Value value) {
    auto found = cells.find(value);
    return found == cells.end() ? 0 : found->second.number;
  }
  llvm::SmallVector<int64_t> numbers(mlir::ValueRange values);

  /// What is in all bytes of `cell`; -1 where that is not one value.
  int64_t read(const Cell &cell, mlir::Operation *op);
  void write(const Cell &cell, int64_t content, mlir::Operation *op);

  void bindArguments();
  /// Computes what is returned of a planned program, ahead of its run: it may ask for nothing that launches do.
  void computeEarly(mlir::Value value);
  void run(mlir::Block &block);
  void run(mlir::Operation *op);
  void run(LaunchOp launch);
  void run(mlir::scf::ForOp loop);
  void run(mlir::scf::WhileOp loop);
  void readElement(mlir::Operation *op);
  bool runOnMemory(mlir::Operation *op);
  bool runArithmetic(mlir::Operation *op);
  void bind(mlir::ValueRange to, llvm::ArrayRef<Cell> values) {
    for (auto [value, cell] : llvm::zip_equal(to, values))
      cells[value] = cell;
  }
  llvm::SmallVector<Cell> get(mlir::ValueRange values) {
    return llvm::map_to_vector(values, [&](mlir::Value value) { return cells.lookup(value); });
  }

  mlir::func::FuncOp main;
  mlir::SymbolTable symbols;
  llvm::ArrayRef<int64_t> dims;
  uint64_t data;
  const Story *expected;
  bool isPlanned = false;
  llvm::DenseMap<mlir::Value, Cell> cells;
  std::vector<Memory> memories;
  std::map<int64_t, int> slots;   // the memory that each has now
  std::map<int64_t, int> weights; // by number: @w0, @w1
  int64_t contents = 0;           // how many there are
};

} // namespace hone

#endif
