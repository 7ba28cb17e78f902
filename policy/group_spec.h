// What an address group says, apart from which addresses that comes to: a peer of a policy rule in
// canonical form, narrowed to one port number where the rule names a port of its destination.
#pragma once

#include <optional>
#include <string>

#include "policy/compiled.h"
#include "policy/model.h"

namespace fairlead::policy {

// Either pods (`block` absent), or the addresses of a block; with `port` in both cases only
// addresses of pods that have that named port with that number.
struct GroupSpec {
  // Pods: those of one namespace, or of the namespaces that a selector selects. Both absent: of all
  // namespaces.
  std::optional<std::string> namespace_name;
  std::optional<LabelSelector> namespace_selector;
  LabelSelector pod_selector;
  std::optional<IpBlock> block;
  std::optional<NamedPort> port;

  // A block whose members are known without looking at any pod.
  bool is_static() const { return block.has_value() && !port.has_value(); }

  auto operator<=>(const GroupSpec&) const = default;
};

// `policy_namespace` is that of the policy which the peer stands in.
GroupSpec SpecOf(const Peer& peer, const std::string& policy_namespace);

// All pods of the cluster.
GroupSpec AnyPod();

// "group-" and a hash of `spec`.
std::string NameOf(const GroupSpec& spec);

// In the words of the API: "pods app=cart in namespaces team=shop".
std::string Describe(const GroupSpec& spec);

// May `pod`, which lives in `pod_namespace` (null: no such Namespace is known), be found by a peer?
// Says nothing of its addresses; of those Covers says which belong to the group.
bool Selects(const GroupSpec& spec, const Pod& pod, const Namespace* pod_namespace);
bool Covers(const GroupSpec& spec, const IpAddress& pod_address);

}  // namespace fairlead::policy
