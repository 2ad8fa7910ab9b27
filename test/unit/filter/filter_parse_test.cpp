#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/status.h"
#include "filter/filter.h"
#include "store/metadata_store.h"

namespace sagedb {
namespace {

std::string problem(const std::string& text) {
  try {
    Filter::parse(text);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::INVALID_FILTER);
    return e.message();
  }
  return "accepted";
}

TEST(FilterParse, ErrorsNamePathAndOperator) {
  EXPECT_EQ(problem(R"({"year":{"$gte":null}})"),
            "filter: 'year': $gte: expected a number, string or boolean, got null");
  EXPECT_EQ(problem(R"({"a.b":{"$in":"x"}})"), "filter: 'a.b': $in: expected an array of values, got a string \"x\"");
  EXPECT_EQ(problem(R"({"$or":[{"a":1},{"b":{"$exists":1}}]})"),
            "filter: $or[1]: 'b': $exists: expected true or false, got a number 1");
  EXPECT_NE(problem(R"({"a":{"$regex":"x"}})").find("'a': $regex: unknown operator"), std::string::npos);
  EXPECT_NE(problem(R"({"$where":"x"})").find("$where: unknown operator"), std::string::npos);
  EXPECT_NE(problem(R"({"a":{"$gt":1,"b":2}})").find("operators or a value, not both"), std::string::npos);
  EXPECT_NE(problem(R"({"a":{"b":{"$gt":1}}})").find("operator $gt inside a value"), std::string::npos);
  EXPECT_NE(problem(R"({"a":[{"$gt":1}]})").find("operator $gt inside a value"), std::string::npos);
  EXPECT_NE(problem(R"({"a":{"$not":5}})").find("'a': $not: expected an object of operators"), std::string::npos);
  EXPECT_NE(problem(R"({"a":{"$not":{}}})").find("'a': $not: expected an object of operators"), std::string::npos);
  EXPECT_NE(problem(R"({"a":{"$elemMatch":1}})").find("'a': $elemMatch"), std::string::npos);
  EXPECT_NE(problem(R"({"a":{"$elemMatch":{"b":{"$gt":[]}}}})").find("'a': $elemMatch: 'b': $gt"), std::string::npos);
  for (const char* text :
       {"[]", "1", "null", "{\"$and\":{}}", "{\"$or\":[1]}", "{\"$nor\":1}", "{\"$not\":[]}", "{\"a\":{\"$all\":1}}",
        "{\"a\":{\"$nin\":null}}", "{\"a\":{\"$lt\":{}}}", "{\"a\":{\"$elemMatch\":[]}}"})
    EXPECT_NE(problem(text), "accepted") << text;
}

TEST(FilterParse, OperatorsAreDataWhereAValueIsAskedFor) {
  EXPECT_NO_THROW(Filter::parse(R"({"a":{"$eq":{"$gt":1}},"b":{"$in":[{"$x":1}]},"c":{"$contains":{"$y":2}}})"));
}

TEST(FilterParse, DepthAndSizeAreBounded) {
  std::string deep = "{\"a\":1}";
  for (int i = 0; i < 70; ++i) deep = "{\"$not\":" + deep + "}";
  EXPECT_NE(problem(deep).find("64 levels"), std::string::npos);
  EXPECT_NE(problem("{\"a\":\"" + std::string(17u << 20, 'x') + "\"}").find("16 MB"), std::string::npos);
}

// Property: any bytes are either a filter, which then evaluates, or a typed error.
TEST(FilterParse, SurvivesRandomAndDamagedText) {
  MetadataStore store;
  const auto p = MetadataStore::prepare(R"({"a":[1,"x",{"b":2}],"c":{"d":null}})");
  store.reserve(&p, 1, 0);
  store.append(0, p);
  std::mt19937_64 random(4);
  const std::string good =
      R"({"a":{"$elemMatch":{"b":{"$gt":1}},"$not":{"$in":[1,null]}},"$or":[{"c.d":null},{"$nor":[{"a":{"$contains":"x"}}]}]})";
  std::size_t accepted = 0;
  for (int i = 0; i < 50000; ++i) {
    std::string text = good;
    for (std::size_t n = random() % 3; n > 0; --n) text[random() % text.size()] = "{}[]\",:$abn01"[random() % 13];
    if (random() % 8 == 0) text.erase(random() % text.size(), random() % 9);
    try {
      evaluate(*Filter::parse(text), store, 1);
      ++accepted;
    } catch (const Error& e) {
      ASSERT_EQ(e.code(), ErrorCode::INVALID_FILTER);
    }
  }
  EXPECT_GT(accepted, 10000u);
  EXPECT_LT(accepted, 50000u);
}

}  // namespace
}  // namespace sagedb
