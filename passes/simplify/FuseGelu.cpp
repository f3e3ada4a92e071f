// GELU as exporters spell it out (Hendrycks, Gimpel 2016): exact by erf, or approximated by tanh.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/simplify/Patterns.h"

using namespace mlir;
using namespace hone;

static constexpr double kInverseRootTwo = 0.70710678118654752; // 1/√2
static constexpr double kRootTwoOverPi = 0.79788456080286536;  // √(2/π)
static constexpr double kCubicCoefficient = 0.044715;          // of the tanh form

/// Whether `value` is x/√2.
static bool isErfArgument(Value value, Value x) {
  Product product = getProduct(value);
  return llvm::equal(product.factors, ArrayRef(x)) && isNearly(product.scale, kInverseRootTwo);
}

/// Whether `value` is 0.044715 · x to the `power`.
static bool isCorrection(Value value, Value x, unsigned power) {
  Product product = getProduct(value);
  if (!isNearly(product.scale, kCubicCoefficient))
    return false;
  unsigned count = 0;
  for (Value factor : product.factors)
    count += factor == x ? 1 : isPower(factor, x, 2) ? 2 : isPower(factor, x, 3) ? 3 : power + 1;
  return count == power;
}

/// Whether `value` is √(2/π) (x + 0.044715 x³), or the same with x taken out of the sum.
static bool isTanhArgument(Value value, Value x) {
  Product product = getProduct(value);
  if (!isNearly(product.scale, kRootTwoOverPi))
    return false;
  if (product.factors.size() == 1) {
    auto sum = matchSum(product.factors[0], [&](Value term) { return term == x; });
    return sum && sum->second.hasOneUse() && isCorrection(sum->second, x, 3);
  }
  if (product.factors.size() != 2)
    return false;
  Value rest = product.factors[0] == x ? product.factors[1] : product.factors[0];
  auto sum = matchSum(rest, [](Value term) { return isScalar(term, 1); });
  return llvm::is_contained(product.factors, x) && sum && rest.hasOneUse() && isCorrection(sum->second, x, 2);
}

namespace {
/// A product of 1/2, x and 1 + erf(…) or 1 + tanh(…), in any order and association.
struct GeluPattern : OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MulOp root, PatternRewriter &rewriter) const override {
    if (!isF32(root))
      return failure();
    Product product = getProduct(root);
    if (product.factors.size() != 2 || product.scale != 0.5)
      return failure();
    for (auto [x, gate] :
         {std::pair(product.factors[0], product.factors[1]), std::pair(product.factors[1], product.factors[0])}) {
      auto sum = matchSum(gate, [](Value term) { return isScalar(term, 1); });
      if (!sum || !gate.hasOneUse() || !sum->second.hasOneUse() || x.getType() != root.getType())
        continue;
      Operation *function = sum->second.getDefiningOp();
      if (!function)
        continue;
      Value argument = function->getNumOperands() ? function->getOperand(0) : Value();
      bool isExact = isa<ErfOp>(function) && argument.hasOneUse() && isErfArgument(argument, x);
      bool isTanh = isa<TanhOp>(function) && argument.hasOneUse() && isTanhArgument(argument, x);
      if (!isExact && !isTanh)
        continue;
      SmallVector<Operation *> replaced(ArrayRef(product.operations));
      replaced.push_back(function);
      auto gelu = GeluOp::create(rewriter, fuseLocations(replaced), root.getType(), x, isTanh);
      rewriter.replaceOp(root, gelu);
      return success();
    }
    return failure();
  }
};
} // namespace

void hone::populateGeluPatterns(RewritePatternSet &patterns) { patterns.add<GeluPattern>(patterns.getContext()); }
