#include "support/life_model.h"

#include <utility>

namespace sagedb::testing {
namespace {

void remove_number(int number, LifeState* state) {
  for (auto it = state->begin(); it != state->end();)
    it = it->second.number == number ? state->erase(it) : std::next(it);
}

std::string where(int number) { return "{\"n\":" + std::to_string(number) + "}"; }

}  // namespace

std::string life_word(int word) { return "word" + std::to_string(word); }

std::string life_metadata(const LifeItem& item) {
  return "{\"n\":" + std::to_string(item.number) + ",\"t\":\"" + life_word(item.word) + " of many\"}";
}

Content content_of(const LifeState& state) {
  Content out;
  for (const auto& [id, of_id] : state) {
    Item item;
    item.metadata = life_metadata(of_id);
    for (const auto& [space, v] : of_id.vectors) item.vector.insert(item.vector.end(), v.begin(), v.end());
    out[id] = text_of(item);
  }
  return out;
}

ExternalId LifeChanges::id() {
  const std::uint64_t n = rng_() % 60;
  return n % 2 == 0 ? ExternalId(static_cast<std::int64_t>(n)) : ExternalId("id-" + std::to_string(n));
}

LifeItem LifeChanges::item() {
  LifeItem out;
  out.number = number();
  out.word = word();
  const std::uint64_t given = named_ ? 1 + rng_() % 3 : 1;
  for (SpaceNo s = 0; s < 2; ++s)
    if ((given >> s) & 1) out.vectors[s] = vector(s);
  return out;
}

void LifeChanges::give(const LifeItem& item, WriteOp* op) const {
  SpaceSet given = 0;
  for (const auto& [space, v] : item.vectors) {
    given |= SpaceSet{1} << space;
    op->vectors.insert(op->vectors.end(), v.begin(), v.end());
  }
  if (named_) op->given.push_back(given);
}

void LifeChanges::put(const std::string& key, ExternalId id, LifeItem item, LifeState* rows, WriteOp* op) const {
  if (rows->count(key) > 0) return;
  op->ids.push_back(std::move(id));
  op->metadata.push_back(life_metadata(item));
  give(item, op);
  op->count = op->ids.size();
  (*rows)[key] = std::move(item);
}

LifeChange LifeChanges::puts() {
  LifeChange out;
  const bool add = rng_() % 4 == 0;
  out.op.kind = add ? WriteOp::Kind::add : WriteOp::Kind::upsert;
  LifeState rows;
  for (std::size_t i = rng_() % 10 == 0 ? 30 : 1 + rng_() % 5; i > 0; --i) {
    const ExternalId of_row = add ? ExternalId("new-" + std::to_string(rng_() % 1000000)) : id();
    put(key_of(of_row), of_row, item(), &rows, &out.op);
  }
  out.name = (add ? "add " : "upsert ") + std::to_string(out.op.count);
  out.effect = [rows = std::move(rows), add](LifeState& state) {
    for (const auto& row : rows)
      if (add && state.count(row.first) > 0) return false;
    for (const auto& [key, item] : rows) state[key] = item;
    return true;
  };
  return out;
}

LifeChange LifeChanges::update() {
  LifeChange out;
  out.op.kind = WriteOp::Kind::update;
  out.op.ids = {id()};
  out.op.count = 1;
  const LifeItem changed = item();
  const std::uint64_t what = rng_() % 3;
  const bool vectors = what != 0, metadata = what != 1;
  if (vectors) give(changed, &out.op);
  if (metadata) out.op.metadata = {life_metadata(changed)};
  const std::string key = key_of(out.op.ids[0]);
  out.name = "update " + key;
  out.effect = [=](LifeState& state) {
    const auto at = state.find(key);
    if (at == state.end()) return true;
    if (metadata) {
      at->second.number = changed.number;
      at->second.word = changed.word;
    }
    if (!vectors) return true;
    for (const auto& [space, v] : changed.vectors) at->second.vectors[space] = v;
    return true;
  };
  return out;
}

LifeChange LifeChanges::removal(const LifeState& now) {
  LifeChange out;
  if (rng_() % 3 == 0) {
    const int gone = number();
    out.op.kind = WriteOp::Kind::remove_where;
    out.op.where = Filter::parse(where(gone));
    out.name = "removeWhere " + where(gone);
    out.effect = [gone](LifeState& state) {
      remove_number(gone, &state);
      return true;
    };
    return out;
  }
  out.op.kind = WriteOp::Kind::remove;
  for (std::size_t i = 1 + rng_() % 4; i > 0; --i) out.op.ids.push_back(id());
  // Else what has been added once stays forever.
  for (const auto& row : now)
    if (row.first.compare(0, 4, "new-") == 0 && rng_() % 6 == 0) out.op.ids.push_back(ExternalId(row.first));
  out.op.count = out.op.ids.size();
  std::vector<std::string> keys;
  for (const ExternalId& gone : out.op.ids) keys.push_back(key_of(gone));
  out.name = "remove " + std::to_string(keys.size());
  out.effect = [keys](LifeState& state) {
    for (const std::string& key : keys) state.erase(key);
    return true;
  };
  return out;
}

LifeChange LifeChanges::replacement() {
  LifeChange out;
  const int gone = number();
  out.op.kind = WriteOp::Kind::replace_where;
  out.op.where = Filter::parse(where(gone));
  LifeState rows;
  for (std::size_t i = rng_() % 3; i > 0; --i) {
    LifeItem in_its_place = item();
    in_its_place.number = gone;
    const ExternalId of_row("part-" + std::to_string(rng_() % 1000));
    put(key_of(of_row), of_row, std::move(in_its_place), &rows, &out.op);
  }
  out.name = "replaceWhere " + where(gone) + " by " + std::to_string(rows.size());
  out.effect = [gone, rows = std::move(rows)](LifeState& state) {
    LifeState left = state;
    remove_number(gone, &left);
    for (const auto& row : rows)
      if (left.count(row.first) > 0) return false;
    for (const auto& [key, item] : rows) left[key] = item;
    state = std::move(left);
    return true;
  };
  return out;
}

LifeChange LifeChanges::next(const LifeState& now) {
  const std::uint64_t kind = rng_() % 12;
  if (kind < 4) return puts();
  if (kind < 7) return update();
  if (kind < 10) return removal(now);
  return replacement();
}

}  // namespace sagedb::testing
