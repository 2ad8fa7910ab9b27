// The check of every block of the segments that an open has mapped, after the open.
//
// Until it has passed, nothing that was mapped is written anew under a fresh checksum: checkpoints and builds wait for what they copy. Damage of codes or graph
// drops the index, which is made again from the vectors. Any other damage refuses writes and checkpoints; reads go on, since what they can tell to
// be wrong they report.
//
// Thread safety: every method from any thread. Lock order: after Storage's checkpoint mutex, before EngineState::writer_mutex (in the call-back).
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/cancel.h"
#include "storage/manifest.h"

namespace sagedb {

class BlockCheck {
 public:
  enum class State : std::uint8_t { none, running, passed, damaged };
  struct Status {
    State state = State::none;
    std::uint64_t done = 0, total = 0;  // blocks
    std::string error;
  };

  BlockCheck(Env& env, std::string dir) : env_(env), dir_(std::move(dir)) {}
  ~BlockCheck();

  // The segments of a manifest, listed before anything depends on it.
  class Work {
   public:
    Work() = default;
    // `may_vanish`: somebody else may remove the files, which is no damage.
    // `on_index_damage` is called from whichever thread finds it, and by every finish() until it says that the index is gone; it must not throw.
    Work(const Manifest& manifest, bool may_vanish, std::function<bool()> on_index_damage);

   private:
    friend class BlockCheck;
    struct Item {
      SegmentRef ref;
      bool checked = false;
      bool vanished = false;
    };
    std::vector<Item> items_;
    Uuid database_{};
    std::uint64_t blocks_ = 0;
    bool may_vanish_ = false;
    std::function<bool()> on_index_damage_;
  };

  // Takes up this work instead of what there was before.
  void begin(Work work) noexcept;
  // Checks on a thread of its own. Until then, and where none is to be had, finish() does it all.
  void start() noexcept;
  // Ends and joins the thread; what it did not reach stays open.
  void stop() noexcept;
  // Asked every few milliseconds; throws when nobody waits any more.
  using Asked = std::function<void()>;

  // Returns when every segment (or those of the index only) is checked, by this thread if need be. Throws what reading and `asked` throw, and OUT_OF_MEMORY
  // when a damaged index could not be dropped; damage is not thrown but kept.
  void finish(bool index_only, const Asked& asked);
  bool finished() const;
  // Names of the files that were gone before they were checked.
  std::vector<std::string> vanished() const;
  // Whether its thread is at work.
  bool running() const noexcept { return running_.load(std::memory_order_acquire); }
  std::uint64_t bytes_left() const;
  // Throws CORRUPTION when something that cannot be made again is damaged.
  void require_sound() const;
  bool index_damaged() const noexcept { return index_damaged_.load(std::memory_order_acquire); }
  Status status() const;

 private:
  using Item = Work::Item;
  // One at a time. Throws what `asked` throws while it waits.
  class Turn {
   public:
    Turn(BlockCheck& of, const Asked& asked);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    BlockCheck& of_;
  };
  Item* next_item(bool index_only);
  void check(Item& item, const Asked& asked);
  void note_damage(FileKind kind, const std::string& message);
  void drop_index() noexcept;
  void loop(const CancelToken& stop) noexcept;

  Env& env_;
  const std::string dir_;
  mutable std::mutex mutex_;
  std::condition_variable turn_;
  bool taken_ = false;  // guarded by mutex_, as below: somebody checks a segment, or changes work_
  Work work_;  // changes in a turn
  std::atomic<bool> drop_due_{false};  // changes in a turn
  std::string error_;
  std::atomic<bool> damaged_{false}, index_damaged_{false}, running_{false};
  std::atomic<std::uint64_t> done_{0};
  std::shared_ptr<CancelToken> stop_;
  std::thread thread_;
};

}  // namespace sagedb
