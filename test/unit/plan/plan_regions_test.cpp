// Random programs of launches in branches and loops, executed before they are planned and afterwards: each launch must
// read the same.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/unit/plan/Machine.h"
#include "test/unit/plan/PlanFixture.h"
#include "llvm/Support/FormatVariadic.h"
#include <map>
#include <numeric>
#include <random>
#include <set>

using namespace mlir;
using namespace hone;

namespace {

constexpr int kSymbols = 3, kDepth = 3;

/// A tensor of a program. Its dims are names of index values, or digits where they are constants.
struct Tensor {
  std::string name, element;
  SmallVector<std::string> dims;
  int root = -1;  ///< of a launch's result or that of branches: a number that views of it share
  int block = -1; ///< that it stands in
  bool isLaunch = false;
  bool isReshaped = false; ///< a view under other dims, some of them open
};

/// What launches and regions may use where they stand.
struct Scope {
  SmallVector<std::string> numbers, flags; ///< index values, none of them negative, and bools
  SmallVector<Tensor> tensors;
  std::set<int> given; ///< what this block hands on already
  int block = 0;
};

/// What branches shall give: `isPut` if the dims are told behind them only.
struct Wanted {
  std::string element;
  SmallVector<std::string> dims;
  bool isPut;
};

/// Writes a program. Follows what hone-plan-memory demands: what a block gives are results of launches or branches that
/// stand in it, each given once; what a loop carries with dims that change is a launch's, and those that stay are told
/// of what it begins with and of what it hands on.
class Generator {
public:
  explicit Generator(uint64_t seed) : random(seed) {}
  std::string make();

private:
  int64_t below(int64_t count) { return random() % count; }
  bool oneIn(int64_t count) { return below(count) == 0; }
  template <typename T> const T &pick(const SmallVector<T> &from) { return from[below(from.size())]; }
  std::string fresh(StringRef prefix) { return ("%" + prefix + Twine(counter++)).str(); }
  void line(const Twine &text) { body += text.str() + "\n"; }

  std::string constant(int64_t value);
  std::string materialize(const std::string &dim) { return isDigits(dim) ? constant(std::stoll(dim)) : dim; }
  static bool isDigits(const std::string &dim) { return dim[0] != '%'; }
  std::string typeText(const Tensor &tensor);
  SmallVector<std::string> loosened(ArrayRef<std::string> dims); // those that are no constants, as "?"
  std::string element(StringRef type);                           // a scalar of a tensor
  std::string number();
  std::string steps();
  std::string flag();
  SmallVector<std::string> someDims();

  const Tensor &someTensor();
  SmallVector<Tensor> launch(ArrayRef<Wanted> writes);
  Tensor flat(const Tensor &of);
  Tensor withDims(const Tensor &of, ArrayRef<std::string> dims, StringRef type);
  Tensor withOwnDims(const Tensor &of) { return withDims(of, of.dims, typeText(of)); }
  Tensor give(const std::string &element, ArrayRef<std::string> dims, bool isLaunch);
  void statement();
  void statements(int64_t count) {
    for (; count > 0; --count)
      statement();
  }
  Tensor branches(std::optional<Wanted> first);
  void loop();
  /// Writes what `build` does into a block of its own. Returns its text.
  std::string inBlock(llvm::function_ref<void()> build);

  std::mt19937_64 random;
  std::string body;
  Scope scope;
  std::set<std::array<size_t, 3>> kernels; // buffers, results, sizes
  int counter = 0, roots = 0, blocks = 0, launches = 0, depth = 0;
  bool mayLaunch = true; // conditions of loops may not
  int64_t left = 0;      // how many statements the program may still have
};

} // namespace

static std::string join(ArrayRef<std::string> parts) { return llvm::join(parts, ", "); }

std::string Generator::constant(int64_t value) {
  std::string name = fresh("c");
  line(name + " = arith.constant " + Twine(value) + " : index");
  return name;
}

SmallVector<std::string> Generator::loosened(ArrayRef<std::string> dims) {
  return llvm::map_to_vector(dims, [](const std::string &dim) { return isDigits(dim) ? dim : "?"; });
}

std::string Generator::typeText(const Tensor &tensor) {
  std::string text = "tensor<";
  for (const std::string &dim : loosened(tensor.dims))
    text += dim + "x";
  return text + tensor.element + ">";
}

/// An element of a scalar that is near, mostly of one that a launch has written.
std::string Generator::element(StringRef type) {
  if (mayLaunch && oneIn(4)) {
    SmallVector<std::string> none, ones{"1", "1"};
    Tensor written = launch({{type.str(), oneIn(2) ? none : ones, false}}).front();
    if (!written.dims.empty()) { // its only element
      Tensor view = written;
      view.name = fresh("v");
      view.dims.clear();
      line(view.name + " = hone.reshape " + written.name + " [] : " + typeText(written) + " -> " + typeText(view));
      scope.tensors.push_back(view);
    }
  }
  SmallVector<Tensor> candidates;
  for (const Tensor &tensor : scope.tensors)
    if (tensor.element == type && tensor.dims.empty())
      candidates.push_back(tensor);
  const Tensor &from = oneIn(2) ? candidates.back() : pick(candidates);
  std::string name = fresh("e");
  line(name + " = tensor.extract " + from.name + "[] : " + typeText(from));
  return name;
}

std::string Generator::steps() {
  if (oneIn(4))
    return constant(Machine::kSteps[below(std::size(Machine::kSteps))]);
  std::string read = element("i64"), name = fresh("n");
  line(name + " = arith.index_cast " + read + " : i64 to index");
  return name;
}

/// One that is there, or arithmetic; below 300, so that tensors stay small.
std::string Generator::number() {
  if (oneIn(6)) {
    scope.numbers.push_back(steps());
  } else if (oneIn(4)) {
    static const char *const kinds[] = {"addi", "minsi", "maxsi", "muli"};
    std::string sum = fresh("n"), least = fresh("n"), limit = constant(300);
    std::string a = pick(scope.numbers), b = oneIn(2) ? constant(1 + below(9)) : pick(scope.numbers);
    line(sum + " = arith." + kinds[below(std::size(kinds))] + " " + a + ", " + b + " : index");
    line(least + " = arith.minsi " + sum + ", " + limit + " : index");
    scope.numbers.push_back(least);
  }
  return oneIn(2) ? scope.numbers.back() : pick(scope.numbers);
}

std::string Generator::flag() {
  if (!scope.flags.empty() && oneIn(3))
    return pick(scope.flags);
  if (oneIn(4)) { // differs from step to step
    std::string name = fresh("f"), a = scope.numbers.back(), b = pick(scope.numbers);
    line(name + " = arith.cmpi slt, " + a + ", " + b + " : index");
    scope.flags.push_back(name);
  } else {
    scope.flags.push_back(element("i1"));
  }
  return scope.flags.back();
}

SmallVector<std::string> Generator::someDims() {
  if (oneIn(2))
    return someTensor().dims; // so that they may share memory
  SmallVector<std::string> dims;
  for (int64_t i = 0, rank = below(4); i < rank; ++i)
    dims.push_back(oneIn(2) ? std::to_string(oneIn(8) ? 0 : 1 + below(oneIn(3) ? 300 : 9)) : number());
  return dims;
}

/// Mostly one that is near, sometimes one of long ago.
const Tensor &Generator::someTensor() {
  size_t count = scope.tensors.size();
  return scope.tensors[oneIn(4) ? below(count) : count - 1 - below(std::min<size_t>(count, 4))];
}

SmallVector<Tensor> Generator::launch(ArrayRef<Wanted> writes) {
  SmallVector<std::string> buffers, types, sizes{constant(launches++)}, resultSizes, names, results;
  for (int64_t i = 0, reads = below(4); i < reads; ++i) {
    Tensor read = someTensor();
    if (oneIn(6))
      read = flat(read);
    buffers.push_back(read.name);
    types.push_back(typeText(read));
  }
  if (oneIn(2))
    sizes.push_back(oneIn(2) ? scope.numbers.back() : pick(scope.numbers));
  SmallVector<Tensor> written;
  for (const Wanted &wanted : writes) {
    written.push_back({fresh("r"), wanted.element, wanted.dims, roots++, scope.block, true});
    llvm::copy_if(wanted.dims, std::back_inserter(resultSizes), [](const std::string &dim) { return !isDigits(dim); });
    names.push_back(written.back().name);
    results.push_back(typeText(written.back()));
  }
  kernels.insert({buffers.size(), writes.size(), sizes.size()});
  std::string kernel = llvm::formatv("@k{0}_{1}_{2}", buffers.size(), writes.size(), sizes.size());
  line(join(names) + " = hone.launch " + kernel + "(" + join(buffers) + ") sizes(" + join(sizes) + ")" +
       (resultSizes.empty() ? "" : " to(" + join(resultSizes) + ")") + " : (" + join(types) + ") -> (" + join(results) +
       ")");
  llvm::append_range(scope.tensors, written);
  return written;
}

/// The same memory as one row.
Tensor Generator::flat(const Tensor &of) {
  if (of.dims.empty())
    return of;
  Tensor row = of;
  row.name = fresh("v");
  std::string count = materialize(of.dims.front());
  for (const std::string &dim : ArrayRef(of.dims).drop_front()) {
    std::string factor = materialize(dim), product = fresh("n");
    line(product + " = arith.muli " + count + ", " + factor + " : index");
    count = product;
  }
  row.dims = {count};
  row.isReshaped = true;
  line(row.name + " = hone.reshape " + of.name + " [" + count + "] : " + typeText(of) + " -> " + typeText(row));
  scope.tensors.push_back(row);
  return row;
}

/// `of` with dims that are told; `type` is the result's.
Tensor Generator::withDims(const Tensor &of, ArrayRef<std::string> dims, StringRef type) {
  Tensor told = of;
  told.name = fresh("w");
  SmallVector<std::string> sizes;
  for (const std::string &dim : dims)
    sizes.push_back(materialize(dim));
  line(told.name + " = hone.with_dims " + of.name + " [" + join(sizes) + "] : " + typeText(of) + " -> " + type);
  told.dims.assign(dims.begin(), dims.end());
  return told;
}

/// Something that this block may hand on: a result of a launch or of branches, and of nothing that is handed on yet.
Tensor Generator::give(const std::string &element, ArrayRef<std::string> dims, bool isLaunch) {
  for (const Tensor &tensor : llvm::reverse(scope.tensors))
    if (tensor.block == scope.block && tensor.root >= 0 && tensor.element == element && ArrayRef(tensor.dims) == dims &&
        (tensor.isLaunch || !isLaunch) && !tensor.isReshaped && oneIn(2) && scope.given.insert(tensor.root).second)
      return tensor;
  Tensor given;
  if (!isLaunch && depth < kDepth && left > 0 && oneIn(4)) {
    given = branches(Wanted{element, SmallVector<std::string>(dims), oneIn(2)});
  } else if (!dims.empty() && llvm::all_of(dims, isDigits) && oneIn(4)) { // a view of a launch
    Tensor wanted{"", element, SmallVector<std::string>(dims)};
    SmallVector<std::string> turned(llvm::reverse(dims));
    Tensor written = launch({{element, turned, false}}).front();
    given = written;
    given.name = fresh("v");
    given.dims = wanted.dims;
    SmallVector<std::string> sizes;
    for (const std::string &dim : dims)
      sizes.push_back(materialize(dim));
    line(given.name + " = hone.reshape " + written.name + " [" + join(sizes) + "] : " + typeText(written) + " -> " +
         typeText(given));
    scope.tensors.push_back(given);
  } else {
    given = launch({{element, SmallVector<std::string>(dims), false}}).front();
  }
  scope.given.insert(given.root);
  return given;
}

std::string Generator::inBlock(llvm::function_ref<void()> build) {
  Scope around = scope;
  std::string before = std::exchange(body, "");
  scope.block = ++blocks;
  scope.given.clear();
  ++depth;
  build();
  --depth;
  scope = around;
  return std::exchange(body, before);
}

/// Branches that give tensors, numbers and bools. Returns the first of the tensors, which is `first` if that is told.
Tensor Generator::branches(std::optional<Wanted> first) {
  struct Result {
    std::string element;
    SmallVector<std::string> dims[2]; // of each branch, as far as they are known before
    bool isPut, isWanted = false;
  };
  SmallVector<Result> tensors;
  if (first)
    tensors.push_back({first->element, {first->dims, first->dims}, first->isPut, true});
  for (int64_t i = 0, count = below(3); i < count; ++i) {
    const Tensor like = someTensor();
    SmallVector<std::string> dims = someDims();
    tensors.push_back({like.element, {dims, dims}, oneIn(3)});
    for (std::string &dim : tensors.back().dims[1])
      if (oneIn(4))
        dim = oneIn(2) ? std::to_string(1 + below(9)) : number();
  }
  int64_t numbers = below(2), flags = below(2);
  std::string condition = flag();

  // Names of index values that tell the dims of what the branches put, one list for each branch.
  SmallVector<std::string> types, yielded[2], told[2], text;
  auto isOpen = [](const Result &result, size_t i) {
    return result.dims[0][i] != result.dims[1][i] || !isDigits(result.dims[0][i]);
  };
  auto typeOf = [&](const Result &result) {
    Tensor like{"", result.element, result.dims[0]};
    for (size_t i = 0; i < like.dims.size(); ++i)
      if (isOpen(result, i))
        like.dims[i] = "%";
    return typeText(like);
  };
  for (int branch = 0; branch < 2; ++branch)
    text.push_back(inBlock([&] {
      statements(below(3));
      SmallVector<std::string> dimsGiven;
      for (const Result &result : tensors) {
        SmallVector<std::string> dims(result.dims[branch]);
        for (size_t i = 0; result.isPut && i < dims.size(); ++i) {
          if (!isOpen(result, i))
            continue;
          if (result.isWanted) { // the same number, but nobody can know
            std::string zero = constant(0), read = steps(), least = fresh("n"), sum = fresh("n");
            line(least + " = arith.minsi " + read + ", " + zero + " : index");
            line(sum + " = arith.addi " + dims[i] + ", " + least + " : index");
            dims[i] = sum;
          } else {
            dims[i] = materialize(number());
            dimsGiven.push_back(dims[i]);
          }
        }
        Tensor given = give(result.element, dims, false);
        statements(oneIn(3));
        if (typeText(given) != typeOf(result))
          given = withDims(given, dims, typeOf(result));
        yielded[branch].push_back(given.name);
      }
      llvm::append_range(yielded[branch], dimsGiven);
      for (int64_t i = 0; i < numbers; ++i)
        yielded[branch].push_back(number());
      for (int64_t i = 0; i < flags; ++i)
        yielded[branch].push_back(flag());
    }));
  size_t count = yielded[0].size();
  for (const Result &result : tensors)
    types.push_back(typeOf(result));
  while (types.size() < count - flags)
    types.push_back("index");
  while (types.size() < count)
    types.push_back("i1");

  std::string name = fresh("b");
  std::string yields[2];
  for (int branch = 0; branch < 2; ++branch)
    yields[branch] = count ? "scf.yield " + join(yielded[branch]) + " : " + join(types) + "\n" : "";
  line((count ? name + ":" + Twine(count) + " = " : Twine()).str() + "scf.if " + condition +
       (count ? " -> (" + join(types) + ")" : "") + " {\n" + text[0] + yields[0] + "} else {\n" + text[1] + yields[1] +
       "}");
  auto result = [&](size_t i) { return name + "#" + std::to_string(i); };
  SmallVector<Tensor> results;
  size_t next = tensors.size(); // of the index values that tell dims
  for (auto [i, each] : llvm::enumerate(tensors)) {
    Tensor tensor{result(i), each.element, each.dims[0], roots++, scope.block, false};
    SmallVector<std::string> known(each.dims[0]);
    for (size_t d = 0; d < known.size(); ++d) {
      if (!isOpen(each, d))
        continue;
      tensor.dims[d] = "%";
      if (each.isPut && !each.isWanted) {
        known[d] = result(next++);
      } else if (each.dims[0][d] != each.dims[1][d]) {
        std::string a = materialize(each.dims[0][d]), b = materialize(each.dims[1][d]);
        known[d] = fresh("n");
        line(known[d] + " = arith.select " + condition + ", " + a + ", " + b + " : index");
      }
    }
    if (each.isPut && each.dims[0].size())
      tensor = withDims(tensor, known, typeText(tensor));
    tensor.dims = known;
    results.push_back(tensor);
  }
  for (; next < count - flags; ++next)
    scope.numbers.push_back(result(next));
  for (; next < count; ++next)
    scope.flags.push_back(result(next));
  llvm::append_range(scope.tensors, results);
  return results.empty() ? Tensor() : results.front();
}

void Generator::loop() {
  struct Carried {
    Tensor tensor; // with the name of the first value; no element for a number
    std::string type;
    int64_t dimFrom = -1; // the number of the carried value that tells the first dim, if that changes
    std::string yielded = "";
  };
  SmallVector<Carried> carried;
  bool isConditional = oneIn(3);
  std::string counterInit = constant(0), limit = steps(), captured = flag();
  auto carryNumber = [&](const std::string &init) {
    carried.push_back({Tensor{init, "", {}}, "index"});
    return carried.size() - 1;
  };
  if (isConditional)
    carryNumber(counterInit);
  for (int64_t i = 0, count = below(2); i < count; ++i)
    carryNumber(number());
  for (int64_t i = 0, count = below(4); i < count; ++i) {
    Tensor init;
    if (oneIn(2)) {
      std::string like = someTensor().element;
      init = launch({{like, someDims(), false}}).front(); // nobody else's, maybe
    } else {
      init = someTensor();
    }
    int64_t dimFrom = -1;
    if (!init.dims.empty() && oneIn(3)) {
      std::string first = materialize(init.dims.front());
      SmallVector<std::string> dims(init.dims);
      dims.front() = first;
      Tensor loose = init;
      loose.dims = dims;
      if (isDigits(init.dims.front()))
        init = withDims(init, dims, typeText(loose));
      dimFrom = carryNumber(first);
    } else if (!llvm::all_of(init.dims, isDigits)) {
      init = withOwnDims(init);
    }
    carried.push_back({init, typeText(init), dimFrom});
  }
  if (isConditional && oneIn(2)) { // whether to go on, as a tensor
    Tensor goesOn = launch({{"i1", {}, false}}).front();
    carried.push_back({goesOn, typeText(goesOn)});
  }

  // A condition may hand on what is carried in another order, or not at all.
  SmallVector<size_t> order(carried.size());
  std::iota(order.begin(), order.end(), 0);
  if (isConditional && oneIn(4)) {
    std::shuffle(order.begin(), order.end(), random);
    if (oneIn(2))
      llvm::erase_if(order, [&](size_t i) { return i > 0 && oneIn(3); });
    for (size_t i : SmallVector<size_t>(order)) // dims go with their tensors
      if (carried[i].dimFrom >= 0 && !llvm::is_contained(order, size_t(carried[i].dimFrom)))
        llvm::erase(order, i);
  }

  // What is carried as seen by those who get it under these names, by its number.
  auto bind = [&](ArrayRef<std::string> names) {
    for (auto [i, each] : llvm::enumerate(carried)) {
      if (names[i].empty())
        continue;
      if (each.tensor.element.empty()) {
        scope.numbers.push_back(names[i]);
        continue;
      }
      Tensor tensor{names[i], each.tensor.element, each.tensor.dims};
      if (each.dimFrom >= 0) {
        SmallVector<std::string> dims(tensor.dims);
        dims.front() = names[each.dimFrom];
        tensor = withDims(tensor, dims, each.type);
      }
      scope.tensors.push_back(tensor);
    }
  };
  SmallVector<std::string> types, handedOn, handedTypes;
  std::string name = fresh("l"), step = fresh("i"), firsts, before;
  SmallVector<std::string> inBefore, inBody(carried.size()), results(carried.size());
  for (const Carried &each : carried) {
    types.push_back(each.type);
    inBefore.push_back(fresh("p"));
  }
  for (auto [i, from] : llvm::enumerate(order)) {
    inBody[from] = fresh("a");
    results[from] = name + "#" + std::to_string(i);
    handedOn.push_back(inBefore[from]);
    handedTypes.push_back(types[from]);
  }
  if (isConditional)
    before = inBlock([&] {
      mayLaunch = false;
      std::string holds = fresh("f");
      line(holds + " = arith.cmpi slt, " + inBefore[0] + ", " + limit + " : index");
      for (auto [i, each] : llvm::enumerate(carried))
        if (each.type == "tensor<i1>" || oneIn(12)) {
          std::string goesOn = captured, both = fresh("f");
          if (each.type == "tensor<i1>")
            line((goesOn = fresh("e")) + " = tensor.extract " + inBefore[i] + "[] : tensor<i1>");
          line(both + " = arith.andi " + holds + ", " + goesOn + " : i1");
          holds = both;
        } else if (each.type == "tensor<i64>" || oneIn(12)) {
          (void)steps(); // reads what lies around the loop
        }
      mayLaunch = true;
      line("scf.condition(" + holds + ")" + (order.empty() ? "" : " " + join(handedOn) + " : " + join(handedTypes)));
    });
  std::string text = inBlock([&] {
    bind(inBody);
    if (!isConditional)
      scope.numbers.push_back(step);
    statements(1 + below(3));
    for (auto [i, each] : llvm::enumerate(carried)) {
      bool isCounter = isConditional && i == 0;
      if (isCounter && inBody[0].empty()) { // somebody has to count
        each.yielded = limit;
      } else if (isCounter) {
        std::string one = constant(1);
        each.yielded = fresh("n");
        line(each.yielded + " = arith.addi " + inBody[0] + ", " + one + " : index");
      } else if (each.tensor.element.empty()) {
        each.yielded = number();
      } else {
        SmallVector<std::string> dims(each.tensor.dims);
        if (each.dimFrom >= 0)
          dims.front() = carried[each.dimFrom].yielded;
        Tensor given = give(each.tensor.element, dims, each.dimFrom >= 0);
        if (each.dimFrom < 0 && !llvm::all_of(dims, isDigits))
          given = withOwnDims(given);
        each.yielded = given.name;
      }
      statements(oneIn(4));
    }
    SmallVector<std::string> yielded = llvm::map_to_vector(carried, [](const Carried &each) { return each.yielded; });
    if (!carried.empty())
      line("scf.yield " + join(yielded) + " : " + join(types));
    else if (isConditional)
      line("scf.yield");
  });

  for (auto [i, each] : llvm::enumerate(carried)) {
    std::string argument = isConditional ? inBefore[i] : inBody[i];
    firsts += (firsts.empty() ? "" : ", ") + argument + " = " + each.tensor.name;
  }
  std::string lower = constant(below(2)), stride = constant(1 + oneIn(4));
  std::string head = order.empty() ? "" : name + ":" + std::to_string(order.size()) + " = ";
  if (isConditional) {
    std::string arguments;
    for (size_t i : order)
      arguments += (arguments.empty() ? "" : ", ") + inBody[i] + ": " + types[i];
    line(head + "scf.while (" + firsts + ") : (" + join(types) + ") -> (" + join(handedTypes) + ") {\n" + before +
         "} do {\n^bb0" + (order.empty() ? "" : "(" + arguments + ")") + ":\n" + text + "}");
  } else {
    line(head + "scf.for " + step + " = " + lower + " to " + limit + " step " + stride +
         (carried.empty() ? "" : " iter_args(" + firsts + ") -> (" + join(types) + ")") + " {\n" + text + "}");
  }
  bind(results);
}

void Generator::statement() {
  if (left-- <= 0)
    return;
  int64_t which = below(10);
  if (depth < kDepth && which < 2)
    return void(branches(std::nullopt));
  if (depth < kDepth && which < 4)
    return loop();
  static const char *const elements[] = {"f32", "f64", "i1", "i16", "ui8", "i64"};
  SmallVector<Wanted> writes;
  for (int64_t i = oneIn(5) ? 2 : 1; i > 0; --i) {
    SmallVector<std::string> none;
    bool isScalar = oneIn(5);
    writes.push_back({isScalar ? (oneIn(2) ? "i1" : "i64") : elements[below(std::size(elements))],
                      isScalar ? none : someDims(), false});
  }
  launch(writes);
}

std::string Generator::make() {
  std::string weights, head, signature;
  SmallVector<std::string> symbols;
  for (int i = 0; i < kSymbols; ++i) {
    std::string index = constant(i);
    symbols.push_back("%d" + std::to_string(i));
    line(symbols.back() + " = tensor.dim %x0, " + index + " : tensor<?x?x?xf32>");
  }
  scope.numbers = symbols;
  scope.tensors = {
      {"%x0", "f32", symbols}, {"%x1", "f64", {symbols[below(kSymbols)], "7"}}, {"%x2", "i1", {}}, {"%x3", "i64", {}}};
  for (const Tensor &input : scope.tensors) {
    std::string names;
    for (const std::string &dim : input.dims)
      names += (names.empty() ? "\"" : ", \"") + (isDigits(dim) ? "" : "s" + dim.substr(2)) + "\"";
    signature +=
        (signature.empty() ? "" : ", ") + input.name + ": " + typeText(input) + " {hone.dims = [" + names + "]}";
  }
  for (int64_t i = 0, count = below(3); i < count; ++i) {
    Tensor weight{"%w" + std::to_string(i) + "_", "i16", {std::to_string(1 + below(40))}};
    std::string symbol = "@w" + std::to_string(i), type = typeText(weight);
    weights += "hone.weight " + symbol + " : " + type +
               " = #hone.file<\"m.bin\", offset = 0, length = " + std::to_string(2 * std::stoll(weight.dims[0])) +
               ">\n";
    line(weight.name + " = hone.use_weight " + symbol + " : " + type);
    scope.tensors.push_back(weight);
  }
  left = 2 + below(24);
  statements(2 + below(7));
  SmallVector<std::string> names, types;
  auto giveBack = [&](const Tensor &result) {
    names.push_back(result.name);
    types.push_back(typeText(result));
  };
  for (const Tensor &tensor : scope.tensors)
    if (tensor.root >= 0 && !tensor.isReshaped && oneIn(3) && scope.given.insert(tensor.root).second)
      giveBack(tensor);
  giveBack(give("f32", someDims(), false));

  for (auto [reads, writes, sizes] : kernels) {
    SmallVector<std::string> arguments;
    for (size_t i = 0; i < reads; ++i)
      arguments.push_back("%a" + std::to_string(i) + ": tensor<f32>");
    for (size_t i = 0; i < sizes; ++i)
      arguments.push_back("%n" + std::to_string(i) + ": index");
    SmallVector<std::string> kinds(writes, "tensor<f32>"), operands(writes, "%c");
    head += llvm::formatv("hone.kernel @k{0}_{1}_{2}(", reads, writes, sizes).str() + join(arguments) + ") -> (" +
            join(kinds) + ") {\n%c = hone.constant dense<0.0> : tensor<f32>\nhone.return " + join(operands) + " : " +
            join(kinds) + "\n}\n";
  }
  return "module attributes {hone.target = #hone.target<triple = \"\", level = \"\", features = \"\">} {\n" + weights +
         head + "func.func @main(" + signature + ") -> (" + join(types) + ") {\n" + body + "return " + join(names) +
         " : " + join(types) + "\n}\n}\n";
}

namespace {

class PlanRegionsTest : public PlanFixture {
protected:
  /// What is wrong with a planned program in one run; nothing if it does what the one on tensors does.
  std::string compare(ModuleOp program, ModuleOp planned, ArrayRef<int64_t> dims, uint64_t data);
};

} // namespace

std::string PlanRegionsTest::compare(ModuleOp program, ModuleOp planned, ArrayRef<int64_t> dims, uint64_t data) {
  Machine onTensors(program.lookupSymbol<func::FuncOp>("main"), dims, data);
  onTensors.run();
  if (!onTensors.problem.empty())
    return "before it is planned: " + onTensors.problem;
  Machine onMemory(planned.lookupSymbol<func::FuncOp>("main"), dims, data, &onTensors.story);
  onMemory.run();
  if (onMemory.problem.empty() && onMemory.results != onTensors.results) {
    std::string text = "expected other results";
    for (auto [expected, found] : llvm::zip(onTensors.results, onMemory.results)) {
      text += llvm::formatv("\n[{0:$[, ]}] of {1}, ", llvm::make_range(expected.dims.begin(), expected.dims.end()),
                            expected.content);
      text += llvm::formatv("found [{0:$[, ]}] of {1}", llvm::make_range(found.dims.begin(), found.dims.end()),
                            found.content);
    }
    return text;
  }
  return onMemory.problem;
}

/// Adds what there is in a program of all that a plan can make of regions.
static void count(ModuleOp program, ModuleOp planned, std::map<std::string, int> &seen) {
  auto addCarried = [&](Operation *op) {
    bool isLoop = isa<scf::ForOp, scf::WhileOp>(op);
    for (size_t i = 0; isLoop && i < op->getNumResults(); ++i) {
      Type type = op->getResult(i).getType();
      if (isa<RankedTensorType>(type)) {
        ++seen["carried in place"]; // until it is found among the others
      } else if (isa<MemRefType>(type)) {
        bool isFixed = isa<MemRefType>(op->getResult(i + 1).getType());
        bool isTwice = op->getOperand(op->getNumOperands() - op->getNumResults() + i + 1) !=
                       op->getOperand(op->getNumOperands() - op->getNumResults() + i + 2);
        --seen["carried in place"];
        ++seen[isFixed ? "carried between places" : "carried between slots"];
        ++seen[isTwice ? "written to one place and another" : "written to one place"];
        i += 2;
      }
    }
  };
  program->walk(addCarried);
  planned->walk([&](Operation *op) {
    addCarried(op);
    seen["grown"] += isa<GrowOp>(op);
    seen["sized output"] += isa<SizeOutputOp>(op);
    seen["put by branches"] += isa<scf::IfOp>(op) && llvm::any_of(op->getResultTypes(), llvm::IsaPred<MemRefType>);
    seen["element of memory"] += isa<memref::LoadOp>(op);
  });
}

TEST_F(PlanRegionsTest, RandomProgramsReadWhatWasWritten) {
  std::map<std::string, int> seen;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    std::string text = Generator(seed).make();
    OwningOpRef<ModuleOp> program = parse(text), planned = plan(text);
    ASSERT_TRUE(program && planned) << "seed " << seed << "\n" << text;
    count(*program, *planned, seen);
    std::mt19937_64 random(seed);
    for (uint64_t data = 0; data < std::size(Machine::kSteps) + 3; ++data) {
      int64_t dims[kSymbols];
      for (int64_t &dim : dims)
        dim = random() % 13;
      std::string problem = compare(*program, *planned, dims, data);
      ASSERT_EQ(problem, "") << "seed " << seed << ", data " << data << ", dims " << dims[0] << ", " << dims[1] << ", "
                             << dims[2] << "\n"
                             << text;
    }
  }
  for (const auto &[kind, times] : seen)
    EXPECT_GE(times, 50) << kind;
}
