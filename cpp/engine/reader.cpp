#include "engine/reader.h"

#include <algorithm>

#include "engine/result_merger.h"

namespace sagedb {

Item Reader::read(const Snapshot& snapshot, RecordNo r, bool include_metadata, bool include_vector) const {
  const Generation& g = *snapshot.generation;
  Item item;
  item.id = ExternalId(g.records.id(r));
  if (include_metadata) {
    const std::string_view text = g.records.metadata(r);
    item.metadata = text.empty() ? std::string("{}") : std::string(text);
  }
  if (include_vector) {
    item.vector.reserve(state_.options.dimension);
    item.spaces = append_vectors(snapshot, g.records.row(r), &item.vector);
  }
  return item;
}

std::vector<std::optional<Item>> Reader::get(const std::vector<ExternalId>& ids, bool include_metadata,
                                             bool include_vector) const {
  std::vector<RecordNo> found(ids.size());
  std::shared_ptr<const Snapshot> snapshot;
  {
    ReadLock lock(state_.store_mutex);
    snapshot = state_.publisher.current();
    for (std::size_t i = 0; i < ids.size(); ++i)
      found[i] = state_.ids.find(ids[i].view(), snapshot->generation->records);
  }
  std::vector<std::optional<Item>> out(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (found[i] != kNoRecord) out[i] = read(*snapshot, found[i], include_metadata, include_vector);
  return out;
}

std::vector<bool> Reader::has(const std::vector<ExternalId>& ids) const {
  std::vector<bool> out(ids.size());
  ReadLock lock(state_.store_mutex);
  const std::shared_ptr<const Snapshot> snapshot = state_.publisher.current();
  for (std::size_t i = 0; i < ids.size(); ++i)
    out[i] = state_.ids.find(ids[i].view(), snapshot->generation->records) != kNoRecord;
  return out;
}

std::shared_ptr<Cursor> Reader::open(const FindRequest& request) const {
  auto cursor = std::make_shared<Cursor>();
  cursor->snapshot = state_.publisher.current();
  cursor->records = matching_records(*cursor->snapshot, request.filter.get());
  const std::size_t total = cursor->records.size();
  const std::size_t first = std::min<std::uint64_t>(request.offset, total);
  const std::size_t last = first + std::min<std::uint64_t>(request.limit, total - first);
  sort_records(*cursor->snapshot, request.order, last, cursor->records);
  cursor->records.resize(last);
  cursor->next = first;
  return cursor;
}

std::vector<Item> Reader::next(Cursor& cursor, std::uint64_t count, bool include_vector) const {
  const std::size_t last = cursor.next + std::min<std::uint64_t>(count, cursor.records.size() - cursor.next);
  std::vector<Item> out;
  out.reserve(last - cursor.next);
  for (; cursor.next < last; ++cursor.next)
    out.push_back(read(*cursor.snapshot, cursor.records[cursor.next], true, include_vector));
  return out;
}

std::vector<Item> Reader::find(const Filter* filter, std::uint64_t limit, std::uint64_t offset,
                               bool include_vector) const {
  FindRequest request;
  request.filter =
      std::shared_ptr<const Filter>(std::shared_ptr<const Filter>(), filter);  // not owned: lives as long as the call
  request.limit = limit;
  request.offset = offset;
  const std::shared_ptr<Cursor> cursor = open(request);
  return next(*cursor, limit, include_vector);
}

std::size_t Reader::id_bytes() const {
  ReadLock lock(state_.store_mutex);
  return state_.ids.bytes();
}

}  // namespace sagedb
