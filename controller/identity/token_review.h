// Whose token is it? Asked of the API server, for whoever signs certificates. Pure: the request, and what
// its answer says.
// Source: Kubernetes API, authentication.k8s.io/v1 TokenReview; KEP-4193 (the node's name in a bound token).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "kube/api_request.h"

namespace fairlead::controller {

kube::ApiRequest ReviewRequest(const std::string& token);

// The node that the token's pod runs on, if the token is that of an agent of `namespace_name`.
// UNAUTHENTICATED: the API server does not know it. PERMISSION_DENIED: it is somebody else's, or of no node.
absl::StatusOr<std::string> NodeOfReview(const nlohmann::json& review, const std::string& namespace_name);

}  // namespace fairlead::controller
