#include "store/id_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace sagedb {
namespace {

ExternalId make_id(std::mt19937_64& rng, int space) {
  const auto n = static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(space));
  if (rng() % 2 == 0) return ExternalId(n - space / 2);
  return ExternalId("key-" + std::to_string(n) + std::string(static_cast<std::size_t>(n % 20), 'x'));
}

// Property: after any sequence of put / erase the map answers like std::map.
TEST(IdMap, BehavesLikeAnOrderedMap) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 rng(seed);
  RecordStore records;
  IdMap map;
  std::map<std::string, RecordNo> model;
  RecordNo next = 0;
  for (int step = 0; step < 60000; ++step) {
    const ExternalId id = make_id(rng, 3000);
    const std::string key = id_to_string(id.view());
    if (rng() % 3 != 0) {
      records.ensure(next + 1, next + 1);
      records.reserve_text(id.text().size());
      records.append(next, id.view(), {}, next, true);
      map.reserve({id.view()});
      map.put(id.view(), next, records);
      model[key] = next++;
    } else {
      EXPECT_EQ(map.erase(id.view(), records), model.erase(key) == 1);
    }
    const ExternalId probe = make_id(rng, 3000);
    auto it = model.find(id_to_string(probe.view()));
    ASSERT_EQ(map.find(probe.view(), records), it == model.end() ? kNoRecord : it->second);
    ASSERT_EQ(map.size(), model.size());
  }
}

TEST(ExternalId, OrderIsNumbersThenStringsByUtf16CodeUnit) {
  const ExternalId minus(std::int64_t{-3}), two(std::int64_t{2}), ten(std::int64_t{10});
  const ExternalId a(std::string("a")), ab(std::string("ab")), b(std::string("b"));
  const ExternalId bmp(std::string("\xEF\xBF\xBD"));         // U+FFFD
  const ExternalId astral(std::string("\xF0\x9F\x98\x80"));  // U+1F600: its surrogates sort below U+FFFD
  const std::vector<ExternalId> order{minus, two, ten, a, ab, b, astral, bmp};
  for (std::size_t i = 0; i < order.size(); ++i)
    for (std::size_t j = 0; j < order.size(); ++j)
      EXPECT_EQ(compare_ids(order[i].view(), order[j].view()), i == j ? 0 : (i < j ? -1 : 1)) << i << " " << j;
}

// The id of a damaged record is a text that is nowhere: no undefined behavior, which only UBSan sees.
TEST(ExternalId, ATextThatIsNowhereIsEmpty) {
  const IdView nowhere{true, 0, {}};
  EXPECT_EQ(hash_id(nowhere), hash_id(ExternalId(std::string()).view()));
  EXPECT_EQ(compare_ids(nowhere, ExternalId(std::string()).view()), 0);
}

}  // namespace
}  // namespace sagedb
