// One snapshot per search, and where the memory of replaced snapshots is freed.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/engine_fixture.h"
#include "support/traced_algorithm.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;

// Invariant 5: two items whose metadata one operation replaces are never seen in different versions.
TEST(Snapshot, MetadataOfItemsUpdatedTogetherIsSeenTogether) {
  auto db = SageDB::open(options_for(4, Metric::l2, IndexKind::automatic, 100000));
  const std::vector<ExternalId> ids{ExternalId(std::int64_t{1}), ExternalId(std::int64_t{2})};
  expect_ok(
      apply_one(*db, op_of(WriteOp::Kind::add, {Vector(4, 0.0f), Vector(4, 1.0f)}, ids, {"{\"n\":0}", "{\"n\":0}"})));
  std::atomic<bool> stop{false};
  std::atomic<long> torn{0}, seen{0};
  std::thread reader([&] {
    while (!stop) {
      const SearchResult r = search_one(*db, Vector(4, 0.2f), 2, 0, true);
      const std::string& text = r.metadata;  // [{"n":a},{"n":b}]
      const std::size_t middle = text.find("},{");
      if (r.hits.size() != 2 || text.substr(1, middle) != text.substr(middle + 2, text.size() - middle - 3)) torn += 1;
      seen += 1;
    }
  });
  for (int n = 1; n <= 3000 || (seen < 500 && n < 3000000); ++n) {
    const std::string text = "{\"n\":" + std::to_string(n) + "}";
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::update, {}, ids, {text, text})));
  }
  stop = true;
  reader.join();
  EXPECT_EQ(torn, 0);
  EXPECT_GT(seen, 0);
}

// Invariant 5: a search of a view shows vectors, metadata and deletes of its moment, whatever was written since; the next one shows that.
TEST(Snapshot, AViewShowsOneState) {
  auto db = SageDB::open(options_for(4, Metric::l2, IndexKind::automatic, 100000));
  const std::vector<ExternalId> ids{ExternalId(std::int64_t{1}), ExternalId(std::int64_t{2}),
                                    ExternalId(std::int64_t{3})};
  const std::vector<std::string> texts{"{\"n\":1}", "{\"n\":2}", "{\"n\":3}"};
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {Vector(4, 1.0f), Vector(4, 2.0f), Vector(4, 3.0f)}, ids,
                                 {texts[0], texts[1], texts[2]})));
  const std::shared_ptr<const Snapshot> view = db->view();
  const auto search = [&](const std::shared_ptr<const Snapshot>& of) {
    const Vector q(4, 0.0f);
    SearchRequest request;
    request.vector = q.data();
    const SearchResult r = db->search(&request, 1, 1, of).at(0);
    EXPECT_FALSE(r.error.has_value());
    return r.metadata;
  };
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::update, {}, {ids[0]}, {"{\"n\":10}"})));
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::update, {Vector(4, 9.0f)}, {ids[1]}, {"{\"n\":20}"})));
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::remove, {}, {ids[2]})));
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {Vector(4, 0.0f)}, {}, {"{\"n\":4}"})));
  EXPECT_EQ(search(view), "[{\"n\":1},{\"n\":2},{\"n\":3}]");
  EXPECT_EQ(search(nullptr), "[{\"n\":4},{\"n\":10},{\"n\":20}]");
}

// Invariant 11: a search that outlives the snapshot it reads does not pay for freeing it.
TEST(Snapshot, ReplacedIndexesAreNotFreedByTheLastReader) {
  auto controls = std::make_shared<TraceControls>();
  const Options o = options_for(4, Metric::l2, IndexKind::hnsw, 100000);
  auto db = SageDB::open(o, std::make_unique<TracedAlgorithm>(controls));
  std::mt19937_64 rng(3);
  auto add = [&](int count) {
    std::vector<Vector> batch;
    for (int i = 0; i < count; ++i) batch.push_back(random_vector(rng, 4));
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, batch)));
  };
  add(2000);
  db->build_index(nullptr, nullptr);
  controls->hold_searches = true;
  std::thread::id reader_id;
  std::thread reader([&] {
    reader_id = std::this_thread::get_id();
    search_one(*db, Vector(4, 0.0f), 3, 16);
  });
  while (controls->searching == 0) std::this_thread::yield();
  add(10);
  db->build_index(nullptr, nullptr);  // replaces the index that the reader holds
  add(10);
  db->build_index(nullptr, nullptr);
  controls->hold_searches = false;
  reader.join();
  db->close();
  db.reset();
  std::lock_guard<std::mutex> lock(controls->mutex);
  EXPECT_EQ(controls->destroyed_on.size(), 3u);
  for (const std::thread::id id : controls->destroyed_on) EXPECT_NE(id, reader_id);
}

// Invariant 9: publications share the vectors: nothing about a stored row moves while the index is replaced many times.
TEST(Snapshot, AResultStaysWhatItWasWhileEverythingAroundItChanges) {
  auto db = SageDB::open(options_for(8, Metric::cosine, IndexKind::hnsw, 64));
  std::mt19937_64 rng(9);
  const Vector mine = random_vector(rng, 8);
  expect_ok(
      apply_one(*db, op_of(WriteOp::Kind::add, {mine}, {ExternalId(std::string("mine"))}, {"{\"keep\":\"me\"}"})));
  for (int round = 0; round < 60; ++round) {
    std::vector<Vector> batch;
    std::vector<ExternalId> ids;
    for (int i = 0; i < 40; ++i) batch.push_back(random_vector(rng, 8)), ids.emplace_back(std::int64_t{i});
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::upsert, batch, ids)));
    const SearchResult r = search_one(*db, mine, 1);
    ASSERT_EQ(key_of(r.hits.at(0).id), "\"mine\"");
    ASSERT_NEAR(r.hits[0].score, 1.0f, 1e-6);
    ASSERT_EQ(r.metadata, "[{\"keep\":\"me\"}]");
    const auto item = db->get({ExternalId(std::string("mine"))}, true, true).at(0);
    for (std::size_t d = 0; d < 8; ++d) ASSERT_NEAR(item->vector[d], mine[d], 1e-5);
  }
  db->optimize(nullptr, nullptr);
  EXPECT_EQ(search_one(*db, mine, 1).metadata, "[{\"keep\":\"me\"}]");
}

}  // namespace
}  // namespace sagedb
