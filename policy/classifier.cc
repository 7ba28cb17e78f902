#include "policy/classifier.h"

#include <algorithm>
#include <bit>
#include <iterator>

namespace fairlead::policy {
namespace {

constexpr size_t kWordBits = 64;

Row EmptyRow(const PolicySet& set) {
  return Row((set.rules.size() + kWordBits - 1) / kWordBits);
}

void SetBit(Row& row, size_t rule) {
  row[rule / kWordBits] |= uint64_t{1} << (rule % kWordBits);
}

// The IPv4 addresses within the space of IPv6 prefixes that lie above them.
IpPrefix AllIpv4() {
  return *IpPrefix::Of(IpAddress::FromV4(0), 0);
}

// A prefix as a node of the 128-bit tree; sorted so that what covers comes before what is covered.
struct TreeOrder {
  bool operator()(const IpPrefix& a, const IpPrefix& b) const {
    if (a.address() != b.address()) return a.address() < b.address();
    return a.length128() < b.length128();
  }
};

// In the 128-bit space that both families share.
bool Covers(const IpPrefix& outer, const IpPrefix& inner) {
  const int bits = outer.length128();
  if (bits > inner.length128()) return false;
  const auto& a = outer.address().bytes();
  const auto& b = inner.address().bytes();
  const int whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  return bits % 8 == 0 || (a[whole] ^ b[whole]) >> (8 - bits % 8) == 0;
}

struct Mentions {
  std::vector<const std::string*> members;
  std::vector<const std::string*> exceptions;
};

// What holds at a node of the tree: the groups with a member, and with an exception, at or above it.
struct NodeState {
  IpPrefix prefix;
  std::vector<const std::string*> members;  // sorted by pointer
  std::vector<const std::string*> exceptions;
  AddressClass published;
};

void Merge(std::vector<const std::string*>& into, std::vector<const std::string*> more) {
  std::sort(more.begin(), more.end());
  std::vector<const std::string*> merged;
  std::set_union(into.begin(), into.end(), more.begin(), more.end(), std::back_inserter(merged));
  into = std::move(merged);
}

AddressClass ClassOf(const NodeState& state) {
  std::vector<const std::string*> holding;
  std::set_difference(state.members.begin(), state.members.end(), state.exceptions.begin(),
                      state.exceptions.end(), std::back_inserter(holding));
  AddressClass result;
  for (const std::string* name : holding) result.push_back(*name);
  std::sort(result.begin(), result.end());
  return result;
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
  std::map<IpPrefix, Mentions, TreeOrder> mentions;
  for (const auto& [name, group] : groups) {
    for (const IpPrefix& member : group.members) mentions[member].members.push_back(&name);
    for (const IpPrefix& exception : group.exceptions) mentions[exception].exceptions.push_back(&name);
  }
  mentions[AllIpv4()];  // no IPv6 prefix says anything of IPv4 addresses, whatever its length

  std::map<IpPrefix, AddressClass> classes;
  std::vector<NodeState> path;  // from the root to the current node
  for (auto& [prefix, mention] : mentions) {
    while (!path.empty() && !Covers(path.back().prefix, prefix)) path.pop_back();
    NodeState state{.prefix = prefix};
    AddressClass inherited;
    if (!path.empty()) {
      inherited = path.back().published;
      if (path.back().prefix.address().is_v4() == prefix.address().is_v4()) {
        state.members = path.back().members;
        state.exceptions = path.back().exceptions;
      }
    }
    Merge(state.members, std::move(mention.members));
    Merge(state.exceptions, std::move(mention.exceptions));
    state.published = ClassOf(state);
    if (state.published != inherited) classes.emplace(prefix, state.published);
    path.push_back(std::move(state));
  }
  return classes;
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
