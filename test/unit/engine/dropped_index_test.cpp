// An index that the check of the blocks has dropped stays dropped, and who waits for that check can be asked to wait no longer.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <thread>

#include "index/index.h"
#include "storage/file_header.h"
#include "storage/graph_segment.h"
#include "support/durable_fixture.h"
#include "support/forwarding_env.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;
using test::ForwardingEnv;
using test::SimEnv;

constexpr std::uint32_t kDimension = 8;

Options indexed(Env& env) {
  Options o = durable_options(env, kDimension, Metric::l2, IndexKind::hnsw);
  o.quantization = Quantization::none;  // the graph is all there is to check
  return o;
}

void add_rows(SageDB& db, std::mt19937_64& rng, int count) {
  std::vector<Vector> rows;
  for (int i = 0; i < count; ++i) rows.push_back(random_vector(rng, kDimension));
  expect_ok(apply_one(db, op_of(WriteOp::Kind::add, rows)));
}

// A disk that, once it is bad, has lost the links of every graph but the one that was opened first; and a call before that, which only the check of the blocks
// does.
class BadGraphs final : public ForwardingEnv {
 public:
  using ForwardingEnv::ForwardingEnv;
  std::shared_ptr<const Mapping> map(const std::string& path) override {
    if (!is_bad(path)) return target_.map(path);
    return std::make_shared<Copy>(without_links(*target_.open(path)));
  }
  std::unique_ptr<ReadableFile> open(const std::string& path) override {
    if (is_graph(path) && before_open) {
      good_ = path;
      std::exchange(before_open, nullptr)();
    }
    if (!is_bad(path)) return target_.open(path);
    return std::make_unique<File>(without_links(*target_.open(path)));
  }

  std::atomic<bool> bad{false};
  std::function<void()> before_open;

 private:
  class Copy final : public Mapping {
   public:
    explicit Copy(std::vector<std::uint64_t> words) : words_(std::move(words)) {
      data_ = reinterpret_cast<const std::byte*>(words_.data() + 1);
      size_ = words_[0];
    }

   private:
    const std::vector<std::uint64_t> words_;
  };
  class File final : public ReadableFile {
   public:
    explicit File(std::vector<std::uint64_t> words) : words_(std::move(words)) {}
    std::uint64_t size() const override { return words_[0]; }
    std::size_t read_at(std::uint64_t offset, void* out, std::size_t size) const override {
      const std::size_t n = std::min<std::uint64_t>(size, words_[0] - std::min(offset, words_[0]));
      std::memcpy(out, reinterpret_cast<const char*>(words_.data() + 1) + offset, n);
      return n;
    }

   private:
    const std::vector<std::uint64_t> words_;
  };

  bool is_bad(const std::string& path) const { return bad && is_graph(path) && path != good_; }
  static bool is_graph(const std::string& path) { return path.find("/graph-") != std::string::npos; }
  // Its length, then the file, with half of all bytes, links, gone.
  static std::vector<std::uint64_t> without_links(const ReadableFile& file) {
    std::vector<std::uint64_t> words(1 + (file.size() + 7) / 8);
    words[0] = file.size();
    file.read_at(0, words.data() + 1, file.size());
    auto* const bytes = reinterpret_cast<std::uint8_t*>(words.data() + 1);
    std::memset(bytes + kHeaderSize + kGraphCounts, 0xff, (file.size() - kHeaderSize - kGraphCounts) / 2);
    return words;
  }

  std::string good_;  // set before there is a bad one
};

// HNSW that calls before each growth with the index that grows.
class Builds final : public AnnsAlgorithm {
 public:
  explicit Builds(std::function<void(const Index* base)> before)
      : hnsw_(create_anns_algorithm("hnsw", IndexConfig())), before_(std::move(before)) {}
  const char* name() const noexcept override { return hnsw_->name(); }
  bool uses_codes() const noexcept override { return hnsw_->uses_codes(); }
  std::shared_ptr<const Index> grow(const SpaceView& space, std::shared_ptr<const Index> base, Row rows,
                                    std::shared_ptr<const Index> recycled, const BuildContext& context) const override {
    before_(base.get());
    return hnsw_->grow(space, std::move(base), rows, std::move(recycled), context);
  }
  std::shared_ptr<const Index> compact(const SpaceView& space, std::shared_ptr<const Index> base, const RowRemap& remap,
                                       const BuildContext& context) const override {
    return hnsw_->compact(space, std::move(base), remap, context);
  }

 private:
  const std::unique_ptr<AnnsAlgorithm> hnsw_;
  const std::function<void(const Index* base)> before_;
};

// Property: a reader takes over a generation whose index is damaged, in the moment between the check of the one before and a build. The build, which grows that index,
// does not bring it back when the check has dropped it.
TEST(DroppedIndex, IsNotBroughtBackByABuild) {
  SimEnv disk;
  BadGraphs env(disk);
  std::mt19937_64 rng(5);
  const auto db = SageDB::open(indexed(disk));
  add_rows(*db, rng, 1500);
  db->build_index(nullptr, nullptr);
  db->checkpoint();
  add_rows(*db, rng, 100);

  Options o = indexed(env);
  o.read_only = true;
  std::atomic<bool> begun{false}, refreshed{false}, from_nothing{false};
  std::thread refreshing;
  const auto reader = SageDB::open(o, std::make_unique<Builds>([&](const Index* base) {
                                     if (base == nullptr) from_nothing = true;
                                     while (begun && !refreshed)
                                       std::this_thread::sleep_for(std::chrono::milliseconds(1));
                                   }));
  const Sequence before = reader->stats().sequence;
  env.before_open = [&] {
    add_rows(*db, rng, 300);
    db->build_index(nullptr, nullptr);
    db->checkpoint();
    add_rows(*db, rng, 100);
    env.bad = true;
    refreshing = std::thread([&] {
      EXPECT_NO_THROW(EXPECT_TRUE(reader->refresh()));
      EXPECT_NO_THROW(reader->snapshot("/data/copy"));  // checks every block
      refreshed = true;
    });
    while (reader->stats().sequence == before) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    begun = true;
  };
  EXPECT_NO_THROW(reader->build_index(nullptr, nullptr));
  // The refresh alone may have given the caller what it waited for.
  while (!begun) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  refreshing.join();
  EXPECT_NE(reader->stats().last_error.find("the index is rebuilt"), std::string::npos) << reader->stats().last_error;
  reader->build_index(nullptr, nullptr);
  // Searches would not tell: a build mends what it meets.
  EXPECT_TRUE(from_nothing);
  EXPECT_EQ(content_of(*reader), content_of(*db));
  int lost = 0;
  for (const Item& item : reader->find(nullptr, 3000, 0, true)) {
    const SearchResult r = search_one(*reader, item.vector, 1, 64);
    if (r.hits.size() != 1 || std::abs(r.hits[0].score) > 1e-4) ++lost;
  }
  EXPECT_EQ(lost, 0);
}

// A disk on which every read takes a moment.
class SlowReads final : public ForwardingEnv {
 public:
  using ForwardingEnv::ForwardingEnv;
  std::unique_ptr<ReadableFile> open(const std::string& path) override {
    ++opened;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return target_.open(path);
  }

  std::atomic<int> opened{0};
};

// Property: a build whose checkpoint waits for the check of the blocks ends with ABORTED when its caller or close() asks for it, long before the check is over,
// and what is checked once is not checked again.
TEST(BlockCheckWait, EndsWhenItIsAsked) {
  SimEnv disk;
  std::mt19937_64 rng(6);
  int files = 0;
  {
    const auto db = SageDB::open(durable_options(disk, kDimension, Metric::cosine, IndexKind::hnsw));
    for (int i = 0; i < 12; ++i) {
      add_rows(*db, rng, 200 >> (i / 2));
      db->checkpoint();
    }
    files = static_cast<int>(disk.list(kFolder).size());
    ASSERT_GT(files, 20);
    add_rows(*db, rng, 100);
    db->close();
  }
  for (const bool closing : {false, true}) {
    SCOPED_TRACE(closing ? "close()" : "a signal");
    SimEnv life(disk.disk());
    SlowReads env(life);
    const auto db = SageDB::open(durable_options(env, kDimension, Metric::cosine, IndexKind::hnsw));
    const Content content = content_of(*db);
    const int at_first = env.opened;
    CancelToken cancel;
    std::atomic<bool> over{false};
    std::optional<ErrorCode> code;
    std::thread building([&] {
      code = code_of([&] { db->build_index(&cancel, nullptr); });
      over = true;
    });
    // Behind the index, whose check the build itself needs.
    while (env.opened < at_first + 8 && !over) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    closing ? db->close() : cancel.cancel();
    building.join();
    EXPECT_EQ(code, ErrorCode::ABORTED);
    EXPECT_LT(env.opened - at_first, files / 4 * 3);
    if (closing) continue;
    EXPECT_EQ(db->stats().last_error, "");
    EXPECT_NO_THROW(db->build_index(nullptr, nullptr));
    EXPECT_EQ(content_of(*db), content);
    db->close();
  }
}

}  // namespace
}  // namespace sagedb
