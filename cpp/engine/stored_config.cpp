#include "engine/stored_config.h"

#include <algorithm>

#include "storage/endian.h"

namespace sagedb {
namespace {

constexpr const char* kMetricNames[] = {"l2", "ip", "cosine"};
constexpr const char* kVectorNames[] = {"float32", "float16"};
constexpr const char* kIndexNames[] = {"auto", "flat", "hnsw"};

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

}  // namespace

void store_config(const Options& o, Manifest* m) {
  m->dimension = o.dimension;
  m->metric = o.metric;
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
  const auto quoted = [](const char* name) { return "'" + std::string(name) + "'"; };
  resolve(path, "dimension", o->dimension != 0, m.dimension, std::to_string(m.dimension), std::to_string(o->dimension),
          &o->dimension);
  resolve(path, "metric", !o->open_metric, m.metric, quoted(kMetricNames[static_cast<int>(m.metric)]),
          quoted(kMetricNames[static_cast<int>(o->metric)]), &o->metric);
  resolve(path, "vectors", !o->open_vectors, m.vectors, quoted(kVectorNames[static_cast<int>(m.vectors)]),
          quoted(kVectorNames[static_cast<int>(o->vectors)]), &o->vectors);
  resolve(path, "index.type", !o->open_index, kind, quoted(kIndexNames[static_cast<int>(kind)]),
          quoted(kIndexNames[static_cast<int>(o->index.kind)]), &o->index.kind);
  const std::vector<std::string> fields = decode_fields(m.text("text_fields"));
  resolve(path, "textFields", !o->open_text_fields, fields, list_of(fields), list_of(o->text_fields), &o->text_fields);
  resolve(path, "index.M", !o->open_M, M, std::to_string(M), std::to_string(o->index.M), &o->index.M);
}

}  // namespace sagedb
