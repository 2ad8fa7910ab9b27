// Everything at once: writers, readers, a reader of the folder, builds, compactions, checkpoints, snapshots, closes in the midst of it. Meant for long runs
// under the sanitizers (`npm run fault:soak`); every check is against what somebody was told before.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <filesystem>
#include <functional>
#include <thread>

#include "support/engine_fixture.h"
#include "support/fault_run.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;

constexpr int kWriters = 4, kReaders = 4;
constexpr std::int64_t kIds = 1500;  // of each writer, each used once
constexpr std::uint32_t kDimension = 24;

enum State : int { unborn, alive, dying, dead };

Vector beacon(std::int64_t id, int version = 0) {
  std::mt19937_64 rng(static_cast<std::uint64_t>(id) * 7919 + static_cast<std::uint64_t>(version) * 104729 + 1);
  return random_vector(rng, kDimension);
}

std::string note(std::int64_t id, int version) {
  return "{\"id\":" + std::to_string(id) + ",\"version\":" + std::to_string(version) + "}";
}

class Soak {
 public:
  Soak(std::uint64_t seed, std::string dir, const test::FaultRun& time)
      : seed_(seed), dir_(std::move(dir)), time_(time), states_(kWriters * kIds) {
    const IndexKind kinds[] = {IndexKind::hnsw, IndexKind::automatic, IndexKind::flat};
    const Durability modes[] = {Durability::fsync, Durability::async, Durability::memory};
    options_ = options_for(kDimension, seed % 2 == 0 ? Metric::l2 : Metric::cosine, kinds[seed % 3], 150);
    options_.path = dir_ + "/db";
    options_.durability = modes[seed / 3 % 3];
    options_.checkpoint_bytes = 200'000;
    if (seed / 9 % 2 == 0) options_.hot_memory = 0;
    db_ = SageDB::open(options_);
  }

  // Until every id was used, the time is over or, in some rounds, a close comes first.
  void run() {
    std::vector<std::thread> writers, others;
    for (int w = 0; w < kWriters; ++w) writers.emplace_back([this, w] { guarded([&] { write(w); }); });
    for (int r = 0; r < kReaders; ++r) others.emplace_back([this, r] { guarded([&] { read(r); }); });
    others.emplace_back([this] { guarded([&] { maintain(); }); });
    others.emplace_back([this] { guarded([&] { follow(); }); });
    if (seed_ % 4 == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100 + seed_ % 400));
      closed_ = true;
      db_->close();
    }
    for (std::thread& t : writers) t.join();
    stop_ = true;
    for (std::thread& t : others) t.join();
    if (!db_->closed()) {
      compare(*db_);
      db_->verify(nullptr, nullptr);
      db_->close();
    }
    db_ = SageDB::open(options_);
    compare(*db_);
  }

  std::atomic<std::uint64_t> checks{0}, misses{0};  // misses: an approximate search did not find what an exact one did

 private:
  void check(bool good, const char* what, std::int64_t id) {
    checks += 1;
    if (!good) ADD_FAILURE() << what << ": id " << id;
  }
  // A call that a close has refused or ended early ends the thread; anything else that is thrown is a failure.
  void guarded(const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& e) {
      const bool closes = e.code() == ErrorCode::CLOSED || (e.code() == ErrorCode::ABORTED && closed_);
      if (!closes) ADD_FAILURE() << e.message();
    } catch (const std::exception& e) {
      ADD_FAILURE() << e.what();
    }
  }
  // When the database closed before, it is not known whether it was done, and the thread ends.
  void require_done(std::int64_t id, const OpResult& result) {
    if (result.error && result.error->code() == ErrorCode::CLOSED) throw *result.error;
    check(!result.error && result.affected == 1, "a write was refused", id);
  }

  bool finds(std::int64_t id, int version, bool exact) {
    const SearchResult r = search_one(*db_, beacon(id, version), 3, 64, exact);
    return std::any_of(r.hits.begin(), r.hits.end(), [&](const Hit& h) { return h.id.number() == id; });
  }
  void check_seen(std::int64_t id, int version) {
    if (finds(id, version, false)) return check(true, "", id);
    misses += 1;
    check(finds(id, version, true), "an acknowledged write is not seen", id);
  }

  void write(int writer) {
    std::mt19937_64 rng(seed_ * 31 + static_cast<std::uint64_t>(writer));
    for (std::int64_t i = 0; i < kIds && !time_.over() && !::testing::Test::HasFailure(); ++i) {
      const std::int64_t id = writer * kIds + i;
      require_done(id, apply_one(*db_, op_of(WriteOp::Kind::add, {beacon(id)}, {ExternalId(id)}, {note(id, 0)})));
      check_seen(id, 0);
      if (rng() % 4 == 0) {
        require_done(id,
                     apply_one(*db_, op_of(WriteOp::Kind::update, {beacon(id, 1)}, {ExternalId(id)}, {note(id, 1)})));
        check_seen(id, 1);
      }
      states_[static_cast<std::size_t>(id)] = alive;
      if (rng() % 2 == 0) remove(writer * kIds + static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(i + 1)));
    }
  }
  void remove(std::int64_t id) {
    std::atomic<int>& state = states_[static_cast<std::size_t>(id)];
    if (state != alive) return;
    state = dying;
    require_done(id, apply_one(*db_, op_of(WriteOp::Kind::remove, {}, {ExternalId(id)})));
    state = dead;
    check(!finds(id, 0, false) && !db_->has({ExternalId(id)})[0], "a removed item came back", id);
  }

  void read(int reader) {
    std::mt19937_64 rng(seed_ * 37 + static_cast<std::uint64_t>(reader));
    std::uint64_t sequence = 0, version = 0;
    while (!stop_ && !::testing::Test::HasFailure()) {
      const auto id = static_cast<std::int64_t>(rng() % states_.size());
      const int before = states_[static_cast<std::size_t>(id)];
      const SearchResult r = search_one(*db_, beacon(id), 10, 32, rng() % 8 == 0);
      check(r.sequence >= sequence && r.version >= version, "a reader went back", id);
      sequence = r.sequence;
      version = r.version;
      const bool there = db_->has({ExternalId(id)})[0];
      if (before == dead) {
        const bool hit = std::any_of(r.hits.begin(), r.hits.end(), [&](const Hit& h) { return h.id.number() == id; });
        check(!hit && !there, "a removed item came back", id);
      }
      // Alive before and not yet being removed after the look.
      if (before == alive) {
        const bool still = states_[static_cast<std::size_t>(id)] == alive;
        if (still) check(there, "an acknowledged write is not there", id);
      }
    }
  }

  void maintain() {
    std::mt19937_64 rng(seed_ * 41);
    for (int n = 0; !stop_; ++n) {
      const std::uint64_t what = rng() % 8;
      if (what < 2) db_->build_index(nullptr, nullptr);
      if (what == 2) db_->optimize(nullptr, nullptr);
      if (what == 3) db_->checkpoint();
      if (what == 4) db_->flush();
      if (what == 5) {
        const std::string copy = dir_ + "/copy-" + std::to_string(n);
        db_->snapshot(copy);
        Options o = options_;
        o.path = copy;
        o.read_only = true;
        check(SageDB::open(o)->size() <= states_.size(), "a snapshot has more than was written", n);
        std::filesystem::remove_all(copy);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(rng() % 50));
    }
  }

  // A reader of the folder beside the writer: every state it shows is one of the writer's, never an older one.
  void follow() {
    Options o = options_;
    o.read_only = true;
    const std::shared_ptr<SageDB> reader = SageDB::open(o);
    std::uint64_t sequence = 0;
    while (!stop_ && !::testing::Test::HasFailure()) {
      reader->refresh();
      const SearchResult r = search_one(*reader, beacon(1), 5);
      check(r.sequence >= sequence, "a reader of the folder went back", 0);
      sequence = r.sequence;
    }
  }

  void compare(const SageDB& db) {
    std::uint64_t least = 0;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      const auto id = static_cast<std::int64_t>(i);
      const int state = states_[i];
      least += state == alive;
      if (state == alive) check(db.has({ExternalId(id)})[0], "an acknowledged write is lost", id);
      if (state == dead) check(!db.has({ExternalId(id)})[0], "a removed item came back", id);
    }
    check(db.size() >= least && db.size() <= least + 2 * kWriters, "the number of items", 0);
  }

  const std::uint64_t seed_;
  const std::string dir_;
  const test::FaultRun& time_;
  Options options_;
  std::vector<std::atomic<int>> states_;
  std::shared_ptr<SageDB> db_;
  std::atomic<bool> stop_{false}, closed_{false};
};

// Property: what was acknowledged is seen and stays, what was removed stays gone, no reader goes back, through a close and an open, too.
TEST(Fault, Soak) {
  test::FaultRun fault("soak");
  const std::string dir =
      (std::filesystem::temp_directory_path() / ("sagedb-soak-" + std::to_string(::getpid()))).string();
  for (std::uint64_t seed = fault.seed(); fault.going() && !HasFailure(); ++seed) {
    SCOPED_TRACE("SAGEDB_FAULT_SEED=" + std::to_string(seed));
    std::filesystem::remove_all(dir);
    std::filesystem::create_directories(dir);
    {
      Soak soak(seed, dir, fault);
      soak.run();
      fault.count("checks", soak.checks);
      fault.count("approximateMisses", soak.misses);
    }
    fault.count("rounds");
  }
  fault.count("cpuSeconds", static_cast<std::uint64_t>(std::clock() / CLOCKS_PER_SEC));
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace sagedb
