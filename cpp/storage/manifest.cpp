#include "storage/manifest.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
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

std::string current_line(std::uint64_t generation) {
  const std::string name = manifest_name(generation);
  char crc[12];
  std::snprintf(crc, sizeof crc, " %08x\n", crc32c(0, name.data(), name.size()));
  return name + crc;
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
    out.put(s.count);
    out.put(s.file_size);
    out.put_bytes(s.uuid.data(), s.uuid.size());
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
    s.count = in.get<std::uint64_t>();
    s.file_size = in.get<std::uint64_t>();
    std::memcpy(s.uuid.data(), in.get_bytes(s.uuid.size()), s.uuid.size());
    m->segments.push_back(s);
  }
  for (auto n = in.get<std::uint32_t>(); n > 0; --n) {
    ManifestField f;
    f.name = in.get_text();
    f.value = in.get_text();
    m->fields.push_back(std::move(f));
  }
}

bool has_suffix(const std::string& name, const std::string& suffix) {
  return name.size() >= suffix.size() && name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
}

// Names this engine gives to files it may remove. Anything else in the folder is not ours and stays.
bool is_ours(const std::string& name) {
  const bool log = name.compare(0, 4, "wal-") == 0 && (has_suffix(name, ".log") || has_suffix(name, ".log.tmp"));
  const bool manifest = name.compare(0, 9, "MANIFEST-") == 0;
  return log || manifest || has_suffix(name, ".seg") || name == kCurrentNext;
}

void keep(const Manifest& m, std::set<std::string>* kept) {
  kept->insert(manifest_name(m.generation));
  for (const SegmentRef& s : m.segments) kept->insert(segment_name(s.kind, s.number));
}

}  // namespace

const SegmentRef* Manifest::find(FileKind kind) const noexcept {
  for (const SegmentRef& s : segments)
    if (s.kind == kind) return &s;
  return nullptr;
}

const std::string* Manifest::field(const std::string& name) const noexcept {
  for (const ManifestField& f : fields)
    if (f.name == name) return &f.value;
  return nullptr;
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
  switch (kind) {
    case FileKind::vectors:
      stem = "vectors";
      break;
    case FileKind::codes:
      stem = "codes";
      break;
    case FileKind::graph:
      stem = "graph";
      break;
    case FileKind::records:
      stem = "records";
      break;
    case FileKind::text:
      stem = "text";
      break;
    case FileKind::norms:
      stem = "norms";
      break;
    case FileKind::code_errors:
      stem = "errors";
      break;
    case FileKind::manifest:
    case FileKind::log:
      break;
  }
  char name[48];
  std::snprintf(name, sizeof name, "%s-%06llu.seg", stem, static_cast<unsigned long long>(number));
  return name;
}

bool has_database(Env& env, const std::string& dir) { return env.exists(join_path(dir, kCurrent)); }

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
  m.dimension = file->header().dimension;
  m.vectors = file->header().vectors;
  m.metric = file->header().metric;
  m.sequence = file->header().sequence;
  decode(*file, &m);
  if (m.generation != generation)
    throw Error(ErrorCode::CORRUPTION, path + " holds generation " + std::to_string(m.generation));
  return m;
}

std::uint64_t current_generation(Env& env, const std::string& dir) {
  const std::string path = join_path(dir, kCurrent);
  const std::unique_ptr<ReadableFile> file = env.open(path);
  char line[64] = {};
  const std::size_t n = file->read_at(0, line, sizeof line - 1);
  unsigned long long generation = 0;
  if (std::sscanf(line, "MANIFEST-%llu ", &generation) != 1 || std::string(line, n) != current_line(generation))
    throw Error(ErrorCode::CORRUPTION, path + " does not name a manifest");
  return generation;
}

Manifest read_current_manifest(Env& env, const std::string& dir, bool writable) {
  return read_manifest(env, dir, current_generation(env, dir), writable);
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

void publish_manifest(Env& env, const std::string& dir, const Manifest& m) {
  FileHeader header;
  header.kind = FileKind::manifest;
  header.database = m.database;
  header.number = m.generation;
  header.sequence = m.sequence;
  header.previous_number = m.previous_generation;
  header.dimension = m.dimension;
  header.vectors = m.vectors;
  header.metric = m.metric;
  SegmentWriter file(env, join_path(dir, manifest_name(m.generation)), header);
  const std::string body = encode(m);
  file.append(body.data(), body.size());
  file.finish(m.segments.size());
  write_whole_file(env, join_path(dir, kCurrentNext), current_line(m.generation));
  // Every name the new manifest needs must be on disk before CURRENT can point at it.
  env.sync_dir(dir);
  env.rename(join_path(dir, kCurrentNext), join_path(dir, kCurrent));
  env.sync_dir(dir);
}

void discard_segments(Env& env, const std::string& dir, std::uint64_t first) noexcept {
  try {
    for (const std::string& name : env.list(dir)) {
      const std::size_t dash = name.rfind('-');
      if (!has_suffix(name, ".seg") || dash == std::string::npos) continue;
      if (std::strtoull(name.c_str() + dash + 1, nullptr, 10) >= first) env.unlink(join_path(dir, name));
    }
  } catch (...) {
  }
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
  for (const std::uint64_t number : list_logs(env, dir))
    if (number >= first_log) kept.insert(log_name(number));
  std::size_t removed = 0;
  for (const std::string& name : env.list(dir)) {
    if (!is_ours(name) || kept.count(name) != 0) continue;
    env.unlink(join_path(dir, name));
    ++removed;
  }
  return removed;
}

}  // namespace sagedb
