#include "binding/release.h"

#include <thread>

namespace sagedb {

void release_elsewhere(std::shared_ptr<const void> held) noexcept {
  if (!held) return;
  try {
    std::thread([last = held]() mutable { last.reset(); }).detach();
  } catch (...) {
    // No thread to be had: the caller pays.
  }
}

}  // namespace sagedb
