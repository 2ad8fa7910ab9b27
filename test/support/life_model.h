// What a database of random lives is to hold, as plain maps, and random changes of it.
#pragma once

#include <functional>
#include <map>
#include <random>
#include <string>

#include "support/durable_fixture.h"

namespace sagedb::testing {

// Components of the two spaces; a database without named spaces has the first only.
inline constexpr std::uint32_t kLifeDimensions[] = {8, 5};

struct LifeItem {
  int number = 0, word = 0;  // of the metadata: a field to filter by, and a text
  std::map<SpaceNo, Vector> vectors;
};
using LifeState = std::map<std::string, LifeItem>;  // by id

std::string life_metadata(const LifeItem& item);
std::string life_word(int word);
// As content_of(db) gives it.
Content content_of(const LifeState& state);

struct LifeChange {
  std::string name;
  WriteOp op;
  std::function<bool(LifeState&)> effect;  // false: it is to be refused, because it adds an id that is there
};

class LifeChanges {
 public:
  LifeChanges(std::uint64_t seed, bool named) : rng_(seed), named_(named) {}

  LifeChange next(const LifeState& now);
  int number() { return static_cast<int>(rng_() % 12); }
  int word() { return static_cast<int>(rng_() % 5); }
  Vector vector(SpaceNo space) { return random_vector(rng_, kLifeDimensions[space]); }

 private:
  ExternalId id();
  LifeItem item();
  void give(const LifeItem& item, WriteOp* op) const;
  void put(const std::string& key, ExternalId id, LifeItem item, LifeState* rows, WriteOp* op) const;
  LifeChange puts();
  LifeChange update();
  LifeChange removal(const LifeState& now);
  LifeChange replacement();

  std::mt19937_64 rng_;
  const bool named_;
};

}  // namespace sagedb::testing
