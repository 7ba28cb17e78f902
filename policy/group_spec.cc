#include "policy/group_spec.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/content_hash.h"
#include "policy/selector.h"

namespace fairlead::policy {
namespace {

void AddTo(ContentHash& hash, const LabelSelector& selector) {
  hash.Add(uint64_t{selector.match_labels.size()});
  for (const auto& [key, value] : selector.match_labels) hash.Add(key).Add(value);
  hash.Add(uint64_t{selector.match_expressions.size()});
  for (const LabelRequirement& requirement : selector.match_expressions) {
    hash.Add(requirement.key).Add(static_cast<uint64_t>(requirement.op));
    hash.Add(uint64_t{requirement.values.size()});
    for (const std::string& value : requirement.values) hash.Add(value);
  }
}

void AddTo(ContentHash& hash, const IpPrefix& prefix) {
  hash.Add(prefix.address().ToBytes()).Add(static_cast<uint64_t>(prefix.length()));
}

std::string DescribeBlock(const IpBlock& block) {
  if (block.except.empty()) return block.cidr.ToString();
  return absl::StrCat(block.cidr.ToString(), " except ",
                      absl::StrJoin(block.except, ", ", [](std::string* out, const IpPrefix& prefix) {
                        out->append(prefix.ToString());
                      }));
}

std::string DescribePods(const GroupSpec& spec) {
  const std::string pods = Describe(spec.pod_selector);
  std::string text = pods.empty() ? "all pods" : absl::StrCat("pods ", pods);
  if (spec.namespace_name) return absl::StrCat(text, " in namespace ", *spec.namespace_name);
  const std::string namespaces = spec.namespace_selector ? Describe(*spec.namespace_selector) : "";
  return namespaces.empty() ? absl::StrCat(text, " in all namespaces")
                            : absl::StrCat(text, " in namespaces ", namespaces);
}

}  // namespace

GroupSpec SpecOf(const Peer& peer, const std::string& policy_namespace) {
  GroupSpec spec;
  if (const auto* block = std::get_if<IpBlock>(&peer)) {
    spec.block = *block;
    std::sort(spec.block->except.begin(), spec.block->except.end());
    spec.block->except.erase(std::unique(spec.block->except.begin(), spec.block->except.end()),
                             spec.block->except.end());
    return spec;
  }
  const auto& pods = std::get<PodPeer>(peer);
  if (pods.pod_selector) spec.pod_selector = Canonical(*pods.pod_selector);
  if (pods.namespace_selector) {
    spec.namespace_selector = Canonical(*pods.namespace_selector);
  } else {
    spec.namespace_name = policy_namespace;
  }
  return spec;
}

GroupSpec AnyPod() {
  return GroupSpec{};
}

std::string NameOf(const GroupSpec& spec) {
  ContentHash hash;
  hash.Add("AddressGroup 1");
  hash.Add(uint64_t{spec.namespace_name.has_value()}).Add(spec.namespace_name.value_or(""));
  hash.Add(uint64_t{spec.namespace_selector.has_value()});
  if (spec.namespace_selector) AddTo(hash, *spec.namespace_selector);
  AddTo(hash, spec.pod_selector);
  hash.Add(uint64_t{spec.block.has_value()});
  if (spec.block) {
    AddTo(hash, spec.block->cidr);
    hash.Add(uint64_t{spec.block->except.size()});
    for (const IpPrefix& prefix : spec.block->except) AddTo(hash, prefix);
  }
  hash.Add(uint64_t{spec.port.has_value()});
  if (spec.port) {
    hash.Add(spec.port->name)
        .Add(static_cast<uint64_t>(spec.port->protocol))
        .Add(uint64_t{spec.port->number});
  }
  return absl::StrCat("group-", hash.Hex());
}

std::string Describe(const GroupSpec& spec) {
  std::string text = spec.block ? DescribeBlock(*spec.block) : DescribePods(spec);
  if (!spec.port) return text;
  return absl::StrCat(text, spec.block ? ", pods" : "", " whose port ", spec.port->name, " is ",
                      spec.port->number, "/", ToString(spec.port->protocol));
}

bool Selects(const GroupSpec& spec, const Pod& pod, const Namespace* pod_namespace) {
  if (pod.host_network || pod.terminated) return false;
  if (spec.port &&
      std::find(pod.named_ports.begin(), pod.named_ports.end(), *spec.port) == pod.named_ports.end()) {
    return false;
  }
  if (spec.block) return true;
  if (spec.namespace_name && *spec.namespace_name != pod.namespace_name) return false;
  if (spec.namespace_selector &&
      (pod_namespace == nullptr || !Matches(*spec.namespace_selector, pod_namespace->labels))) {
    return false;
  }
  return Matches(spec.pod_selector, pod.labels);
}

bool Covers(const GroupSpec& spec, const IpAddress& pod_address) {
  if (!spec.block) return true;
  return spec.block->cidr.Contains(pod_address) &&
         std::none_of(spec.block->except.begin(), spec.block->except.end(),
                      [&](const IpPrefix& prefix) { return prefix.Contains(pod_address); });
}

}  // namespace fairlead::policy
