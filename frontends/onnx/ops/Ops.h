// What the importers of single operators work with.
//
// An operator's importer is `static LogicalResult importX(Node &node, Importer &importer)` in its family's file, with a
// row in that file's table. It reads `node`, builds ops at the end of the program, and sets the node's outputs.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef HONE_FRONTENDS_ONNX_OPS_OPS_H
#define HONE_FRONTENDS_ONNX_OPS_OPS_H

#include "dialects/hone/Hone.h"
#include "dialects/hone/HostElements.h"
#include "frontends/onnx/Model.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace hone {

/// A node whose inputs are known. Values are null where an optional input or output is left out.
struct Node {
  const OnnxNode &onnx;
  llvm::SmallVector<mlir::Value> inputs, outputs;

  int64_t version() const { return onnx.sinceVersion; }
  mlir::Value input(size_t i) const { return i < inputs.size() ? inputs[i] : mlir::Value(); }
  int64_t getInt(llvm::StringRef attribute, int64_t otherwise) const { return onnx.getInt(attribute, otherwise); }
  float getFloat(llvm::StringRef attribute, float otherwise) const { return onnx.getFloat(attribute, otherwise); }
  /// Whether an attribute that the standard describes for 1 is 1: every other number means what 0 does, as in ONNX
  /// Runtime. (Attributes that are described as true or false are compared with 0.)
  bool isOne(llvm::StringRef attribute, bool otherwise) const { return getInt(attribute, otherwise) == 1; }
  /// The numbers of an attribute that the node has.
  std::optional<llvm::ArrayRef<int64_t>> getInts(llvm::StringRef attribute) const;
  /// Sets an output; failure if `value` is null (the error was reported).
  mlir::LogicalResult set(size_t output, mlir::Value value);
};

/// The least and the greatest integer of a type.
inline std::pair<double, double> limitsOf(mlir::IntegerType type) {
  unsigned bits = type.getWidth();
  return type.isUnsigned() ? std::pair(0.0, double(llvm::maxUIntN(bits)))
                           : std::pair(double(llvm::minIntN(bits)), double(llvm::maxIntN(bits)));
}

/// Index values and conditions of the host program.
using HostVector = llvm::SmallVector<mlir::OpFoldResult>;

/// Builds the program, one node after the other. A null value stands for one that could not be built, after the error
/// was reported: builders take it and give null again, so that formulas need no checks between their parts.
class Importer {
public:
  using TensorImporter = std::function<mlir::Value(const OnnxTensor &, llvm::StringRef name)>;
  using Reporter = std::function<void(const llvm::Twine &text, llvm::StringRef wayOut)>;
  Importer(mlir::OpBuilder &builder, TensorImporter tensor, Reporter reporter)
      : builder(builder), shapes(builder), host(shapes), loc(builder.getUnknownLoc()), tensor(std::move(tensor)),
        reporter(std::move(reporter)) {}

  mlir::OpBuilder &builder;
  ShapeBuilder shapes;
  HostElements host;
  /// Of the node being imported.
  mlir::Location loc;
  /// The value of a constant of the model.
  TensorImporter tensor;

  /// Reports, at the node being imported, what is not supported or wrong, and what to try, if anything.
  void report(const llvm::Twine &text, llvm::StringRef wayOut = {}) { ++reports, reporter(text, wayOut); }
  mlir::LogicalResult fail(const llvm::Twine &text, llvm::StringRef wayOut = {}) {
    return report(text, wayOut), mlir::failure();
  }
  mlir::Value failValue(const llvm::Twine &text, llvm::StringRef wayOut = {}) { return report(text, wayOut), nullptr; }
  /// The same for a type that Hone has no elements of: "casts to float16 are not supported".
  void reportType(const llvm::Twine &what, OnnxDataType type);
  /// The same where `value` would have to be known more exactly: not if it is assumed, and may be so in the end.
  void reportUnknown(mlir::Value value, const llvm::Twine &text, llvm::StringRef wayOut = {}) {
    if (!assumed.lookup(value))
      report(text, wayOut);
  }
  /// How often something was reported.
  size_t reportCount() const { return reports; }

  /// Stand-ins for values that could not be built, and values computed from them: of the type that the model says, with
  /// all dims open, so that what is wrong behind a problem is found, too. No module with any is handed out.
  ScopedTable<mlir::Value, bool> assumed;

  /// f16 and bf16 values that operators computed, and what they are before they are rounded. Between operators nothing
  /// is rounded that is not stored: what a model means by its types is precision enough, not less.
  ScopedTable<mlir::Value, mlir::Value> wide;
  /// A value of f16 or bf16 in f32; any other value as it is.
  mlir::Value widen(mlir::Value x);
  /// `x`, which is f32, as a value of `half`.
  mlir::Value narrow(mlir::Value x, mlir::Type half);

  //===-- Tensors ---===//

  /// Builds an op with one result; static dims are derived.
  template <typename OpT, typename... Args> mlir::Value create(mlir::Type elementType, int64_t rank, Args &&...args) {
    return checkSize(createTensorOp<OpT>(shapes, loc, elementType, rank, std::forward<Args>(args)...)->getResult(0));
  }
  /// An element-wise op on one operand, of the operand's type.
  template <typename OpT, typename... Args> mlir::Value unary(mlir::Value x, Args &&...args) {
    return x ? create<OpT>(elementTypeOf(x), rankOf(x), x, std::forward<Args>(args)...) : x;
  }
  /// An element-wise op on operands that broadcast, of the first one's element type.
  template <typename OpT, typename... Args> mlir::Value binary(mlir::Value a, mlir::Value b, Args &&...args) {
    return a && b && checkBroadcast({a, b})
               ? create<OpT>(elementTypeOf(a), std::max(rankOf(a), rankOf(b)), a, b, std::forward<Args>(args)...)
               : mlir::Value();
  }
  /// The same with truth values as the result.
  template <typename OpT> mlir::Value compare(mlir::Value a, mlir::Value b) {
    return a && b && checkBroadcast({a, b}) ? create<OpT>(builder.getI1Type(), std::max(rankOf(a), rankOf(b)), a, b)
                                            : mlir::Value();
  }
  mlir::Value select(mlir::Value condition, mlir::Value onTrue, mlir::Value onFalse);
  mlir::Value cast(mlir::Value x, mlir::Type elementType);
  /// A rank-0 constant; for integers the number is truncated.
  mlir::Value scalar(mlir::Type elementType, double value);
  /// The same, of x's element type.
  mlir::Value like(mlir::Value x, double value) { return x ? scalar(elementTypeOf(x), value) : x; }
  mlir::Value constant(mlir::DenseElementsAttr value);
  /// Index values as integers: rank 0 (one element) or 1.
  mlir::Value fromIndices(llvm::ArrayRef<mlir::OpFoldResult> elements, int64_t rank, mlir::Type elementType);
  /// `dims` must have x's element count.
  mlir::Value reshape(mlir::Value x, llvm::ArrayRef<mlir::OpFoldResult> dims);
  /// `tensor`, after making sure that its dims and their product are those of a tensor (kMaxDim, kMaxExtent), by checks
  /// in the program where they are not known; null (and an error) if they never are.
  mlir::Value checkSize(mlir::Value tensor);
  /// x must broadcast to `dims`.
  mlir::Value expand(mlir::Value x, llvm::ArrayRef<mlir::OpFoldResult> dims);
  mlir::Value transpose(mlir::Value x, llvm::ArrayRef<int64_t> permutation);
  mlir::Value reduce(ReduceKind kind, mlir::Value x, llvm::ArrayRef<int64_t> axes, bool keepdims = true);
  /// x divided by a number of elements.
  mlir::Value divide(mlir::Value x, mlir::OpFoldResult count);
  /// Sum over axes divided by the number of elements.
  mlir::Value mean(mlir::Value x, llvm::ArrayRef<int64_t> axes, bool keepdims = true);
  /// `size` positions along `axis`, every step-th from `start` on, or back; they must lie inside.
  mlir::Value part(mlir::Value x, int64_t axis, mlir::OpFoldResult start, mlir::OpFoldResult size, int64_t step = 1);
  /// The same along all axes. No steps: each is 1.
  mlir::Value part(mlir::Value x, llvm::ArrayRef<mlir::OpFoldResult> starts, llvm::ArrayRef<mlir::OpFoldResult> sizes,
                   llvm::ArrayRef<mlir::OpFoldResult> steps = {});
  /// What stands at `position` of an axis, which goes.
  mlir::Value at(mlir::Value x, int64_t axis, mlir::OpFoldResult position);
  /// `value` under a type that says less, or more, of its dims.
  mlir::Value withType(mlir::Value value, mlir::RankedTensorType type, llvm::ArrayRef<mlir::OpFoldResult> dims);
  /// x with `before` and `after` times `value`, a scalar, around it along `axis`.
  mlir::Value pad(mlir::Value x, int64_t axis, mlir::OpFoldResult before, mlir::OpFoldResult after, mlir::Value value);
  /// Dims from `axis` on and those before it become one each.
  mlir::Value flatten(mlir::Value x, int64_t axis);

  /// A loop of `count` steps that carries tensors around; what a step gives must have the dims of what it got. Nothing
  /// after an error.
  using Step = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value number, llvm::ArrayRef<mlir::Value>)>;
  llvm::SmallVector<mlir::Value> countedLoop(mlir::OpFoldResult count, llvm::ArrayRef<mlir::Value> inits, Step step);

  //===-- Checks and host values ---===//

  /// Makes sure that tensors broadcast, by a check in the program where dims are not known; false if they never do.
  bool checkBroadcast(mlir::ValueRange tensors);
  /// The same for one dim of each of two tensors.
  bool checkBroadcastDims(mlir::OpFoldResult a, mlir::OpFoldResult b);
  /// Makes sure that `small` broadcasts to x without adding to its dims, in the same way.
  bool checkFits(mlir::Value small, mlir::Value x, const llvm::Twine &what) {
    return checkFits(small, HostVector(shapes.dims(x)), what);
  }
  bool checkFits(mlir::Value small, llvm::ArrayRef<mlir::OpFoldResult> dims, const llvm::Twine &what);
  /// Makes sure that two dims are equal, in the same way. `what` says of what they are.
  bool checkEqual(mlir::OpFoldResult a, mlir::OpFoldResult b, const llvm::Twine &what);
  /// Makes sure that `value` is in [least, greatest], in the same way.
  bool checkRange(mlir::OpFoldResult value, mlir::OpFoldResult least, mlir::OpFoldResult greatest,
                  const llvm::Twine &what);
  bool checkNotNegative(mlir::OpFoldResult value, const llvm::Twine &what);
  /// Makes sure that |value| <= `limit`, so that arithmetic on it cannot wrap, in the same way.
  bool checkMagnitude(mlir::OpFoldResult value, int64_t limit, const llvm::Twine &what);
  /// Makes sure that `dim` is in [0, kMaxDim], in the same way.
  bool checkDim(mlir::OpFoldResult dim, const llvm::Twine &what);
  /// Makes sure that the product of dims, zeros counted as one, is at most kMaxExtent, in the same way.
  bool checkExtent(llvm::ArrayRef<mlir::OpFoldResult> dims);
  /// Makes sure that the product of values that are not negative, zeros counted as one, is at most `limit`, in the same
  /// way; otherwise `problem` is reported.
  bool checkProduct(llvm::ArrayRef<mlir::OpFoldResult> factors, int64_t limit, const llvm::Twine &problem);
  /// The sum of dims; nothing (and an error) if they are so many that it might wrap.
  std::optional<mlir::OpFoldResult> sum(llvm::ArrayRef<mlir::OpFoldResult> dims);
  /// Makes sure that `dim`, which is not negative, is not 0, in the same way.
  bool checkPositive(mlir::OpFoldResult dim, const llvm::Twine &what);
  /// Takes note that `dim` would be simpler if it were known not to be 0.
  void hidePositive(mlir::OpFoldResult dim);
  /// Symbols of entry dims that no run may have 0 of, found too late for what was built before, with the node that
  /// says so and what it says.
  llvm::StringMap<std::pair<mlir::Location, std::string>> latePositive() const;
  /// `chosen`, after making sure that `count` dims of `data` from `first` on, among whose positions it chooses, are not
  /// empty unless it is empty itself: no position would be safe to read.
  mlir::Value checkIndexed(mlir::Value chosen, mlir::Value data, int64_t first, int64_t count = 1);
  /// An attribute that is 0 (also if it is left out) or 1; nothing (and an error) if it is another number.
  std::optional<bool> flag(const Node &node, llvm::StringRef attribute);
  /// An axis as a position in [0, rank); nothing (and an error) if it is outside [-rank, rank).
  std::optional<int64_t> axis(int64_t value, int64_t rank);
  /// Several axes, sorted.
  std::optional<llvm::SmallVector<int64_t>> axes(llvm::ArrayRef<int64_t> values, int64_t rank);
  /// The elements of input `i`, which shapes depend on, as values of the host program; those that are computed from
  /// data are read when they have been. An error if they are too many for that, or the tensor's rank is greater than
  /// maxRank.
  std::optional<HostVector> hostInput(const Node &node, size_t i, int64_t maxRank = 1);
  /// An element that a run computes, as an index value.
  mlir::OpFoldResult lateIndex(mlir::Value tensor, mlir::ValueRange position);
  /// The only element of a tensor, as one of rank 0.
  mlir::Value onlyElement(mlir::Value tensor, const llvm::Twine &what);
  /// A truth value of rank 0 as a condition of the host program.
  mlir::OpFoldResult conditionOf(mlir::Value scalar);
  /// The only element of input `i`.
  std::optional<mlir::OpFoldResult> hostScalar(const Node &node, size_t i);
  /// Axes that came as an attribute up to an opset and as an input since; nothing where neither is given.
  mlir::LogicalResult axesOf(const Node &node, size_t input, std::optional<HostVector> &values);
  /// For each of `rank` dims a condition: whether `axes` name it. An error if one is outside [-rank, rank) or, with
  /// `isUnique`, given twice.
  std::optional<HostVector> namedDims(llvm::ArrayRef<mlir::OpFoldResult> axes, int64_t rank, bool isUnique = true);
  /// The dims that are not named, `count` of them.
  HostVector dropDims(llvm::ArrayRef<mlir::OpFoldResult> dims, llvm::ArrayRef<mlir::OpFoldResult> isNamed,
                      size_t count);

  /// While one lives, the program is built in a block of a region: what is learnt in it is forgotten at its end, for
  /// only some runs come there.
  class Body {
  public:
    Body(Importer &importer, mlir::Block &block)
        : importer(importer), placement(importer.shapes, block), host(importer.host), assumed(importer.assumed),
          wide(importer.wide), pairs(importer.checkedPairs), products(importer.checkedProducts) {
      ++importer.bodies;
    }
    ~Body() { --importer.bodies; }
    Body(const Body &) = delete;

  private:
    Importer &importer;
    ShapeBuilder::DeferredPlacement placement;
    HostElements::Scope host;
    ScopedTable<mlir::Value, bool>::ScopeTy assumed;
    ScopedTable<mlir::Value, mlir::Value>::ScopeTy wide;
    ScopedTable<std::pair<void *, void *>, bool>::ScopeTy pairs;
    ScopedTable<llvm::ArrayRef<void *>, double>::ScopeTy products;
  };

private:
  /// Elements of a tensor that a run computes, as index values; nothing if it is no tensor of a few integers.
  std::optional<HostVector> lateIndices(mlir::Value tensor);

  Reporter reporter;
  size_t reports = 0;
  unsigned bodies = 0; ///< that are being built, one in the other
  /// Pairs of dims that a check was built for.
  ScopedTable<std::pair<void *, void *>, bool> checkedPairs;
  /// Symbols of dims that checkPositive and hidePositive were told of.
  llvm::StringMap<std::pair<mlir::Location, std::string>> positive;
  llvm::StringSet<> hidden;
  /// Factors of products that a check was built for, and the least limit.
  ScopedTable<llvm::ArrayRef<void *>, double> checkedProducts;
  llvm::BumpPtrAllocator keys; ///< of products
  ScopedTable<mlir::Value, bool>::ScopeTy assumedScope{assumed};
  ScopedTable<mlir::Value, mlir::Value>::ScopeTy wideScope{wide};
  ScopedTable<std::pair<void *, void *>, bool>::ScopeTy pairs{checkedPairs};
  ScopedTable<llvm::ArrayRef<void *>, double>::ScopeTy products{checkedProducts};
};

/// What an operator does with f16 and bf16, which Hone stores but does not compute in.
enum class Halves {
  Computes, ///< its importer gets them as f32, and results of their type are rounded to it
  Moves,    ///< elements stay what they are
  Converts, ///< its importer chooses (Importer::wide)
};

/// The importer of an operator, from the version of its definition on.
struct OperatorRow {
  llvm::StringLiteral name;
  int64_t sinceVersion;
  mlir::LogicalResult (*import)(Node &, Importer &);
  Halves halves = Halves::Computes;
  llvm::StringLiteral domain = "";
  /// Whether the importer takes a node of inputs of these types; others are left to the standard's definition of the
  /// operator by others. Null: it takes all.
  bool (*takes)(const OnnxNode &, llvm::ArrayRef<OnnxValueType>) = nullptr;
};

// One table per family.
llvm::ArrayRef<OperatorRow> attentionOperators();
llvm::ArrayRef<OperatorRow> einsumOperators();
llvm::ArrayRef<OperatorRow> elementwiseOperators();
llvm::ArrayRef<OperatorRow> externOperators();
llvm::ArrayRef<OperatorRow> linearOperators();
llvm::ArrayRef<OperatorRow> normOperators();
llvm::ArrayRef<OperatorRow> quantizeOperators();
llvm::ArrayRef<OperatorRow> recurrentOperators();
llvm::ArrayRef<OperatorRow> reduceOperators();
llvm::ArrayRef<OperatorRow> resizeOperators();
llvm::ArrayRef<OperatorRow> shapeOperators();
llvm::ArrayRef<OperatorRow> indexOperators();
llvm::ArrayRef<OperatorRow> windowOperators();

/// The product of operands of any rank but 0, in elements of `type`; null after an error.
mlir::Value anyMatmul(Importer &importer, mlir::Value a, mlir::Value b, mlir::Type type);
/// The convolution that a node with Conv's attributes asks for, of data and a filter that have channels second, in
/// elements of `type`; the result has channels last. Null after an error.
mlir::Value convolution(const Node &node, Importer &importer, mlir::Value x, mlir::Value filter, mlir::Type type);
/// `x`, whose channels are last, with channels second.
mlir::Value channelsSecond(Importer &importer, mlir::Value x);
/// A bias, one number for each channel, added to what has channels last; null after an error.
mlir::Value withBias(Importer &importer, mlir::Value y, mlir::Value bias);
/// A function that operators name in an attribute.
struct Activation {
  llvm::StringLiteral name;
  unsigned parameters; ///< how many of alpha and beta it has
  float alpha, beta;   ///< where none are given
  mlir::Value (*build)(Importer &, mlir::Value x, double alpha, double beta);
};
/// The one of this name, in small or large letters as with ONNX Runtime; null if there is none.
const Activation *findActivation(llvm::StringRef name);
/// The element type of tensors of `type`; null where Hone has none.
mlir::Type elementTypeFor(mlir::MLIRContext *context, OnnxDataType type);
/// The contents of a tensor whose bytes are in the model.
mlir::DenseElementsAttr denseElements(const OnnxTensor &tensor, mlir::Type elementType);

} // namespace hone

#endif
