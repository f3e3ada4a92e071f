// Layer norm (Ba, Kiros, Hinton 2016) and RMS norm (Zhang, Sennrich 2019) as exporters spell them out.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/simplify/Patterns.h"

using namespace mlir;
using namespace hone;

namespace {
/// x divided by the root of (mean square of x + epsilon), over the dims from `axis` on.
struct Normalized {
  Value input;
  double epsilon;
  int64_t axis;
  SmallVector<Operation *, 8> operations;
};
} // namespace

/// The input of a mean over the last dims, kept as dims of 1.
static Value matchMean(Value mean, int64_t &axis, SmallVectorImpl<Operation *> &operations) {
  Product product = getProduct(mean);
  if (product.factors.size() != 1)
    return {};
  auto reduce = product.factors[0].getDefiningOp<ReduceOp>();
  if (!reduce || reduce.getKind() != ReduceKind::Sum || !reduce.getKeepdims() || reduce.getAxes().empty())
    return {};
  auto type = cast<RankedTensorType>(reduce.getInput().getType());
  axis = type.getRank() - reduce.getAxes().size();
  int64_t count = 1;
  // Axes are sorted, each once: if the first is this one, they are all dims from it on.
  if (reduce.getAxes().front() != axis)
    return {};
  for (int64_t size : type.getShape().drop_front(axis)) {
    if (ShapedType::isDynamic(size))
      return {};
    count *= size;
  }
  if (count == 0 || std::abs(product.scale * count - 1) > 1e-5)
    return {};
  llvm::append_range(operations, product.operations);
  operations.push_back(reduce);
  return reduce.getInput();
}

/// Whether `value` is √(mean(x²) + epsilon) or, with `inverse`, its inverse.
static bool matchDeviation(Value value, Value x, bool inverse, Normalized &result) {
  Operation *op = value.getDefiningOp();
  if (!op || !op->hasOneUse())
    return false;
  result.operations.push_back(op);
  if (auto pow = dyn_cast<PowOp>(op)) {
    std::optional<double> exponent = getScalar(pow.getRhs());
    if (!exponent || *exponent != (inverse ? -0.5 : 0.5))
      return false;
    value = pow.getLhs();
  } else if (auto div = dyn_cast<DivOp>(op)) {
    return inverse && isScalar(div.getLhs(), 1) && matchDeviation(div.getRhs(), x, /*inverse=*/false, result);
  } else if (auto sqrt = dyn_cast<SqrtOp>(op)) {
    if (inverse)
      return false;
    value = sqrt.getInput();
  } else {
    return false;
  }
  auto sum = matchSum(value, [](Value term) { return getScalar(term).has_value(); });
  if (!sum || !value.hasOneUse() || !sum->second.hasOneUse())
    return false;
  result.epsilon = *getScalar(sum->first);
  result.operations.push_back(value.getDefiningOp());
  Value square = matchMean(sum->second, result.axis, result.operations);
  if (!square || !isPower(square, x, 2) || !square.hasOneUse())
    return false;
  result.operations.push_back(square.getDefiningOp());
  return result.epsilon > 0;
}

/// Reads `op` as x / deviation, or as x · (1 / deviation).
static std::optional<Normalized> matchNormalized(Operation *op) {
  auto attempt = [&](Value x, Value deviation, bool inverse) -> std::optional<Normalized> {
    Normalized result{x, 0, 0, {op}};
    if (!isF32(x) || x.getType() != op->getResult(0).getType() || !matchDeviation(deviation, x, inverse, result))
      return std::nullopt;
    return result;
  };
  Value lhs = op->getOperand(0), rhs = op->getOperand(1);
  if (isa<DivOp>(op))
    return attempt(lhs, rhs, /*inverse=*/false);
  if (auto result = attempt(lhs, rhs, /*inverse=*/true))
    return result;
  return attempt(rhs, lhs, /*inverse=*/true);
}

/// Whether a tensor holds one static value per normalised position, or per position and row dims of 1.
static bool isPerPosition(Value parameter, RankedTensorType input, int64_t axis) {
  auto type = cast<RankedTensorType>(parameter.getType());
  int64_t inner = input.getRank() - axis;
  return type.hasStaticShape() && type.getRank() >= inner && type.getRank() <= input.getRank() &&
         type.getShape().take_back(inner) == input.getShape().take_back(inner) &&
         llvm::all_of(type.getShape().drop_back(inner), [](int64_t size) { return size == 1; });
}

/// The only user of `value`, if it is an `Op` of it and a parameter of the norm.
template <typename Op> static Op matchAffine(Value value, RankedTensorType input, int64_t axis, Value &parameter) {
  auto user = value.hasOneUse() ? dyn_cast<Op>(*value.user_begin()) : Op();
  if (!user || user.getType() != input)
    return {};
  parameter = user.getLhs() == value ? user.getRhs() : user.getLhs();
  return isPerPosition(parameter, input, axis) ? user : Op();
}

/// Replaces the norm whose last step before scale and bias is `op`.
static LogicalResult fuse(Operation *op, PatternRewriter &rewriter) {
  std::optional<Normalized> norm = matchNormalized(op);
  if (!norm)
    return failure();
  // x - mean(x) in place of x makes it a layer norm.
  Value input = norm->input;
  bool isLayerNorm = false;
  if (auto centered = input.getDefiningOp<SubOp>(); centered && centered.getType() == centered.getLhs().getType()) {
    int64_t axis = 0;
    SmallVector<Operation *> operations{centered};
    Value averaged = matchMean(centered.getRhs(), axis, operations);
    unsigned interior = llvm::count_if(centered->getUsers(),
                                       [&](Operation *user) { return llvm::is_contained(norm->operations, user); });
    unsigned uses = std::distance(centered->user_begin(), centered->user_end());
    if (averaged == centered.getLhs() && axis == norm->axis && interior == uses && centered.getRhs().hasOneUse()) {
      isLayerNorm = true;
      input = averaged;
      llvm::append_range(norm->operations, operations);
    }
  }

  auto type = cast<RankedTensorType>(input.getType());
  Operation *root = op;
  Value scale, bias;
  if (auto mul = matchAffine<MulOp>(op->getResult(0), type, norm->axis, scale))
    root = mul;
  else
    scale = {};
  if (isLayerNorm) {
    if (auto add = matchAffine<AddOp>(root->getResult(0), type, norm->axis, bias))
      root = add;
    else
      bias = {};
  }
  SmallVector<Operation *, 8> replaced(norm->operations);
  if (root != op)
    replaced.push_back(root);
  Location loc = fuseLocations(replaced);
  rewriter.setInsertionPoint(root);
  if (!scale) {
    auto scalar = RankedTensorType::get({}, type.getElementType());
    scale = ConstantOp::create(rewriter, loc, scalar, DenseElementsAttr::get(scalar, 1.0f));
  }
  APFloat epsilon(static_cast<float>(norm->epsilon));
  auto axis = rewriter.getI64IntegerAttr(norm->axis);
  auto epsilonAttr = rewriter.getF32FloatAttr(epsilon.convertToFloat());
  Value fused = isLayerNorm ? Value(LayerNormOp::create(rewriter, loc, type, input, scale, bias, axis, epsilonAttr))
                            : Value(RmsNormOp::create(rewriter, loc, type, input, scale, axis, epsilonAttr));
  rewriter.replaceOp(root, fused);
  return success();
}

namespace {
template <typename Op> struct NormPattern : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override { return fuse(op, rewriter); }
};
} // namespace

void hone::populateNormPatterns(RewritePatternSet &patterns) {
  patterns.add<NormPattern<DivOp>, NormPattern<MulOp>>(patterns.getContext());
}
