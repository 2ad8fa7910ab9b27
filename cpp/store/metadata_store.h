// Metadata as typed columns that filters read; record numbers are the column's positions, so a snapshot's record count bounds what
// it sees. The JSON text itself lives in RecordStore; this store holds what can be searched.
//
// Records of a database that was opened are indexed when a filter asks for the first time, in the background: nobody waits for it, until it is done
// filters test their texts. Records written since have an index of their own from the start.
//
// Thread safety: prepare() anywhere; reserve() and append() by the one writer; load_base() by one thread; evaluate() (filter/filter.h) by any
// number of readers for records that were published to them.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/types.h"

namespace sagedb {

class MetadataStore {
 public:
  using TextOf = std::function<std::string_view(RecordNo)>;

  // Records [0, base_count) are there already; `text_of` gives their JSON.
  explicit MetadataStore(RecordNo base_count = 0, TextOf text_of = {});
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
  // The same of text that was accepted once, that of record `r`: throws CORRUPTION, OUT_OF_MEMORY.
  static Prepared prepare_stored(std::string_view json, RecordNo r);

  // After reserve(batch), append() of each of them, in ascending record order, cannot throw. Throws OUT_OF_MEMORY and changes nothing.
  // Reservations add up; one for a record number that is reserved already replaces it and all after it (a commit that failed later).
  void reserve(const Prepared* batch, std::size_t count, RecordNo first);
  void append(RecordNo r, const Prepared& value) noexcept;
  // Sorts freshly appended values into the indexes, so that the first filters after a large batch are fast. Optional and cheap when there
  // is little to do; by the one writer, outside of any lock that readers wait for. Throws OUT_OF_MEMORY, changes nothing visible.
  void settle();
  std::size_t bytes() const noexcept;

  // Asks for the index of the records that were there already; whoever owns a background thread then calls load_base() there.
  void want_base() const noexcept { wanted_.store(true, std::memory_order_relaxed); }
  bool base_due() const noexcept {
    return wanted_.load(std::memory_order_relaxed) && !tried_.load(std::memory_order_relaxed) && base_count_ > 0;
  }
  // Throws CORRUPTION, OUT_OF_MEMORY, ABORTED (then it stays due); filters go on testing texts.
  void load_base(int threads, const CancelToken* cancel);

  struct Impl;
  RecordNo base_count() const noexcept { return base_count_; }
  // The index of records [0, base_count), null while there is none.
  const Impl* base() const noexcept { return base_loaded_.load(std::memory_order_acquire); }
  // The index of the records from base_count on.
  Impl& impl() const noexcept { return *impl_; }
  // The encoded metadata of a published record; in `scratch` where no index holds it. Throws CORRUPTION.
  const char* document(RecordNo r, std::string* scratch) const;

 private:
  const RecordNo base_count_;
  const TextOf text_of_;
  mutable std::atomic<bool> wanted_{false};
  std::atomic<bool> tried_{false};
  std::unique_ptr<Impl> base_;
  std::atomic<const Impl*> base_loaded_{nullptr};
  std::unique_ptr<Impl> impl_;
};

}  // namespace sagedb
