// Makes the files that benchmarks in C++ and TypeScript share: generated vectors and exact ground truth.
//
//   sagedb_dataset_tool generate --out base.f32 --rows 200000 --dim 768 --seed 1 [--first 0] [--clusters 2000]
//   sagedb_dataset_tool truth --base base.f32 --query query.f32 --dim 768 --metric cosine --out gt100.i32 [--k 100]
#include <cstdio>
#include <cstring>
#include <exception>

#include "base/executor.h"
#include "support/args.h"
#include "support/clustered.h"
#include "support/ground_truth.h"
#include "support/metric_name.h"

namespace sagedb::bench {
namespace {

void generate(const Args& args) {
  ClusteredSpec spec;
  spec.dimension = args.count("dim");
  spec.clusters = args.count("clusters");
  spec.seed = args.count("seed");
  const Matrix m = generate_clustered(spec, args.count("first"), args.count("rows"), hardware_threads());
  write_file(args.text("out"), m.values.data(), m.values.size() * sizeof(float));
}

void truth(const Args& args) {
  const std::size_t dimension = args.count("dim");
  const Matrix base = read_vectors(args.text("base"), dimension, args.count("rows"));
  const Matrix queries = read_vectors(args.text("query"), dimension);
  const auto rows =
      exact_neighbors(base, queries, args.count("k"), metric_from_name(args.text("metric")), hardware_threads());
  write_file(args.text("out"), rows.data(), rows.size() * sizeof(rows[0]));
}

}  // namespace
}  // namespace sagedb::bench

int main(int argc, char** argv) {
  using namespace sagedb::bench;
  const char* verb = argc > 1 ? argv[1] : "";
  try {
    if (std::strcmp(verb, "generate") == 0) {
      generate(Args(argc, argv,
                    {{"out", ""}, {"rows", ""}, {"dim", "768"}, {"seed", "1"}, {"first", "0"}, {"clusters", "2000"}},
                    2));
    } else if (std::strcmp(verb, "truth") == 0) {
      truth(Args(argc, argv,
                 {{"base", ""}, {"query", ""}, {"dim", ""}, {"metric", ""}, {"out", ""}, {"k", "100"}, {"rows", "0"}},
                 2));
    } else {
      std::fprintf(stderr, "usage: %s generate|truth --name value ...\n", argv[0]);
      return 2;
    }
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
