// frontends/onnx/Model.cpp and the conversions of OnnxLibrary.cpp: what a model's plain data say.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/OnnxLibrary.h"
#include "test/unit/onnx/Wire.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <sys/resource.h>

using namespace hone;
using llvm::StringRef;
namespace fs = llvm::sys::fs;

namespace {

/// A folder that lives as long as a test.
class OnnxFiles : public ::testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(fs::createUniqueDirectory("hone-onnx-test", folder)); }
  void TearDown() override { fs::remove_directories(folder); }

  std::string at(const llvm::Twine &name) const { return (folder + "/" + name).str(); }
  void write(const llvm::Twine &name, StringRef content) const {
    std::error_code code;
    llvm::raw_fd_ostream(at(name), code) << content;
    ASSERT_FALSE(code);
  }
  /// x + w, with `w` as given.
  ReadResult readAdd(const Wire &w) const {
    write("model.onnx", wireAddModel(w));
    ReadResult result;
    result.model = readModel(at("model.onnx"), result.problems);
    return result;
  }

  llvm::SmallString<128> folder;
};

} // namespace

static const char *const identityGraph = "g (float[N,3] x) => (float[N,3] y) { y = Identity(x) }";

TEST(OnnxModel, ReadsText) {
  ReadResult read = readText(R"(
    g (float[N, 4] x, int64[K] i) => (float[N, M] y)
    <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8.5}, float[2] b = {0.5, -1}> {
      t = MatMul(x, w)
      y = Add(t, b)
    })");
  ASSERT_EQ(read.errors(), "");
  const OnnxGraph &graph = read.model.graph;
  EXPECT_EQ(read.model.irVersion, 10);
  EXPECT_EQ(read.model.opsets.at(""), 18);
  ASSERT_EQ(graph.inputs.size(), 2u);
  EXPECT_EQ(graph.inputs[0].type.dims[0].symbol, "N");
  EXPECT_FALSE(graph.inputs[0].type.dims[0].isFixed());
  EXPECT_EQ(graph.inputs[0].type.dims[1].value, 4);
  EXPECT_EQ(graph.inputs[1].type.elementType, OnnxDataType::Int64);
  ASSERT_EQ(graph.initializers.size(), 2u);
  EXPECT_EQ(graph.initializers[0].dims, (std::vector<int64_t>{4, 2}));
  EXPECT_EQ(StringRef(graph.initializers[0].bytes), rawBytes<float>({1, 2, 3, 4, 5, 6, 7, 8.5}));
  ASSERT_EQ(graph.nodes.size(), 2u);
  EXPECT_EQ(graph.nodes[0].inputs, (std::vector<std::string>{"x", "w"}));
  // Inferred.
  ASSERT_EQ(graph.values.size(), 1u);
  EXPECT_EQ(graph.values[0].name, "t");
  EXPECT_EQ(graph.values[0].type.dims[0].symbol, "N");
  EXPECT_EQ(graph.values[0].type.dims[1].value, 2);
}

TEST(OnnxModel, SaysWhereTextIsWrong) {
  ReadResult read = readText("g (float[N] x) => (float[N] y) { y = }");
  EXPECT_NE(read.errors().find("line: 2 column: "), std::string::npos) << read.errors();
}

TEST(OnnxModel, PropagatesShapes) {
  ReadResult read = readText(R"(
    g (float[N, 4, 6] x) => (float[A, B] y) <int64[1] minus = {-1}> {
      s = Shape<start=0, end=1>(x)
      t = Concat<axis=0>(s, minus)
      r = Reshape(x, t)
      y = Identity(r)
    })");
  ASSERT_EQ(read.errors(), "");
  ASSERT_EQ(read.model.graph.values.size(), 3u);
  const OnnxValueInfo &r = read.model.graph.values[2];
  EXPECT_EQ(r.name, "r");
  ASSERT_EQ(r.type.dims.size(), 2u);
  EXPECT_EQ(r.type.dims[0].symbol, "N");
}

TEST(OnnxModel, NamesNodes) {
  ReadResult read = readText(R"(
    g (float[N] x) => (float[N] y) {
      [same] a = Abs(x)
      [same] b = Neg(a)
      [Exp_3] c = Exp(b)
      y = Exp(c)
    })");
  ASSERT_EQ(read.errors(), "");
  const std::vector<OnnxNode> &nodes = read.model.graph.nodes;
  EXPECT_EQ(nodes[0].describe(), "node 'same' (Abs)");
  EXPECT_FALSE(nodes[0].madeUpName);
  EXPECT_EQ(nodes[1].name, "Neg_1");
  EXPECT_TRUE(nodes[1].madeUpName);
  EXPECT_EQ(nodes[3].name, "Exp_3_");
}

TEST(OnnxModel, GivesEachNodeItsSchemaVersion) {
  auto version = [](int opset, const char *op) {
    ReadResult read = readText(std::string("g (float[2,3] x) => (float[2,3] y) { y = ") + op + "(x) }", opset);
    EXPECT_EQ(read.errors(), "");
    return read.model.graph.nodes.at(0).sinceVersion;
  };
  EXPECT_EQ(version(7, "Softmax"), 1);
  EXPECT_EQ(version(11, "Softmax"), 11);
  EXPECT_EQ(version(12, "Softmax"), 11);
  EXPECT_EQ(version(13, "Softmax"), 13);
  EXPECT_EQ(version(28, "Softmax"), 13);
  EXPECT_EQ(version(18, "Relu"), 14);
  EXPECT_EQ(lookUpSchema("Upsample", "", 10).sinceVersion, 10);
  EXPECT_TRUE(lookUpSchema("Upsample", "", 10).deprecated);
  EXPECT_EQ(lookUpSchema("Nonsense", "", 18).sinceVersion, 0);
}

TEST(OnnxModel, FillsDefaultsIn) {
  ReadResult read = readText("g (float[2,3] x) => (float[2,3] y) { y = LeakyRelu(x) }");
  EXPECT_FLOAT_EQ(read.model.graph.nodes.at(0).getFloat("alpha", 7), 0.01f);
  read = readText("g (float[2,3] x) => (float[2,3] y) { y = Softmax<axis=0>(x) }");
  EXPECT_EQ(read.model.graph.nodes.at(0).getInt("axis", 7), 0);
  EXPECT_EQ(read.model.graph.nodes.at(0).attributes.size(), 1u);
  read = readText("g (float[2,3] x) => (float[2,3] y) { y = Softmax(x) }", 11);
  EXPECT_EQ(read.model.graph.nodes.at(0).getInt("axis", 7), 1);
  EXPECT_EQ(read.model.graph.nodes.at(0).getInt("nothing", 7), 7);
}

TEST(OnnxModel, LeavesUnknownOperatorsToTheImporter) {
  // Unknown, deprecated, dropped: for the last, libonnx would write to standard output.
  for (std::string op : {"Mystery", "Upsample", "Affine", "Scatter"}) {
    for (std::string inner : {"", "<domain: \"local\", opset_import: [\"\" : 18]> f (x) => (y) { y = "}) {
      ::testing::internal::CaptureStdout();
      ReadResult read = readText("g (float[N] x) => (float[N] y) { y = " +
                                 (inner.empty() ? op + "(x) }" : "local.f(x) }\n" + inner + op + "(x) }"));
      EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
      ASSERT_EQ(read.errors(), "") << op;
      const OnnxNode &node = (inner.empty() ? read.model.graph.nodes : read.model.functions.at(0).nodes).at(0);
      EXPECT_EQ(node.op, op);
      EXPECT_EQ(node.domain, "");
      EXPECT_EQ(node.opset, 18);
      EXPECT_EQ(read.model.opsets.size(), 2u);
    }
  }
}

TEST(OnnxModel, LeavesUnknownDomainsToTheImporter) {
  ReadResult read = readText("g (float[N] x) => (float[N] y) { y = local.Mystery<k=3>(x) }");
  ASSERT_EQ(read.errors(), "");
  EXPECT_EQ(read.model.graph.nodes.at(0).domain, "local");
  EXPECT_EQ(read.model.graph.nodes.at(0).sinceVersion, 0);
  EXPECT_EQ(read.model.graph.nodes.at(0).opset, 1);
}

TEST(OnnxModel, TreatsBothNamesOfTheStandardAsOne) {
  Wire model = Wire().integer(1, 8).bytes(8, Wire().bytes(1, "ai.onnx").integer(2, 17));
  Wire node = wireNode("Abs", {"x"}, {"y"}).bytes(7, "ai.onnx");
  Wire graph = Wire().bytes(2, "g").bytes(11, wireValue("x")).bytes(12, wireValue("y")).bytes(1, node);
  ReadResult read = readBytes(model.bytes(7, graph).out);
  ASSERT_EQ(read.errors(), "");
  EXPECT_EQ(read.model.opsets.at(""), 17);
  EXPECT_EQ(read.model.graph.nodes.at(0).domain, "");
  EXPECT_EQ(read.model.graph.nodes.at(0).sinceVersion, 13);
}

TEST(OnnxModel, ReadsTheOpsetsItSays) {
  EXPECT_GE(latestOpset(), kNewestOnnxOpset);
  EXPECT_NE(readText(identityGraph, 0).errors().find("operator set 0; Hone reads 1 to 28"), std::string::npos);
  EXPECT_EQ(readText(identityGraph, 7).errors(), "");
  EXPECT_EQ(readText(identityGraph, 28).errors(), "");
  EXPECT_NE(readText(identityGraph, 29).errors().find("operator set 29; Hone reads 1 to 28"), std::string::npos);
  EXPECT_NE(readText(identityGraph, 99).errors().find("operator set 99"), std::string::npos);
}

TEST(OnnxModel, TakesADomainThatIsImportedTwice) {
  Wire graph = wireAddGraph(wireTensor("w", OnnxDataType::Float, {1}, "abcd"));
  auto read = [&](int64_t version) {
    return readBytes(wireModel(17).bytes(8, Wire().bytes(1, "").integer(2, version)).bytes(7, graph).out);
  };
  EXPECT_EQ(read(17).errors(), "");
  EXPECT_NE(read(18).errors().find("the model imports the domain '' in two versions"), std::string::npos);
}

TEST(OnnxModel, TellsAllProblemsAtOnce) {
  ReadResult read = readText(R"(
    g (float[N] x) => (float[N] y) {
      a = Nonsense(x)
      [first] b = Abs<k=1>(a)
      [second] c = Add(b)
      [third] d = Softmax<axis=1.5>(c)
      y = local.f(d)
    }
    <domain: "local", opset_import: ["" : 18]>
    f (x) => (y) { [inner] y = Neg(x, x) })");
  std::string errors = read.errors();
  EXPECT_EQ(read.problems.size(), 4u) << errors;
  for (const char *name : {"'first' (Abs)", "'second' (Add)", "'third' (Softmax)", "'inner' (Neg)"})
    EXPECT_NE(errors.find(name), std::string::npos) << errors;
}

TEST(OnnxModel, RefusesWhatIsNoGraph) {
  auto errors = [](const char *body) {
    return readText(std::string("g (float[N] x) => (float[N] y) ") + body).errors();
  };
  EXPECT_NE(errors("{ y = Add(x, nowhere) }").find("'nowhere'"), std::string::npos);
  EXPECT_NE(errors("{ y = Abs(z) z = Abs(x) }").find("topologically sorted"), std::string::npos);
  EXPECT_NE(errors("{ y = Abs(x) y = Neg(x) }").find("single static assignment"), std::string::npos);
  EXPECT_NE(errors("{ z = Abs(x) }").find("'y'"), std::string::npos);
}

TEST(OnnxModel, RefusesNamesThatAreNoText) {
  auto errors = [](const std::string &input, const std::string &dim) {
    Wire type = Wire().bytes(1, Wire().integer(1, 1).bytes(2, Wire().bytes(1, Wire().bytes(2, dim))));
    Wire graph = Wire().bytes(2, "g").bytes(11, Wire().bytes(1, input).bytes(2, type)).bytes(12, wireValue("y"));
    return readBytes(wireModel().bytes(7, graph.bytes(1, wireNode("Abs", {input}, {"y"}))).out).errors();
  };
  EXPECT_EQ(errors("\u6f22 x", "n"), "");
  EXPECT_NE(errors("\xff", "n").find("the name of input '\ufffd' is no text in UTF-8"), std::string::npos);
  EXPECT_NE(errors(std::string("x\0x", 3), "n").find("the name of input"), std::string::npos);
  EXPECT_NE(errors("x", "\x80").find("the name of dim"), std::string::npos);
}

TEST(OnnxModel, TakesInputsAndOutputsWithoutShapes) {
  std::string x = "\x0a\x01x\x12\x04\x0a\x02\x08\x01"; // name, tensor type of floats
  Wire graph =
      Wire().bytes(2, "g").bytes(11, x).bytes(12, Wire().bytes(1, "y")).bytes(1, wireNode("Abs", {"x"}, {"y"}));
  ReadResult read = readBytes(wireModel().bytes(7, graph).out);
  ASSERT_EQ(read.errors(), "");
  EXPECT_EQ(read.model.graph.inputs[0].type.elementType, OnnxDataType::Float);
  EXPECT_FALSE(read.model.graph.inputs[0].type.hasShape);
  EXPECT_FALSE(read.model.graph.outputs[0].type.hasShape);
}

TEST(OnnxModel, MakesInputsWithDefaultsConstants) {
  ReadResult read = readText("g (float[2] x, float[2] w = {1, 2}) => (float[2] y) { y = Add(x, w) }");
  ASSERT_EQ(read.errors(), "");
  EXPECT_EQ(read.model.graph.inputs.size(), 1u);
  EXPECT_EQ(read.model.graph.initializers.size(), 1u);
  EXPECT_NE(read.notes().find("input 'w' has a default value"), std::string::npos);
}

TEST(OnnxModel, ReadsSequencesAndOptionals) {
  ReadResult read = readText("g (seq(float[N]) s, optional(int64[2]) o) => (seq(float[N]) y) { y = Identity(s) }");
  ASSERT_EQ(read.errors(), "");
  const OnnxValueType &s = read.model.graph.inputs[0].type, &o = read.model.graph.inputs[1].type;
  EXPECT_EQ(s.kind, OnnxValueType::Sequence);
  EXPECT_EQ(s.element.at(0).elementType, OnnxDataType::Float);
  EXPECT_EQ(o.kind, OnnxValueType::Optional);
  EXPECT_EQ(o.element.at(0).dims.at(0).value, 2);
}

TEST(OnnxTensor, HasTheSameBytesWhateverTheField) {
  auto bytesOf = [](const std::string &initializer) {
    ReadResult read = readText("g (float[N] x) => (float[N] y) <" + initializer + "> { y = Identity(x) }", 25);
    EXPECT_EQ(read.errors(), "");
    return read.model.graph.initializers.empty() ? "" : StringRef(read.model.graph.initializers[0].bytes).str();
  };
  EXPECT_EQ(bytesOf("int64[2] w = {-1, 4294967296}"), rawBytes<int64_t>({-1, int64_t(1) << 32}));
  EXPECT_EQ(bytesOf("int32[2] w = {-1, 7}"), rawBytes<int32_t>({-1, 7}));
  EXPECT_EQ(bytesOf("uint32[1] w = {4294967295}"), rawBytes<uint32_t>({UINT32_MAX}));
  EXPECT_EQ(bytesOf("uint64[1] w = {18446744073709551615}"), rawBytes<uint64_t>({UINT64_MAX}));
  EXPECT_EQ(bytesOf("double[2] w = {1.5, -2}"), rawBytes<double>({1.5, -2}));
  EXPECT_EQ(bytesOf("float16[2] w = {15360, 49152}"), rawBytes<uint16_t>({0x3c00, 0xc000}));
  EXPECT_EQ(bytesOf("bfloat16[1] w = {16256}"), rawBytes<uint16_t>({0x3f80}));
  EXPECT_EQ(bytesOf("int8[3] w = {-1, 2, -128}"), rawBytes<int8_t>({-1, 2, -128}));
  EXPECT_EQ(bytesOf("int16[1] w = {-2}"), rawBytes<int16_t>({-2}));
  EXPECT_EQ(bytesOf("bool[3] w = {1, 0, 2}"), std::string("\1\0\1", 3));
  EXPECT_EQ(bytesOf("int4[3] w = {33, 3}"), "\x21\x03");   // entries are packed pairs
  EXPECT_EQ(bytesOf("uint2[5] w = {228, 1}"), "\xe4\x01"); // and groups of four
  // Six bits each, the first in the low bits.
  EXPECT_EQ(bytesOf("float6e2m3[5] w = {1, 2, 35, 4, 63}"), std::string("\x81\x30\x12\x3f", 4));
}

TEST(OnnxTensor, HoldsStringsAndNothing) {
  ReadResult read = readText(R"(g (float[N] x) => (float[N] y) <string[2] s = {"a", "bc"}, float[0, 3] e = {}>
                              { y = Identity(x) })");
  ASSERT_EQ(read.errors(), "");
  EXPECT_EQ(read.model.graph.initializers[0].strings, (std::vector<std::string>{"a", "bc"}));
  EXPECT_EQ(read.model.graph.initializers[1].numElements(), 0);
  EXPECT_EQ(StringRef(read.model.graph.initializers[1].bytes), "");
}

TEST(OnnxTensor, StaysInTheFileWhenLarge) {
  std::string raw(1028, 'w');
  std::string model = wireAddModel(wireTensor("w", OnnxDataType::Float, {257}, raw));
  ReadResult read = readBytes(model);
  ASSERT_EQ(read.errors(), "");
  const OnnxTensor &tensor = read.model.graph.initializers.at(0);
  EXPECT_EQ(tensor.file, 0);
  EXPECT_EQ(StringRef(tensor.bytes), "");
  EXPECT_EQ(StringRef(model).substr(tensor.offset, tensor.length), raw);
  // Packed float_data are the same bytes.
  model = wireAddModel(wireTensor("w", OnnxDataType::Float, {257}).bytes(4, raw));
  read = readBytes(model);
  ASSERT_EQ(read.errors(), "");
  EXPECT_EQ(StringRef(model).substr(read.model.graph.initializers.at(0).offset, 1028), raw);
}

TEST(OnnxTensor, MustBeAsLongAsItsShape) {
  auto errors = [](const Wire &w) { return readBytes(wireAddModel(w)).errors(); };
  auto F = OnnxDataType::Float;
  EXPECT_NE(errors(wireTensor("w", F, {3}, std::string(8, 0))), "");
  EXPECT_NE(errors(wireTensor("w", F, {1}, std::string(8, 0))).find("needs 4"), std::string::npos);
  EXPECT_NE(errors(wireTensor("w", F, {300}, std::string(1028, 0))).find("needs 1200"), std::string::npos);
  EXPECT_NE(errors(wireTensor("w", F, {200}, std::string(1028, 0))).find("needs 800"), std::string::npos);
  EXPECT_NE(errors(wireTensor("w", F, {-1}, std::string(4, 0))).find("negative dimension -1"), std::string::npos);
  int64_t huge = int64_t(1) << 32;
  EXPECT_NE(errors(wireTensor("w", F, {huge, huge}, "")).find("too large"), std::string::npos);
  EXPECT_NE(errors(wireTensor("w", F, {0, huge, huge}, "")).find("too large"), std::string::npos);
  EXPECT_NE(errors(wireTensor("w", F, {INT64_MAX, INT64_MAX}, std::string(1028, 0))).find("too large"),
            std::string::npos);
  EXPECT_NE(errors(wireTensor("w", OnnxDataType(99), {1}, "abcd")).find("unknown element type 99"), std::string::npos);
  EXPECT_NE(errors(wireTensor("w", OnnxDataType::Int8, {1028}).bytes(4, std::string(1028, 0))).find("another type"),
            std::string::npos);
  // 4-bit types: half a byte each, rounded up.
  EXPECT_EQ(errors(wireTensor("w", OnnxDataType::Int4, {2057}, std::string(1029, 0))), "");
  EXPECT_NE(errors(wireTensor("w", OnnxDataType::Int4, {2057}, std::string(1028, 1))).find("needs 1029"),
            std::string::npos);
}

TEST(OnnxTensor, MustNotBeSparse) {
  Wire sparse = Wire().bytes(1, wireTensor("s", OnnxDataType::Float, {300}, std::string(1200, 0))).integer(3, 1000);
  ReadResult read = readBytes(
      wireModel().bytes(7, wireAddGraph(wireTensor("w", OnnxDataType::Float, {1}, "abcd")).bytes(15, sparse)).out);
  EXPECT_EQ(read.errors(), "initializer 's' is sparse; Hone reads dense tensors: write its values as one\n");
  Wire constant =
      wireNode("Constant", {}, {"c"}, "n").bytes(5, Wire().bytes(1, "sparse_value").bytes(22, sparse).integer(20, 11));
  read = readBytes(
      wireModel().bytes(7, wireAddGraph(wireTensor("w", OnnxDataType::Float, {1}, "abcd")).bytes(1, constant)).out);
  EXPECT_NE(read.errors().find("attribute 'sparse_value' of node 'n' (Constant) is sparse"), std::string::npos)
      << read.errors();
}

TEST(OnnxTensor, MustBeThereWhereAnAttributeSaysSo) {
  Wire node = wireNode("Mystery", {"x"}, {"z"}).bytes(7, "local").bytes(5, Wire().bytes(1, "t").integer(20, 4));
  Wire graph = wireAddGraph(wireTensor("w", OnnxDataType::Float, {1}, "abcd")).bytes(1, node);
  ReadResult read = readBytes(wireModel().bytes(8, Wire().bytes(1, "local").integer(2, 1)).bytes(7, graph).out);
  EXPECT_EQ(read.errors(), "attribute 't' of node that computes 'z' (Mystery) has no value\n");
}

TEST(OnnxTensor, HasABoundedRank) {
  Wire tensor = Wire().integer(2, 1).bytes(8, "w").bytes(9, std::string(4, 0));
  for (int i = 0; i < 33; ++i)
    tensor.integer(1, 1);
  EXPECT_NE(readBytes(wireAddModel(tensor)).errors().find("rank 33"), std::string::npos);
}

TEST(OnnxTensor, CannotForgeThePlaceOfAPayload) {
  Wire forged = wireExternal("w", OnnxDataType::Float, {2}, "#self", 0, 8);
  EXPECT_NE(readBytes(wireAddModel(forged)).errors().find("'#self', which is no path"), std::string::npos);
  Wire real = wireTensor("v", OnnxDataType::Float, {257}, std::string(1028, 'v'));
  forged = wireExternal("w", OnnxDataType::Float, {257}, "#self", 0, 1028);
  EXPECT_NE(readBytes(wireModel().bytes(7, wireAddGraph(forged).bytes(5, real)).out).errors().find("'#self'"),
            std::string::npos);
  forged = wireExternal("w", OnnxDataType::Float, {257}, "data.bin").bytes(9, std::string(1028, 'w')).integer(14, 0);
  EXPECT_NE(readBytes(wireAddModel(forged)).errors().find("'location' of its external data twice"), std::string::npos);
}

TEST_F(OnnxFiles, ExternalDataStayInTheirFile) {
  ASSERT_FALSE(fs::create_directory(at("weights")));
  write("weights/data.bin", std::string(5000, 'w'));
  ReadResult read = readAdd(wireExternal("w", OnnxDataType::Float, {1000}, "weights/data.bin", 1000, 4000));
  ASSERT_EQ(read.errors(), "");
  const OnnxTensor &tensor = read.model.graph.initializers.at(0);
  EXPECT_EQ(tensor.file, 1);
  EXPECT_EQ(tensor.offset, 1000u);
  EXPECT_EQ(tensor.length, 4000u);
  ASSERT_EQ(read.model.files.size(), 2u);
  EXPECT_EQ(read.model.files[0].relativePath, "model.onnx");
  EXPECT_EQ(read.model.files[1].relativePath, "weights/data.bin");
  EXPECT_EQ(read.model.files[1].identity.size, 5000u);
  // Without offset and length: the start of the file.
  read = readAdd(wireExternal("w", OnnxDataType::Float, {1250}, "weights/data.bin"));
  ASSERT_EQ(read.errors(), "");
  EXPECT_EQ(read.model.graph.initializers.at(0).length, 5000u);
}

TEST_F(OnnxFiles, SmallExternalDataAreReadIn) {
  write("data.bin", "xx" + rawBytes<int64_t>({2, 3}));
  Wire node = wireNode("Reshape", {"x", "s"}, {"y"});
  Wire output = Wire().bytes(1, "y").bytes(2, Wire().bytes(1, Wire().integer(1, 1).bytes(2, "")));
  Wire graph = Wire().bytes(2, "g").bytes(11, wireValue("x")).bytes(12, output).bytes(1, node);
  graph.bytes(5, wireExternal("s", OnnxDataType::Int64, {2}, "data.bin", 2, 16));
  write("model.onnx", wireModel().bytes(7, graph).out);
  ReadResult read;
  read.model = readModel(at("model.onnx"), read.problems);
  ASSERT_EQ(read.errors(), "");
  EXPECT_EQ(read.model.graph.initializers.at(0).file, -1);
  EXPECT_EQ(StringRef(read.model.graph.initializers.at(0).bytes), rawBytes<int64_t>({2, 3}));
}

TEST_F(OnnxFiles, LinksMayStayInTheFolder) {
  ASSERT_FALSE(fs::create_directory(at("blobs")));
  write("blobs/0123", std::string(4000, 'w'));
  Wire weight = wireExternal("w", OnnxDataType::Float, {1000}, "data.bin");
  ASSERT_FALSE(fs::create_link("blobs/0123", at("data.bin")));
  ReadResult read = readAdd(weight);
  EXPECT_EQ(read.errors(), "");
  EXPECT_EQ(StringRef(read.model.files.at(1).realPath).take_back(11), "/blobs/0123");
  // By way of another link, and by an absolute path.
  ASSERT_FALSE(fs::create_link("data.bin", at("again.bin")));
  ASSERT_FALSE(fs::create_link(at("blobs"), at("linked")));
  for (const char *location : {"again.bin", "linked/0123"})
    EXPECT_EQ(readAdd(wireExternal("w", OnnxDataType::Float, {1000}, location)).errors(), "") << location;
}

// Hugging Face's cache: the model's file is itself a link, and its data lie where it does.
TEST_F(OnnxFiles, LinksMayStayWhereTheModelLies) {
  for (const char *name :
       {"cache", "cache/blobs", "cache/snapshots", "cache/snapshots/rev", "cache/snapshots/rev/onnx"})
    ASSERT_FALSE(fs::create_directory(at(name)));
  write("cache/blobs/0123", std::string(4000, 'w'));
  write("cache/blobs/4567", wireAddModel(wireExternal("w", OnnxDataType::Float, {1000}, "model.onnx_data")));
  ASSERT_FALSE(fs::create_link("../../../blobs/4567", at("cache/snapshots/rev/onnx/model.onnx")));
  ASSERT_FALSE(fs::create_link("../../../blobs/0123", at("cache/snapshots/rev/onnx/model.onnx_data")));
  ReadResult read;
  read.model = readModel(at("cache/snapshots/rev/onnx/model.onnx"), read.problems);
  EXPECT_EQ(read.errors(), "");
}

TEST_F(OnnxFiles, LinksMayNotLeaveTheFolder) {
  ASSERT_FALSE(fs::create_directory(at("model")));
  ASSERT_FALSE(fs::create_directory(at("model-2"))); // begins like the folder
  write("outside.bin", std::string(4000, 'w'));
  write("model-2/data.bin", std::string(4000, 'w'));
  ASSERT_FALSE(fs::create_link("../outside.bin", at("model/relative.bin")));
  ASSERT_FALSE(fs::create_link(at("outside.bin"), at("model/absolute.bin")));
  ASSERT_FALSE(fs::create_link("relative.bin", at("model/again.bin")));
  ASSERT_FALSE(fs::create_link("../model-2", at("model/folder")));
  ASSERT_FALSE(fs::create_link("/", at("model/root")));
  ASSERT_FALSE(fs::create_link("loop.bin", at("model/loop.bin")));
  for (std::string location : {std::string("relative.bin"), std::string("absolute.bin"), std::string("again.bin"),
                               std::string("folder/data.bin"), "root" + at("outside.bin")})
    for (int64_t count : {1000, 1}) { // one that would be read at once, too
      write("model/model.onnx", wireAddModel(wireExternal("w", OnnxDataType::Float, {count}, location)));
      ReadResult read;
      read.model = readModel(at("model/model.onnx"), read.problems);
      EXPECT_NE(read.errors().find("leads out of the model's folder"), std::string::npos)
          << location << ": " << read.errors();
    }
  write("model/model.onnx", wireAddModel(wireExternal("w", OnnxDataType::Float, {1000}, "loop.bin")));
  ReadResult read;
  read.model = readModel(at("model/model.onnx"), read.problems);
  EXPECT_NE(read.errors().find("symbolic links"), std::string::npos) << read.errors();
}

// What was checked is what is read later, whatever its path leads to by then.
TEST_F(OnnxFiles, LinksMayNotBeSwapped) {
  write("inside.bin", std::string(4000, 'w'));
  ASSERT_FALSE(fs::create_link("inside.bin", at("data.bin")));
  ReadResult read = readAdd(wireExternal("w", OnnxDataType::Float, {1000}, "data.bin"));
  ASSERT_EQ(read.errors(), "");
  llvm::Expected<std::string> before = digestModel(read.model);
  ASSERT_TRUE(bool(before)) << llvm::toString(before.takeError());
  ASSERT_FALSE(fs::remove(at("data.bin")));
  ASSERT_FALSE(fs::create_link("/etc/passwd", at("data.bin")));
  llvm::Expected<std::string> after = digestModel(read.model);
  ASSERT_TRUE(bool(after)) << llvm::toString(after.takeError());
  EXPECT_EQ(*after, *before);
  ASSERT_FALSE(fs::remove(at("inside.bin")));
  ASSERT_FALSE(fs::create_link("/etc/passwd", at("inside.bin")));
  EXPECT_NE(llvm::toString(digestModel(read.model).takeError()).find("changed while it was compiled"),
            std::string::npos);
}

TEST_F(OnnxFiles, ExternalDataStayInTheFolder) {
  write("data.bin", std::string(4000, 'w'));
  for (std::string location : {at("data.bin"), std::string("../data.bin"), std::string("a/../data.bin"),
                               std::string(""), std::string("data.bin\0x", 10)}) {
    std::string errors = readAdd(wireExternal("w", OnnxDataType::Float, {1000}, location)).errors();
    EXPECT_NE(errors.find("initializer 'w' has the location"), std::string::npos) << location << ": " << errors;
  }
}

TEST_F(OnnxFiles, ExternalDataMustBeThere) {
  auto errors = [&](const Wire &w) { return readAdd(w).errors(); };
  auto F = OnnxDataType::Float;
  std::string missing = errors(wireExternal("w", F, {1000}, "missing.bin"));
  EXPECT_NE(missing.find("initializer 'w' needs the file '" + at("missing.bin") + "': No such file"), std::string::npos)
      << missing;
  ASSERT_FALSE(fs::create_directory(at("folder")));
  EXPECT_NE(errors(wireExternal("w", F, {1000}, "folder")).find("folder"), std::string::npos);
  EXPECT_NE(errors(wireExternal("w", F, {1000}, ".")).find("initializer 'w' needs the file"), std::string::npos);
  write("data.bin", std::string(4000, 'w'));
  EXPECT_NE(errors(wireExternal("w", F, {1000}, "data.bin", 1)).find("bytes 1 to 4001"), std::string::npos);
  EXPECT_NE(errors(wireExternal("w", F, {1}, "data.bin", 4000)).find("bytes 4000 to 4004"), std::string::npos);
  EXPECT_NE(errors(wireExternal("w", F, {1}, "data.bin", INT64_MAX)).find("which has 4000"), std::string::npos);
  EXPECT_NE(errors(wireExternal("w", F, {1000}, "data.bin", 0, 3999)).find("needs 4000"), std::string::npos);
  EXPECT_NE(errors(wireExternal("w", OnnxDataType::String, {1}, "data.bin")).find("strings"), std::string::npos);
}

TEST_F(OnnxFiles, ModelsAboveTwoGigabytesAreNotLoaded) {
  const uint64_t size = uint64_t(3) << 30;
  Wire tensor = wireTensor("w", OnnxDataType::Float, {int64_t(size / 4)}).head(9, size);
  Wire graph = Wire().bytes(2, "g").bytes(11, wireValue("x")).bytes(12, wireValue("y"));
  graph.bytes(1, wireNode("Add", {"x", "w"}, {"y"})).head(5, tensor.out.size() + size).out += tensor.out;
  Wire model = wireModel().head(7, graph.out.size() + size);
  model.out += graph.out;
  write("model.onnx", model.out);
  int handle;
  ASSERT_FALSE(fs::openFileForWrite(at("model.onnx"), handle, fs::CD_OpenExisting));
  ASSERT_FALSE(fs::resize_file_sparse(handle, model.out.size() + size));
  fs::closeFile(handle);

  auto memory = [] {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss; // KiB
  };
  long before = memory();
  llvm::Expected<OnnxModel> read = readModel(at("model.onnx"));
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_LT(memory() - before, 64 * 1024);
  EXPECT_EQ(read->graph.initializers.at(0).offset, model.out.size());
  EXPECT_EQ(read->graph.initializers.at(0).length, size);
}

TEST_F(OnnxFiles, ModelMustBeAFile) {
  EXPECT_EQ(llvm::toString(readModel(at("none.onnx")).takeError()), "No such file or directory");
  EXPECT_EQ(llvm::toString(readModel(folder).takeError()), "it is a folder");
  write("empty.onnx", "");
  EXPECT_NE(llvm::toString(readModel(at("empty.onnx")).takeError()).find("empty"), std::string::npos);
}

TEST_F(OnnxFiles, DigestsAllFiles) {
  write("a", "a");
  write("b", "bc");
  OnnxModel model;
  for (const char *name : {"a", "b"}) {
    OnnxFile &file = model.files.emplace_back(OnnxFile{at(name), name, at(name), {}});
    llvm::Expected<int> fd = openRegularFile(file.path, file.identity);
    ASSERT_TRUE(bool(fd));
    close(*fd);
  }
  llvm::Expected<std::string> digest = digestModel(model);
  ASSERT_TRUE(bool(digest));
  // BLAKE3 of "abc", from the reference implementation's b3sum.
  EXPECT_EQ(*digest, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
  model.files.push_back({at("c"), "c", at("c"), {}});
  EXPECT_NE(llvm::toString(digestModel(model).takeError()).find("No such file"), std::string::npos);
}

TEST_F(OnnxFiles, AsksWhetherItIsAModel) {
  auto errorOf = [&](const std::string &content) {
    write("model.onnx", content);
    return llvm::toString(readModel(at("model.onnx")).takeError());
  };
  const std::string question = "; is this an ONNX file?",
                    model = wireAddModel(wireTensor("w", OnnxDataType::Float, {1}, "wwww"));
  for (const std::string &other : {std::string("To whom it may concern"),
                                   std::string("\x7f"
                                               "ELF\2\1\1"),
                                   std::string("PK\3\4"), std::string("\x89PNG\r\n"), std::string(100, '\0')})
    EXPECT_TRUE(StringRef(errorOf(other)).ends_with(question)) << other;
  EXPECT_EQ(errorOf(Wire().integer(1, 8).out), "not an ONNX model: it has no graph" + question);
  EXPECT_EQ(errorOf(wireTensor("w", OnnxDataType::Float, {1}, "wwww").out),
            "not an ONNX model: protobuf cannot parse it" + question);
  EXPECT_EQ(errorOf(model.substr(0, model.size() - 1)).find(question), std::string::npos);
}

TEST_F(OnnxFiles, FoldsWhatIsWrongWithOneFile) {
  Wire graph = wireAddGraph(wireExternal("w", OnnxDataType::Float, {1000}, "none.bin"));
  for (const char *name : {"u", "v"})
    graph.bytes(5, wireExternal(name, OnnxDataType::Float, {1000}, "none.bin"));
  graph.bytes(5, wireExternal("z", OnnxDataType::Float, {1000}, "other.bin"));
  write("model.onnx", wireModel().bytes(7, graph).out);
  ReadResult read;
  read.model = readModel(at("model.onnx"), read.problems);
  EXPECT_EQ(read.errors(), "initializer 'w' needs the file '" + at("none.bin") +
                               "': No such file or directory (and 2 more like it)\ninitializer 'z' needs the file '" +
                               at("other.bin") + "': No such file or directory\n");
}

TEST(OnnxModel, KeepsNumbersFromShapeInferenceThatItFallsOver) {
  const std::string norm = "g (float[2,3] x, float[3] s) => (float[2,3] y) { y = LayerNormalization <axis = ";
  EXPECT_EQ(readText(norm + "9223372036854775807> (x, s) }", 17).errors(), "");
  EXPECT_EQ(
      readText("g (float[4] x) => (float[2] y) { y = Split <axis = 0, num_outputs = 2147483647> (x) }", 18).errors(),
      "");
  // By way of functions, too.
  const std::string header = "\n<domain: \"local\", opset_import: [\"\" : 18]>\n";
  EXPECT_EQ(readText("g (float[2,3] x, float[3] s) => (float[2,3] y) { y = local.f<k = 9223372036854775807>(x, s) }" +
                         header + "f <k> (x, s) => (y) { y = LayerNormalization <axis: int = @k> (x, s) }",
                     18)
                .errors(),
            "");
  EXPECT_EQ(readText("g (float[4] x) => (float[2] y) { y = local.f<k = 2147483647>(x) }" + header +
                         "f <k> (x) => (y) { y = Split <num_outputs: int = @k> (x) }",
                     18)
                .errors(),
            "");
}
