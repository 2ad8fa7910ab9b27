// Several vectors per item: every space answers as a database of its own would that holds those items that have a vector there, and
// the lists of several become one as the formulas say.
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "support/spaces_fixture.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;

// Property: what is found in a space is what a scan of the model finds there: exactly with `exact`, and nearly all of it without; never an item
// without a vector there; k of them whenever k match.
void expect_searches_right(const SageDB& db, const SpacesModel& model, std::mt19937_64& rng) {
  const std::vector<SpaceSpec>& spaces = db.options().spaces;
  for (SpaceNo s = 0; s < spaces.size(); ++s) {
    double found = 0, wanted = 0;
    for (int q = 0; q < 8; ++q) {
      const Vector query = random_vector(rng, spaces[s].dimension);
      const int below = q % 2 == 0 ? 1 << 30 : 30;
      const auto truth = model.nearest(s, spaces[s].metric, query, below);
      const std::size_t k = std::min<std::size_t>(10, truth.size());
      SearchRequest request = in_space(s, query, 10);
      if (below < 100) request.filter = Filter::parse("{\"n\":{\"$lt\":30}}");
      for (const bool exact : {true, false}) {
        request.exact = exact;
        const SearchResult result = run(db, request);
        ASSERT_EQ(result.hits.size(), k) << "space " << s << " exact " << exact;
        std::set<std::int64_t> best;
        for (std::size_t i = 0; i < k; ++i) best.insert(truth[i].first);
        for (std::size_t i = 0; i < k; ++i) {
          const std::int64_t id = result.hits[i].id.number();
          ASSERT_EQ(model.items.at(id).vectors.count(s), 1u) << "an item without a vector in space " << s;
          if (exact) {
            EXPECT_NEAR(result.hits[i].score, truth[i].second, 1e-3) << "space " << s;
          }
          if (!exact) found += static_cast<double>(best.count(id));
        }
      }
      wanted += static_cast<double>(k);
    }
    EXPECT_GE(found, 0.9 * wanted) << "space " << s;
  }
}

// Property: every live item is found in each of its spaces by its own vector.
void expect_everyone_found(const SageDB& db, const SpacesModel& model) {
  for (const auto& [id, item] : model.items) {
    for (const auto& [space, v] : item.vectors) {
      if (db.options().spaces[space].metric == Metric::ip) continue;  // the nearest by ip is another one
      const SearchResult result = run(db, in_space(space, v, 1));
      ASSERT_EQ(result.hits.size(), 1u);
      ASSERT_EQ(result.hits[0].id.number(), id) << "space " << space;
    }
  }
}

class Spaces : public ::testing::TestWithParam<IndexKind> {};

TEST_P(Spaces, AnswerAsAScanOfTheModel) {
  std::mt19937_64 rng(1);
  auto db = SageDB::open(spaces_options(GetParam()));
  SpacesModel model;
  for (int phase = 0; phase < 4; ++phase) {
    for (int i = 0; i < 500; ++i) random_change(*db, model, rng, 900);
    expect_searches_right(*db, model, rng);
    if (phase == 1) db->build_index(nullptr, nullptr);
    if (phase == 2) db->optimize(nullptr, nullptr);
    expect_searches_right(*db, model, rng);
    db->verify(nullptr, nullptr);
    ASSERT_EQ(difference(*db, model), "");
  }
  db->build_index(nullptr, nullptr);
  expect_everyone_found(*db, model);
  db->optimize(nullptr, nullptr);
  expect_everyone_found(*db, model);
  expect_searches_right(*db, model, rng);
  db->verify(nullptr, nullptr);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Spaces, ::testing::Values(IndexKind::hnsw, IndexKind::flat));

// Property: items that all have all vectors cost nothing for absence: no map is kept.
TEST(Spaces, WholeItemsNeedNoMap) {
  std::mt19937_64 rng(2);
  auto db = SageDB::open(spaces_options());
  for (int i = 0; i < 300; ++i)
    expect_ok(apply_one(*db, spaces_op(WriteOp::Kind::add, {random_vectors(rng, three_spaces(), 7)})));
  for (const Stats::Space& space : db->stats().spaces) EXPECT_EQ(space.rows, 300u);
}

// Property: a space in which no item has a vector is indexed, compacted and searched, and the first vectors in it are found.
TEST(Spaces, ASpaceMayBeEmpty) {
  std::mt19937_64 rng(3);
  auto db = SageDB::open(spaces_options());
  SpacesModel model;
  const auto add = [&](std::int64_t id, SpaceSet set) {
    const SpaceVectors v = random_vectors(rng, three_spaces(), set);
    expect_ok(apply_one(*db, spaces_op(WriteOp::Kind::upsert, {v}, {ExternalId(id)}, {"{\"n\":0}"})));
    model.items[id] = {v, 0};
  };
  for (int i = 0; i < 700; ++i) add(i, 1);
  db->build_index(nullptr, nullptr);
  db->verify(nullptr, nullptr);
  const Vector query = random_vector(rng, 12);
  EXPECT_TRUE(run(*db, in_space(1, query, 5)).hits.empty());
  for (int i = 0; i < 300; i += 2) add(i, 1);
  db->optimize(nullptr, nullptr);
  EXPECT_TRUE(run(*db, in_space(1, query, 5)).hits.empty());
  add(1000, 2);
  EXPECT_EQ(run(*db, in_space(1, query, 5)).hits.size(), 1u);
  db->build_index(nullptr, nullptr);
  EXPECT_EQ(run(*db, in_space(1, query, 5)).hits.size(), 1u);
  for (int i = 1001; i < 1800; ++i) add(i, i % 3 == 0 ? 3 : 6);
  db->build_index(nullptr, nullptr);
  db->verify(nullptr, nullptr);
  expect_searches_right(*db, model, rng);
  // And empty again.
  for (auto it = model.items.begin(); it != model.items.end();) {
    if (it->second.vectors.count(2) == 0) {
      ++it;
      continue;
    }
    expect_ok(apply_one(*db, spaces_op(WriteOp::Kind::remove, {}, {ExternalId(it->first)})));
    it = model.items.erase(it);
  }
  db->optimize(nullptr, nullptr);
  db->verify(nullptr, nullptr);
  EXPECT_TRUE(run(*db, in_space(2, random_vector(rng, 6), 5)).hits.empty());
  expect_searches_right(*db, model, rng);
}

// Property: an update replaces the vectors it names and keeps the others, also where several of one group build on each other.
TEST(Spaces, AnUpdateKeepsTheOtherVectors) {
  std::mt19937_64 rng(4);
  auto db = SageDB::open(spaces_options());
  const auto spaces = three_spaces();
  const SpaceVectors first = random_vectors(rng, spaces, 1), second = random_vectors(rng, spaces, 2),
                     third = random_vectors(rng, spaces, 5);
  std::vector<WriteOp> group;
  group.push_back(spaces_op(WriteOp::Kind::add, {first}, {ExternalId(7)}, {"{\"n\":1}"}));
  group.push_back(spaces_op(WriteOp::Kind::update, {second}, {ExternalId(7)}));
  group.push_back(spaces_op(WriteOp::Kind::update, {}, {ExternalId(7)}, {"{\"n\":2}"}));
  group.push_back(spaces_op(WriteOp::Kind::update, {third}, {ExternalId(7)}));
  for (const OpResult& result : db->apply(group)) expect_ok(result);
  SpacesModel model;
  model.items[7] = {{{0, third.at(0)}, {1, second.at(1)}, {2, third.at(2)}}, 2};
  EXPECT_EQ(difference(*db, model), "");
  EXPECT_EQ(run(*db, in_space(1, second.at(1), 3)).hits.size(), 1u);
  EXPECT_NEAR(run(*db, in_space(1, second.at(1), 3)).hits[0].score, 0, 1e-4);
  // An upsert replaces the whole item.
  expect_ok(apply_one(*db, spaces_op(WriteOp::Kind::upsert, {first}, {ExternalId(7)}, {"{\"n\":3}"})));
  model.items[7] = {first, 3};
  EXPECT_EQ(difference(*db, model), "");
  EXPECT_TRUE(run(*db, in_space(1, second.at(1), 3)).hits.empty());
}

struct FusedCase {
  Fusion fusion;
  bool filter;
};

// The list that the documentation's formulas give, from exact lists of the model.
std::map<std::int64_t, double> fused_oracle(const SpacesModel& model, const std::vector<SpaceSpec>& spaces,
                                            const std::map<SpaceNo, Vector>& queries,
                                            const std::map<SpaceNo, double>& weights, Fusion fusion, int below,
                                            std::size_t depth) {
  std::map<std::int64_t, double> fused;
  std::map<SpaceNo, std::vector<std::pair<std::int64_t, double>>> lists;
  for (const auto& [s, query] : queries) {
    lists[s] = model.nearest(s, spaces[s].metric, query, below);
    if (lists[s].size() > depth) lists[s].resize(depth);
    for (std::size_t i = 0; i < lists[s].size(); ++i)
      fused[lists[s][i].first] += fusion == Fusion::rrf ? 1.0 / (60.0 + static_cast<double>(i + 1)) : 0;
  }
  if (fusion == Fusion::rrf) return fused;
  for (const auto& [s, query] : queries) {
    std::map<std::int64_t, double> scores;
    for (const auto& [id, unused] : fused) {
      const SpaceVectors& v = model.items.at(id).vectors;
      if (v.count(s) == 0) continue;
      const double score = oracle_score(query, v.at(s), spaces[s].metric);
      scores[id] = spaces[s].metric == Metric::l2 ? -score : score;
    }
    double least = 1e30, greatest = -1e30;
    for (const auto& [id, x] : scores) least = std::min(least, x), greatest = std::max(greatest, x);
    for (const auto& [id, x] : scores)
      fused[id] += weights.at(s) * (greatest > least ? (x - least) / (greatest - least) : 1);
  }
  return fused;
}

// Property: a fused search gives every candidate the score of the formulas, best first, and k hits whenever k items have one of the vectors.
TEST(Spaces, FusedScoresAreThoseOfTheFormulas) {
  std::mt19937_64 rng(5);
  auto db = SageDB::open(spaces_options());
  const std::vector<SpaceSpec>& spaces = db->options().spaces;
  SpacesModel model;
  for (int i = 0; i < 1200; ++i) random_change(*db, model, rng, 700);
  db->build_index(nullptr, nullptr);
  for (int i = 0; i < 100; ++i) random_change(*db, model, rng, 900);
  for (const FusedCase c : {FusedCase{Fusion::rrf, false}, FusedCase{Fusion::rrf, true},
                            FusedCase{Fusion::weighted, false}, FusedCase{Fusion::weighted, true}}) {
    for (int q = 0; q < 6; ++q) {
      const SpaceSet set = q < 3 ? SpaceSet{3} : random_set(rng, 3);
      const std::map<SpaceNo, Vector> queries = random_vectors(rng, spaces, set);
      const std::map<SpaceNo, double> weights{{0, 0.7}, {1, 0.2}, {2, 0.4}};
      auto fused = std::make_shared<FusedRequest>();
      fused->fusion = c.fusion;
      for (const auto& [s, v] : queries) fused->parts.push_back({s, v.data(), weights.at(s)});
      SearchRequest request;
      request.fused = fused;
      request.k = 60;
      request.exact = true;
      if (c.filter) request.filter = Filter::parse("{\"n\":{\"$lt\":30}}");
      const SearchResult result = run(*db, request);
      const auto oracle = fused_oracle(model, spaces, queries, weights, c.fusion, c.filter ? 30 : 1 << 30, 120);
      ASSERT_EQ(result.hits.size(), std::min<std::size_t>(60, oracle.size()));
      std::vector<double> best;
      for (const auto& [id, score] : oracle) best.push_back(score);
      std::sort(best.rbegin(), best.rend());
      for (std::size_t i = 0; i < result.hits.size(); ++i) {
        EXPECT_NEAR(result.hits[i].score, best[i], 1e-3) << i;
        EXPECT_NEAR(result.hits[i].score, oracle.at(result.hits[i].id.number()), 1e-3) << i;
      }
      // Without `exact` the lists are those of the graphs, and the formulas the same.
      request.exact = false;
      const SearchResult fast = run(*db, request);
      ASSERT_EQ(fast.hits.size(), result.hits.size());
    }
  }
}

// Property: what does not fit is a typed error that names what came, and nothing has changed.
TEST(Spaces, WhatDoesNotFitIsRefused) {
  std::mt19937_64 rng(6);
  auto db = SageDB::open(spaces_options());
  const auto spaces = three_spaces();
  const SpaceVectors good = random_vectors(rng, spaces, 7);
  expect_ok(apply_one(*db, spaces_op(WriteOp::Kind::add, {good}, {ExternalId(1)})));
  const auto sequence = db->stats().sequence;
  const auto refused = [&](WriteOp op, ErrorCode code) {
    const OpResult result = apply_one(*db, std::move(op));
    ASSERT_TRUE(result.error.has_value());
    EXPECT_EQ(result.error->code(), code) << result.error->message();
  };
  WriteOp none = spaces_op(WriteOp::Kind::add, {good, good});
  none.given[1] = 0;
  refused(std::move(none), ErrorCode::INVALID_VECTOR);
  WriteOp unknown = spaces_op(WriteOp::Kind::update, {good}, {ExternalId(1)});
  unknown.given[0] = 8;
  refused(std::move(unknown), ErrorCode::INVALID_VECTOR);
  WriteOp shorter = spaces_op(WriteOp::Kind::add, {good});
  shorter.vectors.pop_back();
  refused(std::move(shorter), ErrorCode::DIMENSION_MISMATCH);
  SpaceVectors zero = good;
  zero[0].assign(40, 0);
  refused(spaces_op(WriteOp::Kind::add, {zero}), ErrorCode::INVALID_VECTOR);
  SpaceVectors infinite = good;
  infinite[2][3] = HUGE_VALF;
  refused(spaces_op(WriteOp::Kind::add, {infinite}), ErrorCode::INVALID_VECTOR);
  EXPECT_EQ(db->stats().sequence, sequence);
  const auto search_fails = [&](const SearchRequest& request, ErrorCode code) {
    const SearchResult result = db->search(&request, 1).at(0);
    ASSERT_TRUE(result.error.has_value());
    EXPECT_EQ(result.error->code(), code);
  };
  search_fails(in_space(3, good.at(0), 1), ErrorCode::INVALID_ARGUMENT);
  SearchRequest request;
  auto fused = std::make_shared<FusedRequest>();
  fused->parts = {{1, good.at(1).data(), 1}, {1, good.at(1).data(), 1}};
  request.fused = fused;
  search_fails(request, ErrorCode::INVALID_ARGUMENT);
  fused = std::make_shared<FusedRequest>();
  fused->parts = {{1, good.at(1).data(), 1}};
  request.fused = fused;
  request.radius = 1.0f;
  search_fails(request, ErrorCode::INVALID_ARGUMENT);
}

// Property: readers see whole items while writers, builds and compactions run: both spaces of an item always hold vectors of one write.
TEST(Spaces, ReadersSeeWholeItemsWhileOthersWrite) {
  Options o = options_for(0, Metric::l2, IndexKind::hnsw, 100);
  o.spaces = {{"a", 4, Metric::l2, false}, {"b", 34, Metric::l2, false}};
  auto db = SageDB::open(o);
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  // Write number w of an item: every component of both vectors is w, or the item lacks space b (w odd).
  const auto row = [](float w) {
    SpaceVectors v{{0, Vector(4, w)}};
    if (static_cast<int>(w) % 2 == 0) v[1] = Vector(34, w);
    return v;
  };
  for (int id = 0; id < 300; ++id) expect_ok(apply_one(*db, spaces_op(WriteOp::Kind::add, {row(0)}, {ExternalId(id)})));
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 rng(static_cast<std::uint64_t>(t));
      for (int w = 1; w < 1200; ++w) {
        const auto id = static_cast<std::int64_t>(rng() % 150) * 2 + t;
        expect_ok(apply_one(*db, spaces_op(WriteOp::Kind::upsert, {row(static_cast<float>(w))}, {ExternalId(id)})));
      }
    });
  }
  threads.emplace_back([&] {
    while (!stop) db->optimize(nullptr, nullptr);
  });
  threads.emplace_back([&] {
    const Vector a(4, 600.0f), b(34, 600.0f);
    auto fused = std::make_shared<FusedRequest>();
    fused->parts = {{0, a.data(), 0.5}, {1, b.data(), 0.5}};
    fused->fusion = Fusion::weighted;
    while (!stop) {
      SearchRequest request;
      request.fused = fused;
      request.k = 20;
      request.include_vector = true;
      const SearchResult result = db->search(&request, 1).at(0);
      std::size_t at = 0;
      for (std::size_t i = 0; i < result.hits.size(); ++i) {
        const std::size_t floats = result.spaces[i] == 1 ? 4 : 38;
        const float w = result.vectors[at];
        if ((static_cast<int>(w) % 2 == 0) != (floats == 38)) ++wrong;
        for (std::size_t d = 0; d < floats; ++d) wrong += result.vectors[at + d] == w ? 0 : 1;
        at += floats;
      }
      if (result.hits.size() != 20 || at != result.vectors.size()) ++wrong;
      SearchRequest second = in_space(1, b, 10);
      if (db->search(&second, 1).at(0).hits.size() != 10) ++wrong;
    }
  });
  threads[0].join();
  threads[1].join();
  stop = true;
  threads[2].join();
  threads[3].join();
  EXPECT_EQ(wrong.load(), 0);
  db->optimize(nullptr, nullptr);
  db->verify(nullptr, nullptr);
  EXPECT_EQ(db->size(), 300u);
}

}  // namespace
}  // namespace sagedb
