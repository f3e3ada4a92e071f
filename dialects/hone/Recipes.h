// What recipes are evaluated with. A window is a run of elements, whatever the recipe: nothing here holds a tensor.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_RECIPES_H
#define HONE_DIALECTS_HONE_RECIPES_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/ArrayRef.h"
#include <memory>
#include <optional>

namespace hone {

/// `count` elements of a tensor in row-major order: `first`, and each `step` (of any sign) behind the one before.
struct ElementRun {
  int64_t first = 0, step = 1, count = 0;
};

/// The elements of a weight, ready to be read; see WeightReader.
class WeightElements {
public:
  virtual ~WeightElements() = default;
  /// Writes the elements `run`, all of which the tensor has, one behind the other to `to` (not aligned). Each takes
  /// elementBytes: 4-bit integers have a byte each on their way, of which the low half counts.
  virtual void read(ElementRun run, char *to) const = 0;
};

/// A recipe that is ready to be evaluated. Windows of one may be evaluated in several threads.
class RecipeEvaluator {
public:
  virtual ~RecipeEvaluator() = default;
  /// Writes the elements `run` of the result, one at least, one behind the other to `to` (not aligned).
  virtual void evaluate(ElementRun run, llvm::ArrayRef<const WeightElements *> sources, char *to) const = 0;
};

/// Converts elements of one type to another as hone.cast does it. Neither pointer need be aligned.
using ElementConversion = void (*)(const char *from, char *to, int64_t count);
/// Null where a type is none of the dialect's.
ElementConversion elementConversion(mlir::Type from, mlir::Type to);

} // namespace hone

#endif
