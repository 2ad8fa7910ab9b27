#include "storage/segment_check.h"

#include <algorithm>
#include <vector>

#include "base/crc32c.h"
#include "base/memory.h"
#include "base/status.h"
#include "storage/endian.h"
#include "storage/segment_writer.h"

namespace sagedb {
namespace {

constexpr std::uint64_t kBlocksPerRead = 16;

void read_whole(const ReadableFile& file, const std::string& path, std::uint64_t offset, void* out, std::size_t size) {
  std::size_t got = 0;
  try {
    got = file.read_at(offset, out, size);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::IO_ERROR) throw UnreadableBlock(e.code(), e.message());
    throw;
  }
  if (got != size) throw Error(ErrorCode::CORRUPTION, path + " ends too early");
}

}  // namespace

std::uint64_t block_count_of(const SegmentRef& ref) noexcept {
  // Each block has four bytes in the table behind the payload.
  constexpr std::uint64_t kWithSum = kChecksumBlock + 4;
  return ref.file_size < kHeaderSize ? 0 : (ref.file_size - kHeaderSize + kWithSum - 1) / kWithSum;
}

void require_named(const FileHeader& h, const SegmentRef& ref, const std::string& path) {
  if (h.uuid != ref.uuid || h.count != ref.count || h.first != ref.first || h.space != ref.space ||
      h.file_size != ref.file_size)
    throw Error(ErrorCode::CORRUPTION, path + " is not the file that the manifest names");
}

void check_segment(Env& env, const std::string& dir, const Uuid& database, const SegmentRef& ref,
                   const std::function<void(std::uint64_t)>& on_blocks) {
  const std::string path = join_path(dir, segment_name(ref.kind, ref.number));
  const std::unique_ptr<ReadableFile> file = env.open(path);
  HeaderBytes bytes;
  read_whole(*file, path, 0, bytes.data(), bytes.size());
  const FileHeader h = decode_header(bytes.data(), bytes.size(), ref.kind, false, path);
  require_named(h, ref, path);
  if (h.database != database || h.file_size != file->size())
    throw Error(ErrorCode::CORRUPTION, path + " belongs to another database, or has another length");
  const std::uint32_t seed = crc32c(0, h.uuid.data(), h.uuid.size());
  const std::uint64_t blocks = block_count(h.payload_size);
  const std::uint64_t padding = round_up(h.payload_size, 8) - h.payload_size;
  std::vector<std::uint8_t> table(padding + blocks * 4);
  read_whole(*file, path, kHeaderSize + h.payload_size, table.data(), table.size());
  const bool padded = std::all_of(table.begin(), table.begin() + static_cast<std::ptrdiff_t>(padding),
                                  [](std::uint8_t b) { return b == 0; });
  if (!padded || crc32c(seed, table.data() + padding, blocks * 4) != h.table_crc)
    throw Error(ErrorCode::CORRUPTION, path + ": the checksum table is damaged");
  std::vector<std::uint8_t> buffer(std::min(blocks, kBlocksPerRead) * kChecksumBlock);
  for (std::uint64_t block = 0; block < blocks; block += kBlocksPerRead) {
    const std::uint64_t first = block * kChecksumBlock;
    const std::size_t size = std::min<std::uint64_t>(buffer.size(), h.payload_size - first);
    read_whole(*file, path, kHeaderSize + first, buffer.data(), size);
    const std::uint64_t count = block_count(size);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::size_t part = std::min<std::size_t>(kChecksumBlock, size - i * kChecksumBlock);
      const std::uint32_t sum = crc32c(block_seed(seed, block + i), buffer.data() + i * kChecksumBlock, part);
      if (sum != get_le<std::uint32_t>(table.data() + padding + (block + i) * 4))
        throw Error(ErrorCode::CORRUPTION, path + ": block " + std::to_string(block + i) + " (from byte " +
                                               std::to_string(kHeaderSize + first + i * kChecksumBlock) +
                                               ") does not match its checksum");
    }
    on_blocks(count);
  }
}

}  // namespace sagedb
