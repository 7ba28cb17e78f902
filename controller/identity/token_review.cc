#include "controller/identity/token_review.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "api/identity_names.h"
#include "kube/json.h"

namespace fairlead::controller {
namespace {

constexpr char kNodeNameKey[] = "authentication.kubernetes.io/node-name";
constexpr size_t kMaxNodeName = 253;  // DNS-1123 subdomain

bool IsNodeName(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNodeName && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '.';
  });
}

bool Contains(const nlohmann::json& list, const std::string& text) {
  return std::any_of(list.begin(), list.end(), [&](const nlohmann::json& item) { return item == text; });
}

}  // namespace

kube::ApiRequest ReviewRequest(const std::string& token) {
  return {.method = "POST",
          .path = "/apis/authentication.k8s.io/v1/tokenreviews",
          .body = {{"apiVersion", "authentication.k8s.io/v1"},
                   {"kind", "TokenReview"},
                   {"spec", {{"token", token}, {"audiences", {kControllerName}}}}}};
}

absl::StatusOr<std::string> NodeOfReview(const nlohmann::json& review, const std::string& namespace_name) {
  if (!kube::TrueField(review, {"status", "authenticated"})) {
    const std::string reason = kube::TextField(review, {"status", "error"});
    return absl::UnauthenticatedError(absl::StrCat(
        "the API server does not accept the token", reason.empty() ? "" : ": ", reason,
        "; the agent's pod must mount a projected service account token for the audience ", kControllerName));
  }
  // An API server that knows no audiences says nothing of them.
  if (!Contains(kube::ListField(review, {"status", "audiences"}), kControllerName)) {
    return absl::UnauthenticatedError(absl::StrCat("the token is not for the audience ", kControllerName,
                                                   ": mount a projected one that is"));
  }
  const std::string user = kube::TextField(review, {"status", "user", "username"});
  const std::string wanted = absl::StrCat("system:serviceaccount:", namespace_name, ":", kAgentAccount);
  if (user != wanted) {
    return absl::PermissionDeniedError(
        absl::StrCat("the token is that of ", user, ", agents are ", wanted,
                     ": give the agent that service account, in the controller's --namespace"));
  }
  const nlohmann::json& nodes = kube::ListField(review, {"status", "user", "extra", kNodeNameKey});
  if (nodes.size() != 1 || !nodes.front().is_string()) {
    return absl::PermissionDeniedError(
        absl::StrCat("the token does not say on which node its pod runs (", kNodeNameKey,
                     "): Kubernetes 1.30 or newer is needed, and a token that is bound to a pod"));
  }
  std::string node = nodes.front().get<std::string>();
  if (!IsNodeName(node)) {
    return absl::PermissionDeniedError(absl::StrCat("the token's node \"", node, "\" is no name of a node"));
  }
  return node;
}

}  // namespace fairlead::controller
