// Property: a database that was just opened answers searches by text exactly as one that never closed, whatever is written, removed,
// changed or compacted while its texts are still being read. A failed attempt is a typed error, concerns nothing else and is repeated.
#include <gtest/gtest.h>

#include <thread>

#include "support/durable_fixture.h"
#include "support/setting.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;
using test::SimDisk;
using test::SimEnv;

constexpr std::uint32_t kDimension = 4;
constexpr std::size_t kItems = repetitions(6000);
constexpr std::size_t kHotIds = 60;  // written again and again

Options text_options(Env& env) {
  Options o = durable_options(env, kDimension);
  o.text_fields = {"title", "tags"};
  return o;
}

std::string random_words(std::mt19937_64& rng, std::size_t count) {
  std::string out;
  for (; count > 0; --count) {
    // Some words are everywhere, some nearly nowhere.
    const double u = std::uniform_real_distribution<double>()(rng);
    out += "w" + std::to_string(static_cast<int>(u * u * u * 2000)) + (count > 1 ? " " : "");
  }
  return out;
}

std::string random_page(std::mt19937_64& rng) {
  return R"({"title":")" + random_words(rng, 1 + rng() % 60) + R"(","tags":[")" + random_words(rng, 1) + R"("]})";
}

WriteOp add_items(std::mt19937_64& rng, std::size_t first, std::size_t count) {
  std::vector<Vector> vectors;
  std::vector<ExternalId> ids;
  std::vector<std::string> pages;
  for (std::size_t i = first; i < first + count; ++i) {
    vectors.push_back(random_vector(rng, kDimension));
    ids.emplace_back(static_cast<std::int64_t>(i));
    pages.push_back(random_page(rng));
  }
  return op_of(WriteOp::Kind::upsert, vectors, ids, pages);
}

SimDisk stored_items(std::uint64_t seed) {
  SimEnv env;
  std::mt19937_64 rng(seed);
  auto db = SageDB::open(text_options(env));
  expect_ok(apply_one(*db, add_items(rng, 0, kItems)));
  db->checkpoint();
  // The log's tail belongs to what an open finds.
  expect_ok(apply_one(*db, add_items(rng, 0, 20)));
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::remove, {}, {ExternalId(std::int64_t{30})})));
  db->close();
  return env.disk();
}

void write_some(SageDB& db, std::mt19937_64& rng) {
  const ExternalId id(static_cast<std::int64_t>(rng() % kHotIds));
  const ExternalId old(static_cast<std::int64_t>(kHotIds + rng() % (kItems - kHotIds)));
  std::vector<WriteOp> ops;
  ops.push_back(op_of(WriteOp::Kind::upsert, {random_vector(rng, kDimension)}, {id}, {random_page(rng)}));
  ops.push_back(op_of(WriteOp::Kind::update, {}, {old}, {random_page(rng)}));
  ops.push_back(op_of(WriteOp::Kind::remove, {}, {ExternalId(static_cast<std::int64_t>(rng() % kHotIds)), old}));
  ops.push_back(op_of(WriteOp::Kind::update, {random_vector(rng, kDimension)}, {id}));
  for (const OpResult& r : db.apply(ops)) expect_ok(r);
}

std::vector<std::string> by_text(const SageDB& db, const std::string& text) {
  auto words = std::make_shared<TextRequest>();
  words->text = text;
  SearchRequest request;
  request.text = words;
  request.k = 25;
  const SearchResult r = db.search(&request, 1).at(0);
  EXPECT_FALSE(r.error.has_value()) << (r.error ? r.error->message() : "");
  std::vector<std::string> out;
  for (const Hit& h : r.hits) out.push_back(key_of(h.id) + " " + std::to_string(h.score));
  return out;
}

// The same items in a database that has never been on a disk.
void expect_exact(const SageDB& db, std::mt19937_64& rng) {
  SimEnv unused;
  Options o = text_options(unused);
  o.path.clear();
  o.env = nullptr;
  auto fresh = SageDB::open(o);
  WriteOp all = op_of(WriteOp::Kind::add, {});
  for (const Item& item : db.find(nullptr, ~std::uint64_t{0}, 0, true)) {
    all.ids.push_back(item.id);
    all.metadata.push_back(item.metadata);
    all.vectors.insert(all.vectors.end(), item.vector.begin(), item.vector.end());
  }
  all.count = all.ids.size();
  expect_ok(apply_one(*fresh, std::move(all)));
  for (int i = 0; i < 40; ++i) {
    const std::string text = random_words(rng, 1 + rng() % 4);
    EXPECT_EQ(by_text(db, text), by_text(*fresh, text)) << text;
  }
}

TEST(TextLoad, TheFirstSearchWaitsForIt) {
  SimEnv env(stored_items(1));
  std::mt19937_64 rng(1);
  auto db = SageDB::open(text_options(env));
  expect_exact(*db, rng);
  EXPECT_TRUE(db->text_ready());
}

// A machine under load may read all words before this thread writes anything; then there was nothing to see, and another open follows.
constexpr std::uint64_t kOpens = 50;

TEST(TextLoad, WritesMeanwhileAreIndexedAndBuried) {
  int seen = 0;
  for (std::uint64_t seed = 1; seen < 3 && seed <= kOpens; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SimEnv env(stored_items(seed));
    std::mt19937_64 rng(seed);
    auto db = SageDB::open(text_options(env));
    int meanwhile = 0;
    for (; !db->text_ready(); ++meanwhile) write_some(*db, rng);
    if (meanwhile <= 3) continue;
    ++seen;
    expect_exact(*db, rng);
    for (int i = 0; i < 30; ++i) write_some(*db, rng);
    expect_exact(*db, rng);
    if (HasFailure()) return;
  }
  EXPECT_EQ(seen, 3) << "writes never met the reading of the texts";
}

TEST(TextLoad, CompactionBesideWritersKeepsTheIndex) {
  SimEnv env(stored_items(4));
  std::mt19937_64 rng(4), other(5);
  auto db = SageDB::open(text_options(env));
  for (int round = 0; round < 3; ++round) {
    std::atomic<bool> done{false};
    std::thread writer([&] {
      while (!done) write_some(*db, other);
    });
    db->optimize(nullptr, nullptr);
    done = true;
    writer.join();
    expect_exact(*db, rng);
  }
}

TEST(TextLoad, DamagedMetadataIsAnErrorOfSearchesByText) {
  SimDisk disk = stored_items(6);
  const std::string needle = R"({"title":"poison"})";
  {
    SimEnv env(std::move(disk));
    auto db = SageDB::open(text_options(env));
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::upsert, {{1, 2, 3, 4}}, {ExternalId("bad")}, {needle})));
    db->checkpoint();
    db->close();
    disk = env.disk();
  }
  int planted = 0;
  for (const std::string& path : disk.paths()) {
    std::string* content = disk.find(path);
    if (path.find("text") == std::string::npos) continue;
    for (std::size_t at = content->find(needle); at != std::string::npos; at = content->find(needle, at + 1), ++planted)
      (*content)[at] = '!';
  }
  ASSERT_GT(planted, 0);
  SimEnv env(std::move(disk));
  auto db = SageDB::open(text_options(env));
  for (int i = 0; i < 2; ++i) {
    try {
      by_text(*db, "w1");
      FAIL() << "a search by text was answered";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::CORRUPTION) << e.message();
    }
    EXPECT_EQ(search_one(*db, {1, 2, 3, 4}, 1).hits.size(), 1u);
  }
  // Nothing of the attempts is left over.
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::remove, {}, {ExternalId("bad")})));
  std::mt19937_64 rng(6);
  expect_exact(*db, rng);
}

TEST(TextLoad, CloseEndsIt) {
  const SimDisk disk = stored_items(7);
  bool ended = false;
  for (std::uint64_t i = 0; !ended && i < kOpens; ++i) {
    SimEnv env(disk);
    auto db = SageDB::open(text_options(env));
    std::thread waiter([&] {
      try {
        db->wait_for_text(nullptr);
      } catch (const Error& e) {
        EXPECT_TRUE(e.code() == ErrorCode::ABORTED || e.code() == ErrorCode::CLOSED) << e.message();
      }
    });
    db->close();
    waiter.join();
    ended = !db->text_ready();
  }
  EXPECT_TRUE(ended) << "no close met the reading of the texts";
}

}  // namespace
}  // namespace sagedb
