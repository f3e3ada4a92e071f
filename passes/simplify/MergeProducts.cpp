// Products of one left factor with several weights become one product: Q, K and V of attention.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Weights.h"
#include "passes/Passes.h"
#include "passes/simplify/Patterns.h"
#include "passes/weights/WeightMaker.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace hone;

namespace hone {
#define GEN_PASS_DEF_MERGEPRODUCTS
#include "passes/Passes.h.inc"
} // namespace hone

static RankedTensorType typeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()); }
static RankedTensorType withDim(RankedTensorType type, int64_t dim, int64_t size) {
  SmallVector<int64_t> dims(type.getShape());
  dims[dim] = size;
  return type.clone(dims);
}

namespace {
/// The weights of a module: who reads them is counted once for all.
class Weights {
public:
  Weights(ModuleOp module, const llvm::DenseMap<Operation *, unsigned> &depths)
      : symbols(module), weightMaker(module, symbols), depths(depths) {
    module.walk([&](Operation *op) {
      if (auto use = dyn_cast<UseWeightOp>(op))
        ++readers[{use->getParentOfType<func::FuncOp>(), use.getWeightAttr()}], ++allReaders[use.getWeightAttr()];
      if (auto weight = dyn_cast<WeightOp>(op))
        if (auto recipe = dyn_cast<WeightRecipeAttrInterface>(weight.getSource()))
          for (FlatSymbolRefAttr source : recipe.getSourceNames())
            recipeSources.insert(source);
    });
  }

  /// Whether one op of the function alone reads the weight, no recipe does, and two more recipes can follow its own.
  bool canJoin(UseWeightOp use) {
    return use->hasOneUse() && !recipeSources.contains(use.getWeightAttr()) &&
           readers.lookup({use->getParentOfType<func::FuncOp>(), use.getWeightAttr()}) == 1 &&
           depths.lookup(symbols.lookup(use.getWeight())) + 2 <= kMaxRecipeDepth;
  }
  /// How many ops of all functions read a weight.
  unsigned readersOf(Attribute weight) const { return allReaders.lookup(weight); }
  WeightMaker &maker() { return weightMaker; }

private:
  SymbolTable symbols;
  WeightMaker weightMaker;
  const llvm::DenseMap<Operation *, unsigned> &depths;
  llvm::DenseMap<std::pair<func::FuncOp, Attribute>, unsigned> readers;
  llvm::DenseMap<Attribute, unsigned> allReaders;
  llvm::DenseSet<Attribute> recipeSources;
};

/// Products that are merged, and what follows each of them in the same way.
class Products {
public:
  Products(ArrayRef<MatmulOp> products, Weights &weights) : products(products), weights(weights) {}

  /// Finds what follows; false if the products do not end in heads that one attention reads, or their weights serve
  /// others, too: what reads parts of a product as they lie is attention alone.
  bool follow();
  /// What becomes one weight each, once this is merged: lists of weights and constants, and along which dim.
  SmallVector<ArrayAttr> joins();
  void merge();

private:
  /// An element-wise op of each product, and its other operand.
  struct Step {
    SmallVector<Operation *> ops; ///< one of each product
    unsigned operand = 0;         ///< the position of what is computed
    SmallVector<Value> others;    ///< the columns' numbers: weights or constants of one rank
  };
  bool followStep(SmallVectorImpl<Value> &values);
  bool followHeads(ArrayRef<Value> values);
  bool canJoin(ArrayRef<Value> tensors);
  Value join(OpBuilder &builder, ArrayRef<Value> tensors, int64_t axis);

  SmallVector<MatmulOp> products;
  Weights &weights;
  std::vector<Step> steps;
  SmallVector<ReshapeOp> heads;
  Operation *reader = nullptr;
};
} // namespace

/// The only reader of a value.
static Operation *onlyUser(Value value) { return value.hasOneUse() ? *value.getUsers().begin() : nullptr; }

/// Whether `tensor` has a number for each column of `type`, and no other dims.
static bool isRowOf(RankedTensorType type, Value tensor) {
  RankedTensorType own = typeOf(tensor);
  if (own.getRank() == 0 || !own.hasStaticShape() || own.getRank() > type.getRank())
    return false;
  return own.getShape().back() == type.getShape().back() && own.getNumElements() == own.getShape().back();
}

bool Products::canJoin(ArrayRef<Value> tensors) {
  return llvm::all_of(tensors, [&](Value tensor) {
    if (typeOf(tensor).getRank() != typeOf(tensors[0]).getRank() || elementTypeOf(tensor) != elementTypeOf(tensors[0]))
      return false;
    if (tensor.getDefiningOp<ConstantOp>())
      return true;
    // What others read, too, would be stored twice.
    auto use = tensor.getDefiningOp<UseWeightOp>();
    return use && weights.canJoin(use);
  });
}

bool Products::follow() {
  SmallVector<Value> factors, values;
  for (MatmulOp product : products) {
    factors.push_back(product.getRhs());
    values.push_back(product.getOutput());
  }
  if (!canJoin(factors))
    return false;
  while (followStep(values)) {
  }
  return followHeads(values);
}

bool Products::followStep(SmallVectorImpl<Value> &values) {
  Step step;
  for (Value value : values) {
    Operation *op = onlyUser(value);
    if (!op || !isa<ScalarOpInterface>(op) || op->getNumOperands() > 2 || op->getResult(0).getType() != value.getType())
      return false;
    unsigned operand = op->getOperand(0) == value ? 0 : 1;
    Operation *first = step.ops.empty() ? op : step.ops.front();
    if (step.ops.empty())
      step.operand = operand;
    if (op->getName() != first->getName() || op->getAttrs() != first->getAttrs() || operand != step.operand)
      return false;
    if (op->getNumOperands() == 2) {
      Value other = op->getOperand(1 - operand);
      if (!isRowOf(typeOf(value), other))
        return false;
      step.others.push_back(other);
    }
    step.ops.push_back(op);
  }
  if (!canJoin(step.others))
    return false;
  for (auto [value, op] : llvm::zip_equal(values, step.ops))
    value = op->getResult(0);
  steps.push_back(std::move(step));
  return true;
}

bool Products::followHeads(ArrayRef<Value> values) {
  for (Value value : values) {
    auto reshape = dyn_cast_or_null<ReshapeOp>(onlyUser(value));
    if (!reshape || rankOf(reshape.getOutput()) != 4)
      return false;
    RankedTensorType type = typeOf(reshape.getOutput()), first = heads.empty() ? type : typeOf(heads[0].getOutput());
    bool areHeads = !type.isDynamicDim(2) && !type.isDynamicDim(3) && type.getDimSize(3) == first.getDimSize(3) &&
                    type.getDimSize(2) * type.getDimSize(3) == typeOf(value).getShape().back();
    ReshapeOp other = heads.empty() ? reshape : heads[0];
    auto attention = dyn_cast_or_null<AttentionOp>(onlyUser(reshape.getOutput()));
    if (!areHeads || !attention || attention.getMask() == reshape.getOutput() || (reader && reader != attention) ||
        !llvm::equal(reshape.getSizes().take_front(2), other.getSizes().take_front(2)))
      return false;
    reader = attention;
    heads.push_back(reshape);
  }
  return true;
}

SmallVector<ArrayAttr> Products::joins() {
  Builder builder(reader->getContext());
  auto listOf = [&](ArrayRef<Value> tensors, bool areRows) {
    SmallVector<Attribute> list{builder.getBoolAttr(areRows)};
    for (Value tensor : tensors) {
      auto use = tensor.getDefiningOp<UseWeightOp>();
      list.push_back(use ? Attribute(use.getWeightAttr()) : tensor.getDefiningOp<ConstantOp>().getValue());
    }
    return builder.getArrayAttr(list);
  };
  SmallVector<Value> factors;
  for (MatmulOp product : products)
    factors.push_back(product.getRhs());
  SmallVector<ArrayAttr> lists{listOf(factors, products.front().getTransposeRhs())};
  for (Step &step : steps)
    lists.push_back(listOf(step.others, /*areRows=*/false));
  return lists;
}

/// Weights and constants one after the other along `axis`.
Value Products::join(OpBuilder &builder, ArrayRef<Value> tensors, int64_t axis) {
  SmallVector<FlatSymbolRefAttr> sources;
  SmallVector<Location> locations;
  int64_t size = 0;
  WeightOp last;
  for (Value tensor : tensors) {
    last = weights.maker().weightOf(tensor);
    sources.push_back(FlatSymbolRefAttr::get(last));
    locations.push_back(tensor.getLoc());
    size += typeOf(tensor).getDimSize(axis);
  }
  RankedTensorType type = withDim(typeOf(tensors[0]), axis, size);
  Location loc = builder.getFusedLoc(locations);
  WeightOp weight = weights.maker().make(loc, sources[0].getValue() + "_joined", type,
                                         ConcatAttr::get(builder.getContext(), sources, axis), last);
  return UseWeightOp::create(builder, loc, type, weight.getSymName());
}

void Products::merge() {
  OpBuilder builder(reader);
  SmallVector<Value> factors;
  for (MatmulOp product : products)
    factors.push_back(product.getRhs());
  MatmulOp first = products.front();
  Value joined = join(builder, factors, first.getTransposeRhs() ? 0 : 1);
  int64_t columns = typeOf(joined).getDimSize(first.getTransposeRhs() ? 0 : 1);
  RankedTensorType type = withDim(typeOf(first.getOutput()), rankOf(first.getOutput()) - 1, columns);
  Value value = MatmulOp::create(builder, fuseLocations(llvm::to_vector_of<Operation *>(products)), type,
                                 first.getLhs(), joined, first.getTransposeRhs());
  for (Step &step : steps) {
    SmallVector<Value> operands(1, value);
    if (!step.others.empty())
      operands.insert(operands.begin() + (1 - step.operand), join(builder, step.others, rankOf(step.others[0]) - 1));
    OperationState state(fuseLocations(step.ops), step.ops[0]->getName(), operands, TypeRange(type),
                         step.ops[0]->getAttrs());
    value = builder.create(state)->getResult(0);
  }

  int64_t count = 0;
  for (ReshapeOp head : heads)
    count += typeOf(head.getOutput()).getDimSize(2);
  SmallVector<Value> sizes(heads[0].getSizes());
  sizes[2] = arith::ConstantIndexOp::create(builder, reader->getLoc(), count);
  value = ReshapeOp::create(builder, fuseLocations(llvm::to_vector_of<Operation *>(heads)),
                            withDim(typeOf(heads[0].getOutput()), 2, count), value, sizes);
  int64_t begin = 0;
  Value zero = arith::ConstantIndexOp::create(builder, reader->getLoc(), 0);
  Value one = arith::ConstantIndexOp::create(builder, reader->getLoc(), 1);
  for (ReshapeOp head : heads) {
    SmallVector<Value> starts(4, zero), steps(4, one);
    starts[2] = arith::ConstantIndexOp::create(builder, head.getLoc(), begin);
    begin += typeOf(head.getOutput()).getDimSize(2);
    Value part =
        SliceOp::create(builder, head.getLoc(), head.getOutput().getType(), value, starts, head.getSizes(), steps);
    head.getOutput().replaceAllUsesWith(part);
  }
}

namespace {
struct MergeProducts : hone::impl::MergeProductsBase<MergeProducts> {
  void runOnOperation() override {
    FailureOr<llvm::DenseMap<Operation *, unsigned>> depths = checkRecipes(getOperation());
    if (failed(depths))
      return signalPassFailure();
    Weights weights(getOperation(), *depths);
    SmallVector<Block *> blocks;
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (Block &block : function.getBody())
        blocks.push_back(&block);
    std::vector<Products> candidates;
    for (Block *block : blocks)
      findProducts(*block, weights, candidates);
    mergeShared(candidates, weights);
    for (Block *block : blocks)
      for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*block)))
        if (isOpTriviallyDead(&op))
          op.erase();
  }

  /// Merges those each of whose weights all of its readers want to join with the same ones: it would be stored twice if
  /// it were joined for one entry and not for another.
  static void mergeShared(MutableArrayRef<Products> candidates, const Weights &weights) {
    llvm::MapVector<ArrayAttr, unsigned> counts; // of equal lists
    llvm::EquivalenceClasses<ArrayAttr> tied;    // those that are joined together or not at all
    for (Products &products : candidates)
      for (ArrayAttr list : products.joins()) {
        ++counts[list];
        tied.unionSets(products.joins().front(), list);
      }
    llvm::DenseSet<ArrayAttr> refused;
    for (auto [list, count] : counts)
      for (Attribute each : list)
        if (isa<FlatSymbolRefAttr>(each) && weights.readersOf(each) != count)
          refused.insert(tied.getLeaderValue(list));
    for (Products &products : candidates)
      if (!refused.contains(tied.getLeaderValue(products.joins().front())))
        products.merge();
  }

  static void findProducts(Block &block, Weights &weights, std::vector<Products> &candidates) {
    // Products that read one tensor, and whose ends one attention reads.
    llvm::MapVector<std::pair<Operation *, Value>, SmallVector<MatmulOp>> groups;
    for (auto product : block.getOps<MatmulOp>())
      if (rankOf(product.getRhs()) == 2 && product.getRhs().getDefiningOp<UseWeightOp>())
        if (Operation *attention = attentionBehind(product))
          groups[{attention, product.getLhs()}].push_back(product);
    for (auto &[key, group] : groups) {
      auto isLike = [&](MatmulOp other) {
        MatmulOp first = group.front();
        return other.getTransposeRhs() == first.getTransposeRhs() &&
               elementTypeOf(other.getRhs()) == elementTypeOf(first.getRhs()) &&
               elementTypeOf(other.getOutput()) == elementTypeOf(first.getOutput());
      };
      if (group.size() < 2 || !llvm::all_of(group, isLike))
        continue;
      Products products(group, weights);
      if (products.follow())
        candidates.push_back(std::move(products));
    }
  }

  /// The attention that alone reads what becomes of a product, by way of values that each have one reader.
  static Operation *attentionBehind(MatmulOp product) {
    constexpr unsigned most = 16; // more steps than any exporter writes
    Operation *op = product;
    for (unsigned i = 0; i < most && op && op->getNumResults() == 1 && !isa<AttentionOp>(op); ++i)
      op = onlyUser(op->getResult(0));
    return isa_and_nonnull<AttentionOp>(op) ? op : nullptr;
  }
};
} // namespace
