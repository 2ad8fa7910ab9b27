#include "engine/stored_state.h"

#include <string>

namespace sagedb {

void StoredState::note(const Snapshot& snapshot) {
  generation_ = snapshot.generation;
  codes_.clear();
  for (const SpaceState& space : snapshot.spaces) codes_.push_back(space.codes);
  moved_head_ = kNoRow;
}

Reuse StoredState::reusable(const Manifest& stored, const Snapshot& now) const {
  Reuse out;
  out.rows = !stored.segments.empty() && generation_.lock() == now.generation;
  out.moved_head = moved_head_;
  if (!out.rows) return out;
  for (SpaceNo s = 0; s < now.spaces.size(); ++s)
    if (now.spaces[s].codes && codes_[s].lock() == now.spaces[s].codes) out.codes |= SpaceSet{1} << s;
  const bool has_graph = stored.find(FileKind::graph) != nullptr;
  const Index* const index = now.spaces[0].index.get();
  const auto rows = static_cast<Row>(stored.number("indexed_rows"));
  out.graph = index != nullptr && has_graph && graph_sound_ && !graph_outgrown(rows, now.indexed_rows());
  const std::string name = index != nullptr ? index->name() : "";
  const bool same_index = out.graph || (!has_graph && stored.text("built") == name && rows == now.indexed_rows());
  out.everything = same_index && now.sequence == stored.sequence;
  return out;
}

}  // namespace sagedb
