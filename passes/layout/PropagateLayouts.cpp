// Transpositions sink through ops until they meet and cancel. Which way ops could be turned is found out along the
// program, which of them are turned backwards, by the bytes that are then transposed.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"
#include "passes/Passes.h"
#include "passes/layout/TurnedOp.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace hone;

namespace hone {
#define GEN_PASS_DEF_PROPAGATELAYOUTS
#include "passes/Passes.h.inc"
} // namespace hone

namespace {
/// How the readers of a value want it to lie, and how many do; what only permutes its dims is told apart.
struct Readers {
  unsigned &count(const Order &order) {
    for (auto &[own, number] : wants)
      if (own == order)
        return number;
    return wants.emplace_back(order, 0).second;
  }

  SmallVector<std::pair<Order, unsigned>, 2> wants;
  SmallVector<Value, 2> permuted;
};

/// The arithmetic on dims that is built on the way: what nobody needs in the end goes again.
struct Recorder : OpBuilder::Listener {
  void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint) override { made.push_back(op); }
  SmallVector<Operation *> made;
};

/// The layouts of the values of one block.
class Layouts {
public:
  explicit Layouts(Block &block) : block(block), builder(block.getParentOp()->getContext(), &recorder) {}

  void run();

private:
  /// Finds ops that can be computed on tensors as they lay before a transposition.
  void findTurned();
  /// Turns those back without which fewer bytes are transposed.
  void decide();
  /// Turns all of those back that hang together and save nothing.
  void dropUseless();
  void rebuild();
  void rebuild(Operation *op, TurnedOp &turned);
  void eraseUnused();

  TurnedOp *turnedOp(Operation *op) {
    auto found = turned.find(op);
    return found != turned.end() && found->second.isKept ? &found->second : nullptr;
  }
  /// Whether an op of this block only permutes dims. In regions, ops read values as the program says.
  bool permutes(Operation *op) const { return op->getBlock() == &block && permutationOf(op); }
  /// The order in which a value lies if ops are turned as it is decided now.
  Order orderOf(Value value);
  static Order orderBehind(ArrayRef<int64_t> order, ArrayRef<int64_t> permutation);
  static Value rootOf(Value value);
  /// The values that the tensor operands of an op are made of by permutation; not what is stored.
  static SmallVector<Value> rootsOf(Operation *op);

  Readers &readersOf(Value value);
  void setKept(Operation *op, TurnedOp &turned, bool isKept);
  /// What it costs to have a value, which lies in `order`, as its readers want it.
  double cost(Value value, const Order &order);
  /// The same if no op is turned.
  double costAsItWas(Value value, const Order &order);
  double costAround(Operation *op);
  /// What it saves, beside moves, that an op is turned: behind a product or a window it is computed in one kernel with
  /// it.
  double gainOf(Operation *op, const TurnedOp &own);

  /// The value with its dims in this order.
  Value lay(Value value, const Order &wanted, Location loc);
  void replaceForOthers(Value value, Value by);

  Block &block;
  Recorder recorder;
  OpBuilder builder;
  ShapeBuilder shapes{builder};
  Block standIns; // for operands of ops that are built ahead
  llvm::MapVector<Operation *, TurnedOp> turned;
  llvm::DenseMap<Value, Readers> readers;
  llvm::DenseMap<Value, Value> laid; // results of turned ops as they now lie
  llvm::DenseMap<Value, SmallVector<std::pair<Order, Value>, 1>> moved;
  llvm::DenseSet<Operation *> behindProducts; // element-wise ops, whose kernels products begin
  SmallVector<Operation *> replaced;          // ops that may have no reader any more
};
} // namespace

/// Whether an op has a kernel that goes on with element-wise ops behind it: sums over several tensors, and windows.
static bool isProduct(Operation *op, ShapeBuilder &shapes) {
  auto structured = dyn_cast<StructureOpInterface>(op);
  if (!structured)
    return false;
  Structure structure = structured.getStructure(shapes);
  return structure.has(FactorKind::Window) || (op->getNumOperands() > 1 && structure.has(FactorKind::Reduction));
}

Value Layouts::rootOf(Value value) {
  while (permutationOf(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

SmallVector<Value> Layouts::rootsOf(Operation *op) {
  llvm::SmallSetVector<Value, 4> roots;
  for (Value operand : op->getOperands())
    if (isTensor(operand) && !isStored(operand))
      roots.insert(rootOf(operand));
  return roots.takeVector();
}

Order Layouts::orderBehind(ArrayRef<int64_t> order, ArrayRef<int64_t> permutation) {
  Order inverse = inverseOf(permutation), behind;
  for (int64_t dim : order)
    behind.push_back(inverse[dim]);
  return behind;
}

Order Layouts::orderOf(Value value) {
  Operation *op = value.getDefiningOp();
  if (auto permutation = permutationOf(op))
    return orderBehind(orderOf(op->getOperand(0)), *permutation);
  if (TurnedOp *own = turnedOp(op))
    return own->results[cast<OpResult>(value).getResultNumber()];
  return asItIs(rankOf(value));
}

//===-- What can be turned, and what is -------------------------------------------------------------------------===//

void Layouts::findTurned() {
  for (Operation &op : block) {
    builder.setInsertionPoint(&op);
    auto isProduct = [&](Value root) {
      Operation *maker = root.getDefiningOp();
      return maker && (behindProducts.contains(maker) || ::isProduct(maker, shapes));
    };
    if (isa<ScalarOpInterface>(op) && llvm::any_of(rootsOf(&op), isProduct))
      behindProducts.insert(&op);
    if (!canBeTurned(&op))
      continue;
    SmallVector<Order> orders;
    for (Value operand : op.getOperands())
      orders.push_back(!isTensor(operand) ? Order() : isStored(operand) ? asItIs(rankOf(operand)) : orderOf(operand));
    if (llvm::all_of(orders, [](const Order &order) { return llvm::is_sorted(order); }))
      continue;
    std::optional<TurnedOp> own = TurnedOp::build(&op, orders, shapes, standIns);
    if (!own)
      continue;
    turned.insert({&op, std::move(*own)});
  }
}

Readers &Layouts::readersOf(Value value) {
  auto [entry, isNew] = readers.try_emplace(value);
  if (isNew)
    for (OpOperand &use : value.getUses()) {
      Operation *reader = use.getOwner();
      if (permutes(reader))
        entry->second.permuted.push_back(reader->getResult(0));
      else if (TurnedOp *own = turnedOp(reader))
        ++entry->second.count(own->operands[use.getOperandNumber()]);
      else
        ++entry->second.count(asItIs(rankOf(value)));
    }
  return entry->second;
}

double Layouts::cost(Value value, const Order &order) {
  double sum = 0;
  Readers own = readersOf(value); // a copy: the table grows
  for (auto &[wanted, count] : own.wants)
    if (count)
      sum += costOfMove(value, order, wanted);
  for (Value other : own.permuted)
    sum += cost(other, orderBehind(order, *permutationOf(other.getDefiningOp())));
  return sum;
}

double Layouts::costAsItWas(Value value, const Order &order) {
  Readers own = readersOf(value);
  double sum = own.wants.empty() ? 0 : costOfMove(value, order, asItIs(rankOf(value)));
  for (Value other : own.permuted)
    sum += costAsItWas(other, orderBehind(order, *permutationOf(other.getDefiningOp())));
  return sum;
}

/// Of the moves behind an op and of those in front of it, which its other readers may share.
double Layouts::costAround(Operation *op) {
  double sum = 0;
  for (Value result : op->getResults())
    sum += cost(result, orderOf(result));
  for (Value root : rootsOf(op))
    sum += cost(root, orderOf(root));
  return sum;
}

void Layouts::setKept(Operation *op, TurnedOp &own, bool isKept) {
  if (own.isKept == isKept)
    return;
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isTensor(operand.get()))
      continue;
    Readers &all = readersOf(operand.get());
    const Order plain = asItIs(rankOf(operand.get())), &wanted = own.operands[operand.getOperandNumber()];
    --all.count(isKept ? plain : wanted);
    ++all.count(isKept ? wanted : plain);
  }
  own.isKept = isKept;
}

double Layouts::gainOf(Operation *op, const TurnedOp &own) {
  if (!behindProducts.contains(op))
    return 0;
  // Less than any move: it decides where moves are the same.
  return costOfMove(op->getResult(0), own.results[0], asItIs(rankOf(op->getResult(0)))) / 2;
}

void Layouts::decide() {
  for (auto &[op, own] : llvm::reverse(turned)) {
    double before = costAround(op);
    setKept(op, own, false);
    if (costAround(op) + gainOf(op, own) > before)
      setKept(op, own, true);
  }
}

void Layouts::dropUseless() {
  llvm::EquivalenceClasses<Value> classes;
  for (auto &[op, own] : turned)
    if (own.isKept) {
      for (Value result : op->getResults())
        classes.unionSets(op->getResult(0), result);
      for (Value root : rootsOf(op))
        classes.unionSets(op->getResult(0), root);
    }
  llvm::DenseMap<Value, double> saved; // by leader
  for (const auto *member : classes) {
    Value value = member->getData();
    saved[classes.getLeaderValue(value)] += costAsItWas(value, asItIs(rankOf(value))) - cost(value, orderOf(value));
  }
  for (auto &[op, own] : turned)
    if (own.isKept)
      saved[classes.getLeaderValue(op->getResult(0))] += gainOf(op, own);
  for (auto &[op, own] : turned)
    if (own.isKept && saved.lookup(classes.getLeaderValue(op->getResult(0))) <= 0)
      setKept(op, own, false);
}

//===-- Turning -------------------------------------------------------------------------------------------------===//

Value Layouts::lay(Value value, const Order &wanted, Location loc) {
  Value root = rootOf(value), source = laid.lookup(root);
  auto &known = moved[value];
  for (auto &[order, copy] : known)
    if (order == wanted)
      return copy;
  Move move{value, orderOf(value), wanted};
  return known.emplace_back(wanted, move.build(shapes, source ? source : root, loc)).second;
}

void Layouts::replaceForOthers(Value value, Value by) {
  value.replaceUsesWithIf(by, [&](OpOperand &use) { return !permutes(use.getOwner()) && !turnedOp(use.getOwner()); });
}

void Layouts::rebuild(Operation *op, TurnedOp &own) {
  for (OpOperand &operand : own.op->getOpOperands()) {
    unsigned number = operand.getOperandNumber();
    if (!isTensor(operand.get()))
      continue;
    Value value = op->getOperand(number);
    Operation *maker = value.getDefiningOp();
    operand.set(lay(value, own.operands[number], maker ? maker->getLoc() : op->getLoc()));
  }
  own.op->moveBefore(op);
  for (auto [result, other] : llvm::zip_equal(op->getResults(), own.op->getResults())) {
    laid[result] = other;
    if (readersOf(result).count(asItIs(rankOf(result))))
      replaceForOthers(result, lay(result, asItIs(rankOf(result)), op->getLoc()));
  }
}

void Layouts::rebuild() {
  for (Operation &op : llvm::make_early_inc_range(block)) {
    builder.setInsertionPoint(&op);
    if (TurnedOp *own = turnedOp(&op)) {
      replaced.push_back(&op);
      rebuild(&op, *own);
    } else if (permutationOf(&op)) {
      replaced.push_back(&op);
      Value value = op.getResult(0);
      Order plain = asItIs(rankOf(value));
      // What only moves dims of one element is a reshape, turned or not.
      bool isChanged = laid.contains(rootOf(value)) || costOfMove(value, orderOf(value), plain) == kCostOfView;
      if (isChanged && readersOf(value).count(plain))
        replaceForOthers(value, lay(value, plain, op.getLoc()));
    }
  }
}

void Layouts::eraseUnused() {
  standIns.clear();
  for (const SmallVector<Operation *> &ops : {replaced, recorder.made})
    for (Operation *op : llvm::reverse(ops))
      if (op->use_empty())
        op->erase();
}

void Layouts::run() {
  findTurned();
  decide();
  dropUseless();
  rebuild();
  eraseUnused();
}

namespace {
struct PropagateLayouts : hone::impl::PropagateLayoutsBase<PropagateLayouts> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() &&
          llvm::any_of(function.front(), [](Operation &op) { return permutationOf(&op).has_value(); }))
        Layouts(function.front()).run();
  }
};
} // namespace
