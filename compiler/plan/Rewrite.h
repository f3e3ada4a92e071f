// The host program once every value has its place: launches on memory.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_PLAN_REWRITE_H
#define HONE_COMPILER_PLAN_REWRITE_H

#include "compiler/plan/Lifetimes.h"
#include "dialects/hone/TargetModel.h"
#include "llvm/ADT/MapVector.h"
#include <variant>

namespace hone {

/// Memory for a value of this type of tensor.
mlir::MemRefType memoryType(mlir::Type tensor);

/// What is known before the first launch.
class EarlyValues {
public:
  /// `late`: the ops of the program's block that only a run can do.
  EarlyValues(mlir::func::FuncOp main, const llvm::SetVector<mlir::Operation *> &late) : main(main), late(late) {}

  bool contains(mlir::OpFoldResult value);
  template <typename Range> bool containAll(Range &&values) {
    return llvm::all_of(values, [&](auto value) { return contains(value); });
  }

private:
  mlir::func::FuncOp main;
  const llvm::SetVector<mlir::Operation *> &late;
  llvm::DenseMap<mlir::Operation *, bool> known;
};

/// Where a place is: at an offset of the arena, or in memory of its own that grows in the run.
struct Offset {
  mlir::Value bytes;
};
struct Slot {
  int64_t number;
};
using Site = std::variant<Offset, Slot>;

/// What the planner has decided.
struct MemoryPlan {
  const Destinations &destinations;
  const Lifetimes &lifetimes;
  llvm::ArrayRef<Site> sites; ///< of the places of `lifetimes`
  /// Launches whose parameters are known before the run. The others compute them where they stand.
  llvm::MapVector<LaunchOp, LaunchParameters> parameters;
  /// By destination: arguments of @main, and whether the run has to tell its dims.
  struct Output {
    mlir::Value memory, returned;
    bool isSized;
  };
  llvm::DenseMap<mlir::Value, Output> outputs;
  mlir::Value arena;
};

/// Replaces launches, branches, loops and elements of tensors by those of memory. Views and what was replaced are
/// erased.
mlir::LogicalResult rewriteToMemory(const TargetedProgram &program, ShapeBuilder &shapes, const MemoryPlan &plan);

} // namespace hone

#endif
