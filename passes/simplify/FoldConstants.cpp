// Ops on constants become constants, within bounds.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/HostElements.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"

using namespace mlir;
using namespace hone;

namespace hone {
#define GEN_PASS_DEF_FOLDCONSTANTS
#include "passes/Passes.h.inc"
} // namespace hone

/// Whether all of an op's operands are known: only its bounds then keep it from being folded.
static bool hasConstantOperands(Operation *op) {
  return !isa<ConstantOp>(op) && llvm::all_of(op->getOperands(), [](Value operand) {
    return operand.getDefiningOp<ConstantOp>() || getConstantIntValue(operand);
  });
}

namespace {
struct FoldConstants : hone::impl::FoldConstantsBase<FoldConstants> {
  using FoldConstantsBase::FoldConstantsBase;

  void runOnOperation() override {
    int64_t total = 0; // bytes
    OpBuilder builder(&getContext());
    getOperation().walk([&](ElementOpInterface op) {
      if (!hasConstantOperands(op))
        return;
      std::optional<DenseElementsAttr> value = total < totalLimit ? foldToConstant(op) : std::nullopt;
      if (!value) {
        remark::missed(op.getLoc(), remark::RemarkOpts::name("not-folded").category("simplify"))
            << "constant operands, but its value is too large or too much work to be folded: "
            << remark::metric("op", op->getName().getStringRef());
        return;
      }
      total += value->getRawData().size();
      builder.setInsertionPoint(op);
      op->getResult(0).replaceAllUsesWith(ConstantOp::create(builder, op.getLoc(), value->getType(), *value));
      op->erase();
    });
  }
};
} // namespace
