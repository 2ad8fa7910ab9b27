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

struct Generation {
  Generation(std::uint32_t dimension, VectorType type) : vectors(dimension, type) {}
  // Vectors [0, base_count) are read in place.
  Generation(std::uint32_t dimension, VectorType type, const void* base, Row base_count,
             std::shared_ptr<const void> owner)
      : vectors(dimension, type, base, base_count, std::move(owner)) {}

  VectorStore vectors;
  BlockArray<float> norms{1024};  // cosine: length of the vector as given, so that get() returns it unscaled
  RecordStore records;
  MetadataStore metadata;
};

}  // namespace sagedb
