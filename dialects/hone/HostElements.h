// Elements of small tensors as scalars of the host program: shape values never become kernels.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_HOSTELEMENTS_H
#define HONE_DIALECTS_HONE_HOSTELEMENTS_H

#include "dialects/hone/Hone.h"
#include "dialects/hone/ShapeBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace hone {

/// Evaluates tensors where the host program stands, by asking the ops that define them for single elements
/// (ElementOpInterface) down to constants, dims and entry arguments. What a model computes with Shape, Gather, Concat …
/// comes out as the index values of `shapes`, so that equal dims stay one value. Remembers what it built: use one along
/// one block, in program order, and with a Scope of its own along each block in its regions.
class HostElements {
public:
  /// Tensors of more elements are data, not shapes.
  static constexpr int64_t maxElements = 4096;
  /// Elements and iterations of loops that one tensor may cost, with all that it is computed from.
  static constexpr int64_t maxWork = 1 << 17;

  /// With `mayCheck`, ops that can fail (an index outside, a division by zero) become hone.check.
  explicit HostElements(ShapeBuilder &shapes, bool mayCheck = true, int64_t workPerTensor = maxWork)
      : shapes(shapes), mayCheck(mayCheck), workPerTensor(workPerTensor), work(workPerTensor) {}

  /// The element of `tensor` at a row-major position, as a scalar of the (signless) element type; null if the host
  /// cannot compute it. Integers of 64 bits that stem from dims are index casts.
  mlir::Value element(mlir::Value tensor, int64_t position);
  /// All elements, in row-major order, of a tensor with static dims and at most maxElements elements; nothing if they
  /// depend on data or take too much work, which is for kernels.
  std::optional<llvm::SmallVector<mlir::Value>> elements(mlir::Value tensor);
  /// Whether the last tensor that was asked for took too much work.
  bool isExhausted() const { return work <= 0; }
  /// The elements of a tensor that it needs and that has more than maxElements; 0 if there is none.
  int64_t tooManyElements() const { return tooMany; }
  /// The same as index values; floats are truncated.
  std::optional<llvm::SmallVector<mlir::OpFoldResult>> indices(mlir::Value tensor);

  // Arithmetic on index values and conditions (i1), decided where ranges of dims allow it.
  mlir::OpFoldResult compare(mlir::arith::CmpIPredicate predicate, mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult select(mlir::OpFoldResult condition, mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult logicalAnd(mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult logicalOr(mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult logicalNot(mlir::OpFoldResult a);
  mlir::OpFoldResult condition(bool value) { return shapes.builder.getBoolAttr(value); }
  /// An i1 or integer scalar of the host program in the simplest form it has.
  mlir::OpFoldResult simplifyCondition(mlir::Value condition);
  mlir::OpFoldResult toIndex(mlir::Value scalar, bool isUnsigned = false);

  /// Stops the run with `message`, in which {0} and {1} stand for two index values, unless `condition` holds. Builds
  /// nothing if it always does. False if it never does.
  bool check(mlir::Location loc, mlir::OpFoldResult condition, const llvm::Twine &message, mlir::OpFoldResult first,
             mlir::OpFoldResult second);

  /// The elements of a weight, which are not in the program; null where they cannot be had.
  std::function<mlir::DenseElementsAttr(UseWeightOp)> readWeight;

  ShapeBuilder &shapes;

private:
  using Key = std::pair<mlir::Value, int64_t>;
  ScopedTable<Key, mlir::Value> known;            // null: the host cannot compute it
  ScopedTable<mlir::Value, mlir::Value> formulas; // what row ops are made of
  ScopedTable<mlir::Value, mlir::Value> casts;
  // Simplest forms. They are remembered because scalars share operands: x·x of x·x of … is a short program and a large
  // tree.
  ScopedTable<mlir::Value, mlir::OpFoldResult> conditions;
  ScopedTable<std::pair<mlir::Value, unsigned>, mlir::OpFoldResult> indexForms;
  ScopedTable<std::tuple<unsigned, void *, void *>, mlir::Value> comparisons;
  ScopedTable<std::tuple<void *, void *, void *>, mlir::Value> selections;

public:
  /// While one lives, what is built is remembered for its time only.
  class Scope {
  public:
    explicit Scope(HostElements &host)
        : known(host.known), formulas(host.formulas), casts(host.casts), conditions(host.conditions),
          indexForms(host.indexForms), comparisons(host.comparisons), selections(host.selections) {}

  private:
    decltype(HostElements::known)::ScopeTy known;
    decltype(HostElements::formulas)::ScopeTy formulas;
    decltype(HostElements::casts)::ScopeTy casts;
    decltype(HostElements::conditions)::ScopeTy conditions;
    decltype(HostElements::indexForms)::ScopeTy indexForms;
    decltype(HostElements::comparisons)::ScopeTy comparisons;
    decltype(HostElements::selections)::ScopeTy selections;
  };

private:
  friend class HostElementBuilder;
  mlir::Value elementOf(Key key);
  mlir::Value evaluate(mlir::Value tensor, int64_t position);
  /// All elements of all results of an op that writes loops of its own; false if the host cannot compute them.
  bool evaluateLoops(LoopOpInterface op);
  std::optional<bool> decide(mlir::arith::CmpIPredicate predicate, mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::Value normalize(mlir::Value scalar, bool isUnsigned);
  mlir::OpFoldResult simplerCondition(mlir::Value condition);
  mlir::OpFoldResult simplerIndex(mlir::Value scalar, bool isUnsigned);
  /// Takes note that `condition` does not hold from here on.
  void assumeNot(mlir::OpFoldResult condition);
  template <typename Op> mlir::OpFoldResult logical(mlir::OpFoldResult a, mlir::OpFoldResult b, bool neutral);

  bool mayCheck;
  int64_t workPerTensor;
  /// What is left for the tensor at hand, and for the whole program.
  int64_t work, workOfProgram = 8 * maxWork;
  int64_t tooMany = 0;
  unsigned depth = 0;
  /// What lies too deep for the stack: it is evaluated by itself, then what needs it anew.
  std::optional<Key> pending;
  Scope scope{*this};
};

/// The value of an op with ElementOpInterface on constants (hone.constant), if its result is static and of at most 1
/// KiB. Constants that only repeat others (expand, tile) are not made beyond that; nor is more than a small loop run.
std::optional<mlir::DenseElementsAttr> foldToConstant(mlir::Operation *op);

} // namespace hone

#endif
