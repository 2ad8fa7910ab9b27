#include "engine/hot_pages.h"

#include <algorithm>

#include "base/available_memory.h"
#include "base/memory.h"
#include "base/resident.h"

namespace sagedb {
namespace {

constexpr std::size_t kPiece = std::size_t{32} << 20;
constexpr std::uint64_t kShare = 4;  // of the available memory
// Of less than this no huge page is filled.
constexpr std::size_t kLeast = std::size_t{64} << 10;

}  // namespace

HotPages::HotPages(std::optional<std::uint64_t> budget)
    : budget_(budget ? *budget : available_memory() / kShare), limit_(budget || budget_ > 0 ? budget_ : UINT64_MAX) {}

void HotPages::offer(std::vector<HotRange> ranges) {
  std::lock_guard<std::mutex> lock(mutex_);
  left_ = std::move(ranges);
  pending_ = !left_.empty() && budget_ > 0;
}

void HotPages::step() {
  std::lock_guard<std::mutex> moving(moving_);
  std::lock_guard<std::mutex> lock(mutex_);
  moved_.erase(
      std::remove_if(moved_.begin(), moved_.end(), [](const HotRange& range) { return range.owner.expired(); }),
      moved_.end());
  std::uint64_t used = 0;
  for (const HotRange& range : moved_) used += range.size;
  while (!left_.empty() && (left_.front().size == 0 || left_.front().owner.expired())) left_.erase(left_.begin());
  const std::uint64_t room = budget_ - std::min(budget_, used);
  pending_ = !left_.empty() && room >= kLeast;
  if (!pending_) return;
  HotRange& range = left_.front();
  const std::shared_ptr<const void> held = range.owner.lock();
  if (!held) return;
  moved_.reserve(moved_.size() + 1);
  std::size_t piece = std::min<std::uint64_t>({range.size, kPiece, room});
  // Cut where a huge page ends, so that none is cut in two.
  const std::size_t over = (reinterpret_cast<std::uintptr_t>(range.data) + piece) % kHugePage;
  if (piece < range.size && over < piece) piece -= over;
  const std::size_t done = make_resident(range.data, piece);
  if (done == 0 && piece >= kLeast) {
    left_.clear();  // no memory, or a system that cannot
    pending_ = false;
    return;
  }
  moved_.push_back(HotRange{range.owner, range.data, done});
  range.data += piece;
  range.size -= piece;
}

std::vector<HotRange> HotPages::moved() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return moved_;
}

std::uint64_t HotPages::bytes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::uint64_t bytes = 0;
  for (const HotRange& range : moved_) bytes += range.owner.expired() ? 0 : range.size;
  return bytes;
}

}  // namespace sagedb
