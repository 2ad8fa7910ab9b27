// How much memory there is, as control groups of both versions tell.
#include "base/available_memory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/temp_folder.h"

namespace sagedb {
namespace {

class AvailableMemory : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = std::filesystem::path(temp_.path()) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::uint64_t limit(const std::string& groups) const {
    put("groups", groups);
    return memory_limit(temp_.path() + "/groups", temp_.path() + "/mount");
  }

  const testing::TempFolder temp_;
};

TEST_F(AvailableMemory, IsSomething) {
#if defined(__linux__)
  EXPECT_GT(available_memory(), 0u);
#endif
}

// A service, a container that sees its group as the root, one that is told a path that it cannot see, and the least of several.
TEST_F(AvailableMemory, LimitsOfVersion2) {
  EXPECT_EQ(limit("0::/system.slice/db.service\n"), UINT64_MAX);
  put("mount/system.slice/db.service/memory.max", "max\n");
  EXPECT_EQ(limit("0::/system.slice/db.service\n"), UINT64_MAX);
  put("mount/system.slice/db.service/memory.max", "500000000\n");
  EXPECT_EQ(limit("0::/system.slice/db.service\n"), 500000000u);
  put("mount/system.slice/db.service/memory.high", "400000000\n");
  EXPECT_EQ(limit("0::/system.slice/db.service\n"), 400000000u);
  put("mount/system.slice/memory.max", "300000000\n");
  EXPECT_EQ(limit("0::/system.slice/db.service\n"), 300000000u);
  put("mount/memory.max", "200000000\n");
  for (const char* groups : {"0::/system.slice/db.service\n", "0::/\n", "0::/docker/0123/deep\n", "0::/../../other\n"})
    EXPECT_EQ(limit(groups), 200000000u) << groups;
}

TEST_F(AvailableMemory, LimitsOfVersion1) {
  const std::string groups = "12:pids:/docker/a\n5:cpu,memory:/docker/a\n1:name=systemd:/docker/a\n0::/docker/a\n";
  EXPECT_EQ(limit(groups), UINT64_MAX);
  put("mount/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(limit(groups), 9223372036854771712u);
  put("mount/memory/docker/a/memory.limit_in_bytes", "700000000\n");
  EXPECT_EQ(limit(groups), 700000000u);
  EXPECT_EQ(limit("5:memory:/elsewhere\n"), 9223372036854771712u);
  EXPECT_EQ(limit("5:memoryless:/docker/a\n"), UINT64_MAX);
}

TEST_F(AvailableMemory, WhatIsNoListIsNoLimit) {
  for (const char* groups : {"", "\n", "0\n", "0:\n", ":::\n", "no list\n"})
    EXPECT_EQ(limit(groups), UINT64_MAX) << groups;
  EXPECT_EQ(memory_limit(temp_.path() + "/none", temp_.path()), UINT64_MAX);
}

}  // namespace
}  // namespace sagedb
