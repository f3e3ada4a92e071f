// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/KernelWork.h"
#include "compiler/codegen/generic/IndexTranslator.h"
#include "dialects/hone/ShapeBuilder.h"

using namespace mlir;
using namespace hone;

std::optional<OpFoldResult> hone::flopsOf(Operation *op, ShapeBuilder &shapes) {
  auto structured = dyn_cast<StructureOpInterface>(op);
  return structured ? std::optional(structured.flops(shapes)) : std::nullopt;
}

OpFoldResult hone::bytesReadOf(BlockArgument argument, ShapeBuilder &shapes) {
  OpFoldResult most = shapes.constant(0);
  for (OpOperand &use : argument.getUses()) {
    auto reader = dyn_cast<StructureOpInterface>(use.getOwner());
    most = shapes.max(most, reader ? reader.bytesRead(shapes, use.getOperandNumber()) : shapes.storageBytes(argument));
  }
  return most;
}

OpFoldResult hone::bytesWrittenOf(Value result, ShapeBuilder &shapes) {
  auto writer = result.getDefiningOp<StructureOpInterface>();
  return writer ? writer.bytesWritten(shapes, cast<OpResult>(result).getResultNumber()) : shapes.storageBytes(result);
}

std::string hone::workSymbol(StringRef symbol) { return (symbol + ".work").str(); }

LLVM::LLVMFuncOp hone::addWorkFunction(ModuleOp module, StringRef symbol, KernelOp kernel) {
  Block &body = kernel.getBody().front();
  Location loc = kernel.getLoc();
  OpBuilder inside(body.getTerminator());
  ShapeBuilder shapes(inside);
  OpFoldResult flops = shapes.constant(0), bytes = shapes.constant(0);
  for (Operation &op : llvm::make_early_inc_range(body))
    if (std::optional<OpFoldResult> own = flopsOf(&op, shapes))
      flops = shapes.add(flops, *own);
  for (BlockArgument argument : body.getArguments().take_front(kernel.getTensorCount()))
    bytes = shapes.add(bytes, bytesReadOf(argument, shapes));
  for (Value result : body.getTerminator()->getOperands())
    bytes = shapes.add(bytes, bytesWrittenOf(result, shapes));

  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto pointer = LLVM::LLVMPointerType::get(module.getContext());
  Type i64 = builder.getI64Type();
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(module.getContext()), {pointer, pointer});
  auto function = LLVM::LLVMFuncOp::create(builder, loc, workSymbol(symbol), type);
  function.setVisibility_(LLVM::Visibility::Hidden);
  function.setDsoLocal(true);
  function.setPassthroughAttr(builder.getStrArrayAttr({"nounwind", "minsize", "optsize"}));
  Block *block = function.addEntryBlock(builder);
  builder.setInsertionPointToStart(block);
  auto at = [&](Value base, int32_t index) {
    return LLVM::GEPOp::create(builder, loc, pointer, i64, base, ArrayRef<LLVM::GEPArg>{index});
  };
  IndexTranslator translator(builder);
  for (auto [i, argument] : llvm::enumerate(body.getArguments().drop_front(kernel.getTensorCount()))) {
    Value size = LLVM::LoadOp::create(builder, loc, i64, at(block->getArgument(0), i));
    translator.map(argument, arith::IndexCastOp::create(builder, loc, builder.getIndexType(), size));
  }
  for (auto [i, sum] : llvm::enumerate(SmallVector<OpFoldResult>{flops, bytes})) {
    Value number = arith::IndexCastOp::create(builder, loc, i64, translator.translate(sum));
    LLVM::StoreOp::create(builder, loc, number, at(block->getArgument(1), i));
  }
  LLVM::ReturnOp::create(builder, loc, ValueRange());
  return function;
}
