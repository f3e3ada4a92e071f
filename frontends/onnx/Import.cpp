// The walk over a model's graph: inputs, weights, nodes, functions, outputs.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/GraphImporter.h"
#include "frontends/onnx/OnnxLibrary.h"
#include "frontends/onnx/WaysOut.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "support/Identifier.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace hone;

//===-- Problems ------------------------------------------------------------------------------------------------===//

ProblemPlace GraphImporter::placeOf(const OnnxNode &node) {
  std::string name = path + node.name;
  ProblemPlace place{named(name, node.op), "node", name, node.op, node.domain, node.opset, {}, {}};
  for (const std::string &input : node.inputs)
    place.inputs.push_back(typeText(input));
  for (const std::string &output : node.outputs)
    place.outputs.push_back(typeText(output));
  return place;
}

void GraphImporter::report(const Twine &text, StringRef wayOut) {
  if (definedPlace)
    return problems.add(*definedPlace,
                        ("its definition by the standard is not supported: " +
                         (subjectNode ? subjectNode->op : subjectName) + ": " + text)
                            .str(),
                        wayOut);
  if (subjectNode)
    return problems.add(placeOf(*subjectNode), text.str(), wayOut);
  ProblemPlace place{importer.loc, subjectKind, subjectName, "", "", 0, {}, {}};
  if (OnnxValueType type = declaredType(subjectName); type.kind != OnnxValueType::Unknown)
    place.outputs.push_back(toString(type));
  problems.add(std::move(place), text.str(), wayOut);
}

//===-- Values --------------------------------------------------------------------------------------------------===//

Value GraphImporter::importTensor(const OnnxTensor &tensor, StringRef name) {
  Type elementType = elementTypeFor(builder.getContext(), tensor.type);
  if (!elementType)
    return importer.reportType("tensors of type", tensor.type), nullptr;
  auto type = RankedTensorType::get(tensor.dims, elementType);
  static_assert(kOnnxInlineLimit <= kMaxConstantBytes);
  if (tensor.file < 0 && tensor.bytes.size() <= kOnnxInlineLimit)
    return importer.constant(denseElements(tensor, elementType));
  FileAttr source;
  if (tensor.file >= 0)
    source = FileAttr::get(builder.getContext(), model.files[tensor.file].path, int64_t(tensor.offset),
                           int64_t(tensor.length), /*digest=*/"");
  const void *data = source ? source.getAsOpaquePointer() : tensor.bytes.data();
  auto &[held, symbol] = weights[{data, type.getAsOpaquePointer()}];
  if (!symbol) {
    if (!source && !(source = storeBytes(tensor)))
      return nullptr;
    held = tensor.bytes;
    symbol =
        FlatSymbolRefAttr::get(builder.getContext(), "w" + Twine(weights.size() - 1).str() + "_" + toIdentifier(name));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(function);
    WeightOp::create(builder, importer.loc, symbol.getValue(), type, source);
  }
  if (elementType.isInteger() && type.getNumElements() <= HostElements::maxElements)
    smallWeights.try_emplace(symbol, tensor);
  return UseWeightOp::create(builder, importer.loc, type, symbol);
}

FileAttr GraphImporter::storeBytes(const OnnxTensor &tensor) {
  WeightSource *store = WeightSource::get(builder.getContext());
  if (!store) // names of values are asked for, not values
    return FileAttr::get(builder.getContext(), "", 0, int64_t(tensor.bytes.size()), /*digest=*/"");
  llvm::Expected<FileAttr> stored = store->store(*builder.getContext(), [&](WeightSource::Append append) {
    if (tensor.type != OnnxDataType::Bool)
      return append(tensor.bytes);
    std::string bools;
    for (char byte : tensor.bytes)
      bools += byte != 0;
    return append(bools);
  });
  if (stored)
    return *stored;
  importer.report(llvm::toString(stored.takeError()));
  return {};
}

DenseElementsAttr GraphImporter::readWeight(UseWeightOp use) {
  auto found = smallWeights.find(use.getWeightAttr());
  if (found == smallWeights.end())
    return {};
  DenseElementsAttr &elements = readWeights[use.getWeightAttr()];
  if (elements)
    return elements;
  OnnxTensor tensor = found->second;
  llvm::Expected<std::string> bytes = readBytes(model, tensor);
  if (!bytes) {
    importer.report(llvm::toString(bytes.takeError()));
    return {};
  }
  tensor.bytes = SharedBytes(std::move(*bytes));
  return elements = denseElements(tensor, elementTypeOf(use.getOutput()));
}

Value GraphImporter::lookUp(StringRef name) {
  for (Scope *at = &scope; at; at = at->outer) {
    if (auto found = at->values.find(name); found != at->values.end())
      return found->second;
    auto initializer = at->initializers.find(name);
    if (initializer == at->initializers.end())
      continue;
    Location loc = importer.loc;
    auto subject = std::make_tuple(subjectNode, subjectKind, subjectName);
    begin(name, "initializer");
    OpBuilder::InsertionGuard guard(builder);
    if (Block *inner = builder.getInsertionBlock(); inner != at->block) // for all who see its name
      builder.setInsertionPoint(at->block->findAncestorOpInBlock(*inner->getParentOp()));
    Value value = importTensor(*initializer->second, name);
    importer.loc = loc;
    std::tie(subjectNode, subjectKind, subjectName) = subject;
    return at->values[name] = value ? value : assume(name);
  }
  return {}; // libonnx has checked that names are defined: by a node that failed
}

OnnxValueType GraphImporter::declaredType(StringRef name) const {
  for (const Scope *at = &scope; at; at = at->outer) {
    if (auto found = at->declared.find(name); found != at->declared.end())
      return *found->second;
    if (auto found = at->initializers.find(name); found != at->initializers.end()) {
      OnnxValueType type{OnnxValueType::Tensor, found->second->type, /*hasShape=*/true, {}, {}};
      for (int64_t dim : found->second->dims)
        type.dims.push_back({dim, ""});
      return type;
    }
  }
  return {};
}

OnnxValueType GraphImporter::typeOf(StringRef name) {
  Value value = name.empty() ? Value() : lookUp(name);
  return value ? typeOf(value) : declaredType(name);
}

OnnxValueType GraphImporter::typeOf(Value value) {
  OnnxValueType result;
  result.kind = OnnxValueType::Tensor;
  result.hasShape = true;
  auto type = cast<RankedTensorType>(value.getType());
  result.elementType = OnnxDataType(onnxDataType(type.getElementType()));
  for (int64_t size : type.getShape())
    result.dims.push_back({ShapedType::isDynamic(size) ? -1 : size, ""});
  return result;
}

std::string GraphImporter::typeText(StringRef name) {
  if (name.empty())
    return "none";
  OnnxValueType declared = declaredType(name);
  return toString(declared.hasShape ? declared : typeOf(name));
}

Value GraphImporter::assume(StringRef name) {
  OnnxValueType type = declaredType(name);
  if (type.kind != OnnxValueType::Tensor || !type.hasShape || int64_t(type.dims.size()) > kMaxOnnxRank)
    return {};
  Type elementType = elementTypeFor(builder.getContext(), type.elementType);
  if (!elementType)
    return {};
  // Neither its elements nor its dims tell anything: a weight that is not there, expanded to sizes from nowhere.
  auto symbol = FlatSymbolRefAttr::get(builder.getContext(), "assumed");
  Value value = UseWeightOp::create(builder, importer.loc, RankedTensorType::get({}, elementType), symbol);
  SmallVector<Value> sizes;
  for (size_t i = 0; i < type.dims.size(); ++i)
    sizes.push_back(
        UnrealizedConversionCastOp::create(builder, importer.loc, builder.getIndexType(), ValueRange()).getResult(0));
  if (!sizes.empty())
    value = importer.create<ExpandOp>(elementType, sizes.size(), value, sizes);
  if (value)
    importer.assumed.insert(value, true);
  return value;
}

/// The symbols of a value's dims, "" for fixed ones. A dim of an input always has one, so that its size can be given by
/// name; a dim of a result that is an input's has the latter's.
ArrayAttr GraphImporter::dimNames(StringRef name, const OnnxValueType &type, Value value) {
  auto argument = dyn_cast<BlockArgument>(value); // an input, or an output that is one
  bool isInput = argument && !function.getArgAttr(argument.getArgNumber(), kDimsAttr);
  SmallVector<StringRef> names;
  std::vector<std::string> made;
  made.reserve(rankOf(value));
  for (int64_t i = 0; i < rankOf(value); ++i) {
    std::string symbol;
    if (cast<RankedTensorType>(value.getType()).isDynamicDim(i)) {
      symbol = size_t(i) < type.dims.size() ? type.dims[i].symbol : "";
      if (!isInput)
        if (auto dim = dyn_cast<Value>(importer.shapes.dim(value, i)))
          if (auto source = dim.getDefiningOp<tensor::DimOp>())
            if (auto argument = dyn_cast<BlockArgument>(source.getSource())) {
              auto known = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), kDimsAttr);
              symbol = cast<StringAttr>(known[*source.getConstantIndex()]).getValue();
            }
      if (symbol.empty() && isInput)
        for (symbol = (name + "_dim_" + Twine(i)).str(); !symbols.insert(symbol).second;)
          symbol += "_";
    }
    made.push_back(std::move(symbol));
    names.push_back(made.back());
  }
  return builder.getStrArrayAttr(names);
}

//===-- The graph -----------------------------------------------------------------------------------------------===//

void GraphImporter::collectTables() {
  for (ArrayRef<OperatorRow> table :
       {attentionOperators(), einsumOperators(), elementwiseOperators(), externOperators(), indexOperators(),
        linearOperators(), normOperators(), quantizeOperators(), recurrentOperators(), reduceOperators(),
        resizeOperators(), shapeOperators(), windowOperators()})
    for (const OperatorRow &row : table)
      operators[row.name].push_back(&row);
  for (const OnnxTensor &tensor : model.graph.initializers)
    scope.initializers[tensor.name] = &tensor;
  for (const OnnxValueInfo &input : model.graph.inputs)
    for (const OnnxDim &dim : input.type.dims)
      symbols.insert(dim.symbol);
  for (const auto *list : {&model.graph.inputs, &model.graph.values, &model.graph.outputs})
    for (const OnnxValueInfo &value : *list)
      scope.declared[value.name] = &value.type;
}

void GraphImporter::importInputs() {
  SmallVector<Type> types;
  SmallVector<const OnnxValueInfo *> inputs;
  for (const OnnxValueInfo &input : model.graph.inputs) {
    begin(input.name, "input");
    scope.values[input.name] = nullptr;
    Type elementType = input.type.kind == OnnxValueType::Tensor
                           ? elementTypeFor(builder.getContext(), input.type.elementType)
                           : Type();
    if (!elementType) {
      if (input.type.kind == OnnxValueType::Tensor)
        importer.reportType("inputs of type", input.type.elementType);
      else
        importer.report("inputs that are no tensors are not supported", wayOutOfKind(input.type.kind));
      continue;
    }
    if (int64_t(input.type.dims.size()) > kMaxOnnxRank) {
      importer.report("inputs of more than " + Twine(kMaxOnnxRank) + " dims are not supported");
      continue;
    }
    if (!input.type.hasShape) {
      importer.report("the input's number of dims is not given",
                      "give its dims with --shape " + input.name +
                          "=... (? leaves one open), or export the model with them (they may be symbols)");
      continue;
    }
    SmallVector<int64_t> sizes;
    for (const OnnxDim &dim : input.type.dims)
      sizes.push_back(dim.isFixed() ? dim.value : ShapedType::kDynamic);
    types.push_back(RankedTensorType::get(sizes, elementType));
    inputs.push_back(&input);
  }

  builder.setInsertionPointToEnd(module.getBody());
  function = func::FuncOp::create(builder, module.getLoc(), entry, builder.getFunctionType(types, {}));
  Block *entry = function.addEntryBlock();
  scope.block = entry;
  builder.setInsertionPointToEnd(entry);
  SmallVector<DictionaryAttr> attrs;
  for (auto [input, argument] : llvm::zip_equal(inputs, entry->getArguments()))
    attrs.push_back(entryAttrs(*input, argument));
  function.setAllArgAttrs(attrs); // one by one takes quadratic time
  for (auto [input, argument] : llvm::zip_equal(inputs, entry->getArguments())) {
    argument.setLoc(named(input->name, "input"));
    begin(input->name, "input");
    scope.values[input->name] = importer.checkSize(argument);
  }
  for (const OnnxValueInfo &input : model.graph.inputs)
    if (Value &value = scope.values[input.name]; !value)
      value = assume(input.name);
  if (positive.empty())
    return;
  for (Value argument : entry->getArguments())
    for (OpFoldResult dim : HostVector(importer.shapes.dims(argument))) {
      SmallVector<std::string> symbols = ShapeBuilder::entrySymbols(dim);
      auto found = symbols.empty() ? positive.end() : positive.find(symbols.front());
      if (found == positive.end() || importer.shapes.range(dim).least > 0)
        continue;
      importer.loc = found->second.first;
      importer.checkPositive(dim, found->second.second);
      importer.shapes.assume(dim, {1, kMaxDim});
    }
}

const OperatorRow *GraphImporter::rowFor(const OnnxNode &node) const {
  const OperatorRow *best = nullptr;
  if (auto found = operators.find(node.op); found != operators.end())
    for (const OperatorRow *row : found->second)
      if (row->domain == node.domain && row->sinceVersion <= node.sinceVersion &&
          (!best || row->sinceVersion > best->sinceVersion))
        best = row;
  return best;
}

/// Whether there are outputs behind the first.
static bool hasSeveralOutputs(const OnnxNode &node) {
  return node.outputs.size() > 1 &&
         llvm::any_of(ArrayRef(node.outputs).drop_front(), [](StringRef name) { return !name.empty(); });
}

/// `body` is what `call` stands for.
void GraphImporter::importCall(const OnnxFunction &body, const OnnxNode &call, unsigned depth) {
  Scope inner;
  inner.block = scope.block;
  for (auto [i, name] : llvm::enumerate(body.inputs))
    if (call.hasInput(i))
      inner.values[name] = lookUp(call.inputs[i]);
  std::swap(scope, inner);
  FunctionCall binding(body, call);
  for (const OnnxNode &node : body.nodes)
    visit(binding.bind(node), depth + 1);
  std::swap(scope, inner);
  for (auto [i, name] : llvm::enumerate(body.outputs)) {
    if (!call.hasOutput(i))
      continue;
    begin(call);
    auto found = inner.values.find(name);
    if (found == inner.values.end())
      importer.report("output '" + Twine(name) + "' is an input that is left out");
    else
      scope.values[call.outputs[i]] = found->second;
  }
}

std::string GraphImporter::wayOutOf(const OnnxNode &node) const {
  if (auto found = operators.find(node.op); found != operators.end() && node.domain.empty() && node.sinceVersion > 0) {
    int64_t first = INT64_MAX;
    for (const OperatorRow *row : found->second)
      if (row->domain == node.domain)
        first = std::min(first, row->sinceVersion);
    if (first > node.sinceVersion && first < INT64_MAX)
      return ("convert the model to opset " + Twine(first) + " or newer with onnx.version_converter").str();
  }
  if (StringRef known = wayOutOfOperator(node.domain, node.op); !known.empty() || node.sinceVersion > 0)
    return known.str();
  for (int64_t opset = node.opset + 1; opset <= latestOpset(); ++opset)
    if (node.domain.empty() && lookUpSchema(node.op, node.domain, opset).sinceVersion > 0)
      return ("the standard has this operator as of opset " + Twine(opset) + ": let the model import that").str();
  return wayOutOfOperator("?", node.op).str();
}

void GraphImporter::refuse(const OnnxNode &node, unsigned depth) {
  std::string version =
      " (" + (node.domain.empty() ? "ai.onnx" : node.domain) + " version " + std::to_string(node.opset) + ")";
  if (definedPlace) {
    if (!llvm::is_contained(lacking, node.op + version))
      lacking.push_back(node.op + version);
    return;
  }
  importer.report("operator " + (node.domain.empty() ? "" : node.domain + "::") + node.op + " is not supported" +
                      version,
                  wayOutOf(node));
  checkBodies(node, depth);
}

void GraphImporter::visit(const OnnxNode &node, unsigned depth) {
  for (const std::string &output : node.outputs)
    if (!output.empty())
      scope.values[output] = nullptr;
  importNode(node, depth);
  for (const std::string &output : node.outputs)
    if (!output.empty() && !scope.values[output])
      scope.values[output] = assume(output);
}

void GraphImporter::importNode(const OnnxNode &onnx, unsigned depth) {
  // Functions that call each other may stand for any number of nodes, and bodies of loops are built more than once.
  constexpr unsigned maxDepth = 100; // as libonnx
  constexpr uint64_t maxNodes = 1 << 20;
  begin(onnx);
  if (depth > maxDepth)
    return importer.report("functions call each other too deeply: more than " + Twine(maxDepth) +
                           " calls and bodies in each other");
  if (++nodeCount > maxNodes)
    return importer.report("more than " + Twine(maxNodes) +
                           " nodes would be imported: those of functions count with each call, those of a loop's body "
                           "each time that it is built to find what changes from step to step");
  if (onnx.function >= 0)
    importCall(model.functions[onnx.function], onnx, depth);
  else
    importOperator(onnx, depth);
  if (keep && bodyDepth == 0) // only some runs come to what is in a body, and some more than once
    keepOutputs(onnx);
}

void GraphImporter::importOperator(const OnnxNode &onnx, unsigned depth) {
  if (onnx.domain.empty())
    for (const ControlFlowRow &row : controlFlowOperators())
      if (row.name == onnx.op && onnx.sinceVersion >= row.sinceVersion)
        return (this->*row.import)(onnx, depth);
  const OperatorRow *row = rowFor(onnx);
  std::vector<OnnxValueType> types;
  for (const std::string &input : onnx.inputs)
    types.push_back(typeOf(input));
  if (row && row->takes && !row->takes(onnx, types))
    row = nullptr;
  if (!row) {
    bool isTyped = llvm::all_of(llvm::zip_equal(onnx.inputs, types), [](auto each) {
      return std::get<0>(each).empty() || std::get<1>(each).kind != OnnxValueType::Unknown;
    });
    auto body = standardFunction(onnx, types);
    if (!body && !isTyped && isDefinedByTypes(onnx))
      return; // why the types are not known was reported
    if (!body)
      return refuse(onnx, depth);
    if (definedPlace)
      return importCall(*body, onnx, depth);
    definedPlace = placeOf(onnx);
    importCall(*body, onnx, depth);
    definedPlace.reset();
    begin(onnx);
    if (!lacking.empty()) {
      importer.report("operator " + onnx.op + " is not supported: the standard defines it by " +
                          llvm::join(std::exchange(lacking, {}), ", ") + ", which Hone does not take",
                      wayOutOf(onnx));
      checkBodies(onnx, depth);
    }
    return;
  }

  if (std::string problem = checkInputs(onnx, types); !problem.empty()) {
    importer.report(problem);
    return;
  }
  Node node{onnx, {}, {}};
  bool isAssumed = false;
  for (const std::string &input : onnx.inputs) {
    node.inputs.push_back(input.empty() ? Value() : lookUp(input));
    if (!input.empty() && !node.inputs.back())
      return; // what it comes from was reported
    isAssumed |= importer.assumed.lookup(node.inputs.back());
  }
  node.outputs.resize(onnx.outputs.size());
  size_t before = importer.reportCount();
  if (failed(importHalves(*row, node)))
    return;
  for (auto [i, name, value] : llvm::enumerate(onnx.outputs, node.outputs))
    if (!name.empty()) {
      if (isAssumed && llvm::is_contained(node.inputs, value))
        continue; // of one type with an input only as far as is assumed
      scope.values[name] = value;
      // Several ops give several outputs: hone-insert-taps must tell them apart.
      Operation *definition = value ? value.getDefiningOp() : nullptr;
      if (definition && definition->getNumResults() == 1 && hasSeveralOutputs(onnx) &&
          definition->getLoc() == importer.loc)
        definition->setLoc(
            NameLoc::get(cast<NameLoc>(importer.loc).getName(), NameLoc::get(builder.getStringAttr(Twine(i)))));
      if (isAssumed && value)
        importer.assumed.insert(value, true);
      if (!value && importer.reportCount() == before)
        importer.report("output '" + Twine(name) + "' of operator " + onnx.op + " is not supported",
                        "export the model for inference, without this output");
    }
}

/// Imports an operator, around which f16 and bf16 become f32 where its importer wants that.
LogicalResult GraphImporter::importHalves(const OperatorRow &row, Node &node) {
  auto isHalfValue = [](Value input) { return input && isHalf(input.getType()); };
  SmallVector<Value> given = node.inputs;
  bool isWide =
      row.halves == Halves::Computes ||
      (row.halves == Halves::Moves && llvm::any_of(given, [&](Value input) { return importer.wide.count(input); }));
  if (!isWide || llvm::none_of(given, isHalfValue))
    return row.import(node, importer);
  for (Value &input : node.inputs)
    if (input && !(input = importer.widen(input)))
      return failure();
  if (failed(row.import(node, importer)))
    return failure();
  for (auto [output, source] : llvm::zip_equal(node.outputs, outputTypeSources(node.onnx)))
    if (output && source >= 0 && isHalfValue(given[source]) && elementTypeOf(output).isF32())
      output = importer.narrow(output, elementTypeOf(given[source]));
  return success();
}

/// Here and not in a pass, because nodes that are no ops (Identity, Reshape to the same dims, Shape) have values, too.
void GraphImporter::keepOutputs(const OnnxNode &node) {
  bool areSeveral = hasSeveralOutputs(node);
  for (auto [i, name] : llvm::enumerate(node.outputs)) {
    std::string label = areSeveral ? node.name + ":" + std::to_string(i) : node.name;
    if (!name.empty() && keep(node.name, label))
      if (Value value = scope.values.lookup(name))
        kept.push_back({std::move(label), value, named(node.name, node.op)});
  }
}

/// What has an output's name and value is there already; another value of this name gets one of its own.
void GraphImporter::tapKept(ArrayRef<Value> results) {
  llvm::StringMap<Value> taken;
  for (auto [output, value] : llvm::zip_equal(model.graph.outputs, results))
    taken[output.name] = value;
  for (Kept &each : kept) {
    if (taken.lookup(each.label) == each.value)
      continue;
    while (!taken.try_emplace(each.label, each.value).second)
      each.label += ":tap";
    TapOp::create(builder, each.loc, each.value.getType(), each.value, each.label);
  }
}

/// Values that nobody uses: shape arithmetic that became host values, and what it was made of.
static void eraseDeadOps(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

void GraphImporter::checkOutputs() {
  bool isComplete = problems.empty();
  for (const OnnxValueInfo &output : model.graph.outputs) {
    begin(output.name, "output");
    Value value = lookUp(output.name);
    if (!value && isComplete)
      importer.report("nothing computes this output");
    if (!value || importer.assumed.lookup(value))
      continue;
    Type elementType = elementTypeFor(builder.getContext(), output.type.elementType);
    if (output.type.kind == OnnxValueType::Tensor && elementType && elementType != elementTypeOf(value))
      importer.report(Twine("declared to be of type ") + toString(output.type.elementType) + ", but computed as " +
                          toString(typeOf(output.name).elementType),
                      "change the type of the output in the model, or add a Cast before it");
  }
}

void GraphImporter::finish() {
  SmallVector<Value> results;
  for (const OnnxValueInfo &output : model.graph.outputs)
    results.push_back(lookUp(output.name));
  tapKept(results);
  func::ReturnOp::create(builder, function.getLoc(), results);
  function.setType(builder.getFunctionType(function.getArgumentTypes(), ValueRange(results).getTypes()));
  SmallVector<DictionaryAttr> attrs;
  for (auto [output, result] : llvm::zip_equal(model.graph.outputs, results))
    attrs.push_back(entryAttrs(output, result));
  function.setAllResultAttrs(attrs);
}

LogicalResult GraphImporter::run() {
  importer.host.readWeight = [this](UseWeightOp use) { return readWeight(use); };
  collectTables();
  importInputs();
  {
    ShapeBuilder::DeferredPlacement placement(importer.shapes, function.getBody().front());
    for (const OnnxNode &node : model.graph.nodes)
      visit(node, 0);
    checkOutputs();
    if (problems.empty())
      finish();
  }
  if (problems.empty())
    eraseDeadOps(function.getBody().front());
  problems.emit();
  return success(problems.empty());
}

static LogicalResult importEntry(const OnnxModel &model, StringRef entry, ModuleOp module, ImportedWeights &weights,
                                 KeepOutput keep) {
  GraphImporter::PositiveSymbols positive;
  for (;;) {
    GraphImporter importer(model, module, entry, weights, positive, keep);
    if (failed(importer.run()))
      return failure();
    // A run that fails at its end may fail at its beginning: what was built without knowing that is built again.
    GraphImporter::PositiveSymbols late = importer.latePositive();
    if (!positive.empty() || late.empty())
      return success();
    positive = std::move(late);
    importer.eraseFunction();
  }
}

OwningOpRef<ModuleOp> hone::importOnnx(const OnnxModel &model, StringRef name, StringRef digest, MLIRContext &context,
                                       KeepOutput keep, ArrayRef<OnnxEntry> entries) {
  context.loadDialect<HoneDialect, func::FuncDialect, arith::ArithDialect, tensor::TensorDialect>();
  Builder builder(&context);
  // The name without its folder: stages say the same wherever the model lies.
  Location loc = FileLineColLoc::get(&context, llvm::sys::path::filename(model.files.front().path), 0, 0);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc, name);
  (*module)->setAttr(kModelAttr,
                     builder.getDictionaryAttr({builder.getNamedAttr("name", builder.getStringAttr(name)),
                                                builder.getNamedAttr("digest", builder.getStringAttr(digest))}));
  ImportedWeights weights;
  if (failed(importEntry(model, "main", *module, weights, keep)))
    return {};
  for (const OnnxEntry &entry : entries)
    if (failed(importEntry(entry.model, entry.name, *module, weights, keep))) {
      emitError(loc) << "these are problems of entry '" << entry.name << "', with its dims pinned";
      return {};
    }
  if (failed(verify(*module)))
    return {};
  return module;
}
