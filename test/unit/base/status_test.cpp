#include "base/status.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <system_error>

namespace sagedb {
namespace {

template <typename Thrown>
Error error_of(const Thrown& thrown) {
  try {
    throw thrown;
  } catch (...) {
    return current_error();
  }
}

// What std::thread throws for a limit is no bug of ours.
TEST(Status, WhatIsThrownHasACode) {
  const std::error_code no_thread = std::make_error_code(std::errc::resource_unavailable_try_again);
  const Error thread = error_of(std::system_error(no_thread));
  EXPECT_EQ(thread.code(), ErrorCode::OUT_OF_MEMORY);
  EXPECT_NE(thread.message().find("no thread could be made"), std::string::npos) << thread.message();
  EXPECT_EQ(error_of(std::system_error(std::make_error_code(std::errc::operation_not_permitted))).code(),
            ErrorCode::INTERNAL);
  EXPECT_EQ(error_of(std::bad_alloc()).code(), ErrorCode::OUT_OF_MEMORY);
  EXPECT_EQ(error_of(std::logic_error("strange")).message(), "strange");
  EXPECT_EQ(error_of(1).code(), ErrorCode::INTERNAL);
  EXPECT_EQ(error_of(Error(ErrorCode::LOCKED, "held")).code(), ErrorCode::LOCKED);
}

}  // namespace
}  // namespace sagedb
