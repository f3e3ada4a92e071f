// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/Kernel.h"
#include "dialects/hone/Hone.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "support/Identifier.h"

using namespace mlir;
using namespace hone;

StringRef hone::modelName(ModuleOp module) {
  auto model = module->getAttrOfType<DictionaryAttr>(kModelAttr);
  auto name = model ? model.getAs<StringAttr>("name") : StringAttr();
  return name ? name.getValue() : "model";
}

std::string hone::symbolPrefix(ModuleOp module) { return toIdentifier(modelName(module)); }

KernelBody hone::createKernelBody(OpBuilder &builder, Location loc, StringRef symbol, ArrayRef<KernelBuffer> buffers,
                                  unsigned sizeCount) {
  Type index = builder.getIndexType();
  SmallVector<Type> types;
  for (const KernelBuffer &buffer : buffers)
    types.push_back(MemRefType::get({1}, buffer.element));
  types.append(sizeCount, index);
  types.push_back(MemRefType::get({1}, builder.getI8Type()));
  types.push_back(MemRefType::get({1}, builder.getI32Type()));
  types.push_back(LLVM::LLVMPointerType::get(builder.getContext()));
  types.append(2, index);

  auto func = func::FuncOp::create(builder, loc, (symbol + ".body").str(), builder.getFunctionType(types, {}));
  func->setAttr("llvm.linkage", LLVM::LinkageAttr::get(builder.getContext(), LLVM::Linkage::Internal));
  func->setAttr(kBodyAttr,
                builder.getDictionaryAttr({builder.getNamedAttr("name", builder.getStringAttr(symbol)),
                                           builder.getNamedAttr("buffers", builder.getI64IntegerAttr(buffers.size())),
                                           builder.getNamedAttr("sizes", builder.getI64IntegerAttr(sizeCount))}));
  for (auto [i, type] : llvm::enumerate(types)) {
    func.setArgAttr(i, LLVM::LLVMDialect::getNoUndefAttrName(), builder.getUnitAttr());
    if (!isa<MemRefType>(type))
      continue;
    // Not nonnull: the pointer of an empty tensor may be anything.
    func.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
    if (i >= buffers.size())
      continue;
    func.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(), builder.getI64IntegerAttr(buffers[i].alignment));
    if (buffers[i].readOnly)
      func.setArgAttr(i, LLVM::LLVMDialect::getReadonlyAttrName(), builder.getUnitAttr());
  }

  Block *entry = func.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  builder.setInsertionPoint(func::ReturnOp::create(builder, loc));
  KernelBody body;
  body.func = func;
  auto arguments = entry->getArguments();
  body.buffers.append(arguments.begin(), arguments.begin() + buffers.size());
  arguments = arguments.drop_front(buffers.size());
  body.sizes.append(arguments.begin(), arguments.begin() + sizeCount);
  arguments = arguments.drop_front(sizeCount);
  body.scratch = arguments[0];
  body.failure = arguments[1];
  body.cancel = arguments[2];
  body.begin = arguments[3];
  body.end = arguments[4];
  return body;
}

bool hone::isKernelBody(func::FuncOp func) { return func->hasAttr(kBodyAttr); }

Value hone::elementPointer(OpBuilder &builder, Location loc, Value bytes, Type element) {
  Value start = arith::ConstantIndexOp::create(builder, loc, 0);
  return memref::ViewOp::create(builder, loc, MemRefType::get({1}, element), bytes, start, ValueRange());
}

Value hone::flatView(OpBuilder &builder, Location loc, Value pointer) {
  // The size says nothing: bounds are not checked here, and a 48-bit address space has no more bytes.
  constexpr int64_t size = int64_t(1) << 48;
  auto type = MemRefType::get({size}, cast<MemRefType>(pointer.getType()).getElementType());
  return memref::ReinterpretCastOp::create(builder, loc, type, pointer, /*offset=*/0, ArrayRef<int64_t>{size},
                                           ArrayRef<int64_t>{1});
}

void hone::annotateVectorLoop(Operation *loop, int interleave) {
  MLIRContext *context = loop->getContext();
  auto vectorize =
      LLVM::LoopVectorizeAttr::get(context, /*disable=*/BoolAttr::get(context, false), {}, {}, {}, {}, {}, {});
  LLVM::LoopInterleaveAttr count;
  if (interleave)
    count = LLVM::LoopInterleaveAttr::get(context, IntegerAttr::get(IntegerType::get(context, 32), interleave));
  loop->setAttr(kLoopAttr, LLVM::LoopAnnotationAttr::get(context, {}, vectorize, count, {}, {}, {}, {}, {}, {}, {}, {},
                                                         {}, {}, {}, {}));
}

static LLVM::LoopUnrollAttr noUnrolling(MLIRContext *context) {
  return LLVM::LoopUnrollAttr::get(context, /*disable=*/BoolAttr::get(context, true), {}, {}, {}, {}, {}, {});
}

void hone::annotateRolledLoop(Operation *loop) {
  MLIRContext *context = loop->getContext();
  loop->setAttr(kLoopAttr, LLVM::LoopAnnotationAttr::get(context, {}, {}, {}, noUnrolling(context), {}, {}, {}, {}, {},
                                                         {}, {}, {}, {}, {}, {}));
}

void hone::annotateUniformLoop(Operation *loop) {
  MLIRContext *context = loop->getContext();
  auto vectorize =
      LLVM::LoopVectorizeAttr::get(context, /*disable=*/BoolAttr::get(context, true), {}, {}, {}, {}, {}, {});
  loop->setAttr(kLoopAttr, LLVM::LoopAnnotationAttr::get(context, {}, vectorize, {}, noUnrolling(context), {}, {}, {},
                                                         {}, {}, {}, {}, {}, {}, {}, {}));
}
