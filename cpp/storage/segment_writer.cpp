#include "storage/segment_writer.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/memory.h"
#include "storage/endian.h"

namespace sagedb {
namespace {

constexpr std::size_t kBuffer = 256u << 10;

}  // namespace

std::uint32_t block_seed(std::uint32_t file_seed, std::uint64_t block) noexcept {
  std::uint8_t place[8];
  put_le(place, block);
  return crc32c(file_seed, place, sizeof place);
}

SegmentWriter::SegmentWriter(Env& env, const std::string& path, const FileHeader& header)
    : header_(header), file_(env.create(path)) {
  env.random_bytes(header_.uuid.data(), header_.uuid.size());
  header_.payload_size = 0;
  seed_ = crc32c(0, header_.uuid.data(), header_.uuid.size());
  buffer_.reserve(kBuffer);
  // The place of the header, which is known last.
  const HeaderBytes zeros{};
  file_->append(zeros.data(), zeros.size());
}

void SegmentWriter::append(const void* data, std::size_t size) {
  const auto* p = static_cast<const std::uint8_t*>(data);
  checksum(p, size);
  header_.payload_size += size;
  if (buffer_.size() + size > kBuffer) flush();
  if (size >= kBuffer) {
    file_->append(p, size);
  } else {
    buffer_.insert(buffer_.end(), p, p + size);
  }
}

void SegmentWriter::checksum(const std::uint8_t* data, std::size_t size) {
  while (size > 0) {
    if (in_block_ == 0) crc_ = block_seed(seed_, table_.size());
    const std::size_t n = std::min<std::size_t>(size, kChecksumBlock - in_block_);
    crc_ = crc32c(crc_, data, n);
    in_block_ += static_cast<std::uint32_t>(n);
    data += n;
    size -= n;
    if (in_block_ == kChecksumBlock) {
      table_.push_back(crc_);
      in_block_ = 0;
    }
  }
}

void SegmentWriter::flush() {
  if (!buffer_.empty()) file_->append(buffer_.data(), buffer_.size());
  buffer_.clear();
}

FileHeader SegmentWriter::finish(std::uint64_t count) {
  if (in_block_ > 0) table_.push_back(crc_);
  in_block_ = 0;
  // The table is aligned to 8 bytes; the padding is zero and read as such.
  const std::uint8_t zeros[8] = {};
  const std::size_t padding = round_up(header_.payload_size, 8) - header_.payload_size;
  buffer_.insert(buffer_.end(), zeros, zeros + padding);
  flush();
  const std::size_t table_size = table_.size() * sizeof(std::uint32_t);
  file_->append(table_.data(), table_size);
  header_.count = count;
  header_.table_crc = crc32c(seed_, table_.data(), table_size);
  header_.file_size = kHeaderSize + header_.payload_size + padding + table_size;
  const HeaderBytes bytes = encode_header(header_);
  file_->write_at(0, bytes.data(), bytes.size());
  file_->sync();
  return header_;
}

}  // namespace sagedb
