// Small helpers that engine tests share: seeded vectors, one-line operations, an in-memory oracle.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/sage_db.h"

namespace sagedb::testing {

using Vector = std::vector<float>;

inline Vector random_vector(std::mt19937_64& rng, std::uint32_t dimension) {
  std::normal_distribution<float> normal;
  Vector v(dimension);
  for (float& x : v) x = normal(rng);
  return v;
}

inline Options options_for(std::uint32_t dimension, Metric metric, IndexKind kind = IndexKind::automatic,
                           std::uint32_t threshold = 1000) {
  Options o;
  o.dimension = dimension;
  o.metric = metric;
  o.index.kind = kind;
  o.rebuild_threshold = threshold;
  o.threads = 2;
  return o;
}

inline WriteOp op_of(WriteOp::Kind kind, const std::vector<Vector>& vectors, const std::vector<ExternalId>& ids = {},
                     const std::vector<std::string>& metadata = {}) {
  WriteOp op;
  op.kind = kind;
  op.count = vectors.empty() ? ids.size() : vectors.size();
  for (const Vector& v : vectors) op.vectors.insert(op.vectors.end(), v.begin(), v.end());
  op.ids = ids;
  op.metadata = metadata;
  return op;
}

inline WriteOp replace_where(const std::string& filter, const std::vector<Vector>& vectors,
                             const std::vector<ExternalId>& ids = {}, const std::vector<std::string>& metadata = {}) {
  WriteOp op = op_of(WriteOp::Kind::replace_where, vectors, ids, metadata);
  op.where = Filter::parse(filter);
  return op;
}

inline OpResult apply_one(SageDB& db, WriteOp op) {
  std::vector<WriteOp> ops;
  ops.push_back(std::move(op));
  return db.apply(ops).at(0);
}

inline void expect_ok(const OpResult& r) { EXPECT_FALSE(r.error.has_value()) << (r.error ? r.error->message() : ""); }

inline SearchResult search_one(const SageDB& db, const Vector& query, std::uint32_t k, std::uint32_t ef = 0,
                               bool exact = false, std::shared_ptr<const Filter> filter = nullptr) {
  SearchRequest request;
  request.vector = query.data();
  request.k = k;
  request.ef = ef;
  request.exact = exact;
  request.filter = std::move(filter);
  SearchResult r = db.search(&request, 1).at(0);
  EXPECT_FALSE(r.error.has_value()) << (r.error ? r.error->message() : "");
  return r;
}

inline std::string key_of(const ExternalId& id) { return id_to_string(id.view()); }

// Distance as the API scores it, in double precision.
inline double oracle_score(const Vector& a, const Vector& b, Metric metric) {
  double dot = 0, aa = 0, bb = 0, l2 = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
    l2 += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
  }
  if (metric == Metric::l2) return std::sqrt(l2);
  return metric == Metric::ip ? dot : dot / std::sqrt(aa * bb);
}

struct OracleItem {
  Vector vector;
  std::string metadata;
};
using Oracle = std::map<std::string, OracleItem>;

inline std::vector<std::string> oracle_search(const Oracle& oracle, const Vector& query, std::size_t k, Metric metric) {
  std::vector<std::pair<double, std::string>> all;
  for (const auto& [id, item] : oracle) {
    const double s = oracle_score(query, item.vector, metric);
    all.emplace_back(metric == Metric::l2 ? s : -s, id);
  }
  std::sort(all.begin(), all.end());
  std::vector<std::string> out;
  for (std::size_t i = 0; i < std::min(k, all.size()); ++i) out.push_back(all[i].second);
  return out;
}

inline double recall_of(const SearchResult& got, const std::vector<std::string>& want) {
  if (want.empty()) return 1;
  std::size_t hits = 0;
  for (const Hit& h : got.hits)
    if (std::find(want.begin(), want.end(), key_of(h.id)) != want.end()) ++hits;
  return static_cast<double>(hits) / static_cast<double>(want.size());
}

}  // namespace sagedb::testing
