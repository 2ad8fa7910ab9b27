// Flipped bits, zeroed sectors, cuts and extensions in every region of every file of a database.
#include <gtest/gtest.h>

#include <set>

#include "storage/file_header.h"
#include "support/durable_fixture.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;
using test::SimDisk;
using test::SimEnv;

constexpr std::uint32_t kDimension = 40;
constexpr std::size_t kRows = 150;

Options damage_options(Env& env) { return durable_options(env, kDimension, Metric::cosine, IndexKind::hnsw); }

// A database with every kind of file, two generations and a log, closed in order; its answers before the damage.
struct Original {
  SimDisk disk;
  std::vector<Content> states;  // content after every group since the checkpoint; the last is the whole
  std::vector<Vector> queries;
  std::vector<std::vector<std::string>> nearest;
};

std::vector<std::string> exact_ids(const SageDB& db, const Vector& query) {
  std::vector<std::string> out;
  for (const Hit& h : search_one(db, query, 10, 0, true).hits) out.push_back(key_of(h.id));
  return out;
}

Original make_original() {
  Original out;
  SimEnv env;
  std::mt19937_64 rng(31);
  auto db = SageDB::open(damage_options(env));
  std::vector<WriteOp> ops;
  for (std::size_t i = 0; i < kRows; ++i) {
    const ExternalId id =
        i % 2 == 0 ? ExternalId(static_cast<std::int64_t>(i)) : ExternalId("item-" + std::to_string(i));
    const std::string metadata = "{\"n\":" + std::to_string(i) + ",\"tags\":[\"a\",\"b\"]}";
    ops.push_back(op_of(WriteOp::Kind::add, {random_vector(rng, kDimension)}, {id}, {metadata}));
  }
  db->apply(ops);
  db->checkpoint();
  for (int i = 0; i < 5; ++i) {
    std::vector<WriteOp> more = random_ops(rng, kDimension);
    db->apply(more);
  }
  db->build_index(nullptr, nullptr);
  db->checkpoint();
  out.states.push_back(content_of(*db));
  for (int i = 0; i < 6; ++i) {
    std::vector<WriteOp> more = random_ops(rng, kDimension);
    db->apply(more);
    out.states.push_back(content_of(*db));
  }
  for (int i = 0; i < 4; ++i) {
    out.queries.push_back(random_vector(rng, kDimension));
    out.nearest.push_back(exact_ids(*db, out.queries.back()));
  }
  db->close();
  db.reset();
  out.disk = env.disk();
  return out;
}

enum class Outcome { at_open, by_verify, harmless, lost_tail };

// Opens, uses and verifies. An answer of a database that passes verify() must be right.
Outcome examine(const Original& original, SimDisk disk, bool read_only, bool tail_may_go) {
  SimEnv env(std::move(disk));
  Options o = damage_options(env);
  o.read_only = read_only;
  std::shared_ptr<SageDB> db;
  try {
    db = SageDB::open(o);
    // Whatever is damaged: using it ends with an answer or a typed error, not with the process.
    for (const Vector& query : original.queries) {
      SearchRequest request;
      request.vector = query.data();
      const SearchResult r = db->search(&request, 1).at(0);
      if (r.error) throw *r.error;
    }
  } catch (const Error& e) {
    EXPECT_TRUE(e.code() == ErrorCode::CORRUPTION || e.code() == ErrorCode::UNSUPPORTED_FORMAT) << e.message();
    return Outcome::at_open;
  }
  try {
    db->verify(nullptr, nullptr);
  } catch (const Error& e) {
    EXPECT_TRUE(e.code() == ErrorCode::CORRUPTION || e.code() == ErrorCode::UNSUPPORTED_FORMAT) << e.message();
    return Outcome::by_verify;
  }
  const Content found = content_of(*db);
  if (found != original.states.back()) {
    const bool prefix = std::find(original.states.begin(), original.states.end(), found) != original.states.end();
    EXPECT_TRUE(tail_may_go && prefix) << "a wrong answer";
    return Outcome::lost_tail;
  }
  for (std::size_t i = 0; i < original.queries.size(); ++i)
    EXPECT_EQ(exact_ids(*db, original.queries[i]), original.nearest[i]) << "a wrong answer";
  return Outcome::harmless;
}

// Places that stand for every region of a file: each field of the header, the payload, the end with padding and checksums.
std::vector<std::size_t> places(std::size_t size) {
  std::set<std::size_t> out;
  for (std::size_t i = 0; 4 * i + i % 4 < std::min<std::size_t>(size, 144); ++i) out.insert(4 * i + i % 4);
  for (std::size_t i = 0; i < 28; ++i) out.insert(size * i / 28);
  for (std::size_t back = 1; back <= std::min<std::size_t>(size, 12); ++back) out.insert(size - back);
  if (size > kHeaderSize) out.insert({kHeaderSize - 4, kHeaderSize - 1, kHeaderSize, kHeaderSize + 1});
  return {out.begin(), out.end()};
}

struct Count {
  std::size_t at_open = 0, by_verify = 0, harmless = 0, lost_tail = 0;
  void add(Outcome o) {
    ++(o == Outcome::at_open     ? at_open
       : o == Outcome::by_verify ? by_verify
       : o == Outcome::harmless  ? harmless
                                 : lost_tail);
  }
};

// Property: damage anywhere is a typed error at open or verify(), or every answer is right. What cannot be told from a loss of power is
// a log cut at its end: then it gives a state that was acknowledged earlier.
TEST(Damage, EveryRegionOfEveryFile) {
  const Original original = make_original();
  ASSERT_EQ(examine(original, original.disk, false, false), Outcome::harmless);
  std::string newest_log;
  for (const std::string& path : original.disk.paths())
    if (path.find("wal-") != std::string::npos) newest_log = std::max(newest_log, path);
  std::set<std::string> kinds;
  for (const std::string& path : original.disk.paths()) {
    if (path.find("LOCK") != std::string::npos) continue;
    const std::string name = path.substr(path.rfind('/') + 1);
    kinds.insert(name.substr(0, name.find_first_of("-.")));
    const std::size_t size = original.disk.find(path)->size();
    Count count;
    std::size_t n = 0;
    for (const std::size_t at : places(size)) {
      SCOPED_TRACE(name + " at byte " + std::to_string(at) + " of " + std::to_string(size));
      const bool read_only = ++n % 3 == 0;
      SimDisk flipped = original.disk;
      (*flipped.find(path))[at] ^= static_cast<char>(1 << (at % 8));
      count.add(examine(original, std::move(flipped), read_only, false));
      if (n % 2 == 0) continue;
      SimDisk cut = original.disk;
      cut.find(path)->resize(at);
      count.add(examine(original, std::move(cut), read_only, path == newest_log));
      if (n % 4 != 1) continue;
      SimDisk zeroed = original.disk;
      std::string* content = zeroed.find(path);
      const std::size_t sector = at / 512 * 512;
      std::fill_n(content->begin() + static_cast<std::ptrdiff_t>(sector), std::min<std::size_t>(512, size - sector),
                  '\0');
      // Zeros at the end of the newest log are a tail that was never written.
      count.add(examine(original, std::move(zeroed), read_only, path == newest_log && sector + 512 >= size));
    }
    SimDisk longer = original.disk;
    longer.find(path)->append("more");
    count.add(examine(original, std::move(longer), false, false));
    SimDisk missing = original.disk;
    missing.erase(path);
    if (name != "CURRENT") count.add(examine(original, std::move(missing), false, path == newest_log));
    std::printf("[ damage   ] %-24s at open %zu, by verify %zu, harmless %zu, tail lost %zu\n", name.c_str(),
                count.at_open, count.by_verify, count.harmless, count.lost_tail);
    if (HasFailure()) return;
  }
  EXPECT_GE(kinds.size(), 9u) << "every kind of file is there";
}

}  // namespace
}  // namespace sagedb
