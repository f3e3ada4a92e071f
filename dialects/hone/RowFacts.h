// What a row op's formula knows about the ops that it is made of: discardable attributes that only the decomposition in
// code generation sets: what a kernel of a stage file claims is dropped first.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_ROWFACTS_H
#define HONE_DIALECTS_HONE_ROWFACTS_H

#include "llvm/ADT/StringRef.h"

namespace hone {

/// On hone.exp, and then on math.exp: no operand is above 0.
inline constexpr llvm::StringLiteral kNonPositiveAttr = "hone.nonpositive";
/// On hone.reduce: anything may come out for elements of which one is NaN, and any zero for zeros.
inline constexpr llvm::StringLiteral kNumbersAttr = "hone.numbers";

} // namespace hone

#endif
