// The first 4 KB of every file of a database. docs/format.md gives the layout byte by byte.
//
// Thread safety: values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/types.h"

namespace sagedb {

using Uuid = std::array<std::uint8_t, 16>;

enum class FileKind : std::uint32_t {  // four letters, readable in a hex dump
  manifest = 0x494e414d,               // MANI
  log = 0x20474f4c,                    // LOG
  vectors = 0x53434556,                // VECS
  codes = 0x45444f43,                  // CODE
  graph = 0x50415247,                  // GRAP
  records = 0x53434552,                // RECS
  heads = 0x44414548,                  // HEAD
  dead = 0x44414544,                   // DEAD
  ids = 0x504d4449,                    // IDMP
  text = 0x54584554,                   // TEXT
  norms = 0x4d524f4e,                  // NORM
  code_errors = 0x52524543,            // CERR
  presence = 0x53455250                // PRES
};

inline constexpr std::size_t kHeaderSize = 4096;
inline constexpr std::uint32_t kChecksumBlock = 64u << 10;
constexpr std::uint64_t block_count(std::uint64_t payload_size) noexcept {
  return (payload_size + kChecksumBlock - 1) / kChecksumBlock;
}
inline constexpr std::uint16_t kFormatVersion = 1;

// Incompatible features. Named spaces: a manifest says of every segment which space it belongs to.
inline constexpr std::uint32_t kFeatureSpaces = 1;
inline constexpr std::uint32_t kKnownIncompatible = kFeatureSpaces;

struct FileHeader {
  FileKind kind = FileKind::manifest;
  std::uint16_t version = kFormatVersion;
  // Features the file uses. Unknown compatible bits are ignored, unknown read-only-compatible bits allow reading, unknown incompatible
  // bits refuse the file.
  std::uint32_t compatible = 0;
  std::uint32_t read_only_compatible = 0;
  std::uint32_t incompatible = 0;
  Uuid uuid{};  // of this file
  Uuid database{};  // of the database it belongs to
  std::uint64_t number = 0;  // log number, manifest generation, segment number
  std::uint64_t sequence = 0;  // log: last sequence before its first frame; others: sequence they describe
  std::uint64_t count = 0;  // elements in the payload
  std::uint64_t payload_size = 0;  // bytes from kHeaderSize on
  std::uint64_t file_size = 0;  // header + payload + padding + checksum table; 0 in a log, which grows
  std::uint64_t previous_number = 0;  // log: the log before it
  std::uint64_t previous_size = 0;  // log: bytes of that log that count
  std::uint32_t dimension = 0;
  std::uint32_t stride = 0;  // bytes per element
  VectorType vectors = VectorType::float32;
  Metric metric = Metric::l2;
  std::uint16_t space = 0;  // segments of a space: its number
  std::uint32_t table_crc = 0;  // of the checksum table
  std::uint64_t first = 0;  // element that the payload begins with, where a kind is kept as a chain of segments
};

using HeaderBytes = std::array<std::uint8_t, kHeaderSize>;
HeaderBytes encode_header(const FileHeader& header) noexcept;

// Throws UNSUPPORTED_FORMAT (not ours, newer version, unknown incompatible feature, other byte order) or CORRUPTION (short, checksum,
// another kind). `name` is for the message. `writable`: also refuse unknown read-only-compatible features.
FileHeader decode_header(const void* data, std::size_t size, FileKind expected, bool writable, const std::string& name);

std::string uuid_text(const Uuid& uuid);

}  // namespace sagedb
