// Random groups of operations on a database and on an in-memory model of it, and the comparison of the two.
#pragma once

#include <functional>

#include "support/engine_fixture.h"

namespace sagedb::testing {

struct ModelCase {
  Metric metric;
  IndexKind kind;
  std::uint32_t dimension;
};

inline ExternalId random_id(std::mt19937_64& rng) {
  const std::uint64_t n = rng() % 600;
  return n % 2 == 0 ? ExternalId(static_cast<std::int64_t>(n)) : ExternalId("s" + std::to_string(n));
}

inline std::string metadata_for(std::mt19937_64& rng) { return "{\"n\":" + std::to_string(rng() % 7) + "}"; }

// Returns how many operations the group had.
inline std::size_t random_group(std::mt19937_64& rng, const ModelCase& c, SageDB& db, Oracle& oracle) {
  std::vector<WriteOp> ops;
  std::vector<std::function<void(const OpResult&)>> checks;
  const std::size_t count = 1 + rng() % 6;
  Oracle next = oracle;
  for (std::size_t i = 0; i < count; ++i) {
    const ExternalId id = random_id(rng);
    const std::string key = key_of(id);
    const Vector v = random_vector(rng, c.dimension);
    const std::string metadata = metadata_for(rng);
    const bool exists = next.count(key) > 0;
    switch (rng() % 7) {
      case 6: {
        // What the filter matches goes, the new rows come; an id held by another item refuses the whole.
        const ExternalId other = random_id(rng);
        if (key_of(other) == key) break;
        const std::string gone = metadata_for(rng);
        Oracle kept;
        for (const auto& [k, item] : next)
          if (item.metadata != gone) kept[k] = item;
        const bool taken = kept.count(key) + kept.count(key_of(other)) > 0;
        const std::size_t removed = next.size() - kept.size();
        const Vector w = random_vector(rng, c.dimension);
        ops.push_back(replace_where(gone, {v, w}, {id, other}, {metadata, gone}));
        checks.push_back([taken, removed](const OpResult& r) {
          EXPECT_EQ(r.error.has_value(), taken);
          if (r.error) {
            EXPECT_EQ(r.error->code(), ErrorCode::DUPLICATE_ID);
          } else {
            EXPECT_EQ(r.affected, removed);
          }
        });
        if (taken) break;
        next = std::move(kept);
        next[key] = {v, metadata};
        next[key_of(other)] = {w, gone};
        break;
      }
      case 0:
        ops.push_back(op_of(WriteOp::Kind::add, {v}, {id}, {metadata}));
        checks.push_back([exists](const OpResult& r) {
          EXPECT_EQ(r.error.has_value(), exists);
          if (r.error) {
            EXPECT_EQ(r.error->code(), ErrorCode::DUPLICATE_ID);
          }
        });
        if (!exists) next[key] = {v, metadata};
        break;
      case 1:
      case 2:
        ops.push_back(op_of(WriteOp::Kind::upsert, {v}, {id}, {metadata}));
        checks.push_back(expect_ok);
        next[key] = {v, metadata};
        break;
      case 3:
        ops.push_back(op_of(WriteOp::Kind::update, {v}, {id}));
        checks.push_back([exists](const OpResult& r) { EXPECT_EQ(r.affected, exists ? 1u : 0u); });
        if (exists) next[key].vector = v;
        break;
      case 4:
        ops.push_back(op_of(WriteOp::Kind::update, {}, {id}, {metadata}));
        checks.push_back([exists](const OpResult& r) { EXPECT_EQ(r.affected, exists ? 1u : 0u); });
        if (exists) next[key].metadata = metadata;
        break;
      case 5: {
        const ExternalId other = random_id(rng);
        ops.push_back(op_of(WriteOp::Kind::remove, {}, {id, other, id}));
        const bool both = key_of(other) != key && next.count(key_of(other)) > 0;
        checks.push_back([exists, both](const OpResult& r) {
          EXPECT_EQ(r.affected, (exists ? 1u : 0u) + (both ? 1u : 0u));
          EXPECT_EQ(r.hit.at(2), 0);  // the second mention finds nothing
        });
        next.erase(key);
        next.erase(key_of(other));
        break;
      }
    }
  }
  const std::vector<OpResult> results = db.apply(ops);
  for (std::size_t i = 0; i < results.size(); ++i) checks[i](results[i]);
  oracle = std::move(next);
  return count;
}

inline void compare_with_model(std::mt19937_64& rng, const ModelCase& c, const SageDB& db, const Oracle& oracle) {
  ASSERT_EQ(db.size(), oracle.size());
  const Vector q = random_vector(rng, c.dimension);
  const SearchResult exact = search_one(db, q, 10, 0, true);
  const auto want = oracle_search(oracle, q, 10, c.metric);
  ASSERT_EQ(exact.hits.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    const auto it = oracle.find(key_of(exact.hits[i].id));
    ASSERT_NE(it, oracle.end()) << "a deleted or unknown row was returned";
    EXPECT_NEAR(exact.hits[i].score, oracle_score(q, oracle.at(want[i]).vector, c.metric), 1e-4);
  }
  const SearchResult fast = search_one(db, q, 10, 200);
  EXPECT_EQ(fast.hits.size(), want.size()) << "k rows match, so k rows come back";
  EXPECT_GE(recall_of(fast, want), 0.6);
  const ExternalId id = random_id(rng);
  const auto item = db.get({id}, true, true).at(0);
  const auto it = oracle.find(key_of(id));
  ASSERT_EQ(item.has_value(), it != oracle.end());
  if (!item) return;
  EXPECT_EQ(item->metadata, it->second.metadata);
  for (std::uint32_t d = 0; d < c.dimension; ++d) EXPECT_NEAR(item->vector[d], it->second.vector[d], 1e-5);
}

}  // namespace sagedb::testing
