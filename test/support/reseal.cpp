#include "support/reseal.h"

#include <algorithm>

#include "base/crc32c.h"
#include "storage/endian.h"
#include "storage/file_header.h"
#include "storage/log_format.h"
#include "storage/segment_writer.h"

namespace sagedb::test {
namespace {

void put_header_sum(std::string* file) {
  auto* p = reinterpret_cast<std::uint8_t*>(file->data());
  put_le(p + kHeaderSize - 4, crc32c(0, p, kHeaderSize - 4));
}

}  // namespace

void reseal_segment(std::string* file) {
  if (file->size() < kHeaderSize) return;
  auto* p = reinterpret_cast<std::uint8_t*>(file->data());
  const auto payload = get_le<std::uint64_t>(p + 88);
  const std::uint64_t blocks = payload / kChecksumBlock + (payload % kChecksumBlock != 0 ? 1 : 0);
  const std::uint64_t room = file->size() - kHeaderSize;
  if (payload > room || (payload + 7) / 8 * 8 + 4 * blocks > room) return put_header_sum(file);
  const std::uint32_t seed = crc32c(0, p + 32, 16);
  std::uint8_t* table = p + kHeaderSize + (payload + 7) / 8 * 8;
  for (std::uint64_t b = 0; b < blocks; ++b) {
    const std::uint64_t size = std::min<std::uint64_t>(kChecksumBlock, payload - b * kChecksumBlock);
    put_le(table + b * 4, crc32c(block_seed(seed, b), p + kHeaderSize + b * kChecksumBlock, size));
  }
  put_le(p + 136, crc32c(seed, table, blocks * 4));
  put_header_sum(file);
}

void reseal_log(std::string* file) {
  if (file->size() < kHeaderSize) return;
  put_header_sum(file);
  auto* p = reinterpret_cast<std::uint8_t*>(file->data());
  const std::uint32_t seed = crc32c(0, p + 32, 16);
  for (std::uint64_t at = kHeaderSize; at + kFrameHeader <= file->size();) {
    Frame frame;
    frame.payload_size = get_le<std::uint64_t>(p + at + 8);
    if (frame.payload_size > file->size() || frame_size(frame.payload_size) > file->size() - at) return;
    frame.first_sequence = get_le<std::uint64_t>(p + at + 16);
    frame.durable = get_le<std::uint64_t>(p + at + 24);
    frame.payload_crc = crc32c(seed, p + at + kFrameHeader, frame.payload_size);
    frame.operations = get_le<std::uint32_t>(p + at + 36);
    frame.type = static_cast<FrameType>(get_le<std::uint16_t>(p + at + 40));
    encode_frame(frame, seed, at, p + at);
    at += frame_size(frame.payload_size);
  }
}

}  // namespace sagedb::test
