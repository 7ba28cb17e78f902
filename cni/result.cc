#include "cni/result.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/ip.h"
#include "base/status_macros.h"
#include "cni/error.h"
#include "cni/json_fields.h"
#include "nlohmann/json.hpp"

namespace fairlead::cni {
namespace {

using nlohmann::json;

absl::Status ReadOptional(const json& object, const char* key, const std::string& path,
                          std::optional<int64_t>* target) {
  int64_t value = -1;
  RETURN_IF_ERROR(ReadInteger(object, key, path, 0, UINT32_MAX, &value));
  if (value >= 0) *target = value;
  return absl::OkStatus();
}

absl::Status ReadMtu(const json& object, const std::string& path, uint32_t* target) {
  int64_t mtu = 0;
  RETURN_IF_ERROR(ReadInteger(object, "mtu", path, 0, UINT32_MAX, &mtu));
  *target = static_cast<uint32_t>(mtu);
  return absl::OkStatus();
}

absl::Status CheckPrefix(const std::string& text, const std::string& path) {
  if (absl::StatusOr<IpPrefix> prefix = IpPrefix::Parse(text); !prefix.ok()) {
    return CniError(ErrorCode::kInvalidConfig, absl::StrCat(path, ": ", prefix.status().message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<ResultInterface> ParseInterface(const json& object, const std::string& path) {
  ResultInterface result;
  RETURN_IF_ERROR(ReadString(object, "name", path, &result.name));
  RETURN_IF_ERROR(ReadString(object, "mac", path, &result.mac));
  RETURN_IF_ERROR(ReadString(object, "sandbox", path, &result.sandbox));
  RETURN_IF_ERROR(ReadString(object, "socketPath", path, &result.socket_path));
  RETURN_IF_ERROR(ReadString(object, "pciID", path, &result.pci_id));
  RETURN_IF_ERROR(ReadMtu(object, path, &result.mtu));
  return result;
}

absl::StatusOr<ResultIp> ParseIp(const json& object, const std::string& path, size_t interfaces) {
  ResultIp result;
  RETURN_IF_ERROR(ReadString(object, "address", path, &result.address));
  RETURN_IF_ERROR(ReadString(object, "gateway", path, &result.gateway));
  RETURN_IF_ERROR(ReadOptional(object, "interface", path, &result.interface_index));
  RETURN_IF_ERROR(CheckPrefix(result.address, JoinPath(path, "address")));
  if (result.interface_index && static_cast<size_t>(*result.interface_index) >= interfaces) {
    return CniError(ErrorCode::kInvalidConfig,
                    absl::StrCat(JoinPath(path, "interface"), ": there is no interface ",
                                 *result.interface_index, " in the result"));
  }
  return result;
}

absl::StatusOr<ResultRoute> ParseRoute(const json& object, const std::string& path) {
  ResultRoute result;
  RETURN_IF_ERROR(ReadString(object, "dst", path, &result.dst));
  RETURN_IF_ERROR(ReadString(object, "gw", path, &result.gw));
  RETURN_IF_ERROR(CheckPrefix(result.dst, JoinPath(path, "dst")));
  RETURN_IF_ERROR(ReadMtu(object, path, &result.mtu));
  RETURN_IF_ERROR(ReadOptional(object, "advmss", path, &result.advmss));
  RETURN_IF_ERROR(ReadOptional(object, "priority", path, &result.priority));
  RETURN_IF_ERROR(ReadOptional(object, "table", path, &result.table));
  RETURN_IF_ERROR(ReadOptional(object, "scope", path, &result.scope));
  return result;
}

template <typename T, typename Parse>
absl::Status ParseList(const json& object, const char* key, const Parse& parse, std::vector<T>* target) {
  const std::string base = JoinPath("prevResult", key);
  ASSIGN_OR_RETURN(const json* array, FindArray(object, key, "prevResult"));
  if (array == nullptr) return absl::OkStatus();
  for (size_t i = 0; i < array->size(); ++i) {
    const std::string path = absl::StrCat(base, "[", i, "]");
    if (!(*array)[i].is_object()) {
      return CniError(ErrorCode::kInvalidConfig, absl::StrCat(path, ": must be an object"));
    }
    ASSIGN_OR_RETURN(T element, parse((*array)[i], path));
    target->push_back(std::move(element));
  }
  return absl::OkStatus();
}

json ToJson(const ResultInterface& interface, bool v110) {
  json object = {{"name", interface.name}};
  if (!interface.mac.empty()) object["mac"] = interface.mac;
  if (!interface.sandbox.empty()) object["sandbox"] = interface.sandbox;
  if (!v110) return object;
  if (interface.mtu != 0) object["mtu"] = interface.mtu;
  if (!interface.socket_path.empty()) object["socketPath"] = interface.socket_path;
  if (!interface.pci_id.empty()) object["pciID"] = interface.pci_id;
  return object;
}

json ToJson(const ResultIp& ip, bool v040) {
  json object = {{"address", ip.address}};
  if (!ip.gateway.empty()) object["gateway"] = ip.gateway;
  if (ip.interface_index) object["interface"] = *ip.interface_index;
  if (v040) object["version"] = absl::StrContains(ip.address, ":") ? "6" : "4";
  return object;
}

json ToJson(const ResultRoute& route, bool v110) {
  json object = {{"dst", route.dst}};
  if (!route.gw.empty()) object["gw"] = route.gw;
  if (!v110) return object;
  if (route.mtu != 0) object["mtu"] = route.mtu;
  if (route.advmss) object["advmss"] = *route.advmss;
  if (route.priority) object["priority"] = *route.priority;
  if (route.table) object["table"] = *route.table;
  if (route.scope) object["scope"] = *route.scope;
  return object;
}

json ToJson(const ResultDns& dns) {
  json object = json::object();
  if (!dns.nameservers.empty()) object["nameservers"] = dns.nameservers;
  if (!dns.domain.empty()) object["domain"] = dns.domain;
  if (!dns.search.empty()) object["search"] = dns.search;
  if (!dns.options.empty()) object["options"] = dns.options;
  return object;
}

}  // namespace

absl::StatusOr<ResultDns> ParseDns(const json& object, const std::string& path) {
  ResultDns dns;
  RETURN_IF_ERROR(ReadStrings(object, "nameservers", path, &dns.nameservers));
  RETURN_IF_ERROR(ReadString(object, "domain", path, &dns.domain));
  RETURN_IF_ERROR(ReadStrings(object, "search", path, &dns.search));
  RETURN_IF_ERROR(ReadStrings(object, "options", path, &dns.options));
  return dns;
}

absl::StatusOr<Result> ParseResult(const json& object) {
  Result result;
  RETURN_IF_ERROR(ParseList(object, "interfaces", ParseInterface, &result.interfaces));
  const size_t interfaces = result.interfaces.size();
  RETURN_IF_ERROR(ParseList(
      object, "ips", [&](const json& ip, const std::string& path) { return ParseIp(ip, path, interfaces); },
      &result.ips));
  RETURN_IF_ERROR(ParseList(object, "routes", ParseRoute, &result.routes));
  ASSIGN_OR_RETURN(const json* dns, FindObject(object, "dns", "prevResult"));
  if (dns != nullptr) {
    ASSIGN_OR_RETURN(result.dns, ParseDns(*dns, "prevResult.dns"));
  }
  return result;
}

std::string ResultJson(const Result& result, const std::string& cni_version) {
  const bool v040 = cni_version == "0.4.0";
  const bool v110 = cni_version == "1.1.0";
  json object = {{"cniVersion", cni_version},
                 {"interfaces", json::array()},
                 {"ips", json::array()},
                 {"routes", json::array()},
                 {"dns", ToJson(result.dns)}};
  for (const ResultInterface& interface : result.interfaces) {
    object["interfaces"].push_back(ToJson(interface, v110));
  }
  for (const ResultIp& ip : result.ips) object["ips"].push_back(ToJson(ip, v040));
  for (const ResultRoute& route : result.routes) object["routes"].push_back(ToJson(route, v110));
  return object.dump(2, ' ', false, json::error_handler_t::replace);
}

Result Merge(Result previous, const Result& own) {
  const auto offset = static_cast<int64_t>(previous.interfaces.size());
  previous.interfaces.insert(previous.interfaces.end(), own.interfaces.begin(), own.interfaces.end());
  for (ResultIp ip : own.ips) {
    if (ip.interface_index) *ip.interface_index += offset;
    previous.ips.push_back(std::move(ip));
  }
  previous.routes.insert(previous.routes.end(), own.routes.begin(), own.routes.end());
  auto append = [](std::vector<std::string>& to, const std::vector<std::string>& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  append(previous.dns.nameservers, own.dns.nameservers);
  append(previous.dns.search, own.dns.search);
  append(previous.dns.options, own.dns.options);
  if (!own.dns.domain.empty()) previous.dns.domain = own.dns.domain;
  return previous;
}

}  // namespace fairlead::cni
