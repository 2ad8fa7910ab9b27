// Verifies a segment's checksums by reading the file, not its mapping: what is checked takes no memory of the process, and a sector that cannot be read
// is an error instead of a signal.
#pragma once

#include <functional>
#include <string>

#include "base/status.h"
#include "storage/manifest.h"

namespace sagedb {

// The disk does not give bytes of a file that could be opened.
class UnreadableBlock : public Error {
 public:
  using Error::Error;
};

// Calls `on_blocks(n)` whenever n more blocks have been verified; it may throw to stop. Throws CORRUPTION naming the place, NOT_FOUND, UnreadableBlock, I/O errors.
void check_segment(Env& env, const std::string& dir, const Uuid& database, const SegmentRef& ref,
                   const std::function<void(std::uint64_t blocks)>& on_blocks);
// Of the file that the manifest names.
std::uint64_t block_count_of(const SegmentRef& ref) noexcept;

// Whether the header is that of the file which the manifest means. Throws CORRUPTION.
void require_named(const FileHeader& header, const SegmentRef& ref, const std::string& path);

}  // namespace sagedb
