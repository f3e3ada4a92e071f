// Weights that passes make of values.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_PASSES_WEIGHTS_WEIGHTMAKER_H
#define HONE_PASSES_WEIGHTS_WEIGHTMAKER_H

#include "dialects/hone/Hone.h"

namespace hone {

/// Makes weights of what a function computes of weights. No op whose weight was asked for may be erased before the last
/// question.
class WeightMaker {
public:
  WeightMaker(mlir::ModuleOp module, mlir::SymbolTable &symbols);

  /// The weight that holds `value`: the one that is used, or one that is made of a constant, or of the weights of a
  /// RecipeOpInterface's operands.
  WeightOp weightOf(mlir::Value value);
  /// The weight of this source behind `previous` (null: in front of all); one that is there already if it is a recipe.
  WeightOp make(mlir::Location loc, const llvm::Twine &name, mlir::RankedTensorType type, mlir::Attribute source,
                WeightOp previous = {});

private:
  mlir::SymbolTable &symbols;
  llvm::DenseMap<std::pair<mlir::Attribute, mlir::Type>, WeightOp> made;
  llvm::DenseMap<mlir::Operation *, WeightOp> known;
};

} // namespace hone

#endif
