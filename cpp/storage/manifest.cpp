#include "storage/manifest.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <set>

#include "base/crc32c.h"
#include "base/status.h"
#include "storage/endian.h"
#include "storage/log_recovery.h"
#include "storage/segment_reader.h"
#include "storage/segment_writer.h"

namespace sagedb {
namespace {

constexpr const char* kCurrent = "CURRENT";
constexpr const char* kCurrentNext = "CURRENT.tmp";
// A generation's files stay until two newer ones are published: a reader that is overtaken so often is not kept up with for ever.
constexpr int kReadAttempts = 16;

// All kinds of segments: a file of a kind that is not here is not ours.
struct SegmentStem {
  FileKind kind;
  const char* stem;
};
constexpr SegmentStem kSegments[] = {
    {FileKind::vectors, "vectors"},   {FileKind::codes, "codes"},        {FileKind::graph, "graph"},
    {FileKind::records, "records"},   {FileKind::heads, "heads"},        {FileKind::dead, "dead"},
    {FileKind::ids, "ids"},           {FileKind::text, "text"},          {FileKind::norms, "norms"},
    {FileKind::presence, "presence"}, {FileKind::code_errors, "errors"},
};

std::string current_line(const CurrentName& current) {
  char numbers[64];
  std::snprintf(numbers, sizeof numbers, " %llu %llu", static_cast<unsigned long long>(current.log_number),
                static_cast<unsigned long long>(current.sequence));
  const std::string text = manifest_name(current.generation) + numbers;
  char crc[12];
  std::snprintf(crc, sizeof crc, " %08x\n", crc32c(0, text.data(), text.size()));
  return text + crc;
}

void write_whole_file(Env& env, const std::string& path, const std::string& content) {
  const std::unique_ptr<WritableFile> file = env.create(path);
  file->append(content.data(), content.size());
  file->sync();
}

std::string encode(const Manifest& m) {
  ByteWriter out;
  out.put(m.log_number);
  out.put(m.next_segment);
  out.put(static_cast<std::uint32_t>(m.segments.size()));
  for (const SegmentRef& s : m.segments) {
    out.put(static_cast<std::uint32_t>(s.kind));
    out.put(s.number);
    out.put(s.first);
    out.put(s.count);
    out.put(s.file_size);
    out.put_bytes(s.uuid.data(), s.uuid.size());
    if ((m.features & kFeatureSpaces) != 0) out.put(s.space);
  }
  out.put(static_cast<std::uint32_t>(m.fields.size()));
  for (const ManifestField& f : m.fields) {
    out.put_text(f.name);
    out.put_text(f.value);
  }
  return out.take();
}

void decode(const SegmentReader& file, Manifest* m) {
  ByteReader in(file.payload(), file.payload_size(), "the manifest");
  m->log_number = in.get<std::uint64_t>();
  m->next_segment = in.get<std::uint64_t>();
  for (auto n = in.get<std::uint32_t>(); n > 0; --n) {
    SegmentRef s;
    s.kind = static_cast<FileKind>(in.get<std::uint32_t>());
    s.number = in.get<std::uint64_t>();
    s.first = in.get<std::uint64_t>();
    s.count = in.get<std::uint64_t>();
    s.file_size = in.get<std::uint64_t>();
    std::memcpy(s.uuid.data(), in.get_bytes(s.uuid.size()), s.uuid.size());
    if ((m->features & kFeatureSpaces) != 0) s.space = in.get<SpaceNo>();
    m->segments.push_back(s);
  }
  for (auto n = in.get<std::uint32_t>(); n > 0; --n) {
    ManifestField f;
    f.name = in.get_text();
    f.value = in.get_text();
    m->fields.push_back(std::move(f));
  }
}

// The number in a name, 0 when there is none.
std::uint64_t number_in(const std::string& name) {
  const std::size_t dash = name.rfind('-');
  return dash == std::string::npos ? 0 : std::strtoull(name.c_str() + dash + 1, nullptr, 10);
}

// Names this engine gives to files, and no others: anything else in the folder is not ours and stays.
bool is_segment(const std::string& name) {
  return std::any_of(std::begin(kSegments), std::end(kSegments),
                     [&](const SegmentStem& segment) { return name == segment_name(segment.kind, number_in(name)); });
}

bool is_ours(const std::string& name) {
  const std::uint64_t number = number_in(name);
  return name == log_name(number) || name == unfinished_log_name(number) || name == manifest_name(number) ||
         is_segment(name) || name == kCurrentNext;
}

void keep(const Manifest& m, std::set<std::string>* kept) {
  kept->insert(manifest_name(m.generation));
  for (const SegmentRef& s : m.segments) kept->insert(segment_name(s.kind, s.number));
}

}  // namespace

const SegmentRef* Manifest::find(FileKind kind, SpaceNo space) const noexcept {
  for (const SegmentRef& s : segments)
    if (s.kind == kind && s.space == space) return &s;
  return nullptr;
}

std::vector<SegmentRef> Manifest::all(FileKind kind, SpaceNo space) const {
  std::vector<SegmentRef> out;
  for (const SegmentRef& s : segments)
    if (s.kind == kind && s.space == space) out.push_back(s);
  return out;
}

void Manifest::drop(FileKind kind) {
  segments.erase(
      std::remove_if(segments.begin(), segments.end(), [kind](const SegmentRef& s) { return s.kind == kind; }),
      segments.end());
}

const std::string* Manifest::field(const std::string& name) const noexcept {
  for (const ManifestField& f : fields)
    if (f.name == name) return &f.value;
  return nullptr;
}

std::string Manifest::text(const std::string& name) const {
  const std::string* value = field(name);
  return value == nullptr ? std::string() : *value;
}

std::uint64_t Manifest::number(const std::string& name) const {
  const std::string* value = field(name);
  if (value == nullptr) throw Error(ErrorCode::CORRUPTION, "the manifest lacks '" + name + "'");
  return std::strtoull(value->c_str(), nullptr, 10);
}

void Manifest::set_field(const std::string& name, std::string value) {
  for (ManifestField& f : fields)
    if (f.name == name) {
      f.value = std::move(value);
      return;
    }
  fields.push_back(ManifestField{name, std::move(value)});
}

std::string manifest_name(std::uint64_t generation) {
  char name[40];
  std::snprintf(name, sizeof name, "MANIFEST-%06llu", static_cast<unsigned long long>(generation));
  return name;
}

std::string segment_name(FileKind kind, std::uint64_t number) {
  const char* stem = "segment";
  for (const SegmentStem& segment : kSegments)
    if (segment.kind == kind) stem = segment.stem;
  char name[48];
  std::snprintf(name, sizeof name, "%s-%06llu.seg", stem, static_cast<unsigned long long>(number));
  return name;
}

bool has_database(Env& env, const std::string& dir) { return env.exists(join_path(dir, kCurrent)); }

void require_unused(Env& env, const std::string& dir) {
  for (const std::string& name : env.list(dir))
    if (is_segment(name) || (is_ours(name) && number_in(name) > 1))
      throw Error(ErrorCode::CORRUPTION, dir + ": CURRENT is missing, but " + name + " is there");
}

Manifest read_manifest(Env& env, const std::string& dir, std::uint64_t generation, bool writable) {
  const std::string path = join_path(dir, manifest_name(generation));
  // The database's identity is learned from the manifest itself; everything else is checked against it.
  HeaderBytes bytes;
  std::size_t n = 0;
  try {
    n = env.open(path)->read_at(0, bytes.data(), bytes.size());
  } catch (const Error& e) {
    if (e.code() == ErrorCode::NOT_FOUND) throw Error(ErrorCode::CORRUPTION, path + " is missing");
    throw;
  }
  const Uuid database = decode_header(bytes.data(), n, FileKind::manifest, writable, path).database;
  const auto file = SegmentReader::open(env, path, FileKind::manifest, database, writable);
  file->verify();
  Manifest m;
  m.generation = file->header().number;
  m.previous_generation = file->header().previous_number;
  m.database = database;
  m.features = file->header().incompatible;
  m.dimension = file->header().dimension;
  m.vectors = file->header().vectors;
  m.metric = file->header().metric;
  m.sequence = file->header().sequence;
  decode(*file, &m);
  if (m.generation != generation)
    throw Error(ErrorCode::CORRUPTION, path + " holds generation " + std::to_string(m.generation));
  return m;
}

CurrentName read_current(Env& env, const std::string& dir) {
  const std::string path = join_path(dir, kCurrent);
  const std::unique_ptr<ReadableFile> file = env.open(path);
  char line[128] = {};
  const std::size_t n = file->read_at(0, line, sizeof line - 1);
  unsigned long long generation = 0, log_number = 0, sequence = 0;
  const int fields = std::sscanf(line, "MANIFEST-%llu %llu %llu ", &generation, &log_number, &sequence);
  const CurrentName current{generation, log_number, sequence};
  if (fields != 3 || std::string(line, n) != current_line(current))
    throw Error(ErrorCode::CORRUPTION, path + " does not name a manifest");
  return current;
}

std::uint64_t current_generation(Env& env, const std::string& dir) { return read_current(env, dir).generation; }

Manifest read_current_manifest(Env& env, const std::string& dir, bool writable) {
  return read_manifest(env, dir, current_generation(env, dir), writable);
}

Manifest read_writable_manifest(Env& env, const std::string& dir, std::optional<CurrentName>* damaged) {
  const CurrentName current = read_current(env, dir);
  std::uint64_t next_segment = 0;
  std::vector<std::uint64_t> older;
  try {
    return read_manifest(env, dir, current.generation, true);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::CORRUPTION) throw;
    for (const std::string& name : env.list(dir)) {
      const std::uint64_t number = number_in(name);
      if (is_segment(name)) next_segment = std::max(next_segment, number + 1);
      if (name == manifest_name(number) && number < current.generation) older.push_back(number);
    }
    std::sort(older.rbegin(), older.rend());
    for (const std::uint64_t generation : older) {
      try {
        Manifest m = read_manifest(env, dir, generation, true);
        // The damaged one's segments have numbers, too.
        m.next_segment = std::max(m.next_segment, next_segment);
        *damaged = current;
        return m;
      } catch (const Error& other) {
        if (other.code() != ErrorCode::CORRUPTION) throw;
      }
    }
    throw;
  }
}

void require_complete(const CurrentName& damaged, const std::string& dir, std::uint64_t last_log,
                      Sequence last_sequence) {
  if (last_log >= damaged.log_number && last_sequence >= damaged.sequence) return;
  throw Error(ErrorCode::CORRUPTION, dir + ": " + manifest_name(damaged.generation) +
                                         " is damaged, and the logs after the one before it end at sequence " +
                                         std::to_string(last_sequence) + " instead of " +
                                         std::to_string(damaged.sequence));
}

void with_current_manifest(Env& env, const std::string& dir, const std::function<void(Manifest&& manifest)>& read) {
  for (int attempt = 1;; ++attempt) {
    const std::uint64_t generation = current_generation(env, dir);
    try {
      return read(read_manifest(env, dir, generation, false));
    } catch (const Error& e) {
      const bool missing = e.code() == ErrorCode::CORRUPTION || e.code() == ErrorCode::NOT_FOUND;
      if (!missing || attempt == kReadAttempts || current_generation(env, dir) == generation) throw;
    }
  }
}

void write_manifest(Env& env, const std::string& dir, const Manifest& m) {
  FileHeader header;
  header.kind = FileKind::manifest;
  header.database = m.database;
  header.number = m.generation;
  header.sequence = m.sequence;
  header.previous_number = m.previous_generation;
  header.incompatible = m.features;
  header.dimension = m.dimension;
  header.vectors = m.vectors;
  header.metric = m.metric;
  SegmentWriter file(env, join_path(dir, manifest_name(m.generation)), header);
  const std::string body = encode(m);
  file.append(body.data(), body.size());
  file.finish(m.segments.size());
  write_whole_file(env, join_path(dir, kCurrentNext), current_line({m.generation, m.log_number, m.sequence}));
  // Every name the new manifest needs must be on disk before CURRENT can point at it.
  env.sync_dir(dir);
}

void switch_manifest(Env& env, const std::string& dir) {
  env.rename(join_path(dir, kCurrentNext), join_path(dir, kCurrent));
  env.sync_dir(dir);
}

void publish_manifest(Env& env, const std::string& dir, const Manifest& m) {
  write_manifest(env, dir, m);
  switch_manifest(env, dir);
}

void discard_generation(Env& env, const std::string& dir, std::uint64_t generation,
                        std::uint64_t first_segment) noexcept {
  try {
    // First, so that no manifest names what is gone.
    const std::string manifest = join_path(dir, manifest_name(generation));
    if (env.exists(manifest)) env.unlink(manifest);
    for (const std::string& name : env.list(dir))
      if (is_segment(name) && number_in(name) >= first_segment) discard(env, join_path(dir, name));
  } catch (...) {
  }
}

std::uint64_t older_bytes(Env& env, const std::string& dir, const Manifest& current) {
  if (current.previous_generation == 0) return 0;
  Manifest older;
  try {
    older = read_manifest(env, dir, current.previous_generation, false);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::CORRUPTION) throw;
    return ~std::uint64_t{0};
  }
  std::set<std::string> shared;
  keep(current, &shared);
  std::uint64_t bytes = 0;
  for (const SegmentRef& ref : older.segments)
    if (shared.count(segment_name(ref.kind, ref.number)) == 0) bytes += ref.file_size;
  for (const std::uint64_t log : list_logs(env, dir))
    if (log >= older.log_number && log < current.log_number) bytes += env.open(join_path(dir, log_name(log)))->size();
  return bytes;
}

std::size_t remove_obsolete_files(Env& env, const std::string& dir, const Manifest& current) {
  std::set<std::string> kept;
  keep(current, &kept);
  std::uint64_t first_log = current.log_number;
  if (current.previous_generation != 0) {
    const Manifest older = read_manifest(env, dir, current.previous_generation, false);
    keep(older, &kept);
    first_log = std::min(first_log, older.log_number);
  }
  // By its number: writers beside this may begin another log at any time, of which no list that was made before knows.
  const auto needed_log = [&](const std::string& name) {
    const std::uint64_t number = number_in(name);
    return number >= first_log && (name == log_name(number) || name == unfinished_log_name(number));
  };
  std::size_t removed = 0;
  std::exception_ptr failed;
  for (const std::string& name : env.list(dir)) {
    if (!is_ours(name) || kept.count(name) != 0 || needed_log(name)) continue;
    try {
      env.unlink(join_path(dir, name));
      ++removed;
    } catch (...) {
      if (!failed) failed = std::current_exception();
    }
  }
  if (failed) std::rethrow_exception(failed);
  return removed;
}

}  // namespace sagedb
