#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

namespace sagedb {
namespace {

// Property: the values of RFC 3720, B.4.
TEST(Crc32c, KnownValues) {
  const std::vector<unsigned char> zeros(32, 0), ones(32, 0xff);
  EXPECT_EQ(crc32c(0, zeros.data(), 32), 0x8a9136aau);
  EXPECT_EQ(crc32c(0, ones.data(), 32), 0x62a8ab43u);
  EXPECT_EQ(crc32c(0, "123456789", 9), 0xe3069283u);
  EXPECT_EQ(crc32c_scalar(0, "123456789", 9), 0xe3069283u);
}

// Property: hardware and table agree for every length and alignment, and a sum may be made in pieces.
TEST(Crc32c, PathsAgreeAndPiecesAddUp) {
  std::mt19937 random(7);
  std::vector<unsigned char> data(10000);
  for (auto& b : data) b = static_cast<unsigned char>(random());
  for (std::size_t from = 0; from < 9; ++from)
    for (std::size_t size = 0; size < 300; ++size)
      ASSERT_EQ(crc32c(1, data.data() + from, size), crc32c_scalar(1, data.data() + from, size)) << from << " " << size;
  // Around whole rounds of the runs that are taken side by side.
  for (std::size_t from = 0; from < 9; ++from)
    for (std::size_t rounds = 1; rounds < 4; ++rounds)
      for (std::size_t size = rounds * 3072 - 9; size < rounds * 3072 + 10; ++size)
        ASSERT_EQ(crc32c(1, data.data() + from, size), crc32c_scalar(1, data.data() + from, size))
            << from << " " << size;
  for (int i = 0; i < 200; ++i) {
    const std::size_t cut = random() % data.size();
    ASSERT_EQ(crc32c(crc32c(0, data.data(), cut), data.data() + cut, data.size() - cut),
              crc32c_scalar(0, data.data(), data.size()));
  }
}

}  // namespace
}  // namespace sagedb
