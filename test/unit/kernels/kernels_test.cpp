// Property: every table this machine can run gives what the scalar reference gives: bit-exact for integers, conversions and
// codes, within rounding for sums of floats.
#include "kernels/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/memory.h"

namespace sagedb {
namespace {

constexpr std::uint32_t kSeed = 20240611;

std::vector<const KernelTable*> tables() {
  std::size_t count = 0;
  const KernelTable* const* list = supported_kernels(&count);
  return {list, list + count};
}

// Rows at scattered, 64-byte aligned addresses, in shuffled order.
template <typename T>
struct Rows {
  Rows(std::size_t count, std::size_t n, std::mt19937& rng) : storage(count * n), at(count) {
    for (std::size_t i = 0; i < count; ++i) at[i] = storage.data() + i * n;
    std::shuffle(at.begin(), at.end(), rng);
  }
  AlignedVector<T> storage;
  std::vector<const T*> at;
};

const std::size_t kFloatLengths[] = {16, 32, 48, 64, 80, 112, 128, 304, 400, 768, 784, 1536, 3072};
const std::size_t kCodeLengths[] = {64, 128, 192, 256, 320, 448, 768, 832, 1536, 4096};
const std::size_t kCounts[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 31, 32, 33, 67};

void expect_close(float got, float want, double magnitude, const char* what) {
  EXPECT_LE(std::fabs(static_cast<double>(got) - want), 1e-6 * magnitude + 1e-30) << what;
}

class KernelsTest : public ::testing::TestWithParam<const KernelTable*> {};

TEST_P(KernelsTest, FloatDistancesMatchScalar) {
  const KernelTable& k = *GetParam();
  const KernelTable& ref = scalar_kernels();
  std::mt19937 rng(kSeed);
  std::normal_distribution<float> normal(0, 3);
  for (const std::size_t n : kFloatLengths) {
    for (const std::size_t count : kCounts) {
      Rows<float> rows(count, n, rng);
      Rows<std::uint16_t> halves(count, n, rng);
      AlignedVector<float> q(n);
      for (auto& x : q) x = normal(rng);
      for (auto& x : rows.storage) x = normal(rng);
      ref.f32_to_f16(rows.storage.data(), halves.storage.data(), rows.storage.size());
      const float guard = 12345.0f;
      std::vector<float> l2(count + 1, guard), dot(count + 1, guard), l2h(count + 1, guard), doth(count + 1, guard);
      k.l2_f32_many(q.data(), rows.at.data(), count, n, l2.data());
      k.dot_f32_many(q.data(), rows.at.data(), count, n, dot.data());
      k.l2_f16_many(q.data(), halves.at.data(), count, n, l2h.data());
      k.dot_f16_many(q.data(), halves.at.data(), count, n, doth.data());
      const double magnitude = 9.0 * 9.0 * static_cast<double>(n);
      for (std::size_t i = 0; i < count; ++i) {
        expect_close(l2[i], ref.l2_f32(q.data(), rows.at[i], n), magnitude, "l2_f32_many");
        expect_close(dot[i], ref.dot_f32(q.data(), rows.at[i], n), magnitude, "dot_f32_many");
        expect_close(l2h[i], ref.l2_f16(q.data(), halves.at[i], n), magnitude, "l2_f16_many");
        expect_close(doth[i], ref.dot_f16(q.data(), halves.at[i], n), magnitude, "dot_f16_many");
        expect_close(k.l2_f32(q.data(), rows.at[i], n), l2[i], magnitude, "l2_f32");
        expect_close(k.dot_f32(q.data(), rows.at[i], n), dot[i], magnitude, "dot_f32");
        expect_close(k.l2_f16(q.data(), halves.at[i], n), l2h[i], magnitude, "l2_f16");
        expect_close(k.dot_f16(q.data(), halves.at[i], n), doth[i], magnitude, "dot_f16");
      }
      for (const auto* v : {&l2, &dot, &l2h, &doth}) EXPECT_EQ(v->back(), guard) << "wrote past count";
    }
  }
}

// The same row measured alone and in any batch gives the same bits: ranks do not depend on how a search batches its work.
TEST_P(KernelsTest, BatchesGiveTheBitsOfSingleCalls) {
  const KernelTable& k = *GetParam();
  std::mt19937 rng(kSeed + 1);
  std::normal_distribution<float> normal(0, 1);
  for (const std::size_t n : kFloatLengths) {
    Rows<float> rows(9, n, rng);
    Rows<std::uint16_t> halves(9, n, rng);
    AlignedVector<float> q(n);
    for (auto& x : q) x = normal(rng);
    for (auto& x : rows.storage) x = normal(rng);
    k.f32_to_f16(rows.storage.data(), halves.storage.data(), rows.storage.size());
    float out[4][9];
    k.l2_f32_many(q.data(), rows.at.data(), 9, n, out[0]);
    k.dot_f32_many(q.data(), rows.at.data(), 9, n, out[1]);
    k.l2_f16_many(q.data(), halves.at.data(), 9, n, out[2]);
    k.dot_f16_many(q.data(), halves.at.data(), 9, n, out[3]);
    for (int i = 0; i < 9; ++i) {
      EXPECT_EQ(out[0][i], k.l2_f32(q.data(), rows.at[i], n));
      EXPECT_EQ(out[1][i], k.dot_f32(q.data(), rows.at[i], n));
      EXPECT_EQ(out[2][i], k.l2_f16(q.data(), halves.at[i], n));
      EXPECT_EQ(out[3][i], k.dot_f16(q.data(), halves.at[i], n));
    }
  }
}

enum class Fill { random, all_zero, all_top, query_zero_rows_top, extremes };

void fill_codes(Fill fill, AlignedVector<std::uint8_t>& codes, bool query, std::mt19937& rng) {
  for (auto& c : codes) {
    switch (fill) {
      case Fill::random:
        c = static_cast<std::uint8_t>(rng() % 128);
        break;
      case Fill::all_zero:
        c = 0;
        break;
      case Fill::all_top:
        c = 127;
        break;
      case Fill::query_zero_rows_top:
        c = query ? 0 : 127;
        break;
      case Fill::extremes:
        c = rng() % 2 ? 127 : 0;
        break;
    }
  }
}

TEST_P(KernelsTest, CodeDistancesAreExact) {
  const KernelTable& k = *GetParam();
  const KernelTable& ref = scalar_kernels();
  std::mt19937 rng(kSeed + 2);
  for (const Fill fill : {Fill::random, Fill::all_zero, Fill::all_top, Fill::query_zero_rows_top, Fill::extremes}) {
    for (const std::size_t n : kCodeLengths) {
      for (const std::size_t count : kCounts) {
        Rows<std::uint8_t> rows(count, n, rng);
        AlignedVector<std::uint8_t> q(n);
        fill_codes(fill, rows.storage, false, rng);
        fill_codes(fill, q, true, rng);
        AlignedVector<std::int8_t> sq(n);
        for (std::size_t i = 0; i < n; ++i) sq[i] = static_cast<std::int8_t>(q[i] - 64);
        std::vector<std::int32_t> l2(count + 1, -7), dot(count + 1, -7), l2s(count + 1, -7), dots(count + 1, -7);
        k.l2_u7_many(q.data(), rows.at.data(), count, n, l2.data());
        k.dot_u7_many(sq.data(), rows.at.data(), count, n, dot.data());
        k.l2_u7_scan(q.data(), rows.storage.data(), n, count, n, l2s.data());
        k.dot_u7_scan(sq.data(), rows.storage.data(), n, count, n, dots.data());
        for (std::size_t i = 0; i < count; ++i) {
          ASSERT_EQ(l2[i], ref.l2_u7(q.data(), rows.at[i], n)) << "n " << n << " count " << count;
          ASSERT_EQ(dot[i], ref.dot_u7(rows.at[i], sq.data(), n)) << "n " << n << " count " << count;
          ASSERT_EQ(k.l2_u7(q.data(), rows.at[i], n), l2[i]);
          ASSERT_EQ(k.dot_u7(rows.at[i], sq.data(), n), dot[i]);
          const std::uint8_t* row = rows.storage.data() + i * n;
          ASSERT_EQ(l2s[i], ref.l2_u7(q.data(), row, n));
          ASSERT_EQ(dots[i], ref.dot_u7(row, sq.data(), n));
        }
        for (const auto* v : {&l2, &dot, &l2s, &dots}) ASSERT_EQ(v->back(), -7) << "wrote past count";
      }
    }
  }
}

TEST_P(KernelsTest, CodesBeyondALimitAreStopped) {
  const KernelTable& k = *GetParam();
  const KernelTable& ref = scalar_kernels();
  std::mt19937 rng(kSeed + 12);
  for (const std::size_t n : {std::size_t{192}, std::size_t{512}, std::size_t{768}}) {
    for (const std::size_t first : {std::size_t{64}, std::size_t{128}}) {
      for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{33}, kWithinBatch}) {
        Rows<std::uint8_t> rows(count, n, rng);
        AlignedVector<std::uint8_t> q(n);
        fill_codes(Fill::random, rows.storage, false, rng);
        fill_codes(Fill::random, q, true, rng);
        const auto typical =
            static_cast<std::int32_t>(first) * 2688;  // mean of the squared difference of two uniform codes
        for (const std::int32_t most : {-1, 0, typical, std::int32_t{2000000000}}) {
          std::vector<std::int32_t> out(count + 1, -7);
          k.l2_u7_within(q.data(), rows.at.data(), count, n, first, most, out.data());
          for (std::size_t i = 0; i < count; ++i) {
            const bool near = ref.l2_u7(q.data(), rows.at[i], first) <= most;
            ASSERT_EQ(out[i], near ? ref.l2_u7(q.data(), rows.at[i], n) : -1) << "n " << n << " most " << most;
          }
          ASSERT_EQ(out.back(), -7) << "wrote past count";
        }
      }
    }
  }
}

TEST_P(KernelsTest, ScanHonoursStride) {
  const KernelTable& k = *GetParam();
  const KernelTable& ref = scalar_kernels();
  std::mt19937 rng(kSeed + 3);
  constexpr std::size_t n = 128, stride = 192, count = 21;
  AlignedVector<std::uint8_t> base(stride * count), q(n);
  for (auto& c : base) c = static_cast<std::uint8_t>(rng() % 128);
  for (auto& c : q) c = static_cast<std::uint8_t>(rng() % 128);
  std::int32_t out[count];
  k.l2_u7_scan(q.data(), base.data(), stride, count, n, out);
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(out[i], ref.l2_u7(q.data(), base.data() + i * stride, n));
}

TEST_P(KernelsTest, HalfConversionsMatchScalarOnEveryHalf) {
  const KernelTable& k = *GetParam();
  const KernelTable& ref = scalar_kernels();
  std::vector<std::uint16_t> halves(65536);
  for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<std::uint16_t>(i);
  std::vector<float> got(halves.size()), want(halves.size());
  k.f16_to_f32(halves.data(), got.data(), halves.size());
  ref.f16_to_f32(halves.data(), want.data(), halves.size());
  ASSERT_EQ(std::memcmp(got.data(), want.data(), got.size() * sizeof(float)), 0);
}

TEST_P(KernelsTest, FloatToHalfMatchesScalarNearEveryRoundingBorder) {
  const KernelTable& k = *GetParam();
  const KernelTable& ref = scalar_kernels();
  std::vector<float> in;
  for (std::uint32_t h = 0; h < 65536; ++h) {
    // Each half, the midpoint to the next one, and the floats beside both.
    const auto half = static_cast<std::uint16_t>(h);
    float f;
    ref.f16_to_f32(&half, &f, 1);
    std::uint32_t bits;
    std::memcpy(&bits, &f, 4);
    for (const std::uint32_t step : {0x0u, 0x1u, 0xfffu, 0x1000u, 0x1001u}) {
      const std::uint32_t b = bits + step;
      float x;
      std::memcpy(&x, &b, 4);
      in.push_back(x);
    }
  }
  for (const float x :
       {5e-8f, 2.9802322e-8f, 2.98023224e-8f, 2.9802326e-8f, 65519.996f, 65520.0f, 1e30f, -1e30f, 1e-45f})
    in.push_back(x);
  std::vector<std::uint16_t> got(in.size()), want(in.size());
  k.f32_to_f16(in.data(), got.data(), in.size());
  ref.f32_to_f16(in.data(), want.data(), in.size());
  for (std::size_t i = 0; i < in.size(); ++i) ASSERT_EQ(got[i], want[i]) << "float " << in[i] << " at " << i;
}

TEST_P(KernelsTest, ConversionsWriteExactlyTheirLength) {
  const KernelTable& k = *GetParam();
  for (std::size_t n = 0; n < 70; ++n) {
    std::vector<float> in(n, 1.5f);
    std::vector<std::uint16_t> half(n + 1, 0xabcd);
    k.f32_to_f16(in.data(), half.data(), n);
    EXPECT_EQ(half[n], 0xabcd);
    std::vector<float> back(n + 1, 9.0f);
    k.f16_to_f32(half.data(), back.data(), n);
    EXPECT_EQ(back[n], 9.0f);
    back.pop_back();
    EXPECT_EQ(back, in);
  }
}

TEST_P(KernelsTest, EncodingMatchesScalar) {
  const KernelTable& k = *GetParam();
  const KernelTable& ref = scalar_kernels();
  std::mt19937 rng(kSeed + 4);
  const float infinity = std::numeric_limits<float>::infinity();
  for (const std::size_t n : {1, 3, 15, 16, 17, 31, 63, 64, 65, 100, 300, 768, 1000}) {
    for (const float spread : {1e-30f, 0.1f, 1.0f, 3.0f, 1e20f}) {
      std::normal_distribution<float> normal(0, spread);
      std::vector<float> in(n);
      for (auto& x : in) x = normal(rng);
      in[n / 2] = rng() % 2 ? infinity : -infinity;
      in[n / 3] = 1e38f;
      if (n > 16) in[n - 1] = -0.5f / 50.0f - 1.0f;  // on the border between saturated and not
      std::vector<std::uint8_t> got(n + 1, 0xee), want(n + 1, 0xee);
      float error_got, error_want;
      const auto outside = k.encode_u7(in.data(), n, -1.0f, 0.02f, got.data(), &error_got);
      EXPECT_EQ(outside, ref.encode_u7(in.data(), n, -1.0f, 0.02f, want.data(), &error_want));
      EXPECT_EQ(got, want) << "n " << n << " spread " << spread;
      in[n / 2] = in[n / 3] = 0;
      k.encode_u7(in.data(), n, -1.0f, 0.02f, got.data(), &error_got);
      double error = 0;
      for (std::size_t i = 0; i < n; ++i) error += std::pow(static_cast<double>(in[i]) - (-1.0 + 0.02f * got[i]), 2.0);
      if (error > std::numeric_limits<float>::max()) {
        EXPECT_EQ(error_got, infinity);
      } else {
        EXPECT_NEAR(error_got, error, 1e-4 * error + 1e-9);
      }
    }
  }
}

TEST_P(KernelsTest, EncodingNaNIsZeroNotUndefined) {
  std::vector<float> in(40, std::nanf(""));
  std::vector<std::uint8_t> out(40, 1);
  float error;
  GetParam()->encode_u7(in.data(), in.size(), -1.0f, 0.02f, out.data(), &error);
  for (const auto c : out) EXPECT_EQ(c, 0);
}

// A pool as kernels want it, beside a plain model of it.
struct Pool {
  explicit Pool(std::uint32_t capacity) : storage(8 + round_up(capacity + std::size_t{1}, 8), SortedKeys::kNone) {
    keys.keys = storage.data() + 8;
    keys.keys[-1] = 0;
    keys.capacity = capacity;
  }
  AlignedVector<std::uint64_t> storage;
  SortedKeys keys;
  std::vector<std::uint64_t> model;

  // What offering one candidate should do. Returns whether it enters.
  bool offer(std::uint64_t key, std::uint32_t* cursor, std::vector<std::uint64_t>* dropped) {
    const bool full = model.size() == keys.capacity;
    if (full && key >> 32 >= model.back() >> 32) {
      dropped->push_back(key);
      return false;
    }
    const auto at = model.insert(std::lower_bound(model.begin(), model.end(), key), key);
    *cursor = std::min(*cursor, static_cast<std::uint32_t>(at - model.begin()));
    if (full) dropped->push_back(model.back()), model.pop_back();
    return true;
  }
};

// Property: a pool holds the nearest candidates in order, says which entered and which did not, and moves its cursor back to what came before
// it; whatever the distances (ties, zero, the largest), with bits that the caller set.
TEST_P(KernelsTest, PoolsKeepTheNearest) {
  std::mt19937 rng(kSeed + 5);
  for (const std::uint32_t capacity : {1u, 2u, 3u, 7u, 8u, 9u, 15u, 16u, 33u, 64u, 200u}) {
    for (const std::uint32_t range : {3u, 100u, 0xffffffffu}) {
      Pool pool(capacity);
      std::uint32_t node = 0;
      for (int call = 0; call < 60; ++call) {
        const std::size_t count = rng() % 70;
        std::vector<std::uint32_t> distances(count), nodes(count), entered(count + 1, 77), want;
        for (std::size_t i = 0; i < count; ++i) distances[i] = rng() % range, nodes[i] = node++;
        std::vector<std::uint64_t> room(count + 1, 77), dropped;
        DroppedKeys out{room.data(), 0};
        std::uint32_t cursor = pool.keys.cursor = pool.keys.size / 2;
        for (std::size_t i = 0; i < count; ++i) {
          if (pool.offer(std::uint64_t{distances[i]} << 32 | nodes[i] << 1, &cursor, &dropped))
            want.push_back(nodes[i]);
        }
        const bool keep = call % 2 == 0;
        const std::size_t in = GetParam()->offer_keys(pool.keys, distances.data(), nodes.data(), count, entered.data(),
                                                      keep ? &out : nullptr);
        ASSERT_EQ(pool.keys.size, pool.model.size());
        ASSERT_TRUE(std::equal(pool.model.begin(), pool.model.end(), pool.keys.keys)) << "capacity " << capacity;
        ASSERT_EQ(std::vector<std::uint32_t>(entered.begin(), entered.begin() + static_cast<std::ptrdiff_t>(in)), want);
        EXPECT_EQ(entered.back(), 77u);
        EXPECT_EQ(pool.keys.cursor, cursor);
        EXPECT_EQ(pool.keys.bound, pool.model.size() == capacity ? pool.model.back() >> 32 : 0xffffffffu);
        if (keep) {
          room.resize(out.count);
          std::sort(room.begin(), room.end());
          std::sort(dropped.begin(), dropped.end());
          ASSERT_EQ(room, dropped);
        }
        for (std::size_t i = 0; i < pool.model.size(); ++i)
          if (rng() % 4 == 0) pool.model[i] |= 1, pool.keys.keys[i] |= 1;
      }
    }
  }
}

// Property: of a list up to its end exactly the nodes with a bit are copied, in order, at most sixteen numbers beyond them written.
TEST_P(KernelsTest, SelectsNodesByBits) {
  std::mt19937 rng(kSeed + 6);
  for (const std::uint32_t nodes : {0u, 1u, 63u, 64u, 65u, 1000u, 100000u}) {
    std::vector<std::uint64_t> bits(nodes / 64 + 1);
    for (const unsigned percent : {0u, 10u, 50u, 100u}) {
      for (auto& word : bits) {
        word = 0;
        for (int b = 0; b < 64; ++b) word |= std::uint64_t{rng() % 100 < percent} << b;
      }
      for (const std::size_t width : {16, 32, 48, 128}) {
        for (int round = 0; round < 40; ++round) {
          std::vector<std::uint32_t> list(width), out(width + 17, 77), want;
          for (auto& n : list) n = nodes == 0 ? 5 : rng() % nodes;
          const std::size_t end = rng() % (width + 1);
          if (end < width) list[end] = round % 2 ? 0xffffffffu : nodes;
          for (std::size_t i = 0; i < end && list[i] < nodes; ++i)
            if (bits[list[i] / 64] >> (list[i] % 64) & 1) want.push_back(list[i]);
          const std::size_t got = GetParam()->select_nodes(list.data(), width, nodes, bits.data(), out.data());
          EXPECT_EQ(out.back(), 77u);
          out.resize(got);
          ASSERT_EQ(out, want) << "nodes " << nodes << " width " << width;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, KernelsTest, ::testing::ValuesIn(tables()),
                         [](const auto& info) { return std::string(info.param->name); });

TEST(KernelDispatchTest, ListsBestFirstAndEndsWithScalar) {
  const auto list = tables();
  ASSERT_FALSE(list.empty());
  EXPECT_EQ(list.back(), &scalar_kernels());
  if (const char* wanted = std::getenv("SAGEDB_KERNELS")) {
    for (const auto* t : list) {
      if (std::string(wanted) == t->name) {
        EXPECT_EQ(&kernels(), t);
        return;
      }
    }
  }
  EXPECT_EQ(&kernels(), list.front());
}

}  // namespace
}  // namespace sagedb
