// Lowering, kernel entries, objects, targets.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/MLIRContext.h"
#include "test/unit/codegen/KernelHarness.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <thread>

using namespace hone;
using namespace mlir;

using Scalar = llvm::function_ref<Value(OpBuilder &, Location, Value)>;

/// y[i] = f(x[i]) for i in [begin, end), vectorised by LLVM.
static void writeMap(OpBuilder &b, Location loc, KernelBody &body, Scalar f) {
  Value x = flatView(b, loc, body.buffers[0]), y = flatView(b, loc, body.buffers[1]);
  auto loop = scf::ForOp::create(b, loc, body.begin, body.end, arith::ConstantIndexOp::create(b, loc, 1));
  annotateVectorLoop(loop);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value i = loop.getInductionVar();
  memref::StoreOp::create(b, loc, f(b, loc, memref::LoadOp::create(b, loc, x, i)), y, i);
}

static CompiledKernel compileMap(const CpuTarget &target, Scalar f) {
  return CompiledKernel(target, 2, 0, [&](OpBuilder &b, Location loc, KernelBody &body) { writeMap(b, loc, body, f); });
}

static Value sigmoidProduct(OpBuilder &b, Location loc, Value x) {
  return arith::MulFOp::create(b, loc, x, emitSigmoid(b, loc, x));
}

/// x rounded to the nearest bf16, ties to even.
static float roundToBrainFloat(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
  std::memcpy(&x, &bits, 4);
  return x;
}

TEST(LowerTest, EntryHandsOnTheContext) {
  CompiledKernel kernel(*runnableTargets().front(), 2, 2, [](OpBuilder &b, Location loc, KernelBody &body) {
    auto store = [&](Value index, Value pointer, int64_t at) {
      Value number = arith::IndexCastOp::create(b, loc, b.getI64Type(), index);
      number = arith::SIToFPOp::create(b, loc, b.getF32Type(), number);
      Value position = arith::ConstantIndexOp::create(b, loc, at);
      memref::StoreOp::create(b, loc, number, flatView(b, loc, pointer), position);
    };
    store(body.sizes[0], body.buffers[0], 0);
    store(body.sizes[1], body.buffers[1], 1);
    Value scratch = elementPointer(b, loc, body.scratch, b.getF32Type());
    store(body.begin, scratch, 2);
    store(body.end, scratch, 3);
    Value one = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(1));
    memref::StoreOp::create(b, loc, one, body.failure, ValueRange{arith::ConstantIndexOp::create(b, loc, 0)});
  });
  Floats first(1), second(2), scratch(4);
  EXPECT_EQ(kernel.run({first.get(), second.get()}, {41, 42}, 43, 44, scratch.get()), 1);
  EXPECT_EQ(first[0], 41);
  EXPECT_EQ(second[1], 42);
  EXPECT_EQ(scratch[2], 43);
  EXPECT_EQ(scratch[3], 44);
}

TEST(LowerTest, LoopsAreVectorisedAtFullWidth) {
  for (const CpuTarget &target : cpuTargets()) {
    if (!hostCanRun(target))
      continue;
    std::string text = compileMap(target, sigmoidProduct).assembly();
    EXPECT_NE(text.find(target.lanes == 16 ? "%zmm" : "%ymm"), std::string::npos) << target.name();
    EXPECT_EQ(text.find("call"), std::string::npos) << target.name();
  }
}

TEST(LowerTest, AnnotatedSumsAreVectorised) {
  // Without its annotation a sum of floats keeps its order and stays scalar.
  const CpuTarget &target = *runnableTargets().back();
  CompiledKernel kernel(target, 2, 0, [](OpBuilder &b, Location loc, KernelBody &body) {
    Value x = flatView(b, loc, body.buffers[0]);
    Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
    Value one = arith::ConstantIndexOp::create(b, loc, 1);
    auto loop = scf::ForOp::create(b, loc, body.begin, body.end, one, ValueRange{zero},
                                   [&](OpBuilder &b, Location loc, Value i, ValueRange sum) {
                                     Value element = memref::LoadOp::create(b, loc, x, i);
                                     Value next = arith::AddFOp::create(b, loc, sum[0], element);
                                     scf::YieldOp::create(b, loc, next);
                                   });
    annotateVectorLoop(loop, 4);
    memref::StoreOp::create(b, loc, loop.getResult(0), flatView(b, loc, body.buffers[1]), body.begin);
  });
  EXPECT_NE(kernel.assembly().find("vaddps"), std::string::npos);
  Floats x(1000, 0.5f), sum(1);
  kernel.run({x.get(), sum.get()}, {}, 0, 1000);
  EXPECT_EQ(sum[0], 500);
}

TEST(LowerTest, NarrowFloatsNeedNoLibraryCalls) {
  constexpr size_t count = 4096;
  Floats x = randomFloats(count, 7), y(count);
  x[0] = INFINITY;
  x[1] = 1.00390625f; // halfway between two bf16
  x[2] = -1e-41f;
  for (const CpuTarget *target : runnableTargets()) {
    CompiledKernel brain = compileMap(*target, [](OpBuilder &b, Location loc, Value x) -> Value {
      // f64 to bf16 goes through f32.
      Value wide = arith::ExtFOp::create(b, loc, b.getF64Type(), x);
      Value narrow = arith::TruncFOp::create(b, loc, b.getBF16Type(), wide);
      return arith::ExtFOp::create(b, loc, b.getF32Type(), narrow);
    });
    EXPECT_EQ(brain.assembly().find("__trunc"), std::string::npos);
    brain.run({x.get(), y.get()}, {}, 0, count);
    for (size_t i = 0; i < count; ++i)
      ASSERT_EQ(y[i], roundToBrainFloat(x[i])) << i;

    CompiledKernel half = compileMap(*target, [](OpBuilder &b, Location loc, Value x) -> Value {
      Value narrow = arith::TruncFOp::create(b, loc, b.getF16Type(), arith::ExtFOp::create(b, loc, b.getF64Type(), x));
      Value result = math::ExpOp::create(b, loc, narrow);
      return arith::ExtFOp::create(b, loc, b.getF32Type(), result);
    });
    EXPECT_EQ(half.assembly().find("call"), std::string::npos);
    half.run({x.get(), y.get()}, {}, 0, count);
    for (size_t i = 3; i < count; ++i)
      ASSERT_NEAR(y[i], std::exp(x[i]), 2e-3) << i; // two roundings to 11 bits
  }
}

TEST(LowerTest, DoublesUseLibm) {
  constexpr size_t count = 256;
  Floats x = randomFloats(count, 8), y(count);
  x[0] = 1e-12f; // exp(x) - 1 would have lost it
  for (const CpuTarget *target : runnableTargets()) {
    CompiledKernel kernel = compileMap(*target, [](OpBuilder &b, Location loc, Value x) -> Value {
      Value wide = arith::ExtFOp::create(b, loc, b.getF64Type(), x);
      wide = math::ExpM1Op::create(b, loc, math::ErfOp::create(b, loc, math::TanhOp::create(b, loc, wide)));
      return arith::TruncFOp::create(b, loc, b.getF32Type(), wide);
    });
    kernel.run({x.get(), y.get()}, {}, 0, count);
    for (size_t i = 0; i < count; ++i)
      ASSERT_EQ(y[i], float(std::expm1(std::erf(std::tanh(double(x[i])))))) << i;
  }
}

TEST(ObjectTest, SameBytesWhateverTheThreads) {
  initializeCodeGenerators();
  DialectRegistry registry;
  registerKernelDialects(registry);
  MLIRContext context(registry);
  context.loadAllAvailableDialects();
  context.allowUnregisteredDialects();
  OpBuilder b(&context);
  Location loc = b.getUnknownLoc();
  OwningOpRef<ModuleOp> outer = ModuleOp::create(loc);
  constexpr int kernelCount = 8;
  SmallVector<ModuleOp> modules;
  for (int i = 0; i < kernelCount; ++i) {
    b.setInsertionPointToEnd(outer->getBody());
    modules.push_back(ModuleOp::create(b, loc));
    b.setInsertionPointToEnd(modules.back().getBody());
    KernelBuffer buffer = {b.getF32Type(), /*alignment=*/4};
    KernelBody body = createKernelBody(b, loc, "kernel" + std::to_string(i), {buffer, buffer}, 0);
    writeMap(b, loc, body, sigmoidProduct);
  }
  PassManager pm(&context);
  addKernelLoweringPasses(pm.nest<ModuleOp>());
  ASSERT_TRUE(succeeded(pm.run(*outer)));

  const CpuTarget &target = *runnableTargets().back();
  std::vector<SmallVector<char, 0>> alone(kernelCount), together(kernelCount);
  auto emit = [&](int i) { return llvm::cantFail(emitCode(modules[i], target, "kernel" + std::to_string(i))); };
  for (int i = 0; i < kernelCount; ++i)
    alone[i] = emit(i);
  std::vector<std::thread> threads;
  for (int i = 0; i < kernelCount; ++i)
    threads.emplace_back([&, i] { together[i] = emit(i); });
  for (std::thread &thread : threads)
    thread.join();
  for (int i = 0; i < kernelCount; ++i)
    EXPECT_EQ(alone[i], together[i]) << i;
}

/// What the runtime does not tell apart would be run on a CPU that lacks it.
TEST(TargetsTest, RuntimeAsksForEachLevel) {
  for (auto [below, level] : llvm::zip(hone::cpuTargets(), hone::cpuTargets().drop_front()))
    EXPECT_NE(level.runtimeFeatures & ~below.runtimeFeatures, 0u) << level.level.str();
}

/// LLVM generates code for the first x86-64 where it does not know a name.
TEST(TargetsTest, AreKnownToLlvm) {
  initializeCodeGenerators();
  for (const CpuTarget &target : hone::cpuTargets()) {
    llvm::Triple triple(target.triple);
    std::string message;
    const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, message);
    ASSERT_TRUE(backend) << message;
    std::unique_ptr<llvm::MCSubtargetInfo> known(backend->createMCSubtargetInfo(triple, "", ""));
    EXPECT_TRUE(known->isCPUStringValid(target.cpu)) << target.cpu.str();
    for (llvm::StringRef feature : target.required)
      EXPECT_TRUE(llvm::any_of(known->getAllProcessorFeatures(), [&](const llvm::SubtargetFeatureKV &each) {
        return each.Key == feature;
      })) << feature.str();
  }
}

TEST(TargetsTest, Lookup) {
  auto v3 = lookupTarget("x86-64-v3");
  ASSERT_TRUE(bool(v3));
  EXPECT_EQ(v3->lanes, 8);
  auto host = lookupTarget("host");
  if (runnableTargets().empty()) {
    EXPECT_NE(llvm::toString(host.takeError()).find("below x86-64-v3"), std::string::npos);
  } else {
    ASSERT_TRUE(bool(host));
    EXPECT_EQ(host->level, runnableTargets().back()->level);
  }
  auto unknown = lookupTarget("x86-64-v9");
  ASSERT_FALSE(bool(unknown));
  EXPECT_EQ(llvm::toString(unknown.takeError()),
            "target 'x86-64-v9' is not known; expected one of host, x86-64-v3 (AVX2), "
            "x86-64-v4 (AVX-512); x86-64-v4 also with +avx512vnni");
  auto more = lookupTarget("x86-64-v4+avx512vnni");
  ASSERT_TRUE(bool(more));
  EXPECT_EQ(more->name(), "x86-64-v4+avx512vnni");
  EXPECT_TRUE(more->has("avx512vnni"));
  EXPECT_NE(llvm::toString(lookupTarget("x86-64-v4+sse9").takeError()).find("it has no feature 'sse9'"),
            std::string::npos);
  EXPECT_NE(llvm::toString(lookupTarget("x86-64-v3+avx512vnni").takeError()).find("avx512vnni needs x86-64-v4"),
            std::string::npos);
}
