// Tests single values; the definition of what a filter means. Evaluation over indexes (filter_evaluate.cpp) gives the same
// answers faster.
#include <algorithm>

#include "base/wtf8.h"
#include "filter/filter_node.h"

namespace sagedb {
namespace {

bool holds(const std::vector<std::string>& sorted, std::string_view bytes) noexcept {
  const auto it = std::lower_bound(sorted.begin(), sorted.end(), bytes,
                                   [](const std::string& a, std::string_view b) { return a < b; });
  return it != sorted.end() && *it == bytes;
}

bool in_values(const Predicate& p, ValueRef v) noexcept {
  if (v.is_string()) return holds(p.strings, v.bytes());
  if (v.is_complex()) return holds(p.complexes, v.bytes());
  return std::binary_search(p.scalars.begin(), p.scalars.end(), v.scalar_key());
}

bool in_range(const Predicate& p, ValueRef v) noexcept {
  if (!p.compares_strings) return !v.is_string() && !v.is_complex() && p.scalar_range().contains(v.scalar_key());
  if (!v.is_string()) return false;
  if (!p.low_text.empty()) {
    const int c = compare_utf16(v.string(), ValueRef(p.low_text.data()).string());
    if (c < 0 || (c == 0 && !p.low_included)) return false;
  }
  if (!p.high_text.empty()) {
    const int c = compare_utf16(v.string(), ValueRef(p.high_text.data()).string());
    if (c > 0 || (c == 0 && !p.high_included)) return false;
  }
  return true;
}

template <typename Test>
bool any_element(ValueRef array, Test&& test) noexcept {
  ValueRef element = array.first();
  for (std::uint32_t i = 0, n = array.count(); i < n; ++i, element = element.next())
    if (test(element)) return true;
  return false;
}

bool contains(const Predicate& p, ValueRef v) noexcept {
  const ValueRef operand(p.operand.data());
  if (v.is_string()) return operand.is_string() && v.string().find(operand.string()) != std::string_view::npos;
  return v.is_array() && any_element(v, [&](ValueRef e) { return e.bytes() == operand.bytes(); });
}

// By whole characters, as $contains: half of a surrogate pair begins nothing.
bool starts_with(const Predicate& p, ValueRef v) noexcept {
  if (!v.is_string()) return false;
  const std::string_view prefix = ValueRef(p.low_text.data()).string();
  return v.string().compare(0, prefix.size(), prefix) == 0;
}

bool matches_element(const FilterNode& node, ValueRef element) noexcept;

// One value as it stands; arrays are not opened.
bool matches_value(const Predicate& p, ValueRef v) noexcept {
  switch (p.op) {
    case Predicate::Op::in:
      return in_values(p, v);
    case Predicate::Op::compare:
      return in_range(p, v);
    case Predicate::Op::prefix:
      return starts_with(p, v);
    case Predicate::Op::exists:
      return true;
    case Predicate::Op::contains:
      return contains(p, v);
    case Predicate::Op::elem_value:
      return v.is_array() && any_element(v, [&](ValueRef e) { return matches_element(*p.element, e); });
    case Predicate::Op::elem_object:
      return v.is_array() && any_element(v, [&](ValueRef e) { return e.is_object() && matches_object(*p.element, e); });
  }
  return false;
}

template <typename Leaf>
bool combine(const FilterNode& node, const Leaf& leaf) noexcept {
  switch (node.kind) {
    case FilterNode::Kind::all:
      return std::all_of(node.children.begin(), node.children.end(),
                         [&](const FilterNode& c) { return combine(c, leaf); });
    case FilterNode::Kind::any:
      return std::any_of(node.children.begin(), node.children.end(),
                         [&](const FilterNode& c) { return combine(c, leaf); });
    case FilterNode::Kind::negation:
      return !combine(node.children.front(), leaf);
    case FilterNode::Kind::predicate:
      return leaf(*node.predicate);
  }
  return false;
}

bool matches_element(const FilterNode& node, ValueRef element) noexcept {
  return combine(node, [element](const Predicate& p) { return matches_value(p, element); });
}

}  // namespace

bool matches_field(const Predicate& p, ValueRef v) noexcept {
  if (v.missing()) return p.op == Predicate::Op::in && p.null();
  if (matches_value(p, v)) return true;
  const bool opens = p.op == Predicate::Op::in || p.op == Predicate::Op::compare || p.op == Predicate::Op::prefix;
  if (!v.is_array() || !opens) return false;
  return any_element(v, [&p](ValueRef e) { return matches_value(p, e); });
}

bool matches_object(const FilterNode& node, ValueRef object) noexcept {
  return combine(node, [object](const Predicate& p) { return matches_field(p, resolve_path(object, p.path)); });
}

}  // namespace sagedb
