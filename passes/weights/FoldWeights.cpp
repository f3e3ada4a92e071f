// Ops that only read weights become weights: what they would do in each run is done once, when the artefact is written.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Weights.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"
#include "passes/weights/WeightMaker.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include <queue>

namespace hone {
#define GEN_PASS_DEF_FOLDWEIGHTS
#include "passes/Passes.h.inc"
} // namespace hone

using namespace mlir;
using namespace hone;

/// Recipes behind one another that this pass makes at most: dispatch, and whoever else, may add some.
static constexpr unsigned kMaxDepth = kMaxRecipeDepth / 2;

static bool isConstant(Value value) {
  Operation *op = value.getDefiningOp();
  return op && op->hasTrait<OpTrait::ConstantLike>();
}
static RankedTensorType typeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()); }

namespace {
/// The ops of some blocks that could be recipes, and which of them are to be. Equal ones, as those of two entries,
/// would be one weight: the first of them stands for all.
///
/// Results that something else than such an op reads are what the artefact would hold: they are kept, and the weights
/// that they are made of, their roots, go if nothing else reads them. Results that share roots are looked at together.
/// Where the artefact would grow by too much, the largest result stays an op, and what that reads is kept in its place.
class Folds {
public:
  Folds(ArrayRef<Block *> blocks, const llvm::DenseMap<Operation *, unsigned> &depths, SymbolTable &symbols);

  /// Decides. `growthLimit`: how many bytes more than the weights that they replace the results of shared roots may
  /// take; `budget`, less what was used: those of all. Calls `refuse` for each op that stays for its size.
  void decide(int64_t growthLimit, int64_t &budget, llvm::function_ref<void(Operation *)> refuse);

  /// What the artefact shall hold, in the order of the blocks.
  ArrayRef<Operation *> results() const { return kept; }

private:
  struct Group {
    llvm::SmallSetVector<UseWeightOp, 4> roots; ///< one use of each weight
    SmallVector<Operation *> kept;
  };

  bool isFoldable(Value value) const { return foldable.contains(value.getDefiningOp()); }
  bool isRoot(Value value) const { return value.getDefiningOp<UseWeightOp>() || isConstant(value); }
  FlatSymbolRefAttr nameOf(Value tensor);
  void addIfFoldable(RecipeOpInterface op, const llvm::DenseMap<Operation *, unsigned> &depths, SymbolTable &symbols);
  std::vector<Group> groups();
  void decide(Group &group, int64_t limit, int64_t &budget, llvm::function_ref<void(Operation *)> refuse);

  /// Foldable ops, and the recipes behind one another that each stands for.
  llvm::MapVector<Operation *, unsigned> foldable;
  llvm::DenseMap<Operation *, Operation *> firstOf; ///< of equal foldable ops
  /// Firsts by what they make: recipes over weights and, under names made up from numbers, constants and other firsts.
  llvm::DenseMap<std::pair<Attribute, Type>, Operation *> firsts;
  llvm::DenseMap<const void *, unsigned> numbers; ///< of constants' values and firsts
  llvm::DenseSet<Attribute> readAsIs;             ///< weights that something else reads
  SmallVector<Operation *> kept;
};
} // namespace

/// The tensors that an op reads.
static auto tensorsOf(Operation *op) {
  return llvm::make_filter_range(op->getOperands(), [](Value value) { return isa<RankedTensorType>(value.getType()); });
}

Folds::Folds(ArrayRef<Block *> blocks, const llvm::DenseMap<Operation *, unsigned> &depths, SymbolTable &symbols) {
  for (Block *block : blocks)
    for (Operation &op : *block)
      if (auto candidate = dyn_cast<RecipeOpInterface>(op))
        addIfFoldable(candidate, depths, symbols);
  for (Block *block : blocks)
    for (auto use : block->getOps<UseWeightOp>())
      if (!llvm::all_of(use->getUsers(), [&](Operation *user) { return foldable.contains(user); }))
        readAsIs.insert(use.getWeightAttr());
}

/// The same for equal tensors that a recipe can be made of.
FlatSymbolRefAttr Folds::nameOf(Value tensor) {
  if (auto use = tensor.getDefiningOp<UseWeightOp>())
    return use.getWeightAttr();
  Attribute constant;
  const void *key = matchPattern(tensor, m_Constant(&constant)) ? constant.getAsOpaquePointer()
                                                                : firstOf.lookup(tensor.getDefiningOp());
  unsigned number = numbers.try_emplace(key, numbers.size()).first->second;
  return FlatSymbolRefAttr::get(tensor.getContext(), ("#" + Twine(number)).str());
}

void Folds::addIfFoldable(RecipeOpInterface op, const llvm::DenseMap<Operation *, unsigned> &depths,
                          SymbolTable &symbols) {
  RankedTensorType type = typeOf(op->getResult(0));
  if (!type.hasStaticShape() || !storageBytes(type))
    return;
  unsigned depth = 0;
  bool readsWeight = false, readsNumbers = false; // numbers: constants of more than one value
  SmallVector<FlatSymbolRefAttr> names;
  SmallVector<RankedTensorType> types;
  for (Value tensor : tensorsOf(op)) {
    if (!isRoot(tensor) && !isFoldable(tensor))
      return;
    if (auto use = tensor.getDefiningOp<UseWeightOp>())
      depth = std::max(depth, depths.lookup(symbols.lookup(use.getWeight())));
    else if (isFoldable(tensor))
      depth = std::max(depth, foldable.lookup(tensor.getDefiningOp()));
    DenseElementsAttr constant;
    readsWeight |= !matchPattern(tensor, m_Constant(&constant));
    readsNumbers |= constant && !constant.isSplat();
    names.push_back(nameOf(tensor));
    types.push_back(typeOf(tensor));
  }
  // Of constants alone, hone-fold-constants has made what is small; of one value kernels make any number themselves.
  bool isWanted = readsWeight || (readsNumbers && *storageBytes(type) > kMaxConstantBytes);
  if (!isWanted || depth + 1 > kMaxDepth)
    return;
  // An op may say what its recipe does not: a reshape whose counts differ fails in each run, by a check in front of it.
  WeightRecipeAttrInterface recipe = op.getRecipe(names);
  ScopedDiagnosticHandler silence(op->getContext(), [](Diagnostic &) { return success(); });
  auto emitError = [&] { return op->emitError(); };
  if (!recipe)
    return;
  FailureOr<RankedTensorType> made = recipe.inferType(types, type, emitError);
  if (failed(made) || *made != type)
    return;
  foldable.insert({op, depth + 1});
  firstOf[op] = firsts.try_emplace({recipe, type}, op).first->second;
}

std::vector<Folds::Group> Folds::groups() {
  llvm::EquivalenceClasses<Operation *> classes; // of foldable ops and, for each weight, its first use
  llvm::MapVector<Attribute, UseWeightOp> uses;
  for (auto &[op, depth] : foldable) {
    classes.unionSets(op, firstOf.lookup(op)); // constants alone tie it to no other
    for (Value tensor : tensorsOf(op)) {
      auto use = tensor.getDefiningOp<UseWeightOp>();
      if (use)
        use = uses.insert({use.getWeightAttr(), use}).first->second;
      if (!isConstant(tensor))
        classes.unionSets(op, use ? use : tensor.getDefiningOp());
    }
  }
  llvm::MapVector<Operation *, Group> byLeader;
  for (auto &[weight, use] : uses)
    byLeader[classes.getLeaderValue(use)].roots.insert(use);
  for (auto &[op, depth] : foldable)
    if (!llvm::all_of(op->getUsers(), [&](Operation *user) { return foldable.contains(user); }))
      byLeader[classes.getLeaderValue(op)].kept.push_back(firstOf.lookup(op));
  std::vector<Group> result;
  for (auto &[leader, group] : byLeader)
    result.push_back(std::move(group));
  return result;
}

static int64_t bytesOf(Value tensor) { return *storageBytes(typeOf(tensor)); }

void Folds::decide(Group &group, int64_t limit, int64_t &budget, llvm::function_ref<void(Operation *)> refuse) {
  double growth = 0; // sizes that a model claims may be more than 64 bits together
  for (UseWeightOp use : group.roots)
    if (!readAsIs.contains(use.getWeightAttr()))
      growth -= double(bytesOf(use));
  // The largest result first; of equals any, but always the same.
  using Candidate = std::pair<int64_t, unsigned>; // its bytes, and its number
  SmallVector<Operation *> candidates;
  llvm::SmallDenseSet<Operation *> seen, isKept;
  std::priority_queue<Candidate> largest;
  auto keep = [&](Operation *op) {
    if (!seen.insert(op).second)
      return;
    isKept.insert(op);
    growth += double(bytesOf(op->getResult(0)));
    largest.emplace(bytesOf(op->getResult(0)), candidates.size());
    candidates.push_back(op);
  };
  llvm::for_each(group.kept, keep);
  while (growth > double(std::min(limit, budget)) && !largest.empty()) {
    Operation *op = candidates[largest.top().second];
    growth -= double(largest.top().first);
    largest.pop();
    isKept.erase(op);
    refuse(op);
    for (Value tensor : tensorsOf(op)) {
      auto use = tensor.getDefiningOp<UseWeightOp>();
      if (use && readAsIs.insert(use.getWeightAttr()).second)
        growth += double(bytesOf(use));
      if (isFoldable(tensor))
        keep(firstOf.lookup(tensor.getDefiningOp()));
    }
  }
  if (!isKept.empty() && growth > 0)
    budget -= int64_t(growth);
  kept.append(isKept.begin(), isKept.end());
}

void Folds::decide(int64_t growthLimit, int64_t &budget, llvm::function_ref<void(Operation *)> refuse) {
  for (Group &group : groups())
    decide(group, growthLimit, budget, refuse);
  llvm::DenseSet<Operation *> chosen(kept.begin(), kept.end());
  kept.clear();
  for (auto &[op, depth] : foldable)
    if (chosen.contains(firstOf.lookup(op)))
      kept.push_back(op);
}

namespace {
struct FoldWeights : hone::impl::FoldWeightsBase<FoldWeights> {
  using FoldWeightsBase::FoldWeightsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<llvm::DenseMap<Operation *, unsigned>> depths = checkRecipes(module);
    if (failed(depths))
      return signalPassFailure();
    SymbolTable symbols(module);
    WeightMaker maker(module, symbols);
    SmallVector<Block *> blocks;
    for (auto function : module.getOps<func::FuncOp>())
      for (Block &block : function.getBody())
        blocks.push_back(&block);
    fold(blocks, *depths, symbols, maker);
    for (Block *block : blocks)
      eraseUnused(*block);
  }

  void fold(ArrayRef<Block *> blocks, const llvm::DenseMap<Operation *, unsigned> &depths, SymbolTable &symbols,
            WeightMaker &maker) {
    Folds folds(blocks, depths, symbols);
    int64_t budget = totalGrowthLimit;
    folds.decide(growthLimit, budget, [](Operation *op) {
      remark::missed(op->getLoc(), remark::RemarkOpts::name("not-folded").category("weights"))
          << "reads weights only, but its result would make the library larger: "
          << remark::metric("op", op->getName().getStringRef());
    });
    for (Operation *op : folds.results()) {
      WeightOp weight = maker.weightOf(op->getResult(0));
      OpBuilder builder(op);
      auto use = UseWeightOp::create(builder, op->getLoc(), op->getResult(0).getType(), weight.getSymName());
      op->getResult(0).replaceAllUsesWith(use.getOutput());
    }
  }

  static void eraseUnused(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if ((isa<RecipeOpInterface, UseWeightOp>(op) || op.hasTrait<OpTrait::ConstantLike>()) && op.use_empty())
        op.erase();
  }
};
} // namespace
