#include "index/graph_data.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/executor.h"

namespace sagedb {
namespace {

constexpr std::size_t kGrain = 16384;  // rows that one thread copies: a 2 MB page of links at M = 16

}  // namespace

LinkTable::~LinkTable() { release(); }

LinkTable::LinkTable(std::uint32_t width, const void* links, const void* parents, std::shared_ptr<const void> owner)
    : width_(width),
      links_(static_cast<Row*>(const_cast<void*>(links))),
      parents_(static_cast<Row*>(const_cast<void*>(parents))),
      owner_(std::move(owner)) {}

LinkTable::LinkTable(LinkTable&& other) noexcept
    : width_(other.width_),
      capacity_(std::exchange(other.capacity_, 0)),
      links_(std::exchange(other.links_, nullptr)),
      parents_(std::exchange(other.parents_, nullptr)),
      owner_(std::move(other.owner_)) {}

LinkTable& LinkTable::operator=(LinkTable&& other) noexcept {
  if (this != &other) {
    release();
    width_ = other.width_;
    capacity_ = std::exchange(other.capacity_, 0);
    links_ = std::exchange(other.links_, nullptr);
    parents_ = std::exchange(other.parents_, nullptr);
    owner_ = std::move(other.owner_);
  }
  return *this;
}

void LinkTable::release() noexcept {
  if (capacity_ > 0) {
    free_pages(reinterpret_cast<std::byte*>(links_), link_bytes());
    free_pages(reinterpret_cast<std::byte*>(parents_), parent_bytes());
  }
  owner_.reset();
  links_ = parents_ = nullptr;
  capacity_ = 0;
}

void LinkTable::reset(Row rows) {
  // Untouched pages cost address space only, so a quarter of spare room lets the next growth reuse the buffer.
  const std::size_t spare = std::size_t{rows} + rows / 4 + 64;
  const Row capacity = static_cast<Row>(std::min<std::size_t>(spare, kMaxGraphRows));
  std::byte* links = allocate_pages(std::size_t{capacity} * width_ * sizeof(Row));
  std::byte* parents = nullptr;
  try {
    parents = allocate_pages(std::size_t{capacity} * sizeof(Row));
  } catch (...) {
    free_pages(links, std::size_t{capacity} * width_ * sizeof(Row));
    throw;
  }
  release();
  capacity_ = capacity;
  links_ = reinterpret_cast<Row*>(links);
  parents_ = reinterpret_cast<Row*>(parents);
}

void LinkTable::copy_from(const LinkTable& other, Row rows, int threads) {
  parallel_for(rows, kGrain, threads, [&](std::size_t begin, std::size_t end, int) {
    const Row first = static_cast<Row>(begin);
    std::memcpy(links(first), other.links(first), (end - begin) * width_ * sizeof(Row));
    std::memcpy(parent(first), other.parent(first), (end - begin) * sizeof(Row));
  });
}

void LinkTable::catch_up(const LinkTable& other, const LinkHistory& history, const LinkHistory& older, Row rows,
                         int threads) {
  parallel_for(rows, kGrain, threads, [&](std::size_t begin, std::size_t end, int) {
    for (Row r = static_cast<Row>(begin); r < end; ++r) {
      if (!history.changed_since(older, r)) continue;
      std::memcpy(links(r), other.links(r), width_ * sizeof(Row));
      *parent(r) = *other.parent(r);
    }
  });
}

void LinkTable::clear(Row first, Row last) noexcept {
  if (first >= last) return;
  std::memset(links(first), 0xff, std::size_t{last - first} * width_ * sizeof(Row));
  std::memset(parent(first), 0xff, std::size_t{last - first} * sizeof(Row));
}

std::size_t GraphData::bytes() const noexcept {
  std::size_t total = base.bytes(rows) + history.bytes() + fragile.capacity() * sizeof(Row);
  for (const UpperLevel& u : upper)
    total += (u.row.capacity() + u.down.capacity() + u.links.capacity()) * sizeof(std::uint32_t);
  return total;
}

int draw_level(std::uint64_t seed, Row row, std::uint32_t M) noexcept {
  constexpr int kMaxLevel = 15;
  // splitmix64: neighboring rows get independent draws.
  std::uint64_t z = seed + (std::uint64_t{row} + 1) * 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  z ^= z >> 31;
  const double u = (static_cast<double>(z >> 11) + 0.5) * 0x1p-53;
  const double level = -std::log(u) / std::log(static_cast<double>(std::max(2u, M)));
  return std::min(kMaxLevel, static_cast<int>(level));
}

}  // namespace sagedb
