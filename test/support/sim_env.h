// A disk in memory that can fail at any operation and lose power between any two.
//
// The model is what POSIX promises and no more: written data is durable after a successful sync() of its file, a name after
// sync_dir() of its folder. On a power loss every 512-byte sector that was written since may hold the old or the new bytes or, beyond the
// durable length, stale ones; every directory operation since the last sync_dir() may have happened or not, independently of the
// others. After a failed sync the written pages count as clean: reads still return them, later syncs do not save them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/status.h"

namespace sagedb::test {

class SimRandom {  // splitmix64
 public:
  explicit SimRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : next() % n; }
  bool chance(double p) { return static_cast<double>(next() >> 11) * 0x1.0p-53 < p; }

 private:
  std::uint64_t state_;
};

struct SimOp {
  enum class Kind { create, write, trim, sync, failed_sync, rename, unlink, link, make_dir, sync_dir };
  Kind kind;
  int inode = -1;
  std::uint64_t offset = 0;
  std::string data;
  std::string path, target;
};

// The state of the disk: what reads see, and what is known to survive. A value: copying it copies the disk.
class SimDisk {
 public:
  void apply(const SimOp& op);
  // What a machine finds after losing power now.
  SimDisk after_power_loss(SimRandom& random) const;
  const std::string* find(const std::string& path) const;
  std::string* find(const std::string& path);  // for planted damage: what is found after the next power loss, too
  void put(const std::string& path, std::string content);
  void erase(const std::string& path);
  int inode_of(const std::string& path) const;
  std::vector<std::string> paths() const;
  bool has_dir(const std::string& path) const { return dirs_.count(path) != 0; }
  bool names_are_durable() const { return pending_names_.empty(); }

 private:
  friend class SimEnv;
  struct Write {
    std::uint64_t offset;
    std::string data;
    bool doomed;  // its sync failed: no later sync makes it durable
    bool trim = false;  // the file ends at `offset`
  };
  struct Inode {
    std::string now;  // what reads see
    std::string durable;  // what has been synced
    std::vector<Write> pending;
  };
  struct NameChange {
    std::string dir;  // whose sync_dir() settles it
    std::vector<std::pair<std::string, int>> effects;  // path -> inode, -1: gone; all or nothing
  };
  void change_names(const std::string& dir, std::vector<std::pair<std::string, int>> effects);
  static void settle(std::map<std::string, int>& names, const NameChange& change);
  static void put(const Write& write, std::string* content);
  static std::string survivor(const Inode& inode, SimRandom& random);

  std::map<int, Inode> inodes_;
  std::map<std::string, int> names_, durable_names_;
  std::vector<NameChange> pending_names_;
  std::set<std::string> dirs_;
};

// Thread safety: self-synchronised.
class SimEnv final : public Env {
 public:
  SimEnv();
  explicit SimEnv(SimDisk disk);

  // Every operation counts, reads included. `count` operations from the n-th on (1 = the next) fail with `code`; a failing write leaves half of
  // its bytes. 0 heals.
  void fail_at(std::uint64_t n, ErrorCode code, std::uint64_t count = 1);
  // Operations for which the hook returns true are silently not done (to plant bugs: a sync that is forgotten, for example).
  void set_skip(std::function<bool(const SimOp&)> skip) { skip_ = std::move(skip); }
  // What WritableFile::writes_in_place() of its files says.
  void set_in_place(bool in_place) { in_place_ = in_place; }
  bool in_place() const noexcept { return in_place_; }
  std::uint64_t operations() const;
  bool failed() const;  // an injected failure has happened

  // The journal of changes: journal().size() at an acknowledgement is the moment from which it must hold.
  const std::vector<SimOp>& journal() const { return journal_; }
  std::size_t moment() const;
  SimDisk disk() const;

  std::unique_ptr<WritableFile> create(const std::string& path) override;
  std::unique_ptr<ReadableFile> open(const std::string& path) override;
  std::shared_ptr<const Mapping> map(const std::string& path) override;
  std::shared_ptr<const Mapping> map_parts(const std::vector<MapPart>& parts, std::uint64_t size) override;
  void rename(const std::string& from, const std::string& to) override;
  void unlink(const std::string& path) override;
  bool exists(const std::string& path) override;
  std::vector<std::string> list(const std::string& dir) override;
  void make_dir(const std::string& path) override;
  void sync_dir(const std::string& path) override;
  std::unique_ptr<FileLock> lock(const std::string& path) override;
  void link_or_copy(const std::string& from, const std::string& to) override;
  std::byte* allocate_scratch(const std::string& dir, std::size_t bytes) override;
  // Nothing is mapped; ends the process when the memory holds other bytes than the file.
  bool map_in_place(const std::string& path, std::uint64_t offset, const std::byte* at,
                    std::size_t size) noexcept override;
  void random_bytes(void* out, std::size_t size) override;

  // For the file objects.
  void write(int inode, std::uint64_t offset, const std::string& data);
  void trim(int inode, std::uint64_t size);
  void sync(int inode, const std::string& path);
  std::string content(int inode);
  void release_lock(const std::string& path);

 private:
  bool should_fail();  // counts one operation
  void check(const std::string& what);  // throws when this operation is to fail
  void record(SimOp op);  // applies and journals
  int require(const std::string& path);

  mutable std::recursive_mutex mutex_;
  SimDisk disk_;
  std::vector<SimOp> journal_;
  std::set<std::string> locks_;
  std::function<bool(const SimOp&)> skip_;
  SimRandom random_{0x5a6edb};
  int next_inode_ = 1;
  std::uint64_t operations_ = 0, fail_from_ = 0, fail_count_ = 0;
  ErrorCode fail_code_ = ErrorCode::IO_ERROR;
  bool failed_ = false;
  bool in_place_ = true;
};

// Calls visit(moment, disk after a power loss at that moment) for `images` random outcomes at every moment of the journal.
void sweep_power_loss(const SimDisk& start, const std::vector<SimOp>& journal, int images, std::uint64_t seed,
                      const std::function<void(std::size_t moment, SimDisk disk)>& visit);

}  // namespace sagedb::test
