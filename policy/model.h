// The Kubernetes objects that network policy is made of, as plain values that are already valid.
// Reading and validating manifests or API objects is the business of controller/.
// Source: Kubernetes API, networking.k8s.io/v1 NetworkPolicy and meta/v1 LabelSelector.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ip.h"

namespace fairlead::policy {

using Labels = std::map<std::string, std::string>;

struct LabelRequirement {
  enum class Operator { kIn, kNotIn, kExists, kDoesNotExist };
  std::string key;
  Operator op = Operator::kExists;
  std::vector<std::string> values;  // kIn and kNotIn: at least one; otherwise empty

  auto operator<=>(const LabelRequirement&) const = default;
};

// All parts must hold; an empty selector selects everything.
struct LabelSelector {
  Labels match_labels;
  std::vector<LabelRequirement> match_expressions;

  auto operator<=>(const LabelSelector&) const = default;
};

// IANA protocol numbers.
enum class Protocol : uint8_t { kTcp = 6, kUdp = 17, kSctp = 132 };

struct NamedPort {
  std::string name;
  Protocol protocol = Protocol::kTcp;
  uint16_t number = 0;

  auto operator<=>(const NamedPort&) const = default;
};

// A pod whose namespace has no such object is found by no namespace selector, not even by the empty
// one. (The API server gives every namespace the label kubernetes.io/metadata.name; so must a source
// that is not the API server.)
struct Namespace {
  std::string name;
  Labels labels;

  bool operator==(const Namespace&) const = default;
};

struct Pod {
  std::string uid;
  std::string namespace_name;
  std::string name;
  std::string node;
  Labels labels;
  std::vector<IpAddress> addresses;  // none before it has some
  // Of all containers. Two may share a name: then a rule that names it means all their numbers.
  std::vector<NamedPort> named_ports;
  // Shares its node's network: no policy applies to it and no pod selector finds it.
  bool host_network = false;
  // Succeeded or Failed: its addresses may belong to someone else, so no peer selector finds it.
  // Policy still applies to it, for as long as its sandbox is there.
  bool terminated = false;

  bool operator==(const Pod&) const = default;
};

struct IpBlock {
  IpPrefix cidr;
  std::vector<IpPrefix> except;

  auto operator<=>(const IpBlock&) const = default;
};

// At least one selector is present. Without a namespace selector: pods of the policy's namespace.
struct PodPeer {
  std::optional<LabelSelector> pod_selector;
  std::optional<LabelSelector> namespace_selector;

  auto operator<=>(const PodPeer&) const = default;
};

using Peer = std::variant<PodPeer, IpBlock>;

struct PortName {
  std::string name;
  auto operator<=>(const PortName&) const = default;
};

struct PortNumbers {
  uint16_t first = 0;
  uint16_t last = 0;  // endPort, or `first`
  auto operator<=>(const PortNumbers&) const = default;
};

struct PolicyPort {
  Protocol protocol = Protocol::kTcp;
  // Absent: every port of the protocol.
  std::optional<std::variant<PortNumbers, PortName>> port;

  auto operator<=>(const PolicyPort&) const = default;
};

// One entry of spec.ingress or spec.egress. Empty lists, as absent ones, match everything.
struct PolicyRule {
  std::vector<Peer> peers;
  std::vector<PolicyPort> ports;

  bool operator==(const PolicyRule&) const = default;
};

struct NetworkPolicy {
  std::string namespace_name;
  std::string name;
  LabelSelector pod_selector;
  // policyTypes after defaulting.
  bool isolates_ingress = false;
  bool isolates_egress = false;
  std::vector<PolicyRule> ingress;
  std::vector<PolicyRule> egress;

  bool operator==(const NetworkPolicy&) const = default;
};

// Everything that policy depends on. Keys: namespace name; pod UID; "namespace/name".
struct Cluster {
  std::map<std::string, Namespace> namespaces;
  std::map<std::string, Pod> pods;
  std::map<std::string, NetworkPolicy> policies;
};

enum class Direction : uint8_t { kIngress = 0, kEgress = 1 };

// "ingress" or "egress".
const char* ToString(Direction direction);
// "TCP", "UDP", "SCTP".
const char* ToString(Protocol protocol);

}  // namespace fairlead::policy
