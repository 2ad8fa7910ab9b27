#include "base/status.h"

#include <new>
#include <system_error>

namespace sagedb {

const char* error_code_name(ErrorCode code) noexcept {
  switch (code) {
#define SAGEDB_X(name) \
  case ErrorCode::name: \
    return #name;
    SAGEDB_ERROR_CODES(SAGEDB_X)
#undef SAGEDB_X
  }
  return "INTERNAL";
}

namespace {

// Building a message may itself run out of memory; a short literal fits the small-string buffer and cannot throw.
Error out_of_memory() noexcept { return Error(ErrorCode::OUT_OF_MEMORY, "out of memory"); }

Error described(ErrorCode code, const char* message) noexcept {
  try {
    return Error(code, message);
  } catch (...) {
    return out_of_memory();
  }
}

}  // namespace

Error copy_of(const Error& error) noexcept {
  try {
    return error;
  } catch (...) {
    return Error(error.code(), std::string());
  }
}

Error current_error() noexcept {
  try {
    throw;
  } catch (const Error& e) {
    return copy_of(e);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::system_error& e) {
    // So says std::thread that it can have none, be it for a limit or for want of memory. Errors of files come as Error.
    if (e.code() == std::errc::resource_unavailable_try_again)
      return described(ErrorCode::OUT_OF_MEMORY,
                       "no thread could be made: no memory for it, or as many as the process or the system may have");
    return described(ErrorCode::INTERNAL, e.what());
  } catch (const std::exception& e) {
    return described(ErrorCode::INTERNAL, e.what());
  } catch (...) {
    return Error(ErrorCode::INTERNAL, "unknown error");
  }
}

}  // namespace sagedb
