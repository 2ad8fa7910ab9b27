#include "storage/segment_chain.h"

#include <algorithm>
#include <numeric>

#include "base/status.h"

namespace sagedb {
namespace {

constexpr std::uint64_t kPage = 4096;
// A segment is written again when it is at most so many times as large as what follows it.
constexpr std::uint64_t kMergeRatio = 2;

struct ChainOwner {
  std::vector<std::shared_ptr<const SegmentReader>> files;
  std::shared_ptr<const Mapping> joined;
};

[[noreturn]] void fail(const std::string& dir, FileKind kind, const std::string& what) {
  throw Error(ErrorCode::CORRUPTION, dir + ": the chain of " + segment_name(kind, 0) + " " + what);
}

}  // namespace

ChainPlan plan_chain(std::vector<SegmentRef> old, std::uint64_t unchanged, std::uint64_t count, std::uint32_t stride) {
  ChainPlan plan;
  plan.kept = std::move(old);
  if (plan.kept.empty()) unchanged = 0;
  if (unchanged == count && (count == 0 || plan.kept.back().end() == count)) {
    plan.first = count;
    return plan;
  }
  const std::uint64_t granule = kPage / std::gcd<std::uint64_t, std::uint64_t>(stride, kPage);
  plan.first = unchanged / granule * granule;
  while (!plan.kept.empty()) {
    const SegmentRef& last = plan.kept.back();
    if (last.first < plan.first && plan.first - last.first > kMergeRatio * (count - plan.first)) break;
    plan.first = std::min(plan.first, last.first);
    plan.kept.pop_back();
  }
  return plan;
}

std::shared_ptr<const SegmentReader> open_segment(Env& env, const std::string& dir, const Manifest& m,
                                                  const SegmentRef& ref, bool writable) {
  const std::string path = join_path(dir, segment_name(ref.kind, ref.number));
  auto file = SegmentReader::open(env, path, ref.kind, m.database, writable);
  const FileHeader& h = file->header();
  if (h.uuid != ref.uuid || h.count != ref.count || h.first != ref.first || h.space != ref.space)
    throw Error(ErrorCode::CORRUPTION, path + " is not the file that the manifest names");
  return file;
}

ChainBytes open_chain(Env& env, const std::string& dir, const Manifest& m, FileKind kind, std::uint64_t count,
                      std::uint32_t stride, bool writable, SpaceNo space) {
  const auto owner = std::make_shared<ChainOwner>();
  std::vector<MapPart> parts;
  std::uint64_t end = 0;
  for (const SegmentRef& ref : m.all(kind, space)) {
    auto file = open_segment(env, dir, m, ref, writable);
    if (ref.first > end || ref.end() < end || ref.first * stride % kPage != 0 ||
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
  out.owner = owner;
  return out;
}

}  // namespace sagedb
