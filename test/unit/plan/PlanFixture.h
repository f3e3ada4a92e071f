// What tests of the memory planner share: a target that says nothing of memory, and programs planned from text.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_TEST_UNIT_PLAN_PLANFIXTURE_H
#define HONE_TEST_UNIT_PLAN_PLANFIXTURE_H

#include "compiler/Passes.h"
#include "dialects/hone/TargetModel.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

namespace hone {

/// Launches whose parameters say nothing of their memory, but for 128 bytes of scratch.
struct PlainModel : TargetModel {
  using TargetModel::TargetModel;
  llvm::LogicalResult verify(TargetAttr, llvm::function_ref<mlir::InFlightDiagnostic()>) const override {
    return llvm::success();
  }
  std::optional<TileLayout> layoutOf(TargetAttr, mlir::Operation *, unsigned) const override { return std::nullopt; }
  llvm::LogicalResult decide(TargetAttr, KernelOp) const override { return llvm::success(); }
  llvm::FailureOr<int64_t> predictCost(TargetAttr, KernelOp) const override { return 0; }
  bool hasKernelOfItsOwn(TargetAttr, mlir::Operation *) const override { return false; }
  bool writesLast(TargetAttr, KernelOp) const override { return false; }
  bool fusesBefore(TargetAttr, mlir::OpOperand &) const override { return false; }
  bool fusesBehind(TargetAttr, mlir::Operation *, mlir::Operation *) const override { return false; }
  llvm::FailureOr<LaunchParameters> launchParameters(mlir::OpBuilder &builder, TargetAttr, KernelOp kernel,
                                                     mlir::ValueRange) const override {
    auto number = [&](int64_t value) { return mlir::arith::ConstantIndexOp::create(builder, kernel.getLoc(), value); };
    return LaunchParameters{number(1), number(1), number(128)};
  }
};

class PlanFixture : public testing::Test {
protected:
  PlanFixture() {
    mlir::DialectRegistry registry;
    registry.insert<HoneDialect, mlir::func::FuncDialect, mlir::memref::MemRefDialect, mlir::scf::SCFDialect,
                    mlir::tensor::TensorDialect>();
    registry.addExtension(+[](mlir::MLIRContext *, HoneDialect *dialect) { dialect->addInterfaces<PlainModel>(); });
    context = std::make_unique<mlir::MLIRContext>(registry, mlir::MLIRContext::Threading::DISABLED);
    context->loadAllAvailableDialects();
  }

  mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string &text) {
    return mlir::parseSourceString<mlir::ModuleOp>(text, context.get());
  }
  mlir::OwningOpRef<mlir::ModuleOp> plan(const std::string &text) {
    mlir::OwningOpRef<mlir::ModuleOp> module = parse(text);
    mlir::PassManager manager(context.get());
    manager.addPass(createPlanMemory());
    if (module && failed(manager.run(*module)))
      return {};
    return module;
  }

  std::unique_ptr<mlir::MLIRContext> context;
};

} // namespace hone

#endif
