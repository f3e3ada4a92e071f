// Matrix products.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/ops/Ops.h"
#include <cmath>

using namespace mlir;
using namespace hone;

/// The product of operands of rank 2 or more, in elements of `type`.
static Value matmul(Importer &importer, Value a, Value b, bool transposeRhs, Type type) {
  if (!a || !b)
    return {};
  ShapeBuilder &shapes = importer.shapes;
  OpFoldResult k = shapes.dim(a, rankOf(a) - 1), other = shapes.dim(b, rankOf(b) - (transposeRhs ? 1 : 2));
  if (!importer.checkEqual(k, other, "the inner dims"))
    return {};
  return importer.create<MatmulOp>(type, std::max(rankOf(a), rankOf(b)), a, b, transposeRhs);
}

/// Makes sure that all dims but the last two broadcast.
static bool checkBatch(Importer &importer, Value a, Value b) {
  ShapeBuilder &shapes = importer.shapes;
  int64_t rank = std::min(rankOf(a), rankOf(b)) - 2;
  for (int64_t i = 0; i < rank; ++i)
    if (!importer.checkBroadcastDims(shapes.dim(a, rankOf(a) - 3 - i), shapes.dim(b, rankOf(b) - 3 - i)))
      return false;
  return true;
}

Value hone::anyMatmul(Importer &importer, Value a, Value b, Type type) {
  if (!a || !b)
    return {};
  if (rankOf(a) == 0 || rankOf(b) == 0)
    return importer.failValue("operands must have a dim or more");
  // Vectors are matrices of one row, or one column; that dim is dropped from the result.
  OpFoldResult one = importer.shapes.constant(1);
  bool isRow = rankOf(a) == 1, isColumn = rankOf(b) == 1;
  if (isRow)
    a = importer.reshape(a, {one, importer.shapes.dim(a, 0)});
  if (isColumn)
    b = importer.reshape(b, {importer.shapes.dim(b, 0), one});
  if (!checkBatch(importer, a, b))
    return {};
  Value product = matmul(importer, a, b, /*transposeRhs=*/false, type);
  if (!product)
    return {};
  SmallVector<OpFoldResult> dims(importer.shapes.dims(product));
  if (isColumn)
    dims.pop_back();
  if (isRow)
    dims.erase(dims.end() - (isColumn ? 1 : 2));
  return importer.reshape(product, dims);
}

static LogicalResult importMatMul(Node &node, Importer &importer) {
  Value a = node.input(0), b = node.input(1);
  return node.set(0, anyMatmul(importer, a, b, elementTypeOf(a)));
}

static LogicalResult importGemm(Node &node, Importer &importer) {
  Value a = node.input(0), b = node.input(1), c = node.input(2);
  if (rankOf(a) != 2 || rankOf(b) != 2)
    return importer.fail("A and B must be matrices");
  if (node.getInt("transA", 0))
    a = importer.transpose(a, {1, 0});
  Value y = matmul(importer, a, b, node.getInt("transB", 0) != 0, elementTypeOf(a));
  float alpha = node.getFloat("alpha", 1), beta = node.getFloat("beta", 1);
  if (!y || (c && !importer.checkFits(c, y, "C")))
    return failure();
  // The factors are floats whatever the tensors' type.
  Type type = elementTypeOf(y);
  auto isWhole = [](float factor) { return std::abs(factor) < 1 << 24 && factor == std::trunc(factor); };
  if (!isa<FloatType>(type) && !(isWhole(alpha) && isWhole(beta))) {
    y = importer.cast(y, importer.builder.getF64Type());
    c = importer.cast(c, importer.builder.getF64Type());
  }
  if (alpha != 1)
    y = importer.binary<MulOp>(y, importer.like(y, alpha));
  if (c && beta != 0) {
    if (beta != 1)
      c = importer.binary<MulOp>(c, importer.like(c, beta));
    y = importer.binary<AddOp>(y, c);
  }
  return node.set(0, importer.cast(y, type));
}

ArrayRef<OperatorRow> hone::linearOperators() {
  static constexpr OperatorRow rows[] = {
      {"Gemm", 7, importGemm},
      {"MatMul", 1, importMatMul},
  };
  return rows;
}
