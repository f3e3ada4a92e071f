//===- Targets.h - CPU levels that code is generated for --------*- C++ -*-===//
//
// One row per CPU level: what LLVM is told, and the register tile and cache blocks that the kernel families use there.
// A new target is one row in Targets.cpp; nothing else asks which target it is.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef HONE_COMPILER_CODEGEN_CPU_TARGETS_H
#define HONE_COMPILER_CODEGEN_CPU_TARGETS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>

namespace hone {

/// A CPU level. Sizes of tiles are in f32 elements.
struct CpuTarget {
  llvm::StringRef name;     ///< as `--target` takes it: x86-64-v4+avx512vnni
  llvm::StringRef known;    ///< what people know the level as: AVX-512
  llvm::StringRef triple;   ///< LLVM target triple
  llvm::StringRef cpu;      ///< LLVM "target-cpu"
  llvm::StringRef features; ///< LLVM "target-features": "+avx512vnni"
  llvm::StringRef required; ///< what a host must have for this row, in LLVM's names, separated by commas
  uint32_t runtimeFeatures; ///< the same as the runtime checks it: a set of HONE_CPU_*
  int64_t lanes;            ///< f32 elements of one vector register
  int64_t tileRows;         ///< rows of the matmul register tile
  int64_t tileVectors;      ///< vectors per row of the tile: a packed panel is tileVectors * lanes columns wide
  int64_t streamedPanels;   ///< panels that one row of A is multiplied with at once: memory streams that keep DRAM busy
  int64_t depthBlock;       ///< k values that are accumulated in registers before C is touched
  int64_t rowBlock;         ///< rows of A that are kept in L2
  int64_t attentionRows;    ///< queries per block of the attention kernel
  int64_t attentionKeys;    ///< keys per block of the attention kernel

  /// Columns of a packed panel (of the register tile).
  int64_t panelColumns() const { return tileVectors * lanes; }
};

/// All rows, from the most general to the most special.
llvm::ArrayRef<CpuTarget> cpuTargets();

/// The row called `name`; "host" picks the last row whose features this machine has. Errors: a name that is no row (the
/// text lists the rows), a machine below the first row.
llvm::Expected<const CpuTarget &> lookupTarget(llvm::StringRef name);

/// Whether this machine can run the code of `target`.
bool hostCanRun(const CpuTarget &target);

} // namespace hone

#endif // HONE_COMPILER_CODEGEN_CPU_TARGETS_H
