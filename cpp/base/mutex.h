// Annotated lock types. libstdc++'s own carry no clang capability attributes, so `-Wthread-safety` cannot see them.
#pragma once

#include <mutex>
#include <shared_mutex>

#include "base/lock_trace.h"

#if defined(__clang__)
#define SAGEDB_TS(x) __attribute__((x))
#else
#define SAGEDB_TS(x)
#endif
#define CAPABILITY(x) SAGEDB_TS(capability(x))
#define SCOPED_CAPABILITY SAGEDB_TS(scoped_lockable)
#define GUARDED_BY(x) SAGEDB_TS(guarded_by(x))
#define PT_GUARDED_BY(x) SAGEDB_TS(pt_guarded_by(x))
#define REQUIRES(...) SAGEDB_TS(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) SAGEDB_TS(requires_shared_capability(__VA_ARGS__))
#define ACQUIRE(...) SAGEDB_TS(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...) SAGEDB_TS(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...) SAGEDB_TS(release_capability(__VA_ARGS__))
#define RELEASE_SHARED(...) SAGEDB_TS(release_shared_capability(__VA_ARGS__))
#define EXCLUDES(...) SAGEDB_TS(locks_excluded(__VA_ARGS__))
#define ASSERT_CAPABILITY(x) SAGEDB_TS(assert_capability(x))
#define NO_THREAD_SAFETY_ANALYSIS SAGEDB_TS(no_thread_safety_analysis)

namespace sagedb {

class CAPABILITY("mutex") Mutex {
 public:
  explicit Mutex(const char* name = "mutex") : name_(name) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void lock() ACQUIRE() {
    LockTrace::Wait wait(name_);
    mutex_.lock();
    wait.acquired();
  }
  void unlock() RELEASE() {
    LockTrace::released(name_);
    mutex_.unlock();
  }
  std::mutex& native() { return mutex_; }
  // For the analysis only: a lambda that its caller runs while it holds the mutex.
  void assume_held() const ASSERT_CAPABILITY(this) {}

 private:
  const char* name_;
  std::mutex mutex_;
};

class CAPABILITY("shared_mutex") SharedMutex {
 public:
  explicit SharedMutex(const char* name = "shared_mutex") : name_(name) {}
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;
  void lock() ACQUIRE() {
    LockTrace::Wait wait(name_);
    mutex_.lock();
    wait.acquired();
  }
  void unlock() RELEASE() {
    LockTrace::released(name_);
    mutex_.unlock();
  }
  void lock_shared() ACQUIRE_SHARED() {
    LockTrace::Wait wait(name_);
    mutex_.lock_shared();
    wait.acquired();
  }
  void unlock_shared() RELEASE_SHARED() {
    LockTrace::released(name_);
    mutex_.unlock_shared();
  }

 private:
  const char* name_;
  std::shared_mutex mutex_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& m) ACQUIRE(m) : m_(m) { m_.lock(); }
  ~MutexLock() RELEASE() { m_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& m_;
};

class SCOPED_CAPABILITY WriteLock {
 public:
  explicit WriteLock(SharedMutex& m) ACQUIRE(m) : m_(m) { m_.lock(); }
  ~WriteLock() RELEASE() { m_.unlock(); }
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;

 private:
  SharedMutex& m_;
};

class SCOPED_CAPABILITY ReadLock {
 public:
  explicit ReadLock(SharedMutex& m) ACQUIRE_SHARED(m) : m_(m) { m_.lock_shared(); }
  ~ReadLock() RELEASE() { m_.unlock_shared(); }
  ReadLock(const ReadLock&) = delete;
  ReadLock& operator=(const ReadLock&) = delete;

 private:
  SharedMutex& m_;
};

}  // namespace sagedb
