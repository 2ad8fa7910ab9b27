#include "storage/segment_reader.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/memory.h"
#include "base/status.h"
#include "storage/endian.h"
#include "storage/segment_writer.h"

namespace sagedb {
SegmentReader::SegmentReader(std::string path, std::shared_ptr<const Mapping> mapping, const FileHeader& header)
    : path_(std::move(path)),
      mapping_(std::move(mapping)),
      header_(header),
      seed_(crc32c(0, header.uuid.data(), header.uuid.size())) {}

std::shared_ptr<const SegmentReader> SegmentReader::open(Env& env, const std::string& path, FileKind kind,
                                                         const Uuid& database, bool writable) {
  std::shared_ptr<const Mapping> mapping;
  try {
    mapping = env.map(path);
  } catch (const Error& e) {
    // Only files that a manifest names are opened: one that is not there was lost.
    if (e.code() == ErrorCode::NOT_FOUND) throw Error(ErrorCode::CORRUPTION, path + " is missing");
    throw;
  }
  const FileHeader h = decode_header(mapping->data(), mapping->size(), kind, writable, path);
  if (h.file_size != mapping->size())
    throw Error(ErrorCode::CORRUPTION,
                path + ": " + std::to_string(mapping->size()) + " bytes long, expected " + std::to_string(h.file_size));
  const std::uint64_t rest = h.file_size - kHeaderSize;
  if (h.payload_size > rest || round_up(h.payload_size, 8) + 4 * block_count(h.payload_size) != rest)
    throw Error(ErrorCode::CORRUPTION, path + ": the header's lengths contradict each other");
  if (h.database != database) throw Error(ErrorCode::CORRUPTION, path + ": belongs to another database");
  return std::shared_ptr<const SegmentReader>(new SegmentReader(path, std::move(mapping), h));
}

std::uint64_t SegmentReader::blocks() const noexcept { return block_count(header_.payload_size); }

const std::byte* SegmentReader::table() const noexcept { return payload() + round_up(header_.payload_size, 8); }

void SegmentReader::verify_table() const {
  bool sound = crc32c(seed_, table(), blocks() * 4) == header_.table_crc;
  for (const std::byte* p = payload() + header_.payload_size; p < table(); ++p) sound = sound && *p == std::byte{0};
  if (!sound) throw Error(ErrorCode::CORRUPTION, path_ + ": the checksum table is damaged");
}

void SegmentReader::verify_block(std::uint64_t block) const {
  const std::uint64_t first = block * kChecksumBlock;
  const std::size_t size = std::min<std::uint64_t>(kChecksumBlock, header_.payload_size - first);
  if (crc32c(block_seed(seed_, block), payload() + first, size) != get_le<std::uint32_t>(table() + block * 4))
    throw Error(ErrorCode::CORRUPTION, path_ + ": block " + std::to_string(block) + " (from byte " +
                                           std::to_string(kHeaderSize + first) + ") does not match its checksum");
}

void SegmentReader::verify() const {
  verify_table();
  for (std::uint64_t b = 0; b < blocks(); ++b) verify_block(b);
}

}  // namespace sagedb
