#include "engine/stored_pages.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/memory.h"
#include "storage/file_header.h"
#include "storage/segment_chain.h"

namespace sagedb {
namespace {

// Whoever touches the memory meanwhile waits for the exchange.
constexpr std::size_t kPiece = std::size_t{32} << 20;

using Visit = std::function<void(const void* data, std::size_t size)>;

// What segments of one kind hold: elements in memory from `first` on, which were not mapped from files at first.
struct Part {
  FileKind kind;
  SpaceNo space;
  std::shared_ptr<const void> owner;
  std::size_t stride;
  std::uint64_t first, count;
  // Elements that stand in pages of a file without a name, whose space comes back when all of it is exchanged.
  std::uint64_t least;
  std::function<void(std::uint64_t begin, std::uint64_t end, const Visit&)> visit;  // in order

  std::uint64_t bytes() const { return (count - first) * stride; }
};

template <typename Rows>
Part part_of(FileKind kind, SpaceNo space, std::shared_ptr<const void> owner, const Rows& rows, Row count) {
  const std::size_t stride = rows.stride();
  return Part{kind,
              space,
              std::move(owner),
              stride,
              rows.mapped_rows(),
              count,
              rows.begun_rows(),
              [&rows, stride](std::uint64_t begin, std::uint64_t end, const Visit& visit) {
                for (auto r = static_cast<Row>(begin); r < end;) {
                  const Row n = std::min<Row>(rows.run(r), static_cast<Row>(end) - r);
                  visit(rows.row(r), n * stride);
                  r += n;
                }
              }};
}

// The least needed first.
std::vector<Part> parts_of(const Snapshot& s, std::uint64_t text_size) {
  std::vector<Part> parts;
  const Generation& g = *s.generation;
  const TextStore& text = g.records.text();
  parts.push_back(
      Part{FileKind::text, 0, s.generation, 1, text.mapped_bytes(), text_size, text.begun_bytes(),
           [&text](std::uint64_t begin, std::uint64_t end, const Visit& visit) { text.visit(begin, end, visit); }});
  for (SpaceNo space = 0; space < s.spaces.size(); ++space)
    parts.push_back(part_of(FileKind::vectors, space, s.generation, g.columns[space].vectors, s.row_count));
  for (SpaceNo space = 0; space < s.spaces.size(); ++space)
    if (const auto& codes = s.spaces[space].codes)
      parts.push_back(part_of(FileKind::codes, space, codes, *codes, s.row_count));
  return parts;
}

// What searches read of what a compaction copied.
std::vector<HotRange> copied(const std::vector<Part>& parts) {
  std::vector<HotRange> ranges;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->kind == FileKind::text || part->least == 0) continue;
    part->visit(part->first, part->least, [&](const void* data, std::size_t size) {
      ranges.push_back(HotRange{part->owner, static_cast<const std::byte*>(data), size});
    });
  }
  return ranges;
}

// The pages of [at, end) up to the first that are hot; begins behind those at `*at`.
std::size_t cold_pages(const std::byte** at, const std::byte* end, const std::vector<HotRange>& hot) {
  const std::byte* stop = end;
  for (bool again = true; again;) {
    again = false;
    stop = std::min(end, *at + kPiece);
    for (const HotRange& range : hot) {
      const std::size_t skip = round_up(reinterpret_cast<std::uintptr_t>(range.data), kFilePage) -
                               reinterpret_cast<std::uintptr_t>(range.data);
      const std::byte* const begin = range.data + skip;
      if (begin <= *at && *at < std::min(begin + range.size, end)) {
        *at = std::min(begin + range.size, end);
        again = true;
        break;
      }
      if (begin > *at) stop = std::min(stop, begin);
    }
  }
  return static_cast<std::size_t>(stop - *at);
}

// Exchanges the whole pages of memory that holds the bytes of the file from `offset` on.
bool exchange(Env& env, const std::string& path, std::uint64_t offset, const void* data, std::size_t size,
              const std::vector<HotRange>& hot) {
  const auto* at = static_cast<const std::byte*>(data);
  const std::size_t skip =
      round_up(reinterpret_cast<std::uintptr_t>(at), kFilePage) - reinterpret_cast<std::uintptr_t>(at);
  if (skip >= size) return true;
  const std::byte* const first = at + skip;
  const std::byte* const end = first + (size - skip) / kFilePage * kFilePage;
  for (at = first; at < end;) {
    const std::size_t n = cold_pages(&at, end, hot);
    if (n > 0 && !env.map_in_place(path, offset + skip + static_cast<std::size_t>(at - first), at, n)) return false;
    at += n;
  }
  return true;
}

}  // namespace

std::vector<HotRange> StoredPages::give_back(Env& env, const std::string& dir, const Manifest& manifest,
                                             const Snapshot& snapshot, std::uint64_t budget,
                                             const std::vector<HotRange>& hot) {
  const std::vector<Part> parts = parts_of(snapshot, manifest.number("text"));
  if (of_.lock() != snapshot.generation) {
    targets_.clear();
    offered_ = false;
  }
  of_ = snapshot.generation;
  targets_.resize(parts.size());
  std::uint64_t over = 0;
  for (const Part& part : parts) over += part.bytes();
  over -= std::min(over, budget);
  std::vector<Given> given;
  std::uint64_t bytes = 0;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const Part& part = parts[p];
    const std::uint64_t granule = chain_granule(part.stride);
    const std::uint64_t wanted = std::min(over, part.bytes());
    over -= wanted;
    targets_[p] = std::max({targets_[p], (part.first + wanted / part.stride) / granule * granule, part.least});
    const std::vector<SegmentRef> segments = manifest.all(part.kind, part.space);
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const SegmentRef& segment = segments[i];
      // Where two overlap, the later one counts.
      const std::uint64_t next = i + 1 < segments.size() ? segments[i + 1].first : segment.end();
      const std::uint64_t begin = std::max(segment.first, part.first), end = std::min(next, targets_[p]);
      if (begin >= end) continue;
      std::uint64_t at = begin;
      for (const Given& before : given_)
        if (before.segment == segment.number) at = std::max(at, before.end);
      const std::string path = join_path(dir, segment_name(segment.kind, segment.number));
      bool done = true;
      if (at < end) {
        part.visit(at, end, [&](const void* data, std::size_t size) {
          done = done && exchange(env, path, kHeaderSize + (at - segment.first) * part.stride, data, size, hot);
          at += size / part.stride;
        });
      }
      if (!done) return {};
      given.push_back(Given{segment.number, end / granule * granule});
      bytes += (end - begin) * part.stride;
    }
  }
  given_ = std::move(given);
  bytes_ = bytes;
  std::vector<HotRange> ranges;
  if (!offered_) ranges = copied(parts);
  offered_ = true;
  return ranges;
}

}  // namespace sagedb
