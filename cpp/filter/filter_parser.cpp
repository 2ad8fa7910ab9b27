// JSON text -> FilterNode. Every error names the path and the operator.
#include <algorithm>

#include "base/json.h"
#include "base/status.h"
#include "base/wtf8.h"
#include "filter/filter_node.h"

namespace sagedb {
namespace {

using Type = JsonValue::Type;
constexpr std::size_t kMaxFilterBytes = std::size_t{16} << 20;

bool is_operator(const std::string& key) { return !key.empty() && key[0] == '$'; }
bool is_logical(const std::string& key) { return key == "$and" || key == "$or" || key == "$nor"; }

// { $gt: 1, $lt: 5 }: conditions on a value, as opposed to a filter or a plain object.
bool is_condition(const JsonValue& v) {
  if (v.type != Type::object || v.keys.empty()) return false;
  for (std::size_t i = 0; i < v.keys.size(); ++i) {
    if (!is_operator(v.keys[i]) || is_logical(v.keys[i])) return false;
    if (v.keys.size() == 1 && v.keys[i] == "$not") return is_condition(v.items[i]);
  }
  return true;
}

FilterNode combination(FilterNode::Kind kind) {
  FilterNode node;
  node.kind = kind;
  return node;
}

FilterNode negated(FilterNode inner) {
  FilterNode node = combination(FilterNode::Kind::negation);
  node.children.push_back(std::move(inner));
  return node;
}

class FilterParser {
 public:
  // `where` names what is parsed: "filter", or the path that an $elemMatch stands on.
  explicit FilterParser(std::uint32_t& slots) : slots_(slots) {}

  FilterNode filter(const JsonValue& v, const std::string& where) {
    if (v.type != Type::object) fail(where, "expected an object of conditions", v);
    FilterNode all = combination(FilterNode::Kind::all);
    for (std::size_t i = 0; i < v.keys.size(); ++i) {
      const std::string& key = v.keys[i];
      if (is_operator(key))
        all.children.push_back(logical(key, v.items[i], where));
      else
        all.children.push_back(field(key, v.items[i], where));
    }
    if (all.children.size() == 1) return std::move(all.children.front());
    return all;
  }

 private:
  [[noreturn]] static void fail(const std::string& where, const std::string& expected, const JsonValue& got) {
    throw Error(ErrorCode::INVALID_FILTER, where + ": " + expected + ", got " +
                                               (got.type == Type::null || got.type == Type::boolean
                                                    ? json_preview(got)
                                                    : got.type_name() + std::string(" ") + json_preview(got)));
  }
  static std::string quoted(const std::string& path) {
    std::string shown = path.substr(0, 100);
    return "'" + shown + (shown.size() < path.size() ? "…'" : "'");
  }

  FilterNode logical(const std::string& op, const JsonValue& v, const std::string& where) {
    const std::string here = where + ": " + op;
    if (op == "$not") {
      if (v.type != Type::object) fail(here, "expected a filter", v);
      return negated(filter(v, here));
    }
    if (!is_logical(op))
      throw Error(ErrorCode::INVALID_FILTER,
                  here.substr(0, 200) + ": unknown operator; expected a field or one of $and, $or, $nor, $not");
    if (v.type != Type::array) fail(here, "expected an array of filters", v);
    FilterNode node = combination(op == "$and" ? FilterNode::Kind::all : FilterNode::Kind::any);
    for (std::size_t i = 0; i < v.items.size(); ++i)
      node.children.push_back(filter(v.items[i], here + "[" + std::to_string(i) + "]"));
    return op == "$nor" ? negated(std::move(node)) : std::move(node);
  }

  FilterNode field(const std::string& path, const JsonValue& v, const std::string& where) {
    const std::string here = where + ": " + quoted(path);
    if (v.type == Type::object) {
      const auto operators = static_cast<std::size_t>(std::count_if(v.keys.begin(), v.keys.end(), is_operator));
      if (operators > 0 && operators < v.keys.size()) fail(here, "expected operators or a value, not both", v);
      if (operators > 0) return condition(path, v, here);
    }
    reject_operators(v, here);
    return equals(path, {&v, 1});
  }

  // Operators inside a value are almost surely meant as conditions on a nested path.
  static void reject_operators(const JsonValue& v, const std::string& here) {
    for (std::size_t i = 0; i < v.items.size(); ++i) {
      if (!v.keys.empty() && is_operator(v.keys[i]))
        throw Error(ErrorCode::INVALID_FILTER,
                    here + ": operator " + v.keys[i].substr(0, 60) +
                        " inside a value; name nested fields by dotted path, or use $eq for a "
                        "value that has such a key");
      reject_operators(v.items[i], here);
    }
  }

  FilterNode condition(const std::string& path, const JsonValue& v, const std::string& here) {
    FilterNode all = combination(FilterNode::Kind::all);
    for (std::size_t i = 0; i < v.keys.size(); ++i)
      all.children.push_back(operation(path, v.keys[i], v.items[i], here));
    if (all.children.size() == 1) return std::move(all.children.front());
    return all;
  }

  FilterNode operation(const std::string& path, const std::string& op, const JsonValue& v, const std::string& where) {
    const std::string here = where + ": " + op;
    if (op == "$eq") return equals(path, {&v, 1});
    if (op == "$ne") return negated(equals(path, {&v, 1}));
    if (op == "$in" || op == "$nin") {
      if (v.type != Type::array) fail(here, "expected an array of values", v);
      FilterNode in = equals(path, {v.items.data(), v.items.size()});
      return op == "$in" ? std::move(in) : negated(std::move(in));
    }
    if (op == "$all") return all_of(path, v, here);
    if (op == "$gt" || op == "$gte" || op == "$lt" || op == "$lte") return compare(path, op, v, here);
    if (op == "$startsWith") return starts_with(path, v, here);
    if (op == "$exists") {
      if (v.type != Type::boolean) fail(here, "expected true or false", v);
      FilterNode exists = leaf(path, Predicate::Op::exists);
      return v.boolean ? std::move(exists) : negated(std::move(exists));
    }
    if (op == "$contains") {
      FilterNode node = leaf(path, Predicate::Op::contains);
      encode_value(v, node.predicate->operand);
      return node;
    }
    if (op == "$elemMatch") return elem_match(path, v, here);
    if (op == "$not") {
      if (v.type != Type::object || v.keys.empty() || !is_operator(v.keys.front()))
        fail(here, "expected an object of operators (use $ne for a value)", v);
      for (std::size_t i = 0; i < v.keys.size(); ++i)
        if (!is_operator(v.keys[i])) fail(here, "expected operators only", v);
      return negated(condition(path, v, here));
    }
    throw Error(ErrorCode::INVALID_FILTER,
                here.substr(0, 200) +
                    ": unknown operator; expected one of $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $all, "
                    "$elemMatch, $contains, $startsWith, $not");
  }

  struct Values {
    const JsonValue* data;
    std::size_t count;
  };
  FilterNode equals(const std::string& path, Values values) {
    FilterNode node = leaf(path, Predicate::Op::in);
    Predicate& p = *node.predicate;
    for (std::size_t i = 0; i < values.count; ++i) {
      const JsonValue& v = values.data[i];
      std::string encoded;
      encode_value(v, encoded);
      if (v.type == Type::string)
        p.strings.push_back(std::move(encoded));
      else if (v.type >= Type::array)
        p.complexes.push_back(std::move(encoded));
      else
        p.scalars.push_back(ValueRef(encoded.data()).scalar_key());
    }
    const auto unique = [](auto& list) {
      std::sort(list.begin(), list.end());
      list.erase(std::unique(list.begin(), list.end()), list.end());
    };
    unique(p.scalars);
    unique(p.strings);
    unique(p.complexes);
    return node;
  }

  FilterNode all_of(const std::string& path, const JsonValue& v, const std::string& here) {
    if (v.type != Type::array) fail(here, "expected an array of values", v);
    if (v.items.empty()) return combination(FilterNode::Kind::any);  // matches nothing, as in MongoDB
    FilterNode all = combination(FilterNode::Kind::all);
    for (const JsonValue& item : v.items) all.children.push_back(equals(path, {&item, 1}));
    return all;
  }

  FilterNode compare(const std::string& path, const std::string& op, const JsonValue& v, const std::string& here) {
    const bool greater = op[1] == 'g', included = op.back() == 'e';
    FilterNode node = leaf(path, Predicate::Op::compare);
    Predicate& p = *node.predicate;
    (greater ? p.low_included : p.high_included) = included;
    std::string encoded;
    if (v.type != Type::number && v.type != Type::string && v.type != Type::boolean)
      fail(here, "expected a number, string or boolean", v);
    encode_value(v, encoded);
    if (v.type == Type::string) {
      p.compares_strings = true;
      (greater ? p.low_text : p.high_text) = std::move(encoded);
    } else {
      const bool number = v.type == Type::number;
      p.low = number ? kMinNumberKey : kFalseKey;
      p.high = number ? kMaxNumberKey : kTrueKey;
      (greater ? p.low : p.high) = ValueRef(encoded.data()).scalar_key();
    }
    return node;
  }

  FilterNode starts_with(const std::string& path, const JsonValue& v, const std::string& here) {
    if (v.type != Type::string) fail(here, "expected a string", v);
    FilterNode node = leaf(path, Predicate::Op::prefix);
    Predicate& p = *node.predicate;
    p.compares_strings = true;
    p.high_included = false;
    encode_value(v, p.low_text);
    JsonValue behind;
    behind.type = Type::string;
    behind.string = after_prefix(v.string);
    if (!behind.string.empty()) encode_value(behind, p.high_text);
    return node;
  }

  FilterNode elem_match(const std::string& path, const JsonValue& v, const std::string& here) {
    if (v.type != Type::object) fail(here, "expected operators or a filter", v);
    const bool condition_form = is_condition(v);
    FilterNode node = leaf(path, condition_form ? Predicate::Op::elem_value : Predicate::Op::elem_object);
    std::uint32_t unused = 0;  // paths inside elements have no columns
    FilterParser inner(unused);
    node.predicate->element =
        std::make_unique<FilterNode>(condition_form ? inner.condition(std::string(), v, here) : inner.filter(v, here));
    return node;
  }

  FilterNode leaf(const std::string& path, Predicate::Op op) {
    FilterNode node;
    node.kind = FilterNode::Kind::predicate;
    node.predicate = std::make_unique<Predicate>();
    node.predicate->op = op;
    node.predicate->path = path;
    node.predicate->slot = slots_++;
    return node;
  }

  std::uint32_t& slots_;
};

}  // namespace

std::shared_ptr<const Filter> Filter::parse(std::string_view json) {
  if (json.size() > kMaxFilterBytes)
    throw Error(ErrorCode::INVALID_FILTER,
                "filter: expected at most 16 MB of JSON, got " + std::to_string(json.size()) + " bytes");
  try {
    const JsonValue value = parse_json(json, ErrorCode::INVALID_FILTER, "filter");
    auto tree = std::make_shared<FilterTree>();
    tree->json = json;
    tree->root = FilterParser(tree->slots).filter(value, "filter");
    return tree;
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::OUT_OF_MEMORY, "out of memory");
  }
}

}  // namespace sagedb
