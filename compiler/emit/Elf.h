// The few ELF files we write ourselves.
//
// The linker never sees a weight: it gets an object whose weight section has a size and no bytes (NOBITS), and what it
// made of that section is given its place at the end of the file afterwards. Linking costs milliseconds and no memory
// whatever the size of the model. Everything here is little-endian ELF64.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_EMIT_ELF_H
#define HONE_COMPILER_EMIT_ELF_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace hone {

/// The bytes of a file that is held in memory.
using FileBytes = llvm::SmallVector<char, 0>;

/// What differs between the processors whose ELF we write.
struct ElfMachine {
  uint16_t number;                   ///< e_machine
  llvm::StringLiteral libcVersion;   ///< the oldest symbol version of its glibc
  uint64_t pageSize;                 ///< the largest page its systems use, in bytes
  llvm::StringLiteral objectWeights; ///< the weights' section in relocatable objects
  uint64_t objectWeightFlags;        ///< ... and its sh_flags
};

/// The row of the machine that `object`, an ELF file, is for. Error: no ELF64 file, or a machine we do not know.
llvm::Expected<const ElfMachine *> machineOf(llvm::StringRef object);

/// A section to be written. `size` counts for SHT_NOBITS only; all others are as long as `bytes`.
struct ElfSection {
  std::string name;
  uint32_t type = 0;
  uint64_t flags = 0, align = 1, entrySize = 0;
  uint32_t link = 0, info = 0;
  std::string bytes;
  uint64_t size = 0;
};

/// An ELF file of `type` (ET_REL, ET_DYN) with `sections` at index 1, 2, …, a section name table, and no segments.
FileBytes writeElf(const ElfMachine &machine, uint16_t type, llvm::ArrayRef<ElfSection> sections);

/// The section that holds the weights in shared libraries.
inline constexpr llvm::StringLiteral kSharedWeights = ".hone_weights";

/// A relocatable object with one NOBITS section of `bytes` bytes and one hidden symbol `symbol` at its beginning. With
/// `forShared` it is `.hone_weights`, writable, so that linkers place it behind everything else; placeWeights() makes
/// it read-only. Otherwise it is the machine's `objectWeights`, which the user's linker may put out of reach of small
/// code.
FileBytes makeWeightObject(const ElfMachine &machine, llvm::StringRef symbol, uint64_t bytes, bool forShared);

/// Turns the NOBITS section `section` of `file` (a linked shared library or a relocatable object) into one with bytes,
/// in a shared library with a read-only segment of its own. Returns the file offset where the caller has to put the
/// bytes; it is at or behind the end of `file`, and `file` keeps its size. Errors: no such section; something else lies
/// behind it.
llvm::Expected<uint64_t> placeWeights(llvm::MutableArrayRef<char> file, llvm::StringRef section);

/// The 20 bytes of the build identity that the linker reserved in `file`; empty if there is none.
llvm::MutableArrayRef<char> buildIdOf(llvm::MutableArrayRef<char> file);

} // namespace hone

#endif
