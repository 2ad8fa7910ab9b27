#include "index/flat_index.h"

#include <algorithm>

#include <cfloat>
#include <optional>

#include "index/code_bound.h"
#include "kernels/kernels.h"

namespace sagedb {
namespace {

// Below this many rows the first k results take most of the scan anyway.
constexpr Row kWorthFiltering = 256;

// The k nearest candidates so far, as a max-heap in the tail of the caller's list: no memory of its own.
class TopK {
 public:
  TopK(std::vector<Candidate>& out, std::size_t k) : out_(out), begin_(out.size()), k_(k) {}

  void offer(Candidate c) {
    if (out_.size() - begin_ < k_) {
      out_.push_back(c);
      std::push_heap(out_.begin() + static_cast<std::ptrdiff_t>(begin_), out_.end(), nearer);
    } else if (nearer(c, out_[begin_])) {
      std::pop_heap(out_.begin() + static_cast<std::ptrdiff_t>(begin_), out_.end(), nearer);
      out_.back() = c;
      std::push_heap(out_.begin() + static_cast<std::ptrdiff_t>(begin_), out_.end(), nearer);
    }
  }
  // What a further candidate must not exceed; the largest float while there is room.
  float worst() const { return out_.size() - begin_ < k_ ? FLT_MAX : out_[begin_].distance; }
  void sort() { std::sort_heap(out_.begin() + static_cast<std::ptrdiff_t>(begin_), out_.end(), nearer); }

 private:
  std::vector<Candidate>& out_;
  const std::size_t begin_;
  const std::size_t k_;
};

// Rows of [first, last) that the selector accepts, in batches.
class RowStream {
 public:
  static constexpr std::size_t kBatch = 128;

  RowStream(const RowSelector& selector, Row first, Row last) : selector_(selector), next_(first), last_(last) {}

  // Fills `rows` (kBatch of them); 0 at the end.
  std::size_t take(Row* rows) {
    std::size_t n = 0;
    while (n < kBatch && next_ < last_) {
      if (selector_.allowed != nullptr && !skip_to_allowed()) break;
      if (selector_.accepts(next_)) rows[n++] = next_;
      ++next_;
    }
    return n;
  }

 private:
  // Moves next_ to the first allowed row at or after it; false when there is none below last_.
  bool skip_to_allowed() {
    std::uint64_t word = load_word(selector_.allowed + (next_ >> 6)) >> (next_ & 63);
    while (word == 0) {
      const std::uint64_t start = (std::uint64_t{next_} | 63) + 1;
      if (start >= last_) return false;
      next_ = static_cast<Row>(start);
      word = load_word(selector_.allowed + (next_ >> 6));
    }
    const std::uint64_t row = std::uint64_t{next_} + static_cast<unsigned>(__builtin_ctzll(word));
    if (row >= last_) return false;
    next_ = static_cast<Row>(row);
    return true;
  }

  const RowSelector& selector_;
  Row next_;
  const Row last_;
};

// Drops rows whose codes prove them too far. Gives up when it does not pay: many results wanted, or data that the codec fits badly.
class CodeFilter {
 public:
  CodeFilter(const SpaceView& space, const Query& query) : codes_(*space.codes), query_(query), bound_(space, query) {}

  // Keeps the rows that may be among the nearest, in order; returns how many.
  std::size_t keep(float worst, Row* rows, std::size_t count) {
    if (worst == FLT_MAX || (seen_ >= kTrial && kept_ * 2 > seen_)) return count;
    const KernelTable& k = kernels();
    const std::size_t n = codes_.codec().padded;
    const std::uint8_t* at[RowStream::kBatch];
    std::int32_t raw[RowStream::kBatch];
    for (std::size_t i = 0; i < count; ++i) at[i] = codes_.row(rows[i]);
    if (codes_.codec().metric == Metric::ip) {
      k.dot_u7_many(query_.signed_code.data(), at, count, n, raw);
    } else {
      k.l2_u7_many(query_.code.data(), at, count, n, raw);
    }
    bound_.set_limit(worst);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const Row r = rows[i];
      rows[kept] = r;
      kept += bound_.may_pass(raw[i], codes_.error(r)) ? 1 : 0;
    }
    seen_ += count;
    kept_ += kept;
    return kept;
  }

 private:
  static constexpr std::uint64_t kTrial = 4096;
  const CodeStore& codes_;
  const Query& query_;
  CodeBound bound_;
  std::uint64_t seen_ = 0;
  std::uint64_t kept_ = 0;
};

class FlatAlgorithm final : public AnnsAlgorithm {
 public:
  const char* name() const noexcept override { return "flat"; }
  bool uses_codes() const noexcept override { return false; }
  std::shared_ptr<const Index> grow(const SpaceView&, std::shared_ptr<const Index>, Row rows,
                                    std::shared_ptr<const Index>, const BuildContext&) const override {
    return std::make_shared<FlatIndex>(rows);
  }
  std::shared_ptr<const Index> compact(const SpaceView&, std::shared_ptr<const Index>, const RowRemap& remap,
                                       const BuildContext&) const override {
    return std::make_shared<FlatIndex>(remap.new_count);
  }
};

}  // namespace

void exact_scan(const SpaceView& space, const Query& query, std::size_t k, const RowSelector& selector, Row first,
                Row last, std::vector<Candidate>& out, SearchCounters* counters) {
  if (k == 0) return;
  TopK top(out, k);
  RowSelector accepted = selector;
  if (accepted.allowed == nullptr) accepted.allowed = space.present;
  RowStream stream(accepted, first, last);
  std::optional<CodeFilter> filter;
  if (space.codes != nullptr && last - first > kWorthFiltering) filter.emplace(space, query);
  Row rows[RowStream::kBatch];
  float distances[RowStream::kBatch];
  std::uint64_t measured = 0;
  while (const std::size_t taken = stream.take(rows)) {
    const std::size_t n = filter ? filter->keep(top.worst(), rows, taken) : taken;
    exact_distances(space, query, rows, n, distances);
    for (std::size_t i = 0; i < n; ++i) top.offer({distances[i], rows[i]});
    measured += n;
  }
  top.sort();
  if (counters != nullptr) counters->distances += measured;
}

bool FlatIndex::search(const SpaceView& space, const Query& query, const SearchParams& params,
                       const RowSelector& selector, SearchScratch&, std::vector<Candidate>& out,
                       SearchCounters* counters) const {
  exact_scan(space, query, std::max(params.k, params.ef), selector, 0, rows_, out, counters);
  return true;
}

std::string FlatIndex::verify(const SpaceView&) const { return {}; }

std::unique_ptr<AnnsAlgorithm> make_flat_algorithm(const IndexConfig&) { return std::make_unique<FlatAlgorithm>(); }

}  // namespace sagedb
