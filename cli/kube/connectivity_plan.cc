#include "cli/kube/connectivity_plan.h"

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/address_port.h"
#include "base/ip.h"

namespace fairlead::cli {
namespace {

using nlohmann::json;

constexpr int kPort = 8080;

json Metadata(const TestSite& site, const std::string& name, json labels = json::object()) {
  labels["app.kubernetes.io/part-of"] = "fairlead-connectivity-test";
  return {{"name", name}, {"namespace", site.namespace_name}, {"labels", labels}};
}

json Pod(const TestSite& site, const std::string& role, size_t number,
         const std::vector<std::string>& serve) {
  const std::string name = absl::StrCat(role, "-", number + 1);
  std::vector<std::string> command = {"/usr/bin/fairlead-probe", "serve", "--name", name};
  command.insert(command.end(), serve.begin(), serve.end());
  return {
      {"apiVersion", "v1"},
      {"kind", "Pod"},
      {"metadata", Metadata(site, name, {{"role", role}, {"name", name}})},
      {"spec",
       {{"nodeName", site.nodes[number % site.nodes.size()]},
        {"terminationGracePeriodSeconds", 0},
        {"automountServiceAccountToken", false},
        {"enableServiceLinks", false},
        {"tolerations", {{{"operator", "Exists"}}}},
        {"securityContext",
         {{"runAsNonRoot", true}, {"runAsUser", 65532}, {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
        {"containers",
         {{{"name", "probe"},
           {"image", site.image},
           {"command", command},
           {"securityContext",
            {{"allowPrivilegeEscalation", false},
             {"readOnlyRootFilesystem", true},
             {"capabilities", {{"drop", {"ALL"}}}}}}}}}}}};
}

json Service(const TestSite& site, const std::string& name, const std::string& type) {
  json ports = json::array();
  for (const char* protocol : {"TCP", "UDP"}) {
    ports.push_back({{"name", absl::StrCat("p", protocol == std::string("TCP") ? "tcp" : "udp")},
                     {"protocol", protocol},
                     {"port", kPort},
                     {"targetPort", kPort}});
  }
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", Metadata(site, name)},
          {"spec",
           {{"type", type},
            {"ipFamilyPolicy", "PreferDualStack"},
            {"selector", {{"role", "server"}}},
            {"ports", ports}}}};
}

std::string Target(const std::string& address, uint16_t port, const std::string& protocol) {
  const auto parsed = IpAddress::Parse(address);
  return absl::StrCat(parsed.ok() ? WithPort(*parsed, port) : absl::StrCat(address, ":", port),
                      protocol == "UDP" ? "/udp" : "");
}

std::string Family(const std::string& address) {
  return absl::StrContains(address, ":") ? "IPv6" : "IPv4";
}

// The texts of a list of objects with this key; none where it is no such list.
std::vector<std::string> Texts(const json& list, const char* key) {
  std::vector<std::string> texts;
  if (!list.is_array()) return texts;
  for (const json& item : list) {
    if (item.is_string()) texts.push_back(item);
    if (item.is_object() && item.contains(key)) texts.push_back(item[key]);
  }
  return texts;
}

}  // namespace

json ConnectivityObjects(const TestSite& site) {
  json items = {{{"apiVersion", "v1"},
                 {"kind", "Namespace"},
                 {"metadata",
                  {{"name", site.namespace_name},
                   {"labels", {{"app.kubernetes.io/part-of", "fairlead-connectivity-test"}}}}}}};
  for (size_t number = 0; number < 2; ++number) {
    items.push_back(Pod(site, "server", number, {absl::StrCat("tcp:", kPort), absl::StrCat("udp:", kPort)}));
    items.push_back(Pod(site, "client", number, {"tcp:9000"}));
  }
  items.push_back(Service(site, "inside", "ClusterIP"));
  items.push_back(Service(site, "outside", "NodePort"));
  return {{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}};
}

json ConnectivityPolicy(const TestSite& site) {
  const json from = {{{"podSelector", {{"matchLabels", {{"name", "client-1"}}}}}}};
  const json ports = {{{"protocol", "TCP"}, {"port", kPort}}};
  return {{"apiVersion", "networking.k8s.io/v1"},
          {"kind", "NetworkPolicy"},
          {"metadata", Metadata(site, "only-client-1")},
          {"spec",
           {{"podSelector", {{"matchLabels", {{"role", "server"}}}}},
            {"policyTypes", {"Ingress"}},
            {"ingress", {{{"from", from}, {"ports", ports}}}}}}};
}

std::vector<ConnectivityCheck> ConnectivityChecks(const json& pods, const json& services, const json& nodes,
                                                  bool policy) {
  std::map<std::string, std::string> clients;  // and their nodes
  for (const json& pod : pods["items"]) {
    const std::string name = pod["metadata"]["name"];
    if (absl::StartsWith(name, "client")) clients[name] = pod["spec"].value("nodeName", "");
  }
  std::vector<ConnectivityCheck> checks;
  const auto add = [&](const std::string& client, const std::string& address, uint16_t port,
                       const std::string& protocol, const std::string& what) {
    checks.push_back({client, Target(address, port, protocol),
                      absl::StrCat(client, " to ", what, ", ", protocol, ", ", Family(address)),
                      !policy || (client == "client-1" && protocol == "TCP")});
  };
  for (const auto& [client, node] : clients) {
    for (const json& pod : pods["items"]) {
      const std::string name = pod["metadata"]["name"];
      if (clients.contains(name)) continue;
      const bool same = pod["spec"].value("nodeName", "") == node;
      for (const std::string& address : Texts(pod["status"].value("podIPs", json::array()), "ip")) {
        for (const char* protocol : {"TCP", "UDP"})
          add(client, address, kPort, protocol,
              absl::StrCat(name, same ? " on its node" : " on another node"));
      }
    }
    for (const json& service : services["items"]) {
      const std::string name = service["metadata"]["name"];
      for (const json& port : service["spec"]["ports"]) {
        const std::string protocol = port.value("protocol", "TCP");
        for (const std::string& address : Texts(service["spec"].value("clusterIPs", json::array()), ""))
          add(client, address, kPort, protocol, "Service " + name);
        // A policy judges the client, whose address a way through another node may hide.
        if (policy || !port.contains("nodePort")) continue;
        for (const json& at : nodes["items"]) {
          for (const json& address : at["status"].value("addresses", json::array())) {
            if (address.value("type", "") != "InternalIP") continue;
            const std::string text = address.value("address", "");
            const std::vector<std::string> families =
                Texts(service["spec"].value("ipFamilies", json::array()), "");
            if (std::find(families.begin(), families.end(), Family(text)) == families.end()) continue;
            add(client, text, port["nodePort"], protocol,
                absl::StrCat("node port of ", at["metadata"].value("name", "")));
          }
        }
      }
    }
  }
  return checks;
}

}  // namespace fairlead::cli
