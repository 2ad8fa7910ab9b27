#include "binding/job_queue.h"

#include <utility>

#include "base/status.h"

namespace sagedb {

namespace {

// After so long a worker whose queue is empty gives its thread back, to whoever waits for one of the pool's.
constexpr std::chrono::milliseconds kLongestStay{20};

}  // namespace

// Runs jobs until none waits. All but the last, which comes back with the worker, are delivered through the channel.
class JobQueue::Worker : public Napi::AsyncWorker {
 public:
  explicit Worker(std::shared_ptr<JobQueue> queue)
      : Napi::AsyncWorker(queue->env_, queue->name_), queue_(std::move(queue)) {}

 protected:
  void Execute() override {
    const Moment::Clock::time_point end = Moment::Clock::now() + kLongestStay;
    while (std::unique_ptr<Job> job = queue_->next(&last_, end)) {
      job->execute();
      last_ = std::move(job);
    }
  }
  void OnOK() override {
    if (last_) queue_->complete(last_.get());
  }

 private:
  const std::shared_ptr<JobQueue> queue_;
  std::unique_ptr<Job> last_;
};

std::shared_ptr<JobQueue> JobQueue::make(Napi::Env env, const char* name, int workers) {
  return std::shared_ptr<JobQueue>(new JobQueue(env, name, workers));
}

JobQueue::JobQueue(Napi::Env env, const char* name, int workers)
    : env_(env), name_(name), workers_(workers), channel_(env, name, [this] { close(); }) {}

void JobQueue::submit(std::unique_ptr<Job> job) {
  bool start = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) throw Error(ErrorCode::CLOSED, "the environment is ending");
    const bool among_others = active_ > staying_ || !waiting_.empty();
    waiting_.push_back(std::move(job));
    // Workers that stay take what they can.
    start = active_ < workers_ && waiting_.size() > static_cast<std::size_t>(staying_);
    if (start) ++active_;
    moment_.called(among_others);
  }
  channel_.expect();
  if (start) start_worker();
}

void JobQueue::start_worker() {
  try {
    std::make_unique<Worker>(shared_from_this()).release()->Queue();
  } catch (...) {
    const std::lock_guard<std::mutex> lock(mutex_);
    // Another worker takes the job in time, or has taken it.
    if (--active_ > 0 || waiting_.empty()) return;
    waiting_.pop_back();
    channel_.arrived();
    throw;
  }
}

void JobQueue::stay(std::unique_lock<std::mutex>* lock, std::unique_ptr<Job>* last, Moment::Clock::time_point now) {
  const Moment::Clock::time_point end = moment_.expected(now);
  if (end == now) return;
  ++staying_;
  lock->unlock();
  channel_.deliver(std::move(*last));
  for (;;) {
    moment_.wait(end);
    lock->lock();
    if (!waiting_.empty() || closed_ || Moment::Clock::now() >= end) break;
    moment_.listen();
    lock->unlock();
  }
  --staying_;
}

std::unique_ptr<Job> JobQueue::next(std::unique_ptr<Job>* last, Moment::Clock::time_point stay_until) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (*last) {
    const Moment::Clock::time_point now = Moment::Clock::now();
    moment_.finished(now);
    if (waiting_.empty() && !closed_ && now < stay_until) stay(&lock, last, now);
  }
  if (closed_ || waiting_.empty()) {
    --active_;
    return nullptr;
  }
  std::unique_ptr<Job> job = std::move(waiting_.front());
  waiting_.pop_front();
  // One job has all threads of the engine; several divide them, which costs no waiting for each other inside a job. A worker that stays is
  // likely to have one soon.
  if (active_ > 1 || !waiting_.empty()) job->share_threads(workers_);
  lock.unlock();
  if (*last) channel_.deliver(std::move(*last));
  return job;
}

void JobQueue::complete(Job* job) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return job->abandon();
  }
  channel_.arrived();
  complete_job(env_, job);
}

void JobQueue::close() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  closed_ = true;
  moment_.wake();
  for (auto& job : waiting_) job->abandon();
  waiting_.clear();
}

}  // namespace sagedb
