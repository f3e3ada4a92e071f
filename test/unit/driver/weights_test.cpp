// Weights against their recipes: what is written is compared with a formula over the sources, element by element.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Weights.h"
#include "dialects/hone/Hone.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"
#include <cstring>

using namespace hone;
using namespace mlir;

namespace {

/// Element i of the model file that the tests use; small integers, so that every comparison is exact.
float fileElement(int64_t i) { return float((i * 7919) % 1009 - 500); }

class WeightsTest : public ::testing::Test {
protected:
  static constexpr int64_t fileElements = 20000, fileStart = 5; // bytes in front: elements are not aligned

  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("hone-weights", folder));
    std::string bytes(fileStart, 'x');
    for (int64_t i = 0; i < fileElements; ++i) {
      float value = fileElement(i);
      bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
    }
    modelFile = path("model.onnx");
    ASSERT_FALSE(bool(writeFile(modelFile, bytes)));
    context.loadDialect<HoneDialect>();
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string path(StringRef name) {
    SmallString<128> result(folder);
    llvm::sys::path::append(result, name);
    return std::string(result);
  }

  /// `#hone.file` of `count` elements that begin at element `first`.
  std::string file(int64_t first, int64_t count) {
    return llvm::formatv("#hone.file<\"{0}\", offset = {1}, length = {2}>", modelFile, fileStart + 4 * first,
                         4 * count);
  }

  /// Writes the weights of a module with these ops; the bytes, or the error's text behind "error: ".
  std::string write(StringRef ops, int64_t totalBytes) {
    std::string text =
        llvm::formatv("module attributes {{hone.target = #hone.target<triple = \"x86_64-linux\", level = "
                      "\"x86-64-v3\", features = \"\">, hone.weight_bytes = {0} : i64} {{\n{1}\n}",
                      totalBytes, ops);
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return "error: does not parse";
    auto output = OutputFile::create(path("weights"));
    EXPECT_TRUE(bool(output));
    WeightSink sink(*output, totalBytes);
    WeightFiles files;
    if (llvm::Error error = writeWeights(*module, files, sink))
      return "error: " + toString(std::move(error));
    auto digest = sink.finish();
    if (!digest)
      return "error: " + toString(digest.takeError());
    EXPECT_FALSE(bool(output->commit()));
    auto buffer = llvm::MemoryBuffer::getFile(path("weights"), /*IsText=*/false, /*RequiresNullTerminator=*/false);
    return (*buffer)->getBuffer().str();
  }

  static float floatAt(StringRef bytes, int64_t index) {
    float value;
    std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
    return value;
  }

  MLIRContext context;
  SmallString<128> folder;
  std::string modelFile;
};

TEST_F(WeightsTest, PlacesFilesAndConstantsByOffset) {
  std::string bytes =
      write("hone.weight @b : tensor<3xf32> = " + file(10, 3) +
                " {hone.offset = 64 : i64}\n"
                "hone.weight @a : tensor<2x2xi1> = dense<[[true, false], [false, true]]> : tensor<2x2xi1> "
                "{hone.offset = 0 : i64}\n"
                "hone.weight @s : tensor<3xi16> = dense<258> : tensor<3xi16> {hone.offset = 80 : i64}\n"
                "hone.weight @unused : tensor<3xf32> = " +
                file(0, 3),
            86);
  ASSERT_EQ(bytes.size(), 86u) << bytes;
  EXPECT_EQ(bytes.substr(0, 5), std::string("\1\0\0\1\0", 5));
  EXPECT_EQ(bytes.substr(5, 59), std::string(59, '\0'));
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_EQ(floatAt(bytes, 16 + i), fileElement(10 + i));
  EXPECT_EQ(bytes.substr(80, 6), std::string("\2\1\2\1\2\1", 6));
}

TEST_F(WeightsTest, JoinsAlongADim) {
  std::string bytes = write(
      "hone.weight @a : tensor<1x2xf32> = " + file(4, 2) + "\nhone.weight @b : tensor<2x2xf32> = " + file(100, 4) +
          "\nhone.weight @j : tensor<3x2xf32> = #hone.concat<[@b, @a], axis = 0> {hone.offset = 0 : i64}",
      24);
  ASSERT_EQ(bytes.size(), 24u) << bytes;
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_EQ(floatAt(bytes, i), fileElement(100 + i));
  EXPECT_EQ(floatAt(bytes, 5), fileElement(5));
}

/// Matrices side by side whose borders lie anywhere within panels.
TEST_F(WeightsTest, PacksPanelsAcrossSources) {
  int64_t panel = 16, k = 9;
  for (bool transposed : {false, true})
    for (const std::vector<int64_t> &widths : std::vector<std::vector<int64_t>>{
             {panel}, {1}, {panel - 1, 2}, {3 * panel + 1}, {2, 1, 3 * panel, panel / 2, 1}}) {
      std::string ops, names;
      int64_t first = 0, columns = 0;
      std::vector<std::pair<int64_t, int64_t>> sourceOf; // column -> first element of its source, column within
      std::vector<int64_t> widthOf;
      for (size_t i = 0; i < widths.size(); ++i) {
        ops += llvm::formatv("hone.weight @s{0} : tensor<{1}x{2}xf32> = {3}\n", i, transposed ? widths[i] : k,
                             transposed ? k : widths[i], file(first, k * widths[i]))
                   .str();
        names += llvm::formatv("{0}@s{1}", i ? ", " : "", i).str();
        for (int64_t column = 0; column < widths[i]; ++column) {
          sourceOf.emplace_back(first, column);
          widthOf.push_back(widths[i]);
        }
        first += k * widths[i];
        columns += widths[i];
      }
      int64_t panels = llvm::divideCeil(columns, panel), total = panels * k * panel * 4;
      ops += llvm::formatv("hone.weight @all : tensor<{0}x{1}xf32> = #hone.concat<[{2}], axis = {3}>\n",
                           transposed ? columns : k, transposed ? k : columns, names, transposed ? 0 : 1)
                 .str();
      ops +=
          llvm::formatv("hone.weight @p : tensor<{0}x{1}x{2}xf32> = #hone.pack<@all, dims = [{3}], tiles = [{2}]{4}> "
                        "{{hone.offset = 0 : i64}",
                        panels, k, panel, transposed ? 0 : 1, transposed ? "" : ", order = [1, 0]")
              .str();
      std::string bytes = write(ops, total);
      ASSERT_EQ(int64_t(bytes.size()), total) << bytes;
      for (int64_t column = 0; column < panels * panel; ++column)
        for (int64_t row = 0; row < k; ++row) {
          float expected = 0;
          if (column < columns) {
            auto [start, within] = sourceOf[column];
            expected = fileElement(start + (transposed ? within * k + row : row * widthOf[column] + within));
          }
          ASSERT_EQ(floatAt(bytes, (column / panel * k + row) * panel + column % panel), expected)
              << widths.size() << " sources, column " << column << ", row " << row
              << (transposed ? ", transposed" : "");
        }
    }
}

/// More than one window of 32 MiB, by file and by recipe.
TEST_F(WeightsTest, StreamsInWindows) {
  constexpr int64_t k = 250000, columns = 40, panel = 16, elements = k * columns; // 40 MB
  std::string large(elements * sizeof(float), '\0');
  auto mark = [](int64_t i) { return float(i % 8191); };
  for (int64_t i = 0; i < elements; i += 7) {
    float value = mark(i);
    std::memcpy(large.data() + i * sizeof value, &value, sizeof value);
  }
  std::string largeFile = path("large");
  ASSERT_FALSE(bool(writeFile(largeFile, large)));
  std::string source =
      llvm::formatv("hone.weight @w : tensor<{0}x{1}xf32> = #hone.file<\"{2}\", offset = 0, length = {3}>", k, columns,
                    largeFile, large.size());
  std::string bytes = write(source + " {hone.offset = 0 : i64}", large.size());
  EXPECT_TRUE(bytes == large) << StringRef(bytes).take_front(200).str();

  std::string packed =
      llvm::formatv("{0}\nhone.weight @p : tensor<3x{1}x16xf32> = "
                    "#hone.pack<@w, dims = [1], tiles = [16], order = [1, 0]> {{hone.offset = 0 : i64}",
                    source, k);
  bytes = write(packed, 3 * k * panel * 4);
  ASSERT_EQ(int64_t(bytes.size()), 3 * k * panel * 4) << StringRef(bytes).take_front(200).str();
  for (int64_t i = 0; i < elements; i += 7) {
    int64_t row = i / columns, column = i % columns;
    ASSERT_EQ(floatAt(bytes, (column / panel * k + row) * panel + column % panel), mark(i)) << i;
  }
}

TEST_F(WeightsTest, RefusesWhatDoesNotFit) {
  std::string at = " {hone.offset = 0 : i64}";
  auto expectError = [&](const std::string &ops, int64_t total, StringRef text) {
    std::string result = write(ops, total);
    EXPECT_TRUE(StringRef(result).starts_with("error: ") && StringRef(result).contains(text)) << result;
  };
  expectError("hone.weight @w : tensor<4xf32> = " + file(fileElements - 3, 4) + at, 16, "weight 'w': needs bytes");
  expectError("hone.weight @w : tensor<1xf32> = #hone.file<\"" + path("absent") + "\", offset = 0, length = 4>" + at, 4,
              "absent");
  expectError("hone.weight @w : tensor<2xf32> = " + file(0, 2) + at +
                  "\nhone.weight @v : tensor<2xf32> = " + file(0, 2) + " {hone.offset = 4 : i64}",
              16, "weight 'v': cannot be placed at offset 4");
  expectError("hone.weight @w : tensor<2xf32> = " + file(0, 2) + " {hone.offset = -4 : i64}", 16, "cannot be placed");
  std::string two = "hone.weight @w : tensor<2xf32> = " + file(0, 2) + at;
  expectError(two, 0, "weight 'w': cannot be placed at offset 0 (hone.offset): it ends behind the 0 bytes");
  expectError(two, 16, "hone.weight_bytes is 16, but the weights that have an hone.offset end at 8");
  expectError(two, std::numeric_limits<int64_t>::max(), "but the weights that have an hone.offset end at 8");
  expectError(two + "\nhone.weight @v : tensor<2xf32> = " + file(0, 2) + " {hone.offset = 8192 : i64}", 8200,
              "weight 'v': cannot be placed at offset 8192 (hone.offset): the bytes from 8 on belong to no weight");
  expectError("hone.weight @w : tensor<0xf32> = #hone.concat<[@w, @w], axis = 0>" + at, 0,
              "weight 'w': its recipe is made of");
}

} // namespace
