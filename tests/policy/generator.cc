#include "tests/policy/generator.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace fairlead::policy::testing {
namespace {

const std::vector<std::string> kNamespaces = {"alpha", "beta", "gamma", "delta"};
const std::vector<std::string> kNamespaceKeys = {"team", "env"};
const std::vector<std::string> kPodKeys = {"app", "tier", "rel"};
const std::vector<std::string> kValues = {"a", "b", "c"};
const std::vector<std::string> kPortNames = {"http", "dns", "admin"};
const std::vector<uint16_t> kPorts = {53, 80, 81, 443, 8080, 8081, 0, 65535};
const std::vector<std::string> kPrefixes = {
    "10.244.0.0/28", "10.244.0.0/24",      "10.244.0.4/30",       "10.0.0.0/8",   "0.0.0.0/0",
    "192.0.2.0/24",  "fd00:10:244::/124",  "fd00:10:244::/64",    "fd00::/8",     "::/0",
    "::/64",         "fd00:10:244::8/125", "2001:db8:ffff::/126", "10.244.0.9/32"};
const std::vector<std::string> kOutside = {"192.0.2.1",       "198.51.100.7", "10.1.2.3", "2001:db8::1",
                                           "fd00:99::1",      "10.244.0.255", "0.0.0.1",  "255.255.255.254",
                                           "fd00:10:244::ff", "::2"};
constexpr int kPodAddresses = 14;

IpAddress Address(const std::string& text) {
  return *IpAddress::Parse(text);
}

// First (`last` false) or last address of `prefix`.
IpAddress Edge(const IpPrefix& prefix, bool last) {
  auto bytes = prefix.address().bytes();
  for (int bit = prefix.length128(); last && bit < 128; ++bit) bytes[bit / 8] |= 0x80 >> (bit % 8);
  return IpAddress(bytes);
}

// The address after, or before, within the same family.
IpAddress Neighbour(const IpAddress& address, bool after) {
  auto bytes = address.bytes();
  for (int i = 15; i >= (address.is_v4() ? 12 : 0); --i) {
    bytes[i] += after ? 1 : -1;
    if (bytes[i] != (after ? 0x00 : 0xff)) break;
  }
  return IpAddress(bytes);
}

std::vector<IpPrefix> PrefixesIn(const Cluster& cluster) {
  std::vector<IpPrefix> prefixes;
  for (const auto& [key, policy] : cluster.policies) {
    for (const auto* rules : {&policy.ingress, &policy.egress}) {
      for (const PolicyRule& rule : *rules) {
        for (const Peer& peer : rule.peers) {
          if (const auto* block = std::get_if<IpBlock>(&peer)) {
            prefixes.push_back(block->cidr);
            prefixes.insert(prefixes.end(), block->except.begin(), block->except.end());
          }
        }
      }
    }
  }
  return prefixes;
}

}  // namespace

uint64_t SeedFromEnvironment() {
  const char* text = std::getenv("FAIRLEAD_SEED");
  const uint64_t seed = text != nullptr ? std::strtoull(text, nullptr, 0) : std::random_device{}();
  printf("FAIRLEAD_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

Labels Generator::NextLabels(const std::vector<std::string>& keys) {
  Labels labels;
  for (const std::string& key : keys) {
    if (Chance(55)) labels[key] = Any(kValues);
  }
  return labels;
}

LabelSelector Generator::NextSelector(const std::vector<std::string>& keys) {
  using Operator = LabelRequirement::Operator;
  LabelSelector selector;
  if (Chance(20)) return selector;
  if (Chance(55)) selector.match_labels[Any(keys)] = Any(kValues);
  while (Chance(40)) {
    LabelRequirement requirement{.key = Any(keys), .op = static_cast<Operator>(Below(4)), .values = {}};
    if (requirement.op == Operator::kIn || requirement.op == Operator::kNotIn) {
      do requirement.values.push_back(Any(kValues));
      while (Chance(50));
    }
    selector.match_expressions.push_back(std::move(requirement));
  }
  return selector;
}

IpAddress Generator::NextPodAddress(bool v4) {
  return Address(absl::StrCat(v4 ? "10.244.0." : "fd00:10:244::", absl::Hex(Below(10))));
}

Namespace Generator::NextNamespace() {
  return {.name = Any(kNamespaces), .labels = Chance(25) ? Labels() : NextLabels(kNamespaceKeys)};
}

Pod Generator::NextPod() {
  const uint64_t number = Below(kPodAddresses);
  Pod pod;
  pod.namespace_name = Any(kNamespaces);
  pod.name = absl::StrCat("pod-", number);
  pod.uid = absl::StrCat("uid-", number);
  pod.node = absl::StrCat("node-", Below(2));
  pod.labels = Chance(10) ? Labels() : NextLabels(kPodKeys);
  pod.host_network = Chance(8);
  pod.terminated = Chance(8);
  if (pod.host_network) {
    pod.addresses = {Address(absl::StrCat("172.31.0.1", Below(2)))};
  } else if (!Chance(10)) {
    // Mostly an address of its own; at times one that another pod has had, or still has.
    const bool own = Chance(80);
    const std::string host = absl::StrCat(absl::Dec(number));
    if (!Chance(15)) {
      pod.addresses.push_back(own ? Address(absl::StrCat("10.244.0.", host)) : NextPodAddress(true));
    }
    if (!Chance(15)) {
      pod.addresses.push_back(own ? Address(absl::StrCat("fd00:10:244::", absl::Hex(number)))
                                  : NextPodAddress(false));
    }
  }
  while (Chance(60) && pod.named_ports.size() < 4) {
    pod.named_ports.push_back(
        {.name = Any(kPortNames), .protocol = NextProtocol(), .number = NextPortNumber()});
  }
  return pod;
}

Protocol Generator::NextProtocol() {
  const uint64_t pick = Below(10);
  return pick < 6 ? Protocol::kTcp : pick < 9 ? Protocol::kUdp : Protocol::kSctp;
}

uint16_t Generator::NextPortNumber() {
  return Any(kPorts);
}

IpPrefix Generator::NextPrefix() {
  if (Chance(75)) return *IpPrefix::Parse(Any(kPrefixes));
  const bool v4 = Chance(60);
  const int bits = v4 ? 32 : 128;
  return *IpPrefix::Of(NextPodAddress(v4), bits - static_cast<int>(Below(5)));
}

IpBlock Generator::NextBlock() {
  IpBlock block{.cidr = NextPrefix(), .except = {}};
  while (Chance(45)) {
    const IpPrefix prefix = NextPrefix();
    if (block.cidr.Contains(prefix)) block.except.push_back(prefix);
  }
  return block;
}

Peer Generator::NextPeer() {
  if (Chance(35)) return NextBlock();
  PodPeer peer;
  if (Chance(75)) peer.pod_selector = NextSelector(kPodKeys);
  if (!peer.pod_selector || Chance(45)) peer.namespace_selector = NextSelector(kNamespaceKeys);
  return peer;
}

PolicyPort Generator::NextPort() {
  PolicyPort port{.protocol = NextProtocol(), .port = std::nullopt};
  if (Chance(15)) return port;
  if (Chance(40)) {
    port.port = PortName{Any(kPortNames)};
    return port;
  }
  PortNumbers numbers{.first = NextPortNumber(), .last = 0};
  numbers.last = numbers.first;
  if (Chance(30)) numbers.last = std::max(numbers.first, NextPortNumber());
  port.port = numbers;
  return port;
}

PolicyRule Generator::NextRule() {
  PolicyRule rule;
  if (!Chance(15)) {
    do rule.peers.push_back(NextPeer());
    while (Chance(35));
  }
  if (!Chance(30)) {
    do rule.ports.push_back(NextPort());
    while (Chance(40));
  }
  return rule;
}

std::vector<PolicyRule> Generator::NextRules() {
  std::vector<PolicyRule> rules;
  // At times enough for rows of several words.
  const uint64_t count = Chance(4) ? 60 + Below(90) : Below(3);
  for (uint64_t i = 0; i < count; ++i) rules.push_back(NextRule());
  return rules;
}

NetworkPolicy Generator::NextPolicy() {
  NetworkPolicy policy;
  policy.namespace_name = Any(kNamespaces);
  policy.name = absl::StrCat("policy-", Below(3));
  policy.pod_selector = NextSelector(kPodKeys);
  policy.isolates_ingress = Chance(75);
  policy.isolates_egress = Chance(60);
  // Rules of a direction that is not in policyTypes are allowed, and mean nothing.
  if (policy.isolates_ingress || Chance(30)) policy.ingress = NextRules();
  if (policy.isolates_egress || Chance(30)) policy.egress = NextRules();
  return policy;
}

Cluster Generator::NextCluster() {
  Cluster cluster;
  for (uint64_t i = 1 + Below(6); i > 0; --i) {
    Namespace made = NextNamespace();
    cluster.namespaces[made.name] = std::move(made);
  }
  for (uint64_t i = 2 + Below(12); i > 0; --i) {
    Pod made = NextPod();
    cluster.pods[made.uid] = std::move(made);
  }
  for (uint64_t i = 2 + Below(12); i > 0; --i) {
    NetworkPolicy made = NextPolicy();
    cluster.policies[absl::StrCat(made.namespace_name, "/", made.name)] = std::move(made);
  }
  return cluster;
}

IpAddress Generator::NextFarEnd(const Cluster& cluster) {
  if (Chance(65)) {
    std::vector<IpAddress> addresses;
    for (const auto& [uid, pod] : cluster.pods) {
      addresses.insert(addresses.end(), pod.addresses.begin(), pod.addresses.end());
    }
    if (!addresses.empty()) return Any(addresses);
  }
  const std::vector<IpPrefix> prefixes = PrefixesIn(cluster);
  if (!prefixes.empty() && Chance(70)) {
    const bool last = Chance(50);
    const IpAddress edge = Edge(Any(prefixes), last);
    return Chance(50) ? edge : Neighbour(edge, last);
  }
  return Address(Any(kOutside));
}

Decision Generator::NextDecision(const Cluster& cluster) {
  std::vector<const Pod*> pods;
  for (const auto& [uid, pod] : cluster.pods) {
    if (!pod.host_network) pods.push_back(&pod);
  }
  const Pod& pod = *Any(pods);
  Decision decision{.pod = pod.uid, .direction = static_cast<Direction>(Below(2)), .attempt = {}};
  const IpAddress far = NextFarEnd(cluster);
  IpAddress own = Address(far.is_v4() ? "10.244.0.200" : "fd00:10:244::200");
  for (const IpAddress& address : pod.addresses) {
    if (address.is_v4() == far.is_v4()) own = address;
  }
  const bool ingress = decision.direction == Direction::kIngress;
  decision.attempt = {.source = ingress ? far : own,
                      .destination = ingress ? own : far,
                      .protocol = NextProtocol(),
                      .destination_port = static_cast<uint16_t>(NextPortNumber() + (Chance(10) ? 1 : 0))};
  return decision;
}

}  // namespace fairlead::policy::testing
