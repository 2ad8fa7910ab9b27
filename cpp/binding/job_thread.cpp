#include "binding/job_thread.h"

#include <utility>

#include "base/status.h"

namespace sagedb {

JobThread::JobThread(Napi::Env env, const std::string& name)
    : channel_(env, name, [this] { shutdown(); }), thread_([this] { run(); }) {}

JobThread::~JobThread() { shutdown(); }

void JobThread::submit(std::unique_ptr<Job> job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) throw Error(ErrorCode::CLOSED, "the database is closed");
    waiting_.push_back(std::move(job));
    moment_.called();
  }
  wake_.notify_one();
  channel_.expect();
}

void JobThread::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    if (!stopped_ && waiting_.empty()) {
      const Moment::Clock::time_point end = moment_.expected(Moment::Clock::now());
      lock.unlock();
      moment_.wait(end);
      lock.lock();
    }
    wake_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    if (stopped_) return;
    std::unique_ptr<Job> job = std::move(waiting_.front());
    waiting_.pop_front();
    running_ = job.get();
    lock.unlock();
    job->execute();
    lock.lock();
    running_ = nullptr;
    moment_.finished(Moment::Clock::now());
    lock.unlock();
    channel_.deliver(std::move(job));
    lock.lock();
  }
}

void JobThread::shutdown() noexcept {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    moment_.wake();
    if (running_ != nullptr) running_->cancel();
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  channel_.close();
  for (auto& job : waiting_) job->abandon();
  waiting_.clear();
}

}  // namespace sagedb
