// A function of the running program by name, for what a runtime exports beside Node-API.
#pragma once

namespace sagedb {

// Null when there is none.
void* program_symbol(const char* name) noexcept;

}  // namespace sagedb
