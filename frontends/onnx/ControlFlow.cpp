// Bodies: graphs in attributes of nodes, which see the names around these nodes.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Regions.h"
#include "frontends/onnx/GraphImporter.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace hone;

ArrayRef<GraphImporter::ControlFlowRow> GraphImporter::controlFlowOperators() {
  static const ControlFlowRow rows[] = {{"If", 1, &GraphImporter::importIf},
                                        {"Loop", 1, &GraphImporter::importLoop},
                                        {"Scan", 8, &GraphImporter::importScan}};
  return rows;
}

void GraphImporter::enterBody(const OnnxNode &node, const OnnxAttribute &attribute, size_t number, Block *block,
                              function_ref<void(const OnnxGraph &)> visitNodes) {
  constexpr size_t maxPath = 500; // every name in a body repeats it
  const OnnxGraph &body = attribute.graphs[number];
  std::string around = path;
  path += node.name + "::" + attribute.name +
          (attribute.kind == OnnxAttribute::Graphs ? "[" + std::to_string(number) + "]" : "") + "::";
  if (path.size() > maxPath)
    path.replace(0, path.size() - maxPath, "...");
  Scope inner;
  std::swap(scope, inner);
  scope.outer = &inner;
  scope.block = block;
  for (const OnnxTensor &tensor : body.initializers)
    scope.initializers[tensor.name] = &tensor;
  for (const auto *list : {&body.inputs, &body.values, &body.outputs})
    for (const OnnxValueInfo &value : *list)
      scope.declared[value.name] = &value.type;
  ++bodyDepth;
  visitNodes(body);
  --bodyDepth;
  std::swap(scope, inner);
  path = around;
}

void GraphImporter::checkBodies(const OnnxNode &node, unsigned depth) {
  for (const OnnxAttribute &attribute : node.attributes)
    for (size_t i = 0; i < attribute.graphs.size(); ++i)
      enterBody(node, attribute, i, scope.block, [&](const OnnxGraph &body) {
        for (const OnnxValueInfo &input : body.inputs)
          scope.values[input.name] = assume(input.name);
        for (const OnnxNode &each : body.nodes)
          visit(each, depth);
      });
}

std::optional<GraphImporter::BodyOutputs> GraphImporter::importBody(const OnnxNode &node, StringRef name, Block &block,
                                                                    ValueRange inputs, unsigned depth) {
  std::optional<BodyOutputs> outputs(std::in_place);
  enterBody(node, *node.find(name), 0, &block, [&](const OnnxGraph &body) {
    for (auto [input, value] : llvm::zip_equal(body.inputs, inputs))
      scope.values[input.name] = value;
    for (const OnnxNode &each : body.nodes)
      visit(each, depth + 1);
    for (const OnnxValueInfo &output : body.outputs) {
      Value value = outputs ? lookUp(output.name) : Value();
      if (!value) {
        outputs.reset();
        continue;
      }
      outputs->values.push_back(value);
      outputs->areAssumed |= importer.assumed.lookup(value);
      outputs->dims.emplace_back(importer.shapes.dims(value));
    }
  });
  begin(node);
  return outputs;
}

Value GraphImporter::onlyElement(Value tensor, Type elementType, const Twine &what) {
  if (elementTypeOf(tensor) != elementType)
    return importer.failValue(what + " must be of type " + toString(OnnxDataType(onnxDataType(elementType))));
  return importer.onlyElement(tensor, what);
}

OpFoldResult GraphImporter::conditionOf(Value tensor, const Twine &what) {
  Value scalar = onlyElement(tensor, builder.getI1Type(), what);
  return scalar ? importer.conditionOf(scalar) : OpFoldResult();
}

OpFoldResult GraphImporter::numberOf(Value tensor, const Twine &what) {
  Value scalar = onlyElement(tensor, builder.getI64Type(), what);
  if (!scalar)
    return {};
  if (auto known = importer.host.indices(scalar))
    return known->front();
  return importer.lateIndex(scalar, {});
}

void GraphImporter::setOutputs(const OnnxNode &node, ValueRange values) {
  for (auto [name, value] : llvm::zip(node.outputs, values))
    if (!name.empty())
      scope.values[name] = value;
}

void GraphImporter::importIf(const OnnxNode &node, unsigned depth) {
  Value tensor = lookUp(node.inputs[0]);
  OpFoldResult condition = tensor ? conditionOf(tensor, "the condition") : OpFoldResult();
  if (!condition)
    return;
  constexpr StringLiteral names[] = {"then_branch", "else_branch"};
  for (StringRef name : names) {
    const OnnxGraph &body = node.find(name)->graphs.front();
    if (body.outputs.size() != node.outputs.size())
      return importer.report(Twine(name) + " has " + Twine(body.outputs.size()) + " outputs, the node has " +
                             Twine(node.outputs.size()));
    if (!body.inputs.empty())
      return importer.report(Twine(name) + " has inputs; a branch has none, it sees the values around the node");
  }
  if (auto known = getConstantIntValue(condition)) {
    if (auto outputs = importBody(node, names[*known ? 0 : 1], *scope.block, {}, depth))
      setOutputs(node, outputs->values);
    return;
  }

  // What the branches give is not known before they have been built.
  auto unfinished = scf::IfOp::create(builder, importer.loc, TypeRange(), cast<Value>(condition), /*withElse=*/true);
  std::optional<BodyOutputs> given[2];
  for (auto [name, region, outputs] : llvm::zip_equal(names, unfinished->getRegions(), given)) {
    OpBuilder::InsertionGuard guard(builder);
    Block &block = region.front();
    block.clear();
    builder.setInsertionPointToEnd(&block);
    Importer::Body body(importer, block);
    outputs = importBody(node, name, block, {}, depth);
  }
  if (!given[0] || !given[1] || given[0]->areAssumed || given[1]->areAssumed)
    return unfinished.erase(); // the outputs are assumed as well
  SmallVector<Type> types;
  for (auto [i, onTrue, onFalse] : llvm::enumerate(given[0]->values, given[1]->values)) {
    auto type = cast<RankedTensorType>(onTrue.getType()), other = cast<RankedTensorType>(onFalse.getType());
    if (type.getElementType() != other.getElementType() || type.getRank() != other.getRank()) {
      importer.report("output '" + Twine(node.outputs[i]) + "' is " + toString(typeOf(onTrue)) + " in one branch and " +
                      toString(typeOf(onFalse)) + " in the other one; types and numbers of dims must be the same");
      return;
    }
    SmallVector<int64_t> sizes;
    for (auto [size, otherSize] : llvm::zip_equal(type.getShape(), other.getShape()))
      sizes.push_back(size == otherSize ? size : ShapedType::kDynamic);
    types.push_back(RankedTensorType::get(sizes, type.getElementType()));
  }
  /// The branches of `from` in an scf.if that gives values of `types`; `give` says which.
  auto finish = [&](scf::IfOp from, function_ref<SmallVector<Value>(unsigned branch)> give) {
    auto branches = scf::IfOp::create(builder, importer.loc, types, cast<Value>(condition));
    for (unsigned i = 0; i < 2; ++i) {
      Region &region = branches->getRegion(i);
      region.takeBody(from->getRegion(i));
      if (!region.front().empty() && isa<scf::YieldOp>(region.front().back()))
        region.front().back().erase();
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToEnd(&region.front());
      scf::YieldOp::create(builder, importer.loc, give(i));
    }
    from.erase();
    hoistArithmetic(branches);
    return branches;
  };
  size_t count = types.size();
  scf::IfOp branches = finish(unfinished, [&](unsigned i) {
    for (auto [value, dims, type] : llvm::zip_equal(given[i]->values, given[i]->dims, types))
      value = importer.withType(value, cast<RankedTensorType>(type), dims);
    return given[i]->values;
  });
  // Dims that are not known before the branches are given beside the tensors.
  ShapeBuilder &shapes = importer.shapes;
  SmallVector<std::optional<HostVector>> known;
  for (OpResult result : branches->getResults()) {
    known.push_back(shapes.dimsOfBranches(result));
    if (!known.back())
      types.append(rankOf(result), builder.getIndexType());
  }
  if (types.size() > count)
    branches = finish(branches, [&](unsigned i) {
      SmallVector<Value> all = given[i]->values;
      for (auto [dims, isKnown] : llvm::zip_equal(given[i]->dims, known))
        if (!isKnown)
          llvm::append_range(all, shapes.materialize(ArrayRef<OpFoldResult>(dims)));
      return all;
    });
  SmallVector<Value> outputs;
  ValueRange told = branches.getResults().drop_front(count);
  for (auto [result, dims] : llvm::zip_equal(branches.getResults().take_front(count), known)) {
    outputs.push_back(result);
    if (dims) {
      shapes.setDims(result, *dims);
      continue;
    }
    ValueRange own = told.take_front(rankOf(result));
    told = told.drop_front(own.size());
    for (Value dim : own)
      shapes.assume(dim, {0, kMaxDim});
    outputs.back() = WithDimsOp::create(builder, importer.loc, result.getType(), result, own);
  }
  setOutputs(node, outputs);
}
