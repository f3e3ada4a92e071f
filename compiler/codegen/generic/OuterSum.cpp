// Rows of a result as sums of rows of an operand.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/generic/Generic.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace hone;

/// Rows that are added at a time: a sum is loaded and stored once for all of them.
static constexpr int64_t kRowsTogether = 8;

namespace {
class OuterSum {
public:
  OuterSum(KernelEmitter &emitter, const Schedule &schedule)
      : e(emitter), schedule(schedule), op(schedule.sum), sum(op->getResult(0)), inner(schedule.space.size() - 1),
        indices(inner + 1), counts(e.loopBounds(e.sizes(schedule.summed))) {}

  void build() {
    SmallVector<Value> stepSizes = e.sizes(schedule.steps(e.shapes()));
    e.over(e.body.begin, e.body.end, /*vectorize=*/false, [&](Value iteration) {
      llvm::copy(e.delinearize(iteration, stepSizes), indices.begin());
      if (schedule.rowsPerStep == 1)
        sumRows(inner ? indices[inner - 1] : Value());
      else
        sumSeveralRows(indices[inner - 1]);
    });
  }

private:
  /// The rows of step `step`. At the end there may be fewer, one after the other.
  void sumSeveralRows(Value step) {
    Value size = e.size(schedule.space[inner - 1]), first = e.mul(step, e.index(schedule.rowsPerStep));
    Value end = e.add(first, e.index(schedule.rowsPerStep));
    auto all = [&] {
      SmallVector<Value> rows;
      for (int64_t i = 0; i < schedule.rowsPerStep; ++i)
        rows.push_back(e.add(first, e.index(i)));
      sumRows(rows);
    };
    auto rest = [&] { e.over(first, size, /*vectorize=*/false, [&](Value row) { sumRows(row); }); };
    e.chooseEffect(e.compare(arith::CmpIPredicate::ule, end, size), all, rest);
  }

  /// Rows of the result that read the same rows of the operand. They differ in the index ahead of the innermost; null:
  /// there is none.
  void sumRows(ArrayRef<Value> rows) {
    Value result = e.kernel.getBody().front().getTerminator()->getOperand(0);
    overRows(rows, [&] { e.store(0, indices, op.emitInitial(e)); });
    addFrom(0, rows);
    if (result == sum)
      return;
    overRows(rows, [&] {
      e.know(sum, e.loadResult(0, indices));
      e.store(0, indices, e.load(result, indices));
      e.forget(sum);
    });
  }

  void overRows(ArrayRef<Value> rows, function_ref<void()> body) {
    overDims(e, {inner}, schedule.space, indices, [&] {
      for (Value row : rows) {
        if (row)
          indices[inner - 1] = row;
        body();
      }
    });
  }

  /// The loops over the summed dims from `depth` on. The last one goes in groups of rows.
  void addFrom(size_t depth, ArrayRef<Value> rows) {
    Value zero = e.index(0), count = counts[depth];
    if (depth + 1 < counts.size())
      return e.over(zero, count, /*vectorize=*/false, [&](Value position) {
        positions.push_back(position);
        addFrom(depth + 1, rows);
        positions.pop_back();
      });
    int64_t together = schedule.isExpensive ? 1 : rows.size() > 1 ? kRowsTogether / 2 : kRowsTogether;
    Value size = e.index(together);
    Value groups = e.builder.createOrFold<arith::DivUIOp>(e.loc, count, size);
    e.over(zero, groups, /*vectorize=*/false, [&](Value group) { add(rows, e.mul(group, size), together); });
    e.over(e.mul(groups, size), count, /*vectorize=*/false, [&](Value position) { add(rows, position, 1); });
  }

  /// Adds `count` rows of the operand from `first` on.
  void add(ArrayRef<Value> rows, Value first, int64_t count) {
    SmallVector<Value> steps;
    for (int64_t i = 0; i < count; ++i)
      steps.push_back(e.add(first, e.index(i)));
    overRows(rows, [&] {
      Value partial = e.loadResult(0, indices);
      for (Value step : steps) {
        positions.push_back(step);
        partial = op.emitStep(e, indices, positions, partial);
        positions.pop_back();
      }
      e.store(0, indices, partial);
    });
  }

  KernelEmitter &e;
  const Schedule &schedule;
  AccumulateOpInterface op;
  Value sum; // its result
  int64_t inner;
  SmallVector<Value> indices, positions, counts;
};
} // namespace

void hone::buildOuterSum(KernelEmitter &emitter, const Schedule &schedule) { OuterSum(emitter, schedule).build(); }
