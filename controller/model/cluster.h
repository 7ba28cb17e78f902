// The objects in force, made into one consistent cluster: pods of templates spelt out and placed,
// addresses and node ports given, objects that contradict others refused. Pure.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "controller/manifest/manifest.h"
#include "controller/manifest/objects.h"
#include "controller/model/service_allocator.h"
#include "controller/model/settings.h"
#include "policy/model.h"

namespace fairlead::controller {

struct ClusterPod {
  std::string uid;
  std::string namespace_name;
  std::string name;
  std::string owner;  // "Deployment/cart"; empty for a bare pod
  std::string node;   // empty: no node takes it
  policy::Labels labels;
  bool host_network = false;
  std::vector<Container> containers;
  std::vector<IpAddress> status_addresses;  // from the manifest's status
  bool terminated = false;
  bool terminating = false;
  bool says_unready = false;

  bool operator==(const ClusterPod&) const = default;
  std::string FullName() const { return namespace_name + "/" + name; }
};

struct ClusterService {
  std::string uid;
  std::string namespace_name;
  std::string name;
  ServiceObject object;                // its ports carry the node ports that were given
  std::vector<IpAddress> cluster_ips;  // one a family
  std::vector<Family> families;        // of the cluster IPs

  bool operator==(const ClusterService&) const = default;
  std::string FullName() const { return namespace_name + "/" + name; }
};

using Objects = std::map<ObjectKey, Object>;
using EndpointSlices = std::map<std::string, EndpointSliceObject>;  // by name

struct Cluster {
  ClusterSettings settings;  // in force
  std::map<std::string, NodeObject> nodes;
  std::map<std::string, policy::Namespace> namespaces;
  std::map<std::string, ClusterPod> pods;          // by UID
  std::map<std::string, ClusterService> services;  // by "namespace/name"; without ExternalName
  std::map<std::string, EndpointSlices> slices;  // by the "namespace/name" of their Service, in force or not
  std::map<std::string, policy::NetworkPolicy> policies;  // by "namespace/name"
  // Objects that contradict others, by what they are.
  std::vector<Rejection> node_rejections, pod_rejections, service_rejections;
  std::vector<Rejection> remarks;  // on what is in force, but for something that cannot be

  // All of them.
  std::vector<Rejection> Rejections() const;
  // Pods that have no node, with the reason, for people: "shop/db-0 (no node takes it)".
  std::vector<std::string> UnplacedPods() const;
};

// `started_with`: what a FairleadConfig does not say; and where Services get their addresses and ports from,
// which are not to change live. `before`, when given, is what this controller said last: Services keep what
// they were given then, an object that newly contradicts another keeps its last good version, and of two that
// contradict each other the one that was there first stays.
Cluster ResolveCluster(const Objects& objects, const ClusterSettings& started_with, const Cluster* before);

// The steps, each in a file of its own.
void ResolveNodes(const Objects& objects, const Cluster* before, Cluster* cluster);
// Needs the nodes.
void ResolveSettings(const Objects& objects, const ClusterSettings& started_with, Cluster* cluster);
void ResolvePods(const Objects& objects, const ClusterSettings& settings, Cluster* cluster);
void ResolveServices(const Objects& objects, const ClusterSettings& settings, const Cluster* before,
                     Cluster* cluster);

// What they make of one object that contradicts no other.
policy::Namespace NamespaceNamed(const std::string& name, const Objects& objects);
// On the node that it names, if any; without a UID where it states none.
ClusterPod BarePod(const ObjectKey& key, const PodObject& stated);
// With the cluster IPs and node ports that it states.
ClusterService StatedService(const ObjectKey& key, const ServiceObject& stated,
                             const ClusterSettings& settings);
// Takes what the Service states: all of it, or nothing. "" when all was free, otherwise what was not.
std::string ClaimStated(const ClusterService& service, ServiceAllocator* allocator);
void ReleaseStated(const ClusterService& service, ServiceAllocator* allocator);

}  // namespace fairlead::controller
