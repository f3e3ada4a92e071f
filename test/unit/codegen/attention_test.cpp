// The f32 attention family against f64.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/Attention.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Matchers.h"
#include "test/unit/codegen/KernelHarness.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace hone;
using namespace mlir;

namespace {

/// Lengths: row b of the batch sees MaskStrides::batch * b keys, and is causal.
enum class Masking { None, Added, Causal, Lengths };

struct Shape {
  int64_t batch, heads, keyHeads, queries, keys, depth, valueDepth;
};

/// Element strides of a mask [batch, heads, queries, keys]; 0 broadcasts.
struct MaskStrides {
  int64_t batch, head, query, key;
};

constexpr float Infinity = std::numeric_limits<float>::infinity();

} // namespace

/// A kernel with sizes batch, heads, key heads, queries, keys, then 4 mask strides; buffers query, key, value, output,
/// mask. Queries and keys lie as [batch, sequence, heads, depth], values and output as [batch, heads, sequence, depth].
static std::unique_ptr<CompiledKernel> compile(const CpuTarget &target, Masking masking, int64_t depth,
                                               int64_t valueDepth, bool guarded = false) {
  return std::make_unique<CompiledKernel>(target, 5, 9, [&](OpBuilder &b, Location loc, KernelBody &body) {
    auto index = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, loc, value); };
    auto times = [&](Value x, Value y) -> Value { return arith::MulIOp::create(b, loc, x, y); };
    ArrayRef<Value> sizes = body.sizes;
    AttentionOperands operands;
    operands.shape = {sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], index(depth), index(valueDepth)};
    auto sequenceFirst = [&](Value pointer, Value heads, Value sequence) -> AttentionTensor {
      Value stride = times(heads, index(depth));
      return {pointer, times(sequence, stride), index(depth), stride};
    };
    auto headsFirst = [&](Value pointer, Value heads, Value sequence) -> AttentionTensor {
      Value stride = times(sequence, index(valueDepth));
      return {pointer, times(heads, stride), stride, index(valueDepth)};
    };
    operands.query = sequenceFirst(body.buffers[0], sizes[1], sizes[3]);
    operands.key = sequenceFirst(body.buffers[1], sizes[2], sizes[4]);
    operands.value = headsFirst(body.buffers[2], sizes[2], sizes[4]);
    operands.output = headsFirst(body.buffers[3], sizes[1], sizes[3]);
    operands.scale = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(1 / std::sqrt(float(depth))));
    Value mask = flatView(b, loc, body.buffers[4]);
    if (masking == Masking::Added)
      operands.mask = [&](OpBuilder &b, Location loc, Value score, Value batch, Value head, Value query,
                          Value key) -> Value {
        Value at = arith::MulIOp::create(b, loc, batch, sizes[5]);
        at = arith::AddIOp::create(b, loc, at, arith::MulIOp::create(b, loc, head, sizes[6]));
        at = arith::AddIOp::create(b, loc, at, arith::MulIOp::create(b, loc, query, sizes[7]));
        at = arith::AddIOp::create(b, loc, at, arith::MulIOp::create(b, loc, key, sizes[8]));
        return arith::AddFOp::create(b, loc, score, memref::LoadOp::create(b, loc, mask, at));
      };
    if (masking == Masking::Lengths)
      operands.length = [&](OpBuilder &b, Location loc, Value batch) -> Value {
        return arith::MinSIOp::create(b, loc, arith::MulIOp::create(b, loc, batch, sizes[5]), sizes[4]);
      };
    if (masking == Masking::Causal || masking == Masking::Lengths)
      operands.causalOffset = arith::SubIOp::create(b, loc, sizes[4], sizes[3]);
    operands.guarded = guarded;
    operands.begin = body.begin;
    operands.end = body.end;
    operands.scratch = body.scratch;
    buildAttention(b, loc, target, attentionTiles(target), operands);
  });
}

namespace {

/// The tensors of one problem; `run` computes the output, `expect` compares it with the plain formula in f64.
struct Problem {
  Shape shape;
  Masking masking;
  MaskStrides strides;
  Floats query, key, value, output, mask;

  Problem(Shape s, Masking masking, MaskStrides strides = {0, 0, 0, 0})
      : shape(s), masking(masking), strides(strides), query(randomFloats(s.batch * s.queries * s.heads * s.depth, 1)),
        key(randomFloats(s.batch * s.keys * s.keyHeads * s.depth, 2)),
        value(randomFloats(s.batch * s.keyHeads * s.keys * s.valueDepth, 3)),
        output(s.batch * s.heads * s.queries * s.valueDepth, -7),
        mask(randomFloats(s.batch * s.heads * s.queries * s.keys + 1, 4)) {
    for (size_t i = 0; i < query.size(); ++i)
      query[i] *= 8; // weights that differ much
  }

  float &queryAt(int64_t b, int64_t h, int64_t q, int64_t d) {
    return query[((b * shape.queries + q) * shape.heads + h) * shape.depth + d];
  }
  float maskAt(int64_t b, int64_t h, int64_t q, int64_t k) const {
    return mask[b * strides.batch + h * strides.head + q * strides.query + k * strides.key];
  }

  int64_t seenBy(int64_t b, int64_t q) const {
    int64_t length = masking == Masking::Lengths ? std::min(b * strides.batch, shape.keys) : shape.keys;
    if (masking == Masking::Causal || masking == Masking::Lengths)
      return std::clamp<int64_t>(q + length - shape.queries + 1, 0, length);
    return length;
  }

  void run(const CpuTarget &target, const CompiledKernel &kernel);
  void expect(double tolerance);
};

} // namespace

void Problem::run(const CpuTarget &target, const CompiledKernel &kernel) {
  DialectRegistry registry;
  registerKernelDialects(registry);
  MLIRContext context(registry);
  context.loadAllAvailableDialects();
  OpBuilder b(&context);
  Location loc = b.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  b.setInsertionPointToEnd(module->getBody());
  auto index = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, loc, value); };
  LaunchRange range =
      attentionRange(b, loc, target, attentionTiles(target),
                     {index(shape.batch), index(shape.heads), index(shape.keyHeads), index(shape.queries),
                      index(shape.keys), index(shape.depth), index(shape.valueDepth)});
  auto number = [](Value value) {
    APInt result;
    EXPECT_TRUE(matchPattern(value, m_ConstantInt(&result)));
    return result.getSExtValue();
  };
  ASSERT_GE(number(range.grain), 1);
  Floats scratch(number(range.scratchBytes) / sizeof(float), NAN);
  void *buffers[] = {query.get(), key.get(), value.get(), output.get(), mask.get()};
  int64_t sizes[] = {shape.batch,   shape.heads,  shape.keyHeads, shape.queries, shape.keys,
                     strides.batch, strides.head, strides.query,  strides.key};
  int64_t count = number(range.count), middle = count / 3;
  kernel.run(buffers, sizes, middle, count, scratch.get());
  kernel.run(buffers, sizes, 0, middle, scratch.get());
  EXPECT_TRUE(output.guardIntact());
  EXPECT_TRUE(scratch.guardIntact());
}

void Problem::expect(double tolerance) {
  auto [batch, heads, keyHeads, queries, keys, depth, valueDepth] = shape;
  int wrong = 0;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t q = 0; q < queries; ++q) {
        int64_t keyHead = h / (heads / keyHeads);
        int64_t visible = seenBy(b, q);
        std::vector<double> weights(visible);
        double maximum = -std::numeric_limits<double>::infinity(), sum = 0;
        for (int64_t k = 0; k < visible; ++k) {
          double score = 0;
          for (int64_t d = 0; d < depth; ++d)
            score += double(queryAt(b, h, q, d)) * key[((b * keys + k) * keyHeads + keyHead) * depth + d];
          score /= std::sqrt(double(depth));
          if (masking == Masking::Added)
            score = static_cast<float>(score + maskAt(b, h, q, k)); // a huge mask swallows the score only in f32
          weights[k] = score;
          maximum = std::max(maximum, score);
        }
        for (double &weight : weights)
          sum += weight = std::exp(weight - maximum);
        for (int64_t d = 0; d < valueDepth; ++d) {
          double exact = 0; // if no key is seen
          for (int64_t k = 0; k < visible; ++k)
            exact += weights[k] / sum * value[((b * keyHeads + keyHead) * keys + k) * valueDepth + d];
          float actual = output[((b * heads + h) * queries + q) * valueDepth + d];
          bool right = std::isnan(exact) ? std::isnan(actual) : std::fabs(actual - exact) <= tolerance;
          if (!right && ++wrong <= 3)
            ADD_FAILURE() << "batch " << b << " head " << h << " query " << q << " depth " << d << ": " << actual
                          << " instead of " << exact;
        }
      }
  EXPECT_EQ(wrong, 0);
}

static const int64_t sequences[][2] = {{1, 1},   {1, 2},     {5, 13}, {16, 16}, {17, 65}, {65, 17}, {128, 128},
                                       {1, 600}, {130, 600}, {0, 5},  {5, 0},   {3, 256}, {70, 513}};

TEST(AttentionTest, SizesAndHeads) {
  for (const CpuTarget *target : runnableTargets())
    for (auto [depth, valueDepth] : {std::pair<int64_t, int64_t>{32, 32}, {64, 80}, {13, 5}, {128, 16}}) {
      std::unique_ptr<CompiledKernel> kernel = compile(*target, Masking::None, depth, valueDepth);
      EXPECT_EQ(spillsInTiles(kernel->assembly()), 0) << target->name();
      for (auto [queries, keys] : sequences)
        for (auto [heads, keyHeads] : {std::pair<int64_t, int64_t>{3, 3}, {4, 2}}) {
          SCOPED_TRACE(testing::Message() << target->name() << " queries " << queries << " keys " << keys << " depth "
                                          << depth << " heads " << heads);
          Problem problem({2, heads, keyHeads, queries, keys, depth, valueDepth}, Masking::None);
          problem.run(*target, *kernel);
          problem.expect(5e-6);
        }
    }
}

TEST(AttentionTest, CausalSeesEarlierKeysOnly) {
  for (const CpuTarget *target : runnableTargets()) {
    std::unique_ptr<CompiledKernel> kernel = compile(*target, Masking::Causal, 32, 32);
    for (auto [queries, keys] : sequences) {
      SCOPED_TRACE(testing::Message() << target->name() << " queries " << queries << " keys " << keys);
      Problem problem({1, 2, 1, queries, keys, 32, 32}, Masking::Causal);
      problem.run(*target, *kernel);
      problem.expect(5e-6);
    }
  }
}

TEST(AttentionTest, RowsOfABatchHaveLengths) {
  for (const CpuTarget *target : runnableTargets()) {
    std::unique_ptr<CompiledKernel> kernel = compile(*target, Masking::Lengths, 32, 32);
    for (auto [queries, keys] : sequences)
      for (int64_t step : {1, 7, 300}) {
        SCOPED_TRACE(testing::Message() << target->name() << " queries " << queries << " keys " << keys
                                        << " lengths 0, " << step << ", …");
        Problem problem({4, 4, 2, queries, keys, 32, 32}, Masking::Lengths, {step, 0, 0, 0});
        // What lies behind a row's end is not read.
        for (int64_t b = 0; b < 4; ++b)
          for (int64_t k = std::min(b * step, keys); k < keys; ++k)
            for (int64_t i = 0; i < 2 * 32; ++i) {
              problem.key[(b * keys + k) * 2 * 32 + i] = NAN;
              problem.value[((b * 2 + i / 32) * keys + k) * 32 + i % 32] = NAN;
            }
        problem.run(*target, *kernel);
        problem.expect(5e-6);
      }
  }
}

TEST(AttentionTest, Masks) {
  for (const CpuTarget *target : runnableTargets()) {
    std::unique_ptr<CompiledKernel> kernel = compile(*target, Masking::Added, 32, 32);
    for (auto [queries, keys] : sequences)
      for (MaskStrides strides : {MaskStrides{2 * queries * keys, queries * keys, keys, 1}, MaskStrides{keys, 0, 0, 1},
                                  MaskStrides{0, 0, keys, 1}, MaskStrides{0, 0, 1, 0}, MaskStrides{0, 0, 0, 0}}) {
        SCOPED_TRACE(testing::Message() << target->name() << " queries " << queries << " keys " << keys
                                        << " mask strides " << strides.batch << " " << strides.head << " "
                                        << strides.query << " " << strides.key);
        Problem problem({2, 2, 2, queries, keys, 32, 32}, Masking::Added, strides);
        for (size_t i = 0; i < problem.mask.size(); i += 3)
          problem.mask[i] = i % 2 ? -Infinity : -3.4e38f;
        problem.run(*target, *kernel);
        problem.expect(5e-6);
      }
  }
}

TEST(AttentionTest, FullyMaskedRows) {
  for (const CpuTarget *target : runnableTargets()) {
    std::unique_ptr<CompiledKernel> kernel = compile(*target, Masking::Added, 32, 32);
    for (int64_t keys : {5, 16, 300, 1100}) {
      SCOPED_TRACE(testing::Message() << target->name() << " keys " << keys);
      Problem problem({1, 1, 1, 6, keys, 32, 32}, Masking::Added, {0, 0, keys, 1});
      // Row 0: all -inf (NaN). 1: all the same huge value (mean). 2: -inf but for the last key. 3: -inf but for the
      // first. 4: +inf.
      for (int64_t k = 0; k < keys; ++k) {
        problem.mask[k] = -Infinity;
        problem.mask[keys + k] = -3.4e38f;
        problem.mask[2 * keys + k] = k == keys - 1 ? 0 : -Infinity;
        problem.mask[3 * keys + k] = k == 0 ? 0 : -Infinity;
      }
      problem.mask[4 * keys + keys / 2] = Infinity;
      problem.run(*target, *kernel);
      problem.expect(5e-6);
      EXPECT_TRUE(std::isnan(problem.output[0]));
      EXPECT_FALSE(std::isnan(problem.output[32]));
    }
  }
}

TEST(AttentionTest, GuardedRowsWithoutSoftmaxGiveZero) {
  for (const CpuTarget *target : runnableTargets()) {
    std::unique_ptr<CompiledKernel> kernel = compile(*target, Masking::Added, 32, 32, /*guarded=*/true);
    std::unique_ptr<CompiledKernel> plain = compile(*target, Masking::Added, 32, 32);
    for (int64_t keys : {5, 300, 1100}) {
      SCOPED_TRACE(testing::Message() << target->name() << " keys " << keys);
      Shape shape = {1, 1, 1, 6, keys, 32, 32};
      Problem guarded(shape, Masking::Added, {0, 0, keys, 1}), same(shape, Masking::Added, {0, 0, keys, 1});
      // Row 0: all -inf. 1: all the same huge value. 2: -inf but for the last key. 3: NaN. 4: +inf.
      for (Problem *problem : {&guarded, &same}) {
        for (int64_t k = 0; k < keys; ++k) {
          problem->mask[k] = -Infinity;
          problem->mask[keys + k] = -3.4e38f;
          problem->mask[2 * keys + k] = k == keys - 1 ? 0 : -Infinity;
        }
        problem->mask[3 * keys] = NAN;
        problem->mask[4 * keys + keys / 2] = Infinity;
      }
      guarded.run(*target, *kernel);
      same.run(*target, *plain);
      for (int64_t row = 0; row < 6; ++row)
        for (int64_t d = 0; d < 32; ++d) {
          bool isUndefined = row == 0 || row == 3 || row == 4;
          EXPECT_EQ(std::isnan(same.output[row * 32 + d]), isUndefined) << "row " << row;
          EXPECT_EQ(guarded.output[row * 32 + d], isUndefined ? 0 : same.output[row * 32 + d]) << "row " << row;
        }
    }
  }
}

TEST(AttentionTest, NanGivesNan) {
  for (const CpuTarget *target : runnableTargets()) {
    std::unique_ptr<CompiledKernel> kernel = compile(*target, Masking::None, 32, 32);
    Problem problem({1, 2, 2, 20, 700, 32, 32}, Masking::None);
    problem.queryAt(0, 1, 7, 3) = NAN;
    problem.key[(650 * 2 + 0) * 32] = NAN; // head 0, in a later block: every row
    problem.run(*target, *kernel);
    problem.expect(5e-6);
    EXPECT_TRUE(std::isnan(problem.output[0]));
    EXPECT_TRUE(std::isnan(problem.output[(20 + 7) * 32]));
    EXPECT_FALSE(std::isnan(problem.output[(20 + 8) * 32]));
  }
}
