// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/Lower.h"
#include "compiler/Passes.h"
#include "compiler/codegen/cpu/Math.h"
#include "hone/abi.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include <cstddef>
#include <limits>

namespace hone {
#define GEN_PASS_DEF_CONVERTTOLLVM
#define GEN_PASS_DEF_EXPANDMATH
#define GEN_PASS_DEF_FINISHKERNELS
#include "compiler/Passes.h.inc"
} // namespace hone

using namespace mlir;
using namespace hone;

namespace {

/// Conversions that x86-64 has no instruction for and LLVM would call compiler-rt for go through f32.
template <typename Op> struct ConvertThroughF32 : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType()), from = getElementTypeOrSelf(op.getIn().getType());
    if (!element.isBF16() && !(element.isF16() && from.isF64()))
      return failure();
    if (from.isF32())
      return failure();
    Type single = rewriter.getF32Type();
    if (auto vector = dyn_cast<VectorType>(op.getType()))
      single = vector.clone(single);
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(),
                                                 Op::create(rewriter, op.getLoc(), single, op.getIn()));
    return success();
  }
};

struct ExpandMath : hone::impl::ExpandMathBase<ExpandMath> {
  void getDependentDialects(DialectRegistry &registry) const override { registerKernelDialects(registry); }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathPatterns(patterns);
    patterns.add<ConvertThroughF32<arith::TruncFOp>, ConvertThroughF32<arith::SIToFPOp>,
                 ConvertThroughF32<arith::UIToFPOp>>(&getContext());
    // Not the arith-expand pass: it also turns min and max into compare and select, which stops their vectorisation.
    arith::populateExpandBFloat16Patterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();

    // What is left of these has no LLVM intrinsic, or only one that convert-math-to-llvm computes as exp(x) - 1.
    ConversionTarget target(getContext());
    target.addIllegalOp<math::ExpM1Op, math::Log1pOp, math::ErfOp, math::ErfcOp, math::CbrtOp, math::TanOp,
                        math::AsinOp, math::AcosOp, math::AtanOp, math::Atan2Op, math::SinhOp, math::CoshOp,
                        math::AsinhOp, math::AcoshOp, math::AtanhOp, math::TanhOp>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    RewritePatternSet libm(&getContext());
    populateMathToLibmConversionPatterns(libm);
    if (failed(applyPartialConversion(getOperation(), target, std::move(libm))))
      signalPassFailure();
  }
};

struct ConvertToLlvm : hone::impl::ConvertToLlvmBase<ConvertToLlvm> {
  void runOnOperation() override {
    LowerToLLVMOptions options(&getContext());
    // A memref descriptor would be several arguments and drop noalias without a word.
    options.useBarePtrCallConv = true;
    LLVMTypeConverter converter(&getContext(), options);
    RewritePatternSet patterns(&getContext());
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    LLVMConversionTarget target(getContext());
    if (failed(applyPartialConversion(getOperation(), target, std::move(patterns))))
      signalPassFailure();
  }
};

struct FinishKernels : hone::impl::FinishKernelsBase<FinishKernels> {
  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      if (auto annotation = op->getDiscardableAttr(kLoopAttr)) {
        if (auto branch = dyn_cast<LLVM::BrOp>(op))
          branch.setLoopAnnotationAttr(cast<LLVM::LoopAnnotationAttr>(annotation));
        if (auto branch = dyn_cast<LLVM::CondBrOp>(op))
          branch.setLoopAnnotationAttr(cast<LLVM::LoopAnnotationAttr>(annotation));
        op->removeDiscardableAttr(kLoopAttr);
      }
      op->removeDiscardableAttr("fastmath"); // what the expansion of f16 leaves on llvm.fpext
    });
    for (auto body : llvm::make_early_inc_range(getOperation().getOps<LLVM::LLVMFuncOp>()))
      if (auto kernel = dyn_cast_or_null<DictionaryAttr>(body->removeDiscardableAttr(kBodyAttr)))
        addEntry(body, kernel);
  }

  /// Adds `void name(const hone_kernel_context *, int64_t begin, int64_t end)`.
  static void addEntry(LLVM::LLVMFuncOp body, DictionaryAttr kernel) {
    OpBuilder b(body);
    b.setInsertionPointAfter(body);
    Location loc = body.getLoc();
    auto pointer = LLVM::LLVMPointerType::get(b.getContext());
    Type i64 = b.getI64Type();
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {pointer, i64, i64});
    auto entry = LLVM::LLVMFuncOp::create(b, loc, kernel.getAs<StringAttr>("name").getValue(), type);
    entry.setVisibility_(LLVM::Visibility::Hidden);
    entry.setDsoLocal(true);
    entry.setPassthroughAttr(b.getStrArrayAttr({"nounwind"}));
    entry.setArgAttr(0, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
    entry.setArgAttr(0, LLVM::LLVMDialect::getReadonlyAttrName(), b.getUnitAttr());

    Block *block = entry.addEntryBlock(b);
    b.setInsertionPointToStart(block);
    // Everything that the context leads to is constant while the kernel runs.
    auto load = [&](Value base, int64_t offset, Type type) -> Value {
      Value address =
          LLVM::GEPOp::create(b, loc, pointer, b.getI8Type(), base, ArrayRef<LLVM::GEPArg>{int32_t(offset)});
      auto value = LLVM::LoadOp::create(b, loc, type, address, /*alignment=*/8);
      value.setInvariant(true);
      return value;
    };
    Value context = block->getArgument(0);
    Value buffers = load(context, offsetof(hone_kernel_context, buffers), pointer);
    Value sizes = load(context, offsetof(hone_kernel_context, sizes), pointer);
    SmallVector<Value> arguments;
    for (int64_t i = 0, e = kernel.getAs<IntegerAttr>("buffers").getInt(); i != e; ++i)
      arguments.push_back(load(buffers, 8 * i, pointer));
    for (int64_t i = 0, e = kernel.getAs<IntegerAttr>("sizes").getInt(); i != e; ++i)
      arguments.push_back(load(sizes, 8 * i, i64));
    arguments.push_back(load(context, offsetof(hone_kernel_context, scratch), pointer));
    arguments.push_back(load(context, offsetof(hone_kernel_context, failure), pointer));
    arguments.push_back(load(context, offsetof(hone_kernel_context, cancel), pointer));
    arguments.push_back(block->getArgument(1));
    arguments.push_back(block->getArgument(2));
    LLVM::CallOp::create(b, loc, body, arguments);
    LLVM::ReturnOp::create(b, loc, ValueRange());
  }
};

} // namespace

void hone::addKernelLoweringPasses(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createPollCancellation());
  pm.addPass(createExpandMath());
  pm.addNestedPass<func::FuncOp>(createLoopInvariantCodeMotionPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertToLlvm());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createFinishKernels());
}

void hone::registerKernelDialects(DialectRegistry &registry) {
  registry
      .insert<affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, LLVM::LLVMDialect,
              math::MathDialect, memref::MemRefDialect, scf::SCFDialect, ub::UBDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}
