// The Kubernetes objects that the controller reads, as values that are already valid in themselves.
// What depends on other objects (an address taken twice, a node that does not exist) is for model/.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "policy/model.h"

namespace fairlead::controller {

struct ObjectKey {
  std::string kind;
  std::string namespace_name;  // empty: of the cluster
  std::string name;

  auto operator<=>(const ObjectKey&) const = default;
  // "NetworkPolicy shop/allow-cart", "Node worker-1".
  std::string ToString() const;
};

struct Where {
  std::string file;
  int line = 1;  // 0: what it is from has no lines

  auto operator<=>(const Where&) const = default;
  std::string ToString() const;  // "shop.yaml:12"
};

// What an object asks for and does not get here, though it is in force.
struct Remark {
  int line = 1;
  std::string message;  // "spec.externalIPs: is not served; ..."

  bool operator==(const Remark&) const = default;
};

struct NamespaceObject {
  policy::Labels labels;

  bool operator==(const NamespaceObject&) const = default;
};

struct NodeObject {
  policy::Labels labels;
  std::vector<IpAddress> addresses;  // InternalIP first
  std::vector<IpPrefix> pod_cidrs;   // at most one a family
  bool unschedulable = false;

  bool operator==(const NodeObject&) const = default;
};

struct ContainerPort {
  std::string name;
  policy::Protocol protocol = policy::Protocol::kTcp;
  uint16_t number = 0;
  uint16_t host_port = 0;  // 0: none
  std::string host_ip;

  bool operator==(const ContainerPort&) const = default;
};

struct Container {
  std::string name;
  std::string image;
  std::vector<std::string> command;
  std::vector<std::string> args;
  std::map<std::string, std::string> env;  // plain values only
  std::vector<ContainerPort> ports;
  std::string working_dir;

  bool operator==(const Container&) const = default;
};

struct PodSpec {
  std::string node_name;
  policy::Labels node_selector;
  bool host_network = false;
  std::vector<Container> containers;

  bool operator==(const PodSpec&) const = default;
};

struct PodObject {
  std::string uid;  // empty: not given
  policy::Labels labels;
  PodSpec spec;
  std::vector<IpAddress> status_addresses;
  bool terminated = false;    // Succeeded or Failed
  bool terminating = false;   // deletionTimestamp
  bool says_unready = false;  // a condition Ready that is False

  bool operator==(const PodObject&) const = default;
};

// Deployment, ReplicaSet, StatefulSet (replicas) or DaemonSet (one a node).
struct WorkloadObject {
  std::string uid;
  int replicas = 1;
  int first_ordinal = 0;  // StatefulSet
  bool one_per_node = false;
  policy::Labels pod_labels;
  PodSpec spec;

  bool operator==(const WorkloadObject&) const = default;
};

enum class Family : uint8_t { kIpv4, kIpv6 };
enum class ServiceType : uint8_t { kClusterIp, kNodePort, kExternalName };
enum class FamilyPolicy : uint8_t { kSingleStack, kPreferDualStack, kRequireDualStack };

struct ServicePortObject {
  std::string name;
  policy::Protocol protocol = policy::Protocol::kTcp;
  uint16_t port = 0;
  std::variant<uint16_t, std::string> target;  // number, or name of a container's port
  uint16_t node_port = 0;                      // 0: not given

  bool operator==(const ServicePortObject&) const = default;
};

struct ServiceObject {
  std::string uid;
  ServiceType type = ServiceType::kClusterIp;  // LoadBalancer reads as kNodePort
  bool headless = false;
  policy::Labels selector;  // empty: endpoints come from EndpointSlices
  std::vector<ServicePortObject> ports;
  std::vector<IpAddress> cluster_ips;  // as given
  std::vector<Family> families;        // as given
  std::optional<FamilyPolicy> family_policy;
  uint32_t affinity_seconds = 0;
  bool external_local = false;
  bool internal_local = false;
  bool publish_not_ready = false;

  bool operator==(const ServiceObject&) const = default;
};

struct SliceEndpoint {
  std::vector<IpAddress> addresses;
  bool ready = true;
  bool serving = true;
  bool terminating = false;
  std::string node;
  std::string pod;  // name of the pod that targetRef names

  bool operator==(const SliceEndpoint&) const = default;
};

struct SlicePort {
  std::string name;
  policy::Protocol protocol = policy::Protocol::kTcp;
  uint16_t port = 0;  // 0: every port of the Service keeps its number

  bool operator==(const SlicePort&) const = default;
};

struct EndpointSliceObject {
  std::string service;  // label kubernetes.io/service-name; empty: of none
  std::vector<SliceEndpoint> endpoints;
  std::vector<SlicePort> ports;

  bool operator==(const EndpointSliceObject&) const = default;
};

// The one FairleadConfig: settings of the cluster's network. What it does not say is as the controller was
// started.
struct ConfigObject {
  std::optional<bool> masquerade;
  std::optional<std::vector<IpPrefix>> native_cidrs;
  std::optional<bool> socket_balancing;
  std::optional<std::vector<IpPrefix>> service_cidrs;  // at most one a family

  bool operator==(const ConfigObject&) const = default;
};
inline constexpr char kConfigKind[] = "FairleadConfig";
inline constexpr char kConfigName[] = "fairlead";  // of any other name there is none

using ObjectBody = std::variant<NamespaceObject, NodeObject, PodObject, WorkloadObject, ServiceObject,
                                EndpointSliceObject, policy::NetworkPolicy, ConfigObject>;

// What the API server has numbered an object with; empty and 0 where it has not.
struct ObjectVersion {
  std::string uid;
  int64_t generation = 0;         // of its spec; not every kind has one
  uint64_t resource_version = 0;  // of everything

  bool operator==(const ObjectVersion&) const = default;
};

struct Object {
  ObjectKey key;
  Where where;
  ObjectBody body;
  std::vector<Remark> remarks;
  ObjectVersion version;
};

}  // namespace fairlead::controller
