#include "binding/job_channel.h"

#include <thread>
#include <utility>

namespace sagedb {

JobChannel::JobChannel(Napi::Env env, const std::string& name, std::function<void()> on_exit)
    : env_(env), on_exit_(std::move(on_exit)) {
  const Napi::String resource = Napi::String::New(env, name);
  if (!wake_by_signal(resource)) wake_by_function(resource);
  if (turner_) turner_->add(this);
  // Registered after signal and function, so that it runs before their own hooks: hooks run last in, first out.
  napi_add_env_cleanup_hook(env, on_environment_exit, this);
  hooked_ = true;
}

bool JobChannel::wake_by_signal(const Napi::String& resource) {
  std::shared_ptr<LoopTurner> turner = LoopTurner::of(env_);
  signal_ = LoopSignal::make(env_, [this] { receive(); });
  if (!signal_) return false;
  turner_ = std::move(turner);
  const Napi::Env env = env_;
  if (napi_async_init(env, Napi::Object::New(env), resource, &context_) == napi_ok) return true;
  signal_.reset();
  throw Napi::Error::New(env);
}

void JobChannel::wake_by_function(const Napi::String& resource) {
  if (napi_create_threadsafe_function(env_, nullptr, nullptr, resource, 0, 1, nullptr, nullptr, this,
                                      on_function_called, &function_) != napi_ok) {
    throw Napi::Error::New(env_);
  }
  napi_unref_threadsafe_function(env_, function_);
}

JobChannel::~JobChannel() { close(); }

void JobChannel::expect() {
  if (expected_++ == 0) keep_alive(true);
}

void JobChannel::arrived() {
  if (--expected_ == 0) keep_alive(false);
}

void JobChannel::keep_alive(bool alive) {
  if (signal_) {
    signal_->keep_alive(alive);
  } else if (function_ != nullptr) {
    (alive ? napi_ref_threadsafe_function : napi_unref_threadsafe_function)(env_, function_);
  }
}

void JobChannel::deliver(std::unique_ptr<Job> job) {
  bool waker = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!open_) {
      job->abandon();
      undelivered_.push_back(std::move(job));
      return;
    }
    delivered_.push_back(std::move(job));
    waker = !noticed_.exchange(true);
    delivering_.fetch_add(1, std::memory_order_relaxed);
  }
  const bool seen = turner_ && turner_->announce();
  if (waker && !seen && !wake()) {
    const std::lock_guard<std::mutex> lock(mutex_);
    noticed_ = false;
  }
  delivering_.fetch_sub(1, std::memory_order_release);
}

bool JobChannel::wake() noexcept {
  if (signal_) return signal_->send();
  return napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking) == napi_ok;
}

void JobChannel::receive() {
  if (!noticed_) return;
  std::vector<std::unique_ptr<Job>> jobs;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    noticed_ = false;
    jobs.swap(delivered_);
  }
  // What waits for an answer may close the channel.
  const std::shared_ptr<const bool> alive = alive_;
  for (std::unique_ptr<Job>& job : jobs) {
    if (*alive) {
      complete(std::move(job));
    } else {
      job->abandon();
    }
  }
}

void JobChannel::receive_later() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (open_ && !delivered_.empty()) noticed_ = wake();
}

void JobChannel::complete(std::unique_ptr<Job> job) {
  arrived();
  const Napi::Env env = env_;
  napi_callback_scope scope = nullptr;  // a thread-safe function has its own
  if (context_ != nullptr && napi_open_callback_scope(env, env.Global(), context_, &scope) != napi_ok) scope = nullptr;
  complete_job(env, job.get());
  // Nobody is there to catch it.
  if (env.IsExceptionPending()) napi_fatal_exception(env, env.GetAndClearPendingException().Value());
  job.reset();
  // Runs what waits for the answer.
  if (scope != nullptr) napi_close_callback_scope(env, scope);
}

void JobChannel::on_function_called(napi_env env, napi_value, void* channel, void*) {
  // Null: the environment is going away, and the channel may be gone.
  if (env != nullptr) static_cast<JobChannel*>(channel)->receive();
}

void JobChannel::on_environment_exit(void* self) {
  auto* const channel = static_cast<JobChannel*>(self);
  channel->hooked_ = false;
  if (channel->on_exit_) channel->on_exit_();
  channel->close();
}

void JobChannel::close() noexcept {
  if (hooked_) napi_remove_env_cleanup_hook(env_, on_environment_exit, this);
  hooked_ = false;
  if (turner_) turner_->remove(this);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!open_) return;
    open_ = false;
    *alive_ = false;
    for (std::unique_ptr<Job>& job : delivered_) {
      job->abandon();
      undelivered_.push_back(std::move(job));
    }
    delivered_.clear();
  }
  while (delivering_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
  signal_.reset();
  if (function_ != nullptr) napi_release_threadsafe_function(function_, napi_tsfn_abort);
  function_ = nullptr;
  if (context_ != nullptr) napi_async_destroy(env_, context_);
  context_ = nullptr;
}

}  // namespace sagedb
