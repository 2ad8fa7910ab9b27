// The filter language once more, written for clarity alone: plain trees, no indexes, no encoding. Property tests compare the
// engine with it. Also random documents and filters over a small world, so that conditions often hold.
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/wtf8.h"

namespace sagedb::oracle {

using Type = JsonValue::Type;

inline const JsonValue* own(const JsonValue& object, const std::string& key) {
  for (std::size_t i = 0; i < object.keys.size(); ++i)
    if (object.keys[i] == key) return &object.items[i];
  return nullptr;
}

inline bool equal(const JsonValue& a, const JsonValue& b) {
  if (a.type != b.type || a.items.size() != b.items.size()) return false;
  if (a.type == Type::boolean) return a.boolean == b.boolean;
  if (a.type == Type::number) return a.number == b.number;
  if (a.type == Type::string) return a.string == b.string;
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    const JsonValue* other = a.type == Type::object ? own(b, a.keys[i]) : &b.items[i];
    if (other == nullptr || !equal(a.items[i], *other)) return false;
  }
  return true;
}

inline const JsonValue* at_path(const JsonValue& object, const std::string& path) {
  if (const JsonValue* v = own(object, path)) return v;
  const std::size_t dot = path.find('.');
  if (dot == std::string::npos) return nullptr;
  const JsonValue* step = own(object, path.substr(0, dot));
  return step != nullptr && step->type == Type::object ? at_path(*step, path.substr(dot + 1)) : nullptr;
}

bool filter(const JsonValue& f, const JsonValue& doc);

inline bool condition(const std::string& op, const JsonValue& operand, const JsonValue* v, bool open_arrays);

inline bool any(const JsonValue& array, const std::string& op, const JsonValue& operand) {
  return std::any_of(array.items.begin(), array.items.end(),
                     [&](const JsonValue& e) { return condition(op, operand, &e, false); });
}

inline bool is_condition(const JsonValue& v) {
  const auto field_operator = [](const std::string& k) {
    return !k.empty() && k[0] == '$' && k != "$and" && k != "$or" && k != "$nor";
  };
  if (v.type != Type::object || v.keys.empty() || !std::all_of(v.keys.begin(), v.keys.end(), field_operator))
    return false;
  return v.keys.size() > 1 || v.keys[0] != "$not" || is_condition(v.items[0]);
}

inline bool conditions(const JsonValue& ops, const JsonValue* v, bool open_arrays) {
  for (std::size_t i = 0; i < ops.keys.size(); ++i)
    if (!condition(ops.keys[i], ops.items[i], v, open_arrays)) return false;
  return true;
}

// v == nullptr: missing. open_arrays: a field's value, whose elements count too; false for an element itself.
inline bool condition(const std::string& op, const JsonValue& operand, const JsonValue* v, bool open_arrays) {
  if (op == "$ne") return !condition("$eq", operand, v, open_arrays);
  if (op == "$nin") return !condition("$in", operand, v, open_arrays);
  if (op == "$not") return !conditions(operand, v, open_arrays);
  if (op == "$exists") return (v != nullptr) == operand.boolean;
  if (op == "$in")
    return std::any_of(operand.items.begin(), operand.items.end(),
                       [&](const JsonValue& o) { return condition("$eq", o, v, open_arrays); });
  if (op == "$all")
    return !operand.items.empty() && std::all_of(operand.items.begin(), operand.items.end(), [&](const JsonValue& o) {
      return condition("$eq", o, v, open_arrays);
    });
  if (op == "$eq") {
    if (v == nullptr) return operand.type == Type::null;
    return equal(*v, operand) || (open_arrays && v->type == Type::array && any(*v, op, operand));
  }
  if (v == nullptr) return false;
  if (op == "$contains") {
    if (v->type == Type::string)
      return operand.type == Type::string && v->string.find(operand.string) != std::string::npos;
    return v->type == Type::array &&
           std::any_of(v->items.begin(), v->items.end(), [&](const JsonValue& e) { return equal(e, operand); });
  }
  if (op == "$startsWith") {
    if (open_arrays && v->type == Type::array) return any(*v, op, operand);
    return v->type == Type::string && v->string.compare(0, operand.string.size(), operand.string) == 0;
  }
  if (op == "$elemMatch") {
    if (v->type != Type::array) return false;
    const bool values = is_condition(operand);
    return std::any_of(v->items.begin(), v->items.end(), [&](const JsonValue& e) {
      return values ? conditions(operand, &e, false) : e.type == Type::object && filter(operand, e);
    });
  }
  if (open_arrays && v->type == Type::array) return any(*v, op, operand);
  if (v->type != operand.type) return false;
  const int c = v->type == Type::number    ? (v->number < operand.number ? -1 : v->number > operand.number)
                : v->type == Type::string  ? compare_utf16(v->string, operand.string)
                : v->type == Type::boolean ? static_cast<int>(v->boolean) - static_cast<int>(operand.boolean)
                                           : 9;
  if (c == 9) return false;
  return op == "$gt" ? c > 0 : op == "$gte" ? c >= 0 : op == "$lt" ? c < 0 : c <= 0;
}

inline bool filter(const JsonValue& f, const JsonValue& doc) {
  for (std::size_t i = 0; i < f.keys.size(); ++i) {
    const std::string& key = f.keys[i];
    const JsonValue& operand = f.items[i];
    const auto each = [&](const JsonValue& x) { return filter(x, doc); };
    bool ok = false;
    if (key == "$and")
      ok = std::all_of(operand.items.begin(), operand.items.end(), each);
    else if (key == "$or")
      ok = std::any_of(operand.items.begin(), operand.items.end(), each);
    else if (key == "$nor")
      ok = std::none_of(operand.items.begin(), operand.items.end(), each);
    else if (key == "$not")
      ok = !filter(operand, doc);
    else if (operand.type == Type::object && !operand.keys.empty() && operand.keys[0][0] == '$')
      ok = conditions(operand, at_path(doc, key), true);
    else
      ok = condition("$eq", operand, at_path(doc, key), true);
    if (!ok) return false;
  }
  return true;
}

// ---- random worlds --------------------------------------------------------------------------------------------------

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return random_() % n; }
  bool chance(std::size_t percent) { return below(100) < percent; }

  std::string scalar() {
    static const char* const kValues[] = {"null",
                                          "true",
                                          "false",
                                          "0",
                                          "-0.0",
                                          "1",
                                          "2",
                                          "3",
                                          "-1",
                                          "2.5",
                                          "1e300",
                                          "-1e300",
                                          "\"\"",
                                          "\"a\"",
                                          "\"b\"",
                                          "\"ab\"",
                                          "\"ba\"",
                                          "\"abc\"",
                                          "\"\\ud83d\\ude00\"",
                                          "\"\\ud83d\"",
                                          "\"\\ude00\"",
                                          "\"\\uffff\"",
                                          "\"\\u0000\"",
                                          "\"a\\u0000\""};
    return kValues[below(sizeof kValues / sizeof *kValues)];
  }
  std::string value(int depth) {
    if (depth <= 0 || chance(60)) return scalar();
    return chance(60) ? array(depth) : object(depth);
  }
  std::string array(int depth) {
    std::string out = "[";
    for (std::size_t i = 0, n = below(4); i < n; ++i) out += (i > 0 ? "," : "") + value(depth - 1);
    return out + "]";
  }
  std::string object(int depth) {
    std::string out = "{";
    for (std::size_t i = 0, n = below(4); i < n; ++i) out += (i > 0 ? "," : "") + key() + ":" + value(depth - 1);
    return out + "}";
  }
  std::string filter(int depth) {
    std::string out = "{";
    for (std::size_t i = 0, n = chance(80) ? 1 : below(3); i < n; ++i) {
      if (i > 0) out += ",";
      if (depth > 0 && chance(30))
        out += logical(depth);
      else
        out += path() + ":" + (chance(25) ? plain() : conditions(depth));
    }
    return out + "}";
  }

 private:
  std::string key() {
    static const char* const kKeys[] = {"\"a\"", "\"b\"", "\"c\"", "\"a.b\"", "\"\"", "\"__proto__\"", "\"b.c\""};
    return kKeys[below(sizeof kKeys / sizeof *kKeys)];
  }
  std::string path() {
    static const char* const kPaths[] = {"\"a\"",   "\"b\"",         "\"c\"",           "\"a.b\"", "\"a.c\"",
                                         "\"b.a\"", "\"a.b.c\"",     "\"a.a.b.c\"",     "\"\"",    "\"a.\"",
                                         "\".a\"",  "\"__proto__\"", "\"__proto__.a\"", "\"zz\"",  "\"b.b.b\""};
    return kPaths[below(sizeof kPaths / sizeof *kPaths)];
  }
  // Objects as operands may not look like operators; these keys never do.
  std::string plain() { return value(2); }
  std::string list(int depth) {
    std::string out = "[";
    for (std::size_t i = 0, n = below(4); i < n; ++i) out += (i > 0 ? "," : "") + value(depth);
    return out + "]";
  }
  std::string ordered() {
    for (;;) {
      const std::string s = scalar();
      if (s != "null") return s;
    }
  }
  std::string text() {
    for (;;) {
      const std::string s = scalar();
      if (s[0] == '"') return s;
    }
  }
  std::string conditions(int depth) {
    std::string out = "{";
    const std::size_t n = chance(75) ? 1 : 2;
    for (std::size_t i = 0; i < n; ++i) out += (i > 0 ? "," : "") + operation(depth);
    return out + "}";
  }
  std::string operation(int depth) {
    switch (below(15)) {
      case 0:
        return "\"$eq\":" + plain();
      case 1:
        return "\"$ne\":" + plain();
      case 2:
        return "\"$gt\":" + ordered();
      case 3:
        return "\"$gte\":" + ordered();
      case 4:
        return "\"$lt\":" + ordered();
      case 5:
        return "\"$lte\":" + ordered();
      case 6:
        return "\"$in\":" + list(1);
      case 7:
        return "\"$nin\":" + list(1);
      case 8:
        return std::string("\"$exists\":") + (chance(50) ? "true" : "false");
      case 9:
        return "\"$all\":" + list(1);
      case 10:
        return "\"$contains\":" + plain();
      case 14:
        return "\"$startsWith\":" + text();
      case 11:
        return "\"$not\":" + (depth > 0 ? conditions(depth - 1) : "{\"$gt\":" + ordered() + "}");
      default:
        return "\"$elemMatch\":" + (depth <= 0 || chance(60) ? conditions(std::max(0, depth - 1)) : filter(depth - 1));
    }
  }
  std::string logical(int depth) {
    static const char* const kNames[] = {"\"$and\"", "\"$or\"", "\"$nor\""};
    if (chance(25)) return "\"$not\":" + filter(depth - 1);
    std::string out = kNames[below(3)] + std::string(":[");
    for (std::size_t i = 0, n = below(4); i < n; ++i) out += (i > 0 ? "," : "") + filter(depth - 1);
    return out + "]";
  }
  std::mt19937_64 random_;
};

}  // namespace sagedb::oracle
