// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/layout/TurnedOp.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace hone;

static RankedTensorType typeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()); }

Order hone::asItIs(int64_t rank) { return llvm::to_vector<4>(llvm::seq<int64_t>(0, rank)); }
Order hone::inverseOf(ArrayRef<int64_t> permutation) {
  Order inverse(permutation.size());
  for (auto [to, from] : llvm::enumerate(permutation))
    inverse[from] = to;
  return inverse;
}

std::optional<Order> hone::permutationOf(Operation *op) {
  auto move = dyn_cast_or_null<RecipeOpInterface>(op);
  if (!move || op->getNumOperands() != 1)
    return std::nullopt;
  auto recipe = move.getRecipe(FlatSymbolRefAttr::get(op->getContext(), ""));
  std::optional<ArrayRef<int64_t>> permutation = recipe ? recipe.asPermutation() : std::nullopt;
  return permutation ? std::optional(Order(*permutation)) : std::nullopt;
}

bool hone::isStored(Value value) {
  while (permutationOf(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return matchPattern(value, m_Constant()) || value.getDefiningOp<UseWeightOp>();
}

//===-- Moves ---------------------------------------------------------------------------------------------------===//

/// Those dims of an order that may have more than one element.
static Order extended(RankedTensorType type, const Order &order) {
  Order dims;
  for (int64_t dim : order)
    if (dim != kNoDim && type.getDimSize(dim) != 1)
      dims.push_back(dim);
  return dims;
}
static RankedTensorType orderedType(RankedTensorType type, ArrayRef<int64_t> order) {
  return type.clone(llvm::map_to_vector(order, [&](int64_t dim) { return dim == kNoDim ? 1 : type.getDimSize(dim); }));
}

bool Move::isView() const { return extended(typeOf(value), from) == extended(typeOf(value), to); }

double hone::costOfMove(Value value, const Order &from, const Order &to) {
  Move move{value, from, to};
  if (move.movesNothing() || isStored(value)) // what is stored is moved when the library is written
    return 0;
  if (move.isView())
    return kCostOfView;
  constexpr double assumedDim = 128, bytesOfLaunch = 8192; // what a core moves while a kernel begins
  double bytes = elementBytes(value.getType());
  for (int64_t size : typeOf(value).getShape())
    bytes *= ShapedType::isDynamic(size) ? assumedDim : double(size);
  return bytes + bytesOfLaunch;
}

Value Move::build(ShapeBuilder &shapes, Value source, Location loc) const {
  OpBuilder &builder = shapes.builder;
  RankedTensorType type = orderedType(typeOf(value), to);
  auto sizes = [&] {
    SmallVector<OpFoldResult> own(shapes.dims(value)), wanted;
    for (int64_t dim : to)
      wanted.push_back(dim == kNoDim ? shapes.constant(1) : own[dim]);
    return shapes.materialize(wanted);
  };
  if (DenseElementsAttr all; matchPattern(source, m_Constant(&all)) && all.isSplat() && source.getType() != type)
    return ConstantOp::create(builder, loc, type, all.resizeSplat(type));
  Order now = from;
  if (!isView()) {
    // Dims of one element that are to go, or to come, do so behind it.
    now.clear();
    llvm::copy_if(to, std::back_inserter(now), [](int64_t dim) { return dim != kNoDim; });
    llvm::copy_if(from, std::back_inserter(now), [&](int64_t dim) { return !llvm::is_contained(to, dim); });
    Order places = llvm::map_to_vector<4>(now, [&](int64_t dim) { return llvm::find(from, dim) - from.begin(); });
    source = TransposeOp::create(builder, loc, source, places);
  }
  if (source.getType() == type)
    return source;
  if (now == to)
    return WithDimsOp::create(builder, loc, type, source, sizes()); // their types tell different dims
  return ReshapeOp::create(builder, loc, type, source, sizes());
}

//===-- Turned ops ----------------------------------------------------------------------------------------------===//

static unsigned tensorCount(Operation *op) { return llvm::count_if(op->getOperands(), isTensor); }

bool hone::canBeTurned(Operation *op) {
  // Ops that say what an element is, and may say by their structure what a dim is: not attention, convolutions, taps.
  bool isKnown = isa<StructureOpInterface>(op) &&
                 isa<ElementOpInterface, ScalarOpInterface, DecomposeOpInterface, LoopOpInterface>(op);
  return isKnown && tensorCount(op) > 0 && op->getNumRegions() == 0 && isMemoryEffectFree(op) &&
         !isa<UpdateOpInterface>(op) && !op->hasTrait<RestoresLayout>() && !permutationOf(op) &&
         llvm::all_of(op->getResults(), isTensor);
}

/// Whether the operands' dims are those of the result, counted from the last one.
static bool broadcasts(Operation *op) { return isa<ScalarOpInterface, DecomposeOpInterface>(op); }

namespace {
/// Finds out in which order results lie and operands are wanted, if one operand, the leader, lies in a given one.
struct Turn {
  Turn(Operation *op, const Structure &structure, unsigned leader, const Order &order)
      : op(op), structure(structure), leader(leader), order(order) {}

  /// Fills in `operands` and `results`; false if the structure leaves it open.
  bool solve();
  /// Changes the order so that those dims of the leader lie together that are one dim of the result.
  void join();

  SmallVector<Order, 3> operands;
  SmallVector<Order, 1> results;

private:
  bool placeLeader();
  void placeParts();
  bool placeRest(unsigned result);
  /// Whether dims of the leader that the result does not tell about lie together and in order.
  bool liesTogether(ArrayRef<int64_t> dims) const;
  std::optional<int64_t> placeOf(const FactoredDim &dim) const;
  /// Whether the factors of a dim lie one behind the other.
  bool isWhole(const FactoredDim &dim) const;
  std::optional<Order> sorted(const FactoredDims &dims) const;
  Order broadcastOrder(Value operand) const;

  Operation *op;
  const Structure &structure;
  unsigned leader;
  Order order;
  SmallVector<std::optional<int64_t>> places; // of factors, outermost first
};
} // namespace

std::optional<int64_t> Turn::placeOf(const FactoredDim &dim) const {
  for (unsigned factor : dim.factors)
    if (places[factor])
      return places[factor];
  return std::nullopt;
}

bool Turn::isWhole(const FactoredDim &dim) const {
  std::optional<int64_t> last;
  for (unsigned factor : dim.factors) {
    if (!places[factor])
      continue;
    if (last && *places[factor] != *last + 1)
      return false;
    last = places[factor];
  }
  return true;
}

bool Turn::placeLeader() {
  int64_t next = 0;
  for (int64_t dim : order)
    for (unsigned factor : structure.operands[leader][dim].factors) {
      if (places[factor])
        return false;
      places[factor] = next++;
    }
  return true;
}

/// Parts lie where the whole does.
void Turn::placeParts() {
  for (int round = 0; round < 2; ++round) // from a part to the whole, and to its other parts
    for (const FactorPart &part : structure.parts)
      for (auto [from, to] : {std::pair(part.part, part.whole), {part.whole, part.part}})
        if (places[from] && !places[to])
          places[to] = places[from];
}

bool Turn::liesTogether(ArrayRef<int64_t> dims) const {
  const auto *first = llvm::find(order, dims.front());
  return ArrayRef<int64_t>(first, order.end()).take_front(dims.size()) == dims;
}

/// Places what a result has and the leader has not. It takes the place of dims that the leader alone has, if those are
/// as many, or goes in front if it is broadcast.
bool Turn::placeRest(unsigned result) {
  const FactoredDims &dims = structure.results[result], &own = structure.operands[leader];
  SmallVector<int64_t> open, alone;
  for (auto [i, dim] : llvm::enumerate(dims))
    if (!dim.factors.empty() && !placeOf(dim))
      open.push_back(i);
  if (open.empty())
    return true;
  if (own.size() == dims.size())
    for (auto [i, dim] : llvm::enumerate(own)) {
      std::optional<int64_t> place = placeOf(dim);
      if (place && llvm::none_of(dims, [&](const FactoredDim &other) { return placeOf(other) == place; }))
        alone.push_back(i);
    }
  bool takesPlaces = open == alone && liesTogether(alone);
  for (auto [i, dim] : llvm::enumerate(open))
    for (unsigned factor : dims[dim].factors) {
      if (!takesPlaces && structure.factors[factor].kind != FactorKind::Parallel)
        return false;
      places[factor] = takesPlaces ? *placeOf(own[dim]) : int64_t(i) - int64_t(open.size());
    }
  return true;
}

/// The dims as their factors lie; those without any (of one element) stay behind the dim before them.
std::optional<Order> Turn::sorted(const FactoredDims &dims) const {
  SmallVector<std::pair<int64_t, int64_t>> keys;
  int64_t last = std::numeric_limits<int64_t>::min();
  for (auto [i, dim] : llvm::enumerate(dims)) {
    std::optional<int64_t> place = placeOf(dim);
    if ((!place && !dim.factors.empty()) || !isWhole(dim))
      return std::nullopt;
    last = place.value_or(last);
    keys.emplace_back(last, i);
  }
  llvm::sort(keys);
  return llvm::map_to_vector<4>(keys, [](auto key) { return key.second; });
}

/// The order of the first result for an operand that is broadcast to it, without leading dims that it need not have.
Order Turn::broadcastOrder(Value operand) const {
  int64_t lead = int64_t(results[0].size()) - rankOf(operand);
  Order own;
  for (int64_t dim : results[0])
    own.push_back(dim < lead ? kNoDim : dim - lead);
  if (lead == 0)
    return own;
  auto isNeeded = [&](int64_t dim) { return dim != kNoDim && typeOf(operand).getDimSize(dim) != 1; };
  own.erase(own.begin(), llvm::find_if(own, isNeeded));
  return own;
}

void Turn::join() {
  const FactoredDims &own = structure.operands[leader];
  Order joined = order;
  for (const FactoredDims &dims : structure.results)
    for (const FactoredDim &dim : dims) {
      // All come to the place of the last one.
      Order together;
      for (unsigned factor : dim.factors)
        for (auto [i, other] : llvm::enumerate(own))
          if (llvm::is_contained(other.factors, factor) && !llvm::is_contained(together, int64_t(i)))
            together.push_back(i);
      if (together.size() < 2)
        continue;
      auto isJoined = [&](int64_t each) { return llvm::is_contained(together, each); };
      int64_t behind = std::find_if(joined.rbegin(), joined.rend(), isJoined) - joined.rbegin();
      llvm::erase_if(joined, isJoined);
      joined.insert(joined.end() - behind, together.begin(), together.end());
    }
  order = joined;
}

bool Turn::solve() {
  places.assign(structure.factors.size(), std::nullopt);
  operands.clear();
  results.clear();
  if (!placeLeader())
    return false;
  placeParts();
  for (auto [i, dims] : llvm::enumerate(structure.results)) {
    if (!placeRest(i))
      return false;
    placeParts();
    std::optional<Order> own = sorted(dims);
    if (!own)
      return false;
    results.push_back(*own);
  }
  for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
    std::optional<Order> own = Order();
    if (i == leader)
      own = order;
    else if (isTensor(operand) && llvm::all_of(typeOf(operand).getShape(), [](int64_t size) { return size == 1; }))
      own = asItIs(rankOf(operand));
    else if (isTensor(operand))
      own = broadcasts(op) ? broadcastOrder(operand) : sorted(structure.operands[i]);
    if (!own)
      return false;
    operands.push_back(*own);
  }
  return true;
}

namespace {
/// Compares the structure of a turned op with that of the op as it was.
struct Comparison {
  Comparison(const Structure &was, const Structure &is, ShapeBuilder &shapes)
      : was(was), is(is), shapes(shapes), before(is.factors.size()), behind(was.factors.size()) {}

  bool areSame(const FactoredDims &dims, const FactoredDims &own, const Order &order);
  bool haveSameParts() const;

private:
  bool areSame(unsigned factor, unsigned own);

  const Structure &was, &is;
  ShapeBuilder &shapes;
  SmallVector<std::optional<unsigned>> before, behind; // factors by factors of the other structure
};
} // namespace

bool Comparison::areSame(unsigned factor, unsigned own) {
  if (before[own] || behind[factor])
    return before[own] == factor && behind[factor] == own;
  before[own] = factor;
  behind[factor] = own;
  const Factor &a = was.factors[factor], &b = is.factors[own];
  return a.kind == b.kind && a.combiner == b.combiner && shapes.areEqual(a.size, b.size);
}

bool Comparison::areSame(const FactoredDims &dims, const FactoredDims &own, const Order &order) {
  return llvm::all_of_zip(own, order, [&](const FactoredDim &dim, int64_t from) {
    if (from == kNoDim)
      return true;
    return dim.extent == dims[from].extent && dim.factors.size() == dims[from].factors.size() &&
           llvm::all_of_zip(dims[from].factors, dim.factors, [&](unsigned a, unsigned b) { return areSame(a, b); });
  });
}

bool Comparison::haveSameParts() const {
  return was.parts.size() == is.parts.size() && llvm::all_of(is.parts, [&](const FactorPart &own) {
           return llvm::any_of(was.parts, [&](const FactorPart &part) {
             return before[own.part] == part.part && before[own.whole] == part.whole && own.offset == part.offset &&
                    own.step == part.step;
           });
         });
}

/// Index operands that come in lists with one for each dim of the result follow its order.
static void reorderIndices(Operation *op, const Order &order) {
  SmallVector<unsigned> numbers;
  for (OpOperand &operand : op->getOpOperands())
    if (!isTensor(operand.get()))
      numbers.push_back(operand.getOperandNumber());
  if (order.empty() || numbers.size() % order.size())
    return;
  SmallVector<Value> values = llvm::map_to_vector(numbers, [&](unsigned number) { return op->getOperand(number); });
  for (auto [i, number] : llvm::enumerate(numbers))
    op->setOperand(number, values[i / order.size() * order.size() + order[i % order.size()]]);
}

/// Where each dim of a tensor lies.
static SmallVector<int64_t> numbersOf(const Order &order, int64_t rank) {
  SmallVector<int64_t> numbers(rank);
  for (auto [place, dim] : llvm::enumerate(order))
    if (dim != kNoDim)
      numbers[dim] = place;
  return numbers;
}

std::optional<TurnedOp> TurnedOp::build(Operation *op, ArrayRef<Order> orders, ShapeBuilder &shapes, Block &standIns) {
  Structure structure = cast<StructureOpInterface>(op).getStructure(shapes);
  // Products stay as they are: their kernels are made for dims in the places that they have.
  if (structure.has(FactorKind::Window) || (structure.has(FactorKind::Reduction) && tensorCount(op) > 1))
    return std::nullopt;
  unsigned leader = 0;
  double greatest = 0;
  for (auto [i, operand] : llvm::enumerate(op->getOperands()))
    if (double bytes = isTensor(operand) ? costOfMove(operand, orders[i], asItIs(rankOf(operand))) : 0;
        bytes > greatest)
      greatest = bytes, leader = i;
  Turn turn(op, structure, leader, orders[leader]);
  if (greatest == 0)
    return std::nullopt;
  if (!turn.solve()) {
    turn.join(); // as of groups of channels that were shuffled, at the price of a move
    if (!turn.solve())
      return std::nullopt;
  }

  TurnedOp result{op->clone(), turn.operands, turn.results};
  standIns.push_back(result.op);
  for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
    if (!isTensor(operand))
      continue;
    Value argument = standIns.addArgument(orderedType(typeOf(operand), result.operands[i]), op->getLoc());
    SmallVector<OpFoldResult> own(shapes.dims(operand)), dims;
    for (int64_t dim : result.operands[i])
      dims.push_back(dim == kNoDim ? shapes.constant(1) : own[dim]);
    shapes.setDims(argument, dims);
    result.op->setOperand(i, argument);
  }
  for (auto [value, order] : llvm::zip_equal(result.op->getResults(), result.results))
    value.setType(orderedType(typeOf(value), order));
  reorderIndices(result.op, result.results[0]);
  auto turned = cast<StructureOpInterface>(result.op);
  if (isTensor(op->getOperand(0)))
    turned.renumberDims(numbersOf(result.operands[0], rankOf(op->getOperand(0))),
                        numbersOf(result.results[0], rankOf(op->getResult(0))));

  Structure own = turned.getStructure(shapes);
  Comparison comparison(structure, own, shapes);
  for (auto [was, is, order] : llvm::zip_equal(structure.operands, own.operands, result.operands))
    if (!comparison.areSame(was, is, order))
      return std::nullopt;
  for (auto [was, is, order] : llvm::zip_equal(structure.results, own.results, result.results))
    if (!comparison.areSame(was, is, order))
      return std::nullopt;
  if (!comparison.haveSameParts())
    return std::nullopt;
  return result;
}
