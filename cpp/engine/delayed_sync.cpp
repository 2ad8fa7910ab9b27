#include "engine/delayed_sync.h"

#include <chrono>
#include <utility>

namespace sagedb {
namespace {

// How long an acknowledged write may wait for its sync.
constexpr std::chrono::milliseconds kSyncDelay{50};

}  // namespace

void DelayedSync::start(std::function<void()> sync) {
  sync_ = std::move(sync);
  thread_ = std::thread([this] { loop(); });
}

void DelayedSync::request() noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!requested_) wake_.notify_one();
  requested_ = true;
}

void DelayedSync::loop() noexcept {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || requested_; });
    if (!requested_) return;
    wake_.wait_for(lock, kSyncDelay, [&] { return stopping_; });
    requested_ = false;
    lock.unlock();
    sync_();
    lock.lock();
  }
}

void DelayedSync::stop() noexcept {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace sagedb
