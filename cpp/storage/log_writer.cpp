#include "storage/log_writer.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/status.h"

namespace sagedb {
namespace {

constexpr std::size_t kStep = std::size_t{1} << 20;
constexpr std::uint8_t kPadding[kFrameAlignment] = {};

// Of larger frames the bytes themselves take most of a sync, and zeros would be as many again.
constexpr std::uint64_t kSmallFrame = std::uint64_t{64} << 10;
constexpr std::uint64_t kLeastAhead = std::uint64_t{4} << 10;
constexpr std::uint64_t kMostAhead = std::uint64_t{256} << 10;
constexpr std::uint8_t kZeros[std::size_t{16} << 10] = {};

std::size_t padding_of(const Frame& frame) noexcept {
  return static_cast<std::size_t>(frame_size(frame.payload_size) - kFrameHeader - frame.payload_size);
}

void raise_to(std::atomic<std::uint64_t>& at, std::uint64_t value) noexcept {
  std::uint64_t seen = at.load(std::memory_order_relaxed);
  while (seen < value && !at.compare_exchange_weak(seen, value, std::memory_order_acq_rel)) {
  }
}

}  // namespace

LogWriter::LogWriter(std::unique_ptr<WritableFile> file, std::string name, const LogStart& start, const Uuid& uuid)
    : file_(std::move(file)),
      name_(std::move(name)),
      number_(start.number),
      seed_(log_seed(uuid)),
      space_ahead_(start.space_ahead && file_->writes_in_place()),
      last_sequence_(start.last_sequence) {}

std::unique_ptr<LogWriter> LogWriter::create(Env& env, const std::string& dir, const LogStart& start) {
  FileHeader header;
  header.kind = FileKind::log;
  header.database = start.database;
  header.number = start.number;
  header.sequence = start.last_sequence;
  header.previous_number = start.previous_number;
  header.previous_size = start.previous_size;
  env.random_bytes(header.uuid.data(), header.uuid.size());

  const std::string path = join_path(dir, log_name(start.number));
  const std::string unfinished = join_path(dir, unfinished_log_name(start.number));
  std::unique_ptr<LogWriter> log(new LogWriter(env.create(unfinished), path, start, header.uuid));
  try {
    const HeaderBytes bytes = encode_header(header);
    log->file_->append(bytes.data(), bytes.size());
    for (const CarriedFrame& frame : start.carried) {
      const Bytes piece{frame.payload.data(), frame.payload.size()};
      log->write_frame(FrameType::operations, frame.operations, &piece, 1);
    }
    log->sync();
    env.rename(unfinished, path);
  } catch (...) {
    // The disk may be full: its space is wanted.
    log.reset();
    discard(env, unfinished);
    throw;
  }
  env.sync_dir(dir);
  return log;
}

void LogWriter::refuse_when_ended() const {
  if (poisoned())
    throw Error(ErrorCode::READ_ONLY, name_ + ": a sync failed; the database is read-only until it is reopened");
  if (ended()) throw Error(ErrorCode::READ_ONLY, name_ + " has ended");
}

void LogWriter::append(std::uint32_t operations, const Bytes* pieces, std::size_t count) {
  refuse_when_ended();
  write_frame(FrameType::operations, operations, pieces, count);
}

void LogWriter::write_frame(FrameType type, std::uint32_t operations, const Bytes* pieces, std::size_t count) {
  const std::uint64_t at = size();
  Frame frame;
  frame.type = type;
  frame.operations = operations;
  frame.first_sequence = last_sequence() + 1;
  frame.durable = durable_size();
  frame.payload_crc = seed_;
  for (std::size_t i = 0; i < count; ++i) frame.payload_size += pieces[i].size;
  if (frame.payload_size > kMaxFramePayload) throw Error(ErrorCode::LIMIT_EXCEEDED, "a log record of more than 1 TB");
  try {
    if (frame.payload_size > kStep) {
      write_in_steps(frame, at, pieces, count);
    } else {
      write_at_once(frame, at, pieces, count);
    }
  } catch (...) {
    ended_.store(true, std::memory_order_release);
    // What was written of it may fill the disk, and zeros could complete it: a reader knows a cut one by the end of the file.
    cut_ = false;
    cut();
    throw;
  }
  last_sequence_.store(frame.first_sequence + operations - 1, std::memory_order_release);
  size_.store(at + frame_size(frame.payload_size), std::memory_order_release);
  if (space_ahead_ && type == FrameType::operations) write_ahead(frame_size(frame.payload_size));
}

// Before the frame's sync, which covers both. When there is no room for zeros, the frames will say so themselves.
void LogWriter::write_ahead(std::uint64_t frame) noexcept {
  const std::uint64_t end = size();
  if (end + frame <= written_ || frame > kSmallFrame) return;
  const std::uint64_t ahead = std::clamp(end - kHeaderSize, kLeastAhead, kMostAhead);
  if (frame > ahead / 4) return;
  try {
    for (written_ = std::max(written_, end); written_ < end + ahead;) {
      const std::uint64_t n = std::min<std::uint64_t>(sizeof kZeros, end + ahead - written_);
      file_->write_at(written_, kZeros, n);
      written_ += n;
    }
  } catch (...) {
    space_ahead_ = false;
  }
}

// Neither zeros nor a torn frame behind size() count for anyone who knows the log's end, so a failure here is none of the log.
bool LogWriter::cut() noexcept {
  if (cut_) return true;
  try {
    file_->trim(size());
    cut_ = true;
  } catch (...) {
  }
  return cut_;
}

void LogWriter::write_at_once(Frame& frame, std::uint64_t at, const Bytes* pieces, std::size_t count) {
  std::vector<Bytes> all(1);
  all.reserve(count + 2);
  for (std::size_t i = 0; i < count; ++i) {
    frame.payload_crc = crc32c(frame.payload_crc, pieces[i].data, pieces[i].size);
    all.push_back(pieces[i]);
  }
  all.push_back(Bytes{kPadding, padding_of(frame)});
  std::uint8_t header[kFrameHeader];
  encode_frame(frame, seed_, at, header);
  all[0] = Bytes{header, sizeof header};
  file_->append(all.data(), all.size());
}

// Each step is summed and then written while it is in the processor's cache, and the disk is at work on it during the next. The header,
// which needs the sum, comes last; until then zeros stand for it, and the frame is no frame.
void LogWriter::write_in_steps(Frame& frame, std::uint64_t at, const Bytes* pieces, std::size_t count) {
  std::uint8_t header[kFrameHeader] = {};
  file_->append(header, sizeof header);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* p = static_cast<const std::uint8_t*>(pieces[i].data);
    for (std::size_t done = 0; done < pieces[i].size; done += kStep) {
      const std::size_t n = std::min(kStep, pieces[i].size - done);
      frame.payload_crc = crc32c(frame.payload_crc, p + done, n);
      file_->append(p + done, n);
    }
  }
  file_->append(kPadding, padding_of(frame));
  encode_frame(frame, seed_, at, header);
  file_->write_at(at, header, sizeof header);
}

void LogWriter::sync() {
  MutexLock lock(sync_mutex_);
  if (poisoned()) refuse_when_ended();
  const Sequence sequence = last_sequence();
  const std::uint64_t bytes = size();
  try {
    file_->sync();
  } catch (...) {
    poisoned_.store(true, std::memory_order_release);
    throw;
  }
  raise_to(durable_, bytes);
  raise_to(durable_sequence_, sequence);
}

void LogWriter::seal() {
  refuse_when_ended();
  sync();
  write_frame(FrameType::seal, 0, nullptr, 0);
  // At once: whatever fails from here on, no frame may follow a seal.
  ended_.store(true, std::memory_order_release);
  if (written_ > size()) cut_ = false;
  cut();
  sync();
}

}  // namespace sagedb
