// CURRENT and the manifests: one is current at every moment, older files go last, foreign files never.
#include "storage/manifest.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/status.h"
#include "support/ledger.h"
#include "support/sim_env.h"

namespace sagedb {
namespace {

using test::Ledger;
using test::SimDisk;
using test::SimEnv;
using test::SimOp;

constexpr const char* kDir = "/db";

Manifest sample() {
  Manifest m;
  m.generation = 3;
  m.previous_generation = 2;
  m.database[5] = 9;
  m.dimension = 768;
  m.vectors = VectorType::float16;
  m.metric = Metric::ip;
  m.sequence = 1234;
  m.log_number = 7;
  m.next_segment = 12;
  m.segments = {{FileKind::vectors, 3, 64, 100, 5000, Uuid{{1}}}, {FileKind::graph, 4, 0, 90, 6000, Uuid{{2}}}};
  m.set_field("index", "hnsw");
  m.set_field("M", "16");
  m.set_field("index", std::string("with\0zero", 9));
  return m;
}

TEST(Manifest, RoundTrip) {
  SimEnv env;
  env.make_dir(kDir);
  EXPECT_FALSE(has_database(env, kDir));
  publish_manifest(env, kDir, sample());
  EXPECT_TRUE(has_database(env, kDir));
  const Manifest m = read_current_manifest(env, kDir, true);
  EXPECT_EQ(m.generation, 3u);
  EXPECT_EQ(m.previous_generation, 2u);
  EXPECT_EQ(m.database, sample().database);
  EXPECT_EQ(m.dimension, 768u);
  EXPECT_EQ(m.vectors, VectorType::float16);
  EXPECT_EQ(m.metric, Metric::ip);
  EXPECT_EQ(m.sequence, 1234u);
  EXPECT_EQ(m.log_number, 7u);
  EXPECT_EQ(m.next_segment, 12u);
  ASSERT_EQ(m.segments.size(), 2u);
  EXPECT_EQ(m.find(FileKind::graph)->file_size, 6000u);
  EXPECT_EQ(m.find(FileKind::graph)->uuid[0], 2);
  EXPECT_EQ(m.find(FileKind::vectors)->first, 64u);
  EXPECT_EQ(m.find(FileKind::codes), nullptr);
  EXPECT_EQ(*m.field("M"), "16");
  EXPECT_EQ(m.field("index")->size(), 9u);
  EXPECT_EQ(m.fields.size(), 2u);
}

// Property: the order of RELIABILITY: everything synced and named before the switch, the switch synced before anything goes.
TEST(Manifest, OrderOfAPublication) {
  SimEnv env;
  Ledger ledger(env, kDir);
  ledger.write(3, true);
  ledger.checkpoint();
  ledger.write(3, true);
  const std::size_t from = env.moment();
  ledger.checkpoint();
  std::vector<std::string> seen;
  for (std::size_t i = from; i < env.journal().size(); ++i) {
    const SimOp& op = env.journal()[i];
    if (op.kind == SimOp::Kind::sync) seen.push_back("sync " + op.path);
    if (op.kind == SimOp::Kind::sync_dir) seen.push_back("sync folder");
    if (op.kind == SimOp::Kind::rename) seen.push_back("rename to " + op.target);
    if (op.kind == SimOp::Kind::unlink && seen.back() != "unlink") seen.push_back("unlink");
  }
  const std::vector<std::string> expected = {"sync /db/wal-000002.log.tmp",
                                             "sync /db/wal-000002.log.tmp",  // data, then the seal
                                             "sync /db/wal-000003.log.tmp",
                                             "rename to /db/wal-000003.log",
                                             "sync folder",
                                             "sync /db/records-000002.seg",
                                             "sync /db/MANIFEST-000003",
                                             "sync /db/CURRENT.tmp",
                                             "sync folder",
                                             "rename to /db/CURRENT",
                                             "sync folder",
                                             "unlink"};
  EXPECT_EQ(seen, expected);
}

// Property: the files of the generation before stay, older ones and leftovers go, files of others are never touched.
TEST(Manifest, RemovesOnlyWhatNobodyNeeds) {
  SimEnv env;
  Ledger ledger(env, kDir);
  for (int i = 0; i < 4; ++i) {
    ledger.write(2, true);
    ledger.checkpoint();
  }
  // Names that resemble ours: other words, other numbers of digits, none at all.
  for (const char* name : {"notes.txt", "wal-backup", "records.seg.bak", "MANIFEST-old", "my-000099.seg", "notes.seg",
                           "records-77.seg", "wal-copy.log", "wal-000002.log.tmp", "records-000077.seg"})
    env.create(join_path(kDir, name))->append("x", 1);
  // Writers beside a checkpoint begin new logs.
  for (const char* name : {"wal-000006.log", "wal-000007.log.tmp"}) env.create(join_path(kDir, name))->append("x", 1);
  // And every kind of segment there is.
  std::size_t kinds = 0;
  for (const FileKind kind :
       {FileKind::vectors, FileKind::codes, FileKind::graph, FileKind::heads, FileKind::dead, FileKind::ids,
        FileKind::text, FileKind::norms, FileKind::code_errors, FileKind::presence}) {
    const std::string name = segment_name(kind, 78 + kinds++);
    EXPECT_NE(name.compare(0, 8, "segment-"), 0) << "has no name";
    env.create(join_path(kDir, name))->append("x", 1);
  }
  EXPECT_EQ(remove_obsolete_files(env, kDir, ledger.manifest()), 2u + kinds);
  discard_generation(env, kDir, 99, 70);
  std::vector<std::string> names = env.list(kDir);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names,
            (std::vector<std::string>{"CURRENT", "MANIFEST-000004", "MANIFEST-000005", "MANIFEST-old", "my-000099.seg",
                                      "notes.seg", "notes.txt", "records-000003.seg", "records-000004.seg",
                                      "records-77.seg", "records.seg.bak", "wal-000004.log", "wal-000005.log",
                                      "wal-000006.log", "wal-000007.log.tmp", "wal-backup", "wal-copy.log"}));
}

// Property: a flipped bit or a truncation in any file that an open reads never goes unnoticed: it is a typed error, or the content is right.
TEST(Manifest, DamageAnywhereIsATypedErrorOrHarmless) {
  SimEnv env;
  {
    Ledger ledger(env, kDir);
    ledger.write(4, true);
    ledger.checkpoint();
    ledger.write(5, true);
    ledger.close();
  }
  const SimDisk good = env.disk();
  std::size_t noticed = 0, harmless = 0;
  const auto examine = [&](SimDisk disk, const std::string& what) {
    SimEnv after(std::move(disk));
    try {
      Ledger ledger(after, kDir);  // checks every value
      ASSERT_EQ(ledger.size(), 9u) << what;
      ++harmless;
    } catch (const Error& e) {
      ASSERT_TRUE(e.code() == ErrorCode::CORRUPTION || e.code() == ErrorCode::UNSUPPORTED_FORMAT)
          << what << e.message();
      ++noticed;
    }
  };
  for (const std::string& path : good.paths()) {
    const std::size_t size = good.find(path)->size();
    const bool old = path == "/db/wal-000001.log" || path == "/db/MANIFEST-000001" || path == "/db/LOCK";
    const std::size_t before = noticed;
    for (std::size_t at = 0; at < size; at += at < 200 || at + 300 > size ? 1 : 61) {
      SimDisk disk = good;
      (*disk.find(path))[at] ^= static_cast<char>(1 << (at % 8));
      examine(disk, path + " byte " + std::to_string(at));
      disk = good;
      disk.find(path)->resize(at);
      // The seal of the last log may be cut off: then it is a log that was not closed.
      if (path != "/db/wal-000002.log") examine(disk, path + " cut at " + std::to_string(at));
    }
    if (old) {
      EXPECT_EQ(noticed, before) << path << " is not read when the current generation is sound";
    } else {
      EXPECT_GT(noticed, before + size / 61) << path;
    }
  }
  EXPECT_GT(harmless, 0u);
}

}  // namespace
}  // namespace sagedb
