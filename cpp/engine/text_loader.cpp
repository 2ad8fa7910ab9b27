#include "engine/text_loader.h"

#include <algorithm>

#include "base/executor.h"
#include "engine/text_writes.h"

namespace sagedb {
namespace {

constexpr std::size_t kGrain = 64;
constexpr std::size_t kBatch = 8192;

}  // namespace

void TextLoader::run() {
  ChangeFeed feed(state_);
  base_ = feed.base();
  index_ = std::make_shared<TextIndex>(state_.options.text_fields);
  totals_.resize(state_.options.text_fields.size());
  add(*base_);
  const auto replay = [this](const Snapshot& now, const ChangeFeed::Deletions& deletions) {
    add(now);
    bury(now, deletions);
  };
  feed.catch_up(cancel_, replay);
  FifoLock lock(state_.writer_mutex);
  auto next = std::make_shared<Snapshot>(*feed.finish(lock, replay));
  next->text_index = index_;
  next->text = totals_;
  state_.publisher.publish(state_.publisher.prepare(std::shared_ptr<const Snapshot>(std::move(next))));
}

// All but those that were dead at first: later deaths are noted, and buried after this.
void TextLoader::add(const Snapshot& now) {
  const Generation& g = *now.generation;
  while (records_ < now.record_count) {
    if (cancel_ != nullptr) cancel_->check();
    std::vector<DocumentWords> words(std::min<std::size_t>(kBatch, now.record_count - records_));
    parallel_for(words.size(), kGrain, state_.threads, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t i = begin; i < end; ++i) {
        const RecordNo r = records_ + static_cast<RecordNo>(i);
        if (g.records.live(r, base_->sequence))
          words[i] = words_of(*index_, g, r);
        else
          words[i].lengths.assign(totals_.size(), 0);
      }
    });
    index_->reserve(words, records_, {});
    index_->account(&totals_);
    for (std::size_t i = 0; i < words.size(); ++i) index_->append(records_++);
  }
}

void TextLoader::bury(const Snapshot& now, const ChangeFeed::Deletions& deletions) {
  for (std::size_t first = 0; first < deletions.size(); first += kBatch) {
    const ChangeJournal::Entry* const died = deletions.data() + first;
    std::vector<DocumentWords> words(std::min(kBatch, deletions.size() - first));
    parallel_for(words.size(), kGrain, state_.threads, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t i = begin; i < end; ++i) words[i] = words_of(*index_, *now.generation, died[i].record);
    });
    index_->reserve({}, records_, words);
    index_->account(&totals_);
    for (std::size_t i = 0; i < words.size(); ++i) index_->bury(died[i].sequence);
  }
}

}  // namespace sagedb
