// Chains of segments: whatever was kept and whatever was written again, the chain reads as the newest elements, and few bytes are written twice.
#include "storage/segment_chain.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <random>

#include "base/status.h"
#include "storage/segment_writer.h"
#include "support/sim_env.h"

namespace sagedb {
namespace {

using test::SimEnv;

// A growing array of elements and its chain on disk.
class Chain {
 public:
  Chain(Env& env, std::string dir, std::uint32_t stride) : env_(env), dir_(std::move(dir)), stride_(stride) {
    manifest_.database = Uuid{{7}};
  }

  void grow(std::uint64_t count, std::mt19937_64& rng) {
    for (std::uint64_t i = 0; i < count * stride_; ++i) bytes_.push_back(static_cast<char>(rng()));
  }
  void change(std::uint64_t element) {
    bytes_[element * stride_] ^= 1;
    unchanged_ = std::min(unchanged_, element);
  }
  // Returns how many elements were written.
  std::uint64_t write() {
    const std::uint64_t count = bytes_.size() / stride_;
    const ChainPlan plan = plan_chain(manifest_.segments, unchanged_, count, stride_);
    manifest_.segments = plan.kept;
    unchanged_ = count;
    if (plan.first == count) return 0;
    FileHeader h;
    h.kind = FileKind::text;
    h.database = manifest_.database;
    h.number = ++number_;
    h.first = plan.first;
    SegmentWriter out(env_, join_path(dir_, segment_name(h.kind, h.number)), h);
    out.append(bytes_.data() + plan.first * stride_, (count - plan.first) * stride_);
    const FileHeader done = out.finish(count - plan.first);
    manifest_.segments.push_back(SegmentRef{h.kind, h.number, h.first, done.count, done.file_size, done.uuid});
    return count - plan.first;
  }
  void check() const {
    const ChainBytes read = open_chain(env_, dir_, manifest_, FileKind::text, bytes_.size() / stride_, stride_, true);
    if (!bytes_.empty()) ASSERT_EQ(std::memcmp(read.data, bytes_.data(), bytes_.size()), 0);
  }
  ErrorCode open(std::uint64_t count) const {
    try {
      open_chain(env_, dir_, manifest_, FileKind::text, count, stride_, true);
    } catch (const Error& e) {
      return e.code();
    }
    return ErrorCode::INTERNAL;
  }
  Manifest& manifest() { return manifest_; }
  std::uint64_t size() const { return bytes_.size() / stride_; }

 private:
  Env& env_;
  const std::string dir_;
  const std::uint32_t stride_;
  Manifest manifest_;
  std::string bytes_;
  std::uint64_t unchanged_ = 0, number_ = 0;
};

constexpr std::uint32_t kStrides[] = {1, 4, 40, 192, 4096};

void grow_and_check(Env& env, const std::string& dir, std::uint64_t seed, std::uint32_t stride) {
  std::mt19937_64 rng(seed * 1000 + stride);
  SCOPED_TRACE("seed " + std::to_string(seed) + " stride " + std::to_string(stride));
  Chain chain(env, dir, stride);
  chain.check();
  // Fewer of the large elements, which start a page each, in the same proportion.
  const std::uint64_t few = stride < 4096 ? 90 : 9, many = stride < 4096 ? 3000 : 300;
  for (int step = 0; step < 30; ++step) {
    if (step % 7 != 3) chain.grow(rng() % (step % 5 == 0 ? many : few), rng);
    if (step % 3 == 1 && chain.size() > 0)
      for (int i = 0; i < 3; ++i) chain.change(rng() % chain.size());
    chain.write();
    ASSERT_NO_FATAL_FAILURE(chain.check());
  }
}

// Property: after any growth and any changes the chain reads as the array.
TEST(SegmentChain, ReadsAsTheNewestElements) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    for (const std::uint32_t stride : kStrides) {
      SimEnv env;  // its journal keeps every byte that was ever written
      grow_and_check(env, "/", seed, stride);
    }
  }
}

// Property: the same with real files and mappings.
TEST(SegmentChain, MapsRealFilesAsOneRun) {
  const std::string dir =
      (std::filesystem::temp_directory_path() / ("sagedb-chain-" + std::to_string(::getpid()))).string();
  Env::real().make_dir(dir);
  for (const std::uint32_t stride : kStrides) grow_and_check(Env::real(), dir, 9, stride);
  std::filesystem::remove_all(dir);
}

// Property: small additions to much are cheap: what is written stays within a few times what is new, and the chain stays short.
TEST(SegmentChain, WritesLittleTwice) {
  SimEnv env;
  std::mt19937_64 rng(3);
  Chain chain(env, "/", 64);
  chain.grow(64000, rng);
  EXPECT_EQ(chain.write(), 64000u);
  EXPECT_EQ(chain.write(), 0u);
  std::uint64_t written = 0;
  std::size_t longest = 0;
  for (int step = 0; step < 100; ++step) {
    chain.grow(64, rng);
    written += chain.write();
    longest = std::max(longest, chain.manifest().segments.size());
  }
  EXPECT_LT(written, 64u * 100 * 12);
  EXPECT_LE(longest, 7u);
  chain.check();
}

// A chain of which only the plan is looked at: sizes in megabytes, elements of a megabyte.
struct PlannedChain {
  void grow(std::uint64_t megabytes, Rewrite rewrite = Rewrite::in_tiers) {
    const std::uint64_t before = count;
    count += megabytes;
    const ChainPlan plan = plan_chain(segments, before, count, 1 << 20, rewrite);
    ASSERT_LE(plan.first, before);
    segments = plan.kept;
    segments.push_back(SegmentRef{FileKind::vectors, 0, plan.first, count - plan.first, 0, Uuid{}});
    written += count - plan.first;
    largest = std::max(largest, count - plan.first);
    std::uint64_t end = 0;
    for (const SegmentRef& s : segments) {
      ASSERT_EQ(s.first, end);
      end = s.end();
    }
    ASSERT_EQ(end, count);
  }
  std::vector<SegmentRef> segments;
  std::uint64_t count = 0, written = 0, largest = 0;
};

// Property: what grows by equal large parts is written once more per power of eight, a gigabyte never again, and there are at most seven segments of a
// size below that.
TEST(SegmentChain, LargeSegmentsAreRewrittenInTiers) {
  PlannedChain chain;
  for (int step = 0; step < 24; ++step) ASSERT_NO_FATAL_FAILURE(chain.grow(64));
  EXPECT_EQ(chain.written, (21u + 3 * 8) * 64) << "each eighth checkpoint writes eight parts";
  EXPECT_EQ(chain.segments.size(), 3u);
  for (int step = 0; step < 1000; ++step) ASSERT_NO_FATAL_FAILURE(chain.grow(64));
  EXPECT_LE(chain.written, chain.count * 3);
  EXPECT_LE(chain.largest, 8u * 1024);
  EXPECT_LE(chain.segments.size(), chain.count / 1024 + 2 * 7);
  PlannedChain at_once;
  for (int step = 0; step < 1000; ++step) ASSERT_NO_FATAL_FAILURE(at_once.grow(64, Rewrite::at_once));
  EXPECT_LE(at_once.segments.size(), 11u);
}

// Property: parts of any sizes leave few segments, and few bytes are written twice.
TEST(SegmentChain, AnySizesLeaveFewSegments) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 rng(seed);
    PlannedChain chain;
    for (int step = 0; step < 2000; ++step) ASSERT_NO_FATAL_FAILURE(chain.grow(1 + (rng() % 512 >> rng() % 10)));
    EXPECT_LE(chain.segments.size(), chain.count / 1024 + 40);
    EXPECT_LE(chain.written, chain.count * 6);
  }
}

// Property: a chain with a hole, a missing end, a wrong order or a segment that is not the named one is refused.
TEST(SegmentChain, GapsAreRefused) {
  SimEnv env;
  std::mt19937_64 rng(4);
  Chain chain(env, "/", 64);
  for (const std::uint64_t count : {64000, 6400, 640}) {
    chain.grow(count, rng);
    chain.write();
  }
  ASSERT_EQ(chain.manifest().segments.size(), 3u);
  EXPECT_EQ(chain.open(chain.size()), ErrorCode::INTERNAL);
  EXPECT_EQ(chain.open(chain.size() + 1), ErrorCode::CORRUPTION);
  EXPECT_EQ(chain.open(chain.size() - 1), ErrorCode::CORRUPTION);
  const auto with = [&](const std::function<void(std::vector<SegmentRef>*)>& change) {
    const std::vector<SegmentRef> good = chain.manifest().segments;
    change(&chain.manifest().segments);
    const ErrorCode code = chain.open(chain.size());
    chain.manifest().segments = good;
    return code;
  };
  EXPECT_EQ(with([](auto* s) { s->erase(s->begin() + 1); }), ErrorCode::CORRUPTION);
  EXPECT_EQ(with([](auto* s) { s->pop_back(); }), ErrorCode::CORRUPTION);
  EXPECT_EQ(with([](auto* s) { std::swap((*s)[0], (*s)[1]); }), ErrorCode::CORRUPTION);
  EXPECT_EQ(with([](auto* s) { (*s)[1].first += 64; }), ErrorCode::CORRUPTION);
  EXPECT_EQ(with([](auto* s) { (*s)[1].uuid[0] ^= 1; }), ErrorCode::CORRUPTION);
  EXPECT_EQ(with([](auto* s) { (*s)[1].number = 77; }), ErrorCode::CORRUPTION);
}

}  // namespace
}  // namespace sagedb
