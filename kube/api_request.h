// A single request for an object at the API server, in JSON, and what its answer means. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace fairlead::kube {

// How a PATCH is meant (Kubernetes API concepts, "Patch and update").
inline constexpr char kJsonPatch[] = "application/json-patch+json";                  // RFC 6902
inline constexpr char kMergePatch[] = "application/merge-patch+json";                // RFC 7386
inline constexpr char kApplyPatch[] = "application/apply-patch+yaml";                // server-side apply
inline constexpr char kStrategicPatch[] = "application/strategic-merge-patch+json";  // lists by key

struct ApiRequest {
  std::string method = "GET";  // POST, PUT, PATCH, DELETE
  std::string path;            // "/api/v1/nodes/NAME", with its query
  nlohmann::json body = nullptr;
  std::string content_type = "application/json";  // of the body
  // For all attempts together. A request whose answer got lost is made again at the next server, so
  // that it may be done twice: a POST may then find its own object (ALREADY_EXISTS).
  int timeout_ms = 15'000;
};

// The object of a reply, or what the API server refused, as
//   INVALID_ARGUMENT 400, 422   UNAUTHENTICATED 401   PERMISSION_DENIED 403   NOT_FOUND 404
//   ALREADY_EXISTS, ABORTED (a conflict) 409          RESOURCE_EXHAUSTED 429  UNAVAILABLE 5xx
// and INTERNAL for a success that is no JSON.
absl::StatusOr<nlohmann::json> ReadReply(const ApiRequest& request, int http_status, absl::string_view body);

// Text as part of a path or a query: everything but letters, digits and "-._" is escaped.
std::string UrlEscaped(absl::string_view text);

}  // namespace fairlead::kube
