// The life of a writer process (test/fault/writer.cpp): started, watched, ended.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <random>
#include <string>

namespace sagedb::test {

// What the writer is told, and when it is struck if it has not died by then.
struct WriterOrders {
  std::string path;
  bool async = false;
  std::string point;    // see KillEnv
  std::uint64_t n = 0;  // 0: no named point
  std::string when = "before";
  std::chrono::microseconds strike_after{0};
};

// A named point of the file work in two of three cases, else a random moment.
WriterOrders random_orders(const std::string& path, std::mt19937_64& rng);

struct WriterLife {
  long opened = -2;  // what the writer found; -2: it died before
  long acknowledged = -2;
  long acknowledged_before_strike = -2;  // the same when it was not struck
  bool killed = false;
  bool at_point = false;  // by itself
  std::string bad;        // what it complained of
};

// Runs until the writer dies; `strike` is called once when its time is over and it is still alive.
WriterLife run_writer(const WriterOrders& orders, const std::function<void(pid_t)>& strike);

}  // namespace sagedb::test
