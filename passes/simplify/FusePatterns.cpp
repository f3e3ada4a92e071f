// The pass that runs all fusion patterns, and what the patterns share.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/simplify/Patterns.h"

using namespace mlir;
using namespace hone;

namespace hone {
#define GEN_PASS_DEF_FUSEPATTERNS
#include "passes/Passes.h.inc"
} // namespace hone

std::optional<double> hone::getScalar(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  if (!constant)
    return std::nullopt;
  auto elements = dyn_cast<DenseFPElementsAttr>(constant.getValue());
  if (!elements || elements.getNumElements() != 1)
    return std::nullopt;
  return (*elements.getValues<APFloat>().begin()).convertToDouble();
}

bool hone::isNearly(double value, double wanted) { return std::abs(value - wanted) <= 2e-4 * std::abs(wanted); }

bool hone::isScalar(Value value, double wanted) { return getScalar(value) == wanted; }

static void collectFactors(Value value, bool isRoot, Product &product) {
  constexpr size_t maxOperations = 16; // no pattern has as many, and a chain of products is read from each of its links
  Operation *op = value.getDefiningOp();
  if (isa_and_present<MulOp, DivOp>(op) && (isRoot || op->hasOneUse()) && product.operations.size() < maxOperations) {
    Value a = op->getOperand(0), b = op->getOperand(1);
    if (isa<MulOp>(op) && getScalar(a))
      std::swap(a, b);
    // A factor of another type would broadcast: its product is not element by element.
    bool isScaled = a.getType() == value.getType() && getScalar(b);
    if (isScaled || (isa<MulOp>(op) && a.getType() == value.getType() && b.getType() == value.getType())) {
      product.operations.push_back(op);
      collectFactors(a, /*isRoot=*/false, product);
      if (!isScaled)
        collectFactors(b, /*isRoot=*/false, product);
      else
        product.scale *= isa<MulOp>(op) ? *getScalar(b) : 1 / *getScalar(b);
      return;
    }
  }
  product.factors.push_back(value);
}

Product hone::getProduct(Value value) {
  Product product;
  collectFactors(value, /*isRoot=*/true, product);
  return product;
}

std::optional<std::pair<Value, Value>> hone::matchSum(Value sum, llvm::function_ref<bool(Value)> match) {
  auto add = sum.getDefiningOp<AddOp>();
  if (!add)
    return std::nullopt;
  if (match(add.getLhs()))
    return std::pair(add.getLhs(), add.getRhs());
  if (match(add.getRhs()))
    return std::pair(add.getRhs(), add.getLhs());
  return std::nullopt;
}

bool hone::isPower(Value value, Value x, unsigned power) {
  if (auto pow = value.getDefiningOp<PowOp>()) {
    std::optional<double> exponent = getScalar(pow.getRhs());
    return pow.getLhs() == x && pow.getType() == x.getType() && exponent && *exponent == power;
  }
  auto mul = value.getDefiningOp<MulOp>();
  if (!mul || mul.getType() != x.getType())
    return false;
  auto isPair = [&](Value a, Value b) { return a == x && (power == 2 ? b == x : isPower(b, x, power - 1)); };
  return isPair(mul.getLhs(), mul.getRhs()) || isPair(mul.getRhs(), mul.getLhs());
}

Location hone::fuseLocations(ArrayRef<Operation *> operations) {
  SmallVector<Location> locations;
  for (Operation *op : operations)
    locations.push_back(op->getLoc());
  return FusedLoc::get(operations.front()->getContext(), locations);
}

namespace {
struct FusePatterns : hone::impl::FusePatternsBase<FusePatterns> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    populateFactorPatterns(set);
    populateGeluPatterns(set);
    populateNormPatterns(set);
    patterns = std::move(set);
    return success();
  }
  void runOnOperation() override {
    for (auto function : getOperation().getOps<FunctionOpInterface>())
      fuseAttention(function);
    if (failed(applyPatternsGreedily(getOperation(), patterns)))
      signalPassFailure();
  }
  FrozenRewritePatternSet patterns;
};
} // namespace
