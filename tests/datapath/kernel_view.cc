#include "tests/datapath/kernel_view.h"

#include <arpa/inet.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "datapath/abi_convert.h"

namespace fairlead::datapath {
namespace {

// Value under the longest prefix in a trie that holds the key; `length` counts bits of what follows it.
template <typename Key>
std::optional<uint32_t> Longest(const FakeKernel& kernel, MapId map, const Key& key) {
  std::optional<uint32_t> best;
  uint32_t best_length = 0;
  for (const auto& [entry_bytes, value] : kernel.Contents(map)) {
    Key entry;
    memcpy(&entry, entry_bytes.data(), sizeof(entry));
    if (best && entry.length < best_length) continue;
    const auto* a = reinterpret_cast<const uint8_t*>(&entry) + sizeof(entry.length);
    const auto* b = reinterpret_cast<const uint8_t*>(&key) + sizeof(entry.length);
    bool matches = true;
    for (uint32_t bit = 0; bit < entry.length && matches; ++bit) {
      matches = ((a[bit / 8] ^ b[bit / 8]) & (0x80 >> bit % 8)) == 0;
    }
    if (!matches) continue;
    best_length = entry.length;
    best.emplace();
    memcpy(&*best, value.data(), sizeof(*best));
  }
  return best;
}

uint32_t ClassOf(const FakeKernel& kernel, const IpAddress& peer) {
  if (auto id = Read<fl_address, uint32_t>(kernel, MapId::kClassByAddress, ToAbi(peer))) return *id;
  return Longest(kernel, MapId::kClassByPrefix, fl_address_prefix{128, ToAbi(peer)}).value_or(0);
}

uint32_t PortRowOf(const FakeKernel& kernel, uint32_t generation, uint8_t protocol, uint16_t port,
                   uint32_t any) {
  const fl_port_row_key key{.length = 56,
                            .generation = htonl(generation),
                            .protocol = protocol,
                            .port = {static_cast<uint8_t>(port >> 8), static_cast<uint8_t>(port)}};
  return Longest(kernel, MapId::kRowByPort, key).value_or(any);
}

uint64_t WordOf(const FakeKernel& kernel, uint32_t row, uint32_t summary_count, uint32_t word) {
  uint32_t at = row + summary_count;
  for (uint32_t i = 0; i <= word; ++i) {
    // Words whose bit is clear are not there.
    const auto summary = *Read<uint32_t, uint64_t>(kernel, MapId::kRowWord, row + i / 64);
    const bool there = (summary >> (i % 64) & 1) != 0;
    if (i == word) return there ? *Read<uint32_t, uint64_t>(kernel, MapId::kRowWord, at) : 0;
    at += there;
  }
  return 0;
}

Verdict AskSet(const FakeKernel& kernel, uint32_t index, const Probe& probe) {
  if (index == FL_SET_OPEN) return Verdict::kAllow;
  const fl_policy_set set = *Read<uint32_t, fl_policy_set>(kernel, MapId::kPolicySet, index);
  const auto g = *Read<uint32_t, fl_policy_generation>(kernel, MapId::kPolicyGeneration, set.generation);
  if (set.generation == 0 || g.rule_count == 0) return Verdict::kBroken;
  const fl_class_row_key class_key{set.generation, ClassOf(kernel, probe.peer)};
  const uint32_t peer_row =
      Read<fl_class_row_key, uint32_t>(kernel, MapId::kRowByClass, class_key).value_or(g.any_peer_row);
  const uint32_t port_row = PortRowOf(kernel, set.generation, probe.protocol, probe.port, g.any_port_row);
  for (uint32_t word = 0; word < g.word_count; ++word) {
    const uint64_t bits =
        WordOf(kernel, peer_row, g.summary_count, word) & WordOf(kernel, port_row, g.summary_count, word);
    if (bits == 0) continue;
    const uint32_t rule = word * 64 + static_cast<uint32_t>(__builtin_ctzll(bits));
    const auto action =
        Read<uint32_t, fl_policy_rule>(kernel, MapId::kPolicyRule, g.rule_base + rule)->action;
    return action == FL_ACTION_ALLOW ? Verdict::kAllow
                                     : (action == FL_ACTION_DENY ? Verdict::kDeny : Verdict::kBroken);
  }
  return Verdict::kBroken;
}

bool Matches(const DesiredState& state, const policy::Rule& rule, const Probe& probe) {
  bool peer = rule.any_peer;
  for (const std::string& name : rule.peers) {
    auto group = state.groups.find(name);
    if (group != state.groups.end() && group->second.Contains(probe.peer)) peer = true;
  }
  bool port = rule.any_port;
  for (const policy::PortRange& range : rule.ports) {
    port |= static_cast<uint8_t>(range.protocol) == probe.protocol && range.first <= probe.port &&
            probe.port <= range.last;
  }
  return peer && port;
}

}  // namespace

Verdict AskKernel(const FakeKernel& kernel, const LocalEndpoint& endpoint, const Probe& probe) {
  const auto index = Read<uint32_t, uint32_t>(kernel, MapId::kPodDevice, endpoint.ifindex);
  if (!index) return Verdict::kNotReady;
  const fl_endpoint entry = *Read<uint32_t, fl_endpoint>(kernel, MapId::kEndpoint, *index);
  if (entry.ifindex != endpoint.ifindex || (entry.flags & FL_ENDPOINT_READY) == 0) return Verdict::kNotReady;
  return AskSet(kernel, probe.direction == policy::Direction::kIngress ? entry.ingress_set : entry.egress_set,
                probe);
}

Verdict AskState(const DesiredState& state, const Probe& probe) {
  auto endpoint = state.endpoints.find(probe.endpoint);
  if (endpoint == state.endpoints.end() || !endpoint->second.policy_known) return Verdict::kNotReady;
  const bool ingress = probe.direction == policy::Direction::kIngress;
  const std::string& name = ingress ? endpoint->second.ingress_set : endpoint->second.egress_set;
  if (name.empty()) return Verdict::kAllow;
  for (const policy::Rule& rule : state.sets.at(name).rules) {
    if (!Matches(state, rule, probe)) continue;
    return rule.action == policy::Action::kAllow ? Verdict::kAllow : Verdict::kDeny;
  }
  return Verdict::kBroken;
}

std::optional<std::vector<std::string>> BackendsOf(const FakeKernel& kernel, const IpAddress& address,
                                                   uint16_t port, uint8_t protocol) {
  const fl_frontend_key key{.address = ToAbi(address), .port = htons(port), .protocol = protocol};
  const auto frontend = Read<fl_frontend_key, fl_frontend>(kernel, MapId::kFrontend, key);
  if (!frontend) return std::nullopt;
  std::vector<std::string> backends;
  for (uint32_t i = 0; i < frontend->count; ++i) {
    const auto id = *Read<uint32_t, uint32_t>(kernel, MapId::kBackendId, frontend->first + i);
    const auto backend = *Read<uint32_t, fl_backend>(kernel, MapId::kBackend, id);
    if (id == 0 || IsUnspecified(backend.address)) {
      backends.push_back("broken");
    } else {
      backends.push_back(absl::StrCat(FromAbi(backend.address).ToString(), ":", ntohs(backend.port)));
    }
  }
  return backends;
}

}  // namespace fairlead::datapath
