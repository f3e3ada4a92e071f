// Long loops look at the cancellation flag.
//
// The runtime looks at the flag between chunks of a launch, so a kernel has to look itself only where one iteration of
// its range may take long: a row of 10^8 elements, a product over a long dim. Such loops are strip-mined, as HotSpot
// does for safepoints: the inner loop stays what it was, to be vectorised, and the outer one looks at the flag between
// strips. A loop that ends within its first strip looks at nothing.
//
// What has been cancelled leaves its results unfinished. Every load and store is one that the whole loop would have
// done too.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/Lower.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/InferIntRangeInterface.h"

namespace hone {
#define GEN_PASS_DEF_POLLCANCELLATION
#include "compiler/Passes.h.inc"
} // namespace hone

using namespace mlir;
using namespace hone;

/// Iterations of innermost loops between two looks: 10 to 100 us, a few milliseconds where each calls libm.
static constexpr int64_t kStepsPerPoll = 1 << 16;
/// What the call of a helper counts as (a register tile over a block of k).
static constexpr int64_t kStepsPerCall = 1 << 10;

namespace {

/// Decides for the loops of one kernel body, innermost first.
class Polls {
public:
  explicit Polls(func::FuncOp body)
      : cancel(body.getArguments().take_back(3)[0]), begin(body.getArguments().take_back(3)[1]),
        end(body.getArguments().take_back(3)[2]) {
    stepsOf(body.getBody());
  }
  void insert() {
    for (auto [loop, strip] : loops)
      strip == 1 ? pollEachIteration(loop) : stripMine(loop, strip);
  }

private:
  int64_t stepsOf(Region &region);
  int64_t stepsOf(scf::ForOp loop);
  ConstantIntRanges rangeOf(Value value);
  std::optional<int64_t> mostIterations(scf::ForOp loop);
  Value isWanted(OpBuilder &builder, Location loc);
  void pollEachIteration(scf::ForOp loop);
  void stripMine(scf::ForOp loop, int64_t strip);

  Value cancel, begin, end;
  DenseMap<Value, ConstantIntRanges> ranges;
  SmallVector<std::pair<scf::ForOp, int64_t>> loops; // with the iterations of a strip
};

} // namespace

/// The most steps between two looks in `region`; of branches the longest.
int64_t Polls::stepsOf(Region &region) {
  int64_t steps = 1;
  for (Operation &op : region.getOps()) {
    int64_t own = isa<func::CallOp>(op) ? kStepsPerCall : 0;
    if (auto loop = dyn_cast<scf::ForOp>(op))
      own = stepsOf(loop);
    else
      for (Region &branch : op.getRegions())
        own = std::max(own, stepsOf(branch));
    steps = llvm::SaturatingAdd(uint64_t(steps), uint64_t(own));
  }
  return steps;
}

int64_t Polls::stepsOf(scf::ForOp loop) {
  size_t polled = loops.size();
  int64_t steps = stepsOf(loop.getRegion());
  // The runtime bounds the iteration range of a call.
  bool isRange = loop.getLowerBound() == begin && loop.getUpperBound() == end;
  if (isRange && loops.size() == polled)
    return kStepsPerPoll;
  std::optional<int64_t> count = mostIterations(loop);
  if (count && *count <= kStepsPerPoll / steps)
    return *count * steps;
  // A power of two leaves no vector of a strip unfilled.
  loops.push_back({loop, int64_t(llvm::bit_floor(uint64_t(std::max<int64_t>(kStepsPerPoll / steps, 1))))});
  return kStepsPerPoll;
}

/// What `value` can be. Bounds of loops alone are asked for: the data flow analysis of MLIR, which looks at each value
/// of a kernel, cost 7 % of a compile.
ConstantIntRanges Polls::rangeOf(Value value) {
  if (auto known = ranges.find(value); known != ranges.end())
    return known->second;
  ConstantIntRanges range = ConstantIntRanges::maxRange(ConstantIntRanges::getStorageBitwidth(value.getType()));
  if (auto infers = value.getDefiningOp<InferIntRangeInterface>()) {
    if (llvm::all_of(infers->getOperandTypes(), [](Type type) { return type.isIntOrIndex(); })) {
      SmallVector<ConstantIntRanges> operands;
      for (Value operand : infers->getOperands())
        operands.push_back(rangeOf(operand));
      infers.inferResultRanges(operands, [&](Value result, const ConstantIntRanges &inferred) {
        if (result == value)
          range = inferred;
      });
    }
  } else if (auto loop = scf::getForInductionVarOwner(value)) {
    APInt lower = rangeOf(loop.getLowerBound()).smin(), upper = rangeOf(loop.getUpperBound()).smax();
    range = ConstantIntRanges::fromSigned(lower, lower.slt(upper) ? upper - 1 : lower);
  }
  ranges.try_emplace(value, range);
  return range;
}

std::optional<int64_t> Polls::mostIterations(scf::ForOp loop) {
  ConstantIntRanges lower = rangeOf(loop.getLowerBound()), upper = rangeOf(loop.getUpperBound());
  APInt step = rangeOf(loop.getStep()).smin();
  bool overflows;
  APInt distance = upper.smax().ssub_ov(lower.smin(), overflows);
  if (overflows || !step.isStrictlyPositive())
    return std::nullopt;
  return std::max<int64_t>(0, distance.getSExtValue() / step.getSExtValue());
}

/// Whether the flag is not set, as far as this thread sees.
Value Polls::isWanted(OpBuilder &builder, Location loc) {
  auto flag = LLVM::LoadOp::create(builder, loc, builder.getI32Type(), cancel, /*alignment=*/4);
  flag.setOrdering(LLVM::AtomicOrdering::monotonic); // not to be hoisted
  Value zero = arith::ConstantIntOp::create(builder, loc, builder.getI32Type(), 0);
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, flag, zero);
}

/// for (i = lower; i < upper && wanted; i += step) body
void Polls::pollEachIteration(scf::ForOp loop) {
  Location loc = loop.getLoc();
  OpBuilder builder(loop);
  SmallVector<Value> initial{loop.getLowerBound()};
  llvm::append_range(initial, loop.getInitArgs());
  auto whileOp = scf::WhileOp::create(
      builder, loc, ValueRange(initial).getTypes(), initial,
      [&](OpBuilder &b, Location loc, ValueRange carried) {
        Value isInside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, carried[0], loop.getUpperBound());
        scf::ConditionOp::create(b, loc, arith::AndIOp::create(b, loc, isInside, isWanted(b, loc)), carried);
      },
      [&](OpBuilder &b, Location loc, ValueRange carried) {
        Block *from = loop.getBody(), *to = b.getInsertionBlock();
        auto yield = cast<scf::YieldOp>(from->getTerminator());
        to->getOperations().splice(to->end(), from->getOperations());
        for (auto [before, now] : llvm::zip_equal(from->getArguments(), carried))
          before.replaceAllUsesWith(now);
        b.setInsertionPoint(yield);
        yield->insertOperands(0, arith::AddIOp::create(b, loc, carried[0], loop.getStep()).getResult());
      });
  loop.replaceAllUsesWith(whileOp.getResults().drop_front());
  loop.erase();
}

/// lower = begin
/// do { high = min(lower + strip, upper); for (i = lower; i < high; i += step) body; lower = high }
/// while (lower < upper && wanted)
void Polls::stripMine(scf::ForOp loop, int64_t strip) {
  Location loc = loop.getLoc();
  OpBuilder builder(loop);
  Value upper = loop.getUpperBound();
  Value length =
      arith::MulIOp::create(builder, loc, loop.getStep(), arith::ConstantIndexOp::create(builder, loc, strip));
  auto endOfStrip = [&](OpBuilder &b, Value lower) -> Value {
    return arith::MinSIOp::create(b, loc, arith::AddIOp::create(b, loc, lower, length), upper);
  };
  SmallVector<Value> initial{loop.getLowerBound(), endOfStrip(builder, loop.getLowerBound())};
  llvm::append_range(initial, loop.getInitArgs());
  SmallVector<Type> carriedTypes{builder.getIndexType()}; // where the next strip begins
  llvm::append_range(carriedTypes, loop.getResultTypes());
  auto whileOp = scf::WhileOp::create(
      builder, loc, carriedTypes, initial,
      [&](OpBuilder &b, Location loc, ValueRange carried) {
        auto inner = scf::ForOp::create(b, loc, carried[0], carried[1], loop.getStep(), carried.drop_front(2));
        inner->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
        inner.getRegion().takeBody(loop.getRegion());
        Value isInside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, carried[1], upper);
        auto goesOn = scf::IfOp::create(
            b, loc, isInside, [&](OpBuilder &b, Location loc) { scf::YieldOp::create(b, loc, isWanted(b, loc)); },
            [&](OpBuilder &b, Location loc) {
              scf::YieldOp::create(b, loc, arith::ConstantOp::create(b, loc, b.getBoolAttr(false)).getResult());
            });
        SmallVector<Value> next{carried[1]};
        llvm::append_range(next, inner.getResults());
        scf::ConditionOp::create(b, loc, goesOn.getResult(0), next);
      },
      [&](OpBuilder &b, Location loc, ValueRange next) {
        SmallVector<Value> carried{next[0], endOfStrip(b, next[0])};
        llvm::append_range(carried, next.drop_front());
        scf::YieldOp::create(b, loc, carried);
      });
  loop.replaceAllUsesWith(whileOp.getResults().drop_front());
  loop.erase();
}

namespace {

struct PollCancellation : hone::impl::PollCancellationBase<PollCancellation> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (isKernelBody(func))
        Polls(func).insert();
  }
};

} // namespace
