// Durable writes of the engine alone, in pairs with a bare append + fdatasync of the same bytes: what the log costs beside the disk.
//
//   sagedb_durable_bench FOLDER [rounds]
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/sage_db.h"

namespace {

using sagedb::SageDB;
using sagedb::WriteOp;

constexpr std::uint32_t kDimension = 768;

double now_us() {
  const std::chrono::duration<double, std::micro> t = std::chrono::steady_clock::now().time_since_epoch();
  return t.count();
}

double at(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

void compare(SageDB& db, int file, std::size_t rows, int rounds) {
  std::vector<float> vectors(rows * kDimension);
  for (std::size_t i = 0; i < vectors.size(); ++i) vectors[i] = static_cast<float>(i * 7919 % 1000) / 500 - 1;
  std::vector<double> engine, bare, ratio;
  for (int round = 0; round < rounds; ++round) {
    std::vector<WriteOp> ops(1);
    ops[0].kind = WriteOp::Kind::add;
    ops[0].count = rows;
    ops[0].vectors.assign(vectors.begin(), vectors.end());
    double start = now_us();
    if (db.apply(ops).at(0).error) std::abort();
    engine.push_back(now_us() - start);
    const auto* p = reinterpret_cast<const char*>(vectors.data());
    start = now_us();
    for (std::size_t left = vectors.size() * sizeof(float); left > 0;) {
      const ssize_t n = ::write(file, p, left);
      if (n <= 0) std::abort();
      p += n;
      left -= static_cast<std::size_t>(n);
    }
    if (::fdatasync(file) != 0) std::abort();
    bare.push_back(now_us() - start);
    ratio.push_back(engine.back() / bare.back());
  }
  std::printf(
      "%zu x %u: engine %.0f us (a tenth below %.0f), bare append + fdatasync %.0f us (%.0f), in pairs %.2f times\n",
      rows, kDimension, at(engine, 0.5), at(engine, 0.1), at(bare, 0.5), at(bare, 0.1), at(ratio, 0.5));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 1;
  const std::string folder = argv[1];
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 10;
  std::filesystem::remove_all(folder);
  sagedb::Options o;
  o.dimension = kDimension;
  o.metric = sagedb::Metric::l2;
  o.index.kind = sagedb::IndexKind::flat;
  o.path = folder + "/db";
  std::filesystem::create_directories(folder);
  {
    const auto db = SageDB::open(o);
    const int file = ::open((folder + "/bare").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    compare(*db, file, 1, 100 * rounds);
    compare(*db, file, 10000, rounds);
    ::close(file);
  }
  std::filesystem::remove_all(folder);
  return 0;
}
