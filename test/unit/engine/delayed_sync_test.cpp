// Mode async: writes are synced a moment later, together.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "engine/delayed_sync.h"

namespace sagedb {
namespace {

// Property: whatever was requested before stop() is synced when it returns, also what was requested just before.
TEST(DelayedSync, StopServesWhatWasRequested) {
  for (int round = 0; round < 300; ++round) {
    std::atomic<int> written{0}, synced{0};
    DelayedSync sync;
    sync.start([&] { synced = written.load(); });
    for (int i = 0; i < round % 3; ++i) {
      ++written;
      sync.request();
    }
    sync.stop();
    ASSERT_EQ(synced, written);
    sync.stop();
  }
}

// Property: many requests share a sync, and the last of them has one.
TEST(DelayedSync, RequestsShareASync) {
  std::atomic<int> written{0}, synced{0}, syncs{0};
  DelayedSync sync;
  sync.start([&] {
    ++syncs;
    synced = written.load();
  });
  for (int i = 0; i < 20; ++i) {
    ++written;
    sync.request();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (synced < 20 && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(synced, 20);
  EXPECT_LT(syncs, 20);
}

// Property: without start(), as in the other modes, nothing runs and nothing waits.
TEST(DelayedSync, NotStarted) {
  DelayedSync sync;
  sync.request();
  sync.stop();
}

}  // namespace
}  // namespace sagedb
