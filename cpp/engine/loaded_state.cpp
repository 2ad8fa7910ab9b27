#include "engine/loaded_state.h"

#include <algorithm>

#include "index/flat_index.h"
#include "storage/dead_segment.h"
#include "storage/endian.h"
#include "storage/graph_segment.h"
#include "storage/presence_segment.h"
#include "storage/segment_chain.h"

namespace sagedb {
namespace {

class StateLoader {
 public:
  StateLoader(Env& env, const std::string& dir, const Manifest& manifest, const Options& options, LoadedState* out)
      : env_(env), dir_(dir), m_(manifest), options_(options), s_(*out->snapshot), out_(*out) {}

  void load_counts() {
    s_.sequence = m_.sequence;
    s_.version = m_.number("version");
    s_.row_count = static_cast<Row>(m_.number("rows"));
    s_.record_count = static_cast<RecordNo>(m_.number("records"));
    out_.mark.next_id = static_cast<std::int64_t>(m_.number("next_id"));
    out_.mark.far_ids = m_.number("far_ids") != 0;
    out_.mark.text_size = m_.number("text");
  }

  void load_rows_and_records() {
    const auto owner = std::make_shared<std::vector<std::shared_ptr<const void>>>();
    const auto chain = [&](FileKind kind, std::uint64_t count, std::size_t stride, SpaceNo space = 0) {
      const ChainBytes bytes = chain_of(kind, count, static_cast<std::uint32_t>(stride), space);
      owner->push_back(bytes.owner);
      return bytes.data;
    };
    GenerationBase base;
    base.rows = s_.row_count;
    std::vector<HotRange> vectors;
    for (SpaceNo s = 0; s < options_.space_count(); ++s) {
      GenerationBase::Space space;
      const VectorStore shape(options_.spaces[s].dimension, options_.vectors);
      space.vectors = chain(FileKind::vectors, s_.row_count, shape.stride(), s);
      vectors.push_back(hot(owner->back(), space.vectors, s_.row_count * shape.stride()));
      if (options_.spaces[s].metric == Metric::cosine)
        space.norms = chain(FileKind::norms, s_.row_count, sizeof(float), s);
      base.spaces.push_back(space);
    }
    RecordBase& r = base.records;
    r.record_count = s_.record_count;
    r.row_count = s_.row_count;
    r.text_size = out_.mark.text_size;
    r.heads = chain(FileKind::heads, s_.row_count, sizeof(RecordNo));
    out_.hot.push_back(hot(owner->back(), r.heads, s_.row_count * sizeof(RecordNo)));
    r.records = chain(FileKind::records, s_.record_count, sizeof(Record));
    out_.hot.push_back(hot(owner->back(), r.records, s_.record_count * sizeof(Record)));
    out_.hot.insert(out_.hot.end(), vectors.begin(), vectors.end());
    r.text = chain(FileKind::text, out_.mark.text_size, 1);
    r.owner = base.owner = owner;
    s_.generation = std::make_shared<Generation>(options_, base);
  }

  void load_presence() {
    for (SpaceNo s = 0; s < options_.space_count(); ++s) {
      const SegmentRef* ref = m_.find(FileKind::presence, s);
      if (ref == nullptr) continue;
      s_.spaces[s].present = read_present(*segment(*ref), s_.row_count);
      s_.spaces[s].absent = s_.row_count - static_cast<Row>(ref->count);
    }
  }

  void load_ids() {
    std::vector<IdTable> tables;
    RecordNo end = 0;
    for (const SegmentRef& ref : m_.all(FileKind::ids)) {
      const auto file = segment(ref);
      if (ref.first != end || file->payload_size() % sizeof(IdSlot) != 0) corrupt("the id tables have a gap");
      end = static_cast<RecordNo>(ref.end());
      tables.emplace_back(file->payload(), file->payload_size() / sizeof(IdSlot), static_cast<RecordNo>(ref.first), end,
                          file);
    }
    if (end != s_.record_count) corrupt("the id tables do not cover all records");
    out_.ids = IdMap(std::move(tables), s_.record_count);
  }

  void load_tombstones() {
    const SegmentRef* ref = m_.find(FileKind::dead);
    if (ref == nullptr) corrupt("the manifest names no tombstones");
    const DeadCounts dead = read_dead(*segment(*ref), s_.row_count, s_.record_count, s_.sequence, s_.indexed_rows(),
                                      &s_.generation->records);
    s_.live_count = s_.record_count - dead.records;
    s_.dead_rows = dead.rows;
    s_.dead_indexed = dead.rows_below;
  }

  // Codes and graph can be made again from the vectors, so damage of theirs is no reason to refuse.
  void load_indexes() {
    try {
      for (SpaceNo s = 0; s < options_.space_count(); ++s) {
        load_codes(s);
        load_index(s);
      }
      if (s_.spaces[0].index) s_.indexed_sequence = m_.number("indexed_sequence");
    } catch (const Error& e) {
      if (e.code() != ErrorCode::CORRUPTION) throw;
      s_.drop_indexes();
      index_hot_.clear();
      out_.warning = "the index is rebuilt: " + e.message();
    }
  }

  // A search reads most of links and codes.
  void order_hot() { out_.hot.insert(out_.hot.begin(), index_hot_.begin(), index_hot_.end()); }

 private:
  static HotRange hot(const std::shared_ptr<const void>& owner, const void* data, std::size_t size) {
    return HotRange{owner, static_cast<const std::byte*>(data), size};
  }
  bool writable() const noexcept { return !options_.read_only; }
  std::shared_ptr<const SegmentReader> segment(const SegmentRef& ref) {
    auto file = open_segment(env_, dir_, m_, ref, writable());
    out_.files.push_back(file);
    return file;
  }
  ChainBytes chain_of(FileKind kind, std::uint64_t count, std::uint32_t stride, SpaceNo space) {
    ChainBytes bytes = open_chain(env_, dir_, m_, kind, count, stride, writable(), space);
    out_.files.insert(out_.files.end(), bytes.files.begin(), bytes.files.end());
    bytes.files.clear();
    return bytes;
  }
  [[noreturn]] void corrupt(const char* what) const { throw Error(ErrorCode::CORRUPTION, dir_ + ": " + what); }

  void load_index(SpaceNo s) {
    SpaceState& space = s_.spaces[s];
    if (const SegmentRef* ref = m_.find(FileKind::graph, s)) {
      const auto file = segment(*ref);
      auto graph = read_graph(file);
      const Row rows = graph->rows();
      const std::uint64_t end = std::min(file->payload_size(), upper_levels_at(m_.number("M"), rows));
      index_hot_.insert(index_hot_.begin(), HotRange{file, file->payload(), end});  // links, then parents
      if (graph->data().M != m_.number("M")) corrupt("the index has another M than the manifest says");
      if (rows > s_.row_count) corrupt("the index covers rows that do not exist");
      if (graph->data().nodes() != (space.absent > 0 ? space.present->count(rows) : rows))
        corrupt("the index covers other rows than those with a vector");
      space.index = std::move(graph);
    } else if (m_.text("built") == "flat") {
      space.index = std::make_shared<FlatIndex>(static_cast<Row>(m_.number("indexed_rows")));
      if (space.index->rows() > s_.row_count) corrupt("the index covers rows that do not exist");
    }
    const Row first = s_.spaces[0].index ? s_.spaces[0].index->rows() : 0;
    if (first != m_.number("indexed_rows")) corrupt("the index covers other rows than the manifest says");
    if ((space.index ? space.index->rows() : 0) != first) corrupt("the indexes of the spaces cover different rows");
  }

  void load_codes(SpaceNo s) {
    const std::string text = m_.text(codec_field(s));
    if (text.empty() || options_.quantization == Quantization::none) return;
    Codec codec;
    ByteReader in(text.data(), text.size(), "the codec");
    codec.metric = options_.spaces[s].metric;
    codec.dimension = options_.spaces[s].dimension;
    codec.padded = in.get<std::uint32_t>();
    codec.offset = in.get<float>();
    codec.scale = in.get<float>();
    if (codec.padded < codec.dimension || codec.padded % 64 != 0) corrupt("the codec's dimension is out of range");
    const ChainBytes codes = chain_of(FileKind::codes, s_.row_count, codec.padded, s);
    const ChainBytes errors = chain_of(FileKind::code_errors, s_.row_count, 1, s);
    const auto owner = std::make_shared<std::pair<ChainBytes, ChainBytes>>(codes, errors);
    s_.spaces[s].codes = std::make_shared<CodeStore>(codec, codes.data, errors.data, s_.row_count, owner);
    index_hot_.push_back(HotRange{codes.owner, codes.data, std::size_t{s_.row_count} * codec.padded});
  }

  Env& env_;
  const std::string& dir_;
  const Manifest& m_;
  const Options& options_;
  Snapshot& s_;
  LoadedState& out_;
  std::vector<HotRange> index_hot_;
};

// What an open reads of its segments, for the disk to fetch at the same time: read one after the other, each waits for the disk, and a page
// fault fetches megabytes around it.
void announce_reads(Env& env, const std::string& dir, const Manifest& m) {
  for (const SegmentRef& ref : m.segments) {
    const std::string path = join_path(dir, segment_name(ref.kind, ref.number));
    const bool graph = ref.kind == FileKind::graph;
    env.will_read(path, 0,
                  ref.kind == FileKind::dead || ref.kind == FileKind::presence
                      ? ref.file_size
                      : kHeaderSize + (graph ? kGraphCounts : 0));
    if (!graph) continue;
    const std::uint64_t upper = kHeaderSize + upper_levels_at(m.number("M"), ref.count);
    if (upper < ref.file_size) env.will_read(path, upper, ref.file_size - upper);
  }
}

// Nothing has to be read for it.
void start_text(Snapshot* snapshot, const Options& options) {
  snapshot->text_index = std::make_shared<TextIndex>(options.text_fields);
  snapshot->text.resize(options.text_fields.size());
}

}  // namespace

LoadedState load_state(Env& env, const std::string& dir, const Manifest& manifest, const Options& options) {
  LoadedState out;
  out.snapshot = std::make_shared<Snapshot>();
  out.snapshot->spaces.resize(options.space_count());
  if (manifest.segments.empty()) {
    out.snapshot->generation = std::make_shared<Generation>(options);
    start_text(out.snapshot.get(), options);
    return out;
  }
  announce_reads(env, dir, manifest);
  StateLoader loader(env, dir, manifest, options, &out);
  loader.load_counts();
  loader.load_rows_and_records();
  loader.load_ids();
  loader.load_presence();
  loader.load_indexes();
  loader.load_tombstones();
  loader.order_hot();
  if (options.text_fields.empty()) start_text(out.snapshot.get(), options);
  return out;
}

void install_state(EngineState& state, LoadedState& loaded) {
  FifoLock writer_lock(state.writer_mutex);
  auto publication = state.publisher.prepare(loaded.snapshot);
  WriteLock store(state.store_mutex);
  std::swap(state.ids, loaded.ids);
  state.next_id = loaded.mark.next_id;
  state.far_ids = loaded.mark.far_ids;
  state.publisher.publish(std::move(publication));
}

void adopt_state(EngineState& from, EngineState& to, const std::string& dir, Sequence at_least) {
  FifoLock from_writer(from.writer_mutex);
  FifoLock to_writer(to.writer_mutex);
  const std::shared_ptr<const Snapshot> before = to.publisher.current();
  auto next = std::make_shared<Snapshot>(*from.publisher.current());
  if (next->sequence < at_least)
    throw Error(ErrorCode::CORRUPTION, dir + " went back from sequence " + std::to_string(at_least) + " to " +
                                           std::to_string(next->sequence) + "; open it again");
  if (before->version > 0) next->version = std::max(next->version, before->version + 1);
  for (SpaceNo s = 0; s < next->spaces.size(); ++s)
    if (!next->spaces[s].recall) next->spaces[s].recall = before->spaces[s].recall;
  auto publication = to.publisher.prepare(std::shared_ptr<const Snapshot>(std::move(next)));
  WriteLock from_store(from.store_mutex);
  WriteLock to_store(to.store_mutex);
  std::swap(to.ids, from.ids);
  to.next_id = from.next_id;
  to.far_ids = from.far_ids;
  to.publisher.publish(std::move(publication));
}

}  // namespace sagedb
