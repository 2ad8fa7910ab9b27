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
  static inline __m512i add2(__m512i acc, __m512i q0, __m512i x0, __m512i q1, __m512i x1) { return add(add(acc, q0, x0), q1, x1); }
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

// Four rows at once: the query is loaded once and the horizontal sums are shared. With kPrefetch, the lines of four later rows are
// requested on the way.
template <typename Step, bool kPrefetch>
inline void code_four(const void* q, const void* const* x, const void* const* later, std::size_t n, std::int32_t* out) {
  const void *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
  __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
  std::size_t i = 0;
  for (; i + 128 <= n; i += 128) {
    if (kPrefetch) {
      for (int r = 0; r < 4; ++r) {
        prefetch_line(static_cast<const char*>(later[r]) + i);
        prefetch_line(static_cast<const char*>(later[r]) + i + 64);
      }
    }
    const __m512i q0 = line(q, i), q1 = line(q, i + 64);
    a = Step::add2(a, q0, line(x0, i), q1, line(x0, i + 64));
    b = Step::add2(b, q0, line(x1, i), q1, line(x1, i + 64));
    c = Step::add2(c, q0, line(x2, i), q1, line(x2, i + 64));
    d = Step::add2(d, q0, line(x3, i), q1, line(x3, i + 64));
  }
  if (i < n) {
    if (kPrefetch) {
      for (int r = 0; r < 4; ++r) prefetch_line(static_cast<const char*>(later[r]) + i);
    }
    const __m512i q0 = line(q, i);
    a = Step::add(a, q0, line(x0, i));
    b = Step::add(b, q0, line(x1, i));
    c = Step::add(c, q0, line(x2, i));
    d = Step::add(d, q0, line(x3, i));
  }
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), reduce4(a, b, c, d));
}

template <typename Step, typename Q>
void code_many(const Q* q, const std::uint8_t* const* rows, std::size_t count, std::size_t n, std::int32_t* out) {
  const void* const* x = reinterpret_cast<const void* const*>(rows);
  const LookAhead ahead = look_ahead(n);
  const std::size_t lines = ahead.lines;
  const std::size_t first = count < ahead.rows ? count : ahead.rows;
  for (std::size_t i = 0; i < first; ++i) prefetch_row(x[i], lines);
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    if (i + ahead.rows + 4 <= count) {
      code_four<Step, true>(q, x + i, x + i + ahead.rows, n, out + i);
    } else {
      for (std::size_t j = i + ahead.rows; j < count; ++j) prefetch_row(x[j], lines);
      code_four<Step, false>(q, x + i, nullptr, n, out + i);
    }
  }
  for (; i < count; ++i) out[i] = code_one<Step>(q, x[i], n);
}

template <typename Step, typename Q>
void code_scan(const Q* q, const std::uint8_t* base, std::size_t stride, std::size_t count, std::size_t n, std::int32_t* out) {
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const std::uint8_t* p = base + i * stride;
    const void* x[4] = {p, p + stride, p + 2 * stride, p + 3 * stride};
    code_four<Step, false>(q, x, nullptr, n, out + i);
  }
  for (; i < count; ++i) out[i] = code_one<Step>(q, base + i * stride, n);
}

std::int32_t l2_u7(const std::uint8_t* a, const std::uint8_t* b, std::size_t n) { return code_one<L2Step>(a, b, n); }
std::int32_t dot_u7(const std::uint8_t* a, const std::int8_t* b, std::size_t n) { return code_one<DotStep>(b, a, n); }

// ---- Full and half precision ----

inline __m512 load16(const float* p) { return _mm512_load_ps(p); }
inline __m512 load16(const std::uint16_t* p) { return _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(p))); }

struct L2Float {
  static inline __m512 add(__m512 acc, __m512 q, __m512 x) {
    const __m512 d = _mm512_sub_ps(q, x);
    return _mm512_fmadd_ps(d, d, acc);
  }
};

struct DotFloat {
  static inline __m512 add(__m512 acc, __m512 q, __m512 x) { return _mm512_fmadd_ps(q, x, acc); }
};

template <typename Step, typename X>
float float_one(const float* q, const X* x, std::size_t n) {
  __m512 a = _mm512_setzero_ps(), b = a, c = a, d = a;
  std::size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    a = Step::add(a, load16(q + i), load16(x + i));
    b = Step::add(b, load16(q + i + 16), load16(x + i + 16));
    c = Step::add(c, load16(q + i + 32), load16(x + i + 32));
    d = Step::add(d, load16(q + i + 48), load16(x + i + 48));
  }
  for (; i < n; i += 16) a = Step::add(a, load16(q + i), load16(x + i));
  return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)));
}

void f32_to_f16(const float* in, std::uint16_t* out, std::size_t n) {
  for (std::size_t i = 0; i < n; i += 16) {
    const __mmask16 m = n - i >= 16 ? 0xffff : static_cast<__mmask16>((1u << (n - i)) - 1);
    const __m256i h = _mm512_cvtps_ph(_mm512_maskz_loadu_ps(m, in + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm256_mask_storeu_epi16(out + i, m, h);
  }
}

void f16_to_f32(const std::uint16_t* in, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; i += 16) {
    const __mmask16 m = n - i >= 16 ? 0xffff : static_cast<__mmask16>((1u << (n - i)) - 1);
    _mm512_mask_storeu_ps(out + i, m, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, in + i)));
  }
}

std::uint32_t encode_u7(const float* in, std::size_t n, float offset, float scale, std::uint8_t* out, float* error2) {
  const __m512 low = _mm512_set1_ps(offset), step = _mm512_set1_ps(scale), inverse = _mm512_set1_ps(1.0f / scale);
  const __m512 zero = _mm512_setzero_ps(), top = _mm512_set1_ps(127.0f);
  const __m512 below = _mm512_set1_ps(-0.5f), above = _mm512_set1_ps(127.5f);
  __m512 error = zero;
  std::uint32_t outside = 0;
  for (std::size_t i = 0; i < n; i += 16) {
    const __mmask16 m = n - i >= 16 ? 0xffff : static_cast<__mmask16>((1u << (n - i)) - 1);
    const __m512 x = _mm512_mask_loadu_ps(low, m, in + i);
    const __m512 t = _mm512_mul_ps(_mm512_sub_ps(x, low), inverse);
    const unsigned out_of_range = static_cast<unsigned>(_mm512_cmp_ps_mask(t, below, _CMP_LT_OQ)) |
                                  static_cast<unsigned>(_mm512_cmp_ps_mask(t, above, _CMP_GT_OQ));
    outside += static_cast<std::uint32_t>(__builtin_popcount(out_of_range));
    // max() takes its second operand when the first is NaN.
    const __m512i code = _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(t, zero), top));
    _mm_mask_storeu_epi8(out + i, m, _mm512_cvtepi32_epi8(code));
    const __m512 e = _mm512_sub_ps(x, _mm512_fmadd_ps(_mm512_cvtepi32_ps(code), step, low));
    error = _mm512_fmadd_ps(e, e, error);
  }
  *error2 = _mm512_reduce_add_ps(error);
  return outside;
}

constexpr KernelTable avx512_table(const char* name) {
  return {
      name,
      float_one<L2Float, float>,
      float_one<DotFloat, float>,
      float_one<L2Float, std::uint16_t>,
      float_one<DotFloat, std::uint16_t>,
      f32_to_f16,
      f16_to_f32,
      l2_u7,
      dot_u7,
      encode_u7,
      code_many<L2Step, std::uint8_t>,
      code_many<DotStep, std::int8_t>,
      measure_many<float, float, float, float_one<L2Float, float>>,
      measure_many<float, float, float, float_one<DotFloat, float>>,
      measure_many<float, std::uint16_t, float, float_one<L2Float, std::uint16_t>>,
      measure_many<float, std::uint16_t, float, float_one<DotFloat, std::uint16_t>>,
      code_scan<L2Step, std::uint8_t>,
      code_scan<DotStep, std::int8_t>,
  };
}

}  // namespace
}  // namespace sagedb
