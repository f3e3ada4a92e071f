// Where the values of the host program lie, and when they are needed there.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_PLAN_LIFETIMES_H
#define HONE_COMPILER_PLAN_LIFETIMES_H

#include "compiler/plan/Interval.h"
#include "dialects/hone/Hone.h"
#include "dialects/hone/Regions.h"
#include "dialects/hone/ShapeBuilder.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"

namespace hone {

/// The buffer that a launch changes in part, where its result lies; null if there is none.
mlir::OpOperand *updatedBy(LaunchOp launch, const mlir::SymbolTable &symbols);

/// How a loop carries a tensor.
struct Carried {
  enum Kind {
    Scalar,  ///< it is none
    InPlace, ///< each step writes where the one before it did, and where the first value lies already
    Fixed,   ///< it has the same dims in each step, but is not yet dead when the next value is written
    Growing, ///< its dims change
  };
  Kind kind = Scalar;
  /// Where the next value is written, and the one after that: numbers of places. Without the latter, that is where the
  /// first value lies.
  std::optional<unsigned> next, spare;
};

/// Whose memory each value of the program is written to: what a branch gives lies in the memory of its operation's
/// result from the beginning on, results of the program lie in its outputs, and what a loop carries lies where the
/// value before it did if that is dead by then.
class Destinations {
public:
  Destinations(mlir::func::FuncOp main, ShapeBuilder &shapes);
  /// Whether each launch that changes a value finds it where its result lies, and nobody needs it afterwards.
  mlir::LogicalResult checkUpdates(mlir::func::FuncOp main) const;
  /// Whether what loops carry with dims that change is written by launches of their bodies, and its dims are told:
  /// what branches write may lie where the same step writes again.
  mlir::LogicalResult checkGrowing(mlir::func::FuncOp main) const;

  /// The value in whose memory `root` lies; itself, if it has memory of its own.
  mlir::Value of(mlir::Value root) const {
    for (auto found = becomes.find(root); found != becomes.end(); found = becomes.find(root))
      root = found->second;
    return root;
  }
  /// How the loop carries its number `i`.
  Carried::Kind kindOf(const Loop &loop, unsigned i) const { return kinds.lookup(loop.results[i]); }
  /// Whether the first value that a loop carries is nobody else's: it may be written over.
  bool isOverwritable(const Loop &loop, unsigned i) const { return overwritable.contains(loop.results[i]); }
  /// Whether a result of branches lies where one of them, whichever is taken, puts it: its dims are not known before,
  /// and nobody around the branches has memory for it.
  bool isPutByBranches(mlir::Value result) const { return putByBranches.contains(result); }
  /// Whether a step has read the value for the last time before it writes the next one.
  bool isDeadBeforeNext(const Loop &loop, unsigned i) const;
  /// Whether the dims of a result of branches are known before them.
  bool areDimsKnown(mlir::Value result) const { return known.contains(result); }
  bool isOutput(mlir::Value destination) const { return outputs.contains(destination); }

private:
  void visit(LaunchOp launch);
  void visit(mlir::scf::IfOp branches, ShapeBuilder &shapes);
  void visit(const Loop &loop, ShapeBuilder &shapes);

  mlir::SymbolTable symbols;
  llvm::DenseMap<mlir::Value, mlir::Value> becomes;
  llvm::DenseMap<mlir::Value, Carried::Kind> kinds; // by the loop's result
  llvm::DenseSet<mlir::Value> overwritable, putByBranches, known;
  llvm::DenseSet<mlir::Value> next; // what steps hand on, where the loop tells them to write it
  llvm::SmallDenseSet<mlir::Value> outputs;
};

/// Places in memory, each from the first launch that may write to it to the last one that reads it. Points are
/// launches, and beginnings and ends of loops, numbered in program order: of two that may run instead of each other,
/// the later one has the greater number and they never meet. What a loop needs and did not make is needed to its end.
class Lifetimes {
public:
  Lifetimes(mlir::func::FuncOp main, const Destinations &destinations);

  /// Of each place: a value that has the dims of all that lie there.
  llvm::ArrayRef<mlir::Value> values() const { return ordered; }
  llvm::ArrayRef<Interval> intervals() const { return needed; }
  /// The place of a destination that is no output of the program and is not carried between places.
  unsigned numberOf(mlir::Value destination) const { return places.find(destination)->second.front(); }
  /// Whether values of different dims lie at this place, one after the other.
  bool isGrowing(unsigned place) const { return growing.contains(place); }
  Carried carried(const Loop &loop, unsigned i) const { return loops.lookup(loop.results[i]); }

private:
  void visit(mlir::Block &block);
  void visit(const Loop &loop);
  unsigned add(mlir::Value value);
  void touch(unsigned place);
  void write(mlir::Value root);
  void read(mlir::Value value);

  const Destinations &destinations;
  llvm::SmallVector<mlir::Value> ordered;
  llvm::SmallVector<Interval> needed;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<unsigned, 1>> places; // where a destination may lie
  llvm::DenseMap<mlir::Value, Carried> loops;                         // by the loop's result
  llvm::DenseSet<unsigned> growing;
  llvm::SmallVector<unsigned> touched; // in the loops around
  int64_t point = 0;
};

} // namespace hone

#endif
