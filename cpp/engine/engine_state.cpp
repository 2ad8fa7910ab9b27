#include "engine/engine_state.h"

#include "base/executor.h"
#include "engine/storage.h"

namespace sagedb {
namespace {

std::shared_ptr<const Snapshot> empty_snapshot(const Options& options) {
  auto s = std::make_shared<Snapshot>();
  s->generation = std::make_shared<Generation>(options);
  s->spaces.resize(options.space_count());
  s->text_index = std::make_shared<TextIndex>(options.text_fields);
  s->text.resize(options.text_fields.size());
  return s;
}

}  // namespace

EngineState::EngineState(const Options& o, std::unique_ptr<AnnsAlgorithm> plugin, std::unique_ptr<Storage> disk)
    : options(resolved(o)),
      threads(o.threads > 0 ? o.threads : hardware_threads()),
      algorithm(plugin ? std::move(plugin)
                       : create_anns_algorithm(o.index.kind == IndexKind::flat ? "flat" : "hnsw", o.index)),
      storage(std::move(disk)),
      publisher(empty_snapshot(options)) {
  for (const SpaceSpec& space : options.spaces) samples.emplace_back(space.dimension);
}

EngineState::~EngineState() {
  // Its call-back uses members that are gone before the storage is.
  if (storage) storage->stop_check();
}

}  // namespace sagedb
