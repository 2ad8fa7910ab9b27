#include "support/variant.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>

#include "base/executor.h"
#include "engine/sage_db.h"
#include "support/mutable_hnsw.h"

namespace sagedb::bench {
namespace {

// Scratch is the calling thread's own; only variants with one graph at a time use it.
MutableHnsw::Scratch& thread_scratch() {
  thread_local MutableHnsw::Scratch scratch;
  return scratch;
}

class LockedVariant : public Variant {
 public:
  LockedVariant(const VariantConfig& config, const Matrix& base, const GraphIndex* graph)
      : dimension_(config.dimension),
        threads_(config.threads > 0 ? config.threads : hardware_threads()),
        graph_(config.dimension, config.metric, config.M, config.ef_construction,
               std::max(config.capacity, base.rows)) {
    if (graph != nullptr) graph_.adopt(graph->data(), base.values.data(), base.rows);
  }
  void settle() override {}
  std::size_t rows() const override { return graph_.rows(); }
  std::size_t indexed_rows() const override { return graph_.rows(); }

 protected:
  void add_all(const float* vectors, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) graph_.add(vectors + i * dimension_, thread_scratch());
  }
  void search_all(const float* queries, std::size_t count, std::size_t k, std::size_t ef, std::int32_t* out) const {
    for (std::size_t i = 0; i < count; ++i)
      graph_.search(queries + i * dimension_, k, ef, thread_scratch(), out + i * k);
  }
  const std::size_t dimension_;
  const int threads_;
  MutableHnsw graph_;
};

class SequentialVariant final : public LockedVariant {
 public:
  using LockedVariant::LockedVariant;
  const char* name() const override { return "sequential"; }
  int max_threads() const override { return 1; }
  void search(const float* query, std::size_t k, std::size_t ef, std::int32_t* out) override {
    search_all(query, 1, k, ef, out);
  }
  void batch_search(const float* queries, std::size_t count, std::size_t k, std::size_t ef,
                    std::int32_t* out) override {
    search_all(queries, count, k, ef, out);
  }
  void add(const float* vectors, std::size_t count) override { add_all(vectors, count); }
};

class MutexVariant final : public LockedVariant {
 public:
  using LockedVariant::LockedVariant;
  const char* name() const override { return "mutex"; }
  int max_threads() const override { return 1 << 10; }
  void search(const float* query, std::size_t k, std::size_t ef, std::int32_t* out) override {
    batch_search(query, 1, k, ef, out);
  }
  void batch_search(const float* queries, std::size_t count, std::size_t k, std::size_t ef,
                    std::int32_t* out) override {
    const std::lock_guard lock(mutex_);
    search_all(queries, count, k, ef, out);
  }
  void add(const float* vectors, std::size_t count) override {
    const std::lock_guard lock(mutex_);
    add_all(vectors, count);
  }

 private:
  std::mutex mutex_;
};

class SharedLockVariant final : public LockedVariant {
 public:
  using LockedVariant::LockedVariant;
  const char* name() const override { return "rwlock"; }
  int max_threads() const override { return 1 << 10; }
  void search(const float* query, std::size_t k, std::size_t ef, std::int32_t* out) override {
    const std::shared_lock lock(mutex_);
    search_all(query, 1, k, ef, out);
  }
  void batch_search(const float* queries, std::size_t count, std::size_t k, std::size_t ef,
                    std::int32_t* out) override {
    const std::shared_lock lock(mutex_);
    parallel_for(count, 1, threads_, [&](std::size_t begin, std::size_t end, int) {
      search_all(queries + begin * dimension_, end - begin, k, ef, out + begin * k);
    });
  }
  void add(const float* vectors, std::size_t count) override {
    const std::unique_lock lock(mutex_);
    add_all(vectors, count);
  }

 private:
  std::shared_mutex mutex_;
};

class EngineVariant final : public Variant {
 public:
  EngineVariant(const VariantConfig& config, const Matrix& base, Quantization quantization)
      : dimension_(config.dimension), codes_(quantization != Quantization::none) {
    Options options;
    options.dimension = static_cast<std::uint32_t>(config.dimension);
    options.metric = config.metric;
    options.index.kind = IndexKind::hnsw;
    options.index.M = config.M;
    options.index.ef_construction = config.ef_construction;
    options.quantization = quantization;
    options.threads = config.threads;
    db_ = SageDB::open(options);
    constexpr std::size_t kSlice = 10000;
    for (std::size_t r = 0; r < base.rows; r += kSlice) add(base.row(r), std::min(kSlice, base.rows - r));
    settle();
  }
  ~EngineVariant() override { db_->close(); }
  const char* name() const override { return codes_ ? "sagedb" : "sagedb-f32"; }
  int max_threads() const override { return 1 << 10; }
  void search(const float* query, std::size_t k, std::size_t ef, std::int32_t* out) override {
    batch_search(query, 1, k, ef, out);
  }
  void batch_search(const float* queries, std::size_t count, std::size_t k, std::size_t ef,
                    std::int32_t* out) override {
    std::vector<SearchRequest> requests(count);
    for (std::size_t i = 0; i < count; ++i) {
      requests[i].vector = queries + i * dimension_;
      requests[i].k = static_cast<std::uint32_t>(k);
      requests[i].ef = static_cast<std::uint32_t>(ef);
      requests[i].include_metadata = false;
    }
    const auto results = db_->search(requests.data(), count);
    std::fill(out, out + count * k, -1);
    for (std::size_t i = 0; i < count; ++i) {
      if (results[i].error) throw *results[i].error;
      for (std::size_t h = 0; h < results[i].hits.size(); ++h)
        out[i * k + h] = static_cast<std::int32_t>(results[i].hits[h].id.number());
    }
  }
  void add(const float* vectors, std::size_t count) override {
    std::vector<WriteOp> ops(1);
    ops[0].count = count;
    ops[0].vectors.assign(vectors, vectors + count * dimension_);
    // Ids are row numbers of the base set, as the ground truth has them.
    const std::int64_t first = next_id_.fetch_add(static_cast<std::int64_t>(count));
    for (std::size_t i = 0; i < count; ++i) ops[0].ids.emplace_back(first + static_cast<std::int64_t>(i));
    const auto results = db_->apply(ops);
    if (results[0].error) throw *results[0].error;
  }
  void settle() override { db_->build_index(nullptr, nullptr); }
  std::size_t rows() const override { return db_->size(); }
  std::size_t indexed_rows() const override { return db_->stats().indexed_rows; }

 private:
  const std::size_t dimension_;
  const bool codes_;
  std::shared_ptr<SageDB> db_;
  std::atomic<std::int64_t> next_id_{0};
};

}  // namespace

std::shared_ptr<const GraphIndex> build_graph(const Matrix& base, const VariantConfig& config) {
  VectorStore vectors(static_cast<std::uint32_t>(config.dimension), VectorType::float32);
  const Row rows = static_cast<Row>(base.rows);
  vectors.ensure(rows);
  Matrix unit = base;
  if (config.metric == Metric::cosine) {
    for (std::size_t r = 0; r < unit.rows; ++r) {
      double sum = 0;
      for (std::size_t i = 0; i < unit.dimension; ++i) sum += static_cast<double>(unit.row(r)[i]) * unit.row(r)[i];
      for (std::size_t i = 0; i < unit.dimension; ++i) unit.row(r)[i] /= static_cast<float>(std::sqrt(sum));
    }
  }
  vectors.write(0, unit.values.data(), unit.rows);
  CodeStore codes(Codec::train(vectors, config.metric, rows));
  codes.ensure(rows);
  codes.encode(vectors, 0, rows);
  SpaceView space;
  space.vectors = &vectors;
  space.codes = &codes;
  space.metric = config.metric;
  IndexConfig index;
  index.M = config.M;
  index.ef_construction = config.ef_construction;
  BuildContext context;
  context.threads = config.threads > 0 ? config.threads : hardware_threads();
  const auto built = GraphAlgorithm(index).grow(space, nullptr, rows, nullptr, context);
  return std::dynamic_pointer_cast<const GraphIndex>(built);
}

std::unique_ptr<Variant> make_variant(const std::string& name, const VariantConfig& config, const Matrix& base,
                                      const GraphIndex* graph) {
  if (name == "sequential") return std::make_unique<SequentialVariant>(config, base, graph);
  if (name == "mutex") return std::make_unique<MutexVariant>(config, base, graph);
  if (name == "rwlock") return std::make_unique<SharedLockVariant>(config, base, graph);
  if (name == "sagedb") return std::make_unique<EngineVariant>(config, base, Quantization::automatic);
  if (name == "sagedb-f32") return std::make_unique<EngineVariant>(config, base, Quantization::none);
  throw std::runtime_error("expected variant sequential, mutex, rwlock, sagedb or sagedb-f32, got " + name);
}

}  // namespace sagedb::bench
