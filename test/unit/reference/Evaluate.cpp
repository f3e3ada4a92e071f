// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/unit/reference/Evaluate.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace hone;

ReferenceTest::ReferenceTest() : context(MLIRContext::Threading::DISABLED) {
  context.loadDialect<HoneDialect, arith::ArithDialect, func::FuncDialect>();
}

HostTensor ReferenceTest::stored(StringRef element, std::vector<int> elements) {
  HostTensor result(parseType(element, &context), {int64_t(elements.size())});
  visitType(result.element, [&](auto zero) { llvm::copy(elements, result.as<decltype(zero)>().begin()); });
  return result;
}

llvm::Expected<std::vector<HostTensor>> ReferenceTest::evaluateText(StringRef op, ArrayRef<HostTensor> inputs) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << "func.func @main(";
  for (auto [i, input] : llvm::enumerate(inputs))
    stream << (i ? ", %" : "%") << i << ": " << RankedTensorType::get(input.dims, input.element);
  stream << ") {\n";
  for (int64_t i = -2; i < 10; ++i)
    stream << (i < 0 ? "%m" : "%c") << std::abs(i) << " = arith.constant " << i << " : index\n";
  stream << op << "\nreturn\n}";
  // Not verified: the reference has an opinion of its own on what an op must be.
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, ParserConfig(&context, /*verifyAfterParse=*/false));
  if (!module)
    return llvm::createStringError("cannot be parsed: " + op);
  auto main = module->lookupSymbol<func::FuncOp>("main");
  Operation *terminator = main.getBody().front().getTerminator(), *last = terminator->getPrevNode();
  terminator->setOperands(last->getResults());
  return evaluateFunction(main, inputs, [](WeightOp) -> llvm::Expected<std::vector<char>> {
    return llvm::createStringError("no files here");
  });
}

HostTensor ReferenceTest::run(StringRef op, ArrayRef<HostTensor> inputs) {
  auto results = evaluateText(op, inputs);
  if (!results) {
    ADD_FAILURE() << op.str() << ": " << llvm::toString(results.takeError());
    return HostTensor(typeOf(false), {0});
  }
  EXPECT_EQ(results->size(), 1u);
  return (*results)[0];
}

std::string ReferenceTest::failure(StringRef op, ArrayRef<HostTensor> inputs) {
  auto results = evaluateText(op, inputs);
  return results ? "no failure" : llvm::toString(results.takeError());
}

void ReferenceTest::expectEqual(const HostTensor &got, const HostTensor &wanted, double units) {
  ASSERT_EQ(got.element, wanted.element);
  ASSERT_EQ(got.dims, wanted.dims);
  for (int64_t i = 0; i < wanted.count(); ++i) {
    if (!isa<FloatType>(wanted.element)) {
      EXPECT_EQ(got.integer(i), wanted.integer(i)) << "element " << i;
      continue;
    }
    double x = got.number(i), y = wanted.number(i), unit = wanted.element.isF64() ? 0x1p-52 : 0x1p-23;
    if (std::isnan(y)) {
      EXPECT_TRUE(std::isnan(x)) << "element " << i << " is " << x;
      continue;
    }
    EXPECT_TRUE(x == y || std::abs(x - y) <= units * unit * std::abs(y))
        << "element " << i << " is " << x << " instead of " << y;
    EXPECT_EQ(std::signbit(x), std::signbit(y)) << "element " << i;
  }
}
