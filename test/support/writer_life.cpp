#include "support/writer_life.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <optional>
#include <vector>

#include "base/status.h"

namespace sagedb::test {
namespace {

using Clock = std::chrono::steady_clock;

// Operation and part of a path, and how often it happens in a life, roughly.
struct Point {
  const char* name;
  std::uint64_t often;
};
constexpr Point kPoints[] = {{"append wal-", 60},
                             {"sync wal-", 60},
                             {"rename wal-", 3},
                             {"create wal-", 3},
                             {"append .seg", 20},
                             {"write_at .seg", 10},
                             {"sync .seg", 10},
                             {"create .seg", 10},
                             {"append MANIFEST", 3},
                             {"sync MANIFEST", 2},
                             {"create CURRENT", 2},
                             {"append CURRENT", 2},
                             {"sync CURRENT", 2},
                             {"rename CURRENT", 2},
                             {"sync_dir", 9},
                             {"unlink .seg", 20},
                             {"unlink wal-", 4},
                             {"unlink MANIFEST", 2},
                             {"open wal-", 3},
                             {"map .seg", 8},
                             {"list", 5},
                             {"", 150}};

pid_t start(std::vector<std::string> arguments, int out) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "sagedb_fault_writer";
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (std::string& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  pid_t pid = 0;
  const int err = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (err != 0) throw Error(ErrorCode::IO_ERROR, "cannot start " + program);
  return pid;
}

// Everything the writer says until its end; how much of it before it was struck.
struct Said {
  std::string text;
  std::optional<std::size_t> before_strike;
};

Said listen(int in, pid_t pid, Clock::time_point deadline, const std::function<void(pid_t)>& strike) {
  Said said;
  for (;;) {
    pollfd p{in, POLLIN, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    ::poll(&p, 1, said.before_strike ? -1 : static_cast<int>(std::max<long>(0, left)));
    if (p.revents != 0) {
      char buffer[4096];
      const ssize_t n = ::read(in, buffer, sizeof buffer);
      if (n <= 0) return said;
      said.text.append(buffer, static_cast<std::size_t>(n));
    }
    if (said.before_strike || Clock::now() < deadline) continue;
    said.before_strike = said.text.size();
    strike(pid);
  }
}

}  // namespace

WriterOrders random_orders(const std::string& path, std::mt19937_64& rng) {
  static constexpr const char* kWhen[] = {"before", "amid", "after"};
  const Point& point = kPoints[rng() % std::size(kPoints)];
  WriterOrders orders;
  orders.path = path;
  orders.async = rng() % 3 == 0;
  orders.point = point.name;
  orders.when = kWhen[rng() % 3];
  if (rng() % 3 != 0) {
    // Early operations are those of the recovery.
    orders.n = 1 + rng() % (rng() % 2 == 0 ? point.often : 3);
    orders.strike_after = std::chrono::milliseconds(150);
  } else {
    orders.strike_after = std::chrono::microseconds(rng() % (rng() % 2 == 0 ? 12000 : 60000));
  }
  return orders;
}

WriterLife run_writer(const WriterOrders& o, const std::function<void(pid_t)>& strike) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error(ErrorCode::IO_ERROR, "pipe");
  const pid_t pid = start({o.path, o.async ? "async" : "fsync", o.point, std::to_string(o.n), o.when}, ends[1]);
  ::close(ends[1]);
  const Said said = listen(ends[0], pid, Clock::now() + o.strike_after, strike);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  WriterLife life;
  life.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  life.at_point = life.killed && !said.before_strike;
  // The last line may be cut.
  for (std::size_t at = 0, end; (end = said.text.find('\n', at)) != std::string::npos; at = end + 1) {
    const std::string line = said.text.substr(at, end - at);
    if (line.compare(0, 4, "ack ") == 0) {
      life.acknowledged = std::atol(line.c_str() + 4);
      if (!said.before_strike || end < *said.before_strike) life.acknowledged_before_strike = life.acknowledged;
    }
    if (line.compare(0, 5, "open ") == 0) life.opened = std::atol(line.c_str() + 5);
    if (line.compare(0, 4, "bad ") == 0) life.bad = line;
  }
  return life;
}

}  // namespace sagedb::test
