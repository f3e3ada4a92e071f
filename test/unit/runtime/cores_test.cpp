// Cores allowed to the process.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sched.h>

extern "C" int32_t hone_rt_allowed_cores(void);
extern "C" int32_t hone_rt_quota(const char *membership, const char *root, int32_t most);

namespace {

/// A made-up /proc/self/cgroup and /sys/fs/cgroup.
class Cores : public testing::Test {
protected:
  std::filesystem::path folder;

  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "hone-cores-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  void write(const char *path, const char *text) {
    std::filesystem::create_directories((folder / path).parent_path());
    std::ofstream(folder / path) << text;
  }
  int32_t quota() { return hone_rt_quota((folder / "self").c_str(), (folder / "fs").c_str(), 16); }
};

} // namespace

TEST_F(Cores, NoGroups) { EXPECT_EQ(quota(), 16); }

TEST_F(Cores, Version2) {
  write("self", "0::/user/app\n");
  EXPECT_EQ(quota(), 16);
  write("fs/user/app/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), 16);
  write("fs/user/app/cpu.max", "450000 100000\n");
  EXPECT_EQ(quota(), 4);
  write("fs/user/cpu.max", "250000 100000\n"); // a parent's is tighter
  EXPECT_EQ(quota(), 2);
  write("fs/user/app/cpu.max", "50000 100000\n");
  EXPECT_EQ(quota(), 1);
}

TEST_F(Cores, Version2InContainer) {
  write("self", "0::/\n");
  write("fs/cpu.max", "300000 100000\n");
  EXPECT_EQ(quota(), 3);
}

TEST_F(Cores, Version1) {
  write("self", "5:memory:/m\n4:cpuset:/m\n3:cpuacct,cpu:/app\n");
  write("fs/cpu/m/cpu.cfs_quota_us", "100000\n");
  write("fs/cpu/m/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 16) << "group m is of other controllers";
  write("fs/cpu/app/cpu.cfs_quota_us", "-1\n");
  write("fs/cpu/app/cpu.cfs_period_us", "50000\n");
  EXPECT_EQ(quota(), 16);
  write("fs/cpu/app/cpu.cfs_quota_us", "100000\n");
  EXPECT_EQ(quota(), 2);
}

TEST_F(Cores, Nonsense) {
  for (const char *line : {"", "\n", "0", "0:", "0::", ":::", "0::/../../x", "3:cpu", "cpu:cpu:cpu\n\n\n"}) {
    write("self", line);
    EXPECT_EQ(quota(), 16) << line;
  }
  write("self", "0::/app\n");
  for (const char *text : {"", "100000", "100000 0", "x y", "99999999999999999999 1", "-5 100"}) {
    write("fs/app/cpu.max", text);
    EXPECT_EQ(quota(), 16) << text;
  }
  write("self", ("0::/" + std::string(6000, 'x')).c_str());
  EXPECT_EQ(quota(), 16);
}

TEST(AllowedCores, FollowsAffinity) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  EXPECT_GE(hone_rt_allowed_cores(), 1);
  EXPECT_LE(hone_rt_allowed_cores(), CPU_COUNT(&before));
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &before) && !CPU_COUNT(&one))
      CPU_SET(i, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(hone_rt_allowed_cores(), 1);
  sched_setaffinity(0, sizeof(before), &before);
}
