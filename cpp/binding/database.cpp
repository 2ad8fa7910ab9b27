#include "binding/database.h"

#include <system_error>
#include <utility>

#include "binding/detailed_search.h"
#include "binding/engine_job.h"
#include "binding/engine_registry.h"
#include "binding/js_args.h"
#include "binding/js_errors.h"
#include "binding/read_job.h"
#include "binding/release.h"
#include "binding/write_job.h"

namespace sagedb {
namespace {

// What the constructor receives; only wrap() can make one, because the class is not exported.
struct Opened {
  std::shared_ptr<SageDB> engine;
  std::string handle;
  bool owner;
};

class OpenWorker : public Napi::AsyncWorker {
 public:
  OpenWorker(const Napi::Function& callback, Options options)
      : Napi::AsyncWorker(callback, "SageDB.open"), options_(std::move(options)) {}

 protected:
  void Execute() override {
    try {
      engine_ = SageDB::open(options_);
      handle_ = EngineRegistry::instance().add(engine_);
    } catch (...) {
      error_ = current_error();
    }
  }
  void OnOK() override {
    const Napi::HandleScope scope(Env());
    if (error_) {
      Callback().Call({to_js_error(Env(), *error_).Value()});
    } else {
      Callback().Call({Env().Null(), Database::wrap(Env(), std::move(engine_), std::move(handle_), true)});
    }
  }

 private:
  const Options options_;
  std::shared_ptr<SageDB> engine_;
  std::string handle_;
  std::optional<Error> error_;
};

Napi::Function callback_of(const Napi::Value& value) {
  if (!value.IsFunction()) throw Error(ErrorCode::INVALID_ARGUMENT, "callback: expected a function");
  return value.As<Napi::Function>();
}

std::string filter_of(const Napi::Value& value) {
  return value.IsUndefined() ? std::string() : read_text(value.Env(), value, "filter");
}

Napi::Value open(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    auto* worker = new OpenWorker(callback_of(info[1]), read_options(info[0]));
    worker->Queue();
    return info.Env().Undefined();
  });
}

Napi::Value attach(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    std::string handle = read_text(env, info[0], "handle");
    std::shared_ptr<SageDB> engine = EngineRegistry::instance().find(handle);
    return Database::wrap(env, std::move(engine), std::move(handle), false);
  });
}

const char* metric_name(Metric metric) {
  switch (metric) {
    case Metric::l2:
      return "l2";
    case Metric::ip:
      return "ip";
    case Metric::cosine:
      return "cosine";
  }
  return "";
}

}  // namespace

Napi::Function Database::define(Napi::Env env) {
  return DefineClass(env, "Database",
                     {InstanceMethod<&Database::search>("search"),
                      InstanceMethod<&Database::search_sync>("searchSync"),
                      InstanceMethod<&Database::search_detailed>("searchDetailed"),
                      InstanceMethod<&Database::view>("view"),
                      InstanceMethod<&Database::text_fields>("textFields"),
                      InstanceMethod<&Database::text_ready>("textReady"),
                      InstanceMethod<&Database::wait_for_text>("waitForText"),
                      InstanceMethod<&Database::get>("get"),
                      InstanceMethod<&Database::has>("has"),
                      InstanceMethod<&Database::count>("count"),
                      InstanceMethod<&Database::find>("find"),
                      InstanceMethod<&Database::open_cursor>("openCursor"),
                      InstanceMethod<&Database::next>("next"),
                      InstanceMethod<&Database::apply>("apply"),
                      InstanceMethod<&Database::build>("build"),
                      InstanceMethod<&Database::flush>("flush"),
                      InstanceMethod<&Database::refresh>("refresh"),
                      InstanceMethod<&Database::snapshot>("snapshot"),
                      InstanceMethod<&Database::verify>("verify"),
                      InstanceMethod<&Database::close>("close"),
                      InstanceMethod<&Database::stats>("stats"),
                      InstanceMethod<&Database::size>("size"),
                      InstanceMethod<&Database::index_version>("indexVersion"),
                      InstanceMethod<&Database::handle>("handle"),
                      InstanceMethod<&Database::dimension>("dimension"),
                      InstanceMethod<&Database::metric>("metric"),
                      InstanceMethod<&Database::spaces>("spaces")});
}

void Database::export_functions(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New(env, open, "open"));
  exports.Set("attach", Napi::Function::New(env, attach, "attach"));
  export_text_functions(env, exports);
  export_view_functions(env, exports);
  exports.Set("takeItems", Napi::Function::New(env, take_items, "takeItems"));
  exports.Set("closeCursor", Napi::Function::New(env, close_cursor, "closeCursor"));
}

Napi::Object Database::wrap(Napi::Env env, std::shared_ptr<SageDB> engine, std::string handle, bool owner) {
  Opened opened{std::move(engine), std::move(handle), owner};
  return env.GetInstanceData<AddonData>()->database.New({Napi::External<Opened>::New(env, &opened)});
}

Database::Database(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Database>(info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "Database is made by open() and attach()");
  Opened& opened = *info[0].As<Napi::External<Opened>>().Data();
  engine_ = std::move(opened.engine);
  handle_ = std::move(opened.handle);
  owner_ = opened.owner;
  options_ = engine_->options();
  memory_ = std::make_shared<MemoryReport>(owner_);
  environment_ = info.Env().GetInstanceData<AddonData>()->state;
}

Database::~Database() {
  writer_.reset();
  builder_.reset();
  text_waiter_.reset();
  memory_->forget(Env());
  // While the environment exits there is nobody to keep waiting, and a thread of our own could outlive the process's globals.
  if (environment_->exiting) {
    engine_.reset();
  } else {
    release_elsewhere(std::move(engine_));
  }
}

const std::shared_ptr<SageDB>& Database::engine() const {
  if (!engine_ || engine_->closed()) throw Error(ErrorCode::CLOSED, "the database is closed");
  return engine_;
}

JobThread& Database::writer() { return started(&writer_, "SageDB.write"); }

JobThread* Database::writer_if_any() {
  try {
    return &writer();
  } catch (const std::system_error&) {
    return nullptr;
  }
}

JobThread& Database::started(std::unique_ptr<JobThread>* thread, const char* name) {
  if (!*thread) *thread = std::make_unique<JobThread>(Env(), name);
  return **thread;
}

// The job comes first, since making it throws CLOSED: a closed database starts no thread.
void Database::submit_write(std::unique_ptr<Job> job) { writer().submit(std::move(job)); }

void Database::submit_long(std::unique_ptr<Job> job) { started(&builder_, "SageDB.build").submit(std::move(job)); }

void Database::end_idle_threads() noexcept {
  for (std::unique_ptr<JobThread>* const thread : {&writer_, &builder_, &text_waiter_})
    if (*thread && (*thread)->idle()) thread->reset();
}

Napi::Value Database::search(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::shared_ptr<SageDB>& target = engine();
    auto job = std::make_unique<BatchSearchJob>(callback_of(info[5]), target,
                                                SearchBatch(info, options_, read_view(info[8])), info[7].ToBoolean());
    info.Env().GetInstanceData<AddonData>()->searches(info.Env(), info[6].ToBoolean()).submit(std::move(job));
    return info.Env().Undefined();
  });
}

Napi::Value Database::search_detailed(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsObject()) throw Error(ErrorCode::INVALID_ARGUMENT, "request: expected an object");
    auto job = std::make_unique<DetailedSearch>(callback_of(info[1]), engine(), info[0].As<Napi::Object>(), options_);
    info.Env().GetInstanceData<AddonData>()->searches(info.Env(), info[2].ToBoolean()).submit(std::move(job));
    return info.Env().Undefined();
  });
}

Napi::Value Database::view(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return make_view(info.Env(), engine()->view()); });
}

Napi::Value Database::text_fields(const Napi::CallbackInfo& info) {
  Napi::Array fields = Napi::Array::New(info.Env(), options_.text_fields.size());
  for (std::uint32_t i = 0; i < options_.text_fields.size(); ++i) fields.Set(i, options_.text_fields[i]);
  return fields;
}

Napi::Value Database::text_ready(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return Napi::Boolean::New(info.Env(), engine()->text_ready()); });
}

Napi::Value Database::wait_for_text(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    // A thread of its own: the builder's may be busy with a build for minutes.
    auto job = std::make_unique<EngineJob>(callback_of(info[1]), engine(), memory_, read_task(info[0]),
                                           [](SageDB& engine, Task& task) { engine.wait_for_text(&task.cancel); });
    started(&text_waiter_, "SageDB.text").submit(std::move(job));
    return info.Env().Undefined();
  });
}

Napi::Value Database::search_sync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::vector<napi_value> values =
        SearchBatch(info, options_).run(*engine()).to_js(env, env.GetInstanceData<AddonData>()->answers);
    if (values.empty()) return env.Undefined();
    Napi::Array array = Napi::Array::New(env, values.size());
    for (std::uint32_t i = 0; i < values.size(); ++i) array.Set(i, values[i]);
    return array;
  });
}

void Database::read(const Napi::Function& callback, ReadRequest request) {
  Env().GetInstanceData<AddonData>()->read_queue(Env()).submit(
      std::make_unique<ReadJob>(callback, engine(), std::move(request)));
}

Napi::Value Database::get(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    ReadRequest request;
    request.kind = ReadRequest::Kind::get;
    read_ids(info[0], request.ids);
    request.include_vector = info[1].ToBoolean();
    read(callback_of(info[2]), std::move(request));
    return info.Env().Undefined();
  });
}

Napi::Value Database::has(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    ReadRequest request;
    request.kind = ReadRequest::Kind::has;
    read_ids(info[0], request.ids);
    read(callback_of(info[1]), std::move(request));
    return info.Env().Undefined();
  });
}

Napi::Value Database::count(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    ReadRequest request;
    request.kind = ReadRequest::Kind::count;
    request.filter = filter_of(info[0]);
    read(callback_of(info[1]), std::move(request));
    return info.Env().Undefined();
  });
}

Napi::Value Database::find(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    ReadRequest request;
    request.kind = ReadRequest::Kind::find;
    request.include_vector = info[5].ToBoolean();
    start_find(info, std::move(request), callback_of(info[6]));
    return info.Env().Undefined();
  });
}

Napi::Value Database::open_cursor(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    ReadRequest request;
    request.kind = ReadRequest::Kind::open_cursor;
    start_find(info, std::move(request), callback_of(info[5]));
    return info.Env().Undefined();
  });
}

// filter, limit, offset, order (paths), descending (Uint8Array, one per path)
void Database::start_find(const Napi::CallbackInfo& info, ReadRequest request, const Napi::Function& callback) {
  request.filter = filter_of(info[0]);
  request.find.limit = read_count(info[1], "limit", kMaxSafeInteger);
  request.find.offset = read_count(info[2], "offset", kMaxSafeInteger);
  std::vector<std::string> paths;
  if (!info[3].IsUndefined()) read_texts(info[3], "order", paths);
  for (std::uint32_t i = 0; i < paths.size(); ++i) {
    const Napi::Value descending = info[4].IsObject() ? info[4].As<Napi::Object>().Get(i) : info.Env().Undefined();
    request.find.order.push_back({std::move(paths[i]), descending.ToBoolean()});
  }
  read(callback, std::move(request));
}

Napi::Value Database::next(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    ReadRequest request;
    request.kind = ReadRequest::Kind::next;
    request.cursor = read_cursor(info[0]);
    request.limit = read_count(info[1], "count", kMaxSafeInteger);
    request.include_vector = info[2].ToBoolean();
    read(callback_of(info[3]), std::move(request));
    return info.Env().Undefined();
  });
}

Napi::Value Database::apply(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::shared_ptr<SageDB>& target = engine();
    const Napi::Function callback = callback_of(info[1]);
    const AddonData& addon = *env.GetInstanceData<AddonData>();
    const Napi::Function group_class = addon.write_group.Value();
    if (!info[0].IsArray()) throw Error(ErrorCode::INVALID_ARGUMENT, "groups: expected an array");
    const auto groups = info[0].As<Napi::Array>();
    std::vector<PendingOp> ops;
    for (std::uint32_t i = 0; i < groups.Length(); ++i) {
      const Napi::Value value = groups.Get(i);
      if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(group_class)) {
        throw Error(ErrorCode::INVALID_ARGUMENT, "groups: expected write groups");
      }
      for (PendingOp& op : WriteGroup::Unwrap(value.As<Napi::Object>())->take()) ops.push_back(std::move(op));
    }
    submit_write(std::make_unique<WriteJob>(callback, target, memory_, addon.spare, std::move(ops)));
    return env.Undefined();
  });
}

Napi::Value Database::build(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const bool optimize = info[0].ToBoolean();
    submit_long(std::make_unique<EngineJob>(callback_of(info[2]), engine(), memory_, read_task(info[1]),
                                            [optimize](SageDB& engine, Task& task) {
                                              if (optimize) {
                                                engine.optimize(&task.cancel, &task.progress);
                                              } else {
                                                engine.build_index(&task.cancel, &task.progress);
                                              }
                                            }));
    return info.Env().Undefined();
  });
}

Napi::Value Database::flush(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    submit_write(std::make_unique<EngineJob>(callback_of(info[0]), engine(), memory_, nullptr,
                                             [](SageDB& engine, Task&) { engine.flush(); }));
    return info.Env().Undefined();
  });
}

Napi::Value Database::refresh(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    submit_write(std::make_unique<RefreshJob>(callback_of(info[0]), engine(), memory_));
    return info.Env().Undefined();
  });
}

Napi::Value Database::snapshot(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    submit_long(std::make_unique<EngineJob>(
        callback_of(info[1]), engine(), memory_, nullptr,
        [dir = read_text(info.Env(), info[0], "dir")](SageDB& engine, Task&) { engine.snapshot(dir); }));
    return info.Env().Undefined();
  });
}

Napi::Value Database::verify(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    submit_long(
        std::make_unique<EngineJob>(callback_of(info[1]), engine(), memory_, read_task(info[0]),
                                    [](SageDB& engine, Task& task) { engine.verify(&task.cancel, &task.progress); }));
    return info.Env().Undefined();
  });
}

// Takes the engine along: the database has none from now on.
class Database::CloseJob final : public EngineJob {
 public:
  CloseJob(const Napi::Function& callback, Database* database)
      : EngineJob(callback, std::move(database->engine_), std::make_shared<MemoryReport>(false), nullptr,
                  [owner = database->owner_](SageDB& engine, Task&) {
                    if (owner) engine.close();
                  }),
        database_(*database) {}
  void complete(Napi::Env env) override {
    // Before the callback: who waits for it finds no thread left. This may end the channel that has brought this job.
    database_.end_idle_threads();
    database_.Unref();
    EngineJob::complete(env);
  }

 private:
  Database& database_;
};

Napi::Value Database::close(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Function callback = callback_of(info[0]);
    if (!engine_) throw Error(ErrorCode::CLOSED, "the database is closed");
    // Until the thread or the queue is there the database keeps its engine, so that a close that fails here can be tried again.
    if (JobThread* const thread = writer_if_any()) {
      thread->submit(std::make_unique<CloseJob>(callback, this));
    } else {
      JobQueue& queue = info.Env().GetInstanceData<AddonData>()->close_queue(info.Env());
      queue.submit(std::make_unique<CloseJob>(callback, this));
    }
    memory_->forget(info.Env());
    Ref();  // until the job is complete, which ends the threads
    return info.Env().Undefined();
  });
}

Napi::Value Database::stats(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return stats_to_js(info.Env(), engine()->stats()); });
}

Napi::Value Database::size(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return Napi::Number::New(info.Env(), static_cast<double>(engine()->size())); });
}

Napi::Value Database::index_version(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(engine()->index_version()));
  });
}

Napi::Value Database::handle(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), handle_); }

Napi::Value Database::dimension(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(options_.dimension));
}

Napi::Value Database::metric(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), metric_name(options_.metric));
}

Napi::Value Database::spaces(const Napi::CallbackInfo& info) {
  Napi::Array out = Napi::Array::New(info.Env());
  for (std::uint32_t i = 0; options_.named() && i < options_.spaces.size(); ++i) {
    Napi::Object space = Napi::Object::New(info.Env());
    space.Set("name", options_.spaces[i].name);
    space.Set("dimension", static_cast<double>(options_.spaces[i].dimension));
    space.Set("metric", metric_name(options_.spaces[i].metric));
    out.Set(i, space);
  }
  return out;
}

}  // namespace sagedb
