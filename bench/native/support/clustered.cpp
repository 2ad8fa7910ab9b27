#include "support/clustered.h"

#include <algorithm>
#include <cmath>

#include "base/executor.h"
#include "support/random.h"

namespace sagedb::bench {
namespace {

constexpr std::size_t kPool = 256;

// Rows of about unit length.
Matrix random_directions(std::uint64_t seed, std::size_t rows, std::size_t dimension) {
  Matrix m(rows, dimension);
  Random random(seed);
  const float scale = 1.0f / std::sqrt(static_cast<float>(dimension));
  for (float& v : m.values) v = random.normal() * scale;
  return m;
}

void add_scaled(float* out, const float* in, float factor, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] += factor * in[i];
}

Matrix make_centres(const ClusteredSpec& spec) {
  const Matrix basis = random_directions(spec.seed * 8 + 1, spec.subspace, spec.dimension);
  Matrix centres = random_directions(spec.seed * 8 + 2, spec.clusters, spec.dimension);
  Random random(spec.seed * 8 + 3);
  const float scale = 1.0f / std::sqrt(static_cast<float>(spec.subspace));
  for (std::size_t c = 0; c < spec.clusters; ++c) {
    float* centre = centres.row(c);
    for (std::size_t i = 0; i < spec.dimension; ++i) centre[i] *= spec.centre_noise;
    for (std::size_t s = 0; s < spec.subspace; ++s)
      add_scaled(centre, basis.row(s), random.normal() * scale, spec.dimension);
  }
  return centres;
}

}  // namespace

Matrix generate_clustered(const ClusteredSpec& spec, std::uint64_t first, std::size_t count, int threads) {
  const Matrix centres = make_centres(spec);
  const Matrix pool = random_directions(spec.seed * 8 + 4, kPool, spec.dimension);
  const Matrix offset = random_directions(spec.seed * 8 + 5, 1, spec.dimension);
  const std::size_t structure = std::min(spec.structure, kPool);
  const float within = spec.within / std::sqrt(static_cast<float>(structure));
  const float noise = spec.noise / std::sqrt(static_cast<float>(spec.dimension));

  Matrix out(count, spec.dimension);
  parallel_for(count, 512, threads, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t r = begin; r < end; ++r) {
      Random random(spec.seed * 0x9e3779b97f4a7c15u + (first + r) * 8 + 6);
      const std::size_t cluster = random.below(spec.clusters);
      float* x = out.row(r);
      for (std::size_t i = 0; i < spec.dimension; ++i) x[i] = spec.offset * offset.values[i] + noise * random.normal();
      add_scaled(x, centres.row(cluster), 1, spec.dimension);
      // An odd step visits `structure` different pool entries, another set for each cluster.
      const std::size_t step = 2 * (cluster * 7919 % (kPool / 2)) + 1;
      for (std::size_t s = 0; s < structure; ++s) {
        add_scaled(x, pool.row((cluster * 31 + s * step) % kPool), within * random.normal(), spec.dimension);
      }
      float sum = 0;
      for (std::size_t i = 0; i < spec.dimension; ++i) sum += x[i] * x[i];
      const float scale = 1.0f / std::sqrt(sum);
      for (std::size_t i = 0; i < spec.dimension; ++i) x[i] *= scale;
    }
  });
  return out;
}

}  // namespace sagedb::bench
