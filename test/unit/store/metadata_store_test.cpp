#include "store/metadata_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "filter/filter.h"
#include "store/metadata_impl.h"
#include "support/failing_new.h"

namespace sagedb {
namespace {

using Prepared = MetadataStore::Prepared;

void append(MetadataStore& store, RecordNo r, const std::string& json) {
  const Prepared p = MetadataStore::prepare(json);
  store.reserve(&p, 1, r);
  store.append(r, p);
}

std::set<RecordNo> found(const MetadataStore& store, const std::string& filter, RecordNo n) {
  const RecordSet set = evaluate(*Filter::parse(filter), store, n);
  std::set<RecordNo> out;
  for (RecordNo r = 0; r < n; ++r)
    if (set.contains(r)) out.insert(r);
  return out;
}
using Records = std::set<RecordNo>;

ErrorCode code_of(const std::string& json) {
  try {
    MetadataStore::prepare(json);
  } catch (const Error& e) {
    return e.code();
  }
  return ErrorCode::INTERNAL;
}

TEST(MetadataStore, PrepareAcceptsObjectsOnly) {
  EXPECT_NO_THROW(MetadataStore::prepare(""));
  EXPECT_NO_THROW(MetadataStore::prepare("{}"));
  for (const char* text : {"[]", "1", "null", "\"a\"", "{", "{\"a\":NaN}", "{} {}"})
    EXPECT_EQ(code_of(text), ErrorCode::INVALID_METADATA) << text;
  EXPECT_EQ(code_of("{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}"), ErrorCode::INVALID_METADATA);
}

// Property: a snapshot prefix never sees a record beyond it, however the indexes have been rearranged since.
TEST(MetadataStore, PrefixesStayWhatTheyWere) {
  MetadataStore store;
  for (RecordNo r = 0; r < 5000; ++r) {
    append(store, r, "{\"v\":" + std::to_string(r % 7) + ",\"s\":\"k" + std::to_string(r % 3) + "\"}");
    if (r % 1000 == 999) store.settle();
  }
  for (const RecordNo n : {0u, 1u, 63u, 64u, 65u, 511u, 512u, 513u, 4999u, 5000u}) {
    std::size_t expected = 0;
    for (RecordNo r = 0; r < n; ++r) expected += r % 7 >= 5 && r % 3 == 1 ? 1 : 0;
    EXPECT_EQ(found(store, R"({"v":{"$gte":5},"s":"k1"})", n).size(), expected) << n;
  }
}

// Property: reservations add up over the operations of one group; one that is made anew replaces the abandoned rest.
TEST(MetadataStore, AbandonedReservationsAreReplaced) {
  MetadataStore store;
  const Prepared a = MetadataStore::prepare(R"({"x":1,"tags":["p","q"]})"),
                 b = MetadataStore::prepare(R"({"x":2,"y":"long enough to count"})");
  for (int round = 0; round < 2000; ++round) {
    store.reserve(&a, 1, 0);
    store.reserve(&b, 1, 1);
  }
  const std::size_t bytes = store.bytes();
  store.reserve(&b, 1, 0);  // replaces both
  store.reserve(&a, 1, 1);
  store.append(0, b);
  store.append(1, a);
  EXPECT_LE(bytes, std::size_t{1} << 20) << "abandoned reservations pile up";
  EXPECT_EQ(found(store, R"({"x":1})", 2), (Records{1}));
  EXPECT_EQ(found(store, R"({"x":{"$lt":2}})", 2), (Records{1}));
  EXPECT_EQ(found(store, R"({"y":{"$exists":true}})", 2), (Records{0}));
  EXPECT_EQ(found(store, R"({"tags":"q"})", 2), (Records{1}));
}

std::string base_text(RecordNo r) {
  return "{\"n\":" + std::to_string(r % 7) + ",\"tags\":[\"t" + std::to_string(r % 3) + "\"]" +
         (r % 5 == 0 ? ",\"rare\":null}" : "}");
}

// Property: records that were there at the start answer the same before, while and after their index is made, together with those written since; a
// load that was aborted is still due; a damaged text is CORRUPTION and never a wrong answer.
TEST(MetadataStore, RecordsOfTheBaseAreIndexedLater) {
  constexpr RecordNo kBase = 9000, kAll = 9300;
  MetadataStore whole;
  std::vector<std::string> texts;
  for (RecordNo r = 0; r < kAll; ++r) texts.push_back(base_text(r));
  for (RecordNo r = 0; r < kAll; ++r) append(whole, r, texts[r]);
  MetadataStore store(kBase, [&](RecordNo r) { return std::string_view(texts[r]); });
  for (RecordNo r = kBase; r < kAll; ++r) append(store, r, texts[r]);
  const char* filters[] = {R"({"n":3})",
                           R"({"tags":"t1","n":{"$gte":5}})",
                           R"({"rare":{"$exists":false}})",
                           R"({"$nor":[{"n":1},{"tags":"t2"}]})",
                           R"({"rare":null})",
                           R"({})"};
  const auto compare = [&] {
    for (const char* filter : filters)
      for (const RecordNo n : {RecordNo{0}, RecordNo{77}, kBase, kBase + 1, kAll})
        EXPECT_EQ(found(store, filter, n), found(whole, filter, n)) << filter << " of " << n;
    std::string scratch;
    for (const RecordNo r : {RecordNo{5}, kBase - 1, kBase})
      EXPECT_EQ(ValueRef(store.document(r, &scratch)).get("n").number(), static_cast<double>(r % 7));
  };
  EXPECT_FALSE(store.base_due());
  compare();
  EXPECT_TRUE(store.base_due());
  CancelToken cancelled;
  cancelled.cancel();
  EXPECT_THROW(store.load_base(2, &cancelled), Error);
  EXPECT_TRUE(store.base_due());
  compare();
  store.load_base(2, nullptr);
  EXPECT_FALSE(store.base_due());
  compare();
  texts[17] = "{\"n\":";
  MetadataStore damaged(kBase, [&](RecordNo r) { return std::string_view(texts[r]); });
  const auto is_corruption = [](const Error& e) { return e.code() == ErrorCode::CORRUPTION; };
  try {
    found(damaged, R"({"n":3})", kBase);
    FAIL();
  } catch (const Error& e) {
    EXPECT_TRUE(is_corruption(e)) << e.message();
  }
  try {
    damaged.load_base(2, nullptr);
    FAIL();
  } catch (const Error& e) {
    EXPECT_TRUE(is_corruption(e)) << e.message();
  }
  EXPECT_FALSE(damaged.base_due()) << "not tried again and again";
}

// Property: an allocation that fails anywhere inside reserve() leaves what is visible unchanged, and the next attempt works.
TEST(MetadataStore, AFailedReservationChangesNothing) {
  MetadataStore store;
  RecordNo n = 0;
  int failures = 0;
  for (int step = 0; step < 400; ++step) {
    std::vector<Prepared> batch;
    for (int i = 0; i < 3; ++i)
      batch.push_back(MetadataStore::prepare("{\"n\":" + std::to_string(n + i) + ",\"k" + std::to_string(step % 50) +
                                             "\":[\"a\",\"b\",1,{\"z\":null}],\"o\":{\"t\":\"text " +
                                             std::to_string(step) + "\"}}"));
    for (long failing = step % 4 == 0 ? 1 : 1000;; ++failing) {
      testing::fail_allocation_after(failing);
      try {
        store.reserve(batch.data(), batch.size(), n);
        testing::fail_allocation_after(1);  // append() may not allocate
        for (RecordNo i = 0; i < 3; ++i) store.append(n + i, batch[i]);
        testing::fail_allocation_after(0);
        break;
      } catch (const Error& e) {
        testing::fail_allocation_after(0);
        ++failures;
        ASSERT_EQ(e.code(), ErrorCode::OUT_OF_MEMORY);
        if (n > 0) {
          ASSERT_EQ(found(store, "{\"n\":{\"$gte\":" + std::to_string(n - 1) + "}}", n), (Records{n - 1}));
        }
      }
    }
    n += 3;
    ASSERT_EQ(found(store, "{\"n\":{\"$gte\":" + std::to_string(n - 3) + "}}", n), (Records{n - 3, n - 2, n - 1}));
  }
  EXPECT_GT(failures, 500);
}

// Property: documents made of ever new keys cost memory in proportion to their text, and stay searchable beyond the column limit.
TEST(MetadataStore, CountlessPathsAreBoundedAndStillFound) {
  MetadataStore store;
  RecordNo n = 0;
  std::size_t text = 0;
  for (; n < 400; ++n) {
    std::string json = "{\"first\":" + std::to_string(n);
    for (int i = 0; i < 100; ++i)
      json += ",\"key_" + std::to_string(n) + "_" + std::to_string(i) + "\":{\"v\":" + std::to_string(i) + "}";
    text += json.size();
    append(store, n, json + "}");
  }
  EXPECT_GT(store.impl().overflow.total(), 0u);
  EXPECT_LT(store.bytes(), 40 * text);
  EXPECT_EQ(found(store, R"({"key_3_7.v":7})", n), (Records{3}));
  EXPECT_EQ(found(store, R"({"key_399_99.v":99})", n), (Records{399}));
  EXPECT_EQ(found(store, R"({"key_399_99.v":{"$exists":false}})", n).size(), n - 1u);
  EXPECT_EQ(found(store, R"({"key_399_99.v":null,"first":{"$gte":398}})", n), (Records{398}));
  EXPECT_EQ(found(store, R"({"first":{"$gt":397}})", n), (Records{398, 399}));
}

// Property: readers at any published prefix get exact answers while one writer appends and rearranges.
TEST(MetadataStore, ReadersSeeExactPrefixesWhileTheWriterAppends) {
  MetadataStore store;
  constexpr RecordNo kTotal = 12000;
  std::atomic<RecordNo> published{0};
  std::atomic<bool> failed{false};
  const auto even = Filter::parse(R"({"parity":"even"})");
  const auto range = Filter::parse(R"({"n":{"$gte":100,"$lt":3000},"tags":"t3"})");
  const auto late = Filter::parse(R"({"late.key":{"$contains":"x"}})");
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t)
    readers.emplace_back([&] {
      while (published.load(std::memory_order_acquire) < kTotal && !failed) {
        const RecordNo n = published.load(std::memory_order_acquire);
        const RecordSet a = evaluate(*even, store, n), b = evaluate(*range, store, n), c = evaluate(*late, store, n);
        for (RecordNo r = 0; r < n; ++r)
          if (a.contains(r) != (r % 2 == 0) || b.contains(r) != (r >= 100 && r < 3000 && r % 10 == 3) ||
              c.contains(r) != (r >= 6000) || (r % 512 == 0 && matches(*even, store, r) != (r % 2 == 0)))
            failed = true;
        if (estimate_matches(*even, store, n) < (n + 1) / 2) failed = true;
      }
    });
  for (RecordNo r = 0; r < kTotal;) {
    std::vector<Prepared> batch;
    for (RecordNo i = 0; i < 1 + r % 90 && r + i < kTotal; ++i) {
      const RecordNo at = r + i;
      std::string json = "{\"n\":" + std::to_string(at) + ",\"parity\":\"" + (at % 2 == 0 ? "even" : "odd") +
                         "\",\"tags\":[\"t" + std::to_string(at % 10) + "\"]";
      if (at >= 6000) json += ",\"late\":{\"key\":\"x" + std::to_string(at % 4000) + "\"}";
      batch.push_back(MetadataStore::prepare(json + "}"));
    }
    store.reserve(batch.data(), batch.size(), r);
    for (std::size_t i = 0; i < batch.size(); ++i) store.append(r + static_cast<RecordNo>(i), batch[i]);
    r += static_cast<RecordNo>(batch.size());
    published.store(r, std::memory_order_release);
    if (r % 5 == 0) store.settle();
  }
  for (std::thread& t : readers) t.join();
  EXPECT_FALSE(failed);
}

}  // namespace
}  // namespace sagedb
