// Distance kernels, and what else runs once per candidate, behind a function table chosen once at run time by CPU features.
//
// One file per instruction set (kernels_scalar.cpp, kernels_avx2.cpp, kernels_avx512.cpp, kernels_avx512vnni.cpp,
// kernels_neon.cpp, kernels_neondot.cpp), each compiled with its own flags; the scalar file is the reference that tests compare with. Nothing else in the
// engine may be compiled with more than the baseline instruction set. Environment variable SAGEDB_KERNELS=scalar|avx2|avx512|avx512vnni|
// neon|neondot forces a supported set (tests, bug reports); an unsupported name is ignored.
//
// Shapes: f32 kernels take `n` floats padded with zeros to a multiple of 16 floats by the vector store, 64-byte aligned rows;
// code kernels take `n` bytes padded with zero codes to a multiple of 64, 64-byte aligned rows.
//
// 7-bit codes: u in [0, 127], so that |a-b| <= 127 and pair sums of products fit 16 bits (maddubs cannot saturate) on
// machines without VNNI.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/sorted_keys.h"

namespace sagedb {

// Rows of one call of l2_u7_within.
inline constexpr std::size_t kWithinBatch = 128;

struct KernelTable {
  const char* name;

  // Squared Euclidean distance / dot product of full-precision rows.
  float (*l2_f32)(const float* a, const float* b, std::size_t n);
  float (*dot_f32)(const float* a, const float* b, std::size_t n);
  // The same with the stored side in IEEE half precision (n halves, padded like f32).
  float (*l2_f16)(const float* q, const std::uint16_t* x, std::size_t n);
  float (*dot_f16)(const float* q, const std::uint16_t* x, std::size_t n);
  // float -> half (round to nearest even, overflow to infinity) and back, for any n and alignment.
  void (*f32_to_f16)(const float* in, std::uint16_t* out, std::size_t n);
  void (*f16_to_f32)(const std::uint16_t* in, float* out, std::size_t n);

  // 7-bit codes. l2: sum of (a-b)^2. dot: sum of a * b with b signed in [-64, 63].
  std::int32_t (*l2_u7)(const std::uint8_t* a, const std::uint8_t* b, std::size_t n);
  std::int32_t (*dot_u7)(const std::uint8_t* a, const std::int8_t* b, std::size_t n);

  // 7-bit encoding: out[i] = clamp(round((in[i] - offset) / scale), 0, 127) for any n; in and out may be unaligned. Requires scale and
  // 1 / scale finite and positive. Returns how many components lay outside the range; `error2` (may be null) receives the
  // squared length of (in - decoded).
  std::uint32_t (*encode_u7)(const float* in, std::size_t n, float offset, float scale, std::uint8_t* out,
                             float* error2);

  // One query against `count` rows at scattered addresses. All cache lines of row i + look-ahead are prefetched while row i is
  // measured; the caller need not prefetch.
  void (*l2_u7_many)(const std::uint8_t* q, const std::uint8_t* const* rows, std::size_t count, std::size_t n,
                     std::int32_t* out);
  void (*dot_u7_many)(const std::int8_t* q, const std::uint8_t* const* rows, std::size_t count, std::size_t n,
                      std::int32_t* out);
  void (*l2_f32_many)(const float* q, const float* const* rows, std::size_t count, std::size_t n, float* out);
  void (*dot_f32_many)(const float* q, const float* const* rows, std::size_t count, std::size_t n, float* out);
  void (*l2_f16_many)(const float* q, const std::uint16_t* const* rows, std::size_t count, std::size_t n, float* out);
  void (*dot_f16_many)(const float* q, const std::uint16_t* const* rows, std::size_t count, std::size_t n, float* out);

  // As l2_u7_many for at most kWithinBatch rows, but rows whose first `first` bytes (a multiple of 64, less than n) are farther than `most`
  // get -1.
  void (*l2_u7_within)(const std::uint8_t* q, const std::uint8_t* const* rows, std::size_t count, std::size_t n,
                       std::size_t first, std::int32_t most, std::int32_t* out);

  // One query against `count` rows that follow one another in memory, `stride` bytes apart.
  void (*l2_u7_scan)(const std::uint8_t* q, const std::uint8_t* base, std::size_t stride, std::size_t count,
                     std::size_t n, std::int32_t* out);
  void (*dot_u7_scan)(const std::int8_t* q, const std::uint8_t* base, std::size_t stride, std::size_t count,
                      std::size_t n, std::int32_t* out);

  // Offers `count` candidates to a pool: those nearer than its bound at their turn are inserted and their nodes written to `entered` (room for
  // `count`). Returns how many. `dropped` (may be null) receives the keys that were refused or pushed out.
  std::size_t (*offer_keys)(SortedKeys& pool, const std::uint32_t* distances, const std::uint32_t* nodes,
                            std::size_t count, std::uint32_t* entered, DroppedKeys* dropped);

  // Of a list of at most `width` nodes (a multiple of 16) that ends at the first number not below `nodes`: copies those whose bits are set to `out`,
  // in order, and returns how many. Writes up to 16 numbers more than it returns.
  std::size_t (*select_nodes)(const std::uint32_t* list, std::size_t width, std::uint32_t nodes,
                              const std::uint64_t* bits, std::uint32_t* out);
};

// The best table this machine supports. Never throws.
const KernelTable& kernels() noexcept;
// Scalar reference.
const KernelTable& scalar_kernels() noexcept;
// Every table this machine can run, best first; `count` receives how many. For tests and `sagedb doctor`.
const KernelTable* const* supported_kernels(std::size_t* count) noexcept;

}  // namespace sagedb
