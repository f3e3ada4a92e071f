// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/plan/SymbolicHeights.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace hone;

/// Longer heights become an SSA value, of which nothing more is known: so each takes bounded time.
static constexpr size_t kMostSums = 4;
static constexpr size_t kMostUnits = 8;
/// What runs refuse: where a size has more of its unit, the unit is the whole size, and multiples do not overflow.
static constexpr int64_t kMostMultiple = int64_t(1) << 40;

/// value = unit · multiple.
static std::pair<OpFoldResult, int64_t> splitMultiple(OpFoldResult value) {
  auto product = cast<Value>(value).getDefiningOp<arith::MulIOp>();
  if (!product)
    return {value, 1};
  for (unsigned i : {1, 0})
    if (auto multiple = ShapeBuilder::getConstant(product->getOperand(i));
        multiple && *multiple > 0 && *multiple <= kMostMultiple)
      return {product->getOperand(1 - i), *multiple};
  return {value, 1};
}

unsigned SymbolicHeights::unitOf(OpFoldResult value) {
  auto [found, isNew] = numbers.try_emplace(value.getOpaqueValue(), units.size());
  if (isNew)
    units.push_back({value, found->second});
  return found->second;
}

OpFoldResult SymbolicHeights::addValue(OpFoldResult bytes) {
  if (auto constant = ShapeBuilder::getConstant(bytes)) {
    int64_t rounded = llvm::alignTo(*constant, alignment);
    sizes.emplace_back(unitOf(shapes.constant(1)), rounded);
    return shapes.constant(rounded);
  }
  auto [unit, multiple] = splitMultiple(bytes);
  if (multiple % alignment == 0) {
    sizes.emplace_back(unitOf(unit), multiple);
    return bytes;
  }
  OpFoldResult lines = shapes.ceilDiv(bytes, shapes.constant(alignment));
  unsigned number = unitOf(lines);
  units[number].part = unitOf(unit);
  units[number].parts = multiple;
  sizes.emplace_back(number, alignment);
  return shapes.mul(lines, shapes.constant(alignment));
}

bool SymbolicHeights::isAtMost(const Sum &small, const Sum &large) const {
  Sum rest = large, missing;
  for (auto [unit, multiple] : small) {
    int64_t uncovered = multiple;
    for (auto &[other, left] : rest)
      if (other == unit) {
        int64_t taken = std::min(left, uncovered);
        left -= taken;
        uncovered -= taken;
      }
    if (uncovered > 0 && units[unit].parts == 0)
      return false;
    if (uncovered > 0)
      missing.emplace_back(unit, uncovered);
  }
  for (auto [unit, multiple] : missing) {
    const Unit &own = units[unit];
    for (auto &[other, left] : rest) {
      // How many bytes of the other unit one line of this one takes.
      int64_t price = 0;
      if (other == own.part)
        price = llvm::alignTo(own.parts, alignment);
      else if (units[other].part == own.part && units[other].parts >= own.parts)
        price = alignment;
      if (price == 0)
        continue;
      int64_t taken = std::min(left / price, multiple / alignment);
      left -= taken * price;
      multiple -= taken * alignment;
    }
    if (multiple > 0)
      return false;
  }
  return true;
}

bool SymbolicHeights::isLong(const Height &height) {
  return height.size() > kMostSums || llvm::any_of(height, [](const Sum &sum) { return sum.size() > kMostUnits; });
}

SymbolicHeights::Height SymbolicHeights::max(Height a, const Height &b) {
  Height result = a;
  for (const Sum &sum : b) {
    if (llvm::any_of(result, [&](const Sum &other) { return isAtMost(sum, other); }))
      continue;
    llvm::erase_if(result, [&](const Sum &other) { return isAtMost(other, sum); });
    result.push_back(sum);
  }
  return isLong(result) ? opaque(shapes.max(bytesOf(a), bytesOf(b))) : result;
}

SymbolicHeights::Height SymbolicHeights::above(const Height &height, unsigned value) {
  auto [unit, multiple] = sizes[value];
  Height result = height;
  for (Sum &sum : result) {
    auto *place = llvm::lower_bound(sum, unit, [](auto &each, unsigned unit) { return each.first < unit; });
    if (place != sum.end() && place->first == unit)
      place->second += multiple;
    else if (multiple > 0)
      sum.insert(place, {unit, multiple});
  }
  return isLong(result) ? opaque(bytesOf(result)) : result;
}

OpFoldResult SymbolicHeights::bytesOf(const Sum &sum) {
  OpFoldResult bytes = shapes.constant(0);
  for (auto [unit, multiple] : sum)
    if (multiple > 0)
      bytes = shapes.add(bytes, shapes.mul(units[unit].value, shapes.constant(multiple)));
  return bytes;
}

OpFoldResult SymbolicHeights::bytesOf(const Height &height) {
  // max(a + c, b + c) is max(a, b) + c, and max(a, b) is often where the value of c bytes begins.
  auto multipleIn = [](const Sum &sum, unsigned unit) {
    const auto *found = llvm::find_if(sum, [&](auto &each) { return each.first == unit; });
    return found == sum.end() ? 0 : found->second;
  };
  Sum common = height.front();
  for (auto &[unit, multiple] : common)
    for (const Sum &sum : height)
      multiple = std::min(multiple, multipleIn(sum, unit));
  OpFoldResult greatest;
  for (Sum rest : height) {
    for (auto &[unit, multiple] : rest)
      multiple -= multipleIn(common, unit);
    greatest = greatest ? shapes.max(greatest, bytesOf(rest)) : bytesOf(rest);
  }
  return shapes.add(greatest, bytesOf(common));
}
