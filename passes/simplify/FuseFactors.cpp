// Right factors of products that are stored narrow, as f16 or as integers with a scale for each column: the product
// converts them as it reads them, and scales its sums.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/simplify/Patterns.h"

using namespace mlir;
using namespace hone;

namespace {
/// A factor as it is stored, and what a product with it is to be multiplied by (null: nothing).
struct StoredFactor {
  CastOp cast;
  MulOp scaling;
  Value scale;
};

struct NarrowFactorPattern : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MatmulOp product, PatternRewriter &rewriter) const override {
    StoredFactor factor = storedFactor(product);
    if (!factor.cast)
      return failure();
    Type sum = elementTypeOf(product.getOutput());
    Value narrow = factor.cast.getInput();
    // A cast may stop on the way to what is summed, as 8-bit integers less their zero points do at 16 bits.
    Type between = elementTypeOf(factor.cast.getOutput());
    bool isExact = isWidening(elementTypeOf(narrow), between) && isWidening(between, sum);
    if (!isExact || (factor.scale && between != sum))
      return failure();
    if (!factor.scale) {
      rewriter.modifyOpInPlace(product, [&] { product.getRhsMutable().assign(narrow); });
      return success();
    }
    Location loc = fuseLocations({product, factor.cast, factor.scaling});
    auto sums = MatmulOp::create(rewriter, loc, product.getType(), product.getLhs(), narrow, product.getTransposeRhs());
    Value scale = product.getTransposeRhs() ? asRow(rewriter, factor.scale) : factor.scale;
    rewriter.replaceOpWithNewOp<MulOp>(product, product.getType(), sums, scale);
    return success();
  }

private:
  static StoredFactor storedFactor(MatmulOp product) {
    Value right = product.getRhs();
    if (auto cast = right.getDefiningOp<CastOp>())
      return {cast, {}, {}};
    auto scaling = right.getDefiningOp<MulOp>();
    if (!scaling || rankOf(right) != 2)
      return {};
    for (auto [factor, scale] : {std::pair(scaling.getLhs(), scaling.getRhs()), {scaling.getRhs(), scaling.getLhs()}})
      if (auto cast = factor.getDefiningOp<CastOp>())
        if (factor.getType() == right.getType() && isOfColumns(scale, product.getTransposeRhs()))
          return {cast, scaling, scale};
    return {};
  }

  /// Whether a scale of the right factor is one number, or one for each column of the product.
  static bool isOfColumns(Value scale, bool isTransposed) {
    auto type = cast<RankedTensorType>(scale.getType());
    if (!type.hasStaticShape())
      return false;
    int64_t depth = isTransposed ? 1 : 0; // the factor's dim that is summed over
    return type.getRank() < 2 ? !isTransposed || type.getNumElements() == 1 : type.getDimSize(depth) == 1;
  }

  /// [n, 1] as [n].
  static Value asRow(PatternRewriter &rewriter, Value scale) {
    auto type = cast<RankedTensorType>(scale.getType());
    if (type.getRank() < 2)
      return scale;
    auto row = RankedTensorType::get({type.getDimSize(0)}, type.getElementType());
    Value size = arith::ConstantIndexOp::create(rewriter, scale.getLoc(), type.getDimSize(0));
    return ReshapeOp::create(rewriter, scale.getLoc(), row, scale, size);
  }
};
} // namespace

void hone::populateFactorPatterns(RewritePatternSet &patterns) {
  patterns.add<NarrowFactorPattern>(patterns.getContext());
}
