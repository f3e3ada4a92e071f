// Random programs, compiled and run, against the reference.
//
// An element may differ by what rounding can make of it: the reference is run again with noise in its float results,
// and how far these runs differ is the measure. Elements that noise moves over a jump (a floor, a comparison) say
// nothing.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/IR/Verifier.h"
#include "test/unit/reference/Generator.h"
#include "test/unit/reference/Harness.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace hone;

static llvm::Expected<std::vector<char>> noFiles(WeightOp weight) {
  return llvm::createStringError("weight '" + weight.getSymName() + "' is in a file");
}

/// Moves floats by some units in the last place, their own or, with `ofOne`, also those of 1.
static void addNoise(HostTensor &tensor, bool ofOne, std::mt19937_64 &random) {
  visitType(tensor.element, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>)
      for (T &x : tensor.as<T>()) {
        T noise = T(4 + random() % 5) * std::numeric_limits<T>::epsilon() * T(random() % 2 ? 1 : -1);
        x += x * noise + (ofOne ? noise : T(0));
      }
  });
}

/// Ops that add up, so that rounding is measured by their operands.
static bool addsUp(Operation *op) {
  return isa<AddOp, SubOp, ReduceOp, CumSumOp, MatmulOp, ConvOp, PoolOp, ResizeOp, AttentionOp, SoftmaxOp, LayerNormOp,
             RmsNormOp, ScatterElementsOp, ScatterNDOp>(op);
}

/// Ops whose formulas take from 1, or see an argument modulo 2π, so that small results are as exact as 1 is.
static bool isRelativeToOne(Operation *op) { return isa<GeluOp, SoftmaxOp, SinOp, CosOp, ModOp>(op); }

/// As evaluateFunction, with noise behind every op that computes and before those that add up.
static std::vector<HostTensor> evaluateWithNoise(func::FuncOp main, ArrayRef<HostTensor> inputs, uint64_t seed) {
  std::mt19937_64 random(seed);
  auto results = evaluateFunction(main, inputs, noFiles, [&](Value value, HostTensor &tensor) {
    Operation *op = value.getDefiningOp();
    bool isComputed = op && !isa<UseWeightOp, ConstantOp>(op);
    if (isComputed || llvm::any_of(value.getUsers(), addsUp))
      addNoise(tensor, isComputed && isRelativeToOne(op), random);
  });
  if (!results) { // an index that noise moved outside
    llvm::consumeError(results.takeError());
    return {};
  }
  return std::move(*results);
}

/// A copy of a program in which products read factors that were converted before, so that these get noise.
static OwningOpRef<ModuleOp> withWideFactors(ModuleOp original) {
  OwningOpRef<ModuleOp> module(original.clone());
  OpBuilder builder(module->getContext());
  module->walk([&](MatmulOp matmul) {
    builder.setInsertionPoint(matmul);
    Type element = elementTypeOf(matmul.getOutput());
    for (OpOperand &factor : matmul->getOpOperands())
      if (auto type = cast<RankedTensorType>(factor.get().getType()); type.getElementType() != element)
        factor.set(CastOp::create(builder, matmul.getLoc(), type.clone(element), factor.get()));
  });
  return module;
}

/// What is wrong with `got`, or nothing. `noisy` are the same results of other runs.
static std::string compare(const HostTensor &got, const HostTensor &wanted, ArrayRef<const HostTensor *> noisy) {
  if (got.dims != wanted.dims)
    return "it has other dims";
  bool isFloat = isa<FloatType>(wanted.element);
  double ulp = wanted.element.isF64() ? 1e-14 : 1e-6, tiny = wanted.element.isF64() ? 1e-300 : 1e-36;
  for (int64_t i = 0; i < wanted.count(); ++i) {
    double x = got.number(i), y = wanted.number(i), spread = 0;
    bool isStable = true;
    for (const HostTensor *other : noisy) {
      double z = other->number(i);
      isStable &= isFloat ? std::isfinite(z) == std::isfinite(y) && std::isnan(z) == std::isnan(y)
                          : other->integer(i) == wanted.integer(i);
      spread = std::max(spread, std::abs(z - y));
    }
    bool isRight = !isFloat ? got.integer(i) == wanted.integer(i)
                            : (std::isnan(x) && std::isnan(y)) || x == y ||
                                  std::abs(x - y) <= 4 * spread + ulp * std::abs(y) + tiny;
    if (isStable && !isRight)
      return (llvm::Twine("element ") + llvm::Twine(i) +
              llvm::formatv(" is {0:e8} instead of {1:e8}, ± {2:e1}", x, y, spread))
          .str();
  }
  return {};
}

static std::string print(const HostTensor &tensor) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << tensor.element << " [";
  llvm::interleaveComma(tensor.dims, stream);
  stream << "]:";
  for (int64_t i = 0; i < std::min<int64_t>(tensor.count(), 64); ++i)
    stream << ' ' << tensor.number(i);
  return text;
}

/// What is wrong with the program of this seed, or nothing.
static std::string tryProgram(uint64_t seed) {
  std::string diagnostics;
  std::unique_ptr<MLIRContext> context = makeContext(diagnostics);
  Generator program(context.get(), seed);
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << *program.module;
  for (auto [i, input] : llvm::enumerate(program.inputs))
    stream << "input " << i << ": " << print(input) << '\n';
  llvm::PrettyStackTraceFormat trace("program of seed %llu\n%s", (unsigned long long)seed, text.c_str());
  if (!program.problem.empty())
    return text + "shape functions and reference disagree: " + program.problem;
  if (failed(verify(*program.module)))
    return text + "is not valid: " + diagnostics;

  auto wanted = evaluateFunction(program.main, program.inputs, noFiles);
  if (!wanted)
    return text + "the reference fails: " + llvm::toString(wanted.takeError());
  auto compiled = CompiledModule::compile(*program.module, seed % 2 ? "host" : "x86-64-v3");
  if (!compiled)
    return text + "does not compile: " + llvm::toString(compiled.takeError()) + diagnostics;
  auto got = compiled->run(program.inputs, program.main.getResultTypes());
  if (!got)
    return text + "does not run: " + llvm::toString(got.takeError());
  std::vector<std::vector<HostTensor>> noisy;
  OwningOpRef<ModuleOp> wide = withWideFactors(*program.module);
  auto main = wide->lookupSymbol<func::FuncOp>("main");
  for (uint64_t i = 0; i < 6; ++i)
    if (auto results = evaluateWithNoise(main, program.inputs, seed + i); !results.empty())
      noisy.push_back(std::move(results));
  for (size_t i = 0; i < wanted->size(); ++i) {
    SmallVector<const HostTensor *> others;
    for (auto &results : noisy)
      others.push_back(&results[i]);
    std::string wrong = compare((*got)[i], (*wanted)[i], others);
    if (!wrong.empty())
      return text + "result " + std::to_string(i) + ": " + wrong + "\ngot    " + print((*got)[i]) + "\nwanted " +
             print((*wanted)[i]);
  }
  return {};
}

static uint64_t numberOf(const char *variable, uint64_t otherwise) {
  const char *text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// HONE_FUZZ_SEED is the first program, HONE_FUZZ_PROGRAMS how many there are.
TEST(Fuzz, CompiledProgramsMeanWhatTheReferenceSays) {
  llvm::EnablePrettyStackTrace();
  uint64_t first = numberOf("HONE_FUZZ_SEED", 1), count = numberOf("HONE_FUZZ_PROGRAMS", 150);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    std::string wrong = tryProgram(seed);
    if (!wrong.empty())
      ADD_FAILURE() << "program of HONE_FUZZ_SEED=" << seed << ":\n" << wrong;
  }
}
