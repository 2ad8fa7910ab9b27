// What the writer of the kill test keeps: item «counter» says n; the last ten rows up to n are there, each with its number and vector.
#pragma once

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/sage_db.h"

namespace sagedb::test {

inline constexpr std::uint32_t kKillDimension = 8;
inline constexpr long kKillRows = 10;

inline Options kill_options(const std::string& path, Durability durability) {
  Options o;
  o.path = path;
  o.durability = durability;
  o.dimension = kKillDimension;
  o.metric = Metric::l2;
  o.index.kind = IndexKind::hnsw;
  o.rebuild_threshold = 40;
  o.checkpoint_bytes = 20000;
  o.threads = 2;
  if (durability == Durability::async) o.hot_memory = 0;
  return o;
}

inline std::vector<float> kill_vector(long n) {
  std::vector<float> v(kKillDimension);
  for (std::uint32_t i = 0; i < kKillDimension; ++i) v[i] = std::sin(static_cast<float>(n * kKillDimension + i));
  return v;
}

inline std::string kill_metadata(long n) { return "{\"n\":" + std::to_string(n) + "}"; }

// One group: a new row, the counter replaced, an old row removed.
inline std::vector<WriteOp> kill_group(long n) {
  std::vector<WriteOp> ops(3);
  const std::vector<float> v = kill_vector(n);
  for (int i = 0; i < 2; ++i) {
    ops[i].kind = i == 0 ? WriteOp::Kind::add : WriteOp::Kind::upsert;
    ops[i].count = 1;
    ops[i].vectors.assign(v.begin(), v.end());
    ops[i].metadata = {kill_metadata(n)};
  }
  ops[0].ids = {ExternalId("row-" + std::to_string(n))};
  ops[1].ids = {ExternalId("counter")};
  ops[2].kind = WriteOp::Kind::remove;
  ops[2].count = 1;
  ops[2].ids = {ExternalId("row-" + std::to_string(n - kKillRows))};
  return ops;
}

// The counter, -1 for an empty database. `problem` is set when the content is not exactly what belongs to it.
inline long read_kill_ledger(const SageDB& db, std::string* problem) {
  const auto counter = db.get({ExternalId("counter")}, true, true).at(0);
  if (!counter) {
    if (db.size() != 0) *problem = "rows without a counter";
    return -1;
  }
  const long n = std::atol(counter->metadata.c_str() + 5);
  if (counter->vector != kill_vector(n)) *problem = "the counter's vector is another one's";
  const long rows = std::min(n + 1, kKillRows);
  if (db.size() != static_cast<std::uint64_t>(rows) + 1)
    *problem = "holds " + std::to_string(db.size()) + " items at counter " + std::to_string(n);
  for (long row = n - rows + 1; row <= n; ++row) {
    const auto item = db.get({ExternalId("row-" + std::to_string(row))}, true, true).at(0);
    if (!item || item->metadata != kill_metadata(row) || item->vector != kill_vector(row))
      *problem = "row " + std::to_string(row) + " at counter " + std::to_string(n);
  }
  SearchRequest request;
  const std::vector<float> query = kill_vector(n);
  request.vector = query.data();
  request.k = 2;
  request.ef = 64;
  const SearchResult found = db.search(&request, 1).at(0);
  if (found.hits.size() != 2 || found.hits[1].score > 1e-5F) *problem = "a search does not find the newest row";
  return n;
}

}  // namespace sagedb::test
