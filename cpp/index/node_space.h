// Distances between stored rows, for building and repairing a graph. Every metric builds on squared L2: for unit vectors (cosine)
// it orders like the dot product, and for ip greedy search for argmax <q, x> is the limit of nearest-neighbor search for a query
// far away in direction q, which an L2 proximity graph serves (docs/decisions/0006-ip-on-an-l2-graph.md).
//
// Thread safety: const after construction.
#pragma once

#include "base/memory.h"
#include "index/index.h"
#include "index/measure.h"

namespace sagedb {

// Buffer that a probe may decode its row into: one per probe alive at a time.
using ProbeBuffer = AlignedVector<float>;

class CodeNodes {
 public:
  using Measure = CodeL2;
  explicit CodeNodes(const SpaceView& space) noexcept : codes_(space.codes) {}
  Measure probe(Row row, ProbeBuffer&) const noexcept { return CodeL2(*codes_, codes_->row(row)); }

 private:
  const CodeStore* codes_;
};

class FloatNodes {
 public:
  using Measure = FullPrecision<float, false>;
  explicit FloatNodes(const SpaceView& space) noexcept : vectors_(space.vectors) {}
  Measure probe(Row row, ProbeBuffer&) const noexcept { return Measure(*vectors_, vectors_->f32(row)); }

 private:
  const VectorStore* vectors_;
};

class HalfNodes {
 public:
  using Measure = FullPrecision<std::uint16_t, false>;
  explicit HalfNodes(const SpaceView& space) noexcept : vectors_(space.vectors) {}
  Measure probe(Row row, ProbeBuffer& buffer) const {
    buffer.resize(vectors_->padded());
    kernels().f16_to_f32(vectors_->f16(row), buffer.data(), buffer.size());
    return Measure(*vectors_, buffer.data());
  }

 private:
  const VectorStore* vectors_;
};

// Another numbering over the same space: node r stands for row map[r].
template <typename Inner>
class MappedMeasure {
 public:
  static constexpr bool kExact = Inner::kExact;
  static constexpr bool kStops = Inner::kStops;
  MappedMeasure(Inner inner, const Row* map) noexcept : inner_(inner), map_(map) {}
  void many(const Row* rows, std::size_t count, DistanceKey* out) const noexcept {
    Row mapped[kMeasureBatch];
    while (count > 0) {
      const std::size_t n = std::min(count, kMeasureBatch);
      for (std::size_t i = 0; i < n; ++i) mapped[i] = map_[rows[i]];
      inner_.many(mapped, n, out);
      rows += n, out += n, count -= n;
    }
  }
  void first(const Row* rows, std::size_t count, std::uint32_t bytes, DistanceKey* out) const noexcept {
    Row mapped[kMeasureBatch];
    for (std::size_t i = 0; i < count; ++i) mapped[i] = map_[rows[i]];
    inner_.first(mapped, count, bytes, out);
  }
  void many_within(const Row* rows, std::size_t count, const EarlyStop& stop, DistanceKey bound,
                   DistanceKey* out) const noexcept {
    Row mapped[kMeasureBatch];
    while (count > 0) {
      const std::size_t n = std::min(count, kMeasureBatch);
      for (std::size_t i = 0; i < n; ++i) mapped[i] = map_[rows[i]];
      inner_.many_within(mapped, n, stop, bound, out);
      rows += n, out += n, count -= n;
    }
  }

 private:
  Inner inner_;
  const Row* map_;
};

template <typename Inner>
class MappedNodes {
 public:
  using Measure = MappedMeasure<typename Inner::Measure>;
  MappedNodes(const SpaceView& space, const Row* map) noexcept : inner_(space), map_(map) {}
  Measure probe(Row row, ProbeBuffer& buffer) const { return Measure(inner_.probe(map_[row], buffer), map_); }

 private:
  Inner inner_;
  const Row* map_;
};

// Calls body(nodes); with a map the nodes are renumbered.
template <typename Body>
decltype(auto) with_nodes(const SpaceView& space, const Row* map, Body&& body) {
  if (map != nullptr) {
    if (space.codes != nullptr) return body(MappedNodes<CodeNodes>(space, map));
    if (space.vectors->type() == VectorType::float32) return body(MappedNodes<FloatNodes>(space, map));
    return body(MappedNodes<HalfNodes>(space, map));
  }
  if (space.codes != nullptr) return body(CodeNodes(space));
  if (space.vectors->type() == VectorType::float32) return body(FloatNodes(space));
  return body(HalfNodes(space));
}

}  // namespace sagedb
