// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Structure.h"
#include "dialects/hone/Hone.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace hone;

StringRef hone::toString(FactorKind kind) {
  switch (kind) {
  case FactorKind::Parallel:
    return "parallel";
  case FactorKind::Reduction:
    return "reduction";
  case FactorKind::Window:
    return "window";
  case FactorKind::Row:
    return "row";
  case FactorKind::Opaque:
    return "opaque";
  }
  llvm_unreachable("all kinds handled");
}

//===-- What a structure says -----------------------------------------------------------------------------------===//

Structure::Structure(Operation *op) : operands(op->getNumOperands()), results(op->getNumResults()) {}

unsigned Structure::add(OpFoldResult size, FactorKind kind) {
  factors.push_back({size, kind});
  return factors.size() - 1;
}

FactoredDims Structure::addAll(ArrayRef<OpFoldResult> sizes, FactorKind kind) {
  FactoredDims dims;
  for (OpFoldResult size : sizes)
    dims.push_back({{add(size, kind)}});
  return dims;
}

FactoredDim Structure::broadcast(OpFoldResult own, OpFoldResult full, ArrayRef<unsigned> factors) {
  FactoredDim dim{llvm::SmallVector<unsigned, 1>(factors)};
  if (own != full)
    dim.extent = ShapeBuilder::getConstant(own) == 1 ? Extent::One : Extent::Either;
  return dim;
}

static bool hasAll(const FactoredDims &dims, unsigned factor) {
  return llvm::any_of(dims, [&](const FactoredDim &dim) {
    return dim.extent == Extent::Full && llvm::is_contained(dim.factors, factor);
  });
}

bool Structure::isIterated(unsigned factor) const {
  return factors[factor].kind != FactorKind::Opaque ||
         llvm::any_of(results, [&](const FactoredDims &dims) { return hasAll(dims, factor); });
}

bool Structure::has(FactorKind kind) const {
  return llvm::any_of(factors, [&](const Factor &factor) { return factor.kind == kind; });
}

SmallVector<unsigned> Structure::reductions() const {
  SmallVector<unsigned> numbers;
  for (auto [i, factor] : llvm::enumerate(factors))
    if (factor.kind == FactorKind::Reduction)
      numbers.push_back(i);
  return numbers;
}

bool Structure::readsOnce(unsigned operand) const {
  const FactoredDims &dims = operands[operand];
  for (auto [i, factor] : llvm::enumerate(factors)) {
    unsigned number = i;
    auto isPartHere = [&](const FactorPart &part) {
      return (part.part == number && hasAll(dims, part.whole)) || (part.whole == number && hasAll(dims, part.part));
    };
    if (isIterated(number) && ShapeBuilder::getConstant(factor.size) != 1 && !hasAll(dims, number) &&
        llvm::none_of(parts, isPartHere))
      return false;
  }
  return true;
}

bool Structure::choosesFrom(unsigned operand) const {
  return llvm::any_of(operands[operand], [&](const FactoredDim &dim) {
    return llvm::any_of(dim.factors, [&](unsigned factor) { return !isIterated(factor); });
  });
}

bool Structure::isAligned(unsigned operand) const {
  return llvm::equal(operands[operand], results[0],
                     [](const FactoredDim &a, const FactoredDim &b) { return a.factors == b.factors; });
}

OpFoldResult Structure::points(ShapeBuilder &shapes) const {
  OpFoldResult count = shapes.constant(1);
  for (auto [i, factor] : llvm::enumerate(factors))
    if (isIterated(i))
      count = shapes.mul(count, factor.size);
  return count;
}

//===-- Structures that many ops have ---------------------------------------------------------------------------===//

static bool isTensor(Value value) { return isa<RankedTensorType>(value.getType()); }
static SmallVector<OpFoldResult> dimsOf(ShapeBuilder &shapes, Value tensor) {
  return SmallVector<OpFoldResult>(shapes.dims(tensor));
}

Structure hone::broadcastStructure(Operation *op, ShapeBuilder &shapes) {
  Structure structure(op);
  SmallVector<OpFoldResult> full = dimsOf(shapes, op->getResult(0));
  structure.results[0] = structure.addAll(full);
  for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
    if (!isTensor(operand))
      continue;
    SmallVector<OpFoldResult> own = dimsOf(shapes, operand);
    unsigned lead = full.size() - own.size();
    for (auto [dim, size] : llvm::enumerate(own))
      structure.operands[i].push_back(Structure::broadcast(size, full[lead + dim], unsigned(lead + dim)));
  }
  return structure;
}

static Structure opaqueStructure(Operation *op, ShapeBuilder &shapes) {
  Structure structure(op);
  for (auto [i, operand] : llvm::enumerate(op->getOperands()))
    if (isTensor(operand))
      structure.operands[i] = structure.addAll(dimsOf(shapes, operand), FactorKind::Opaque);
  for (auto [i, result] : llvm::enumerate(op->getResults()))
    structure.results[i] = structure.addAll(dimsOf(shapes, result), FactorKind::Opaque);
  return structure;
}

Structure hone::defaultStructure(Operation *op, ShapeBuilder &shapes) {
  if (isa<ScalarOpInterface>(op))
    return broadcastStructure(op, shapes);
  auto row = dyn_cast<DecomposeOpInterface>(op);
  if (!row)
    return opaqueStructure(op, shapes);
  Structure structure = broadcastStructure(op, shapes);
  for (int64_t dim : row.rowDims())
    structure.factors[dim].kind = FactorKind::Row;
  return structure;
}

static int64_t flopsPerPoint(Operation *op) {
  if (isa<AccumulateOpInterface>(op))
    return 1;
  if (!isa<ScalarOpInterface, DecomposeOpInterface>(op))
    return 0;
  return op->hasTrait<CheapToRecompute>() ? 1 : 20;
}
OpFoldResult hone::defaultFlops(Operation *op, ShapeBuilder &shapes) {
  OpFoldResult points = cast<StructureOpInterface>(op).getStructure(shapes).points(shapes);
  return shapes.mul(points, shapes.constant(flopsPerPoint(op)));
}

OpFoldResult hone::defaultBytesRead(Operation *op, ShapeBuilder &shapes, unsigned operand) {
  Value tensor = op->getOperand(operand);
  OpFoldResult all = shapes.storageBytes(tensor);
  Structure structure = cast<StructureOpInterface>(op).getStructure(shapes);
  if (!structure.choosesFrom(operand))
    return all;
  return shapes.min(all, shapes.mul(structure.points(shapes), shapes.constant(elementBytes(tensor.getType()))));
}

//===-- Reshapes ------------------------------------------------------------------------------------------------===//

namespace {
/// The dims of one side of a reshape: those that are left to explain, from which factors are taken at either end.
struct ReshapeSide {
  ReshapeSide(ArrayRef<OpFoldResult> sizes) : rest(sizes), dims(sizes.size()), end(sizes.size()) {}

  /// Steps over dims that are used up at the given end.
  void skipOnes(bool fromMajor) {
    while (begin < end && ShapeBuilder::getConstant(rest[current(fromMajor)]) == 1)
      fromMajor ? ++begin : --end;
  }
  size_t current(bool fromMajor) const { return fromMajor ? begin : end - 1; }
  /// Takes a factor out of the dim at the given end, of which `left` remains.
  void take(unsigned factor, OpFoldResult left, bool fromMajor) {
    size_t dim = current(fromMajor);
    auto &factors = fromMajor ? major : minor;
    factors.resize(std::max(factors.size(), dim + 1));
    factors[dim].push_back(factor);
    rest[dim] = left;
  }
  /// All factors of each dim, major first.
  FactoredDims finish() {
    major.resize(rest.size());
    minor.resize(rest.size());
    for (auto [dim, from, back] : llvm::zip_equal(dims, major, minor)) {
      llvm::append_range(dim.factors, from);
      llvm::append_range(dim.factors, llvm::reverse(back));
    }
    return dims;
  }

  SmallVector<OpFoldResult> rest; // what of a dim's size is not explained yet
  FactoredDims dims;
  SmallVector<SmallVector<unsigned, 1>> major, minor; // factors found from either end
  size_t begin = 0, end;
};
} // namespace

Structure hone::reshapeStructure(Operation *op, ShapeBuilder &shapes) {
  Structure structure(op);
  ReshapeSide from(dimsOf(shapes, op->getOperand(0))), to(dimsOf(shapes, op->getResult(0)));
  OpFoldResult one = shapes.constant(1);
  // At each end, a dim that the other side's dim is a multiple of is a factor of both.
  for (bool fromMajor : {true, false})
    for (;;) {
      from.skipOnes(fromMajor);
      to.skipOnes(fromMajor);
      if (from.begin >= from.end || to.begin >= to.end)
        break;
      OpFoldResult a = from.rest[from.current(fromMajor)], b = to.rest[to.current(fromMajor)];
      std::optional<OpFoldResult> ofA = shapes.exactQuotient(a, b), ofB = shapes.exactQuotient(b, a);
      if (!ofA && !ofB)
        break;
      unsigned factor = structure.add(ofA ? b : a);
      from.take(factor, ofA ? *ofA : one, fromMajor);
      to.take(factor, ofA ? one : *ofB, fromMajor);
    }
  // A single dim that is left holds all that is left of the other side, for both have the same number of elements.
  auto left = [](const ReshapeSide &side) { return side.end - std::min(side.begin, side.end); };
  bool isProduct = (left(from) == 1 && left(to) > 0) || (left(to) == 1 && left(from) > 0);
  ReshapeSide &many = left(from) == 1 ? to : from, &single = left(from) == 1 ? from : to;
  while (isProduct && left(many) > 0) {
    unsigned factor = structure.add(many.rest[many.begin]);
    single.take(factor, single.rest[single.begin], /*fromMajor=*/true);
    many.take(factor, one, /*fromMajor=*/true);
    ++many.begin;
  }
  if (!isProduct)
    for (ReshapeSide *side : {&from, &to})
      for (; side->begin < side->end; ++side->begin)
        side->take(structure.add(side->rest[side->begin], FactorKind::Opaque), one, /*fromMajor=*/true);
  structure.operands[0] = from.finish();
  structure.results[0] = to.finish();
  return structure;
}

//===-- As text -------------------------------------------------------------------------------------------------===//

static std::string letterOf(unsigned factor) {
  std::string letter(1, char('a' + factor % 26));
  return factor < 26 ? letter : letter + std::to_string(factor / 26);
}

/// "[a, b·c, 1, d?]": a product, a dim of one element, one that may have one.
static std::string toString(const FactoredDims &dims) {
  auto text = llvm::map_range(dims, [](const FactoredDim &dim) -> std::string {
    if (dim.extent == Extent::One || dim.factors.empty())
      return "1";
    std::string product = llvm::join(llvm::map_range(dim.factors, letterOf), "·");
    return dim.extent == Extent::Either ? product + "?" : product;
  });
  return "[" + llvm::join(text, ", ") + "]";
}

std::string hone::toString(Operation *op, const Structure &structure) {
  SmallVector<std::string> operands, results;
  for (auto [operand, dims] : llvm::zip_equal(op->getOperands(), structure.operands))
    if (isTensor(operand))
      operands.push_back(::toString(dims));
  for (const FactoredDims &dims : structure.results)
    results.push_back(::toString(dims));
  std::string text = "(" + llvm::join(operands, ", ") + ") -> (" + llvm::join(results, ", ") + ")";
  for (auto [i, factor] : llvm::enumerate(structure.factors)) {
    if (factor.kind == FactorKind::Parallel)
      continue;
    text += (" " + letterOf(i) + ": " + toString(factor.kind)).str();
    if (factor.combiner)
      text += (" " + stringifyReduceKind(*factor.combiner)).str();
  }
  for (const FactorPart &part : structure.parts)
    text += " " + letterOf(part.part) + " of " + letterOf(part.whole);
  return text;
}
