// Any byte string gives a model or errors. The fuzz target in test/fuzz goes further; this runs in every build.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/unit/onnx/Seeds.h"
#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"
#include <random>

using namespace hone;
using llvm::StringRef;

/// Looks at everything in a model that was read without errors, as an importer would; true if there was one.
static bool isSound(const ReadResult &read, size_t size) {
  if (!read.errors().empty())
    return false;
  for (const OnnxTensor &tensor : read.model.graph.initializers) {
    EXPECT_GE(tensor.numElements(), 0);
    if (tensor.file < 0)
      EXPECT_EQ(tensor.bytes.size(), tensor.length);
    else
      EXPECT_TRUE(tensor.offset <= size && tensor.length <= size - tensor.offset);
  }
  for (const OnnxNode &node : read.model.graph.nodes) {
    if (node.function >= 0)
      expandFunction(read.model.functions.at(node.function), node);
    else
      expandStandardFunction(node, std::vector<OnnxValueType>(node.inputs.size()));
  }
  return true;
}

TEST(OnnxHostile, TheSeedsAreGood) {
  EXPECT_EQ(readBytes(richModel()).errors(), "");
  EXPECT_EQ(readBytes(richText).errors(), "");
}

TEST(OnnxHostile, EveryTruncationIsAnError) {
  std::string model = richModel();
  for (size_t size = 0; size < model.size(); ++size)
    EXPECT_NE(readBytes(StringRef(model).substr(0, size)).errors(), "") << size;
}

/// Reads `count` mutations of `seed`; expects some to be models and some not.
static void mutate(const std::string &seed, unsigned count) {
  std::mt19937 random(12345);
  auto below = [&](size_t limit) { return std::uniform_int_distribution<size_t>(0, limit - 1)(random); };
  unsigned good = 0;
  for (unsigned i = 0; i < count; ++i) {
    std::string mutant = seed;
    for (size_t changes = 1 + below(4); changes--;) {
      size_t at = below(mutant.size());
      switch (below(5)) {
      case 0:
        mutant[at] = char(below(256));
        break;
      case 1:
        mutant[at] ^= char(1 << below(8));
        break;
      case 2:
        mutant.insert(at, 1, char(below(256)));
        break;
      case 3:
        mutant.erase(at, 1 + below(8));
        break;
      case 4:
        mutant.insert(at, seed.substr(below(seed.size()), below(64)));
        break;
      }
    }
    good += isSound(readBytes(mutant), mutant.size());
  }
  EXPECT_GT(good, count / 100);
  EXPECT_LT(good, count);
}

TEST(OnnxHostile, MutatedBinaries) { mutate(richModel(), 20000); }
TEST(OnnxHostile, MutatedTexts) { mutate(richText, 20000); }

TEST(OnnxHostile, Garbage) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string garbage(random() % 200, '\0');
    for (char &c : garbage)
      c = char(random());
    EXPECT_NE(readBytes(garbage).errors(), "");
  }
}

TEST(OnnxHostile, DeepTexts) {
  for (const char *open : {"(", "[", "{", "seq(", "optional(", "<"}) {
    std::string text = "<ir_version: 10> g (";
    for (int i = 0; i < 100000; ++i)
      text += open;
    EXPECT_NE(readBytes(text).errors().find("nested more than 100 deep"), std::string::npos) << open;
  }
}

TEST(OnnxHostile, LongShapeVectors) {
  // libonnx would materialise two billion elements.
  ReadResult read = readText("g (int64[2000000000] s) => (float[N] y) { t = Identity(s) y = ConstantOfShape(t) }");
  EXPECT_EQ(read.errors(), "");
  EXPECT_NE(read.notes().find("types are not inferred"), std::string::npos);
  read = readText(R"(g (float[N] x) => (float[M] y) <int64 a = {0}, int64 b = {100000000000}, int64 c = {1}> {
    r = Range(a, b, c) t = Cast<to = 7>(r) y = ConstantOfShape(t) })");
  EXPECT_EQ(read.errors(), "");
}

TEST(OnnxHostile, ManyProblemsAreCutShort) {
  std::string text = "g (float[N] x) => (float[N] y) {";
  for (int i = 0; i < 1000; ++i)
    text += "v" + std::to_string(i) + " = Abs(x, x)\n";
  ReadResult read = readText(text + "y = Abs(x) }");
  EXPECT_EQ(read.problems.size(), 100u);
}
