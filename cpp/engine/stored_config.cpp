#include "engine/stored_config.h"

#include <algorithm>

#include "storage/endian.h"

namespace sagedb {
namespace {

constexpr const char* kMetricNames[] = {"l2", "ip", "cosine"};
constexpr const char* kVectorNames[] = {"float32", "float16"};
constexpr const char* kIndexNames[] = {"auto", "flat", "hnsw"};

bool good_dimension(std::uint32_t dimension) noexcept { return dimension >= 1 && dimension <= 65536; }

template <typename T>
void resolve(const std::string& path, const char* field, bool given, const T& stored, const std::string& stored_text,
             const std::string& given_text, T* value) {
  if (given && *value != stored)
    throw Error(ErrorCode::CONFIG_MISMATCH, std::string(field) + ": the database at " + path + " has " + stored_text +
                                                ", the option says " + given_text);
  *value = stored;
}

std::string encode_fields(const std::vector<std::string>& fields) {
  ByteWriter out;
  for (const std::string& field : fields) out.put_text(field);
  return out.take();
}

std::vector<std::string> decode_fields(const std::string& text) {
  ByteReader in(text.data(), text.size(), "the text fields");
  std::vector<std::string> fields;
  while (in.left() > 0) fields.emplace_back(in.get_text());
  return fields;
}

std::string list_of(const std::vector<std::string>& fields) {
  std::string out = "[";
  for (const std::string& field : fields) out += (out.size() > 1 ? ", '" : "'") + field + "'";
  return out + "]";
}

std::string encode_spaces(const std::vector<SpaceSpec>& spaces) {
  ByteWriter out;
  for (const SpaceSpec& space : spaces) {
    out.put_text(space.name);
    out.put(space.dimension);
    out.put(static_cast<std::uint8_t>(space.metric));
  }
  return out.take();
}

std::vector<SpaceSpec> decode_spaces(const std::string& text) {
  ByteReader in(text.data(), text.size(), "the spaces");
  Options stored;
  std::vector<SpaceSpec>& spaces = stored.spaces;
  while (in.left() > 0) {
    SpaceSpec space;
    space.name = std::string(in.get_text());
    space.dimension = in.get<std::uint32_t>();
    const auto metric = in.get<std::uint8_t>();
    if (metric > 2) throw Error(ErrorCode::CORRUPTION, "the manifest's spaces have a metric that does not exist");
    space.metric = static_cast<Metric>(metric);
    spaces.push_back(std::move(space));
  }
  // Damage, not a wrong option of the caller.
  try {
    if (!stored.named()) throw Error(ErrorCode::CORRUPTION, "there are none");
    check_spaces(stored);
  } catch (const Error& e) {
    throw Error(ErrorCode::CORRUPTION, "the manifest's spaces: " + e.message());
  }
  return std::move(spaces);
}

std::string names_of(const std::vector<SpaceSpec>& spaces) {
  std::vector<std::string> names;
  for (const SpaceSpec& space : spaces) names.push_back(space.name);
  return list_of(names);
}

std::string quoted(const char* name) { return "'" + std::string(name) + "'"; }

// What the option says of spaces, in any order, against those that are stored.
void resolve_spaces(const std::vector<SpaceSpec>& stored, const std::string& path, Options* o) {
  if (!o->named() && (o->dimension != 0 || !o->open_metric))
    throw Error(ErrorCode::CONFIG_MISMATCH, std::string(o->dimension != 0 ? "dimension" : "metric") +
                                                ": the database at " + path + " has spaces " + names_of(stored) +
                                                ", each with its own");
  if (!o->named()) {
    o->spaces = stored;
    return;
  }
  const auto mismatch = [&] {
    return Error(ErrorCode::CONFIG_MISMATCH, "spaces: the database at " + path + " has " + names_of(stored) +
                                                 ", the option says " + names_of(o->spaces));
  };
  if (stored.size() != o->spaces.size()) throw mismatch();
  for (const SpaceSpec& space : stored) {
    const auto given = std::find_if(o->spaces.begin(), o->spaces.end(),
                                    [&](const SpaceSpec& other) { return other.name == space.name; });
    if (given == o->spaces.end()) throw mismatch();
    const std::string field = "spaces." + space.name;
    resolve(path, (field + ".dimension").c_str(), true, space.dimension, std::to_string(space.dimension),
            std::to_string(given->dimension), &given->dimension);
    resolve(path, (field + ".metric").c_str(), !given->open_metric, space.metric,
            quoted(kMetricNames[static_cast<int>(space.metric)]), quoted(kMetricNames[static_cast<int>(given->metric)]),
            &given->metric);
  }
  o->spaces = stored;
}

void resolve_single(const Manifest& m, const std::string& path, Options* o) {
  if (o->named())
    throw Error(ErrorCode::CONFIG_MISMATCH, "spaces: the database at " + path + " has none (dimension " +
                                                std::to_string(m.dimension) + ", metric " +
                                                quoted(kMetricNames[static_cast<int>(m.metric)]) +
                                                "), the option says " + names_of(o->spaces));
  // Damage, not a wrong option of the caller.
  if (!good_dimension(m.dimension))
    throw Error(ErrorCode::CORRUPTION, path + ": the manifest's dimension is " + std::to_string(m.dimension));
  resolve(path, "dimension", o->dimension != 0, m.dimension, std::to_string(m.dimension), std::to_string(o->dimension),
          &o->dimension);
  resolve(path, "metric", !o->open_metric, m.metric, quoted(kMetricNames[static_cast<int>(m.metric)]),
          quoted(kMetricNames[static_cast<int>(o->metric)]), &o->metric);
}

}  // namespace

void store_config(const Options& options, Manifest* m) {
  const Options o = resolved(options);
  m->dimension = o.dimension;
  m->metric = o.metric;
  if (o.named()) {
    m->features |= kFeatureSpaces;
    m->set_field("spaces", encode_spaces(o.spaces));
  }
  m->vectors = o.vectors;
  m->set_field("index", kIndexNames[static_cast<int>(o.index.kind)]);
  m->set_number("M", o.index.M);
  if (!o.text_fields.empty()) m->set_field("text_fields", encode_fields(o.text_fields));
}

void resolve_config(const Manifest& m, const std::string& path, Options* o) {
  const auto kind = static_cast<IndexKind>(std::find(kIndexNames, kIndexNames + 3, m.text("index")) - kIndexNames);
  if (static_cast<int>(kind) > 2)
    throw Error(ErrorCode::UNSUPPORTED_FORMAT, path + ": index '" + m.text("index") + "'");
  const auto M = static_cast<std::uint32_t>(m.number("M"));
  if (M < 4 || M > 64) throw Error(ErrorCode::CORRUPTION, path + ": the manifest's M is " + std::to_string(M));
  if ((m.features & kFeatureSpaces) != 0) {
    resolve_spaces(decode_spaces(m.text("spaces")), path, o);
  } else {
    resolve_single(m, path, o);
  }
  resolve(path, "vectors", !o->open_vectors, m.vectors, quoted(kVectorNames[static_cast<int>(m.vectors)]),
          quoted(kVectorNames[static_cast<int>(o->vectors)]), &o->vectors);
  resolve(path, "index.type", !o->open_index, kind, quoted(kIndexNames[static_cast<int>(kind)]),
          quoted(kIndexNames[static_cast<int>(o->index.kind)]), &o->index.kind);
  const std::vector<std::string> fields = decode_fields(m.text("text_fields"));
  resolve(path, "textFields", !o->open_text_fields, fields, list_of(fields), list_of(o->text_fields), &o->text_fields);
  resolve(path, "index.M", !o->open_M, M, std::to_string(M), std::to_string(o->index.M), &o->index.M);
}

}  // namespace sagedb
