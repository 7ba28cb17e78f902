#include "tests/policy/shrink.h"

#include <utility>
#include <vector>

namespace fairlead::policy::testing {
namespace {

// Tries out changes one by one and keeps those after which the case still fails.
class Shrinker {
 public:
  Shrinker(Cluster cluster, const std::function<bool(const Cluster&)>& fails)
      : cluster_(std::move(cluster)), fails_(fails) {}

  Cluster Run() && {
    do {
      progress_ = false;
      Pass();
    } while (progress_);
    return std::move(cluster_);
  }

 private:
  void Pass() {
    EraseEach(cluster_.policies);
    EraseEach(cluster_.pods);
    EraseEach(cluster_.namespaces);
    for (auto& [key, policy] : cluster_.policies) {
      Simplify(policy.pod_selector);
      Replace(policy.isolates_ingress, false);
      Replace(policy.isolates_egress, false);
      Simplify(policy.ingress);
      Simplify(policy.egress);
    }
    for (auto& [uid, pod] : cluster_.pods) {
      EraseEach(pod.labels);
      EraseEach(pod.addresses);
      EraseEach(pod.named_ports);
      Replace(pod.host_network, false);
      Replace(pod.terminated, false);
    }
    for (auto& [name, at] : cluster_.namespaces) EraseEach(at.labels);
  }

  void Simplify(LabelSelector& selector) {
    EraseEach(selector.match_labels);
    EraseEach(selector.match_expressions);
    for (LabelRequirement& requirement : selector.match_expressions) {
      if (requirement.values.size() > 1) EraseEach(requirement.values, 1);
    }
  }

  void Simplify(std::vector<PolicyRule>& rules) {
    EraseEach(rules);
    for (PolicyRule& rule : rules) {
      EraseEach(rule.peers);
      EraseEach(rule.ports);
      for (Peer& peer : rule.peers) {
        if (auto* block = std::get_if<IpBlock>(&peer)) {
          EraseEach(block->except);
          continue;
        }
        auto& pods = std::get<PodPeer>(peer);
        if (pods.pod_selector) Simplify(*pods.pod_selector);
        if (pods.namespace_selector) Simplify(*pods.namespace_selector);
        if (pods.pod_selector && pods.namespace_selector) {
          Replace(pods.namespace_selector, std::optional<LabelSelector>());
        }
      }
    }
  }

  // Keeps at least `keep` elements.
  template <typename T>
  void EraseEach(std::vector<T>& values, size_t keep = 0) {
    for (size_t i = values.size(); i-- > 0 && values.size() > keep;) {
      T taken = std::move(values[i]);
      values.erase(values.begin() + i);
      if (!StillFails()) values.insert(values.begin() + i, std::move(taken));
    }
  }

  template <typename K, typename V>
  void EraseEach(std::map<K, V>& values) {
    for (auto it = values.begin(); it != values.end();) {
      auto next = std::next(it);
      auto node = values.extract(it);
      if (!StillFails()) values.insert(std::move(node));
      it = next;
    }
  }

  template <typename T>
  void Replace(T& value, T simpler) {
    if (value == simpler) return;
    std::swap(value, simpler);
    if (!StillFails()) std::swap(value, simpler);
  }

  bool StillFails() {
    if (!fails_(cluster_)) return false;
    progress_ = true;
    return true;
  }

  Cluster cluster_;
  const std::function<bool(const Cluster&)>& fails_;
  bool progress_ = false;
};

}  // namespace

Cluster Shrink(Cluster cluster, const std::function<bool(const Cluster&)>& fails) {
  return Shrinker(std::move(cluster), fails).Run();
}

}  // namespace fairlead::policy::testing
