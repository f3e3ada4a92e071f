/* What the processor can do, for libraries that were compiled for a better one.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "internal.h"
#include <cpuid.h>

static bool has(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

uint32_t hone_rt_cpu_features(void) {
  uint32_t a, b, c, d, base, extended, low, high;
  if (!__get_cpuid(1, &a, &b, &base, &d) || !__get_cpuid(0x80000001, &a, &b, &extended, &d) ||
      !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(base & bit_OSXSAVE))
    return 0;
  /* Which registers the system saves: a processor's features are of no use without. */
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  const uint32_t ymm = 0x06, zmm = 0xe6;
  if (!has(low, ymm) || !has(base, bit_FMA | bit_MOVBE | bit_F16C | bit_AVX) || !has(extended, bit_LZCNT) ||
      !has(b, bit_BMI | bit_AVX2 | bit_BMI2))
    return 0;
  if (!has(low, zmm) || !has(b, bit_AVX512F | bit_AVX512DQ | bit_AVX512CD | bit_AVX512BW | bit_AVX512VL))
    return HONE_CPU_V3;
  return HONE_CPU_V3 | HONE_CPU_V4 | (has(c, bit_AVX512VNNI) ? HONE_CPU_AVX512_VNNI : 0);
}

hone_status hone_rt_check_cpu(uint32_t needed, uint32_t present, hone_error *error) {
  const uint32_t missing = needed & ~present;
  if (!missing)
    return HONE_OK;
  const char *what = missing & HONE_CPU_V3            ? "AVX2 (x86-64-v3)"
                     : missing & HONE_CPU_V4          ? "AVX-512 (x86-64-v4)"
                     : missing & HONE_CPU_AVX512_VNNI ? "AVX-512 VNNI"
                                                      : "a feature of another processor";
  return hone_rt_error(error, HONE_UNSUPPORTED,
                       "the library needs %s, which this processor lacks: compile the model for a lower level, e.g. "
                       "hone compile --target=x86-64-v3",
                       what);
}
