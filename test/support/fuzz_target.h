// What fuzzers feed: each target takes any bytes and must end with a result or a typed error.
#pragma once

#include <functional>
#include <random>
#include <string>
#include <vector>

namespace sagedb::test {

struct FuzzTarget {
  std::string name;
  std::vector<std::string> corpus;  // valid inputs
  std::function<void(std::string* input)>
      repair;  // makes checksums right, so that what is behind them is reached; may be empty
  // Throws nothing but sagedb::Error with a code that damaged input may have; anything else is a finding.
  std::function<void(const std::string& input)> run;
};

// log, operations, manifest, database (files whose checksums are made right after the mutation) and filter.
std::vector<FuzzTarget> fuzz_targets();
// The same for databases as released versions wrote them: `folder` is test/golden/<format>.
std::vector<FuzzTarget> golden_fuzz_targets(const std::string& folder);

// A valid input with a few random changes: flipped bits, interesting numbers, copies, cuts, pieces of another input.
std::string mutate(const std::vector<std::string>& corpus, std::mt19937_64& rng);

}  // namespace sagedb::test
