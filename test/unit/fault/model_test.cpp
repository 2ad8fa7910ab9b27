// Random operations against an in-memory model, with every kind of restart between them.
#include <gtest/gtest.h>

#include "support/durable_fixture.h"
#include "support/engine_model.h"
#include "support/fault_run.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;
using test::FaultRun;
using test::SimEnv;

constexpr ModelCase kCases[] = {{Metric::l2, IndexKind::automatic, 24},
                                {Metric::cosine, IndexKind::hnsw, 40},
                                {Metric::ip, IndexKind::hnsw, 9},
                                {Metric::cosine, IndexKind::flat, 5}};
constexpr int kSteps = 250;

class Restarts {
 public:
  Restarts(const ModelCase& c, FaultRun& fault) : case_(c), fault_(fault), env_(std::make_unique<SimEnv>()) { open(); }

  SageDB& db() { return *db_; }
  // A reader beside the writer has the same content.
  SageDB& reader() {
    if (reader_) {
      reader_->refresh();
    } else {
      Options o = options();
      o.read_only = true;
      reader_ = SageDB::open(o);
    }
    return *reader_;
  }
  void close() {
    db_->close();
    reopen("closes");
  }
  void kill() { reopen("kills"); }
  void lose_power(test::SimRandom& random) {
    const test::SimDisk lost = env_->disk();  // before the destructor, which ends in order
    reader_.reset();
    db_.reset();
    env_ = std::make_unique<SimEnv>(lost.after_power_loss(random));
    fault_.count("powerLosses");
    open();
  }

 private:
  Options options() {
    Options o = durable_options(*env_, case_.dimension, case_.metric, case_.kind);
    o.rebuild_threshold = 64;
    o.checkpoint_bytes = 40000;
    return o;
  }
  void open() { db_ = SageDB::open(options()); }
  void reopen(const char* what) {
    fault_.count(what);
    db_.reset();
    open();
  }

  const ModelCase case_;
  FaultRun& fault_;
  std::unique_ptr<SimEnv> env_;
  std::shared_ptr<SageDB> db_, reader_;
};

// Property: after every acknowledged group and every restart (orderly, by a kill, by a loss of power) the database answers like the model, and so
// does a reader beside it.
TEST(Fault, ModelWithRestarts) {
  FaultRun fault("model");
  for (std::uint64_t seed = fault.seed(); fault.going(); ++seed) {
    SCOPED_TRACE("SAGEDB_FAULT_SEED=" + std::to_string(seed));
    const ModelCase& c = kCases[seed % 4];
    std::mt19937_64 rng(seed);
    test::SimRandom random(seed);
    Restarts run(c, fault);
    Oracle oracle;
    for (int step = 0; step < kSteps; ++step) {
      switch (rng() % 40) {
        case 0:
          run.close();
          break;
        case 1:
          run.kill();
          break;
        case 2:
          run.lose_power(random);
          break;
        case 3:
          run.db().checkpoint();
          break;
        case 4:
          run.db().build_index(nullptr, nullptr);
          break;
        case 5:
          run.db().optimize(nullptr, nullptr);
          break;
        case 6:
          compare_with_model(rng, c, run.reader(), oracle);
          break;
        default:
          fault.count("operations", random_group(rng, c, run.db(), oracle));
      }
      if (step % 4 == 0) compare_with_model(rng, c, run.db(), oracle);
      if (::testing::Test::HasFailure()) return;
    }
    run.db().verify(nullptr, nullptr);
    fault.count("runs");
  }
}

}  // namespace
}  // namespace sagedb
