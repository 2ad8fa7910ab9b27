#include "engine/record_order.h"

#include <algorithm>
#include <deque>
#include <string>

#include "base/wtf8.h"
#include "store/metadata_impl.h"

namespace sagedb {
namespace {

struct SortValue {
  int rank = 0;
  double number = 0;
  std::string_view text;
};

SortValue sort_value(ValueRef v) noexcept {
  if (v.missing()) return {};
  switch (v.tag()) {
    case ValueTag::null:
      return {};
    case ValueTag::number:
      return {1, v.number(), {}};
    case ValueTag::string:
      return {2, 0, v.string()};
    case ValueTag::object:
      return {3, 0, {}};
    case ValueTag::array:
      return {4, 0, {}};
    case ValueTag::no:
    case ValueTag::yes:
      return {5, v.tag() == ValueTag::yes ? 1.0 : 0.0, {}};
  }
  return {};
}

int compare(const SortValue& a, const SortValue& b) noexcept {
  if (a.rank != b.rank) return a.rank < b.rank ? -1 : 1;
  if (a.number != b.number) return a.number < b.number ? -1 : 1;
  return a.rank == 2 ? compare_utf16(a.text, b.text) : 0;
}

}  // namespace

void sort_records(const Snapshot& snapshot, const std::vector<SortKey>& keys, std::size_t wanted,
                  std::vector<RecordNo>& records) {
  if (keys.empty() || records.size() < 2) return;
  const MetadataStore& store = snapshot.generation->metadata;
  store.want_base();
  const std::size_t width = keys.size();
  std::vector<SortValue> values(records.size() * width);
  std::deque<std::string> texts;  // of records that no index holds yet: values point into them
  for (std::size_t i = 0; i < records.size(); ++i) {
    std::string scratch;
    ValueRef document(store.document(records[i], &scratch));
    if (!scratch.empty()) {
      texts.push_back(std::move(scratch));
      document = ValueRef(texts.back().data());
    }
    for (std::size_t k = 0; k < width; ++k) values[i * width + k] = sort_value(resolve_path(document, keys[k].path));
  }
  std::vector<std::size_t> order(records.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto before = [&](std::size_t a, std::size_t b) {
    for (std::size_t k = 0; k < width; ++k) {
      const int c = compare(values[a * width + k], values[b * width + k]);
      if (c != 0) return keys[k].descending ? c > 0 : c < 0;
    }
    return a < b;
  };
  const std::size_t sorted = std::min(wanted, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(sorted), order.end(), before);
  std::vector<RecordNo> result(records.size());
  for (std::size_t i = 0; i < order.size(); ++i) result[i] = records[order[i]];
  records.swap(result);
}

}  // namespace sagedb
