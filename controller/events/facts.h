// What people are to find in the Events of their objects, as of now: input that is refused or not served,
// what a node cannot hold, Services that nobody serves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controller/server/controller.h"

namespace fairlead::controller {

struct EventFact {
  ObjectKey object;         // of a kind that has Events; see kEventKinds
  std::string reason;       // one word: "Refused"
  std::string message;      // for people; the same as long as the fact is
  int64_t patience_ns = 0;  // it counts once it has lasted so long

  auto operator<=>(const EventFact&) const = default;
};

// Kinds whose Events are told, and their path in the API: "/api/v1", "services".
struct EventKind {
  const char* kind;
  const char* api;
  const char* api_version;
  const char* resource;
};
inline constexpr EventKind kEventKinds[] = {
    {"Node", "/api/v1", "v1", "nodes"},
    {"Pod", "/api/v1", "v1", "pods"},
    {"Service", "/api/v1", "v1", "services"},
    {"NetworkPolicy", "/apis/networking.k8s.io/v1", "networking.k8s.io/v1", "networkpolicies"},
    {"FairleadConfig", "/apis/fairlead.io/v1alpha1", "fairlead.io/v1alpha1", "fairleadconfigs"},
};
// nullptr: a kind without.
const EventKind* EventKindOf(const std::string& kind);

// A Service may be without endpoints while its pods start.
inline constexpr int64_t kEndpointPatienceNs = 30'000'000'000;

// Sorted, each once.
std::vector<EventFact> FactsOf(const Controller& controller);

}  // namespace fairlead::controller
