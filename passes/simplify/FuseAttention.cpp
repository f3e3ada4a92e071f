// softmax(scale · Q Kᵀ + mask) V as exporters spell it out.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/simplify/Patterns.h"

using namespace mlir;
using namespace hone;

/// To [batch, sequence, heads, size] from [batch, heads, sequence, size] (or the way back) and from
/// [batch, heads, size, sequence].
static constexpr int64_t kFromRows[] = {0, 2, 1, 3}, kFromColumns[] = {0, 3, 1, 2};

namespace {
struct AttentionParts {
  MatmulOp scores;
  SoftmaxOp softmax;
  Value query, key, mask; // [batch, heads, q, d]; key as the scores' right operand has it
  double scale = 1;
  std::optional<double> fill; // where a mask of booleans is false
  bool guarded = false;
  SmallVector<Operation *, 8> operations;
};
} // namespace

/// The operand behind a multiplication by a constant, which joins `scale`.
static Value takeScale(Value operand, AttentionParts &parts) {
  Product product = getProduct(operand);
  if (product.factors.size() != 1 || !operand.hasOneUse())
    return operand;
  parts.scale *= product.scale;
  llvm::append_range(parts.operations, product.operations);
  return product.factors[0];
}

/// Reads `scores` as scale · Q Kᵀ.
static bool matchScores(Value scores, AttentionParts &parts) {
  Product product = getProduct(scores);
  if (product.factors.size() != 1 || !scores.hasOneUse())
    return false;
  auto matmul = product.factors[0].getDefiningOp<MatmulOp>();
  if (!matmul || !matmul->hasOneUse() || rankOf(matmul.getLhs()) != 4 || rankOf(matmul.getRhs()) != 4)
    return false;
  parts.scores = matmul;
  parts.scale = product.scale;
  llvm::append_range(parts.operations, product.operations);
  parts.operations.push_back(matmul);
  parts.query = takeScale(matmul.getLhs(), parts);
  parts.key = takeScale(matmul.getRhs(), parts);
  // The op multiplies by an f32: a divisor without an inverse in f32 (a subnormal, an infinity) cannot become one.
  return std::isnormal(static_cast<float>(parts.scale));
}

/// The softmax behind `probabilities`, or behind PyTorch's guard of them: where(isnan(p), 0, p).
static SoftmaxOp matchProbabilities(Value probabilities, AttentionParts &parts) {
  if (!probabilities.hasOneUse())
    return {};
  if (auto softmax = probabilities.getDefiningOp<SoftmaxOp>())
    return softmax;
  auto guard = probabilities.getDefiningOp<SelectOp>();
  auto isNan = guard ? guard.getCondition().getDefiningOp<IsNanOp>() : IsNanOp();
  if (!isNan || isNan.getInput() != guard.getOnFalse() || getScalar(guard.getOnTrue()) != 0.0 ||
      guard.getType() != guard.getOnFalse().getType())
    return {};
  // Its two users are those of the guard.
  if (!isNan->hasOneUse() || std::distance(isNan.getInput().use_begin(), isNan.getInput().use_end()) != 2)
    return {};
  parts.guarded = true;
  parts.operations.append({isNan, guard});
  return isNan.getInput().getDefiningOp<SoftmaxOp>();
}

/// Reads `select` as where(mask, scores, fill), or as where(mask, fill, scores).
static bool matchSelect(SelectOp select, AttentionParts &parts) {
  for (bool keepsTrue : {true, false}) {
    Value scores = keepsTrue ? select.getOnTrue() : select.getOnFalse();
    parts.fill = getScalar(keepsTrue ? select.getOnFalse() : select.getOnTrue());
    if (!parts.fill || !matchScores(scores, parts))
      continue;
    parts.mask = select.getCondition();
    if (!keepsTrue) {
      OpBuilder builder(select);
      parts.mask = NotOp::create(builder, select.getLoc(), parts.mask.getType(), parts.mask);
    }
    parts.operations.push_back(select);
    return true;
  }
  return false;
}

static std::optional<AttentionParts> matchAttention(MatmulOp root) {
  AttentionParts parts;
  parts.softmax = matchProbabilities(root.getLhs(), parts);
  if (!parts.softmax || parts.softmax.getLog() || parts.softmax.getAxis() != 3 || rankOf(root.getLhs()) != 4 ||
      rankOf(root.getRhs()) != 4 || !isF32(root))
    return std::nullopt;
  Value input = parts.softmax.getInput();
  if (matchScores(input, parts))
    return parts;
  if (auto select = input.getDefiningOp<SelectOp>()) {
    if (!select->hasOneUse() || rankOf(select.getCondition()) > 4 || !matchSelect(select, parts))
      return std::nullopt;
    return parts;
  }
  auto add = input.getDefiningOp<AddOp>();
  if (!add || !add->hasOneUse())
    return std::nullopt;
  auto sum = matchSum(add, [&](Value term) { return matchScores(term, parts); });
  if (!sum || rankOf(sum->second) > 4)
    return std::nullopt;
  parts.mask = sum->second;
  parts.operations.push_back(add);
  return parts;
}

/// Whether the operands have one batch and one number of heads, and the mask does not widen the scores.
static bool hasEqualDims(AttentionParts &parts, MatmulOp root, ShapeBuilder &shapes) {
  auto areEqual = [&](Value a, Value b, int64_t count) {
    return llvm::all_of(llvm::seq<int64_t>(0, count),
                        [&](int64_t i) { return shapes.areEqual(shapes.dim(a, i), shapes.dim(b, i)); });
  };
  if (!areEqual(parts.scores.getLhs(), parts.scores.getRhs(), 2) ||
      !areEqual(parts.scores.getLhs(), root.getRhs(), 2) ||
      !areEqual(parts.softmax.getInput(), parts.scores.getOutput(), 3))
    return false;
  // A mask could be longer than one key; but the product takes no other number of keys than there are values.
  OpFoldResult keys = shapes.dim(parts.scores.getOutput(), 3);
  return shapes.areEqual(keys, shapes.dim(root.getRhs(), root.getTransposeRhs() ? 3 : 2)) ||
         shapes.areEqual(keys, shapes.dim(parts.softmax.getInput(), 3));
}

/// What `tensor`, [batch, heads, sequence, size], repeats head by head, in the form that grouped-query attention is
/// exported in: [b, h, s, d] -> reshape [b, h, 1, s, d] -> expand [b, h, n, s, d] -> reshape [b, h · n, s, d]. Null
/// for other tensors.
static Value getRepeated(Value tensor, ShapeBuilder &shapes) {
  auto join = tensor.getDefiningOp<ReshapeOp>();
  auto expand = join ? join.getInput().getDefiningOp<ExpandOp>() : ExpandOp();
  auto split = expand ? expand.getInput().getDefiningOp<ReshapeOp>() : ReshapeOp();
  if (!split || rankOf(split.getInput()) != 4 || rankOf(split.getOutput()) != 5 || rankOf(expand.getOutput()) != 5)
    return {};
  SmallVector<OpFoldResult> heads(shapes.dims(split.getInput())), apart(shapes.dims(split.getOutput())),
      repeated(shapes.dims(expand.getOutput())), joined(shapes.dims(join.getOutput()));
  SmallVector<OpFoldResult> wanted = heads;
  wanted.insert(wanted.begin() + 2, shapes.constant(1));
  auto areEqual = [&](ArrayRef<OpFoldResult> a, ArrayRef<OpFoldResult> b) {
    return llvm::all_of_zip(a, b, [&](OpFoldResult x, OpFoldResult y) { return shapes.areEqual(x, y); });
  };
  if (!areEqual(apart, wanted))
    return {};
  wanted[2] = repeated[2];
  heads[1] = shapes.mul(heads[1], repeated[2]);
  return areEqual(repeated, wanted) && areEqual(joined, heads) ? split.getInput() : Value();
}

/// Builds the replacement of `root`. Transpositions to [batch, sequence, heads, size] are written out; they cancel
/// those that the model has.
static Value buildAttention(OpBuilder &builder, AttentionParts &parts, MatmulOp root, ShapeBuilder &shapes) {
  parts.operations.push_back(parts.softmax);
  parts.operations.push_back(root);
  Location loc = fuseLocations(parts.operations);
  // Columns of a right operand are its last dim, unless it is written transposed.
  bool keyIsRows = parts.scores.getTransposeRhs(), valueIsRows = !root.getTransposeRhs();
  Value keyHeads = parts.key, valueHeads = root.getRhs();
  if (auto transpose = keyHeads.getDefiningOp<TransposeOp>();
      transpose && !keyIsRows && llvm::equal(transpose.getPermutation(), ArrayRef<int64_t>{0, 1, 3, 2})) {
    keyHeads = transpose.getInput();
    keyIsRows = true;
  }
  Value keyGroups = keyIsRows ? getRepeated(keyHeads, shapes) : Value();
  Value valueGroups = valueIsRows ? getRepeated(valueHeads, shapes) : Value();
  if (keyGroups && valueGroups && shapes.areEqual(shapes.dim(keyGroups, 1), shapes.dim(valueGroups, 1))) {
    keyHeads = keyGroups;
    valueHeads = valueGroups;
  }
  Value query = TransposeOp::create(builder, loc, parts.query, kFromRows);
  Value key = TransposeOp::create(builder, loc, keyHeads, keyIsRows ? kFromRows : kFromColumns);
  Value value = TransposeOp::create(builder, loc, valueHeads, valueIsRows ? kFromRows : kFromColumns);
  auto type = cast<RankedTensorType>(root.getType());
  auto transposed = type.clone({type.getDimSize(0), type.getDimSize(2), type.getDimSize(1), type.getDimSize(3)});
  Value attention = AttentionOp::create(builder, loc, transposed, query, key, value, parts.mask, /*lengths=*/nullptr,
                                        /*causal=*/nullptr, builder.getF32FloatAttr(parts.scale),
                                        parts.fill ? builder.getF32FloatAttr(*parts.fill) : FloatAttr(),
                                        parts.guarded ? builder.getUnitAttr() : UnitAttr(), /*maskedZero=*/nullptr);
  return TransposeOp::create(builder, loc, attention, kFromRows);
}

void hone::fuseAttention(FunctionOpInterface function) {
  if (function.isExternal())
    return;
  OpBuilder builder(function.getContext());
  ShapeBuilder shapes(builder);
  for (auto root : function.getFunctionBody().front().getOps<MatmulOp>()) {
    std::optional<AttentionParts> parts = matchAttention(root);
    builder.setInsertionPoint(root);
    if (parts && hasEqualDims(*parts, root, shapes))
      root.getOutput().replaceAllUsesWith(buildAttention(builder, *parts, root, shapes));
  }
}
