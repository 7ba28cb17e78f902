// Short ways to write manifests in tests.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"

namespace fairlead::controller {

inline std::string NodeYaml(const std::string& name, int number) {
  return absl::StrCat("---\napiVersion: v1\nkind: Node\nmetadata: {name: ", name,
                      "}\nspec: {podCIDRs: [10.244.", number, ".0/24, \"fd00:10:244:", number,
                      "::/64\"]}\nstatus: {addresses: [{type: InternalIP, address: 172.31.0.1", number,
                      "}]}\n");
}

inline std::string PodYaml(const std::string& name, const std::string& node, const std::string& app = "web") {
  return absl::StrCat(
      "---\napiVersion: v1\nkind: Pod\nmetadata: {name: ", name, ", namespace: shop, uid: uid-", name,
      ", labels: {app: ", app, "}}\nspec:\n  nodeName: ", node,
      "\n  containers: [{name: c, image: probe, ports: [{name: http, containerPort: 8080}]}]\n");
}

inline std::string ServiceYaml(const std::string& name, const std::string& app = "web") {
  return absl::StrCat("---\napiVersion: v1\nkind: Service\nmetadata: {name: ", name,
                      ", namespace: shop}\nspec: {selector: {app: ", app,
                      "}, ports: [{port: 80, targetPort: http}]}\n");
}

// Pods of `to` admit pods of `from` only.
inline std::string PolicyYaml(const std::string& name, const std::string& to, const std::string& from) {
  return absl::StrCat("---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: ", name,
                      ", namespace: shop}\nspec:\n  podSelector: {matchLabels: {app: ", to,
                      "}}\n  ingress: [{from: [{podSelector: {matchLabels: {app: ", from, "}}}]}]\n");
}

// `spec`: "masquerade: true, ..."
inline std::string ConfigYaml(const std::string& spec) {
  return absl::StrCat(
      "---\napiVersion: fairlead.io/v1alpha1\nkind: FairleadConfig\nmetadata: {name: fairlead}\nspec: {",
      spec, "}\n");
}

}  // namespace fairlead::controller
