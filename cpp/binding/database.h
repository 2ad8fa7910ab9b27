// The engine as one JavaScript object: reads arguments, starts work, nothing else. lib/sage-db.ts is the public class.
//
// Thread safety: JavaScript thread of one environment; the engine behind it may be shared with others through EngineRegistry.
// Invariants: every worker and job holds its own reference to the engine, so that the object may be collected or closed meanwhile.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "binding/addon_data.h"
#include "binding/job_thread.h"
#include "binding/memory_report.h"
#include "binding/read_job.h"
#include "engine/sage_db.h"

namespace sagedb {

class Database : public Napi::ObjectWrap<Database> {
 public:
  static Napi::Function define(Napi::Env env);
  // open(options, callback(error, database)) and attach(handle) -> database.
  static void export_functions(Napi::Env env, Napi::Object exports);
  // `owner`: closing it closes the engine for everyone; otherwise it only lets go of its share.
  static Napi::Object wrap(Napi::Env env, std::shared_ptr<SageDB> engine, std::string handle, bool owner);

  explicit Database(const Napi::CallbackInfo& info);
  ~Database() override;

 private:
  // search(queries, count, params, filters, tasks, callback, costly, atOnce, view); searchSync(queries, count, params, filters, tasks).
  Napi::Value search(const Napi::CallbackInfo& info);
  Napi::Value search_sync(const Napi::CallbackInfo& info);
  // view() -> what several searches see together, see make_view().
  Napi::Value view(const Napi::CallbackInfo& info);
  // searchDetailed(request, callback, costly), see DetailedSearch; textFields() -> string[], textReady() -> boolean, waitForText(task, callback).
  Napi::Value search_detailed(const Napi::CallbackInfo& info);
  Napi::Value text_fields(const Napi::CallbackInfo& info);
  Napi::Value text_ready(const Napi::CallbackInfo& info);
  Napi::Value wait_for_text(const Napi::CallbackInfo& info);
  // get(ids, includeVector, callback), has(ids, callback), count(filter, callback),
  // find(filter, limit, offset, order, descending, includeVector, callback),
  // openCursor(filter, limit, offset, order, descending, callback), next(cursor, count, includeVector, callback).
  Napi::Value get(const Napi::CallbackInfo& info);
  Napi::Value has(const Napi::CallbackInfo& info);
  Napi::Value count(const Napi::CallbackInfo& info);
  Napi::Value find(const Napi::CallbackInfo& info);
  Napi::Value open_cursor(const Napi::CallbackInfo& info);
  Napi::Value next(const Napi::CallbackInfo& info);
  void read(const Napi::Function& callback, ReadRequest request);
  void start_find(const Napi::CallbackInfo& info, ReadRequest request, const Napi::Function& callback);
  // apply(groups, callback).
  Napi::Value apply(const Napi::CallbackInfo& info);
  // build(optimize, task, callback), flush(callback), close(callback).
  Napi::Value build(const Napi::CallbackInfo& info);
  Napi::Value flush(const Napi::CallbackInfo& info);
  // refresh(callback): callback(error, changed).
  Napi::Value refresh(const Napi::CallbackInfo& info);
  Napi::Value snapshot(const Napi::CallbackInfo& info);
  Napi::Value verify(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value stats(const Napi::CallbackInfo& info);
  Napi::Value size(const Napi::CallbackInfo& info);
  Napi::Value index_version(const Napi::CallbackInfo& info);
  Napi::Value handle(const Napi::CallbackInfo& info);
  Napi::Value dimension(const Napi::CallbackInfo& info);
  Napi::Value metric(const Napi::CallbackInfo& info);
  // spaces() -> { name, dimension, metric }[]; empty without named spaces.
  Napi::Value spaces(const Napi::CallbackInfo& info);

  class CloseJob;
  // Throws CLOSED.
  const std::shared_ptr<SageDB>& engine() const;
  void submit_write(std::unique_ptr<Job> job);
  void submit_long(std::unique_ptr<Job> job);
  JobThread& writer();
  // Null: it was not started yet, no write is on its way, and there is no thread to be had.
  JobThread* writer_if_any();
  JobThread& started(std::unique_ptr<JobThread>* thread, const char* name);
  // Joins those that have nothing left to answer: after close() no thread waits for the collection of the object.
  void end_idle_threads() noexcept;

  std::shared_ptr<SageDB> engine_;  // null after close()
  std::string handle_;
  bool owner_ = false;
  Options options_;
  std::shared_ptr<MemoryReport> memory_;
  std::shared_ptr<EnvironmentState> environment_;
  // Until close() has answered.
  std::unique_ptr<JobThread> writer_;  // started by the first write
  std::unique_ptr<JobThread> builder_;  // started by the first long job
  std::unique_ptr<JobThread> text_waiter_;  // started by the first search by text that comes before the texts are read
};

}  // namespace sagedb
