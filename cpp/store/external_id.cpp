#include "store/external_id.h"

#include <cstring>

namespace sagedb {
namespace {

// Order of UTF-16 code units from (W)UTF-8 bytes: byte order except that lead bytes EE and EF (U+E000..U+FFFF) sort after F0..F4
// (supplementary planes, whose surrogates D800..DFFF are smaller code units).
int unit_rank(unsigned char lead) noexcept {
  if (lead == 0xEE || lead == 0xEF) return lead + 0x10;
  if (lead >= 0xF0) return lead - 2;
  return lead;
}

int compare_text(std::string_view a, std::string_view b) noexcept {
  const std::size_t n = a.size() < b.size() ? a.size() : b.size();
  for (std::size_t i = 0; i < n; ++i) {
    if (a[i] != b[i]) {
      const int ra = unit_rank(static_cast<unsigned char>(a[i]));
      const int rb = unit_rank(static_cast<unsigned char>(b[i]));
      return ra < rb ? -1 : 1;
    }
  }
  return a.size() == b.size() ? 0 : (a.size() < b.size() ? -1 : 1);
}

std::uint64_t mix(std::uint64_t x) noexcept {  // splitmix64 finaliser (Steele, Lea, Flood 2014)
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ull;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

}  // namespace

bool operator==(const IdView& a, const IdView& b) noexcept {
  if (a.is_string != b.is_string) return false;
  return a.is_string ? a.text == b.text : a.number == b.number;
}

int compare_ids(const IdView& a, const IdView& b) noexcept {
  if (a.is_string != b.is_string) return a.is_string ? 1 : -1;
  if (a.is_string) return compare_text(a.text, b.text);
  return a.number == b.number ? 0 : (a.number < b.number ? -1 : 1);
}

std::uint64_t hash_id(const IdView& id) noexcept {
  if (!id.is_string) return mix(static_cast<std::uint64_t>(id.number) + 0x9e3779b97f4a7c15ull);
  std::uint64_t h = 0x51ed270b35a1f3c7ull ^ id.text.size();
  const char* p = id.text.data();
  std::size_t n = id.text.size();
  for (; n >= 8; p += 8, n -= 8) {
    std::uint64_t word;
    std::memcpy(&word, p, 8);
    h = mix(h ^ word) + 0x9e3779b97f4a7c15ull;
  }
  std::uint64_t tail = 0;
  if (n > 0) std::memcpy(&tail, p, n);  // the text of a damaged record is nowhere
  return mix(h ^ tail);
}

std::string id_to_string(const IdView& id) {
  return id.is_string ? '"' + std::string(id.text) + '"' : std::to_string(id.number);
}

}  // namespace sagedb
