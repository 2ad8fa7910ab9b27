#include "index/search_scratch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace sagedb {
namespace {

std::size_t offer_one(CandidatePool& pool, DistanceKey distance, std::uint32_t node) {
  std::uint32_t entered;
  return pool.offer(&distance, &node, 1, &entered);
}

// Property: the pool keeps the nearest candidates in order and hands each out once, nearest unchecked first.
TEST(CandidatePool, KeepsTheNearestAgainstAModel) {
  std::mt19937 random(1);
  for (std::uint32_t capacity : {1u, 2u, 7u, 64u}) {
    CandidatePool pool;
    pool.reset(capacity);
    std::vector<std::pair<DistanceKey, std::uint32_t>> model;
    std::set<std::uint32_t> taken;
    for (std::uint32_t node = 0; node < 500; ++node) {
      const DistanceKey d = random() % 1000;
      const bool near = d < pool.bound();
      EXPECT_EQ(offer_one(pool, d, node), near ? 1u : 0u);
      model.push_back({d, node});
      std::uint32_t next;
      if (node % 3 == 0 && pool.next(&next)) EXPECT_TRUE(taken.insert(next).second);
    }
    std::sort(model.begin(), model.end());
    ASSERT_EQ(pool.size(), std::min<std::size_t>(capacity, model.size()));
    for (std::uint32_t i = 0; i < pool.size(); ++i) EXPECT_EQ(distance_of(pool[i]), model[i].first);
    std::uint32_t next;
    while (pool.next(&next)) EXPECT_TRUE(taken.insert(next).second);
    for (const CandidateKey key : pool) EXPECT_EQ(taken.count(node_of(key)), 1u);
  }
}

// Property: widening loses nothing: what was dropped comes back, in order, and everything is there once.
TEST(CandidatePool, WidensWithWhatItDropped) {
  std::mt19937 random(3);
  for (const std::uint32_t capacity : {1u, 5u, 8u, 31u}) {
    CandidatePool pool;
    pool.reset(capacity);
    std::vector<CandidateKey> dropped, all;
    std::uint32_t node = 0;
    for (int call = 0; call < 20; ++call) {
      std::vector<DistanceKey> distances(random() % 40);
      std::vector<std::uint32_t> nodes(distances.size()), entered(distances.size());
      for (std::size_t i = 0; i < distances.size(); ++i) {
        distances[i] = 1 + random() % 500;
        nodes[i] = node++;
        all.push_back(candidate_key(distances[i], nodes[i]));
      }
      pool.offer(distances.data(), nodes.data(), distances.size(), entered.data(), dropped);
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(dropped.size() + pool.size(), all.size());
    const std::uint32_t more = capacity * 2 + 3;
    pool.widen(more);
    std::sort(dropped.begin(), dropped.end());
    for (std::size_t i = 0; pool.size() < more; ++i) pool.append(dropped[i]);
    pool.sort();
    EXPECT_TRUE(std::equal(pool.begin(), pool.end(), all.begin()));
    EXPECT_EQ(offer_one(pool, 0, node), 1u);
    EXPECT_EQ(node_of(pool[0]), node);
    EXPECT_TRUE(std::is_sorted(pool.begin(), pool.end()));
    EXPECT_EQ(pool.size(), more);
  }
}

// Property: with a breadth below the capacity the pool keeps as many as before and hands out the nearest `breadth` only.
TEST(CandidatePool, HandsOutTheNearestOfABreadth) {
  std::mt19937 random(2);
  for (const std::uint32_t breadth : {1u, 10u, 18u, 30u}) {
    CandidatePool pool;
    pool.reset(18, breadth);
    std::vector<std::pair<DistanceKey, std::uint32_t>> model;
    for (std::uint32_t node = 0; node < 200; ++node) {
      const DistanceKey d = 1 + random() % 1000;
      const bool near = d < pool.bound();
      EXPECT_EQ(offer_one(pool, d, node), near ? 1u : 0u);
      model.push_back({d, node});
    }
    std::sort(model.begin(), model.end());
    ASSERT_EQ(pool.size(), 18u);
    for (std::uint32_t i = 0; i < pool.size(); ++i) EXPECT_EQ(distance_of(pool[i]), model[i].first);
    std::uint32_t next, taken = 0;
    while (pool.next(&next)) EXPECT_EQ(next, model[taken++].second);
    EXPECT_EQ(taken, std::min(breadth, 18u));
    // A nearer one is handed out whatever has been.
    EXPECT_EQ(offer_one(pool, 0, 999), 1u);
    ASSERT_TRUE(pool.next(&next));
    EXPECT_EQ(next, 999u);
    EXPECT_FALSE(pool.next(&next));
  }
}

// Property: marks of one search are gone in the next, whatever the sizes.
TEST(SearchScratch, ForgetsEverySearch) {
  SearchScratch s;
  for (const std::size_t nodes : {100u, 5000u, 70u, 5000u}) {
    s.begin(nodes, 10);
    EXPECT_EQ(s.seen_count(), 0u);
    for (std::uint32_t n = 0; n < nodes; ++n) ASSERT_FALSE(s.visited(n));
    s.reserve(2 * nodes);
    for (std::uint32_t n = 0; n < nodes; n += 2) s.gather(n), s.gather(n);
    EXPECT_EQ(s.seen_count(), (nodes + 1) / 2);
    for (std::uint32_t n = 0; n < nodes; ++n) ASSERT_EQ(s.visited(n), n % 2 == 0);
  }
}

// Property: two leases never share scratch; returned scratch is handed out again and counted.
TEST(ScratchPool, LeasesAreExclusive) {
  ScratchPool pool;
  EXPECT_EQ(pool.bytes(), 0u);
  SearchScratch* first;
  {
    const auto a = pool.lease();
    const auto b = pool.lease();
    EXPECT_NE(&*a, &*b);
    (*a).begin(100000, 100);
    first = &*a;
  }
  EXPECT_GT(pool.bytes(), 100000u / 8);
  std::set<SearchScratch*> again;
  {
    const auto a = pool.lease();
    const auto b = pool.lease();
    again = {&*a, &*b};
  }
  EXPECT_EQ(again.count(first), 1u);

  std::vector<std::thread> threads;
  std::atomic<int> shared{0};
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const auto lease = pool.lease();
        // A second user of the same scratch would see or break this mark.
        (*lease).accepted.assign(1, static_cast<CandidateKey>(t));
        if (i % 16 == 0) std::this_thread::yield();
        if ((*lease).accepted.size() != 1 || (*lease).accepted[0] != static_cast<CandidateKey>(t)) ++shared;
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(shared.load(), 0);
}

}  // namespace
}  // namespace sagedb
