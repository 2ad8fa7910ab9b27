// verify() finds what checksums cannot: parts of a database that do not agree, written under right checksums.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <limits>
#include <thread>

#include "storage/file_header.h"
#include "store/id_table.h"
#include "store/vector_store.h"
#include "support/durable_fixture.h"
#include "support/reseal.h"
#include "support/setting.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;
using test::SimDisk;
using test::SimEnv;

constexpr std::uint32_t kDimension = 4;
constexpr Row kItems = 40;

Options stored(Env& env) { return durable_options(env, kDimension, Metric::cosine, IndexKind::flat); }

// Items "item-0" to "item-39" with row, record and item of one number; of them "item-9" is removed.
SimDisk sample() {
  SimEnv env;
  std::mt19937_64 rng(3);
  auto db = SageDB::open(stored(env));
  std::vector<Vector> vectors;
  std::vector<ExternalId> ids;
  std::vector<std::string> metadata;
  for (Row i = 0; i < kItems; ++i) {
    vectors.push_back(random_vector(rng, kDimension));
    ids.emplace_back("item-" + std::to_string(i));
    metadata.push_back("{\"number\":" + std::to_string(100 + i) + "}");
  }
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, vectors, ids, metadata)));
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::remove, {}, {ExternalId("item-9")})));
  db->checkpoint();
  db->verify(nullptr, nullptr);
  db->close();
  return env.disk();
}

SimDisk changed(const char* segment, const std::function<void(std::string* payload)>& change) {
  SimDisk disk = sample();
  for (const std::string& path : disk.paths()) {
    if (path.find(std::string("/") + segment + "-") == std::string::npos) continue;
    std::string& file = *disk.find(path);
    std::string payload = file.substr(kHeaderSize);
    change(&payload);
    file.replace(kHeaderSize, std::string::npos, payload);
    test::reseal_segment(&file);
  }
  return disk;
}

// The message with which verify() fails after `change` was made to the payload of the segment.
std::string verified_after(const char* segment, const std::function<void(std::string* payload)>& change) {
  SimEnv env(changed(segment, change));
  const auto db = SageDB::open(stored(env));
  EXPECT_EQ(db->size(), kItems - 1);
  try {
    db->verify(nullptr, nullptr);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::CORRUPTION);
    return e.message();
  }
  return "nothing was found";
}

Record* records_in(std::string* payload) { return reinterpret_cast<Record*>(payload->data()); }

std::string with_record(RecordNo r, const std::function<void(Record*)>& change) {
  return verified_after("records", [&](std::string* payload) { change(records_in(payload) + r); });
}

TEST(Consistency, AnUntouchedDatabasePasses) {
  EXPECT_EQ(verified_after("records", [](std::string*) {}), "nothing was found");
}

TEST(Consistency, RowsAndRecordsNameEachOther) {
  EXPECT_EQ(with_record(5, [](Record* r) { r->row = 6; }), "row 5 has no record");
  EXPECT_EQ(with_record(5, [](Record* r) { r->row = kItems; }), "row 5 has no record");
  EXPECT_EQ(verified_after("heads", [](std::string* payload) { (*payload)[5 * sizeof(RecordNo)] = 6; }),
            "row 5 has no record");
  EXPECT_EQ(verified_after("heads", [](std::string* payload) { (*payload)[5 * sizeof(RecordNo)] = '\x70'; }),
            "row 5 has no record");
  // Deleted, but a checkpoint asks for it.
  EXPECT_EQ(with_record(9, [](Record* r) { r->row = 6; }), "row 9 has no record");
}

TEST(Consistency, IdsFindTheirItems) {
  const auto id_of = [](const Record& of) {
    return [of](Record* r) { r->id_bits = of.id_bits, r->id_size = of.id_size; };
  };
  Record other{};
  verified_after("records", [&](std::string* payload) { other = records_in(payload)[12]; });
  EXPECT_EQ(with_record(11, id_of(other)), "the id of record 11 is that of record 12, too");
  EXPECT_EQ(with_record(11, [](Record* r) { r->id_size = kNumericId; }), "the id of record 11 is not found");
  EXPECT_EQ(with_record(11, [](Record* r) { r->id_size = kNumericId, r->id_bits = std::uint64_t{1} << 53; }),
            "the id of record 11 is no safe integer");
  EXPECT_EQ(with_record(11, [](Record* r) { r->id_bits = 1u << 30; }), "the id of record 11 lies outside of the texts");
  EXPECT_EQ(verified_after("ids",
                           [](std::string* payload) {
                             for (std::size_t at = 0; at + sizeof(IdSlot) <= payload->size(); at += sizeof(IdSlot)) {
                               IdSlot slot;
                               std::memcpy(&slot, payload->data() + at, sizeof slot);
                               if (slot.record != 11) continue;
                               slot.tag ^= 1;
                               std::memcpy(payload->data() + at, &slot, sizeof slot);
                             }
                           }),
            "the id of record 11 is not found");
}

TEST(Consistency, MetadataAreObjects) {
  EXPECT_EQ(with_record(7, [](Record* r) { r->metadata_size = 1u << 30; }),
            "the metadata of record 7 lies outside of the texts");
  EXPECT_EQ(verified_after("text",
                           [](std::string* payload) {
                             const std::size_t at = payload->find("{\"number\":107}");
                             ASSERT_NE(at, std::string::npos);
                             (*payload)[at + 1] = '?';
                           })
                .rfind("the metadata of record 7 is damaged: ", 0),
            0u);
}

// Whoever meets a damaged text is told of the damage, not of metadata that they did not give.
TEST(Consistency, DamagedMetadataIsNoInput) {
  SimEnv env(changed("text", [](std::string* payload) { (*payload)[payload->find("{\"number\":107}") + 1] = '?'; }));
  const auto db = SageDB::open(stored(env));
  const Content before = content_of(*db);
  for (const WriteOp::Kind kind : {WriteOp::Kind::update, WriteOp::Kind::upsert}) {
    const OpResult r = apply_one(*db, op_of(kind, {Vector(kDimension, 1.0f)}, {ExternalId("item-7")}));
    if (kind == WriteOp::Kind::upsert) {
      expect_ok(r);  // which brings other metadata
      continue;
    }
    ASSERT_TRUE(r.error.has_value());
    EXPECT_EQ(r.error->code(), ErrorCode::CORRUPTION);
    EXPECT_EQ(r.error->message().rfind("the metadata of record 7 is damaged: ", 0), 0u) << r.error->message();
    EXPECT_EQ(content_of(*db), before);
  }
}

TEST(Consistency, VectorsAreNumbers) {
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                       -std::numeric_limits<float>::infinity()};
  const std::size_t stride = VectorStore(kDimension, VectorType::float32).stride();
  for (const float x : bad) {
    for (const std::uint32_t d : {0u, kDimension - 1})
      EXPECT_EQ(verified_after("vectors",
                               [&](std::string* payload) {
                                 std::memcpy(payload->data() + 8 * stride + d * sizeof x, &x, sizeof x);
                               }),
                "the vector of row 8 has a component that is no number");
    EXPECT_EQ(verified_after("norms",
                             [&](std::string* payload) { std::memcpy(payload->data() + 8 * sizeof x, &x, sizeof x); }),
              "the vector of row 8 has a component that is no number");
  }
}

// The bits of rows come first, those of records behind them: one word each. As many rows and records are deleted as before, so that size() stays.
TEST(Consistency, TombstonesAgree) {
  const auto bits = [](std::uint64_t rows, std::uint64_t records) {
    return [rows, records](std::string* payload) {
      std::memcpy(payload->data(), &rows, sizeof rows);
      std::memcpy(payload->data() + sizeof rows, &records, sizeof records);
    };
  };
  EXPECT_EQ(verified_after("dead", bits(1u << 9, 1u << 9)), "nothing was found");
  EXPECT_EQ(verified_after("dead", bits(1u << 9, 1u << 20)), "row 20 is there and its newest record is deleted");
  EXPECT_EQ(verified_after("dead", bits(1u << 20, 1u << 9)), "row 9 is there and its newest record is deleted");
  EXPECT_EQ(verified_after("dead", bits((1u << 9) | (1u << 20), 1u << 9)), "38 live rows where 39 are told");
}

// The disk with the newest manifest changed, under right checksums.
SimDisk with_manifest(SimDisk disk, const std::string& from, const std::string& to) {
  std::string newest;
  for (const std::string& path : disk.paths())
    if (path.find("/MANIFEST-") != std::string::npos) newest = std::max(newest, path);
  std::string& file = *disk.find(newest);
  const std::size_t at = file.find(from);
  if (at == std::string::npos || from.size() != to.size()) throw std::runtime_error("no " + from);
  file.replace(at, from.size(), to);
  test::reseal_segment(&file);
  return disk;
}

// A manifest that says something else of the index's rows, or nothing: the index is made again.
TEST(Consistency, AnIndexIsWhatTheManifestSays) {
  SimEnv env(with_manifest(sample(), "indexed_rows", "indexed-rows"));
  const auto db = SageDB::open(stored(env));
  EXPECT_NE(db->stats().last_error.find("the index is rebuilt"), std::string::npos) << db->stats().last_error;
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::remove, {}, {ExternalId("item-1")})));
  EXPECT_NO_THROW(db->optimize(nullptr, nullptr));
  EXPECT_NO_THROW(db->checkpoint());
  EXPECT_NO_THROW(db->verify(nullptr, nullptr));
}

// Damage of the list of spaces is no wrong option of the caller.
TEST(Consistency, DamagedSpacesAreCorruption) {
  SimEnv env;
  Options o = stored(env);
  o.spaces = {{"first", 3, Metric::l2, false}, {"other", 5, Metric::ip, false}};
  o.dimension = 0;
  SageDB::open(o)->close();
  o.spaces.clear();
  o.open_metric = true;
  EXPECT_NO_THROW(SageDB::open(o)->close());
  const std::pair<std::string, std::string> changes[] = {
      {"spaces", "spades"}, {"first", "other"}, {std::string("first\3", 6), std::string("first\0", 6)}};
  for (const auto& [from, to] : changes) {
    SimEnv damaged(with_manifest(env.disk(), from, to));
    o.env = &damaged;
    EXPECT_EQ(code_of([&] { SageDB::open(o); }), ErrorCode::CORRUPTION) << from;
  }
}

// A number that JavaScript cannot hold is nobody's id: no call could name it again.
TEST(Consistency, IdsInTheLogAreSafeIntegers) {
  constexpr std::int64_t kId = 0x123456789abcd, kOther = 0x7123456789abcd;
  SimEnv env;
  auto db = SageDB::open(stored(env));
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {Vector(kDimension, 1.0f)}, {ExternalId(kId)})));
  db->close();
  const SimDisk written = env.disk();
  for (const std::int64_t id : {kId, kOther}) {
    SimDisk disk = written;
    for (const std::string& path : disk.paths()) {
      std::string& file = *disk.find(path);
      const std::size_t at = file.find(std::string(reinterpret_cast<const char*>(&kId), sizeof kId));
      if (at == std::string::npos) continue;
      std::memcpy(file.data() + at, &id, sizeof id);
      test::reseal_log(&file);
    }
    SimEnv changed(disk);
    if (id == kId) {
      EXPECT_EQ(SageDB::open(stored(changed))->size(), 1u);
    } else {
      EXPECT_EQ(code_of([&] { SageDB::open(stored(changed)); }), ErrorCode::CORRUPTION);
    }
  }
}

// Beside a writer and its compactions nothing is found, since what is looked at is one moment.
TEST(Consistency, IsCheckedBesideWrites) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  SimEnv env;
  Options o = durable_options(env, kDimension, Metric::l2, IndexKind::hnsw);
  o.rebuild_threshold = 100;
  auto db = SageDB::open(o);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    std::mt19937_64 rng(seed);
    for (int i = 0; !stop; ++i) {
      std::vector<WriteOp> ops = random_ops(rng, kDimension, 3000);
      for (const OpResult& r : db->apply(ops)) expect_ok(r);
      if (i % 200 == 199) db->optimize(nullptr, nullptr);
    }
  });
  for (int i = 0; i < repetitions(60) || db->stats().compactions < 2; ++i)
    EXPECT_NO_THROW(db->verify(nullptr, nullptr));
  stop = true;
  writer.join();
}

// Property: it can be stopped, and says how far it is.
TEST(Consistency, StopsAndTells) {
  SimEnv env(sample());
  const auto db = SageDB::open(stored(env));
  Progress progress;
  db->verify(nullptr, &progress);
  EXPECT_GE(progress.done, kItems);
  EXPECT_EQ(progress.done, progress.total);
  CancelToken cancel;
  cancel.cancel();
  EXPECT_EQ(code_of([&] { db->verify(&cancel, nullptr); }), ErrorCode::ABORTED);
}

}  // namespace
}  // namespace sagedb
