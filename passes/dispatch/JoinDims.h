// Which neighbouring dims of a kernel's values can be one.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_PASSES_DISPATCH_JOINDIMS_H
#define HONE_PASSES_DISPATCH_JOINDIMS_H

#include "dialects/hone/Hone.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"

namespace hone {

/// Dims that lie side by side in all values of a kernel, and that all of its ops treat alike, are joined into one:
/// fewer loops, longer rows, and more kernels that turn out to be the same (28,672 elements as 4096x7: 104 us, as
/// 1x28672: 15 us). What is alike is read from the ops' structures.
class JoinedDims {
public:
  JoinedDims(llvm::ArrayRef<mlir::Operation *> ops, ShapeBuilder &shapes);

  /// The dims of a tensor in the kernel.
  llvm::SmallVector<mlir::OpFoldResult> dims(mlir::Value tensor) const;
  /// For each dim of a tensor the number of the joined dim that it is part of.
  llvm::SmallVector<int64_t> numbers(mlir::Value tensor) const;
  /// Whether only the elements of a constant matter: other operands give its readers their dims.
  bool isScalar(mlir::Value constant) const { return scalars.contains(constant); }

private:
  /// A factor of the group: factors of its ops that run over the same dim of a value are one.
  using Letter = unsigned;
  /// The place of a dim of a value. A dim of one element stands in the place of a letter, and is none of it.
  struct Place {
    Letter letter;
    Extent extent;
    mlir::OpFoldResult size;
  };
  /// An op whose factors are the letters from `first` on.
  struct Member {
    mlir::Operation *op;
    Structure structure;
    Letter first;
  };

  bool collect(llvm::ArrayRef<mlir::Operation *> ops);
  bool needsDims(const Member &member, unsigned operand) const;
  void findScalars();
  void findPlaces();
  llvm::SmallVector<Place> placesOf(mlir::Value tensor, const FactoredDims &dims, Letter first) const;
  llvm::SmallVector<Place> widenedPlaces(const Member &member) const;
  bool addPlaces(mlir::Value tensor, llvm::ArrayRef<Place> own);
  void join();
  bool canBeOne(llvm::ArrayRef<Letter> letters) const;
  bool isTreatedAlike(llvm::ArrayRef<Letter> letters) const;
  bool liesTogether(mlir::Value value, llvm::ArrayRef<Place> own, llvm::ArrayRef<Letter> letters) const;
  Letter leaderOf(Letter letter) const { return same.getLeaderValue(letter); }

  ShapeBuilder &shapes;
  llvm::SmallVector<Member, 0> members;
  llvm::SmallVector<mlir::OpFoldResult> sizes; // of letters
  llvm::EquivalenceClasses<Letter> same;
  llvm::MapVector<mlir::Value, llvm::SmallVector<Place>> places;
  llvm::SmallDenseSet<mlir::Value> scalars;
  llvm::SmallDenseSet<mlir::Value> numbered; // read by ops to which the number of dims matters
  llvm::SmallDenseSet<Letter> fixed;         // that nothing can be joined with
  llvm::SmallDenseSet<Letter> extended;      // all but dims of one element that nobody asks for
  llvm::DenseMap<Letter, unsigned> joined;   // letter -> number of its joined dim
  bool isActive = false;
};

} // namespace hone

#endif
