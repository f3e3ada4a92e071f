// Models that use all that the reader looks into: what mutations start from.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef HONE_TEST_UNIT_ONNX_SEEDS_H
#define HONE_TEST_UNIT_ONNX_SEEDS_H

#include "test/unit/onnx/Wire.h"

namespace hone {

/// A binary model: a payload to strip, tensors of all kinds of places, inner graphs, a function of its own and a
/// standard one.
inline std::string richModel() {
  Wire big = wireTensor("big", OnnxDataType::Float, {300}, std::string(1200, 'b'));
  Wire value =
      Wire().bytes(1, "value").bytes(5, wireTensor("", OnnxDataType::Int64, {2}, std::string(16, 1))).integer(20, 4);
  Wire branch = Wire().bytes(2, "branch").bytes(1, wireNode("Neg", {"y0"}, {"z0"})).bytes(12, Wire().bytes(1, "z0"));
  Wire yes = Wire().bytes(1, "then_branch").bytes(6, branch).integer(20, 5);
  Wire no = Wire().bytes(1, "else_branch").bytes(6, branch).integer(20, 5);
  Wire graph = Wire().bytes(2, "g").bytes(11, wireValue("x")).bytes(12, wireValue("y"));
  graph.bytes(5, big).bytes(5, wireTensor("cond", OnnxDataType::Bool, {}, std::string(1, 1)));
  graph.bytes(1, wireNode("Constant", {}, {"shape"}).bytes(5, value));
  graph.bytes(1, wireNode("Add", {"x", "big"}, {"y0"}));
  graph.bytes(1, wireNode("If", {"cond"}, {"y1"}).bytes(5, yes).bytes(5, no));
  graph.bytes(1, wireNode("f", {"y1"}, {"y2"}).bytes(7, "local"));
  graph.bytes(
      1, wireNode("Softmax", {"y2"}, {"y"}, "last").bytes(5, Wire().bytes(1, "axis").integer(3, -1).integer(20, 2)));
  Wire function =
      Wire().bytes(1, "f").bytes(10, "local").bytes(4, "a").bytes(5, "b").bytes(7, wireNode("Abs", {"a"}, {"b"}));
  function.bytes(9, Wire().bytes(1, "").integer(2, 17));
  return wireModel().bytes(8, Wire().bytes(1, "local").integer(2, 1)).bytes(25, function).bytes(7, graph).out;
}

/// The same in text form, as far as it goes.
constexpr char richText[] = R"(<ir_version: 10, opset_import: ["" : 18, "local" : 1]>
g (float[N, 4] x, seq(float[N]) s) => (float[N, M] y) <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}, int64[1] k = {-1}> {
  t = MatMul(x, w)   # comment
  [node] u = local.f<slope = 0.5, names = ["a", "b"]>(t)
  y = Softmax<axis = -1>(u)
}
<domain: "local", opset_import: ["" : 18]>
f <slope> (x) => (z) { z = LeakyRelu<alpha: float = @slope>(x) }
)";

} // namespace hone

#endif
