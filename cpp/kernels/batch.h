// Loops that measure one query against many rows, shared by the instruction-set files. Everything here has internal linkage: a
// function with external linkage compiled with AVX-512 could be merged by the linker into code that runs on older machines.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"
#include "kernels/prefetch.h"

namespace sagedb {
namespace {

inline constexpr std::size_t kLine = 64;

// How far ahead of the rows being measured later rows are requested, in rows, and how many lines of each. Measured with
// kernel_bench: requests spread over the measuring of the current rows beat bursts; long rows only need their first lines
// requested, the hardware's streamer follows.
struct LookAhead {
  std::size_t rows;
  std::size_t lines;
  bool spread;
};

inline LookAhead look_ahead(std::size_t row_bytes) {
  const std::size_t lines = (row_bytes + kLine - 1) / kLine;
  if (lines <= 2) return {16, lines, true};
  if (lines <= 16) return {8, lines, true};
  if (lines <= 32) return {4, lines, true};
  return {4, 4, false};
}

inline void prefetch_row(const void* row, std::size_t lines) {
  const char* p = static_cast<const char*>(row);
  for (std::size_t i = 0; i < lines; ++i) prefetch_line(p + i * kLine);
}

// One row at a time; for tables without grouped kernels. kOne: distance of one row. X: element type of a stored row.
template <typename Q, typename X, typename D, D (*kOne)(const Q*, const X*, std::size_t)>
void measure_many(const Q* q, const X* const* rows, std::size_t count, std::size_t n, D* out) {
  const LookAhead ahead = look_ahead(n * sizeof(X));
  const std::size_t first = count < ahead.rows ? count : ahead.rows;
  for (std::size_t i = 0; i < first; ++i) prefetch_row(rows[i], ahead.lines);
  for (std::size_t i = 0; i < count; ++i) {
    if (i + ahead.rows < count) prefetch_row(rows[i + ahead.rows], ahead.lines);
    out[i] = kOne(q, rows[i], n);
  }
}

// Kernel::kGroup rows at a time. Kernel::one(q, x, n) measures one row; Kernel::group<true>(q, rows, later, n, out) measures kGroup rows
// and requests the lines of kGroup later ones on the way; group<false> ignores `later`.
template <typename Kernel, typename Q, typename X, typename D>
void measure_groups(const Q* q, const X* const* rows, std::size_t count, std::size_t n, D* out) {
  constexpr std::size_t kGroup = Kernel::kGroup;
  const LookAhead ahead = look_ahead(n * sizeof(X));
  const std::size_t first = count < ahead.rows ? count : ahead.rows;
  for (std::size_t i = 0; i < first; ++i) prefetch_row(rows[i], ahead.lines);
  std::size_t i = 0;
  for (; i + kGroup <= count; i += kGroup) {
    const std::size_t later = i + ahead.rows;
    if (ahead.spread && later + kGroup <= count) {
      Kernel::template group<true>(q, rows + i, rows + later, n, out + i);
    } else {
      for (std::size_t j = later; j < count && j < later + kGroup; ++j) prefetch_row(rows[j], ahead.lines);
      Kernel::template group<false>(q, rows + i, rows, n, out + i);
    }
  }
  for (; i < count; ++i) out[i] = Kernel::one(q, rows[i], n);
}

// A kernel for tables without grouped ones.
template <std::int32_t (*kOne)(const std::uint8_t*, const std::uint8_t*, std::size_t)>
struct SingleCode {
  static constexpr std::size_t kGroup = 1;
  static std::int32_t one(const std::uint8_t* q, const std::uint8_t* x, std::size_t n) { return kOne(q, x, n); }
  template <bool kPrefetch>
  static void group(const std::uint8_t* q, const std::uint8_t* const* rows, const std::uint8_t* const*, std::size_t n,
                    std::int32_t* out) {
    out[0] = kOne(q, rows[0], n);
  }
};

// Measures the first bytes of every row, and the rest of those whose first bytes are near enough: their lines are requested as soon as
// that is known.
template <typename Kernel>
void measure_within(const std::uint8_t* q, const std::uint8_t* const* rows, std::size_t count, std::size_t n,
                    std::size_t first, std::int32_t most, std::int32_t* out) {
  constexpr std::size_t kGroup = Kernel::kGroup, kAhead = 16;
  const std::size_t first_lines = first / kLine, rest_lines = (n - first) / kLine;
  const std::uint8_t* rest[kWithinBatch];
  std::int32_t* place[kWithinBatch];
  std::size_t near = 0;
  const auto keep_near = [&](std::size_t i) {
    rest[near] = rows[i] + first;
    place[near] = out + i;
    if (out[i] > most) {
      out[i] = -1;
    } else {
      prefetch_row(rest[near++], rest_lines);
    }
  };
  for (std::size_t i = 0; i < count && i < kAhead; ++i) prefetch_row(rows[i], first_lines);
  std::size_t i = 0;
  for (; i + kGroup <= count; i += kGroup) {
    for (std::size_t j = i + kAhead; j < count && j < i + kAhead + kGroup; ++j) prefetch_row(rows[j], first_lines);
    Kernel::template group<false>(q, rows + i, rows, first, out + i);
    for (std::size_t j = 0; j < kGroup; ++j) keep_near(i + j);
  }
  for (; i < count; ++i) {
    out[i] = Kernel::one(q, rows[i], first);
    keep_near(i);
  }
  std::size_t done = 0;
  for (; done + kGroup <= near; done += kGroup) {
    std::int32_t more[kGroup];
    Kernel::template group<false>(q + first, rest + done, rest, n - first, more);
    for (std::size_t j = 0; j < kGroup; ++j) *place[done + j] += more[j];
  }
  for (; done < near; ++done) *place[done] += Kernel::one(q + first, rest[done], n - first);
}

template <typename Kernel, typename Q, typename X, typename D>
void scan_groups(const Q* q, const X* base, std::size_t stride, std::size_t count, std::size_t n, D* out) {
  constexpr std::size_t kGroup = Kernel::kGroup;
  std::size_t i = 0;
  for (; i + kGroup <= count; i += kGroup) {
    const X* rows[kGroup];
    for (std::size_t r = 0; r < kGroup; ++r) rows[r] = base + (i + r) * stride;
    Kernel::template group<false>(q, rows, rows, n, out + i);
  }
  for (; i < count; ++i) out[i] = Kernel::one(q, base + i * stride, n);
}

template <typename Q, typename X, typename D, D (*kOne)(const Q*, const X*, std::size_t)>
void measure_scan(const Q* q, const X* base, std::size_t stride, std::size_t count, std::size_t n, D* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = kOne(q, base + i * stride, n);
}

}  // namespace
}  // namespace sagedb
