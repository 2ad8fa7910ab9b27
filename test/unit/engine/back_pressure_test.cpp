// Property: writers that wait for the builder always get on again, whatever callers cancel meanwhile.
#include <chrono>
#include <future>
#include <thread>

#include "support/engine_fixture.h"

namespace sagedb {
namespace {

using testing::apply_one;
using testing::op_of;
using testing::Vector;

// A cancelled build backs off until there are more rows; the writers that would bring them must not wait for it.
TEST(BackPressure, WritersGoOnAfterACancelledBuild) {
  auto db = SageDB::open(testing::options_for(8, Metric::l2));
  std::mt19937_64 rng(1);
  WriteOp load;
  load.count = 60000;
  for (std::size_t i = 0; i < load.count * 8; ++i) load.vectors.push_back(static_cast<float>(rng() % 1000));
  testing::expect_ok(apply_one(*db, std::move(load)));

  CancelToken cancel;
  auto build = std::async(std::launch::async, [&] {
    try {
      db->build_index(&cancel, nullptr);
    } catch (const Error& e) {
      return e.code() == ErrorCode::ABORTED;
    }
    return false;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  cancel.cancel();
  ASSERT_TRUE(build.get());

  auto write =
      std::async(std::launch::async, [&] { return apply_one(*db, op_of(WriteOp::Kind::add, {Vector(8, 1.0f)})); });
  EXPECT_EQ(write.wait_for(std::chrono::seconds(120)), std::future_status::ready) << "the writer waits for ever";
  db->close();  // lets it go in any case
}

}  // namespace
}  // namespace sagedb
