// The process that the kill test kills: checks what it finds, says «open <n>», writes groups and says «ack <n>» after each.
// Arguments: path, fsync | async, point, n, before | amid | after.
#include <unistd.h>

#include <cstring>

#include "support/kill_env.h"
#include "support/kill_ledger.h"

namespace {

using namespace sagedb;

void say(const std::string& line) {
  if (::write(STDOUT_FILENO, (line + "\n").data(), line.size() + 1) < 0) ::_exit(3);  // whoever listened is gone
}

int run(char** argv) {
  using When = test::KillEnv::When;
  const When when = std::strcmp(argv[5], "amid") == 0    ? When::amid
                    : std::strcmp(argv[5], "after") == 0 ? When::after
                                                         : When::before;
  test::KillEnv env(Env::real(), argv[3], std::strtoull(argv[4], nullptr, 10), when);
  Options options = test::kill_options(argv[1], argv[2][0] == 'a' ? Durability::async : Durability::fsync);
  options.env = &env;
  const auto db = SageDB::open(options);
  std::string problem;
  const long found = test::read_kill_ledger(*db, &problem);
  if (!problem.empty()) {
    say("bad " + problem);
    return 2;
  }
  say("open " + std::to_string(found));
  for (long n = found + 1;; ++n) {
    std::vector<WriteOp> ops = test::kill_group(n);
    for (const OpResult& r : db->apply(ops))
      if (r.error) throw *r.error;
    say("ack " + std::to_string(n));
    if (n % 37 == 5) db->checkpoint();
    if (n % 91 == 17) db->optimize(nullptr, nullptr);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 1;
  try {
    return run(argv);
  } catch (const sagedb::Error& e) {
    say(std::string("bad ") + sagedb::error_code_name(e.code()) + " " + e.message());
    return 2;
  }
}
