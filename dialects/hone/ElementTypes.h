// The element types, and what their elements take in memory: asked here by all rooms.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_ELEMENTTYPES_H
#define HONE_DIALECTS_HONE_ELEMENTTYPES_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"
#include <optional>

namespace hone {

/// Whether tensors may have elements of this type: f32, f64, f16, bf16, i1, i4, i8 to i64 and the unsigned ones.
bool isElementType(mlir::Type type);
/// isElementType's types, for messages.
inline constexpr llvm::StringLiteral kElementTypes = "f32, f64, f16, bf16, i1, i4, i8 to i64, ui4 and ui8 to ui64";

/// 4-bit integers: two elements share a byte, the first one its low half.
inline bool isNibble(mlir::Type tensorOrElement) { return mlir::getElementTypeOrSelf(tensorOrElement).isInteger(4); }
/// f16 and bf16: stored, but computed in f32.
inline bool isHalf(mlir::Type tensorOrElement) {
  return mlir::getElementTypeOrSelf(tensorOrElement).isF16() || mlir::getElementTypeOrSelf(tensorOrElement).isBF16();
}
/// Whether ops compute in this type; others are stored, moved, converted and multiplied.
inline bool isComputed(mlir::Type tensorOrElement) { return !isHalf(tensorOrElement) && !isNibble(tensorOrElement); }

/// How many bytes an element takes that stands alone. A bool takes one.
inline int64_t elementBytes(mlir::Type tensorOrElement) {
  return (mlir::getElementTypeOrSelf(tensorOrElement).getIntOrFloatBitWidth() + 7) / 8;
}
/// How many bits of files and memory an element takes.
inline int64_t storageBits(mlir::Type tensorOrElement) {
  return isNibble(tensorOrElement) ? 4 : 8 * elementBytes(tensorOrElement);
}
/// How many bytes of files and memory `count` elements take: not counted in bits, of which there may be too many.
inline int64_t storageBytes(mlir::Type tensorOrElement, int64_t count) {
  return isNibble(tensorOrElement) ? count / 2 + count % 2 : count * elementBytes(tensorOrElement);
}
/// More than this many bytes are no constant but a weight, unless all elements are equal.
constexpr int64_t kMaxConstantBytes = 1024;
/// Bytes of a static tensor; nothing where they, with zeros among the dims counted as one, do not fit 62 bits.
std::optional<int64_t> storageBytes(mlir::RankedTensorType type);

/// Whether a value of type `from` is one of `to`, whatever it is: converting it loses nothing.
bool isWidening(mlir::Type from, mlir::Type to);

} // namespace hone

#endif
