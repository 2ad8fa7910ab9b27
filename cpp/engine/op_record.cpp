#include "engine/op_record.h"

#include <algorithm>
#include <cstring>

#include "storage/endian.h"

namespace sagedb {
namespace {

enum Kind : std::uint8_t { kUpsert = 1, kUpdate = 2, kRemove = 3 };
enum Flag : std::uint8_t { kVectors = 1, kMetadata = 2, kNorms = 4, kSpaces = 8 };

void put_id(ByteWriter& out, const IdView& id) {
  out.put(static_cast<std::uint8_t>(id.is_string));
  if (id.is_string) {
    out.put_text(id.text);
  } else {
    out.put(id.number);
  }
}

[[noreturn]] void corrupt(const char* what) { throw Error(ErrorCode::CORRUPTION, std::string("a log record ") + what); }

ExternalId get_id(ByteReader& in) {
  if (in.get<std::uint8_t>() != 0) return ExternalId(std::string(in.get_text()));
  const auto number = in.get<std::int64_t>();
  if (!is_safe_integer(number)) corrupt("names an id that is no safe integer");
  return ExternalId(number);
}

// Whether the lengths of vectors in this space are stored.
bool has_norm(const Options& options, SpaceSet given, SpaceNo s) {
  return holds(given, s) && options.spaces[s].metric == Metric::cosine;
}

bool has_norms(const Options& options) {
  for (const SpaceSpec& space : options.spaces)
    if (space.metric == Metric::cosine) return true;
  return false;
}

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
  const bool norms = vectors && has_norms(options);
  const bool spaces = vectors && options.named();
  // An update of some of the vectors keeps the others; an upsert would drop them.
  const bool whole =
      vectors && metadata && std::all_of(first, last, [](const PlannedChange& c) { return c.spaces == c.given; });
  ByteWriter out;
  out.put(static_cast<std::uint8_t>(!put ? kRemove : whole ? kUpsert : kUpdate));
  out.put(static_cast<std::uint8_t>((vectors ? kVectors : 0) | (metadata ? kMetadata : 0) | (norms ? kNorms : 0) |
                                    (spaces ? kSpaces : 0)));
  out.put(std::uint16_t{0});
  out.put(static_cast<std::uint32_t>(first->sequence - base - 1));
  out.put(static_cast<std::uint32_t>(last - first));
  for (const PlannedChange* c = first; c < last; ++c) put_id(out, c->id);
  if (metadata)
    for (const PlannedChange* c = first; c < last; ++c) out.put_text(c->text);
  if (spaces)
    for (const PlannedChange* c = first; c < last; ++c) out.put(c->given);
  for (const PlannedChange* c = first; norms && c < last; ++c)
    for (SpaceNo s = 0; s < options.space_count(); ++s)
      if (has_norm(options, c->given, s)) out.put(c->norms[s]);
  owned_.push_back(out.take());
  pieces_.push_back(Bytes{owned_.back().data(), owned_.back().size()});
  if (vectors) add_vectors(first, last, options);
}

void OpRecord::add_vectors(const PlannedChange* first, const PlannedChange* last, const Options& options) {
  for (const PlannedChange* c = first; c < last; ++c) {
    const std::size_t size = options.components(c->given) * sizeof(float);
    // Neighbors in memory (all rows of a batch) become one piece.
    Bytes& before = pieces_.back();
    if (c > first && static_cast<const char*>(before.data) + before.size == reinterpret_cast<const char*>(c->vector)) {
      before.size += size;
    } else {
      pieces_.push_back(Bytes{c->vector, size});
    }
  }
}

namespace {

// Which spaces the rows bring, the lengths of their vectors, and these.
void decode_vectors(ByteReader& in, std::uint8_t flags, const Options& options, LoggedOp* logged) {
  WriteOp& op = logged->op;
  const SpaceNo count = options.space_count();
  std::size_t components = 0;
  for (std::size_t i = 0; i < op.count; ++i) {
    SpaceSet given = 1;
    if (options.named()) {
      given = in.get<SpaceSet>();
      if (given == 0 || (given & ~options.all_spaces()) != 0) corrupt("names spaces that do not exist");
      op.given.push_back(given);
    }
    components += options.components(given);
  }
  if ((flags & kNorms) != 0) {
    logged->norms.resize(op.count * count);
    for (std::size_t i = 0; i < op.count; ++i)
      for (SpaceNo s = 0; s < count; ++s)
        if (has_norm(options, op.given.empty() ? 1 : op.given[i], s)) logged->norms[i * count + s] = in.get<float>();
  }
  const char* data = in.get_bytes(components * sizeof(float));
  op.vectors.resize(components);
  if (components > 0) std::memcpy(op.vectors.data(), data, components * sizeof(float));
}

void check_flags(std::uint8_t kind, std::uint8_t flags, const Options& options) {
  const bool vectors = (flags & kVectors) != 0;
  if (kind == kUpsert && (!vectors || (flags & kMetadata) == 0)) corrupt("lacks a part of an upsert");
  if (((flags & kNorms) != 0) != (vectors && has_norms(options))) corrupt("has norms without need");
  if (((flags & kSpaces) != 0) != (vectors && options.named())) corrupt("has spaces without need");
}

}  // namespace

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
    check_flags(kind, flags, options);
    if (op.count > in.left()) corrupt("has more ids than bytes");
    op.kind = kind == kUpsert ? WriteOp::Kind::upsert : kind == kUpdate ? WriteOp::Kind::update : WriteOp::Kind::remove;
    op.ids.reserve(op.count);
    for (std::size_t i = 0; i < op.count; ++i) op.ids.push_back(get_id(in));
    if ((flags & kMetadata) != 0)
      for (std::size_t i = 0; i < op.count; ++i) op.metadata.emplace_back(in.get_text());
    if ((flags & kVectors) != 0) decode_vectors(in, flags, options, &logged);
    ops.push_back(std::move(logged));
  }
  return ops;
}

}  // namespace sagedb
