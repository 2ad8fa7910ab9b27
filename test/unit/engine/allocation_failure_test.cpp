// The Nth allocation fails, for every N and every kind of write and read: a typed error, nothing changed, nothing leaked.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <new>
#include <utility>

#include "support/engine_fixture.h"
#include "support/failing_new.h"
#include "support/fault_algorithm.h"

namespace {

thread_local long countdown = 0;
thread_local bool lasting = true;
thread_local bool failed = false;

void* allocate(std::size_t size, std::size_t alignment) {
  if (countdown > 0 && --countdown == 0) {
    countdown = lasting ? 1 : 0;
    failed = true;
    throw std::bad_alloc();
  }
  void* p = nullptr;
#if defined(_WIN32)
  p = _aligned_malloc(size == 0 ? 1 : size, std::max(alignment, alignof(std::max_align_t)));
#else
  if (alignment > alignof(std::max_align_t)) {
    if (posix_memalign(&p, alignment, size == 0 ? 1 : size) != 0) p = nullptr;
  } else {
    p = std::malloc(size == 0 ? 1 : size);
  }
#endif
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

void release(void* p) noexcept {
#if defined(_WIN32)
  _aligned_free(p);
#else
  std::free(p);
#endif
}

void* allocate_or_null(std::size_t size) noexcept {
  // Its caller goes on without: a failure that passes would not show in the outcome.
  const long waiting = lasting ? -1 : std::exchange(countdown, 0);
  struct Restore {
    long waiting;
    ~Restore() {
      if (waiting >= 0) countdown = waiting;
    }
  } const restore{waiting};
  try {
    return allocate(size, 1);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

}  // namespace

void* operator new(std::size_t n) { return allocate(n, 1); }
void* operator new[](std::size_t n) { return allocate(n, 1); }
void* operator new(std::size_t n, std::align_val_t a) { return allocate(n, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return allocate(n, static_cast<std::size_t>(a)); }
// std::stable_sort's buffer comes from the nothrow form and goes back through the plain delete.
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocate_or_null(n); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return allocate_or_null(n); }
void operator delete(void* p) noexcept { release(p); }
void operator delete[](void* p) noexcept { release(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { release(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }
void operator delete[](void* p, std::size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { release(p); }

namespace sagedb {

namespace testing {
void fail_allocation_after(long n, Exhaustion exhaustion) noexcept {
  countdown = n;
  lasting = exhaustion == Exhaustion::lasting;
  failed = false;
}
bool allocation_failed() noexcept { return failed; }
}  // namespace testing

namespace {

using namespace sagedb::testing;

constexpr std::uint32_t kDim = 40;
constexpr long kMostAllocations = 20000;

// Everything a caller can observe, as text.
std::string fingerprint(const SageDB& db) {
  std::string out = std::to_string(db.size());
  for (const Item& item : db.find(nullptr, 1000, 0, true)) {
    out += '|' + key_of(item.id) + item.metadata;
    for (const float x : item.vector) out += std::to_string(x);
  }
  const Vector q(kDim, 0.5f);
  for (const Hit& h : search_one(db, q, 20, 0, true).hits) out += '/' + key_of(h.id) + std::to_string(h.score);
  return out + '#' + std::to_string(db.stats().sequence);
}

std::shared_ptr<SageDB> small_database(bool indexed) {
  Options o = options_for(kDim, Metric::cosine, IndexKind::hnsw, 100000);
  o.threads = 1;
  auto db = SageDB::open(o);
  std::mt19937_64 rng(5);
  for (int i = 0; i < 60; ++i)
    expect_ok(
        apply_one(*db, op_of(WriteOp::Kind::upsert, {random_vector(rng, kDim)}, {ExternalId("id" + std::to_string(i))},
                             {"{\"tag\":\"t" + std::to_string(i % 3) + "\",\"n\":" + std::to_string(i) + "}"})));
  if (indexed) db->build_index(nullptr, nullptr);
  return db;
}

void sweep_write(bool indexed, Exhaustion exhaustion, const std::function<WriteOp()>& make) {
  auto db = small_database(indexed);
  const std::string before = fingerprint(*db);
  for (long n = 1; n < kMostAllocations; ++n) {
    std::vector<WriteOp> ops;
    ops.push_back(make());
    std::optional<ErrorCode> code;
    fail_allocation_after(n, exhaustion);
    try {
      const std::vector<OpResult> r = db->apply(ops);
      if (r.at(0).error) code = r[0].error->code();
    } catch (...) {
      code = current_error().code();
    }
    const bool failed_once = allocation_failed();
    fail_allocation_after(0);
    if (!code) {
      EXPECT_FALSE(failed_once) << "an allocation failed and the write was acknowledged all the same";
      EXPECT_NE(fingerprint(*db), before);
      return;
    }
    ASSERT_EQ(*code, ErrorCode::OUT_OF_MEMORY);
    ASSERT_EQ(fingerprint(*db), before) << "allocation " << n;
  }
  FAIL() << "the sweep did not come to an end";
}

void sweep_write(bool indexed, const std::function<WriteOp()>& make) {
  sweep_write(indexed, Exhaustion::lasting, make);
  sweep_write(indexed, Exhaustion::passing, make);
}

std::vector<Vector> vectors(int count) {
  std::mt19937_64 rng(11);
  std::vector<Vector> out;
  for (int i = 0; i < count; ++i) out.push_back(random_vector(rng, kDim));
  return out;
}

class AllocationFailure : public ::testing::TestWithParam<bool> {};

TEST_P(AllocationFailure, AddBatch) {
  sweep_write(GetParam(), [] {
    std::vector<ExternalId> ids;
    std::vector<std::string> metadata;
    for (int i = 0; i < 20; ++i) {
      ids.emplace_back("a new and rather long identifier " + std::to_string(i));
      metadata.push_back("{\"tag\":\"new value " + std::to_string(i) + "\",\"fresh\":[1,2,{\"x\":true}]}");
    }
    return op_of(WriteOp::Kind::add, vectors(20), ids, metadata);
  });
}

TEST_P(AllocationFailure, UpsertUpdateRemove) {
  const std::vector<ExternalId> ids{ExternalId(std::string("id3")), ExternalId(std::string("id4"))};
  const std::vector<std::string> metadata{"{\"tag\":\"changed\"}",
                                          "{\"other\":\"a longer text than fits a small string\"}"};
  sweep_write(GetParam(), [&] { return op_of(WriteOp::Kind::upsert, vectors(2), ids, metadata); });
  sweep_write(GetParam(), [&] { return op_of(WriteOp::Kind::update, vectors(2), ids); });
  sweep_write(GetParam(), [&] { return op_of(WriteOp::Kind::update, {}, ids, metadata); });
  sweep_write(GetParam(), [&] { return op_of(WriteOp::Kind::remove, {}, ids); });
  const auto filter = Filter::parse(R"({"tag":"t1"})");
  sweep_write(GetParam(), [&] {
    WriteOp op;
    op.kind = WriteOp::Kind::remove_where;
    op.where = filter;
    return op;
  });
}

TEST_P(AllocationFailure, SearchAndReads) {
  auto db = small_database(GetParam());
  const auto filter = Filter::parse(R"({"n":{"$gte":10}})");
  const Vector q(kDim, 0.25f);
  const std::vector<std::function<std::string()>> calls{
      [&] {
        SearchRequest request;
        request.vector = q.data();
        request.filter = filter;
        request.include_vector = true;
        const SearchResult r = db->search(&request, 1).at(0);
        if (r.error) throw *r.error;
        return r.metadata;
      },
      [&] { return db->get({ExternalId(std::string("id7"))}, true, true).at(0)->metadata; },
      [&] { return std::to_string(db->find(filter.get(), 10, 2, true).size()); },
      [&] { return std::to_string(db->count(filter.get())); },
  };
  for (const auto& call : calls) {
    const std::string want = call();
    long n = 1;
    for (; n < kMostAllocations; ++n) {
      std::optional<ErrorCode> code;
      std::string got;
      fail_allocation_after(n);
      try {
        got = call();
      } catch (...) {
        code = current_error().code();
      }
      fail_allocation_after(0);
      if (!code) {
        EXPECT_EQ(got, want);
        break;
      }
      ASSERT_EQ(*code, ErrorCode::OUT_OF_MEMORY);
    }
    EXPECT_LT(n, kMostAllocations);
    EXPECT_EQ(call(), want);
  }
}

// Property: of the writes of one call, just those that report an error did nothing, whatever fails behind those that are committed.
TEST(AllocationFailureOfSeveral, EachWriteReportsWhatItDid) {
  const ExternalId old(1), fresh(2), taken("an id that makes the message of its duplicate a long one");
  const auto filter = Filter::parse(R"({"old":true})");
  for (const Exhaustion exhaustion : {Exhaustion::lasting, Exhaustion::passing}) {
    long n = 1;
    for (bool failed = true; failed; ++n) {
      ASSERT_LT(n, kMostAllocations);
      auto db = SageDB::open(options_for(4, Metric::l2, IndexKind::flat, 100000));
      const Vector v{1, 2, 3, 4};
      expect_ok(apply_one(*db, op_of(WriteOp::Kind::upsert, {v, v}, {old, taken}, {R"({"old":true})", "{}"})));
      std::vector<WriteOp> ops(3);
      ops[0] = op_of(WriteOp::Kind::upsert, {v}, {fresh}, {"{}"});
      ops[1].kind = WriteOp::Kind::remove_where;  // a commit of its own
      ops[1].where = filter;
      ops[2] = op_of(WriteOp::Kind::add, {v}, {taken}, {"{}"});
      std::vector<OpResult> results;
      fail_allocation_after(n, exhaustion);
      try {
        results = db->apply(ops);
      } catch (...) {
        EXPECT_EQ(current_error().code(), ErrorCode::OUT_OF_MEMORY);
      }
      failed = allocation_failed();
      fail_allocation_after(0);
      const auto done = [&](std::size_t i) { return !results.empty() && !results[i].error; };
      ASSERT_EQ(done(0), db->has({fresh})[0]) << "allocation " << n;
      ASSERT_EQ(done(1), !db->has({old})[0]) << "allocation " << n;
      ASSERT_FALSE(done(2)) << "allocation " << n;
    }
    EXPECT_GT(n, 2) << "nothing is allocated there any more: this test tests nothing";
  }
}

// The background thread cannot hand an exception to anyone: whichever allocation of it fails, callers get an error and it goes on.
TEST(AllocationFailureBehindCallers, BuildsGoOnAfterIt) {
  // A build that fails, and the n-th allocation of its thread after that; 0: builds succeed.
  std::atomic<long> planted{0};
  std::atomic<bool> failed{false};
  const auto controls = std::make_shared<BuildControls>();
  controls->begin = [&] {
    if (allocation_failed()) failed = true;
    fail_allocation_after(planted, Exhaustion::passing);
    if (planted > 0) throw Error(ErrorCode::INTERNAL, "planted, and in a message that does not fit a small string");
  };
  const Options o = options_for(kDim, Metric::l2, IndexKind::hnsw, 100000);
  auto db = SageDB::open(o, std::make_unique<FaultAlgorithm>(create_anns_algorithm("hnsw", o.index), controls));
  std::mt19937_64 rng(5);
  int reached = 0;
  for (long n = 1; n < kMostAllocations; ++n) {
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {random_vector(rng, kDim)})));
    planted = n;
    failed = false;
    EXPECT_THROW(db->build_index(nullptr, nullptr), Error);
    planted = 0;
    try {
      db->build_index(nullptr, nullptr);
    } catch (const Error& e) {
      ASSERT_EQ(e.code(), ErrorCode::OUT_OF_MEMORY) << e.message();
      failed = true;
      db->build_index(nullptr, nullptr);
    }
    EXPECT_EQ(db->stats().fresh_rows, 0u);
    if (!failed) break;
    ++reached;
  }
  EXPECT_GT(reached, 0) << "nothing is allocated there any more: this test tests nothing";
}

INSTANTIATE_TEST_SUITE_P(FreshAndIndexed, AllocationFailure, ::testing::Bool());

}  // namespace
}  // namespace sagedb
