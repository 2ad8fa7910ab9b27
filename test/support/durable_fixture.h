// Helpers of the durability tests: a database on a simulated disk and its whole content as text.
#pragma once

#include <cstdio>
#include <map>
#include <string>

#include "support/engine_fixture.h"
#include "support/sim_env.h"

namespace sagedb::testing {

inline constexpr const char* kFolder = "/data/db";

inline Options durable_options(Env& env, std::uint32_t dimension = 4, Metric metric = Metric::l2,
                               IndexKind kind = IndexKind::flat) {
  Options o = options_for(dimension, metric, kind, 1u << 20);
  o.path = kFolder;
  o.env = &env;
  o.background_check = false;  // operations on the disk in a fixed order
  return o;
}

using Content = std::map<std::string, std::string>;

inline std::string text_of(const Item& item) {
  std::string out = item.metadata + " [";
  char number[32];
  for (const float x : item.vector) {
    std::snprintf(number, sizeof number, "%.6g,", static_cast<double>(x));
    out += number;
  }
  return out + "]";
}

// Every item by id: metadata and vector.
inline Content content_of(const SageDB& db) {
  Content out;
  for (const Item& item : db.find(nullptr, ~std::uint64_t{0}, 0, true)) out[key_of(item.id)] = text_of(item);
  EXPECT_EQ(out.size(), db.size());
  return out;
}

// One group of operations that is a function of `rng` only: all kinds, numbers and strings as ids, several per group.
inline std::vector<WriteOp> random_ops(std::mt19937_64& rng, std::uint32_t dimension, std::size_t ids = 40) {
  std::vector<WriteOp> ops;
  const auto id = [&] {
    const std::uint64_t n = rng() % ids;
    return n % 2 == 0 ? ExternalId(static_cast<std::int64_t>(n)) : ExternalId("id-" + std::to_string(n));
  };
  const auto metadata = [&] { return "{\"n\":" + std::to_string(rng() % 1000) + "}"; };
  for (std::size_t i = 1 + rng() % 4; i > 0; --i) {
    const Vector v = random_vector(rng, dimension);
    switch (rng() % 8) {
      case 0:
        ops.push_back(op_of(WriteOp::Kind::add, {v, random_vector(rng, dimension)}, {}, {metadata(), metadata()}));
        break;
      case 1:
      case 2:
        ops.push_back(op_of(WriteOp::Kind::upsert, {v}, {id()}, {metadata()}));
        break;
      case 3:
        ops.push_back(op_of(WriteOp::Kind::update, {v}, {id()}));
        break;
      case 4:
        ops.push_back(op_of(WriteOp::Kind::update, {}, {id()}, {metadata()}));
        break;
      case 5:
        ops.push_back(op_of(WriteOp::Kind::update, {v}, {id()}, {metadata()}));
        break;
      case 6:
        ops.push_back(op_of(WriteOp::Kind::remove, {}, {id(), id()}));
        break;
      case 7: {
        // Some of the old ids come back. A group of its own, since it is a commit of its own.
        if (!ops.empty()) break;
        const std::string document = std::to_string(rng() % 2);
        std::vector<Vector> rows;
        std::vector<ExternalId> row_ids;
        std::vector<std::string> texts;
        for (std::size_t part = rng() % 2; part < 4; part += 1 + rng() % 2) {
          rows.push_back(random_vector(rng, dimension));
          row_ids.push_back(ExternalId("document-" + document + "-" + std::to_string(part)));
          texts.push_back("{\"document\":" + document + ",\"n\":" + std::to_string(rng() % 1000) + "}");
        }
        ops.push_back(replace_where("{\"document\":" + document + "}", rows, row_ids, texts));
        return ops;
      }
    }
  }
  return ops;
}

template <typename F>
ErrorCode code_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    std::printf("[ message  ] %s\n", e.message().c_str());
    return e.code();
  }
  ADD_FAILURE() << "did not throw";
  return ErrorCode::INTERNAL;
}

}  // namespace sagedb::testing
