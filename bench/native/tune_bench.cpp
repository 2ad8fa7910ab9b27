// Build rate and searches per second of the graph on one thread, re-ranking included, at given recall; hnswlib beside it in the same
// run when its headers were found at configure time.
//
//   sagedb_graph_bench [--set sift|gloss|clustered|images] [--rows N] [--metric l2|ip|cosine] [--full] [--f16] [--threads N]
//                      [--queries N] [--filter share] [--no-peer] [--M n] [--efc n] [--ef a,b,c]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "index/graph_index.h"
#include "index/rerank.h"
#include "kernels/kernels.h"
#include "support/vector_sets.h"
#include "support/vector_space.h"

#ifdef SAGEDB_HNSWLIB
#include <hnswlib/hnswlib.h>
#endif

namespace sagedb {
namespace {

using test::VectorSet;

struct Arguments {
  std::string set = "sift";
  std::string metric;
  std::size_t rows = SIZE_MAX;
  std::size_t queries = 1000;
  int threads = 2;
  bool full = false, half = false, peer = true;
  double filter = 0;
  IndexConfig config;
  std::vector<std::uint32_t> efs;
};

double wall() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
double cpu() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }
// Searches are timed on the thread's own clock, so that a busy machine does not blur the comparison.
double thread_cpu() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Workload {
  VectorSet base, queries;
  Metric metric = Metric::l2;
};

// Pieces of smooth random images: few effective dimensions and strong local correlation, like photographs.
VectorSet image_patches(std::size_t count, std::uint64_t seed) {
  constexpr std::uint32_t kSide = 28;
  VectorSet set = test::make_set(count, kSide * kSide);
  parallel_for(count, 256, hardware_threads(), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t r = begin; r < end; ++r) {
      std::mt19937_64 random(seed + r * 77);
      std::uniform_real_distribution<float> uniform(-1, 1);
      float* out = set.row(r);
      for (int wave = 0; wave < 6; ++wave) {
        const float fx = uniform(random) / (0.7f + static_cast<float>(wave)), fy = uniform(random) / (0.7f + static_cast<float>(wave));
        const float phase = 3.14159f * uniform(random), weight = 60.0f * uniform(random) / (1.0f + static_cast<float>(wave));
        for (std::uint32_t y = 0; y < kSide; ++y)
          for (std::uint32_t x = 0; x < kSide; ++x)
            out[y * kSide + x] += weight * std::cos(fx * static_cast<float>(x) + fy * static_cast<float>(y) + phase);
      }
      for (std::uint32_t i = 0; i < kSide * kSide; ++i) out[i] = std::round(std::clamp(out[i] + 128 + 4 * uniform(random), 0.0f, 255.0f));
    }
  });
  return set;
}

Workload load(const Arguments& args) {
  Workload w;
  if (args.set == "clustered") {
    const std::size_t rows = std::min<std::size_t>(args.rows, 200000);
    const test::ClusteredSource source(768, 2000, 7);
    w.base = source.rows(0, rows);
    w.queries = source.rows(std::size_t{1} << 32, args.queries);
    w.metric = Metric::cosine;
  } else if (args.set == "images") {
    w.base = image_patches(std::min<std::size_t>(args.rows, 60000), 5);
    w.queries = image_patches(args.queries, std::uint64_t{1} << 40);
  } else {
    const test::RealSet real = test::load_real_set(args.set, args.rows);
    w.base = real.base;
    w.queries = real.queries;
    w.queries.count = std::min(w.queries.count, args.queries);
    w.metric = args.set == "gloss" ? Metric::cosine : Metric::l2;
  }
  if (args.metric == "l2") w.metric = Metric::l2;
  if (args.metric == "ip") w.metric = Metric::ip;
  if (args.metric == "cosine") w.metric = Metric::cosine;
  return w;
}

struct Point {
  std::uint32_t ef;
  double recall, qps, distances;
};

// Median time of a few passes over all queries; search(query number) returns its k results.
template <typename Search>
Point measure(std::uint32_t ef, std::size_t queries, const std::vector<std::vector<Candidate>>& truth, Search&& search) {
  double recall = 0, distances = 0;
  for (std::size_t q = 0; q < queries; ++q) {
    SearchCounters counters;
    recall += test::recall_of(search(q, &counters), truth[q]);
    distances += static_cast<double>(counters.distances);
  }
  std::vector<double> seconds;
  const double begin = wall();
  while (seconds.size() < 3 || (seconds.size() < 9 && wall() - begin < 0.5)) {
    const double start = thread_cpu();
    for (std::size_t q = 0; q < queries; ++q) search(q, nullptr);
    seconds.push_back(thread_cpu() - start);
  }
  std::sort(seconds.begin(), seconds.end());
  const auto n = static_cast<double>(queries);
  return {ef, recall / n, n / seconds[seconds.size() / 2], distances / n};
}

// Measures growing ef until recall 0.999 and prints the fastest point of each target.
template <typename MeasureAt>
void sweep(const char* name, const Arguments& args, MeasureAt&& measure_at) {
  std::vector<std::uint32_t> efs = args.efs;
  if (efs.empty()) efs = {10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 100, 120, 150, 200, 250, 300, 400, 600, 800, 1200, 2000};
  std::vector<Point> points;
  for (const std::uint32_t ef : efs) {
    points.push_back(measure_at(ef));
    const Point& p = points.back();
    std::printf("  %-10s ef %4u  recall %.4f  %8.0f searches/s  %6.0f distances\n", name, p.ef, p.recall, p.qps, p.distances);
    std::fflush(stdout);
    if (args.efs.empty() && p.recall >= 0.999) break;
  }
  std::printf("%-10s", name);
  for (const double target : {0.90, 0.95, 0.99, 0.999}) {
    double best = 0;
    for (const Point& p : points)
      if (p.recall >= target) best = std::max(best, p.qps);
    std::printf("  %.3f: %8.0f/s", target, best);
  }
  std::printf("\n");
}

std::vector<std::vector<Candidate>> exact_answers(const test::TestSpace& space, const VectorSet& queries, const RowSelector& selector) {
  std::vector<std::vector<Candidate>> truth(queries.count);
  parallel_for(queries.count, 4, hardware_threads(), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t q = begin; q < end; ++q) truth[q] = space.exact(queries.row(q), 10, selector);
  });
  return truth;
}

#ifdef SAGEDB_HNSWLIB
void run_peer(const Arguments& args, const Workload& w, const std::vector<std::vector<Candidate>>& truth) {
  VectorSet base = w.base, queries = w.queries;
  if (w.metric == Metric::cosine) test::normalise(base), test::normalise(queries);
  std::unique_ptr<hnswlib::SpaceInterface<float>> space;
  if (w.metric == Metric::l2) {
    space = std::make_unique<hnswlib::L2Space>(base.dimension);
  } else {
    space = std::make_unique<hnswlib::InnerProductSpace>(base.dimension);
  }
  hnswlib::HierarchicalNSW<float> graph(space.get(), base.count, args.config.M, args.config.ef_construction);
  const double start = wall(), cpu_start = cpu();
  graph.addPoint(base.row(0), 0);
  parallel_for(base.count - 1, 16, args.threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t r = begin + 1; r <= end; ++r) graph.addPoint(base.row(r), r);
  });
  const double took = wall() - start;
  std::printf("hnswlib    build %.1f s (%.0f rows/s), %.1f CPU s\n", took, static_cast<double>(base.count) / took, cpu() - cpu_start);
  sweep("hnswlib", args, [&](std::uint32_t ef) {
    graph.setEf(ef);
    return measure(ef, queries.count, truth, [&](std::size_t q, SearchCounters*) {
      auto heap = graph.searchKnn(queries.row(q), 10);
      std::vector<Candidate> found(heap.size());
      for (std::size_t i = found.size(); i-- > 0; heap.pop()) {
        const float d = w.metric == Metric::l2 ? heap.top().first : heap.top().first - 1.0f;
        found[i] = {d - 1e-5f * std::fabs(d), static_cast<Row>(heap.top().second)};
      }
      return found;
    });
  });
}
#endif

int run(const Arguments& args) {
  const Workload w = load(args);
  if (w.base.count == 0) return 0;
  const test::TestSpace space(w.base, w.metric, !args.full, args.half ? VectorType::float16 : VectorType::float32);
  std::printf("%s: %zu x %u, %s, kernels %s\n", args.set.c_str(), w.base.count, w.base.dimension, args.full ? "full precision" : "7-bit codes",
              kernels().name);
  std::unique_ptr<test::TestSelector> filter;
  if (args.filter > 0) {
    filter = std::make_unique<test::TestSelector>(space.rows());
    for (Row r = 0; r < space.rows(); ++r)
      if ((r * 2654435761u >> 8) % 100000 < args.filter * 100000) filter->allow(r);
  }
  const RowSelector selector = filter ? filter->selector() : RowSelector();
  std::vector<std::vector<Candidate>> truth;
  const std::string tcache = "/tmp/graph_truth_" + args.set + std::to_string(space.rows()) + std::to_string((int)w.metric) + "_" + std::to_string(args.filter) + "_" + std::to_string(w.queries.count);
  if (FILE* f = std::fopen(tcache.c_str(), "rb")) {
    truth.resize(w.queries.count);
    for (auto& t : truth) { std::uint32_t n; (void)!std::fread(&n, 4, 1, f); t.resize(n); (void)!std::fread(t.data(), 8, n, f); }
    std::fclose(f);
  } else {
    truth = exact_answers(space, w.queries, selector);
    f = std::fopen(tcache.c_str(), "wb");
    for (auto& t : truth) { std::uint32_t n = (std::uint32_t)t.size(); std::fwrite(&n, 4, 1, f); std::fwrite(t.data(), 8, n, f); }
    std::fclose(f);
  }

  BuildContext context;
  context.threads = args.threads;
  const double start = wall(), cpu_start = cpu();
  std::shared_ptr<const Index> graph;
  const std::string cache = "/tmp/graph_cache_" + args.set + std::to_string(space.rows()) + std::to_string((int)w.metric) + (args.full ? "f" : "c") + (std::getenv("CACHE_TAG") ? std::getenv("CACHE_TAG") : "");
  if (FILE* f = std::fopen(cache.c_str(), "rb")) {
    GraphData g(args.config.M); Row n; std::uint32_t levels;
    (void)!std::fread(&n, 4, 1, f); g.rows = n; (void)!std::fread(&g.entry, 4, 1, f); g.base.reset(n);
    (void)!std::fread(g.base.links(0), 4, std::size_t{n} * g.base.width(), f); (void)!std::fread(g.base.parent(0), 4, n, f);
    (void)!std::fread(&levels, 4, 1, f); g.upper.resize(levels);
    for (auto& u : g.upper) { std::uint32_t c; (void)!std::fread(&c, 4, 1, f); u.row.resize(c); u.down.resize(c); u.links.resize(c * g.M);
      (void)!std::fread(u.row.data(), 4, c, f); (void)!std::fread(u.down.data(), 4, c, f); (void)!std::fread(u.links.data(), 4, c * g.M, f); }
    std::fclose(f);
    graph = std::make_shared<GraphIndex>(std::move(g));
  } else {
    graph = GraphAlgorithm(args.config).grow(space.view(), nullptr, space.rows(), nullptr, context);
    f = std::fopen(cache.c_str(), "wb"); const GraphData& g = static_cast<const GraphIndex&>(*graph).data();
    const std::uint32_t levels = (std::uint32_t)g.upper.size();
    std::fwrite(&g.rows, 4, 1, f); std::fwrite(&g.entry, 4, 1, f);
    std::fwrite(g.base.links(0), 4, std::size_t{g.rows} * g.base.width(), f); std::fwrite(g.base.parent(0), 4, g.rows, f);
    std::fwrite(&levels, 4, 1, f);
    for (auto& u : g.upper) { const std::uint32_t c = (std::uint32_t)u.row.size(); std::fwrite(&c, 4, 1, f);
      std::fwrite(u.row.data(), 4, c, f); std::fwrite(u.down.data(), 4, c, f); std::fwrite(u.links.data(), 4, c * g.M, f); }
    std::fclose(f);
  }
  const double took = wall() - start;
  std::printf("sagedb     build %.1f s (%.0f rows/s), %.1f CPU s, %.0f bytes/row of links\n", took, space.rows() / took, cpu() - cpu_start,
              static_cast<double>(graph->memory_bytes()) / space.rows());
  ScratchPool pool;
  std::vector<Candidate> found;
  sweep("sagedb", args, [&](std::uint32_t ef) {
    return measure(ef, w.queries.count, truth, [&](std::size_t q, SearchCounters* counters) -> const std::vector<Candidate>& {
      const Query query(w.queries.row(q), space.view());
      const auto scratch = pool.lease();
      found.clear();
      if (!graph->search(space.view(), query, {10, ef}, selector, *scratch, found, counters)) rerank(space.view(), query, 10, found);
      if (found.size() > 10) found.resize(10);
      return found;
    });
  });
#ifdef SAGEDB_HNSWLIB
  if (args.peer && args.filter == 0) run_peer(args, w, truth);
#endif
  return 0;
}

}  // namespace
}  // namespace sagedb

int main(int argc, char** argv) {
  sagedb::Arguments args;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const auto value = [&]() -> std::string { return i + 1 < argc ? argv[++i] : ""; };
    if (name == "--set") args.set = value();
    else if (name == "--rows") args.rows = std::stoul(value());
    else if (name == "--metric") args.metric = value();
    else if (name == "--queries") args.queries = std::stoul(value());
    else if (name == "--threads") args.threads = std::stoi(value());
    else if (name == "--filter") args.filter = std::stod(value());
    else if (name == "--M") args.config.M = static_cast<std::uint32_t>(std::stoul(value()));
    else if (name == "--efc") args.config.ef_construction = static_cast<std::uint32_t>(std::stoul(value()));
    else if (name == "--full") args.full = true;
    else if (name == "--f16") args.half = true;
    else if (name == "--no-peer") args.peer = false;
    else if (name == "--ef") {
      const std::string list = value();
      for (std::size_t at = 0; at < list.size();) {
        std::size_t used = 0;
        args.efs.push_back(static_cast<std::uint32_t>(std::stoul(list.substr(at), &used)));
        at += used + 1;
      }
    } else {
      std::fprintf(stderr, "unknown argument %s\n", name.c_str());
      return 2;
    }
  }
  return sagedb::run(args);
}
