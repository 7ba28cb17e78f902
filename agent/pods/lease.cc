#include "agent/pods/lease.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/netlink/link.h"
#include "base/stable_hash.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"

namespace fairlead::agent {
namespace {

using nlohmann::json;

constexpr int kRecordFormat = 1;
constexpr char kHostPrefix[] = "flp";
constexpr size_t kHostNameSize = 14;
constexpr LeaseState kStates[] = {LeaseState::kPrepared, LeaseState::kCommitted, LeaseState::kReleasing,
                                  LeaseState::kCooling};

absl::Status Damaged(absl::string_view field) {
  return absl::DataLossError(absl::StrCat("lease record: ", field, " is missing or wrong"));
}

template <typename T>
absl::Status Read(const json& object, const char* field, T* target) {
  auto found = object.find(field);
  if (found == object.end()) return Damaged(field);
  try {
    *target = found->get<T>();
  } catch (const json::exception&) {
    return Damaged(field);
  }
  return absl::OkStatus();
}

absl::Status ReadMac(const json& object, const char* field, datapath::MacAddress* target) {
  std::string text;
  RETURN_IF_ERROR(Read(object, field, &text));
  absl::StatusOr<datapath::MacAddress> mac = ParseMac(text);
  if (!mac.ok()) return Damaged(field);
  *target = *mac;
  return absl::OkStatus();
}

absl::Status ReadState(const json& object, LeaseState* target) {
  std::string text;
  RETURN_IF_ERROR(Read(object, "state", &text));
  for (const LeaseState state : kStates) {
    if (text == ToString(state)) {
      *target = state;
      return absl::OkStatus();
    }
  }
  return Damaged("state");
}

absl::Status ReadPortMappings(const json& object, Lease* lease) {
  std::vector<json> mappings;
  RETURN_IF_ERROR(Read(object, "portMappings", &mappings));
  for (const json& mapping : mappings) {
    datapath::PortMapping result;
    std::string host_ip;
    RETURN_IF_ERROR(Read(mapping, "protocol", &result.protocol));
    RETURN_IF_ERROR(Read(mapping, "hostPort", &result.host_port));
    RETURN_IF_ERROR(Read(mapping, "containerPort", &result.container_port));
    RETURN_IF_ERROR(Read(mapping, "hostIP", &host_ip));
    absl::StatusOr<IpAddress> address = IpAddress::Parse(host_ip);
    if (!address.ok()) return Damaged("portMappings.hostIP");
    result.host_ip = *address;
    lease->port_mappings.push_back(result);
  }
  return absl::OkStatus();
}

absl::Status ReadAddresses(const json& object, Lease* lease) {
  std::vector<std::string> texts;
  RETURN_IF_ERROR(Read(object, "addresses", &texts));
  for (const std::string& text : texts) {
    absl::StatusOr<IpAddress> address = IpAddress::Parse(text);
    if (!address.ok()) return Damaged("addresses");
    lease->addresses.push_back(*address);
  }
  return absl::OkStatus();
}

}  // namespace

const char* ToString(LeaseState state) {
  switch (state) {
    case LeaseState::kPrepared:
      return "prepared";
    case LeaseState::kCommitted:
      return "committed";
    case LeaseState::kReleasing:
      return "releasing";
    case LeaseState::kCooling:
      return "cooling";
  }
  return "?";
}

std::string EncodeLease(const Lease& lease) {
  json object = {{"format", kRecordFormat},
                 {"generation", lease.generation},
                 {"state", ToString(lease.state)},
                 {"sinceNs", lease.since_ns},
                 {"sandbox", lease.sandbox},
                 {"ifName", lease.if_name},
                 {"netns", lease.netns},
                 {"podUid", lease.pod_uid},
                 {"namespace", lease.namespace_name},
                 {"pod", lease.pod_name},
                 {"hostInterface", lease.host_interface},
                 {"ifindex", lease.ifindex},
                 {"mac", netlink::MacToString(lease.mac)},
                 {"hostMac", netlink::MacToString(lease.host_mac)},
                 {"addresses", json::array()},
                 {"portMappings", json::array()}};
  for (const IpAddress& address : lease.addresses) object["addresses"].push_back(address.ToString());
  for (const datapath::PortMapping& mapping : lease.port_mappings) {
    object["portMappings"].push_back({{"protocol", mapping.protocol},
                                      {"hostPort", mapping.host_port},
                                      {"containerPort", mapping.container_port},
                                      {"hostIP", mapping.host_ip.ToString()}});
  }
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

absl::StatusOr<Lease> DecodeLease(const std::string& text) {
  const json object = json::parse(text, nullptr, false);
  if (object.is_discarded() || !object.is_object()) {
    return absl::DataLossError("lease record: not a JSON object");
  }
  int format = 0;
  RETURN_IF_ERROR(Read(object, "format", &format));
  if (format != kRecordFormat) {
    return absl::DataLossError(
        absl::StrCat("lease record: format ", format, ", this agent reads ", kRecordFormat));
  }
  Lease lease;
  RETURN_IF_ERROR(Read(object, "generation", &lease.generation));
  RETURN_IF_ERROR(ReadState(object, &lease.state));
  RETURN_IF_ERROR(Read(object, "sinceNs", &lease.since_ns));
  RETURN_IF_ERROR(Read(object, "sandbox", &lease.sandbox));
  RETURN_IF_ERROR(Read(object, "ifName", &lease.if_name));
  RETURN_IF_ERROR(Read(object, "netns", &lease.netns));
  RETURN_IF_ERROR(Read(object, "podUid", &lease.pod_uid));
  RETURN_IF_ERROR(Read(object, "namespace", &lease.namespace_name));
  RETURN_IF_ERROR(Read(object, "pod", &lease.pod_name));
  RETURN_IF_ERROR(Read(object, "hostInterface", &lease.host_interface));
  RETURN_IF_ERROR(Read(object, "ifindex", &lease.ifindex));
  RETURN_IF_ERROR(ReadMac(object, "mac", &lease.mac));
  RETURN_IF_ERROR(ReadMac(object, "hostMac", &lease.host_mac));
  RETURN_IF_ERROR(ReadAddresses(object, &lease));
  RETURN_IF_ERROR(ReadPortMappings(object, &lease));
  if (lease.generation == 0 || lease.sandbox.empty() || lease.if_name.empty()) return Damaged("sandbox");
  return lease;
}

std::string HostInterfaceName(const std::string& key) {
  return absl::StrFormat("%s%011x", kHostPrefix, StableHash(key) & 0xfffffffffff);
}

bool IsHostInterfaceName(const std::string& name) {
  return name.size() == kHostNameSize && name.starts_with(kHostPrefix) &&
         std::all_of(name.begin() + 3, name.end(), [](unsigned char c) { return absl::ascii_isxdigit(c); });
}

datapath::MacAddress MacFor(const std::string& seed) {
  const uint64_t hash = StableHash(seed);
  datapath::MacAddress mac{0x02};
  for (size_t i = 1; i < mac.size(); ++i) mac[i] = static_cast<uint8_t>(hash >> (8 * i));
  return mac;
}

absl::StatusOr<datapath::MacAddress> ParseMac(const std::string& text) {
  datapath::MacAddress mac{};
  bool good = text.size() == 17;
  for (size_t i = 0; good && i < mac.size(); ++i) {
    const char* begin = text.data() + 3 * i;
    const auto [end, error] = std::from_chars(begin, begin + 2, mac[i], 16);
    good = error == std::errc() && end == begin + 2 && (i == 5 || *end == ':');
  }
  if (!good) return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not a device's address"));
  return mac;
}

}  // namespace fairlead::agent
