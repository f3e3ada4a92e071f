// One op, written as text, evaluated on tensors written as lists.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_TEST_UNIT_REFERENCE_EVALUATE_H
#define HONE_TEST_UNIT_REFERENCE_EVALUATE_H

#include "dialects/hone/Hone.h"
#include "dialects/reference/Reference.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"
#include <cmath>

namespace hone {

class ReferenceTest : public testing::Test {
protected:
  ReferenceTest();

  static constexpr float inf = INFINITY, nan = NAN;

  /// A tensor of `elements`, whose C++ type says the element type.
  template <typename T> HostTensor tensor(Dims dims, std::vector<T> elements) {
    HostTensor result(typeOf(T()), dims);
    EXPECT_EQ(result.count(), int64_t(elements.size()));
    llvm::copy(elements, result.as<T>().begin());
    return result;
  }
  template <typename T> HostTensor vector(std::vector<T> elements) {
    return tensor<T>({int64_t(elements.size())}, elements);
  }

  /// Elements of f16 and bf16 by their bits, 4-bit integers by their values.
  HostTensor stored(llvm::StringRef element, std::vector<int> elements);

  /// The results of an op: `hone.add %0, %1 : …`. Operands are %0, %1, … of `inputs`; %m2, %m1, %c0 … %c9 are the
  /// index constants -2 to 9.
  llvm::Expected<std::vector<HostTensor>> evaluateText(llvm::StringRef op, llvm::ArrayRef<HostTensor> inputs);
  /// The only result.
  HostTensor run(llvm::StringRef op, llvm::ArrayRef<HostTensor> inputs);
  /// The text of the error.
  std::string failure(llvm::StringRef op, llvm::ArrayRef<HostTensor> inputs);

  /// Equal dims, type and elements; floats to `units` units in the last place, NaN equals NaN, -0 is not 0.
  void expectEqual(const HostTensor &got, const HostTensor &wanted, double units = 0);

  mlir::Type typeOf(float) { return mlir::Float32Type::get(&context); }
  mlir::Type typeOf(double) { return mlir::Float64Type::get(&context); }
  template <typename T> mlir::Type typeOf(T) {
    bool isUnsigned = std::is_unsigned_v<T> && !std::is_same_v<T, bool>;
    return mlir::IntegerType::get(&context, std::is_same_v<T, bool> ? 1 : 8 * sizeof(T),
                                  isUnsigned ? mlir::IntegerType::Unsigned : mlir::IntegerType::Signless);
  }

  mlir::MLIRContext context;
};

} // namespace hone

#endif
