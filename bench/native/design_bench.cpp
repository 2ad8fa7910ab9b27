// The design's benchmark: sequential, lock in the binding, reader-writer lock and this engine on the same vectors, graph and kernels.
//
//   sagedb_design_bench --base base.f32 --query query.f32 --truth gt100.i32 --dim 768 --metric cosine --extra extra.f32
//       [--rows 0] [--variants sequential,mutex,rwlock,sagedb-f32,sagedb] [--workloads search,batch,mixed,add,rebuild,publication]
//       [--threads 1,2,4,8] [--seconds 3] [--recall 0.95] [--rebuild-rows 10000] [--batches 10]
#include <algorithm>
#include <cstdio>
#include <exception>

#include "base/executor.h"
#include "support/args.h"
#include "support/ground_truth.h"
#include "support/metric_name.h"
#include "support/report.h"
#include "support/timing.h"
#include "support/workloads.h"

namespace sagedb::bench {
namespace {

struct Plan {
  std::vector<int> threads;
  std::vector<std::string> workloads;
  double recall;
  std::size_t rebuild_rows;
  std::size_t batches;
  bool has(const char* name) const { return std::find(workloads.begin(), workloads.end(), name) != workloads.end(); }
};

void run_variant(Variant& variant, WorkloadContext context, const Plan& plan) {
  context.ef = choose_ef(variant, context, plan.recall);
  const auto allowed = [&](int threads) { return threads <= variant.max_threads(); };
  if (plan.has("search")) {
    for (const int t : plan.threads) {
      if (allowed(t)) run_search(variant, context, t);
    }
  }
  if (plan.has("batch")) run_batch(variant, context, 100);
  const double search_cpu = search_cost(variant, context);
  // Everything below inserts rows, so recall against the ground truth of the base rows is not stated from here on.
  const double insert_cpu = plan.has("add") || plan.has("mixed") ? run_add_batches(variant, context, plan.batches) : 0;
  if (plan.has("mixed")) {
    for (const int t : plan.threads) {
      if (allowed(t)) run_mixed(variant, context, t, search_cpu, insert_cpu);
    }
  }
  if (plan.has("publication")) run_publication(variant, context);
  if (plan.has("rebuild")) {
    run_rebuild(variant, context, plan.rebuild_rows, 0);
    if (allowed(2)) run_rebuild(variant, context, plan.rebuild_rows, std::min(2, context.cores));
  }
}

void run(const Args& args) {
  const std::size_t dimension = args.count("dim");
  VariantConfig config;
  config.dimension = dimension;
  config.metric = metric_from_name(args.text("metric"));
  const Matrix base = read_vectors(args.text("base"), dimension, args.count("rows"));
  const Matrix queries = read_vectors(args.text("query"), dimension);
  const Matrix extra = read_vectors(args.text("extra"), dimension);
  const std::vector<std::int32_t> truth = read_i32(args.text("truth"));

  WorkloadContext context;
  context.queries = &queries;
  context.truth = &truth;
  context.truth_k = truth.size() / queries.rows;
  context.extra = &extra;
  context.seconds = args.number("seconds");
  context.cores = hardware_threads();
  Plan plan{{}, args.list("workloads"), args.number("recall"), args.count("rebuild-rows"), args.count("batches")};
  for (const std::string& t : args.list("threads")) plan.threads.push_back(std::stoi(t));
  config.capacity = base.rows + 4 * plan.rebuild_rows + plan.batches * 1000;

  std::shared_ptr<const GraphIndex> graph;
  for (const std::string& name : args.list("variants")) {
    const bool baseline = name.rfind("sagedb", 0) != 0;
    if (baseline && !graph) graph = build_graph(base, config);
    const Stopwatch watch;
    const double cpu = cpu_seconds();
    const auto variant = make_variant(name, config, base, graph.get());
    if (!baseline) {
      Report()
          .text("variant", variant->name())
          .text("workload", "load")
          .number("rows", static_cast<double>(base.rows))
          .number("seconds", watch.seconds())
          .number("rows_per_s", static_cast<double>(base.rows) / watch.seconds())
          .number("cpu", (cpu_seconds() - cpu) / watch.seconds());
    }
    run_variant(*variant, context, plan);
  }
}

}  // namespace
}  // namespace sagedb::bench

int main(int argc, char** argv) {
  using namespace sagedb::bench;
  try {
    run(Args(argc, argv,
             {{"base", ""},
              {"query", ""},
              {"truth", ""},
              {"extra", ""},
              {"dim", ""},
              {"metric", ""},
              {"rows", "0"},
              {"variants", "sequential,mutex,rwlock,sagedb-f32,sagedb"},
              {"threads", "1,2,4,8"},
              {"seconds", "3"},
              {"recall", "0.95"},
              {"workloads", "search,batch,mixed,add,publication,rebuild"},
              {"rebuild-rows", "10000"},
              {"batches", "10"}}));
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
