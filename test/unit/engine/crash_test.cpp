// The whole engine on a disk that loses power at every moment and fails at every operation.
#include <gtest/gtest.h>

#include "support/engine_sweep.h"
#include "support/setting.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;
using test::SimDisk;
using test::SimEnv;

// Property: after a loss of power at any moment the database opens to the state of some group between the last acknowledged one and the
// last attempted one: nothing acknowledged is lost, no group is half there, nothing deleted comes back.
TEST(EngineCrash, PowerLossAtEveryMoment) {
  const std::uint64_t seed = setting("SAGEDB_SIM_SEED", 1);
  const auto runs = setting("SAGEDB_SIM_RUNS", 1);
  const int images = static_cast<int>(setting("SAGEDB_SIM_IMAGES", 4));
  std::size_t losses = 0;
  for (std::uint64_t i = 0; i < runs; ++i) {
    SimEnv env;
    EngineHistory run;
    run_engine(env, seed + i, &run);
    test::sweep_power_loss(SimEnv().disk(), env.journal(), images, seed + i, [&](std::size_t moment, SimDisk disk) {
      ++losses;
      ASSERT_EQ(check_engine(disk, run, run.promised_at(moment), run.after.size() - 1), "")
          << "seed " << seed + i << " moment " << moment;
    });
  }
  std::printf("[ power    ] seed %llu: %zu simulated losses\n", static_cast<unsigned long long>(seed), losses);
}

// Property: the same when a process was killed before, so that what the next one builds upon need not be durable.
TEST(EngineCrash, PowerLossInTheLifeAfterAKill) {
  std::size_t losses = 0;
  const std::uint64_t seed = setting("SAGEDB_SIM_SEED", 1);
  for (std::uint64_t i = 0; i < 4; ++i) EXPECT_EQ(sweep_engine_kills(seed + i, 1, &losses), "") << "seed " << seed + i;
  std::printf("[ power    ] %zu simulated losses\n", losses);
  EXPECT_GT(losses, 500u);
}

// Property: whichever operation fails, once or for good, the caller gets a typed error, the database stays readable with the acknowledged state,
// and a reopen (after the death of the process, or of the machine) finds it.
void fail_every_operation(ErrorCode code, std::uint64_t count) {
  for (std::uint64_t n = 1;; n += sweep_stride()) {
    SimEnv env;
    EngineHistory run;
    env.fail_at(n, code, count);
    try {
      run_engine(env, 1, &run);
    } catch (const Error& e) {
      ASSERT_TRUE(e.code() == code || e.code() == ErrorCode::READ_ONLY) << n << e.message();
    }
    const bool reached = env.failed();
    env.fail_at(0, code);
    // One group beyond the acknowledged ones may have been attempted; its state is known from a run that did not fail.
    EngineHistory whole;
    SimEnv other;
    run_engine(other, 1, &whole);
    const std::size_t promised = run.promised_at(env.moment());
    ASSERT_EQ(check_engine(env.disk(), whole, promised, promised + 1), "") << "operation " << n;
    test::SimRandom random(n);
    for (int i = 0; i < 2; ++i)
      ASSERT_EQ(check_engine(env.disk().after_power_loss(random), whole, promised, promised + 1), "")
          << "operation " << n;
    if (!reached) break;
  }
}

TEST(EngineCrash, EveryOperationFailsOnce) { fail_every_operation(ErrorCode::IO_ERROR, 1); }
TEST(EngineCrash, EveryOperationFailsForGood) { fail_every_operation(ErrorCode::IO_ERROR, ~std::uint64_t{0}); }

// Property: whichever operation of snapshot() or verify() fails, the error is typed, the database goes on, and another attempt succeeds.
TEST(EngineCrash, EveryOperationOfSnapshotAndVerifyFails) {
  for (const bool snapshot : {true, false}) {
    bool reached = true;
    for (std::uint64_t n = 1; reached; ++n) {
      SCOPED_TRACE("operation " + std::to_string(n));
      SimEnv env;
      std::mt19937_64 rng(3);
      auto db = SageDB::open(durable_options(env));
      for (int i = 0; i < 6; ++i) {
        auto ops = random_ops(rng, 4);
        db->apply(ops);
        if (i == 2) db->checkpoint();
      }
      const Content content = content_of(*db);
      const auto work = [&](const char* dir) {
        if (snapshot) {
          db->snapshot(dir);
        } else {
          db->verify(nullptr, nullptr);
        }
      };
      env.fail_at(n, ErrorCode::IO_ERROR);
      bool refused = false;
      try {
        work("/copy/one");
      } catch (const Error& e) {
        refused = true;
        EXPECT_EQ(e.code(), ErrorCode::IO_ERROR) << e.message();
      }
      reached = env.failed();
      env.fail_at(0, ErrorCode::IO_ERROR);
      EXPECT_EQ(content_of(*db), content);
      try {
        work(refused ? "/copy/two" : "/copy/three");
        if (snapshot) {
          Options o = durable_options(env);
          o.path = refused ? "/copy/two" : "/copy/three";
          EXPECT_EQ(content_of(*SageDB::open(o)), content);
        }
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), ErrorCode::READ_ONLY) << "only when a sync of the log failed";
      }
      db.reset();
      EXPECT_EQ(content_of(*SageDB::open(durable_options(env))), content);
    }
  }
}

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
