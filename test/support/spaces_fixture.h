// A database with named spaces beside a plain map that says what it must hold.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "support/engine_fixture.h"

namespace sagedb::testing {

// The vectors of one item by space.
using SpaceVectors = std::map<SpaceNo, Vector>;

// Every metric, with and without codes.
inline std::vector<SpaceSpec> three_spaces() {
  return {{"title", 40, Metric::cosine, false}, {"image", 12, Metric::l2, false}, {"sound", 6, Metric::ip, false}};
}

inline Options spaces_options(IndexKind kind = IndexKind::hnsw, std::uint32_t threshold = 200) {
  Options o = options_for(0, Metric::cosine, kind, threshold);
  o.spaces = three_spaces();
  return o;
}

inline SpaceVectors random_vectors(std::mt19937_64& rng, const std::vector<SpaceSpec>& spaces, SpaceSet set) {
  SpaceVectors out;
  for (SpaceNo s = 0; s < spaces.size(); ++s)
    if (holds(set, s)) out[s] = random_vector(rng, spaces[s].dimension);
  return out;
}

inline SpaceSet random_set(std::mt19937_64& rng, std::size_t spaces) {
  return static_cast<SpaceSet>(1 + rng() % ((std::uint64_t{1} << spaces) - 1));
}

inline WriteOp spaces_op(WriteOp::Kind kind, const std::vector<SpaceVectors>& rows,
                         const std::vector<ExternalId>& ids = {}, const std::vector<std::string>& metadata = {}) {
  WriteOp op;
  op.kind = kind;
  op.count = rows.empty() ? ids.size() : rows.size();
  for (const SpaceVectors& row : rows) {
    SpaceSet set = 0;
    for (const auto& [space, v] : row) {
      set |= SpaceSet{1} << space;
      op.vectors.insert(op.vectors.end(), v.begin(), v.end());
    }
    op.given.push_back(set);
  }
  op.ids = ids;
  op.metadata = metadata;
  return op;
}

inline SpaceVectors vectors_of(const Item& item, const std::vector<SpaceSpec>& spaces) {
  SpaceVectors out;
  std::size_t at = 0;
  for (SpaceNo s = 0; s < spaces.size(); ++s) {
    if (!holds(item.spaces, s)) continue;
    out[s] = Vector(item.vector.begin() + static_cast<std::ptrdiff_t>(at),
                    item.vector.begin() + static_cast<std::ptrdiff_t>(at + spaces[s].dimension));
    at += spaces[s].dimension;
  }
  EXPECT_EQ(at, item.vector.size());
  return out;
}

struct SpacesModel {
  struct Item {
    SpaceVectors vectors;
    int n = 0;  // metadata {"n":…}
  };
  std::map<std::int64_t, Item> items;

  // Ids and scores, best first, of the items that have a vector in the space and n below `below`.
  std::vector<std::pair<std::int64_t, double>> nearest(SpaceNo space, Metric metric, const Vector& query,
                                                       int below = 1 << 30) const {
    std::vector<std::pair<std::int64_t, double>> all;
    for (const auto& [id, item] : items) {
      const auto v = item.vectors.find(space);
      if (v != item.vectors.end() && item.n < below) all.emplace_back(id, oracle_score(query, v->second, metric));
    }
    std::sort(all.begin(), all.end(), [&](const auto& a, const auto& b) {
      return metric == Metric::l2 ? a.second < b.second : a.second > b.second;
    });
    return all;
  }
};

// One random operation on database and model alike.
inline void random_change(SageDB& db, SpacesModel& model, std::mt19937_64& rng, std::int64_t ids) {
  const std::vector<SpaceSpec>& spaces = db.options().spaces;
  const auto id = static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(ids));
  const int n = static_cast<int>(rng() % 100);
  const std::string text = "{\"n\":" + std::to_string(n) + "}";
  const SpaceVectors given = random_vectors(rng, spaces, random_set(rng, spaces.size()));
  const auto found = model.items.find(id);
  switch (rng() % 8) {
    case 0:
      expect_ok(apply_one(db, spaces_op(WriteOp::Kind::remove, {}, {ExternalId(id)})));
      model.items.erase(id);
      break;
    case 1:
      expect_ok(apply_one(db, spaces_op(WriteOp::Kind::update, {}, {ExternalId(id)}, {text})));
      if (found != model.items.end()) found->second.n = n;
      break;
    case 2:
    case 3: {
      const bool both = rng() % 2 == 0;  // vectors and metadata in one
      expect_ok(apply_one(db, spaces_op(WriteOp::Kind::update, {given}, {ExternalId(id)},
                                        both ? std::vector<std::string>{text} : std::vector<std::string>{})));
      if (found == model.items.end()) break;
      for (const auto& [space, v] : given) found->second.vectors[space] = v;
      if (both) found->second.n = n;
      break;
    }
    default:
      expect_ok(apply_one(db, spaces_op(WriteOp::Kind::upsert, {given}, {ExternalId(id)}, {text})));
      model.items[id] = SpacesModel::Item{given, n};
      break;
  }
}

// Empty, or how the content of the database differs from the model's.
inline std::string difference(const SageDB& db, const SpacesModel& model) {
  const std::vector<Item> items = db.find(nullptr, ~std::uint64_t{0}, 0, true);
  if (items.size() != model.items.size()) return "another number of items";
  for (const Item& item : items) {
    const auto wanted = model.items.find(item.id.number());
    if (wanted == model.items.end()) return "item " + key_of(item.id) + " is not in the model";
    if (item.metadata != "{\"n\":" + std::to_string(wanted->second.n) + "}") return "metadata of " + key_of(item.id);
    const SpaceVectors got = vectors_of(item, db.options().spaces);
    if (got.size() != wanted->second.vectors.size()) return "spaces of " + key_of(item.id);
    for (const auto& [space, v] : wanted->second.vectors) {
      if (got.count(space) == 0) return "spaces of " + key_of(item.id);
      for (std::size_t d = 0; d < v.size(); ++d)
        if (std::fabs(got.at(space)[d] - v[d]) > 1e-4f) return "a vector of " + key_of(item.id);
    }
  }
  return {};
}

inline SearchRequest in_space(SpaceNo space, const Vector& query, std::uint32_t k) {
  SearchRequest request;
  request.space = space;
  request.vector = query.data();
  request.k = k;
  return request;
}

inline SearchResult run(const SageDB& db, const SearchRequest& request) {
  SearchResult r = db.search(&request, 1).at(0);
  EXPECT_FALSE(r.error.has_value()) << (r.error ? r.error->message() : "");
  return r;
}

}  // namespace sagedb::testing
