// hone.matmul on f32: how the op's operands are seen by the builder in Matmul.h.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/Families.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace hone;

static bool takes(Operation *op) {
  auto matmul = dyn_cast<MatmulOp>(op);
  return matmul && elementTypeOf(matmul.getOutput()).isF32();
}

namespace {
/// The problem in dims of the kernel. A packed right operand has no batch: all leading dims are rows.
struct Problem {
  Problem(MatmulOp op, ShapeBuilder &shapes) {
    SmallVector<OpFoldResult> lhs(shapes.dims(op.getLhs())), out(shapes.dims(op.getOutput()));
    k = lhs.back();
    n = out.back();
    if (op.getPackedColumns()) {
      right = MatmulRight::Packed;
      rows.assign(out.begin(), out.end() - 1);
    } else {
      right = op.getTransposeRhs() ? MatmulRight::Transposed : MatmulRight::RowMajor;
      batch.assign(out.begin(), out.end() - 2);
      rows.push_back(out[out.size() - 2]);
    }
    m = shapes.product(rows);
    count = shapes.product(batch);
  }

  MatmulRight right;
  SmallVector<OpFoldResult> batch, rows;
  OpFoldResult m, n, k, count;
};
} // namespace

static MatmulShape shapeOf(const Problem &problem, function_ref<Value(OpFoldResult)> size) {
  MatmulShape shape;
  shape.m = size(problem.m);
  shape.n = size(problem.n);
  shape.k = size(problem.k);
  if (!problem.batch.empty())
    shape.batch = size(problem.count);
  return shape;
}

/// Then the sums stay in scratch, which is warm, and C is written once (4 % at 128 rows).
static bool hasEpilogue(MatmulOp op) { return op->getBlock()->getTerminator()->getOperand(0) != op.getOutput(); }

static LaunchRange range(OpBuilder &builder, const CpuTarget &target, Operation *op, ShapeBuilder &shapes,
                         function_ref<Value(OpFoldResult)> size) {
  auto matmul = cast<MatmulOp>(op);
  Problem problem(matmul, shapes);
  return matmulRange(builder, op->getLoc(), target, shapeOf(problem, size), problem.right, hasEpilogue(matmul));
}

static void build(KernelEmitter &e, const CpuTarget &target, Operation *op) {
  auto matmul = cast<MatmulOp>(op);
  ShapeBuilder &shapes = e.shapes();
  Problem problem(matmul, shapes);
  auto size = [&](OpFoldResult value) { return e.size(value); };
  auto pointerOf = [&](Value tensor) { return e.body.buffers[cast<BlockArgument>(tensor).getArgNumber()]; };

  MatmulOperands operands;
  operands.shape = shapeOf(problem, size);
  operands.a = pointerOf(matmul.getLhs());
  operands.aRowStride = operands.shape.k;
  operands.b = pointerOf(matmul.getRhs());
  operands.right = problem.right;
  operands.bRowStride = problem.right == MatmulRight::Transposed ? operands.shape.k : operands.shape.n;
  operands.begin = e.body.begin;
  operands.end = e.body.end;
  operands.scratch = e.body.scratch;

  SmallVector<Value> batchSizes = e.sizes(problem.batch), rowSizes = e.sizes(problem.rows);
  auto offsetOf = [&](Value operand, ValueRange batch) {
    // Row-major over the operand's own batch dims; a dim of 1 is broadcast.
    SmallVector<OpFoldResult> dims(shapes.dims(operand));
    Value linear = e.index(0);
    int64_t own = dims.size() - 2, lead = int64_t(batch.size()) - own;
    for (int64_t i = 0; i < own; ++i) {
      Value extent = e.size(dims[i]), index = batch[lead + i];
      if (dims[i] != problem.batch[lead + i])
        index = e.select(e.compare(arith::CmpIPredicate::eq, extent, e.index(1)), e.index(0), index);
      linear = e.add(e.mul(linear, extent), index);
    }
    return e.mul(linear, e.mul(e.size(dims[own]), e.size(dims[own + 1])));
  };
  // The builder calls back where it stands; the emitter builds there.
  auto at = [&](OpBuilder &builder, function_ref<void()> write) {
    OpBuilder::InsertPoint before = e.builder.saveInsertionPoint();
    e.builder.restoreInsertionPoint(builder.saveInsertionPoint());
    write();
    builder.restoreInsertionPoint(e.builder.saveInsertionPoint());
    if (&builder != &e.builder)
      e.builder.restoreInsertionPoint(before);
  };
  if (!problem.batch.empty())
    operands.offsets = [&](OpBuilder &builder, Location, Value batch) {
      MatmulOffsets offsets;
      at(builder, [&] {
        SmallVector<Value> indices = e.delinearize(batch, batchSizes);
        offsets.a = offsetOf(matmul.getLhs(), indices);
        offsets.b = offsetOf(matmul.getRhs(), indices);
        offsets.c = e.mul(batch, e.mul(operands.shape.m, operands.shape.n));
      });
      return offsets;
    };

  if (!hasEpilogue(matmul)) {
    MatmulResult c = {e.body.buffers[e.kernel.getTensorCount()], operands.shape.n};
    buildMatmul(e.builder, e.loc, target, operands, c);
    return;
  }
  Value result = e.kernel.getBody().front().getTerminator()->getOperand(0);
  auto epilogue = [&](OpBuilder &builder, Location, Value batch, Value row, Value column, Value sum) {
    at(builder, [&] {
      SmallVector<Value> indices = batch ? e.delinearize(batch, batchSizes) : SmallVector<Value>();
      llvm::append_range(indices, e.delinearize(row, rowSizes));
      indices.push_back(column);
      e.enterScope();
      e.know(matmul.getOutput(), sum);
      e.store(0, indices, e.load(result, indices));
      e.forget(matmul.getOutput());
      e.leaveScope();
    });
  };
  buildMatmul(e.builder, e.loc, target, operands, epilogue);
}

const KernelFamily hone::matmulFamily{"matmul", /*hasEpilogue=*/true, takes, range, build};
