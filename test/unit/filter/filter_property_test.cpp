#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "filter/filter.h"
#include "store/metadata_store.h"
#include "support/filter_oracle.h"

namespace sagedb {
namespace {

std::uint64_t seed_of_run() {
  const char* fixed = std::getenv("SAGEDB_TEST_SEED");
  const std::uint64_t seed = fixed != nullptr ? std::strtoull(fixed, nullptr, 10) : std::random_device{}();
  std::cout << "seed " << seed << " (set SAGEDB_TEST_SEED to repeat)\n";
  return seed;
}

void append_all(MetadataStore& store, const std::vector<std::string>& texts, RecordNo first) {
  std::vector<MetadataStore::Prepared> batch;
  for (const std::string& text : texts) batch.push_back(MetadataStore::prepare(text));
  store.reserve(batch.data(), batch.size(), first);
  for (std::size_t i = 0; i < batch.size(); ++i) store.append(first + static_cast<RecordNo>(i), batch[i]);
}

// Property: for random documents and filters, every snapshot prefix gives exactly the records that the oracle accepts, the estimate is
// an upper bound, and the single-record test agrees.
TEST(FilterProperty, EvaluationEqualsTheOracleOnEveryPrefix) {
  const std::uint64_t seed = seed_of_run();
  std::size_t matched = 0, tested = 0;
  for (std::uint64_t round = 0; round < 40; ++round) {
    oracle::World world(seed + round);
    MetadataStore store;
    std::vector<JsonValue> documents;
    const std::size_t total = round % 4 == 0 ? 3000 : 1 + world.below(200);
    while (documents.size() < total) {
      std::vector<std::string> texts;
      for (std::size_t i = 0, n = 1 + world.below(round % 3 == 0 ? 700 : 5); i < n; ++i)
        texts.push_back(world.object(3));
      append_all(store, texts, static_cast<RecordNo>(documents.size()));
      if (world.chance(20)) store.settle();
      for (const std::string& t : texts) documents.push_back(parse_json(t, ErrorCode::INTERNAL, "document"));
    }
    for (int i = 0; i < 150; ++i) {
      const std::string text = world.filter(3);
      const JsonValue plain = parse_json(text, ErrorCode::INTERNAL, "filter");
      std::shared_ptr<const Filter> filter;
      ASSERT_NO_THROW(filter = Filter::parse(text)) << text;
      const auto n = static_cast<RecordNo>(1 + world.below(documents.size()));
      const RecordSet set = evaluate(*filter, store, n);
      ASSERT_EQ(set.size, n);
      std::size_t found = 0;
      for (RecordNo r = 0; r < n; ++r) {
        const bool expected = oracle::filter(plain, documents[r]);
        ASSERT_EQ(set.contains(r), expected)
            << "seed " << seed + round << " filter " << text << " document " << json_preview(documents[r], 1000);
        if (i < 20) {
          ASSERT_EQ(matches(*filter, store, r), expected) << text;
        }
        found += expected ? 1 : 0;
      }
      for (std::size_t bit = n; bit < set.words.size() * 64; ++bit)
        ASSERT_EQ((set.words[bit >> 6] >> (bit & 63)) & 1, 0u) << "bit beyond the set: " << text;
      ASSERT_GE(estimate_matches(*filter, store, n), found) << "seed " << seed + round << " " << text;
      matched += found;
      tested += n;
    }
  }
  std::cout << matched << " of " << tested << " tests matched\n";
  EXPECT_GT(matched, tested / 20);
  EXPECT_LT(matched, tested);
}

}  // namespace
}  // namespace sagedb
