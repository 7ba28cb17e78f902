#include "cni/commands.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/netns.h"
#include "base/status_macros.h"
#include "cni/agent_client.h"
#include "cni/config.h"
#include "cni/error.h"
#include "cni/json_fields.h"
#include "cni/release_queue.h"
#include "cni/wiring.h"
#include "nlohmann/json.hpp"

namespace fairlead::cni {
namespace {

using nlohmann::json;

constexpr int kProtocolVersion = 1;
constexpr char kAgentHint[] =
    "is fairlead-agent running on this node, and is agentSocket the one in its --run-dir? The runtime tries "
    "again";

// An agent that is not there, or went away in between, comes back: the runtime is to try again.
absl::Status TryAgain(const absl::Status& status) {
  return WithCode(status, ErrorCode::kTryAgain, kAgentHint);
}

json RequestOf(const Environment& environment) {
  json request = {{"version", kProtocolVersion}, {"command", environment.command}};
  auto put = [&](const char* key, const std::string& value) {
    if (!value.empty()) request[key] = value;
  };
  put("containerId", environment.container_id);
  put("ifName", environment.if_name);
  put("netns", environment.netns);
  put("podNamespace", environment.pod_namespace);
  put("podName", environment.pod_name);
  put("podUid", environment.pod_uid);
  return request;
}

json AddRequest(const Environment& environment, const Config& config) {
  json request = RequestOf(environment);
  if (!config.requested_addresses.empty()) request["requestedAddresses"] = config.requested_addresses;
  if (!config.requested_mac.empty()) request["requestedMac"] = config.requested_mac;
  for (const PortMapping& mapping : config.port_mappings) {
    json object = {{"hostPort", mapping.host_port},
                   {"containerPort", mapping.container_port},
                   {"protocol", mapping.protocol}};
    if (!mapping.host_ip.empty()) object["hostIP"] = mapping.host_ip;
    request["portMappings"].push_back(std::move(object));
  }
  return request;
}

// The plugin works from the host's namespace on the pod's; one and the same would be the host's undoing.
absl::StatusOr<UniqueFd> OpenPodNetns(const std::string& path) {
  absl::StatusOr<UniqueFd> netns = OpenNetns(path);
  if (!netns.ok()) {
    return CniError(ErrorCode::kInvalidEnvironment, absl::StrCat("CNI_NETNS: ", netns.status().message()));
  }
  UniqueFd own(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  struct stat pod_stat, own_stat;
  if (!own.valid() || fstat(own.get(), &own_stat) != 0 || fstat(netns->get(), &pod_stat) != 0) {
    return CniError(ErrorCode::kIo, "compare CNI_NETNS with the plugin's own network namespace");
  }
  if (own_stat.st_ino == pod_stat.st_ino && own_stat.st_dev == pod_stat.st_dev) {
    return CniError(ErrorCode::kInvalidNetns,
                    absl::StrCat("CNI_NETNS: ", path, " is the node's own namespace"));
  }
  return netns;
}

absl::StatusOr<std::vector<IpAddress>> ParseAddresses(const json& object, const char* key) {
  std::vector<std::string> texts;
  RETURN_IF_ERROR(ReadStrings(object, key, "prepared", &texts));
  std::vector<IpAddress> addresses;
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(IpAddress address, IpAddress::Parse(text));
    addresses.push_back(address);
  }
  return addresses;
}

absl::StatusOr<PreparedLink> ParsePrepared(const json& object) {
  PreparedLink link;
  ASSIGN_OR_RETURN(link.addresses, ParseAddresses(object, "addresses"));
  ASSIGN_OR_RETURN(link.gateways, ParseAddresses(object, "gateways"));
  std::string mac, host_mac;
  RETURN_IF_ERROR(ReadString(object, "mac", "prepared", &mac));
  RETURN_IF_ERROR(ReadString(object, "hostMac", "prepared", &host_mac));
  RETURN_IF_ERROR(ReadString(object, "hostInterface", "prepared", &link.host_interface));
  ASSIGN_OR_RETURN(link.mac, ParseMac(mac));
  ASSIGN_OR_RETURN(link.host_mac, ParseMac(host_mac));
  int64_t mtu = 0;
  RETURN_IF_ERROR(ReadInteger(object, "mtu", "prepared", 68, 65535, &mtu));
  link.mtu = static_cast<uint32_t>(mtu);
  link.existing = object.contains("existing") && object["existing"] == json(true);
  ASSIGN_OR_RETURN(const json* routes, FindArray(object, "routeMtus", "prepared"));
  for (size_t i = 0; routes != nullptr && i < routes->size(); ++i) {
    std::string destination;
    RETURN_IF_ERROR(ReadString((*routes)[i], "destination", "prepared.routeMtus", &destination));
    RETURN_IF_ERROR(ReadInteger((*routes)[i], "mtu", "prepared.routeMtus", 68, 65535, &mtu));
    ASSIGN_OR_RETURN(IpPrefix prefix, IpPrefix::Parse(destination));
    link.route_mtus.emplace_back(prefix, static_cast<uint32_t>(mtu));
  }
  if (link.addresses.empty() || !IsValidInterfaceName(link.host_interface)) {
    return absl::InvalidArgumentError("\"prepared\" has no addresses or no valid hostInterface");
  }
  return link;
}

Result ResultOf(const Environment& environment, const Config& config, const PreparedLink& link,
                const WiredPod& wired) {
  Result result;
  result.interfaces = {
      {.name = link.host_interface, .mac = netlink::MacToString(link.host_mac), .mtu = link.mtu},
      {.name = environment.if_name,
       .mac = netlink::MacToString(link.mac),
       .mtu = link.mtu,
       .sandbox = environment.netns}};
  for (const IpAddress& address : link.addresses) {
    std::string via;
    for (const IpAddress& gateway : link.gateways) {
      if (gateway.is_v4() == address.is_v4()) via = gateway.ToString();
    }
    result.ips.push_back({IpPrefix::Host(address).ToString(), via, 1});
  }
  for (const IpAddress& gateway : wired.default_gateways) {
    result.routes.push_back({.dst = gateway.is_v4() ? "0.0.0.0/0" : "::/0", .gw = gateway.ToString()});
  }
  result.dns = config.dns;
  return config.previous ? Merge(*config.previous, result) : result;
}

absl::StatusOr<std::string> Add(const Environment& environment, const Config& config) {
  absl::StatusOr<UniqueFd> netns = OpenPodNetns(environment.netns);
  RETURN_IF_ERROR(netns.status());
  absl::StatusOr<AgentClient> agent = AgentClient::Connect(config.agent_socket, config.timeout);
  if (!agent.ok()) return TryAgain(agent.status());
  absl::StatusOr<json> prepared = agent->Exchange(AddRequest(environment, config), "prepared");
  if (!prepared.ok()) return TryAgain(prepared.status());
  absl::StatusOr<PreparedLink> link = ParsePrepared(*prepared);
  if (!link.ok()) return WithCode(link.status(), ErrorCode::kDecode, "the agent's answer is not understood");

  ASSIGN_OR_RETURN(const WiredPod wired, WirePod(netns->get(), environment.if_name, *link));
  absl::StatusOr<json> done =
      agent->Exchange({{"commit", {{"hostInterfaceIndex", wired.host_ifindex}}}}, "done");
  if (!done.ok()) {
    // The agent takes the link away when it hears of the failure; it may be gone.
    if (!link->existing) UnwirePod(netns->get(), environment.if_name).IgnoreError();
    return TryAgain(done.status());
  }
  return ResultJson(ResultOf(environment, config, *link, wired), config.cni_version);
}

absl::StatusOr<std::string> Del(const Environment& environment, const Config& config) {
  const json request = RequestOf(environment);
  const absl::StatusOr<UniqueFd> netns = OpenNetns(environment.netns);
  // A namespace that outlives the interface keeps no rule for it; no reason to keep the interface.
  if (netns.ok()) RemoveRules(netns->get(), environment.if_name).IgnoreError();
  absl::StatusOr<AgentClient> agent = AgentClient::Connect(config.agent_socket, config.timeout);
  absl::Status released = agent.status();
  if (agent.ok()) released = agent->Exchange(request, "done").status();
  if (!absl::IsUnavailable(released)) {
    RETURN_IF_ERROR(released);
    return "";
  }
  // Nobody there: the pod's link goes now, its addresses when the agent is back.
  RETURN_IF_ERROR(WithCode(
      QueueRelease(config.queue_dir, {environment.container_id, environment.if_name}, request.dump() + "\n"),
      ErrorCode::kIo, "the release could be neither delivered nor queued"));
  if (netns.ok()) {
    RETURN_IF_ERROR(WithCode(UnwirePod(netns->get(), environment.if_name), ErrorCode::kWiring));
  }
  return "";
}

// What of "prevResult" is ours: the pod's interface, its addresses, and the host's end.
absl::StatusOr<ExpectedLink> ExpectedOf(const Environment& environment, const Result& previous) {
  ExpectedLink expected;
  int64_t pod_index = -1;
  for (size_t i = 0; i < previous.interfaces.size(); ++i) {
    const ResultInterface& interface = previous.interfaces[i];
    if (interface.name == environment.if_name && !interface.sandbox.empty()) {
      pod_index = static_cast<int64_t>(i);
      expected.mac = interface.mac;
    } else if (interface.sandbox.empty() && absl::StartsWith(interface.name, "flp")) {
      expected.host_mac = interface.mac;
    }
  }
  if (pod_index < 0) {
    return CniError(ErrorCode::kInvalidConfig, absl::StrCat("prevResult.interfaces: ", environment.if_name,
                                                            " of the pod is not among them"));
  }
  for (const ResultIp& ip : previous.ips) {
    if (ip.interface_index != pod_index) continue;
    ASSIGN_OR_RETURN(IpPrefix address, IpPrefix::Parse(ip.address));
    expected.addresses.push_back(address.address());
    if (ip.gateway.empty()) continue;
    absl::StatusOr<IpAddress> gateway = IpAddress::Parse(ip.gateway);
    if (!gateway.ok()) {
      return CniError(ErrorCode::kInvalidConfig,
                      absl::StrCat("prevResult.ips: gateway ", gateway.status().message()));
    }
    expected.gateways.push_back(*gateway);
  }
  return expected;
}

absl::StatusOr<std::string> Check(const Environment& environment, const Config& config) {
  ASSIGN_OR_RETURN(UniqueFd netns, OpenPodNetns(environment.netns));
  ASSIGN_OR_RETURN(ExpectedLink expected, ExpectedOf(environment, *config.previous));
  absl::StatusOr<FoundLink> found = CheckPod(netns.get(), environment.if_name, expected);
  if (!found.ok()) return WithCode(found.status(), ErrorCode::kWiring);
  json request = RequestOf(environment);
  request["mac"] = found->mac;
  request["addresses"] = json::array();
  for (const IpAddress& address : found->addresses) request["addresses"].push_back(address.ToString());
  absl::StatusOr<AgentClient> agent = AgentClient::Connect(config.agent_socket, config.timeout);
  if (!agent.ok()) return TryAgain(agent.status());
  RETURN_IF_ERROR(TryAgain(agent->Exchange(request, "done").status()));
  return "";
}

absl::StatusOr<std::string> Status(const Environment& environment, const Config& config) {
  absl::StatusOr<AgentClient> agent = AgentClient::Connect(config.agent_socket, config.timeout);
  absl::Status status = agent.status();
  if (agent.ok()) status = agent->Exchange(RequestOf(environment), "done").status();
  RETURN_IF_ERROR(WithCode(status, ErrorCode::kUnavailable, kAgentHint));
  return "";
}

absl::StatusOr<std::string> Gc(const Environment& environment, const Config& config) {
  json request = RequestOf(environment);
  request["attachments"] = json::array();
  for (const Attachment& attachment : *config.valid_attachments) {
    request["attachments"].push_back(
        {{"containerId", attachment.container_id}, {"ifName", attachment.if_name}});
  }
  absl::StatusOr<AgentClient> agent = AgentClient::Connect(config.agent_socket, config.timeout);
  if (!agent.ok()) return TryAgain(agent.status());
  RETURN_IF_ERROR(TryAgain(agent->Exchange(request, "done").status()));
  return "";
}

// The runtime may ask before it has a configuration, and in a version that we do not speak.
std::string Version(const std::string& text) {
  json versions = json::array();
  for (const char* version : kSupportedVersions) versions.push_back(version);
  return json{{"cniVersion", VersionOf(text)}, {"supportedVersions", versions}}.dump(2);
}

}  // namespace

absl::StatusOr<std::string> RunCommand(const Environment& environment, const std::string& text) {
  if (environment.command == "VERSION") return Version(text);
  ASSIGN_OR_RETURN(Config config, ParseConfig(text, environment.command));
  if (environment.command == "ADD") return Add(environment, config);
  if (environment.command == "DEL") return Del(environment, config);
  if (environment.command == "CHECK") return Check(environment, config);
  if (environment.command == "STATUS") return Status(environment, config);
  return Gc(environment, config);
}

}  // namespace fairlead::cni
