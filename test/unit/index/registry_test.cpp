#include <gtest/gtest.h>

#include "base/status.h"
#include "index/index.h"

namespace sagedb {
namespace {

// Property: every listed name can be created and calls itself so; an unknown name is refused with the list of known ones.
TEST(Registry, CreatesWhatItLists) {
  const auto names = anns_algorithm_names();
  EXPECT_EQ(names, (std::vector<std::string>{"flat", "hnsw"}));
  for (const std::string& name : names) EXPECT_EQ(create_anns_algorithm(name, IndexConfig{})->name(), name);
  try {
    create_anns_algorithm("ivf", IndexConfig{});
    ADD_FAILURE() << "accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::INVALID_ARGUMENT);
    EXPECT_NE(e.message().find("flat, hnsw"), std::string::npos);
  }
}

}  // namespace
}  // namespace sagedb
