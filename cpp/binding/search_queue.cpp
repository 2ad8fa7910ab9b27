#include "binding/search_queue.h"

#include <thread>
#include <utility>

#include "base/executor.h"

namespace sagedb {
namespace {

using Clock = std::chrono::steady_clock;

// A batch that comes within this time after the last is in turn, and so long the worker waits for one. About what it costs to put a
// thread to sleep and to wake it.
constexpr std::chrono::microseconds kMoment{50};
const bool kSeveralProcessors = hardware_threads() > 1;

}  // namespace

// Runs batches until none waits. All but the last, which comes back with the worker, are delivered through the channel.
class SearchQueue::Worker : public Napi::AsyncWorker {
 public:
  explicit Worker(std::shared_ptr<SearchQueue> queue)
      : Napi::AsyncWorker(queue->env_, "SageDB.search"), queue_(std::move(queue)) {}

 protected:
  void Execute() override {
    while (std::unique_ptr<SearchJob> job = queue_->next(&last_)) {
      job->execute();
      last_ = std::move(job);
    }
  }
  void OnOK() override {
    if (last_) queue_->complete(last_.get());
  }

 private:
  const std::shared_ptr<SearchQueue> queue_;
  std::unique_ptr<SearchJob> last_;
};

std::shared_ptr<SearchQueue> SearchQueue::make(Napi::Env env, int workers) {
  return std::shared_ptr<SearchQueue>(new SearchQueue(env, workers));
}

SearchQueue::SearchQueue(Napi::Env env, int workers)
    : env_(env), workers_(workers), channel_(env, "SageDB.search", [this] { close(); }) {}

void SearchQueue::submit(std::unique_ptr<SearchJob> job) {
  bool start = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) throw Error(ErrorCode::CLOSED, "the environment is ending");
    in_turn_ = waiting_.empty() && Clock::now() - finished_ < kMoment;
    waiting_.push_back(std::move(job));
    // A worker that waits takes it.
    start = active_ < workers_ && !(expecting_ && waiting_.size() == 1);
    if (start) ++active_;
    called_.store(true, std::memory_order_release);
  }
  channel_.expect();
  if (start) start_worker();
}

void SearchQueue::start_worker() {
  try {
    std::make_unique<Worker>(shared_from_this()).release()->Queue();
  } catch (...) {
    const std::lock_guard<std::mutex> lock(mutex_);
    // Another worker takes the batch in time, or has taken it.
    if (--active_ > 0 || waiting_.empty()) return;
    waiting_.pop_back();
    channel_.arrived();
    throw;
  }
}

std::unique_ptr<SearchJob> SearchQueue::next(std::unique_ptr<SearchJob>* last) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (*last) finished_ = Clock::now();
  if (waiting_.empty() && !closed_ && *last && in_turn_ && active_ == 1 && kSeveralProcessors) {
    expecting_ = true;
    called_.store(false, std::memory_order_relaxed);
    lock.unlock();
    deliver(std::move(*last));
    wait_a_moment();
    lock.lock();
    expecting_ = false;
  }
  if (closed_ || waiting_.empty()) {
    --active_;
    return nullptr;
  }
  std::unique_ptr<SearchJob> job = std::move(waiting_.front());
  waiting_.pop_front();
  // One batch has all threads of the engine; several divide them, which costs no waiting for each other inside a batch.
  if (active_ > 1 || !waiting_.empty()) job->share_threads(workers_);
  lock.unlock();
  if (*last) deliver(std::move(*last));
  return job;
}

// Not on a processor that somebody else could use.
void SearchQueue::wait_a_moment() {
  const Clock::time_point end = Clock::now() + kMoment;
  while (!called_.load(std::memory_order_acquire) && Clock::now() < end) std::this_thread::yield();
}

void SearchQueue::deliver(std::unique_ptr<SearchJob> job) {
  std::unique_ptr<Job> back = channel_.deliver(std::move(job));
  if (!back) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  undelivered_.push_back(std::move(back));
}

void SearchQueue::complete(SearchJob* job) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return job->abandon();
  }
  channel_.arrived();
  complete_job(env_, job);
}

void SearchQueue::close() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
  called_.store(true, std::memory_order_release);
  for (auto& job : waiting_) job->abandon();
  for (auto& job : undelivered_) job->abandon();
  waiting_.clear();
  undelivered_.clear();
}

}  // namespace sagedb
