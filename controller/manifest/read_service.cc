#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/manifest/names.h"
#include "controller/manifest/readers.h"

namespace fairlead::controller {
namespace {

constexpr uint32_t kDefaultAffinitySeconds = 10'800;
constexpr uint32_t kMaxAffinitySeconds = 86'400;
constexpr size_t kMaxPorts = 1'000;

ServicePortObject ReadPort(const At& at, bool has_node_port, Problems* problems) {
  Fields fields(at, problems);
  ServicePortObject port;
  port.name = fields.String("name");
  if (!port.name.empty()) Require(fields, "name", CheckDnsLabel(port.name));
  port.protocol = ReadProtocol(fields);
  if (!fields.Has("port")) fields.Add("port", "is required");
  port.port = static_cast<uint16_t>(fields.Int("port", 1, 65535).value_or(0));
  port.target = port.port;
  if (std::optional<At> target = fields.Find("targetPort")) {
    if (target->value->type == Value::Type::kString) {
      Require(fields, "targetPort", CheckPortName(target->value->text));
      port.target = target->value->text;
    } else if (std::optional<int64_t> number = ReadInt(*target, 1, 65535, problems)) {
      port.target = static_cast<uint16_t>(*number);
    }
  }
  port.node_port = static_cast<uint16_t>(fields.Int("nodePort", 1, 65535).value_or(0));
  if (port.node_port != 0 && !has_node_port) {
    fields.Add("nodePort", "must be absent: only type NodePort and LoadBalancer have one");
  }
  fields.KnownButUnused({"appProtocol"});
  fields.Finish();
  return port;
}

void ReadPorts(Fields& spec, ServiceObject* service, Problems* problems) {
  std::set<std::string> names;
  std::set<std::pair<policy::Protocol, uint16_t>> numbers;
  std::set<std::pair<policy::Protocol, uint16_t>> node_ports;
  const std::vector<At> items = spec.List("ports");
  if (items.size() > kMaxPorts) spec.Add("ports", absl::StrCat("must have at most ", kMaxPorts, " entries"));
  for (const At& item : items) {
    ServicePortObject port = ReadPort(item, service->type == ServiceType::kNodePort, problems);
    int line = item.value->line;
    if (port.name.empty() && items.size() > 1) {
      problems->Add(line, item.path + ".name", "is required where a Service has several ports");
    } else if (!names.insert(port.name).second) {
      problems->Add(line, item.path + ".name",
                    absl::StrCat("\"", port.name, "\" names a second port; names are unique"));
    }
    if (!numbers.emplace(port.protocol, port.port).second) {
      problems->Add(line, item.path + ".port",
                    absl::StrCat(port.port, "/", policy::ToString(port.protocol), " is there twice"));
    }
    if (port.node_port != 0 && !node_ports.emplace(port.protocol, port.node_port).second) {
      problems->Add(line, item.path + ".nodePort",
                    absl::StrCat(port.node_port, "/", policy::ToString(port.protocol), " is there twice"));
    }
    service->ports.push_back(std::move(port));
  }
  bool needs_ports = service->type != ServiceType::kExternalName && !service->headless;
  if (items.empty() && needs_ports) spec.Add("ports", "is required, with at least one port");
}

void ReadClusterIps(Fields& spec, ServiceObject* service, Problems* problems) {
  std::vector<At> items = spec.List("clusterIPs");
  std::optional<At> single = spec.Find("clusterIP");
  if (single && items.empty()) items.push_back(*single);
  if (single && single->value->text != items.front().value->text) {
    spec.Add("clusterIPs", "must begin with clusterIP");
  }
  if (items.size() > 2) spec.Add("clusterIPs", "must have at most two entries, one a family");
  for (const At& item : items) {
    const std::string& text = item.value->text;
    if (item.value->type == Value::Type::kString && text.empty()) continue;
    if (item.value->type == Value::Type::kString && text == "None") {
      service->headless = true;
      continue;
    }
    std::optional<IpAddress> address = ReadAddress(item, problems);
    if (address) service->cluster_ips.push_back(*address);
  }
  if (service->headless && items.size() > 1) spec.Add("clusterIPs", "must have one entry when it is None");
  if (service->cluster_ips.size() == 2 &&
      service->cluster_ips[0].is_v4() == service->cluster_ips[1].is_v4()) {
    spec.Add("clusterIPs", "must be of different families");
  }
  if (service->headless && service->type == ServiceType::kNodePort) {
    spec.Add("clusterIP", "must not be None: a Service of this type needs an address");
  }
}

void ReadFamilies(Fields& spec, ServiceObject* service, Problems* problems) {
  for (const At& item : spec.List("ipFamilies")) {
    std::optional<std::string> family = ReadString(item, problems);
    if (family && *family == "IPv4") {
      service->families.push_back(Family::kIpv4);
    } else if (family && *family == "IPv6") {
      service->families.push_back(Family::kIpv6);
    } else if (family) {
      problems->Add(item.value->line, item.path, absl::StrCat("must be IPv4 or IPv6, is \"", *family, "\""));
    }
  }
  const std::vector<Family>& families = service->families;
  if (families.size() > 2 || (families.size() == 2 && families[0] == families[1])) {
    spec.Add("ipFamilies", "must name each family at most once");
  }
  for (size_t i = 0; i < service->cluster_ips.size() && i < families.size(); ++i) {
    if (service->cluster_ips[i].is_v4() != (families[i] == Family::kIpv4)) {
      spec.Add("ipFamilies",
               absl::StrCat("entry ", i, " does not fit clusterIPs, ", service->cluster_ips[i].ToString()));
    }
  }
  std::string policy =
      spec.OneOf("ipFamilyPolicy", {"SingleStack", "PreferDualStack", "RequireDualStack"}, "");
  if (policy == "SingleStack") service->family_policy = FamilyPolicy::kSingleStack;
  if (policy == "PreferDualStack") service->family_policy = FamilyPolicy::kPreferDualStack;
  if (policy == "RequireDualStack") service->family_policy = FamilyPolicy::kRequireDualStack;
  if (policy == "SingleStack" && (families.size() > 1 || service->cluster_ips.size() > 1)) {
    spec.Add("ipFamilyPolicy", "is SingleStack, but two families or addresses are given");
  }
}

void ReadAffinity(Fields& spec, ServiceObject* service, Problems* problems) {
  bool affinity = spec.OneOf("sessionAffinity", {"None", "ClientIP"}, "None") == "ClientIP";
  std::optional<At> config = spec.Find("sessionAffinityConfig");
  if (config && !affinity) {
    spec.Add("sessionAffinityConfig", "must be absent where sessionAffinity is None");
  }
  int64_t seconds = kDefaultAffinitySeconds;
  if (config) {
    Fields outer(*config, problems);
    if (std::optional<At> client = outer.Find("clientIP")) {
      Fields inner(*client, problems);
      seconds = inner.Int("timeoutSeconds", 1, kMaxAffinitySeconds).value_or(seconds);
      inner.Finish();
    }
    outer.Finish();
  }
  if (affinity) service->affinity_seconds = static_cast<uint32_t>(seconds);
}

// What the API has and nothing here does: said, for a client would wait for it in vain.
void ReadUnserved(Fields& spec, const std::string& type, Problems* problems) {
  spec.Unserved("externalIPs",
                "is not served: these addresses lead nowhere; use the cluster IP or a node port");
  spec.Unserved("loadBalancerSourceRanges",
                "is not enforced: every client that a NetworkPolicy does not refuse is served");
  spec.Unserved("loadBalancerIP", "is not served; the Service is reached at its cluster IPs and node ports");
  spec.Unserved("healthCheckNodePort", "is not served: nothing answers on this port");
  spec.Unserved("trafficDistribution", "is not looked at: all ready backends are chosen alike");
  spec.Unserved("topologyKeys", "is not looked at: all ready backends are chosen alike");
  if (type == "LoadBalancer") {
    std::optional<At> at = spec.Find("type");
    problems->Remark(
        at->value->line, at->path,
        "is LoadBalancer: nothing here gives it a load balancer's address; it is served as NodePort");
    if (!spec.Bool("allocateLoadBalancerNodePorts").value_or(true)) {
      spec.Unserved("allocateLoadBalancerNodePorts", "is not looked at: node ports are given all the same");
    }
  }
  if (type == "ExternalName") {
    spec.Unserved("externalName", "is a matter of DNS, which Fairlead does not serve");
  }
  spec.KnownButUnused({"allocateLoadBalancerNodePorts", "externalName", "loadBalancerClass"});
}

}  // namespace

ServiceObject ReadService(Fields& object, const Metadata& metadata, Problems* problems) {
  ServiceObject service;
  service.uid = metadata.uid;
  object.KnownButUnused({"status"});
  std::optional<At> at = object.Find("spec");
  if (!at) {
    object.Add("spec", "is required");
    return service;
  }
  Fields spec(*at, problems);
  std::string type =
      spec.OneOf("type", {"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"}, "ClusterIP");
  if (type == "NodePort" || type == "LoadBalancer") service.type = ServiceType::kNodePort;
  if (type == "ExternalName") {
    service.type = ServiceType::kExternalName;
    spec.RequiredString("externalName");
  }
  service.selector = ReadLabels(spec, "selector", problems);
  ReadClusterIps(spec, &service, problems);
  ReadPorts(spec, &service, problems);
  ReadFamilies(spec, &service, problems);
  ReadAffinity(spec, &service, problems);
  bool external = spec.Has("externalTrafficPolicy");
  service.external_local = spec.OneOf("externalTrafficPolicy", {"Cluster", "Local"}, "Cluster") == "Local";
  if (external && service.type != ServiceType::kNodePort && !spec.Has("externalIPs")) {
    spec.Add("externalTrafficPolicy",
             "must be absent: only type NodePort, LoadBalancer and externalIPs have outside traffic");
  }
  service.internal_local = spec.OneOf("internalTrafficPolicy", {"Cluster", "Local"}, "Cluster") == "Local";
  service.publish_not_ready = spec.Bool("publishNotReadyAddresses").value_or(false);
  ReadUnserved(spec, type, problems);
  spec.Finish();
  return service;
}

}  // namespace fairlead::controller
