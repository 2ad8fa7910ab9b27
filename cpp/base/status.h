// The closed set of error codes, the same names as `SageDBErrorCode` in lib/errors.ts (a test compares the two).
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace sagedb {

// X-macro so that the enum, the names and the test that compares them with TypeScript cannot drift apart.
#define SAGEDB_ERROR_CODES(X) \
  X(INVALID_ARGUMENT)    /* an option or argument of the wrong type or range */ \
  X(DIMENSION_MISMATCH)  /* a vector of another length than the database's dimension */ \
  X(INVALID_VECTOR)      /* NaN, Infinity, zero under cosine, detached or resizable buffer */ \
  X(INVALID_ID)          /* not a string or safe integer */ \
  X(DUPLICATE_ID)        /* add of an existing id, or one id twice in a batch */ \
  X(INVALID_METADATA)    /* not plain JSON data, too deep, too large, cyclic, throwing getter */ \
  X(INVALID_FILTER)      /* unknown operator or operand of the wrong type */ \
  X(CLOSED)              /* used after close() */ \
  X(ABORTED)             /* the caller's AbortSignal fired, or the engine was closed meanwhile */ \
  X(READ_ONLY)           /* a write on a read-only database, after a failed sync, or in a replaced folder */ \
  X(LOCKED)              /* another writer holds the path */ \
  X(NOT_FOUND)           /* the path holds no database and may not be created */ \
  X(CONFIG_MISMATCH)     /* an option contradicts what is stored */ \
  X(UNSUPPORTED_FORMAT)  /* written by a newer version */ \
  X(CORRUPTION)          /* a checksum or structure check failed */ \
  X(IO_ERROR)            /* the operating system failed a file operation */ \
  X(DISK_FULL)           /* no space left, or quota */ \
  X(PERMISSION_DENIED)   /* the operating system refused access */ \
  X(OUT_OF_MEMORY)       /* an allocation failed, or no thread could be made; nothing was changed */ \
  X(LIMIT_EXCEEDED)      /* more rows, bytes or depth than the engine can hold */ \
  X(BUILD_FAILED)        /* a background build failed; the previous index stays in service */ \
  X(TIMEOUT)             /* a service call took longer than its limit */ \
  X(UNAVAILABLE)         /* the native addon or a remote server cannot be reached */ \
  X(INTERNAL)            /* a bug of ours */

enum class ErrorCode {
#define SAGEDB_X(name) name,
  SAGEDB_ERROR_CODES(SAGEDB_X)
#undef SAGEDB_X
};

const char* error_code_name(ErrorCode code) noexcept;
// Codes of bad input: what has one of them was never accepted, so it is damage where it is read from a file.
constexpr bool is_bad_input(ErrorCode code) noexcept { return code < ErrorCode::CLOSED; }

// The one exception type that crosses layer borders. The message names the field, what was expected and what came.
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}
  ErrorCode code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorCode code_;
  std::string message_;
};

// A copy; without memory for the message only the code of it.
Error copy_of(const Error& error) noexcept;

// Turns whatever is in flight into an Error (bad_alloc, no thread to be had -> OUT_OF_MEMORY, others -> INTERNAL). Call inside a catch block.
Error current_error() noexcept;

}  // namespace sagedb
