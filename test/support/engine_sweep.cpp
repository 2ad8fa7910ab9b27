#include "support/engine_sweep.h"

namespace sagedb::testing {

using test::SimDisk;
using test::SimEnv;

void run_engine(SimEnv& env, std::uint64_t seed, EngineHistory* run) {
  std::mt19937_64 rng(seed);
  run->after.push_back({});
  auto db = SageDB::open(durable_options(env));
  // Enough rows that later checkpoints name older segments again.
  std::vector<Vector> rows;
  for (int i = 0; i < 150; ++i) rows.push_back(random_vector(rng, 4));
  const std::vector<std::string> texts(rows.size(), "{\"text\":\"" + std::string(40, 't') + "\"}");
  const OpResult loaded = apply_one(*db, op_of(WriteOp::Kind::add, rows, {}, texts));
  if (loaded.error) throw *loaded.error;
  run->after.push_back(content_of(*db));
  run->acknowledged.emplace_back(env.moment(), 1);
  db->checkpoint();
  for (int step = 0; step < 24; ++step) {
    std::vector<WriteOp> ops = random_ops(rng, 4);
    const std::vector<OpResult> results = db->apply(ops);
    for (const OpResult& r : results)
      if (r.error) throw *r.error;
    run->after.push_back(content_of(*db));
    run->acknowledged.emplace_back(env.moment(), run->after.size() - 1);
    if (step % 7 == 4) db->checkpoint();
    if (step % 9 == 8) {
      if (step % 2 == 0) db->close();
      db.reset();
      db = SageDB::open(durable_options(env));
      if (content_of(*db) != run->after.back()) throw Error(ErrorCode::INTERNAL, "a reopen changed the content");
    }
  }
}

std::string check_engine(const SimDisk& disk, const EngineHistory& run, std::size_t promised, std::size_t attempted) {
  try {
    SimEnv env(disk);
    Content found;
    {
      auto db = SageDB::open(durable_options(env));
      found = content_of(*db);
      std::size_t n = promised;
      while (n < run.after.size() && run.after[n] != found) ++n;
      if (n > attempted || n == run.after.size()) {
        for (std::size_t older = 0; older < promised; ++older)
          if (run.after[older] == found) return "lost acknowledged groups";
        return "a state that never was";
      }
      const OpResult r = apply_one(*db, op_of(WriteOp::Kind::upsert, {{9, 9, 9, 9}}, {ExternalId("after")}, {"{}"}));
      if (r.error) return "cannot write: " + r.error->message();
      found = content_of(*db);
    }
    if (content_of(*SageDB::open(durable_options(env))) != found) return "the second open differs";
    return {};
  } catch (const Error& e) {
    return std::string("cannot be opened: ") + error_code_name(e.code()) + " " + e.message();
  }
}

std::string sweep_engine_kills(std::uint64_t seed, std::size_t stride, std::size_t* losses) {
  SimEnv env;
  EngineHistory run;
  run_engine(env, seed, &run);
  std::string problem;
  SimDisk disk = SimEnv().disk();
  std::size_t seen = seed;
  for (std::size_t moment = 1; moment <= env.journal().size() && problem.empty(); ++moment) {
    const test::SimOp& last = env.journal()[moment - 1];
    disk.apply(last);
    if (last.kind != test::SimOp::Kind::rename || seen++ % stride != 0) continue;
    SimEnv life(disk);
    EngineHistory second = run;
    std::size_t groups = run.promised_at(moment);
    second.acknowledged = {{0, groups}};
    try {
      auto db = SageDB::open(durable_options(life));
      const Content found = content_of(*db);
      while (groups < run.after.size() && run.after[groups] != found) ++groups;
      if (groups == run.after.size()) throw Error(ErrorCode::INTERNAL, "a state that never was");
      second.acknowledged.emplace_back(life.moment(), groups);  // what it shows must stay
      const OpResult r = apply_one(*db, op_of(WriteOp::Kind::upsert, {{7, 7, 7, 7}}, {ExternalId("life")}, {"{}"}));
      if (r.error) throw *r.error;
      second.after.resize(groups + 1);
      second.after.push_back(content_of(*db));
      second.acknowledged.emplace_back(life.moment(), groups + 1);
    } catch (const Error& e) {
      return "killed at moment " + std::to_string(moment) + ": " + e.message();
    }
    test::sweep_power_loss(disk, life.journal(), 1, seed + moment, [&](std::size_t at, SimDisk lost) {
      ++*losses;
      if (!problem.empty()) return;
      problem = check_engine(lost, second, second.promised_at(at), groups + 1);
      if (!problem.empty()) problem = "killed at moment " + std::to_string(moment) + ": " + problem;
    });
  }
  return problem;
}

}  // namespace sagedb::testing
