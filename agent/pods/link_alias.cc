#include "agent/pods/link_alias.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/netlink/link.h"
#include "base/status_macros.h"

namespace fairlead::agent {
namespace {

constexpr char kOurs[] = "fairlead";
constexpr char kAliasFormat[] = "fairlead1";
constexpr size_t kFields = 5;  // and port mappings after them

std::string MappingText(const datapath::PortMapping& mapping) {
  std::string text = absl::StrCat(mapping.protocol, "/", mapping.host_port, "/", mapping.container_port);
  if (mapping.host_ip != IpAddress()) absl::StrAppend(&text, "/", mapping.host_ip.ToString());
  return text;
}

bool ReadMapping(absl::string_view text, datapath::PortMapping* mapping) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  uint32_t protocol = 0, host_port = 0, container_port = 0;
  if (parts.size() < 3 || parts.size() > 4) return false;
  if (!absl::SimpleAtoi(parts[0], &protocol) || protocol > UINT8_MAX) return false;
  if (!absl::SimpleAtoi(parts[1], &host_port) || host_port > UINT16_MAX) return false;
  if (!absl::SimpleAtoi(parts[2], &container_port) || container_port > UINT16_MAX) return false;
  mapping->protocol = static_cast<uint8_t>(protocol);
  mapping->host_port = static_cast<uint16_t>(host_port);
  mapping->container_port = static_cast<uint16_t>(container_port);
  if (parts.size() == 3) return true;
  const absl::StatusOr<IpAddress> host_ip = IpAddress::Parse(parts[3]);
  if (host_ip.ok()) mapping->host_ip = *host_ip;
  return host_ip.ok();
}

// "a/b"
bool ReadPair(absl::string_view text, std::string* first, std::string* second) {
  const std::vector<std::string> parts = absl::StrSplit(text, absl::MaxSplits('/', 1));
  if (parts.size() != 2) return false;
  *first = parts[0];
  *second = parts[1];
  return true;
}

absl::Status Damaged(const HostEnd& end, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("alias of ", end.name, ": ", what));
}

}  // namespace

std::optional<std::string> AliasOf(const Lease& lease) {
  std::string text = absl::StrCat(kAliasFormat, " ", lease.generation, " ", lease.key(), " ", lease.pod_uid,
                                  " ", lease.pod());
  for (const datapath::PortMapping& mapping : lease.port_mappings) {
    absl::StrAppend(&text, " ", MappingText(mapping));
  }
  // A name with a blank would be read as two fields.
  const auto blanks = static_cast<size_t>(std::count(text.begin(), text.end(), ' '));
  const bool readable = blanks == kFields - 1 + lease.port_mappings.size();
  if (!readable || text.size() > netlink::kMaxAliasBytes) return std::nullopt;
  return text;
}

absl::StatusOr<Lease> LeaseOf(const HostEnd& end) {
  const std::vector<std::string> fields = absl::StrSplit(end.alias, ' ');
  if (!absl::StartsWith(fields[0], kOurs))
    return absl::NotFoundError(absl::StrCat(end.name, " has no alias of ours"));
  if (fields.size() < kFields || fields[0] != kAliasFormat) return Damaged(end, "another format");
  Lease lease{.state = LeaseState::kCommitted,
              .pod_uid = fields[3],
              .host_interface = end.name,
              .ifindex = end.ifindex,
              .mac = end.mac,
              .host_mac = end.host_mac,
              .addresses = end.addresses};
  if (!absl::SimpleAtoi(fields[1], &lease.generation) || lease.generation == 0) {
    return Damaged(end, "no generation");
  }
  if (!ReadPair(fields[2], &lease.sandbox, &lease.if_name) || HostInterfaceName(lease.key()) != end.name) {
    return Damaged(end, "it is of another device");
  }
  if (!ReadPair(fields[4], &lease.namespace_name, &lease.pod_name)) return Damaged(end, "no pod");
  for (size_t i = kFields; i < fields.size(); ++i) {
    if (!ReadMapping(fields[i], &lease.port_mappings.emplace_back())) return Damaged(end, "bad port mapping");
  }
  if (lease.addresses.empty()) return Damaged(end, "no address leads to the device");
  return lease;
}

}  // namespace fairlead::agent
