// The element types, by name, with elements that try them out, and tensors of them as libraries have them.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_TEST_UNIT_REFERENCE_ELEMENTS_H
#define HONE_TEST_UNIT_REFERENCE_ELEMENTS_H

#include "dialects/reference/HostTensor.h"
#include <array>
#include <string>

namespace hone {

inline constexpr std::array elementNames = {"f32", "f64", "f16", "bf16", "i1",   "i4",   "i8",  "i16",
                                            "i32", "i64", "ui4", "ui8",  "ui16", "ui32", "ui64"};

/// Elements that are special for a type, or for one that it is converted to, as texts of a dense attribute.
std::vector<std::string> specialElements(llvm::StringRef type);

/// The bytes of a tensor in memory, where two 4-bit integers share one.
std::string storedBytes(const HostTensor &tensor);

} // namespace hone

#endif
