// Random programs of launches, planned and then walked through with dims filled in: what each launch reads must be what
// was written there last. Lifetimes, sizes and overlaps are computed here, from the program before it was planned.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/unit/plan/PlanFixture.h"
#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <set>

using namespace mlir;
using namespace hone;

namespace {

/// A number of a program: a constant, a dim of an argument, or arithmetic.
struct Number {
  std::string text; // SSA name, or digits where it is a constant
  std::function<long double(ArrayRef<int64_t>)> value;
  bool isConstant = false;
};

struct Tensor {
  std::string name, type;
  SmallVector<Number> dims;
  int64_t elementBytes;
  int id; // whose memory it shows: views have the id of what they view
};

struct Launch {
  SmallVector<int> reads, writes; // ids
};

/// A program as text, and what is true of it.
struct Program {
  std::string text;
  SmallVector<Launch> launches;
  SmallVector<Tensor> values; // by id
  SmallVector<int> returned;
  int arguments = 0, weights = 0; // the first ids
};

/// The dims of arguments, one for each of these symbols.
constexpr int kSymbols = 3;

/// What sizes of results are: all known; multiples of one product of symbols, or nearly; or anything.
enum class Sizes { Static, Proportional, Any };

class Generator {
public:
  Generator(uint64_t seed, Sizes sizes) : random(seed), sizes(sizes) {}
  Program make();

private:
  int64_t below(int64_t count) { return random() % count; }
  bool oneIn(int64_t count) { return below(count) == 0; }
  template <typename T> const T &pick(const SmallVector<T> &from) { return from[below(from.size())]; }
  Number constant(int64_t value) {
    return {std::to_string(value), [=](ArrayRef<int64_t>) -> long double { return value; }, true};
  }
  Number number();
  Number combine(const Number &a, const Number &b, bool multiply);
  std::string ssa(const Number &number);
  std::string typeText(const Tensor &tensor);
  Tensor tensor(ArrayRef<Number> dims);
  Tensor view(const Tensor &of);

  SmallVector<Number> resultDims();

  std::mt19937_64 random;
  Sizes sizes;
  std::string body;
  SmallVector<Number> numbers;
  SmallVector<Tensor> visible;
  int counter = 0;
};

} // namespace

std::string Generator::ssa(const Number &number) {
  if (!number.isConstant)
    return number.text;
  std::string name = "%c" + std::to_string(counter++);
  body += name + " = arith.constant " + number.text + " : index\n";
  return name;
}

Number Generator::combine(const Number &a, const Number &b, bool multiply) {
  std::string left = ssa(a), right = ssa(b), name = "%n" + std::to_string(counter++);
  body += name + (multiply ? " = arith.muli " : " = arith.addi ") + left + ", " + right + " : index\n";
  auto x = a.value, y = b.value;
  return {name, [=](ArrayRef<int64_t> dims) { return multiply ? x(dims) * y(dims) : x(dims) + y(dims); }};
}

Number Generator::number() {
  if (oneIn(2))
    return constant(oneIn(8) ? 0 : 1 + below(oneIn(3) ? 300 : 9));
  if (oneIn(4))
    numbers.push_back(combine(pick(numbers), oneIn(2) ? constant(1 + below(3)) : numbers[below(kSymbols)], oneIn(2)));
  return pick(numbers);
}

SmallVector<Number> Generator::resultDims() {
  SmallVector<Number> dims;
  if (sizes == Sizes::Proportional && !oneIn(8))
    return {numbers[0], constant(1 + below(oneIn(3) ? 300 : 9)), numbers[1]};
  for (int64_t d = 0, rank = below(4); d < rank; ++d)
    dims.push_back(sizes == Sizes::Static ? constant(oneIn(8) ? 0 : 1 + below(oneIn(3) ? 300 : 9)) : number());
  return dims;
}

std::string Generator::typeText(const Tensor &tensor) {
  std::string text = "tensor<";
  for (const Number &dim : tensor.dims)
    text += (dim.isConstant ? dim.text : "?") + "x";
  return text + tensor.type + ">";
}

Tensor Generator::tensor(ArrayRef<Number> dims) {
  static const std::pair<const char *, int64_t> types[] = {{"f32", 4}, {"f64", 8}, {"i1", 1}, {"i16", 2}, {"ui8", 1}};
  auto [type, bytes] = types[below(std::size(types))];
  return {"", type, SmallVector<Number>(dims), bytes, -1};
}

/// The same memory as one row.
Tensor Generator::view(const Tensor &of) {
  Number count = constant(1);
  for (const Number &dim : of.dims)
    count = combine(count, dim, /*multiply=*/true);
  std::string size = ssa(count);
  Tensor result{"%v" + std::to_string(counter++), of.type, {count}, of.elementBytes, of.id};
  body += result.name + " = hone.reshape " + of.name + " [" + size + "] : " + typeText(of) + " -> " + typeText(result) +
          "\n";
  return result;
}

Program Generator::make() {
  Program program;
  std::string head, weights, signature;
  auto declare = [&](Tensor tensor, const std::string &name) {
    tensor.name = name;
    tensor.id = program.values.size();
    program.values.push_back(tensor);
    visible.push_back(tensor);
  };
  // One argument that has every symbol, maybe others.
  SmallVector<Number> symbols;
  for (int i = 0; i < kSymbols; ++i) {
    symbols.push_back({"%d" + std::to_string(i), [=](ArrayRef<int64_t> dims) -> long double { return dims[i]; }});
    body += "%i" + std::to_string(i) + " = arith.constant " + std::to_string(i) + " : index\n%d" + std::to_string(i) +
            " = tensor.dim %x0, %i" + std::to_string(i) + " : tensor<?x?x?xf32>\n";
  }
  numbers = symbols;
  Tensor first{"", "f32", symbols, 4, -1};
  declare(first, "%x0");
  signature = "%x0: tensor<?x?x?xf32> {hone.dims = [\"s0\", \"s1\", \"s2\"]}";
  for (int64_t i = 1, count = 1 + below(3); i < count; ++i) {
    int64_t which = below(kSymbols);
    declare(tensor({symbols[which], constant(7)}), "%x" + std::to_string(i));
    signature += ", " + visible.back().name + ": " + typeText(visible.back()) + " {hone.dims = [\"s" +
                 std::to_string(which) + "\", \"\"]}";
  }
  program.arguments = visible.size();
  for (int64_t i = 0, count = below(3); i < count; ++i) {
    std::string symbol = "@w" + std::to_string(i);
    declare(tensor({constant(1 + below(40))}), "%w" + std::to_string(i));
    std::string type = typeText(visible.back());
    weights += "hone.weight " + symbol + " : " + type + " = #hone.file<\"m.bin\", offset = 0, length = " +
               std::to_string(int64_t(visible.back().dims[0].value({})) * visible.back().elementBytes) + ">\n";
    body += visible.back().name + " = hone.use_weight " + symbol + " : " + type + "\n";
  }
  program.weights = visible.size() - program.arguments;

  std::set<std::pair<size_t, size_t>> kernels;
  for (int64_t i = 0, count = 1 + below(24); i < count; ++i) {
    Launch launch;
    std::string buffers, sizes, types, names, results;
    size_t reads = below(4), writes = oneIn(5) ? 2 : 1;
    for (size_t r = 0; r < reads; ++r) {
      // Mostly what is near, sometimes what is long ago.
      size_t from = oneIn(4) ? below(visible.size()) : visible.size() - 1 - below(std::min<size_t>(visible.size(), 4));
      Tensor read = visible[from];
      if (oneIn(5))
        visible.push_back(read = view(read));
      launch.reads.push_back(read.id);
      buffers += (r ? ", " : "") + read.name;
      types += (r ? ", " : "") + typeText(read);
    }
    SmallVector<Tensor> written;
    for (size_t w = 0; w < writes; ++w) {
      written.push_back(tensor(resultDims()));
      for (const Number &dim : written.back().dims)
        if (!dim.isConstant)
          sizes += (sizes.empty() ? "" : ", ") + dim.text;
      names += (w ? ", " : "") + ("%r" + std::to_string(program.values.size() + w));
      results += (w ? ", " : "") + typeText(written.back());
    }
    kernels.insert({reads, writes});
    body += names + " = hone.launch @k" + std::to_string(reads) + "_" + std::to_string(writes) + "(" + buffers +
            ") sizes()" + (sizes.empty() ? "" : " to(" + sizes + ")") + " : (" + types + ") -> (" + results + ")\n";
    for (const Tensor &tensor : written) {
      launch.writes.push_back(program.values.size());
      declare(tensor, "%r" + std::to_string(program.values.size()));
    }
    program.launches.push_back(launch);
  }

  std::string returnedNames, returnedTypes;
  for (size_t id = program.arguments + program.weights; id < program.values.size(); ++id) {
    if (id + 1 < program.values.size() && !oneIn(6))
      continue;
    Tensor result = program.values[id];
    if (oneIn(4))
      result = view(result);
    returnedNames += (program.returned.empty() ? "" : ", ") + result.name;
    returnedTypes += (program.returned.empty() ? "" : ", ") + typeText(result);
    program.returned.push_back(id);
  }
  for (auto [reads, writes] : kernels) {
    std::string arguments, types, operands;
    for (size_t r = 0; r < reads; ++r)
      arguments += (r ? ", " : "") + ("%a" + std::to_string(r)) + ": tensor<f32>";
    for (size_t w = 0; w < writes; ++w) {
      types += w ? ", tensor<f32>" : "tensor<f32>";
      operands += w ? ", %c" : "%c";
    }
    head += "hone.kernel @k" + std::to_string(reads) + "_" + std::to_string(writes) + "(" + arguments + ") -> (" +
            types + ") {\n%c = hone.constant dense<0.0> : tensor<f32>\nhone.return " + operands + " : " + types +
            "\n}\n";
  }
  program.text = "module attributes {hone.target = #hone.target<triple = \"\", level = \"\", features = \"\">} {\n" +
                 weights + head + "func.func @main(" + signature + ") -> (" + returnedTypes + ") {\n" + body +
                 "return " + returnedNames + " : " + returnedTypes + "\n}\n}\n";
  return program;
}

namespace {

/// Where a launch's buffer lies: in the arena, or a whole memory of its own (an argument, a weight).
struct Place {
  Value whole;
  int64_t offset = 0, bytes = 0;
};

/// Walks through a planned program with known dims.
class Walk {
public:
  Walk(func::FuncOp main, ArrayRef<int64_t> dims) : main(main), dims(dims) {}

  /// Calls `launch` for each launch, in order. False if a check does not hold; `arenaBytes` is known then, too.
  bool run(llvm::function_ref<void(LaunchOp, ArrayRef<Place>)> launch);
  int64_t arenaBytes = -1, scratchBytes = -1;

private:
  int64_t number(Value value) { return cast<IntegerAttr>(known.at(value)).getValue().getSExtValue(); }
  void evaluate(Operation &op);

  func::FuncOp main;
  ArrayRef<int64_t> dims;
  llvm::DenseMap<Value, Attribute> known;
  llvm::DenseMap<Value, Place> places;
};

} // namespace

/// Arithmetic evaluates itself by folding.
void Walk::evaluate(Operation &op) {
  SmallVector<Attribute> operands;
  for (Value operand : op.getOperands())
    operands.push_back(known.lookup(operand));
  SmallVector<OpFoldResult> results;
  ASSERT_TRUE(succeeded(op.fold(operands, results)) && results.size() == 1) << "cannot evaluate an operation";
  auto attribute = dyn_cast<Attribute>(results[0]);
  known[op.getResult(0)] = attribute ? attribute : known.lookup(cast<Value>(results[0]));
  ASSERT_TRUE(known[op.getResult(0)]);
}

bool Walk::run(llvm::function_ref<void(LaunchOp, ArrayRef<Place>)> launched) {
  Block &block = main.getBody().front();
  Value arena = block.getArguments().back();
  auto terminator = cast<func::ReturnOp>(block.getTerminator());
  bool holds = true;
  for (Operation &op : block.without_terminator()) {
    if (testing::Test::HasFatalFailure())
      return false;
    if (auto dim = dyn_cast<memref::DimOp>(op)) {
      EXPECT_EQ(dim.getSource(), block.getArgument(0)); // the one that has all symbols
      known[dim.getResult()] = IntegerAttr::get(dim.getType(), dims[*dim.getConstantIndex()]);
    } else if (auto view = dyn_cast<memref::ViewOp>(op)) {
      EXPECT_EQ(view.getSource(), arena);
      Place place{arena, number(view.getByteShift()), int64_t(view.getType().getElementTypeBitWidth() + 7) / 8};
      ValueRange sizes = view.getSizes();
      for (int64_t size : view.getType().getShape()) {
        place.bytes *= ShapedType::isDynamic(size) ? number(sizes.front()) : size;
        sizes = sizes.drop_front(ShapedType::isDynamic(size));
      }
      places[view.getResult()] = place;
    } else if (auto check = dyn_cast<CheckOp>(op)) {
      holds &= number(check.getCondition()) != 0;
    } else if (auto launch = dyn_cast<LaunchOp>(op)) {
      SmallVector<Place> buffers;
      for (Value buffer : launch.getBuffers())
        buffers.push_back(places.count(buffer) ? places[buffer] : Place{buffer});
      if (holds)
        launched(launch, buffers);
    } else if (!isa<UseWeightOp>(op)) {
      evaluate(op);
    }
  }
  arenaBytes = number(terminator.getOperand(0));
  scratchBytes = number(terminator.getOperand(1));
  return holds;
}

namespace {

class PlanMemoryTest : public PlanFixture {
protected:
  /// What is wrong with a planned program when its symbols are `dims`. Adds its arena, and the least that it needs.
  void walk(const Program &program, ModuleOp planned, ArrayRef<int64_t> dims);

  long double arenas = 0, least = 0;
};

} // namespace

/// The most bytes, in whole lines, of values in the arena that a launch writes or that are read later.
static long double leastBytes(const Program &program, llvm::function_ref<long double(int)> bytesOf) {
  std::map<int, int64_t> lastRead;
  for (auto [i, launch] : llvm::enumerate(program.launches))
    for (int id : launch.reads)
      lastRead[id] = i;
  std::set<int> alive;
  long double least = 0;
  for (auto [i, launch] : llvm::enumerate(program.launches)) {
    for (int id : launch.writes)
      if (!llvm::is_contained(program.returned, id))
        alive.insert(id);
    long double bytes = 0;
    for (int id : alive)
      bytes += std::ceil(bytesOf(id) / 64) * 64;
    least = std::max(least, bytes);
    for (auto it = alive.begin(); it != alive.end();)
      it = lastRead.count(*it) && lastRead[*it] > int64_t(i) ? std::next(it) : alive.erase(it);
  }
  return least;
}

void PlanMemoryTest::walk(const Program &program, ModuleOp planned, ArrayRef<int64_t> dims) {
  auto main = planned.lookupSymbol<func::FuncOp>("main");
  Block &block = main.getBody().front();
  for (const Tensor &value : program.values)
    for (const Number &dim : value.dims)
      if (dim.value(dims) > 9e18L)
        return; // the program's own arithmetic wraps
  auto bytesOf = [&](int id) -> long double {
    long double bytes = program.values[id].elementBytes;
    for (const Number &dim : program.values[id].dims)
      bytes *= dim.value(dims);
    return bytes;
  };
  // The places of values whose content is still what was written, by id.
  std::map<int, Place> alive;
  size_t number = 0;
  long double end = 0, sum = 0, total = 0;
  Walk walk(main, dims);
  bool holds = walk.run([&](LaunchOp, ArrayRef<Place> buffers) {
    ASSERT_LT(number, program.launches.size());
    const Launch &launch = program.launches[number++];
    ASSERT_EQ(buffers.size(), launch.reads.size() + launch.writes.size());
    auto overlap = [](const Place &a, const Place &b) {
      return a.whole == b.whole && a.bytes && b.bytes && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
    };
    for (auto [i, id] : llvm::enumerate(launch.reads)) {
      const Place &place = buffers[i];
      if (id < program.arguments) {
        EXPECT_EQ(place.whole, block.getArgument(id));
      } else if (id < program.arguments + program.weights) {
        EXPECT_TRUE(place.whole.getDefiningOp<UseWeightOp>());
      } else {
        ASSERT_TRUE(alive.count(id)) << "launch " << number - 1 << " reads value " << id << ", which was overwritten";
        EXPECT_EQ(place.whole, alive[id].whole);
        EXPECT_EQ(place.offset, alive[id].offset);
      }
    }
    for (auto [i, id] : llvm::enumerate(launch.writes)) {
      const Place &place = buffers[launch.reads.size() + i];
      for (size_t other = 0; other < buffers.size(); ++other) // nothing is computed in place
        EXPECT_FALSE(other != launch.reads.size() + i && overlap(place, buffers[other])) << "launch " << number - 1;
      for (auto it = alive.begin(); it != alive.end();)
        it = overlap(it->second, place) ? alive.erase(it) : std::next(it);
      alive[id] = place;
      auto *output = llvm::find(program.returned, id);
      if (output != program.returned.end()) {
        EXPECT_EQ(place.whole, block.getArgument(program.arguments + (output - program.returned.begin())));
        continue;
      }
      EXPECT_EQ(place.whole, block.getArguments().back());
      EXPECT_EQ(place.offset % 64, 0);
      EXPECT_GE(place.offset, 0);
      EXPECT_EQ((long double)place.bytes, bytesOf(id));
      end = std::max(end, (long double)place.offset + place.bytes);
      sum += place.bytes + 63;
    }
  });
  for (int id = program.arguments + program.weights, count = program.values.size(); id < count; ++id)
    total += bytesOf(id);
  // Values that no memory holds are refused; all others are not.
  EXPECT_EQ(holds, total < 70368744177664.0L) << "bytes: " << double(total);
  if (!holds)
    return;
  EXPECT_EQ(number, program.launches.size());
  EXPECT_GE((long double)walk.arenaBytes, end);
  EXPECT_LE((long double)walk.arenaBytes, sum);
  EXPECT_EQ(walk.scratchBytes, 128);
  arenas += walk.arenaBytes;
  least += leastBytes(program, bytesOf);
  for (int id : program.returned)
    EXPECT_TRUE(alive.count(id)) << "result " << id << " was overwritten";
}

TEST_F(PlanMemoryTest, RandomProgramsReadWhatWasWritten) {
  for (Sizes sizes : {Sizes::Any, Sizes::Static, Sizes::Proportional})
    for (uint64_t seed = 0; seed < 200; ++seed) {
      Program program = Generator(seed, sizes).make();
      OwningOpRef<ModuleOp> planned = plan(program.text);
      ASSERT_TRUE(planned) << "seed " << seed << "\n" << program.text;
      std::mt19937_64 random(seed);
      for (int64_t most : {0, 1, 12, 5000, 1 << 20, 1 << 30}) {
        int64_t dims[kSymbols];
        for (int64_t &dim : dims)
          dim = random() % (most + 1);
        walk(program, *planned, dims);
        if (HasFailure())
          FAIL() << "seed " << seed << ", dims " << dims[0] << ", " << dims[1] << ", " << dims[2] << "\n"
                 << program.text;
      }
    }
}

TEST_F(PlanMemoryTest, RandomProgramsNeedLittle) {
  const std::pair<Sizes, double> bounds[] = {{Sizes::Static, 1.03}, {Sizes::Proportional, 1.03}, {Sizes::Any, 1.03}};
  for (auto [sizes, bound] : bounds)
    for (int64_t dim : {16, 128}) {
      arenas = least = 0;
      for (uint64_t seed = 0; seed < 100; ++seed) {
        Program program = Generator(seed, sizes).make();
        walk(program, *plan(program.text), {dim, dim, dim});
      }
      EXPECT_LE(double(arenas / least), bound) << "sizes " << int(sizes) << ", dims of " << dim;
    }
}

/// Launches as in MiniLM: embeddings, a mask, and layers of attention and two matmuls, each with its normalisation.
static std::string encoder(int layers) {
  std::string text = R"(module attributes {hone.target = #hone.target<triple = "", level = "", features = "">} {
    hone.kernel @k1(%a: tensor<f32>) -> tensor<f32> { hone.return %a : tensor<f32> }
    hone.kernel @k2(%a: tensor<f32>, %b: tensor<f32>) -> tensor<f32> { hone.return %a : tensor<f32> }
    hone.kernel @k3(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<f32>) -> tensor<f32> { hone.return %a : tensor<f32> }
    func.func @main(%x: tensor<?x?xi64>) -> tensor<?x?x384xf32> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c512 = arith.constant 512 : index
      %b = tensor.dim %x, %c0 : tensor<?x?xi64>
      %s = tensor.dim %x, %c1 : tensor<?x?xi64>
      %m = arith.minsi %s, %c512 : index
)";
  llvm::StringMap<std::string> types{{"x", "tensor<?x?xi64>"}};
  auto launch = [&](StringRef result, StringRef sizes, StringRef type, ArrayRef<StringRef> reads) {
    std::string names, readTypes;
    for (StringRef read : reads) {
      names += (names.empty() ? "%" : ", %") + read.str();
      readTypes += (readTypes.empty() ? "" : ", ") + types[read];
    }
    types[result] = type.str();
    text += ("%" + result + " = hone.launch @k" + llvm::Twine(reads.size()) + "(" + names + ") sizes() to(" + sizes +
             ") : (" + readTypes + ") -> " + type + "\n")
                .str();
  };
  launch("positions", "%m", "tensor<1x?xi64>", {"x"});
  launch("expanded", "%b, %s", "tensor<?x?xi64>", {"positions"});
  launch("mask", "%b, %s", "tensor<?x1x1x?xf32>", {"x"});
  launch("numbers", "%m", "tensor<1x?xi64>", {"x"});
  launch("gathered", "%m", "tensor<1x?x384xf32>", {"numbers"});
  launch("h0", "%b, %s", "tensor<?x?x384xf32>", {"x", "expanded", "gathered"});
  for (int i = 0; i < layers; ++i) {
    std::string n = std::to_string(i), in = "h" + n, out = "h" + std::to_string(i + 1);
    auto row = [&](std::string name, StringRef width, ArrayRef<StringRef> reads) {
      launch(name, "%b, %s", ("tensor<?x?x" + width + "xf32>").str(), reads);
    };
    row("qkv" + n, "1152", {in});
    row("att" + n, "384", {"qkv" + n, "mask"});
    row("pro" + n, "384", {"att" + n, in});
    row("mid" + n, "384", {"pro" + n});
    row("gelu" + n, "1536", {"mid" + n});
    row("sum" + n, "384", {"gelu" + n, "mid" + n});
    row(out, "384", {"sum" + n});
  }
  return text + "return %h" + std::to_string(layers) + " : tensor<?x?x384xf32>\n}\n}\n";
}

TEST_F(PlanMemoryTest, AnEncoderNeedsTheLeast) {
  for (int layers : {3, 12}) {
    OwningOpRef<ModuleOp> planned = plan(encoder(layers));
    ASSERT_TRUE(planned);
    for (int64_t batch : {0, 1, 8})
      for (int64_t tokens : {1, 7, 16, 128}) {
        int64_t dims[] = {batch, tokens};
        Walk walk(planned->lookupSymbol<func::FuncOp>("main"), dims);
        EXPECT_TRUE(walk.run([](LaunchOp, ArrayRef<Place>) {}));
        // A layer's input, the wide row and what comes of it; the mask.
        int64_t mask = llvm::alignTo(batch * tokens * 4, 64);
        int64_t embeddings = tokens * 384 * 4 + llvm::alignTo(tokens * 8, 64); // without a batch
        int64_t least = std::max(mask + batch * tokens * (384 + 1536 + 384) * 4, embeddings);
        EXPECT_GE(walk.arenaBytes, least);
        EXPECT_LE(double(walk.arenaBytes), 1.05 * double(least)) << batch << " x " << tokens;
        RecordProperty(("arena_" + llvm::Twine(layers) + "_" + llvm::Twine(batch) + "_" + llvm::Twine(tokens)).str(),
                       std::to_string(walk.arenaBytes) + " of " + std::to_string(least));
      }
  }
}

TEST_F(PlanMemoryTest, MemoryIsUsedAgain) {
  // A chain needs two places, however long it is.
  std::string text = R"(module attributes {hone.target = #hone.target<triple = "", level = "", features = "">} {
    hone.kernel @k(%a: tensor<f32>) -> tensor<f32> { hone.return %a : tensor<f32> }
    func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
      %c0 = arith.constant 0 : index
      %n = tensor.dim %x, %c0 : tensor<?xf32>
      %r0 = hone.launch @k(%x) sizes() to(%n) : (tensor<?xf32>) -> tensor<?xf32>
)";
  for (int i = 0; i < 20; ++i)
    text += "%r" + std::to_string(i + 1) + " = hone.launch @k(%r" + std::to_string(i) +
            ") sizes() to(%n) : (tensor<?xf32>) -> tensor<?xf32>\n";
  OwningOpRef<ModuleOp> planned = plan(text + "return %r20 : tensor<?xf32>\n}\n}\n");
  ASSERT_TRUE(planned);
  int64_t dims[] = {1000};
  Walk walk(planned->lookupSymbol<func::FuncOp>("main"), dims);
  EXPECT_TRUE(walk.run([](LaunchOp, ArrayRef<Place>) {}));
  EXPECT_EQ(walk.arenaBytes, 2 * 4032);
}
