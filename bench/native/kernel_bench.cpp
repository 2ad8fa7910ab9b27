// Nanoseconds per distance of every kernel table this machine supports: rows in cache, in a 16 MB set and in main memory,
// gathered at random in batches as a graph search does. Usage: sagedb_kernel_bench [table ...]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/memory.h"
#include "kernels/kernels.h"

namespace {

using namespace sagedb;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kArena = std::size_t{512} << 20;
constexpr std::size_t kBatch = 24;  // about what one expanded node of a graph with 32 links leaves to measure
constexpr int kRepeats = 7;

double elapsed_ns(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

volatile float g_sink;

struct Bench {
  std::byte* arena = allocate_pages(kArena);
  AlignedVector<std::byte> query = AlignedVector<std::byte>(64 << 10);
  std::mt19937 rng{7};

  // Median over repeats of ns per distance, rows of `row_bytes` drawn at random from the first `set_bytes`.
  template <typename X, typename Q, typename Out>
  double gather(void (*many)(const Q*, const X* const*, std::size_t, std::size_t, Out*), std::size_t n,
                std::size_t set_bytes) {
    const std::size_t row_bytes = n * sizeof(X);
    const std::size_t rows = std::max<std::size_t>(set_bytes / row_bytes, 1);
    const std::size_t batches = std::max<std::size_t>(std::min<std::size_t>(rows / kBatch, 4000), 200);
    std::vector<const X*> list(batches * kBatch);
    std::vector<double> times;
    Out out[kBatch];
    for (int r = 0; r < kRepeats; ++r) {
      for (auto& p : list) p = reinterpret_cast<const X*>(arena + rng() % rows * row_bytes);
      const auto start = Clock::now();
      for (std::size_t b = 0; b < batches; ++b) {
        many(reinterpret_cast<const Q*>(query.data()), list.data() + b * kBatch, kBatch, n, out);
        g_sink = static_cast<float>(out[0]);
      }
      times.push_back(elapsed_ns(start) / static_cast<double>(list.size()));
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
  }

  template <typename X, typename Q, typename Out>
  void line(const char* name, void (*many)(const Q*, const X* const*, std::size_t, std::size_t, Out*), std::size_t n) {
    const std::size_t row_bytes = n * sizeof(X);
    std::printf("  %-10s n=%-5zu %8.1f %8.1f %8.1f\n", name, n, gather(many, n, 48 * row_bytes),
                gather(many, n, std::size_t{16} << 20), gather(many, n, kArena));
  }

  template <typename Q>
  void scan(const char* name,
            void (*f)(const Q*, const std::uint8_t*, std::size_t, std::size_t, std::size_t, std::int32_t*),
            std::size_t n, std::size_t count) {
    std::vector<double> times;
    std::vector<std::int32_t> out(count);
    const auto* base = reinterpret_cast<const std::uint8_t*>(arena);
    for (int r = 0; r < 41; ++r) {
      const auto start = Clock::now();
      f(reinterpret_cast<const Q*>(query.data()), base, n, count, n, out.data());
      times.push_back(elapsed_ns(start) / 1e3);
      g_sink = static_cast<float>(out[count / 2]);
    }
    std::sort(times.begin(), times.end());
    std::printf("  %-10s n=%-5zu %zu rows: %.1f us\n", name, n, count, times[times.size() / 2]);
  }

  void conversions(const KernelTable& k) {
    constexpr std::size_t n = 768;
    std::vector<float> in(n, 0.25f);
    std::vector<std::uint16_t> half(n);
    std::vector<std::uint8_t> code(n);
    float error = 0;
    const auto time = [&](const char* name, auto&& f) {
      std::vector<double> times;
      for (int r = 0; r < kRepeats; ++r) {
        const auto start = Clock::now();
        for (int i = 0; i < 2000; ++i) f();
        times.push_back(elapsed_ns(start) / 2000);
      }
      std::sort(times.begin(), times.end());
      std::printf("  %-10s n=%-5zu %8.1f\n", name, n, times[times.size() / 2]);
    };
    time("f32_to_f16", [&] { k.f32_to_f16(in.data(), half.data(), n); });
    time("f16_to_f32", [&] { k.f16_to_f32(half.data(), in.data(), n); });
    time("encode_u7", [&] { k.encode_u7(in.data(), n, -1.0f, 0.02f, code.data(), &error); });
    g_sink = error + in[0] + code[0];
  }

  void run(const KernelTable& k) {
    std::printf("%s                  cache   16 MB   DRAM   (ns per distance)\n", k.name);
    for (const std::size_t n : {128, 320, 768}) {
      line<std::uint8_t>("l2_u7", k.l2_u7_many, n);
      line<std::uint8_t>("dot_u7", k.dot_u7_many, n);
    }
    for (const std::size_t n : {128, 304, 768}) {
      line<float>("l2_f32", k.l2_f32_many, n);
      line<float>("dot_f32", k.dot_f32_many, n);
      line<std::uint16_t>("l2_f16", k.l2_f16_many, n);
      line<std::uint16_t>("dot_f16", k.dot_f16_many, n);
    }
    for (const std::size_t count : {1000, 50000}) {
      for (const std::size_t n : {128, 768}) {
        scan("l2_u7_scan", k.l2_u7_scan, n, count);
        scan("dot_u7_scan", k.dot_u7_scan, n, count);
      }
    }
    conversions(k);
  }
};

}  // namespace

int main(int argc, char** argv) {
  Bench bench;
  // Codes 0..127 in every byte; as halves and floats these are small positive numbers, never NaN.
  for (std::size_t i = 0; i < kArena; i += 4) {
    const std::uint32_t bits = 0x3c003c00u | (static_cast<std::uint32_t>(i * 2654435761u) >> 9 & 0x007f007fu);
    std::memcpy(bench.arena + i, &bits, 4);
  }
  std::memcpy(bench.query.data(), bench.arena, bench.query.size());
  std::size_t count = 0;
  const KernelTable* const* tables = supported_kernels(&count);
  for (std::size_t t = 0; t < count; ++t) {
    const bool wanted = argc == 1 || std::any_of(argv + 1, argv + argc,
                                                 [&](const char* a) { return std::strcmp(a, tables[t]->name) == 0; });
    if (wanted) bench.run(*tables[t]);
  }
  free_pages(bench.arena, kArena);
}
