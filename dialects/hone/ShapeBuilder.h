// Dims of tensors as index values of the program around them.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_SHAPEBUILDER_H
#define HONE_DIALECTS_HONE_SHAPEBUILDER_H

#include "hone/abi.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/ScopedHashTable.h"
#include "llvm/ADT/StringMap.h"
#include <limits>
#include <map>

namespace hone {

struct Loop;

/// The greatest dim of any tensor, empty ones included: the runtime validates inputs by it, importers check what they
/// compute. What is proven from it is true of every run.
constexpr int64_t kMaxDim = HONE_MAX_DIM;
/// The greatest product of a tensor's dims, zeros counted as one. Counts of elements, and of parts of them, never wrap.
constexpr int64_t kMaxExtent = int64_t(1) << 59;

/// What is proven of an index value: least <= value <= greatest.
struct IndexRange {
  int64_t least = std::numeric_limits<int64_t>::min();
  int64_t greatest = std::numeric_limits<int64_t>::max();

  bool isWithin(IndexRange other) const { return least >= other.least && greatest <= other.greatest; }
};

/// What is remembered along a block, and forgotten at its end with what stands in it.
template <typename Key, typename Value>
using ScopedTable = llvm::ScopedHashTable<Key, Value, llvm::DenseMapInfo<Key>, llvm::BumpPtrAllocator>;

/// Builds and remembers dims. Two dims that are provably equal come out as the same attribute or SSA value, because
/// entry dims with one symbol are one value, results' dims are derived from operands' dims (ShapeOpInterface), and
/// equal arithmetic is built once. Use one builder along one block, in program order, and along the blocks of regions
/// where they stand in it, each with a DeferredPlacement of its own.
class ShapeBuilder {
public:
  explicit ShapeBuilder(mlir::OpBuilder &builder) : builder(builder) {}

  mlir::OpFoldResult dim(mlir::Value tensor, int64_t index) { return dims(tensor)[index]; }
  llvm::ArrayRef<mlir::OpFoldResult> dims(mlir::Value tensor);
  /// Declares the dims of a value that no op explains (a launch's result).
  void setDims(mlir::Value tensor, llvm::ArrayRef<mlir::OpFoldResult> dims);
  /// Builds dims of the values in the regions of `op` ahead of it, as far as they are known there.
  void learnAhead(mlir::Operation *op);
  /// Whether the dims of a tensor, or another value, are known where `op` begins.
  bool areKnownBefore(mlir::Value value, mlir::Operation *op);
  /// The dims that an scf.if gives its result, if they are known before it. Nothing for other results. With `learns`,
  /// those of values in the branches are learnt first.
  std::optional<llvm::SmallVector<mlir::OpFoldResult>> dimsOfBranches(mlir::OpResult result, bool learns = true);
  /// To be called before `op` is erased: values that are made later may lie where its results did.
  void forget(mlir::Operation *op);
  mlir::OpFoldResult elementCount(mlir::Value tensor) { return product(dims(tensor)); }
  /// Bytes that a tensor takes in memory.
  mlir::OpFoldResult storageBytes(mlir::Value tensor);

  static mlir::OpFoldResult constant(mlir::MLIRContext *context, int64_t value);
  mlir::OpFoldResult constant(int64_t value) { return constant(builder.getContext(), value); }
  /// The constant behind `value`, if it is one.
  static std::optional<int64_t> getConstant(mlir::OpFoldResult value);

  mlir::OpFoldResult add(mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult sub(mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult mul(mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult product(llvm::ArrayRef<mlir::OpFoldResult> factors);
  /// a / b for non-negative a, rounded down; common factors cancel; 0 where b is 0.
  mlir::OpFoldResult floorDiv(mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult ceilDiv(mlir::OpFoldResult a, mlir::OpFoldResult b);
  /// a / b where b divides a whatever the dims, else nothing.
  std::optional<mlir::OpFoldResult> exactQuotient(mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult min(mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult max(mlir::OpFoldResult a, mlir::OpFoldResult b);
  /// Whether two values are equal whatever the dims.
  bool areEqual(mlir::OpFoldResult a, mlir::OpFoldResult b) { return mul(a, constant(1)) == mul(b, constant(1)); }
  /// Whether `b` is 0 whenever `a` is.
  static bool vanishesWith(mlir::OpFoldResult b, mlir::OpFoldResult a);

  /// The symbols of entry dims that `value` is the product of: it is 0 where one of them is. Nothing for other values.
  static llvm::SmallVector<std::string> entrySymbols(mlir::OpFoldResult value);

  /// What is proven of a value: of dims, of arithmetic on them that cannot wrap, and what was assumed.
  IndexRange range(mlir::OpFoldResult value);
  /// Takes note of what the program checks before it goes on.
  void assume(mlir::OpFoldResult value, IndexRange range);
  /// Whether the product of values, none of which is negative, is proven to be at most `limit`, zeros counted as one.
  bool isProductWithin(llvm::ArrayRef<mlir::OpFoldResult> factors, int64_t limit);

  /// The dim of two operands under numpy broadcasting.
  mlir::OpFoldResult broadcast(mlir::OpFoldResult a, mlir::OpFoldResult b);
  /// All dims of operands under numpy broadcasting.
  llvm::SmallVector<mlir::OpFoldResult> broadcastShapes(mlir::ValueRange tensors);

  /// Whether `value` is arithmetic that waits for its place in the innermost block of a DeferredPlacement.
  bool isDeferredHere(mlir::Value value) const { return placement && value.getParentBlock() == &placement->built; }

  mlir::Value materialize(mlir::OpFoldResult value);
  llvm::SmallVector<mlir::Value> materialize(llvm::ArrayRef<mlir::OpFoldResult> values);

  /// While one lives, what is learnt is for its time only.
  class Scope {
  public:
    explicit Scope(ShapeBuilder &shapes) : known(shapes.known), memo(shapes.memo), ranges(shapes.ranges) {}

  private:
    ScopedTable<mlir::Value, llvm::SmallVector<mlir::OpFoldResult, 4>>::ScopeTy known;
    ScopedTable<std::tuple<unsigned, void *, void *>, mlir::Value>::ScopeTy memo;
    ScopedTable<mlir::Value, IndexRange>::ScopeTy ranges;
  };

  /// While one lives, arithmetic for `block` is built apart and gets its places at the end, in one walk: asking for
  /// each value which of its operands is the last one would number the ops of the block again and again. The block of a
  /// region has one while that of the block around it lives. What was learnt while it lived is forgotten at its end.
  class DeferredPlacement {
  public:
    DeferredPlacement(ShapeBuilder &shapes, mlir::Block &block);
    ~DeferredPlacement();
    DeferredPlacement(const DeferredPlacement &) = delete;

  private:
    friend class ShapeBuilder;
    using Key = std::tuple<unsigned, void *, void *>;
    /// Puts each op that was built behind the last of its operands.
    void place();

    ShapeBuilder &shapes;
    mlir::Block &block;
    DeferredPlacement *around;
    Scope scope;
    llvm::DenseMap<Key, llvm::SmallVector<mlir::Operation *, 1>> standing; // arithmetic that the block had before
    mlir::Block built;                                                     // in the order in which it was
  };

  mlir::OpBuilder &builder;

private:
  enum Kind { Add, Sub, Mul, Div, Min, Max, Broadcast };
  using Key = std::tuple<unsigned, void *, void *>;
  static std::optional<Kind> kindOf(mlir::Operation *op);
  /// The same for both orders of operands where the order does not matter.
  static Key keyOf(Kind kind, mlir::Value a, mlir::Value b);
  static bool commutes(Kind kind) { return kind == Add || kind == Mul || kind == Min || kind == Max; }
  mlir::OpFoldResult memoized(Kind kind, mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::Value build(Kind kind, mlir::Value a, mlir::Value b);
  /// The same arithmetic where it stands already, before the builder's place; null if there is none.
  mlir::Value find(Kind kind, mlir::Value a, mlir::Value b) const;
  mlir::Value argumentDim(mlir::BlockArgument argument, int64_t index);
  void learnAhead(mlir::Block &block, mlir::Operation *op);
  mlir::OpFoldResult select(mlir::Value condition, mlir::OpFoldResult a, mlir::OpFoldResult b);
  /// Goes to where arithmetic on `operands` is built: as early as they allow, or where it waits for its place.
  void goBehind(llvm::ArrayRef<mlir::Value> operands);
  IndexRange rangeOf(mlir::Value value, unsigned depth);
  IndexRange rangeOfOp(mlir::Operation *op, unsigned depth);
  /// The greatest value of a product, none of whose factors is negative; nothing where it may wrap.
  std::optional<int64_t> greatestProduct(int64_t coefficient, llvm::ArrayRef<mlir::Value> factors, unsigned depth);
  /// The symbols of the dynamic dims of each of the entry's arguments.
  llvm::ArrayRef<llvm::StringMap<unsigned>> symbolsOfEntries(mlir::FunctionOpInterface function);
  /// The dim of this symbol that an earlier builder made: equal to it by being it.
  mlir::Value findDim(mlir::FunctionOpInterface function, mlir::Block &entry, llvm::StringRef symbol);

  ScopedTable<mlir::Value, llvm::SmallVector<mlir::OpFoldResult, 4>> known; // nothing for a value that was erased
  ScopedTable<Key, mlir::Value> memo;
  ScopedTable<mlir::Value, IndexRange> ranges;
  Scope scope{*this};
  std::map<int64_t, mlir::Value> constants; // any number may be a key, which DenseMap does not allow
  llvm::StringMap<mlir::Value> symbols;
  llvm::DenseMap<mlir::Value, unsigned> factorOrder;
  std::optional<llvm::SmallVector<llvm::StringMap<unsigned>>> entries;
  llvm::StringMap<llvm::SmallVector<unsigned>> entriesOf; // which of `entries` have a symbol
  /// Dims of the entry's arguments that stood there before, by symbol.
  std::optional<llvm::StringMap<llvm::SmallVector<mlir::Value>>> standingDims;
  DeferredPlacement *placement = nullptr; // the innermost one
};

/// Whether what `loop` carries as number `i`, a tensor, has the same dims in each step: those that it begins with are
/// those that a step hands on, value by value. hone-dispatch decides it, and tells such dims at both places.
bool keepsDims(const Loop &loop, unsigned i, ShapeBuilder &shapes);

/// Sets the static dims of a freshly built op's results from its shape function (they were built all-dynamic).
void refineResultTypes(ShapeBuilder &shapes, mlir::Operation *op);

/// An op's results against its shape function: ranks, and static dims that are known from types and constants.
/// ShapeOpInterface verifies each op by it.
llvm::LogicalResult verifyResultDims(mlir::Operation *op);

/// Builds an op whose result has `elementType` and `rank` dims, static ones derived.
template <typename OpT, typename... Args>
OpT createTensorOp(ShapeBuilder &shapes, mlir::Location loc, mlir::Type elementType, int64_t rank, Args &&...args) {
  llvm::SmallVector<int64_t> dynamic(rank, mlir::ShapedType::kDynamic);
  auto op =
      OpT::create(shapes.builder, loc, mlir::RankedTensorType::get(dynamic, elementType), std::forward<Args>(args)...);
  refineResultTypes(shapes, op);
  return op;
}

} // namespace hone

#endif
