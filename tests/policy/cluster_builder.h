// Short ways to write a cluster down.
//
//   ClusterBuilder cluster;
//   cluster.Namespace("shop", {{"team", "a"}}).Pod("shop/cart", 1, {{"app", "cart"}});
//   cluster.Policy("shop/deny", {}).Ingress();
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "policy/model.h"

namespace fairlead::policy::testing {

// Peers.
Peer Pods(Labels labels);                                    // of the policy's namespace
Peer Namespaces(Labels labels);                              // all pods of them
Peer PodsIn(Labels namespace_labels, Labels labels);         // pods of namespaces
Peer Select(std::vector<LabelRequirement> pod_expressions);  // of the policy's namespace
Peer Block(const char* cidr, const std::vector<const char*>& except = {});

// Ports.
PolicyPort Tcp(uint16_t first, uint16_t last = 0);
PolicyPort Udp(uint16_t first, uint16_t last = 0);
PolicyPort Named(std::string name, Protocol protocol = Protocol::kTcp);
PolicyPort Every(Protocol protocol);

// Adds to one policy; naming a direction isolates it.
class PolicyBuilder {
 public:
  explicit PolicyBuilder(NetworkPolicy& policy) : policy_(policy) {}

  PolicyBuilder& Ingress();  // and no rule: nothing may enter
  PolicyBuilder& Ingress(std::vector<Peer> from, std::vector<PolicyPort> ports = {});
  PolicyBuilder& Egress();
  PolicyBuilder& Egress(std::vector<Peer> to, std::vector<PolicyPort> ports = {});

 private:
  NetworkPolicy& policy_;
};

class ClusterBuilder {
 public:
  ClusterBuilder& Namespace(const std::string& name, Labels labels = {});
  // "namespace/name", with the addresses 10.244.0.HOST and fd00:10:244::HOST (hexadecimal).
  ClusterBuilder& Pod(const std::string& key, int host, Labels labels = {},
                      std::vector<NamedPort> ports = {});
  // The pod last added, to be changed.
  policy::Pod& last_pod() { return cluster_.pods.at(last_pod_); }
  PolicyBuilder Policy(const std::string& key, Labels pods);
  PolicyBuilder PolicyFor(const std::string& key, LabelSelector pods);

  operator Cluster() const { return cluster_; }

 private:
  Cluster cluster_;
  std::string last_pod_;
};

}  // namespace fairlead::policy::testing
