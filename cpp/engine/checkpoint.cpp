#include "engine/checkpoint.h"

#include <algorithm>

#include "storage/dead_segment.h"
#include "storage/endian.h"
#include "storage/graph_segment.h"
#include "storage/presence_segment.h"
#include "storage/segment_chain.h"

namespace sagedb {

std::string codec_field(SpaceNo space) { return space == 0 ? "codec" : "codec." + std::to_string(space); }

namespace {

class CheckpointWriter {
 public:
  CheckpointWriter(Env& env, const std::string& dir, const Snapshot& snapshot, const Reuse& reuse,
                   const Manifest& previous, Manifest* next)
      : env_(env), dir_(dir), s_(snapshot), g_(*snapshot.generation), reuse_(reuse), previous_(previous), next_(next) {}

  void write_rows(SpaceNo space) {
    space_ = space;
    VectorColumn& column = g_.columns[space];
    const VectorStore& vectors = column.vectors;
    const auto stride = static_cast<std::uint32_t>(vectors.stride());
    chain(FileKind::vectors, stride, known("rows"), s_.row_count, [&](Row first, SegmentWriter& out) {
      for (Row r = first; r < s_.row_count;) {
        const Row n = std::min(vectors.run(r), s_.row_count - r);
        append(out, vectors.row(r), std::size_t{n} * stride);
        r += n;
      }
    });
    if (column.metric != Metric::cosine) return;
    chain(FileKind::norms, sizeof(float), known("rows"), s_.row_count, [&](Row first, SegmentWriter& out) {
      for (Row r = first; r < s_.row_count; ++r) out.append(&column.norms[r], sizeof(float));
    });
  }

  void write_presence(SpaceNo space) {
    space_ = space;
    if (s_.spaces[space].absent == 0) return;
    const auto out = start(FileKind::presence, 0, 0);
    write_present(*s_.spaces[space].present, s_.row_count, *out);
    finish(*out, s_.row_count - s_.spaces[space].absent);
  }

  void write_records(std::uint64_t text_size) {
    space_ = 0;
    chain(FileKind::records, sizeof(Record), known("records"), s_.record_count,
          [&](RecordNo first, SegmentWriter& out) {
            for (RecordNo r = first; r < s_.record_count; ++r) out.append(&g_.records.record(r), sizeof(Record));
          });
    chain(FileKind::text, 1, known("text"), text_size, [&](std::uint64_t first, SegmentWriter& out) {
      g_.records.text().visit(first, text_size, [&](const char* data, std::size_t size) { append(out, data, size); });
    });
    chain(FileKind::heads, sizeof(RecordNo), std::min<std::uint64_t>(known("rows"), reuse_.moved_head), s_.row_count,
          [&](Row first, SegmentWriter& out) {
            for (Row row = first; row < s_.row_count; ++row) {
              const RecordNo r = g_.records.record_of(row, s_.record_count);
              out.append(&r, sizeof r);
            }
          });
    const auto dead = start(FileKind::dead, 0, 0);
    write_dead(g_.records, s_.row_count, s_.record_count, s_.sequence, *dead);
    finish(*dead, s_.record_count);
  }

  // Tables are not one run of bytes, but they cover the records one after the other.
  void write_ids() {
    space_ = 0;
    const ChainPlan plan = plan_chain(kept(FileKind::ids), known("records"), s_.record_count, 4096, Rewrite::at_once);
    next_->segments.insert(next_->segments.end(), plan.kept.begin(), plan.kept.end());
    if (plan.first == s_.record_count) return;
    const auto first = static_cast<RecordNo>(plan.first);
    const std::vector<IdSlot> slots = IdTable::slots_of(g_.records, first, s_.record_count, s_.sequence);
    const auto out = start(FileKind::ids, sizeof(IdSlot), first);
    append(*out, slots.data(), slots.size() * sizeof(IdSlot));
    finish(*out, s_.record_count - first);
  }

  void write_codes(SpaceNo space) {
    space_ = space;
    const CodeStore* const codes = s_.spaces[space].codes.get();
    if (codes == nullptr) return next_->set_field(codec_field(space), "");
    const Codec& codec = codes->codec();
    ByteWriter text;
    text.put(codec.padded);
    text.put(codec.offset);
    text.put(codec.scale);
    next_->set_field(codec_field(space), text.take());
    const std::uint64_t unchanged = holds(reuse_.codes, space) ? known("rows") : 0;
    chain(FileKind::codes, codec.padded, unchanged, s_.row_count, [&](Row first, SegmentWriter& out) {
      for (Row r = first; r < s_.row_count;) {
        const Row n = std::min(codes->run(r), s_.row_count - r);
        append(out, codes->row(r), std::size_t{n} * codec.padded);
        r += n;
      }
    });
    chain(FileKind::code_errors, 1, unchanged, s_.row_count, [&](Row first, SegmentWriter& out) {
      for (Row r = first; r < s_.row_count; ++r) {
        const std::uint8_t error = codes->error(r);
        out.append(&error, 1);
      }
    });
  }

  void write_indexes() {
    if (reuse_.graph) {
      for (SpaceNo s = 0; s < s_.spaces.size(); ++s) next_->segments.push_back(*previous_.find(FileKind::graph, s));
      return;  // and the fields stay as they are
    }
    next_->set_number("indexed_rows", s_.indexed_rows());
    next_->set_number("indexed_sequence", s_.indexed_sequence);
    next_->set_field("built", s_.spaces[0].index ? s_.spaces[0].index->name() : "");
    for (space_ = 0; space_ < s_.spaces.size(); ++space_) {
      const auto* graph = dynamic_cast<const GraphIndex*>(s_.spaces[space_].index.get());
      if (graph == nullptr) continue;
      const auto out = start(FileKind::graph, 0, 0);
      write_graph(*graph, *out);
      finish(*out, graph->rows());
    }
  }

 private:
  // How much of what a field counts is as it was.
  std::uint64_t known(const char* field) const { return reuse_.rows ? previous_.number(field) : 0; }
  std::vector<SegmentRef> kept(FileKind kind) const {
    return reuse_.rows ? previous_.all(kind, space_) : std::vector<SegmentRef>();
  }

  template <typename Count, typename Write>
  void chain(FileKind kind, std::uint32_t stride, std::uint64_t unchanged, Count count, const Write& write) {
    const ChainPlan plan = plan_chain(kept(kind), unchanged, count, stride);
    next_->segments.insert(next_->segments.end(), plan.kept.begin(), plan.kept.end());
    if (plan.first == count) return;
    const auto out = start(kind, stride, plan.first);
    write(static_cast<Count>(plan.first), *out);
    finish(*out, count - plan.first);
  }
  // In pieces, so that what is summed is still in the cache when it is written.
  static void append(SegmentWriter& out, const void* data, std::size_t size) {
    constexpr std::size_t kPiece = std::size_t{1} << 20;
    const auto* p = static_cast<const char*>(data);
    for (; size > kPiece; p += kPiece, size -= kPiece) out.append(p, kPiece);
    if (size > 0) out.append(p, size);
  }
  std::unique_ptr<SegmentWriter> start(FileKind kind, std::uint32_t stride, std::uint64_t first) {
    FileHeader h;
    h.kind = kind;
    h.database = next_->database;
    h.number = next_->next_segment++;
    h.sequence = next_->sequence;
    h.dimension = g_.columns[space_].vectors.dimension();
    h.vectors = next_->vectors;
    h.metric = g_.columns[space_].metric;
    h.space = static_cast<std::uint16_t>(space_);
    h.stride = stride;
    h.first = first;
    return std::make_unique<SegmentWriter>(env_, join_path(dir_, segment_name(kind, h.number)), h);
  }
  void finish(SegmentWriter& file, std::uint64_t count) {
    const FileHeader h = file.finish(count);
    next_->segments.push_back(SegmentRef{h.kind, h.number, h.first, h.count, h.file_size, h.uuid, h.space});
  }

  Env& env_;
  const std::string& dir_;
  const Snapshot& s_;
  Generation& g_;
  const Reuse& reuse_;
  const Manifest& previous_;
  Manifest* const next_;
  SpaceNo space_ = 0;  // of what is being written; 0 for what spaces share
};

}  // namespace

void write_checkpoint(Env& env, const std::string& dir, const Snapshot& s, const CheckpointMark& mark,
                      const Reuse& reuse, const Manifest& previous, Manifest* next) {
  next->sequence = s.sequence;
  next->segments.clear();
  CheckpointWriter writer(env, dir, s, reuse, previous, next);
  const auto spaces = static_cast<SpaceNo>(s.spaces.size());
  for (SpaceNo space = 0; space < spaces; ++space) writer.write_rows(space);
  for (SpaceNo space = 0; space < spaces; ++space) writer.write_presence(space);
  writer.write_records(mark.text_size);
  writer.write_ids();
  for (SpaceNo space = 0; space < spaces; ++space) writer.write_codes(space);
  writer.write_indexes();
  next->set_number("rows", s.row_count);
  next->set_number("records", s.record_count);
  next->set_number("text", mark.text_size);
  next->set_number("next_id", static_cast<std::uint64_t>(mark.next_id));
  next->set_number("far_ids", mark.far_ids ? 1 : 0);
  next->set_number("version", s.version);
}

}  // namespace sagedb
