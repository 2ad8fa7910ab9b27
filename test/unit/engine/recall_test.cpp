// The recall target: ef is calibrated on this data's own queries and meets the target on queries that it has not seen.
#include <gtest/gtest.h>

#include <thread>

#include "engine/query_sample.h"
#include "engine/recall_table.h"
#include "engine/searcher.h"
#include "support/engine_fixture.h"
#include "support/setting.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;

TEST(RecallTable, EfRisesWithTargetAndDepthAndStaysOnMeasuredPoints) {
  const RecallTable table({{1, {{8, 0.9, 0.88}, {16, 0.97, 0.96}, {32, 0.995, 0.99}}},
                           {10, {{10, 0.8, 0.78}, {20, 0.93, 0.92}, {40, 0.98, 0.97}, {80, 0.996, 0.993}}}},
                          1000, 500);
  EXPECT_EQ(table.ef_for(10, 0.5), 10u);
  EXPECT_EQ(table.ef_for(10, 0.97), 40u);
  EXPECT_GT(table.ef_for(10, 0.9999), 80u);
  std::uint32_t last = 0;
  for (double target = 0.5; target < 0.9999; target += 0.001) {
    const std::uint32_t ef = table.ef_for(10, target);
    ASSERT_GE(ef, last) << target;
    last = ef;
  }
  EXPECT_LE(table.ef_for(1, 0.95), table.ef_for(5, 0.95));
  EXPECT_LE(table.ef_for(5, 0.95), table.ef_for(10, 0.95));
  EXPECT_GE(table.ef_for(200, 0.95), 200u);
}

TEST(QuerySample, RepeatsDoNotCount) {
  QuerySample sample(4);
  const Vector a{1, 2, 3, 4}, b{1, 2, 3, 5};
  for (int i = 0; i < 100; ++i) sample.offer(a.data()), sample.offer(b.data());
  EXPECT_EQ(sample.size(), 2u);
  EXPECT_EQ(sample.copy(10).size(), 8u);
  std::mt19937_64 rng(1);
  for (int i = 0; i < 5000; ++i) sample.offer(random_vector(rng, 4).data());
  EXPECT_EQ(sample.size(), QuerySample::kCapacity);
}

// A program that sets ef by hand never pays for a calibration.
TEST(Recall, SearchesWithAnEfOfTheirOwnAreNotSampled) {
  std::mt19937_64 rng(3);
  auto db = SageDB::open(options_for(16, Metric::l2, IndexKind::hnsw, 100));
  std::vector<Vector> rows(500);
  for (Vector& v : rows) v = random_vector(rng, 16);
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, rows)));
  db->build_index(nullptr, nullptr);
  for (int i = 0; i < 400; ++i) search_one(*db, random_vector(rng, 16), 10, 40);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(db->stats().calibrated_queries, 0u);
  for (int i = 0; i < 400; ++i) search_one(*db, random_vector(rng, 16), 10);
  for (int i = 0; i < 1000 && db->stats().calibrated_queries == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_GT(db->stats().calibrated_queries, 0u);
}

// Clustered data, so that recall depends on ef; queries are not stored.
TEST(Recall, CalibrationMeetsTheTargetOnUnseenQueries) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 rng(seed);
  constexpr std::uint32_t kDim = 64;
  constexpr std::uint64_t kRows = kSanitized ? 4000 : 12000;
  std::vector<Vector> centres;
  for (int i = 0; i < 100; ++i) centres.push_back(random_vector(rng, kDim));
  std::normal_distribution<float> normal;
  auto draw = [&] {
    Vector v = centres[rng() % centres.size()];
    for (float& x : v) x += 0.7f * normal(rng);
    return v;
  };
  auto db = SageDB::open(options_for(kDim, Metric::l2, IndexKind::hnsw, 5000));
  std::vector<Vector> rows(kRows);
  for (Vector& v : rows) v = draw();
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, rows)));
  db->build_index(nullptr, nullptr);
  EXPECT_EQ(db->stats().calibrated_queries, 0u);
  for (int i = 0; i < 1100; ++i) search_one(*db, draw(), 10);
  // Seconds as a rule; minutes under the race detector, since the calibration works a fifth of the time.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(10);
  while (db->stats().calibrated_queries < 512 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const Stats stats = db->stats();
  ASSERT_GE(stats.calibrated_queries, 512u);
  ASSERT_EQ(stats.calibrated_rows, kRows);
  ASSERT_FALSE(stats.recall_curve.empty());
  for (const float target : {0.9f, 0.95f, 0.99f}) {
    double recall = 0, squares = 0;
    constexpr int kQueries = repetitions(2000);
    for (int i = 0; i < kQueries; ++i) {
      const Vector q = draw();
      std::vector<std::string> want;
      for (const Hit& h : search_one(*db, q, 10, 0, true).hits) want.push_back(key_of(h.id));
      SearchRequest request;
      request.vector = q.data();
      request.recall = target;
      const double found = recall_of(db->search(&request, 1).at(0), want);
      recall += found / kQueries, squares += found * found / kQueries;
    }
    // Two samples err here, the calibration's and this one. The bound on which the calibration settles puts the expected recall 1.645
    // of its standard errors above the target; four standard errors of the difference below that is one failure in 30,000.
    const double variance = squares - recall * recall;
    const double calibration = variance / static_cast<double>(stats.calibrated_queries);
    EXPECT_GE(recall, target + 1.645 * std::sqrt(calibration) - 4 * std::sqrt(calibration + variance / kQueries))
        << target;
  }
}

// What was stored is found by its own vector at the default setting, also on data that need less for the default recall.
TEST(Recall, TheDefaultKeepsThePoolWithWhichRowsFindThemselves) {
  Snapshot snapshot;
  snapshot.spaces[0].recall = std::make_shared<RecallTable>(
      std::vector<RecallCurve>{{1, {{4, 0.98, 0.97}, {8, 0.99, 0.99}}}, {10, {{200, 0.96, 0.95}}}}, 1000, 500);
  SearchRequest request;
  EXPECT_EQ(Searcher::effective_ef(snapshot, 0, request, 1), kSelfSearchEf);
  EXPECT_EQ(Searcher::effective_ef(snapshot, 0, request, 10), 200u);
  request.recall = 0.95f;  // a target is taken at its word
  EXPECT_EQ(Searcher::effective_ef(snapshot, 0, request, 1), 4u);
}

}  // namespace
}  // namespace sagedb
