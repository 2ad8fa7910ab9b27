#include "store/metadata_store.h"

#include <algorithm>

#include "base/executor.h"
#include "base/json.h"
#include "base/status.h"
#include "store/metadata_impl.h"

namespace sagedb {
namespace {

constexpr std::size_t kMaxMetadataBytes = std::size_t{64} << 20;
constexpr std::size_t kArenaChunk = std::size_t{256} << 10;
constexpr RecordNo kLoadBatch = 8192;

}  // namespace

void DocumentArena::reserve(std::size_t size) {
  const std::size_t step = (size + 7) & ~std::size_t{7};
  if (chunks_.empty() || chunks_.back().reserved + step > chunks_.back().size) {
    const std::size_t bytes = std::max(kArenaChunk, step);
    chunks_.reserve(chunks_.size() + 1);
    chunks_.push_back({std::unique_ptr<char[]>(new char[bytes]), bytes, 0});
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }
  chunks_.back().reserved += step;
}

void DocumentArena::rollback(const Mark& mark) noexcept {
  while (chunks_.size() > mark.chunks) {
    bytes_.fetch_sub(chunks_.back().size, std::memory_order_relaxed);
    chunks_.pop_back();
  }
  if (!chunks_.empty()) chunks_.back().reserved = mark.end;
}

const char* DocumentArena::append(const std::string& document) noexcept {
  const std::size_t step = (document.size() + 7) & ~std::size_t{7};
  while (at_ + step > chunks_[current_].reserved) {
    ++current_;
    at_ = 0;
  }
  char* to = chunks_[current_].data.get() + at_;
  std::memcpy(to, document.data(), document.size());
  at_ += step;
  return to;
}

MetadataStore::Prepared::Prepared() = default;
MetadataStore::Prepared::~Prepared() = default;
MetadataStore::Prepared::Prepared(Prepared&&) noexcept = default;
MetadataStore::Prepared& MetadataStore::Prepared::operator=(Prepared&&) noexcept = default;

MetadataStore::MetadataStore(RecordNo base_count, TextOf text_of)
    : base_count_(base_count), text_of_(std::move(text_of)), impl_(std::make_unique<Impl>()) {}
MetadataStore::~MetadataStore() = default;

MetadataStore::Prepared MetadataStore::prepare(std::string_view json) {
  if (json.size() > kMaxMetadataBytes)
    throw Error(ErrorCode::INVALID_METADATA,
                "metadata: expected at most 64 MB of JSON, got " + std::to_string(json.size()) + " bytes");
  const JsonValue value = parse_json(json.empty() ? "{}" : json, ErrorCode::INVALID_METADATA, "metadata");
  if (value.type != JsonValue::Type::object)
    throw Error(ErrorCode::INVALID_METADATA, std::string("metadata: expected an object, got ") + value.type_name());
  Prepared prepared;
  prepared.impl = std::make_unique<Prepared::Impl>();
  encode_value(value, prepared.impl->document);
  return prepared;
}

MetadataStore::Prepared MetadataStore::prepare_stored(std::string_view json, RecordNo r) {
  try {
    return prepare(json);
  } catch (const Error& e) {
    if (!is_bad_input(e.code())) throw;
    throw Error(ErrorCode::CORRUPTION, "the metadata of record " + std::to_string(r) + " is damaged: " + e.message());
  }
}

void MetadataStore::reserve(const Prepared* batch, std::size_t count, RecordNo first) {
  impl_->drop_from(first);
  try {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string& document = batch[i].impl->document;
      impl_->reserve(first + static_cast<RecordNo>(i), document.data(), document.size());
    }
  } catch (const std::bad_alloc&) {
    impl_->drop_from(first);
    throw Error(ErrorCode::OUT_OF_MEMORY, "out of memory");
  } catch (...) {
    impl_->drop_from(first);
    throw;
  }
}

void MetadataStore::append(RecordNo r, const Prepared& value) noexcept {
  impl_->append(r, impl_->arena.append(value.impl->document));
}

void MetadataStore::settle() { impl_->settle(); }

std::size_t MetadataStore::bytes() const noexcept {
  const Impl* base = base_loaded_.load(std::memory_order_acquire);
  return impl_->bytes() + (base != nullptr ? base->bytes() : 0);
}

std::size_t MetadataStore::Impl::bytes() const noexcept {
  std::size_t total = arena.bytes() + documents.bytes() + overflow.bytes();
  ReadLock lock(mutex);
  for (const auto& entry : paths) total += sizeof(PathNode) + entry.second->key.size() + entry.second->column.bytes();
  return total;
}

// ---- records that were there at the start ---------------------------------------------------------------------------

void MetadataStore::load_base(int threads, const CancelToken* cancel) {
  auto base = std::make_unique<Impl>();
  try {
    for (RecordNo first = 0; first < base_count_; first += kLoadBatch) {
      if (cancel != nullptr) cancel->check();
      const RecordNo count = std::min(kLoadBatch, base_count_ - first);
      std::vector<Prepared> batch(count);
      parallel_for(count, 256, threads, [&](std::size_t begin, std::size_t end, int) {
        for (std::size_t i = begin; i < end; ++i) {
          const RecordNo r = first + static_cast<RecordNo>(i);
          batch[i] = prepare_stored(text_of_(r), r);
        }
      });
      for (RecordNo i = 0; i < count; ++i) {
        const std::string& document = batch[i].impl->document;
        base->reserve(first + i, document.data(), document.size());
        base->append(first + i, base->arena.append(document));
      }
    }
    base->settle();
  } catch (const std::bad_alloc&) {
    tried_.store(true, std::memory_order_relaxed);
    throw Error(ErrorCode::OUT_OF_MEMORY, "out of memory");
  } catch (const Error& e) {
    tried_.store(e.code() != ErrorCode::ABORTED, std::memory_order_relaxed);
    throw;
  }
  tried_.store(true, std::memory_order_relaxed);
  base_ = std::move(base);
  base_loaded_.store(base_.get(), std::memory_order_release);
}

const char* MetadataStore::document(RecordNo r, std::string* scratch) const {
  if (r >= base_count_) return impl_->documents[r];
  if (const Impl* loaded = base()) return loaded->documents[r];
  *scratch = std::move(prepare_stored(text_of_(r), r).impl->document);
  return scratch->data();
}

// ---- path tree ------------------------------------------------------------------------------------------------------

const MetadataStore::Impl::PathNode* MetadataStore::Impl::child(std::uint32_t parent, std::string_view key) const {
  const auto it = paths.find(PathKey{parent, key});
  return it == paths.end() ? nullptr : it->second.get();
}

MetadataStore::Impl::PathNode* MetadataStore::Impl::make_child(std::uint32_t parent, std::string_view key) {
  {
    // Only the one writer inserts, so what it finds missing stays missing until it inserts.
    ReadLock lock(mutex);
    const auto it = paths.find(PathKey{parent, key});
    if (it != paths.end()) return it->second.get();
    if (paths.size() >= kMaxColumns) return nullptr;
  }
  auto node = std::make_unique<PathNode>();
  node->key = key;
  const std::string_view stable = node->key;
  WriteLock lock(mutex);
  node->number = static_cast<std::uint32_t>(paths.size()) + 1;  // 0 is the root
  return paths.emplace(PathKey{parent, stable}, std::move(node)).first->second.get();
}

MetadataStore::Impl::Paths MetadataStore::Impl::find(std::string_view path) const {
  Paths found;
  bool missing = false;
  {
    ReadLock lock(mutex);
    std::uint32_t parent = kRoot;
    for (;;) {
      const PathNode* whole = child(parent, path);
      if (whole != nullptr)
        found.columns.push_back(&whole->column);
      else
        missing = true;
      const std::size_t dot = path.find('.');
      if (dot == std::string_view::npos) break;
      const PathNode* step = child(parent, path.substr(0, dot));
      if (step == nullptr) {
        missing = true;
        break;
      }
      parent = step->number;
      path.remove_prefix(dot + 1);
    }
  }
  found.incomplete = missing && overflow.total() > 0;
  return found;
}

// ---- writer ---------------------------------------------------------------------------------------------------------

void MetadataStore::Impl::collect_array(MetadataColumn* column, ValueRef array, const char* base,
                                        std::vector<Field>& out) {
  out.push_back({column, kArrayKey, 0, Field::Kind::scalar});
  const auto begin = static_cast<std::ptrdiff_t>(out.size());
  ValueRef element = array.first();
  for (std::uint32_t i = 0, n = array.count(); i < n; ++i, element = element.next()) {
    if (element.is_string()) {
      const auto body = static_cast<std::uint32_t>(element.string_body() - base);
      out.push_back({column, utf16_prefix(element.string()), body, Field::Kind::string});
    } else if (!element.is_complex()) {
      out.push_back({column, element.scalar_key(), 0, Field::Kind::scalar});
    }
  }
  // One posting per distinct element.
  const auto text = [base](const Field& f) {
    return f.kind == Field::Kind::string ? string_of_body(base + f.body) : std::string_view();
  };
  std::sort(out.begin() + begin, out.end(), [&](const Field& a, const Field& b) {
    if (a.kind != b.kind) return a.kind < b.kind;
    return a.bits != b.bits ? a.bits < b.bits : text(a) < text(b);
  });
  const auto same = [&](const Field& a, const Field& b) {
    return a.kind == b.kind && a.bits == b.bits && text(a) == text(b);
  };
  out.erase(std::unique(out.begin() + begin, out.end(), same), out.end());
}

void MetadataStore::Impl::collect(std::uint32_t node, ValueRef object, const char* base, std::vector<Field>& out,
                                  bool& overflowed) {
  for (std::uint32_t i = 0, n = object.count(); i < n; ++i) {
    const std::string_view key = object.key(i);
    const ValueRef value = object.value(i);
    PathNode* path = make_child(node, key);
    if (path == nullptr) {
      overflowed = true;
      continue;
    }
    MetadataColumn* column = &path->column;
    out.push_back({column, 0, 0, Field::Kind::present});
    if (value.is_string()) {
      const auto body = static_cast<std::uint32_t>(value.string_body() - base);
      out.push_back({column, utf16_prefix(value.string()), body, Field::Kind::string});
    } else if (value.is_array()) {
      collect_array(column, value, base, out);
    } else if (value.is_object()) {
      out.push_back({column, kObjectKey, 0, Field::Kind::scalar});
      if (key.find('.') == std::string_view::npos) collect(path->number, value, base, out, overflowed);
    } else {
      out.push_back({column, value.scalar_key(), 0, Field::Kind::scalar});
    }
  }
}

void MetadataStore::Impl::reserve(RecordNo r, const char* document, std::size_t size) {
  Pending next{r, document, arena.mark(), {}};
  bool overflowed = false;
  collect(kRoot, ValueRef(document), document, next.fields, overflowed);
  if (overflowed) next.fields.push_back({nullptr, 0, 0, Field::Kind::present});
  documents.ensure(r + 1);
  std::size_t done = 0;
  try {
    for (; done < next.fields.size(); ++done) {
      const Field& f = next.fields[done];
      if (f.kind == Field::Kind::present)
        (f.column == nullptr ? overflow : f.column->present).reserve(1);
      else if (f.kind == Field::Kind::scalar)
        f.column->scalars.reserve(1);
      else
        f.column->strings.reserve(1);
    }
    arena.reserve(size);
    pending.push_back(std::move(next));
  } catch (...) {
    next.fields.resize(done);
    unreserve(next);
    throw;
  }
}

void MetadataStore::Impl::unreserve(const Pending& p) noexcept {
  for (const Field& f : p.fields) {
    if (f.kind == Field::Kind::present)
      (f.column == nullptr ? overflow : f.column->present).unreserve(1);
    else if (f.kind == Field::Kind::scalar)
      f.column->scalars.unreserve(1);
    else
      f.column->strings.unreserve(1);
  }
  arena.rollback(p.mark);
}

// Reservations from `first` on belong to a commit that failed after reserve(): their numbers are handed out anew.
void MetadataStore::Impl::drop_from(RecordNo first) noexcept {
  while (!pending.empty() && pending.back().record >= first) {
    unreserve(pending.back());
    pending.pop_back();
  }
}

void MetadataStore::Impl::append(RecordNo r, const char* document) noexcept {
  const Pending& p = pending.front();
  documents[r] = document;
  for (const Field& f : p.fields) {
    if (f.kind == Field::Kind::present)
      (f.column == nullptr ? overflow : f.column->present).append(r);
    else if (f.kind == Field::Kind::scalar)
      f.column->scalars.append(f.bits, r);
    else
      f.column->strings.append(StringKey{f.bits, document + f.body}, r);
  }
  pending.pop_front();
  ++unsettled;
}

void MetadataStore::Impl::settle() {
  if (unsettled < SortedRuns<ScalarKey>::kTail) return;
  // Only the writer changes the tree, so the nodes cannot go away under it.
  std::vector<MetadataColumn*> columns;
  {
    ReadLock lock(mutex);
    columns.reserve(paths.size());
    for (const auto& entry : paths) columns.push_back(&entry.second->column);
  }
  for (MetadataColumn* column : columns) {
    column->scalars.settle();
    column->strings.settle();
  }
  unsettled = 0;
}

}  // namespace sagedb
