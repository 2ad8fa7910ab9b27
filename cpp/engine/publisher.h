// Installs snapshots and keeps what they replaced until no reader holds it, so that gigabytes are freed by the maintenance
// thread and not by the last search.
//
// Thread safety: current() by anyone, lock-free; publish() by the holder of EngineState::writer_mutex; collect() by the maintenance thread.
// Invariant: sequence and version of the current snapshot never decrease.
#pragma once

#include <memory>
#include <vector>

#include "base/mutex.h"
#include "base/published_ptr.h"
#include "engine/snapshot.h"

namespace sagedb {

class Publisher {
 public:
  using Prepared = published_ptr<const Snapshot>::Prepared;

  explicit Publisher(std::shared_ptr<const Snapshot> first) : current_(std::move(first)) {}

  std::shared_ptr<const Snapshot> current() const noexcept { return current_.load(); }

  // Two phases: all allocation happens in prepare(), publish() cannot throw.
  Prepared prepare(std::shared_ptr<const Snapshot> next);
  void publish(Prepared prepared) noexcept;

  // Frees retired parts that nobody reads any more. Returns how many are still held by readers.
  std::size_t collect() noexcept;
  // A retired index that nobody reads, for its buffers; null when there is none.
  std::shared_ptr<const Index> take_recyclable();

 private:
  struct Retired {
    std::shared_ptr<Generation> generation;
    std::shared_ptr<CodeStore> codes;
    std::shared_ptr<const Index> index;
    std::shared_ptr<TextIndex> text_index;
  };

  published_ptr<const Snapshot> current_;
  Mutex retired_mutex_{"retired"};
  std::vector<Retired> retired_ GUARDED_BY(retired_mutex_);
  std::shared_ptr<const Index> recyclable_ GUARDED_BY(retired_mutex_);
};

}  // namespace sagedb
