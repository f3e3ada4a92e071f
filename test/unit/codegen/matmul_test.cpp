// The matmul family against sums in f64.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/Matmul.h"
#include "compiler/codegen/cpu/Tile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Matchers.h"
#include "test/unit/codegen/KernelHarness.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace hone;
using namespace mlir;

namespace {

struct Sizes {
  int64_t m, n, k;
};

/// Which kernel.
struct Variant {
  MatmulRight right;
  bool epilogue;      ///< C = max(A x B + bias[n], 0)
  bool batched;       ///< A and C have 3 entries, B is shared by them
  unsigned bits = 32; ///< of an element
};

struct RangeNumbers {
  int64_t count, grain, scratchBytes;
};

constexpr int64_t BatchEntries = 3;
/// Rows of A and C have this many elements more than needed.
constexpr int64_t Padding = 3;

} // namespace

static VectorType registerOf(MLIRContext *context, const CpuTarget &target, const Variant &variant) {
  Builder b(context);
  return vectorRegister(target, variant.bits == 64 ? Type(b.getF64Type()) : b.getF32Type());
}

/// Folds matmulRange for known sizes.
static RangeNumbers rangeOf(const CpuTarget &target, Sizes sizes, const Variant &variant) {
  DialectRegistry registry;
  registerKernelDialects(registry);
  MLIRContext context(registry);
  context.loadAllAvailableDialects();
  OpBuilder b(&context);
  Location loc = b.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  b.setInsertionPointToEnd(module->getBody());
  auto index = [&](int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); };
  MatmulShape shape = {index(sizes.m), index(sizes.n), index(sizes.k),
                       variant.batched ? Value(index(BatchEntries)) : Value()};
  VectorType vector = registerOf(&context, target, variant);
  LaunchRange range = matmulRange(b, loc, vector, matmulTiles(target), shape, variant.right, variant.epilogue);
  auto number = [](Value value) {
    APInt result;
    EXPECT_TRUE(matchPattern(value, m_ConstantInt(&result)));
    return result.getSExtValue();
  };
  return {number(range.count), number(range.grain), number(range.scratchBytes)};
}

/// Buffers a, b, bias, c; sizes m, n, k, row strides of a, b, c. With `fixed`, N and K are constants.
static std::unique_ptr<CompiledKernel> compile(const CpuTarget &target, const Variant &variant,
                                               const Sizes *fixed = nullptr) {
  auto build = [&](OpBuilder &b, Location loc, KernelBody &body) {
    VectorType vector = registerOf(b.getContext(), target, variant);
    MatmulTiles tiles = matmulTiles(target);
    auto index = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, loc, value); };
    MatmulOperands operands;
    operands.right = variant.right;
    operands.a = body.buffers[0];
    operands.b = body.buffers[1];
    operands.shape = {body.sizes[0], body.sizes[1], body.sizes[2], {}};
    operands.aRowStride = body.sizes[3];
    operands.bRowStride = body.sizes[4];
    if (fixed) {
      operands.shape.n = index(fixed->n);
      operands.shape.k = index(fixed->k);
    }
    Value aEntry = arith::MulIOp::create(b, loc, body.sizes[0], body.sizes[3]);
    Value cEntry = arith::MulIOp::create(b, loc, body.sizes[0], body.sizes[5]);
    Value zero = index(0);
    if (variant.batched) {
      operands.shape.batch = index(BatchEntries);
      operands.offsets = [&](OpBuilder &b, Location loc, Value batch) -> MatmulOffsets {
        return {arith::MulIOp::create(b, loc, batch, aEntry), zero, arith::MulIOp::create(b, loc, batch, cEntry)};
      };
    }
    operands.begin = body.begin;
    operands.end = body.end;
    operands.scratch = body.scratch;
    Value bias = flatView(b, loc, body.buffers[2]), c = flatView(b, loc, body.buffers[3]);
    auto epilogue = [&](OpBuilder &b, Location loc, Value batch, Value row, Value column, Value sum) {
      Value add = memref::LoadOp::create(b, loc, bias, column);
      Value value = arith::AddFOp::create(b, loc, sum, add);
      Value zero = arith::ConstantOp::create(b, loc, b.getFloatAttr(vector.getElementType(), 0));
      Value negative = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, value, zero);
      value = arith::SelectOp::create(b, loc, negative, zero, value);
      Value at = arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, row, body.sizes[5]), column);
      if (batch)
        at = arith::AddIOp::create(b, loc, at, arith::MulIOp::create(b, loc, batch, cEntry));
      memref::StoreOp::create(b, loc, value, c, at);
    };
    if (variant.epilogue)
      buildMatmul(b, loc, vector, tiles, operands, epilogue);
    else
      buildMatmul(b, loc, vector, tiles, operands, MatmulResult{body.buffers[3], body.sizes[5]});
  };
  return std::make_unique<CompiledKernel>(target, 4, 6, build, variant.bits);
}

template <typename T>
static void checkFloats(const CpuTarget &target, const CompiledKernel &kernel, const Variant &variant, Sizes sizes) {
  SCOPED_TRACE(testing::Message() << target.name() << " m " << sizes.m << " n " << sizes.n << " k " << sizes.k);
  auto [m, n, k] = sizes;
  int64_t entries = variant.batched ? BatchEntries : 1;
  int64_t aStride = k + Padding, cStride = n + Padding;
  int64_t bStride = (variant.right == MatmulRight::Transposed ? k : n) + Padding;
  Memory<T> a = randomFloats<T>(entries * m * aStride, 1), bias = randomFloats<T>(n, 2);
  Memory<T> right = randomFloats<T>(variant.right == MatmulRight::Transposed ? n * bStride : k * bStride, 3);
  auto rightAt = [&](int64_t i, int64_t j) {
    return variant.right == MatmulRight::Transposed ? right[j * bStride + i] : right[i * bStride + j];
  };
  MLIRContext context;
  VectorType vector = registerOf(&context, target, variant);
  int64_t panel = matmulTiles(target).panelColumns(vector), panels = (n + panel - 1) / panel;
  Memory<T> packed(variant.right == MatmulRight::Packed ? panels * k * panel : 0);
  if (variant.right == MatmulRight::Packed)
    for (int64_t i = 0; i < panels * k * panel; ++i) {
      int64_t row = i / panel % k, column = i / (panel * k) * panel + i % panel;
      packed[i] = column < n ? rightAt(row, column) : 0;
    }
  RangeNumbers range = rangeOf(target, sizes, variant);
  ASSERT_GE(range.grain, 1);
  Memory<T> scratch((range.scratchBytes + sizeof(T) - 1) / sizeof(T), NAN), c(entries * m * cStride, -7);
  void *buffers[] = {a.get(), variant.right == MatmulRight::Packed ? packed.get() : right.get(), bias.get(), c.get()};
  int64_t numbers[] = {m, n, k, aStride, bStride, cStride};
  // In two parts, the later first.
  int64_t middle = range.count / 3;
  kernel.run(buffers, numbers, middle, range.count, scratch.get());
  kernel.run(buffers, numbers, 0, middle, scratch.get());

  EXPECT_TRUE(c.guardIntact());
  EXPECT_TRUE(scratch.guardIntact());
  int wrong = 0;
  std::vector<double> exact(cStride);
  for (int64_t row = 0; row < entries * m; ++row) {
    std::fill(exact.begin(), exact.end(), 0.0);
    for (int64_t l = 0; l < k; ++l) {
      double left = a[row * aStride + l];
      for (int64_t j = 0; j < n; ++j)
        exact[j] += left * rightAt(l, j);
    }
    for (int64_t j = 0; j < n && variant.epilogue; ++j)
      exact[j] = std::max(exact[j] + bias[j], 0.0);
    std::fill(exact.begin() + n, exact.end(), -7.0); // the padding stays as it was
    for (int64_t j = 0; j < cStride; ++j) {
      T actual = c[row * cStride + j];
      if (!(std::fabs(actual - exact[j]) <= 8 * std::numeric_limits<T>::epsilon() * (k + 1)) && ++wrong <= 3)
        ADD_FAILURE() << "row " << row << " column " << j << ": " << actual << " instead of " << exact[j];
    }
  }
  EXPECT_EQ(wrong, 0);
}

static void check(const CpuTarget &target, const CompiledKernel &kernel, const Variant &variant, Sizes sizes) {
  (variant.bits == 64 ? checkFloats<double> : checkFloats<float>)(target, kernel, variant, sizes);
}

static const int64_t rowCounts[] = {0, 1, 2, 3, 5, 6, 7, 13, 16, 65, 97, 128, 200};
static const Sizes columnsAndDepths[] = {{0, 0, 5},     {0, 1, 1},    {0, 2, 0},     {0, 5, 7},
                                         {0, 16, 16},   {0, 64, 64},  {0, 65, 127},  {0, 127, 13},
                                         {0, 128, 384}, {0, 384, 65}, {0, 1000, 33}, {0, 70, 1536}};

class MatmulTest : public testing::TestWithParam<Variant> {};

TEST_P(MatmulTest, DynamicSizes) {
  for (const CpuTarget *target : runnableTargets()) {
    std::unique_ptr<CompiledKernel> kernel = compile(*target, GetParam());
    EXPECT_EQ(spillsInTiles(kernel->assembly()), 0) << target->name();
    for (int64_t m : rowCounts)
      for (Sizes sizes : columnsAndDepths)
        check(*target, *kernel, GetParam(), {m, sizes.n, sizes.k});
  }
}

TEST_P(MatmulTest, StaticSizes) {
  for (const CpuTarget *target : runnableTargets())
    for (Sizes sizes : {Sizes{0, 384, 384}, Sizes{0, 1003, 767}}) {
      std::unique_ptr<CompiledKernel> kernel = compile(*target, GetParam(), &sizes);
      EXPECT_EQ(spillsInTiles(kernel->assembly()), 0) << target->name();
      for (int64_t m : {1, 2, 6, 16, 61})
        check(*target, *kernel, GetParam(), {m, sizes.n, sizes.k});
    }
}

INSTANTIATE_TEST_SUITE_P(
    All, MatmulTest,
    testing::Values(Variant{MatmulRight::Packed, false, false}, Variant{MatmulRight::Packed, true, false},
                    Variant{MatmulRight::Packed, true, true}, Variant{MatmulRight::RowMajor, false, true},
                    Variant{MatmulRight::RowMajor, true, false}, Variant{MatmulRight::Transposed, false, true},
                    Variant{MatmulRight::Transposed, true, false}, Variant{MatmulRight::Packed, false, false, 64},
                    Variant{MatmulRight::Packed, true, true, 64}, Variant{MatmulRight::RowMajor, false, true, 64},
                    Variant{MatmulRight::Transposed, true, false, 64}));
