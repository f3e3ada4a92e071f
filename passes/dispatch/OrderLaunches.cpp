// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/dispatch/OrderLaunches.h"
#include "dialects/hone/Hone.h"
#include "dialects/hone/Regions.h"
#include "dialects/hone/State.h"
#include "dialects/hone/TargetModel.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace hone;

namespace {
class LaunchOrder {
public:
  explicit LaunchOrder(Block &block) : block(block), symbols(block.getParentOp()->getParentOfType<ModuleOp>()) {
    for (Operation &op : block)
      place[&op] = place.size();
    block.walk([&](Operation *op) {
      auto launch = dyn_cast<LaunchOp>(op);
      if (auto updated = launch ? updatedBy(launch) : std::nullopt)
        updatedRoots.insert(rootOf(launch.getBuffers()[*updated]));
      if (auto loop = Loop::get(op)) // may write over what it begins with
        for (OpOperand &init : loop->inits)
          updatedRoots.insert(rootOf(init.get()));
    });
  }

  void apply() {
    for (Operation &op : llvm::reverse(block))
      sink(op); // its readers have their places
    // What was moved has its first reader's place, and comes before it as it did.
    SmallVector<Operation *> ops(llvm::make_pointer_range(block.without_terminator()));
    llvm::stable_sort(ops, [&](Operation *a, Operation *b) { return place.lookup(a) < place.lookup(b); });
    for (Operation *op : ops)
      op->moveBefore(block.getTerminator());
  }

private:
  std::optional<unsigned> updatedBy(LaunchOp launch) {
    auto kernel = symbols.lookup<KernelOp>(launch.getKernel());
    return kernel ? kernel.getUpdatedArgument() : std::nullopt;
  }

  int64_t end() const { return place.lookup(block.getTerminator()); }
  int64_t firstUse(Operation &op) const {
    int64_t first = end();
    for (Operation *user : op.getUsers())
      first = std::min(first, place.lookup(block.findAncestorOpInBlock(*user)));
    return first;
  }

  /// Elements and their bytes, with kAssumedDim in the place of open dims.
  static double bytesOf(Value tensor) {
    auto type = cast<RankedTensorType>(tensor.getType());
    double bytes = double(storageBits(type)) / 8;
    for (int64_t dim : type.getShape())
      bytes *= ShapedType::isDynamic(dim) ? double(kAssumedDim) : double(dim);
    return bytes;
  }

  void sink(Operation &op) {
    if (op.getNumResults() == 1 && rootOf(op.getResult(0)) != op.getResult(0)) { // a view
      place[&op] = firstUse(op);
      return;
    }
    if (!mustStay(op))
      if (int64_t first = firstUse(op); bytesKept(op, first) < bytesWritten(op))
        place[&op] = first;
    op.walk([&](Operation *reader) {
      for (Value operand : reader->getOperands()) {
        int64_t &last = lastRead[rootOf(operand)];
        last = std::max(last, place.lookup(&op));
      }
    });
  }

  /// A launch that reads what another one changes comes before that, or behind it.
  bool mustStay(Operation &op) {
    auto launch = dyn_cast<LaunchOp>(op);
    return !launch || updatedBy(launch) || llvm::any_of(launch.getBuffers(), [&](Value buffer) {
      return updatedRoots.contains(rootOf(buffer)) || isState(rootOf(buffer));
    });
  }
  /// A launch wrote it, or branches, or a loop.
  static bool isInArena(Value root) {
    return isa_and_nonnull<LaunchOp, scf::IfOp, scf::ForOp, scf::WhileOp>(root.getDefiningOp());
  }
  /// What is only needed until `first` if the launch is made there.
  double bytesKept(Operation &launch, int64_t first) const {
    llvm::SmallDenseSet<Value> roots;
    double bytes = 0;
    for (Value buffer : cast<LaunchOp>(launch).getBuffers())
      if (Value root = rootOf(buffer); isInArena(root) && roots.insert(root).second)
        bytes += lastRead.lookup(root) < first ? bytesOf(root) : 0; // those ahead of this launch are no matter
    return bytes;
  }
  /// Of results in the arena: those of the program have memory of the caller.
  double bytesWritten(Operation &launch) const {
    double bytes = 0;
    for (Value result : launch.getResults())
      bytes += lastRead.lookup(result) < end() ? bytesOf(result) : 0;
    return bytes;
  }

  Block &block;
  SymbolTable symbols;
  llvm::DenseMap<Operation *, int64_t> place;
  llvm::DenseMap<Value, int64_t> lastRead; ///< by ops that have their places
  llvm::SmallDenseSet<Value> updatedRoots;
};
} // namespace

void hone::orderLaunches(func::FuncOp main) { LaunchOrder(main.getBody().front()).apply(); }
