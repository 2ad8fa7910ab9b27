// An index plugin whose searches can be held or slowed down and counted, and whose indexes record which thread destroyed them.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include "index/flat_index.h"
#include "index/index.h"

namespace sagedb::testing {

struct TraceControls {
  std::atomic<bool> hold_searches{false};
  std::atomic<int> pause_ms{0};  // of every search
  std::atomic<int> searching{0};
  std::mutex mutex;
  std::vector<std::thread::id> destroyed_on;  // guarded by mutex
};

class TracedIndex final : public Index {
 public:
  TracedIndex(Row rows, std::shared_ptr<TraceControls> controls) : flat_(rows), controls_(std::move(controls)) {}
  ~TracedIndex() override {
    std::lock_guard<std::mutex> lock(controls_->mutex);
    controls_->destroyed_on.push_back(std::this_thread::get_id());
  }
  const char* name() const noexcept override { return "traced"; }
  Row rows() const noexcept override { return flat_.rows(); }
  bool search(const SpaceView& space, const Query& query, const SearchParams& params, const RowSelector& selector,
              SearchScratch& scratch, std::vector<Candidate>& out, SearchCounters* counters) const override {
    controls_->searching.fetch_add(1);
    if (const int pause = controls_->pause_ms.load()) std::this_thread::sleep_for(std::chrono::milliseconds(pause));
    while (controls_->hold_searches.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    controls_->searching.fetch_sub(1);
    return flat_.search(space, query, params, selector, scratch, out, counters);
  }
  std::size_t memory_bytes() const noexcept override { return flat_.memory_bytes(); }
  std::string verify(const SpaceView& space) const override { return flat_.verify(space); }

 private:
  const FlatIndex flat_;
  const std::shared_ptr<TraceControls> controls_;
};

class TracedAlgorithm final : public AnnsAlgorithm {
 public:
  explicit TracedAlgorithm(std::shared_ptr<TraceControls> controls) : controls_(std::move(controls)) {}
  const char* name() const noexcept override { return "traced"; }
  bool uses_codes() const noexcept override { return false; }
  std::shared_ptr<const Index> grow(const SpaceView&, std::shared_ptr<const Index>, Row rows,
                                    std::shared_ptr<const Index>, const BuildContext&) const override {
    return std::make_shared<const TracedIndex>(rows, controls_);
  }
  std::shared_ptr<const Index> compact(const SpaceView&, std::shared_ptr<const Index>, const RowRemap& remap,
                                       const BuildContext&) const override {
    return std::make_shared<const TracedIndex>(remap.new_count, controls_);
  }

 private:
  const std::shared_ptr<TraceControls> controls_;
};

}  // namespace sagedb::testing
