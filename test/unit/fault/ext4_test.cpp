// A real ext4 is cut off under a writer process: its journal is dropped in mid work (shutdown ioctl), then it is mounted again.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "support/fault_run.h"
#include "support/kill_ledger.h"
#include "support/writer_life.h"

namespace sagedb {
namespace {

namespace fs = std::filesystem;
using test::FaultRun;
using test::WriterLife;

// A file system of its own in a file, mounted through a loop device: needs root.
class Ext4 {
 public:
  explicit Ext4(const fs::path& base) : image_(base / "image"), folder_(base / "mounted") {
    fs::create_directories(folder_);
    made_ = command("truncate -s 96M " + image_.string()) && command("mkfs.ext4 -q -F " + image_.string()) && mount();
  }
  ~Ext4() { unmount(); }
  bool made() const noexcept { return made_; }
  fs::path folder() const { return folder_; }
  // Nothing that is not on the disk gets there any more; the files in the system's cache are lost.
  void cut() const {
    static constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
    static constexpr std::uint32_t kNoLogFlush = 2;
    const int fd = ::open(folder_.c_str(), O_RDONLY | O_CLOEXEC);
    const bool done = fd >= 0 && ::ioctl(fd, kShutdown, &kNoLogFlush) == 0;
    if (fd >= 0) ::close(fd);
    if (!done) throw Error(ErrorCode::IO_ERROR, "the shutdown ioctl failed");
  }
  bool remount() { return unmount() && mount(); }

 private:
  static bool command(const std::string& line) { return std::system((line + " >/dev/null 2>&1").c_str()) == 0; }
  bool mount() const { return command("mount -o loop " + image_.string() + " " + folder_.string()); }
  bool unmount() const { return command("umount " + folder_.string()); }

  const fs::path image_, folder_;
  bool made_ = false;
};

// Property: whenever the file system loses power, every group acknowledged in mode fsync is there after the next mount, whole.
TEST(Fault, Ext4Cut) {
  if (std::getenv("SAGEDB_FAULT_EXT4") == nullptr) GTEST_SKIP() << "mounts file systems: only by npm run fault:ext4";
  FaultRun fault("ext4");
  const fs::path base = fs::path(::testing::TempDir()) / ("sagedb-ext4-" + std::to_string(::getpid()));
  std::mt19937_64 rng(fault.seed());
  for (int disk = 0; fault.going(); ++disk) {
    {
      Ext4 ext4(base);
      if (!ext4.made()) GTEST_SKIP() << "NO EXT4 TEST: this machine does not let us mount a loop device";
      long known = -1;
      for (int life = 0; life < 60 && fault.going(); ++life) {
        test::WriterOrders orders = test::random_orders(ext4.folder() / "db", rng);
        orders.async = false;
        const WriterLife seen = test::run_writer(orders, [&](pid_t pid) {
          ext4.cut();
          ::kill(pid, SIGKILL);
        });
        if (seen.at_point) ext4.cut();
        SCOPED_TRACE("seed " + std::to_string(fault.seed()) + " disk " + std::to_string(disk) + " life " +
                     std::to_string(life) + " " + orders.point + " #" + std::to_string(orders.n));
        // A writer whose disk is gone says so before it is killed.
        if (seen.at_point) {
          ASSERT_EQ(seen.bad, "");
        }
        if (seen.opened != -2) {
          ASSERT_GE(seen.opened, known) << "an acknowledged group is lost";
        }
        // The ioctl is not atomic, as a loss of power is: an fdatasync under way may find its transaction gone from the journal and
        // report success. So what counts was acknowledged before the ioctl began.
        known = std::max({known, seen.opened, seen.acknowledged_before_strike});
        const long attempted = std::max(known, seen.acknowledged) + 1;
        ASSERT_TRUE(ext4.remount());
        std::string problem;
        const auto db = SageDB::open(test::kill_options(orders.path, Durability::fsync));
        const long found = test::read_kill_ledger(*db, &problem);
        ASSERT_EQ(problem, "");
        ASSERT_GE(found, known) << "an acknowledged group is lost";
        ASSERT_LE(found, attempted) << "a group that nobody wrote";
        db->verify(nullptr, nullptr);
        known = found;
        fault.count("cuts");
        fault.count("acknowledged", static_cast<std::uint64_t>(std::max<long>(0, seen.acknowledged + 1)));
      }
    }
    fs::remove_all(base);
  }
}

}  // namespace
}  // namespace sagedb
