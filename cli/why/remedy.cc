#include "cli/why/remedy.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace fairlead::cli {
namespace {

// Set by controllers for one rollout or one pod: a policy that names them would not last.
bool IsPassing(absl::string_view label) {
  return label == "pod-template-hash" || label == "controller-revision-hash" ||
         label == "pod-template-generation" || label == "batch.kubernetes.io/controller-uid" ||
         label == "controller-uid" || label == "statefulset.kubernetes.io/pod-name" ||
         label == "apps.kubernetes.io/pod-index";
}

std::string Selector(const std::map<std::string, std::string>& labels, const std::string& indent) {
  std::string text;
  for (const auto& [key, value] : labels) {
    if (!IsPassing(key)) absl::StrAppend(&text, indent, "  ", key, ": \"", value, "\"\n");
  }
  return text.empty() ? " {}\n" : absl::StrCat("\n", indent, "matchLabels:\n", text);
}

std::string ProtocolText(uint8_t protocol) {
  return protocol == 17 ? "UDP" : protocol == 132 ? "SCTP" : "TCP";
}

std::string PeerYaml(const RemedySide& peer, const std::string& own_namespace) {
  if (!peer.is_pod) {
    return absl::StrCat("        - ipBlock:\n            cidr: ", IpPrefix::Host(peer.address).ToString(),
                        "\n");
  }
  std::string text;
  const char* dash = "        - ";
  if (peer.namespace_name != own_namespace) {
    absl::StrAppend(&text, dash, "namespaceSelector:\n            matchLabels:\n",
                    "              kubernetes.io/metadata.name: ", peer.namespace_name, "\n");
    dash = "          ";
  }
  return absl::StrCat(text, dash, "podSelector:", Selector(peer.labels, "            "));
}

// Of "cart-0", "cart": policies are about workloads.
std::string ShortName(const RemedySide& side) {
  if (!side.is_pod) return "outside";
  for (const char* label : {"app", "app.kubernetes.io/name", "k8s-app"}) {
    const auto found = side.labels.find(label);
    if (found != side.labels.end() && !found->second.empty()) return absl::AsciiStrToLower(found->second);
  }
  return side.name;
}

std::string Describe(const RemedySide& side) {
  return side.is_pod ? absl::StrCat(side.namespace_name, "/", side.name) : side.address.ToString();
}

}  // namespace

std::string RemedyYaml(const RemedyRequest& request) {
  const RemedySide& subject = request.ingress ? request.destination : request.source;
  const RemedySide& peer = request.ingress ? request.source : request.destination;
  std::string text = absl::StrCat(
      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: allow-",
      request.ingress ? "from-" : "to-", ShortName(peer), "\n  namespace: ", subject.namespace_name,
      "\nspec:\n  podSelector:", Selector(subject.labels, "    "), "  policyTypes: [",
      request.ingress ? "Ingress" : "Egress", "]\n  ", request.ingress ? "ingress" : "egress", ":\n    - ",
      request.ingress ? "from" : "to", ":\n", PeerYaml(peer, subject.namespace_name));
  if (request.port != 0) {
    absl::StrAppend(&text, "      ports:\n        - protocol: ", ProtocolText(request.protocol),
                    "\n          port: ", request.port, "\n");
  }
  return text;
}

std::string RemedyText(const RemedyRequest& request) {
  const std::string port =
      request.port == 0 ? "" : absl::StrCat(" on ", ProtocolText(request.protocol), " port ", request.port);
  return request.ingress ? absl::StrCat("let ", Describe(request.destination), " accept connections from ",
                                        Describe(request.source), port)
                         : absl::StrCat("let ", Describe(request.source), " connect to ",
                                        Describe(request.destination), port);
}

}  // namespace fairlead::cli
