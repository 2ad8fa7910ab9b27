#include "engine/options.h"

#include "base/status.h"

namespace sagedb {
namespace {

constexpr std::uint32_t kMaxDimension = 65536;
constexpr std::size_t kMaxName = 64;

void check_dimension(const std::string& field, std::uint32_t value) {
  if (value < 1 || value > kMaxDimension)
    throw Error(ErrorCode::INVALID_ARGUMENT,
                field + ": expected 1 to " + std::to_string(kMaxDimension) + ", got " + std::to_string(value));
}

}  // namespace

std::size_t Options::components(SpaceSet set) const noexcept {
  std::size_t n = 0;
  for (SpaceNo s = 0; s < spaces.size(); ++s) n += holds(set, s) ? spaces[s].dimension : 0;
  return n;
}

Options resolved(Options options) {
  if (!options.named()) {
    options.spaces.assign(1, SpaceSpec{std::string(), options.dimension, options.metric, false});
    return options;
  }
  options.dimension = static_cast<std::uint32_t>(options.components(options.all_spaces()));
  options.metric = options.spaces.front().metric;
  return options;
}

void check_spaces(const Options& options) {
  if (!options.named()) return check_dimension("dimension", options.dimension);
  if (options.spaces.size() > kMaxSpaces)
    throw Error(ErrorCode::INVALID_ARGUMENT, "spaces: expected at most " + std::to_string(kMaxSpaces) + ", got " +
                                                 std::to_string(options.spaces.size()));
  for (std::size_t i = 0; i < options.spaces.size(); ++i) {
    const SpaceSpec& space = options.spaces[i];
    if (space.name.empty() || space.name.size() > kMaxName)
      throw Error(ErrorCode::INVALID_ARGUMENT,
                  "spaces: expected names of 1 to " + std::to_string(kMaxName) + " bytes, got '" + space.name + "'");
    for (std::size_t j = 0; j < i; ++j)
      if (options.spaces[j].name == space.name)
        throw Error(ErrorCode::INVALID_ARGUMENT, "spaces: expected names that differ, got '" + space.name + "' twice");
    check_dimension("spaces." + space.name + ".dimension", space.dimension);
  }
}

std::string vector_name(const Options& options, std::size_t row, SpaceNo space) {
  const std::string name = "vector " + std::to_string(row);
  return options.named() ? name + ", space '" + options.spaces[space].name + "'" : name;
}

}  // namespace sagedb
