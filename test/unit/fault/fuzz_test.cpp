// Mutations of valid input, as many as time allows.
#include <gtest/gtest.h>

#include "support/fault_run.h"
#include "support/fuzz_target.h"

namespace sagedb {
namespace {

// Property: whatever bytes a log, a manifest, a segment, a log record or a filter has, also under right checksums, reading it ends with a result or a typed
// error.
TEST(Fault, FuzzReaders) {
  test::FaultRun fault("fuzz");
  const std::vector<test::FuzzTarget> targets = test::fuzz_targets();
  for (const test::FuzzTarget& target : targets)
    for (const std::string& valid : target.corpus) ASSERT_NO_THROW(target.run(valid)) << target.name;
  std::string input;
  for (std::uint64_t seed = fault.seed(); fault.going(); ++seed) {
    std::mt19937_64 rng(seed);
    for (const test::FuzzTarget& target : targets) {
      SCOPED_TRACE("SAGEDB_FAULT_SEED=" + std::to_string(seed) + " target " + target.name);
      for (int i = 0; i < (target.name == "database" ? 8 : 2); ++i) {
        input = test::mutate(target.corpus, rng);
        ASSERT_NO_THROW(target.run(input));
        fault.count("inputs");
      }
    }
  }
}

}  // namespace
}  // namespace sagedb
