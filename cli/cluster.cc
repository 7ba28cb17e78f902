#include "cli/cluster.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/address_port.h"
#include "base/status_macros.h"
#include "cli/kube/kubernetes_cluster.h"
#include "cli/lab/lab.h"

namespace fairlead::cli {
namespace {

constexpr char kNodeSocket[] = "/run/fairlead/agent.sock";

absl::StatusOr<Cluster> OfLab(const std::string& name) {
  ASSIGN_OR_RETURN(const lab::Plan plan, lab::LoadPlan(name));
  RETURN_IF_ERROR(lab::CheckRunning(name));
  const lab::Paths paths(name);
  Cluster cluster;
  for (const lab::NodePlan& node : plan.nodes) {
    cluster.agents.push_back({node.name, IntrospectClient("unix:" + paths.node(node.name).agent_socket())});
  }
  cluster.controllers.push_back({"controller", IntrospectClient("unix:" + paths.controller_socket())});
  for (const auto& addresses : {lab::OutsideUnderlayAddresses(plan), lab::OutsideRemoteAddresses(plan)}) {
    for (const IpAddress& address : addresses)
      cluster.hosts.push_back({.address = address, .kind = "host", .name = lab::kOutside});
  }
  return cluster;
}

Cluster OfTargets(const std::vector<std::string>& agents, const std::string& controller) {
  Cluster cluster;
  for (const std::string& target : agents) cluster.agents.push_back({target, IntrospectClient(target)});
  if (!controller.empty()) cluster.controllers.push_back({"controller", IntrospectClient(controller)});
  return cluster;
}

absl::StatusOr<IpAddress> FromBytes(const std::string& bytes) {
  return IpAddress::FromBytes(absl::string_view(bytes.data(), bytes.size()));
}

// A controller's word, or what the agents know together.
std::vector<NamedAddress> AskForNames(const Cluster& cluster) {
  for (const NodeAgent& controller : cluster.controllers) {
    const auto names = controller.client.AllNames();
    if (names.ok()) return names->entries();
  }
  std::vector<NamedAddress> all;
  for (const NodeAgent& agent : cluster.agents) {
    const auto names = agent.client.AllNames();
    if (names.ok()) all.insert(all.end(), names->entries().begin(), names->entries().end());
  }
  return all;
}

}  // namespace

absl::StatusOr<Cluster> Cluster::Open(const Context& context) {
  if (context.plugin) return OpenKubernetesCluster(context.kubectl, context.kube_namespace);
  if (!context.agents.empty()) {
    return OfTargets(context.agents, context.controller);
  }
  if (!context.lab.empty()) return OfLab(context.lab);
  const std::vector<std::string> labs = lab::LabNames();
  if (labs.size() == 1) return OfLab(labs[0]);
  if (labs.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are several labs; say which with --lab: ", absl::StrJoin(labs, ", ")));
  }
  if (::access(kNodeSocket, F_OK) == 0) {
    return OfTargets({absl::StrCat("unix:", kNodeSocket)}, context.controller);
  }
  return absl::NotFoundError(
      absl::StrCat("no lab is up and no agent runs on this machine (", kNodeSocket,
                   "); make a lab (sudo fairlead lab up -f DIR) or name an agent (--agent)"));
}

Names Cluster::LoadNames() const {
  std::vector<NamedAddress> all = AskForNames(*this);
  all.insert(all.end(), hosts.begin(), hosts.end());
  return Names(std::move(all));
}

const NodeAgent* Cluster::Find(const std::string& node) const {
  for (const NodeAgent& agent : agents) {
    if (agent.node == node) return &agent;
  }
  return nullptr;
}

std::string NamedText(const Names& names, const std::string& address_bytes) {
  const auto address = FromBytes(address_bytes);
  if (!address.ok()) return "";
  const NamedAddress* named = names.Find(*address);
  return named == nullptr ? address->ToString() : absl::StrCat(address->ToString(), " ", named->name);
}

std::string NameOrAddress(const Names& names, const std::string& address_bytes) {
  const auto address = FromBytes(address_bytes);
  if (!address.ok()) return "";
  const NamedAddress* named = names.Find(*address);
  return named == nullptr ? address->ToString() : named->name;
}

std::string AddressPort(const std::string& address_bytes, uint32_t port) {
  const auto address = FromBytes(address_bytes);
  if (!address.ok()) return "";
  if (port == 0) return address->ToString();
  return WithPort(*address, static_cast<uint16_t>(port));
}

std::string NamedPortText(const Names& names, const std::string& name, const std::string& address_bytes,
                          uint32_t port) {
  const std::string known = name.empty() ? NameOrAddress(names, address_bytes) : name;
  if (known.empty() || known == AddressPort(address_bytes, 0)) return AddressPort(address_bytes, port);
  return port == 0 ? known : absl::StrCat(known, ":", port);
}

std::string ProtocolName(uint32_t protocol) {
  switch (protocol) {
    case 1:
      return "ICMP";
    case 6:
      return "TCP";
    case 17:
      return "UDP";
    case 58:
      return "ICMPv6";
    case 132:
      return "SCTP";
    default:
      return absl::StrCat("protocol ", protocol);
  }
}

}  // namespace fairlead::cli
