#include "bench/fleet/cluster.h"

#include <cstdint>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace fairlead::bench {
namespace {

using controller::ObjectKey;

IpAddress V4(int a, int b, int c, int d) {
  return *IpAddress::Parse(absl::StrCat(a, ".", b, ".", c, ".", d));
}

std::string NodeName(int node) {
  return absl::StrFormat("node-%05d", node);
}

std::string NamespaceName(int index) {
  return absl::StrFormat("team-%03d", index);
}

std::string AppName(int app) {
  return absl::StrFormat("app-%02d", app);
}

controller::NodeObject Node(int node) {
  controller::NodeObject object;
  object.addresses = {V4(172, 16 + node / 62500, node / 250 % 250, 1 + node % 250)};
  object.pod_cidrs = {*IpPrefix::Parse(absl::StrCat("10.", 64 + node / 256, ".", node % 256, ".0/24"))};
  return object;
}

policy::LabelSelector Labelled(const std::string& key, const std::string& value) {
  return {{{key, value}}, {}};
}

policy::PolicyPort TcpPort(uint16_t number) {
  return {policy::Protocol::kTcp, policy::PortNumbers{number, number}};
}

}  // namespace

ApiObjects::ApiObjects(const Size& size) : size_(size) {
  for (int node = 0; node < size.nodes; ++node) Put({"Node", "", NodeName(node)}, Node(node));
  for (int index = 0; index < size.namespaces; ++index) {
    const std::string name = NamespaceName(index);
    Put({"Namespace", "", name},
        controller::NamespaceObject{
            {{"kubernetes.io/metadata.name", name}, {"tier", index % 10 == 0 ? "platform" : "product"}}});
    AddPolicies(index);
    for (int app = 0; app < size.apps; ++app) {
      controller::EndpointSliceObject slice;
      slice.service = AppName(app);
      slice.ports = {{"http", policy::Protocol::kTcp, 8080}};
      for (int replica = 0; replica < size.replicas; ++replica) {
        const controller::PodObject pod = Pod(index, app, replica, 0);
        slice.endpoints.push_back(
            {pod.status_addresses, true, true, false, pod.spec.node_name, PodKey(index, app, replica).name});
        Put(PodKey(index, app, replica), pod);
      }
      if (app % 3 == 2) continue;
      const int number = index * size.apps + app;
      controller::ServiceObject service;
      service.uid = absl::StrFormat("5e000000-0000-4000-8000-%012d", number);
      service.cluster_ips = {V4(10, 0, number / 250, 1 + number % 250)};
      service.families = {controller::Family::kIpv4};
      service.ports = {{"http", policy::Protocol::kTcp, 80, uint16_t{8080}, 0}};
      Put({"Service", name, AppName(app)}, service);
      Put({"EndpointSlice", name, AppName(app) + "-7x2kq"}, slice);
    }
  }
}

// Everything is closed; apps with an even number are open to their neighbour and to the platform.
void ApiObjects::AddPolicies(int namespace_index) {
  const std::string name = NamespaceName(namespace_index);
  const auto put = [&](policy::NetworkPolicy policy, const std::string& policy_name) {
    policy.namespace_name = name;
    policy.name = policy_name;
    policy.isolates_ingress = true;
    Put({"NetworkPolicy", name, policy_name}, std::move(policy));
  };
  put({}, "default-deny");
  for (int app = 0; app < size_.apps; app += 10) {
    policy::NetworkPolicy open;
    open.pod_selector = Labelled("app", AppName(app));
    policy::PolicyRule rule;
    rule.peers = {policy::PodPeer{Labelled("calls", AppName(app)), {}},
                  policy::PodPeer{{}, Labelled("tier", "platform")}};
    rule.ports = {TcpPort(8080)};
    open.ingress = {rule};
    put(std::move(open), "open-" + AppName(app));
  }
}

void ApiObjects::Put(ObjectKey key, controller::ObjectBody body) {
  controller::Object object;
  object.key = key;
  object.where = {"API server", 0};
  object.body = std::move(body);
  objects_.insert_or_assign(std::move(key), std::move(object));
}

ObjectKey ApiObjects::PodKey(int namespace_index, int app, int replica) const {
  return {"Pod", NamespaceName(namespace_index),
          absl::StrFormat("%s-6d4b75cb6d-%05d", AppName(app), replica)};
}

controller::PodObject ApiObjects::Pod(int namespace_index, int app, int replica, int life) const {
  const int number = (namespace_index * size_.apps + app) * size_.replicas + replica;
  const int node = number % size_.nodes;
  controller::PodObject pod;
  pod.uid = absl::StrFormat("%08x-0000-4000-8000-%012d", life, number);
  pod.labels = {{"app", AppName(app)},
                {"calls", AppName((app + 1) % size_.apps)},
                {"pod-template-hash", "6d4b75cb6d"},
                {"version", "v1"}};
  pod.spec.node_name = NodeName(node);
  pod.spec.containers = {{.name = "main", .ports = {{"http", policy::Protocol::kTcp, 8080, 0, ""}}}};
  pod.status_addresses = {
      V4(10, 64 + node / 256, node % 256, 2 + (number / size_.nodes + 100 * (life % 2)) % 250)};
  return pod;
}

ObjectKey ApiObjects::RelabelPod(int n) {
  ObjectKey key = PodKey(n % size_.namespaces, 9, 0);  // calls the open app-10
  auto& pod = std::get<controller::PodObject>(objects_.at(key).body);
  pod.labels["calls"] = pod.labels["calls"] == "nobody" ? AppName(10) : "nobody";
  return key;
}

ObjectKey ApiObjects::ReplacePod(int n) {
  const int namespace_index = n % size_.namespaces;
  ObjectKey key = PodKey(namespace_index, 9, 1);
  Put(key, Pod(namespace_index, 9, 1, 1 + n));
  return key;
}

ObjectKey ApiObjects::ChangeReadiness(int n) {
  ObjectKey key{"EndpointSlice", NamespaceName(n % size_.namespaces), AppName(1) + "-7x2kq"};
  auto& slice = std::get<controller::EndpointSliceObject>(objects_.at(key).body);
  slice.endpoints.front().ready = !slice.endpoints.front().ready;
  return key;
}

ObjectKey ApiObjects::ChangePolicy(int n) {
  ObjectKey key{"NetworkPolicy", NamespaceName(n % size_.namespaces), "open-" + AppName(10)};
  auto& open = std::get<policy::NetworkPolicy>(objects_.at(key).body);
  open.ingress.front().ports = {TcpPort(static_cast<uint16_t>(9000 + n % 50'000))};
  return key;
}

ObjectKey ApiObjects::AddNode(int n) {
  ObjectKey key{"Node", "", NodeName(size_.nodes + n)};
  Put(key, Node(size_.nodes + n));
  return key;
}

}  // namespace fairlead::bench
