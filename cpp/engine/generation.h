// Everything that rows and records of one numbering share. Compaction renumbers by making a new generation; snapshots of the
// old one stay whole until their last reader is gone.
//
// Thread safety: one writer appends (EngineState::writer_mutex); readers stay below their snapshot's counts.
#pragma once

#include "base/block_array.h"
#include "store/metadata_store.h"
#include "store/record_store.h"
#include "store/vector_store.h"

namespace sagedb {

// What a generation reads in place.
struct GenerationBase {
  const void* vectors = nullptr;
  const void* norms = nullptr;  // cosine only
  Row rows = 0;
  std::shared_ptr<const void> owner;
  RecordBase records;
};

struct Generation {
  Generation(std::uint32_t dimension, VectorType type) : Generation(dimension, type, GenerationBase{}) {}
  Generation(std::uint32_t dimension, VectorType type, const GenerationBase& base)
      : vectors(dimension, type, base.vectors, base.rows, base.owner),
        norms(1024, base.norms, base.norms != nullptr ? base.rows : 0, base.owner),
        records(base.records),
        metadata(base.records.record_count, [this](RecordNo r) { return records.metadata(r); }) {}
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  VectorStore vectors;
  BlockArray<float> norms;  // cosine: length of the vector as given, so that get() returns it unscaled
  RecordStore records;
  MetadataStore metadata;
};

}  // namespace sagedb
