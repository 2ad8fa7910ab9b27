// Everything that rows and records of one numbering share. Compaction renumbers by making a new generation; snapshots of the
// old one stay whole until their last reader is gone.
//
// Thread safety: one writer appends (EngineState::writer_mutex); readers stay below their snapshot's counts.
#pragma once

#include <deque>

#include "base/block_array.h"
#include "engine/options.h"
#include "store/metadata_store.h"
#include "store/record_store.h"
#include "store/vector_store.h"

namespace sagedb {

// What a generation reads in place.
struct GenerationBase {
  struct Space {
    const void* vectors = nullptr;
    const void* norms = nullptr;  // cosine only
  };
  std::vector<Space> spaces;  // empty, or one each
  Row rows = 0;
  std::shared_ptr<const void> owner;
  RecordBase records;
};

// The vectors of all rows in one space. A row without a vector there has its place all the same, of bytes that nobody reads.
struct VectorColumn {
  VectorColumn(const SpaceSpec& space, VectorType type, const GenerationBase::Space& base, Row rows,
               const std::shared_ptr<const void>& owner)
      : metric(space.metric),
        vectors(space.dimension, type, base.vectors, rows, owner),
        norms(1024, base.norms, base.norms != nullptr ? rows : 0, owner) {}

  // May throw OUT_OF_MEMORY; changes nothing visible.
  void ensure(Row rows) {
    vectors.ensure(rows);
    if (metric == Metric::cosine) norms.ensure(rows);
  }
  void copy(Row to, const VectorColumn& from, Row row) noexcept {
    vectors.copy(to, from.vectors, row);
    if (metric == Metric::cosine) norms[to] = from.norms[row];
  }
  // The vector as the caller gave it (cosine: scaled back by the stored length).
  void read(Row row, float* out) const noexcept {
    vectors.read(row, out);
    if (metric != Metric::cosine) return;
    const float norm = norms[row];
    for (std::uint32_t d = 0; d < vectors.dimension(); ++d) out[d] *= norm;
  }

  const Metric metric;
  VectorStore vectors;
  BlockArray<float> norms;  // cosine: length of the vector as given
};

struct Generation {
  explicit Generation(const Options& options) : Generation(options, GenerationBase{}) {}
  Generation(const Options& options, const GenerationBase& base)
      : records(base.records), metadata(base.records.record_count, [this](RecordNo r) { return records.metadata(r); }) {
    for (SpaceNo s = 0; s < options.space_count(); ++s)
      columns.emplace_back(options.spaces[s], options.vectors,
                           base.spaces.empty() ? GenerationBase::Space{} : base.spaces[s], base.rows, base.owner);
  }
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // Throws OUT_OF_MEMORY.
  void ensure_vectors(Row rows) {
    for (VectorColumn& column : columns) column.ensure(rows);
  }
  // Bytes of one row in all spaces.
  std::size_t stride() const noexcept {
    std::size_t bytes = 0;
    for (const VectorColumn& column : columns) bytes += column.vectors.stride();
    return bytes;
  }

  std::deque<VectorColumn> columns;  // by space; a deque because columns cannot move
  RecordStore records;
  MetadataStore metadata;
};

}  // namespace sagedb
