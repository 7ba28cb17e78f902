#include "cli/lab/plan.h"

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cli/lab/paths.h"

namespace fairlead::lab {
namespace {

using nlohmann::json;

constexpr int kOutsidePosition = 200;
constexpr int kFirstNodePosition = 11;

IpAddress Address(const std::string& text) {
  return *IpAddress::Parse(text);
}

std::vector<IpAddress> Underlay(const Plan& plan, int host) {
  std::vector<IpAddress> addresses;
  if (plan.ipv4) addresses.push_back(Address(absl::StrCat("172.31.0.", host)));
  if (plan.ipv6) addresses.push_back(Address(absl::StrCat("fd00:172:31::", host)));
  return addresses;
}

std::string AddAddresses(const std::vector<IpAddress>& addresses, const std::string& device) {
  std::string text;
  for (const IpAddress& address : addresses) {
    absl::StrAppend(&text, "addr add ", address.ToString(), "/",
                    address.is_v4() ? kUnderlayLengthV4 : kUnderlayLengthV6, " dev ", device,
                    address.is_v4() ? "" : " nodad", "\n");
  }
  return text;
}

std::string Route(const std::string& destination, const IpAddress& via) {
  return absl::StrCat("route replace ", destination, " via ", via.ToString(), "\n");
}

const IpAddress* SameFamily(const std::vector<IpAddress>& addresses, const IpAddress& like) {
  for (const IpAddress& address : addresses) {
    if (address.is_v4() == like.is_v4()) return &address;
  }
  return nullptr;
}

}  // namespace

std::vector<IpAddress> OutsideUnderlayAddresses(const Plan& plan) {
  return Underlay(plan, kOutsidePosition);
}

std::vector<IpAddress> OutsideRemoteAddresses(const Plan& plan) {
  std::vector<IpAddress> addresses;
  if (plan.ipv4) addresses.push_back(Address("203.0.113.10"));
  if (plan.ipv6) addresses.push_back(Address("2001:db8:113::10"));
  return addresses;
}

std::string ServiceCidrs(const Plan& plan) {
  return absl::StrCat(plan.ipv4 ? "10.96.0.0/16" : "", plan.ipv4 && plan.ipv6 ? "," : "",
                      plan.ipv6 ? "fd00:10:96::/112" : "");
}

absl::Status CheckLabName(absl::string_view name) {
  bool good = !name.empty() && name.size() <= 20 && name.front() != '-' && name.back() != '-';
  for (const char c : name) good = good && (absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-');
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "'", name,
      "' cannot name a lab: 1 to 20 lower-case letters, digits and dashes, no dash at either end"));
}

NodePlan MakeNode(const Plan& plan, int position, const std::string& name) {
  NodePlan node{.name = name, .addresses = Underlay(plan, kFirstNodePosition + position)};
  const int number = position + 1;
  if (plan.ipv4) node.pod_cidrs.push_back(*IpPrefix::Parse(absl::StrCat("10.244.", number, ".0/24")));
  if (plan.ipv6) node.pod_cidrs.push_back(*IpPrefix::Parse(absl::StrCat("fd00:10:244:", number, "::/64")));
  return node;
}

NetworkCommands CommandsFor(const Plan& plan, const std::map<std::string, std::string>& namespace_names) {
  NetworkCommands commands;
  commands.underlay = "link add underlay type bridge\nlink set underlay up\n";
  const auto wire = [&](const std::string& who, const std::string& port) {
    absl::StrAppend(&commands.underlay, "link add ", port, " type veth peer name eth0 netns ",
                    namespace_names.at(who), "\nlink set ", port, " master underlay up\n");
  };
  const std::vector<IpAddress> outside = OutsideUnderlayAddresses(plan);
  wire(kOutside, "outside");
  absl::StrAppend(&commands.outside, AddAddresses(outside, "eth0"), "link set eth0 up\n");
  for (const IpAddress& address : OutsideRemoteAddresses(plan)) {
    absl::StrAppend(&commands.outside, "addr add ", IpPrefix::Host(address).ToString(), " dev lo",
                    address.is_v4() ? "" : " nodad", "\n");
  }
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    const NodePlan& node = plan.nodes[i];
    wire(node.name, absl::StrCat("node", i + 1));
    std::string& text = commands.nodes[node.name];
    absl::StrAppend(&text, AddAddresses(node.addresses, "eth0"), "link set eth0 up\n");
    for (const IpAddress& gateway : outside)
      absl::StrAppend(&text, Route(gateway.is_v4() ? "0.0.0.0/0" : "::/0", gateway));
    for (const IpPrefix& cidr : node.pod_cidrs) {
      const IpAddress* via = SameFamily(node.addresses, cidr.address());
      if (via != nullptr) absl::StrAppend(&commands.outside, Route(cidr.ToString(), *via));
    }
  }
  return commands;
}

std::string ToJsonText(const Plan& plan) {
  json nodes = json::array();
  for (const NodePlan& node : plan.nodes) {
    json addresses = json::array();
    json cidrs = json::array();
    for (const IpAddress& address : node.addresses) addresses.push_back(address.ToString());
    for (const IpPrefix& cidr : node.pod_cidrs) cidrs.push_back(cidr.ToString());
    nodes.push_back({{"name", node.name}, {"addresses", addresses}, {"podCIDRs", cidrs}});
  }
  return json{
      {"name", plan.name}, {"routing", plan.routing},       {"ipv4", plan.ipv4},
      {"ipv6", plan.ipv6}, {"masquerade", plan.masquerade}, {"socketBalancing", plan.socket_balancing},
      {"nodes", nodes}}
      .dump(2);
}

absl::StatusOr<Plan> PlanFromJsonText(const std::string& text) {
  const json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) return absl::DataLossError("lab.json is no JSON object");
  Plan plan;
  try {
    value.at("name").get_to(plan.name);
    value.at("routing").get_to(plan.routing);
    value.at("ipv4").get_to(plan.ipv4);
    value.at("ipv6").get_to(plan.ipv6);
    value.at("masquerade").get_to(plan.masquerade);
    value.at("socketBalancing").get_to(plan.socket_balancing);
    for (const json& entry : value.at("nodes")) {
      NodePlan node{.name = entry.at("name")};
      for (const json& text_of : entry.at("addresses")) {
        ASSIGN_OR_RETURN(const IpAddress address, IpAddress::Parse(text_of.get<std::string>()));
        node.addresses.push_back(address);
      }
      for (const json& text_of : entry.at("podCIDRs")) {
        ASSIGN_OR_RETURN(const IpPrefix cidr, IpPrefix::Parse(text_of.get<std::string>()));
        node.pod_cidrs.push_back(cidr);
      }
      plan.nodes.push_back(node);
    }
  } catch (const json::exception& error) {
    return absl::DataLossError(absl::StrCat("lab.json: ", error.what()));
  }
  return plan;
}

}  // namespace fairlead::lab
