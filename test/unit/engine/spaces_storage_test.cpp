// Databases with named spaces on a simulated disk: what was acknowledged comes back, whole, in every space; damage is found; older
// programs are kept out, and a database without spaces is what it always was.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "storage/file_header.h"
#include "support/durable_fixture.h"
#include "support/engine_sweep.h"
#include "support/spaces_fixture.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;
using test::SimDisk;
using test::SimEnv;

Options stored_spaces(Env& env, IndexKind kind = IndexKind::hnsw, std::uint32_t threshold = 1u << 20) {
  Options o = spaces_options(kind, threshold);
  o.path = kFolder;
  o.env = &env;
  o.background_check = false;
  return o;
}

// What every search for `queries` finds exactly, in all spaces.
std::vector<std::int64_t> exact_answers(const SageDB& db, std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  std::vector<std::int64_t> out;
  for (SpaceNo s = 0; s < db.options().spaces.size(); ++s) {
    for (int q = 0; q < 4; ++q) {
      const Vector query = random_vector(rng, db.options().spaces[s].dimension);
      SearchRequest request = in_space(s, query, 10);
      request.exact = true;
      for (const Hit& hit : run(db, request).hits) out.push_back(hit.id.number());
      out.push_back(-1);
    }
  }
  return out;
}

// Property: whatever was done before, a reopen gives the content and the answers that were there, from log, segments, or both.
TEST(SpacesStorage, AReopenGivesWhatWasThere) {
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SimEnv env;
    std::mt19937_64 rng(seed);
    const Options o = stored_spaces(env, seed % 4 == 0 ? IndexKind::flat : IndexKind::hnsw);
    auto db = SageDB::open(o);
    SpacesModel model;
    for (int step = 0; step < 30; ++step) {
      for (int i = 0; i < 40; ++i) random_change(*db, model, rng, 400);
      switch (rng() % 5) {
        case 0:
          db->checkpoint();
          break;
        case 1:
          db->build_index(nullptr, nullptr);
          break;
        case 2:
          db->optimize(nullptr, nullptr);
          break;
        case 3: {
          const auto before = exact_answers(*db, seed);
          if (rng() % 2 == 0) db->close();
          db.reset();
          Options again = o;
          if (rng() % 2 == 0) again.spaces.clear(), again.open_metric = true;  // what is stored
          db = SageDB::open(again);
          EXPECT_EQ(exact_answers(*db, seed), before);
          db->verify(nullptr, nullptr);
          break;
        }
        case 4:
          break;
      }
      ASSERT_EQ(difference(*db, model), "") << "step " << step;
    }
  }
}

// Property: an update of some vectors together with the metadata keeps the other vectors, also when it is read from the log.
TEST(SpacesStorage, AnUpdateOfVectorAndMetadataKeepsTheOtherVectors) {
  SimEnv env;
  std::mt19937_64 rng(7);
  auto db = SageDB::open(stored_spaces(env));
  const std::vector<SpaceSpec>& spaces = db->options().spaces;
  SpacesModel model;
  model.items[1] = {random_vectors(rng, spaces, db->options().all_spaces()), 1};
  expect_ok(apply_one(*db, spaces_op(WriteOp::Kind::upsert, {model.items[1].vectors}, {ExternalId(1)}, {"{\"n\":1}"})));
  const SpaceVectors patch = random_vectors(rng, spaces, SpaceSet{2});
  expect_ok(apply_one(*db, spaces_op(WriteOp::Kind::update, {patch}, {ExternalId(1)}, {"{\"n\":2}"})));
  model.items[1].vectors[1] = patch.at(1);
  model.items[1].n = 2;
  EXPECT_EQ(difference(*db, model), "");
  db.reset();
  db = SageDB::open(stored_spaces(env));
  EXPECT_EQ(difference(*db, model), "");
}

// Every item by id: metadata, which spaces, vectors.
Content spaces_content(const SageDB& db) {
  Content out;
  for (const Item& item : db.find(nullptr, ~std::uint64_t{0}, 0, true))
    out[key_of(item.id)] = std::to_string(item.spaces) + " " + text_of(item);
  return out;
}

void run_spaces(SimEnv& env, std::uint64_t seed, EngineHistory* history) {
  std::mt19937_64 rng(seed);
  history->after.push_back({});
  auto db = SageDB::open(stored_spaces(env));
  SpacesModel unused;
  for (int step = 0; step < 24; ++step) {
    random_change(*db, unused, rng, 8);
    history->after.push_back(spaces_content(*db));
    history->acknowledged.emplace_back(env.moment(), history->after.size() - 1);
    if (step == 8) db->build_index(nullptr, nullptr);
    if (step == 15) db->optimize(nullptr, nullptr);
    if (step % 11 == 4) db->checkpoint();
    if (step == 19) db.reset(), db = SageDB::open(stored_spaces(env));
  }
}

// Property: after a loss of power at any moment the database opens to a state between the last acknowledged and the last attempted one,
// with all vectors of every item, and verifies.
TEST(SpacesStorage, PowerLossAtEveryMoment) {
  SimEnv env;
  EngineHistory history;
  run_spaces(env, 5, &history);
  std::size_t losses = 0;
  test::sweep_power_loss(SimEnv().disk(), env.journal(), 1, 5, [&](std::size_t moment, SimDisk disk) {
    ++losses;
    SimEnv after(std::move(disk));
    auto db = SageDB::open(stored_spaces(after));
    const Content found = spaces_content(*db);
    std::size_t n = history.promised_at(moment);
    while (n < history.after.size() && history.after[n] != found) ++n;
    ASSERT_LT(n, history.after.size()) << "a state that never was, or one before the acknowledged; moment " << moment;
    db->verify(nullptr, nullptr);
  });
  EXPECT_GT(losses, 100u);
}

std::string manifest_of(const SimDisk& disk) {
  std::string newest;
  for (const std::string& path : disk.paths())
    if (path.find("MANIFEST-") != std::string::npos) newest = std::max(newest, path);
  return newest;
}

// Property: the manifest of a database with spaces carries the bit that keeps older programs out; one without has neither bit nor the number of
// a space in any of its files, so that it is byte for byte what older programs write and read.
TEST(SpacesStorage, OnlyDatabasesWithSpacesAreNewer) {
  for (const bool spaces : {true, false}) {
    SimEnv env;
    std::mt19937_64 rng(7);
    auto db = SageDB::open(spaces ? stored_spaces(env) : durable_options(env, 40, Metric::cosine, IndexKind::hnsw));
    SpacesModel model;
    for (int i = 0; i < 300; ++i) {
      if (spaces) random_change(*db, model, rng, 200);
      if (!spaces) expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {random_vector(rng, 40)})));
    }
    db->build_index(nullptr, nullptr);
    db->checkpoint();
    db->close();
    const SimDisk disk = env.disk();
    std::set<int> numbers;
    for (const std::string& path : disk.paths()) {
      const std::string& file = *disk.find(path);
      if (file.size() < kHeaderSize) continue;
      const bool manifest = path.find("MANIFEST-") != std::string::npos;
      EXPECT_EQ(file[24], spaces && manifest ? 1 : 0) << path;
      numbers.insert(file[130]);
      EXPECT_TRUE(spaces || file[130] == 0) << path;
      EXPECT_TRUE(spaces || path.find("presence") == std::string::npos) << path;
    }
    EXPECT_EQ(numbers.size(), spaces ? 3u : 1u);
    // A bit that this program does not know either.
    SimDisk newer = disk;
    std::string& file = *newer.find(manifest_of(newer));
    FileHeader h = decode_header(file.data(), file.size(), FileKind::manifest, true, "");
    h.incompatible |= 2;
    const HeaderBytes bytes = encode_header(h);
    file.replace(0, bytes.size(), reinterpret_cast<const char*>(bytes.data()), bytes.size());
    SimEnv other(newer);
    Options o = spaces ? stored_spaces(other) : durable_options(other, 40, Metric::cosine, IndexKind::hnsw);
    EXPECT_EQ(code_of([&] { SageDB::open(o); }), ErrorCode::UNSUPPORTED_FORMAT);
  }
}

// Property: options that contradict what is stored are refused; the order of the names is no contradiction.
TEST(SpacesStorage, ContradictingOptionsAreRefused) {
  SimEnv env;
  SageDB::open(stored_spaces(env))->close();
  const auto open_with = [&](const std::function<void(Options*)>& change) {
    Options o = stored_spaces(env);
    change(&o);
    return code_of([&] { SageDB::open(o); });
  };
  EXPECT_EQ(open_with([](Options* o) { o->spaces[1].dimension = 13; }), ErrorCode::CONFIG_MISMATCH);
  EXPECT_EQ(open_with([](Options* o) { o->spaces[1].metric = Metric::ip; }), ErrorCode::CONFIG_MISMATCH);
  EXPECT_EQ(open_with([](Options* o) { o->spaces[1].name = "photo"; }), ErrorCode::CONFIG_MISMATCH);
  EXPECT_EQ(open_with([](Options* o) { o->spaces.pop_back(); }), ErrorCode::CONFIG_MISMATCH);
  EXPECT_EQ(open_with([](Options* o) { o->spaces.clear(), o->dimension = 40; }), ErrorCode::CONFIG_MISMATCH);
  EXPECT_EQ(open_with([](Options* o) { o->spaces[2].name = o->spaces[0].name; }), ErrorCode::INVALID_ARGUMENT);
  Options turned = stored_spaces(env);
  std::swap(turned.spaces[0], turned.spaces[2]);
  EXPECT_EQ(SageDB::open(turned)->options().spaces[0].name, "title");
  SimEnv plain;
  SageDB::open(durable_options(plain))->close();
  EXPECT_EQ(code_of([&] { SageDB::open(stored_spaces(plain)); }), ErrorCode::CONFIG_MISMATCH);
}

// Property: a snapshot is a complete database, a reader follows the writer in all spaces, and both verify.
TEST(SpacesStorage, SnapshotsAndReadersHaveAllSpaces) {
  SimEnv env;
  std::mt19937_64 rng(9);
  auto db = SageDB::open(stored_spaces(env, IndexKind::hnsw, 100));
  Options reading = stored_spaces(env);
  reading.read_only = true;
  auto reader = SageDB::open(reading);
  SpacesModel model;
  for (int step = 0; step < 20; ++step) {
    for (int i = 0; i < 40; ++i) random_change(*db, model, rng, 300);
    if (step % 4 == 1) db->checkpoint();
    if (step % 7 == 3) db->optimize(nullptr, nullptr);
    reader->refresh();
    ASSERT_EQ(difference(*reader, model), "") << step;
    ASSERT_EQ(exact_answers(*reader, 1), exact_answers(*db, 1));
  }
  reader->verify(nullptr, nullptr);
  int copies = 0;
  for (SageDB* source : {db.get(), reader.get()}) {
    Options o = stored_spaces(env);
    o.path = "/data/copy" + std::to_string(++copies);
    source->snapshot(o.path);
    auto copy = SageDB::open(o);
    EXPECT_EQ(difference(*copy, model), "");
    EXPECT_EQ(exact_answers(*copy, 1), exact_answers(*db, 1));
    copy->verify(nullptr, nullptr);
  }
}

// Property: a flipped bit in any segment is refused, or found by verify(); damage of one space's index leads to new indexes, and no answer then
// has an item without a vector in the space.
TEST(SpacesStorage, DamageIsFound) {
  SimEnv env;
  std::mt19937_64 rng(10);
  SpacesModel model;
  {
    auto db = SageDB::open(stored_spaces(env));
    for (int i = 0; i < 1200; ++i) random_change(*db, model, rng, 900);
    db->build_index(nullptr, nullptr);
    db->checkpoint();
    db->close();
  }
  const SimDisk good = env.disk();
  std::set<std::string> kinds;
  int refused = 0, rebuilt = 0;
  for (const std::string& path : good.paths()) {
    if (path.find(".seg") == std::string::npos) continue;
    const std::size_t slash = path.rfind('/') + 1;
    const std::string kind = path.substr(slash, path.find('-', slash) - slash);
    kinds.insert(kind);
    SimDisk disk = good;
    std::string& file = *disk.find(path);
    if (kind == "presence") {
      std::swap(file[kHeaderSize], file[kHeaderSize + 1]);  // as many vectors, of other rows
    } else {
      file[kHeaderSize + rng() % (file.size() - kHeaderSize)] ^= 4;
    }
    SimEnv damaged(disk);
    Options o = stored_spaces(damaged);
    o.background_check = true;
    try {
      auto db = SageDB::open(o);
      while (db->stats().check_state == "running") std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const bool of_index = kind == "graph" || kind == "codes" || kind == "errors";
      EXPECT_TRUE(of_index || db->stats().check_state == "damaged") << path;
      if (!of_index) continue;
      db->build_index(nullptr, nullptr);
      db->checkpoint();
      db->verify(nullptr, nullptr);
      EXPECT_EQ(difference(*db, model), "");
      for (SpaceNo s = 0; s < 3; ++s) {
        const Vector query = random_vector(rng, db->options().spaces[s].dimension);
        for (const Hit& hit : run(*db, in_space(s, query, 20)).hits)
          EXPECT_EQ(model.items.at(hit.id.number()).vectors.count(s), 1u);
      }
      ++rebuilt;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::CORRUPTION) << path << e.message();
      std::printf("[ message  ] %s\n", e.message().c_str());
      ++refused;
    }
  }
  EXPECT_EQ(kinds.count("presence"), 1u);
  EXPECT_GE(refused, 3) << "tombstones and the maps of the spaces are read at open";
  EXPECT_GE(rebuilt, 5);
}

}  // namespace
}  // namespace sagedb
