// Seeded generator of clustered vectors that look like text embeddings.
//
//   x = unit( offset + centre[c] + within * (sum over 64 basis vectors of cluster c, normal weights) + noise )
//
// 2,000 centres lie near a 200-dimensional subspace (their part outside it is `centre_noise`), each cluster spreads along 64
// directions of its own out of a shared pool of 256, all rows share one offset. Every row depends on (seed, row) only, so any part of
// a set can be made alone, in parallel, and is the same on every run.
#pragma once

#include <cstdint>

#include "support/matrix.h"

namespace sagedb::bench {

struct ClusteredSpec {
  std::size_t dimension = 768;
  std::size_t clusters = 2000;
  std::size_t subspace = 200;
  std::size_t structure = 64;
  float offset = 0.5f;  // length of the common offset; the centres have length about 1
  float centre_noise = 0.1f;  // share of a centre outside the subspace
  float within = 0.65f;  // spread of a cluster along its own directions
  float noise = 0.15f;  // spread in every direction
  std::uint64_t seed = 1;
};

// Rows [first, first + count) of the endless stream of `spec`.
Matrix generate_clustered(const ClusteredSpec& spec, std::uint64_t first, std::size_t count, int threads);

}  // namespace sagedb::bench
