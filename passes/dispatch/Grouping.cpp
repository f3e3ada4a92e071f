// Grouping by two rules. A family's op takes what the family fuses before and behind it. Everything else starts at
// an op whose result must exist and pulls in producers that it alone reads, each element at most once: nothing is
// computed twice, but what is cheap and looked up. docs/design/fusion.md has the figures behind the rules.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/dispatch/Grouping.h"
#include "dialects/hone/Regions.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace hone;

// Larger kernels spill and repeat loads: 16 pointers and 60 body ops (generic-path measurements, AVX2).
static constexpr size_t kMaxOps = 60;
static constexpr size_t kMaxInputs = 16;
/// Readers of a value that are looked at to find where they come together.
static constexpr size_t kMaxOpsTogether = 12;

bool hone::runsInKernel(Operation *op) {
  return isa<StructureOpInterface>(op) && !isView(op) && !op->hasTrait<OpTrait::ConstantLike>();
}

namespace {
class Grouping {
public:
  Grouping(Block &block, ShapeBuilder &shapes, const TargetModel &model, TargetAttr target)
      : block(block), shapes(shapes), model(model), target(target) {}

  SmallVector<KernelGroup> run() {
    for (Operation &op : block)
      if (auto update = dyn_cast<UpdateOpInterface>(op))
        updates[rootOf(update.getUpdated().get())].push_back(&op);
    for (Operation &op : block)
      if (runsInKernel(&op) && !groupOf.count(&op) && model.hasKernelOfItsOwn(target, &op))
        startOwn(&op);
    for (Operation &op : llvm::reverse(block)) {
      if (!runsInKernel(&op) || groupOf.count(&op) || joinReaders(&op))
        continue;
      if (!joinConsumers(&op))
        start(&op);
    }
    return collect();
  }

private:
  int start(Operation *op) {
    KernelGroup group;
    group.ops.push_back(op);
    group.hasRows = walksRows(op);
    group.isGeneric = !isa<LoopOpInterface>(op);
    groups.push_back(group);
    inPlace.insert(op);
    return groupOf[op] = groups.size() - 1;
  }

  const Structure &structureOf(Operation *op) {
    auto [entry, isNew] = structures.try_emplace(op);
    if (isNew)
      entry->second = std::make_unique<Structure>(cast<StructureOpInterface>(op).getStructure(shapes));
    return *entry->second;
  }

  /// Whether each of the op's elements takes a walk over others.
  bool walksRows(Operation *op) {
    return structureOf(op).has(FactorKind::Row) || structureOf(op).has(FactorKind::Reduction);
  }

  bool sameDims(Value a, Value b) { return shapes.dims(a) == shapes.dims(b); }

  /// The group of an op that has a kernel of its own, and of what this kernel takes in behind it.
  void startOwn(Operation *anchor) {
    int id = start(anchor);
    groups[id].isGeneric = false;
    Value value = anchor->getResult(0);
    while (Value next = goOnBehind(anchor, value, groups[id])) {
      for (Operation *op : groups[id].ops)
        groupOf[op] = id;
      value = next;
    }
  }

  /// Adds readers of `value`, the only one of the group that is read outside of it, so that there is again one such
  /// value, which is given: a reader alone, or several ones that come together (x · sigmoid(x)). Null where there are
  /// none.
  Value goOnBehind(Operation *anchor, Value value, KernelGroup &group) {
    KernelGroup grown = group;
    llvm::SmallSetVector<Value, 4> open;
    open.insert(value);
    // Of values that are read outside, the first one: what comes behind it is read by none of the others.
    auto first = [&] {
      return *llvm::min_element(open,
                                [](Value a, Value b) { return a.getDefiningOp()->isBeforeInBlock(b.getDefiningOp()); });
    };
    do {
      Value next = first();
      if (next.use_empty())
        return {};
      for (Operation *user : next.getUsers()) {
        if (llvm::is_contained(grown.ops, user))
          continue;
        bool fits = user->getBlock() == &block && !groupOf.count(user) && model.fusesBehind(target, anchor, user) &&
                    grown.ops.size() < kMaxOps && inputCount(grown, user) <= kMaxInputs &&
                    sameDims(user->getResult(0), value);
        if (!fits)
          return {};
        grown.ops.push_back(user);
        open.insert(user->getResult(0));
      }
      open.remove(next);
    } while (open.size() > 1 && grown.ops.size() < group.ops.size() + kMaxOpsTogether);
    if (open.size() > 1)
      return {};
    group = std::move(grown);
    return open[0];
  }

  /// Whether `user`, as code is generated for it, reads each element of `producer` at most once.
  bool readsOnce(Operation *user, Value producer) {
    const Structure &structure = structureOf(user);
    // A row is walked several times. Those that decompose keep what they read of it.
    if (user->hasTrait<BranchesByPosition>() || (structure.has(FactorKind::Row) && !isa<DecomposeOpInterface>(user)))
      return false;
    const FactoredDims *read = nullptr;
    for (OpOperand &operand : user->getOpOperands()) {
      if (operand.get() != producer)
        continue;
      const FactoredDims &dims = structure.operands[operand.getOperandNumber()];
      if (!structure.readsOnce(operand.getOperandNumber()) || (read && *read != dims))
        return false;
      read = &dims;
    }
    return true;
  }

  /// Whether `user` chooses by data what it reads of `producer`, as a gather does.
  bool looksUp(Operation *user, Value producer) {
    return !user->hasTrait<BranchesByPosition>() && llvm::all_of(user->getOpOperands(), [&](OpOperand &operand) {
      return operand.get() != producer || structureOf(user).choosesFrom(operand.getOperandNumber());
    });
  }

  /// Whether `op`, computed with the group, would find changed what it reads: the group is launched behind an update.
  bool readsTooLate(Operation *op, const KernelGroup &group) {
    if (updates.empty())
      return false;
    auto isChanged = [&](Value operand) {
      auto found = updates.find(rootOf(operand));
      return found != updates.end() && llvm::any_of(found->second, [&](Operation *update) {
               return op->isBeforeInBlock(update) &&
                      llvm::any_of(group.ops, [&](Operation *other) { return update->isBeforeInBlock(other); });
             });
    };
    return llvm::any_of(op->getOperands(), isChanged);
  }

  /// What only shows a tensor otherwise (a weight in another layout, a part of it) is done by the kernel of its
  /// readers, if it can.
  bool joinReaders(Operation *op) {
    if (op->use_empty())
      return false;
    std::optional<int> id;
    for (OpOperand &use : op->getUses()) {
      auto found = groupOf.find(use.getOwner());
      if (found == groupOf.end() || found->second != id.value_or(found->second))
        return false;
      id = found->second;
      if (groups[*id].isGeneric ? !op->hasTrait<RestoresLayout>() : !model.fusesBefore(target, use))
        return false;
    }
    if (readsTooLate(op, groups[*id]))
      return false;
    groups[*id].ops.push_back(op);
    groupOf[op] = *id;
    return true;
  }

  bool joinConsumers(Operation *op) {
    if (op->getNumResults() != 1 || !isa<ElementOpInterface, DecomposeOpInterface>(op) ||
        op->hasTrait<BranchesByPosition>() || op->use_empty())
      return false;
    Value value = op->getResult(0);
    bool isRow = walksRows(op), isLookedUp = false;
    int id = -1;
    for (Operation *user : value.getUsers()) {
      auto found = groupOf.find(user);
      if (found == groupOf.end() || (id >= 0 && found->second != id))
        return false;
      // A look-up may ask for an element many times. What is cheap is computed for it there, and what nobody asks for
      // (of a table that is stored as integers and scales) nowhere.
      isLookedUp |= lookedUp.contains(user) || looksUp(user, value);
      if (isLookedUp ? !cast<StructureOpInterface>(op).isCheapToRecompute() : !readsOnce(user, value))
        return false;
      if (isRow && !isa<ScalarOpInterface>(user))
        return false;
      // Behind a transposition or a slice, each element would compute its whole row again.
      if (isa<DecomposeOpInterface>(op) && !inPlace.contains(user))
        return false;
      id = found->second;
    }
    KernelGroup &group = groups[id];
    if (!group.isGeneric || (isRow && group.hasRows) || group.ops.size() >= kMaxOps ||
        inputCount(group, op) > kMaxInputs || readsTooLate(op, group))
      return false;
    group.ops.push_back(op);
    group.hasRows |= isRow;
    groupOf[op] = id;
    if (isLookedUp)
      lookedUp.insert(op);
    if (llvm::all_of(value.getUsers(),
                     [&](Operation *user) { return isa<ScalarOpInterface>(user) && inPlace.contains(user); }))
      inPlace.insert(op);
    return true;
  }

  /// The buffers that the kernel of `group` would read with `extra` in it.
  size_t inputCount(const KernelGroup &group, Operation *extra) {
    llvm::SmallDenseSet<Value> inputs;
    auto addOperands = [&](Operation *op) {
      for (Value operand : op->getOperands()) {
        Operation *definition = operand.getDefiningOp();
        bool isInside = definition && (definition == extra || llvm::is_contained(group.ops, definition));
        if (isa<RankedTensorType>(operand.getType()) && !isInside && !matchPattern(operand, m_Constant()))
          inputs.insert(operand);
      }
    };
    llvm::for_each(group.ops, addOperands);
    addOperands(extra);
    return inputs.size();
  }

  SmallVector<KernelGroup> collect() {
    for (KernelGroup &group : groups)
      llvm::sort(group.ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    llvm::sort(groups, [](const KernelGroup &a, const KernelGroup &b) { return a.root()->isBeforeInBlock(b.root()); });
    return std::move(groups);
  }

  Block &block;
  ShapeBuilder &shapes;
  const TargetModel &model;
  TargetAttr target;
  SmallVector<KernelGroup> groups;
  llvm::DenseMap<Operation *, int> groupOf;
  llvm::DenseMap<Value, SmallVector<Operation *, 1>> updates; // by what they change
  llvm::DenseMap<Operation *, std::unique_ptr<Structure>> structures;
  /// Ops whose elements their kernel's results read at their own positions only.
  llvm::DenseSet<Operation *> inPlace;
  /// Ops that are computed where a look-up asks for their elements.
  llvm::DenseSet<Operation *> lookedUp;
};
} // namespace

SmallVector<KernelGroup> hone::groupOps(Block &block, ShapeBuilder &shapes, const TargetModel &model,
                                        TargetAttr target) {
  return Grouping(block, shapes, model, target).run();
}
