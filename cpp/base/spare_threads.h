// Whether threads can be had, asked before somebody who cannot be told that there are none: libgomp ends the process then.
#pragma once

namespace sagedb {

// How many more threads, up to `wanted`, the process could have at this moment: they are made, all there at once, and are gone when this returns.
// Takes about as long as making them for good. Thread safety: any thread; who makes threads meanwhile may find fewer.
int spare_threads(int wanted) noexcept;

}  // namespace sagedb
