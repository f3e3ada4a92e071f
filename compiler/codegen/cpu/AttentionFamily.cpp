// hone.attention on f32: how the op's operands are seen by the builder in Attention.h.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/Families.h"
#include "compiler/codegen/cpu/Attention.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <cmath>

using namespace mlir;
using namespace hone;

static AttentionShape shapeOf(AttentionOp op, ShapeBuilder &shapes, function_ref<Value(OpFoldResult)> size) {
  SmallVector<OpFoldResult> query(shapes.dims(op.getQuery())), key(shapes.dims(op.getKey()));
  AttentionShape shape;
  shape.batch = size(query[0]);
  shape.queries = size(query[1]);
  shape.heads = size(query[2]);
  shape.depth = size(query[3]);
  shape.keys = size(key[1]);
  shape.keyHeads = size(key[2]);
  shape.valueDepth = size(shapes.dim(op.getValue(), 3));
  return shape;
}

static void buildKernel(KernelEmitter &e, const CpuTarget &target, const AttentionTiles &tiles, AttentionOp attention) {
  // Of memory whose dims are, in the order of `permutation`, batch, sequence, heads, depth.
  auto tensor = [&](Value pointer, Value memory, ArrayRef<int64_t> permutation = {0, 1, 2, 3}) {
    SmallVector<Value> sizes = e.dims(memory), strides(4, e.index(1));
    for (int64_t i = 2; i >= 0; --i)
      strides[i] = e.mul(sizes[i + 1], strides[i + 1]);
    AttentionTensor result;
    result.pointer = pointer;
    result.batchStride = strides[permutation[0]];
    result.sequenceStride = strides[permutation[1]];
    result.headStride = strides[permutation[2]];
    return result;
  };
  auto input = [&](Value value) {
    auto pointerOf = [&](Value memory) { return e.body.buffers[cast<BlockArgument>(memory).getArgNumber()]; };
    if (auto transpose = value.getDefiningOp<TransposeOp>())
      return tensor(pointerOf(transpose.getInput()), transpose.getInput(), transpose.getPermutation());
    auto slice = value.getDefiningOp<SliceOp>();
    Value memory = slice ? slice.getInput() : value;
    AttentionTensor result = tensor(pointerOf(memory), memory);
    if (slice) {
      Value strides[] = {result.batchStride, result.sequenceStride, result.headStride, e.index(1)};
      result.offset = e.index(0);
      for (auto [start, stride] : llvm::zip_equal(slice.getStarts(), strides))
        result.offset = e.add(result.offset, e.mul(e.size(start), stride));
    }
    return result;
  };

  AttentionOperands operands;
  operands.query = input(attention.getQuery());
  operands.key = input(attention.getKey());
  operands.value = input(attention.getValue());
  operands.output = tensor(e.body.buffers[e.kernel.getTensorCount()], attention.getOutput());
  operands.shape = shapeOf(attention, e.shapes(), [&](OpFoldResult value) { return e.size(value); });
  operands.scale = e.constant(TypedAttr(attention.getScaleAttr()));
  operands.guarded = attention.getGuarded();
  operands.maskedZero = attention.getMaskedZero();
  if (Value causal = attention.getCausal())
    operands.causalOffset = e.size(causal);
  operands.begin = e.body.begin;
  operands.end = e.body.end;
  operands.scratch = e.body.scratch;
  // Dims of the mask that are not provably these may be 1.
  const AttentionShape &shape = operands.shape;
  std::array<Value, 4> extents{shape.batch, shape.heads, shape.queries, shape.keys};
  if (Value mask = attention.getMask())
    operands.mask = [&e, mask, extents, fill = attention.getFillAttr()](
                        OpBuilder &builder, Location, Value score, Value batch, Value head, Value query, Value key) {
      Value indices[] = {batch, head, query, key};
      SmallVector<Value> own;
      int64_t lead = 4 - rankOf(mask);
      Value masked;
      e.buildAt(builder, [&] {
        for (int64_t i = 0; i < rankOf(mask); ++i) {
          auto type = cast<RankedTensorType>(mask.getType());
          Value index = indices[lead + i];
          if (type.getDimSize(i) == 1)
            index = e.index(0);
          else if (type.isDynamicDim(i) && e.dim(mask, i) != extents[lead + i])
            index = e.select(e.compare(arith::CmpIPredicate::eq, e.dim(mask, i), e.index(1)), e.index(0), index);
          own.push_back(index);
        }
        Value scalar = e.load(mask, own);
        masked = fill ? e.select(scalar, score, e.constant(TypedAttr(fill)))
                      : Value(arith::AddFOp::create(e.builder, e.loc, score, scalar));
      });
      return masked;
    };
  if (Value lengths = attention.getLengths())
    operands.length = [&e, lengths, keys = shape.keys](OpBuilder &builder, Location loc, Value batch) {
      Value length;
      e.buildAt(builder, [&] {
        Value given = e.toIndex(e.load(lengths, batch));
        Value isOutside = e.compare(arith::CmpIPredicate::ugt, given, keys);
        e.failIf(isOutside);
        length = e.select(isOutside, e.index(0), given);
      });
      return length;
    };
  buildAttention(e.builder, e.loc, target, tiles, operands);
}

/// Operations on f32 in a cycle.
static constexpr std::pair<llvm::StringLiteral, double> kRates[] = {{"x86-64-v3", 26}, {"x86-64-v4", 45}};

namespace {
class AttentionFamily : public KernelFamily {
public:
  StringRef name() const override { return "attention"; }
  bool takes(const CpuTarget &, Operation *op) const override { return isa<AttentionOp>(op); }
  /// Part of a tensor, as some of its heads, or one in another order of dims, which is read where it lies.
  bool fusesBefore(const CpuTarget &, OpOperand &operand) const override {
    if (operand.getOperandNumber() >= 3) // the mask, or lengths
      return false;
    if (auto transpose = operand.get().getDefiningOp<TransposeOp>())
      return transpose.getPermutation().back() == 3;
    auto slice = operand.get().getDefiningOp<SliceOp>();
    return slice && llvm::all_of(slice.getSteps(), [](Value step) { return getConstantIntValue(step) == 1; });
  }

  ArrayRef<KernelParameter> parameters() const override {
    static constexpr KernelParameter all[] = {
        {"queries", 1, 1 << 12}, {"keys", 16, 1 << 16}, {"rows", 1, 16}, {"vectors", 1, 8}};
    return all;
  }
  SmallVector<int64_t> choose(const CpuTarget &target, KernelOp) const override {
    AttentionTiles best = attentionTiles(target);
    return {best.queries, best.keys, best.rows, best.vectors};
  }
  /// Each query and block of keys has a greatest score and a sum.
  double cost(const FamilyKernel &kernel, KernelNumbers &numbers) const override {
    auto attention = cast<AttentionOp>(kernel.op);
    const CpuTarget &target = kernel.target;
    SmallVector<OpFoldResult> query(numbers.shapes().dims(attention.getQuery()));
    double blocks = std::ceil(numbers(numbers.shapes().dim(attention.getKey(), 1)) / double(read(kernel).keys));
    double rows = numbers.product(ArrayRef(query).drop_back()) * blocks;
    unsigned bits = elementTypeOf(attention.getOutput()).getIntOrFloatBitWidth();
    double cycles = numbers.flops(attention) / flopsPerCycle(target.pick(kRates), bits);
    return numbers.cycles(target, cycles + rows * 2 * target.figures->reduction);
  }
  LogicalResult verify(const FamilyKernel &kernel) const override {
    if (kernel.parameters[1] % (2 * kernel.target.lanes) != 0)
      return kernelError(kernel.kernel) << "wants a multiple of " << 2 * kernel.target.lanes << " keys in a block, got "
                                        << kernel.parameters[1];
    return success();
  }

  LaunchRange range(OpBuilder &builder, const FamilyKernel &kernel, ShapeBuilder &shapes,
                    function_ref<Value(OpFoldResult)> size) const override {
    return attentionRange(builder, kernel.op->getLoc(), kernel.target, read(kernel),
                          shapeOf(cast<AttentionOp>(kernel.op), shapes, size));
  }
  void build(KernelEmitter &emitter, const FamilyKernel &kernel) const override {
    buildKernel(emitter, kernel.target, read(kernel), cast<AttentionOp>(kernel.op));
  }

private:
  static AttentionTiles read(const FamilyKernel &kernel) {
    ArrayRef<int64_t> values = kernel.parameters;
    return {values[0], values[1], values[2], values[3]};
  }
};
} // namespace

const KernelFamily &hone::attentionFamily() {
  static const AttentionFamily family;
  return family;
}
