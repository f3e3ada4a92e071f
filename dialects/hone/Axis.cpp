// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Axis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace hone;

Structure hone::axisStructure(Operation *op, ShapeBuilder &shapes, int64_t axis) {
  Structure structure(op);
  structure.operands[0] = structure.addAll(SmallVector<OpFoldResult>(shapes.dims(op->getOperand(0))));
  structure.factors[axis].kind = FactorKind::Row;
  for (FactoredDims &dims : structure.results)
    dims = structure.operands[0];
  return structure;
}

OpFoldResult hone::rowCount(ShapeBuilder &shapes, SmallVector<OpFoldResult> dims, int64_t axis) {
  dims.erase(dims.begin() + axis);
  return shapes.product(dims);
}

SmallVector<Value> hone::rowIndices(ElementBuilder &e, SmallVector<Value> dims, int64_t axis, Value iteration) {
  dims.erase(dims.begin() + axis);
  SmallVector<Value> at = e.delinearize(iteration, dims);
  at.insert(at.begin() + axis, Value());
  return at;
}

Value hone::comesBefore(ElementBuilder &e, Value a, Value b, bool greatestFirst, bool plain, bool orEqual,
                        bool nanFirst) {
  if (isa<FloatType>(a.getType())) {
    using P = arith::CmpFPredicate;
    auto predicate = greatestFirst ? (orEqual ? P::OGE : P::UGT) : (orEqual ? P::OLE : P::ULT);
    auto test = [&](P predicate, Value x, Value y) {
      return e.builder.createOrFold<arith::CmpFOp>(e.loc, predicate, x, y);
    };
    Value byOrder = test(predicate, a, b);
    // Where both are NaN, neither comes before the other.
    if (orEqual)
      return e.builder.createOrFold<arith::OrIOp>(e.loc, byOrder, test(P::UNO, nanFirst ? a : b, nanFirst ? a : b));
    return e.builder.createOrFold<arith::AndIOp>(e.loc, byOrder, test(P::ORD, nanFirst ? b : a, nanFirst ? b : a));
  }
  using P = arith::CmpIPredicate;
  auto predicate = greatestFirst ? (plain ? (orEqual ? P::uge : P::ugt) : (orEqual ? P::sge : P::sgt))
                                 : (plain ? (orEqual ? P::ule : P::ult) : (orEqual ? P::sle : P::slt));
  return e.compare(predicate, a, b);
}
