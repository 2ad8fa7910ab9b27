// Kernels of the AVX-512 files (with and without VNNI). Included by those two files only, each compiled with its own flags; all
// names have internal linkage.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 reports the deliberately undefined operands inside its own intrinsics (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "kernels/batch.h"
#include "kernels/kernels.h"
#include "kernels/offer_keys.h"

namespace sagedb {
namespace {

// ---- 7-bit codes ----
// Step: adds one cache line of a distance to sixteen 32-bit sums.

struct L2Step {
  static inline __m512i add(__m512i acc, __m512i q, __m512i x) {
    const __m512i d = _mm512_abs_epi8(_mm512_sub_epi8(q, x));
#ifdef __AVX512VNNI__
    return _mm512_dpbusd_epi32(acc, d, d);
#else
    return _mm512_add_epi32(acc, _mm512_madd_epi16(_mm512_maddubs_epi16(d, d), _mm512_set1_epi16(1)));
#endif
  }
  static inline __m512i add2(__m512i acc, __m512i q0, __m512i x0, __m512i q1, __m512i x1) {
    return add(add(acc, q0, x0), q1, x1);
  }
};

struct DotStep {
  static inline __m512i add(__m512i acc, __m512i q, __m512i x) {
#ifdef __AVX512VNNI__
    return _mm512_dpbusd_epi32(acc, x, q);
#else
    return _mm512_add_epi32(acc, _mm512_madd_epi16(_mm512_maddubs_epi16(x, q), _mm512_set1_epi16(1)));
#endif
  }
  static inline __m512i add2(__m512i acc, __m512i q0, __m512i x0, __m512i q1, __m512i x1) {
#ifdef __AVX512VNNI__
    return add(add(acc, q0, x0), q1, x1);
#else
    // A pair sum is at least 2 * 127 * -64 = -16256, so two of them still fit 16 bits.
    const __m512i pairs = _mm512_add_epi16(_mm512_maddubs_epi16(x0, q0), _mm512_maddubs_epi16(x1, q1));
    return _mm512_add_epi32(acc, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
#endif
  }
};

inline __m512i line(const void* p, std::size_t offset) {
  return _mm512_load_si512(static_cast<const char*>(p) + offset);
}

template <typename Step>
std::int32_t code_one(const void* q, const void* x, std::size_t n) {
  __m512i acc0 = _mm512_setzero_si512(), acc1 = acc0;
  std::size_t i = 0;
  for (; i + 256 <= n; i += 256) {
    acc0 = Step::add2(acc0, line(q, i), line(x, i), line(q, i + 64), line(x, i + 64));
    acc1 = Step::add2(acc1, line(q, i + 128), line(x, i + 128), line(q, i + 192), line(x, i + 192));
  }
  for (; i < n; i += 64) acc0 = Step::add(acc0, line(q, i), line(x, i));
  return _mm512_reduce_add_epi32(_mm512_add_epi32(acc0, acc1));
}

// The four sums of four vectors, in order.
inline __m128i reduce4(__m512i a, __m512i b, __m512i c, __m512i d) {
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
  const __m512i abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64(abcd, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

// Requests the line `offset` bytes into each of four rows.
template <typename X>
inline void prefetch_four(const X* const* rows, std::size_t offset) {
  for (int r = 0; r < 4; ++r) prefetch_line(reinterpret_cast<const char*>(rows[r]) + offset);
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
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    std::size_t i = 0;
    for (; i + 128 <= n; i += 128) {
      if (kPrefetch) prefetch_four(later, i);
      if (kPrefetch) prefetch_four(later, i + 64);
      const __m512i q0 = line(q, i), q1 = line(q, i + 64);
      a = Step::add2(a, q0, line(x0, i), q1, line(x0, i + 64));
      b = Step::add2(b, q0, line(x1, i), q1, line(x1, i + 64));
      c = Step::add2(c, q0, line(x2, i), q1, line(x2, i + 64));
      d = Step::add2(d, q0, line(x3, i), q1, line(x3, i + 64));
    }
    if (i < n) {
      if (kPrefetch) prefetch_four(later, i);
      const __m512i q0 = line(q, i);
      a = Step::add(a, q0, line(x0, i));
      b = Step::add(b, q0, line(x1, i));
      c = Step::add(c, q0, line(x2, i));
      d = Step::add(d, q0, line(x3, i));
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), reduce4(a, b, c, d));
  }
};

using L2Codes = Codes<L2Step, std::uint8_t>;
using DotCodes = Codes<DotStep, std::int8_t>;

std::int32_t l2_u7(const std::uint8_t* a, const std::uint8_t* b, std::size_t n) { return code_one<L2Step>(a, b, n); }
std::int32_t dot_u7(const std::uint8_t* a, const std::int8_t* b, std::size_t n) { return code_one<DotStep>(b, a, n); }

// ---- Full and half precision ----

inline __m512 load16(const float* p) { return _mm512_load_ps(p); }
inline __m512 load16(const std::uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(p)));
}

struct L2Float {
  static inline __m512 add(__m512 acc, __m512 q, __m512 x) {
    const __m512 d = _mm512_sub_ps(q, x);
    return _mm512_fmadd_ps(d, d, acc);
  }
};

struct DotFloat {
  static inline __m512 add(__m512 acc, __m512 q, __m512 x) { return _mm512_fmadd_ps(q, x, acc); }
};

// Sixty-four components of one row in four chains, which hide the latency of the additions.
template <typename Step>
struct Chains {
  __m512 a = _mm512_setzero_ps(), b = a, c = a, d = a;

  template <typename X>
  inline void add64(__m512 q0, __m512 q1, __m512 q2, __m512 q3, const X* x) {
    a = Step::add(a, q0, load16(x));
    b = Step::add(b, q1, load16(x + 16));
    c = Step::add(c, q2, load16(x + 32));
    d = Step::add(d, q3, load16(x + 48));
  }
  template <typename X>
  inline void add16(__m512 q, const X* x) {
    a = Step::add(a, q, load16(x));
  }
  inline float sum() const { return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d))); }
};

// A row gives the same bits alone and in a group: both add in the same order.
template <typename Step, typename X>
struct Floats {
  static constexpr std::size_t kGroup = 4;

  static float one(const float* q, const X* x, std::size_t n) {
    Chains<Step> s;
    std::size_t i = 0;
    for (; i + 64 <= n; i += 64)
      s.add64(load16(q + i), load16(q + i + 16), load16(q + i + 32), load16(q + i + 48), x + i);
    for (; i < n; i += 16) s.add16(load16(q + i), x + i);
    return s.sum();
  }

  template <bool kPrefetch>
  static inline void group(const float* q, const X* const* rows, const X* const* later, std::size_t n, float* out) {
    const X *x0 = rows[0], *x1 = rows[1], *x2 = rows[2], *x3 = rows[3];
    Chains<Step> s0, s1, s2, s3;
    std::size_t i = 0;
    for (; i + 64 <= n; i += 64) {
      if (kPrefetch) {
        for (std::size_t line = 0; line < sizeof(X); ++line) prefetch_four(later, i * sizeof(X) + line * kLine);
      }
      const __m512 q0 = load16(q + i), q1 = load16(q + i + 16), q2 = load16(q + i + 32), q3 = load16(q + i + 48);
      s0.add64(q0, q1, q2, q3, x0 + i);
      s1.add64(q0, q1, q2, q3, x1 + i);
      s2.add64(q0, q1, q2, q3, x2 + i);
      s3.add64(q0, q1, q2, q3, x3 + i);
    }
    for (; i < n; i += 16) {
      if (kPrefetch) prefetch_four(later, i * sizeof(X));
      const __m512 q0 = load16(q + i);
      s0.add16(q0, x0 + i);
      s1.add16(q0, x1 + i);
      s2.add16(q0, x2 + i);
      s3.add16(q0, x3 + i);
    }
    out[0] = s0.sum();
    out[1] = s1.sum();
    out[2] = s2.sum();
    out[3] = s3.sum();
  }
};

inline __mmask16 first_lanes(std::size_t count) { return static_cast<__mmask16>((1u << count) - 1); }

void f32_to_f16(const float* in, std::uint16_t* out, std::size_t n) {
  constexpr int kNearestEven = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i), _mm512_cvtps_ph(_mm512_loadu_ps(in + i), kNearestEven));
  }
  const __mmask16 m = first_lanes(n - i);
  _mm256_mask_storeu_epi16(out + i, m, _mm512_cvtps_ph(_mm512_maskz_loadu_ps(m, in + i), kNearestEven));
}

void f16_to_f32(const std::uint16_t* in, float* out, std::size_t n) {
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    _mm512_storeu_ps(out + i, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i))));
  }
  const __mmask16 m = first_lanes(n - i);
  _mm512_mask_storeu_ps(out + i, m, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, in + i)));
}

struct Encoder {
  __m512 low, step, inverse;
  __m512 error = _mm512_setzero_ps();
  __m512i outside = _mm512_setzero_si512();

  inline __m128i encode16(__m512 x) {
    const __m512 t = _mm512_mul_ps(_mm512_sub_ps(x, low), inverse);
    const __m512 from_middle = _mm512_abs_ps(_mm512_sub_ps(t, _mm512_set1_ps(63.5f)));
    const __mmask16 out_of_range = _mm512_cmp_ps_mask(from_middle, _mm512_set1_ps(64.0f), _CMP_GT_OQ);
    outside = _mm512_mask_add_epi32(outside, out_of_range, outside, _mm512_set1_epi32(1));
    // max() takes its second operand when the first is NaN.
    const __m512i code =
        _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(t, _mm512_setzero_ps()), _mm512_set1_ps(127.0f)));
    const __m512 e = _mm512_sub_ps(x, _mm512_fmadd_ps(_mm512_cvtepi32_ps(code), step, low));
    error = _mm512_fmadd_ps(e, e, error);
    return _mm512_cvtepi32_epi8(code);
  }
};

std::uint32_t encode_u7(const float* in, std::size_t n, float offset, float scale, std::uint8_t* out, float* error2) {
  Encoder encoder{_mm512_set1_ps(offset), _mm512_set1_ps(scale), _mm512_set1_ps(1.0f / scale)};
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), encoder.encode16(_mm512_loadu_ps(in + i)));
  }
  const __mmask16 m = first_lanes(n - i);
  _mm_mask_storeu_epi8(out + i, m, encoder.encode16(_mm512_mask_loadu_ps(encoder.low, m, in + i)));
  if (error2 != nullptr) *error2 = _mm512_reduce_add_ps(encoder.error);
  return static_cast<std::uint32_t>(_mm512_reduce_add_epi32(encoder.outside));
}

// ---- Pools of candidates ----

// Every key becomes the larger of its left neighbor and the smaller of itself and the new key: no search, no move, no branch.
struct Keys {
  static constexpr std::size_t kWidth = 16;

  static inline std::uint32_t below(const std::uint32_t* d, std::size_t n, std::uint32_t bound) {
    const __mmask16 used = first_lanes(n);
    return _mm512_mask_cmplt_epu32_mask(used, _mm512_maskz_loadu_epi32(used, d),
                                        _mm512_set1_epi32(static_cast<int>(bound)));
  }

  static inline std::uint32_t insert(std::uint64_t* keys, std::uint32_t size, std::uint64_t key) {
    const __m512i k = _mm512_set1_epi64(static_cast<long long>(key));
    std::uint32_t place = 0;
    for (std::uint32_t i = size / 8 * 8;; i -= 8) {
      const __m512i own = _mm512_load_si512(keys + i), left = _mm512_loadu_si512(keys + i - 1);
      const __mmask8 own_less = _mm512_cmplt_epu64_mask(own, k), left_less = _mm512_cmplt_epu64_mask(left, k);
      _mm512_store_si512(keys + i, _mm512_mask_mov_epi64(_mm512_mask_mov_epi64(left, left_less, k), own_less, own));
      place += static_cast<std::uint32_t>(__builtin_popcount(own_less));
      if (own_less == 255) return place + i;  // what lies before is less, too
      if (i == 0) return place;
    }
  }
};

// ---- Lists of nodes ----

std::size_t select_nodes(const std::uint32_t* list, std::size_t width, std::uint32_t nodes, const std::uint64_t* bits,
                         std::uint32_t* out) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < width; i += 16) {
    const __m512i node = _mm512_loadu_si512(list + i);
    const std::uint32_t below = _mm512_cmplt_epu32_mask(node, _mm512_set1_epi32(static_cast<int>(nodes)));
    const auto used = static_cast<__mmask16>(below & ~(below + 1));  // up to the first that is none
    const __m512i words =
        _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), used, _mm512_srli_epi32(node, 5), bits, 4);
    const __m512i bit = _mm512_sllv_epi32(_mm512_set1_epi32(1), _mm512_and_epi32(node, _mm512_set1_epi32(31)));
    const __mmask16 chosen = _mm512_mask_test_epi32_mask(used, words, bit);
    _mm512_storeu_si512(out + count, _mm512_maskz_compress_epi32(chosen, node));
    count += static_cast<std::size_t>(__builtin_popcount(chosen));
    if (used != 0xffff) break;
  }
  return count;
}

constexpr KernelTable avx512_table(const char* name) {
  return {
      name,
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
}

}  // namespace
}  // namespace sagedb
