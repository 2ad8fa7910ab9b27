#include "engine/text_writes.h"

#include <algorithm>
#include <numeric>

#include "base/executor.h"
#include "store/metadata_impl.h"

namespace sagedb {
namespace {

constexpr std::size_t kGrain = 64;

ValueRef document_of(const MetadataStore::Prepared& metadata) { return ValueRef(metadata.impl->document.data()); }

}  // namespace

DocumentWords words_of(const TextIndex& index, const Generation& generation, RecordNo r) {
  std::string scratch;
  return index.words_of(ValueRef(generation.metadata.document(r, &scratch)));
}

void reserve_words(WritePlan& plan, int threads) {
  TextIndex* const index = plan.base()->text_index.get();
  if (index == nullptr || !index->enabled()) return;
  const Generation& g = *plan.base()->generation;
  const RecordNo first = plan.base()->record_count;
  const std::vector<MetadataStore::Prepared>& metadata = plan.metadata();
  std::vector<RecordNo> records(metadata.size());  // written, then replaced or removed
  std::iota(records.begin(), records.end(), first);
  for (const PlannedChange& c : plan.changes())
    if (c.replaces != kNoRecord) records.push_back(c.replaces);
  std::vector<DocumentWords> words(records.size());
  parallel_for(records.size(), kGrain, records.size() < 4 * kGrain ? 1 : threads,
               [&](std::size_t begin, std::size_t end, int) {
                 for (std::size_t i = begin; i < end; ++i)
                   words[i] = records[i] < first ? words_of(*index, g, records[i])
                                                 : index->words_of(document_of(metadata[records[i] - first]));
               });
  const auto died = words.begin() + static_cast<std::ptrdiff_t>(metadata.size());
  const std::vector<DocumentWords> dead(std::make_move_iterator(died), std::make_move_iterator(words.end()));
  words.resize(metadata.size());
  index->reserve(words, first, dead);
}

}  // namespace sagedb
