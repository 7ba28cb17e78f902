// The cluster that most lab tests run in: three namespaces, pods pinned to nodes so that each pair occurs
// on one node and across two.
#pragma once

#include <string>

namespace fairlead::test {

// A pod whose containers serve `ports`, e.g. "{name: http, containerPort: 80}".
inline std::string Pod(const std::string& space, const std::string& name, const std::string& node,
                       const std::string& labels, const std::string& ports) {
  return "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: " + name + "\n  namespace: " + space +
         "\n  labels: {" + labels + "}\nspec:\n  nodeName: " + node +
         "\n  containers:\n    - name: main\n      image: probe\n      ports: [" + ports + "]\n";
}

inline std::string Namespace(const std::string& name, const std::string& labels) {
  return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + ", labels: {" + labels + "}}\n";
}

inline std::string Service(const std::string& space, const std::string& name, const std::string& spec) {
  return "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name + ", namespace: " + space +
         "}\nspec:\n  ipFamilyPolicy: PreferDualStack\n" + spec;
}

inline std::string Policy(const std::string& space, const std::string& name, const std::string& spec) {
  return "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " + name +
         ", namespace: " + space + "}\nspec:\n" + spec;
}

}  // namespace fairlead::test
