#include "cli/lab/node_manifest.h"

#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace fairlead::lab {
namespace {

using nlohmann::json;

json LabelsOf(const std::string& node, const std::vector<Document>& users) {
  json labels{{"kubernetes.io/hostname", node}};
  for (const Document& document : users) {
    if (document.kind != "node" || document.name != node) continue;
    try {
      for (const auto& label : YAML::Load(document.text)["metadata"]["labels"]) {
        labels[label.first.Scalar()] = label.second.Scalar();
      }
    } catch (const YAML::Exception&) {
      continue;  // it had a name a moment ago; labels that cannot be read are left out
    }
  }
  return labels;
}

}  // namespace

absl::StatusOr<std::vector<Document>> NodeDocuments(const Plan& plan, const std::vector<Document>& users) {
  std::vector<Document> documents;
  for (const NodePlan& node : plan.nodes) {
    json addresses = json::array();
    json cidrs = json::array();
    for (const IpAddress& address : node.addresses) {
      addresses.push_back({{"type", "InternalIP"}, {"address", address.ToString()}});
    }
    for (const IpPrefix& cidr : node.pod_cidrs) cidrs.push_back(cidr.ToString());
    const json object{{"apiVersion", "v1"},
                      {"kind", "Node"},
                      {"metadata", {{"name", node.name}, {"labels", LabelsOf(node.name, users)}}},
                      {"spec", {{"podCIDR", cidrs.at(0)}, {"podCIDRs", cidrs}}},
                      {"status", {{"addresses", addresses}}}};
    documents.push_back({.kind = "node",
                         .name = node.name,
                         .text = object.dump(2),
                         .is_json = true,
                         .source = absl::StrCat("lab ", plan.name)});
  }
  return documents;
}

}  // namespace fairlead::lab
