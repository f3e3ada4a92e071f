// Weights as data: recipes over weights are checked here, and evaluated window by window.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_WEIGHTS_H
#define HONE_DIALECTS_HONE_WEIGHTS_H

#include "dialects/hone/Hone.h"
#include "dialects/hone/Recipes.h"
#include <mutex>
#include <vector>

namespace hone {

/// How many recipes may follow each other. Each element of the last goes through all of them, so that this bounds the
/// work and the stack that a file can ask for.
inline constexpr unsigned kMaxRecipeDepth = 64;

/// How many recipes follow each other behind each weight: 0 for one that is no recipe. Takes time and memory linear in
/// the module. Fails, and reports it on the weight, for one that is made of itself, or of more than kMaxRecipeDepth
/// recipes in a row.
mlir::FailureOr<llvm::DenseMap<mlir::Operation *, unsigned>> checkRecipes(mlir::ModuleOp module);

/// Reads weights, recipes included, without ever holding one. Make one for a pass or for an artefact: it remembers how
/// weights are made, so none of those it has read may be changed or erased. Weights that are added are found where
/// `symbols` knows them. Errors name the weight.
class WeightReader {
public:
  /// `symbols` and `source` must outlive it.
  WeightReader(mlir::SymbolTable &symbols, WeightSource &source);
  ~WeightReader();

  /// Windows of stream() have at most this many bytes.
  static constexpr int64_t windowBytes = 32 << 20;

  /// The elements of `weight`, which may be read as long as the reader lives. What they come from is opened, so that
  /// reading has no errors. Error: a file that cannot be read; a recipe that checkRecipes() refuses.
  llvm::Expected<const WeightElements &> open(WeightOp weight);

  /// Calls `consume` with all bytes of `weight` in order, in windows. Recipes are evaluated on the context's threads;
  /// what was mapped for a window is given back behind it. Errors: of open() and of `consume`.
  llvm::Error stream(WeightOp weight, llvm::function_ref<llvm::Error(llvm::StringRef window)> consume);

private:
  class Leaf;
  class MappedLeaf;
  class Recipe;
  struct Entry;

  llvm::Expected<Entry *> prepare(WeightOp weight, unsigned depth);
  llvm::Error prepareRecipe(WeightOp weight, WeightRecipeAttrInterface recipe, unsigned depth, Entry &entry);
  llvm::Error streamMapped(FileAttr file, llvm::StringRef mapped,
                           llvm::function_ref<llvm::Error(llvm::StringRef)> consume);
  llvm::Error streamElements(const WeightElements &elements, mlir::RankedTensorType type,
                             llvm::function_ref<llvm::Error(llvm::StringRef)> consume);
  void giveBackTouched();

  mlir::SymbolTable &symbols;
  WeightSource &source;
  llvm::DenseMap<mlir::Operation *, std::unique_ptr<Entry>> entries;
  std::mutex touchedMutex;
  std::vector<MappedLeaf *> touched; ///< leaves of files, read since giveBackTouched()
};

} // namespace hone

#endif
