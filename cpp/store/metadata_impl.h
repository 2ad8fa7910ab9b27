// The inside of MetadataStore, shared with filter evaluation (filter/filter_evaluate.cpp).
//
// Paths form a tree: a column is named by its parent column and one key, so long keys and deep nesting cost their own
// length once. Beyond kMaxColumns new paths get no column; records that have such a field are listed in `overflow` and filters on
// those paths look into these documents themselves. Fields of an object under a key that contains a dot are not addressable
// and get no columns.
//
// Thread safety: the path tree is guarded by `mutex`, held for look-ups only; everything else is append-only.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/block_array.h"
#include "base/mutex.h"
#include "store/metadata_column.h"
#include "store/metadata_store.h"

namespace sagedb {

// Documents of all records in 8-byte steps; addresses never move. Reserved documents are appended in the order of their reservation
// or not at all, so an append always finds room at or before the place that was reserved for it.
class DocumentArena {
 public:
  struct Mark {
    std::size_t chunks = 0, end = 0;
  };
  Mark mark() const noexcept { return {chunks_.size(), chunks_.empty() ? 0 : chunks_.back().reserved}; }
  // Room for one more document of `size` bytes. Throws std::bad_alloc.
  void reserve(std::size_t size);
  // Gives back what was reserved after the mark and not appended.
  void rollback(const Mark& mark) noexcept;
  const char* append(const std::string& document) noexcept;
  std::size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Chunk {
    std::unique_ptr<char[]> data;
    std::size_t size = 0;
    std::size_t reserved = 0;
  };
  std::vector<Chunk> chunks_;
  std::size_t current_ = 0;  // chunk and offset of the next append
  std::size_t at_ = 0;
  std::atomic<std::size_t> bytes_{0};
};

struct MetadataStore::Prepared::Impl {
  std::string document;  // encoded object
};

struct MetadataStore::Impl {
  static constexpr std::size_t kMaxColumns = 16384;
  static constexpr std::uint32_t kRoot = 0;

  // ---- for readers --------------------------------------------------------------------------------------------------
  // Where a filter path may lead, in order of precedence (see resolve_path).
  struct Paths {
    std::vector<const MetadataColumn*> columns;
    bool incomplete = false;  // some record in `overflow` may have the path too
  };
  Paths find(std::string_view path) const EXCLUDES(mutex);
  // Document of a published record.
  ValueRef document(RecordNo r) const noexcept { return ValueRef(documents[r]); }

  RecordRanges overflow;
  BlockArray<const char*> documents{1024};

  // ---- for the writer -----------------------------------------------------------------------------------------------
  struct Field {
    MetadataColumn* column;  // null: overflow
    std::uint64_t bits;  // ScalarKey or prefix of a string
    std::uint32_t body;  // offset of the string in the document
    enum class Kind : std::uint8_t { present, scalar, string } kind;
  };
  struct Pending {
    RecordNo record;
    const char* document;  // where to read it until it is appended
    DocumentArena::Mark mark;  // of the arena before this reservation
    std::vector<Field> fields;
  };
  void reserve(RecordNo r, const char* document, std::size_t size);
  void unreserve(const Pending& p) noexcept;
  void append(RecordNo r, const char* document) noexcept;
  void drop_from(RecordNo first) noexcept;
  void settle();
  std::size_t bytes() const noexcept;

  std::deque<Pending> pending;
  DocumentArena arena;
  std::size_t unsettled = 0;  // records appended since settle()

  // ---- path tree ----------------------------------------------------------------------------------------------------
  struct PathKey {
    std::uint32_t parent;
    std::string_view key;
    bool operator==(const PathKey& o) const noexcept { return parent == o.parent && key == o.key; }
  };
  struct PathHash {
    std::size_t operator()(const PathKey& k) const noexcept {
      return std::hash<std::string_view>()(k.key) ^ (k.parent * 0x9E3779B97F4A7C15ull);
    }
  };
  struct PathNode {
    std::uint32_t number;
    std::string key;
    MetadataColumn column;
  };
  const PathNode* child(std::uint32_t parent, std::string_view key) const REQUIRES_SHARED(mutex);
  PathNode* make_child(std::uint32_t parent, std::string_view key) EXCLUDES(mutex);
  void collect(std::uint32_t node, ValueRef object, const char* base, std::vector<Field>& out, bool& overflowed);
  static void collect_array(MetadataColumn* column, ValueRef array, const char* base, std::vector<Field>& out);

  mutable SharedMutex mutex{"metadata paths"};
  std::unordered_map<PathKey, std::unique_ptr<PathNode>, PathHash> paths GUARDED_BY(mutex);
};

}  // namespace sagedb
