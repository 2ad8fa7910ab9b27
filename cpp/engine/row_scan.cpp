#include "engine/row_scan.h"

#include <algorithm>

#include "kernels/kernels.h"

namespace sagedb {
namespace {
constexpr std::uint32_t kBlock = 256;
constexpr std::uint32_t kGroup = 32;
}// namespace

void TopCandidates::offer(Candidate c) {
  if (heap_.size() < limit_) {
    heap_.push_back(c);
    std::push_heap(heap_.begin(), heap_.end(), nearer);
  } else if (nearer(c, heap_.front())) {
    std::pop_heap(heap_.begin(), heap_.end(), nearer);
    heap_.back() = c;
    std::push_heap(heap_.begin(), heap_.end(), nearer);
  }
}

std::vector<Candidate> TopCandidates::take_sorted() {
  std::sort_heap(heap_.begin(), heap_.end(), nearer);
  return std::move(heap_);
}

void scan_codes(const SpaceView& space, const Query& query, Row first, Row last, const RowSelector& asked,
                TopCandidates& out) {
  RowSelector selector = asked;
  if (selector.allowed == nullptr) selector.allowed = space.present;
  const KernelTable& k = kernels();
  const Codec& codec = space.codes->codec();
  const std::size_t n = codec.padded;
  std::int32_t raw[kBlock];
  for (Row r = first; r < last;) {
    const std::uint32_t count = std::min({kBlock, last - r, space.codes->run(r)});
    const std::uint8_t* base = space.codes->row(r);
    if (codec.metric == Metric::ip) {
      k.dot_u7_scan(query.signed_code.data(), base, space.codes->stride(), count, n, raw);
    } else {
      k.l2_u7_scan(query.code.data(), base, space.codes->stride(), count, n, raw);
    }
    // Few rows are near enough: one test for a group, which the compiler vectorises.
    for (std::uint32_t g = 0; g < count; g += kGroup) {
      const std::uint32_t end = std::min(count, g + kGroup);
      const float worst = out.worst();
      std::int32_t near = 0;
      for (std::uint32_t i = g; i < end; ++i) near |= query.code_distance(raw[i]) <= worst;
      if (near == 0) continue;
      for (std::uint32_t i = g; i < end; ++i) {
        const float d = query.code_distance(raw[i]);
        if (out.improves(d) && selector.accepts(r + i)) out.offer({d, r + i});
      }
    }
    r += count;
  }
}

}  // namespace sagedb
