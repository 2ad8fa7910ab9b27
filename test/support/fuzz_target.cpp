#include "support/fuzz_target.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>

#include "engine/op_record.h"
#include "filter/filter.h"
#include "storage/endian.h"
#include "storage/log_recovery.h"
#include "storage/manifest.h"
#include "store/metadata_store.h"
#include "support/durable_fixture.h"
#include "support/reseal.h"
#include "support/spaces_fixture.h"

namespace sagedb::test {
namespace {

using sagedb::testing::durable_options;
using sagedb::testing::kFolder;

constexpr std::uint32_t kDimension = 33;

Options options(Env& env) {
  Options o = durable_options(env, kDimension, Metric::cosine, IndexKind::hnsw);
  o.threads = 1;
  return o;
}

// A database with every kind of file: two generations and a log with frames.
SimDisk sample_database() {
  SimEnv env;
  std::mt19937_64 rng(5);
  auto db = SageDB::open(options(env));
  for (int i = 0; i < 40; ++i) {
    if (i == 15 || i == 30) {
      db->build_index(nullptr, nullptr);
      db->checkpoint();
    }
    std::vector<WriteOp> ops = sagedb::testing::random_ops(rng, kDimension);
    db->apply(ops);
  }
  return env.disk();
}

Options spaces_options(Env& env) {
  Options o = sagedb::testing::spaces_options(IndexKind::hnsw, 1u << 20);
  o.path = kFolder;
  o.env = &env;
  o.threads = 1;
  o.background_check = false;
  o.text_fields = {"title", "tags"};
  return o;
}

// The same with named spaces, of which items have some, and texts.
SimDisk sample_spaces() {
  SimEnv env;
  std::mt19937_64 rng(6);
  auto db = SageDB::open(spaces_options(env));
  sagedb::testing::SpacesModel model;
  for (int i = 0; i < 60; ++i) {
    if (i == 20 || i == 45) {
      db->build_index(nullptr, nullptr);
      db->checkpoint();
    }
    sagedb::testing::random_change(*db, model, rng, 30);
    const std::string text =
        "{\"title\":\"the " + std::to_string(i % 7) + " foxes\",\"tags\":[\"red\",\"w" + std::to_string(i) + "\"]}";
    if (i % 2 == 0)
      sagedb::testing::apply_one(
          *db, sagedb::testing::op_of(WriteOp::Kind::update, {}, {ExternalId(std::int64_t{i / 2})}, {text}));
  }
  return env.disk();
}

void require(bool allowed, const Error& e) {
  if (!allowed) throw std::runtime_error(std::string("an error of another kind: ") + e.message());
}

// Runs `work`; damaged input may end with these codes only.
void expect_damage_at_most(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& e) {
    const ErrorCode c = e.code();
    require(c == ErrorCode::CORRUPTION || c == ErrorCode::UNSUPPORTED_FORMAT || c == ErrorCode::CONFIG_MISMATCH ||
                c == ErrorCode::OUT_OF_MEMORY || c == ErrorCode::LIMIT_EXCEEDED,
            e);
  }
}

std::vector<std::string> paths_with(const SimDisk& disk, const char* part) {
  std::vector<std::string> out;
  for (const std::string& path : disk.paths())
    if (path.find(part) != std::string::npos) out.push_back(path);
  return out;
}

// What the folder says of itself.
Options stored_options(Env& env) {
  Options o;
  o.path = kFolder;
  o.env = &env;
  o.threads = 1;
  o.background_check = false;
  o.open_metric = o.open_vectors = o.open_index = o.open_M = o.open_text_fields = true;
  return o;
}

void search(const SageDB& db, const SearchRequest& request) {
  const SearchResult r = db.search(&request, 1).at(0);
  if (r.error) throw *r.error;
}

// Searches near and exact in every space, by text where there is text, and of what is found all that is stored.
void search_everything(const SageDB& db) {
  std::mt19937_64 rng(1);
  for (SpaceNo space = 0; space < db.options().space_count(); ++space) {
    for (int i = 0; i < 3; ++i) {
      const auto query = sagedb::testing::random_vector(rng, db.options().spaces[space].dimension);
      SearchRequest request;
      request.space = space;
      request.vector = query.data();
      request.ef = 32;
      request.exact = i == 2;
      request.include_metadata = request.include_vector = true;
      search(db, request);
    }
  }
  if (db.options().text_fields.empty()) return;
  auto words = std::make_shared<TextRequest>();
  words->text = "red foxes";
  SearchRequest request;
  request.text = words;
  search(db, request);
}

std::vector<Item> items_of(const SageDB& db) {
  std::vector<Item> items = db.find(nullptr, ~std::uint64_t{0}, 0, true);
  if (items.size() != db.size()) throw std::runtime_error("another number of items than size() says");
  return items;
}

std::string text_of(const std::vector<Item>& items) {
  std::set<std::string> all;
  for (const Item& item : items) {
    const auto* const bytes = reinterpret_cast<const char*>(item.vector.data());
    all.insert(sagedb::testing::key_of(item.id) + " " + std::to_string(item.spaces) + " " + item.metadata + " " +
               std::string(bytes, item.vector.size() * sizeof(float)));
  }
  std::string out;
  for (const std::string& item : all) out += item + "\n";
  return out;
}

void write(SageDB& db, WriteOp op) {
  if (db.options().named() && !op.vectors.empty()) op.given.assign(op.count, db.options().all_spaces());
  std::vector<WriteOp> ops;
  ops.push_back(std::move(op));
  for (const OpResult& r : db.apply(ops))
    if (r.error) throw *r.error;
}

// Goes on with a database in which verify() found nothing: writes to old items and new ones, a build, a compaction, a checkpoint. All of
// it works, and the next open gives what was there.
void go_on(SimEnv& env, const std::shared_ptr<SageDB>& db) {
  using sagedb::testing::op_of;
  std::mt19937_64 rng(2);
  const std::vector<Item> items = items_of(*db);
  const auto vector = [&] { return sagedb::testing::random_vector(rng, db->options().dimension); };
  write(*db, op_of(WriteOp::Kind::upsert, {vector()}, {ExternalId("new")}, {R"({"title":"a new fox"})"}));
  for (std::size_t i = 0; i < std::min<std::size_t>(items.size(), 6); ++i) {
    const ExternalId& id = items[i * (items.size() - 1) / 5].id;
    if (i % 3 == 0) write(*db, op_of(WriteOp::Kind::upsert, {vector()}, {id}, {R"({"n":1})"}));
    if (i % 3 == 1) write(*db, op_of(WriteOp::Kind::update, {}, {id}, {R"({"n":2,"title":"another"})"}));
    if (i % 3 == 2) write(*db, op_of(WriteOp::Kind::remove, {}, {id}));
  }
  db->build_index(nullptr, nullptr);
  search_everything(*db);
  const std::string content = text_of(items_of(*db));
  db->checkpoint();
  db->optimize(nullptr, nullptr);
  search_everything(*db);
  if (text_of(items_of(*db)) != content) throw std::runtime_error("optimize() changed the content");
  db->close();
  const auto again = SageDB::open(stored_options(env));
  if (text_of(items_of(*again)) != content) throw std::runtime_error("the next open gives other content");
  again->verify(nullptr, nullptr);
}

// Opens a folder, uses everything in it, and goes on with it when nothing is wrong with it.
void use_database(const SimDisk& disk) {
  SimEnv env(disk);
  std::shared_ptr<SageDB> db;
  expect_damage_at_most([&] {
    auto opened = SageDB::open(stored_options(env));
    search_everything(*opened);
    opened->find(nullptr, 100, 0, true);
    opened->verify(nullptr, nullptr);
    db = std::move(opened);
  });
  if (!db) return;
  try {
    go_on(env, db);
  } catch (const Error& e) {
    require(e.code() == ErrorCode::OUT_OF_MEMORY || e.code() == ErrorCode::LIMIT_EXCEEDED, e);
  }
}

// The sample with one file replaced.
void use_with(const SimDisk& disk, const std::string& path, std::string content) {
  SimDisk changed = disk;
  *changed.find(path) = std::move(content);
  use_database(changed);
}

// The first byte of the input says which segment of the sample it replaces.
FuzzTarget database_target(const SimDisk& disk, const std::string& of) {
  FuzzTarget out;
  out.name = "database" + of;
  const std::vector<std::string> files = paths_with(disk, ".seg");
  for (std::size_t i = 0; i < files.size(); ++i)
    out.corpus.push_back(std::string(1, static_cast<char>(i)) + *disk.find(files[i]));
  out.repair = [](std::string* input) {
    if (input->empty()) return;
    std::string file = input->substr(1);
    reseal_segment(&file);
    input->replace(1, std::string::npos, file);
  };
  out.run = [disk, files, repair = out.repair](std::string input) {
    if (input.empty()) return;
    repair(&input);
    use_with(disk, files[static_cast<unsigned char>(input[0]) % files.size()], input.substr(1));
  };
  return out;
}

FuzzTarget log_target(const SimDisk& disk, const std::string& of) {
  FuzzTarget out;
  out.name = "log" + of;
  const std::vector<std::string> logs = paths_with(disk, "wal-");
  const std::string path = logs.back();
  for (const std::string& log : logs) out.corpus.push_back(*disk.find(log));
  out.repair = reseal_log;
  out.run = [disk, path](const std::string& input) {
    use_with(disk, path, input);
    std::string sealed = input;
    reseal_log(&sealed);
    if (sealed != input) use_with(disk, path, std::move(sealed));
  };
  return out;
}

FuzzTarget manifest_target(const SimDisk& disk, const std::string& of) {
  const std::string path = paths_with(disk, "MANIFEST-").back();
  FuzzTarget out;
  out.name = "manifest" + of;
  out.corpus = {*disk.find(path)};
  out.repair = reseal_segment;
  out.run = [disk, path](std::string input) {
    reseal_segment(&input);
    use_with(disk, path, std::move(input));
  };
  return out;
}

SimDisk disk_with(const std::filesystem::path& folder) {
  SimEnv env;
  env.make_dir(kFolder);
  SimDisk disk = env.disk();
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    disk.put(join_path(kFolder, entry.path().filename().string()),
             std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()));
  }
  return disk;
}

// Records of the logs of a sample.
FuzzTarget operations_target(const SimDisk& disk, const Options& o, const std::string& of) {
  FuzzTarget out;
  out.name = "operations" + of;
  SimEnv env(disk);
  const Manifest m = read_current_manifest(env, kFolder, false);
  replay_logs(env, kFolder, m.database, m.log_number, m.sequence,
              [&](const Frame&, const std::string& payload) { out.corpus.push_back(payload); });
  out.run = [o](const std::string& input) { expect_damage_at_most([&] { decode_ops(input, o); }); };
  return out;
}

FuzzTarget filter_target() {
  FuzzTarget out;
  out.name = "filter";
  out.corpus = {R"({"year":{"$gte":2020,"$lt":2030},"tags":{"$all":["a","b"]}})",
                R"({"$or":[{"a.b":{"$in":[1,"x",null,true]}},{"$nor":[{"c":{"$exists":false}}]}]})",
                R"({"list":{"$elemMatch":{"n":{"$gt":-1.5e3}}},"text":{"$contains":"\u00e9\ud83d\ude00"}})",
                R"({"a":{"$not":{"$nin":[[1,2],{"x":1}]}},"$and":[{"b":{"c":1}},{}]})"};
  const auto store = std::make_shared<MetadataStore>();
  std::vector<MetadataStore::Prepared> documents;
  for (const char* text :
       {R"({"year":2021,"tags":["a","b"]})", R"({"a":{"b":1},"list":[{"n":3}]})", "{}", R"({"text":"é😀","a":[1,2]})"})
    documents.push_back(MetadataStore::prepare(text));
  store->reserve(documents.data(), documents.size(), 0);
  for (RecordNo r = 0; r < documents.size(); ++r) store->append(r, documents[r]);
  const auto count = static_cast<RecordNo>(documents.size());
  out.run = [store, count](const std::string& input) {
    std::shared_ptr<const Filter> filter;
    try {
      filter = Filter::parse(input);
    } catch (const Error& e) {
      return require(e.code() == ErrorCode::INVALID_FILTER || e.code() == ErrorCode::LIMIT_EXCEEDED, e);
    }
    const RecordSet set = evaluate(*filter, *store, count);
    if (estimate_matches(*filter, *store, count) > count) throw std::runtime_error("an estimate beyond the records");
    for (RecordNo r = 0; r < count; ++r)
      if (set.contains(r) != matches(*filter, *store, r)) throw std::runtime_error("set and single match disagree");
  };
  return out;
}

}  // namespace

std::vector<FuzzTarget> fuzz_targets() {
  SimEnv unused;
  const SimDisk disk = sample_database(), spaces = sample_spaces();
  return {log_target(disk, ""),
          manifest_target(disk, ""),
          database_target(disk, ""),
          operations_target(disk, resolved(options(unused)), ""),
          filter_target(),
          log_target(spaces, "-spaces"),
          manifest_target(spaces, "-spaces"),
          database_target(spaces, "-spaces"),
          operations_target(spaces, resolved(spaces_options(unused)), "-spaces")};
}

std::vector<FuzzTarget> golden_fuzz_targets(const std::string& folder) {
  std::vector<FuzzTarget> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const SimDisk disk = disk_with(entry.path() / "db");
    const std::string of = "-" + entry.path().filename().string();
    out.push_back(log_target(disk, of));
    out.push_back(manifest_target(disk, of));
    out.push_back(database_target(disk, of));
  }
  return out;
}

std::string mutate(const std::vector<std::string>& corpus, std::mt19937_64& rng) {
  static constexpr std::uint32_t kNumbers[] = {0,     1,     2,          7,          8,          255,
                                               65535, 65536, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
  std::string out = corpus[rng() % corpus.size()];
  for (std::uint64_t changes = 1 + rng() % 4; changes > 0 && !out.empty(); --changes) {
    const std::size_t at = rng() % out.size();
    switch (rng() % 7) {
      case 0:
      case 1:
        out[at] ^= static_cast<char>(1 << (rng() % 8));
        break;
      case 2:
        out[at] = static_cast<char>(rng());
        break;
      case 3: {
        const std::uint32_t number = kNumbers[rng() % std::size(kNumbers)];
        if (at + sizeof number <= out.size()) put_le(out.data() + at, number);
        break;
      }
      case 4:
        out.erase(at, 1 + rng() % 32);
        break;
      case 5:
        out.insert(at, out.substr(rng() % out.size(), rng() % 64));
        break;
      case 6: {
        const std::string& other = corpus[rng() % corpus.size()];
        out.replace(at, std::string::npos, other.substr(std::min(at, other.size())));
        break;
      }
    }
  }
  return out;
}

}  // namespace sagedb::test
