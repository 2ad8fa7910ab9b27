// The design's workloads over one variant. Every function prints JSON lines with variant, workload, threads and what it measured.
#pragma once

#include <string>
#include <vector>

#include "support/matrix.h"
#include "support/variant.h"

namespace sagedb::bench {

struct WorkloadContext {
  const Matrix* queries = nullptr;
  const std::vector<std::int32_t>* truth = nullptr;  // of the rows loaded at the start
  std::size_t truth_k = 100;
  const Matrix* extra = nullptr;  // rows to insert, not in the base set
  std::size_t k = 10;
  std::size_t ef = 64;
  double seconds = 3;
  int cores = 1;
};

// Smallest ef of a fixed ladder that reaches `target` recall@k on the queries; the last one when none does.
std::size_t choose_ef(Variant& variant, const WorkloadContext& context, double target);

void run_search(Variant& variant, const WorkloadContext& context, int threads);
void run_batch(Variant& variant, const WorkloadContext& context, std::size_t batch);
// 90% searches, 10% single-row inserts, from each thread. `search_cpu` and `insert_cpu` are the measured separate costs in CPU seconds;
// the bound is cores / (0.9 search + 0.1 insert).
void run_mixed(Variant& variant, const WorkloadContext& context, int threads, double search_cpu, double insert_cpu);
// addBatch(1000) `batches` times; returns CPU seconds per row with the index kept up.
double run_add_batches(Variant& variant, const WorkloadContext& context, std::size_t batches);
// CPU seconds of one search, on one thread.
double search_cost(Variant& variant, const WorkloadContext& context);
// `rows` rows inserted at once while `readers` threads search; beside it, searches while as many other threads keep the cores busy.
void run_rebuild(Variant& variant, const WorkloadContext& context, std::size_t rows, int readers);
// 1,000 rows added to a settled index: seconds until searches use them from the graph, and the longest search meanwhile.
void run_publication(Variant& variant, const WorkloadContext& context);

}  // namespace sagedb::bench
