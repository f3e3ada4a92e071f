// What an op does with the dims of its tensors: its iteration space, in factors.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_STRUCTURE_H
#define HONE_DIALECTS_HONE_STRUCTURE_H

#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/SmallVector.h"

namespace hone {

class ShapeBuilder;
enum class ReduceKind : uint32_t;

/// What the positions of a factor are to the op.
enum class FactorKind {
  Parallel,  ///< each by itself
  Reduction, ///< combined into one value by the factor's combiner; parts of them into partial values
  Window,    ///< read through a sliding window
  Row,       ///< each result needs all of them (softmax, norms, running sums)
  Opaque     ///< which ones are read or written is the op's own affair, or that of data
};
llvm::StringRef toString(FactorKind kind);

/// A letter of an einsum: an independent counter of the iteration space. (Factors instead of affine maps, because a
/// reshape splits and merges them: Shardy's sharding rules.)
struct Factor {
  mlir::OpFoldResult size;
  FactorKind kind = FactorKind::Parallel;
  /// How a reduction combines its positions.
  std::optional<ReduceKind> combiner = std::nullopt;
};

/// How much of its factors a dim has.
enum class Extent {
  Full,  ///< all: its size is the product of theirs
  One,   ///< one element, in the place of all (broadcast, or what a reduction leaves)
  Either ///< not known before the run
};

/// A dim of a tensor, or the place of one: the factors it runs over, major first.
struct FactoredDim {
  llvm::SmallVector<unsigned, 1> factors;
  Extent extent = Extent::Full;

  bool operator==(const FactoredDim &other) const { return factors == other.factors && extent == other.extent; }
  /// The only factor of a dim that has all of it, or nothing.
  std::optional<unsigned> single() const {
    return factors.size() == 1 && extent == Extent::Full ? std::optional(factors[0]) : std::nullopt;
  }
};
using FactoredDims = llvm::SmallVector<FactoredDim, 4>;

/// Position i of factor `part` is position offset + i · step of factor `whole`.
struct FactorPart {
  unsigned part, whole;
  mlir::OpFoldResult offset, step;
};

/// The iteration space of an op and how its tensors lie in it. Factors that stand in a result, or that are combined or
/// walked, are iterated; the others say only what an operand has that the op chooses from.
struct Structure {
  explicit Structure(mlir::Operation *op);

  /// The number of a new factor.
  unsigned add(mlir::OpFoldResult size, FactorKind kind = FactorKind::Parallel);
  /// Adds a factor for each dim, and gives the dims that run over them.
  FactoredDims addAll(llvm::ArrayRef<mlir::OpFoldResult> sizes, FactorKind kind = FactorKind::Parallel);
  /// How a dim of this size lies over factors, the product of whose sizes is `full`, by the rules of broadcasting.
  static FactoredDim broadcast(mlir::OpFoldResult own, mlir::OpFoldResult full, llvm::ArrayRef<unsigned> factors);

  bool isIterated(unsigned factor) const;
  bool has(FactorKind kind) const;
  /// The factors that are combined, in order.
  llvm::SmallVector<unsigned> reductions() const;
  /// Whether the op reads each element of an operand at most once a walk over its iteration space: the operand has all
  /// of the factors that are iterated, or parts of them.
  bool readsOnce(unsigned operand) const;
  /// Whether the op chooses what it reads of an operand: the operand has factors that are not iterated.
  bool choosesFrom(unsigned operand) const;
  /// Whether the dims of an operand are those of the first result, in order, but for their extents.
  bool isAligned(unsigned operand) const;
  /// Positions of the iteration space.
  mlir::OpFoldResult points(ShapeBuilder &shapes) const;

  llvm::SmallVector<Factor, 6> factors;
  /// By number of operand and result; none for operands that are no tensors.
  llvm::SmallVector<FactoredDims, 3> operands;
  llvm::SmallVector<FactoredDims, 1> results;
  llvm::SmallVector<FactorPart, 1> parts;
};

/// The structure that an op has by its other interfaces: element-wise ops broadcast, row ops walk their row dims, and
/// of all others nothing is known.
Structure defaultStructure(mlir::Operation *op, ShapeBuilder &shapes);
/// Of an op whose operands broadcast to its first result.
Structure broadcastStructure(mlir::Operation *op, ShapeBuilder &shapes);
/// Of an op that gives the same elements other dims: what dims of one side are products of dims of the other.
Structure reshapeStructure(mlir::Operation *op, ShapeBuilder &shapes);

/// At each position one for an addition or comparison, twenty for a division or polynomial, none for a move.
mlir::OpFoldResult defaultFlops(mlir::Operation *op, ShapeBuilder &shapes);
/// Bytes of an operand if each that the op reads is touched once: all, or an element at each position of those that it
/// chooses from.
mlir::OpFoldResult defaultBytesRead(mlir::Operation *op, ShapeBuilder &shapes, unsigned operand);

/// The structure of `op` as text: "([a, c], [c, b]) -> ([a, b]) c: reduction sum".
std::string toString(mlir::Operation *op, const Structure &structure);

} // namespace hone

#endif
