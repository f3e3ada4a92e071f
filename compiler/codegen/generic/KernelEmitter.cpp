// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/generic/KernelEmitter.h"
#include "dialects/hone/RowFacts.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace hone;

void hone::decomposeRowOps(KernelOp kernel, Operation *kept) {
  for (Operation &op : llvm::make_early_inc_range(kernel.getBody().front())) {
    for (StringRef fact : {kNonPositiveAttr, kNumbersAttr}) // that a stage file claims
      op.removeDiscardableAttr(fact);
    auto row = dyn_cast<DecomposeOpInterface>(op);
    if (!row || &op == kept)
      continue;
    OpBuilder builder(&op);
    op.getResult(0).replaceAllUsesWith(row.decompose(builder));
    op.erase();
  }
}

Type hone::memoryElement(Type tensor) {
  Type scalar = scalarType(tensor);
  return scalar.isInteger(1) || isNibble(scalar) ? IntegerType::get(tensor.getContext(), 8) : scalar;
}

KernelEmitter::KernelEmitter(OpBuilder &builder, KernelOp kernel, const KernelBody &body)
    : ElementBuilder(builder, kernel.getLoc()), body(body), kernel(kernel), prologue(builder.getContext()),
      shapeOps(kernel.getBody().front().getTerminator()), shapeBuilder(shapeOps), translator(prologue) {
  // Sizes and views are built ahead of a mark, so that they dominate all loops whenever they are first asked for.
  Operation *mark = arith::ConstantIndexOp::create(builder, loc, 0);
  prologue.setInsertionPoint(mark);
  unsigned tensors = kernel.getTensorCount();
  for (auto [i, size] : llvm::enumerate(body.sizes))
    translator.map(kernel.getBody().getArgument(tensors + i), size);
  for (Value pointer : body.buffers)
    views.push_back(flatView(prologue, loc, pointer));
  scopes.emplace_back();
}

SmallVector<Value> KernelEmitter::sizes(ArrayRef<OpFoldResult> values) {
  return llvm::map_to_vector(values, [&](OpFoldResult value) { return size(value); });
}

Value KernelEmitter::lookup(Value tensor, ValueRange indices) {
  for (Scope &scope : llvm::reverse(scopes))
    for (auto &[value, at, scalar] : scope.scalars)
      if (value == tensor && ValueRange(at) == indices)
        return scalar;
  return {};
}

/// The byte that holds a 4-bit element, and by how many bits the element is shifted in it.
static std::pair<Value, Value> nibbleAt(ElementBuilder &e, Value position) {
  Value byte = e.builder.createOrFold<arith::ShRUIOp>(e.loc, position, e.index(1));
  Value half = e.builder.createOrFold<arith::AndIOp>(e.loc, position, e.index(1));
  Value bits = e.builder.createOrFold<arith::ShLIOp>(e.loc, half, e.index(2));
  return {byte, arith::IndexCastUIOp::create(e.builder, e.loc, e.builder.getI8Type(), bits)};
}

Value KernelEmitter::loadBuffer(unsigned number, Value tensor, Value position) {
  if (isNibble(tensor.getType())) {
    auto [byte, shift] = nibbleAt(*this, position);
    Value both = memref::LoadOp::create(builder, loc, views[number], byte);
    return arith::TruncIOp::create(builder, loc, builder.getIntegerType(4),
                                   arith::ShRUIOp::create(builder, loc, both, shift));
  }
  Value scalar = memref::LoadOp::create(builder, loc, views[number], position);
  if (elementTypeOf(tensor).isInteger(1))
    scalar =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, scalar, constant(scalar.getType(), int64_t(0)));
  return scalar;
}

void KernelEmitter::storeBuffer(unsigned number, Value position, Value scalar) {
  if (isNibble(scalar.getType())) {
    // The other element of the byte stays: launches with such results are not split (DecidedKernel::range).
    auto [byte, shift] = nibbleAt(*this, position);
    Type i8 = builder.getI8Type();
    Value mask = arith::ShRUIOp::create(builder, loc, constant(i8, int64_t(0xf0)), shift);
    Value other = arith::AndIOp::create(builder, loc, memref::LoadOp::create(builder, loc, views[number], byte), mask);
    Value mine = arith::ShLIOp::create(builder, loc, arith::ExtUIOp::create(builder, loc, i8, scalar), shift);
    memref::StoreOp::create(builder, loc, arith::OrIOp::create(builder, loc, other, mine), views[number], byte);
    return;
  }
  if (scalar.getType().isInteger(1))
    scalar = arith::ExtUIOp::create(builder, loc, builder.getI8Type(), scalar);
  memref::StoreOp::create(builder, loc, scalar, views[number], position);
}

void KernelEmitter::prefetch(unsigned number, Value position) {
  memref::PrefetchOp::create(builder, loc, views[number], position, /*isWrite=*/false, /*localityHint=*/3,
                             /*isDataCache=*/true);
}

Value KernelEmitter::load(Value tensor, ValueRange indices) {
  if (Value scalar = known.lookup(tensor))
    return scalar;
  if (Value scalar = lookup(tensor, indices))
    return scalar;
  Value scalar;
  if (onLoad)
    scalar = onLoad(tensor, indices);
  if (!scalar) {
    if (auto argument = dyn_cast<BlockArgument>(tensor)) {
      Value position = linearize(indices, ElementBuilder::dims(tensor));
      scalar = loadBuffer(argument.getArgNumber(), tensor, position);
    } else {
      scalar = cast<ElementOpInterface>(tensor.getDefiningOp()).emitElement(*this, indices);
    }
  }
  scopes.back().scalars.emplace_back(tensor, SmallVector<Value>(indices), scalar);
  return scalar;
}

void KernelEmitter::store(unsigned result, ValueRange indices, Value scalar) {
  Value tensor = kernel.getBody().front().getTerminator()->getOperand(result);
  Value position = linearize(indices, ElementBuilder::dims(tensor));
  storeBuffer(kernel.getTensorCount() + result, position, scalar);
}

Value KernelEmitter::loadResult(unsigned result, ValueRange indices) {
  Value tensor = kernel.getBody().front().getTerminator()->getOperand(result);
  return loadBuffer(kernel.getTensorCount() + result, tensor, linearize(indices, ElementBuilder::dims(tensor)));
}

void KernelEmitter::failIf(Value condition) {
  if (getConstantIntValue(condition) == 0)
    return;
  // A flag on the stack becomes an or-reduction in a register: loops that check still vectorise.
  if (!failed) {
    failed = memref::AllocaOp::create(prologue, loc, MemRefType::get({1}, builder.getI32Type()));
    Value zero = arith::ConstantIntOp::create(prologue, loc, builder.getI32Type(), 0);
    Value first = arith::ConstantIndexOp::create(prologue, loc, 0);
    memref::StoreOp::create(prologue, loc, zero, failed, first);
  }
  Value before = memref::LoadOp::create(builder, loc, failed, index(0));
  Value bit = arith::ExtUIOp::create(builder, loc, builder.getI32Type(), condition);
  memref::StoreOp::create(builder, loc, arith::OrIOp::create(builder, loc, before, bit), failed, index(0));
}

void KernelEmitter::finish() {
  if (!failed)
    return;
  Value flag = memref::LoadOp::create(builder, loc, failed, index(0));
  Value isSet =
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, flag, constant(builder.getI32Type(), int64_t(0)));
  auto branch = scf::IfOp::create(builder, loc, isSet, /*withElseRegion=*/false);
  OpBuilder then = branch.getThenBodyBuilder();
  Value one = arith::ConstantIntOp::create(then, loc, builder.getI32Type(), 1);
  // Atomic, because several threads may fail at once.
  memref::AtomicRMWOp::create(then, loc, arith::AtomicRMWKind::ori, one, body.failure,
                              ValueRange{arith::ConstantIndexOp::create(then, loc, 0)});
}

SmallVector<Value> KernelEmitter::loop(Value lower, Value upper, ValueRange initial,
                                       function_ref<SmallVector<Value>(Value, ValueRange)> body, bool vectorize) {
  scopes.emplace_back();
  Operation *forOp = nullptr;
  auto results = ElementBuilder::loop(
      lower, upper, initial,
      [&](Value iv, ValueRange carried) {
        forOp = iv.getParentBlock()->getParentOp();
        return body(iv, carried);
      },
      vectorize);
  bool isInnermost = !scopes.back().hasLoop;
  scopes.pop_back();
  scopes.back().hasLoop = true;
  if (vectorize && isInnermost)
    annotateVectorLoop(forOp, interleave);
  return results;
}

Value KernelEmitter::choose(Value condition, Type type, function_ref<Value()> onTrue, function_ref<Value()> onFalse) {
  auto scoped = [&](function_ref<Value()> side) {
    return [this, side] {
      scopes.emplace_back();
      Value result = side();
      bool hasLoop = scopes.pop_back_val().hasLoop;
      scopes.back().hasLoop |= hasLoop;
      return result;
    };
  };
  return ElementBuilder::choose(condition, type, scoped(onTrue), scoped(onFalse));
}

void KernelEmitter::buildAt(OpBuilder &other, function_ref<void()> write) {
  OpBuilder::InsertPoint before = builder.saveInsertionPoint();
  builder.restoreInsertionPoint(other.saveInsertionPoint());
  scopes.emplace_back();
  write();
  scopes.pop_back();
  other.restoreInsertionPoint(builder.saveInsertionPoint());
  if (&other != &builder)
    builder.restoreInsertionPoint(before);
}

void KernelEmitter::chooseEffect(Value condition, function_ref<void()> onTrue, function_ref<void()> onFalse) {
  auto branch = scf::IfOp::create(builder, loc, condition, /*withElseRegion=*/true);
  for (auto [block, side] : {std::pair(branch.thenBlock(), onTrue), std::pair(branch.elseBlock(), onFalse)}) {
    builder.setInsertionPointToStart(block);
    scopes.emplace_back();
    side();
    scopes.pop_back();
  }
  builder.setInsertionPointAfter(branch);
}
