// hone.matmul on f32 and f64: how the op's operands are seen by the builder in Matmul.h.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/Families.h"
#include "compiler/codegen/cpu/Matmul.h"
#include "compiler/codegen/cpu/Tile.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <cmath>

using namespace mlir;
using namespace hone;

namespace {
/// The problem in dims of the kernel. A packed right operand has no batch: all leading dims are rows.
struct Problem {
  Problem(MatmulOp op, ShapeBuilder &shapes) {
    SmallVector<OpFoldResult> lhs(shapes.dims(op.getLhs())), out(shapes.dims(op.getOutput()));
    k = lhs.back();
    n = out.back();
    memory = op.getRhs();
    if (auto unpack = memory.getDefiningOp<UnpackOp>()) {
      memory = unpack.getInput();
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
  Value memory; // the right operand as it lies there
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
static bool hasElementsBehind(MatmulOp op) { return op->getBlock()->getTerminator()->getOperand(0) != op.getOutput(); }

static void buildKernel(KernelEmitter &e, VectorType vector, const MatmulTiles &tiles, MatmulOp matmul) {
  ShapeBuilder &shapes = e.shapes();
  Problem problem(matmul, shapes);
  auto size = [&](OpFoldResult value) { return e.size(value); };
  auto pointerOf = [&](Value tensor) { return e.body.buffers[cast<BlockArgument>(tensor).getArgNumber()]; };

  MatmulOperands operands;
  operands.shape = shapeOf(problem, size);
  operands.a = pointerOf(matmul.getLhs());
  operands.aRowStride = operands.shape.k;
  operands.b = pointerOf(problem.memory);
  operands.right = problem.right;
  if (elementTypeOf(matmul.getRhs()) != elementTypeOf(matmul.getOutput()))
    operands.bElement = elementTypeOf(matmul.getRhs());
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
  if (!problem.batch.empty())
    operands.offsets = [&](OpBuilder &builder, Location, Value batch) {
      MatmulOffsets offsets;
      e.buildAt(builder, [&] {
        SmallVector<Value> indices = e.delinearize(batch, batchSizes);
        offsets.a = offsetOf(matmul.getLhs(), indices);
        offsets.b = offsetOf(matmul.getRhs(), indices);
        offsets.c = e.mul(batch, e.mul(operands.shape.m, operands.shape.n));
      });
      return offsets;
    };

  if (!hasElementsBehind(matmul)) {
    MatmulResult c = {e.body.buffers[e.kernel.getTensorCount()], operands.shape.n};
    buildMatmul(e.builder, e.loc, vector, tiles, operands, c);
    return;
  }
  Value result = e.kernel.getBody().front().getTerminator()->getOperand(0);
  auto epilogue = [&](OpBuilder &builder, Location, Value batch, Value row, Value column, Value sum) {
    e.buildAt(builder, [&] {
      SmallVector<Value> indices = batch ? e.delinearize(batch, batchSizes) : SmallVector<Value>();
      llvm::append_range(indices, e.delinearize(row, rowSizes));
      indices.push_back(column);
      e.know(matmul.getOutput(), sum);
      e.store(0, indices, e.load(result, indices));
      e.forget(matmul.getOutput());
    });
  };
  buildMatmul(e.builder, e.loc, vector, tiles, operands, epilogue);
}

namespace {
/// In a cycle.
struct Rates {
  double flops;   ///< on f32
  double packing; ///< elements of 32 bits that move from columns into a panel
};
} // namespace

static constexpr std::pair<llvm::StringLiteral, Rates> kRates[] = {
    {"x86-64-v3", {/*flops=*/31, /*packing=*/1.4}},
    {"x86-64-v4", {/*flops=*/61, /*packing=*/1.5}},
};

namespace {
class MatmulFamily : public KernelFamily {
public:
  StringRef name() const override { return "matmul"; }
  bool takes(const CpuTarget &, Operation *op) const override {
    auto matmul = dyn_cast<MatmulOp>(op);
    if (!matmul || !isa<Float32Type, Float64Type>(elementTypeOf(matmul.getOutput())))
      return false;
    return elementTypeOf(matmul.getLhs()) == elementTypeOf(matmul.getOutput()) && !isNibble(matmul.getRhs().getType());
  }
  /// Panels, whose width the parameters must have.
  bool fusesBefore(const CpuTarget &, OpOperand &operand) const override {
    auto unpack = operand.get().getDefiningOp<UnpackOp>();
    return unpack && operand.getOperandNumber() == 1 && !unpack.getTiles().empty() &&
           unpack.getLayout() == panels(cast<MatmulOp>(operand.getOwner()), unpack.getTiles()[0]);
  }
  bool fusesBehind(const CpuTarget &, Operation *, Operation *reader) const override {
    return isa<ScalarOpInterface>(reader);
  }

  /// A constant matrix lies in panels of columns, which the register tile reads from end to end.
  bool writesLast(KernelOp) const override { return true; }
  std::optional<TileLayout> layoutOf(const CpuTarget &target, Operation *op, unsigned operand) const override {
    auto matmul = cast<MatmulOp>(op);
    if (operand != 1 || rankOf(matmul.getRhs()) != 2)
      return std::nullopt;
    return panels(matmul, tilesFor(target, matmul).panelColumns(registerOf(target, matmul)));
  }

  ArrayRef<KernelParameter> parameters() const override {
    static constexpr KernelParameter all[] = {{"rows", 1, 16},
                                              {"vectors", 1, 8},
                                              {"streamed_panels", 1, 8},
                                              {"depth_block", 4, 1 << 20},
                                              {"row_block", 1, 1 << 20}};
    return all;
  }
  SmallVector<int64_t> choose(const CpuTarget &target, KernelOp kernel) const override {
    MatmulTiles best = tilesFor(target, *kernel.getBody().front().getOps<MatmulOp>().begin());
    return {best.rows, best.vectors, best.streamedPanels, best.depthBlock, best.rowBlock};
  }

  /// Columns are computed in whole panels; what is no panel in memory is moved into one.
  double cost(const FamilyKernel &kernel, KernelNumbers &numbers) const override {
    auto matmul = cast<MatmulOp>(kernel.op);
    const CpuTarget &target = kernel.target;
    Rates rates = target.pick(kRates);
    unsigned bits = elementTypeOf(matmul.getOutput()).getIntOrFloatBitWidth();
    Problem problem(matmul, numbers.shapes());
    double columns = numbers(problem.n), panel = double(read(kernel).panelColumns(registerOf(target, matmul)));
    double padded = std::ceil(columns / panel) * panel;
    double cycles = numbers.flops(matmul) * (padded / std::max(columns, 1.0)) / flopsPerCycle(rates.flops, bits) +
                    numbers.flopsBeside(matmul) / flopsPerCycle(target.figures->flops, bits);
    if (problem.right != MatmulRight::Packed) {
      bool isTransposed = problem.right == MatmulRight::Transposed;
      double moves = numbers(problem.count) * padded * numbers(problem.k);
      double movesPerCycle = isTransposed ? rates.packing : target.figures->flops;
      cycles += moves / flopsPerCycle(movesPerCycle, bits);
    }
    return numbers.cycles(target, cycles);
  }

  LogicalResult verify(const FamilyKernel &kernel) const override {
    auto matmul = cast<MatmulOp>(kernel.op);
    VectorType vector = registerOf(kernel.target, matmul);
    int64_t panel = read(kernel).panelColumns(vector);
    if (kMatmulGroupColumns % panel != 0)
      return kernelError(kernel.kernel) << "has " << kernel.parameters[1] << " vectors of " << vector.getNumElements()
                                        << " columns in a panel, which does not divide " << kMatmulGroupColumns;
    if (kernel.parameters[3] % kMatmulDepthUnit != 0)
      return kernelError(kernel.kernel) << "has a depth_block of " << kernel.parameters[3]
                                        << ", which is no multiple of " << kMatmulDepthUnit;
    auto unpack = matmul.getRhs().getDefiningOp<UnpackOp>();
    if (unpack && !(unpack.getLayout() == panels(matmul, panel)))
      return kernelError(kernel.kernel)
             << "reads a weight that does not lie in panels of " << panel
             << " columns, which its kernel's parameters and the target ask for; make the stage 'kernels' again "
             << "for this target, or give the parameters the panels' width";
    return success();
  }

  LaunchRange range(OpBuilder &builder, const FamilyKernel &kernel, ShapeBuilder &shapes,
                    function_ref<Value(OpFoldResult)> size) const override {
    auto matmul = cast<MatmulOp>(kernel.op);
    Problem problem(matmul, shapes);
    return matmulRange(builder, matmul.getLoc(), registerOf(kernel.target, matmul), read(kernel),
                       shapeOf(problem, size), problem.right, hasElementsBehind(matmul));
  }
  void build(KernelEmitter &emitter, const FamilyKernel &kernel) const override {
    auto matmul = cast<MatmulOp>(kernel.op);
    buildKernel(emitter, registerOf(kernel.target, matmul), read(kernel), matmul);
  }

private:
  static VectorType registerOf(const CpuTarget &target, MatmulOp matmul) {
    return vectorRegister(target, elementTypeOf(matmul.getOutput()));
  }
  /// Narrower panels than those of the target, if their columns would be idle.
  static MatmulTiles tilesFor(const CpuTarget &target, MatmulOp matmul) {
    MatmulTiles tiles = matmulTiles(target);
    int64_t columns = cast<RankedTensorType>(matmul.getOutput().getType()).getShape().back();
    int64_t lanes = registerOf(target, matmul).getNumElements(), widest = tiles.vectors;
    tiles.vectors = panelVectors(columns, lanes, widest);
    if (tiles.vectors == widest)
      return tiles;
    tiles.rows = tileRows(tiles.vectors, tiles.rows * widest);
    tiles.streamedPanels *= widest / tiles.vectors;
    return tiles;
  }
  static TileLayout panels(MatmulOp matmul, int64_t columns) {
    if (matmul.getTransposeRhs()) // [n, k]
      return {{0}, {columns}, {}};
    return {{1}, {columns}, {1, 0}};
  }
  static MatmulTiles read(const FamilyKernel &kernel) {
    ArrayRef<int64_t> values = kernel.parameters;
    return {values[0], values[1], values[2], values[3], values[4]};
  }
};
} // namespace

const KernelFamily &hone::matmulFamily() {
  static const MatmulFamily family;
  return family;
}
