// Append-only bytes with stable addresses (id strings, metadata text).
// Thread safety: one writer; readers read what was published to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/memory.h"

namespace sagedb {

class Arena {
 public:
  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Guarantees room for following append() calls totalling at most `bytes`. May throw OUT_OF_MEMORY.
  void reserve(std::size_t bytes);
  // Requires reserve(). Returns the stable copy.
  const char* append(std::string_view text) noexcept;
  std::size_t used() const noexcept { return used_; }

 private:
  struct Chunk {
    std::byte* data;
    std::size_t size;
  };
  std::vector<Chunk> chunks_;
  std::size_t at_ = 0;    // offset in the last chunk
  std::size_t used_ = 0;  // bytes handed out
};

}  // namespace sagedb
