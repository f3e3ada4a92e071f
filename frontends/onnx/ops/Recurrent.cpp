// RNN, GRU and LSTM: cells whose steps are a loop of the program.
//
// What the input gives to all gates of all steps is one product ahead of the loop. A step is a product of the state,
// and element-wise ops on its gates, which lie side by side as in the weights.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/ops/Ops.h"

using namespace mlir;
using namespace hone;

//===-- Cells ---------------------------------------------------------------------------------------------------===//

namespace {

struct Direction;

/// What a step hands on: h, and c of LSTM.
using State = SmallVector<Value>;

struct CellKind {
  int64_t gates;
  ArrayRef<StringLiteral> activations; ///< where none are named
  int64_t carried;                     ///< how many tensors a step hands on
  /// `x` is what the input gives to the gates: [batch, gates · hidden].
  State (*step)(const Direction &, Value x, ArrayRef<Value> before);
};

/// What the cell of one direction is made of.
struct Direction {
  Importer &importer;
  OpFoldResult hidden;
  bool isBackward = false;
  Value input = {}, recurrence = {};                         ///< weights: [gates · hidden, …]
  Value inputBias = {}, recurrenceBias = {};                 ///< [gates · hidden], or null
  Value peepholes = {};                                      ///< [3 · hidden], or null
  SmallVector<std::function<Value(Value)>> activations = {}; ///< f, g, h
  bool isLinearBeforeReset = false, isCoupled = false;

  OpFoldResult times(int64_t gates) const { return importer.shapes.mul(importer.shapes.constant(gates), hidden); }
  /// `count` gates of several that lie side by side in the last dim.
  Value gates(Value all, int64_t first, int64_t count = 1) const {
    return all ? importer.part(all, rankOf(all) - 1, times(first), times(count)) : all;
  }
  /// h times the weights of `count` gates.
  Value product(Value h, int64_t first, int64_t count) const {
    Value weight = importer.part(recurrence, 0, times(first), times(count));
    return h && weight ? importer.create<MatmulOp>(elementTypeOf(h), 2, h, weight, /*transpose_rhs=*/true) : Value();
  }
  Value add(Value a, Value b) const { return importer.binary<AddOp>(a, b); }
  Value mul(Value a, Value b) const { return importer.binary<MulOp>(a, b); }
  Value oneMinus(Value a) const { return importer.binary<SubOp>(importer.like(a, 1), a); }
};

} // namespace

static State stepRnn(const Direction &cell, Value x, ArrayRef<Value> before) {
  return {cell.activations[0](cell.add(x, cell.product(before[0], 0, 1)))};
}

/// Gates z, r, h.
static State stepGru(const Direction &cell, Value x, ArrayRef<Value> before) {
  Value h = before[0], whole;
  if (cell.isLinearBeforeReset) {
    whole = cell.product(h, 0, 3);
    if (cell.recurrenceBias)
      whole = cell.add(whole, cell.recurrenceBias);
  }
  Value two = whole ? cell.gates(whole, 0, 2) : cell.product(h, 0, 2);
  Value both = cell.activations[0](cell.add(cell.gates(x, 0, 2), two));
  Value z = cell.gates(both, 0), r = cell.gates(both, 1);
  Value rest = whole ? cell.mul(r, cell.gates(whole, 2)) : cell.product(cell.mul(r, h), 2, 1);
  Value candidate = cell.activations[1](cell.add(cell.gates(x, 2), rest));
  return {cell.add(cell.mul(cell.oneMinus(z), candidate), cell.mul(z, h))};
}

/// Gates i, o, f, c.
static State stepLstm(const Direction &cell, Value x, ArrayRef<Value> before) {
  Value sums = cell.add(x, cell.product(before[0], 0, 4));
  auto gate = [&](int64_t number, Value c) {
    Value sum = cell.gates(sums, number);
    if (cell.peepholes)
      sum = cell.add(sum, cell.mul(cell.gates(cell.peepholes, number), c));
    return cell.activations[0](sum);
  };
  Value i = gate(0, before[1]), f = cell.isCoupled ? cell.oneMinus(i) : gate(2, before[1]);
  Value c = cell.add(cell.mul(f, before[1]), cell.mul(i, cell.activations[1](cell.gates(sums, 3))));
  return {cell.mul(gate(1, c), cell.activations[2](c)), c};
}

static constexpr StringLiteral kRnnActivations[] = {"Tanh"};
static constexpr StringLiteral kGruActivations[] = {"Sigmoid", "Tanh"};
static constexpr StringLiteral kLstmActivations[] = {"Sigmoid", "Tanh", "Tanh"};
static constexpr CellKind kRnn{1, kRnnActivations, 1, stepRnn};
static constexpr CellKind kGru{3, kGruActivations, 1, stepGru};
static constexpr CellKind kLstm{4, kLstmActivations, 2, stepLstm};

//===-- Attributes ----------------------------------------------------------------------------------------------===//

/// The functions of all directions, one after the other; nothing after an error.
static std::optional<SmallVector<std::function<Value(Value)>>>
readActivations(Node &node, Importer &importer, const CellKind &kind, size_t directions) {
  SmallVector<StringRef> names;
  if (const OnnxAttribute *named = node.onnx.find("activations"))
    names.assign(named->strings.begin(), named->strings.end());
  else
    for (size_t i = 0; i < directions; ++i)
      names.append(kind.activations.begin(), kind.activations.end());
  size_t wanted = directions * kind.activations.size();
  if (names.size() != wanted) {
    importer.report("attribute activations has " + Twine(names.size()) + " names, must have " + Twine(wanted) + ": " +
                    Twine(kind.activations.size()) + " for each direction");
    return std::nullopt;
  }
  // Each function takes from the numbers as many as it has, in order.
  auto numbersOf = [&](StringRef name) {
    const OnnxAttribute *attribute = node.onnx.find(name);
    return attribute ? ArrayRef<float>(attribute->floats) : ArrayRef<float>();
  };
  ArrayRef<float> alphas = numbersOf("activation_alpha"), betas = numbersOf("activation_beta");
  auto take = [](ArrayRef<float> &numbers, float otherwise) {
    if (numbers.empty())
      return otherwise;
    float first = numbers.front();
    numbers = numbers.drop_front();
    return first;
  };
  std::optional<float> clip;
  if (node.onnx.find("clip"))
    clip = node.getFloat("clip", 0);
  if (clip && !(*clip >= 0)) {
    importer.report("attribute clip must not be negative");
    return std::nullopt;
  }
  SmallVector<std::function<Value(Value)>> functions;
  for (StringRef name : names) {
    const Activation *activation = findActivation(name);
    if (!activation) {
      importer.report("activation '" + name + "' is unknown",
                      "take one that the standard lists: Relu, Tanh, Sigmoid, Affine, LeakyRelu, ThresholdedRelu, "
                      "ScaledTanh, HardSigmoid, Elu, Softsign or Softplus");
      return std::nullopt;
    }
    float alpha = activation->parameters > 0 ? take(alphas, activation->alpha) : 0;
    float beta = activation->parameters > 1 ? take(betas, activation->beta) : 0;
    functions.push_back([&importer, activation, alpha, beta, clip](Value x) {
      if (clip)
        x = importer.binary<MinOp>(importer.binary<MaxOp>(x, importer.like(x, -*clip)), importer.like(x, *clip));
      return activation->build(importer, x, alpha, beta);
    });
  }
  for (auto [name, left] : {std::pair("activation_alpha", alphas), std::pair("activation_beta", betas)})
    if (!left.empty()) {
      importer.report("attribute " + Twine(name) + " has " + Twine(left.size()) +
                      " numbers more than the activations take");
      return std::nullopt;
    }
  return functions;
}

/// Whether each direction goes backward; nothing after an error.
static std::optional<SmallVector<bool>> readDirections(Node &node, Importer &importer) {
  StringRef direction = node.onnx.getString("direction", "forward");
  if (direction == "forward" || direction == "reverse")
    return SmallVector<bool>{direction == "reverse"};
  if (direction == "bidirectional")
    return SmallVector<bool>{false, true};
  importer.report("attribute direction is '" + direction + "', must be forward, reverse or bidirectional");
  return std::nullopt;
}

//===-- Inputs --------------------------------------------------------------------------------------------------===//

/// A dim that an input must have, and what the standard calls it.
struct NamedDim {
  OpFoldResult size;
  std::string name;
};

/// Input `i`, if it is given, under these dims; null after an error.
static Value readInput(Node &node, Importer &importer, size_t i, StringRef name, ArrayRef<NamedDim> dims) {
  Value value = node.input(i);
  std::string names;
  for (const NamedDim &dim : dims)
    names += (names.empty() ? "" : ", ") + dim.name;
  if (rankOf(value) != int64_t(dims.size()))
    return importer.failValue(name + " must have " + Twine(dims.size()) + (dims.size() == 1 ? " dim [" : " dims [") +
                              names + "], not " + Twine(rankOf(value)));
  HostVector sizes;
  for (auto [d, dim] : llvm::enumerate(dims)) {
    sizes.push_back(dim.size);
    if (!importer.checkEqual(importer.shapes.dim(value, d), dim.size,
                             "dim " + Twine(d) + " of " + name + " and " + dim.name))
      return {};
  }
  return importer.reshape(value, sizes);
}

/// The lengths of rows as a column, to be compared with the number of a step. Null if all rows are as long as the
/// tensor; nothing after an error.
static std::optional<Value> readLengths(Node &node, Importer &importer, OpFoldResult batch, OpFoldResult steps) {
  ShapeBuilder &shapes = importer.shapes;
  if (!node.input(4))
    return Value();
  Value lengths = readInput(node, importer, 4, "sequence_lens", {{batch, "batch_size"}});
  if (!lengths)
    return std::nullopt;
  OpFoldResult zero = shapes.constant(0);
  auto known = importer.host.indices(lengths);
  HostVector extremes = known ? *known : HostVector();
  if (!known && !ShapeBuilder::getConstant(batch).value_or(1))
    return Value();
  if (!known)
    for (ReduceKind kind : {ReduceKind::Min, ReduceKind::Max})
      if (Value extreme = importer.reduce(kind, lengths, 0, /*keepdims=*/false))
        extremes.push_back(importer.lateIndex(extreme, {}));
  for (OpFoldResult length : extremes)
    if (!importer.checkRange(length, zero, steps, "a length in sequence_lens"))
      return std::nullopt;
  bool areWhole =
      known && llvm::all_of(*known, [&](OpFoldResult length) { return importer.shapes.areEqual(length, steps); });
  return areWhole ? Value() : importer.reshape(lengths, {batch, shapes.constant(1)});
}

//===-- Operators -----------------------------------------------------------------------------------------------===//

namespace {

/// What the directions of a node share.
struct Sequence {
  Value x;       ///< [steps, batch, input], or [batch, steps, input]
  int64_t axis;  ///< that of the steps
  Value lengths; ///< [batch, 1], or null
  OpFoldResult steps, batch;
};

} // namespace

/// The output of all steps (null unless `collects`), and the last state. Nothing after an error.
static State runSteps(const CellKind &kind, const Direction &cell, const Sequence &sequence, ArrayRef<Value> begin,
                      bool collects) {
  Importer &importer = cell.importer;
  ShapeBuilder &shapes = importer.shapes;
  Type type = elementTypeOf(sequence.x);
  Value gates = importer.create<MatmulOp>(type, 3, sequence.x, cell.input, /*transpose_rhs=*/true);
  for (Value bias : {cell.inputBias, cell.isLinearBeforeReset ? Value() : cell.recurrenceBias})
    if (bias)
      gates = importer.binary<AddOp>(gates, bias);
  SmallVector<Value> inits(begin);
  HostVector row{sequence.batch, cell.hidden}, all(row);
  row.insert(row.begin() + sequence.axis, shapes.constant(1));
  all.insert(all.begin() + sequence.axis, sequence.steps);
  if (collects)
    inits.push_back(importer.expand(importer.scalar(type, 0), all));
  if (!gates || !inits.back())
    return {};

  State results = importer.countedLoop(sequence.steps, inits, [&](Value number, ArrayRef<Value> before) {
    OpFoldResult position = number;
    if (cell.isBackward)
      position = shapes.sub(shapes.sub(sequence.steps, shapes.constant(1)), number);
    State next = kind.step(cell, importer.at(gates, sequence.axis, position), before.take_front(begin.size()));
    Value output = next.front();
    if (sequence.lengths) {
      // Behind its end a row keeps its state. Backward, that is the first one, until its last position comes.
      Value now = importer.fromIndices(position, 0, elementTypeOf(sequence.lengths));
      Value isInside = importer.compare<LessOp>(now, sequence.lengths);
      for (auto [after, earlier] : llvm::zip(next, before))
        after = importer.select(isInside, after, earlier);
      output = importer.select(isInside, output, importer.like(output, 0));
    }
    if (!collects)
      return next;
    output = importer.reshape(output, row);
    next.push_back(
        output ? importer.create<InsertOp>(type, 3, output, before.back(), shapes.materialize(position), sequence.axis)
               : output);
    return next;
  });
  if (results.empty())
    return {};
  results.insert(results.begin(), collects ? results.pop_back_val() : Value());
  return results;
}

static LogicalResult importCell(Node &node, Importer &importer, const CellKind &kind) {
  ShapeBuilder &shapes = importer.shapes;
  Value x = node.input(0), weights = node.input(1), recurrence = node.input(2);
  for (auto [name, value] : {std::pair("X", x), std::pair("W", weights), std::pair("R", recurrence)})
    if (rankOf(value) != 3)
      return importer.fail(Twine(name) + " must have 3 dims, not " + Twine(rankOf(value)));
  auto isBatchFirst = importer.flag(node, "layout");
  auto backward = readDirections(node, importer);
  if (!isBatchFirst || !backward)
    return failure();
  size_t count = backward->size();
  auto activations = readActivations(node, importer, kind, count);
  if (!activations)
    return failure();

  // Numbers that attributes tell go before dims of tensors: more is known of them.
  OpFoldResult directions = shapes.constant(count), hidden = shapes.dim(recurrence, 2);
  if (node.onnx.find("hidden_size"))
    hidden = shapes.constant(node.getInt("hidden_size", 0));
  if (!importer.checkDim(hidden, "hidden_size"))
    return failure();
  int64_t axis = *isBatchFirst ? 1 : 0;
  Sequence sequence{x, axis, {}, shapes.dim(x, axis), shapes.dim(x, 1 - axis)};
  OpFoldResult width = shapes.dim(x, 2);
  NamedDim each{directions, "num_directions"}, state{hidden, "hidden_size"}, rows{sequence.batch, "batch_size"};
  auto times = [&](int64_t factor) {
    return NamedDim{shapes.mul(shapes.constant(factor), hidden), std::to_string(factor) + " · hidden_size"};
  };
  NamedDim gates = kind.gates == 1 ? state : times(kind.gates);
  SmallVector<NamedDim> ofState{each, rows, state};
  if (*isBatchFirst)
    std::swap(ofState[0], ofState[1]);
  struct Input {
    StringRef name;
    SmallVector<NamedDim> dims;
    Value value = {};
  };
  Input w{"W", {each, gates, {width, "input_size"}}}, r{"R", {each, gates, state}},
      b{"B", {each, times(2 * kind.gates)}}, h{"initial_h", ofState}, c{"initial_c", ofState}, p{"P", {each, times(3)}};
  std::pair<size_t, Input *> inputs[] = {{1, &w}, {2, &r}, {3, &b}, {5, &h}, {6, &c}, {7, &p}};
  for (auto [i, input] : inputs)
    if (node.input(i) && !(input->value = readInput(node, importer, i, input->name, input->dims)))
      return failure();
  auto lengths = readLengths(node, importer, sequence.batch, sequence.steps);
  if (!lengths)
    return failure();
  sequence.lengths = *lengths;

  SmallVector<SmallVector<Value>> outputs(1 + kind.carried); // by output and direction
  for (size_t d = 0; d < count; ++d) {
    auto own = [&](Value all, int64_t axis = 0) { return importer.at(all, axis, shapes.constant(d)); };
    Direction cell{importer, hidden, (*backward)[d]};
    cell.input = own(w.value);
    cell.recurrence = own(r.value);
    cell.peepholes = own(p.value);
    if (Value bias = own(b.value)) {
      cell.inputBias = cell.gates(bias, 0, kind.gates);
      cell.recurrenceBias = cell.gates(bias, kind.gates, kind.gates);
    }
    size_t each = kind.activations.size();
    cell.activations.assign(activations->begin() + d * each, activations->begin() + (d + 1) * each);
    cell.isLinearBeforeReset = &kind == &kGru && node.getInt("linear_before_reset", 0) != 0;
    cell.isCoupled = node.getInt("input_forget", 0) != 0;
    SmallVector<Value> begin;
    for (const Input *given : {&h, &c})
      if (int64_t(begin.size()) < kind.carried)
        begin.push_back(given->value ? own(given->value, axis)
                                     : importer.expand(importer.like(x, 0), {sequence.batch, hidden}));
    if (!cell.input || !cell.recurrence || llvm::is_contained(begin, Value()))
      return failure();
    State results = runSteps(kind, cell, sequence, begin, node.onnx.hasOutput(0));
    if (results.empty())
      return failure();
    for (auto [of, result] : llvm::zip_equal(outputs, results))
      of.push_back(result);
  }
  for (auto [i, of] : llvm::enumerate(outputs)) {
    if (!of.front() || !node.onnx.hasOutput(i))
      continue;
    // The directions come behind the steps, which outputs of the last step do not have.
    int64_t place = i == 0 ? axis + 1 : axis;
    for (Value &value : of) {
      HostVector dims(shapes.dims(value));
      dims.insert(dims.begin() + place, shapes.constant(1));
      value = importer.reshape(value, dims);
    }
    Value joined = of.front();
    if (of.size() > 1 && !llvm::is_contained(of, Value()))
      joined = importer.create<ConcatOp>(elementTypeOf(x), rankOf(joined), ValueRange(of), place);
    if (failed(node.set(i, joined)))
      return failure();
  }
  return success();
}

template <const CellKind &kind> static LogicalResult importRecurrent(Node &node, Importer &importer) {
  return importCell(node, importer, kind);
}

//===-- Table ---------------------------------------------------------------------------------------------------===//

ArrayRef<OperatorRow> hone::recurrentOperators() {
  static constexpr OperatorRow rows[] = {
      {"GRU", 7, importRecurrent<kGru>},
      {"LSTM", 7, importRecurrent<kLstm>},
      {"RNN", 7, importRecurrent<kRnn>},
  };
  return rows;
}
