// Group commit: the first caller to find the queue idle leads and takes everything that is queued; what arrives while it works goes into the
// next group. So any number of concurrent durable writers share one sync.
//
// Thread safety: run() from any thread. Requests are processed in the order in which run() was entered.
#pragma once

#include <condition_variable>
#include <mutex>
#include <vector>

#include "engine/write_plan.h"

namespace sagedb {

struct WriteItem {
  WriteOp* op;
  PreparedOp prepared;
  OpResult result;
};

class WriteQueue {
 public:
  struct Request {
    explicit Request(std::size_t count) : items(count) {}
    std::vector<WriteItem> items;

   private:
    friend class WriteQueue;
    bool done = false;
    bool leads = false;
    std::condition_variable wake;
  };

  // Returns when `request` was part of a group that `process(const std::vector<Request*>&) noexcept` was called with, by this thread or
  // another. Throws OUT_OF_MEMORY before anything was processed.
  template <typename Process>
  void run(Request& request, Process&& process) {
    std::unique_lock<std::mutex> lock(mutex_);
    queue_.push_back(&request);
    if (busy_) request.wake.wait(lock, [&] { return request.done || request.leads; });
    if (request.done) return;
    busy_ = true;
    std::vector<Request*> group;
    group.swap(queue_);
    lock.unlock();
    process(group);
    lock.lock();
    for (Request* r : group) {
      r->done = true;
      if (r != &request) r->wake.notify_one();
    }
    busy_ = !queue_.empty();
    if (!busy_) return;
    queue_.front()->leads = true;
    queue_.front()->wake.notify_one();
  }

 private:
  std::mutex mutex_;
  std::vector<Request*> queue_;
  bool busy_ = false;
};

}  // namespace sagedb
