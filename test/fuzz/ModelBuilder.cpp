// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/fuzz/ModelBuilder.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace hone;
using llvm::StringRef;
using llvm::Twine;

static bool isFloat(StringRef type) { return type == "float" || type == "double"; }
static bool isNumber(StringRef type) { return type != "bool"; }
static std::string list(const llvm::SmallVectorImpl<std::string> &dims) {
  return dims.empty() ? "" : "[" + llvm::join(dims, ", ") + "]";
}
static std::string attribute(StringRef name, int64_t value) { return (name + " = " + Twine(value)).str(); }

//===-- Values --------------------------------------------------------------------------------------------------===//

std::string ModelBuilder::dim() {
  static constexpr StringRef dims[] = {"n", "m", "1", "2", "3", "1", "n", "4", "0", "5", "8", "17", "64"};
  return in.choose(llvm::ArrayRef(dims)).str();
}

std::string ModelBuilder::number(StringRef type) {
  static constexpr StringRef floats[] = {"0.0", "1.0", "-1.0", "0.5", "2.0", "1e-5", "1e30", "-3.25", "1e-40"};
  static constexpr StringRef large[] = {"2147483647",          "2147483648",           "-2147483648",
                                        "9223372036854775807", "-9223372036854775808", "4611686018427387905"};
  if (isFloat(type))
    return in.choose(llvm::ArrayRef(floats)).str();
  if (type == "bool")
    return in.oneIn(2) ? "1" : "0";
  if (type == "int64" && in.oneIn(12))
    return in.choose(llvm::ArrayRef(large)).str();
  int64_t value = in.below(9);
  return std::to_string(type.starts_with("u") ? value : value - 3);
}

ModelBuilder::Value ModelBuilder::addInput(StringRef type, const Dims &dims) {
  Value value{"x" + std::to_string(fresh++), type.str(), dims};
  inputs += (inputs.empty() ? "" : ", ") + value.type + list(value.dims) + " " + value.name;
  values.push_back(value);
  return value;
}

/// The latest value that fits, or one some way before it; a new input if none does.
ModelBuilder::Value ModelBuilder::pick(llvm::function_ref<bool(const Value &)> fits) {
  llvm::SmallVector<const Value *> found;
  for (const Value &value : values)
    if (fits(value))
      found.push_back(&value);
  if (!found.empty())
    return *found[found.size() - 1 - (in.oneIn(3) ? in.below(found.size()) : 0)];
  for (StringRef type : {"float", "int64", "bool", "double", "int32"})
    for (size_t rank : {2, 1, 3, 4, 0}) {
      if (!fits({"", type.str(), unknown(rank)}))
        continue;
      Dims dims(rank);
      for (std::string &size : dims)
        size = dim();
      return addInput(type, dims);
    }
  return addInput("float", {"2", "1"});
}

ModelBuilder::Value ModelBuilder::pickFloat(size_t leastRank) {
  return pick([&](const Value &v) { return isFloat(v.type) && v.dims.size() >= leastRank; });
}

ModelBuilder::Value ModelBuilder::pickOf(StringRef type) {
  return pick([&](const Value &v) { return v.type == type; });
}

ModelBuilder::Value ModelBuilder::constant(StringRef type, const Dims &dims, llvm::ArrayRef<std::string> elements) {
  Value value{"c" + std::to_string(fresh++), type.str(), dims};
  int64_t count = 1;
  for (std::string &size : value.dims) {
    int64_t known = 0;
    if (StringRef(size).getAsInteger(10, known))
      size = std::to_string(known = 1); // a symbol
    count *= known;
  }
  llvm::SmallVector<std::string> text(elements);
  if (elements.empty()) {
    bool isSplat = in.oneIn(2);
    for (int64_t i = 0; i < std::min<int64_t>(count, 4096); ++i)
      text.push_back(isSplat && i ? text.front() : number(type));
  }
  if (count <= 4096)
    initializers += (initializers.empty() ? "" : ", ") + value.type + list(value.dims) + " " + value.name + " = {" +
                    llvm::join(text, ", ") + "}";
  return value;
}

ModelBuilder::Value ModelBuilder::indices(llvm::ArrayRef<int64_t> numbers) {
  llvm::SmallVector<std::string> text;
  for (int64_t value : numbers)
    text.push_back(std::to_string(value));
  return constant("int64", {std::to_string(numbers.size())}, text);
}

/// A tensor that broadcasts with `x`: another value that does, or a constant, which may give the result more or larger
/// dims than `x` has.
ModelBuilder::Value ModelBuilder::partner(const Value &x) {
  if (in.oneIn(2)) {
    for (const Value &other : llvm::reverse(values))
      if (other.name != x.name && other.type == x.type && !broadcast(x.dims, other.dims).empty())
        return other;
    return x;
  }
  Dims dims(llvm::ArrayRef(x.dims).take_back(in.below(x.dims.size() + 1)));
  for (std::string &size : dims)
    size = size == "1" && in.oneIn(2) ? in.choose({"2", "3", "7"}).str() : in.oneIn(4) || size == "?" ? "1" : size;
  if (in.oneIn(8) && dims.size() < 4)
    dims.insert(dims.begin(), x.dims.size() == dims.size() ? "2" : "1");
  return constant(x.type, dims);
}

ModelBuilder::Dims ModelBuilder::broadcast(const Dims &a, const Dims &b) {
  Dims result = a.size() >= b.size() ? a : b;
  const Dims &other = a.size() >= b.size() ? b : a;
  for (size_t i = 0; i < other.size(); ++i) {
    std::string &mine = result[result.size() - other.size() + i];
    if (mine == "1" || mine == "?")
      mine = other[i] == "1" ? mine : other[i];
    else if (other[i] != "1" && other[i] != "?" && other[i] != mine)
      return {};
  }
  return result;
}

/// `length` integers that may be a shape: dims of values, arithmetic on them, constants, an input.
ModelBuilder::Value ModelBuilder::shapeValue(unsigned length) {
  std::string size = std::to_string(length);
  switch (in.below(6)) {
  case 0:
  case 1: {
    llvm::SmallVector<int64_t> numbers;
    for (unsigned i = 0; i < length; ++i)
      numbers.push_back(int64_t(in.below(6)) - 1);
    return indices(numbers);
  }
  case 2: {
    Value x = pick([](const Value &v) { return !v.dims.empty(); });
    Value shape = node("Shape", {x}, "int64", {std::to_string(x.dims.size())});
    llvm::SmallVector<int64_t> chosen;
    for (unsigned i = 0; i < length; ++i)
      chosen.push_back(axis(x));
    return x.dims.size() == length ? shape : node("Gather", {shape, indices(chosen)}, "int64", {size}, "axis = 0");
  }
  case 3: {
    static constexpr StringRef ops[] = {"Add", "Mul", "Sub", "Div", "Max", "Min", "Mod"};
    Value left = in.isEmpty() ? indices(llvm::SmallVector<int64_t>(length, 1)) : shapeValue(length);
    return node(in.choose(llvm::ArrayRef(ops)), {left, constant("int64", {in.oneIn(2) ? size : "1"})}, "int64", {size});
  }
  case 4: {
    if (length < 2)
      return pick([&](const Value &v) { return v.type == "int64" && v.dims == Dims{size}; });
    Value first = shapeValue(1), rest = shapeValue(length - 1);
    return node("Concat", {first, rest}, "int64", {size}, "axis = 0");
  }
  default:
    return addInput("int64", {size});
  }
}

//===-- Nodes ---------------------------------------------------------------------------------------------------===//

ModelBuilder::Value ModelBuilder::node(StringRef op, llvm::ArrayRef<Value> operands, StringRef type, const Dims &dims,
                                       const Twine &attributes) {
  Value result{"v" + std::to_string(fresh++), type.str(), dims};
  std::string text = attributes.str();
  nodes += "  " + result.name + " = " + op.str() + (text.empty() ? " " : " <" + text + "> ") + "(" +
           llvm::join(llvm::map_range(operands, [](const Value &v) { return v.name; }), ", ") + ")\n";
  values.push_back(result);
  return result;
}

/// One of `ops` that the opset has.
StringRef ModelBuilder::chooseOperator(llvm::ArrayRef<std::pair<StringRef, int>> ops) {
  auto [name, since] = in.choose(ops);
  return opset >= since ? name : ops.front().first;
}

void ModelBuilder::addUnary() {
  static constexpr std::pair<StringRef, int> ops[] = {
      {"Relu", 1},       {"Sigmoid", 1},   {"Tanh", 1},     {"Exp", 1},
      {"Neg", 1},        {"Abs", 1},       {"Sqrt", 1},     {"Erf", 9},
      {"Gelu", 20},      {"Floor", 1},     {"Ceil", 1},     {"Cos", 7},
      {"Sin", 7},        {"Tan", 7},       {"Sign", 9},     {"Reciprocal", 1},
      {"Round", 11},     {"Log", 1},       {"Softplus", 1}, {"Softsign", 1},
      {"Elu", 1},        {"Selu", 1},      {"Celu", 12},    {"HardSigmoid", 1},
      {"HardSwish", 14}, {"LeakyRelu", 1}, {"Mish", 18},    {"Dropout", 7},
      {"Shrink", 9},     {"Identity", 1},  {"Swish", 24},   {"ThresholdedRelu", 10}};
  Value x = pickFloat();
  if (in.oneIn(6)) {
    x = pick([](const Value &v) { return isNumber(v.type); });
    node(in.choose({"Abs", "Neg", "Sign", "Identity"}), {x}, x.type, x.dims);
  } else if (in.oneIn(12)) {
    node(in.choose({"IsNaN", "IsInf"}), {x}, "bool", x.dims);
  } else if (in.oneIn(8)) {
    Value low = constant(x.type, {}), high = constant(x.type, {});
    node("Clip", {x, low, high}, x.type, x.dims);
  } else {
    node(chooseOperator(ops), {x}, x.type, x.dims);
  }
}

void ModelBuilder::addBinary() {
  Value x = pick([](const Value &v) { return isNumber(v.type); }), y = partner(x);
  StringRef op = in.choose({"Add", "Mul", "Sub", "Div", "Max", "Min", "Pow", "Mod", "PRelu", "Sum", "Mean"});
  if (!isFloat(x.type) && (op == "Sum" || op == "Mean"))
    op = "Add";
  std::string attributes = op == "Mod" && isFloat(x.type) ? "fmod = 1" : "";
  bool isSwapped = in.oneIn(2) && op != "PRelu";
  node(op, isSwapped ? llvm::ArrayRef<Value>{y, x} : llvm::ArrayRef<Value>{x, y}, x.type, broadcast(x.dims, y.dims),
       attributes);
}

void ModelBuilder::addCompare() {
  Value x = pick([](const Value &v) { return isNumber(v.type); }), y = partner(x);
  StringRef op = in.choose({"Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"});
  Value condition = node(op, {x, y}, "bool", broadcast(x.dims, y.dims));
  if (in.oneIn(3))
    condition = node("Not", {condition}, "bool", condition.dims);
  if (in.oneIn(3)) {
    Value other = partner(condition);
    condition =
        node(in.choose({"And", "Or", "Xor"}), {condition, other}, "bool", broadcast(condition.dims, other.dims));
  }
  Value other = partner(x);
  node("Where", {condition, x, other}, x.type, broadcast(condition.dims, broadcast(x.dims, other.dims)));
}

void ModelBuilder::addRows() {
  Value x = pickFloat(1);
  Dims last{x.dims.back()};
  switch (in.below(4)) {
  case 0:
    node("LayerNormalization", {x, constant(x.type, last), constant(x.type, last)}, x.type, x.dims, "axis = -1");
    return;
  case 1:
    if (opset < 23)
      return;
    node("RMSNormalization", {x, constant(x.type, last)}, x.type, x.dims, "axis = -1");
    return;
  default:
    StringRef op = in.choose({"Softmax", "LogSoftmax", "Hardmax", "LpNormalization"});
    node(op, {x}, x.type, x.dims, attribute("axis", axis(x)));
  }
}

void ModelBuilder::addReduce() {
  Value x = pick([](const Value &v) { return isNumber(v.type) && !v.dims.empty(); });
  int64_t by = axis(x), keep = in.below(2);
  Dims dims = x.dims;
  size_t place = by < 0 ? by + dims.size() : by;
  if (keep)
    dims[place] = "1";
  else
    dims.erase(dims.begin() + place);
  std::string flags = attribute("keepdims", keep);
  if (in.oneIn(4)) {
    node(in.choose({"ArgMax", "ArgMin"}), {x}, "int64", dims, attribute("axis", by) + ", " + flags);
  } else if (in.oneIn(4)) {
    Value which = constant("int64", {}, {std::to_string(by)});
    node("CumSum", {x, which}, x.type, x.dims,
         attribute("exclusive", in.below(2)) + ", " + attribute("reverse", in.below(2)));
  } else {
    StringRef op = in.choose({"ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceMean", "ReduceL1", "ReduceL2",
                              "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"});
    bool isInput = opset >= 18 || (op == "ReduceSum" && opset >= 13);
    if (isInput)
      node(op, {x, indices({by})}, x.type, dims, flags);
    else
      node(op, {x}, x.type, dims, "axes = [" + std::to_string(by) + "], " + flags);
  }
}

void ModelBuilder::addLinear() {
  Value x = pickFloat(2);
  std::string columns = in.choose({"1", "2", "5", "16", "33"}).str();
  Dims dims = x.dims;
  if (x.dims.back() == "?" || in.oneIn(5)) { // with its own transposition
    Dims turned = x.dims;
    std::swap(turned.back(), turned[turned.size() - 2]);
    llvm::SmallVector<std::string> order;
    for (size_t i = 0; i < turned.size(); ++i)
      order.push_back(std::to_string(i));
    std::swap(order.back(), order[order.size() - 2]);
    Value other = node("Transpose", {x}, x.type, turned, "perm = [" + llvm::join(order, ", ") + "]");
    dims.back() = dims[dims.size() - 2];
    node("MatMul", {x, other}, x.type, dims);
    return;
  }
  Value weight = constant(x.type, {x.dims.back(), columns});
  dims.back() = columns;
  if (x.dims.size() == 2 && in.oneIn(3))
    node("Gemm", {x, weight, constant(x.type, {columns})}, x.type, dims, in.oneIn(2) ? "alpha = 0.5, beta = 2.0" : "");
  else
    node("MatMul", {x, weight}, x.type, dims);
}

void ModelBuilder::addAttention() {
  Value q = addInput("float", {"n", "2", "m", "4"}), k = addInput("float", {"n", "2", "l", "4"});
  Value v = addInput("float", {"n", "2", "l", "4"});
  if (opset >= 23) {
    std::vector<Value> operands{q, k, v};
    if (in.oneIn(2))
      operands.push_back(constant(in.oneIn(3) ? "bool" : "float", {in.oneIn(2) ? "3" : "1", "1", "1", "1"}));
    node("Attention", operands, "float", q.dims, attribute("is_causal", in.below(4)));
    return;
  }
  Value turned = node("Transpose", {k}, "float", {"n", "2", "4", "l"}, "perm = [0, 1, 3, 2]");
  Value scores = node("MatMul", {q, turned}, "float", {"n", "2", "m", "l"});
  if (in.oneIn(2))
    scores = node("Mul", {scores, constant("float", {})}, "float", scores.dims);
  if (in.oneIn(2))
    scores = node("Add", {scores, constant("float", {"1", "1", "1", "1"})}, "float", scores.dims);
  Value weights = node("Softmax", {scores}, "float", scores.dims, "axis = -1");
  node("MatMul", {weights, v}, "float", q.dims);
}

void ModelBuilder::addView() {
  Value x = pick([](const Value &) { return true; });
  switch (in.below(8)) {
  case 0:
  case 1: {
    unsigned rank = 1 + in.below(3);
    node("Reshape", {x, shapeValue(rank)}, x.type, unknown(rank), opset >= 14 && in.oneIn(4) ? "allowzero = 1" : "");
    return;
  }
  case 2: {
    llvm::SmallVector<std::string> order;
    Dims dims = x.dims;
    size_t turn = in.below(x.dims.size() + 1);
    for (size_t i = 0; i < x.dims.size(); ++i) {
      order.push_back(std::to_string((i + turn) % x.dims.size()));
      dims[i] = x.dims[(i + turn) % x.dims.size()];
    }
    node("Transpose", {x}, x.type, dims, "perm = [" + llvm::join(order, ", ") + "]");
    return;
  }
  case 3:
    node("Flatten", {x}, x.type, unknown(2), attribute("axis", in.below(x.dims.size() + 1)));
    return;
  case 4: {
    int64_t place = in.below(x.dims.size() + 1);
    Dims dims = x.dims;
    dims.insert(dims.begin() + place, "1");
    if (opset >= 13)
      node("Unsqueeze", {x, in.oneIn(4) ? shapeValue(1) : indices({place})}, x.type, dims);
    else
      node("Unsqueeze", {x}, x.type, dims, "axes = [" + std::to_string(place) + "]");
    return;
  }
  case 5: {
    Value y = pick([](const Value &v) { return llvm::is_contained(v.dims, "1"); });
    Dims dims = y.dims;
    int64_t place = llvm::find(dims, "1") - dims.begin();
    dims.erase(dims.begin() + place);
    if (opset >= 13)
      node("Squeeze", {y, indices({place})}, y.type, dims);
    else
      node("Squeeze", {y}, y.type, dims, "axes = [" + std::to_string(place) + "]");
    return;
  }
  case 6: {
    unsigned rank = std::max<unsigned>(x.dims.size(), 1);
    node("Expand", {x, shapeValue(rank)}, x.type, unknown(rank));
    return;
  }
  default:
    if (!x.dims.empty())
      node("Tile", {x, shapeValue(x.dims.size())}, x.type, unknown(x.dims.size()));
  }
}

void ModelBuilder::addIndexing() {
  Value x = pick([](const Value &v) { return !v.dims.empty(); });
  int64_t by = axis(x);
  Dims rest = unknown(x.dims.size());
  switch (in.below(6)) {
  case 0: {
    Value start = shapeValue(1), end = shapeValue(1);
    std::vector<Value> operands{x, start, end, indices({by})};
    if (in.oneIn(2))
      operands.push_back(in.oneIn(3) ? shapeValue(1) : indices({int64_t(in.below(6)) - 3}));
    node("Slice", operands, x.type, rest);
    return;
  }
  case 1: {
    Value where = in.oneIn(2) ? indices({int64_t(in.below(3)) - 1, 0}) : pickOf("int64");
    node("Gather", {x, where}, x.type, unknown(x.dims.size() - 1 + where.dims.size()), attribute("axis", by));
    return;
  }
  case 2: {
    Value where = pick([&](const Value &v) { return v.type == "int64" && v.dims.size() == x.dims.size(); });
    node("GatherElements", {x, where}, x.type, where.dims, attribute("axis", by));
    return;
  }
  case 3: {
    Value where = constant("int64", {"2", "1"});
    Dims dims{"2"};
    dims.append(x.dims.begin() + 1, x.dims.end());
    node("GatherND", {x, where}, x.type, dims);
    return;
  }
  case 4: {
    Value k = in.oneIn(2) ? shapeValue(1) : indices({1});
    std::string name = "v" + std::to_string(fresh++), places = "v" + std::to_string(fresh++);
    nodes += "  " + name + ", " + places + " = TopK <" + attribute("axis", by) + "> (" + x.name + ", " + k.name + ")\n";
    values.push_back({name, x.type, rest});
    values.push_back({places, "int64", rest});
    return;
  }
  default: {
    std::string first = "v" + std::to_string(fresh++), second = "v" + std::to_string(fresh++);
    Value parts = shapeValue(2);
    bool isInput = opset >= 13 && in.oneIn(2);
    std::string flags = attribute("axis", by) + (opset >= 18 && !isInput ? ", num_outputs = 2" : "");
    nodes += "  " + first + ", " + second + " = Split <" + flags + "> (" + x.name + (isInput ? ", " + parts.name : "") +
             ")\n";
    values.push_back({first, x.type, rest});
    values.push_back({second, x.type, rest});
  }
  }
}

void ModelBuilder::addPlacing() {
  Value x = pick([](const Value &v) { return !v.dims.empty(); });
  switch (in.below(6)) {
  case 0:
  case 1: {
    Value other =
        in.oneIn(2) ? x : pick([&](const Value &v) { return v.type == x.type && v.dims.size() == x.dims.size(); });
    node("Concat", {x, other}, x.type, unknown(x.dims.size()), attribute("axis", axis(x)));
    return;
  }
  case 2: {
    StringRef mode = in.choose({"constant", "edge", "reflect", "wrap"});
    node("Pad", {x, shapeValue(2 * x.dims.size())}, x.type, unknown(x.dims.size()), "mode = \"" + mode + "\"");
    return;
  }
  case 3: {
    Dims updates{"2"};
    updates.append(x.dims.begin() + 1, x.dims.end());
    node("ScatterND", {x, constant("int64", {"2", "1"}), constant(x.type, updates)}, x.type, x.dims);
    return;
  }
  case 4: {
    Dims one(x.dims.size(), "1");
    node("ScatterElements", {x, constant("int64", one), constant(x.type, one)}, x.type, x.dims,
         attribute("axis", axis(x)) + (in.oneIn(2) ? ", reduction = \"add\"" : ""));
    return;
  }
  default: {
    Value y = pick([](const Value &v) { return v.dims.size() >= 2; });
    node("Trilu", {y}, y.type, y.dims, attribute("upper", in.below(2)));
  }
  }
}

void ModelBuilder::addMade() {
  switch (in.below(5)) {
  case 0: {
    unsigned rank = 1 + in.below(3);
    node("ConstantOfShape", {shapeValue(rank)}, "float", unknown(rank));
    return;
  }
  case 1: {
    StringRef type = in.choose({"int64", "float", "int32"});
    node("Range", {constant(type, {}), constant(type, {}), constant(type, {})}, type, unknown(1));
    return;
  }
  case 2: {
    Value where = pickOf("int64");
    node("OneHot", {where, constant("int64", {}, {std::to_string(in.below(5))}), constant("float", {"2"})}, "float",
         unknown(where.dims.size() + 1));
    return;
  }
  case 3: {
    Value x = pick([](const Value &) { return true; });
    node("Size", {x}, "int64", {});
    return;
  }
  default: {
    Value x = pick([](const Value &) { return true; });
    node("Shape", {x}, "int64", {std::to_string(x.dims.size())});
  }
  }
}

void ModelBuilder::addCast() {
  static constexpr std::pair<StringRef, int> types[] = {{"float", 1}, {"int64", 7},  {"int32", 6},  {"double", 11},
                                                        {"bool", 9},  {"uint8", 2},  {"int8", 3},   {"uint64", 13},
                                                        {"int16", 5}, {"uint16", 4}, {"uint32", 12}};
  Value x = pick([](const Value &) { return true; });
  auto [type, code] = types[in.below(std::size(types))];
  node("Cast", {x}, type, x.dims, attribute("to", code));
}

void ModelBuilder::addCall() {
  hasFunction = true;
  Value x = pickFloat();
  Value y = partner(x);
  node("local.f", {x, y}, x.type, broadcast(x.dims, y.dims), in.oneIn(2) ? "slope = 0.5" : "");
}

/// What patterns look for, and near misses of it.
void ModelBuilder::addKnownPattern() {
  Value x = pickFloat(1);
  auto scalar = [&](StringRef text) { return constant(x.type, {}, {in.oneIn(8) ? "0.25" : text.str()}); };
  if (in.oneIn(2)) { // gelu
    Value erf = node("Erf", {node("Div", {x, scalar("1.4142135381698608")}, x.type, x.dims)}, x.type, x.dims);
    Value sum = node("Add", {erf, scalar("1.0")}, x.type, x.dims);
    Value product = node("Mul", {x, sum}, x.type, x.dims);
    node("Mul", {product, scalar("0.5")}, x.type, x.dims);
    return;
  }
  auto mean = [&](const Value &of) {
    Dims dims = of.dims;
    dims.back() = "1";
    return opset >= 18 ? node("ReduceMean", {of, indices({-1})}, of.type, dims)
                       : node("ReduceMean", {of}, of.type, dims, "axes = [-1]");
  };
  Value centred = node("Sub", {x, mean(x)}, x.type, x.dims);
  Value square = node("Pow", {centred, scalar("2.0")}, x.type, x.dims);
  Value variance = node("Add", {mean(square), scalar("0.00001")}, x.type, x.dims);
  Value deviation = node("Sqrt", {variance}, x.type, x.dims);
  Value normal = node("Div", {centred, deviation}, x.type, x.dims);
  Value scaled = node("Mul", {normal, partner(normal)}, x.type, x.dims);
  node("Add", {scaled, constant(x.type, {"1"})}, x.type, x.dims);
}

void ModelBuilder::addNode() {
  using Step = void (ModelBuilder::*)();
  static constexpr Step steps[] = {&ModelBuilder::addUnary,   &ModelBuilder::addBinary,      &ModelBuilder::addBinary,
                                   &ModelBuilder::addCompare, &ModelBuilder::addRows,        &ModelBuilder::addReduce,
                                   &ModelBuilder::addLinear,  &ModelBuilder::addAttention,   &ModelBuilder::addView,
                                   &ModelBuilder::addView,    &ModelBuilder::addIndexing,    &ModelBuilder::addIndexing,
                                   &ModelBuilder::addPlacing, &ModelBuilder::addMade,        &ModelBuilder::addCast,
                                   &ModelBuilder::addCall,    &ModelBuilder::addKnownPattern};
  (this->*steps[in.below(std::size(steps))])();
}

std::string ModelBuilder::build() {
  static constexpr int opsets[] = {17, 18, 21, 23, 24, 13, 11, 20, 14};
  opset = opsets[in.below(std::size(opsets))];
  unsigned first = 1 + in.below(2);
  for (unsigned i = 0; i < first; ++i) {
    StringRef type = in.choose({"float", "float", "int64", "float", "double", "int32", "bool"});
    Dims dims(in.below(5));
    for (std::string &size : dims)
      size = dim();
    addInput(type, dims);
  }
  for (unsigned count = 0; count < 12 && !in.isEmpty(); ++count)
    addNode();
  if (nodes.empty())
    node("Identity", {values.front()}, values.front().type, values.front().dims);
  // The last value, and up to two others.
  std::string results;
  std::vector<const Value *> made;
  for (const Value &value : values)
    if (value.name[0] == 'v')
      made.push_back(&value);
  for (size_t i = 0; i < std::min<size_t>(made.size(), 3); ++i) {
    const Value &value = *made[made.size() - 1 - i];
    Dims dims(value.dims.size(), "?");
    results += (i ? ", " : "") + value.type + list(dims) + " " + value.name;
  }
  std::string version = std::to_string(opset);
  std::string text = "<ir_version: 10, opset_import: [\"\" : " + version + ", \"local\" : 1]>\ng (" + inputs +
                     ") => (" + results + ")" + (initializers.empty() ? "" : " <" + initializers + ">") + " {\n" +
                     nodes + "}\n";
  if (hasFunction)
    text += "<domain: \"local\", opset_import: [\"\" : " + version + "]>\nf <slope> (a, b) => (c) {\n" +
            "  t = LeakyRelu <alpha: float = @slope> (a)\n  u = Add (t, b)\n  c = Softmax <axis = -1> (u)\n}\n";
  return text;
}
