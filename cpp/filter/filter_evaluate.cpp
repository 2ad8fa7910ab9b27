// A filter over the columns of a MetadataStore. Each predicate is answered from the index that holds its candidates, or by testing the
// records that earlier, more selective conditions left over: whichever is estimated cheaper.
#include <algorithm>
#include <new>
#include <string>

#include "base/executor.h"
#include "base/status.h"
#include "filter/filter_node.h"
#include "store/metadata_impl.h"

namespace sagedb {
namespace {

using Words = std::vector<std::uint64_t>;
using Op = Predicate::Op;

// Testing one record costs about as much as taking this many postings from an index.
constexpr std::size_t kTestCost = 24;

class Evaluation {
 public:
  Evaluation(const FilterTree& tree, const MetadataStore::Impl& store, RecordNo n)
      : store_(store), n_(n), paths_(tree.slots) {}

  std::size_t word_count() const { return (static_cast<std::size_t>(n_) + 63) / 64; }

  // Sets the bits of matching records in `out`.
  void add(const FilterNode& node, Words& out) {
    switch (node.kind) {
      case FilterNode::Kind::predicate:
        return add_predicate(*node.predicate, out);
      case FilterNode::Kind::any:
        for (const FilterNode& child : node.children) add(child, out);
        return;
      case FilterNode::Kind::negation: {
        Words inner(word_count());
        add(node.children.front(), inner);
        return add_complement(inner, out);
      }
      case FilterNode::Kind::all:
        return add_conjunction(node, out);
    }
  }

  // Upper bound of the number of matching records.
  std::size_t estimate(const FilterNode& node) {
    std::size_t total = n_;
    switch (node.kind) {
      case FilterNode::Kind::predicate:
        return std::min<std::size_t>(n_, estimate_predicate(*node.predicate));
      case FilterNode::Kind::any:
        total = 0;
        for (const FilterNode& child : node.children) total = std::min<std::size_t>(n_, total + estimate(child));
        return total;
      case FilterNode::Kind::negation:
        return n_;
      case FilterNode::Kind::all:
        for (const FilterNode& child : node.children) total = std::min(total, estimate(child));
        return total;
    }
    return total;
  }

 private:
  struct Path {
    bool known = false;
    MetadataStore::Impl::Paths found;
    // The one column that decides alone, or null.
    const MetadataColumn* only() const {
      return found.columns.size() == 1 && !found.incomplete ? found.columns[0] : nullptr;
    }
    bool nowhere() const { return found.columns.empty() && !found.incomplete; }
  };
  const Path& path_of(const Predicate& p) {
    Path& path = paths_[p.slot];
    if (!path.known) {
      path.found = store_.find(p.path);
      path.known = true;
    }
    return path;
  }

  bool test(const FilterNode& node, RecordNo r) const { return matches_object(node, store_.document(r)); }
  bool test(const Predicate& p, RecordNo r) const { return matches_field(p, resolve_path(store_.document(r), p.path)); }
  static void set(Words& words, RecordNo r) { words[r >> 6] |= std::uint64_t{1} << (r & 63); }
  // A visitor that sets bits of records below the reader's count.
  auto setter(Words& out) const {
    return [&out, n = n_](RecordNo r) {
      if (r < n) set(out, r);
    };
  }
  static void set_range(Words& words, RecordNo begin, RecordNo end) {
    for (RecordNo r = begin; r < end;) {
      if ((r & 63) == 0 && end - r >= 64) {
        words[r >> 6] = ~std::uint64_t{0};
        r += 64;
      } else {
        set(words, r++);
      }
    }
  }
  void add_complement(const Words& inner, Words& out) const {
    for (std::size_t w = 0; w < inner.size(); ++w) out[w] |= ~inner[w];
    if ((n_ & 63) != 0) out.back() &= (std::uint64_t{1} << (n_ & 63)) - 1;
  }
  // Adds the candidates that pass `keep`.
  template <typename Keep>
  static void add_tested(const Words& candidates, Words& out, Keep&& keep) {
    for (std::size_t w = 0; w < candidates.size(); ++w)
      for (std::uint64_t bits = candidates[w] & ~out[w]; bits != 0; bits &= bits - 1) {
        const auto r = static_cast<RecordNo>(w * 64 + static_cast<std::size_t>(__builtin_ctzll(bits)));
        if (keep(r)) set(out, r);
      }
  }
  static std::size_t count(const Words& words) {
    std::size_t total = 0;
    for (const std::uint64_t w : words) total += static_cast<std::size_t>(__builtin_popcountll(w));
    return total;
  }

  void add_conjunction(const FilterNode& node, Words& out) {
    struct Part {
      const FilterNode* node;
      std::size_t cost;
      std::size_t matches;
    };
    std::vector<Part> parts;
    parts.reserve(node.children.size());
    for (const FilterNode& child : node.children) parts.push_back({&child, cost(child), estimate(child)});
    std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
      return a.matches != b.matches ? a.matches < b.matches : a.cost < b.cost;
    });
    if (parts.empty()) return set_range(out, 0, n_);
    Words left(word_count());
    add(*parts[0].node, left);
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const std::size_t remaining = count(left);
      if (remaining == 0) return;
      Words next(word_count());
      if (parts[i].cost <= remaining * kTestCost) {
        add(*parts[i].node, next);
        for (std::size_t w = 0; w < next.size(); ++w) next[w] &= left[w];
      } else {
        add_tested(left, next, [&](RecordNo r) { return test(*parts[i].node, r); });
      }
      left.swap(next);
    }
    for (std::size_t w = 0; w < left.size(); ++w) out[w] |= left[w];
  }

  // Work of add(), in postings.
  std::size_t cost(const FilterNode& node) {
    std::size_t total = word_count();
    switch (node.kind) {
      case FilterNode::Kind::predicate:
        return total + estimate_candidates(*node.predicate) * (needs_test(*node.predicate) ? kTestCost : 1);
      case FilterNode::Kind::all: {
        std::size_t smallest = node.children.empty() ? 0 : static_cast<std::size_t>(-1);
        for (const FilterNode& child : node.children) smallest = std::min(smallest, cost(child));
        return total + smallest * node.children.size();
      }
      default:
        for (const FilterNode& child : node.children) total += cost(child);
        return total;
    }
  }

  // ---- predicates -----------------------------------------------------------------------------------------------------
  bool needs_test(const Predicate& p) {
    if (path_of(p).only() == nullptr) return true;
    return p.op == Op::contains || (p.op == Op::prefix && cuts_pair(p)) || p.op == Op::elem_value ||
           p.op == Op::elem_object || !p.complexes.empty();
  }

  // A prefix that ends with half of a surrogate pair: the index orders by halves, the operator goes by whole characters.
  static bool cuts_pair(const Predicate& p) {
    const std::string_view prefix = ValueRef(p.low_text.data()).string();
    const auto byte = [&](std::size_t from_end) {
      return static_cast<unsigned char>(prefix[prefix.size() - from_end]);
    };
    return prefix.size() >= 3 && byte(3) == 0xED && byte(2) >= 0xA0 && byte(2) < 0xB0;
  }

  std::size_t estimate_predicate(const Predicate& p) {
    const Path& path = path_of(p);
    const bool on_missing = matches_field(p, ValueRef());
    if (path.nowhere()) return on_missing ? n_ : 0;
    return estimate_candidates(p);
  }

  std::size_t estimate_candidates(const Predicate& p) {
    const Path& path = path_of(p);
    const MetadataColumn* column = path.only();
    if (column == nullptr) {
      if (matches_field(p, ValueRef())) return n_;
      std::size_t total = path.found.incomplete ? store_.overflow.total() : 0;
      for (const MetadataColumn* c : path.found.columns) total += c->present.total();
      return total;
    }
    const std::size_t present = column->present.total();
    switch (p.op) {
      case Op::exists:
        return present;
      case Op::compare:
      case Op::prefix:
        return p.compares_strings ? column->strings.view().count(text_range(p))
                                  : column->scalars.view().count(p.scalar_range());
      case Op::in:
        return estimate_in(p, *column);
      case Op::contains:
        return present;
      case Op::elem_value:
      case Op::elem_object:
        return arrays(*column);
    }
    return present;
  }

  static std::size_t arrays(const MetadataColumn& column) {
    return column.scalars.view().count(KeyRange<ScalarKey>::equal(kArrayKey));
  }
  std::size_t estimate_in(const Predicate& p, const MetadataColumn& column) {
    if (p.null()) return n_;
    std::size_t total = 0;
    const auto scalars = column.scalars.view();
    for (const ScalarKey& key : p.scalars) total += scalars.count(KeyRange<ScalarKey>::equal(key));
    if (!p.strings.empty()) {
      const auto strings = column.strings.view();
      for (const std::string& s : p.strings) total += strings.count(KeyRange<StringKey>::equal(key_of(s)));
    }
    if (!p.complexes.empty())
      total +=
          scalars.count(KeyRange<ScalarKey>::equal(kArrayKey)) + scalars.count(KeyRange<ScalarKey>::equal(kObjectKey));
    return total;
  }

  static StringKey key_of(const std::string& encoded) { return StringKey::of_body(encoded.data() + 1); }
  // Bounds live as long as this evaluation's current predicate.
  KeyRange<StringKey> text_range(const Predicate& p) {
    if (!p.low_text.empty()) low_ = key_of(p.low_text);
    if (!p.high_text.empty()) high_ = key_of(p.high_text);
    return {p.low_text.empty() ? nullptr : &low_, p.low_included, p.high_text.empty() ? nullptr : &high_,
            p.high_included};
  }

  void add_predicate(const Predicate& p, Words& out) {
    const Path& path = path_of(p);
    const MetadataColumn* column = path.only();
    if (column == nullptr) return add_by_test(p, path, out);
    switch (p.op) {
      case Op::exists:
        return column->present.visit(n_, [&](RecordNo b, RecordNo e) { set_range(out, b, e); });
      case Op::compare:
        if (p.compares_strings)
          column->strings.view().visit(text_range(p), setter(out));
        else
          column->scalars.view().visit(p.scalar_range(), setter(out));
        return;
      case Op::prefix:
        return add_prefix(p, *column, out);
      case Op::in:
        return add_in(p, *column, out);
      case Op::contains:
        return add_contains(p, *column, out);
      case Op::elem_value:
      case Op::elem_object: {
        Words candidates(word_count());
        add_element_candidates(p, *column, candidates);
        return add_tested(candidates, out, [&](RecordNo r) { return test(p, r); });
      }
    }
  }

  // The path may lead to several places (keys with dots) or into documents without columns.
  void add_by_test(const Predicate& p, const Path& path, Words& out) {
    Words candidates(word_count());
    const auto range = [&](RecordNo b, RecordNo e) { set_range(candidates, b, e); };
    for (const MetadataColumn* c : path.found.columns) c->present.visit(n_, range);
    if (path.found.incomplete) store_.overflow.visit(n_, range);
    Words matched(word_count());
    add_tested(candidates, matched, [&](RecordNo r) { return test(p, r); });
    if (matches_field(p, ValueRef())) add_complement(candidates, out);
    for (std::size_t w = 0; w < matched.size(); ++w) out[w] |= matched[w];
  }

  void add_in(const Predicate& p, const MetadataColumn& column, Words& out) {
    const auto scalars = column.scalars.view();
    for (const ScalarKey& key : p.scalars) scalars.visit(KeyRange<ScalarKey>::equal(key), setter(out));
    if (!p.strings.empty()) {
      const auto strings = column.strings.view();
      for (const std::string& s : p.strings) {
        const StringKey key = key_of(s);
        strings.visit(KeyRange<StringKey>::equal(key), setter(out));
      }
    }
    if (!p.complexes.empty()) {
      Words candidates(word_count());
      scalars.visit(KeyRange<ScalarKey>::equal(kArrayKey), setter(candidates));
      scalars.visit(KeyRange<ScalarKey>::equal(kObjectKey), setter(candidates));
      add_tested(candidates, out, [&](RecordNo r) { return test(p, r); });
    }
    if (p.null()) {
      Words present(word_count());
      column.present.visit(n_, [&](RecordNo b, RecordNo e) { set_range(present, b, e); });
      add_complement(present, out);
    }
  }

  void add_prefix(const Predicate& p, const MetadataColumn& column, Words& out) {
    if (!cuts_pair(p)) return column.strings.view().visit(text_range(p), setter(out));
    Words candidates(word_count());
    column.strings.view().visit(text_range(p), setter(candidates));
    add_tested(candidates, out, [&](RecordNo r) { return test(p, r); });
  }

  void add_contains(const Predicate& p, const MetadataColumn& column, Words& out) {
    const ValueRef operand(p.operand.data());
    Words candidates(word_count());
    if (operand.is_string()) {
      const std::string_view needle = operand.string();
      const auto wanted = [needle](const StringKey& key) { return key.text().find(needle) != std::string_view::npos; };
      column.strings.view().scan(wanted, setter(candidates));
      // Without arrays every indexed string is the field's own value.
      if (arrays(column) == 0) {
        for (std::size_t w = 0; w < candidates.size(); ++w) out[w] |= candidates[w];
        return;
      }
    } else if (operand.is_complex()) {
      column.scalars.view().visit(KeyRange<ScalarKey>::equal(kArrayKey), setter(candidates));
    } else {
      const ScalarKey key = operand.scalar_key();
      column.scalars.view().visit(KeyRange<ScalarKey>::equal(key), setter(candidates));
    }
    add_tested(candidates, out, [&](RecordNo r) { return test(p, r); });
  }

  // Every array; for conditions on elements that an index answers, only what it finds.
  void add_element_candidates(const Predicate& p, const MetadataColumn& column, Words& out) {
    const Predicate* best = nullptr;
    std::size_t fewest = arrays(column);
    const auto consider = [&](const FilterNode& node) {
      if (node.kind != FilterNode::Kind::predicate) return;
      const Predicate& inner = *node.predicate;
      if (inner.op != Op::compare && inner.op != Op::prefix &&
          (inner.op != Op::in || !inner.complexes.empty() || inner.null()))
        return;
      const std::size_t found = inner.op == Op::in       ? estimate_in(inner, column)
                                : inner.compares_strings ? column.strings.view().count(text_range(inner))
                                                         : column.scalars.view().count(inner.scalar_range());
      if (found < fewest) {
        fewest = found;
        best = &inner;
      }
    };
    if (p.op == Op::elem_value) {
      consider(*p.element);
      if (p.element->kind == FilterNode::Kind::all)
        for (const FilterNode& child : p.element->children) consider(child);
    }
    if (best == nullptr) return column.scalars.view().visit(KeyRange<ScalarKey>::equal(kArrayKey), setter(out));
    if (best->op == Op::in) return add_in(*best, column, out);
    if (best->compares_strings) return column.strings.view().visit(text_range(*best), setter(out));
    column.scalars.view().visit(best->scalar_range(), setter(out));
  }

  const MetadataStore::Impl& store_;
  const RecordNo n_;
  std::vector<Path> paths_;
  StringKey low_, high_;
};

}  // namespace

namespace {

// Records [0, base_count) while they have no index: every text is read.
void test_base(const FilterNode& root, const MetadataStore& metadata, RecordNo count, Words& out) {
  parallel_for((std::size_t{count} + 63) / 64, 16, hardware_threads(), [&](std::size_t begin, std::size_t end, int) {
    std::string scratch;
    for (std::size_t w = begin; w < end; ++w)
      for (RecordNo r = static_cast<RecordNo>(w * 64), last = std::min<RecordNo>(count, r + 64); r < last; ++r)
        if (matches_object(root, ValueRef(metadata.document(r, &scratch)))) out[w] |= std::uint64_t{1} << (r & 63);
  });
}

void clear_below(Words& words, RecordNo first) {
  std::fill_n(words.begin(), first / 64, 0);
  if ((first & 63) != 0) words[first / 64] &= ~std::uint64_t{0} << (first & 63);
}

}  // namespace

RecordSet evaluate(const Filter& filter, const MetadataStore& metadata, RecordNo record_count) {
  try {
    const FilterTree& tree = FilterTree::of(filter);
    RecordSet set;
    set.size = record_count;
    set.words.resize((static_cast<std::size_t>(record_count) + 63) / 64);
    const RecordNo base_count = std::min(metadata.base_count(), record_count);
    if (record_count > base_count) {
      Evaluation(tree, metadata.impl(), record_count).add(tree.root, set.words);
      if (base_count > 0) clear_below(set.words, base_count);
    }
    if (base_count == 0) return set;
    metadata.want_base();
    Words base((static_cast<std::size_t>(base_count) + 63) / 64);
    if (const MetadataStore::Impl* loaded = metadata.base()) {
      Evaluation(tree, *loaded, base_count).add(tree.root, base);
    } else {
      test_base(tree.root, metadata, base_count, base);
    }
    for (std::size_t w = 0; w < base.size(); ++w) set.words[w] |= base[w];
    return set;
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::OUT_OF_MEMORY, "out of memory");
  }
}

std::size_t estimate_matches(const Filter& filter, const MetadataStore& metadata, RecordNo record_count) {
  try {
    const FilterTree& tree = FilterTree::of(filter);
    const RecordNo base_count = std::min(metadata.base_count(), record_count);
    std::size_t total = 0;
    if (record_count > base_count) {
      total = std::min<std::size_t>(record_count - base_count,
                                    Evaluation(tree, metadata.impl(), record_count).estimate(tree.root));
    }
    if (base_count == 0) return total;
    const MetadataStore::Impl* loaded = metadata.base();
    return total + (loaded != nullptr ? Evaluation(tree, *loaded, base_count).estimate(tree.root) : base_count);
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::OUT_OF_MEMORY, "out of memory");
  }
}

bool matches(const Filter& filter, const MetadataStore& metadata, RecordNo r) {
  std::string scratch;
  return matches_object(FilterTree::of(filter).root, ValueRef(metadata.document(r, &scratch)));
}

}  // namespace sagedb
