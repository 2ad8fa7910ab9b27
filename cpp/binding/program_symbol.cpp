#include "binding/program_symbol.h"

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <cstring>
#else
#include <dlfcn.h>
#endif

namespace sagedb {

void* program_symbol(const char* name) noexcept {
#if defined(_WIN32)
  const FARPROC found = GetProcAddress(GetModuleHandleW(nullptr), name);
  void* out = nullptr;
  std::memcpy(&out, &found, sizeof out);
  return out;
#else
  return dlsym(RTLD_DEFAULT, name);
#endif
}

}  // namespace sagedb
