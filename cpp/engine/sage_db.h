// The engine's facade: everything a binding needs, nothing about N-API.
//
// Thread safety: every method may be called from any thread at any time, also concurrently with close(); calls that start after
// close() throw CLOSED. search() takes one snapshot and no lock; it never waits for a write or an index build. Writes are serialised
// in the order in which apply() is entered.
// Invariants: see docs/architecture.md, «Invariants».
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/memory.h"
#include "base/status.h"
#include "base/types.h"
#include "engine/options.h"
#include "engine/record_order.h"
#include "engine/search_request.h"
#include "filter/filter.h"
#include "store/external_id.h"

namespace sagedb {

struct Snapshot;

// One atomic mutation: all of its rows or none.
struct WriteOp {
  enum class Kind : std::uint8_t { add, upsert, update, remove, remove_where, replace_where };
  Kind kind = Kind::add;
  std::size_t count = 0;  // rows (add, upsert, update, replace_where) or ids (remove)
  // Per row the vectors of its spaces, one after the other; empty: update keeps the vectors.
  AlignedVector<float> vectors;
  // Named spaces: per row the spaces it brings (bit s for space s, at least one); an update keeps the others. Empty otherwise.
  std::vector<SpaceSet> given;
  std::vector<ExternalId> ids;  // count, or empty: assigned numbers (add, upsert, replace_where)
  std::vector<std::string> metadata;  // JSON text per row; empty: {} (kept by update)
  std::shared_ptr<const Filter> where;  // remove_where, replace_where: add the rows in place of what matches
  std::shared_ptr<const CancelToken> cancel;  // checked until the commit begins; an aborted op changes nothing
};

struct OpResult {
  std::optional<Error> error;  // set: the op changed nothing
  std::int64_t first_assigned = 0;  // assigned numbers are first_assigned .. + count - 1 (without ids)
  std::uint64_t affected = 0;  // rows written or updated, items removed (replace_where: removed)
  std::vector<std::uint8_t> hit;  // update / remove: per id, 1 when it existed
};

struct Cursor;

// Matching items in the order of their newest write, or of metadata fields.
struct FindRequest {
  std::shared_ptr<const Filter> filter;  // null: every item
  std::vector<SortKey> order;  // see engine/record_order.h
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t offset = 0;
};

struct Item {
  ExternalId id;
  std::string metadata;  // JSON text
  std::vector<float> vector;  // when asked for: those of its spaces, one after the other
  SpaceSet spaces = 0;  // when asked for: which
};

struct Stats {
  std::uint64_t size = 0, dimension = 0, index_version = 0, sequence = 0;
  std::uint64_t total_searches = 0, total_adds = 0, total_updates = 0, total_removes = 0, index_rebuilds = 0,
                compactions = 0;
  double average_search_us = 0;  // mean engine time of a search
  std::uint64_t indexed_rows = 0, fresh_rows = 0, deleted_rows = 0;
  std::uint64_t vector_bytes = 0, code_bytes = 0, index_bytes = 0, metadata_bytes = 0, text_bytes = 0, id_bytes = 0,
                scratch_bytes = 0;
  bool building = false;
  std::uint64_t build_done = 0, build_total = 0;
  Sequence durable_sequence = 0;  // every commit at or before it survives a loss of power
  std::uint64_t log_bytes = 0, segment_bytes = 0, checkpoints = 0, replayed = 0;
  // Check of the blocks that the open mapped: none, running, passed or damaged; blocks; what is damaged.
  std::string check_state = "none", check_error;
  std::uint64_t check_done = 0, check_total = 0;
  std::uint64_t hot_bytes = 0;  // of mapped segments, moved into memory
  std::uint64_t given_back_bytes = 0;  // of what was written, read from segments instead of memory
  double last_build_seconds = 0, last_publish_us = 0;
  // Calibration of ef (empty before the first): recall@10 on sampled queries, with its lower confidence bound.
  struct RecallPoint {
    std::uint32_t ef;
    double recall, lower_bound;
  };
  struct Space {
    std::uint64_t rows = 0;  // that have a vector, removed ones included
    std::uint64_t vector_bytes = 0, code_bytes = 0, index_bytes = 0;
    std::vector<RecallPoint> recall_curve;
    std::uint64_t calibrated_rows = 0, calibrated_queries = 0;
  };
  std::vector<Space> spaces;  // in the order of Options::spaces; the one of a database without names is the first
  // Those of the first space.
  std::vector<RecallPoint> recall_curve;
  std::uint64_t calibrated_rows = 0, calibrated_queries = 0;
  std::string index_kind, kernels, last_error;
  int threads = 0;
};

class SageDB {
 public:
  // Throws INVALID_ARGUMENT and the storage codes.
  // `algorithm` (optional) replaces the index algorithm that options.index names: the plugin point of index/index.h.
  static std::shared_ptr<SageDB> open(const Options& options, std::unique_ptr<AnnsAlgorithm> algorithm = nullptr);
  ~SageDB();
  SageDB(const SageDB&) = delete;
  SageDB& operator=(const SageDB&) = delete;

  // Applies the ops in order, each atomically, with one publication at the end (group commit). Results are in the order of the ops; an op
  // that fails does not stop the others. Blocks for back-pressure when too many rows are fresh.
  std::vector<OpResult> apply(std::vector<WriteOp>& ops);

  // Answers all requests from one snapshot, in parallel. Per-request errors are in the results. With a request by text it calls wait_for_text().
  // `share`: callers that search at the same time, among whom this call divides the engine's threads. `view` (may be null; not for
  // requests by text): what to search in place of the newest state.
  std::vector<SearchResult> search(const SearchRequest* requests, std::size_t count, int share = 1,
                                   const std::shared_ptr<const Snapshot>& view = nullptr) const;
  // The filter of a JSON text, parsed or as the last searches left it. Throws INVALID_FILTER, OUT_OF_MEMORY.
  std::shared_ptr<const Filter> filter(std::string_view text) const;
  // The newest state, for calls of search() that shall agree. Keeps what it shows in memory.
  std::shared_ptr<const Snapshot> view() const;
  // Whether searches by text are answered at once. After an open and after refresh() the words of what is stored are read in the background.
  bool text_ready() const noexcept;
  // Throws ABORTED, OUT_OF_MEMORY, CORRUPTION (the metadata of a live item is no JSON). After a failure the next call tries again.
  void wait_for_text(const CancelToken* cancel) const;

  // Latest acknowledged state.
  std::vector<std::optional<Item>> get(const std::vector<ExternalId>& ids, bool include_metadata,
                                       bool include_vector) const;
  std::vector<bool> has(const std::vector<ExternalId>& ids) const;
  std::uint64_t count(const Filter* filter) const;
  // Items that match, ascending by id order of insertion; filter may be null.
  std::shared_ptr<Cursor> open_cursor(const FindRequest& request) const;
  // The next `count` items at most; none at the end. One caller at a time per cursor.
  std::vector<Item> next(Cursor& cursor, std::uint64_t count, bool include_vector) const;
  std::vector<Item> find(const Filter* filter, std::uint64_t limit, std::uint64_t offset, bool include_vector) const;

  // Indexes every row that is acknowledged at the call and waits for it; with a path the index is on disk when it returns. Throws ABORTED,
  // BUILD_FAILED, and what kept it from the disk.
  void build_index(const CancelToken* cancel, Progress* progress);
  // build_index(), compaction of every tombstone, whose space leaves the disk, too, and a check that old rows are still found by their own vectors.
  void optimize(const CancelToken* cancel, Progress* progress);
  // With a path: every write acknowledged before the call is on disk when it returns.
  void flush();
  // Writes the current state as segments, so that the next open replays nothing. Happens by itself as the log grows.
  void checkpoint();
  // Opened with read_only: shows what the folder's writer has made known since the open or the last refresh(); true when there was
  // something. Every search sees the state before or after a commit. When it throws, what was visible stays. Otherwise false.
  bool refresh();
  // A complete database of the current state in the empty or new folder `dir`, while reads and writes go on.
  void snapshot(const std::string& dir);
  // Reads every checksum, checks the index's structure, and whether rows, records, ids, texts and vectors agree. Throws CORRUPTION.
  void verify(const CancelToken* cancel, Progress* progress);

  // Refuses new calls, waits for those in flight, cancels and joins the builder, syncs and releases the path. Idempotent. Throws when
  // acknowledged writes could not be synced (durability 'async' and 'memory').
  void close();
  bool closed() const noexcept;

  Stats stats() const;
  std::uint64_t size() const noexcept;
  std::uint64_t index_version() const noexcept;
  std::uint64_t memory_bytes() const noexcept;
  const Options& options() const noexcept;

 private:
  struct Impl;
  explicit SageDB(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sagedb
