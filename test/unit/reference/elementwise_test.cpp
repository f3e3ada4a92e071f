// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/unit/reference/Evaluate.h"
#include <limits>

using namespace hone;
using Elementwise = ReferenceTest;

static constexpr int64_t least = std::numeric_limits<int64_t>::min(), greatest = std::numeric_limits<int64_t>::max();

TEST_F(Elementwise, KeepNanAndSigns) {
  HostTensor x = vector<float>({-2, -0.0f, 0, 3, nan, inf, -inf});
  auto unary = [&](std::string name) { return run("hone." + name + " %0 : tensor<7xf32> -> tensor<7xf32>", {x}); };
  expectEqual(unary("relu"), vector<float>({0, -0.0f, 0, 3, nan, inf, 0}));
  expectEqual(unary("abs"), vector<float>({2, 0, 0, 3, nan, inf, inf}));
  expectEqual(unary("sign"), vector<float>({-1, -0.0f, 0, 1, nan, 1, -1}));
  expectEqual(unary("neg"), vector<float>({2, 0, -0.0f, -3, nan, -inf, inf}));
  expectEqual(unary("sqrt"), vector<float>({nan, -0.0f, 0, std::sqrt(3.0f), nan, inf, nan}));
  expectEqual(unary("exp"), vector<float>({std::exp(-2.0f), 1, 1, std::exp(3.0f), nan, inf, 0}), 1);
  expectEqual(unary("log"), vector<float>({nan, -inf, -inf, std::log(3.0f), nan, inf, nan}), 1);
  expectEqual(unary("tanh"), vector<float>({std::tanh(-2.0f), -0.0f, 0, std::tanh(3.0f), nan, 1, -1}), 1);
  expectEqual(unary("sigmoid"), vector<float>({0.11920292f, 0.5f, 0.5f, 0.95257413f, nan, 1, 0}), 1);
}

TEST_F(Elementwise, RoundTiesToEven) {
  HostTensor x = vector<double>({-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.7});
  expectEqual(run("hone.round %0 : tensor<7xf64> -> tensor<7xf64>", {x}), vector<double>({-2, -2, -0.0, 0, 2, 2, 4}));
  expectEqual(run("hone.floor %0 : tensor<7xf64> -> tensor<7xf64>", {x}), vector<double>({-3, -2, -1, 0, 1, 2, 3}));
  expectEqual(run("hone.ceil %0 : tensor<7xf64> -> tensor<7xf64>", {x}), vector<double>({-2, -1, -0.0, 1, 2, 3, 4}));
}

// Values of Hendrycks, Gimpel: Gaussian error linear units.
TEST_F(Elementwise, Gelu) {
  HostTensor x = vector<double>({-1, 0, 1, 2});
  expectEqual(run("hone.gelu %0 : tensor<4xf64> -> tensor<4xf64>", {x}),
              vector<double>({-0.15865525393145707, 0, 0.8413447460685429, 1.9544997361036416}), 8);
  expectEqual(run("hone.gelu %0 {tanh_approximation} : tensor<4xf64> -> tensor<4xf64>", {x}),
              vector<double>({-0.15880800939172324, 0, 0.8411919906082768, 1.954597694087775}), 8);
}

TEST_F(Elementwise, ClassifyFloats) {
  HostTensor x = vector<float>({1, nan, inf, -inf});
  auto unary = [&](std::string text) { return run("hone." + text + " : tensor<4xf32> -> tensor<4xi1>", {x}); };
  expectEqual(unary("is_nan %0"), vector<bool>({false, true, false, false}));
  expectEqual(unary("is_inf %0"), vector<bool>({false, false, true, true}));
  expectEqual(unary("is_inf %0 {negative = false}"), vector<bool>({false, false, true, false}));
  expectEqual(unary("is_inf %0 {positive = false}"), vector<bool>({false, false, false, true}));
}

TEST_F(Elementwise, IntegersWrap) {
  HostTensor x = vector<int64_t>({least, greatest, -7}), one = tensor<int64_t>({}, {1}), two = tensor<int64_t>({}, {2});
  auto binary = [&](std::string name, const HostTensor &y) {
    return run("hone." + name + " %0, %1 : tensor<3xi64>, tensor<i64> -> tensor<3xi64>", {x, y});
  };
  expectEqual(binary("add", one), vector<int64_t>({least + 1, least, -6}));
  expectEqual(binary("sub", one), vector<int64_t>({greatest, greatest - 1, -8}));
  expectEqual(binary("mul", two), vector<int64_t>({0, -2, -14}));
  expectEqual(run("hone.abs %0 : tensor<3xi64> -> tensor<3xi64>", {x}), vector<int64_t>({least, greatest, 7}));
  expectEqual(run("hone.neg %0 : tensor<3xi64> -> tensor<3xi64>", {x}), vector<int64_t>({least, -greatest, 7}));
  expectEqual(run("hone.add %0, %0 : tensor<2xui8>, tensor<2xui8> -> tensor<2xui8>", {vector<uint8_t>({200, 3})}),
              vector<uint8_t>({144, 6}));
}

TEST_F(Elementwise, DivideAndTakeRemainders) {
  HostTensor x = vector<int32_t>({7, -7, 7, -7, std::numeric_limits<int32_t>::min()}),
             y = vector<int32_t>({2, 2, -2, -2, -1});
  std::string types = " : tensor<5xi32>, tensor<5xi32> -> tensor<5xi32>";
  expectEqual(run("hone.div %0, %1" + types, {x, y}),
              vector<int32_t>({3, -3, -3, 3, std::numeric_limits<int32_t>::min()}));
  expectEqual(run("hone.mod %0, %1" + types, {x, y}), vector<int32_t>({1, 1, -1, -1, 0}));
  expectEqual(run("hone.mod %0, %1 {fmod}" + types, {x, y}), vector<int32_t>({1, -1, 1, -1, 0}));

  HostTensor a = vector<float>({5.5f, -5.5f, -4, 4, 1, 1}), b = vector<float>({2, 2, 2, -2, 0, inf});
  std::string floats = " : tensor<6xf32>, tensor<6xf32> -> tensor<6xf32>";
  expectEqual(run("hone.mod %0, %1" + floats, {a, b}), vector<float>({1.5f, 0.5f, 0, -0.0f, nan, 1}));
  expectEqual(run("hone.mod %0, %1 {fmod}" + floats, {a, b}), vector<float>({1.5f, -1.5f, -0.0f, 0, nan, 1}));
  expectEqual(run("hone.div %0, %1" + floats, {a, b}), vector<float>({2.75f, -2.75f, -2, -2, inf, 0}));

  HostTensor zero = tensor<int32_t>({}, {0});
  std::string byZero = " %0, %1 : tensor<5xi32>, tensor<i32> -> tensor<5xi32>";
  EXPECT_NE(failure("hone.div" + byZero, {x, zero}).find("division by zero"), std::string::npos);
  EXPECT_NE(failure("hone.mod" + byZero, {x, zero}).find("division by zero"), std::string::npos);
  HostTensor none = tensor<int32_t>({0}, {});
  expectEqual(run("hone.div %0, %1 : tensor<0xi32>, tensor<i32> -> tensor<0xi32>", {none, zero}), none);
}

TEST_F(Elementwise, Powers) {
  HostTensor x = vector<float>({2, -3, 0, -8, nan}), y = vector<float>({0.5f, 3, -1, 1.0f / 3, 0});
  expectEqual(run("hone.pow %0, %1 : tensor<5xf32>, tensor<5xf32> -> tensor<5xf32>", {x, y}),
              vector<float>({std::sqrt(2.0f), -27, inf, nan, 1}), 1);
  expectEqual(run("hone.pow %0, %1 : tensor<5xi32>, tensor<5xi64> -> tensor<5xi32>",
                  {vector<int32_t>({3, -2, -1, 2, 3}), vector<int64_t>({4, 5, -3, -1, 21})}),
              vector<int32_t>({81, -32, -1, 0, 1870418611}));
  expectEqual(run("hone.pow %0, %1 : tensor<2xui8>, tensor<2xi8> -> tensor<2xui8>",
                  {vector<uint8_t>({255, 1}), vector<int8_t>({-1, -1})}),
              vector<uint8_t>({0, 1}));
  // f32 does not hold 2^24 + 1, which is odd.
  expectEqual(run("hone.pow %0, %1 : tensor<2xf32>, tensor<2xi64> -> tensor<2xf32>",
                  {vector<float>({-1, 2}), vector<int64_t>({16777217, -1})}),
              vector<float>({-1, 0.5f}));
}

TEST_F(Elementwise, MinAndMaxPassNan) {
  HostTensor x = vector<float>({1, nan, 1, -0.0f}), y = vector<float>({2, 2, nan, 0});
  std::string types = " %0, %1 : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>";
  expectEqual(run("hone.min" + types, {x, y}), vector<float>({1, nan, nan, -0.0f}));
  expectEqual(run("hone.max" + types, {x, y}), vector<float>({2, nan, nan, 0}));
  HostTensor a = vector<uint8_t>({255, 1}), b = vector<uint8_t>({1, 128});
  expectEqual(run("hone.min %0, %1 : tensor<2xui8>, tensor<2xui8> -> tensor<2xui8>", {a, b}), vector<uint8_t>({1, 1}));
}

TEST_F(Elementwise, CompareAndChoose) {
  HostTensor x = vector<float>({1, nan, -0.0f}), y = vector<float>({1, nan, 0});
  std::string types = " %0, %1 : tensor<3xf32>, tensor<3xf32> -> tensor<3xi1>";
  expectEqual(run("hone.equal" + types, {x, y}), vector<bool>({true, false, true}));
  expectEqual(run("hone.less" + types, {x, y}), vector<bool>({false, false, false}));
  expectEqual(run("hone.less_equal" + types, {x, y}), vector<bool>({true, false, true}));
  // The same bits, signed and unsigned.
  expectEqual(
      run("hone.less %0, %1 : tensor<1xi8>, tensor<1xi8> -> tensor<1xi1>", {vector<int8_t>({-1}), vector<int8_t>({1})}),
      vector<bool>({true}));
  expectEqual(run("hone.less %0, %1 : tensor<1xui8>, tensor<1xui8> -> tensor<1xi1>",
                  {vector<uint8_t>({255}), vector<uint8_t>({1})}),
              vector<bool>({false}));

  HostTensor p = vector<bool>({false, false, true, true}), q = vector<bool>({false, true, false, true});
  std::string logic = " %0, %1 : tensor<4xi1>, tensor<4xi1> -> tensor<4xi1>";
  expectEqual(run("hone.and" + logic, {p, q}), vector<bool>({false, false, false, true}));
  expectEqual(run("hone.or" + logic, {p, q}), vector<bool>({false, true, true, true}));
  expectEqual(run("hone.xor" + logic, {p, q}), vector<bool>({false, true, true, false}));
  expectEqual(run("hone.not %0 : tensor<4xi1> -> tensor<4xi1>", {p}), vector<bool>({true, true, false, false}));
  expectEqual(run("hone.select %0, %1, %2 : tensor<2x1xi1>, tensor<2xi8>, tensor<i8> -> tensor<2x2xi8>",
                  {tensor<bool>({2, 1}, {true, false}), vector<int8_t>({1, 2}), tensor<int8_t>({}, {9})}),
              tensor<int8_t>({2, 2}, {1, 2, 9, 9}));
}

TEST_F(Elementwise, Casts) {
  HostTensor x = vector<float>({-1.9f, 2.9f, 300, nan, inf, -inf, 1e20f});
  auto cast = [&](std::string type) { return run("hone.cast %0 : tensor<7xf32> -> tensor<7x" + type + ">", {x}); };
  expectEqual(cast("i64"), vector<int64_t>({-1, 2, 300, least, least, least, least}));
  expectEqual(cast("i8"), vector<int8_t>({-1, 2, 44, 0, 0, 0, 0}));
  expectEqual(cast("ui8"), vector<uint8_t>({255, 2, 44, 0, 0, 0, 0}));
  expectEqual(cast("i1"), vector<bool>({true, true, true, true, true, true, true}));
  expectEqual(run("hone.cast %0 : tensor<2xf64> -> tensor<2xui64>", {vector<double>({0x1p63, 0x1p64})}),
              vector<uint64_t>({uint64_t(1) << 63, uint64_t(1) << 63}));
  // Not by way of f64, which would round twice.
  expectEqual(run("hone.cast %0 : tensor<1xi64> -> tensor<1xf32>", {vector<int64_t>({0x1000000FFFFFFFF})}),
              vector<float>({float(0x1000000FFFFFFFF)}));
  expectEqual(run("hone.cast %0 : tensor<2xi32> -> tensor<2xui8>", {vector<int32_t>({-1, 256})}),
              vector<uint8_t>({255, 0}));
  expectEqual(run("hone.cast %0 : tensor<2xi8> -> tensor<2xui64>", {vector<int8_t>({-1, 5})}),
              vector<uint64_t>({~uint64_t(0), 5}));
  expectEqual(run("hone.cast %0 : tensor<2xi1> -> tensor<2xf32>", {vector<bool>({true, false})}),
              vector<float>({1, 0}));
}

TEST_F(Elementwise, CastsToStoredTypes) {
  auto cast = [&](const HostTensor &x, const std::string &type) {
    std::string dims = "tensor<" + std::to_string(x.count()) + "x", from;
    llvm::raw_string_ostream(from) << x.element;
    return run("hone.cast %0 : " + dims + from + "> -> " + dims + type + ">", {x});
  };
  // The last f16 and what is nearer to infinity; the least one, half of which is a tie, and more than half of it.
  expectEqual(cast(vector<float>({65519.99f, 65520, 0x1p-24f, 0x1p-25f, 0x1.000002p-25f, -0.0f, nan, -inf}), "f16"),
              stored("f16", {0x7bff, 0x7c00, 1, 0, 1, 0x8000, 0x7e00, 0xfc00}));
  expectEqual(cast(vector<float>({0x1.01p0f, 0x1.03p0f, 0x1.010002p0f, 0x1.fep127f, 0x1.ffp127f}), "bf16"),
              stored("bf16", {0x3f80, 0x3f82, 0x3f81, 0x7f7f, 0x7f80}));
  // Rounded once: f32 would make ties of them.
  expectEqual(cast(vector<double>({0x1.0020000001p0, 0x1.0060000001p0, 0x1.005fffffffp0}), "f16"),
              stored("f16", {0x3c01, 0x3c02, 0x3c01}));
  expectEqual(cast(vector<double>({0x1.0100000001p0, -0x1.02ffffffffp0}), "bf16"), stored("bf16", {0x3f81, 0xbf81}));
  // By way of f32, which makes ties of them.
  expectEqual(cast(vector<int64_t>({2049, 65519, 65520}), "f16"), stored("f16", {0x6800, 0x7bff, 0x7c00}));
  expectEqual(cast(vector<int64_t>({(1 << 24) + (1 << 16) + 1}), "bf16"), stored("bf16", {0x4b80}));

  expectEqual(cast(stored("f16", {0x7bff, 1, 0xfc00, 0x7e00}), "f32"), vector<float>({65504, 0x1p-24f, -inf, nan}));
  expectEqual(cast(stored("bf16", {0x7f7f, 0x0001, 0xff80}), "f64"), vector<double>({0x1.fep127, 0x1p-133, -inf}));
  expectEqual(cast(stored("f16", {0xd801, 0x7c00, 0x7e00}), "i8"), vector<int8_t>({-128, 0, 0}));
  expectEqual(cast(stored("bf16", {0, 0x8000, 1, 0x7fc0}), "i1"), vector<bool>({false, false, true, true}));

  expectEqual(cast(vector<float>({7.9f, 8, -8.5f, -9, nan, inf, 1e20f}), "i4"), stored("i4", {7, -8, -8, 7, 0, 0, 0}));
  expectEqual(cast(vector<int32_t>({15, 16, -1, 0x123}), "ui4"), stored("ui4", {15, 0, 15, 3}));
  expectEqual(cast(stored("i4", {-8, -1, 7}), "ui8"), vector<uint8_t>({248, 255, 7}));
  expectEqual(cast(stored("i4", {-8, -1, 7}), "ui4"), stored("ui4", {8, 15, 7}));
  expectEqual(cast(stored("ui4", {8, 15, 7}), "i64"), vector<int64_t>({8, 15, 7}));
  expectEqual(cast(stored("i4", {-8, 3}), "f16"), stored("f16", {0xc800, 0x4200}));
}

TEST_F(Elementwise, Broadcast) {
  HostTensor x = tensor<float>({2, 1}, {1, 2}), y = vector<float>({10, 20, 30});
  expectEqual(run("hone.add %0, %1 : tensor<2x1xf32>, tensor<3xf32> -> tensor<2x3xf32>", {x, y}),
              tensor<float>({2, 3}, {11, 21, 31, 12, 22, 32}));
  HostTensor none = tensor<float>({0, 1}, {});
  expectEqual(run("hone.add %0, %1 : tensor<0x1xf32>, tensor<3xf32> -> tensor<0x3xf32>", {none, y}),
              tensor<float>({0, 3}, {}));
  HostTensor scalar = tensor<float>({}, {5});
  expectEqual(run("hone.mul %0, %0 : tensor<f32>, tensor<f32> -> tensor<f32>", {scalar}), tensor<float>({}, {25}));
  EXPECT_NE(failure("hone.add %0, %1 : tensor<2x1xf32>, tensor<2x3xf32> -> tensor<2x2xf32>",
                    {x, tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6})})
                .find("should be tensor<2x2xf32>, but is [2, 3]"),
            std::string::npos);
}
