#include "controller/status/documents.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/stable_hash.h"
#include "base/utf8.h"
#include "kube/api_request.h"

namespace fairlead::controller {
namespace {

constexpr char kApiVersion[] = "fairlead.io/v1alpha1";
constexpr size_t kMaxObjectNameLength = 253;   // of an object (RFC 1123 subdomain)
constexpr size_t kMaxShownMessageBytes = 512;  // of a condition, and of a late node
// What holds is not told as broken for a push that takes a moment: it happens whenever a pod comes or goes.
constexpr int64_t kLatePatienceNs = 10'000'000'000;
constexpr int64_t kNodePatienceNs = 5'000'000'000;

// "networkpolicy.allow-cart"; of a name that is too long its beginning and a hash.
std::string RealisationName(const ObjectKey& object) {
  std::string name = absl::StrCat(absl::AsciiStrToLower(object.kind), ".", object.name);
  if (name.size() <= kMaxObjectNameLength) return name;
  const std::string hash = absl::StrCat(absl::Hex(StableHash(name), absl::kZeroPad16));
  return absl::StrCat(name.substr(0, kMaxObjectNameLength - hash.size() - 2), "-x", hash);
}

nlohmann::json Owner(const char* api_version, const std::string& kind, const std::string& name,
                     const std::string& uid) {
  return nlohmann::json::array({{{"apiVersion", api_version}, {"kind", kind}, {"name", name}, {"uid", uid}}});
}

const char* WordOf(NodeRealisation::State state) {
  switch (state) {
    case NodeRealisation::State::kRealised:
      return "Realised";
    case NodeRealisation::State::kLate:
      return "Late";
    case NodeRealisation::State::kRefused:
      return "Refused";
    case NodeRealisation::State::kNotConnected:
      return "NotConnected";
  }
  return "";
}

nlohmann::json Condition(const char* type, const char* status, const char* reason, const std::string& message,
                         int64_t generation = 0) {
  nlohmann::json condition = {{"type", type},
                              {"status", status},
                              {"reason", reason},
                              {"message", Shorten(message, kMaxShownMessageBytes)}};
  if (generation > 0) condition["observedGeneration"] = generation;
  return condition;
}

nlohmann::json RealisedCondition(const ObjectRealisation& of) {
  const auto condition = [&](const char* status, const char* reason, const std::string& message) {
    return Condition("Realised", status, reason, message, of.version.generation);
  };
  if (!of.refused.empty()) return condition("False", "Refused", of.refused);
  if (of.nodes == 0) return condition("True", "NoNodes", "it selects no pod: there is no node to wait for");
  if (of.realised == of.nodes)
    return condition("True", "OnAllNodes",
                     absl::StrCat("in force on all ", of.nodes, " nodes that it concerns"));
  std::vector<std::string> late;
  for (const NodeRealisation& node : of.late) late.push_back(absl::StrCat(node.node, ": ", node.message));
  const bool refused = std::any_of(of.late.begin(), of.late.end(), [](const NodeRealisation& node) {
    return node.state == NodeRealisation::State::kRefused;
  });
  return condition(
      "False", refused ? "NodesRefuse" : "NodesLate",
      absl::StrCat("in force on ", of.realised, " of ", of.nodes, " nodes; ", absl::StrJoin(late, "; ")));
}

nlohmann::json LateNodes(const ObjectRealisation& of) {
  nlohmann::json nodes = nlohmann::json::array();
  for (const NodeRealisation& node : of.late) {
    nodes.push_back({{"node", node.node},
                     {"state", WordOf(node.state)},
                     {"message", Shorten(node.message, kMaxShownMessageBytes)}});
  }
  return nodes;
}

// Ready, Connected, UpToDate, and what the agent says of itself.
nlohmann::json NodeConditions(const NodeState& node) {
  const AgentProgress& agent = node.agent;
  nlohmann::json all = nlohmann::json::array();
  if (!agent.connected) {
    const std::string message =
        "its agent is connected to no controller that answers; its pods keep what they have";
    all.push_back(Condition("Ready", "Unknown", "NotConnected", message));
    all.push_back(Condition("Connected", "False", "NotConnected", message));
    return all;
  }
  const bool is_known = agent.health.has_value();
  std::vector<std::string> bad;
  if (is_known) {
    for (const AgentCondition& condition : agent.health->conditions) {
      if (!condition.ok) bad.push_back(absl::StrCat(condition.type, ": ", condition.message));
    }
  }
  const char* ready = !is_known ? "Unknown" : agent.health->ready ? "True" : "False";
  all.push_back(
      Condition("Ready", ready, is_known ? "AsTheAgentSays" : "NotSaidYet", absl::StrJoin(bad, "; ")));
  all.push_back(Condition("Connected", "True", "Connected", ""));
  std::vector<std::string> refused;
  for (const ResourceError& error : agent.refused) refused.push_back(error.message);
  const bool is_late = !agent.told || !agent.outstanding.empty();
  all.push_back(Condition("UpToDate", refused.empty() && !is_late ? "True" : "False",
                          !refused.empty() ? "Refuses"
                          : is_late        ? "Late"
                                           : "HoldsEverything",
                          !refused.empty() ? absl::StrJoin(refused, "; ")
                          : is_late        ? "something is on its way to it"
                                           : ""));
  if (!is_known) return all;
  for (const AgentCondition& condition : agent.health->conditions) {
    all.push_back(Condition(condition.type.c_str(), condition.ok ? "True" : "False", "AsTheAgentSays",
                            condition.message));
  }
  return all;
}

}  // namespace

StatusDocument DocumentOf(const ObjectRealisation& of) {
  const bool is_policy = of.object.kind == "NetworkPolicy";
  const std::string name = RealisationName(of.object);
  nlohmann::json body = {{"apiVersion", kApiVersion},
                         {"kind", "FairleadRealisation"},
                         {"metadata",
                          {{"name", name},
                           {"namespace", of.object.namespace_name},
                           {"ownerReferences", Owner(is_policy ? "networking.k8s.io/v1" : "v1",
                                                     of.object.kind, of.object.name, of.version.uid)}}},
                         {"object", {{"kind", of.object.kind}, {"name", of.object.name}}},
                         {"status",
                          {{"observedResourceVersion", absl::StrCat(of.version.resource_version)},
                           {"nodes", of.nodes},
                           {"realisedNodes", of.realised},
                           {"summary", absl::StrCat(of.realised, "/", of.nodes)},
                           {"lateNodes", LateNodes(of)},
                           {"conditions", nlohmann::json::array({RealisedCondition(of)})}}}};
  if (of.version.generation > 0) body["status"]["observedGeneration"] = of.version.generation;
  const bool is_realised = of.refused.empty() && of.realised == of.nodes;
  return {.path = absl::StrCat(kStatusApi, "/namespaces/", kube::UrlEscaped(of.object.namespace_name),
                               "/fairleadrealisations/", kube::UrlEscaped(name)),
          .body = std::move(body),
          .version = absl::StrCat(of.version.uid, " ", of.version.resource_version),
          .patience_ns = is_realised ? 0 : kLatePatienceNs};
}

StatusDocument DocumentOf(const NodeState& node) {
  nlohmann::json cidrs = nlohmann::json::array();
  for (const IpPrefix& cidr : node.pod_cidrs) cidrs.push_back(cidr.ToString());
  nlohmann::json status = {
      {"pods", node.pods}, {"podCIDRs", std::move(cidrs)}, {"conditions", NodeConditions(node)}};
  if (!node.agent.version.empty()) status["agentVersion"] = node.agent.version;
  if (node.agent.health) {
    status["kernelVersion"] = node.agent.health->kernel;
    nlohmann::json pools = nlohmann::json::array();
    for (const AddressPool& pool : node.agent.health->pools) {
      pools.push_back({{"cidr", pool.cidr.ToString()},
                       {"used", pool.used},
                       {"free", pool.free},
                       {"cooling", pool.cooling}});
    }
    status["addresses"] = std::move(pools);
  }
  return {.path = absl::StrCat(kNodesPath, "/", kube::UrlEscaped(node.name)),
          .body = {{"apiVersion", kApiVersion},
                   {"kind", "FairleadNode"},
                   {"metadata",
                    {{"name", node.name}, {"ownerReferences", Owner("v1", "Node", node.name, node.uid)}}},
                   {"status", std::move(status)}},
          .version = node.uid,
          .patience_ns = kNodePatienceNs};
}

}  // namespace fairlead::controller
