// Writes links of a graph under construction, from several threads at once.
//
// Thread safety: every list is written under the lock of its row; readers load links without a lock and may see a list half
// rewritten, which costs them a neighbor at worst. One lock is held at a time.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "index/graph_data.h"
#include "index/neighbor_selection.h"

namespace sagedb {

// Spin locks striped over rows: held for microseconds.
class RowLocks {
 public:
  explicit RowLocks(Row rows);
  class Hold {
   public:
    Hold(RowLocks& locks, Row row) noexcept : flag_(&locks.flags_[row & locks.mask_]) {
      for (unsigned spins = 0; __atomic_exchange_n(flag_, std::uint8_t{1}, __ATOMIC_ACQUIRE) != 0;) {
        while (__atomic_load_n(flag_, __ATOMIC_RELAXED) != 0)
          if (++spins % 64 == 0) std::this_thread::yield();
      }
    }
    ~Hold() { __atomic_store_n(flag_, std::uint8_t{0}, __ATOMIC_RELEASE); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    std::uint8_t* flag_;
  };

 private:
  std::unique_ptr<std::uint8_t[]> flags_;
  Row mask_;
};

// What one thread links with.
struct LinkWork {
  ProbeBuffer probe;
  std::vector<Row> dropped;  // watched rows that lost a link to them
};

template <typename Nodes>
class GraphLinker {
 public:
  // Rows below `watched` that are dropped from a list are reported in LinkWork::dropped.
  GraphLinker(GraphData& graph, const Nodes& nodes, RowLocks& locks, Row watched) noexcept
      : graph_(graph), nodes_(nodes), locks_(locks), watched_(watched) {}

  void watch(Row below) noexcept { watched_ = below; }

  // First list of a row that nobody links to yet.
  void write_base(Row row, const Row* list, std::size_t count) {
    const RowLocks::Hold hold(locks_, row);
    graph_.history.note(row);
    write(graph_.base.links(row), graph_.max_links(), list, count);
  }
  void write_upper(UpperLevel& level, std::uint32_t node, const std::uint32_t* list, std::size_t count) {
    const RowLocks::Hold hold(locks_, level.row[node]);
    write(level.links.data() + std::size_t{node} * graph_.M, graph_.M, list, count);
  }

  // Adds `to` to the list of `from`; a full list is selected anew and may drop it.
  void link_base(Row from, Row to, LinkWork& work) {
    const RowLocks::Hold hold(locks_, from);
    add_base(from, to, work);
  }
  void link_upper(UpperLevel& level, std::uint32_t from, std::uint32_t to, LinkWork& work) {
    const RowLocks::Hold hold(locks_, level.row[from]);
    const auto row_of = [&level](std::uint32_t node) { return level.row[node]; };
    add(
        level.links.data() + std::size_t{from} * graph_.M, graph_.M, from, to, [](std::uint32_t) { return false; },
        row_of, 0, work);
  }

  // Makes `parent` the parent of `child` and lists it there for good. False when it has its number of children.
  bool adopt(Row parent, Row child, LinkWork& work) {
    const RowLocks::Hold hold(locks_, parent);
    const Row* list = graph_.base.links(parent);
    std::uint32_t children = 0;
    for (std::uint32_t i = 0; i < graph_.max_links(); ++i) {
      const Row r = load_link(list + i);
      if (r == kNoRow) break;
      children += is_child(parent, r) ? 1 : 0;
    }
    if (children >= graph_.max_children()) return false;
    set_parent(child, parent);
    add_base(parent, child, work);
    return true;
  }
  void set_parent(Row child, Row parent) noexcept {
    graph_.history.note(child);
    store_link(graph_.base.parent(child), parent);
  }
  // Any child of a row that has one.
  Row first_child(Row parent) const {
    const Row* list = graph_.base.links(parent);
    for (std::uint32_t i = 0; i < graph_.max_links(); ++i) {
      const Row r = load_link(list + i);
      if (r == kNoRow) break;
      if (is_child(parent, r)) return r;
    }
    return kNoRow;
  }
  bool is_child(Row parent, Row row) const noexcept { return load_link(graph_.base.parent(row)) == parent; }

 private:
  static void write(std::uint32_t* slots, std::uint32_t width, const std::uint32_t* list, std::size_t count) noexcept {
    for (std::uint32_t i = 0; i < width; ++i) store_link(slots + i, i < count ? list[i] : kNoRow);
  }
  void add_base(Row from, Row to, LinkWork& work) {
    graph_.history.note(from);
    add(
        graph_.base.links(from), graph_.max_links(), from, to, [&](Row r) { return is_child(from, r); },
        [](Row r) { return r; }, watched_, work);
  }

  template <typename Keep, typename RowOf>
  void add(std::uint32_t* slots, std::uint32_t width, std::uint32_t from, std::uint32_t to, Keep&& keep, RowOf&& row_of,
           Row watched, LinkWork& work) {
    std::uint32_t nodes[kMaxLinks + 1];
    Row rows[kMaxLinks + 1];
    std::uint32_t count = 0;
    for (; count < width; ++count) {
      nodes[count] = load_link(slots + count);
      if (nodes[count] == kNoRow) break;
      if (nodes[count] == to) return;
    }
    if (count < width) {
      store_link(slots + count, to);
      return;
    }
    nodes[count++] = to;
    DistanceKey distances[kMaxLinks + 1];
    CandidateKey sorted[kMaxLinks + 1];
    for (std::uint32_t i = 0; i < count; ++i) rows[i] = row_of(nodes[i]);
    nodes_.probe(row_of(from), work.probe).many(rows, count, distances);
    for (std::uint32_t i = 0; i < count; ++i) sorted[i] = candidate_key(distances[i], nodes[i]);
    std::sort(sorted, sorted + count);
    std::uint32_t chosen[kMaxLinks];
    const std::size_t n = select_neighbors(nodes_, sorted, count, width, keep, row_of, work.probe, chosen);
    write(slots, width, chosen, n);
    for (std::uint32_t i = 0; i < count; ++i)
      if (nodes[i] < watched && std::find(chosen, chosen + n, nodes[i]) == chosen + n) work.dropped.push_back(nodes[i]);
  }

  GraphData& graph_;
  const Nodes& nodes_;
  RowLocks& locks_;
  Row watched_;
};

}  // namespace sagedb
