// runtime/src/cpu.c against what the kernel says of the processor.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "TestModel.h"
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <sstream>

extern "C" uint32_t hone_rt_cpu_features(void);
extern "C" hone_status hone_rt_check_cpu(uint32_t needed, uint32_t present, hone_error *error);

namespace {

/// The flags that /proc/cpuinfo lists for the first core.
std::set<std::string> flags() {
  std::ifstream file("/proc/cpuinfo");
  std::string line, word;
  std::set<std::string> result;
  while (std::getline(file, line) && result.empty())
    if (line.rfind("flags", 0) == 0)
      for (std::istringstream words(line); words >> word;)
        result.insert(word);
  return result;
}

} // namespace

TEST(Cpu, FeaturesAreThoseThatTheKernelLists) {
  std::set<std::string> have = flags();
  auto hasAll = [&](std::initializer_list<const char *> names) {
    for (const char *name : names)
      if (!have.count(name))
        return false;
    return true;
  };
  ASSERT_FALSE(have.empty());
  bool v3 = hasAll({"avx2", "fma", "f16c", "bmi1", "bmi2", "abm", "movbe"});
  bool v4 = v3 && hasAll({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"});
  uint32_t expected =
      (v3 ? HONE_CPU_V3 : 0) | (v4 ? HONE_CPU_V4 : 0) | (v4 && hasAll({"avx512_vnni"}) ? HONE_CPU_AVX512_VNNI : 0);
  EXPECT_EQ(hone_rt_cpu_features(), expected);
}

TEST(Cpu, NamesWhatIsMissing) {
  hone_error error = {};
  auto check = [&](uint32_t needed, uint32_t present) { return hone_rt_check_cpu(needed, present, &error); };
  EXPECT_EQ(check(0, 0), HONE_OK);
  EXPECT_EQ(check(HONE_CPU_V3, HONE_CPU_V3 | HONE_CPU_V4), HONE_OK);
  EXPECT_EQ(check(HONE_CPU_V3 | HONE_CPU_V4, HONE_CPU_V3), HONE_UNSUPPORTED);
  EXPECT_STREQ(error.message,
               "the library needs AVX-512 (x86-64-v4), which this processor lacks: compile the model for "
               "a lower level, e.g. hone compile --target=x86-64-v3");
  EXPECT_EQ(check(HONE_CPU_V3, 0), HONE_UNSUPPORTED);
  EXPECT_NE(std::string(error.message).find("AVX2 (x86-64-v3)"), std::string::npos);
}

TEST(Cpu, SessionsAskForIt) {
  test::Program better = test::program;
  better.cpu_features = uint32_t(1) << 31; // no processor's
  hone_library library = test::makeLibrary(better);
  hone_session *session = nullptr;
  hone_error error = {};
  EXPECT_EQ(hone_session_create(&library, nullptr, &session, &error), HONE_UNSUPPORTED);
  EXPECT_EQ(session, nullptr);
}
