// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/dispatch/JoinDims.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace hone;

static bool isTensor(Value value) { return isa<RankedTensorType>(value.getType()); }
/// Whether all elements of a constant tensor are one number.
static bool isSplat(Value value) {
  DenseElementsAttr elements;
  return isTensor(value) && matchPattern(value, m_Constant(&elements)) && elements.isSplat();
}

JoinedDims::JoinedDims(ArrayRef<Operation *> ops, ShapeBuilder &shapes) : shapes(shapes) {
  if (!collect(ops))
    return;
  findScalars();
  findPlaces();
  if (isActive)
    join();
}

/// The structures of the ops. Not for ops whose index operands speak of dims, or dims that are several factors.
bool JoinedDims::collect(ArrayRef<Operation *> ops) {
  for (Operation *op : ops) {
    if (llvm::any_of(op->getOperandTypes(), llvm::IsaPred<IndexType>))
      return false;
    Member member{op, cast<StructureOpInterface>(op).getStructure(shapes), unsigned(sizes.size())};
    for (const Factor &factor : member.structure.factors) {
      same.insert(sizes.size());
      sizes.push_back(factor.size);
    }
    auto isSimple = [](const FactoredDims &dims) {
      return llvm::all_of(dims, [](const FactoredDim &dim) { return dim.factors.size() == 1; });
    };
    if (!llvm::all_of(member.structure.operands, isSimple) || !llvm::all_of(member.structure.results, isSimple))
      return false;
    members.push_back(std::move(member));
  }
  return true;
}

/// Whether the result of an op would lose dims without an operand, `scalars` being scalars.
bool JoinedDims::needsDims(const Member &member, unsigned operand) const {
  if (isa<DecomposeOpInterface>(member.op))
    return operand == 0;
  if (!isa<ScalarOpInterface>(member.op))
    return true;
  const FactoredDims &result = member.structure.results[0];
  bool hasRank = false;
  llvm::SmallDenseSet<unsigned> given;
  for (auto [other, dims] : llvm::zip_equal(member.op->getOperands(), member.structure.operands)) {
    if (scalars.contains(other))
      continue;
    hasRank |= dims.size() == result.size();
    for (const FactoredDim &dim : dims)
      if (auto factor = dim.single())
        given.insert(*factor);
  }
  return !hasRank || llvm::any_of(result, [&](const FactoredDim &dim) {
    unsigned factor = dim.factors[0];
    return !given.contains(factor) && ShapeBuilder::getConstant(member.structure.factors[factor].size) != 1;
  });
}

void JoinedDims::findScalars() {
  for (const Member &member : members)
    for (Value operand : member.op->getOperands())
      if (isSplat(operand))
        scalars.insert(operand);
  // A constant that gives one reader its dims may give them to another one as well.
  for (bool changes = true; changes;) {
    changes = false;
    for (const Member &member : members)
      for (OpOperand &operand : member.op->getOpOperands())
        if (scalars.contains(operand.get()) && needsDims(member, operand.getOperandNumber()))
          changes |= scalars.erase(operand.get());
  }
}

SmallVector<JoinedDims::Place> JoinedDims::placesOf(Value tensor, const FactoredDims &dims, Letter first) const {
  SmallVector<Place> own;
  for (auto [dim, size] : llvm::zip_equal(dims, SmallVector<OpFoldResult>(shapes.dims(tensor))))
    own.push_back({first + dim.factors[0], dim.extent, size});
  return own;
}

/// Of a constant that gives the result some dims: all of the result's that are known, which changes nothing.
SmallVector<JoinedDims::Place> JoinedDims::widenedPlaces(const Member &member) const {
  SmallVector<Place> own = placesOf(member.op->getResult(0), member.structure.results[0], member.first);
  for (Place &place : own)
    if (!ShapeBuilder::getConstant(place.size))
      place = {place.letter, Extent::One, shapes.constant(1)};
  return own;
}

bool JoinedDims::addPlaces(Value tensor, ArrayRef<Place> own) {
  auto [entry, isNew] = places.try_emplace(tensor, own);
  if (isNew)
    return true;
  for (auto [known, place] : llvm::zip_equal(entry->second, own)) {
    if (known.extent != place.extent)
      return false; // for one reader all, for another one in its place
    same.unionSets(known.letter, place.letter);
  }
  return true;
}

void JoinedDims::findPlaces() {
  for (const Member &member : members) {
    for (auto [operand, dims] : llvm::zip_equal(member.op->getOperands(), member.structure.operands)) {
      if (!isTensor(operand) || scalars.contains(operand))
        continue;
      bool isWidened = isSplat(operand) && operand.hasOneUse() && isa<ScalarOpInterface>(member.op);
      if (!addPlaces(operand, isWidened ? widenedPlaces(member) : placesOf(operand, dims, member.first)))
        return;
    }
    for (auto [result, dims] : llvm::zip_equal(member.op->getResults(), member.structure.results))
      if (!addPlaces(result, placesOf(result, dims, member.first)))
        return;
  }
  // A value that has a letter twice (a product of a matrix with itself) would have to be two.
  for (const auto &[value, own] : places) {
    llvm::SmallDenseSet<Letter> letters;
    for (const Place &place : own)
      if (!letters.insert(leaderOf(place.letter)).second)
        return;
  }
  for (const Member &member : members)
    if (!isa<ScalarOpInterface, DecomposeOpInterface>(member.op))
      numbered.insert_range(member.op->getOperands());
  for (const Member &member : members)
    for (auto [i, factor] : llvm::enumerate(member.structure.factors)) {
      Letter letter = leaderOf(member.first + i);
      // What goes over a window numbers its dims.
      if (factor.kind == FactorKind::Opaque || member.structure.has(FactorKind::Window))
        fixed.insert(letter);
      // Other ops than these want dims of one element in their places.
      if (factor.kind != FactorKind::Parallel || ShapeBuilder::getConstant(factor.size) != 1 ||
          !isa<ScalarOpInterface, DecomposeOpInterface>(member.op))
        extended.insert(letter);
    }
  isActive = true;
}

/// Whether every op walks these letters in the same way, or none of them.
bool JoinedDims::isTreatedAlike(ArrayRef<Letter> letters) const {
  for (const Member &member : members) {
    std::optional<FactorKind> kind;
    for (auto [i, factor] : llvm::enumerate(member.structure.factors)) {
      Letter letter = leaderOf(member.first + i);
      if (!extended.contains(letter) || !llvm::is_contained(letters, letter))
        continue;
      if (kind.value_or(factor.kind) != factor.kind)
        return false;
      kind = factor.kind;
    }
  }
  return true;
}

/// Whether a value has all of the letters, side by side and in this order, or none. Dims of one element stand in the
/// place of all of them, too, or of none, unless element-wise ops alone read the value: those align dims from the last
/// one on.
bool JoinedDims::liesTogether(Value value, ArrayRef<Place> own, ArrayRef<Letter> letters) const {
  unsigned present = 0, places = 0, next = 0;
  std::optional<size_t> last;
  for (auto [i, place] : llvm::enumerate(own)) {
    Letter letter = leaderOf(place.letter);
    const auto *found = llvm::find(letters, letter);
    if (found == letters.end())
      continue;
    unsigned number = found - letters.begin();
    if (place.extent == Extent::Either || number < next || (last && *last + 1 != i))
      return false;
    next = number + 1;
    last = i;
    if (!extended.contains(letter))
      continue;
    ++places;
    present += place.extent == Extent::Full;
  }
  unsigned all = llvm::count_if(letters, [&](Letter letter) { return extended.contains(letter); });
  bool isWhole = places == 0 || places == all || !numbered.contains(value);
  return isWhole && (present == 0 || present == all);
}

bool JoinedDims::canBeOne(ArrayRef<Letter> letters) const {
  return llvm::none_of(letters, [&](Letter letter) { return fixed.contains(letter); }) && isTreatedAlike(letters) &&
         llvm::all_of(places, [&](const auto &entry) { return liesTogether(entry.first, entry.second, letters); });
}

void JoinedDims::join() {
  SmallVector<SmallVector<Letter>> chains;
  auto chainOf = [&](Letter letter) {
    for (auto [i, chain] : llvm::enumerate(chains))
      if (llvm::is_contained(chain, letter))
        return i;
    chains.push_back({letter});
    return chains.size() - 1;
  };
  bool joins = false;
  // From the widest value on: what lies together there is most of what can.
  auto order = llvm::map_to_vector(places, [](auto &entry) { return ArrayRef<Place>(entry.second); });
  llvm::stable_sort(order, [](ArrayRef<Place> a, ArrayRef<Place> b) { return a.size() > b.size(); });
  for (ArrayRef<Place> own : order)
    for (size_t i = 0; i < own.size(); ++i) {
      size_t here = chainOf(leaderOf(own[i].letter));
      size_t before = i == 0 ? here : chainOf(leaderOf(own[i - 1].letter));
      if (here == before)
        continue;
      SmallVector<Letter> both(chains[before]);
      llvm::append_range(both, chains[here]);
      if (!canBeOne(both))
        continue;
      chains[before] = both;
      chains[here].clear();
      joins = true;
    }
  for (auto [i, chain] : llvm::enumerate(chains))
    for (Letter letter : chain)
      joined[letter] = i;
  isActive = joins;
}

SmallVector<int64_t> JoinedDims::numbers(Value tensor) const {
  SmallVector<int64_t> result;
  auto found = isActive ? places.find(tensor) : places.end();
  if (found == places.end()) {
    llvm::append_range(result, llvm::seq<int64_t>(0, rankOf(tensor)));
    return result;
  }
  std::optional<unsigned> last;
  for (const Place &place : found->second) {
    unsigned here = joined.lookup(leaderOf(place.letter));
    result.push_back(result.empty() ? 0 : result.back() + (here != last));
    last = here;
  }
  return result;
}

SmallVector<OpFoldResult> JoinedDims::dims(Value tensor) const {
  if (!isActive)
    return SmallVector<OpFoldResult>(shapes.dims(tensor));
  if (isScalar(tensor))
    return {};
  auto found = places.find(tensor);
  if (found == places.end())
    return SmallVector<OpFoldResult>(shapes.dims(tensor));
  SmallVector<OpFoldResult> result;
  for (auto [place, number] : llvm::zip_equal(found->second, numbers(tensor)))
    if (number < int64_t(result.size()))
      result.back() = shapes.mul(result.back(), place.size);
    else
      result.push_back(place.size);
  return result;
}
