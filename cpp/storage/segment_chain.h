// What is only ever appended to (vectors, records, texts …) as a chain of segments of one kind: a checkpoint writes new elements only and names the
// segments that hold the others again.
//
// A segment begins where its payload lies at a multiple of 4,096 in the whole, so that the chain is mapped as one run of bytes and readers never know of
// it. It may repeat elements of the segment before it; the later one counts. Segments that are not much larger than what comes after them are
// written again together with it, so that a chain has few segments and an element is written O(log n) times: small ones at once, since every file costs
// an open its time, large ones when there are several, since every byte costs a checkpoint its time (size-tiered compaction, as in LSM trees), and those of a
// gigabyte never.
// Thread safety: functions on values.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/manifest.h"
#include "storage/segment_reader.h"

namespace sagedb {

// So many elements of `stride` bytes that they end with a page: a segment begins at a multiple of them.
std::uint64_t chain_granule(std::uint64_t stride) noexcept;

struct ChainPlan {
  std::vector<SegmentRef> kept;
  std::uint64_t first = 0;  // a new segment holds [first, count); none is needed when they are equal
};
// Whether large segments wait for several of their size. Not where a reader asks every segment.
enum class Rewrite { in_tiers, at_once };
// How to describe `count` elements of `stride` bytes when the first `unchanged` of them are as in `old`.
ChainPlan plan_chain(std::vector<SegmentRef> old, std::uint64_t unchanged, std::uint64_t count, std::uint32_t stride,
                     Rewrite rewrite = Rewrite::in_tiers);

// A chain as one run of bytes. Throws CORRUPTION when it does not hold exactly `count` elements of `stride` bytes, and what SegmentReader::open() throws.
struct ChainBytes {
  const std::byte* data = nullptr;  // of `count` elements
  std::shared_ptr<const void> owner;
  std::vector<std::shared_ptr<const SegmentReader>> files;
};
ChainBytes open_chain(Env& env, const std::string& dir, const Manifest& manifest, FileKind kind, std::uint64_t count,
                      std::uint32_t stride, bool writable, SpaceNo space = 0);

// One segment that the manifest names, checked against what the manifest says of it.
std::shared_ptr<const SegmentReader> open_segment(Env& env, const std::string& dir, const Manifest& manifest,
                                                  const SegmentRef& ref, bool writable);

}  // namespace sagedb
