// The smallest database on the storage layer: an append-only list of values that are known from their number, so that every read value can be
// checked. It keeps the order of writes, checkpoints and recoveries that docs/format.md prescribes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/env.h"
#include "storage/log_recovery.h"
#include "storage/log_writer.h"
#include "storage/manifest.h"

namespace sagedb::test {

struct LedgerBugs {  // wrong orders that no skipped operation can express
  bool unlink_first = false;  // old files go before the new manifest is current
  bool acknowledge_unsynced = false;
  bool append_after_torn = false;  // a recovered log is followed by one that counts its torn tail
  bool no_sync_at_open = false;  // names that a killed process left unsynced are built upon
  bool drop_unconfirmed = false;  // the next log does not take the unconfirmed frames over
};

class Ledger {
 public:
  // Opens or creates; replays. Throws what the storage layer throws, and CORRUPTION when a value is not the one written.
  Ledger(Env& env, std::string dir, LedgerBugs bugs = {});

  std::uint64_t size() const noexcept { return values_.size(); }
  // Appends `count` values as one frame; `durable` as after an acknowledgement in fsync mode.
  void write(std::uint32_t count, bool durable);
  void sync() { log_->sync(); }
  void checkpoint();
  void close();
  bool poisoned() const noexcept { return log_->poisoned(); }
  const Manifest& manifest() const noexcept { return manifest_; }

  static std::string value(std::uint64_t number);

 private:
  void create();
  void recover();
  void replay(const Frame& frame, const std::string& payload);
  void take(std::string value);
  void next_log(std::vector<CarriedFrame> carried, std::uint64_t previous_size);

  Env& env_;
  const std::string dir_;
  const LedgerBugs bugs_;
  std::unique_ptr<FileLock> lock_;
  Manifest manifest_;
  std::uint64_t last_tried_ = 0;  // generation
  std::unique_ptr<LogWriter> log_;
  std::vector<std::string> values_;
};

}  // namespace sagedb::test
