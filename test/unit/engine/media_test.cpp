// Real media: a file system that fills up, and one that cannot be written. Both are small tmpfs, which needs root.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/durable_fixture.h"

namespace sagedb {
namespace {

namespace fs = std::filesystem;
using namespace sagedb::testing;

class SmallDisk {
 public:
  explicit SmallDisk(const char* name)
      : folder_(fs::path(::testing::TempDir()) / (std::string("sagedb-") + name + "-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    mounted_ = ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=1m") == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
    std::error_code ignored;
    fs::remove(folder_, ignored);
  }
  bool mounted() const noexcept { return mounted_; }
  fs::path folder() const { return folder_; }
  bool make_read_only() const {
    return ::mount("tmpfs", folder_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=1m") == 0;
  }

 private:
  const fs::path folder_;
  bool mounted_ = false;
};

Options options_on(const SmallDisk& disk) {
  Options o = options_for(32, Metric::l2, IndexKind::flat, 1u << 20);
  o.path = disk.folder() / "db";
  return o;
}

// Property: on a full disk writes are refused with DISK_FULL, one after the other, and so are checkpoints; reads go on with the acknowledged state; when there
// is room again, so do writes; a reopen finds everything acknowledged.
TEST(Media, AFullDisk) {
  const SmallDisk disk("full");
  if (!disk.mounted()) GTEST_SKIP() << "NO FULL DISK TEST: this machine does not let us mount a tmpfs";
  {
    std::ofstream ballast(disk.folder() / "ballast", std::ios::binary);
    ballast << std::string(300000, 'x');
  }
  std::mt19937_64 rng(1);
  const Options o = options_on(disk);
  Content content;
  {
    auto db = SageDB::open(o);
    const auto add = [&] {
      return apply_one(*db, op_of(WriteOp::Kind::add, {random_vector(rng, 32)}, {}, {"{\"a\":1}"}));
    };
    OpResult last;
    for (int i = 0; i < 20000 && !last.error; ++i) last = add();
    ASSERT_TRUE(last.error.has_value()) << "a megabyte is not endless";
    EXPECT_EQ(last.error->code(), ErrorCode::DISK_FULL) << last.error->message();
    content = content_of(*db);
    for (int i = 0; i < 5; ++i) {
      const OpResult r = add();
      ASSERT_TRUE(r.error.has_value());
      EXPECT_EQ(r.error->code(), ErrorCode::DISK_FULL) << r.error->message();
    }
    EXPECT_EQ(code_of([&] { db->checkpoint(); }), ErrorCode::DISK_FULL);
    EXPECT_EQ(content_of(*db), content);
    fs::remove(disk.folder() / "ballast");
    expect_ok(add());
    content = content_of(*db);
  }
  auto db = SageDB::open(o);
  EXPECT_EQ(content_of(*db), content);
  db->verify(nullptr, nullptr);
}

// Property: on media that cannot be written a database opens with readOnly and answers; without, it is PERMISSION_DENIED.
TEST(Media, ReadOnlyMedia) {
  const SmallDisk disk("read-only");
  if (!disk.mounted()) GTEST_SKIP() << "NO READ-ONLY MEDIA TEST: this machine does not let us mount a tmpfs";
  std::mt19937_64 rng(2);
  Options o = options_on(disk);
  Content content;
  {
    auto db = SageDB::open(o);
    for (int i = 0; i < 50; ++i) {
      std::vector<WriteOp> ops = random_ops(rng, 32);
      db->apply(ops);
      if (i == 20) db->checkpoint();
    }
    content = content_of(*db);
  }
  ASSERT_TRUE(disk.make_read_only());
  EXPECT_EQ(code_of([&] { SageDB::open(o); }), ErrorCode::PERMISSION_DENIED);
  Options absent = o;
  absent.path = disk.folder() / "other";
  EXPECT_EQ(code_of([&] { SageDB::open(absent); }), ErrorCode::PERMISSION_DENIED);
  o.read_only = true;
  auto db = SageDB::open(o);
  EXPECT_EQ(content_of(*db), content);
  EXPECT_FALSE(db->refresh());
  db->verify(nullptr, nullptr);
  EXPECT_EQ(apply_one(*db, op_of(WriteOp::Kind::add, {random_vector(rng, 32)})).error->code(), ErrorCode::READ_ONLY);
  db->close();
}

}  // namespace
}  // namespace sagedb
