// Algorithms by name. A plugin adds one line here.
#include <string>

#include "base/status.h"
#include "index/flat_index.h"
#include "index/graph_index.h"

namespace sagedb {
namespace {

std::unique_ptr<AnnsAlgorithm> make_graph_algorithm(const IndexConfig& config) {
  return std::make_unique<GraphAlgorithm>(config);
}

struct Entry {
  const char* name;
  std::unique_ptr<AnnsAlgorithm> (*make)(const IndexConfig&);
};
constexpr Entry kAlgorithms[] = {
    {"flat", make_flat_algorithm},
    {"hnsw", make_graph_algorithm},
};

}  // namespace

std::unique_ptr<AnnsAlgorithm> create_anns_algorithm(const std::string& name, const IndexConfig& config) {
  std::string known;
  for (const Entry& entry : kAlgorithms) {
    if (name == entry.name) return entry.make(config);
    known += known.empty() ? entry.name : std::string(", ") + entry.name;
  }
  throw Error(ErrorCode::INVALID_ARGUMENT, "index.type: expected one of " + known + ", got '" + name + "'");
}

std::vector<std::string> anns_algorithm_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kAlgorithms) names.emplace_back(entry.name);
  return names;
}

}  // namespace sagedb
