// What all rooms ask of the regions of a host program: branches and loops.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_REGIONS_H
#define HONE_DIALECTS_HONE_REGIONS_H

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/SetVector.h"

namespace hone {

/// Whether `value` is an argument of a function, and not of a region in it.
bool isEntryArgument(mlir::Value value);

/// The value whose memory `value` shows: `value` itself, unless it is a view.
mlir::Value rootOf(mlir::Value value);

/// Whether nobody asks for the dims of `tensor` but an op that tells them.
bool hasDimsTold(mlir::Value tensor);

/// Whether `value`, views of it included, is read for the last time before `op`, whose own use `changed` is left out. A
/// loop that begins with the value may make no step: its result is the value then.
bool isDeadBefore(mlir::Value value, mlir::Operation *op, const mlir::OpOperand *changed = nullptr);

/// All that reads the memory of `root`, views of it left out.
llvm::SmallVector<mlir::OpOperand *> readersOf(mlir::Value root);

/// Whether `value` is known where `op` begins: it is not computed in the regions of `op`.
bool isKnownBefore(mlir::Value value, mlir::Operation *op);

/// Moves arithmetic in the regions of `op` that may be done before it there: it cannot fault, and asks for nothing that
/// is computed in them. What depends on dims alone is so known ahead of what depends on data.
void hoistArithmetic(mlir::Operation *op);

/// A loop of a host program: scf.for, or an scf.while whose condition hands on all that it gets, in order.
struct Loop {
  mlir::Operation *op;
  mlir::Block *body;
  mlir::MutableArrayRef<mlir::OpOperand> inits;
  mlir::Block::BlockArgListType arguments; ///< of the body: what is carried around
  mlir::MutableArrayRef<mlir::OpOperand> yielded;
  mlir::ResultRange results;

  static std::optional<Loop> get(mlir::Operation *op);
};

/// Lets the conditions of all scf.while in `op` hand on what they get: canonicalization drops what has no use there.
/// Tensors that a condition makes up are an error.
mlir::LogicalResult restoreLoops(mlir::Operation *op);

/// The ops of a program's block that only a run can do: launches, what has them in its regions, and what asks for what
/// they write. `readsMemory` tells whether an op reads an element of that.
llvm::SetVector<mlir::Operation *> findLate(mlir::Block &block,
                                            llvm::function_ref<bool(mlir::Operation *)> readsMemory);

/// What a loop (scf.for, scf.while) begins with in the place of `carried`, an argument of its blocks or its result;
/// null where `carried` is nothing of that kind.
mlir::Value initOf(mlir::Value carried);

} // namespace hone

#endif
