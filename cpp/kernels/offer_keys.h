// The loop that offers candidates to a pool, shared by the instruction-set files (internal linkage, as in batch.h).
#pragma once

#include <cstring>

#include "kernels/sorted_keys.h"

namespace sagedb {
namespace {

// Impl::kWidth distances are compared at a time: Impl::below(d, n, bound) has bit i set where d[i] < bound, for n <= kWidth. Impl::insert(keys, size, key)
// puts a key in its place and returns it.
template <typename Impl, bool kKeep>
std::size_t offer_each(SortedKeys& pool, const std::uint32_t* distances, const std::uint32_t* nodes, std::size_t count,
                       std::uint32_t* entered, DroppedKeys* dropped) {
  SortedKeys p = pool;
  std::size_t in = 0, out = 0;
  for (std::size_t i = 0; i < count; i += Impl::kWidth) {
    const std::size_t n = count - i < Impl::kWidth ? count - i : Impl::kWidth;
    std::uint32_t near = Impl::below(distances + i, n, p.bound);
    if constexpr (kKeep) {
      for (std::uint32_t far = ~near & ((1u << n) - 1); far != 0; far &= far - 1) {
        const std::size_t j = i + static_cast<std::size_t>(__builtin_ctz(far));
        dropped->keys[out++] = sorted_key(distances[j], nodes[j]);
      }
    }
    for (; near != 0; near &= near - 1) {
      const std::size_t j = i + static_cast<std::size_t>(__builtin_ctz(near));
      const std::uint64_t key = sorted_key(distances[j], nodes[j]);
      if (distances[j] >= p.bound) {  // the bound came nearer meanwhile
        if constexpr (kKeep) dropped->keys[out++] = key;
        continue;
      }
      const std::uint32_t place = Impl::insert(p.keys, p.size, key);
      if (place < p.cursor) p.cursor = place;
      if (p.size < p.capacity) {
        ++p.size;
      } else if constexpr (kKeep) {
        dropped->keys[out++] = p.keys[p.size];
      }
      if (p.size == p.capacity) p.bound = static_cast<std::uint32_t>(p.keys[p.size - 1] >> 32);
      entered[in++] = nodes[j];
    }
  }
  pool = p;
  if constexpr (kKeep) dropped->count = out;
  return in;
}

template <typename Impl>
std::size_t offer_keys(SortedKeys& pool, const std::uint32_t* distances, const std::uint32_t* nodes, std::size_t count,
                       std::uint32_t* entered, DroppedKeys* dropped) {
  return dropped != nullptr ? offer_each<Impl, true>(pool, distances, nodes, count, entered, dropped)
                            : offer_each<Impl, false>(pool, distances, nodes, count, entered, nullptr);
}

// For tables without vectors of 64-bit keys.
struct PlainKeys {
  static constexpr std::size_t kWidth = 16;
  static std::uint32_t below(const std::uint32_t* d, std::size_t n, std::uint32_t bound) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < n; ++i) bits |= (d[i] < bound ? 1u : 0u) << i;
    return bits;
  }
  static std::uint32_t insert(std::uint64_t* keys, std::uint32_t size, std::uint64_t key) {
    const std::uint64_t* at = keys;
    for (std::uint32_t n = size; n > 1;) {  // branch-free lower bound
      const std::uint32_t half = n / 2;
      at = at[half - 1] < key ? at + half : at;
      n -= half;
    }
    auto place = static_cast<std::uint32_t>(at - keys);
    if (size > 0 && *at < key) ++place;
    std::memmove(keys + place + 1, keys + place, (size - place) * sizeof(std::uint64_t));
    keys[place] = key;
    return place;
  }
};

}  // namespace
}  // namespace sagedb
