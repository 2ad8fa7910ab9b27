// Giving up what may be the last reference to something large: ending an engine joins its builder, freeing a generation unmaps gigabytes, and
// the event loop must wait for neither.
// Thread safety: any thread.
#pragma once

#include <memory>

namespace sagedb {

// On a thread of its own; on the caller's when there is none to be had.
void release_elsewhere(std::shared_ptr<const void> held) noexcept;

}  // namespace sagedb
