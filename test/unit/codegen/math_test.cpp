// Accuracy of the elementary functions.
//
// Every function of Math.h against f64 libm, as a loop that LLVM vectorises and as explicit vectors.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "test/unit/codegen/KernelHarness.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

using namespace hone;
using namespace mlir;

namespace {
using Emit = Value (*)(OpBuilder &, Location, Value);

struct Function {
  const char *name;
  Emit emit;
  double (*exact)(double);
  float low, high; ///< range of the random arguments
  double ulps;     ///< allowed
};
} // namespace

static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

static const Function functions[] = {
    {"exp", emitExp, std::exp, -104, 89, 1.1},
    {"exp, not positive", emitExpNonPositive, std::exp, -87.3, 0, 1},
    {"exp, small", emitExp, std::exp, -1, 1, 1.1},
    {"exp2", emitExp2, std::exp2, -150, 129, 1.5},
    {"expm1", emitExpm1, std::expm1, -20, 89, 2},
    {"expm1, small", emitExpm1, std::expm1, -1, 1, 2},
    {"log", emitLog, std::log, 0, 3e38, 1.5},
    {"log, near 1", emitLog, std::log, 0.5, 2, 1.5},
    {"log, denormal", emitLog, std::log, 0, 1e-38, 1.5},
    {"log2", emitLog2, std::log2, 0, 1e6, 2},
    {"log2, near 1", emitLog2, std::log2, 0.5, 2, 2},
    {"log10", emitLog10, std::log10, 0, 1e6, 2},
    {"log10, near 1", emitLog10, std::log10, 0.5, 2, 2},
    {"log1p", emitLog1p, std::log1p, -1, 1, 2},
    {"log1p, large", emitLog1p, std::log1p, -1, 1e9, 2},
    {"sigmoid", emitSigmoid, sigmoid, -104, 104, 3},
    {"sigmoid, small", emitSigmoid, sigmoid, -5, 5, 3},
    {"tanh", emitTanh, std::tanh, -10, 10, 3},
    {"tanh, small", emitTanh, std::tanh, -0.5, 0.5, 3},
    {"erf", emitErf, std::erf, -5, 5, 2},
    {"erf, small", emitErf, std::erf, -1, 1, 2},
    {"sin", emitSin, std::sin, -100, 100, 1},
    {"sin, large", emitSin, std::sin, -1e9, 1e9, 1},
    {"cos", emitCos, std::cos, -100, 100, 1},
    {"cos, large", emitCos, std::cos, -1e9, 1e9, 1},
    {"tan", emitTan, std::tan, -100, 100, 1},
    {"asin", emitAsin, std::asin, -1, 1, 3},
    {"acos", emitAcos, std::acos, -1, 1, 3},
    {"atan", emitAtan, std::atan, -10, 10, 3},
    {"atan, large", emitAtan, std::atan, -1e9, 1e9, 3},
    {"sinh", emitSinh, std::sinh, -90, 90, 3},
    {"sinh, small", emitSinh, std::sinh, -1.5, 1.5, 3},
    {"cosh", emitCosh, std::cosh, -90, 90, 3},
    {"asinh", emitAsinh, std::asinh, -10, 10, 4},
    {"asinh, large", emitAsinh, std::asinh, -3e38, 3e38, 4},
    {"acosh", emitAcosh, std::acosh, 1, 10, 4},
    {"acosh, large", emitAcosh, std::acosh, 1, 3e38, 4},
    {"atanh", emitAtanh, std::atanh, -1, 1, 4},
};

/// Applies `emit` to n elements: in a scalar loop, or on vectors of the target's width (n a multiple of it).
static CompiledKernel compile(const CpuTarget &target, Emit emit, bool vectors) {
  return CompiledKernel(target, 2, 0, [&](OpBuilder &b, Location loc, KernelBody &body) {
    Value x = flatView(b, loc, body.buffers[0]), y = flatView(b, loc, body.buffers[1]);
    Value step = arith::ConstantIndexOp::create(b, loc, vectors ? target.lanes : 1);
    auto loop = scf::ForOp::create(b, loc, body.begin, body.end, step);
    if (!vectors)
      annotateVectorLoop(loop, 2);
    b.setInsertionPointToStart(loop.getBody());
    Value i = loop.getInductionVar();
    if (vectors) {
      auto type = VectorType::get({target.lanes}, b.getF32Type());
      Value result = emit(b, loc, vector::LoadOp::create(b, loc, type, x, i));
      vector::StoreOp::create(b, loc, result, y, i);
    } else {
      memref::StoreOp::create(b, loc, emit(b, loc, memref::LoadOp::create(b, loc, x, i)), y, i);
    }
  });
}

/// Distance in units of the last place of the f32 nearest to `exact`.
static double ulps(float actual, double exact) {
  float nearest = static_cast<float>(exact);
  if (std::isnan(exact) || std::isinf(nearest) || std::isnan(actual) || std::isinf(actual))
    return (std::isnan(exact) && std::isnan(actual)) || actual == nearest ? 0 : 1e9;
  int exponent;
  std::frexp(nearest, &exponent);
  return std::fabs(actual - exact) / std::ldexp(1.0, std::max(exponent, -125) - 24);
}

class MathTest : public testing::TestWithParam<Function> {};

TEST_P(MathTest, MatchesLibm) {
  const Function &function = GetParam();
  constexpr size_t count = 1 << 20;
  Floats x = randomFloats(count, 1), y(count);
  for (size_t i = 0; i < count; ++i)
    x[i] = function.low + (x[i] + 1) / 2 * (function.high - function.low);
  const float infinity = std::numeric_limits<float>::infinity();
  const float special[] = {0.0f,      -0.0f,   1.0f,   -1.0f, 1e-42f,   -1e-42f,   1e-20f, -1e-20f,    infinity,
                           -infinity, 3e38f,   -3e38f, NAN,   -NAN,     0.5f,      -0.5f,  88.7f,      -88.7f,
                           128.0f,    -126.0f, 1.5f,   -1.5f, 1.57080f, -2.41422f, 0.93f,  16777216.0f};
  std::copy(std::begin(special), std::end(special), x.get());
  uint32_t payload = 0x7fc12345;
  std::memcpy(&x[std::size(special)], &payload, 4);

  for (const CpuTarget *target : runnableTargets())
    for (bool vectors : {false, true}) {
      SCOPED_TRACE(target->name() + (vectors ? ", vectors" : ", scalar loop"));
      CompiledKernel kernel = compile(*target, function.emit, vectors);
      kernel.run({x.get(), y.get()}, {}, 0, count);
      EXPECT_TRUE(y.guardIntact());
      double worst = 0;
      float where = 0;
      for (size_t i = 0; i < count; ++i) {
        if (std::fabs(x[i]) > 1e15f &&
            (function.emit == emitSin || function.emit == emitCos || function.emit == emitTan))
          continue;
        // Neither for what is above 0, nor for denormal results, which are 0.
        if (function.emit == emitExpNonPositive && (x[i] > 0 || (x[i] < -87.3f && x[i] > -104)))
          continue;
        double exact = function.exact(x[i]);
        double distance = ulps(y[i], exact);
        if (distance > worst)
          worst = distance, where = x[i];
        if (exact == 0) {
          EXPECT_EQ(std::signbit(y[i]), std::signbit(exact)) << "at " << x[i];
        }
      }
      EXPECT_LE(worst, function.ulps) << function.name << " at " << where;
      RecordProperty("ulps", std::to_string(worst));
    }
}

INSTANTIATE_TEST_SUITE_P(All, MathTest, testing::ValuesIn(functions));
