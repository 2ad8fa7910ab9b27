#include "engine/build_job.h"

#include "base/executor.h"

namespace sagedb {

namespace {

// A codec that was trained on a handful of vectors does not fit those to come; until then the graph is built on full precision.
constexpr Row kEnoughToTrain = 256;

bool worth_training(const Snapshot& snapshot, SpaceNo s, Row rows) noexcept {
  const SpaceState& space = snapshot.spaces[s];
  return space.absent == 0 || space.present->count(rows) >= kEnoughToTrain;
}

}  // namespace

void encode_rows(CodeStore& codes, const SpaceView& space, Row first, Row last, int threads) {
  parallel_for(last - first, 2048, threads, [&](std::size_t begin, std::size_t end, int) {
    const Row from = first + static_cast<Row>(begin), to = first + static_cast<Row>(end);
    if (space.present == nullptr) return codes.encode(*space.vectors, from, to);
    for (Row r = from; r < to; ++r)
      if (space.has(r)) codes.encode(*space.vectors, r, r + 1);
  });
}

BuildOutput run_build(const Snapshot& snapshot, SpaceNo s, Row rows, const AnnsAlgorithm& algorithm, bool use_codes,
                      std::shared_ptr<const Index> recycled, const BuildContext& context) {
  BuildOutput out;
  out.codes = snapshot.spaces[s].codes;
  SpaceView space = snapshot.view(s);
  if (use_codes && !out.codes && worth_training(snapshot, s, rows)) {
    out.codes = std::make_shared<CodeStore>(Codec::train(*space.vectors, space.present, space.metric, rows));
    out.codes->ensure(rows);
    encode_rows(*out.codes, space, 0, rows, context.threads);
  }
  space.codes = out.codes.get();
  out.index = algorithm.grow(space, snapshot.spaces[s].index, rows, std::move(recycled), context);
  return out;
}

}  // namespace sagedb
