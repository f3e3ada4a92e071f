// Functions: the standard's definitions of operators, and those of a model.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/unit/onnx/Wire.h"
#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"
#include <set>

using namespace hone;

/// The expansion of the only node of a text model; its inputs' types are the graph's.
static std::optional<OnnxFunction> expandOnly(const std::string &graph, int opset) {
  ReadResult read = readText(graph, opset);
  EXPECT_EQ(read.errors(), "");
  if (read.model.graph.nodes.size() != 1)
    return std::nullopt;
  const OnnxNode &node = read.model.graph.nodes[0];
  std::vector<OnnxValueType> types;
  for (const std::string &input : node.inputs) {
    OnnxValueType &type = types.emplace_back();
    for (const OnnxValueInfo &value : read.model.graph.inputs)
      if (value.name == input)
        type = value.type;
  }
  return expandStandardFunction(node, types);
}

/// Checks that nodes read only what inputs or nodes before define, define nothing twice, define the first
/// `outputs` outputs, are complete and of known operators; returns the operators with the version of each.
static std::string shapeOf(const OnnxFunction &body, size_t outputs) {
  std::string ops;
  std::set<std::string> names, defined(body.inputs.begin(), body.inputs.end());
  for (const OnnxNode &node : body.nodes) {
    for (const std::string &input : node.inputs)
      EXPECT_TRUE(input.empty() || defined.count(input)) << node.describe() << " reads " << input;
    for (const std::string &output : node.outputs)
      EXPECT_TRUE(output.empty() || defined.insert(output).second) << node.describe() << " defines " << output;
    for (const OnnxAttribute &attribute : node.attributes)
      EXPECT_EQ(attribute.reference, "");
    EXPECT_TRUE(names.insert(node.name).second);
    EXPECT_GT(node.sinceVersion, 0) << node.describe();
    ops += (ops.empty() ? "" : " ") + node.op + std::to_string(node.sinceVersion);
  }
  for (size_t i = 0; i < outputs; ++i)
    EXPECT_TRUE(defined.count(body.outputs.at(i))) << body.outputs[i];
  return ops;
}

static std::string expansion(const std::string &op, int opset, const std::string &inputs = "float[N,C] x") {
  auto body = expandOnly("g (" + inputs + ") => (float y) { y = " + op + " }", opset);
  return body ? shapeOf(*body, 1) : "none";
}

TEST(OnnxStandardFunction, DependsOnTheOpset) {
  EXPECT_EQ(expansion("Softmax(x)", 12), "none");
  EXPECT_EQ(expansion("Softmax(x)", 13), "Constant13 ReduceMax13 Sub13 Exp13 ReduceSum13 Div13");
  EXPECT_EQ(expansion("Softmax(x)", 17), "Constant13 ReduceMax13 Sub13 Exp13 ReduceSum13 Div13");
  EXPECT_EQ(expansion("Softmax(x)", 18), "Constant13 ReduceMax18 Sub14 Exp13 ReduceSum13 Div14");
  EXPECT_EQ(expansion("Softmax(x)", 25), "Constant13 ReduceMax18 Sub14 Exp13 ReduceSum13 Div14");
  EXPECT_EQ(expansion("HardSwish(x)", 14), "HardSigmoid6 Mul14");
  EXPECT_EQ(expansion("HardSwish(x)", 22), "HardSigmoid22 Mul14");
  EXPECT_EQ(expansion("Celu(x)", 12), "Constant12 Div7 Elu6 Mul7");
  EXPECT_EQ(expansion("ReduceLogSumExp(x)", 13), "none");
  EXPECT_EQ(expansion("ReduceLogSumExp(x)", 18), "Cast13 Exp13 ReduceSum13 Log13 CastLike15");
  EXPECT_EQ(expansion("Relu(x)", 13), "none");
}

TEST(OnnxStandardFunction, DependsOnTheNode) {
  EXPECT_EQ(expansion("Clip(x)", 13), "Identity13");
  EXPECT_EQ(expansion("Clip(x, lo)", 13, "float[N,C] x, float lo"), "Less13 Where9");
  EXPECT_EQ(expansion("Clip(x, lo, hi)", 13, "float[N,C] x, float lo, float hi"), "Less13 Where9 Less13 Where9");
  std::string exact = expansion("Gelu(x)", 20), tanh = expansion("Gelu<approximate=\"tanh\">(x)", 20);
  EXPECT_NE(exact.find("Erf13"), std::string::npos) << exact;
  EXPECT_EQ(exact.find("Tanh"), std::string::npos);
  EXPECT_NE(tanh.find("Tanh13"), std::string::npos) << tanh;
  for (int opset : {9, 13, 18}) {
    std::string norm = expansion("MeanVarianceNormalization(x)", opset, "float[A,B,C,D] x");
    EXPECT_NE(norm.find(opset == 9    ? "ReduceMean1 "
                        : opset == 13 ? "ReduceMean13 "
                                      : "ReduceMean18 "),
              std::string::npos);
  }
  for (int opset : {17, 18, 23}) {
    std::string norm = expansion("LayerNormalization(x, s, b)", opset, "float[N,C] x, float[C] s, float[C] b");
    EXPECT_NE(norm.find(opset == 17 ? "ReduceMean13" : "ReduceMean18"), std::string::npos) << norm;
  }
  std::string loss = expansion("SoftmaxCrossEntropyLoss(x, l)", 13, "float[N,C] x, int64[N] l");
  EXPECT_NE(loss.find("NegativeLogLikelihoodLoss13"), std::string::npos) << loss;
}

TEST(OnnxStandardFunction, NeedsTypesWhereTheDefinitionDoes) {
  ReadResult read = readText("g (float[N,C] x, float[C] s) => (float[N,C] y) { y = LayerNormalization(x, s) }");
  EXPECT_FALSE(expandStandardFunction(read.model.graph.nodes.at(0), {}));
}

TEST(OnnxStandardFunction, SubstitutesAttributes) {
  auto body = expandOnly("g (float[A,B,C,D] x) => (float y) { [norm] y = MeanVarianceNormalization<axes=[1]>(x) }", 13);
  ASSERT_TRUE(body);
  for (const OnnxNode &node : body->nodes)
    if (node.op == "ReduceMean") {
      EXPECT_EQ(node.find("axes")->ints, std::vector<int64_t>{1});
    }
  EXPECT_EQ(body->nodes[0].name.rfind("norm::", 0), 0u);
  // Not given: the default of the operator's definition.
  body = expandOnly("g (float[A,B,C,D] x) => (float y) { y = MeanVarianceNormalization(x) }", 13);
  ASSERT_TRUE(body);
  for (const OnnxNode &node : body->nodes)
    if (node.op == "ReduceMean") {
      EXPECT_EQ(node.find("axes")->ints, (std::vector<int64_t>{0, 2, 3}));
    }
}

static OnnxFunction expandLocal(const ReadResult &read) {
  EXPECT_EQ(read.errors(), "");
  const OnnxNode &call = read.model.graph.nodes.at(0);
  EXPECT_GE(call.function, 0);
  return call.function < 0 ? OnnxFunction() : expandFunction(read.model.functions.at(call.function), call);
}

static const std::string localHeader = "\n<domain: \"local\", opset_import: [\"\" : 18]>\n";

TEST(OnnxLocalFunction, BindsAttributes) {
  ReadResult read = readText("g (float[N] a, float[N] b) => (float[N] c) { [call] c = local.f<slope=0.25>(a, b) }" +
                             localHeader + R"(f <slope, other: float = 3.0> (x, y) => (z) {
                               t = Add(x, y)
                               u = LeakyRelu<alpha: float = @slope>(t)
                               z = Elu<alpha: float = @other>(u)
                             })");
  OnnxFunction body = expandLocal(read);
  const std::vector<OnnxNode> &nodes = body.nodes;
  EXPECT_EQ(shapeOf(body, 1), "Add14 LeakyRelu16 Elu6");
  EXPECT_EQ(nodes.at(0).name, "call::Add_0");
  EXPECT_FLOAT_EQ(nodes.at(1).getFloat("alpha", 0), 0.25f);
  EXPECT_FLOAT_EQ(nodes.at(2).getFloat("alpha", 0), 3.0f);
}

TEST(OnnxLocalFunction, LeavesOutWhatTheCallLeavesOut) {
  ReadResult read = readText("g (float[N] a) => (float[N] c) { [call] c, unused = local.f(a) }" + localHeader +
                             R"(f <slope> (x, low) => (z, second, third) {
                               z = LeakyRelu<alpha: float = @slope>(x)
                               second = Clip(z, low)
                               third = Abs(second)
                             })");
  OnnxFunction body = expandLocal(read);
  const std::vector<OnnxNode> &nodes = body.nodes;
  EXPECT_EQ(shapeOf(body, 2), "LeakyRelu16 Clip13 Abs13");
  EXPECT_FLOAT_EQ(nodes.at(0).getFloat("alpha", 0), 0.01f); // the operator's default
  EXPECT_EQ(nodes.at(1).inputs[1], "");
}

TEST(OnnxLocalFunction, BindsInsideOfSubgraphs) {
  ReadResult read = readText("g (bool p, float[N] a) => (float[N] c) { [call] c = local.f<slope=0.25>(p, a) }" +
                             localHeader + R"(f <slope> (cond, x, low) => (z) {
                               z = If(cond) <then_branch = yes () => (u) { u = LeakyRelu<alpha: float = @slope>(x) },
                                             else_branch = no () => (v) { v = Clip(x, low) }>
                             })");
  OnnxFunction body = expandLocal(read);
  ASSERT_EQ(body.nodes.size(), 1u);
  const OnnxNode &yes = body.nodes[0].find("then_branch")->graphs.at(0).nodes.at(0),
                 &no = body.nodes[0].find("else_branch")->graphs.at(0).nodes.at(0);
  EXPECT_EQ(yes.getFloat("alpha", 0), 0.25f);
  EXPECT_EQ(no.inputs, (std::vector<std::string>{"x", ""}));
}

TEST(OnnxLocalFunction, NamesDoNotGrow) {
  std::string longName(1 << 20, 'n');
  ReadResult read =
      readText("g (float[N] a) => (float[N] c) { [\"" + longName + "x\"] b = local.f(a) [\"" + longName +
               "y\"] c = local.f(b) }" + localHeader + "f (x) => (z) { [first] t = Abs(x) [last] z = Neg(t) }");
  ASSERT_EQ(read.errors(), "");
  std::set<std::string> names;
  for (const OnnxNode &call : read.model.graph.nodes)
    for (const OnnxNode &node : expandFunction(read.model.functions.at(0), call).nodes) {
      EXPECT_LE(node.name.size(), kMaxExpandedName);
      EXPECT_EQ(node.name.rfind("nnnn", 0), 0u);
      EXPECT_NE(node.name.find("t", node.name.size() - 2), std::string::npos);
      names.insert(node.name);
    }
  EXPECT_EQ(names.size(), 4u); // still different ones
}

TEST(OnnxLocalFunction, CallsShareConstants) {
  Wire tensor = wireTensor("", OnnxDataType::Int64, {400});
  for (int i = 0; i < 400; ++i)
    tensor.integer(7, i); // int64_data, one by one
  auto constant = [](const std::string &name, uint32_t field, const Wire &value, int64_t kind) {
    return Wire().bytes(1, name).bytes(field, value).integer(20, kind);
  };
  Wire packed;
  for (int i = 0; i < 400; ++i)
    packed.put(i);
  Wire function = Wire().bytes(1, "f").bytes(10, "local").bytes(4, "x").bytes(5, "y").bytes(5, "z");
  function.bytes(7, wireNode("Constant", {}, {"y"}).bytes(5, constant("value", 5, tensor, 4)));
  function.bytes(7, wireNode("Constant", {}, {"z"}).bytes(5, constant("value_ints", 8, packed, 7)));
  function.bytes(9, Wire().bytes(1, "").integer(2, 18));
  Wire call = wireNode("f", {"x"}, {"y", "z"}).bytes(7, "local");
  Wire graph = Wire().bytes(2, "g").bytes(11, wireValue("x")).bytes(12, wireValue("y")).bytes(1, call);
  Wire model = wireModel(18).bytes(8, Wire().bytes(1, "local").integer(2, 1)).bytes(7, graph).bytes(25, function);
  ReadResult read = readBytes(model.out);
  ASSERT_EQ(read.errors(), "");
  const OnnxNode &node = read.model.graph.nodes.at(0);
  const OnnxFunction &body = read.model.functions.at(0);
  std::string expected;
  for (int64_t i = 0; i < 400; ++i)
    expected.append(reinterpret_cast<const char *>(&i), sizeof i);
  for (size_t i : {0, 1}) {
    const OnnxTensor &own = body.nodes.at(i).find("value")->tensors.at(0);
    EXPECT_EQ(own.dims, std::vector<int64_t>{400});
    EXPECT_EQ(llvm::StringRef(own.bytes), expected);
    OnnxNode bound = FunctionCall(body, node).bind(body.nodes[i]);
    EXPECT_EQ(bound.find("value")->tensors.at(0).bytes.data(), own.bytes.data());
  }
}

TEST(OnnxLocalFunction, MayNotCopyLongListsForEver) {
  std::string numbers = "0";
  for (int i = 1; i < 20000; ++i)
    numbers += "," + std::to_string(i);
  auto errors = [&](int calls) {
    std::string text = "g (float[N] a) => (float[N] c) { b0 = Abs(a)\n";
    for (int i = 0; i < calls; ++i)
      text += "b" + std::to_string(i + 1) + " = local.f(b" + std::to_string(i) + ")\n";
    return readText(text + "c = Abs(b" + std::to_string(calls) +
                    ") }\n<domain: \"local\", opset_import: [\"\" : 18, "
                    "\"odd\" : 1]>\nf (x) => (z) { z = odd.Op<list = [" +
                    numbers + "]>(x) }")
        .errors();
  };
  EXPECT_EQ(errors(100).find("more than a million nodes"), std::string::npos);
  EXPECT_NE(errors(100000).find("more than a million nodes"), std::string::npos);
}

TEST(OnnxLocalFunction, GoesBeforeOperators) {
  ReadResult read =
      readText("g (float[N] a) => (float[N] c) { c = Relu(a) }\n<domain: \"\", opset_import: [\"\" : 18]>\n"
               "Relu (x) => (y) { y = Abs(x) }");
  EXPECT_EQ(shapeOf(expandLocal(read), 1), "Abs13");
}

TEST(OnnxLocalFunction, MustComputeItsOutputs) {
  ReadResult read =
      readText("g (float[N] a) => (float[N] c) { c = local.f(a) }" + localHeader + "f (x) => (z) { t = Abs(x) }");
  EXPECT_NE(read.errors().find("function 'f' never computes its output 'z'"), std::string::npos);
}

TEST(OnnxLocalFunction, MustFitItsCalls) {
  ReadResult read =
      readText("g (float[N] a) => (float[N] c) { c = local.f(a, a) }" + localHeader + "f (x) => (z) { z = Abs(x) }");
  EXPECT_NE(read.errors().find("(f) has more inputs or outputs than its function"), std::string::npos) << read.errors();
}

TEST(OnnxLocalFunction, MayNotRecurse) {
  ReadResult read =
      readText("g (float[N] a) => (float[N] c) { c = local.f(a) }\n<domain: \"local\", opset_import: [\"\" : 18, "
               "\"local\" : 1]>\nf (x) => (z) { z = local.f(x) }");
  EXPECT_NE(read.errors().find("Cycle"), std::string::npos) << read.errors();
}

TEST(OnnxLocalFunction, MayNotExplode) {
  std::string text = "g (float[N] a) => (float[N] c) { c = local.f0(a) }\n";
  for (int i = 0; i < 40; ++i) {
    std::string next = i == 39 ? "Abs" : "local.f" + std::to_string(i + 1);
    text += "<domain: \"local\", opset_import: [\"\" : 18, \"local\" : 1]>\nf" + std::to_string(i) +
            " (x) => (z) { t = " + next + "(x) z = " + next + "(t) }\n";
  }
  EXPECT_NE(readText(text).errors().find("more than a million nodes"), std::string::npos);
}
