// Reference kernels in plain C++: what every other table is tested against, and what runs where no vector table fits. Sums use
// sixteen independent accumulators so that the compiler may use whatever vectors the baseline has.
#include "kernels/batch.h"
#include "kernels/kernel_tables.h"
#include "kernels/node_lists.h"
#include "kernels/offer_keys.h"

namespace sagedb {
namespace {

float bits_to_float(std::uint32_t u) {
  float f;
  __builtin_memcpy(&f, &u, sizeof f);
  return f;
}

std::uint32_t float_to_bits(float f) {
  std::uint32_t u;
  __builtin_memcpy(&u, &f, sizeof u);
  return u;
}

float half_to_float(std::uint16_t h) {
  // The half's exponent and mantissa, moved into place and rescaled by 2^(127-15): exact, subnormal halves included.
  const std::uint32_t magnitude = static_cast<std::uint32_t>(h & 0x7fffu) << 13;
  const std::uint32_t special =
      (h & 0x7c00u) == 0x7c00u ? 0x7f800000u | (magnitude != (0x7c00u << 13) ? 0x00400000u : 0) : 0;
  const std::uint32_t finite = float_to_bits(bits_to_float(magnitude) * 0x1p112f);
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000u) << 16;
  return bits_to_float(sign | (special != 0 ? special | magnitude : finite));
}

std::uint16_t float_to_half(float f) {
  const std::uint32_t u = float_to_bits(f);
  const std::uint32_t sign = (u >> 16) & 0x8000u;
  const std::uint32_t magnitude = u & 0x7fffffffu;
  if (magnitude > 0x7f800000u)  // NaN: quiet, payload truncated, as the hardware does
    return static_cast<std::uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x1ffu));
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // rounds to 2^16 or more
  if (magnitude < 0x38800000u) {
    // Subnormal half: adding 0.5 puts the half's last bit at the float's last bit, so the addition itself rounds to nearest even.
    const float shifted = bits_to_float(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (float_to_bits(shifted) - 0x3f000000u));
  }
  const std::uint32_t odd = (magnitude >> 13) & 1u;
  return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
}

float sum16(const float* acc) {
  float s = 0;
  for (int j = 0; j < 16; ++j) s += acc[j];
  return s;
}

float l2_f32(const float* a, const float* b, std::size_t n) {
  float acc[16] = {};
  for (std::size_t i = 0; i < n; i += 16) {
    for (int j = 0; j < 16; ++j) {
      const float d = a[i + j] - b[i + j];
      acc[j] += d * d;
    }
  }
  return sum16(acc);
}

float dot_f32(const float* a, const float* b, std::size_t n) {
  float acc[16] = {};
  for (std::size_t i = 0; i < n; i += 16) {
    for (int j = 0; j < 16; ++j) acc[j] += a[i + j] * b[i + j];
  }
  return sum16(acc);
}

float l2_f16(const float* q, const std::uint16_t* x, std::size_t n) {
  float acc[16] = {};
  for (std::size_t i = 0; i < n; i += 16) {
    for (int j = 0; j < 16; ++j) {
      const float d = q[i + j] - half_to_float(x[i + j]);
      acc[j] += d * d;
    }
  }
  return sum16(acc);
}

float dot_f16(const float* q, const std::uint16_t* x, std::size_t n) {
  float acc[16] = {};
  for (std::size_t i = 0; i < n; i += 16) {
    for (int j = 0; j < 16; ++j) acc[j] += q[i + j] * half_to_float(x[i + j]);
  }
  return sum16(acc);
}

void f32_to_f16(const float* in, std::uint16_t* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = float_to_half(in[i]);
}

void f16_to_f32(const std::uint16_t* in, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = half_to_float(in[i]);
}

std::int32_t l2_u7(const std::uint8_t* a, const std::uint8_t* b, std::size_t n) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const std::int16_t d = static_cast<std::int16_t>(a[i] - b[i]);
    sum += d * d;
  }
  return sum;
}

std::int32_t dot_u7(const std::uint8_t* a, const std::int8_t* b, std::size_t n) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<std::int16_t>(a[i]) * static_cast<std::int16_t>(b[i]);
  return sum;
}

std::int32_t row_dot_u7(const std::int8_t* q, const std::uint8_t* row, std::size_t n) { return dot_u7(row, q, n); }

// Encodes sixteen components; adds squared errors to acc[16].
std::uint32_t encode16(const float* in, float offset, float scale, float inverse, std::uint8_t* out, float* acc) {
  std::uint32_t outside = 0;
  for (int j = 0; j < 16; ++j) {
    float t = (in[j] - offset) * inverse;
    outside += __builtin_fabsf(t - 63.5f) > 64.0f ? 1u : 0u;
    // Clamped before the conversion (out of range would be undefined); the comparisons send NaN to 0.
    t = t > 0.0f ? t : 0.0f;
    t = t < 127.0f ? t : 127.0f;
    // Adding 2^23 rounds to the nearest even integer and leaves it in the low bits.
    const float rounded = t + 8388608.0f;
    out[j] = static_cast<std::uint8_t>(float_to_bits(rounded) & 0x7fu);
    const float e = in[j] - (offset + scale * (rounded - 8388608.0f));
    acc[j] += e * e;
  }
  return outside;
}

std::uint32_t encode_u7(const float* in, std::size_t n, float offset, float scale, std::uint8_t* out, float* error2) {
  const float inverse = 1.0f / scale;
  std::uint32_t outside = 0;
  float acc[16] = {};
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) outside += encode16(in + i, offset, scale, inverse, out + i, acc);
  if (i < n) {
    float tail[16];
    std::uint8_t codes[16];
    for (std::size_t j = 0; j < 16; ++j) tail[j] = i + j < n ? in[i + j] : offset;
    outside += encode16(tail, offset, scale, inverse, codes, acc);
    for (std::size_t j = 0; i + j < n; ++j) out[i + j] = codes[j];
  }
  if (error2 != nullptr) *error2 = sum16(acc);
  return outside;
}

}  // namespace

const KernelTable kScalarKernels = {
    "scalar",
    l2_f32,
    dot_f32,
    l2_f16,
    dot_f16,
    f32_to_f16,
    f16_to_f32,
    l2_u7,
    dot_u7,
    encode_u7,
    measure_many<std::uint8_t, std::uint8_t, std::int32_t, l2_u7>,
    measure_many<std::int8_t, std::uint8_t, std::int32_t, row_dot_u7>,
    measure_many<float, float, float, l2_f32>,
    measure_many<float, float, float, dot_f32>,
    measure_many<float, std::uint16_t, float, l2_f16>,
    measure_many<float, std::uint16_t, float, dot_f16>,
    measure_within<SingleCode<l2_u7>>,
    measure_scan<std::uint8_t, std::uint8_t, std::int32_t, l2_u7>,
    measure_scan<std::int8_t, std::uint8_t, std::int32_t, row_dot_u7>,
    offer_keys<PlainKeys>,
    select_nodes_plain,
};

}  // namespace sagedb
