#include "engine/block_check.h"

#include <algorithm>
#include <chrono>

#include "base/executor.h"
#include "base/status.h"
#include "storage/segment_check.h"

namespace sagedb {
namespace {

constexpr std::chrono::milliseconds kAskEvery{10};

bool of_index(FileKind kind) noexcept {
  return kind == FileKind::graph || kind == FileKind::codes || kind == FileKind::code_errors;
}

// Small and far-reaching first: a wrong number in a record leads elsewhere, a wrong vector is one wrong vector.
int rank(FileKind kind) noexcept {
  switch (kind) {
    case FileKind::records:
    case FileKind::heads:
    case FileKind::ids:
      return 0;
    case FileKind::graph:
      return 1;
    case FileKind::codes:
    case FileKind::code_errors:
      return 2;
    case FileKind::vectors:
      return 4;
    default:
      return 3;
  }
}

}  // namespace

BlockCheck::~BlockCheck() { stop(); }

BlockCheck::Work::Work(const Manifest& manifest, bool may_vanish, std::function<bool()> on_index_damage)
    : database_(manifest.database), may_vanish_(may_vanish), on_index_damage_(std::move(on_index_damage)) {
  for (const SegmentRef& ref : manifest.segments) {
    items_.push_back(Item{ref});
    blocks_ += block_count_of(ref);
  }
  std::stable_sort(items_.begin(), items_.end(),
                   [](const Item& a, const Item& b) { return rank(a.ref.kind) < rank(b.ref.kind); });
}

void BlockCheck::begin(Work work) noexcept {
  stop();
  const Turn turn(*this, [] {});
  std::lock_guard<std::mutex> lock(mutex_);
  work_ = std::move(work);
  error_.clear();
  damaged_ = index_damaged_ = drop_due_ = false;
  done_ = 0;
}

void BlockCheck::start() noexcept {
  stop();
  if (finished()) return;
  running_ = true;
  try {
    stop_ = std::make_shared<CancelToken>();
    thread_ = std::thread([this, token = stop_] {
      loop(*token);
      running_ = false;
    });
  } catch (...) {
    running_ = false;  // no thread to be had: who needs the check does it
  }
}

void BlockCheck::stop() noexcept {
  if (stop_) stop_->cancel();
  if (thread_.joinable()) thread_.join();
}

BlockCheck::Item* BlockCheck::next_item(bool index_only) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (Item& item : work_.items_)
    if (!item.checked && (!index_only || of_index(item.ref.kind))) return &item;
  return nullptr;
}

void BlockCheck::note_damage(FileKind kind, const std::string& message) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (error_.empty() || !of_index(kind)) error_ = message;
  }
  if (!of_index(kind)) {
    damaged_.store(true, std::memory_order_release);
  } else if (!index_damaged_.exchange(true, std::memory_order_acq_rel)) {
    drop_due_ = true;
    drop_index();
  }
}

void BlockCheck::drop_index() noexcept {
  if (drop_due_ && work_.on_index_damage_) drop_due_ = !work_.on_index_damage_();
}

void BlockCheck::check(Item& item, const Asked& asked) {
  const std::uint64_t before = done_;
  bool vanished = false;
  try {
    check_segment(env_, dir_, work_.database_, item.ref, [&](std::uint64_t blocks) {
      asked();
      done_ += blocks;
    });
  } catch (const UnreadableBlock& e) {
    if (!of_index(item.ref.kind)) {
      done_ = before;
      throw;
    }
    note_damage(item.ref.kind, e.message());
  } catch (const Error& e) {
    const bool gone = e.code() == ErrorCode::NOT_FOUND;
    if (e.code() != ErrorCode::CORRUPTION && !gone) {
      done_ = before;  // not an answer: somebody asks again
      throw;
    }
    vanished = gone && work_.may_vanish_;
    if (!vanished) note_damage(item.ref.kind, e.message());
  }
  std::lock_guard<std::mutex> lock(mutex_);
  item.checked = true;
  item.vanished = vanished;
}

std::vector<std::string> BlockCheck::vanished() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> names;
  for (const Item& item : work_.items_)
    if (item.vanished) names.push_back(segment_name(item.ref.kind, item.ref.number));
  return names;
}

BlockCheck::Turn::Turn(BlockCheck& of, const Asked& asked) : of_(of) {
  std::unique_lock<std::mutex> lock(of_.mutex_);
  while (of_.taken_) {
    asked();
    of_.turn_.wait_for(lock, kAskEvery);
  }
  of_.taken_ = true;
}

BlockCheck::Turn::~Turn() {
  {
    std::lock_guard<std::mutex> lock(of_.mutex_);
    of_.taken_ = false;
  }
  of_.turn_.notify_all();
}

void BlockCheck::finish(bool index_only, const Asked& asked) {
  while (next_item(index_only) != nullptr) {
    const Turn turn(*this, asked);
    if (Item* item = next_item(index_only)) check(*item, asked);
  }
  // Nobody waits for a segment that the thread is at work on, when it is none of theirs.
  if (!drop_due_) return;
  const Turn turn(*this, asked);
  drop_index();
  if (drop_due_) throw Error(ErrorCode::OUT_OF_MEMORY, "out of memory: the damaged index is still there");
}

void BlockCheck::loop(const CancelToken& stop) noexcept {
  lower_thread_priority();
  try {
    finish(false, [&stop] { stop.check(); });
  } catch (...) {
    const Error error = current_error();
    if (error.code() == ErrorCode::ABORTED) return;
    try {
      std::lock_guard<std::mutex> lock(mutex_);
      error_ = error.message();
    } catch (...) {
      // Without memory for the message there is none.
    }
  }
}

bool BlockCheck::finished() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return std::all_of(work_.items_.begin(), work_.items_.end(), [](const Item& item) { return item.checked; });
}

std::uint64_t BlockCheck::bytes_left() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::uint64_t bytes = 0;
  for (const Item& item : work_.items_) bytes += item.checked ? 0 : item.ref.file_size;
  return bytes;
}

void BlockCheck::require_sound() const {
  if (!damaged_.load(std::memory_order_acquire)) return;
  std::lock_guard<std::mutex> lock(mutex_);
  throw Error(ErrorCode::CORRUPTION, "the database is damaged and takes no writes: " + error_);
}

BlockCheck::Status BlockCheck::status() const {
  Status out;
  const bool over = finished();
  std::lock_guard<std::mutex> lock(mutex_);
  out.error = error_;
  out.total = work_.blocks_;
  out.done = over ? out.total : std::min<std::uint64_t>(done_, out.total);
  if (damaged_ || index_damaged_) {
    out.state = State::damaged;
  } else if (!work_.items_.empty()) {
    out.state = over ? State::passed : running() ? State::running : State::none;
  }
  return out;
}

}  // namespace sagedb
