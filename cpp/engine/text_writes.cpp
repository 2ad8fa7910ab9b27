#include "engine/text_writes.h"

#include <algorithm>
#include <numeric>

#include "base/executor.h"
#include "store/metadata_impl.h"

namespace sagedb {
namespace {

constexpr std::size_t kGrain = 64;
constexpr RecordNo kLoadBatch = 8192;

ValueRef document_of(const MetadataStore::Prepared& metadata) { return ValueRef(metadata.impl->document.data()); }

}  // namespace

DocumentWords words_of(const Generation& generation, RecordNo r) {
  std::string scratch;
  return generation.text.words_of(ValueRef(generation.metadata.document(r, &scratch)));
}

void reserve_words(WritePlan& plan, int threads) {
  Generation& g = *plan.base()->generation;
  if (!g.text.enabled()) return;
  const RecordNo first = plan.base()->record_count;
  const std::vector<MetadataStore::Prepared>& metadata = plan.metadata();
  std::vector<RecordNo> records(metadata.size());  // written, then replaced or removed
  std::iota(records.begin(), records.end(), first);
  for (const PlannedChange& c : plan.changes())
    if (c.replaces != kNoRecord) records.push_back(c.replaces);
  std::vector<DocumentWords> words(records.size());
  parallel_for(
      records.size(), kGrain, records.size() < 4 * kGrain ? 1 : threads, [&](std::size_t begin, std::size_t end, int) {
        for (std::size_t i = begin; i < end; ++i)
          words[i] =
              records[i] < first ? words_of(g, records[i]) : g.text.words_of(document_of(metadata[records[i] - first]));
      });
  const auto died = words.begin() + static_cast<std::ptrdiff_t>(metadata.size());
  const std::vector<DocumentWords> dead(std::make_move_iterator(died), std::make_move_iterator(words.end()));
  words.resize(metadata.size());
  g.text.reserve(words, first, dead);
}

void load_words(Snapshot* snapshot, int threads) {
  Generation& g = *snapshot->generation;
  snapshot->text.assign(g.text.fields().size(), FieldTotals());
  if (!g.text.enabled()) return;
  for (RecordNo first = 0; first < snapshot->record_count; first += kLoadBatch) {
    const RecordNo n = std::min(kLoadBatch, snapshot->record_count - first);
    std::vector<DocumentWords> words(n);
    parallel_for(n, kGrain, threads, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t i = begin; i < end; ++i) {
        const RecordNo r = first + static_cast<RecordNo>(i);
        if (g.records.live(r, snapshot->sequence))
          words[i] = words_of(g, r);
        else
          words[i].lengths.assign(g.text.fields().size(), 0);
      }
    });
    g.text.reserve(words, first, {});
    g.text.account(&snapshot->text);
    for (RecordNo i = 0; i < n; ++i) g.text.append(first + i);
  }
}

}  // namespace sagedb
