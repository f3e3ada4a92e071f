// Attention as one operator, and the cache that its keys and values lie in.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/ops/Ops.h"
#include <cmath>

using namespace mlir;
using namespace hone;

//===-- Attention -----------------------------------------------------------------------------------------------===//

/// To [batch, sequence, heads, size] from [batch, heads, sequence, size], and back.
static constexpr int64_t kSwapped[] = {0, 2, 1, 3};

/// All but what hone.attention has no place for: a cap on scores, a window of keys, the scores as an output, f64,
/// numbers of heads that only the run knows. What nothing has a place for is refused by the importer.
static bool takesAttention(const OnnxNode &node, ArrayRef<OnnxValueType> types) {
  if (types.size() < 3)
    return false;
  for (const OnnxValueType &type : types.take_front(3)) {
    OnnxDataType element = type.elementType;
    bool isShort =
        element == OnnxDataType::Float || element == OnnxDataType::Float16 || element == OnnxDataType::BFloat16;
    if (!isShort || !type.hasShape || (type.dims.size() == 4 && type.dims[1].value < 1))
      return false;
  }
  return node.getInt("softmax_precision", 1) != int64_t(OnnxDataType::Double) && node.getFloat("softcap", 0) == 0 &&
         node.getInt("left_window_size", -1) < 0 && node.getInt("right_window_size", -1) < 0 && !node.hasOutput(3);
}

/// `x` as [batch, sequence, heads, size]: [batch, sequence, heads · size], or [batch, heads, sequence, size].
static Value splitHeads(Importer &importer, Value x, int64_t heads, const Twine &what) {
  ShapeBuilder &shapes = importer.shapes;
  if (rankOf(x) == 4)
    return importer.transpose(x, kSwapped);
  HostVector dims(shapes.dims(x));
  OpFoldResult count = shapes.constant(heads), width = dims.back(), size = shapes.floorDiv(width, count);
  if (!importer.checkEqual(shapes.mul(size, count), width, what + ": the heads' sizes and the last dim"))
    return {};
  dims.back() = count;
  dims.push_back(size);
  return importer.reshape(x, dims);
}

/// The keys or values of before, `past`, and behind them `x`, as the standard has them: [batch, heads, sequence, size].
static Value joinPast(Importer &importer, Value past, Value x) {
  Value own = importer.transpose(x, kSwapped);
  if (!past || !own)
    return own;
  if (rankOf(past) != 4)
    return importer.failValue("a past must have 4 dims, not " + Twine(rankOf(past)));
  ShapeBuilder &shapes = importer.shapes;
  for (int64_t i : {0, 1, 3})
    if (!importer.checkEqual(shapes.dim(past, i), shapes.dim(own, i),
                             "dims " + Twine(i) + " of a past and its present"))
      return {};
  if (!importer.sum({shapes.dim(past, 2), shapes.dim(own, 2)}))
    return {};
  return importer.create<ConcatOp>(elementTypeOf(own), 4, ValueRange{past, own}, 2);
}

/// The mask, as far as it goes; as of version 24 what it lacks at the end of the keys is masked.
static Value readMask(Node &node, Importer &importer, ArrayRef<OpFoldResult> scores) {
  ShapeBuilder &shapes = importer.shapes;
  Value mask = node.input(3);
  if (!elementTypeOf(mask).isInteger(1))
    mask = importer.cast(mask, importer.builder.getF32Type());
  if (rankOf(mask) == 0)
    return importer.failValue("attn_mask must have a dim or more");
  OpFoldResult keys = scores.back(), own = shapes.dim(mask, rankOf(mask) - 1);
  if (node.version() >= 24 && !shapes.areEqual(own, keys)) {
    OpFoldResult lacking = shapes.sub(keys, own);
    if (!importer.checkNotNegative(lacking, "the number of keys less that of attn_mask"))
      return {};
    Value never = importer.like(mask, elementTypeOf(mask).isInteger(1) ? 0 : -INFINITY);
    mask = importer.pad(mask, rankOf(mask) - 1, shapes.constant(0), lacking, never);
  }
  return mask && importer.checkFits(mask, scores, "attn_mask") ? mask : Value();
}

/// Whether heads lie side by side in the last of 3 dims; failure where ranks, inputs or attributes are none of
/// Attention.
static FailureOr<bool> checkAttention(Node &node, Importer &importer) {
  int64_t rank = rankOf(node.input(0)), precision = node.getInt("softmax_precision", 1);
  if ((rank != 3 && rank != 4) || rankOf(node.input(1)) != rank || rankOf(node.input(2)) != rank)
    return importer.fail(
        "Q, K and V must all have 3 dims [batch, sequence, heads · size] or 4 [batch, heads, sequence, "
        "size], not " +
        Twine(rank) + ", " + Twine(rankOf(node.input(1))) + " and " + Twine(rankOf(node.input(2))));
  int64_t heads = node.getInt("q_num_heads", 0), groups = node.getInt("kv_num_heads", 0);
  if (rank == 3 && (heads < 1 || groups < 1 || heads % groups))
    return importer.fail("inputs of 3 dims want attributes q_num_heads and kv_num_heads, the latter a divisor of the "
                         "former; they are " +
                         Twine(heads) + " and " + Twine(groups));
  if (!node.input(4) != !node.input(5))
    return importer.fail("past_key and past_value go together: give both, or neither");
  if (node.input(6) && node.input(4))
    return importer.fail(
        "nonpad_kv_seqlen is for keys and values that lie in a cache of a fixed size: leave it out beside "
        "past_key and past_value");
  if (precision != 1 && precision != 10 && precision != 16)
    return importer.fail("attribute softmax_precision is " + Twine(precision) + ", must be 1, 10, 11 or 16");
  return rank == 3;
}

/// Whether queries, keys and values, [batch, sequence, heads, size], fit each other.
static bool checkOperands(Importer &importer, Value query, Value key, Value value) {
  ShapeBuilder &shapes = importer.shapes;
  auto heads = ShapeBuilder::getConstant(shapes.dim(query, 2)), groups = ShapeBuilder::getConstant(shapes.dim(key, 2));
  if (heads && groups && (*groups < 1 || *heads % *groups)) {
    importer.report("the heads of Q, " + Twine(*heads) + ", must be a multiple of those of K, " + Twine(*groups));
    return false;
  }
  auto areEqual = [&](Value a, Value b, int64_t dim, const Twine &what) {
    return importer.checkEqual(shapes.dim(a, dim), shapes.dim(b, dim), what);
  };
  return areEqual(query, key, 0, "the batches of Q and K") && areEqual(query, value, 0, "the batches of Q and V") &&
         areEqual(query, key, 3, "the sizes of heads of Q and K") && areEqual(key, value, 2, "the heads of K and V") &&
         areEqual(key, value, 1, "the lengths of K and V");
}

/// How many keys more than its own number a query sees: the queries are the last of the keys that count, and without a
/// cache both begin at once. Null where all see all.
static Value causalOffset(Node &node, Importer &importer, OpFoldResult queries, OpFoldResult keys) {
  ShapeBuilder &shapes = importer.shapes;
  if (!node.isOne("is_causal", false))
    return {};
  if (node.input(4))
    return shapes.materialize(shapes.dim(node.input(4), 2));
  return shapes.materialize(node.input(6) ? shapes.sub(keys, queries) : shapes.constant(0));
}

/// The factor of scores; where only the run knows it, the queries are divided by its inverse.
static float takeScale(Node &node, Importer &importer, Value &query) {
  OpFoldResult depth = importer.shapes.dim(query, 3);
  if (node.onnx.find("scale"))
    return node.getFloat("scale", 1);
  if (auto known = ShapeBuilder::getConstant(depth))
    return 1 / std::sqrt(float(*known));
  Value number = importer.fromIndices(depth, 0, importer.builder.getI64Type());
  query = importer.binary<DivOp>(query, importer.unary<SqrtOp>(importer.cast(number, elementTypeOf(query))));
  return 1;
}

static LogicalResult importAttention(Node &node, Importer &importer) {
  ShapeBuilder &shapes = importer.shapes;
  Builder &builder = importer.builder;
  FailureOr<bool> isJoined = checkAttention(node, importer);
  if (failed(isJoined))
    return failure();
  int64_t heads = node.getInt("q_num_heads", 0), groups = node.getInt("kv_num_heads", 0);
  Value query = splitHeads(importer, node.input(0), heads, "Q"), key = splitHeads(importer, node.input(1), groups, "K"),
        value = splitHeads(importer, node.input(2), groups, "V");
  if (!query || !key || !value)
    return failure();
  key = joinPast(importer, node.input(4), key);
  value = joinPast(importer, node.input(5), value);
  if (failed(node.set(1, key)) || failed(node.set(2, value)))
    return failure();
  key = importer.transpose(key, kSwapped);
  value = importer.transpose(value, kSwapped);
  if (!checkOperands(importer, query, key, value))
    return failure();

  OpFoldResult batch = shapes.dim(query, 0), queries = shapes.dim(query, 1), keys = shapes.dim(key, 1);
  Value lengths = node.input(6), mask;
  if (lengths && rankOf(lengths) != 1)
    return importer.fail("nonpad_kv_seqlen must have 1 dim");
  if (lengths && !importer.checkEqual(shapes.dim(lengths, 0), batch, "the number of nonpad_kv_seqlen and the batch"))
    return failure();
  if (node.input(3) && !(mask = readMask(node, importer, {batch, shapes.dim(query, 2), queries, keys})))
    return failure();
  float scale = takeScale(node, importer, query);
  if (!query)
    return failure();
  bool isSelected = mask && elementTypeOf(mask).isInteger(1);
  Value output = importer.create<AttentionOp>(
      builder.getF32Type(), 4, query, key, value, mask, lengths, causalOffset(node, importer, queries, keys),
      builder.getF32FloatAttr(scale), isSelected ? builder.getF32FloatAttr(-INFINITY) : FloatAttr(), UnitAttr(),
      mask ? builder.getUnitAttr() : UnitAttr());
  if (!output || !*isJoined)
    return node.set(0, importer.transpose(output, kSwapped));
  HostVector dims(shapes.dims(output));
  OpFoldResult size = dims.pop_back_val();
  dims.back() = shapes.mul(dims.back(), size);
  return node.set(0, importer.reshape(output, dims));
}

//===-- Caches --------------------------------------------------------------------------------------------------===//

static LogicalResult importTensorScatter(Node &node, Importer &importer) {
  ShapeBuilder &shapes = importer.shapes;
  Value cache = node.input(0), update = node.input(1), positions = node.input(2);
  auto axis = importer.axis(node.getInt("axis", -2), rankOf(cache));
  if (!axis)
    return failure();
  StringRef mode = node.onnx.getString("mode", "linear");
  if (*axis == 0)
    return importer.fail("axis is 0, that of the batch");
  if (mode != "linear" && mode != "circular")
    return importer.fail("attribute mode is '" + mode + "', must be linear or circular");
  if (rankOf(update) != rankOf(cache))
    return importer.fail("past_cache and update must have one number of dims");
  for (int64_t i = 0; i < rankOf(cache); ++i)
    if (i != *axis && !importer.checkEqual(shapes.dim(cache, i), shapes.dim(update, i),
                                           "dims " + Twine(i) + " of past_cache and update"))
      return failure();
  if (!importer.checkRange(shapes.dim(update, *axis), shapes.constant(0), shapes.dim(cache, *axis),
                           "dim " + Twine(*axis) + " of update"))
    return failure();
  Type type = elementTypeOf(cache);
  if (!positions)
    return node.set(0, importer.create<InsertOp>(type, rankOf(cache), update, cache,
                                                 shapes.materialize(shapes.constant(0)), *axis));
  if (rankOf(positions) != 1)
    return importer.fail("write_indices must have 1 dim");
  if (!importer.checkEqual(shapes.dim(positions, 0), shapes.dim(cache, 0), "the number of write_indices and the batch"))
    return failure();
  return node.set(
      0, importer.create<TensorScatterOp>(type, rankOf(cache), update, cache, positions, *axis, mode == "circular"));
}

//===-- Table ---------------------------------------------------------------------------------------------------===//

ArrayRef<OperatorRow> hone::attentionOperators() {
  static constexpr OperatorRow rows[] = {
      {"Attention", 23, importAttention, Halves::Computes, "", takesAttention},
      {"TensorScatter", 24, importTensorScatter, Halves::Moves},
  };
  return rows;
}
