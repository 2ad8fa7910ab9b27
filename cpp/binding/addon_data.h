// What one environment (main thread or worker thread) keeps of the addon.
// Thread safety: JavaScript thread of the environment only.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/search_queue.h"
#include "binding/spare_buffer.h"

namespace sagedb {

struct EnvironmentState {
  bool exiting = false;  // set by the clean-up hook, before any object is finalised
};

struct AddonData {
  Napi::FunctionReference database;
  Napi::FunctionReference write_group;
  const std::shared_ptr<SpareBuffer> spare = std::make_shared<SpareBuffer>();
  std::shared_ptr<EnvironmentState> state = std::make_shared<EnvironmentState>();
  // Made by the first search. Coalesced searches: the second worker keeps the cores busy through the gaps of the first. Batches, exact scans
  // and huge lists apart, so that they do not hold up the others.
  std::shared_ptr<SearchQueue> cheap_searches;
  std::shared_ptr<SearchQueue> costly_searches;
  const std::shared_ptr<SearchQueue>& searches(Napi::Env env, bool costly) {
    std::shared_ptr<SearchQueue>& queue = costly ? costly_searches : cheap_searches;
    if (!queue) queue = SearchQueue::make(env, costly ? 1 : 2);
    return queue;
  }
};

}  // namespace sagedb
