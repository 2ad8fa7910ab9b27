// Random operations against an in-memory model: after every acknowledged group the database answers like the model, while
// builds and compactions run in the background.
#include <gtest/gtest.h>

#include "support/engine_model.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;

class EngineModel : public ::testing::TestWithParam<ModelCase> {};

TEST_P(EngineModel, AnswersLikeTheModelAfterEveryAcknowledgement) {
  const ModelCase c = GetParam();
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 rng(seed);
  auto db = SageDB::open(options_for(c.dimension, c.metric, c.kind, 64));
  Oracle oracle;
  for (int step = 0; step < 1500; ++step) {
    random_group(rng, c, *db, oracle);
    if (step % 5 == 0) compare_with_model(rng, c, *db, oracle);
    if (HasFatalFailure()) return;
  }
  db->optimize(nullptr, nullptr);
  const Stats stats = db->stats();
  EXPECT_EQ(stats.deleted_rows, 0u);
  EXPECT_EQ(stats.indexed_rows, oracle.size());
  EXPECT_GT(stats.index_rebuilds, 0u);
  EXPECT_GT(stats.compactions, 0u);
  for (int i = 0; i < 50; ++i) compare_with_model(rng, c, *db, oracle);
}

INSTANTIATE_TEST_SUITE_P(All, EngineModel,
                         ::testing::Values(ModelCase{Metric::l2, IndexKind::automatic, 48},
                                           ModelCase{Metric::cosine, IndexKind::hnsw, 40},
                                           ModelCase{Metric::ip, IndexKind::hnsw, 33},
                                           ModelCase{Metric::cosine, IndexKind::flat, 7},
                                           ModelCase{Metric::l2, IndexKind::hnsw, 3}));

}  // namespace
}  // namespace sagedb
