// verify_folder() looks at the files that the manifest means, and at no others.
#include "storage/folder_check.h"

#include <gtest/gtest.h>

#include "support/durable_fixture.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;
using test::SimEnv;

// Property: a segment of which the manifest says anything else than its header is found.
TEST(FolderCheck, SegmentsAreThoseThatTheManifestNames) {
  SimEnv env;
  auto db = SageDB::open(durable_options(env, 40, Metric::cosine, IndexKind::hnsw));
  std::mt19937_64 rng(1);
  for (int i = 0; i < 20; ++i) {
    std::vector<WriteOp> ops = random_ops(rng, 40);
    db->apply(ops);
  }
  db->build_index(nullptr, nullptr);
  db->checkpoint();
  db->close();
  const Manifest good = read_current_manifest(env, kFolder, false);
  Progress progress;
  verify_folder(env, kFolder, good, &progress, nullptr);
  EXPECT_EQ(progress.done, progress.total);
  EXPECT_GE(progress.total, good.segments.size());
  const auto refused = [&](const Manifest& manifest) {
    try {
      verify_folder(env, kFolder, manifest, nullptr, nullptr);
    } catch (const Error& e) {
      return e.code() == ErrorCode::CORRUPTION;
    }
    return false;
  };
  const std::function<void(SegmentRef&)> changes[] = {
      [](SegmentRef& r) { r.first += 1; },   [](SegmentRef& r) { r.count += 1; },
      [](SegmentRef& r) { r.space += 1; },   [](SegmentRef& r) { r.file_size += 8; },
      [](SegmentRef& r) { r.uuid[3] ^= 1; }, [](SegmentRef& r) { r.number += 100; }};
  for (std::size_t i = 0; i < good.segments.size(); ++i) {
    for (const auto& change : changes) {
      Manifest other = good;
      change(other.segments[i]);
      EXPECT_TRUE(refused(other)) << "segment " << i;
    }
  }
  Manifest other = good;
  other.database[0] ^= 1;
  EXPECT_TRUE(refused(other));
}

}  // namespace
}  // namespace sagedb
