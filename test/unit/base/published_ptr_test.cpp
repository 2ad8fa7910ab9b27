#include "base/published_ptr.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sagedb {
namespace {

std::atomic<int> alive{0};
struct Value {
  explicit Value(int n) : a(n), b(n) { alive.fetch_add(1); }
  ~Value() {
    a = b = -1;
    alive.fetch_sub(1);
  }
  int a, b;
};

// Property: readers see whole values in non-decreasing order, and every replaced value is freed exactly once.
TEST(PublishedPtr, ReadersSeeWholeValuesInOrderAndNothingLeaks) {
  {
    published_ptr<const Value> p(std::make_shared<const Value>(0));
    std::atomic<bool> stop{false};
    std::vector<std::thread> readers;
    std::atomic<long> wrong{0};
    for (int t = 0; t < 4; ++t) {
      readers.emplace_back([&] {
        int last = 0;
        while (!stop.load(std::memory_order_relaxed)) {
          auto v = p.load();
          if (v->a != v->b || v->a < last) wrong.fetch_add(1);
          last = v->a;
        }
      });
    }
    for (int i = 1; i <= 20000; ++i) p.store(std::make_shared<const Value>(i));
    stop = true;
    for (auto& t : readers) t.join();
    EXPECT_EQ(wrong.load(), 0);
    EXPECT_EQ(p.load()->a, 20000);
    EXPECT_EQ(alive.load(), 1);
  }
  EXPECT_EQ(alive.load(), 0);
}

TEST(PublishedPtr, ManyWritersKeepEveryNodeAccounted) {
  {
    published_ptr<const Value> p(std::make_shared<const Value>(0));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 5000; ++i) {
          if ((i + t) % 3 == 0) p.store(std::make_shared<const Value>(i));
          auto v = p.load();
          ASSERT_EQ(v->a, v->b);
        }
      });
    }
    for (auto& t : threads) t.join();
  }
  EXPECT_EQ(alive.load(), 0);
}

}  // namespace
}  // namespace sagedb
