// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/ShapeBuilder.h"
#include "dialects/hone/Hone.h"
#include "dialects/hone/Regions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace hone;

/// Values further down are seldom what bounds a value.
static constexpr unsigned kMaxRangeDepth = 64;

/// The name of a dynamic dim of an entry argument: its symbol, or one that no other dim has.
static std::string symbolOf(FunctionOpInterface function, BlockArgument argument, int64_t index) {
  std::string symbol;
  // Upstream's verifier takes a tensor.dim beyond the rank.
  auto names = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), kDimsAttr);
  if (names && index >= 0 && uint64_t(index) < names.size())
    symbol = cast<StringAttr>(names[index]).getValue().str();
  if (symbol.empty())
    symbol = (Twine("#") + Twine(argument.getArgNumber()) + "." + Twine(index)).str();
  return symbol;
}

//===-- Ranges --------------------------------------------------------------------------------------------------===//

// Values may come from data, and arithmetic on them wraps. So a range says only what holds without any assumption but
// one: no dim exceeds kMaxDim, and no input has more than kMaxDim elements, zeros counted as one.

using Overflowing = bool (*)(int64_t, int64_t, int64_t &);

static bool addOverflows(int64_t a, int64_t b, int64_t &sum) { return llvm::AddOverflow(a, b, sum); }
static bool subOverflows(int64_t a, int64_t b, int64_t &difference) { return llvm::SubOverflow(a, b, difference); }

/// [least of `low`, greatest of `high`] of an operation, or nothing where one of them wraps.
static IndexRange combined(Overflowing overflows, std::pair<int64_t, int64_t> low, std::pair<int64_t, int64_t> high) {
  IndexRange range;
  if (overflows(low.first, low.second, range.least) || overflows(high.first, high.second, range.greatest))
    return {};
  return range;
}

/// value = coefficient · factors, by walking products. False if the coefficient is too large or the product too long;
/// nothing is said then.
static bool collectFactors(OpFoldResult value, int64_t &coefficient, SmallVectorImpl<Value> &factors) {
  constexpr unsigned maxFactors = 32; // powers by squaring would have thousands, and chains are as long as the model
  SmallVector<OpFoldResult> rest{value};
  for (unsigned products = 0; !rest.empty();) {
    OpFoldResult next = rest.pop_back_val();
    if (auto number = ShapeBuilder::getConstant(next)) {
      if (llvm::MulOverflow(coefficient, *number, coefficient))
        return false;
      continue;
    }
    auto product = cast<Value>(next).getDefiningOp<arith::MulIOp>();
    if (!product)
      factors.push_back(cast<Value>(next));
    else
      rest.append({product.getRhs(), product.getLhs()});
    if (factors.size() > maxFactors || (product && ++products > 2 * maxFactors))
      return false;
  }
  return true;
}

/// The symbol of a dynamic dim of an entry argument, or "".
static std::string entrySymbol(Value value) {
  auto dim = value.getDefiningOp<tensor::DimOp>();
  auto argument = dim ? dyn_cast<BlockArgument>(dim.getSource()) : BlockArgument();
  if (!argument || !dim.getConstantIndex())
    return "";
  return symbolOf(cast<FunctionOpInterface>(argument.getOwner()->getParentOp()), argument, *dim.getConstantIndex());
}

ArrayRef<llvm::StringMap<unsigned>> ShapeBuilder::symbolsOfEntries(FunctionOpInterface function) {
  if (entries)
    return *entries;
  entries.emplace();
  for (BlockArgument argument : function.getArguments()) {
    llvm::StringMap<unsigned> counts;
    if (auto type = dyn_cast<ShapedType>(argument.getType()))
      for (int64_t i = 0; i < type.getRank(); ++i)
        if (type.isDynamicDim(i))
          ++counts[symbolOf(function, argument, i)];
    if (counts.size() > 1 || (counts.size() == 1 && counts.begin()->second > 1)) {
      for (const auto &each : counts)
        entriesOf[each.first()].push_back(entries->size());
      entries->push_back(std::move(counts));
    }
  }
  return *entries;
}

std::optional<int64_t> ShapeBuilder::greatestProduct(int64_t coefficient, ArrayRef<Value> factors, unsigned depth) {
  int64_t greatest = coefficient;
  auto multiply = [&](int64_t number) { return !llvm::MulOverflow(greatest, number, greatest); };
  llvm::StringMap<unsigned> symbols; // of factors that are dims of inputs
  Operation *entry = nullptr;
  for (Value factor : factors) {
    std::string symbol = entrySymbol(factor);
    if (symbol.empty()) {
      IndexRange own = rangeOf(factor, depth);
      if (own.least < 0 || !multiply(std::max<int64_t>(own.greatest, 1))) // zeros count as one
        return std::nullopt;
      continue;
    }
    ++symbols[symbol];
    entry = factor.getParentBlock()->getParentOp();
  }
  // Dims that one input has together are bounded together.
  while (!symbols.empty()) {
    llvm::StringMap<unsigned> covered;
    unsigned most = 0;
    auto known = symbolsOfEntries(cast<FunctionOpInterface>(entry));
    SmallVector<unsigned> numbers;
    for (const auto &each : symbols)
      llvm::append_range(numbers, entriesOf[each.first()]);
    llvm::sort(numbers);
    for (unsigned number : numbers) {
      const llvm::StringMap<unsigned> &own = known[number];
      llvm::StringMap<unsigned> shared;
      unsigned count = 0;
      for (const auto &each : symbols)
        if (unsigned number = std::min(each.second, own.lookup(each.first()))) {
          shared[each.first()] = number;
          count += number;
        }
      if (count > most) {
        most = count;
        covered = std::move(shared);
      }
    }
    if (most == 0)
      covered[symbols.begin()->first()] = 1;
    for (const auto &each : covered)
      if ((symbols[each.first()] -= each.second) == 0)
        symbols.erase(each.first());
    if (!multiply(kMaxDim))
      return std::nullopt;
  }
  return greatest;
}

bool ShapeBuilder::isProductWithin(ArrayRef<OpFoldResult> factors, int64_t limit) {
  int64_t coefficient = 1;
  SmallVector<Value> dynamic;
  for (OpFoldResult factor : factors)
    if (auto number = getConstant(factor)) {
      if (llvm::MulOverflow(coefficient, std::max<int64_t>(*number, 1), coefficient))
        return false;
    } else if (!collectFactors(factor, coefficient, dynamic)) {
      return false;
    }
  auto greatest = greatestProduct(coefficient, dynamic, kMaxRangeDepth);
  return greatest && *greatest <= limit;
}

SmallVector<std::string> ShapeBuilder::entrySymbols(OpFoldResult value) {
  int64_t coefficient = 1;
  SmallVector<Value> factors;
  SmallVector<std::string> symbols;
  if (!collectFactors(value, coefficient, factors))
    return {};
  for (Value factor : factors) {
    symbols.push_back(entrySymbol(factor));
    if (symbols.back().empty())
      return {};
  }
  return symbols;
}

IndexRange ShapeBuilder::rangeOfOp(Operation *op, unsigned depth) {
  auto operand = [&](unsigned i) { return rangeOf(op->getOperand(i), depth); };
  if (isa<arith::MulIOp>(op)) {
    int64_t coefficient = 1;
    SmallVector<Value> factors;
    if (!collectFactors(op->getResult(0), coefficient, factors) || coefficient < 0)
      return {};
    auto greatest = greatestProduct(coefficient, factors, depth);
    return greatest ? IndexRange{0, *greatest} : IndexRange{};
  }
  if (isa<arith::DivUIOp>(op)) {
    IndexRange a = operand(0);
    return a.least >= 0 ? IndexRange{0, a.greatest} : IndexRange{};
  }
  if (isa<arith::SelectOp>(op)) {
    IndexRange a = operand(1), b = operand(2);
    return {std::min(a.least, b.least), std::max(a.greatest, b.greatest)};
  }
  if (!isa<arith::MinSIOp, arith::MaxSIOp, arith::AddIOp, arith::SubIOp>(op))
    return {};
  IndexRange a = operand(0), b = operand(1);
  if (isa<arith::MinSIOp>(op))
    return {std::min(a.least, b.least), std::min(a.greatest, b.greatest)};
  if (isa<arith::MaxSIOp>(op))
    return {std::max(a.least, b.least), std::max(a.greatest, b.greatest)};
  if (isa<arith::AddIOp>(op))
    return combined(addOverflows, {a.least, b.least}, {a.greatest, b.greatest});
  return combined(subOverflows, {a.least, b.greatest}, {a.greatest, b.least});
}

IndexRange ShapeBuilder::rangeOf(Value value, unsigned depth) {
  if (auto number = getConstantIntValue(value))
    return {*number, *number};
  if (auto known = ranges.begin(value); known != ranges.end())
    return *known;
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<tensor::DimOp>(op))
    return {0, kMaxDim};
  if (!op || depth == 0 || op->getNumResults() != 1)
    return {};
  IndexRange range = rangeOfOp(op, depth - 1);
  ranges.insert(value, range);
  return range;
}

IndexRange ShapeBuilder::range(OpFoldResult value) {
  if (auto number = getConstantIntValue(value))
    return {*number, *number};
  return rangeOf(cast<Value>(value), kMaxRangeDepth);
}

void ShapeBuilder::assume(OpFoldResult value, IndexRange range) {
  if (getConstant(value))
    return;
  IndexRange known = this->range(value);
  ranges.insert(cast<Value>(value), {std::max(known.least, range.least), std::min(known.greatest, range.greatest)});
}

bool ShapeBuilder::vanishesWith(OpFoldResult b, OpFoldResult a) {
  int64_t ofA = 1, ofB = 1;
  SmallVector<Value> factorsA, factorsB;
  if (a == b)
    return true;
  if (!collectFactors(a, ofA, factorsA) || !collectFactors(b, ofB, factorsB))
    return false;
  return ofB == 0 ||
         (ofA != 0 && llvm::all_of(factorsA, [&](Value factor) { return llvm::is_contained(factorsB, factor); }));
}

//===-- Dims and their arithmetic -------------------------------------------------------------------------------===//

OpFoldResult ShapeBuilder::constant(MLIRContext *context, int64_t value) {
  return IntegerAttr::get(IndexType::get(context), value);
}

std::optional<int64_t> ShapeBuilder::getConstant(OpFoldResult value) { return getConstantIntValue(value); }

void ShapeBuilder::setDims(Value tensor, ArrayRef<OpFoldResult> dims) {
  known.insert(tensor, SmallVector<OpFoldResult, 4>(dims));
}

void ShapeBuilder::forget(Operation *op) {
  for (Value result : op->getResults())
    for (auto entry = known.begin(result); entry != known.end(); ++entry) // in the scopes around, too
      entry->clear();
}

Value ShapeBuilder::findDim(FunctionOpInterface function, Block &entry, StringRef symbol) {
  if (!standingDims) {
    standingDims.emplace();
    for (BlockArgument argument : entry.getArguments())
      for (Operation *user : argument.getUsers())
        if (auto dim = dyn_cast<tensor::DimOp>(user); dim && dim->getBlock() == &entry && dim.getConstantIndex())
          (*standingDims)[symbolOf(function, argument, *dim.getConstantIndex())].push_back(dim);
  }
  for (Value dim : standingDims->lookup(symbol)) {
    Block *block = builder.getInsertionBlock();
    Operation *next = block == &entry
                          ? (builder.getInsertionPoint() == entry.end() ? nullptr : &*builder.getInsertionPoint())
                      : block->getParentOp() ? entry.findAncestorOpInBlock(*block->getParentOp())
                                             : nullptr;
    bool precedes = !next || dim.getDefiningOp()->isBeforeInBlock(next);
    if (precedes)
      return dim;
  }
  return {};
}

Value ShapeBuilder::argumentDim(BlockArgument argument, int64_t index) {
  auto function = cast<FunctionOpInterface>(argument.getOwner()->getParentOp());
  if (auto sizes = function.getArgAttrOfType<DenseI64ArrayAttr>(argument.getArgNumber(), kSizesAttr)) {
    auto type = cast<RankedTensorType>(argument.getType());
    return argument.getOwner()->getArgument(sizes[type.getDynamicDimIndex(index)]);
  }
  std::string symbol = symbolOf(function, argument, index);
  Value &dim = symbols[symbol];
  if (!dim)
    dim = findDim(function, *argument.getOwner(), symbol);
  if (!dim) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(argument.getOwner());
    dim = tensor::DimOp::create(builder, function.getLoc(), argument, index);
  }
  return dim;
}

bool ShapeBuilder::areKnownBefore(Value value, Operation *op) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (isKnownBefore(value, op) || (type && type.hasStaticShape()))
    return true;
  auto found = type ? known.begin(value) : known.end();
  return found != known.end() && !found->empty() && llvm::all_of(*found, [&](OpFoldResult dim) {
           auto dynamic = dyn_cast<Value>(dim);
           return !dynamic || isKnownBefore(dynamic, op);
         });
}

void ShapeBuilder::learnAhead(Block &block, Operation *op) {
  auto learn = [&](Value tensor, ValueRange from) {
    if (isa<RankedTensorType>(tensor.getType()) &&
        llvm::all_of(from, [&](Value value) { return value && areKnownBefore(value, op); }))
      (void)dims(tensor);
  };
  for (BlockArgument argument : block.getArguments())
    learn(argument, initOf(argument));
  for (Operation &inner : block) {
    for (Region &region : inner.getRegions())
      llvm::for_each(region, [&](Block &each) { learnAhead(each, op); });
    for (OpResult result : inner.getResults())
      if (auto shaped = dyn_cast<ShapeOpInterface>(inner))
        learn(result, shaped.getShapeOperands());
      else if (isa<scf::IfOp>(inner))
        (void)dimsOfBranches(result, /*learns=*/false);
      else
        learn(result, initOf(result));
  }
}

void ShapeBuilder::learnAhead(Operation *op) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(op);
  for (Region &region : op->getRegions())
    llvm::for_each(region, [&](Block &block) { learnAhead(block, op); });
}

std::optional<SmallVector<OpFoldResult>> ShapeBuilder::dimsOfBranches(OpResult result, bool learns) {
  auto branches = dyn_cast<scf::IfOp>(result.getOwner());
  if (!branches || !isa<RankedTensorType>(result.getType()))
    return std::nullopt;
  Value onTrue = branches.thenYield().getOperand(result.getResultNumber());
  Value onFalse = branches.elseYield().getOperand(result.getResultNumber());
  auto areLearnt = [&] { return areKnownBefore(onTrue, branches) && areKnownBefore(onFalse, branches); };
  if (learns && !areLearnt())
    learnAhead(branches);
  if (!areLearnt())
    return std::nullopt;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(branches);
  SmallVector<OpFoldResult> chosen(dims(onTrue)), others(dims(onFalse));
  for (auto [dim, other] : llvm::zip_equal(chosen, others))
    if (!areEqual(dim, other))
      dim = select(branches.getCondition(), dim, other);
  setDims(result, chosen);
  return chosen;
}

ArrayRef<OpFoldResult> ShapeBuilder::dims(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getRank() == 0)
    return {};
  if (auto found = known.begin(tensor); found != known.end() && !found->empty())
    return *found;
  SmallVector<OpFoldResult> dims;
  if (type.hasStaticShape()) {
    for (int64_t size : type.getShape())
      dims.push_back(constant(size));
  } else if (Value init = initOf(tensor)) {
    llvm::append_range(dims, SmallVector<OpFoldResult>(this->dims(init)));
  } else if (auto argument = dyn_cast<BlockArgument>(tensor);
             argument && isa_and_nonnull<FunctionOpInterface>(argument.getOwner()->getParentOp())) {
    for (int64_t i = 0; i < type.getRank(); ++i)
      dims.push_back(type.isDynamicDim(i) ? OpFoldResult(argumentDim(argument, i)) : constant(type.getDimSize(i)));
  } else {
    auto result = dyn_cast<OpResult>(tensor);
    if (auto op = dyn_cast_or_null<ShapeOpInterface>(tensor.getDefiningOp())) {
      op.reifyShape(*this, result.getResultNumber(), dims);
    } else if (auto chosen = result ? dimsOfBranches(result) : std::nullopt) {
      dims = std::move(*chosen);
    } else { // of another dialect, or a launch whose dims nobody has set
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointAfterValue(tensor);
      for (int64_t i = 0; i < type.getRank(); ++i)
        dims.push_back(tensor::DimOp::create(builder, tensor.getLoc(), tensor, i).getResult());
    }
    // The type may know more than the shape function.
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (!type.isDynamicDim(i))
        dims[i] = constant(type.getDimSize(i));
  }
  setDims(tensor, dims);
  return *known.begin(tensor);
}

Value ShapeBuilder::materialize(OpFoldResult value) {
  if (auto existing = dyn_cast<Value>(value))
    return existing;
  int64_t number = *getConstant(value);
  Value &constant = constants[number];
  if (!constant) {
    OpBuilder::InsertionGuard guard(builder);
    Block *block = builder.getInsertionBlock();
    while (block->getParentOp() && !isa<FunctionOpInterface>(block->getParentOp()) && block->getParentOp()->getBlock())
      block = block->getParentOp()->getBlock();
    builder.setInsertionPointToStart(block);
    constant = arith::ConstantIndexOp::create(builder, builder.getUnknownLoc(), number);
  }
  return constant;
}

SmallVector<Value> ShapeBuilder::materialize(ArrayRef<OpFoldResult> values) {
  SmallVector<Value> out;
  for (OpFoldResult value : values)
    out.push_back(materialize(value));
  return out;
}

Value ShapeBuilder::build(Kind kind, Value a, Value b) {
  Location loc = builder.getUnknownLoc();
  switch (kind) {
  case Add:
    return arith::AddIOp::create(builder, loc, a, b);
  case Sub:
    return arith::SubIOp::create(builder, loc, a, b);
  case Mul:
    return arith::MulIOp::create(builder, loc, a, b);
  case Min:
    return arith::MinSIOp::create(builder, loc, a, b);
  case Max:
    return arith::MaxSIOp::create(builder, loc, a, b);
  case Broadcast: {
    Value isOne = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, a, materialize(constant(1)));
    return arith::SelectOp::create(builder, loc, isOne, b, a);
  }
  case Div: {
    if (range(b).least > 0)
      return arith::DivUIOp::create(builder, loc, a, b);
    // Division by an empty dim gives 0 and never traps.
    Value safe = arith::MaxSIOp::create(builder, loc, b, materialize(constant(1)));
    Value quotient = arith::DivUIOp::create(builder, loc, a, safe);
    Value isZero = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, b, materialize(constant(0)));
    return arith::SelectOp::create(builder, loc, isZero, materialize(constant(0)), quotient);
  }
  }
  llvm_unreachable("all kinds handled");
}

/// Goes to where all values are known first; stays where it is unless they are known in its own block.
static void setInsertionPointAfterAll(OpBuilder &builder, ArrayRef<Value> values) {
  Block *block = builder.getInsertionBlock();
  Operation *last = nullptr;
  for (Value value : values) {
    if (value.getParentBlock() != block)
      return;
    Operation *definition = value.getDefiningOp();
    if (definition && (!last || last->isBeforeInBlock(definition)))
      last = definition;
  }
  if (last)
    builder.setInsertionPointAfter(last);
  else
    builder.setInsertionPointToStart(block);
}

std::optional<ShapeBuilder::Kind> ShapeBuilder::kindOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<Kind>>(op)
      .Case([](arith::AddIOp) { return Add; })
      .Case([](arith::SubIOp) { return Sub; })
      .Case([](arith::MulIOp) { return Mul; })
      .Case([](arith::MinSIOp) { return Min; })
      .Case([](arith::MaxSIOp) { return Max; })
      .Default([](Operation *) { return std::nullopt; });
}

ShapeBuilder::Key ShapeBuilder::keyOf(Kind kind, Value a, Value b) {
  void *lhs = a.getAsOpaquePointer(), *rhs = b.getAsOpaquePointer();
  return commutes(kind) && rhs < lhs ? Key(kind, rhs, lhs) : Key(kind, lhs, rhs);
}

ShapeBuilder::DeferredPlacement::DeferredPlacement(ShapeBuilder &shapes, Block &block)
    : shapes(shapes), block(block), around(std::exchange(shapes.placement, this)), scope(shapes) {
  for (Operation &op : block)
    if (auto kind = kindOf(&op))
      standing[keyOf(*kind, op.getOperand(0), op.getOperand(1))].push_back(&op);
}

ShapeBuilder::DeferredPlacement::~DeferredPlacement() {
  place();
  shapes.placement = around;
}

Value ShapeBuilder::find(Kind kind, Value a, Value b) const {
  Block *block = builder.getInsertionBlock();
  auto precedes = [&](Operation *op) {
    return builder.getInsertionPoint() == block->end() || op->isBeforeInBlock(&*builder.getInsertionPoint());
  };
  if (placement && block == &placement->block && !placement->standing.empty()) {
    for (Operation *op : placement->standing.lookup(keyOf(kind, a, b)))
      if (precedes(op))
        return op->getResult(0);
    return {};
  }
  // It uses both. One may have as many users as the model has ops, a symbol or a 1, and seldom do both: who has fewer
  // decides how far to look.
  for (auto [ofA, ofB] : llvm::zip(a.getUsers(), b.getUsers()))
    for (Operation *user : {ofA, ofB})
      if (user->getBlock() == block && kindOf(user) == kind &&
          keyOf(kind, user->getOperand(0), user->getOperand(1)) == keyOf(kind, a, b) && precedes(user))
        return user->getResult(0);
  return {};
}

OpFoldResult ShapeBuilder::memoized(Kind kind, OpFoldResult a, OpFoldResult b) {
  Value lhs = materialize(a), rhs = materialize(b);
  Key key = keyOf(kind, lhs, rhs);
  if (Value known = memo.lookup(key))
    return known;
  auto remember = [&](Value value) { return memo.insert(key, value), value; };
  if (Value standing = find(kind, lhs, rhs))
    return remember(standing);
  // Who asks next for the same value may stand further up.
  SmallVector<Value> operands{lhs, rhs};
  if (kind == Broadcast || kind == Div)
    operands.append({materialize(constant(0)), materialize(constant(1))}); // what build() compares with
  OpBuilder::InsertionGuard guard(builder);
  goBehind(operands);
  return remember(build(kind, lhs, rhs));
}

void ShapeBuilder::goBehind(ArrayRef<Value> operands) {
  Block *around = builder.getInsertionBlock();
  if (placement && around != &placement->block) {
    // In a region without a placement of its own: what is built is remembered for the blocks around it as well, so it
    // stands in the outermost one that knows the operands.
    auto isKnownHere = [&](Value operand) { return operand.getParentBlock() == around; };
    while (around && around != &placement->block && llvm::none_of(operands, isKnownHere))
      around = around->getParentOp() ? around->getParentOp()->getBlock() : nullptr;
    if (around && around != &placement->block && around != builder.getInsertionBlock()) {
      builder.setInsertionPointToStart(around);
      return setInsertionPointAfterAll(builder, llvm::filter_to_vector(operands, isKnownHere));
    }
  }
  if (placement && around == &placement->block)
    builder.setInsertionPointToEnd(&placement->built);
  else
    setInsertionPointAfterAll(builder, operands);
}

OpFoldResult ShapeBuilder::select(Value condition, OpFoldResult a, OpFoldResult b) {
  Value lhs = materialize(a), rhs = materialize(b);
  for (Operation *user : condition.getUsers())
    if (auto known = dyn_cast<arith::SelectOp>(user);
        known && known.getTrueValue() == lhs && known.getFalseValue() == rhs &&
        (!user->getBlock()->getParentOp() || user->getBlock() == builder.getInsertionBlock()) &&
        (user->getBlock() != builder.getInsertionBlock() ||
         builder.getInsertionPoint() == builder.getInsertionBlock()->end() ||
         user->isBeforeInBlock(&*builder.getInsertionPoint())))
      return known.getResult();
  OpBuilder::InsertionGuard guard(builder);
  goBehind({condition, lhs, rhs});
  return arith::SelectOp::create(builder, builder.getUnknownLoc(), condition, lhs, rhs).getResult();
}

void ShapeBuilder::DeferredPlacement::place() {
  if (built.empty())
    return;
  SmallVector<Operation *> placed{nullptr};
  llvm::DenseMap<Operation *, size_t> place; // of `placed`, and behind which of them the others go
  for (Operation &op : block) {
    place[&op] = placed.size();
    placed.push_back(&op);
  }
  SmallVector<SmallVector<Operation *, 1>> behind(placed.size());
  for (Operation &op : built) {
    size_t last = 0;
    for (Value operand : op.getOperands())
      last = std::max(last, place.lookup(operand.getDefiningOp()));
    place[&op] = last;
    behind[last].push_back(&op);
  }
  for (auto [before, ops] : llvm::zip_equal(placed, behind)) {
    Block::iterator next = before ? std::next(before->getIterator()) : block.begin();
    for (Operation *op : ops)
      op->moveBefore(&block, next);
  }
}

static bool isConstant(OpFoldResult value, int64_t number) {
  auto constant = ShapeBuilder::getConstant(value);
  return constant && *constant == number;
}

/// value = rest + number, where value is such a sum.
static std::pair<OpFoldResult, int64_t> splitConstant(OpFoldResult value) {
  if (auto dynamic = dyn_cast<Value>(value))
    if (auto sum = dynamic.getDefiningOp<arith::AddIOp>())
      if (auto number = ShapeBuilder::getConstant(sum.getRhs()))
        return {sum.getLhs(), *number};
  return {value, 0};
}

OpFoldResult ShapeBuilder::add(OpFoldResult a, OpFoldResult b) {
  auto x = getConstant(a), y = getConstant(b);
  int64_t number;
  if (x && y)
    return constant(int64_t(uint64_t(*x) + uint64_t(*y))); // wraps as it would when run
  if (x)
    return add(b, a);
  // Constants go to the end and meet there: (a + 1) - 1 is a.
  if (y) {
    auto [rest, known] = splitConstant(a);
    if (llvm::AddOverflow(known, *y, number))
      return memoized(Add, a, b);
    return number == 0 ? rest : memoized(Add, rest, constant(number));
  }
  auto [left, leftKnown] = splitConstant(a);
  auto [right, rightKnown] = splitConstant(b);
  if (leftKnown || rightKnown)
    return add(add(left, right), add(constant(leftKnown), constant(rightKnown)));
  return memoized(Add, a, b);
}

OpFoldResult ShapeBuilder::sub(OpFoldResult a, OpFoldResult b) {
  if (a == b)
    return constant(0);
  if (auto y = getConstant(b))
    return add(a, constant(int64_t(-uint64_t(*y))));
  auto [left, leftKnown] = splitConstant(a);
  auto [right, rightKnown] = splitConstant(b);
  if (leftKnown || rightKnown)
    return add(sub(left, right), sub(constant(leftKnown), constant(rightKnown)));
  if (auto dynamic = dyn_cast<Value>(a))
    if (auto sum = dynamic.getDefiningOp<arith::AddIOp>()) {
      if (OpFoldResult(sum.getRhs()) == b)
        return sum.getLhs();
      if (OpFoldResult(sum.getLhs()) == b)
        return sum.getRhs();
    }
  // What is left of a range that begins `difference` before its end.
  if (auto dynamic = dyn_cast<Value>(b))
    if (auto difference = dynamic.getDefiningOp<arith::SubIOp>(); difference && OpFoldResult(difference.getLhs()) == a)
      return difference.getRhs();
  return memoized(Sub, a, b);
}

OpFoldResult ShapeBuilder::mul(OpFoldResult a, OpFoldResult b) { return product({a, b}); }

OpFoldResult ShapeBuilder::storageBytes(Value tensor) {
  OpFoldResult count = elementCount(tensor);
  return isNibble(tensor.getType()) ? ceilDiv(count, constant(2))
                                    : mul(count, constant(elementBytes(tensor.getType())));
}

OpFoldResult ShapeBuilder::product(ArrayRef<OpFoldResult> factors) {
  // One form for equal products: dynamic factors in the order in which they were first seen, the static part last.
  int64_t coefficient = 1;
  SmallVector<Value> dynamic;
  for (OpFoldResult factor : factors)
    if (!collectFactors(factor, coefficient, dynamic)) {
      OpFoldResult result = constant(1);
      for (OpFoldResult other : factors)
        if (!isConstant(other, 1))
          result = isConstant(result, 1) ? other : memoized(Mul, result, other);
      return result;
    }
  if (coefficient == 0)
    return constant(0);
  for (Value factor : dynamic)
    factorOrder.try_emplace(factor, factorOrder.size());
  llvm::sort(dynamic, [&](Value a, Value b) { return factorOrder.lookup(a) < factorOrder.lookup(b); });
  if (dynamic.empty())
    return constant(coefficient);
  OpFoldResult result = dynamic.front();
  for (Value factor : ArrayRef(dynamic).drop_front())
    result = memoized(Mul, result, factor);
  return coefficient == 1 ? result : memoized(Mul, result, constant(coefficient));
}

OpFoldResult ShapeBuilder::floorDiv(OpFoldResult a, OpFoldResult b) {
  if (isConstant(b, 1))
    return a;
  if (isConstant(b, 0))
    return constant(0);
  auto x = getConstant(a), y = getConstant(b);
  if (x && y && *x >= 0 && *y > 0)
    return constant(*x / *y);
  int64_t numerator = 1, denominator = 1;
  SmallVector<Value> up, down;
  if (!collectFactors(a, numerator, up) || !collectFactors(b, denominator, down))
    return memoized(Div, a, b);
  SmallVector<Value> rest;
  for (Value factor : down) {
    auto *found = llvm::find(up, factor);
    if (found == up.end())
      rest.push_back(factor);
    else
      up.erase(found);
  }
  if (rest.empty() && denominator != 0 && numerator % denominator == 0) {
    SmallVector<OpFoldResult> factors(up.begin(), up.end());
    factors.push_back(constant(numerator / denominator));
    return product(factors);
  }
  return memoized(Div, a, b);
}

std::optional<OpFoldResult> ShapeBuilder::exactQuotient(OpFoldResult a, OpFoldResult b) {
  if (getConstant(b) == 0)
    return std::nullopt;
  OpFoldResult quotient = floorDiv(a, b);
  return areEqual(mul(quotient, b), a) ? std::optional(quotient) : std::nullopt;
}

OpFoldResult ShapeBuilder::ceilDiv(OpFoldResult a, OpFoldResult b) { return floorDiv(sub(add(a, b), constant(1)), b); }

OpFoldResult ShapeBuilder::min(OpFoldResult a, OpFoldResult b) {
  IndexRange x = range(a), y = range(b);
  if (a == b || x.greatest <= y.least)
    return a;
  return y.greatest <= x.least ? b : memoized(Min, a, b);
}

OpFoldResult ShapeBuilder::max(OpFoldResult a, OpFoldResult b) {
  IndexRange x = range(a), y = range(b);
  if (a == b || x.least >= y.greatest)
    return a;
  return y.least >= x.greatest ? b : memoized(Max, a, b);
}

/// Whether `capped` = min(dim, c) with c >= 1: where both broadcast, the result is `dim`.
static bool isCapped(ShapeBuilder &shapes, OpFoldResult capped, OpFoldResult dim) {
  auto value = dyn_cast<Value>(capped);
  auto least = value ? value.getDefiningOp<arith::MinSIOp>() : nullptr;
  if (!least)
    return false;
  return (OpFoldResult(least.getLhs()) == dim && shapes.range(least.getRhs()).least >= 1) ||
         (OpFoldResult(least.getRhs()) == dim && shapes.range(least.getLhs()).least >= 1);
}

OpFoldResult ShapeBuilder::broadcast(OpFoldResult a, OpFoldResult b) {
  if (a == b || isConstant(b, 1) || isCapped(*this, b, a))
    return a;
  if (isConstant(a, 1) || isCapped(*this, a, b))
    return b;
  // A fixed dim other than 1 decides: the other one is equal to it or 1.
  if (getConstant(a))
    return a;
  if (getConstant(b))
    return b;
  return memoized(Broadcast, a, b);
}

SmallVector<OpFoldResult> ShapeBuilder::broadcastShapes(ValueRange tensors) {
  int64_t rank = 0;
  for (Value tensor : tensors)
    rank = std::max(rank, rankOf(tensor));
  SmallVector<OpFoldResult> result(rank, constant(1));
  for (Value tensor : tensors) {
    SmallVector<OpFoldResult> own(dims(tensor));
    int64_t lead = rank - own.size();
    for (auto [i, dim] : llvm::enumerate(own))
      result[lead + i] = broadcast(result[lead + i], dim);
  }
  return result;
}

bool hone::keepsDims(const Loop &loop, unsigned i, ShapeBuilder &shapes) {
  SmallVector<OpFoldResult> first(shapes.dims(loop.inits[i].get()));
  return shapes.dims(loop.yielded[i].get()) == ArrayRef<OpFoldResult>(first);
}

void hone::refineResultTypes(ShapeBuilder &shapes, Operation *op) {
  for (OpResult result : op->getResults()) {
    auto type = cast<RankedTensorType>(result.getType());
    SmallVector<int64_t> sizes;
    for (OpFoldResult dim : shapes.dims(result))
      sizes.push_back(ShapeBuilder::getConstant(dim).value_or(ShapedType::kDynamic));
    for (int64_t &size : sizes)
      if (size < 0)
        size = ShapedType::kDynamic;
    result.setType(type.clone(sizes));
  }
}
