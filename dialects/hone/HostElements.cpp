// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/HostElements.h"
#include "dialects/hone/Hone.h"
#include "dialects/hone/Regions.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace hone;
using arith::CmpIPredicate;

namespace hone {

/// Builds elements of host tensors: reads recurse, loops unroll, and whatever cannot be known sets `failed` and gives
/// zeros.
class HostElementBuilder : public ElementBuilder {
public:
  HostElementBuilder(HostElements &host, Location loc, Operation *op = nullptr)
      : ElementBuilder(host.shapes.builder, loc), host(host), op(op) {}

  Value load(Value tensor, ValueRange indices) override;
  Value dim(Value tensor, int64_t index) override { return host.shapes.materialize(host.shapes.dim(tensor, index)); }
  Value operand(Value index) override { return index; }
  void failIf(Value condition) override;
  bool unrolls() const override { return true; }
  SmallVector<Value> loop(Value lower, Value upper, ValueRange initial,
                          function_ref<SmallVector<Value>(Value, ValueRange)> body, bool) override;
  Value choose(Value condition, Type type, function_ref<Value()> onTrue, function_ref<Value()> onFalse) override;
  void store(unsigned result, ValueRange indices, Value scalar) override;
  Value loadResult(unsigned result, ValueRange indices) override;

  bool failed = false;
  /// What loops wrote, by result and row-major position.
  llvm::MapVector<std::pair<unsigned, int64_t>, Value> stored;

private:
  HostElements &host;
  Operation *op; // with loops of its own

  /// The row-major position of indices that are known and inside; a leading dim may be dynamic.
  std::optional<int64_t> positionOf(RankedTensorType type, ValueRange indices);
  Value giveUp(Type type) {
    failed = true;
    return constant(type, int64_t(0));
  }
};

} // namespace hone

/// An element of an input, as a signless scalar.
static Value readEntry(OpBuilder &builder, BlockArgument argument, ValueRange indices) {
  Type signless = scalarType(argument.getType());
  Value element = tensor::ExtractOp::create(builder, argument.getLoc(), argument, indices);
  if (element.getType() == signless)
    return element;
  if (isHalf(element.getType()))
    return arith::BitcastOp::create(builder, argument.getLoc(), signless, element);
  return UnrealizedConversionCastOp::create(builder, argument.getLoc(), signless, element).getResult(0);
}

std::optional<int64_t> HostElementBuilder::positionOf(RankedTensorType type, ValueRange indices) {
  int64_t position = 0;
  for (auto [i, index] : llvm::enumerate(indices)) {
    auto number = getConstantIntValue(index);
    bool isInside = number && *number >= 0 && (type.isDynamicDim(i) ? i == 0 : *number < type.getDimSize(i));
    if (!isInside || (i && llvm::MulOverflow(position, type.getDimSize(i), position)) ||
        llvm::AddOverflow(position, *number, position))
      return std::nullopt;
  }
  return position;
}

void HostElementBuilder::store(unsigned result, ValueRange indices, Value scalar) {
  auto position = positionOf(cast<RankedTensorType>(op->getResult(result).getType()), indices);
  if (position)
    stored[{result, *position}] = scalar;
  else
    failed = true; // of all elements, none is known any more
}

Value HostElementBuilder::loadResult(unsigned result, ValueRange indices) {
  auto type = cast<RankedTensorType>(op->getResult(result).getType());
  auto position = positionOf(type, indices);
  Value written = position ? stored.lookup({result, *position}) : Value();
  return written ? written : giveUp(scalarType(type));
}

Value HostElementBuilder::load(Value tensor, ValueRange indices) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Type scalar = scalarType(type);
  if (failed)
    return constant(scalar, int64_t(0));
  if (auto position = positionOf(type, indices)) {
    Value element = host.elementOf({tensor, *position});
    return element ? element : giveUp(scalar);
  }
  // The op has seen to it that the indices lie inside: an entry argument can be read anywhere.
  if (auto argument = dyn_cast<BlockArgument>(tensor); argument && isEntryArgument(argument))
    return readEntry(builder, argument, indices);
  return giveUp(scalar);
}

void HostElementBuilder::failIf(Value condition) {
  if (failed)
    return;
  OpFoldResult fails = host.simplifyCondition(condition), holds = host.logicalNot(fails);
  auto decided = getConstantIntValue(holds);
  if (decided && *decided)
    return;
  if (!host.mayCheck) {
    failed = true;
    return;
  }
  host.check(loc, holds, nodeText(loc) + ": an index is outside its dim, or a divisor is zero", host.shapes.constant(0),
             host.shapes.constant(0));
  host.assumeNot(fails);
}

SmallVector<Value> HostElementBuilder::loop(Value lower, Value upper, ValueRange initial,
                                            function_ref<SmallVector<Value>(Value, ValueRange)> body, bool) {
  SmallVector<Value> carried(initial);
  auto from = getConstantIntValue(host.toIndex(lower)), to = getConstantIntValue(host.toIndex(upper));
  if (!from || !to || *from < 0 || *to - *from > host.work)
    failed = true;
  if (failed)
    return carried;
  host.work -= std::max<int64_t>(*to - *from, 0);
  for (int64_t i = *from; i < *to; ++i)
    carried = body(index(i), carried);
  return carried;
}

Value HostElementBuilder::choose(Value condition, Type type, function_ref<Value()> onTrue,
                                 function_ref<Value()> onFalse) {
  // The host program has no branches, and the side that is not chosen may read what does not exist.
  auto decided = getConstantIntValue(host.simplifyCondition(condition));
  if (!decided)
    return giveUp(type);
  return *decided ? onTrue() : onFalse();
}

//===-- Elements ------------------------------------------------------------------------------------------------===//

Value HostElements::element(Value tensor, int64_t position) {
  if (depth)
    return elementOf({tensor, position});
  SmallVector<Key> stack{{tensor, position}};
  for (;;) {
    pending.reset();
    Value result = elementOf(stack.back());
    if (pending && work > 0) {
      stack.push_back(*pending);
      continue;
    }
    stack.pop_back();
    if (stack.empty() || work <= 0)
      return result;
  }
}

Value HostElements::elementOf(Key key) {
  if (known.count(key))
    return known.lookup(key);
  constexpr unsigned maxDepth = 128; // a level is a few stack frames
  if (depth == maxDepth && !pending)
    pending = key;
  if (pending || work <= 0)
    return {};
  ++depth;
  --work;
  Value result = evaluate(key.first, key.second);
  --depth;
  if (!result && (pending || work <= 0))
    return {}; // it may succeed another time
  if (result)
    result = normalize(result, elementTypeOf(key.first).isUnsignedInteger());
  known.insert(key, result);
  return result;
}

Value HostElements::evaluate(Value tensor, int64_t position) {
  auto type = cast<RankedTensorType>(tensor.getType());
  OpBuilder &builder = shapes.builder;
  SmallVector<Value> at(type.getRank());
  int64_t rest = position;
  for (int64_t i = type.getRank(); i-- > 0;) {
    int64_t size = type.isDynamicDim(i) ? std::numeric_limits<int64_t>::max() : type.getDimSize(i);
    at[i] = shapes.materialize(shapes.constant(rest % size));
    rest /= size;
  }
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return isEntryArgument(argument) && !isNibble(type) ? readEntry(builder, argument, at) : Value();
  if (auto weight = tensor.getDefiningOp<UseWeightOp>()) {
    bool isSmall = type.getElementType().isInteger() && type.getNumElements() <= maxElements;
    if (!isSmall)
      tooMany = std::max(tooMany, type.getNumElements());
    DenseElementsAttr elements = isSmall && readWeight ? readWeight(weight) : DenseElementsAttr();
    if (!elements)
      return {};
    APInt value = elements.getValues<APInt>()[position];
    return arith::ConstantOp::create(builder, weight.getLoc(), builder.getIntegerAttr(scalarType(type), value));
  }
  if (auto loops = dyn_cast<LoopOpInterface>(tensor.getDefiningOp()))
    return evaluateLoops(loops) ? known.lookup({tensor, position}) : Value();
  if (auto rows = dyn_cast<DecomposeOpInterface>(tensor.getDefiningOp())) {
    Value formula = formulas.lookup(tensor);
    if (!formula) {
      OpBuilder before(rows);
      formula = rows.decompose(before);
      formulas.insert(tensor, formula);
    }
    return elementOf({formula, position});
  }
  auto op = dyn_cast<ElementOpInterface>(tensor.getDefiningOp());
  if (!op)
    return {};
  HostElementBuilder elements(*this, op->getLoc());
  Value result = op.emitElement(elements, at);
  return elements.failed ? Value() : result;
}

bool HostElements::evaluateLoops(LoopOpInterface op) {
  auto isStatic = [&](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    if (tensor.hasStaticShape() && tensor.getNumElements() > maxElements)
      tooMany = std::max(tooMany, tensor.getNumElements());
    return tensor.hasStaticShape() && tensor.getNumElements() <= maxElements;
  };
  auto iterations = ShapeBuilder::getConstant(op.iterationCount(shapes));
  if (!iterations || *iterations > work || !llvm::all_of(op->getResultTypes(), isStatic))
    return false;
  HostElementBuilder elements(*this, op->getLoc(), op);
  for (int64_t i = 0; i < *iterations && !elements.failed; ++i)
    op.emitIteration(elements, elements.index(i));
  if (elements.failed)
    return false;
  for (auto &[place, scalar] : elements.stored) {
    Value result = op->getResult(place.first);
    known.insert({result, place.second}, normalize(scalar, elementTypeOf(result).isUnsignedInteger()));
  }
  return true;
}

std::optional<SmallVector<Value>> HostElements::elements(Value tensor) {
  work = std::min(workPerTensor, workOfProgram);
  tooMany = 0;
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.hasStaticShape() || type.getNumElements() > maxElements)
    return std::nullopt;
  int64_t before = work;
  SmallVector<Value> result;
  for (int64_t i = 0, n = type.getNumElements(); i < n; ++i) {
    result.push_back(element(tensor, i));
    if (!result.back())
      break;
  }
  workOfProgram -= before - work;
  if (!result.empty() && !result.back())
    return std::nullopt;
  return result;
}

std::optional<SmallVector<OpFoldResult>> HostElements::indices(Value tensor) {
  auto scalars = elements(tensor);
  if (!scalars)
    return std::nullopt;
  SmallVector<OpFoldResult> result;
  for (Value scalar : *scalars) {
    Type type = elementTypeOf(tensor);
    if (isa<FloatType>(type)) {
      HostElementBuilder builder(*this, scalar.getLoc());
      scalar = convertScalar(builder, scalar, type, shapes.builder.getI64Type());
    }
    result.push_back(toIndex(scalar, type.isUnsignedInteger() || type.isInteger(1)));
  }
  return result;
}

//===-- Arithmetic ----------------------------------------------------------------------------------------------===//

static std::optional<bool> decided(OpFoldResult condition) {
  if (auto number = getConstantIntValue(condition))
    return *number != 0;
  return std::nullopt;
}

/// Whether a < b (or with `orEqual` a <= b) for all values in the ranges; nothing where it depends.
static std::optional<bool> isLess(IndexRange a, IndexRange b, bool orEqual) {
  if (orEqual ? a.greatest <= b.least : a.greatest < b.least)
    return true;
  if (orEqual ? a.least > b.greatest : a.least >= b.greatest)
    return false;
  return std::nullopt;
}

std::optional<bool> HostElements::decide(CmpIPredicate predicate, OpFoldResult a, OpFoldResult b) {
  IndexRange x = shapes.range(a), y = shapes.range(b);
  bool same = a == b, positive = x.least >= 0 && y.least >= 0;
  switch (predicate) {
  case CmpIPredicate::eq:
  case CmpIPredicate::ne: {
    bool disjoint = x.greatest < y.least || y.greatest < x.least;
    bool equal = same || (x.least == x.greatest && y.least == y.greatest && x.least == y.least);
    if (!disjoint && !equal)
      return std::nullopt;
    return equal == (predicate == CmpIPredicate::eq);
  }
  case CmpIPredicate::ult:
  case CmpIPredicate::ule:
  case CmpIPredicate::ugt:
  case CmpIPredicate::uge:
    if (!positive)
      return std::nullopt;
    break;
  default:
    break;
  }
  switch (predicate) {
  case CmpIPredicate::slt:
  case CmpIPredicate::ult:
    return same ? false : isLess(x, y, false);
  case CmpIPredicate::sle:
  case CmpIPredicate::ule:
    return same ? true : isLess(x, y, true);
  case CmpIPredicate::sgt:
  case CmpIPredicate::ugt:
    return same ? false : isLess(y, x, false);
  default:
    return same ? true : isLess(y, x, true);
  }
}

OpFoldResult HostElements::compare(CmpIPredicate predicate, OpFoldResult a, OpFoldResult b) {
  if (auto known = decide(predicate, a, b))
    return condition(*known);
  Value lhs = shapes.materialize(a), rhs = shapes.materialize(b);
  if (predicate == CmpIPredicate::eq || predicate == CmpIPredicate::ne)
    if (Value swapped = comparisons.lookup({unsigned(predicate), rhs.getAsOpaquePointer(), lhs.getAsOpaquePointer()}))
      return swapped;
  std::tuple key(unsigned(predicate), lhs.getAsOpaquePointer(), rhs.getAsOpaquePointer());
  if (Value known = comparisons.lookup(key))
    return known;
  Value result = arith::CmpIOp::create(shapes.builder, shapes.builder.getUnknownLoc(), predicate, lhs, rhs);
  comparisons.insert(key, result);
  return result;
}

OpFoldResult HostElements::select(OpFoldResult condition, OpFoldResult a, OpFoldResult b) {
  if (auto known = decided(condition))
    return *known ? a : b;
  if (a == b)
    return a;
  Value which = cast<Value>(condition), lhs = shapes.materialize(a), rhs = shapes.materialize(b);
  std::tuple key(which.getAsOpaquePointer(), lhs.getAsOpaquePointer(), rhs.getAsOpaquePointer());
  if (Value known = selections.lookup(key))
    return known;
  Value result = arith::SelectOp::create(shapes.builder, shapes.builder.getUnknownLoc(), which, lhs, rhs);
  selections.insert(key, result);
  return result;
}

/// Op(a, b), where Op(x, neutral) is x and Op(x, !neutral) is !neutral.
template <typename Op> OpFoldResult HostElements::logical(OpFoldResult a, OpFoldResult b, bool neutral) {
  if (auto known = decided(a))
    return *known == neutral ? b : a;
  if (auto known = decided(b))
    return *known == neutral ? a : b;
  return shapes.builder.createOrFold<Op>(shapes.builder.getUnknownLoc(), cast<Value>(a), cast<Value>(b));
}
OpFoldResult HostElements::logicalAnd(OpFoldResult a, OpFoldResult b) { return logical<arith::AndIOp>(a, b, true); }
OpFoldResult HostElements::logicalOr(OpFoldResult a, OpFoldResult b) { return logical<arith::OrIOp>(a, b, false); }

OpFoldResult HostElements::logicalNot(OpFoldResult a) {
  if (auto known = decided(a))
    return condition(!*known);
  Location loc = shapes.builder.getUnknownLoc();
  Value yes = arith::ConstantOp::create(shapes.builder, loc, shapes.builder.getBoolAttr(true));
  return shapes.builder.createOrFold<arith::XOrIOp>(loc, cast<Value>(a), yes);
}

OpFoldResult HostElements::simplifyCondition(Value value) {
  if (auto number = getConstantIntValue(value))
    return condition(*number != 0);
  if (OpFoldResult known = conditions.lookup(value))
    return known;
  OpFoldResult simple = simplerCondition(value);
  // What it comes down to may have been assumed not to hold.
  if (auto other = dyn_cast<Value>(simple))
    if (OpFoldResult known = conditions.lookup(other))
      simple = known;
  conditions.insert(value, simple);
  return simple;
}

void HostElements::assumeNot(OpFoldResult refuted) {
  if (auto value = dyn_cast<Value>(refuted))
    conditions.insert(value, condition(false));
}

OpFoldResult HostElements::simplerCondition(Value value) {
  Operation *op = value.getDefiningOp();
  if (auto comparison = dyn_cast_or_null<arith::CmpIOp>(op)) {
    Type type = comparison.getLhs().getType();
    if (type.isIndex() || type.isInteger(64))
      return compare(comparison.getPredicate(), toIndex(comparison.getLhs()), toIndex(comparison.getRhs()));
  }
  if (isa_and_nonnull<arith::AndIOp>(op))
    return logicalAnd(simplifyCondition(op->getOperand(0)), simplifyCondition(op->getOperand(1)));
  if (isa_and_nonnull<arith::OrIOp>(op))
    return logicalOr(simplifyCondition(op->getOperand(0)), simplifyCondition(op->getOperand(1)));
  if (isa_and_nonnull<arith::XOrIOp>(op))
    if (auto inverts = getConstantIntValue(op->getOperand(1)))
      if (auto known = decided(simplifyCondition(op->getOperand(0))))
        return condition(*known != (*inverts != 0));
  if (isa_and_nonnull<arith::SelectOp>(op))
    if (auto known = decided(simplifyCondition(op->getOperand(0))))
      return simplifyCondition(op->getOperand(*known ? 1 : 2));
  return value;
}

OpFoldResult HostElements::toIndex(Value scalar, bool isUnsigned) {
  if (OpFoldResult known = indexForms.lookup({scalar, isUnsigned}))
    return known;
  OpFoldResult index = simplerIndex(scalar, isUnsigned);
  indexForms.insert({scalar, isUnsigned}, index);
  return index;
}

OpFoldResult HostElements::simplerIndex(Value scalar, bool isUnsigned) {
  OpBuilder &builder = shapes.builder;
  APInt constant;
  if (matchPattern(scalar, m_ConstantInt(&constant)))
    return shapes.constant(isUnsigned ? int64_t(constant.getZExtValue()) : constant.getSExtValue());
  Type type = scalar.getType();
  Operation *op = scalar.getDefiningOp();
  bool isWide = type.isIndex() || type.isInteger(64);
  if (isWide && op) {
    if (auto cast = dyn_cast<arith::IndexCastOp>(op))
      if (cast.getIn().getType().isIndex())
        return cast.getIn();
    auto operand = [&](unsigned i) { return toIndex(op->getOperand(i), isUnsigned); };
    if (isa<arith::AddIOp>(op))
      return shapes.add(operand(0), operand(1));
    if (isa<arith::SubIOp>(op))
      return shapes.sub(operand(0), operand(1));
    if (isa<arith::MulIOp>(op))
      return shapes.mul(operand(0), operand(1));
    if (isa<arith::MinSIOp>(op))
      return shapes.min(operand(0), operand(1));
    if (isa<arith::MaxSIOp>(op))
      return shapes.max(operand(0), operand(1));
    if (isa<arith::SelectOp>(op))
      return select(simplifyCondition(op->getOperand(0)), operand(1), operand(2));
    if (isa<arith::DivSIOp, arith::DivUIOp>(op)) {
      OpFoldResult a = operand(0), b = operand(1);
      if (shapes.range(a).least >= 0 && shapes.range(b).least >= 1)
        return shapes.floorDiv(a, b);
    }
  }
  if (type.isIndex())
    return scalar;
  if (Value known = casts.lookup(scalar))
    return known;
  Value index = isUnsigned
                    ? arith::IndexCastUIOp::create(builder, scalar.getLoc(), builder.getIndexType(), scalar).getResult()
                    : arith::IndexCastOp::create(builder, scalar.getLoc(), builder.getIndexType(), scalar).getResult();
  casts.insert(scalar, index);
  return index;
}

Value HostElements::normalize(Value scalar, bool isUnsigned) {
  OpBuilder &builder = shapes.builder;
  Type type = scalar.getType();
  if (type.isInteger(1)) {
    OpFoldResult simple = simplifyCondition(scalar);
    if (auto known = decided(simple))
      return arith::ConstantOp::create(builder, scalar.getLoc(), builder.getBoolAttr(*known));
    return cast<Value>(simple);
  }
  if (!type.isInteger(64) || matchPattern(scalar, m_Constant()))
    return scalar;
  if (isUnsigned) {
    toIndex(scalar, isUnsigned); // remembered level by level: a walk over the whole chain would be as deep as it
    return scalar;
  }
  OpFoldResult index = toIndex(scalar);
  if (auto number = getConstantIntValue(index))
    return arith::ConstantOp::create(builder, scalar.getLoc(), builder.getI64IntegerAttr(*number));
  if (Value known = casts.lookup(cast<Value>(index)))
    return known;
  Value wide = arith::IndexCastOp::create(builder, scalar.getLoc(), type, cast<Value>(index));
  casts.insert(cast<Value>(index), wide);
  return wide;
}

bool HostElements::check(Location loc, OpFoldResult holds, const Twine &message, OpFoldResult first,
                         OpFoldResult second) {
  auto known = decided(holds);
  if (known && *known)
    return true;
  OpBuilder &builder = shapes.builder;
  Value condition =
      known ? Value(arith::ConstantOp::create(builder, loc, builder.getBoolAttr(false))) : cast<Value>(holds);
  Value a = shapes.materialize(first), b = shapes.materialize(second);
  CheckOp::create(builder, loc, condition, builder.getStringAttr(message), a, b);
  return !known;
}

//===-- Folding -------------------------------------------------------------------------------------------------===//

std::optional<DenseElementsAttr> hone::foldToConstant(Operation *op) {
  if (!isa<ElementOpInterface>(op) || isa<ConstantOp>(op))
    return std::nullopt;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || !type.hasStaticShape() || storageBytes(type, type.getNumElements()) > kMaxConstantBytes)
    return std::nullopt;
  for (Value operand : op->getOperands())
    if (!operand.getDefiningOp<ConstantOp>() && !getConstantIntValue(operand))
      return std::nullopt;

  // Scalars are built in a block of their own and folded to constants as they are built.
  Block scratch;
  OpBuilder builder(op->getContext());
  builder.setInsertionPointToEnd(&scratch);
  ShapeBuilder shapes(builder);
  constexpr int64_t workPerConstant = 1 << 15; // what takes more is for kernels
  HostElements host(shapes, /*mayCheck=*/false, workPerConstant);
  SmallVector<Attribute> values;
  for (int64_t i = 0, n = type.getNumElements(); i < n; ++i) {
    Value scalar = host.element(op->getResult(0), i);
    Attribute value;
    if (!scalar || !matchPattern(scalar, m_Constant(&value)))
      return std::nullopt;
    // Attributes have the tensor's own type: the unsigned one, or a float of these bits.
    if (auto integer = dyn_cast<IntegerAttr>(value)) {
      if (auto half = dyn_cast<FloatType>(type.getElementType()))
        value = FloatAttr::get(half, APFloat(half.getFloatSemantics(), integer.getValue()));
      else
        value = IntegerAttr::get(type.getElementType(), integer.getValue());
    }
    values.push_back(value);
  }
  return DenseElementsAttr::get(type, values);
}
