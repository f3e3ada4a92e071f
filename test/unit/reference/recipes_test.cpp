// Recipes over recipes, evaluated window by window, against the reference, which evaluates whole tensors.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/WeightFiles.h"
#include "dialects/hone/Weights.h"
#include "dialects/reference/Reference.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "support/OutputFile.h"
#include "test/unit/reference/Elements.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"
#include <cstring>
#include <limits>
#include <random>

using namespace hone;
using namespace mlir;

namespace {

using Shape = std::vector<int64_t>;

bool isFloatName(StringRef element) { return element.contains('f'); }
bool isHalfName(StringRef element) { return element.ends_with("f16"); }
bool isNibbleName(StringRef element) { return element.ends_with("i4"); }

/// A chain of weights as text, and the file that it starts from.
class RandomWeights {
public:
  RandomWeights(unsigned seed, std::string file) : random(seed), file(std::move(file)) {}

  /// Appends `count` weights, the first of which are files and attributes.
  void grow(unsigned count) {
    while (weights.size() < count)
      weights.size() < 4 ? addLeaf() : addRecipe();
  }

  std::string text;
  std::string bytes = "xyz"; ///< of the file; nothing in it is aligned

private:
  struct Weight {
    Shape shape;
    std::string element;
  };

  int64_t below(int64_t bound) { return std::uniform_int_distribution<int64_t>(0, bound - 1)(random); }
  static int64_t countOf(const Shape &shape) {
    int64_t count = 1;
    for (int64_t size : shape)
      count *= size;
    return count;
  }
  static std::string list(const Shape &numbers) {
    std::string result;
    for (int64_t number : numbers)
      result += (result.empty() ? "" : ", ") + std::to_string(number);
    return "[" + result + "]";
  }
  void add(Shape shape, std::string element, const std::string &source) {
    text += "hone.weight @w" + std::to_string(weights.size()) + " : tensor<";
    for (int64_t size : shape)
      text += std::to_string(size) + "x";
    text += element + "> = " + source + "\n";
    weights.push_back({std::move(shape), std::move(element)});
  }
  Shape permutation(size_t rank) {
    Shape order(rank);
    for (size_t i = 0; i < rank; ++i)
      order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    return order;
  }

  void addLeaf() {
    Shape shape;
    for (int64_t rank = below(4); rank > 0; --rank)
      shape.push_back(below(12) == 0 ? 0 : 1 + below(9));
    std::string element = elementNames[below(elementNames.size())];
    if (weights.size() % 4 == 3) { // a splat
      std::string type = "tensor<";
      for (int64_t size : shape)
        type += std::to_string(size) + "x";
      const char *number = element == "i1" ? "true" : isFloatName(element) ? "2.5" : isNibbleName(element) ? "5" : "77";
      return add(shape, element, std::string("dense<") + number + "> : " + type + element + ">");
    }
    size_t start = bytes.size();
    // The half that an odd count of 4-bit integers leaves is anything.
    int64_t count = countOf(shape);
    for (int64_t i = 0; i < (isNibbleName(element) ? (count + 1) / 2 : count); ++i)
      appendElement(element);
    add(shape, element,
        llvm::formatv("#hone.file<\"{0}\", offset = {1}, length = {2}>", file, start, bytes.size() - start));
  }

  void appendElement(StringRef element) {
    auto append = [&](auto value) { bytes.append(reinterpret_cast<const char *>(&value), sizeof value); };
    // Around what other types can hold, what none can, and anything.
    double values[] = {0.0,
                       -0.0,
                       0.5,
                       -1.5,
                       127,
                       128,
                       255.9,
                       -129,
                       65536.5,
                       2147483648.0,
                       -2147483649.0,
                       1e10,
                       9.3e18,
                       -9.3e18,
                       1.85e19,
                       1e300,
                       std::numeric_limits<double>::infinity(),
                       -std::numeric_limits<double>::infinity(),
                       std::numeric_limits<double>::quiet_NaN()};
    double value = below(2) ? values[below(std::size(values))] : double(below(2001) - 1000) / 8;
    if (element == "f32")
      return append(float(value));
    if (element == "f64")
      return append(value);
    if (element == "i1")
      return append(char(below(2)));
    if (isHalfName(element)) {
      // NaNs that nothing changes.
      uint16_t bits = uint16_t(below(65536)), quiet = element == "f16" ? 0x7e00 : 0x7fc0;
      uint16_t infinity = element == "f16" ? 0x7c00 : 0x7f80;
      return append((bits & 0x7fff) > infinity ? uint16_t((bits & 0x8000) | quiet) : bits);
    }
    if (isNibbleName(element))
      return append(char(below(256)));
    for (int64_t i = std::stoi(element.ltrim("ui").str()) / 8; i > 0; --i)
      append(char(below(3) ? below(256) : -1));
  }

  void addRecipe() {
    size_t index = below(weights.size());
    const Weight source = weights[index]; // a copy: `weights` grows
    std::string name = "@w" + std::to_string(index);
    size_t rank = source.shape.size();
    switch (below(7)) {
    case 0:
      return add(source.shape, elementNames[below(elementNames.size())], "#hone.cast<" + name + ">");
    case 1:
      return rank ? addSlice(source, name) : void();
    case 2: {
      if (rank == 0)
        return;
      Shape order = permutation(rank), shape;
      for (int64_t dim : order)
        shape.push_back(source.shape[dim]);
      return add(shape, source.element, "#hone.transpose<" + name + ", " + list(order) + ">");
    }
    case 3:
      return addReshape(source, name);
    case 4:
      return rank ? addPack(source, name) : void();
    default:
      return rank ? addConcat(source, name) : void();
    }
  }

  void addSlice(const Weight &source, const std::string &name) {
    Shape starts, sizes, steps;
    for (int64_t dim : source.shape) {
      int64_t size = dim == 0 ? 0 : below(dim + 1), room = size > 1 ? (dim - 1) / (size - 1) : 0;
      int64_t step = size > 1 ? 1 + below(room) : below(2) ? 1 : std::numeric_limits<int64_t>::max();
      int64_t span = size > 1 ? step * (size - 1) : 0, first = size ? below(dim - span) : below(100);
      bool isBackward = below(2);
      starts.push_back(isBackward ? first + span : first);
      sizes.push_back(size);
      steps.push_back(isBackward ? -step : step);
    }
    add(sizes, source.element,
        "#hone.slice<" + name + ", starts = " + list(starts) + ", sizes = " + list(sizes) + ", steps = " + list(steps) +
            ">");
  }

  void addReshape(const Weight &source, const std::string &name) {
    int64_t count = countOf(source.shape);
    Shape shape;
    for (int64_t rest = count; rest > 1;) {
      int64_t size = 1 + below(rest);
      while (rest % size != 0)
        --size;
      shape.push_back(size);
      rest /= size;
      if (shape.size() == 4) {
        shape.back() *= rest;
        rest = 1;
      }
    }
    if (count == 0)
      shape = {below(5), 0};
    add(shape, source.element, "#hone.reshape<" + name + ">");
  }

  void addPack(const Weight &source, const std::string &name) {
    size_t rank = source.shape.size();
    if (countOf(source.shape) > 2000)
      return;
    Shape cut = permutation(rank), tiles, pieces = source.shape, order = permutation(rank), shape;
    cut.resize(1 + below(rank));
    for (int64_t dim : cut) {
      tiles.push_back(1 + below(5));
      pieces[dim] = (pieces[dim] + tiles.back() - 1) / tiles.back();
    }
    bool isOrdered = below(2);
    for (size_t i = 0; i < rank; ++i)
      shape.push_back(pieces[isOrdered ? order[i] : i]);
    shape.insert(shape.end(), tiles.begin(), tiles.end());
    add(shape, source.element,
        "#hone.pack<" + name + ", dims = " + list(cut) + ", tiles = " + list(tiles) +
            (isOrdered ? ", order = " + list(order) : "") + ">");
  }

  /// With all weights that fit.
  void addConcat(const Weight &source, const std::string &name) {
    size_t axis = below(source.shape.size());
    Shape shape = source.shape;
    std::string names = name;
    for (size_t i = 0; i < weights.size() && countOf(shape) < 2000; ++i) {
      Shape other = weights[i].shape;
      if (other.size() != shape.size() || weights[i].element != source.element)
        continue;
      int64_t size = other[axis];
      other[axis] = shape[axis];
      if (other != shape || below(4) == 0)
        continue;
      shape[axis] += size;
      names += ", @w" + std::to_string(i);
    }
    add(shape, source.element, "#hone.concat<[" + names + "], axis = " + std::to_string(axis) + ">");
  }

  std::mt19937 random;
  std::string file;
  std::vector<Weight> weights;
};

class RecipesTest : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("hone-recipes", "bin", file));
    context.loadDialect<HoneDialect>();
  }
  void TearDown() override { llvm::sys::fs::remove(file); }

  MLIRContext context;
  SmallString<128> file;
};

TEST_F(RecipesTest, WindowsAreThoseOfWholeTensors) {
  std::mt19937 random(7);
  auto below = [&](int64_t bound) { return std::uniform_int_distribution<int64_t>(0, bound - 1)(random); };
  unsigned compared = 0;
  for (unsigned seed = 0; seed < 150; ++seed) {
    RandomWeights weights(seed, std::string(file));
    weights.grow(20);
    ASSERT_FALSE(bool(writeFile(file, weights.bytes)));
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(weights.text, &context);
    ASSERT_TRUE(bool(module)) << weights.text;
    ASSERT_TRUE(succeeded(checkRecipes(*module)));
    SymbolTable symbols(*module);
    WeightFiles files;
    WeightReader reader(symbols, files);
    for (auto weight : module->getOps<WeightOp>()) {
      auto expected = evaluateWeight(weight, [&](WeightOp leaf) -> llvm::Expected<std::vector<char>> {
        auto place = cast<FileAttr>(leaf.getSource());
        auto begin = weights.bytes.begin() + place.getOffset();
        return std::vector<char>(begin, begin + place.getLength());
      });
      ASSERT_TRUE(bool(expected)) << toString(expected.takeError());
      auto where = [&] { return weights.text + "\nseed " + std::to_string(seed) + ", " + weight.getSymName().str(); };
      std::string streamed;
      llvm::Error error = reader.stream(weight, [&](StringRef window) {
        streamed += window;
        return llvm::Error::success();
      });
      ASSERT_FALSE(bool(error)) << toString(std::move(error));
      if (isNibble(expected->element) && expected->count() % 2) // half of the last byte is anything
        streamed.back() &= 15;
      ASSERT_EQ(streamed, storedBytes(*expected)) << where();
      ++compared;

      auto elements = reader.open(weight);
      ASSERT_TRUE(bool(elements));
      int64_t count = expected->count(), size = bytesOf(expected->element);
      for (int tries = 0; tries < 4 && count > 0; ++tries) {
        ElementRun run{below(count), below(7) - 3, 1};
        int64_t room = run.step == 0  ? 5
                       : run.step > 0 ? (count - 1 - run.first) / run.step + 1
                                      : run.first / -run.step + 1;
        run.count = 1 + below(room);
        std::string window(run.count * size, '?'), wanted;
        elements->read(run, window.data());
        auto lowHalf = [](char byte) { return char(byte & 15); };
        for (int64_t i = 0; i < run.count; ++i)
          wanted.append(expected->bytes.data() + (run.first + i * run.step) * size, size);
        if (isNibble(expected->element))
          for (std::string *bytes : {&window, &wanted})
            llvm::transform(*bytes, bytes->begin(), lowHalf);
        ASSERT_EQ(window, wanted) << where() << " from " << run.first << " step " << run.step << " count " << run.count;
      }
    }
  }
  EXPECT_EQ(compared, 150u * 20);
}

/// Notes what is given back.
class NotedFiles : public WeightFiles {
public:
  void release(FileAttr file, uint64_t offset, uint64_t length) override {
    released += std::to_string(file.getOffset() + offset) + "+" + std::to_string(length) + " ";
    WeightFiles::release(file, offset, length);
  }
  std::string released;
};

/// A window gives back what it was read from, and nothing that other parts of its sources were.
TEST_F(RecipesTest, WindowsGiveBackWhatTheyTouched) {
  ASSERT_FALSE(bool(writeFile(file, std::string(6 << 20, 'w'))));
  std::string text, names;
  for (auto [name, rows, offset] : {std::tuple("@a", 3, 0), {"@b", 2, 3 << 20}, {"@c", 1, 5 << 20}}) {
    text +=
        llvm::formatv("hone.weight {0} : tensor<{1}x1048576xi8> = #hone.file<\"{2}\", offset = {3}, length = {4}>\n",
                      name, rows, file, offset, rows << 20)
            .str();
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  text += "hone.weight @all : tensor<6x1048576xi8> = #hone.concat<[" + names + "], axis = 0>\n";
  auto slice = [&](StringRef name, int64_t row, int64_t column, int64_t rows, int64_t columns) {
    text += llvm::formatv("hone.weight @{0} : tensor<{3}x{4}xi8> = #hone.slice<@all, starts = [{1}, {2}], sizes = "
                          "[{3}, {4}], steps = [1, 1]>\n",
                          name, row, column, rows, columns)
                .str();
  };
  slice("row", 1, 100, 1, 1000);
  slice("border", 4, 100, 2, 1000);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(bool(module)) << text;
  SymbolTable symbols(*module);
  NotedFiles files;
  WeightReader reader(symbols, files);
  auto releasedBy = [&](StringRef name) {
    files.released.clear();
    llvm::cantFail(reader.stream(symbols.lookup<WeightOp>(name), [](StringRef) { return llvm::Error::success(); }));
    return files.released;
  };
  EXPECT_EQ(releasedBy("row"), "1048576+1048576 ");
  EXPECT_EQ(releasedBy("row"), "1048576+1048576 ");
  EXPECT_EQ(releasedBy("border"), "4194304+1048576 5242880+1048576 ");
  EXPECT_EQ(releasedBy("b"), "3145728+2097152 ");
}

/// What a pass computes of a weight, window by window, is a weight.
TEST_F(RecipesTest, StoredValuesAreWeights) {
  std::string bytes(3000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = char(i * 7);
  ASSERT_FALSE(bool(writeFile(file, bytes)));
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  OpBuilder builder(module->getBodyRegion());
  auto type = RankedTensorType::get({30, 100}, builder.getI8Type());
  auto add = [&](StringRef name, Attribute source) {
    return WeightOp::create(builder, builder.getUnknownLoc(), name, type, source);
  };
  WeightSource::give(context, std::make_shared<WeightFiles>());
  WeightSource &source = *WeightSource::get(&context);
  WeightOp given = add("given", FileAttr::get(&context, file, 0, bytes.size(), ""));
  SymbolTable symbols(*module);
  WeightReader reader(symbols, source);
  auto stored = source.store(context, [&](WeightSource::Append append) {
    return reader.stream(given, [&](StringRef window) {
      std::string changed(window);
      for (char &byte : changed)
        ++byte;
      return append(changed);
    });
  });
  ASSERT_TRUE(bool(stored)) << toString(stored.takeError());
  std::string read;
  llvm::cantFail(reader.stream(add("made", *stored), [&](StringRef window) {
    read += window;
    return llvm::Error::success();
  }));
  for (char &byte : bytes)
    ++byte;
  EXPECT_EQ(read, bytes);
  EXPECT_EQ(stored->getDigest(), toHex(digestOf(bytes)));

  // Places that were not stored, though there are bytes.
  auto unknown = source.open(FileAttr::get(&context, "", 0, 3000, toHex(digestOf("others"))));
  EXPECT_NE(toString(unknown.takeError()).find("-o FILE"), std::string::npos);
  // Bytes that are not what they were, and what a pass has against them itself.
  auto changed = source.open(FileAttr::get(&context, file, 0, 3000, stored->getDigest()));
  EXPECT_NE(toString(changed.takeError()).find("belongs to another compile"), std::string::npos);
  auto failed = source.store(context, [](WeightSource::Append) { return llvm::createStringError("no more"); });
  EXPECT_EQ(toString(failed.takeError()), "no more");
}

/// Each pair of element types, at every value that is special for one of them.
TEST_F(RecipesTest, CastsAreThoseOfTheReference) {
  for (StringRef from : elementNames)
    for (StringRef to : elementNames) {
      std::vector<std::string> elements = specialElements(from);
      std::string dims = "tensor<" + std::to_string(elements.size()) + "x";
      std::string text = "hone.weight @a : " + dims + from.str() + "> = dense<[" + llvm::join(elements, ", ") +
                         "]> : " + dims + from.str() + ">\nhone.weight @b : " + dims + to.str() +
                         "> = #hone.cast<@a>\n";
      OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
      ASSERT_TRUE(bool(module)) << text;
      auto weight = module->lookupSymbol<WeightOp>("b");
      auto expected = evaluateWeight(
          weight, [](WeightOp) -> llvm::Expected<std::vector<char>> { return llvm::createStringError("no files"); });
      ASSERT_TRUE(bool(expected)) << toString(expected.takeError());
      SymbolTable symbols(*module);
      WeightFiles files;
      WeightReader reader(symbols, files);
      std::string bytes;
      llvm::cantFail(reader.stream(weight, [&](StringRef window) {
        bytes += window;
        return llvm::Error::success();
      }));
      EXPECT_EQ(bytes, storedBytes(*expected)) << text;
    }
}

/// A hundred thousand weights in a row, or in a circle, are found without recursion.
TEST_F(RecipesTest, LongChainsAreReported) {
  for (bool isCircle : {false, true}) {
    OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
    OpBuilder builder(module->getBodyRegion());
    auto type = RankedTensorType::get({2}, builder.getF32Type());
    constexpr unsigned count = 100000;
    auto nameOf = [](unsigned i) { return "w" + std::to_string(i); };
    for (unsigned i = count; i > 0; --i)
      WeightOp::create(builder, builder.getUnknownLoc(), nameOf(i), type,
                       CastAttr::get(&context, FlatSymbolRefAttr::get(&context, nameOf(i - 1))));
    Attribute source = isCircle ? Attribute(CastAttr::get(&context, FlatSymbolRefAttr::get(&context, nameOf(count))))
                                : DenseElementsAttr::get(type, 1.0f);
    WeightOp::create(builder, builder.getUnknownLoc(), nameOf(0), type, source);
    std::string text;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      text += diagnostic.str();
      return success();
    });
    EXPECT_TRUE(failed(checkRecipes(*module)));
    EXPECT_NE(text.find(isCircle ? "is made of itself, by @w9999" : "@w65 is the last of more than 64 recipes"),
              std::string::npos)
        << text;
    SymbolTable symbols(*module);
    WeightFiles files;
    WeightReader reader(symbols, files);
    auto elements = reader.open(symbols.lookup<WeightOp>(nameOf(count)));
    ASSERT_FALSE(bool(elements));
    EXPECT_NE(toString(elements.takeError()).find("more than 64"), std::string::npos);
  }
}

} // namespace
