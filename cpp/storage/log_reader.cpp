#include "storage/log_reader.h"

#include <algorithm>
#include <cstring>

#include "base/crc32c.h"
#include "base/status.h"

namespace sagedb {
namespace {

bool only_zeros(const std::uint8_t* bytes, std::size_t size) noexcept {
  return size == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

}  // namespace

LogReader::LogReader(Env& env, const std::string& dir, std::uint64_t number, const Uuid& database, bool writable)
    : env_(env), name_(join_path(dir, log_name(number))), file_(env.open(name_)) {
  HeaderBytes bytes;
  const std::size_t n = file_->read_at(0, bytes.data(), bytes.size());
  header_ = decode_header(bytes.data(), n, FileKind::log, writable, name_);
  if (header_.number != number) corrupt("holds log number " + std::to_string(header_.number));
  if (header_.database != database) corrupt("belongs to another database");
  seed_ = log_seed(header_.uuid);
  last_sequence_ = header_.sequence;
}

void LogReader::corrupt(const std::string& what) const { throw Error(ErrorCode::CORRUPTION, name_ + ": " + what); }

bool LogReader::read_frame(std::uint64_t at, Frame* frame, std::string* payload) const {
  const std::uint64_t end = limit_ ? std::min(*limit_, file_->size()) : file_->size();
  std::uint8_t head[kFrameHeader];
  if (at + kFrameHeader > end || file_->read_at(at, head, sizeof head) != sizeof head) return false;
  if (!decode_frame(head, seed_, at, frame)) return false;
  // The padding belongs to the frame: a frame without it was cut.
  if (frame_size(frame->payload_size) > end - at) return false;
  payload->resize(frame->payload_size);
  if (file_->read_at(at + kFrameHeader, payload->data(), payload->size()) != payload->size()) return false;
  return crc32c(seed_, payload->data(), payload->size()) == frame->payload_crc;
}

bool LogReader::next(Frame* frame, std::string* payload) {
  while (!sealed_) {
    if (!read_frame(at_, frame, payload)) {
      if (limit_ && at_ != *limit_)
        corrupt("damaged at byte " + std::to_string(at_) + " of " + std::to_string(*limit_));
      if (limit_ || !has_frame_behind(at_, at_ + 1)) return false;
      // A frame behind it was written after it: by now it is whole, unless it is damaged. Opened again, because a network's file system may show an
      // open file's bytes of different moments.
      file_ = env_.open(name_);
      if (!read_frame(at_, frame, payload)) corrupt("damaged at byte " + std::to_string(at_) + ", which was durable");
    }
    if (frame->first_sequence != last_sequence_ + 1)
      corrupt("frame at byte " + std::to_string(at_) + " has sequence " + std::to_string(frame->first_sequence) +
              " after " + std::to_string(last_sequence_));
    at_ += frame_size(frame->payload_size);
    confirmed_ = std::max(confirmed_, std::min(frame->durable, at_));
    if (frame->type == FrameType::operations) {
      last_sequence_ += frame->operations;
      return true;
    }
    if (frame->type != FrameType::seal) corrupt("unknown frame type");
    sealed_ = true;
  }
  if (limit_ && at_ != *limit_) corrupt("bytes after the seal");
  // Else what follows is space ahead that was not cut off.
  if (!limit_ && has_frame_behind(at_, 0)) corrupt("a frame after the seal");
  return false;
}

// Whether the head of a frame lies at or behind `at` which says that at least `durable` bytes of the log were durable. Where a frame did not verify and
// a later one says that the bytes beyond had been durable, they were damaged since, or are being written just now; otherwise they are what a loss of power
// leaves of writes that were never confirmed, or space ahead.
bool LogReader::has_frame_behind(std::uint64_t at, std::uint64_t durable) const {
  constexpr std::size_t kChunk = std::size_t{64} << 10;
  std::vector<std::uint8_t> chunk(kChunk + kFrameHeader);
  // No further than read_frame() looks: a frame that ends behind what was the file's size is not read, and what follows it says nothing.
  const std::uint64_t size = file_->size();
  for (std::uint64_t base = at; base + kFrameHeader <= size; base += kChunk) {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), size - base));
    const std::size_t n = file_->read_at(base, chunk.data(), most);
    if (only_zeros(chunk.data(), n)) continue;  // space ahead
    for (std::size_t i = 0; i < kChunk && i + kFrameHeader <= n; i += kFrameAlignment) {
      Frame frame;
      if (decode_frame(chunk.data() + i, seed_, base + i, &frame) && frame.durable >= durable) return true;
    }
  }
  return false;
}

}  // namespace sagedb
