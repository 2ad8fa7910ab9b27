// What is more than `hotMemory` stands in files, also what this process wrote: after checkpoints, and while a compaction copies it.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "support/durable_fixture.h"
#include "support/forwarding_env.h"
#include "support/setting.h"
#include "support/temp_folder.h"

#if defined(__linux__)
#include <malloc.h>

namespace sagedb {
namespace {

namespace fs = std::filesystem;
using namespace sagedb::testing;

constexpr std::uint32_t kDimension = 370;  // rows of 1,536 bytes: blocks and odd numbers of rows end within a page
constexpr std::size_t kMegabyte = std::size_t{1} << 20;

// Memory of this process that is no file's, in bytes.
std::size_t anonymous_memory() {
  std::ifstream status("/proc/self/status");
  std::string name;
  while (status >> name) {
    std::size_t kilobytes = 0;
    if (name == "RssAnon:" && status >> kilobytes) return kilobytes * 1024;
  }
  ADD_FAILURE() << "no RssAnon";
  return 0;
}

class MemoryBudget : public ::testing::Test {
 protected:
  // One heap for all threads: which of several has room left is chance, and a megabyte.
  void SetUp() override { ::mallopt(M_ARENA_MAX, 1); }
  Options options(std::optional<std::uint64_t> memory, IndexKind kind = IndexKind::flat) const {
    Options o = options_for(kDimension, Metric::cosine, kind, 1u << 20);
    o.path = folder_ / "db";
    o.hot_memory = memory;
    o.background_check = false;
    return o;
  }
  // Rows [first, first + count) as a function of their number.
  static Vector vector_of(int i) {
    std::mt19937_64 rng(static_cast<std::uint64_t>(i) * 7919 + 1);
    return random_vector(rng, kDimension);
  }
  static std::string metadata_of(int i) {
    return "{\"n\":" + std::to_string(i) + ",\"text\":\"" +
           std::string(200 + i % 300, static_cast<char>('a' + i % 26)) + "\"}";
  }
  static void add(SageDB& db, int first, int count) {
    std::vector<Vector> vectors;
    std::vector<ExternalId> ids;
    std::vector<std::string> metadata;
    for (int i = first; i < first + count; ++i) {
      vectors.push_back(vector_of(i));
      ids.emplace_back("item-" + std::to_string(i));
      metadata.push_back(metadata_of(i));
    }
    expect_ok(apply_one(db, op_of(WriteOp::Kind::add, vectors, ids, metadata)));
  }
  static void remove(SageDB& db, int first, int last, int step) {
    std::vector<ExternalId> ids;
    for (int i = first; i < last; i += step) ids.emplace_back("item-" + std::to_string(i));
    expect_ok(apply_one(db, op_of(WriteOp::Kind::remove, {}, ids)));
  }
  // How much more memory there is at most while it runs.
  static std::size_t growth_of_optimize(SageDB& db) {
    const std::size_t before = anonymous_memory();
    std::size_t most = before;
    std::atomic<bool> done{false};
    std::thread watcher([&] {
      for (bool last = false; !last; std::this_thread::sleep_for(std::chrono::milliseconds(1))) {
        last = done;
        most = std::max(most, anonymous_memory());
      }
    });
    db.optimize(nullptr, nullptr);
    done = true;
    watcher.join();
    return most - before;
  }
  // Mappings of files of the database that have no name any more: space on the disk that nobody sees. A generation that was replaced goes soon.
  std::vector<std::string> unnamed_mappings() const {
    std::vector<std::string> out;
    for (int tries = 0; tries < 1000; ++tries) {
      out.clear();
      std::ifstream maps("/proc/self/maps");
      for (std::string line; std::getline(maps, line);)
        if (line.find(folder_.string()) != std::string::npos && line.find("(deleted)") != std::string::npos)
          out.push_back(line);
      if (out.empty()) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return out;
  }

  std::vector<std::string> files_of(const std::string& kind) const {
    std::vector<std::string> names;
    for (const auto& file : fs::directory_iterator(folder_ / "db"))
      if (file.path().filename().string().rfind(kind + "-", 0) == 0) names.push_back(file.path().filename());
    return names;
  }
  // Bytes of the address space that are pages of segments of one kind.
  std::size_t mapped_of(const std::string& kind) const {
    std::size_t bytes = 0;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      std::size_t begin = 0, end = 0;
      if (line.find((folder_ / "db" / kind).string() + "-") == std::string::npos) continue;
      if (std::sscanf(line.c_str(), "%zx-%zx", &begin, &end) == 2) bytes += end - begin;
    }
    return bytes;
  }

  const TempFolder temp_;
  const fs::path folder_ = temp_.path();
};

// Property: however much is loaded, what checkpoints have written takes no more memory than the budget, all of it is there and found, and what a
// later checkpoint merges into other segments keeps no removed file.
TEST_F(MemoryBudget, WhatCheckpointsWroteIsGivenBack) {
  const int rows = kSanitized ? 4000 : 12000, batch = 1000;
  const std::size_t written = static_cast<std::size_t>(rows) * (kDimension * 4 + 350);
  std::shared_ptr<SageDB> db;
  std::size_t grown[2];
  for (const bool small : {false, true}) {
    db.reset();
    fs::remove_all(folder_ / "db");
    const std::size_t before = anonymous_memory();
    db = SageDB::open(options(small ? 2 * kMegabyte : 1024 * kMegabyte));
    for (int i = 0; i < rows; i += batch) {
      add(*db, i, batch);
      db->checkpoint();
      EXPECT_EQ(unnamed_mappings(), std::vector<std::string>());
      if (small && i == rows / 2) db->build_index(nullptr, nullptr);  // codes are made
    }
    grown[small] = anonymous_memory() - before;
    if (!small) EXPECT_EQ(db->stats().given_back_bytes, 0u);
  }
  EXPECT_GT(db->stats().given_back_bytes, written - 3 * kMegabyte);
  if (!kSanitized) EXPECT_LT(grown[true], grown[false] - (written - 4 * kMegabyte));
  for (int i = 0; i < rows; i += rows / 20) {
    const SearchResult found = search_one(*db, vector_of(i), 1);
    ASSERT_EQ(found.hits.size(), 1u);
    EXPECT_EQ(key_of(found.hits[0].id), "\"item-" + std::to_string(i) + "\"");
  }
  db->verify(nullptr, nullptr);
  const Content content = content_of(*db);
  EXPECT_EQ(content.size(), static_cast<std::size_t>(rows));
  EXPECT_NE(content.at("\"item-7\"").find(metadata_of(7)), std::string::npos);
  // Writes go on in the pages that are still memory.
  add(*db, rows, 10);
  remove(*db, 0, rows, 7);
  const Content changed = content_of(*db);
  db->close();
  EXPECT_EQ(content_of(*SageDB::open(options(std::nullopt))), changed);
}

TEST_F(MemoryBudget, WhatFitsStaysInMemory) {
  auto db = SageDB::open(options(64 * kMegabyte));
  add(*db, 0, 4000);
  db->checkpoint();
  EXPECT_EQ(db->stats().given_back_bytes, 0u);
  remove(*db, 0, 4000, 2);
  db->optimize(nullptr, nullptr);
  EXPECT_EQ(db->stats().given_back_bytes, 0u);
  EXPECT_EQ(db->stats().compactions, 1u);
}

// Property: a compaction of more than the budget has the same result, and memory of the process for it ends with the budget; what it wrote beside the segments
// is gone with the checkpoint after it.
TEST_F(MemoryBudget, CompactionsCopyToTheDisk) {
  const int rows = kSanitized ? 4000 : 10000, batch = 400;
  const std::pair<IndexKind, std::uint64_t> cases[] = {
      {IndexKind::flat, 0}, {IndexKind::flat, kMegabyte}, {IndexKind::hnsw, 0}, {IndexKind::hnsw, kMegabyte}};
  for (const auto& [kind, budget] : cases) {
    SCOPED_TRACE("budget " + std::to_string(budget));
    fs::remove_all(folder_ / "db");
    const int count = kind == IndexKind::flat ? rows : rows / 5;
    Content want;
    {
      auto db = SageDB::open(options(budget, kind));
      for (int i = 0; i < count; i += batch) add(*db, i, batch);
      db->build_index(nullptr, nullptr);
      remove(*db, 0, count, 3);
      want = content_of(*db);
      db->close();
    }
    fs::copy(folder_ / "db", folder_ / "copy");
    Options ample = options(1024 * kMegabyte, kind);
    ample.path = folder_ / "copy";
    const std::size_t in_memory = growth_of_optimize(*SageDB::open(ample));
    fs::remove_all(folder_ / "copy");
    auto db = SageDB::open(options(budget, kind));
    const std::size_t grown = growth_of_optimize(*db);
    EXPECT_EQ(db->stats().compactions, 1u);
    EXPECT_EQ(db->stats().deleted_rows, 0u);
    EXPECT_EQ(unnamed_mappings(), std::vector<std::string>());
    const std::size_t written = want.size() * std::size_t{kDimension * 4 + 350};
    EXPECT_GT(db->stats().given_back_bytes, written / 10 * 9);
    if (!kSanitized) EXPECT_LT(grown + written / 4 * 3, in_memory) << "of " << written;
    EXPECT_EQ(content_of(*db), want);
    for (int i = 1; i < count; i += count / 20 / 3 * 3)
      EXPECT_EQ(key_of(search_one(*db, vector_of(i), 1, 64).hits.at(0).id), "\"item-" + std::to_string(i) + "\"");
    // And once more, with what was copied as what is copied from.
    remove(*db, 1, count, 3);
    add(*db, count, 100);
    db->optimize(nullptr, nullptr);
    EXPECT_EQ(unnamed_mappings(), std::vector<std::string>());
    want = content_of(*db);
    db->verify(nullptr, nullptr);
    db->close();
    EXPECT_EQ(content_of(*SageDB::open(options(std::nullopt, kind))), want);
  }
}

// Property: what a compaction of more than the budget copied moves into memory as far as the budget goes, once searches come in, codes first; it stays there when
// checkpoints merge its segments into others, whose removed files keep no space.
TEST_F(MemoryBudget, WhatACompactionCopiedBecomesHot) {
  constexpr int kRows = 3000, kBatch = 500;
  constexpr std::size_t kCodes = kRows / 3 * 2 * 384, kBudget = kMegabyte;  // of rows padded to 384 components
  constexpr std::size_t kEnds = 2 * 65536;
  const auto db = SageDB::open(options(kBudget, IndexKind::hnsw));
  for (int i = 0; i < kRows; i += kBatch) add(*db, i, kBatch);
  db->build_index(nullptr, nullptr);
  remove(*db, 0, kRows, 3);
  const auto search = [&](int times) {
    for (int i = 0; i < times; ++i) {
      const int wanted = 1 + i * 3 % (kRows - 3);
      ASSERT_EQ(key_of(search_one(*db, vector_of(wanted), 1, 64).hits.at(0).id),
                "\"item-" + std::to_string(wanted) + "\"");
    }
  };
  db->optimize(nullptr, nullptr);
  EXPECT_EQ(db->stats().hot_bytes, 0u);
  const std::vector<std::string> before = files_of("codes");
  EXPECT_GE(mapped_of("codes"), kCodes - kEnds);
  for (int tries = 0; tries < 1000 && db->stats().hot_bytes < kBudget - kEnds; ++tries) {
    search(200);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_GE(db->stats().hot_bytes, kBudget - kEnds);
  EXPECT_LE(db->stats().hot_bytes, kBudget);
  EXPECT_LE(mapped_of("codes"), kEnds);
  for (int i = kRows; i < 4 * kRows; i += kBatch) {
    add(*db, i, kBatch);
    db->checkpoint();
  }
  const std::vector<std::string> after = files_of("codes");
  for (const std::string& name : before)
    EXPECT_EQ(std::count(after.begin(), after.end(), name), 0) << "nothing was merged with " << name;
  EXPECT_EQ(unnamed_mappings(), std::vector<std::string>());
  EXPECT_GE(db->stats().hot_bytes, kBudget - kEnds);
  const std::size_t later = std::size_t{3} * kRows * 384;
  EXPECT_LE(mapped_of("codes"), later + kEnds);
  search(300);
  const Content want = content_of(*db);
  db->verify(nullptr, nullptr);
  db->close();
  EXPECT_EQ(content_of(*SageDB::open(options(std::nullopt, IndexKind::hnsw))), want);
}

// Property: searches and reads beside writers, checkpoints and compactions see whole rows while their pages are exchanged.
TEST_F(MemoryBudget, ReadersNoticeNothing) {
  constexpr int kStay = 600;
  Options o = options(0, IndexKind::hnsw);
  o.threads = 2;
  auto db = SageDB::open(o);
  add(*db, 0, kStay);
  db->build_index(nullptr, nullptr);
  std::atomic<bool> done{false};
  std::atomic<int> looked{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t)
    readers.emplace_back([&, t] {
      for (int n = t; !done; n = (n + 7) % kStay, ++looked) {
        const std::string name = "item-" + std::to_string(n);
        const auto item = db->get({ExternalId(name)}, true, true);
        if (item.size() != 1 || !item[0] || item[0]->metadata != metadata_of(n)) {
          ADD_FAILURE() << name << " is another one";
          return;
        }
        const Vector want = vector_of(n);
        for (std::uint32_t d = 0; d < kDimension; ++d) {
          if (std::abs(item[0]->vector[d] - want[d]) < 1e-4f) continue;
          ADD_FAILURE() << name << " has another vector";
          return;
        }
        const SearchResult found = search_one(*db, want, 1, 64);
        if (found.hits.size() != 1 || key_of(found.hits[0].id) != "\"" + name + "\"") {
          ADD_FAILURE() << name << " is not found";
          return;
        }
      }
    });
  for (int round = 0; round < repetitions(10); ++round) {
    const int first = kStay + round * 400;
    add(*db, first, 400);
    db->checkpoint();
    remove(*db, first, first + 400, 2);
    if (round % 3 == 2) db->optimize(nullptr, nullptr);
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(looked, 0);
  EXPECT_GT(db->stats().given_back_bytes, std::size_t{kStay} * kDimension * 4);
  db->close();
}

class PartialEnv final : public test::ForwardingEnv {
 public:
  PartialEnv() : ForwardingEnv(Env::real()) {}
  std::byte* allocate_scratch(const std::string& dir, std::size_t bytes) override {
    if (full) throw Error(ErrorCode::DISK_FULL, "allocate " + dir + ": full");
    return scratch ? target_.allocate_scratch(dir, bytes) : nullptr;
  }
  bool map_in_place(const std::string& path, std::uint64_t offset, const std::byte* at,
                    std::size_t size) noexcept override {
    return --exchanges >= 0 && target_.map_in_place(path, offset, at, size);
  }
  bool full = false, scratch = true;
  std::atomic<int> exchanges{1 << 20};
};

// Property: no room on the disk for a compaction is its error and nothing else's; a system without such pages copies in memory; one that can exchange none,
// or only some, keeps them in memory.
TEST_F(MemoryBudget, WhatIsNotThereIsDoneWithout) {
  PartialEnv env;
  Options o = options(0);
  o.env = &env;
  auto db = SageDB::open(o);
  for (int i = 0; i < 3000; i += 500) {
    env.exchanges = i / 500;
    add(*db, i, 500);
    db->checkpoint();
  }
  remove(*db, 0, 3000, 2);
  const Content want = content_of(*db);
  env.full = true;
  try {
    db->optimize(nullptr, nullptr);
    ADD_FAILURE() << "there was room";
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("full"), std::string::npos) << e.message();
  }
  EXPECT_EQ(content_of(*db), want);
  EXPECT_EQ(db->stats().deleted_rows, 1500u);
  env.full = false;
  for (const bool scratch : {false, true}) {
    env.scratch = scratch;
    env.exchanges = 1;
    db->optimize(nullptr, nullptr);
    EXPECT_EQ(db->stats().deleted_rows, 0u);
    EXPECT_EQ(content_of(*db).size(), want.size() - (scratch ? 100 : 0));
    remove(*db, 1, 200, 2);
  }
  env.exchanges = 1 << 20;
  add(*db, 3000, 10);
  const Content last = content_of(*db);
  db->checkpoint();
  EXPECT_EQ(content_of(*db), last);
  EXPECT_EQ(unnamed_mappings(), std::vector<std::string>());
  db->verify(nullptr, nullptr);
  remove(*db, 2001, 2500, 2);
  const Content less = content_of(*db);
  db->close();
  EXPECT_EQ(content_of(*SageDB::open(options(0))), less);
  // A reader makes no files.
  o.read_only = true;
  env.full = true;
  db = SageDB::open(o);
  db->optimize(nullptr, nullptr);
  EXPECT_EQ(db->stats().deleted_rows, 0u);
  EXPECT_EQ(content_of(*db), less);
}

}  // namespace
}  // namespace sagedb
#endif
