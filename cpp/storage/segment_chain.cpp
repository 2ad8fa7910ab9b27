#include "storage/segment_chain.h"

#include <algorithm>
#include <numeric>

#include "base/memory.h"
#include "base/status.h"
#include "storage/segment_check.h"

namespace sagedb {
namespace {

// A segment may be written again when it is at most so many times as large as what follows it,
constexpr std::uint64_t kMergeRatio = 2;
// and when what follows is smaller than this, or together with it makes so many of about one size.
constexpr std::uint64_t kSmallSegment = std::uint64_t{16} << 20;
constexpr std::size_t kTier = 8;
constexpr std::uint64_t kLargestRewritten = std::uint64_t{1} << 30;

struct ChainOwner {
  std::vector<std::shared_ptr<const SegmentReader>> files;
  std::shared_ptr<const Mapping> joined;
};

[[noreturn]] void fail(const std::string& dir, FileKind kind, const std::string& what) {
  throw Error(ErrorCode::CORRUPTION, dir + ": the chain of " + segment_name(kind, 0) + " " + what);
}

}  // namespace

std::uint64_t chain_granule(std::uint64_t stride) noexcept {
  return kFilePage / std::gcd<std::uint64_t, std::uint64_t>(stride, kFilePage);
}

ChainPlan plan_chain(std::vector<SegmentRef> old, std::uint64_t unchanged, std::uint64_t count, std::uint32_t stride,
                     Rewrite rewrite) {
  ChainPlan plan;
  plan.kept = std::move(old);
  if (plan.kept.empty()) unchanged = 0;
  if (unchanged == count && (count == 0 || plan.kept.back().end() == count)) {
    plan.first = count;
    return plan;
  }
  const std::uint64_t granule = chain_granule(stride);
  plan.first = unchanged / granule * granule;
  for (std::vector<SegmentRef>& kept = plan.kept; !kept.empty();) {
    // What is new covers it.
    if (kept.back().first >= plan.first) {
      kept.pop_back();
      continue;
    }
    const std::uint64_t fresh = count - plan.first;
    const bool tiers = rewrite == Rewrite::in_tiers && fresh * stride >= kSmallSegment;
    std::size_t begin = kept.size();
    for (std::uint64_t end = plan.first; begin > 0; end = kept[--begin].first) {
      const std::uint64_t size = end - kept[begin - 1].first;
      if (size > kMergeRatio * fresh || (tiers && size * stride >= kLargestRewritten)) break;
    }
    if (kept.size() - begin < (tiers ? kTier - 1 : 1)) break;
    plan.first = kept[begin].first;
    kept.resize(begin);
  }
  return plan;
}

std::shared_ptr<const SegmentReader> open_segment(Env& env, const std::string& dir, const Manifest& m,
                                                  const SegmentRef& ref, bool writable) {
  const std::string path = join_path(dir, segment_name(ref.kind, ref.number));
  auto file = SegmentReader::open(env, path, ref.kind, m.database, writable);
  require_named(file->header(), ref, path);
  return file;
}

ChainBytes open_chain(Env& env, const std::string& dir, const Manifest& m, FileKind kind, std::uint64_t count,
                      std::uint32_t stride, bool writable, SpaceNo space) {
  const auto owner = std::make_shared<ChainOwner>();
  std::vector<MapPart> parts;
  std::uint64_t end = 0;
  for (const SegmentRef& ref : m.all(kind, space)) {
    auto file = open_segment(env, dir, m, ref, writable);
    if (ref.first > end || ref.end() < end || ref.first * stride % kFilePage != 0 ||
        file->payload_size() != ref.count * stride)
      fail(dir, kind, "has a gap at " + file->path());
    parts.push_back(MapPart{file->path(), kHeaderSize, ref.first * stride, ref.count * stride});
    end = ref.end();
    owner->files.push_back(std::move(file));
  }
  if (end != count) fail(dir, kind, "holds " + std::to_string(end) + " elements, expected " + std::to_string(count));
  ChainBytes out;
  if (parts.size() == 1) {
    out.data = owner->files[0]->payload();
  } else if (!parts.empty()) {
    owner->joined = env.map_parts(parts, count * stride);
    out.data = owner->joined->data();
  }
  out.files = owner->files;
  out.owner = owner;
  return out;
}

}  // namespace sagedb
