#include "support/ledger.h"

#include "base/status.h"
#include "storage/endian.h"
#include "storage/segment_reader.h"
#include "storage/segment_writer.h"

namespace sagedb::test {

std::string Ledger::value(std::uint64_t number) {
  // Between 1 byte and a few sectors.
  const std::size_t size = 1 + (number * 2654435761u >> 3) % (number % 7 == 0 ? 3000 : 90);
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(number * 131 + i * 29);
  return out;
}

Ledger::Ledger(Env& env, std::string dir, LedgerBugs bugs) : env_(env), dir_(std::move(dir)), bugs_(bugs) {
  env_.make_dir(dir_);
  lock_ = env_.lock(join_path(dir_, "LOCK"));
  if (has_database(env_, dir_)) {
    recover();
  } else {
    create();
  }
}

void Ledger::create() {
  env_.random_bytes(manifest_.database.data(), manifest_.database.size());
  LogStart start;
  start.database = manifest_.database;
  start.number = 1;
  start.space_ahead = true;
  log_ = LogWriter::create(env_, dir_, start);
  manifest_.generation = last_tried_ = 1;
  manifest_.log_number = 1;
  publish_manifest(env_, dir_, manifest_);
}

void Ledger::take(std::string v) {
  if (v != value(values_.size() + 1)) throw Error(ErrorCode::CORRUPTION, "value " + std::to_string(values_.size() + 1));
  values_.push_back(std::move(v));
}

void Ledger::recover() {
  manifest_ = read_current_manifest(env_, dir_, true);
  last_tried_ = manifest_.generation;
  for (const SegmentRef& ref : manifest_.segments) {
    const auto file = SegmentReader::open(env_, join_path(dir_, segment_name(ref.kind, ref.number)), ref.kind,
                                          manifest_.database, true);
    file->verify();
    ByteReader in(file->payload(), file->payload_size(), "segment");
    for (std::uint64_t i = 0; i < ref.count; ++i) take(std::string(in.get_text()));
  }
  if (values_.size() != manifest_.sequence) throw Error(ErrorCode::CORRUPTION, "segment and manifest disagree");
  RecoveredLogs logs = replay_logs(env_, dir_, manifest_.database, manifest_.log_number, manifest_.sequence,
                                   [this](const Frame& frame, const std::string& payload) { replay(frame, payload); });
  if (!bugs_.no_sync_at_open) env_.sync_dir(dir_);
  if (bugs_.drop_unconfirmed && !logs.next.carried.empty()) {
    logs.next.carried.clear();
    logs.next.last_sequence = logs.last_sequence;
  }
  if (bugs_.append_after_torn) logs.next.previous_size = env_.open(join_path(dir_, log_name(logs.last_number)))->size();
  log_ = LogWriter::create(env_, dir_, logs.next);
}

void Ledger::replay(const Frame& frame, const std::string& payload) {
  ByteReader in(payload.data(), payload.size(), "frame");
  for (std::uint32_t i = 0; i < frame.operations; ++i) take(std::string(in.get_text()));
}

void Ledger::write(std::uint32_t count, bool durable) {
  if (log_->ended() && !log_->poisoned()) {
    // As after a full disk or a checkpoint that failed: the next log says how much of this one counts.
    log_->sync();
    next_log({}, log_->size());
  }
  ByteWriter out;
  for (std::uint32_t i = 1; i <= count; ++i) out.put_text(value(values_.size() + i));
  const std::size_t half = out.bytes().size() / 2;
  const Bytes pieces[2] = {{out.bytes().data(), half}, {out.bytes().data() + half, out.bytes().size() - half}};
  log_->append(count, pieces, 2);
  if (durable && !bugs_.acknowledge_unsynced) log_->sync();
  for (std::uint32_t i = 0; i < count; ++i) values_.push_back(value(values_.size() + 1));
}

void Ledger::next_log(std::vector<CarriedFrame> carried, std::uint64_t previous_size) {
  LogStart start;
  start.database = manifest_.database;
  start.number = log_->number() + 1;
  start.last_sequence = values_.size();
  start.previous_number = log_->number();
  start.previous_size = previous_size;
  start.carried = std::move(carried);
  start.space_ahead = start.number % 2 == 1;
  log_ = LogWriter::create(env_, dir_, start);
}

void Ledger::checkpoint() {
  if (!log_->ended()) log_->seal();
  next_log({}, log_->size());
  Manifest next = manifest_;
  next.previous_generation = manifest_.generation;
  next.generation = ++last_tried_;
  next.sequence = values_.size();
  next.log_number = log_->number();
  FileHeader header;
  header.kind = FileKind::records;
  header.database = next.database;
  header.number = next.next_segment++;
  header.sequence = next.sequence;
  SegmentWriter file(env_, join_path(dir_, segment_name(header.kind, header.number)), header);
  for (const std::string& v : values_) {
    ByteWriter out;
    out.put_text(v);
    file.append(out.bytes().data(), out.bytes().size());
  }
  const FileHeader done = file.finish(values_.size());
  next.segments = {SegmentRef{done.kind, done.number, done.first, done.count, done.file_size, done.uuid}};
  manifest_.next_segment = next.next_segment;  // also when the publication fails: its name may be taken
  if (bugs_.unlink_first)
    for (const SegmentRef& old : manifest_.segments) env_.unlink(join_path(dir_, segment_name(old.kind, old.number)));
  publish_manifest(env_, dir_, next);
  manifest_ = next;
  if (!bugs_.unlink_first) remove_obsolete_files(env_, dir_, manifest_);
}

void Ledger::close() {
  if (!log_->ended() && !log_->poisoned()) log_->seal();
  log_.reset();
  lock_.reset();
}

}  // namespace sagedb::test
