#include "engine/publisher.h"

#include <algorithm>

namespace sagedb {

Publisher::Prepared Publisher::prepare(std::shared_ptr<const Snapshot> next) {
  MutexLock lock(retired_mutex_);
  retired_.reserve(retired_.size() + next->spaces.size());
  return published_ptr<const Snapshot>::prepare(std::move(next));
}

void Publisher::publish(Prepared prepared) noexcept {
  const std::shared_ptr<const Snapshot> next = prepared.node->value;
  const std::shared_ptr<const Snapshot> old = current_.exchange(std::move(prepared));
  // One entry per space; what the spaces share goes with the first. A snapshot that differs only by counts shares every large part with
  // its successor: nothing to retire.
  for (std::size_t s = 0; s < next->spaces.size(); ++s) {
    Retired r;
    if (s == 0 && old->generation != next->generation) r.generation = old->generation;
    if (s == 0 && old->text_index != next->text_index) r.text_index = old->text_index;
    if (old->spaces[s].codes != next->spaces[s].codes) r.codes = old->spaces[s].codes;
    if (old->spaces[s].index != next->spaces[s].index) r.index = old->spaces[s].index;
    if (!r.generation && !r.codes && !r.index && !r.text_index) continue;
    MutexLock lock(retired_mutex_);
    retired_.push_back(std::move(r));  // room was reserved in prepare()
  }
}

std::size_t Publisher::collect() noexcept {
  const auto free_now = [](const Retired& r) {
    return (!r.generation || r.generation.use_count() == 1) && (!r.codes || r.codes.use_count() == 1) &&
           (!r.index || r.index.use_count() == 1) && (!r.text_index || r.text_index.use_count() == 1);
  };
  for (;;) {
    Retired unused;  // freed after the lock is released
    MutexLock lock(retired_mutex_);
    const auto found = std::find_if(retired_.begin(), retired_.end(), free_now);
    if (found == retired_.end()) return retired_.size();
    if (found->index && found->index->reusable()) std::swap(recyclable_, found->index);
    unused = std::move(*found);
    retired_.erase(found);
  }
}

std::shared_ptr<const Index> Publisher::take_recyclable() {
  MutexLock lock(retired_mutex_);
  return std::move(recyclable_);
}

}  // namespace sagedb
