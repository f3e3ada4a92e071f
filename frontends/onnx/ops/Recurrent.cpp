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

/// What a step hands on: h, and c of LSTM, each [1, batch, hidden] or [batch, 1, hidden], as it lies in the output.
using State = SmallVector<Value>;
/// What the input gives to a gate in this step.
using InputGate = llvm::function_ref<Value(int64_t number)>;

struct CellKind {
  int64_t gates;
  ArrayRef<StringLiteral> activations; ///< where none are named
  int64_t carried;                     ///< how many tensors a step hands on
  bool hasReset;                       ///< the last gate gets a state that another one was multiplied with
  State (*step)(const Direction &, InputGate, ArrayRef<Value> before);
};

/// What the cell of one direction is made of.
struct Direction {
  Importer &importer;
  OpFoldResult hidden;
  bool isBackward = false;
  Value input = {}, recurrence = {};                         ///< weights: [gates · hidden, …]
  Value candidate = {};                                      ///< those of the gate behind a reset
  Value inputBias = {}, recurrenceBias = {};                 ///< [gates · hidden], or null
  Value peepholes = {};                                      ///< [3 · hidden], or null
  SmallVector<std::function<Value(Value)>> activations = {}; ///< f, g, h
  bool isLinearBeforeReset = false, isCoupled = false;
  Value isInside = {}; ///< in this step, rows that have not ended; null if all have not

  OpFoldResult times(int64_t gates) const { return importer.shapes.mul(importer.shapes.constant(gates), hidden); }
  /// `count` gates of several that lie side by side in the last dim.
  Value gates(Value all, int64_t first, int64_t count = 1) const {
    return all ? importer.part(all, rankOf(all) - 1, times(first), times(count)) : all;
  }
  Value product(Value x, Value weights) const {
    return x && weights ? importer.create<MatmulOp>(elementTypeOf(x), rankOf(x), x, weights, /*transpose_rhs=*/true)
                        : Value();
  }
  /// A state times weights.
  Value recur(Value state, Value weights) const {
    if (!state || !weights)
      return {};
    ShapeBuilder &shapes = importer.shapes;
    HostVector dims(shapes.dims(state));
    // As a matrix, so that no addition of a gate is taken into the product: it would have to lie in memory first.
    Value sums = product(importer.reshape(state, {shapes.mul(dims[0], dims[1]), dims[2]}), weights);
    dims.back() = sums ? shapes.dim(sums, 1) : dims.back();
    return importer.reshape(sums, dims);
  }
  Value add(Value a, Value b) const { return importer.binary<AddOp>(a, b); }
  Value mul(Value a, Value b) const { return importer.binary<MulOp>(a, b); }
  /// Behind its end a row keeps its state. Backward, that is the first one, until its last position comes.
  Value keep(Value after, Value before) const { return isInside ? importer.select(isInside, after, before) : after; }
  Value oneMinus(Value a) const { return importer.binary<SubOp>(importer.like(a, 1), a); }
};

} // namespace

// A gate is computed where it is read, from parts of two tensors: what all gates of a step had in common would be a
// kernel of its own.

static State stepRnn(const Direction &cell, InputGate x, ArrayRef<Value> before) {
  Value h = cell.activations[0](cell.add(x(0), cell.recur(before[0], cell.recurrence)));
  return {cell.keep(h, before[0])};
}

/// Gates z, r, h.
static State stepGru(const Direction &cell, InputGate x, ArrayRef<Value> before) {
  Value h = before[0];
  Value sums = cell.recur(h, cell.recurrence);
  if (cell.isLinearBeforeReset && cell.recurrenceBias)
    sums = cell.add(sums, cell.recurrenceBias);
  auto gate = [&](int64_t number) { return cell.activations[0](cell.add(x(number), cell.gates(sums, number))); };
  Value r = gate(1);
  Value rest = cell.isLinearBeforeReset ? cell.mul(r, cell.gates(sums, 2)) : cell.recur(cell.mul(r, h), cell.candidate);
  Value candidate = cell.activations[1](cell.add(x(2), rest)), z = gate(0);
  return {cell.keep(cell.add(cell.mul(cell.oneMinus(z), candidate), cell.mul(z, h)), h)};
}

/// Gates i, o, f, c.
static State stepLstm(const Direction &cell, InputGate x, ArrayRef<Value> before) {
  Value sums = cell.recur(before[0], cell.recurrence);
  auto sum = [&](int64_t number) { return cell.add(x(number), cell.gates(sums, number)); };
  auto gate = [&](int64_t number, Value c) {
    Value seen = cell.peepholes ? cell.mul(cell.gates(cell.peepholes, number), c) : Value();
    return cell.activations[0](seen ? cell.add(sum(number), seen) : sum(number));
  };
  Value i = gate(0, before[1]), f = cell.isCoupled ? cell.oneMinus(i) : gate(2, before[1]);
  Value c = cell.add(cell.mul(f, before[1]), cell.mul(i, cell.activations[1](sum(3))));
  c = cell.keep(c, before[1]);
  return {cell.keep(cell.mul(gate(1, c), cell.activations[2](c)), before[0]), c};
}

static constexpr StringLiteral kRnnActivations[] = {"Tanh"};
static constexpr StringLiteral kGruActivations[] = {"Sigmoid", "Tanh"};
static constexpr StringLiteral kLstmActivations[] = {"Sigmoid", "Tanh", "Tanh"};
static constexpr CellKind kRnn{1, kRnnActivations, 1, /*hasReset=*/false, stepRnn};
static constexpr CellKind kGru{3, kGruActivations, 1, /*hasReset=*/true, stepGru};
static constexpr CellKind kLstm{4, kLstmActivations, 2, /*hasReset=*/false, stepLstm};

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
  // The standard's own list for RNN is for two directions, whatever the node has.
  size_t each = kind.activations.size(), wanted = directions * each;
  if (names.size() != wanted && names.size() != 2 * each) {
    importer.report("attribute activations has " + Twine(names.size()) + " names, must have " + Twine(wanted) + ": " +
                    Twine(each) + " for each direction");
    return std::nullopt;
  }
  names.truncate(wanted);
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
  for (auto [i, name] : llvm::enumerate(names)) {
    const Activation *activation = findActivation(name);
    if (!activation) {
      importer.report("activation '" + name + "' is unknown",
                      "take one that the standard lists: Relu, Tanh, Sigmoid, Affine, LeakyRelu, ThresholdedRelu, "
                      "ScaledTanh, HardSigmoid, Elu, Softsign or Softplus");
      return std::nullopt;
    }
    float alpha = activation->parameters > 0 ? take(alphas, activation->alpha) : 0;
    float beta = activation->parameters > 1 ? take(betas, activation->beta) : 0;
    // What LSTM's third function gets is no gate but c, which ONNX Runtime does not clip.
    bool clips = clip && i % each < 2;
    functions.push_back([&importer, activation, alpha, beta, clip, clips](Value x) {
      if (clips)
        x = importer.binary<MinOp>(importer.binary<MaxOp>(x, importer.like(x, -*clip)), importer.like(x, *clip));
      return activation->build(importer, x, alpha, beta);
    });
  }
  for (auto [name, left] : {std::pair("activation_alpha", alphas), std::pair("activation_beta", betas)})
    if (!left.empty()) {
      importer.report("attribute " + Twine(name) + " has " + Twine(left.size()) + " more than the activations take");
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

namespace {

/// What the directions of a node share.
struct Sequence {
  Value x;      ///< [steps, batch, input], or [batch, steps, input]
  int64_t axis; ///< that of the steps
  OpFoldResult steps = {}, batch = {};
  Value isInside = {}; ///< [steps, batch, 1] or [batch, steps, 1]: where rows have not ended; null if nowhere they have
};

/// A dim that an input must have, and what the standard calls it.
struct NamedDim {
  OpFoldResult size;
  std::string name;
};

} // namespace

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

/// Which positions lie before the ends of their rows. Null if all do; nothing after an error.
static std::optional<Value> readLengths(Node &node, Importer &importer, const Sequence &sequence) {
  ShapeBuilder &shapes = importer.shapes;
  OpFoldResult batch = sequence.batch, steps = sequence.steps;
  if (!node.input(4))
    return Value();
  Value lengths = readInput(node, importer, 4, "sequence_lens", {{batch, "batch_size"}});
  if (!lengths)
    return std::nullopt;
  auto known = importer.host.indices(lengths);
  if (known && llvm::all_of(*known, [&](OpFoldResult length) { return shapes.areEqual(length, steps); }))
    return Value();
  HostVector extremes = known ? *known : HostVector();
  if (!known) {
    // With 0, so that a batch of no rows has some.
    Value zero = importer.like(lengths, 0);
    Value least = importer.binary<MinOp>(importer.reduce(ReduceKind::Min, lengths, 0, /*keepdims=*/false), zero);
    Value most = importer.binary<MaxOp>(importer.reduce(ReduceKind::Max, lengths, 0, /*keepdims=*/false), zero);
    extremes = {importer.lateIndex(least, {}), importer.lateIndex(most, {})};
  }
  for (OpFoldResult length : extremes)
    if (!importer.checkRange(length, shapes.constant(0), steps, "a length in sequence_lens"))
      return std::nullopt;
  HostVector ofLengths(3, shapes.constant(1)), ofSteps(ofLengths);
  ofLengths[1 - sequence.axis] = batch;
  ofSteps[sequence.axis] = steps;
  Value first = importer.like(lengths, 0), next = importer.like(lengths, 1);
  Value numbers = importer.create<RangeOp>(elementTypeOf(lengths), 1, first, next, shapes.materialize(steps));
  Value isInside = importer.compare<LessOp>(importer.reshape(numbers, ofSteps), importer.reshape(lengths, ofLengths));
  return isInside ? std::optional(isInside) : std::nullopt;
}

namespace {

/// The inputs beside X, under dims that are known to fit.
struct Operands {
  OpFoldResult hidden;
  Value w, r, b, p;
  Value states[2]; ///< h and c to begin with
};

} // namespace

/// Reads all inputs, and tells of the sequence what it is; false after an error.
static bool readOperands(Node &node, Importer &importer, const CellKind &kind, size_t directions, Sequence &sequence,
                         Operands &operands) {
  ShapeBuilder &shapes = importer.shapes;
  Value x = sequence.x, recurrence = node.input(2);
  for (auto [name, value] : {std::pair("X", x), std::pair("R", recurrence)})
    if (rankOf(value) != 3) {
      importer.report(Twine(name) + " must have 3 dims, not " + Twine(rankOf(value)));
      return false;
    }
  // A number goes before a dim that must be equal to it: more is known of it.
  OpFoldResult hidden = shapes.dim(recurrence, 2);
  if (node.onnx.find("hidden_size")) {
    OpFoldResult given = shapes.constant(node.getInt("hidden_size", 0));
    if (!importer.checkEqual(hidden, given, "dim 2 of R and hidden_size"))
      return false;
    hidden = given;
  }
  operands.hidden = hidden;
  sequence.steps = shapes.dim(x, sequence.axis);
  sequence.batch = shapes.dim(x, 1 - sequence.axis);
  NamedDim each{shapes.constant(directions), "num_directions"}, one{hidden, "hidden_size"};
  auto times = [&](int64_t factor) {
    return factor == 1
               ? one
               : NamedDim{shapes.mul(shapes.constant(factor), hidden), std::to_string(factor) + " · hidden_size"};
  };
  SmallVector<NamedDim> ofState{each, {sequence.batch, "batch_size"}, one};
  if (sequence.axis == 1)
    std::swap(ofState[0], ofState[1]);
  struct Input {
    size_t number;
    StringRef name;
    Value &value;
    SmallVector<NamedDim> dims;
  };
  Input inputs[] = {{1, "W", operands.w, {each, times(kind.gates), {shapes.dim(x, 2), "input_size"}}},
                    {2, "R", operands.r, {each, times(kind.gates), one}},
                    {3, "B", operands.b, {each, times(2 * kind.gates)}},
                    {5, "initial_h", operands.states[0], ofState},
                    {6, "initial_c", operands.states[1], ofState},
                    {7, "P", operands.p, {each, times(3)}}};
  for (Input &input : inputs)
    if (node.input(input.number) && !(input.value = readInput(node, importer, input.number, input.name, input.dims)))
      return false;
  auto isInside = readLengths(node, importer, sequence);
  if (isInside)
    sequence.isInside = *isInside;
  return isInside.has_value();
}

//===-- Operators -----------------------------------------------------------------------------------------------===//

/// The output of all steps (null unless `collects`), and the last state. Nothing after an error.
static State runSteps(const CellKind &kind, Direction cell, const Sequence &sequence, ArrayRef<Value> begin,
                      bool collects) {
  Importer &importer = cell.importer;
  ShapeBuilder &shapes = importer.shapes;
  int64_t axis = sequence.axis;
  Value gates = cell.product(sequence.x, cell.input);
  for (Value bias : {cell.inputBias, cell.isLinearBeforeReset ? Value() : cell.recurrenceBias})
    if (bias)
      gates = cell.add(gates, bias);
  SmallVector<Value> inits(begin);
  if (collects) {
    HostVector dims{sequence.batch, cell.hidden};
    dims.insert(dims.begin() + axis, sequence.steps);
    inits.push_back(importer.expand(importer.like(sequence.x, 0), dims));
  }
  if (!gates || !cell.recurrence || llvm::is_contained(inits, Value()))
    return {};

  State results = importer.countedLoop(sequence.steps, inits, [&](Value number, ArrayRef<Value> before) {
    OpFoldResult position = number;
    if (cell.isBackward)
      position = shapes.sub(shapes.sub(sequence.steps, shapes.constant(1)), number);
    auto inputGate = [&](int64_t gate) {
      HostVector starts(3, shapes.constant(0)), sizes(shapes.dims(before.front()));
      starts[axis] = position;
      starts[2] = cell.times(gate);
      return importer.part(gates, starts, sizes);
    };
    if (sequence.isInside)
      cell.isInside = importer.part(sequence.isInside, axis, position, shapes.constant(1));
    State next = kind.step(cell, inputGate, before.take_front(begin.size()));
    Value output = next.front();
    if (collects)
      next.push_back(output ? importer.create<InsertOp>(elementTypeOf(output), 3, output, before.back(),
                                                        shapes.materialize(position), axis)
                            : output);
    return next;
  });
  if (results.empty())
    return {};
  Value all = collects ? results.pop_back_val() : Value();
  if (all && sequence.isInside)
    all = importer.select(sequence.isInside, all, importer.like(all, 0));
  results.insert(results.begin(), all);
  return results;
}

/// The outputs of all directions as one: null where they are not asked for.
static Value joinDirections(Importer &importer, ArrayRef<Value> outputs, int64_t axis) {
  if (llvm::is_contained(outputs, Value()))
    return {};
  return outputs.size() == 1 ? outputs.front()
                             : importer.create<ConcatOp>(elementTypeOf(outputs.front()), rankOf(outputs.front()),
                                                         ValueRange(outputs), axis);
}

static LogicalResult importCell(Node &node, Importer &importer, const CellKind &kind) {
  ShapeBuilder &shapes = importer.shapes;
  auto isBatchFirst = importer.flag(node, "layout"), isCoupled = importer.flag(node, "input_forget");
  auto backward = readDirections(node, importer);
  if (!isBatchFirst || !isCoupled || !backward)
    return failure();
  size_t count = backward->size(), functions = kind.activations.size();
  auto activations = readActivations(node, importer, kind, count);
  Operands operands;
  Sequence sequence{node.input(0), *isBatchFirst ? 1 : 0};
  if (!activations || !readOperands(node, importer, kind, count, sequence, operands))
    return failure();

  HostVector ofState{sequence.batch, operands.hidden};
  ofState.insert(ofState.begin() + sequence.axis, shapes.constant(1));
  SmallVector<SmallVector<Value>> outputs(1 + kind.carried); // by output and direction
  for (size_t d = 0; d < count; ++d) {
    OpFoldResult position = shapes.constant(d);
    Direction cell{importer, operands.hidden, (*backward)[d]};
    cell.input = importer.at(operands.w, 0, position);
    cell.recurrence = importer.at(operands.r, 0, position);
    cell.peepholes = importer.at(operands.p, 0, position);
    Value biases = importer.at(operands.b, 0, position);
    cell.inputBias = cell.gates(biases, 0, kind.gates);
    cell.recurrenceBias = cell.gates(biases, kind.gates, kind.gates);
    cell.activations.assign(activations->begin() + d * functions, activations->begin() + (d + 1) * functions);
    cell.isCoupled = *isCoupled;
    cell.isLinearBeforeReset = node.getInt("linear_before_reset", 0) != 0;
    if (kind.hasReset && !cell.isLinearBeforeReset) {
      cell.candidate = importer.part(cell.recurrence, 0, cell.times(kind.gates - 1), cell.times(1));
      cell.recurrence = importer.part(cell.recurrence, 0, cell.times(0), cell.times(kind.gates - 1));
    }
    State begin;
    for (Value given : ArrayRef(operands.states).take_front(kind.carried))
      begin.push_back(given ? importer.part(given, sequence.axis, position, shapes.constant(1))
                            : importer.expand(importer.like(sequence.x, 0), ofState));
    State results = runSteps(kind, cell, sequence, begin, node.onnx.hasOutput(0));
    if (results.empty())
      return failure();
    for (auto [of, result] : llvm::zip_equal(outputs, results))
      of.push_back(result);
  }
  // The directions come behind the steps. In a state, the dim of one step is theirs.
  HostVector dims{sequence.batch, operands.hidden};
  dims.insert(dims.begin() + sequence.axis, {sequence.steps, shapes.constant(1)});
  for (Value &all : outputs.front())
    all = importer.reshape(all, dims);
  for (auto [i, of] : llvm::enumerate(outputs))
    if (node.onnx.hasOutput(i) && failed(node.set(i, joinDirections(importer, of, sequence.axis + (i == 0)))))
      return failure();
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
