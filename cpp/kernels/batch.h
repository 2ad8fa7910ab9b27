// Loops that measure one query against many rows, shared by the instruction-set files. Everything here has internal linkage: a
// function with external linkage compiled with AVX-512 could be merged by the linker into code that runs on older machines.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/prefetch.h"

namespace sagedb {
namespace {

inline constexpr std::size_t kLine = 64;

// How far ahead of the row being measured rows are requested, in rows, and how many lines of each. Tuned with kernel_bench:
// rows of one or two lines are all requested up front, long rows leave the rest to the hardware's streamer.
struct LookAhead {
  std::size_t rows;
  std::size_t lines;
};

inline LookAhead look_ahead(std::size_t row_bytes) {
  const std::size_t lines = (row_bytes + kLine - 1) / kLine;
  if (lines <= 2) return {32, lines};
  if (lines <= 16) return {8, lines};
  return {1, lines};
}

inline void prefetch_row(const void* row, std::size_t lines) {
  const char* p = static_cast<const char*>(row);
  for (std::size_t i = 0; i < lines; ++i) prefetch_line(p + i * kLine);
}

// kOne: distance of one row. X: element type of a stored row.
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

template <typename Q, typename X, typename D, D (*kOne)(const Q*, const X*, std::size_t)>
void measure_scan(const Q* q, const X* base, std::size_t stride, std::size_t count, std::size_t n, D* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = kOne(q, base + i * stride, n);
}

}  // namespace
}  // namespace sagedb
