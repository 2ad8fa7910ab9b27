#include "binding/job_thread.h"

#include <utility>

#include "binding/js_errors.h"

namespace sagedb {
namespace {

struct Delivery {
  JobThread* thread;
  std::unique_ptr<Job> job;
};

}  // namespace

JobThread::JobThread(Napi::Env env, const std::string& name) : env_(env) {
  const Napi::String resource = Napi::String::New(env, name);
  if (napi_create_threadsafe_function(env, nullptr, nullptr, resource, 0, 1, nullptr, nullptr, this, deliver,
                                      &channel_) != napi_ok) {
    throw Napi::Error::New(env);
  }
  napi_unref_threadsafe_function(env, channel_);
  // Registered after the channel, so that it runs before the channel's own hook: hooks run last in, first out.
  napi_add_env_cleanup_hook(env, on_environment_exit, this);
  hooked_ = true;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (...) {
    shutdown();
    throw;
  }
}

JobThread::~JobThread() { shutdown(); }

void JobThread::submit(std::unique_ptr<Job> job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) throw Error(ErrorCode::CLOSED, "the database is closed");
    waiting_.push_back(std::move(job));
  }
  wake_.notify_one();
  if (pending_++ == 0) napi_ref_threadsafe_function(env_, channel_);
}

void JobThread::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    if (stopped_) return;
    std::unique_ptr<Job> job = std::move(waiting_.front());
    waiting_.pop_front();
    running_ = job.get();
    lock.unlock();
    job->execute();
    auto* delivery = new Delivery{this, std::move(job)};
    lock.lock();
    running_ = nullptr;
    // Under the lock: shutdown() cannot release the channel between the test and the call.
    if (stopped_ || napi_call_threadsafe_function(channel_, delivery, napi_tsfn_nonblocking) != napi_ok) {
      undelivered_.push_back(std::move(delivery->job));
      delete delivery;
    }
  }
}

void JobThread::deliver(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<Delivery> delivery(static_cast<Delivery*>(data));
  if (env == nullptr) {  // the environment is going away, and `thread` may be gone
    delivery->job->abandon();
    return;
  }
  JobThread* const self = delivery->thread;
  if (--self->pending_ == 0) napi_unref_threadsafe_function(env, self->channel_);
  const Napi::HandleScope scope(env);
  try {
    delivery->job->complete(env);
  } catch (const Napi::Error& e) {
    e.ThrowAsJavaScriptException();
  } catch (...) {
    to_js_error(env, current_error()).ThrowAsJavaScriptException();
  }
}

void JobThread::on_environment_exit(void* self) {
  auto* const thread = static_cast<JobThread*>(self);
  thread->hooked_ = false;
  thread->shutdown();
}

void JobThread::shutdown() noexcept {
  if (hooked_) napi_remove_env_cleanup_hook(env_, on_environment_exit, this);
  hooked_ = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    if (running_ != nullptr) running_->cancel();
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  if (channel_ != nullptr) napi_release_threadsafe_function(channel_, napi_tsfn_abort);
  channel_ = nullptr;
  for (auto& job : waiting_) job->abandon();
  for (auto& job : undelivered_) job->abandon();
  waiting_.clear();
  undelivered_.clear();
}

}  // namespace sagedb
