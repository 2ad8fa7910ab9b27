// Checkpoints write what is new, opens map what is there, and damage of any of it is found and contained.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "storage/file_header.h"
#include "support/durable_fixture.h"
#include "support/setting.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;
using test::SimDisk;
using test::SimEnv;
using test::SimOp;

std::uint64_t bytes_written(const SimEnv& env, std::size_t from, const std::string& part) {
  std::uint64_t bytes = 0;
  int inode = -1;
  std::set<int> of_part;
  for (std::size_t i = 0; i < env.journal().size(); ++i) {
    const SimOp& op = env.journal()[i];
    if (op.kind == SimOp::Kind::create && op.path.find(part) != std::string::npos) of_part.insert(op.inode);
    inode = op.inode;
    if (i >= from && op.kind == SimOp::Kind::write && of_part.count(inode) != 0) bytes += op.data.size();
  }
  return bytes;
}

std::vector<Vector> random_vectors(std::mt19937_64& rng, std::size_t count, std::uint32_t dimension) {
  std::vector<Vector> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(random_vector(rng, dimension));
  return out;
}

// Property: a checkpoint after few changes to much writes little, of every kind, and what it leaves opens to the same content: over inserts, metadata updates of
// old rows, removals, and a growing index.
TEST(Checkpoint, WritesWhatIsNew) {
  SimEnv env;
  Options o = durable_options(env, 64, Metric::cosine, IndexKind::hnsw);
  std::mt19937_64 rng(2);
  const std::vector<std::string> texts(6000, "{\"text\":\"" + std::string(60, 'x') + "\"}");
  auto db = SageDB::open(o);
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, random_vectors(rng, 6000, 64), {}, texts)));
  db->build_index(nullptr, nullptr);
  db->checkpoint();
  const std::uint64_t whole = bytes_written(env, 0, ".seg");
  EXPECT_GT(whole, 6000u * (256 + 64 + 128 + 70));
  std::uint64_t little = 0;
  std::optional<std::pair<ExternalId, std::string>> updated;
  for (int round = 0; round < 12; ++round) {
    if (round % 4 == 3) db.reset(), db = SageDB::open(o);
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, random_vectors(rng, 20, 64))));
    if (round % 3 == 1) {
      const auto id = static_cast<std::int64_t>(5000 + rng() % 900);
      expect_ok(apply_one(
          *db, op_of(WriteOp::Kind::update, {}, {ExternalId(id)}, {"{\"round\":" + std::to_string(round) + "}"})));
      expect_ok(apply_one(*db, op_of(WriteOp::Kind::remove, {}, {ExternalId(id + 1)})));
      updated.emplace(ExternalId(id), "[{\"round\":" + std::to_string(round) + "}]");
    }
    if (round % 5 == 2) db->build_index(nullptr, nullptr);
    const std::size_t from = env.moment();
    db->checkpoint();
    little += bytes_written(env, from, ".seg");
    const Content content = content_of(*db);
    db.reset();
    db = SageDB::open(o);
    ASSERT_EQ(content_of(*db), content) << round;
    ASSERT_EQ(db->stats().replayed, 0u);
    if (updated) {  // by its vector: from the old row to its newest record
      const SearchResult found = search_one(*db, db->get({updated->first}, false, true).at(0)->vector, 1);
      ASSERT_EQ(found.metadata, updated->second) << round;
    }
    ASSERT_GE(db->stats().indexed_rows, 6000u);
    db->verify(nullptr, nullptr);
    if (round % 5 == 2) {
      db->build_index(nullptr, nullptr);
      EXPECT_EQ(db->stats().fresh_rows, 0u) << "the stored graph stops short of the rows";
    }
  }
  std::printf("[ written  ] %llu bytes at first, %llu per checkpoint of 20 rows\n",
              static_cast<unsigned long long>(whole), static_cast<unsigned long long>(little / 12));
  EXPECT_LT(little / 12, whole / 8);
  const std::size_t from = env.moment();
  db->checkpoint();
  EXPECT_EQ(env.moment(), from) << "nothing new, nothing written";
}

// Property: after a compaction everything is written anew, and the old files go.
TEST(Checkpoint, CompactionWritesAfresh) {
  SimEnv env;
  Options o = durable_options(env, 16, Metric::l2, IndexKind::hnsw);
  std::mt19937_64 rng(3);
  auto db = SageDB::open(o);
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, random_vectors(rng, 2000, 16))));
  db->checkpoint();
  std::vector<ExternalId> gone;
  for (std::int64_t i = 1; i <= 1500; ++i) gone.emplace_back(i);
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::remove, {}, gone)));
  db->checkpoint();
  db->optimize(nullptr, nullptr);
  db->checkpoint();
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, random_vectors(rng, 1, 16))));
  db->checkpoint();  // the generation before the last may go now
  EXPECT_LT(db->stats().segment_bytes, 501u * 64 + 600 * 300 + 100000);
  const Content content = content_of(*db);
  EXPECT_EQ(content.size(), 501u);
  db.reset();
  EXPECT_EQ(content_of(*SageDB::open(o)), content);
}

struct Prepared {
  SimDisk disk;
  Content content;
  std::vector<Vector> vectors;
};

Prepared prepared_disk() {
  SimEnv env;
  Options o = durable_options(env, 40, Metric::cosine, IndexKind::hnsw);
  o.rebuild_threshold = 100;
  std::mt19937_64 rng(8);
  Prepared out;
  out.vectors = random_vectors(rng, 1300, 40);
  auto db = SageDB::open(o);
  const std::vector<std::string> texts(1000, "{\"a\":1,\"t\":\"" + std::string(40, 'y') + "\"}");
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {out.vectors.begin(), out.vectors.begin() + 1000}, {}, texts)));
  db->build_index(nullptr, nullptr);
  db->checkpoint();
  std::vector<ExternalId> names;
  for (int i = 0; i < 300; ++i) names.emplace_back("item-" + std::to_string(i));
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {out.vectors.begin() + 1000, out.vectors.end()}, names)));
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::remove, {}, {ExternalId(std::int64_t{3})})));
  db->build_index(nullptr, nullptr);
  db->checkpoint();
  out.content = content_of(*db);
  db->close();
  out.disk = env.disk();
  return out;
}

std::string wait_for_check(SageDB& db) {
  while (db.stats().check_state == "running") std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return db.stats().check_state;
}

// Every way to read; answers may be wrong in the window, but they are answers or typed errors.
void read_everything(SageDB& db, const Prepared& good) {
  const auto quietly = [](const std::function<void()>& read) {
    try {
      read();
    } catch (const Error& e) {
      ASSERT_EQ(e.code(), ErrorCode::CORRUPTION) << e.message();
    }
  };
  for (std::size_t i = 0; i < good.vectors.size(); i += 50) {
    SearchRequest request;
    request.vector = good.vectors[i].data();
    request.ef = 50;
    for (const SearchResult& r : db.search(&request, 1))
      if (r.error) ASSERT_EQ(r.error->code(), ErrorCode::CORRUPTION) << r.error->message();
    quietly([&] {
      db.get({ExternalId(static_cast<std::int64_t>(i)), ExternalId("item-" + std::to_string(i % 300))}, true, true);
    });
  }
  const auto filter = Filter::parse("{\"a\":1}");
  quietly([&] { db.count(filter.get()); });
  quietly([&] { db.find(nullptr, 5000, 0, true); });
}

// Property: a flipped bit anywhere in any segment is refused at open, or found by the check after it: damage of the index leads to a new index and is gone after a checkpoint, any
// other refuses writes and checkpoints with CORRUPTION while reads answer or say so; a truncated or missing file is refused at open.
TEST(Checkpoint, DamageIsFoundAndContained) {
  const Prepared good = prepared_disk();
  std::set<std::string> kinds;
  int at_open = 0, index = 0, data = 0, place = 0;
  for (const std::string& path : good.disk.paths()) {
    if (path.find(".seg") == std::string::npos) continue;
    const std::string kind = path.substr(path.rfind('/') + 1, path.rfind('-') - path.rfind('/') - 1);
    kinds.insert(kind);
    const std::size_t size = good.disk.find(path)->size();
    for (const std::size_t at : {std::size_t{70}, kHeaderSize + 1, kHeaderSize + (size - kHeaderSize) / 2, size - 1}) {
      if (kSanitized && ++place % 3 != 0) continue;
      SCOPED_TRACE(path + " byte " + std::to_string(at));
      SimDisk disk = good.disk;
      (*disk.find(path))[at] ^= 16;
      SimEnv env(disk);
      Options o = durable_options(env, 40, Metric::cosine, IndexKind::hnsw);
      o.rebuild_threshold = 100;
      o.background_check = true;
      std::shared_ptr<SageDB> db;
      try {
        db = SageDB::open(o);
      } catch (const Error& e) {
        ASSERT_EQ(e.code(), ErrorCode::CORRUPTION) << e.message();
        ++at_open;
        continue;
      }
      read_everything(*db, good);
      const std::string state = wait_for_check(*db);
      const bool of_index = kind == "graph" || kind == "codes" || kind == "errors";
      if (state == "passed" && db->stats().last_error.empty()) {
        EXPECT_EQ(content_of(*db), good.content) << "a segment of the generation before";
        EXPECT_NO_THROW(db->verify(nullptr, nullptr));
      } else if (of_index) {
        db->build_index(nullptr, nullptr);
        db->checkpoint();
        EXPECT_NE(db->stats().last_error.find("rebuilt"), std::string::npos) << state;
        db->build_index(nullptr, nullptr);
        EXPECT_EQ(search_one(*db, good.vectors[7], 1, 100).hits.at(0).id.number(), 8);
        EXPECT_NO_THROW(db->verify(nullptr, nullptr)) << "the checkpoint replaced the damaged file";
        EXPECT_EQ(content_of(*db), good.content);
        ++index;
      } else {
        EXPECT_EQ(state, "damaged");
        EXPECT_NE(db->stats().check_error.find(kind), std::string::npos) << db->stats().check_error;
        const OpResult r = apply_one(*db, op_of(WriteOp::Kind::add, {good.vectors[0]}));
        ASSERT_TRUE(r.error.has_value());
        EXPECT_EQ(r.error->code(), ErrorCode::CORRUPTION);
        EXPECT_EQ(code_of([&] { db->checkpoint(); }), ErrorCode::CORRUPTION);
        EXPECT_EQ(code_of([&] { db->verify(nullptr, nullptr); }), ErrorCode::CORRUPTION);
        read_everything(*db, good);
        EXPECT_NO_THROW(db->close());
        ++data;
      }
    }
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"vectors", "norms", "records", "text", "heads", "dead", "ids", "codes",
                                          "errors", "graph"}));
  std::printf("[ damage   ] %d at open, %d of the index, %d of the data\n", at_open, index, data);
  EXPECT_GT(std::min({at_open, index, data}), kSanitized ? 0 : 5);
}

// Property: a segment that is cut or missing is refused at open, or its index is made again; never a signal, never silence.
TEST(Checkpoint, TruncationIsNoticedAtOpen) {
  const Prepared good = prepared_disk();
  for (const std::string& path : good.disk.paths()) {
    if (path.find(".seg") == std::string::npos) continue;
    const std::size_t size = good.disk.find(path)->size();
    for (const std::size_t length : {std::size_t{0}, std::size_t{100}, kHeaderSize, size / 2, size - 1, size}) {
      SCOPED_TRACE(path + " cut at " + std::to_string(length));
      SimDisk disk = good.disk;
      length == size ? disk.erase(path) : disk.find(path)->resize(length);
      SimEnv env(disk);
      const Options o = durable_options(env, 40, Metric::cosine, IndexKind::hnsw);
      try {
        auto db = SageDB::open(o);
        EXPECT_EQ(content_of(*db), good.content);
        if (db->stats().last_error.find("rebuilt") == std::string::npos)
          EXPECT_NO_THROW(db->verify(nullptr, nullptr)) << "not of this generation";
      } catch (const Error& e) {
        ASSERT_EQ(e.code(), ErrorCode::CORRUPTION) << e.message();
      }
    }
  }
}

// Property: the check of a sound database passes, in the background, and says how far it is.
TEST(Checkpoint, ASoundDatabasePasses) {
  SimEnv env(prepared_disk().disk);
  Options o = durable_options(env, 40, Metric::cosine, IndexKind::hnsw);
  o.background_check = true;
  auto db = SageDB::open(o);
  EXPECT_EQ(wait_for_check(*db), "passed");
  EXPECT_GT(db->stats().check_total, 10u);
  EXPECT_EQ(db->stats().check_done, db->stats().check_total);
  EXPECT_EQ(db->stats().check_error, "");
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::remove, {}, {ExternalId(std::int64_t{5})})));
  o.path = "/data/fresh";
  EXPECT_EQ(SageDB::open(o)->stats().check_state, "none");
}

// Property: when the current manifest is damaged the generation before it and all logs since give the whole content, and the next checkpoint makes the database whole; when they cannot, in mode memory
// for example, the open refuses rather than go back.
TEST(Checkpoint, ADamagedManifestFallsBackOnlyToEverything) {
  for (const Durability mode : {Durability::fsync, Durability::memory}) {
    SimEnv env;
    Options o = durable_options(env);
    o.durability = mode;
    std::mt19937_64 rng(6);
    Content content;
    {
      auto db = SageDB::open(o);
      for (int i = 0; i < 30; ++i) {
        auto ops = random_ops(rng, 4);
        db->apply(ops);
        if (i % 10 == 5) db->checkpoint();
      }
      content = content_of(*db);
      db->close();
    }
    std::string current;
    for (const std::string& path : env.disk().paths())
      if (path.find("MANIFEST") != std::string::npos) current = std::max(current, path);
    for (const bool missing : {false, true}) {
      SimDisk disk = env.disk();
      missing ? disk.erase(current) : disk.find(current)->resize(5000);
      SimEnv damaged(disk);
      Options p = o;
      p.env = &damaged;
      if (mode == Durability::memory) {
        EXPECT_EQ(code_of([&] { SageDB::open(p); }), ErrorCode::CORRUPTION);
        continue;
      }
      auto db = SageDB::open(p);
      EXPECT_EQ(content_of(*db), content);
      EXPECT_NE(db->stats().last_error.find("damaged"), std::string::npos);
      expect_ok(apply_one(*db, op_of(WriteOp::Kind::upsert, {{1, 2, 3, 4}}, {ExternalId("new")})));
      db->checkpoint();
      db->verify(nullptr, nullptr);
      const Content after = content_of(*db);
      db.reset();
      db = SageDB::open(p);
      EXPECT_EQ(content_of(*db), after);
      EXPECT_EQ(db->stats().last_error, "");
    }
    // A log of the chain is gone as well: refused.
    SimDisk disk = env.disk();
    disk.find(current)->resize(5000);
    for (const std::string& path : disk.paths()) {
      if (path.find("wal-") == std::string::npos) continue;
      SimDisk without = disk;
      without.erase(path);
      SimEnv damaged(without);
      Options p = o;
      p.env = &damaged;
      EXPECT_EQ(code_of([&] { SageDB::open(p); }), ErrorCode::CORRUPTION) << path;
    }
  }
}

}  // namespace
}  // namespace sagedb
