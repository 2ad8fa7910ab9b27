// Which files make up a database, and the switch from one set to the next.
//
// CURRENT names MANIFEST-<generation>; a manifest names its segment files and the first log to replay after them. Order of a
// publication: segments synced -> next log synced and named -> manifest synced -> folder synced -> CURRENT.tmp synced and renamed
// to CURRENT -> folder synced -> only then are files of older generations removed, except those of the one before.
// Thread safety: one writer per folder (held by LOCK).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "storage/file_header.h"

namespace sagedb {

struct SegmentRef {
  FileKind kind = FileKind::vectors;
  std::uint64_t number = 0;
  std::uint64_t first = 0;  // its first element, where a kind is a chain of segments
  std::uint64_t count = 0;  // elements
  std::uint64_t end() const noexcept { return first + count; }
  std::uint64_t file_size = 0;  // as in its header
  Uuid uuid{};
  SpaceNo space = 0;  // to which it belongs, with named spaces
};

// A named number or text of the stored state. Readers keep what they do not know.
struct ManifestField {
  std::string name;
  std::string value;
};

struct Manifest {
  std::uint64_t generation = 0;
  std::uint64_t previous_generation = 0;  // the one that was current before, whose files are kept; 0: none
  Uuid database{};
  std::uint32_t features = 0;  // incompatible ones, of file_header.h
  std::uint32_t dimension = 0;
  VectorType vectors = VectorType::float32;
  Metric metric = Metric::l2;
  Sequence sequence = 0;  // last sequence in the segments
  std::uint64_t log_number = 0;  // first log to replay
  std::uint64_t next_segment = 1;  // numbers are never used twice
  std::vector<SegmentRef> segments;
  std::vector<ManifestField> fields;

  const SegmentRef* find(FileKind kind, SpaceNo space = 0) const noexcept;
  // All segments of a kind (and space) in the order in which they are listed.
  std::vector<SegmentRef> all(FileKind kind, SpaceNo space = 0) const;
  // Of all spaces.
  void drop(FileKind kind);
  // The field's text, or null.
  const std::string* field(const std::string& name) const noexcept;
  void set_field(const std::string& name, std::string value);
  // The same for optional texts and for numbers, which must be there: throws CORRUPTION.
  std::string text(const std::string& name) const;
  std::uint64_t number(const std::string& name) const;
  void set_number(const std::string& name, std::uint64_t value) { set_field(name, std::to_string(value)); }
};

std::string manifest_name(std::uint64_t generation);
std::string segment_name(FileKind kind, std::uint64_t number);

// True when the folder has a database (a CURRENT file).
bool has_database(Env& env, const std::string& dir);
// Of a folder without CURRENT: throws CORRUPTION when it has files of a database that had one, which a new database would replace and remove. What
// an interrupted creation leaves is none.
void require_unused(Env& env, const std::string& dir);
// The manifest that CURRENT names. Throws NOT_FOUND when there is no CURRENT, CORRUPTION, UNSUPPORTED_FORMAT.
Manifest read_current_manifest(Env& env, const std::string& dir, bool writable);
Manifest read_manifest(Env& env, const std::string& dir, std::uint64_t generation, bool writable);
// What CURRENT says. Throws as read_current_manifest().
struct CurrentName {
  std::uint64_t generation = 0;
  std::uint64_t log_number = 0;  // of its manifest: the first log to replay
  Sequence sequence = 0;  // of its manifest
};
CurrentName read_current(Env& env, const std::string& dir);
std::uint64_t current_generation(Env& env, const std::string& dir);

// The current manifest; when it is damaged, the newest older one that can be read, and `damaged` says which one it stands for. The logs after it hold all that the
// damaged one described, if require_complete() says so once they have been read to their end.
Manifest read_writable_manifest(Env& env, const std::string& dir, std::optional<CurrentName>* damaged);
void require_complete(const CurrentName& damaged, const std::string& dir, std::uint64_t last_log,
                      Sequence last_sequence);

// For readers that do not hold LOCK: hands the current manifest to `read`, and does so again, with the then current one, when files went missing
// because the writer has published newer generations meanwhile. Bounded; throws what the last attempt threw.
void with_current_manifest(Env& env, const std::string& dir, const std::function<void(Manifest&& manifest)>& read);

// Makes `manifest` the current one. Its segments and log must be synced already (not yet the folder). When it throws, the old
// manifest or the new one is current on disk; both are sound and continue with the same logs, so writing may go on, but the
// next attempt must take a generation number that was never tried.
void publish_manifest(Env& env, const std::string& dir, const Manifest& manifest);
// Its two steps: when the first one throws, the old manifest is current, and nothing will name the new one's segments.
void write_manifest(Env& env, const std::string& dir, const Manifest& manifest);
void switch_manifest(Env& env, const std::string& dir);

// Removes manifest `generation` and the segments numbered `first_segment` and up: what a checkpoint has left that failed before its manifest was
// current. It could keep a full disk full. What cannot be removed stays for the next checkpoint.
void discard_generation(Env& env, const std::string& dir, std::uint64_t generation,
                        std::uint64_t first_segment) noexcept;

// Bytes of files that only the generation before `current` needs; the largest number when that one is damaged, and good for nothing. Throws what kept it
// from looking.
std::uint64_t older_bytes(Env& env, const std::string& dir, const Manifest& current);

// Removes every file of ours that neither `current` nor the generation before it needs. Returns how many.
std::size_t remove_obsolete_files(Env& env, const std::string& dir, const Manifest& current);

}  // namespace sagedb
