#include "policy/class_index.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace fairlead::policy {
namespace {

using Numbers = std::vector<uint32_t>;

// The IPv4 addresses within the space of IPv6 prefixes that lie above them.
IpPrefix AllIpv4() {
  return *IpPrefix::Of(IpAddress::FromV4(0), 0);
}

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

// The prefix of this length, in the 128-bit space, that contains `prefix`.
IpPrefix Shortened(const IpPrefix& prefix, int length) {
  std::array<uint8_t, 16> bytes = prefix.address().bytes();
  for (int i = 0; i < 16; ++i) {
    const int kept = std::clamp(length - i * 8, 0, 8);
    bytes[i] &= static_cast<uint8_t>(0xff00 >> kept);
  }
  const IpAddress address(bytes);
  return *IpPrefix::Of(address, address.is_v4() ? length - 96 : length);
}

Numbers Union(const Numbers& a, const Numbers& b) {
  if (b.empty()) return a;
  Numbers result;
  result.reserve(a.size() + b.size());
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result));
  return result;
}

// Calls `gone` and `come` for what only the one or the other of two sorted lists has.
void ForEachDifference(const std::vector<IpPrefix>& old, const std::vector<IpPrefix>& now, auto gone,
                       auto come) {
  auto a = old.begin();
  auto b = now.begin();
  while (a != old.end() || b != now.end()) {
    if (b == now.end() || (a != old.end() && *a < *b)) {
      gone(*a++);
    } else if (a == old.end() || *b < *a) {
      come(*b++);
    } else {
      ++a;
      ++b;
    }
  }
}

}  // namespace

bool ClassIndex::TreeOrder::operator()(const IpPrefix& a, const IpPrefix& b) const {
  const auto order = a.address() <=> b.address();
  return order != 0 ? order < 0 : a.length128() < b.length128();
}

ClassIndex::ClassIndex() {
  // No IPv6 prefix says anything of IPv4 addresses, whatever its length: this node is always there.
  tree_[AllIpv4()];
  ++lengths_[AllIpv4().length128()];
}

void ClassIndex::Put(const std::string& name, const AddressGroup& group) {
  auto [held, added] = groups_.try_emplace(name);
  if (added) {
    if (free_numbers_.empty()) {
      free_numbers_.push_back(static_cast<uint32_t>(names_.size()));
      names_.push_back(nullptr);
    }
    held->second.number = free_numbers_.back();
    free_numbers_.pop_back();
    names_[held->second.number] = &held->first;
  }
  Replace(held->second.number, held->second.group, group);
  held->second.group = group;
}

void ClassIndex::Erase(const std::string& name) {
  auto held = groups_.find(name);
  if (held == groups_.end()) return;
  Replace(held->second.number, held->second.group, {});
  names_[held->second.number] = nullptr;
  free_numbers_.push_back(held->second.number);
  groups_.erase(held);
}

const AddressGroup* ClassIndex::Find(const std::string& name) const {
  auto held = groups_.find(name);
  return held == groups_.end() ? nullptr : &held->second.group;
}

std::vector<std::string> ClassIndex::Names() const {
  std::vector<std::string> names;
  names.reserve(groups_.size());
  for (const auto& [name, held] : groups_) names.push_back(name);
  return names;
}

void ClassIndex::Replace(uint32_t number, const AddressGroup& old, const AddressGroup& now) {
  const auto mention = [&](uint32_t as) { return [this, as](const IpPrefix& at) { Mention(at, as); }; };
  const auto unmention = [&](uint32_t as) { return [this, as](const IpPrefix& at) { Unmention(at, as); }; };
  ForEachDifference(old.members, now.members, unmention(number * 2), mention(number * 2));
  ForEachDifference(old.exceptions, now.exceptions, unmention(number * 2 + 1), mention(number * 2 + 1));
}

void ClassIndex::Mention(const IpPrefix& prefix, uint32_t mention) {
  auto [node, added] = tree_.try_emplace(prefix);
  if (added) ++lengths_[prefix.length128()];
  Mentions& mentions = node->second;
  mentions.insert(std::lower_bound(mentions.begin(), mentions.end(), mention), mention);
  changed_.insert(prefix);
}

void ClassIndex::Unmention(const IpPrefix& prefix, uint32_t mention) {
  changed_.insert(prefix);
  auto node = tree_.find(prefix);
  Mentions& mentions = node->second;
  mentions.erase(std::lower_bound(mentions.begin(), mentions.end(), mention));
  if (!mentions.empty() || prefix == AllIpv4()) return;
  tree_.erase(node);
  auto length = lengths_.find(prefix.length128());
  if (--length->second == 0) lengths_.erase(length);
}

std::vector<uint32_t> ClassIndex::Descend(Path& path, const IpPrefix& prefix, const Mentions& mentions) {
  while (!path.empty() && !Covers(path.back().prefix, prefix)) path.pop_back();
  State state{.prefix = prefix};
  Numbers above;
  if (!path.empty()) {
    const State& parent = path.back();
    above = parent.holding;
    if (parent.prefix.address().is_v4() == prefix.address().is_v4()) {
      state.members = parent.members;
      state.exceptions = parent.exceptions;
    }
  }
  Numbers members, exceptions;
  for (const uint32_t mention : mentions) (mention % 2 == 0 ? members : exceptions).push_back(mention / 2);
  state.members = Union(state.members, members);
  state.exceptions = Union(state.exceptions, exceptions);
  std::set_difference(state.members.begin(), state.members.end(), state.exceptions.begin(),
                      state.exceptions.end(), std::back_inserter(state.holding));
  path.push_back(std::move(state));
  return above;
}

ClassIndex::Path ClassIndex::Above(const IpPrefix& prefix) const {
  Path path;
  for (const auto& [length, count] : lengths_) {
    if (length >= prefix.length128()) break;
    auto node = tree_.find(Shortened(prefix, length));
    if (node != tree_.end()) Descend(path, node->first, node->second);
  }
  return path;
}

AddressClass ClassIndex::ClassOf(const std::vector<uint32_t>& holding) const {
  AddressClass result;
  result.reserve(holding.size());
  for (const uint32_t number : holding) result.push_back(*names_[number]);
  std::sort(result.begin(), result.end());
  return result;
}

std::map<IpPrefix, AddressClass> ClassIndex::All() const {
  std::map<IpPrefix, AddressClass> classes;
  Path path;
  for (const auto& [prefix, mentions] : tree_) {
    const Numbers above = Descend(path, prefix, mentions);
    if (path.back().holding != above) classes.emplace(prefix, ClassOf(path.back().holding));
  }
  return classes;
}

std::map<IpPrefix, std::optional<AddressClass>> ClassIndex::TakeChanges() {
  std::map<IpPrefix, std::optional<AddressClass>> entries;
  const IpPrefix* done = nullptr;  // looked at, with all that it covers
  for (const IpPrefix& changed : changed_) {
    if (!tree_.contains(changed)) entries[changed] = std::nullopt;
    if (done != nullptr && Covers(*done, changed)) continue;
    done = &changed;
    Path path = Above(changed);
    for (auto node = tree_.lower_bound(changed); node != tree_.end() && Covers(changed, node->first);
         ++node) {
      const Numbers above = Descend(path, node->first, node->second);
      std::optional<AddressClass>& entry = entries[node->first];
      if (path.back().holding != above) entry = ClassOf(path.back().holding);
    }
  }
  changed_.clear();
  return entries;
}

}  // namespace fairlead::policy
