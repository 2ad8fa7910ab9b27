// The parsed form of a filter: boolean combinations of predicates on paths, operands encoded like documents.
//
// Thread safety: immutable after parsing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "filter/filter.h"
#include "store/document.h"
#include "store/metadata_column.h"

namespace sagedb {

struct FilterNode;

struct Predicate {
  enum class Op : std::uint8_t {
    in,          // $eq, $in, $all and by negation $ne, $nin
    compare,     // $gt $gte $lt $lte
    prefix,      // $startsWith: low_text, and high_text the first string behind all that begin with it
    exists,
    contains,
    elem_value,  // $elemMatch with operators: every element as a value
    elem_object  // $elemMatch with a filter: every element that is an object
  };
  Op op = Op::in;
  std::string path;
  std::uint32_t slot = 0;  // number of this predicate within the filter, for what one evaluation knows about its path

  // in
  std::vector<ScalarKey> scalars;  // ascending; kNullKey also stands for a missing field
  std::vector<std::string> strings;  // encoded, ascending by bytes
  std::vector<std::string> complexes;  // encoded arrays and objects, ascending by bytes
  bool null() const noexcept { return !scalars.empty() && scalars.front() == kNullKey; }

  // compare: one of the two; bounds as KeyRange
  bool compares_strings = false;
  ScalarKey low = 0, high = 0;
  bool low_included = true, high_included = true;
  std::string low_text, high_text;  // encoded string; empty: open
  KeyRange<ScalarKey> scalar_range() const noexcept { return {&low, low_included, &high, high_included}; }

  std::string operand;  // contains: encoded value
  std::unique_ptr<FilterNode> element;  // elem_value, elem_object
};

struct FilterNode {
  enum class Kind : std::uint8_t {
    all,
    any,
    negation,
    predicate
  };  // all: of no children matches; any: of none does not
  Kind kind = Kind::all;
  std::vector<FilterNode> children;
  std::unique_ptr<Predicate> predicate;
};

class FilterTree final : public Filter {
 public:
  std::string_view text() const noexcept override { return json; }

  std::string json;
  FilterNode root;
  std::uint32_t slots = 0;  // predicates on record paths
  static const FilterTree& of(const Filter& filter) { return static_cast<const FilterTree&>(filter); }
};

// Tests a record's document or, inside $elemMatch, an element that is an object.
bool matches_object(const FilterNode& node, ValueRef object) noexcept;
// Tests a field's value (missing allowed): arrays match when any element does.
bool matches_field(const Predicate& predicate, ValueRef value) noexcept;

}  // namespace sagedb
