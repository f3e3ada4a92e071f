// CPU levels that code is generated for.
//
// One row per CPU level, and one per feature beyond it: what LLVM is told, what the runtime checks, and how fast it is.
// What kernel families do with a level stands in their own tables.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_TARGETS_H
#define HONE_COMPILER_CODEGEN_TARGETS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace hone {

/// What a core does in a cycle, whatever it computes: what predictions are made of. Fitted to measurements
/// (bench/kernel_costs.py).
struct CpuFigures {
  /// A cache, or the memory behind them.
  struct Memory {
    double size; ///< bytes
    double read; ///< bytes per cycle
    double write;
  };
  double gigahertz;
  // Cycles of a launch, of getting into an inner loop and out of it, of bringing a vector down to one number.
  double launch, loop, reduction;
  double flops; ///< on f32, of the loops that LLVM vectorises; kernel families have rates of their own
  Memory memories[3];
};

/// Operations per cycle on elements of so many bits where there are `flops` on f32: fewer on wider ones, more on
/// narrower ones.
inline double flopsPerCycle(double flops, unsigned bits) { return flops * 32 / std::max(bits, 8u); }

/// A CPU level with features beyond it.
struct CpuTarget {
  llvm::StringRef level;                          ///< x86-64-v4
  llvm::StringRef cpu;                            ///< LLVM's "target-cpu"
  llvm::StringRef triple;                         ///< LLVM target triple
  std::string features;                           ///< beyond the level, in LLVM's names: "+avx512vnni"
  llvm::SmallVector<llvm::StringRef, 0> required; ///< what a host must have, in LLVM's names
  uint32_t runtimeFeatures;                       ///< the same as the runtime checks it: a set of HONE_CPU_*
  int64_t lanes;                                  ///< f32 elements of one vector register
  llvm::StringRef vectorBits;                     ///< LLVM's "prefer-vector-width"; empty: as it tunes for `cpu`
  const CpuFigures *figures;

  /// As `--target` takes it: x86-64-v4+avx512vnni.
  std::string name() const { return level.str() + features; }
  /// For symbols: v4_avx512vnni.
  std::string shortName() const;
  /// LLVM's "target-features": all that are required.
  std::string codeFeatures() const { return "+" + llvm::join(required, ",+"); }
  bool has(llvm::StringRef feature) const { return llvm::is_contained(required, feature); }
  /// The row of a family's table for this level, or for the greatest one below it that has a row.
  template <typename Row, size_t N> Row pick(const std::pair<llvm::StringLiteral, Row> (&table)[N]) const {
    const Row *best = &table[0].second;
    for (const auto &[name, row] : table)
      if (!isBelow(name))
        best = &row;
    return *best;
  }

private:
  /// Whether this target is of a lower level than the one called `other`.
  bool isBelow(llvm::StringRef other) const;
};

/// The levels, from the most general to the most special, without features beyond them.
llvm::ArrayRef<CpuTarget> cpuTargets();

/// The target called `name`: a level, and features beyond it, each after a `+`. "host" is the highest level that this
/// machine has, with the known features that it has. Errors: a level or feature that is not known (the text lists
/// those that are), a machine below the first level.
llvm::Expected<CpuTarget> lookupTarget(llvm::StringRef name);

/// What lookupTarget() takes, for users: "host, x86-64-v3 (AVX2), …".
std::string knownTargets();

/// Whether this machine can run the code of `target`.
bool hostCanRun(const CpuTarget &target);

} // namespace hone

#endif
