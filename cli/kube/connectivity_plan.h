// What "kubectl fairlead connectivity test" makes in a cluster, and who must and must not reach whom. Pure.
//
// A client and a server on each of two nodes (one, where there is only one), two Services in front of the
// servers, and later a policy that lets only the first client in, on TCP.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace fairlead::cli {

struct TestSite {
  std::string namespace_name;
  std::string image;               // has fairlead-probe
  std::vector<std::string> nodes;  // one or two
};

// A List of the namespace, the pods and the Services.
nlohmann::json ConnectivityObjects(const TestSite& site);
// Lets client-1 in on TCP, nobody else.
nlohmann::json ConnectivityPolicy(const TestSite& site);

struct ConnectivityCheck {
  std::string client;  // pod
  std::string target;  // as fairlead-probe and fairlead why take it: "[fd00::1]:8080/udp"
  std::string what;    // "server-2 on another node, UDP, IPv6"
  bool allowed = true;

  bool operator==(const ConnectivityCheck&) const = default;
};

// From what the cluster made of the objects: lists of pods, Services and nodes as kubectl prints them.
// `policy`: with the policy in force.
std::vector<ConnectivityCheck> ConnectivityChecks(const nlohmann::json& pods, const nlohmann::json& services,
                                                  const nlohmann::json& nodes, bool policy);

}  // namespace fairlead::cli
