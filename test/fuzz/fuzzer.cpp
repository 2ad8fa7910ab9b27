// The targets of support/fuzz_target.h under libFuzzer (`npm run fault:fuzz`): SAGEDB_FUZZ_TARGET says which. Mutations are libFuzzer's and our own, and
// most of them are given right checksums.
//
//   sagedb_fuzzer --targets               their names
//   sagedb_fuzzer --corpus FOLDER         writes the target's valid inputs there
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <fstream>
#include <string>

#include "support/fuzz_target.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

using sagedb::test::FuzzTarget;

const std::vector<FuzzTarget>& targets() {
  static const std::vector<FuzzTarget> all = [] {
    std::vector<FuzzTarget> out = sagedb::test::fuzz_targets();
    for (FuzzTarget& t : sagedb::test::golden_fuzz_targets(std::string(SAGEDB_SOURCE_DIR) + "/test/golden/format-1"))
      out.push_back(std::move(t));
    return out;
  }();
  return all;
}

const FuzzTarget& target() {
  static const FuzzTarget& chosen = []() -> const FuzzTarget& {
    const char* name = std::getenv("SAGEDB_FUZZ_TARGET");
    for (const FuzzTarget& t : targets())
      if (name != nullptr && t.name == name) return t;
    std::fprintf(stderr, "SAGEDB_FUZZ_TARGET: one of --targets\n");
    std::exit(2);
  }();
  return chosen;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc > 1 && std::strcmp((*argv)[1], "--targets") == 0) {
    for (const FuzzTarget& t : targets()) std::printf("%s\n", t.name.c_str());
    std::exit(0);
  }
  if (*argc > 2 && std::strcmp((*argv)[1], "--corpus") == 0) {
    int number = 0;
    for (const std::string& valid : target().corpus) {
      std::ofstream out(std::string((*argv)[2]) + "/valid-" + std::to_string(number++), std::ios::binary);
      out.write(valid.data(), static_cast<std::streamsize>(valid.size()));
    }
    std::exit(number > 0 ? 0 : 1);
  }
  target();
  // What is counted is processor time: a process that waits for its turn, or is suspended, tests nothing meanwhile.
  std::atexit(
      [] { std::fprintf(stderr, "stat::cpu_seconds: %ld\n", static_cast<long>(std::clock() / CLOCKS_PER_SEC)); });
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    target().run(std::string(reinterpret_cast<const char*>(data), size));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "FINDING: %s\n", e.what());
    std::abort();
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  std::mt19937_64 rng(seed);
  if (size > 0 && rng() % 3 == 0) {
    const std::string input(reinterpret_cast<const char*>(data), size);
    const std::vector<std::string> pair{input, target().corpus[rng() % target().corpus.size()]};
    const std::string changed = sagedb::test::mutate({pair[rng() % 8 == 0 ? 1 : 0]}, rng);
    size = std::min(changed.size(), most);
    std::memcpy(data, changed.data(), size);
  } else {
    size = LLVMFuzzerMutate(data, size, most);
  }
  // One in sixteen stays as it is: wrong sums are inputs, too.
  if (!target().repair || rng() % 16 == 0) return size;
  std::string input(reinterpret_cast<const char*>(data), size);
  target().repair(&input);
  size = std::min(input.size(), most);
  std::memcpy(data, input.data(), size);
  return size;
}
