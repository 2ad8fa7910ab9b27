#include "engine/checkpoint.h"

#include <algorithm>

#include "base/executor.h"
#include "index/flat_index.h"
#include "storage/endian.h"
#include "storage/graph_segment.h"
#include "storage/record_segment.h"

namespace sagedb {
namespace {

constexpr RecordNo kParseBatch = 8192;
constexpr const char* kMetricNames[] = {"l2", "ip", "cosine"};
constexpr const char* kVectorNames[] = {"float32", "float16"};
constexpr const char* kIndexNames[] = {"auto", "flat", "hnsw"};

void put_number(Manifest* m, const char* name, std::uint64_t value) { m->set_field(name, std::to_string(value)); }

std::uint64_t number(const Manifest& m, const char* name) {
  const std::string* text = m.field(name);
  if (text == nullptr) throw Error(ErrorCode::CORRUPTION, std::string("the manifest lacks '") + name + "'");
  return std::strtoull(text->c_str(), nullptr, 10);
}

std::string text_of(const Manifest& m, const char* name) {
  const std::string* text = m.field(name);
  return text == nullptr ? std::string() : *text;
}

template <typename T>
void resolve(const std::string& path, const char* field, bool given, const T& stored, const std::string& stored_text,
             const std::string& given_text, T* value) {
  if (given && *value != stored)
    throw Error(ErrorCode::CONFIG_MISMATCH, std::string(field) + ": the database at " + path + " has " + stored_text +
                                                ", the option says " + given_text);
  *value = stored;
}

// Writes segments one after the other under the manifest's next numbers.
class SegmentSet {
 public:
  SegmentSet(Env& env, std::string dir, Manifest* m) : env_(env), dir_(std::move(dir)), m_(m) {}

  std::unique_ptr<SegmentWriter> start(FileKind kind, std::uint32_t stride) {
    FileHeader h;
    h.kind = kind;
    h.database = m_->database;
    h.number = m_->next_segment++;
    h.sequence = m_->sequence;
    h.dimension = m_->dimension;
    h.vectors = m_->vectors;
    h.metric = m_->metric;
    h.stride = stride;
    return std::make_unique<SegmentWriter>(env_, join_path(dir_, segment_name(kind, h.number)), h);
  }
  void finish(SegmentWriter& file, std::uint64_t count) {
    const FileHeader h = file.finish(count);
    m_->segments.push_back(SegmentRef{h.kind, h.number, h.count, h.file_size, h.uuid});
  }

 private:
  Env& env_;
  const std::string dir_;
  Manifest* const m_;
};

std::shared_ptr<const SegmentReader> open_segment(Env& env, const std::string& dir, const Manifest& m, FileKind kind,
                                                  bool writable) {
  const SegmentRef* ref = m.find(kind);
  if (ref == nullptr) return nullptr;
  const std::string path = join_path(dir, segment_name(kind, ref->number));
  auto file = SegmentReader::open(env, path, kind, m.database, writable);
  if (file->header().uuid != ref->uuid || file->header().count != ref->count)
    throw Error(ErrorCode::CORRUPTION, path + " is not the file that the manifest names");
  return file;
}

std::shared_ptr<const SegmentReader> require_segment(Env& env, const std::string& dir, const Manifest& m, FileKind kind,
                                                     std::uint64_t count, std::uint64_t stride, bool writable) {
  auto file = open_segment(env, dir, m, kind, writable);
  if (!file) throw Error(ErrorCode::CORRUPTION, dir + ": the manifest names no " + segment_name(kind, 0));
  if (file->header().count != count || (stride != 0 && file->payload_size() != count * stride))
    throw Error(ErrorCode::CORRUPTION, file->path() + ": holds " + std::to_string(file->header().count) +
                                           " rows, expected " + std::to_string(count));
  return file;
}

void load_columns(const RecordStore& records, RecordNo count, int threads, Generation* g) {
  for (RecordNo first = 0; first < count; first += kParseBatch) {
    const RecordNo n = std::min(kParseBatch, count - first);
    std::vector<MetadataStore::Prepared> batch(n);
    parallel_for(n, 256, threads, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t i = begin; i < end; ++i)
        batch[i] = MetadataStore::prepare(records.metadata(first + static_cast<RecordNo>(i)));
    });
    g->metadata.reserve(batch.data(), n, first);
    for (RecordNo i = 0; i < n; ++i) g->metadata.append(first + i, batch[i]);
  }
  g->metadata.settle();
}

void load_ids(const RecordStore& records, RecordNo count, IdMap* ids, Snapshot* s) {
  std::vector<IdView> live;
  for (RecordNo r = 0; r < count; ++r)
    if (records.live(r, s->sequence)) live.push_back(records.id(r));
  ids->reserve(live);
  for (RecordNo r = 0; r < count; ++r)
    if (records.live(r, s->sequence)) ids->put(records.id(r), r, records);
  s->live_count = ids->size();
  if (ids->size() != live.size()) throw Error(ErrorCode::CORRUPTION, "an id has two live versions");
  for (Row row = 0; row < s->row_count; ++row)
    if (records.row_deleted()[row].load(std::memory_order_relaxed) <= s->sequence) ++s->dead_rows;
}

void load_index(Env& env, const std::string& dir, const Manifest& m, const Options& options, int threads,
                LoadedState* out) {
  Snapshot& s = *out->snapshot;
  try {
    const std::string codec_text = text_of(m, "codec");
    if (m.find(FileKind::codes) != nullptr && options.quantization != Quantization::none) {
      Codec codec;
      ByteReader in(codec_text.data(), codec_text.size(), "the codec");
      codec.metric = options.metric;
      codec.dimension = options.dimension;
      codec.padded = in.get<std::uint32_t>();
      codec.offset = in.get<float>();
      codec.scale = in.get<float>();
      const auto file = require_segment(env, dir, m, FileKind::codes, s.row_count, codec.padded, !options.read_only);
      const auto errors = require_segment(env, dir, m, FileKind::code_errors, s.row_count, 1, !options.read_only);
      // An exact scan leaves rows out by these bounds: they are checked before they are believed.
      errors->verify();
      s.codes = std::make_shared<CodeStore>(codec, file->payload(), s.row_count, file);
      s.codes->restore_errors(reinterpret_cast<const std::uint8_t*>(errors->payload()), s.row_count);
    }
    std::shared_ptr<const Index> index;
    if (const auto file = open_segment(env, dir, m, FileKind::graph, !options.read_only)) {
      index = read_graph(*file, threads);
    } else if (text_of(m, "built") == "flat") {
      index = std::make_shared<FlatIndex>(static_cast<Row>(number(m, "indexed_rows")));
    }
    if (!index) return;
    if (index->rows() > s.row_count)
      throw Error(ErrorCode::CORRUPTION, dir + ": the index covers rows that do not exist");
    s.index = index;
    s.indexed_sequence = number(m, "indexed_sequence");
  } catch (const Error& e) {
    if (e.code() != ErrorCode::CORRUPTION) throw;
    // Codes and graph can be made again from the vectors.
    s.index.reset();
    s.codes.reset();
    out->warning = "the index is rebuilt: " + e.message();
    return;
  }
  for (Row r = 0; r < s.indexed_rows(); ++r)
    if (s.generation->records.row_deleted()[r].load(std::memory_order_relaxed) <= s.sequence) ++s.dead_indexed;
}

}  // namespace

void store_config(const Options& o, Manifest* m) {
  m->dimension = o.dimension;
  m->metric = o.metric;
  m->vectors = o.vectors;
  m->set_field("index", kIndexNames[static_cast<int>(o.index.kind)]);
  put_number(m, "M", o.index.M);
}

void resolve_config(const Manifest& m, const std::string& path, Options* o) {
  const auto kind = static_cast<IndexKind>(std::find(kIndexNames, kIndexNames + 3, text_of(m, "index")) - kIndexNames);
  if (static_cast<int>(kind) > 2)
    throw Error(ErrorCode::UNSUPPORTED_FORMAT, path + ": index '" + text_of(m, "index") + "'");
  const auto M = static_cast<std::uint32_t>(number(m, "M"));
  const auto quoted = [](const char* name) { return "'" + std::string(name) + "'"; };
  resolve(path, "dimension", o->dimension != 0, m.dimension, std::to_string(m.dimension), std::to_string(o->dimension),
          &o->dimension);
  resolve(path, "metric", !o->open_metric, m.metric, quoted(kMetricNames[static_cast<int>(m.metric)]),
          quoted(kMetricNames[static_cast<int>(o->metric)]), &o->metric);
  resolve(path, "vectors", !o->open_vectors, m.vectors, quoted(kVectorNames[static_cast<int>(m.vectors)]),
          quoted(kVectorNames[static_cast<int>(o->vectors)]), &o->vectors);
  resolve(path, "index.type", !o->open_index, kind, quoted(kIndexNames[static_cast<int>(kind)]),
          quoted(kIndexNames[static_cast<int>(o->index.kind)]), &o->index.kind);
  resolve(path, "index.M", !o->open_M, M, std::to_string(M), std::to_string(o->index.M), &o->index.M);
}

void write_segments(Env& env, const std::string& dir, const Snapshot& s, const IdCounters& counters, Metric metric,
                    Manifest* next) {
  next->sequence = s.sequence;
  next->segments.clear();
  put_number(next, "rows", s.row_count);
  put_number(next, "records", s.record_count);
  put_number(next, "next_id", static_cast<std::uint64_t>(counters.next_id));
  put_number(next, "far_ids", counters.far_ids ? 1 : 0);
  put_number(next, "version", s.version);
  put_number(next, "indexed_rows", s.indexed_rows());
  put_number(next, "indexed_sequence", s.indexed_sequence);
  next->set_field("built", s.index ? s.index->name() : "");
  SegmentSet files(env, dir, next);
  Generation& g = *s.generation;
  const auto vectors = files.start(FileKind::vectors, static_cast<std::uint32_t>(g.vectors.stride()));
  for (Row r = 0; r < s.row_count; ++r) vectors->append(g.vectors.row(r), g.vectors.stride());
  files.finish(*vectors, s.row_count);
  if (metric == Metric::cosine) {
    const auto norms = files.start(FileKind::norms, sizeof(float));
    for (Row r = 0; r < s.row_count; ++r) norms->append(&g.norms[r], sizeof(float));
    files.finish(*norms, s.row_count);
  }
  const auto records = files.start(FileKind::records, 40);
  const auto text = files.start(FileKind::text, 1);
  write_records(g.records, s.record_count, s.sequence, *records, *text);
  files.finish(*records, s.record_count);
  files.finish(*text, text->payload_size());
  if (s.codes) {
    const Codec& codec = s.codes->codec();
    ByteWriter out;
    out.put(codec.padded);
    out.put(codec.offset);
    out.put(codec.scale);
    next->set_field("codec", out.take());
    const auto codes = files.start(FileKind::codes, codec.padded);
    for (Row r = 0; r < s.row_count; ++r) codes->append(s.codes->row(r), s.codes->stride());
    files.finish(*codes, s.row_count);
    const auto errors = files.start(FileKind::code_errors, 1);
    for (Row r = 0; r < s.row_count; ++r) {
      const std::uint8_t error = s.codes->error(r);
      errors->append(&error, 1);
    }
    files.finish(*errors, s.row_count);
  }
  if (const auto* graph = dynamic_cast<const GraphIndex*>(s.index.get())) {
    const auto file = files.start(FileKind::graph, 0);
    write_graph(*graph, *file);
    files.finish(*file, graph->rows());
  }
}

LoadedState load_segments(Env& env, const std::string& dir, const Manifest& m, const Options& options, int threads) {
  LoadedState out;
  out.snapshot = std::make_shared<Snapshot>();
  Snapshot& s = *out.snapshot;
  if (m.segments.empty()) {
    s.generation = std::make_shared<Generation>(options.dimension, options.vectors);
    return out;
  }
  const bool writable = !options.read_only;
  s.sequence = m.sequence;
  s.version = number(m, "version");
  s.row_count = static_cast<Row>(number(m, "rows"));
  s.record_count = static_cast<RecordNo>(number(m, "records"));
  out.counters.next_id = static_cast<std::int64_t>(number(m, "next_id"));
  out.counters.far_ids = number(m, "far_ids") != 0;
  const std::size_t stride = VectorStore(options.dimension, options.vectors).stride();
  const auto vectors = require_segment(env, dir, m, FileKind::vectors, s.row_count, stride, writable);
  s.generation =
      std::make_shared<Generation>(options.dimension, options.vectors, vectors->payload(), s.row_count, vectors);
  Generation& g = *s.generation;
  if (options.metric == Metric::cosine) {
    const auto norms = require_segment(env, dir, m, FileKind::norms, s.row_count, sizeof(float), writable);
    norms->verify();
    g.norms.ensure(s.row_count);
    for (Row r = 0; r < s.row_count; ++r) g.norms[r] = get_le<float>(norms->payload() + std::size_t{r} * sizeof(float));
  }
  const auto records = require_segment(env, dir, m, FileKind::records, s.record_count, 0, writable);
  const auto text = open_segment(env, dir, m, FileKind::text, writable);
  if (!text) throw Error(ErrorCode::CORRUPTION, dir + ": the manifest names no " + segment_name(FileKind::text, 0));
  read_records(*records, text, s.row_count, &g.records);
  load_columns(g.records, s.record_count, threads, &g);
  load_ids(g.records, s.record_count, &out.ids, &s);
  load_index(env, dir, m, options, threads, &out);
  return out;
}

}  // namespace sagedb
