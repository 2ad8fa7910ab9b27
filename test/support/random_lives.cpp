#include "support/random_lives.h"

#include <algorithm>
#include <cmath>

#include "support/sim_env.h"

namespace sagedb::testing {
namespace {

constexpr std::uint32_t kHits = 5;

std::string difference(const Content& got, const Content& want) {
  std::string out = std::to_string(got.size()) + " items, expected " + std::to_string(want.size());
  for (const auto& [id, text] : got)
    if (want.count(id) == 0 || want.at(id) != text) out += "\n  found " + id + " " + text;
  for (const auto& [id, text] : want)
    if (got.count(id) == 0) out += "\n  missing " + id + " " + text;
  return out.substr(0, 2000);
}

const LifeState* find_state(const Content& content, const std::vector<LifeState>& among) {
  const auto at =
      std::find_if(among.rbegin(), among.rend(), [&](const LifeState& s) { return content_of(s) == content; });
  return at == among.rend() ? nullptr : &*at;
}

Options random_options(test::SimRandom& random) {
  static constexpr IndexKind kKinds[] = {IndexKind::flat, IndexKind::hnsw, IndexKind::automatic};
  const bool named = random.chance(0.4);
  Options o = options_for(named ? 0 : kLifeDimensions[0], Metric::l2, kKinds[random.below(3)],
                          10 + static_cast<std::uint32_t>(random.below(30)));
  if (named) o.spaces = {{"a", kLifeDimensions[0], Metric::l2, false}, {"b", kLifeDimensions[1], Metric::l2, false}};
  o.path = kFolder;
  o.background_check = random.chance(0.4);
  if (random.chance(0.5)) o.quantization = Quantization::sq8;
  if (random.chance(0.5)) o.text_fields = {"t"};
  if (random.chance(0.5)) o.checkpoint_bytes = 1000 + random.below(6000);
  static constexpr Durability kModes[] = {Durability::fsync, Durability::fsync, Durability::fsync,
                                          Durability::async, Durability::async, Durability::memory};
  o.durability = kModes[random.below(6)];
  if (random.chance(0.5)) o.hot_memory = 0;
  return o;
}

}  // namespace

RandomLives::RandomLives(std::uint64_t seed, test::FaultRun& fault)
    : random_(seed),
      fault_(fault),
      options_(random_options(random_)),
      changes_(seed, options_.named()),
      in_place_(random_.chance(0.6)),
      env_(std::make_unique<test::SimEnv>()) {
  options_.env = env_.get();
}

void RandomLives::run() {
  static constexpr const char* kModes[] = {"memory", "async", "fsync"};
  note(std::string("mode ") + kModes[static_cast<int>(options_.durability)]);
  for (std::uint64_t lives = 2 + random_.below(7); lives > 0; --lives) {
    note("a life");
    env_->set_in_place(in_place_);
    begin_life();
    for (std::uint64_t steps = 4 + random_.below(40); steps > 0; --steps) {
      step();
      if (poisoned_ && random_.chance(0.3)) break;
    }
    end_life();
    fault_.count("lives");
  }
}

void RandomLives::begin_life() {
  failed_ = poisoned_ = false;
  if (random_.chance(0.4)) arm();
  open();
  if (random_.chance(0.5)) disarm();
  poisoned_ = false;
  const Content found = content_of(*db_);
  const LifeState* const state = find_state(found, after_kill_);
  require(state != nullptr, "the open found another state: " + difference(found, content_of(after_kill_.front())));
  now_ = *state;
  // What an open shows is durable.
  after_kill_ = {now_};
  saved();
  call("verify", [&] { db_->verify(nullptr, nullptr); });
  disarm();
  check_answers(*db_, now_, "after the open");
}

void RandomLives::open() {
  for (int attempt = 0; !db_; ++attempt) {
    if (attempt == 4) disarm();
    require(attempt < 8, "it cannot be opened");
    call("open", [&] { db_ = SageDB::open(options_); });
    if (db_ || random_.chance(0.85)) continue;
    const bool power_lost = random_.chance(0.5);
    boot(env_->disk(), power_lost);
  }
}

void RandomLives::step() {
  if (random_.chance(0.25)) arm();
  switch (random_.below(16)) {
    case 0:
    case 1:
      if (call("checkpoint", [&] { db_->checkpoint(); })) saved();
      break;
    case 2:
      if (call("flush", [&] { db_->flush(); })) saved();
      break;
    case 3:
      if (random_.chance(0.5)) snapshot();
      break;
    case 4:
      if (random_.chance(0.5)) {
        if (call("optimize", [&] { db_->optimize(nullptr, nullptr); })) saved();
      } else if (call("buildIndex", [&] { db_->build_index(nullptr, nullptr); })) {
        saved();
      }
      break;
    case 5:
      call("verify", [&] { db_->verify(nullptr, nullptr); });
      break;
    case 6:
      disarm();
      check_answers(*db_, now_, "amid writes");
      break;
    default:
      change();
  }
  const Content shown = content_of(*db_);
  require(shown == content_of(now_), "not what was acknowledged is shown: " + difference(shown, content_of(now_)));
  if (random_.chance(0.4)) check_reader();
  if (random_.chance(0.3)) disarm();
}

void RandomLives::change() {
  const LifeChange change = changes_.next(now_);
  if (!apply(change) && random_.chance(0.5)) apply(change);  // as callers do
}

bool RandomLives::apply(const LifeChange& change) {
  LifeState next = now_;
  const bool fits = change.effect(next);
  const OpResult result = apply_one(*db_, change.op);
  if (result.error && !fits && result.error->code() == ErrorCode::DUPLICATE_ID) return true;
  if (result.error) {
    refused(change, *result.error, fits ? next : now_);
    return false;
  }
  note("  " + change.name);
  require(fits, change.name + " was acknowledged, with an id that is there");
  fault_.count("acknowledged");
  // Nothing was written: what was refused before may still be found.
  if (content_of(next) == content_of(now_)) return true;
  now_ = std::move(next);
  after_kill_ = {now_};
  after_loss_.push_back(now_);
  if (options_.durability == Durability::fsync) saved();
  return true;
}

void RandomLives::refused(const LifeChange& change, const Error& error, const LifeState& next) {
  judge(change.name, error);
  fault_.count("refused");
  if (error.code() == ErrorCode::READ_ONLY) return;
  // It may be in the log: nobody was told that it is not.
  after_kill_.push_back(next);
  after_loss_.push_back(next);
}

void RandomLives::snapshot() {
  const std::string dir = "/data/snapshot" + std::to_string(++snapshots_);
  const bool done = call("snapshot", [&] { db_->snapshot(dir); });
  if (done) saved();
  disarm();
  check_snapshot(dir, done);
}

// A finished one is a database with the same content, at once durable; of an unfinished one nothing opens but that.
void RandomLives::check_snapshot(const std::string& dir, bool done) {
  test::SimDisk disk = env_->disk();
  if (random_.chance(0.5)) disk = disk.after_power_loss(random_);
  bool any = false;
  for (const std::string& path : disk.paths()) any = any || parent_path(path) == dir;
  if (!any) return require(!done, "a snapshot that was made is not there");
  test::SimEnv env(std::move(disk));
  Options o = options_;
  o.path = dir;
  o.env = &env;
  o.read_only = true;
  try {
    const auto db = SageDB::open(o);
    const Content shown = content_of(*db);
    require(shown == content_of(now_), "a snapshot has another content: " + difference(shown, content_of(now_)));
    db->verify(nullptr, nullptr);
    check_answers(*db, now_, "in a snapshot");
    fault_.count("snapshots");
  } catch (const Error& e) {
    require(!done, "a snapshot does not open: " + e.message());
  }
}

const std::vector<LifeState>& RandomLives::seen_from_outside() const {
  return options_.durability == Durability::memory ? after_loss_ : after_kill_;
}

void RandomLives::check_reader() {
  Options o = options_;
  o.read_only = true;
  const bool followed = reader_ ? call("refresh", [&] { reader_->refresh(); })
                                : call("open a reader", [&] { reader_ = SageDB::open(o); });
  if (!followed) return;
  fault_.count("refreshes");
  const Content shown = content_of(*reader_);
  require(find_state(shown, seen_from_outside()) != nullptr,
          "the reader shows another state: " + difference(shown, content_of(now_)));
}

void RandomLives::check_answers(const SageDB& db, const LifeState& state, const char* where) {
  for (SpaceNo s = 0; s < (options_.named() ? 2u : 1u); ++s) check_searches(db, state, s, where);
  const int number = changes_.number();
  const auto filter = Filter::parse("{\"n\":" + std::to_string(number) + "}");
  const auto matching =
      std::count_if(state.begin(), state.end(), [&](const auto& row) { return row.second.number == number; });
  require(db.count(filter.get()) == static_cast<std::uint64_t>(matching), std::string("a count is wrong ") + where);
  if (!options_.text_fields.empty()) check_texts(db, state, where);
}

void RandomLives::check_searches(const SageDB& db, const LifeState& state, SpaceNo space, const char* where) {
  const Vector query = changes_.vector(space);
  std::vector<double> scores;
  for (const auto& [id, item] : state)
    if (item.vectors.count(space) > 0) scores.push_back(oracle_score(query, item.vectors.at(space), Metric::l2));
  std::sort(scores.begin(), scores.end());
  for (const bool exact : {true, false}) {
    SearchRequest request;
    request.vector = query.data();
    request.space = space;
    request.k = kHits;
    request.exact = exact;
    const SearchResult result = db.search(&request, 1).at(0);
    require(!result.error, std::string("a search failed ") + where);
    require(result.hits.size() == std::min<std::size_t>(kHits, scores.size()),
            "a search found " + std::to_string(result.hits.size()) + " rows " + where);
    for (std::size_t i = 0; i < result.hits.size(); ++i) {
      const Hit& hit = result.hits[i];
      const auto at = state.find(key_of(hit.id));
      require(at != state.end() && at->second.vectors.count(space) > 0, std::string("a hit is none ") + where);
      const double score = oracle_score(query, at->second.vectors.at(space), Metric::l2);
      require(std::fabs(score - hit.score) < 1e-3, std::string("a score is wrong ") + where);
      require(!exact || std::fabs(scores[i] - score) < 1e-4, std::string("a nearer row was left out ") + where);
    }
  }
}

void RandomLives::check_texts(const SageDB& db, const LifeState& state, const char* where) {
  const int word = changes_.word();
  auto text = std::make_shared<TextRequest>();
  text->text = life_word(word);
  SearchRequest request;
  request.text = text;
  request.k = static_cast<std::uint32_t>(state.size()) + 1;
  const SearchResult result = db.search(&request, 1).at(0);
  require(!result.error, std::string("a search by text failed ") + where);
  std::size_t with_word = 0;
  for (const auto& row : state) with_word += row.second.word == word;
  require(result.hits.size() == with_word, "a search by text found " + std::to_string(result.hits.size()) + " of " +
                                               std::to_string(with_word) + " " + where);
  for (const Hit& hit : result.hits) {
    const auto at = state.find(key_of(hit.id));
    require(at != state.end() && at->second.word == word, std::string("a hit by text is none ") + where);
  }
}

void RandomLives::end_life() {
  const bool closes = random_.chance(0.25);
  const bool power_lost = random_.chance(0.5);
  if (closes) {
    if (random_.chance(0.3)) arm();
    if (call("close", [&] { db_->close(); })) saved();
  }
  fault_.count(power_lost ? "powerLosses" : closes ? "closes" : "kills");
  test::SimDisk disk = env_->disk();  // before the destructors, which end in order
  boot(std::move(disk), power_lost);
}

void RandomLives::boot(test::SimDisk disk, bool power_lost) {
  note(power_lost ? "power is lost" : "the process ends");
  if (power_lost) disk = disk.after_power_loss(random_);
  if (power_lost || options_.durability == Durability::memory) after_kill_ = after_loss_;
  disarm();
  reader_.reset();
  db_.reset();
  env_ = std::make_unique<test::SimEnv>(std::move(disk));
  env_->set_in_place(in_place_);
  options_.env = env_.get();
}

void RandomLives::arm() {
  disarm();
  static constexpr ErrorCode kCodes[] = {ErrorCode::IO_ERROR, ErrorCode::DISK_FULL, ErrorCode::OUT_OF_MEMORY,
                                         ErrorCode::PERMISSION_DENIED};
  const std::uint64_t n = 1 + random_.below(random_.chance(0.5) ? 6 : 70);
  const std::uint64_t count = random_.chance(0.6) ? 1 : 1 + random_.below(12);
  const ErrorCode code = kCodes[random_.below(random_.chance(0.9) ? 3 : 4)];
  env_->fail_at(n, code, count);
  note("  operation " + std::to_string(n) + " and " + std::to_string(count - 1) + " more: " + error_code_name(code));
}

void RandomLives::disarm() {
  if (env_->failed()) {
    failed_ = true;
    fault_.count("failures");
  }
  env_->fail_at(0, ErrorCode::IO_ERROR);
}

bool RandomLives::call(const std::string& what, const std::function<void()>& work) {
  try {
    work();
    note("  " + what);
    return true;
  } catch (const Error& e) {
    judge(what, e);
    return false;
  }
}

void RandomLives::judge(const std::string& what, const Error& error) {
  note("  " + what + ": " + error.message());
  failed_ = failed_ || env_->failed();
  const bool planted = error.message().find("injected failure") != std::string::npos;
  // Only writes of a log end with a failed sync; in mode memory there is none.
  if (error.code() == ErrorCode::READ_ONLY && failed_ && options_.durability != Durability::memory) {
    poisoned_ = true;
  } else {
    require(planted, what + ": " + error_code_name(error.code()) + ", " + error.message());
  }
}

void RandomLives::require(bool holds, const std::string& otherwise) const {
  if (!holds) throw Surprise(otherwise);
}

}  // namespace sagedb::testing
