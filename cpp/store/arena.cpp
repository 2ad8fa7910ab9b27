#include "store/arena.h"

#include <algorithm>
#include <cstring>

namespace sagedb {
namespace {
constexpr std::size_t kChunk = std::size_t{1} << 20;
constexpr std::size_t kFirstChunk = std::size_t{1} << 14;
}  // namespace

Arena::~Arena() {
  for (const Chunk& c : chunks_) free_pages(c.data, c.size);
}

void Arena::reserve(std::size_t bytes) {
  if (bytes == 0) return;
  if (!chunks_.empty() && chunks_.back().size - at_ >= bytes) return;
  // The rest of the last chunk is given up.
  chunks_.reserve(chunks_.size() + 1);
  const std::size_t size = round_up(std::max(bytes, chunks_.empty() ? kFirstChunk : kChunk), 4096);
  chunks_.push_back(Chunk{allocate_pages(size), size});
  at_ = 0;
}

const char* Arena::append(std::string_view text) noexcept {
  if (text.empty()) return nullptr;
  auto* out = reinterpret_cast<char*>(chunks_.back().data + at_);
  std::memcpy(out, text.data(), text.size());
  at_ += text.size();
  used_ += text.size();
  return out;
}

}  // namespace sagedb
