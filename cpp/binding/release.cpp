#include "binding/release.h"

#include <thread>
#include <utility>

namespace sagedb {

void release_elsewhere(std::shared_ptr<const void> held) noexcept {
  if (!held) return;
  try {
    // Moved: a copy kept here could outlive the thread's, and the caller would pay after all.
    std::thread([last = std::move(held)]() mutable { last.reset(); }).detach();
  } catch (...) {
    // No thread to be had: the caller has paid.
  }
}

}  // namespace sagedb
