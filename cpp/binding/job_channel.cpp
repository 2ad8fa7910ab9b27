#include "binding/job_channel.h"

#include <utility>

namespace sagedb {

std::atomic<std::uint64_t> JobChannel::deliveries_{0};

JobChannel::JobChannel(Napi::Env env, const std::string& name, std::function<void()> on_exit)
    : env_(env), on_exit_(std::move(on_exit)) {
  const Napi::String resource = Napi::String::New(env, name);
  if (napi_create_threadsafe_function(env, nullptr, nullptr, resource, 0, 1, nullptr, nullptr, this, complete,
                                      &function_) != napi_ok) {
    throw Napi::Error::New(env);
  }
  napi_unref_threadsafe_function(env, function_);
  // Registered after the function, so that it runs before the function's own hook: hooks run last in, first out.
  napi_add_env_cleanup_hook(env, on_environment_exit, this);
  hooked_ = true;
}

JobChannel::~JobChannel() { close(); }

void JobChannel::expect() {
  if (expected_++ == 0 && function_ != nullptr) napi_ref_threadsafe_function(env_, function_);
}

void JobChannel::arrived() {
  if (--expected_ == 0 && function_ != nullptr) napi_unref_threadsafe_function(env_, function_);
}

void JobChannel::deliver(std::unique_ptr<Job> job) {
  // Under the lock: close() cannot release the function between the test and the call.
  const std::lock_guard<std::mutex> lock(mutex_);
  if (function_ != nullptr && napi_call_threadsafe_function(function_, job.get(), napi_tsfn_nonblocking) == napi_ok) {
    static_cast<void>(job.release());
    deliveries_.fetch_add(1, std::memory_order_release);
    return;
  }
  job->abandon();
  undelivered_.push_back(std::move(job));
}

void JobChannel::complete(napi_env env, napi_value, void* channel, void* data) {
  const std::unique_ptr<Job> job(static_cast<Job*>(data));
  if (env == nullptr) {  // the environment is going away, and the channel may be gone
    job->abandon();
    return;
  }
  static_cast<JobChannel*>(channel)->arrived();
  complete_job(env, job.get());
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
  const std::lock_guard<std::mutex> lock(mutex_);
  if (function_ != nullptr) napi_release_threadsafe_function(function_, napi_tsfn_abort);
  function_ = nullptr;
}

}  // namespace sagedb
