// Einsum: sums of products, said by letters.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/ops/Ops.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace hone;

namespace {

/// What a dim is counted by: a letter, or a dim of the ellipsis, kEllipsis + its place from the right.
using Label = int;
using Labels = SmallVector<Label>;
constexpr Label kEllipsis = 256;

/// A tensor with a label for each dim, each once.
struct Term {
  Value tensor;
  Labels labels;
};

class Einsum {
public:
  Einsum(Importer &importer) : importer(importer), shapes(importer.shapes) {}
  LogicalResult read(StringRef equation, ValueRange operands);
  Value compute();

private:
  std::optional<Labels> readLabels(StringRef text, int64_t count);
  LogicalResult readTerm(StringRef text, Value operand);
  LogicalResult readResult(StringRef text);
  Value permute(const Term &term, ArrayRef<Label> order);
  void takeDiagonals(Term &term);
  Term drop(Term term, ArrayRef<Label> kept);
  Term multiply(Term a, Term b, ArrayRef<Label> kept);
  HostVector dimsOf(const Term &term, ArrayRef<Label> labels);

  Importer &importer;
  ShapeBuilder &shapes;
  SmallVector<Term> terms;
  Labels result;
};

} // namespace

/// The labels of `text`, in which an ellipsis stands for `count` dims; nothing (and an error) if it is no such text.
std::optional<Labels> Einsum::readLabels(StringRef text, int64_t count) {
  Labels labels;
  bool isOpen = false;
  for (StringRef left = text; !left.empty();) {
    if (llvm::isAlpha(left.front())) {
      labels.push_back(left.front());
      left = left.drop_front();
    } else if (!isOpen && left.consume_front("...")) {
      isOpen = true;
      while (count-- > 0)
        labels.push_back(kEllipsis + Label(count));
    } else {
      importer.report("'" + text + "' of the equation is no list of letters, with one '...' at most");
      return std::nullopt;
    }
  }
  return labels;
}

LogicalResult Einsum::readTerm(StringRef text, Value operand) {
  bool isOpen = text.contains("...");
  int64_t letters = llvm::count_if(text, llvm::isAlpha), rank = rankOf(operand);
  auto labels = readLabels(text, rank - letters);
  if (!labels)
    return failure();
  if (int64_t(labels->size()) != rank)
    return importer.fail("'" + text + "' of the equation says " + Twine(letters) +
                         (isOpen ? " dims or more" : " dims") + ", and its operand has " + Twine(rank));
  terms.push_back({operand, *labels});
  return success();
}

LogicalResult Einsum::readResult(StringRef text) {
  int64_t most = 0;
  llvm::SmallDenseSet<Label> all;
  for (const Term &term : terms) {
    all.insert_range(term.labels);
    most = std::max<int64_t>(most, llvm::count_if(term.labels, [](Label label) { return label >= kEllipsis; }));
  }
  auto labels = readLabels(text, most);
  if (!labels)
    return failure();
  llvm::SmallDenseSet<Label> seen;
  for (Label label : *labels)
    if (!all.contains(label) || !seen.insert(label).second)
      return importer.fail("'" + text + "' of the equation has a letter twice, or one that no operand has");
  result = *labels;
  return success();
}

LogicalResult Einsum::read(StringRef equation, ValueRange operands) {
  std::string compact = llvm::join(llvm::split(equation, ' '), "");
  auto [left, right] = StringRef(compact).split("->");
  SmallVector<StringRef> texts;
  left.split(texts, ',');
  if (texts.size() != operands.size())
    return importer.fail("the equation has " + Twine(texts.size()) + " operands, the node " + Twine(operands.size()));
  for (auto [text, operand] : llvm::zip_equal(texts, operands))
    if (failed(readTerm(text, operand)))
      return failure();
  if (StringRef(compact).contains("->"))
    return readResult(right);
  // What is said once stays, by the alphabet, behind the ellipsis.
  std::string once;
  for (char letter : left)
    if (llvm::isAlpha(letter) && left.count(letter) == 1)
      once += letter;
  llvm::sort(once);
  return readResult(left.contains("...") ? "..." + once : once);
}

HostVector Einsum::dimsOf(const Term &term, ArrayRef<Label> labels) {
  HostVector dims;
  for (Label label : labels)
    dims.push_back(shapes.dim(term.tensor, llvm::find(term.labels, label) - term.labels.begin()));
  return dims;
}

/// The term's dims in `order`; those that it lacks are 1.
Value Einsum::permute(const Term &term, ArrayRef<Label> order) {
  SmallVector<int64_t> permutation;
  HostVector dims;
  for (Label label : order) {
    auto *own = llvm::find(term.labels, label);
    bool isOwn = own != term.labels.end();
    if (isOwn)
      permutation.push_back(own - term.labels.begin());
    dims.push_back(isOwn ? shapes.dim(term.tensor, permutation.back()) : shapes.constant(1));
  }
  return importer.reshape(importer.transpose(term.tensor, permutation), dims);
}

/// Of dims with the same label, the elements at equal positions.
void Einsum::takeDiagonals(Term &term) {
  for (size_t i = 0; i < term.labels.size(); ++i) {
    auto *again = std::find(term.labels.begin() + i + 1, term.labels.end(), term.labels[i]);
    if (again == term.labels.end())
      continue;
    size_t j = again - term.labels.begin();
    HostVector dims(shapes.dims(term.tensor));
    if (!importer.checkEqual(dims[i], dims[j], "dims of an operand with one letter")) {
      term.tensor = {};
      return;
    }
    Type i64 = importer.builder.getI64Type();
    Value positions =
        importer.create<RangeOp>(i64, 1, importer.scalar(i64, 0), importer.scalar(i64, 1), shapes.materialize(dims[i]));
    auto along = [&](size_t dim) {
      HostVector own(dims.size(), shapes.constant(1));
      own[dim] = dims[i];
      return importer.reshape(positions, own);
    };
    Value isDiagonal = importer.compare<EqualOp>(along(i), along(j));
    Value others = importer.select(isDiagonal, term.tensor, importer.like(term.tensor, 0));
    term.tensor = importer.reduce(ReduceKind::Sum, others, int64_t(j), /*keepdims=*/false);
    term.labels.erase(term.labels.begin() + j);
    if (!term.tensor)
      return;
    --i; // it may stand there once more
  }
}

/// The sum over all labels that are not kept.
Term Einsum::drop(Term term, ArrayRef<Label> kept) {
  SmallVector<int64_t> axes;
  Labels left;
  for (auto [i, label] : llvm::enumerate(term.labels))
    if (llvm::is_contained(kept, label))
      left.push_back(label);
    else
      axes.push_back(i);
  return {importer.reduce(ReduceKind::Sum, term.tensor, axes, /*keepdims=*/false), left};
}

/// The product, summed over what both have and nobody needs any more: as a product of matrices where there is such.
Term Einsum::multiply(Term a, Term b, ArrayRef<Label> kept) {
  Labels batch, rows, columns, summed;
  for (Label label : a.labels)
    (!llvm::is_contained(b.labels, label) ? rows : llvm::is_contained(kept, label) ? batch : summed).push_back(label);
  for (Label label : b.labels)
    if (!llvm::is_contained(a.labels, label))
      columns.push_back(label);
  for (Label label : batch) {
    OpFoldResult first = dimsOf(a, label).front(), second = dimsOf(b, label).front();
    if (label >= kEllipsis ? !importer.checkBroadcastDims(first, second)
                           : !importer.checkEqual(first, second, "dims with one letter"))
      return {};
  }
  for (auto [first, second] : llvm::zip_equal(dimsOf(a, summed), dimsOf(b, summed)))
    if (!importer.checkEqual(first, second, "dims that are summed over"))
      return {};

  Labels all(batch);
  llvm::append_range(all, rows);
  llvm::append_range(all, columns);
  if (summed.empty())
    return {importer.binary<MulOp>(permute(a, all), permute(b, all)), all};
  auto asMatrices = [&](const Term &term, ArrayRef<Label> first, ArrayRef<Label> second) {
    Labels order(batch);
    llvm::append_range(order, first);
    llvm::append_range(order, second);
    HostVector dims = dimsOf(term, batch);
    dims.push_back(shapes.product(dimsOf(term, first)));
    dims.push_back(shapes.product(dimsOf(term, second)));
    return importer.reshape(permute(term, order), dims);
  };
  Value product =
      anyMatmul(importer, asMatrices(a, rows, summed), asMatrices(b, summed, columns), elementTypeOf(a.tensor));
  if (!product)
    return {};
  HostVector dims(shapes.dims(product));
  dims.truncate(batch.size());
  llvm::append_range(dims, dimsOf(a, rows));
  llvm::append_range(dims, dimsOf(b, columns));
  return {importer.reshape(product, dims), all};
}

Value Einsum::compute() {
  for (Term &term : terms)
    takeDiagonals(term);
  if (llvm::any_of(terms, [](const Term &term) { return !term.tensor; }))
    return {};
  // What the result has, or an operand from `first` on.
  auto neededFrom = [&](size_t first) {
    llvm::SetVector<Label> needed(result.begin(), result.end());
    for (const Term &later : ArrayRef(terms).drop_front(first))
      needed.insert_range(later.labels);
    return needed;
  };
  Term product = drop(terms.front(), neededFrom(1).getArrayRef());
  for (size_t i = 1; i < terms.size() && product.tensor; ++i) {
    llvm::SetVector<Label> behind = neededFrom(i + 1), shared = behind;
    shared.insert_range(product.labels);
    product = multiply(product, drop(terms[i], shared.getArrayRef()), behind.getArrayRef());
    product = drop(product, behind.getArrayRef());
  }
  return product.tensor ? permute(product, result) : Value();
}

static LogicalResult importEinsum(Node &node, Importer &importer) {
  Type type = elementTypeOf(node.input(0));
  bool isNarrow = isa<IntegerType>(type) && type.getIntOrFloatBitWidth() < 32;
  SmallVector<Value> operands(node.inputs);
  for (Value &operand : operands) // sums wrap in the narrow type, as they do behind the cast
    operand = isNarrow ? importer.cast(operand, importer.builder.getI32Type()) : operand;
  Einsum einsum(importer);
  if (failed(einsum.read(node.onnx.getString("equation", ""), operands)))
    return failure();
  return node.set(0, importer.cast(einsum.compute(), type));
}

ArrayRef<OperatorRow> hone::einsumOperators() {
  static constexpr OperatorRow rows[] = {{"Einsum", 12, importEinsum}};
  return rows;
}
