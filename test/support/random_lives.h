// Lives of one database on a simulated disk that fails now and then. The caller goes on after every error; each life ends with a close, a kill or
// a loss of power, and the next one must find what was acknowledged.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/fault_run.h"
#include "support/life_model.h"

namespace sagedb::testing {

class RandomLives {
 public:
  // What must not happen.
  struct Surprise : std::runtime_error {
    using std::runtime_error::runtime_error;
  };

  RandomLives(std::uint64_t seed, test::FaultRun& fault);

  // Throws Surprise.
  void run();
  // What was done, line by line.
  const std::string& trace() const noexcept { return trace_; }

 private:
  void begin_life();
  void open();
  void step();
  void change();
  bool apply(const LifeChange& change);  // false: refused because of what failed
  void refused(const LifeChange& change, const Error& error, const LifeState& next);
  void snapshot();
  void check_snapshot(const std::string& dir, bool done);
  void check_reader();
  void check_answers(const SageDB& db, const LifeState& state, const char* where);
  void check_searches(const SageDB& db, const LifeState& state, SpaceNo space, const char* where);
  void check_texts(const SageDB& db, const LifeState& state, const char* where);
  void end_life();
  void boot(test::SimDisk disk, bool power_lost);

  void arm();
  void disarm();
  // True when it did not fail. Only what was planted may fail, or what follows from it.
  bool call(const std::string& what, const std::function<void()>& work);
  void judge(const std::string& what, const Error& error);
  void saved() { after_loss_ = after_kill_; }
  const std::vector<LifeState>& seen_from_outside() const;
  void require(bool holds, const std::string& otherwise) const;
  void note(const std::string& line) { trace_ += line + "\n"; }

  test::SimRandom random_;
  test::FaultRun& fault_;
  Options options_;
  LifeChanges changes_;
  bool in_place_ = true;
  std::unique_ptr<test::SimEnv> env_;
  std::shared_ptr<SageDB> db_, reader_;

  LifeState now_;  // acknowledged
  // What may be found after a kill, and after a loss of power: the newest first state that must be there, and what came since.
  std::vector<LifeState> after_kill_{LifeState()}, after_loss_{LifeState()};
  bool failed_ = false;  // something has failed in this life
  bool poisoned_ = false;  // a sync has: the database is read-only
  int snapshots_ = 0;
  std::string trace_;
};

}  // namespace sagedb::testing
