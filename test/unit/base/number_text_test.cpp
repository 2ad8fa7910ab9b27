#include "base/number_text.h"

#include <gtest/gtest.h>

#include <clocale>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace sagedb {
namespace {

std::vector<double> some_numbers() {
  std::vector<double> numbers = {0.0,
                                 -0.0,
                                 0.1,
                                 1e23,
                                 5e-324,
                                 9007199254740993.0,
                                 std::numeric_limits<double>::max(),
                                 std::numeric_limits<double>::min(),
                                 -std::numeric_limits<double>::epsilon()};
  std::mt19937_64 random(std::random_device{}());
  while (numbers.size() < 20000) {
    const std::uint64_t bits = random();
    double number;
    std::memcpy(&number, &bits, sizeof number);
    if (std::isfinite(number)) numbers.push_back(number);
  }
  return numbers;
}

bool same_bits(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

// Property: a number that was written reads back to the last bit.
TEST(NumberText, WrittenAndReadBack) {
  for (const double number : some_numbers()) {
    std::string text;
    append_number(text, number);
    double back = 1;
    ASSERT_TRUE(parse_number(text, back)) << text;
    ASSERT_TRUE(same_bits(back, number)) << text;
  }
}

#if !defined(_WIN32)

// Property: the fallback reads what the library's own conversion reads, and what it writes is as exact.
TEST(NumberText, FallbackAgrees) {
  for (const double number : some_numbers()) {
    std::string text, fallback;
    append_number(text, number);
    append_number_fallback(fallback, number);
    double back = 1;
    ASSERT_TRUE(parse_number_fallback(text, back)) << text;
    ASSERT_TRUE(same_bits(back, number)) << text;
    ASSERT_TRUE(parse_number(fallback, back)) << fallback;
    ASSERT_TRUE(same_bits(back, number)) << fallback;
  }
}

TEST(NumberText, FallbackRefusesWhatIsBeyondADouble) {
  double number = 0;
  for (const char* text : {"1e999", "-1e999", "1e309"}) {
    EXPECT_FALSE(parse_number(text, number)) << text;
    EXPECT_FALSE(parse_number_fallback(text, number)) << text;
  }
  EXPECT_FALSE(parse_number_fallback("", number));
  EXPECT_FALSE(parse_number_fallback("1.5x", number));
}

// Property: a program that sets a locale with a decimal comma, as desktop programs do, changes nothing.
TEST(NumberText, LocaleIsIgnored) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  const char* found = nullptr;
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "nl_NL.UTF-8"}) {
    if (found == nullptr) found = std::setlocale(LC_ALL, name);
  }
  if (found == nullptr) GTEST_SKIP() << "no locale with a decimal comma here (Debian: apt-get install locales-all)";
  double read = 0, fallback = 0;
  std::string text, fallback_text;
  parse_number("1.5", read);
  parse_number_fallback("1.5", fallback);
  append_number(text, 1.5);
  append_number_fallback(fallback_text, 1.5);
  std::setlocale(LC_ALL, before.c_str());
  EXPECT_EQ(read, 1.5);
  EXPECT_EQ(fallback, 1.5);
  EXPECT_EQ(text, "1.5");
  EXPECT_EQ(fallback_text, "1.5");
}

#endif

}  // namespace
}  // namespace sagedb
