#include "support/sim_env.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/memory.h"

namespace sagedb::test {
namespace {

constexpr std::size_t kSector = 512;

}  // namespace

std::uint64_t SimRandom::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// --- disk

const std::string* SimDisk::find(const std::string& path) const {
  const auto at = names_.find(path);
  return at == names_.end() ? nullptr : &inodes_.at(at->second).now;
}

std::string* SimDisk::find(const std::string& path) {
  const auto at = names_.find(path);
  return at == names_.end() ? nullptr : &inodes_.at(at->second).now;
}

int SimDisk::inode_of(const std::string& path) const {
  const auto at = names_.find(path);
  return at == names_.end() ? -1 : at->second;
}

void SimDisk::put(const std::string& path, std::string content) {
  const int inode = inodes_.empty() ? 1 : inodes_.rbegin()->first + 1;
  inodes_[inode] = Inode{content, content, {}};
  names_[path] = durable_names_[path] = inode;
}

void SimDisk::erase(const std::string& path) {
  names_.erase(path);
  durable_names_.erase(path);
}

std::vector<std::string> SimDisk::paths() const {
  std::vector<std::string> out;
  for (const auto& [path, inode] : names_) out.push_back(path);
  return out;
}

void SimDisk::settle(std::map<std::string, int>& names, const NameChange& change) {
  for (const auto& [path, inode] : change.effects) {
    if (inode < 0) {
      names.erase(path);
    } else {
      names[path] = inode;
    }
  }
}

void SimDisk::change_names(const std::string& dir, std::vector<std::pair<std::string, int>> effects) {
  pending_names_.push_back(NameChange{dir, std::move(effects)});
  settle(names_, pending_names_.back());
}

void SimDisk::put(const Write& write, std::string* content) {
  if (write.trim) {
    content->resize(std::min<std::size_t>(content->size(), write.offset));
    return;
  }
  if (content->size() < write.offset + write.data.size()) content->resize(write.offset + write.data.size());
  std::memcpy(content->data() + write.offset, write.data.data(), write.data.size());
}

void SimDisk::apply(const SimOp& op) {
  switch (op.kind) {
    case SimOp::Kind::create:
      inodes_[op.inode] = Inode{};
      change_names(parent_path(op.path), {{op.path, op.inode}});
      break;
    case SimOp::Kind::write:
    case SimOp::Kind::trim: {
      Inode& inode = inodes_.at(op.inode);
      inode.pending.push_back(Write{op.offset, op.data, false, op.kind == SimOp::Kind::trim});
      put(inode.pending.back(), &inode.now);
      break;
    }
    case SimOp::Kind::sync: {
      Inode& inode = inodes_.at(op.inode);
      const bool doomed =
          std::any_of(inode.pending.begin(), inode.pending.end(), [](const Write& w) { return w.doomed; });
      if (!doomed) {
        inode.durable = inode.now;
        inode.pending.clear();
        break;
      }
      std::vector<Write> left;
      for (Write& w : inode.pending) {
        if (w.doomed) {
          left.push_back(std::move(w));
          continue;
        }
        put(w, &inode.durable);
      }
      inode.pending = std::move(left);
      break;
    }
    case SimOp::Kind::failed_sync:
      for (Write& w : inodes_.at(op.inode).pending) w.doomed = true;
      break;
    case SimOp::Kind::rename:
      change_names(parent_path(op.target), {{op.path, -1}, {op.target, names_.at(op.path)}});
      break;
    case SimOp::Kind::unlink:
      change_names(parent_path(op.path), {{op.path, -1}});
      break;
    case SimOp::Kind::link:
      change_names(parent_path(op.target), {{op.target, names_.at(op.path)}});
      break;
    case SimOp::Kind::make_dir:
      dirs_.insert(op.path);
      break;
    case SimOp::Kind::sync_dir: {
      std::vector<NameChange> left;
      for (NameChange& change : pending_names_) {
        if (change.dir == op.path) {
          settle(durable_names_, change);
        } else {
          left.push_back(std::move(change));
        }
      }
      pending_names_ = std::move(left);
      break;
    }
  }
}

std::string SimDisk::survivor(const Inode& inode, SimRandom& random) {
  if (inode.pending.empty()) return inode.durable;
  const std::uint64_t mode = random.below(4);
  if (mode == 0) return inode.durable;
  if (mode == 1) return inode.now;
  std::string out = inode.durable;
  const auto grow = [&](std::size_t size) {
    const std::size_t old = out.size();
    if (size <= old) return;
    out.resize(size, '\0');
    // Stale bytes of deleted files: plausible content, not just zeros.
    if (random.chance(0.3) && !inode.now.empty())
      for (std::size_t i = old; i < size; ++i) out[i] = inode.now[(i * 7 + 13) % inode.now.size()];
  };
  if (mode == 2) {  // in order, cut at any byte
    std::size_t total = 0;
    for (const Write& w : inode.pending) total += w.data.size();
    std::size_t left = random.below(total + 1);
    for (const Write& w : inode.pending) {
      if (w.trim) {
        put(w, &out);
        continue;
      }
      const std::size_t n = std::min(left, w.data.size());
      if (out.size() < w.offset + n) out.resize(w.offset + n);
      std::memcpy(out.data() + w.offset, w.data.data(), n);
      left -= n;
      if (left == 0) break;
    }
    return out;
  }
  // Any subset of sectors, any length in between.
  const std::size_t longest = std::max(inode.now.size(), out.size());
  grow(random.chance(0.5) ? longest : out.size() + random.below(longest - out.size() + 1));
  const double p = random.chance(0.5) ? 0.5 : 0.9;
  for (const Write& w : inode.pending) {
    if (w.trim && random.chance(p)) put(w, &out);
    for (std::size_t at = w.offset; at < w.offset + w.data.size();) {
      const std::size_t end = std::min((at / kSector + 1) * kSector, w.offset + w.data.size());
      if (random.chance(p) && at < out.size())
        std::memcpy(out.data() + at, w.data.data() + (at - w.offset), std::min(end, out.size()) - at);
      at = end;
    }
  }
  return out;
}

SimDisk SimDisk::after_power_loss(SimRandom& random) const {
  SimDisk out;
  out.dirs_ = dirs_;
  out.durable_names_ = durable_names_;
  const std::uint64_t mode = random.below(4);
  for (const NameChange& change : pending_names_)
    if (mode == 1 || (mode >= 2 && random.chance(0.5))) settle(out.durable_names_, change);
  out.names_ = out.durable_names_;
  for (const auto& [path, id] : out.names_) {
    if (out.inodes_.count(id) != 0) continue;
    std::string content = survivor(inodes_.at(id), random);
    out.inodes_[id] = Inode{content, content, {}};
  }
  return out;
}

void sweep_power_loss(const SimDisk& start, const std::vector<SimOp>& journal, int images, std::uint64_t seed,
                      const std::function<void(std::size_t, SimDisk)>& visit) {
  SimDisk disk = start;
  SimRandom random(seed);
  for (std::size_t moment = 0; moment <= journal.size(); ++moment) {
    for (int i = 0; i < images; ++i) visit(moment, disk.after_power_loss(random));
    if (moment < journal.size()) disk.apply(journal[moment]);
  }
}

// --- env

namespace {

class SimWritableFile final : public WritableFile {
 public:
  SimWritableFile(SimEnv& env, int inode, std::string path) : env_(env), inode_(inode), path_(std::move(path)) {}
  void append(const Bytes* pieces, std::size_t count) override {
    std::string data;
    for (std::size_t i = 0; i < count; ++i)
      if (pieces[i].size > 0) data.append(static_cast<const char*>(pieces[i].data), pieces[i].size);
    env_.write(inode_, end_, data);
    end_ += data.size();
  }
  void write_at(std::uint64_t offset, const void* data, std::size_t size) override {
    env_.write(inode_, offset, std::string(static_cast<const char*>(data), size));
  }
  void trim(std::uint64_t size) override {
    env_.trim(inode_, size);
    end_ = size;
  }
  bool writes_in_place() const noexcept override { return env_.in_place(); }
  void sync() override { env_.sync(inode_, path_); }

 private:
  SimEnv& env_;
  const int inode_;
  const std::string path_;  // as created
  std::uint64_t end_ = 0;
};

class SimReadableFile final : public ReadableFile {
 public:
  explicit SimReadableFile(std::string content) : content_(std::move(content)) {}
  std::uint64_t size() const override { return content_.size(); }
  std::size_t read_at(std::uint64_t offset, void* out, std::size_t size) const override {
    if (offset >= content_.size()) return 0;
    size = std::min<std::size_t>(size, content_.size() - offset);
    std::memcpy(out, content_.data() + offset, size);
    return size;
  }

 private:
  const std::string content_;
};

// Page-aligned like the real thing, so that alignment promises are tested.
class SimMapping final : public Mapping {
 public:
  explicit SimMapping(const std::string& content) {
    size_ = content.size();
    auto* p = static_cast<std::byte*>(::operator new(std::max<std::size_t>(size_, 1), std::align_val_t(4096)));
    std::memcpy(p, content.data(), size_);
    data_ = p;
  }
  ~SimMapping() override { ::operator delete(const_cast<std::byte*>(data_), std::align_val_t(4096)); }
};

class SimLock final : public FileLock {
 public:
  SimLock(SimEnv& env, std::string path) : env_(env), path_(std::move(path)) {}
  ~SimLock() override { env_.release_lock(path_); }

 private:
  SimEnv& env_;
  const std::string path_;
};

}  // namespace

SimEnv::SimEnv() : SimEnv(SimDisk{}) {}

SimEnv::SimEnv(SimDisk disk) : disk_(std::move(disk)) {
  disk_.dirs_.insert("/");
  if (!disk_.inodes_.empty()) next_inode_ = disk_.inodes_.rbegin()->first + 1;
  // Another disk, other identities: uuids must not repeat after a crash.
  random_ = SimRandom(0x5a6edb + static_cast<std::uint64_t>(next_inode_) * 7919);
}

void SimEnv::fail_at(std::uint64_t n, ErrorCode code, std::uint64_t count) {
  std::lock_guard lock(mutex_);
  fail_from_ = n == 0 ? 0 : operations_ + n;
  fail_count_ = count;
  fail_code_ = code;
  failed_ = false;
}

std::uint64_t SimEnv::operations() const {
  std::lock_guard lock(mutex_);
  return operations_;
}

bool SimEnv::failed() const {
  std::lock_guard lock(mutex_);
  return failed_;
}

std::size_t SimEnv::moment() const {
  std::lock_guard lock(mutex_);
  return journal_.size();
}

SimDisk SimEnv::disk() const {
  std::lock_guard lock(mutex_);
  return disk_;
}

bool SimEnv::should_fail() {
  ++operations_;
  const bool hit = fail_from_ != 0 && operations_ >= fail_from_ && operations_ - fail_from_ < fail_count_;
  failed_ = failed_ || hit;
  return hit;
}

void SimEnv::check(const std::string& what) {
  if (should_fail()) throw Error(fail_code_, "injected failure: " + what);
}

void SimEnv::record(SimOp op) {
  if (skip_ && skip_(op)) return;
  disk_.apply(op);
  journal_.push_back(std::move(op));
}

int SimEnv::require(const std::string& path) {
  const int inode = disk_.inode_of(path);
  if (inode < 0) throw Error(ErrorCode::NOT_FOUND, path + " does not exist");
  return inode;
}

std::unique_ptr<WritableFile> SimEnv::create(const std::string& path) {
  std::lock_guard lock(mutex_);
  check("create " + path);
  if (!disk_.has_dir(parent_path(path))) throw Error(ErrorCode::NOT_FOUND, "no folder for " + path);
  const int inode = next_inode_++;
  record(SimOp{SimOp::Kind::create, inode, 0, {}, path, {}});
  return std::make_unique<SimWritableFile>(*this, inode, path);
}

std::unique_ptr<ReadableFile> SimEnv::open(const std::string& path) {
  std::lock_guard lock(mutex_);
  check("open " + path);
  return std::make_unique<SimReadableFile>(content(require(path)));
}

std::shared_ptr<const Mapping> SimEnv::map(const std::string& path) {
  std::lock_guard lock(mutex_);
  check("map " + path);
  return std::make_shared<SimMapping>(content(require(path)));
}

std::shared_ptr<const Mapping> SimEnv::map_parts(const std::vector<MapPart>& parts, std::uint64_t size) {
  std::lock_guard lock(mutex_);
  check("map " + parts.at(0).path);
  std::string joined(size, '\x5a');
  for (const MapPart& part : parts)
    joined.replace(part.at, part.size, content(require(part.path)).substr(part.offset, part.size));
  return std::make_shared<SimMapping>(joined.substr(0, size));
}

std::byte* SimEnv::allocate_scratch(const std::string& dir, std::size_t bytes) {
  std::lock_guard lock(mutex_);
  check("allocate " + dir);
  return allocate_pages(bytes);
}

bool SimEnv::map_in_place(const std::string& path, std::uint64_t offset, const std::byte* at,
                          std::size_t size) noexcept {
  std::lock_guard lock(mutex_);
  const std::string* const file = disk_.find(path);
  if (file == nullptr) return false;
  const auto place = reinterpret_cast<std::uintptr_t>(at);
  if (place % kFilePage == 0 && offset % kFilePage == 0 && size % kFilePage == 0 && size > 0 &&
      offset + size <= file->size() && std::memcmp(file->data() + offset, at, size) == 0)
    return true;
  std::fprintf(stderr, "%s at %llu: other bytes than in memory\n", path.c_str(),
               static_cast<unsigned long long>(offset));
  std::abort();
}

void SimEnv::rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  check("rename " + from);
  require(from);
  record(SimOp{SimOp::Kind::rename, -1, 0, {}, from, to});
}

void SimEnv::unlink(const std::string& path) {
  std::lock_guard lock(mutex_);
  check("unlink " + path);
  require(path);
  record(SimOp{SimOp::Kind::unlink, -1, 0, {}, path, {}});
}

bool SimEnv::exists(const std::string& path) {
  std::lock_guard lock(mutex_);
  check("exists " + path);
  return disk_.inode_of(path) >= 0 || disk_.has_dir(path);
}

std::vector<std::string> SimEnv::list(const std::string& dir) {
  std::lock_guard lock(mutex_);
  check("list " + dir);
  if (!disk_.has_dir(dir)) throw Error(ErrorCode::NOT_FOUND, dir + " does not exist");
  std::vector<std::string> out;
  for (const std::string& path : disk_.paths())
    if (parent_path(path) == dir) out.push_back(path.substr(path.rfind('/') + 1));
  return out;
}

void SimEnv::make_dir(const std::string& path) {
  std::lock_guard lock(mutex_);
  check("mkdir " + path);
  for (std::string p = path; !disk_.has_dir(p); p = parent_path(p))
    record(SimOp{SimOp::Kind::make_dir, -1, 0, {}, p, {}});
}

void SimEnv::sync_dir(const std::string& path) {
  std::lock_guard lock(mutex_);
  check("sync folder " + path);
  record(SimOp{SimOp::Kind::sync_dir, -1, 0, {}, path, {}});
}

std::unique_ptr<FileLock> SimEnv::lock(const std::string& path) {
  std::lock_guard lock(mutex_);
  check("lock " + path);
  if (!locks_.insert(path).second) throw Error(ErrorCode::LOCKED, path + " is held");
  return std::make_unique<SimLock>(*this, path);
}

void SimEnv::link_or_copy(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  check("link " + from);
  require(from);
  record(SimOp{SimOp::Kind::link, -1, 0, {}, from, to});
}

void SimEnv::random_bytes(void* out, std::size_t size) {
  std::lock_guard lock(mutex_);
  auto* p = static_cast<unsigned char*>(out);
  for (std::size_t i = 0; i < size; ++i) p[i] = static_cast<unsigned char>(random_.next());
}

void SimEnv::write(int inode, std::uint64_t offset, const std::string& data) {
  std::lock_guard lock(mutex_);
  const bool fail = should_fail();
  const std::string part = fail ? data.substr(0, data.size() / 2) : data;
  if (!part.empty()) record(SimOp{SimOp::Kind::write, inode, offset, part, {}, {}});
  if (fail) throw Error(fail_code_, "injected failure: write");
}

void SimEnv::trim(int inode, std::uint64_t size) {
  std::lock_guard lock(mutex_);
  check("trim");
  record(SimOp{SimOp::Kind::trim, inode, size, {}, {}, {}});
}

void SimEnv::sync(int inode, const std::string& path) {
  std::lock_guard lock(mutex_);
  const bool fail = should_fail();
  record(SimOp{fail ? SimOp::Kind::failed_sync : SimOp::Kind::sync, inode, 0, {}, path, {}});
  if (fail) throw Error(fail_code_, "injected failure: sync");
}

std::string SimEnv::content(int inode) {
  std::lock_guard lock(mutex_);
  return disk_.inodes_.at(inode).now;
}

void SimEnv::release_lock(const std::string& path) {
  std::lock_guard lock(mutex_);
  locks_.erase(path);
}

}  // namespace sagedb::test
