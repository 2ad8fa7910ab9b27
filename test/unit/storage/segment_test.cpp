// Segment files and headers: what is written is mapped back aligned, and every damaged byte is noticed.
#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "base/status.h"
#include "storage/endian.h"
#include "storage/segment_reader.h"
#include "storage/segment_writer.h"
#include "support/sim_env.h"

namespace sagedb {
namespace {

using test::SimDisk;
using test::SimEnv;

constexpr const char* kPath = "/vectors-000001.seg";

Uuid database() { return Uuid{{1, 2, 3}}; }

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 31 + (i >> 8));
  return out;
}

FileHeader header() {
  FileHeader h;
  h.kind = FileKind::vectors;
  h.database = database();
  h.number = 1;
  h.sequence = 99;
  h.dimension = 3;
  h.stride = 64;
  h.metric = Metric::cosine;
  return h;
}

void write(Env& env, const std::string& payload, std::size_t piece) {
  SegmentWriter file(env, kPath, header());
  for (std::size_t at = 0; at < payload.size(); at += piece)
    file.append(payload.data() + at, std::min(piece, payload.size() - at));
  file.finish(payload.size() / 64);
}

std::shared_ptr<const SegmentReader> open(Env& env, bool writable = true) {
  return SegmentReader::open(env, kPath, FileKind::vectors, database(), writable);
}

ErrorCode open_and_verify(SimDisk disk, bool writable = true) {
  SimEnv env(std::move(disk));
  try {
    open(env, writable)->verify();
  } catch (const Error& e) {
    return e.code();
  }
  return ErrorCode::INTERNAL;  // stands for success here
}
constexpr ErrorCode kNoError = ErrorCode::INTERNAL;

// Property: any payload in any pieces comes back, page-aligned, with the fields of its header.
TEST(Segment, RoundTripAroundBlockBorders) {
  for (std::size_t size : {0u, 1u, 63u, 65535u, 65536u, 65537u, 131072u, 300001u, 700000u}) {
    for (std::size_t piece : {std::size_t{17}, std::size_t{65536}, std::size_t{400000}}) {
      if (piece == 17 && size > 140000) continue;
      SimEnv env;
      const std::string payload = pattern(size);
      write(env, payload, piece);
      const auto file = open(env);
      ASSERT_EQ(file->payload_size(), size);
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(file->payload()), size), payload);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file->payload()) % 4096, 0u);
      EXPECT_EQ(file->blocks(), (size + 65535) / 65536);
      EXPECT_EQ(file->header().count, size / 64);
      EXPECT_EQ(file->header().sequence, 99u);
      EXPECT_EQ(file->header().stride, 64u);
      EXPECT_EQ(file->header().metric, Metric::cosine);
      EXPECT_NO_THROW(file->verify());
    }
  }
}

// Property: every flipped bit and every truncation or extension is noticed by open() or verify().
TEST(Segment, EveryFlipAndTruncationIsNoticed) {
  SimEnv env;
  write(env, pattern(66001), 66001);
  const SimDisk good = env.disk();
  const std::size_t size = good.find(kPath)->size();
  ASSERT_EQ(open_and_verify(good), kNoError);
  for (std::size_t at = 0; at < size; at += at < 4200 || at > size - 100 ? 1 : 97) {
    SimDisk disk = good;
    (*disk.find(kPath))[at] ^= static_cast<char>(1 << (at % 8));
    ASSERT_EQ(open_and_verify(disk), ErrorCode::CORRUPTION) << "byte " << at;
  }
  for (std::size_t cut = 0; cut < size; cut += cut < 200 || cut > size - 100 ? 1 : 509) {
    SimDisk disk = good;
    disk.find(kPath)->resize(cut);
    ASSERT_EQ(open_and_verify(disk), ErrorCode::CORRUPTION) << "cut at " << cut;
  }
  SimDisk longer = good;
  longer.find(kPath)->push_back('\0');
  EXPECT_EQ(open_and_verify(longer), ErrorCode::CORRUPTION);
  SimDisk missing = good;
  missing.erase(kPath);
  EXPECT_EQ(open_and_verify(missing), ErrorCode::CORRUPTION);
}

// Property: blocks of equal files do not stand in for each other, and a block's damage is reported with its place.
TEST(Segment, BlocksKnowTheirPlace) {
  SimEnv env;
  const std::string block = pattern(65536);
  write(env, block + block, 65536);
  SimDisk disk = env.disk();
  std::string* content = disk.find(kPath);
  // The table's two entries exchanged, and the header's sum made to fit.
  const std::size_t table = kHeaderSize + 2 * 65536;
  std::string entries = content->substr(table, 8);
  ASSERT_NE(entries.substr(0, 4), entries.substr(4, 4)) << "equal blocks have different sums";
  (*content)[kHeaderSize + 65536 + 5] ^= 4;
  SimEnv damaged(disk);
  const auto file = open(damaged);
  EXPECT_NO_THROW(file->verify_block(0));
  try {
    file->verify_block(1);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::CORRUPTION);
    EXPECT_NE(e.message().find("block 1 (from byte 69632)"), std::string::npos) << e.message();
  }
}

// Rewrites header fields with a right checksum, as another release would.
SimDisk with_header(const SimDisk& disk, const std::function<void(std::uint8_t*)>& change) {
  SimDisk out = disk;
  auto* p = reinterpret_cast<std::uint8_t*>(out.find(kPath)->data());
  change(p);
  put_le(p + kHeaderSize - 4, crc32c(0, p, kHeaderSize - 4));
  return out;
}

// Property: newer versions and features are refused as such, as far as their bits ask for, and never taken for damage.
TEST(Segment, FeatureBits) {
  SimEnv env;
  write(env, pattern(100), 100);
  const SimDisk disk = env.disk();
  const auto set = [&](std::size_t at, std::uint32_t value) {
    return with_header(disk, [=](std::uint8_t* p) { put_le(p + at, value); });
  };
  EXPECT_EQ(open_and_verify(set(16, 0x80)), kNoError) << "compatible";
  EXPECT_EQ(open_and_verify(set(20, 1)), ErrorCode::UNSUPPORTED_FORMAT) << "read-only compatible, writing";
  EXPECT_EQ(open_and_verify(set(20, 1), false), kNoError) << "read-only compatible, reading";
  EXPECT_EQ(open_and_verify(set(24, kFeatureSpaces), false), kNoError) << "incompatible with older versions";
  for (std::uint32_t bit = 0; bit < 32; ++bit)
    if (((kKnownIncompatible >> bit) & 1) == 0)
      EXPECT_EQ(open_and_verify(set(24, 1u << bit), false), ErrorCode::UNSUPPORTED_FORMAT) << "bit " << bit;
  EXPECT_EQ(open_and_verify(set(12, 2), false), ErrorCode::UNSUPPORTED_FORMAT) << "version";
  EXPECT_EQ(open_and_verify(set(28, 0x04030201), false), ErrorCode::UNSUPPORTED_FORMAT) << "byte order";
  EXPECT_EQ(open_and_verify(set(0, 0)), ErrorCode::UNSUPPORTED_FORMAT) << "magic";
  EXPECT_EQ(open_and_verify(set(8, 0x20474f4c)), ErrorCode::CORRUPTION) << "a log in the place of a segment";
  EXPECT_EQ(open_and_verify(with_header(disk, [](std::uint8_t* p) { p[48] ^= 1; })), ErrorCode::CORRUPTION)
      << "foreign";
  EXPECT_EQ(open_and_verify(with_header(disk, [](std::uint8_t* p) { put_le(p + 88, ~std::uint64_t{0} - 3); })),
            ErrorCode::CORRUPTION)
      << "lengths that overflow";
}

// Property: the bytes of a header are those that docs/format.md names.
TEST(FileHeader, GoldenBytes) {
  FileHeader h = header();
  h.count = 0x1122334455667788;
  const HeaderBytes bytes = encode_header(h);
  const unsigned char start[] = {0x89, 'S', 'D', 'B', '\r', '\n', 0x1a, '\n', 'V', 'E', 'C', 'S', 1, 0};
  EXPECT_EQ(std::memcmp(bytes.data(), start, sizeof start), 0);
  EXPECT_EQ(get_le<std::uint32_t>(&bytes[28]), 0x01020304u);
  EXPECT_EQ(get_le<std::uint64_t>(&bytes[64]), 1u);
  EXPECT_EQ(get_le<std::uint64_t>(&bytes[72]), 99u);
  EXPECT_EQ(get_le<std::uint64_t>(&bytes[80]), 0x1122334455667788u);
  EXPECT_EQ(get_le<std::uint32_t>(&bytes[120]), 3u);
  EXPECT_EQ(bytes[129], 2);
  EXPECT_EQ(get_le<std::uint32_t>(&bytes[132]), 65536u);
  EXPECT_EQ(get_le<std::uint32_t>(&bytes[4092]), crc32c(0, bytes.data(), 4092));
}

}  // namespace
}  // namespace sagedb
