// Outlining: a group's ops move into a kernel, which takes what they read and gives what is used of them.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/dispatch/Outline.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace hone;

static RankedTensorType typeOf(ArrayRef<OpFoldResult> dims, Type elementType) {
  SmallVector<int64_t> sizes;
  for (OpFoldResult dim : dims)
    sizes.push_back(ShapeBuilder::getConstant(dim).value_or(ShapedType::kDynamic));
  return RankedTensorType::get(sizes, elementType);
}

/// The ops' names in order, each once: what `perf` shows.
static std::string kernelName(const KernelGroup &group, size_t number) {
  std::string name = "k" + std::to_string(number);
  llvm::SmallSetVector<StringRef, 4> words;
  for (Operation *op : group.ops)
    if (!op->hasTrait<RestoresLayout>() || group.ops.size() == 1)
      words.insert(op->getName().stripDialect());
  for (StringRef word : words.getArrayRef().take_front(5))
    name += ("_" + word).str();
  return name;
}

/// What a kernel takes from the host program.
struct hone::KernelInputs {
  KernelInputs(const KernelGroup &group, const JoinedDims &joined);

  /// The number of the kernel's argument that holds a size.
  int64_t numberOf(Value size) const { return tensors.size() + (llvm::find(sizes, size) - sizes.begin()); }

  llvm::MapVector<Value, SmallVector<OpFoldResult>> tensors; // with the dims that the kernel sees
  llvm::SetVector<Value> sizes;
  llvm::SetVector<Value> constants; // cloned into the kernel
};

KernelInputs::KernelInputs(const KernelGroup &group, const JoinedDims &joined) {
  llvm::SmallPtrSet<Operation *, 16> inside(group.ops.begin(), group.ops.end());
  for (Operation *op : group.ops) {
    if (op->hasTrait<RestoresLayout>() && group.ops.size() > 1)
      continue; // its reader comes to what it reads
    for (Value operand : op->getOperands()) {
      Operation *definition = operand.getDefiningOp();
      bool isInside = definition && inside.contains(definition);
      if (isInside && definition->hasTrait<RestoresLayout>())
        operand = definition->getOperand(0);
      else if (isInside)
        continue;
      if (matchPattern(operand, m_Constant()))
        constants.insert(operand);
      else if (isa<RankedTensorType>(operand.getType()))
        tensors.insert({operand, joined.dims(operand)});
      else
        sizes.insert(operand);
    }
  }
  for (const auto &[tensor, dims] : tensors)
    for (OpFoldResult dim : dims)
      if (auto value = dyn_cast<Value>(dim))
        sizes.insert(value);
}

/// A kernel of the inputs' signature, with an empty block of its arguments, which `mapping` gets.
static KernelOp createKernel(OpBuilder &builder, Location loc, StringRef name, const KernelInputs &inputs,
                             TypeRange resultTypes, IRMapping &mapping) {
  SmallVector<Type> types;
  SmallVector<Location> locations;
  SmallVector<Attribute> attributes;
  auto add = [&](Value value, Type type, Location loc, ArrayRef<NamedAttribute> attribute) {
    types.push_back(type);
    locations.push_back(loc);
    attributes.push_back(builder.getDictionaryAttr(attribute));
  };
  for (const auto &[tensor, dims] : inputs.tensors) {
    SmallVector<int64_t> numbers;
    for (OpFoldResult dim : dims)
      if (auto value = dyn_cast<Value>(dim))
        numbers.push_back(inputs.numberOf(value));
    SmallVector<NamedAttribute, 1> sizes;
    if (!numbers.empty())
      sizes.push_back(builder.getNamedAttr(kSizesAttr, builder.getDenseI64ArrayAttr(numbers)));
    add(tensor, typeOf(dims, elementTypeOf(tensor)), tensor.getLoc(), sizes);
  }
  for (Value size : inputs.sizes)
    add(size, builder.getIndexType(), loc, {});

  auto kernel = KernelOp::create(builder, loc, name, builder.getFunctionType(types, resultTypes),
                                 builder.getArrayAttr(attributes));
  Block &block = kernel.getBody().emplaceBlock();
  block.addArguments(types, locations);
  unsigned next = 0;
  for (const auto &[tensor, dims] : inputs.tensors)
    mapping.map(tensor, block.getArgument(next++));
  for (Value size : inputs.sizes)
    mapping.map(size, block.getArgument(next++));
  return kernel;
}

/// Clones a constant, whose elements are as many as the kernel wants of it.
static void cloneConstant(OpBuilder &body, Value constant, const JoinedDims &joined, IRMapping &mapping) {
  DenseElementsAttr elements;
  if (!isa<RankedTensorType>(constant.getType()) || !matchPattern(constant, m_Constant(&elements))) {
    body.clone(*constant.getDefiningOp(), mapping);
    return;
  }
  RankedTensorType type = typeOf(joined.dims(constant), elementTypeOf(constant));
  elements = elements.isSplat() ? elements.resizeSplat(type) : elements.reshape(type);
  mapping.map(constant, ConstantOp::create(body, constant.getLoc(), type, elements).getOutput());
}

KernelOp Outliner::createBody(const KernelGroup &group, const KernelInputs &inputs, const JoinedDims &joined,
                              Location loc) {
  auto typeInKernel = [&](Value value) { return typeOf(joined.dims(value), elementTypeOf(value)); };
  SmallVector<Type> resultTypes;
  for (Value result : group.root()->getResults())
    resultTypes.push_back(typeInKernel(result));
  OpBuilder top(group.root()->getParentOfType<FunctionOpInterface>());
  IRMapping mapping;
  KernelOp kernel = createKernel(top, loc, kernelName(group, kernels.size()), inputs, resultTypes, mapping);

  OpBuilder body = OpBuilder::atBlockBegin(&kernel.getBody().front());
  for (Value constant : inputs.constants)
    cloneConstant(body, constant, joined, mapping);
  for (Operation *op : group.ops) {
    auto copy = cast<StructureOpInterface>(body.clone(*op, mapping));
    // Dims may be known by now that the type does not say yet.
    for (auto [before, after] : llvm::zip_equal(op->getResults(), copy->getResults()))
      after.setType(typeInKernel(before));
    if (op->getNumOperands() != 0 && isa<RankedTensorType>(op->getOperand(0).getType()))
      copy.renumberDims(joined.numbers(op->getOperand(0)), joined.numbers(op->getResult(0)));
  }
  ReturnOp::create(
      body, loc, llvm::map_to_vector(group.root()->getResults(), [&](Value result) { return mapping.lookup(result); }));
  return kernel;
}

KernelOp Outliner::makeOnce(KernelOp kernel) {
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
  return entry->second;
}

void Outliner::outline(KernelGroup &group, ShapeBuilder &shapes) {
  OpBuilder &builder = shapes.builder;
  Operation *root = group.root();
  builder.setInsertionPoint(root);
  // A kernel is known by the node of its first op.
  SmallVector<Location> locations;
  for (Operation *op : group.ops)
    if (!op->hasTrait<RestoresLayout>() || group.ops.size() == 1)
      locations.push_back(op->getLoc());
  Location loc = builder.getFusedLoc(locations);
  JoinedDims joined(group.ops, shapes);
  KernelInputs inputs(group, joined);
  KernelOp kernel = makeOnce(createBody(group, inputs, joined, loc));

  SmallVector<Value> buffers, resultSizes;
  for (const auto &[tensor, dims] : inputs.tensors)
    buffers.push_back(tensor);
  SmallVector<SmallVector<OpFoldResult>> resultDims;
  for (Value result : root->getResults()) {
    resultDims.emplace_back(shapes.dims(result));
    auto type = cast<RankedTensorType>(result.getType());
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (type.isDynamicDim(i))
        resultSizes.push_back(shapes.materialize(resultDims.back()[i]));
  }
  auto launch = LaunchOp::create(builder, loc, root->getResultTypes(), FlatSymbolRefAttr::get(kernel.getSymNameAttr()),
                                 buffers, inputs.sizes.getArrayRef(), resultSizes, Value(), Value(), Value());
  for (auto [result, dims] : llvm::zip_equal(launch.getOutputs(), resultDims))
    shapes.setDims(result, dims);
  root->replaceAllUsesWith(launch.getOutputs());
  for (Operation *op : llvm::reverse(group.ops)) {
    shapes.forget(op);
    op->erase();
  }
}
