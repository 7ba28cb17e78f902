#include "agent/cni/cni_request.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "agent/details.h"
#include "base/netlink/link.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"

namespace fairlead::agent {
namespace {

using nlohmann::json;

constexpr int kSocketVersion = 1;
constexpr int kNotAvailable = 50;
constexpr size_t kMaxFieldBytes = 4096;

absl::Status Wrong(absl::string_view field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("CNI request: ", field, ": ", what));
}

absl::Status RefuseUnknown(const json& object, const std::set<std::string>& known, absl::string_view where) {
  for (const auto& [key, value] : object.items()) {
    if (!known.contains(key)) return Wrong(absl::StrCat(where, key.substr(0, 64)), "unknown key");
  }
  return absl::OkStatus();
}

absl::Status ReadText(const json& object, const char* key, std::string* target) {
  auto found = object.find(key);
  if (found == object.end()) return absl::OkStatus();
  if (!found->is_string()) return Wrong(key, "must be a string");
  *target = found->get<std::string>();
  if (target->size() > kMaxFieldBytes) return Wrong(key, "longer than 4096 bytes");
  return absl::OkStatus();
}

absl::Status ReadNumber(const json& object, const char* key, uint64_t min, uint64_t max, uint64_t* target) {
  auto found = object.find(key);
  if (found == object.end()) return Wrong(key, "is missing");
  if (!found->is_number_unsigned() || found->get<uint64_t>() < min || found->get<uint64_t>() > max) {
    return Wrong(key, absl::StrCat("must be a number within ", min, " and ", max));
  }
  *target = found->get<uint64_t>();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<IpAddress>> ReadAddressList(const json& object, const char* key) {
  std::vector<IpAddress> addresses;
  auto found = object.find(key);
  if (found == object.end()) return addresses;
  if (!found->is_array()) return Wrong(key, "must be a list");
  for (const json& text : *found) {
    if (!text.is_string()) return Wrong(key, "must be a list of strings");
    absl::StatusOr<IpAddress> address = IpAddress::Parse(text.get<std::string>());
    if (!address.ok()) return Wrong(key, address.status().message());
    addresses.push_back(*address);
  }
  return addresses;
}

absl::StatusOr<datapath::PortMapping> ReadPortMapping(const json& object) {
  if (!object.is_object()) return Wrong("portMappings", "must be a list of objects");
  RETURN_IF_ERROR(
      RefuseUnknown(object, {"hostPort", "containerPort", "protocol", "hostIP"}, "portMappings."));
  uint64_t host_port = 0, container_port = 0;
  RETURN_IF_ERROR(ReadNumber(object, "hostPort", 1, 65535, &host_port));
  RETURN_IF_ERROR(ReadNumber(object, "containerPort", 1, 65535, &container_port));
  datapath::PortMapping mapping{.host_port = static_cast<uint16_t>(host_port),
                                .container_port = static_cast<uint16_t>(container_port)};
  std::string protocol, host_ip;
  RETURN_IF_ERROR(ReadText(object, "protocol", &protocol));
  RETURN_IF_ERROR(ReadText(object, "hostIP", &host_ip));
  static const std::map<std::string, uint8_t> numbers = {{"tcp", 6}, {"udp", 17}, {"sctp", 132}};
  auto number = numbers.find(protocol);
  if (number == numbers.end()) return Wrong("portMappings.protocol", "is none of tcp, udp and sctp");
  mapping.protocol = number->second;
  if (!host_ip.empty()) {
    absl::StatusOr<IpAddress> address = IpAddress::Parse(host_ip);
    if (!address.ok()) return Wrong("portMappings.hostIP", address.status().message());
    mapping.host_ip = *address;
    // Every address of either family.
    if (*address == IpAddress::FromV4(0)) mapping.host_ip = IpAddress();
  }
  return mapping;
}

absl::Status ReadPod(const json& object, LeaseTable::Request* pod) {
  RETURN_IF_ERROR(ReadText(object, "containerId", &pod->sandbox));
  RETURN_IF_ERROR(ReadText(object, "ifName", &pod->if_name));
  RETURN_IF_ERROR(ReadText(object, "netns", &pod->netns));
  RETURN_IF_ERROR(ReadText(object, "podNamespace", &pod->namespace_name));
  RETURN_IF_ERROR(ReadText(object, "podName", &pod->pod_name));
  RETURN_IF_ERROR(ReadText(object, "podUid", &pod->pod_uid));
  ASSIGN_OR_RETURN(pod->requested, ReadAddressList(object, "requestedAddresses"));
  std::string mac;
  RETURN_IF_ERROR(ReadText(object, "requestedMac", &mac));
  if (!mac.empty()) {
    absl::StatusOr<datapath::MacAddress> address = ParseMac(mac);
    if (!address.ok()) return Wrong("requestedMac", address.status().message());
    if (((*address)[0] & 1) != 0) return Wrong("requestedMac", "is a multicast address");
    pod->requested_mac = *address;
  }
  if (auto found = object.find("portMappings"); found != object.end()) {
    if (!found->is_array()) return Wrong("portMappings", "must be a list");
    for (const json& mapping : *found) {
      ASSIGN_OR_RETURN(datapath::PortMapping read, ReadPortMapping(mapping));
      pod->port_mappings.push_back(read);
    }
  }
  return absl::OkStatus();
}

absl::Status ReadValid(const json& object, CniRequest* request) {
  auto found = object.find("attachments");
  if (found == object.end() || !found->is_array())
    return Wrong("attachments", "a GC needs the list of what is valid");
  for (const json& attachment : *found) {
    if (!attachment.is_object()) return Wrong("attachments", "must be a list of objects");
    RETURN_IF_ERROR(RefuseUnknown(attachment, {"containerId", "ifName"}, "attachments."));
    std::string sandbox, if_name;
    RETURN_IF_ERROR(ReadText(attachment, "containerId", &sandbox));
    RETURN_IF_ERROR(ReadText(attachment, "ifName", &if_name));
    if (sandbox.empty() || if_name.empty()) return Wrong("attachments", "containerId and ifName are needed");
    request->valid.insert(absl::StrCat(sandbox, "/", if_name));
  }
  return absl::OkStatus();
}

absl::StatusOr<CniCommand> ReadCommand(const json& object) {
  static const std::map<std::string, CniCommand> commands = {{"ADD", CniCommand::kAdd},
                                                             {"DEL", CniCommand::kDel},
                                                             {"CHECK", CniCommand::kCheck},
                                                             {"STATUS", CniCommand::kStatus},
                                                             {"GC", CniCommand::kGc}};
  std::string name;
  RETURN_IF_ERROR(ReadText(object, "command", &name));
  auto command = commands.find(name);
  if (command == commands.end()) return Wrong("command", "is none of ADD, DEL, CHECK, STATUS and GC");
  return command->second;
}

absl::StatusOr<CniRequest> ReadRequest(const json& object) {
  RETURN_IF_ERROR(RefuseUnknown(
      object,
      {"version", "command", "containerId", "ifName", "netns", "podNamespace", "podName", "podUid",
       "requestedAddresses", "requestedMac", "portMappings", "attachments", "mac", "addresses"},
      ""));
  uint64_t version = 0;
  RETURN_IF_ERROR(ReadNumber(object, "version", kSocketVersion, kSocketVersion, &version));
  CniRequest request;
  ASSIGN_OR_RETURN(request.command, ReadCommand(object));
  RETURN_IF_ERROR(ReadPod(object, &request.pod));
  RETURN_IF_ERROR(ReadText(object, "mac", &request.mac));
  ASSIGN_OR_RETURN(request.addresses, ReadAddressList(object, "addresses"));
  if (request.command == CniCommand::kGc) RETURN_IF_ERROR(ReadValid(object, &request));
  const bool of_pod = request.command != CniCommand::kGc && request.command != CniCommand::kStatus;
  const std::string& sandbox = request.pod.sandbox;
  if (of_pod && (sandbox.empty() || request.pod.if_name.empty() || sandbox.find('/') != std::string::npos)) {
    return Wrong("containerId", "containerId and ifName are needed, without '/'");
  }
  if (request.command == CniCommand::kAdd &&
      (request.pod.namespace_name.empty() || request.pod.pod_name.empty())) {
    return Wrong("podName", "podNamespace and podName are needed to know the pod's policy");
  }
  return request;
}

int CodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return 7;
    case absl::StatusCode::kNotFound:
      return 3;
    case absl::StatusCode::kFailedPrecondition:
      return 101;
    case absl::StatusCode::kPermissionDenied:
      return 4;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return 11;
    default:
      return 5;
  }
}

std::string Dump(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string ErrorWithCode(int code, const absl::Status& status) {
  json error = {{"code", code}, {"msg", std::string(status.message())}};
  if (const std::string details = DetailsOf(status); !details.empty()) error["details"] = details;
  return Dump({{"error", error}});
}

}  // namespace

absl::StatusOr<std::variant<CniRequest, CniCommit>> ParseCniLine(const std::string& line) {
  const json object = json::parse(line, nullptr, false);
  if (object.is_discarded() || !object.is_object()) return Wrong("line", "is not a JSON object");
  auto commit = object.find("commit");
  if (commit == object.end()) {
    ASSIGN_OR_RETURN(CniRequest request, ReadRequest(object));
    return request;
  }
  RETURN_IF_ERROR(RefuseUnknown(object, {"commit"}, ""));
  if (!commit->is_object()) return Wrong("commit", "must be an object");
  RETURN_IF_ERROR(RefuseUnknown(*commit, {"hostInterfaceIndex"}, "commit."));
  uint64_t ifindex = 0;
  RETURN_IF_ERROR(ReadNumber(*commit, "hostInterfaceIndex", 1, INT32_MAX, &ifindex));
  return CniCommit{static_cast<uint32_t>(ifindex)};
}

std::string PreparedLine(const PreparedReply& reply) {
  json prepared = {{"addresses", json::array()},
                   {"mac", netlink::MacToString(reply.lease.mac)},
                   {"hostMac", netlink::MacToString(reply.lease.host_mac)},
                   {"hostInterface", reply.lease.host_interface},
                   {"gateways", json::array()},
                   {"mtu", reply.mtu}};
  for (const IpAddress& address : reply.lease.addresses) prepared["addresses"].push_back(address.ToString());
  for (const char* gateway : kGateways) {
    const bool v4 = IpAddress::Parse(gateway)->is_v4();
    const bool used = std::any_of(reply.lease.addresses.begin(), reply.lease.addresses.end(),
                                  [&](const IpAddress& address) { return address.is_v4() == v4; });
    if (used) prepared["gateways"].push_back(gateway);
  }
  for (const auto& [destination, mtu] : reply.route_mtus) {
    prepared["routeMtus"].push_back({{"destination", destination.ToString()}, {"mtu", mtu}});
  }
  if (reply.existing) prepared["existing"] = true;
  return Dump({{"prepared", prepared}});
}

std::string DoneLine() {
  return R"({"done":{}})";
}

std::string ErrorLine(const absl::Status& status) {
  return ErrorWithCode(CodeOf(status), status);
}

std::string NotAvailableLine(const absl::Status& status) {
  return ErrorWithCode(kNotAvailable, status);
}

}  // namespace fairlead::agent
