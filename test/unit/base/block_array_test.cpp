#include "base/block_array.h"

#include <gtest/gtest.h>

#include <vector>

namespace sagedb {
namespace {

// Property: addresses never move, runs tile the array, and a foreign base block is read in place.
TEST(BlockArray, AddressesNeverMove) {
  BlockArray<std::uint32_t> a(8);
  std::vector<std::uint32_t*> seen;
  for (std::uint32_t i = 0; i < 5000; ++i) {
    a.ensure(i + 1);
    EXPECT_EQ(a[i], 0u);
    a[i] = i;
    seen.push_back(&a[i]);
  }
  for (std::uint32_t i = 0; i < 5000; ++i) {
    EXPECT_EQ(&a[i], seen[i]);
    EXPECT_EQ(*seen[i], i);
  }
}

TEST(BlockBytes, RunsTileTheArrayBehindAForeignBase) {
  std::vector<std::uint64_t> base(13);
  for (std::size_t i = 0; i < base.size(); ++i) base[i] = i;
  BlockBytes b(8, 4, base.data(), 13, nullptr);
  b.ensure(1000);
  EXPECT_EQ(reinterpret_cast<const std::uint64_t*>(b.at(7)), base.data() + 7);
  std::uint32_t i = 0;
  while (i < 1000) {
    const std::uint32_t n = std::min(b.run(i), 1000 - i);
    ASSERT_GT(n, 0u);
    for (std::uint32_t j = 0; j < n; ++j) EXPECT_EQ(b.at(i) + 8 * j, b.at(i + j));
    i += n;
  }
}

// Property: addresses asked for together are those asked for one by one, with and without a base.
TEST(BlockBytes, ManyAddressesAtOnce) {
  std::vector<std::uint64_t> base(13);
  for (const std::uint32_t base_count : {0u, 13u}) {
    BlockBytes b(8, 4, base.data(), base_count, nullptr);
    b.ensure(3000);
    std::vector<std::uint32_t> indexes;
    for (std::uint32_t i = 0; i < 3000; ++i) indexes.push_back(i * 7 % 3000);
    std::vector<const std::byte*> out(indexes.size());
    b.at(indexes.data(), indexes.size(), out.data());
    for (std::size_t i = 0; i < indexes.size(); ++i) ASSERT_EQ(out[i], b.at(indexes[i])) << "base " << base_count;
  }
}

}  // namespace
}  // namespace sagedb
