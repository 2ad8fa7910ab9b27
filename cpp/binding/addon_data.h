// What one environment (main thread or worker thread) keeps of the addon.
// Thread safety: JavaScript thread of the environment only.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>

#include "binding/answer_buffer.h"
#include "binding/job_queue.h"
#include "binding/loop_turner.h"
#include "binding/spare_buffer.h"

namespace sagedb {

struct EnvironmentState {
  bool exiting = false;  // set by the clean-up hook, before any object is finalised
};

struct AddonData {
  Napi::FunctionReference database;
  Napi::FunctionReference write_group;
  AnswerBuffer answers;
  std::optional<std::shared_ptr<LoopTurner>> loop_turner;  // looked for when first used
  const std::shared_ptr<SpareBuffer> spare = std::make_shared<SpareBuffer>();
  std::shared_ptr<EnvironmentState> state = std::make_shared<EnvironmentState>();
  // Made when first used. Coalesced searches: the second worker keeps the cores busy through the gaps of the first. Batches, exact scans and
  // huge lists apart, so that they do not hold up the others.
  std::shared_ptr<JobQueue> cheap_searches, costly_searches, reads;
  std::shared_ptr<JobQueue> closes;  // made when first used

  JobQueue& searches(Napi::Env env, bool costly) {
    return costly ? made(env, costly_searches, "SageDB.search", 1) : made(env, cheap_searches, "SageDB.search", 2);
  }
  JobQueue& read_queue(Napi::Env env) { return made(env, reads, "SageDB.read", 1); }
  // Where there is no thread for it. One at a time: a close may take long, and others need the pool.
  JobQueue& close_queue(Napi::Env env) { return made(env, closes, "SageDB.close", 1); }

 private:
  static JobQueue& made(Napi::Env env, std::shared_ptr<JobQueue>& queue, const char* name, int workers) {
    if (!queue) queue = JobQueue::make(env, name, workers);
    return *queue;
  }
};

}  // namespace sagedb
