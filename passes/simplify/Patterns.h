// The fusion patterns of `--hone-fuse-patterns` and what they share.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_PASSES_SIMPLIFY_PATTERNS_H
#define HONE_PASSES_SIMPLIFY_PATTERNS_H

#include "dialects/hone/Hone.h"
#include "mlir/IR/PatternMatch.h"

namespace hone {

void populateFactorPatterns(mlir::RewritePatternSet &patterns);
void populateGeluPatterns(mlir::RewritePatternSet &patterns);
void populateNormPatterns(mlir::RewritePatternSet &patterns);

/// Replaces attention in the entry block of `function`; what it replaces is left without users. No pattern, because it
/// asks for dims: a match that fails may leave arithmetic on dims behind.
void fuseAttention(mlir::FunctionOpInterface function);

/// The only element of a constant float tensor, whatever its rank.
std::optional<double> getScalar(mlir::Value value);

/// Whether `value` is a constant of one element that is `wanted`.
bool isScalar(mlir::Value value, double wanted);
/// Whether `value` stands for the irrational `wanted`, which exporters write with four digits or more, or round to f16.
bool isNearly(double value, double wanted);

/// A product, read through multiplications and divisions by constants: scale · factors[0] · factors[1] …
struct Product {
  double scale = 1;
  llvm::SmallVector<mlir::Value, 4> factors;
  /// The operations read through, for their locations.
  llvm::SmallVector<mlir::Operation *, 4> operations;
};

/// Reads `value` as a product. Interior operations have one use and do not broadcast; `value` itself may have more
/// uses.
Product getProduct(mlir::Value value);

/// The operands of an addition `a + b` where `match` accepts one of them: {accepted, other}.
std::optional<std::pair<mlir::Value, mlir::Value>> matchSum(mlir::Value sum,
                                                            llvm::function_ref<bool(mlir::Value)> match);

/// Whether `value` is x² or x³ (`power`), as a power or as products.
bool isPower(mlir::Value value, mlir::Value x, unsigned power);

/// The locations of all operations that one operation replaces.
mlir::Location fuseLocations(llvm::ArrayRef<mlir::Operation *> operations);

inline bool isF32(mlir::Value tensor) { return elementTypeOf(tensor).isF32(); }

} // namespace hone

#endif
