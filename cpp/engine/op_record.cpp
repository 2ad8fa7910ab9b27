#include "engine/op_record.h"

#include "storage/endian.h"

namespace sagedb {
namespace {

enum Kind : std::uint8_t { kUpsert = 1, kUpdate = 2, kRemove = 3 };
enum Flag : std::uint8_t { kVectors = 1, kMetadata = 2, kNorms = 4 };

void put_id(ByteWriter& out, const IdView& id) {
  out.put(static_cast<std::uint8_t>(id.is_string));
  if (id.is_string) {
    out.put_text(id.text);
  } else {
    out.put(id.number);
  }
}

ExternalId get_id(ByteReader& in) {
  if (in.get<std::uint8_t>() != 0) return ExternalId(std::string(in.get_text()));
  return ExternalId(in.get<std::int64_t>());
}

[[noreturn]] void corrupt(const char* what) { throw Error(ErrorCode::CORRUPTION, std::string("a log record ") + what); }

}  // namespace

OpRecord::OpRecord(const WritePlan& plan, const Options& options)
    : operations_(static_cast<std::uint32_t>(plan.sequence() - plan.base()->sequence)) {
  const std::vector<PlannedChange>& changes = plan.changes();
  for (std::size_t i = 0; i < changes.size();) {
    std::size_t end = i + 1;
    while (end < changes.size() && changes[end].sequence == changes[i].sequence) ++end;
    encode(changes.data() + i, changes.data() + end, plan.base()->sequence, options);
    i = end;
  }
}

// All changes of one sequence come from one operation, so they are of one shape.
void OpRecord::encode(const PlannedChange* first, const PlannedChange* last, Sequence base, const Options& options) {
  const bool put = first->kind == PlannedChange::Kind::put;
  const bool vectors = put && first->new_row;
  const bool metadata = put && first->new_text;
  const bool norms = vectors && options.metric == Metric::cosine;
  ByteWriter out;
  out.put(static_cast<std::uint8_t>(!put ? kRemove : vectors && metadata ? kUpsert : kUpdate));
  out.put(static_cast<std::uint8_t>((vectors ? kVectors : 0) | (metadata ? kMetadata : 0) | (norms ? kNorms : 0)));
  out.put(std::uint16_t{0});
  out.put(static_cast<std::uint32_t>(first->sequence - base - 1));
  out.put(static_cast<std::uint32_t>(last - first));
  for (const PlannedChange* c = first; c < last; ++c) put_id(out, c->id);
  if (metadata)
    for (const PlannedChange* c = first; c < last; ++c) out.put_text(c->text);
  if (norms)
    for (const PlannedChange* c = first; c < last; ++c) out.put(c->norm);
  owned_.push_back(out.take());
  pieces_.push_back(Bytes{owned_.back().data(), owned_.back().size()});
  if (!vectors) return;
  const std::size_t size = options.dimension * sizeof(float);
  for (const PlannedChange* c = first; c < last; ++c) {
    // Neighbors in memory (all rows of a batch) become one piece.
    Bytes& before = pieces_.back();
    if (c > first && static_cast<const char*>(before.data) + before.size == reinterpret_cast<const char*>(c->vector)) {
      before.size += size;
    } else {
      pieces_.push_back(Bytes{c->vector, size});
    }
  }
}

std::vector<LoggedOp> decode_ops(const std::string& payload, const Options& options) {
  std::vector<LoggedOp> ops;
  ByteReader in(payload.data(), payload.size(), "a log record");
  while (in.left() > 0) {
    LoggedOp logged;
    const auto kind = in.get<std::uint8_t>();
    const auto flags = in.get<std::uint8_t>();
    in.get<std::uint16_t>();
    logged.offset = in.get<std::uint32_t>();
    WriteOp& op = logged.op;
    op.count = in.get<std::uint32_t>();
    if (kind < kUpsert || kind > kRemove) corrupt("has an unknown kind of operation");
    if (op.count > in.left()) corrupt("has more ids than bytes");
    op.kind = kind == kUpsert ? WriteOp::Kind::upsert : kind == kUpdate ? WriteOp::Kind::update : WriteOp::Kind::remove;
    op.ids.reserve(op.count);
    for (std::size_t i = 0; i < op.count; ++i) op.ids.push_back(get_id(in));
    if ((flags & kMetadata) != 0)
      for (std::size_t i = 0; i < op.count; ++i) op.metadata.emplace_back(in.get_text());
    if ((flags & kNorms) != 0)
      for (std::size_t i = 0; i < op.count; ++i) logged.norms.push_back(in.get<float>());
    if ((flags & kVectors) != 0) {
      const std::size_t components = op.count * options.dimension;
      const char* data = in.get_bytes(components * sizeof(float));
      op.vectors.resize(components);
      if (components > 0) std::memcpy(op.vectors.data(), data, components * sizeof(float));
    }
    const bool vectors = (flags & kVectors) != 0;
    if (kind == kUpsert && (!vectors || (flags & kMetadata) == 0)) corrupt("lacks a part of an upsert");
    if (((flags & kNorms) != 0) != (vectors && options.metric == Metric::cosine)) corrupt("has norms without need");
    ops.push_back(std::move(logged));
  }
  return ops;
}

}  // namespace sagedb
