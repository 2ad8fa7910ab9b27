#include "base/status.h"

#include <new>

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

Error copy_of(const Error& error) noexcept {
  try {
    return error;
  } catch (...) {
    return Error(error.code(), std::string());
  }
}

Error current_error() noexcept {
  // Building the message may itself run out of memory; a short literal fits the small-string buffer and cannot throw.
  try {
    throw;
  } catch (const Error& e) {
    return copy_of(e);
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    try {
      return Error(ErrorCode::INTERNAL, e.what());
    } catch (...) {
      return Error(ErrorCode::OUT_OF_MEMORY, "out of memory");
    }
  } catch (...) {
    return Error(ErrorCode::INTERNAL, "unknown error");
  }
}

}  // namespace sagedb
