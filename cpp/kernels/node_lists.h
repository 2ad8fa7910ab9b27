// Lists of nodes, shared by the instruction-set files (internal linkage, as in batch.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace sagedb {
namespace {

// Without a branch per node: which ones a filter allows is anybody's guess.
inline std::size_t select_nodes_plain(const std::uint32_t* list, std::size_t width, std::uint32_t nodes,
                                      const std::uint64_t* bits, std::uint32_t* out) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < width; ++i) {
    const std::uint32_t node = list[i];
    if (node >= nodes) break;
    out[count] = node;
    count += static_cast<std::size_t>(bits[node >> 6] >> (node & 63)) & 1;
  }
  return count;
}

}  // namespace
}  // namespace sagedb
