// Ids and records that are read in place: the same answers as in memory, whatever happens after the open, and no step outside of them when they are damaged.
#include "store/id_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "base/status.h"
#include "store/id_map.h"

namespace sagedb {
namespace {

ExternalId id_of(std::uint64_t n) {
  return n % 2 == 0 ? ExternalId(static_cast<std::int64_t>(n) - 50)
                    : ExternalId("key-" + std::to_string(n) + std::string(n % 20, 'x'));
}

// A store in memory, and what files would hold of it.
struct Stored {
  RecordStore records;
  std::vector<Record> entries;
  std::vector<RecordNo> heads;
  std::string text;
  std::vector<std::vector<IdSlot>> slots;
  std::vector<RecordNo> borders{0};
  RecordNo count = 0;

  void add(std::uint64_t n) {
    const ExternalId id = id_of(n);
    records.ensure(count + 1, count + 1);
    records.reserve_text(64);
    records.append(count, id.view(), "{\"n\":" + std::to_string(n) + "}", count, true);
    ++count;
  }
  void freeze_ids() {
    slots.push_back(IdTable::slots_of(records, borders.back(), count, 1000));
    borders.push_back(count);
  }
  void freeze() {
    for (RecordNo r = 0; r < count; ++r)
      entries.push_back(records.record(r)), heads.push_back(records.record_of(r, count));
    records.text().visit(0, records.text().end(), [&](const char* data, std::size_t size) { text.append(data, size); });
  }
  RecordBase base() const { return {entries.data(), count, heads.data(), count, text.data(), text.size(), nullptr}; }
  std::vector<IdTable> tables() const {
    std::vector<IdTable> out;
    for (std::size_t i = 0; i < slots.size(); ++i)
      out.emplace_back(slots[i].data(), slots[i].size(), borders[i], borders[i + 1], nullptr);
    return out;
  }
};

// Property: a map over tables answers like std::map through any puts and erasures, in several tables, over numbers and strings.
TEST(IdTable, AnswersLikeAnOrderedMap) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 rng(seed);
  Stored stored;
  std::map<std::string, RecordNo> model;
  for (std::uint64_t n = 0; n < 900; ++n) {
    stored.add(n);
    model[id_to_string(id_of(n).view())] = static_cast<RecordNo>(n);
    if (n == 500 || n == 800 || n == 899) stored.freeze_ids();
  }
  stored.freeze();
  RecordStore records(stored.base());
  IdMap map(stored.tables(), stored.count);
  RecordNo next = stored.count;
  for (int step = 0; step < 20000; ++step) {
    const ExternalId id = id_of(rng() % 1400);
    const std::string key = id_to_string(id.view());
    const auto old = model.find(key);
    if (rng() % 3 != 0) {
      records.ensure(next + 1, next + 1);
      records.reserve_text(64);
      records.append(next, id.view(), "{}", next, true);
      const RecordNo newest = old == model.end() ? kNoRecord : old->second;
      if (map.needs_room(newest)) map.reserve({id.view()});
      map.put(id.view(), next, records);
      if (newest != kNoRecord) records.mark_deleted(newest, 5);
      model[key] = next++;
    } else if (old != model.end()) {
      map.erase(id.view(), records);
      records.mark_deleted(old->second, 5);
      model.erase(old);
    }
    const ExternalId probe = id_of(rng() % 1500);
    const auto it = model.find(id_to_string(probe.view()));
    ASSERT_EQ(map.find(probe.view(), records), it == model.end() ? kNoRecord : it->second);
  }
}

// Property: texts, ids and heads of the base are those of the store it was made from; versions appended since chain to it.
TEST(RecordStore, ABaseReadsAsItWasWritten) {
  Stored stored;
  for (std::uint64_t n = 0; n < 5000; ++n) stored.add(n);
  stored.freeze();
  RecordStore records(stored.base());
  for (RecordNo r = 0; r < stored.count; ++r) {
    ASSERT_TRUE(records.id(r) == stored.records.id(r));
    ASSERT_EQ(records.metadata(r), stored.records.metadata(r));
    ASSERT_EQ(records.record_of(r, stored.count), r);
    ASSERT_TRUE(records.live(r, 7));
  }
  const RecordNo next = stored.count;
  const std::string_view changed = "{\"changed\":1}";
  records.ensure(next + 2, stored.count);
  records.reserve_text(100);
  records.append_version(next, 17, &changed, 17, false);
  records.append_version(next + 1, next, nullptr, 17, false);
  EXPECT_EQ(records.metadata(next + 1), changed);
  EXPECT_TRUE(records.id(next) == stored.records.id(17));
  EXPECT_EQ(records.record_of(17, next), 17u);
  EXPECT_EQ(records.record_of(17, next + 1), next);
  EXPECT_EQ(records.record_of(17, next + 2), next + 1);
  EXPECT_EQ(records.take_moved_head(), 17u);
  EXPECT_EQ(records.take_moved_head(), kNoRow);
}

// Property: with any bytes in the place of entries, heads and slots nothing is read outside of them: answers or CORRUPTION.
TEST(RecordStore, DamageStaysInside) {
  std::mt19937_64 rng(5);
  for (int round = 0; round < 200; ++round) {
    Stored stored;
    for (std::uint64_t n = 0; n < 200; ++n) stored.add(n);
    stored.freeze_ids();
    stored.freeze();
    const auto scribble = [&](void* data, std::size_t size) {
      for (int i = 0; i < 20; ++i) static_cast<unsigned char*>(data)[rng() % size] = static_cast<unsigned char>(rng());
    };
    scribble(stored.entries.data(), stored.entries.size() * sizeof(Record));
    scribble(stored.heads.data(), stored.heads.size() * 4);
    scribble(stored.slots[0].data(), stored.slots[0].size() * sizeof(IdSlot));
    const RecordStore records(stored.base());
    const IdMap map(stored.tables(), stored.count);
    int corrupt = 0;
    std::size_t bytes = 0;
    for (RecordNo r = 0; r < stored.count; ++r) {
      bytes += records.metadata(r).size() + records.id(r).text.size();
      const RecordNo found = map.find(id_of(r).view(), records);
      ASSERT_TRUE(found == kNoRecord || found < stored.count);
      try {
        ASSERT_LT(records.row(r), stored.count);
        ASSERT_LT(records.record_of(r, stored.count), stored.count);
      } catch (const Error& e) {
        ASSERT_EQ(e.code(), ErrorCode::CORRUPTION);
        ++corrupt;
      }
    }
    EXPECT_GT(corrupt, 0);
    EXPECT_GT(bytes, 0u);
  }
}

}  // namespace
}  // namespace sagedb
