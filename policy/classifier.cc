#include "policy/classifier.h"

#include <algorithm>
#include <bit>

namespace fairlead::policy {
namespace {

constexpr size_t kWordBits = 64;

Row EmptyRow(const PolicySet& set) {
  return Row((set.rules.size() + kWordBits - 1) / kWordBits);
}

void SetBit(Row& row, size_t rule) {
  row[rule / kWordBits] |= uint64_t{1} << (rule % kWordBits);
}

// The smallest set of port blocks that makes up first..last.
void ForEachBlock(const PortRange& range, auto visit) {
  uint32_t first = range.first;
  const uint32_t end = uint32_t{range.last} + 1;
  while (first < end) {
    int bits = first == 0 ? 16 : std::countr_zero(first);
    while (first + (uint32_t{1} << bits) > end) --bits;
    visit(PortPrefix{range.protocol, static_cast<uint16_t>(first), 16 - bits});
    first += uint32_t{1} << bits;
  }
}

bool Covers(const PortPrefix& outer, const PortPrefix& inner) {
  if (outer.protocol != inner.protocol || outer.length > inner.length) return false;
  return outer.length == 0 || (outer.first ^ inner.first) >> (16 - outer.length) == 0;
}

}  // namespace

std::map<IpPrefix, AddressClass> ClassifyAddresses(const std::map<std::string, AddressGroup>& groups) {
  ClassIndex index;
  for (const auto& [name, group] : groups) index.Put(name, group);
  return index.All();
}

Row PeerRow(const PolicySet& set, const AddressClass& address_class) {
  Row row = EmptyRow(set);
  for (size_t i = 0; i < set.rules.size(); ++i) {
    const Rule& rule = set.rules[i];
    const auto held = [&](const std::string& peer) {
      return std::binary_search(address_class.begin(), address_class.end(), peer);
    };
    if (rule.any_peer || std::any_of(rule.peers.begin(), rule.peers.end(), held)) SetBit(row, i);
  }
  return row;
}

std::map<PortPrefix, Row> PortRows(const PolicySet& set) {
  std::map<PortPrefix, std::vector<size_t>> rules_by_block;  // what covers sorts before what is covered
  for (size_t i = 0; i < set.rules.size(); ++i) {
    if (set.rules[i].any_port) continue;
    for (const PortRange& range : set.rules[i].ports) {
      ForEachBlock(range, [&](const PortPrefix& block) { rules_by_block[block].push_back(i); });
    }
  }
  const Row any_port = AnyPortRow(set);
  std::map<PortPrefix, Row> rows;
  std::vector<std::pair<PortPrefix, Row>> path;
  for (const auto& [block, rules] : rules_by_block) {
    while (!path.empty() && !Covers(path.back().first, block)) path.pop_back();
    const Row& inherited = path.empty() ? any_port : path.back().second;
    Row row = inherited;
    for (const size_t rule : rules) SetBit(row, rule);
    if (row != inherited) rows.emplace(block, row);
    path.emplace_back(block, std::move(row));
  }
  return rows;
}

Row AnyPortRow(const PolicySet& set) {
  Row row = EmptyRow(set);
  for (size_t i = 0; i < set.rules.size(); ++i) {
    if (set.rules[i].any_port) SetBit(row, i);
  }
  return row;
}

int FirstMatch(const Row& peer, const Row& port) {
  for (size_t word = 0; word < std::min(peer.size(), port.size()); ++word) {
    const uint64_t both = peer[word] & port[word];
    if (both != 0) return static_cast<int>(word * kWordBits) + std::countr_zero(both);
  }
  return -1;
}

}  // namespace fairlead::policy
