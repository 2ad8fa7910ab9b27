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
    item.vector.resize(state_.options.dimension);
    read_vector(g, state_.options, g.records.record(r).row, item.vector.data());
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

std::vector<Item> Reader::find(const Filter* filter, std::uint64_t limit, std::uint64_t offset, bool include_vector) const {
  const std::shared_ptr<const Snapshot> snapshot = state_.publisher.current();
  const std::vector<RecordNo> records = matching_records(*snapshot, filter);
  std::vector<Item> out;
  if (offset >= records.size()) return out;
  const std::uint64_t last = offset + std::min<std::uint64_t>(limit, records.size() - offset);
  out.reserve(last - offset);
  for (std::uint64_t i = offset; i < last; ++i) out.push_back(read(*snapshot, records[i], true, include_vector));
  return out;
}

std::size_t Reader::id_bytes() const {
  ReadLock lock(state_.store_mutex);
  return state_.ids.bytes();
}

}  // namespace sagedb
