#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "base/wtf8.h"

namespace sagedb {
namespace {

JsonValue parse(std::string_view text) { return parse_json(text, ErrorCode::INVALID_METADATA, "metadata"); }

std::string problem(std::string_view text) {
  try {
    parse(text);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::INVALID_METADATA);
    return e.message();
  }
  return "accepted";
}

// Property: numbers are the doubles that JavaScript reads, to the last bit.
TEST(Json, NumbersAreExactDoubles) {
  EXPECT_EQ(parse("0.1").number, 0.1);
  EXPECT_EQ(parse("9007199254740993").number, 9007199254740992.0);
  EXPECT_EQ(parse("1.7976931348623157e308").number, std::numeric_limits<double>::max());
  EXPECT_EQ(parse("5e-324").number, std::numeric_limits<double>::denorm_min());
  EXPECT_TRUE(std::signbit(parse("-0").number));
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t bits = random();
    double d;
    std::memcpy(&d, &bits, sizeof d);
    if (!std::isfinite(d)) continue;
    JsonValue v;
    v.type = JsonValue::Type::number;
    v.number = d;
    ASSERT_EQ(parse(json_preview(v)).number, d);
  }
}

// Property: every JavaScript string survives; a pair of escapes is one code point, lone surrogates stay what they are.
TEST(Json, StringsKeepSurrogates) {
  EXPECT_EQ(parse(R"("\ud83d\ude00")").string, "\xF0\x9F\x98\x80");
  EXPECT_EQ(parse("\"\xF0\x9F\x98\x80\"").string, "\xF0\x9F\x98\x80");
  EXPECT_EQ(parse(R"("\ud83d")").string, "\xED\xA0\xBD");
  EXPECT_EQ(parse(R"("\ude00\ud83d")").string, "\xED\xB8\x80\xED\xA0\xBD");
  EXPECT_EQ(parse(R"("\u0000\"\\\/\b\f\n\r\t")").string, std::string("\0\"\\/\b\f\n\r\t", 9));
}

TEST(Json, ARepeatedKeyKeepsItsLastValueInItsFirstPlace) {
  const JsonValue v = parse(R"({"a":1,"b":2,"a":3,"__proto__":4,"b":5,"a":6})");
  ASSERT_EQ(v.keys, (std::vector<std::string>{"a", "b", "__proto__"}));
  EXPECT_EQ(v.items[0].number, 6);
  EXPECT_EQ(v.items[1].number, 5);
}

TEST(Json, RejectsWhatIsNotJsonAndNamesTheOffset) {
  EXPECT_EQ(problem("{\"a\": 1,}"), "metadata: expected a key at offset 8");
  EXPECT_EQ(problem("[1 2]"), "metadata: expected ',' or ']' at offset 3");
  for (const char* text : {"",        " ",       "{",       "[",        "\"",           "\"\\",
                           "\"\\u12", "\"\\x\"", "\"\n\"",  "nul",      "tru",          "01",
                           "1.",      ".5",      "+1",      "1e",       "NaN",          "Infinity",
                           "-",       "1e999",   "[1]]",    "{1:2}",    "{\"a\"}",      "{\"a\":}",
                           "'a'",     "[,]",     "// x\n1", "\"\xFF\"", "\"\xC0\x80\"", "\"\xF4\x90\x80\x80\""})
    EXPECT_NE(problem(text).find("at offset"), std::string::npos) << text;
}

TEST(Json, DepthIsBoundedAtSixtyFourLevels) {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_NO_THROW(parse(nested(64)));
  EXPECT_NE(problem(nested(65)).find("64 levels"), std::string::npos);
  EXPECT_NE(problem(std::string(10'000'000, '[')).find("64 levels"), std::string::npos);
}

// Property: any bytes are either parsed or rejected with a typed error.
TEST(Json, SurvivesRandomAndDamagedText) {
  std::mt19937_64 random(2);
  const std::string good = R"({"a":[1,-2.5e3,true,null,"x\ud83d\u0041"],"b":{"c":{}}})";
  for (int i = 0; i < 50000; ++i) {
    std::string text = i % 2 == 0 ? good : std::string(random() % 40, '\0');
    if (i % 2 == 1)
      for (char& c : text) c = "{}[]\",:\\u0eE+-.tfn \x80\xED\xF0"[random() % 22];
    for (std::size_t n = random() % 4; n > 0 && !text.empty(); --n)
      text[random() % text.size()] = static_cast<char>(random());
    if (random() % 4 == 0) text.resize(random() % (text.size() + 1));
    try {
      parse(text);
    } catch (const Error& e) {
      ASSERT_EQ(e.code(), ErrorCode::INVALID_METADATA);
    }
  }
}

// Property: strings order as in JavaScript, by UTF-16 code units, lone surrogates included, and prefixes never contradict it.
TEST(Wtf8, OrderIsThatOfCodeUnits) {
  const std::vector<std::uint32_t> alphabet = {0,      'a',    'b',    0x7F,   0x80,   0x7FF,  0x800,  0xD7FF,
                                               0xD800, 0xD83D, 0xDBFF, 0xDC00, 0xDE00, 0xDFFF, 0xE000, 0xFFFF};
  std::mt19937_64 random(3);
  const auto sign = [](int c) { return c < 0 ? -1 : c > 0; };
  for (int i = 0; i < 100000; ++i) {
    std::u16string a, b;
    for (std::size_t n = random() % 5; n > 0; --n)
      a.push_back(static_cast<char16_t>(alphabet[random() % alphabet.size()]));
    b = random() % 2 == 0 ? a.substr(0, random() % (a.size() + 1)) : std::u16string();
    for (std::size_t n = random() % 4; n > 0; --n)
      b.push_back(static_cast<char16_t>(alphabet[random() % alphabet.size()]));
    std::string x, y;
    for (const char16_t c : a) append_wtf8(x, c);
    for (const char16_t c : b) append_wtf8(y, c);
    ASSERT_EQ(compare_utf16(x, y), sign(a.compare(b))) << i;
    ASSERT_EQ(x == y, a == b);
    if (utf16_prefix(x) != utf16_prefix(y)) {
      ASSERT_EQ(utf16_prefix(x) < utf16_prefix(y), a < b);
    }
  }
}

}  // namespace
}  // namespace sagedb
