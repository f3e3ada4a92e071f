// Loop and Scan: what a body is given and gives, step by step.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Regions.h"
#include "frontends/onnx/GraphImporter.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace hone;

/// A loop of the model, Loop or Scan.
struct GraphImporter::LoopSpec {
  struct ScanOutput {
    int64_t axis = 0;
    bool isReversed = false;
  };
  const OnnxNode &node;
  unsigned depth;
  OpFoldResult steps;     ///< null: as long as the condition holds
  OpFoldResult count;     ///< the same, not below 0
  OpFoldResult condition; ///< whether to begin
  bool hasCondition;      ///< the body's first output says whether to go on
  SmallVector<Value> inits;
  SmallVector<ScanOutput> scans;
  /// What the body gets in this step.
  std::function<SmallVector<Value>(Value step, ArrayRef<Value> variables)> inputs;
};

/// What a loop carries: a tensor, or the elements of a small one as index values, so that shapes may be computed from
/// it.
struct GraphImporter::Variable {
  Value init;
  std::optional<HostVector> elements; ///< at the beginning
  llvm::SmallBitVector open;          ///< dims that change

  RankedTensorType type() const {
    auto type = cast<RankedTensorType>(init.getType());
    SmallVector<int64_t> sizes(type.getShape());
    for (unsigned i : open.set_bits())
      sizes[i] = ShapedType::kDynamic;
    return type.clone(sizes);
  }
};

/// A body that was built: what is carried behind the number of the step, as the block's arguments and as it yields
/// them.
struct GraphImporter::LoopBody {
  scf::ExecuteRegionOp holder;
  SmallVector<Value> inits, yielded;
  OpFoldResult goesOn; ///< at the end of a step
  struct Collected {
    size_t first; ///< of what is carried for it
    RankedTensorType type;
    /// Its dims, if it is carried as a whole from the beginning; otherwise that is all elements so far in one row,
    /// their number, and the other dims.
    HostVector whole;
  };
  SmallVector<Collected> scans;

  /// An argument of the block that is `init` at the beginning.
  Value carry(Value init) {
    inits.push_back(init);
    return holder.getRegion().front().addArgument(init.getType(), holder.getLoc());
  }
};

/// Integers of a few elements may decide on shapes.
static bool mayDecideOnShapes(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  constexpr int64_t most = 8;
  return type.hasStaticShape() && type.getNumElements() <= most && type.getElementType().isIntOrIndex() &&
         !isNibble(type);
}

bool GraphImporter::collect(const LoopSpec &spec, unsigned i, Value value, ArrayRef<OpFoldResult> dims,
                            LoopBody &body) {
  ShapeBuilder &shapes = importer.shapes;
  Location loc = importer.loc;
  Block &block = body.holder.getRegion().front();
  Value step = block.getArgument(0);
  auto type = cast<RankedTensorType>(value.getType());
  bool isReversed = spec.scans[i].isReversed;
  if (!importer.axis(spec.scans[i].axis, type.getRank() + 1))
    return false;
  bool areStepsKnown = spec.steps && getConstantIntValue(spec.condition).value_or(0) &&
                       (!body.goesOn || getConstantIntValue(body.goesOn).value_or(0));
  bool areDimsKnown = llvm::all_of(dims, [&](OpFoldResult dim) {
    auto dynamic = dyn_cast<Value>(dim);
    return !dynamic || (!shapes.isDeferredHere(dynamic) && isKnownBefore(dynamic, body.holder));
  });
  body.scans.push_back({body.inits.size(), type, {}});
  if (areStepsKnown && areDimsKnown) {
    // Each step fills in its part of what is there from the beginning, which is made when the body is done.
    HostVector &whole = body.scans.back().whole, part{shapes.constant(1)};
    whole.push_back(spec.count);
    llvm::append_range(whole, dims);
    llvm::append_range(part, dims);
    Value row = importer.reshape(value, part);
    if (!row)
      return false;
    SmallVector<int64_t> sizes;
    for (OpFoldResult dim : whole)
      sizes.push_back(ShapeBuilder::getConstant(dim).value_or(ShapedType::kDynamic));
    body.inits.push_back({});
    Value all = block.addArgument(type.clone(sizes), loc);
    shapes.setDims(all, whole);
    OpFoldResult position = step;
    if (isReversed)
      position = shapes.sub(shapes.sub(spec.steps, shapes.constant(1)), step);
    body.yielded.push_back(InsertOp::create(builder, loc, all.getType(), row, all, shapes.materialize(position), 0));
    return true;
  }
  // All that was collected grows in one row, so that nothing has to be known of dims before the first step.
  auto rowType = RankedTensorType::get({ShapedType::kDynamic}, type.getElementType());
  Value zero = shapes.materialize(shapes.constant(0));
  Value none;
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(body.holder);
    auto empty = DenseElementsAttr::get(RankedTensorType::get(ArrayRef<int64_t>{0}, type.getElementType()),
                                        ArrayRef<Attribute>());
    none = importer.withType(importer.constant(empty), rowType, shapes.constant(0));
  }
  Value all = body.carry(none), length = body.carry(zero);
  shapes.assume(length, {0, kMaxDim});
  shapes.setDims(all, OpFoldResult(length));
  Value before = WithDimsOp::create(builder, loc, rowType, all, length);
  OpFoldResult count = shapes.product(dims);
  Value flat = importer.reshape(value, count);
  OpFoldResult next = shapes.add(length, count);
  if (!flat || !importer.checkDim(next, "the number of elements of a scan output"))
    return false;
  SmallVector<Value> parts{before, flat};
  if (isReversed)
    std::swap(parts[0], parts[1]);
  Value joined = importer.create<ConcatOp>(type.getElementType(), 1, ValueRange(parts), 0);
  body.yielded.push_back(importer.withType(joined, rowType, next));
  body.yielded.push_back(shapes.materialize(next));
  for (OpFoldResult dim : dims) {
    Value last = body.carry(zero);
    OpFoldResult isFirst = importer.host.compare(arith::CmpIPredicate::eq, step, shapes.constant(0));
    OpFoldResult isSame = importer.host.compare(arith::CmpIPredicate::eq, last, dim);
    importer.host.check(loc, importer.host.logicalOr(isFirst, isSame),
                        nodeText(loc) + ": a dim of a scan output is {0} in one step and {1} in the next one", last,
                        dim);
    body.yielded.push_back(shapes.materialize(dim));
  }
  return true;
}

void GraphImporter::openFurther(MutableArrayRef<Variable> variables, ArrayRef<std::pair<unsigned, unsigned>> found,
                                ArrayRef<Value> given, ArrayRef<Value> next) {
  // Dims of what is computed from them are derived anew, each until it changes. What the program computes from dims is
  // not: the body is built again.
  ShapeBuilder &shapes = importer.shapes;
  ShapeBuilder::Scope scope(shapes);
  llvm::DenseMap<Value, SmallVector<unsigned, 1>> variablesOf;
  for (auto [i, value] : llvm::enumerate(next))
    variablesOf[value].push_back(i);
  llvm::DenseMap<Value, llvm::SmallBitVector> changed;
  SmallVector<Value> pending;
  auto change = [&](Value value, ArrayRef<OpFoldResult> after) {
    HostVector dims(shapes.dims(value));
    llvm::SmallBitVector &of = changed.try_emplace(value, dims.size()).first->second;
    bool isNew = false;
    for (auto [d, before, own] : llvm::enumerate(dims, after))
      if (!of[d] && before != own) {
        before = own;
        of.set(d);
        isNew = true;
      }
    if (!isNew)
      return;
    shapes.setDims(value, dims);
    pending.push_back(value);
  };
  auto open = [&](unsigned i, unsigned d) {
    Value value = given[i], any = value.getParentBlock()->addArgument(builder.getIndexType(), importer.loc);
    shapes.assume(any, {0, kMaxDim});
    HostVector dims(shapes.dims(value));
    dims[d] = any;
    change(value, dims);
  };
  for (auto [i, d] : found)
    open(i, d);
  while (!pending.empty()) {
    Value value = pending.pop_back_val();
    for (unsigned i : variablesOf.lookup(value)) {
      HostVector first(shapes.dims(variables[i].init)), after(shapes.dims(value));
      for (auto [d, before, own] : llvm::enumerate(first, after))
        if (!variables[i].elements && !variables[i].open[d] && !shapes.areEqual(before, own)) {
          variables[i].open.set(d);
          open(i, d);
        }
    }
    for (Operation *user : value.getUsers())
      if (auto shaped = dyn_cast<ShapeOpInterface>(user); shaped && !user->hasTrait<TellsDims>())
        for (OpResult result : user->getResults()) {
          SmallVector<OpFoldResult> after;
          shaped.reifyShape(shapes, result.getResultNumber(), after);
          change(result, after);
        }
  }
}

bool GraphImporter::buildBody(const LoopSpec &spec, MutableArrayRef<Variable> variables, LoopBody &body) {
  ShapeBuilder &shapes = importer.shapes;
  Location loc = importer.loc;
  Type index = builder.getIndexType();
  body.holder = scf::ExecuteRegionOp::create(builder, loc, TypeRange());
  OpBuilder::InsertionGuard guard(builder);
  Block &block = body.holder.getRegion().emplaceBlock();
  block.addArgument(index, loc);
  // What is carried of each variable: its elements, or the tensor and those of its dims that change.
  SmallVector<SmallVector<Value>> carried;
  for (Variable &variable : variables) {
    carried.emplace_back();
    if (variable.elements) {
      for (OpFoldResult element : *variable.elements)
        carried.back().push_back(body.carry(shapes.materialize(element)));
      continue;
    }
    HostVector dims(shapes.dims(variable.init));
    carried.back().push_back(body.carry(importer.withType(variable.init, variable.type(), dims)));
    for (unsigned i : variable.open.set_bits())
      carried.back().push_back(body.carry(shapes.materialize(dims[i])));
  }

  bool isRight = true;
  Importer::Body scope(importer, block);
  builder.setInsertionPointToEnd(&block);
  SmallVector<Value> values;
  for (auto [variable, of] : llvm::zip_equal(variables, carried)) {
    auto type = cast<RankedTensorType>(variable.init.getType());
    if (variable.elements) {
      HostVector elements(of.begin(), of.end());
      Value flat = importer.fromIndices(elements, type.getRank() ? 1 : 0, type.getElementType());
      HostVector dims(shapes.dims(variable.init));
      values.push_back(type.getRank() ? importer.reshape(flat, dims) : flat);
      continue;
    }
    HostVector dims(shapes.dims(variable.init));
    for (auto [i, dim] : llvm::zip_equal(variable.open.set_bits(), ArrayRef(of).drop_front()))
      dims[i] = dim;
    for (Value dim : ArrayRef(of).drop_front())
      shapes.assume(dim, {0, kMaxDim});
    shapes.setDims(of.front(), dims);
    values.push_back(variable.open.none() ? of.front()
                                          : WithDimsOp::create(builder, loc, variable.type(), of.front(),
                                                               shapes.materialize(ArrayRef<OpFoldResult>(dims))));
  }
  Value step = block.getArgument(0);
  SmallVector<Value> inputs = spec.inputs(step, values);
  if (llvm::is_contained(inputs, Value()))
    return true; // reported
  auto outputs = importBody(spec.node, "body", block, inputs, spec.depth);
  if (!outputs || outputs->areAssumed)
    return true;
  if (spec.hasCondition && !(body.goesOn = conditionOf(outputs->values.front(), "the condition that the body gives")))
    return true;

  SmallVector<std::pair<unsigned, unsigned>> found; // dims that change
  for (auto [i, variable] : llvm::enumerate(variables)) {
    size_t number = i + spec.hasCondition;
    Value next = outputs->values[number];
    auto type = cast<RankedTensorType>(variable.init.getType()), nextType = cast<RankedTensorType>(next.getType());
    if (type.getElementType() != nextType.getElementType() || type.getRank() != nextType.getRank()) {
      importer.report("what the loop carries as number " + Twine(i) + " is " + toString(typeOf(variable.init)) +
                      " at the beginning and " + toString(typeOf(next)) +
                      " behind a step; types and numbers of dims must stay the same");
      return true;
    }
    auto elements = variable.elements && type == nextType ? importer.host.indices(next) : std::nullopt;
    if (elements)
      llvm::append_range(body.yielded, shapes.materialize(*elements));
    if (variable.elements) {
      isRight &= elements.has_value();
      if (!elements)
        variable.elements.reset();
      continue;
    }
    HostVector first(shapes.dims(variable.init)), dims = outputs->dims[number];
    SmallVector<Value> open;
    for (auto [d, before, after] : llvm::enumerate(first, dims))
      if (variable.open[d]) {
        open.push_back(shapes.materialize(after));
      } else if (!shapes.areEqual(before, after)) {
        variable.open.set(d);
        found.push_back({i, d});
        isRight = false;
      }
    body.yielded.push_back(importer.withType(next, variable.type(), dims));
    llvm::append_range(body.yielded, open);
  }
  openFurther(variables, found, values, ArrayRef(outputs->values).slice(spec.hasCondition, variables.size()));

  for (size_t i = 0; i < spec.scans.size(); ++i) {
    size_t number = i + spec.hasCondition + variables.size();
    if (!collect(spec, i, outputs->values[number], outputs->dims[number], body))
      return true;
  }
  return isRight;
}

void GraphImporter::buildLoop(LoopSpec spec) {
  ShapeBuilder &shapes = importer.shapes;
  if (spec.steps)
    spec.count = shapes.max(spec.steps, shapes.constant(0));
  Location loc = importer.loc;
  SmallVector<Variable> variables;
  for (Value init : spec.inits) {
    Variable variable{init, std::nullopt, llvm::SmallBitVector(rankOf(init))};
    if (mayDecideOnShapes(init))
      variable.elements = importer.host.indices(init);
    variables.push_back(std::move(variable));
  }
  // A loop in a loop is built more than once: it need not be tried anew.
  learntOfLoops[path + spec.node.name].resize(variables.size());
  for (auto [variable, open] : llvm::zip_equal(variables, learntOfLoops[path + spec.node.name]))
    if (open && open->size() == variable.open.size()) {
      variable.elements.reset();
      variable.open |= *open;
    }
  // What changes from step to step is found by trying: each time more is known to change.
  LoopBody body;
  for (;;) {
    ProblemList before = std::exchange(problems, {});
    body = LoopBody();
    bool isRight = buildBody(spec, variables, body), hasProblems = !problems.empty();
    begin(spec.node);
    if (hasProblems && isRight) { // of dims that were taken for fixed?
      for (Variable &variable : variables)
        if (!variable.elements && !variable.open.all()) {
          isRight = false;
          variable.open.set();
        }
    }
    if (isRight) {
      before.add(std::move(problems));
      problems = std::move(before);
      if (hasProblems)
        return body.holder.erase();
      auto &learnt = learntOfLoops[path + spec.node.name]; // long paths are cut: another loop may have had it
      learnt.resize(variables.size());
      for (auto [variable, open] : llvm::zip_equal(variables, learnt))
        if (!variable.elements)
          open = variable.open;
      break;
    }
    problems = std::move(before);
    body.holder.erase();
  }
  if (body.yielded.size() != body.inits.size())
    return body.holder.erase(); // what it comes from was reported before

  for (const LoopBody::Collected &collected : body.scans) {
    if (collected.whole.empty())
      continue;
    for (OpFoldResult dim : collected.whole)
      if (!importer.checkDim(dim, "the number of steps"))
        return body.holder.erase();
    Value none = importer.checkExtent(collected.whole)
                     ? importer.expand(importer.scalar(collected.type.getElementType(), 0), collected.whole)
                     : Value();
    if (!none)
      return body.holder.erase();
    body.inits[collected.first] = none;
  }

  // With a condition, or without.
  Block *block = &body.holder.getRegion().front();
  Value zero = shapes.materialize(shapes.constant(0)), one = shapes.materialize(shapes.constant(1));
  Value most = shapes.materialize(spec.steps ? spec.steps : shapes.constant(std::numeric_limits<int64_t>::max()));
  auto known = body.goesOn ? getConstantIntValue(body.goesOn) : std::optional<int64_t>(1);
  auto begins = getConstantIntValue(spec.condition); // true is -1 in one bit
  SmallVector<Value> results;
  Operation *loop;
  auto fill = [&](Block *to, ValueRange arguments) {
    for (auto [from, argument] : llvm::zip_equal(block->getArguments(), arguments))
      from.replaceAllUsesWith(argument);
    if (!to->empty())
      to->back().erase();
    to->getOperations().splice(to->end(), block->getOperations());
    SmallVector<Value> yielded;
    for (Value value : body.yielded) {
      auto argument = dyn_cast<BlockArgument>(value);
      yielded.push_back(argument && argument.getOwner() == block ? arguments[argument.getArgNumber()] : value);
    }
    return yielded;
  };
  if (known.value_or(0) && begins.value_or(0)) {
    auto counted = scf::ForOp::create(builder, loc, zero, most, one, body.inits);
    SmallVector<Value> yielded = fill(counted.getBody(), counted.getBody()->getArguments());
    OpBuilder inside = OpBuilder::atBlockEnd(counted.getBody());
    scf::YieldOp::create(inside, loc, yielded);
    llvm::append_range(results, counted.getResults());
    loop = counted;
  } else {
    Value begin = begins ? Value(arith::ConstantOp::create(builder, loc, builder.getBoolAttr(*begins != 0)))
                         : cast<Value>(spec.condition);
    SmallVector<Value> inits{zero, begin};
    llvm::append_range(inits, body.inits);
    SmallVector<Type> types(ValueRange(inits).getTypes());
    SmallVector<Location> locations(types.size(), loc);
    auto conditional = scf::WhileOp::create(builder, loc, types, inits);
    OpBuilder::InsertionGuard guard(builder);
    Block *before = builder.createBlock(&conditional.getBefore(), {}, types, locations);
    Value isLess = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, before->getArgument(0), most);
    Value goes = arith::AndIOp::create(builder, loc, isLess, before->getArgument(1));
    scf::ConditionOp::create(builder, loc, goes, before->getArguments());
    Block *after = builder.createBlock(&conditional.getAfter(), {}, types, locations);
    SmallVector<Value> arguments{after->getArgument(0)};
    llvm::append_range(arguments, after->getArguments().drop_front(2));
    SmallVector<Value> yielded = fill(after, arguments);
    builder.setInsertionPointToEnd(after);
    Value next = arith::AddIOp::create(builder, loc, after->getArgument(0), one);
    Value goesOn = known ? Value(arith::ConstantOp::create(builder, loc, builder.getBoolAttr(*known != 0)))
                         : cast<Value>(body.goesOn);
    yielded.insert(yielded.begin(), {next, goesOn});
    scf::YieldOp::create(builder, loc, yielded);
    llvm::append_range(results, conditional.getResults());
    loop = conditional;
  }
  body.holder.erase();
  hoistArithmetic(loop);

  // The number of steps: of the scan outputs.
  bool isWhile = isa<scf::WhileOp>(loop);
  OpFoldResult stepsTaken = isWhile ? OpFoldResult(results.front()) : spec.count;
  if (isWhile)
    shapes.assume(stepsTaken, {0, kMaxDim});
  ArrayRef<Value> carried = ArrayRef(results).drop_front(isWhile ? 2 : 0), rest = carried;
  SmallVector<Value> outputs;
  for (Variable &variable : variables) {
    auto type = cast<RankedTensorType>(variable.init.getType());
    HostVector dims(shapes.dims(variable.init));
    if (variable.elements) {
      HostVector elements(rest.begin(), rest.begin() + variable.elements->size());
      rest = rest.drop_front(elements.size());
      Value flat = importer.fromIndices(elements, type.getRank() ? 1 : 0, type.getElementType());
      outputs.push_back(type.getRank() ? importer.reshape(flat, dims) : flat);
      continue;
    }
    Value value = rest.front();
    rest = rest.drop_front();
    for (unsigned i : variable.open.set_bits()) {
      shapes.assume(rest.front(), {0, kMaxDim});
      dims[i] = rest.front();
      rest = rest.drop_front();
    }
    shapes.setDims(value, dims);
    if (variable.open.any())
      value =
          WithDimsOp::create(builder, loc, variable.type(), value, shapes.materialize(ArrayRef<OpFoldResult>(dims)));
    outputs.push_back(value);
  }
  for (auto [scan, collected] : llvm::zip_equal(spec.scans, body.scans)) {
    auto &[first, type, whole] = collected;
    Value output = carried[first];
    if (whole.empty()) {
      Value length = carried[first + 1];
      shapes.assume(length, {0, kMaxDim});
      shapes.setDims(output, OpFoldResult(length));
      Value all = WithDimsOp::create(builder, loc, cast<RankedTensorType>(output.getType()), output, length);
      HostVector dims{stepsTaken};
      for (int64_t d = 0; d < type.getRank(); ++d) {
        Value last = carried[first + 2 + d];
        shapes.assume(last, {0, kMaxDim});
        // Without a step, the dims are those that are known all the same.
        dims.push_back(type.isDynamicDim(d) ? OpFoldResult(last) : shapes.constant(type.getDimSize(d)));
      }
      output = importer.reshape(all, dims);
      if (!output || !importer.checkSize(output))
        return;
    }
    SmallVector<int64_t> permutation;
    int64_t axis = scan.axis < 0 ? scan.axis + type.getRank() + 1 : scan.axis;
    for (int64_t d = 1; d <= type.getRank(); ++d)
      permutation.push_back(d);
    permutation.insert(permutation.begin() + axis, 0);
    outputs.push_back(importer.transpose(output, permutation));
  }
  setOutputs(spec.node, outputs);
}

/// A number of the host program as a tensor of the rank that a body declares for its input: 0 or 1.
static Value scalarFor(Importer &importer, const OnnxValueInfo &input, Value number, Type type) {
  int64_t rank = input.type.hasShape && input.type.dims.size() == 1 ? 1 : 0;
  return importer.fromIndices(OpFoldResult(number), rank, type);
}

void GraphImporter::importLoop(const OnnxNode &node, unsigned depth) {
  const OnnxGraph &body = node.find("body")->graphs.front();
  size_t count = node.inputs.size() < 2 ? 0 : node.inputs.size() - 2;
  if (body.inputs.size() != count + 2 || body.outputs.size() < count + 1)
    return importer.report("the body has " + Twine(body.inputs.size()) + " inputs and " + Twine(body.outputs.size()) +
                           " outputs; for " + Twine(count) + " carried values it must have " + Twine(count + 2) +
                           " and at least " + Twine(count + 1));
  if (node.outputs.size() > body.outputs.size() - 1)
    return importer.report("the node has " + Twine(node.outputs.size()) + " outputs, its body gives " +
                           Twine(body.outputs.size() - 1));
  LoopSpec spec{node, depth, {}, {}, importer.host.condition(true), /*hasCondition=*/true, {}, {}, {}};
  if (node.hasInput(0)) {
    Value most = lookUp(node.inputs[0]);
    if (!most || !(spec.steps = numberOf(most, "the number of steps")))
      return;
  }
  if (node.hasInput(1)) {
    Value begins = lookUp(node.inputs[1]);
    if (!begins || !(spec.condition = conditionOf(begins, "the condition")))
      return;
  }
  for (size_t i = 2; i < node.inputs.size(); ++i) {
    if (!node.hasInput(i))
      return importer.report("input " + Twine(i) + " is left out, but is what the loop carries as number " +
                             Twine(i - 2));
    Value init = lookUp(node.inputs[i]);
    if (!init)
      return;
    spec.inits.push_back(init);
  }
  spec.scans.resize(body.outputs.size() - 1 - count);
  spec.inputs = [&](Value step, ArrayRef<Value> variables) {
    SmallVector<Value> inputs{scalarFor(importer, body.inputs[0], step, builder.getI64Type()),
                              scalarFor(importer, body.inputs[1],
                                        importer.shapes.materialize(importer.shapes.constant(1)), builder.getI1Type())};
    llvm::append_range(inputs, variables);
    return inputs;
  };
  buildLoop(spec);
}

/// Version 8 has a batch as the first dim of all, and lengths of its parts before the inputs. Without lengths, one part
/// is what later versions scan.
void GraphImporter::importOldScan(const OnnxNode &node, unsigned depth) {
  if (node.hasInput(0))
    return importer.report("sequence_lens is not supported",
                           "convert the model to opset 9 with onnx.version_converter");
  OnnxNode newer = node;
  newer.sinceVersion = 9;
  newer.inputs.erase(newer.inputs.begin());
  for (OnnxAttribute &attribute : newer.attributes)
    if (attribute.name == "directions")
      attribute.name = "scan_input_directions";
  Scope inner; // with the only part of the batch in the place of it
  inner.block = scope.block;
  ShapeBuilder &shapes = importer.shapes;
  for (const std::string &name : newer.inputs) {
    Value value = lookUp(name);
    if (!value)
      return;
    HostVector dims(shapes.dims(value));
    if (dims.empty() ||
        !importer.checkEqual(dims.front(), shapes.constant(1), "the batch, of which one part is supported, and 1"))
      return dims.empty() ? importer.report("'" + Twine(name) + "' has no batch as its first dim") : void();
    dims.erase(dims.begin());
    inner.values[name] = importer.reshape(value, dims);
  }
  Scope outer = std::exchange(scope, std::move(inner));
  scope.outer = &outer;
  importScan(newer, depth);
  Scope done = std::exchange(scope, std::move(outer));
  for (const std::string &name : node.outputs)
    if (Value value = done.values.lookup(name)) {
      HostVector dims{shapes.constant(1)};
      llvm::append_range(dims, SmallVector<OpFoldResult>(shapes.dims(value)));
      scope.values[name] = importer.reshape(value, dims);
    }
}

void GraphImporter::importScan(const OnnxNode &node, unsigned depth) {
  if (node.sinceVersion < 9)
    return importOldScan(node, depth);
  const OnnxGraph &body = node.find("body")->graphs.front();
  int64_t scanned = node.getInt("num_scan_inputs", 0), states = int64_t(node.inputs.size()) - scanned;
  if (scanned < 1 || states < 0 || int64_t(body.inputs.size()) != states + scanned ||
      int64_t(body.outputs.size()) < states)
    return importer.report("the body has " + Twine(body.inputs.size()) + " inputs and " + Twine(body.outputs.size()) +
                           " outputs, which does not fit " + Twine(node.inputs.size()) + " inputs of which " +
                           Twine(scanned) + " are scanned");
  if (node.outputs.size() > body.outputs.size())
    return importer.report("the node has " + Twine(node.outputs.size()) + " outputs, its body gives " +
                           Twine(body.outputs.size()));
  LoopSpec spec{node, depth, {}, {}, importer.host.condition(true), /*hasCondition=*/false, {}, {}, {}};
  auto numbers = [&](StringRef name, size_t count) -> std::optional<SmallVector<int64_t>> {
    const OnnxAttribute *attribute = node.find(name);
    if (!attribute)
      return SmallVector<int64_t>(count, 0);
    if (attribute->ints.size() == count)
      return SmallVector<int64_t>(attribute->ints.begin(), attribute->ints.end());
    importer.report(Twine(name) + " has " + Twine(attribute->ints.size()) + " elements, must have " + Twine(count));
    return std::nullopt;
  };
  size_t scans = body.outputs.size() - states;
  auto axes = numbers("scan_input_axes", scanned), directions = numbers("scan_input_directions", scanned);
  auto outputAxes = numbers("scan_output_axes", scans), outputDirections = numbers("scan_output_directions", scans);
  if (!axes || !directions || !outputAxes || !outputDirections)
    return;
  SmallVector<Value> sources;
  for (auto [i, name] : llvm::enumerate(node.inputs)) {
    if (name.empty())
      return importer.report("input " + Twine(i) + " is left out");
    Value value = lookUp(name);
    if (!value)
      return;
    if (int64_t(i) < states) {
      spec.inits.push_back(value);
      continue;
    }
    auto axis = importer.axis((*axes)[i - states], rankOf(value));
    if (!axis)
      return;
    (*axes)[i - states] = *axis;
    OpFoldResult length = importer.shapes.dim(value, *axis);
    if (!spec.steps)
      spec.steps = length;
    else if (!importer.checkEqual(spec.steps, length, "the lengths of what is scanned"))
      return;
    sources.push_back(value);
  }
  for (size_t i = 0; i < scans; ++i)
    spec.scans.push_back({(*outputAxes)[i], (*outputDirections)[i] != 0});
  spec.inputs = [&](Value step, ArrayRef<Value> variables) {
    SmallVector<Value> inputs(variables);
    ShapeBuilder &shapes = importer.shapes;
    for (auto [source, axis, direction] : llvm::zip_equal(sources, *axes, *directions)) {
      OpFoldResult position = step;
      if (direction != 0)
        position = shapes.sub(shapes.sub(spec.steps, shapes.constant(1)), step);
      inputs.push_back(importer.at(source, axis, position));
    }
    return inputs;
  };
  buildLoop(spec);
}
