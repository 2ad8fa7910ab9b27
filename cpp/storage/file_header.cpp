#include "storage/file_header.h"

#include <cstring>

#include "base/crc32c.h"
#include "base/status.h"
#include "storage/endian.h"

namespace sagedb {
namespace {

// The first byte is not ASCII and the line ends differ, so text-mode transfers and truncations to text are noticed.
constexpr unsigned char kMagic[8] = {0x89, 'S', 'D', 'B', '\r', '\n', 0x1a, '\n'};
constexpr std::uint32_t kEndianTag = 0x01020304;
constexpr std::size_t kCrcAt = kHeaderSize - 4;

enum At : std::size_t {
  kAtMagic = 0,
  kAtKind = 8,
  kAtVersion = 12,
  kAtCompatible = 16,
  kAtReadOnlyCompatible = 20,
  kAtIncompatible = 24,
  kAtEndianTag = 28,
  kAtUuid = 32,
  kAtDatabase = 48,
  kAtNumber = 64,
  kAtSequence = 72,
  kAtCount = 80,
  kAtPayloadSize = 88,
  kAtFileSize = 96,
  kAtPreviousNumber = 104,
  kAtPreviousSize = 112,
  kAtDimension = 120,
  kAtStride = 124,
  kAtVectors = 128,
  kAtMetric = 129,
  kAtSpace = 130,
  kAtChecksumBlock = 132,
  kAtTableCrc = 136,
  kAtFirst = 144
};

}  // namespace

HeaderBytes encode_header(const FileHeader& h) noexcept {
  HeaderBytes out{};
  std::uint8_t* p = out.data();
  std::memcpy(p + kAtMagic, kMagic, sizeof kMagic);
  put_le(p + kAtKind, static_cast<std::uint32_t>(h.kind));
  put_le(p + kAtVersion, h.version);
  put_le(p + kAtCompatible, h.compatible);
  put_le(p + kAtReadOnlyCompatible, h.read_only_compatible);
  put_le(p + kAtIncompatible, h.incompatible);
  put_le(p + kAtEndianTag, kEndianTag);
  std::memcpy(p + kAtUuid, h.uuid.data(), h.uuid.size());
  std::memcpy(p + kAtDatabase, h.database.data(), h.database.size());
  put_le(p + kAtNumber, h.number);
  put_le(p + kAtSequence, h.sequence);
  put_le(p + kAtCount, h.count);
  put_le(p + kAtPayloadSize, h.payload_size);
  put_le(p + kAtFileSize, h.file_size);
  put_le(p + kAtPreviousNumber, h.previous_number);
  put_le(p + kAtPreviousSize, h.previous_size);
  put_le(p + kAtDimension, h.dimension);
  put_le(p + kAtStride, h.stride);
  p[kAtVectors] = static_cast<std::uint8_t>(h.vectors);
  p[kAtMetric] = static_cast<std::uint8_t>(h.metric);
  put_le(p + kAtSpace, h.space);
  put_le(p + kAtChecksumBlock, kChecksumBlock);
  put_le(p + kAtTableCrc, h.table_crc);
  put_le(p + kAtFirst, h.first);
  put_le(p + kCrcAt, crc32c(0, p, kCrcAt));
  return out;
}

FileHeader decode_header(const void* data, std::size_t size, FileKind expected, bool writable,
                         const std::string& name) {
  const auto* p = static_cast<const std::uint8_t*>(data);
  if (size < kHeaderSize)
    throw Error(ErrorCode::CORRUPTION, name + ": " + std::to_string(size) + " bytes, shorter than a file header");
  const bool intact = get_le<std::uint32_t>(p + kCrcAt) == crc32c(0, p, kCrcAt);
  if (!intact) throw Error(ErrorCode::CORRUPTION, name + ": the header's checksum does not match");
  // From here on the header is what some writer meant, so differences are differences of version.
  if (std::memcmp(p + kAtMagic, kMagic, sizeof kMagic) != 0)
    throw Error(ErrorCode::UNSUPPORTED_FORMAT, name + ": not a SageDB file");
  if (get_le<std::uint32_t>(p + kAtEndianTag) != kEndianTag)
    throw Error(ErrorCode::UNSUPPORTED_FORMAT, name + ": written on a machine of the other byte order");
  FileHeader h;
  h.version = get_le<std::uint16_t>(p + kAtVersion);
  if (h.version != kFormatVersion)
    throw Error(ErrorCode::UNSUPPORTED_FORMAT, name + ": format version " + std::to_string(h.version) +
                                                   "; this release reads version " + std::to_string(kFormatVersion));
  h.compatible = get_le<std::uint32_t>(p + kAtCompatible);
  h.read_only_compatible = get_le<std::uint32_t>(p + kAtReadOnlyCompatible);
  h.incompatible = get_le<std::uint32_t>(p + kAtIncompatible);
  if ((h.incompatible & ~kKnownIncompatible) != 0 || (writable && h.read_only_compatible != 0))
    throw Error(ErrorCode::UNSUPPORTED_FORMAT,
                name + ": uses features of a newer release" +
                    ((h.incompatible & ~kKnownIncompatible) == 0 ? " that allow reading only" : ""));
  const auto kind = get_le<std::uint32_t>(p + kAtKind);
  if (kind != static_cast<std::uint32_t>(expected))
    throw Error(ErrorCode::CORRUPTION, name + ": holds another kind of file");
  h.kind = expected;
  std::memcpy(h.uuid.data(), p + kAtUuid, h.uuid.size());
  std::memcpy(h.database.data(), p + kAtDatabase, h.database.size());
  h.number = get_le<std::uint64_t>(p + kAtNumber);
  h.sequence = get_le<std::uint64_t>(p + kAtSequence);
  h.count = get_le<std::uint64_t>(p + kAtCount);
  h.payload_size = get_le<std::uint64_t>(p + kAtPayloadSize);
  h.file_size = get_le<std::uint64_t>(p + kAtFileSize);
  h.previous_number = get_le<std::uint64_t>(p + kAtPreviousNumber);
  h.previous_size = get_le<std::uint64_t>(p + kAtPreviousSize);
  h.dimension = get_le<std::uint32_t>(p + kAtDimension);
  h.stride = get_le<std::uint32_t>(p + kAtStride);
  h.vectors = static_cast<VectorType>(p[kAtVectors]);
  h.metric = static_cast<Metric>(p[kAtMetric]);
  h.space = get_le<std::uint16_t>(p + kAtSpace);
  h.table_crc = get_le<std::uint32_t>(p + kAtTableCrc);
  h.first = get_le<std::uint64_t>(p + kAtFirst);
  if (get_le<std::uint32_t>(p + kAtChecksumBlock) != kChecksumBlock || p[kAtVectors] > 1 || p[kAtMetric] > 2)
    throw Error(ErrorCode::CORRUPTION, name + ": a header field is out of range");
  return h;
}

std::string uuid_text(const Uuid& uuid) {
  static const char* digits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += digits[uuid[i] >> 4];
    out += digits[uuid[i] & 15];
  }
  return out;
}

}  // namespace sagedb
