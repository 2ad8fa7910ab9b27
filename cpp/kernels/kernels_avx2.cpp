#include <immintrin.h>

#include "kernels/batch.h"
#include "kernels/kernel_tables.h"

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

inline __m128i sum_halves(__m256i v) { return _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)); }

template <typename Step>
std::int32_t code_one(const void* q, const void* x, std::size_t n) {
  __m256i acc0 = _mm256_setzero_si256(), acc1 = acc0;
  std::size_t i = 0;
  for (; i + 128 <= n; i += 128) {
    acc0 = Step::add2(acc0, half_line(q, i), half_line(x, i), half_line(q, i + 32), half_line(x, i + 32));
    acc1 = Step::add2(acc1, half_line(q, i + 64), half_line(x, i + 64), half_line(q, i + 96), half_line(x, i + 96));
  }
  if (i < n) acc0 = Step::add2(acc0, half_line(q, i), half_line(x, i), half_line(q, i + 32), half_line(x, i + 32));
  __m128i s = sum_halves(_mm256_add_epi32(acc0, acc1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
  return _mm_cvtsi128_si32(s);
}

// Four rows at once: the query is loaded once and the horizontal sums are shared. With kPrefetch, the lines of four later rows are
// requested on the way.
template <typename Step, bool kPrefetch>
inline void code_four(const void* q, const void* const* x, const void* const* later, std::size_t n, std::int32_t* out) {
  const void *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
  __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
  for (std::size_t i = 0; i < n; i += 64) {
    if (kPrefetch) {
      for (int r = 0; r < 4; ++r) prefetch_line(static_cast<const char*>(later[r]) + i);
    }
    const __m256i q0 = half_line(q, i), q1 = half_line(q, i + 32);
    a = Step::add2(a, q0, half_line(x0, i), q1, half_line(x0, i + 32));
    b = Step::add2(b, q0, half_line(x1, i), q1, half_line(x1, i + 32));
    c = Step::add2(c, q0, half_line(x2, i), q1, half_line(x2, i + 32));
    d = Step::add2(d, q0, half_line(x3, i), q1, half_line(x3, i + 32));
  }
  const __m256i abcd = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), sum_halves(abcd));
}

template <typename Step, typename Q>
void code_many(const Q* q, const std::uint8_t* const* rows, std::size_t count, std::size_t n, std::int32_t* out) {
  const void* const* x = reinterpret_cast<const void* const*>(rows);
  const LookAhead ahead = look_ahead(n);
  const std::size_t first = count < ahead.rows ? count : ahead.rows;
  for (std::size_t i = 0; i < first; ++i) prefetch_row(x[i], ahead.lines);
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    if (i + ahead.rows + 4 <= count) {
      code_four<Step, true>(q, x + i, x + i + ahead.rows, n, out + i);
    } else {
      for (std::size_t j = i + ahead.rows; j < count; ++j) prefetch_row(x[j], ahead.lines);
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

inline __m256 load8(const float* p) { return _mm256_load_ps(p); }
inline __m256 load8(const std::uint16_t* p) { return _mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(p))); }

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

template <typename Step, typename X>
float float_one(const float* q, const X* x, std::size_t n) {
  __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;
  std::size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    a = Step::add(a, load8(q + i), load8(x + i));
    b = Step::add(b, load8(q + i + 8), load8(x + i + 8));
    c = Step::add(c, load8(q + i + 16), load8(x + i + 16));
    d = Step::add(d, load8(q + i + 24), load8(x + i + 24));
  }
  if (i < n) {
    a = Step::add(a, load8(q + i), load8(x + i));
    b = Step::add(b, load8(q + i + 8), load8(x + i + 8));
  }
  return sum8(_mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d)));
}

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
  std::uint32_t outside = 0;

  inline __m128i encode8(__m256 x) {
    const __m256 t = _mm256_mul_ps(_mm256_sub_ps(x, low), inverse);
    const __m256 out_of_range = _mm256_or_ps(_mm256_cmp_ps(t, _mm256_set1_ps(-0.5f), _CMP_LT_OQ),
                                             _mm256_cmp_ps(t, _mm256_set1_ps(127.5f), _CMP_GT_OQ));
    outside += static_cast<std::uint32_t>(__builtin_popcount(static_cast<unsigned>(_mm256_movemask_ps(out_of_range))));
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
  *error2 = sum8(encoder.error);
  return encoder.outside;
}

}  // namespace

const KernelTable kAvx2Kernels = {
    "avx2",
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

}  // namespace sagedb
