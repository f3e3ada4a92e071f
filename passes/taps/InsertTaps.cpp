// Taps by name: what a user wants to see of the inside of a model.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/TargetModel.h"
#include "passes/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
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

/// What a value of `op` is called: the node's name, with the number of the output where the node has several.
static std::string labelOf(OpResult value, StringRef node) {
  if (value.getOwner()->getNumResults() > 1)
    return (node + ":" + Twine(value.getResultNumber())).str();
  auto output = dyn_cast<NameLoc>(cast<NameLoc>(value.getOwner()->getLoc()).getChildLoc());
  return output ? (node + ":" + output.getName().getValue()).str() : node.str();
}

namespace {
struct InsertTaps : hone::impl::InsertTapsBase<InsertTaps> {
  using InsertTapsBase::InsertTapsBase;

  void runOnOperation() override {
    llvm::Regex wanted(names);
    std::string problem;
    if (!wanted.isValid(problem)) {
      emitError(getOperation().getLoc(), "'") << names << "' is no regular expression: " << problem;
      return signalPassFailure();
    }
    SmallVector<func::FuncOp> entries = entriesOf(getOperation());
    if (entries.empty()) {
      emitError(getOperation().getLoc(), "wants a function @main");
      return signalPassFailure();
    }
    bool found = false;
    for (func::FuncOp entry : entries)
      found |= insert(entry, wanted);
    if (!found) {
      emitError(getOperation().getLoc(), "no value of a node whose name matches '") << names << "'";
      return signalPassFailure();
    }
  }

  /// Whether there is anything that is wanted.
  static bool insert(func::FuncOp entry, const llvm::Regex &wanted) {
    // A node may be several ops: of those that something else uses, the last one computes its output.
    llvm::MapVector<std::string, Value, llvm::StringMap<unsigned>> values;
    for (Operation &op : entry.getBody().front()) {
      StringRef name = nodeName(op.getLoc());
      if (name.empty() || !isa<ShapeOpInterface>(op) || isa<UseWeightOp>(op) || op.hasTrait<OpTrait::ConstantLike>() ||
          !wanted.match(name))
        continue;
      for (OpResult result : op.getResults())
        if (llvm::any_of(result.getUsers(), [&](Operation *user) { return nodeName(user->getLoc()) != name; }))
          values[labelOf(result, name)] = result;
    }

    llvm::StringMap<Value> outputs;
    for (OpOperand &output : entry.getBody().front().getTerminator()->getOpOperands())
      if (auto name = entry.getResultAttrOfType<StringAttr>(output.getOperandNumber(), kNameAttr))
        outputs[name] = output.get();
    for (auto &[name, result] : values) {
      std::string label = name;
      if (outputs.lookup(label) == result)
        continue;
      while (!outputs.try_emplace(label, result).second)
        label += ":tap";
      OpBuilder builder(entry.getContext());
      builder.setInsertionPointAfterValue(result);
      TapOp::create(builder, result.getLoc(), result.getType(), result, label);
    }
    return !values.empty();
  }
};
} // namespace
