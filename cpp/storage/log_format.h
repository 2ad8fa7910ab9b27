// Frames of the write-ahead log: one frame is one group of operations, wholly there or not at all. docs/format.md gives the bytes.
//
// Every checksum is seeded with the log's uuid and the frame's place, so bytes of an older or another log never verify.
// `durable` is the trick that tells damage from loss of power: it is the length of the log that a sync had confirmed when the frame was
// written. A frame that does not verify although a later one says it was durable is damage; otherwise it never counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "storage/file_header.h"

namespace sagedb {

enum class FrameType : std::uint16_t {
  operations = 1,
  seal = 2  // the last frame of a log that was closed in order; no payload
};

struct Frame {
  FrameType type = FrameType::operations;
  std::uint32_t operations = 0;  // sequences the frame uses
  std::uint64_t first_sequence = 0;  // of its first operation; a seal: the last sequence + 1
  std::uint64_t durable = 0;
  std::uint64_t payload_size = 0;
  std::uint32_t payload_crc = 0;
};

inline constexpr std::size_t kFrameHeader = 48;
inline constexpr std::size_t kFrameAlignment = 8;
inline constexpr std::uint64_t kMaxFramePayload = std::uint64_t{1} << 40;

inline std::uint64_t frame_size(std::uint64_t payload) noexcept {
  return (kFrameHeader + payload + kFrameAlignment - 1) / kFrameAlignment * kFrameAlignment;
}

std::uint32_t log_seed(const Uuid& uuid) noexcept;
void encode_frame(const Frame& frame, std::uint32_t seed, std::uint64_t offset, std::uint8_t* out) noexcept;
// False when the 48 bytes are not the header of a frame of this log at this place.
bool decode_frame(const std::uint8_t* in, std::uint32_t seed, std::uint64_t offset, Frame* frame) noexcept;

std::string log_name(std::uint64_t number);
// Until it is complete.
std::string unfinished_log_name(std::uint64_t number);

}  // namespace sagedb
