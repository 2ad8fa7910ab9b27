#include "storage/log_format.h"

#include <cstdio>

#include "base/crc32c.h"
#include "storage/endian.h"

namespace sagedb {
namespace {

constexpr std::uint32_t kFrameMagic = 0x4d524653;  // SFRM

enum At : std::size_t {
  kAtMagic = 0,
  kAtHeaderCrc = 4,
  kAtPayloadSize = 8,
  kAtFirstSequence = 16,
  kAtDurable = 24,
  kAtPayloadCrc = 32,
  kAtOperations = 36,
  kAtType = 40
};

std::uint32_t header_crc(const std::uint8_t* frame, std::uint32_t seed, std::uint64_t offset) noexcept {
  std::uint8_t place[8];
  put_le(place, offset);
  return crc32c(crc32c(seed, place, sizeof place), frame + kAtPayloadSize, kFrameHeader - kAtPayloadSize);
}

}  // namespace

std::uint32_t log_seed(const Uuid& uuid) noexcept { return crc32c(0, uuid.data(), uuid.size()); }

void encode_frame(const Frame& frame, std::uint32_t seed, std::uint64_t offset, std::uint8_t* out) noexcept {
  put_le(out + kAtMagic, kFrameMagic ^ seed);
  put_le(out + kAtPayloadSize, frame.payload_size);
  put_le(out + kAtFirstSequence, frame.first_sequence);
  put_le(out + kAtDurable, frame.durable);
  put_le(out + kAtPayloadCrc, frame.payload_crc);
  put_le(out + kAtOperations, frame.operations);
  put_le(out + kAtType, static_cast<std::uint16_t>(frame.type));
  put_le(out + kAtType + 2, std::uint16_t{0});
  put_le(out + kAtType + 4, std::uint32_t{0});
  put_le(out + kAtHeaderCrc, header_crc(out, seed, offset));
}

bool decode_frame(const std::uint8_t* in, std::uint32_t seed, std::uint64_t offset, Frame* frame) noexcept {
  if (get_le<std::uint32_t>(in + kAtMagic) != (kFrameMagic ^ seed)) return false;
  if (get_le<std::uint32_t>(in + kAtHeaderCrc) != header_crc(in, seed, offset)) return false;
  frame->payload_size = get_le<std::uint64_t>(in + kAtPayloadSize);
  frame->first_sequence = get_le<std::uint64_t>(in + kAtFirstSequence);
  frame->durable = get_le<std::uint64_t>(in + kAtDurable);
  frame->payload_crc = get_le<std::uint32_t>(in + kAtPayloadCrc);
  frame->operations = get_le<std::uint32_t>(in + kAtOperations);
  frame->type = static_cast<FrameType>(get_le<std::uint16_t>(in + kAtType));
  return frame->payload_size <= kMaxFramePayload;
}

std::string log_name(std::uint64_t number) {
  char name[40];
  std::snprintf(name, sizeof name, "wal-%06llu.log", static_cast<unsigned long long>(number));
  return name;
}

std::string unfinished_log_name(std::uint64_t number) { return log_name(number) + ".tmp"; }

}  // namespace sagedb
