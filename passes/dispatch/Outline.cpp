// Outlining. Dims that all values of a kernel share side by side are collapsed into one first: fewer loops, longer
// rows, and more kernels that turn out to be the same (28,672 elements as 4096x7: 104 us, as 1x28672: 15 us).
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/dispatch/Outline.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace hone;

static RankedTensorType typeOf(ArrayRef<OpFoldResult> dims, Type elementType) {
  SmallVector<int64_t> sizes;
  for (OpFoldResult dim : dims)
    sizes.push_back(ShapeBuilder::getConstant(dim).value_or(ShapedType::kDynamic));
  return RankedTensorType::get(sizes, elementType);
}

namespace {

/// How the dims of a group's iteration space are collapsed: consecutive dims of one class become one.
class Collapse {
public:
  Collapse(const KernelGroup &group, ShapeBuilder &shapes);

  /// Whether anything changes.
  bool isActive() const { return active; }
  /// The collapsed dims of a value of the group.
  SmallVector<OpFoldResult> dims(Value value);
  /// The type of a constant inside: of its collapsed dims where it is a row op's input, else of the dims that it alone
  /// gives a result, or rank 0. Its own need not be dims that collapse.
  RankedTensorType constantType(Value constant);
  /// The collapsed number of a dim of the space.
  int64_t axis(int64_t dim) const { return classOf[dim]; }

private:
  enum class Status { Any, Full, One, Other };
  /// The right-aligned dims of `value`; a matmul's left operand is aligned without its last dim.
  ArrayRef<OpFoldResult> alignedDims(Value value) {
    ArrayRef<OpFoldResult> all = shapes.dims(value);
    return value == matmulLhs ? all.drop_back() : all;
  }
  int64_t alignedRank(Value value) const { return value == matmulLhs ? int64_t(space.size()) - 1 : space.size(); }
  Status status(Value value, int64_t dim);
  void findWidened(const KernelGroup &group);

  ShapeBuilder &shapes;
  SmallVector<OpFoldResult> space;
  SmallVector<int64_t> classOf; // dim of the space -> collapsed dim
  llvm::SetVector<Value> values;
  Value matmulLhs, matmulRhs;
  llvm::DenseMap<Value, llvm::SmallSet<int64_t, 4>> widened; // constant -> dims of the space that it alone gives
  bool active = false;
};

Collapse::Collapse(const KernelGroup &group, ShapeBuilder &shapes) : shapes(shapes) {
  Value result = group.root()->getResult(0);
  space.assign(shapes.dims(result).begin(), shapes.dims(result).end());
  int64_t rank = space.size();
  llvm::SmallSetVector<int64_t, 4> barriers; // no collapse of dims b-1 and b
  for (Operation *op : group.ops) {
    if (auto matmul = dyn_cast<MatmulOp>(op); matmul && matmul.getPackedColumns()) {
      matmulLhs = matmul.getLhs();
      matmulRhs = matmul.getRhs();
      barriers.insert(rank - 1);
      values.insert(matmul.getOutput());
      values.insert(matmulLhs);
      continue;
    }
    if (auto axis = op->getAttrOfType<IntegerAttr>("axis"); axis && isa<DecomposeOpInterface>(op)) {
      if (rankOf(op->getResult(0)) != rank)
        return;
      barriers.insert(axis.getInt());
      if (isa<SoftmaxOp>(op))
        barriers.insert(axis.getInt() + 1);
    } else if (!isa<ScalarOpInterface>(op)) {
      return;
    }
    bool readsTensor = false;
    for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
      bool isRow = i == 0 && isa<DecomposeOpInterface>(op);
      bool isConstant = operand.getDefiningOp<ConstantOp>() != nullptr;
      if (!isa<RankedTensorType>(operand.getType()) || (isConstant && !isRow))
        continue;
      readsTensor = true;
      values.insert(operand);
    }
    if (!readsTensor) // scalars would not say what the result's dims are
      return;
    values.insert(op->getResult(0));
  }
  values.remove(matmulRhs);

  llvm::DenseMap<Value, Status> current;
  auto join = [&](int64_t dim) {
    // Whether `dim` continues the class that ends before it: every value agrees.
    llvm::DenseMap<Value, Status> next;
    for (Value value : values) {
      Status before = current.lookup(value), here = status(value, dim);
      if (before == Status::Other || here == Status::Other)
        return false;
      if (before != Status::Any && here != Status::Any && before != here)
        return false;
      next[value] = before == Status::Any ? here : before;
    }
    current = next;
    return true;
  };
  for (int64_t dim = 0; dim < rank; ++dim) {
    if (dim > 0 && !barriers.contains(dim) && join(dim)) {
      classOf.push_back(classOf.back());
      active = true;
      continue;
    }
    classOf.push_back(dim == 0 ? 0 : classOf.back() + 1);
    for (Value value : values)
      current[value] = status(value, dim);
  }
  findWidened(group);
}

/// The dims of element-wise results that no tensor has are those of constants, and so may be the rank. One of an op's
/// constants, whichever, is enough for all: its elements are equal. Dims of a class are found together, for each tensor
/// has all of them or none.
void Collapse::findWidened(const KernelGroup &group) {
  int64_t rank = space.size();
  auto isFree = [&](Value operand) { return operand.getDefiningOp<ConstantOp>() && !values.contains(operand); };
  auto hasRank = [&](Value operand) {
    int64_t lead = alignedRank(operand) - int64_t(alignedDims(operand).size());
    return lead < rank && classOf[lead] == 0;
  };
  for (Operation *op : group.ops) {
    auto constant = llvm::find_if(op->getOperands(), isFree);
    if (!isa<ScalarOpInterface>(op) || constant == op->operand_end())
      continue;
    auto tensors = llvm::make_filter_range(op->getOperands(), [&](Value operand) { return values.contains(operand); });
    llvm::SmallSet<int64_t, 4> dims;
    for (int64_t dim = 0; dim < rank; ++dim)
      if (ShapeBuilder::getConstant(space[dim]).value_or(1) != 1 &&
          llvm::none_of(tensors, [&](Value operand) { return status(operand, dim) == Status::Full; }))
        dims.insert(dim);
    if (!dims.empty() || (rank > 0 && llvm::none_of(tensors, hasRank)))
      widened[*constant].insert_range(dims);
  }
}

Collapse::Status Collapse::status(Value value, int64_t dim) {
  ArrayRef<OpFoldResult> own = alignedDims(value);
  if (value == matmulLhs && dim == int64_t(space.size()) - 1)
    return Status::Any;
  int64_t position = dim - (alignedRank(value) - int64_t(own.size()));
  if (ShapeBuilder::getConstant(space[dim]) == 1)
    return Status::Any;
  if (position < 0 || ShapeBuilder::getConstant(own[position]) == 1)
    return Status::One;
  return own[position] == space[dim] ? Status::Full : Status::Other;
}

SmallVector<OpFoldResult> Collapse::dims(Value value) {
  SmallVector<OpFoldResult> own(alignedDims(value));
  int64_t lead = alignedRank(value) - int64_t(own.size());
  SmallVector<OpFoldResult> result;
  for (int64_t i = 0, last = -1, rank = own.size(); i < rank; ++i) {
    int64_t which = classOf[lead + i];
    if (which == last)
      result.back() = shapes.mul(result.back(), own[i]);
    else
      result.push_back(own[i]);
    last = which;
  }
  if (value == matmulLhs)
    result.push_back(shapes.dims(value).back());
  return result;
}

RankedTensorType Collapse::constantType(Value constant) {
  if (values.contains(constant))
    return typeOf(dims(constant), elementTypeOf(constant));
  SmallVector<OpFoldResult> own;
  auto given = widened.find(constant);
  for (int64_t dim = 0, rank = given == widened.end() ? 0 : space.size(), last = -1; dim < rank; ++dim) {
    if (classOf[dim] != last)
      own.push_back(shapes.constant(1));
    if (given->second.contains(dim))
      own.back() = shapes.mul(own.back(), space[dim]);
    last = classOf[dim];
  }
  return typeOf(own, elementTypeOf(constant));
}

/// The kernel under construction: its arguments by host value.
struct KernelDraft {
  llvm::MapVector<Value, SmallVector<OpFoldResult>> tensors; // host value -> dims the kernel sees
  llvm::SetVector<Value> sizes;                              // host index values
  SmallVector<Value> constants;                              // host constants that are cloned inside
};

} // namespace

/// The ops' names in order, each once: what `perf` shows.
static std::string kernelName(const KernelGroup &group, size_t number) {
  std::string name = "k" + std::to_string(number);
  llvm::SmallSetVector<StringRef, 4> words;
  for (Operation *op : group.ops)
    words.insert(op->getName().stripDialect());
  for (StringRef word : words.getArrayRef().take_front(5))
    name += ("_" + word).str();
  return name;
}

void Outliner::outline(KernelGroup &group) {
  OpBuilder &builder = shapes.builder;
  Operation *root = group.root();
  builder.setInsertionPoint(root);
  Collapse collapse(group, shapes);
  auto dimsInKernel = [&](Value value) -> SmallVector<OpFoldResult> {
    auto matmul = llvm::find_if(group.ops, [](Operation *op) { return isa<MatmulOp>(op); });
    bool isPackedRhs = matmul != group.ops.end() && cast<MatmulOp>(*matmul).getPackedColumns() &&
                       cast<MatmulOp>(*matmul).getRhs() == value;
    if (!collapse.isActive() || isPackedRhs)
      return SmallVector<OpFoldResult>(shapes.dims(value));
    return collapse.dims(value);
  };

  // What comes from outside.
  KernelDraft draft;
  llvm::SmallPtrSet<Operation *, 16> inside(group.ops.begin(), group.ops.end());
  for (Operation *op : group.ops)
    for (Value operand : op->getOperands()) {
      Operation *definition = operand.getDefiningOp();
      if (definition && inside.contains(definition))
        continue;
      if (isa_and_nonnull<ConstantOp>(definition) || getConstantIntValue(operand))
        draft.constants.push_back(operand);
      else if (isa<RankedTensorType>(operand.getType()))
        draft.tensors.insert({operand, dimsInKernel(operand)});
      else
        draft.sizes.insert(operand);
    }
  for (auto &[tensor, dims] : draft.tensors)
    for (OpFoldResult dim : dims)
      if (auto value = dyn_cast<Value>(dim))
        draft.sizes.insert(value);

  // The kernel's signature.
  SmallVector<Type> argumentTypes, resultTypes;
  SmallVector<DictionaryAttr> argumentAttrs;
  for (auto &[tensor, dims] : draft.tensors) {
    RankedTensorType type = typeOf(dims, elementTypeOf(tensor));
    argumentTypes.push_back(type);
    SmallVector<int64_t> numbers;
    for (OpFoldResult dim : dims)
      if (auto value = dyn_cast<Value>(dim))
        numbers.push_back(draft.tensors.size() + (llvm::find(draft.sizes, value) - draft.sizes.begin()));
    argumentAttrs.push_back(numbers.empty() ? builder.getDictionaryAttr({})
                                            : builder.getDictionaryAttr(builder.getNamedAttr(
                                                  kSizesAttr, builder.getDenseI64ArrayAttr(numbers))));
  }
  argumentTypes.append(draft.sizes.size(), builder.getIndexType());
  argumentAttrs.append(draft.sizes.size(), builder.getDictionaryAttr({}));
  for (Value result : root->getResults())
    resultTypes.push_back(typeOf(dimsInKernel(result), elementTypeOf(result)));

  SmallVector<Location> locations;
  for (Operation *op : group.ops)
    locations.push_back(op->getLoc());
  Location loc = builder.getFusedLoc(locations);

  OpBuilder top(module.getBodyRegion());
  auto main = root->getParentOfType<FunctionOpInterface>();
  top.setInsertionPoint(main);
  auto kernel = KernelOp::create(
      top, loc, kernelName(group, kernels.size()), builder.getFunctionType(argumentTypes, resultTypes),
      top.getArrayAttr(SmallVector<Attribute>(argumentAttrs.begin(), argumentAttrs.end())), ArrayAttr());
  Block *block = &kernel.getBody().emplaceBlock();
  IRMapping mapping;
  for (auto &[tensor, dims] : draft.tensors)
    mapping.map(tensor, block->addArgument(argumentTypes[block->getNumArguments()], tensor.getLoc()));
  for (Value size : draft.sizes)
    mapping.map(size, block->addArgument(builder.getIndexType(), loc));
  OpBuilder body = OpBuilder::atBlockBegin(block);
  for (Value constant : draft.constants) {
    if (mapping.contains(constant))
      continue;
    auto tensor = constant.getDefiningOp<ConstantOp>();
    if (!tensor || !collapse.isActive()) {
      body.clone(*constant.getDefiningOp(), mapping);
      continue;
    }
    auto value = cast<DenseElementsAttr>(tensor.getValue()).resizeSplat(collapse.constantType(constant));
    mapping.map(constant, ConstantOp::create(body, tensor.getLoc(), value.getType(), value).getOutput());
  }
  for (Operation *op : group.ops) {
    Operation *copy = body.clone(*op, mapping);
    // Dims may be known by now that the type does not say yet.
    for (auto [before, after] : llvm::zip_equal(op->getResults(), copy->getResults()))
      after.setType(typeOf(dimsInKernel(before), elementTypeOf(before)));
    auto axis = op->getAttrOfType<IntegerAttr>("axis");
    if (axis && collapse.isActive() && isa<DecomposeOpInterface>(op))
      copy->setAttr("axis", builder.getI64IntegerAttr(collapse.axis(axis.getInt())));
  }
  SmallVector<Value> returned;
  for (Value result : root->getResults())
    returned.push_back(mapping.lookup(result));
  ReturnOp::create(body, loc, returned);

  // One kernel for all groups that compute the same.
  std::string text;
  llvm::raw_string_ostream stream(text);
  StringAttr name = kernel.getSymNameAttr();
  kernel.setSymName("kernel");
  kernel->print(stream, OpPrintingFlags().printGenericOpForm().enableDebugInfo(false).useLocalScope());
  kernel.setSymNameAttr(name);
  auto [entry, isNew] = kernels.try_emplace(text, kernel);
  if (isNew)
    symbols.insert(kernel);
  else
    kernel.erase();

  SmallVector<Value> buffers, resultSizes;
  for (auto &[tensor, dims] : draft.tensors)
    buffers.push_back(tensor);
  SmallVector<SmallVector<OpFoldResult>> resultDims;
  for (Value result : root->getResults()) {
    resultDims.emplace_back(shapes.dims(result).begin(), shapes.dims(result).end());
    auto type = cast<RankedTensorType>(result.getType());
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (type.isDynamicDim(i))
        resultSizes.push_back(shapes.materialize(resultDims.back()[i]));
  }
  auto launch =
      LaunchOp::create(builder, loc, root->getResultTypes(), FlatSymbolRefAttr::get(entry->second.getSymNameAttr()),
                       buffers, draft.sizes.getArrayRef(), resultSizes, Value(), Value(), Value());
  for (auto [i, result] : llvm::enumerate(launch.getOutputs()))
    shapes.setDims(result, resultDims[i]);
  root->replaceAllUsesWith(launch.getOutputs());
  for (Operation *op : llvm::reverse(group.ops))
    op->erase();
}
