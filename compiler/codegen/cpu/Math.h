// Elementary functions in f32.
//
// Bodies made of arith and math.{fma,roundeven,sqrt,absf,copysign}, for scalars (vectorised by LLVM) and for vectors
// alike. Each takes and returns f32 or a vector of f32. NaN gives NaN; infinities, signed zeros and denormal results
// are those of libm. The errors were measured over 1e6 points against f64 libm (test/unit/codegen/math_test.cpp).
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_CPU_MATH_H
#define HONE_COMPILER_CODEGEN_CPU_MATH_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"

namespace hone {

mlir::Value emitExp(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
/// exp(x) for x <= 0 (softmax): results below 2^-126 become 0; 20 % faster than emitExp.
mlir::Value emitExpNonPositive(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitExp2(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitExpm1(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitLog(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitLog2(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitLog10(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitLog1p(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
/// 1 / (1 + exp(-x)).
mlir::Value emitSigmoid(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitTanh(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitErf(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
/// sin, cos, tan: argument reduction and polynomials in f64. Right to 1 ulp up to |x| = 1e9; larger ones give some
/// value of the function's range.
mlir::Value emitSin(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitCos(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitTan(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitAsin(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitAcos(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitAtan(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitSinh(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitCosh(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitAsinh(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitAcosh(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);
mlir::Value emitAtanh(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// Rewrites the math ops named as above (math.exp …) on f32 into these bodies, and on f16 and bf16 through f32. f64 and
/// what has no body here (math.powf, math.cbrt …) is left for libm.
void populateMathPatterns(mlir::RewritePatternSet &patterns);

} // namespace hone

#endif
