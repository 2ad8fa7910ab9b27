#include "index/link_history.h"

#include <atomic>

namespace sagedb {
namespace {

// Steps are bytes; after so many, a history starts anew, which costs one full copy.
constexpr std::size_t kMaxSteps = 255;

std::uint64_t next_graph() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

void LinkHistory::start(Row rows) {
  graphs_.assign(1, next_graph());
  changed_.assign(rows, 0);
}

void LinkHistory::follow(const LinkHistory& base, Row rows) {
  if (base.step() == 0 || base.step() == kMaxSteps) return start(rows);
  graphs_ = base.graphs_;
  graphs_.push_back(next_graph());
  changed_.reserve(rows);
  changed_ = base.changed_;
  changed_.resize(rows, 0);
}

bool LinkHistory::descends_from(const LinkHistory& older) const noexcept {
  return older.step() > 0 && older.step() <= step() && graphs_[older.step() - 1] == older.graphs_.back();
}

}  // namespace sagedb
