// A segment file read in place.
//
// Opening checks the header and the length, so it costs the same for any size; the payload is page-aligned (hence 64-byte aligned)
// and can be used at once. Blocks are verified one by one when somebody asks: the background check after an open, verify().
// Thread safety: const; any number of threads. Holds the mapping: keep the shared_ptr as owner of everything that points into it.
#pragma once

#include <memory>
#include <string>

#include "base/env.h"
#include "storage/file_header.h"

namespace sagedb {

class SegmentReader {
 public:
  // Throws UNSUPPORTED_FORMAT, CORRUPTION (also when the file is missing or belongs to another database) and I/O errors.
  static std::shared_ptr<const SegmentReader> open(Env& env, const std::string& path, FileKind kind,
                                                   const Uuid& database, bool writable);

  const std::string& path() const noexcept { return path_; }
  const FileHeader& header() const noexcept { return header_; }
  const std::byte* payload() const noexcept { return mapping_->data() + kHeaderSize; }
  std::uint64_t payload_size() const noexcept { return header_.payload_size; }

  std::uint64_t blocks() const noexcept;
  // Throw CORRUPTION naming file and block.
  void verify_table() const;
  void verify_block(std::uint64_t block) const;
  void verify() const;  // everything

 private:
  SegmentReader(std::string path, std::shared_ptr<const Mapping> mapping, const FileHeader& header);
  const std::byte* table() const noexcept;

  const std::string path_;
  const std::shared_ptr<const Mapping> mapping_;
  const FileHeader header_;
  const std::uint32_t seed_;
};

}  // namespace sagedb
