// Small seeded generator for data and workloads: splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
#pragma once

#include <cstdint>

namespace sagedb::bench {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) noexcept { return next() % n; }
  // Mean 0, variance 1: the sum of four 16-bit uniforms. Integer arithmetic up to one division, so the stream is the same on
  // every machine; the tails end at 3.46, which data does not mind.
  float normal() noexcept {
    const std::uint64_t bits = next();
    const int sum =
        static_cast<int>((bits & 0xffff) + ((bits >> 16) & 0xffff) + ((bits >> 32) & 0xffff) + (bits >> 48));
    return static_cast<float>(sum - 131070) / 37837.2f;
  }

 private:
  std::uint64_t state_;
};

}  // namespace sagedb::bench
