// Random lives whose disk fails now and then while the caller goes on.
#include <gtest/gtest.h>

#include "support/random_lives.h"

namespace sagedb {
namespace {

// Property: whatever fails, and however often a life ends, what was acknowledged is found, whole and once; a refused group is there as a whole or
// not at all; a reader beside the writer and every snapshot show a state that was.
TEST(Fault, Lives) {
  test::FaultRun fault("lives");
  for (std::uint64_t seed = fault.seed(); fault.going(); ++seed) {
    testing::RandomLives lives(seed, fault);
    try {
      lives.run();
    } catch (const testing::RandomLives::Surprise& e) {
      FAIL() << lives.trace() << "SAGEDB_FAULT_SEED=" << seed << ": " << e.what();
    }
  }
}

}  // namespace
}  // namespace sagedb
