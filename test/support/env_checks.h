// What every operating system's files must do behind Env.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/env.h"

namespace sagedb::test {

// append() goes on where it was, over what write_at() has put behind it; trim() cuts off what is left of that, and of what was appended.
inline void check_bytes_behind_the_end(Env& env, const std::string& path) {
  const auto expect_content = [&](const std::string& expected) {
    const auto file = env.open(path);
    std::string found(file->size(), '\0');
    EXPECT_EQ(file->read_at(0, found.data(), found.size()), found.size());
    EXPECT_EQ(found, expected);
  };
  const auto file = env.create(path);
  file->append("one", 3);
  file->write_at(3, "........", 8);
  expect_content("one........");
  file->append("two", 3);
  file->start_sync();
  expect_content("onetwo.....");
  file->trim(6);
  file->sync();
  expect_content("onetwo");
  file->trim(6);
  file->append("three", 5);
  file->sync();
  expect_content("onetwothree");
  file->trim(5);
  file->append("ly", 2);
  file->sync();
  expect_content("onetwly");
}

}  // namespace sagedb::test
