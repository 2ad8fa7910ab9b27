// Bytes of a mapped file moved into memory where they stand.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/env.h"
#include "base/memory.h"
#include "base/resident.h"
#include "support/temp_folder.h"

#if defined(__linux__)
#include <unistd.h>

namespace sagedb {
namespace {

std::uint64_t expected_word(std::size_t i) { return (i + 1) * 0x9E3779B97F4A7C15ull; }

class Resident : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<std::uint64_t> words(kWords);
    for (std::size_t i = 0; i < kWords; ++i) words[i] = expected_word(i);
    Env::real().create(path_)->append(words.data(), words.size() * 8);
  }
  static constexpr std::size_t kWords = (9u << 20) / 8 + 77;
  const testing::TempFolder temp_;
  const std::string path_ = temp_.path() + "/file";
};

// Property: whoever reads while the bytes are moved, piece by piece and of any alignment, sees the same bytes at the same place; they are whole pages
// within what was asked for, and no longer the file's.
TEST_F(Resident, ReadersNoticeNothing) {
  const auto mapping = Env::real().map(path_);
  const auto* words = reinterpret_cast<const std::uint64_t*>(mapping->data());
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> wrong{0}, rounds{0};
  std::vector<std::thread> readers;
  for (std::size_t t = 0; t < 3; ++t)
    readers.emplace_back([&, t] {
      do {
        for (std::size_t i = t; i < kWords; i += 61)
          if (words[i] != expected_word(i)) ++wrong;
        ++rounds;
      } while (!done);
    });
  while (rounds < 3) std::this_thread::yield();
  constexpr std::size_t kFirst = 4096 + 64;
  const std::size_t size = mapping->size() - kFirst;
  std::size_t moved = 0;
  for (std::size_t at = 0; at < size; at += 3u << 20)
    moved += make_resident(mapping->data() + kFirst + at, std::min<std::size_t>(3u << 20, size - at));
  const std::uint64_t until = rounds + 6;
  while (rounds < until) std::this_thread::yield();
  done = true;
  for (std::thread& t : readers) t.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_LE(moved, size);
  EXPECT_GE(moved, size - 4 * 2 * 65536) << "all but the ends of the pieces";
  // A page of the file would be a signal now.
  ASSERT_EQ(::truncate(path_.c_str(), 0), 0);
  const std::size_t whole = (kFirst + 65536) / 8;
  for (std::size_t i = whole; i < whole + (2u << 20) / 8; ++i) ASSERT_EQ(words[i], expected_word(i));
}

TEST_F(Resident, LessThanAPageIsLeftAlone) {
  const auto mapping = Env::real().map(path_);
  EXPECT_EQ(make_resident(mapping->data() + 1, 4096), 0u);
  EXPECT_EQ(make_resident(mapping->data(), 0), 0u);
}

}  // namespace
}  // namespace sagedb
#endif
