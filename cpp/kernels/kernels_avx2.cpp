#include <immintrin.h>

#include "kernels/batch.h"
#include "kernels/kernel_tables.h"
#include "kernels/offer_keys.h"

namespace sagedb {
namespace {

// ---- 7-bit codes ----
// Step: adds 32 bytes of a distance to eight 32-bit sums. add2: a whole cache line.

struct L2Step {
  static inline __m256i add2(__m256i acc, __m256i q0, __m256i x0, __m256i q1, __m256i x1) {
    const __m256i one = _mm256_set1_epi16(1);
    const __m256i d0 = _mm256_abs_epi8(_mm256_sub_epi8(q0, x0));
    const __m256i d1 = _mm256_abs_epi8(_mm256_sub_epi8(q1, x1));
    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(d0, d0), one));
    return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(d1, d1), one));
  }
};

struct DotStep {
  static inline __m256i add2(__m256i acc, __m256i q0, __m256i x0, __m256i q1, __m256i x1) {
    // A pair sum is at least 2 * 127 * -64 = -16256, so two of them still fit 16 bits.
    const __m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(x0, q0), _mm256_maddubs_epi16(x1, q1));
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
};

inline __m256i half_line(const void* p, std::size_t offset) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(static_cast<const char*>(p) + offset));
}

inline __m128i sum_halves(__m256i v) {
  return _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

inline std::int32_t sum_lanes(__m256i v) {
  __m128i s = sum_halves(v);
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
  return _mm_cvtsi128_si32(s);
}

template <typename Step>
std::int32_t code_one(const void* q, const void* x, std::size_t n) {
  __m256i acc0 = _mm256_setzero_si256(), acc1 = acc0;
  std::size_t i = 0;
  for (; i + 128 <= n; i += 128) {
    acc0 = Step::add2(acc0, half_line(q, i), half_line(x, i), half_line(q, i + 32), half_line(x, i + 32));
    acc1 = Step::add2(acc1, half_line(q, i + 64), half_line(x, i + 64), half_line(q, i + 96), half_line(x, i + 96));
  }
  if (i < n) acc0 = Step::add2(acc0, half_line(q, i), half_line(x, i), half_line(q, i + 32), half_line(x, i + 32));
  return sum_lanes(_mm256_add_epi32(acc0, acc1));
}

template <std::size_t kRows, typename X>
inline void prefetch_each(const X* const* rows, std::size_t offset) {
  for (std::size_t r = 0; r < kRows; ++r) prefetch_line(reinterpret_cast<const char*>(rows[r]) + offset);
}

// Four rows at once: the query is loaded once and the horizontal sums are shared.
template <typename Step, typename Q>
struct Codes {
  static constexpr std::size_t kGroup = 4;
  static std::int32_t one(const Q* q, const std::uint8_t* x, std::size_t n) { return code_one<Step>(q, x, n); }

  template <bool kPrefetch>
  static inline void group(const Q* q, const std::uint8_t* const* rows, const std::uint8_t* const* later, std::size_t n,
                           std::int32_t* out) {
    const std::uint8_t *x0 = rows[0], *x1 = rows[1], *x2 = rows[2], *x3 = rows[3];
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (std::size_t i = 0; i < n; i += 64) {
      if (kPrefetch) prefetch_each<4>(later, i);
      const __m256i q0 = half_line(q, i), q1 = half_line(q, i + 32);
      a = Step::add2(a, q0, half_line(x0, i), q1, half_line(x0, i + 32));
      b = Step::add2(b, q0, half_line(x1, i), q1, half_line(x1, i + 32));
      c = Step::add2(c, q0, half_line(x2, i), q1, half_line(x2, i + 32));
      d = Step::add2(d, q0, half_line(x3, i), q1, half_line(x3, i + 32));
    }
    const __m256i abcd = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), sum_halves(abcd));
  }
};

using L2Codes = Codes<L2Step, std::uint8_t>;
using DotCodes = Codes<DotStep, std::int8_t>;

std::int32_t l2_u7(const std::uint8_t* a, const std::uint8_t* b, std::size_t n) { return code_one<L2Step>(a, b, n); }
std::int32_t dot_u7(const std::uint8_t* a, const std::int8_t* b, std::size_t n) { return code_one<DotStep>(b, a, n); }

// ---- Full and half precision ----

inline __m256 load8(const float* p) { return _mm256_load_ps(p); }
inline __m256 load8(const std::uint16_t* p) {
  return _mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
}

struct L2Float {
  static inline __m256 add(__m256 acc, __m256 q, __m256 x) {
    const __m256 d = _mm256_sub_ps(q, x);
    return _mm256_fmadd_ps(d, d, acc);
  }
};

struct DotFloat {
  static inline __m256 add(__m256 acc, __m256 q, __m256 x) { return _mm256_fmadd_ps(q, x, acc); }
};

inline float sum8(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  s = _mm_add_ss(s, _mm_movehdup_ps(s));
  return _mm_cvtss_f32(s);
}

// Thirty-two components of one row in four chains, which hide the latency of the additions.
template <typename Step>
struct Chains {
  __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;

  template <typename X>
  inline void add32(const float* q, const X* x) {
    a = Step::add(a, load8(q), load8(x));
    b = Step::add(b, load8(q + 8), load8(x + 8));
    c = Step::add(c, load8(q + 16), load8(x + 16));
    d = Step::add(d, load8(q + 24), load8(x + 24));
  }
  template <typename X>
  inline void add16(const float* q, const X* x) {
    a = Step::add(a, load8(q), load8(x));
    b = Step::add(b, load8(q + 8), load8(x + 8));
  }
  inline float sum() const { return sum8(_mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d))); }
};

// A row gives the same bits alone and in a group: both add in the same order. Sixteen registers hold the chains of two rows.
template <typename Step, typename X>
struct Floats {
  static constexpr std::size_t kGroup = 2;

  static float one(const float* q, const X* x, std::size_t n) {
    Chains<Step> s;
    std::size_t i = 0;
    for (; i + 32 <= n; i += 32) s.add32(q + i, x + i);
    if (i < n) s.add16(q + i, x + i);
    return s.sum();
  }

  template <bool kPrefetch>
  static inline void group(const float* q, const X* const* rows, const X* const* later, std::size_t n, float* out) {
    const X *x0 = rows[0], *x1 = rows[1];
    Chains<Step> s0, s1;
    std::size_t i = 0;
    for (; i + 32 <= n; i += 32) {
      if (kPrefetch) {
        for (std::size_t line = 0; line < sizeof(X) / 2; ++line) prefetch_each<2>(later, i * sizeof(X) + line * kLine);
      }
      s0.add32(q + i, x0 + i);
      s1.add32(q + i, x1 + i);
    }
    if (i < n) {
      if (kPrefetch) prefetch_each<2>(later, i * sizeof(X));
      s0.add16(q + i, x0 + i);
      s1.add16(q + i, x1 + i);
    }
    out[0] = s0.sum();
    out[1] = s1.sum();
  }
};

void f32_to_f16(const float* in, std::uint16_t* out, std::size_t n) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m128i h = _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), h);
  }
  for (; i < n; ++i) {
    const __m128i h = _mm_cvtps_ph(_mm_load_ss(in + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    out[i] = static_cast<std::uint16_t>(_mm_cvtsi128_si32(h));
  }
}

void f16_to_f32(const std::uint16_t* in, float* out, std::size_t n) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i))));
  }
  for (; i < n; ++i) out[i] = _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(in[i])));
}

struct Encoder {
  __m256 low, step, inverse;
  __m256 error = _mm256_setzero_ps();
  __m256i outside = _mm256_setzero_si256();

  inline __m128i encode8(__m256 x) {
    const __m256 t = _mm256_mul_ps(_mm256_sub_ps(x, low), inverse);
    const __m256 from_middle = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), _mm256_sub_ps(t, _mm256_set1_ps(63.5f)));
    const __m256 out_of_range = _mm256_cmp_ps(from_middle, _mm256_set1_ps(64.0f), _CMP_GT_OQ);
    outside = _mm256_sub_epi32(outside, _mm256_castps_si256(out_of_range));  // a true lane is -1
    // max() takes its second operand when the first is NaN.
    const __m256i code =
        _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(t, _mm256_setzero_ps()), _mm256_set1_ps(127.0f)));
    const __m256 e = _mm256_sub_ps(x, _mm256_fmadd_ps(_mm256_cvtepi32_ps(code), step, low));
    error = _mm256_fmadd_ps(e, e, error);
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(code), _mm256_extracti128_si256(code, 1));
    return _mm_packus_epi16(words, words);
  }
};

std::uint32_t encode_u7(const float* in, std::size_t n, float offset, float scale, std::uint8_t* out, float* error2) {
  Encoder encoder{_mm256_set1_ps(offset), _mm256_set1_ps(scale), _mm256_set1_ps(1.0f / scale)};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out + i), encoder.encode8(_mm256_loadu_ps(in + i)));
  }
  if (i < n) {
    float tail[8];
    std::uint8_t codes[16];
    for (std::size_t j = 0; j < 8; ++j) tail[j] = i + j < n ? in[i + j] : offset;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(codes), encoder.encode8(_mm256_loadu_ps(tail)));
    for (std::size_t j = 0; i + j < n; ++j) out[i + j] = codes[j];
  }
  if (error2 != nullptr) *error2 = sum8(encoder.error);
  return static_cast<std::uint32_t>(sum_lanes(encoder.outside));
}

// ---- Pools of candidates ----

// Every key becomes the larger of its left neighbor and the smaller of itself and the new key: no search, no move, no branch.
struct Keys {
  static constexpr std::size_t kWidth = 8;

  static inline std::uint32_t below(const std::uint32_t* d, std::size_t n, std::uint32_t bound) {
    // There is no unsigned comparison: flipping the highest bit makes the signed one agree.
    const __m256i flip = _mm256_set1_epi32(INT32_MIN);
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i used = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
    const __m256i values = _mm256_maskload_epi32(reinterpret_cast<const int*>(d), used);
    const __m256i limit = _mm256_xor_si256(_mm256_set1_epi32(static_cast<int>(bound)), flip);
    const __m256i less = _mm256_and_si256(_mm256_cmpgt_epi32(limit, _mm256_xor_si256(values, flip)), used);
    return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(less)));
  }

  static inline std::uint32_t insert(std::uint64_t* keys, std::uint32_t size, std::uint64_t key) {
    const __m256i flip = _mm256_set1_epi64x(INT64_MIN);
    const __m256i k = _mm256_set1_epi64x(static_cast<long long>(key));
    const __m256i limit = _mm256_xor_si256(k, flip);
    std::uint32_t place = 0;
    for (std::uint32_t i = size / 4 * 4;; i -= 4) {
      const __m256i own = _mm256_load_si256(reinterpret_cast<const __m256i*>(keys + i));
      const __m256i left = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(keys + i - 1));
      const __m256i own_less = _mm256_cmpgt_epi64(limit, _mm256_xor_si256(own, flip));
      const __m256i left_less = _mm256_cmpgt_epi64(limit, _mm256_xor_si256(left, flip));
      const __m256i moved = _mm256_blendv_epi8(left, k, left_less);
      _mm256_store_si256(reinterpret_cast<__m256i*>(keys + i), _mm256_blendv_epi8(moved, own, own_less));
      const auto less = static_cast<std::uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(own_less)));
      place += static_cast<std::uint32_t>(__builtin_popcount(less));
      if (less == 15) return place + i;  // what lies before is less, too
      if (i == 0) return place;
    }
  }
};

// ---- Lists of nodes ----

std::size_t select_nodes(const std::uint32_t* list, std::size_t width, std::uint32_t nodes, const std::uint64_t* bits,
                         std::uint32_t* out) {
  const __m256i last = _mm256_set1_epi32(static_cast<int>(nodes - 1));
  std::size_t count = 0;
  if (nodes == 0) return 0;
  for (std::size_t i = 0; i < width; i += 8) {
    const __m256i node = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(list + i));
    const __m256i is_below = _mm256_cmpeq_epi32(_mm256_max_epu32(node, last), last);
    const auto below = static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(is_below)));
    const __m256i words = _mm256_mask_i32gather_epi32(_mm256_setzero_si256(), reinterpret_cast<const int*>(bits),
                                                      _mm256_srli_epi32(node, 5), is_below, 4);
    // The bit in question becomes the sign.
    const __m256i up = _mm256_andnot_si256(node, _mm256_set1_epi32(31));
    const auto set = static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_sllv_epi32(words, up))));
    for (std::uint32_t chosen = set & below & ~(below + 1); chosen != 0; chosen &= chosen - 1)
      out[count++] = list[i + static_cast<std::size_t>(__builtin_ctz(chosen))];
    if (below != 255) break;
  }
  return count;
}

}  // namespace

const KernelTable kAvx2Kernels = {
    "avx2",
    Floats<L2Float, float>::one,
    Floats<DotFloat, float>::one,
    Floats<L2Float, std::uint16_t>::one,
    Floats<DotFloat, std::uint16_t>::one,
    f32_to_f16,
    f16_to_f32,
    l2_u7,
    dot_u7,
    encode_u7,
    measure_groups<L2Codes, std::uint8_t, std::uint8_t, std::int32_t>,
    measure_groups<DotCodes, std::int8_t, std::uint8_t, std::int32_t>,
    measure_groups<Floats<L2Float, float>, float, float, float>,
    measure_groups<Floats<DotFloat, float>, float, float, float>,
    measure_groups<Floats<L2Float, std::uint16_t>, float, std::uint16_t, float>,
    measure_groups<Floats<DotFloat, std::uint16_t>, float, std::uint16_t, float>,
    measure_within<L2Codes>,
    scan_groups<L2Codes, std::uint8_t, std::uint8_t, std::int32_t>,
    scan_groups<DotCodes, std::int8_t, std::uint8_t, std::int32_t>,
    offer_keys<Keys>,
    select_nodes,
};

}  // namespace sagedb
