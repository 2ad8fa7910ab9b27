// Mutex that admits waiters in the order of arrival, so that writers of several threads keep the order in which they came.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "base/mutex.h"

namespace sagedb {

class CAPABILITY("mutex") FifoMutex {
 public:
  explicit FifoMutex(const char* name) : name_(name) {}
  FifoMutex(const FifoMutex&) = delete;
  FifoMutex& operator=(const FifoMutex&) = delete;

  void lock() ACQUIRE() {
    LockTrace::Wait wait(name_);
    std::unique_lock<std::mutex> guard(mutex_);
    const std::uint64_t ticket = next_++;
    turn_.wait(guard, [&] { return serving_ == ticket; });
    wait.acquired();
  }
  void unlock() RELEASE() {
    LockTrace::released(name_);
    {
      std::lock_guard<std::mutex> guard(mutex_);
      ++serving_;
    }
    turn_.notify_all();
  }
  // For the analysis only, where it cannot see that two names mean this mutex.
  void assume_held() const ASSERT_CAPABILITY(this) {}

 private:
  const char* name_;
  std::mutex mutex_;
  std::condition_variable turn_;
  std::uint64_t next_ = 0;
  std::uint64_t serving_ = 0;
};

class SCOPED_CAPABILITY FifoLock {
 public:
  explicit FifoLock(FifoMutex& m) ACQUIRE(m) : m_(m) { m_.lock(); }
  ~FifoLock() RELEASE() { m_.unlock(); }
  FifoLock(const FifoLock&) = delete;
  FifoLock& operator=(const FifoLock&) = delete;

 private:
  FifoMutex& m_;
};

}  // namespace sagedb
