// Taps by name: what a user wants to see of the inside of a model.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Regex.h"

namespace hone {
#define GEN_PASS_DEF_INSERTTAPS
#include "passes/Passes.h.inc"
} // namespace hone

using namespace mlir;
using namespace hone;

/// The name of the model's node that an op is of: "encoder/MatMul_3" of a location "encoder/MatMul_3 (MatMul)".
static StringRef nodeName(Location loc) {
  auto name = dyn_cast<NameLoc>(loc);
  return name ? name.getName().getValue().rsplit(" (").first : StringRef();
}

namespace {
struct InsertTaps : hone::impl::InsertTapsBase<InsertTaps> {
  using InsertTapsBase::InsertTapsBase;

  void runOnOperation() override {
    llvm::Regex wanted(names);
    std::string problem;
    if (!wanted.isValid(problem)) {
      getOperation().emitError("'") << names << "' is no regular expression: " << problem;
      return signalPassFailure();
    }
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    // A node may be several ops: the last one computes its result.
    llvm::MapVector<StringRef, Operation *> last;
    for (Operation &op : main.getBody().front())
      if (StringRef name = nodeName(op.getLoc());
          !name.empty() && isa<ShapeOpInterface>(op) && !isa<UseWeightOp, ConstantOp>(op) && wanted.match(name))
        last[name] = &op;
    for (auto [name, op] : last)
      for (auto [i, result] : llvm::enumerate(op->getResults())) {
        OpBuilder builder(&getContext());
        builder.setInsertionPointAfter(op);
        std::string label = op->getNumResults() == 1 ? name.str() : (name + ":" + Twine(i)).str();
        auto tap = TapOp::create(builder, op->getLoc(), result.getType(), result, label);
        result.replaceAllUsesExcept(tap.getOutput(), tap);
      }
  }
};
} // namespace
