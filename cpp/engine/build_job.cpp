#include "engine/build_job.h"

#include "base/executor.h"

namespace sagedb {

void encode_rows(CodeStore& codes, const VectorStore& vectors, Row first, Row last, int threads) {
  parallel_for(last - first, 2048, threads, [&](std::size_t begin, std::size_t end, int) {
    codes.encode(vectors, first + static_cast<Row>(begin), first + static_cast<Row>(end));
  });
}

BuildOutput run_build(const Snapshot& snapshot, Row rows, const AnnsAlgorithm& algorithm, Metric metric, bool use_codes,
                      std::shared_ptr<const Index> recycled, const BuildContext& context) {
  BuildOutput out;
  out.codes = snapshot.codes;
  const VectorStore& vectors = snapshot.generation->vectors;
  if (use_codes && !out.codes) {
    out.codes = std::make_shared<CodeStore>(Codec::train(vectors, metric, rows));
    out.codes->ensure(rows);
    encode_rows(*out.codes, vectors, 0, rows, context.threads);
  }
  const SpaceView space{&vectors, out.codes.get(), metric};
  out.index = algorithm.grow(space, snapshot.index, rows, std::move(recycled), context);
  return out;
}

}  // namespace sagedb
