// Properties: a component inside the trained range is off by at most half a step; the error bound of a row is never below its true error;
// no data makes training or encoding produce NaN; codes keep the order of distances well enough to re-rank.
#include "index/codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "index/index.h"
#include "kernels/kernels.h"

namespace sagedb {
namespace {

constexpr std::uint32_t kSeed = 4711;

std::unique_ptr<VectorStore> store(const std::vector<float>& data, std::uint32_t dimension,
                                   VectorType type = VectorType::float32) {
  auto vectors = std::make_unique<VectorStore>(dimension, type);
  const auto rows = static_cast<Row>(data.size() / dimension);
  vectors->ensure(rows);
  vectors->write(0, data.data(), rows);
  return vectors;
}

double decoded(const Codec& codec, std::uint8_t code) {
  return static_cast<double>(codec.offset) + static_cast<double>(codec.scale) * code;
}

double true_error(const Codec& codec, const float* v, const std::uint8_t* code) {
  double sum = 0;
  for (std::uint32_t i = 0; i < codec.dimension; ++i) sum += std::pow(v[i] - decoded(codec, code[i]), 2.0);
  return std::sqrt(sum);
}

std::vector<float> gaussian(std::size_t count, float mean, float spread, std::uint32_t seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal(mean, spread);
  std::vector<float> out(count);
  for (auto& x : out) x = normal(rng);
  return out;
}

TEST(CodecTest, InRangeComponentsAreWithinHalfAStep) {
  constexpr std::uint32_t dimension = 100;
  for (const Metric metric : {Metric::l2, Metric::ip, Metric::cosine}) {
    const auto data = gaussian(2000 * dimension, 0.3f, 1.0f, kSeed);
    const auto vectors = store(data, dimension);
    const Codec codec = Codec::train(*vectors, metric, 2000);
    EXPECT_EQ(codec.padded, 128u);
    AlignedVector<std::uint8_t> code(codec.padded, 0xff);
    std::uint64_t saturated = 0;
    for (Row r = 0; r < 2000; ++r) {
      saturated += codec.encode(vectors->f32(r), code.data());
      for (std::uint32_t i = 0; i < dimension; ++i) {
        ASSERT_LE(code[i], 127);
        const double x = vectors->f32(r)[i];
        if (x >= decoded(codec, 0) && x <= decoded(codec, 127)) {
          ASSERT_LE(std::fabs(x - decoded(codec, code[i])), 0.5001 * codec.scale);
        } else {
          ASSERT_EQ(code[i], x < decoded(codec, 0) ? 0 : 127);
        }
      }
      for (std::uint32_t i = dimension; i < codec.padded; ++i) ASSERT_EQ(code[i], 0);
    }
    EXPECT_LT(static_cast<double>(saturated), 0.005 * 2000 * dimension);
    if (metric == Metric::ip) {
      EXPECT_EQ(codec.offset, -64 * codec.scale);
    }
  }
}

TEST(CodecTest, ErrorBoundIsNeverBelowTheTrueError) {
  std::mt19937 rng(kSeed + 1);
  for (const VectorType type : {VectorType::float32, VectorType::float16}) {
    for (const Metric metric : {Metric::l2, Metric::ip}) {
      for (const std::uint32_t dimension : {1u, 7u, 64u, 333u, 1500u}) {
        for (const float mean : {0.0f, 1000.0f}) {
          for (const float spread : {1e-3f, 1.0f}) {
            auto data = gaussian(300 * dimension, mean, spread, kSeed + dimension);
            for (std::size_t r = 100; r < 200; ++r) data[r * dimension + rng() % dimension] += 20 * spread;
            const auto vectors = store(data, dimension, type);
            CodeStore codes(Codec::train(*vectors, metric, 100));
            codes.ensure(300);
            codes.encode(*vectors, 0, 300);
            std::vector<float> row(dimension);
            for (Row r = 0; r < 300; ++r) {
              vectors->read(r, row.data());
              const int steps = codes.error(r);
              ASSERT_NE(steps, 0);
              if (steps == 255) continue;
              ASSERT_GE(steps * static_cast<double>(codes.codec().error_unit()),
                        true_error(codes.codec(), row.data(), codes.row(r)))
                  << "dimension " << dimension << " mean " << mean << " spread " << spread << " row " << r;
            }
          }
        }
      }
    }
  }
}

TEST(CodecTest, DegenerateDataGivesAFiniteCodec) {
  const float values[] = {0.0f, 1.0f, -1.0f, 1e30f, -1e30f, FLT_MAX, -FLT_MAX, 1e-30f, FLT_MIN, 1e-45f, 16777216.0f};
  for (const Metric metric : {Metric::l2, Metric::ip, Metric::cosine}) {
    for (const float a : values) {
      for (const float b : values) {
        const std::vector<float> data = {a, b, a};
        const auto vectors = store(data, 3);
        const Codec codec = Codec::train(*vectors, metric, 1);
        ASSERT_TRUE(std::isfinite(codec.scale) && codec.scale > 0 && std::isfinite(1.0f / codec.scale))
            << a << " " << b;
        ASSERT_TRUE(std::isfinite(codec.offset)) << a << " " << b;
        AlignedVector<std::uint8_t> code(64);
        codec.encode(data.data(), code.data());
        for (const auto c : code) ASSERT_LE(c, 127);
        for (const std::int32_t raw : {0, 1, 1 << 30})
          ASSERT_TRUE(std::isfinite(codec.distance(raw, 0))) << a << " " << b;
        CodeStore codes(codec);
        const SpaceView space{vectors.get(), &codes, metric};
        const Query query(data.data(), space);
        for (const std::int32_t raw : {0, 1, 1 << 30})
          ASSERT_TRUE(std::isfinite(query.code_distance(raw))) << a << " " << b;
      }
    }
  }
}

TEST(CodecTest, OneOutlierDoesNotCoarsenTheRest) {
  auto data = gaussian(4000 * 64, 0, 1, kSeed + 2);
  data[77] = 50.0f;
  const auto vectors = store(data, 64);
  EXPECT_LT(Codec::train(*vectors, Metric::l2, 4000).scale, 12.0f / 127);
}

TEST(CodecTest, HeavyTailsThatCarryTheDistanceAreKept) {
  auto data = gaussian(4000 * 64, 0, 1, kSeed + 3);
  for (std::size_t r = 0; r < 4000; ++r) data[r * 64] *= 20;  // one component holds most of every distance
  const auto vectors = store(data, 64);
  EXPECT_GT(Codec::train(*vectors, Metric::l2, 4000).scale, 60.0f / 127);
}

TEST(CodecTest, SaturationIsCounted) {
  const auto data = gaussian(200 * 32, 0, 1, kSeed + 4);
  auto shifted = data;
  for (std::size_t i = 100 * 32; i < shifted.size(); ++i) shifted[i] += 100;
  const auto vectors = store(shifted, 32);
  CodeStore codes(Codec::train(*vectors, Metric::l2, 100));
  codes.ensure(200);
  codes.encode(*vectors, 0, 100);
  EXPECT_LT(codes.saturated(), 0.01);
  codes.encode(*vectors, 100, 200);
  EXPECT_NEAR(codes.saturated(), 0.5, 0.02);
}

// Exhaustive scan on codes, then exact distances of the best 24: the graph cannot find more than this.
TEST(CodecTest, RerankedCodesFindTheNearest) {
  constexpr std::uint32_t dimension = 96;
  constexpr Row rows = 5000;
  for (const Metric metric : {Metric::l2, Metric::ip}) {
    const auto data = gaussian(rows * dimension, 0, 1, kSeed + 5);
    const auto vectors = store(data, dimension);
    CodeStore codes(Codec::train(*vectors, metric, rows));
    codes.ensure(rows);
    codes.encode(*vectors, 0, rows);
    const SpaceView space{vectors.get(), &codes, metric};
    int found = 0;
    double off = 0, size = 0;
    for (int q = 0; q < 50; ++q) {
      // A query of another length than the rows: under ip this must not matter.
      auto vector = gaussian(dimension, 0, metric == Metric::ip ? 30.0f : 1.0f, kSeed + 100 + q);
      const Query query(vector.data(), space);
      std::vector<Candidate> by_code, exact;
      for (Row r = 0; r < rows; ++r) {
        const std::int32_t raw = metric == Metric::ip
                                     ? kernels().dot_u7(codes.row(r), query.signed_code.data(), codes.stride())
                                     : kernels().l2_u7(query.code.data(), codes.row(r), codes.stride());
        by_code.push_back({query.code_distance(raw), r});
        exact.push_back({exact_distance(space, query, r), r});
        off += std::fabs(by_code.back().distance - exact.back().distance);
        size += std::fabs(exact.back().distance);
      }
      std::sort(by_code.begin(), by_code.end(), nearer);
      std::sort(exact.begin(), exact.end(), nearer);
      for (int i = 0; i < 10; ++i) {
        for (int j = 0; j < 24; ++j) found += by_code[j].row == exact[i].row ? 1 : 0;
      }
    }
    EXPECT_LT(off, 0.05 * size) << "code distances are not in the unit of exact ones";
    EXPECT_GE(found, 497) << "of 500, metric " << static_cast<int>(metric);
  }
}

TEST(QueryTest, CosineQueriesAreUnitLengthAtEveryMagnitude) {
  const auto vectors = store(gaussian(10 * 20, 0, 1, kSeed), 20);
  const SpaceView space{vectors.get(), nullptr, Metric::cosine};
  for (const float magnitude : {1e-40f, 1e-20f, 1.0f, 1e20f, 1e37f}) {
    const auto vector = gaussian(20, 0, magnitude, kSeed + 6);
    const Query query(vector.data(), space);
    double sum = 0;
    for (const float x : query.full) sum += static_cast<double>(x) * x;
    EXPECT_NEAR(sum, 1.0, 1e-5) << magnitude;
    EXPECT_EQ(query.full.size(), vectors->padded());
    EXPECT_TRUE(query.code.empty());
  }
}

}  // namespace
}  // namespace sagedb
