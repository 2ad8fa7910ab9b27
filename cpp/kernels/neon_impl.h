// Kernels of the two aarch64 files (baseline NEON; with the dot-product instructions). Included by those files only; all names have
// internal linkage.
#pragma once

#include <arm_neon.h>

#include "kernels/batch.h"
#include "kernels/kernels.h"
#include "kernels/node_lists.h"
#include "kernels/offer_keys.h"

namespace sagedb {
namespace {

// ---- 7-bit codes ----
// Step: adds 16 bytes of a distance to four 32-bit sums.

struct L2Step {
  static inline int32x4_t add(int32x4_t acc, uint8x16_t q, uint8x16_t x) {
    const uint8x16_t d = vabdq_u8(q, x);
    uint32x4_t sum = vreinterpretq_u32_s32(acc);
#ifdef __ARM_FEATURE_DOTPROD
    sum = vdotq_u32(sum, d, d);
#else
    sum = vpadalq_u16(sum, vmull_u8(vget_low_u8(d), vget_low_u8(d)));
    sum = vpadalq_u16(sum, vmull_high_u8(d, d));
#endif
    return vreinterpretq_s32_u32(sum);
  }
};

struct DotStep {
  // Codes stay below 128, so the unsigned side may be read as signed.
  static inline int32x4_t add(int32x4_t acc, uint8x16_t q, uint8x16_t x) {
    const int8x16_t a = vreinterpretq_s8_u8(q), b = vreinterpretq_s8_u8(x);
#ifdef __ARM_FEATURE_DOTPROD
    return vdotq_s32(acc, a, b);
#else
    acc = vpadalq_s16(acc, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
    return vpadalq_s16(acc, vmull_high_s8(a, b));
#endif
  }
};

template <typename Step>
struct CodeSum {
  int32x4_t a = vdupq_n_s32(0), b = a;
  inline void add64(const uint8x16_t* q, const std::uint8_t* x) {
    a = Step::add(a, q[0], vld1q_u8(x));
    b = Step::add(b, q[1], vld1q_u8(x + 16));
    a = Step::add(a, q[2], vld1q_u8(x + 32));
    b = Step::add(b, q[3], vld1q_u8(x + 48));
  }
  inline std::int32_t sum() const { return vaddvq_s32(vaddq_s32(a, b)); }
};

template <typename Step, typename Q>
struct Codes {
  static constexpr std::size_t kGroup = 4;

  static inline void load_query(const Q* q, uint8x16_t* out) {
    const std::uint8_t* p = reinterpret_cast<const std::uint8_t*>(q);
    for (int j = 0; j < 4; ++j) out[j] = vld1q_u8(p + 16 * j);
  }

  static std::int32_t one(const Q* q, const std::uint8_t* x, std::size_t n) {
    CodeSum<Step> s;
    uint8x16_t line[4];
    for (std::size_t i = 0; i < n; i += 64) {
      load_query(q + i, line);
      s.add64(line, x + i);
    }
    return s.sum();
  }

  template <bool kPrefetch>
  static inline void group(const Q* q, const std::uint8_t* const* rows, const std::uint8_t* const* later, std::size_t n,
                           std::int32_t* out) {
    CodeSum<Step> s[4];
    uint8x16_t line[4];
    for (std::size_t i = 0; i < n; i += 64) {
      load_query(q + i, line);
      for (int r = 0; r < 4; ++r) {
        if (kPrefetch) prefetch_line(later[r] + i);
        s[r].add64(line, rows[r] + i);
      }
    }
    for (int r = 0; r < 4; ++r) out[r] = s[r].sum();
  }
};

using L2Codes = Codes<L2Step, std::uint8_t>;
using DotCodes = Codes<DotStep, std::int8_t>;

std::int32_t dot_u7(const std::uint8_t* a, const std::int8_t* b, std::size_t n) { return DotCodes::one(b, a, n); }

// ---- Full and half precision ----

inline float32x4_t load4(const float* p) { return vld1q_f32(p); }
inline float32x4_t load4(const std::uint16_t* p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }

struct L2Float {
  static inline float32x4_t add(float32x4_t acc, float32x4_t q, float32x4_t x) {
    const float32x4_t d = vsubq_f32(q, x);
    return vfmaq_f32(acc, d, d);
  }
};

struct DotFloat {
  static inline float32x4_t add(float32x4_t acc, float32x4_t q, float32x4_t x) { return vfmaq_f32(acc, q, x); }
};

// Sixteen components of one row in four chains, which hide the latency of the additions.
template <typename Step>
struct Chains {
  float32x4_t a = vdupq_n_f32(0), b = a, c = a, d = a;

  template <typename X>
  inline void add16(const float* q, const X* x) {
    a = Step::add(a, load4(q), load4(x));
    b = Step::add(b, load4(q + 4), load4(x + 4));
    c = Step::add(c, load4(q + 8), load4(x + 8));
    d = Step::add(d, load4(q + 12), load4(x + 12));
  }
  inline float sum() const { return vaddvq_f32(vaddq_f32(vaddq_f32(a, b), vaddq_f32(c, d))); }
};

// A row gives the same bits alone and in a group: both add in the same order.
template <typename Step, typename X>
struct Floats {
  static constexpr std::size_t kGroup = 2;

  static float one(const float* q, const X* x, std::size_t n) {
    Chains<Step> s;
    for (std::size_t i = 0; i < n; i += 16) s.add16(q + i, x + i);
    return s.sum();
  }

  template <bool kPrefetch>
  static inline void group(const float* q, const X* const* rows, const X* const* later, std::size_t n, float* out) {
    Chains<Step> s0, s1;
    for (std::size_t i = 0; i < n; i += 16) {
      if (kPrefetch && i * sizeof(X) % kLine == 0) {
        prefetch_line(later[0] + i);
        prefetch_line(later[1] + i);
      }
      s0.add16(q + i, rows[0] + i);
      s1.add16(q + i, rows[1] + i);
    }
    out[0] = s0.sum();
    out[1] = s1.sum();
  }
};

void f32_to_f16(const float* in, std::uint16_t* out, std::size_t n) {
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) vst1_u16(out + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(in + i))));
  for (; i < n; ++i) out[i] = vget_lane_u16(vreinterpret_u16_f16(vcvt_f16_f32(vdupq_n_f32(in[i]))), 0);
}

void f16_to_f32(const std::uint16_t* in, float* out, std::size_t n) {
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) vst1q_f32(out + i, load4(in + i));
  for (; i < n; ++i) out[i] = vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(in[i]))), 0);
}

struct Encoder {
  float32x4_t low, step, inverse;
  float32x4_t error = vdupq_n_f32(0);
  uint32x4_t outside = vdupq_n_u32(0);

  inline uint16x4_t encode4(float32x4_t x) {
    const float32x4_t t = vmulq_f32(vsubq_f32(x, low), inverse);
    const float32x4_t from_middle = vabsq_f32(vsubq_f32(t, vdupq_n_f32(63.5f)));
    outside = vsubq_u32(outside, vcgtq_f32(from_middle, vdupq_n_f32(64.0f)));  // a true lane is -1
    // maxnm takes the number when the other operand is NaN.
    const int32x4_t code = vcvtnq_s32_f32(vminnmq_f32(vmaxnmq_f32(t, vdupq_n_f32(0)), vdupq_n_f32(127.0f)));
    const float32x4_t e = vsubq_f32(x, vfmaq_f32(low, vcvtq_f32_s32(code), step));
    error = vfmaq_f32(error, e, e);
    return vmovn_u32(vreinterpretq_u32_s32(code));
  }
  inline uint8x8_t encode8(const float* in) {
    const uint16x4_t first = encode4(vld1q_f32(in));
    return vmovn_u16(vcombine_u16(first, encode4(vld1q_f32(in + 4))));
  }
};

std::uint32_t encode_u7(const float* in, std::size_t n, float offset, float scale, std::uint8_t* out, float* error2) {
  Encoder encoder{vdupq_n_f32(offset), vdupq_n_f32(scale), vdupq_n_f32(1.0f / scale)};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) vst1_u8(out + i, encoder.encode8(in + i));
  if (i < n) {
    float tail[8];
    std::uint8_t codes[8];
    for (std::size_t j = 0; j < 8; ++j) tail[j] = i + j < n ? in[i + j] : offset;
    vst1_u8(codes, encoder.encode8(tail));
    for (std::size_t j = 0; i + j < n; ++j) out[i + j] = codes[j];
  }
  if (error2 != nullptr) *error2 = vaddvq_f32(encoder.error);
  return vaddvq_u32(encoder.outside);
}

constexpr KernelTable neon_table(const char* name) {
  return {
      name,
      Floats<L2Float, float>::one,
      Floats<DotFloat, float>::one,
      Floats<L2Float, std::uint16_t>::one,
      Floats<DotFloat, std::uint16_t>::one,
      f32_to_f16,
      f16_to_f32,
      L2Codes::one,
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
      offer_keys<PlainKeys>,
      select_nodes_plain,
  };
}

}  // namespace
}  // namespace sagedb
