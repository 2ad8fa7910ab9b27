#include "support/fuzz_target.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "base/crc32c.h"
#include "engine/op_record.h"
#include "filter/filter.h"
#include "storage/endian.h"
#include "storage/log_recovery.h"
#include "storage/manifest.h"
#include "storage/segment_writer.h"
#include "store/metadata_store.h"
#include "support/durable_fixture.h"

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

void put_header_sum(std::string* file) {
  auto* p = reinterpret_cast<std::uint8_t*>(file->data());
  put_le(p + kHeaderSize - 4, crc32c(0, p, kHeaderSize - 4));
}

// Makes every checksum of a segment or manifest right, so that what is behind them is reached.
void reseal_segment(std::string* file) {
  if (file->size() < kHeaderSize) return;
  auto* p = reinterpret_cast<std::uint8_t*>(file->data());
  const auto payload = get_le<std::uint64_t>(p + 88);
  const std::uint64_t blocks = payload / kChecksumBlock + (payload % kChecksumBlock != 0 ? 1 : 0);
  const std::uint64_t room = file->size() - kHeaderSize;
  if (payload > room || (payload + 7) / 8 * 8 + 4 * blocks > room) return put_header_sum(file);
  const std::uint32_t seed = crc32c(0, p + 32, 16);
  std::uint8_t* table = p + kHeaderSize + (payload + 7) / 8 * 8;
  for (std::uint64_t b = 0; b < blocks; ++b) {
    const std::uint64_t size = std::min<std::uint64_t>(kChecksumBlock, payload - b * kChecksumBlock);
    put_le(table + b * 4, crc32c(block_seed(seed, b), p + kHeaderSize + b * kChecksumBlock, size));
  }
  put_le(p + 136, crc32c(seed, table, blocks * 4));
  put_header_sum(file);
}

// The same for the frames of a log, as long as their sizes lead from one to the next.
void reseal_log(std::string* file) {
  if (file->size() < kHeaderSize) return;
  put_header_sum(file);
  auto* p = reinterpret_cast<std::uint8_t*>(file->data());
  const std::uint32_t seed = crc32c(0, p + 32, 16);
  for (std::uint64_t at = kHeaderSize; at + kFrameHeader <= file->size();) {
    Frame frame;
    frame.payload_size = get_le<std::uint64_t>(p + at + 8);
    if (frame.payload_size > file->size() || frame_size(frame.payload_size) > file->size() - at) return;
    frame.first_sequence = get_le<std::uint64_t>(p + at + 16);
    frame.durable = get_le<std::uint64_t>(p + at + 24);
    frame.payload_crc = crc32c(seed, p + at + kFrameHeader, frame.payload_size);
    frame.operations = get_le<std::uint32_t>(p + at + 36);
    frame.type = static_cast<FrameType>(get_le<std::uint16_t>(p + at + 40));
    encode_frame(frame, seed, at, p + at);
    at += frame_size(frame.payload_size);
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

// Opens a folder and uses everything in it.
void use_database(const SimDisk& disk) {
  SimEnv env(disk);
  expect_damage_at_most([&] {
    const auto db = SageDB::open(stored_options(env));
    std::mt19937_64 rng(1);
    for (int i = 0; i < 3; ++i) {
      const auto query = sagedb::testing::random_vector(rng, db->options().dimension);
      SearchRequest request;
      request.vector = query.data();
      request.ef = 32;
      request.exact = i == 2;
      const SearchResult r = db->search(&request, 1).at(0);
      if (r.error) throw *r.error;
    }
    db->find(nullptr, 100, 0, true);
    db->verify(nullptr, nullptr);
  });
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

FuzzTarget operations_target() {
  FuzzTarget out;
  out.name = "operations";
  SimEnv env;
  const auto db = SageDB::open(options(env));
  std::mt19937_64 rng(9);
  for (int i = 0; i < 12; ++i) {
    std::vector<WriteOp> ops = sagedb::testing::random_ops(rng, kDimension);
    db->apply(ops);
  }
  RecoveredLogs unused;
  const Manifest m = read_current_manifest(env, kFolder, false);
  replay_logs(env, kFolder, m.database, m.log_number, m.sequence,
              [&](const Frame&, const std::string& payload) { out.corpus.push_back(payload); });
  const Options o = options(env);
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
  const SimDisk disk = sample_database();
  return {log_target(disk, ""), manifest_target(disk, ""), database_target(disk, ""), operations_target(),
          filter_target()};
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
