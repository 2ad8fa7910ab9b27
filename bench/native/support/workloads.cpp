#include "support/workloads.h"

#include <atomic>
#include <cmath>
#include <functional>
#include <stdexcept>
#include <thread>

#include "support/ground_truth.h"
#include "support/random.h"
#include "support/report.h"
#include "support/timing.h"

namespace sagedb::bench {
namespace {

constexpr std::size_t kEfLadder[] = {10,  12,  14,  16,  20,  24,  28,  32,  40,  48,  56,  64,  80,  96,
                                     112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 800, 1000};

struct Latencies {
  std::vector<double> micros;
  void append(const Latencies& other) { micros.insert(micros.end(), other.micros.begin(), other.micros.end()); }
  double p(double share) { return percentile(micros, share); }
};

std::vector<std::int32_t> search_all(Variant& variant, const WorkloadContext& c, std::size_t ef) {
  std::vector<std::int32_t> found(c.queries->rows * c.k);
  for (std::size_t q = 0; q < c.queries->rows; ++q) variant.search(c.queries->row(q), c.k, ef, found.data() + q * c.k);
  return found;
}

double recall_of(Variant& variant, const WorkloadContext& c, std::size_t ef) {
  return recall_at(c.k, *c.truth, c.truth_k, search_all(variant, c, ef), c.k);
}

// Runs body(thread, stop) on `threads` threads for `seconds`; returns the wall time.
double run_for(int threads, double seconds, const std::function<void(int, const std::atomic<bool>&)>& body) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> workers;
  const Stopwatch watch;
  for (int t = 0; t < threads; ++t) workers.emplace_back([&, t] { body(t, stop); });
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  for (std::thread& worker : workers) worker.join();
  return watch.seconds();
}

// Searches in a loop until told to stop, timing each.
void search_loop(Variant& variant, const WorkloadContext& c, int thread, const std::atomic<bool>& stop,
                 Latencies& latencies) {
  std::vector<std::int32_t> out(c.k);
  for (std::size_t i = static_cast<std::size_t>(thread) * 131; !stop; ++i) {
    const Stopwatch watch;
    variant.search(c.queries->row(i % c.queries->rows), c.k, c.ef, out.data());
    latencies.micros.push_back(watch.micros());
  }
}

// Takes rows nobody inserted before, across workloads of one program; starts over when the supply ends.
const float* next_rows(const WorkloadContext& c, std::size_t count) {
  static std::atomic<std::size_t> used{0};
  const std::size_t at = used.fetch_add(count) % (c.extra->rows - count + 1);
  return c.extra->row(at);
}

// Keeps `threads` cores busy with arithmetic, as a build would, without touching the index.
void spin(const std::atomic<bool>& stop) {
  volatile double x = 1;
  while (!stop) {
    for (int i = 0; i < 1000; ++i) x = x * 1.0000001;
  }
}

Report line(const Variant& variant, const char* workload, int threads) {
  Report report;
  report.text("variant", variant.name()).text("workload", workload).number("threads", threads);
  return report;
}

}  // namespace

std::size_t choose_ef(Variant& variant, const WorkloadContext& c, double target) {
  for (const std::size_t ef : kEfLadder) {
    if (recall_of(variant, c, ef) >= target) return ef;
  }
  return kEfLadder[std::size(kEfLadder) - 1];
}

double search_cost(Variant& variant, const WorkloadContext& c) {
  search_all(variant, c, c.ef);
  const double cpu = cpu_seconds();
  std::size_t searches = 0;
  for (const Stopwatch watch; watch.seconds() < c.seconds / 2; searches += c.queries->rows)
    search_all(variant, c, c.ef);
  return (cpu_seconds() - cpu) / static_cast<double>(searches);
}

void run_search(Variant& variant, const WorkloadContext& c, int threads) {
  const double recall = recall_of(variant, c, c.ef);
  std::vector<Latencies> latencies(static_cast<std::size_t>(threads));
  const double cpu = cpu_seconds();
  const double wall = run_for(threads, c.seconds, [&](int t, const std::atomic<bool>& stop) {
    search_loop(variant, c, t, stop, latencies[static_cast<std::size_t>(t)]);
  });
  const double used = cpu_seconds() - cpu;
  Latencies all;
  for (const Latencies& one : latencies) all.append(one);
  line(variant, "search", threads)
      .number("qps", static_cast<double>(all.micros.size()) / wall)
      .number("p50_us", all.p(0.5))
      .number("p99_us", all.p(0.99))
      .number("recall", recall)
      .number("ef", static_cast<double>(c.ef))
      .number("cpu", used / wall);
}

void run_batch(Variant& variant, const WorkloadContext& c, std::size_t batch) {
  std::vector<std::int32_t> out(batch * c.k);
  std::size_t batches = 0;
  const double cpu = cpu_seconds();
  const Stopwatch watch;
  for (; watch.seconds() < c.seconds; ++batches) {
    const std::size_t first = batches * batch % (c.queries->rows - batch + 1);
    variant.batch_search(c.queries->row(first), batch, c.k, c.ef, out.data());
  }
  const double wall = watch.seconds();
  line(variant, "batch", 1)
      .number("batch", static_cast<double>(batch))
      .number("batches_per_s", static_cast<double>(batches) / wall)
      .number("qps", static_cast<double>(batches * batch) / wall)
      .number("cpu", (cpu_seconds() - cpu) / wall);
}

void run_mixed(Variant& variant, const WorkloadContext& c, int threads, double search_cpu, double insert_cpu) {
  const auto n = static_cast<std::size_t>(threads);
  std::vector<Latencies> searches(n);
  std::vector<Latencies> inserts(n);
  const std::size_t before = variant.rows();
  const double cpu = cpu_seconds();
  const double wall = run_for(threads, c.seconds, [&](int t, const std::atomic<bool>& stop) {
    Random random(static_cast<std::uint64_t>(t) + 1);
    std::vector<std::int32_t> out(c.k);
    const auto self = static_cast<std::size_t>(t);
    while (!stop) {
      const Stopwatch watch;
      if (random.below(10) == 0) {
        variant.add(next_rows(c, 1), 1);
        inserts[self].micros.push_back(watch.micros());
      } else {
        variant.search(c.queries->row(random.below(c.queries->rows)), c.k, c.ef, out.data());
        searches[self].micros.push_back(watch.micros());
      }
    }
  });
  const double used = cpu_seconds() - cpu;
  const std::size_t indexed = variant.indexed_rows();
  const Stopwatch drain;
  variant.settle();
  const double drained = drain.seconds();
  Latencies s;
  Latencies i;
  for (std::size_t t = 0; t < n; ++t) {
    s.append(searches[t]);
    i.append(inserts[t]);
  }
  const double operations = static_cast<double>(s.micros.size() + i.micros.size());
  const double bound = std::min(threads, c.cores) / (0.9 * search_cpu + 0.1 * insert_cpu);
  line(variant, "mixed", threads)
      .number("ops", operations / wall)
      .number("sustained_ops", operations / (wall + drained))
      .number("bound_ops", bound)
      .number("share", operations / (wall + drained) / bound)
      .number("search_p50_us", s.p(0.5))
      .number("search_p99_us", s.p(0.99))
      .number("insert_p50_us", i.p(0.5))
      .number("insert_p99_us", i.p(0.99))
      .number("inserted", static_cast<double>(variant.rows() - before))
      .number("indexed_share", static_cast<double>(indexed) / static_cast<double>(variant.rows()))
      .number("drain_s", drained)
      .number("cpu", used / wall);
}

double run_add_batches(Variant& variant, const WorkloadContext& c, std::size_t batches) {
  constexpr std::size_t kBatch = 1000;
  variant.settle();
  Latencies latencies;
  const double cpu = cpu_seconds();
  const Stopwatch watch;
  for (std::size_t b = 0; b < batches; ++b) {
    const Stopwatch one;
    variant.add(next_rows(c, kBatch), kBatch);
    latencies.micros.push_back(one.micros());
  }
  const double accepted = watch.seconds();
  variant.settle();
  const double settled = watch.seconds();
  const double rows = static_cast<double>(batches * kBatch);
  const double cost = (cpu_seconds() - cpu) / rows;
  line(variant, "add_batch", 1)
      .number("accepted_rows_per_s", rows / accepted)
      .number("sustained_rows_per_s", rows / settled)
      .number("batch_p50_us", latencies.p(0.5))
      .number("batch_max_us", latencies.p(1))
      .number("cpu_us_per_row", cost * 1e6);
  return cost;
}

void run_rebuild(Variant& variant, const WorkloadContext& c, std::size_t rows, int readers) {
  variant.settle();
  const auto n = static_cast<std::size_t>(std::max(readers, 1));
  std::vector<Latencies> calm(n);
  std::vector<Latencies> during(n);
  if (readers > 0) {
    // The yardstick: the same readers while other threads keep the same cores busy.
    run_for(readers + c.cores, c.seconds, [&](int t, const std::atomic<bool>& stop) {
      if (t < readers)
        search_loop(variant, c, t, stop, calm[static_cast<std::size_t>(t)]);
      else
        spin(stop);
    });
  }
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < readers; ++t) {
    threads.emplace_back([&, t] { search_loop(variant, c, t, stop, during[static_cast<std::size_t>(t)]); });
  }
  const Stopwatch watch;
  variant.add(next_rows(c, rows), rows);
  variant.settle();
  const double took = watch.seconds();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  Latencies quiet;
  Latencies busy;
  for (std::size_t t = 0; t < n; ++t) {
    quiet.append(calm[t]);
    busy.append(during[t]);
  }
  const double searches = static_cast<double>(busy.micros.size());
  line(variant, "rebuild", readers)
      .number("rows", static_cast<double>(rows))
      .number("seconds", took)
      .number("rows_per_s", static_cast<double>(rows) / took)
      .number("searches_per_s", searches / took)
      .number("search_p50_us", busy.p(0.5))
      .number("search_p99_us", busy.p(0.99))
      .number("search_max_us", busy.p(1))
      .number("busy_cores_p50_us", quiet.p(0.5))
      .number("busy_cores_p99_us", quiet.p(0.99));
}

void run_publication(Variant& variant, const WorkloadContext& c) {
  constexpr std::size_t kRows = 1000;
  constexpr int kRepeats = 5;
  variant.settle();
  Latencies alone;
  Latencies with_reader;
  Latencies searches;
  for (int r = 0; r < kRepeats; ++r) {
    const Stopwatch watch;
    variant.add(next_rows(c, kRows), kRows);
    variant.settle();
    alone.micros.push_back(watch.micros());
  }
  // A variant without locks cannot be searched while it changes.
  for (int r = 0; r < kRepeats && variant.max_threads() > 1; ++r) {
    std::atomic<bool> stop{false};
    std::thread reader([&] { search_loop(variant, c, 0, stop, searches); });
    const Stopwatch watch;
    variant.add(next_rows(c, kRows), kRows);
    variant.settle();
    with_reader.micros.push_back(watch.micros());
    stop = true;
    reader.join();
  }
  line(variant, "publication", 1)
      .number("rows", static_cast<double>(kRows))
      .number("index_rows", static_cast<double>(variant.rows()))
      .number("seconds_p50", alone.p(0.5) * 1e-6)
      .number("seconds_max", alone.p(1) * 1e-6)
      .number("with_reader_seconds_p50", with_reader.p(0.5) * 1e-6)
      .number("search_p99_us", searches.p(0.99))
      .number("search_max_us", searches.p(1));
}

}  // namespace sagedb::bench
