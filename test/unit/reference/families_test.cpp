// Moves, reductions, row ops, products; whole functions.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "test/unit/reference/Evaluate.h"
#include <limits>

using namespace hone;
using Shape = ReferenceTest;
using Reduce = ReferenceTest;
using Rows = ReferenceTest;
using Extern = ReferenceTest;
using Functions = ReferenceTest;

using I = int64_t;
using F = float;

TEST_F(Shape, Sources) {
  expectEqual(run("hone.constant dense<[true, false]> : tensor<2xi1>", {}), vector<bool>({true, false}));
  expectEqual(run("hone.constant dense<2.5> : tensor<2x2xf64>", {}), tensor<double>({2, 2}, {2.5, 2.5, 2.5, 2.5}));
  expectEqual(run("hone.constant dense<255> : tensor<1xui8>", {}), vector<uint8_t>({255}));
  expectEqual(run("hone.from_elements %c3, %m1 : tensor<2xi64>", {}), vector<I>({3, -1}));
  expectEqual(run("hone.range %0, %1[%c3] : tensor<i8>, tensor<i8> -> tensor<3xi8>",
                  {tensor<int8_t>({}, {120}), tensor<int8_t>({}, {7})}),
              vector<int8_t>({120, 127, -122}));
  // The first outputs of SplitMix64 for seed 0 are e220a8397b1dcdaf, 6e789e6aa1b965f4.
  expectEqual(run("hone.random_uniform 0[%c2] : tensor<2xf32>", {}),
              vector<F>({0xe220a8 * 0x1p-24f, 0x6e789e * 0x1p-24f}));
}

TEST_F(Shape, Views) {
  HostTensor x = tensor<I>({2, 3}, {1, 2, 3, 4, 5, 6});
  expectEqual(run("hone.reshape %0[%c3, %c2] : tensor<2x3xi64> -> tensor<3x2xi64>", {x}),
              tensor<I>({3, 2}, {1, 2, 3, 4, 5, 6}));
  expectEqual(run("hone.transpose %0 [1, 0] : tensor<2x3xi64> -> tensor<3x2xi64>", {x}),
              tensor<I>({3, 2}, {1, 4, 2, 5, 3, 6}));
  expectEqual(run("hone.expand %0[%c2, %c2] : tensor<2x1xi64> -> tensor<2x2xi64>", {tensor<I>({2, 1}, {1, 2})}),
              tensor<I>({2, 2}, {1, 1, 2, 2}));
  expectEqual(run("hone.slice %0[%c1, %c2] [%c1, %c2] [%c1, %m2] : tensor<2x3xi64> -> tensor<1x2xi64>", {x}),
              tensor<I>({1, 2}, {6, 4}));
  EXPECT_NE(failure("hone.slice %0[%c0, %c2] [%c1, %c2] [%c1, %c1] : tensor<2x3xi64> -> tensor<1x2xi64>", {x})
                .find("index 3 is outside a dim of 3"),
            std::string::npos);
  EXPECT_NE(failure("hone.reshape %0[%c4] : tensor<2x3xi64> -> tensor<4xi64>", {x}).find("cannot make [4] of [2, 3]"),
            std::string::npos);
}

TEST_F(Shape, Assemble) {
  HostTensor x = tensor<I>({1, 2}, {1, 2}), y = tensor<I>({1, 1}, {3}), none = tensor<I>({1, 0}, {});
  expectEqual(run("hone.concat %0, %1, %2 {axis = 1 : i64} : tensor<1x2xi64>, tensor<1x0xi64>, tensor<1x1xi64> -> "
                  "tensor<1x3xi64>",
                  {x, none, y}),
              tensor<I>({1, 3}, {1, 2, 3}));
  expectEqual(run("hone.tile %0[%c2, %c2] : tensor<1x2xi64> -> tensor<2x4xi64>", {x}),
              tensor<I>({2, 4}, {1, 2, 1, 2, 1, 2, 1, 2}));
  HostTensor v = vector<I>({1, 2, 3}), nine = tensor<I>({}, {9});
  auto pad = [&](std::string amounts, std::string mode, std::string size) {
    return run("hone.pad %0, %1" + amounts + " \"" + mode + "\" : tensor<3xi64>, tensor<i64> -> tensor<" + size +
                   "xi64>",
               {v, nine});
  };
  expectEqual(pad("[%c1] [%m1]", "constant", "3"), vector<I>({9, 1, 2}));
  expectEqual(pad("[%c2] [%c1]", "edge", "6"), vector<I>({1, 1, 1, 2, 3, 3}));
  expectEqual(pad("[%c4] [%c3]", "reflect", "10"), vector<I>({1, 2, 3, 2, 1, 2, 3, 2, 1, 2}));
  expectEqual(pad("[%c4] [%c1]", "wrap", "8"), vector<I>({3, 1, 2, 3, 1, 2, 3, 1}));
  expectEqual(run("hone.trilu %0, %c1 {upper = true} : tensor<2x3xi64> -> tensor<2x3xi64>",
                  {tensor<I>({2, 3}, {1, 2, 3, 4, 5, 6})}),
              tensor<I>({2, 3}, {0, 2, 3, 0, 0, 6}));
}

TEST_F(Shape, Index) {
  HostTensor data = tensor<F>({2, 2}, {1, 2, 3, 4});
  expectEqual(run("hone.gather %0, %1 {axis = 0 : i64} : tensor<2x2xf32>, tensor<3xi64> -> tensor<3x2xf32>",
                  {data, vector<I>({-1, 0, 1})}),
              tensor<F>({3, 2}, {3, 4, 1, 2, 3, 4}));
  EXPECT_NE(failure("hone.gather %0, %1 {axis = 0 : i64} : tensor<2x2xf32>, tensor<1xi64> -> tensor<1x2xf32>",
                    {data, vector<I>({2})})
                .find("index 2 is outside a dim of 2"),
            std::string::npos);
  expectEqual(run("hone.gather_elements %0, %1 {axis = 1 : i64} : tensor<2x2xf32>, tensor<2x1xi64> -> tensor<2x1xf32>",
                  {data, tensor<I>({2, 1}, {1, -2})}),
              tensor<F>({2, 1}, {2, 3}));
  expectEqual(run("hone.gather_nd %0, %1 {batch_dims = 1 : i64} : tensor<2x2xf32>, tensor<2x1xi64> -> tensor<2xf32>",
                  {data, tensor<I>({2, 1}, {1, 0})}),
              vector<F>({2, 3}));
  expectEqual(run("hone.one_hot %0, %c3, %1 {axis = 1 : i64} : tensor<3xi64>, tensor<2xf32> -> tensor<3x3xf32>",
                  {vector<I>({1, -1, 7}), vector<F>({0, 5})}),
              tensor<F>({3, 3}, {0, 5, 0, 0, 0, 5, 0, 0, 0}));
  // No negative index, though 64 bits with a sign would be one.
  expectEqual(run("hone.one_hot %0, %c3, %1 {axis = 1 : i64} : tensor<1xui64>, tensor<2xf32> -> tensor<1x3xf32>",
                  {vector<uint64_t>({~uint64_t(0)}), vector<F>({0, 5})}),
              tensor<F>({1, 3}, {0, 0, 0}));
  std::string types = "tensor<3xf32>, tensor<3xi64>, tensor<3xf32> -> tensor<3xf32>";
  std::vector<HostTensor> scattered = {vector<F>({1, 2, 3}), vector<I>({0, 0, -1}), vector<F>({5, 6, nan})};
  expectEqual(run("hone.scatter_elements %0, %1, %2 \"none\" {axis = 0 : i64} : " + types, scattered),
              vector<F>({6, 2, nan}));
  expectEqual(run("hone.scatter_elements %0, %1, %2 \"add\" {axis = 0 : i64} : " + types, scattered),
              vector<F>({12, 2, nan}));
  expectEqual(run("hone.scatter_elements %0, %1, %2 \"max\" {axis = 0 : i64} : " + types, scattered),
              vector<F>({6, 2, nan}));
  expectEqual(run("hone.scatter_nd %0, %1, %2 \"mul\" : tensor<2x2xf32>, tensor<1x1xi64>, tensor<1x2xf32> -> "
                  "tensor<2x2xf32>",
                  {data, tensor<I>({1, 1}, {-1}), tensor<F>({1, 2}, {10, 100})}),
              tensor<F>({2, 2}, {1, 2, 30, 400}));
}

TEST_F(Reduce, Combine) {
  HostTensor x = tensor<F>({2, 3}, {1, 2, 3, 4, nan, 6});
  expectEqual(run("hone.reduce sum %0 [1] : tensor<2x3xf32> -> tensor<2xf32>", {x}), vector<F>({6, nan}));
  expectEqual(run("hone.reduce max %0 [0] {keepdims} : tensor<2x3xf32> -> tensor<1x3xf32>", {x}),
              tensor<F>({1, 3}, {4, nan, 6}));
  HostTensor none = tensor<F>({0, 2}, {});
  auto empty = [&](std::string kind) {
    return run("hone.reduce " + kind + " %0 [0] : tensor<0x2xf32> -> tensor<2xf32>", {none});
  };
  expectEqual(empty("sum"), vector<F>({0, 0}));
  expectEqual(empty("prod"), vector<F>({1, 1}));
  expectEqual(empty("max"), vector<F>({-inf, -inf}));
  expectEqual(empty("min"), vector<F>({inf, inf}));
  expectEqual(run("hone.reduce max %0 [0] : tensor<0xui8> -> tensor<ui8>", {tensor<uint8_t>({0}, {})}),
              tensor<uint8_t>({}, {0}));
  expectEqual(run("hone.reduce sum %0 [0] : tensor<2xi8> -> tensor<i8>", {vector<int8_t>({127, 1})}),
              tensor<int8_t>({}, {-128}));
  // What f32 alone would lose.
  expectEqual(run("hone.reduce sum %0 [0] : tensor<3xf32> -> tensor<f32>", {vector<F>({1e8f, 1, -1e8f})}),
              tensor<F>({}, {1}));
}

TEST_F(Reduce, Choose) {
  HostTensor x = tensor<F>({2, 4}, {3, 1, 3, 1, 0, nan, 5, nan});
  auto arg = [&](std::string op) { return run("hone.arg_reduce " + op + " : tensor<2x4xf32> -> tensor<2xi64>", {x}); };
  expectEqual(arg("max %0 {axis = 1 : i64}"), vector<I>({0, 1}));
  expectEqual(arg("max %0 {axis = 1 : i64, select_last}"), vector<I>({2, 3}));
  expectEqual(arg("min %0 {axis = 1 : i64}"), vector<I>({1, 1}));
  expectEqual(arg("min %0 {axis = 1 : i64, select_last}"), vector<I>({3, 3}));
  for (bool largest : {true, false}) {
    auto top =
        evaluateText(std::string("hone.topk %0, %c3 {axis = 1 : i64, largest = ") + (largest ? "true" : "false") +
                         "} : tensor<2x4xf32> -> tensor<2x3xf32>, tensor<2x3xi64>",
                     {x});
    ASSERT_TRUE(bool(top)) << llvm::toString(top.takeError());
    expectEqual((*top)[0],
                tensor<F>({2, 3}, largest ? std::vector<F>{3, 3, 1, nan, nan, 5} : std::vector<F>{1, 1, 3, 0, 5, nan}));
    expectEqual((*top)[1],
                tensor<I>({2, 3}, largest ? std::vector<I>{0, 2, 1, 1, 3, 2} : std::vector<I>{1, 3, 0, 0, 2, 1}));
  }
  auto sums = [&](std::string flags) {
    return run("hone.cumsum %0 {axis = 0 : i64" + flags + "} : tensor<3xi64> -> tensor<3xi64>", {vector<I>({1, 2, 3})});
  };
  expectEqual(sums(""), vector<I>({1, 3, 6}));
  expectEqual(sums(", exclusive"), vector<I>({0, 1, 3}));
  expectEqual(sums(", reverse"), vector<I>({6, 5, 3}));
  expectEqual(sums(", exclusive, reverse"), vector<I>({5, 3, 0}));
}

TEST_F(Rows, SoftmaxAndNorms) {
  HostTensor x = tensor<F>({2, 2}, {0, std::log(3.0f), -inf, -inf});
  expectEqual(run("hone.softmax %0 {axis = 1 : i64} : tensor<2x2xf32> -> tensor<2x2xf32>", {x}),
              tensor<F>({2, 2}, {0.25f, 0.75f, nan, nan}), 1);
  expectEqual(run("hone.softmax %0 {axis = 0 : i64, log} : tensor<2x1xf32> -> tensor<2x1xf32>",
                  {tensor<F>({2, 1}, {1000, 1000})}),
              tensor<F>({2, 1}, {-std::log(2.0f), -std::log(2.0f)}), 1);
  // Mean 2, variance 1.
  expectEqual(run("hone.layer_norm %0, %1, %2 {axis = 1 : i64, epsilon = 0.0 : f32} : tensor<1x2xf32>, tensor<2xf32>, "
                  "tensor<f32> -> tensor<1x2xf32>",
                  {tensor<F>({1, 2}, {1, 3}), vector<F>({2, 5}), tensor<F>({}, {10})}),
              tensor<F>({1, 2}, {8, 15}));
  expectEqual(
      run("hone.rms_norm %0, %1 {axis = 0 : i64, epsilon = 0.0 : f32} : tensor<2xf32>, tensor<2xf32> -> tensor<2xf32>",
          {vector<F>({7, -1}), vector<F>({5, 5})}),
      vector<F>({7, -1}));
}

TEST_F(Rows, Products) {
  HostTensor a = tensor<int32_t>({2, 2}, {1, 2, 3, 4}), b = tensor<int32_t>({2, 1}, {5, 6});
  expectEqual(run("hone.matmul %0, %1 : tensor<2x2xi32>, tensor<2x1xi32> -> tensor<2x1xi32>", {a, b}),
              tensor<int32_t>({2, 1}, {17, 39}));
  expectEqual(run("hone.matmul %0, %1 {transpose_rhs} : tensor<2x2xi32>, tensor<3x1x2xi32> -> tensor<3x2x1xi32>",
                  {a, tensor<int32_t>({3, 1, 2}, {1, 0, 0, 1, 1, 1})}),
              tensor<int32_t>({3, 2, 1}, {1, 3, 2, 4, 3, 7}));
  // Panels of two columns: [1 2; 3 4] and [5; 6].
  expectEqual(run("hone.unpack %0 dims [1] tiles [2] order [1, 0] : tensor<2x2x2xf32> -> tensor<2x3xf32>",
                  {tensor<F>({2, 2, 2}, {1, 2, 3, 4, 5, 0, 6, 0})}),
              tensor<F>({2, 3}, {1, 2, 5, 3, 4, 6}));
  // Tiles of 2 x 3 of a 3 x 4 matrix, dims as they are.
  expectEqual(run("hone.unpack %0 dims [0, 1] tiles [2, 3] : tensor<2x2x2x3xi32> -> tensor<3x4xi32>",
                  {tensor<int32_t>({2, 2, 2, 3}, {0, 1, 2,  4,  5,  6,  3,  -1, -1, 7,  -1, -1,
                                                  8, 9, 10, -1, -1, -1, 11, -1, -1, -1, -1, -1})}),
              tensor<int32_t>({3, 4}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  expectEqual(run("hone.matmul %0, %1 : tensor<2x0xf32>, tensor<0x1xf32> -> tensor<2x1xf32>",
                  {tensor<F>({2, 0}, {}), tensor<F>({0, 1}, {})}),
              tensor<F>({2, 1}, {0, 0}));
}

/// Factors become what the result is before they are multiplied.
TEST_F(Rows, ProductsOfNarrowFactors) {
  HostTensor signs = tensor<int8_t>({1, 2}, {-128, -1}), bytes = tensor<uint8_t>({2, 1}, {255, 128});
  expectEqual(run("hone.matmul %0, %1 : tensor<1x2xi8>, tensor<2x1xui8> -> tensor<1x1xi32>", {signs, bytes}),
              tensor<int32_t>({1, 1}, {-128 * 255 - 128}));
  HostTensor nibbles = stored("i4", {-8, 7}), halves = stored("f16", {0x3c00, 0xc000}); // 1, -2
  nibbles.dims = {2, 1};
  halves.dims = {1, 2};
  expectEqual(run("hone.matmul %0, %1 : tensor<1x2xf16>, tensor<2x1xi4> -> tensor<1x1xf32>", {halves, nibbles}),
              tensor<F>({1, 1}, {-22}));
  // 65504 + 65504 is none of f16.
  HostTensor large = stored("f16", {0x7bff, 0x7bff}), ones = stored("bf16", {0x3f80, 0x3f80});
  large.dims = {1, 2};
  ones.dims = {2, 1};
  expectEqual(run("hone.matmul %0, %1 : tensor<1x2xf16>, tensor<2x1xbf16> -> tensor<1x1xf32>", {large, ones}),
              tensor<F>({1, 1}, {131008}));
}

TEST_F(Rows, Attention) {
  HostTensor q = tensor<F>({1, 2, 1, 1}, {0, 1}), k = tensor<F>({1, 2, 1, 1}, {0, std::log(3.0f)});
  HostTensor v = tensor<F>({1, 2, 1, 1}, {4, 8}), mask = tensor<F>({2, 1}, {0, -inf});
  auto attention = [&](std::string flags) {
    return run("hone.attention %0, %1, %2, %3 {scale = 1.0 : f32" + flags +
                   "} : tensor<1x2x1x1xf32>, tensor<1x2x1x1xf32>, "
                   "tensor<1x2x1x1xf32>, tensor<2x1xf32> -> tensor<1x2x1x1xf32>",
               {q, k, v, mask});
  };
  expectEqual(attention(""), tensor<F>({1, 2, 1, 1}, {6, nan}));
  expectEqual(attention(", guarded"), tensor<F>({1, 2, 1, 1}, {6, 0}));
  expectEqual(run("hone.attention %0, %1, %2 {scale = 1.0 : f32} : tensor<1x2x1x1xf32>, tensor<1x2x1x1xf32>, "
                  "tensor<1x2x1x1xf32> -> tensor<1x2x1x1xf32>",
                  {q, k, v}),
              tensor<F>({1, 2, 1, 1}, {6, 7}), 1);
  // A mask of booleans; a masked row has equal weights where the fill is finite.
  auto selected = [&](std::string fill) {
    return run("hone.attention %0, %1, %2, %3 {scale = 1.0 : f32, fill = " + fill +
                   " : f32} : tensor<1x2x1x1xf32>, tensor<1x2x1x1xf32>, "
                   "tensor<1x2x1x1xf32>, tensor<2x2xi1> -> tensor<1x2x1x1xf32>",
               {q, k, v, tensor<bool>({2, 2}, {true, false, false, false})});
  };
  expectEqual(selected("-1.0e30"), tensor<F>({1, 2, 1, 1}, {4, 6}));
  expectEqual(selected("0xFF800000"), tensor<F>({1, 2, 1, 1}, {4, nan}));
  // Four heads in two groups, one key: each head gets its group's value.
  expectEqual(
      run("hone.attention %0, %1, %2 {scale = 1.0 : f32} : tensor<1x1x4x1xf32>, tensor<1x1x2x1xf32>, "
          "tensor<1x1x2x1xf32> -> tensor<1x1x4x1xf32>",
          {tensor<F>({1, 1, 4, 1}, {1, 2, 3, 4}), tensor<F>({1, 1, 2, 1}, {1, 1}), tensor<F>({1, 1, 2, 1}, {5, 9})}),
      tensor<F>({1, 1, 4, 1}, {5, 5, 9, 9}));
}

// The example of ONNX's specification, test_nonmaxsuppression_suppress_by_IOU.
TEST_F(Extern, NonMaxSuppression) {
  HostTensor boxes = tensor<F>(
      {1, 6, 4}, {0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100, 1, 101});
  HostTensor scores = tensor<F>({1, 1, 6}, {0.9, 0.75, 0.6, 0.95, 0.5, 0.3});
  auto suppress = [&](I most, std::string room, std::string function = "non_max_suppression") {
    return evaluateText("hone.extern \"" + function + "\"(%0, %1, %2, %3, %4) to(%c" + room +
                            ", %c3) {parameters = array<i64: 0>} : (tensor<1x6x4xf32>, tensor<1x1x6xf32>, tensor<i64>, "
                            "tensor<f32>, tensor<f32>) -> (tensor<?x3xi64>, tensor<i64>)",
                        {boxes, scores, tensor<I>({}, {most}), tensor<F>({}, {0.5}), tensor<F>({}, {0})});
  };
  auto results = suppress(3, "4");
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  expectEqual((*results)[0], tensor<I>({4, 3}, {0, 0, 3, 0, 0, 0, 0, 0, 5, 0, 0, 0}));
  expectEqual((*results)[1], tensor<I>({}, {3}));
  EXPECT_NE(llvm::toString(suppress(3, "2").takeError()).find("gives 3 rows, not 2"), std::string::npos);
  EXPECT_NE(llvm::toString(suppress(3, "4", "other").takeError()).find("does not know"), std::string::npos);
}

TEST_F(Functions, WeightsChecksAndHostArithmetic) {
  context.loadDialect<mlir::tensor::TensorDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(
    hone.weight @file : tensor<2x3xf32> = #hone.file<"w.bin", offset = 0, length = 24>
    hone.weight @dense : tensor<1x3xf32> = dense<[[7.0, 8.0, 9.0]]> : tensor<1x3xf32>
    hone.weight @joined : tensor<3x3xf32> = #hone.concat<[@file, @dense], axis = 0>
    hone.weight @packed : tensor<2x2x2xf32> = #hone.pack<@file, dims = [1], tiles = [2], order = [1, 0]>
    func.func @main(%x: tensor<?xf32>, %n: tensor<1xi64>) -> (tensor<3x3xf32>, tensor<2x2x2xf32>, tensor<?xf32>) {
      %c0 = arith.constant 0 : index
      %c2 = arith.constant 2 : index
      %size = tensor.dim %x, %c0 : tensor<?xf32>
      %wanted = tensor.extract %n[%c0] : tensor<1xi64>
      %number = arith.index_cast %wanted : i64 to index
      %half = arith.divsi %size, %c2 : index
      %fits = arith.cmpi sle, %number, %half : index
      hone.check %fits, "{0} is more than {1}" (%number, %half)
      %c1 = arith.constant 1 : index
      %y = hone.slice %x[%c0] [%number] [%c1] : tensor<?xf32> -> tensor<?xf32>
      %joined = hone.use_weight @joined : tensor<3x3xf32>
      %packed = hone.use_weight @packed : tensor<2x2x2xf32>
      return %joined, %packed, %y : tensor<3x3xf32>, tensor<2x2x2xf32>, tensor<?xf32>
    })",
                                                        &context);
  ASSERT_TRUE(bool(module));
  auto main = module->lookupSymbol<mlir::func::FuncOp>("main");
  auto reader = [&](WeightOp weight) -> llvm::Expected<std::vector<char>> {
    EXPECT_EQ(weight.getSymName(), "file");
    return tensor<F>({6}, {1, 2, 3, 4, 5, 6}).bytes;
  };
  HostTensor x = vector<F>({1, 2, 3, 4});
  auto results = evaluateFunction(main, {x, vector<I>({2})}, reader);
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  expectEqual((*results)[0], tensor<F>({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}));
  expectEqual((*results)[1], tensor<F>({2, 2, 2}, {1, 2, 4, 5, 3, 0, 6, 0}));
  expectEqual((*results)[2], vector<F>({1, 2}));

  auto failed = evaluateFunction(main, {x, vector<I>({3})}, reader);
  EXPECT_EQ(llvm::toString(failed.takeError()), "3 is more than 2");
  auto unfit = evaluateFunction(main, {tensor<F>({2, 2}, {1, 2, 3, 4}), vector<I>({3})}, reader);
  EXPECT_EQ(llvm::toString(unfit.takeError()), "input 0 should be tensor<?xf32>, but is [2, 2] of f32");
}
