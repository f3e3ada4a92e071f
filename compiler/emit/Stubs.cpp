// The table of functions, and the sections that a linker reads of a shared library: dynamic symbols, their versions,
// soname. A unit test compares the table with the C library of the machine it runs on.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/emit/Stubs.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELF.h"
#include "llvm/Object/ELFTypes.h"
#include <cstring>

using namespace hone;

using namespace llvm::ELF;

// Versions: glibc's sysdeps/unix/sysv/linux/x86_64/64/{libc,libm}.abilist. The threads' conditions were remade
// in 2.3.2, sched_getaffinity got its size argument in 2.3.4; clock_gettime came from librt to libc in 2.17.
static constexpr StubSymbol kLibc[] = {
    {"__errno_location"},
    {"abort"},
    {"bcmp"},
    {"calloc"},
    {"clock_gettime", "GLIBC_2.17"},
    {"close"},
    {"free"},
    {"lseek"},
    {"madvise"},
    {"malloc"},
    {"memchr"},
    {"memcmp"},
    {"memcpy"},
    {"memmove"},
    {"memset"},
    {"mmap"},
    {"munmap"},
    {"open"},
    {"posix_memalign"},
    {"pread"},
    {"pthread_attr_destroy"},
    {"pthread_attr_init"},
    {"pthread_attr_setstacksize"},
    {"pthread_cond_broadcast", "GLIBC_2.3.2"},
    {"pthread_cond_destroy", "GLIBC_2.3.2"},
    {"pthread_cond_init", "GLIBC_2.3.2"},
    {"pthread_cond_signal", "GLIBC_2.3.2"},
    {"pthread_cond_timedwait", "GLIBC_2.3.2"},
    {"pthread_cond_wait", "GLIBC_2.3.2"},
    {"pthread_create"},
    {"pthread_equal"},
    {"pthread_join"},
    {"pthread_mutex_destroy"},
    {"pthread_mutex_init"},
    {"pthread_mutex_lock"},
    {"pthread_mutex_trylock"},
    {"pthread_mutex_unlock"},
    {"pthread_once"},
    {"pthread_self"},
    {"pthread_sigmask"},
    {"qsort"},
    {"read"},
    {"realloc"},
    {"sched_getaffinity", "GLIBC_2.3.4"},
    {"sched_yield"},
    {"sigfillset"},
    {"snprintf"},
    {"strchr"},
    {"strcmp"},
    {"strlen"},
    {"strncmp"},
    {"strnlen"},
    {"strrchr"},
    {"strstr"},
    {"strtol"},
    {"strtoll"},
    {"syscall"},
    {"sysconf"},
    {"vsnprintf"},
};

static constexpr StubSymbol kLibm[] = {
    {"acos"},      {"acosf"},      {"acosh"},    {"acoshf"},    {"asin"},      {"asinf"},      {"asinh"},  {"asinhf"},
    {"atan"},      {"atan2"},      {"atan2f"},   {"atanf"},     {"atanh"},     {"atanhf"},     {"cbrt"},   {"cbrtf"},
    {"ceil"},      {"ceilf"},      {"copysign"}, {"copysignf"}, {"cos"},       {"cosf"},       {"cosh"},   {"coshf"},
    {"erf"},       {"erfc"},       {"erfcf"},    {"erff"},      {"exp"},       {"exp10"},      {"exp10f"}, {"exp2"},
    {"exp2f"},     {"expf"},       {"expm1"},    {"expm1f"},    {"fabs"},      {"fabsf"},      {"floor"},  {"floorf"},
    {"fma"},       {"fmaf"},       {"fmax"},     {"fmaxf"},     {"fmin"},      {"fminf"},      {"fmod"},   {"fmodf"},
    {"ldexp"},     {"ldexpf"},     {"log"},      {"log10"},     {"log10f"},    {"log1p"},      {"log1pf"}, {"log2"},
    {"log2f"},     {"logf"},       {"lrint"},    {"lrintf"},    {"nearbyint"}, {"nearbyintf"}, {"pow"},    {"powf"},
    {"remainder"}, {"remainderf"}, {"rint"},     {"rintf"},     {"round"},     {"roundf"},     {"sin"},    {"sincos"},
    {"sincosf"},   {"sinf"},       {"sinh"},     {"sinhf"},     {"sqrt"},      {"sqrtf"},      {"tan"},    {"tanf"},
    {"tanh"},      {"tanhf"},      {"trunc"},    {"truncf"},
};

llvm::ArrayRef<StubSymbol> hone::libcSymbols() { return kLibc; }
llvm::ArrayRef<StubSymbol> hone::libmSymbols() { return kLibm; }

template <typename T> static void append(std::string &bytes, const T &value) {
  bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
}

/// Adds a version definition `index` called `name` (at `nameOffset` of the strings) to .gnu.version_d.
static void appendVersion(std::string &definitions, uint16_t index, llvm::StringRef name, uint32_t nameOffset,
                          bool last) {
  using File = llvm::object::ELFFile<llvm::object::ELF64LE>;
  File::Elf_Verdef definition;
  std::memset(&definition, 0, sizeof definition);
  definition.vd_version = VER_DEF_CURRENT;
  definition.vd_flags = index == VER_NDX_GLOBAL ? VER_FLG_BASE : 0;
  definition.vd_ndx = index;
  definition.vd_cnt = 1;
  definition.vd_hash = llvm::object::hashSysV(name);
  definition.vd_aux = sizeof definition;
  definition.vd_next = last ? 0 : sizeof definition + sizeof(File::Elf_Verdaux);
  append(definitions, definition);
  File::Elf_Verdaux aux;
  std::memset(&aux, 0, sizeof aux);
  aux.vda_name = nameOffset;
  append(definitions, aux);
}

FileBytes hone::makeStubLibrary(const ElfMachine &machine, llvm::StringRef soname, llvm::ArrayRef<StubSymbol> symbols) {
  using File = llvm::object::ELFFile<llvm::object::ELF64LE>;
  ElfSection dynsym, strings, versions, definitions, dynamic;
  strings.bytes.push_back('\0');
  auto addString = [&](llvm::StringRef text) {
    uint32_t offset = strings.bytes.size();
    strings.bytes.append(text.data(), text.size()).push_back('\0');
    return offset;
  };

  // Version 1 is the library itself; symbols may not have it.
  llvm::MapVector<llvm::StringRef, uint16_t> indices;
  indices[soname] = VER_NDX_GLOBAL;
  File::Elf_Sym symbol;
  std::memset(&symbol, 0, sizeof symbol);
  append(dynsym.bytes, symbol);
  append(versions.bytes, File::Elf_Half(VER_NDX_LOCAL));
  symbol.setBindingAndType(STB_GLOBAL, STT_FUNC);
  symbol.st_shndx = SHN_ABS;
  for (const StubSymbol &entry : symbols) {
    symbol.st_name = addString(entry.name);
    append(dynsym.bytes, symbol);
    bool ownVersion = machine.number == EM_X86_64 && !entry.version.empty();
    uint16_t next = indices.size() + 1;
    uint16_t index = indices.try_emplace(ownVersion ? entry.version : machine.libcVersion, next).first->second;
    append(versions.bytes, File::Elf_Half(index));
  }
  uint32_t sonameOffset = 0;
  for (auto [name, index] : indices) {
    uint32_t offset = addString(name);
    if (index == VER_NDX_GLOBAL)
      sonameOffset = offset;
    appendVersion(definitions.bytes, index, name, offset, index == indices.size());
  }
  for (auto [tag, value] : {std::pair<int64_t, uint64_t>{DT_SONAME, sonameOffset}, {DT_NULL, 0}}) {
    File::Elf_Dyn entry;
    entry.d_tag = tag;
    entry.d_un.d_val = value;
    append(dynamic.bytes, entry);
  }

  dynsym.name = ".dynsym";
  dynsym.type = SHT_DYNSYM;
  dynsym.entrySize = sizeof(File::Elf_Sym);
  dynsym.link = 2;
  dynsym.info = 1; // the first global symbol
  strings.name = ".dynstr";
  strings.type = SHT_STRTAB;
  versions.name = ".gnu.version";
  versions.type = SHT_GNU_versym;
  versions.entrySize = sizeof(File::Elf_Half);
  versions.link = 1;
  definitions.name = ".gnu.version_d";
  definitions.type = SHT_GNU_verdef;
  definitions.link = 2;
  definitions.info = indices.size();
  dynamic.name = ".dynamic";
  dynamic.type = SHT_DYNAMIC;
  dynamic.entrySize = sizeof(File::Elf_Dyn);
  dynamic.link = 2;
  for (ElfSection *section : {&dynsym, &strings, &versions, &definitions, &dynamic}) {
    section->flags = SHF_ALLOC;
    section->align = 8;
  }
  return writeElf(machine, ET_DYN, {dynsym, strings, versions, definitions, dynamic});
}
