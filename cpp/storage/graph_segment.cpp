#include "storage/graph_segment.h"

#include <cstring>

#include "base/status.h"
#include "storage/endian.h"

namespace sagedb {
namespace {

constexpr std::size_t kMaxLevels = 64;

void put_vector(SegmentWriter& out, const std::vector<std::uint32_t>& v) {
  out.append(v.data(), v.size() * sizeof(std::uint32_t));
}

std::vector<std::uint32_t> get_vector(ByteReader& in, std::uint64_t count) {
  const char* data = in.get_bytes(count * sizeof(std::uint32_t));
  std::vector<std::uint32_t> out(count);
  if (count > 0) std::memcpy(out.data(), data, count * sizeof(std::uint32_t));
  return out;
}

[[noreturn]] void corrupt(const SegmentReader& file, const char* what) {
  throw Error(ErrorCode::CORRUPTION, file.path() + ": " + what + " out of range");
}

// Every entry is below `bound`, or kNoRow where that is allowed.
bool in_range(const std::uint32_t* v, std::size_t count, std::uint32_t bound, bool optional) {
  bool good = true;
  for (std::size_t i = 0; i < count; ++i) good &= v[i] < bound || (optional && v[i] == kNoRow);
  return good;
}

// Level 0 is not looked at: searches check each link they follow.
void check_upper(const GraphData& g, const SegmentReader& file) {
  std::uint32_t below = g.rows;
  for (const UpperLevel& level : g.upper) {
    const auto count = static_cast<std::uint32_t>(level.row.size());
    if (!in_range(level.row.data(), count, g.rows, false) || !in_range(level.down.data(), count, below, false) ||
        !in_range(level.links.data(), level.links.size(), count, true))
      corrupt(file, "an upper level");
    below = count;
  }
  if (!in_range(g.fragile.data(), g.fragile.size(), g.rows, false)) corrupt(file, "a fragile row");
  if (g.nodes() > 0 ? g.entry >= g.rows || below == 0 : g.entry != kNoRow) corrupt(file, "the entry");
}

}  // namespace

std::uint64_t upper_levels_at(std::uint64_t M, std::uint64_t rows) {
  const std::uint64_t width = GraphData(static_cast<std::uint32_t>(M)).base.width();
  return kGraphCounts + rows * (width + 1) * sizeof(Row);
}

void write_graph(const GraphIndex& graph, SegmentWriter& out) {
  const GraphData& g = graph.data();
  std::uint8_t counts[kGraphCounts] = {};
  put_le(counts, g.M);
  put_le(counts + 4, g.rows);
  put_le(counts + 8, g.entry);
  put_le(counts + 12, g.base.width());
  put_le(counts + 16, static_cast<std::uint32_t>(g.upper.size()));
  put_le(counts + 20, static_cast<std::uint32_t>(g.fragile.size()));
  put_le(counts + 24, g.stop.bytes);
  std::uint32_t share;
  std::memcpy(&share, &g.stop.share, sizeof share);
  put_le(counts + 28, share);
  put_le(counts + 32, g.old.next);
  put_le(counts + 36, g.absent);
  out.append(counts, sizeof counts);
  out.append(g.base.links(0), std::size_t{g.rows} * g.base.width() * sizeof(Row));
  out.append(g.base.parent(0), std::size_t{g.rows} * sizeof(Row));
  for (const UpperLevel& level : g.upper) {
    const auto count = static_cast<std::uint32_t>(level.row.size());
    out.append(&count, sizeof count);
    put_vector(out, level.row);
    put_vector(out, level.down);
    put_vector(out, level.links);
  }
  put_vector(out, g.fragile);
}

std::shared_ptr<const GraphIndex> read_graph(std::shared_ptr<const SegmentReader> from) {
  const SegmentReader& file = *from;
  ByteReader in(file.payload(), file.payload_size(), file.path().c_str());
  const auto* counts = in.get_bytes(kGraphCounts);
  GraphData g(get_le<std::uint32_t>(counts));
  g.rows = get_le<std::uint32_t>(counts + 4);
  g.entry = get_le<std::uint32_t>(counts + 8);
  const auto levels = get_le<std::uint32_t>(counts + 16);
  const auto fragile = get_le<std::uint32_t>(counts + 20);
  g.stop.bytes = get_le<std::uint32_t>(counts + 24);
  const auto share = get_le<std::uint32_t>(counts + 28);
  std::memcpy(&g.stop.share, &share, sizeof share);
  g.old.next = get_le<std::uint32_t>(counts + 32);
  if (!(g.stop.share >= 0 && g.stop.share <= 1)) corrupt(file, "the share of the early stop");
  // Kernels measure whole cache lines: what is left of a code behind others would reach beyond its end.
  if (g.stop.bytes % kCacheLine != 0) corrupt(file, "the bytes of the early stop");
  g.absent = get_le<std::uint32_t>(counts + 36);
  const std::uint32_t width = g.base.width();
  if (g.M < 2 || g.M > 128 || width != get_le<std::uint32_t>(counts + 12)) corrupt(file, "M");
  if (g.rows > kMaxGraphRows || levels > kMaxLevels || g.rows != file.header().count || g.absent > g.rows)
    corrupt(file, "a count");
  const char* links = in.get_bytes(std::uint64_t{g.rows} * width * sizeof(Row));
  const char* parents = in.get_bytes(std::uint64_t{g.rows} * sizeof(Row));
  g.base = LinkTable(width, links, parents, std::move(from));
  for (std::uint32_t l = 0; l < levels; ++l) {
    const auto count = in.get<std::uint32_t>();
    UpperLevel level;
    level.row = get_vector(in, count);
    level.down = get_vector(in, count);
    level.links = get_vector(in, std::uint64_t{count} * g.M);
    g.upper.push_back(std::move(level));
  }
  g.fragile = get_vector(in, fragile);
  check_upper(g, file);
  return std::make_shared<GraphIndex>(std::move(g));
}

}  // namespace sagedb
