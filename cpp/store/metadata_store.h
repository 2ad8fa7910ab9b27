// Metadata as typed columns that filters read; record numbers are the column's positions, so a snapshot's record count bounds what
// it sees. The JSON text itself lives in RecordStore; this store holds what can be searched.
//
// Thread safety: prepare() anywhere; reserve() and append() by the one writer; evaluate() (filter/filter.h) by any number of
// readers for records that were published to them.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace sagedb {

class MetadataStore {
 public:
  MetadataStore();
  ~MetadataStore();
  MetadataStore(const MetadataStore&) = delete;
  MetadataStore& operator=(const MetadataStore&) = delete;

  // One metadata object, parsed and checked. Opaque.
  class Prepared {
   public:
    Prepared();
    ~Prepared();
    Prepared(Prepared&&) noexcept;
    Prepared& operator=(Prepared&&) noexcept;
    struct Impl;
    std::unique_ptr<Impl> impl;
  };
  // Throws INVALID_METADATA (not a JSON object, deeper than 64 levels) or OUT_OF_MEMORY. An empty text means {}.
  static Prepared prepare(std::string_view json);

  // After reserve(batch), append() of each of them, in ascending record order, cannot throw. Throws OUT_OF_MEMORY and changes nothing.
  // Reservations add up; one for a record number that is reserved already replaces it and all after it (a commit that failed later).
  void reserve(const Prepared* batch, std::size_t count, RecordNo first);
  void append(RecordNo r, const Prepared& value) noexcept;
  // A record with the same metadata as an older one (vector-only update). Requires reserve_copy() before.
  void reserve_copy(RecordNo from, RecordNo r);
  void append_copy(RecordNo r, RecordNo from) noexcept;
  // Sorts freshly appended values into the indexes, so that the first filters after a large batch are fast. Optional and cheap when there
  // is little to do; by the one writer, outside of any lock that readers wait for. Throws OUT_OF_MEMORY, changes nothing visible.
  void settle();
  std::size_t bytes() const noexcept;

  struct Impl;
  Impl& impl() const noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace sagedb
