// Writes one immutable file: header, payload, one CRC-32C per 64 KiB of payload.
//
// Thread safety: one thread. The file counts only once finish() returned and its folder was synced.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/env.h"
#include "storage/file_header.h"

namespace sagedb {

class SegmentWriter {
 public:
  // `header.uuid` and the sizes are filled in by the writer.
  SegmentWriter(Env& env, const std::string& path, const FileHeader& header);

  void append(const void* data, std::size_t size);
  std::uint64_t payload_size() const noexcept { return header_.payload_size; }
  std::uint64_t first() const noexcept { return header_.first; }
  // Writes what is buffered, the checksums and the header, and syncs. `count`: elements in the payload.
  FileHeader finish(std::uint64_t count);

 private:
  void checksum(const std::uint8_t* data, std::size_t size);
  void flush();

  FileHeader header_;
  const std::unique_ptr<WritableFile> file_;
  std::vector<std::uint8_t> buffer_;
  std::vector<std::uint32_t> table_;
  std::uint32_t seed_;
  std::uint32_t crc_ = 0;       // of the block being filled
  std::uint32_t in_block_ = 0;  // its bytes so far
};

// Where checksums of block `block` of the file `uuid` start, so that blocks cannot stand in for each other.
std::uint32_t block_seed(std::uint32_t file_seed, std::uint64_t block) noexcept;

}  // namespace sagedb
