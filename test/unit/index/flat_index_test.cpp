// Property: the flat index returns exactly what a naive scan returns, bit for bit and in order, whatever the codes say: with tombstones,
// filters, half precision, and data chosen against the codec.
#include "index/flat_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace sagedb {
namespace {

constexpr std::uint32_t kSeed = 771;

struct Space {
  Space(Metric metric_, VectorType type, std::uint32_t dimension, const std::vector<float>& data, Row train_rows,
        bool with_codes)
      : rows(static_cast<Row>(data.size() / dimension)), vectors(dimension, type), metric(metric_) {
    vectors.ensure(rows);
    vectors.write(0, data.data(), rows);
    if (with_codes) {
      codes = std::make_unique<CodeStore>(Codec::train(vectors, metric, train_rows));
      codes->ensure(rows);
      codes->encode(vectors, 0, rows);
    }
  }
  SpaceView view() const { return {&vectors, codes.get(), metric}; }

  Row rows;
  VectorStore vectors;
  std::unique_ptr<CodeStore> codes;
  Metric metric;
};

std::vector<Candidate> naive(const Space& space, const Query& query, std::size_t k, const RowSelector& selector,
                             Row rows) {
  std::vector<Candidate> all;
  for (Row r = 0; r < rows; ++r) {
    if (selector.accepts(r)) all.push_back({exact_distance(space.view(), query, r), r});
  }
  std::sort(all.begin(), all.end(), nearer);
  if (all.size() > k) all.resize(k);
  return all;
}

void expect_same(const std::vector<Candidate>& got, const std::vector<Candidate>& want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].row, want[i].row) << what << " at " << i << ": " << got[i].distance << " and " << want[i].distance;
    ASSERT_EQ(got[i].distance, want[i].distance) << what << " at " << i;
  }
}

void unit_length(float* v, std::uint32_t n) {
  double sum = 0;
  for (std::uint32_t i = 0; i < n; ++i) sum += static_cast<double>(v[i]) * v[i];
  for (std::uint32_t i = 0; i < n; ++i) v[i] = static_cast<float>(v[i] / std::sqrt(sum));
}

using Generator = std::function<float(std::mt19937&, std::size_t row, std::uint32_t component)>;

struct DataSet {
  const char* name;
  Generator at;
};

float gauss(std::mt19937& rng) { return std::normal_distribution<float>(0, 1)(rng); }

// Distributions against the codec: values far outside the trained rows, one huge component, huge and tiny magnitudes, a large common
// offset, few distinct values (ties), clusters.
const DataSet kDataSets[] = {
    {"gauss", [](std::mt19937& g, std::size_t, std::uint32_t) { return gauss(g); }},
    {"clusters",
     [](std::mt19937& g, std::size_t r, std::uint32_t c) {
       return std::sin(static_cast<float>((r % 23) * 131 + c * 7)) + 0.05f * gauss(g);
     }},
    {"later rows far outside",
     [](std::mt19937& g, std::size_t r, std::uint32_t) { return r < 600 ? gauss(g) : 40 * gauss(g); }},
    {"one huge component", [](std::mt19937& g, std::size_t r,
                              std::uint32_t c) { return c == 3 && r % 97 == 5 ? 1e4f * gauss(g) : gauss(g); }},
    {"huge", [](std::mt19937& g, std::size_t, std::uint32_t) { return 1e30f * gauss(g); }},
    {"tiny", [](std::mt19937& g, std::size_t, std::uint32_t) { return 1e-25f * gauss(g); }},
    {"denormal", [](std::mt19937& g, std::size_t, std::uint32_t) { return 1e-41f * gauss(g); }},
    {"offset", [](std::mt19937& g, std::size_t, std::uint32_t) { return 1e5f + gauss(g); }},
    {"two values", [](std::mt19937& g, std::size_t, std::uint32_t) { return g() % 2 ? 1.0f : -1.0f; }},
    {"all equal", [](std::mt19937&, std::size_t, std::uint32_t) { return 0.75f; }},
    {"mixed magnitudes", [](std::mt19937& g, std::size_t r,
                            std::uint32_t) { return gauss(g) * std::pow(10.0f, static_cast<float>(r % 9) - 4); }},
};

std::vector<float> generate(const DataSet& set, Metric metric, std::size_t rows, std::uint32_t dimension,
                            std::mt19937& rng) {
  std::vector<float> data(rows * dimension);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::uint32_t c = 0; c < dimension; ++c) data[r * dimension + c] = set.at(rng, r, c);
    if (metric == Metric::cosine) unit_length(&data[r * dimension], dimension);
  }
  return data;
}

class FlatIndexTest : public ::testing::TestWithParam<std::tuple<Metric, VectorType>> {};

TEST_P(FlatIndexTest, EqualsNaiveScanOnDataChosenAgainstTheCodec) {
  const auto [metric, type] = GetParam();
  std::mt19937 rng(kSeed);
  constexpr std::size_t kRows = 2000;
  for (const DataSet& set : kDataSets) {
    for (const std::uint32_t dimension : {5u, 48u, 130u}) {
      const auto data = generate(set, metric, kRows, dimension, rng);
      const Space space(metric, type, dimension, data, 500, true);
      for (int q = 0; q < 6; ++q) {
        // Queries: stored rows, rows nearby, and points of another magnitude.
        std::vector<float> vector(data.begin() + (q * 333) * dimension, data.begin() + (q * 333 + 1) * dimension);
        if (q % 3 == 1) vector[0] += 0.25f * (std::fabs(vector[0]) + 1e-3f);
        if (q % 3 == 2) {
          for (auto& x : vector) x *= 30;
        }
        const Query query(vector.data(), space.view());
        const auto nearest = naive(space, query, 200, RowSelector{}, space.rows);
        for (const std::size_t k : {1, 10, 200}) {
          std::vector<Candidate> got;
          exact_scan(space.view(), query, k, RowSelector{}, 0, space.rows, got, nullptr);
          expect_same(
              got, {nearest.begin(), nearest.begin() + static_cast<std::ptrdiff_t>(k)},
              std::string(set.name) + ", dimension " + std::to_string(dimension) + ", query " + std::to_string(q));
        }
      }
    }
  }
}

TEST_P(FlatIndexTest, HonoursTombstonesAndFilter) {
  const auto [metric, type] = GetParam();
  std::mt19937 rng(kSeed + 1);
  constexpr std::uint32_t dimension = 24;
  for (const std::size_t rows : {1, 63, 64, 65, 1000, 4097}) {
    const auto data = generate(kDataSets[1], metric, rows, dimension, rng);
    const Space space(metric, type, dimension, data, static_cast<Row>(rows), true);
    BlockArray<std::atomic<Sequence>> deleted;
    deleted.ensure(space.rows);
    for (Row r = 0; r < space.rows; ++r) deleted[r] = rng() % 3 == 0 ? 1 + rng() % 10 : kNever;
    for (const unsigned one_in : {1u, 2u, 50u, 1000000u}) {
      std::vector<std::uint64_t> allowed(rows / 64 + 1);
      for (std::size_t r = 0; r < rows; ++r) allowed[r >> 6] |= std::uint64_t{rng() % one_in == 0} << (r & 63);
      const Query query(data.data(), space.view());
      for (const bool with_deleted : {false, true}) {
        for (const bool with_filter : {false, true}) {
          RowSelector selector;
          if (with_deleted) selector.deleted = &deleted;
          selector.sequence = 5;
          if (with_filter) selector.allowed = allowed.data();
          std::vector<Candidate> got{{-1e30f, 7}};  // what the list held before stays
          SearchCounters counters;
          exact_scan(space.view(), query, 12, selector, 0, space.rows, got, &counters);
          ASSERT_EQ(got[0].row, 7u);
          got.erase(got.begin());
          expect_same(got, naive(space, query, 12, selector, space.rows), "rows " + std::to_string(rows));
          EXPECT_LE(counters.distances, rows);
        }
      }
    }
  }
}

TEST_P(FlatIndexTest, ScansAnyRangeAndAnyK) {
  const auto [metric, type] = GetParam();
  std::mt19937 rng(kSeed + 2);
  constexpr std::uint32_t dimension = 16;
  const auto data = generate(kDataSets[0], metric, 700, dimension, rng);
  for (const bool with_codes : {false, true}) {
    const Space space(metric, type, dimension, data, 700, with_codes);
    const Query query(&data[5 * dimension], space.view());
    for (const auto [first, last] : {std::pair<Row, Row>{0, 0}, {10, 10}, {10, 11}, {63, 65}, {300, 700}}) {
      for (const std::size_t k : {0, 1, 3, 1000}) {
        std::vector<Candidate> got, want;
        exact_scan(space.view(), query, k, RowSelector{}, first, last, got, nullptr);
        for (Row r = first; r < last; ++r) want.push_back({exact_distance(space.view(), query, r), r});
        std::sort(want.begin(), want.end(), nearer);
        if (want.size() > k) want.resize(k);
        expect_same(got, want, "range " + std::to_string(first) + ".." + std::to_string(last));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Metrics, FlatIndexTest,
                         ::testing::Combine(::testing::Values(Metric::l2, Metric::ip, Metric::cosine),
                                            ::testing::Values(VectorType::float32, VectorType::float16)));

// The point of keeping error bounds: most rows of clustered data are never measured on full precision.
TEST(FlatIndexCodesTest, SkipsMostRowsOfClusteredData) {
  std::mt19937 rng(kSeed + 3);
  constexpr std::uint32_t dimension = 96;
  for (const Metric metric : {Metric::l2, Metric::ip, Metric::cosine}) {
    auto data = generate(kDataSets[1], Metric::cosine, 20000, dimension, rng);
    const Space space(metric, VectorType::float32, dimension, data, 20000, true);
    const Query query(&data[777 * dimension], space.view());
    std::vector<Candidate> got;
    SearchCounters counters;
    exact_scan(space.view(), query, 10, RowSelector{}, 0, space.rows, got, &counters);
    EXPECT_LT(counters.distances, 6000u) << "metric " << static_cast<int>(metric);
  }
}

TEST(ExactDistanceTest, OverflowIsOrderedNotInfinite) {
  const std::vector<float> data = {3e38f, 3e38f, -3e38f, 3e38f, 1, 1};
  for (const Metric metric : {Metric::l2, Metric::ip}) {
    const Space space(metric, VectorType::float32, 2, data, 3, true);
    const float q[2] = {3e38f, -3e38f};
    const Query query(q, space.view());
    for (Row r = 0; r < 3; ++r) {
      const float d = exact_distance(space.view(), query, r);
      EXPECT_TRUE(std::isfinite(d)) << "row " << r;
    }
  }
  const Space space(Metric::ip, VectorType::float32, 2, data, 3, true);
  const float q[2] = {3e38f, -3e38f};
  const Query query(q, space.view());
  EXPECT_EQ(exact_distance(space.view(), query, 0), 0.0f);  // infinity minus infinity in single precision
  EXPECT_EQ(exact_distance(space.view(), query, 1), FLT_MAX);
}

TEST(FlatAlgorithmTest, GrowsAndCompactsByCount) {
  const auto algorithm = make_flat_algorithm(IndexConfig{});
  EXPECT_STREQ(algorithm->name(), "flat");
  const Space space(Metric::l2, VectorType::float32, 4, std::vector<float>(40, 1.0f), 10, false);
  const auto index = algorithm->grow(space.view(), nullptr, 10, nullptr, BuildContext{});
  EXPECT_EQ(index->rows(), 10u);
  EXPECT_EQ(index->verify(space.view()), "");
  RowRemap remap;
  remap.new_count = 6;
  EXPECT_EQ(algorithm->compact(space.view(), index, remap, BuildContext{})->rows(), 6u);
}

}  // namespace
}  // namespace sagedb
