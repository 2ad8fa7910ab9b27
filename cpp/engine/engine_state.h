// State shared by the parts of the engine. Held by shared_ptr: background work never points at the facade.
//
// Lock order: writer_mutex before store_mutex before the publisher's own. No search takes any of them.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <vector>

#include "base/fifo_mutex.h"
#include "base/mutex.h"
#include "engine/filter_cache.h"
#include "engine/publisher.h"
#include "engine/query_sample.h"
#include "engine/sage_db.h"
#include "store/id_map.h"

namespace sagedb {

// Self-synchronised; relaxed, read by stats().
struct Counters {
  std::atomic<std::uint64_t> searches{0}, search_ns{0}, adds{0}, updates{0}, removes{0}, rebuilds{0}, compactions{0};
  std::atomic<std::uint64_t> last_build_us{0}, last_publish_us{0};
  std::atomic<std::int64_t> last_search_ns{0};  // steady clock; 0: never

  bool searched_within(std::chrono::nanoseconds window) const noexcept {
    const std::int64_t last = last_search_ns.load(std::memory_order_relaxed);
    const std::chrono::nanoseconds now = std::chrono::steady_clock::now().time_since_epoch();
    return last != 0 && now.count() - last < window.count();
  }
};

// Tombstones set while a background job copies, in commit order; see engine/change_feed.h.
struct ChangeJournal {
  struct Entry {
    RecordNo record;
    Sequence sequence;
  };
  std::vector<Entry> deleted;
};

class Storage;

struct EngineState {
  // `plugin` replaces the algorithm that options.index names.
  EngineState(const Options& o, std::unique_ptr<AnnsAlgorithm> plugin, std::unique_ptr<Storage> disk = nullptr);
  ~EngineState();

  // Constant after construction.
  const Options options;  // resolved()
  const int threads;
  const std::unique_ptr<AnnsAlgorithm> algorithm;
  const std::unique_ptr<Storage> storage;  // null: in memory

  FifoMutex writer_mutex{"writer"};
  SharedMutex store_mutex{"store"};

  IdMap ids GUARDED_BY(store_mutex);
  std::int64_t next_id GUARDED_BY(writer_mutex) = 1;
  bool far_ids GUARDED_BY(writer_mutex) = false;  // the caller uses numbers beyond the range that next_id jumps over
  ChangeJournal* journal GUARDED_BY(writer_mutex) = nullptr;

  // Self-synchronised.
  Publisher publisher;
  Counters counters;
  mutable std::deque<QuerySample> samples;  // by space
  mutable ScratchPool scratch;
  mutable FilterCache filters;

  // `auto` and `hnsw` both build the graph; `auto` waits for the threshold.
  bool wants_codes(SpaceNo space) const noexcept {
    if (!algorithm->uses_codes() || options.quantization == Quantization::none) return false;
    // Below 32 components a full-precision row is at most two cache lines: codes would save nothing.
    return options.quantization == Quantization::sq8 || options.spaces[space].dimension >= 32;
  }
  // Different queries kept, by space.
  std::array<std::uint64_t, kMaxSpaces> sampled() const noexcept {
    std::array<std::uint64_t, kMaxSpaces> out{};
    for (std::size_t s = 0; s < samples.size(); ++s) out[s] = samples[s].size();
    return out;
  }
};

}  // namespace sagedb
