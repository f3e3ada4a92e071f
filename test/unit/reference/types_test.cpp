// Every element type into every other one, and products of all that products take: compiled, folded, and in the
// reference.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Hone.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Parser/Parser.h"
#include "test/unit/reference/Elements.h"
#include "test/unit/reference/Harness.h"
#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"
#include <cmath>
#include <map>

using namespace mlir;
using namespace hone;

namespace {

/// A program, line by line.
struct Program {
  std::vector<std::string> inputs, lines, results, resultTypes;
  std::string constants; // lines of their own

  std::string addInput(const std::string &type) {
    std::string name = "%x" + std::to_string(inputs.size()), dims;
    unsigned rank = StringRef(type).count('x');
    for (unsigned i = 0; i < rank; ++i)
      dims += i ? ", \"\"" : "\"\"";
    inputs.push_back(name + ": " + type + " {hone.name = \"" + name.substr(1) + "\", hone.dims = [" + dims + "]}");
    return name;
  }
  void addResult(const std::string &type, const std::string &op) {
    std::string name = "%y" + std::to_string(results.size());
    lines.push_back(name + " = " + op);
    results.push_back(name);
    resultTypes.push_back(type);
  }
  std::string text() const {
    std::vector<std::string> declared;
    for (auto [result, type] : llvm::zip_equal(results, resultTypes))
      declared.push_back(type + " {hone.name = \"" + result.substr(1) + "\"}");
    return "func.func @main(" + llvm::join(inputs, ", ") + ") -> (" + llvm::join(declared, ", ") + ") {\n" + constants +
           llvm::join(lines, "\n") + "\nreturn " + llvm::join(results, ", ") + " : " + llvm::join(resultTypes, ", ") +
           "\n}\n";
  }
};

class Types : public ::testing::Test {
protected:
  Types() : context(makeContext(diagnostics)) {}

  /// The compiled program's results are the reference's, bit by bit but for those of NaNs.
  void check(const Program &program, ArrayRef<HostTensor> inputs) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(program.text(), context.get());
    ASSERT_TRUE(bool(module)) << diagnostics << program.text();
    auto main = module->lookupSymbol<func::FuncOp>("main");
    auto wanted = evaluateFunction(main, inputs, [](WeightOp) -> llvm::Expected<std::vector<char>> {
      return llvm::createStringError("no files here");
    });
    ASSERT_TRUE(bool(wanted)) << llvm::toString(wanted.takeError());
    for (const char *target : {"host", "x86-64-v3"}) {
      auto compiled = CompiledModule::compile(*module, target);
      ASSERT_TRUE(bool(compiled)) << llvm::toString(compiled.takeError()) << diagnostics;
      auto got = compiled->run(inputs, main.getResultTypes());
      ASSERT_TRUE(bool(got)) << llvm::toString(got.takeError());
      for (auto [line, x, y] : llvm::zip_equal(program.lines, *got, *wanted))
        for (int64_t i = 0; i < y.count(); ++i) {
          bool isFloat = isa<FloatType>(y.element);
          bool isEqual = isFloat ? x.number(i) == y.number(i) && std::signbit(x.number(i)) == std::signbit(y.number(i))
                                 : x.integer(i) == y.integer(i);
          bool areNan = isFloat && std::isnan(x.number(i)) && std::isnan(y.number(i));
          EXPECT_TRUE(isEqual || areNan) << target << ", element " << i << " is " << x.number(i) << " instead of "
                                         << y.number(i) << ": " << line;
        }
    }
  }

  DenseElementsAttr dense(const std::string &text) {
    return cast<DenseElementsAttr>(parseAttribute(text, context.get()));
  }

  std::string diagnostics;
  std::unique_ptr<MLIRContext> context;
};

std::string typeOf(ArrayRef<int64_t> dims, StringRef element) {
  std::string text = "tensor<";
  for (int64_t dim : dims)
    text += std::to_string(dim) + "x";
  return text + element.str() + ">";
}
std::string specialDense(StringRef element) {
  std::vector<std::string> elements = specialElements(element);
  return "dense<[" + llvm::join(elements, ", ") + "]> : " + typeOf(elements.size(), element);
}

TEST_F(Types, Casts) {
  Program program;
  std::vector<HostTensor> inputs;
  for (StringRef from : elementNames) {
    inputs.push_back(HostTensor::fromAttribute(dense(specialDense(from))));
    std::string type = typeOf(inputs.back().dims, from), x = program.addInput(type);
    for (StringRef to : elementNames) {
      std::string result = typeOf(inputs.back().dims, to);
      program.addResult(result, "hone.cast " + x + " : " + type + " -> " + result);
    }
  }
  check(program, inputs);
}

TEST_F(Types, CastsOfConstants) {
  Program program;
  for (StringRef from : elementNames) {
    int64_t count = specialElements(from).size();
    std::string type = typeOf(count, from), constant = "%" + from.str();
    program.constants += constant + " = hone.constant " + specialDense(from) + "\n";
    for (StringRef to : elementNames)
      program.addResult(typeOf(count, to), "hone.cast " + constant + " : " + type + " -> " + typeOf(count, to));
  }
  check(program, {});
}

/// Whole numbers, whose sums every type of a result holds or wraps.
TEST_F(Types, Products) {
  constexpr int64_t m = 5, n = 21, k = 7;
  std::map<StringRef, std::pair<std::string, std::string>> names; // left and right factors
  Program program;
  std::vector<HostTensor> inputs;
  auto addInput = [&](StringRef element, Dims dims) {
    HostTensor tensor(parseType(element, context.get()), dims);
    for (int64_t i = 0; i < tensor.count(); ++i) {
      int64_t number = i * 5 % 16 - (StringRef(element).starts_with("u") ? 0 : 8);
      if (isa<FloatType>(tensor.element))
        tensor.setNumber(i, double(number));
      else
        visitType(tensor.element, [&](auto zero) { tensor.as<decltype(zero)>()[i] = decltype(zero)(number); });
    }
    inputs.push_back(tensor);
    return program.addInput(typeOf(dims, element));
  };
  for (StringRef element : elementNames)
    if (element != "i1") {
      std::string left = addInput(element, {m, k});
      names[element] = {left, addInput(element, {k, n})};
    }
  for (auto &[left, leftNames] : names)
    for (auto &[right, rightNames] : names)
      for (StringRef sum : elementNames) {
        Type type = parseType(sum, context.get());
        if (sum == "i1" || !isComputed(type) || !isWidening(parseType(left, context.get()), type) ||
            !isWidening(parseType(right, context.get()), type))
          continue;
        // Each is a kernel of its own: equal factors, and what the usual left ones are multiplied by.
        bool isUsual = sum == "f32" ? left == right || left == "f32" : left == "i8" && sum == "i32";
        if (!isUsual)
          continue;
        program.addResult(typeOf({m, n}, sum), "hone.matmul " + leftNames.first + ", " + rightNames.second + " : " +
                                                   typeOf({m, k}, left) + ", " + typeOf({k, n}, right) + " -> " +
                                                   typeOf({m, n}, sum));
      }
  check(program, inputs);
}

} // namespace
