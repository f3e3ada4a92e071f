// Which dims of a program belong together.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_PASSES_ANALYSIS_FACTORANALYSIS_H
#define HONE_PASSES_ANALYSIS_FACTORANALYSIS_H

#include "dialects/hone/Hone.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"

namespace hone {

/// The factors of all ops of a straight-line block, tied where values pass from one op to the next. What is tied is one
/// class: whoever splits, prunes or scales some of its positions does so to all tensors that carry it. A dim that one
/// op sees as a product (what a reshape merges, heads that share keys) is several classes, major first.
class FactorAnalysis {
public:
  /// `shapes` builds the dims that it is asked for, ahead of the ops.
  FactorAnalysis(mlir::Block &block, ShapeBuilder &shapes);

  using Class = unsigned;
  /// A dim of a value that has a class among its factors.
  struct Carrier {
    mlir::Value tensor;
    int64_t dim;
  };
  /// What an op does with the positions of a class.
  struct Use {
    mlir::Operation *op;
    FactorKind kind;
    std::optional<ReduceKind> combiner;
  };
  /// Positions of `part` are some of `whole`, by an op that slices, pads or joins.
  struct Part {
    mlir::Operation *op;
    llvm::SmallVector<Class, 1> part, whole; // what they run over, major first
    mlir::OpFoldResult offset, step;
  };

  /// The classes that a dim of a tensor runs over, major first. One weight is one tensor, however often it is used.
  llvm::SmallVector<Class> classesOf(mlir::Value tensor, int64_t dim);
  mlir::OpFoldResult sizeOf(Class number) const { return nodes[number].size; }
  llvm::ArrayRef<Carrier> carriersOf(Class number) { return carriers[number]; }
  llvm::ArrayRef<Use> usesOf(Class number) { return uses[number]; }
  llvm::ArrayRef<Part> parts() const { return allParts; }

private:
  using Node = unsigned;
  /// A factor of an op, or a dim of a value. Tied ones have one leader, which may be split into others.
  struct NodeInfo {
    mlir::OpFoldResult size;
    Node leader;
    llvm::SmallVector<Node, 2> split;
  };

  Node add(mlir::OpFoldResult size);
  Node leaderOf(Node node);
  /// The classes of a node, major first: what it is split into in the end.
  llvm::SmallVector<Node> leavesOf(llvm::ArrayRef<Node> nodes);
  /// Makes two products one. False if their factors do not fit into each other.
  bool tie(llvm::ArrayRef<Node> a, llvm::ArrayRef<Node> b);
  bool tieAtEnd(llvm::SmallVectorImpl<Node> &a, llvm::SmallVectorImpl<Node> &b, bool fromMajor);
  void unite(Node a, Node b);
  llvm::SmallVector<Node> &dimsOf(mlir::Value tensor);
  void addOp(mlir::Operation *op);
  void collect();

  /// A factor of an op, until classes are known.
  struct PendingUse {
    Use use;
    Node node;
  };

  ShapeBuilder &shapes;
  llvm::SmallVector<NodeInfo, 0> nodes;
  llvm::MapVector<mlir::Value, llvm::SmallVector<Node>> dims;
  llvm::DenseMap<mlir::Attribute, mlir::Value> weights; // by symbol: the first use
  llvm::SmallVector<PendingUse, 0> pending;
  llvm::SmallVector<Part, 0> allParts;
  llvm::DenseMap<Class, llvm::SmallVector<Carrier>> carriers;
  llvm::DenseMap<Class, llvm::SmallVector<Use>> uses;
};

} // namespace hone

#endif
