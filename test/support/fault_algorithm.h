// An index plugin that wraps another and can fail, pause or be counted: how tests reach into background builds.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <new>
#include <stdexcept>
#include <thread>

#include "base/executor.h"
#include "index/index.h"
#include "support/raise_to.h"

namespace sagedb::testing {

struct BuildControls {
  std::atomic<int> fail{0};             // that many builds throw
  std::atomic<bool> fail_in_parallel{false};  // throw from inside a parallel region
  std::atomic<bool> hold{false};        // builds wait here (cancellable)
  std::function<void()> begin;  // each build calls it on its thread; constant once a database has these controls
  std::atomic<int> running{0}, most_running{0}, started{0};
};

class FaultAlgorithm final : public AnnsAlgorithm {
 public:
  FaultAlgorithm(std::unique_ptr<AnnsAlgorithm> inner, std::shared_ptr<BuildControls> controls)
      : inner_(std::move(inner)), controls_(std::move(controls)) {}
  const char* name() const noexcept override { return inner_->name(); }
  bool uses_codes() const noexcept override { return inner_->uses_codes(); }

  std::shared_ptr<const Index> grow(const SpaceView& space, std::shared_ptr<const Index> base, Row rows,
                                    std::shared_ptr<const Index> recycled, const BuildContext& context) const override {
    enter(context);
    auto leave = std::shared_ptr<void>(nullptr, [this](void*) { controls_->running.fetch_sub(1); });
    return inner_->grow(space, std::move(base), rows, std::move(recycled), context);
  }
  std::shared_ptr<const Index> compact(const SpaceView& space, std::shared_ptr<const Index> base, const RowRemap& remap,
                                       const BuildContext& context) const override {
    enter(context);
    auto leave = std::shared_ptr<void>(nullptr, [this](void*) { controls_->running.fetch_sub(1); });
    return inner_->compact(space, std::move(base), remap, context);
  }

 private:
  void enter(const BuildContext& context) const {
    controls_->started.fetch_add(1);
    raise_to(controls_->most_running, controls_->running.fetch_add(1) + 1);
    try {
      if (controls_->begin) controls_->begin();
      while (controls_->hold.load()) {
        if (context.cancel != nullptr) context.cancel->check();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      if (controls_->fail.load() > 0) {
        controls_->fail.fetch_sub(1);
        if (controls_->fail_in_parallel.load())
          parallel_for(64, 1, 2, [](std::size_t, std::size_t, int) { throw std::bad_alloc(); });
        throw std::runtime_error("planted build failure");
      }
    } catch (...) {
      controls_->running.fetch_sub(1);
      throw;
    }
  }

  const std::unique_ptr<AnnsAlgorithm> inner_;
  const std::shared_ptr<BuildControls> controls_;
};

}  // namespace sagedb::testing
