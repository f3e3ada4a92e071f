// frontends/onnx/Strip.cpp: what is taken out, what stays, and what is refused.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Strip.h"
#include "test/unit/onnx/Wire.h"
#include "gtest/gtest.h"
#include <cstdio>
#include <sys/mman.h>
#include <unistd.h>

using namespace hone;
using llvm::StringRef;

static std::string errorOf(StringRef bytes) {
  llvm::Expected<StrippedModel> result = stripModel(bytes, kOnnxInlineLimit);
  return result ? "" : llvm::toString(result.takeError());
}

TEST(OnnxStrip, KeepsSmallPayloads) {
  std::string model = wireAddModel(wireTensor("w", OnnxDataType::Float, {256}, std::string(1024, 'w')));
  llvm::Expected<StrippedModel> result = stripModel(model, 1024);
  ASSERT_TRUE(bool(result));
  EXPECT_EQ(result->bytes, model);
  EXPECT_TRUE(result->payloads.empty());
}

TEST(OnnxStrip, TakesPayloadsOutWhereverTheyAre) {
  std::string big(1028, 'w');
  Wire tensor = wireTensor("w", OnnxDataType::Float, {257}, big);
  Wire attribute = Wire().bytes(1, "value").bytes(5, tensor).integer(20, 4);
  Wire constant = wireNode("Constant", {}, {"c"}).bytes(5, attribute);
  Wire inner = Wire().bytes(2, "inner").bytes(1, constant).bytes(5, tensor);
  Wire branch = Wire().bytes(1, "then_branch").bytes(6, inner).integer(20, 5);
  Wire graph = wireAddGraph(tensor).bytes(1, wireNode("If", {"c"}, {"z"}).bytes(5, branch));
  graph.bytes(15, Wire().bytes(1, tensor)); // a sparse initializer
  graph.bytes(1, wireNode("Constant", {}, {"s"}).bytes(5, Wire().bytes(22, Wire().bytes(2, tensor))));
  Wire function = Wire().bytes(1, "f").bytes(7, constant);
  std::string model = wireModel().bytes(7, graph).bytes(25, function).out;

  llvm::Expected<StrippedModel> result = stripModel(model, 1024);
  ASSERT_TRUE(bool(result));
  ASSERT_EQ(result->payloads.size(), 6u);
  for (const OnnxPayload &payload : result->payloads) {
    EXPECT_EQ(payload.field, 9u);
    EXPECT_EQ(StringRef(model).substr(payload.offset, payload.length), big);
  }
  EXPECT_EQ(StringRef(result->bytes).find(big), StringRef::npos);
  EXPECT_EQ(StringRef(result->bytes).count(kOnnxSelfLocation), 6u);
}

TEST(OnnxStrip, NamesTheByteThatIsWrong) {
  EXPECT_EQ(errorOf(StringRef("\x08", 1)), "not a well-formed ONNX model: bad integer at byte 0");
  EXPECT_EQ(errorOf(StringRef("\x08\x01\x3a\x05\x01", 5)),
            "not a well-formed ONNX model: a field longer than what holds it at byte 2");
  EXPECT_EQ(errorOf(StringRef("\x08\x01\x0b", 3)), "not a well-formed ONNX model: bad wire type at byte 2");
  EXPECT_EQ(errorOf(StringRef("\x08\x01\x05\x01", 4)), "not a well-formed ONNX model: bad field number at byte 2");
  EXPECT_EQ(errorOf(StringRef("\x0d\x01\x02", 3)), "not a well-formed ONNX model: truncated number at byte 0");
  std::string longInteger = "\x08" + std::string(11, '\xff');
  EXPECT_EQ(errorOf(longInteger), "not a well-formed ONNX model: bad integer at byte 0");
}

TEST(OnnxStrip, LimitsDepth) {
  auto nested = [](unsigned levels) {
    Wire graph = Wire().bytes(2, "g");
    for (unsigned i = 0; i < levels; ++i) // three messages a level
      graph = Wire().bytes(1, Wire().bytes(5, Wire().bytes(6, graph)));
    return Wire().bytes(7, graph).out;
  };
  EXPECT_EQ(errorOf(nested(33)), "");
  EXPECT_NE(errorOf(nested(34)).find("nested more than 100 deep"), std::string::npos);
  EXPECT_NE(errorOf(nested(5000)).find("nested more than 100 deep"), std::string::npos);
}

TEST(OnnxStrip, LimitsFields) {
  std::string graph;
  for (int i = 0; i < (8 << 20) + 1; ++i)
    graph += std::string("\x0a\x00", 2); // an empty node
  EXPECT_NE(errorOf(Wire().bytes(7, graph).out).find("more than 8388608 fields"), std::string::npos);
}

// A node with a long text and a tensor with long strings: neither alone is too much. The file is sparse.
TEST(OnnxStrip, LimitsWhatIsLeft) {
  const uint64_t leaf = 600 << 20;
  FILE *file = tmpfile();
  ASSERT_TRUE(file);
  int fd = fileno(file);
  uint64_t size = 0;
  auto add = [&](const Wire &bytes, uint64_t zeros) {
    EXPECT_EQ(pwrite(fd, bytes.out.data(), bytes.out.size(), off_t(size)), ssize_t(bytes.out.size()));
    size += bytes.out.size() + zeros;
  };
  Wire text = Wire().head(6, leaf);
  Wire node = Wire().head(1, text.out.size() + leaf), tensor = Wire().head(5, text.out.size() + leaf);
  add(wireModel().head(7, node.out.size() + tensor.out.size() + 2 * (text.out.size() + leaf)), 0);
  for (const Wire &outer : {node, tensor}) {
    add(outer, 0);
    add(text, leaf);
  }
  ASSERT_EQ(ftruncate(fd, off_t(size)), 0);
  void *mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  fclose(file);
  ASSERT_NE(mapped, MAP_FAILED);
  std::string error = errorOf(StringRef(static_cast<const char *>(mapped), size));
  EXPECT_NE(error.find("more than 1 GiB apart from weights"), std::string::npos) << error;
  munmap(mapped, size);
}

// Lengths that no longer need all of their bytes, and one of more than 5 bytes, which protobuf does not read.
TEST(OnnxStrip, KeepsMessagesReadable) {
  std::string tensor = wireTensor("w", OnnxDataType::Float, {1 << 20}, std::string(4 << 20, 'w')).out;
  std::string longLength = "\x2a"; // field 5: an initializer
  for (uint64_t i = 0, length = tensor.size(); i < 9; ++i, length >>= 7)
    longLength += char((length & 127) | (i < 8 ? 128 : 0));
  Wire graph = Wire().bytes(2, "g").bytes(11, wireValue("x")).bytes(12, wireValue("y"));
  graph.bytes(1, wireNode("Add", {"x", "w"}, {"y"})).out += longLength + tensor;
  ReadResult result = readBytes(wireModel().bytes(7, graph).out);
  EXPECT_EQ(result.errors(), "");
  EXPECT_EQ(result.model.graph.initializers.at(0).length, uint64_t(4) << 20);
}

TEST(OnnxStrip, RefusesTwoPayloads) {
  std::string big(2000, 'w');
  Wire tensor = wireTensor("w", OnnxDataType::Float, {500}, big).bytes(4, big);
  EXPECT_NE(errorOf(wireAddModel(tensor)).find("two payloads in one tensor"), std::string::npos);
}

// The onnx package writes the default location after the values when a model with external data is saved as one file.
TEST(OnnxStrip, TakesTheDefaultLocationThatIsWrittenOut) {
  std::string big(2000, '\0');
  for (bool after : {false, true}) {
    Wire tensor = wireTensor("w", OnnxDataType::Float, {500});
    if (!after)
      tensor.integer(14, 0);
    tensor.bytes(9, big);
    if (after)
      tensor.integer(14, 0);
    ReadResult result = readBytes(wireAddModel(tensor));
    EXPECT_EQ(result.errors(), "");
  }
}

TEST(OnnxStrip, RefusesValuesInTwoPlaces) {
  Wire tensor = wireExternal("w", OnnxDataType::Float, {500}, "w.bin").bytes(9, std::string(2000, 'w'));
  EXPECT_NE(errorOf(wireAddModel(tensor)).find("a tensor with values both in the model and in another file at byte"),
            std::string::npos);
}
