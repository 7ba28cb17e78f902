#include "cni/config.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/ip.h"
#include "base/status_macros.h"
#include "cni/error.h"
#include "cni/json_fields.h"
#include "nlohmann/json.hpp"

namespace fairlead::cni {
namespace {

using nlohmann::json;

constexpr size_t kMaxBytes = 1 << 20;

absl::Status Invalid(absl::string_view message, absl::string_view details = "") {
  return CniError(ErrorCode::kInvalidConfig, message, details);
}

const std::vector<std::string>& KnownKeys() {
  static const std::vector<std::string> keys = {"agentSocket", "queueDir", "timeoutSeconds",
                                                // Of the specification.
                                                "cniVersion", "name", "type", "capabilities", "runtimeConfig",
                                                "prevResult", "ipam", "dns", "args", "disableCheck",
                                                "disableGC", "loadOnlyInlinedPlugins"};
  return keys;
}

// Keys with the prefix "cni.dev/" belong to the specification, also those that it will have.
json WithoutReservedKeys(const json& object) {
  json rest = object;
  for (const auto& [key, value] : object.items()) {
    if (key.starts_with("cni.dev/")) rest.erase(key);
  }
  return rest;
}

absl::Status ReadPath(const json& object, const char* key, std::string* target) {
  RETURN_IF_ERROR(ReadString(object, key, "", target));
  if (target->empty() || target->front() != '/') {
    return Invalid(absl::StrCat(key, ": \"", *target, "\" is not an absolute path"));
  }
  return absl::OkStatus();
}

// `object` with our spelling of keys that differ from it in case only: containerd sends "HostPort", which
// plugins written in Go take for "hostPort".
json Respelled(const json& object, const std::vector<std::string>& keys) {
  json result = json::object();
  for (const auto& [key, value] : object.items()) {
    auto known = std::find_if(keys.begin(), keys.end(),
                              [&key = key](const std::string& k) { return absl::EqualsIgnoreCase(k, key); });
    result[known == keys.end() ? key : *known] = value;
  }
  return result;
}

absl::StatusOr<PortMapping> ParsePortMapping(const json& given, const std::string& path) {
  static const std::vector<std::string> keys = {"hostPort", "containerPort", "protocol", "hostIP"};
  if (!given.is_object()) return Invalid(absl::StrCat(path, ": must be an object"));
  const json object = Respelled(given, keys);
  RETURN_IF_ERROR(RefuseUnknownKeys(object, keys, path));
  int64_t host_port = 0, container_port = 0;
  RETURN_IF_ERROR(ReadInteger(object, "hostPort", path, 0, 65535, &host_port));
  RETURN_IF_ERROR(ReadInteger(object, "containerPort", path, 1, 65535, &container_port));
  if (container_port == 0) return Invalid(absl::StrCat(JoinPath(path, "containerPort"), ": is missing"));
  PortMapping mapping{.host_port = static_cast<uint16_t>(host_port),
                      .container_port = static_cast<uint16_t>(container_port)};
  RETURN_IF_ERROR(ReadString(object, "protocol", path, &mapping.protocol));
  std::transform(mapping.protocol.begin(), mapping.protocol.end(), mapping.protocol.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); });
  if (mapping.protocol != "tcp" && mapping.protocol != "udp" && mapping.protocol != "sctp") {
    return Invalid(absl::StrCat(JoinPath(path, "protocol"), ": \"", mapping.protocol,
                                "\" is none of tcp, udp and sctp"));
  }
  RETURN_IF_ERROR(ReadString(object, "hostIP", path, &mapping.host_ip));
  if (!mapping.host_ip.empty() && !IpAddress::Parse(mapping.host_ip).ok()) {
    return Invalid(absl::StrCat(JoinPath(path, "hostIP"), ": \"", mapping.host_ip, "\" is not an address"));
  }
  return mapping;
}

// "10.244.1.7" or "10.244.1.7/24", as the capability "ips" has them.
absl::Status ReadRequestedAddresses(const json& runtime, Config* config) {
  std::vector<std::string> texts;
  RETURN_IF_ERROR(ReadStrings(runtime, "ips", "runtimeConfig", &texts));
  for (const std::string& text : texts) {
    const std::string address(text.substr(0, text.find('/')));
    if (!IpAddress::Parse(address).ok() || (address != text && !IpPrefix::Parse(text).ok())) {
      return Invalid(absl::StrCat("runtimeConfig.ips: \"", text, "\" is not an address"));
    }
    config->requested_addresses.push_back(address);
  }
  return absl::OkStatus();
}

bool IsMac(const std::string& text) {
  if (text.size() != 17) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool good = i % 3 == 2 ? text[i] == ':' : std::isxdigit(static_cast<unsigned char>(text[i])) != 0;
    if (!good) return false;
  }
  // An address that names a group of stations is nobody's own (IEEE 802, the lowest bit).
  return (std::stoi(text.substr(0, 2), nullptr, 16) & 1) == 0;
}

absl::Status ReadRuntimeConfig(const json& object, Config* config) {
  ASSIGN_OR_RETURN(const json* runtime, FindObject(object, "runtimeConfig", ""));
  if (runtime == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(RefuseUnknownKeys(*runtime, {"portMappings", "ips", "mac", "dns"}, "runtimeConfig"));
  ASSIGN_OR_RETURN(const json* mappings, FindArray(*runtime, "portMappings", "runtimeConfig"));
  for (size_t i = 0; mappings != nullptr && i < mappings->size(); ++i) {
    ASSIGN_OR_RETURN(PortMapping mapping,
                     ParsePortMapping((*mappings)[i], absl::StrCat("runtimeConfig.portMappings[", i, "]")));
    if (mapping.host_port != 0) config->port_mappings.push_back(std::move(mapping));
  }
  RETURN_IF_ERROR(ReadRequestedAddresses(*runtime, config));
  RETURN_IF_ERROR(ReadString(*runtime, "mac", "runtimeConfig", &config->requested_mac));
  if (!config->requested_mac.empty() && !IsMac(config->requested_mac)) {
    return Invalid(
        absl::StrCat("runtimeConfig.mac: \"", config->requested_mac, "\" is not a device's address"),
        "six bytes as aa:bb:cc:dd:ee:ff, not a multicast address");
  }
  ASSIGN_OR_RETURN(const json* dns, FindObject(*runtime, "dns", "runtimeConfig"));
  if (dns != nullptr) {
    ASSIGN_OR_RETURN(config->dns, ParseDns(*dns, "runtimeConfig.dns"));
  }
  return absl::OkStatus();
}

absl::Status RefuseOtherIpam(const json& object) {
  ASSIGN_OR_RETURN(const json* ipam, FindObject(object, "ipam", ""));
  if (ipam == nullptr || ipam->empty()) return absl::OkStatus();
  return Invalid("ipam: Fairlead gives out addresses of the node's pod CIDRs itself",
                 "remove the key \"ipam\" from the network configuration");
}

absl::Status ReadAttachments(const json& object, Config* config) {
  // The second name is what the specification's text had by mistake; libcni sends both.
  for (const char* key : {"cni.dev/valid-attachments", "cni.dev/attachments"}) {
    ASSIGN_OR_RETURN(const json* array, FindArray(object, key, ""));
    if (array == nullptr) continue;
    config->valid_attachments.emplace();
    for (size_t i = 0; i < array->size(); ++i) {
      const std::string path = absl::StrCat(key, "[", i, "]");
      if (!(*array)[i].is_object()) return Invalid(absl::StrCat(path, ": must be an object"));
      Attachment attachment;
      RETURN_IF_ERROR(ReadString((*array)[i], "containerID", path, &attachment.container_id));
      RETURN_IF_ERROR(ReadString((*array)[i], "ifname", path, &attachment.if_name));
      if (attachment.container_id.empty() || attachment.if_name.empty()) {
        return Invalid(absl::StrCat(path, ": containerID and ifname are needed"));
      }
      config->valid_attachments->push_back(std::move(attachment));
    }
    break;
  }
  return absl::OkStatus();
}

absl::Status ReadVersion(const json& object, Config* config) {
  RETURN_IF_ERROR(ReadString(object, "cniVersion", "", &config->cni_version));
  if (IsSupportedVersion(config->cni_version)) return absl::OkStatus();
  return CniError(ErrorCode::kIncompatibleVersion,
                  absl::StrCat("cniVersion: \"", config->cni_version, "\" is not supported"),
                  absl::StrCat("supported are ", absl::StrJoin(kSupportedVersions, ", ")));
}

}  // namespace

bool IsSupportedVersion(const std::string& version) {
  return std::find(std::begin(kSupportedVersions), std::end(kSupportedVersions), version) !=
         std::end(kSupportedVersions);
}

std::string VersionOf(const std::string& text) {
  std::string version;
  absl::StatusOr<json> object = ParseObject(text, kMaxBytes, "the network configuration");
  if (object.ok() && ReadString(*object, "cniVersion", "", &version).ok() && IsSupportedVersion(version)) {
    return version;
  }
  return kNewestVersion;
}

absl::StatusOr<Config> ParseConfig(const std::string& text, const std::string& command) {
  ASSIGN_OR_RETURN(json object, ParseObject(text, kMaxBytes, "the network configuration"));
  Config config;
  RETURN_IF_ERROR(ReadVersion(object, &config));
  const bool takes_away = command == "DEL" || command == "GC";
  if (!takes_away) RETURN_IF_ERROR(RefuseUnknownKeys(WithoutReservedKeys(object), KnownKeys(), ""));
  RETURN_IF_ERROR(ReadString(object, "name", "", &config.name));
  if (config.name.empty())
    return Invalid("name: is missing", "the name of the network, \"fairlead\" for instance");
  RETURN_IF_ERROR(ReadPath(object, "agentSocket", &config.agent_socket));
  RETURN_IF_ERROR(ReadPath(object, "queueDir", &config.queue_dir));
  int64_t seconds = config.timeout.count();
  RETURN_IF_ERROR(ReadInteger(object, "timeoutSeconds", "", 1, 600, &seconds));
  config.timeout = std::chrono::seconds(seconds);
  if (command == "GC") {
    RETURN_IF_ERROR(ReadAttachments(object, &config));
    if (!config.valid_attachments) {
      return Invalid("cni.dev/valid-attachments: is missing", "without it a GC would take every pod away");
    }
  }
  if (takes_away) return config;

  RETURN_IF_ERROR(RefuseOtherIpam(object));
  RETURN_IF_ERROR(ReadRuntimeConfig(object, &config));
  ASSIGN_OR_RETURN(const json* previous, FindObject(object, "prevResult", ""));
  if (previous != nullptr) {
    ASSIGN_OR_RETURN(config.previous, ParseResult(*previous));
  } else if (command == "CHECK") {
    return Invalid("prevResult: is missing", "CHECK compares the pod with what ADD returned");
  }
  return config;
}

}  // namespace fairlead::cni
