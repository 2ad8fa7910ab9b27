// The whole engine on a disk that loses power at every moment and fails at every operation.
#include <gtest/gtest.h>

#include <cstdlib>

#include "support/durable_fixture.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;
using test::SimDisk;
using test::SimEnv;

struct History {
  std::vector<std::pair<std::size_t, std::size_t>> acknowledged;  // moment, how many groups
  std::vector<Content> after;                                    // content after n groups
  std::size_t promised_at(std::size_t moment) const {
    std::size_t groups = 0;
    for (const auto& [at, n] : acknowledged)
      if (at <= moment) groups = n;
    return groups;
  }
};

// Groups of all kinds of operations with checkpoints and reopens between; stops at the first failure.
void run_workload(SimEnv& env, std::uint64_t seed, History* run) {
  std::mt19937_64 rng(seed);
  run->after.push_back({});
  auto db = SageDB::open(durable_options(env));
  for (int step = 0; step < 24; ++step) {
    std::vector<WriteOp> ops = random_ops(rng, 4);
    const std::vector<OpResult> results = db->apply(ops);
    for (const OpResult& r : results)
      if (r.error) throw *r.error;
    run->after.push_back(content_of(*db));
    run->acknowledged.emplace_back(env.moment(), run->after.size() - 1);
    if (step % 7 == 4) db->checkpoint();
    if (step % 9 == 8) {
      if (step % 2 == 0) db->close();
      db.reset();
      db = SageDB::open(durable_options(env));
      if (content_of(*db) != run->after.back()) throw Error(ErrorCode::INTERNAL, "a reopen changed the content");
    }
  }
}

// Empty when `disk` opens to the content after n groups, promised <= n, and takes a write that survives a reopen.
std::string check(const SimDisk& disk, const History& run, std::size_t promised, std::size_t attempted) {
  try {
    SimEnv env(disk);
    Content found;
    {
      auto db = SageDB::open(durable_options(env));
      found = content_of(*db);
      std::size_t n = promised;
      while (n < run.after.size() && run.after[n] != found) ++n;
      if (n > attempted || n == run.after.size()) {
        for (std::size_t older = 0; older < promised; ++older)
          if (run.after[older] == found) return "lost acknowledged groups";
        return "a state that never was";
      }
      const OpResult r = apply_one(*db, op_of(WriteOp::Kind::upsert, {{9, 9, 9, 9}}, {ExternalId("after")}, {"{}"}));
      if (r.error) return "cannot write: " + r.error->message();
      found = content_of(*db);
    }
    if (content_of(*SageDB::open(durable_options(env))) != found) return "the second open differs";
    return {};
  } catch (const Error& e) {
    return std::string("cannot be opened: ") + error_code_name(e.code()) + " " + e.message();
  }
}

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Property: after a loss of power at any moment the database opens to the state of some group between the last acknowledged one and the
// last attempted one: nothing acknowledged is lost, no group is half there, nothing deleted comes back.
TEST(EngineCrash, PowerLossAtEveryMoment) {
  const std::uint64_t seed = setting("SAGEDB_SIM_SEED", 1);
  const auto runs = setting("SAGEDB_SIM_RUNS", 1);
  const int images = static_cast<int>(setting("SAGEDB_SIM_IMAGES", 4));
  std::size_t losses = 0;
  for (std::uint64_t i = 0; i < runs; ++i) {
    SimEnv env;
    History run;
    run_workload(env, seed + i, &run);
    test::sweep_power_loss(SimEnv().disk(), env.journal(), images, seed + i, [&](std::size_t moment, SimDisk disk) {
      ++losses;
      ASSERT_EQ(check(disk, run, run.promised_at(moment), run.after.size() - 1), "")
          << "seed " << seed + i << " moment " << moment;
    });
  }
  std::printf("[ power    ] seed %llu: %zu simulated losses\n", static_cast<unsigned long long>(seed), losses);
}

// Property: whichever operation fails, once or for good, the caller gets a typed error, the database stays readable with the acknowledged state,
// and a reopen (after the death of the process, or of the machine) finds it.
void fail_every_operation(ErrorCode code, std::uint64_t count) {
  for (std::uint64_t n = 1;; ++n) {
    SimEnv env;
    History run;
    env.fail_at(n, code, count);
    try {
      run_workload(env, 1, &run);
    } catch (const Error& e) {
      ASSERT_TRUE(e.code() == code || e.code() == ErrorCode::READ_ONLY) << n << e.message();
    }
    const bool reached = env.failed();
    env.fail_at(0, code);
    // One group beyond the acknowledged ones may have been attempted; its state is known from a run that did not fail.
    History whole;
    SimEnv other;
    run_workload(other, 1, &whole);
    const std::size_t promised = run.promised_at(env.moment());
    ASSERT_EQ(check(env.disk(), whole, promised, promised + 1), "") << "operation " << n;
    test::SimRandom random(n);
    for (int i = 0; i < 2; ++i)
      ASSERT_EQ(check(env.disk().after_power_loss(random), whole, promised, promised + 1), "") << "operation " << n;
    if (!reached) break;
  }
}

TEST(EngineCrash, EveryOperationFailsOnce) { fail_every_operation(ErrorCode::IO_ERROR, 1); }
TEST(EngineCrash, EveryOperationFailsForGood) { fail_every_operation(ErrorCode::IO_ERROR, ~std::uint64_t{0}); }

// Property: a full disk refuses writes with DISK_FULL and nothing else; reads go on, and so do writes when there is room again.
TEST(EngineCrash, FullDiskIsNotTheEnd) {
  SimEnv env;
  auto db = SageDB::open(durable_options(env));
  std::mt19937_64 rng(2);
  auto ops = random_ops(rng, 4);
  db->apply(ops);
  const Content before = content_of(*db);
  const auto add = [&] { return apply_one(*db, op_of(WriteOp::Kind::add, {{1, 2, 3, 4}})); };
  // The append; then, on the retry, the new log's file, header, or name.
  for (const std::uint64_t n : {1, 2, 3, 4, 5, 6}) {
    env.fail_at(n, ErrorCode::DISK_FULL);
    const OpResult r = add();
    ASSERT_TRUE(r.error.has_value()) << n;
    ASSERT_EQ(r.error->code(), ErrorCode::DISK_FULL) << n << r.error->message();
    ASSERT_EQ(content_of(*db), before) << n;
  }
  env.fail_at(0, ErrorCode::DISK_FULL);
  expect_ok(add());
  EXPECT_EQ(db->size(), before.size() + 1);
  const Content content = content_of(*db);
  db.reset();
  EXPECT_EQ(content_of(*SageDB::open(durable_options(env))), content);
}

// Property: after a failed sync every write is refused until a reopen, and reads go on.
TEST(EngineCrash, FailedSyncMakesReadOnly) {
  SimEnv env;
  auto db = SageDB::open(durable_options(env));
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {{1, 2, 3, 4}})));
  env.fail_at(2, ErrorCode::IO_ERROR);  // the append, then its sync
  const OpResult first = apply_one(*db, op_of(WriteOp::Kind::add, {{1, 2, 3, 5}}));
  ASSERT_TRUE(first.error.has_value());
  EXPECT_EQ(first.error->code(), ErrorCode::IO_ERROR);
  const OpResult second = apply_one(*db, op_of(WriteOp::Kind::add, {{1, 2, 3, 6}}));
  ASSERT_TRUE(second.error.has_value());
  EXPECT_EQ(second.error->code(), ErrorCode::READ_ONLY);
  EXPECT_EQ(db->size(), 1u);
  EXPECT_EQ(code_of([&] { db->checkpoint(); }), ErrorCode::READ_ONLY);
  EXPECT_THROW(db->close(), Error);
  EXPECT_TRUE(db->closed());
  db.reset();
  auto again = SageDB::open(durable_options(env));
  EXPECT_GE(again->size(), 1u);
  expect_ok(apply_one(*again, op_of(WriteOp::Kind::add, {{1, 2, 3, 7}})));
}

}  // namespace
}  // namespace sagedb
