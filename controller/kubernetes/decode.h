// What the API server sends -> objects, strictly read. Pure. Protobuf and the API's encoding of it
// stop here, JSON too: a list's page, an event of a watch, a refusal's text.
//
// An object that a newer API server gives more fields is read without them. An object whose fields
// contradict what the API allows is refused by the readers of manifest/, with the field's name.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/manifest/manifest.h"

namespace fairlead::controller {

// A kind that is listed and watched over all namespaces.
struct ApiKind {
  const char* kind;      // "Pod"
  const char* resource;  // "pods": for people, and in RBAC
  const char* path;      // "/api/v1/pods"
  bool cluster_scoped;
  bool custom = false;  // a custom resource: comes in JSON, and there may be no such kind yet, or any more
};

inline constexpr std::array<ApiKind, 7> kApiKinds = {{
    {"Namespace", "namespaces", "/api/v1/namespaces", true},
    {"Node", "nodes", "/api/v1/nodes", true},
    {"Pod", "pods", "/api/v1/pods", false},
    {"Service", "services", "/api/v1/services", false},
    {"EndpointSlice", "endpointslices", "/apis/discovery.k8s.io/v1/endpointslices", false},
    {"NetworkPolicy", "networkpolicies", "/apis/networking.k8s.io/v1/networkpolicies", false},
    {"FairleadConfig", "fairleadconfigs", "/apis/fairlead.io/v1alpha1/fairleadconfigs", true,
     /*custom=*/true},
}};

inline constexpr char kProtobufType[] = "application/vnd.kubernetes.protobuf";

// What the API server says where it refuses something.
struct ApiRefusal {
  int code = 0;        // as of HTTP; 410: the resourceVersion is too old
  std::string reason;  // "Expired"
  std::string message;
};

struct ListPage {
  std::vector<ManifestEntry> entries;
  uint64_t resource_version = 0;
  std::string continue_token;  // empty: this was the last page
};

struct ApiEvent {
  enum class Type { kPut, kDelete, kBookmark, kError };
  Type type = Type::kBookmark;
  ManifestEntry entry;            // kPut; of kDelete just the key
  uint64_t resource_version = 0;  // all but kError
  ApiRefusal refusal;             // kError
};

absl::StatusOr<ListPage> DecodeList(const ApiKind& kind, absl::string_view body);
// `frame`: without its length, or its end of line.
absl::StatusOr<ApiEvent> DecodeEvent(const ApiKind& kind, absl::string_view frame);
// The body of a reply that is no success; in any encoding, or something else than an API server's.
ApiRefusal DecodeRefusal(int http_status, absl::string_view body);

}  // namespace fairlead::controller
